//! Text with holes: what a request says, with the values that differ from one
//! iteration to the next.
//!
//! A template is parsed once and rendered into a buffer that the caller reuses.
//! What is filled in may come from the target and is escaped for the place where
//! it stands.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::data::table::Cell;
use super::data::{Rows, Taker};
use super::ids::{CellId, VariableId};

pub(crate) mod parse;

/// How a filled-in value is made harmless for the place where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// A path or a query: percent-encoding.
    Url,
    /// A header's value: control characters are dropped.
    Header,
    /// Inside a JSON string.
    Json,
    /// A field of a form: `application/x-www-form-urlencoded`.
    Form,
    /// A body of the user's own making: nothing is changed.
    Verbatim,
}

/// One part of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Text that never changes, already fit for its place.
    Literal(Box<str>),
    /// A value that an earlier step extracted.
    Variable(VariableId),
    /// A value of a row.
    Cell(CellId),
    /// A value that stands alone in a JSON document (`"{{order}}"`): it keeps the JSON
    /// type it has, so that a number stays a number. The quotes are written by it.
    JsonValue(Box<Piece>),
    /// A text in base64, such as a name and its password.
    Base64(Box<Template>),
    /// A random UUID (version 4), from the run's seed.
    Uuid,
    /// The number of the virtual user, from 1.
    User,
    /// The number of the iteration, from 1.
    Iteration,
    /// The time now, in milliseconds since 1970.
    UnixMillis,
    /// A random whole number between two, both included, from the run's seed.
    Random(i64, i64),
}

/// A text with holes.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// In the order of writing.
    pub pieces: Vec<Piece>,
    /// How values are escaped.
    pub escape: Escape,
}

/// A value that a step extracted from an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A JSON string, without quotes and escapes.
    Text(String),
    /// A number, boolean, null, list or object, as JSON text.
    Json(String),
}

impl Default for Value {
    fn default() -> Self {
        Value::Text(String::new())
    }
}

/// What is filled in.
pub struct Values<'v> {
    /// The extracted variables; a [`VariableId`] is an index into it, what is missing is
    /// filled in as nothing.
    pub variables: &'v [Value],
    /// The number of the virtual user, from 1.
    pub user: u64,
    /// The number of the iteration, from 1.
    pub iteration: u64,
    /// The time now, in milliseconds since 1970.
    pub unix_millis: u64,
    /// The rows that it has.
    pub rows: Rows<'v>,
    /// The next 64 random bits of the run's seed.
    pub random: &'v mut dyn FnMut() -> u64,
}

impl<'v> Values<'v> {
    /// Of nobody: for what is always the same.
    pub fn nobodys(random: &'v mut dyn FnMut() -> u64) -> Values<'v> {
        let (user, iteration, unix_millis) = (0, 0, 0);
        Values { variables: &[], user, iteration, unix_millis, rows: Rows::NONE, random }
    }

    /// A cell of a row that is theirs.
    fn cell(&self, id: CellId) -> Option<Cell<'v>> {
        self.rows.cell(id, Taker { user: self.user, iteration: self.iteration })
    }
}

impl Template {
    /// The whole text, if nothing is filled in.
    pub fn as_literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// All pieces that are filled in or stand as they are, those within others too.
    pub(crate) fn all_pieces(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().flat_map(|piece| {
            let piece = match piece {
                Piece::JsonValue(inner) => inner.as_ref(),
                piece => piece,
            };
            match piece {
                Piece::Base64(inner) => inner.pieces.as_slice(),
                piece => std::slice::from_ref(piece),
            }
        })
    }

    /// Whether it is another text each time.
    pub(crate) fn has_random(&self) -> bool {
        self.all_pieces().any(|piece| matches!(piece, Piece::Uuid | Piece::Random(..)))
    }
}

impl Template {
    /// Adds the text to a buffer. Allocates nothing but what the buffer grows by.
    pub fn render(&self, values: &mut Values<'_>, out: &mut String) {
        for piece in &self.pieces {
            piece.render(self.escape, values, out);
        }
    }
}

