//! Whether a file has the right form: known keys, nothing missing, right types.
//!
//! Checks a value against the generated schema, which is the form of the `Raw*`
//! types, and so needs to know no section of the file. What is wrong is reported and
//! replaced by something of the right form, so that the rest of the file can still
//! be checked for content.

use std::collections::HashSet;

use serde_json::{Map, Number, Value, json};

use super::check::Check;
use super::document::Pointer;
use super::problems::{Fault, nearest};
use crate::units::{meant, parse_duration};

/// Reports everything that is not as the schema says, and mends the value.
pub(crate) fn check(value: &mut Value, schema: &Value, at: &Pointer, check: &mut Check<'_>) {
    let schema = alternative(value, schema);
    if let Some(names) = constants(schema) {
        return one_of(value, &names, at, check);
    }
    if schema["type"].is_null() && schema["anyOf"].is_null() {
        return;
    }
    let is_number = schema["type"] == "number" && value.is_number();
    if schema["type"] != kind_of(value) && !is_number {
        check.malformed(at, wrong_kind(value, schema, at));
        *value = placeholder(schema);
        return;
    }
    match value {
        Value::Object(members) => object(members, schema, at, check),
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                self::check(item, &schema["items"], &at.item(index), check);
            }
        }
        Value::Number(number) => {
            if let Err(fault) = within(number, schema, at) {
                check.malformed(at, fault);
                *value = placeholder(schema);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Of several permitted forms the one that fits the value.
fn alternative<'s>(value: &Value, schema: &'s Value) -> &'s Value {
    let mut options = schema["anyOf"].as_array().into_iter().flatten();
    options.find(|option| option["type"] == kind_of(value)).unwrap_or(schema)
}

/// The permitted values of a choice.
fn constants(schema: &Value) -> Option<Vec<&str>> {
    if let Some(names) = schema["enum"].as_array() {
        return names.iter().map(Value::as_str).collect();
    }
    schema["oneOf"].as_array()?.iter().map(|option| option["const"].as_str()).collect()
}

fn one_of(value: &mut Value, names: &[&str], at: &Pointer, check: &mut Check<'_>) {
    let found = value.as_str().map(str::to_owned);
    if found.as_deref().is_some_and(|found| names.contains(&found)) {
        return;
    }
    let shown = shown(value);
    let fault = Fault::new(format!("{} has no choice {shown}", name_of(at)));
    check.malformed(at, fault.nearest(&found.unwrap_or_default(), names.iter().copied()));
    *value = names[0].into();
}

fn object(members: &mut Map<String, Value>, schema: &Value, at: &Pointer, check: &mut Check<'_>) {
    let empty = Map::new();
    let known = schema["properties"].as_object().unwrap_or(&empty);
    let (mut unknown, mut mistyped) = (HashSet::new(), HashSet::new());
    for (name, member) in members.iter_mut() {
        let position = at.key(name);
        match (known.get(name), &schema["additionalProperties"]) {
            (Some(schema), _) | (None, schema @ Value::Object(_)) => {
                self::check(member, schema, &position, check);
            }
            (None, Value::Bool(false)) => {
                let meant = meant(name, known, schema);
                check.key(&position, unknown_key(name, meant, known, schema));
                unknown.insert(name.clone());
                mistyped.extend(meant.map(str::to_owned));
            }
            (None, _) => {}
        }
    }
    members.retain(|name, _| !unknown.contains(name));
    for name in mistyped.iter().filter(|name| !members.contains_key(*name)) {
        // Whoever looks for it has been told.
        check.mended(&at.key(name));
    }
    missing(members, schema, at, &mistyped, check);
}

/// Adds what is missing; a key that stands there mistyped is not reported again.
fn missing(
    members: &mut Map<String, Value>,
    schema: &Value,
    at: &Pointer,
    mistyped: &HashSet<String>,
    check: &mut Check<'_>,
) {
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if members.contains_key(name) {
            continue;
        }
        let of_key = &schema["properties"][name];
        if !mistyped.contains(name) {
            let fault = Fault::new(format!("\"{name}\" is missing in {}", title(schema)));
            check.value(&at.key(name), fault.help(format!("add {}", sample(name, of_key))));
        }
        check.mended(&at.key(name));
        members.insert(name.to_owned(), placeholder(of_key));
    }
}

