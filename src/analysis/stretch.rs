//! Response times of one stretch of time, and how many times as long they are in another.
//!
//! A quantile's interval: the interval for the share of requests beyond it, with the design effect
//! that blocks of 5 s show (METHODS.md, section 4), turned into times. The interval of the ratio
//! of two of them is made of both by recovery of variances on the logarithm (MOVER, Zou and Donner
//! 2008): each end leaves the truth out in about 5 % of the cases. Requests that failed without a time
//! that counts are endlessly slow, so nothing becomes fast by failing.

use crate::analysis::evidence;
use crate::analysis::stats::Tally;
use crate::analysis::totals;
use crate::record::histogram::Sparse;
use crate::record::phase::Phase;
use crate::record::run::{RunRecord, Subset};

/// So few slow requests do not show by themselves how they cluster.
const FEW_SLOW: u64 = 20;

/// One second of it.
#[derive(Debug, Clone, Default)]
pub struct OneSecond {
    /// Times that count.
    pub response: Sparse,
    /// Requests that ended without one.
    pub endless: u64,
    /// Requests of which nobody knows how they would have ended.
    pub open: u64,
}

/// A quantile in microseconds; endless where so many have failed, or nobody knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// At least; 5 % beyond.
    pub low: f64,
    /// As it was measured.
    pub middle: f64,
    /// At most; 5 % beyond.
    pub high: f64,
}

/// How many times as long something takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// At least; 5 % beyond.
    pub low: f64,
    /// As it was measured.
    pub middle: f64,
    /// At most; 5 % beyond.
    pub high: f64,
}

/// Some requests of some seconds.
pub fn of(record: &RunRecord, seconds: &[u32], within: Subset<'_>) -> Vec<OneSecond> {
    let one = |second: &u32| {
        let found = totals::of_scope(record, &[*second], within);
        let response = found.times.only(Phase::Response);
        let endless = found.counts.ended().saturating_sub(response.count());
        let open = found.counts.planned.saturating_sub(found.counts.ended());
        OneSecond { response, endless, open }
    };
    seconds.iter().map(one).collect()
}

/// The same if whatever is open had failed.
pub fn at_worst(seconds: &[OneSecond]) -> Vec<OneSecond> {
    let failed = |it: &OneSecond| OneSecond { endless: it.endless + it.open, ..it.clone() };
    seconds.iter().map(failed).collect()
}

/// A quantile of their times; `None` without any request.
pub fn quantile(seconds: &[OneSecond], share: f64) -> Option<Interval> {
    let all = Sorted::of(seconds)?;
    let middle = all.at(share);
    let beyond = |limit: f64| -> Vec<Tally> {
        let limit = if limit.is_finite() { limit as u64 } else { u64::MAX };
        let tally = |it: &OneSecond| Tally {
            all: it.response.count() + it.endless,
            bad: it.response.count_from(limit) + it.endless,
        };
        seconds.iter().map(tally).collect()
    };
    let own = beyond(middle);
    let is_few = Tally::sum(own.iter().copied()).bad < FEW_SLOW;
    let half = if is_few { beyond(middle / 2.0) } else { Vec::new() };
    let (least, most) = evidence::from_tallies(&own, &half).bounds_of(1.0 - share, 1.0);
    // Beyond the slowest of all nobody has looked.
    let high = if least * all.count < 1.0 { f64::INFINITY } else { all.at(1.0 - least) };
    Some(Interval { low: all.at(1.0 - most), middle, high: high.max(middle) })
}

/// All times, and those without.
struct Sorted {
    times: Sparse,
    count: f64,
}

impl Sorted {
    fn of(seconds: &[OneSecond]) -> Option<Sorted> {
        let times = Sparse::merged(seconds.iter().map(|it| &it.response));
        let endless: u64 = seconds.iter().map(|it| it.endless).sum();
        let count = (times.count() + endless) as f64;
        (count > 0.0).then_some(Sorted { times, count })
    }

    fn at(&self, share: f64) -> f64 {
        let rank = share.clamp(0.0, 1.0) * self.count / (self.times.count() as f64).max(1.0);
        if rank > 1.0 { f64::INFINITY } else { self.times.quantile(rank).unwrap_or(f64::INFINITY) }
    }
}

