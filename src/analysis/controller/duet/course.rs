//! How a duet spends its time: how many segments, how long, after which warm-up.
//!
//! A length of time and what a start takes in, a plan out. Two things make a ratio uncertain:
//! each start of a process (`2σ_p²` for each of R segments), and what happens while it runs
//! (c ÷ judged seconds). A segment of L judged seconds costs o more: its start, its warm-up and
//! its end. For a given time the variance `(2σ_p² + c/L)/R` with `R = time/(o + L)` is smallest at
//!
//! ```text
//! L = √(o · c/(2σ_p²))
//! ```
//!
//! (optimal allocation with a cost per cluster: Cochran, *Sampling Techniques*, section 10.6.)
//! `c/(2σ_p²)` is the length at which both are the same. On the Fastify reference API it is about
//! 10 s for CPU per request and 45 s for p50; rare stops, which are events in time, want it longer
//! still.

use std::time::Duration;

use crate::analysis::controller::duet::segment_load::whole_seconds;
use crate::scenario::load::{Load, Stage};
use crate::units::format_duration;

/// `c/(2σ_p²)`, in seconds.
const BALANCE: f64 = 50.0;
/// Shortest judged length of a segment, and fewest and most segments.
const SHORTEST: f64 = 10.0;
const FEWEST: u32 = 2;
const MOST: u32 = 10;
/// The warm-up of a segment, unless one is asked for, and its least share of the declared one.
const WARMUP: Duration = Duration::from_secs(5);
/// What the end of a segment takes: the last answers, and both processes' ends.
const END: Duration = Duration::from_secs(1);

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within {
    /// All of it, from the first start of an arm to the last segment's end.
    pub time: Duration,
    /// So many segments.
    pub segments: Option<u32>,
    /// So long each.
    pub segment: Option<Duration>,
    /// After such a warm-up.
    pub warmup: Option<Duration>,
}

/// What is known once both arms are up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// How long the start of both arms took.
    pub start: Duration,
    /// What of the time is spent already, the start that was seen not counted.
    pub spent: Duration,
    /// Whether each second is played twice, once for each arm.
    pub in_turns: bool,
}

/// What will be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// At most so many segments.
    pub segments: u32,
    /// The load of each.
    pub load: Load,
    /// One sentence.
    pub sentence: String,
}

/// The plan for a load: one of a constant rate gets the lengths that suit the time, another one
/// is played as it is, as often as there is time.
pub fn plan(within: &Within, load: &Load, known: Known) -> Planned {
    let factor = if known.in_turns { 2 } else { 1 };
    let mut load = load.clone();
    let is_steady = load.is_steady();
    if is_steady {
        load.set_length(0, within.warmup.unwrap_or(load.stages[0].length.min(WARMUP)));
    }
    let warmup: Duration = load.stages.iter().filter(|s| s.warmup).map(|s| s.length).sum();
    let overhead = known.start + END + warmup * factor;
    let time = within.time.saturating_sub(known.spent);
    let judged: Duration = load.stages.iter().filter(|s| !s.warmup).map(|s| s.length).sum();
    let fixed = within.segment.or((!is_steady).then_some(judged));
    let (segments, judged) = lengths(
        time.as_secs_f64(),
        overhead.as_secs_f64(),
        f64::from(factor),
        (within.segments, fixed.map(|length| length.as_secs_f64())),
    );
    if is_steady {
        // Turns are of five seconds each.
        let judged = if known.in_turns { (judged / 5.0).floor().max(1.0) * 5.0 } else { judged };
        load.set_length(1, whole_seconds(Duration::from_secs_f64(judged)));
    }
    let all = (overhead + length_of(&load.stages, false) * factor) * segments;
    let sentence = sentence(segments, &load.stages, known.start, all, time);
    Planned { segments, load, sentence }
}

/// The least time that such a course takes with arms at once.
pub fn least(within: &Within, start: Duration) -> Duration {
    let judged = within.segment.unwrap_or(Duration::from_secs_f64(SHORTEST));
    let each = start + END + within.warmup.unwrap_or(WARMUP) + judged;
    each * within.segments.unwrap_or(FEWEST)
}

