//! Where the log ratios of intervals lie: the 20 %-trimmed mean, which shrugs off seconds
//! in which the machine was busy with something else, and the plain mean of blocks, which
//! does not: never gate on a robust centre alone.

use crate::analysis::gate::location::Location;
use crate::analysis::stats::mean;

/// The share that is cut off at each end.
const TRIMMED: f64 = 0.2;
/// Fewer intervals than this carry no trimmed mean.
const FEWEST_INTERVALS: usize = 5;
/// Fewer blocks than this carry no mean.
const FEWEST_BLOCKS: usize = 3;
/// How many intervals later the noise of an interval is still felt.
const LAGS: usize = 3;

/// The 20 %-trimmed mean with Yuen's standard error and its n − 2g − 1 degrees of freedom
/// (Yuen 1974): with g = ⌊0.2 n⌋ and `s_w` the standard deviation of the winsorised values,
/// `s_w / (0.6 √n)`. That is meant for independent values; it is multiplied by the root
/// of the long-run variance over the variance, where the first is at least the second.
pub fn trimmed(values: &[f64]) -> Option<Location> {
    let n = values.len();
    if n < FEWEST_INTERVALS {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let cut = (TRIMMED * n as f64) as usize;
    let value = mean(&sorted[cut..n - cut])?;
    let (low, high) = (sorted[cut], sorted[n - cut - 1]);
    let winsorised: Vec<f64> = sorted.iter().map(|x| x.clamp(low, high)).collect();
    let spread = (squares(&winsorised) / (n - 1) as f64).sqrt();
    let error = spread / ((1.0 - 2.0 * TRIMMED) * (n as f64).sqrt()) * inflation(values).sqrt();
    Some(Location { value, error, freedom: n - 2 * cut - 1 })
}

/// The mean with its standard error `s / √n` and n − 1 degrees of freedom.
pub fn block_mean(values: &[f64]) -> Option<Location> {
    let n = values.len();
    if n < FEWEST_BLOCKS {
        return None;
    }
    let variance = squares(values) / (n - 1) as f64;
    Some(Location { value: mean(values)?, error: (variance / n as f64).sqrt(), freedom: n - 1 })
}

/// Long-run variance over variance, at least 1.
pub fn inflation(values: &[f64]) -> f64 {
    inflation_over(values, LAGS)
}

/// The same where values hang together for longer than [`LAGS`].
pub fn inflation_over(values: &[f64], lags: usize) -> f64 {
    let variance = squares(values) / values.len().max(1) as f64;
    (long_run_variance(values, lags) / variance.max(1e-12)).max(1.0)
}

/// What n times the variance of the mean tends to when values hang together, with
/// Bartlett's weights: `γ₀ + 2 Σ (1 − k/(L+1)) γ_k` for k up to L (Newey and West 1987).
fn long_run_variance(values: &[f64], lags: usize) -> f64 {
    let n = values.len();
    let Some(mean) = mean(values) else { return 0.0 };
    let off: Vec<f64> = values.iter().map(|x| x - mean).collect();
    let covariance = |lag: usize| -> f64 {
        let products = off.iter().zip(off.iter().skip(lag)).map(|(early, late)| early * late);
        products.sum::<f64>() / n as f64
    };
    let weighted = |lag| (1.0 - lag as f64 / (lags + 1) as f64) * covariance(lag);
    (covariance(0) + 2.0 * (1..=lags).map(weighted).sum::<f64>()).max(0.0)
}

/// The sum of the squared distances from the mean.
pub(super) fn squares(values: &[f64]) -> f64 {
    let mean = mean(values).unwrap_or(0.0);
    values.iter().map(|x| (x - mean) * (x - mean)).sum()
}
