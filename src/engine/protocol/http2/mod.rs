//! HTTP/2 on one connection: several exchanges at a time, each a stream.
//!
//! | state | event | next |
//! | --- | --- | --- |
//! | open | begin | open, a stream more |
//! | open | bytes | open, with events of those whose frames they are |
//! | open | `GOAWAY`, nothing heard for too long | going: no stream more |
//! | open, going | a fault of the connection | over: every stream ends |
//! | any | take | a stream less; one that was not whole is reset |
//!
//! The `h2` crate knows the protocol. It is polled by hand on both ends of a [`pipe`], whenever
//! something was put into it, so that nobody has to be woken. [`frames`](crate::http2::frames) tells which streams some
//! bytes touch and where their frames end; [`blocks`](crate::http2::blocks) which of them have a status; [`message`]
//! writes the requests.

pub mod message;
mod pipe;
mod stream;

use std::cell::RefCell;
use std::future::Future;
use std::mem;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use slab::Slab;

use crate::engine::parts::keep_start;
use crate::engine::protocol::http2::message::Message;
use crate::engine::protocol::http2::pipe::{End, Pipe};
use crate::engine::protocol::http2::stream::{Stream, nobody};
use crate::engine::protocol::reply::{Call, Event, Fault, Reply, SoFar};
use crate::http1::response::MAX_HEAD;
use crate::http1::unreadable::Unreadable;
use crate::http2::blocks::Heads;
use crate::http2::frames::{Amiss, Frames, Touch};
use crate::scenario::model::Step;

/// What the other side may send unasked, of one stream and of all. Everything is read at once,
/// so the target never waits for a window.
const WINDOW: u32 = (1 << 30) - 1;
/// What pieces of bodies may cost beside their bytes until they are read, which is at once; what
/// bounds their number is that of [`frames`](crate::http2::frames).
const PIECES: usize = 1 << 40;
/// Streams that were given up and whose last frames are still awaited.
const GIVEN_UP: usize = 1_000;

/// One connection's state.
#[derive(Debug)]
pub struct Http2 {
    connection: Connection<End, Bytes>,
    sender: SendRequest<Bytes>,
    pipe: Rc<RefCell<Pipe>>,
    frames: Frames,
    /// Streams that the last bytes touched, and how many of those have been looked at.
    touched: Vec<Touch>,
    looked_at: usize,
    /// How long those bytes were.
    fed: usize,
    /// Whether more than its own came behind the answer of the last event, in the same bytes.
    is_followed: bool,
    streams: Slab<Stream>,
    /// Those under way, by their numbers, which only grow.
    order: Vec<Entry>,
    /// Whether the crate has something to do that it was not asked for yet: to write a request, or
    /// that one was given up.
    is_behind: bool,
    /// At most so many at a time.
    most: usize,
    /// At most so many for the other side, as it said last.
    allowed: usize,
    /// How many have begun.
    begun: u32,
    /// It takes no stream more.
    is_going: bool,
    /// It takes nothing more at all, and why.
    over: Option<Fault>,
    /// The start of what came instead of HTTP/2.
    foreign: Vec<u8>,
}

/// Where a stream is.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: u32,
    index: usize,
    iteration: usize,
    /// The heads of its answer.
    heads: Heads,
}

/// A connection that turned out to take no more requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotTaken;

impl Http2 {
    /// Nothing has been said but the preface. At most so many exchanges at a time.
    pub(super) fn new(most: usize) -> Http2 {
        let pipe = Rc::new(RefCell::new(Pipe::default()));
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .initial_max_send_streams(most)
            .max_header_list_size(MAX_HEAD as u32)
            .data_frame_budget(PIECES)
            .max_concurrent_reset_streams(GIVEN_UP)
            .max_local_error_reset_streams(None);
        let handshake = pin!(builder.handshake(End(Rc::clone(&pipe))));
        let Poll::Ready(Ok((sender, connection))) = handshake.poll(&mut nobody()) else {
            unreachable!("the preface is written into memory, which takes everything")
        };
        let mut http2 = Http2 {
            connection,
            sender,
            pipe,
            frames: Frames::default(),
            touched: Vec::new(),
            looked_at: 0,
            fed: 0,
            is_followed: false,
            streams: Slab::new(),
            order: Vec::new(),
            is_behind: false,
            most,
            allowed: most,
            begun: 0,
            is_going: false,
            over: None,
            foreign: Vec::new(),
        };
        http2.drive();
        http2
    }

