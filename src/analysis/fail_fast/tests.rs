//! Records, played second by second to whoever looks.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::*;
use crate::analysis::assess::assess;
use crate::analysis::assessment::Verdict;
use crate::analysis::sample_records::{self, Requests, add, run};
use crate::record::histogram::Sparse;
use crate::record::interval::{StepCounts, StepTimes};
use crate::record::noisy::{EffectHead, NoisyHead};
use crate::record::outcome::Outcome;
use crate::record::phase::Phase;
use crate::record::run::{
    EndReason, MetricHead, RunRecord, StageHead, TenantsHead, ThroughputHead,
};
use crate::record::series::{SeriesHead, SeriesId};
use crate::record::step_head::StreamHead;
use crate::scenario::gauge::Side;
use crate::scenario::load::Crowd;
use crate::scenario::slo::{Bound, FailureShare, LapKind, Threshold, Throughput};

/// How long after it was due an answer is there, in seconds.
type Delay = fn(Outcome) -> u32;

fn at_once(_: Outcome) -> u32 {
    0
}

/// What becomes known of a record in a second.
fn learnt(record: &RunRecord, now: u32, delay: Delay) -> Vec<Part> {
    let mut parts = Vec::new();
    for second in now.saturating_sub(30)..=now {
        let Some(found) = record.seconds.get(second).map(|found| found.unpack()) else { continue };
        for (place, (counts, times)) in found.counts.iter().zip(&found.times).enumerate() {
            let is_now = |outcome: &Outcome| second + delay(*outcome) == now;
            let mut known = StepCounts::default();
            let outcomes = Outcome::ALL.into_iter().filter(is_now);
            outcomes.for_each(|it| known.outcomes[it.index()] = counts.outcome(it));
            let mut seen = StepTimes::default();
            if second == now {
                (known.planned, known.sent) = (counts.planned, counts.sent);
            }
            // Times are those of the requests that ended well.
            if is_now(&Outcome::Ok) {
                (known.slower, known.felt) = (counts.slower.clone(), counts.felt.clone());
                known.body_bytes = counts.body_bytes;
                seen = times.clone();
            }
            if !known.is_empty() || seen != StepTimes::default() {
                let series = SeriesId(place as u16);
                parts.push(Part { second, series, counts: known, times: seen });
            }
        }
    }
    parts
}

/// The second in which a run ends, and why.
fn ended_with(
    record: &RunRecord,
    delay: Delay,
    is_sound: impl Fn(u32) -> bool,
) -> Option<(u32, String)> {
    let mut fast = FailFast::of(&record.head);
    let to = fast.ahead.judged.to;
    (0..to + 30).find_map(|now| {
        let why = fast.look(now, &learnt(record, now, delay), is_sound(now))?;
        Some((now, why))
    })
}

fn ended(record: &RunRecord) -> Option<(u32, String)> {
    ended_with(record, at_once, |_| true)
}

/// The verdict on a run that is ended there.
fn verdict_then(record: &RunRecord, at: u32) -> Verdict {
    let mut record = record.clone();
    record.seconds.retain(|second| second <= at);
    record.generator.retain(|second| second.second <= at);
    let end = record.end.as_mut().unwrap();
    end.reason = EndReason::FailedFast { detail: "so".to_owned() };
    (end.scheduled, end.seconds) = (f64::from(at) + 1.0, f64::from(at) + 1.0);
    assess(&record).verdict
}

/// It ends within these seconds, says so, and its record is judged as missed.
#[track_caller]
fn ends(record: &RunRecord, within: std::ops::Range<u32>, says: &str) {
    let (second, why) = ended(record).expect("it ends");
    assert!(within.contains(&second), "{second}: {why}");
    assert!(why.contains(says) && why.contains("is missed for certain: "), "{why}");
    assert_eq!(verdict_then(record, second), Verdict::SloMissed, "{why}");
}

/// A minute of 100 requests a second and one objective, without a warm-up of its own.
fn of(slo: SloHead) -> RunRecord {
    let mut record = run(60, 100.0);
    record.head.slos = vec![slo];
    record
}

fn fine(number: u64) -> Requests {
    Requests::ok(number, 20_000)
}

