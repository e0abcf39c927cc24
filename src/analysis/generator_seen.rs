//! What was seen of each of several generators that shared a load.

use schemars::JsonSchema;
use serde::Serialize;

/// A generator over the whole run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct GeneratorSeen {
    /// What it is called.
    pub name: String,
    /// How many slots of the load it had.
    pub slots: u32,
    /// Seconds of it that are known.
    pub seconds: u32,
    /// CPU in cores, on average.
    pub cpu: Option<f64>,
    /// The longest send lag, in milliseconds.
    pub send_lag_max_ms: Option<f64>,
    /// The longest that it stood still, in milliseconds.
    pub stood_still_max_ms: Option<f64>,
    /// How far its arrivals may have lain off the common schedule: skew and its bound, in
    /// milliseconds.
    pub off_schedule_max_ms: Option<f64>,
    /// What became of it, if it was lost.
    pub lost: Option<String>,
    /// Requests that it sent per second in each bin of the timeline. Drawn, and in no file.
    #[serde(skip)]
    pub sent: Vec<Option<f64>>,
    /// The longest send lag in each of them, in milliseconds.
    #[serde(skip)]
    pub send_lag_ms: Vec<Option<f64>>,
}
