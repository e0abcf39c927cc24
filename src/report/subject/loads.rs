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
    let mut columns = vec![Column::new(Kind::Name, "load")];
    columns.extend(asked(loads).iter().map(|asked| asked.column()));
    columns.extend([
        Column::number("requests"),
        Column::number("rate").dropped(1),
        Column::number("p95"),
        Column::number("p99"),
        Column::number("errors"),
    ]);
    let rows = loads.iter().map(|load| row(load, &asked(loads))).collect();
    let table = Table { of: "loads", columns, rows };
    let count = figures::counted(loads.len(), "load");
    Some(Section::new("Loads").folded(count).with(Block::Table(table)))
}

/// What the loads ask of the target.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Iterations,
    Users,
}

impl Asked {
    fn column(self) -> Column {
        match self {
            Asked::Iterations => Column::number("iterations planned"),
            Asked::Users => Column::number("users").dropped(2),
        }
    }

    fn of(self, load: &LoadSummary) -> Option<Quantity> {
        match self {
            Asked::Iterations => load.planned_rate.map(Quantity::Rate),
            Asked::Users => load.users.map(|users| Quantity::Count(u64::from(users))),
        }
    }
}

/// What one of the loads asks; a column in which nothing stands is none.
fn asked(loads: &[LoadSummary]) -> Vec<Asked> {
    let is_there = |asked: &Asked| loads.iter().any(|load| asked.of(load).is_some());
    [Asked::Iterations, Asked::Users].into_iter().filter(is_there).collect()
}

fn row(load: &LoadSummary, asked: &[Asked]) -> Row {
    let time = |pick: fn(&Times) -> f64| {
        Cell::maybe(load.times.as_ref().map(|times| Quantity::Millis(pick(times))))
    };
    let mut cells = vec![Cell::name(&load.name)];
    cells.extend(asked.iter().map(|asked| Cell::maybe(asked.of(load))));
    cells.extend([
        Cell::Quantity(Quantity::Count(load.requests)),
        Cell::Quantity(Quantity::Rate(load.offered_rate)),
        time(|times| times.p95),
        time(|times| times.p99),
        Cell::Quantity(Quantity::Share(load.error_rate)),
    ]);
    Row::new(cells)
}
