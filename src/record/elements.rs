//! Takes the long lists out of a JSON object as it comes.
//!
//! Bytes of an object go in. The elements of its long lists come out, a line each with the
//! list's mark in front, so that they can be understood a few at a time and on all cores; what
//! is left is the same object with these lists empty. Nothing here knows what is in them, and
//! whether an element is well formed is for its reader to say.

use std::io::{self, BufRead, BufReader, Read};

/// A list that may be long.
pub(super) struct Long {
    /// Its key.
    pub(super) key: &'static str,
    /// What its lines begin with.
    pub(super) mark: u8,
}

/// Reads the elements of long lists as lines.
pub(super) struct Elements<R> {
    source: BufReader<R>,
    lists: &'static [Long],
    /// What is not in one of the lists.
    pub(super) rest: Vec<u8>,
    state: State,
    /// Brackets that are open.
    depth: usize,
    text: Text,
    /// The last text of the object itself, which may be a key.
    key: Vec<u8>,
    out: Vec<u8>,
    given: usize,
}

/// Where the next byte belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// To what is left.
    Rest,
    /// To what is left: behind the colon of a key of the object itself.
    Value,
    /// In a long list, where an element or its end may come.
    First(u8),
    /// Behind a comma.
    Next(u8),
    /// Behind an element.
    Behind(u8),
    /// In an element, with so many brackets around it.
    Element(u8, usize),
}

/// Whether a byte is in a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    No,
    Yes,
    /// Behind a backslash.
    Escaped,
}

impl<R: Read> Elements<R> {
    /// Takes these lists out.
    pub(super) fn of(source: R, lists: &'static [Long]) -> Elements<R> {
        Elements {
            source: BufReader::with_capacity(1 << 16, source),
            lists,
            rest: Vec::new(),
            state: State::Rest,
            depth: 0,
            text: Text::No,
            key: Vec::new(),
            out: Vec::new(),
            given: 0,
        }
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut at = 0;
        while at < bytes.len() {
            at += match self.state {
                State::Element(mark, around) => self.element(&bytes[at..], mark, around),
                State::Rest | State::Value => self.rest(bytes[at]),
                State::First(_) | State::Next(_) | State::Behind(_) => self.between(bytes[at])?,
            };
        }
        Ok(())
    }

