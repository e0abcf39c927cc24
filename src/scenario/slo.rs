//! What is good enough: service level objectives.
//!
//! An objective about requests is a statement about a share of them: `p99 < 500ms` says
//! that fewer than 1 % are slower than 500 ms, `availability >= 99.9%` that at most
//! 0.1 % are unavailable. So there is one form for all of these: which requests are
//! *bad*, and which share of bad ones is allowed. `target.rss.max < 500MB` is a limit on a
//! gauge of the target.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gauge::Side;
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
    /// single bad request misses it; it says nothing where it is no requests that are limited.
    pub allowed: f64,
    /// Judge window by window instead of over the whole run.
    pub windows: Option<Windows>,
    /// As it stood in the file, blanks normalised: `p99 < 500ms`.
    pub text: String,
    /// Whether nobody has written it: the scenario names none, so it has the usual ones.
    pub is_default: bool,
}

/// Which requests an objective speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The requests of all steps.
    All,
    /// The requests of one step.
    Step(StepId),
    /// The requests of all steps with a tag, by its place in the scenario's list.
    Tag(u16),
    /// The requests of each tenant, one by one: all of them must hold.
    EachTenant,
}

/// What an objective measures.
#[derive(Debug, Clone, PartialEq)]
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
    /// How satisfied whoever waits is, from 0 to 1: who is served within the first limit counts
    /// whole, within the second half, everybody else not at all.
    Apdex {
        /// Up to here whole.
        satisfied: Threshold,
        /// Up to here half: four times as long.
        tolerable: Threshold,
    },
    /// How much comes back per second.
    Throughput {
        /// Of what.
        of: Throughput,
        /// Where the limit is, per second.
        bound: Bound,
    },
    /// A gauge of the target over the judged seconds.
    Gauge(GaugeLimit),
    /// For how many days more the target's certificates were valid, when the run began.
    CertificateDays(Bound),
    /// A quantile of a time within streams; `max` is the quantile 1.
    Lap {
        /// Which time.
        of: LapKind,
        /// The gated quantile.
        quantile: Quantile,
        /// Which of them are too slow.
        limit: Threshold,
    },
}

/// A time within a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LapKind {
    /// From the moment at which a stream of events was due to its first event.
    FirstEvent,
    /// From one event to the next.
    EventGap,
    /// From a message over a WebSocket to the one that answers it.
    RoundTrip,
}

impl LapKind {
    /// All of them.
    pub const ALL: [LapKind; 3] = [LapKind::FirstEvent, LapKind::EventGap, LapKind::RoundTrip];

    /// As objectives name it.
    pub fn name(self) -> &'static str {
        match self {
            LapKind::FirstEvent => "first_event",
            LapKind::EventGap => "event_gap",
            LapKind::RoundTrip => "round_trip",
        }
    }
}

/// A limit on a gauge of the target.
#[derive(Debug, Clone, PartialEq)]
pub struct GaugeLimit {
    /// The gauge's name in the table of a record.
    pub gauge: String,
    /// What of its values is limited.
    pub statistic: Statistic,
    /// Where the limit is.
    pub bound: Bound,
}

/// What is said of the values of a gauge, one for each judged second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// Their mean.
    Mean,
    /// The highest.
    Max,
    /// The lowest.
    Min,
    /// The smallest that this share of them does not exceed.
    Quantile(f64),
    /// The median of the last tenth of the judged seconds less that of the first tenth.
    Growth,
    /// What was counted, divided by the requests that ended in the same seconds.
    PerRequest,
}

/// Where a limit is, in the unit of what it limits: seconds, bytes, cores, shares or numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bound {
    /// The limit.
    pub limit: f64,
    /// Which side of it is good.
    pub side: Side,
    /// Whether the limit itself is still good.
    pub inclusive: bool,
}

impl Bound {
    /// Whether a value is on the good side.
    pub fn holds(self, value: f64) -> bool {
        match (self.side, self.inclusive) {
            (Side::Below, false) => value < self.limit,
            (Side::Below, true) => value <= self.limit,
            (Side::Above, false) => value > self.limit,
            (Side::Above, true) => value >= self.limit,
        }
    }
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

/// What comes back, per second of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Throughput {
    /// Requests that end as the scenario expects.
    Goodput,
    /// Bytes of the answers' bodies.
    ReceivedBytes,
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
    /// `1 - check_rate`, of the requests that were answered: those whose status, headers or body
    /// are not what the step's check says.
    ChecksNotHeld,
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

/// What all tenants but a noisy one may notice of him.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Neighbours {
    /// Objectives over their requests while he is noisy.
    pub slos: Vec<Slo>,
    /// Limits against the stage before.
    pub effects: Vec<Effect>,
}

/// `p99 < 1.5x`: how many times as long a quantile of the response time may be as in the stage before.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// As it stood in the file, blanks normalised.
    pub text: String,
    /// The quantile.
    pub quantile: Quantile,
    /// The limit.
    pub limit: f64,
    /// Whether the limit itself is still good.
    pub inclusive: bool,
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
    /// From where on requests are slow for it; of several limits the first.
    pub fn threshold(&self) -> Option<Threshold> {
        self.thresholds()[0]
    }

    /// The response times that it tells requests apart by.
    pub fn thresholds(&self) -> [Option<Threshold>; 2] {
        match self.metric {
            Metric::ResponseTime { threshold, .. } => [Some(threshold), None],
            Metric::Apdex { satisfied, tolerable } => [Some(satisfied), Some(tolerable)],
            Metric::Failures(_)
            | Metric::Throughput { .. }
            | Metric::Gauge(_)
            | Metric::CertificateDays(_)
            | Metric::Lap { .. } => [None, None],
        }
    }

    /// The gated quantile of a response time objective.
    pub fn quantile(&self) -> Option<Quantile> {
        match self.metric {
            Metric::ResponseTime { quantile, .. } | Metric::Lap { quantile, .. } => Some(quantile),
            Metric::Failures(_)
            | Metric::Apdex { .. }
            | Metric::Throughput { .. }
            | Metric::Gauge(_)
            | Metric::CertificateDays(_) => None,
        }
    }
}

/// The time that an error budget is for where the scenario does not say: 30 days.
pub const DEFAULT_BUDGET_HOURS: u32 = 30 * 24;

/// The objectives of a scenario that names none.
pub const DEFAULT_OBJECTIVES: [&str; 5] = [
    "p95 < 200ms",
    "p99 < 500ms",
    "error_rate < 0.1%",
    "server_error_rate < 0.1%",
    "availability >= 99.9%",
];
