//! The load of a soak: that of the scenario, for hours.
//!
//! A load profile and a length come in, a load profile of that length goes out. Warm-up stages
//! at its beginning are played once. A constant rate is held; any other profile is played
//! again and again, so that it rises and falls as often in the first hour as in the last. Several
//! loads at once stay as they are to each other: one that ends before the others pauses until
//! all begin again.

use std::fmt;
use std::time::Duration;

use crate::scenario::load::{Load, Part, Stage};
use crate::scenario::sum;
use crate::units::{Rate, format_duration};

/// The most stages of a soak.
const MOST_STAGES: usize = 1_000;

/// Why there is no load of a soak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unplayable {
    /// The warm-up alone takes as long.
    OnlyWarmUp {
        /// How long the warm-up is.
        warmup: Duration,
    },
    /// The profile would have to be played too often.
    TooOften {
        /// How long it is.
        profile: Duration,
    },
}

impl fmt::Display for Unplayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unplayable::OnlyWarmUp { warmup } => write!(
                f,
                "the scenario's warm-up of {} leaves nothing of this length; give a longer one \
                 with -d",
                format_duration(*warmup)
            ),
            Unplayable::TooOften { profile } => write!(
                f,
                "a load that changes is played again and again, and this one of {} would be played \
                 too often; give longer stages, a constant rate, or a shorter -d",
                format_duration(*profile)
            ),
        }
    }
}

impl std::error::Error for Unplayable {}

/// A load of a length, in whole seconds.
pub fn lasting(load: &Load, length: Duration) -> Result<Load, Unplayable> {
    let (warmup, whole) = (load.warmup(), load.length());
    let rest = length.checked_sub(warmup).filter(|rest| !rest.is_zero() && warmup < whole);
    let rest = rest.ok_or(Unplayable::OnlyWarmUp { warmup })?;
    let lasting = |stages: &[Stage]| -> Result<Vec<Stage>, Unplayable> {
        let mut all = window(stages, Duration::ZERO, warmup);
        let profile = window(stages, warmup, whole);
        match constant(&profile) {
            Some(rate) => all.push(flat(rest, rate)),
            None => all.extend(again(&profile, rest)?),
        }
        Ok(all)
    };
    let part = |part: &Part| Ok(Part { stages: lasting(&part.stages)?, ..part.clone() });
    let parts = load.parts.iter().map(part).collect::<Result<Vec<Part>, Unplayable>>()?;
    let stages = if parts.is_empty() { lasting(&load.stages)? } else { sum::of(&parts, |_| 1.0) };
    // Its length is another one, whatever has limited it before.
    Ok(Load { stages, parts, cap: None, ..load.clone() })
}

fn flat(length: Duration, rate: Rate) -> Stage {
    Stage { length, from: rate, to: rate, users: None, warmup: false }
}

/// What of some stages lies between two moments, with a pause behind their end.
fn window(stages: &[Stage], from: Duration, to: Duration) -> Vec<Stage> {
    let (mut start, mut found) = (Duration::ZERO, Vec::new());
    for stage in stages {
        let end = start + stage.length;
        let (begin, until) = (start.max(from), end.min(to));
        if begin < until {
            found.push(piece(stage, begin.saturating_sub(start), until.saturating_sub(start)));
        }
        start = end;
    }
    let left = to.saturating_sub(start.max(from));
    if !left.is_zero() {
        found.push(flat(left, Rate::ZERO));
    }
    found
}

/// The one rate of a profile, if there is one.
fn constant(profile: &[Stage]) -> Option<Rate> {
    let rate = profile.first()?.from;
    let same = |other: Rate| (other.0 - rate.0).abs() < 1e-9;
    let holds = |stage: &Stage| !stage.warmup && same(stage.from) && same(stage.to);
    profile.iter().all(holds).then_some(rate)
}

/// A profile again and again for a length; the last time it may be cut.
fn again(profile: &[Stage], length: Duration) -> Result<Vec<Stage>, Unplayable> {
    let (mut stages, mut left) = (Vec::new(), length);
    for stage in profile.iter().cycle() {
        if left.is_zero() {
            break;
        }
        if stages.len() >= MOST_STAGES {
            let profile = profile.iter().map(|stage| stage.length).sum();
            return Err(Unplayable::TooOften { profile });
        }
        let part = piece(stage, Duration::ZERO, stage.length.min(left));
        left -= part.length;
        stages.push(part);
    }
    Ok(stages)
}

