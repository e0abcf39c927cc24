//! A worker's connections: finds a slot for each request, where `sending` writes it.
//!
//! What comes back is read in `receive`; what met the end of its connection instead of an
//! answer is settled in `unanswered`.

use std::io;

use crate::engine::answer::Answer;
use crate::engine::connection::{ConnectionKey, State, StreamEnd};
use crate::engine::iteration::Activity;
use crate::engine::transport::poller::Ready;
use crate::engine::transport::socket::Socket;
use crate::engine::worker::patience::SOON;
use crate::engine::worker::{Worker, opening_rate};
use crate::units::Moment;

/// Connections opened before the first arrival, by the rate: what a target that takes 10 ms
/// would occupy.
const WARM_SECONDS: f64 = 0.01;
/// How far ahead of the first arrival they are opened at most, in nanoseconds.
const WARM_AHEAD: u64 = 100_000_000;

impl Worker {
    /// Opens connections ahead of need, if a load that needs them is about to begin.
    pub(super) fn warm_up(&mut self) {
        if self.source.peek().is_none_or(|first| first.at.since(self.plan.from) > WARM_AHEAD) {
            return;
        }
        let wanted = (opening_rate(&self.plan) * WARM_SECONDS) as usize;
        let each = self.plan.streams.map_or(1, |streams| streams as usize);
        for _ in 0..wanted.div_ceil(each).min(64) {
            self.open_ahead();
        }
    }

    /// Finds a slot for an iteration's request: a free one, that of a new connection, or a
    /// place in the queue.
    pub(super) fn assign(&mut self, iteration: usize, since: Moment) {
        self.demand.ask();
        if let Some(slot) = self.pool.take(since) {
            self.send(slot, iteration, since);
            if self.demand.wants_spare() && self.pool.has_no_spare() && !self.closing {
                self.open_ahead();
            }
            return;
        }
        // From here on it waits for others; until now it was the worker that took its time.
        let now = self.look_at_clock();
        self.iterations[iteration].exchange.was_delayed(now.since(since));
        if self.pool.has_room() && !self.pool.will_have_room(self.queue.len()) {
            self.open_for(iteration, now);
        } else {
            self.hurry(iteration);
            self.iterations[iteration].activity = Activity::Queued;
            self.queue.push_back((iteration, self.iterations[iteration].ticket));
        }
    }

    pub(super) fn open_for(&mut self, iteration: usize, now: Moment) {
        self.hurry(iteration);
        match self.open(Some(iteration), now) {
            Ok(key) => self.iterations[iteration].activity = Activity::On(key),
            Err(error) => self.fail(iteration, &Answer::NotConnected(&error)),
        }
    }

    /// Opens a connection before somebody needs it; that it fails is for those who do.
    pub(super) fn open_ahead(&mut self) {
        if self.pool.has_room() {
            let _ = self.open(None, self.clock.now());
        }
    }

    fn open(&mut self, iteration: Option<usize>, now: Moment) -> io::Result<ConnectionKey> {
        let mut socket = Socket::connect(&mut self.plan.address, self.plan.receive_clock)?;
        // The key is known before the socket is moved.
        let key = self.pool.next_key();
        match (socket.must_knock(), iteration) {
            (false, _) => self.poller.add(&mut socket, key.to_bits())?,
            (true, Some(_)) => self.knocking.push(key, now),
            // There is no room for those who need it.
            (true, None) => return Err(io::ErrorKind::WouldBlock.into()),
        }
        let inserted = self.pool.insert(socket, now, iteration);
        debug_assert_eq!(inserted, key);
        Ok(key)
    }

    /// Something happened to a connection.
    pub(super) fn serve(&mut self, key: ConnectionKey, ready: Ready) {
        let Some(connection) = self.pool.find(key) else { return };
        if ready.closed && connection.end == StreamEnd::Open {
            connection.end = StreamEnd::Ended;
        }
        match connection.state {
            State::Connecting(since, iteration) => self.connected(key, since, iteration),
            State::Open(_) if connection.is_busy() => self.serve_busy(key, ready),
            State::Open(_) if connection.protocol.is_multiplexed() => self.serve_idle(key, ready),
            State::Open(since) if ready.readable || ready.closed => {
                let control = &mut self.room.control;
                if !ready.closed && !connection.socket.is_disturbed(control) {
                    return;
                }
                if self.clock.now().since(since) < SOON {
                    self.patience.beware();
                }
                self.pool.close_ended(key);
                self.serve_queue();
            }
            State::Open(_) => {}
        }
    }

    fn serve_busy(&mut self, key: ConnectionKey, ready: Ready) {
        if ready.writable
            && let Some(connection) = self.pool.find(key)
        {
            connection.write_rest();
        }
        if ready.readable || ready.closed {
            self.read(key, ready.closed);
        }
    }

