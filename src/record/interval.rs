//! One second of counts and histograms.
//!
//! A second is that of the *intended* moment: the victims of a frozen target are
//! charged to the second in which they were due. Parts of a second that were written
//! at different times are added up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::histogram::Sparse;
use crate::record::outcome::{Cause, Outcome};

/// What was counted for one step in one second.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StepCounts {
    /// Requests due.
    pub planned: u64,
    /// Requests whose bytes went out.
    pub sent: u64,
    /// By [`Outcome`], in the order of [`Outcome::ALL`].
    pub outcomes: [u64; Outcome::COUNT],
    /// Requests counted in the response-time histogram that were too slow, by the run's
    /// thresholds.
    pub slower: Vec<u64>,
    /// Causes, in the order of [`Cause::ALL`]; empty when there were none.
    pub causes: Vec<u64>,
    /// Statuses and how often each came.
    pub statuses: Vec<(u16, u64)>,
    /// Bytes of bodies received.
    pub body_bytes: u64,
    /// Connections that requests of this step had to wait for.
    pub connects: u64,
}

impl StepCounts {
    /// Requests that have ended.
    pub fn ended(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// Requests with one outcome.
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome.index()]
    }

    /// How often one cause was seen.
    pub fn cause(&self, cause: Cause) -> u64 {
        self.causes.get(cause.index()).copied().unwrap_or(0)
    }

    /// Requests in the response-time histogram.
    pub fn in_response_time(&self) -> u64 {
        Outcome::ALL
            .into_iter()
            .filter(|outcome| outcome.counts_in_response_time())
            .map(|outcome| self.outcome(outcome))
            .sum()
    }

    /// Counts one request's cause.
    pub fn add_cause(&mut self, cause: Cause) {
        self.causes.resize(Cause::COUNT, 0);
        self.causes[cause.index()] += 1;
    }

    /// Counts one request's status.
    pub fn add_status(&mut self, status: u16, times: u64) {
        match self.statuses.iter_mut().find(|(known, _)| *known == status) {
            Some((_, count)) => *count = count.saturating_add(times),
            None => self.statuses.push((status, times)),
        }
    }

    /// Adds another part of the same step. Counts from files may be anything: they saturate.
    pub fn add(&mut self, other: &StepCounts) {
        self.planned = self.planned.saturating_add(other.planned);
        self.sent = self.sent.saturating_add(other.sent);
        add_all(&mut self.outcomes, &other.outcomes);
        add_growing(&mut self.slower, &other.slower);
        add_growing(&mut self.causes, &other.causes);
        for &(status, times) in &other.statuses {
            self.add_status(status, times);
        }
        self.statuses.sort_unstable();
        self.body_bytes = self.body_bytes.saturating_add(other.body_bytes);
        self.connects = self.connects.saturating_add(other.connects);
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.planned == 0 && self.sent == 0 && self.ended() == 0
    }
}

fn add_all(sum: &mut [u64], other: &[u64]) {
    for (sum, value) in sum.iter_mut().zip(other) {
        *sum = sum.saturating_add(*value);
    }
}

fn add_growing(sum: &mut Vec<u64>, other: &[u64]) {
    if sum.len() < other.len() {
        sum.resize(other.len(), 0);
    }
    add_all(sum, other);
}

/// The histograms of one step in one second.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepTimes {
    /// Response time of successes, and of requests without a full answer at their limit.
    pub response: Sparse,
    /// Response time of answered failures.
    pub failed: Sparse,
    /// Service time of answered requests.
    pub service: Sparse,
    /// Send lag of every request that was due.
    pub send_lag: Sparse,
    /// Receive lag of every response that the kernel stamped.
    pub receive_lag: Sparse,
}

impl StepTimes {
    /// Adds another part of the same step. Counts from files may be anything: they saturate.
    pub fn add(&mut self, other: &StepTimes) {
        self.response = Sparse::merged([&self.response, &other.response]);
        self.failed = Sparse::merged([&self.failed, &other.failed]);
        self.service = Sparse::merged([&self.service, &other.service]);
        self.send_lag = Sparse::merged([&self.send_lag, &other.send_lag]);
        self.receive_lag = Sparse::merged([&self.receive_lag, &other.receive_lag]);
    }
}

/// One second of a run: per step, in the order of the record's steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Second {
    /// Counts by step.
    pub counts: Vec<StepCounts>,
    /// Histograms by step.
    pub times: Vec<StepTimes>,
}

impl Second {
    /// An empty second of so many steps.
    pub fn empty(steps: usize) -> Second {
        Second {
            counts: vec![StepCounts::default(); steps],
            times: vec![StepTimes::default(); steps],
        }
    }
}
