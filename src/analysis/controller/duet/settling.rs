//! How long the arms of a first segment took to settle after their cold start.
//!
//! Processes that have just started compile, connect and fill caches while requests queue up
//! behind them. Where others use the machine that takes much longer than a usual warm-up, and the
//! backlog of it would be most of what is judged.
//!
//! A second is *slow* when the medians of both arms are more than twice what they are in the last
//! seconds, each arm's by its own. A beginning that only the candidate has is its own doing: it is
//! not taken away from what is judged. The beginning lasts as long as at least half of the seconds
//! up to there are slow; a single slow second later does not lengthen it.

use crate::analysis::comparison::{Pair, Paired};
use crate::analysis::stats::median;

/// A second is slow beyond so many times the usual median.
const SLOW: f64 = 2.0;
/// The last seconds, which tell what is usual.
const LAST: usize = 5;
/// A beginning that takes more than this part of all seconds has no end that could be seen.
const WITHIN: f64 = 0.9;

/// Seconds from the start of the load until one of the arms had settled; `None` where the seconds
/// are too few, or neither had by the end.
pub(super) fn settled_after(measured: &Paired) -> Option<u32> {
    let medians: Vec<[f64; 2]> = measured.segments.iter().flatten().filter_map(medians).collect();
    let last = medians.get(medians.len().checked_sub(LAST)?..)?;
    let usual = |arm: usize| median(&last.iter().map(|both| both[arm]).collect::<Vec<_>>());
    let usual = [usual(0)?, usual(1)?];
    let (mut slow, mut settled) = (0, 0);
    for (at, both) in medians.iter().enumerate() {
        if both.iter().zip(usual).all(|(found, usual)| *found > SLOW * usual) {
            slow += 1;
            if 2 * slow > at {
                settled = at + 1;
            }
        }
    }
    (settled as f64 <= WITHIN * medians.len() as f64).then_some(settled as u32)
}

/// Of the baseline and the candidate, in a second in which both have any.
fn medians(pair: &Pair) -> Option<[f64; 2]> {
    Some([pair.baseline.response.quantile(0.5)?, pair.candidate.response.quantile(0.5)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::comparison::ArmSecond;
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
        assert_eq!(of(|ms| ms, |ms| 3 * ms), expected, "each by its own: {millis:?}");
        let alone = expected.map(|_| 0);
        assert_eq!(of(|_| 1, |ms| ms), alone, "the candidate's alone: {millis:?}");
        assert_eq!(of(|ms| ms, |_| 1), alone, "the baseline's alone: {millis:?}");
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
