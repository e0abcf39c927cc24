//! Whether a target keeps up with a rate, by the seconds at that rate.
//!
//! Two signs, either of which is enough: more than one request in twenty fails, or requests in
//! flight grow from second to second, by more than one in fifty of those that come in. The first
//! is told early; the second by a whole step, as its slope is a median of all pairs of seconds
//! (Theil–Sen) and one bad second moves it little. Where few requests come in, a step of which a
//! quarter failed, or nothing worked, is one more.
//!
//! Only seconds judge in which the generator was in time, and in the one before: what comes right
//! behind a stop of the generator is the burst that it sends then.

use crate::analysis::stats::{mean, theil_sen};
use crate::record::stress::{PhaseKind, Repeat, RepeatEnd, StressSecond};

/// The share of failures from which on a target does not keep up.
pub const FAILING: f64 = 0.05;
/// So many of the requests that come in each second may stay.
pub const GROWS: f64 = 0.02;
/// Failures in a step that are no bad luck.
pub const FEWEST_FAILED: u64 = 10;
/// With fewer failures than that: so many, and such a share of a whole step.
const FEW_FAILED: u64 = 2;
const FAILING_STEP: f64 = 0.25;
/// Of so many requests at least one must work.
pub const FEWEST_OFFERED: u64 = 2;
/// Fewer seconds have no slope.
const FEWEST_SECONDS: usize = 3;
/// So many times what is usual is a backlog, and so many more.
const USUAL: f64 = 2.0;
const MORE: f64 = 5.0;

/// Why a target does not keep up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Broken {
    /// So large a share of the requests failed.
    Failures(f64),
    /// Requests came in, and none was answered as expected.
    NothingWorked,
    /// So many more were in flight each second.
    Growth(f64),
    /// So many were in flight and did not become fewer.
    Backlog(u64),
}

/// The hold that confirmed the break: the ramp did not go on behind it, and it came to its end,
/// which the phase behind it tells, or the target died in it.
pub fn confirmed(repeat: &Repeat) -> Option<usize> {
    let hold = repeat.last_of(PhaseKind::Hold)?;
    let next = repeat.phases.get(hold + 1).map(|next| next.kind);
    let has_died = matches!(repeat.end, Some(RepeatEnd::Died { .. }));
    next.map_or(has_died, |next| next != PhaseKind::Ramp).then_some(hold)
}

/// The seconds that say something of the target.
pub fn judging(seconds: &[StressSecond]) -> Vec<&StressSecond> {
    let is_behind = |before: &StressSecond, second: &StressSecond| {
        !before.late && before.second + 1 == second.second
    };
    let judges = |(index, second): (usize, &StressSecond)| {
        let before = index.checked_sub(1).and_then(|before| seconds.get(before));
        !second.late && before.is_none_or(|before| is_behind(before, second))
    };
    let indexes = seconds.iter().enumerate().filter(|(index, second)| judges((*index, second)));
    indexes.map(|(_, second)| second).collect()
}

/// Whether so many of the seconds of a step judge that it can be told to keep up.
pub fn is_judged(seconds: &[StressSecond], step: u32) -> bool {
    let wanted = FEWEST_SECONDS.max(step as usize / 2);
    judging(seconds).len() >= wanted
}

/// Whether it fails too often, which two seconds in a row must agree in.
pub fn failing(seconds: &[StressSecond]) -> Option<Broken> {
    let judged = judging(seconds);
    let share = share_of(&judged);
    let failed: u64 = judged.iter().map(|second| second.failed()).sum();
    let lasts = judged.len() >= 2
        && judged.iter().rev().take(2).all(|second| second.failed() * 20 > ended(second));
    (share > FAILING && failed >= FEWEST_FAILED && lasts).then_some(Broken::Failures(share))
}

/// The same by all seconds of a step: where few come in, few fail.
pub fn failed_step(seconds: &[StressSecond]) -> Option<Broken> {
    let judged = judging(seconds);
    let sum = |of: fn(&StressSecond) -> u64| judged.iter().map(|second| of(second)).sum::<u64>();
    let share = share_of(&judged);
    if sum(StressSecond::failed) >= FEW_FAILED && share > FAILING_STEP {
        return Some(Broken::Failures(share));
    }
    let is_silent = sum(|second| second.offered) >= FEWEST_OFFERED && sum(|it| it.ok) == 0;
    is_silent.then_some(Broken::NothingWorked)
}

