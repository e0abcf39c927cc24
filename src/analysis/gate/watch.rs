//! What watches: did more of the candidate's requests become slow, whatever the shape of the
//! tail? A quantile that rate and time cannot decide to the tolerance, and every step, still
//! sees a candidate that stands still now and then. It can call it regressed; no pass needs it.
//!
//! With e the baseline's quantile and m the margin, requests of the
//! baseline above e are set against requests of the candidate above m·e, in pieces of 2 s (of
//! one where there are fewer than 40):
//! `d = h·(share of the candidate − share of the baseline)`, h the requests per arm. An
//! unchanged candidate has fewer above m·e than the baseline has above e, so the sum of d is
//! below zero; were both the same, each d would as well have had the other sign.
//!
//! p is a bound of the sign-flip test's by Chernoff's inequality,
//! `P(Σ ±d ≥ S) ≤ min over λ of exp(−λS)·Π cosh(λd)`: never below the true p, so false alarms
//! are held whatever the distribution, few requests and rare bursts included; at 2⁻ⁿ where all
//! n pieces lean the same way; and as small as Holm's rule over many steps needs it, without
//! drawing. Pieces that hang together (a burst that is longer than one) count for fewer: ln p
//! is divided by the long-run variance over the variance of d.
//!
//! e is tried twice, and the smaller p counts double: as the quantile of all requests, and as the
//! usual one, the median over pieces that hold enough requests. That of all is that of the
//! machine's worst seconds: one in which it stood still hides all stops that are shorter.
//!
//! m is 1.25, and more where the tolerance or the noise of starts is large: a process whose
//! start was unlucky is slow in all pieces of a segment.

use crate::analysis::gate::center::inflation;
use crate::analysis::gate::quantile::Counted;
use crate::analysis::gate::series::{Both, Measured};
use crate::record::duet::GateSettings;
use crate::scenario::model::Arm;

/// The smallest margin.
const LEAST_MARGIN: f64 = 1.25;
/// Requests beyond the quantile that a piece needs to show it, seconds of the shortest and of the
/// longest piece, and how many pieces it takes to know what is usual.
const BEYOND_IN_PIECE: f64 = 2.0;
const SHORTEST_PIECE: f64 = 2.0;
const LONGEST_PIECE: f64 = 10.0;
const FEWEST_PIECES: usize = 5;
/// Standard deviations of two starts that the margin leaves room for.
const STARTS: f64 = 4.0;
/// The largest factor of which is said that it would have been seen.
const MOST: f64 = 100.0;
/// λ beyond which cosh is an exponential, in units of 1 ÷ the largest difference.
const LARGEST_LAMBDA: f64 = 1e4;

/// Requests of both arms beyond the baseline's quantile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Watch {
    /// The baseline's quantile, of all or the usual one, in ms.
    pub edge: f64,
    /// How many times longer a request of the candidate has to take.
    pub margin: f64,
    /// The baseline's share of requests above the edge.
    pub baseline: f64,
    /// The candidate's share of requests above the edge times the margin.
    pub candidate: f64,
    /// How many edges were tried.
    edges: f64,
    /// One-sided p of "the candidate has no more of them".
    pub p: f64,
}

impl Watch {
    /// `None` where an arm has no request with a response time. By the quantile of all or by the
    /// usual one, whichever says more; its p is for having had two.
    pub fn gather(measured: &Measured<'_>, share: f64, settings: &GateSettings) -> Option<Watch> {
        let all = measured.log_pooled(Arm::Baseline, share)?.exp();
        measured.log_pooled(Arm::Candidate, share)?;
        let margin = margin(settings, measured.segments.len());
        let whole = Watch::beyond(measured, all, margin);
        let Some(usual) = usual(measured, Arm::Baseline, share) else { return Some(whole) };
        let typical = Watch::beyond(measured, usual.exp(), margin);
        let better = if typical.p < whole.p { typical } else { whole };
        Some(Watch { p: (better.p * 2.0).min(1.0), edges: 2.0, ..better })
    }

