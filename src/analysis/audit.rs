//! How much of what was measured may be the generator's own doing.
//!
//! For every request T = S + G: T was measured, S is the target's part, G ≥ 0 what the
//! generator's lag added. G is at most what the request felt of it (`engine::lateness`), and
//! that is known of each, so T − G is a histogram of its own: the *least* that the response
//! times could have been. Whatever hangs together with what,
//!
//! ```text
//! Q_least(q) ≤ Q_S(q) ≤ Q_T(q)
//! ```
//!
//! METHODS.md, section 2, bounds the same from the two distributions of T and G alone, that
//! is for the worst pairing of lags and requests: on quick answers it is ten times wider.

use crate::analysis::assessment::GeneratorError;
use crate::analysis::evidence::Share;
use crate::analysis::stats::{ALPHA, share_at_most};
use crate::record::histogram::{Sparse, bucket_top};
use crate::scenario::slo::Threshold;

/// The bracket of the target's own quantile.
pub fn generator_error(response: &Sparse, lower_bound: &Sparse, q: f64) -> Option<GeneratorError> {
    let high = response.quantile(q)?;
    let low = lower_bound.quantile(q).unwrap_or(0.0).min(high);
    let relative = if high > 0.0 { (high - low) / high } else { 0.0 };
    Some(GeneratorError { quantile: q, low: low / 1e3, high: high / 1e3, relative })
}

/// The most slow requests that would have been fast enough without the generator's lag:
/// those with T beyond the limit and T − G within it.
pub fn blamable(response: &Sparse, lower_bound: &Sparse, threshold: Threshold) -> u64 {
    let limit = threshold.limit / 1_000;
    response.count_from(limit).saturating_sub(lower_bound.count_from(limit))
}

/// Requests in buckets that touch a range, in microseconds.
pub fn count_between(histogram: &Sparse, from: u64, to: u64) -> u64 {
    let beyond = histogram.buckets().partition_point(|(low, _)| *low <= to);
    let after: u64 = histogram.buckets()[beyond..].iter().map(|(_, count)| count).sum();
    histogram.count_from(from).saturating_sub(after)
}

