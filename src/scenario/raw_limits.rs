//! The generator's ceilings, as the file has them.

use schemars::JsonSchema;
use serde::Deserialize;

/// The generator's ceilings. Reaching one is reported, never hidden.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the limits")]
pub(crate) struct RawLimits {
    /// Open connections; without it, 1000.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[schemars(example = 200)]
    pub(crate) connections: Option<u32>,
    /// Iterations under way; without it, 10000.
    #[schemars(range(min = 1, max = 10_000_000))]
    #[schemars(example = 1_000)]
    pub(crate) in_flight: Option<u32>,
    /// Requests under way on one connection, where it is HTTP/2; without it, 100.
    #[schemars(range(min = 1, max = 10_000))]
    #[schemars(example = 10)]
    pub(crate) streams: Option<u32>,
    /// Tenants that are told apart, the largest; all others are counted together. Without it, 20.
    #[schemars(range(min = 1, max = 200))]
    #[schemars(example = 50)]
    pub(crate) tenants: Option<u16>,
    /// The size of one response's body; without it, 10MB.
    #[schemars(example = "10MB")]
    pub(crate) body: Option<String>,
    /// Threads that send; without it, as many as the load needs.
    #[schemars(range(min = 1, max = 1024))]
    #[schemars(example = 1)]
    pub(crate) workers: Option<u16>,
}
