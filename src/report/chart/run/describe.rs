//! What a chart shows, in words and figures, for those who cannot see it.

use std::fmt::Write as _;

use super::{Chart, limits, saturation};
use crate::analysis::assessment::{Assessment, SloStatus, Summary, Times};
use crate::record::phase::Phase;
use crate::report::document::medium::Shown;
use crate::report::figures;
use crate::report::phrases::run as phrases;
use crate::report::phrases::{neighbours, tenants};

/// The description with the figures of the judged seconds. May hold hostile names.
pub(super) fn text(assessment: &Assessment, chart: Chart) -> String {
    let total = &assessment.total;
    let figures = match chart {
        Chart::ResponseOverTime => {
            times("Over the judged seconds", total.times[Phase::Response].as_ref())
        }
        Chart::ByPercentile => format!(
            "{} {}",
            times("Response time:", total.times[Phase::Response].as_ref()),
            times("Service time:", total.times[Phase::Service].as_ref())
        ),
        Chart::Rate => rates(total),
        Chart::Outcomes => outcomes(total),
        Chart::Saturation => fullness(assessment),
        Chart::Steps => steps(assessment),
        Chart::Tenants => tenants::sentence(assessment).unwrap_or_default(),
        Chart::Neighbours => {
            assessment.neighbours.as_ref().map(neighbours::sentence).unwrap_or_default()
        }
    };
    let more = match chart {
        Chart::ResponseOverTime => format!("{}{}", beside(assessment), crossings(assessment)),
        Chart::Saturation => saturation::caption(&assessment.timeline),
        Chart::ByPercentile
        | Chart::Rate
        | Chart::Outcomes
        | Chart::Steps
        | Chart::Tenants
        | Chart::Neighbours => String::new(),
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

/// Where single stretches are above the limit of an objective that is met: said, because it
/// looks like a contradiction.
fn crossings(assessment: &Assessment) -> String {
    let timeline = &assessment.timeline;
    let window = assessment.window.from..assessment.window.to;
    let series = [(0.95, &timeline.p95), (0.99, &timeline.p99)];
    let mut said = String::new();
    for limit in limits::of_all(assessment) {
        let same = |(share, _): &&(f64, _)| (share - limit.share).abs() < 1e-9;
        let Some((_, values)) = series.iter().find(same) else { continue };
        let judged: Vec<f64> = (timeline.starts.iter().zip(values.iter()))
            .filter(|(start, _)| window.contains(start))
            .filter_map(|(_, value)| *value)
            .collect();
        let above = judged.iter().filter(|value| **value > limit.millis).count();
        if above == 0 || !is_met(assessment, limit.share, limit.millis) {
            continue;
        }
        let quantile = figures::quantile(limit.share);
        let _ = write!(
            said,
            " {quantile} was above its limit in {} of {}; the objective is about all requests \
             together, and is met.",
            figures::count(above as u64),
            stretches(judged.len(), timeline.bin_seconds),
        );
    }
    said
}

fn stretches(number: usize, seconds: u32) -> String {
    match seconds {
        1 => figures::counted(number, "second"),
        more => format!("{number} stretches of {more} s"),
    }
}

fn is_met(assessment: &Assessment, share: f64, millis: f64) -> bool {
    let quantile = figures::quantile(share);
    assessment.slos.iter().any(|slo| {
        slo.step.is_none()
            && slo.status == SloStatus::Met
            && (slo.limit - millis).abs() < 1e-9
            && slo.text.split_whitespace().next() == Some(quantile.as_str())
    })
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
    // The table beside the chart has the others.
    let rows = phrases::saturation(&assessment.saturation).into_iter();
    let rows = rows.filter(|it| it.shown == Shown::Everywhere);
    let parts = rows.map(|it| format!("{} mean {}, highest {}", it.name, it.mean, it.highest));
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
    let mut text: String = parts
        .map(|step| times(&format!("{}:", step.name), step.times[Phase::Response].as_ref()) + " ")
        .collect();
    if all.len() > DESCRIBED_STEPS {
        text += "The table of steps has the others.";
    }
    text
}
