//! A WebSocket on one connection, from the request that opens it on (RFC 6455): bytes in and out,
//! messages out and in.
//!
//! | state | event | next |
//! | --- | --- | --- |
//! | opening | a 101 that answers the key | open |
//! | opening | any other answer | over, as an exchange of HTTP/1.1 |
//! | open | a message, a ping (answered at once), a pong | open |
//! | open | the target's close (answered at once), no frame, too large a message | over |
//! | open | take | over, with a close on its way |
//!
//! The frames are the `tungstenite` crate's, over bytes in memory. What comes is hostile: a message
//! has at most [`MAX_MESSAGE`] bytes, and a length is refused before there is room for it.

use std::io::{self, Read, Write};
use std::mem;

use bytes::Bytes;
use tungstenite::error::CapacityError;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

use crate::engine::parts::keep_start;
use crate::engine::protocol::reply::{Call, Event, Fault, Reply, SoFar};
use crate::http1::response::{Expected, Fed, Response};
use crate::http1::upgrade::opens_websocket;

/// The largest message, and frame, that is read.
pub const MAX_MESSAGE: usize = 1024 * 1024;
/// Room to read in that each has from its beginning.
const BUFFER: usize = 4 * 1024;
/// Each ping is answered: who sends more of them wants to fill memory.
const MOST_PINGS: u32 = 10_000;

/// One connection's state.
#[derive(Debug)]
pub struct WebSocket {
    call: Option<Call>,
    response: Response,
    /// The answer's head, as long as it is not whole.
    head: Vec<u8>,
    /// What answers the key.
    accept: String,
    /// Once it is open.
    open: Option<Open>,
    is_refused: bool,
    /// The start of what came.
    heard: Vec<u8>,
    /// No body is kept.
    body: Vec<u8>,
    /// Bytes of messages that have come.
    message_bytes: u64,
}

/// An open one.
#[derive(Debug)]
struct Open {
    context: WebSocketContext,
    pipe: Pipe,
    pings: u32,
    /// Whether a close has been sent or has come.
    is_closing: bool,
}

/// What the other side said.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// A message.
    Message(Bytes),
    /// It closes the WebSocket; the code, if it says one.
    Close(Option<u16>),
}

/// Why nothing more can be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Garbled {
    /// What came is no frame, or no message.
    BadFrame,
    /// A message is larger than the ceiling.
    TooLarge,
}

