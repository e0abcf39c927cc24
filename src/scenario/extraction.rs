//! Values that a step keeps of an answer: where they stand, which of several is meant, and what
//! stands in for one that is not there.

use std::fmt;

use regex::bytes::Regex;

use super::ids::VariableId;
use super::json_path::JsonPath;
use super::template::Value;

/// A value kept from an answer.
#[derive(Debug, Clone)]
pub struct Extraction {
    /// Where it is kept.
    pub variable: VariableId,
    /// Where it stands in the answer.
    pub from: From,
    /// Which of several.
    pub take: Take,
    /// What is kept where there is none; without it the request has failed.
    pub default: Option<Value>,
}

/// Where a value stands in an answer.
#[derive(Debug, Clone)]
pub enum From {
    /// In a JSON body.
    Json(JsonPath),
    /// In a header field, by its name in lower case.
    Header(String),
    /// In a cookie that the answer sets, by its name.
    Cookie(String),
    /// Anywhere in the body: the first group of the expression, or all of what it matches.
    Pattern(Regex),
}

/// Which of several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The so-many-th, from 0.
    Nth(u32),
    /// The last.
    Last,
    /// Any of them.
    Random,
}

impl Extraction {
    /// Whether the body is read for it.
    pub fn reads_body(&self) -> bool {
        matches!(self.from, From::Json(_) | From::Pattern(_))
    }

    /// Whether the head is read for it.
    pub fn reads_head(&self) -> bool {
        !self.reads_body()
    }
}

impl Take {
    /// The place of the one that is meant among so many; some bits decide where any will do.
    pub fn of(self, count: usize, bits: u64) -> Option<usize> {
        let place = match self {
            Take::Nth(place) => place as usize,
            Take::Last => count.checked_sub(1)?,
            Take::Random => ((u128::from(bits) * count as u128) >> 64) as usize,
        };
        (place < count).then_some(place)
    }
}

/// `$.id`, `header location`, `cookie sid`, `regex id=(\d+)`.
impl fmt::Display for Extraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            From::Json(path) => write!(f, "{path}")?,
            From::Header(name) => write!(f, "header {name}")?,
            From::Cookie(name) => write!(f, "cookie {name}")?,
            From::Pattern(pattern) => write!(f, "regex {pattern}")?,
        }
        match self.take {
            Take::Nth(0) => Ok(()),
            Take::Nth(place) => write!(f, ", number {}", u64::from(place) + 1),
            Take::Last => f.write_str(", last"),
            Take::Random => f.write_str(", random"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_is_taken() {
        for (take, count, bits, place) in [
            (Take::Nth(0), 0, 0, None),
            (Take::Nth(0), 2, 0, Some(0)),
            (Take::Nth(2), 2, 0, None),
            (Take::Last, 0, 0, None),
            (Take::Last, 3, 0, Some(2)),
            (Take::Random, 0, u64::MAX, None),
            (Take::Random, 3, 0, Some(0)),
            (Take::Random, 3, u64::MAX, Some(2)),
        ] {
            assert_eq!(take.of(count, bits), place, "{take:?} of {count}");
        }
    }
}
