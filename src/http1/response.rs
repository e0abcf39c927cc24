//! Bytes in, one HTTP/1.x response out: status, framing, body; no sockets (RFC 9112).
//!
//! | stage | ends by | next |
//! | --- | --- | --- |
//! | head | empty line | head again after 1xx; else the body by its framing |
//! | sized | content-length bytes | done |
//! | chunked | last chunk and trailers | done |
//! | until close | end of the stream | done |
//!
//! All bytes come from the target and are hostile: the head is bounded, and read again only
//! when a line has ended, a long one only at its end or when it has doubled; lengths are
//! never used to allocate.

use std::time::Duration;

use crate::http1::chunked::Chunked;
use crate::http1::coding::Codings;
use crate::http1::head::{Encoding, Head, Length};
use crate::http1::last_head::LastHead;
use crate::http1::unreadable::Unreadable;

/// The size of a response's head that is accepted: the most that a browser takes.
pub const MAX_HEAD: usize = 256 * 1024;
/// A head up to this size is read again whenever one of its lines has ended.
const SHORT_HEAD: usize = 4096;

/// What the parser must know of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The answer to HEAD has no body, whatever its fields say.
    pub is_head: bool,
    /// Bytes of a body that are accepted.
    pub body_limit: u64,
}

impl Expected {
    /// Bytes that are read in all: chunks of one byte take six, and 1xx answers are endless
    /// if nobody ends them.
    fn all_bytes(self) -> u64 {
        self.body_limit.saturating_mul(8).saturating_add(16 * MAX_HEAD as u64)
    }
}

/// How far a response has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fed {
    /// More bytes are needed.
    More,
    /// The response is complete after so many of the bytes.
    Done(usize),
}

/// One response under way.
#[derive(Debug)]
pub struct Response {
    expected: Expected,
    stage: Reading,
    /// A head that came in pieces.
    head: Vec<u8>,
    /// How much of it was there when it was last read.
    head_read: usize,
    last: LastHead,
    status: u16,
    keep_alive: bool,
    idle_limit: Option<Duration>,
    codings: Codings,
    is_event_stream: bool,
    /// The head as it came, if it is wanted.
    kept_head: Option<Vec<u8>>,
    body_bytes: u64,
    all_bytes: u64,
}

#[derive(Debug)]
enum Reading {
    Head,
    Sized(u64),
    Chunked(Chunked),
    UntilClose,
    Done,
}

impl Response {
    /// A response of which nothing has come.
    pub fn new(expected: Expected) -> Response {
        Response {
            expected,
            stage: Reading::Head,
            head: Vec::new(),
            head_read: 0,
            last: LastHead::default(),
            status: 0,
            keep_alive: false,
            idle_limit: None,
            codings: Codings::default(),
            is_event_stream: false,
            kept_head: None,
            body_bytes: 0,
            all_bytes: 0,
        }
    }

    /// The next response on the same connection.
    pub fn restart(&mut self, expected: Expected) {
        let last = std::mem::take(&mut self.last);
        *self = Response { last, ..Response::new(expected) };
    }

    /// Keeps the head of this response.
    pub fn keep_head(&mut self) {
        self.kept_head = Some(Vec::new());
    }

    /// The head, if it was to be kept and has come.
    pub fn take_head(&mut self) -> Vec<u8> {
        self.kept_head.take().unwrap_or_default()
    }

    /// The status, once the head has come.
    pub fn status(&self) -> Option<u16> {
        (self.status != 0).then_some(self.status)
    }

    /// Bytes of the body so far.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Whether the connection may serve another request after this response.
    pub fn keeps_alive(&self) -> bool {
        self.keep_alive
    }

    /// How long the target said it keeps the connection when it is idle.
    pub fn idle_limit(&self) -> Option<Duration> {
        self.idle_limit
    }

    /// What must be undone to read the body.
    pub fn codings(&self) -> Codings {
        self.codings
    }

    /// Whether the body is a stream of events.
    pub fn is_event_stream(&self) -> bool {
        self.is_event_stream
    }

