//! Whether the counts of a record and its histograms can be of the same requests.
//!
//! Counts are in `run.json`, histograms in `intervals.hlog`. Where one of the files was
//! shortened, lost or changed they contradict each other, and every verdict would be one
//! about other requests than were sent. Each kind of time has a number that follows from the
//! outcomes (`recorder` is where both come from):
//!
//! | histogram | holds |
//! | --- | --- |
//! | `response`, `least` | ok, timeout, transport error, unsent |
//! | `failed` | the other outcomes |
//! | `send_lag` | every outcome |
//! | `connect` | connections that were waited for |
//! | `handshake` | none, or as many as `connect` |
//! | `service`, `first_byte` | the same number; all answered, none unsent |
//! | `receive_lag` | at most as many as `service` |
//! | `first_event` | at most as many as were sent |
//! | `event_gap` | none without a first event |
//! | `round_trip`, `redirect` | none without a request that was sent |
//!
//! `slower` has what lies above its limit, and nothing that lies below, as far as a bucket
//! tells; statuses, causes and requests sent are no more than there were requests.

use std::fmt;

use crate::record::histogram::{MAX_MICROS, bucket_top};
use crate::record::interval::{StepCounts, StepTimes};
use crate::record::outcome::Outcome;
use crate::record::packing::{PackedHistogram, PackedStep};
use crate::record::phase::Phase;
use crate::record::run::{EndReason, RunRecord};
use crate::record::step_head::StepHead;
use crate::scenario::slo::Threshold;

/// Where a record contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disagreement {
    /// Whether a histogram takes part, and not counts alone.
    pub(super) is_in_log: bool,
    /// The first place.
    first: String,
    /// How many more seconds of steps there are.
    more: u64,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first)?;
        match self.more {
            0 => Ok(()),
            1 => f.write_str("; one more second of a step is like it"),
            more => write!(f, "; {more} more seconds of steps are like it"),
        }
    }
}

/// One contradiction.
struct Fault {
    is_in_log: bool,
    what: String,
}

/// Whether the counts of a record agree with its histograms, and with each other.
pub(super) fn check(record: &RunRecord) -> Result<(), Disagreement> {
    let mut found: Option<Disagreement> = None;
    let mut open = 0_u64;
    let head = &record.head;
    for second in record.seconds.iter() {
        let (all, times) = (second.counts(), second.times());
        for (place, (counts, histograms)) in all.iter().zip(times.series()).enumerate() {
            let Some(step) = head.steps.get(head.step_of(place)) else { continue };
            let Err(fault) = check_place(counts, &histograms, Rules::of(record, step)) else {
                continue;
            };
            if let Some(found) = &mut found {
                found.more += 1;
            } else {
                let number = second.second();
                let first = format!("second {number} of step \"{}\": {}", step.name, fault.what);
                found = Some(Disagreement { is_in_log: fault.is_in_log, first, more: 0 });
            }
        }
        let lacking = all.iter().map(|counts| counts.planned.saturating_sub(ended(counts)));
        open = lacking.fold(open, u64::saturating_add);
    }
    found.map_or_else(|| check_open(record, open), Err)
}

/// Whether the counts and histograms of a series in one second agree.
pub(super) fn agrees(
    record: &RunRecord,
    place: usize,
    counts: &StepCounts,
    times: &StepTimes,
) -> bool {
    let packed = PackedStep::of(times);
    let step = &record.head.steps[record.head.step_of(place)];
    check_place(counts, &packed.histograms(), Rules::of(record, step)).is_ok()
}

/// By what slow requests of a step were counted.
#[derive(Clone, Copy)]
struct Rules<'a> {
    thresholds: &'a [Threshold],
    /// In nanoseconds: no request without an answer is in `response` with less.
    unanswered_from: u64,
}

impl Rules<'_> {
    fn of<'a>(record: &'a RunRecord, step: &StepHead) -> Rules<'a> {
        // Also when it went on later.
        let is_whole = record.head.resumed.is_empty()
            && record.end.as_ref().is_some_and(|end| {
                matches!(end.reason, EndReason::Finished | EndReason::RowsUsed { .. })
            });
        // What was under way when a run was cut short need not have had its time.
        let unanswered_from = if is_whole { step.timeout_ms.saturating_mul(1_000_000) } else { 0 };
        Rules { thresholds: &record.head.thresholds, unanswered_from }
    }
}

