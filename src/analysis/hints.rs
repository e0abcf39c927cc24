//! What was full when an objective was missed: hints at the cause, never a verdict.

use crate::analysis::assessment::{Finding, Saturation, Severity};
use crate::analysis::finding::finding;
use crate::analysis::gauges::MeanMax;
use crate::analysis::number_format::{millis, percent};
use crate::analysis::run_data::RunData;
use crate::analysis::saturation::saturation;
use crate::record::gauge;

/// From this share on something counts as full.
const FULL: f64 = 0.9;
/// Event-loop delays that requests feel, on average over the seconds, in milliseconds.
const LONG_DELAY: f64 = 50.0;

/// What of the target was full over the judged seconds.
pub fn saturated(data: &RunData) -> Vec<Finding> {
    let seen = saturation(data);
    // How many the target's own machine has, nobody knows.
    let is_here = !data.record.is_watched_elsewhere();
    let cores = if is_here { f64::from(data.record.head.environment().cores) } else { 0.0 };
    [event_loop(&seen), whole_machine(&seen, cores), pool(&seen)].into_iter().flatten().collect()
}

/// Node runs a program on one thread: near one core it can do no more.
fn event_loop(seen: &Saturation) -> Option<Finding> {
    let MeanMax { mean: delay, max } = seen.target.of(&gauge::EVENT_LOOP_DELAY)?;
    let cpu = seen.target.of(&gauge::CPU).map(|cpu| cpu.mean);
    let one_core = cpu.is_some_and(|cpu| cpu >= FULL);
    (one_core || delay >= LONG_DELAY).then(|| {
        let used = cpu.map_or_else(String::new, |cpu| {
            format!(", the target used {} of a core", percent(cpu))
        });
        let series = seen.target.series(&gauge::EVENT_LOOP_DELAY);
        let series = series.map_or_else(String::new, |name| format!(" ({name})"));
        let evidence = format!(
            "the longest event-loop delay of a second was {} on average, up to {}{series}{used}",
            millis(delay),
            millis(max)
        );
        note(evidence, "profile the handlers, or run more processes of the target")
    })
}

fn whole_machine(seen: &Saturation, cores: f64) -> Option<Finding> {
    let cpu = seen.target.of(&gauge::CPU)?.mean;
    (cores > 0.0 && cpu >= FULL * cores).then(|| {
        let evidence = format!("the target used {} of {cores} cores", percent(cpu / cores));
        note(evidence, "the target needs more CPU than the machine has")
    })
}

fn pool(seen: &Saturation) -> Option<Finding> {
    let waiting = seen.target.of(&gauge::POOL_WAITING)?.mean;
    (waiting >= 1.0).then(|| {
        let used = seen.target.of(&gauge::POOL_IN_USE).map_or(0.0, |used| used.max);
        let evidence = format!(
            "on average {waiting:.1} tasks waited for a pool connection; up to {used:.0} were in use"
        );
        note(evidence, "make queries shorter or the pool larger")
    })
}

fn note(evidence: String, advice: &str) -> Finding {
    finding("saturation", Severity::Note, evidence, advice)
}
