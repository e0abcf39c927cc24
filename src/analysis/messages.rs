//! Results and the limits of what a run can say, as sentences with figures. Names are
//! used as they are: whoever prints them escapes them.

use crate::analysis::assessment::{Measured, SloResult, SloStatus, Steadiness};
use crate::analysis::gauges::{GaugeValue, ValueUnit};
use crate::analysis::number_format::{about, count, counted, millis, percent, seconds};
use crate::analysis::run_data::RunData;
use crate::analysis::window;
use crate::units::{Bytes, trim_zeros};

/// What is to be said of one objective.
pub fn of(slo: &SloResult) -> String {
    let name = name(slo);
    match slo.status {
        SloStatus::Met => format!("{name} met: {}", measured(slo)),
        SloStatus::Missed => format!("{name} missed: {}{}", figures(slo), noted(slo)),
        SloStatus::Inconclusive => format!("{name} undecided: {}{}", measured(slo), noted(slo)),
        SloStatus::Invalid => format!("{name} not judged: {}{}", measured(slo), noted(slo)),
    }
}

fn name(slo: &SloResult) -> String {
    slo.step.as_ref().map_or_else(|| slo.text.clone(), |step| format!("{step}: {}", slo.text))
}

fn noted(slo: &SloResult) -> String {
    slo.note.as_ref().map_or_else(String::new, |note| format!("; {note}"))
}

/// The measured value and its interval.
fn measured(slo: &SloResult) -> String {
    let Some(measured) = slo.measured else { return "nothing measured".to_owned() };
    let (value, unit): (f64, fn(f64) -> String) = match measured {
        Measured::Millis(value) | Measured::LapMillis(value) => (value, millis),
        Measured::BadShare(value)
        | Measured::GoodShare(value)
        | Measured::ChecksHeld(value)
        | Measured::GoodWindows(value) => (value, percent),
        Measured::Apdex(value) => (value, score),
        Measured::Goodput(value) => (value, per_second),
        Measured::BytesPerSecond(value) => (value, bytes_per_second),
        Measured::Effect(value) => (value, times),
        Measured::Gauge(found) => return gauge(found),
    };
    match slo.interval {
        Some((low, high)) => format!("{} ({} to {})", unit(value), unit(low), unit(high)),
        None => unit(value),
    }
}

/// A value of a gauge: `620 MB`, `1.4 cores`.
pub fn gauge(found: GaugeValue) -> String {
    let value = found.value;
    match found.unit {
        ValueUnit::Milliseconds => millis(value),
        ValueUnit::Bytes => bytes(value),
        ValueUnit::BytesPerSecond => format!("{}/s", bytes(value)),
        ValueUnit::Share => percent(value),
        ValueUnit::Cores => format!("{} cores", trim_zeros(value, 2)),
        ValueUnit::PerSecond => format!("{}/s", trim_zeros(value, 2)),
        ValueUnit::Number => trim_zeros(value, 2),
    }
}

/// A score, or so much a second: `0.93`, `412/s`, `1.2 MB/s`. Nothing for what is neither.
pub fn amount(measured: Measured) -> String {
    match measured {
        Measured::Apdex(value) => score(value),
        Measured::Goodput(value) => per_second(value),
        Measured::BytesPerSecond(value) => bytes_per_second(value),
        Measured::Effect(value) => times(value),
        Measured::Millis(_)
        | Measured::LapMillis(_)
        | Measured::BadShare(_)
        | Measured::GoodShare(_)
        | Measured::ChecksHeld(_)
        | Measured::GoodWindows(_)
        | Measured::Gauge(_) => String::new(),
    }
}

/// `3.2×`.
fn times(value: f64) -> String {
    format!("{}×", trim_zeros(value, 2))
}

fn score(value: f64) -> String {
    trim_zeros(value, 3)
}

/// Whole ones from a hundred on.
pub fn per_second(value: f64) -> String {
    format!("{}/s", crate::units::amount(value, 2))
}

fn bytes_per_second(value: f64) -> String {
    format!("{}/s", bytes(value))
}

/// What shrank is below zero.
fn bytes(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{}", Bytes(value.abs().round() as u64))
}

