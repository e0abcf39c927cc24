//! Whether a run under constant load has settled, and when.
//!
//! METHODS.md, section 3: MSER-5 on 5-s medians of the logarithms of p50 and of the
//! gated quantile finds the beginning; a Theil–Sen slope on what is kept finds drift.

use crate::analysis::assessment::Steadiness;
use crate::analysis::stats::{lag_one_correlation, mean, median, residual_deviation, theil_sen};
use crate::analysis::totals::drained;
use crate::record::histogram::{Live, Sparse};
use crate::record::phase::Phase;
use crate::record::run::RunRecord;

/// Seconds per block.
const BLOCK: usize = 5;
/// Fewer blocks than this are not examined.
const FEWEST_BLOCKS: usize = 8;
/// More blocks than this are put together, so that a soak's slopes take no minutes.
const MOST_BLOCKS: usize = 240;
/// A beginning that is less than 5 % slower than the rest is no warm-up.
const SLOWER_START: f64 = 0.05;
/// Drift within this (ln) is not told from none: METHODS' 2.5 %.
const TELLABLE: f64 = 0.0247;
/// Drift within ± 10 % (ln) is of no interest.
const INTERESTING: f64 = 0.0953;

/// Logarithms of a response time, one per block.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Of the median.
    pub p50: Vec<f64>,
    /// Of the gated quantile.
    pub gated: Vec<f64>,
    /// Seconds per block.
    pub width: usize,
}

/// Where a series settles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settling {
    /// After so many blocks; zero: at once.
    After(usize),
    /// Not within the first half.
    Never,
}

/// The series of some seconds; `None` when they are too few or have gaps of a block.
pub fn series(record: &RunRecord, seconds: &[u32], quantile: f64) -> Option<Series> {
    if seconds.len() / BLOCK < FEWEST_BLOCKS {
        return None;
    }
    let width = BLOCK * (seconds.len() / BLOCK).div_ceil(MOST_BLOCKS);
    let mut live = Live::default();
    // A day has as many seconds as memory has no room for histograms.
    let each = seconds.iter().map(|second| {
        let response = response_of(record, *second, &mut live);
        [0.5, quantile].map(|share| response.quantile(share).map(f64::ln))
    });
    let each: Vec<[Option<f64>; 2]> = each.collect();
    let of = |index: usize| {
        each.chunks_exact(width).map(|block| block_median(block, index)).collect::<Option<_>>()
    };
    Some(Series { p50: of(0)?, gated: of(1)?, width })
}

fn response_of(record: &RunRecord, second: u32, live: &mut Live) -> Sparse {
    if let Some(found) = record.seconds.get(second) {
        found.times().of(Phase::Response).for_each(|response| response.add_to(live));
    }
    drained(live)
}

fn block_median(seconds: &[[Option<f64>; 2]], index: usize) -> Option<f64> {
    let values: Vec<f64> = seconds.iter().filter_map(|second| second[index]).collect();
    median(&values)
}

impl Series {
    /// When both have settled.
    pub fn settling(&self) -> Settling {
        match (mser(&self.p50), mser(&self.gated)) {
            (Settling::After(a), Settling::After(b)) => Settling::After(a.max(b)),
            (Settling::Never, _) | (_, Settling::Never) => Settling::Never,
        }
    }

    /// Whether a cut takes away a slow beginning. One that is no slower than the rest is
    /// no warm-up, and what gets slower later must not be judged without its better half.
    pub fn starts_slower(&self, cut: usize) -> bool {
        [&self.p50, &self.gated].into_iter().any(|values| {
            let (start, rest) = values.split_at(cut);
            let both = mean(start).zip(median(rest));
            both.is_some_and(|(start, rest)| start - rest > SLOWER_START)
        })
    }

    /// Whether what remains after a cut holds still; the larger of both drifts counts.
    pub fn steadiness(&self, cut: usize) -> Steadiness {
        let (p50, gated) = (&self.p50[cut..], &self.gated[cut..]);
        let drifts = [drift(p50), drift(gated)].into_iter().flatten();
        let largest = drifts.fold(0.0_f64, |a, b| if b.abs() > a.abs() { b } else { a });
        if largest == 0.0 {
            Steadiness::Steady
        } else {
            Steadiness::Drifting { ratio: largest.exp() }
        }
    }
}

