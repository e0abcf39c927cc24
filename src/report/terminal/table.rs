//! A table that fits the terminal: first the flexible column gives way, then columns
//! that matter least are left out.

use std::fmt::Write as _;

use super::paint::Paint;
use super::screen::Screen;
use crate::report::plain;

/// One field of a table.
pub(in crate::report) struct Cell {
    text: String,
    paint: Paint,
}

impl Cell {
    /// A field without colour.
    pub(in crate::report) fn plain(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), paint: Paint::None }
    }

    /// A field with a colour.
    pub(in crate::report) fn painted(text: impl Into<String>, paint: Paint) -> Cell {
        Cell { text: text.into(), paint }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

/// A column's heading and how it behaves.
pub(in crate::report) struct Column {
    title: &'static str,
    align: Align,
    flexible: bool,
    /// Where room is short, columns are left out in this order; `None`: never.
    dropped: Option<u8>,
}

impl Column {
    /// Aligned to the left.
    pub(in crate::report) fn left(title: &'static str) -> Column {
        Column { title, align: Align::Left, flexible: false, dropped: None }
    }

    /// Aligned to the right.
    pub(in crate::report) fn right(title: &'static str) -> Column {
        Column { title, align: Align::Right, flexible: false, dropped: None }
    }

    /// Aligned to the left, shortened where room is short.
    pub(in crate::report) fn flexible(title: &'static str) -> Column {
        Column { title, align: Align::Left, flexible: true, dropped: None }
    }

    /// Left out where room is short, lowest order first.
    pub(in crate::report) fn dropped(self, order: u8) -> Column {
        Column { dropped: Some(order), ..self }
    }
}

const INDENT: usize = 2;
const GAP: usize = 2;
/// Below this a shortened name says too little, and a column is left out instead.
const LEAST_FLEXIBLE: usize = 14;

/// Columns and rows.
pub(in crate::report) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub(in crate::report) fn new(columns: Vec<Column>) -> Table {
        Table { columns, rows: Vec::new() }
    }

    /// Adds a row with one cell per column.
    pub(in crate::report) fn add(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// The table in lines that fit the screen.
    pub(in crate::report) fn render(&self, screen: Screen) -> String {
        let (shown, widths) = self.layout(screen.width);
        let titles: Vec<Cell> =
            self.columns.iter().map(|column| Cell::painted(column.title, Paint::Dim)).collect();
        let mut out = String::new();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let _ = writeln!(out, "{}", self.line(row, &shown, &widths, screen));
        }
        out
    }

    /// Which columns are shown, and how wide every column is.
    fn layout(&self, room: usize) -> (Vec<usize>, Vec<usize>) {
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
        cells.chain([plain::width(self.columns[column].title)]).max().unwrap_or(0)
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

    fn line(&self, row: &[Cell], shown: &[usize], widths: &[usize], screen: Screen) -> String {
        let mut line = " ".repeat(INDENT - GAP);
        for &column in shown {
            let text = plain::fitted(&row[column].text, widths[column]);
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

    fn table() -> Table {
        let columns = vec![
            Column::flexible("step"),
            Column::right("requests"),
            Column::right("max").dropped(1),
        ];
        let mut table = Table::new(columns);
        table.add(vec![Cell::plain("a".repeat(60)), Cell::plain("12"), Cell::plain("1.00 ms")]);
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
        check(50, &format!("  {}…        12  1.00 ms", "a".repeat(28)));
        check(30, &format!("  {}…        12", "a".repeat(17)));
    }
}
