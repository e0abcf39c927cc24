//! The load of a scenario: one profile for all flows, or several at once, each with flows of its
//! own; and what ends it early.

use std::time::Duration;

use super::super::ceiling;
use super::super::check::Check;
use super::super::document::Pointer;
use super::super::limits::Limits;
use super::super::load::{ArrivalProcess, Cap, CapBy, Load, Part};
use super::super::model::Flow;
use super::super::origin::Origin;
use super::super::problems::Fault;
use super::super::raw::RawScenario;
use super::super::raw_load::{RawLoad, RawReplay, RawStage};
use super::asks::Asks;
use super::flows::Walks;
use super::lengths::positive;
use super::{replay, stages, sum};
use crate::units::group_digits;

/// More loads at once would share too little.
const MOST_LOADS: usize = 64;
/// Stages of all loads, with each step of a staircase and each piece of a sine.
const MOST_PIECES: usize = 10_000;

/// A load, and where it is written.
pub(crate) struct Written {
    pub(crate) load: Load,
    /// For each stage of a load without parts its place in the file.
    pub(crate) stages: Vec<Pointer>,
    /// Where its stages are, or those of its first part.
    pub(crate) at: Pointer,
    /// Requests of an iteration of each part.
    pub(crate) asks: Vec<f64>,
}

/// One of several loads as written.
struct Source<'r> {
    at: Pointer,
    flows: Vec<usize>,
    arrivals: ArrivalProcess,
    stages: &'r [RawStage],
    replay: Option<&'r RawReplay>,
}

/// One of several loads as checked.
struct Checked {
    part: Part,
    /// Where each of its stages is written.
    places: Vec<Pointer>,
    asks: Asks,
}

/// The whole load.
pub(super) fn load(
    raw: &RawScenario,
    walks: &Walks,
    origin: &Origin,
    check: &mut Check<'_>,
) -> Option<Written> {
    let sources = sources(raw, check)?;
    let checked: Vec<Option<Checked>> =
        sources.iter().map(|source| checked(source, walks, origin, check)).collect();
    let all: Vec<Checked> = checked.into_iter().collect::<Option<_>>()?;
    is_one_model(&all, &sources, check)?;
    let pieces: usize = all.iter().map(|one| one.part.stages.len()).sum();
    if pieces > MOST_PIECES {
        let fault = Fault::new(format!("{pieces} stages, steps and pieces of sines"));
        check.value(&sources.first()?.at, fault.help(format!("{MOST_PIECES} are the most")));
        return None;
    }
    let usual = RawLoad::default();
    let whole = raw.load.as_ref().unwrap_or(&usual);
    let cap = cap(whole, &all, check);
    let written = joined(whole, all, &sources, cap);
    is_judged(&written, &sources, check);
    if let Some(fault) = ceiling::length_fault(written.load.length()) {
        check.value(&written.at, fault);
    }
    Some(written)
}

/// The loads that are written: the scenario's own is that of all flows that have none.
fn sources<'r>(raw: &'r RawScenario, check: &mut Check<'_>) -> Option<Vec<Source<'r>>> {
    let at_flows = Pointer::default().key("flows");
    let (own, shared): (Vec<usize>, Vec<usize>) =
        (0..raw.flows.len()).partition(|index| raw.flows[*index].load.is_some());
    let usual = raw.load.as_ref().map_or_else(ArrivalProcess::default, |load| load.arrivals);
    let mut sources = Vec::new();
    sources.extend(shared_load(raw, shared, check)?);
    for index in own {
        let (flow, at) = (&raw.flows[index], at_flows.item(index));
        if flow.weight != 1 {
            let fault = Fault::new("a \"weight\" beside a \"load\" of its own means nothing");
            check.key(&at.key("weight"), fault.help("remove it: the load says how often"));
        }
        if let Some(load) = &flow.load {
            sources.push(Source {
                at: at.key("load"),
                flows: vec![index],
                arrivals: load.arrivals.unwrap_or(usual),
                stages: &load.stages,
                replay: load.replay.as_ref(),
            });
        }
    }
    if sources.len() > MOST_LOADS {
        let fault = Fault::new(format!("{} loads at once", sources.len()));
        check.value(&at_flows, fault.help(format!("{MOST_LOADS} are the most")));
        return None;
    }
    Some(sources)
}

