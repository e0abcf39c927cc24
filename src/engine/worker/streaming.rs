//! Answers that are streams: looked at whenever something has come of them, and ended by the
//! worker when that is enough.
//!
//! The connection of HTTP/1.1 is closed then, the stream of HTTP/2 reset: nobody can tell a target
//! otherwise that it may stop.

use crate::engine::answer::Answer;
use crate::engine::connection::ConnectionKey;
use crate::engine::events::{End, Laps, Stream};
use crate::engine::extract::Body;
use crate::engine::timers::Wait;
use crate::engine::worker::Worker;
use crate::engine::worker::report::unix_millis;
use crate::http1::coding::Codings;
use crate::record::phase::Phase;
use crate::scenario::model::StepId;
use crate::scenario::stream::{Events, Kind};
use crate::scenario::template::Values;
use crate::units::Moment;

/// What a step awaits of a stream of events.
fn awaited(kind: &Kind) -> Option<&Events> {
    match kind {
        Kind::Answer => None,
        Kind::Events(events) => Some(events),
    }
}

impl Worker {
    /// The request for a stream has gone out.
    pub(super) fn stream_begins(&mut self, key: usize) {
        self.hurry(key);
        let iteration = &mut self.iterations[key];
        let step = self.plan.scenario.step(iteration.exchange.step);
        let Some(events) = awaited(&step.kind) else { return };
        let user = &self.users[iteration.user];
        let choices = &mut iteration.choices;
        let mut values = Values {
            variables: &user.variables,
            user: user.number,
            iteration: iteration.number,
            unix_millis: unix_millis(),
            random: &mut || choices.bits(),
        };
        iteration.exchange.stream = Some(Box::new(Stream::new(events, &mut values)));
        self.time_stream(key);
    }

    /// Something has come of a stream.
    pub(super) fn stream_goes_on(&mut self, key: ConnectionKey, iteration: usize) {
        if self.read_stream(key, iteration).is_some() {
            self.hang_up(key, iteration);
        } else {
            self.time_stream(iteration);
        }
    }

    /// Hands a stream what has come of its body; how it has ended, if it has.
    fn read_stream(&mut self, key: ConnectionKey, iteration: usize) -> Option<End> {
        let exchange = &mut self.iterations[iteration].exchange;
        let (id, intended, arrived) = (exchange.step, exchange.intended, exchange.last_byte());
        let step = self.plan.scenario.step(id);
        let so_far = self.pool.find(key)?.protocol.so_far(iteration)?;
        // The body of an answer that is none of those is not looked at.
        if !so_far.status.is_some_and(|status| step.expect.accepts(status)) {
            so_far.body.clear();
            return None;
        }
        let (events, stream) = (awaited(&step.kind)?, exchange.stream.as_mut()?);
        let laps = stream.take(events, so_far, intended, arrived);
        let end = stream.end();
        self.record_laps((id, intended), laps);
        end
    }

    fn record_laps(&mut self, of: (StepId, Moment), laps: Laps) {
        if let Some(first) = laps.first {
            self.ledger.lap(of, Phase::FirstEvent, first, 1);
        }
        if let Some(gap) = laps.gap {
            self.ledger.lap(of, Phase::EventGap, gap, 1);
        }
        self.ledger.lap(of, Phase::EventGap, 0, laps.together);
    }

    /// The target has ended the stream in good order.
    pub(super) fn stream_completes(
        &mut self,
        key: ConnectionKey,
        iteration: usize,
        is_clean: bool,
    ) {
        self.read_stream(key, iteration);
        let Some(connection) = self.pool.find(key) else { return };
        let exchange = &mut self.iterations[iteration].exchange;
        let step = self.plan.scenario.step(exchange.step);
        let status = connection.protocol.so_far(iteration).and_then(|so_far| so_far.status);
        let is_stream = status.is_some_and(|status| step.expect.accepts(status));
        if !is_stream {
            exchange.stream = None;
            return self.complete(key, iteration, is_clean);
        }
        if let (Some(stream), Some(events)) = (&mut exchange.stream, awaited(&step.kind)) {
            stream.is_ended(events);
        }
        let mut reply = connection.protocol.take(iteration);
        let ended = exchange.last_byte();
        exchange.takes(&mut reply);
        exchange.ends(ended, 0);
        self.release(key, is_clean, ended);
        self.serve_queue();
        self.finish_stream(iteration);
    }

    /// Enough has come of a stream, or what came is not as it should be: the worker ends it.
    fn hang_up(&mut self, key: ConnectionKey, iteration: usize) {
        let Some(connection) = self.pool.find(key) else { return };
        let exchange = &mut self.iterations[iteration].exchange;
        let mut reply = connection.protocol.take(iteration);
        let ended = exchange.last_byte();
        exchange.takes(&mut reply);
        exchange.ends(ended, 0);
        self.leave(key, ended);
        self.serve_queue();
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

    /// Comes back when the next event must be there, unless somebody does already.
    fn time_stream(&mut self, key: usize) {
        let iteration = &mut self.iterations[key];
        let (step, intended) = (iteration.exchange.step, iteration.exchange.intended);
        let events = awaited(&self.plan.scenario.step(step).kind);
        let Some((events, stream)) = events.zip(iteration.exchange.stream.as_mut()) else { return };
        let Some((at, _)) = stream.deadline(events, intended) else { return };
        if !std::mem::replace(&mut stream.is_timed, true) {
            self.timers.set(Wait { at, iteration: key, ticket: iteration.ticket });
        }
    }

    /// The time of an event may have passed. It may have come in time and not have been read.
    pub(super) fn stream_is_due(&mut self, key: ConnectionKey, iteration: usize) {
        let ticket = self.iterations[iteration].ticket;
        if self.iterations[iteration].exchange.stream.is_none() {
            return;
        }
        self.read(key, false);
        let now = self.clock.now();
        let Some(found) = self.iterations.get_mut(iteration) else { return };
        if found.ticket != ticket {
            return;
        }
        let (step, intended) = (found.exchange.step, found.exchange.intended);
        let events = awaited(&self.plan.scenario.step(step).kind);
        let Some((events, stream)) = events.zip(found.exchange.stream.as_mut()) else { return };
        stream.is_timed = false;
        match stream.deadline(events, intended) {
            Some((at, cause)) if at <= now => {
                stream.is_late(cause);
                self.break_stream(key, iteration, now);
            }
            _ => self.time_stream(iteration),
        }
    }

    /// Nothing has come in time.
    fn break_stream(&mut self, key: ConnectionKey, iteration: usize, now: Moment) {
        let Some(connection) = self.pool.find(key) else { return };
        let status = connection.protocol.so_far(iteration).and_then(|so_far| so_far.status);
        let exchange = &mut self.iterations[iteration].exchange;
        let step = self.plan.scenario.step(exchange.step);
        // An answer that is none of events has the step's own time.
        if status.is_some_and(|status| !step.expect.accepts(status)) {
            exchange.stream = None;
            return;
        }
        let mut reply = connection.protocol.take(iteration);
        exchange.takes(&mut reply);
        exchange.ends(now, self.lateness.felt(now));
        self.leave(key, now);
        self.serve_queue();
        self.finish_stream(iteration);
    }
}