/// A stage between two of its moments.
fn piece(stage: &Stage, from: Duration, to: Duration) -> Stage {
    if from.is_zero() && to == stage.length {
        return stage.clone();
    }
    let rate = |at: Duration| {
        let share = at.as_secs_f64() / stage.length.as_secs_f64();
        Rate(stage.from.0 + (stage.to.0 - stage.from.0) * share)
    };
    Stage { length: to.saturating_sub(from), from: rate(from), to: rate(to), ..stage.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load::ArrivalProcess;

    fn load(stages: &[(u64, f64, f64, bool)]) -> Load {
        let stage = |&(seconds, from, to, warmup): &(u64, f64, f64, bool)| Stage {
            length: Duration::from_secs(seconds),
            from: Rate(from),
            to: Rate(to),
            users: None,
            warmup,
        };
        let stages = stages.iter().map(stage).collect();
        Load::new(ArrivalProcess::Poisson, 1, stages)
    }

    fn hours(hours: u64) -> Duration {
        Duration::from_secs(hours * 3_600)
    }

    #[test]
    fn a_constant_rate_is_held() {
        let short = load(&[(10, 5.0, 50.0, true), (30, 50.0, 50.0, false), (9, 50.0, 50.0, false)]);
        let long = lasting(&short, hours(8)).unwrap();
        assert_eq!(long, load(&[(10, 5.0, 50.0, true), (28_790, 50.0, 50.0, false)]));
        assert_eq!(long.length(), hours(8));
        let again = lasting(&long, hours(8)).unwrap();
        assert_eq!(again, long, "what is as long already stays");
    }

    #[test]
    fn a_load_that_changes_is_played_again_and_cut_at_the_end() {
        let wave =
            load(&[(60, 10.0, 10.0, true), (100, 10.0, 90.0, false), (100, 90.0, 10.0, false)]);
        let long = lasting(&wave, Duration::from_secs(410)).unwrap();
        let lengths: Vec<u64> = long.stages.iter().map(|stage| stage.length.as_secs()).collect();
        assert_eq!(lengths, [60, 100, 100, 100, 50]);
        assert!((long.stages[4].to.0 - 50.0).abs() < 1e-9, "{:?}", long.stages[4]);
    }

    fn several(loads: &[&[(u64, f64, f64, bool)]]) -> Load {
        let part = |stages: &&[(u64, f64, f64, bool)]| Part {
            flows: vec![0],
            arrivals: ArrivalProcess::Poisson,
            stages: load(stages).stages,
            recorded: None,
        };
        let parts: Vec<Part> = loads.iter().map(part).collect();
        Load { stages: sum::of(&parts, |_| 1.0), parts, ..load(&[]) }
    }

    fn told(stages: &[Stage]) -> Vec<(u64, f64, f64, bool)> {
        let of = |it: &Stage| (it.length.as_secs(), it.from.0, it.to.0, it.warmup);
        stages.iter().map(of).collect()
    }

    #[test]
    fn several_loads_stay_as_they_are_to_each_other() {
        let both = several(&[
            &[(10, 50.0, 50.0, true), (30, 50.0, 50.0, false)],
            &[(20, 4.0, 8.0, false), (10, 0.0, 0.0, false)],
        ]);
        let long = lasting(&both, Duration::from_secs(95)).unwrap();
        assert_eq!(told(&long.parts[0].stages), [(10, 50.0, 50.0, true), (85, 50.0, 50.0, false)]);
        // What is left of the ramp behind the warm-up, its pause, and that of a load that is over.
        let cycle = [(10, 6.0, 8.0, false), (10, 0.0, 0.0, false), (10, 0.0, 0.0, false)];
        let import =
            [&[(10, 4.0, 6.0, false)][..], &cycle, &cycle, &cycle[..2], &[(5, 0.0, 0.0, false)]];
        assert_eq!(told(&long.parts[1].stages), import.concat());
        assert_eq!((long.length(), long.warmup()), (Duration::from_secs(95), both.warmup()));
        assert_eq!(told(&long.stages)[1], (10, 56.0, 58.0, false), "they are a sum");
        assert_eq!(lasting(&long, Duration::from_secs(95)).unwrap(), long);
    }

    #[test]
    fn what_cannot_be_played_is_said() {
        let warm = load(&[(600, 10.0, 10.0, true), (60, 10.0, 10.0, false)]);
        let short = lasting(&warm, Duration::from_secs(600)).unwrap_err();
        assert!(short.to_string().contains("10m"), "{short}");
        let quick = load(&[(1, 10.0, 90.0, false), (1, 90.0, 10.0, false)]);
        let often = lasting(&quick, hours(8)).unwrap_err();
        assert_eq!(often, Unplayable::TooOften { profile: Duration::from_secs(2) });
    }
}
