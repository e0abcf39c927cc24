//! The planned load in words.

use crate::record::run::{LoadHead, PartHead, StageHead};
use crate::report::figures;
use crate::report::phrases::run::stage;
use crate::scenario::load::CapBy;

/// More stages are not told one by one.
const MOST_STAGES: usize = 24;

/// `60 s at 100/s; 30 s from 100/s to 0/s`, of several loads each.
pub(in crate::report) fn stages(load: &LoadHead) -> String {
    if load.parts.is_empty() {
        return of_all(&load.stages);
    }
    load.parts.iter().map(part).collect::<Vec<_>>().join(" | ")
}

fn part(part: &PartHead) -> String {
    let stages = match part.recorded {
        None => of_all(&part.stages),
        Some(moments) => {
            let seconds: f64 = part.stages.iter().map(|stage| stage.seconds).sum();
            format!("{} recorded moments in {}", figures::count(moments), figures::seconds(seconds))
        }
    };
    format!("{}: {stages}", part.name())
}

fn of_all(stages: &[StageHead]) -> String {
    if stages.len() <= MOST_STAGES {
        return stages.iter().map(stage).collect::<Vec<_>>().join("; ");
    }
    let seconds: f64 = stages.iter().map(|stage| stage.seconds).sum();
    let ends = |pick: fn(f64, f64) -> f64, first: f64, of: fn(&StageHead) -> [f64; 2]| {
        stages.iter().flat_map(of).fold(first, pick)
    };
    let length = figures::seconds(seconds);
    let count = figures::counted(stages.len(), "stage");
    if stages.iter().any(|stage| stage.users.is_some()) {
        let users: fn(&StageHead) -> [f64; 2] =
            |stage| stage.users.map_or([0.0; 2], |users| [users.from, users.to].map(f64::from));
        let [low, high] = [ends(f64::min, f64::INFINITY, users), ends(f64::max, 0.0, users)]
            .map(|users| figures::count(users as u64));
        return format!("{length} with {low} to {high} users, in {count}");
    }
    let rates: fn(&StageHead) -> [f64; 2] = |stage| [stage.from, stage.to];
    let [low, high] = [ends(f64::min, f64::INFINITY, rates), ends(f64::max, 0.0, rates)];
    format!("{length} between {} and {}, in {count}", figures::rate(low), figures::rate(high))
}

/// That a cap ended the load before its stages did, as planned.
pub(in crate::report) fn cap(load: &LoadHead) -> Option<String> {
    let cap = load.cap?;
    let by = match cap.by {
        CapBy::Duration => "max_duration".to_owned(),
        CapBy::Iterations(most) => format!("a cap of {} iterations", figures::count(most)),
    };
    Some(format!(
        "after {} of {}, as planned: {by}",
        figures::seconds(load.seconds()),
        figures::seconds(cap.planned_seconds)
    ))
}
