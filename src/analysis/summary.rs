//! The figures of a run: counts, rates and times, per step and for all.

use crate::analysis::assessment::{Counts, Summary, Times};
use crate::analysis::run_data::RunData;
use crate::analysis::totals::Totals;
use crate::record::histogram::Sparse;
use crate::record::interval::StepCounts;
use crate::record::outcome::{Cause, Outcome};
use crate::record::phase::{ByPhase, Phase};
use crate::record::run::{MetricHead, RunRecord, SloHead};
use crate::units::order;

/// All requests of the window.
pub fn total(data: &RunData) -> Summary {
    summary(data, &data.total, None)
}

/// The window, step by step.
pub fn steps(data: &RunData) -> Vec<Summary> {
    let steps = (0_u16..).zip(&data.steps);
    steps.map(|(step, pool)| summary(data, pool, Some(step))).collect()
}

/// The whole run, warm-up included.
pub fn whole_run(data: &RunData) -> Counts {
    let mut sum = StepCounts::default();
    data.whole.iter().for_each(|step| sum.add(step));
    counts(&sum)
}

fn summary(data: &RunData, pool: &Totals, step: Option<u16>) -> Summary {
    let head = step.and_then(|step| data.record.head.steps.get(usize::from(step)));
    let ended = pool.counts.ended();
    let failed = ended - pool.counts.outcome(Outcome::Ok);
    let rate = |count: u64| per_second(count, data.judged.length);
    Summary {
        name: head.map_or_else(|| "all".to_owned(), |step| step.name.clone()),
        label: head.map_or_else(String::new, |step| step.label.clone()),
        offered_rate: rate(pool.counts.planned),
        throughput: rate(answered(&pool.counts)),
        goodput: rate(pool.counts.outcome(Outcome::Ok)),
        error_rate: if ended == 0 { 0.0 } else { failed as f64 / ended as f64 },
        counts: counts(&pool.counts),
        times: ByPhase::of(Phase::told().map(|phase| (phase, times(&pool.times[phase])))),
        limits: limits(data.record, step),
    }
}

/// Requests that got an answer, whatever it was.
pub fn answered(counts: &StepCounts) -> u64 {
    [
        Outcome::Ok,
        Outcome::Rejected,
        Outcome::ClientError,
        Outcome::ServerError,
        Outcome::CheckFailed,
    ]
    .into_iter()
    .map(|outcome| counts.outcome(outcome))
    .sum()
}

fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

fn counts(sum: &StepCounts) -> Counts {
    let occurred = |(_, count): &(_, u64)| *count > 0;
    let outcomes = Outcome::ALL.map(|outcome| (outcome, sum.outcome(outcome)));
    let mut causes: Vec<_> =
        Cause::ALL.map(|cause| (cause.name(), sum.cause(cause))).into_iter().collect();
    causes.retain(|(_, count)| *count > 0);
    order::by_key(&mut causes, |(_, count)| std::cmp::Reverse(*count));
    let mut statuses = sum.statuses.clone();
    statuses.sort_unstable();
    Counts {
        planned: sum.planned,
        sent: sum.sent,
        outcomes: outcomes.into_iter().filter(occurred).collect(),
        causes,
        statuses,
        body_bytes: sum.body_bytes,
        connects: sum.connects,
        repeats: sum.repeats,
    }
}

/// A distribution in figures; `None` without any time.
pub fn times(micros: &Sparse) -> Option<Times> {
    let at = |share: f64| micros.quantile(share).map(|micros| micros / 1e3);
    Some(Times {
        count: micros.count(),
        mean: micros.mean()? / 1e3,
        p50: at(0.5)?,
        p90: at(0.9)?,
        p95: at(0.95)?,
        p99: at(0.99)?,
        p999: at(0.999)?,
        max: micros.max()? / 1e3,
    })
}

/// The limits of the objectives for all requests and for this step.
fn limits(record: &RunRecord, step: Option<u16>) -> Vec<(f64, f64)> {
    limits_of(record, |slo| {
        (slo.step.is_none() || slo.step == step) && slo.tag.is_none() && !slo.each_tenant
    })
}

/// The tightest response-time limit for each quantile, of some objectives: (quantile, ms), ascending.
pub(super) fn limits_of(record: &RunRecord, is_one: impl Fn(&SloHead) -> bool) -> Vec<(f64, f64)> {
    limits_among(record, record.head.slos.iter().filter(|slo| is_one(slo)))
}

/// The same of any objectives.
pub(super) fn limits_among<'s>(
    record: &RunRecord,
    asked: impl Iterator<Item = &'s SloHead>,
) -> Vec<(f64, f64)> {
    let mut limits: Vec<(f64, f64)> = asked
        .filter_map(|slo| match slo.metric {
            MetricHead::ResponseTime { quantile, threshold } => {
                let limit = record.head.thresholds.get(usize::from(threshold))?;
                Some((quantile, limit.limit as f64 / 1e6))
            }
            MetricHead::Failures(_)
            | MetricHead::Apdex { .. }
            | MetricHead::Throughput(_)
            | MetricHead::Gauge(_)
            | MetricHead::CertificateDays(_)
            | MetricHead::Lap { .. } => None,
        })
        .collect();
    order::by(&mut limits, |a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    limits.dedup_by(|later, first| later.0.to_bits() == first.0.to_bits());
    limits
}
