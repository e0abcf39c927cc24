//! The counts and histograms of many seconds put together, step by step.
//!
//! Histograms merge by adding counts, through one dense accumulator each, so that an
//! hour of ten steps takes milliseconds.

use crate::record::histogram::{Live, Sparse};
use crate::record::interval::{StepCounts, StepTimes};
use crate::record::run::RunRecord;

/// What some seconds of one step, or of all, add up to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pool {
    /// Counts.
    pub counts: StepCounts,
    /// Histograms.
    pub times: StepTimes,
}

/// Adds up some seconds of a record, per step.
pub fn by_step(record: &RunRecord, seconds: &[u32]) -> Vec<Pool> {
    let mut adder = Adder::default();
    (0..record.head.steps.len()).map(|step| adder.step(record, seconds, step)).collect()
}

/// Adds up some seconds of one step, or of all.
pub fn of_scope(record: &RunRecord, seconds: &[u32], step: Option<u16>) -> Pool {
    match step {
        None => total(&by_step(record, seconds)),
        Some(step) => Adder::default().step(record, seconds, usize::from(step)),
    }
}

/// Adds up steps.
pub fn total(steps: &[Pool]) -> Pool {
    let mut counts = StepCounts::default();
    for step in steps {
        counts.add(&step.counts);
    }
    let merged = |kind: usize| Sparse::merged(steps.iter().map(|step| step.times.all()[kind]));
    Pool { counts, times: StepTimes::from_all(std::array::from_fn(merged)) }
}

/// An accumulator for each kind of time, used again and again.
#[derive(Default)]
struct Adder {
    live: [Live; StepTimes::KINDS],
}

impl Adder {
    fn step(&mut self, record: &RunRecord, seconds: &[u32], step: usize) -> Pool {
        let mut counts = StepCounts::default();
        for second in seconds.iter().filter_map(|second| record.seconds.get(second)) {
            if let Some(found) = second.counts.get(step) {
                counts.add(found);
            }
            if let Some(times) = second.times.get(step) {
                self.add(times);
            }
        }
        Pool { counts, times: self.take() }
    }

    fn add(&mut self, times: &StepTimes) {
        for (live, sparse) in self.live.iter_mut().zip(times.all()) {
            live.add_sparse(sparse);
        }
    }

    fn take(&mut self) -> StepTimes {
        StepTimes::from_all(self.live.each_mut().map(drained))
    }
}

/// What was recorded; the accumulator is empty afterwards.
pub fn drained(live: &mut Live) -> Sparse {
    if live.is_empty() {
        return Sparse::default();
    }
    let sparse = live.to_sparse();
    live.clear();
    sparse
}
