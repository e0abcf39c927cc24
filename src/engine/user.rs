//! Virtual users: who walks through flows, and what they remember.
//!
//! An arrival takes the user that was idle last, or a new one if all are busy, so
//! there are as many users as iterations ever ran at once. In a closed load each iteration is a
//! certain user's, who has a place of his own.

use std::ops::{Index, IndexMut};

use crate::engine::cookies::Jar;
use crate::engine::extract::Extracted;
use crate::scenario::model::{Scenario, StepId, VariableId};
use crate::scenario::slots::Slot;
use crate::scenario::template::Value;
use crate::schedule::tenants::STRANGERS;
use crate::units::Moment;

/// A shorter value of a cookie is none that could be guessed from a report.
const SECRET: usize = 4;

/// A moment that has passed whenever somebody asks.
const OVER: Moment = Moment(1);

/// One virtual user.
#[derive(Debug)]
pub struct User {
    /// From 1, unique in the run.
    pub number: u64,
    /// What it has extracted, by variable.
    pub variables: Vec<Value>,
    /// Which of them it has extracted, and not forgotten since.
    is_known: Vec<bool>,
    /// Until when what it did in `once` steps is valid, by step; 0 where it has not done it.
    done: Vec<Moment>,
    /// Its cookies, where some flow keeps any.
    pub jar: Option<Box<Jar>>,
}

impl User {
    /// Whether a step that is done once per user lies behind it, and is still valid.
    pub fn has_done(&self, step: StepId, now: Moment) -> bool {
        now < self.done[step.index()]
    }

    /// Whether what it did in a step is no longer valid.
    pub fn is_over(&self, step: StepId, now: Moment) -> bool {
        self.done[step.index()] > Moment(0) && !self.has_done(step, now)
    }

    /// Remembers that it has done a step, and until when that is valid.
    pub fn did(&mut self, step: StepId, until: Moment) {
        self.done[step.index()] = until.max(OVER);
    }

    /// What it did in a step is no longer valid.
    pub fn ends(&mut self, step: StepId) {
        self.done[step.index()] = OVER;
    }

    /// The number that it has extracted.
    pub fn number_of(&self, variable: VariableId) -> Option<f64> {
        self.variables.get(variable.index())?.number()
    }

    /// Remembers what was found in an answer.
    pub fn keep(&mut self, extracted: Extracted) {
        for (variable, value) in extracted.0 {
            self.variables[variable.index()] = value;
            self.is_known[variable.index()] = true;
        }
    }

    /// It is told a value, rather than finding it in an answer.
    pub fn is_told(&mut self, variable: VariableId) {
        self.is_known[variable.index()] = true;
    }

    /// Forgets what an iteration has to find anew.
    pub fn forget(&mut self, variables: &[VariableId]) {
        for variable in variables {
            self.variables[variable.index()] = Value::default();
            self.is_known[variable.index()] = false;
        }
    }

    /// Whether one of these was not found.
    pub fn lacks(&self, variables: &[VariableId]) -> bool {
        variables.iter().any(|variable| !self.is_known[variable.index()])
    }

    /// Values of its cookies that are long enough to be secrets.
    pub fn cookies(&self) -> Vec<String> {
        let values = self.jar.iter().flat_map(|jar| jar.values());
        values.filter(|value| value.len() >= SECRET).map(str::to_owned).collect()
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
    /// What a new user knows.
    variables: Vec<Value>,
    is_known: Vec<bool>,
    steps: usize,
    /// Whether some flow keeps cookies.
    has_cookies: bool,
    /// Whether cookies outlive an iteration for which any idle user is taken: where somebody logs
    /// in once and for all.
    keeps_cookies: bool,
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
            variables: vec![Value::default(); scenario.variables.len()],
            is_known: vec![false; scenario.variables.len()],
            steps: scenario.steps.len(),
            has_cookies: scenario.flows.iter().any(|flow| flow.cookies),
            keeps_cookies: scenario.steps.iter().any(|step| step.once),
            next_number: from + u64::from(slot.index) + 1,
            stride: u64::from(slot.of),
            most,
        }
    }

    /// The same, all of whom know some values from the beginning.
    #[must_use]
    pub fn knowing(mut self, given: &[(VariableId, Value)]) -> Users {
        for (variable, value) in given {
            self.variables[variable.index()] = value.clone();
            self.is_known[variable.index()] = true;
        }
        self
    }

    /// A user of the first pool for an iteration; `None` when all that are allowed are busy.
    pub fn take(&mut self) -> Option<UserId> {
        self.take_of(0)
    }

    /// A user of a pool. Where no more are allowed, one that is idle in another pool leaves that
    /// and is somebody new in this one.
    pub fn take_of(&mut self, pool: u32) -> Option<UserId> {
        let idle = match pool {
            0 => self.idle.pop(),
            STRANGERS => None,
            pool => self.pools.get_mut(pool as usize - 1).and_then(Vec::pop),
        };
        let found = idle.or_else(|| (self.all.len() < self.most).then(|| self.create()));
        let user = found.or_else(|| self.one_of_another())?;
        if !self.keeps_cookies
            && let Some(jar) = &mut self[user].jar
        {
            jar.clear();
        }
        Some(user)
    }

    /// One that is idle in whichever pool forgets who it was.
    fn one_of_another(&mut self) -> Option<UserId> {
        let pools = std::iter::once(&mut self.idle).chain(&mut self.pools);
        let found = pools.into_iter().find_map(Vec::pop)?;
        let user = &mut self.all[found.0 as usize];
        user.variables.clone_from(&self.variables);
        user.is_known.clone_from(&self.is_known);
        user.done.fill(Moment(0));
        if let Some(jar) = &mut user.jar {
            jar.clear();
        }
        Some(found)
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
            variables: self.variables.clone(),
            is_known: self.is_known.clone(),
            done: vec![Moment(0); self.steps],
            jar: self.has_cookies.then(Box::default),
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
        let (all, idle, pools) = (Vec::new(), Vec::new(), Vec::new());
        let (has_cookies, keeps_cookies) = (true, false);
        let (variables, is_known) = (vec![Value::default()], vec![false]);
        let (steps, next_number, stride) = (1, 2, 3);
        Users {
            all,
            idle,
            pools,
            variables,
            is_known,
            steps,
            has_cookies,
            keeps_cookies,
            next_number,
            stride,
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
        users[second].did(StepId(0), Moment(u64::MAX));
        users.give_back(first);
        users.give_back(second);
        let again = users.take().unwrap();
        assert_eq!(again, second);
        let has_done = |user: UserId| users[user].has_done(StepId(0), Moment(7));
        assert!(has_done(again) && !has_done(first));
    }

    #[test]
    fn a_user_stays_in_its_pool_until_there_is_no_room_for_another_one() {
        let mut users = Users::for_tests(2);
        let (first, second) = (users.take_of(3).unwrap(), users.take_of(0).unwrap());
        users[first].did(StepId(0), Moment(9));
        assert_eq!(users.take_of(3), None, "both are busy");
        users.give_back_of(3, first);
        users.give_back_of(0, second);
        let again = users.take_of(3).unwrap();
        assert!(again == first && users[again].has_done(StepId(0), Moment(7)));
        users.give_back_of(3, again);
        let taken = [users.take_of(0).unwrap(), users.take_of(0).unwrap()];
        assert_eq!(taken, [second, first]);
        assert!(!users[first].has_done(StepId(0), Moment(7)), "it is somebody new");
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
