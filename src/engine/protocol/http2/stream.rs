//! One exchange of an HTTP/2 connection: what has come of its answer, and what that is to those
//! who wait for it. Dropping it before its end resets it.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::response::Parts;

use crate::engine::evidence;
use crate::engine::parts::keep_start;
use crate::engine::protocol::reply::{Call, Event, Fault, Reply, SoFar};
use crate::http1::coding::Codings;
use crate::http1::head::is_event_stream;
use crate::http1::unreadable::Unreadable;
use crate::scenario::model::Step;

/// So many bytes are taken before the other side's window is opened again. What is left of them is
/// given back when the stream is dropped.
const TAKEN: usize = 1 << 20;

/// One exchange.
#[derive(Debug)]
pub(super) struct Stream {
    call: Call,
    /// Until the head of the answer is there.
    response: Option<ResponseFuture>,
    /// From then on.
    answer: Option<(Parts, RecvStream)>,
    /// As long as it is held the request goes on.
    _request: SendStream<Bytes>,
    reply: Reply,
    /// The first piece of the body that has come since the last look.
    start: Option<Bytes>,
    /// Bytes of the body by which the other side's window is smaller.
    taken: usize,
}

impl Stream {
    /// One that is asked for, with what goes out and what will come in.
    pub(super) fn new(call: Call, response: ResponseFuture, request: SendStream<Bytes>) -> Stream {
        let (response, reply) = (Some(response), Reply::default());
        Stream { call, response, answer: None, _request: request, reply, start: None, taken: 0 }
    }

    /// Ends it: what has come of its answer.
    pub(super) fn end(self) -> Reply {
        self.reply
    }

    /// The same while more is awaited.
    pub(super) fn so_far(&mut self) -> SoFar<'_> {
        let kind = self.answer.as_ref().and_then(|(head, _)| head.headers.get(CONTENT_TYPE));
        SoFar {
            status: self.reply.status,
            is_event_stream: kind.is_some_and(|kind| is_event_stream(kind.as_bytes())),
            codings: self.reply.codings,
            body: &mut self.reply.body,
        }
    }

    /// What has come of its answer.
    pub(super) fn look(&mut self, steps: &[Step]) -> Event {
        if let Some(response) = &mut self.response {
            match Pin::new(response).poll(&mut nobody()) {
                Poll::Pending => return Event::Head,
                Poll::Ready(Err(error)) => return Event::Reset(fault(&error)),
                Poll::Ready(Ok(response)) => self.begin(response.into_parts()),
            }
        }
        let event = self.read();
        self.hear(event, steps);
        event
    }

    fn begin(&mut self, (head, body): (Parts, RecvStream)) {
        self.response = None;
        self.reply.status = Some(head.status.as_u16());
        self.reply.codings = codings(&head.headers);
        if self.call.keeps_head {
            write_lines(&head, |part| self.reply.head.extend_from_slice(part));
        }
        self.answer = Some((head, body));
    }

    /// Reads what there is of the body.
    fn read(&mut self) -> Event {
        let Some((head, body)) = &mut self.answer else { return Event::Head };
        loop {
            let piece = match body.poll_data(&mut nobody()) {
                Poll::Pending => return Event::Data,
                Poll::Ready(None) => return Event::End { is_clean: true },
                Poll::Ready(Some(Err(error))) => return Event::Reset(fault_in_body(&error, head)),
                Poll::Ready(Some(Ok(piece))) => piece,
            };
            self.taken += piece.len();
            if self.taken >= TAKEN {
                // The window is only opened again; it cannot be too small.
                let _ = body.flow_control().release_capacity(mem::take(&mut self.taken));
            }
            self.reply.body_bytes += piece.len() as u64;
            if self.reply.body_bytes > self.call.expected.body_limit {
                return Event::Reset(Fault::Unreadable(Unreadable::TooLarge));
            }
            if self.call.keeps_body {
                self.reply.body.extend_from_slice(&piece);
            }
            if !self.reply.heard.is_empty() {
                keep_start(&mut self.reply.heard, &piece);
            } else if self.start.is_none() {
                self.start = Some(piece);
            }
        }
    }

    /// Keeps how the answer began, unless it is whole and plainly right.
    fn hear(&mut self, event: Event, steps: &[Step]) {
        let Some((head, _)) = &self.answer else { return };
        let start = self.start.take().unwrap_or_default();
        let is_whole = matches!(event, Event::End { .. });
        let status = self.reply.status.filter(|_| is_whole && !self.call.is_shown);
        let step = &steps[self.call.step.index()];
        if self.reply.heard.is_empty() && !evidence::is_plain(step, status) {
            write_head(&mut self.reply.heard, head);
            keep_start(&mut self.reply.heard, &start);
        }
    }
}

/// A head as HTTP/1.1 would have it, for those who read it.
fn write_head(heard: &mut Vec<u8>, head: &Parts) {
    write_lines(head, |part| keep_start(heard, part));
}

fn write_lines(head: &Parts, mut write: impl FnMut(&[u8])) {
    write(format!("HTTP/2 {}\r\n", head.status.as_u16()).as_bytes());
    for (name, value) in &head.headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            write(part);
        }
    }
    write(b"\r\n");
}

/// What must be undone to read the body.
fn codings(fields: &HeaderMap) -> Codings {
    let mut codings = Codings::default();
    fields.get_all(CONTENT_ENCODING).iter().for_each(|value| codings.add(value.as_bytes()));
    codings
}

/// Why an answer will never be whole.
fn fault(error: &h2::Error) -> Fault {
    let is_refused = error.reason() == Some(Reason::REFUSED_STREAM);
    match () {
        // The first stream that was not begun with is named by GOAWAY, and all behind it.
        () if error.is_remote() && (is_refused || error.is_go_away()) => Fault::Refused,
        () if error.is_remote() || error.is_io() => Fault::StreamReset,
        () => Fault::Unreadable(Unreadable::Malformed),
    }
}

/// The same once the head was there.
fn fault_in_body(error: &h2::Error, head: &Parts) -> Fault {
    let is_protocol = error.is_library() && error.reason() == Some(Reason::PROTOCOL_ERROR);
    if is_protocol && error.is_reset() && head.headers.contains_key(CONTENT_LENGTH) {
        return Fault::Unreadable(Unreadable::BadLength);
    }
    match fault(error) {
        // What it has begun to answer it has begun with, whatever it says.
        Fault::Refused => Fault::StreamReset,
        other => other,
    }
}

/// Nobody has to be woken.
pub(super) fn nobody() -> Context<'static> {
    Context::from_waker(Waker::noop())
}
