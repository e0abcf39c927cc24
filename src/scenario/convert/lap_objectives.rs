//! Objectives on times within streams: `first_event.p95 < 500ms`, `event_gap.max < 5s`,
//! `round_trip.p99 < 100ms`.

use super::super::problems::Fault;
use super::super::slo::{LapKind, Metric, Scope, Slo};
use super::super::stream::{Kind, Until};
use super::flows::Walks;

/// As somebody may mistype them.
pub(super) const NAMES: [&str; 3] = ["first_event.p95", "event_gap.p95", "round_trip.p95"];

/// Which time a metric is of, and what of it is limited; `None` for other metrics.
pub(super) fn parts(metric: &str) -> Option<Result<(LapKind, &str), Fault>> {
    let (name, statistic) = match metric.split_once('.') {
        Some((name, statistic)) => (name, Some(statistic)),
        None => (metric, None),
    };
    let of = LapKind::ALL.into_iter().find(|of| of.name() == name)?;
    let unsaid = || {
        let fault = Fault::new(format!("\"{name}\" does not say which of its values"));
        fault.help(format!("write \"{name}.p95\", \"{name}.p99\" or \"{name}.max\""))
    };
    Some(statistic.map(|statistic| (of, statistic)).ok_or_else(unsaid))
}

/// The same, if there are streams that have such times.
pub(super) fn with_streams(slo: Slo, walks: &Walks) -> Result<Slo, Fault> {
    let Metric::Lap { of, .. } = slo.metric else { return Ok(slo) };
    let has_one = walks.steps.iter().enumerate().any(|(index, step)| {
        let is_meant = match slo.scope {
            Scope::All | Scope::EachTenant => true,
            Scope::Step(id) => usize::from(id.0) == index,
            Scope::Tag(tag) => {
                walks.tags.get(usize::from(tag)).is_some_and(|tag| step.tags.contains(tag))
            }
        };
        is_meant && has(of, &step.kind)
    });
    // A step that has mistakes of its own may be one.
    if has_one || walks.steps.len() < walks.step_names.len() {
        return Ok(slo);
    }
    let (what, key) = match of {
        LapKind::FirstEvent => ("stream of events", "\"events\""),
        LapKind::EventGap => ("stream of two events and more", "\"events\" and no \"count\" of 1"),
        LapKind::RoundTrip => (
            "WebSocket on which a message is sent and one expected",
            "\"websocket\", in which an \"expect\" follows a \"send\"",
        ),
    };
    let fault = Fault::new(format!("{} is of a {what}, and there is none here", of.name()));
    Err(fault.help(format!("name a step with {key}, or remove this objective")))
}

/// Whether each request of a step has such times.
fn has(of: LapKind, kind: &Kind) -> bool {
    match (of, kind) {
        (LapKind::FirstEvent, Kind::Events(_)) => true,
        // After the first event of one there is none.
        (LapKind::EventGap, Kind::Events(events)) => !matches!(events.until, Until::Count(1)),
        (LapKind::RoundTrip, Kind::WebSocket(dialogue)) => dialogue.round_trips() > 0,
        (_, Kind::Answer | Kind::Events(_) | Kind::WebSocket(_)) => false,
    }
}