    fn beyond(measured: &Measured<'_>, edge: f64, margin: f64) -> Watch {
        let pieces = slow(measured, edge, edge * margin);
        let share = |arm: usize| {
            let sum =
                |of: fn(&(u64, u64)) -> u64| pieces.iter().map(|it| of(&it[arm])).sum::<u64>();
            sum(|it| it.1) as f64 / sum(|it| it.0).max(1) as f64
        };
        let p = p_of(&differences(&pieces, 0.0));
        let (baseline, candidate) = (share(0), share(1));
        Watch { edge: edge / 1_000.0, margin, baseline, candidate, edges: 1.0, p }
    }

    /// The smallest factor on all of the candidate's times with which it would have been
    /// called regressed at a level; `None` beyond a hundredfold.
    pub fn visible(&self, measured: &Measured<'_>, level: f64) -> Option<f64> {
        let edge = self.edge * 1_000.0;
        let sees = |factor: f64| {
            let pieces = slow(measured, edge, edge * self.margin / factor);
            p_of(&differences(&pieces, 0.0)) * self.edges < level
        };
        if !sees(MOST) {
            return None;
        }
        let (mut low, mut high) = (0.0, MOST.ln());
        for _ in 0..8 {
            let middle = f64::midpoint(low, high);
            if sees(middle.exp()) { high = middle } else { low = middle }
        }
        Some(high.exp())
    }
}

