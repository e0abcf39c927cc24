//! The metrics for the comment on a pull request.

use std::fmt::Write as _;

use crate::analysis::comparison::{Comparison, MetricResult};
use crate::report::comparison::{remarks, words};
use crate::report::escaping::escaped;
use crate::report::plain;

/// A table, and what there is to remark of single ones.
pub(in crate::report) fn render(comparison: &Comparison) -> String {
    if comparison.metrics.is_empty() {
        return String::new();
    }
    let mut out = "| metric | baseline | candidate | ratio (interval) | ruling |\n\
                   |---|---:|---:|---:|---|\n"
        .to_owned();
    for metric in &comparison.metrics {
        out += &metric_row(metric);
    }
    let remarks = comparison.metrics.iter().filter_map(|metric| {
        let remarks = remarks::remarks(metric)?;
        Some(format!("- {}: {}\n", escaped(&words::short_of(metric)), escaped(&remarks)))
    });
    let remarks: String = remarks.collect();
    if !remarks.is_empty() {
        let _ = write!(out, "\n{remarks}");
    }
    out
}

fn metric_row(metric: &MetricResult) -> String {
    format!(
        "| {} | {} | {} | {} | {} {} |\n",
        escaped(&plain::line(&metric.name)),
        words::value(metric.metric, metric.baseline),
        words::value(metric.metric, metric.candidate),
        words::ratio_with_interval(metric.metric, metric.estimate),
        words::outcome_mark(metric),
        words::outcome(metric),
    )
}
