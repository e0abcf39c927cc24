//! Requests that took many times the usual p99: what stops show long before any quantile of all
//! requests does.
//!
//! A candidate that stands still for 250 ms every 10 s delays 2.5 % of its requests. At 100
//! requests per second that moves no p50, and a p99 of which three minutes show nothing below
//! +100 %. But in the seconds with a stop twenty requests lie beyond a line that few others
//! cross. So they are counted, in pieces as in [`super::watch`], with the same line for both arms.
//!
//! Two lines are tried, twice and eight times the usual p99 (the median over pieces) of the faster
//! arm: a machine on which others work has its own slow requests beyond the first, and short stops
//! do not reach the second. They treat the arms alike: exchanging the arms exchanges the counts.
//! Each is tested by the sign-flip test: were the arms the same, every piece's difference would as
//! well have had the other sign. Its p is exact, as the differences are whole numbers, a few tens of
//! which are not zero: the distribution of their sum with random signs is folded together piece by
//! piece (Pagano and Tritchler, *On Obtaining Permutation Distributions in Polynomial Time*, 1983).
//! Where there are too many pieces for that, p is the bound of [`super::watch`]. The smaller p
//! counts double. With N stops in the candidate alone p is 2⁻ᴺ: no test that takes unchanged arms
//! to be exchangeable sees ten of them with more certainty than one in a thousand. That is why this
//! test weighs as much as five metrics that gate, and spends most of it at the last look
//! ([`super::spending::late_weight`]).
//!
//! What leans so far to the worse side that nothing passes beside it is told by the bound, with the
//! floor taken off each piece: that is blind to a few slow requests more, of which unchanged arms
//! have many.

use crate::analysis::gate::center::inflation;
use crate::analysis::gate::series::Measured;
use crate::analysis::gate::watch;
use crate::record::duet::GateSettings;
use crate::scenario::model::Arm;

/// The quantile that is usual, and how many times more is slow.
const SHARE: f64 = 0.99;
const TIMES: [f64; 2] = [2.0, 8.0];
/// Most pieces with a difference of which the exact p is computed, and the steps in which the
/// largest difference is counted, which bound the work.
const MOST_PIECES: usize = 128;
const STEPS: f64 = 50.0;

/// What was seen of the slow requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slow {
    /// The line in ms.
    pub line: f64,
    /// How many times the usual p99 that is.
    pub times: f64,
    /// Requests and slow ones: baseline, candidate.
    pub counts: [(u64, u64); 2],
    /// Pieces of time.
    pub pieces: usize,
    /// One-sided p of "the candidate has no more of them", for having had two lines; 1 unless it
    /// has more by the floor.
    pub p: f64,
    /// A bound of the p of "the candidate has no more of them, by the floor", at the lower line.
    pub p_leaning: f64,
}

/// Pieces of time: requests and slow ones of the baseline and of the candidate.
type Pieces = [[(u64, u64); 2]];

impl Slow {
    /// `None` where an arm has no request with a response time.
    pub fn gather(measured: &Measured<'_>, settings: &GateSettings) -> Option<Slow> {
        let usual =
            |arm| watch::usual(measured, arm, SHARE).or_else(|| measured.log_pooled(arm, SHARE));
        let usual = usual(Arm::Baseline)?.min(usual(Arm::Candidate)?).exp();
        let at = |times: f64| Slow::beyond(measured, usual, times, settings.error_floor);
        let [low, high] = TIMES.map(at);
        let better = if high.p < low.p { high } else { low };
        let p = (better.p * TIMES.len() as f64).min(1.0);
        Some(Slow { p, p_leaning: low.p_leaning, ..better })
    }

    fn beyond(measured: &Measured<'_>, usual: f64, times: f64, floor: f64) -> Slow {
        let line = usual * times;
        let pieces = watch::slow(measured, line, line);
        let counts = [0, 1].map(|arm| sum(&pieces, arm));
        let [share, share_too] = counts.map(|(all, slow)| slow as f64 / all.max(1) as f64);
        let is_more = share_too - share > floor;
        Slow {
            line: line / 1_000.0,
            times,
            counts,
            pieces: pieces.len(),
            p: if is_more { p_of(&watch::differences(&pieces, 0.0)) } else { 1.0 },
            p_leaning: watch::p_of(&watch::differences(&pieces, floor)),
        }
    }

    /// About how many more of all requests would have had to be slow to be called regressed at a
    /// level: stops in as many pieces as p = 2⁻ᴺ takes, of a request each.
    pub fn visible(&self, level: f64, floor: f64) -> Option<f64> {
        let stops = (-(level / TIMES.len() as f64).log2()).ceil();
        let requests = self.counts[1].0 as f64;
        (level > 0.0 && requests > 0.0 && self.pieces as f64 >= stops)
            .then(|| floor + stops / requests)
    }

    /// The share of slow requests in an arm.
    pub fn share(&self, arm: Arm) -> f64 {
        let (all, slow) = self.counts[usize::from(arm == Arm::Candidate)];
        slow as f64 / all.max(1) as f64
    }
}

fn sum(pieces: &Pieces, arm: usize) -> (u64, u64) {
    pieces.iter().map(|piece| piece[arm]).fold((0, 0), |(all, slow): (u64, u64), next| {
        (all.saturating_add(next.0), slow.saturating_add(next.1))
    })
}

/// One-sided p of the sign-flip test, with pieces that hang together counted for fewer.
fn p_of(differences: &[f64]) -> f64 {
    let Some(whole) = counted(differences) else { return watch::p_of(differences) };
    (exact(&whole).ln() / inflation(differences)).exp()
}