    /// Exchanges that it may take now.
    pub(super) fn room(&self) -> usize {
        if self.is_going || self.over.is_some() {
            return 0;
        }
        // How many it allows is known once it has greeted; what were too many would be refused.
        let allowed = if self.frames.has_greeted { self.allowed } else { 1 };
        self.most.min(allowed).saturating_sub(self.order.len())
    }

    /// Whether the other side allows fewer exchanges than the scenario.
    pub(super) fn is_held_back(&self) -> bool {
        self.is_going || self.allowed < self.most
    }

    /// Whether the other side has said that it takes no stream more.
    pub(super) fn is_going_away(&self) -> bool {
        self.frames.is_going_away
    }

    /// How many exchanges have begun on it.
    pub(super) fn begun(&self) -> u32 {
        self.begun
    }

    /// Takes no exchange more; those under way go on.
    pub(super) fn retire(&mut self) {
        self.is_going = true;
    }

    /// Begins an exchange. It is written with the output that is taken next.
    pub(super) fn begin(&mut self, call: Call, message: Message) -> Result<(), NotTaken> {
        let Message { head, body } = message;
        self.frames.expects_windows(body.len());
        let sent = self.sender.send_request(head, body.is_empty());
        let Ok((response, mut request)) = sent else {
            self.is_going = true;
            return Err(NotTaken);
        };
        if !body.is_empty() {
            // An error is told by the answer.
            let _ = request.send_data(body, true);
        }
        let id = response.stream_id().as_u32();
        let iteration = call.iteration;
        let index = self.streams.insert(Stream::new(call, response, request));
        self.order.push(Entry { id, index, iteration, heads: Heads::default() });
        self.begun = self.begun.saturating_add(1);
        self.is_behind = true;
        Ok(())
    }

    /// The first iteration whose exchange is under way.
    pub(super) fn under_way(&self) -> Option<usize> {
        self.order.first().map(|entry| entry.iteration)
    }

    /// Whether several are.
    pub(super) fn has_several(&self) -> bool {
        self.order.len() > 1
    }

    /// Whether an iteration's exchange is.
    pub(super) fn serves(&self, iteration: usize) -> bool {
        self.order.iter().any(|entry| entry.iteration == iteration)
    }

    /// Takes bytes up to those with which something became of an exchange, which is told; is
    /// called until there is nothing more to tell.
    pub(super) fn receive(&mut self, bytes: &mut &[u8], steps: &[Step]) -> Option<(usize, Event)> {
        loop {
            while let Some(touch) = self.touched.get(self.looked_at).copied() {
                self.looked_at += 1;
                if let Some((iteration, event, end)) = self.look(touch, steps) {
                    self.is_followed = end < self.fed || !bytes.is_empty();
                    return Some((iteration, event));
                }
            }
            if let Some(fault) = self.over {
                *bytes = &[];
                return self.under_way().map(|iteration| (iteration, Event::Reset(fault)));
            }
            if bytes.is_empty() {
                return None;
            }
            self.feed(bytes);
        }
    }

