//! Soaks of made-up targets: what leaks, what does not, and what cannot be told.

use super::*;
use crate::analysis::assess::assess as assess_run;
use crate::analysis::gate::simulated::Draw;
use crate::analysis::sample_records::{Requests, add};
use crate::record::gauge::{self, Gauge};
use crate::record::outcome::Outcome;
use crate::record::run::{EndReason, Resumed};
use crate::record::soak::{LimitSource, MemoryLimit};

const MB: f64 = 1e6;
const HOURS: u32 = 3_600;

/// Four hours of requests that take 20 ms, of a target whose memory is that of the simulation.
fn healthy(leak_mb_h: f64) -> RunRecord {
    let memory = simulated::memory(&mut Draw::new(5), 4 * HOURS, leak_mb_h);
    let mut record = simulated::record(4 * HOURS, &memory);
    add(&mut record, 0..4 * HOURS, &[Requests::ok(10, 20_000)]);
    record
}

/// Adds a gauge with a value for each second.
fn with(record: &mut RunRecord, gauge: &Gauge, value: impl Fn(u32) -> f64) {
    let known = gauge::find(&record.head.gauges, gauge);
    if known.is_none() {
        record.head.gauges.push(gauge.clone());
    }
    for second in &mut record.target {
        let value = Some(value(second.second));
        match known {
            Some(id) => second.values[id.index()] = value,
            None => second.values.push(value),
        }
    }
}

#[track_caller]
fn check(record: &RunRecord, verdict: Verdict, reason: &str) -> SoakAssessment {
    let asked = SoakFile::of_windows(300);
    let run = assess_run(record);
    let found = assess(record, &run, &asked);
    assert_eq!(found.verdict, verdict, "{:#?}", found.reasons);
    assert!(found.reasons[0].contains(reason), "{:#?}", found.reasons);
    assert_eq!(found, assess(record, &run, &asked), "not the same answer twice");
    found
}

fn trend(found: &SoakAssessment, metric: Metric) -> &Trend {
    found.trends.iter().find(|trend| trend.metric == metric).unwrap()
}

#[test]
fn a_healthy_target_passes_and_its_bounds_are_told() {
    let found = check(&healthy(0.0), Verdict::Pass, "no leak: target memory by ");
    assert_eq!(trend(&found, Metric::P50).growth, Growth::Holds);
    assert_eq!((found.grows, found.starts.len()), (None, 36));
    assert!(found.findings.is_empty(), "{:?}", found.findings);
}

#[test]
fn a_leak_is_a_miss_whatever_the_objectives_say() {
    let found = check(&healthy(60.0), Verdict::SloMissed, "leak: target memory grows by ");
    assert_eq!(found.grows, Some(Grows::Leak));
    let memory = trend(&found, Metric::Memory);
    assert!((50.0..70.0).contains(&(memory.per_hour.unwrap() / MB)), "{memory:?}");
    let mut descriptors = healthy(0.0);
    with(&mut descriptors, &gauge::DESCRIPTORS, |second| 30.0 + f64::from(second / 600));
    check(&descriptors, Verdict::SloMissed, "leak: target descriptors grows by 6/h");
}

#[test]
fn creeping_times_and_delays_are_a_drift() {
    let mut record = healthy(0.0);
    let creeps = |second: u32| 0.010 + 0.004 * f64::from(second) / f64::from(HOURS);
    with(&mut record, &gauge::EVENT_LOOP_DELAY, creeps);
    let found = check(&record, Verdict::SloMissed, "drift: event-loop delay grows by ");
    assert_eq!(found.grows, Some(Grows::Drift));

    let mut slower = healthy(0.0);
    slower.seconds.retain(|_| false);
    for second in 0..4 * HOURS {
        let micros = 20_000 + u64::from(second) * 2;
        add(&mut slower, [second], &[Requests::ok(10, micros)]);
    }
    check(&slower, Verdict::SloMissed, "drift: p50 grows by ");
}

