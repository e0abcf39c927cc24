//! How a search for capacity ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a search ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SearchEnd {
    /// It came to its end.
    Finished,
    /// A signal.
    Interrupted {
        /// Its number.
        signal: i32,
    },
    /// The target could not be started, or died, or was not itself again.
    TargetLost {
        /// How, with its last words.
        detail: String,
    },
    /// A step never worked.
    Hopeless {
        /// Which step, and how its tries ended.
        detail: String,
    },
    /// One of several generators was lost, and with it what its trial would have shown.
    GeneratorLost {
        /// Which trial, which generator, and what became of it.
        detail: String,
    },
}
