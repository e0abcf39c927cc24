//! Text with holes: what a request says, with the values that differ from one
//! iteration to the next.
//!
//! A template is parsed once and rendered into a buffer that the caller reuses.
//! What is filled in may come from the target and is escaped for the place where
//! it stands.

use super::model::VariableId;

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
    /// A value that stands alone in a JSON document (`"{{order}}"`): it keeps the JSON
    /// type it has, so that a number stays a number. The quotes are written by it.
    JsonValue(Box<Piece>),
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

impl Template {
    /// The whole text, if nothing is filled in.
    pub fn as_literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }
}