    /// Hands the next bytes over, and notes whom they touch.
    fn feed(&mut self, bytes: &mut &[u8]) {
        // The crate must have opened a stream before it reads of it.
        self.encode();
        self.touched.clear();
        self.looked_at = 0;
        let order = &self.order;
        let is_open = |id| order.binary_search_by_key(&id, |entry| entry.id).is_ok();
        let was_going = self.frames.is_going_away;
        match self.frames.look(bytes, is_open, &mut self.touched) {
            Ok(taken) => {
                let (now, later) = bytes.split_at(taken);
                self.pipe.borrow_mut().fill(now);
                *bytes = later;
                self.fed = taken;
                self.drive();
            }
            Err(Amiss::Foreign) => {
                keep_start(&mut self.foreign, bytes);
                self.over = Some(Fault::Unreadable(Unreadable::Malformed));
            }
            Err(Amiss::Flood) => self.over = Some(Fault::Unreadable(Unreadable::Malformed)),
        }
        for (stream, block) in self.frames.ended.drain(..) {
            let found = self.order.binary_search_by_key(&stream, |entry| entry.id);
            if let Ok(at) = found {
                self.order[at].heads.hear(block);
            }
        }
        if self.frames.is_going_away && !was_going {
            self.is_going = true;
        }
        if self.frames.is_going_away {
            // Those that it does not serve any more have come to their end.
            self.touched.extend(self.order.iter().map(|entry| Touch { stream: entry.id, end: 0 }));
        }
    }

    /// Lets the crate do what can be done now. It costs as much for many exchanges as for one.
    fn drive(&mut self) {
        self.is_behind = false;
        if self.over.is_some() {
            return;
        }
        match Pin::new(&mut self.connection).poll(&mut nobody()) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.over = Some(Fault::StreamReset),
            Poll::Ready(Err(_)) => self.over = Some(Fault::Unreadable(Unreadable::Malformed)),
        }
        self.allowed = self.sender.current_max_send_streams();
    }

    /// What has become of a stream.
    fn look(&mut self, touch: Touch, steps: &[Step]) -> Option<(usize, Event, usize)> {
        let found = self.order.binary_search_by_key(&touch.stream, |entry| entry.id).ok()?;
        let Entry { index, iteration, heads, .. } = self.order[found];
        if heads.is_amiss {
            let event = Event::Reset(Fault::Unreadable(Unreadable::Malformed));
            return Some((iteration, event, touch.end));
        }
        let event = self.streams[index].look(steps);
        // Nothing of its own came with the word that others go.
        let is_told = touch.end > 0 || matches!(event, Event::Reset(_));
        is_told.then_some((iteration, event, touch.end))
    }

    /// Whether more came behind what was told of last.
    pub(super) fn is_followed(&self) -> bool {
        self.is_followed
    }

    /// What has come of the answer to an iteration.
    pub(super) fn so_far(&mut self, iteration: usize) -> Option<SoFar<'_>> {
        let found = self.order.iter().find(|entry| entry.iteration == iteration)?;
        Some(self.streams.get_mut(found.index)?.so_far())
    }

    /// Ends an iteration's exchange; one that is not whole is reset. What has come of its answer.
    pub(super) fn take(&mut self, iteration: usize) -> Reply {
        let found = self.order.iter().position(|entry| entry.iteration == iteration);
        let Some(found) = found else { return Reply::default() };
        let Entry { index, .. } = self.order.remove(found);
        let mut reply = self.streams.remove(index).end();
        if reply.heard.is_empty() && !self.foreign.is_empty() {
            reply.heard.clone_from(&self.foreign);
        }
        self.is_behind = true;
        reply
    }

    /// Whether it may take exchanges.
    pub(super) fn keeps_alive(&self) -> bool {
        !self.is_going && self.over.is_none()
    }

    /// Makes frames of the exchanges that have begun since, and of those that were given up.
    pub(super) fn encode(&mut self) {
        if self.is_behind {
            self.drive();
        }
    }

    /// What is to be written, to be given back when it has been.
    pub(super) fn take_output(&mut self) -> Vec<u8> {
        self.encode();
        mem::take(&mut self.pipe.borrow_mut().output)
    }

    /// The same memory serves again.
    pub(super) fn give_back_output(&mut self, mut written: Vec<u8>) {
        written.clear();
        self.pipe.borrow_mut().output = written;
    }
}

#[cfg(test)]
mod tests;
