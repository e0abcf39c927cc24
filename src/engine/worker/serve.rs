//! A worker's connections: finds one for each request, writes, reads, and closes.
//!
//! What met the end of its connection instead of an answer is settled in `unanswered`.

use std::io;

use crate::engine::answer::Answer;
use crate::engine::connection::{Connection, ConnectionKey, State, StreamEnd};
use crate::engine::extract::Body;
use crate::engine::iteration::Place;
use crate::engine::poller::Ready;
use crate::engine::request::{Prepared, Unsendable};
use crate::engine::socket::{Received, Socket};
use crate::engine::worker::Worker;
use crate::engine::worker::patience::{Manner, SOON};
use crate::http1::response::{Expected, Fed};
use crate::http1::unreadable::Unreadable;
use crate::scenario::template::Values;
use crate::units::Moment;

/// What reading a connection came to.
enum Reading {
    /// Nothing more for now.
    Waiting,
    /// The response is complete, and whether bytes followed it.
    Complete { is_clean: bool },
    /// The connection is of no more use.
    Broken(io::Error),
    /// The other side has ended its stream inside of the answer.
    CutOff,
    /// What came is no answer.
    Unreadable(Unreadable),
    /// The other side has ended its stream, without a byte of an answer.
    Unanswered,
}

impl Worker {
    /// Finds a connection for an iteration's request: an idle one, a new one, or a place in the
    /// queue.
    pub(super) fn place(&mut self, iteration: usize, since: Moment) {
        self.demand.ask();
        if let Some(connection) = self.connections.take_idle(since) {
            self.send(connection, iteration, since);
            if self.demand.wants_spare() && self.connections.has_no_spare() && !self.closing {
                self.open_ahead();
            }
            return;
        }
        // From here on it waits for others; until now it was the worker that took its time.
        let now = self.look_at_clock();
        let begun = &mut self.iterations[iteration].attempt.begun;
        *begun = Moment(begun.0 + now.since(since));
        if self.connections.has_room() {
            self.open_for(iteration, now);
        } else {
            self.hurry(iteration);
            self.iterations[iteration].place = Place::Queued;
            self.queue.push_back((iteration, self.iterations[iteration].ticket));
        }
    }

    pub(super) fn open_for(&mut self, iteration: usize, now: Moment) {
        self.hurry(iteration);
        match self.open(Some(iteration), now) {
            Ok(key) => self.iterations[iteration].place = Place::On(key),
            Err(error) => self.fail(iteration, &Answer::NotConnected(&error)),
        }
    }

    /// Opens a connection before somebody needs it; that it fails is for those who do.
    pub(super) fn open_ahead(&mut self) {
        if self.connections.has_room() {
            let _ = self.open(None, self.clock.now());
        }
    }

    fn open(&mut self, iteration: Option<usize>, now: Moment) -> io::Result<ConnectionKey> {
        let mut socket = Socket::connect(self.plan.address, self.plan.receive_clock)?;
        let tcp = socket.tcp();
        // The key is known before the socket is moved.
        let key = self.connections.next_key();
        self.poller.add(tcp, key.to_bits())?;
        let inserted = self.connections.insert(socket, now, iteration);
        debug_assert_eq!(inserted, key);
        Ok(key)
    }

    /// Something happened to a connection.
    pub(super) fn serve(&mut self, key: ConnectionKey, ready: Ready) {
        let Some(connection) = self.connections.find(key) else { return };
        if ready.closed && connection.end == StreamEnd::Open {
            connection.end = StreamEnd::Ended;
        }
        match connection.state {
            State::Connecting(since, iteration) => self.connected(key, since, iteration),
            State::Busy(_) => self.serve_busy(key, ready),
            State::Idle(since) if ready.readable || ready.closed => {
                if self.clock.now().since(since) < SOON {
                    self.patience.beware();
                }
                self.connections.close_ended(key);
                self.serve_queue();
            }
            State::Idle(_) => {}
        }
    }

    fn serve_busy(&mut self, key: ConnectionKey, ready: Ready) {
        if ready.writable {
            self.write_rest(key);
        }
        if ready.readable || ready.closed {
            self.read(key, ready.closed);
        }
    }

