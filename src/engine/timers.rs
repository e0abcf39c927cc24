//! Moments at which an iteration must be looked at again: ends of thinking, and time limits.
//!
//! A moment that no longer matters is not searched for and taken out; the ticket in it
//! tells that it is stale when its time comes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::scenario::model::StepId;
use crate::units::Moment;

/// an iteration at one of its waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait {
    /// When it is over.
    pub at: Moment,
    /// The iteration's place in memory.
    pub iteration: usize,
    /// Which of its waits.
    pub ticket: u64,
}

/// Ends of thinking, which may come in any order.
#[derive(Debug, Default)]
pub struct Timers(BinaryHeap<Reverse<Wait>>);

impl Timers {
    /// Adds one.
    pub fn set(&mut self, wait: Wait) {
        self.0.push(Reverse(wait));
    }

    /// The next moment.
    pub fn next(&self) -> Option<Moment> {
        self.0.peek().map(|wait| wait.0.at)
    }

    /// Takes one that is over by now.
    pub fn take(&mut self, now: Moment) -> Option<Wait> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|wait| wait.0)
    }
}

/// Time limits of requests. Those of one step all lie as far ahead, so they come in the
/// order in which their requests were due, and a queue per step does for a heap.
#[derive(Debug)]
pub struct Limits(Vec<VecDeque<Wait>>);

impl Limits {
    /// For so many steps.
    pub fn new(steps: usize) -> Limits {
        Limits(vec![VecDeque::new(); steps])
    }

    /// Adds one.
    pub fn set(&mut self, step: StepId, wait: Wait) {
        self.0[step.index()].push_back(wait);
    }

    /// Drops the limits at the front of a step's queue that no longer matter.
    pub fn forget(&mut self, step: StepId, is_stale: impl Fn(&Wait) -> bool) {
        let queue = &mut self.0[step.index()];
        while queue.front().is_some_and(&is_stale) {
            queue.pop_front();
        }
    }

    /// Takes one that has passed by now.
    pub fn take(&mut self, now: Moment) -> Option<Wait> {
        let passed = |queue: &&mut VecDeque<Wait>| queue.front().is_some_and(|wait| wait.at <= now);
        self.0.iter_mut().find(passed)?.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(at: u64, iteration: usize) -> Wait {
        Wait { at: Moment(at), iteration, ticket: 0 }
    }

    #[test]
    fn alarms_ring_in_order_and_not_early() {
        let mut alarms = Timers::default();
        for at in [30, 10, 20] {
            alarms.set(wait(at, 0));
        }
        assert_eq!(alarms.next(), Some(Moment(10)));
        let rung: Vec<u64> =
            std::iter::from_fn(|| alarms.take(Moment(20))).map(|w| w.at.0).collect();
        assert_eq!(rung, [10, 20]);
        assert_eq!(alarms.take(Moment(29)), None);
    }

    #[test]
    fn limits_pass_step_by_step() {
        let mut limits = Limits::new(2);
        limits.set(StepId(0), wait(10, 1));
        limits.set(StepId(0), wait(20, 2));
        limits.set(StepId(1), wait(15, 3));
        limits.forget(StepId(0), |wait| wait.iteration == 1);
        let passed: Vec<usize> =
            std::iter::from_fn(|| limits.take(Moment(20))).map(|w| w.iteration).collect();
        assert_eq!(passed, [2, 3]);
        assert_eq!(limits.take(Moment(99)), None);
    }
}
