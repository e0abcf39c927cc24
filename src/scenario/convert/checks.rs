//! Checks of an answer: subjects and comparisons as written → [`AnswerCheck`]s.

use serde_json::{Map, Value};

use super::super::check::Check;
use super::super::checks::{AnswerCheck, JsonType, Order, Subject, Test, Wanted};
use super::super::document::Pointer;
use super::super::problems::{Fault, nearest};
use super::super::raw::RawStep;
use super::super::raw_check::RawCheck;
use super::super::template::Escape;
use super::super::template::Piece;
use super::super::template::parse::{Builder, Names, json_document};
use super::json_path::json_path;
use super::json_schema;
use super::pattern::pattern;
use crate::units::{Bytes, parse_duration};

/// Characters of a value in a check's text.
const SHOWN: usize = 60;

const COMPARISONS: [&str; 12] =
    ["is", "not", "in", "contains", "matches", "type", "count", "exists", "<", "<=", ">", ">="];
/// Those of them that a body has, which is a text and always there.
const OF_BODY: [&str; 5] = ["is", "not", "in", "contains", "matches"];
/// Those of them that a header has, which is a text.
const OF_HEADER: [&str; 10] =
    ["is", "not", "in", "contains", "matches", "exists", "<", "<=", ">", ">="];

/// What the checks of one step are converted with.
pub(super) struct Checks<'w, 'n, 'c> {
    pub(super) names: &'w Names<'n>,
    pub(super) check: &'w mut Check<'c>,
    pub(super) all: Vec<AnswerCheck>,
}

