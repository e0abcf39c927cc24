//! Each of several generators that shared a load.

use crate::analysis::assessment::Assessment;
use crate::analysis::generator_seen::GeneratorSeen;
use crate::report::chart;
use crate::report::document::cell::Cell;
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::quantity::Quantity;
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::{Block, Section};

const ON_PAGES: Shown = Shown::Only(Medium::Page);

/// A row for each, and what each sent over time; nothing where there is only one.
pub(super) fn section(assessment: &Assessment) -> Section<'_> {
    let generators = &assessment.generators;
    if generators.is_empty() {
        return Section::new("");
    }
    let columns = vec![
        Column::new(Kind::Name, "generator"),
        Column::number("slots").dropped(1),
        Column::number("seconds"),
        Column::number("CPU").dropped(2),
        Column::number("send lag"),
        Column::number("stood still").dropped(3),
        Column::number("off schedule"),
        Column::new(Kind::LongWords, "became of it"),
    ];
    let note = "The longest send lag, the longest that a worker stood still, and how far arrivals may \
                have lain off the common schedule: the clock's skew and the bound of that. Response \
                times are of one clock each and contain no skew.";
    Section::new("Generators")
        .with(Block::Table(Table {
            of: "generators",
            columns,
            rows: generators.iter().map(row).collect(),
        }))
        .with(Block::Note(note.into()))
        .with_shown(Block::Figures(vec![chart::generators::figure(assessment)]), ON_PAGES)
}

fn row(seen: &GeneratorSeen) -> Row {
    let millis = |value: Option<f64>| Cell::maybe(value.map(Quantity::Millis));
    let became = seen.lost.clone().unwrap_or_else(|| "carried out its part".to_owned());
    Row::new(vec![
        Cell::name(seen.name.clone()),
        Cell::Quantity(Quantity::Count(u64::from(seen.slots))),
        Cell::Quantity(Quantity::Count(u64::from(seen.seconds))),
        Cell::maybe(seen.cpu.map(Quantity::Cores)),
        millis(seen.send_lag_max_ms),
        millis(seen.stood_still_max_ms),
        millis(seen.off_schedule_max_ms),
        Cell::text(became),
    ])
}
