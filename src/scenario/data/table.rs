//! The rows of a file in memory: one text and one number for each cell.
//!
//! Cells stand one behind the other; each has the place of its end. Nothing is copied once more
//! when a request is written.

/// The rows of a file.
#[derive(Debug, Default, Clone)]
pub struct Table {
    columns: Vec<String>,
    /// All cells, row by row.
    text: String,
    /// Where each cell ends; the highest bit is set where it is JSON.
    ends: Vec<u32>,
}

/// A cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'t> {
    /// A text.
    Text(&'t str),
    /// A number, boolean, null, list or object, as JSON text.
    Json(&'t str),
}

/// The table would be larger than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

const JSON: u32 = 1 << 31;
/// Bytes of all cells together.
pub const MOST_BYTES: usize = 1 << 30;
/// Cells of a table.
pub const MOST_CELLS: usize = 100_000_000;

impl Table {
    /// A table without rows.
    pub fn with(columns: Vec<String>) -> Table {
        Table { columns, ..Table::default() }
    }

    /// The names of its columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        (self.ends.len() / self.columns.len().max(1)) as u64
    }

    /// Adds the next cell of the row.
    pub fn push(&mut self, cell: Cell<'_>) -> Result<(), Full> {
        let (text, mark) = match cell {
            Cell::Text(text) => (text, 0),
            Cell::Json(text) => (text, JSON),
        };
        let is_full = self.ends.len() == MOST_CELLS || self.text.len() + text.len() > MOST_BYTES;
        if is_full {
            return Err(Full);
        }
        self.text.push_str(text);
        self.ends.push(self.text.len() as u32 | mark);
        Ok(())
    }

    /// Gives back what it has not used.
    pub fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// A cell; `None` where there is no such row or column.
    pub fn cell(&self, row: u64, column: u16) -> Option<Cell<'_>> {
        let columns = self.columns.len();
        let place = usize::try_from(row).ok()?.checked_mul(columns)? + usize::from(column);
        if usize::from(column) >= columns {
            return None;
        }
        let end = *self.ends.get(place)?;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]) & !JSON;
        let text = self.text.get(start as usize..(end & !JSON) as usize)?;
        Some(if end & JSON == 0 { Cell::Text(text) } else { Cell::Json(text) })
    }

    /// Everything that is in it, in pieces that are the same only for the same table.
    pub fn contents(&self) -> impl Iterator<Item = &[u8]> {
        let columns = self.columns.iter().flat_map(|name| [name.as_bytes(), b"\0"]);
        columns.chain([self.text.as_bytes()])
    }

    /// Where its cells end, as numbers that belong to [`Table::contents`].
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back_as_they_went_in() {
        let mut table = Table::with(vec!["a".to_owned(), "b".to_owned()]);
        for (text, json) in [("x", "1"), ("", "[2]"), ("é\n", "null")] {
            table.push(Cell::Text(text)).unwrap();
            table.push(Cell::Json(json)).unwrap();
        }
        table.shrink();
        assert_eq!(table.rows(), 3);
        assert_eq!(table.cell(0, 0), Some(Cell::Text("x")));
        assert_eq!(table.cell(1, 0), Some(Cell::Text("")));
        assert_eq!(table.cell(1, 1), Some(Cell::Json("[2]")));
        assert_eq!(table.cell(2, 0), Some(Cell::Text("é\n")));
        for nowhere in [(3, 0), (0, 2), (u64::MAX, 0)] {
            assert_eq!(table.cell(nowhere.0, nowhere.1), None, "{nowhere:?}");
        }
    }
}
