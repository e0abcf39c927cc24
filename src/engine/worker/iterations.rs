//! A worker's iterations: from the arrival through the actions of a flow to the end.

use crate::engine::answer::{Answer, conclude};
use crate::engine::exchange::Exchange;
use crate::engine::iteration::{Iteration, Place};
use crate::engine::timers::Wait;
use crate::engine::worker::Worker;
use crate::engine::worker::patience::is_followed_at_once;
use crate::record::outcome::Outcome;
use crate::scenario::model::{Action, StepId};
use crate::schedule::{Arrival, Choices};
use crate::units::Moment;

/// What an iteration does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Ask(StepId),
    Think(u64),
    End,
}

impl Worker {
    /// Starts an iteration, or records why it could not be started.
    pub(super) fn start(&mut self, arrival: Arrival) {
        let mut choices = Choices::new(self.plan.scenario.load.seed, arrival.index);
        let flow = self.pick_flow(&mut choices);
        let Some(user) = self.users.take() else { return self.refuse(flow, arrival.at) };
        self.ledger.totals.iterations += 1;
        let iteration = self.iterations.insert(Iteration {
            user,
            flow,
            next: 0,
            number: arrival.index + 1,
            drawn_from: choices.clone(),
            choices,
            due: arrival.at,
            ticket: 0,
            place: Place::Thinking,
            exchange: Exchange::new(StepId(0), arrival.at, 0, arrival.at),
            is_hurried: false,
        });
        self.proceed(iteration);
    }

    /// The flow that an iteration walks through, by its weight.
    fn pick_flow(&self, choices: &mut Choices) -> usize {
        let flows = &self.plan.scenario.flows;
        let total: u64 = flows.iter().map(|flow| u64::from(flow.weight)).sum();
        let mut place = (choices.unit() * total as f64) as u64;
        for (index, flow) in flows.iter().enumerate() {
            let weight = u64::from(flow.weight);
            if place < weight {
                return index;
            }
            place -= weight;
        }
        flows.len() - 1
    }

    /// All allowed users are busy: the iteration's first request was due and is not sent.
    fn refuse(&mut self, flow: usize, due: Moment) {
        let Some(step) = self.first_step(flow) else { return };
        self.ledger.planned(step, due);
        let now = self.clock.now();
        let mut exchange = Exchange::new(step, due, self.limit(step), now);
        exchange.ends(now, 0);
        let (ending, _) = conclude(self.plan.scenario.step(step), &Answer::NoUser);
        self.ledger.ended(exchange.sample(ending));
    }

    fn first_step(&self, flow: usize) -> Option<StepId> {
        let actions = &self.plan.scenario.flows[flow].actions;
        actions.iter().find_map(|action| match action {
            Action::Request(step) => Some(*step),
            Action::Think { .. } => None,
        })
    }

    /// The schedule is over and an iteration was not started: its first request was due and
    /// is not sent.
    pub(super) fn miss(&mut self, arrival: Arrival, now: Moment) {
        let mut choices = Choices::new(self.plan.scenario.load.seed, arrival.index);
        let flow = self.pick_flow(&mut choices);
        let Some(step) = self.first_step(flow) else { return };
        let limit = self.limit(step);
        self.ledger.missed(step, arrival.at, now.since(arrival.at), limit);
    }

    /// A step's time limit, in nanoseconds.
    fn limit(&self, step: StepId) -> u64 {
        self.plan.scenario.step(step).timeout.as_nanos() as u64
    }

    /// Does the next action of an iteration.
    pub(super) fn proceed(&mut self, iteration: usize) {
        match self.next_action(iteration) {
            Next::Ask(step) => self.ask(iteration, step),
            Next::Think(length) => self.think(iteration, length),
            Next::End => self.end(iteration, true),
        }
    }

    /// Passes over what this user has done once and for all.
    fn next_action(&mut self, key: usize) -> Next {
        let scenario = &self.plan.scenario;
        let iteration = &mut self.iterations[key];
        while let Some(action) = scenario.flows[iteration.flow].actions.get(iteration.next) {
            iteration.next += 1;
            match action {
                Action::Think { shortest, longest } => {
                    let range = longest.saturating_sub(*shortest).as_nanos() as f64;
                    let extra = (iteration.choices.unit() * range) as u64;
                    return Next::Think(shortest.as_nanos() as u64 + extra);
                }
                Action::Request(step)
                    if scenario.step(*step).once && self.users[iteration.user].has_done(*step) => {}
                Action::Request(step) => return Next::Ask(*step),
            }
        }
        Next::End
    }

