//! Where a worker's load comes from: what is due next, told what ended.
//!
//! An open source has its arrivals from the schedule, whatever becomes of them. It may be
//! given another rate while it runs; all slots that are given it for the same moment share
//! the new stream as they did the old one.
//!
//! Several loads at once are one source: their arrivals are one stream, in which each has its own
//! ([`crate::schedule::several`]).
//!
//! A closed source has users, each of whom is ready again when what he did has ended: it waits
//! for answers, and a slow target gets less load.

use crate::engine::closed::Closed;
use crate::engine::plan::Plan;
use crate::scenario::slots::Slot;
use crate::schedule::Arrival;
use crate::schedule::arms::{Fixed, Timed};
use crate::units::{Moment, Rate};

/// Where a worker's iterations come from.
#[derive(Debug)]
pub enum Source {
    /// Arrivals that do not depend on answers.
    Open(Open),
    /// Users who wait for answers.
    Closed(Closed),
}

/// The part of a schedule that one slot has: every so-many-th arrival.
#[derive(Debug)]
pub struct Open {
    arrivals: Timed,
    /// Which of them it has.
    slot: Slot,
    next: Option<Arrival>,
}

impl Source {
    /// The source of one of a plan's slots.
    pub fn new(plan: &Plan, slot: Slot) -> Source {
        if plan.scenario.load.is_closed() {
            return Source::Closed(Closed::new(&plan.scenario.load, slot, plan.from));
        }
        let arrivals = Timed::new(&plan.scenario.load, plan.timing);
        let mut open = Open::new(arrivals, slot);
        open.skip_before(plan.from);
        Source::Open(open)
    }

    /// What is due next, unless there is nothing more or something has to end before.
    pub fn peek(&self) -> Option<Arrival> {
        match self {
            Source::Open(open) => open.next,
            Source::Closed(closed) => closed.peek(),
        }
    }

    /// Takes what is due next, if it is by now.
    pub fn take_due(&mut self, now: Moment) -> Option<Arrival> {
        match self {
            Source::Open(open) => open.take_due(now),
            Source::Closed(closed) => closed.take_due(now),
        }
    }

    /// The iteration of an arrival has ended, and who did it is ready for another one at a moment.
    pub fn ended(&mut self, index: u64, at: Moment) {
        match self {
            // Answers change nothing.
            Source::Open(_) => {}
            Source::Closed(closed) => closed.ended(index, at),
        }
    }

    /// Which of its slot's users an arrival is for; `None`: whoever is idle.
    pub fn user_of(&self, index: u64) -> Option<u32> {
        match self {
            Source::Open(_) => None,
            Source::Closed(closed) => Some(closed.user_of(index)),
        }
    }

    /// Whether what comes next depends on answers.
    pub fn waits_for_answers(&self) -> bool {
        match self {
            Source::Open(_) => false,
            Source::Closed(_) => true,
        }
    }

    /// From a moment on, which has not passed, all slots together get so many arrivals per
    /// second, to the end of the schedule.
    pub fn retarget(&mut self, at: Moment, rate: Rate) -> Result<(), Fixed> {
        match self {
            Source::Open(open) => open.retarget(at, rate),
            Source::Closed(_) => Err(Fixed),
        }
    }
}

impl Open {
    fn new(mut arrivals: Timed, slot: Slot) -> Open {
        let next = arrivals.nth(slot.index as usize);
        Open { arrivals, slot, next }
    }

    /// The slot's next arrival behind the one that was taken.
    fn following(&mut self) -> Option<Arrival> {
        self.arrivals.nth(self.slot.of as usize - 1)
    }

    /// Leaves out what is due before a moment.
    fn skip_before(&mut self, from: Moment) {
        while self.next.is_some_and(|next| next.at < from) {
            self.next = self.following();
        }
    }

    fn take_due(&mut self, now: Moment) -> Option<Arrival> {
        let due = self.next.filter(|next| next.at <= now)?;
        self.next = self.following();
        Some(due)
    }

