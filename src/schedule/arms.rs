//! Two arms' arrivals out of one schedule: the same moments, the same requests.
//!
//! *Interleaved*: both arms are loaded at once. For each arrival a coin decides which arm
//! gets it in time and which one half a mean distance later; of two arrivals in a row each arm
//! is first in one, so that neither is favoured, whatever the seed. A Poisson stream whose
//! arrivals are moved independently of each other is a Poisson stream (displacement theorem,
//! Kingman 1993, section 5.5); pairs of opposite tosses change that by less than a test sees, so
//! each arm's load is the scenario's.
//!
//! *Alternating*: the schedule is cut into blocks, and each block is played twice, once for
//! each arm, in the order ABBA. That takes twice as long and half of the machine.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::scenario::load::Load;
use crate::scenario::model::Arm;
use crate::schedule::several::Stream;
use crate::schedule::{Arrival, Choices};
use crate::units::{Moment, Rate};

/// When a worker's arrivals come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// As the schedule says.
    Alone,
    /// Together with the other arm.
    Interleaved {
        /// Whose they are.
        arm: Arm,
        /// By how much the arm that loses the toss is later.
        later: Duration,
    },
    /// In turns with the other arm.
    Alternating {
        /// Whose they are.
        arm: Arm,
        /// Who has the first block.
        first: Arm,
        /// Length of a block.
        block: Duration,
    },
}

impl Timing {
    /// The timing of an arm that shares its machine with the other one at a load.
    pub fn interleaved(arm: Arm, load: &Load) -> Timing {
        let later = Duration::from_secs_f64(0.5 / load.peak().0.max(1.0));
        Timing::Interleaved { arm, later }
    }

    /// How long a schedule of some length takes.
    pub fn length(self, schedule: Duration) -> Duration {
        match self {
            Timing::Alone | Timing::Interleaved { .. } => schedule,
            Timing::Alternating { block, .. } => {
                let whole = schedule.as_nanos().div_ceil(block.as_nanos().max(1)) as u32;
                block * whole * 2
            }
        }
    }

    /// When a moment of the schedule comes.
    pub fn real_time_of(self, at: Moment) -> Moment {
        let Timing::Alternating { arm, first, block } = self else { return at };
        let block = block.as_nanos() as u64;
        let turn = at.0 / block;
        let is_first = turn.is_multiple_of(2) == (arm == first);
        let before = if is_first { turn } else { turn + 1 };
        Moment(at.0 + before * block)
    }
}

/// The arrivals of one arm, in order.
#[derive(Debug)]
pub struct Timed {
    arrivals: Stream,
    timing: Timing,
    seed: u64,
    /// No arrival is moved to or beyond it.
    end: u64,
    /// Moved ones that others may still overtake: by moment, then number.
    moved: BinaryHeap<Reverse<(u64, u64, u16)>>,
    /// Of those that may overtake each other, the next one of the schedule.
    next: Option<Arrival>,
}

/// Arrivals that two arms share, and those of several loads, are fixed beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed;

impl Timed {
    /// The arrivals of a load profile in an arm's timing.
    pub fn new(load: &Load, timing: Timing) -> Timed {
        let mut arrivals = Stream::new(load);
        let next = match timing {
            Timing::Interleaved { .. } => arrivals.next(),
            Timing::Alone | Timing::Alternating { .. } => None,
        };
        let end = load.length().as_nanos() as u64;
        Timed { arrivals, timing, seed: load.seed, end, moved: BinaryHeap::new(), next }
    }

    /// From a moment on so many arrivals come per second, as
    /// [`crate::schedule::Arrivals::retarget`] has it. Several loads at once have no one rate.
    pub fn retarget(&mut self, at: Moment, rate: Rate) -> Result<Option<Arrival>, Fixed> {
        match self.timing {
            Timing::Alone => match &mut self.arrivals {
                Stream::One(arrivals) => Ok(arrivals.retarget(at, rate)),
                Stream::Several(_) => Err(Fixed),
            },
            Timing::Interleaved { .. } | Timing::Alternating { .. } => Err(Fixed),
        }
    }

    /// The next arrival of the schedule, moved or not.
    fn take(&mut self) -> Option<Arrival> {
        std::mem::replace(&mut self.next, self.arrivals.next())
    }

    /// The next of those that may overtake each other. Nothing is moved to an earlier
    /// moment, so what comes before the schedule's next is overtaken by nobody.
    fn overtaking(&mut self, arm: Arm, later: Duration) -> Option<Arrival> {
        let later = later.as_nanos() as u64;
        while let Some(next) = self.next
            && self.moved.peek().is_none_or(|Reverse((at, ..))| *at >= next.at.0)
        {
            let by = if toss(self.seed, next.index) == arm { later } else { 0 };
            let at = (next.at.0 + by).min(self.end.saturating_sub(1));
            self.moved.push(Reverse((at, next.index, next.part)));
            self.take();
        }
        let Reverse((at, index, part)) = self.moved.pop()?;
        Some(Arrival { index, at: Moment(at), part })
    }
}

