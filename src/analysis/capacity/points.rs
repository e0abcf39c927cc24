//! The trials of a search as points of curves: which of them say something of their load, and
//! what those of one rate have in common.

use crate::analysis::stats::median;
use crate::record::capacity::{Class, Purpose, Trial};

/// The measurements that say something of their load.
pub fn trials(all: &[Trial]) -> impl Iterator<Item = &Trial> {
    all.iter().filter(|it| match (it.purpose, it.class) {
        (Purpose::WarmUp, _) | (_, Class::Void) => false,
        (Purpose::Trial | Purpose::Confirmation, Class::Good | Class::Bad | Class::Undecided) => {
            true
        }
    })
}

/// Trials of one rate as one point of a curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Arrivals per second.
    pub rate: f64,
    /// How many trials.
    pub trials: usize,
    /// How many of them were within the objectives.
    pub good: usize,
    /// Medians over the trials: p50, p95 and p99 in milliseconds.
    pub times: [Option<f64>; 3],
    /// Median of the requests that ended ok per second.
    pub goodput: f64,
}

/// A curve over the rates, the lowest first; confirmations, which last longer, are left out.
pub fn curve(all: &[Trial]) -> Vec<Point> {
    let mut rates: Vec<f64> = short(all).map(|it| it.rate).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    let of = |rate: f64| {
        let here: Vec<&Trial> = short(all).filter(|it| it.is_at(rate)).collect();
        let middle = |of: fn(&Trial) -> Option<f64>| {
            let values: Vec<f64> = here.iter().filter_map(|it| of(it)).collect();
            median(&values)
        };
        Point {
            rate,
            trials: here.len(),
            good: here.iter().filter(|it| it.class == Class::Good).count(),
            times: [middle(|it| it.seen.p50), middle(|it| it.seen.p95), middle(|it| it.seen.p99)],
            goodput: middle(|it| Some(it.seen.goodput)).unwrap_or(0.0),
        }
    };
    rates.into_iter().map(of).collect()
}

fn short(all: &[Trial]) -> impl Iterator<Item = &Trial> {
    trials(all).filter(|it| it.purpose == Purpose::Trial)
}
