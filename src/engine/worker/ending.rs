//! Requests that end otherwise than by an answer, and the sample of one that a connection
//! serves.

use crate::engine::answer::Answer;
use crate::engine::connection::{ConnectionKey, State};
use crate::engine::iteration::Place;
use crate::engine::timers::Wait;
use crate::engine::worker::Worker;
use crate::record::sample::Sample;
use crate::units::Moment;

impl Worker {
    /// A connection broke while it served a request.
    pub(super) fn break_off(&mut self, key: ConnectionKey, answer: &Answer<'_>) {
        let Some(connection) = self.connections.find(key) else { return };
        let State::Busy(iteration) = connection.state else { return self.connections.close(key) };
        let sample = self.sample(key, iteration, self.clock.now());
        self.connections.close(key);
        self.serve_queue();
        self.finish(iteration, sample, answer);
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
            Some(Place::On(key)) => self.give_up_on(key, wait.iteration),
            Some(Place::Queued | Place::Thinking) => {
                self.fail(wait.iteration, &Answer::NoConnection);
            }
            None => {}
        }
    }

    /// Where an iteration is, if it is still at this wait.
    fn place_of(&self, wait: Wait) -> Option<Place> {
        let iteration = self
            .iterations
            .get(wait.iteration)
            .filter(|iteration| iteration.ticket == wait.ticket)?;
        Some(iteration.place)
    }

    fn give_up_on(&mut self, key: ConnectionKey, iteration: usize) {
        let state = self.connections.find(key).map(|connection| connection.state);
        let now = self.clock.now();
        let (sample, answer) = match state {
            Some(State::Busy(_)) => (self.sample(key, iteration, now), Answer::NotInTime),
            Some(State::Connecting(..) | State::Idle(_)) | None => {
                (self.sample_without_connection(iteration, now), Answer::NotConnectedInTime)
            }
        };
        self.connections.close(key);
        self.serve_queue();
        self.finish(iteration, sample, &answer);
    }

    /// A request ends without a connection.
    pub(super) fn fail(&mut self, iteration: usize, answer: &Answer<'_>) {
        let sample = self.sample_without_connection(iteration, self.clock.now());
        self.finish(iteration, sample, answer);
    }

    /// The measurement of the request that a connection serves.
    pub(super) fn sample(&mut self, key: ConnectionKey, iteration: usize, ended: Moment) -> Sample {
        let Some(connection) = self.connections.find(key) else {
            return self.sample_without_connection(iteration, ended);
        };
        let times = connection.times;
        let (status, body_bytes) = (connection.response.status(), connection.response.body_bytes());
        self.witness.take_over(self.iterations[iteration].ticket, &mut connection.heard);
        let write_lag = times.sent.map_or(0, |sent| sent.since(times.ready));
        let without = self.sample_without_connection(iteration, ended);
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
