//! What of the spread from segment to segment is due to the starts of the processes.
//!
//! In an A/A duet the true ln(ratio) is 0. Segment r of n shows `x_r` with the gate's own
//! squared standard error `v_r`, in which few requests and noise that hangs together within
//! the segment are accounted for. The rest is the starts' (a random-effects model, by the
//! method of moments):
//!
//! ```text
//! total² = Σ x_r² / n      within² = Σ v_r / n      start² = max(0, total² − within²)
//! ```
//!
//! The deviations are from 0, not from their mean: an arm that is favoured in all segments
//! is noise of the gate too. The bound puts `n·total²/χ²(0.05; n)` in the place of `total²`,
//! which takes `within²` as known, as it is from many more numbers. Segments are drawn until
//! a gate has decided; by Wald's identity that leaves the mean of `x_r²` where it is.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::analysis::gate::location::Location;
use crate::analysis::stats::{ALPHA, mean};

/// The spread of ln(ratio) from segment to segment, as standard deviations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Segments.
    pub segments: usize,
    /// The mean of ln(ratio).
    pub mean: f64,
    /// About 0.
    pub total: f64,
    /// From within segments.
    pub within: f64,
    /// From one pair of starts to the next.
    pub start: f64,
    /// One-sided 95 % bound of that.
    pub start_at_most: f64,
}

/// The spread of what segments showed; `None` of nothing.
pub fn spread(found: &[Location]) -> Option<Spread> {
    let values: Vec<f64> = found.iter().map(|it| it.value).collect();
    let total = mean(&values.iter().map(|x| x * x).collect::<Vec<_>>())?;
    let within = mean(&found.iter().map(|it| it.error * it.error).collect::<Vec<_>>())?;
    let n = found.len() as f64;
    let total_at_most = total * n / chi_square_point(ALPHA, n);
    let left = |total: f64| (total - within).max(0.0).sqrt();
    Some(Spread {
        segments: found.len(),
        mean: mean(&values)?,
        total: total.sqrt(),
        within: within.sqrt(),
        start: left(total),
        start_at_most: left(total_at_most),
    })
}

/// The standard deviation of values about their own mean; `None` of fewer than two.
pub fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// The value that a chi-square variable stays below with this chance. By halving, as
/// statrs' inversion has a loop without a bound.
fn chi_square_point(share: f64, freedom: f64) -> f64 {
    let law = ChiSquared::new(freedom.max(1.0)).expect("the degrees of freedom are above zero");
    let (mut low, mut high) = (0.0, 2.0 * freedom.max(1.0) + 20.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if law.cdf(middle) < share { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::gate::simulated::Draw;

    fn location(value: f64, error: f64) -> Location {
        Location { value, error, freedom: 17 }
    }

    /// `scipy.stats.chi2.ppf(0.05, n)`.
    #[test]
    fn points_of_chi_square_are_those_of_scipy() {
        for (freedom, expected) in [
            (1.0, 0.003_932_14),
            (2.0, 0.102_586_59),
            (6.0, 1.635_382_89),
            (10.0, 3.940_299_14),
            (30.0, 18.492_660_98),
            (600.0, 544.180_107_7),
        ] {
            let found = chi_square_point(0.05, freedom);
            assert!((found / expected - 1.0).abs() < 1e-5, "{freedom}: {found}");
        }
    }

    #[test]
    fn what_is_not_from_within_is_the_starts() {
        let found = spread(&[location(0.02, 0.01), location(-0.02, 0.01)]).unwrap();
        assert!((found.total - 0.02).abs() < 1e-12 && (found.within - 0.01).abs() < 1e-12);
        assert!((found.start - 3e-4_f64.sqrt()).abs() < 1e-12, "{found:?}");
        let bound = (4e-4 * 2.0 / 0.102_586_59 - 1e-4_f64).sqrt();
        assert!((found.start_at_most - bound).abs() < 1e-7, "{found:?}");
        assert!(found.mean.abs() < 1e-12);
    }

    #[test]
    fn an_arm_that_is_favoured_each_time_is_noise_too() {
        let found = spread(&[location(0.03, 0.0); 5]).unwrap();
        assert!((found.start - 0.03).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn noise_within_is_never_less_than_all() {
        let found = spread(&[location(0.001, 0.01), location(-0.001, 0.01)]).unwrap();
        assert!(found.start == 0.0 && found.start_at_most < 0.01, "{found:?}");
        assert_eq!(spread(&[]), None);
        assert_eq!(deviation(&[1.0]), None);
        assert!((deviation(&[1.0, 3.0]).unwrap() - 2.0_f64.sqrt()).abs() < 1e-12);
    }

    /// Known parts come back, and the bound holds the truth about as often as it says.
    #[test]
    fn known_parts_come_back() {
        let mut draw = Draw::new(5);
        let (start, within) = (0.012, 0.010);
        for segments in [4, 12, 30] {
            let (mut squares, mut held) = (0.0, 0);
            for _ in 0..1_000 {
                let one = |_| location(draw.normal(start) + draw.normal(within), within);
                let found = spread(&(0..segments).map(one).collect::<Vec<_>>()).unwrap();
                squares += found.start.powi(2) / 1_000.0;
                held += u32::from(found.start_at_most >= start);
            }
            let back = squares.sqrt();
            assert!((back / start - 1.0).abs() < 0.10, "{segments} segments: {back}");
            assert!((930..=970).contains(&held), "{segments} segments: {held}");
        }
    }
}
