//! Which seconds of a run are judged, before any look at how they went.
//!
//! The schedule and how the run ended come in, a list of whole seconds goes out.
//! Warm-up stages stay outside wherever they are; without any, the first 10 s do,
//! but never more than a quarter of the run. `settle` may move the beginning later.

use std::ops::Range;

use crate::analysis::assessment::Warmup;
use crate::record::run::{EndReason, LoadHead, RunRecord, StageHead};

/// The warm-up of a scenario that declares none, in seconds.
const DEFAULT_WARMUP: u32 = 10;
/// A shorter run has no warm-up at all.
const SHORTEST_WITH_WARMUP: u32 = 4;
/// No run is longer: a year.
const LONGEST: f64 = 366.0 * 86_400.0;

/// The seconds that are judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The first.
    pub from: u32,
    /// One past the last.
    pub to: u32,
    /// Who decided where it begins.
    pub warmup: Warmup,
    /// The seconds in between that are no warm-up, ascending.
    pub seconds: Vec<u32>,
    /// How long they last; the last one may be a part of a second.
    pub length: f64,
}

impl Judged {
    /// The same without what lies before a second.
    #[must_use]
    pub fn starting_at(&self, from: u32) -> Judged {
        let seconds: Vec<u32> = self.seconds.iter().copied().filter(|s| *s >= from).collect();
        let dropped = self.seconds.len() - seconds.len();
        let length = self.length - dropped as f64;
        Judged { from, to: self.to, warmup: Warmup::Detected, seconds, length }
    }

    /// Whether a second is judged.
    pub fn contains(&self, second: u32) -> bool {
        self.seconds.binary_search(&second).is_ok()
    }
}

/// The seconds of a run that the schedule puts up for judgement.
pub fn judged(record: &RunRecord) -> Judged {
    let measured = measured_seconds(record);
    match record.end.as_ref().map(|end| &end.reason) {
        Some(EndReason::Hopeless { .. }) => whole(measured),
        // What was warm-up by plan is so though the run ended early.
        Some(EndReason::FailedFast { .. }) => {
            let load = &record.head.load;
            let judged = of_load(load, measured);
            let planned = of_load(load, planned_seconds(load)).from;
            if planned > judged.from && planned < judged.to {
                return Judged { warmup: judged.warmup, ..judged.starting_at(planned) };
            }
            judged
        }
        _ => of_load(&record.head.load, measured),
    }
}

/// What could not work did not warm up either, and ends before a warm-up does.
fn whole(measured: f64) -> Judged {
    let to = measured.ceil() as u32;
    Judged { from: 0, to, warmup: Warmup::None, seconds: (0..to).collect(), length: measured }
}

/// The judged seconds of a load profile of which so many seconds were run.
pub fn of_load(load: &LoadHead, measured: f64) -> Judged {
    let to = measured.ceil() as u32;
    let declared = load.warmup_seconds();
    let (from, warmup) = match (declared > 0.0, to >= SHORTEST_WITH_WARMUP) {
        (true, _) => (first_whole_second(declared).min(to), Warmup::Declared),
        (false, true) => (DEFAULT_WARMUP.min(to / 4), Warmup::Default),
        (false, false) => (0, Warmup::None),
    };
    let warm = warm_stretches(load);
    let seconds = outside(&warm, from..to);
    let partial = if seconds.last() == Some(&(to.saturating_sub(1))) {
        f64::from(to) - measured
    } else {
        0.0
    };
    let length = seconds.len() as f64 - partial;
    Judged { from, to, warmup, seconds, length }
}

/// How much of the schedule was run, in seconds.
pub fn measured_seconds(record: &RunRecord) -> f64 {
    let planned = planned_seconds(&record.head.load);
    match record.end.as_ref().map(|end| (&end.reason, end.scheduled)) {
        Some((EndReason::Finished, _)) => planned,
        Some((
            EndReason::RowsUsed { .. }
            | EndReason::Interrupted { .. }
            | EndReason::Hopeless { .. }
            | EndReason::FailedFast { .. }
            | EndReason::GeneratorLost { .. }
            | EndReason::TargetDied { .. },
            scheduled,
        )) => scheduled.clamp(0.0, planned),
        None => seen_seconds(record).min(planned),
    }
}

/// The planned length of a run in seconds.
pub fn planned_seconds(load: &LoadHead) -> f64 {
    load.seconds().clamp(0.0, LONGEST)
}

/// Until when anything is known of a run whose generator was killed. What it saw is written
/// once a second, a few milliseconds into the next one, so of the last second there may be as
/// good as nothing.
fn seen_seconds(record: &RunRecord) -> f64 {
    let generator = record.generator.last().map_or(0.0, |last| f64::from(last.second) + 1.0);
    let Some(last) = record.seconds.last() else { return generator };
    let due = |second: u32| {
        let counts = record.seconds.get(second)?.counts();
        Some(counts.iter().map(|step| step.planned).sum::<u64>())
    };
    let before = last.checked_sub(1).and_then(due);
    let found = due(last).unwrap_or(0);
    let part = before.map_or(1.0, |before| found as f64 / before.max(1) as f64);
    generator.max(f64::from(last) + part.min(1.0))
}

