//! Cells of tables, typed where formats write them differently.

use super::quantity::{Quantity, joined};
use super::text::Text;
use super::tone::Tone;
use crate::report::figures::NOTHING;

/// One field of a table.
#[derive(Debug, Clone)]
pub enum Cell {
    /// Empty.
    Blank,
    /// A value that there is not; a dash.
    Nothing,
    /// Words.
    Text(Text),
    /// What a row is about, in short and in full.
    Name(Text, Text),
    /// A number.
    Quantity(Quantity),
    /// `1.2 – 1.4 ms`: bounds of a number.
    Interval(Quantity, Quantity),
    /// `12.1 → 12.4 ms`: a number on both sides.
    Change(Quantity, Quantity),
    /// `36,004 / 36,001`: of both sides, where neither is the other changed.
    Sides(Quantity, Quantity),
    /// Bad ones among all: `22 bad of 6,012`.
    Bad(u64, u64),
    /// How a row, or a part of it, came out.
    Status(Status),
    /// A number with its interval.
    Estimate(Estimate),
}

impl Cell {
    /// A name that is the same in short and in full.
    pub fn name(name: impl Into<Text>) -> Cell {
        let name = name.into();
        Cell::Name(name.clone(), name)
    }

    /// Words.
    pub fn text(text: impl Into<Text>) -> Cell {
        Cell::Text(text.into())
    }

    /// A number, or a dash without one.
    pub fn maybe(quantity: Option<Quantity>) -> Cell {
        quantity.map_or(Cell::Nothing, Cell::Quantity)
    }

    /// The cell in words, in full; plain, but not escaped.
    pub fn written(&self) -> String {
        match self {
            Cell::Blank => String::new(),
            Cell::Nothing => NOTHING.to_owned(),
            Cell::Text(text) | Cell::Name(_, text) => text.to_string(),
            Cell::Quantity(quantity) => quantity.to_string(),
            Cell::Interval(low, high) => joined(*low, "–", *high),
            Cell::Change(from, to) => joined(*from, "→", *to),
            Cell::Sides(baseline, candidate) => format!("{baseline} / {candidate}"),
            Cell::Bad(bad, all) => {
                format!("{} bad of {}", Quantity::Count(*bad), Quantity::Count(*all))
            }
            Cell::Status(status) => status.written(),
            Cell::Estimate(estimate) => estimate.written(),
        }
    }
}

/// A character and a word for how something came out.
#[derive(Debug, Clone, Copy)]
pub struct Status {
    /// One character, or none.
    pub mark: &'static str,
    /// In a word.
    pub word: &'static str,
    /// What is to be thought of it.
    pub tone: Tone,
}

impl Status {
    /// Mark and word.
    pub fn written(self) -> String {
        format!("{} {}", self.mark, self.word).trim_start().to_owned()
    }
}

/// An estimated number with its interval.
#[derive(Debug, Clone, Copy)]
pub struct Estimate {
    /// The number.
    pub value: Quantity,
    /// Lower bound.
    pub low: Quantity,
    /// Upper bound.
    pub high: Quantity,
    /// What all three are counted in; may be empty.
    pub unit: &'static str,
}

impl Estimate {
    /// `1.012 – 1.058`.
    pub fn interval(&self) -> String {
        format!("{} – {}{}", self.low, self.high, self.suffix())
    }

    /// `1.034`, `+0.12 points`.
    pub fn value(&self) -> String {
        format!("{}{}", self.value, self.suffix())
    }

    /// `1.034 (1.012 – 1.058)`.
    pub fn written(&self) -> String {
        format!("{} ({})", self.value, self.interval())
    }

    fn suffix(&self) -> String {
        if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_written_with_what_they_mean() {
        let estimate = Estimate {
            value: Quantity::Points(0.000_1),
            low: Quantity::Points(-0.000_4),
            high: Quantity::Points(0.000_6),
            unit: "points",
        };
        assert_eq!(estimate.value(), "+0.01 points");
        let met = Status { mark: "✓", word: "met", tone: Tone::Good };
        let cases = [
            (Cell::Nothing, "–"),
            (Cell::Blank, ""),
            (Cell::Change(Quantity::Millis(12.1), Quantity::Millis(12.4)), "12.1 → 12.4 ms"),
            (Cell::Sides(Quantity::Count(36_004), Quantity::Count(36_001)), "36,004 / 36,001"),
            (Cell::Bad(22, 6_012), "22 bad of 6,012"),
            (Cell::Status(met), "✓ met"),
            (Cell::Status(Status { mark: "", ..met }), "met"),
            (Cell::Estimate(estimate), "+0.01 (−0.04 – +0.06 points)"),
        ];
        for (cell, text) in cases {
            assert_eq!(cell.written(), text, "{cell:?}");
        }
    }
}