/// Whether requests in flight grow, where so many are usual at this rate.
pub fn growing(seconds: &[StressSecond], usual: f64) -> Option<Broken> {
    let judged = judging(seconds);
    let last = judged.last()?;
    if judged.len() < FEWEST_SECONDS || !is_backlog(last.in_flight, usual) {
        return None;
    }
    let in_flight: Vec<f64> = judged.iter().map(|second| second.in_flight as f64).collect();
    let offered = judged.iter().map(|second| second.offered).sum::<u64>() as f64;
    let slope = theil_sen(&in_flight);
    (slope > GROWS * offered / judged.len() as f64).then_some(Broken::Growth(slope))
}

/// Whether it still does not keep up, after a while at the same rate.
pub fn staying(seconds: &[StressSecond], usual: f64) -> Option<Broken> {
    let (_, later) = seconds.split_at(seconds.len() / 2);
    let judged = judging(later);
    let share = share_of(&judged);
    if share > FAILING {
        return Some(Broken::Failures(share));
    }
    let backlog = || {
        let least = judged.iter().map(|second| second.in_flight).min()?;
        is_backlog(least, usual).then_some(Broken::Backlog(least))
    };
    growing(seconds, usual).or_else(backlog).or_else(|| failed_step(later))
}

/// Whether the generator was late in most of so many seconds; those that it did not see count.
pub fn is_late(seconds: &[StressSecond], length: u32) -> bool {
    let in_time = seconds.iter().filter(|second| !second.late).count();
    in_time * 2 < length as usize
}

/// Failed requests among those that ended.
pub fn failure_share(seconds: &[StressSecond]) -> f64 {
    share_of(&seconds.iter().collect::<Vec<_>>())
}

fn share_of(seconds: &[&StressSecond]) -> f64 {
    let failed: u64 = seconds.iter().map(|second| second.failed()).sum();
    let ended: u64 = seconds.iter().map(|second| ended(second)).sum();
    failed as f64 / ended.max(1) as f64
}

/// Requests per second that ended as the scenario expects, in the second half: what came before
/// is of the rate before.
pub fn goodput(seconds: &[StressSecond]) -> Option<f64> {
    let (_, later) = seconds.split_at(seconds.len() / 2);
    let ok: Vec<f64> = judging(later).iter().map(|second| second.ok as f64).collect();
    mean(&ok)
}

fn ended(second: &StressSecond) -> u64 {
    second.ok.saturating_add(second.failed())
}

