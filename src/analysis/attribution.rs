//! Bad requests that may be the generator's doing.
//!
//! Slow ones: those that would have been fast enough without the lag that each of them felt
//! (see `audit`), and in the shadow of a stall all that are slow by less than its length.
//! Failed ones: those that the lag or the burst after it can explain (see `exposed`). And those
//! that were never sent for want of descriptors or ports.

use std::collections::BTreeMap;

use crate::analysis::audit;
use crate::analysis::evidence;
use crate::analysis::exposed::Exposed;
use crate::analysis::lateness;
use crate::analysis::run_data::RunData;
use crate::analysis::totals;
use crate::record::interval::StepCounts;
use crate::record::outcome::{Cause, Outcome};
use crate::record::phase::Phase;
use crate::record::run::{MetricHead, SloHead};
use crate::scenario::slo::{FailureShare, LapKind, Threshold};

/// A lag counts as a stall from this part of the limit on.
const STALL_OF_LIMIT: u64 = 5;
/// But not if it is shorter than this, in microseconds.
const SHORTEST_STALL: u64 = 20_000;
/// What of one objective may be the generator's doing.
#[derive(Debug)]
pub struct Attribution<'a> {
    data: &'a RunData<'a>,
    slo: &'a SloHead,
    what: What,
    /// Judged seconds in which a stall is felt, with its length in microseconds.
    shadow: BTreeMap<u32, u64>,
    /// Failures that its lag or a burst of it can explain.
    exposed: Exposed<'a>,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Slow(Threshold),
    Failed(FailureShare),
    /// Times within streams that were late, or never came.
    Lap(LapKind, Threshold),
    /// By two limits, each of which a request may be beyond.
    Unsatisfied(Threshold, Threshold),
}

