//! Phrases about comparisons that several formats share.
//!
//! Texts that leave here are plain, but not yet escaped for any format.

use super::ComparisonReport;
use crate::analysis::assessment::Verdict;
use crate::analysis::comparison::{
    Comparison, Estimate, Look, LookMetric, MetricResult, Ruling, StepChange,
};
use crate::record::duet::{DuetEnd, GateMetric, GateSettings, Method};
use crate::report::words::verdict;
use crate::report::{figures, plain};
use crate::scenario::model::Arm;
use crate::units::trim_zeros;

/// `PASS: orders`.
pub(super) fn title(report: &ComparisonReport) -> String {
    format!("{}: {}", verdict(report.comparison.verdict), plain::line(report.scenario))
}

/// One character for a ruling; the word stands beside it wherever there is room.
pub(super) fn mark(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::Regressed => "✗",
        Ruling::Improved => "+",
        Ruling::Pass => "✓",
        Ruling::Inconclusive => "?",
    }
}

/// `regressed`.
pub(super) fn ruling(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::Regressed => "regressed",
        Ruling::Improved => "improved",
        Ruling::Pass => "pass",
        Ruling::Inconclusive => "inconclusive",
    }
}

/// How a metric came out; that it only watches, where it does not gate and saw nothing.
pub(super) fn outcome(metric: &MetricResult) -> &'static str {
    if speaks(metric) { ruling(metric.ruling) } else { "only watches" }
}

/// Whether its ruling means something.
pub(super) fn speaks(metric: &MetricResult) -> bool {
    metric.gates || metric.ruling == Ruling::Regressed
}

/// The character for [`outcome`].
pub(super) fn outcome_mark(metric: &MetricResult) -> &'static str {
    if speaks(metric) { mark(metric.ruling) } else { " " }
}

/// `p99`, `p99 of "login"`.
pub(super) fn short_of(metric: &MetricResult) -> String {
    with_step(metric.metric, metric.step.as_deref())
}

fn with_step(metric: GateMetric, step: Option<&str>) -> String {
    match step {
        Some(step) => format!("{} of \"{}\"", short(metric), plain::line(step)),
        None => short(metric),
    }
}

/// `p99`, `error rate`.
pub(super) fn short(metric: GateMetric) -> String {
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
            percent(settings.accepted(metric))
        }
        GateMetric::ErrorRate | GateMetric::SlowRequests => {
            format!("{} points", points(settings.error_floor))
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
        Ruling::Inconclusive => format!("undecided against {limit}"),
    }
}

/// `p50, p95 not slower by more than 5 %; error rate not higher by more than 0.1 points`:
/// the worst first.
pub(super) fn answer(comparison: &Comparison) -> String {
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
pub(super) fn value(metric: GateMetric, value: Option<f64>) -> String {
    match (metric, value) {
        (_, None) => figures::NOTHING.to_owned(),
        (GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest, Some(ms)) => figures::millis(ms),
        (GateMetric::ErrorRate | GateMetric::SlowRequests, Some(share)) => figures::share(share),
    }
}

/// `1.034`; for the error rate `+0.12 points`.
pub(super) fn estimate(metric: GateMetric, estimate: Option<Estimate>) -> String {
    match (metric, estimate) {
        (_, None) => figures::NOTHING.to_owned(),
        (GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest, Some(found)) => {
            ratio(found.value)
        }
        (GateMetric::ErrorRate | GateMetric::SlowRequests, Some(found)) => {
            format!("{} points", signed(found.value, points))
        }
    }
}

/// `1.012 – 1.058`.
pub(super) fn interval(metric: GateMetric, estimate: Option<Estimate>) -> String {
    let Some(Estimate { low, high, .. }) = estimate else { return figures::NOTHING.to_owned() };
    match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => {
            format!("{} – {}", ratio(low), ratio(high))
        }
        GateMetric::ErrorRate | GateMetric::SlowRequests => {
            format!("{} – {} points", signed(low, points), signed(high, points))
        }
    }
}

/// `1.034 (1.012 – 1.058)`.
pub(super) fn ratio_with_interval(metric: GateMetric, found: Option<Estimate>) -> String {
    if found.is_none() {
        return figures::NOTHING.to_owned();
    }
    let (value, interval) = (estimate(metric, found), interval(metric, found));
    format!("{} ({interval})", value.trim_end_matches(" points"))
}

/// `1.034`, `52.1`; bounds may be infinite.
pub(super) fn ratio(value: f64) -> String {
    match value {
        f64::INFINITY => "∞".to_owned(),
        v if v.is_nan() => figures::NOTHING.to_owned(),
        v if v >= 9.995 => figures::number(v),
        v if v >= 0.1 => format!("{v:.3}"),
        v => trim_zeros(v, 4),
    }
}

/// A number with its sign, whose size another function writes.
fn signed(value: f64, write: fn(f64) -> String) -> String {
    let size = write(value.abs());
    match value {
        v if v.is_nan() || size == "0" => size,
        v if v < 0.0 => format!("−{size}"),
        _ => format!("+{size}"),
    }
}

/// A share as percentage points, without a unit.
pub(super) fn points(share: f64) -> String {
    let points = share * 100.0;
    match points {
        p if p.is_nan() => figures::NOTHING.to_owned(),
        p if p.is_infinite() => "∞".to_owned(),
        p if p >= 10.0 => trim_zeros(p, 1),
        p if p >= 0.1 => trim_zeros(p, 2),
        p if p >= 0.01 => trim_zeros(p, 3),
        p => trim_zeros(p, 5),
    }
}