fn is_backlog(in_flight: u64, usual: f64) -> bool {
    in_flight as f64 > USUAL * usual + MORE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(in_flight: &[u64]) -> Vec<StressSecond> {
        let second = |(second, in_flight): (usize, &u64)| StressSecond {
            second: second as u32,
            offered: 200,
            ok: 200,
            in_flight: *in_flight,
            ..StressSecond::default()
        };
        in_flight.iter().enumerate().map(second).collect()
    }

    fn failing_in(failed: &[u64]) -> Vec<StressSecond> {
        let mut all = seconds(&vec![3; failed.len()]);
        for (second, failed) in all.iter_mut().zip(failed) {
            (second.ok, second.errors) = (200 - failed, *failed);
        }
        all
    }

    #[test]
    fn a_queue_that_grows_is_told_from_one_that_moves() {
        assert!(growing(&seconds(&[4, 24, 41, 66, 81, 98, 120, 141, 160]), 2.0).is_some());
        assert_eq!(growing(&seconds(&[4, 9, 3, 12, 7, 2, 11, 5, 9]), 2.0), None);
        // A stop of a second in the middle, or just now.
        assert_eq!(growing(&seconds(&[4, 3, 2, 204, 90, 4, 3, 5, 2]), 2.0), None);
        assert_eq!(growing(&seconds(&[4, 3, 2, 4, 3, 4, 3, 5, 200]), 2.0), None);
        // It grows, but is still what is usual here.
        assert_eq!(growing(&seconds(&[0, 5, 10, 15, 20, 25]), 20.0), None);
        assert_eq!(growing(&seconds(&[5, 200]), 2.0), None, "two seconds have no slope");
    }

    #[test]
    fn seconds_in_which_the_generator_was_late_say_nothing() {
        let mut all = seconds(&[4, 24, 41, 66, 81]);
        assert!(growing(&all, 2.0).is_some() && !is_late(&all, 5));
        all.iter_mut().skip(2).for_each(|second| second.late = true);
        assert!(growing(&all, 2.0).is_none() && is_late(&all, 5));
    }

    #[test]
    fn what_comes_right_behind_a_stop_of_the_generator_is_its_own_burst() {
        let mut all = failing_in(&[0, 0, 0, 0, 100, 100, 0, 0]);
        assert!(failing(&all[..6]).is_some());
        (all[4].late, all[5].late) = (true, false);
        assert_eq!(failing(&all[..6]), None, "late, and right behind");
        let indexes: Vec<u32> = judging(&all).iter().map(|second| second.second).collect();
        assert_eq!(indexes, [0, 1, 2, 3, 6, 7]);
        let gap: Vec<StressSecond> = all.iter().filter(|it| it.second != 2).copied().collect();
        let indexes: Vec<u32> = judging(&gap).iter().map(|second| second.second).collect();
        assert_eq!(indexes, [0, 1, 6, 7], "nor what comes behind a second that nobody saw");
        assert_eq!(goodput(&all), Some(200.0));
        assert!(is_late(&all[..3], 7) && !is_late(&all[..4], 7), "unseen seconds are late");
        assert!(is_judged(&all[..3], 4) && !is_judged(&all[4..7], 4));
    }

    #[test]
    fn where_few_requests_come_in_few_failures_are_many() {
        let rare = |ok: u64, failed: u64| {
            let second = |(second, (ok, errors))| StressSecond {
                second,
                offered: 1,
                ok,
                errors,
                ..StressSecond::default()
            };
            let each = (0..ok).map(|_| (1, 0)).chain((0..failed).map(|_| (0, 1)));
            (0..).zip(each).map(second).collect::<Vec<StressSecond>>()
        };
        assert_eq!(failing(&rare(0, 8)), None);
        assert!(matches!(failed_step(&rare(0, 8)), Some(Broken::Failures(share)) if share > 0.99));
        assert!(failed_step(&rare(5, 2)).is_some() && failed_step(&rare(7, 1)).is_none());
        assert_eq!(failed_step(&rare(6, 2)), None, "a quarter");
        let silent: Vec<StressSecond> =
            rare(4, 0).iter().map(|second| StressSecond { ok: 0, ..*second }).collect();
        assert_eq!(failed_step(&silent), Some(Broken::NothingWorked));
        assert_eq!(staying(&silent, 0.0), Some(Broken::NothingWorked));
        assert_eq!(failed_step(&silent[..1]), None, "of one nobody knows");
    }

    #[test]
    fn a_hold_confirms_once_something_other_than_the_ramp_comes_behind_it() {
        let whole = &crate::record::stress_sample::sample().repeats[0];
        assert_eq!(confirmed(whole), Some(4));
        let mut cut = whole.clone();
        cut.phases.truncate(5);
        for end in [None, Some(RepeatEnd::Generator), Some(RepeatEnd::Interrupted { signal: 9 })] {
            cut.end = end;
            assert_eq!(confirmed(&cut), None, "{:?}", cut.end);
        }
        cut.end = Some(RepeatEnd::Died { detail: String::new() });
        assert_eq!(confirmed(&cut), Some(4));
        let mut kept = whole.clone();
        kept.phases[5].kind = PhaseKind::Ramp;
        assert_eq!(confirmed(&kept), None);
    }

    #[test]
    fn one_burst_of_failures_is_not_the_end() {
        assert!(failing(&failing_in(&[0, 20, 20])).is_some());
        assert_eq!(failing(&failing_in(&[0, 100, 0])), None, "it is over");
        assert_eq!(failing(&failing_in(&[100])), None, "one second");
        assert_eq!(failing(&failing_in(&[9, 9, 9])), None, "below a twentieth");
    }

    #[test]
    fn what_stays_after_a_while_is_a_break() {
        assert_eq!(staying(&seconds(&[80, 60, 20, 4, 3, 2]), 2.0), None, "it came back");
        assert!(matches!(staying(&seconds(&[80; 6]), 2.0), Some(Broken::Backlog(80))));
        assert!(staying(&failing_in(&[90, 90, 0, 0, 0, 0]), 2.0).is_none());
        assert!(staying(&failing_in(&[0, 0, 0, 90, 90, 90]), 2.0).is_some());
    }

    #[test]
    fn goodput_is_that_of_the_second_half() {
        assert_eq!(goodput(&failing_in(&[200, 200, 50, 50])), Some(150.0));
        assert_eq!(goodput(&[]), None);
    }
}
