//! Why a target could not be started, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::scenario::model::{Secrets, StartCommand};

/// Why a target could not be started.
#[derive(Debug)]
pub enum StartError {
    /// The folder to run in is not there.
    FolderMissing(PathBuf),
    /// There is no such program, where it was looked for.
    ProgramMissing {
        /// As the scenario names it.
        program: String,
        /// Where a relative name is looked for.
        folder: PathBuf,
    },
    /// The program is there, but the system refused to start it.
    Refused {
        /// As the scenario names it.
        program: String,
        /// The system's words.
        reason: String,
    },
    /// The output file could not be created.
    OutputFile(PathBuf, io::Error),
    /// The supervisor did not do its part.
    Supervisor(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::FolderMissing(folder) => write!(
                f,
                "start the target: the folder {} does not exist; correct \"cwd\" of \"target\", \
                 which is relative to the scenario file",
                folder.display()
            ),
            StartError::ProgramMissing { program, folder } if program.contains('/') => write!(
                f,
                "start the target: there is no program \"{program}\" in {}, or the interpreter \
                 that its first line names is missing; correct \"command\" of \"target\"",
                folder.display()
            ),
            StartError::ProgramMissing { program, .. } => write!(
                f,
                "start the target: there is no program \"{program}\" in any folder of PATH; \
                 install it or correct \"command\" of \"target\""
            ),
            StartError::Refused { program, reason } => {
                write!(f, "start the target: \"{program}\" cannot be run: {reason}")
            }
            StartError::OutputFile(path, error) => {
                write!(f, "create {} for the target's output: {error}", path.display())
            }
            StartError::Supervisor(reason) => {
                write!(f, "start the supervisor of the target: {reason}")
            }
        }
    }
}

impl std::error::Error for StartError {}

/// A folder without what came from the environment.
pub(super) fn shown(folder: &Path, redact: &Secrets) -> PathBuf {
    redact.redact(&folder.to_string_lossy()).into()
}

/// What the system's error of starting a command means.
pub(super) fn refusal(command: &StartCommand, errno: i32, redact: &Secrets) -> StartError {
    let program = redact.redact(command.command.first().map_or("", String::as_str));
    match Errno::from_raw(errno) {
        Errno::ENOENT => {
            StartError::ProgramMissing { program, folder: shown(&command.folder, redact) }
        }
        Errno::EACCES => {
            let reason = "permission denied; is it executable (chmod +x)?".to_owned();
            StartError::Refused { program, reason }
        }
        Errno::ENOEXEC => {
            let reason = "not a program; does a script's first line say what runs it?".to_owned();
            StartError::Refused { program, reason }
        }
        other => StartError::Refused { program, reason: other.desc().to_lowercase() },
    }
}
