//! Bad requests that may be the generator's doing.
//!
//! Slow ones: those that would have been fast enough without the lag that each of them felt
//! (see `audit`), and in the shadow of a stall all that are slow by less than its length. Failed ones: those in the shadow of a
//! stall, because a burst may have overrun the target. And those that were never sent for
//! want of descriptors or ports.

use std::collections::BTreeMap;

use crate::analysis::audit;
use crate::analysis::evidence;
use crate::analysis::facts::Facts;
use crate::analysis::lateness;
use crate::analysis::pooled;
use crate::analysis::stats::Tally;
use crate::record::interval::StepCounts;
use crate::record::outcome::{Cause, Outcome};
use crate::record::run::{MetricHead, SloHead};
use crate::scenario::slo::{FailureShare, Threshold};

/// A lag counts as a stall from this part of the limit on.
const STALL_OF_LIMIT: u64 = 5;
/// But not if it is shorter than this, in microseconds.
const SHORTEST_STALL: u64 = 20_000;
/// A stall from which on a burst may make a target fail, in microseconds.
const OVERRUNNING: u64 = 100_000;

/// What of one objective may be the generator's doing.
#[derive(Debug)]
pub struct Blame<'a> {
    facts: &'a Facts<'a>,
    slo: &'a SloHead,
    what: What,
    /// Judged seconds in which a stall is felt, with its length in microseconds.
    shadow: BTreeMap<u32, u64>,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Slow(Threshold),
    Failed(FailureShare),
}

impl<'a> Blame<'a> {
    /// Looks at one objective; `None` if its limit is not in the record.
    pub fn of(facts: &'a Facts<'a>, slo: &'a SloHead) -> Option<Blame<'a>> {
        let (what, least) = match slo.metric {
            MetricHead::ResponseTime { threshold, .. } => {
                let limit = *facts.record.head.thresholds.get(usize::from(threshold))?;
                (What::Slow(limit), (limit.limit / 1_000 / STALL_OF_LIMIT).max(SHORTEST_STALL))
            }
            MetricHead::Failures(share) => (What::Failed(share), OVERRUNNING),
        };
        Some(Blame { facts, slo, what, shadow: lateness::shadow(facts, least) })
    }

    /// How many bad requests of some judged seconds may be.
    pub fn within(&self, seconds: &[u32]) -> u64 {
        let (dark, calm): (Vec<u32>, Vec<u32>) =
            seconds.iter().partition(|second| self.shadow.contains_key(second));
        match self.what {
            What::Slow(limit) => self.slow(&calm, &dark, limit),
            What::Failed(share) => self.failed(&calm, &dark, share),
        }
    }

    fn slow(&self, calm: &[u32], dark: &[u32], limit: Threshold) -> u64 {
        let pool = pooled::of_scope(self.facts.record, calm, self.slo.step);
        let least = lateness::least(self.facts, calm, self.slo.step);
        let paired = audit::blamable(&pool.times.response, &least, limit);
        let in_dark: u64 = dark.iter().map(|second| self.slow_in_dark(*second, limit)).sum();
        paired + in_dark
    }

    fn slow_in_dark(&self, second: u32, limit: Threshold) -> u64 {
        let pool = pooled::of_scope(self.facts.record, &[second], self.slo.step);
        let of = |outcome| pool.counts.outcome(outcome);
        let micros = limit.limit / 1_000;
        let reach = micros + self.shadow.get(&second).copied().unwrap_or(0);
        // What broke, or was not sent, would have been fast or slow: nobody knows.
        of(Outcome::TransportError)
            + of(Outcome::Unsent)
            + audit::count_between(&pool.times.response, micros, reach)
    }

    fn failed(&self, calm: &[u32], dark: &[u32], share: FailureShare) -> u64 {
        let overrun = || Tally::sum(evidence::tallies(self.facts.record, dark, self.slo)).bad;
        match share {
            // A wrong request or a wrong answer is so whenever it is sent.
            FailureShare::ClientErrors | FailureShare::CheckFailures => 0,
            FailureShare::ServerErrors
            | FailureShare::Timeouts
            | FailureShare::TransportErrors
            | FailureShare::Rejections => overrun(),
            FailureShare::Errors | FailureShare::Unsent | FailureShare::Unavailable => {
                let pool = pooled::of_scope(self.facts.record, calm, self.slo.step);
                overrun() + not_sent(&pool.counts)
            }
        }
    }

    /// What the bad requests may be, for a sentence.
    pub fn describe(&self) -> &'static str {
        match self.what {
            What::Slow(_) => "slow requests may be slow because the generator sent late",
            What::Failed(_) => "bad requests may be so because the generator stood still",
        }
    }
}

/// Not sent for want of something that is the generator's to have.
pub fn not_sent(counts: &StepCounts) -> u64 {
    counts.cause(Cause::Descriptors) + counts.cause(Cause::Ports)
}
