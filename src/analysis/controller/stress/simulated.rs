//! The controller against targets that are made up: a queue of so many a second, second by
//! second, with what each does when it is too much.

use super::*;
use crate::record::stress_sample::sample_plan;

/// What a made-up target does with what it cannot serve.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    /// It refuses it at once.
    Sheds,
    /// It lets it wait; after a second nobody waits any more, and it works on all the same.
    Wastes,
    /// The same, and each that was given up comes again.
    Retries,
    /// It keeps up with anything.
    Endless,
}

/// Serves so many a second.
struct Target {
    manner: Manner,
    capacity: u64,
    /// Work that waits, in requests.
    backlog: u64,
    /// Requests in flight, and those that will not be answered in time.
    waiting: u64,
}

impl Target {
    fn new(manner: Manner, capacity: u64) -> Target {
        Target { manner, capacity, backlog: 0, waiting: 0 }
    }

    fn second(&mut self, second: u32, offered: u64) -> StressSecond {
        let quick = |ok, shed| StressSecond {
            second,
            offered,
            ok,
            shed,
            p99_ms: Some(10.0),
            in_flight: 1 + offered / 100,
            ..StressSecond::default()
        };
        match self.manner {
            Manner::Endless => quick(offered, 0),
            Manner::Sheds => {
                let ok = offered.min(self.capacity);
                quick(ok, offered - ok)
            }
            Manner::Wastes | Manner::Retries => self.queued(second, offered),
        }
    }

    /// What waits for longer than a second is worked on for nobody.
    fn queued(&mut self, second: u32, offered: u64) -> StressSecond {
        self.backlog += offered;
        let worked = self.backlog.min(self.capacity);
        self.backlog -= worked;
        let is_late = self.backlog > self.capacity;
        let ok = if is_late { 0 } else { worked.min(offered + self.waiting) };
        let timeouts = if is_late { self.waiting } else { 0 };
        self.waiting = if is_late { offered } else { self.backlog };
        if self.manner == Manner::Retries {
            self.backlog += timeouts * 4;
        }
        let slow = self.backlog > 0;
        StressSecond {
            second,
            offered,
            ok,
            timeouts,
            p99_ms: Some(if slow { 1_000.0 } else { 10.0 }),
            in_flight: 1 + self.waiting,
            ..StressSecond::default()
        }
    }
}

/// Plays a repeat to its end, at most an hour.
fn play(plan: &Plan, mut target: Target) -> Repeat {
    let mut controller = Controller::new(plan.clone(), "repeat-1".to_owned(), plan.from, 3_000);
    for second in 0..3_600 {
        let wanted = controller.repeat().wanted(second).round() as u64;
        let seen = target.second(second, wanted);
        if let Some(Next::Stop(_)) = controller.saw(seen) {
            return controller.into_repeat(None);
        }
    }
    panic!("it never ends");
}

fn kinds(repeat: &Repeat) -> Vec<PhaseKind> {
    let mut kinds: Vec<PhaseKind> = repeat.phases.iter().map(|phase| phase.kind).collect();
    kinds.dedup();
    kinds
}

#[test]
fn a_target_is_ramped_up_broken_overloaded_and_left_alone() {
    for manner in [Manner::Sheds, Manner::Wastes] {
        let repeat = play(&sample_plan(), Target::new(manner, 180));
        let expected = [
            PhaseKind::WarmUp,
            PhaseKind::Ramp,
            PhaseKind::Hold,
            PhaseKind::Overload(1.2),
            PhaseKind::Overload(1.5),
            PhaseKind::FallBack,
        ];
        assert_eq!(kinds(&repeat), expected, "{manner:?}");
        assert_eq!(repeat.end, Some(RepeatEnd::Recovered), "{manner:?}");
        let hold = repeat.phases.iter().find(|phase| phase.kind == PhaseKind::Hold).unwrap();
        // The first step that is more than it can, or that it refuses a twentieth of.
        assert!((190.0..=200.0).contains(&hold.rate), "{manner:?}: {}", hold.rate);
        let last = repeat.phases.last().unwrap();
        assert!((last.rate - hold.rate / 2.0).abs() < 1e-6);
    }
}

#[test]
fn steps_last_as_long_as_was_asked_for_and_grow_by_a_tenth() {
    let repeat = play(&sample_plan(), Target::new(Manner::Endless, 0));
    let steps: Vec<&Phase> =
        repeat.phases.iter().filter(|phase| phase.kind == PhaseKind::Ramp).collect();
    assert_eq!(steps[0].from, 5);
    assert!(steps.windows(2).all(|pair| pair[1].from - pair[0].from == 5), "{steps:?}");
    assert!((steps[1].rate - 110.0).abs() < 1e-9);
    assert!((steps.last().unwrap().rate - 1_000.0).abs() < 1e-9, "up to the highest, not beyond");
    assert_eq!(repeat.end, Some(RepeatEnd::HighestRate));
}