/// Whether the load after the warm-up is one constant rate to the end.
pub fn is_constant(load: &LoadHead) -> bool {
    let mut rest = load.stages.iter().skip_while(|stage| stage.warmup);
    let Some(first) = rest.next() else { return false };
    let same = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
    let holds = |from: f64, to: f64| same(from, first.from) && same(to, first.from);
    let flat = first.users.is_none_or(|users| users.from == users.to);
    let is_same = |stage: &StageHead| {
        !stage.warmup && holds(stage.from, stage.to) && stage.users == first.users
    };
    flat && holds(first.from, first.to) && rest.all(is_same) && parts_are_constant(load)
}

/// Whether none of several loads changes while their sum stays as it is.
fn parts_are_constant(load: &LoadHead) -> bool {
    let (warmup, whole) = (load.warmup_seconds(), load.seconds());
    load.parts.iter().all(|part| {
        let mut start = 0.0;
        let stages = part.stages.iter().map(|stage| {
            start += stage.seconds;
            (start, stage)
        });
        let rest: Vec<(f64, &StageHead)> = stages.filter(|(end, _)| *end > warmup + 1e-6).collect();
        let is_whole = rest.last().is_some_and(|(end, _)| *end >= whole - 1e-6);
        let same = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
        let is_same = |it: &StageHead, first: &StageHead| {
            same(it.from, it.to)
                && same(it.from, first.from)
                && it.users == first.users
                && it.users.is_none_or(|users| users.from == users.to)
        };
        is_whole && part.recorded.is_none() && rest.iter().all(|(_, it)| is_same(it, rest[0].1))
    })
}

/// The warm-up stages as stretches of time in seconds.
fn warm_stretches(load: &LoadHead) -> Vec<(f64, f64)> {
    let mut start = 0.0;
    let mut warm = Vec::new();
    for stage in &load.stages {
        let end = start + stage.seconds;
        if stage.warmup {
            warm.push((start, end));
        }
        start = end;
    }
    warm
}

/// The seconds of which no part is warm-up, but for what rounding leaves. Stretches ascend.
fn outside(warm: &[(f64, f64)], seconds: Range<u32>) -> Vec<u32> {
    let mut warm = warm.iter().peekable();
    let is_outside = |second: &u32| {
        let (start, end) = (f64::from(*second) + 1e-6, f64::from(*second) + 1.0 - 1e-6);
        while warm.next_if(|(_, warm_end)| *warm_end <= start).is_some() {}
        warm.peek().is_none_or(|(warm_start, _)| *warm_start >= end)
    };
    seconds.filter(is_outside).collect()
}

