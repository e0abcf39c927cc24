//! One direction of an exchange, taken apart: bytes in, lines that may be kept out.
//!
//! What is not HTTP, cut off or no text is shown as far as it can be. Nothing here is trusted:
//! what a terminal would obey is escaped, and everything is bounded.

use std::fmt::Write as _;

use crate::http1::chunked::Chunked;
use crate::record::exchange::{BODY_BYTES, HEAD_BYTES, Wire, shorten};
use crate::record::redaction::Redaction;

/// Bytes of each direction that are looked at: more than is shown, so that a secret at the
/// border is seen as a whole.
pub(super) const RAW_BYTES: usize = 8 * 1024;

/// Keeps the start of what was heard.
pub(super) fn keep_start(heard: &mut Vec<u8>, bytes: &[u8]) {
    let room = RAW_BYTES - heard.len().min(RAW_BYTES);
    heard.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

/// One direction, taken apart.
pub(super) struct Parts<'b> {
    head: Vec<&'b [u8]>,
    /// As it was on the wire.
    pub(super) body: &'b [u8],
    /// Whether the end of the head was there.
    is_whole_head: bool,
}

impl<'b> Parts<'b> {
    /// The parts of a request or a response.
    pub(super) fn of(bytes: &'b [u8], is_response: bool) -> Parts<'b> {
        if is_response && !bytes.starts_with(b"HTTP/") {
            return Parts::foreign(bytes);
        }
        let mut rest = bytes;
        loop {
            let Some((head, body)) = split_head(rest) else {
                return Parts { head: lines(rest), body: &[], is_whole_head: false };
            };
            // Behind `100 Continue` comes the answer itself.
            let is_interim = is_response && head.get(8..10) == Some(b" 1") && !body.is_empty();
            if !is_interim {
                return Parts { head: lines(head), body, is_whole_head: true };
            }
            rest = body;
        }
    }

    /// What is not HTTP: a line, and what follows it.
    fn foreign(bytes: &'b [u8]) -> Parts<'b> {
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        let body = bytes.get(end + 1..).unwrap_or_default();
        Parts { head: lines(&bytes[..end]), body, is_whole_head: true }
    }

    /// Names and values; a folded one is whole.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'b str, String)> {
        let mut fields: Vec<(&str, String)> = Vec::new();
        for line in self.head.iter().skip(1) {
            let continues = line.starts_with(b" ") || line.starts_with(b"\t");
            if let Some((_, value)) = fields.last_mut().filter(|_| continues) {
                value.push(' ');
                value.push_str(readable(line).trim());
                continue;
            }
            let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
            let name = str::from_utf8(&line[..colon]).unwrap_or("?").trim();
            let value = readable(line.get(colon + 1..).unwrap_or_default());
            fields.push((name, value.trim().to_owned()));
        }
        fields.into_iter()
    }

    fn field(&self, wanted: &str) -> Option<String> {
        self.fields().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    }

    /// What may be kept of it, of a body of so many bytes.
    pub(super) fn wire(&self, redaction: &Redaction, body_bytes: u64) -> Wire {
        let line = readable(self.head.first().copied().unwrap_or_default());
        let mut wire = Wire {
            line: harmless(&redaction.text(redaction.whole_part(&line)), HEAD_BYTES),
            body_bytes,
            is_cut: !self.is_whole_head,
            ..Wire::default()
        };
        let mut room = HEAD_BYTES.saturating_sub(wire.line.len());
        for (name, value) in self.fields() {
            let field = harmless(&redaction.field(name, redaction.whole_part(&value)), HEAD_BYTES);
            if field.len() > room {
                wire.is_cut = true;
                break;
            }
            room -= field.len();
            wire.headers.push(field);
        }
        self.add_body(&mut wire, redaction);
        wire
    }

    fn add_body(&self, wire: &mut Wire, redaction: &Redaction) {
        let encoding = self.field("content-encoding").filter(|how| how != "identity");
        let is_chunked = self
            .field("transfer-encoding")
            .is_some_and(|how| how.to_ascii_lowercase().contains("chunked"));
        let body = if is_chunked { joined(self.body) } else { self.body.to_vec() };
        if body.is_empty() {
            return;
        }
        let hidden = encoding.map(|how| harmless(&how, 40));
        wire.hidden = hidden.or_else(|| is_binary(&body).then(|| "binary".to_owned()));
        if wire.hidden.is_some() {
            return;
        }
        let text = readable(&body);
        let clean = redaction.text(redaction.whole_part(&text));
        wire.is_cut |= clean.len() > BODY_BYTES || (body.len() as u64) < wire.body_bytes;
        wire.body = harmless(&clean, BODY_BYTES);
    }
}

fn split_head(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut from = 0;
    while let Some(end) = bytes[from..].iter().position(|byte| *byte == b'\n').map(|at| from + at) {
        let rest = &bytes[end + 1..];
        let blank = [&b"\r\n"[..], b"\n"].into_iter().find(|blank| rest.starts_with(blank));
        if let Some(blank) = blank {
            return Some((&bytes[..end], &rest[blank.len()..]));
        }
        from = end + 1;
    }
    None
}

fn lines(head: &[u8]) -> Vec<&[u8]> {
    let lines = head.split(|byte| *byte == b'\n');
    lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect()
}

/// The data of chunks, as far as they are there.
fn joined(bytes: &[u8]) -> Vec<u8> {
    let (mut chunked, mut rest, mut data) = (Chunked::default(), bytes, Vec::new());
    while let Ok((taken @ 1.., found, is_done)) = chunked.feed(rest) {
        data.extend_from_slice(found.map(|range| &rest[range]).unwrap_or_default());
        rest = &rest[taken..];
        if is_done {
            break;
        }
    }
    data
}

fn is_binary(body: &[u8]) -> bool {
    let bad = |chunk: std::str::Utf8Chunk<'_>| {
        let controls = chunk.valid().chars().filter(|c| is_control(*c)).count();
        controls + chunk.invalid().len()
    };
    let bad: usize = body.utf8_chunks().map(bad).sum();
    bad * 10 > body.len()
}

