//! Several loads at once, beside each other.

use crate::analysis::assessment::{Assessment, LoadSummary, Times};
use crate::report::document::cell::Cell;
use crate::report::document::quantity::Quantity;
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::{Block, Section};
use crate::report::figures;

/// A table of them; nothing where there is one.
pub(super) fn section(assessment: &Assessment) -> Option<Section<'static>> {
    let loads = &assessment.loads;
    if loads.is_empty() {
        return None;
    }
    let columns = vec![
        Column::new(Kind::Name, "load"),
        Column::number("iterations planned"),
        Column::number("users").dropped(2),
        Column::number("requests"),
        Column::number("rate").dropped(1),
        Column::number("p95"),
        Column::number("p99"),
        Column::number("errors"),
    ];
    let table = Table { of: "loads", columns, rows: loads.iter().map(row).collect() };
    let count = figures::counted(loads.len(), "load");
    Some(Section::new("Loads").folded(count).with(Block::Table(table)))
}

fn row(load: &LoadSummary) -> Row {
    let time = |pick: fn(&Times) -> f64| {
        Cell::maybe(load.times.as_ref().map(|times| Quantity::Millis(pick(times))))
    };
    Row::new(vec![
        Cell::name(&load.name),
        Cell::maybe(load.planned_rate.map(Quantity::Rate)),
        Cell::maybe(load.users.map(|users| Quantity::Count(u64::from(users)))),
        Cell::Quantity(Quantity::Count(load.requests)),
        Cell::Quantity(Quantity::Rate(load.offered_rate)),
        time(|times| times.p95),
        time(|times| times.p99),
        Cell::Quantity(Quantity::Share(load.error_rate)),
    ])
}
