//! The table of runs that were measured before: one row each, and what there is to say of it.
//!
//! The baseline's accepted runs and a history's are shown alike; only the last column is their own.

use crate::report::document::cell::Cell;
use crate::report::document::quantity::Quantity;
use crate::report::document::table::{Column, Kind, Row};

/// The columns; the last one holds words.
pub(super) fn columns(last: &'static str) -> Vec<Column> {
    vec![
        Column::new(Kind::Words, "started"),
        Column::number("p50"),
        Column::number("p95"),
        Column::number("p99"),
        Column::number("requests").dropped(1),
        Column::number("errors").dropped(2),
        Column::new(Kind::LongWords, last),
    ]
}

/// One run: when it began, its p50, p95 and p99 in ms, its requests and their error rate.
pub(super) fn row(
    started: &str,
    times: [f64; 3],
    (requests, error_rate): (u64, f64),
    last: Cell,
) -> Row {
    let mut cells = vec![Cell::text(started)];
    cells.extend(times.map(|ms| Cell::Quantity(Quantity::Millis(ms))));
    cells.push(Cell::Quantity(Quantity::Count(requests)));
    cells.push(Cell::Quantity(Quantity::Share(error_rate)));
    cells.push(last);
    Row::new(cells)
}
