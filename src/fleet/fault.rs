//! Why several generators could not make a record.

use std::fmt;

use crate::experiment::trial_error::TrialError;

/// Why there is no record.
#[derive(Debug)]
pub enum FleetFault {
    /// There is no server of our own to be had.
    NoServer(String),
    /// The server cannot be talked to.
    Unreachable(String),
    /// There is no folder for what is learnt.
    NoFolder(String),
    /// Too few agents are there: so many were wanted, these are there.
    TooFew {
        /// How many.
        wanted: u32,
        /// Of which pool.
        pool: String,
        /// Names of those that are there.
        found: Vec<String>,
    },
    /// Nobody watches the target, or somebody who cannot, or several: why.
    Unwatched(String),
    /// Agents that are there and cannot do it, and why.
    Unready(Vec<String>),
    /// Agents that are unlike the coordinator.
    Unlike(Vec<String>),
    /// The scenario cannot be shared.
    Unshareable(String),
    /// The record of a run whose coordinator was killed cannot be completed.
    Incompletable(String),
    /// As of one generator.
    Trial(TrialError),
}

impl fmt::Display for FleetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FleetFault::NoServer(why)
            | FleetFault::Unreachable(why)
            | FleetFault::NoFolder(why) => f.write_str(why),
            FleetFault::Unwatched(why) => write!(f, "nothing was sent: {why}"),
            FleetFault::TooFew { wanted, pool, found } => {
                let there = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
                write!(
                    f,
                    "nothing was sent: {} of {wanted} generators are there in the pool \"{pool}\" \
                     ({there})",
                    found.len()
                )
            }
            FleetFault::Unready(why) | FleetFault::Unlike(why) => {
                write!(f, "nothing was sent: {}", why.join("; "))
            }
            FleetFault::Unshareable(why) => write!(f, "several generators cannot do this: {why}"),
            FleetFault::Incompletable(why) => write!(f, "the record cannot be completed: {why}"),
            FleetFault::Trial(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FleetFault {}

impl From<TrialError> for FleetFault {
    fn from(error: TrialError) -> Self {
        FleetFault::Trial(error)
    }
}