/// All checks of a step besides the status, as far as they can be.
pub(super) fn checks(
    raw: Option<&RawCheck>,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Vec<AnswerCheck> {
    let Some(raw) = raw else { return Vec::new() };
    if raw.status.is_none() && raw.besides_status().is_none() {
        let fault = Fault::new("a check that checks nothing");
        check.value(
            at,
            fault.help("write {\"status\": 200}, or {\"json\": {\"$.id\": {\"exists\": true}}}"),
        );
    }
    let mut checks = Checks { names, check, all: Vec::new() };
    checks.headers(raw, &at.key("headers"));
    if let Some(value) = &raw.body {
        checks.compare(&(Subject::Body, "body", &OF_BODY), value, &at.key("body"));
    }
    checks.json(raw, &at.key("json"));
    checks.schema(raw, &at.key("schema"));
    let bytes = |text: &str| text.parse().map(|Bytes(bytes)| bytes as f64).map_err(Fault::from);
    let nanos =
        |text: &str| parse_duration(text).map(|time| time.as_nanos() as f64).map_err(Fault::from);
    checks.limit(raw.size.as_deref(), (Subject::Size, "size", "<= 10kB"), at, bytes);
    let time = (Subject::ResponseTime, "response_time", "< 500ms");
    checks.limit(raw.response_time.as_deref(), time, at, nanos);
    checks.all
}

/// Those of a step. A stream is looked at while it comes: there is no whole answer to be checked.
pub(super) fn of_step(
    raw: &RawStep,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Vec<AnswerCheck> {
    let mut all = checks(raw.check.as_ref(), names, at, check);
    if raw.graphql.is_some() {
        let text = "graphql has data and no errors".to_owned();
        all.insert(0, AnswerCheck { subject: Subject::Graphql, test: Test::Exists(true), text });
    }
    let stream = match (&raw.events, &raw.websocket) {
        (Some(_), _) => "events",
        (None, Some(_)) => "websocket",
        (None, None) => return all,
    };
    if raw.graphql.is_some() {
        let fault =
            Fault::new(format!("\"graphql\" beside \"{stream}\": errors would be passed over"));
        check.key(
            &at.parent().unwrap_or_default().key("graphql"),
            fault.help("send the document as \"json\", and say in the stream what must come"),
        );
    }
    if let Some(key) = raw.check.as_ref().and_then(RawCheck::besides_status) {
        let fault = Fault::new(format!("beside \"{stream}\" only a status can be checked"));
        let help = format!("say in \"{stream}\" what must come");
        check.key(&at.key(key), fault.help(help));
    }
    Vec::new()
}

/// What must hold for a text that is not part of an answer, as far as it can be converted.
pub(super) fn tests(
    called: &str,
    value: &Value,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Vec<Test> {
    let mut checks = Checks { names, check, all: Vec::new() };
    checks.compare(&(Subject::Body, called, &OF_HEADER), value, at);
    checks.all.into_iter().map(|check| check.test).collect()
}

/// What is compared, how it is called in reports, and the comparisons that it has.
type Compared<'t> = (Subject, &'t str, &'t [&'static str]);

impl Checks<'_, '_, '_> {
    fn headers(&mut self, raw: &RawCheck, at: &Pointer) {
        for (name, value) in &raw.headers.0 {
            let at = at.key(name);
            let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(is_token) {
                let fault = Fault::new(format!("\"{name}\" is not the name of a header"));
                self.check.key(&at, fault.help("write it like \"content-type\""));
                continue;
            }
            let lower = name.to_ascii_lowercase();
            let called = format!("header {lower}");
            self.compare(&(Subject::Header(lower), &called, &OF_HEADER), value, &at);
        }
    }

    fn json(&mut self, raw: &RawCheck, at: &Pointer) {
        for (path, value) in &raw.json.0 {
            let at = at.key(path);
            match json_path(&self.check.fill(path)) {
                Ok(found) => {
                    let called = format!("json {path}");
                    self.compare(&(Subject::Json(found), &called, &COMPARISONS), value, &at);
                }
                Err(fault) => self.check.key(&at, fault),
            }
        }
    }

    fn schema(&mut self, raw: &RawCheck, at: &Pointer) {
        let Some(value) = &raw.schema else { return };
        let Some(schema) = json_schema::schema(value, self.names, at, self.check) else { return };
        let text = match value {
            Value::String(file) => format!("schema {file}"),
            _ => "schema".to_owned(),
        };
        let (subject, test) = (Subject::Schema(schema), Test::Exists(true));
        self.all.push(AnswerCheck { subject, test, text });
    }

    /// A value, or an object of comparisons, which all hold.
    fn compare(&mut self, compared: &Compared<'_>, value: &Value, at: &Pointer) {
        let Value::Object(comparisons) = value else {
            return self.one(compared, ("is", value), at, at);
        };
        if self.are_known(compared, comparisons, at) {
            for (key, value) in comparisons {
                self.one(compared, (key, value), at, &at.key(key));
            }
        }
    }

    fn are_known(
        &mut self,
        (_, called, known): &Compared<'_>,
        comparisons: &Map<String, Value>,
        at: &Pointer,
    ) -> bool {
        let list = known.join(", ");
        if comparisons.is_empty() {
            let fault = Fault::new("an object without a comparison checks nothing");
            self.check.value(at, fault.help(format!("there are: {list}")));
            return false;
        }
        let mut are_known = true;
        for key in comparisons.keys().filter(|key| !known.contains(&key.as_str())) {
            are_known = false;
            let fault = Fault::new(format!("\"{key}\" is no comparison of {called}"));
            let is_near = nearest(key, known).is_some();
            let fault = if is_near {
                fault.nearest(key, known.iter().copied())
            } else {
                fault.help(format!(
                    "there are: {list}; to compare with an object, write {{\"is\": {{…}}}}"
                ))
            };
            self.check.key(&at.key(key), fault);
        }
        are_known
    }

    /// One comparison, whose value stands at a place of its own.
    fn one(
        &mut self,
        (subject, called, _): &Compared<'_>,
        (key, value): (&str, &Value),
        whole: &Pointer,
        at: &Pointer,
    ) {
        let Some(test) = self.test(key, value, at) else { return };
        if matches!(subject, Subject::Json(_))
            || !matches!(value, Value::Object(_) | Value::Array(_))
            || key == "in"
        {
            let text = format!("{called} {key} {}", shown(value));
            self.all.push(AnswerCheck { subject: subject.clone(), test, text });
            return;
        }
        let fault = Fault::new(format!("{called} is a text, and is never this"));
        self.check.value(whole, fault.help("write a text"));
    }

    fn test(&mut self, key: &str, value: &Value, at: &Pointer) -> Option<Test> {
        let is_empty = value.as_str().is_some_and(str::is_empty);
        match key {
            "contains" | "matches" if is_empty => {
                let fault = Fault::new("an empty text is in every text, so this always holds");
                self.check.value(at, fault.help("write what must be in it"));
                None
            }
            "is" => self.wanted(value, at).map(Test::Is),
            "not" => self.wanted(value, at).map(Test::IsNot),
            "contains" => self.wanted(value, at).map(Test::Contains),
            "in" => self.one_of(value, at),
            other => {
                let test = self.fixed(other, value);
                self.check.accept(at, test)
            }
        }
    }

    /// A comparison in which nothing is filled in but what the environment has.
    fn fixed(&self, key: &str, value: &Value) -> Result<Test, Fault> {
        match (key, value) {
            ("matches", Value::String(text)) => pattern(&self.check.fill(text)).map(Test::Matches),
            ("matches", _) => Err(Fault::new("a regular expression is a text")
                .help("write it like {\"matches\": \"^[a-f0-9]+$\"}")),
            ("type", value) => json_type(value),
            ("exists", Value::Bool(exists)) => Ok(Test::Exists(*exists)),
            ("exists", _) => Err(Fault::new("it exists or does not").help("write true or false")),
            ("count", value) => count(value),
            (sign, Value::Number(limit)) => {
                let order = Order::ALL.into_iter().find(|order| order.sign() == sign);
                let limit = limit.as_f64().unwrap_or(f64::MAX);
                Ok(Test::Number(order.unwrap_or(Order::Equal), limit))
            }
            (sign, _) => Err(Fault::new(format!("\"{sign}\" compares with a number"))
                .help(format!("write it like {{\"{sign}\": 10}}"))),
        }
    }

    fn one_of(&mut self, value: &Value, at: &Pointer) -> Option<Test> {
        let Some(all) = value.as_array().filter(|all| !all.is_empty()) else {
            let fault = Fault::new("\"in\" is a list of values, of which it must be one");
            self.check.value(at, fault.help("write it like {\"in\": [\"open\", \"sent\"]}"));
            return None;
        };
        let wanted =
            all.iter().enumerate().map(|(index, value)| self.wanted(value, &at.item(index)));
        wanted.collect::<Vec<_>>().into_iter().collect::<Option<_>>().map(Test::IsOneOf)
    }

    /// A JSON document with its placeholders; those that are new each time are mistakes.
    fn wanted(&mut self, value: &Value, at: &Pointer) -> Option<Wanted> {
        let mut builder = Builder::new(Escape::Json, self.names);
        json_document(value, at, &mut builder, self.check);
        let template = builder.finish().ok()?;
        if let Some(name) = template.pieces.iter().find_map(changing) {
            let fault = Fault::new(format!("{{{{{name}}}}} is new each time it is written"));
            self.check
                .value(at, fault.help("compare with what a step has extracted, or a constant"));
            return None;
        }
        match template.as_literal().and_then(|text| serde_json::from_str(text).ok()) {
            Some(fixed) => Some(Wanted::Fixed(fixed)),
            None => Some(Wanted::Filled(template)),
        }
    }

    /// A text such as `<= 10kB`.
    fn limit(
        &mut self,
        text: Option<&str>,
        (subject, key, example): (Subject, &str, &str),
        at: &Pointer,
        read: impl Fn(&str) -> Result<f64, Fault>,
    ) {
        let Some(text) = text else { return };
        let filled = self.check.fill(text);
        let limit = order(&filled)
            .ok_or_else(|| {
                let fault = Fault::new(format!("\"{text}\" does not say how to compare"));
                fault.help(format!("write it like \"{example}\""))
            })
            .and_then(|(order, limit)| Ok((order, read(limit)?)));
        if let Some((order, limit)) = self.check.accept(&at.key(key), limit) {
            let text = format!("{key} {text}");
            self.all.push(AnswerCheck { subject, test: Test::Number(order, limit), text });
        }
    }
}