fn slow(number: u64) -> Requests {
    Requests::ok(number, 900_000)
}

fn failed(number: u64) -> Requests {
    Requests::ended(number, Outcome::ServerError)
}

#[test]
fn a_share_is_told_from_fifteen_judged_seconds_on() {
    let mut record = of(sample_records::failures(FailureShare::Errors, 0.01));
    add(&mut record, 0..60, &[fine(50), failed(50)]);
    ends(&record, 25..26, "50 % bad in 15 seconds, 1 % allowed");
    // Seconds in which the generator stood still are no evidence.
    let (second, _) = ended_with(&record, at_once, |second| second % 2 == 0).unwrap();
    assert_eq!(second, 39);
    assert_eq!(ended_with(&record, at_once, |_| false), None);
}

/// A good answer takes 25 s, a failure none: what has ended looks far worse than it is.
#[test]
fn failures_that_come_sooner_than_answers_end_nothing() {
    for slo in [
        sample_records::failures(FailureShare::Errors, 0.05),
        SloHead {
            allowed: 0.05,
            metric: MetricHead::ResponseTime { quantile: 0.95, threshold: 0 },
            ..sample_records::p99()
        },
    ] {
        let mut record = of(slo);
        record.head.thresholds[0].limit = 40_000_000_000;
        record.head.steps[0].timeout_ms = 60_000;
        let reset = Requests::ended(1, Outcome::TransportError);
        add(&mut record, 0..60, &[Requests::ok(99, 25_000_000), reset]);
        assert_eq!(assess(&record).verdict, Verdict::Pass, "{:?}", assess(&record).reasons);
        let later: Delay = |outcome| if outcome == Outcome::Ok { 25 } else { 0 };
        assert_eq!(ended_with(&record, later, |_| true), None);
    }
}

/// Those of the warm-up time out when it is long over.
#[test]
fn what_was_due_in_the_warm_up_is_no_evidence_however_late_it_ends() {
    let mut record = of(sample_records::failures(FailureShare::Errors, 0.05));
    add(&mut record, 0..10, &[fine(20), Requests::ended(80, Outcome::Timeout)]);
    add(&mut record, 10..60, &[fine(100)]);
    assert_eq!(assess(&record).verdict, Verdict::Pass);
    let later: Delay = |outcome| if outcome == Outcome::Timeout { 10 } else { 0 };
    assert_eq!(ended_with(&record, later, |_| true), None);
}

fn stage(seconds: f64, rate: f64) -> StageHead {
    StageHead { seconds, from: rate, to: rate, users: None, warmup: false }
}

#[test]
fn where_the_load_changes_a_bad_beginning_must_be_too_much_for_the_whole_run() {
    let spike = |bad: u64| {
        let mut record = run(600, 100.0);
        record.head.slos = vec![sample_records::failures(FailureShare::Errors, 0.05)];
        record.head.load.stages = vec![stage(40.0, 200.0), stage(560.0, 100.0)];
        add(&mut record, 0..40, &[fine(200 - bad), failed(bad)]);
        add(&mut record, 40..600, &[fine(100)]);
        record
    };
    let dip = spike(50);
    assert_eq!(assess(&dip).verdict, Verdict::Pass, "{:?}", assess(&dip).reasons);
    assert_eq!(ended(&dip), None);
    // 62,000 requests, 5 % of them may fail, a fifth more than that are left room for.
    ends(&spike(180), 26..40, "90 % bad in");
    let mut closed = dip;
    let users = |from, to| Some(Crowd { from, to });
    closed.head.load.stages = vec![
        StageHead { users: users(1, 50), ..stage(40.0, 0.0) },
        StageHead { users: users(50, 50), ..stage(560.0, 0.0) },
    ];
    let says = FailFast::that_wait(&closed.head).unwrap();
    assert!(says.contains(&closed.head.slos[0].text), "{says}");
    assert_eq!(ended(&closed), None);
}

