//! Answers that are streams: looked at whenever something has come of them, and ended by the
//! worker when that is enough.
//!
//! The connection of HTTP/1.1 is closed then, the stream of HTTP/2 reset: nobody can tell a target
//! otherwise that it may stop. A WebSocket has been closed by then.

use crate::engine::answer::Answer;
use crate::engine::connection::ConnectionKey;
use crate::engine::dialogue::Times;
use crate::engine::extract::Body;
use crate::engine::streams::Stream;
use crate::engine::timers::Wait;
use crate::engine::worker::Worker;
use crate::engine::worker::report::unix_millis;
use crate::http1::coding::Codings;
use crate::scenario::template::Values;
use crate::units::Moment;

/// What a stream's answer is so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    /// There is none.
    Nothing,
    /// It is as the step expects.
    Rightly,
    /// It is another one, which is not looked at.
    Otherwise,
}

impl Worker {
    /// The request for a stream has gone out.
    pub(super) fn stream_begins(&mut self, key: usize) {
        self.hurry(key);
        let iteration = &mut self.iterations[key];
        let step = self.plan.scenario.step(iteration.exchange.step);
        let user = &self.users[iteration.user];
        let choices = &mut iteration.choices;
        let mut values = Values {
            variables: &user.variables,
            user: user.number,
            iteration: iteration.number,
            unix_millis: unix_millis(),
            rows: self.plan.rows(),
            random: &mut || choices.bits(),
        };
        iteration.exchange.stream = Stream::new(&step.kind, &mut values).map(Box::new);
        self.time_stream(key);
    }

    /// Something has come of a stream.
    pub(super) fn stream_goes_on(&mut self, key: ConnectionKey, iteration: usize) {
        if self.read_stream(key, iteration) {
            let ended = self.iterations[iteration].exchange.last_byte();
            self.hang_up(key, iteration, ended);
        } else {
            self.time_stream(iteration);
        }
    }

    fn answered(&mut self, key: ConnectionKey, iteration: usize) -> Answered {
        let step = self.plan.scenario.step(self.iterations[iteration].exchange.step);
        let connection = self.pool.find(key);
        let so_far = connection.and_then(|connection| connection.protocol.so_far(iteration));
        match so_far.and_then(|so_far| so_far.status) {
            None => Answered::Nothing,
            Some(status) if step.expect.accepts(status) => Answered::Rightly,
            Some(_) => Answered::Otherwise,
        }
    }

    /// Lets a stream see what has come, and answer it. Whether it has ended.
    fn read_stream(&mut self, key: ConnectionKey, iteration: usize) -> bool {
        if self.answered(key, iteration) != Answered::Rightly {
            self.drop_body(key, iteration);
            return false;
        }
        let now = self.clock.now();
        let exchange = &mut self.iterations[iteration].exchange;
        let (id, series, intended) = (exchange.step, exchange.key(), exchange.intended);
        let times = Times { now, arrived: exchange.last_byte() };
        let kind = &self.plan.scenario.step(id).kind;
        let Some(connection) = self.pool.find(key) else { return false };
        let Some(stream) = &mut exchange.stream else { return false };
        let ledger = &mut self.ledger;
        let told = &mut |phase, nanos, count| ledger.lap((series, intended), phase, nanos, count);
        let on = (&mut connection.protocol, iteration);
        let late = stream.go_on(kind, on, (intended, times), told);
        let is_over = stream.end().is_some();
        exchange.said_late(late);
        if kind.is_websocket() {
            connection.write(&[]);
        }
        is_over
    }

    /// The body of an answer that is not looked at does not gather.
    fn drop_body(&mut self, key: ConnectionKey, iteration: usize) {
        let connection = self.pool.find(key);
        if let Some(so_far) = connection.and_then(|it| it.protocol.so_far(iteration)) {
            so_far.body.clear();
        }
    }

    /// The target has ended the stream in good order.
    pub(super) fn stream_completes(
        &mut self,
        key: ConnectionKey,
        iteration: usize,
        is_clean: bool,
    ) {
        self.read_stream(key, iteration);
        let is_stream = self.answered(key, iteration) == Answered::Rightly;
        let exchange = &mut self.iterations[iteration].exchange;
        if !is_stream {
            exchange.stream = None;
            return self.complete(key, iteration, is_clean);
        }
        let Some(connection) = self.pool.find(key) else { return };
        if let Some(stream) = &mut exchange.stream {
            stream.is_ended(&self.plan.scenario.step(exchange.step).kind);
        }
        let mut reply = connection.protocol.take(iteration);
        let ended = exchange.last_byte();
        exchange.takes(&mut reply);
        exchange.ends(ended, 0);
        self.release(key, is_clean, ended);
        self.serve_queue();
        self.keep_cookies(iteration, &reply.head);
        self.finish_stream(iteration);
    }

