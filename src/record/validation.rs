//! What a record may claim of itself.
//!
//! A record may come from anywhere, and be damaged or made up. Nothing in it may make its
//! reader overflow, or work for longer than a record of its size is worth.

use std::collections::BTreeSet;

use crate::record::gauge::Gauge;
use crate::record::generator;
use crate::record::interval::StepCounts;
use crate::record::objective_validation::{MAX_SECOND, check_objectives};
use crate::record::run::{
    EndReason, Head, LoadHead, OLDEST_VERSION, RunRecord, TenantsHead, VERSION,
};
use crate::record::series;
use crate::record::step_head::StepHead;
use crate::record::telemetry::GeneratorSecond;
use crate::scenario::slo::Threshold;

/// The longest stage and the highest rate that can be meant.
const MAX_SECONDS: f64 = 1e9;
/// More loads at once than a scenario may have.
const MAX_PARTS: usize = 64;
const MAX_RATE: f64 = 1e12;
/// The largest count of one series and second: sums of many must not overflow.
const MAX_COUNT: u64 = 1 << 40;
/// The most bytes of bodies of one series and second.
const MAX_BYTES: u64 = 1 << 50;
/// More tenants than a scenario may tell apart, many times over.
const MOST_TENANTS: usize = 10_000;
/// The most seconds times series that are judged at once: six weeks of one, a day of 48.
const MAX_PLACES: usize = 1 << 22;
/// The most gauges of the target.
const MAX_GAUGES: usize = 1_000;
/// Outcomes by classes of what they felt of the generator's lag.
const MAX_FELT: usize = 8 * 256;
/// The most statuses: those that HTTP can write.
const MAX_STATUSES: usize = 900;
/// A run may be so many seconds long for each second of which something is recorded: the
/// judgement looks at every second. A run that is alive records every second of itself; what
/// a full disk or a stopped generator leaves out is less than this.
const SECONDS_PER_RECORDED: f64 = 10.0;
/// And so many more.
const SPARE_SECONDS: f64 = 3_600.0;
/// So many seconds before its end a run may have told of its generator for the last time.
const SILENCE: f64 = 5.0;

/// Whether such a run can have been.
pub(super) fn check_head(head: &Head) -> Result<(), String> {
    if head.version > VERSION {
        return Err(format!(
            "version {} is newer than this loadgate understands ({VERSION}); update loadgate",
            head.version
        ));
    }
    if head.version < OLDEST_VERSION {
        return Err(format!(
            "version {} is of an older loadgate and lacks what the audit needs (version \
             {OLDEST_VERSION}); run the scenario again",
            head.version
        ));
    }
    check_steps(&head.steps)?;
    series::check(&head.series, head.steps.len())?;
    check_tenants(head)?;
    generator::check(&head.generators)?;
    check_load(&head.load)?;
    check_thresholds(&head.thresholds)?;
    check_objectives(head)?;
    check_gauges(&head.gauges)?;
    if head.lookup_ms.is_some_and(|ms| !is_time(ms)) {
        return Err("a look-up that took no possible time".to_owned());
    }
    Ok(())
}

/// Whoever has a series is known.
fn check_tenants(head: &Head) -> Result<(), String> {
    let places = head.tenants.as_ref().map_or(0, TenantsHead::places);
    if head.tenants.as_ref().is_some_and(|tenants| tenants.names.len() > MOST_TENANTS) {
        return Err("more tenants than can be told apart".to_owned());
    }
    match head.series.iter().filter_map(|series| series.tenant).find(|it| *it >= places) {
        Some(stray) => Err(format!("a series of tenant {stray} of only {places}")),
        None => Ok(()),
    }
}

fn is_time(seconds: f64) -> bool {
    (0.0..=MAX_SECONDS).contains(&seconds)
}

fn check_steps(steps: &[StepHead]) -> Result<(), String> {
    if steps.is_empty() || steps.len() > usize::from(u16::MAX) {
        return Err("a run has between 1 and 65535 steps".to_owned());
    }
    Ok(())
}

fn check_gauges(gauges: &[Gauge]) -> Result<(), String> {
    if gauges.len() > MAX_GAUGES {
        return Err(format!("{} gauges of the target", gauges.len()));
    }
    let mut names = BTreeSet::new();
    let is_plain = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    match gauges.iter().find(|it| !is_plain(&it.name) || !names.insert(&it.name)) {
        Some(gauge) => Err(format!("\"{}\" is no name of a gauge of its own", gauge.name)),
        None => Ok(()),
    }
}

fn check_load(load: &LoadHead) -> Result<(), String> {
    if load.stages.is_empty() {
        return Err("a run without stages".to_owned());
    }
    if load.parts.len() > MAX_PARTS {
        return Err(format!("{} loads at once", load.parts.len()));
    }
    if load.cap.is_some_and(|cap| !is_time(cap.planned_seconds)) {
        return Err("a cap on no time that there is".to_owned());
    }
    for stage in load.stages.iter().chain(load.parts.iter().flat_map(|part| &part.stages)) {
        if stage.seconds.is_nan() || stage.seconds < 0.0 {
            return Err("a stage of less than no time".to_owned());
        }
        if stage.seconds > MAX_SECONDS {
            return Err(format!("a stage of {} s", stage.seconds));
        }
        if let Some(rate) = [stage.from, stage.to].iter().find(|it| !(0.0..=MAX_RATE).contains(*it))
        {
            return Err(format!("a stage with a rate of {rate}/s"));
        }
        if stage.users.is_some() && (stage.from > 0.0 || stage.to > 0.0) {
            return Err("a stage with both a rate and users".to_owned());
        }
    }
    Ok(())
}

