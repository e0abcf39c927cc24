//! The objectives as they are written.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::entries::Entries;

/// What is good enough: objectives here, or the file that has them.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the slo")]
pub(crate) struct RawSlo {
    /// Objectives for the requests of all steps together, such as `p99 < 500ms`,
    /// `error_rate < 1%`, `availability >= 99.9%`, `check_rate >= 99.9%`, `apdex(300ms) >= 0.9`,
    /// `goodput >= 400/s`, `first_event.p95 < 500ms` or `p95 < 200ms for 95% of 10s windows`; and for
    /// the target, such as `target.rss.max < 500MB`.
    #[serde(default)]
    #[schemars(example = ["p95 < 200ms", "server_error_rate < 0.1%"])]
    pub(crate) all: Vec<String>,
    /// Objectives for single steps, by name, or for all steps with a tag, by `tag:read`.
    #[serde(default)]
    #[schemars(example = json!({ "create order": ["p99 < 800ms"], "tag:read": ["p99 < 300ms"] }))]
    pub(crate) steps: Entries<Vec<String>>,
    /// Objectives that must hold for each tenant by itself.
    #[serde(default)]
    #[schemars(example = ["p99 < 800ms", "error_rate < 1%"])]
    pub(crate) tenants: Vec<String>,
    /// Objectives for all tenants but the noisy one, while he is noisy: `p99 < 300ms`,
    /// `error_rate < 1%`, or, against the stage before, `p99 < 1.5x`.
    #[serde(default)]
    #[schemars(example = ["p99 < 300ms", "p95 < 1.5x", "error_rate < 1%"])]
    pub(crate) neighbours: Vec<String>,
    /// A file with `all` and `steps`, relative to this one; neither may stand beside it.
    #[schemars(example = "slo.json")]
    pub(crate) file: Option<String>,
    /// The time that an error budget is for; without it, 30d.
    #[schemars(example = "28d")]
    pub(crate) budget_window: Option<String>,
}

/// Service level objectives that several scenarios share.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the slo file")]
pub(crate) struct RawSloFile {
    /// The JSON Schema of this file, for editors.
    #[serde(rename = "$schema")]
    #[expect(dead_code, reason = "a key that editors read and nobody else")]
    #[schemars(example = &"slo.schema.json")]
    pub(crate) schema: Option<String>,
    /// Objectives for the requests of all steps together, such as `p99 < 500ms`,
    /// `error_rate < 1%`, `availability >= 99.9%`, `check_rate >= 99.9%`, `apdex(300ms) >= 0.9`,
    /// `goodput >= 400/s`, `first_event.p95 < 500ms` or `p95 < 200ms for 95% of 10s windows`; and for
    /// the target, such as `target.rss.max < 500MB`.
    #[serde(default)]
    #[schemars(example = ["p95 < 200ms", "server_error_rate < 0.1%"])]
    pub(crate) all: Vec<String>,
    /// Objectives for single steps, by name, or for all steps with a tag, by `tag:read`.
    #[serde(default)]
    #[schemars(example = json!({ "create order": ["p99 < 800ms"], "tag:read": ["p99 < 300ms"] }))]
    pub(crate) steps: Entries<Vec<String>>,
    /// Objectives that must hold for each tenant by itself.
    #[serde(default)]
    #[schemars(example = ["p99 < 800ms", "error_rate < 1%"])]
    pub(crate) tenants: Vec<String>,
    /// Objectives for all tenants but the noisy one, while he is noisy: `p99 < 300ms`,
    /// `error_rate < 1%`, or, against the stage before, `p99 < 1.5x`.
    #[serde(default)]
    #[schemars(example = ["p99 < 300ms", "p95 < 1.5x", "error_rate < 1%"])]
    pub(crate) neighbours: Vec<String>,
}