#[test]
fn too_short_a_run_and_one_of_which_nothing_is_seen_are_no_pass() {
    let memory = simulated::memory(&mut Draw::new(5), HOURS, 0.0);
    let mut short = simulated::record(HOURS, &memory);
    add(&mut short, 0..HOURS, &[Requests::ok(10, 20_000)]);
    check(&short, Verdict::Inconclusive, "too short to tell a leak of target memory: 9 of 12");

    let mut unseen = healthy(0.0);
    unseen.target.clear();
    check(&unseen, Verdict::Inconclusive, "nothing was seen of target memory");
}

#[test]
fn what_fails_is_not_called_free_of_leaks() {
    let mut record = healthy(0.0);
    record.head.slos = vec![crate::analysis::sample_records::p99()];
    // Fast refusals have no part in p99.
    add(&mut record, 0..4 * HOURS, &[Requests::ended(9, Outcome::ServerError)]);
    let found = assess(&record, &assess_run(&record), &SoakFile::of_windows(300));
    assert_ne!(found.verdict, Verdict::Pass);
    let said = found.reasons.iter().any(|reason| reason.contains("of all requests failed"));
    assert!(said, "{:?}", found.reasons);

    let mut nothing = healthy(0.0);
    nothing.seconds.retain(|_| false);
    add(&mut nothing, 0..4 * HOURS, &[Requests::ended(10, Outcome::ServerError)]);
    check(&nothing, Verdict::Invalid, "");
}

#[test]
fn a_target_that_died_is_lost_whatever_grew() {
    let mut record = healthy(60.0);
    record.end.as_mut().unwrap().reason = EndReason::TargetDied { detail: "exit 137".to_owned() };
    let found = check(&record, Verdict::TargetLost, "the target died under load: exit 137");
    assert!(found.reasons.iter().any(|reason| reason.starts_with("leak: ")));
}

/// Memory leaks by 60 MB/h, but every hour a new process takes the place of the old one.
#[test]
fn restarts_do_not_hide_a_leak() {
    let mut record = healthy(0.0);
    let leaks =
        |second: u32| (200.0 + 60.0 * f64::from(second % (2 * HOURS)) / f64::from(HOURS)) * MB;
    with(&mut record, &gauge::RSS, leaks);
    let over_all = assess(&record, &assess_run(&record), &SoakFile::of_windows(300));
    assert_ne!(trend(&over_all, Metric::Memory).growth, Growth::Grows, "it would be hidden");
    with(&mut record, &gauge::PROCESS_CHANGES, |second| f64::from(second / (2 * HOURS)));
    let found = check(&record, Verdict::SloMissed, "leak: target memory grows by 60 MB/h");
    assert_eq!(found.parts.len(), 2);
    assert_eq!(found.findings[0].kind, "processes_changed");
}

#[test]
fn a_process_more_is_no_leak() {
    let mut record = healthy(0.0);
    let steps = |second: u32| if second < 2 * HOURS { 200.0 * MB } else { 300.0 * MB };
    with(&mut record, &gauge::RSS, steps);
    with(&mut record, &gauge::PROCESS_CHANGES, |second| f64::from(second / (2 * HOURS)));
    check(&record, Verdict::Pass, "no leak: target memory by 0 B/h at most");
}

#[test]
fn a_gap_is_told_and_is_in_no_slope() {
    let mut record = healthy(60.0);
    let began = record.head.started_unix_ms + u64::from(2 * HOURS) * 1_000 + 90_000;
    record.head.resumed = vec![Resumed {
        from: 2 * HOURS,
        started_unix_ms: began,
        restarted: true,
        ..Resumed::default()
    }];
    let found = check(&record, Verdict::SloMissed, "leak: ");
    assert_eq!(found.findings[0].kind, "resumed");
    assert!(found.findings[0].evidence.contains("resumed after 90 s"), "{:?}", found.findings);
}

#[test]
fn the_memory_limit_is_reached_at_the_top_of_the_saw_tooth() {
    let record = healthy(60.0);
    let asked = SoakFile {
        memory_limit: Some(MemoryLimit { bytes: 1_000_000_000, source: LimitSource::Asked }),
        ..SoakFile::of_windows(300)
    };
    let found = assess(&record, &assess_run(&record), &asked).to_limit.unwrap();
    // 440 MB at the end, and 30 to 60 more at the top.
    assert!((460.0..510.0).contains(&(found.from / MB)), "{found:?}");
    let hours = found.hours.unwrap();
    assert!((7.0..10.0).contains(&hours), "{found:?}");
    assert!(found.earliest.unwrap() < hours && hours < found.latest.unwrap(), "{found:?}");
    let healthy = healthy(0.0);
    let none = assess(&healthy, &assess_run(&healthy), &asked).to_limit.unwrap();
    assert_eq!(none.latest, None, "{none:?}");
}

