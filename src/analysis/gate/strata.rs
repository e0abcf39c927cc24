//! The ratio of a quantile, step by step.
//!
//! Where steps take differently long, the quantile of all requests lies in one of them, or in
//! the gap between two: p95 is blind to all but the slowest step, and p50 jumps from one step's
//! times to another's with every request more of either. So in each interval
//!
//! ```text
//! x = Σ w_s · ln(Q_s(candidate) ÷ Q_s(baseline)) ÷ Σ w_s
//! ```
//!
//! over the steps s with `w_s`, their share of the requests. (Stratification: Cochran, *Sampling
//! Techniques*, chapter 5.) A change of all steps alike is the same change of x; on the Fastify
//! reference API x scatters a quarter less than the ratio of all requests' p50.
//!
//! Steps with less than a twentieth of the requests are too thin to have a quantile in every
//! interval. They watch, as all steps do, and are in what watches all requests.

use crate::analysis::gate::series::{Measured, pieces};
use crate::scenario::model::Arm;

/// A step needs this share of the requests to be a stratum.
const LEAST_SHARE: f64 = 0.05;

/// A step with its share of the requests.
#[derive(Debug, Clone, Copy)]
pub struct Stratum<'m, 'a> {
    /// What was measured of it.
    pub measured: &'m Measured<'a>,
    /// Its requests, of both arms.
    pub weight: f64,
}

/// The steps that are strata; none where there are fewer than two.
pub fn strata<'m, 'a>(steps: &'m [Measured<'a>]) -> Vec<Stratum<'m, 'a>> {
    let of = |measured: &'m Measured<'a>| Stratum {
        measured,
        weight: (measured.timed(Arm::Baseline) + measured.timed(Arm::Candidate)) as f64,
    };
    let mut all: Vec<Stratum<'m, 'a>> = steps.iter().map(of).collect();
    let whole: f64 = all.iter().map(|stratum| stratum.weight).sum();
    all.retain(|stratum| stratum.weight >= LEAST_SHARE * whole && stratum.weight > 0.0);
    if all.len() < 2 { Vec::new() } else { all }
}

/// x, piece by piece, one list for each segment; pieces in which no step has requests in both
/// arms are left out.
pub fn log_ratios(strata: &[Stratum<'_, '_>], share: f64, width: usize) -> Vec<Vec<f64>> {
    let segments = strata.first().map_or(0, |first| first.measured.segments.len());
    let of = |segment: usize| {
        let length = strata[0].measured.segments[segment].len();
        let ratio = |at: std::ops::Range<usize>| {
            let (mut sum, mut weights) = (0.0, 0.0);
            for stratum in strata {
                let seconds = &stratum.measured.segments[segment][at.clone()];
                if let Some(found) = super::series::log_ratio(seconds, share) {
                    sum += stratum.weight * found;
                    weights += stratum.weight;
                }
            }
            (weights > 0.0).then(|| sum / weights)
        };
        pieces(length, width).filter_map(ratio).collect()
    };
    (0..segments).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::comparison::{ArmSecond, Pair, Paired};
    use crate::record::histogram::Sparse;

    fn second(micros: u64, requests: u64) -> ArmSecond {
        let response = Sparse::from_counts([(micros, requests)]);
        ArmSecond { response, requests, ..ArmSecond::default() }
    }

    fn step(requests: u64, baseline: u64, candidate: u64) -> Paired {
        let pair =
            Pair { baseline: second(baseline, requests), candidate: second(candidate, requests) };
        Paired { segments: vec![vec![pair; 10]; 2], ..Paired::default() }
    }

    #[test]
    fn each_step_weighs_by_its_requests() {
        let steps = [step(30, 1_000, 1_000), step(10, 100, 200), step(1, 100, 900)];
        let steps: Vec<Measured<'_>> = steps.iter().map(|step| Measured::new(step, 2)).collect();
        let strata = strata(&steps);
        assert_eq!(strata.len(), 2, "the third has 2.4 % of the requests");
        let found = log_ratios(&strata, 0.5, 2);
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5]);
        let expected = 2.0_f64.ln() / 4.0;
        assert!(found.iter().flatten().all(|x| (x - expected).abs() < 0.01), "{found:?}");
    }

    #[test]
    fn one_step_is_no_stratum() {
        let steps = [step(30, 1_000, 1_000), step(1, 100, 900)];
        let steps: Vec<Measured<'_>> = steps.iter().map(|step| Measured::new(step, 2)).collect();
        assert!(strata(&steps).is_empty());
        assert!(log_ratios(&[], 0.5, 2).is_empty());
    }
}
