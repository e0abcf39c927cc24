//! Bytes in, server-sent events out, as the WHATWG standard has it (HTML, 9.2.6); no sockets.
//!
//! | what | is |
//! | --- | --- |
//! | a line | ended by LF, CR or CR LF, wherever the bytes are split |
//! | the first line | without a byte order mark |
//! | `data` | a line more of the event's data |
//! | `event` | the event's name |
//! | `id`, `retry`, a comment, any other field | passed over: nothing is ever connected again |
//! | an empty line | the end of an event, if it has data |
//! | the end of the stream | no end of an event |
//!
//! The bytes are hostile: an event, and a line, has at most [`MAX_EVENT`] bytes, and no more is
//! ever kept.

use std::mem;
use std::ops::ControlFlow;

/// The largest event, and the longest line.
pub(super) const MAX_EVENT: usize = 1024 * 1024;
/// The name of an event that has none.
const UNNAMED: &[u8] = b"message";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Event<'e> {
    /// Its name.
    pub(super) name: &'e [u8],
    /// Its lines of data, with LF between them.
    pub(super) data: &'e [u8],
}

/// An event or a line is larger than the ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge;

/// A stream of events, and how far it has come.
#[derive(Debug, Default)]
pub(super) struct Parser {
    /// The start of a line that has not ended.
    line: Vec<u8>,
    /// Whether the first line lies behind.
    is_begun: bool,
    /// Whether the last byte was a CR, of which an LF would be a part.
    after_cr: bool,
    event: Open,
}

/// An event that has not ended.
#[derive(Debug, Default)]
struct Open {
    name: Vec<u8>,
    data: Vec<u8>,
    /// Lines of data, the first of which may be empty.
    lines: usize,
}

