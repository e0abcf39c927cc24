//! What is wrong with a file of rows, and how large its parts may be.

use std::collections::HashSet;
use std::io;

use super::table::{Full, MOST_BYTES, MOST_CELLS};

/// Bytes of a value.
pub(crate) const MOST_CELL: usize = 64 * 1024;
/// Columns of a table.
pub(crate) const MOST_COLUMNS: usize = 1_000;

/// What is wrong with a file of rows.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// It could not be read.
    Io(io::Error),
    /// The file as a whole.
    Whole(String),
    /// One of its rows, from 1, perhaps with the line in which it begins.
    Row(u64, Option<u64>, String),
}

impl Wrong {
    pub(crate) fn whole(what: impl Into<String>) -> Wrong {
        Wrong::Whole(what.into())
    }

    pub(crate) fn in_row(row: u64, line: Option<u64>, what: String) -> Wrong {
        Wrong::Row(row, line, what)
    }

    /// As it follows the name of the file.
    pub(crate) fn told(&self) -> String {
        match self {
            Wrong::Io(error) => match error.kind() {
                io::ErrorKind::NotFound => "does not exist".to_owned(),
                io::ErrorKind::IsADirectory => "is a folder".to_owned(),
                _ => format!("cannot be read: {error}"),
            },
            Wrong::Whole(what) => what.clone(),
            Wrong::Row(row, Some(line), what) => format!("has in row {row} (line {line}): {what}"),
            Wrong::Row(row, None, what) => format!("has in row {row}: {what}"),
        }
    }
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Wrong {
        Wrong::Io(error)
    }
}

impl From<Full> for Wrong {
    fn from(_: Full) -> Wrong {
        let (cells, size) = (MOST_CELLS / 1_000_000, MOST_BYTES >> 30);
        Wrong::whole(format!("has more than {cells} million values, or {size} GiB of them"))
    }
}

/// What is wrong with the names of columns.
pub(crate) fn columns_fault(columns: &[String]) -> Result<(), Wrong> {
    let mut seen = HashSet::new();
    if columns.is_empty() {
        return Err(Wrong::whole("has no columns"));
    }
    for (index, name) in columns.iter().enumerate() {
        if name.is_empty() {
            return Err(Wrong::whole(format!(
                "is wrong at its head: column {} has no name",
                index + 1
            )));
        }
        if !seen.insert(name) {
            return Err(Wrong::whole(format!("has two columns named \"{name}\"")));
        }
    }
    Ok(())
}
