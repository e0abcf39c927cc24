//! Both arms cut into pieces of time, and the log ratio of a quantile in each.
//!
//! Pieces never cross from one segment into the next, as the processes on both sides of
//! the border are not the same. A segment of `n` seconds has `⌊n / width⌋` pieces of as
//! even a length as whole seconds allow, so that no second is left out; a segment
//! shorter than one piece has none.

use std::cell::OnceCell;
use std::ops::Range;

use crate::analysis::comparison::{ArmSecond, Pair, Paired};
use crate::analysis::gate::quantile::{Counted, log_quantile, merged};
use crate::scenario::model::Arm;

/// The shortest interval in seconds.
const SHORTEST_INTERVAL: usize = 2;
/// The longest interval in seconds.
const LONGEST_INTERVAL: usize = 10;
/// Requests that an interval should have beyond the quantile.
const BEYOND_IN_INTERVAL: f64 = 20.0;
/// With fewer seconds each counts by itself where signs are counted.
const FEW_SECONDS: usize = 40;
/// Length of a block in seconds.
const BLOCK: usize = 5;
/// How many runs of consecutive seconds the jackknife leaves out, one by one.
pub const JACKKNIFE_BLOCKS: usize = 12;

/// One second of both arms.
#[derive(Debug, Clone, Copy)]
pub struct Both<'a> {
    pair: &'a Pair,
    baseline: Counted<'a>,
    candidate: Counted<'a>,
}

impl<'a> Both<'a> {
    fn new(pair: &'a Pair) -> Both<'a> {
        Both {
            pair,
            baseline: Counted::new(pair.baseline.response.buckets()),
            candidate: Counted::new(pair.candidate.response.buckets()),
        }
    }

    /// One arm's histogram.
    pub fn counted(&self, arm: Arm) -> Counted<'a> {
        match arm {
            Arm::Baseline => self.baseline,
            Arm::Candidate => self.candidate,
        }
    }

    /// One arm's requests and errors.
    pub fn counts(&self, arm: Arm) -> (u64, u64) {
        (self.second(arm).requests, self.second(arm).errors)
    }

    /// One arm's CPU time in nanoseconds, where it is known.
    pub fn cpu(&self, arm: Arm) -> Option<u64> {
        self.second(arm).cpu_ns
    }

    fn second(&self, arm: Arm) -> &'a ArmSecond {
        match arm {
            Arm::Baseline => &self.pair.baseline,
            Arm::Candidate => &self.pair.candidate,
        }
    }
}

/// What has been measured up to a look.
#[derive(Debug)]
pub struct Measured<'a> {
    /// Segments in the order in which they were measured.
    pub segments: Vec<Vec<Both<'a>>>,
    pooled: OnceCell<Pooled>,
}

/// Both arms' histograms by jackknife block.
#[derive(Debug)]
struct Pooled {
    baseline: Vec<Vec<(u64, u64)>>,
    candidate: Vec<Vec<(u64, u64)>>,
}

