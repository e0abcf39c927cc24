//! What an objective on times within streams counts: `first_event.p95 < 500ms`.
//!
//! A request that was due and had no such time, as it failed before, or was never sent, counts as
//! slower than any limit; otherwise the times would be the better the more streams break. So many
//! are missing as its step makes of one request, and a gap of events of which nobody knows how
//! long it would have been is one.

use crate::analysis::open;
use crate::analysis::stats::Tally;
use crate::record::histogram::Sparse;
use crate::record::interval::StepCounts;
use crate::record::outcome::Outcome;
use crate::record::phase::Phase;
use crate::record::run::{MetricHead, RunRecord, SloHead, Subset};
use crate::record::seconds::PackedSecond;
use crate::scenario::slo::{LapKind, Threshold};

/// The least value in microseconds that may be too slow: a bucket in which the limit lies counts whole.
pub fn slow_from(limit: Threshold) -> u64 {
    (limit.limit / 1_000).saturating_add(u64::from(limit.inclusive))
}

/// Bad and all times of one objective in a second. `is_certain`: of requests that have not ended
/// nothing is assumed; otherwise the worst is.
pub fn in_second(
    is_certain: bool,
    record: &RunRecord,
    found: &PackedSecond<'_>,
    slo: &SloHead,
) -> Tally {
    let MetricHead::Lap { of, limit, .. } = slo.metric else { return Tally::default() };
    let only_ended = is_certain && open::cut(record, found.second()).is_some();
    Tally::sum(of_series(record, found, slo.within(), of).map(|(counts, each, times)| {
        let due = if only_ended { counts.ended() } else { counts.planned.max(counts.ended()) };
        let missing = missing(of, &counts, due, each, times.count());
        Tally {
            all: times.count().saturating_add(missing),
            bad: times.count_from(slow_from(limit)).saturating_add(missing),
        }
    }))
}

/// Times that were due and did not come, of so many requests, each of which is due `each`.
fn missing(of: LapKind, counts: &StepCounts, due: u64, each: u64, came: u64) -> u64 {
    let failed = due.saturating_sub(counts.outcome(Outcome::Ok));
    match of {
        // Nobody knows how many there would have been.
        LapKind::EventGap => failed,
        LapKind::FirstEvent | LapKind::RoundTrip => {
            let lacking = due.saturating_mul(each).saturating_sub(came);
            lacking.min(failed.saturating_mul(each))
        }
    }
}

/// What a second has of the streams that are meant: counts, times due of each request, and times.
fn of_series<'f>(
    record: &'f RunRecord,
    found: &'f PackedSecond<'_>,
    within: Subset<'f>,
    of: LapKind,
) -> impl Iterator<Item = (StepCounts, u64, Sparse)> + 'f {
    let times = found.times();
    found.counts().into_iter().enumerate().filter_map(move |(place, counts)| {
        let step = record.head.steps.get(record.head.step_of(place))?;
        let each = step.laps_due(of);
        let is_meant = each > 0 && record.head.is_of(place, within);
        is_meant.then(|| (counts, each, times.of_series(Phase::from(of), place)))
    })
}

/// How many times hang together, as they are of one stream: on average, upwards.
pub fn together(record: &RunRecord, seconds: &[u32], slo: &SloHead) -> u64 {
    let MetricHead::Lap { of, .. } = slo.metric else { return 1 };
    let (mut requests, mut times) = (0_u64, 0_u64);
    for found in seconds.iter().filter_map(|second| record.seconds.get(*second)) {
        for (counts, _, came) in of_series(record, &found, slo.within(), of) {
            requests = requests.saturating_add(counts.planned.max(counts.ended()));
            times = times.saturating_add(came.count());
        }
    }
    times.div_ceil(requests.max(1)).max(1)
}

