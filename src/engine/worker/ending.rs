//! Exchanges that end otherwise than by a whole answer.

use crate::engine::answer::Answer;
use crate::engine::connection::ConnectionKey;
use crate::engine::iteration::Activity;
use crate::engine::pool::Slot;
use crate::engine::timers::Wait;
use crate::engine::worker::Worker;
use crate::units::Moment;

impl Worker {
    /// A connection broke, or is of no more use.
    pub(super) fn break_off(&mut self, key: ConnectionKey, answer: &Answer<'_>) {
        let Some(connection) = self.pool.find(key) else { return };
        let Some(iteration) = connection.protocol.under_way() else { return self.pool.close(key) };
        let now = self.clock.now();
        self.detach(key, iteration, now);
        self.pool.close(key);
        self.serve_queue();
        self.finish(iteration, answer);
    }

    /// A request's time limit has passed. Its answer may have come in time and not have been
    /// read because the worker stood still; the kernel's stamp tells.
    pub(super) fn give_up(&mut self, wait: Wait) {
        if let Some(Activity::On(key)) = self.activity_of(wait)
            && self.is_served_by(key, wait.iteration)
        {
            self.read(key, false);
        }
        match self.activity_of(wait) {
            Some(Activity::On(key)) if self.is_served_by(key, wait.iteration) => {
                self.give_up_on(key, wait.iteration);
            }
            Some(Activity::On(key)) => self.give_up_connecting(key, wait.iteration),
            Some(Activity::Queued | Activity::Thinking) => {
                self.fail(wait.iteration, &Answer::NoConnection);
            }
            None => {}
        }
    }

    /// Where an iteration is, if it is still at this wait.
    fn activity_of(&self, wait: Wait) -> Option<Activity> {
        let iteration = self
            .iterations
            .get(wait.iteration)
            .filter(|iteration| iteration.ticket == wait.ticket)?;
        Some(iteration.activity)
    }

    fn is_served_by(&mut self, key: ConnectionKey, iteration: usize) -> bool {
        let connection = self.pool.find(key);
        connection.is_some_and(|found| found.protocol.under_way() == Some(iteration))
    }

    /// Whether the connection has to go with the exchange is its protocol's affair.
    fn give_up_on(&mut self, key: ConnectionKey, iteration: usize) {
        let now = self.clock.now();
        self.detach(key, iteration, now);
        if self.pool.find(key).is_some_and(|found| found.protocol.outlives_giving_up()) {
            self.pool.give_back(Slot { on: key }, now);
        } else {
            self.pool.close(key);
        }
        self.serve_queue();
        self.finish(iteration, &Answer::NotInTime);
    }

    fn give_up_connecting(&mut self, key: ConnectionKey, iteration: usize) {
        let now = self.clock.now();
        self.stop_clock(iteration, now);
        self.pool.close(key);
        self.serve_queue();
        self.finish(iteration, &Answer::NotConnectedInTime);
    }

    /// An exchange ends without a connection.
    pub(super) fn fail(&mut self, iteration: usize, answer: &Answer<'_>) {
        let now = self.clock.now();
        self.stop_clock(iteration, now);
        self.finish(iteration, answer);
    }

    /// Takes an exchange off its connection, with what has come of its answer.
    fn detach(&mut self, key: ConnectionKey, iteration: usize, now: Moment) {
        if let Some(connection) = self.pool.find(key) {
            let mut reply = connection.protocol.take(iteration);
            self.iterations[iteration].exchange.takes(&mut reply);
        }
        self.stop_clock(iteration, now);
    }

    fn stop_clock(&mut self, iteration: usize, now: Moment) {
        self.iterations[iteration].exchange.ends(now, self.lateness.felt(now));
    }
}