/// Both directions of a connection, in memory.
#[derive(Debug, Default)]
struct Pipe {
    input: Vec<u8>,
    /// How much of it has been read.
    read: usize,
    output: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.input[self.read..];
        if rest.is_empty() {
            self.input.clear();
            self.read = 0;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = rest.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&rest[..taken]);
        self.read += taken;
        Ok(taken)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WebSocket {
    /// One that a request with a key asks for.
    pub fn asked_by(request: &[u8]) -> WebSocket {
        let mut fields = request.split(|byte| *byte == b'\n');
        let key = fields.find_map(|line| line.strip_prefix(b"sec-websocket-key: "));
        let key = key.map(<[u8]>::trim_ascii);
        WebSocket {
            call: None,
            response: Response::new(Expected { is_head: false, body_limit: 0 }),
            head: Vec::new(),
            accept: derive_accept_key(key.unwrap_or_default()),
            open: None,
            is_refused: false,
            heard: Vec::new(),
            body: Vec::new(),
            message_bytes: 0,
        }
    }

    pub(super) fn begin(&mut self, call: Call) {
        self.response.restart(call.expected);
        self.call = Some(call);
    }

    pub(super) fn under_way(&self) -> Option<usize> {
        self.call.map(|call| call.iteration)
    }

    /// Takes all of the bytes; they are read by [`WebSocket::listen`].
    pub(super) fn receive(&mut self, bytes: &mut &[u8]) -> Option<(usize, Event)> {
        let call = self.call.filter(|_| !bytes.is_empty())?;
        let all = mem::take(bytes);
        let event = if let Some(open) = &mut self.open {
            open.pipe.input.extend_from_slice(all);
            Event::Data
        } else {
            keep_start(&mut self.heard, all);
            self.open(all)
        };
        Some((call.iteration, event))
    }

    /// Reads the answer to the request.
    fn open(&mut self, bytes: &[u8]) -> Event {
        if self.response.status().is_none() {
            self.head.extend_from_slice(bytes);
        }
        match self.response.feed(bytes, None) {
            Ok(Fed::More) if self.response.status().is_none() => Event::Head,
            Ok(Fed::More) => Event::Data,
            Ok(Fed::Done(used)) if self.response.status() == Some(101) => {
                let frames = &bytes[used..];
                let mut head = mem::take(&mut self.head);
                head.truncate(head.len() - frames.len());
                self.is_refused = !opens_websocket(&head, &self.accept);
                // Frames are shown as the messages that they are.
                self.heard.truncate(head.len());
                self.open = Some(Open::new(frames));
                Event::Data
            }
            // The rest of another answer is of no use.
            Ok(Fed::Done(_)) => Event::End { is_clean: false },
            Err(unreadable) => Event::Reset(Fault::Unreadable(unreadable)),
        }
    }

    pub(super) fn end_of_stream(&self) -> Option<(usize, Event)> {
        let is_end = match &self.open {
            Some(open) => open.is_closing,
            None => self.response.is_complete_at_end(),
        };
        let event =
            if is_end { Event::End { is_clean: false } } else { Event::Reset(Fault::CutOff) };
        self.under_way().map(|iteration| (iteration, event))
    }

    pub(super) fn so_far(&mut self, iteration: usize) -> Option<SoFar<'_>> {
        (self.under_way() == Some(iteration)).then(|| SoFar {
            status: self.response.status(),
            is_event_stream: false,
            codings: self.response.codings(),
            body: &mut self.body,
        })
    }

    /// Ends the exchange; an open WebSocket is closed, as far as that still goes.
    pub(super) fn take(&mut self) -> Reply {
        self.call = None;
        if !self.is_refused {
            // Who goes away in the middle says so.
            self.close(u16::from(CloseCode::Away));
        }
        Reply {
            head: Vec::new(),
            status: self.response.status(),
            body_bytes: self.response.body_bytes() + self.message_bytes,
            codings: self.response.codings(),
            body: Vec::new(),
            heard: mem::take(&mut self.heard),
        }
    }

    pub(super) fn take_output(&mut self) -> Vec<u8> {
        self.open.as_mut().map(|open| mem::take(&mut open.pipe.output)).unwrap_or_default()
    }

    pub(super) fn give_back_output(&mut self, mut written: Vec<u8>) {
        if let Some(open) = &mut self.open
            && open.pipe.output.is_empty()
        {
            written.clear();
            open.pipe.output = written;
        }
    }

    /// Whether the answer was 101 and does not open what was asked for.
    pub fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// What the other side said next; `None` until more has come.
    pub fn listen(&mut self) -> Result<Option<Said>, Garbled> {
        let Some(open) = &mut self.open else { return Ok(None) };
        let said = open.listen()?;
        if let Some(Said::Message(message)) = &said {
            self.message_bytes += message.len() as u64;
            keep_start(&mut self.heard, message);
            keep_start(&mut self.heard, b"\n");
        }
        Ok(said)
    }

    /// Says a text. What was closed takes nothing more, which the other side's close tells.
    pub fn say_text(&mut self, text: &str) {
        self.say(Message::text(text));
    }

    /// Says bytes.
    pub fn say_bytes(&mut self, bytes: &[u8]) {
        self.say(Message::binary(bytes.to_vec()));
    }

    fn say(&mut self, message: Message) {
        if let Some(open) = &mut self.open {
            let _ = open.context.write(&mut open.pipe, message);
            let _ = open.context.flush(&mut open.pipe);
        }
    }