    fn connected(&mut self, key: ConnectionKey, since: Moment, iteration: Option<usize>) {
        let Some(connection) = self.connections.find(key) else { return };
        let now = self.clock.now();
        match (connection.socket.is_connected(), iteration) {
            (Ok(false), _) => {}
            (Ok(true), Some(iteration)) => {
                // A worker that stood still may have overlooked for so long that it was
                // connected; that is its own lag and not the target's.
                let overlooked = now.since(self.tick).min(now.since(since));
                self.iterations[iteration].attempt.connect = Some(now.since(since) - overlooked);
                self.send(key, iteration, Moment(now.0 - overlooked));
            }
            (Ok(true), None) if self.queue.is_empty() && self.demand.is_rare() => {
                self.connections.close(key);
            }
            (Ok(true), None) => {
                self.connections.keep(key, now);
                self.serve_queue();
            }
            (Err(error), iteration) => {
                self.connections.close(key);
                if let Some(iteration) = iteration {
                    self.iterations[iteration].attempt.connect = Some(now.since(since));
                    self.fail(iteration, &Answer::NotConnected(&error));
                }
                self.serve_queue();
            }
        }
    }

    /// Gives free connections, or the right to open one, to those who wait.
    pub(super) fn serve_queue(&mut self) {
        while let Some((iteration, ticket)) = self.queue.pop_front() {
            let is_waiting =
                self.iterations.get(iteration).is_some_and(|iteration| iteration.ticket == ticket);
            if !is_waiting {
                continue;
            }
            let now = self.clock.now();
            if let Some(connection) = self.connections.take_idle(now) {
                self.send(connection, iteration, now);
            } else if self.connections.has_room() {
                self.open_for(iteration, now);
            } else {
                return self.queue.push_front((iteration, ticket));
            }
        }
    }

    /// Writes an iteration's request on a connection that is ready for it.
    fn send(&mut self, key: ConnectionKey, iteration: usize, ready: Moment) {
        self.iterations[iteration].place = Place::On(key);
        let step = self.iterations[iteration].attempt.step;
        let scenario = &self.plan.scenario;
        let is_head = scenario.step(step).request.method == "HEAD";
        let expected = Expected { is_head, body_limit: scenario.limits.body.0 };
        if self.render(iteration).is_err() {
            self.connections.keep(key, ready);
            return self.fail(iteration, &Answer::Unsendable);
        }
        let Some(connection) = self.connections.find(key) else { return };
        connection.begin(iteration, expected, ready);
        let bytes = match &self.prepared[step.index()] {
            Prepared::Fixed(fixed) => fixed.bytes(),
            Prepared::Filled(_) => self.room.request.as_bytes(),
        };
        let walking = &mut self.iterations[iteration];
        if !std::mem::replace(&mut walking.attempt.was_sent, true) {
            self.ledger.sent(step, walking.due);
        }
        // Before the call: the kernel may deliver, and the target answer, inside it.
        self.seen = self.clock.now();
        let sent = self.seen;
        connection.times.sent = Some(sent);
        let lag = walking.attempt.begun.since(walking.due) + sent.since(ready);
        // With one request in flight there is no queue ahead of it.
        if self.plan.workers == 1 && self.ledger.in_flight() == 1 {
            self.lateness.is_worked_off();
        }
        connection.times.held = self.lateness.feel(lag, sent);
        match connection.socket.write(bytes) {
            Ok(written) => {
                connection.written = written;
                connection.unwritten.extend_from_slice(&bytes[written..]);
            }
            Err(error) if is_not_yet(&error) => connection.unwritten.extend_from_slice(bytes),
            // The poller will say that it is closed, and reading will tell why.
            Err(_) => connection.end = StreamEnd::Reset,
        }
        if !connection.unwritten.is_empty() {
            self.hurry(iteration);
        }
    }

    /// Fills in a request that is not always the same.
    fn render(&mut self, key: usize) -> Result<(), Unsendable> {
        self.render_at(key, super::report::unix_millis())
    }

    /// The same at another time.
    pub(super) fn render_at(&mut self, key: usize, unix_millis: u64) -> Result<(), Unsendable> {
        let iteration = &mut self.iterations[key];
        let filled = match &mut self.prepared[iteration.attempt.step.index()] {
            Prepared::Fixed(fixed) => {
                fixed.number(iteration.number);
                return Ok(());
            }
            Prepared::Filled(filled) => filled,
        };
        let user = &self.users[iteration.user];
        iteration.choices = iteration.attempt.choices.clone();
        let choices = &mut iteration.choices;
        let mut values = Values {
            variables: &user.variables,
            user: user.number,
            iteration: iteration.number,
            unix_millis,
            random: &mut || choices.bits(),
        };
        filled.render(&mut values, &mut self.room.request, &mut self.room.body)
    }

