//! How often the gate is right on made-up noise: 2,000 requests per second and arm,
//! segments of 60 s, five looks, d = 5 %, p99 (METHODS.md, sections 5.3 and 8). Seeds are
//! fixed, so that these are facts about the code, not chances. Regressed / inconclusive /
//! passed, and judged seconds on average:
//!
//! | candidate | gates | quiet | ci | harsh |
//! | --- | --- | --- | --- | --- |
//! | identical | 400 | 0 / 0 / 400, 145 s | 0 / 11 / 389, 155 s | 0 / 41 / 359, 186 s |
//! | +10 % | 200 | 187 / 13 / 0, 217 s | 158 / 42 / 0, 239 s | 114 / 86 / 0, 256 s |
//! | +15 % | 200 | 200 / 0 / 0, 102 s | 200 / 0 / 0, 112 s | 199 / 1 / 0, 131 s |
//! | freezes | 200 | 200 / 0 / 0, 101 s | 200 / 0 / 0, 104 s | 200 / 0 / 0, 120 s |
//!
//! Of 2,000 gates at +10 % and 2,000 with freezes on each, none passes. What it is worth
//! that the first look does not pass ([`super::spending`]), with other seeds and before anything
//! watched; before → then:
//!
//! | candidate | gates | | quiet | ci | harsh |
//! | --- | --- | --- | --- | --- | --- |
//! | freezes | 2,000 | passed | 3 → 0 | 2 → 0 | 1 → 0 |
//! | +10 % | 10,000 (harsh 30,000) | passed | 0 → 0 | 0 → 0 | 3 → 2 |
//! | identical | 4,000 | ended at the first look | 18 % → 0 | 19 % → 0 | 16 % → 0 |
//! | identical | 4,000 | mean | 140 → 146 s | 148 → 155 s | 176 → 183 s |
//! | identical, p50 alone | 2,000 | mean | 73 → 120 s | 87 → 122 s | 116 → 140 s |
//!
//! The two that still pass do so at the second look, by luck at the start of their
//! processes, which on the harsh machine is half as large again as `σ_p` assumes. The
//! chance of it is meant to be below 5 %.

use crate::analysis::comparison::{Paired, Ruling};
use crate::analysis::gate::look;
use crate::analysis::gate::simulated::{CI, Change, HARSH, Machine, Profile, QUIET};
use crate::record::duet::{GateMetric, GateSettings};

/// The seed of the first gate.
const FIRST_SEED: u64 = 2_000;

/// How many gates ended how, and the judged seconds that they took.
#[derive(Debug, Default)]
struct Tally {
    regressed: u32,
    passed: u32,
    undecided: u32,
    seconds: u32,
}

fn p99() -> GateSettings {
    GateSettings { metrics: vec![GateMetric::ResponseTime(0.99)], ..GateSettings::default() }
}

fn tally(profile: Profile, change: Change, gates: u64, settings: &GateSettings) -> Tally {
    let mut tally = Tally::default();
    for seed in 0..gates {
        let (ruling, seconds) = gate(Machine::new(profile, change, FIRST_SEED + seed), settings);
        match ruling {
            Ruling::Regressed => tally.regressed += 1,
            Ruling::Improved | Ruling::Pass => tally.passed += 1,
            Ruling::Inconclusive => tally.undecided += 1,
        }
        tally.seconds += seconds;
        if ruling != wanted(change) {
            show(&format!("{change:?}, seed {seed}: {ruling:?} after {seconds} s"));
        }
    }
    let mean = f64::from(tally.seconds) / gates as f64;
    show(&format!("{change:?}: {tally:?}, mean {mean:.0} s"));
    tally
}

/// Shown by `cargo test -- --nocapture tally`.
#[expect(clippy::print_stderr, reason = "the figures of the table in the documentation")]
fn show(line: &str) {
    eprintln!("{} {line}", std::thread::current().name().unwrap_or_default());
}

/// What a gate ought to say.
fn wanted(change: Change) -> Ruling {
    if change == Change::Slower(0.0) { Ruling::Pass } else { Ruling::Regressed }
}

/// Segments are measured only as long as no look decides.
fn gate(mut machine: Machine, settings: &GateSettings) -> (Ruling, u32) {
    let mut paired = Paired::default();
    for index in 0..settings.looks as usize {
        paired.segments.push(machine.segment());
        let found = look(&paired, settings, index);
        if found.ruling != Ruling::Inconclusive {
            return (found.ruling, found.seconds);
        }
    }
    (Ruling::Inconclusive, 60 * settings.looks)
}

#[track_caller]
fn identical_builds(profile: Profile, most_undecided: u32) {
    let found = tally(profile, Change::Slower(0.0), 400, &p99());
    assert!(found.regressed <= 9, "{found:?}");
    assert!(found.undecided <= most_undecided, "{found:?}");
}

#[track_caller]
fn fifteen_percent_slower(profile: Profile) {
    let found = tally(profile, Change::Slower(0.15), 200, &p99());
    assert!(found.regressed >= 194 && found.passed == 0, "{found:?}");
}

#[track_caller]
fn ten_percent_slower(profile: Profile) {
    let found = tally(profile, Change::Slower(0.10), 200, &p99());
    assert!(found.passed == 0 && found.regressed >= 90, "{found:?}");
}

#[track_caller]
fn freezing(profile: Profile) {
    let found = tally(profile, Change::Freezes, 200, &p99());
    assert!(found.regressed >= 190 && found.passed == 0, "{found:?}");
}

macro_rules! profiles {
    ($($module:ident $profile:ident $undecided:literal,)*) => {$(
        mod $module {
            use super::*;

            #[test]
            fn identical_builds_are_not_called_regressed() {
                identical_builds($profile, $undecided);
            }

            #[test]
            fn fifteen_percent_are_seen() {
                fifteen_percent_slower($profile);
            }

            #[test]
            fn ten_percent_never_pass() {
                ten_percent_slower($profile);
            }

            #[test]
            fn freezes_are_seen() {
                freezing($profile);
            }
        }
    )*};
}

profiles! {
    quiet QUIET 20,
    ci CI 20,
    harsh HARSH 60,
}

#[test]
fn four_metrics_at_once_alarm_no_more_than_one() {
    let found = tally(CI, Change::Slower(0.0), 100, &GateSettings::default());
    assert!(found.regressed <= 2 && found.passed >= 90, "{found:?}");
}

/// `cargo test --release --lib -- --ignored --nocapture tally`
#[test]
#[ignore = "ten times as many gates as are needed to see a bug"]
fn rare_passes_of_worse_candidates() {
    for profile in [QUIET, CI, HARSH] {
        for change in [Change::Slower(0.10), Change::Freezes] {
            let found = tally(profile, change, 2_000, &p99());
            assert_eq!(found.passed, 0, "{found:?}");
        }
    }
}
