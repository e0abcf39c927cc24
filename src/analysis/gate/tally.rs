//! How often the gate is right on made-up noise: 2,000 requests per second and arm,
//! segments of 60 s, five looks, d = 5 % (METHODS.md, sections 5.3 and 8). Seeds are
//! fixed, so that these are facts about the code, not chances.

use crate::analysis::comparison::{GateMetric, GateSettings, Paired, Ruling};
use crate::analysis::gate::look;
use crate::analysis::gate::simulated::{CI, Change, HARSH, Machine, Profile, QUIET};

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
        let (ruling, seconds) = gate(Machine::new(profile, change, 1_000 + seed), settings);
        match ruling {
            Ruling::Regressed => tally.regressed += 1,
            Ruling::Improved | Ruling::Pass => tally.passed += 1,
            Ruling::Inconclusive => tally.undecided += 1,
        }
        tally.seconds += seconds;
    }
    let mean = f64::from(tally.seconds) / gates as f64;
    eprint_line(&format!("{change:?}: {tally:?}, mean {mean:.0} s"));
    tally
}

/// Shown by `cargo test -- --nocapture tally`.
#[expect(clippy::print_stderr, reason = "the figures of the table in the documentation")]
fn eprint_line(line: &str) {
    eprintln!("{} {line}", std::thread::current().name().unwrap_or_default());
}

/// Segments are measured only as long as no look decides.
fn gate(mut machine: Machine, settings: &GateSettings) -> (Ruling, u32) {
    let mut paired = Paired::default();
    for place in 0..settings.looks as usize {
        paired.segments.push(machine.segment());
        let found = look(&paired, settings, place);
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