/// MSER-5: the cut after which the variance of the mean is smallest; it must lie in the
/// first half, and in the last allowed place the series has not settled.
fn mser(values: &[f64]) -> Settling {
    let half = values.len() / 2;
    let error = |cut: usize| {
        // Below this (0.0001 %) differences are rounding; the first of equals is the cut.
        (variance(&values[cut..]) / (values.len() - cut) as f64).max(1e-12)
    };
    let best = (0..half).min_by(|a, b| error(*a).total_cmp(&error(*b)));
    match best {
        Some(cut) if cut + 1 < half || cut == 0 => Settling::After(cut),
        Some(_) => Settling::Never,
        None => Settling::After(0),
    }
}

fn variance(values: &[f64]) -> f64 {
    let centre = mean(values).unwrap_or(0.0);
    mean(&values.iter().map(|value| (value - centre).powi(2)).collect::<Vec<_>>()).unwrap_or(0.0)
}

/// The drift from the first to the last block (ln), if it is significant and of interest.
fn drift(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    let slope = theil_sen(values);
    let total = slope * (n - 1.0);
    let centre = median(values)?;
    let residuals: Vec<f64> = (0_u32..)
        .zip(values)
        .map(|(index, value)| value - centre - slope * (f64::from(index) - (n - 1.0) / 2.0))
        .collect();
    let rho = lag_one_correlation(&residuals);
    // About the standard error of a robust line's whole drift, widened for correlation.
    let error = 1.2533 * residual_deviation(&residuals) * (12.0 / n).sqrt();
    let error = error * ((1.0 + rho) / (1.0 - rho)).sqrt();
    (total.abs() - 1.645 * error > TELLABLE && total.abs() > INTERESTING).then_some(total)
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};

    use super::*;

    /// Blocks at `level(i)` with noise of ± 2 %.
    fn made(blocks: usize, seed: u64, level: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut noise = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64 * 0.04 - 0.02;
        (0..blocks).map(|i| level(i as f64) + noise()).collect()
    }

    fn of(values: Vec<f64>) -> Series {
        Series { p50: values.clone(), gated: values, width: BLOCK }
    }

    #[test]
    fn a_slow_beginning_is_cut() {
        for seed in 0..50 {
            let series = of(made(24, seed, |i| 0.6 * (-i / 1.5).exp()));
            let Settling::After(cut) = series.settling() else { panic!("{seed}") };
            assert!((2..=11).contains(&cut) && series.starts_slower(cut), "{seed}: {cut}");
            assert_eq!(series.steadiness(cut), Steadiness::Steady, "{seed}");
        }
    }

    #[test]
    fn a_run_that_holds_still_is_not_cut() {
        for seed in 0..50 {
            let series = of(made(24, seed, |_| 1.0));
            let cut = match series.settling() {
                Settling::After(cut) => cut,
                Settling::Never => 0,
            };
            assert!(!series.starts_slower(cut) || cut == 0, "{seed}: {cut}");
        }
    }

    #[test]
    fn a_step_in_the_middle_never_settles() {
        let series = of(made(24, 3, |i| if i < 11.0 { 1.0 } else { 0.0 }));
        assert_eq!(series.settling(), Settling::Never);
    }

    #[test]
    fn drift_is_told_from_noise() {
        for seed in 0..50 {
            let flat = of(made(24, seed, |_| 1.0)).steadiness(0);
            assert_eq!(flat, Steadiness::Steady, "{seed}");
            let Steadiness::Drifting { ratio } = of(made(24, seed, |i| i * 0.02)).steadiness(0)
            else {
                panic!("{seed}")
            };
            assert!((1.5..1.7).contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn a_slower_end_is_no_warmup() {
        let series = of(made(24, 5, |i| if i < 4.0 { 0.0 } else { 1.0 }));
        assert!(!series.starts_slower(4));
    }
}