#[test]
fn very_many_windows_are_put_together() {
    let record = healthy(0.0);
    let asked = SoakFile::of_windows(1);
    let found = assess(&record, &assess_run(&record), &asked);
    assert_eq!(found.window_seconds, 24);
    assert!(found.starts.len() <= 600);
}

/// What neither the target nor the generator uses of the machine of two cores.
fn others_use(record: &mut RunRecord, share: impl Fn(u32) -> f64) {
    record.head.generators[0].environment.cores = 2;
    for second in &mut record.generator {
        second.machine_busy = Some(share(second.second) + second.cpu / 2.0);
    }
}

fn creeping(second: u32) -> f64 {
    0.010 + 0.004 * f64::from(second) / f64::from(HOURS)
}

/// A neighbour that does more and more makes times longer; a target that slows down by itself does
/// so beside a neighbour too.
#[test]
fn a_drift_that_others_may_explain_is_undecided() {
    let drift = "drift: event-loop delay grows by ";
    let hours = |second: u32| f64::from(second) / f64::from(HOURS);
    let neighbour = |second: u32| 0.3 * (hours(second) - 2.0).max(0.0);
    let mut follows = healthy(0.0);
    with(&mut follows, &gauge::EVENT_LOOP_DELAY, |second| 0.010 * (1.0 + 2.0 * neighbour(second)));
    check(&follows, Verdict::SloMissed, drift);
    others_use(&mut follows, neighbour);
    let told = "event-loop delay undecided: it grows by ";
    let found = check(&follows, Verdict::Inconclusive, told);
    assert!(found.reasons[0].contains("other processes used more of the machine, up to 59 %"));
    assert_eq!(
        (found.grows, trend(&found, Metric::EventLoopDelay).growth),
        (None, Growth::Disturbed)
    );
    let mut record = healthy(0.0);
    with(&mut record, &gauge::EVENT_LOOP_DELAY, creeping);
    // Not as much more as to matter.
    others_use(&mut record, |second| 0.5 + 0.02 * hours(second));
    check(&record, Verdict::SloMissed, drift);
    // It is there in the hours before the neighbour came.
    others_use(&mut record, |second| if second > 5 * HOURS / 2 { 0.6 } else { 0.05 });
    check(&record, Verdict::SloMissed, drift);
}

/// A neighbour that leaves makes times shorter, and a target that slows down meanwhile still does.
#[test]
fn a_drift_that_a_neighbour_hid_is_found_in_the_hours_without_it() {
    let stays = |second: u32| second < 2 * HOURS;
    let delayed = |second: u32| if stays(second) { 0.030 } else { creeping(second) };
    let mut record = healthy(0.0);
    with(&mut record, &gauge::EVENT_LOOP_DELAY, delayed);
    check(&record, Verdict::Pass, "no leak");
    others_use(&mut record, |second| if stays(second) { 0.5 } else { 0.05 });
    let found = check(&record, Verdict::SloMissed, "drift: event-loop delay grows by ");
    let delay = trend(&found, Metric::EventLoopDelay);
    assert!(delay.values.iter().all(Option::is_some));
    assert_eq!(delay.windows, 24);
}

/// What the target uses itself is nobody else's.
#[test]
fn a_target_that_uses_more_and_more_of_the_machine_is_not_excused() {
    let more = |second: u32| 0.3 * (f64::from(second) / f64::from(HOURS) - 2.0).max(0.0);
    let used = |second: u32| 0.3 + 2.0 * more(second);
    let mut record = healthy(0.0);
    with(&mut record, &gauge::EVENT_LOOP_DELAY, |second| 0.010 * (1.0 + 2.0 * more(second)));
    with(&mut record, &gauge::CPU, used);
    others_use(&mut record, |second| used(second) / 2.0 + 0.02);
    check(&record, Verdict::SloMissed, "drift: event-loop delay grows by ");
}
