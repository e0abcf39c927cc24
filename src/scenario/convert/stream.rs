//! What the answer to a step is: one that ends by itself, events, or a WebSocket.

use std::time::Duration;

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::problems::Fault;
use super::super::raw::RawStep;
use super::super::raw_streams::{RawEvents, RawUntil};
use super::super::stream::{Condition, Events, Kind, Until};
use super::super::template::parse::Names;
use super::conditions::{Of, conditions, text_of, within};
use super::websocket;

/// What the answer to a step with this time limit is.
pub(super) fn kind(
    raw: &RawStep,
    limit: Option<Duration>,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Kind> {
    match (&raw.events, &raw.websocket) {
        (None, None) => Some(Kind::Answer),
        (Some(raw_events), None) => {
            no_head(raw, at, check);
            let events = events(raw_events, limit, names, &at.key("events"), check);
            events.map(|events| Kind::Events(Box::new(events)))
        }
        (None, Some(acts)) => {
            websocket::check_step(raw, at, check);
            let dialogue = websocket::dialogue(acts, limit, names, &at.key("websocket"), check);
            dialogue.map(|dialogue| Kind::WebSocket(Box::new(dialogue)))
        }
        (Some(_), Some(_)) => {
            let fault = Fault::new("a step either awaits events or opens a WebSocket, not both");
            check.key(&at.key("websocket"), fault.help("make two steps of it"));
            None
        }
    }
}

fn no_head(raw: &RawStep, at: &Pointer, check: &mut Check<'_>) {
    if raw.request.as_deref().is_some_and(|line| line.trim_start().starts_with("HEAD ")) {
        let fault = Fault::new("the answer to HEAD has no body, and so no events");
        check.key(&at.key("events"), fault.help("write \"GET\" in \"request\""));
    }
}

/// What is awaited of a stream of events.
fn events(
    raw: &RawEvents,
    limit: Option<Duration>,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Events> {
    let until = until(raw, names, at, check);
    let first_within = within(raw.first_within.as_deref(), limit, &at.key("first_within"), check);
    let gap_within = within(raw.gap_within.as_deref(), limit, &at.key("gap_within"), check);
    Some(Events { until: until?, first_within: first_within.ok()?, gap_within: gap_within.ok()? })
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
    let raw = match raw {
        RawUntil::Short(text) => {
            return text_of(text, names, at, check).map(|text| vec![Condition::NameOrText(text)]);
        }
        RawUntil::Long(raw) => raw,
    };
    let texts: [Of<'_>; 3] = [
        ("event", raw.event.as_deref(), Condition::Name),
        ("data", raw.data.as_deref(), Condition::Text),
        ("contains", raw.contains.as_deref(), Condition::Contains),
    ];
    let conditions = conditions(&texts, &raw.json, names, at, check)?;
    if conditions.is_empty() {
        let fault = Fault::new("nothing is said of the event that is awaited");
        check.value(at, fault.help("write { \"event\": \"done\" }, or leave \"until\" out"));
        return None;
    }
    Some(conditions)
}
