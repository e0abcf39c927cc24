//! A worker's iterations: from the arrival through the actions of a flow to the end.

use crate::engine::answer::{Answer, conclude};
use crate::engine::iteration::{Attempt, Iteration, Place};
use crate::engine::timers::Wait;
use crate::engine::worker::Worker;
use crate::engine::worker::patience::is_followed_at_once;
use crate::record::outcome::{Cause, Outcome};
use crate::record::sample::Sample;
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
        let attempt = Attempt {
            step: StepId(0),
            begun: arrival.at,
            was_sent: false,
            is_repeat: false,
            connect: None,
            choices: choices.clone(),
            is_hurried: false,
        };
        let iteration = self.iterations.insert(Iteration {
            user,
            flow,
            next: 0,
            number: arrival.index + 1,
            choices,
            due: arrival.at,
            ticket: 0,
            place: Place::Thinking,
            attempt,
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
        let (ending, _) = conclude(self.plan.scenario.step(step), &Answer::NoUser);
        let mut sample = self.unsent(step, due, now);
        (sample.outcome, sample.cause) = ending;
        self.ledger.ended(sample);
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
        let limit = self.plan.scenario.step(step).timeout.as_nanos() as u64;
        self.ledger.missed(step, arrival.at, now.since(arrival.at), limit);
    }

    fn unsent(&self, step: StepId, due: Moment, now: Moment) -> Sample {
        let send_lag = now.since(due);
        Sample {
            step,
            intended: due,
            sent: None,
            first_byte: None,
            ended: now,
            send_lag,
            held: send_lag,
            receive_lag: None,
            connect: None,
            outcome: Outcome::Unsent,
            cause: None,
            status: None,
            body_bytes: 0,
            repeated: false,
            limit: self.plan.scenario.step(step).timeout.as_nanos() as u64,
        }
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
        let iteration = &mut self.iterations[key];
        iteration.ticket = ticket;
        let choices = iteration.choices.clone();
        iteration.attempt = Attempt {
            step,
            begun,
            was_sent: false,
            is_repeat: false,
            connect: None,
            choices,
            is_hurried: false,
        };
        let flow = &self.plan.scenario.flows[iteration.flow];
        if is_followed_at_once(flow, iteration.next) | self.patience.asks(step) {
            self.hurry(key);
        }
        let limit = self.plan.scenario.step(step).timeout.as_nanos() as u64;
        let at = Moment(due.0.saturating_add(limit));
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
        if !std::mem::replace(&mut self.iterations[key].attempt.is_hurried, true) {
            self.patience.hurry();
        }
    }

    /// A request has ended: counts it, keeps what the step extracts, and goes on.
    pub(super) fn finish(&mut self, key: usize, mut sample: Sample, answer: &Answer<'_>) {
        let step = self.plan.scenario.step(sample.step);
        let (ending, extracted) = conclude(step, answer);
        (sample.outcome, sample.cause) = ending;
        if sample.outcome == Outcome::Timeout {
            // It was given up at its limit, whenever that was noticed.
            let limit = Moment(sample.intended.0.saturating_add(sample.limit));
            sample.ended = sample.ended.min(limit);
        }
        if matches!(sample.cause, Some(Cause::Descriptors | Cause::Ports)) {
            // What the generator lacked it would have sent, and nobody knows how fast.
            sample.held = u64::MAX;
        }
        let iteration = &mut self.iterations[key];
        if std::mem::take(&mut iteration.attempt.is_hurried) {
            self.patience.calm();
        }
        self.users[iteration.user].keep(extracted);
        iteration.due = sample.ended.max(iteration.due);
        let ticket = std::mem::take(&mut iteration.ticket);
        self.ledger.ended(sample);
        if sample.outcome != Outcome::Ok {
            self.testify(key, ticket, &sample);
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

    /// As much of a sample as is known without the connection.
    pub(super) fn sample_without_connection(&self, key: usize, ended: Moment) -> Sample {
        let iteration = &self.iterations[key];
        let send_lag = iteration.attempt.begun.since(iteration.due);
        Sample {
            send_lag,
            // It may have been connected, or free to go, while the worker stood still.
            held: send_lag.max(self.lateness.felt(ended)),
            connect: iteration.attempt.connect,
            repeated: iteration.attempt.is_repeat,
            ..self.unsent(iteration.attempt.step, iteration.due, ended)
        }
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