    fn write_rest(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections.find(key) else { return };
        while !connection.unwritten.is_empty() {
            match connection.socket.write(&connection.unwritten) {
                Ok(written) => {
                    connection.written += written;
                    connection.unwritten.drain(..written);
                }
                Err(error) if is_not_yet(&error) => return,
                // The target may have answered before it closed: reading tells.
                Err(_) => {
                    connection.end = StreamEnd::Reset;
                    return connection.unwritten.clear();
                }
            }
        }
    }

    pub(super) fn read(&mut self, key: ConnectionKey, is_closed: bool) {
        let reading = loop {
            match self.read_once(key) {
                Ok((received, reading)) => match reading {
                    // Less than there was room for: all has been read, unless the end follows.
                    Reading::Waiting if received.bytes < self.room.input.len() && !is_closed => {
                        return;
                    }
                    Reading::Waiting => {}
                    Reading::Complete { .. }
                    | Reading::Broken(_)
                    | Reading::CutOff
                    | Reading::Unreadable(_)
                    | Reading::Unanswered => break reading,
                },
                Err(error) if is_not_yet(&error) => return,
                Err(error) => break Reading::Broken(error),
            }
        };
        match reading {
            Reading::Complete { is_clean } => self.complete(key, is_clean),
            Reading::Broken(error) => self.break_off(key, &Answer::Broken(&error)),
            Reading::CutOff => self.break_off(key, &Answer::Closed),
            Reading::Unreadable(why) => self.break_off(key, &Answer::Unreadable(why)),
            Reading::Unanswered => self.settle(key),
            Reading::Waiting => {}
        }
    }

    /// Reads what is there, once, and feeds it to the response.
    fn read_once(&mut self, key: ConnectionKey) -> io::Result<(Received, Reading)> {
        let connection = self.connections.find(key).ok_or(io::ErrorKind::WouldBlock)?;
        let received = connection.socket.read(&mut self.room.input, &mut self.room.control)?;
        let arrived = self.clock.at(received.at);
        if received.bytes == 0 {
            let reading = connection.ended_at(arrived);
            return Ok((received, reading));
        }
        connection.times.first_byte.get_or_insert(arrived);
        connection.times.last_byte = arrived;
        let lag = received.lag.map(|lag| lag.as_nanos() as u64);
        connection.times.receive_lag = lag;
        self.seen = Moment(arrived.0 + lag.unwrap_or(0));
        let State::Busy(iteration) = connection.state else {
            return Ok((received, Reading::Waiting));
        };
        let step = self.plan.scenario.step(self.iterations[iteration].attempt.step);
        let kept = (!step.extract.is_empty()).then_some(&mut connection.body);
        let reading = match connection.response.feed(&self.room.input[..received.bytes], kept) {
            Ok(Fed::More) => Reading::Waiting,
            Ok(Fed::Done(used)) => Reading::Complete { is_clean: used == received.bytes },
            Err(unreadable) => Reading::Unreadable(unreadable),
        };
        let is_whole = matches!(reading, Reading::Complete { .. });
        connection.hear(&self.room.input[..received.bytes], step, is_whole);
        if matches!(reading, Reading::Waiting) {
            self.hurry(iteration);
        }
        Ok((received, reading))
    }

    /// A response has been read to its end.
    fn complete(&mut self, key: ConnectionKey, is_clean: bool) {
        let Some(connection) = self.connections.find(key) else { return };
        let State::Busy(iteration) = connection.state else { return };
        let step = self.iterations[iteration].attempt.step;
        let status = connection.response.status().unwrap_or_default();
        let codings = connection.response.codings();
        let manner = connection.manner(is_clean);
        self.patience.learn(step, manner);
        let ended = connection.times.last_byte;
        let sample = self.sample(key, iteration, ended);
        let took = ended.since(sample.intended);
        let bytes = self.release(key, is_clean);
        self.serve_queue();
        let body = Body { bytes: &bytes, codings, limit: self.plan.scenario.limits.body.0 };
        self.finish(iteration, sample, &Answer::Whole { status, body, took });
    }

