//! The load of one segment, out of a scenario's load profile.

use std::fmt;
use std::time::Duration;

use crate::record::duet::GateSettings;
use crate::scenario::load::{Load, Part, Stage as LoadStage};
use crate::scenario::sum;
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

/// The load of one segment: a constant rate, or a constant one of each of several loads, gets the
/// wished lengths, any other profile is played as it is.
pub fn segment_load(
    load: &Load,
    rate: Option<Rate>,
    warmup: Option<Duration>,
    judged: Option<Duration>,
) -> Result<Load, LoadError> {
    if rate.is_some() && !load.parts.is_empty() {
        return Err(LoadError(
            "-R is the rate of one load, and this scenario has several at once; change the rates \
             of their stages instead",
        ));
    }
    let steady = rate.or_else(|| steady_rate(load));
    let own: Option<Vec<Rate>> =
        load.parts.iter().map(|part| steady_part(part, &load.stages)).collect();
    let (Some(rate), Some(own)) = (steady, own) else {
        return as_it_is(load, warmup.or(judged).is_some());
    };
    let declared: Duration = load.stages.iter().filter(|s| s.warmup).map(|s| s.length).sum();
    let or = |declared: Duration, default| if declared.is_zero() { default } else { declared };
    let warmup = warmup.unwrap_or_else(|| or(declared, Duration::from_secs(10)));
    let judged = judged.unwrap_or(Duration::from_secs(60));
    let stages = |rate: Rate| {
        let stage = |length: Duration, warmup| LoadStage {
            length: whole_seconds(length),
            from: rate,
            to: rate,
            users: None,
            warmup,
        };
        vec![stage(warmup, true), stage(judged, false)]
    };
    let with_own = |(part, rate): (&Part, Rate)| Part { stages: stages(rate), ..part.clone() };
    let parts = load.parts.iter().zip(own).map(with_own).collect();
    Ok(Load { stages: stages(rate), parts, cap: None, ..load.clone() })
}

/// The one rate that a part has wherever the whole is judged.
fn steady_part(part: &Part, whole: &[LoadStage]) -> Option<Rate> {
    let (mut start, mut found) = (Duration::ZERO, None::<f64>);
    for stage in whole {
        let begin = start;
        start += stage.length;
        if stage.warmup {
            continue;
        }
        let own = sum::at(&part.stages, begin);
        let (from, to) = own.map_or((0.0, 0.0), |(own, _)| (own.from.0, own.to.0));
        let rate = *found.get_or_insert(from);
        if part.recorded.is_some() || (from - rate).abs() > 1e-9 || (to - rate).abs() > 1e-9 {
            return None;
        }
    }
    found.map(Rate)
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

    fn part(stages: &[(u64, f64, f64, bool)]) -> Part {
        let (arrivals, stages) = (ArrivalProcess::Poisson, load(stages).stages);
        Part { flows: vec![0], arrivals, stages, recorded: None }
    }

    fn several(parts: Vec<Part>) -> Load {
        Load { stages: sum::of(&parts, |_| 1.0), parts, ..load(&[]) }
    }

    #[test]
    fn several_loads_of_constant_rates_get_the_wished_lengths_each_at_its_rate() {
        let main = part(&[(5, 50.0, 50.0, true), (30, 50.0, 50.0, false)]);
        let late = part(&[(5, 0.0, 0.0, false), (30, 4.0, 4.0, false)]);
        let both = several(vec![main.clone(), late]);
        let found = segment_load(&both, None, None, None).unwrap();
        assert_eq!(lengths(&found), [(5, 54.0), (60, 54.0)]);
        assert!(found.is_steady());
        let own = |load: &Load, part: usize| -> Vec<(u64, f64)> {
            let stages = load.parts[part].stages.iter();
            stages.map(|it| (it.length.as_secs(), it.from.0)).collect()
        };
        assert_eq!(
            [own(&found, 0), own(&found, 1)],
            [50.0, 4.0].map(|rate| vec![(5, rate), (60, rate)])
        );
        let mut longer = found.clone();
        longer.set_length(1, Duration::from_secs(20));
        assert_eq!(
            (lengths(&longer), own(&longer, 1)),
            (vec![(5, 54.0), (20, 54.0)], vec![(5, 4.0), (20, 4.0)])
        );
        assert!(longer.is_steady());
        let refused = segment_load(&both, Some(Rate(9.0)), None, None).unwrap_err();
        assert!(refused.to_string().contains("several at once"), "{refused}");
        // Their sum stays as it is, and they do not.
        let up = part(&[(5, 1.0, 1.0, false), (30, 1.0, 31.0, false)]);
        let down = part(&[(5, 1.0, 1.0, true), (30, 31.0, 1.0, false)]);
        let swap = several(vec![up, down]);
        assert_eq!(steady_rate(&swap), Some(Rate(32.0)));
        assert_eq!(segment_load(&swap, None, None, None).unwrap(), swap);
        assert!(!swap.is_steady());
        let short = several(vec![main, part(&[(20, 4.0, 4.0, false)])]);
        assert_eq!(segment_load(&short, None, None, None).unwrap(), short, "it ends before");
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