/// The scenario's load, if a flow has no other.
fn shared_load<'r>(
    raw: &'r RawScenario,
    flows: Vec<usize>,
    check: &mut Check<'_>,
) -> Option<Option<Source<'r>>> {
    let at = Pointer::default().key("load");
    let is_needed = !flows.is_empty() || raw.flows.is_empty();
    match &raw.load {
        None if is_needed => {
            let fault = Fault::new("\"load\" is missing in the scenario");
            let help = "add \"load\": { \"stages\": [{ \"for\": \"60s\", \"rate\": \"100/s\" }] }";
            check.value(&at, fault.help(help));
            None
        }
        Some(load) if !is_needed && !(load.stages.is_empty() && load.replay.is_none()) => {
            let fault = Fault::new("nothing has this load: each flow has one of its own");
            let key = if load.replay.is_some() { "replay" } else { "stages" };
            check.key(&at.key(key), fault.help("remove it, or the \"load\" of a flow"));
            None
        }
        Some(load) if is_needed => Some(Some(Source {
            at,
            flows,
            arrivals: load.arrivals,
            stages: &load.stages,
            replay: load.replay.as_ref(),
        })),
        _ => Some(None),
    }
}

fn checked(
    source: &Source<'_>,
    walks: &Walks,
    origin: &Origin,
    check: &mut Check<'_>,
) -> Option<Checked> {
    // Flows with mistakes may be missing.
    let flows: Vec<&Flow> = source.flows.iter().filter_map(|at| walks.flows.get(*at)).collect();
    let asks = Asks::of(&flows, &walks.steps);
    let at_stages = source.at.key("stages");
    let (stages, places, recorded) = match (source.stages, source.replay) {
        ([], None) => {
            let fault = Fault::new("\"stages\" is missing in the load");
            let help = "add \"stages\": [{ \"for\": \"60s\", \"rate\": \"100/s\" }]";
            check.value(&at_stages, fault.help(help));
            return None;
        }
        ([], Some(raw)) => {
            let at = source.at.key("replay");
            let (recorded, stages) = replay::replay(raw, &at, origin, check)?;
            let places = vec![at.key("file"); stages.len()];
            (stages, places, Some(recorded))
        }
        (raw, None) => {
            let (stages, places) = stages::stages(raw, &at_stages, &asks, check)?;
            let places = places.into_iter().map(|place| at_stages.item(place).key("rate"));
            (stages, places.collect(), None)
        }
        (_, Some(_)) => {
            let fault = Fault::new("a load has stages or a replay, not both");
            let help = "remove one; a flow may have the other as a load of its own";
            check.key(&source.at.key("replay"), fault.help(help));
            return None;
        }
    };
    let part = Part { flows: source.flows.clone(), arrivals: source.arrivals, stages, recorded };
    Some(Checked { part, places, asks })
}

