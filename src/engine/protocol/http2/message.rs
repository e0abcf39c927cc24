//! Requests as HTTP/2 has them, made from those that are written for HTTP/1.1: the request line
//! and `host` become pseudo headers, and what belongs to a connection is left out.
//!
//! Those that never change are made once, and given their number each time. The field with that
//! number is never put into the table of the heads (RFC 7541, 6.2.3): it is another one each time, would
//! drive out those that do come again, and each would be compared with all that came before.

use bytes::Bytes;
use http::header::{CONNECTION, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};

use crate::engine::protocol::request::{Fixed, Prepared, Unsendable};
use crate::record::outcome::Cause;

/// What HTTP/2 cannot say.
const UNSENDABLE: Unsendable = Unsendable(Cause::RequestTooLarge);

/// A request, ready to be sent.
#[derive(Debug)]
pub struct Message {
    /// Method, address and fields.
    pub head: Request<()>,
    /// Its body; empty where there is none.
    pub body: Bytes,
}

/// Makes the messages of a worker.
#[derive(Debug)]
pub struct Messages {
    scheme: Scheme,
    /// The field with the number of a request.
    id: Option<HeaderName>,
    /// Those of steps whose requests never change but for their numbers.
    fixed: Vec<Option<Made>>,
}

/// A message in its parts, to be copied.
#[derive(Debug, Clone)]
struct Made {
    method: Method,
    uri: Uri,
    fields: HeaderMap,
    body: Bytes,
    /// The place of the field with the number.
    id: Option<usize>,
}

impl Messages {
    /// Of a target that is spoken to in the clear, or by TLS, with the number of a request in the
    /// field `id`.
    pub fn new(prepared: &[Prepared], is_secured: bool, id: Option<&str>) -> Messages {
        let scheme = if is_secured { Scheme::HTTPS } else { Scheme::HTTP };
        let id = id.and_then(|id| HeaderName::from_bytes(id.as_bytes()).ok());
        let mut messages = Messages { scheme, id, fixed: Vec::new() };
        let fixed = prepared.iter().map(|one| match one {
            Prepared::Fixed(fixed) => messages.made_once(fixed),
            Prepared::Filled(_) => None,
        });
        messages.fixed = fixed.collect();
        messages
    }

    /// That of a step whose request never changes.
    pub fn of_fixed(&self, step: usize, fixed: &Fixed) -> Result<Message, Unsendable> {
        let mut made = self.fixed[step].clone().ok_or(UNSENDABLE)?;
        let field = made.id.and_then(|place| made.fields.values_mut().nth(place));
        if let (Some(field), Some(value)) = (field, fixed.id()) {
            *field = HeaderValue::from_bytes(value).map_err(|_| UNSENDABLE)?;
            field.set_sensitive(true);
        }
        Ok(made.into())
    }

    /// That of one that has been filled in.
    pub fn of_bytes(&self, bytes: &[u8]) -> Result<Message, Unsendable> {
        self.made(bytes).map(Message::from).ok_or(UNSENDABLE)
    }

    fn made_once(&self, fixed: &Fixed) -> Option<Made> {
        let mut made = self.made(fixed.bytes())?;
        let is_id = |value: &HeaderValue| Some(value.as_bytes()) == fixed.id();
        made.id = made.fields.values().position(is_id);
        Some(made)
    }

    fn made(&self, text: &[u8]) -> Option<Made> {
        let split = text.windows(4).position(|part| part == b"\r\n\r\n")?;
        let (head, body) = (&text[..split], &text[split + 4..]);
        let mut lines = head.split(|byte| *byte == b'\n');
        let line = lines.next()?;
        let mut words = line.split(|byte| *byte == b' ');
        let (method, path) = (Method::from_bytes(words.next()?).ok()?, words.next()?);
        let (authority, fields) = self.fields(lines)?;
        let path = PathAndQuery::try_from(path).ok()?;
        let uri = Uri::builder().scheme(self.scheme.clone()).authority(authority);
        let body = Bytes::copy_from_slice(body);
        Some(Made { method, uri: uri.path_and_query(path).build().ok()?, fields, body, id: None })
    }

    fn fields<'t>(&self, lines: impl Iterator<Item = &'t [u8]>) -> Option<(Authority, HeaderMap)> {
        let (mut authority, mut fields) = (None, HeaderMap::new());
        for line in lines {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = HeaderName::from_bytes(&line[..colon]).ok()?;
            let value = line[colon + 1..].trim_ascii();
            if name == HOST {
                authority = Some(Authority::try_from(value).ok()?);
            } else if !is_of_connection(&name, value) {
                let mut value = HeaderValue::from_bytes(value).ok()?;
                value.set_sensitive(self.id.as_ref() == Some(&name));
                fields.append(name, value);
            }
        }
        Some((authority?, fields))
    }
}