/// What was due and has no outcome was given up at the end.
fn check_open(record: &RunRecord, open: u64) -> Result<(), Disagreement> {
    let Some(end) = record.end.as_ref().filter(|end| end.faults.is_empty()) else { return Ok(()) };
    if open == end.abandoned {
        return Ok(());
    }
    let first =
        format!("{open} requests have no outcome, but {} were given up at the end", end.abandoned);
    Err(Disagreement { is_in_log: false, first, more: 0 })
}

/// Whether one series can have these counts and these histograms in one second.
fn check_place(
    counts: &StepCounts,
    times: &StepHistograms<'_>,
    rules: Rules<'_>,
) -> Result<(), Fault> {
    check_histograms(counts, times)?;
    check_counts(counts, times)?;
    check_slower(counts, times[Phase::Response.index()], rules)
}

/// By phase.
type StepHistograms<'a> = [PackedHistogram<'a>; Phase::COUNT];

fn check_histograms(counts: &StepCounts, times: &StepHistograms<'_>) -> Result<(), Fault> {
    let number = |phase: Phase| times[phase.index()].count();
    let in_response = counts.in_response_time();
    let (ended, service) = (ended(counts), number(Phase::Service));
    let secured = if number(Phase::Handshake) > 0 { counts.connects } else { 0 };
    let exact = [
        ("requests counted", in_response, Phase::Response),
        ("requests counted", in_response, Phase::Least),
        ("failed requests counted", ended.saturating_sub(in_response), Phase::Failed),
        ("requests counted", ended, Phase::SendLag),
        ("connections waited for", counts.connects, Phase::Connect),
        ("connections waited for", secured, Phase::Handshake),
        ("times in the histogram \"service\"", service, Phase::FirstByte),
    ];
    for (counted, expected, phase) in exact {
        let there = number(phase);
        if there != expected {
            let kind = phase.name();
            let what = format!("{expected} {counted}, {there} in the histogram \"{kind}\"");
            return Err(Fault { is_in_log: true, what });
        }
    }
    let answered = sum(ANSWERED, counts);
    let most = ended.saturating_sub(counts.outcome(Outcome::Unsent));
    let what = if !(answered..=most).contains(&service) {
        format!("{answered} to {most} answered requests, {service} in the histogram \"service\"")
    } else if number(Phase::ReceiveLag) > service {
        let there = number(Phase::ReceiveLag);
        format!("{service} answered requests, {there} in the histogram \"receive_lag\"")
    } else {
        return check_laps(counts.sent, number);
    };
    Err(Fault { is_in_log: true, what })
}

/// Times within exchanges, which may still be under way.
fn check_laps(sent: u64, number: impl Fn(Phase) -> u64) -> Result<(), Fault> {
    let [first, gaps] = [Phase::FirstEvent, Phase::EventGap].map(&number);
    let mut others = [Phase::RoundTrip, Phase::Redirect].into_iter();
    let what = if first > sent {
        format!("{sent} requests sent, {first} in the histogram \"first_event\"")
    } else if gaps > 0 && first == 0 {
        format!("no first event, {gaps} in the histogram \"event_gap\"")
    } else if let Some(phase) = others.find(|phase| number(*phase) > 0 && sent == 0) {
        let (there, name) = (number(phase), phase.name());
        format!("no request sent, {there} in the histogram \"{name}\"")
    } else {
        return Ok(());
    };
    Err(Fault { is_in_log: true, what })
}

/// Outcomes that only an answer can have. A failed check can be without one.
const ANSWERED: [Outcome; 4] =
    [Outcome::Ok, Outcome::Rejected, Outcome::ClientError, Outcome::ServerError];
/// Outcomes that are slower than any limit.
const UNANSWERED: [Outcome; 3] = [Outcome::Timeout, Outcome::TransportError, Outcome::Unsent];

fn check_counts(counts: &StepCounts, times: &StepHistograms<'_>) -> Result<(), Fault> {
    let (ended, planned, sent) = (ended(counts), counts.planned, counts.sent);
    let causes = total(counts.causes.iter());
    let statuses = total(counts.statuses.iter().map(|(_, times)| times));
    let service = times[Phase::Service.index()].count();
    let answered = sum(ANSWERED, counts);
    let what = if ended > planned {
        format!("{ended} requests ended, {planned} were due")
    } else if sent > planned {
        format!("{sent} requests sent, {planned} were due")
    } else if service > sent {
        format!("{service} requests answered, {sent} were sent")
    } else if causes > ended {
        format!("{causes} causes of {ended} requests")
    } else if statuses < answered || statuses > service {
        format!("{statuses} statuses of {answered} to {service} answers")
    } else {
        return Ok(());
    };
    Err(Fault { is_in_log: false, what })
}