/// How many times beyond a limit would be within it without a lag of theirs, at most: whose lag
/// is whose is not known, so each lag explains the smallest excess that is left.
pub fn pairs_beyond(times: &Sparse, lags: &Sparse, limit: Threshold) -> u64 {
    let limit = limit.limit / 1_000;
    let beyond = times.buckets().iter().filter(|(value, _)| bucket_top(*value) >= limit);
    let excesses: Vec<(u64, u64)> =
        beyond.map(|(value, count)| (value.saturating_sub(limit), *count)).collect();
    let (mut paired, mut excesses) = (0_u64, excesses.into_iter());
    let mut open = excesses.next();
    for &(lag, count) in lags.buckets() {
        let (lag, mut left) = (bucket_top(lag), count);
        while let Some((excess, number)) = open.filter(|(excess, _)| *excess <= lag && left > 0) {
            let taken = number.min(left);
            (paired, left) = (paired.saturating_add(taken), left - taken);
            open = if taken < number { Some((excess, number - taken)) } else { excesses.next() };
        }
    }
    paired
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

    #[test]
    fn a_lag_explains_an_excess_that_it_is_longer_than_and_only_one() {
        let limit = Threshold { limit: 100_000_000, inclusive: false };
        let paired = |times: &[(u64, u64)], lags: &[(u64, u64)]| {
            let of = |counts: &[(u64, u64)]| Sparse::from_counts(counts.iter().copied());
            pairs_beyond(&of(times), &of(lags), limit)
        };
        assert_eq!(paired(&[(50_000, 9), (150_000, 4)], &[(80_000, 3)]), 3);
        assert_eq!(paired(&[(50_000, 9), (150_000, 4)], &[(80_000, 9)]), 4);
        assert_eq!(paired(&[(150_000, 4)], &[(40_000, 9)]), 0, "too short a lag");
        assert_eq!(paired(&[(120_000, 2), (400_000, 2)], &[(30_000, 1), (500_000, 2)]), 3);
        assert_eq!(paired(&[(50_000, 9)], &[(80_000, 9)]), 0, "nothing is slow");
        assert_eq!(paired(&[(150_000, 4)], &[]), 0);
    }

    use crate::analysis::evidence::from_tallies;
    use crate::analysis::stats::Tally;

    fn sparse(values: impl IntoIterator<Item = u64>) -> Sparse {
        Sparse::from_counts(values.into_iter().map(|value| (value, 1)))
    }

    fn limit(micros: u64) -> Threshold {
        Threshold { limit: micros * 1_000, inclusive: false }
    }

    #[test]
    fn the_bracket_is_as_wide_as_the_lag_of_those_that_matter() {
        let response = sparse((0..100_000).map(|i| 10_000 + i));
        let calm = sparse((0..100_000).map(|i| 10_000 + i - 5));
        let error = generator_error(&response, &calm, 0.99).unwrap();
        assert!(error.relative < 0.001, "{error:?}");
        let late = sparse((0..100_000).map(|i| i - 40_000.min(i) + 1));
        let error = generator_error(&response, &late, 0.99).unwrap();
        assert!((error.low - 59.0).abs() < 0.3 && (error.high - 109.0).abs() < 0.3, "{error:?}");
    }

    #[test]
    fn nothing_measured_has_no_bracket_and_nothing_known_of_the_lag_the_widest() {
        assert_eq!(generator_error(&Sparse::default(), &sparse([1]), 0.99), None);
        let unknown = generator_error(&sparse([5_000; 100]), &Sparse::default(), 0.99).unwrap();
        assert_eq!((unknown.low, unknown.relative), (0.0, 1.0));
    }

    #[test]
    fn slow_requests_that_would_have_been_fast_are_blamable() {
        let response = sparse([vec![10_000; 900], vec![600_000; 100]].concat());
        for (lower_bound, expected) in [
            ([vec![9_900; 900], vec![599_900; 100]].concat(), 0),
            ([vec![9_900; 900], vec![599_900; 70], vec![300_000; 30]].concat(), 30),
            (vec![1; 1_000], 100),
        ] {
            assert_eq!(blamable(&response, &sparse(lower_bound), limit(500_000)), expected);
        }
        assert_eq!(blamable(&response, &Sparse::default(), limit(500_000)), 100);
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
        fn no_part_of_the_lag_beats_the_bounds(
            requests in prop::collection::vec(
                (1_u64..2_000_000, 0_u64..1_000_000, 0.0..=1.0), 1..200,
            ),
            edge in 1_000_u64..1_500_000, q in 0.5_f64..0.999,
        ) {
            // Own time, what was felt of the lag, and how much of that it really cost.
            let took = |(own, felt, part): &(u64, u64, f64)| own + (*felt as f64 * part) as u64;
            let response = sparse(requests.iter().map(took));
            let lower_bound = sparse(requests.iter().map(|r| took(r).saturating_sub(r.1).max(1)));
            let own = sparse(requests.iter().map(|r| r.0));
            let innocent = requests.iter().filter(|r| took(r) >= edge && r.0 < edge).count() as u64;
            // Requests in the bucket of the limit itself count as slow.
            let at_edge = count_between(&lower_bound, edge - edge / 500 - 1, edge + edge / 500 + 1);
            prop_assert!(blamable(&response, &lower_bound, limit(edge)) + at_edge >= innocent);
            let bracket = generator_error(&response, &lower_bound, q).unwrap();
            let truth = own.quantile(q).unwrap() / 1e3;
            let slack = 0.002 * (truth + bracket.high) + 0.002;
            prop_assert!(bracket.low <= truth + slack, "{truth} {bracket:?}");
            prop_assert!(truth <= bracket.high + slack, "{truth} {bracket:?}");
        }
    }
}