/// ln of an arm's usual quantile in µs; `None` where too few pieces show it.
pub(super) fn usual(measured: &Measured<'_>, arm: Arm, share: f64) -> Option<f64> {
    let per_second = measured.timed(arm) as f64 / measured.seconds().max(1) as f64;
    let needed = BEYOND_IN_PIECE / ((1.0 - share).max(1e-9) * per_second.max(1e-9));
    let width = (needed.min(LONGEST_PIECE) - 1e-6).ceil().max(SHORTEST_PIECE) as usize;
    let mut pieces = measured.log_quantiles(arm, share, width).concat();
    if needed > LONGEST_PIECE || pieces.len() < FEWEST_PIECES {
        return None;
    }
    let middle = pieces.len() / 2;
    Some(*pieces.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// One-sided p of "no more of the candidate's requests fail than the baseline's, by the floor".
pub fn errors(measured: &Measured<'_>, floor: f64) -> f64 {
    let pieces: Vec<[(u64, u64); 2]> = measured.pieces_of(Both::counts);
    p_of(&differences(&pieces, floor))
}

fn margin(settings: &GateSettings, starts: usize) -> f64 {
    let luck = STARTS * (2.0 / starts.max(1) as f64).sqrt() * settings.start_noise;
    LEAST_MARGIN.max((settings.tolerance.ln_1p() + luck).exp())
}

/// For each piece and arm: requests, and those that took longer than its threshold in µs.
pub(super) fn slow(measured: &Measured<'_>, baseline: f64, candidate: f64) -> Vec<[(u64, u64); 2]> {
    measured.pieces_of(|both, arm| {
        let counted = both.counted(arm);
        let beyond = match arm {
            Arm::Baseline => beyond(counted, baseline),
            Arm::Candidate => beyond(counted, candidate),
        };
        (counted.total, beyond)
    })
}

/// Requests in buckets that lie wholly above a time.
fn beyond(counted: Counted<'_>, micros: f64) -> u64 {
    let start = counted.buckets.partition_point(|(low, _)| *low as f64 <= micros);
    counted.buckets[start..].iter().fold(0, |sum, bucket| sum.saturating_add(bucket.1))
}

/// Candidate − baseline in requests, less a floor, for each piece in which both have any.
pub(super) fn differences(pieces: &[[(u64, u64); 2]], floor: f64) -> Vec<f64> {
    let of = |[(all, bad), (all_too, bad_too)]: &[(u64, u64); 2]| {
        let (b, c) = (*all as f64, *all_too as f64);
        let known = *all > 0 && *all_too > 0;
        let share = || *bad_too as f64 / c - *bad as f64 / b - floor;
        known.then(|| f64::midpoint(b, c) * share())
    };
    pieces.iter().filter_map(of).collect()
}

/// The bound of the sign-flip test's p, with pieces that hang together counted for fewer.
pub(super) fn p_of(differences: &[f64]) -> f64 {
    (log_p(differences) / inflation(differences)).exp()
}

/// ln of `min over λ ≥ 0 of exp(−λS)·Π cosh(λd)`, which is convex in λ: by halving where its
/// slope `Σ d·tanh(λd) − S` changes its sign.
fn log_p(differences: &[f64]) -> f64 {
    let largest = differences.iter().fold(0.0_f64, |most, d| most.max(d.abs()));
    if differences.iter().sum::<f64>() <= 0.0 || largest <= 0.0 {
        return 0.0;
    }
    let d: Vec<f64> = differences.iter().map(|d| d / largest).collect();
    let sum: f64 = d.iter().sum();
    let slope = |lambda: f64| d.iter().map(|d| d * (lambda * d).tanh()).sum::<f64>() - sum;
    let (mut low, mut high) = (0.0, LARGEST_LAMBDA);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if slope(middle) < 0.0 { low = middle } else { high = middle }
    }
    let lambda = low;
    let log_cosh = |x: f64| x.abs() + f64::midpoint(1.0, (-2.0 * x.abs()).exp()).ln();
    let bound = d.iter().map(|d| log_cosh(lambda * d)).sum::<f64>() - lambda * sum;
    bound.min(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of all signs with which the sum is at least as large.
    fn exact(d: &[f64]) -> f64 {
        let sum: f64 = d.iter().sum();
        let ways = 1_u32 << d.len();
        let signed = |signs: u32| -> f64 {
            d.iter().enumerate().map(|(k, d)| if signs >> k & 1 == 1 { *d } else { -*d }).sum()
        };
        f64::from((0..ways).filter(|signs| signed(*signs) >= sum - 1e-9).count() as u32)
            / f64::from(ways)
    }

    #[test]
    fn the_bound_is_never_below_the_share_of_all_signs() {
        for d in [
            vec![1.0; 12],
            vec![3.0, 2.0, -1.0, 4.0, 0.5, 2.0, 2.0, -0.5, 1.0, 1.0],
            vec![10.0, 0.1, 0.1, -0.1],
            vec![1.0, -2.0, 3.0, -1.5, 2.5, 2.0, 0.0, 0.0, 1.0],
            vec![5.0],
        ] {
            let (bound, exact) = (log_p(&d).exp(), exact(&d));
            assert!(bound >= exact * (1.0 - 1e-9), "{bound} {exact}: {d:?}");
            assert!(bound <= (exact * 12.0).min(1.0), "{bound} {exact}: {d:?}");
        }
        assert!((log_p(&[2.0; 20]) + 20.0 * 2.0_f64.ln()).abs() < 1e-3, "2⁻ⁿ when all agree");
    }

    #[test]
    fn nothing_or_fewer_is_no_evidence() {
        for none in [&[][..], &[0.0; 9], &[-1.0, -2.0], &[1.0, -1.0]] {
            assert!((p_of(none) - 1.0).abs() < 1e-12, "{none:?}");
        }
    }

    #[test]
    fn pieces_that_hang_together_count_for_fewer() {
        let apart = [4.0, 0.0, 4.0, 0.0, 4.0, 0.0, 4.0, 0.0, 4.0, 0.0, 4.0, 0.0];
        let together = [4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert!((p_of(&apart) - 0.5_f64.powi(6)).abs() < 1e-3, "{}", p_of(&apart));
        assert!(p_of(&together) > 0.1, "{}", p_of(&together));
    }

    #[test]
    fn noisy_starts_widen_the_margin() {
        let of = |noise| margin(&GateSettings { start_noise: noise, ..GateSettings::default() }, 1);
        assert!((of(0.01) - 1.25).abs() < 1e-12);
        assert!((of(0.1) - 1.05 * (0.4_f64 * 2.0_f64.sqrt()).exp()).abs() < 1e-9);
    }
}
