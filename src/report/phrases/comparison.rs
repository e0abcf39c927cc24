//! What there is to say of a candidate beside its baseline: rulings, metrics, looks.

use crate::analysis::assessment::Verdict;
use crate::analysis::comparison::{
    Comparison, Estimate, Look, LookMetric, MetricResult, Ruling, StepChange,
};
use crate::record::duet::{GateMetric, GateSettings, Method};
use crate::report::document::cell::{self, Cell, Status};
use crate::report::document::quantity::Quantity;
use crate::report::document::tone::Tone;
use crate::report::figures;

/// One character for a ruling; the word stands beside it wherever there is room.
pub(in crate::report) fn mark(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::Regressed => "✗",
        Ruling::Improved => "+",
        Ruling::Pass => "✓",
        Ruling::Inconclusive => "?",
    }
}

/// `regressed`.
pub(in crate::report) fn ruling(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::Regressed => "regressed",
        Ruling::Improved => "improved",
        Ruling::Pass => "pass",
        Ruling::Inconclusive => "inconclusive",
    }
}

/// What is to be thought of a ruling.
pub(in crate::report) fn tone(ruling: Ruling) -> Tone {
    match ruling {
        Ruling::Regressed => Tone::Bad,
        Ruling::Improved | Ruling::Pass => Tone::Good,
        Ruling::Inconclusive => Tone::Doubt,
    }
}

/// How a metric came out; that it only watches, where it does not gate and saw nothing.
pub(in crate::report) fn outcome(metric: &MetricResult) -> &'static str {
    if speaks(metric) { ruling(metric.ruling) } else { "only watches" }
}

/// Whether its ruling means something.
pub(in crate::report) fn speaks(metric: &MetricResult) -> bool {
    metric.gates || metric.ruling == Ruling::Regressed
}

/// The same with its character.
pub(in crate::report) fn status(metric: &MetricResult) -> Status {
    let word = outcome(metric);
    if speaks(metric) {
        return Status { mark: mark(metric.ruling), word, tone: tone(metric.ruling) };
    }
    Status { mark: "", word, tone: Tone::Muted }
}

/// `p99`, `p99 of "login"`.
pub(in crate::report) fn short_of(metric: &MetricResult) -> String {
    with_step(metric.metric, metric.step.as_deref())
}

fn with_step(metric: GateMetric, step: Option<&str>) -> String {
    match step {
        Some(step) => format!("{} of \"{}\"", short(metric), step),
        None => short(metric),
    }
}

/// `p99`, `error rate`.
pub(in crate::report) fn short(metric: GateMetric) -> String {
    match metric {
        GateMetric::ResponseTime(share) => figures::quantile(share),
        GateMetric::ErrorRate => "error rate".to_owned(),
        // In full it is wider than its columns.
        GateMetric::CpuPerRequest => "CPU".to_owned(),
        GateMetric::SlowRequests => "slow requests".to_owned(),
    }
}

/// What is accepted of a metric: `5 %`, `0.1 points`.
fn accepted(metric: GateMetric, settings: &GateSettings) -> String {
    match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => {
            figures::percent(settings.accepted(metric))
        }
        GateMetric::ErrorRate | GateMetric::SlowRequests => {
            format!("{} points", figures::points(settings.error_floor))
        }
    }
}

/// `not slower by more than 5 %`: what a ruling says and no more than that.
fn statement(metric: GateMetric, ruling: Ruling, settings: &GateSettings) -> String {
    let (worse, better) = match metric {
        GateMetric::ResponseTime(_) => ("slower", "faster"),
        GateMetric::CpuPerRequest => ("higher per request", "lower per request"),
        GateMetric::ErrorRate | GateMetric::SlowRequests => ("higher", "lower"),
    };
    let limit = accepted(metric, settings);
    match ruling {
        Ruling::Regressed => format!("{worse} by more than {limit}"),
        Ruling::Improved => format!("{better} by more than {limit}"),
        Ruling::Pass => format!("not {worse} by more than {limit}"),
        Ruling::Inconclusive => format!("undecided: {worse} by more than {limit}, or not"),
    }
}

/// `p50, p95 not slower by more than 5 %; error rate not higher by more than 0.1 points`:
/// the worst first.
pub(in crate::report) fn answer(comparison: &Comparison) -> String {
    match comparison.verdict {
        Verdict::Invalid | Verdict::TargetLost => {
            return "nothing is said about the change, as the measurement does not hold".to_owned();
        }
        Verdict::Pass | Verdict::SloMissed | Verdict::Regressed | Verdict::Inconclusive => {}
    }
    let order = [Ruling::Regressed, Ruling::Inconclusive, Ruling::Improved, Ruling::Pass];
    let groups = order.into_iter().flat_map(|ruling| groups(comparison, ruling));
    let groups: Vec<String> = groups.collect();
    let watched = comparison.metrics.iter().filter(|it| !it.gates && it.step.is_none());
    // They always only watch: that says nothing of this comparison.
    let watched = watched.filter(|it| it.metric != GateMetric::SlowRequests);
    let watched = watched.filter(|it| it.ruling != Ruling::Regressed).map(short_of);
    let watched: Vec<String> = watched.collect();
    let watched = (!watched.is_empty()).then(|| format!("{} only watched", watched.join(", ")));
    let all: Vec<String> = groups.into_iter().chain(watched).collect();
    if all.is_empty() { "no metric decides".to_owned() } else { all.join("; ") }
}

