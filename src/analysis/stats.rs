//! The statistics that every judgement rests on: intervals for shares, the design
//! effect of requests that hang together, robust slopes.
//!
//! Numbers in, numbers out; knows nothing of requests or objectives. Checked against
//! values computed by scipy (`tests/golden/stats.json`).

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};
use statrs::function::beta::checked_beta_reg;

/// How often an interval may leave the truth beyond one of its ends.
pub const ALPHA: f64 = 0.05;

/// From this many blocks on, Student's distribution is taken for the normal one.
const MANY_BLOCKS: usize = 30;

/// Bad requests and all requests of one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// All requests.
    pub all: u64,
    /// The bad ones among them.
    pub bad: u64,
}

impl Tally {
    /// The share of bad ones; zero without requests.
    pub fn share(self) -> f64 {
        if self.all == 0 { 0.0 } else { self.bad as f64 / self.all as f64 }
    }

    /// With so many more bad ones.
    #[must_use]
    pub fn and(self, bad: u64) -> Tally {
        Tally { all: self.all.saturating_add(bad), bad: self.bad.saturating_add(bad) }
    }

    /// Both counts added up.
    pub fn sum(parts: impl IntoIterator<Item = Tally>) -> Tally {
        parts.into_iter().fold(Tally::default(), |sum, part| Tally {
            all: sum.all + part.all,
            bad: sum.bad + part.bad,
        })
    }
}

/// One-sided lower Clopper–Pearson bound of a share. The counts need not be whole, as
/// they may have been divided by a design effect.
pub fn share_at_least(bad: f64, all: f64, alpha: f64) -> f64 {
    if bad <= 0.0 || all <= 0.0 {
        return 0.0;
    }
    beta_quantile(alpha, bad, (all - bad).max(0.0) + 1.0)
}

/// One-sided upper Clopper–Pearson bound of a share: with no bad request at all
/// `1 − α^(1/n)`.
pub fn share_at_most(bad: f64, all: f64, alpha: f64) -> f64 {
    if all <= 0.0 || all - bad <= 0.0 {
        return 1.0;
    }
    if bad <= 0.0 {
        return -(alpha.ln() / all).exp_m1();
    }
    beta_quantile(1.0 - alpha, bad + 1.0, all - bad)
}

