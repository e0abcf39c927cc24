//! Tables of a document as columns of the terminal: a status has its mark in front and its
//! word at the end, an estimate its interval beside it.

use super::layout::{Column, Field, Layout};
use super::paint::Paint;
use super::screen::Screen;
use crate::report::document::cell::{Cell, Status};
use crate::report::document::medium::Medium;
use crate::report::document::table::{self, Kind, Row, Table};
use crate::report::figures::NOTHING;
use crate::report::plain;

const SCREEN: Medium = Medium::Screen;

/// The table with what there is to remark, in lines that fit the screen.
pub(super) fn render(table: &Table, screen: Screen) -> String {
    let columns: Vec<(usize, &table::Column)> = table.columns_on(SCREEN).collect();
    let mut layout = Layout::new(heads(&columns));
    for row in table.rows_on(SCREEN) {
        layout.add(fields(row, &columns));
    }
    let mut out = layout.render(screen);
    for (about, remark) in table.remarks_on(SCREEN) {
        let about = plain::fitted(&about, screen.width / 2);
        out += &screen.paragraph("    ", &format!("{about}: {remark}"));
    }
    out
}

/// Marks, what each column has, and words.
fn heads(columns: &[(usize, &table::Column)]) -> Vec<Column> {
    let status = columns.iter().find(|(_, column)| column.kind == Kind::Status);
    let marks = status.map(|_| Column::left(""));
    let words = status.map(|(_, column)| Column::left(column.title).dropped(column.dropped));
    let between = columns.iter().flat_map(|(_, column)| head(column));
    marks.into_iter().chain(between).chain(words).collect()
}

fn head(column: &table::Column) -> Vec<Column> {
    let title = column.title;
    let heads = match column.kind {
        Kind::Status => return Vec::new(),
        Kind::Name | Kind::LongWords => vec![Column::flexible(title)],
        Kind::Words => vec![Column::left(title)],
        Kind::Number => vec![Column::right(title)],
        Kind::Estimate(interval) => vec![Column::right(title), Column::right(interval)],
    };
    heads.into_iter().map(|head| head.dropped(column.dropped)).collect()
}

/// The fields of a row, in the order of [`heads`].
fn fields(row: &Row, columns: &[(usize, &table::Column)]) -> Vec<Field> {
    let paint = if row.is_total { Paint::Bold } else { Paint::None };
    let of_status = |column: &table::Column| column.kind == Kind::Status;
    let status = columns.iter().find(|(_, column)| of_status(column));
    let status = status.map(|(index, _)| mark_and_word(&row.cells[*index]));
    let (mark, word) = status.unzip();
    let between = columns.iter().filter(|(_, column)| !of_status(column));
    let between = between.flat_map(|(index, column)| match column.kind {
        Kind::Estimate(_) => estimate(&row.cells[*index], paint),
        Kind::Status | Kind::Name | Kind::Words | Kind::LongWords | Kind::Number => {
            vec![field(&row.cells[*index], paint)]
        }
    });
    mark.into_iter().chain(between).chain(word).collect()
}

fn mark_and_word(cell: &Cell) -> (Field, Field) {
    match status(cell) {
        Some(Status { mark, word, tone }) => {
            let paint = Paint::of(tone);
            (Field::painted(mark, paint), Field::painted(word, paint))
        }
        None => (Field::plain(""), Field::plain(cell.written())),
    }
}

fn status(cell: &Cell) -> Option<Status> {
    if let Cell::Status(status) = cell { Some(*status) } else { None }
}

/// A number and its interval, which has the unit of both.
fn estimate(cell: &Cell, paint: Paint) -> Vec<Field> {
    match cell {
        Cell::Estimate(found) => [found.value.to_string(), found.interval()],
        Cell::Blank
        | Cell::Nothing
        | Cell::Text(_)
        | Cell::Name(..)
        | Cell::Quantity(_)
        | Cell::Interval(..)
        | Cell::Change(..)
        | Cell::Sides(..)
        | Cell::Bad(..)
        | Cell::Status(_) => [cell.written(), NOTHING.to_owned()],
    }
    .map(|text| Field::painted(text, paint))
    .into()
}

fn field(cell: &Cell, paint: Paint) -> Field {
    match cell {
        Cell::Name(short, _) => Field::painted(short.as_str(), paint),
        Cell::Status(status) => Field::painted(status.written(), Paint::of(status.tone)),
        Cell::Blank
        | Cell::Nothing
        | Cell::Text(_)
        | Cell::Quantity(_)
        | Cell::Interval(..)
        | Cell::Change(..)
        | Cell::Sides(..)
        | Cell::Bad(..)
        | Cell::Estimate(_) => Field::painted(cell.written(), paint),
    }
}
