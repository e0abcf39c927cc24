//! Phrases that several formats share, so that all of them say the same
//! thing in the same words.
//!
//! Texts that leave here are plain, but not yet escaped for any format.

use super::{Report, figures, plain};
use crate::analysis::assessment::{
    Assessment, Counts, MeanMax, Measured, Saturation, Severity, SloResult, SloStatus, Steadiness,
    Summary, Times, Verdict, Warmup, Window,
};
use crate::record::run::{End, EndReason, RunRecord, StageHead};
use crate::scenario::load::ArrivalProcess;

/// `PASS`, `SLO MISSED`.
pub(super) fn verdict(verdict: Verdict) -> String {
    verdict.name().to_uppercase()
}

/// The scenario's name.
pub(super) fn scenario(report: &Report) -> String {
    plain::line(&report.record.head.scenario)
}

/// `60 s at 100/s`.
pub(super) fn load(assessment: &Assessment) -> String {
    let seconds = figures::seconds(f64::from(assessment.window.seconds()));
    format!("{seconds} at {}", figures::rate(assessment.total.offered_rate))
}

/// `6,012 requests`.
pub(super) fn requests(assessment: &Assessment) -> String {
    let ended = assessment.total.counts.ended();
    format!("{} request{}", figures::count(ended), if ended == 1 { "" } else { "s" })
}

/// One character for a status; the word stands beside it wherever there is room.
pub(super) fn mark(status: SloStatus) -> &'static str {
    match status {
        SloStatus::Met => "✓",
        SloStatus::Missed => "✗",
        SloStatus::Inconclusive => "?",
        SloStatus::Invalid => "!",
    }
}

/// `met`.
pub(super) fn status(status: SloStatus) -> &'static str {
    match status {
        SloStatus::Met => "met",
        SloStatus::Missed => "missed",
        SloStatus::Inconclusive => "inconclusive",
        SloStatus::Invalid => "invalid",
    }
}

/// `p99 < 500ms`, or `create order: p99 < 500ms` for one step.
pub(super) fn objective(slo: &SloResult) -> String {
    let text = plain::line(&slo.text);
    match &slo.step {
        Some(step) => format!("{}: {text}", plain::line(step)),
        None => text,
    }
}

/// The measured value; a dash without requests.
pub(super) fn measured(slo: &SloResult) -> String {
    match slo.measured {
        Some(Measured::Millis(ms)) => figures::millis(ms),
        Some(
            Measured::BadShare(share) | Measured::GoodShare(share) | Measured::GoodWindows(share),
        ) => figures::share(share),
        None => figures::NOTHING.to_owned(),
    }
}

/// The 90 % interval of the measured value.
pub(super) fn interval(slo: &SloResult) -> String {
    let (Some(measured), Some((low, high))) = (slo.measured, slo.interval) else {
        return figures::NOTHING.to_owned();
    };
    match measured {
        Measured::Millis(_) => span(&figures::millis(low), &figures::millis(high)),
        Measured::BadShare(_) | Measured::GoodShare(_) | Measured::GoodWindows(_) => {
            span(&figures::share(low), &figures::share(high))
        }
    }
}

/// `1.2 – 1.4 ms`: the unit once if both have the same.
pub(super) fn span(low: &str, high: &str) -> String {
    let unit = |text: &str| text.rsplit_once(' ').map(|(_, unit)| unit.to_owned());
    match low.rsplit_once(' ') {
        Some((number, of_low)) if unit(high).as_deref() == Some(of_low) => {
            format!("{number} – {high}")
        }
        _ => format!("{low} – {high}"),
    }
}

/// The limit in the unit of what was measured.
pub(super) fn limit(slo: &SloResult) -> String {
    match slo.measured {
        Some(Measured::Millis(_)) => figures::short_millis(slo.limit),
        Some(Measured::BadShare(_) | Measured::GoodShare(_) | Measured::GoodWindows(_)) => {
            figures::share(slo.limit)
        }
        None => figures::NOTHING.to_owned(),
    }
}

/// What is to be said of objectives, each with those of whom it is said: `p99 < 500ms`, or
/// `10 objectives` where it is the same for several.
pub(super) fn notes(slos: &[SloResult]) -> Vec<(String, String)> {
    let mut notes: Vec<(String, usize, String)> = Vec::new();
    for slo in slos {
        let Some(note) = slo.note.as_deref().map(plain::line) else { continue };
        match notes.iter_mut().find(|(_, _, known)| *known == note) {
            Some((_, objectives, _)) => *objectives += 1,
            None => notes.push((objective(slo), 1, note)),
        }
    }
    let who = |first: String, objectives: usize| match objectives {
        1 => first,
        many => format!("{} objectives", figures::count(many as u64)),
    };
    notes.into_iter().map(|(first, many, note)| (who(first, many), note)).collect()
}

