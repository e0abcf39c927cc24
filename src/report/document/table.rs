//! Tables: columns that say how they behave where room is short, rows of typed cells.

use super::cell::Cell;
use super::medium::{Medium, Shown};
use super::text::Text;
use crate::report::plain;

/// The names of several rows that have the same remark are not longer than this.
const LONGEST_NAMES: usize = 36;

/// Columns and rows.
#[derive(Debug, Clone)]
pub struct Table {
    /// What its rows are: `steps`.
    pub of: &'static str,
    /// Each with one cell per row.
    pub columns: Vec<Column>,
    /// In their order.
    pub rows: Vec<Row>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What a row is about; shortened where room is short.
    Name,
    /// Words.
    Words,
    /// Words that are shortened where room is short.
    LongWords,
    /// Numbers.
    Number,
    /// Statuses of rows: a mark and a word.
    Status,
    /// Estimates, with the title of their intervals.
    Estimate(&'static str),
}

/// A column's heading and how it behaves.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// In short.
    pub title: &'static str,
    /// As it stands where there is room.
    pub full_title: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Where room is short, columns are left out in this order; `None`: never.
    pub dropped: Option<u8>,
    /// Which media have room for it.
    pub shown: Shown,
}

impl Column {
    /// A column that is always there.
    pub fn new(kind: Kind, title: &'static str) -> Column {
        Column { title, full_title: title, kind, dropped: None, shown: Shown::Everywhere }
    }

    /// A column of numbers that is always there.
    pub fn number(title: &'static str) -> Column {
        Column::new(Kind::Number, title)
    }

    /// Left out where room is short, lowest order first.
    #[must_use]
    pub fn dropped(self, order: u8) -> Column {
        Column { dropped: Some(order), ..self }
    }

    /// With a longer title where there is room.
    #[must_use]
    pub fn in_full(self, full_title: &'static str) -> Column {
        Column { full_title, ..self }
    }

    /// Only on a page.
    #[must_use]
    pub fn on_pages(self) -> Column {
        Column { shown: Shown::Only(Medium::Page), ..self }
    }
}

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// One for each column.
    pub cells: Vec<Cell>,
    /// What more belongs to its name, where there is room.
    pub label: Option<Text>,
    /// What there is to remark, with the row's short name.
    pub remark: Option<(Text, Text)>,
    /// Whether it sums up the others.
    pub is_total: bool,
    /// Which media have room for it.
    pub shown: Shown,
}

impl Row {
    /// A row with its cells and nothing else.
    pub fn new(cells: Vec<Cell>) -> Row {
        Row { cells, label: None, remark: None, is_total: false, shown: Shown::Everywhere }
    }

    /// The same as the sum of the others.
    #[must_use]
    pub fn total(self) -> Row {
        Row { is_total: true, ..self }
    }

    /// The same with a remark about what has this name.
    #[must_use]
    pub fn remarked(self, name: impl Into<Text>, remark: Option<String>) -> Row {
        Row { remark: remark.map(|remark| (name.into(), remark.into())), ..self }
    }
}

impl Table {
    /// The columns that a medium shows, each with its place in a row.
    pub fn columns_on(&self, medium: Medium) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().enumerate().filter(move |(_, column)| column.shown.on(medium))
    }

    /// The rows that a medium shows.
    pub fn rows_on(&self, medium: Medium) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.shown.on(medium))
    }

    /// What there is to remark of the rows that a medium shows, each with what it is about: the
    /// names of the rows, or how many they are where that is too long.
    pub fn remarks_on(&self, medium: Medium) -> Vec<(String, &Text)> {
        let mut remarks: Vec<(Vec<&str>, &Text)> = Vec::new();
        for (name, remark) in self.rows_on(medium).filter_map(|row| row.remark.as_ref()) {
            match remarks.iter_mut().find(|(_, known)| *known == remark) {
                Some((names, _)) => names.push(name.as_str()),
                None => remarks.push((vec![name.as_str()], remark)),
            }
        }
        remarks.into_iter().map(|(names, remark)| (self.about(&names), remark)).collect()
    }

    fn about(&self, names: &[&str]) -> String {
        let all = names.join(", ");
        if names.len() > 1 && plain::width(&all) > LONGEST_NAMES {
            return format!("{} {}", names.len(), self.of);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_of_several_rows_is_said_once() {
        let row = |name: &str, remark: Option<&str>| {
            Row::new(vec![]).remarked(name, remark.map(str::to_owned))
        };
        let rows = vec![
            row("a", Some("none")),
            row("b", Some("few")),
            row("c", Some("none")),
            row("d", None),
            row(&"long ".repeat(5), Some("twice")),
            row(&"name ".repeat(5), Some("twice")),
            Row { shown: Shown::Only(Medium::Page), ..row("e", Some("hidden")) },
        ];
        let table = Table { of: "steps", columns: vec![], rows };
        let said = |medium| {
            let remarks = table.remarks_on(medium).into_iter();
            remarks.map(|(about, text)| format!("{about}: {text}")).collect::<Vec<_>>()
        };
        assert_eq!(said(Medium::Screen), ["a, c: none", "b: few", "2 steps: twice"]);
        assert_eq!(said(Medium::Page), ["a, c: none", "b: few", "2 steps: twice", "e: hidden"]);
    }
}