/// Words that other tools use for keys of ours: where, ours, theirs.
const OTHER_WORDS: [(&str, &str, &str); 17] = [
    ("a stage", "for", "duration length time during"),
    ("a stage", "rate", "target arrivalRate rampTo rps qps users constantUsersPerSec"),
    ("a step", "request", "path url uri method get post put patch delete"),
    ("a step", "think", "pause sleep wait delay"),
    ("a step", "extract", "capture save"),
    ("a step", "check", "expect expectations assert assertions match status"),
    ("a step", "json", "payload data"),
    ("a step", "once", "setup"),
    ("a flow", "steps", "requests flow"),
    ("the scenario", "flows", "scenarios"),
    ("the scenario", "load", "phases stages options executor vus duration rate"),
    ("the scenario", "slo", "thresholds ensure assertions objectives"),
    ("the target", "url", "baseUrl baseURL base_url host address"),
    ("the target", "command", "cmd start exec run"),
    ("the target", "cwd", "dir workdir working_directory folder"),
    ("the target", "ready", "readiness health healthcheck wait_for"),
    ("the load", "stages", "phases duration rate for"),
];
/// The same for objectives.
const OTHER_OBJECTIVES: [&str; 5] =
    ["http_req_duration", "http_req_failed", "checks", "thresholds", "objectives"];

/// The key that was probably meant.
fn meant<'k>(name: &str, known: &'k Map<String, Value>, schema: &Value) -> Option<&'k str> {
    let title = title(schema);
    let is_theirs = |(position, _, words): &&(&str, &str, &str)| {
        *position == title && words.split(' ').any(|word| word == name)
    };
    let other = OTHER_WORDS.iter().find(is_theirs).map(|(_, ours, _)| *ours);
    let other = other.or((title == "the slo" && OTHER_OBJECTIVES.contains(&name)).then_some("all"));
    match other {
        Some(ours) => known.keys().map(String::as_str).find(|key| *key == ours),
        None => nearest(name, &known.keys().map(String::as_str).collect::<Vec<_>>()),
    }
}

fn unknown_key(
    name: &str,
    meant: Option<&str>,
    known: &Map<String, Value>,
    schema: &Value,
) -> Fault {
    let fault = Fault::new(format!("unknown key \"{name}\" in {}", title(schema)));
    match meant {
        Some(ours) if known[ours]["examples"].is_array() => {
            fault.help(format!("did you mean \"{ours}\"? as in {}", sample(ours, &known[ours])))
        }
        Some(ours) => fault.help(format!("did you mean \"{ours}\"?")),
        None => fault.nearest(name, known.keys().map(String::as_str)),
    }
}

fn wrong_kind(value: &Value, schema: &Value, at: &Pointer) -> Fault {
    let fault =
        Fault::new(format!("{} must be {}, found {}", name_of(at), phrase(schema), shown(value)));
    match (schema["type"].as_str(), value) {
        (_, Value::Null) => fault.help("leave the key out instead of writing null"),
        (Some("string"), Value::Number(number)) => fault.help(quantity(number, schema)),
        (Some("array"), Value::String(text)) if name_of(at) == "\"command\"" => {
            fault.help(format!("write {}", command(text)))
        }
        (Some("array"), Value::String(text)) => fault.help(format!("write [\"{text}\"]")),
        (Some("integer"), Value::String(text)) if text.parse::<u64>().is_ok() => {
            fault.help(format!("write {text} without quotes"))
        }
        (Some("boolean"), Value::String(text)) if matches!(text.as_str(), "true" | "false") => {
            fault.help(format!("write {text} without quotes"))
        }
        (Some("boolean"), Value::String(text)) => match flag(text) {
            Some(flag) => fault.help(format!("write {flag}")),
            None => fault,
        },
        _ => fault,
    }
}

/// What readers of YAML 1.1 take such a word for.
fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" => Some(true),
        "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

/// The words of a command line as a list; one that only a shell understands goes to a shell.
pub(crate) fn command(text: &str) -> String {
    if text.contains(['|', '&', ';', '<', '>', '$', '`', '\'', '"', '\\', '*', '(']) {
        return json!(["sh", "-c", text]).to_string().replace("\",\"", "\", \"");
    }
    let words: Vec<String> = text.split_whitespace().map(|word| format!("\"{word}\"")).collect();
    format!("[{}]", words.join(", "))
}