    /// Closes it with a code, unless that has been done.
    pub fn close(&mut self, code: u16) {
        let Some(open) = self.open.as_mut().filter(|open| !open.is_closing) else { return };
        open.is_closing = true;
        let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
        let _ = open.context.close(&mut open.pipe, Some(frame));
    }
}

impl Open {
    /// What the other side said next.
    fn listen(&mut self) -> Result<Option<Said>, Garbled> {
        loop {
            let message = match self.context.read(&mut self.pipe) {
                Ok(message) => message,
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(None);
                }
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => {
                    return Ok(Some(Said::Close(None)));
                }
                Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
                    return Err(Garbled::TooLarge);
                }
                Err(_) => return Err(Garbled::BadFrame),
            };
            match message {
                Message::Text(text) => return Ok(Some(Said::Message(text.into()))),
                Message::Binary(bytes) => return Ok(Some(Said::Message(bytes))),
                Message::Close(frame) => {
                    self.is_closing = true;
                    // The answer to it waits in the crate until it is told to write.
                    let _ = self.context.flush(&mut self.pipe);
                    return Ok(Some(Said::Close(frame.map(|frame| frame.code.into()))));
                }
                Message::Ping(_) => {
                    self.pings += 1;
                    let _ = self.context.flush(&mut self.pipe);
                    if self.pings > MOST_PINGS {
                        return Err(Garbled::BadFrame);
                    }
                }
                Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// With what came right behind the answer that opened it.
    fn new(bytes: &[u8]) -> Open {
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        Open {
            context: WebSocketContext::new(Role::Client, Some(config)),
            pipe: Pipe { input: bytes.to_vec(), ..Pipe::default() },
            pings: 0,
            is_closing: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scenario::model::StepId;

    const REQUEST: &str = "GET / HTTP/1.1\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    /// The answer to the key of RFC 6455.
    const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
        connection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    /// One whose answer and frames come in these pieces: all that was said, and why it ended.
    fn heard<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> (Vec<Said>, Option<Garbled>) {
        let mut websocket = begun();
        let mut all = Vec::new();
        for mut piece in pieces {
            websocket.receive(&mut piece);
            assert!(piece.is_empty() && !websocket.is_refused());
            loop {
                match websocket.listen() {
                    Ok(Some(Said::Close(code))) => {
                        all.push(Said::Close(code));
                        return (all, None);
                    }
                    Ok(Some(said)) => all.push(said),
                    Ok(None) => break,
                    Err(garbled) => return (all, Some(garbled)),
                }
            }
        }
        (all, None)
    }

    fn begun() -> WebSocket {
        let mut websocket = WebSocket::asked_by(REQUEST.as_bytes());
        let expected = Expected { is_head: false, body_limit: 100 };
        let step = StepId(0);
        websocket.begin(Call {
            iteration: 7,
            step,
            expected,
            keeps_body: true,
            keeps_head: false,
            is_shown: false,
        });
        websocket
    }

    fn message(text: &str) -> Said {
        Said::Message(Bytes::copy_from_slice(text.as_bytes()))
    }

    /// A frame as a server writes it.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        [&[first, payload.len() as u8], payload].concat()
    }

    #[track_caller]
    fn check(frames: &[u8], said: &[Said], garbled: Option<Garbled>) {
        let all = [ANSWER, frames].concat();
        for piece in [1, 2, 5, all.len()] {
            let (found, end) = heard(all.chunks(piece));
            assert_eq!((&found[..], end), (said, garbled), "{frames:?} in pieces of {piece}");
        }
    }

    #[test]
    fn messages_come_whole_however_they_are_framed() {
        let fragments = [
            frame(0x01, b"he"),
            frame(0x89, b"ping in between"),
            frame(0x00, b"l"),
            frame(0x80, b"lo"),
            frame(0x8a, b""),
            frame(0x82, &[0, 255]),
        ]
        .concat();
        let binary = Said::Message(Bytes::from_static(&[0, 255]));
        check(&fragments, &[message("hello"), binary], None);
        check(&frame(0x81, b""), &[message("")], None);
        check(&frame(0x88, b""), &[Said::Close(None)], None);
        check(&frame(0x88, &[0x0f, 0xa1, b'x']), &[Said::Close(Some(4001))], None);
    }

    #[test]
    fn what_is_no_frame_is_the_end_and_what_came_before_is_not_lost() {
        let masked = [&[0x81, 0x82, 1, 2, 3, 4][..], b"ab"].concat();
        let huge = [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0];
        let large = [&[0x82, 127][..], &(MAX_MESSAGE as u64 + 1).to_be_bytes()].concat();
        for (bad, garbled) in [
            (frame(0xc1, b"rsv"), Garbled::BadFrame),
            (frame(0x91, b"rsv3"), Garbled::BadFrame),
            (masked, Garbled::BadFrame),
            (frame(0x81, &[0xff, 0xfe]), Garbled::BadFrame),
            (frame(0x83, b"reserved"), Garbled::BadFrame),
            (frame(0x80, b"nothing to go on with"), Garbled::BadFrame),
            ([frame(0x01, b"a"), frame(0x81, b"b")].concat(), Garbled::BadFrame),
            (frame(0x09, b"a ping in pieces"), Garbled::BadFrame),
            (frame(0x88, b"x"), Garbled::BadFrame),
            (huge.to_vec(), Garbled::TooLarge),
            (large, Garbled::TooLarge),
        ] {
            let frames = [frame(0x81, b"first"), bad].concat();
            check(&frames, &[message("first")], Some(garbled));
        }
    }

    #[test]
    fn pings_are_answered_and_a_flood_of_them_is_refused() {
        let mut websocket = begun();
        websocket.receive(&mut &[ANSWER, &frame(0x89, b"hi")].concat()[..]);
        assert_eq!(websocket.listen(), Ok(None));
        let output = websocket.take_output();
        assert_eq!((output[0], output[1], output.len()), (0x8a, 0x82, 8), "a masked pong");
        let flood = frame(0x89, b"").repeat(MOST_PINGS as usize);
        websocket.receive(&mut &flood[..]);
        assert_eq!(websocket.listen(), Err(Garbled::BadFrame));
        assert!(websocket.take_output().len() <= 6 * MOST_PINGS as usize);
    }

    #[test]
    fn it_is_closed_once_and_an_open_one_is_not_left_without_a_word() {
        let mut websocket = begun();
        websocket.receive(&mut &ANSWER[..]);
        websocket.close(1000);
        websocket.close(1001);
        assert_eq!(websocket.take_output().len(), 2 + 4 + 2);
        assert_eq!(websocket.end_of_stream(), Some((7, Event::End { is_clean: false })));
        websocket.receive(&mut &frame(0x88, &[3, 232])[..]);
        assert_eq!(websocket.listen(), Ok(Some(Said::Close(Some(1000)))));
        let mut left = begun();
        left.receive(&mut &ANSWER[..]);
        assert_eq!(left.end_of_stream(), Some((7, Event::Reset(Fault::CutOff))));
        left.take();
        assert_eq!(left.take_output()[0], 0x88);
    }

    #[test]
    fn another_answer_opens_nothing() {
        let mut websocket = begun();
        let no = b"HTTP/1.1 426 No\r\ncontent-length: 2\r\n\r\nno";
        assert_eq!(websocket.receive(&mut &no[..]), Some((7, Event::End { is_clean: false })));
        assert_eq!(websocket.take().status, Some(426));
        let mut other = begun();
        let wrong = String::from_utf8_lossy(ANSWER).replace("s3pP", "aaaa");
        assert_eq!(other.receive(&mut wrong.as_bytes()), Some((7, Event::Data)));
        assert!(other.is_refused());
        other.take();
        assert!(other.take_output().is_empty(), "nothing is said to who speaks otherwise");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_are_read_otherwise_in_pieces(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let all = [ANSWER, &bytes].concat();
            prop_assert_eq!(heard(all.chunks(1)), heard([&all[..]]));
        }
    }
}
