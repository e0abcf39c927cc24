//! Where the text of a scenario comes from, and what that decides.

use std::path::PathBuf;

use super::routing::Caller;

/// Where a text comes from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The file, as problems and records name it.
    pub file: Option<PathBuf>,
    /// The folder that relative paths start from.
    pub folder: PathBuf,
    /// What the caller says besides the file.
    pub caller: Caller,
    /// The cores of the machine that is to send it; `None` if that is another one.
    pub cores: Option<usize>,
    /// Whether the target's program, folder and script are looked for.
    pub looks: bool,
    /// Whether files of data are read; without that a scenario with some is none.
    pub reads_data: bool,
}
