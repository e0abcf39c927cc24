//! Where the text of a scenario comes from, and what that decides.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::data::delimited::Form;
use super::data::file::{Format, read};
use super::data::table::Table;
use super::data::wrong::Wrong;
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

impl Origin {
    /// Reads the rows of a file.
    pub(crate) fn read_rows(
        &self,
        path: &Path,
        format: Format,
        form: Form<'_>,
    ) -> Result<Table, Wrong> {
        match &self.data {
            DataFiles::Here => read(path, format, form),
            DataFiles::Handed(places) => match places.get(path) {
                Some(place) => read(place, format, form),
                None => Err(Wrong::whole("was not handed over")),
            },
            DataFiles::Unread => Err(Wrong::whole("is not read here")),
        }
    }
}
