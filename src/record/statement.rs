//! What the target's database spent on a statement.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the database spent on one statement while the target was loaded, warm-up included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Statement {
    /// Its text, shortened, without the values in it.
    pub text: String,
    /// How often it was carried out.
    pub calls: u64,
    /// How long that took, all together, in milliseconds.
    pub total_ms: f64,
}
