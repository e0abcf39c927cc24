//! Where the text of a scenario comes from, and what that decides.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
    /// Where files of data are; without them a scenario with some is none.
    pub data: DataFiles,
}

/// Where files of data are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DataFiles {
    /// They are not read.
    #[default]
    Unread,
    /// At their own paths.
    Here,
    /// Each in the place where it was put; no other one is read.
    Handed(BTreeMap<PathBuf, PathBuf>),
}

impl DataFiles {
    /// Where a file is read from, or why it is not: `is not read here`.
    pub(crate) fn place<'p>(&'p self, path: &'p Path) -> Result<&'p Path, &'static str> {
        match self {
            DataFiles::Here => Ok(path),
            DataFiles::Handed(places) => {
                places.get(path).map(PathBuf::as_path).ok_or("was not handed over")
            }
            DataFiles::Unread => Err("is not read here"),
        }
    }
}
