//! What a search for capacity means: the figures of its trials, its verdict with reasons, and
//! what it cannot say.
//!
//! A [`CapacityFile`] with its trials comes in, and what they have shown; the same file with a
//! verdict goes out. Measures nothing and decides nothing about what is tried next.

pub mod answer;
pub mod doubts;
pub mod messages;
pub mod points;
pub mod rises;
pub mod scaling;

use crate::analysis::assessment::Assessment;
use crate::record::capacity::{CapacityFile, FoundCapacity, GaugeSeen, Seen};
use crate::record::phase::Phase;

/// The figures of a run.
pub fn seen(assessment: &Assessment) -> Seen {
    let (total, saturation) = (&assessment.total, &assessment.saturation);
    let times = total.times[Phase::Response];
    let gauges = saturation.target.0.iter().filter_map(|seen| {
        let values = seen.values?;
        Some(GaugeSeen {
            name: seen.gauge.name.to_string(),
            label: seen.gauge.label.to_string(),
            unit: seen.gauge.unit,
            kind: seen.gauge.kind,
            mean: values.mean,
            max: values.max,
        })
    });
    Seen {
        requests: total.counts.planned,
        offered: total.offered_rate,
        goodput: total.goodput,
        error_rate: total.error_rate,
        mean: times.map(|times| times.mean),
        p50: times.map(|times| times.p50),
        p95: times.map(|times| times.p95),
        p99: times.map(|times| times.p99),
        in_flight: saturation.in_flight.map(|found| found.max),
        gauges: gauges.collect(),
    }
}

/// Whether no step of a run failed every time.
pub fn worked(assessment: &Assessment) -> bool {
    !assessment.findings.iter().any(|finding| finding.kind == "never_worked")
}

/// Fills in what the trials of a search mean, by what they have shown.
pub fn fill(file: &mut CapacityFile, found: FoundCapacity) {
    file.found = found;
    file.moved = rises::moved(&file.trials);
    let (verdict, reasons) = answer::judge(file);
    file.verdict = verdict;
    file.reasons = reasons;
}