    /// Enough has come of a stream, or what came is not as it should be: the worker ends it.
    fn hang_up(&mut self, key: ConnectionKey, iteration: usize, ended: Moment) {
        let Some(connection) = self.pool.find(key) else { return };
        let exchange = &mut self.iterations[iteration].exchange;
        let mut reply = connection.protocol.take(iteration);
        exchange.takes(&mut reply);
        exchange.ends(ended, self.lateness.felt(ended));
        self.leave(key, ended);
        self.serve_queue();
        self.keep_cookies(iteration, &reply.head);
        self.finish_stream(iteration);
    }

    fn finish_stream(&mut self, iteration: usize) {
        let exchange = &mut self.iterations[iteration].exchange;
        let Some(stream) = exchange.stream.take() else { return };
        let took = exchange.ended.since(exchange.intended);
        let limit = self.plan.scenario.limits.body.0;
        let data = Body { bytes: stream.data(), codings: Codings::default(), limit };
        let end = stream.end().unwrap_or(Ok(()));
        self.finish(iteration, &Answer::Streamed { end, data, took });
    }

    /// Comes back when something must be there or is to be done, unless somebody does already.
    fn time_stream(&mut self, key: usize) {
        let iteration = &mut self.iterations[key];
        let exchange = &mut iteration.exchange;
        let kind = &self.plan.scenario.step(exchange.step).kind;
        let Some(stream) = &mut exchange.stream else { return };
        let Some(at) = stream.deadline(kind, exchange.intended) else { return };
        if stream.timed.is_none_or(|timed| at < timed) {
            stream.timed = Some(at);
            self.timers.set(Wait { at, iteration: key, ticket: iteration.ticket });
        }
    }

    /// Nothing more is due: who thinks goes home; a stream goes on, and its times with it.
    pub(super) fn wake_all_but_streams(&mut self) {
        let mut of_streams = Vec::new();
        while let Some(wait) = self.timers.take(Moment(u64::MAX)) {
            if self.is_of_stream(wait) {
                of_streams.push(wait);
            } else {
                self.wake(wait);
            }
        }
        for wait in of_streams {
            self.timers.set(wait);
        }
    }

    /// Whether a moment is one of a stream that is under way.
    fn is_of_stream(&self, wait: Wait) -> bool {
        self.iterations.get(wait.iteration).is_some_and(|iteration| {
            iteration.ticket == wait.ticket && iteration.exchange.stream.is_some()
        })
    }

    /// A time of a stream may have passed. What was to come may be there, and not have been read.
    pub(super) fn stream_is_due(&mut self, key: ConnectionKey, iteration: usize) {
        let ticket = self.iterations[iteration].ticket;
        if self.iterations[iteration].exchange.stream.is_none() {
            return;
        }
        self.read(key, false);
        let now = self.clock.now();
        let found = self.iterations.get_mut(iteration).filter(|found| found.ticket == ticket);
        let Some(exchange) = found.map(|found| &mut found.exchange) else { return };
        let kind = &self.plan.scenario.step(exchange.step).kind;
        let Some(stream) = &mut exchange.stream else { return };
        stream.timed = stream.timed.filter(|timed| *timed > now);
        if stream.deadline(kind, exchange.intended).is_none_or(|at| at > now) {
            return self.time_stream(iteration);
        }
        self.stream_is_over_due(key, iteration, now);
    }

    /// The step's time has passed for a WebSocket over which all has been said, and which only the
    /// target has not closed: it is over, and as it should be.
    pub(super) fn stream_only_closes(&mut self, key: ConnectionKey, iteration: usize) -> bool {
        let exchange = &mut self.iterations[iteration].exchange;
        let Some(stream) = exchange.stream.as_mut().filter(|stream| stream.only_closes()) else {
            return false;
        };
        stream.is_due(&self.plan.scenario.step(exchange.step).kind);
        let ended = exchange.deadline();
        self.hang_up(key, iteration, ended);
        true
    }

    /// It has passed, and nothing has come.
    fn stream_is_over_due(&mut self, key: ConnectionKey, iteration: usize, now: Moment) {
        // Another answer than the step expects has the step's own time.
        let is_other = self.answered(key, iteration) == Answered::Otherwise;
        let exchange = &mut self.iterations[iteration].exchange;
        if is_other {
            exchange.stream = None;
            return;
        }
        let Some(stream) = &mut exchange.stream else { return };
        stream.is_due(&self.plan.scenario.step(exchange.step).kind);
        if stream.end().is_some() || self.read_stream(key, iteration) {
            self.hang_up(key, iteration, now);
        } else {
            self.time_stream(iteration);
        }
    }
}
