//! What watches, on made-up noise: rare stops, one step among several, few requests. Request by
//! request, at rates at which the tail cannot be decided.
//!
//! Noise is that of [`super::simulated`], felt as there: in turns the arms live through other
//! moments, so only the host is shared. Seeds are fixed: facts about the code, not chances.

use crate::analysis::comparison::{ArmSecond, Look, Pair, Paired, Rule, Ruling};
use crate::analysis::gate::simulated::{CI, Draw, HARSH, Profile, QUIET};
use crate::analysis::gate::{judge, steps_see};
use crate::record::duet::{GateMetric, GateSettings};
use crate::record::histogram::Sparse;

/// Parts of a second in which the machine is the same.
const SLOTS: usize = 10;

/// Two arms, as they are made.
#[derive(Debug, Clone)]
pub(super) struct Lab {
    pub(super) profile: Profile,
    /// Requests per second and arm.
    pub(super) rate: f64,
    /// Seconds of a segment.
    pub(super) seconds: usize,
    pub(super) segments: usize,
    pub(super) in_turns: bool,
    /// Share of each step.
    pub(super) steps: Vec<f64>,
    /// Step and factor: how much slower it is in the candidate.
    pub(super) slower: Option<(usize, f64)>,
    /// The share of the candidate's requests that takes so many times as long.
    pub(super) tail: Option<(f64, f64)>,
    /// Step and share of its requests that fail in the candidate.
    pub(super) failing: Option<(usize, f64)>,
    /// Seconds from stop to stop and of each, in the baseline and in the candidate.
    pub(super) stops: [Option<(f64, f64)>; 2],
}

pub(super) fn lab() -> Lab {
    Lab {
        profile: CI,
        rate: 120.0,
        seconds: 20,
        segments: 3,
        in_turns: false,
        steps: vec![1.0],
        slower: None,
        tail: None,
        failing: None,
        stops: [None, None],
    }
}

/// One request: second, step, µs, whether it failed.
type Made = (usize, usize, f64, bool);

impl Lab {
    pub(super) fn paired(&self, seed: u64) -> Paired {
        let mut draw = Draw::new(seed);
        let host = draw.normal(self.profile.host);
        let segments: Vec<[Vec<Vec<Made>>; 2]> = (0..self.segments)
            .map(|_| self.segment(host, &mut draw).map(|made| self.by_second(made)))
            .collect();
        let of = |step: Option<usize>| {
            let pairs = |[baseline, candidate]: &[Vec<Vec<Made>>; 2]| {
                let seconds = (0..self.seconds).filter(|second| !self.in_turns || second % 5 > 0);
                let pair = |second: usize| Pair {
                    baseline: arm_second(&baseline[second], step),
                    candidate: arm_second(&candidate[second], step),
                };
                seconds.map(pair).collect()
            };
            segments.iter().map(pairs).collect()
        };
        let step = |index| {
            let steps = Vec::new();
            (format!("step {index}"), Paired { segments: of(Some(index)), steps })
        };
        Paired { segments: of(None), steps: (0..self.steps.len()).map(step).collect() }
    }

    fn by_second(&self, made: Vec<Made>) -> Vec<Vec<Made>> {
        let mut seconds = vec![Vec::new(); self.seconds];
        for one in made {
            seconds[one.0].push(one);
        }
        seconds
    }

    fn segment(&self, host: f64, draw: &mut Draw) -> [Vec<Made>; 2] {
        let shared = self.machine(draw);
        let mut arm = |index: usize| {
            let own = self.machine(draw);
            let machine = if self.in_turns { &own } else { &shared };
            let start = host + draw.normal(self.profile.start);
            let private = draw.ornstein_uhlenbeck(self.profile.private, 2.0);
            let split = draw.normal(self.profile.burst_split).exp();
            let base = |second: usize, slot: usize| {
                let (drift, burst) = machine[second * SLOTS + slot];
                start + private[second] + drift + burst * split
            };
            self.requests(index, &base, draw)
        };
        [arm(0), arm(1)]
    }