    fn retarget(&mut self, at: Moment, rate: Rate) -> Result<(), Fixed> {
        self.next = self.arrivals.retarget(at, rate)?;
        // The stream had ended at another slot's arrival.
        let Slot { index, of } = self.slot;
        let is_anothers = |next: &Arrival| next.index % u64::from(of) != u64::from(index);
        while self.next.as_ref().is_some_and(is_anothers) {
            self.next = self.arrivals.next();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::scenario::data::mixing::mixed;
    use crate::scenario::data::order::{AtEnd, Draw, Order, Taking};
    use crate::scenario::load::{ArrivalProcess, Cap, CapBy, Load, Part, Recorded, Stage};
    use crate::scenario::model::Arm;
    use crate::scenario::slots::Slots;
    use crate::schedule::Arrivals;
    use crate::schedule::arms::Timing;

    const SECOND: u64 = 1_000_000_000;

    fn load(rate: f64) -> Load {
        let (from, length) = (Rate(rate), Duration::from_secs(10));
        let stages = vec![Stage { length, from, to: from, users: None, warmup: false }];
        Load::new(ArrivalProcess::Poisson, 7, stages)
    }

    fn source(load: &Load, slot: Slot) -> Source {
        Source::Open(Open::new(Timed::new(load, Timing::Alone), slot))
    }

    const ALL: Slot = Slot { index: 0, of: 1 };

    /// The slots of several generators, each with so many workers.
    fn slots(workers: &[u32]) -> Vec<Slot> {
        let (of, mut first, mut all) = (workers.iter().sum(), 0, Vec::new());
        for count in workers {
            let slots = Slots { first, count: *count, of };
            all.extend((0..slots.threads()).map(|thread| slots.slot(thread)));
            first += count;
        }
        all
    }

    /// Everything that is due until a moment.
    fn until(source: &mut Source, now: Moment) -> Vec<Arrival> {
        std::iter::from_fn(|| source.take_due(now)).collect()
    }

    #[test]
    fn nothing_is_taken_before_it_is_due_and_all_of_the_schedule_comes() {
        let load = load(50.0);
        let mut source = source(&load, ALL);
        let mut found = Vec::new();
        while let Some(next) = source.peek() {
            assert_eq!(source.take_due(Moment(next.at.0 - 1)), None);
            found.extend(source.take_due(next.at));
        }
        assert_eq!(found, Arrivals::new(&load).collect::<Vec<_>>());
    }

    /// What a worker gets if the rate is changed at a moment.
    fn changed(load: &Load, slot: Slot, at: Moment, rate: f64) -> Vec<Arrival> {
        let mut source = source(load, slot);
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
            let whole = changed(&load, ALL, Moment(at), rate);
            for workers in [&[1][..], &[2], &[1, 1, 1], &[3, 1], &[1, 4]] {
                let of = |slot| changed(&load, slot, Moment(at), rate);
                let mut shared: Vec<Arrival> = slots(workers).into_iter().flat_map(of).collect();
                shared.sort_by_key(|arrival| arrival.index);
                assert_eq!(shared, whole, "{workers:?} workers, {rate}/s from {at} on");
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
        for workers in [&[1][..], &[2], &[2, 1]] {
            let rest = |slot| {
                let mut open = Open::new(Timed::new(&load, Timing::Alone), slot);
                open.skip_before(from);
                until(&mut Source::Open(open), Moment(u64::MAX))
            };
            let mut shared: Vec<Arrival> = slots(workers).into_iter().flat_map(rest).collect();
            shared.sort_by_key(|arrival| arrival.index);
            let expected: Vec<Arrival> =
                whole.iter().filter(|arrival| arrival.at >= from).copied().collect();
            assert!(expected.len() > 200 && shared == expected, "{workers:?} workers");
        }
    }

    #[test]
    fn a_new_rate_holds_from_its_moment_on() {
        let change = Moment(4 * SECOND);
        let whole = changed(&load(50.0), ALL, change, 200.0);
        let before = whole.iter().filter(|arrival| arrival.at < change).count();
        assert!((150..250).contains(&before), "{before}");
        assert!((1_100..1_300).contains(&(whole.len() - before)), "{}", whole.len());
    }

    /// Two loads that are drawn, one that was recorded, and perhaps a cap.
    fn several(rate: f64, most: Option<u64>) -> Load {
        let part = |flow: usize, rate: f64, arrivals| Part {
            flows: vec![flow],
            arrivals,
            stages: load(rate).stages,
            recorded: None,
        };
        let recorded: Vec<u64> = (0..500).map(|n: u64| n * n * 40_000).collect();
        let parts = vec![
            part(0, rate, ArrivalProcess::Poisson),
            part(1, rate / 3.0, ArrivalProcess::Uniform),
            Part {
                recorded: Some(Recorded(recorded.into())),
                ..part(2, 1.0, ArrivalProcess::Poisson)
            },
        ];
        let cap = most.map(|most| Cap { planned_seconds: 10.0, by: CapBy::Iterations(most) });
        Load { parts, cap, ..load(rate) }
    }

    fn rest(load: &Load, slot: Slot) -> Vec<Arrival> {
        let mut source = Source::Open(Open::new(Timed::new(load, Timing::Alone), slot));
        until(&mut source, Moment(u64::MAX))
    }

    #[test]
    fn several_loads_are_shared_as_one_is_whatever_ends_them() {
        for most in [None, Some(0), Some(1), Some(777)] {
            let load = several(60.0, most);
            let whole = rest(&load, ALL);
            assert!(most.is_none_or(|most| whole.len() as u64 == most), "{most:?}");
            for workers in [&[1][..], &[2], &[3], &[4], &[3, 1], &[1, 4]] {
                let of = |slot| rest(&load, slot);
                let mut shared: Vec<Arrival> = slots(workers).into_iter().flat_map(of).collect();
                shared.sort_by_key(|arrival| arrival.index);
                assert_eq!(shared, whole, "{workers:?} workers, {most:?}");
            }
        }
    }

    /// What all workers together send: how many arrivals, and a sum over each one's number, moment,
    /// part and row of shuffled data that is the same in whatever order they come. Each number comes
    /// once, and so does each row of unique data.
    #[track_caller]
    fn sent(load: &Load, workers: &[u32], least: u64) -> (u64, u64) {
        let own = load.parts.iter().flat_map(|part| &part.stages);
        let expected: f64 = own.map(Stage::area).sum();
        let rows = (expected * 1.1) as u64 + 1_000;
        let draw = Draw { seed: load.seed, salt: 0, taking: Taking::Load };
        let mut taken = vec![0_u64; rows as usize / 64 + 1];
        let (mut count, mut digest) = (0, 0_u64);
        for slot in slots(workers) {
            let mut source = Source::Open(Open::new(Timed::new(load, Timing::Alone), slot));
            while let Some(arrival) = source.take_due(Moment(u64::MAX)) {
                let row = Order::Unique(AtEnd::Fail).row(arrival.index, rows, draw).unwrap();
                let (word, bit) = (row as usize / 64, 1 << (row % 64));
                assert_eq!(taken[word] & bit, 0, "row {row} comes twice");
                taken[word] |= bit;
                let any = Order::Shuffled.row(arrival.index, rows, draw).unwrap();
                let told = [arrival.index, arrival.at.0, u64::from(arrival.part), any];
                digest = digest.wrapping_add(told.into_iter().fold(0, |hash, it| mixed(hash ^ it)));
                count += 1;
            }
        }
        assert!(count >= least, "{count}");
        let is_taken = |row: u64| taken[row as usize / 64] >> (row % 64) & 1 == 1;
        assert!((0..count).all(is_taken), "numbers have no gaps");
        (count, digest)
    }

    /// Whatever the number of workers, on one machine or on several.
    #[track_caller]
    fn all_workers_send_the_same(rate: f64, least: u64) {
        let load = several(rate, None);
        let alone = sent(&load, &[1], least);
        for workers in [&[2][..], &[3], &[4], &[2, 1]] {
            assert_eq!(sent(&load, workers, least), alone, "{workers:?} workers");
        }
    }

    #[test]
    fn a_hundred_thousand_arrivals_of_several_loads_have_each_number_once() {
        all_workers_send_the_same(7_500.0, 99_000);
    }

    #[test]
    #[ignore = "five times ten million take minutes without optimization; scripts/rows.py sends them"]
    fn ten_million_arrivals_of_several_loads_have_each_number_once() {
        all_workers_send_the_same(750_000.0, 9_990_000);
    }

    #[test]
    fn several_loads_have_no_one_rate() {
        let load = several(50.0, None);
        let mut source = Source::Open(Open::new(Timed::new(&load, Timing::Alone), ALL));
        let next = source.peek();
        assert_eq!(source.retarget(Moment(SECOND), Rate(1.0)), Err(Fixed));
        assert_eq!(source.peek(), next);
    }

    #[test]
    fn what_two_arms_share_is_fixed() {
        let load = load(50.0);
        let timing = Timing::interleaved(Arm::Baseline, &load);
        let mut source = Source::Open(Open::new(Timed::new(&load, timing), ALL));
        let next = source.peek();
        assert_eq!(source.retarget(Moment(SECOND), Rate(1.0)), Err(Fixed));
        assert_eq!(source.peek(), next);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// However many generators and workers there are, and whatever their timing.
        #[test]
        fn all_slots_together_are_the_whole_stream(
            workers in prop::collection::vec(1_u32..5, 1..6),
            rate in 1.0_f64..300.0,
            seed in any::<u64>(),
            timing in 0..3,
        ) {
            let load = Load { seed, ..load(rate) };
            let arm = Arm::Candidate;
            let block = Duration::from_secs(2);
            let timing = match timing {
                0 => Timing::Alone,
                1 => Timing::interleaved(arm, &load),
                _ => Timing::Alternating { arm, first: Arm::Baseline, block },
            };
            let whole: Vec<Arrival> = Timed::new(&load, timing).collect();
            let of = |slot| {
                let mut source = Source::Open(Open::new(Timed::new(&load, timing), slot));
                until(&mut source, Moment(u64::MAX))
            };
            let mut shared: Vec<Arrival> = slots(&workers).into_iter().flat_map(of).collect();
            shared.sort_by_key(|arrival| (arrival.at, arrival.index));
            prop_assert_eq!(shared, whole);
        }
    }
}
