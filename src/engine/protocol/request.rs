//! Requests made ready before the run: what never changes is written once.

use std::io::Write as _;
use std::ops::Range;

use crate::record::outcome::Cause;
use crate::scenario::body::{Body, BoundaryInside};
use crate::scenario::model::{Scenario, Step};
use crate::scenario::template::{Template, Values};

/// What loadgate calls itself.
const AGENT: &str = concat!("loadgate/", env!("CARGO_PKG_VERSION"));
/// The longest request line and head: what is filled in may come from the target.
const MAX_HEAD: usize = 64 * 1024;
/// The last field, before its value, and what stands behind that: the blank line as well.
const LENGTH: &str = "content-length: ";
const END: &str = "\r\n\r\n";
/// Digits of the number of a request in its id.
const DIGITS: usize = 12;
/// What stands before them: `00c0ffee-0000-8000-8000-`.
const ID_BEFORE_DIGITS: usize = 24;

/// A step's request, as far as it is known before the run.
#[derive(Debug)]
pub enum Prepared {
    /// Never changes but for its id.
    Fixed(Fixed),
    /// Some of it is filled in each time.
    Filled(Box<Filled>),
}

/// A request that is written before the run.
#[derive(Debug)]
pub struct Fixed {
    bytes: Box<[u8]>,
    /// Where the digits of its number stand.
    digits: Option<Range<usize>>,
}

impl Fixed {
    /// The bytes on the wire.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The value of its id, if it has one.
    pub fn id(&self) -> Option<&[u8]> {
        let digits = self.digits.clone()?;
        self.bytes.get(digits.start.checked_sub(ID_BEFORE_DIGITS)?..digits.end)
    }

    /// Sets the number in its id to that of an iteration.
    pub fn number(&mut self, iteration: u64) {
        if let Some(digits) = self.digits.clone() {
            self.bytes[digits].copy_from_slice(&hexadecimal(iteration));
        }
    }
}

/// A request with holes.
#[derive(Debug)]
pub struct Filled {
    /// `GET ` …
    method: String,
    path: Template,
    /// From behind the path to the first field that is filled in.
    fields: String,
    /// The field with the request's id, up to its number.
    id: Option<String>,
    holes: Vec<(String, Template)>,
    body: Option<Body>,
}

/// Something filled in made the request impossible to send, such as a path of 100 kB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsendable(pub Cause);

impl Prepared {
    /// Makes the requests of all steps ready.
    ///
    /// Each request has an id of the form of a UUID (version 8, RFC 9562): the number of the
    /// run, of the step, and of the iteration. One that is sent again keeps it.
    pub fn all(scenario: &Scenario, authority: &str, run: u32) -> Vec<Prepared> {
        let field = scenario.target.request_id.as_deref();
        let prepared = |(index, step): (usize, &Step)| {
            let is_own = |name: &&str| step.request.headers.iter().all(|(own, _)| own != name);
            let id = field.filter(is_own);
            let id = id.map(|name| format!("{name}: {run:08x}-{index:04x}-8000-8000-"));
            Prepared::new(step, authority, id)
        };
        scenario.steps.iter().enumerate().map(prepared).collect()
    }

    fn new(step: &Step, authority: &str, id: Option<String>) -> Prepared {
        let filled = Filled::new(step, authority, id);
        if !filled.is_fixed() {
            return Prepared::Filled(Box::new(filled));
        }
        let mut random = || 0;
        let mut values = Values::nobodys(&mut random);
        let mut bytes = Vec::new();
        // A literal of any length was the user's own choice.
        let _ = filled.render(&mut values, &mut bytes, &mut String::new());
        Prepared::Fixed(Fixed { bytes: bytes.into(), digits: filled.digits() })
    }
}

impl Filled {
    fn new(step: &Step, authority: &str, id: Option<String>) -> Filled {
        let request = &step.request;
        let mut fields = String::from(" HTTP/1.1\r\n");
        if !request.headers.iter().any(|(name, _)| name == "host") {
            push_field(&mut fields, "host", authority);
        }
        if !request.headers.iter().any(|(name, _)| name == "user-agent") {
            push_field(&mut fields, "user-agent", AGENT);
        }
        let mut holes = Vec::new();
        for (name, template) in &request.headers {
            match template.as_literal() {
                Some(value) => push_field(&mut fields, name, value),
                None => holes.push((name.clone(), template.clone())),
            }
        }
        let method = format!("{} ", request.method);
        let is_bodiless = matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "DELETE");
        if request.body.is_none() && !is_bodiless {
            fields.push_str("content-length: 0\r\n");
        }
        let (path, body) = (request.path.clone(), request.body.clone());
        Filled { method, path, fields, id, holes, body }
    }

    /// Where the digits of its number stand in a request that is fixed.
    fn digits(&self) -> Option<Range<usize>> {
        let path = self.path.as_literal()?.len();
        let start = self.method.len() + path + self.fields.len() + self.id.as_ref()?.len();
        Some(start..start + DIGITS)
    }

    fn is_fixed(&self) -> bool {
        let body = self.body.as_ref().is_none_or(Body::is_fixed);
        self.path.as_literal().is_some() && self.holes.is_empty() && body
    }

    /// Writes the request with the values of one iteration into `out`, which is emptied
    /// first; `room` is room to write in.
    pub fn render(
        &self,
        values: &mut Values<'_>,
        out: &mut Vec<u8>,
        room: &mut String,
    ) -> Result<(), Unsendable> {
        out.clear();
        // The head is a text, which is written in the same place.
        let mut text = String::from_utf8(std::mem::take(out)).unwrap_or_default();
        self.render_head(values, &mut text);
        *out = text.into_bytes();
        if out.len() > MAX_HEAD {
            return Err(Unsendable(Cause::RequestTooLarge));
        }
        self.render_body(values, out, room)
    }

    fn render_head(&self, values: &mut Values<'_>, text: &mut String) {
        text.push_str(&self.method);
        self.path.render(values, text);
        text.push_str(&self.fields);
        if let Some(id) = &self.id {
            text.push_str(id);
            text.extend(hexadecimal(values.iteration).map(char::from));
            text.push_str("\r\n");
        }
        for (name, template) in &self.holes {
            text.push_str(name);
            text.push_str(": ");
            template.render(values, text);
            text.push_str("\r\n");
        }
    }

    /// The length stands before the body, and is known behind it.
    fn render_body(
        &self,
        values: &mut Values<'_>,
        out: &mut Vec<u8>,
        room: &mut String,
    ) -> Result<(), Unsendable> {
        let start = out.len();
        match &self.body {
            None => out.extend_from_slice(b"\r\n"),
            Some(Body::Text(template)) => {
                room.clear();
                template.render(values, room);
                write!(out, "{LENGTH}{}{END}", room.len()).expect("writing to memory cannot fail");
                out.extend_from_slice(room.as_bytes());
            }
            Some(body) => {
                let inside = |BoundaryInside| Unsendable(Cause::BoundaryInside);
                body.render(values, room, out).map_err(inside)?;
                let field = format!("{LENGTH}{}{END}", out.len() - start);
                out.splice(start..start, field.into_bytes());
            }
        }
        Ok(())
    }
}