    /// Drift and burst of each slot.
    fn machine(&self, draw: &mut Draw) -> Vec<(f64, f64)> {
        let profile = self.profile;
        let drift = draw.ornstein_uhlenbeck(profile.drift, profile.drift_seconds);
        let mut slots: Vec<(f64, f64)> =
            (0..self.seconds * SLOTS).map(|slot| (drift[slot / SLOTS], 0.0)).collect();
        for from in draw.moments(profile.bursts_per_second, self.seconds as f64) {
            let end = from + draw.exponential(profile.burst_seconds);
            let height = draw.exponential(profile.burst_height).ln_1p();
            let at = |moment: f64| ((moment * SLOTS as f64) as usize).min(slots.len());
            let range = at(from)..at(end);
            slots[range].iter_mut().for_each(|slot| slot.1 = slot.1.max(height));
        }
        slots
    }

    fn requests(
        &self,
        arm: usize,
        base: &dyn Fn(usize, usize) -> f64,
        draw: &mut Draw,
    ) -> Vec<Made> {
        let is_candidate = arm == 1;
        let phase = draw.unit();
        let one = |at: f64, draw: &mut Draw| {
            let second = at as usize;
            let mut pick = draw.unit();
            let step = self.steps.iter().position(|share| {
                pick -= share;
                pick <= 0.0
            });
            let step = step.unwrap_or(0);
            let slot = ((at - second as f64) * SLOTS as f64) as usize;
            let mut micros = (broad(draw) + base(second, slot.min(SLOTS - 1))).exp();
            if let Some((_, factor)) = self.slower.filter(|of| is_candidate && of.0 == step) {
                micros *= factor;
            }
            let lot = draw.unit();
            if let Some((_, factor)) = self.tail.filter(|of| is_candidate && lot < of.0) {
                micros *= factor;
            }
            if let Some((every, lasts)) = self.stops[arm] {
                let into = (at / every + phase).fract() * every;
                micros += (lasts - into).max(0.0) * 1e6;
            }
            let lot = draw.unit();
            let failed = self.failing.is_some_and(|of| is_candidate && of.0 == step && lot < of.1);
            (second, step, micros, failed)
        };
        let moments = draw.moments(self.rate, self.seconds as f64);
        moments.into_iter().map(|at| one(at, draw)).collect()
    }
}

fn arm_second(made: &[Made], step: Option<usize>) -> ArmSecond {
    let own = || made.iter().filter(|it| step.is_none_or(|step| it.1 == step));
    let times = own().filter(|it| !it.3).map(|it| (it.2 as u64, 1));
    ArmSecond {
        cpu_ns: None,
        response: sparse(times),
        requests: own().count() as u64,
        errors: own().filter(|it| it.3).count() as u64,
    }
}

/// Few times: no dense histogram for each second.
fn sparse(times: impl Iterator<Item = (u64, u64)>) -> Sparse {
    let lowest = |micros: u64| {
        let bits = (u64::BITS - micros.leading_zeros()).saturating_sub(11);
        (micros >> bits) << bits
    };
    let mut buckets: Vec<(u64, u64)> =
        times.map(|(micros, count)| (lowest(micros.max(1)), count)).collect();
    buckets.sort_unstable();
    buckets.dedup_by(|later, first| {
        let is_same = later.0 == first.0;
        first.1 += u64::from(is_same) * later.1;
        is_same
    });
    Sparse::from_buckets(buckets)
}

fn broad(draw: &mut Draw) -> f64 {
    if draw.unit() < 0.03 {
        12_000_f64.ln() + draw.normal(0.5)
    } else {
        4_000_f64.ln() + draw.normal(0.35)
    }
}

const P50: GateMetric = GateMetric::ResponseTime(0.5);
const P95: GateMetric = GateMetric::ResponseTime(0.95);
const P99: GateMetric = GateMetric::ResponseTime(0.99);

/// p50 and errors gate, p95 and p99 watch.
fn settings(looks: u32) -> GateSettings {
    let metrics = vec![P50, GateMetric::ErrorRate];
    GateSettings { metrics, watches: vec![P95, P99], looks, ..GateSettings::default() }
}

/// How many of so many gates were regressed, and how many passed.
fn tally(lab: &Lab, settings: &GateSettings, gates: u64) -> (u32, u32) {
    let mut found = (0, 0);
    for seed in 0..gates {
        match last(&judge(&lab.paired(7_000 + seed), settings).0).ruling {
            Ruling::Regressed => found.0 += 1,
            Ruling::Pass | Ruling::Improved => found.1 += 1,
            Ruling::Inconclusive => {}
        }
    }
    found
}

fn last(looks: &[Look]) -> &Look {
    looks.last().unwrap()
}

