//! Requests without an outcome, of a run that was interrupted or whose generator was killed.
//!
//! All that is known of them is their age when the run was last heard of: at least the time
//! from the end of the second in which they were due. Whoever stops a run because the target
//! hangs must not be told that all is well, and whoever stops a healthy one must not be told
//! that it failed. So each is one of three:
//!
//! | | counts |
//! | --- | --- |
//! | certainly bad: older than a response-time limit, or than its time limit where that is what the objective speaks of | as bad |
//! | certainly not bad: older than its time limit, where the objective speaks of another end | not at all |
//! | not known | as bad where the question is whether the objective is met, not at all where it is whether it is missed |

use crate::record::histogram::Sparse;
use crate::record::interval::StepCounts;
use crate::record::outcome::Outcome;
use crate::record::run::{EndReason, MetricHead, RunRecord, SloHead, Subset};
use crate::scenario::slo::FailureShare;

/// What is to be said, for one objective, of the open requests of a step in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Open {
    /// They can only end badly.
    pub bad: u64,
    /// Nobody knows.
    pub unknown: u64,
}

/// The open requests of one step among those due in one second, of which these were counted. `is_bad` says which ends the
/// objective counts, if it is one about ends.
pub fn of(
    record: &RunRecord,
    (second, step): (u32, usize),
    counts: &StepCounts,
    slo: &SloHead,
    is_bad: fn(Outcome, FailureShare) -> bool,
) -> Open {
    let Some(heard) = cut(record, second) else { return Open::default() };
    let (number, age) = (open(counts), age(heard, second));
    let is_over = age > time_limit(record, step);
    match slo.metric {
        MetricHead::ResponseTime { threshold, .. } => {
            let limit = record.head.thresholds.get(usize::from(threshold));
            let limit = limit.map_or(f64::MAX, |limit| limit.limit as f64 / 1e9);
            if age > limit { Open::bad(number) } else { Open::unknown(number) }
        }
        MetricHead::Failures(FailureShare::Unsent) => Open::unknown(maybe_unsent(counts, number)),
        MetricHead::Failures(share) if is_over && is_bad(Outcome::Timeout, share) => {
            Open::bad(number)
        }
        MetricHead::Failures(_) if is_over => Open::default(),
        MetricHead::Failures(_) | MetricHead::Throughput(_) => Open::unknown(number),
        MetricHead::Apdex { tolerable, .. } => {
            let limit = record.head.thresholds.get(usize::from(tolerable));
            let limit = limit.map_or(f64::MAX, |limit| limit.limit as f64 / 1e9);
            let points = 2 * number;
            if is_over || age > limit { Open::bad(points) } else { Open::unknown(points) }
        }
        // Times within streams have a count of their own.
        MetricHead::Gauge(_) | MetricHead::CertificateDays(_) | MetricHead::Lap { .. } => {
            Open::default()
        }
    }
}

impl Open {
    fn bad(number: u64) -> Open {
        Open { bad: number, ..Open::default() }
    }

    fn unknown(number: u64) -> Open {
        Open { unknown: number, ..Open::default() }
    }
}

/// Open requests that have surely waited for longer than a limit in microseconds, with the
/// time that they have waited at least: what a response-time quantile must not leave out.
pub fn ages_beyond(record: &RunRecord, seconds: &[u32], within: Subset<'_>, limit: u64) -> Sparse {
    let counted = seconds.iter().filter_map(|second| {
        let age = (age(cut(record, *second)?, *second).max(0.0) * 1e6) as u64;
        let counts = record.seconds.get(*second)?.counts();
        let mine = counts.iter().enumerate().filter(|(index, _)| record.head.is_of(*index, within));
        let number: u64 = mine.map(|(_, counts)| open(counts)).sum();
        (number > 0 && age > limit).then_some((age, number))
    });
    Sparse::from_counts(counted)
}

/// The age, in seconds, that the oldest open request of some seconds has at least.
pub fn oldest(record: &RunRecord, seconds: &[u32]) -> Option<f64> {
    let waiting = |second: &u32| {
        let heard = cut(record, *second)?;
        let found = record.seconds.get(*second)?;
        let has_open = found.counts().iter().any(|counts| open(counts) > 0);
        has_open.then(|| age(heard, *second).max(0.0))
    };
    seconds.iter().filter_map(waiting).reduce(f64::max)
}

/// When what was due in a second was last heard of, in seconds, if that was before all of it
/// ended: the run was cut short, or was at that time and has gone on since.
pub fn cut(record: &RunRecord, second: u32) -> Option<f64> {
    let gone_on = record.head.resumed.iter().find(|resumed| second < resumed.from);
    // It went on from the second behind the last of which anything was known.
    let heard = gone_on.map(|resumed| f64::from(resumed.from.saturating_sub(1)));
    heard.or_else(|| (!is_finished(record)).then(|| last_heard(record)))
}