/// The quantile of the beta distribution, by halving: statrs' own inversion has a loop
/// without a bound, and a verdict must never hang.
fn beta_quantile(share: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        let below = checked_beta_reg(a, b, middle).expect("a and b are above 0, x in [0, 1]");
        if below < share { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The level that makes up for a design effect estimated from few blocks: the normal
/// distribution is as wide at it as Student's with `blocks − 1` degrees of freedom at
/// `alpha`, that is `1 − Φ(t⁻¹(1 − α))`.
pub fn alpha_for_blocks(alpha: f64, blocks: usize) -> f64 {
    if blocks >= MANY_BLOCKS {
        return alpha;
    }
    let freedom = blocks.saturating_sub(1).max(1);
    let t = student_quantile(1.0 - alpha, freedom);
    Normal::standard().sf(t)
}

/// The quantile of Student's distribution.
pub fn student_quantile(share: f64, freedom: usize) -> f64 {
    StudentsT::new(0.0, 1.0, freedom.max(1) as f64)
        .expect("the degrees of freedom are above zero")
        .inverse_cdf(share)
}

/// How many times less the evidence weighs than independent requests would, from
/// blocks of time: with `f = Σe/Σn`, `r_k = e_k − f·n_k`, `V = K/(K−1) · Σr_k²/N²`, it
/// is `max(1, V/(f(1−f)/N))`.
pub fn design_effect(blocks: &[Tally]) -> f64 {
    let total = Tally::sum(blocks.iter().copied());
    let (f, n, k) = (total.share(), total.all as f64, blocks.len() as f64);
    let independent = f * (1.0 - f) / n.max(1.0);
    if blocks.len() < 2 || independent <= 0.0 {
        return 1.0;
    }
    let squares: f64 = blocks.iter().map(|b| (b.bad as f64 - f * b.all as f64).powi(2)).sum();
    let variance = k / (k - 1.0) * squares / (n * n);
    (variance / independent).max(1.0)
}

/// The middle value; of two middle ones the mean. `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// The Theil–Sen slope of evenly spaced values per step: the median of all pairwise
/// slopes. Zero for fewer than two values.
pub fn theil_sen(values: &[f64]) -> f64 {
    let slopes: Vec<f64> = (0..values.len())
        .flat_map(|j| (0..j).map(move |i| (i, j)))
        .map(|(i, j)| (values[j] - values[i]) / (j - i) as f64)
        .collect();
    median(&slopes).unwrap_or(0.0)
}

/// The Theil–Sen slope's lower bound at a level of confidence: by Kendall's statistic, so it
/// knows nothing of how the values are spread.
pub fn theil_sen_at_least(values: &[f64], alpha: f64) -> Option<f64> {
    let n = values.len() as f64;
    let mut slopes: Vec<f64> = (0..values.len())
        .flat_map(|j| (0..j).map(move |i| (i, j)))
        .map(|(i, j)| (values[j] - values[i]) / (j - i) as f64)
        .collect();
    slopes.sort_unstable_by(f64::total_cmp);
    let spread = (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    let index = (slopes.len() as f64 - Normal::standard().inverse_cdf(1.0 - alpha) * spread) / 2.0;
    (index >= 1.0).then(|| slopes.get(index as usize - 1).copied()).flatten()
}

/// The arithmetic mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The standard deviation of values whose mean and slope were estimated (n − 2).
pub fn residual_deviation(residuals: &[f64]) -> f64 {
    let Some(mean) = mean(residuals) else { return 0.0 };
    let squares: f64 = residuals.iter().map(|r| (r - mean).powi(2)).sum();
    (squares / (residuals.len().saturating_sub(2).max(1)) as f64).sqrt()
}

/// The correlation of a series with itself one step later, in [0, 0.8]: what is
/// negative or beyond is not believed of a short series.
pub fn lag_one_correlation(values: &[f64]) -> f64 {
    if values.len() < 3 {
        return 0.0;
    }
    let (early, late) = (&values[..values.len() - 1], &values[1..]);
    let correlation = correlation(early, late);
    if correlation.is_finite() { correlation.clamp(0.0, 0.8) } else { 0.0 }
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let (mx, my) = (mean(x).unwrap_or(0.0), mean(y).unwrap_or(0.0));
    let product = |a: &[f64], ma: f64, b: &[f64], mb: f64| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - ma) * (b - mb)).sum()
    };
    product(x, mx, y, my) / (product(x, mx, x, mx) * product(y, my, y, my)).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn golden(name: &str) -> Vec<Value> {
        let all: Value =
            serde_json::from_str(include_str!("../../tests/golden/stats.json")).unwrap();
        let cases = all[name].as_array().unwrap().clone();
        assert!(!cases.is_empty(), "{name}");
        cases
    }

    fn numbers(value: &Value) -> Vec<f64> {
        value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
    }

    #[track_caller]
    fn close(found: f64, expected: f64, relative: f64, what: &Value) {
        let scale = expected.abs().max(1e-300);
        assert!((found - expected).abs() / scale <= relative, "{found} for {expected}: {what}");
    }

    #[test]
    fn bounds_of_shares_are_those_of_scipy() {
        for case in golden("clopper_pearson") {
            let number = |name: &str| case[name].as_f64().unwrap();
            let (bad, all, alpha) = (number("bad"), number("all"), number("alpha"));
            close(share_at_least(bad, all, alpha), number("lower"), 1e-6, &case);
            close(share_at_most(bad, all, alpha), number("upper"), 1e-6, &case);
        }
    }

    #[test]
    fn student_and_the_adjusted_level_are_those_of_scipy() {
        for case in golden("student") {
            let number = |name: &str| case[name].as_f64().unwrap();
            let freedom = number("freedom") as usize;
            close(student_quantile(0.95, freedom), number("t"), 1e-7, &case);
            close(alpha_for_blocks(ALPHA, freedom + 1), number("alpha"), 1e-5, &case);
        }
    }

    #[test]
    fn design_effects_are_those_of_numpy() {
        for case in golden("design_effect") {
            let (all, bad) = (numbers(&case["all"]), numbers(&case["bad"]));
            let blocks: Vec<Tally> = all
                .iter()
                .zip(&bad)
                .map(|(all, bad)| Tally { all: *all as u64, bad: *bad as u64 })
                .collect();
            close(design_effect(&blocks), case["deff"].as_f64().unwrap(), 1e-9, &case);
        }
    }

    #[test]
    fn slopes_are_those_of_scipy() {
        for case in golden("theil_sen") {
            let values = numbers(&case["values"]);
            close(theil_sen(&values), case["slope"].as_f64().unwrap(), 1e-9, &case);
            close(median(&values).unwrap(), case["median"].as_f64().unwrap(), 1e-12, &case);
        }
    }

    #[test]
    fn nothing_has_no_median_and_certifies_nothing() {
        assert_eq!(median(&[]), None);
        assert_eq!((share_at_least(0.0, 0.0, ALPHA), share_at_most(0.0, 0.0, ALPHA)), (0.0, 1.0));
        assert!(design_effect(&[]) < 1.1);
        assert!(design_effect(&[Tally { all: 10, bad: 10 }; 3]) < 1.1);
    }

    #[test]
    fn many_blocks_need_no_adjustment() {
        assert!(alpha_for_blocks(ALPHA, 29) < ALPHA);
        assert!((alpha_for_blocks(ALPHA, 30) - ALPHA).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn more_bad_requests_never_lower_a_bound(all in 1_u64..1_000_000, part in 0.0_f64..1.0,
                                                 more in 1_u64..1_000, effect in 1.0_f64..50.0) {
            let bad = (part * all as f64) as u64;
            let worse = (bad + more).min(all);
            let bound = |bad: u64, at: fn(f64, f64, f64) -> f64| {
                at(bad as f64 / effect, all as f64 / effect, ALPHA)
            };
            prop_assert!(bound(worse, share_at_least) >= bound(bad, share_at_least) - 1e-12);
            prop_assert!(bound(worse, share_at_most) >= bound(bad, share_at_most) - 1e-12);
        }

        #[test]
        fn the_interval_holds_its_estimate(all in 1_u64..100_000, part in 0.0_f64..1.0) {
            let bad = (part * all as f64).floor();
            let (low, high) = (share_at_least(bad, all as f64, ALPHA),
                               share_at_most(bad, all as f64, ALPHA));
            prop_assert!(low <= bad / all as f64 && bad / all as f64 <= high);
        }
    }
}
