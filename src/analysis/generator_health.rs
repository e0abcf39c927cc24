//! Doubts about the generator's own world: that it stood still, that clocks jumped, that it
//! does not know when responses came, that the machine was too small for the plan.

use crate::analysis::assessment::{Finding, Severity};
use crate::analysis::finding::{finding, tightest_limit};
use crate::analysis::lateness;
use crate::analysis::number_format::{count, counted, millis, percent};
use crate::analysis::run_data::RunData;
use crate::record::run::{MetricHead, SloHead};

/// A tick that is late by so much is worth a warning, in milliseconds.
const LONG_STALL: f64 = 100.0;
/// A shorter one is worth a note from here on, if it is also this part of the tightest limit.
const SHORT_STALL: f64 = 10.0;
const STALL_OF_LIMIT: f64 = 0.1;
/// A clock that moved by more than this voids the run, in milliseconds.
const CLOCK_JUMP: f64 = 100.0;
/// Fewer missing stamps are of no interest.
const FEW_UNSTAMPED: f64 = 0.001;

/// The longest that the generator stood still. It voids nothing by itself: what was due
/// meanwhile carries its lag, and the objectives ask whether that decides.
pub fn stall(data: &RunData) -> Option<Finding> {
    // The tick that tells of a stall comes after it, perhaps after the schedule's end.
    let since = || data.record.generator.iter().filter(|s| s.second >= data.judged.from);
    let longest = since().max_by_key(|second| second.canary_late_max_ns)?;
    let late = longest.canary_late_max_ns as f64 / 1e6;
    let limit = tightest_of_all(data);
    if late < LONG_STALL && (late < SHORT_STALL || late < STALL_OF_LIMIT * limit) {
        return None;
    }
    let ticks: u64 = since().map(|second| second.late_ticks[1]).sum();
    let severity = if late < LONG_STALL { Severity::Note } else { Severity::Warning };
    let evidence = format!(
        "the generator stood still for {} in second {}; {} of its 10-ms clock came more than \
         10 ms late",
        millis(late),
        longest.second,
        counted(ticks, "tick"),
    );
    let advice = "give the generator a core of its own; what was due meanwhile was sent late, \
                  all at once";
    Some(finding("stall", severity, evidence, advice))
}

/// The tightest limit of all objectives in milliseconds: those about failures have the
/// shortest time limit of a step.
fn tightest_of_all(data: &RunData) -> f64 {
    let head = &data.record.head;
    let is_failures = |slo: &SloHead| matches!(slo.metric, MetricHead::Failures(_));
    let times = tightest_limit(data).unwrap_or(f64::MAX);
    let shortest = head.steps.iter().map(|step| step.timeout_ms).min();
    match shortest.filter(|_| head.slos.iter().any(is_failures)) {
        Some(shortest) => times.min(shortest as f64),
        None => times,
    }
}

/// The wall clock was set, or the machine was suspended.
pub fn clock_jump(data: &RunData) -> Option<Finding> {
    let longest = data.generator().max_by_key(|second| second.clock_jump_ns)?;
    let jump = longest.clock_jump_ns as f64 / 1e6;
    (jump > CLOCK_JUMP).then(|| {
        let evidence = format!(
            "the machine's clocks moved against each other by {} in second {}: a clock was set, \
             or the machine slept",
            millis(jump),
            longest.second
        );
        let advice = "run again; keep the machine awake, and let its clock be slewed, not set";
        finding("clock_jump", Severity::Invalidates, evidence, advice)
    })
}

/// Responses whose end is not the moment at which they came.
pub fn receive_lag(data: &RunData) -> Option<Finding> {
    let (missing, answered) = lateness::unstamped(data);
    let by_choice = data.record.head.environment.receive_clock == "generator";
    let is_known = data.record.head.environment.receive_clock == "kernel";
    let some_missing = is_known && missing as f64 > FEW_UNSTAMPED * answered as f64;
    if !by_choice && !some_missing || answered == 0 {
        return None;
    }
    let late = data.generator().map(|s| s.canary_late_max_ns).max().unwrap_or(0) as f64 / 1e6;
    let what = if by_choice {
        "responses end when the generator read them".to_owned()
    } else {
        let share = percent(missing as f64 / answered as f64);
        format!("the kernel stamped all but {} responses ({share})", count(missing))
    };
    let grave = late > STALL_OF_LIMIT * tightest_limit(data).unwrap_or(f64::MAX);
    let severity = if grave { Severity::Warning } else { Severity::Note };
    let evidence = format!("{what}; it was up to {} late", millis(late));
    let advice = "let the kernel stamp them (--receive-clock kernel, on Linux): then a late \
                  generator does not make the target slower";
    Some(finding("receive_lag", severity, evidence, advice))
}

/// What was found wanting before the first request.
pub fn preparations(data: &RunData) -> Option<Finding> {
    let warnings = &data.record.head.environment.warnings;
    (!warnings.is_empty()).then(|| {
        let advice = "raise what is too small, or lower the plan";
        finding("preparations", Severity::Warning, warnings.join("; "), advice)
    })
}
