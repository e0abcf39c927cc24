//! The sign test on intervals far off the usual ratio: a candidate that freezes now and
//! then has more slow intervals than fast ones, even where no mean shows it.

use statrs::function::beta::checked_beta_reg;

use crate::analysis::stats::median;

/// An interval counts when it is at least this factor off the median ratio.
const LEAST_FACTOR: f64 = 1.25;
/// And this many normal standard deviations, each 1.4826 MAD: 5.93 MAD.
const DEVIATIONS: f64 = 4.0;
/// The standard deviation of the normal distribution in units of its MAD.
const MAD_TO_DEVIATION: f64 = 1.4826;

/// Intervals far off the median ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signs {
    /// Those in which the candidate was slow.
    pub above: u64,
    /// Those in which the baseline was slow.
    pub below: u64,
}

impl Signs {
    /// Counts log ratios further than max(ln 1.25, 5.93 MAD) off their median.
    pub fn count(values: &[f64]) -> Signs {
        let middle = median(values).unwrap_or(0.0);
        let off: Vec<f64> = values.iter().map(|x| x - middle).collect();
        let sizes: Vec<f64> = off.iter().map(|x| x.abs()).collect();
        let deviation = MAD_TO_DEVIATION * median(&sizes).unwrap_or(0.0);
        let far = LEAST_FACTOR.ln().max(DEVIATIONS * deviation);
        let number =
            |wanted: fn(f64, f64) -> bool| off.iter().filter(|x| wanted(**x, far)).count() as u64;
        Signs { above: number(|x, far| x > far), below: number(|x, far| x < -far) }
    }

    /// One-sided p of "slow intervals are as often the candidate's as the baseline's":
    /// P(X ≥ above) for X binomial with ½, which is the incomplete beta function
    /// `I_½(above, below + 1)`. One without any.
    pub fn p(self) -> f64 {
        if self.above == 0 {
            return 1.0;
        }
        checked_beta_reg(self.above as f64, self.below as f64 + 1.0, 0.5)
            .expect("both counts are above 0")
    }
}