    /// Takes bytes in the order of their coming. The body goes to `kept`, if there is one.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        mut kept: Option<&mut Vec<u8>>,
    ) -> Result<Fed, Unreadable> {
        self.all_bytes += bytes.len() as u64;
        if self.all_bytes > self.expected.all_bytes() {
            return Err(Unreadable::TooLarge);
        }
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            match &mut self.stage {
                Reading::Done => return Ok(Fed::Done(used)),
                Reading::Head => match self.feed_head(rest)? {
                    Some(taken) => used += taken,
                    None => return Ok(Fed::More),
                },
                Reading::Sized(left) => {
                    let taken = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= taken as u64;
                    let is_done = *left == 0;
                    self.take_body(&rest[..taken], kept.as_deref_mut())?;
                    used += taken;
                    if !is_done {
                        return Ok(Fed::More);
                    }
                    self.stage = Reading::Done;
                }
                Reading::Chunked(chunked) => {
                    let (taken, data, is_done) = chunked.feed(rest)?;
                    let data = data.map(|range| &rest[range]).unwrap_or_default();
                    self.take_body(data, kept.as_deref_mut())?;
                    used += taken;
                    if is_done {
                        self.stage = Reading::Done;
                    } else if used == bytes.len() {
                        return Ok(Fed::More);
                    }
                }
                Reading::UntilClose => {
                    self.take_body(rest, kept)?;
                    return Ok(Fed::More);
                }
            }
        }
    }

    /// Whether the end of the stream is the end of the body.
    pub fn ends_by_close(&self) -> bool {
        matches!(self.stage, Reading::UntilClose)
    }

    /// The stream has ended: whether that completes the response.
    pub fn is_complete_at_end(&self) -> bool {
        match self.stage {
            Reading::UntilClose | Reading::Done => true,
            Reading::Head | Reading::Sized(_) | Reading::Chunked(_) => false,
        }
    }

    fn take_body(&mut self, data: &[u8], kept: Option<&mut Vec<u8>>) -> Result<(), Unreadable> {
        self.body_bytes += data.len() as u64;
        if self.body_bytes > self.expected.body_limit {
            return Err(Unreadable::TooLarge);
        }
        if let Some(kept) = kept {
            kept.extend_from_slice(data);
        }
        Ok(())
    }

    /// How many of the bytes belonged to the head, once it is complete.
    fn feed_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Unreadable> {
        let empty = if self.head.is_empty() { leading_line_ends(bytes) } else { 0 };
        let bytes = &bytes[empty..];
        if self.head.is_empty()
            && let Some(length) = self.parse_head(&bytes[..bytes.len().min(MAX_HEAD)])?
        {
            return Ok(Some(empty + length));
        }
        let before = self.head.len();
        // The body may follow in the same bytes; it does not count against the head.
        let taken = &bytes[..bytes.len().min(MAX_HEAD - before)];
        self.head.extend_from_slice(taken);
        if before > 0 && self.is_worth_reading(before) {
            let head = std::mem::take(&mut self.head);
            if let Some(length) = self.parse_head(&head)? {
                return Ok(Some(length - before));
            }
            self.head_read = head.len();
            self.head = head;
        }
        if taken.len() < bytes.len() { Err(Unreadable::HeadTooLarge) } else { Ok(None) }
    }

    /// Whether a head of which so much was known may be complete, or show a mistake. Only the
    /// end of a line can do either, and reading a long head at each would be quadratic.
    fn is_worth_reading(&self, before: usize) -> bool {
        let new = &self.head[before..];
        let around = &self.head[before.saturating_sub(2)..];
        let is_ended = |bytes: &[u8]| bytes.starts_with(b"\n\n") || bytes.starts_with(b"\n\r\n");
        let length = self.head.len();
        new.contains(&b'\n')
            && (length <= SHORT_HEAD
                || length >= 2 * self.head_read
                || (0..around.len()).any(|at| is_ended(&around[at..])))
    }

    /// Reads a head if it is complete; one of another answer than a 1xx decides what follows.
    fn parse_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Unreadable> {
        let Some(head) = self.last.read(bytes)? else { return Ok(None) };
        if head.is_interim() {
            return Ok(Some(head.length));
        }
        self.status = head.status;
        self.keep_alive = head.keeps_alive();
        self.codings = head.fields.codings;
        self.is_event_stream = head.fields.is_event_stream;
        self.idle_limit = head.fields.idle_limit;
        if let Some(kept) = &mut self.kept_head {
            kept.extend_from_slice(&bytes[..head.length]);
        }
        self.stage = self.body_stage(&head)?;
        Ok(Some(head.length))
    }

    /// RFC 9112, 6.3.
    fn body_stage(&mut self, head: &Head) -> Result<Reading, Unreadable> {
        if self.expected.is_head || matches!(self.status, 101 | 204 | 304) {
            return Ok(Reading::Done);
        }
        match (head.fields.encoding, head.fields.length) {
            (Some(Encoding::Chunked), _) => {
                // HTTP/1.0 has no chunks: who sends them anyway closes behind them or is
                // misunderstood by somebody on the way.
                self.keep_alive &= head.version == 1;
                Ok(Reading::Chunked(Chunked::default()))
            }
            (Some(Encoding::Other), Some(_)) | (None, Some(Length::Bad)) => {
                Err(Unreadable::BadLength)
            }
            (None, Some(Length::Of(0))) => Ok(Reading::Done),
            (None, Some(Length::Of(length))) if length > self.expected.body_limit => {
                Err(Unreadable::TooLarge)
            }
            (None, Some(Length::Of(length))) => Ok(Reading::Sized(length)),
            (Some(Encoding::Other) | None, None) => {
                self.keep_alive = false;
                Ok(Reading::UntilClose)
            }
        }
    }
}

