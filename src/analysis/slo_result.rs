//! How an objective came out.

use schemars::JsonSchema;
use serde::Serialize;

use crate::analysis::gauges::GaugeValue;

/// One objective and how it came out.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SloResult {
    /// `p99 < 500ms`.
    pub text: String,
    /// The part of the requests that it speaks of: a step, `tag:read` or `each tenant`; `None`: all.
    pub step: Option<String>,
    /// How it came out.
    pub status: SloStatus,
    /// The quantile (ms) or the share that was measured; `None` without requests.
    pub measured: Option<Measured>,
    /// The interval that the measured value is in with 90 % confidence (5 % on each side), in
    /// the same unit as `measured`.
    pub interval: Option<(f64, f64)>,
    /// The limit, in the same unit.
    pub limit: f64,
    /// Bad requests and all requests that the objective speaks of; 0 where it is about a gauge.
    pub bad: u64,
    /// All requests that the objective speaks of; 0 where it is about a gauge.
    pub requests: u64,
    /// The share of bad requests is in this interval with 90 % confidence (5 % on each side);
    /// `None` where no share was judged.
    pub bad_share: Option<(f64, f64)>,
    /// How many times less the evidence weighs than independent requests would.
    pub design_effect: f64,
    /// How much of a quantile the generator may have added.
    pub generator_error: Option<GeneratorError>,
    /// How it came out for each tenant, in the order of the table of them; the figures are those of
    /// the one that decides. Empty for objectives that are not of each tenant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of_each: Vec<SloStatus>,
    /// One sentence, where the status needs one.
    pub note: Option<String>,
}

/// A measured value with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// A time in milliseconds.
    Millis(f64),
    /// A time within streams, in milliseconds.
    LapMillis(f64),
    /// A share in [0, 1] of bad requests.
    BadShare(f64),
    /// A share in [0, 1] of good requests (availability).
    GoodShare(f64),
    /// A share in [0, 1] of answers that are as the steps' checks say.
    ChecksHeld(f64),
    /// A score in [0, 1] of how satisfied whoever waits is.
    Apdex(f64),
    /// Requests per second that end as the scenario expects.
    Goodput(f64),
    /// Bytes of answers' bodies per second.
    BytesPerSecond(f64),
    /// A share in [0, 1] of windows in which the objective held.
    GoodWindows(f64),
    /// How many times as long it takes as in the stage before.
    Effect(f64),
    /// A gauge of the target.
    Gauge(GaugeValue),
}

/// How an objective came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SloStatus {
    /// Met, with confidence.
    Met,
    /// Missed, with confidence.
    Missed,
    /// The evidence carries neither.
    Inconclusive,
    /// The generator's own error covers the limit.
    Invalid,
}

/// How much of a measured quantile the generator may have added: the target's own value
/// lies in [low, high].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct GeneratorError {
    /// The gated quantile, in [0, 1].
    pub quantile: f64,
    /// Lower end in milliseconds.
    pub low: f64,
    /// Upper end in milliseconds: what was measured.
    pub high: f64,
    /// (high − low) ÷ high.
    pub relative: f64,
}
