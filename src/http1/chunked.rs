//! The chunked transfer coding (RFC 9112, 7.1), byte by byte; keeps nothing.
//!
//! | state | byte | next |
//! | --- | --- | --- |
//! | size | hexadecimal digit | size |
//! | size, blanks | blank | blanks |
//! | size, blanks | `;` | extension |
//! | size, blanks, extension | a line's end | data, or trailers after a size of 0 |
//! | data | any, as many as the size | data end |
//! | data end | a line's end | size |
//! | trailers | a field's line, folded or not | trailers |
//! | trailers | an empty line | done |
//!
//! A line ends by CRLF, or by LF alone as curl and browsers have it.

use std::ops::Range;

use crate::http1::unreadable::Unreadable;

/// Bytes of extensions and trailers that are passed over.
const MAX_EXTRA: u32 = 16 * 1024;

/// A chunked body under way.
#[derive(Debug, Default)]
pub struct Chunked {
    state: State,
    size: u64,
    /// Whether the size has a digit.
    has_digit: bool,
    extra: u32,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    /// Blanks behind the size.
    SizeBlank,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the beginning of a line behind the last chunk.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

impl Chunked {
    /// Takes bytes up to the end of the next stretch of data: how many were taken, which of
    /// them are data, and whether the body has ended.
    pub fn feed(
        &mut self,
        bytes: &[u8],
    ) -> Result<(usize, Option<Range<usize>>, bool), Unreadable> {
        let mut used = 0;
        while used < bytes.len() && self.state != State::Done {
            if self.state == State::Data {
                let rest = (bytes.len() - used) as u64;
                let taken = rest.min(self.size);
                self.size -= taken;
                if self.size == 0 {
                    self.state = State::DataCr;
                }
                let end = used + taken as usize;
                return Ok((end, Some(used..end), false));
            }
            self.state = self.byte(bytes[used])?;
            used += 1;
        }
        Ok((used, None, self.state == State::Done))
    }

    fn byte(&mut self, byte: u8) -> Result<State, Unreadable> {
        match self.state {
            State::Size | State::SizeBlank | State::Extension | State::SizeLf => {
                self.size_line(byte)
            }
            State::DataCr | State::DataLf => match (self.state, byte) {
                (State::DataCr, b'\r') => Ok(State::DataLf),
                (_, b'\n') => Ok(State::Size),
                _ => Err(Unreadable::BadChunk),
            },
            State::Trailer
            | State::TrailerName
            | State::TrailerValue
            | State::TrailerLf
            | State::EndLf => self.trailer(byte),
            State::Data | State::Done => Err(Unreadable::BadChunk),
        }
    }

    fn size_line(&mut self, byte: u8) -> Result<State, Unreadable> {
        match (self.state, byte) {
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(byte),
            (State::Size, _) if !self.has_digit => Err(Unreadable::BadChunk),
            (State::SizeLf, b'\n') => Ok(self.after_size()),
            (State::SizeLf, _) => Err(Unreadable::BadChunk),
            (_, b'\r') => Ok(State::SizeLf),
            (_, b'\n') => Ok(self.after_size()),
            (State::Extension, _) => self.pass_over(State::Extension),
            (_, b' ' | b'\t') => self.pass_over(State::SizeBlank),
            (_, b';') => Ok(State::Extension),
            _ => Err(Unreadable::BadChunk),
        }
    }

    /// Trailers are taken as the fields of a head are, and nothing of them is kept.
    fn trailer(&mut self, byte: u8) -> Result<State, Unreadable> {
        match (self.state, byte) {
            (State::Trailer, b'\r') => Ok(State::EndLf),
            (State::Trailer | State::EndLf, b'\n') => Ok(State::Done),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
            (State::TrailerValue | State::TrailerLf, b'\n') => Ok(State::Trailer),
            (State::EndLf | State::TrailerLf, _) | (_, b'\0' | b'\r' | b'\n') => {
                Err(Unreadable::BadField)
            }
            (State::TrailerValue, _)
            | (State::Trailer, b' ' | b'\t' | b':')
            | (State::TrailerName, b':') => self.pass_over(State::TrailerValue),
            _ => self.pass_over(State::TrailerName),
        }
    }

