//! Judges a soak: does anything leak or drift that should stay as it is?
//!
//! A run, its assessment and what was asked come in, a [`SoakAssessment`] goes out. The method
//! is that of METHODS §7: least values of windows, Theil and Sen's slope within parts of the
//! same processes, and a leak where its lower bound of 99 % is above the limit. Whoever cannot
//! see a leak never says that there is none.

pub mod found;
pub mod messages;
mod others;
mod parts;
mod slope;
mod trend;
mod windows;

use crate::analysis::assessment::{Assessment, Finding, Severity, Verdict};
use crate::analysis::finding::finding;
use crate::analysis::number_format;
use crate::analysis::soak::found::{
    Began, Grows, Growth, Metric, Role, SoakAssessment, Stretch, ToLimit, Trend,
};
use crate::analysis::soak::parts::WINDOWS_NEEDED;
use crate::analysis::soak::trend::{Frame, METRICS};
use crate::analysis::soak::windows::Grid;
use crate::analysis::verdict::{Ground, decide};
use crate::analysis::window::measured_seconds;
use crate::record::run::RunRecord;
use crate::record::soak::SoakFile;
use crate::units::order;

/// More windows than these are put together, so that their pairs take no minutes.
const MOST_WINDOWS: u32 = 600;
/// A target of whose requests more fail does not do the work that would leak.
const MOST_FAILED: f64 = 0.1;

/// Judges a soak. Pure: the same record always has the same assessment.
pub fn assess(record: &RunRecord, run: &Assessment, asked: &SoakFile) -> SoakAssessment {
    let width = width(record, asked);
    let parts = parts::parts(record, width);
    let starts: Vec<u32> = parts.iter().flat_map(|part| parts::windows(part, width)).collect();
    let grid = Grid { starts: &starts, width };
    let frame = Frame { parts: &parts, starts: &starts, width, asked };
    let trends = trends(record, grid, frame);
    let failing = failing(run);
    let grows = grows(&trends);
    let to_limit = to_limit(record, grid, asked, &trends);
    SoakAssessment {
        verdict: decide(grounds(run, &trends, failing.is_some())),
        grows,
        reasons: reasons(run, &trends, failing, width),
        findings: findings(&parts, &trends),
        window_seconds: width,
        windows_needed: WINDOWS_NEEDED,
        memory_limit: asked.memory_limit,
        to_limit,
        trends,
        parts,
        starts,
    }
}

/// The run's assessment with the verdict, the reasons and the findings of both.
pub fn with_run(run: Assessment, soak: &SoakAssessment) -> Assessment {
    let mut findings = run.findings;
    // It says that a run this short cannot tell; a soak does.
    findings.retain(|finding| finding.kind != "memory_grows");
    findings.extend(soak.findings.iter().cloned());
    order::by_key(&mut findings, |finding| std::cmp::Reverse(finding.severity));
    Assessment { verdict: soak.verdict, reasons: soak.reasons.clone(), findings, ..run }
}

/// So long, in seconds, must a run be for a verdict about leaks.
pub fn seconds_needed(window: u32) -> f64 {
    parts::seconds_for(WINDOWS_NEEDED as f64, window)
}

/// How memory has grown so far, by the least values of windows one after the other: per hour,
/// with its bounds. For whoever watches a run.
pub fn so_far(minima: &[f64], window: u32) -> Option<(f64, Option<f64>, Option<f64>)> {
    let points = minima.iter().enumerate();
    let points = points.map(|(index, value)| (index as f64 * f64::from(window), *value)).collect();
    let found = slope::slope(&[points])?;
    let hourly = |slope: f64| slope * 3_600.0;
    Some((hourly(found.value), found.low.map(hourly), found.high.map(hourly)))
}

/// The width of a window, which a long run has wider than was asked for.
fn width(record: &RunRecord, asked: &SoakFile) -> u32 {
    let seconds = measured_seconds(record).ceil() as u32;
    let asked = asked.window_seconds.max(1);
    asked * seconds.div_ceil(asked).div_ceil(MOST_WINDOWS).max(1)
}

fn trends(record: &RunRecord, grid: Grid<'_>, frame: Frame<'_>) -> Vec<Trend> {
    let requests = grid.requests(record);
    let values = |metric| match metric {
        Metric::P50 => requests.p50.clone(),
        Metric::P99 => requests.p99.clone(),
        Metric::ErrorRate => requests.errors.clone(),
        Metric::Memory
        | Metric::Heap
        | Metric::Descriptors
        | Metric::Threads
        | Metric::EventLoopDelay
        | Metric::GeneratorMemory
        | Metric::GeneratorDescriptors
        | Metric::GeneratorCpu => grid.sampled(record, metric),
    };
    let others = others::shares(record, grid);
    let trend = |metric| others::explained(frame.trend(metric, values(metric)), &others, frame);
    METRICS.into_iter().map(trend).collect()
}

/// What a pass needs to know of: memory always, the others where they were seen.
fn gates(trend: &Trend) -> bool {
    let is_seen = trend.growth != Growth::NotSeen;
    trend.role == Role::Gates && (is_seen || trend.metric == Metric::Memory)
}

/// What a pass needs to know and nobody knows.
fn is_open(trend: &Trend) -> bool {
    (gates(trend) && trend.growth != Growth::Holds) || trend.growth == Growth::Disturbed
}

