//! The error rate at one look. The effect is the difference of the shares of errors,
//! candidate − baseline; what is accepted is a floor, not a ratio: 1 error against 3 is
//! no threefold rate.
//!
//! *Regressed*: the difference is above the floor and the sign-flip test on the seconds'
//! differences has p below the level. Exact tests for shares would alarm on 25 to 40 % of
//! identical builds when errors come in bursts. A burst may last for many seconds, as requests
//! that nobody answers fail together for as long as their time limit: so p is raised to the power
//! 1 ÷ how much more the sum of the differences varies than if each second stood for itself, as
//! for [`super::slow`], here with [`LAGS`] lags. A candidate that breaks half-way and stays broken is
//! no burst: a difference of one sign that lasts for more than twice as many seconds has a level of
//! its own, from which what varies is counted. There is but one test, so that it gets the whole level
//! of the metric.
//!
//! *Pass*: the upper bound of the difference lies below the floor, whether it is
//! significant or not: a certain change within the tolerance is accepted, here as for
//! response times. The bound is Student's on 5-s blocks, with a standard error of at least
//! that of independent errors, `√(errors of both) / requests`, as blocks that happen to
//! agree prove little. And it is at least `(c − b + z·√(c + b + z²)) / requests` with c and b
//! errors: no error in a few requests is nothing that was shown. With none at all that is
//! z²/requests, about what the exact bound says; below 0.1 % from about 5,000 requests on.
//!
//! *Improved*: the upper bound lies below −floor.

use crate::analysis::comparison::{Estimate, Ruling};
use crate::analysis::gate::center::{block_mean, inflation_over};
use crate::analysis::gate::flips::sign_flip;
use crate::analysis::gate::location::{Location, student_point};
use crate::analysis::gate::series::Measured;
use crate::record::duet::GateSettings;
use crate::scenario::model::Arm;

/// For how many seconds errors may hang together, beside at most a fifth of all seconds: the time
/// limit of a request, if the scenario does not say another, and what it takes to recover.
const LAGS: usize = 12;

/// What was seen of the errors.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorEvidence {
    /// Requests and errors of the baseline.
    pub baseline: (u64, u64),
    /// Requests and errors of the candidate.
    pub candidate: (u64, u64),
    /// Difference of the shares.
    pub difference: Option<Location>,
    /// One-sided p of the sign-flip test.
    pub p: f64,
    /// The largest difference that is accepted.
    pub floor: f64,
}

impl ErrorEvidence {
    /// All that has been measured says this of the errors.
    pub fn gather(measured: &Measured<'_>, settings: &GateSettings) -> ErrorEvidence {
        let (baseline, candidate) =
            (measured.counts(Arm::Baseline), measured.counts(Arm::Candidate));
        ErrorEvidence {
            baseline,
            candidate,
            difference: difference(baseline, candidate, &measured.error_rate_differences()),
            p: p_of(&measured.error_differences(), settings.seed),
            floor: settings.error_floor,
        }
    }

    /// The smallest level at which this would be called regressed.
    pub fn p_regressed(&self) -> f64 {
        match self.difference {
            Some(found) if found.value > self.floor => self.p,
            Some(_) | None => 1.0,
        }
    }

    /// What it says when it is not regressed.
    pub fn otherwise(&self, level: f64) -> Ruling {
        let Some(found) = self.difference else { return Ruling::Inconclusive };
        if found.p_below(-self.floor) < level {
            return Ruling::Improved;
        }
        let shown = level > 0.0 && self.upper(found, level) < self.floor;
        if shown { Ruling::Pass } else { Ruling::Inconclusive }
    }

    /// The upper bound of the difference: by blocks, and by how many errors there were.
    fn upper(&self, found: Location, level: f64) -> f64 {
        let z = normal_point(level);
        let errors = self.baseline.1.saturating_add(self.candidate.1) as f64;
        let requests = self.baseline.0.min(self.candidate.0).max(1) as f64;
        found.upper(level).max(found.value + z * (errors + z * z).sqrt() / requests)
    }

    /// Requests per arm without any error that show a rate below the floor.
    pub fn needed(floor: f64, level: f64) -> f64 {
        normal_point(level).powi(2) / floor.max(1e-9)
    }

    /// The difference with its bounds.
    pub fn estimate(&self, low: f64, high: f64) -> Option<Estimate> {
        let found = self.difference?;
        let high = self.upper(found, high);
        Some(Estimate { value: found.value, low: found.lower(low), high })
    }
}

/// One-sided p of the sign-flip test, with seconds that hang together counted for fewer.
fn p_of(differences: &[i64], seed: u64) -> f64 {
    let lags = LAGS.min(differences.len() / 5);
    (sign_flip(differences, seed).ln() / inflation_over(&off_levels(differences, lags), lags)).exp()
}