/// What is said of all metrics with a ruling.
fn groups(comparison: &Comparison, ruling: Ruling) -> Vec<String> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    let of = comparison.metrics.iter().filter(|it| it.ruling == ruling && speaks(it));
    for metric in of {
        let said = statement(metric.metric, ruling, &comparison.settings);
        match groups.iter_mut().find(|(known, _)| *known == said) {
            Some((_, names)) => names.push(short_of(metric)),
            None => groups.push((said, vec![short_of(metric)])),
        }
    }
    groups.into_iter().map(|(said, names)| format!("{} {said}", names.join(", "))).collect()
}

/// The value of one arm: a time, or a share.
pub(in crate::report) fn value(metric: GateMetric, value: Option<f64>) -> Cell {
    Cell::maybe(value.map(|value| match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => Quantity::Millis(value),
        GateMetric::ErrorRate | GateMetric::SlowRequests => Quantity::Share(value),
    }))
}

/// `1.034 (1.012 – 1.058)`; for the error rate `+0.12 (+0.08 – +0.16 points)`.
pub(in crate::report) fn estimate(metric: GateMetric, estimate: Option<Estimate>) -> Cell {
    let Some(found) = estimate else { return Cell::Nothing };
    let (of, unit): (fn(f64) -> Quantity, _) = match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => (Quantity::Ratio, ""),
        GateMetric::ErrorRate | GateMetric::SlowRequests => (Quantity::Points, "points"),
    };
    let [value, low, high] = [found.value, found.low, found.high].map(of);
    Cell::Estimate(cell::Estimate { value, low, high, unit })
}

/// How both arms were loaded.
pub(in crate::report) fn method(method: Method) -> String {
    match method {
        Method::Interleaved => "both at once, requests interleaved at random".to_owned(),
        Method::Alternating { block, dropped } => format!(
            "in turns of {block} s in the order ABBA; the first {dropped} s of each are not judged"
        ),
        Method::Stored => "the baseline's numbers are from earlier runs".to_owned(),
    }
}

/// `180 s judged per arm, 72,010 and 72,008 requests, 3 of at most 5 looks`.
pub(in crate::report) fn extent(comparison: &Comparison) -> String {
    let Some(last) = comparison.looks.last() else {
        let counts = [&comparison.baseline, &comparison.candidate.total]
            .map(|summary| figures::count(summary.counts.ended()));
        return format!("{} and {} requests", counts[0], counts[1]);
    };
    let (baseline, candidate) = last.requests;
    format!(
        "{} judged per arm, {} and {} requests, {} of at most {} looks",
        figures::seconds(f64::from(last.seconds)),
        figures::count(baseline),
        figures::count(candidate),
        comparison.looks.len(),
        comparison.settings.looks,
    )
}

/// What was asked of the gate.
pub(in crate::report) fn assurance(settings: &GateSettings) -> String {
    let mut known = settings.metrics.iter().chain(&settings.watches);
    let cpu = if known.any(|metric| *metric == GateMetric::CpuPerRequest) {
        format!(" (CPU {})", figures::percent(settings.cpu_tolerance))
    } else {
        String::new()
    };
    format!(
        "tolerance {}{cpu}, false alarms at most {}, wrong passes at most {}",
        figures::percent(settings.tolerance),
        figures::percent(settings.alpha),
        figures::percent(settings.beta),
    )
}

/// `✓ p50  ? p95`: what each metric said at a look.
pub(in crate::report) fn marks(look: &Look) -> String {
    let marks = look.metrics.iter();
    let mark = |found: &LookMetric| match (found.gates, found.ruling) {
        (false, Ruling::Improved | Ruling::Pass | Ruling::Inconclusive) => "·",
        (_, ruling) => mark(ruling),
    };
    let marks = marks
        .map(|found| format!("{} {}", mark(found), with_step(found.metric, found.step.as_deref())));
    marks.collect::<Vec<_>>().join("  ")
}

/// What the gate said at a look: `go on`, `pass`.
pub(in crate::report) fn gate(look: &Look) -> &'static str {
    match look.ruling {
        Ruling::Inconclusive => "go on",
        decided @ (Ruling::Regressed | Ruling::Improved | Ruling::Pass) => ruling(decided),
    }
}

/// Whether a step changed by more than the tolerance, in either direction.
pub(in crate::report) fn has_changed(step: &StepChange, settings: &GateSettings) -> bool {
    let limit = 1.0 + settings.tolerance;
    step.change.is_some_and(|change| change > limit || change < 1.0 / limit)
}
