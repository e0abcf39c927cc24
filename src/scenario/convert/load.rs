//! The load profile, and lengths of time.

use std::time::Duration;

use serde_json::Value;

use super::super::ceiling;
use super::super::check::Check;
use super::super::document::Pointer;
use super::super::limits::Limits;
use super::super::load::{Crowd, Load, Stage};
use super::super::problems::Fault;
use super::super::raw_load::{RawLoad, RawStage};
use super::profile::{Profile, users};
use crate::units::{Rate, group_digits, parse_duration};

/// More stages than anybody writes by hand.
const MOST_STAGES: usize = 1_000;

/// The longest time to think and the longest time limit.
pub(super) const AN_HOUR: Duration = Duration::from_secs(3_600);

/// A length of time that is not zero.
pub(super) fn positive(text: &str) -> Result<Duration, Fault> {
    match parse_duration(text)? {
        Duration::ZERO => Err(Fault::new("a length of time must be more than zero")),
        length => Ok(length),
    }
}

fn at_stages() -> Pointer {
    Pointer::default().key("load").key("stages")
}

/// The whole profile, and for each of its stages the place of what it was made from: a staircase
/// is a stage for each of its steps.
pub(super) fn load(raw: &RawLoad, check: &mut Check<'_>) -> Option<(Load, Vec<usize>)> {
    let at = at_stages();
    if raw.stages.len() > MOST_STAGES {
        check.value(&at, Fault::new(format!("more than {MOST_STAGES} stages")));
        return None;
    }
    let has_both = |stage: &RawStage| stage.rate.is_some() && stage.users.is_some();
    let is_mixed = raw.stages.iter().any(|stage| stage.users.is_some())
        && raw.stages.iter().any(|stage| stage.rate.is_some())
        && !raw.stages.iter().any(has_both);
    if is_mixed {
        let fault = Fault::new("some stages have a rate and some have users");
        check.value(
            &at,
            fault.help("give all of them the one or the other; pauses may stand in both"),
        );
        return None;
    }
    let converted: Vec<Option<Vec<Stage>>> = raw
        .stages
        .iter()
        .enumerate()
        .map(|(index, raw)| stage(raw, &at.item(index), check))
        .collect();
    let stages: Vec<Vec<Stage>> = converted.into_iter().collect::<Option<_>>()?;
    let places =
        stages.iter().enumerate().flat_map(|(place, made)| made.iter().map(move |_| place));
    let places = places.collect();
    let stages: Vec<Stage> = stages.into_iter().flatten().collect();
    if !stages.iter().any(|stage| !stage.warmup && stage.is_loaded()) {
        let fault = Fault::new("no stage is judged: all are warm-up or pause");
        check.value(
            &at,
            fault.help("add a stage such as { \"for\": \"60s\", \"rate\": \"100/s\" }"),
        );
    }
    let load = Load { arrivals: raw.arrivals, seed: raw.seed, stages };
    if let Some(fault) = ceiling::length_fault(load.length()) {
        check.value(&at, fault);
    }
    Some((load, places))
}

fn stage(raw: &RawStage, at: &Pointer, check: &mut Check<'_>) -> Option<Vec<Stage>> {
    let length = positive(&check.fill(&raw.length));
    let length = check.accept(&at.key("for"), length);
    let drive = drive(raw, at, check)?;
    let (length, warmup) = (length?, raw.warmup);
    let stage = |length, from, to, users| Stage { length, from, to, users, warmup };
    Some(match drive {
        Drive::Pause => vec![stage(length, Rate::ZERO, Rate::ZERO, None)],
        Drive::Rate(profile) => {
            let pieces =
                profile.pieces(length, |from, to, share| Rate(from.0 + (to.0 - from.0) * share));
            pieces.into_iter().map(|(length, from, to)| stage(length, from, to, None)).collect()
        }
        Drive::Users(profile) => {
            let between = |from: u32, to: u32, share: f64| {
                (f64::from(from) + (f64::from(to) - f64::from(from)) * share).round() as u32
            };
            let of = |(length, from, to)| {
                stage(length, Rate::ZERO, Rate::ZERO, Some(Crowd { from, to }))
            };
            profile.pieces(length, between).into_iter().map(of).collect()
        }
    })
}

/// What drives a stage, as written.
enum Drive {
    Pause,
    Rate(Profile<Rate>),
    Users(Profile<u32>),
}

fn drive(raw: &RawStage, at: &Pointer, check: &mut Check<'_>) -> Option<Drive> {
    match (&raw.rate, &raw.users, raw.pause) {
        (None, None, true) => Some(Drive::Pause),
        (None, None, false) => {
            let fault = Fault::new("\"rate\" is missing in a stage");
            let help = "add \"rate\": \"100/s\", \"rate\": \"50/s -> 200/s\", \"users\": 50 or \
                        \"pause\": true";
            check.value(at, fault.help(help));
            None
        }
        (Some(_), Some(_), _) => {
            let fault = Fault::new("a stage has a rate or users, not both");
            check.key(&at.key("users"), fault.help("remove \"users\" or \"rate\""));
            None
        }
        (Some(_), None, true) => {
            let fault = Fault::new("a pause has no rate");
            check.key(&at.key("rate"), fault.help("remove \"rate\" or \"pause\""));
            None
        }
        (None, Some(_), true) => {
            let fault = Fault::new("a pause has no users");
            check.key(&at.key("users"), fault.help("remove \"users\" or \"pause\""));
            None
        }
        (Some(text), None, false) => {
            let rates = rates(&check.fill(text));
            check.accept(&at.key("rate"), rates).map(Drive::Rate)
        }
        (None, Some(written), false) => {
            let crowd = match written {
                Value::String(text) => Profile::parse(&check.fill(text), users),
                other => users(&other.to_string()).map(Profile::flat),
            };
            let crowd = crowd.and_then(|crowd| match (crowd.from, crowd.to) {
                (0, 0) => Err(Fault::new("no users at all").help("write \"pause\": true instead")),
                _ => Ok(crowd),
            });
            check.accept(&at.key("users"), crowd).map(Drive::Users)
        }
    }
}

/// `100/s`, `50/s -> 200/s`, or `50/s -> 200/s in 4 steps`.
fn rates(text: &str) -> Result<Profile<Rate>, Fault> {
    let profile = Profile::parse(text, rate)?;
    if profile.from.0 <= 0.0 && profile.to.0 <= 0.0 {
        return Err(Fault::new("a rate of zero").help("write \"pause\": true instead of \"rate\""));
    }
    Ok(profile)
}

fn rate(text: &str) -> Result<Rate, Fault> {
    let text = text.trim();
    let bare = text.parse::<f64>().is_ok();
    if bare {
        let fault = Fault::new(format!("the rate \"{text}\" has no unit"));
        return Err(fault.help(format!("write \"{text}/s\" for so many per second")));
    }
    let fault = |error| match Fault::from(error) {
        fault if fault.help.is_some() => fault,
        fault => fault.help("for a ramp write \"50/s -> 200/s\""),
    };
    text.parse().map_err(fault)
}

/// Each user is an iteration under way, and needs a connection or a stream.
pub(super) fn users_fit(load: &Load, limits: &Limits, is_http2: bool, check: &mut Check<'_>) {
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
                &at_stages(),
                fault.help(format!(
                    "add \"limits\": {{ \"{key}\": {wanted} }}, or have fewer users"
                )),
            );
        }
    }
}