fn first_whole_second(seconds: f64) -> u32 {
    (seconds - 1e-6).ceil().max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::run::PartHead;
    use crate::scenario::load::{ArrivalProcess, Crowd};

    fn load(stages: &[(f64, f64, f64, bool)]) -> LoadHead {
        let stages = stages
            .iter()
            .map(|&(seconds, from, to, warmup)| StageHead {
                seconds,
                from,
                to,
                users: None,
                warmup,
            })
            .collect();
        LoadHead::new(ArrivalProcess::Poisson, 1, stages)
    }

    #[track_caller]
    fn check(stages: &[(f64, f64, f64, bool)], from: u32, to: u32, warmup: Warmup, length: f64) {
        let load = load(stages);
        let judged = of_load(&load, planned_seconds(&load));
        assert_eq!((judged.from, judged.to, judged.warmup), (from, to, warmup));
        assert!((judged.length - length).abs() < 1e-9, "{}", judged.length);
    }

    #[test]
    fn the_warmup_is_declared_or_default_or_none() {
        check(&[(10.0, 5.0, 5.0, true), (60.0, 5.0, 5.0, false)], 10, 70, Warmup::Declared, 60.0);
        check(&[(60.0, 5.0, 5.0, false)], 10, 60, Warmup::Default, 50.0);
        check(&[(20.0, 5.0, 5.0, false)], 5, 20, Warmup::Default, 15.0);
        check(&[(3.0, 5.0, 5.0, false)], 0, 3, Warmup::None, 3.0);
        check(&[(2.5, 5.0, 5.0, false)], 0, 3, Warmup::None, 2.5);
        check(&[(0.5, 5.0, 5.0, true), (9.0, 5.0, 5.0, false)], 1, 10, Warmup::Declared, 8.5);
        check(&[(5.0, 5.0, 5.0, true)], 5, 5, Warmup::Declared, 0.0);
    }

    #[test]
    fn a_warmup_in_the_middle_is_not_judged() {
        let stages = [(5.0, 5.0, 5.0, false), (2.5, 5.0, 9.0, true), (4.5, 9.0, 9.0, false)];
        let judged = of_load(&load(&stages), 12.0);
        assert_eq!(judged.seconds, [3, 4, 8, 9, 10, 11]);
    }

    #[test]
    fn many_warmups_are_all_left_out() {
        let one = [(1.0, 5.0, 5.0, true), (1.5, 5.0, 5.0, false), (0.0, 5.0, 5.0, true)];
        let stages: Vec<_> = one.into_iter().cycle().take(300).collect();
        let judged = of_load(&load(&stages), 250.0);
        // Of five seconds the first and the fourth are warm, and the third has a warm end.
        let cold: Vec<u32> = (0..250).filter(|second| second % 5 == 1 || second % 5 == 4).collect();
        assert_eq!(judged.seconds, cold);
    }

    #[test]
    fn of_a_run_that_could_not_work_everything_is_judged() {
        let mut record = crate::analysis::sample_records::run(60, 5.0);
        let end = record.end.as_mut().unwrap();
        (end.scheduled, end.seconds) = (1.2, 1.3);
        end.reason = EndReason::Hopeless { detail: "nothing worked".to_owned() };
        record.head.load.stages[0].warmup = true;
        let judged = judged(&record);
        assert_eq!((judged.seconds.as_slice(), judged.warmup), ([0, 1].as_slice(), Warmup::None));
        assert!((judged.length - 1.2).abs() < 1e-9);
    }

    #[test]
    fn only_one_rate_to_the_end_is_constant() {
        for (stages, constant) in [
            (vec![(10.0, 1.0, 9.0, true), (60.0, 9.0, 9.0, false)], true),
            (vec![(30.0, 9.0, 9.0, false), (60.0, 9.0, 9.0, false)], true),
            (vec![(30.0, 9.0, 8.0, false)], false),
            (vec![(30.0, 9.0, 9.0, false), (30.0, 0.0, 0.0, false)], false),
            (vec![(30.0, 9.0, 9.0, true)], false),
        ] {
            assert_eq!(is_constant(&load(&stages)), constant, "{stages:?}");
        }
    }

    #[test]
    fn a_sum_of_loads_is_constant_only_where_each_of_them_is() {
        let part = |stages: &[(f64, f64, f64, bool)]| PartHead {
            flows: vec!["a".to_owned()],
            arrivals: ArrivalProcess::Poisson,
            stages: load(stages).stages,
            recorded: None,
        };
        let whole = load(&[(10.0, 9.0, 9.0, true), (60.0, 9.0, 9.0, false)]);
        let flat = |rate| part(&[(5.0, rate, rate, true), (65.0, rate, rate, false)]);
        for (parts, constant) in [
            (vec![flat(4.0), flat(5.0)], true),
            (vec![part(&[(70.0, 0.0, 9.0, false)]), part(&[(70.0, 9.0, 0.0, false)])], false),
            (vec![flat(9.0), part(&[(40.0, 0.0, 0.0, false)])], false),
            (vec![PartHead { recorded: Some(7), ..flat(9.0) }], false),
        ] {
            let whole = LoadHead { parts, ..whole.clone() };
            assert_eq!(is_constant(&whole), constant, "{whole:?}");
        }
    }

    #[test]
    fn loads_that_change_against_each_other_are_not_constant() {
        let part = |stages: &[(f64, f64, f64, bool)]| PartHead {
            flows: vec!["a".to_owned()],
            arrivals: ArrivalProcess::Poisson,
            stages: load(stages).stages,
            recorded: None,
        };
        let whole = load(&[(10.0, 9.0, 9.0, true), (60.0, 9.0, 9.0, false)]);
        let steps = |a, b| part(&[(35.0, a, a, false), (35.0, b, b, false)]);
        let warm = |a, b| part(&[(10.0, a, a, true), (60.0, b, b, false)]);
        for (parts, constant) in [
            (vec![steps(4.0, 5.0), steps(5.0, 4.0)], false),
            (vec![warm(6.0, 4.0), warm(3.0, 5.0)], true),
        ] {
            assert_eq!(is_constant(&LoadHead { parts, ..whole.clone() }), constant);
        }
    }

    #[test]
    fn users_that_change_against_each_other_are_not_constant() {
        let of = |stages: &[(f64, u32, u32)]| -> Vec<StageHead> {
            let stage = |&(seconds, from, to): &(f64, u32, u32)| StageHead {
                users: Some(Crowd { from, to }),
                ..load(&[(seconds, 0.0, 0.0, false)]).stages[0]
            };
            stages.iter().map(stage).collect()
        };
        let part = |stages: &[(f64, u32, u32)]| PartHead {
            flows: vec!["a".to_owned()],
            arrivals: ArrivalProcess::Poisson,
            stages: of(stages),
            recorded: None,
        };
        for (parts, constant) in [
            (vec![part(&[(70.0, 4, 4)]), part(&[(70.0, 6, 6)])], true),
            (vec![part(&[(70.0, 4, 6)]), part(&[(70.0, 6, 4)])], false),
            (vec![part(&[(35.0, 4, 4), (35.0, 6, 6)]), part(&[(35.0, 6, 6), (35.0, 4, 4)])], false),
        ] {
            let mut whole = load(&[]);
            (whole.stages, whole.parts) = (of(&[(70.0, 10, 10)]), parts);
            assert_eq!(is_constant(&whole), constant, "{whole:?}");
        }
    }
}
