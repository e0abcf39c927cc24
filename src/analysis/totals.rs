//! The counts and histograms of many seconds put together, step by step.
//!
//! Histograms merge by adding counts, through one dense accumulator each, so that an
//! hour of ten steps takes milliseconds.

use crate::record::histogram::{Live, Sparse};
use crate::record::interval::{StepCounts, StepTimes};
use crate::record::packing::PackedHistogram;
use crate::record::phase::Phase;
use crate::record::run::{RunRecord, Subset, TenantsHead};

/// What some seconds of one step, or of all, add up to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    /// Counts.
    pub counts: StepCounts,
    /// Histograms.
    pub times: StepTimes,
}

/// Adds up some seconds of a record, per step.
pub fn by_step(record: &RunRecord, seconds: &[u32]) -> Vec<Totals> {
    grouped(record, seconds, record.head.steps.len(), |place| record.head.step_of(place))
}

/// Adds up some seconds of a record, per tenant.
pub fn by_tenant(record: &RunRecord, seconds: &[u32]) -> Vec<Totals> {
    let places = record.head.tenants.as_ref().map_or(0, TenantsHead::places);
    let of = |place: usize| record.head.tenant_of(place).map_or(usize::MAX, usize::from);
    grouped(record, seconds, places.into(), of)
}

/// Adds up the series of so many groups; one beyond them is in none.
fn grouped(
    record: &RunRecord,
    seconds: &[u32],
    groups: usize,
    group_of: impl Fn(usize) -> usize,
) -> Vec<Totals> {
    let mut adders: Vec<Adder> = (0..groups).map(|_| Adder::default()).collect();
    for found in seconds.iter().filter_map(|second| record.seconds.get(*second)) {
        for (place, counts) in found.counts().iter().enumerate() {
            if let Some(sum) = adders.get_mut(group_of(place)) {
                sum.counts.add(counts);
            }
        }
        let times = found.times();
        for phase in Phase::ALL {
            for (place, more) in times.of(phase).enumerate() {
                if let Some(sum) = adders.get_mut(group_of(place)) {
                    sum.add(phase, &more);
                }
            }
        }
    }
    adders.into_iter().map(Adder::take).collect()
}

/// Adds up some seconds of one step, or of all.
pub fn of_scope(record: &RunRecord, seconds: &[u32], within: Subset<'_>) -> Totals {
    if within == Subset::ALL {
        return total(&by_step(record, seconds));
    }
    let is_meant = |place: usize| record.head.is_of(place, within);
    let mut sum = Adder::default();
    for found in seconds.iter().filter_map(|second| record.seconds.get(*second)) {
        let counts = found.counts();
        let mine = counts.iter().enumerate().filter(|(place, _)| is_meant(*place));
        mine.for_each(|(_, counts)| sum.counts.add(counts));
        let times = found.times();
        for phase in Phase::ALL {
            let mine = times.of(phase).enumerate().filter(|(place, _)| is_meant(*place));
            mine.for_each(|(_, more)| sum.add(phase, &more));
        }
    }
    sum.take()
}

/// The counts of the whole run, per step.
pub fn whole(record: &RunRecord) -> Vec<StepCounts> {
    let mut whole = vec![StepCounts::default(); record.head.steps.len()];
    for found in record.seconds.iter() {
        for (place, counts) in found.counts().iter().enumerate() {
            if let Some(sum) = whole.get_mut(record.head.step_of(place)) {
                sum.add(counts);
            }
        }
    }
    whole
}

/// Adds up steps.
pub fn total(steps: &[Totals]) -> Totals {
    let mut counts = StepCounts::default();
    for step in steps {
        counts.add(&step.counts);
    }
    let merged = |phase| Sparse::merged(steps.iter().map(|step| &step.times[phase]));
    Totals { counts, times: StepTimes::from_all(Phase::ALL.map(merged)) }
}

/// One step, as it is added up: an accumulator for each kind of time.
#[derive(Default)]
struct Adder {
    counts: StepCounts,
    live: [Live; Phase::COUNT],
}

impl Adder {
    fn add(&mut self, phase: Phase, more: &PackedHistogram<'_>) {
        more.add_to(&mut self.live[phase.index()]);
    }

    fn take(mut self) -> Totals {
        let times = StepTimes::from_all(self.live.each_mut().map(drained));
        Totals { counts: self.counts, times }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample_records::{self, Requests, add, run};
    use crate::record::outcome::Outcome;

    /// All at once in memory, histogram by histogram.
    fn plainly(record: &RunRecord, seconds: &[u32], step: usize) -> Totals {
        let mut sum = Totals::default();
        for found in seconds.iter().filter_map(|second| record.seconds.get(*second)) {
            let second = found.unpack();
            sum.counts.add(&second.counts[step]);
            sum.times.add(&second.times[step]);
        }
        sum
    }

    #[test]
    fn seconds_add_up_to_what_they_are_one_by_one() {
        let mut record = run(40, 100.0);
        sample_records::add_step(&mut record.head, "show");
        let other = Requests { step: 1, ..Requests::ended(3, Outcome::ServerError) };
        add(&mut record, 0..40, &[Requests::ok(90, 20_000), other]);
        add(&mut record, (0..40).step_by(7), &[Requests { lag: 9_000, ..Requests::ok(4, 70_000) }]);
        for seconds in [vec![], vec![3], (5..50).collect(), (0..40).step_by(3).collect()] {
            let pools = by_step(&record, &seconds);
            for (step, pool) in pools.iter().enumerate() {
                assert_eq!(*pool, plainly(&record, &seconds, step));
                assert_eq!(of_scope(&record, &seconds, Subset::step(Some(step as u16))), *pool);
            }
            assert_eq!(of_scope(&record, &seconds, Subset::ALL), total(&pools));
        }
        let all: Vec<u32> = (0..40).collect();
        let counts = by_step(&record, &all).into_iter().map(|pool| pool.counts);
        assert_eq!(whole(&record), counts.collect::<Vec<_>>());
    }
}