#[test]
fn windows_end_a_run_when_more_are_bad_than_all_of_it_may_have() {
    // 50 judged seconds are ten windows, of which two may be bad.
    let mut record = of(sample_records::in_windows(0.8, 5));
    let bad = [15, 25, 40];
    add(&mut record, 0..60, &[fine(90)]);
    add(&mut record, (0..60).filter(|s| !bad.contains(&(s / 5 * 5))), &[fine(10)]);
    add(&mut record, (0..60).filter(|s| bad.contains(&(s / 5 * 5))), &[slow(10)]);
    assert_eq!(assess(&record).verdict, Verdict::SloMissed);
    ends(&record, 46..47, "3 windows bad, of the 10 planned no more than 2 may be");
    let mut two = record.clone();
    two.seconds.edit(40..45, |_, second| {
        second.counts[0].slower = vec![0];
        second.times[0][Phase::Response] = Sparse::from_counts([(20_000, 100)]);
    });
    assert_eq!(assess(&two).verdict, Verdict::Pass, "{:?}", assess(&two).reasons);
    assert_eq!(ended(&two), None);
    // A stall of the generator in one of them, or lag that its requests have felt, leaves it open.
    assert_eq!(ended_with(&record, at_once, |second| second != 27), None);
    let mut late = record;
    late.seconds.edit(25..30, |_, second| {
        for _ in 0..10 {
            second.counts[0].add_felt(Outcome::Ok, 800_000_000);
        }
    });
    assert_eq!(ended(&late), None);
}

#[test]
fn where_none_may_be_bad_the_first_ends_it() {
    let max = SloHead {
        allowed: 0.0,
        metric: MetricHead::ResponseTime { quantile: 1.0, threshold: 0 },
        ..sample_records::p99()
    };
    let mut record = of(max);
    add(&mut record, 0..60, &[fine(100)]);
    add(&mut record, [3], &[slow(1)]);
    assert_eq!(ended(&record), None, "it was due in the warm-up");
    add(&mut record, [33], &[slow(1)]);
    ends(&record, 34..35, "1 bad, none allowed");
}

fn per_second(of: Throughput, side: Side, limit: f64) -> SloHead {
    let bound = Bound { limit, side, inclusive: true };
    let metric = MetricHead::Throughput(ThroughputHead { of, bound });
    SloHead { metric, allowed: 0.0, text: "an amount".to_owned(), ..sample_records::p99() }
}

#[test]
fn too_low_a_goodput_ends_a_run_whose_load_holds_still() {
    let with = |failing: u64| {
        let mut record = of(per_second(Throughput::Goodput, Side::Above, 80.0));
        add(&mut record, 0..60, &[fine(100 - failing), failed(failing)]);
        record
    };
    ends(&with(50), 25..45, "50/s in");
    assert_eq!(ended(&with(15)), None);
    // What is open may end well.
    let later: Delay = |outcome| if outcome == Outcome::Ok { 25 } else { 0 };
    assert_eq!(ended_with(&with(15), later, |_| true), None);
    // The plan is no fault of the target's.
    let mut low = of(per_second(Throughput::Goodput, Side::Above, 200.0));
    add(&mut low, 0..60, &[fine(100)]);
    assert_eq!(assess(&low).verdict, Verdict::Inconclusive);
    assert_eq!(ended(&low), None);
    let mut ramp = with(50);
    ramp.head.load.stages = vec![StageHead { to: 400.0, ..stage(60.0, 10.0) }];
    assert_eq!(ended(&ramp), None);
    assert!(FailFast::that_wait(&ramp.head).is_some_and(|says| says.ends_with("an amount")));
}

#[test]
fn bytes_end_a_run_on_either_side() {
    let with = |side: Side, limit: f64, each: u64| {
        let mut record = of(per_second(Throughput::ReceivedBytes, side, limit));
        add(&mut record, 0..60, &[fine(99), failed(1)]);
        record.seconds.edit(0.., |_, second| second.counts[0].body_bytes = 100 * each);
        record
    };
    ends(&with(Side::Below, 1e6, 20_000), 25..45, "2 MB/s in");
    ends(&with(Side::Above, 1e6, 1_000), 25..45, "100 kB/s in");
    assert_eq!(ended(&with(Side::Below, 1e6, 9_900)), None);
    assert_eq!(ended(&with(Side::Above, 1e6, 10_100)), None);
}

