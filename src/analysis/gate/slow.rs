//! Requests that took more than twice the usual p99: what stops show long before any quantile
//! of all requests does.
//!
//! A candidate that stands still for 250 ms every 10 s delays 2.5 % of its requests. At 100
//! requests per second that moves no p50, and a p99 of which three minutes show nothing below
//! +100 %. But in the seconds with a stop twenty requests lie beyond a line that nobody else
//! crosses. So they are counted, in pieces as in [`super::watch`], and tested by the same bound of
//! the sign-flip test; here with the same line for both arms, and no margin between them.
//!
//! The line is twice the smaller of both arms' usual p99 (the median over pieces), so that it
//! treats them alike: exchanging the arms exchanges the counts. With N stops in the candidate alone
//! p is about 2⁻ᴺ: no test that takes unchanged arms to be exchangeable sees ten of them
//! with more certainty than one in a thousand. That is why this test weighs as much as five
//! metrics that gate, and spends most of it at the last look ([`super::spending::late_weight`]).

use crate::analysis::gate::series::Measured;
use crate::analysis::gate::watch;
use crate::record::duet::GateSettings;
use crate::scenario::model::Arm;

/// The quantile that is usual, and how many times more is slow.
const SHARE: f64 = 0.99;
const TIMES: f64 = 2.0;

/// What was seen of the slow requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slow {
    /// The line in ms.
    pub line: f64,
    /// Requests and slow ones: baseline, candidate.
    pub counts: [(u64, u64); 2],
    /// Pieces of time.
    pub pieces: usize,
    /// One-sided p of "the candidate has no more of them, by the floor".
    pub p: f64,
}

impl Slow {
    /// `None` where an arm has no request with a response time.
    pub fn gather(measured: &Measured<'_>, settings: &GateSettings) -> Option<Slow> {
        let usual =
            |arm| watch::usual(measured, arm, SHARE).or_else(|| measured.log_pooled(arm, SHARE));
        let line = TIMES * usual(Arm::Baseline)?.min(usual(Arm::Candidate)?).exp();
        let pieces = watch::slow(measured, line, line);
        let sum = |arm: usize| {
            pieces.iter().map(|piece| piece[arm]).fold((0, 0), |(all, slow): (u64, u64), next| {
                (all.saturating_add(next.0), slow.saturating_add(next.1))
            })
        };
        let p = watch::p_of(&watch::differences(&pieces, settings.error_floor));
        Some(Slow { line: line / 1_000.0, counts: [sum(0), sum(1)], pieces: pieces.len(), p })
    }

    /// About how many more of all requests would have had to be slow to be called regressed at a
    /// level: stops in as many pieces as p = 2⁻ᴺ takes, of a request each.
    pub fn visible(&self, level: f64, floor: f64) -> Option<f64> {
        let stops = (-level.log2()).ceil();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::comparison::{ArmSecond, Pair, Paired};
    use crate::record::histogram::Sparse;

    /// A minute of 100 requests of 1 to 10 ms a second; every tenth second so many of an arm's
    /// take 200 ms.
    fn found(slow: [u64; 2]) -> Slow {
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
        Slow::gather(&Measured::new(&paired, 1), &GateSettings::default()).unwrap()
    }

    #[test]
    fn six_stops_of_the_candidate_alone_are_as_likely_as_six_equal_tosses() {
        let seen = found([0, 25]);
        assert!((19.0..22.0).contains(&seen.line), "{seen:?}");
        assert_eq!(seen.counts.map(|(_, slow)| slow), [0, 150]);
        // The bound, and the floor in all other pieces, cost less than one toss.
        assert!((-6.0..-5.0).contains(&seen.p.log2()), "{seen:?}");
    }

    #[test]
    fn stops_of_both_or_of_the_baseline_are_no_evidence() {
        for slow in [[25, 25], [25, 0], [0, 0]] {
            assert!((found(slow).p - 1.0).abs() < 1e-9, "{slow:?}");
        }
    }
}
