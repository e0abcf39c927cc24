//! What a worker's connections bring: bytes to events of exchanges, and their ends.

use crate::engine::answer::Answer;
use crate::engine::checks::Seen;
use crate::engine::connection::{ConnectionKey, StreamEnd};
use crate::engine::extract::Body;
use crate::engine::pool::Slot;
use crate::engine::protocol::reply::{Event, Fault};
use crate::engine::transport::tcp::Received;
use crate::engine::transport::tcp::is_not_yet;
use crate::engine::worker::Worker;
use crate::engine::worker::patience::Manner;
use crate::units::Moment;

impl Worker {
    /// Reads what a connection has, until an answer is whole or nothing more is there.
    pub(super) fn read(&mut self, key: ConnectionKey, is_closed: bool) {
        if !self.outbox.is_empty() {
            // No answer is read before its request has gone out.
            self.write(key);
        }
        loop {
            // What comes while this thread has no CPU, between the read and the next look at the
            // clock, was not there when it was asked for.
            let asked = self.plan.streams.map(|_| self.clock.now());
            let Some(connection) = self.pool.find(key) else { return };
            match connection.read(&mut self.room.input, &mut self.room.control) {
                Ok(received) if received.bytes == 0 => {
                    return self.stream_ended(key, self.clock.at(received.at));
                }
                Ok(received) => {
                    // Less than there was room for: all has been read, unless the end follows.
                    let room = self.room.input.len();
                    let is_all = !connection.socket.has_more(received.bytes, room) && !is_closed;
                    let is_awaited = self.receive(key, received);
                    if is_all && let Some(asked) = asked {
                        self.drained(key, asked);
                    }
                    if !is_awaited || is_all {
                        return;
                    }
                }
                Err(error) if is_not_yet(&error) => return,
                Err(error) => return self.break_off(key, &Answer::Broken(&error)),
            }
        }
    }

    /// Hands bytes that have been read to the connection's protocol. Whether more is awaited.
    fn receive(&mut self, key: ConnectionKey, received: Received) -> bool {
        let arrived = self.clock.at(received.at);
        let lag = received.lag.map(|lag| lag.as_nanos() as u64);
        self.seen = Moment(arrived.0 + lag.unwrap_or(0));
        let mut used = 0;
        let mut is_awaited = true;
        let earliest = self.turns[0];
        while let Some(connection) = self.pool.find(key) {
            let mut rest = &self.room.input[used..received.bytes];
            let steps = &self.plan.scenario.steps;
            let Some((iteration, event)) = connection.protocol.receive(&mut rest, steps) else {
                break;
            };
            used = received.bytes - rest.len();
            let exchange = &mut self.iterations[iteration].exchange;
            exchange.receives(arrived, lag);
            let is_end = matches!(event, Event::End { .. });
            if is_end && connection.protocol.is_followed() {
                exchange.may_have_ended_since(earliest.max(connection.drained));
            }
            is_awaited =
                matches!(event, Event::Head | Event::Data) || connection.protocol.is_multiplexed();
            self.take(key, iteration, event);
        }
        if self.plan.streams.is_some() {
            self.answer_back(key);
        }
        is_awaited
    }

    /// Writes what a protocol has to say to what it received, and goes on with what that changed
    /// for others.
    fn answer_back(&mut self, key: ConnectionKey) {
        self.write(key);
        let Some(connection) = self.pool.find(key) else { return };
        if !connection.may_go_on() {
            let is_busy = connection.is_busy();
            self.pool.goes(key);
            if !is_busy {
                self.pool.close(key);
            }
            return;
        }
        let now = self.seen;
        self.pool.offer(key, now);
        if !self.queue.is_empty() {
            self.serve_queue();
        }
    }

    /// All that had come on a connection at a moment has been read.
    fn drained(&mut self, key: ConnectionKey, at: Moment) {
        if let Some(connection) = self.pool.find(key) {
            connection.drained = at;
        }
    }

    /// An event of an exchange.
    fn take(&mut self, key: ConnectionKey, iteration: usize, event: Event) {
        match event {
            Event::Head | Event::Data if self.iterations[iteration].exchange.stream.is_some() => {
                self.stream_goes_on(key, iteration);
            }
            Event::Head | Event::Data => self.hurry(iteration),
            Event::End { is_clean } => self.complete(key, iteration, is_clean),
            Event::Reset(Fault::Unreadable(why)) => {
                self.end_on(key, iteration, &Answer::Unreadable(why));
            }
            Event::Reset(Fault::StreamReset) => self.end_on(key, iteration, &Answer::StreamReset),
            Event::Reset(Fault::Refused) => self.refused(key, iteration),
            Event::Reset(Fault::CutOff) if self.iterations[iteration].exchange.has_answer() => {
                self.break_off(key, &Answer::Closed);
            }
            Event::Reset(Fault::CutOff) => self.settle(key),
        }
    }

