//! Where a worker's load comes from: what is due next, told what ended.
//!
//! An open source has its arrivals from the schedule, whatever becomes of them. It may be
//! given another rate while it runs; all workers that are given it for the same moment share
//! the new stream as they did the old one.
//!
//! A source that waits for what ended before it has more is another variant of [`Source`].

use crate::engine::plan::Plan;
use crate::schedule::Arrival;
use crate::schedule::arms::{Fixed, Timed};
use crate::units::{Moment, Rate};

/// Where a worker's iterations come from.
#[derive(Debug)]
pub enum Source {
    /// Arrivals that do not depend on answers.
    Open(Open),
}

/// One worker's part of a schedule.
#[derive(Debug)]
pub struct Open {
    arrivals: Timed,
    /// Which of the workers it is for.
    worker: usize,
    /// It has every so-many-th arrival.
    of: usize,
    next: Option<Arrival>,
}

impl Source {
    /// The source of one of a plan's workers.
    pub fn new(plan: &Plan, worker: usize) -> Source {
        let arrivals = Timed::new(&plan.scenario.load, plan.timing);
        let mut open = Open::new(arrivals, worker, plan.workers);
        open.skip_before(plan.from);
        Source::Open(open)
    }

    /// What is due next, unless there is nothing more or something has to end before.
    pub fn peek(&self) -> Option<Arrival> {
        match self {
            Source::Open(open) => open.next,
        }
    }

    /// Takes what is due next, if it is by now.
    pub fn take_due(&mut self, now: Moment) -> Option<Arrival> {
        match self {
            Source::Open(open) => open.take_due(now),
        }
    }

    /// An iteration has ended at a moment.
    pub fn ended(&mut self, _at: Moment) {
        match self {
            // Answers change nothing.
            Source::Open(_) => {}
        }
    }

    /// From a moment on, which has not passed, all workers together get so many arrivals per
    /// second, to the end of the schedule.
    pub fn retarget(&mut self, at: Moment, rate: Rate) -> Result<(), Fixed> {
        match self {
            Source::Open(open) => open.retarget(at, rate),
        }
    }
}

impl Open {
    fn new(mut arrivals: Timed, worker: usize, of: usize) -> Open {
        let next = arrivals.nth(worker);
        Open { arrivals, worker, of, next }
    }

    /// Leaves out what is due before a moment.
    fn skip_before(&mut self, from: Moment) {
        while self.next.is_some_and(|next| next.at < from) {
            self.next = self.arrivals.nth(self.of - 1);
        }
    }

    fn take_due(&mut self, now: Moment) -> Option<Arrival> {
        let due = self.next.filter(|next| next.at <= now)?;
        self.next = self.arrivals.nth(self.of - 1);
        Some(due)
    }

    fn retarget(&mut self, at: Moment, rate: Rate) -> Result<(), Fixed> {
        self.next = self.arrivals.retarget(at, rate)?;
        // The stream had ended at another worker's arrival.
        let is_anothers = |next: &Arrival| next.index as usize % self.of != self.worker;
        while self.next.as_ref().is_some_and(is_anothers) {
            self.next = self.arrivals.next();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scenario::load::{ArrivalProcess, Load, Stage};
    use crate::schedule::Arrivals;
    use crate::schedule::arms::Timing;

    const SECOND: u64 = 1_000_000_000;

    fn load(rate: f64) -> Load {
        let (from, length) = (Rate(rate), Duration::from_secs(10));
        let stages = vec![Stage { length, from, to: from, warmup: false }];
        Load { arrivals: ArrivalProcess::Poisson, seed: 7, stages }
    }

    fn source(load: &Load, worker: usize, of: usize) -> Source {
        Source::Open(Open::new(Timed::new(load, Timing::Alone), worker, of))
    }

    /// Everything that is due until a moment.
    fn until(source: &mut Source, now: Moment) -> Vec<Arrival> {
        std::iter::from_fn(|| source.take_due(now)).collect()
    }

    #[test]
    fn nothing_is_taken_before_it_is_due_and_all_of_the_schedule_comes() {
        let load = load(50.0);
        let mut source = source(&load, 0, 1);
        let mut found = Vec::new();
        while let Some(next) = source.peek() {
            assert_eq!(source.take_due(Moment(next.at.0 - 1)), None);
            found.extend(source.take_due(next.at));
        }
        assert_eq!(found, Arrivals::new(&load).collect::<Vec<_>>());
    }

    /// What a worker gets if the rate is changed at a moment.
    fn changed(load: &Load, (worker, of): (usize, usize), at: Moment, rate: f64) -> Vec<Arrival> {
        let mut source = source(load, worker, of);
        let mut found = until(&mut source, Moment(at.0 - 1));
        source.retarget(at, Rate(rate)).unwrap();
        found.extend(until(&mut source, Moment(u64::MAX)));
        found
    }

    #[test]
    fn workers_share_the_stream_before_and_after_it_is_retargeted() {
        let load = load(50.0);
        // At the last moment the stream has ended for some workers already.
        for (at, rate) in [(4 * SECOND, 200.0), (4 * SECOND, 3.0), (10 * SECOND - 1, 1e12)] {
            let whole = changed(&load, (0, 1), Moment(at), rate);
            for workers in 1..6 {
                let of = |worker| changed(&load, (worker, workers), Moment(at), rate);
                let mut shared: Vec<Arrival> = (0..workers).flat_map(of).collect();
                shared.sort_by_key(|arrival| arrival.index);
                assert_eq!(shared, whole, "{workers} workers, {rate}/s from {at} on");
            }
            assert!(whole.is_sorted_by_key(|arrival| (arrival.at, arrival.index)));
            assert!(whole.iter().enumerate().all(|(index, next)| next.index == index as u64));
        }
    }

    #[test]
    fn what_was_due_before_is_left_out_and_the_rest_is_as_it_was() {
        let load = load(50.0);
        let whole: Vec<Arrival> = Arrivals::new(&load).collect();
        let from = Moment(4 * SECOND);
        for workers in 1..4 {
            let rest = |worker| {
                let mut open = Open::new(Timed::new(&load, Timing::Alone), worker, workers);
                open.skip_before(from);
                until(&mut Source::Open(open), Moment(u64::MAX))
            };
            let mut shared: Vec<Arrival> = (0..workers).flat_map(rest).collect();
            shared.sort_by_key(|arrival| arrival.index);
            let expected: Vec<Arrival> =
                whole.iter().filter(|arrival| arrival.at >= from).copied().collect();
            assert!(expected.len() > 200 && shared == expected, "{workers} workers");
        }
    }

    #[test]
    fn a_new_rate_holds_from_its_moment_on() {
        let change = Moment(4 * SECOND);
        let whole = changed(&load(50.0), (0, 1), change, 200.0);
        let before = whole.iter().filter(|arrival| arrival.at < change).count();
        assert!((150..250).contains(&before), "{before}");
        assert!((1_100..1_300).contains(&(whole.len() - before)), "{}", whole.len());
    }

    #[test]
    fn what_two_arms_share_is_fixed() {
        let load = load(50.0);
        let timing = Timing::interleaved(crate::scenario::model::Arm::Baseline, &load);
        let mut source = Source::Open(Open::new(Timed::new(&load, timing), 0, 1));
        let next = source.peek();
        assert_eq!(source.retarget(Moment(SECOND), Rate(1.0)), Err(Fixed));
        assert_eq!(source.peek(), next);
    }
}
