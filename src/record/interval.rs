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

    /// Requests that have ended, without those that were never sent.
    pub fn tried(&self) -> u64 {
        self.ended() - self.outcome(Outcome::Unsent)
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
    /// The least that each time in `response` could have been with a punctual generator.
    pub least: Sparse,
    /// Connecting, of the requests that had to.
    pub connect: Sparse,
    /// From sent to the first byte, of answered requests.
    pub first_byte: Sparse,
}

impl StepTimes {
    /// How many kinds of time there are.
    pub const KINDS: usize = 8;

    /// All kinds, in the order of the fields.
    pub fn all(&self) -> [&Sparse; StepTimes::KINDS] {
        let StepTimes { response, failed, service, send_lag, receive_lag, least, .. } = self;
        let (connect, first_byte) = (&self.connect, &self.first_byte);
        [response, failed, service, send_lag, receive_lag, least, connect, first_byte]
    }

    /// All kinds, in the order of the fields.
    pub fn all_mut(&mut self) -> [&mut Sparse; StepTimes::KINDS] {
        let StepTimes { response, failed, service, send_lag, receive_lag, least, .. } = self;
        let (connect, first_byte) = (&mut self.connect, &mut self.first_byte);
        [response, failed, service, send_lag, receive_lag, least, connect, first_byte]
    }

    /// Made of all kinds, in the order of the fields.
    pub fn from_all(all: [Sparse; StepTimes::KINDS]) -> StepTimes {
        let [response, failed, service, send_lag, receive_lag, least, connect, first_byte] = all;
        StepTimes { response, failed, service, send_lag, receive_lag, least, connect, first_byte }
    }

    /// Adds another part of the same step. Counts from files may be anything: they saturate.
    pub fn add(&mut self, other: &StepTimes) {
        for (mine, other) in self.all_mut().into_iter().zip(other.all()) {
            *mine = Sparse::merged([&*mine, other]);
        }
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
