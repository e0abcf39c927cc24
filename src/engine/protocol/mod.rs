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
pub mod http2;
pub mod reply;
pub mod request;
pub mod websocket;

use std::time::Duration;

use crate::engine::protocol::http1::Http1;
use crate::engine::protocol::http2::Http2;
use crate::engine::protocol::http2::NotTaken;
use crate::engine::protocol::http2::message::Message;
use crate::engine::protocol::reply::{Call, Event, Fault, Reply, SoFar};
use crate::engine::protocol::websocket::WebSocket;
use crate::scenario::model::Step;

/// The protocol of one connection, and how far it has come.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the usual one is reached without a detour")]
pub enum Protocol {
    /// HTTP/1.1, and HTTP/1.0 answers.
    Http1(Http1),
    /// HTTP/2.
    Http2(Box<Http2>),
    /// A WebSocket, from the request that opens it on.
    WebSocket(Box<WebSocket>),
}

/// A request as its protocol sends it.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is handed on at once, and never kept")]
pub enum Outgoing<'r> {
    /// Bytes, which are written as they are.
    Http1(&'r [u8]),
    /// Fields and a body, which become frames.
    Http2(Message),
}

impl Protocol {
    /// Of a connection on which nothing has been said: HTTP/2 with so many streams at a time, or
    /// HTTP/1.1.
    pub fn new(streams: Option<usize>) -> Protocol {
        match streams {
            None => Protocol::Http1(Http1::new()),
            Some(streams) => Protocol::Http2(Box::new(Http2::new(streams))),
        }
    }

    /// How many exchanges the connection may take now, if none of those that it serves ends.
    pub fn room(&self) -> usize {
        match self {
            Protocol::Http1(http1) => usize::from(http1.under_way().is_none()),
            Protocol::Http2(http2) => http2.room(),
            // It is its user's, and nobody's afterwards.
            Protocol::WebSocket(_) => 0,
        }
    }

    /// Whether the connection serves several exchanges at a time.
    pub fn is_multiplexed(&self) -> bool {
        match self {
            Protocol::Http1(_) | Protocol::WebSocket(_) => false,
            Protocol::Http2(_) => true,
        }
    }

    /// Whether several exchanges are under way.
    pub fn has_several(&self) -> bool {
        match self {
            Protocol::Http1(_) | Protocol::WebSocket(_) => false,
            Protocol::Http2(http2) => http2.has_several(),
        }
    }

    /// Whether the other side allows fewer exchanges than the scenario does.
    pub fn is_held_back(&self) -> bool {
        match self {
            Protocol::Http1(_) | Protocol::WebSocket(_) => false,
            Protocol::Http2(http2) => http2.is_held_back(),
        }
    }

    /// Whether the other side has said that it takes no exchange more.
    pub fn is_going_away(&self) -> bool {
        match self {
            Protocol::Http1(_) | Protocol::WebSocket(_) => false,
            Protocol::Http2(http2) => http2.is_going_away(),
        }
    }

    /// How many exchanges have begun on it, as far as that is counted.
    pub fn begun(&self) -> u32 {
        match self {
            Protocol::Http1(_) | Protocol::WebSocket(_) => 0,
            Protocol::Http2(http2) => http2.begun(),
        }
    }

    /// Takes no exchange more; those under way go on.
    pub fn retire(&mut self) {
        match self {
            Protocol::Http1(_) | Protocol::WebSocket(_) => {}
            Protocol::Http2(http2) => http2.retire(),
        }
    }

