//! Requests that end otherwise than by an answer, and the sample of one that a connection
//! serves.

use crate::engine::classify::Ending;
use crate::engine::connection::{ConnectionKey, State};
use crate::engine::due::Wait;
use crate::engine::extract::Body;
use crate::engine::walk::Place;
use crate::engine::worker::Worker;
use crate::record::outcome::{Cause, Outcome};
use crate::record::sample::Sample;

impl Worker {
    /// A connection broke while it served a request.
    pub(super) fn break_off(&mut self, key: ConnectionKey, cause: Cause) {
        let Some(connection) = self.connections.find(key) else { return };
        let State::Busy(walk) = connection.state else { return self.connections.close(key) };
        let sample = self.sample(key, walk, (Outcome::TransportError, Some(cause)));
        self.connections.close(key);
        self.serve_queue();
        self.finish(walk, sample, Body::default());
    }

    /// A request's time limit has passed. Its answer may have come in time and not have been
    /// read because the worker stood still; the kernel's stamp tells.
    pub(super) fn give_up(&mut self, wait: Wait) {
        if let Some(Place::On(key)) = self.place_of(wait)
            && self.connections.find(key).is_some_and(|c| matches!(c.state, State::Busy(_)))
        {
            self.read(key, false);
        }
        match self.place_of(wait) {
            Some(Place::On(key)) => self.give_up_on(key, wait.walk),
            Some(Place::Queued | Place::Thinking) => {
                self.fail(wait.walk, (Outcome::Unsent, Some(Cause::ConnectionLimit)));
            }
            None => {}
        }
    }

    /// Where a walk is, if it is still at this wait.
    fn place_of(&self, wait: Wait) -> Option<Place> {
        let walk = self.walks.get(wait.walk).filter(|walk| walk.ticket == wait.ticket)?;
        Some(walk.place)
    }

    fn give_up_on(&mut self, key: ConnectionKey, walk: usize) {
        let state = self.connections.find(key).map(|connection| connection.state);
        let sample = match state {
            Some(State::Busy(_)) => self.sample(key, walk, (Outcome::Timeout, None)),
            _ => self.sample_without_connection(walk, (Outcome::Timeout, Some(Cause::Unreachable))),
        };
        self.connections.close(key);
        self.serve_queue();
        self.finish(walk, sample, Body::default());
    }

    /// A request ends without a connection.
    pub(super) fn fail(&mut self, walk: usize, ending: Ending) {
        let sample = self.sample_without_connection(walk, ending);
        self.finish(walk, sample, Body::default());
    }

    /// The measurement of the request that a connection serves.
    pub(super) fn sample(&mut self, key: ConnectionKey, walk: usize, ending: Ending) -> Sample {
        let Some(connection) = self.connections.find(key) else {
            return self.sample_without_connection(walk, ending);
        };
        let times = connection.times;
        let (status, body_bytes) = (connection.response.status(), connection.response.body_bytes());
        self.witness.take_over(self.walks[walk].ticket, &mut connection.heard);
        let write_lag = times.sent.map_or(0, |sent| sent.since(times.ready));
        let is_answered = !matches!(ending.0, Outcome::Timeout | Outcome::TransportError);
        let ended = if is_answered { times.last_byte } else { self.clock.now() };
        let without = self.sample_ended(walk, ending, ended);
        Sample {
            sent: times.sent,
            first_byte: times.first_byte,
            send_lag: without.send_lag + write_lag,
            held: times.held,
            receive_lag: times.receive_lag,
            status,
            body_bytes,
            ..without
        }
    }
}
