//! Whether a target keeps up with a rate, by the seconds at that rate.
//!
//! Two signs, either of which is enough: more than one request in twenty fails, or requests in
//! flight grow from second to second, by more than one in fifty of those that come in. The first
//! is told early; the second by a whole step, as its slope is a median of all pairs of seconds
//! (Theil–Sen) and one bad second moves it little.

use crate::analysis::stats::{mean, theil_sen};
use crate::record::stress::StressSecond;

/// The share of failures from which on a target does not keep up.
pub const FAILING: f64 = 0.05;
/// So many of the requests that come in each second may stay.
pub const GROWS: f64 = 0.02;
/// Failures in a step that are no bad luck.
const FEWEST_FAILED: u64 = 10;
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
    /// So many more were in flight each second.
    Growth(f64),
    /// So many were in flight and did not become fewer.
    Backlog(u64),
}

/// Whether it fails too often, which two seconds in a row must agree in.
pub fn failing(seconds: &[StressSecond]) -> Option<Broken> {
    let share = failure_share(seconds);
    let failed: u64 = seconds.iter().map(StressSecond::failed).sum();
    let lasts = seconds.len() >= 2
        && seconds.iter().rev().take(2).all(|second| second.failed() * 20 > ended(second));
    (share > FAILING && failed >= FEWEST_FAILED && lasts).then_some(Broken::Failures(share))
}

/// Whether requests in flight grow, where so many are usual at this rate.
pub fn growing(seconds: &[StressSecond], usual: f64) -> Option<Broken> {
    let in_time: Vec<&StressSecond> = seconds.iter().filter(|second| !second.late).collect();
    let last = in_time.last()?;
    if in_time.len() < FEWEST_SECONDS || !is_backlog(last.in_flight, usual) {
        return None;
    }
    let in_flight: Vec<f64> = in_time.iter().map(|second| second.in_flight as f64).collect();
    let offered = in_time.iter().map(|second| second.offered).sum::<u64>() as f64;
    let slope = theil_sen(&in_flight);
    (slope > GROWS * offered / in_time.len() as f64).then_some(Broken::Growth(slope))
}

/// Whether it still does not keep up, after a while at the same rate.
pub fn staying(seconds: &[StressSecond], usual: f64) -> Option<Broken> {
    let (_, later) = seconds.split_at(seconds.len() / 2);
    let share = failure_share(later);
    if share > FAILING {
        return Some(Broken::Failures(share));
    }
    let backlog = || {
        let least = later.iter().map(|second| second.in_flight).min()?;
        is_backlog(least, usual).then_some(Broken::Backlog(least))
    };
    growing(seconds, usual).or_else(backlog)
}

/// Whether the generator was late in most of the seconds.
pub fn is_late(seconds: &[StressSecond]) -> bool {
    seconds.iter().filter(|second| second.late).count() * 2 > seconds.len()
}

/// Failed requests among those that ended.
pub fn failure_share(seconds: &[StressSecond]) -> f64 {
    let failed: u64 = seconds.iter().map(StressSecond::failed).sum();
    let ended: u64 = seconds.iter().map(ended).sum();
    failed as f64 / ended.max(1) as f64
}

/// Requests per second that ended as the scenario expects, in the second half: what came before
/// is of the rate before.
pub fn goodput(seconds: &[StressSecond]) -> Option<f64> {
    let (_, later) = seconds.split_at(seconds.len() / 2);
    let ok: Vec<f64> =
        later.iter().filter(|second| !second.late).map(|second| second.ok as f64).collect();
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
        assert!(growing(&all, 2.0).is_some() && !is_late(&all));
        all.iter_mut().skip(2).for_each(|second| second.late = true);
        assert!(growing(&all, 2.0).is_none() && is_late(&all));
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