    fn digit(&mut self, byte: u8) -> Result<State, Unreadable> {
        let digit = char::from(byte).to_digit(16).ok_or(Unreadable::BadChunk)?;
        self.has_digit = true;
        // Any number of zeros may stand before it.
        if self.size >> 60 != 0 {
            return Err(Unreadable::BadChunk);
        }
        self.size = self.size << 4 | u64::from(digit);
        Ok(State::Size)
    }

    fn after_size(&mut self) -> State {
        self.has_digit = false;
        if self.size == 0 { State::Trailer } else { State::Data }
    }

    fn pass_over(&mut self, state: State) -> Result<State, Unreadable> {
        self.extra += 1;
        if self.extra > MAX_EXTRA { Err(Unreadable::TooLarge) } else { Ok(state) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn fails(bytes: &[u8], expected: Unreadable) {
        let mut chunked = Chunked::default();
        let mut rest = bytes;
        loop {
            match chunked.feed(rest) {
                Ok((_, _, true)) => panic!("it was accepted"),
                Ok((used, _, false)) if used == rest.len() => panic!("it goes on"),
                Ok((used, _, false)) => rest = &rest[used..],
                Err(error) => return assert_eq!(error, expected),
            }
        }
    }

    #[test]
    fn sizes_must_be_hexadecimal_and_fit() {
        for bytes in [
            "\r\n",
            "\n",
            "g\r\n",
            "11111111111111111\r\n",
            "1\r\nab",
            "1 2\r\n",
            "1 a=b\r\n",
            "0x1\r\n",
            " 1\r\n",
            "-1\r\n",
            "1\r\r\n",
            "1;a\rb\n",
            "1\r\na\r\r\n",
        ] {
            fails(bytes.as_bytes(), Unreadable::BadChunk);
        }
    }

    #[test]
    fn zeros_before_a_size_and_blanks_behind_it_are_allowed() {
        for bytes in [b"00000000000000000000\r\n\r\n".as_slice(), b"0 \t;a\r\n\r\n"] {
            assert_eq!(Chunked::default().feed(bytes), Ok((bytes.len(), None, true)));
        }
    }

    #[test]
    fn lf_alone_ends_a_line() {
        for bytes in ["1\na\n0\n\n", "1;b\na\r\n0 \nx: y\n\r\n", "1\r\na\n0\r\nx: y\r\n\n"] {
            let mut chunked = Chunked::default();
            let (used, data, _) = chunked.feed(bytes.as_bytes()).unwrap();
            assert_eq!(&bytes[data.unwrap()], "a");
            assert_eq!(
                chunked.feed(&bytes.as_bytes()[used..]),
                Ok((bytes.len() - used, None, true))
            );
        }
    }

    #[test]
    fn trailers_are_taken_as_the_fields_of_a_head_are() {
        for lines in ["a: b", "a : b", "a: b\r\n c", "a:", ": b", "a b: c", "a: \u{1}", " folded"] {
            let text = format!("0\r\n{lines}\r\n\r\n");
            assert_eq!(Chunked::default().feed(text.as_bytes()), Ok((text.len(), None, true)));
        }
        for line in ["no colon", "a: \0", "a\0: b", "a: b\rc", "a\r\n: b"] {
            fails(format!("0\r\n{line}\r\n\r\n").as_bytes(), Unreadable::BadField);
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let long = vec![b'x'; MAX_EXTRA as usize + 10];
        fails(&[b"1;".as_slice(), &long].concat(), Unreadable::TooLarge);
        fails(&[b"0\r\na:".as_slice(), &long].concat(), Unreadable::TooLarge);
    }

    #[test]
    fn a_body_ends_after_its_trailers() {
        let mut chunked = Chunked::default();
        let bytes = b"0\r\na: b\r\n\r\nmore";
        assert_eq!(chunked.feed(bytes), Ok((bytes.len() - 4, None, true)));
    }
}
