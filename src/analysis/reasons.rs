//! Why a duet's gate says what it says: a sentence for each metric that is worse, undecided,
//! better or as good, and what only watched.
//!
//! Metrics as judged in, sentences out; knows nothing of how they were judged.

use crate::analysis::comparison::{MetricResult, Rule, Ruling};
use crate::analysis::gate::results::LEANS;
use crate::analysis::number_format;
use crate::record::duet::{GateMetric, GateSettings};

/// All sentences, the worst first.
pub fn of_gate(metrics: &[MetricResult], settings: &GateSettings) -> Vec<String> {
    let mut reasons: Vec<String> = cpu_alone(metrics).into_iter().collect();
    let of = |ruling| metrics.iter().filter(move |it| it.ruling == ruling);
    let said = |metric| sentence(metric, settings);
    reasons.extend(of(Ruling::Regressed).map(said));
    if of(Ruling::Regressed).next().is_some() {
        // What is undecided beside it, or passes, is no reason.
        reasons.extend(also_lean(leaning(metrics), "too"));
        return reasons;
    }
    let mut worse = leaning(metrics);
    reasons.extend(worse.next().map(said));
    reasons.extend(also_lean(worse, "as well"));
    let gating = |ruling| of(ruling).filter(|it| it.gates);
    for ruling in [Ruling::Inconclusive, Ruling::Improved, Ruling::Pass] {
        reasons.extend(gating(ruling).map(said));
    }
    if !metrics.iter().any(|it| is_decided(it) && it.metric.is_time()) {
        reasons.push("no pass without a quantile of the response time that is decided".to_owned());
    }
    reasons.extend(only_watched(metrics));
    reasons
}

fn is_decided(metric: &MetricResult) -> bool {
    metric.gates && metric.ruling != Ruling::Inconclusive
}

/// What watches and leans to the worse side, without having been called regressed.
fn leaning(metrics: &[MetricResult]) -> impl Iterator<Item = &MetricResult> {
    metrics.iter().filter(|metric| !is_regressed(metric) && leans(metric))
}

/// `p50 of "show order", p95 of "show order" lean to the worse side too`.
fn also_lean<'a>(leaning: impl Iterator<Item = &'a MetricResult>, word: &str) -> Option<String> {
    let names: Vec<&str> = leaning.map(|metric| metric.name.as_str()).collect();
    let verb = if names.len() == 1 { "leans" } else { "lean" };
    (!names.is_empty()).then(|| format!("{} {verb} to the worse side {word}", names.join(", ")))
}

/// Where CPU time is all that has regressed: what that means for whoever sees the same response
/// times.
fn cpu_alone(metrics: &[MetricResult]) -> Option<String> {
    let mut regressed = metrics.iter().filter(|metric| is_regressed(metric));
    let (Some(cpu), None) = (regressed.next(), regressed.next()) else { return None };
    let more = cpu.estimate.filter(|_| cpu.metric == GateMetric::CpuPerRequest)?.value - 1.0;
    let mut times = metrics.iter().filter(|it| it.gates && it.metric.is_time()).peekable();
    let is_same = times.peek().is_some()
        && times.all(|it| matches!(it.ruling, Ruling::Pass | Ruling::Improved));
    let times = if is_same { "same response times" } else { "response times not surely longer" };
    Some(format!(
        "{times}, {} more CPU per request: capacity falls by about as much",
        number_format::percent(more)
    ))
}

/// `p95 of response time, error rate only watched: ...`.
fn only_watched(metrics: &[MetricResult]) -> Option<String> {
    let always = |it: &MetricResult| it.metric == GateMetric::SlowRequests;
    let quiet =
        |it: &&MetricResult| !it.gates && it.step.is_none() && !is_regressed(it) && !always(it);
    let names: Vec<&str> =
        metrics.iter().filter(quiet).map(|metric| metric.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} only watched: too little could be seen to decide to the tolerance, and what a pass \
             says does not hold for them",
            names.join(", ")
        )
    })
}