fn order(text: &str) -> Option<(Order, &str)> {
    let text = text.trim();
    Order::ALL
        .into_iter()
        .find_map(|order| Some((order, text.strip_prefix(order.sign())?.trim_start())))
}

/// What is another text each time, and stands for nothing that an answer could have.
fn changing(piece: &Piece) -> Option<&'static str> {
    match piece {
        Piece::Uuid => Some("uuid"),
        Piece::UnixMillis | Piece::Moment(_) => Some("now"),
        Piece::Random(..) | Piece::Letters(..) | Piece::Name(_) => Some("random"),
        Piece::Choice(_) => Some("choose"),
        Piece::JsonValue(inner) => changing(inner),
        Piece::Encoded(_, inner) => inner.pieces.iter().find_map(changing),
        Piece::Counter(_)
        | Piece::Literal(_)
        | Piece::Variable(_)
        | Piece::Cell(_)
        | Piece::User
        | Piece::Iteration => None,
    }
}

fn json_type(value: &Value) -> Result<Test, Fault> {
    let name = value.as_str().unwrap_or_default();
    let names = JsonType::ALL.map(|(name, _)| name);
    let known = JsonType::ALL.into_iter().find(|(known, _)| *known == name);
    known.map(|(_, kind)| Test::Type(kind)).ok_or_else(|| {
        let fault = Fault::new(format!("{value} is no type of JSON values"));
        let is_near = nearest(name, &names).is_some();
        let all = format!("there are: {}", names.join(", "));
        if is_near { fault.nearest(name, names.into_iter()) } else { fault.help(all) }
    })
}

/// `3`, or `">= 1"`.
fn count(value: &Value) -> Result<Test, Fault> {
    let fault = || {
        let fault = Fault::new(format!("{value} is no count"));
        fault.help("write it like {\"count\": 3} or {\"count\": \">= 1\"}")
    };
    let whole = |number: u64| number as f64;
    match value {
        Value::Number(number) => {
            let number = number.as_u64().ok_or_else(fault)?;
            Ok(Test::Count(Order::Equal, whole(number)))
        }
        Value::String(text) => {
            let (order, number) = order(text).ok_or_else(fault)?;
            let number = number.parse().map_err(|_| fault())?;
            Ok(Test::Count(order, whole(number)))
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(fault()),
    }
}

/// A value as the file has it, not longer than reports have room for.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
