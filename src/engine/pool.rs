//! Where exchanges may go: the connections of one worker, their slots, and the ceiling.
//!
//! A *slot* is the right to one exchange on a connection. An HTTP/1.1 connection has one; how
//! many it has is the protocol's affair, and may change while it is open, so what is kept in
//! order is not slots but connections that have room for one. They are taken in this order: the
//! one used last, as it is the least likely to have been closed; then those that were opened
//! ahead of need. One of several slots is used up before the next one's.
//!
//! Some targets take so many requests on a connection and then no more. Once that has been seen
//! of one, the next is opened before the last of these.
//!
//! Some targets end a connection a moment after each answer, unannounced, and a request may
//! cross that on the wire. So where several connections in a row were ended before they were
//! used again, each rests for a moment before it is; one that could be used again after all
//! ends that.
//!
//! When all that are allowed are in use, requests wait in the order they came; that wait
//! is part of their response time, as the ceiling is the scenario's, not the generator's
//! lag.

use std::collections::VecDeque;
use std::time::Duration;

use slab::Slab;

use crate::engine::connection::{Connection, ConnectionKey, State};
use crate::engine::protocol::Protocol;
use crate::engine::transport::socket::Socket;
use crate::units::Moment;

/// So many connections in a row that the target ended before they could be used again make
/// one careful.
const CAREFUL_FROM: u32 = 3;
/// How long a connection rests then, in nanoseconds.
const REST: u64 = 50_000_000;

/// The right to one exchange on a connection, which may be gone by now.
#[derive(Debug, PartialEq, Eq)]
pub struct Slot {
    /// The connection.
    pub on: ConnectionKey,
}

/// All connections of a worker, and their free slots.
#[derive(Debug)]
pub struct Pool {
    all: Slab<Connection>,
    /// One of each connection that has served and has room, the one used last at the end.
    free: Vec<Slot>,
    /// One of each of the connections that were opened ahead of need, the oldest first: a target that
    /// serves one connection at a time waits at the one that it accepted first.
    fresh: VecDeque<Slot>,
    /// Those of connections that have just served a target that may be about to close them,
    /// the oldest first, and since when they rest.
    resting: VecDeque<(Slot, Moment)>,
    /// How many in a row the target ended before they could be used again.
    ended_unused: u32,
    births: u32,
    most: usize,
    /// How long the target said, last of all, that it keeps idle connections.
    idle_limit: Option<Duration>,
    /// Connections that are being opened ahead of need.
    ahead: usize,
    /// Connections that are being opened.
    opening: usize,
    /// Exchanges at a time that a connection serves at most, where they are streams.
    streams: Option<usize>,
    /// After how many exchanges the target has ended a connection, last of all.
    life: Option<u32>,
}

