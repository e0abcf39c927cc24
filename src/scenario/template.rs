//! Text with holes: what a request says, with the values that differ from one
//! iteration to the next.
//!
//! A template is parsed once and rendered into a buffer that the caller reuses.
//! What is filled in may come from the target and is escaped for the place where
//! it stands.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use sha2::{Digest as _, Sha256};

use super::data::table::Cell;
use super::data::{Rows, Taker};
use super::ids::{CellId, VariableId};
use drawn::{Choice, Name, write_letters};
pub use escape::Escape;
use escape::write_json_text;
use moment::Moment;

pub(crate) mod drawn;
pub(crate) mod escape;
pub(crate) mod faults;
pub(crate) mod functions;
pub(crate) mod moment;
pub(crate) mod parse;

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
    /// A text in another form, such as a name and its password in base64.
    Encoded(Encoding, Box<Template>),
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
    /// So many random letters and digits, both ends included, from the run's seed.
    Letters(u64, u64),
    /// A person's name, from the run's seed.
    Name(Name),
    /// One of some texts, from the run's seed.
    Choice(Box<Choice>),
    /// A number that each iteration has for itself.
    Counter(Counter),
    /// A time.
    Moment(Box<Moment>),
}

/// In which form a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Base64, with padding.
    Base64,
    /// Each byte as two hexadecimal digits.
    Hex,
    /// The SHA-256 of it, in hexadecimal.
    Sha256,
}

/// A number that is a function of the iteration's, whatever worker does that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// That of the first iteration.
    pub start: u64,
    /// From one to the next.
    pub step: u64,
    /// Digits at least, of which the first ones are zeros; 0: as it is.
    pub width: usize,
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

impl Value {
    /// As a number, if it is one.
    pub fn number(&self) -> Option<f64> {
        let (Value::Text(text) | Value::Json(text)) = self;
        text.trim().parse().ok()
    }
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
        let mut all = Vec::new();
        self.pieces.iter().for_each(|piece| piece.add_to(&mut all));
        all.into_iter()
    }

    /// Whether it is another text each time.
    pub(crate) fn has_random(&self) -> bool {
        self.all_pieces().any(Piece::is_drawn)
    }
}

impl Piece {
    fn add_to<'p>(&'p self, all: &mut Vec<&'p Piece>) {
        match self {
            Piece::JsonValue(inner) => inner.add_to(all),
            Piece::Encoded(_, inner) => inner.pieces.iter().for_each(|piece| piece.add_to(all)),
            piece => all.push(piece),
        }
    }

    /// Whether it comes from the run's seed.
    fn is_drawn(&self) -> bool {
        match self {
            Piece::Uuid
            | Piece::Random(..)
            | Piece::Letters(..)
            | Piece::Name(_)
            | Piece::Choice(_) => true,
            Piece::JsonValue(inner) => inner.is_drawn(),
            Piece::Encoded(_, inner) => inner.has_random(),
            Piece::Literal(_)
            | Piece::Variable(_)
            | Piece::Cell(_)
            | Piece::User
            | Piece::Iteration
            | Piece::UnixMillis
            | Piece::Counter(_)
            | Piece::Moment(_) => false,
        }
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
            Piece::Encoded(encoding, inner) => {
                let mut text = String::new();
                inner.render(values, &mut text);
                escape.write(&encoding.of(&text), out);
            }
            Piece::Uuid => write_uuid(values, out),
            Piece::User => write_number(values.user, out),
            Piece::Iteration => write_number(values.iteration, out),
            Piece::UnixMillis => write_number(values.unix_millis, out),
            Piece::Random(low, high) => write_number(between(*low, *high, (values.random)()), out),
            Piece::Letters(low, high) => {
                let count = if low == high { *low } else { values.count(*low, *high) };
                write_letters(count, values.random, out);
            }
            Piece::Name(name) => {
                let (first, last) = name.parts((values.random)());
                let between = if first.is_empty() || last.is_empty() { "" } else { " " };
                for part in [first, between, last] {
                    escape.write(part, out);
                }
            }
            Piece::Choice(choice) => escape.write(choice.of((values.random)()), out),
            Piece::Counter(counter) => counter.write(values.iteration, out),
            Piece::Moment(moment) => moment.render(escape, values.unix_millis, out),
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
            piece if piece.is_number() => self.render(Escape::Json, values, out),
            _ => {
                out.push('"');
                self.render(Escape::Json, values, out);
                out.push('"');
            }
        }
    }

    /// Whether it is a number, and stands in JSON without quotes.
    pub fn is_number(&self) -> bool {
        match self {
            Piece::User | Piece::Iteration | Piece::UnixMillis | Piece::Random(..) => true,
            Piece::Counter(counter) => counter.width == 0,
            Piece::Moment(moment) => moment.form.is_number(),
            Piece::JsonValue(inner) => inner.is_number(),
            Piece::Literal(_)
            | Piece::Variable(_)
            | Piece::Cell(_)
            | Piece::Encoded(..)
            | Piece::Uuid
            | Piece::Letters(..)
            | Piece::Name(_)
            | Piece::Choice(_) => false,
        }
    }
}

impl Values<'_> {
    fn count(&mut self, low: u64, high: u64) -> u64 {
        between(low.cast_signed(), high.cast_signed(), (self.random)()).cast_unsigned()
    }
}

