//! Why there is no record.

use std::fmt;
use std::io;

use crate::experiment::resources::TooFewDescriptors;
use crate::record::store::StoreError;
use crate::target::ready::NotReady;
use crate::target::start_error::StartError;

/// Why there is no record.
#[derive(Debug)]
pub enum TrialError {
    /// The machine has too little of something.
    Resources(TooFewDescriptors),
    /// The target's name means nothing.
    Unresolved(String),
    /// The target could not be started.
    Start(StartError),
    /// The target was not ready in time, or ended; with its last words.
    NotReady(NotReady, Vec<String>),
    /// What is done once before the load failed.
    SetUp(String),
    /// A signal came before the load began.
    Interrupted(i32),
    /// The run folder takes nothing.
    NoRoom(StoreError),
    /// The run could not be written.
    Store(StoreError),
    /// The generator itself failed.
    Engine(io::Error),
    /// Others should have carried out the load, and could not.
    Generators(String),
}

impl fmt::Display for TrialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrialError::Resources(error) => error.fmt(f),
            TrialError::Unresolved(why) | TrialError::Generators(why) => f.write_str(why),
            TrialError::Start(error) => error.fmt(f),
            TrialError::NotReady(error, _) => error.fmt(f),
            TrialError::SetUp(why) => write!(f, "\"setup\" failed, so there was no load: {why}"),
            TrialError::Interrupted(_) => f.write_str("interrupted before the load began"),
            TrialError::NoRoom(error) => {
                write!(
                    f,
                    "nothing can be recorded: {error}; make room, or name another folder with -o"
                )
            }
            TrialError::Store(error) => error.fmt(f),
            TrialError::Engine(error) => write!(f, "the generator failed: {error}"),
        }
    }
}

impl std::error::Error for TrialError {}
