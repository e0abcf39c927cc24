//! One iteration: a virtual user walks through a flow.
//!
//! The first request is due at the arrival, every later one as soon as the one before
//! has ended and the thinking is done. The walk stops at the first request that does not
//! end ok, and at the end of the schedule.

use std::rc::Rc;
use std::time::Duration;

use serde_json::Value as Json;

use crate::engine::exchange::{Answer, Exchange};
use crate::engine::prepare::{Rendered, Unsendable};
use crate::engine::user::{MAX_VALUE, User};
use crate::engine::worker::Desk;
use crate::record::outcome::{Cause, Outcome};
use crate::record::sample::Moment;
use crate::scenario::model::{Action, Extraction, StepId};
use crate::scenario::template::{Value, Values};
use crate::schedule::{Arrival, Choices};

/// An iteration under way.
#[derive(Debug)]
pub struct Walk {
    desk: Rc<Desk>,
    iteration: u64,
    choices: Choices,
    user: User,
    /// When the next request is due.
    due: Moment,
}

/// Whether the walk goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Onward {
    Yes,
    No,
}

impl Walk {
    /// The iteration of one arrival.
    pub fn new(desk: Rc<Desk>, arrival: Arrival, choices: Choices, user: User) -> Walk {
        Walk { desk, iteration: arrival.index + 1, choices, user, due: arrival.at }
    }

    /// Walks to the end, and gives the user back.
    pub async fn run(mut self, actions: Vec<Action>) {
        let mut onward = Onward::Yes;
        for action in actions {
            onward = match action {
                Action::Think { shortest, longest } => self.think(shortest, longest).await,
                Action::Request(step) => self.request(step).await,
            };
            if onward == Onward::No {
                break;
            }
        }
        let desk = self.desk;
        desk.ledger.borrow_mut().totals.completed += u64::from(onward == Onward::Yes);
        desk.users.borrow_mut().give_back(self.user);
        if desk.closing.get() {
            desk.idle.notify_one();
        }
    }

    async fn think(&mut self, shortest: Duration, longest: Duration) -> Onward {
        let range = (longest.saturating_sub(shortest)).as_nanos() as f64;
        let thought = shortest.as_nanos() as u64 + (self.choices.unit() * range) as u64;
        self.due = Moment(self.due.0.saturating_add(thought));
        if self.is_over() {
            return Onward::No;
        }
        self.desk.alarms.wait(self.due).await;
        Onward::Yes
    }

    /// Whether nothing more may be sent.
    fn is_over(&self) -> bool {
        self.desk.closing.get() || self.due >= self.desk.end
    }

    async fn request(&mut self, id: StepId) -> Onward {
        let desk = self.desk.clone();
        let step = desk.plan.scenario.step(id);
        if step.once && self.user.has_done(id) {
            return Onward::Yes;
        }
        if self.is_over() {
            return Onward::No;
        }
        desk.ledger.borrow_mut().planned(id, self.due);
        let exchange = exchange(&desk, id, self.due);
        let answer = match self.render(id) {
            Ok(request) => exchange.run(&request).await,
            Err(Unsendable) => {
                Answer { sample: exchange.unsent(Cause::TooLarge), body: Vec::new() }
            }
        };
        self.finish(id, &answer)
    }

    fn render(&mut self, id: StepId) -> Result<Rendered, Unsendable> {
        let choices = &mut self.choices;
        let mut values = Values {
            variables: &self.user.variables,
            user: self.user.number,
            iteration: self.iteration,
            unix_millis: Desk::unix_millis(),
            random: &mut || choices.bits(),
        };
        let mut scratch = self.desk.scratch.borrow_mut();
        self.desk.prepared[id.index()].render(&mut values, &mut scratch)
    }

    /// Keeps what the step extracts, and counts the request.
    fn finish(&mut self, id: StepId, answer: &Answer) -> Onward {
        let step = self.desk.plan.scenario.step(id);
        let mut sample = answer.sample;
        if sample.outcome == Outcome::Ok && !extract(&step.extract, &answer.body, &mut self.user) {
            sample.outcome = Outcome::CheckFailed;
            sample.cause = Some(Cause::ExtractionMissing);
        }
        self.due = sample.ended.max(self.due);
        self.desk.ledger.borrow_mut().ended(sample);
        if sample.outcome != Outcome::Ok {
            return Onward::No;
        }
        if step.once {
            self.user.did(id);
        }
        Onward::Yes
    }

    /// Counts a request that was due and could not even be started.
    pub fn refuse(desk: &Desk, id: StepId, due: Moment, cause: Cause) {
        let mut ledger = desk.ledger.borrow_mut();
        ledger.planned(id, due);
        ledger.ended(exchange(desk, id, due).unsent(cause));
    }
}

fn exchange(desk: &Desk, id: StepId, intended: Moment) -> Exchange<'_> {
    Exchange {
        pool: &desk.pool,
        clock: desk.clock,
        step: desk.plan.scenario.step(id),
        id,
        intended,
        body_limit: desk.plan.scenario.limits.body.0,
    }
}

/// Keeps every value, or says that one is missing.
fn extract(wanted: &[Extraction], body: &[u8], user: &mut User) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let Ok(json) = serde_json::from_slice::<Json>(body) else { return false };
    wanted.iter().all(|extraction| {
        let found = extraction.path.query(&json).first().and_then(value);
        let is_there = found.is_some();
        if let Some(value) = found {
            user.variables[extraction.variable.index()] = value;
        }
        is_there
    })
}

fn value(json: &Json) -> Option<Value> {
    let value = match json {
        Json::String(text) => Value::Text(text.clone()),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            Value::Json(json.to_string())
        }
    };
    let (Value::Text(text) | Value::Json(text)) = &value;
    (text.len() <= MAX_VALUE).then_some(value)
}
