//! A noisy tenant: what the others had before, and while he was noisy.

use crate::analysis::assessment::{Assessment, Times};
use crate::analysis::neighbours_seen::StretchSeen;
use crate::report::document::cell::Cell;
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::quantity::Quantity;
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::{Block, Section};
use crate::report::phrases::neighbours as phrases;

/// A table, and how many times as long the others waited; nothing where nobody was noisy.
pub(super) fn section(assessment: &Assessment) -> Option<Section<'static>> {
    let seen = assessment.neighbours.as_ref()?;
    let columns = vec![
        Column::new(Kind::Name, "requests of"),
        Column::number("requests"),
        Column::number("p50").dropped(2),
        Column::number("p95"),
        Column::number("p99"),
        Column::number("errors").dropped(1),
    ];
    let rows = seen.stretches.iter().map(row).collect();
    let table = Table { of: "the noisy tenant and the others", columns, rows };
    let note = "Only seconds that are judged. Times against those before are compared with requests that \
                failed counted as endlessly slow; the bounds leave the truth out in 5 % of runs on \
                each side.";
    Some(
        Section::new("Noisy neighbour")
            .with(Block::Table(table))
            .with(Block::Note(phrases::sentence(seen).into()))
            .with_shown(Block::Note(note.into()), Shown::Only(Medium::Page)),
    )
}

fn row(stretch: &StretchSeen) -> Row {
    let time = |pick: fn(&Times) -> f64| {
        Cell::maybe(stretch.times.as_ref().map(|times| Quantity::Millis(pick(times))))
    };
    Row::new(vec![
        Cell::name(&stretch.name),
        Cell::Quantity(Quantity::Count(stretch.requests)),
        time(|times| times.p50),
        time(|times| times.p95),
        time(|times| times.p99),
        Cell::Quantity(Quantity::Share(stretch.error_rate)),
    ])
}
