//! Heads that are not as RFC 9112 has them, and that curl, Node's fetch or browsers take.
//!
//! | what | becomes |
//! | --- | --- |
//! | a field over several lines (5.2) | one value |
//! | a blank between name and colon (5.1) | a field; the connection is not used again if it frames the body |
//! | a name or value with bytes that may not be there, or no name | passed over |
//! | more fields than usual | as many as the ceiling on the head has room for |
//! | `http/1.1`, `HTTP/2`, `HTTP/2.0` | HTTP/1.1 |
//! | several blanks around the status | one |
//!
//! Refused are: NUL, CR without LF and lines without a colon; and a line that one reader
//! takes for the body's length and another passes over, as the two would see different
//! bodies.

use crate::http1::head::Head;
use crate::http1::unreadable::Unreadable;

/// What the status line may begin with, and what it means to httparse.
const VERSIONS: [(&[u8], &[u8]); 4] = [
    (b"HTTP/1.1", b"HTTP/1.1"),
    (b"HTTP/1.0", b"HTTP/1.0"),
    (b"HTTP/2", b"HTTP/1.1"),
    (b"HTTP/2.0", b"HTTP/1.1"),
];

/// The head at the start of the bytes; `None` when more are needed.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Head>, Unreadable> {
    let start = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let line = &bytes[start..];
    let word = line.iter().position(u8::is_ascii_whitespace);
    let version = &line[..word.unwrap_or(line.len())];
    let is_known = |known: &[u8]| known.eq_ignore_ascii_case(version);
    let Some((_, meant)) = VERSIONS.iter().find(|(known, _)| is_known(known)) else {
        return unknown_version(version, word.is_some());
    };
    if version == *meant {
        return parse(bytes);
    }
    let rewritten = [*meant, &line[version.len()..]].concat();
    let head = parse(&rewritten)?;
    Ok(head.map(|head| Head { length: head.length - meant.len() + version.len() + start, ..head }))
}

fn unknown_version(version: &[u8], is_whole: bool) -> Result<Option<Head>, Unreadable> {
    let begins = |known: &[u8]| {
        known.get(..version.len()).is_some_and(|start| start.eq_ignore_ascii_case(version))
    };
    let may_come = !is_whole && VERSIONS.iter().any(|(known, _)| begins(known));
    if may_come { Ok(None) } else { Err(Unreadable::Malformed) }
}

fn parse(bytes: &[u8]) -> Result<Option<Head>, Unreadable> {
    use httparse::Error;
    let lines = bytes.split(|byte| *byte == b'\n').count();
    let mut fields = vec![httparse::EMPTY_HEADER; lines];
    let mut parsed = httparse::Response::new(&mut fields);
    match config().parse_response(&mut parsed, bytes) {
        Ok(httparse::Status::Complete(length)) => {
            let lines = review(&bytes[..length])?;
            let mut head = Head::of(&parsed, length)?;
            let read = parsed.headers.iter().filter(|field| frames(field.name.as_bytes())).count();
            if read != lines.framing {
                return Err(Unreadable::BadLength);
            }
            head.fields.is_doubtful |= lines.has_loose_frame;
            Ok(Some(head))
        }
        Ok(httparse::Status::Partial) => review(bytes).map(|_| None),
        Err(Error::HeaderName | Error::HeaderValue | Error::NewLine) => Err(Unreadable::BadField),
        Err(Error::TooManyHeaders) => Err(Unreadable::HeadTooLarge),
        Err(Error::Status | Error::Token | Error::Version) => Err(Unreadable::Malformed),
    }
}

fn config() -> httparse::ParserConfig {
    let mut config = httparse::ParserConfig::default();
    config
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .ignore_invalid_headers_in_responses(true);
    config
}

/// What httparse does not tell, as it passes over what it cannot read.
#[derive(Default)]
struct Lines {
    /// Lines that somebody could take for the body's length or framing.
    framing: usize,
    /// One of them has a blank before its colon.
    has_loose_frame: bool,
}

/// Looks at each line that has ended, but for the first.
fn review(head: &[u8]) -> Result<Lines, Unreadable> {
    let mut lines = Lines::default();
    let ended = head.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let all = head[..ended].split(|byte| *byte == b'\n');
    let all = all.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    for line in all.skip_while(|line| line.is_empty()).skip(1) {
        let is_folded = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        let colon = line.iter().position(|byte| *byte == b':');
        if colon.is_none() && !is_folded && !line.is_empty() {
            return Err(Unreadable::BadField);
        }
        let name = &line[..colon.unwrap_or(0)];
        if frames(name.trim_ascii()) {
            lines.framing += 1;
            lines.has_loose_frame |= name.trim_ascii() != name;
        }
    }
    Ok(lines)
}