    /// The other side has ended its stream, as was read at a moment.
    fn stream_ended(&mut self, key: ConnectionKey, at: Moment) {
        let Some(connection) = self.pool.find(key) else { return };
        let Some((iteration, event)) = connection.protocol.end_of_stream() else {
            return self.pool.close(key);
        };
        if matches!(event, Event::End { .. }) {
            if connection.socket.is_cut_off() {
                return self.break_off(key, &Answer::Closed);
            }
            self.iterations[iteration].exchange.is_completed_by_close(at);
        }
        self.take(key, iteration, event);
    }

    /// An answer has been read to its end.
    pub(super) fn complete(&mut self, key: ConnectionKey, iteration: usize, is_clean: bool) {
        let Some(connection) = self.pool.find(key) else { return };
        let exchange = &mut self.iterations[iteration].exchange;
        if exchange.stream.is_some() {
            return self.stream_completes(key, iteration, is_clean);
        }
        let mut reply = connection.protocol.take(iteration);
        let manner = Manner {
            body: reply.body_bytes,
            spread: exchange.spread(),
            ends_by_close: connection.protocol.ends_by_close(),
            is_followed: !is_clean || !connection.is_reusable(),
        };
        self.patience.learn(exchange.step, manner);
        let ended = exchange.last_byte();
        exchange.ends(ended, 0);
        let (took, bytes) = (ended.since(exchange.intended), exchange.takes(&mut reply));
        let least = took.saturating_sub(exchange.lag_felt());
        let seen = Seen { head: &reply.head, size: reply.body_bytes, took, least };
        self.release(key, is_clean, ended);
        self.serve_queue();
        self.keep_cookies(iteration, &reply.head);
        let (status, scenario) = (reply.status.unwrap_or_default(), &self.plan.scenario);
        let step = scenario.step(self.iterations[iteration].exchange.step);
        // What came after the time limit is no answer, and no redirect either.
        if step.course.redirects > 0 && took <= step.timeout.as_nanos() as u64 {
            match self.redirection(iteration, status, &reply.head) {
                Some(Ok(request)) => return self.follow(iteration, request, ended),
                Some(Err(cause)) => return self.finish(iteration, &Answer::Misdirected(cause)),
                None => {}
            }
        }
        let limit = self.plan.scenario.limits.body.0;
        let body = Body { bytes: &bytes, codings: reply.codings, limit };
        self.finish(iteration, &Answer::Whole { status, body, seen });
    }

    /// Keeps or closes a connection of which a request has been answered.
    pub(super) fn release(&mut self, key: ConnectionKey, is_clean: bool, since: Moment) {
        let Some(connection) = self.pool.find(key) else { return };
        let limit = connection.protocol.idle_limit();
        let is_ended = connection.protocol.keeps_alive() && connection.end != StreamEnd::Open;
        let is_reusable = is_clean && connection.is_reusable();
        if connection.is_busy() {
            self.pool.served(key);
            return self.pool.offer(key, since);
        }
        self.pool.served(key);
        self.pool.limit_idling(limit);
        if is_reusable {
            self.pool.give_back(Slot { on: key }, since);
        } else if is_ended {
            self.pool.close_ended(key);
        } else {
            self.pool.close(key);
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::Write as _;

    use crate::engine::worker::patience::Patience;
    use crate::engine::worker::scene::{ANSWER, Scene};

    /// A worker that has had enough answers to leave the next ones unread, were they plain.
    fn after_plain_answers() -> (Scene, std::net::TcpStream) {
        let mut scene = Scene::asking("GET /");
        scene.worker.patience = Patience::new(true, 1);
        let mut other = scene.used();
        for _ in 0..8 {
            answer(&mut scene, &mut other, ANSWER);
        }
        (scene, other)
    }

    fn answer(scene: &mut Scene, other: &mut std::net::TcpStream, bytes: &[u8]) {
        scene.arrive();
        scene.read_request(other);
        other.write_all(bytes).unwrap();
        scene.until(|worker| worker.iterations.is_empty());
    }

    #[test]
    fn plain_answers_may_lie_unread() {
        let (scene, _other) = after_plain_answers();
        assert!(scene.worker.patience.is_patient());
    }

    /// Its stamp would be that of the end, or of what follows, were both read at once.
    #[test]
    fn after_an_answer_that_something_follows_the_next_ones_are_read_at_once() {
        for bytes in [
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok\r\n",
        ] {
            let (mut scene, mut other) = after_plain_answers();
            answer(&mut scene, &mut other, bytes.as_bytes());
            assert!(!scene.worker.patience.is_patient(), "{bytes}");
        }
        // A machine that stands still just then makes an end look late.
        let is_wary = (0..20).any(|_| {
            let (mut scene, other) = after_plain_answers();
            drop(other);
            scene.until(|worker| worker.pool.open() == 0);
            !scene.worker.patience.is_patient()
        });
        assert!(is_wary, "an end that nobody announced");
    }
}
