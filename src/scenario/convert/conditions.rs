//! Conditions for messages of a stream, and the times in which they must come.

use std::time::Duration;

use serde_json::Value;

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::entries::Entries;
use super::super::problems::Fault;
use super::super::stream::Condition;
use super::super::template::parse::{Builder, Names, json_document};
use super::super::template::{Escape, Template};
use super::json_path::json_path;
use super::lengths::positive;
use super::settle::settle;
use crate::units::format_duration;

/// The key of a text, the text if it is given, and what it is a condition of.
pub(super) type Of<'t> = (&'static str, Option<&'t str>, fn(Template) -> Condition);

/// All conditions of an object: texts by their keys, and JSON values by their paths.
pub(super) fn conditions(
    texts: &[Of<'_>],
    json: &Entries<Value>,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Vec<Condition>> {
    let mut all = Vec::new();
    for (key, text, of) in texts {
        let Some(text) = text else { continue };
        all.push(text_of(text, names, &at.key(key), check).map(of));
    }
    let at_json = at.key("json");
    for (path, value) in &json.0 {
        let at = at_json.key(path);
        let path = json_path(&check.fill(path)).map_err(|fault| check.key(&at, fault)).ok();
        let value = json_of(value, names, &at, check);
        all.push(path.zip(value).map(|(path, value)| Condition::Json(path, value)));
    }
    all.into_iter().collect()
}

/// A JSON document with its placeholders.
pub(super) fn json_of(
    value: &Value,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Template> {
    let mut builder = Builder::new(Escape::Json, names);
    json_document(value, at, &mut builder, check);
    builder.finish().ok()
}

/// A text that is compared with; one that is empty would be a slip.
pub(super) fn text_of(
    text: &str,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Template> {
    if text.is_empty() {
        check.value(at, Fault::new("an empty text is compared with nothing"));
        return None;
    }
    settle(Template::parse(text, Escape::Verbatim, names), at, check)
}

/// A mistake that has been noted.
pub(super) struct Noted;

/// A length of time that lies within the step's time limit.
pub(super) fn within(
    text: Option<&str>,
    limit: Option<Duration>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Result<Option<Duration>, Noted> {
    let Some(text) = text else { return Ok(None) };
    let length = positive(&check.fill(text)).and_then(|length| match limit {
        Some(limit) if length >= limit => {
            let [length, limit] = [length, limit].map(format_duration);
            let fault = Fault::new(format!("{length} is not shorter than the step's {limit}"));
            Err(fault.help("write a shorter time, or a longer \"timeout\""))
        }
        _ => Ok(length),
    });
    check.accept(at, length).map(Some).ok_or(Noted)
}
