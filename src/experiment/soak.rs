//! The load of a soak: that of the scenario, for hours.
//!
//! A load profile and a length come in, a load profile of that length goes out. Warm-up stages
//! at its beginning are played once. A constant rate is held; any other profile is played
//! again and again, so that it rises and falls as often in the first hour as in the last.

use std::fmt;
use std::time::Duration;

use crate::scenario::load::{Load, Stage};
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
    let warm = load.stages.iter().take_while(|stage| stage.warmup).count();
    let (warmup, profile) = load.stages.split_at(warm);
    let rest = length.checked_sub(load.warmup()).filter(|rest| !rest.is_zero());
    let too_short = Unplayable::OnlyWarmUp { warmup: load.warmup() };
    let rest = rest.filter(|_| !profile.is_empty()).ok_or(too_short)?;
    let mut stages = warmup.to_vec();
    match constant(profile) {
        Some(rate) => {
            stages.push(Stage { length: rest, from: rate, to: rate, users: None, warmup: false });
        }
        None => stages.extend(again(profile, rest)?),
    }
    // Its length is another one, whatever has limited it before.
    Ok(Load { stages, cap: None, ..load.clone() })
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
        let part = until(stage, left);
        left -= part.length;
        stages.push(part);
    }
    Ok(stages)
}

/// A stage, or the beginning of it.
fn until(stage: &Stage, most: Duration) -> Stage {
    if stage.length <= most {
        return stage.clone();
    }
    let share = most.as_secs_f64() / stage.length.as_secs_f64();
    let to = Rate(stage.from.0 + (stage.to.0 - stage.from.0) * share);
    Stage { length: most, to, ..stage.clone() }
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
