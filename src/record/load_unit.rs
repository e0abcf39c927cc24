//! In what the loads of a search are counted: arrivals per second, or users who wait for answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// In what a load is counted, and with it everything that is called a rate in a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadUnit {
    /// Arrivals per second.
    #[default]
    Rate,
    /// Users who wait for answers, a whole number of them.
    Users,
}

impl LoadUnit {
    /// Whether users wait for answers.
    pub fn is_users(self) -> bool {
        self == LoadUnit::Users
    }

    /// What a load of it is: `rate`, `users`.
    pub fn name(self) -> &'static str {
        match self {
            LoadUnit::Rate => "rate",
            LoadUnit::Users => "users",
        }
    }
}
