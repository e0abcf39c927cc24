//! How hard: the load profile of a scenario, stage by stage.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// A stretch of the load profile in which the rate goes from one value to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// How long it lasts; more than zero.
    pub length: Duration,
    /// The rate at its start.
    pub from: Rate,
    /// The rate at its end; equal to `from` in a constant stage, zero in a pause.
    pub to: Rate,
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
    /// One after the other, at least one.
    pub stages: Vec<Stage>,
}

impl Load {
    /// The length of all stages together.
    pub fn length(&self) -> Duration {
        self.stages.iter().map(|stage| stage.length).sum()
    }

    /// The length of the warm-up stages at the beginning.
    pub fn warmup(&self) -> Duration {
        self.stages.iter().take_while(|stage| stage.warmup).map(|stage| stage.length).sum()
    }

    /// The highest rate that the profile reaches.
    pub fn peak(&self) -> Rate {
        let rates = self.stages.iter().flat_map(|stage| [stage.from.0, stage.to.0]);
        Rate(rates.fold(0.0, f64::max))
    }
}

impl Stage {
    /// The expected number of arrivals.
    pub fn area(&self) -> f64 {
        f64::midpoint(self.from.0, self.to.0) * self.length.as_secs_f64()
    }
}