    /// Copies an element up to its end, or as much of it as there is.
    fn element(&mut self, bytes: &[u8], mark: u8, around: usize) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            self.step(*byte);
            if self.depth == around && self.text == Text::No {
                self.state = State::Behind(mark);
                self.copy(&bytes[..=at]);
                self.out.push(b'\n');
                return at + 1;
            }
        }
        self.copy(bytes);
        bytes.len()
    }

    /// An end of line can only be between two words: it is as good as a space.
    fn copy(&mut self, bytes: &[u8]) {
        let start = self.out.len();
        self.out.extend_from_slice(bytes);
        for byte in &mut self.out[start..] {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }

    fn rest(&mut self, byte: u8) -> usize {
        self.rest.push(byte);
        if self.state == State::Value && byte == b'[' {
            let list = self.lists.iter().find(|list| list.key.as_bytes() == self.key);
            self.state = list.map_or(State::Rest, |list| State::First(list.mark));
        } else if !byte.is_ascii_whitespace() {
            self.state = State::Rest;
        }
        let was = self.text;
        self.step(byte);
        if self.depth == 1 {
            match (was, self.text) {
                (Text::No, Text::Yes) => self.key.clear(),
                (Text::Yes | Text::Escaped, Text::Yes | Text::Escaped) => self.key.push(byte),
                (Text::No, Text::No) if byte == b':' => self.state = State::Value,
                (Text::No | Text::Yes | Text::Escaped, _) => {}
            }
        }
        1
    }

    fn between(&mut self, byte: u8) -> io::Result<usize> {
        match (self.state, byte) {
            (_, byte) if byte.is_ascii_whitespace() => {}
            (State::First(_) | State::Behind(_), b']') => {
                self.rest.push(byte);
                self.depth -= 1;
                self.state = State::Rest;
            }
            (State::Behind(mark), b',') => self.state = State::Next(mark),
            (State::First(mark) | State::Next(mark), b'{') => {
                self.state = State::Element(mark, self.depth);
                self.out.push(mark);
                return Ok(0);
            }
            _ => return Err(io::Error::other("a list of something else than objects")),
        }
        Ok(1)
    }

    fn step(&mut self, byte: u8) {
        match (self.text, byte) {
            (Text::Yes, b'\\') => self.text = Text::Escaped,
            (Text::Yes, b'"') => self.text = Text::No,
            (Text::Yes | Text::Escaped, _) | (Text::No, b'"') => self.text = Text::Yes,
            (Text::No, b'{' | b'[') => self.depth += 1,
            (Text::No, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
            (Text::No, _) => {}
        }
    }
}

impl<R: Read> Read for Elements<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.out.len() {
            (self.given, self.out) = (0, std::mem::take(&mut self.out));
            self.out.clear();
            let bytes = self.source.fill_buf()?.to_vec();
            if bytes.is_empty() {
                return Ok(0);
            }
            self.take(&bytes)?;
            self.source.consume(bytes.len());
        }
        let more = (&self.out[self.given..]).read(buffer)?;
        self.given += more;
        Ok(more)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const LISTS: &[Long] = &[Long { key: "one", mark: b'1' }, Long { key: "two", mark: b'2' }];

    /// Hands out a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(buffer.len());
            self.0.read(&mut buffer[..most])
        }
    }

    fn taken(text: &str, at_once: usize) -> io::Result<(String, String)> {
        let mut elements = Elements::of(Slow(text.as_bytes(), at_once), LISTS);
        let mut lines = String::new();
        elements.read_to_string(&mut lines)?;
        Ok((lines, String::from_utf8(elements.rest).unwrap()))
    }

    #[track_caller]
    fn check(text: &str, lines: &str, rest: &str) {
        for at_once in [1, 2, 7, 1_000] {
            assert_eq!(taken(text, at_once).unwrap(), (lines.to_owned(), rest.to_owned()));
        }
    }

    #[test]
    fn elements_are_lines_and_what_is_left_is_the_object() {
        check(
            r#"{"a": [1], "one": [{"b": [{}]}, {"c": "}]\"\\"}], "d": {"one": [{"e": 1}]}}"#,
            "1{\"b\": [{}]}\n1{\"c\": \"}]\\\"\\\\\"}\n",
            r#"{"a": [1], "one": [], "d": {"one": [{"e": 1}]}}"#,
        );
        check(
            "{\"two\" :\n[ ] ,\"one\":[{\n\"b\"\r\n:1}\n]}",
            "1{ \"b\"  :1}\n",
            "{\"two\" :\n[] ,\"one\":[]}",
        );
        check(
            r#"{"a":"one","one":null,"two":"[{}]"}"#,
            "",
            r#"{"a":"one","one":null,"two":"[{}]"}"#,
        );
    }

    #[test]
    fn a_list_of_something_else_is_refused_and_half_an_object_stays_half() {
        for bad in ["[1]", "[{},]", "[{} {}]", "[,{}]", "[[]]", "[{}}"] {
            let text = format!("{{\"one\":{bad}}}");
            let rest = taken(&text, 3).map(|(_, rest)| serde_json::from_str::<Value>(&rest));
            assert!(rest.is_err() || rest.is_ok_and(|rest| rest.is_err()), "{bad}");
        }
        let whole = r#"{"a":1,"one":[{"b":2},{"b":3}],"two":[]}"#;
        for length in 0..whole.len() {
            let (_, rest) = taken(&whole[..length], 5).unwrap();
            assert!(serde_json::from_str::<Value>(&rest).is_err(), "{length}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            ".*".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a-z\"\\\\]{0,3}", inner), 0..4)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_in_it(
            elements in prop::collection::vec(value(), 0..5),
            other in value(),
            at_once in 1_usize..40,
            pretty in any::<bool>(),
        ) {
            let elements: Vec<Value> = elements.into_iter().map(|it| json!({ "x": it })).collect();
            let whole = json!({ "a": other, "one": elements, "z": other });
            let text = if pretty {
                serde_json::to_string_pretty(&whole).unwrap()
            } else {
                whole.to_string()
            };
            let (lines, rest) = taken(&text, at_once).unwrap();
            let read: Vec<Value> =
                lines.lines().map(|line| serde_json::from_str(&line[1..]).unwrap()).collect();
            prop_assert_eq!(read, elements);
            let rest: Value = serde_json::from_str(&rest).unwrap();
            prop_assert_eq!(rest, json!({ "a": other, "one": [], "z": other }));
        }
    }
}