/// The last digits of a number.
fn hexadecimal(number: u64) -> [u8; DIGITS] {
    std::array::from_fn(|index| {
        let digit = number >> (4 * (DIGITS - 1 - index)) & 0xf;
        b"0123456789abcdef"[digit as usize]
    })
}

fn push_field(fields: &mut String, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        fields.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::data::Rows;
    use crate::scenario::model::Request;
    use crate::scenario::template::{Escape, Piece, Value};

    fn literal(text: &str, escape: Escape) -> Template {
        Template { pieces: vec![Piece::Literal(text.into())], escape }
    }

    fn step(method: &str, path: Template, body: Option<Template>) -> Step {
        let body = body.map(Body::Text);
        let headers = vec![("accept".to_owned(), literal("*/*", Escape::Header))];
        Step { request: Request { method: method.to_owned(), path, headers, body }, ..Step::bare() }
    }

    fn wire(step: &Step, variables: &[Value]) -> Result<String, Unsendable> {
        let id = Some("x-request-id: 00c0ffee-0000-8000-8000-".to_owned());
        match Prepared::new(step, "api:3000", id) {
            Prepared::Fixed(mut fixed) => {
                fixed.number(0x123_4567_89ab_cdef);
                Ok(String::from_utf8(fixed.bytes().to_vec()).unwrap())
            }
            Prepared::Filled(filled) => {
                let mut random = || 0;
                let mut values = Values {
                    rows: Rows::NONE,
                    variables,
                    user: 1,
                    iteration: 2,
                    unix_millis: 3,
                    random: &mut random,
                };
                let (mut out, mut room) = (b"old".to_vec(), String::from("old"));
                filled.render(&mut values, &mut out, &mut room).unwrap_or_default();
                filled
                    .render(&mut values, &mut out, &mut room)
                    .map(|()| String::from_utf8(out).unwrap())
            }
        }
    }

    #[test]
    fn a_request_without_holes_is_written_once() {
        let step = step("GET", literal("/orders?limit=2", Escape::Url), None);
        assert!(matches!(Prepared::new(&step, "api", None), Prepared::Fixed(_)));
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            wire(&step, &[]).unwrap(),
            format!(
                "GET /orders?limit=2 HTTP/1.1\r\nhost: api:3000\r\nuser-agent: loadgate/{version}\r\naccept: */*\r\nx-request-id: 00c0ffee-0000-8000-8000-456789abcdef\r\n\r\n"
            )
        );
    }

    #[test]
    fn what_is_filled_in_has_its_length_counted_and_its_place_respected() {
        let variable = || Piece::Variable(crate::scenario::model::VariableId(0));
        let path = Template {
            pieces: vec![Piece::Literal("/o/".into()), variable()],
            escape: Escape::Url,
        };
        let body = Template { pieces: vec![variable()], escape: Escape::Verbatim };
        let mut step = step("POST", path, Some(body));
        step.request.headers.push((
            "x-order".to_owned(),
            Template { pieces: vec![variable()], escape: Escape::Header },
        ));
        let text = wire(&step, &[Value::Text("é\r\nx-evil: 1".to_owned())]).unwrap();
        assert!(text.starts_with("POST /o/%C3%A9%0D%0Ax-evil%3A%201 HTTP/1.1\r\n"), "{text}");
        assert!(
            text.contains("\r\nx-request-id: 00c0ffee-0000-8000-8000-000000000002\r\nx-order:")
        );
        assert!(
            text.contains("\r\nx-order: éx-evil: 1\r\ncontent-length: 13\r\n\r\né\r\nx-evil: 1"),
            "{text}"
        );
        let long = Value::Text("x".repeat(MAX_HEAD));
        assert_eq!(wire(&step, &[long]), Err(Unsendable(Cause::RequestTooLarge)));
    }

    #[test]
    fn a_post_without_a_body_says_so() {
        let step = step("POST", literal("/x", Escape::Url), None);
        assert!(wire(&step, &[]).unwrap().contains("\r\ncontent-length: 0\r\n"));
    }
}