fn grounds(run: &Assessment, trends: &[Trend], is_failing: bool) -> Vec<Ground> {
    let own = match run.verdict {
        Verdict::Pass => None,
        Verdict::SloMissed => Some(Ground::Missed),
        Verdict::Regressed => Some(Ground::Regressed),
        Verdict::Inconclusive => Some(Ground::Undecided),
        Verdict::Invalid => Some(Ground::Void),
        Verdict::TargetLost => Some(Ground::Lost),
    };
    let is_open = is_failing || trends.iter().any(is_open);
    let grown = grows(trends).map(|_| Ground::Missed);
    own.into_iter().chain(grown).chain(is_open.then_some(Ground::Undecided)).collect()
}

/// What grows of the target; a leak before a drift.
fn grows(trends: &[Trend]) -> Option<Grows> {
    let grown = trends.iter().filter(|trend| trend.growth == Growth::Grows);
    let kinds: Vec<Grows> = grown.filter_map(|trend| messages::kind(trend.role)).collect();
    [Grows::Leak, Grows::Drift].into_iter().find(|kind| kinds.contains(kind))
}

/// Why a target that mostly fails has no verdict about leaks.
fn failing(run: &Assessment) -> Option<String> {
    let share = run.total.error_rate;
    (share > MOST_FAILED).then(|| {
        format!(
            "{} of all requests failed: what does not do its work does not show what it leaks",
            number_format::percent(share)
        )
    })
}

/// What voids a run comes first, then what grows, then its objectives, then what is open.
fn reasons(run: &Assessment, trends: &[Trend], failing: Option<String>, width: u32) -> Vec<String> {
    let of_target = trends.iter().filter(|trend| trend.role != Role::Generator);
    let grown = of_target.filter(|trend| trend.growth == Growth::Grows);
    let grown: Vec<String> = grown.filter_map(messages::grows).collect();
    let gates: Vec<&Trend> = trends.iter().filter(|trend| gates(trend)).collect();
    let mut open: Vec<String> = failing.into_iter().collect();
    open.extend(
        trends.iter().filter(|it| is_open(it)).filter_map(|trend| messages::open(trend, width)),
    );
    let own = run.reasons.iter().cloned();
    if matches!(run.verdict, Verdict::TargetLost | Verdict::Invalid) {
        return own.chain(grown).chain(open).collect();
    }
    if !grown.is_empty() || !open.is_empty() {
        let own = own.filter(|_| run.verdict != Verdict::Pass);
        return grown.into_iter().chain(own).chain(open).collect();
    }
    std::iter::once(messages::holds(gates.into_iter())).chain(own).collect()
}

fn findings(parts: &[Stretch], trends: &[Trend]) -> Vec<Finding> {
    let at = |part: &Stretch| number_format::seconds(f64::from(part.from));
    let changed = parts
        .iter()
        .filter(|part| matches!(part.began, Began::ProcessesChanged | Began::TargetRestarted));
    let changed: Vec<&Stretch> = changed.collect();
    let restarted = changed.first().map(|first| {
        let evidence = format!(
            "{} after {}{}; slopes are compared before and after it, not across",
            messages::began(first),
            at(first),
            match changed.len() {
                1 => String::new(),
                times => format!(", and {} more", number_format::counted(times as u64 - 1, "time")),
            }
        );
        let advice = "find out why: a process that is replaced in time hides what it leaks";
        finding("processes_changed", Severity::Warning, evidence, advice)
    });
    let resumed = parts.iter().filter(|part| matches!(part.began, Began::Resumed { .. }));
    let resumed = resumed.map(|part| {
        let evidence = format!("{} at {} of the schedule", messages::began(part), at(part));
        let advice = "the gap is neither load nor failure; each part warms up by itself";
        finding("resumed", Severity::Note, evidence, advice)
    });
    let own = trends.iter().filter(|it| it.role == Role::Generator && it.growth == Growth::Grows);
    let own = own.map(|trend| {
        let per_hour = trend.low.map(|low| messages::growth(trend, low)).unwrap_or_default();
        let evidence = format!("{} grows by {per_hour} at least", trend.name);
        let advice = "this is loadgate's own growth: please report it with the run folder";
        finding("generator_grows", Severity::Warning, evidence, advice)
    });
    restarted.into_iter().chain(resumed).chain(own).collect()
}

/// When memory reaches its limit: at the top of what it goes up and down by.
fn to_limit(
    record: &RunRecord,
    grid: Grid<'_>,
    asked: &SoakFile,
    trends: &[Trend],
) -> Option<ToLimit> {
    let most = asked.memory_limit?.bytes as f64;
    let memory = trends.iter().find(|trend| trend.metric == Metric::Memory)?;
    if matches!(memory.growth, Growth::TooFew | Growth::NotSeen) {
        return None;
    }
    let (least, ..) = memory.fitted.iter().rev().flatten().next()?;
    let from = least + grid.memory_swing(record)?;
    let hours = |slope: Option<f64>| {
        slope.filter(|slope| *slope > 0.0).map(|slope| ((most - from) / slope).max(0.0))
    };
    Some(ToLimit {
        hours: hours(memory.per_hour),
        earliest: hours(memory.high),
        latest: hours(memory.low),
        from,
    })
}

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