/// The line ends that may stand before a status line (RFC 9112, 2.2).
fn leading_line_ends(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: u64 = 1_000;

    fn get() -> Response {
        Response::new(Expected { is_head: false, body_limit: LIMIT })
    }

    /// Feeds in pieces of a size: the end, the body, and whether the connection stays.
    fn read(
        mut response: Response,
        bytes: &[u8],
        piece: usize,
    ) -> (Result<Fed, Unreadable>, Vec<u8>, Response) {
        let mut body = Vec::new();
        let mut before = 0;
        for part in bytes.chunks(piece) {
            match response.feed(part, Some(&mut body)) {
                Ok(Fed::More) => before += part.len(),
                Ok(Fed::Done(used)) => return (Ok(Fed::Done(before + used)), body, response),
                Err(error) => return (Err(error), body, response),
            }
        }
        (Ok(Fed::More), body, response)
    }

    #[track_caller]
    fn check(bytes: &str, expected: Result<Fed, Unreadable>, body: &str) -> Response {
        for piece in [1.max(bytes.len() / 10_000), 2, 7, bytes.len()] {
            let (found, found_body, _) = read(get(), bytes.as_bytes(), piece);
            assert_eq!(found, expected, "in pieces of {piece}: {bytes}");
            assert_eq!(String::from_utf8_lossy(&found_body), body);
        }
        read(get(), bytes.as_bytes(), bytes.len()).2
    }

    #[test]
    fn a_sized_body_ends_where_it_says() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1";
        let response = check(text, Ok(Fed::Done(text.len() - 8)), "hello");
        assert!(response.keeps_alive());
        assert_eq!(response.status(), Some(200));
        check("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhello", Ok(Fed::More), "hello");
        let twice = "HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\ncontent-length: 2\r\n\r\nok";
        check(twice, Ok(Fed::Done(twice.len())), "ok");
    }

    #[test]
    fn answers_without_a_body_end_with_their_head() {
        for head in ["204 No Content", "304 Not Modified", "200 OK\r\ncontent-length: 0"] {
            let text = format!("HTTP/1.1 {head}\r\n\r\n");
            check(&text, Ok(Fed::Done(text.len())), "");
        }
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 500000\r\n\r\n";
        let head = Response::new(Expected { is_head: true, body_limit: LIMIT });
        assert_eq!(read(head, text, 3).0, Ok(Fed::Done(text.len())));
    }

    #[test]
    fn interim_answers_are_passed_over() {
        let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx";
        let response = check(text, Ok(Fed::Done(text.len())), "x");
        assert_eq!(response.status(), Some(200));
    }

    #[test]
    fn chunks_are_joined() {
        let text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nx-t: 1\r\n\r\nrest";
        let response = check(text, Ok(Fed::Done(text.len() - 4)), "hello!");
        assert!(response.keeps_alive());
    }

    #[test]
    fn without_a_length_the_body_lasts_until_the_stream_ends() {
        let response = check("HTTP/1.1 200 OK\r\n\r\nall of it", Ok(Fed::More), "all of it");
        assert!(response.is_complete_at_end());
        assert!(!response.keeps_alive());
        let cut = check("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nall", Ok(Fed::More), "all");
        assert!(!cut.is_complete_at_end());
    }

    #[test]
    fn connections_are_reused_as_both_sides_agree() {
        for (head, reused) in [
            ("HTTP/1.1 204 x", true),
            ("HTTP/1.1 204 x\r\nconnection: Close", false),
            ("HTTP/1.1 204 x\r\nconnection: upgrade, close", false),
            ("HTTP/1.0 204 x", false),
            ("HTTP/1.0 204 x\r\nconnection: keep-alive", true),
            ("HTTP/1.1 101 x", false),
            ("HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\ncontent-length: 3", false),
        ] {
            let (_, _, response) = read(get(), format!("{head}\r\n\r\n").as_bytes(), 1000);
            assert_eq!(response.keeps_alive(), reused, "{head}");
        }
        let (_, _, response) =
            read(get(), b"HTTP/1.1 204 x\r\nkeep-alive: max=9, timeout=72\r\n\r\n", 1000);
        assert_eq!(response.idle_limit(), Some(Duration::from_secs(72)));
    }

    #[test]
    fn what_nobody_takes_has_its_name() {
        let ok = "HTTP/1.1 200 OK\r\n";
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        for (text, expected) in [
            ("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), Unreadable::Malformed),
            ("HTTP/3 200 OK\r\n\r\n".to_owned(), Unreadable::Malformed),
            ("HTTP/1.1 2x0 OK\r\n\r\n".to_owned(), Unreadable::Malformed),
            (format!("{ok}no colon\r\n\r\n"), Unreadable::BadField),
            (format!("{ok}a: \0\r\n\r\n"), Unreadable::BadField),
            (format!("{ok}a: b\rc\r\n\r\n"), Unreadable::BadField),
            (format!("{ok}content-length: 1\r\ncontent-length: 2\r\n\r\n"), Unreadable::BadLength),
            (format!("{ok}content-length: -1\r\n\r\n"), Unreadable::BadLength),
            (format!("{ok}content-length: +1\r\n\r\n"), Unreadable::BadLength),
            (format!("{ok}content-length:\r\n\r\n"), Unreadable::BadLength),
            (
                format!("{ok}transfer-encoding: gzip\r\ncontent-length: 1\r\n\r\n"),
                Unreadable::BadLength,
            ),
            (format!("{ok}content-length: 99999999999999999999999\r\n\r\n"), Unreadable::TooLarge),
            (format!("{chunked}zz\r\n"), Unreadable::BadChunk),
            (format!("{chunked}0\r\nno colon\r\n\r\n"), Unreadable::BadField),
        ] {
            check(&text, Err(expected), "");
        }
    }

    #[test]
    fn what_curl_and_fetch_take_is_taken() {
        let sized = "content-length: 2\r\n\r\nok";
        let chunks = "2\r\nok\r\n0\r\n\r\n";
        for (text, is_reused) in [
            (format!("HTTP/1.1 200 OK\r\nx: one;\r\n two\r\n{sized}"), true),
            (format!("HTTP/1.1 200 OK\r\nx : one\r\n{sized}"), true),
            ("HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\nok".to_string(), false),
            (format!("\r\n\n\r\nHTTP/1.1 200 OK\r\n{sized}"), true),
            (format!("HTTP/1.1 200\n{sized}"), true),
            (format!("HTTP/2.0 200 OK\r\n{sized}"), true),
            (format!("HTTP/1.1 200 OK\r\n{}{sized}", "x: y\r\n".repeat(250)), true),
            (format!("HTTP/1.1 200 OK\r\nx: {}\r\n{sized}", "y".repeat(200_000)), true),
            (format!("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"), false),
            (
                format!(
                    "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"
                ),
                false,
            ),
            (format!("HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n{sized}"), false),
            (format!("HTTP/1.1 200 OK\r\ntransfer-encoding:\r\n{sized}"), false),
            (format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked,\r\n\r\n{chunks}"), true),
            (
                format!(
                    "HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: gzip\r\ntransfer-encoding: Chunked\r\n\r\n{chunks}"
                ),
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\nok\n0\nx : y\n\n"
                    .to_string(),
                true,
            ),
        ] {
            let response = check(&text, Ok(Fed::Done(text.len())), "ok");
            assert_eq!(response.keeps_alive(), is_reused, "{text}");
        }
    }

    #[test]
    fn codings_are_known_in_the_order_in_which_they_were_applied() {
        for (fields, codings) in [
            ("content-encoding: gzip", "Codings([Some(Gzip), None, None, None])"),
            ("Content-Encoding: GZIP, identity,", "Codings([Some(Gzip), None, None, None])"),
            (
                "transfer-encoding: deflate, chunked\r\ncontent-encoding: br\r\ncontent-encoding: zstd",
                "Codings([Some(Brotli), Some(Zstd), Some(Deflate), None])",
            ),
            ("content-encoding: x", "Codings([Some(Unknown), None, None, None])"),
            ("content-encoding:", "Codings([None, None, None, None])"),
        ] {
            let (_, _, mut response) =
                read(get(), format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").as_bytes(), 1_000);
            assert_eq!(format!("{:?}", response.codings()), codings);
            response.restart(Expected { is_head: false, body_limit: 1 });
            assert!(response.codings().is_empty());
        }
    }

    #[test]
    fn a_bad_length_is_no_mistake_where_it_does_not_decide() {
        for lengths in ["content-length: x", "content-length: 1\r\ncontent-length: 2"] {
            for head in ["204 No Content", "304 Not Modified"] {
                let text = format!("HTTP/1.1 {head}\r\n{lengths}\r\n\r\n");
                assert!(check(&text, Ok(Fed::Done(text.len())), "").keeps_alive());
            }
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked";
            let text = format!("{head}\r\n{lengths}\r\n\r\n1\r\na\r\n0\r\n\r\n");
            assert!(!check(&text, Ok(Fed::Done(text.len())), "a").keeps_alive());
        }
    }

    #[test]
    fn a_status_below_100_is_malformed() {
        for status in ["000", "099"] {
            let text = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
            check(&text, Err(Unreadable::Malformed), "");
        }
    }

    #[test]
    fn the_ceiling_on_the_head_holds_for_one_that_comes_in_one_piece() {
        let text = format!("HTTP/1.1 204 x\r\na: {}\r\n\r\n", "b".repeat(MAX_HEAD));
        let whole = read(get(), text.as_bytes(), text.len()).0;
        assert_eq!(whole, Err(Unreadable::HeadTooLarge));
        assert_eq!(read(get(), text.as_bytes(), 1_000).0, whole);
    }

    #[test]
    fn a_long_head_is_not_read_at_each_of_its_lines() {
        let mut response = Response::new(Expected { is_head: false, body_limit: u64::MAX });
        let mut reads = 0;
        assert_eq!(response.feed(b"HTTP/1.1 200 OK\r\n", None), Ok(Fed::More));
        while response.head.len() + 10 < MAX_HEAD {
            let before = response.head_read;
            assert_eq!(response.feed(b"a:\r\n", None), Ok(Fed::More));
            reads += usize::from(response.head_read != before);
        }
        assert!(reads < SHORT_HEAD / 4 + 10, "it was read {reads} times");
        assert_eq!(
            response.feed(b"content-length: 1\r\n\r\nx", None),
            Err(Unreadable::HeadTooLarge)
        );
    }

    #[test]
    fn what_is_too_large_is_refused_without_being_kept() {
        check("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n", Err(Unreadable::TooLarge), "");
        let big = format!("\r\n\r\n{}", "b".repeat(MAX_HEAD));
        let mut split = Response::new(Expected { is_head: false, body_limit: u64::MAX });
        assert_eq!(split.feed(b"HTTP/1.1 200 OK\r\nx: y", None), Ok(Fed::More));
        assert_eq!(split.feed(big.as_bytes(), None), Ok(Fed::More), "only the body is large");
        let mut response = get();
        let endless = "a".repeat(1_000);
        assert_eq!(response.feed(b"HTTP/1.1 200 OK\r\nx: ", None), Ok(Fed::More));
        let end = (0..300).find_map(|_| response.feed(endless.as_bytes(), None).err());
        assert_eq!(end, Some(Unreadable::HeadTooLarge));
        assert!(response.head.capacity() <= 2 * MAX_HEAD);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0_usize..300,
                                    framing in 0_usize..4) {
            let head: &[u8] = [
                &b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n"[..],
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                b"HTTP/1.1 200 OK\r\n\r\n",
                b"HTTP/1.1 ",
            ][framing];
            let whole = [head, &bytes].concat();
            let cut = cut.min(whole.len());
            let (once, body, _) = read(get(), &whole, whole.len());
            let mut split = get();
            let mut split_body = Vec::new();
            let first = split.feed(&whole[..cut], Some(&mut split_body));
            let both = match first {
                Ok(Fed::More) => split.feed(&whole[cut..], Some(&mut split_body)).map(|fed| match fed {
                    Fed::Done(used) => Fed::Done(cut + used),
                    Fed::More => Fed::More,
                }),
                done => done,
            };
            // In pieces, a mistake may be found later: when its line has ended.
            if once.is_ok() || both != Ok(Fed::More) {
                prop_assert_eq!(both, once);
            }
            if once.is_ok() {
                prop_assert_eq!(split_body, body);
            }
        }
    }
}