/// Those that never came, at the time limit of the step: the longest of those that are meant.
pub fn never_came(record: &RunRecord, slo: &SloHead, missing: u64) -> Sparse {
    let MetricHead::Lap { of, .. } = slo.metric else { return Sparse::default() };
    let meant = record.head.steps.iter().filter(|step| step.laps_due(of) > 0);
    let limit = meant.map(|step| step.timeout_ms.saturating_mul(1_000)).max().unwrap_or(1);
    Sparse::from_counts((missing > 0).then_some((limit.max(1), missing)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assess::assess;
    use crate::analysis::assessment::{Measured, SloResult, SloStatus, Verdict};
    use crate::analysis::sample_records::{self, Requests, add, run};
    use crate::record::run::{End, EndReason};
    use crate::record::step_head::StreamHead;

    const MS: u64 = 1_000;

    fn objective(of: LapKind, quantile: f64, limit_ms: u64) -> SloHead {
        let limit = Threshold { limit: limit_ms * 1_000_000, inclusive: false };
        let text = match quantile {
            1.0 => format!("{}.max < {limit_ms}ms", of.name()),
            _ => format!("{}.p{} < {limit_ms}ms", of.name(), quantile * 100.0),
        };
        let allowed = if quantile >= 1.0 { 0.0 } else { ((1.0 - quantile) * 1e12).round() / 1e12 };
        let metric = MetricHead::Lap { of, quantile, limit };
        SloHead { text, metric, allowed, ..sample_records::p99() }
    }

    /// 60 s of ten streams each, of which 50 s are judged, whose times of a kind are so many of a length in microseconds.
    fn streams(of: LapKind, requests: &[Requests], laps: &[(u64, u64)]) -> RunRecord {
        let mut record = run(60, 10.0);
        record.head.steps[0].stream = Some(match of {
            LapKind::FirstEvent | LapKind::EventGap => StreamHead::Events,
            LapKind::RoundTrip => StreamHead::WebSocket { round_trips: 3 },
        });
        record.head.slos = vec![objective(of, 0.95, 100)];
        add(&mut record, 0..60, requests);
        record.seconds.edit(0.., |_, second| {
            second.times[0][Phase::from(of)] = Sparse::from_counts(laps.iter().copied());
        });
        record
    }

    fn judged(record: &RunRecord) -> SloResult {
        assess(record).slos[0].clone()
    }

    #[test]
    fn times_within_streams_are_judged_as_response_times_are() {
        for (of, each) in
            [(LapKind::FirstEvent, 10), (LapKind::EventGap, 10), (LapKind::RoundTrip, 30)]
        {
            let well = [Requests::ok(10, 2_000_000)];
            let fast = judged(&streams(of, &well, &[(20 * MS, each)]));
            assert_eq!((fast.status, fast.bad), (SloStatus::Met, 0), "{of:?} {fast:?}");
            assert!(
                matches!(fast.measured, Some(Measured::LapMillis(it)) if it < 21.0),
                "{fast:?}"
            );
            let slow = judged(&streams(of, &well, &[(20 * MS, each / 2), (300 * MS, each / 2)]));
            assert_eq!((slow.status, slow.bad), (SloStatus::Missed, 50 * each / 2), "{slow:?}");
            assert!(
                matches!(slow.measured, Some(Measured::LapMillis(it)) if it > 290.0),
                "{slow:?}"
            );
        }
    }

    #[test]
    fn what_never_came_is_slower_than_any_limit() {
        for (of, each) in
            [(LapKind::FirstEvent, 9), (LapKind::EventGap, 9), (LapKind::RoundTrip, 27)]
        {
            for ended in
                [Outcome::ServerError, Outcome::Timeout, Outcome::Unsent, Outcome::CheckFailed]
            {
                let requests = [Requests::ok(9, 2_000_000), Requests::ended(1, ended)];
                let found = judged(&streams(of, &requests, &[(20 * MS, each)]));
                let missing = if of == LapKind::RoundTrip { 150 } else { 50 };
                assert_eq!(
                    (found.status, found.bad),
                    (SloStatus::Missed, missing),
                    "{of:?} {found:?}"
                );
                assert_eq!(found.requests, 50 * each + missing);
                let note = found.note.unwrap_or_default();
                assert!(note.contains("never came"), "{note}");
            }
        }
    }

    #[test]
    fn streams_that_fail_behind_their_first_event_have_had_it() {
        let requests = [Requests::ok(5, 2_000_000), Requests::ended(5, Outcome::Timeout)];
        let found = judged(&streams(LapKind::FirstEvent, &requests, &[(20 * MS, 10)]));
        assert_eq!((found.status, found.bad, found.requests), (SloStatus::Met, 0, 500));
        let found = judged(&streams(LapKind::EventGap, &requests, &[(20 * MS, 10)]));
        assert_eq!((found.status, found.bad), (SloStatus::Missed, 250));
    }

    #[test]
    fn nothing_that_never_began_is_met() {
        for of in LapKind::ALL {
            let requests = [Requests::ended(10, Outcome::TransportError)];
            let assessment = assess(&streams(of, &requests, &[]));
            assert_ne!(assessment.verdict, Verdict::Pass);
            assert_ne!(assessment.slos[0].status, SloStatus::Met, "{of:?}");
            let mut record = streams(of, &[], &[]);
            record.seconds.retain(|_| false);
            assert_ne!(judged(&record).status, SloStatus::Met, "{of:?}");
        }
    }

    #[test]
    fn a_run_that_was_cut_short_has_not_met_what_was_open() {
        for of in LapKind::ALL {
            let each = if of == LapKind::RoundTrip { 15 } else { 5 };
            let mut record = streams(of, &[Requests::ok(5, 20_000)], &[(20 * MS, each)]);
            record.seconds.edit(0.., |_, second| second.counts[0].planned = 10);
            let last = record.end.take().unwrap();
            let reason = EndReason::Interrupted { signal: 2 };
            record.end = Some(End { reason, scheduled: 60.0, seconds: 60.0, ..last });
            let found = judged(&record);
            assert_eq!(found.status, SloStatus::Inconclusive, "{of:?} {found:?}");
        }
    }

    #[test]
    fn what_the_generator_sent_late_is_not_called_missed() {
        let well = [Requests::ok(10, 2_000_000)];
        for (of, expected) in [
            (LapKind::FirstEvent, SloStatus::Invalid),
            // They begin when something was really said.
            (LapKind::RoundTrip, SloStatus::Missed),
        ] {
            let mut record = streams(of, &well, &[(20 * MS, 5), (150 * MS, 5)]);
            assert_eq!(judged(&record).status, SloStatus::Missed, "{of:?}");
            record.seconds.edit(0.., |_, second| {
                let lags = [(100, 5), (80 * MS, 5)];
                second.times[0][Phase::SendLag] = Sparse::from_counts(lags);
            });
            let found = judged(&record);
            assert_eq!(found.status, expected, "{of:?} {found:?}");
        }
    }

    #[test]
    fn times_of_one_stream_weigh_as_one() {
        let slo = objective(LapKind::RoundTrip, 0.95, 100);
        let well = [Requests::ok(10, 2_000_000)];
        let record = streams(LapKind::RoundTrip, &well, &[(20 * MS, 30)]);
        assert_eq!(together(&record, &[0, 1, 2], &slo), 3);
        // 50 streams are too few for p95, though they have 150 round trips.
        let mut few = record.clone();
        few.head.slos = vec![slo];
        few.seconds.retain(|second| second < 5);
        few.generator.truncate(5);
        assert_eq!(judged(&few).status, SloStatus::Inconclusive);
        assert_eq!(judged(&record).status, SloStatus::Met);
    }

    #[test]
    fn the_limit_itself_is_slow_unless_it_is_included() {
        let of = |inclusive| slow_from(Threshold { limit: 100_000_000, inclusive });
        assert_eq!((of(false), of(true)), (100_000, 100_001));
    }
}
