//! One connection of a worker: a socket, a protocol on it, and what both are up to.
//!
//! | state | event | next |
//! | --- | --- | --- |
//! | connecting | connected | open |
//! | connecting | refused, time limit | closed |
//! | open, an exchange under way | its answer is whole | open, or closed when it may not be reused |
//! | open, an exchange under way | broken; its time limit, if the protocol says so | closed |
//! | open, several under way | one is whole, reset or given up | open, unless none may follow and it was the last |
//! | open, an exchange under way | the other side's end, and no answer yet | open, until it is known whether the request reached it |
//! | open, idle | bytes, or the other side's end | closed; bytes of HTTP/2 are read first |
//! | open, idle, never used | few requests are due | closed |
//!
//! That the other side has ended its stream may be learnt with an answer, before it, or
//! while the connection is idle; from then on it serves no other request.

use std::io;
use std::time::Duration;

use crate::engine::protocol::http2::NotTaken;
use crate::engine::protocol::reply::Call;
use crate::engine::protocol::{Outgoing, Protocol};
use crate::engine::transport::socket::Socket;
use crate::engine::transport::tcp::is_not_yet;
use crate::engine::transport::tcp::{Control, Received};
use crate::units::Moment;

/// A connection is not used again when the target may be about to close it: so long before
/// the time that it named, and at most half of that time.
const IDLE_MARGIN: Duration = Duration::from_secs(1);

/// A connection that may be gone: its place, and which of the connections that were ever
/// there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionKey {
    /// Its place in memory.
    pub index: u32,
    /// Which of those that were ever there.
    pub birth: u32,
}

impl ConnectionKey {
    /// For the poller.
    pub fn to_bits(self) -> u64 {
        u64::from(self.birth) << 32 | u64::from(self.index)
    }

    /// Back from the poller.
    pub fn from_bits(bits: u64) -> ConnectionKey {
        ConnectionKey { index: bits as u32, birth: (bits >> 32) as u32 }
    }
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Since a moment, for an iteration or ahead of need.
    Connecting(Moment, Option<usize>),
    /// Connected; the moment is that of its latest use.
    Open(Moment),
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

/// A request that has begun on a connection and is not written yet.
#[derive(Debug, Clone, Copy)]
pub struct Unsent {
    /// Whose.
    pub iteration: usize,
    /// Tells that from others that were in its place.
    pub ticket: u64,
    /// When the connection was there for it.
    pub ready: Moment,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    /// Tells it from others that were in its place.
    pub birth: u32,
    /// The socket.
    pub socket: Socket,
    /// What it is doing.
    pub state: State,
    /// What its bytes mean, and whose they are.
    pub protocol: Protocol,
    /// What the socket did not take of the request.
    pub unwritten: Vec<u8>,
    /// Bytes of the request under way that the socket took.
    pub written: usize,
    /// Requests that have begun and are written together, where it serves several at a time.
    pub unsent: Vec<Unsent>,
    /// Whether it has served a request: the target may close it at any time.
    pub has_served: bool,
    /// What is known of the other side's end.
    pub end: StreamEnd,
    /// Whether it stands among those that have room.
    pub is_offered: bool,
    /// When all that had come was read, last of all.
    pub drained: Moment,
}

impl Connection {
    /// One that is connecting, with so many exchanges at a time if they are streams.
    pub fn new(birth: u32, socket: Socket, state: State, streams: Option<usize>) -> Connection {
        Connection {
            birth,
            socket,
            state,
            protocol: Protocol::new(streams),
            unwritten: Vec::new(),
            written: 0,
            unsent: Vec::new(),
            has_served: false,
            end: StreamEnd::Open,
            is_offered: false,
            drained: Moment(0),
        }
    }

    /// Begins an exchange; if it is the only one, those before are forgotten. Returns the bytes
    /// to be written for it.
    pub fn begin<'r>(
        &mut self,
        call: Call,
        request: Outgoing<'r>,
        ready: Moment,
    ) -> Result<&'r [u8], NotTaken> {
        self.state = State::Open(ready);
        if !self.is_busy() {
            self.socket.begin();
            self.written = 0;
        }
        self.protocol.begin(call, request)
    }

    /// Writes a request, and what the protocol has to say, as far as the socket takes it.
    pub fn write(&mut self, bytes: &[u8]) {
        match self.protocol.take_output() {
            None => self.write_bytes(bytes),
            Some(output) => {
                // What opens a WebSocket; all else is in the output.
                if !bytes.is_empty() {
                    self.write_bytes(bytes);
                }
                if !output.is_empty() {
                    self.write_bytes(&output);
                }
                self.protocol.give_back_output(output);
            }
        }
    }

    fn write_bytes(&mut self, bytes: &[u8]) {
        if !self.unwritten.is_empty() {
            self.unwritten.extend_from_slice(bytes);
            return self.write_rest();
        }
        match self.socket.write(bytes) {
            Ok(written) => {
                self.written += written;
                self.unwritten.extend_from_slice(&bytes[written..]);
                // A session takes a piece at a time, though the kernel would take more.
                self.write_rest();
            }
            Err(error) if is_not_yet(&error) => self.unwritten.extend_from_slice(bytes),
            // The poller will say that it is closed, and reading will tell why.
            Err(_) => self.end = StreamEnd::Reset,
        }
    }

    /// Whether all of the request has gone out.
    pub fn is_written(&self) -> bool {
        self.unwritten.is_empty() && self.socket.is_flushed()
    }

    /// Writes what was not taken before.
    pub fn write_rest(&mut self) {
        if self.socket.flush().is_err() {
            self.end = StreamEnd::Reset;
            return self.unwritten.clear();
        }
        while !self.unwritten.is_empty() {
            match self.socket.write(&self.unwritten) {
                Ok(written) => {
                    self.written += written;
                    self.unwritten.drain(..written);
                }
                Err(error) if is_not_yet(&error) => return,
                // The target may have answered before it closed: reading tells.
                Err(_) => {
                    self.end = StreamEnd::Reset;
                    return self.unwritten.clear();
                }
            }
        }
    }

    /// Reads from the socket: how much, and when it arrived. The end of the stream is noted.
    pub fn read(&mut self, buffer: &mut [u8], control: &mut Control) -> io::Result<Received> {
        let received = self.socket.read(buffer, control)?;
        if received.bytes == 0 && self.end == StreamEnd::Open {
            self.end = StreamEnd::Ended;
        }
        Ok(received)
    }

    /// Whether an exchange is under way on it.
    pub fn is_busy(&self) -> bool {
        self.protocol.under_way().is_some()
    }

    /// Whether others may be served after an exchange that did not end well.
    pub fn may_go_on(&self) -> bool {
        self.protocol.keeps_alive() && self.end == StreamEnd::Open
    }

    /// Whether it may serve another request after a complete response.
    pub fn is_reusable(&self) -> bool {
        // What is left to be written or read may be others'.
        let is_done =
            self.protocol.is_multiplexed() || (self.is_written() && !self.socket.has_more(0, 1));
        is_done && self.may_go_on()
    }

    /// Whether one that is idle may be used, by how long the target keeps idle connections.
    pub fn is_fresh(&self, now: Moment, limit: Option<Duration>) -> bool {
        let State::Open(since) = self.state else { return false };
        let idle = Duration::from_nanos(now.since(since));
        self.end == StreamEnd::Open
            && limit.is_none_or(|limit| idle + IDLE_MARGIN.min(limit / 2) < limit)
    }
}
