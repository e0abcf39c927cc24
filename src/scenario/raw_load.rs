//! The load as it is written: stages with rates or users.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::load::ArrivalProcess;

/// How hard: stages of load, one after the other.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the load")]
pub(crate) struct RawLoad {
    /// How arrivals are spread over time; without it, poisson.
    #[serde(default)]
    #[schemars(example = &"uniform")]
    pub(crate) arrivals: ArrivalProcess,
    /// Decides every arrival and every choice of the run; without it, 1.
    #[serde(default = "first_seed")]
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    #[schemars(example = 7)]
    pub(crate) seed: u64,
    /// One after the other.
    #[serde(default)]
    #[schemars(length(min = 1))]
    #[schemars(example = json!([{ "for": "60s", "rate": "100/s" }]))]
    pub(crate) stages: Vec<RawStage>,
    /// Instead of stages: iterations begin when those of a recording did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = json!({ "file": "arrivals.csv", "speed": 2 }))]
    pub(crate) replay: Option<RawReplay>,
    /// End the whole load then, whatever its stages say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "10m")]
    pub(crate) max_duration: Option<String>,
    /// End the load when so many iterations have begun; for loads with rates only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64), example = 10_000)]
    pub(crate) max_iterations: Option<u64>,
    /// The same as so many requests, by those of an iteration on average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64), example = 50_000)]
    pub(crate) max_requests: Option<u64>,
}

impl Default for RawLoad {
    fn default() -> RawLoad {
        RawLoad {
            arrivals: ArrivalProcess::default(),
            seed: first_seed(),
            stages: Vec::new(),
            replay: None,
            max_duration: None,
            max_iterations: None,
            max_requests: None,
        }
    }
}

/// The load of one flow, at the same time as those of others.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the load of a flow")]
pub(crate) struct RawFlowLoad {
    /// How arrivals are spread over time; without it, as the scenario's load says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"uniform")]
    pub(crate) arrivals: Option<ArrivalProcess>,
    /// One after the other. A load that begins later begins with a pause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    #[schemars(example = json!([{ "for": "60s", "rate": "5/s" }]))]
    pub(crate) stages: Vec<RawStage>,
    /// Instead of stages: iterations begin when those of a recording did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = json!({ "file": "arrivals.csv", "speed": 2 }))]
    pub(crate) replay: Option<RawReplay>,
}

/// Moments that were recorded, from a file.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the replay")]
pub(crate) struct RawReplay {
    /// The file, relative to this one: CSV with the names of its columns in the first line, JSON or
    /// NDJSON, as `data` has it. Each row is an iteration; their order does not matter.
    #[schemars(example = "arrivals.csv")]
    pub(crate) file: String,
    /// The column with the moments: seconds, such as `12.5` or `1700000000.25`, or dates such as
    /// `2026-03-01T12:00:00.5Z`. The earliest is the beginning. Without it, `time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"timestamp")]
    pub(crate) column: Option<String>,
    /// How many times as fast; without it, 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.001, max = 1_000.0), example = 2.0)]
    pub(crate) speed: Option<f64>,
    /// Keep so much of its beginning out of the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "30s")]
    pub(crate) warmup: Option<String>,
}

pub(crate) fn first_seed() -> u64 {
    1
}

/// A stretch of time with a rate or a number of users, or a pause.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a stage")]
pub(crate) struct RawStage {
    /// How long it lasts.
    #[serde(rename = "for")]
    #[schemars(example = "60s")]
    pub(crate) length: String,
    /// Arrivals per time: `100/s`, a ramp, `50/s -> 200/s`, a staircase,
    /// `50/s -> 200/s in 4 steps`, or a sine, `50/s <-> 200/s every 2m`, which begins with the
    /// first. They are iterations; `400 requests/s` is as many iterations as lead to so many
    /// requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "100/s", example = "50/s -> 200/s", example = "50/s -> 200/s in 4 steps")]
    #[schemars(example = "50/s <-> 200/s every 2m", example = "400 requests/s")]
    pub(crate) rate: Option<String>,
    /// Instead of a rate: virtual users, each of whom does one iteration after another and waits
    /// for the answers. A number, a ramp such as `10 -> 100`, a staircase such as
    /// `10 -> 40 in 4 steps`, or a sine such as `10 <-> 40 every 2m`. A target that answers slowly gets less load then, which hides what a
    /// rate would show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "users")]
    #[schemars(example = 50)]
    pub(crate) users: Option<Value>,
    /// Keep what happens here out of the verdict.
    #[serde(default)]
    #[schemars(example = true)]
    pub(crate) warmup: bool,
    /// Send nothing.
    #[serde(default)]
    #[schemars(example = true)]
    pub(crate) pause: bool,
    /// One tenant is so many times as busy as before, on top of the rate: what the others notice
    /// of it is judged by `neighbours` of `slo`, against the stage before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = json!({ "tenant": "tenant-1", "times": 10 }))]
    pub(crate) noisy: Option<RawNoisy>,
}

/// One tenant is busier than the plan says.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a noisy tenant")]
pub(crate) struct RawNoisy {
    /// Who: one of the tenants that are told apart.
    #[schemars(example = "tenant-1")]
    pub(crate) tenant: String,
    /// How many times as much he does as in the stage before.
    #[schemars(range(min = 1, max = 1000), example = 10)]
    pub(crate) times: f64,
}

fn users(_: &mut SchemaGenerator) -> Schema {
    let number = json!({ "type": "integer", "minimum": 1, "maximum": 1_000_000, "examples": [50] });
    json_schema!({
        "anyOf": [number, { "type": "string", "examples": ["10 -> 100", "10 -> 40 in 4 steps"] }]
    })
}
