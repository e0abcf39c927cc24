//! Searches on targets with a known capacity whose trials are noisy: a knee that is not sharp,
//! a capacity that drifts, and disturbances that break a trial whatever its rate.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use statrs::distribution::{ContinuousCDF, Normal};

use super::asked::TrialLength;
use super::*;

const TRUTH: f64 = 10_000.0;
/// Requests in flight end.
const DRAIN: f64 = 0.5;
/// How fast the capacity drifts, in seconds.
const DRIFTS_OVER: f64 = 60.0;

/// A target.
struct Oracle {
    random: Xoshiro256PlusPlus,
    now: f64,
    drift: f64,
    /// Disturbances per second.
    disturbed: f64,
    /// Standard deviation of ln capacity.
    sd: f64,
}

impl Oracle {
    fn new(seed: u64, disturbed: f64, sd: f64) -> Oracle {
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut new = Oracle { random, now: 0.0, drift: 0.0, disturbed, sd };
        new.drift = sd * new.normal();
        new
    }

    fn share(&mut self) -> f64 {
        ((self.random.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let share = self.share();
        Normal::new(0.0, 1.0).unwrap().inverse_cdf(share)
    }

    fn trial(&mut self, spec: Spec) -> Class {
        let length = spec.length.as_secs_f64();
        let kept = (-(length + DRAIN) / DRIFTS_OVER).exp();
        self.drift = kept * self.drift + self.sd * (1.0 - kept * kept).sqrt() * self.normal();
        self.now += length + DRAIN;
        let knee = 0.02 * (5.0 / length).sqrt();
        let beyond = (((spec.rate / TRUTH).ln() - self.drift) / knee).clamp(-40.0, 40.0);
        let fails = 1.0 / (1.0 + (-beyond).exp());
        let fails = 1.0 - (1.0 - fails) * (-length * self.disturbed).exp();
        if self.share() > fails { Class::Good } else { Class::Bad }
    }
}

const S: fn(u64) -> Duration = Duration::from_secs;

fn asked() -> Asked {
    Asked {
        is_whole: false,
        start: 500.0,
        lowest: 1.0,
        highest: 1e6,
        trial: TrialLength { arrivals: 0.0, shortest: S(3), longest: S(3) },
        warmup: Duration::ZERO,
        confirmation: Duration::ZERO,
        beside: S(1),
        starting: Duration::ZERO,
        wanted: None,
        within: S(1_200),
    }
}

/// Plays a search to its end; `None` for the class of a confirmation is what the oracle says.
fn search(asked: Asked, mut class: impl FnMut(Spec) -> Class) -> (Controller, Why, f64) {
    let mut search = Controller::new(asked);
    let mut spent = 0.0;
    for _ in 0..2_000 {
        match search.next() {
            Next::Stop(why) => return (search, why, spent),
            Next::Measure(spec) => {
                let found = class(spec);
                spent += spec.length.as_secs_f64() + DRAIN;
                search.measured(found, Duration::from_secs_f64(spent));
            }
        }
    }
    panic!("it never ends: {search:?}")
}

/// Shares of the truth that searches found, sorted, and their mean time in seconds.
fn searches(number: u64, disturbed: f64, sd: f64) -> (Vec<f64>, f64) {
    let mut time = 0.0;
    let found = (0..number).map(|seed| {
        let mut oracle = Oracle::new(seed, disturbed, sd);
        let (search, _, spent) = search(asked(), |spec| oracle.trial(spec));
        time += spent;
        search.bounds().0.unwrap_or(0.0) / TRUTH
    });
    let mut found: Vec<f64> = found.collect();
    found.sort_by(f64::total_cmp);
    (found, time / number as f64)
}

#[test]
fn noisy_trials_lead_to_the_capacity_within_a_few_minutes() {
    for (name, disturbed, sd, far, near) in [
        ("quiet", 0.0, 0.01, 0.0, 0.97),
        ("ci", 0.01, 0.03, 0.0, 0.75),
        ("harsh", 0.04, 0.06, 0.01, 0.40),
    ] {
        let (found, seconds) = searches(300, disturbed, sd);
        let share = |within: f64| {
            found.iter().filter(|it| (**it - 1.0).abs() <= within).count() as f64 / 300.0
        };
        assert!((found[150] - 1.0).abs() < 0.02, "{name}: median {}", found[150]);
        assert!(1.0 - share(0.2) <= far + 1e-9, "{name}: {found:?}");
        assert!(share(0.05) >= near, "{name}: {}", share(0.05));
        assert!(seconds < 300.0, "{name}: {seconds} s");
    }
}

/// A target without noise.
fn sharp(spec: Spec) -> Class {
    if spec.rate <= TRUTH { Class::Good } else { Class::Bad }
}

#[test]
fn a_sharp_limit_is_found_from_below_and_from_above() {
    for start in [20.0, 500.0, 9_999.0, 10_001.0, 700_000.0] {
        let (found, why, _) = search(Asked { start, ..asked() }, sharp);
        let (low, high) = found.bounds();
        let (low, high) = (low.unwrap(), high.unwrap());
        assert_eq!(why, Why::Found, "{start}");
        assert!(
            low <= TRUTH && TRUTH <= high && high / low <= 1.02 + 1e-9,
            "{start}: {low} {high}"
        );
    }
}

#[test]
fn a_capacity_outside_of_the_range_is_said_to_be() {
    let (found, why, _) = search(Asked { highest: 5_000.0, ..asked() }, sharp);
    assert_eq!((why, found.bounds()), (Why::AboveHighest, (Some(5_000.0), None)));
    let range = Asked { start: 40_000.0, lowest: 20_000.0, ..asked() };
    let (found, why, _) = search(range, sharp);
    assert_eq!((why, found.bounds()), (Why::BelowLowest, (None, Some(20_000.0))));
}

#[test]
fn where_the_generator_is_the_limit_it_is_at_least_so_much() {
    let limited = |spec: Spec| if spec.rate > 6_000.0 { Class::Void } else { Class::Good };
    let (found, why, _) = search(asked(), limited);
    let low = found.bounds().0.unwrap();
    assert_eq!(why, Why::GeneratorLimit);
    assert!((5_500.0..=6_000.0).contains(&low), "{low}");
    let (found, why, _) = search(asked(), |_| Class::Void);
    assert_eq!((why, found.bounds()), (Why::GeneratorLimit, (None, None)));
}

#[test]
fn one_void_trial_is_repeated_and_forgotten() {
    let mut trials = 0;
    let (found, why, _) = search(asked(), |spec| {
        trials += 1;
        if trials % 4 == 0 { Class::Void } else { sharp(spec) }
    });
    let low = found.bounds().0.unwrap();
    assert_eq!((why, found.found().generator_limit), (Why::Found, None));
    assert!(low <= TRUTH && low > TRUTH * 0.97, "{low}");
}

#[test]
fn time_runs_out_with_the_bounds_that_there_are() {
    let within = S(60);
    let (found, why, spent) = search(Asked { within, ..asked() }, sharp);
    assert_eq!(why, Why::OutOfTime);
    assert!(spent <= 60.0, "{spent}");
    let (low, high) = found.bounds();
    assert!(low.unwrap() <= TRUTH && high.is_none_or(|high| high >= TRUTH));
}

#[test]
fn a_confirmation_that_is_missed_sends_the_search_below_it() {
    let asked = Asked { confirmation: S(60), within: S(1_200), ..asked() };
    // Longer loads fill something up.
    let tires = |spec: Spec| match spec.purpose {
        Purpose::Confirmation if spec.rate > 6_000.0 => Class::Bad,
        Purpose::WarmUp | Purpose::Trial | Purpose::Confirmation => sharp(spec),
    };
    let mut rates = Vec::new();
    let (found, why, _) = search(asked, |spec| {
        rates.extend((spec.purpose == Purpose::Confirmation).then_some(spec.rate));
        tires(spec)
    });
    assert_eq!(why, Why::NotConfirmed);
    assert!(rates.len() == 3 && rates.windows(2).all(|both| both[1] < both[0]), "{rates:?}");
    let found = found.found();
    assert_eq!((found.confirmed, found.not_confirmed), (None, Some(rates[2])));
    assert!(found.low.is_none_or(|low| low < rates[2]), "{found:?}");
    let (found, why, _) = search(asked, sharp);
    assert_eq!(why, Why::Found);
    let found = found.found();
    assert_eq!(found.confirmed, found.low.map(|low| low * CONFIRMED_AT));
    assert_eq!((found.not_confirmed, found.why), (None, Some(Why::Found)));
}

#[test]
fn a_wanted_rate_is_confirmed_itself_where_the_usual_one_would_not_show_it() {
    let confirmed = |wanted: f64| {
        let asked = Asked { confirmation: S(60), wanted: Some(wanted), ..asked() };
        search(asked, sharp).0.found().confirmed.unwrap()
    };
    assert_eq!(confirmed(9_500.0) as u64, 9_500);
    for (wanted, low, high) in [(8_000.0, 8_700.0, 9_001.0), (12_000.0, 8_700.0, 9_001.0)] {
        let found = confirmed(wanted);
        assert!((low..high).contains(&found), "{wanted}: {found}");
    }
}

#[test]
fn the_confirmation_is_kept_time_for() {
    let asked = Asked { confirmation: S(60), within: S(120), warmup: S(5), ..asked() };
    let (found, why, spent) = search(asked, sharp);
    assert_eq!(why, Why::OutOfTime);
    assert!(found.found().confirmed.is_some() && spent <= 120.0, "{spent}");
}

#[test]
fn what_stands_between_two_loads_does_not_cost_the_confirmation() {
    // After a load that was beyond, so much passes until the target is itself again.
    let confirmed = |between: u64, within: u64| {
        let asked = Asked { confirmation: S(30), within: S(within), ..asked() };
        let mut search = Controller::new(asked);
        search.started(S(4));
        let (mut spent, mut found) = (S(0), None);
        while let Next::Measure(spec) = search.next() {
            let class = sharp(spec);
            spent += spec.length + S(1);
            if spec.purpose == Purpose::Confirmation {
                found = Some(spec.length);
            }
            search.measured(class, spent);
            if class == Class::Bad && matches!(search.next(), Next::Measure(_)) {
                spent += S(between).min(S(within).saturating_sub(spent + search.kept_back()));
                // A start, at last.
                spent += S(4);
                search.passed(spent);
            }
        }
        assert!(spent <= S(within), "{spent:?}");
        (found, search.found().confirmed.is_some())
    };
    assert_eq!(confirmed(0, 300), (Some(S(30)), true));
    let (found, is_confirmed) = confirmed(20, 120);
    assert!(is_confirmed && found.is_some_and(|it| it >= S(10)), "{found:?}");
}

#[test]
fn a_confirmation_gets_shorter_and_is_given_up_when_too_little_is_left() {
    let asked = Asked { confirmation: S(60), within: S(300), ..asked() };
    let left = |spent: Duration| {
        let mut search = Controller::new(asked);
        while let Next::Measure(spec) = search.next() {
            if spec.purpose == Purpose::Confirmation {
                break;
            }
            search.measured(sharp(spec), S(1));
        }
        search.passed(spent);
        search.next()
    };
    let of = |spent| match left(spent) {
        Next::Measure(spec) => Ok(spec.length),
        Next::Stop(why) => Err(why),
    };
    assert_eq!(of(S(200)), Ok(S(60)));
    assert_eq!(of(Duration::from_millis(276_500)), Ok(S(22)));
    assert_eq!(of(S(289)), Ok(S(10)));
    assert_eq!(of(S(290)), Err(Why::OutOfTime));
}

#[test]
fn a_search_that_is_to_end_confirms_what_it_has() {
    let asked = Asked { confirmation: S(10), ..asked() };
    let mut search = Controller::new(asked);
    for spent in 1..60 {
        let Next::Measure(spec) = search.next() else { break };
        search.measured(sharp(spec), S(spent));
        if spent == 20 {
            search.ends(Why::NotItself);
        }
    }
    let found = search.found();
    assert_eq!((found.why, found.confirmed.is_some()), (Some(Why::NotItself), true), "{found:?}");
}

#[test]
fn a_trial_lasts_until_it_has_requests_enough_within_limits() {
    let length = TrialLength { arrivals: 1_000.0, shortest: S(3), longest: S(5) };
    let at = |rate| length.at(rate).as_secs();
    assert_eq!((at(1.0), at(250.0), at(300.0), at(1e6)), (5, 4, 4, 3));
}

/// A target of `slots` that each take a time answers so many users after that many times it.
fn is_kept(users: f64, slots: f64, (time, limit): (f64, f64)) -> Class {
    let response = time * (users / slots).max(1.0);
    if response < limit { Class::Good } else { Class::Bad }
}

#[test]
fn users_are_whole_numbers_and_the_most_that_keep_to_the_objectives_are_found_exactly() {
    for (slots, limit, most) in
        [(2.0, 200.0, 15.0), (1.0, 26.0, 1.0), (4.0, 1_000.0, 159.0), (40.0, 990.0, 1_583.0)]
    {
        for start in [1.0, 7.0, 100.0] {
            let asked = Asked {
                is_whole: true,
                start,
                lowest: 1.0,
                highest: 5_000.0,
                confirmation: S(30),
                within: S(3_600),
                ..asked()
            };
            let mut controller = Controller::new(asked);
            let mut spent = Duration::ZERO;
            while let Next::Measure(spec) = controller.next() {
                assert!(spec.rate.fract() == 0.0 && spec.rate >= 1.0, "{spec:?}");
                spent += spec.length + S(1);
                controller.measured(is_kept(spec.rate, slots, (25.0, limit)), spent);
            }
            let found = controller.found();
            let (low, high) = (found.low.unwrap(), found.high.unwrap());
            assert!(low <= most && most < high, "{start}: {found:?}, {most}");
            assert!(high - low <= (low * 0.02).max(1.0), "{start}: {found:?}");
            assert_eq!(found.why, Some(Why::Found), "{found:?}");
            assert!(found.confirmed.is_some());
        }
    }
}

#[test]
fn one_user_who_is_too_many_is_below_the_lowest() {
    let asked = Asked { is_whole: true, start: 8.0, lowest: 1.0, highest: 100.0, ..asked() };
    let mut controller = Controller::new(Asked { within: S(3_600), ..asked });
    let mut spent = Duration::ZERO;
    while let Next::Measure(spec) = controller.next() {
        spent += spec.length;
        controller.measured(Class::Bad, spent);
    }
    let found = controller.found();
    assert_eq!((found.why, found.low, found.high), (Some(Why::BelowLowest), None, Some(1.0)));
}