fn is_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t')
}

/// The text; bytes that are none as `\xNN`, but for a letter that was cut at the end.
pub(super) fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        text.push_str(chunk.valid());
        let is_cut_letter =
            chunks.peek().is_none() && chunk.invalid().len() < 4 && bytes.len() >= RAW_BYTES;
        if !is_cut_letter {
            for byte in chunk.invalid() {
                write!(text, "\\x{byte:02x}").expect("a String takes everything");
            }
        }
    }
    text
}

/// At most so many bytes of a text, without characters that a terminal would obey.
pub(super) fn harmless(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most));
    for c in text.chars().filter(|c| *c != '\r') {
        if out.len() >= most {
            break;
        }
        if is_control(c) {
            write!(out, "\\x{:02x}", u32::from(c)).expect("a String takes everything");
        } else {
            out.push(c);
        }
    }
    shorten(&mut out, most);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(bytes: &[u8], body_bytes: u64) -> Wire {
        Parts::of(bytes, true).wire(&Redaction::default(), body_bytes)
    }

    #[test]
    fn an_answer_is_kept_with_its_fields_and_the_start_of_its_body() {
        let text = b"HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\nset-cookie: a=b;\r\n c=d\r\nx-y : 1\r\n\r\nTypeError: x\n\tat y";
        let wire = wire(text, 18);
        assert_eq!(wire.line, "HTTP/1.1 500 Oh");
        assert_eq!(wire.headers, ["Content-Type: text/plain", "set-cookie: [redacted]", "x-y: 1"]);
        assert_eq!((wire.body.as_str(), wire.is_cut), ("TypeError: x\n\tat y", false));
    }

    #[test]
    fn an_answer_behind_interim_ones_and_in_chunks_is_found() {
        let text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\n yo\r\n0\r\n\r\n";
        let found = wire(text, 8);
        assert_eq!((found.line.as_str(), found.body.as_str()), ("HTTP/1.1 404 No", "hello yo"));
        assert!(!found.is_cut);
        let cut = wire(&text[..text.len() - 9], 6);
        assert_eq!(cut.body, "hello ");
    }

    #[test]
    fn what_is_no_text_is_escaped_or_only_named() {
        let found = wire(
            b"HTTP/1.1 500 \x1b[31m\xff\r\nx: \x07\r\n\r\nbell \x07 in a longer text \xe9",
            27,
        );
        assert_eq!(found.line, "HTTP/1.1 500 \\x1b[31m\\xff");
        assert_eq!(found.headers, ["x: \\x07"]);
        assert_eq!(found.body, "bell \\x07 in a longer text \\xe9");
        let binary = wire(b"HTTP/1.1 500 No\r\n\r\n\x00\x01\x02\x03\xff", 5);
        assert_eq!((binary.hidden.as_deref(), binary.body.as_str()), (Some("binary"), ""));
        let packed = wire(b"HTTP/1.1 500 No\r\ncontent-encoding: gzip\r\n\r\nabc", 3);
        assert_eq!((packed.hidden.as_deref(), packed.body.as_str()), (Some("gzip"), ""));
        let foreign = wire(b"SSH-2.0-OpenSSH\r\nx: y", 0);
        assert_eq!((foreign.line.as_str(), foreign.body.as_str()), ("SSH-2.0-OpenSSH", "x: y"));
        assert_eq!(foreign.headers, Vec::<String>::new());
    }

    #[test]
    fn a_flood_is_kept_in_part() {
        let mut heard = Vec::new();
        let field = format!("x-long: {}\r\n", "y".repeat(3_000));
        keep_start(&mut heard, b"HTTP/1.1 500 No\r\na: b\r\n");
        keep_start(&mut heard, field.as_bytes());
        let body = "é".repeat(5_000);
        keep_start(&mut heard, format!("c: d\r\n\r\n{body}").as_bytes());
        keep_start(&mut heard, body.as_bytes());
        assert_eq!(heard.len(), RAW_BYTES);
        let found = wire(&heard, 20_000);
        assert_eq!(found.headers, ["a: b"], "the head has its ceiling");
        assert!(found.is_cut && found.body.len() <= BODY_BYTES && found.body.ends_with('é'));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
                               text in "(HTTP/1.1 [0-9]{3} |[a-z-]{1,8}: ?|\r\n|\n|transfer-encoding: chunked|é| ){0,30}") {
            for bytes in [bytes, text.into_bytes()] {
                let found = wire(&bytes, 0);
                let all = found.line + &found.headers.concat() + &found.body;
                proptest::prop_assert!(!all.chars().any(is_control));
            }
        }
    }
}
