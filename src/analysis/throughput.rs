//! Judges what comes back per second: `goodput >= 400/s`, `received_bytes < 5MB/s`.
//!
//! Of a share of requests the binomial distribution says how sure it is; an amount per second has
//! none. So blocks of time are the sample: the mean over the judged time, with an interval by
//! Student's distribution of the blocks' residuals (a ratio estimator, as the last block may be
//! shorter). Requests count in the second in which they were due, as everywhere.
//!
//! An open load bounds from above what can come back. Where all that was due ended well, too low a
//! goodput is the plan's, and the objective is inconclusive.

use crate::analysis::assessment::{Measured, SloResult, SloStatus};
use crate::analysis::attribution::Attribution;
use crate::analysis::ended;
use crate::analysis::messages::per_second;
use crate::analysis::number_format::counted;
use crate::analysis::run_data::RunData;
use crate::analysis::stats::{ALPHA, student_quantile};
use crate::analysis::window::Judged;
use crate::record::interval::StepCounts;
use crate::record::outcome::Outcome;
use crate::record::run::{MetricHead, RunRecord, SloHead, ThroughputHead};
use crate::scenario::gauge::Side;
use crate::scenario::slo::{Bound, FailureShare, Throughput};

/// The length of a block in seconds; fewer than three are no blocks.
const BLOCK: usize = 5;
const FEWEST_BLOCKS: usize = 3;
/// More failures than this share are not those of a target that waited for a CPU.
const MOST_FAILED: f64 = 0.01;

/// What came back over some time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Seen {
    /// In all.
    amount: f64,
    /// Seconds.
    length: f64,
    /// Per second, at least and at most, 5 % beyond each. All numbers where nothing is known.
    low: f64,
    high: f64,
    /// Requests that were due, ended, and ended well; those whose end nobody knows.
    due: u64,
    ended: u64,
    ok: u64,
    open: u64,
}

impl Seen {
    fn mean(&self) -> f64 {
        if self.length > 0.0 { self.amount / self.length } else { 0.0 }
    }

    fn status(&self, bound: Bound) -> SloStatus {
        // An open request may yet bring something, and nobody knows how much.
        let can_grow = self.open > 0;
        match bound.side {
            _ if self.due == 0 => SloStatus::Inconclusive,
            Side::Above if bound.holds(self.low) => SloStatus::Met,
            Side::Above if !bound.holds(self.high) && !can_grow => SloStatus::Missed,
            Side::Below if !bound.holds(self.low) => SloStatus::Missed,
            Side::Below if bound.holds(self.high) && !can_grow => SloStatus::Met,
            Side::Above | Side::Below => SloStatus::Inconclusive,
        }
    }
}

/// How such an objective comes out over some seconds, before any doubt.
pub fn status(
    record: &RunRecord,
    judged: &Judged,
    slo: &SloHead,
    limit: ThroughputHead,
) -> SloStatus {
    seen(record, (&judged.seconds, judged.length), slo, limit.of).status(limit.bound)
}

/// Judges one.
pub fn judge(data: &RunData, slo: &SloHead, limit: ThroughputHead, result: &mut SloResult) {
    let found = seen(data.record, (&data.judged.seconds, data.judged.length), slo, limit.of);
    (result.bad, result.requests) = (found.ended - found.ok, found.due);
    if found.due == 0 {
        result.note = Some("no request to judge".to_owned());
        return;
    }
    result.measured = Some(match limit.of {
        Throughput::Goodput => Measured::Goodput(found.mean()),
        Throughput::ReceivedBytes => Measured::BytesPerSecond(found.mean()),
    });
    let is_bounded = found.high.is_finite();
    result.interval = is_bounded.then_some((found.low, found.high));
    result.status = found.status(limit.bound);
    match result.status {
        SloStatus::Met | SloStatus::Invalid => {}
        SloStatus::Inconclusive => result.note = Some(undecided(&found)),
        SloStatus::Missed => doubt(data, slo, limit, &found, result),
    }
}

fn undecided(found: &Seen) -> String {
    if found.open > 0 {
        let open = counted(found.open, "request");
        return format!("{open} had no answer yet when the run was cut short");
    }
    "it varies too much from one stretch of time to the next to tell: run longer".to_owned()
}

/// A miss may be the plan's, the generator's, or that of a disturbed machine.
fn doubt(
    data: &RunData,
    slo: &SloHead,
    limit: ThroughputHead,
    found: &Seen,
    result: &mut SloResult,
) {
    let is_floor = limit.bound.side == Side::Above;
    let is_open = data.record.head.load.stages.iter().all(|stage| stage.users.is_none());
    if is_floor && is_open && found.ok == found.due {
        result.status = SloStatus::Inconclusive;
        let due = per_second(found.due as f64 / found.length.max(1e-9));
        result.note = Some(format!("all of the {due} that were due ended well: plan more"));
        return;
    }
    if is_floor && would_hold_without_the_generator(data, slo, limit, found) {
        result.status = SloStatus::Invalid;
        result.note =
            Some("what is missing may be so because the generator stood still".to_owned());
        return;
    }
    let calm = without_disturbed(data, slo, limit);
    if calm.is_some_and(|calm| limit.bound.holds(calm.mean())) {
        result.status = SloStatus::Inconclusive;
        result.note = Some("it held without the seconds in which the machine was disturbed".into());
        return;
    }
    if let Some(starvation) = data.starvation.as_ref().filter(|_| is_floor)
        && starvation.is_long()
        && !fails_by_itself(data, slo, found)
    {
        result.status = SloStatus::Inconclusive;
        result.note = Some(starvation.note());
        return;
    }
    result.note = ended::note(data, slo, result);
}