fn is_regressed(metric: &MetricResult) -> bool {
    metric.ruling == Ruling::Regressed
}

/// One that watches has an opinion only where its note is one.
fn leans(metric: &MetricResult) -> bool {
    metric.note.as_ref().is_some_and(|note| note.starts_with(LEANS))
}

/// `p99 of response time regressed: ratio 1.230, at least 1.110; 1.050 is accepted`.
pub fn sentence(metric: &MetricResult, settings: &GateSettings) -> String {
    match metric.metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => {
            of_ratio(metric, settings.accepted(metric.metric))
        }
        GateMetric::ErrorRate => of_errors(metric, settings.error_floor),
        GateMetric::SlowRequests => of_slow(metric),
    }
}

/// What gates by a ratio, or watches a quantile.
fn of_ratio(metric: &MetricResult, tolerance: f64) -> String {
    let name = &metric.name;
    let note = metric.note.as_ref().map_or_else(String::new, |note| format!("; {note}"));
    let both = metric.baseline.zip(metric.candidate).map(|(baseline, candidate)| {
        format!("{} → {}", number_format::millis(baseline), number_format::millis(candidate))
    });
    let watched = metric.rule == Some(Rule::Beyond) || !metric.gates;
    let (Some(found), false) = (metric.estimate, watched) else {
        let said = if is_regressed(metric) { " regressed" } else { "" };
        return match both {
            Some(both) => format!("{name}{said}: {both}{note}"),
            None => format!("{name} could not be compared: too few requests"),
        };
    };
    let [value, low, high] = [found.value, found.low, found.high].map(number_format::change);
    let accepted = format!("{} is accepted", number_format::change(1.0 + tolerance));
    match metric.ruling {
        Ruling::Regressed => {
            format!("{name} regressed: {value}, at least {low}; {accepted}{note}")
        }
        Ruling::Improved => format!("{name} improved: {value}, at most {high}"),
        Ruling::Pass => {
            format!("{name} is not worse than accepted: {value}, at most {high}; {accepted}")
        }
        Ruling::Inconclusive => {
            let more = more(metric);
            format!("{name} undecided: {value}, between {low} and {high}; {accepted}{more}{note}")
        }
    }
}

fn more(metric: &MetricResult) -> String {
    metric.seconds_needed.map_or_else(String::new, |seconds| {
        format!("; about {} more would decide", number_format::seconds(seconds))
    })
}

/// The note has both shares and the line.
fn of_slow(metric: &MetricResult) -> String {
    let said = if is_regressed(metric) { " regressed" } else { "" };
    let note = metric.note.as_deref().unwrap_or("too few requests");
    format!("{}{said}: {note}", metric.name)
}

fn of_errors(metric: &MetricResult, floor: f64) -> String {
    let name = &metric.name;
    let (Some(found), Some((baseline, candidate))) =
        (metric.estimate, metric.baseline.zip(metric.candidate))
    else {
        return format!("{name} could not be compared: too few requests");
    };
    let shares = format!(
        "{} of the candidate's requests failed, {} of the baseline's",
        number_format::percent(candidate),
        number_format::percent(baseline)
    );
    let points = |value: f64| format!("{:+.3} percentage points", value * 100.0);
    let most = format!("at most {}", points(found.high));
    let accepted = format!("{} is accepted", points(floor));
    match metric.ruling {
        Ruling::Regressed => format!("{name} regressed: {shares}; {accepted}"),
        Ruling::Improved => format!("{name} improved: {shares}; {most}"),
        Ruling::Pass => format!("{name} is not worse than accepted: {shares}; {most}; {accepted}"),
        Ruling::Inconclusive => {
            let note = metric.note.as_ref().map_or_else(String::new, |note| format!("; {note}"));
            format!("{name} undecided: {shares}; {most}; {accepted}{}{note}", more(metric))
        }
    }
}