#[test]
fn one_that_sustains_its_own_overload_does_not_recover() {
    let repeat = play(&sample_plan(), Target::new(Manner::Retries, 180));
    assert_eq!(repeat.end, Some(RepeatEnd::NotRecovered));
    let fall_back = repeat.phases.last().unwrap();
    let lasted = repeat.seconds.last().unwrap().second + 1 - fall_back.from;
    assert_eq!(lasted, 25, "twenty seconds and the five that would have shown it");
}

#[test]
fn a_capacity_that_was_given_is_what_overloads_are_multiples_of() {
    let rates = |capacity| {
        let plan = Plan { capacity: Some(capacity), ..sample_plan() };
        let repeat = play(&plan, Target::new(Manner::Sheds, 180));
        let broke_at = breaking::confirmed(&repeat).map(|hold| repeat.phases[hold].rate).unwrap();
        let rates = repeat.phases.iter().rev().take(3).map(|phase| phase.rate);
        (broke_at, rates.collect::<Vec<f64>>())
    };
    for (capacity, whole) in [(400.0, Some(400.0)), (150.0, None)] {
        let (broke_at, rates) = rates(capacity);
        let whole = whole.unwrap_or(broke_at);
        for (rate, expected) in rates.iter().zip([broke_at / 2.0, whole * 1.5, whole * 1.2]) {
            assert!((rate - expected).abs() < 1e-6, "{capacity}: {rates:?}");
        }
    }
}

#[test]
fn an_overload_above_the_highest_rate_is_left_out() {
    let plan = Plan { highest: 260.0, ..sample_plan() };
    let repeat = play(&plan, Target::new(Manner::Sheds, 180));
    assert!(kinds(&repeat).contains(&PhaseKind::Overload(1.2)));
    assert!(!kinds(&repeat).contains(&PhaseKind::Overload(1.5)));
    assert!(repeat.phases.iter().all(|phase| phase.rate <= 260.0));
}

#[test]
fn one_bad_spell_is_no_break_and_the_ramp_goes_on() {
    let plan = sample_plan();
    let mut controller = Controller::new(plan.clone(), String::new(), plan.from, 3_000);
    let mut target = Target::new(Manner::Sheds, 1_000_000);
    for second in 0..40 {
        let wanted = controller.repeat().wanted(second).round() as u64;
        let mut seen = target.second(second, wanted);
        if (12..15).contains(&second) {
            (seen.ok, seen.errors) = (0, wanted);
        }
        controller.saw(seen);
    }
    let repeat = controller.into_repeat(None);
    let expected = [PhaseKind::WarmUp, PhaseKind::Ramp, PhaseKind::Hold, PhaseKind::Ramp];
    assert_eq!(kinds(&repeat), expected);
}

#[test]
fn a_spike_comes_at_once_and_goes_at_once() {
    let profile = Profile::Spike { times: 5.0, seconds: 10 };
    let plan = Plan { profile, ..sample_plan() };
    let repeat = play(&plan, Target::new(Manner::Wastes, 180));
    let expected = [PhaseKind::WarmUp, PhaseKind::Ramp, PhaseKind::Spike, PhaseKind::FallBack];
    assert_eq!(kinds(&repeat), expected);
    let [spike, back] = [2, 3].map(|index| repeat.phases[index]);
    assert_eq!((back.from - spike.from, spike.rate, back.rate), (10, 500.0, 100.0));
}

#[test]
fn a_target_that_does_not_keep_up_from_the_start_tells_nothing_of_what_was_before() {
    let repeat = play(&sample_plan(), Target::new(Manner::Sheds, 50));
    assert_eq!(repeat.end, Some(RepeatEnd::BrokenAtStart));
}

#[test]
fn a_generator_that_is_late_and_a_time_that_is_over_end_the_ramp() {
    let plan = sample_plan();
    let played = |ramp_until, late_from| {
        let mut controller = Controller::new(plan.clone(), String::new(), plan.from, ramp_until);
        let mut target = Target::new(Manner::Endless, 0);
        (0..200).find_map(|second| {
            let wanted = controller.repeat().wanted(second) as u64;
            let mut seen = target.second(second, wanted);
            seen.late = second >= late_from;
            controller.saw(seen)?;
            controller.repeat().end.clone()
        })
    };
    assert_eq!(played(3_000, 22), Some(RepeatEnd::Generator));
    assert_eq!(played(30, 1_000), Some(RepeatEnd::NoTime));
}

#[test]
fn the_same_second_told_twice_counts_once() {
    let plan = sample_plan();
    let mut controller = Controller::new(plan.clone(), String::new(), plan.from, 3_000);
    let mut target = Target::new(Manner::Endless, 0);
    for second in [0, 0, 1, 1, 0] {
        controller.saw(target.second(second, 100));
    }
    assert_eq!(controller.repeat().seconds.len(), 2);
}

/// What a repeat against an endless target comes to if seconds are changed, or not seen.
fn changed(plan: &Plan, change: impl Fn(&Repeat, StressSecond) -> Option<StressSecond>) -> Repeat {
    changed_of(plan, Target::new(Manner::Endless, 0), change)
}

