//! The error rate at one look. The effect is the difference of the shares of errors,
//! candidate − baseline; what is accepted is a floor, not a ratio: 1 error against 3 is
//! no threefold rate.
//!
//! *Regressed*: the difference is above the floor and the sign-flip test on the seconds'
//! differences has p below the level. Exact tests for shares would alarm on 25 to 40 % of
//! identical builds when errors come in bursts. There is but one test, so that it gets the
//! whole level of the metric.
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
use crate::analysis::gate::center::block_mean;
use crate::analysis::gate::flips::sign_flip;
use crate::analysis::gate::location::{Location, student_point};
use crate::analysis::gate::series::Measured;
use crate::record::duet::GateSettings;
use crate::scenario::model::Arm;

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
            p: sign_flip(&measured.error_differences(), settings.seed),
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
