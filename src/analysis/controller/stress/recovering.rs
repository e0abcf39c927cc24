//! How a target was before its overload, and whether it is so again.

use crate::analysis::controller::stress::breaking::{self, judging};
use crate::analysis::stats::{mean, median};
use crate::record::stress::{Repeat, StressSecond};

/// So many good seconds in a row are a recovery.
pub const IN_A_ROW: usize = 5;
/// The p99 of a second may be so many times what it was before, and so many milliseconds more:
/// of a hundred requests it is the slowest, which moves that much by itself.
const SLOWER: f64 = 2.0;
const SLOWER_MS: f64 = 10.0;
/// The same for requests in flight.
const MORE: f64 = 2.0;
const MORE_REQUESTS: f64 = 3.0;
/// The share of failures in a good second, if it is not a single one.
const FAILING: f64 = 0.01;
/// Where fewer come in, all of the good seconds together tell whether requests work.
const ENOUGH: u64 = 10;
/// In so many seconds at the end of the wait there must be so many in a row that judge: else
/// nobody knows that it is not as before.
const WATCHED: usize = 3 * IN_A_ROW;

/// A target that keeps up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Before {
    /// Arrivals per second.
    pub rate: f64,
    /// Requests per second.
    pub offered: f64,
    /// The median p99 of a second, in milliseconds.
    pub p99_ms: f64,
    /// Requests in flight, on average.
    pub in_flight: f64,
    /// And at most.
    pub in_flight_most: u64,
}

impl Before {
    /// By the step of the ramp whose rate is nearest to that to which the load falls back;
    /// `None` if the target kept up with none.
    pub fn of(repeat: &Repeat, rate: f64) -> Option<Before> {
        let far = |index: usize| (repeat.phases[index].rate / rate).ln().abs();
        let index = repeat.healthy().min_by(|a, b| far(*a).total_cmp(&far(*b)))?;
        let seconds = repeat.seconds_of(index);
        let in_time = judging(seconds);
        let p99: Vec<f64> = in_time.iter().filter_map(|second| second.p99_ms).collect();
        let of = |what: fn(&StressSecond) -> u64| -> Vec<f64> {
            in_time.iter().map(|second| what(second) as f64).collect()
        };
        Some(Before {
            rate: repeat.phases[index].rate,
            offered: mean(&of(|second| second.offered))?,
            p99_ms: median(&p99)?,
            in_flight: mean(&of(|second| second.in_flight))?,
            in_flight_most: in_time.iter().map(|second| second.in_flight).max()?,
        })
    }

    /// Requests that are usually in flight when so many come in: each takes as long as before.
    pub fn usual(&self, seconds: &[StressSecond]) -> f64 {
        let offered: Vec<f64> = seconds.iter().map(|second| second.offered as f64).collect();
        self.in_flight * mean(&offered).unwrap_or(0.0) / self.offered.max(1.0)
    }

    /// The p99 of a second that is as before, in milliseconds.
    pub fn p99_limit(&self) -> f64 {
        SLOWER * self.p99_ms + SLOWER_MS
    }

    /// Requests in flight in a second that is as before.
    pub fn in_flight_limit(&self) -> f64 {
        MORE * self.in_flight_most as f64 + MORE_REQUESTS
    }

    fn is_again(&self, second: &StressSecond) -> bool {
        let ended = second.ok.saturating_add(second.failed());
        let works = second.offered < ENOUGH || second.ok * 2 >= second.offered;
        let fails = second.failed() > 1 && second.failed() as f64 > FAILING * ended as f64;
        let is_fast = second.p99_ms.map_or(ended == 0, |ms| ms <= self.p99_limit());
        let is_empty = second.in_flight as f64 <= self.in_flight_limit();
        works && !fails && is_fast && is_empty
    }

    /// How many seconds after a moment it was as before, and stayed so for a while; `None`: not
    /// in these seconds.
    pub fn again(&self, seconds: &[StressSecond], from: u32) -> Option<u32> {
        let in_a_row = |part: &[StressSecond]| {
            is_unbroken(part) && work(part) && part.iter().all(|second| self.is_again(second))
        };
        let found = seconds.windows(IN_A_ROW).find(|part| in_a_row(part))?;
        Some(found[0].second.saturating_sub(from))
    }
}

/// Whether requests work, by some seconds in a row.
fn work(part: &[StressSecond]) -> bool {
    let sum = |of: fn(&StressSecond) -> u64| part.iter().map(of).sum::<u64>();
    let (ok, failed) = (sum(|second| second.ok), sum(StressSecond::failed));
    let fails = failed > 1 && breaking::failure_share(part) > breaking::FAILING;
    ok > 0 && ok * 2 >= sum(|second| second.offered) && !fails
}

