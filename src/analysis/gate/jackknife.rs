//! The ratio of the pooled quantiles with a delete-block jackknife: 12 runs of
//! consecutive seconds are left out one by one. With K estimates d₍ᵢ₎ and their mean d̄
//! the variance is `(K − 1)/K · Σ (d₍ᵢ₎ − d̄)²`, with K − 1 degrees of freedom.

use crate::analysis::gate::location::Location;
use crate::analysis::gate::series::{JACKKNIFE_BLOCKS, Measured};
use crate::analysis::stats::mean;

/// ln of the ratio of the pooled quantiles. `None` with fewer seconds than blocks, or
/// when an arm without one of the blocks has no requests.
pub fn pooled(measured: &Measured<'_>, share: f64) -> Option<Location> {
    if measured.seconds() < JACKKNIFE_BLOCKS {
        return None;
    }
    let value = measured.log_pooled_ratio(share, None)?;
    let without = |block| measured.log_pooled_ratio(share, Some(block));
    let estimates: Option<Vec<f64>> = (0..JACKKNIFE_BLOCKS).map(without).collect();
    Some(jackknife(value, &estimates?))
}

fn jackknife(value: f64, estimates: &[f64]) -> Location {
    let (blocks, centre) = (estimates.len() as f64, mean(estimates).unwrap_or(value));
    let squares: f64 = estimates.iter().map(|d| (d - centre) * (d - centre)).sum();
    let error = ((blocks - 1.0) / blocks * squares).sqrt();
    Location { value, error, freedom: estimates.len() - 1 }
}
