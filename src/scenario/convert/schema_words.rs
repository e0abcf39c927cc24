//! The keywords of JSON Schema: which there are, what is wrong with one, and what those mean that
//! have no schemas in them.

use serde_json::{Map, Value};

use super::super::comparison::{JsonType, Order};
use super::super::json_schema::Rule;
use super::super::json_schema::format::Format;
use super::super::problems::{Fault, nearest};
use super::pattern;

/// What says nothing of whether a document is right.
const NOTES: [&str; 10] = [
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$comment",
    "$schema",
];
/// What says something.
const KEYWORDS: [&str; 41] = [
    "$id",
    "$ref",
    "$defs",
    "definitions",
    "type",
    "enum",
    "const",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minItems",
    "maxItems",
    "uniqueItems",
    "prefixItems",
    "items",
    "additionalItems",
    "contains",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
    "required",
    "dependentRequired",
    "dependentSchemas",
    "propertyNames",
    "properties",
    "patternProperties",
    "additionalProperties",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
];
/// What others know and nothing would come of here, and what to write instead.
const REFUSED: [(&str, &str); 10] = [
    ("nullable", "write \"type\": [\"string\", \"null\"]"),
    ("unevaluatedProperties", "write \"additionalProperties\" beside all of the \"properties\""),
    ("unevaluatedItems", "write \"items\" beside \"prefixItems\""),
    ("$dynamicRef", "write \"$ref\""),
    ("$recursiveRef", "write \"$ref\""),
    ("$anchor", "refer to it by its path: \"#/$defs/name\""),
    ("dependencies", "write \"dependentRequired\" or \"dependentSchemas\""),
    ("discriminator", "write \"oneOf\" with a \"const\" in each"),
    ("contentEncoding", "write \"pattern\""),
    ("contentMediaType", "write \"pattern\""),
];
/// What has a meaning beside another one only.
const BESIDE: [(&str, &str); 5] = [
    ("then", "if"),
    ("else", "if"),
    ("minContains", "contains"),
    ("maxContains", "contains"),
    ("additionalItems", "items"),
];
/// The drafts that are read.
const DRAFTS: [&str; 4] = ["2020-12", "2019-09", "draft-07", "draft-06"];

/// What a keyword means.
pub(super) enum Words {
    /// Nothing, or something together with others.
    None,
    /// This.
    Rule(Rule),
    /// It has schemas in it.
    Parts,
    /// Nothing that can be.
    Wrong(Fault),
}

/// What is wrong with the keywords of one part.
pub(super) fn faults(
    words: &Map<String, Value>,
    is_root: bool,
    is_old: bool,
) -> Vec<(String, Fault)> {
    let mut all = Vec::new();
    for word in words.keys() {
        all.extend(unknown(word).map(|fault| (word.clone(), fault)));
    }
    for (word, other) in BESIDE {
        if words.contains_key(word) && !words.contains_key(other) {
            let fault = Fault::new(format!("\"{word}\" means nothing without \"{other}\""));
            all.push((word.to_owned(), fault));
        }
    }
    if words.contains_key("if") && !words.contains_key("then") && !words.contains_key("else") {
        let fault = Fault::new("\"if\" means nothing without \"then\" or \"else\"");
        all.push(("if".to_owned(), fault));
    }
    let is_tuple = words.get("items").is_some_and(Value::is_array);
    if words.contains_key("additionalItems") && words.contains_key("items") && !is_tuple {
        let fault = Fault::new("\"additionalItems\" means nothing beside one schema for all items");
        all.push(("additionalItems".to_owned(), fault));
    }
    if is_tuple && words.contains_key("prefixItems") {
        let fault = Fault::new("a list of \"items\" beside \"prefixItems\"");
        all.push(("items".to_owned(), fault.help("keep one of them")));
    }
    if words.contains_key("$id") && !is_root {
        let fault = Fault::new("an \"$id\" within a schema would change what references mean");
        all.push(("$id".to_owned(), fault.help("remove it")));
    }
    let others = words.keys().filter(|word| {
        !NOTES.contains(&word.as_str())
            && !["$ref", "$defs", "definitions", "$id"].contains(&word.as_str())
    });
    if is_old && words.contains_key("$ref") && others.count() > 0 {
        let fault = Fault::new("in this draft nothing has a meaning beside \"$ref\"");
        let help = "put it into \"allOf\", or name the draft 2020-12 in \"$schema\"";
        all.push(("$ref".to_owned(), fault.help(help)));
    }
    all
}

fn unknown(word: &str) -> Option<Fault> {
    if let Some((_, help)) = REFUSED.into_iter().find(|(refused, _)| *refused == word) {
        let fault = Fault::new(format!("the keyword \"{word}\" is not judged here"));
        return Some(fault.help(help));
    }
    if NOTES.contains(&word) || KEYWORDS.contains(&word) {
        return None;
    }
    let fault = Fault::new(format!("\"{word}\" is no keyword of JSON Schema"));
    Some(match nearest(word, &KEYWORDS) {
        Some(near) => fault.help(format!("did you mean \"{near}\"?")),
        None => fault.help("nothing would come of it; a remark is \"$comment\""),
    })
}