/// A request counts as slower if its time lies above the limit. In the bucket of the limit
/// itself it may lie on either side.
fn check_slower(
    counts: &StepCounts,
    response: PackedHistogram<'_>,
    rules: Rules<'_>,
) -> Result<(), Fault> {
    let thresholds = rules.thresholds;
    let (unanswered, ok) = (sum(UNANSWERED, counts), counts.outcome(Outcome::Ok));
    let ok = ok.saturating_add(counts.right_but_slow());
    let wanted = if ended(counts) > 0 { thresholds.len() } else { 0 };
    if counts.slower.len() < wanted || counts.slower.len() > thresholds.len() {
        let (there, limits) = (counts.slower.len(), thresholds.len());
        let what = format!("{there} counts of slow requests for {limits} limits");
        return Err(Fault { is_in_log: false, what });
    }
    for (slower, threshold) in counts.slower.iter().zip(thresholds) {
        let limit = (threshold.limit.saturating_add(500) / 1_000).clamp(1, MAX_MICROS);
        let least = response.count_from(bucket_top(limit) + 1).max(unanswered);
        let is_below = rules.unanswered_from < threshold.limit;
        let most = response.count_from(limit).saturating_add(if is_below { unanswered } else { 0 });
        let most = most.min(unanswered.saturating_add(ok));
        if !(least..=most).contains(slower) {
            let limit = crate::units::format_duration(threshold.duration());
            let what = format!(
                "{slower} requests counted as slower than {limit}, {least} to {most} by the \
                 histogram \"response\""
            );
            return Err(Fault { is_in_log: true, what });
        }
    }
    Ok(())
}

/// Counts of a file may be anything: they saturate.
fn total<'a>(counts: impl Iterator<Item = &'a u64>) -> u64 {
    counts.fold(0, |sum, count| sum.saturating_add(*count))
}

fn ended(counts: &StepCounts) -> u64 {
    total(counts.outcomes.iter())
}

