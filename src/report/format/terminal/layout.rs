//! Columns that fit the terminal: first the flexible one gives way, then those that matter
//! least are left out.

use std::fmt::Write as _;

use super::paint::Paint;
use super::screen::Screen;
use crate::report::plain;

/// One field of a table.
pub(super) struct Field {
    text: String,
    paint: Paint,
}

impl Field {
    /// A field without colour.
    pub(super) fn plain(text: impl Into<String>) -> Field {
        Field { text: text.into(), paint: Paint::None }
    }

    /// A field with a colour.
    pub(super) fn painted(text: impl Into<String>, paint: Paint) -> Field {
        Field { text: text.into(), paint }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

/// A column's heading and how it behaves.
pub(super) struct Column {
    title: String,
    align: Align,
    flexible: bool,
    /// Where room is short, columns are left out in this order; `None`: never.
    dropped: Option<u8>,
}

impl Column {
    /// Aligned to the left.
    pub(super) fn left(title: impl Into<String>) -> Column {
        Column { title: title.into(), align: Align::Left, flexible: false, dropped: None }
    }

    /// Aligned to the right.
    pub(super) fn right(title: impl Into<String>) -> Column {
        Column { title: title.into(), align: Align::Right, flexible: false, dropped: None }
    }

    /// Aligned to the left, shortened where room is short.
    pub(super) fn flexible(title: impl Into<String>) -> Column {
        Column { title: title.into(), align: Align::Left, flexible: true, dropped: None }
    }

    /// Left out where room is short, lowest order first; never without an order.
    pub(super) fn dropped(self, order: Option<u8>) -> Column {
        Column { dropped: order, ..self }
    }
}

const INDENT: usize = 2;
const GAP: usize = 2;
/// Below this a shortened name says too little, and a column is left out instead.
const LEAST_FLEXIBLE: usize = 14;

/// Columns and rows.
pub(super) struct Layout {
    columns: Vec<Column>,
    rows: Vec<Vec<Field>>,
}

impl Layout {
    /// A table without rows.
    pub(super) fn new(columns: Vec<Column>) -> Layout {
        Layout { columns, rows: Vec::new() }
    }

    /// Adds a row with one cell per column.
    pub(super) fn add(&mut self, row: Vec<Field>) {
        self.rows.push(row);
    }

    /// The table in lines that fit the screen.
    pub(super) fn render(&self, screen: Screen) -> String {
        let (shown, widths) = self.arranged(screen.width);
        let titles: Vec<Field> = self
            .columns
            .iter()
            .map(|column| Field::painted(column.title.as_str(), Paint::Dim))
            .collect();
        let mut out = String::new();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let _ = writeln!(out, "{}", self.line(row, &shown, &widths, screen));
        }
        out
    }

    /// Which columns are shown, and how wide every column is.
    fn arranged(&self, room: usize) -> (Vec<usize>, Vec<usize>) {
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        let mut widths: Vec<usize> = shown.iter().map(|&column| self.natural(column)).collect();
        loop {
            let taken = INDENT + shown.iter().map(|&column| widths[column] + GAP).sum::<usize>();
            let excess = taken.saturating_sub(GAP + room);
            if excess == 0 || self.squeeze(&shown, &mut widths, excess) {
                return (shown, widths);
            }
            let least = shown.iter().filter(|&&c| self.columns[c].dropped.is_some());
            let Some(&least) = least.min_by_key(|&&c| self.columns[c].dropped) else {
                return (shown, widths);
            };
            shown.retain(|&column| column != least);
        }
    }

    /// The width that a column's widest cell needs.
    fn natural(&self, column: usize) -> usize {
        let cells = self.rows.iter().map(|row| plain::width(&row[column].text));
        cells.chain([plain::width(&self.columns[column].title)]).max().unwrap_or(0)
    }

    /// Takes the excess from the flexible column; false if that would leave too little.
    fn squeeze(&self, shown: &[usize], widths: &mut [usize], excess: usize) -> bool {
        let flexible = shown.iter().find(|&&column| self.columns[column].flexible);
        let Some(&flexible) = flexible.filter(|&&c| widths[c] >= excess + LEAST_FLEXIBLE) else {
            return false;
        };
        widths[flexible] -= excess;
        true
    }

    fn line(&self, row: &[Field], shown: &[usize], widths: &[usize], screen: Screen) -> String {
        let mut line = " ".repeat(INDENT - GAP);
        for &column in shown {
            let text = plain::shortened(&row[column].text, widths[column]);
            let blank = " ".repeat(widths[column] - plain::width(&text));
            let painted = screen.paint(&text, row[column].paint);
            line += &" ".repeat(GAP);
            line += &match self.columns[column].align {
                Align::Left => painted + &blank,
                Align::Right => blank + &painted,
            };
        }
        line.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Layout {
        let columns = vec![
            Column::flexible("step"),
            Column::right("requests"),
            Column::right("max").dropped(Some(1)),
        ];
        let mut table = Layout::new(columns);
        table.add(vec![Field::plain("a".repeat(60)), Field::plain("12"), Field::plain("1.00 ms")]);
        table
    }

    #[track_caller]
    fn check(width: usize, expected: &str) {
        let lines = table().render(Screen { width, color: false });
        assert_eq!(lines.lines().nth(1), Some(expected));
    }

    #[test]
    fn the_flexible_column_gives_way_first_and_then_a_column_goes() {
        check(90, &format!("  {}        12  1.00 ms", "a".repeat(60)));
        check(50, &format!("  {0}…{0}        12  1.00 ms", "a".repeat(14)));
        check(30, &format!("  {}…{}        12", "a".repeat(9), "a".repeat(8)));
    }
}