/// How many times as long something takes as before; `None` where before it was endless itself.
pub fn ratio(before: Interval, now: Interval) -> Option<Ratio> {
    if !before.middle.is_finite() || before.low <= 0.0 || now.low <= 0.0 {
        return None;
    }
    let widths = |now: f64, before: f64| (now * now + before * before).sqrt();
    let apart = |a: f64, b: f64| (a / b).ln().max(0.0);
    let middle = now.middle / before.middle;
    let low = if now.middle.is_finite() {
        let width = widths(apart(now.middle, now.low), apart(before.high, before.middle));
        middle * (-width).exp()
    } else {
        now.low / before.high
    };
    let high = if now.high.is_finite() {
        middle * widths(apart(now.high, now.middle), apart(before.middle, before.low)).exp()
    } else {
        f64::INFINITY
    };
    Some(Ratio { low: if low.is_nan() { 0.0 } else { low }, middle, high })
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};

    use super::*;
    use crate::record::histogram::Live;

    struct Noise(Xoshiro256PlusPlus);

    impl Noise {
        fn unit(&mut self) -> f64 {
            ((self.0.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        }

        fn normal(&mut self) -> f64 {
            (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
        }

        /// Seconds of so many requests: log-normal times, and seconds that hang together.
        fn stretch(&mut self, (seconds, rate): (usize, u64), factor: f64) -> Vec<OneSecond> {
            let mut level = 0.0;
            let mut second = |noise: &mut Noise| {
                level = 0.6 * level + 0.1 * noise.normal();
                let mut live = Live::default();
                for _ in 0..rate {
                    let millis = 20.0 * factor * (level + 0.5 * noise.normal()).exp();
                    live.record_nanos((millis * 1e6) as u64);
                }
                OneSecond { response: live.to_sparse(), ..OneSecond::default() }
            };
            (0..seconds).map(|_| second(self)).collect()
        }
    }

    /// How often, of 100, a limit of `limit` times is surely kept and surely not, where the truth is
    /// `factor` times.
    fn decided(factor: f64, limit: f64, share: f64) -> (usize, usize) {
        let mut noise = Noise(Xoshiro256PlusPlus::seed_from_u64(11));
        let (mut kept, mut missed) = (0, 0);
        for _ in 0..100 {
            let before = quantile(&noise.stretch((30, 60), 1.0), share).unwrap();
            let now = quantile(&noise.stretch((30, 60), factor), share).unwrap();
            let found = ratio(before, now).unwrap();
            kept += usize::from(found.high < limit);
            missed += usize::from(found.low > limit);
        }
        (kept, missed)
    }

    #[test]
    fn it_errs_seldom_at_the_limit_and_sees_what_is_clear() {
        for share in [0.5, 0.95, 0.99] {
            let (kept, missed) = decided(1.2, 1.2, share);
            assert!(kept <= 12 && missed <= 12, "at the limit, {share}: {kept}, {missed}");
            let (kept, missed) = decided(1.0, 1.5, share);
            assert!(missed == 0 && kept >= 50, "nothing, {share}: {kept}, {missed}");
            let (kept, missed) = decided(2.5, 1.5, share);
            assert!(kept == 0 && missed >= 85, "much, {share}: {kept}, {missed}");
        }
    }

    fn flat(millis: u64, count: u64, endless: u64) -> Vec<OneSecond> {
        let mut live = Live::default();
        live.record_many_nanos(millis * 1_000_000, count);
        vec![OneSecond { response: live.to_sparse(), endless, open: 0 }; 20]
    }

    #[test]
    fn what_fails_is_endlessly_slow() {
        let before = quantile(&flat(20, 50, 0), 0.95).unwrap();
        let now = quantile(&flat(5, 40, 10), 0.95).unwrap();
        let found = ratio(before, now).unwrap();
        assert!(found.low.is_infinite() && found.high.is_infinite(), "{found:?}");
        assert_eq!(ratio(now, before), None, "before it was endless");
        let mut open = flat(20, 50, 0);
        for second in &mut open {
            second.open = 10;
        }
        let worst = quantile(&at_worst(&open), 0.95).unwrap();
        assert!(worst.high.is_infinite());
    }

    #[test]
    fn of_few_nobody_knows_how_slow_it_may_be() {
        let few =
            vec![
                OneSecond { response: flat(20, 1, 0)[0].response.clone(), endless: 0, open: 0 };
                12
            ];
        let found = quantile(&few, 0.99).unwrap();
        assert!(found.high.is_infinite(), "{found:?}");
        assert_eq!(quantile(&[], 0.99), None);
    }

    #[test]
    fn doubt_about_before_is_doubt_about_how_many_times() {
        let sure = Interval { low: 10.0, middle: 10.0, high: 10.0 };
        let unsure = Interval { low: 5.0, middle: 10.0, high: 20.0 };
        let found = ratio(unsure, sure).unwrap();
        assert!((found.low - 0.5).abs() < 1e-9 && (found.high - 2.0).abs() < 1e-9, "{found:?}");
        let found = ratio(sure, unsure).unwrap();
        assert!((found.low - 0.5).abs() < 1e-9 && (found.high - 2.0).abs() < 1e-9, "{found:?}");
        let endless = Interval { low: 60.0, middle: f64::INFINITY, high: f64::INFINITY };
        let found = ratio(unsure, endless).unwrap();
        assert!((found.low - 3.0).abs() < 1e-9 && found.high.is_infinite(), "{found:?}");
    }

    #[test]
    fn requests_of_a_record_that_failed_or_are_open_are_no_times() {
        use crate::analysis::sample_records::{Requests, add, run};
        use crate::record::outcome::Outcome;
        let mut record = run(10, 50.0);
        let failed = Requests::ended(3, Outcome::ServerError);
        add(&mut record, 0..10, &[Requests::ok(40, 20_000), failed]);
        let mut known = record.seconds.get(4).unwrap().unpack();
        known.counts[0].planned += 7;
        record.seconds.insert(4, &known);
        let found = of(&record, &[3, 4], Subset::ALL);
        let of = |it: &OneSecond| (it.response.count(), it.endless, it.open);
        assert_eq!(found.iter().map(of).collect::<Vec<_>>(), [(40, 3, 0), (40, 3, 7)]);
        assert_eq!(at_worst(&found)[1].endless, 10);
    }
}