    /// Keeps or closes a connection whose request has been answered; returns the body.
    fn release(&mut self, key: ConnectionKey, is_clean: bool) -> Vec<u8> {
        let Some(connection) = self.connections.find(key) else { return Vec::new() };
        let since = connection.times.last_byte;
        let body = std::mem::take(&mut connection.body);
        let limit = connection.response.idle_limit();
        let is_ended = connection.response.keeps_alive() && connection.end != StreamEnd::Open;
        let is_reusable = is_clean && connection.is_reusable();
        self.connections.served(key);
        self.connections.limit_idling(limit);
        if is_reusable {
            self.connections.keep(key, since);
        } else if is_ended {
            self.connections.close_ended(key);
        } else {
            self.connections.close(key);
        }
        body
    }
}

impl Connection {
    /// How the answer came that has just been read to its end.
    fn manner(&self, is_clean: bool) -> Manner {
        let times = &self.times;
        Manner {
            body: self.response.body_bytes(),
            spread: times.last_byte.since(times.first_byte.unwrap_or(times.last_byte)),
            ends_by_close: self.response.ends_by_close(),
            is_followed: !is_clean || !self.is_reusable(),
        }
    }

    /// The stream has ended, as was read at a moment.
    fn ended_at(&mut self, now: Moment) -> Reading {
        if self.end == StreamEnd::Open {
            self.end = StreamEnd::Ended;
        }
        if self.response.is_complete_at_end() {
            // The end is what completes the response, and the kernel stamps no end.
            (self.times.last_byte, self.times.receive_lag) = (now, None);
            return Reading::Complete { is_clean: false };
        }
        match self.times.first_byte {
            None => Reading::Unanswered,
            Some(_) => Reading::CutOff,
        }
    }
}

fn is_not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::engine::worker::TICK;
    #[cfg(target_os = "linux")]
    use crate::engine::worker::patience::Patience;
    use crate::engine::worker::scene::worker;
    #[cfg(target_os = "linux")]
    use crate::engine::worker::scene::{ANSWER, Scene};
    use crate::schedule::Arrival;

    #[test]
    fn a_connection_that_a_worker_overlooked_is_its_own_lag() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut worker = worker(listener.local_addr().unwrap());
        let due = worker.clock.now();
        worker.start(Arrival { index: 0, at: due });
        let Place::On(key) = worker.iterations[0].place else { panic!("it connects") };
        // The target has answered long ago when the worker gets round to it.
        let standing = Moment(worker.tick.max(worker.clock.now()).0 + 10 * TICK);
        while worker.clock.now() < standing {
            thread::sleep(Duration::from_millis(1));
        }
        worker.serve(
            key,
            Ready { key: key.to_bits(), readable: false, writable: true, closed: false },
        );
        let connect = worker.iterations[0].attempt.connect.unwrap();
        assert!(connect <= TICK, "{connect} ns are the target's");
        let held = worker.connections.find(key).unwrap().times.held;
        assert!(held >= 10 * TICK, "{held} ns are the worker's");
    }

    /// A worker that has had enough answers to leave the next ones unread, were they plain.
    #[cfg(target_os = "linux")]
    fn after_plain_answers() -> (Scene, std::net::TcpStream) {
        let mut scene = Scene::asking("GET /");
        scene.worker.patience = Patience::new(true, 1);
        let mut other = scene.used();
        for _ in 0..8 {
            answer(&mut scene, &mut other, ANSWER);
        }
        (scene, other)
    }

    #[cfg(target_os = "linux")]
    fn answer(scene: &mut Scene, other: &mut std::net::TcpStream, bytes: &[u8]) {
        scene.arrive();
        scene.read_request(other);
        other.write_all(bytes).unwrap();
        scene.until(|worker| worker.iterations.is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn plain_answers_may_lie_unread() {
        let (scene, _other) = after_plain_answers();
        assert!(scene.worker.patience.is_patient());
    }

    /// Its stamp would be that of the end, or of what follows, were both read at once.
    #[cfg(target_os = "linux")]
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
            scene.until(|worker| worker.connections.open() == 0);
            !scene.worker.patience.is_patient()
        });
        assert!(is_wary, "an end that nobody announced");
    }
}
