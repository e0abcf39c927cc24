//! What is good enough: service level objectives.
//!
//! Every objective is a statement about a share of requests: `p99 < 500ms` says
//! that fewer than 1 % are slower than 500 ms, `availability >= 99.9%` that at most
//! 0.1 % are unavailable. So there is one form for all of them: which requests are
//! *bad*, and which share of bad ones is allowed.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::StepId;
use crate::units::{Quantile, Ratio};

/// One service level objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Slo {
    /// Which requests it speaks of.
    pub scope: Scope,
    /// What it measures.
    pub metric: Metric,
    /// The largest share of bad requests that meets it, in [0, 1). Zero means that a
    /// single bad request misses it.
    pub allowed: f64,
    /// Judge window by window instead of over the whole run.
    pub windows: Option<Windows>,
    /// As it stood in the file, blanks normalised: `p99 < 500ms`.
    pub text: String,
}

/// Which requests an objective speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The requests of all steps.
    All,
    /// The requests of one step.
    Step(StepId),
}

/// What an objective measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// A quantile of the response time; `max` is the quantile 1.
    ResponseTime {
        /// The gated quantile.
        quantile: Quantile,
        /// Which requests are too slow.
        threshold: Threshold,
    },
    /// The share of requests that ended in certain ways.
    Failures(FailureShare),
}

/// Decides whether one response time is too slow.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Threshold {
    /// The limit in nanoseconds.
    #[serde(rename = "limit_ns")]
    pub limit: u64,
    /// Whether the limit itself is still fast enough (`<=`) or already slow (`<`).
    pub inclusive: bool,
}

impl Threshold {
    /// Whether a response time of so many nanoseconds is too slow.
    pub fn is_slow(self, nanos: u64) -> bool {
        if self.inclusive { nanos > self.limit } else { nanos >= self.limit }
    }

    /// The limit as a length of time.
    pub fn duration(self) -> Duration {
        Duration::from_nanos(self.limit)
    }
}

/// Which outcomes an objective counts as bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureShare {
    /// `error_rate`: everything but ok.
    Errors,
    /// `server_error_rate`: 5xx.
    ServerErrors,
    /// `client_error_rate`: 4xx that is not a rejection.
    ClientErrors,
    /// `check_failure_rate`: answered, but not as the scenario says.
    CheckFailures,
    /// `timeout_rate`: no full answer within the time limit.
    Timeouts,
    /// `transport_error_rate`: no answer at all.
    TransportErrors,
    /// `rejected_rate`: 429 that the step does not expect.
    Rejections,
    /// `unsent_rate`: due and never sent.
    Unsent,
    /// `1 - availability`: 5xx, timeout, transport error or unsent.
    Unavailable,
}

/// `for 95% of 10s windows`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Windows {
    /// The least share of windows in which the objective must hold.
    pub share: Ratio,
    /// The length of a window, in whole seconds.
    pub length: Duration,
}

impl Slo {
    /// The threshold of a response time objective.
    pub fn threshold(&self) -> Option<Threshold> {
        match self.metric {
            Metric::ResponseTime { threshold, .. } => Some(threshold),
            Metric::Failures(_) => None,
        }
    }

    /// The gated quantile of a response time objective.
    pub fn quantile(&self) -> Option<Quantile> {
        match self.metric {
            Metric::ResponseTime { quantile, .. } => Some(quantile),
            Metric::Failures(_) => None,
        }
    }
}

/// The objectives of a scenario that names none.
pub const DEFAULT_OBJECTIVES: [&str; 5] = [
    "p95 < 200ms",
    "p99 < 500ms",
    "error_rate < 0.1%",
    "server_error_rate < 0.1%",
    "availability >= 99.9%",
];
