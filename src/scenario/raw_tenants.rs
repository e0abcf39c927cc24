//! The tenants as they are written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::entries::Entries;

/// Whom iterations are for: so many tenants, or those of these names, and how large they are.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the tenants")]
pub(crate) struct RawTenants {
    /// So many of them: `tenant-1`, `tenant-2` and so on.
    #[schemars(range(min = 1, max = 100_000))]
    #[schemars(example = 50)]
    pub(crate) count: Option<u32>,
    /// Their names, the largest first.
    #[serde(default)]
    #[schemars(example = ["acme", "globex"])]
    pub(crate) names: Vec<String>,
    /// Their names, each with its share among all weights.
    #[serde(default)]
    #[schemars(example = json!({ "acme": 100, "globex": 5 }))]
    pub(crate) weights: Entries<u32>,
    /// How large those of `count` or `names` are: `equal`, or `zipf(1.1)`, by which the n-th is
    /// n to the power of 1.1 times smaller than the first. Without it, equal.
    #[schemars(example = &"zipf(1.1)")]
    pub(crate) sizes: Option<String>,
}
