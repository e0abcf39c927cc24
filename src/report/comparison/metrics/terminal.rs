//! The metrics on the terminal.

use crate::analysis::comparison::{Comparison, MetricResult, Ruling};
use crate::report::comparison::{remarks, words};
use crate::report::terminal::paint::Paint;
use crate::report::terminal::screen::Screen;
use crate::report::terminal::table::{Cell, Column, Table};

/// A table, and what there is to remark of single ones.
pub(in crate::report) fn render(comparison: &Comparison, screen: Screen) -> String {
    if comparison.metrics.is_empty() {
        return String::new();
    }
    let columns = vec![
        Column::left(""),
        Column::flexible("metric"),
        Column::right("baseline").dropped(1),
        Column::right("candidate").dropped(2),
        Column::right("ratio"),
        Column::right("interval"),
        Column::left("ruling"),
    ];
    let mut table = Table::new(columns);
    for metric in &comparison.metrics {
        table.add(metric_row(metric));
    }
    let mut out = screen.heading("Candidate ÷ baseline") + &table.render(screen);
    for metric in &comparison.metrics {
        if let Some(remarks) = remarks::remarks(metric) {
            let name = words::short_of(metric);
            out += &screen.paragraph("    ", &format!("{name}: {remarks}"));
        }
    }
    out
}

fn metric_row(metric: &MetricResult) -> Vec<Cell> {
    let paint = if words::speaks(metric) { paint(metric.ruling) } else { Paint::Dim };
    vec![
        Cell::painted(words::outcome_mark(metric), paint),
        Cell::plain(words::short_of(metric)),
        Cell::plain(words::value(metric.metric, metric.baseline)),
        Cell::plain(words::value(metric.metric, metric.candidate)),
        Cell::plain(words::estimate(metric.metric, metric.estimate).replace(" points", "")),
        Cell::plain(words::interval(metric.metric, metric.estimate)),
        Cell::painted(words::outcome(metric), paint),
    ]
}

fn paint(ruling: Ruling) -> Paint {
    match ruling {
        Ruling::Regressed => Paint::Bad,
        Ruling::Improved | Ruling::Pass => Paint::Good,
        Ruling::Inconclusive => Paint::Doubt,
    }
}