/// Which arm gets an arrival later: one of two that follow each other by the toss of a coin,
/// and the other one by its opposite. By single tosses the few logins at the beginning of a
/// run may favour one arm, and with the same seed they do so in every duet.
fn toss(seed: u64, index: u64) -> Arm {
    // Not the bits of the iteration's own choices: the first of these picks the flow.
    let mut choices = Choices::new(seed ^ 0x7055_C01A, index / 2);
    let tossed = if choices.bits() >> 63 == 0 { Arm::Baseline } else { Arm::Candidate };
    if index.is_multiple_of(2) { tossed } else { tossed.other() }
}

impl Iterator for Timed {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        match self.timing {
            Timing::Interleaved { arm, later } => self.overtaking(arm, later),
            Timing::Alone | Timing::Alternating { .. } => {
                let arrival = self.arrivals.next()?;
                Some(Arrival { at: self.timing.real_time_of(arrival.at), ..arrival })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load::{ArrivalProcess, Stage};
    use crate::schedule::Arrivals;

    fn load(rate: f64, seconds: u64) -> Load {
        let length = Duration::from_secs(seconds);
        let stage = Stage { length, from: Rate(rate), to: Rate(rate), users: None, warmup: false };
        Load::new(ArrivalProcess::Poisson, 7, vec![stage])
    }

    fn interleaved(arm: Arm, load: &Load) -> Vec<Arrival> {
        Timed::new(load, Timing::interleaved(arm, load)).collect()
    }

    #[test]
    fn alone_is_the_schedule_itself() {
        let load = load(100.0, 5);
        let timed: Vec<Arrival> = Timed::new(&load, Timing::Alone).collect();
        assert_eq!(timed, Arrivals::new(&load).collect::<Vec<_>>());
    }

    #[test]
    fn both_arms_get_every_arrival_and_each_is_first_in_half_of_them() {
        let load = load(500.0, 20);
        let whole: Vec<Arrival> = Arrivals::new(&load).collect();
        let [mut baseline, mut candidate] = Arm::BOTH.map(|arm| interleaved(arm, &load));
        for arm in [&mut baseline, &mut candidate] {
            assert!(arm.is_sorted_by_key(|arrival| arrival.at));
            arm.sort_by_key(|arrival| arrival.index);
            assert_eq!(arm.len(), whole.len());
        }
        let mut firsts = 0;
        for ((plain, base), cand) in whole.iter().zip(&baseline).zip(&candidate) {
            assert_eq!(plain.at, base.at.min(cand.at));
            assert!(base.at.0.abs_diff(cand.at.0) <= 1_000_000, "{base:?} {cand:?}");
            firsts += usize::from(base.at < cand.at);
        }
        assert!((0.45..0.55).contains(&(firsts as f64 / whole.len() as f64)), "{firsts}");
    }

    /// A percent of all arrivals would be 1 in 100.
    #[test]
    fn no_seed_favours_an_arm() {
        for seed in 0..50 {
            for number in [20, 21, 100, 1_000_u64] {
                let later = (0..number).filter(|index| toss(seed, *index) == Arm::Candidate);
                let (later, half) = (later.count() as f64, number as f64 / 2.0);
                assert!((later - half).abs() <= 0.5, "{later} of {number}, seed {seed}");
            }
        }
        let coins: Vec<Arm> = (0..64).step_by(2).map(|index| toss(7, index)).collect();
        assert!(Arm::BOTH.iter().all(|arm| coins.contains(arm)), "it is still a coin: {coins:?}");
    }

    #[test]
    fn an_arms_stream_is_as_bursty_as_the_schedules() {
        let spread = |arrivals: &[Arrival]| {
            let gaps: Vec<f64> =
                arrivals.windows(2).map(|two| two[1].at.since(two[0].at) as f64).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let square = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>();
            (square / gaps.len() as f64).sqrt() / mean
        };
        let arm = interleaved(Arm::Candidate, &load(1_000.0, 60));
        // Of exponential gaps it is 1.
        assert!((0.97..1.03).contains(&spread(&arm)), "{}", spread(&arm));
    }

    #[test]
    fn in_turns_each_block_is_played_twice_in_the_order_abba() {
        let load = load(50.0, 20);
        let block = Duration::from_secs(5);
        let first = Arm::Candidate;
        let of = |arm| Timing::Alternating { arm, first, block };
        let arms = Arm::BOTH.map(|arm| Timed::new(&load, of(arm)).collect::<Vec<Arrival>>());
        for (base, cand) in arms[0].iter().zip(&arms[1]) {
            let turn = base.at.0.min(cand.at.0) / 10_000_000_000;
            assert_eq!(cand.at < base.at, turn % 2 == 0, "{base:?} {cand:?}");
            assert_eq!(base.at.0.abs_diff(cand.at.0), 5_000_000_000);
        }
        assert!(arms.iter().all(|arm| arm.is_sorted_by_key(|arrival| arrival.at)));
        assert_eq!(of(first).length(load.length()), Duration::from_secs(40));
    }
}