/// Whether a field says where the body ends.
fn frames(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"transfer-encoding")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::head::{Encoding, Length};

    fn whole(fields: &str) -> Result<Head, Unreadable> {
        let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
        let head = crate::http1::last_head::read(text.as_bytes())?.expect("it is whole");
        assert_eq!(head.length, text.len(), "{fields}");
        Ok(head)
    }

    #[test]
    fn a_field_over_several_lines_is_one() {
        for fields in [
            "x: one;\r\n two\r\ncontent-length: 2",
            "x:\r\n\tone;\r\n\ttwo\r\ncontent-length: 2",
            "content-length: 2\r\nx: one;\r\n two",
            "content-length:\r\n 2",
            "content-length:\n\t2",
            "x: one\r\n \r\n two\r\ncontent-length: 2",
            "connection: keep-alive,\r\n x\r\ncontent-length: 2",
        ] {
            let head = whole(fields).unwrap();
            assert_eq!(head.fields.length, Some(Length::Of(2)), "{fields}");
            assert!(head.keeps_alive(), "{fields}");
        }
        let chunked = whole("transfer-encoding: gzip,\r\n chunked").unwrap();
        assert_eq!(chunked.fields.encoding, Some(Encoding::Chunked));
        let closed = whole("connection: keep-alive,\r\n close").unwrap();
        assert!(!closed.keeps_alive());
        assert_eq!(whole("content-length: 2\r\n 3").unwrap().fields.length, Some(Length::Bad));
    }

    #[test]
    fn a_blank_before_the_colon_is_taken_and_doubted_where_it_frames() {
        assert!(whole("x : y\r\ncontent-length: 2").unwrap().keeps_alive());
        let sized = whole("content-length \t: 2").unwrap();
        assert_eq!(sized.fields.length, Some(Length::Of(2)));
        let chunked = whole("transfer-encoding : chunked").unwrap();
        assert_eq!(chunked.fields.encoding, Some(Encoding::Chunked));
        assert!(!sized.keeps_alive() && !chunked.keeps_alive());
    }

    #[test]
    fn odd_names_and_values_are_passed_over() {
        for field in [
            "x(y): z",
            "x y: z",
            "@: z",
            "\u{e9}: z",
            ": z",
            "x: \u{1}",
            "x: \u{1b}[2J",
            "x: \u{7f}",
        ] {
            for fields in
                [format!("{field}\r\ncontent-length: 2"), format!("content-length: 2\r\n{field}")]
            {
                let head = whole(&fields).unwrap();
                assert_eq!(head.fields.length, Some(Length::Of(2)), "{fields}");
            }
        }
    }

    #[test]
    fn a_blank_before_the_first_field_hides_it() {
        let head = whole(" x: y\r\ncontent-length: 2").unwrap();
        assert_eq!(head.fields.length, Some(Length::Of(2)));
    }

    #[test]
    fn what_nobody_takes_is_named() {
        for field in ["no colon", "x: a\0b", "x\0: a", "x: a\rb", "x: a\r"] {
            for fields in [field.to_owned(), format!("a b: c\r\n{field}\r\ncontent-length: 2")] {
                assert_eq!(whole(&fields), Err(Unreadable::BadField), "{fields}");
            }
        }
    }

    #[test]
    fn a_length_that_one_reader_sees_and_another_does_not_is_refused() {
        for fields in [
            " content-length: 2",
            "x: y\r\n content-length: 2",
            "content-length: 2\u{1}",
            "a b: c\r\n\ttransfer-encoding : chunked",
        ] {
            assert_eq!(
                whole(&format!("{fields}\r\n@: odd")),
                Err(Unreadable::BadLength),
                "{fields}"
            );
        }
    }

    #[test]
    fn as_many_fields_as_there_is_room_for() {
        for count in [100, 101, 250, 5_000] {
            let fields: Vec<String> = (1..count).map(|number| format!("x-{number}: v")).collect();
            let head = whole(&format!("{}\r\ncontent-length: 2", fields.join("\r\n"))).unwrap();
            assert_eq!(head.fields.length, Some(Length::Of(2)), "{count}");
        }
    }

    #[test]
    fn versions_that_mean_http_1_1_are_taken() {
        for (line, version) in [
            ("HTTP/2 200", 1),
            ("HTTP/2.0 200 OK", 1),
            ("http/1.1 200 OK", 1),
            ("http/1.0 200 OK", 0),
            ("HTTP/1.1  200  OK", 1),
        ] {
            let text = format!("{line}\r\ncontent-length: 2\r\n\r\nok");
            let head =
                crate::http1::last_head::read(text.as_bytes()).unwrap().expect("it is whole");
            assert_eq!((head.version, head.length), (version, text.len() - 2), "{line}");
            for cut in 0..head.length {
                assert_eq!(
                    crate::http1::last_head::read(&text.as_bytes()[..cut]),
                    Ok(None),
                    "{line} up to {cut}"
                );
            }
        }
        for line in [
            "HTTP/3 200 OK",
            "HTTP/1.2 200 OK",
            "HTTP/0.9 200 OK",
            "ICY 200 OK",
            " HTTP/1.1 200 OK",
            "HTTP/1.1\t200 OK",
        ] {
            let text = format!("{line}\r\ncontent-length: 2\r\n\r\nok");
            assert_eq!(
                crate::http1::last_head::read(text.as_bytes()),
                Err(Unreadable::Malformed),
                "{line}"
            );
        }
    }
}