/// Ten streams a second, each with so many times of a kind, of which some are slow.
fn streams(of: LapKind, each: u64, slow: u64, failing: u64) -> RunRecord {
    let limit = Threshold { limit: 100_000_000, inclusive: false };
    let metric = MetricHead::Lap { of, quantile: 0.9, limit };
    let slo = SloHead {
        metric,
        allowed: 0.1,
        text: "lap.p90 < 100ms".to_owned(),
        ..sample_records::p99()
    };
    let mut record = self::of(slo);
    record.head.steps[0].stream = Some(match of {
        LapKind::FirstEvent | LapKind::EventGap => StreamHead::Events,
        LapKind::RoundTrip => StreamHead::WebSocket { round_trips: each as u32 },
    });
    let well = Requests::ok(10 - failing, 2_000_000);
    add(&mut record, 0..60, &[well, failed(failing)]);
    record.seconds.edit(0.., |_, second| {
        let times = [(20_000, (10 - failing) * each - slow), (300_000, slow)];
        let times = times.into_iter().filter(|it| it.1 > 0);
        second.times[0][Phase::from(of)] = Sparse::from_counts(times);
    });
    record
}

#[test]
fn times_within_streams_end_a_run_as_others_do() {
    let slowly: Delay = |outcome| if outcome == Outcome::Ok { 2 } else { 0 };
    for (of, each) in [(LapKind::FirstEvent, 1), (LapKind::EventGap, 4), (LapKind::RoundTrip, 3)] {
        ends(&streams(of, each, 10 * each / 2, 0), 25..50, "50 % bad in");
        assert_eq!(ended(&streams(of, each, 0, 0)), None, "{of:?}");
        let missing = ended_with(&streams(of, each, 0, 8), slowly, |_| true);
        assert!(missing.is_some(), "{of:?}: a stream that breaks has no time");
    }
    // Of each second one stream of ten has no first event, which is allowed.
    assert_eq!(ended_with(&streams(LapKind::FirstEvent, 1, 0, 1), slowly, |_| true), None);
}

/// Three tenants and all others, each with a series of the only step, of whose requests so many of a
/// hundred fail.
fn of_tenants(slo: SloHead, shares: [u64; 4]) -> RunRecord {
    let mut record = run(60, 400.0);
    let names = ["a", "b", "c"].map(str::to_owned).to_vec();
    record.head.tenants = Some(TenantsHead { names, has_others: true });
    let series = |place| SeriesHead { step: 0, tenant: Some(place), tag: format!("s--t{place}") };
    record.head.series = (0..4).map(series).collect();
    record.head.slos = vec![slo];
    for (step, bad) in shares.into_iter().enumerate() {
        let of = |requests: Requests| Requests { step, ..requests };
        add(&mut record, 0..60, &[of(fine(100 - bad)), of(failed(bad))]);
    }
    record
}

#[test]
fn a_run_ends_when_one_tenant_misses_what_holds_for_each() {
    let errors = sample_records::failures(FailureShare::Errors, 0.1);
    let each = SloHead { each_tenant: true, ..errors.clone() };
    ends(&of_tenants(each.clone(), [0, 50, 0, 0]), 25..40, "50 % bad");
    assert!(ended(&of_tenants(each.clone(), [0, 50, 0, 0])).unwrap().1.starts_with("b: "));
    assert_eq!(ended(&of_tenants(each, [9, 9, 9, 9])), None);
    assert_eq!(ended(&of_tenants(errors, [0, 30, 0, 0])), None, "all together hold");
}

fn noisy(slos: Vec<SloHead>, effects: Vec<EffectHead>) -> NoisyHead {
    NoisyHead { tenant: 1, times: 5.0, before: 0.0, from: 30.0, until: 60.0, slos, effects }
}

#[test]
fn neighbours_are_looked_at_while_somebody_is_noisy_and_he_is_none_of_them() {
    let errors = sample_records::failures(FailureShare::Errors, 0.1);
    let with = |shares| {
        let mut record = of_tenants(errors.clone(), shares);
        record.head.slos.clear();
        record.head.noisy = Some(noisy(vec![errors.clone()], Vec::new()));
        record
    };
    ends(&with([40, 0, 40, 40]), 45..55, "neighbours: ");
    assert_eq!(ended(&with([0, 100, 0, 0])), None);
    let mut short = with([40, 0, 40, 40]);
    short.head.noisy.as_mut().unwrap().until = 42.0;
    assert_eq!(ended(&short), None, "twelve seconds say nothing");
}

