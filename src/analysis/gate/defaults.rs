//! How often the gate is right as it is set by default: three minutes of a small API whose
//! processes take ten seconds to start, so four segments of 28 s at 108 requests per second. p50,
//! errors and CPU per request gate, p95, p99 and slow requests watch, and so do four steps.
//!
//! Times are made as in [`super::watched`]. CPU per request has noise of its own: of each start,
//! and of each second (collections of garbage, a compiler at work), as they add up on the Fastify
//! reference API (*ci*: 1.7 % from segment to segment), half of it (*quiet*) and twice as much.
//! Seeds are fixed: facts about the code, not chances.

use crate::analysis::comparison::{Look, Paired, Ruling};
use crate::analysis::gate::judge;
use crate::analysis::gate::simulated::{CI, Draw, HARSH, Profile, QUIET};
use crate::analysis::gate::watched::{Lab, lab};
use crate::record::duet::{GateMetric, GateSettings};

/// Standard deviation of ln(CPU per request): from start to start, from second to second.
const COSTS: [(Profile, f64, f64); 3] =
    [(QUIET, 0.005, 0.0175), (CI, 0.01, 0.035), (HARSH, 0.02, 0.07)];
/// The place of a hosted runner on a bad day.
const BAD: usize = 2;
/// CPU time of a request in nanoseconds.
const COST: f64 = 3e6;

#[derive(Debug, Clone, Copy)]
struct Change {
    /// All requests take so many times as long.
    slower: f64,
    /// So many times as much CPU time.
    dearer: f64,
    /// One step takes so many times as long.
    step: Option<(usize, f64)>,
    /// Seconds from stop to stop, and of each.
    stops: Option<(f64, f64)>,
}

const SAME: Change = Change { slower: 1.0, dearer: 1.0, step: None, stops: None };

fn settings() -> GateSettings {
    let time = GateMetric::ResponseTime;
    GateSettings {
        metrics: vec![time(0.5), GateMetric::ErrorRate, GateMetric::CpuPerRequest],
        watches: vec![time(0.95), time(0.99)],
        looks: 4,
        ..GateSettings::default()
    }
}

fn made(index: usize, change: Change, seed: u64) -> Paired {
    let (profile, start, second) = COSTS[index];
    let lab = Lab {
        profile,
        rate: 108.0,
        seconds: 28,
        segments: 4,
        steps: vec![0.47, 0.4, 0.11, 0.02],
        slower: change.step,
        tail: (change.slower > 1.0).then_some((1.0, change.slower)),
        stops: [None, change.stops],
        ..lab()
    };
    let mut paired = lab.paired(seed);
    let mut draw = Draw::new(seed ^ 0xC0_57);
    for segment in &mut paired.segments {
        let starts = [draw.normal(start), draw.normal(start) + change.dearer.ln()];
        for pair in segment {
            for (arm, start) in [&mut pair.baseline, &mut pair.candidate].into_iter().zip(starts) {
                let log = start + draw.normal(second);
                arm.cpu_ns = Some((arm.requests as f64 * COST * log.exp()) as u64);
            }
        }
    }
    paired
}

/// Regressed, passed, and looks on average.
fn tally(what: &str, index: usize, change: Change, gates: u64) -> (u32, u32) {
    let (mut regressed, mut passed, mut taken) = (0, 0, 0);
    for seed in 0..gates {
        let looks = judge(&made(index, change, 40_000 + seed), &settings()).0;
        taken += looks.len();
        match looks.last().map(|look: &Look| look.ruling) {
            Some(Ruling::Regressed) => regressed += 1,
            Some(Ruling::Pass | Ruling::Improved) => passed += 1,
            Some(Ruling::Inconclusive) | None => {}
        }
    }
    show(&format!(
        "{what}, {}: {regressed} regressed, {} inconclusive, {passed} passed, {:.1} looks",
        ["quiet", "ci", "harsh"][index],
        gates as u32 - regressed - passed,
        taken as f64 / gates as f64,
    ));
    (regressed, passed)
}

/// Shown by `cargo test --lib gate::defaults -- --nocapture`.
#[expect(clippy::print_stderr, reason = "the figures of the documentation")]
fn show(line: &str) {
    eprintln!("{line}");
}

/// A quarter of the gates where they take four times as long; the table of the documentation
/// is of all: `cargo test --release --lib gate::defaults -- --nocapture`.
const PART: u64 = if cfg!(debug_assertions) { 4 } else { 1 };

/// Shares of regressed and of passed ones.
#[track_caller]
fn check(what: &str, change: Change, gates: u64, enough: impl Fn(usize, f64, f64) -> bool) {
    let gates = gates / PART;
    for index in 0..COSTS.len() {
        let found = tally(what, index, change, gates);
        let [regressed, passed] = [found.0, found.1].map(|it| f64::from(it) / gates as f64);
        assert!(enough(index, regressed, passed), "{what} {index}: {found:?} of {gates}");
    }
}

#[test]
fn unchanged_builds_are_not_called_regressed_and_mostly_pass() {
    check("unchanged", SAME, 400, |index, regressed, passed| {
        regressed <= 0.025 && (index == BAD || passed >= 0.9)
    });
}

#[test]
fn ten_percent_more_cpu_per_request_are_seen() {
    let change = Change { dearer: 1.10, ..SAME };
    check("10 % more CPU", change, 200, |index, regressed, passed| {
        if index == BAD { passed <= 0.02 } else { regressed >= 0.95 && passed <= 0.0 }
    });
}

#[test]
fn fifteen_percent_longer_response_times_are_seen() {
    let change = Change { slower: 1.15, dearer: 1.10, ..SAME };
    check("15 % longer, 10 % more CPU", change, 200, |_, regressed, passed| {
        regressed >= 0.9 && passed <= 0.0
    });
}

#[test]
fn ten_percent_longer_response_times_never_pass() {
    let change = Change { slower: 1.10, ..SAME };
    check("10 % longer", change, 200, |_, _, passed| passed <= 0.02);
}

#[test]
fn stops_of_a_quarter_of_a_second_are_seen() {
    let change = Change { stops: Some((10.0, 0.25)), ..SAME };
    check("250 ms every 10 s", change, 200, |index, regressed, passed| {
        // On a bad day both arms stand still too.
        if index == BAD { passed <= 0.08 } else { regressed >= 0.9 && passed <= 0.0 }
    });
}

#[test]
fn a_step_that_takes_half_as_long_again_is_seen() {
    for step in [0, 1, 2] {
        let change = Change { step: Some((step, 1.5)), ..SAME };
        check(&format!("step {step} 50 % longer"), change, 80, |index, regressed, passed| {
            if index == BAD { passed <= 0.06 } else { regressed >= 0.9 && passed <= 0.0 }
        });
    }
}

#[test]
fn five_percent_more_cpu_per_request_never_pass() {
    let change = Change { dearer: 1.05, ..SAME };
    check("5 % more CPU", change, 200, |_, _, passed| passed <= 0.05);
}