/// The distances from their mean of runs of one sign that are longer than what hangs together
/// by chance, each from its own, and of all other differences from theirs.
fn off_levels(differences: &[i64], lags: usize) -> Vec<f64> {
    let runs = differences.chunk_by(|one, next| one.signum() == next.signum());
    let lasts = |run: &[i64]| run[0] != 0 && run.len() > 2 * lags;
    let level = |values: &[i64]| values.iter().sum::<i64>() as f64 / values.len().max(1) as f64;
    let others: Vec<i64> = runs.clone().filter(|run| !lasts(run)).flatten().copied().collect();
    let of_others = level(&others);
    let off = |run: &[i64]| {
        let level = if lasts(run) { level(run) } else { of_others };
        run.iter().map(move |difference| *difference as f64 - level).collect::<Vec<f64>>()
    };
    runs.flat_map(off).collect()
}

/// The normal distribution is Student's with many degrees of freedom.
fn normal_point(level: f64) -> f64 {
    student_point(level, 1_000_000)
}

/// The share of errors; `None` without requests.
pub fn share((requests, errors): (u64, u64)) -> Option<f64> {
    (requests > 0).then(|| errors as f64 / requests as f64)
}

fn difference(baseline: (u64, u64), candidate: (u64, u64), blocks: &[f64]) -> Option<Location> {
    let value = share(candidate)? - share(baseline)?;
    let found = block_mean(blocks)?;
    let requests = baseline.0.min(candidate.0) as f64;
    let independent = (baseline.1.saturating_add(candidate.1) as f64).sqrt() / requests;
    Some(Location { value, error: found.error.max(independent), freedom: found.freedom })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::gate::simulated::Draw;

    /// Errors of each second of an arm of 120 requests per second that stands still for some
    /// seconds now and then, and fails some of its requests otherwise.
    fn errors(draw: &mut Draw, seconds: usize, stops: (f64, f64), share: f64) -> Vec<i64> {
        let (per_second, length) = stops;
        let mut all: Vec<i64> = (0..seconds)
            .map(|_| (share * 120.0 + draw.normal(1.0) * (share * 120.0).sqrt()).max(0.0) as i64)
            .collect();
        for start in draw.moments(per_second, seconds as f64) {
            let end = (start + length).min(seconds as f64);
            all[start as usize..end as usize].iter_mut().for_each(|errors| *errors = 60);
        }
        all
    }

    fn differences(draw: &mut Draw, seconds: usize, stops: (f64, f64), more: f64) -> Vec<i64> {
        let baseline = errors(draw, seconds, stops, 0.002);
        let candidate = errors(draw, seconds, stops, 0.002 + more);
        baseline.into_iter().zip(candidate).map(|(before, after)| after - before).collect()
    }

    /// How many of some pairs are called at a level of 1 %.
    fn called(pairs: u64, seconds: usize, stops: (f64, f64), more: f64) -> usize {
        let mut draw = Draw::new(7);
        (0..pairs)
            .filter(|seed| p_of(&differences(&mut draw, seconds, stops, more), *seed) < 0.01)
            .count()
    }

    #[test]
    fn arms_that_fail_in_long_bursts_are_not_called_worse_by_chance() {
        let found = called(300, 60, (1.0 / 20.0, 10.0), 0.0);
        assert!(found <= 9, "{found} of 300 at a level of 1 %");
    }

    #[test]
    fn a_candidate_that_breaks_on_the_way_is_seen() {
        for (seconds, onset, failed) in [(60, 30, 40), (60, 30, 4), (120, 60, 40), (120, 90, 40)] {
            let mut draw = Draw::new(9);
            let seen = (0..40).filter(|seed| {
                let mut found = differences(&mut draw, seconds, (0.0, 0.0), 0.0);
                found[onset..].iter_mut().for_each(|difference| *difference += failed);
                p_of(&found, *seed) < 0.01
            });
            let seen = seen.count();
            assert!(seen >= 38, "{seen} of 40: {failed} of 120 from {onset} of {seconds} s on");
        }
    }

    #[test]
    fn only_what_lasts_has_a_level_of_its_own() {
        let mut found = vec![0; 20];
        found.extend([30; 25]);
        assert!(off_levels(&found, 12).iter().all(|off| *off == 0.0));
        let short = [&[0; 20][..], &[30; 20]].concat();
        assert!((off_levels(&short, 12)[39] - 15.0).abs() < 1e-9);
        assert_eq!(off_levels(&[], 0), Vec::<f64>::new());
    }

    #[test]
    fn steady_errors_are_still_seen() {
        assert!(called(20, 60, (0.0, 0.0), 0.01) >= 19);
    }
}
