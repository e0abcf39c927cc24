//! How long the arms of a first segment took to settle after their cold start.
//!
//! Processes that have just started compile, connect and fill caches while requests queue up
//! behind them. Where others use the machine that takes much longer than a usual warm-up, and the
//! backlog of it would be most of what is judged. Both arms are looked at as one, so the answer
//! does not depend on which of them is worse.
//!
//! A second is *slow* when the median of both arms' requests is more than twice what it is in the
//! last seconds. The beginning lasts as long as at least half of the seconds up to there are
//! slow; a single slow second later does not lengthen it.

use crate::analysis::comparison::Paired;
use crate::analysis::stats::median;

/// A second is slow beyond so many times the usual median.
const SLOW: f64 = 2.0;
/// The last seconds, which tell what is usual.
const LAST: usize = 5;
/// A beginning that takes more than this part of all seconds has no end that could be seen.
const WITHIN: f64 = 0.9;

/// Seconds from the start of the load until both arms had settled; `None` where the seconds are
/// too few, or they had not by the end.
pub(super) fn settled_after(measured: &Paired) -> Option<u32> {
    let medians: Vec<f64> = measured.segments.iter().flatten().filter_map(slower_median).collect();
    let usual = median(medians.get(medians.len().checked_sub(LAST)?..)?)?;
    let mut slow = 0;
    let mut settled = 0;
    for (at, found) in medians.iter().enumerate() {
        if *found > SLOW * usual {
            slow += 1;
            if 2 * slow > at {
                settled = at + 1;
            }
        }
    }
    (settled as f64 <= WITHIN * medians.len() as f64).then_some(settled as u32)
}

/// Of the slower arm, so that exchanging the arms changes nothing.
fn slower_median(pair: &crate::analysis::comparison::Pair) -> Option<f64> {
    let [baseline, candidate] =
        [&pair.baseline, &pair.candidate].map(|arm| arm.response.quantile(0.5));
    baseline.into_iter().chain(candidate).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::comparison::{ArmSecond, Pair};
    use crate::record::histogram::Sparse;

    #[track_caller]
    fn check(millis: &[u64], expected: Option<u32>) {
        let second = |ms: u64| ArmSecond {
            response: Sparse::from_counts([(ms * 1_000, 100)]),
            requests: 100,
            ..ArmSecond::default()
        };
        let of = |baseline: fn(u64) -> u64, candidate: fn(u64) -> u64| {
            let pair = |ms: &u64| Pair {
                baseline: second(baseline(*ms)),
                candidate: second(candidate(*ms)),
            };
            let segments = vec![millis.iter().map(pair).collect()];
            settled_after(&Paired { segments, ..Paired::default() })
        };
        assert_eq!(of(|ms| ms, |ms| ms), expected, "{millis:?}");
        assert_eq!(of(|ms| ms, |_| 1), of(|_| 1, |ms| ms), "the arms are alike: {millis:?}");
    }

    #[test]
    fn the_beginning_lasts_as_long_as_most_seconds_are_slow() {
        check(&[300, 200, 90, 4, 3, 4, 3, 3, 4, 3, 3, 3], Some(3));
        check(&[3; 12], Some(0));
        // It comes back once while the backlog is worked off.
        check(&[300, 200, 100, 90, 4, 91, 11, 4, 4, 3, 4, 3, 3, 4, 3, 3, 3], Some(7));
    }

    #[test]
    fn a_burst_later_on_is_no_beginning() {
        check(&[300, 3, 3, 4, 3, 3, 3, 3, 40, 40, 3, 3, 3, 3, 3, 3, 3], Some(1));
    }

    #[test]
    fn what_has_not_settled_by_the_end_is_not_known_to() {
        check(&[300, 300, 300, 300, 300, 300, 300, 300, 300, 5, 5, 5, 5], Some(9));
        check(
            &[9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 2, 2, 2],
            Some(22),
        );
        check(&[1, 2], None);
        check(&[], None);
    }
}
