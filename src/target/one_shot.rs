//! A command that is run to its end, such as `npm ci`: supervised like a target, bounded
//! in time, and ended with everything it started when nobody waits for it any more.
//!
//! Does not know what the command is for.

use std::fmt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::leash::Ending;
use super::process::{ExitReport, RunningTarget, Supervisor};
use super::start_error::StartError;
use crate::scenario::model::{Secrets, StartCommand};
use crate::units::format_duration;

/// How often the command is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long it may take to end when it is stopped.
const GRACE: Duration = Duration::from_secs(2);

/// What it takes to run commands to their ends.
#[derive(Clone, Copy)]
pub struct OneShots<'a> {
    /// How commands are started.
    pub supervisor: &'a Supervisor,
    /// What must not be in logs and messages.
    pub secrets: &'a Secrets,
    /// Asked often: whether somebody wants it all to end.
    pub cancelled: &'a dyn Fn() -> bool,
}

impl fmt::Debug for OneShots<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneShots").field("supervisor", &self.supervisor).finish_non_exhaustive()
    }
}

/// Why a command did not do its job. Begins with the command, in quotes.
#[derive(Debug)]
pub enum OneShotError {
    /// It could not be started.
    NotStarted {
        /// The command.
        command: String,
        /// Why.
        error: StartError,
    },
    /// It ended otherwise than well.
    Failed {
        /// The command.
        command: String,
        /// How, with its last words.
        exit: ExitReport,
    },
    /// It was still running when its time was over.
    TooLong {
        /// The command.
        command: String,
        /// The time it had.
        limit: Duration,
        /// The last lines that it printed.
        last_words: Vec<String>,
    },
    /// Somebody wanted it to end.
    Cancelled,
}

impl fmt::Display for OneShotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OneShotError::NotStarted { command, error } => {
                write!(f, "\"{command}\" cannot be started: {}", reason(error))
            }
            OneShotError::Failed { command, exit } => write!(f, "\"{command}\" failed: {exit}"),
            OneShotError::TooLong { command, limit, last_words } => {
                let description = format!("still running after {}", format_duration(*limit));
                let exit = ExitReport { description, last_words: last_words.clone() };
                write!(f, "\"{command}\" was {exit}")
            }
            OneShotError::Cancelled => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for OneShotError {}

/// Without the advice to correct the target's own command.
fn reason(error: &StartError) -> String {
    match error {
        StartError::FolderMissing(folder) => {
            format!("the folder {} does not exist", folder.display())
        }
        StartError::ProgramMissing { program, folder } if program.contains('/') => {
            format!("there is no program \"{program}\" in {}", folder.display())
        }
        StartError::ProgramMissing { program, .. } => {
            format!("there is no program \"{program}\" in any folder of PATH")
        }
        StartError::Refused { reason, .. } => reason.clone(),
        StartError::OutputFile(..) | StartError::Supervisor(_) => error.to_string(),
    }
}

impl OneShots<'_> {
    /// Runs the command until it has ended, and all that it started with it. What it
    /// prints goes to `log`, up to 10 MB.
    pub fn run(
        &self,
        command: &StartCommand,
        limit: Duration,
        log: Option<&Path>,
    ) -> Result<(), OneShotError> {
        let words = || self.secrets.redact(&command.command.join(" "));
        if (self.cancelled)() {
            return Err(OneShotError::Cancelled);
        }
        let running = RunningTarget::start(command, self.supervisor, log, self.secrets)
            .map_err(|error| OneShotError::NotStarted { command: words(), error })?;
        let deadline = Instant::now() + limit;
        while running.exited().is_none() {
            if (self.cancelled)() {
                running.stop(GRACE);
                return Err(OneShotError::Cancelled);
            }
            if Instant::now() >= deadline {
                let watch = running.watch();
                running.stop(GRACE);
                let last_words = watch.last_words();
                return Err(OneShotError::TooLong { command: words(), limit, last_words });
            }
            thread::sleep(LOOK);
        }
        finish(running, words)
    }
}

/// What the end of the command says.
fn finish(running: RunningTarget, words: impl Fn() -> String) -> Result<(), OneShotError> {
    let exit = running.exited();
    match (running.stop(GRACE).ending, exit) {
        (Some(Ending::Status(0)), _) | (_, None) => Ok(()),
        (_, Some(exit)) => Err(OneShotError::Failed { command: words(), exit }),
    }
}
