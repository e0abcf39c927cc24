//! Holm's rule: at which level each of several metrics is tested, so that all of them
//! together err no more often than one.
//!
//! One-sided p in, a level for each out; knows nothing of what was tested. Both gates use
//! it; a duet's gives its metrics weights (Holm 1979, section 4), so that many that only
//! watch take little from those that gate. Checked against numpy (`tests/golden/gate.json`, `tests/golden/stored.json`).

use crate::units::order;

/// What Holm's rule says of one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HolmTest {
    /// The level that its p had to be below.
    pub level: f64,
    /// Whether it was.
    pub rejected: bool,
}

/// Holm's rule (1979): the smallest of m p is held against α/m, the next against α/(m − 1)
/// and so on; at the first that is not below its level all that remain are kept, and that
/// level is theirs.
pub fn holm(p: &[f64], alpha: f64) -> Vec<HolmTest> {
    holm_weighted(&p.iter().map(|p| (*p, 1.0)).collect::<Vec<_>>(), alpha)
}

/// The same for pairs of p and weight: the smallest p ÷ weight is held against α·w ÷ (sum
/// of the weights), the next one against α·w ÷ (sum of the weights that are left).
pub fn holm_weighted(weighted: &[(f64, f64)], alpha: f64) -> Vec<HolmTest> {
    let mut order: Vec<usize> = (0..weighted.len()).collect();
    let key = |index: usize| weighted[index].0 / weighted[index].1;
    order::by(&mut order, |a, b| key(*a).total_cmp(&key(*b)));
    let mut tested = vec![HolmTest { level: alpha, rejected: false }; weighted.len()];
    let mut left: f64 = weighted.iter().map(|(_, weight)| weight).sum();
    let mut failed = false;
    for index in order {
        let (p, weight) = weighted[index];
        // Nothing is left to spend where nothing weighs anything.
        let level = if left > 0.0 { alpha * weight / left } else { 0.0 };
        failed |= p >= level;
        tested[index] = HolmTest { level, rejected: !failed };
        left -= if failed { 0.0 } else { weight };
    }
    tested
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The levels of each case of a golden file, beside what numpy rejects by them.
    #[track_caller]
    fn check(golden: &str, alpha: impl Fn(&Value) -> f64, rejected: &str) {
        let all: Value = serde_json::from_str(golden).unwrap();
        let cases = all["holm"].as_array().unwrap();
        assert!(cases.iter().any(|case| case[rejected].to_string().contains("true,false")));
        for case in cases {
            let p: Vec<f64> = serde_json::from_value(case["p"].clone()).unwrap();
            let tested = holm(&p, alpha(case));
            let found: Vec<bool> = tested.iter().map(|tested| tested.rejected).collect();
            assert_eq!(serde_json::json!(found), case[rejected], "{case}");
            let agree =
                tested.iter().zip(&p).all(|(tested, p)| tested.rejected == (*p < tested.level));
            assert!(agree, "{tested:?}: {case}");
        }
    }

    #[test]
    fn each_rejection_leaves_the_next_more() {
        let rejected = |p: &[f64]| holm(p, 0.01).iter().filter(|tested| tested.rejected).count();
        assert_eq!(rejected(&[0.009, 0.001, 0.004]), 3);
        assert_eq!(rejected(&[0.009, 0.001, 0.006]), 1, "the first that stays holds the rest");
        assert_eq!(rejected(&[0.004, 0.005, 0.006]), 0);
    }

    #[test]
    fn weights_share_the_level_and_add_up_to_it() {
        let two = holm_weighted(&[(0.004, 1.0), (0.5, 0.25), (0.5, 0.25)], 0.01);
        assert!((two[0].level - 0.01 / 1.5).abs() < 1e-12 && two[0].rejected, "{two:?}");
        let watchers = holm_weighted(&[(0.5, 1.0), (0.001, 0.25), (0.5, 0.25)], 0.01);
        assert!((watchers[1].level - 0.0025 / 1.5).abs() < 1e-12, "{watchers:?}");
        assert!(watchers[1].rejected && !watchers[0].rejected && !watchers[2].rejected);
        assert!(!holm_weighted(&[(0.5, 1.0), (0.002, 0.25), (0.5, 0.25)], 0.01)[1].rejected);
    }

    #[test]
    fn several_p_of_a_duet() {
        let golden = include_str!("../../tests/golden/gate.json");
        check(golden, |case| case["alpha"].as_f64().unwrap(), "rejected");
    }

    #[test]
    fn several_p_of_stored_numbers() {
        check(include_str!("../../tests/golden/stored.json"), |_| 0.01, "regressed");
    }
}
