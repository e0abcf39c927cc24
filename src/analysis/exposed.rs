//! Failures that the generator's lag, or the burst after it, can explain.
//!
//! Each request carries what it felt of the generator's lag (`engine::lateness`), and the
//! record counts by outcome how many felt how much. A failure is *exposed*
//!
//! * to the lag, if it is a timeout that felt a fifth of its time limit or more, or so much
//!   that what was left of the limit is less than what 1 % of the requests take anyway;
//! * to the burst, if what was held back for so long (rate × lag) is at least half as many
//!   requests as are in flight at the usual peaks, and no fewer than two: they reached the
//!   target at once;
//! * to both, if it fell due in a dark second: in the shadow of a stall of 100 ms or more, or
//!   of a shorter one where a request does not carry all that it may have felt, because ends
//!   are reads, or because another worker stood still.
//!
//! A target that fails by itself fails without any lag, too. The share of failures among the
//! requests that are not exposed, at least (5 %), is expected of those that are, and only what
//! is beyond may be the generator's doing. So small everyday lag excuses nothing.

use std::collections::BTreeSet;

use crate::analysis::lateness;
use crate::analysis::run_data::RunData;
use crate::analysis::stats::{ALPHA, Tally, share_at_least};
use crate::record::interval::StepCounts;
use crate::record::outcome::Outcome;
use crate::record::phase::Phase;
use crate::record::run::Subset;

/// A stall from which on a whole second counts, in microseconds.
const LONG_STALL: u64 = 100_000;
/// A shorter one where requests do not carry all of it.
const SHORT_STALL: u64 = 20_000;
/// A timeout is exposed to a lag of this part of its limit.
const LAG_OF_LIMIT: u64 = 5;
/// Less than this is everyday lag, in microseconds.
const EVERYDAY_LAG: u64 = 5_000;
/// So few requests are no burst.
const SMALLEST_BURST: f64 = 2.0;

/// Failures of some outcomes of a run, as far as they are exposed.
#[derive(Debug)]
pub struct Exposed<'a> {
    data: &'a RunData<'a>,
    within: Subset<'a>,
    outcomes: Vec<Outcome>,
    dark: BTreeSet<u32>,
    /// The share of failures that the target has by itself, at least.
    own: f64,
    /// Requests in flight that are a burst.
    burst: f64,
    /// The lag that a timeout is exposed to, per step, in microseconds.
    lags: Vec<u64>,
}