    /// A connection of which the protocol speaks without being asked has something.
    fn serve_idle(&mut self, key: ConnectionKey, ready: Ready) {
        self.serve_busy(key, ready);
        if self.pool.find(key).is_some_and(|connection| !connection.may_go_on()) {
            self.pool.close_ended(key);
            self.serve_queue();
        }
    }

    fn connected(&mut self, key: ConnectionKey, since: Moment, iteration: Option<usize>) {
        let Some(connection) = self.pool.find(key) else { return };
        let is_connected = connection.socket.is_connected(&mut self.room.control);
        let handshake = connection.socket.handshake();
        let now = self.clock.now();
        if let (Ok(true), Some(handshake)) = (&is_connected, handshake) {
            self.ledger.totals.handshakes.count(handshake.is_resumed);
        }
        match (is_connected, iteration) {
            (Ok(false), _) => {}
            (Ok(true), Some(iteration)) => {
                // A worker that stood still may have overlooked for so long that it was
                // connected; that is its own lag and not the target's.
                let overlooked = now.since(self.tick).min(now.since(since));
                let connect = now.since(since) - overlooked;
                let exchange = &mut self.iterations[iteration].exchange;
                exchange.connect = Some(connect);
                exchange.handshake = handshake.map(|it| (it.took.as_nanos() as u64).min(connect));
                if let Some(slot) = self.pool.opened(key, now) {
                    self.send(slot, iteration, Moment(now.0 - overlooked));
                }
                if self.plan.streams.is_some() {
                    self.serve_queue();
                }
            }
            (Ok(true), None) if self.queue.is_empty() && self.demand.is_rare() => {
                self.pool.close(key);
            }
            (Ok(true), None) => {
                self.pool.opened(key, now);
                if let Some(connection) = self.pool.find(key) {
                    connection.write(&[]);
                }
                self.serve_queue();
            }
            (Err(error), _) => self.not_connected(key, &error),
        }
    }

    /// A connection could not be made.
    pub(super) fn not_connected(&mut self, key: ConnectionKey, error: &io::Error) {
        let Some(connection) = self.pool.find(key) else { return };
        let State::Connecting(since, iteration) = connection.state else { return };
        self.pool.close(key);
        if let Some(iteration) = iteration {
            self.iterations[iteration].exchange.connect = Some(self.clock.now().since(since));
            self.fail(iteration, &Answer::NotConnected(error));
        }
        self.serve_queue();
    }

    /// Lets those knock again whose time has come.
    pub(super) fn knock(&mut self, now: Moment) {
        if !self.knocking.is_due(now) {
            return;
        }
        while let Some(key) = self.knocking.first() {
            match self.let_in(key) {
                Ok(false) => return,
                Ok(true) => {}
                Err(error) => self.not_connected(key, &error),
            }
            self.knocking.pop();
        }
    }

    /// Whether a connection waits no longer: it is in, or given up.
    fn let_in(&mut self, key: ConnectionKey) -> io::Result<bool> {
        let Some(connection) = self.pool.find(key) else { return Ok(true) };
        let is_in = connection.socket.knock()?;
        if is_in {
            self.poller.add(&mut connection.socket, key.to_bits())?;
        }
        Ok(is_in)
    }

    /// Gives free slots, or the right to open a connection, to those who wait.
    pub(super) fn serve_queue(&mut self) {
        while let Some((iteration, ticket)) = self.queue.pop_front() {
            let is_waiting =
                self.iterations.get(iteration).is_some_and(|iteration| iteration.ticket == ticket);
            if !is_waiting {
                continue;
            }
            let now = self.clock.now();
            if let Some(slot) = self.pool.take(now) {
                self.send(slot, iteration, now);
            } else if self.pool.has_room() && !self.pool.will_have_room(self.queue.len()) {
                self.open_for(iteration, now);
            } else {
                return self.queue.push_front((iteration, ticket));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::engine::worker::TICK;
    use crate::engine::worker::scene::worker;
    use crate::record::outcome::Outcome;
    use crate::schedule::Arrival;

    #[test]
    fn a_connection_that_a_worker_overlooked_is_its_own_lag() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut worker = worker(listener.local_addr().unwrap());
        let due = worker.clock.now();
        worker.start(Arrival { index: 0, at: due, part: 0 });
        let Activity::On(key) = worker.iterations[0].activity else { panic!("it connects") };
        // The target has answered long ago when the worker gets round to it.
        let standing = Moment(worker.tick.max(worker.clock.now()).0 + 10 * TICK);
        while worker.clock.now() < standing {
            thread::sleep(Duration::from_millis(1));
        }
        worker.serve(
            key,
            Ready { key: key.to_bits(), readable: false, writable: true, closed: false },
        );
        let connect = worker.iterations[0].exchange.connect.unwrap();
        assert!(connect <= TICK, "{connect} ns are the target's");
        let lag_felt = worker.iterations[0].exchange.sample((Outcome::Ok, None)).lag_felt;
        assert!(lag_felt >= 10 * TICK, "{lag_felt} ns are the worker's");
    }
}