fn changed_of(
    plan: &Plan,
    mut target: Target,
    change: impl Fn(&Repeat, StressSecond) -> Option<StressSecond>,
) -> Repeat {
    let mut controller = Controller::new(plan.clone(), String::new(), plan.from, 3_000);
    for second in 0..600 {
        let wanted = controller.repeat().wanted(second).round() as u64;
        let seen = change(controller.repeat(), target.second(second, wanted));
        let next = seen.and_then(|seen| controller.saw(seen));
        if matches!(next, Some(Next::Stop(_))) {
            break;
        }
    }
    controller.into_repeat(None)
}

#[test]
fn a_target_that_is_dead_at_one_request_a_second_is_broken() {
    let plan = Plan { from: 1.0, growth: 0.5, highest: 2.5, ..sample_plan() };
    let dead = |change: fn(&mut StressSecond)| {
        changed(&plan, |_, mut second| {
            if second.second > 12 {
                second.ok = 0;
                change(&mut second);
            }
            Some(second)
        })
    };
    let answers_wrong: fn(&mut StressSecond) = |second| second.errors = second.offered;
    for how in [answers_wrong, |second| second.p99_ms = None] {
        let repeat = dead(how);
        assert_eq!(repeat.end, Some(RepeatEnd::NotRecovered));
        let hold = repeat.phases[breaking::confirmed(&repeat).unwrap()];
        assert!((hold.rate - 2.25).abs() < 1e-9, "{:?}", repeat.phases);
    }
}

#[test]
fn a_step_in_which_hardly_anything_came_goes_on_until_something_did() {
    let plan = Plan { from: 1.0, growth: 0.5, highest: 2.5, ..sample_plan() };
    let silent = |until: u32| {
        changed(&plan, move |_, mut second| {
            if second.second < until {
                (second.offered, second.ok, second.p99_ms) = (0, 0, None);
            }
            Some(second)
        })
    };
    let step = |repeat: &Repeat| repeat.phases[2].from - repeat.phases[1].from;
    assert_eq!((step(&silent(0)), step(&silent(12))), (5, 10));
    let mut controller = Controller::new(plan.clone(), String::new(), plan.from, 20);
    let ends = (0..100).find_map(|second| {
        let silent = StressSecond { second, ..StressSecond::default() };
        controller.saw(silent).map(|_| controller.repeat().end.clone())?
    });
    assert_eq!(ends, Some(RepeatEnd::NoTime));
    assert_eq!(controller.repeat().healthy().count(), 0, "nothing worked");
}

#[test]
fn a_stop_of_the_generator_is_no_break() {
    // It stands still from second 11 on; what was in flight fails when it goes on, and what fell
    // due meanwhile is sent at once, which is too much.
    let stop = |seconds: u32| {
        changed(&sample_plan(), move |_, mut second| {
            let wakes = 11 + seconds;
            if (11..wakes).contains(&second.second) {
                return None;
            }
            if second.second == wakes || second.second == wakes + 1 {
                (second.ok, second.timeouts, second.in_flight) = (20, 80, 90);
                second.late = second.second == wakes;
            }
            Some(second)
        })
    };
    assert_eq!(stop(3).end, Some(RepeatEnd::Generator), "most of the step was not seen");
    let short = stop(0);
    assert_eq!(short.end, Some(RepeatEnd::HighestRate));
    assert!(!kinds(&short).contains(&PhaseKind::Hold), "{:?}", short.phases);
    let longer = short.phases[3].from - short.phases[2].from;
    assert!((6..10).contains(&longer), "it goes on until it can be judged: {longer}");
    let flickering = changed(&sample_plan(), |_, mut second| {
        second.late = second.second >= 10 && second.second.is_multiple_of(2);
        Some(second)
    });
    assert_eq!(flickering.end, Some(RepeatEnd::Generator), "no second judges");
}

#[test]
fn a_wait_ends_in_its_time_even_if_nobody_knows_what_was_before() {
    let profile = Profile::Spike { times: 5.0, seconds: 10 };
    let plan = Plan { profile, ..sample_plan() };
    let repeat = changed(&plan, |_, second| Some(StressSecond { p99_ms: None, ..second }));
    assert_eq!(repeat.end, Some(RepeatEnd::NotRecovered));
    let waited = repeat.seconds.last().unwrap().second + 1 - repeat.phases.last().unwrap().from;
    assert_eq!(waited, 25);
}

#[test]
fn a_hold_of_which_too_little_was_seen_goes_on() {
    let late = |seconds: u32| {
        changed_of(&sample_plan(), Target::new(Manner::Sheds, 180), move |repeat, mut second| {
            let hold = repeat.last_of(PhaseKind::Hold).map(|hold| repeat.phases[hold].from);
            second.late = hold.is_some_and(|from| (from..from + seconds).contains(&second.second));
            Some(second)
        })
    };
    let held = |repeat: &Repeat| repeat.length_of(repeat.last_of(PhaseKind::Hold).unwrap());
    let [whole, longer] = [late(0), late(1)];
    assert_eq!((held(&whole), whole.end), (5, Some(RepeatEnd::Recovered)));
    assert_eq!((held(&longer), longer.end), (6, Some(RepeatEnd::Recovered)));
    assert_eq!(late(4).end, Some(RepeatEnd::Generator));
}