fn check_thresholds(thresholds: &[Threshold]) -> Result<(), String> {
    if !thresholds.is_sorted_by(|a, b| a < b) {
        return Err("thresholds out of order".to_owned());
    }
    if thresholds.iter().any(|threshold| threshold.limit == 0) {
        return Err("a threshold of no time".to_owned());
    }
    Ok(())
}

/// Whether so many seconds of so many series can be held in memory.
pub(super) fn check_size(seconds: usize, series: usize) -> Result<(), String> {
    if seconds.saturating_mul(series) <= MAX_PLACES {
        return Ok(());
    }
    Err(format!("{seconds} s of {series} series are more than can be judged at once"))
}

/// Whether a run of so many series can have this second and series.
pub(super) fn check_place(second: u32, place: usize, series: usize) -> Result<(), String> {
    if second > MAX_SECOND {
        return Err(format!("second {second} is beyond all reason"));
    }
    if place >= series {
        return Err(format!("series {place} of only {series}"));
    }
    Ok(())
}

/// Whether one series can have these counts in one second.
pub(super) fn check_counts(counts: &StepCounts) -> Result<(), String> {
    let StepCounts {
        planned,
        sent,
        outcomes,
        slower,
        causes,
        statuses,
        body_bytes,
        connects,
        felt,
        repeats,
        ..
    } = counts;
    let is_status = |(status, _): &(u16, u64)| (100..1_000).contains(status);
    let are_in_order = statuses.is_sorted_by(|a, b| a.0 < b.0);
    if statuses.len() > MAX_STATUSES || !are_in_order || !statuses.iter().all(is_status) {
        return Err("statuses that are none, or out of order".to_owned());
    }
    if felt.len() > MAX_FELT {
        return Err("more classes of lag than there are".to_owned());
    }
    let lists = [outcomes.as_slice(), slower, causes].into_iter().flatten();
    let statuses = statuses.iter().map(|(_, times)| times);
    let felt = felt.iter().map(|(_, _, times)| times);
    let counted = [planned, sent, connects, repeats].into_iter().chain(lists);
    let most = counted.chain(statuses).chain(felt).max();
    if most.is_some_and(|most| *most > MAX_COUNT) || *body_bytes > MAX_BYTES {
        return Err("a count beyond all reason".to_owned());
    }
    Ok(())
}

/// Whether a run can have ended so, and its generator have been seen so.
pub(super) fn check_end(record: &RunRecord) -> Result<(), String> {
    check_generator(&record.head, &record.generator)?;
    let targets = record.target.iter().map(|second| second.second);
    if !targets.is_sorted() {
        return Err("seconds of the target out of order".to_owned());
    }
    if record.target.iter().any(|second| second.values.len() > record.head.gauges.len()) {
        return Err("a second of the target with more values than gauges".to_owned());
    }
    let Some(end) = &record.end else { return Ok(()) };
    if !is_time(end.scheduled) || !is_time(end.seconds) {
        return Err(format!("ended after {} s, {} of them scheduled", end.seconds, end.scheduled));
    }
    let planned = record.head.load.seconds();
    if end.reason == EndReason::Finished && end.scheduled < planned - 1.0 {
        let scheduled = end.scheduled;
        return Err(format!("finished after {scheduled} s of a schedule of {planned} s"));
    }
    generator::check_lost(&end.lost, record.head.generators.len())?;
    if end.iterations_completed > end.iterations {
        return Err(format!(
            "{} of {} iterations completed",
            end.iterations_completed, end.iterations
        ));
    }
    let seen = record.generator.last().map_or(0.0, |second| f64::from(second.second) + 1.0);
    if end.faults.is_empty() && end.lost.is_empty() && seen + SILENCE < end.seconds {
        let ended = end.seconds;
        return Err(format!("nothing is known of the generator after second {seen} of {ended:.1}"));
    }
    Ok(())
}

fn check_generator(head: &Head, seconds: &[GeneratorSecond]) -> Result<(), String> {
    if !seconds.is_sorted_by(|a, b| (a.second, a.generator) < (b.second, b.generator)) {
        return Err("seconds of the generator out of order".to_owned());
    }
    if seconds.iter().any(|it| it.generator.index() >= head.generators.len()) {
        return Err("a second of a generator that is not there".to_owned());
    }
    let is_share = |share: Option<f64>| share.is_none_or(is_time);
    let is_sane = |it: &GeneratorSecond| {
        is_time(it.cpu)
            && is_time(it.busiest_worker)
            && [it.machine_busy, it.steal, it.cpu_pressure].into_iter().all(is_share)
    };
    match seconds.iter().find(|second| !is_sane(second)) {
        Some(odd) => Err(format!("second {} of the generator is beyond all reason", odd.second)),
        None => Ok(()),
    }
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
        EndReason::RowsUsed { .. }
        | EndReason::Interrupted { .. }
        | EndReason::Hopeless { .. }
        | EndReason::FailedFast { .. }
        | EndReason::GeneratorLost { .. }
        | EndReason::TargetDied { .. } => end.scheduled.min(planned),
    });
    let last = [
        record.seconds.last(),
        record.generator.iter().map(|second| second.second).max(),
        record.target.iter().map(|second| second.second).max(),
    ];
    let last = last.into_iter().flatten().max().unwrap_or(0);
    scheduled.max(f64::from(last))
}
