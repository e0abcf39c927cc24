//! The connections of one worker, and the ceiling on them.
//!
//! | state | event | next |
//! | --- | --- | --- |
//! | connecting | connected | busy with the request that waits, or idle |
//! | connecting | refused, time limit | closed |
//! | busy | response complete | idle, or closed when it may not be reused |
//! | busy | broken, time limit | closed |
//! | busy | the other side's end, and no answer yet | busy, until it is known whether the request reached it |
//! | idle | a request | busy |
//! | idle | bytes, or the other side's end | closed |
//! | idle, never used | few requests are due | closed |
//!
//! That the other side has ended its stream may be learnt with an answer, before it, or
//! while the connection is idle; from then on it serves no other request. Some targets end
//! it a moment after each answer, unannounced, and a request may cross that on the wire. So
//! where several connections in a row were ended before they were used again, each rests for
//! a moment before it is; one that could be used again after all ends that.
//!
//! When all that are allowed are in use, requests wait in the order they came; that wait
//! is part of their response time, as the ceiling is the scenario's, not the generator's
//! lag.

use std::collections::VecDeque;
use std::time::Duration;

use slab::Slab;

use crate::engine::evidence;
use crate::engine::socket::Socket;
use crate::http1::response::{Expected, Response};
use crate::scenario::model::Step;
use crate::units::Moment;

/// A connection is not used again when the target may be about to close it: so long before
/// the time that it named, and at most half of that time.
const IDLE_MARGIN: Duration = Duration::from_secs(1);

/// So many connections in a row that the target ended before they could be used again make
/// one careful.
const CAREFUL_FROM: u32 = 3;
/// How long a connection rests then, in nanoseconds.
const REST: u64 = 50_000_000;

/// A connection that may be gone: its place, and which of the connections that were ever
/// there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionKey {
    place: u32,
    birth: u32,
}

impl ConnectionKey {
    /// For the poller.
    pub fn to_bits(self) -> u64 {
        u64::from(self.birth) << 32 | u64::from(self.place)
    }

    /// Back from the poller.
    pub fn from_bits(bits: u64) -> ConnectionKey {
        ConnectionKey { place: bits as u32, birth: (bits >> 32) as u32 }
    }
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Since a moment, for an iteration or ahead of need.
    Connecting(Moment, Option<usize>),
    /// Serves the request of an iteration.
    Busy(usize),
    /// Waits for a request, since a moment.
    Idle(Moment),
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    birth: u32,
    /// The socket.
    pub socket: Socket,
    /// What it is doing.
    pub state: State,
    /// The response under way.
    pub response: Response,
    /// The body of a response from which something is extracted.
    pub body: Vec<u8>,
    /// The start of a response that is not plainly right, should it be kept.
    pub heard: Vec<u8>,
    /// What the kernel did not take of the request.
    pub unwritten: Vec<u8>,
    /// Whether it has served a request: the target may close it at any time.
    pub has_served: bool,
    /// What is known of the other side's end.
    pub end: StreamEnd,
    /// Bytes of the request under way that the kernel took.
    pub written: usize,
    /// The moments of the request under way.
    pub times: Times,
}

/// What is known of the other side's end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// It is open, as far as is known.
    Open,
    /// It writes no more (FIN).
    Ended,
    /// It was broken off before the end of its stream (RST).
    Reset,
}

/// The moments of a request on a connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// When the connection was there for it.
    pub ready: Moment,
    /// When its bytes went to the kernel.
    pub sent: Option<Moment>,
    /// When the first bytes of the response arrived.
    pub first_byte: Option<Moment>,
    /// When the latest bytes of the response arrived.
    pub last_byte: Moment,
    /// What was felt of the generator's lateness when it was sent, in nanoseconds.
    pub held: u64,
    /// How much later the latest bytes were read, in nanoseconds, if that is known.
    pub receive_lag: Option<u64>,
}

