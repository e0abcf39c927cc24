//! The chunked transfer coding (RFC 9112, 7.1), byte by byte; keeps nothing.
//!
//! | state | byte | next |
//! | --- | --- | --- |
//! | size | hexadecimal digit | size |
//! | size, blanks | blank | blanks |
//! | size, blanks | `;` | extension |
//! | size, blanks, extension | CR | size LF |
//! | size LF | LF | data, or trailers after a size of 0 |
//! | data | any, as many as the size | data CR |
//! | data CR, data LF | CR, LF | size |
//! | trailers | a field's line | trailers |
//! | trailers | an empty line | done |

use std::ops::Range;

use crate::http1::response::Unreadable;

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
        match (self.state, byte) {
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(byte),
            (State::Size, b'\r') if self.has_digit => Ok(State::SizeLf),
            (State::Size, b';') if self.has_digit => Ok(State::Extension),
            (State::Size, b' ' | b'\t') if self.has_digit => self.pass_over(State::SizeBlank),
            (State::SizeBlank, b' ' | b'\t') => self.pass_over(State::SizeBlank),
            (State::SizeBlank, b';') => Ok(State::Extension),
            (State::SizeBlank | State::Extension, b'\r') => Ok(State::SizeLf),
            (State::SizeLf, b'\n') => Ok(self.after_size()),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size),
            (State::Trailer, b'\r') => Ok(State::EndLf),
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
            (State::TrailerLf, b'\n') => Ok(State::Trailer),
            (State::EndLf, b'\n') => Ok(State::Done),
            (State::Extension, byte) if byte != b'\n' => self.pass_over(State::Extension),
            (State::Trailer | State::TrailerName, byte) if is_token(byte) => {
                self.pass_over(State::TrailerName)
            }
            (State::TrailerValue, byte) if is_text(byte) => self.pass_over(State::TrailerValue),
            _ => Err(Unreadable::Malformed),
        }
    }

    fn digit(&mut self, byte: u8) -> Result<State, Unreadable> {
        let digit = char::from(byte).to_digit(16).ok_or(Unreadable::Malformed)?;
        self.has_digit = true;
        // Any number of zeros may stand before it.
        if self.size >> 60 != 0 {
            return Err(Unreadable::Malformed);
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

/// What a field's name is made of (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What a field's value is made of (RFC 9110, 5.5).
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
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
        fails(b"\r\n", Unreadable::Malformed);
        fails(b"g\r\n", Unreadable::Malformed);
        fails(b"1\n", Unreadable::Malformed);
        fails(b"11111111111111111\r\n", Unreadable::Malformed);
        fails(b"1\r\nab", Unreadable::Malformed);
        fails(b"1 2\r\n", Unreadable::Malformed);
        fails(b"1 a=b\r\n", Unreadable::Malformed);
    }

    #[test]
    fn zeros_before_a_size_and_blanks_behind_it_are_allowed() {
        for bytes in [b"00000000000000000000\r\n\r\n".as_slice(), b"0 \t;a\r\n\r\n"] {
            assert_eq!(Chunked::default().feed(bytes), Ok((bytes.len(), None, true)));
        }
    }

    #[test]
    fn trailers_are_fields() {
        for line in ["no colon", ": no name", "a b: c", " folded: c", "a: \0", "a: b\nc: d"] {
            fails(format!("0\r\n{line}\r\n\r\n").as_bytes(), Unreadable::Malformed);
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
