//! The load as the record knows it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::load::{ArrivalProcess, Cap, Crowd};
use crate::scenario::wave::Piece;

/// The load profile as the record knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadHead {
    /// How arrivals are spread.
    pub arrivals: ArrivalProcess,
    /// The seed.
    pub seed: u64,
    /// The stages; the sum of its parts where it has some.
    pub stages: Vec<StageHead>,
    /// Several loads at once, or one that was recorded or limited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartHead>,
    /// What made it shorter than it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Cap>,
}

/// One of several loads at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PartHead {
    /// The names of the flows whose load it is.
    pub flows: Vec<String>,
    /// How its arrivals are spread.
    pub arrivals: ArrivalProcess,
    /// Its stages.
    pub stages: Vec<StageHead>,
    /// How many moments were recorded, where they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<u64>,
}

/// A stage as the record knows it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageHead {
    /// Length in seconds.
    pub seconds: f64,
    /// Arrivals per second at its start.
    pub from: f64,
    /// Arrivals per second at its end.
    pub to: f64,
    /// The users of a closed stage, whose arrivals nobody knows beforehand: the rates are zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Crowd>,
    /// Whether it stays outside the verdict.
    pub warmup: bool,
}

impl LoadHead {
    /// One profile for all flows.
    pub fn new(arrivals: ArrivalProcess, seed: u64, stages: Vec<StageHead>) -> LoadHead {
        LoadHead { arrivals, seed, stages, parts: Vec::new(), cap: None }
    }

    /// Whether users waited for answers before they went on: a slow target got less load.
    pub fn is_closed(&self) -> bool {
        self.stages.iter().any(|stage| stage.users.is_some())
    }

    /// The most users that a closed load has at any time; zero in an open one.
    pub fn most_users(&self) -> u32 {
        if self.parts.is_empty() {
            return most_users(&self.stages);
        }
        self.parts.iter().map(|part| most_users(&part.stages)).fold(0, u32::saturating_add)
    }

    /// The planned length in seconds.
    pub fn seconds(&self) -> f64 {
        self.stages.iter().map(|stage| stage.seconds).sum()
    }

    /// The planned length of the warm-up at the beginning, in seconds.
    pub fn warmup_seconds(&self) -> f64 {
        self.stages.iter().take_while(|stage| stage.warmup).map(|stage| stage.seconds).sum()
    }
}

impl StageHead {
    /// As far as a sine is concerned.
    pub fn piece(&self) -> Piece {
        let (from, to) = match self.users {
            None => (self.from, self.to),
            Some(users) => (f64::from(users.from), f64::from(users.to)),
        };
        let (seconds, is_users) = (self.seconds, self.users.is_some());
        Piece { seconds, from, to, is_users, warmup: self.warmup }
    }
}

fn most_users(stages: &[StageHead]) -> u32 {
    stages.iter().filter_map(|stage| stage.users).map(Crowd::most).max().unwrap_or(0)
}

impl PartHead {
    /// As reports name it: `browse`, `browse and 2 others`.
    pub fn name(&self) -> String {
        match self.flows.as_slice() {
            [] => "no flow".to_owned(),
            [only] => only.clone(),
            [first, second] => format!("{first} and {second}"),
            [first, others @ ..] => format!("{first} and {} others", others.len()),
        }
    }

    /// Whether a flow's iterations are of it.
    pub fn has(&self, flow: &str) -> bool {
        self.flows.iter().any(|own| own == flow)
    }
}
