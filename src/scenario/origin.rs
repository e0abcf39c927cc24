//! Where the text of a scenario comes from, and what that decides.

use std::path::PathBuf;

/// Where a text comes from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The file, as problems and records name it.
    pub file: Option<PathBuf>,
    /// The folder that relative paths start from.
    pub folder: PathBuf,
    /// Hosts other than loopback that may be loaded, besides those of the file.
    pub extra_allow: Vec<String>,
    /// The cores of the machine that is to send it; `None` if that is another one.
    pub cores: Option<usize>,
    /// Whether the target's program, folder and script are looked for.
    pub looks: bool,
}