/// Whether more requests failed in a way that no waiting explains than the rest can hide.
fn fails_by_itself(data: &RunData, slo: &SloHead, found: &Seen) -> bool {
    let Some(pool) = data.pool(slo.within()) else { return true };
    let late = pool.counts.outcome(Outcome::Timeout) + pool.counts.outcome(Outcome::Unsent);
    let failed = (found.ended - found.ok).saturating_sub(late);
    failed as f64 > MOST_FAILED * found.ended as f64
}

/// Whether the requests that the generator may have spoilt would make up for what is missing.
fn would_hold_without_the_generator(
    data: &RunData,
    slo: &SloHead,
    limit: ThroughputHead,
    found: &Seen,
) -> bool {
    let errors = SloHead { metric: MetricHead::Failures(FailureShare::Errors), ..slo.clone() };
    let Some(attribution) = Attribution::of(data, &errors) else { return false };
    let spoilt = attribution.within(&data.judged.seconds).min(found.ended - found.ok) as f64;
    let each = if found.ok == 0 { 0.0 } else { found.amount / found.ok as f64 };
    spoilt > 0.0 && limit.bound.holds((found.amount + spoilt * each) / found.length.max(1e-9))
}

/// What was seen in the other seconds, where the disturbed ones are few.
fn without_disturbed(data: &RunData, slo: &SloHead, limit: ThroughputHead) -> Option<Seen> {
    let (judged, disturbed) = (&data.judged.seconds, &data.disturbed);
    if disturbed.is_empty() || disturbed.len() * 5 > judged.len() {
        return None;
    }
    let calm: Vec<u32> = judged.iter().copied().filter(|it| !disturbed.contains(it)).collect();
    let length = data.judged.length - disturbed.len() as f64;
    Some(seen(data.record, (&calm, length), slo, limit.of))
}

fn seen(
    record: &RunRecord,
    (seconds, length): (&[u32], f64),
    slo: &SloHead,
    of: Throughput,
) -> Seen {
    let mut seen = Seen { length, high: f64::INFINITY, ..Seen::default() };
    let amounts: Vec<f64> =
        seconds.iter().map(|second| in_second(record, *second, slo, of, &mut seen)).collect();
    let last = (length - amounts.len().saturating_sub(1) as f64).clamp(0.0, 1.0);
    let blocks = blocks(&amounts, last);
    let error = standard_error(&blocks);
    if let Some(error) = error {
        let reach = error * student_quantile(1.0 - ALPHA, blocks.len() - 1);
        (seen.low, seen.high) = ((seen.mean() - reach).max(0.0), seen.mean() + reach);
    }
    seen
}

fn in_second(
    record: &RunRecord,
    second: u32,
    slo: &SloHead,
    of: Throughput,
    seen: &mut Seen,
) -> f64 {
    let Some(found) = record.seconds.get(second) else { return 0.0 };
    let all = found.counts();
    let mine = all.iter().enumerate().filter(|(index, _)| record.head.is_of(*index, slo.within()));
    let amount: f64 = mine.map(|(_, counts)| count(counts, of, seen)).sum();
    seen.amount += amount;
    amount
}

fn count(counts: &StepCounts, of: Throughput, seen: &mut Seen) -> f64 {
    let (ok, ended) = (counts.outcome(Outcome::Ok), counts.ended());
    seen.due += counts.planned.max(ended);
    seen.ended += ended;
    seen.ok += ok;
    seen.open += counts.planned.saturating_sub(ended);
    match of {
        Throughput::Goodput => ok as f64,
        Throughput::ReceivedBytes => counts.body_bytes as f64,
    }
}

/// Amounts and lengths of stretches of 5 s, or of seconds where these would be too few; the rest is
/// with the last one.
fn blocks(amounts: &[f64], last: f64) -> Vec<(f64, f64)> {
    let width = if amounts.len() >= BLOCK * FEWEST_BLOCKS { BLOCK } else { 1 };
    let whole = amounts.len() / width;
    let block = |index: usize| {
        let end = if index + 1 == whole { amounts.len() } else { (index + 1) * width };
        let own = &amounts[index * width..end];
        let short = if end == amounts.len() { 1.0 - last } else { 0.0 };
        (own.iter().sum(), own.len() as f64 - short)
    };
    (0..whole).map(block).collect()
}

