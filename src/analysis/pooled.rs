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
    let merged = |of: fn(&StepTimes) -> &Sparse| Sparse::merged(steps.iter().map(|s| of(&s.times)));
    let times = StepTimes {
        response: merged(|times| &times.response),
        failed: merged(|times| &times.failed),
        service: merged(|times| &times.service),
        send_lag: merged(|times| &times.send_lag),
        receive_lag: merged(|times| &times.receive_lag),
    };
    Pool { counts, times }
}

/// Four accumulators that are used again and again.
#[derive(Default)]
struct Adder {
    response: Live,
    failed: Live,
    service: Live,
    send_lag: Live,
    receive_lag: Live,
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
        self.response.add_sparse(&times.response);
        self.failed.add_sparse(&times.failed);
        self.service.add_sparse(&times.service);
        self.send_lag.add_sparse(&times.send_lag);
        self.receive_lag.add_sparse(&times.receive_lag);
    }

    fn take(&mut self) -> StepTimes {
        StepTimes {
            response: drained(&mut self.response),
            failed: drained(&mut self.failed),
            service: drained(&mut self.service),
            send_lag: drained(&mut self.send_lag),
            receive_lag: drained(&mut self.receive_lag),
        }
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
