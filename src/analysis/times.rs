//! A distribution of times in figures.

use schemars::JsonSchema;
use serde::Serialize;

/// A distribution of times in figures, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Times {
    /// How many.
    pub count: u64,
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90 of 100 are at or below.
    pub p90: f64,
    /// 95 of 100 are at or below.
    pub p95: f64,
    /// 99 of 100 are at or below.
    pub p99: f64,
    /// 999 of 1,000 are at or below.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}