/// What a miss is made of.
fn figures(slo: &SloResult) -> String {
    let share = percent(slo.bad as f64 / slo.requests.max(1) as f64);
    let requests = count(slo.requests);
    match slo.measured {
        Some(Measured::Millis(value)) => format!(
            "{}; {share} of {requests} requests were slower than {}{}{}",
            millis(value),
            millis(slo.limit),
            bursts(slo),
            allowed(slo)
        ),
        Some(Measured::LapMillis(value)) => format!(
            "{}; {share} of {requests} were slower than {} or never came{}",
            millis(value),
            millis(slo.limit),
            bursts(slo),
        ),
        Some(Measured::Effect(value)) => {
            let span =
                slo.interval.map(|(low, high)| format!(" ({} to {})", times(low), times(high)));
            format!(
                "{}{} of what it was before, {} allowed",
                times(value),
                span.unwrap_or_default(),
                times(slo.limit)
            )
        }
        Some(Measured::BadShare(_)) => format!(
            "{share} of {requests} requests ({}), {} allowed",
            count(slo.bad),
            percent(slo.limit)
        ),
        Some(Measured::GoodShare(value)) => {
            format!("{}; {} of {requests} requests were not served", percent(value), count(slo.bad))
        }
        Some(Measured::GoodWindows(value)) => {
            format!("held in {} of the windows, {} required", percent(value), percent(slo.limit))
        }
        Some(Measured::ChecksHeld(value)) => format!(
            "{} of {requests} answers are as the checks say, {} required; {} are not",
            percent(value),
            percent(slo.limit),
            count(slo.bad)
        ),
        Some(Measured::Apdex(value)) => {
            format!("{} of {requests} requests, {} required", score(value), score(slo.limit))
        }
        Some(measured @ (Measured::Goodput(_) | Measured::BytesPerSecond(_))) => amount(measured),
        Some(Measured::Gauge(found)) => gauge(found),
        None if slo.bad > 0 => {
            format!("{} of {requests} requests had no answer within it", count(slo.bad))
        }
        None => "nothing measured".to_owned(),
    }
}

/// The share that a quantile leaves.
fn allowed(slo: &SloResult) -> String {
    let left = slo.generator_error.map(|error| 1.0 - error.quantile);
    left.map_or_else(String::new, |left| format!(" ({} allowed)", percent(left)))
}

/// That slow requests came together.
fn bursts(slo: &SloResult) -> &'static str {
    if slo.design_effect >= 10.0 { ", in bursts" } else { "" }
}

/// The sentence of a pass.
pub fn all_met(data: &RunData, slos: &[SloResult]) -> String {
    let objectives = match slos.len() {
        1 => "the objective is".to_owned(),
        many => format!("all {many} objectives are"),
    };
    format!(
        "{objectives} met with 95 % confidence, judged on {} over {}",
        counted(data.total.counts.planned, "request"),
        seconds(data.judged.length)
    )
}

/// What the run cannot say.
pub fn limits_of_knowledge(data: &RunData, steady: Steadiness) -> Vec<String> {
    let all = [rare_events, short, drain, killed, open, abandoned, clock];
    all.into_iter().filter_map(|limit| limit(data)).chain(drifting(steady)).collect()
}

/// The rule of three: what did not occur in T may still occur once per T/3.
fn rare_events(data: &RunData) -> Option<String> {
    let judged = data.judged.length;
    (judged > 0.0).then(|| {
        format!(
            "nothing about events rarer than one per {} ({} were judged)",
            seconds(judged / 3.0),
            seconds(judged)
        )
    })
}

fn short(data: &RunData) -> Option<String> {
    (data.judged.length < 15.0).then(|| {
        "little about slow spells longer than a second: fewer than 15 s were judged".to_owned()
    })
}

/// Later steps of iterations may be due after the schedule's end.
fn drain(data: &RunData) -> Option<String> {
    let late = data.record.seconds.range(data.judged.to..);
    let due: u64 = late.flat_map(|second| second.counts()).map(|step| step.planned).sum();
    (due > 0).then(|| {
        format!("{} due after the end of the schedule are not judged", counted(due, "request"))
    })
}

/// What was seen is written once a second.
fn killed(data: &RunData) -> Option<String> {
    data.record.end.is_none().then(|| {
        "what happened in the last second before the generator was killed: it was not written \
         yet"
        .to_owned()
    })
}

fn open(data: &RunData) -> Option<String> {
    let counts = &data.total.counts;
    let open = counts.planned.saturating_sub(counts.ended());
    (open > 0)
        .then(|| format!("how {} without an outcome would have ended", counted(open, "request")))
}

fn abandoned(data: &RunData) -> Option<String> {
    let abandoned = data.record.end.as_ref().map_or(0, |end| end.abandoned);
    (abandoned > 0)
        .then(|| format!("{} given up when the run was cut short", counted(abandoned, "request")))
}

fn clock(data: &RunData) -> Option<String> {
    (data.record.head.receive_clock() == "generator").then(|| {
        "response times end when the generator read the response, which may be later than it \
         arrived"
            .to_owned()
    })
}

fn drifting(steady: Steadiness) -> Option<String> {
    match steady {
        Steadiness::Drifting { .. } => {
            Some("where the response time would settle: it still drifts".to_owned())
        }
        Steadiness::Steady | Steadiness::NotExamined => None,
    }
}

/// How many more seconds and requests a cut changed, for a finding.
pub fn cut_refused(cut: u32) -> String {
    format!(
        "the response time settles {} later than the warm-up ends, but an objective is met \
         only without them",
        about_seconds(cut)
    )
}

fn about_seconds(value: u32) -> String {
    format!("{} s", about(f64::from(value)))
}

/// That the series never settles.
pub fn not_settled(data: &RunData) -> String {
    let planned = window::planned_seconds(&data.record.head.load);
    format!("the response time did not settle in the first half of {}", seconds(planned))
}
