//! What a chart shows, in words and figures, for those who cannot see it.

use super::Chart;
use crate::analysis::comparison::{Comparison, MetricResult};
use crate::report::figures;
use crate::report::phrases::comparison as phrases;

/// The description with its figures.
pub(super) fn text(comparison: &Comparison, chart: Chart) -> String {
    let figures = match chart {
        Chart::Ratios => ratios(comparison),
        Chart::OverTime => over_time(comparison),
        Chart::ByPercentile => values(comparison),
        Chart::Shift => shift(comparison),
        Chart::Looks => looks(comparison),
    };
    format!("{} {figures}", chart.description())
}

fn ratios(comparison: &Comparison) -> String {
    let one = |metric: &MetricResult| {
        let found = phrases::estimate(metric.metric, metric.estimate).written();
        format!("{}: {found}, {}. ", phrases::short_of(metric), phrases::outcome(metric))
    };
    or(&comparison.metrics.iter().map(one).collect::<String>(), "No metric was compared.")
}

fn over_time(comparison: &Comparison) -> String {
    let series = &comparison.over_time;
    let intervals = series.starts.len() as u64;
    format!("{} intervals of {} s.", figures::count(intervals), series.width)
}

fn values(comparison: &Comparison) -> String {
    let one = |metric: &MetricResult| {
        let value = |value| phrases::value(metric.metric, value).written();
        let (baseline, candidate) = (value(metric.baseline), value(metric.candidate));
        let name = phrases::short_of(metric);
        format!("{name}: baseline {baseline}, candidate {candidate}. ")
    };
    or(&comparison.metrics.iter().map(one).collect::<String>(), "There are no times.")
}

fn shift(comparison: &Comparison) -> String {
    let Some((share, ratio)) = comparison.curves.shift.last() else {
        return "There are too few requests.".to_owned();
    };
    let (share, ratio) = (figures::share(*share), figures::ratio(*ratio));
    format!("The last point is at {share} of the requests, with a ratio of {ratio}.")
}

fn looks(comparison: &Comparison) -> String {
    let looks = comparison.looks.iter().map(|look| {
        let seconds = figures::seconds(f64::from(look.seconds));
        let (number, gate) = (look.segments, phrases::gate(look));
        let metrics = look.metrics.iter().map(|seen| {
            format!("{} {}", phrases::short(seen.metric), phrases::ruling(seen.ruling))
        });
        let metrics: Vec<String> = metrics.collect();
        format!("Look {number} after {seconds}: {gate} ({}). ", metrics.join(", "))
    });
    or(&looks.collect::<String>(), "No look was taken.")
}

fn or(text: &str, instead: &str) -> String {
    if text.is_empty() { instead.to_owned() } else { text.trim_end().to_owned() }
}
