//! What is awaited of a stream: server-sent events.

use std::time::Duration;

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::problems::Fault;
use super::super::raw::RawStep;
use super::super::raw_streams::{RawEvent, RawEvents, RawUntil};
use super::super::stream::{Condition, Events, Kind, Until};
use super::super::template::parse::{Builder, Names, json_document};
use super::super::template::{Escape, Template};
use super::json_path::json_path;
use super::load::positive;
use super::request::settle;
use crate::units::format_duration;

/// What the answer to a step with this time limit is.
pub(super) fn kind(
    raw: &RawStep,
    limit: Option<Duration>,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Kind> {
    let Some(events) = &raw.events else { return Some(Kind::Answer) };
    let at = at.key("events");
    if raw.request.as_deref().is_some_and(|line| line.trim_start().starts_with("HEAD ")) {
        let fault = Fault::new("the answer to HEAD has no body, and so no events");
        check.key(&at, fault.help("write \"GET\" in \"request\""));
    }
    let until = until(events, names, &at, check);
    let first_within =
        within(events.first_within.as_deref(), limit, &at.key("first_within"), check);
    let gap_within = within(events.gap_within.as_deref(), limit, &at.key("gap_within"), check);
    let events = Events { until: until?, first_within: first_within?, gap_within: gap_within? };
    Some(Kind::Events(Box::new(events)))
}

/// When the stream is over.
fn until(raw: &RawEvents, names: &Names<'_>, at: &Pointer, check: &mut Check<'_>) -> Option<Until> {
    match (raw.count, &raw.until) {
        (None, None) => Some(Until::End),
        (Some(count), None) => Some(Until::Count(u64::from(count))),
        (None, Some(until)) => event(until, names, &at.key("until"), check).map(Until::Event),
        (Some(_), Some(_)) => {
            let fault = Fault::new("\"until\" beside \"count\": which of them ends the stream?");
            let help = "keep one; more events than are counted may come before the awaited one";
            check.key(&at.key("until"), fault.help(help));
            None
        }
    }
}

/// What must hold for the awaited event.
fn event(
    raw: &RawUntil,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Vec<Condition>> {
    match raw {
        RawUntil::Short(text) => {
            let template = text_of(text, names, at, check)?;
            Some(vec![Condition::NameOrText(template)])
        }
        RawUntil::Long(raw) => conditions(raw, names, at, check),
    }
}

/// A text to compare with.
type ToCondition = fn(Template) -> Condition;

fn conditions(
    raw: &RawEvent,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Vec<Condition>> {
    let texts: [(&str, &Option<String>, ToCondition); 3] = [
        ("event", &raw.event, Condition::Name),
        ("data", &raw.data, Condition::Text),
        ("contains", &raw.contains, Condition::Contains),
    ];
    let given = texts.iter().filter_map(|(key, text, of)| Some((key, text.as_ref()?, of)));
    let mut all: Vec<Option<Condition>> =
        given.map(|(key, text, of)| text_of(text, names, &at.key(key), check).map(of)).collect();
    let at_json = at.key("json");
    for (path, value) in &raw.json.0 {
        let at = at_json.key(path);
        let path = json_path(&check.fill(path)).map_err(|fault| check.key(&at, fault)).ok();
        let mut builder = Builder::new(Escape::Json, names);
        json_document(value, &at, &mut builder, check);
        let value = builder.finish().ok();
        all.push(path.zip(value).map(|(path, value)| Condition::Json(path, value)));
    }
    if all.is_empty() {
        let fault = Fault::new("nothing is said of the event that is awaited");
        check.value(at, fault.help("write { \"event\": \"done\" }, or leave \"until\" out"));
        return None;
    }
    all.into_iter().collect()
}

/// A text that is compared with; one that is empty would be a slip.
fn text_of(text: &str, names: &Names<'_>, at: &Pointer, check: &mut Check<'_>) -> Option<Template> {
    if text.is_empty() {
        check.value(at, Fault::new("an empty text is compared with nothing"));
        return None;
    }
    settle(Template::parse(text, Escape::Verbatim, names), at, check)
}

/// A length of time that lies within the step's time limit.
fn within(
    text: Option<&str>,
    limit: Option<Duration>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Option<Duration>> {
    let Some(text) = text else { return Some(None) };
    let length = positive(&check.fill(text)).and_then(|length| match limit {
        Some(limit) if length >= limit => {
            let [length, limit] = [length, limit].map(format_duration);
            let fault = Fault::new(format!("{length} is not shorter than the step's {limit}"));
            Err(fault.help("write a shorter time, or a longer \"timeout\""))
        }
        _ => Ok(length),
    });
    check.accept(at, length).map(Some)
}