/// Whether all that was due has an outcome.
pub fn is_whole(record: &RunRecord) -> bool {
    is_finished(record) && record.head.resumed.is_empty()
}

/// Whether the schedule was carried out to its end.
fn is_finished(record: &RunRecord) -> bool {
    record.end.as_ref().is_some_and(|end| end.reason == EndReason::Finished)
}

fn open(counts: &StepCounts) -> u64 {
    counts.planned.saturating_sub(counts.ended())
}

/// What was sent cannot be unsent any more.
fn maybe_unsent(counts: &StepCounts, open: u64) -> u64 {
    let sent_and_ended = counts.ended().saturating_sub(counts.outcome(Outcome::Unsent));
    open.saturating_sub(counts.sent.saturating_sub(sent_and_ended))
}

fn time_limit(record: &RunRecord, step: usize) -> f64 {
    record.head.steps.get(step).map_or(f64::MAX, |step| step.timeout_ms as f64 / 1e3)
}

/// For how long a request that was due in a second had waited, at least, when it was last heard of.
fn age(heard: f64, second: u32) -> f64 {
    heard - (f64::from(second) + 1.0)
}

/// When the run was certainly still going on, in seconds: it was interrupted later, or what
/// it saw later is not on the disk.
fn last_heard(record: &RunRecord) -> f64 {
    let last = record.seconds.last().max(record.generator.last().map(|second| second.second));
    let ended = record.end.as_ref().map_or(0.0, |end| end.seconds);
    ended.max(last.map_or(0.0, f64::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assess::assess;
    use crate::analysis::assessment::{Assessment, SloStatus, Verdict};
    use crate::analysis::sample_records::{self, Requests, add, run};
    use crate::record::run::{Resumed, WindowsHead};

    /// Every kind of objective.
    fn objectives() -> Vec<SloHead> {
        let windows = Some(WindowsHead { share: 0.9, seconds: 2 });
        let errors = sample_records::failures(FailureShare::Errors, 0.01);
        vec![
            sample_records::p99(),
            sample_records::in_windows(0.9, 2),
            errors.clone(),
            SloHead { windows, ..errors.clone() },
            SloHead { allowed: 0.0, ..errors },
            sample_records::failures(FailureShare::Timeouts, 0.01),
            sample_records::failures(FailureShare::Unavailable, 0.01),
            sample_records::failures(FailureShare::ServerErrors, 0.01),
            sample_records::failures(FailureShare::ClientErrors, 0.01),
            sample_records::failures(FailureShare::Unsent, 0.01),
        ]
    }

    /// 40 s, of which those from `from` on have so many open requests each, and nothing else
    /// is known of these.
    fn cut_short(from: u32, open: u64, end: Option<EndReason>) -> RunRecord {
        let mut record = run(60, 200.0);
        record.head.slos = objectives();
        record.generator.truncate(40);
        add(&mut record, 0..40, &[Requests::ok(200, 20_000)]);
        record.seconds.edit(from.., |_, second| {
            second.counts[0].outcomes[0] -= open;
            if open == 200 {
                second.times[0] = crate::record::interval::StepTimes::default();
            }
        });
        let last = record.end.take();
        record.end = end.zip(last).map(|(reason, last)| crate::record::run::End {
            reason,
            scheduled: 40.0,
            seconds: 42.0,
            ..last
        });
        record
    }

    fn statuses(assessment: &Assessment) -> Vec<SloStatus> {
        assessment.slos.iter().map(|slo| slo.status).collect()
    }

    const ENDS: [Option<EndReason>; 3] = [
        None,
        Some(EndReason::Interrupted { signal: 2 }),
        Some(EndReason::Interrupted { signal: 15 }),
    ];

    #[test]
    fn a_target_that_hangs_when_the_run_is_cut_short_has_met_nothing() {
        use SloStatus::{Inconclusive, Met, Missed};
        for end in ENDS {
            let record = cut_short(34, 200, end.clone());
            let assessment = assess(&record);
            let expected = [
                // One stretch of it, however long, is one event.
                Inconclusive,
                Missed,
                Inconclusive,
                Inconclusive,
                Inconclusive,
                Inconclusive,
                Inconclusive,
                Inconclusive,
                Inconclusive,
                // They were sent.
                Met,
            ];
            assert_eq!(statuses(&assessment), expected, "{end:?} {:#?}", assessment.slos);
            assert_eq!(assessment.verdict, Verdict::SloMissed);
            let note = assessment.slos[2].note.as_ref().unwrap();
            let age = if end.is_none() { "4 s" } else { "7 s" };
            let told = format!(
                "1,200 requests had no answer yet when the run was cut short, some for more than {age}"
            );
            assert!(note.starts_with(&told), "{note}");
            let p99 = assessment.slos[0].measured.unwrap();
            let crate::analysis::assessment::Measured::Millis(p99) = p99 else { panic!() };
            assert!(p99 > 3_000.0, "a quantile without those that hang: {p99}");
        }
    }

    /// A run that was cut short while everything hung has gone on, well and to its end: once,
    /// and once more for nothing.
    fn gone_on(end: Option<EndReason>, froms: &[u32]) -> RunRecord {
        let mut record = cut_short(34, 200, end);
        record.end = run(60, 200.0).end;
        let head = &mut record.head.resumed;
        head.extend(froms.iter().map(|from| Resumed { from: *from, ..Resumed::default() }));
        add(&mut record, froms[0]..60, &[Requests::ok(200, 20_000)]);
        record
    }

    #[test]
    fn what_hung_when_a_run_was_cut_short_is_not_healed_by_going_on() {
        for end in ENDS {
            for froms in [&[42][..], &[42, 50]] {
                let assessment = assess(&gone_on(end.clone(), froms));
                let statuses = statuses(&assessment);
                let met: Vec<_> =
                    (0..10).filter(|index| statuses[*index] == SloStatus::Met).collect();
                assert_eq!(met, [9], "only that they were sent: {end:?} {:#?}", assessment.slos);
                assert_ne!(assessment.verdict, Verdict::Pass);
                let note = assessment.slos[2].note.as_ref().unwrap();
                assert!(note.contains("1,200 requests had no answer yet"), "{note}");
            }
        }
    }

    #[test]
    fn a_healthy_run_that_went_on_passes() {
        let mut record = cut_short(39, 0, None);
        record.end = run(60, 200.0).end;
        record.head.resumed.push(Resumed { from: 42, ..Resumed::default() });
        add(&mut record, 42..60, &[Requests::ok(200, 20_000)]);
        let assessment = assess(&record);
        let well = [SloStatus::Met; 10];
        assert_eq!(statuses(&assessment), well, "{:#?}", assessment.slos);
    }

    #[test]
    fn a_healthy_run_that_is_cut_short_has_missed_nothing() {
        for end in ENDS {
            for open in [0, 1, 20] {
                let assessment = assess(&cut_short(39, open, end.clone()));
                let statuses = statuses(&assessment);
                assert!(!statuses.contains(&SloStatus::Missed), "{open} {:#?}", assessment.slos);
                let undecided = assessment.verdict == Verdict::Inconclusive;
                assert_eq!(undecided, open > 0, "{open} {:#?}", assessment.reasons);
                assert!(open > 1 || statuses[0] == SloStatus::Met, "{:#?}", assessment.slos[0]);
            }
        }
    }

    #[test]
    fn what_is_older_than_its_time_limit_is_a_timeout_and_nothing_else() {
        use SloStatus::{Met, Missed};
        let mut record = cut_short(10, 20, Some(EndReason::Interrupted { signal: 2 }));
        record.head.steps[0].timeout_ms = 1_000;
        let statuses = statuses(&assess(&record));
        assert_eq!(statuses[5..9], [Missed, Missed, Met, Met]);
        assert_eq!(statuses[2..5], [Missed; 3]);
    }

    #[test]
    fn open_requests_can_only_make_things_worse() {
        let rank = |status: SloStatus| match status {
            SloStatus::Met => 2,
            SloStatus::Inconclusive | SloStatus::Invalid => 1,
            SloStatus::Missed => 0,
        };
        for errors in [0, 1, 2, 3, 8] {
            let with = |open: u64| {
                let mut record = cut_short(39, 0, None);
                add(&mut record, 10..40, &[Requests::ended(errors, Outcome::ServerError)]);
                record.seconds.edit(20.., |_, second| {
                    second.counts[0].planned += open;
                    second.counts[0].sent += open;
                });
                statuses(&assess(&record))
            };
            for (more, less) in [(1, 0), (5, 1), (100, 5), (10_000, 100)] {
                let pairs = with(more).into_iter().zip(with(less));
                for (index, (more, less)) in pairs.enumerate() {
                    assert!(rank(more) <= rank(less), "{errors} {index}: {less:?} -> {more:?}");
                }
            }
        }
    }

    #[test]
    fn of_the_last_second_of_a_killed_run_only_what_was_seen_is_counted() {
        let mut record = cut_short(40, 0, None);
        let known = crate::analysis::window::measured_seconds(&record);
        assert!((known - 40.0).abs() < 1e-9, "{known}");
        add(&mut record, [40], &[Requests::ok(2, 20_000)]);
        let known = crate::analysis::window::measured_seconds(&record);
        assert!((known - 40.01).abs() < 1e-9, "{known}");
        let assessment = assess(&record);
        assert!(assessment.limits_of_knowledge.iter().any(|limit| limit.contains("last second")));
    }
}
