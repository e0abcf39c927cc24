//! One extraction: as written → where a value stands, which of several, and its default.

use serde_json::Value as Json;

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::extraction::{From, Take};
use super::super::problems::Fault;
use super::super::raw_extract::RawExtraction;
use super::super::template::Value;
use super::json_path::json_path;
use super::pattern::pattern;

/// What an extraction is but for the variable that gets it.
pub(super) struct Found {
    pub(super) from: From,
    pub(super) take: Take,
    pub(super) default: Option<Value>,
}

/// A `JSONPath`, or an object; `stream` is the key beside which there is no head to be read.
pub(super) fn extraction(
    raw: &Json,
    stream: Option<&str>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Found> {
    let raw = match raw {
        Json::String(path) => {
            let path = json_path(&check.fill(path));
            let from = From::Json(check.accept(at, path)?);
            return Some(Found { from, take: Take::Nth(0), default: None });
        }
        // It has the right form by now.
        other => serde_json::from_value::<RawExtraction>(other.clone()).unwrap_or_default(),
    };
    let (key, text) = place(&raw, at, check)?;
    if let (Some(stream), "header" | "cookie") = (stream, key) {
        let fault = Fault::new(format!("beside \"{stream}\" no {key} can be kept"));
        check.key(&at.key(key), fault.help("keep something of the last event by \"json\""));
    }
    let from = from(key, &check.fill(text));
    let from = check.accept(&at.key(key), from);
    Some(Found { from: from?, take: take(raw.take.as_ref()), default: default(&raw, check) })
}

/// The one key that says where.
fn place<'r>(
    raw: &'r RawExtraction,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<(&'static str, &'r str)> {
    let all = [
        ("json", &raw.json),
        ("header", &raw.header),
        ("cookie", &raw.cookie),
        ("regex", &raw.regex),
    ];
    let given: Vec<(&'static str, &str)> =
        all.into_iter().filter_map(|(key, text)| Some((key, text.as_deref()?))).collect();
    match given[..] {
        [one] => Some(one),
        [] => {
            let fault = Fault::new("an extraction that does not say from where");
            let help = "add one of \"json\", \"header\", \"cookie\" and \"regex\"";
            check.value(at, fault.help(help));
            None
        }
        [(first, _), (second, _), ..] => {
            let fault = Fault::new(format!("a value is either in \"{first}\" or in \"{second}\""));
            check.key(&at.key(second), fault.help("keep one of them; make two extractions of it"));
            None
        }
    }
}

fn from(key: &str, text: &str) -> Result<From, Fault> {
    match key {
        "json" => json_path(text).map(From::Json),
        "regex" => pattern(text).map(From::Pattern),
        _ => {
            let is_name = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if text.is_empty() || !text.chars().all(is_name) {
                return Err(Fault::new(format!("\"{text}\" is not the name of a {key}")));
            }
            Ok(match key {
                "header" => From::Header(text.to_ascii_lowercase()),
                _ => From::Cookie(text.to_owned()),
            })
        }
    }
}

fn take(raw: Option<&Json>) -> Take {
    match raw {
        Some(Json::String(word)) if word == "last" => Take::Last,
        Some(Json::String(word)) if word == "random" => Take::Random,
        Some(Json::Number(number)) => {
            let number = number.as_u64().unwrap_or(1).clamp(1, u64::from(u32::MAX));
            Take::Nth(number as u32 - 1)
        }
        _ => Take::Nth(0),
    }
}

fn default(raw: &RawExtraction, check: &Check<'_>) -> Option<Value> {
    Some(match raw.default.as_ref()? {
        Json::String(text) => Value::Text(check.fill(text)),
        other => Value::Json(other.to_string()),
    })
}