    fn think(&mut self, key: usize, length: u64) {
        let ticket = self.ticket();
        let iteration = &mut self.iterations[key];
        iteration.due = Moment(iteration.due.0.saturating_add(length));
        iteration.ticket = ticket;
        iteration.place = Place::Thinking;
        let at = iteration.due;
        if self.is_over(at) {
            return self.end(key, false);
        }
        self.timers.set(Wait { at, iteration: key, ticket });
    }

    /// Thinking is over.
    pub(super) fn wake(&mut self, wait: Wait) {
        let is_waiting = self
            .iterations
            .get(wait.iteration)
            .is_some_and(|iteration| iteration.ticket == wait.ticket);
        if is_waiting {
            self.proceed(wait.iteration);
        }
    }

    /// Whether nothing more may be sent.
    fn is_over(&self, due: Moment) -> bool {
        self.closing || due >= self.end
    }

    fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    /// A request is due: counts it, and looks for a connection.
    fn ask(&mut self, key: usize, step: StepId) {
        let due = self.iterations[key].due;
        if self.is_over(due) {
            return self.end(key, false);
        }
        self.ledger.planned(step, due);
        let (ticket, begun) = (self.ticket(), self.seen);
        let exchange = Exchange::new(step, due, self.limit(step), begun);
        let at = exchange.deadline();
        let iteration = &mut self.iterations[key];
        iteration.ticket = ticket;
        iteration.drawn_from = iteration.choices.clone();
        iteration.exchange = exchange;
        let flow = &self.plan.scenario.flows[iteration.flow];
        if is_followed_at_once(flow, iteration.next) | self.patience.asks(step) {
            self.hurry(key);
        }
        let iterations = &self.iterations;
        let is_stale = |wait: &Wait| {
            iterations.get(wait.iteration).is_none_or(|iteration| iteration.ticket != wait.ticket)
        };
        self.limits.forget(step, is_stale);
        self.limits.set(step, Wait { at, iteration: key, ticket });
        self.place(key, begun);
    }

    /// The answer to an iteration's request has to be read at once.
    pub(super) fn hurry(&mut self, key: usize) {
        if !std::mem::replace(&mut self.iterations[key].is_hurried, true) {
            self.patience.hurry();
        }
    }

    /// An exchange has ended: counts it, keeps what the step extracts, and goes on.
    pub(super) fn finish(&mut self, key: usize, answer: &Answer<'_>) {
        let iteration = &mut self.iterations[key];
        let step = self.plan.scenario.step(iteration.exchange.step);
        let (ending, extracted) = conclude(step, answer);
        let sample = iteration.exchange.sample(ending);
        if std::mem::take(&mut iteration.is_hurried) {
            self.patience.calm();
        }
        self.users[iteration.user].keep(extracted);
        iteration.due = sample.ended.max(iteration.due);
        iteration.ticket = 0;
        self.ledger.ended(sample);
        if sample.outcome != Outcome::Ok {
            self.testify(key, &sample);
            return self.end(key, false);
        }
        if step.once {
            self.users[iteration.user].did(sample.step);
        }
        self.proceed(key);
    }

    /// The iteration is over.
    fn end(&mut self, key: usize, completed: bool) {
        let iteration = self.iterations.remove(key);
        self.ledger.totals.completed += u64::from(completed);
        self.users.give_back(iteration.user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ledger::Batch;
    use crate::engine::worker::scene::Scene;

    #[test]
    fn what_was_due_and_not_started_when_the_schedule_is_over_is_unsent() {
        let mut worker = Scene::asking("GET /").worker;
        let far = worker.clock.now().0 + 3_600_000_000_000;
        let due = [(0, 0), (1, 5), (2, far)];
        let arrivals = due.map(|(index, at)| Arrival { index, at: Moment(at) });
        worker.start_closing(&mut arrivals.into_iter().peekable());
        let mut batch = Batch::default();
        worker.ledger.take(&mut batch);
        assert_eq!(batch.due.len(), 1, "the last one was never due");
        let missed = batch.due[0].missed;
        assert_eq!((batch.due[0].planned, batch.due[0].sent, missed.count), (2, 0, 2));
        assert!(missed.lag > 0 && missed.limit > 0);
        assert!(batch.samples.is_empty());
    }
}
