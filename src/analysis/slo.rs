//! Judges one objective: METHODS.md, section 4, with the doubts of section 2.
//!
//! An objective is met or missed when the whole interval of the share of bad requests
//! lies on one side of what is allowed. Then two doubts are asked: might the
//! generator's own lag be the reason, and does a miss hang on disturbed seconds alone?

use crate::analysis::assessment::{Measured, SloResult, SloStatus};
use crate::analysis::attribution::Attribution;
use crate::analysis::audit;
use crate::analysis::certificate;
use crate::analysis::ended;
use crate::analysis::evidence::{self, Share};
use crate::analysis::gauge_limit::{self, GaugeJudged};
use crate::analysis::lateness;
use crate::analysis::needed::{nothing, unanswered, what_is_needed};
use crate::analysis::number_format::{self, count, counted};
use crate::analysis::run_data::RunData;
use crate::analysis::slo_limit;
use crate::analysis::slo_measured::measured;
use crate::analysis::stats::Tally;
use crate::analysis::throughput;
use crate::analysis::window::Judged;
use crate::analysis::windows_met::{
    Beside, beside_windows, windows_met, windows_met_if, windows_status,
};
use crate::record::phase::Phase;
use crate::record::run::{MetricHead, RunRecord, SloHead, WindowsHead};

/// Disturbed seconds explain a miss only if they are few.
const MOST_DISTURBED: f64 = 0.2;

/// How an objective comes out over some seconds, before any doubt.
pub fn plain_status(record: &RunRecord, judged: &Judged, slo: &SloHead) -> SloStatus {
    match slo.metric {
        MetricHead::Gauge(limit) => return gauge_limit::judge(record, judged, limit).status,
        MetricHead::CertificateDays(bound) => return certificate::judge(record, bound).status,
        MetricHead::Throughput(limit) => return throughput::status(record, judged, slo, limit),
        MetricHead::ResponseTime { .. }
        | MetricHead::Failures(_)
        | MetricHead::Apdex { .. }
        | MetricHead::Lap { .. } => {}
    }
    match slo.windows {
        None => status_of(&evidence::weigh(record, &judged.seconds, slo), slo.allowed),
        Some(windows) => {
            let tallies = evidence::tallies(record, &judged.seconds, slo);
            windows_status(record, judged, slo, windows, &tallies)
        }
    }
}

fn status_of(share: &Share, allowed: f64) -> SloStatus {
    match share.total {
        Tally { all: 0, .. } => SloStatus::Inconclusive,
        // "None at all" is a statement about this run, which was seen as a whole.
        Tally { bad, .. } if allowed <= 0.0 && bad > 0 => SloStatus::Missed,
        _ if allowed <= 0.0 && share.open > 0 => SloStatus::Inconclusive,
        _ if allowed <= 0.0 => SloStatus::Met,
        _ if share.high <= allowed => SloStatus::Met,
        _ if share.low > allowed => SloStatus::Missed,
        _ => SloStatus::Inconclusive,
    }
}

/// Judges one objective.
pub fn judge(data: &RunData, slo: &SloHead) -> SloResult {
    match slo.metric {
        MetricHead::Gauge(limit) => {
            return of_gauge(slo, gauge_limit::judge(data.record, data.judged, limit));
        }
        MetricHead::CertificateDays(bound) => {
            return of_gauge(slo, certificate::judge(data.record, bound));
        }
        MetricHead::Throughput(limit) => {
            let mut result = blank(data, slo, &evidence::weigh(data.record, &[], slo));
            throughput::judge(data, slo, limit, &mut result);
            return result;
        }
        MetricHead::ResponseTime { .. }
        | MetricHead::Failures(_)
        | MetricHead::Apdex { .. }
        | MetricHead::Lap { .. } => {}
    }
    let share = evidence::weigh(data.record, &data.judged.seconds, slo);
    let mut result = blank(data, slo, &share);
    if share.total.all == 0 {
        result.note = Some(unanswered(data, slo, &share).unwrap_or(nothing(slo)));
        return result;
    }
    match slo.windows {
        None => judge_share(data, slo, &share, &mut result),
        Some(windows) => judge_windows(data, slo, windows, &mut result),
    }
    result
}

/// A gauge is of no requests, and what was seen of it is no sample of more.
fn of_gauge(slo: &SloHead, found: GaugeJudged) -> SloResult {
    SloResult {
        text: slo.text.clone(),
        step: None,
        status: found.status,
        measured: found.measured.map(Measured::Gauge),
        interval: None,
        limit: found.limit,
        bad: 0,
        requests: 0,
        bad_share: None,
        design_effect: 1.0,
        generator_error: None,
        of_each: Vec::new(),
        note: found.note,
    }
}

