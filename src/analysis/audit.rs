//! How much of what was measured may be the generator's own doing.
//!
//! METHODS.md, section 2. For every request T = S + G: T was measured, S is the
//! target's part, G ≥ 0 the generator's lag. Only the two distributions of T and G are
//! known, not which lag went with which request; both statements below hold whatever
//! hangs together with what.

use crate::analysis::assessment::GeneratorError;
use crate::analysis::evidence::Share;
use crate::analysis::stats::{ALPHA, share_at_most};
use crate::record::histogram::Sparse;
use crate::scenario::slo::Threshold;

/// The shares over which the bracket is minimised.
const SPLITS: [f64; 5] = [1e-4, 2e-4, 5e-4, 1e-3, 2e-3];

/// The bracket of the target's own quantile:
/// `Q_T(q − e) − Q_G(1 − e) ≤ Q_S(q) ≤ Q_T(q)` for every 0 < e < q.
pub fn generator_error(response: &Sparse, send_lag: &Sparse, q: f64) -> Option<GeneratorError> {
    let high = response.quantile(q)?;
    let low_at = |e: f64| {
        let lag = send_lag.quantile(1.0 - e).unwrap_or(0.0);
        Some(response.quantile(q - e)? - lag)
    };
    let lows = SPLITS.into_iter().filter(|e| *e < q).filter_map(low_at);
    let low = lows.fold(0.0_f64, f64::max).min(high);
    let relative = if high > 0.0 { (high - low) / high } else { 0.0 };
    Some(GeneratorError { quantile: q, low: low / 1e3, high: high / 1e3, relative })
}

/// The most slow requests that would have been fast enough without the generator's lag.
///
/// A request with T beyond the limit X and S within it has G > g or T ≤ X + g, whatever
/// g ≥ 0 is. So their number is at most
///
/// ```text
/// b = min over g of  #{X ≤ T ≤ X + g} + #{G > g}
/// ```
pub fn blamable(response: &Sparse, send_lag: &Sparse, threshold: Threshold) -> u64 {
    let limit = threshold.limit / 1_000;
    let slow = response.count_from(limit);
    let mut later = send_lag.count();
    let mut least = slow.min(later);
    for (place, &(_, count)) in send_lag.buckets().iter().enumerate() {
        later -= count;
        let lag = bucket_end(send_lag, place);
        least = least.min(later + count_between(response, limit, limit + lag));
    }
    least
}

/// The lowest value beyond a bucket, at most the next recorded one.
fn bucket_end(histogram: &Sparse, place: usize) -> u64 {
    let (low, _) = histogram.buckets()[place];
    // A bucket is at most a thousandth of its value wide, and at least 1 µs.
    low + low / 1_000 + 1
}

/// Requests in buckets that touch a range, in microseconds.
pub fn count_between(histogram: &Sparse, from: u64, to: u64) -> u64 {
    let beyond = histogram.buckets().partition_point(|(low, _)| *low <= to);
    let after: u64 = histogram.buckets()[beyond..].iter().map(|(_, count)| count).sum();
    histogram.count_from(from).saturating_sub(after)
}