/// `bad 22 of 6,012`.
pub(super) fn evidence(slo: &SloResult) -> String {
    format!("{} bad of {}", figures::count(slo.bad), figures::count(slo.requests))
}

/// `generator-induced error of p95 ≤ 0.4 %, p99 ≤ 1.3 %`; the widest where several
/// objectives gate the same quantile.
pub(super) fn audit(assessment: &Assessment) -> Option<String> {
    let mut widest: Vec<(f64, f64)> = Vec::new();
    for error in assessment.slos.iter().filter_map(|slo| slo.generator_error) {
        match widest.iter_mut().find(|(quantile, _)| quantile.total_cmp(&error.quantile).is_eq()) {
            Some((_, relative)) => *relative = relative.max(error.relative),
            None => widest.push((error.quantile, error.relative)),
        }
    }
    widest.sort_by(|a, b| a.0.total_cmp(&b.0));
    let parts = widest.iter().map(|(quantile, relative)| {
        format!("{} ≤ {}", figures::quantile(*quantile), figures::share(*relative))
    });
    let parts: Vec<String> = parts.collect();
    // What it could change is judged per objective, and would be in the verdict.
    let is_harmless = assessment.slos.iter().all(|slo| slo.status != SloStatus::Invalid);
    let weight = if is_harmless { "; it does not change the verdict" } else { "" };
    (!parts.is_empty()).then(|| format!("generator-induced error of {}{weight}", parts.join(", ")))
}

/// `send lag p99 0.12 ms, max 2.1 ms`.
pub(super) fn send_lag(assessment: &Assessment) -> Option<String> {
    let lag = assessment.total.send_lag?;
    Some(format!("send lag p99 {}, max {}", figures::millis(lag.p99), figures::millis(lag.max)))
}

/// `receive lag p99 0.05 ms, max 1.4 ms, left out of all times`.
pub(super) fn receive_lag(assessment: &Assessment) -> Option<String> {
    let lag = assessment.total.receive_lag?;
    let [p99, max] = [lag.p99, lag.max].map(figures::millis);
    Some(format!("receive lag p99 {p99}, max {max}, not part of any time above"))
}

/// `first byte p50 1.2 ms, p99 4.1 ms; connecting p99 0.3 ms for 12 requests; name look-up
/// 0.4 ms`: what a request's time was made of, where that happened.
pub(super) fn phases(report: &Report) -> Option<String> {
    let total = &report.assessment.total;
    let first_byte = total.first_byte.map(|times| {
        let [p50, p99] = [times.p50, times.p99].map(figures::millis);
        format!("first byte p50 {p50}, p99 {p99} after sending")
    });
    let connect = total.connect.map(|times| {
        let [p99, count] = [figures::millis(times.p99), figures::count(times.count)];
        format!("connecting p99 {p99} for the {count} requests that had to")
    });
    let lookup = report.record.head.lookup_ms;
    let lookup = lookup.map(|millis| format!("name look-up {}", figures::millis(millis)));
    let parts: Vec<String> = [first_byte, connect, lookup].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// A step's requests, rate, p50, p95, p99, longest response time and errors.
pub(super) fn step(step: &Summary) -> [String; 7] {
    let time = |pick: fn(&Times) -> f64| {
        step.response.as_ref().map_or(figures::NOTHING.to_owned(), |t| figures::millis(pick(t)))
    };
    [
        figures::count(step.counts.ended()),
        figures::rate(step.offered_rate),
        time(|t| t.p50),
        time(|t| t.p95),
        time(|t| t.p99),
        time(|t| t.max),
        figures::share(step.error_rate),
    ]
}

/// `p50 12 ms, p99 80 ms, max 312 ms`: how long answered failures took.
pub(super) fn failed(summary: &Summary) -> Option<String> {
    let times = summary.failed?;
    let [p50, p99, max] = [times.p50, times.p99, times.max].map(figures::millis);
    Some(format!("p50 {p50}, p99 {p99}, max {max}"))
}

/// `note`, `warning`, `rules out a pass`, `invalidates the run`.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Withholds => "rules out a pass",
        Severity::Invalidates => "invalidates the run",
    }
}

/// Which seconds were judged, and why those.
pub(super) fn window(window: &Window) -> String {
    let warmup = match window.warmup {
        Warmup::Declared => "after the scenario's warm-up",
        Warmup::Default => "after the default warm-up",
        Warmup::Detected => "after a warm-up that ended when the response times had settled",
        Warmup::None => "without a warm-up",
    };
    let seconds = figures::seconds(f64::from(window.seconds()));
    format!("{seconds}, from second {} to {}, {warmup}", window.from, window.to)
}

