//! Rows of data for requests: tables, and which row is whose.
//!
//! A table is read once and shared. A row is taken by looking it up: nothing remembers which ones
//! were, so that memory does not grow and workers need not agree.

pub(crate) mod delimited;
pub(crate) mod file;
pub mod mixing;
pub(crate) mod objects;
pub mod order;
pub mod table;
pub(crate) mod wrong;
pub mod zipf;

use std::path::{Path, PathBuf};

use delimited::Form;
use file::{Format, read_from};
use order::{AtEnd, Draw, Order, Taking};
use table::{Cell, Table};

use super::ids::{CellId, SourceId};

/// The sources of a scenario; a [`SourceId`] is an index into it.
#[derive(Debug, Default, Clone)]
pub struct Data {
    /// In the order of writing.
    pub sources: Vec<Source>,
}

/// Rows, and in which order they are taken.
#[derive(Debug, Clone)]
pub struct Source {
    /// As templates name it.
    pub name: String,
    /// Where its rows are read from.
    pub file: PathBuf,
    /// Its rows, at least one.
    pub table: Table,
    /// In which order they are taken.
    pub order: Order,
    /// By whom.
    pub per: Per,
}

/// Who takes a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// Each iteration.
    Iteration,
    /// Each virtual user, once and for all.
    User,
}

/// Who asks for rows: numbers from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taker {
    /// The number of the virtual user.
    pub user: u64,
    /// The number of the iteration.
    pub iteration: u64,
}

/// The rows of a load.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'d> {
    /// Where they are.
    pub data: &'d Data,
    /// The seed of the load.
    pub seed: u64,
    /// What they are taken for.
    pub taking: Taking,
}

static NOTHING: Data = Data { sources: Vec::new() };

impl Rows<'static> {
    /// Those of a scenario without data.
    pub const NONE: Rows<'static> = Rows { data: &NOTHING, seed: 0, taking: Taking::Load };
}

/// The rows of a file, which its name says how to read, wherever it was put.
pub(crate) fn rows_in(path: &Path, place: &Path) -> Result<Table, String> {
    let format = Format::of(path).ok_or("has a name whose end does not say what it is")?;
    let is_tabs = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("tsv"));
    let form = Form { separator: if is_tabs { b'\t' } else { b',' }, columns: None };
    file::read(place, format, form).map_err(|wrong| wrong.told())
}

/// The rows of a file of this name with these contents, or what is wrong with it.
pub fn rows_of(name: &Path, contents: &[u8]) -> Result<Table, String> {
    let format = Format::of(name).ok_or("the end of its name says nothing")?;
    let is_tabs = name.extension().is_some_and(|end| end == "tsv");
    let form = Form { separator: if is_tabs { b'\t' } else { b',' }, columns: None };
    read_from(contents, format, form).map_err(|wrong| wrong.told())
}

impl Source {
    /// What comes when each row was taken, if they are taken once.
    pub fn at_end(&self) -> Option<AtEnd> {
        match self.order {
            Order::Unique(at_end) => Some(at_end),
            Order::Sequential | Order::Shuffled | Order::Random | Order::Zipf(_) => None,
        }
    }
}

impl<'d> Rows<'d> {
    /// The row that somebody has of a source; `None` where each was taken.
    pub fn row(&self, id: SourceId, taker: Taker) -> Option<u64> {
        let source = self.data.sources.get(id.index())?;
        let number = match source.per {
            Per::Iteration => taker.iteration,
            Per::User => taker.user,
        };
        let draw = Draw { seed: self.seed, salt: id.index() as u64, taking: self.taking };
        source.order.row(number.saturating_sub(1), source.table.rows(), draw)
    }

    /// A cell of that row.
    pub fn cell(&self, id: CellId, taker: Taker) -> Option<Cell<'d>> {
        let row = self.row(id.source, taker)?;
        self.data.sources.get(id.source.index())?.table.cell(row, id.column)
    }
}