impl From<Made> for Message {
    fn from(made: Made) -> Message {
        let mut head = Request::new(());
        *head.method_mut() = made.method;
        *head.uri_mut() = made.uri;
        *head.headers_mut() = made.fields;
        Message { head, body: made.body }
    }
}

/// A request as it is written for HTTP/1.1, with the version in which it was sent.
pub fn shown(text: &[u8]) -> Vec<u8> {
    const WRITTEN: &[u8] = b" HTTP/1.1\r\n";
    let found = text.windows(WRITTEN.len()).position(|part| part == WRITTEN);
    let Some(at) = found else { return text.to_vec() };
    [&text[..at], b" HTTP/2\r\n", &text[at + WRITTEN.len()..]].concat()
}

/// Whether a field means the connection (RFC 9113, 8.2.2).
fn is_of_connection(name: &HeaderName, value: &[u8]) -> bool {
    const OTHERS: [&str; 3] = ["keep-alive", "proxy-connection", "http2-settings"];
    [CONNECTION, TRANSFER_ENCODING, UPGRADE].contains(name)
        || OTHERS.contains(&name.as_str())
        || (*name == TE && !value.eq_ignore_ascii_case(b"trailers"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::read::{self, Origin};

    const SCENARIO: &str = r#"{"name": "a", "target": {"url": "http://127.0.0.1:1", "request_id": "x-id"},
        "flows": [{"name": "a", "steps": [{"name": "a", "request": "GET /"}]}],
        "load": {"stages": [{"for": "1s", "rate": "1/s"}]}}"#;
    const TEXT: &str = "POST /a?b=1 HTTP/1.1\r\nhost: api:81\r\nconnection: close\r\nTE: gzip\r\n\
                        Cookie: a=1\r\nkeep-alive: 1\r\ncontent-length: 4\r\n\r\nbo\r\n";

    fn message(text: &str) -> Result<Message, Unsendable> {
        Messages::new(&[], true, Some("x-id")).of_bytes(text.as_bytes())
    }

    #[test]
    fn the_request_line_and_the_host_become_the_address_and_what_means_the_connection_is_left_out()
    {
        let message = message(TEXT).unwrap();
        assert_eq!(message.head.method(), "POST");
        assert_eq!(message.head.uri(), "https://api:81/a?b=1");
        let names: Vec<&str> = message.head.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["cookie", "content-length"]);
        assert_eq!(message.body, "bo\r\n");
        assert!(message_of("te: trailers").head.headers().contains_key("te"));
    }

    #[test]
    fn only_the_field_with_the_number_stays_out_of_the_table() {
        let scenario = read::parse(SCENARIO, &Origin::default(), &|_| None, &|_| {
            Err(std::io::ErrorKind::NotFound.into())
        });
        let mut prepared = Prepared::all(&scenario.unwrap(), "api", 0x00c0_ffee);
        let messages = Messages::new(&prepared, false, Some("x-id"));
        let Prepared::Fixed(fixed) = &mut prepared[0] else { panic!("it has no holes") };
        fixed.number(0x4711);
        let fixed = messages.of_fixed(0, fixed).unwrap();
        assert_eq!(fixed.head.headers()["x-id"], "00c0ffee-0000-8000-8000-000000004711");
        for message in [fixed, message_of("x-id: 1\r\nuser-agent: a")] {
            let fields = message.head.headers();
            assert!(fields["x-id"].is_sensitive() && !fields["user-agent"].is_sensitive());
        }
    }

    #[test]
    fn what_is_shown_of_it_names_its_version() {
        assert_eq!(
            shown(b"GET / HTTP/1.1\r\na: b HTTP/1.1\r\n\r\n"),
            b"GET / HTTP/2\r\na: b HTTP/1.1\r\n\r\n"
        );
        assert_eq!(shown(b"GET"), b"GET");
    }

    fn message_of(field: &str) -> Message {
        message(&format!("GET / HTTP/1.1\r\nhost: a\r\n{field}\r\n\r\n")).unwrap()
    }

    #[test]
    fn what_http2_cannot_say_is_not_sent() {
        for text in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a b\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nx: \u{1}\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nx y: 1\r\n\r\n",
        ] {
            assert!(message(text).is_err(), "{text:?}");
        }
    }
}