/// A number where a text with a unit is wanted: the same number with the unit of the
/// first example. A length of time may have been meant in milliseconds.
fn quantity(number: &Number, schema: &Value) -> String {
    let example = schema["examples"][0].as_str().unwrap_or_default();
    let is_time = parse_duration(example).is_ok();
    let time = number.as_f64().filter(|_| is_time).and_then(meant::bare_duration);
    if let Some(help) = time {
        return help;
    }
    let unit = example.trim_start_matches(|c: char| c.is_ascii_digit());
    if unit.len() < example.len() {
        return format!("write \"{number}{unit}\"");
    }
    format!("write \"{number}\" in quotes")
}

fn within(number: &Number, schema: &Value, at: &Pointer) -> Result<(), Fault> {
    if schema["type"] == "number" {
        return within_range(number, schema, at);
    }
    let (low, high) = (schema["minimum"].as_i64().unwrap_or(0), schema["maximum"].as_u64());
    let value = number.as_u64().filter(|value| i64::try_from(*value).map_or(true, |v| v >= low));
    if value.is_some_and(|value| high.is_none_or(|high| value <= high)) {
        return Ok(());
    }
    let range = match high {
        Some(high) => format!("between {low} and {high}"),
        None => format!("of at least {low}"),
    };
    Err(Fault::new(format!("{} must be a whole number {range}, found {number}", name_of(at))))
}

/// A number that need not be whole.
fn within_range(number: &Number, schema: &Value, at: &Pointer) -> Result<(), Fault> {
    let value = number.as_f64().unwrap_or(f64::NAN);
    let low = schema["minimum"].as_f64().unwrap_or(f64::MIN);
    let high = schema["maximum"].as_f64().unwrap_or(f64::MAX);
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Fault::new(format!("{} must be between {low} and {high}, found {number}", name_of(at))))
}

/// Something of the right form, so that the file can be read on.
fn placeholder(schema: &Value) -> Value {
    if let Some(names) = constants(schema) {
        return names.first().copied().unwrap_or_default().into();
    }
    let schema = schema["anyOf"].get(0).unwrap_or(schema);
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten();
            let names = required.filter_map(Value::as_str);
            names
                .map(|name| (name.to_owned(), placeholder(&schema["properties"][name])))
                .collect::<Map<_, _>>()
                .into()
        }
        Some("array") => json!([]),
        Some("integer" | "number") => schema["minimum"].as_u64().unwrap_or(0).into(),
        Some("boolean") => false.into(),
        Some("string") => "".into(),
        _ => Value::Null,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn phrase(schema: &Value) -> String {
    if let Some(options) = schema["anyOf"].as_array() {
        return options.iter().map(phrase).collect::<Vec<_>>().join(" or ");
    }
    let kind = match schema["type"].as_str().unwrap_or_default() {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a text",
        "array" => "a list",
        "object" => "an object",
        _ => "something else",
    };
    match &schema["examples"][0] {
        Value::Null | Value::Bool(_) => kind.to_owned(),
        example => format!("{kind} such as {example}"),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text \"{text}\""),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// A key with a value that would be right.
fn sample(name: &str, schema: &Value) -> String {
    match (&schema["examples"][0], schema["type"].as_str()) {
        (Value::Null, Some("array")) => format!("\"{name}\": […]"),
        (Value::Null, Some("object")) => format!("\"{name}\": {{…}}"),
        (Value::Null, _) => format!("\"{name}\": …"),
        (example, _) => format!("\"{name}\": {example}"),
    }
}

fn title(schema: &Value) -> &str {
    schema["title"].as_str().unwrap_or("this object")
}

/// The last key of a path, quoted; list elements go by the list's name.
fn name_of(at: &Pointer) -> String {
    let keys = at.as_str().rsplit('/').filter(|key| !key.is_empty());
    let name = keys.clone().find(|key| !key.bytes().all(|byte| byte.is_ascii_digit()));
    let is_item = keys.clone().next() != name;
    match name {
        Some(name) if is_item => format!("an element of \"{name}\""),
        Some(name) => format!("\"{}\"", name.replace("~1", "/").replace("~0", "~")),
        None => "the file".to_owned(),
    }
}
