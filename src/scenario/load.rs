//! How hard: the load profile of a scenario, stage by stage.
//!
//! Several loads at once are the parts of one: each has flows and stages of its own, and the
//! stages of the whole are their sum, so that whoever asks how long or how high a load is need not
//! know of parts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::wave::Piece;
use crate::units::Rate;

/// How the arrivals of a stage are spread over its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ArrivalProcess {
    /// Independent arrivals, as from many users who know nothing of each other.
    #[default]
    Poisson,
    /// Evenly spaced; understates queueing.
    Uniform,
}

/// The virtual users of a stage whose load depends on answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Crowd {
    /// How many at its start.
    pub from: u32,
    /// How many at its end; equal to `from` in a constant stage.
    pub to: u32,
}

impl Crowd {
    /// The most at any time.
    pub fn most(self) -> u32 {
        self.from.max(self.to)
    }
}

/// A stretch of the load profile in which the rate, or the number of users, goes from one value
/// to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// How long it lasts; more than zero.
    pub length: Duration,
    /// The rate at its start.
    pub from: Rate,
    /// The rate at its end; equal to `from` in a constant stage, zero in a pause.
    pub to: Rate,
    /// The users of a closed stage, whose rate is then zero: nobody knows it beforehand.
    pub users: Option<Crowd>,
    /// Whether what happens here stays outside the verdict.
    pub warmup: bool,
}

/// The load profile with everything that decides its arrivals.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// How arrivals are spread.
    pub arrivals: ArrivalProcess,
    /// Decides every arrival and every choice of the run.
    pub seed: u64,
    /// One after the other, at least one; the sum of its parts where it has some.
    pub stages: Vec<Stage>,
    /// What it is made of, where it is more than one profile for all flows; else empty.
    pub parts: Vec<Part>,
    /// What made it shorter than its stages as written.
    pub cap: Option<Cap>,
}

/// One of several loads at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The flows that its iterations walk through, by weight: their places in the scenario.
    pub flows: Vec<usize>,
    /// How its arrivals are spread.
    pub arrivals: ArrivalProcess,
    /// One after the other.
    pub stages: Vec<Stage>,
    /// When its iterations are due, where that was recorded; its stages then say about how many
    /// there are.
    pub recorded: Option<Recorded>,
}

/// Moments of a load that was recorded: nanoseconds from its beginning, ascending.
#[derive(Clone, PartialEq, Eq)]
pub struct Recorded(pub Arc<[u64]>);

impl fmt::Debug for Recorded {
    /// Not each moment: there may be millions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recorded").field(&self.0.len()).finish()
    }
}

/// What made a load shorter than it was written.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cap {
    /// How many seconds its stages would have lasted.
    pub planned_seconds: f64,
    /// What ends it.
    pub by: CapBy,
}

/// What ends a load before its stages do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapBy {
    /// `max_duration`.
    Duration,
    /// `max_iterations`, or `max_requests` as so many iterations: none is due behind these.
    Iterations(u64),
}

impl Load {
    /// One profile for all flows.
    pub fn new(arrivals: ArrivalProcess, seed: u64, stages: Vec<Stage>) -> Load {
        Load { arrivals, seed, stages, parts: Vec::new(), cap: None }
    }

    /// The most iterations, where that is limited.
    pub fn most_iterations(&self) -> Option<u64> {
        match self.cap?.by {
            CapBy::Iterations(most) => Some(most),
            CapBy::Duration => None,
        }
    }

    /// Whether it is a warm-up and then one rate to the end, and each of its parts is too, so that
    /// the lengths of both can be chosen.
    pub fn is_steady(&self) -> bool {
        let holds =
            |stage: &Stage| stage.users.is_none() && (stage.from.0 - stage.to.0).abs() < 1e-9;
        let [warm, rest] = self.stages.as_slice() else { return false };
        let is_same = |part: &Part| {
            part.recorded.is_none()
                && matches!(part.stages.as_slice(), [first, then] if holds(then)
                    && (first.length, then.length) == (warm.length, rest.length))
        };
        warm.warmup && !rest.warmup && holds(rest) && self.parts.iter().all(is_same)
    }

    /// Another length for a stage of a steady load, which that of each part has then as well.
    pub fn set_length(&mut self, stage: usize, length: Duration) {
        let parts = self.parts.iter_mut().map(|part| &mut part.stages);
        for stages in std::iter::once(&mut self.stages).chain(parts) {
            if let Some(stage) = stages.get_mut(stage) {
                stage.length = length;
            }
        }
    }

    /// The length of all stages together.
    pub fn length(&self) -> Duration {
        self.stages.iter().map(|stage| stage.length).sum()
    }

    /// The length of the warm-up stages at the beginning.
    pub fn warmup(&self) -> Duration {
        self.stages.iter().take_while(|stage| stage.warmup).map(|stage| stage.length).sum()
    }

    /// Whether its users wait for answers before they go on: whoever answers slowly gets less.
    pub fn is_closed(&self) -> bool {
        self.stages.iter().any(|stage| stage.users.is_some())
    }

    /// The most users that a closed load has at any time; zero in an open one. Users of a part are
    /// of no other part, so each part's most count.
    pub fn most_users(&self) -> u32 {
        if self.parts.is_empty() {
            return most_users(&self.stages);
        }
        self.parts.iter().map(|part| most_users(&part.stages)).sum()
    }

    /// The highest rate that the profile reaches; zero in a closed load.
    pub fn peak(&self) -> Rate {
        let rates = self.stages.iter().flat_map(|stage| [stage.from.0, stage.to.0]);
        Rate(rates.fold(0.0, f64::max))
    }
}

/// The most users of some stages at any time.
pub fn most_users(stages: &[Stage]) -> u32 {
    stages.iter().filter_map(|stage| stage.users).map(Crowd::most).max().unwrap_or(0)
}

impl Stage {
    /// As far as a sine is concerned.
    pub fn piece(&self) -> Piece {
        let (from, to) = match self.users {
            None => (self.from.0, self.to.0),
            Some(users) => (f64::from(users.from), f64::from(users.to)),
        };
        let (seconds, is_users) = (self.length.as_secs_f64(), self.users.is_some());
        Piece { seconds, from, to, is_users, warmup: self.warmup }
    }

    /// Whether anything is sent in it.
    pub fn is_loaded(&self) -> bool {
        self.users.is_some() || self.area() > 0.0
    }

    /// The expected number of arrivals; zero in a closed stage.
    pub fn area(&self) -> f64 {
        f64::midpoint(self.from.0, self.to.0) * self.length.as_secs_f64()
    }
}
