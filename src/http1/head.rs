//! The head of a response: bytes in, status and the fields that decide framing out.
//!
//! What is not as RFC 9112 has it is for `odd_head`, so that it costs the others nothing; who
//! reads which is in `last_head`.

use std::mem::MaybeUninit;
use std::time::Duration;

use crate::http1::coding::{Coding, Codings};
use crate::http1::unreadable::Unreadable;

/// Fields that are read without room of their own.
const USUAL_FIELDS: usize = 100;
/// A head that is not read strictly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Odd {
    /// It is otherwise than RFC 9112 has it, and may still be read.
    Otherwise,
    /// Nobody can read it.
    Unreadable(Unreadable),
}

/// What a head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its bytes, with the empty line.
    pub length: usize,
    /// The status, at least 100.
    pub status: u16,
    /// 1 for HTTP/1.1, 0 for HTTP/1.0.
    pub version: u8,
    /// The fields that matter.
    pub fields: Fields,
}

impl Head {
    /// Whether another head follows.
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }

    /// Whether the connection may be used again.
    pub fn keeps_alive(&self) -> bool {
        self.fields.keeps_alive(self.version) && self.status != 101
    }

    /// The head at the start of the bytes, as RFC 9112 has it; `None` when more are needed.
    pub(super) fn read_strictly(bytes: &[u8]) -> Result<Option<Head>, Odd> {
        let mut fields = [const { MaybeUninit::uninit() }; USUAL_FIELDS];
        let mut parsed = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        match config.parse_response_with_uninit_headers(&mut parsed, bytes, &mut fields) {
            Ok(httparse::Status::Complete(length)) => {
                Head::of(&parsed, length).map(Some).map_err(Odd::Unreadable)
            }
            Ok(httparse::Status::Partial) => Ok(None),
            Err(_) => Err(Odd::Otherwise),
        }
    }

    /// What a parsed head of so many bytes says.
    pub(super) fn of(
        parsed: &httparse::Response<'_, '_>,
        length: usize,
    ) -> Result<Head, Unreadable> {
        let status = parsed.code.filter(|code| *code >= 100).ok_or(Unreadable::Malformed)?;
        let fields = Fields::read(parsed.headers);
        Ok(Head { length, status, version: parsed.version.unwrap_or(0), fields })
    }
}

/// The fields that decide framing and reuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is what one field says")]
pub struct Fields {
    /// Of the body.
    pub length: Option<Length>,
    /// How the body is framed, if not by its length.
    pub encoding: Option<Encoding>,
    /// What must be undone to read the body, in the order in which it was done.
    pub codings: Codings,
    /// Somebody on the way may have seen another end of the body: the connection is not used
    /// again.
    pub is_doubtful: bool,
    close: bool,
    keep_alive: bool,
    /// How long the target keeps an idle connection.
    pub idle_limit: Option<Duration>,
    /// Whether the body is a stream of events.
    pub is_event_stream: bool,
}

/// What the content-length fields say. A bad one is no mistake where it does not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So many bytes.
    Of(u64),
    /// Not a number, or several that differ.
    Bad,
}

/// The last transfer coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Chunks.
    Chunked,
    /// Nothing that tells where the body ends.
    Other,
}

impl Fields {
    fn read(headers: &[httparse::Header<'_>]) -> Fields {
        let mut fields = Fields::default();
        let mut transfer = None;
        for header in headers {
            // Most fields are none of these; their lengths tell without a comparison.
            match header.name.len() {
                14 if header.name.eq_ignore_ascii_case("content-length") => {
                    fields.add_length(header.value);
                }
                17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                    let codings = transfer.get_or_insert_default();
                    fields.add_transfer(header.value, codings);
                }
                16 if header.name.eq_ignore_ascii_case("content-encoding") => {
                    fields.codings.add(header.value);
                }
                12 if header.name.eq_ignore_ascii_case("content-type") => {
                    fields.is_event_stream = is_event_stream(header.value);
                }
                10 if header.name.eq_ignore_ascii_case("connection") => {
                    fields.close |= has_token(header.value, b"close");
                    fields.keep_alive |= has_token(header.value, b"keep-alive");
                }
                10 if header.name.eq_ignore_ascii_case("keep-alive") => {
                    fields.idle_limit = idle_limit(header.value);
                }
                _ => {}
            }
        }
        if let Some(codings) = transfer {
            fields.codings.append(codings);
            fields.is_doubtful = fields.length.is_some();
        }
        fields
    }

    /// The last coding decides the framing. `identity` is none, as it was before RFC 7230.
    fn add_transfer(&mut self, value: &[u8], codings: &mut Codings) {
        for name in list(value) {
            if name.eq_ignore_ascii_case(b"chunked") {
                self.encoding = Some(Encoding::Chunked);
            } else if !name.eq_ignore_ascii_case(b"identity") {
                self.encoding = Some(Encoding::Other);
                codings.push(Coding::of(name));
            }
        }
    }

    /// Several lengths must be the same.
    fn add_length(&mut self, value: &[u8]) {
        for part in value.split(|byte| *byte == b',') {
            let length = length(part.trim_ascii()).map_or(Length::Bad, Length::Of);
            let agrees = self.length.is_none_or(|known| known == length);
            self.length = Some(if agrees { length } else { Length::Bad });
        }
    }

    fn keeps_alive(&self, version: u8) -> bool {
        !self.close && !self.is_doubtful && (version == 1 || self.keep_alive)
    }
}

/// Whether a content type is that of server-sent events, whatever its parameters.
pub fn is_event_stream(content_type: &[u8]) -> bool {
    let media_type = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

/// The elements of a field that is a list (RFC 9110, 5.6.1); empty ones are none.
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|part| !part.is_empty())
}

fn digits(text: &[u8]) -> Option<u64> {
    is_number(text).then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

/// A length beyond all counting is beyond every ceiling too.
fn length(text: &[u8]) -> Option<u64> {
    is_number(text).then(|| digits(text).unwrap_or(u64::MAX))
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

fn has_token(value: &[u8], token: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token))
}

/// `timeout=5, max=100`.
fn idle_limit(value: &[u8]) -> Option<Duration> {
    let mut parts = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let seconds = parts.find_map(|part| part.strip_prefix(b"timeout="))?;
    // Longer than a day is as good as for ever, and cannot overflow an instant.
    digits(seconds.trim_ascii()).map(|seconds| Duration::from_secs(seconds.min(86_400)))
}