/// All of them have rates, or all have users.
fn is_one_model(all: &[Checked], sources: &[Source<'_>], check: &mut Check<'_>) -> Option<()> {
    let is_closed =
        |one: &Checked| one.part.stages.iter().any(|stage| stage.users.is_some());
    let first = is_closed(all.first()?);
    let other = all.iter().position(|one| is_closed(one) != first);
    let Some(other) = other else { return Some(()) };
    let fault = Fault::new("one load has a rate and another one users");
    let help = "give all of them rates, or all of them users: users who wait for a slow target \
                would ask it for less just when the others' figures depend on how busy it is";
    check.value(&sources[other].at, fault.help(help));
    None
}

/// What ends the load early.
fn cap(raw: &RawLoad, all: &[Checked], check: &mut Check<'_>) -> Option<(Duration, CapBy)> {
    let at = Pointer::default().key("load");
    let most_iterations = most_iterations(raw, all, &at, check);
    let longest = raw.max_duration.as_ref().and_then(|text| {
        let length = positive(&check.fill(text));
        check.accept(&at.key("max_duration"), length)
    });
    let planned = length_of(all);
    let by_duration =
        longest.filter(|longest| *longest < planned).map(|longest| (longest, CapBy::Duration));
    let by_iterations = most_iterations.and_then(|most| {
        let parts: Vec<&Part> = all.iter().map(|one| &one.part).collect();
        let ends = sum::moment_of(&parts, most as f64)?;
        Some((ends, CapBy::Iterations(most)))
    });
    [by_duration, by_iterations].into_iter().flatten().min_by_key(|(ends, _)| *ends)
}

fn length_of(all: &[Checked]) -> Duration {
    let of = |one: &Checked| one.part.stages.iter().map(|stage| stage.length).sum();
    all.iter().map(of).max().unwrap_or_default()
}

/// `max_iterations`, or the iterations of `max_requests`.
fn most_iterations(
    raw: &RawLoad,
    all: &[Checked],
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<u64> {
    let (key, most) = match (raw.max_iterations, raw.max_requests) {
        (None, None) => return None,
        (Some(most), None) => ("max_iterations", most),
        (None, Some(most)) => ("max_requests", most),
        (Some(_), Some(_)) => {
            let fault = Fault::new("\"max_requests\" beside \"max_iterations\"");
            check.key(&at.key("max_requests"), fault.help("remove one of them"));
            return None;
        }
    };
    let is_closed =
        all.iter().any(|one| one.part.stages.iter().any(|stage| stage.users.is_some()));
    if is_closed {
        let fault = Fault::new(format!("\"{key}\" for a load with users"));
        let help = "how long they take for so much depends on the target, and what is judged must \
                    be known before: use \"max_duration\"";
        check.key(&at.key(key), fault.help(help));
        return None;
    }
    if raw.max_iterations.is_some() {
        return Some(most);
    }
    let all_asks = all.iter().map(|one| one.asks.per_iteration());
    let each: Vec<f64> = check.accept(&at.key(key), all_asks.collect::<Result<_, Fault>>())?;
    let areas = all.iter().map(|one| one.part.stages.iter().map(|it| it.area()).sum::<f64>());
    let areas: Vec<f64> = areas.collect();
    let requests: f64 = areas.iter().zip(&each).map(|(area, each)| area * each).sum();
    let mean = requests / areas.iter().sum::<f64>().max(1e-9);
    let iterations = (most as f64 / mean.max(1e-9)).floor() as u64;
    if iterations == 0 {
        let fault = format!("an iteration leads to about {mean:.1} requests, so not one is begun");
        check.value(&at.key(key), Fault::new(fault).help("allow more, or remove it"));
        return None;
    }
    Some(iterations)
}

/// One load of all of them.
fn joined(
    raw: &RawLoad,
    all: Vec<Checked>,
    sources: &[Source<'_>],
    cap: Option<(Duration, CapBy)>,
) -> Written {
    let planned = length_of(&all);
    let at = sources.first().map(|source| match source.replay {
        Some(_) => source.at.key("replay"),
        None => source.at.key("stages"),
    });
    let asks = all.iter().map(|one| one.asks.at_most()).collect();
    let (mut parts, places): (Vec<Part>, Vec<Vec<Pointer>>) =
        all.into_iter().map(|one| (one.part, one.places)).unzip();
    if let Some((ends, _)) = cap {
        parts.iter_mut().for_each(|part| sum::cut(part, ends));
    }
    let is_plain = |part: &Part| part.recorded.is_none();
    let counts = cap.is_some_and(|(_, by)| by != CapBy::Duration);
    let cap = cap.map(|(_, by)| Cap { planned_seconds: planned.as_secs_f64(), by });
    let load = match parts.as_slice() {
        [only] if is_plain(only) && !counts => {
            Load { cap, ..Load::new(only.arrivals, raw.seed, only.stages.clone()) }
        }
        _ => {
            let stages = sum::of(&parts, |_| 1.0);
            Load { parts, cap, ..Load::new(raw.arrivals, raw.seed, stages) }
        }
    };
    let stages = places.into_iter().next().unwrap_or_default();
    Written { load, stages, at: at.unwrap_or_default(), asks }
}

/// Something of each load is judged.
fn is_judged(written: &Written, sources: &[Source<'_>], check: &mut Check<'_>) {
    let load = &written.load;
    let is_capped = load.cap.is_some();
    if !load.stages.iter().any(|stage| !stage.warmup && stage.is_loaded()) {
        let fault = if is_capped {
            Fault::new("nothing is judged: the load is capped before its warm-up is over")
                .help("raise the cap, or shorten the warm-up")
        } else {
            Fault::new("no stage is judged: all are warm-up or pause")
                .help("add a stage such as { \"for\": \"60s\", \"rate\": \"100/s\" }")
        };
        check.value(&written.at, fault);
        return;
    }
    for (source, part) in sources.iter().zip(&load.parts) {
        if sum::is_judged(part, &load.stages) {
            continue;
        }
        let fault = Fault::new("this load is never judged: what it sends is sent in a warm-up");
        let help = "a stretch in which one of several loads warms up is judged for none of them, \
                    and a load that \"max_duration\" or another cap cuts off has nothing to be \
                    judged by";
        check.value(&source.at, fault.help(help));
    }
}

/// Each user is an iteration under way, and needs a connection or a stream.
pub(super) fn users_fit(
    load: &Load,
    at: &Pointer,
    (limits, is_http2): (&Limits, bool),
    check: &mut Check<'_>,
) {
    let users = load.most_users();
    let streams = if is_http2 { limits.streams } else { 1 };
    let served = u64::from(limits.connections) * u64::from(streams);
    let grouped = |number: u64| group_digits(&number.to_string());
    for (key, most) in [("in_flight", u64::from(limits.in_flight)), ("connections", served)] {
        if u64::from(users) > most {
            let fault = Fault::new(format!(
                "{} users are more than \"{key}\" of \"limits\" lets go at once, {}",
                grouped(users.into()),
                grouped(most),
            ));
            let wanted =
                u64::from(users).div_ceil(if key == "connections" { streams.into() } else { 1 });
            check.value(
                at,
                fault.help(format!(
                    "add \"limits\": {{ \"{key}\": {wanted} }}, or have fewer users"
                )),
            );
        }
    }
}