/// The differences in steps, the largest of which is [`STEPS`] or less; `None` with too many.
fn counted(differences: &[f64]) -> Option<Vec<i32>> {
    let largest = differences.iter().fold(0.0_f64, |most, d| most.max(d.abs()));
    let step = (largest / STEPS).max(1.0);
    let whole = differences.iter().map(|d| (d / step).round() as i32);
    let whole: Vec<i32> = whole.filter(|d| *d != 0).collect();
    (whole.len() <= MOST_PIECES).then_some(whole)
}

/// The share of all ways to choose signs with which the sum is at least as large as it is.
fn exact(differences: &[i32]) -> f64 {
    let most: i32 = differences.iter().map(|d| d.abs()).sum();
    // The chance of each sum, from -most to most.
    let mut chances = vec![0.0; 2 * most as usize + 1];
    chances[most as usize] = 1.0;
    for d in differences {
        let by = d.unsigned_abs() as usize;
        let moved = |from: usize| chances.get(from).copied().unwrap_or(0.0) / 2.0;
        chances = (0..chances.len())
            .map(|to| to.checked_sub(by).map_or(0.0, moved) + moved(to + by))
            .collect();
    }
    let reached = differences.iter().sum::<i32>() + most;
    chances[reached as usize..].iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::comparison::{ArmSecond, Pair, Paired};
    use crate::record::histogram::Sparse;

    /// A minute of 100 requests of 1 to 10 ms a second; every tenth second so many of an arm's
    /// take 200 ms.
    fn found(slow: [u64; 2]) -> Slow {
        found_with(slow, GateSettings::default().error_floor)
    }

    fn found_with(slow: [u64; 2], error_floor: f64) -> Slow {
        let second = |slow: u64| ArmSecond {
            response: Sparse::from_counts(
                (1..=10).map(|ms| (ms * 1_000, 10)).chain([(200_000, slow)]),
            ),
            requests: 100 + slow,
            ..ArmSecond::default()
        };
        let pair = |at: u32| {
            let [baseline, candidate] =
                slow.map(|slow| second(if at % 10 == 5 { slow } else { 0 }));
            Pair { baseline, candidate }
        };
        let paired = Paired { segments: vec![(0..60).map(pair).collect()], ..Paired::default() };
        let settings = GateSettings { error_floor, ..GateSettings::default() };
        Slow::gather(&Measured::new(&paired, 1), &settings).unwrap()
    }

    #[test]
    fn six_stops_of_the_candidate_alone_are_as_likely_as_six_equal_tosses() {
        let seen = found([0, 25]);
        assert!((19.0..22.0).contains(&seen.line), "{seen:?}");
        assert_eq!(seen.counts.map(|(_, slow)| slow), [0, 150]);
        // Two lines cost one toss; the bound, and the floor in all other pieces, less than one.
        assert!((seen.p.log2() + 5.0).abs() < 1e-6, "{seen:?}");
        assert!((-6.0..-5.0).contains(&seen.p_leaning.log2()), "{seen:?}");
    }

    #[test]
    fn p_is_the_share_of_all_signs() {
        for d in [&[3, 2, -1, 4, 2][..], &[5], &[-5, 5], &[1; 12], &[7, -2, 7, -2, 30]] {
            let sum: i32 = d.iter().sum();
            let of = |signs: u32| -> i32 {
                d.iter().enumerate().map(|(k, d)| if signs >> k & 1 == 1 { *d } else { -d }).sum()
            };
            let ways = 1_u32 << d.len();
            let reached = (0..ways).filter(|signs| of(*signs) >= sum).count() as f64;
            assert!((exact(d) - reached / f64::from(ways)).abs() < 1e-12, "{d:?}");
        }
    }

    #[test]
    fn a_few_slow_requests_of_the_machine_do_not_hide_stops() {
        // Every third second one arm or the other has some that take three times the usual p99.
        let second = |at: u32, arm: u32| {
            let stop = if arm == 1 && at % 10 == 5 { 12 } else { 0 };
            let own = if at.is_multiple_of(3) && (at / 3) % 2 == arm { 4 } else { 0 };
            let usual = (1..=10).map(|ms| (ms * 1_000, 10));
            let slow = [(30_000, own), (200_000, stop)];
            ArmSecond {
                response: Sparse::from_counts(usual.chain(slow)),
                requests: 100 + own + stop,
                ..ArmSecond::default()
            }
        };
        let pair = |at: u32| Pair { baseline: second(at, 0), candidate: second(at, 1) };
        let paired = Paired { segments: vec![(0..110).map(pair).collect()], ..Paired::default() };
        let seen = Slow::gather(&Measured::new(&paired, 1), &GateSettings::default()).unwrap();
        assert!(seen.times > 2.0 && seen.p < 2.0_f64.powi(-9), "{seen:?}");
    }

    #[test]
    fn many_pieces_are_bounded_and_few_slow_requests_more_are_none() {
        let many: Vec<f64> = (0..1_000).map(|at| if at % 3 == 0 { -2.0 } else { 1.0 }).collect();
        assert_eq!(counted(&many), None);
        let large = [1e6, -3e5, 2e4, 0.2];
        assert_eq!(counted(&large), Some(vec![50, -15, 1]));
        // 150 of 6,150 are more than 2 %, and less than 3 %.
        for (error_floor, is_seen) in [(0.02, true), (0.03, false)] {
            let seen = found_with([0, 25], error_floor);
            assert_eq!(seen.p < 0.1, is_seen, "{seen:?}");
        }
    }

    #[test]
    fn stops_of_both_or_of_the_baseline_are_no_evidence() {
        for slow in [[25, 25], [25, 0], [0, 0]] {
            assert!((found(slow).p - 1.0).abs() < 1e-9, "{slow:?}");
        }
    }
}