/// Whether the generator's lag, and not the target or too little evidence, may be why an
/// objective is not met.
///
/// With e slow requests of n, f = e/n, and b of them blamable, three things must hold:
///
/// * without them the objective would look met: (e − b)/n ≤ allowed. Then the limit lies
///   inside the bracket of the quantile;
/// * the lag matters more than noise does: b/n ≥ f − lo. A hundred microseconds of
///   ordinary lag on the very edge are not why the answer is open;
/// * it is the lag that stands in the way: f > allowed, or e − b slow requests of n,
///   were they independent, would be few enough to call it met.
///
/// An objective that is met stays met: T ≥ S, so without lag it would be met all the more.
pub fn is_generators_doing(share: &Share, blamable: u64, allowed: f64) -> bool {
    let (bad, all) = (share.total.bad, share.total.all);
    let blamable = blamable.min(bad);
    if blamable == 0 || all == 0 {
        return false;
    }
    let left = (bad - blamable) as f64 / all as f64;
    let f = share.total.share();
    let matters = blamable as f64 / all as f64 >= f - share.low;
    let certified = || share_at_most((bad - blamable) as f64, all as f64, ALPHA) <= allowed;
    left <= allowed && matters && (f > allowed || certified())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analysis::evidence::from_tallies;
    use crate::analysis::stats::Tally;

    fn sparse(values: impl IntoIterator<Item = u64>) -> Sparse {
        Sparse::from_counts(values.into_iter().map(|value| (value, 1)))
    }

    fn limit(micros: u64) -> Threshold {
        Threshold { limit: micros * 1_000, inclusive: false }
    }

    #[test]
    fn the_bracket_is_narrow_without_lag_and_wide_with_it() {
        let response = sparse((0..100_000).map(|i| 10_000 + i));
        let calm = generator_error(&response, &sparse([5; 1_000]), 0.99).unwrap();
        assert!(calm.relative < 0.002, "{calm:?}");
        let late = generator_error(&response, &sparse([50_000; 1_000]), 0.99).unwrap();
        assert!((late.low - 58.9).abs() < 0.3 && (late.high - 109.0).abs() < 0.3, "{late:?}");
    }

    #[test]
    fn nothing_measured_has_no_bracket() {
        assert_eq!(generator_error(&Sparse::default(), &sparse([1]), 0.99), None);
    }

    #[test]
    fn only_slow_requests_within_reach_of_the_lag_are_blamable() {
        let response = sparse([vec![10_000; 900], vec![600_000; 100]].concat());
        for (lag, expected) in [
            (vec![100; 1_000], 0),
            ([vec![100; 970], vec![300_000; 30]].concat(), 30),
            (vec![300_000; 1_000], 100),
        ] {
            assert_eq!(blamable(&response, &sparse(lag), limit(500_000)), expected);
        }
        assert_eq!(blamable(&response, &Sparse::default(), limit(500_000)), 0);
    }

    #[test]
    fn lag_is_to_blame_only_where_it_decides() {
        let spread = |bad| vec![Tally { all: 200, bad }; 60];
        for (tallies, blamable, expected) in [
            (spread(10), 0, false),
            (spread(10), 300, false),
            (spread(10), 600, true),
            (spread(10), u64::MAX, true),
            // On the edge: a few requests within reach of the lag do not explain it.
            (spread(2), 3, false),
            (spread(2), 120, true),
            // Too few requests: it would be open without any slow one as well.
            (vec![Tally { all: 2, bad: 0 }, Tally { all: 198, bad: 1 }], 1, false),
            (spread(0), 10, false),
        ] {
            let share = from_tallies(&tallies, &[]);
            let found = is_generators_doing(&share, blamable, 0.01);
            assert_eq!(found, expected, "{share:?} {blamable}");
        }
    }

    proptest! {
        #[test]
        fn no_pairing_of_lags_beats_the_bounds(
            pairs in prop::collection::vec((1_u64..2_000_000, 0_u64..1_000_000), 1..200),
            edge in 1_000_u64..1_500_000, q in 0.5_f64..0.999,
        ) {
            let response = sparse(pairs.iter().map(|(s, g)| s + g));
            let lag = sparse(pairs.iter().map(|(_, g)| *g));
            let own = sparse(pairs.iter().map(|(s, _)| *s));
            let innocent = pairs.iter().filter(|(s, g)| s + g >= edge && *s < edge).count();
            prop_assert!(blamable(&response, &lag, limit(edge)) >= innocent as u64);
            let bracket = generator_error(&response, &lag, q).unwrap();
            let truth = own.quantile(q).unwrap() / 1e3;
            // Three figures of T and of G, of up to a second.
            let slack = 0.001 * (truth + bracket.high + 1_000.0);
            prop_assert!(bracket.low <= truth + slack, "{truth} {bracket:?}");
            prop_assert!(truth <= bracket.high + slack, "{truth} {bracket:?}");
        }
    }
}