impl Parser {
    /// Takes the next bytes and hands over each event that they complete, until that is enough.
    pub(super) fn feed(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<(), TooLarge> {
        while let Some(first) = bytes.first() {
            if mem::take(&mut self.after_cr) && *first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let piece = &bytes[..end.unwrap_or(bytes.len())];
            if self.line.len() + piece.len() > MAX_EVENT {
                return Err(TooLarge);
            }
            let Some(end) = end else {
                self.line.extend_from_slice(piece);
                return Ok(());
            };
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if self.end_line(piece, &mut take)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A line has ended with these bytes.
    fn end_line(
        &mut self,
        piece: &[u8],
        take: &mut impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TooLarge> {
        if self.line.is_empty() {
            return self.take_line(piece, take);
        }
        self.line.extend_from_slice(piece);
        let line = mem::take(&mut self.line);
        let flow = self.take_line(&line, take);
        self.line = line;
        self.line.clear();
        flow
    }

    fn take_line(
        &mut self,
        mut line: &[u8],
        take: &mut impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TooLarge> {
        if !mem::replace(&mut self.is_begun, true) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.event.end(take));
        }
        self.event.take_field(line).map(|()| ControlFlow::Continue(()))
    }
}

impl Open {
    fn take_field(&mut self, line: &[u8]) -> Result<(), TooLarge> {
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if self.data.len() + 1 + value.len() > MAX_EVENT {
                    return Err(TooLarge);
                }
                if self.lines > 0 {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.lines += 1;
            }
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, take: &mut impl FnMut(Event<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        let is_event = mem::take(&mut self.lines) > 0;
        let name = if self.name.is_empty() { UNNAMED } else { &self.name };
        let flow = if is_event {
            take(Event { name, data: &self.data })
        } else {
            ControlFlow::Continue(())
        };
        self.name.clear();
        self.data.clear();
        flow
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Owned = (String, String);

    /// All events of some bytes that come in these pieces.
    fn events<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Result<Vec<Owned>, TooLarge> {
        let (mut parser, mut all) = (Parser::default(), Vec::new());
        for piece in pieces {
            parser.feed(piece, |event| {
                let [name, data] = [event.name, event.data]
                    .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
                all.push((name, data));
                ControlFlow::Continue(())
            })?;
        }
        Ok(all)
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<Owned> =
            expected.iter().map(|(name, data)| ((*name).into(), (*data).into())).collect();
        for piece in [1, 2, 3, 7, text.len()] {
            let found = events(text.as_bytes().chunks(piece)).unwrap();
            assert_eq!(found, expected, "{text:?} in pieces of {piece}");
        }
    }

    /// The examples of the standard among them.
    #[test]
    fn a_stream_is_read_as_the_standard_has_it() {
        check("data: YHOO\ndata: +2\ndata: 10\n\n", &[("message", "YHOO\n+2\n10")]);
        check(
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            &[("message", "first event"), ("message", "second event"), ("message", " third event")],
        );
        check("data\n\ndata\ndata\n\ndata:", &[("message", ""), ("message", "\n")]);
        check("event: add\ndata: 7\n\nevent: x\n\ndata: 8\n\n", &[("add", "7"), ("message", "8")]);
        check("event: a\nevent: b\ndata: 1\n\n", &[("b", "1")]);
        check("retry: 10\nid: 3\nfoo: bar\ndata : no\nDATA: no\n\n", &[]);
        check("data: half", &[]);
        check("data: no end\n", &[]);
        check("data: a:b: c\n\n", &[("message", "a:b: c")]);
    }

    #[test]
    fn lines_end_in_three_ways_and_a_mark_stands_before_the_first_only() {
        for end in ["\n", "\r", "\r\n"] {
            let text = format!("event: e{end}data: 1{end}data: 2{end}{end}data: 3{end}{end}");
            check(&text, &[("e", "1\n2"), ("message", "3")]);
        }
        check("data: 1\r\rdata: 2\n\r\n", &[("message", "1"), ("message", "2")]);
        check("\u{feff}data: 1\n\n\u{feff}data: 2\n\n", &[("message", "1")]);
        check("\u{feff}\u{feff}data: 1\n\n", &[]);
    }

    #[test]
    fn it_stops_when_that_is_enough() {
        let mut seen = 0;
        let enough = |_: Event<'_>| {
            seen += 1;
            ControlFlow::Break(())
        };
        Parser::default().feed(b"data: 1\n\ndata: 2\n\n", enough).unwrap();
        assert_eq!(seen, 1);
    }

    #[test]
    fn endless_lines_and_events_are_refused_without_growing() {
        let piece = vec![b'x'; 64 * 1024];
        for prefix in ["data: ", ": ", "event: ", "other"] {
            let mut parser = Parser::default();
            parser.feed(prefix.as_bytes(), |_| ControlFlow::Continue(())).unwrap();
            let fed = (0..100)
                .take_while(|_| parser.feed(&piece, |_| ControlFlow::Continue(())).is_ok())
                .count();
            assert_eq!(fed, 15, "{prefix}");
            assert!(parser.line.capacity() <= 2 * MAX_EVENT);
        }
        let lines = "data: 0123456789\n".repeat(MAX_EVENT / 11 + 1);
        assert_eq!(events(lines.as_bytes().chunks(1_000)), Err(TooLarge));
        let most = format!("data:{}\n\n", "x".repeat(MAX_EVENT - 5));
        assert_eq!(events([most.as_bytes()]).unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn however_it_is_split_the_events_are_the_same(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "data: a", "data", "data:", "event: e", "id: 1", ": c", ":", "\n", "\r", "\r\n",
                    "\n\n", "\u{feff}", "é", " ",
                ]),
                0..40,
            ),
            cuts in prop::collection::vec(0usize..200, 0..10),
        ) {
            let text = parts.concat();
            let whole = events([text.as_bytes()]).unwrap();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]);
            prop_assert_eq!(events(pieces).unwrap(), whole.clone());
            prop_assert_eq!(events(text.as_bytes().chunks(1)).unwrap(), whole);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let whole = events([&bytes[..]]);
            prop_assert_eq!(events(bytes.chunks(1)), whole);
        }
    }
}
