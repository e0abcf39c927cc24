//! What is said of how full the target was, besides figures: what filled up, and what moved with
//! the response time. Types only; `filled` and `correlated` find out.

use schemars::JsonSchema;
use serde::Serialize;

/// Something that filled up.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Filled {
    /// What: `the connection pool`.
    pub what: &'static str,
    /// The second of the run since when it was.
    pub since: u32,
    /// The share of the judged seconds in which it was full.
    pub share: f64,
    /// How full: `up to 4 of 4 connections in use, up to 23 waiting for one`.
    pub evidence: String,
}

/// A gauge that moved with the response time.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Correlated {
    /// The gauge's name.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// The rank correlation with the p95 at the shift at which they agree best. Of cache hits, it
    /// is that of their absence.
    pub correlation: f64,
    /// By how many seconds the gauge moved before the response time; negative: after.
    pub seconds_before: f64,
    /// How often chance would bring such a correlation of any gauge at any shift, at most.
    pub p: f64,
}
