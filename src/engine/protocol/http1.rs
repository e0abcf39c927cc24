//! HTTP/1.1 on one connection: one exchange at a time.
//!
//! | state | event | next |
//! | --- | --- | --- |
//! | idle | begin | under way |
//! | under way | bytes, the end of the stream | under way, with an event |
//! | under way | take | idle |
//!
//! The codec is [`crate::http1`]; this adds whose answer it is and what is kept of it.

use std::mem;
use std::time::Duration;

use crate::engine::evidence;
use crate::engine::protocol::reply::{Call, Event, Fault, Reply, SoFar};
use crate::http1::response::{Expected, Fed, Response};
use crate::scenario::model::Step;

/// One connection's state.
#[derive(Debug)]
pub struct Http1 {
    call: Option<Call>,
    response: Response,
    /// The body of a response from which something is extracted.
    body: Vec<u8>,
    /// The start of a response that is not plainly right, should it be kept.
    heard: Vec<u8>,
}

impl Http1 {
    /// Nothing has been said.
    pub(super) fn new() -> Http1 {
        let response = Response::new(Expected { is_head: false, body_limit: 0 });
        Http1 { call: None, response, body: Vec::new(), heard: Vec::new() }
    }

    pub(super) fn begin(&mut self, call: Call) {
        debug_assert!(self.call.is_none(), "one exchange at a time");
        self.response.restart(call.expected);
        if call.keeps_head {
            self.response.keep_head();
        }
        self.body.clear();
        self.heard.clear();
        self.call = Some(call);
    }

    pub(super) fn under_way(&self) -> Option<usize> {
        self.call.map(|call| call.iteration)
    }

    /// All of the bytes are the one answer's, or follow it.
    pub(super) fn receive(&mut self, bytes: &mut &[u8], steps: &[Step]) -> Option<(usize, Event)> {
        let call = self.call.filter(|_| !bytes.is_empty())?;
        let all = mem::take(bytes);
        let kept = call.keeps_body.then_some(&mut self.body);
        let event = match self.response.feed(all, kept) {
            Ok(Fed::More) if self.response.status().is_none() => Event::Head,
            Ok(Fed::More) => Event::Data,
            Ok(Fed::Done(used)) => Event::End { is_clean: used == all.len() },
            Err(unreadable) => Event::Reset(Fault::Unreadable(unreadable)),
        };
        let is_whole = matches!(event, Event::End { .. });
        let status = self.response.status().filter(|_| is_whole && !call.is_shown);
        evidence::hear(&mut self.heard, all, &steps[call.step.index()], status);
        Some((call.iteration, event))
    }

    pub(super) fn end_of_stream(&self) -> Option<(usize, Event)> {
        let event = if self.response.is_complete_at_end() {
            Event::End { is_clean: false }
        } else {
            Event::Reset(Fault::CutOff)
        };
        self.under_way().map(|iteration| (iteration, event))
    }

    pub(super) fn so_far(&mut self, iteration: usize) -> Option<SoFar<'_>> {
        (self.under_way() == Some(iteration)).then(|| SoFar {
            status: self.response.status(),
            is_event_stream: self.response.is_event_stream(),
            codings: self.response.codings(),
            body: &mut self.body,
        })
    }

    pub(super) fn take(&mut self, iteration: usize) -> Reply {
        debug_assert_eq!(self.under_way(), Some(iteration));
        self.call = None;
        Reply {
            status: self.response.status(),
            body_bytes: self.response.body_bytes(),
            codings: self.response.codings(),
            body: mem::take(&mut self.body),
            head: self.response.take_head(),
            heard: mem::take(&mut self.heard),
        }
    }

    pub(super) fn keeps_alive(&self) -> bool {
        self.response.keeps_alive()
    }

    pub(super) fn idle_limit(&self) -> Option<Duration> {
        self.response.idle_limit()
    }

    pub(super) fn ends_by_close(&self) -> bool {
        self.response.ends_by_close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::unreadable::Unreadable;
    use crate::scenario::model::StepId;

    /// A connection on which an exchange of iteration 7 has begun.
    fn begun(keeps_body: bool) -> Http1 {
        let mut http1 = Http1::new();
        let expected = Expected { is_head: false, body_limit: 100 };
        http1.begin(Call {
            iteration: 7,
            step: StepId(0),
            expected,
            keeps_body,
            keeps_head: false,
            is_shown: false,
        });
        http1
    }

    /// All events of some bytes, in one piece.
    fn events(http1: &mut Http1, mut bytes: &[u8]) -> Vec<(usize, Event)> {
        let steps = [Step::bare()];
        let events = std::iter::from_fn(|| http1.receive(&mut bytes, &steps)).take(10).collect();
        assert!(bytes.is_empty());
        events
    }

    #[test]
    fn what_comes_is_told_as_head_data_and_end() {
        let mut http1 = begun(true);
        for (bytes, event) in [
            ("HTTP/1.1 200 OK\r\ncontent-", Event::Head),
            ("length: 4\r\n\r\n", Event::Data),
            ("bo", Event::Data),
            ("dy", Event::End { is_clean: true }),
        ] {
            assert_eq!(events(&mut http1, bytes.as_bytes()), [(7, event)], "{bytes}");
        }
        assert!(http1.keeps_alive());
        let reply = http1.take(7);
        assert_eq!((reply.status, reply.body_bytes, &reply.body[..]), (Some(200), 4, &b"body"[..]));
        assert_eq!(http1.under_way(), None);
        assert_eq!(http1.receive(&mut &b"more"[..], &[Step::bare()]), None, "nobody asked for it");
    }

    #[test]
    fn what_follows_an_answer_makes_its_end_unclean_and_what_is_none_resets_it() {
        let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
        let followed = [&answer[..], b"x"].concat();
        assert_eq!(events(&mut begun(false), answer), [(7, Event::End { is_clean: true })]);
        assert_eq!(events(&mut begun(false), &followed), [(7, Event::End { is_clean: false })]);
        let foreign = Event::Reset(Fault::Unreadable(Unreadable::Malformed));
        assert_eq!(events(&mut begun(false), b"SSH-2.0-x\r\n\r\n"), [(7, foreign)]);
    }

    #[test]
    fn the_end_of_the_stream_is_that_of_an_answer_without_a_length() {
        let mut http1 = begun(false);
        assert_eq!(http1.end_of_stream(), Some((7, Event::Reset(Fault::CutOff))));
        events(&mut http1, b"HTTP/1.1 200 OK\r\n\r\nsome");
        assert!(http1.ends_by_close());
        assert_eq!(http1.end_of_stream(), Some((7, Event::End { is_clean: false })));
        http1.take(7);
        assert_eq!(http1.end_of_stream(), None, "nothing is under way");
    }

    #[test]
    fn the_start_of_an_answer_is_kept_unless_it_is_whole_and_plainly_right() {
        for (bytes, is_heard) in [
            ("HTTP/1.1 204 No Content\r\n\r\n", false),
            ("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\n", true),
        ] {
            let mut http1 = begun(false);
            events(&mut http1, bytes.as_bytes());
            assert_eq!(!http1.take(7).heard.is_empty(), is_heard, "{bytes}");
        }
    }
}
