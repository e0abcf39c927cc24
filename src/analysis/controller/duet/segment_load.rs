//! The load of one segment, out of a scenario's load profile.

use std::fmt;
use std::time::Duration;

use crate::record::duet::GateSettings;
use crate::scenario::load::{Load, Stage as LoadStage};
use crate::units::{Rate, format_duration};

/// Why a load cannot be cut into segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadError(&'static str);

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for LoadError {}

/// The load of one segment: a constant rate gets the wished lengths, any other profile is
/// played as it is.
pub fn segment_load(
    load: &Load,
    rate: Option<Rate>,
    warmup: Option<Duration>,
    judged: Option<Duration>,
) -> Result<Load, LoadError> {
    let steady = rate.or_else(|| steady_rate(load));
    let Some(rate) = steady else {
        return as_it_is(load, warmup.or(judged).is_some());
    };
    let declared: Duration = load.stages.iter().filter(|s| s.warmup).map(|s| s.length).sum();
    let or = |declared: Duration, default| if declared.is_zero() { default } else { declared };
    let warmup = warmup.unwrap_or_else(|| or(declared, Duration::from_secs(10)));
    let judged = judged.unwrap_or(Duration::from_secs(60));
    let stage = |length: Duration, warmup| LoadStage {
        length: whole_seconds(length),
        from: rate,
        to: rate,
        users: None,
        warmup,
    };
    let stages = vec![stage(warmup, true), stage(judged, false)];
    Ok(Load { stages, cap: None, ..load.clone() })
}

/// The one rate of all judged stages, if there is one.
fn steady_rate(load: &Load) -> Option<Rate> {
    let mut judged = load.stages.iter().filter(|stage| !stage.warmup);
    let first = judged.next()?.from;
    let same = |rate: Rate| (rate.0 - first.0).abs() < 1e-9;
    let is_steady =
        load.stages.iter().all(|stage| stage.warmup || same(stage.from) && same(stage.to));
    is_steady.then_some(first)
}

fn as_it_is(load: &Load, is_cut: bool) -> Result<Load, LoadError> {
    let begins_warm = load.stages.first().is_some_and(|stage| stage.warmup);
    let ends_warm = load.stages.iter().skip_while(|stage| stage.warmup).any(|stage| stage.warmup);
    let is_whole = load.stages.iter().all(|stage| stage.length.subsec_nanos() == 0);
    let wrong = if is_cut {
        "a load that changes is played as it is in each segment; --segment and --warmup are for \
         a constant rate (or give one with -R)"
    } else if !begins_warm || ends_warm {
        "a load that changes needs one warm-up at its beginning to be played in segments; add \
         \"warmup\": true to a first stage, or give a constant rate with -R"
    } else if !is_whole {
        "the stages of a load that is played in segments last whole seconds"
    } else {
        return Ok(load.clone());
    };
    Err(LoadError(wrong))
}

/// Rounded up to a whole second, at least one.
pub(super) fn whole_seconds(length: Duration) -> Duration {
    let more = u64::from(length.subsec_nanos() > 0);
    Duration::from_secs((length.as_secs() + more).max(1))
}

/// `5 segments of 60 s after 10 s of warm-up, at most 5m50s`.
pub fn describe(load: &Load, settings: &GateSettings, pilot: Duration) -> String {
    let of = |warmup| -> Duration {
        load.stages.iter().filter(|stage| stage.warmup == warmup).map(|stage| stage.length).sum()
    };
    let all = load.length() * settings.looks;
    let segments = format!(
        "at most {} segment{} of {} after {} of warm-up, {} in all",
        settings.looks,
        if settings.looks == 1 { "" } else { "s" },
        format_duration(of(false)),
        format_duration(of(true)),
        format_duration(all)
    );
    if pilot.is_zero() {
        return segments;
    }
    format!("{segments}, and a pilot of {} before them", format_duration(of(true) + pilot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load::ArrivalProcess;

    fn load(stages: &[(u64, f64, f64, bool)]) -> Load {
        let stage = |&(seconds, from, to, warmup): &(u64, f64, f64, bool)| LoadStage {
            length: Duration::from_secs(seconds),
            from: Rate(from),
            to: Rate(to),
            users: None,
            warmup,
        };
        let stages = stages.iter().map(stage).collect();
        Load::new(ArrivalProcess::Poisson, 1, stages)
    }

    fn lengths(load: &Load) -> Vec<(u64, f64)> {
        load.stages.iter().map(|stage| (stage.length.as_secs(), stage.from.0)).collect()
    }

    #[test]
    fn a_constant_rate_gets_the_wished_lengths() {
        let steady = load(&[(5, 0.0, 50.0, true), (600, 50.0, 50.0, false)]);
        let defaults = segment_load(&steady, None, None, None).unwrap();
        assert_eq!(lengths(&defaults), [(5, 50.0), (60, 50.0)]);
        let ms = |ms| Some(Duration::from_millis(ms));
        let wished = segment_load(&steady, Some(Rate(7.0)), ms(2_500), ms(20_000)).unwrap();
        assert_eq!(lengths(&wished), [(3, 7.0), (20, 7.0)]);
        let cold = segment_load(&load(&[(30, 9.0, 9.0, false)]), None, None, None).unwrap();
        assert_eq!(lengths(&cold), [(10, 9.0), (60, 9.0)]);
    }

    #[test]
    fn a_load_that_changes_is_played_as_it_is() {
        let ramp = load(&[(5, 10.0, 10.0, true), (60, 10.0, 90.0, false)]);
        assert_eq!(segment_load(&ramp, None, None, None).unwrap(), ramp);
        let cut = segment_load(&ramp, None, None, Some(Duration::from_secs(9))).unwrap_err();
        assert!(cut.to_string().contains("--segment"), "{cut}");
        let cold = segment_load(&load(&[(60, 10.0, 90.0, false)]), None, None, None);
        assert!(cold.unwrap_err().to_string().contains("warmup"));
    }
}
