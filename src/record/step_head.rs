//! A step as the head of a record has it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::slo::LapKind;

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
    /// Whether each user does it once only, as a login.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
    /// What its stream is, if its answer is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamHead>,
}

/// A stream, as far as the times within it are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamHead {
    /// Of events.
    Events,
    /// A WebSocket, with so many messages that are answered by one that is expected.
    WebSocket {
        /// How many.
        round_trips: u32,
    },
}

impl StepHead {
    /// How many times of a kind each of its requests is due; nothing where it has none.
    pub fn laps_due(&self, of: LapKind) -> u64 {
        match (of, self.stream) {
            (LapKind::FirstEvent | LapKind::EventGap, Some(StreamHead::Events)) => 1,
            (LapKind::RoundTrip, Some(StreamHead::WebSocket { round_trips })) => round_trips.into(),
            (_, Some(_) | None) => 0,
        }
    }
}
