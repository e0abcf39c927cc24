//! What there is to say of one run: load, window, lags, causes, how it ended.

use crate::analysis::assessment::{
    Assessment, Counts, Saturation, SloStatus, Steadiness, Summary, Warmup, Window,
};
use crate::analysis::gauges::MeanMax;
use crate::record::phase::Phase;
use crate::record::run::{End, EndReason, Head, Revision, RunRecord, StageHead};
use crate::report::document::medium::Shown;
use crate::report::document::quantity::Quantity;
use crate::report::figures;
use crate::report::phrases::gauges::{self, Level};
use crate::scenario::load::{ArrivalProcess, Crowd};
use crate::units::order;

/// `60 s at 100/s`.
pub(in crate::report) fn load(assessment: &Assessment) -> String {
    let seconds = figures::seconds(f64::from(assessment.window.seconds()));
    format!("{seconds} at {}", figures::rate(assessment.total.offered_rate))
}

/// `6,012 requests`.
pub(in crate::report) fn requests(assessment: &Assessment) -> String {
    let ended = assessment.total.counts.ended();
    format!("{} request{}", figures::count(ended), if ended == 1 { "" } else { "s" })
}

/// `generator-induced error of p95 ≤ 0.4 %, p99 ≤ 1.3 %`; the widest where several
/// objectives gate the same quantile.
pub(in crate::report) fn audit(assessment: &Assessment) -> Option<String> {
    let mut widest: Vec<(f64, f64)> = Vec::new();
    for error in assessment.slos.iter().filter_map(|slo| slo.generator_error) {
        match widest.iter_mut().find(|(quantile, _)| quantile.total_cmp(&error.quantile).is_eq()) {
            Some((_, relative)) => *relative = relative.max(error.relative),
            None => widest.push((error.quantile, error.relative)),
        }
    }
    order::by(&mut widest, |a, b| a.0.total_cmp(&b.0));
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
pub(in crate::report) fn send_lag(assessment: &Assessment) -> Option<String> {
    let lag = assessment.total.times[Phase::SendLag]?;
    Some(format!("send lag p99 {}, max {}", figures::millis(lag.p99), figures::millis(lag.max)))
}

/// `receive lag p99 0.05 ms, max 1.4 ms, left out of all times`.
pub(in crate::report) fn receive_lag(assessment: &Assessment) -> Option<String> {
    let lag = assessment.total.times[Phase::ReceiveLag]?;
    let [p99, max] = [lag.p99, lag.max].map(figures::millis);
    Some(format!("receive lag p99 {p99}, max {max}, not part of any time above"))
}

/// `first byte p50 1.2 ms, p99 4.1 ms; connecting p99 0.3 ms for 12 requests; first event p50
/// 2.1 ms, p99 6 ms after it was due; name look-up 0.4 ms`: what a request's time was made of, where that happened.
pub(in crate::report) fn phases(record: &RunRecord, total: &Summary) -> Option<String> {
    let first_byte = total.times[Phase::FirstByte].map(|times| {
        let [p50, p99] = [times.p50, times.p99].map(figures::millis);
        format!("first byte p50 {p50}, p99 {p99} after sending")
    });
    let connect = total.times[Phase::Connect].map(|times| {
        let (p99, requests) = (figures::millis(times.p99), times.count as usize);
        format!(
            "connecting p99 {p99} for the {} that had to",
            figures::counted(requests, "request")
        )
    });
    let streams = [
        (Phase::FirstEvent, "first event", " after it was due"),
        (Phase::EventGap, "between events", ""),
        (Phase::RoundTrip, "message round trip", ""),
    ];
    let streams = streams.into_iter().filter_map(|(phase, name, since)| {
        let times = total.times[phase]?;
        let [p50, p99] = [times.p50, times.p99].map(figures::millis);
        Some(format!("{name} p50 {p50}, p99 {p99}{since}"))
    });
    let redirects = total.times[Phase::Redirect].map(|times| {
        let [p50, p99] = [times.p50, times.p99].map(figures::millis);
        let count = figures::counted(times.count as usize, "redirect");
        format!("{count} followed, each p50 {p50}, p99 {p99}")
    });
    let lookup = record.head.lookup_ms;
    let lookup = lookup.map(|millis| format!("name look-up {}", figures::millis(millis)));
    let parts =
        [first_byte, connect].into_iter().flatten().chain(streams).chain(redirects).chain(lookup);
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// `HTTP/2, up to 100 requests at a time on a connection`; nothing of HTTP/1.1.
pub(in crate::report) fn protocol(head: &Head) -> Option<String> {
    let streams = head.limits.streams?;
    let requests = figures::counted(streams as usize, "request");
    Some(format!("HTTP/2, up to {requests} at a time on a connection"))
}

/// `127.0.0.1:3000, the first of 2 that accepted`: which of the addresses of the target's name were
/// used, where there was a choice.
pub(in crate::report) fn addresses(record: &RunRecord) -> Option<String> {
    let head = record.head.addresses.as_ref()?;
    let later = record.end.iter().flat_map(|end| &end.later_addresses);
    let later: Vec<&str> = later.map(String::as_str).collect();
    let used = head.used.join(", ");
    Some(match (head.used.len(), later.as_slice()) {
        (2.., _) => format!("{used}, in turn"),
        (_, []) if head.found > 1 => format!("{used}, the first of {} that accepted", head.found),
        (_, []) => format!("{used}, looked up again once a second"),
        (_, later) => format!("{used}, later {}", later.join(", ")),
    })
}

/// `1a2b3c4 Fix the cache (on main, with changes that are not committed)`.
pub(in crate::report) fn revision(revision: &Revision) -> String {
    let branch = revision.branch.as_ref().map(|branch| format!("on {branch}"));
    let changes = revision.has_changes.then(|| "with changes that are not committed".to_owned());
    let more: Vec<String> = branch.into_iter().chain(changes).collect();
    if more.is_empty() {
        return revision.commit.clone();
    }
    format!("{} ({})", revision.commit, more.join(", "))
}

/// `p50 12 ms, p99 80 ms, max 312 ms`: how long answered failures took.
pub(in crate::report) fn failed(summary: &Summary) -> Option<String> {
    let times = summary.times[Phase::Failed]?;
    let [p50, p99, max] = [times.p50, times.p99, times.max].map(figures::millis);
    Some(format!("p50 {p50}, p99 {p99}, max {max}"))
}

/// Which seconds were judged, and why those.
pub(in crate::report) fn window(window: &Window) -> String {
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
pub(in crate::report) fn steadiness(steady: Steadiness) -> String {
    match steady {
        Steadiness::Steady => "steady".to_owned(),
        Steadiness::Drifting { ratio } => format!(
            "drifting: the response time at the end is {} times that at the start",
            figures::number(ratio)
        ),
        Steadiness::NotExamined => "not examined".to_owned(),
    }
}

/// How full target and generator were.
pub(in crate::report) fn saturation(saturation: &Saturation) -> Vec<Level> {
    type Row = (&'static str, Option<MeanMax>, fn(f64) -> Quantity);
    let rows: [Row; 3] = [
        ("generator CPU", saturation.generator_cpu, Quantity::Cores),
        ("machine busy", saturation.machine_busy, Quantity::Share),
        ("requests in flight", saturation.in_flight, Quantity::Number),
    ];
    let others = rows.into_iter().filter_map(|(name, value, of)| {
        value.map(|value| Level {
            name: name.to_owned(),
            mean: of(value.mean),
            highest: of(value.max),
            shown: Shown::Everywhere,
        })
    });
    saturation.target.0.iter().filter_map(gauges::level).chain(others).collect()
}

/// `100/s offered, 100/s answered, 98/s ok`.
pub(in crate::report) fn rates(total: &Summary) -> String {
    let [offered, answered, ok] =
        [total.offered_rate, total.throughput, total.goodput].map(figures::rate);
    format!("{offered} offered, {answered} answered, {ok} ok")
}

/// `6,009 ok, 3 server error`.
pub(in crate::report) fn outcomes(counts: &Counts) -> Option<String> {
    let outcomes = counts.outcomes.iter();
    joined(outcomes.map(|(outcome, n)| format!("{} {}", figures::count(*n), outcome.name())))
}

/// `38 µs of generator CPU per request`.
pub(in crate::report) fn cost(saturation: &Saturation) -> Option<String> {
    let micros = saturation.generator_micros_per_request?;
    Some(format!("{} of generator CPU per request", figures::millis(micros / 1e3)))
}

/// `connection refused 12, connection reset 3`.
pub(in crate::report) fn causes(counts: &Counts) -> Option<String> {
    let parts = counts.causes.iter().map(|(name, n)| format!("{name} {}", figures::count(*n)));
    joined(parts)
}

/// `3, as the target had just closed their connection`, if any was.
pub(in crate::report) fn repeats(counts: &Counts) -> Option<String> {
    (counts.repeats > 0).then(|| {
        format!(
            "{}, as the target had just closed their connection",
            figures::count(counts.repeats)
        )
    })
}

/// `200 × 5,990, 503 × 22`.
pub(in crate::report) fn statuses(counts: &Counts) -> Option<String> {
    let parts = counts.statuses.iter().map(|(code, n)| format!("{code} × {}", figures::count(*n)));
    joined(parts)
}

fn joined(parts: impl Iterator<Item = String>) -> Option<String> {
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// How the run ended.
pub(in crate::report) fn ending(record: &RunRecord) -> String {
    let Some(End { reason, .. }) = &record.end else {
        return "unknown: the generator was stopped before it could say".to_owned();
    };
    match reason {
        EndReason::Finished => "the schedule was done".to_owned(),
        EndReason::RowsUsed { data } => {
            format!("each row of \"{data}\" was used, and the scenario says to stop then")
        }
        EndReason::Interrupted { signal } => format!("interrupted by signal {signal}"),
        EndReason::Hopeless { detail } => {
            format!("ended early, as it could not work: {detail}")
        }
        EndReason::FailedFast { detail } => {
            format!("ended early, as --fail-fast has it: {detail}")
        }
        EndReason::GeneratorLost { detail } => format!("ended early: {detail}"),
        EndReason::TargetDied { detail } => format!("the target died: {detail}"),
    }
}

/// `60 s at 100/s`, `30 s from 0/s to 200/s, warm-up`.
pub(in crate::report) fn stage(stage: &StageHead) -> String {
    let length = figures::seconds(stage.seconds);
    let warmup = if stage.warmup { ", warm-up" } else { "" };
    if let Some(Crowd { from, to }) = stage.users {
        let [first, last] = [from, to].map(|users| figures::count(u64::from(users)));
        let users = if from == to { first } else { format!("{first} to {last}") };
        return format!("{length} with {users} users{warmup}");
    }
    if stage.from.total_cmp(&stage.to).is_eq() {
        return format!("{length} at {}{warmup}", figures::rate(stage.from));
    }
    format!("{length} from {} to {}{warmup}", figures::rate(stage.from), figures::rate(stage.to))
}

/// `Poisson`.
pub(in crate::report) fn arrivals(process: ArrivalProcess) -> &'static str {
    match process {
        ArrivalProcess::Poisson => "Poisson",
        ArrivalProcess::Uniform => "uniform",
    }
}

/// `4,805 of 4,808 completed`.
pub(in crate::report) fn iterations(record: &RunRecord) -> Option<String> {
    let end = record.end.as_ref()?;
    let [completed, all] = [end.iterations_completed, end.iterations].map(figures::count);
    Some(format!("{completed} of {all} completed"))
}

/// How many requests were given up at the end, if any.
pub(in crate::report) fn abandoned(record: &RunRecord) -> Option<String> {
    let abandoned = record.end.as_ref()?.abandoned;
    (abandoned > 0).then(|| figures::count(abandoned))
}
