//! Where the next run of an unchanged target would fall, from the runs before it: the
//! interval by which stored numbers decide (`stored`, where the method is described).
//!
//! Values in, bounds and rulings out; knows nothing of runs or requests. Checked against
//! scipy (`tests/golden/stored.json`).

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::analysis::comparison::Ruling;
use crate::analysis::stats::{mean, student_quantile};

/// How likely the smallest visible change is seen.
const POWER: f64 = 0.95;

/// A new value beside those before it. Logarithms for quantiles, shares for error rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// The mean of the values before.
    pub center: f64,
    /// The new value less that mean.
    pub shift: f64,
    /// The shift's standard error when nothing has changed.
    pub error: f64,
    /// The largest accepted shift.
    pub tolerance: f64,
    /// Degrees of freedom of the error.
    pub freedom: usize,
}

impl Prediction {
    /// A new value after others; `None` after none. Their standard deviation is taken to be
    /// at least `least`.
    pub fn new(before: &[f64], new: f64, least: f64, tolerance: f64) -> Option<Prediction> {
        let center = mean(before)?;
        let runs = before.len() as f64;
        Some(Prediction {
            center,
            shift: new - center,
            error: deviation(before).max(least) * (1.0 + 1.0 / runs).sqrt(),
            tolerance,
            freedom: before.len() - 1,
        })
    }

    /// The least shift, at a level.
    pub fn low(&self, alpha: f64) -> f64 {
        self.shift - student_quantile(1.0 - alpha, self.freedom) * self.error
    }

    /// The largest shift, at a level.
    pub fn high(&self, beta: f64) -> f64 {
        self.shift + student_quantile(1.0 - beta, self.freedom) * self.error
    }

    /// One-sided p of "not worse by more than the tolerance".
    pub fn p(&self) -> f64 {
        let t = (self.tolerance - self.shift) / self.error;
        let student = StudentsT::new(0.0, 1.0, self.freedom.max(1) as f64);
        student.map_or(1.0, |student| student.cdf(t))
    }

    /// What follows, with the level of *regressed* and that of *pass*.
    pub fn ruling(&self, alpha: f64, beta: f64) -> Ruling {
        match (self.low(alpha), self.high(beta)) {
            (low, _) if low > self.tolerance => Ruling::Regressed,
            (_, high) if high < -self.tolerance => Ruling::Improved,
            (_, high) if high < self.tolerance => Ruling::Pass,
            _ => Ruling::Inconclusive,
        }
    }

    /// The least true shift that is called regressed in 95 of 100 cases; Student's
    /// distribution stands for the noncentral one, as in METHODS.md.
    pub fn visible(&self, alpha: f64) -> f64 {
        let t = |share| student_quantile(share, self.freedom);
        self.tolerance + (t(1.0 - alpha) + t(POWER)) * self.error
    }
}

/// The standard deviation of independent values; zero for fewer than two.
pub fn deviation(values: &[f64]) -> f64 {
    let Some(mean) = mean(values).filter(|_| values.len() > 1) else { return 0.0 };
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_xoshiro::SplitMix64;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};
    use serde_json::Value;

    use super::*;

    fn golden(name: &str) -> Vec<Value> {
        let all: Value =
            serde_json::from_str(include_str!("../../tests/golden/stored.json")).unwrap();
        all[name].as_array().unwrap().clone()
    }

    fn numbers(value: &Value) -> Vec<f64> {
        value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
    }

    #[test]
    fn intervals_are_those_of_scipy() {
        let cases = golden("prediction");
        assert!(cases.len() > 5);
        for case in cases {
            let number = |name: &str| case[name].as_f64().unwrap();
            let found =
                Prediction::new(&numbers(&case["before"]), number("new"), 0.0, number("tolerance"));
            let found = found.unwrap();
            for (name, value) in [
                ("low", found.low(0.0025)),
                ("high", found.high(0.05)),
                ("p", found.p()),
                ("visible", found.visible(0.0025)),
            ] {
                assert!((value - number(name)).abs() < 1e-6, "{name} {value}: {case}");
            }
        }
    }

    /// How many of 4,000 candidates with a true change are called regressed by ten runs;
    /// all runs scatter by 5 %.
    fn regressed(change: f64) -> usize {
        let mut random = SplitMix64::seed_from_u64(5);
        let mut normal = || {
            let parts = (0..12).map(|_| random.next_u64() as f64 / 2_f64.powi(64));
            parts.sum::<f64>() - 6.0
        };
        let gates = (0..4_000).filter(|_| {
            let before: Vec<f64> = (0..10).map(|_| 0.05 * normal()).collect();
            let new = change.ln_1p() + 0.05 * normal();
            let found = Prediction::new(&before, new, 0.01, 1.05_f64.ln()).unwrap();
            found.ruling(0.01, 0.05) == Ruling::Regressed
        });
        gates.count()
    }

    /// METHODS.md, section 5.4: ten runs see little below +30 %.
    #[test]
    fn the_chances_of_error_are_those_that_were_asked_for() {
        assert!(regressed(0.0) <= 12, "{} of 4,000 unchanged", regressed(0.0));
        let at_tolerance = regressed(0.05);
        assert!((20..=60).contains(&at_tolerance), "{at_tolerance} of 4,000 at the tolerance");
        let typical = Prediction {
            center: 0.0,
            shift: 0.0,
            error: 0.05 * 1.1_f64.sqrt(),
            tolerance: 1.05_f64.ln(),
            freedom: 9,
        };
        let visible = typical.visible(0.01).exp_m1();
        assert!((0.3..0.4).contains(&visible), "{visible}");
        let seen = regressed(visible) as f64 / 4_000.0;
        assert!((0.92..0.98).contains(&seen), "{seen} of those at +{visible}");
    }

    proptest! {
        #[test]
        fn one_that_is_slower_is_never_judged_better(before in prop::collection::vec(-3.0_f64..3.0, 2..15),
                                                     new in -4.0_f64..4.0, more in 0.0_f64..2.0) {
            let rank = |ruling| match ruling {
                Ruling::Improved => 0,
                Ruling::Pass => 1,
                Ruling::Inconclusive => 2,
                Ruling::Regressed => 3,
            };
            let of = |new| Prediction::new(&before, new, 0.01, 0.05).unwrap();
            let ruling = |new| rank(of(new).ruling(0.01, 0.05));
            prop_assert!(ruling(new + more) >= ruling(new));
            prop_assert!(of(new + more).p() <= of(new).p() + 1e-12);
        }

        #[test]
        fn what_p_says_the_bound_says(before in prop::collection::vec(-0.1_f64..0.1, 2..15), new in -1.0_f64..2.0) {
            let found = Prediction::new(&before, new, 0.01, 0.05).unwrap();
            let p = found.p();
            prop_assume!((p - 0.01).abs() > 1e-6);
            prop_assert_eq!(p < 0.01, found.low(0.01) > 0.05);
        }
    }
}
