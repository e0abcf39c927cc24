//! The load profile, and lengths of time.

use std::time::Duration;

use super::super::ceiling;
use super::super::check::Check;
use super::super::document::Pointer;
use super::super::load::{Load, Stage};
use super::super::problems::Fault;
use super::super::raw::{RawLoad, RawStage};
use crate::units::{Rate, parse_duration};

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

/// The whole profile.
pub(super) fn load(raw: &RawLoad, check: &mut Check<'_>) -> Option<Load> {
    let at = Pointer::default().key("load").key("stages");
    if raw.stages.len() > MOST_STAGES {
        check.value(&at, Fault::new(format!("more than {MOST_STAGES} stages")));
        return None;
    }
    let converted: Vec<Option<Stage>> = raw
        .stages
        .iter()
        .enumerate()
        .map(|(index, raw)| stage(raw, &at.item(index), check))
        .collect();
    let stages: Vec<Stage> = converted.into_iter().collect::<Option<_>>()?;
    if !stages.iter().any(|stage| !stage.warmup && stage.area() > 0.0) {
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
    Some(load)
}

fn stage(raw: &RawStage, at: &Pointer, check: &mut Check<'_>) -> Option<Stage> {
    let length = positive(&check.fill(&raw.length));
    let length = check.accept(&at.key("for"), length);
    let (from, to) = rates(raw, at, check)?;
    Some(Stage { length: length?, from, to, warmup: raw.warmup })
}

fn rates(raw: &RawStage, at: &Pointer, check: &mut Check<'_>) -> Option<(Rate, Rate)> {
    match (&raw.rate, raw.pause) {
        (None, true) => Some((Rate::ZERO, Rate::ZERO)),
        (Some(_), true) => {
            let fault = Fault::new("a pause has no rate");
            check.key(&at.key("rate"), fault.help("remove \"rate\" or \"pause\""));
            None
        }
        (None, false) => {
            let fault = Fault::new("\"rate\" is missing in a stage");
            let help = "add \"rate\": \"100/s\", \"rate\": \"50/s -> 200/s\" or \"pause\": true";
            check.value(at, fault.help(help));
            None
        }
        (Some(text), false) => {
            let rates = ramp(&check.fill(text));
            check.accept(&at.key("rate"), rates)
        }
    }
}

/// `100/s`, or `50/s -> 200/s`.
fn ramp(text: &str) -> Result<(Rate, Rate), Fault> {
    let (from, to) = match text.split_once("->") {
        Some((from, to)) => (rate(from)?, rate(to)?),
        None => (rate(text)?, rate(text)?),
    };
    if from.0 <= 0.0 && to.0 <= 0.0 {
        return Err(Fault::new("a rate of zero").help("write \"pause\": true instead of \"rate\""));
    }
    Ok((from, to))
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