impl<'a> Exposed<'a> {
    /// Looks at the failures of some outcomes.
    pub fn of(data: &'a RunData<'a>, within: Subset<'a>, outcomes: Vec<Outcome>) -> Exposed<'a> {
        let steps = 0..data.record.head.steps.len();
        let lags = steps.map(|step| lag_of_timeout(data, step)).collect();
        let (dark, burst) = (dark(data), burst(data));
        let mut exposed = Exposed { data, within, outcomes, dark, own: 0.0, burst, lags };
        let (exposed_tally, all) = exposed.tallies(&data.judged.seconds);
        let (bad, free) =
            (all.bad.saturating_sub(exposed_tally.bad), all.all.saturating_sub(exposed_tally.all));
        exposed.own = share_at_least(bad as f64, free as f64, ALPHA);
        exposed
    }

    /// How many failures of some judged seconds may be the generator's doing.
    pub fn within(&self, seconds: &[u32]) -> u64 {
        let (exposed_tally, _) = self.tallies(seconds);
        (exposed_tally.bad as f64 - self.own * exposed_tally.all as f64).max(0.0).ceil() as u64
    }

    /// Exposed requests and all, with the failures among them.
    fn tallies(&self, seconds: &[u32]) -> (Tally, Tally) {
        let known = |second: &u32| Some((*second, self.data.record.seconds.get(*second)?.counts()));
        let both = seconds.iter().filter_map(known).map(|(at, counts)| self.of_second(at, &counts));
        let (exposed_tally, all): (Vec<Tally>, Vec<Tally>) = both.unzip();
        (Tally::sum(exposed_tally), Tally::sum(all))
    }

    fn of_second(&self, at: u32, counts: &[StepCounts]) -> (Tally, Tally) {
        let due: u64 = counts.iter().map(|step| step.planned).sum();
        let burst = (self.burst / due.max(1) as f64 * 1e6) as u64;
        let is_dark = self.dark.contains(&at);
        let head = &self.data.record.head;
        let mine = counts.iter().enumerate().filter(|(index, _)| head.is_of(*index, self.within));
        let both = mine.map(|(index, counts)| {
            let all = self.tally(|outcome| counts.outcome(outcome));
            let exposed_tally =
                |outcome| self.exposed_tally(counts, (head.step_of(index), burst), outcome);
            (if is_dark { all } else { self.tally(exposed_tally) }, all)
        });
        let (exposed_tally, all): (Vec<Tally>, Vec<Tally>) = both.unzip();
        (Tally::sum(exposed_tally), Tally::sum(all))
    }

    fn tally(&self, count: impl Fn(Outcome) -> u64) -> Tally {
        let bad = self.outcomes.iter().map(|outcome| count(*outcome)).sum();
        Tally { all: Outcome::ALL.into_iter().map(count).sum(), bad }
    }

    /// Requests of one outcome that felt enough.
    fn exposed_tally(
        &self,
        counts: &StepCounts,
        (step, burst): (usize, u64),
        outcome: Outcome,
    ) -> u64 {
        let lag = self.lags.get(step).copied().unwrap_or(u64::MAX);
        // Of the requests that did not fail, those that a timeout would be excused with.
        let times_out = self.outcomes.contains(&Outcome::Timeout);
        let is_timed =
            times_out && (outcome == Outcome::Timeout || !self.outcomes.contains(&outcome));
        let least = burst.max(EVERYDAY_LAG).min(if is_timed { lag } else { u64::MAX });
        counts.felt_from(outcome, least)
    }
}

/// The lag that may be why a request of a step had no answer within its limit.
fn lag_of_timeout(data: &RunData, step: usize) -> u64 {
    let head = data.record.head.steps.get(step);
    let limit = head.map_or(u64::MAX, |head| head.timeout_ms.saturating_mul(1_000));
    let slow = data.steps.get(step).and_then(|pool| pool.times[Phase::Service].quantile(0.99));
    let left = limit.saturating_sub(slow.unwrap_or(0.0) as u64);
    (limit / LAG_OF_LIMIT).min(left).max(EVERYDAY_LAG.min(limit / LAG_OF_LIMIT))
}

/// Seconds in which a request may have felt more than it carries.
fn dark(data: &RunData) -> BTreeSet<u32> {
    let carries_all =
        !lateness::ends_are_reads(data) && data.record.head.generators[0].slots.of <= 1;
    let least = if carries_all { LONG_STALL } else { SHORT_STALL };
    lateness::shadow(data, least).into_keys().collect()
}

/// How many requests at once are more than the target is used to.
fn burst(data: &RunData) -> f64 {
    let mut peaks: Vec<u64> = data.generator().map(|second| second.in_flight_peak).collect();
    peaks.sort_unstable();
    let usual = peaks.get(peaks.len() / 2).copied().unwrap_or(0);
    (usual as f64 / 2.0).max(SMALLEST_BURST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assess::assess;
    use crate::analysis::assessment::{Assessment, SloStatus};
    use crate::analysis::sample_records::{self, Requests, add, run};
    use crate::record::run::{RunRecord, SloHead};
    use crate::record::seconds::Seconds;
    use crate::scenario::slo::FailureShare;

    /// 60 s of 300 requests each, with a time limit of 50 ms.
    fn calm(slos: &[FailureShare]) -> RunRecord {
        let mut record = run(60, 300.0);
        record.head.steps[0].timeout_ms = 50;
        record.head.slos =
            slos.iter().map(|share| sample_records::failures(*share, 0.01)).collect();
        for second in &mut record.generator {
            second.in_flight_peak = 4;
        }
        add(&mut record, 0..60, &[Requests::ok(280, 2_000)]);
        record
    }

    /// Requests that ended so, having felt so many milliseconds of lag.
    fn felt(number: u64, outcome: Outcome, millis: u64) -> Requests {
        Requests { lag: millis * 1_000, micros: 100_000, ..Requests::ended(number, outcome) }
    }

    const ALL: [FailureShare; 3] =
        [FailureShare::Timeouts, FailureShare::Errors, FailureShare::Unavailable];

    #[track_caller]
    fn check(record: &RunRecord, expected: SloStatus) -> Assessment {
        let assessment = assess(record);
        for slo in &assessment.slos {
            assert_eq!(slo.status, expected, "{slo:#?}");
        }
        assessment
    }

    #[test]
    fn stalls_below_a_tenth_of_a_second_explain_timeouts_and_errors() {
        for (outcome, slos) in [
            (Outcome::Timeout, &ALL[..]),
            (Outcome::ServerError, &ALL[1..]),
            (Outcome::TransportError, &ALL[1..]),
        ] {
            let mut record = calm(slos);
            add(&mut record, 10..60, &[felt(14, outcome, 60), felt(6, Outcome::Ok, 20)]);
            for second in &mut record.generator {
                second.canary_late_max_ns = 60_000_000;
            }
            let assessment = check(&record, SloStatus::Invalid);
            let kinds: Vec<_> = assessment.findings.iter().map(|finding| finding.kind).collect();
            assert!(kinds.contains(&"stall"), "{kinds:?}");
            assert!(assessment.reasons[0].contains("stood still"), "{:?}", assessment.reasons);
        }
    }

    #[test]
    fn a_target_that_fails_by_itself_is_not_excused_by_everyday_lag() {
        for outcome in [Outcome::Timeout, Outcome::ServerError] {
            for lag in [0, 1, 3, 4] {
                let mut record = calm(if outcome == Outcome::Timeout { &ALL } else { &ALL[1..] });
                add(&mut record, 0..60, &[felt(15, outcome, lag), felt(285, Outcome::Ok, lag)]);
                check(&record, SloStatus::Missed);
            }
        }
    }

    #[test]
    fn nor_by_stalls_that_not_all_of_its_failures_felt() {
        for outcome in [Outcome::Timeout, Outcome::ServerError] {
            let mut record = calm(if outcome == Outcome::Timeout { &ALL } else { &ALL[1..] });
            add(&mut record, 0..60, &[felt(15, outcome, 0)]);
            // Two thirds of all requests feel a stall, and as many of them fail.
            let stalled = [felt(30, outcome, 60), felt(560, Outcome::Ok, 60)];
            add(&mut record, 0..60, &stalled);
            check(&record, SloStatus::Missed);
        }
    }

    #[test]
    fn what_a_burst_is_depends_on_the_rate_and_on_what_is_usual() {
        let status = |rate: u64, peak: u64, lag: u64| {
            let mut record = calm(&ALL[1..]);
            record.seconds = Seconds::default();
            add(&mut record, 0..60, &[Requests::ok(rate, 2_000)]);
            let failing = felt(rate / 10, Outcome::ServerError, lag);
            add(&mut record, (10..60).step_by(2), &[failing]);
            for second in &mut record.generator {
                second.in_flight_peak = peak;
            }
            assess(&record).slos[0].status
        };
        for (rate, peak, lag, expected) in [
            (300, 4, 30, SloStatus::Invalid),
            (300, 4, 3, SloStatus::Missed),
            // Nine more are nothing where a hundred are usual.
            (300, 100, 30, SloStatus::Missed),
            (3_000, 100, 30, SloStatus::Invalid),
            // One request every 50 ms is no burst.
            (20, 1, 30, SloStatus::Missed),
            (20, 1, 150, SloStatus::Invalid),
        ] {
            assert_eq!(status(rate, peak, lag), expected, "{rate}/s, {peak}, {lag} ms");
        }
    }

    #[test]
    fn a_timeout_is_explained_by_a_lag_that_leaves_too_little_of_its_limit() {
        let status = |micros: u64, lag: u64| {
            let mut record = calm(&ALL[..1]);
            record.seconds = Seconds::default();
            for second in &mut record.generator {
                second.in_flight_peak = 100;
            }
            add(&mut record, 0..60, &[Requests::ok(280, micros)]);
            add(&mut record, (10..60).step_by(2), &[felt(30, Outcome::Timeout, lag)]);
            assess(&record).slos[0].status
        };
        assert_eq!(status(2_000, 12), SloStatus::Invalid);
        assert_eq!(status(2_000, 6), SloStatus::Missed);
        assert_eq!(status(44_000, 7), SloStatus::Invalid);
    }

    #[test]
    fn where_ends_are_reads_or_several_workers_send_a_whole_second_counts() {
        let with = |edit: fn(&mut RunRecord)| {
            let mut record = calm(&ALL);
            let late = Requests { lag: 60_000, ..Requests::ok(5, 70_000) };
            add(&mut record, (10..60).step_by(5), &[felt(60, Outcome::Timeout, 0), late]);
            for second in record.generator.iter_mut().step_by(5) {
                second.canary_late_max_ns = 60_000_000;
            }
            edit(&mut record);
            assess(&record).slos[0].status
        };
        assert_eq!(with(|_| {}), SloStatus::Missed);
        assert_eq!(with(|record| record.head.generators[0].slots.of = 2), SloStatus::Invalid);
        let reads = |record: &mut RunRecord| {
            "generator".clone_into(&mut record.head.generators[0].environment.receive_clock);
        };
        assert_eq!(with(reads), SloStatus::Invalid);
    }

    #[test]
    fn resets_after_a_burst_are_not_the_targets_slowness() {
        let with = |lag: u64| {
            let mut record = calm(&[]);
            record.head.slos = vec![SloHead { text: "p99".to_owned(), ..sample_records::p99() }];
            record.head.steps[0].timeout_ms = 10_000;
            let reset = felt(20, Outcome::TransportError, lag);
            add(&mut record, (10..60).step_by(2), &[Requests { micros: 10_000_000, ..reset }]);
            assess(&record).slos[0].status
        };
        assert_eq!((with(0), with(60)), (SloStatus::Missed, SloStatus::Invalid));
    }
}
