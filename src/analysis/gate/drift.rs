//! Does the ratio move while it is measured? In a duet the machine's noise cancels in the
//! ratio, so a ratio with a trend means that one arm is still warming up, or filling up,
//! and that its mean says nothing of the time after.
//!
//! Only intervals of the same segment are compared, as each segment has fresh processes:
//! the Theil–Sen slope is the median slope of all pairs within segments, and the trend is
//! tested by Mann and Kendall's S added up over the segments (the seasonal test of
//! Hirsch, Slack and Smith 1982), with the normal distribution and no correction for ties.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::analysis::comparison::Paired;
use crate::analysis::gate::series::Measured;
use crate::analysis::stats::median;

/// Two-sided p below which a trend is believed.
const TREND: f64 = 0.01;

/// The trend of the ratio within segments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// By what factor the ratio changes from the begin of a segment to its end.
    pub factor: f64,
    /// Two-sided p of "no trend".
    pub p: f64,
}

impl Drift {
    /// Whether the ratio moves, surely and by more than the tolerance either way.
    pub fn is_drifting(self, tolerance: f64) -> bool {
        self.p < TREND && self.factor.ln().abs() > tolerance.ln_1p()
    }
}

/// The trend of the ratio of one quantile. `None` with too few intervals for any.
pub fn drift(paired: &Paired, share: f64) -> Option<Drift> {
    let measured = Measured::new(paired, paired.segments.len());
    trend(&measured.log_ratios(share, measured.interval_width(share)))
}

pub(in crate::analysis) fn trend(segments: &[Vec<f64>]) -> Option<Drift> {
    let pairs = segments.iter().flat_map(|segment| {
        (0..segment.len()).flat_map(move |late| {
            (0..late).map(move |early| (segment[late] - segment[early], late - early))
        })
    });
    let (rises, slopes): (Vec<f64>, Vec<f64>) =
        pairs.map(|(rise, steps)| (sign(rise), rise / steps as f64)).unzip();
    let longest = segments.iter().map(Vec::len).max()?;
    let variance: f64 = segments.iter().map(|segment| s_variance(segment.len() as f64)).sum();
    let slope = median(&slopes)?;
    Some(Drift {
        factor: (slope * longest.saturating_sub(1) as f64).exp(),
        p: two_sided(rises.iter().sum(), variance),
    })
}

fn sign(rise: f64) -> f64 {
    if rise == 0.0 { 0.0 } else { rise.signum() }
}

/// The variance of S without a trend: n (n − 1) (2n + 5) / 18.
fn s_variance(n: f64) -> f64 {
    n * (n - 1.0) * (2.0 * n + 5.0) / 18.0
}

/// With the correction of one step for a statistic of whole numbers.
fn two_sided(s: f64, variance: f64) -> f64 {
    let beyond = (s.abs() - 1.0).max(0.0) / variance.max(1.0).sqrt();
    (2.0 * Normal::standard().sf(beyond)).min(1.0)
}