impl Pool {
    /// At most so many, with so many streams each where the protocol has streams.
    pub fn new(most: usize, streams: Option<usize>) -> Pool {
        Pool {
            all: Slab::new(),
            free: Vec::new(),
            fresh: VecDeque::new(),
            resting: VecDeque::new(),
            ended_unused: 0,
            births: 0,
            most,
            idle_limit: None,
            ahead: 0,
            opening: 0,
            streams,
            life: None,
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

    /// Whether no slot is free or being opened ahead of need.
    pub fn has_no_spare(&self) -> bool {
        self.free.is_empty() && self.fresh.is_empty() && self.ahead == 0
    }

    /// The key that the next new one will have.
    pub fn next_key(&self) -> ConnectionKey {
        ConnectionKey { index: self.all.vacant_key() as u32, birth: self.births.wrapping_add(1) }
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
        self.opening += 1;
        let state = State::Connecting(since, iteration);
        let connection = Connection::new(self.births, socket, state, self.streams);
        let index = self.all.insert(connection) as u32;
        ConnectionKey { index, birth: self.births }
    }

    /// A connection, unless it is gone.
    pub fn find(&mut self, key: ConnectionKey) -> Option<&mut Connection> {
        self.all.get_mut(key.index as usize).filter(|connection| connection.birth == key.birth)
    }

    /// Closes a connection.
    pub fn close(&mut self, key: ConnectionKey) {
        self.remove(key);
    }

    /// Closes a connection; what it was.
    pub fn remove(&mut self, key: ConnectionKey) -> Option<Connection> {
        let connection = self.find(key)?;
        if let State::Connecting(_, iteration) = connection.state {
            self.ahead -= usize::from(iteration.is_none());
            self.opening -= 1;
        }
        self.all.try_remove(key.index as usize)
    }

    /// A connection has been made: it is free, but for a slot if it was made for an iteration,
    /// which gets that.
    pub fn opened(&mut self, key: ConnectionKey, now: Moment) -> Option<Slot> {
        let connection = self.find(key)?;
        let State::Connecting(_, iteration) = connection.state else { return None };
        connection.state = State::Open(now);
        let room = connection.protocol.room();
        let is_taken = iteration.is_some();
        self.ahead -= usize::from(!is_taken);
        self.opening -= 1;
        if room > usize::from(is_taken) {
            self.give_back(Slot { on: key }, now);
        }
        is_taken.then_some(Slot { on: key })
    }

    /// A slot is free again.
    pub fn give_back(&mut self, slot: Slot, now: Moment) {
        let Some(connection) = self.find(slot.on) else { return };
        connection.state = State::Open(now);
        if std::mem::replace(&mut connection.is_offered, true) {
            return;
        }
        let has_served = connection.has_served;
        match has_served {
            true if self.ended_unused >= CAREFUL_FROM => self.resting.push_back((slot, now)),
            true => self.free.push(slot),
            false => self.fresh.push_back(slot),
        }
    }

    /// A connection of several slots may have another number of them now.
    pub fn offer(&mut self, key: ConnectionKey, now: Moment) {
        if self.find(key).is_some_and(|connection| connection.protocol.room() > 0) {
            self.give_back(Slot { on: key }, now);
        }
    }

    /// Whether those that are being opened have room for one more than so many.
    pub fn will_have_room(&self, waiting: usize) -> bool {
        self.streams.is_some_and(|streams| waiting < self.opening * streams - self.taken_ahead())
    }

    /// Slots of connections being opened that are taken already.
    fn taken_ahead(&self) -> usize {
        self.opening - self.ahead
    }

    /// Whether it is the target that keeps requests waiting, and not the ceiling.
    pub fn is_held_back(&self) -> bool {
        let is_held_back = |connection: &Connection| connection.protocol.is_held_back();
        self.streams.is_some()
            && (self.has_room()
                || self.opening > 0
                || self.all.iter().any(|(_, connection)| is_held_back(connection)))
    }

    /// The target takes no more exchanges on a connection.
    pub fn goes(&mut self, key: ConnectionKey) {
        let protocol = self.find(key).map(|connection| &connection.protocol);
        let begun = protocol.filter(|protocol| protocol.is_going_away()).map(Protocol::begun);
        self.life = begun.or(self.life);
    }

    /// Whether a connection is about to take its last exchanges, as others did, and now is the
    /// time to open the next.
    pub fn nears_its_end(&mut self, key: ConnectionKey) -> bool {
        let (Some(life), Some(streams)) = (self.life, self.streams) else { return false };
        let margin = (life / 10).max(1).max((2 * streams as u32).min(life / 2));
        self.find(key).is_some_and(|connection| connection.protocol.begun() == life - margin)
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
        self.remove_ended(key);
    }

    /// The same; what it was.
    pub fn remove_ended(&mut self, key: ConnectionKey) -> Option<Connection> {
        let connection = self.remove(key)?;
        let is_unannounced = connection.has_served && !connection.protocol.is_going_away();
        self.ended_unused = self.ended_unused.saturating_add(u32::from(is_unannounced));
        Some(connection)
    }

    /// The target said how long it keeps idle connections, or did not.
    pub fn limit_idling(&mut self, limit: Option<Duration>) {
        self.idle_limit = limit.or(self.idle_limit);
    }

    /// The slot used last, as its connection is the least likely to have been closed; or else
    /// the first of those that were opened ahead of need.
    pub fn take(&mut self, now: Moment) -> Option<Slot> {
        let limit = self.idle_limit;
        while let Some(slot) = self.next_free(now) {
            let Some(connection) = self.find(slot.on) else { continue };
            connection.is_offered = false;
            match (connection.is_busy(), connection.protocol.room()) {
                // It is offered again once it has room.
                (true, 0) => {}
                (false, 0) => self.close(slot.on),
                (is_busy, room) if is_busy || connection.is_fresh(now, limit) => {
                    if room > 1 {
                        connection.is_offered = true;
                        self.free.push(Slot { on: slot.on });
                    }
                    return Some(slot);
                }
                (_, _) => self.close(slot.on),
            }
        }
        None
    }

    fn next_free(&mut self, now: Moment) -> Option<Slot> {
        let has_room = self.has_room();
        let has_rested = |(_, since): &(Slot, Moment)| now.since(*since) >= REST;
        if self.resting.front().is_some_and(has_rested) {
            return self.resting.pop_front().map(|(slot, _)| slot);
        }
        self.free
            .pop()
            .or_else(|| self.fresh.pop_front())
            // Better than to wait for one.
            .or_else(|| if has_room { None } else { self.resting.pop_front().map(|rest| rest.0) })
    }

    /// Closes those that were opened ahead of need and have served nobody. One that is still
    /// being opened is closed once it is open and not needed.
    pub fn close_unused(&mut self) {
        while let Some(slot) = self.fresh.pop_front() {
            match self.find(slot.on) {
                Some(connection) if connection.has_served || connection.is_busy() => {
                    self.free.push(slot);
                }
                Some(_) | None => self.close(slot.on),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::engine::connection::StreamEnd;
    use crate::engine::transport::clock::ReceiveClock;
    use crate::engine::transport::endpoint::Endpoint;

    const SECOND: u64 = 1_000_000_000;

    fn open(pool: &mut Pool, iteration: Option<usize>) -> ConnectionKey {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut address = Endpoint::Tcp(listener.local_addr().unwrap().into());
        let socket = Socket::connect(&mut address, ReceiveClock::Generator).unwrap();
        let expected = pool.next_key();
        let key = pool.insert(socket, Moment(0), iteration);
        assert_eq!(key, expected);
        key
    }

    fn give_back(pool: &mut Pool, key: ConnectionKey, at: Moment) {
        if pool.find(key).is_some_and(|connection| matches!(connection.state, State::Open(_))) {
            pool.give_back(Slot { on: key }, at);
        } else if let Some(slot) = pool.opened(key, at) {
            pool.give_back(slot, at);
        }
    }

    fn taken(pool: &mut Pool, now: Moment) -> Option<ConnectionKey> {
        pool.take(now).map(|slot| slot.on)
    }

    #[test]
    fn the_ceiling_holds_and_the_last_used_is_taken_first() {
        let mut pool = Pool::new(2, None);
        let first = open(&mut pool, None);
        assert!(!pool.has_no_spare());
        let second = open(&mut pool, Some(7));
        assert!(!pool.has_room());
        for (key, at) in [(first, 1), (second, 2)] {
            pool.find(key).unwrap().has_served = true;
            give_back(&mut pool, key, Moment(at));
        }
        assert_eq!(taken(&mut pool, Moment(3)), Some(second));
        assert_eq!(taken(&mut pool, Moment(3)), Some(first));
        assert_eq!(taken(&mut pool, Moment(3)), None);
        assert!(pool.has_no_spare());
    }

    #[test]
    fn a_key_never_means_a_later_connection_in_the_same_place() {
        let mut pool = Pool::new(2, None);
        let first = open(&mut pool, None);
        give_back(&mut pool, first, Moment(0));
        pool.close(first);
        let second = open(&mut pool, None);
        assert_eq!(first.index, second.index);
        assert!(pool.find(first).is_none() && pool.find(second).is_some());
        assert_eq!(ConnectionKey::from_bits(second.to_bits()), second);
        assert_eq!(taken(&mut pool, Moment(0)), None, "the first one is gone");
    }

    #[test]
    fn a_connection_that_the_target_may_be_closing_is_not_used() {
        let mut pool = Pool::new(2, None);
        for (limit, idle, is_used) in [
            (5_000, 3 * SECOND, true),
            (5_000, 4 * SECOND, false),
            (1_000, SECOND / 100, true),
            (1_000, SECOND / 2, false),
            (0, 1, false),
        ] {
            pool.limit_idling(Some(Duration::from_millis(limit)));
            let key = open(&mut pool, None);
            give_back(&mut pool, key, Moment(0));
            let taken = taken(&mut pool, Moment(idle));
            assert_eq!(taken.is_some(), is_used, "{limit} ms, idle for {idle} ns");
            assert_eq!(pool.open(), usize::from(is_used), "what was not used is closed");
            pool.close(key);
        }
    }

    #[test]
    fn a_limit_that_is_not_named_again_still_holds() {
        let mut pool = Pool::new(1, None);
        pool.limit_idling(Some(Duration::from_secs(5)));
        pool.limit_idling(None);
        let key = open(&mut pool, None);
        give_back(&mut pool, key, Moment(0));
        assert_eq!(taken(&mut pool, Moment(4 * SECOND)), None);
    }

    #[test]
    fn those_opened_ahead_serve_in_the_order_of_their_opening_and_after_the_used_ones() {
        let mut pool = Pool::new(4, None);
        let keys: Vec<ConnectionKey> = (0..4).map(|_| open(&mut pool, None)).collect();
        pool.find(keys[3]).unwrap().has_served = true;
        for key in &keys {
            give_back(&mut pool, *key, Moment(1));
        }
        assert_eq!(taken(&mut pool, Moment(2)), Some(keys[3]));
        assert_eq!(taken(&mut pool, Moment(2)), Some(keys[0]));
        pool.close_unused();
        assert_eq!((taken(&mut pool, Moment(2)), pool.open()), (None, 2));
        assert!(pool.has_no_spare());
    }

    #[test]
    fn a_connection_whose_other_side_has_ended_is_not_taken() {
        for end in [StreamEnd::Ended, StreamEnd::Reset] {
            let mut pool = Pool::new(1, None);
            let key = open(&mut pool, None);
            pool.find(key).unwrap().end = end;
            give_back(&mut pool, key, Moment(0));
            assert_eq!((taken(&mut pool, Moment(1)), pool.open()), (None, 0));
        }
    }

    /// One connection that serves once and is ended by the target.
    fn serve_and_end(pool: &mut Pool) {
        let key = open(pool, None);
        pool.served(key);
        give_back(pool, key, Moment(0));
        pool.close_ended(key);
    }

    #[test]
    fn where_the_target_ends_what_it_has_served_a_connection_rests_before_it_is_used_again() {
        let mut pool = Pool::new(3, None);
        (0..CAREFUL_FROM).for_each(|_| serve_and_end(&mut pool));
        let [first, second] = [0, 1].map(|at| {
            let key = open(&mut pool, None);
            pool.served(key);
            give_back(&mut pool, key, Moment(at));
            key
        });
        assert_eq!(taken(&mut pool, Moment(REST - 1)), None);
        assert_eq!(taken(&mut pool, Moment(REST)), Some(first));
        assert_eq!(taken(&mut pool, Moment(REST)), None);
        let third = open(&mut pool, Some(1));
        assert_eq!(taken(&mut pool, Moment(REST)), Some(second), "there is room for no other");
        pool.served(second);
        pool.served(third);
        give_back(&mut pool, third, Moment(REST));
        assert_eq!(taken(&mut pool, Moment(REST)), Some(third), "one was used again");
    }

    /// Begins an exchange on a connection of several slots.
    fn begin(pool: &mut Pool, key: ConnectionKey, iteration: usize) {
        use crate::engine::protocol::Outgoing;
        use crate::engine::protocol::http2::message::Message;
        use crate::engine::protocol::reply::Call;
        use crate::http1::response::Expected;
        use crate::scenario::model::StepId;

        let expected = Expected { is_head: false, body_limit: 1 };
        let step = StepId(0);
        let call = Call {
            iteration,
            step,
            expected,
            keeps_body: false,
            keeps_head: false,
            is_shown: false,
        };
        let mut head = http::Request::new(());
        *head.uri_mut() = "http://a/".parse().unwrap();
        let message = Message { head, body: bytes::Bytes::new() };
        let connection = pool.find(key).unwrap();
        connection.begin(call, Outgoing::Http2(message), Moment(0)).unwrap();
    }

    #[test]
    fn a_connection_of_several_slots_is_used_up_before_the_next_and_taken_again_with_each_end() {
        let mut pool = Pool::new(2, Some(2));
        let [first, second] = [Some(9), None].map(|iteration| open(&mut pool, iteration));
        assert!(pool.will_have_room(2) && !pool.will_have_room(3), "one of four is taken");
        let slot = pool.opened(first, Moment(0)).unwrap();
        begin(&mut pool, slot.on, 9);
        assert_eq!(taken(&mut pool, Moment(0)), None, "the other side has not greeted");
        assert_eq!(pool.opened(second, Moment(0)), None);
        for key in [first, second] {
            let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
            pool.find(key).unwrap().protocol.receive(&mut &settings[..], &[]);
            pool.offer(key, Moment(0));
        }
        assert!(!pool.will_have_room(0));
        for (iteration, expected) in [(1, second), (2, second), (3, first)] {
            let key = taken(&mut pool, Moment(1)).unwrap();
            assert_eq!(key, expected, "for {iteration}");
            begin(&mut pool, key, iteration);
        }
        assert_eq!((taken(&mut pool, Moment(1)), pool.open()), (None, 2), "none is closed");
        pool.find(first).unwrap().protocol.take(9);
        pool.offer(first, Moment(2));
        pool.offer(first, Moment(2));
        assert_eq!(taken(&mut pool, Moment(3)), Some(first));
        begin(&mut pool, first, 4);
        assert_eq!(taken(&mut pool, Moment(3)), None, "it was offered twice, and has one");
        pool.find(second).unwrap().protocol.retire();
        pool.find(second).unwrap().protocol.take(2);
        pool.offer(second, Moment(4));
        assert_eq!(taken(&mut pool, Moment(5)), None, "it takes no more");
    }
}