/// Whether what was judged holds still.
pub(super) fn steadiness(steady: Steadiness) -> String {
    match steady {
        Steadiness::Steady => "steady".to_owned(),
        Steadiness::Drifting { ratio } => format!(
            "drifting: the response time at the end is {} times that at the start",
            figures::number(ratio)
        ),
        Steadiness::NotExamined => "not examined".to_owned(),
    }
}

/// A name, what is known of it, and how it is written.
type SaturationRow = (&'static str, Option<MeanMax>, fn(f64) -> String);

/// Saturation as rows of name, mean and highest second.
pub(super) fn saturation(saturation: &Saturation) -> Vec<(&'static str, String, String)> {
    let rows: [SaturationRow; 9] = [
        ("target CPU", saturation.target_cpu, cores),
        ("target memory", saturation.target_rss, figures::bytes),
        (event_loop_delay(saturation), saturation.event_loop_delay, figures::millis),
        ("target descriptors", saturation.descriptors, figures::number),
        ("pool in use", saturation.pool_in_use, figures::number),
        ("pool waiting", saturation.pool_waiting, figures::number),
        ("generator CPU", saturation.generator_cpu, cores),
        ("machine busy", saturation.machine_busy, figures::share),
        ("requests in flight", saturation.in_flight, figures::number),
    ];
    rows.into_iter()
        .filter_map(|(name, value, write)| value.map(|v| (name, write(v.mean), write(v.max))))
        .collect()
}

/// The name says which of a second's delays it is; the whole series is in `summary.json`.
fn event_loop_delay(saturation: &Saturation) -> &'static str {
    match saturation.event_loop_series.as_deref() {
        Some(series) if series.contains("_max") => "event-loop delay (max)",
        Some(series) if series.contains("p99") => "event-loop delay (p99)",
        Some(series) if series.contains("p90") => "event-loop delay (p90)",
        Some(_) | None => "event-loop delay",
    }
}

fn cores(value: f64) -> String {
    format!("{} cores", figures::number(value))
}

/// `38 µs of generator CPU per request`.
pub(super) fn cost(saturation: &Saturation) -> Option<String> {
    let micros = saturation.generator_micros_per_request?;
    Some(format!("{} of generator CPU per request", figures::millis(micros / 1e3)))
}

/// `connection refused 12, connection reset 3`.
pub(super) fn causes(counts: &Counts) -> Option<String> {
    let parts = counts.causes.iter().map(|(name, n)| format!("{name} {}", figures::count(*n)));
    joined(parts)
}

/// `3, as the target had just closed their connection`, if any was.
pub(super) fn repeats(counts: &Counts) -> Option<String> {
    (counts.repeats > 0).then(|| {
        format!(
            "{}, as the target had just closed their connection",
            figures::count(counts.repeats)
        )
    })
}

/// `200 × 5,990, 503 × 22`.
pub(super) fn statuses(counts: &Counts) -> Option<String> {
    let parts = counts.statuses.iter().map(|(code, n)| format!("{code} × {}", figures::count(*n)));
    joined(parts)
}

fn joined(parts: impl Iterator<Item = String>) -> Option<String> {
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// How the run ended.
pub(super) fn ending(record: &RunRecord) -> String {
    let Some(End { reason, .. }) = &record.end else {
        return "unknown: the generator was stopped before it could say".to_owned();
    };
    match reason {
        EndReason::Finished => "the schedule was done".to_owned(),
        EndReason::Interrupted { signal } => format!("interrupted by signal {signal}"),
        EndReason::Hopeless { detail } => {
            format!("ended early, as it could not work: {}", plain::line(detail))
        }
        EndReason::TargetDied { detail } => format!("the target died: {}", plain::line(detail)),
    }
}

/// `60 s at 100/s`, `30 s from 0/s to 200/s, warm-up`.
pub(super) fn stage(stage: &StageHead) -> String {
    let length = figures::seconds(stage.seconds);
    let warmup = if stage.warmup { ", warm-up" } else { "" };
    if stage.from.total_cmp(&stage.to).is_eq() {
        return format!("{length} at {}{warmup}", figures::rate(stage.from));
    }
    format!("{length} from {} to {}{warmup}", figures::rate(stage.from), figures::rate(stage.to))
}

/// `Poisson`.
pub(super) fn arrivals(process: ArrivalProcess) -> &'static str {
    match process {
        ArrivalProcess::Poisson => "Poisson",
        ArrivalProcess::Uniform => "uniform",
    }
}

/// `4,805 of 4,808 completed`.
pub(super) fn iterations(record: &RunRecord) -> Option<String> {
    let end = record.end.as_ref()?;
    let [completed, all] = [end.iterations_completed, end.iterations].map(figures::count);
    Some(format!("{completed} of {all} completed"))
}

/// How many requests were given up at the end, if any.
pub(super) fn abandoned(record: &RunRecord) -> Option<String> {
    let abandoned = record.end.as_ref()?.abandoned;
    (abandoned > 0).then(|| figures::count(abandoned))
}