/// What whole seconds say of the mean per second, 5 % beyond each end; `None` of too few.
pub fn interval(amounts: &[f64]) -> Option<(f64, f64)> {
    let blocks = blocks(amounts, 1.0);
    let reach = standard_error(&blocks)? * student_quantile(1.0 - ALPHA, blocks.len() - 1);
    let mean = amounts.iter().sum::<f64>() / amounts.len() as f64;
    Some((mean - reach, mean + reach))
}

/// Of the mean per second; `None` of fewer than two blocks.
fn standard_error(blocks: &[(f64, f64)]) -> Option<f64> {
    let count = blocks.len() as f64;
    let (amount, length) = blocks.iter().fold((0.0, 0.0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    if blocks.len() < 2 || length <= 0.0 {
        return None;
    }
    let mean = amount / length;
    let squares: f64 = blocks.iter().map(|(own, time)| (own - mean * time).powi(2)).sum();
    Some((count / (count - 1.0) * squares).sqrt() / length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assess::assess;
    use crate::analysis::assessment::Verdict;
    use crate::analysis::sample_records::{self, Requests, add, run};

    fn with(of: Throughput, side: Side, limit: f64, failing: u64) -> RunRecord {
        let mut record = run(60, 200.0);
        let bound = Bound { limit, side, inclusive: true };
        let metric = MetricHead::Throughput(ThroughputHead { of, bound });
        let errors = SloHead {
            text: "error_rate < 90%".to_owned(),
            metric: MetricHead::Failures(FailureShare::Errors),
            allowed: 0.9,
            windows: None,
            ..sample_records::p99()
        };
        record.head.slos =
            vec![SloHead { metric, text: "${GOAL}".to_owned(), allowed: 0.0, ..errors.clone() }];
        record.head.slos.push(errors);
        let failed = Requests::ended(failing, Outcome::ServerError);
        add(&mut record, 0..60, &[Requests::ok(200 - failing, 20_000), failed]);
        record
    }

    #[track_caller]
    fn check(record: &RunRecord, status: SloStatus, note: &str) -> SloResult {
        let found = assess(record).slos.remove(0);
        assert_eq!(found.status, status, "{found:#?}");
        assert!(found.note.clone().unwrap_or_default().contains(note), "{found:#?}");
        found
    }

    #[test]
    fn what_comes_back_as_it_should_is_counted_per_second() {
        let goodput = |limit, failing| with(Throughput::Goodput, Side::Above, limit, failing);
        let met = check(&goodput(150.0, 40), SloStatus::Met, "");
        assert_eq!(met.measured, Some(Measured::Goodput(160.0)));
        check(&goodput(170.0, 40), SloStatus::Missed, "server error × 2,000");
        // A plan of 200/s cannot show more.
        check(&goodput(250.0, 0), SloStatus::Inconclusive, "all of the 200/s that were due");
        assert_eq!(assess(&goodput(250.0, 0)).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn what_varies_is_not_decided() {
        let mut record = with(Throughput::Goodput, Side::Above, 180.0, 10);
        add(&mut record, (10..60).step_by(10), &[Requests::ok(100, 20_000)]);
        add(&mut record, (25..40).step_by(1), &[Requests::ended(1, Outcome::ServerError)]);
        record.head.slos[0].metric = MetricHead::Throughput(ThroughputHead {
            of: Throughput::Goodput,
            bound: Bound { limit: 200.5, side: Side::Above, inclusive: true },
        });
        check(&record, SloStatus::Inconclusive, "run longer");
    }

    #[test]
    fn a_run_that_was_cut_short_may_have_brought_more() {
        let mut record = with(Throughput::Goodput, Side::Above, 150.0, 60);
        record.end = None;
        let judged: Vec<u32> = (10..60).collect();
        let of = |record: &RunRecord| {
            seen(record, (&judged, 50.0), &record.head.slos[0], Throughput::Goodput)
        };
        let bound = Bound { limit: 150.0, side: Side::Above, inclusive: true };
        assert_eq!(of(&record).status(bound), SloStatus::Missed);
        let mut open = of(&record);
        open.open = 3;
        assert_eq!(open.status(bound), SloStatus::Inconclusive);
        let ceiling = Bound { limit: 500.0, side: Side::Below, inclusive: true };
        assert_eq!(open.status(ceiling), SloStatus::Inconclusive, "more may come");
    }

    #[test]
    fn bytes_have_a_limit_on_either_side() {
        let bytes = |side, limit| with(Throughput::ReceivedBytes, side, limit, 0);
        let found = check(&bytes(Side::Below, 1e12), SloStatus::Met, "");
        let Some(Measured::BytesPerSecond(mean)) = found.measured else { panic!("{found:?}") };
        if mean > 0.0 {
            check(&bytes(Side::Below, mean / 2.0), SloStatus::Missed, "");
            check(&bytes(Side::Above, mean / 2.0), SloStatus::Met, "");
        }
    }

    #[test]
    fn one_stretch_of_time_tells_nothing() {
        assert_eq!(standard_error(&blocks(&[5.0], 1.0)), None);
        assert_eq!(blocks(&[1.0; 17], 0.5).last(), Some(&(7.0, 6.5)));
    }
}