/// What a keyword with its value means.
pub(super) fn of(word: &str, value: &Value) -> Words {
    let rule = match word {
        "$schema" => match value.as_str() {
            Some(draft) if DRAFTS.iter().any(|known| draft.contains(known)) => return Words::None,
            _ => Err(format!("{value} is no draft that is read here: {}", DRAFTS.join(", "))),
        },
        "allOf" | "anyOf" | "oneOf" | "not" | "propertyNames" | "dependentSchemas" | "$ref"
        | "$defs" | "definitions" => return Words::Parts,
        "type" => types(value),
        "enum" => match value.as_array() {
            Some(all) if !all.is_empty() => Ok(Rule::OneOf(all.clone())),
            _ => Err("this is a list of values, at least one".to_owned()),
        },
        "const" => Ok(Rule::OneOf(vec![value.clone()])),
        // They are part of `contains`.
        "minContains" | "maxContains" => match value.as_u64() {
            Some(_) => return Words::None,
            None => Err(format!("{value} is no whole number from 0 on")),
        },
        "uniqueItems" => match value {
            Value::Bool(true) => Ok(Rule::Unique),
            Value::Bool(false) => return Words::None,
            other => Err(format!("{other} is neither true nor false")),
        },
        "pattern" => match value.as_str().map(pattern::of_text) {
            Some(Ok(regex)) => Ok(Rule::Pattern(regex)),
            Some(Err(fault)) => return Words::Wrong(fault),
            None => Err("a pattern is a text".to_owned()),
        },
        "format" => return format(value),
        "required" => strings(value).map(Rule::Required),
        "dependentRequired" => dependent(value),
        word => match limit(word, value) {
            Some(rule) => rule,
            None => return Words::None,
        },
    };
    match rule {
        Ok(rule) => Words::Rule(rule),
        Err(told) => Words::Wrong(Fault::new(told)),
    }
}

/// The keywords with a number, or with a count.
fn limit(word: &str, value: &Value) -> Option<Result<Rule, String>> {
    Some(match word {
        "minimum" => number(value, |limit| Rule::Number(Order::AtLeast, limit)),
        "maximum" => number(value, |limit| Rule::Number(Order::AtMost, limit)),
        "exclusiveMinimum" => number(value, |limit| Rule::Number(Order::Above, limit)),
        "exclusiveMaximum" => number(value, |limit| Rule::Number(Order::Below, limit)),
        "multipleOf" => match value.as_f64() {
            Some(of) if of > 0.0 => Ok(Rule::MultipleOf(of)),
            _ => Err(format!("{value} is no number above 0")),
        },
        "minLength" => count(value, |it| Rule::Letters(Order::AtLeast, it)),
        "maxLength" => count(value, |it| Rule::Letters(Order::AtMost, it)),
        "minItems" => count(value, |it| Rule::Count(Order::AtLeast, it)),
        "maxItems" => count(value, |it| Rule::Count(Order::AtMost, it)),
        "minProperties" => count(value, |it| Rule::Members(Order::AtLeast, it)),
        "maxProperties" => count(value, |it| Rule::Members(Order::AtMost, it)),
        _ => return None,
    })
}

fn types(value: &Value) -> Result<Rule, String> {
    let one = |value: &Value| {
        let name = value.as_str().unwrap_or_default();
        let known = JsonType::ALL.into_iter().find(|(known, _)| *known == name);
        known.map(|(_, kind)| kind).ok_or_else(|| {
            let names = JsonType::ALL.map(|(name, _)| name).join(", ");
            format!("{value} is no type of JSON values; there are: {names}")
        })
    };
    match value {
        Value::Array(all) if !all.is_empty() => {
            all.iter().map(one).collect::<Result<_, _>>().map(Rule::Type)
        }
        value => Ok(Rule::Type(vec![one(value)?])),
    }
}

fn number(value: &Value, rule: impl FnOnce(f64) -> Rule) -> Result<Rule, String> {
    value.as_f64().map(rule).ok_or_else(|| format!("{value} is no number"))
}

fn count(value: &Value, rule: impl FnOnce(u64) -> Rule) -> Result<Rule, String> {
    value.as_u64().map(rule).ok_or_else(|| format!("{value} is no whole number from 0 on"))
}

fn strings(value: &Value) -> Result<Vec<String>, String> {
    let all = value.as_array().into_iter().flatten();
    let texts: Option<Vec<String>> = all.map(|it| it.as_str().map(str::to_owned)).collect();
    texts.filter(|_| value.is_array()).ok_or_else(|| format!("{value} is no list of names"))
}

fn dependent(value: &Value) -> Result<Rule, String> {
    let members = value.as_object().ok_or_else(|| format!("{value} is no object"))?;
    let each = members.iter().map(|(name, names)| Ok((name.clone(), strings(names)?)));
    each.collect::<Result<_, String>>().map(Rule::Dependent)
}

fn format(value: &Value) -> Words {
    let names = Format::ALL.map(|(name, _)| name);
    let name = value.as_str().unwrap_or_default();
    if let Some((_, format)) = Format::ALL.into_iter().find(|(known, _)| *known == name) {
        return Words::Rule(Rule::Format(format));
    }
    let fault = Fault::new(format!("the format {value} is not judged here"));
    Words::Wrong(fault.help(format!("there are: {}; or write a \"pattern\"", names.join(", "))))
}
