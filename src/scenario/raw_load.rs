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
    pub(crate) arrivals: ArrivalProcess,
    /// Decides every arrival and every choice of the run; without it, 1.
    #[serde(default = "first_seed")]
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    pub(crate) seed: u64,
    /// One after the other.
    #[schemars(length(min = 1))]
    pub(crate) stages: Vec<RawStage>,
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
    /// Arrivals per time: `100/s`, a ramp, `50/s -> 200/s`, or a staircase,
    /// `50/s -> 200/s in 4 steps`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "100/s", example = "50/s -> 200/s", example = "50/s -> 200/s in 4 steps")]
    pub(crate) rate: Option<String>,
    /// Instead of a rate: virtual users, each of whom does one iteration after another and waits
    /// for the answers. A number, a ramp such as `10 -> 100`, or a staircase such as
    /// `10 -> 40 in 4 steps`. A target that answers slowly gets less load then, which hides what a
    /// rate would show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "users")]
    pub(crate) users: Option<Value>,
    /// Keep what happens here out of the verdict.
    #[serde(default)]
    pub(crate) warmup: bool,
    /// Send nothing.
    #[serde(default)]
    pub(crate) pause: bool,
    /// One tenant is so many times as busy as before, on top of the rate: what the others notice
    /// of it is judged by `neighbours` of `slo`, against the stage before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
