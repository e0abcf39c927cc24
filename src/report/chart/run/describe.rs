//! What a chart shows, in words and figures, for those who cannot see it.

use super::{Chart, limits, saturation};
use crate::analysis::assessment::{Assessment, Summary, Times};
use crate::report::figures;
use crate::report::phrases::run as phrases;

/// The description with the figures of the judged seconds. May hold hostile names.
pub(super) fn text(assessment: &Assessment, chart: Chart) -> String {
    let total = &assessment.total;
    let figures = match chart {
        Chart::ResponseOverTime => times("Over the judged seconds", total.response.as_ref()),
        Chart::ByPercentile => format!(
            "{} {}",
            times("Response time:", total.response.as_ref()),
            times("Service time:", total.service.as_ref())
        ),
        Chart::Rate => rates(total),
        Chart::Outcomes => outcomes(total),
        Chart::Saturation => fullness(assessment),
        Chart::Steps => steps(assessment),
    };
    let more = match chart {
        Chart::ResponseOverTime => beside(assessment).to_owned(),
        Chart::Saturation => saturation::caption(&assessment.timeline),
        Chart::ByPercentile | Chart::Rate | Chart::Outcomes | Chart::Steps => String::new(),
    };
    format!("{}{more} {figures}", chart.description())
}

/// Says that limits are drawn, if there are any.
fn beside(assessment: &Assessment) -> &'static str {
    if limits::of_all(assessment).is_empty() {
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

fn fullness(assessment: &Assessment) -> String {
    let rows = phrases::saturation(&assessment.saturation).into_iter();
    let parts = rows.map(|(name, mean, max)| format!("{name} mean {mean}, highest {max}"));
    match parts.collect::<Vec<_>>() {
        none if none.is_empty() => "No second was judged.".to_owned(),
        parts => format!("{}.", parts.join("; ")),
    }
}

/// The step table has the rest; a description of dozens of steps helps nobody.
const DESCRIBED_STEPS: usize = 12;

fn steps(assessment: &Assessment) -> String {
    let all = &assessment.steps;
    let parts = all.iter().take(DESCRIBED_STEPS);
    let mut text: String =
        parts.map(|step| times(&format!("{}:", step.name), step.response.as_ref()) + " ").collect();
    if all.len() > DESCRIBED_STEPS {
        text += "The table of steps has the others.";
    }
    text
}