impl<'a> Attribution<'a> {
    /// Looks at one objective; `None` if its limit is not in the record, or it is about no
    /// requests.
    pub fn of(data: &'a RunData<'a>, slo: &'a SloHead) -> Option<Attribution<'a>> {
        let (what, failures, shadow) = match slo.metric {
            MetricHead::ResponseTime { threshold, .. } => {
                let limit = *data.record.head.thresholds.get(usize::from(threshold))?;
                let lower_bound = (limit.limit / 1_000 / STALL_OF_LIMIT).max(SHORTEST_STALL);
                let slow = unanswered(data, limit);
                (What::Slow(limit), slow, lateness::shadow(data, lower_bound))
            }
            MetricHead::Failures(share) => {
                let failed =
                    Outcome::ALL.into_iter().filter(|outcome| is_excusable(*outcome, share));
                (What::Failed(share), failed.collect(), BTreeMap::new())
            }
            MetricHead::Apdex { satisfied, tolerable } => {
                let of = |limit: u16| data.record.head.thresholds.get(usize::from(limit));
                let (satisfied, tolerable) = (*of(satisfied)?, *of(tolerable)?);
                let least = (satisfied.limit / 1_000 / STALL_OF_LIMIT).max(SHORTEST_STALL);
                let slow = unanswered(data, satisfied);
                let shadow = lateness::shadow(data, least);
                (What::Unsatisfied(satisfied, tolerable), slow, shadow)
            }
            MetricHead::Lap { of, limit, .. } => {
                (What::Lap(of, limit), Vec::new(), BTreeMap::new())
            }
            MetricHead::Throughput(_) | MetricHead::Gauge(_) | MetricHead::CertificateDays(_) => {
                return None;
            }
        };
        let exposed = Exposed::of(data, slo.within(), failures);
        Some(Attribution { data, slo, what, shadow, exposed })
    }

    /// How many bad requests of some judged seconds may be.
    pub fn within(&self, seconds: &[u32]) -> u64 {
        let (dark, calm): (Vec<u32>, Vec<u32>) =
            seconds.iter().partition(|second| self.shadow.contains_key(second));
        match self.what {
            What::Slow(limit) => self.slow(&calm, &dark, limit),
            What::Failed(share) => self.failed(seconds, share),
            What::Lap(of, limit) => self.lap(seconds, of, limit),
            What::Unsatisfied(satisfied, tolerable) => {
                self.slow(&calm, &dark, satisfied) + self.slow(&calm, &dark, tolerable)
            }
        }
    }

    fn slow(&self, calm: &[u32], dark: &[u32], limit: Threshold) -> u64 {
        let pool = totals::of_scope(self.data.record, calm, self.slo.within());
        let lower_bound = lateness::lower_bound(self.data, calm, self.slo.within());
        let paired = audit::blamable(&pool.times[Phase::Response], &lower_bound, limit);
        let in_dark: u64 = dark.iter().map(|second| self.slow_in_dark(*second, limit)).sum();
        paired + in_dark + self.exposed.within(calm)
    }

    fn slow_in_dark(&self, second: u32, limit: Threshold) -> u64 {
        let pool = totals::of_scope(self.data.record, &[second], self.slo.within());
        let of = |outcome| pool.counts.outcome(outcome);
        let micros = limit.limit / 1_000;
        let reach = micros + self.shadow.get(&second).copied().unwrap_or(0);
        // What broke, or was not sent, would have been fast or slow: nobody knows.
        of(Outcome::TransportError)
            + of(Outcome::Unsent)
            + audit::count_between(&pool.times[Phase::Response], micros, reach)
    }

    /// A first event is late by what its request was sent late; of the others each begins when
    /// something came, or was really sent.
    fn lap(&self, seconds: &[u32], of: LapKind, limit: Threshold) -> u64 {
        let pool = totals::of_scope(self.data.record, seconds, self.slo.within());
        let late = match of {
            LapKind::FirstEvent => audit::pairs_beyond(
                &pool.times[Phase::FirstEvent],
                &pool.times[Phase::SendLag],
                limit,
            ),
            LapKind::EventGap | LapKind::RoundTrip => 0,
        };
        late + not_sent(&pool.counts)
    }

    fn failed(&self, seconds: &[u32], share: FailureShare) -> u64 {
        let explained = self.exposed.within(seconds);
        match share {
            FailureShare::Errors | FailureShare::Unsent | FailureShare::Unavailable => {
                let pool = totals::of_scope(self.data.record, seconds, self.slo.within());
                explained + not_sent(&pool.counts)
            }
            FailureShare::ClientErrors
            | FailureShare::CheckFailures
            | FailureShare::ChecksNotHeld
            | FailureShare::ServerErrors
            | FailureShare::Timeouts
            | FailureShare::TransportErrors
            | FailureShare::Rejections => explained,
        }
    }

    /// What the bad requests may be, for a sentence.
    pub fn describe(&self) -> &'static str {
        match self.what {
            What::Slow(_) | What::Unsatisfied(..) => {
                "slow requests may be slow because the generator sent late"
            }
            What::Failed(_) => "bad requests may be so because the generator stood still",
            What::Lap(..) => "slow ones may be slow because the generator sent late, or not at all",
        }
    }
}

/// What has no answer counts as slow. It may be so because of a burst, unless the lag itself
/// would make it slow: that is in the least time that it could have taken.
fn unanswered(data: &RunData, limit: Threshold) -> Vec<Outcome> {
    let shortest = data.record.head.steps.iter().map(|step| step.timeout_ms).min();
    let is_far = shortest.is_some_and(|shortest| shortest >= 2 * limit.limit / 1_000_000);
    let all = [Outcome::TransportError, Outcome::Unsent, Outcome::Timeout];
    all.into_iter().filter(|outcome| *outcome != Outcome::Timeout || is_far).collect()
}

/// A wrong request or a wrong answer is so whenever it is sent.
fn is_excusable(outcome: Outcome, share: FailureShare) -> bool {
    evidence::is_bad(outcome, share)
        && !matches!(outcome, Outcome::ClientError | Outcome::CheckFailed)
}

/// Not sent for want of something that is the generator's to have.
pub fn not_sent(counts: &StepCounts) -> u64 {
    [Cause::Descriptors, Cause::Ports, Cause::Late].map(|cause| counts.cause(cause)).iter().sum()
}