impl Connection {
    /// Begins a request: forgets the one before.
    pub fn begin(&mut self, iteration: usize, expected: Expected, ready: Moment) {
        self.state = State::Busy(iteration);
        self.response.restart(expected);
        self.body.clear();
        self.heard.clear();
        self.unwritten.clear();
        self.written = 0;
        self.times = Times { ready, ..Times::default() };
    }

    /// Keeps the start of what came, unless it is all of an answer that is right.
    pub fn hear(&mut self, bytes: &[u8], step: &Step, is_whole: bool) {
        let status = self.response.status().filter(|_| is_whole);
        evidence::hear(&mut self.heard, bytes, step, status);
    }

    /// Whether it may serve another request after a complete response.
    pub fn is_reusable(&self) -> bool {
        self.response.keeps_alive() && self.unwritten.is_empty() && self.end == StreamEnd::Open
    }
}

/// All connections of a worker.
#[derive(Debug)]
pub struct Connections {
    all: Slab<Connection>,
    /// Those that have served, the one used last at the end.
    idle: Vec<ConnectionKey>,
    /// Those that were opened ahead of need, the oldest first: a target that serves one
    /// connection at a time waits at the one that it accepted first.
    fresh: VecDeque<ConnectionKey>,
    /// Those that have just served a target that may be about to close them, the oldest
    /// first, and since when they rest.
    resting: VecDeque<(ConnectionKey, Moment)>,
    /// How many in a row the target ended before they could be used again.
    ended_unused: u32,
    births: u32,
    most: usize,
    /// How long the target said, last of all, that it keeps idle connections.
    idle_limit: Option<Duration>,
    /// Connections that are being opened ahead of need.
    ahead: usize,
}

impl Connections {
    /// At most so many.
    pub fn new(most: usize) -> Connections {
        Connections {
            all: Slab::new(),
            idle: Vec::new(),
            fresh: VecDeque::new(),
            resting: VecDeque::new(),
            ended_unused: 0,
            births: 0,
            most,
            idle_limit: None,
            ahead: 0,
        }
    }

    /// How many are open or being opened.
    pub fn open(&self) -> usize {
        self.all.len()
    }

    /// Whether one more is allowed.
    pub fn has_room(&self) -> bool {
        self.all.len() < self.most
    }

    /// Whether nothing is idle or being opened ahead of need.
    pub fn has_no_spare(&self) -> bool {
        self.idle.is_empty() && self.fresh.is_empty() && self.ahead == 0
    }

    /// The key that the next new one will have.
    pub fn next_key(&self) -> ConnectionKey {
        ConnectionKey { place: self.all.vacant_key() as u32, birth: self.births.wrapping_add(1) }
    }

    /// A new one that is connecting.
    pub fn insert(
        &mut self,
        socket: Socket,
        since: Moment,
        iteration: Option<usize>,
    ) -> ConnectionKey {
        self.births = self.births.wrapping_add(1);
        self.ahead += usize::from(iteration.is_none());
        let connection = Connection {
            birth: self.births,
            socket,
            state: State::Connecting(since, iteration),
            response: Response::new(Expected { is_head: false, body_limit: 0 }),
            body: Vec::new(),
            heard: Vec::new(),
            unwritten: Vec::new(),
            has_served: false,
            end: StreamEnd::Open,
            written: 0,
            times: Times::default(),
        };
        let place = self.all.insert(connection) as u32;
        ConnectionKey { place, birth: self.births }
    }

    /// A connection, unless it is gone.
    pub fn find(&mut self, key: ConnectionKey) -> Option<&mut Connection> {
        self.all.get_mut(key.place as usize).filter(|connection| connection.birth == key.birth)
    }

    /// Closes a connection.
    pub fn close(&mut self, key: ConnectionKey) {
        if let Some(connection) = self.find(key) {
            let was_ahead = matches!(connection.state, State::Connecting(_, None));
            self.ahead -= usize::from(was_ahead);
            self.all.remove(key.place as usize);
        }
    }

