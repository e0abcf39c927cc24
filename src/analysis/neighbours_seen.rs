//! What all tenants but a noisy one noticed of him.

use schemars::JsonSchema;
use serde::Serialize;

use crate::analysis::times::Times;

/// A noisy tenant and the others, before and while he is noisy.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct NeighboursSeen {
    /// Who was noisy.
    pub tenant: String,
    /// How many times as much he did.
    pub times: f64,
    /// The others before, the others then, he before, he then.
    pub stretches: Vec<StretchSeen>,
    /// How many times as long the others wait, by quantile.
    pub effects: Vec<EffectSeen>,
    /// Limits of the others' response times: quantile and milliseconds.
    pub limits: Vec<(f64, f64)>,
}

/// Requests of some tenants in a stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StretchSeen {
    /// Whose, and when.
    pub name: String,
    /// Judged seconds of it.
    pub seconds: u32,
    /// Requests that were due.
    pub requests: u64,
    /// The share of those that ended and failed.
    pub error_rate: f64,
    /// Response times in milliseconds; `None` without any.
    pub times: Option<Times>,
}

/// How many times as long the others wait as before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct EffectSeen {
    /// The quantile.
    pub quantile: f64,
    /// As it was measured; `None` where so many have failed that it is endless, or nobody can know.
    pub ratio: Option<f64>,
    /// At least, with 5 % beyond; `None` where nobody can know.
    pub low: Option<f64>,
    /// At most, with 5 % beyond; `None` where nobody can know.
    pub high: Option<f64>,
}
