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
use super::super::sum;
use super::asks::Asks;
use super::flows::Walks;
use super::lengths::positive;
use super::{replay, stages};
use crate::units::group_digits;

/// More loads at once would share too little.
const MOST_LOADS: usize = 64;
/// Stages of all loads, with each step of a staircase and each piece of a sine.
const MOST_PIECES: usize = 10_000;

/// A load, and where it is written.
pub(crate) struct Written {
    pub(crate) load: Load,
    /// For each stage of a load without parts the place of its rate in the file.
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
    let shared_is_needed = !shared.is_empty() || raw.flows.is_empty();
    shared_load(raw, shared_is_needed, check)?;
    if let Some(load) = raw.load.as_ref().filter(|_| shared_is_needed) {
        sources.push(Source {
            at: Pointer::default().key("load"),
            flows: shared,
            arrivals: load.arrivals,
            stages: &load.stages,
            replay: load.replay.as_ref(),
        });
    }
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

/// The scenario's load is there where a flow has no other, and has no stages where each has one.
fn shared_load(raw: &RawScenario, is_needed: bool, check: &mut Check<'_>) -> Option<()> {
    let at = Pointer::default().key("load");
    let Some(load) = &raw.load else {
        if !is_needed {
            return Some(());
        }
        let fault = Fault::new("\"load\" is missing in the scenario");
        let help = "add \"load\": { \"stages\": [{ \"for\": \"60s\", \"rate\": \"100/s\" }] }";
        check.value(&at, fault.help(help));
        return None;
    };
    let is_empty = load.stages.is_empty() && load.replay.is_none();
    if is_needed || is_empty {
        return Some(());
    }
    let fault = Fault::new("nothing has this load: each flow has one of its own");
    let key = if load.replay.is_some() { "replay" } else { "stages" };
    check.key(&at.key(key), fault.help("remove it, or the \"load\" of a flow"));
    None
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
    let is_closed = |one: &Checked| one.part.stages.iter().any(|stage| stage.users.is_some());
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
        let parts: Vec<Part> = all.iter().map(|one| one.part.clone()).collect();
        let ends = sum::moment_of(&parts, |_| 1.0, most as f64)?;
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
    let is_closed = all.iter().any(|one| one.part.stages.iter().any(|stage| stage.users.is_some()));
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
    let parts: Vec<Part> = all.iter().map(|one| one.part.clone()).collect();
    let iterations = sum::iterations_of(parts, &each, most as f64)?;
    if iterations == 0 {
        let fault = Fault::new("so few requests are less than an iteration: not one is begun");
        check.value(&at.key(key), fault.help("allow more, or remove it"));
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
        for part in &mut parts {
            sum::cut(part, ends);
        }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::scenario::load::{CapBy, Stage};
    use crate::scenario::model::Scenario;
    use crate::scenario::origin::DataFiles;
    use crate::scenario::read::{Origin, parse};
    use crate::units::Rate;

    /// Two flows of two requests and one, the second perhaps with a load of its own, and the load.
    fn read(own: &str, load: &str) -> Result<Scenario, String> {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}}, "flows": [
                {{"name": "a", "steps": [{{"request": "GET /a"}}, {{"request": "GET /b"}}]}},
                {{"name": "b", {own} "steps": [{{"request": "GET /c"}}]}}]{load}}}"#
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("all.csv"), "time\n5\n6\n6.5\n9\n").unwrap();
        let origin =
            Origin { data: DataFiles::Here, folder: folder.path().to_owned(), ..Origin::default() };
        let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        parse(&text, &origin, &|_| None, &no_file).map_err(|problems| problems.to_string())
    }

    const OWN: &str = r#""load": {"stages": [{"for": "20s", "rate": "4/s"}]},"#;
    const MAIN: &str = r#", "load": {"seed": 3, "stages": [{"for": "60s", "rate": "10/s"}]}"#;

    #[test]
    fn a_flow_with_a_load_of_its_own_is_beside_the_others() {
        let one = read("", MAIN).unwrap().load;
        assert!(one.parts.is_empty() && one.seed == 3);
        let two = read(OWN, MAIN).unwrap().load;
        let flows: Vec<&[usize]> = two.parts.iter().map(|part| &*part.flows).collect();
        assert_eq!(flows, [&[0][..], &[1]]);
        let rates: Vec<f64> = two.stages.iter().map(|stage| stage.from.0).collect();
        assert_eq!(rates, [14.0, 10.0]);
        assert_ne!(read(OWN, MAIN).unwrap().hash, read("", MAIN).unwrap().hash);
    }

    #[test]
    fn requests_are_counted_by_the_steps_of_the_flows() {
        let load = |rate: &str| {
            let load = format!(r#", "load": {{"stages": [{{"for": "60s", "rate": "{rate}"}}]}}"#);
            read("", &load).map(|scenario| scenario.load.stages[0].clone())
        };
        let stage = load("300 requests/s -> 600 requests/s").unwrap();
        assert_eq!((stage.from, stage.to), (Rate(200.0), Rate(400.0)), "1.5 each");
        assert_eq!(load("30 iterations/s").unwrap().from, Rate(30.0));
        assert!(load("300 requests/s -> 600/s").unwrap_err().contains("the other of iterations"));
    }

    #[test]
    fn a_sine_is_as_long_as_its_stage() {
        let load = r#", "load": {"stages": [{"for": "60s", "rate": "10/s <-> 30/s every 20s"}]}"#;
        let load = read("", load).unwrap().load;
        assert_eq!((load.stages.len(), load.length().as_secs()), (96, 60));
        let area: f64 = load.stages.iter().map(Stage::area).sum();
        assert!((area - 1_200.0).abs() < 1e-6, "{area}");
        assert_eq!(load.peak(), Rate(30.0));
    }

    #[test]
    fn a_cap_ends_the_plan_itself() {
        let with = |cap: &str| {
            read(OWN, &MAIN.replace("\"seed\": 3", &format!("\"seed\": 3, {cap}")))
                .map(|scenario| scenario.load)
        };
        let cut = with(r#""max_duration": "30s""#).unwrap();
        assert_eq!((cut.length().as_secs(), cut.cap.unwrap().planned_seconds), (30, 60.0));
        assert_eq!(with(r#""max_duration": "2m""#).unwrap().cap, None, "it cuts nothing");
        let counted = with(r#""max_iterations": 280"#).unwrap();
        assert_eq!((counted.length().as_secs(), counted.most_iterations()), (20, Some(280)));
        // 20 and 4 requests a second for 20 s, then 20.
        let requests = with(r#""max_requests": 480"#).unwrap();
        let Some(CapBy::Iterations(most)) = requests.cap.map(|cap| cap.by) else { panic!() };
        assert!((275..=285).contains(&most), "{most}");
        for (cap, told) in [
            (r#""max_requests": 1"#, "not one is begun"),
            (r#""max_requests": 9, "max_iterations": 9"#, "beside \"max_iterations\""),
            (r#""max_duration": "0s""#, "more than zero"),
        ] {
            let found = with(cap).unwrap_err();
            assert!(found.contains(told), "{cap}: {found}");
        }
    }

    #[test]
    fn a_recording_is_a_load() {
        let load = r#", "load": {"replay": {"file": "all.csv", "speed": 0.5}}"#;
        let load = read("", load).unwrap().load;
        let moments = &load.parts[0].recorded.as_ref().unwrap().0;
        assert_eq!(moments.to_vec(), [0, 2, 3, 8].map(|s| s * 1_000_000_000));
        assert_eq!((load.length().as_secs(), &*load.parts[0].flows), (9, &[0, 1][..]));
        for (replay, told) in [
            (r#"{"file": "none.csv"}"#, "does not exist"),
            (r#"{"file": "all.csv", "column": "at"}"#, "no column \"at\""),
            (r#"{"file": "all.csv", "warmup": "9s"}"#, "no stage is judged"),
            (r#"{"file": "all.xml"}"#, "does not say what it is"),
        ] {
            let found = read("", &format!(r#", "load": {{"replay": {replay}}}"#)).unwrap_err();
            assert!(found.contains(told), "{replay}: {found}");
        }
    }

    #[test]
    fn loads_that_would_prove_nothing_are_mistakes() {
        let users = r#", "load": {"stages": [{"for": "60s", "users": 3}]}"#;
        let warm = r#", "load": {"stages": [{"for": "30s", "rate": "1/s", "warmup": true},
            {"for": "30s", "rate": "1/s"}]}"#;
        let weighted = OWN.replace("\"load\"", "\"weight\": 2, \"load\"");
        let capped = MAIN.replace("\"seed\": 3", "\"max_iterations\": 9");
        let capped_users = users.replace("{\"stages\"", "{\"max_iterations\": 9, \"stages\"");
        for (own, load, told) in [
            ("", "", "\"load\" is missing in the scenario"),
            ("", r#", "load": {}"#, "\"stages\" is missing in the load"),
            (OWN, "", "\"load\" is missing in the scenario"),
            (OWN, users, "one load has a rate and another one users"),
            (OWN, warm, "this load is never judged"),
            (&weighted, MAIN, "means nothing"),
            (r#""load": {},"#, MAIN, "\"stages\" is missing in the load"),
            ("", &capped_users, "\"max_iterations\" for a load with users"),
        ] {
            let found = read(own, load).unwrap_err();
            assert!(found.contains(told), "{own} {load}: {found}");
        }
        let late =
            r#""load": {"stages": [{"for": "20s", "pause": true}, {"for": "9s", "rate": "1/s"}]},"#;
        let found = read(late, &capped).unwrap_err();
        assert!(found.contains("this load is never judged"), "{found}");
        assert!(read(late, MAIN).is_ok());
    }
}