fn blank(data: &RunData, slo: &SloHead, share: &Share) -> SloResult {
    let step = slo.step.map(|step| {
        let known = data.record.head.steps.get(usize::from(step));
        known.map_or_else(|| format!("step {step}"), |step| step.name.clone())
    });
    let step = step.or_else(|| slo.tag.as_ref().map(|tag| format!("tag:{tag}")));
    let points = evidence::points(slo);
    SloResult {
        text: slo.text.clone(),
        step,
        status: SloStatus::Inconclusive,
        measured: None,
        interval: None,
        limit: slo_limit::of(data.record, slo),
        bad: share.total.bad.div_ceil(points),
        requests: share.total.all / points,
        bad_share: None,
        design_effect: share.design_effect / points as f64,
        generator_error: generator_error(data, slo),
        of_each: Vec::new(),
        note: None,
    }
}

fn generator_error(
    data: &RunData,
    slo: &SloHead,
) -> Option<crate::analysis::assessment::GeneratorError> {
    let MetricHead::ResponseTime { quantile, .. } = slo.metric else { return None };
    let pool = data.pool(slo.within())?;
    let times = &pool.times;
    let lower_bound = lateness::lower_bound(data, &data.judged.seconds, slo.within());
    audit::generator_error(&times[Phase::Response], &lower_bound, quantile)
}

fn judge_share(data: &RunData, slo: &SloHead, share: &Share, result: &mut SloResult) {
    (result.measured, result.interval) = measured(data, slo, share);
    result.bad_share = Some((share.low, share.high));
    result.status = status_of(share, slo.allowed);
    match result.status {
        SloStatus::Met if slo.allowed <= 0.0 => {
            result.note = Some("it held in this run, which says little about the next".to_owned());
        }
        SloStatus::Met | SloStatus::Invalid => {}
        SloStatus::Missed => {
            doubt_miss(data, slo, share, result);
            doubt_target(data, slo, result);
        }
        SloStatus::Inconclusive => result.note = Some(what_is_needed(data, slo, share)),
    }
    if result.status != SloStatus::Met {
        doubt_generator(data, slo, share, result);
    }
    if result.status == SloStatus::Missed {
        result.note = ended::note(data, slo, result);
    }
}

/// A miss that is there only because of a few disturbed seconds is not called one.
fn doubt_miss(data: &RunData, slo: &SloHead, share: &Share, result: &mut SloResult) {
    let (judged, disturbed) = (&data.judged.seconds, &data.disturbed);
    if disturbed.is_empty() || disturbed.len() as f64 > MOST_DISTURBED * judged.len() as f64 {
        return;
    }
    let calm: Vec<u32> = judged.iter().copied().filter(|s| !disturbed.contains(s)).collect();
    let rest = Tally::sum(evidence::tallies(data.record, &calm, slo));
    if rest.all == 0 || rest.share() > slo.allowed {
        return;
    }
    result.status = SloStatus::Inconclusive;
    result.note = Some(format!(
        "{} bad with, {} without {} in which the machine was disturbed",
        number_format::percent(share.total.share()),
        number_format::percent(rest.share()),
        number_format::counted(disturbed.len() as u64, "second"),
    ));
}

/// A miss that is there only because others had the machine is not called one.
fn doubt_target(data: &RunData, slo: &SloHead, result: &mut SloResult) {
    let Some(starvation) = data.starvation.as_ref().filter(|_| result.status == SloStatus::Missed)
    else {
        return;
    };
    if is_slow_alone(data, slo, starvation.whole()) {
        return;
    }
    let certain = starvation.certain(data.record, &data.judged.seconds, slo);
    let status = match slo.windows {
        None => status_of(
            &evidence::weigh_only(data.record, (slo, &data.judged.seconds), &certain),
            slo.allowed,
        ),
        Some(windows) => {
            windows_met(data.judged, &certain, windows, slo.allowed).status(windows.share)
        }
    };
    if status != SloStatus::Missed {
        result.status = SloStatus::Inconclusive;
        result.note = Some(starvation.note());
    }
}

/// Whether a tenant misses what all others together keep to, and would have had to wait longer for that
/// than the target waited in all. Where the others are fast nobody waits in a queue behind them, so
/// that each request waits for its own work only, and all together no longer than the target.
fn is_slow_alone(data: &RunData, slo: &SloHead, waited: f64) -> bool {
    let others = SloHead { tenant: None, but: slo.tenant, ..slo.clone() };
    let found = Tally::sum(evidence::tallies(data.record, &data.judged.seconds, &others));
    let others_hold = found.all > 0 && found.share() <= slo.allowed;
    slo.tenant.is_some() && others_hold && least_excess(data, slo) > waited
}