    /// Keeps a connection for the next request.
    pub fn keep(&mut self, key: ConnectionKey, now: Moment) {
        let Some(connection) = self.find(key) else { return };
        let was_ahead = matches!(connection.state, State::Connecting(_, None));
        connection.state = State::Idle(now);
        let has_served = connection.has_served;
        self.ahead -= usize::from(was_ahead);
        match has_served {
            true if self.ended_unused >= CAREFUL_FROM => self.resting.push_back((key, now)),
            true => self.idle.push(key),
            false => self.fresh.push_back(key),
        }
    }

    /// A connection has served a request.
    pub fn served(&mut self, key: ConnectionKey) {
        let Some(connection) = self.find(key) else { return };
        if std::mem::replace(&mut connection.has_served, true) {
            self.ended_unused = 0;
        }
    }

    /// Closes a connection that the target has ended although it could have served again.
    pub fn close_ended(&mut self, key: ConnectionKey) {
        let has_served = self.find(key).is_some_and(|connection| connection.has_served);
        self.ended_unused = self.ended_unused.saturating_add(u32::from(has_served));
        self.close(key);
    }

    /// The target said how long it keeps idle connections, or did not.
    pub fn limit_idling(&mut self, limit: Option<Duration>) {
        self.idle_limit = limit.or(self.idle_limit);
    }

    /// The idle connection used last, as it is the least likely to have been closed; or else
    /// the first of those that were opened ahead of need.
    pub fn take_idle(&mut self, now: Moment) -> Option<ConnectionKey> {
        let limit = self.idle_limit;
        while let Some(key) = self.next_idle(now) {
            match self.find(key) {
                Some(connection) if connection.is_fresh(now, limit) => return Some(key),
                Some(_) => self.close(key),
                None => {}
            }
        }
        None
    }

    fn next_idle(&mut self, now: Moment) -> Option<ConnectionKey> {
        let has_room = self.has_room();
        let has_rested = |(_, since): &(ConnectionKey, Moment)| now.since(*since) >= REST;
        if self.resting.front().is_some_and(has_rested) {
            return self.resting.pop_front().map(|(key, _)| key);
        }
        self.idle
            .pop()
            .or_else(|| self.fresh.pop_front())
            // Better than to wait for one.
            .or_else(|| if has_room { None } else { self.resting.pop_front().map(|rest| rest.0) })
    }

    /// Closes those that were opened ahead of need and have served nobody. One that is still
    /// being opened is closed once it is open and not needed.
    pub fn close_unused(&mut self) {
        while let Some(key) = self.fresh.pop_front() {
            self.close(key);
        }
    }
}