impl<'a> Measured<'a> {
    /// The first so many segments.
    pub fn new(paired: &'a Paired, segments: usize) -> Measured<'a> {
        let counted = |segment: &'a Vec<Pair>| segment.iter().map(Both::new).collect();
        Measured {
            segments: paired.segments.iter().take(segments).map(counted).collect(),
            pooled: OnceCell::new(),
        }
    }

    /// Seconds per arm.
    pub fn seconds(&self) -> usize {
        self.segments.iter().map(Vec::len).sum()
    }

    /// One arm's requests that have a response time.
    pub fn timed(&self, arm: Arm) -> u64 {
        self.all().fold(0, |sum, both| sum.saturating_add(both.counted(arm).total))
    }

    /// One arm's requests and errors.
    pub fn counts(&self, arm: Arm) -> (u64, u64) {
        sums(self.all(), arm)
    }

    /// Candidate's errors − baseline's errors, second by second.
    pub fn error_differences(&self) -> Vec<i64> {
        let of = |both: &Both<'_>, arm| i64::try_from(both.second(arm).errors).unwrap_or(i64::MAX);
        self.all().map(|both| of(both, Arm::Candidate) - of(both, Arm::Baseline)).collect()
    }

    /// Candidate's share of errors − baseline's, block by block.
    pub fn error_rate_differences(&self) -> Vec<f64> {
        let rate = |piece: &[Both<'_>], arm| match sums(piece.iter(), arm) {
            (0, _) => None,
            (requests, errors) => Some(errors as f64 / requests as f64),
        };
        let difference =
            |piece: &[Both<'_>]| Some(rate(piece, Arm::Candidate)? - rate(piece, Arm::Baseline)?);
        self.segments
            .iter()
            .flat_map(|segment| pieces(segment.len(), BLOCK).map(|at| difference(&segment[at])))
            .flatten()
            .collect()
    }

    /// ln of one arm's pooled quantile in microseconds.
    pub fn log_pooled(&self, arm: Arm, share: f64) -> Option<f64> {
        log_quantile(&without(self.blocks(arm), None), share)
    }

    /// ln of the ratio of the pooled quantiles, with one jackknife block left out or none.
    pub fn log_pooled_ratio(&self, share: f64, left_out: Option<usize>) -> Option<f64> {
        let of = |arm| log_quantile(&without(self.blocks(arm), left_out), share);
        Some(of(Arm::Candidate)? - of(Arm::Baseline)?)
    }

    fn blocks(&self, arm: Arm) -> &[Vec<(u64, u64)>] {
        let pooled = self.pooled.get_or_init(|| Pooled {
            baseline: self.merged_blocks(Arm::Baseline),
            candidate: self.merged_blocks(Arm::Candidate),
        });
        match arm {
            Arm::Baseline => &pooled.baseline,
            Arm::Candidate => &pooled.candidate,
        }
    }

    fn merged_blocks(&self, arm: Arm) -> Vec<Vec<(u64, u64)>> {
        let seconds: Vec<Counted<'_>> = self.all().map(|both| both.counted(arm)).collect();
        evenly(seconds.len(), JACKKNIFE_BLOCKS).map(|at| merged(&seconds[at])).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Both<'a>> {
        self.segments.iter().flatten()
    }

    /// Sums of two counts for each of the shortest intervals, or for each second where there are
    /// few: baseline, candidate.
    pub fn pieces_of(&self, of: impl Fn(&Both<'a>, Arm) -> (u64, u64)) -> Vec<[(u64, u64); 2]> {
        let piece = |seconds: &[Both<'a>]| {
            [Arm::Baseline, Arm::Candidate].map(|arm| {
                seconds.iter().map(|both| of(both, arm)).fold((0_u64, 0_u64), |sum, next| {
                    (sum.0.saturating_add(next.0), sum.1.saturating_add(next.1))
                })
            })
        };
        let width = if self.seconds() < FEW_SECONDS { 1 } else { SHORTEST_INTERVAL };
        let of_segment = |segment: &Vec<Both<'a>>| -> Vec<_> {
            pieces(segment.len(), width).map(|at| piece(&segment[at])).collect()
        };
        self.segments.iter().flat_map(of_segment).collect()
    }

    /// How many seconds an interval needs so that it has on average enough requests
    /// beyond the quantile in the arm that has fewer, within bounds.
    pub fn interval_width(&self, share: f64) -> usize {
        let fewer = self.timed(Arm::Baseline).min(self.timed(Arm::Candidate));
        let per_second = fewer as f64 / self.seconds().max(1) as f64 * (1.0 - share);
        // A hair of slack, as (1 − 0.99) · 2,000 is not quite 20.
        let needed = (BEYOND_IN_INTERVAL / per_second.max(1e-9) - 1e-6).ceil();
        (needed as usize).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL)
    }

    /// A block is never shorter than an interval.
    pub fn block_width(&self, share: f64) -> usize {
        self.interval_width(share).max(BLOCK)
    }

    /// ln of the candidate's quantile − ln of the baseline's, piece by piece, one list for
    /// each segment. Pieces without requests in one arm are left out.
    pub fn log_ratios(&self, share: f64, width: usize) -> Vec<Vec<f64>> {
        let of = |segment: &Vec<Both<'_>>| {
            pieces(segment.len(), width).filter_map(|at| log_ratio(&segment[at], share)).collect()
        };
        self.segments.iter().map(of).collect()
    }

    /// ln of one arm's quantile in microseconds, piece by piece, one list for each segment.
    /// Pieces without requests are left out.
    pub fn log_quantiles(&self, arm: Arm, share: f64, width: usize) -> Vec<Vec<f64>> {
        let of = |segment: &Vec<Both<'_>>| {
            let quantile = |at: Range<usize>| {
                let parts: Vec<Counted<'_>> =
                    segment[at].iter().map(|both| both.counted(arm)).collect();
                log_quantile(&parts, share)
            };
            pieces(segment.len(), width).filter_map(quantile).collect()
        };
        self.segments.iter().map(of).collect()
    }
}

fn sums<'p, 'a: 'p>(piece: impl Iterator<Item = &'p Both<'a>>, arm: Arm) -> (u64, u64) {
    piece.map(|both| both.second(arm)).fold((0, 0), |(requests, errors), second| {
        (requests.saturating_add(second.requests), errors.saturating_add(second.errors))
    })
}

/// ln of the candidate's quantile − ln of the baseline's; `None` without requests in an arm.
pub(super) fn log_ratio(piece: &[Both<'_>], share: f64) -> Option<f64> {
    let of = |arm| {
        let parts: Vec<Counted<'_>> = piece.iter().map(|both| both.counted(arm)).collect();
        log_quantile(&parts, share)
    };
    Some(of(Arm::Candidate)? - of(Arm::Baseline)?)
}

fn without(blocks: &[Vec<(u64, u64)>], left_out: Option<usize>) -> Vec<Counted<'_>> {
    let kept = blocks.iter().enumerate().filter(|(index, _)| Some(*index) != left_out);
    kept.map(|(_, block)| Counted::new(block)).collect()
}

/// Where the pieces of a segment begin and end.
pub fn pieces(seconds: usize, width: usize) -> impl Iterator<Item = Range<usize>> {
    evenly(seconds, seconds / width.max(1))
}

fn evenly(seconds: usize, parts: usize) -> impl Iterator<Item = Range<usize>> {
    (0..parts).map(move |part| part * seconds / parts..(part + 1) * seconds / parts)
}