/// `cargo test --lib -- --nocapture watched` shows the figures.
#[expect(clippy::print_stderr, reason = "the figures of the documentation")]
fn show(what: &str, found: (u32, u32), of: u64) {
    eprintln!("{what}: {} regressed, {} passed of {of}", found.0, found.1);
}

#[test]
fn rare_stops_are_regressed_by_both_methods_whether_the_tail_gates_or_watches() {
    let tail_gates = GateSettings {
        metrics: vec![P50, P95, GateMetric::ErrorRate],
        watches: vec![P99],
        ..settings(3)
    };
    for in_turns in [false, true] {
        for profile in [QUIET, CI] {
            let stops = [None, Some((3.0, 0.3))];
            let lab = Lab { profile, in_turns, stops, ..lab() };
            for settings in [settings(3), tail_gates.clone()] {
                let found = tally(&lab, &settings, 40);
                show(&format!("stops, in turns {in_turns}"), found, 40);
                assert!(found.0 >= 39 && found.1 == 0, "{found:?} {in_turns} {profile:?}");
            }
        }
    }
}

/// A machine that itself stands still a little about once a second, and for a second every ten.
const HICCUPS: [Profile; 2] = [
    Profile { bursts_per_second: 1.0, burst_seconds: 0.04, burst_height: 20.0, ..QUIET },
    Profile { bursts_per_second: 0.1, burst_seconds: 1.0, burst_height: 60.0, ..CI },
];

#[test]
fn rare_stops_are_regressed_side_by_side_on_a_machine_that_has_hiccups() {
    for profile in HICCUPS {
        let lab = Lab { profile, stops: [None, Some((3.0, 0.3))], ..lab() };
        let found = tally(&lab, &settings(3), 40);
        show("stops beside hiccups", found, 40);
        assert!(found.0 >= 36 && found.1 == 0, "{found:?} {profile:?}");
    }
}

#[test]
fn unchanged_arms_on_a_machine_that_has_hiccups_are_not_regressed() {
    for profile in HICCUPS {
        unchanged(profile, None);
    }
}

/// Gates of two arms that are alike.
const GATES: u64 = 100;

/// Both arms are alike; also where both stand still now and then.
#[track_caller]
fn unchanged(profile: Profile, stops: Option<(f64, f64)>) {
    for in_turns in [false, true] {
        let steps = vec![0.6, 0.3, 0.1];
        let lab = Lab { profile, in_turns, steps, stops: [stops; 2], ..lab() };
        let found = tally(&lab, &settings(3), GATES);
        show(&format!("unchanged, stops {stops:?}, in turns {in_turns}"), found, GATES);
        // At 1 % more than 4 of 100 have a chance of 0.3 %.
        assert!(found.0 <= 4, "{found:?} {in_turns}");
    }
}

#[test]
fn unchanged_arms_on_a_quiet_machine_are_not_regressed() {
    unchanged(QUIET, None);
}

#[test]
fn unchanged_arms_on_a_hosted_runner_are_not_regressed() {
    unchanged(CI, None);
}

#[test]
fn unchanged_arms_on_a_bad_day_are_not_regressed() {
    unchanged(HARSH, None);
}

#[test]
fn arms_that_both_stand_still_now_and_then_are_not_regressed() {
    unchanged(CI, Some((3.0, 0.3)));
    unchanged(QUIET, Some((7.0, 1.5)));
}

#[test]
fn a_tail_fifteen_times_as_long_is_seen_in_9600_requests() {
    let lab = Lab { rate: 160.0, tail: Some((0.02, 15.0)), ..lab() };
    let found = tally(&lab, &settings(3), 40);
    show("2 % take 15 times as long", found, 40);
    assert!(found.0 >= 38 && found.1 == 0, "{found:?}");
    let (looks, results) = judge(&lab.paired(1), &settings(3));
    let p99 = results.iter().find(|it| it.metric == P99).unwrap();
    assert_eq!(
        (last(&looks).ruling, p99.gates, p99.rule),
        (Ruling::Regressed, false, Some(Rule::Beyond))
    );
    let note = p99.note.as_ref().unwrap();
    assert!(note.contains("of the candidate's requests took more than 1.25 times"), "{note}");
}

