//! The connections of one worker, and the ceiling on them.
//!
//! | state | event | next |
//! | --- | --- | --- |
//! | connecting | connected | busy with the request that waits, or idle |
//! | connecting | refused, time limit | closed |
//! | busy | response complete | idle, or closed when it may not be reused |
//! | busy | broken, time limit | closed |
//! | idle | a request | busy |
//! | idle | bytes, or the other side closes | closed |
//!
//! When all that are allowed are in use, requests wait in the order they came; that wait
//! is part of their response time, as the ceiling is the scenario's, not the generator's
//! lag.

use std::time::Duration;

use slab::Slab;

use crate::engine::evidence;
use crate::engine::socket::Socket;
use crate::http1::response::{Expected, Response};
use crate::scenario::model::Step;
use crate::units::Moment;

/// A connection is not used again when the target may be about to close it.
const IDLE_MARGIN: Duration = Duration::from_secs(1);

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
    /// Since a moment, for a walk or ahead of need.
    Connecting(Moment, Option<usize>),
    /// Serves the request of a walk.
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
    /// Whether it lay idle before: it may have been closed since.
    pub was_idle: bool,
    /// The moments of the request under way.
    pub times: Times,
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
    pub fn begin(&mut self, walk: usize, expected: Expected, ready: Moment) {
        self.state = State::Busy(walk);
        self.response.restart(expected);
        self.body.clear();
        self.heard.clear();
        self.unwritten.clear();
        self.times = Times { ready, ..Times::default() };
    }

    /// Keeps the start of what came, unless it is all of an answer that is right.
    pub fn hear(&mut self, bytes: &[u8], step: &Step, is_whole: bool) {
        let status = self.response.status().filter(|_| is_whole);
        evidence::hear(&mut self.heard, bytes, step, status);
    }

    /// Whether it may serve another request after a complete response.
    pub fn is_reusable(&self) -> bool {
        self.response.keeps_alive() && self.unwritten.is_empty()
    }
}

/// All connections of a worker.
#[derive(Debug)]
pub struct Connections {
    all: Slab<Connection>,
    idle: Vec<ConnectionKey>,
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
        self.idle.is_empty() && self.ahead == 0
    }

    /// The key that the next new one will have.
    pub fn next_key(&self) -> ConnectionKey {
        ConnectionKey { place: self.all.vacant_key() as u32, birth: self.births.wrapping_add(1) }
    }

    /// A new one that is connecting.
    pub fn insert(&mut self, socket: Socket, since: Moment, walk: Option<usize>) -> ConnectionKey {
        self.births = self.births.wrapping_add(1);
        self.ahead += usize::from(walk.is_none());
        let connection = Connection {
            birth: self.births,
            socket,
            state: State::Connecting(since, walk),
            response: Response::new(Expected { is_head: false, body_limit: 0 }),
            body: Vec::new(),
            heard: Vec::new(),
            unwritten: Vec::new(),
            was_idle: false,
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
        if let Some(connection) = self.find(key) {
            let was_ahead = matches!(connection.state, State::Connecting(_, None));
            connection.state = State::Idle(now);
            connection.was_idle = true;
            self.ahead -= usize::from(was_ahead);
            self.idle.push(key);
        }
    }

    /// The target said how long it keeps idle connections, or did not.
    pub fn limit_idling(&mut self, limit: Option<Duration>) {
        self.idle_limit = limit.or(self.idle_limit);
    }

    /// The idle connection used last, as it is the least likely to have been closed.
    pub fn take_idle(&mut self, now: Moment) -> Option<ConnectionKey> {
        let limit = self.idle_limit;
        while let Some(key) = self.idle.pop() {
            match self.find(key) {
                Some(connection) if connection.is_fresh(now, limit) => return Some(key),
                Some(_) => self.close(key),
                None => {}
            }
        }
        None
    }
}

impl Connection {
    fn is_fresh(&self, now: Moment, limit: Option<Duration>) -> bool {
        let State::Idle(since) = self.state else { return false };
        let idle = Duration::from_nanos(now.since(since));
        limit.is_none_or(|limit| idle + IDLE_MARGIN < limit)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::engine::plan::ReceiveClock;

    const SECOND: u64 = 1_000_000_000;

    fn open(connections: &mut Connections, walk: Option<usize>) -> ConnectionKey {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let socket = Socket::connect(address, ReceiveClock::Generator).unwrap();
        let expected = connections.next_key();
        let key = connections.insert(socket, Moment(0), walk);
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
        connections.keep(first, Moment(1));
        connections.keep(second, Moment(2));
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
        connections.limit_idling(Some(Duration::from_secs(5)));
        connections.limit_idling(None);
        for (idle, is_used) in [(3 * SECOND, true), (4 * SECOND, false)] {
            let key = open(&mut connections, None);
            connections.keep(key, Moment(0));
            assert_eq!(connections.take_idle(Moment(idle)).is_some(), is_used);
        }
        assert_eq!(connections.open(), 1, "what was not used is closed");
    }
}