impl Encoding {
    /// A text in this form.
    pub(crate) fn of(self, text: &str) -> String {
        match self {
            Encoding::Base64 => STANDARD.encode(text),
            Encoding::Hex => hexadecimal(text.as_bytes()),
            Encoding::Sha256 => hexadecimal(&Sha256::digest(text)),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(out, "{byte:02x}").expect("writing to a string cannot fail");
    }
    out
}

impl Counter {
    fn write(self, iteration: u64, out: &mut String) {
        let before = iteration.saturating_sub(1);
        let number = self.start.wrapping_add(self.step.wrapping_mul(before));
        write!(out, "{number:0width$}", width = self.width)
            .expect("writing to a string cannot fail");
    }
}

impl Moment {
    fn render(&self, escape: Escape, now: u64, out: &mut String) {
        if self.form.is_number() {
            return self.write(now, out);
        }
        let mut text = String::new();
        self.write(now, &mut text);
        escape.write(&text, out);
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

#[cfg(test)]
mod tests {
    use super::super::data::order::{Order, Taking};
    use super::super::data::table::Table;
    use super::super::data::{Data, Per, Source};
    use super::super::ids::SourceId;
    use super::*;

    const HOSTILE: &str = "a/b?c\r\nX: \"<&'";

    /// A row with a text and a list.
    fn data() -> Data {
        let mut table = Table::with(vec!["text".to_owned(), "list".to_owned()]);
        assert!(table.push(Cell::Text(HOSTILE)).is_ok());
        assert!(table.push(Cell::Json("[1, 2]")).is_ok());
        let (name, file) = ("row".to_owned(), "row.json".into());
        let source = Source { name, file, table, order: Order::Sequential, per: Per::Iteration };
        Data { sources: vec![source] }
    }

    fn cell(column: u16) -> Piece {
        Piece::Cell(CellId { source: SourceId(0), column })
    }

    fn written(piece: Piece, escape: Escape, bits: u64) -> String {
        let (data, mut random) = (data(), || bits);
        let rows = Rows { data: &data, seed: 0, taking: Taking::Load };
        let mut out = String::new();
        let template = Template { pieces: vec![piece], escape };
        let mut values = Values { iteration: 1, rows, ..Values::nobodys(&mut random) };
        template.render(&mut values, &mut out);
        out
    }

    #[test]
    fn cells_of_rows_are_escaped_for_their_place_as_answers_are() {
        for (escape, expected) in [
            (Escape::Url, "a%2Fb%3Fc%0D%0AX%3A%20%22%3C%26%27"),
            (Escape::Form, "a%2Fb%3Fc%0D%0AX%3A+%22%3C%26%27"),
            (Escape::Header, "a/b?cX: \"<&'"),
            (Escape::Json, "a/b?c\\r\\nX: \\\"<&'"),
            (Escape::Xml, "a/b?c&#13;\nX: &quot;&lt;&amp;&apos;"),
            (Escape::Verbatim, HOSTILE),
        ] {
            assert_eq!(written(cell(0), escape, 0), expected, "{escape:?}");
        }
        let alone = |piece| written(Piece::JsonValue(Box::new(piece)), Escape::Json, 0);
        assert_eq!(serde_json::from_str::<String>(&alone(cell(0))).unwrap(), HOSTILE);
        assert_eq!(alone(cell(1)), "[1, 2]");
        let choice = Choice::new([(1, "a\"\\b".to_owned())]);
        let choice = alone(Piece::Choice(Box::new(choice)));
        assert_eq!(serde_json::from_str::<String>(&choice).unwrap(), "a\"\\b");
    }

    #[test]
    fn what_xml_cannot_have_is_left_out() {
        let choice = Choice::new([(1, "a\u{0}\u{1b}\u{fffe}\tb".to_owned())]);
        assert_eq!(written(Piece::Choice(Box::new(choice)), Escape::Xml, 0), "a\tb");
    }

    #[test]
    fn names_are_escaped_too() {
        let names = |escape| -> Vec<String> {
            (0..40).map(|bits| written(Piece::Name(Name::Last), escape, bits)).collect()
        };
        assert!(names(Escape::Verbatim).contains(&"O'Brien".to_owned()));
        assert!(names(Escape::Xml).contains(&"O&apos;Brien".to_owned()));
        assert!(names(Escape::Url).iter().all(|name| name.is_ascii()));
    }

    #[test]
    fn letters_are_so_many_and_not_the_same_one() {
        let of = |bits| written(Piece::Letters(2, 9), Escape::Verbatim, bits);
        assert_eq!((of(0).len(), of(u64::MAX).len()), (2, 9));
        let text = written(Piece::Letters(12, 12), Escape::Verbatim, 0x0123_4567_89ab_cdef);
        assert!(text.len() == 12 && text.chars().any(|c| !text.starts_with(c)), "{text}");
    }

    #[test]
    fn what_stands_within_others_counts_as_if_it_stood_alone() {
        let of = |piece| Template { pieces: vec![piece], escape: Escape::Json };
        let encoded = |piece| Piece::Encoded(Encoding::Hex, Box::new(of(piece)));
        for (piece, inner, is_random) in [
            (Piece::JsonValue(Box::new(cell(1))), cell(1), false),
            (encoded(cell(0)), cell(0), false),
            (Piece::JsonValue(Box::new(encoded(Piece::Uuid))), Piece::Uuid, true),
        ] {
            let template = of(piece);
            assert_eq!(template.all_pieces().collect::<Vec<_>>(), [&inner]);
            assert_eq!(template.has_random(), is_random);
        }
        assert!(encoded(Piece::Uuid).is_drawn());
    }
}