/// How many segments, and how many judged seconds each.
fn lengths(
    time: f64,
    overhead: f64,
    factor: f64,
    (segments, judged): (Option<u32>, Option<f64>),
) -> (u32, f64) {
    let fitting = |judged: f64| ((time / (overhead + factor * judged)) as u32).clamp(FEWEST, MOST);
    let left = |segments: u32| {
        let each = (time / f64::from(segments.max(1)) - overhead) / factor;
        each.floor().max(SHORTEST)
    };
    match (segments, judged) {
        (Some(segments), Some(judged)) => (segments, judged),
        (None, Some(judged)) => (fitting(judged), judged),
        (Some(segments), None) => (segments, left(segments)),
        (None, None) => {
            let best = (overhead / factor * BALANCE).sqrt().max(SHORTEST);
            let wished = (time / (overhead + factor * best)).round() as u32;
            let segments = wished.min(fitting(SHORTEST)).clamp(FEWEST, MOST);
            (segments, left(segments))
        }
    }
}

fn length_of(stages: &[Stage], warmup: bool) -> Duration {
    stages.iter().filter(|stage| stage.warmup == warmup).map(|stage| stage.length).sum()
}

/// `at most 5 segments of 21s after 5s of warm-up, as a start takes 9.6 s: 2m58s in all`.
fn sentence(
    segments: u32,
    stages: &[Stage],
    start: Duration,
    all: Duration,
    time: Duration,
) -> String {
    let rounded = |length: Duration| format_duration(whole_seconds(length));
    let more = if all > time + Duration::from_secs(1) {
        format!(", more than the {} that are left", rounded(time))
    } else {
        String::new()
    };
    format!(
        "at most {segments} segments of {} after {} of warm-up, as a start takes {:.1} s: {} in \
         all{more}",
        format_duration(length_of(stages, false)),
        format_duration(length_of(stages, true)),
        start.as_secs_f64(),
        rounded(all),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load::ArrivalProcess;
    use crate::units::Rate;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn steady() -> Load {
        let stage = |seconds, warmup| Stage {
            length: S(seconds),
            from: Rate(60.0),
            to: Rate(60.0),
            users: None,
            warmup,
        };
        let stages = vec![stage(10, true), stage(60, false)];
        Load::new(ArrivalProcess::Poisson, 1, stages)
    }

    fn within(seconds: u64) -> Within {
        Within { time: S(seconds), segments: None, segment: None, warmup: None }
    }

    fn known(start: u64) -> Known {
        Known { start: S(start), spent: S(3), in_turns: false }
    }

    fn planned(within: Within, known: Known) -> (u32, u64, u64) {
        let found = plan(&within, &steady(), known);
        let stages = &found.load.stages;
        (found.segments, stages[0].length.as_secs(), stages[1].length.as_secs())
    }

    #[test]
    fn slow_starts_make_fewer_and_longer_segments_within_the_time() {
        for (start, expected) in [(0, 8), (3, 6), (10, 4), (30, 2)] {
            let (segments, warmup, judged) = planned(within(180), known(start));
            assert_eq!((segments, warmup), (expected, 5), "a start of {start} s");
            let all = u64::from(segments) * (start + 1 + warmup + judged);
            assert!((160..=177).contains(&all), "{all} s: {segments} of {judged} s");
        }
    }

    #[test]
    fn what_is_asked_for_is_kept() {
        let asked = Within { segments: Some(3), ..within(180) };
        assert_eq!(planned(asked, known(4)), (3, 5, 49));
        let asked = Within { segment: Some(S(20)), warmup: Some(S(8)), ..within(180) };
        assert_eq!(planned(asked, known(4)), (5, 8, 20));
    }

    #[test]
    fn turns_play_every_second_twice() {
        let known = Known { in_turns: true, ..known(4) };
        let (segments, warmup, judged) = planned(within(180), known);
        let all = u64::from(segments) * (4 + 1 + 2 * (warmup + judged));
        assert!(all <= 180 && judged % 5 == 0, "{segments} of {judged} s");
    }

    #[test]
    fn too_little_time_is_said() {
        let found = plan(&within(20), &steady(), known(10));
        assert_eq!(found.segments, 2);
        assert!(found.sentence.contains("more than the 17s that are left"), "{}", found.sentence);
    }

    #[test]
    fn a_load_that_changes_is_played_as_often_as_there_is_time() {
        let mut ramp = steady();
        ramp.stages[1].to = Rate(90.0);
        ramp.stages.push(Stage { length: S(5), ..ramp.stages[1] });
        let found = plan(&within(300), &ramp, known(4));
        assert_eq!((found.segments, &found.load), (3, &ramp));
    }
}