#[test]
fn neighbours_who_wait_so_many_times_as_long_end_a_run() {
    let effect =
        EffectHead { text: "p95 < 2x".to_owned(), quantile: 0.95, limit: 2.0, inclusive: false };
    let with = |micros: u64| {
        let mut record = of_tenants(sample_records::p99(), [0, 0, 0, 0]);
        record.seconds = crate::record::seconds::Seconds::default();
        let of = |step, requests: Requests| Requests { step, ..requests };
        add(&mut record, 0..30, &[of(0, fine(80)), of(0, Requests::ok(20, 30_000))]);
        add(&mut record, 30..60, &[of(0, fine(80)), of(0, Requests::ok(20, micros))]);
        // The noisy one is himself much slower, which is nobody's affair.
        add(&mut record, 30..60, &[of(1, Requests::ok(500, 400_000))]);
        record.head.slos.clear();
        record.head.noisy = Some(noisy(Vec::new(), vec![effect.clone()]));
        record
    };
    ends(&with(200_000), 45..58, "neighbours: p95 < 2x is missed for certain: at least");
    for micros in [30_000, 55_000] {
        assert_eq!(ended(&with(micros)), None, "{micros}");
    }
    assert_eq!(ended_with(&with(200_000), at_once, |second| second != 20), None);
}

/// Whatever is asked, a run that passes is never ended: runs near their limits, with bursts.
#[test]
fn a_run_that_passes_is_never_ended() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(17);
    let mut unit = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let (mut passed, mut over) = (0, 0);
    for round in 0..150 {
        let share = |allowed| SloHead {
            allowed,
            ..sample_records::failures(FailureShare::Errors, allowed)
        };
        let slo = match round % 4 {
            0 => share(0.02 + 0.1 * unit()),
            1 => SloHead { allowed: 0.05, ..sample_records::in_windows(0.6 + 0.35 * unit(), 5) },
            2 => per_second(Throughput::Goodput, Side::Above, 85.0 + 12.0 * unit()),
            _ => SloHead { allowed: 0.1, ..sample_records::p99() },
        };
        let mut record = of(slo);
        if unit() < 0.3 {
            record.head.load.stages = vec![stage(30.0, 100.0), stage(30.0, 99.0)];
        }
        let (often, much) = (unit(), unit() * unit() * 90.0);
        for second in 0..60 {
            let bad = if unit() < often { (unit() * much) as u64 } else { 0 };
            let kind = if round % 2 == 0 { failed(bad) } else { slow(bad) };
            add(&mut record, [second], &[fine(100 - bad), kind]);
        }
        let verdict = assess(&record).verdict;
        passed += u32::from(verdict == Verdict::Pass);
        if let Some((at, why)) = ended(&record) {
            over += 1;
            assert_ne!(verdict, Verdict::Pass, "{why}");
            assert_eq!(verdict_then(&record, at), Verdict::SloMissed, "{why}");
        }
    }
    assert!(passed > 50 && over > 20, "{passed} passed, {over} ended");
}

#[test]
fn what_ends_nothing_is_named_once_before_the_run() {
    let mut head = run(60, 100.0).head;
    head.slos.push(sample_records::in_windows(0.9, 5));
    assert_eq!(FailFast::that_wait(&head), None);
    head.slos.push(SloHead {
        metric: MetricHead::CertificateDays(Bound {
            limit: 3.0,
            side: Side::Above,
            inclusive: true,
        }),
        text: "certificate_days > 3".to_owned(),
        ..sample_records::p99()
    });
    let expected = "--fail-fast ends nothing by certificate_days > 3";
    assert_eq!(FailFast::that_wait(&head).as_deref(), Some(expected));
    head.generators[0].environment.others_before = Some(95);
    let said = FailFast::that_wait(&head).unwrap();
    assert!(said.contains(&head.slos[0].text), "times on a machine that others have: {said}");
}
