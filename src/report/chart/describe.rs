//! What a chart shows, in words and figures, for those who cannot see it.

use super::{Chart, limits, saturation};
use crate::analysis::assessment::{Summary, Times};
use crate::report::{Report, figures, words};

/// The description with the figures of the judged seconds. May hold hostile names.
pub(super) fn text(report: &Report, chart: Chart) -> String {
    let total = &report.assessment.total;
    let figures = match chart {
        Chart::ResponseOverTime => times("Over the judged seconds", total.response.as_ref()),
        Chart::ByPercentile => format!(
            "{} {}",
            times("Response time:", total.response.as_ref()),
            times("Service time:", total.service.as_ref())
        ),
        Chart::Rate => rates(total),
        Chart::Outcomes => outcomes(total),
        Chart::Saturation => fullness(report),
        Chart::Steps => steps(report),
    };
    let more = match chart {
        Chart::ResponseOverTime => beside(report).to_owned(),
        Chart::Saturation => saturation::caption(&report.assessment.timeline),
        Chart::ByPercentile | Chart::Rate | Chart::Outcomes | Chart::Steps => String::new(),
    };
    format!("{}{more} {figures}", chart.description())
}

/// Says that limits are drawn, if there are any.
fn beside(report: &Report) -> &'static str {
    if limits::of_all(report).is_empty() {
        ""
    } else {
        " Beside them the limits of the objectives."
    }
}

fn times(start: &str, times: Option<&Times>) -> String {
    let Some(times) = times else {
        return format!("{start} there are no times.");
    };
    let [p50, p95, p99, max] = [times.p50, times.p95, times.p99, times.max].map(figures::millis);
    format!("{start} p50 {p50}, p95 {p95}, p99 {p99}, max {max}.")
}

fn rates(total: &Summary) -> String {
    let offered = figures::rate(total.offered_rate);
    let answered = figures::rate(total.throughput);
    format!("Over the judged seconds {offered} were offered and {answered} answered.")
}

fn outcomes(total: &Summary) -> String {
    let parts = total.counts.outcomes.iter();
    let parts = parts.map(|(outcome, n)| format!("{} {}", outcome.name(), figures::count(*n)));
    match parts.collect::<Vec<_>>() {
        none if none.is_empty() => "No request was judged.".to_owned(),
        parts => format!("From the bottom up: {}.", parts.join(", ")),
    }
}

fn fullness(report: &Report) -> String {
    let rows = words::saturation(&report.assessment.saturation).into_iter();
    let parts = rows.map(|(name, mean, max)| format!("{name} mean {mean}, highest {max}"));
    match parts.collect::<Vec<_>>() {
        none if none.is_empty() => "No second was judged.".to_owned(),
        parts => format!("{}.", parts.join("; ")),
    }
}

/// The step table has the rest; a description of dozens of steps helps nobody.
const DESCRIBED_STEPS: usize = 12;

fn steps(report: &Report) -> String {
    let all = &report.assessment.steps;
    let parts = all.iter().take(DESCRIBED_STEPS);
    let mut text: String =
        parts.map(|step| times(&format!("{}:", step.name), step.response.as_ref()) + " ").collect();
    if all.len() > DESCRIBED_STEPS {
        text += "The table of steps has the others.";
    }
    text
}