fn sum(outcomes: impl IntoIterator<Item = Outcome>, counts: &StepCounts) -> u64 {
    outcomes.into_iter().fold(0, |sum, it| sum.saturating_add(counts.outcome(it)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::histogram::Sparse;
    use crate::record::outcome::Cause;
    use crate::record::recorder::{Due, Missed, Part, Recorder};
    use crate::record::sample::{Lap, Sample};
    use crate::scenario::model::{StepId, TenantId};
    use crate::units::Moment;

    const MS: u64 = 1_000_000;

    fn agrees(counts: &StepCounts, times: &StepTimes) -> bool {
        let thresholds = &thresholds();
        let packed = PackedStep::of(times);
        let rules = Rules { thresholds, unanswered_from: 10_000 * MS };
        check_place(counts, &packed.histograms(), rules).is_ok()
    }

    fn thresholds() -> Vec<Threshold> {
        [(200, false), (200, true), (500, false), (20_000, true)]
            .map(|(ms, inclusive)| Threshold { limit: ms * MS, inclusive })
            .to_vec()
    }

    /// One request of each outcome, and times on and around the limits.
    fn samples() -> Vec<Sample> {
        let sample = |outcome, micros: u64| {
            let is_answered = !UNANSWERED.contains(&outcome);
            Sample {
                step: StepId(0),
                tenant: TenantId(0),
                intended: Moment(0),
                sent: (outcome != Outcome::Unsent).then_some(Moment(1)),
                first_byte: is_answered.then_some(Moment(2)),
                ended: Moment(micros * 1_000),
                send_lag: 1,
                lag_felt: 0,
                receive_lag: is_answered.then_some(7),
                connect: (micros == 5).then_some(9),
                handshake: (micros == 5).then_some(4),
                outcome,
                cause: (outcome == Outcome::CheckFailed).then_some(Cause::UnexpectedStatus),
                status: is_answered.then_some(200),
                body_bytes: 3,
                repeated: false,
                limit: 10_000 * MS,
            }
        };
        let near = [5, 199_900, 199_999, 200_000, 200_001, 200_100, 499_999, 500_000, 600_000];
        let ok = near.into_iter().map(|micros| sample(Outcome::Ok, micros));
        ok.chain(Outcome::ALL.into_iter().map(|outcome| sample(outcome, 800))).collect()
    }

    fn part() -> Part {
        let mut samples = [samples()];
        let (planned, sent) = (samples[0].len() as u32, samples[0].len() as u32 - 1);
        let mut due = [Due {
            second: 0,
            step: StepId(0),
            tenant: TenantId(0),
            planned,
            sent,
            missed: Missed::default(),
        }];
        let lap = |(phase, count)| Lap {
            second: 0,
            step: StepId(0),
            tenant: TenantId(0),
            phase,
            nanos: 1_000,
            count,
        };
        let laps = [
            (Phase::FirstEvent, sent),
            (Phase::EventGap, 1),
            (Phase::RoundTrip, 1),
            (Phase::Redirect, 1),
        ];
        let mut laps = laps.map(lap);
        Recorder::new(thresholds()).fold(&mut samples, &mut due, &mut laps).next().unwrap()
    }

    #[test]
    fn what_is_recorded_agrees() {
        let Part { counts, times, .. } = part();
        assert!(agrees(&counts, &times));
        let nothing = (StepCounts::default(), StepTimes::default());
        assert!(agrees(&nothing.0, &nothing.1));
        let due = StepCounts { planned: 7, sent: 3, ..StepCounts::default() };
        assert!(agrees(&due, &nothing.1), "under way");
    }

    #[test]
    fn one_time_more_or_less_of_any_kind_is_found() {
        for phase in Phase::ALL {
            for change in [-1_i64, 1] {
                let Part { counts, mut times, .. } = part();
                let mut buckets = times[phase].buckets().to_vec();
                buckets[0].1 = buckets[0].1.saturating_add_signed(change);
                buckets.retain(|(_, count)| *count > 0);
                times[phase] = Sparse::from_buckets(buckets);
                let found = agrees(&counts, &times);
                // A stamp of the kernel may be missing, and without TLS there is no handshake.
                let may_lack = matches!(phase, Phase::ReceiveLag | Phase::Handshake);
                // Of times within exchanges there may be any number.
                let any = matches!(phase, Phase::EventGap | Phase::RoundTrip | Phase::Redirect);
                let may_lack = may_lack || phase == Phase::FirstEvent;
                let is_fine = any || (may_lack && change < 0);
                assert_eq!(found, is_fine, "{phase:?}, {change}");
            }
        }
    }

    #[test]
    fn times_within_exchanges_need_exchanges() {
        let Part { counts, mut times, .. } = part();
        times[Phase::FirstEvent] = Sparse::default();
        assert!(!agrees(&counts, &times), "gaps without a first event");
        times[Phase::EventGap] = Sparse::default();
        assert!(agrees(&counts, &times));
        let unsent = StepCounts { planned: 7, ..StepCounts::default() };
        let mut trips = StepTimes::default();
        assert!(agrees(&unsent, &trips));
        trips[Phase::RoundTrip] = times[Phase::RoundTrip].clone();
        assert!(!agrees(&unsent, &trips));
    }

    #[test]
    fn one_request_more_or_less_in_any_count_is_found() {
        type Change = fn(&mut StepCounts);
        let changes: [(&str, Change); 12] = [
            ("planned", |it| it.planned = it.ended() - 1),
            ("sent", |it| it.sent = it.planned + 1),
            ("too few sent", |it| it.sent = 0),
            ("connects", |it| it.connects += 1),
            ("causes", |it| it.causes[0] += 100),
            ("statuses", |it| it.statuses[0].1 += 100),
            ("no status", |it| it.statuses.clear()),
            ("a limit", |it| it.slower.truncate(3)),
            ("one more limit", |it| it.slower.push(0)),
            ("too few slower", |it| it.slower[0] -= 3),
            ("too many slower", |it| it.slower[2] += 2),
            ("beyond any number", |it| it.outcomes = [u64::MAX; Outcome::COUNT]),
        ];
        for (name, change) in changes {
            let Part { mut counts, times, .. } = part();
            change(&mut counts);
            assert!(!agrees(&counts, &times), "{name}");
        }
        for from in Outcome::ALL {
            let Part { mut counts, times, .. } = part();
            counts.outcomes[from.index()] -= 1;
            assert!(!agrees(&counts, &times), "one {from:?} less");
            // Unanswered and ok are in one histogram, and not the same.
            counts.outcomes[Outcome::Ok.index()] += 1;
            if from != Outcome::Ok {
                assert!(!agrees(&counts, &times), "{from:?} is ok");
            }
        }
    }

    /// A request in the limit's own bucket may be on either side of it.
    #[test]
    fn a_bucket_tells_no_more_than_it_can() {
        let Part { counts, times, .. } = part();
        let exact = counts.slower[0];
        let allowed: Vec<u64> = (0..=counts.ended())
            .filter(|slower| {
                let mut counts = counts.clone();
                counts.slower[0] = *slower;
                agrees(&counts, &times)
            })
            .collect();
        assert!(allowed.contains(&exact) && allowed.len() <= 5, "{exact}: {allowed:?}");
    }
}
