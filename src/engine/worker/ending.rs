//! Exchanges that end otherwise than by a whole answer.

use crate::engine::answer::Answer;
use crate::engine::connection::ConnectionKey;
use crate::engine::iteration::Activity;
use crate::engine::pool::Slot;
use crate::engine::timers::Wait;
use crate::engine::worker::Worker;
use crate::units::Moment;

impl Worker {
    /// Whether all that was in flight has ended, or has had its time.
    pub(super) fn is_done(&self) -> bool {
        self.iterations.is_empty() || self.is_drained() || self.plan.lease.has_run_out(self.seen)
    }

    /// A connection broke, or is of no more use: all that was under way on it has ended.
    pub(super) fn break_off(&mut self, key: ConnectionKey, answer: &Answer<'_>) {
        let Some(mut connection) = self.pool.remove(key) else { return };
        let now = self.clock.now();
        self.serve_queue();
        while let Some(iteration) = connection.protocol.under_way() {
            let mut reply = connection.protocol.take(iteration);
            self.iterations[iteration].exchange.takes(&mut reply);
            self.stop_clock(iteration, now);
            self.finish(iteration, answer);
        }
    }

    /// An exchange ends on its connection, which may serve on.
    pub(super) fn end_on(&mut self, key: ConnectionKey, iteration: usize, answer: &Answer<'_>) {
        let now = self.clock.now();
        self.detach(key, iteration, now);
        self.leave(key, now);
        self.serve_queue();
        self.finish(iteration, answer);
    }

    /// The target has not begun with a request and will not: it is sent once more, as if it had
    /// met nobody.
    pub(super) fn refused(&mut self, key: ConnectionKey, iteration: usize) {
        if self.iterations[iteration].exchange.is_repeat {
            return self.end_on(key, iteration, &Answer::Refused);
        }
        let now = self.clock.now();
        if let Some(connection) = self.pool.find(key) {
            connection.protocol.take(iteration);
        }
        self.leave(key, now);
        self.iterations[iteration].exchange.repeats();
        self.assign(iteration, now);
    }

    /// An exchange has left its connection otherwise than by a whole answer. Whether the
    /// connection has to go with it is its protocol's affair.
    pub(super) fn leave(&mut self, key: ConnectionKey, now: Moment) {
        self.write(key);
        let Some(connection) = self.pool.find(key) else { return };
        let serves_on = connection.protocol.outlives_giving_up() && connection.may_go_on();
        if serves_on {
            self.pool.give_back(Slot { on: key }, now);
        } else if !connection.is_busy() {
            self.pool.close(key);
        }
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
            Some(Activity::Queued) if self.pool.is_held_back() => {
                self.fail(wait.iteration, &Answer::NotConnectedInTime);
            }
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
        connection.is_some_and(|found| found.protocol.serves(iteration))
    }

    /// A connection that has said nothing since the request went out may be dead: nothing more
    /// is sent there.
    fn give_up_on(&mut self, key: ConnectionKey, iteration: usize) {
        if self.stream_only_closes(key, iteration) {
            return;
        }
        let sent = self.iterations[iteration].exchange.sent();
        if let Some(connection) = self.pool.find(key)
            && sent.is_some_and(|sent| connection.drained < sent)
        {
            connection.protocol.retire();
        }
        self.end_on(key, iteration, &Answer::NotInTime);
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
