//! The metrics on a page.

use maud::{Markup, html};

use crate::analysis::comparison::{Comparison, MetricResult, Ruling};
use crate::report::comparison::{remarks, words};
use crate::report::html::sections;
use crate::report::plain;

/// A section with a table.
pub(in crate::report) fn render(comparison: &Comparison) -> Markup {
    let heads = [
        ("ruling", false),
        ("metric", false),
        ("baseline", true),
        ("candidate", true),
        ("ratio", true),
        ("interval", true),
    ];
    let rows = html! { @for metric in &comparison.metrics { (metric_row(metric)) } };
    html! {
        section {
            h2 { "Candidate ÷ baseline" }
            @if comparison.metrics.is_empty() { p { "No metric was compared." } }
            @else { (sections::table("metrics", &heads, &rows)) }
            p.muted { (words::assurance(&comparison.settings)) }
        }
    }
}

/// How a ruling is shown.
pub(in crate::report) fn class(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::Regressed => "status bad",
        Ruling::Improved | Ruling::Pass => "status good",
        Ruling::Inconclusive => "status doubt",
    }
}

fn metric_row(metric: &MetricResult) -> Markup {
    let class = if words::speaks(metric) { class(metric.ruling) } else { "muted" };
    html! {
        tr {
            td class=(class) { (words::outcome_mark(metric)) " " (words::outcome(metric)) }
            td.name {
                (plain::line(&metric.name))
                @if let Some(remarks) = remarks::remarks(metric) { div.muted { (remarks) } }
            }
            td.number { (words::value(metric.metric, metric.baseline)) }
            td.number { (words::value(metric.metric, metric.candidate)) }
            td.number { (words::estimate(metric.metric, metric.estimate)) }
            td.number { (words::interval(metric.metric, metric.estimate)) }
        }
    }
}
