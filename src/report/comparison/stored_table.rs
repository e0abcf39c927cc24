//! The metrics of a run beside those of its baseline, below the run's own report on a terminal.

use std::fmt::Write as _;

use crate::analysis::comparison::{Comparison, MetricResult, Ruling};
use crate::record::duet::GateMetric;
use crate::report::plain;

/// The metrics, and what the comparison cannot say.
pub fn render(comparison: &Comparison) -> String {
    let mut text = format!(
        "\n  {:<24}{:>12}{:>12}{:>10}  {:<20}{:<14}sees from\n",
        "against the baseline", "baseline", "candidate", "ratio", "between", "ruling"
    );
    for metric in &comparison.metrics {
        text.push_str(row(metric).trim_end());
        text.push('\n');
    }
    for limit in &comparison.limits_of_knowledge {
        let _ = writeln!(text, "  {}", plain::line(limit));
    }
    text
}

fn row(metric: &MetricResult) -> String {
    let value =
        |value: Option<f64>| value.map_or("–".to_owned(), |it| written(metric.metric, it));
    let (ratio, between) = match metric.estimate {
        Some(it) => (change(metric.metric, it.value), {
            let [low, high] = [it.low, it.high].map(|value| change(metric.metric, value));
            format!("{low} to {high}")
        }),
        None => ("–".to_owned(), "–".to_owned()),
    };
    let seen =
        metric.smallest_visible.map_or("–".to_owned(), |it| format!("+{:.1} %", it * 100.0));
    format!(
        "  {:<24}{:>12}{:>12}{ratio:>10}  {between:<20}{:<14}{seen}",
        metric.name,
        value(metric.baseline),
        value(metric.candidate),
        ruling(metric)
    )
}

fn written(metric: GateMetric, value: f64) -> String {
    match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => format!("{value:.2} ms"),
        GateMetric::ErrorRate | GateMetric::SlowRequests => format!("{:.3} %", value * 100.0),
    }
}

fn change(metric: GateMetric, value: f64) -> String {
    match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => format!("×{value:.2}"),
        GateMetric::ErrorRate | GateMetric::SlowRequests => format!("{:+.2} %", value * 100.0),
    }
}

fn ruling(metric: &MetricResult) -> &'static str {
    match metric.ruling {
        Ruling::Regressed => "regressed",
        Ruling::Improved => "improved",
        Ruling::Pass => "pass",
        Ruling::Inconclusive if metric.gates => "inconclusive",
        Ruling::Inconclusive => "advice",
    }
}
