//! A step as the head of a record has it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A step as the record knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepHead {
    /// Unique name.
    pub name: String,
    /// The flow it belongs to.
    pub flow: String,
    /// `GET /orders/{{order}}`.
    pub label: String,
    /// Time limit in milliseconds.
    pub timeout_ms: u64,
    /// The statuses that it expects: `2xx, 404`; empty in records of older versions.
    #[serde(default)]
    pub expects: String,
    /// What objectives may name it by, besides its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What else must hold for its answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
}
