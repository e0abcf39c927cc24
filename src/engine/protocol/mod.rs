//! What the bytes of a connection mean: sans-IO, one state machine for each connection.
//!
//! A worker begins an exchange on a connection, hands over what comes, and is told what it is
//! for which exchange: a [`Event::Head`], [`Event::Data`], the [`Event::End`] or a
//! [`Event::Reset`]. What has come of an answer is taken out as a [`Reply`] when the exchange
//! is over, however it ended. Neither sockets nor clocks are known here.
//!
//! Another protocol is a variant of [`Protocol`] and a file beside [`http1`]; how its requests
//! are written belongs here as well ([`request`]).

pub mod http1;
pub mod reply;
pub mod request;

use std::time::Duration;

use crate::engine::protocol::http1::Http1;
use crate::engine::protocol::reply::{Call, Event, Reply};
use crate::scenario::model::Step;

/// The protocol of one connection, and how far it has come.
#[derive(Debug)]
pub enum Protocol {
    /// HTTP/1.1, and HTTP/1.0 answers.
    Http1(Http1),
}

impl Protocol {
    /// Of a connection on which nothing has been said.
    pub fn new() -> Protocol {
        Protocol::Http1(Http1::new())
    }

    /// How many exchanges a connection serves at a time.
    pub fn slots(&self) -> usize {
        match self {
            Protocol::Http1(_) => 1,
        }
    }

    /// Begins an exchange.
    pub fn begin(&mut self, call: Call) {
        match self {
            Protocol::Http1(http1) => http1.begin(call),
        }
    }

    /// The iteration of an exchange that is under way.
    pub fn under_way(&self) -> Option<usize> {
        match self {
            Protocol::Http1(http1) => http1.under_way(),
        }
    }

    /// Takes what has come, in its order, up to the next event; that, and for which iteration.
    /// Is called until it returns nothing.
    pub fn receive(&mut self, bytes: &mut &[u8], steps: &[Step]) -> Option<(usize, Event)> {
        match self {
            Protocol::Http1(http1) => http1.receive(bytes, steps),
        }
    }

    /// The other side's stream has ended: what that is for an exchange under way.
    pub fn end_of_stream(&mut self) -> Option<(usize, Event)> {
        match self {
            Protocol::Http1(http1) => http1.end_of_stream(),
        }
    }

    /// Ends an iteration's exchange; what has come of its answer.
    pub fn take(&mut self, iteration: usize) -> Reply {
        match self {
            Protocol::Http1(http1) => http1.take(iteration),
        }
    }

    /// Whether the connection may serve others after an exchange was given up.
    pub fn outlives_giving_up(&self) -> bool {
        match self {
            // The answer would still come, and would be taken for the next one's.
            Protocol::Http1(_) => false,
        }
    }

    /// Whether the connection may serve another exchange after the last answer.
    pub fn keeps_alive(&self) -> bool {
        match self {
            Protocol::Http1(http1) => http1.keeps_alive(),
        }
    }

    /// How long the target said, in the last answer, that it keeps an idle connection.
    pub fn idle_limit(&self) -> Option<Duration> {
        match self {
            Protocol::Http1(http1) => http1.idle_limit(),
        }
    }

    /// Whether the end of the connection is the end of the last answer.
    pub fn ends_by_close(&self) -> bool {
        match self {
            Protocol::Http1(http1) => http1.ends_by_close(),
        }
    }
}

impl Default for Protocol {
    fn default() -> Self {
        Protocol::new()
    }
}
