//! The tail of one arm around a quantile: how steep it is, and how much requests hang together.
//!
//! Seconds of a pilot in, figures for the planner out.

use crate::analysis::comparison::ArmSecond;
use crate::analysis::stats::Tally;
use crate::record::histogram::Sparse;

/// The tail is measured only with so many requests of the pilot beyond the quantile.
const MIN_BEYOND_PILOT: f64 = 10.0;

/// What one arm shows of a quantile.
pub(super) struct Arm {
    pub(super) kappa: f64,
    /// Requests beyond the quantile, by second.
    pub(super) tallies: Vec<Tally>,
}

impl Arm {
    pub(super) fn of<'a>(
        seconds: impl Iterator<Item = &'a ArmSecond> + Clone,
        quantile: f64,
    ) -> Option<Arm> {
        let pooled = Sparse::merged(seconds.clone().map(|second| &second.response));
        let thinner = quantile.min(1.0 - quantile);
        if (pooled.count() as f64) * thinner < MIN_BEYOND_PILOT {
            return None;
        }
        let edge = pooled.quantile(quantile)?.ceil() as u64;
        let tally = |second: &ArmSecond| Tally {
            all: second.response.count(),
            bad: second.response.count_from(edge),
        };
        Some(Arm { kappa: kappa(&pooled, quantile)?, tallies: seconds.map(tally).collect() })
    }
}

/// d ln Q/dp by central difference, half the way to the nearer end on both sides.
pub fn kappa(pooled: &Sparse, quantile: f64) -> Option<f64> {
    let half = quantile.min(1.0 - quantile) / 2.0;
    let log = |share| pooled.quantile(share).map(f64::ln);
    Some((log(quantile + half)? - log(quantile - half)?) / (2.0 * half))
}

/// How many times more the difference of two shares scatters than with independent
/// requests: with `r_k` the difference of what second k adds to both shares beyond its
/// due, `K/(K−1)·Σr_k²` over `Σ f(1−f)/N`.
pub(super) fn effect_of_difference(baseline: &[Tally], candidate: &[Tally]) -> f64 {
    let (b, c) = (Tally::sum(baseline.iter().copied()), Tally::sum(candidate.iter().copied()));
    let k = baseline.len() as f64;
    let independent = |t: Tally| t.share() * (1.0 - t.share()) / t.all.max(1) as f64;
    let expected = independent(b) + independent(c);
    if baseline.len() < 2 || expected <= 0.0 {
        return 1.0;
    }
    let beyond = |t: &Tally, total: Tally| {
        (t.bad as f64 - total.share() * t.all as f64) / total.all.max(1) as f64
    };
    let pairs = baseline.iter().zip(candidate);
    let squares: f64 = pairs.map(|(one, two)| (beyond(two, c) - beyond(one, b)).powi(2)).sum();
    (k / (k - 1.0) * squares / expected).max(1.0)
}

/// How many times more a share scatters from one second to the next than with independent
/// requests: with `r_k` what second k adds to the share beyond its due, half the mean square of
/// `r_k − r_{k−1}` (von Neumann) times K, over `f(1−f)/N`.
pub(super) fn effect_of_steps(seconds: &[Tally]) -> f64 {
    let total = Tally::sum(seconds.iter().copied());
    let independent = total.share() * (1.0 - total.share()) / total.all.max(1) as f64;
    if seconds.len() < 2 || independent <= 0.0 {
        return 1.0;
    }
    let beyond =
        |t: &Tally| (t.bad as f64 - total.share() * t.all as f64) / total.all.max(1) as f64;
    let steps = seconds.windows(2).map(|two| (beyond(&two[1]) - beyond(&two[0])).powi(2));
    let (k, squares) = (seconds.len() as f64, steps.sum::<f64>());
    (k / (2.0 * (k - 1.0)) * squares / independent).max(1.0)
}
