//! The load of one measurement of a search: a rate, or a number of users, before which comes what is
//! not judged.
//!
//! In a few seconds chance alone makes the number of arrivals differ from what the rate means: by
//! 3 % where there are a thousand. A trial is to tell of its rate and not of such a draw, so of
//! several seeds it takes the one whose number is nearest. Where its arrivals stand is as random as
//! ever. A confirmation is long enough to take what comes.

use std::time::Duration;

use crate::record::capacity::Purpose;
use crate::record::load_unit::LoadUnit;
use crate::scenario::load::{Crowd, Load, Stage};
use crate::schedule::Arrivals;
use crate::units::Rate;

/// As near as this is near enough.
const NEAR: f64 = 0.005;
/// So many seeds are looked at.
const SEEDS: u64 = 64;
/// Seeds of two measurements are never the same.
const SEEDS_APART: u64 = 1_000;

/// The load of a measurement of this number: `lead` before it where it is judged, then `length`.
pub(super) fn load_of(
    usual: &Load,
    (purpose, number): (Purpose, u32),
    (load, unit): (f64, LoadUnit),
    lead: Duration,
    length: Duration,
) -> Load {
    let (rate, users) = match unit {
        LoadUnit::Rate => (Rate(load), None),
        LoadUnit::Users => (Rate::ZERO, Some(load.round() as u32)),
    };
    let users = users.map(|users| Crowd { from: users, to: users });
    let stage = |length, warmup| Stage { length, from: rate, to: rate, users, warmup };
    let stages = match purpose {
        Purpose::WarmUp => vec![stage(length, false)],
        Purpose::Trial | Purpose::Confirmation => vec![stage(lead, true), stage(length, false)],
    };
    let first = usual.seed.wrapping_add(u64::from(number).wrapping_mul(SEEDS_APART));
    let load = Load::new(usual.arrivals, first, stages);
    match purpose {
        Purpose::Trial if unit == LoadUnit::Rate => {
            nearest(load, lead, rate.0 * length.as_secs_f64())
        }
        Purpose::WarmUp | Purpose::Trial | Purpose::Confirmation => load,
    }
}

/// The same load with the seed, of some, that has so many arrivals after the lead, or nearly.
fn nearest(load: Load, lead: Duration, wanted: f64) -> Load {
    let mut best = (f64::INFINITY, load.seed);
    for more in 0..SEEDS {
        let load = Load { seed: load.seed.wrapping_add(more), ..load.clone() };
        let off = (judged(&load, lead) as f64 - wanted).abs();
        if off < best.0 {
            best = (off, load.seed);
        }
        if off <= (wanted * NEAR).max(0.5) {
            break;
        }
    }
    Load { seed: best.1, ..load }
}

fn judged(load: &Load, lead: Duration) -> usize {
    let from = lead.as_nanos() as u64;
    Arrivals::new(load).filter(|arrival| arrival.at.0 >= from).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load::ArrivalProcess;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn trial(number: u32, rate: f64) -> Load {
        let usual = Load::new(ArrivalProcess::Poisson, 7, Vec::new());
        load_of(&usual, (Purpose::Trial, number), (rate, LoadUnit::Rate), S(1), S(4))
    }

    #[test]
    fn a_trial_has_about_as_many_arrivals_as_its_rate_means_in_other_places_each_time() {
        for rate in [10.0, 100.0, 1_000.0] {
            for number in 1..20 {
                let load = trial(number, rate);
                let (found, wanted) = (judged(&load, S(1)) as f64, rate * 4.0);
                let off = (found - wanted).abs();
                assert!(off <= (wanted * 0.01).max(2.0), "{rate} {number}: {found} of {wanted}");
            }
        }
        assert_ne!(trial(1, 100.0).seed, trial(2, 100.0).seed);
        assert_eq!(trial(3, 100.0), trial(3, 100.0));
    }

    #[test]
    fn a_trial_of_users_has_as_many_of_them_throughout() {
        let usual = Load::new(ArrivalProcess::Poisson, 7, Vec::new());
        let load = load_of(&usual, (Purpose::Trial, 2), (40.0, LoadUnit::Users), S(1), S(4));
        assert!(load.is_closed() && load.stages[0].warmup);
        assert!(load.stages.iter().all(|it| it.users == Some(Crowd { from: 40, to: 40 })));
    }

    #[test]
    fn what_is_judged_comes_after_the_lead() {
        let load = trial(1, 100.0);
        assert!(load.stages[0].warmup && load.warmup() == S(1) && load.length() == S(5));
        let usual = Load::new(ArrivalProcess::Uniform, 7, Vec::new());
        let warmup = load_of(&usual, (Purpose::WarmUp, 1), (9.0, LoadUnit::Rate), S(1), S(4));
        assert_eq!((warmup.stages.len(), warmup.length()), (1, S(4)));
    }
}
