//! The text of an objective: its metric, operator and limit.

use super::super::gauge::Side;
use super::super::problems::Fault;

/// What an objective is made of.
pub(super) struct Parts<'t> {
    pub(super) metric: &'t str,
    pub(super) operator: Operator,
    /// The limit, and the windows.
    pub(super) rest: &'t str,
}

/// How a metric is held against its limit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Operator {
    /// Which side of a limit is good, and whether the limit is.
    pub(super) fn side(self) -> (Side, bool) {
        match self {
            Operator::Less => (Side::Below, false),
            Operator::AtMost => (Side::Below, true),
            Operator::More => (Side::Above, false),
            Operator::AtLeast => (Side::Above, true),
        }
    }
}

impl<'t> Parts<'t> {
    pub(super) fn split(text: &'t str) -> Result<Parts<'t>, Fault> {
        let Some(at) = text.find(['<', '>']) else {
            let fault = Fault::new(format!("\"{}\" is not an objective", text.trim()));
            return Err(fault.help("write it like \"p99 < 500ms\" or \"availability >= 99.9%\""));
        };
        let (metric, tail) = (text[..at].trim(), &text[at..]);
        let (operator, length) = match tail.as_bytes() {
            [b'<', b'=', ..] => (Operator::AtMost, 2),
            [b'>', b'=', ..] => (Operator::AtLeast, 2),
            [b'<', ..] => (Operator::Less, 1),
            _ => (Operator::More, 1),
        };
        Ok(Parts { metric, operator, rest: tail[length..].trim() })
    }
}

/// Blanks as a person would set them; no value from the environment.
pub(super) fn normalised(written: &str) -> String {
    let spaced = written.find(['<', '>']).map(|at| {
        let length = if written[at + 1..].starts_with('=') { 2 } else { 1 };
        let (left, rest) = written.split_at(at);
        format!("{left} {} {}", &rest[..length], &rest[length..])
    });
    spaced.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}