    /// Begins an exchange; returns the bytes that are to be written for it, beside what waits in
    /// the output.
    pub fn begin<'r>(&mut self, call: Call, request: Outgoing<'r>) -> Result<&'r [u8], NotTaken> {
        match (self, request) {
            (Protocol::Http1(http1), Outgoing::Http1(bytes)) => {
                http1.begin(call);
                Ok(bytes)
            }
            (Protocol::Http2(http2), Outgoing::Http2(message)) => {
                http2.begin(call, message).map(|()| &[][..])
            }
            (Protocol::WebSocket(websocket), Outgoing::Http1(bytes)) => {
                websocket.begin(call);
                Ok(bytes)
            }
            (Protocol::Http1(_) | Protocol::WebSocket(_), Outgoing::Http2(_))
            | (Protocol::Http2(_), Outgoing::Http1(_)) => Err(NotTaken),
        }
    }

    /// Writes the exchanges that have begun into the output, where several are written at once.
    pub fn encode(&mut self) {
        match self {
            Protocol::Http1(_) | Protocol::WebSocket(_) => {}
            Protocol::Http2(http2) => http2.encode(),
        }
    }

    /// What the protocol itself has to say, to be given back once it is written.
    pub fn take_output(&mut self) -> Option<Vec<u8>> {
        match self {
            Protocol::Http1(_) => None,
            Protocol::Http2(http2) => Some(http2.take_output()),
            Protocol::WebSocket(websocket) => Some(websocket.take_output()),
        }
    }

    /// The memory of what was written.
    pub fn give_back_output(&mut self, written: Vec<u8>) {
        match self {
            Protocol::Http1(_) => {}
            Protocol::Http2(http2) => http2.give_back_output(written),
            Protocol::WebSocket(websocket) => websocket.give_back_output(written),
        }
    }

    /// Whether an iteration's exchange is under way.
    pub fn serves(&self, iteration: usize) -> bool {
        match self {
            Protocol::Http1(http1) => http1.under_way() == Some(iteration),
            Protocol::Http2(http2) => http2.serves(iteration),
            Protocol::WebSocket(websocket) => websocket.under_way() == Some(iteration),
        }
    }

    /// Whether more came behind what the last event told, in the same bytes, for others.
    pub fn is_followed(&self) -> bool {
        match self {
            Protocol::Http1(_) | Protocol::WebSocket(_) => false,
            Protocol::Http2(http2) => http2.is_followed(),
        }
    }

    /// The iteration of an exchange that is under way.
    pub fn under_way(&self) -> Option<usize> {
        match self {
            Protocol::Http1(http1) => http1.under_way(),
            Protocol::Http2(http2) => http2.under_way(),
            Protocol::WebSocket(websocket) => websocket.under_way(),
        }
    }

    /// Takes what has come, in its order, up to the next event; that, and for which iteration.
    /// Is called until it returns nothing.
    pub fn receive(&mut self, bytes: &mut &[u8], steps: &[Step]) -> Option<(usize, Event)> {
        match self {
            Protocol::Http1(http1) => http1.receive(bytes, steps),
            Protocol::Http2(http2) => http2.receive(bytes, steps),
            Protocol::WebSocket(websocket) => websocket.receive(bytes),
        }
    }

    /// The other side's stream has ended: what that is for an exchange under way.
    pub fn end_of_stream(&mut self) -> Option<(usize, Event)> {
        match self {
            Protocol::Http1(http1) => http1.end_of_stream(),
            Protocol::WebSocket(websocket) => websocket.end_of_stream(),
            Protocol::Http2(http2) => {
                let cut_off = |iteration| (iteration, Event::Reset(Fault::CutOff));
                http2.under_way().map(cut_off)
            }
        }
    }

    /// What has come of the answer to an iteration, whose body is kept.
    pub fn so_far(&mut self, iteration: usize) -> Option<SoFar<'_>> {
        match self {
            Protocol::Http1(http1) => http1.so_far(iteration),
            Protocol::Http2(http2) => http2.so_far(iteration),
            Protocol::WebSocket(websocket) => websocket.so_far(iteration),
        }
    }

    /// The WebSocket, where it is one.
    pub fn websocket(&mut self) -> Option<&mut WebSocket> {
        match self {
            Protocol::Http1(_) | Protocol::Http2(_) => None,
            Protocol::WebSocket(websocket) => Some(websocket),
        }
    }

    /// Ends an iteration's exchange; what has come of its answer.
    pub fn take(&mut self, iteration: usize) -> Reply {
        match self {
            Protocol::Http1(http1) => http1.take(iteration),
            Protocol::Http2(http2) => http2.take(iteration),
            Protocol::WebSocket(websocket) => websocket.take(),
        }
    }

    /// Whether the connection may serve others after an exchange was given up.
    pub fn outlives_giving_up(&self) -> bool {
        match self {
            // The answer would still come, and would be taken for the next one's.
            Protocol::Http1(_) | Protocol::WebSocket(_) => false,
            Protocol::Http2(_) => true,
        }
    }

    /// Whether the connection may serve another exchange after the last answer.
    pub fn keeps_alive(&self) -> bool {
        match self {
            Protocol::Http1(http1) => http1.keeps_alive(),
            Protocol::Http2(http2) => http2.keeps_alive(),
            Protocol::WebSocket(_) => false,
        }
    }

    /// How long the target said, in the last answer, that it keeps an idle connection.
    pub fn idle_limit(&self) -> Option<Duration> {
        match self {
            Protocol::Http1(http1) => http1.idle_limit(),
            Protocol::Http2(_) | Protocol::WebSocket(_) => None,
        }
    }

    /// Whether the end of the connection is the end of the last answer.
    pub fn ends_by_close(&self) -> bool {
        match self {
            Protocol::Http1(http1) => http1.ends_by_close(),
            Protocol::Http2(_) | Protocol::WebSocket(_) => false,
        }
    }
}