/// By how many seconds, all together, requests are slower than a limit on times of which as many are as
/// make the miss, the fastest of them first; nothing for other objectives.
fn least_excess(data: &RunData, slo: &SloHead) -> f64 {
    let MetricHead::ResponseTime { threshold, .. } = slo.metric else { return 0.0 };
    let limit = data.record.head.thresholds.get(usize::from(threshold));
    let (Some(limit), Some(pool)) = (limit, data.pool(slo.within())) else { return 0.0 };
    let (limit, times) = (limit.limit / 1_000, &pool.times[Phase::Response]);
    let slow = || times.buckets().iter().filter(|(micros, _)| *micros > limit);
    let all: u64 = slow().map(|(_, count)| count).sum();
    let mut left = all.saturating_sub((slo.allowed * times.count() as f64).ceil() as u64);
    let excess = slow().map(|(micros, count)| {
        let taken = left.min(*count);
        left -= taken;
        taken as f64 * (micros - limit) as f64 / 1e6
    });
    excess.sum()
}

/// An objective that might be met but for the generator is not judged.
fn doubt_generator(data: &RunData, slo: &SloHead, share: &Share, result: &mut SloResult) {
    let Some(attribution) = Attribution::of(data, slo) else { return };
    let blamable = attribution.within(&data.judged.seconds);
    if !audit::is_generators_doing(share, blamable, slo.allowed) {
        return;
    }
    result.status = SloStatus::Invalid;
    result.note = Some(format!(
        "up to {} of {} {}",
        number_format::count(blamable.min(share.total.bad)),
        number_format::count(share.total.bad),
        attribution.describe(),
    ));
}

fn judge_windows(data: &RunData, slo: &SloHead, windows: WindowsHead, result: &mut SloResult) {
    let tallies = evidence::tallies(data.record, &data.judged.seconds, slo);
    let found = windows_met(data.judged, &tallies, windows, slo.allowed);
    result.status = windows_status(data.record, data.judged, slo, windows, &tallies);
    if result.status == SloStatus::Inconclusive {
        let share = evidence::weigh(data.record, &data.judged.seconds, slo);
        let beside = beside_windows(data.judged, &tallies, windows, slo.allowed);
        let lies_beside =
            found.status(windows.share) == SloStatus::Met && beside != Beside::default();
        result.note = if lies_beside {
            Some(format!(
                "it does not hold in {} beside the complete windows: {} of {} requests",
                counted(beside.seconds as u64, "second"),
                count(beside.total.bad),
                count(beside.total.all)
            ))
        } else {
            unanswered(data, slo, &share)
        };
    }
    if found.all == 0 {
        result.note = Some(format!("no complete window of {} s", windows.seconds));
        return;
    }
    result.measured = Some(Measured::GoodWindows(found.share()));
    if result.status == SloStatus::Missed {
        doubt_target(data, slo, result);
        doubt_late_windows(data, slo, windows, &tallies, result);
    }
}

/// Windows in which the generator was late might have held without its lag.
fn doubt_late_windows(
    data: &RunData,
    slo: &SloHead,
    windows: WindowsHead,
    tallies: &[Tally],
    result: &mut SloResult,
) {
    let Some(attribution) = Attribution::of(data, slo) else { return };
    let excused = windows_met_if(data.judged, tallies, windows, |seconds, tally| {
        let own = |tally: Tally| Tally {
            bad: tally.bad.saturating_sub(attribution.within(seconds)),
            ..tally
        };
        tally.share() <= slo.allowed || own(tally).share() <= slo.allowed
    });
    if excused.status(windows.share) == SloStatus::Met {
        result.status = SloStatus::Invalid;
        result.note = Some("the generator was late in windows that decide".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn slower_requests_never_turn_a_miss_into_a_pass(
            seconds in prop::collection::vec((1_u64..300, 0.0_f64..0.2, 0.0_f64..0.3), 1..80),
            allowed in prop::sample::select(vec![0.0, 0.001, 0.01, 0.05]),
        ) {
            let tally = |all: u64, share: f64| Tally { all, bad: (share * all as f64) as u64 };
            let before: Vec<Tally> = seconds.iter().map(|(n, f, _)| tally(*n, *f)).collect();
            let after: Vec<Tally> = seconds.iter().map(|(n, f, g)| tally(*n, f + g)).collect();
            let status = |tallies: &[Tally]| status_of(&evidence::from_tallies(tallies, &[]), allowed);
            let was_missed = status(&before) == SloStatus::Missed;
            prop_assert!(!was_missed || status(&after) != SloStatus::Met);
        }

        #[test]
        fn a_pass_has_its_point_estimate_within_the_limit(
            seconds in prop::collection::vec((1_u64..3_000, 0.0_f64..0.03), 1..80),
        ) {
            let tallies: Vec<Tally> = seconds
                .iter()
                .map(|(all, share)| Tally { all: *all, bad: (share * *all as f64) as u64 })
                .collect();
            let share = evidence::from_tallies(&tallies, &[]);
            match status_of(&share, 0.01) {
                SloStatus::Met => prop_assert!(share.total.share() <= 0.01),
                SloStatus::Missed => prop_assert!(share.total.share() > 0.01),
                SloStatus::Inconclusive | SloStatus::Invalid => {}
            }
        }
    }
}