fn is_unbroken(part: &[StressSecond]) -> bool {
    part.windows(2).all(|pair| pair[0].second + 1 == pair[1].second)
}

/// Whether the wait for a target was watched to its end, so that it is known not to be as before.
pub fn is_watched(seconds: &[StressSecond]) -> bool {
    let (_, last) = seconds.split_at(seconds.len().saturating_sub(WATCHED));
    let in_time = |part: &[StressSecond]| is_unbroken(part) && judging(part).len() == IN_A_ROW;
    last.windows(IN_A_ROW).any(in_time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::stress::PhaseKind;
    use crate::record::stress_sample::sample;

    const BEFORE: Before =
        Before { rate: 50.0, offered: 50.0, p99_ms: 20.0, in_flight: 1.0, in_flight_most: 3 };

    fn good(second: u32) -> StressSecond {
        StressSecond {
            second,
            offered: 50,
            ok: 50,
            p99_ms: Some(30.0),
            in_flight: 4,
            ..StressSecond::default()
        }
    }

    #[track_caller]
    fn check(change: fn(&mut StressSecond), expected: Option<u32>) {
        let mut seconds: Vec<StressSecond> = (100..110).map(good).collect();
        seconds[..4].iter_mut().for_each(change);
        assert_eq!(BEFORE.again(&seconds, 100), expected);
    }

    #[test]
    fn five_good_seconds_in_a_row_are_a_recovery() {
        check(|_| {}, Some(0));
        check(|second| second.p99_ms = Some(51.0), Some(4));
        check(|second| second.p99_ms = None, Some(4));
        check(|second| second.in_flight = 10, Some(4));
        check(|second| second.errors = 2, Some(4));
        check(|second| second.errors = 1, Some(0));
        check(|second| (second.ok, second.in_flight) = (10, 1), Some(4));
        let mut seconds: Vec<StressSecond> = (0..9).map(good).collect();
        seconds[4].timeouts = 9;
        assert_eq!(BEFORE.again(&seconds, 0), None, "never five of them");
        let gap: Vec<StressSecond> = [0, 1, 2, 7, 8].map(good).to_vec();
        assert_eq!(BEFORE.again(&gap, 0), None, "nobody knows of the seconds between");
    }

    #[test]
    fn where_few_requests_come_in_seconds_without_any_are_no_failure() {
        let second = |(second, (offered, ok, errors, in_flight)): (u32, (u64, u64, u64, u64))| {
            let p99_ms = (ok + errors > 0).then_some(20.0);
            StressSecond {
                second,
                offered,
                ok,
                errors,
                p99_ms,
                in_flight,
                ..StressSecond::default()
            }
        };
        let again = |seconds: [(u64, u64, u64, u64); 6]| {
            let seconds: Vec<StressSecond> = (0..).zip(seconds).map(second).collect();
            BEFORE.again(&seconds, 0)
        };
        let (none, one, bad) = ((0, 0, 0, 0), (1, 1, 0, 0), (1, 0, 1, 0));
        assert_eq!(again([one, none, none, one, none, one]), Some(0));
        assert_eq!(again([none; 6]), None, "nothing worked");
        assert_eq!(again([bad; 6]), None, "one failure a second, and nothing else");
        assert_eq!(again([one, bad, one, bad, one, bad]), None);
        let hangs = |in_flight| (1, 0, 0, in_flight);
        assert_eq!(again([one, hangs(1), hangs(2), hangs(3), hangs(4), hangs(5)]), None);
    }

    #[test]
    fn a_wait_at_whose_end_the_generator_stood_still_was_not_watched() {
        let mut seconds: Vec<StressSecond> = (0..30).map(good).collect();
        assert!(is_watched(&seconds));
        seconds[28].late = true;
        assert!(is_watched(&seconds));
        seconds[19].late = true;
        seconds[24].late = true;
        assert!(!is_watched(&seconds));
        assert!(!is_watched(&seconds[..4]));
    }

    #[test]
    fn before_is_the_step_whose_rate_is_nearest() {
        let repeat = &sample().repeats[0];
        let before = Before::of(repeat, 60.5).unwrap();
        assert!((before.rate - 100.0).abs() < 1e-9 && (before.p99_ms - 12.0).abs() < 1e-9);
        assert!((Before::of(repeat, 300.0).unwrap().rate - 110.0).abs() < 1e-9);
        let mut broken = repeat.clone();
        broken.phases.retain(|phase| phase.kind != PhaseKind::Ramp);
        assert_eq!(Before::of(&broken, 60.5), None);
    }
}
