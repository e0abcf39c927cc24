//! The stages of a load: each with a rate, with users, or a pause.

use std::cell::Cell;
use std::time::Duration;

use serde_json::Value;

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::load::{Crowd, Stage};
use super::super::problems::Fault;
use super::super::raw_load::RawStage;
use super::asks::Asks;
use super::lengths::positive;
use super::profile::{Profile, users};
use crate::units::Rate;

/// More stages than anybody writes by hand.
const MOST_STAGES: usize = 1_000;

/// Stages, and for each the place of what it was made from: a staircase is a stage for each of its
/// steps.
pub(super) fn stages(
    raw: &[RawStage],
    at: &Pointer,
    asks: &Asks,
    check: &mut Check<'_>,
) -> Option<(Vec<Stage>, Vec<usize>)> {
    if raw.len() > MOST_STAGES {
        check.value(at, Fault::new(format!("more than {MOST_STAGES} stages")));
        return None;
    }
    let has_both = |stage: &RawStage| stage.rate.is_some() && stage.users.is_some();
    let is_mixed = raw.iter().any(|stage| stage.users.is_some())
        && raw.iter().any(|stage| stage.rate.is_some())
        && !raw.iter().any(has_both);
    if is_mixed {
        let fault = Fault::new("some stages have a rate and some have users");
        check.value(
            at,
            fault.help("give all of them the one or the other; pauses may stand in both"),
        );
        return None;
    }
    let converted: Vec<Option<Vec<Stage>>> = raw
        .iter()
        .enumerate()
        .map(|(index, raw)| stage(raw, &at.item(index), asks, check))
        .collect();
    let stages: Vec<Vec<Stage>> = converted.into_iter().collect::<Option<_>>()?;
    let places =
        stages.iter().enumerate().flat_map(|(place, made)| made.iter().map(move |_| place));
    let places = places.collect();
    Some((stages.into_iter().flatten().collect(), places))
}

fn stage(raw: &RawStage, at: &Pointer, asks: &Asks, check: &mut Check<'_>) -> Option<Vec<Stage>> {
    let length = positive(&check.fill(&raw.length));
    let length = check.accept(&at.key("for"), length);
    let drive = drive(raw, at, asks, check)?;
    let (length, warmup) = (length?, raw.warmup);
    if let Some(fault) = drive.fault(length) {
        let key = if raw.users.is_some() { "users" } else { "rate" };
        check.value(&at.key(key), fault);
        return None;
    }
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

impl Drive {
    fn fault(&self, length: Duration) -> Option<Fault> {
        match self {
            Drive::Pause => None,
            Drive::Rate(profile) => profile.fault(length),
            Drive::Users(profile) => profile.fault(length),
        }
    }
}

fn drive(raw: &RawStage, at: &Pointer, asks: &Asks, check: &mut Check<'_>) -> Option<Drive> {
    match (&raw.rate, &raw.users, raw.pause) {
        (None, None, true) => Some(Drive::Pause),
        (None, None, false) => {
            let fault = Fault::new("\"rate\" is missing in a stage");
            let help = "add \"rate\": \"100/s\", \"rate\": \"50/s -> 200/s\", \"users\": 50 or \
                        \"pause\": true";
            check.lacks(at, &["rate", "users", "pause"], fault.help(help));
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
            let rates = rates(&check.fill(text), asks);
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

/// `100/s`, `50/s -> 200/s`, `50/s -> 200/s in 4 steps`, `50/s <-> 200/s every 2m`; each rate may be
/// one of requests, and then all of them are.
fn rates(text: &str, asks: &Asks) -> Result<Profile<Rate>, Fault> {
    let units = Cell::new([false; 2]);
    let one = |text: &str| {
        let (bare, is_of_requests) = without_unit(text);
        let [iterations, requests] = units.get();
        units.set([iterations || !is_of_requests, requests || is_of_requests]);
        rate(&bare)
    };
    let profile = Profile::parse(text, one)?;
    if profile.from.0 <= 0.0 && profile.to.0 <= 0.0 {
        return Err(Fault::new("a rate of zero").help("write \"pause\": true instead of \"rate\""));
    }
    match units.get() {
        [_, false] => Ok(profile),
        [true, true] => Err(Fault::new("one rate is of requests and the other of iterations")
            .help("write \"requests/s\" with both, or with none")),
        [false, true] => {
            let each = asks.per_iteration()?;
            Ok(profile.scaled(|rate| Rate(rate.0 / each)))
        }
    }
}

/// `400 requests/s` as `400/s`, and whether it was one of requests.
fn without_unit(text: &str) -> (String, bool) {
    for (word, is_of_requests) in
        [("requests/", true), ("request/", true), ("iterations/", false), ("iteration/", false)]
    {
        if let Some((number, unit)) = text.split_once(word) {
            return (format!("{}/{}", number.trim_end(), unit.trim_start()), is_of_requests);
        }
    }
    (text.to_owned(), false)
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
