//! A closed load: users who do one iteration after another, each when the one before has ended.
//!
//! Users are numbered over all slots, and a slot has every so-many-th one. The `n`-th iteration of
//! user `u` of `m` has the number `n·m + u`: its choices depend on the seed and on who does it for
//! which time, and not on the workers or on how fast others are answered.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::scenario::load::Load;
use crate::scenario::slots::Slot;
use crate::schedule::Arrival;
use crate::schedule::users::Crowds;
use crate::units::Moment;

/// The users of one slot.
#[derive(Debug)]
pub struct Closed {
    crowds: Crowds,
    slot: Slot,
    /// Those that do nothing just now: when they are ready, and their place in the slot.
    ready: BinaryHeap<Reverse<(Moment, u32)>>,
    /// How many iterations each has begun.
    begun: Vec<u64>,
}

impl Closed {
    /// The users of a slot, from a moment on. Where that is not the beginning, another run of the
    /// same load has been: iterations have numbers that nobody can have come to.
    pub fn new(load: &Load, slot: Slot, from: Moment) -> Closed {
        let crowds = Crowds::new(load);
        let count = crowds.most().saturating_sub(slot.index).div_ceil(slot.of);
        // Nobody does more than one iteration in a microsecond.
        let begun = vec![from.0 / 1_000; count as usize];
        let mut closed = Closed { crowds, slot, ready: BinaryHeap::new(), begun };
        (0..count).for_each(|place| closed.waits(place, from));
        closed
    }

    /// Who is ready first. Nobody who is busy counts.
    pub fn peek(&self) -> Option<Arrival> {
        let Reverse((at, place)) = *self.ready.peek()?;
        let part = self.crowds.part_of(self.user(place));
        Some(Arrival { index: self.index(place), at, part })
    }

    /// Lets who is ready first begin, if that is by now.
    pub fn take_due(&mut self, now: Moment) -> Option<Arrival> {
        let next = self.peek().filter(|next| next.at <= now)?;
        let Reverse((_, place)) = self.ready.pop()?;
        self.begun[place as usize] += 1;
        Some(next)
    }

    /// An iteration has ended, and its user is ready again at a moment.
    pub fn ended(&mut self, index: u64, at: Moment) {
        self.waits(self.user_of(index), at);
    }

    /// The place in the slot of who does an iteration.
    pub fn user_of(&self, index: u64) -> u32 {
        (index % u64::from(self.crowds.most().max(1))) as u32 / self.slot.of
    }

    /// A user waits for the first moment at which he is there.
    fn waits(&mut self, place: u32, at: Moment) {
        if let Some(at) = self.crowds.from(self.user(place), at) {
            self.ready.push(Reverse((at, place)));
        }
    }

    /// The number among all users of the one at a place.
    fn user(&self, place: u32) -> u32 {
        place * self.slot.of + self.slot.index
    }

    fn index(&self, place: u32) -> u64 {
        self.begun[place as usize] * u64::from(self.crowds.most()) + u64::from(self.user(place))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::scenario::load::{ArrivalProcess, Crowd, Part, Stage};
    use crate::schedule::Choices;
    use crate::units::Rate;

    const MS: u64 = 1_000_000;

    fn load(users: u32) -> Load {
        let stage = Stage {
            length: Duration::from_secs(1),
            from: Rate::ZERO,
            to: Rate::ZERO,
            users: Some(Crowd { from: users, to: users }),
            warmup: false,
        };
        Load::new(ArrivalProcess::Poisson, 7, vec![stage])
    }

    /// Plays a load against a target whose answer takes a time that the iteration decides.
    fn played(load: &Load, workers: u32) -> BTreeMap<u64, u64> {
        let mut all = BTreeMap::new();
        for index in 0..workers {
            let mut closed = Closed::new(load, Slot { index, of: workers }, Moment(0));
            while let Some(next) = closed.peek() {
                assert!(next.at.0 == 0 || closed.take_due(Moment(next.at.0 - 1)).is_none());
                assert_eq!(closed.take_due(next.at), Some(next));
                assert!(all.insert(next.index, next.at.0).is_none(), "no number comes twice");
                let takes = 5 * MS + Choices::new(load.seed, next.index).bits() % (5 * MS);
                closed.ended(next.index, Moment(next.at.0 + takes));
            }
        }
        all
    }

    #[test]
    fn what_is_sent_does_not_depend_on_the_number_of_workers() {
        let load = load(7);
        let whole = played(&load, 1);
        assert!((800..1_000).contains(&whole.len()), "{}", whole.len());
        for workers in 2..=9 {
            assert_eq!(played(&load, workers), whole, "{workers} workers");
        }
    }

    #[test]
    fn users_of_several_loads_stay_in_their_own_whatever_the_number_of_workers() {
        let part = |users| Part {
            flows: vec![0],
            arrivals: ArrivalProcess::Poisson,
            stages: load(users).stages,
            recorded: None,
        };
        let both = Load { parts: vec![part(3), part(4)], ..load(7) };
        let whole = played(&both, 1);
        assert!((800..1_000).contains(&whole.len()), "{}", whole.len());
        for workers in 2..=4 {
            assert!(played(&both, workers) == whole, "{workers} workers");
        }
        let mut closed = Closed::new(&both, Slot { index: 0, of: 1 }, Moment(0));
        let mut parts = Vec::new();
        while let Some(next) = closed.take_due(Moment(999 * MS)) {
            parts.push((next.index, next.part));
        }
        parts.sort_unstable();
        let expected: Vec<(u64, u16)> = (0..7).map(|user| (user, u16::from(user > 2))).collect();
        assert_eq!(parts, expected);
    }

    #[test]
    fn a_user_that_is_busy_begins_nothing() {
        let mut closed = Closed::new(&load(1), Slot { index: 0, of: 1 }, Moment(0));
        let first = closed.take_due(Moment(0)).unwrap();
        assert_eq!((closed.peek(), closed.take_due(Moment(u64::MAX))), (None, None));
        closed.ended(first.index, Moment(30 * MS));
        assert_eq!(closed.peek(), Some(Arrival { index: 1, at: Moment(30 * MS), part: 0 }));
        closed.take_due(Moment(30 * MS));
        closed.ended(1, Moment(1_000 * MS));
        assert_eq!(closed.peek(), None, "the load is over");
    }

    #[test]
    fn a_load_that_is_gone_on_with_has_other_numbers() {
        let load = load(3);
        let before = played(&load, 1);
        let rest = Closed::new(&load, Slot { index: 0, of: 1 }, Moment(500 * MS));
        let first = rest.peek().unwrap();
        assert_eq!(first.at, Moment(500 * MS));
        assert!(before.keys().all(|index| *index < first.index));
    }
}