/// `5 %`: a change, which may be more than all.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", figures::number(share * 100.0))
}

pub(super) fn method(method: Method) -> String {
    match method {
        Method::Interleaved => "both at once, requests interleaved at random".to_owned(),
        Method::Alternating { block, dropped } => format!(
            "in turns of {block} s in the order ABBA; the first {dropped} s of each are not judged"
        ),
        Method::Stored => "the baseline's numbers are from earlier runs".to_owned(),
    }
}

/// `180 s judged per arm, 72,010 and 72,008 requests, 3 of at most 5 looks`.
pub(super) fn extent(comparison: &Comparison) -> String {
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

pub(super) fn assurance(settings: &GateSettings) -> String {
    let mut known = settings.metrics.iter().chain(&settings.watches);
    let cpu = if known.any(|metric| *metric == GateMetric::CpuPerRequest) {
        format!(" (CPU {})", percent(settings.cpu_tolerance))
    } else {
        String::new()
    };
    format!(
        "tolerance {}{cpu}, false alarms at most {}, wrong passes at most {}",
        percent(settings.tolerance),
        percent(settings.alpha),
        percent(settings.beta),
    )
}

/// Names and what they stand for: the arms, the method, how much was measured.
pub(super) fn facts(report: &ComparisonReport) -> Vec<(&'static str, String)> {
    let comparison = report.comparison;
    let mut facts = vec![
        ("baseline", plain::line(report.baseline_name)),
        ("candidate", plain::line(report.candidate_name)),
        ("method", method(comparison.method)),
    ];
    if let Some(reason) = report.duet.map(|duet| &duet.method_reason).filter(|r| !r.is_empty()) {
        facts.push(("why so", plain::line(reason)));
    }
    facts.push(("measured", extent(comparison)));
    facts.push(("asked for", assurance(&comparison.settings)));
    facts.extend(ending(report).map(|ending| ("ended", ending)));
    facts
}

/// How the duet ended, where it did not simply come to its end.
fn ending(report: &ComparisonReport) -> Option<String> {
    match &report.duet?.end {
        Some(DuetEnd::Finished) => None,
        Some(DuetEnd::Interrupted { signal }) => Some(format!("interrupted by signal {signal}")),
        Some(DuetEnd::ArmLost { arm, detail }) => {
            Some(format!("the {} was lost: {}", self::arm(*arm), plain::line(detail)))
        }
        Some(DuetEnd::Hopeless { arm, detail }) => {
            Some(format!("early, as the {} cannot work: {}", self::arm(*arm), plain::line(detail)))
        }
        None => Some("unknown: the generator was stopped before it could say".to_owned()),
    }
}

fn arm(arm: Arm) -> &'static str {
    match arm {
        Arm::Baseline => "baseline",
        Arm::Candidate => "candidate",
    }
}

/// Metrics that were left out, each with the reason.
pub(super) fn dropped(comparison: &Comparison) -> Vec<(String, String)> {
    let dropped = comparison.dropped.iter();
    dropped.map(|dropped| (short(dropped.metric), plain::line(&dropped.reason))).collect()
}

/// `✓ p50  ? p95`: what each metric said at a look.
pub(super) fn marks(look: &Look) -> String {
    let marks = look.metrics.iter();
    let mark = |found: &LookMetric| match (found.gates, found.ruling) {
        (false, Ruling::Improved | Ruling::Pass | Ruling::Inconclusive) => "·",
        (_, ruling) => mark(ruling),
    };
    let marks = marks
        .map(|found| format!("{} {}", mark(found), with_step(found.metric, found.step.as_deref())));
    marks.collect::<Vec<_>>().join("  ")
}

/// Number, judged time and requests of a look, what the gate and each metric said.
pub(super) fn look(look: &Look) -> [String; 5] {
    let (baseline, candidate) = look.requests;
    [
        look.segments.to_string(),
        figures::seconds(f64::from(look.seconds)),
        format!("{} / {}", figures::count(baseline), figures::count(candidate)),
        match look.ruling {
            Ruling::Inconclusive => "go on".to_owned(),
            decided => ruling(decided).to_owned(),
        },
        marks(look),
    ]
}

/// A step's requests, p50, p95, p99, the ratio of p95, and the change that it would have seen.
pub(super) fn step(step: &StepChange) -> [String; 6] {
    let (baseline, candidate) = step.requests;
    [
        format!("{} / {}", figures::count(baseline), figures::count(candidate)),
        times(step.p50),
        times(step.p95),
        times(step.p99),
        step.change.map_or(figures::NOTHING.to_owned(), ratio),
        step.sees_from
            .map_or(figures::NOTHING.to_owned(), |change| format!("+{}", percent(change))),
    ]
}

/// `12.1 → 12.4 ms`.
fn times(pair: Option<(f64, f64)>) -> String {
    let Some((baseline, candidate)) = pair else { return figures::NOTHING.to_owned() };
    let [baseline, candidate] = [baseline, candidate].map(figures::millis);
    let unit = |text: &str| text.rsplit_once(' ').map(|(_, unit)| unit.to_owned());
    match baseline.rsplit_once(' ') {
        Some((number, of_first)) if unit(&candidate).as_deref() == Some(of_first) => {
            format!("{number} → {candidate}")
        }
        _ => format!("{baseline} → {candidate}"),
    }
}

/// Whether a step changed by more than the tolerance, in either direction.
pub(super) fn has_changed(step: &StepChange, settings: &GateSettings) -> bool {
    let limit = 1.0 + settings.tolerance;
    step.change.is_some_and(|change| change > limit || change < 1.0 / limit)
}