impl Piece {
    fn render(&self, escape: Escape, values: &mut Values<'_>, out: &mut String) {
        match self {
            Piece::Literal(text) => out.push_str(text),
            Piece::Variable(id) => match values.variables.get(id.index()) {
                Some(Value::Text(text) | Value::Json(text)) => escape.write(text, out),
                None => {}
            },
            Piece::Cell(id) => match values.cell(*id) {
                Some(Cell::Text(text) | Cell::Json(text)) => escape.write(text, out),
                None => {}
            },
            Piece::JsonValue(piece) => piece.render_json(values, out),
            Piece::Base64(inner) => {
                let mut text = String::new();
                inner.render(values, &mut text);
                STANDARD.encode_string(text, out);
            }
            Piece::Uuid => write_uuid(values, out),
            Piece::User => write_number(values.user, out),
            Piece::Iteration => write_number(values.iteration, out),
            Piece::UnixMillis => write_number(values.unix_millis, out),
            Piece::Random(low, high) => write_number(between(*low, *high, (values.random)()), out),
        }
    }

    /// Writes a value as JSON: texts in quotes, everything else as it is.
    fn render_json(&self, values: &mut Values<'_>, out: &mut String) {
        match self {
            Piece::Variable(id) => match values.variables.get(id.index()) {
                Some(Value::Json(json)) => out.push_str(json),
                Some(Value::Text(text)) => write_json_text(text, out),
                None => out.push_str("null"),
            },
            Piece::Cell(id) => match values.cell(*id) {
                Some(Cell::Json(json)) => out.push_str(json),
                Some(Cell::Text(text)) => write_json_text(text, out),
                None => out.push_str("null"),
            },
            Piece::Literal(text) => write_json_text(text, out),
            Piece::Uuid => {
                out.push('"');
                write_uuid(values, out);
                out.push('"');
            }
            Piece::JsonValue(_)
            | Piece::Base64(_)
            | Piece::User
            | Piece::Iteration
            | Piece::UnixMillis
            | Piece::Random(..) => self.render(Escape::Json, values, out),
        }
    }
}

impl Escape {
    /// Adds a filled-in value, made harmless for its place.
    pub(crate) fn write(self, text: &str, out: &mut String) {
        match self {
            Escape::Url => write_percent_encoded(text, None, out),
            Escape::Form => write_percent_encoded(text, Some('+'), out),
            Escape::Header => out.extend(text.chars().filter(|c| !c.is_control())),
            Escape::Json => write_json_escaped(text, out),
            Escape::Verbatim => out.push_str(text),
        }
    }
}

fn write_number(number: impl std::fmt::Display, out: &mut String) {
    write!(out, "{number}").expect("writing to a string cannot fail");
}

fn write_uuid(values: &mut Values<'_>, out: &mut String) {
    let bits = u128::from((values.random)()) << 64 | u128::from((values.random)());
    let id = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    out.push_str(id.hyphenated().encode_lower(&mut text));
}

/// A whole number between two, both included, from 64 random bits. The bias is below
/// the width of the range divided by 2^64.
fn between(low: i64, high: i64, random: u64) -> i64 {
    let width = (i128::from(high) - i128::from(low) + 1).max(1);
    let offset = (u128::from(random) * width.unsigned_abs()) >> 64;
    low.wrapping_add(offset as i64)
}

/// All but the unreserved characters of RFC 3986.
fn write_percent_encoded(text: &str, blank: Option<char>, out: &mut String) {
    const HEX: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        match (byte, blank) {
            (b' ', Some(blank)) => out.push(blank),
            (b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~', _) => {
                out.push(char::from(byte));
            }
            _ => out.extend(['%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
}

fn write_json_text(text: &str, out: &mut String) {
    out.push('"');
    write_json_escaped(text, out);
    out.push('"');
}

fn write_json_escaped(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a string cannot fail");
            }
            c => out.push(c),
        }
    }
}