#[test]
fn a_step_that_is_slower_is_named() {
    let lab = Lab { steps: vec![0.55, 0.4, 0.05], slower: Some((2, 18.0)), ..lab() };
    let found = tally(&lab, &settings(3), 40);
    show("one step of 5 % 18 times slower", found, 40);
    assert!(found.0 >= 39 && found.1 == 0, "{found:?}");
    let (_, results) = judge(&lab.paired(1), &settings(3));
    let step = results.iter().find(|it| it.step.is_some()).unwrap();
    assert_eq!(step.step.as_deref(), Some("step 2"), "{step:?}");
    assert!(step.name.ends_with("of \"step 2\"") && step.note.is_some(), "{step:?}");
    // One step among twenty, a thousandth of the requests: no quantile of all shows it.
    let mut steps = vec![0.05; 20];
    steps[19] = 0.01;
    let rare = Lab { steps, slower: Some((19, 18.0)), seconds: 60, profile: QUIET, ..lab };
    let found = tally(&rare, &settings(3), 10);
    show("one step of 1 % 18 times slower", found, 10);
    assert!(found.0 >= 9 && found.1 == 0, "{found:?}");
}

#[test]
fn a_step_that_fails_in_the_candidate_alone_is_named() {
    let lab = Lab { steps: vec![0.9, 0.1], failing: Some((1, 1.0)), ..lab() };
    let (looks, results) = judge(&lab.paired(1), &settings(3));
    assert_eq!(last(&looks).ruling, Ruling::Regressed);
    let named = results.iter().find(|it| it.name == "error rate of \"step 1\"").unwrap();
    let note = named.note.as_ref().unwrap();
    assert!(note.contains("100 % of the candidate's requests failed, 0 %"), "{note}");
}

/// 180 requests per arm: no quantile gates.
fn few(seed_of: Lab) -> (Lab, GateSettings) {
    let settings = GateSettings {
        metrics: vec![GateMetric::ErrorRate],
        watches: vec![P50, P95, P99],
        ..settings(2)
    };
    (Lab { rate: 9.0, seconds: 10, segments: 2, ..seed_of }, settings)
}

#[test]
fn few_requests_never_pass_and_still_call_ten_times_slower_regressed() {
    for profile in [QUIET, CI, HARSH] {
        for in_turns in [false, true] {
            let slower = Some((0, 10.0));
            let (lab, settings) = few(Lab { profile, in_turns, slower, ..lab() });
            let found = tally(&lab, &settings, 40);
            show(&format!("180 requests 10 times slower, in turns {in_turns}"), found, 40);
            assert!(found.0 >= 38 && found.1 == 0, "{found:?} {in_turns} {profile:?}");
        }
    }
}

#[test]
fn few_requests_of_unchanged_arms_are_neither_passed_nor_regressed() {
    for (profile, stops) in [
        (QUIET, None),
        (CI, None),
        (HARSH, None),
        (CI, Some((3.0, 0.3))),
        (QUIET, Some((7.0, 1.5))),
    ] {
        for in_turns in [false, true] {
            let (lab, settings) = few(Lab { profile, in_turns, stops: [stops; 2], ..lab() });
            let found = tally(&lab, &settings, 4 * GATES);
            show(&format!("180 requests unchanged, {stops:?}, in turns {in_turns}"), found, 400);
            // At 1 % more than 10 of 400 have a chance of 0.3 %.
            assert!(found.0 <= 10 && found.1 == 0, "{found:?} {in_turns} {profile:?}");
        }
    }
}

#[test]
fn a_watcher_says_from_which_change_on_it_would_have_spoken() {
    let three = Lab { steps: vec![0.6, 0.4], ..lab() };
    let paired = three.paired(3);
    let (looks, results) = judge(&paired, &settings(3));
    let p95 = results.iter().find(|it| it.metric == P95).unwrap();
    let seen = p95.smallest_visible.unwrap();
    assert!((0.25..3.0).contains(&seen), "{p95:?}");
    let steps = steps_see(&paired, &settings(3), looks.len());
    assert!(steps.iter().all(|from| from.is_some_and(|it| it > 0.2 && it < 3.0)), "{steps:?}");
    // As much slower again is regressed, and a little more than nothing is not.
    let slower = Lab { slower: Some((1, 1.0 + steps[1].unwrap() * 1.6)), ..three };
    assert!(tally(&slower, &settings(3), 10).0 >= 8, "{steps:?}");
}

#[test]
fn the_fewest_requests_show_nothing_and_say_so() {
    let lab = Lab { rate: 1.0, seconds: 5, segments: 1, ..lab() };
    let (_, results) = judge(&lab.paired(1), &settings(1));
    let p99 = results.iter().find(|it| it.metric == P99).unwrap();
    assert_eq!(p99.smallest_visible, None, "{p99:?}");
}
