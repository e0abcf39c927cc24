//! Virtual users: who walks through flows, and what they remember.
//!
//! An arrival takes the user that was idle last, or a new one if all are busy, so
//! there are as many users as iterations ever ran at once.

use std::ops::{Index, IndexMut};

use crate::engine::extract::Extracted;
use crate::scenario::model::{Scenario, StepId};
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
    variables: usize,
    steps: usize,
    next_number: u64,
    stride: u64,
    most: usize,
}

impl Users {
    /// The users of worker `index` of `workers`, at most so many, numbered behind `from`.
    pub fn new(
        scenario: &Scenario,
        (index, workers): (usize, usize),
        most: usize,
        from: u64,
    ) -> Users {
        Users {
            all: Vec::new(),
            idle: Vec::new(),
            variables: scenario.variables.len(),
            steps: scenario.steps.len(),
            next_number: from + index as u64 + 1,
            stride: workers as u64,
            most,
        }
    }

    /// A user for an iteration; `None` when all that are allowed are busy.
    pub fn take(&mut self) -> Option<UserId> {
        self.idle.pop().or_else(|| (self.all.len() < self.most).then(|| self.create()))
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
        Users { all, idle, variables: 1, steps: 1, next_number: 2, stride: 3, most }
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
}
