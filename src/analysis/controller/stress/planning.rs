//! How the time and the rates of a stress test are shared out among its repeats; pure.
//!
//! A plan and the repeats so far come in; where the next repeat begins, how long its ramp may take
//! and whether there is one at all go out, and what the plan can reach at most.

use crate::analysis::controller::stress::breaking;
use crate::analysis::controller::stress::recovering::IN_A_ROW;
use crate::record::stress::{Plan, Profile, Repeat, RepeatEnd, StressEnd, StressFile};

/// Repeats after the first begin at this share of the rate that broke the target.
const SECOND_START: f64 = 0.5;
/// The first repeat's ramp takes no more of the time.
const FIRST_RAMP: f64 = 0.6;
/// What is decided holds two seconds later, for each overload and the fall back; some are spare.
const DECIDING: u32 = 10 - IN_A_ROW as u32;
/// Whoever is late with an order needs some of the schedule left.
const SPARE: u32 = 30;

/// How long a repeat takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    /// By this second its ramp is over.
    pub ramp_until: u32,
    /// It takes no longer than this, in seconds.
    pub whole: u32,
}

/// The first repeat begins where the plan says; the others nearer to the break, on the same steps.
pub fn first_rate(plan: &Plan, repeats: &[Repeat]) -> f64 {
    let broke = repeats.iter().filter_map(|repeat| {
        let hold = breaking::confirmed(repeat)?;
        Some(repeat.phases[hold].rate)
    });
    let Some(least) = broke.reduce(f64::min) else { return plan.from };
    let steps = (least * SECOND_START / plan.from).ln() / (1.0 + plan.growth).ln();
    plan.from * (1.0 + plan.growth).powf(steps.floor().max(0.0))
}

/// How long the repeat with a number takes, so many seconds after the first one began.
pub fn lengths(plan: &Plan, number: u32, spent: u32) -> Lengths {
    let tail = after_ramp(plan);
    let left = plan.within_seconds.saturating_sub(spent).saturating_sub(tail);
    let share = if number == 1 && plan.repeats > 1 { FIRST_RAMP } else { 1.0 };
    let least = plan.warmup_seconds + 2 * plan.step_seconds;
    let ramp_until = ((f64::from(left) * share) as u32).max(least);
    // A hold that finds nothing, and a step and a hold that go on until they can be judged.
    let longer = 2 * plan.hold_seconds + plan.step_seconds;
    Lengths { ramp_until, whole: ramp_until + tail + longer + SPARE }
}

/// What comes behind the ramp, in seconds.
fn after_ramp(plan: &Plan) -> u32 {
    let overloads = match plan.profile {
        Profile::Ramp => plan.hold_seconds.saturating_mul(1 + plan.factors.len() as u32),
        Profile::Spike { seconds, .. } => seconds,
    };
    [plan.recover_within_seconds, IN_A_ROW as u32, DECIDING]
        .into_iter()
        .fold(overloads, u32::saturating_add)
}

/// The shortest time in which a repeat of two steps that waits for as long as it may comes to its
/// end, in seconds.
pub fn shortest(plan: &Plan) -> u32 {
    let ramp = plan.warmup_seconds.saturating_add(plan.step_seconds.saturating_mul(2));
    ramp.saturating_add(after_ramp(plan))
}

/// The highest rate that the first repeat's ramp reaches in its time.
pub fn reaches(plan: &Plan) -> f64 {
    let ramp = lengths(plan, 1, 0).ramp_until.saturating_sub(plan.warmup_seconds);
    let steps = (ramp / plan.step_seconds.max(1)).max(1) - 1;
    (plan.from * (1.0 + plan.growth).powf(f64::from(steps))).min(plan.highest)
}

/// Why no further repeat follows the one with a number, if none does.
pub fn over(number: u32, spent: u32, file: &StressFile) -> Option<StressEnd> {
    let plan = &file.plan;
    if number >= plan.repeats {
        return None;
    }
    let last = file.repeats.last()?;
    if last.end == Some(RepeatEnd::NotRecovered) && !file.starts_afresh {
        return Some(StressEnd::NotBack);
    }
    // The next one takes no longer than the last one, which had no shorter a ramp.
    let took = last.seconds.last().map_or(0, |second| second.second + 1);
    (spent.saturating_add(took) > plan.within_seconds).then_some(StressEnd::NoTime)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::stress_sample::{sample, sample_plan};

    #[test]
    fn a_second_repeat_begins_at_half_of_the_break_on_the_same_steps() {
        let plan = Plan { from: 10.0, ..sample_plan() };
        assert!((first_rate(&plan, &[]) - 10.0).abs() < 1e-9);
        let repeats = sample().repeats;
        let first = first_rate(&plan, &repeats);
        let steps = (first / 10.0).ln() / 1.1_f64.ln();
        assert!(first <= 60.5 && first > 55.0 && (steps - steps.round()).abs() < 1e-9, "{first}");
        assert!((first_rate(&sample_plan(), &repeats) - 100.0).abs() < 1e-9, "not below the first");
        let mut unconfirmed = repeats[..1].to_vec();
        unconfirmed[0].phases.truncate(5);
        unconfirmed[0].end = Some(RepeatEnd::Generator);
        assert!((first_rate(&plan, &unconfirmed) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn the_first_ramp_leaves_time_for_the_others_and_for_what_comes_behind() {
        let plan = sample_plan();
        let [first, second] = [lengths(&plan, 1, 0), lengths(&plan, 2, 300)];
        let tail = 3 * 5 + 20 + 10;
        assert_eq!(first.ramp_until, (600 - tail) * 6 / 10);
        assert_eq!(second.ramp_until, 300 - tail);
        assert_eq!(first.whole, first.ramp_until + tail + 2 * 5 + 5 + 30);
        assert_eq!(lengths(&plan, 2, 900).ramp_until, 15, "two steps in any case");
        assert_eq!(shortest(&plan), 15 + tail);
        let spike = Plan { profile: Profile::Spike { times: 5.0, seconds: 9 }, ..plan };
        assert_eq!(shortest(&spike), 15 + 9 + 20 + 10);
    }

    #[test]
    fn a_ramp_reaches_what_its_steps_allow() {
        assert!((reaches(&sample_plan()) - 1_000.0).abs() < 1e-9, "the highest rate");
        let short = Plan { within_seconds: 60, repeats: 1, ..sample_plan() };
        assert!((reaches(&short) - 110.0).abs() < 1e-9, "two steps");
    }

    #[test]
    fn a_target_that_is_not_back_and_a_time_that_is_over_end_the_repeats() {
        let mut file = sample();
        assert_eq!(over(1, 100, &file), None);
        assert_eq!(over(1, 560, &file), Some(StressEnd::NoTime));
        assert_eq!(over(2, 560, &file), None, "it was the last one");
        file.repeats[1].end = Some(RepeatEnd::NotRecovered);
        assert_eq!(over(1, 100, &file), None);
        file.starts_afresh = false;
        assert_eq!(over(1, 100, &file), Some(StressEnd::NotBack));
    }
}
