//! What a record may claim of itself.
//!
//! A record may come from anywhere, and be damaged or made up. Nothing in it may make its
//! reader overflow, or work for longer than a record of its size is worth.

use crate::record::interval::StepCounts;
use crate::record::run::{EndReason, Head, RunRecord, VERSION};

/// The last second that a record may have: a year.
const MAX_SECOND: u32 = 366 * 86_400;
/// The largest count of one step and second: sums of many must not overflow.
const MAX_COUNT: u64 = 1 << 40;
/// The most bytes of bodies of one step and second.
const MAX_BYTES: u64 = 1 << 50;
/// A run may be so many seconds long for each second of which something is recorded: the
/// judgement looks at every second. A run that is alive records every second of itself; what
/// a full disk or a stopped generator leaves out is less than this.
const SECONDS_PER_RECORDED: f64 = 10.0;
/// And so many more.
const SPARE_SECONDS: f64 = 3_600.0;

/// Whether such a run can have been.
pub(super) fn check_head(head: &Head) -> Result<(), String> {
    if head.version > VERSION {
        return Err(format!(
            "version {} is newer than this loadgate understands ({VERSION}); update loadgate",
            head.version
        ));
    }
    if head.version < VERSION {
        return Err(format!(
            "version {} is of an older loadgate and lacks what the audit needs (version \
             {VERSION}); run the scenario again",
            head.version
        ));
    }
    if head.steps.is_empty() || head.steps.len() > usize::from(u16::MAX) {
        return Err("a run has between 1 and 65535 steps".to_owned());
    }
    if head.load.stages.iter().any(|stage| stage.seconds.is_nan() || stage.seconds < 0.0) {
        return Err("a stage of less than no time".to_owned());
    }
    Ok(())
}

/// Whether a run of so many steps can have this second and step.
pub(super) fn check_place(second: u32, step: usize, steps: usize) -> Result<(), String> {
    if second > MAX_SECOND {
        return Err(format!("second {second} is beyond all reason"));
    }
    if step >= steps {
        return Err(format!("step {step} of only {steps}"));
    }
    Ok(())
}

/// Whether one step can have these counts in one second.
pub(super) fn check_counts(counts: &StepCounts) -> Result<(), String> {
    let StepCounts { planned, sent, outcomes, slower, causes, statuses, body_bytes, connects } =
        counts;
    let lists = [outcomes.as_slice(), slower, causes].into_iter().flatten();
    let statuses = statuses.iter().map(|(_, times)| times);
    let most = [planned, sent, connects].into_iter().chain(lists).chain(statuses).max();
    if most.is_some_and(|most| *most > MAX_COUNT) || *body_bytes > MAX_BYTES {
        return Err("a count beyond all reason".to_owned());
    }
    Ok(())
}

/// Whether the record holds about as much as its length promises.
pub(super) fn check_length(record: &RunRecord) -> Result<(), String> {
    let recorded = record.seconds.len() + record.generator.len() + record.target.len();
    let claimed = claimed_seconds(record);
    if claimed > SPARE_SECONDS + SECONDS_PER_RECORDED * recorded as f64 {
        return Err(format!("a run of {claimed:.0} s of which {recorded} s are recorded"));
    }
    Ok(())
}

fn claimed_seconds(record: &RunRecord) -> f64 {
    let planned = record.head.load.seconds();
    let scheduled = record.end.as_ref().map_or(0.0, |end| match end.reason {
        EndReason::Finished => planned,
        EndReason::Interrupted { .. }
        | EndReason::Hopeless { .. }
        | EndReason::TargetDied { .. } => end.scheduled.min(planned),
    });
    let last = [
        record.seconds.keys().next_back().copied(),
        record.generator.iter().map(|second| second.second).max(),
        record.target.iter().map(|second| second.second).max(),
    ];
    let last = last.into_iter().flatten().max().unwrap_or(0);
    scheduled.max(f64::from(last))
}
