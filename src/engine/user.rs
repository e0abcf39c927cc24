//! Virtual users: who walks through flows, and what they remember.
//!
//! An arrival takes the user that was idle last, or a new one if all are busy, so
//! there are as many users as iterations ever ran at once. In a closed load each iteration is a
//! certain user's, who has a place of his own.

use std::ops::{Index, IndexMut};

use crate::engine::extract::Extracted;
use crate::scenario::model::{Scenario, StepId};
use crate::scenario::slots::Slot;
use crate::scenario::template::Value;

/// One virtual user.
#[derive(Debug)]
pub struct User {
    /// From 1, unique in the run.
    pub number: u64,
    /// What it has extracted, by variable.
    pub variables: Vec<Value>,
    /// Which `once` steps it has done, by step.
    done: Vec<bool>,
}

impl User {
    /// Whether a step that is done once per user lies behind it.
    pub fn has_done(&self, step: StepId) -> bool {
        self.done[step.index()]
    }

    /// Remembers that it has done a step.
    pub fn did(&mut self, step: StepId) {
        self.done[step.index()] = true;
    }

    /// Remembers what was found in an answer.
    pub fn keep(&mut self, extracted: Extracted) {
        for (variable, value) in extracted.0 {
            self.variables[variable.index()] = value;
        }
    }
}

/// A user's place among those of its worker. Walks carry it, as a user is several times as
/// large and would have to be moved in and out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserId(u32);

/// The users of one worker.
#[derive(Debug)]
pub struct Users {
    all: Vec<User>,
    idle: Vec<UserId>,
    /// The same of each pool but the first: users of other tenants.
    pools: Vec<Vec<UserId>>,
    variables: usize,
    steps: usize,
    next_number: u64,
    stride: u64,
    most: usize,
}

impl Users {
    /// The users of one slot, at most so many, numbered behind `from`: over all slots, so that
    /// a number is unique in the run.
    pub fn new(scenario: &Scenario, slot: Slot, most: usize, from: u64) -> Users {
        Users {
            all: Vec::new(),
            idle: Vec::new(),
            pools: Vec::new(),
            variables: scenario.variables.len(),
            steps: scenario.steps.len(),
            next_number: from + u64::from(slot.index) + 1,
            stride: u64::from(slot.of),
            most,
        }
    }

    /// A user for an iteration; `None` when all that are allowed are busy.
    pub fn take(&mut self) -> Option<UserId> {
        self.idle.pop().or_else(|| (self.all.len() < self.most).then(|| self.create()))
    }

    /// A user of a pool. Where no more are allowed, one that is idle in another pool leaves that
    /// and is somebody new in this one.
    pub fn take_of(&mut self, pool: u32) -> Option<UserId> {
        let idle = match pool {
            0 => self.idle.pop(),
            pool => self.pools.get_mut(pool as usize - 1).and_then(Vec::pop),
        };
        let found = idle.or_else(|| (self.all.len() < self.most).then(|| self.create()));
        if found.is_some() || (pool == 0 && self.pools.is_empty()) {
            return found;
        }
        let others = std::iter::once(&mut self.idle).chain(&mut self.pools);
        let other = others.into_iter().find_map(Vec::pop)?;
        let user = &mut self.all[other.0 as usize];
        user.variables.fill(Value::default());
        user.done.fill(false);
        Some(other)
    }

    /// The user at a place of a slot, busy or not; `None` where no more are allowed.
    pub fn seat(&mut self, place: u32) -> Option<UserId> {
        while self.all.len() <= place as usize {
            if self.all.len() >= self.most {
                return None;
            }
            self.create();
        }
        Some(UserId(place))
    }

    fn create(&mut self) -> UserId {
        let number = self.next_number;
        self.next_number += self.stride;
        self.all.push(User {
            number,
            variables: vec![Value::Text(String::new()); self.variables],
            done: vec![false; self.steps],
        });
        UserId(self.all.len() as u32 - 1)
    }

    /// Takes a user of a pool back after its iteration.
    pub fn give_back_of(&mut self, pool: u32, user: UserId) {
        let Some(place) = (pool as usize).checked_sub(1) else { return self.give_back(user) };
        if self.pools.len() <= place {
            self.pools.resize_with(place + 1, Vec::new);
        }
        self.pools[place].push(user);
    }

    /// Takes a user back after its iteration.
    pub fn give_back(&mut self, user: UserId) {
        self.idle.push(user);
    }
}

#[cfg(test)]
impl Users {
    /// At most so many, with one variable and one step: the second of three workers' users.
    pub(crate) fn for_tests(most: usize) -> Users {
        let (all, idle) = (Vec::new(), Vec::new());
        Users {
            all,
            idle,
            pools: Vec::new(),
            variables: 1,
            steps: 1,
            next_number: 2,
            stride: 3,
            most,
        }
    }
}

impl Index<UserId> for Users {
    type Output = User;

    fn index(&self, user: UserId) -> &User {
        &self.all[user.0 as usize]
    }
}

impl IndexMut<UserId> for Users {
    fn index_mut(&mut self, user: UserId) -> &mut User {
        &mut self.all[user.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::read::{Origin, parse};
    use crate::scenario::slots::Slots;

    #[test]
    fn the_user_that_was_idle_last_goes_again_and_no_more_than_allowed_are_busy() {
        let mut users = Users::for_tests(2);
        let (first, second) = (users.take().unwrap(), users.take().unwrap());
        assert_eq!((users[first].number, users[second].number), (2, 5));
        assert_eq!(users.take(), None);
        users[second].did(StepId(0));
        users.give_back(first);
        users.give_back(second);
        let again = users.take().unwrap();
        assert_eq!(again, second);
        assert!(users[again].has_done(StepId(0)) && !users[first].has_done(StepId(0)));
    }

    #[test]
    fn a_user_stays_in_its_pool_until_there_is_no_room_for_another_one() {
        let mut users = Users::for_tests(2);
        let (first, second) = (users.take_of(3).unwrap(), users.take_of(0).unwrap());
        users[first].did(StepId(0));
        assert_eq!(users.take_of(3), None, "both are busy");
        users.give_back_of(3, first);
        users.give_back_of(0, second);
        let again = users.take_of(3).unwrap();
        assert!(again == first && users[again].has_done(StepId(0)));
        users.give_back_of(3, again);
        let taken = [users.take_of(0).unwrap(), users.take_of(0).unwrap()];
        assert_eq!(taken, [second, first]);
        assert!(!users[first].has_done(StepId(0)), "it is somebody new");
    }

    #[test]
    fn a_number_is_unique_over_the_slots_of_all_generators() {
        let text = r#"{"name": "one", "target": {"url": "http://127.0.0.1:1"},
            "flows": [{"name": "flow", "steps": [{"name": "step", "request": "GET /"}]}],
            "load": {"stages": [{"for": "60s", "rate": "1/s"}]}}"#;
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let scenario = parse(text, &Origin::default(), &|_| None, &no_file).unwrap();
        let generators =
            [(0, 2), (2, 1), (3, 3)].map(|(first, count)| Slots { first, count, of: 6 });
        let slots =
            generators.iter().flat_map(|it| (0..it.threads()).map(|thread| it.slot(thread)));
        let mut numbers: Vec<u64> = slots
            .flat_map(|slot| {
                let mut users = Users::new(&scenario, slot, 10, 100);
                let taken: Vec<UserId> = (0..10).filter_map(|_| users.take()).collect();
                taken.into_iter().map(move |user| users[user].number).collect::<Vec<_>>()
            })
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (101..161).collect::<Vec<_>>());
    }
}
