//! At which addresses a target was loaded whose name has several.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which of the addresses of a name were used.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AddressesHead {
    /// Those that connections went to from the start, in turn.
    pub used: Vec<String>,
    /// How many its name had.
    pub found: u32,
}