impl Connection {
    fn is_fresh(&self, now: Moment, limit: Option<Duration>) -> bool {
        let State::Idle(since) = self.state else { return false };
        let idle = Duration::from_nanos(now.since(since));
        self.end == StreamEnd::Open
            && limit.is_none_or(|limit| idle + IDLE_MARGIN.min(limit / 2) < limit)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::engine::plan::ReceiveClock;

    const SECOND: u64 = 1_000_000_000;

    fn open(connections: &mut Connections, iteration: Option<usize>) -> ConnectionKey {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let socket = Socket::connect(address, ReceiveClock::Generator).unwrap();
        let expected = connections.next_key();
        let key = connections.insert(socket, Moment(0), iteration);
        assert_eq!(key, expected);
        key
    }

    #[test]
    fn the_ceiling_holds_and_the_last_used_is_taken_first() {
        let mut connections = Connections::new(2);
        let first = open(&mut connections, None);
        assert!(!connections.has_no_spare());
        let second = open(&mut connections, Some(7));
        assert!(!connections.has_room());
        for (key, at) in [(first, 1), (second, 2)] {
            connections.find(key).unwrap().has_served = true;
            connections.keep(key, Moment(at));
        }
        assert_eq!(connections.take_idle(Moment(3)), Some(second));
        assert_eq!(connections.take_idle(Moment(3)), Some(first));
        assert_eq!(connections.take_idle(Moment(3)), None);
        assert!(connections.has_no_spare());
    }

    #[test]
    fn a_key_never_means_a_later_connection_in_the_same_place() {
        let mut connections = Connections::new(2);
        let first = open(&mut connections, None);
        connections.keep(first, Moment(0));
        connections.close(first);
        let second = open(&mut connections, None);
        assert_eq!(first.place, second.place);
        assert!(connections.find(first).is_none() && connections.find(second).is_some());
        assert_eq!(ConnectionKey::from_bits(second.to_bits()), second);
        assert_eq!(connections.take_idle(Moment(0)), None, "the first one is gone");
    }

    #[test]
    fn a_connection_that_the_target_may_be_closing_is_not_used() {
        let mut connections = Connections::new(2);
        for (limit, idle, is_used) in [
            (5_000, 3 * SECOND, true),
            (5_000, 4 * SECOND, false),
            (1_000, SECOND / 100, true),
            (1_000, SECOND / 2, false),
            (0, 1, false),
        ] {
            connections.limit_idling(Some(Duration::from_millis(limit)));
            let key = open(&mut connections, None);
            connections.keep(key, Moment(0));
            let taken = connections.take_idle(Moment(idle));
            assert_eq!(taken.is_some(), is_used, "{limit} ms, idle for {idle} ns");
            assert_eq!(connections.open(), usize::from(is_used), "what was not used is closed");
            connections.close(key);
        }
    }

    #[test]
    fn a_limit_that_is_not_named_again_still_holds() {
        let mut connections = Connections::new(1);
        connections.limit_idling(Some(Duration::from_secs(5)));
        connections.limit_idling(None);
        let key = open(&mut connections, None);
        connections.keep(key, Moment(0));
        assert_eq!(connections.take_idle(Moment(4 * SECOND)), None);
    }

    #[test]
    fn those_opened_ahead_serve_in_the_order_of_their_opening_and_after_the_used_ones() {
        let mut connections = Connections::new(4);
        let keys: Vec<ConnectionKey> = (0..4).map(|_| open(&mut connections, None)).collect();
        connections.find(keys[3]).unwrap().has_served = true;
        for key in &keys {
            connections.keep(*key, Moment(1));
        }
        assert_eq!(connections.take_idle(Moment(2)), Some(keys[3]));
        assert_eq!(connections.take_idle(Moment(2)), Some(keys[0]));
        connections.close_unused();
        assert_eq!((connections.take_idle(Moment(2)), connections.open()), (None, 2));
        assert!(connections.has_no_spare());
    }

    #[test]
    fn a_connection_whose_other_side_has_ended_is_not_taken() {
        for end in [StreamEnd::Ended, StreamEnd::Reset] {
            let mut connections = Connections::new(1);
            let key = open(&mut connections, None);
            connections.find(key).unwrap().end = end;
            connections.keep(key, Moment(0));
            assert_eq!((connections.take_idle(Moment(1)), connections.open()), (None, 0));
        }
    }

    /// One connection that serves once and is ended by the target.
    fn serve_and_end(connections: &mut Connections) {
        let key = open(connections, None);
        connections.served(key);
        connections.keep(key, Moment(0));
        connections.close_ended(key);
    }

    #[test]
    fn where_the_target_ends_what_it_has_served_a_connection_rests_before_it_is_used_again() {
        let mut connections = Connections::new(3);
        (0..CAREFUL_FROM).for_each(|_| serve_and_end(&mut connections));
        let [first, second] = [0, 1].map(|at| {
            let key = open(&mut connections, None);
            connections.served(key);
            connections.keep(key, Moment(at));
            key
        });
        assert_eq!(connections.take_idle(Moment(REST - 1)), None);
        assert_eq!(connections.take_idle(Moment(REST)), Some(first));
        assert_eq!(connections.take_idle(Moment(REST)), None);
        let third = open(&mut connections, Some(1));
        assert_eq!(connections.take_idle(Moment(REST)), Some(second), "there is room for no other");
        connections.served(second);
        connections.served(third);
        connections.keep(third, Moment(REST));
        assert_eq!(connections.take_idle(Moment(REST)), Some(third), "one was used again");
    }
}
