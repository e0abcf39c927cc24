//! Tenants: who is told apart, and how each of them fared.

use crate::analysis::assessment::{Assessment, TenantSummary, Times};
use crate::report::document::cell::Cell;
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::quantity::Quantity;
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::{Block, Section};
use crate::report::figures;
use crate::report::phrases::tenants as phrases;
use crate::report::subject::objectives;

/// A table, and how far they are apart; nothing where nobody is told apart.
pub(super) fn section(assessment: &Assessment) -> Option<Section<'static>> {
    let tenants = assessment.tenants.as_ref()?;
    let judged = tenants.all.iter().any(|tenant| tenant.status.is_some());
    let rows = tenants.all.iter().filter(|tenant| !tenant.is_others || tenant.requests > 0);
    let rows: Vec<Row> = rows.map(|tenant| row(tenant, judged)).collect();
    let count = figures::counted(rows.len(), "tenant");
    let table = Table { of: "tenants", columns: columns(judged), rows };
    let note = "The largest tenants by plan are told apart, all others are counted together. The middle \
                one and the longest p99 are of tenants with 100 requests and more.";
    let section = Section::new("Tenants").folded(count).with(Block::Table(table));
    let section = match phrases::sentence(assessment) {
        Some(sentence) => section.with(Block::Note(sentence.into())),
        None => section,
    };
    Some(section.with_shown(Block::Note(note.into()), Shown::Only(Medium::Page)))
}

fn columns(judged: bool) -> Vec<Column> {
    let status = judged.then(|| Column::new(Kind::Status, "status").dropped(4));
    let others = [
        Column::new(Kind::Name, "tenant"),
        Column::number("requests"),
        Column::number("share").dropped(1),
        Column::number("p50").dropped(3),
        Column::number("p95"),
        Column::number("p99"),
        Column::number("max").dropped(2),
        Column::number("errors"),
    ];
    status.into_iter().chain(others).collect()
}

fn row(tenant: &TenantSummary, judged: bool) -> Row {
    let time = |pick: fn(&Times) -> f64| {
        Cell::maybe(tenant.times.as_ref().map(|times| Quantity::Millis(pick(times))))
    };
    let status = tenant.status.map_or(Cell::Nothing, |it| Cell::Status(objectives::status(it)));
    let status = judged.then_some(status);
    let others = [
        Cell::name(&tenant.name),
        Cell::Quantity(Quantity::Count(tenant.requests)),
        Cell::Quantity(Quantity::Share(tenant.share)),
        time(|times| times.p50),
        time(|times| times.p95),
        time(|times| times.p99),
        time(|times| times.max),
        Cell::Quantity(Quantity::Share(tenant.error_rate)),
    ];
    Row::new(status.into_iter().chain(others).collect())
}
