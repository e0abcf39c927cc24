//! A text that people write, as a tree of values with the position of everything in it.
//!
//! `json` and `yaml` make it from a text; from here on nobody knows which of the two it
//! was. Knows nothing of scenarios.

use std::collections::HashMap;

use serde_json::Value;

use super::problems::Fault;

/// Deeper nesting is refused before anything recursive sees the text.
pub(super) const DEEPEST: usize = 64;

/// A path into a document as RFC 6901 has it: `/flows/0/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Pointer(String);

impl Pointer {
    pub(crate) fn key(&self, name: &str) -> Pointer {
        Pointer(format!("{}/{}", self.0, name.replace('~', "~0").replace('/', "~1")))
    }

    pub(crate) fn item(&self, index: usize) -> Pointer {
        Pointer(format!("{}/{index}", self.0))
    }

    /// What contains it; `None` for the whole document.
    pub(crate) fn parent(&self) -> Option<Pointer> {
        self.0.rfind('/').map(|end| Pointer(self.0[..end].to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The keys and indexes from the top down.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.split('/').skip(1).map(unescaped).collect()
    }

    /// The last key.
    fn name(&self) -> String {
        unescaped(self.0.rsplit('/').next().unwrap_or_default())
    }
}

fn unescaped(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

/// Where a key or a value begins, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Location {
    start: usize,
    /// Where its text begins: behind the quote, if it has one.
    inside: usize,
}

impl Location {
    pub(super) fn quoted(start: usize) -> Location {
        Location { start, inside: start + 1 }
    }

    pub(super) fn plain(start: usize) -> Location {
        Location { start, inside: start }
    }

    pub(super) fn offset(self) -> usize {
        self.start
    }
}

/// Where a key and its value begin.
#[derive(Debug, Clone, Copy, Default)]
struct Spot {
    key: Location,
    value: Location,
}

/// A parsed text.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    text: &'t str,
    spots: HashMap<Pointer, Spot>,
    /// What the notation permits and yet is a mistake; offsets are places in the text.
    pub(crate) faults: Vec<Fault>,
    /// Values about which a fault has said everything.
    pub(crate) malformed: Vec<Pointer>,
    pub(crate) value: Value,
    /// Numbers with other digits than a value in memory would be written with: `10.00`, or
    /// more than 64 bits.
    pub(crate) numbers: HashMap<Pointer, String>,
}

impl<'t> Document<'t> {
    /// A document whose values are still to be noted.
    pub(super) fn of(text: &'t str) -> Document<'t> {
        Document {
            text,
            spots: HashMap::new(),
            faults: Vec::new(),
            malformed: Vec::new(),
            value: Value::Null,
            numbers: HashMap::new(),
        }
    }

    /// Notes where a value is.
    pub(super) fn note(&mut self, at: Pointer, key: Location, value: Location) {
        self.spots.insert(at, Spot { key, value });
    }

    /// Notes a key that an object has already.
    pub(super) fn note_if_repeated(&mut self, at: &Pointer, again: Location) {
        let Some(first) = self.spots.get(at) else { return };
        let (line, _) = positions(self.text, &[first.key.start])[0];
        let name = at.name();
        let fault = Fault::new(format!(
            "the key \"{name}\" stands twice in this object, first in line {line}"
        ));
        self.faults.push(fault.help("keep one of them").offset(again.start));
    }

    /// Notes the digits of a number, if a value in memory would be written with others.
    pub(super) fn note_digits(&mut self, text: &str, at: &Pointer) {
        let kept = serde_json::from_str::<Value>(text).map(|number| number.to_string());
        if kept.is_ok_and(|kept| kept != text) {
            self.numbers.insert(at.clone(), text.to_owned());
        }
    }

    /// A fault of a value of which nothing else is to be said.
    pub(super) fn refuse(&mut self, at: &Pointer, fault: Fault) {
        self.faults.push(fault);
        self.malformed.push(at.clone());
    }

    /// Where a place in the key of a value is, or the beginning of the key when escapes make
    /// the two differ; for what is not there, the nearest thing around it.
    pub(crate) fn key(&self, pointer: &Pointer, offset: usize) -> usize {
        self.exact(self.spot(pointer).key, &pointer.name(), offset)
    }

    /// Where a place in the text of a string value is; the beginning of the value when
    /// escapes make the two differ.
    pub(crate) fn value(&self, pointer: &Pointer, offset: usize) -> usize {
        let location = self.spot(pointer).value;
        match self.value.pointer(pointer.as_str()) {
            Some(Value::String(text)) => self.exact(location, text, offset),
            _ => location.start,
        }
    }

    /// A place in a text that begins in the source where `location` says.
    fn exact(&self, location: Location, text: &str, offset: usize) -> usize {
        let source = self.text.get(location.inside..).unwrap_or_default();
        let is_same = text.get(..offset).is_some_and(|before| source.starts_with(before));
        if offset > 0 && is_same { location.inside + offset } else { location.start }
    }

    fn spot(&self, pointer: &Pointer) -> Spot {
        let mut at = pointer.clone();
        loop {
            if let Some(spot) = self.spots.get(&at) {
                return *spot;
            }
            match at.parent() {
                Some(parent) => at = parent,
                None => return Spot::default(),
            }
        }
    }
}

/// Line and column, both from 1, of offsets in ascending order.
pub(crate) fn positions(text: &str, offsets: &[usize]) -> Vec<(usize, usize)> {
    let (mut line, mut column, mut done) = (1, 1, 0);
    let mut all = Vec::with_capacity(offsets.len());
    for &offset in offsets {
        let mut end = offset.clamp(done, text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        for c in text[done..end].chars() {
            (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        done = end;
        all.push((line, column));
    }
    all
}

/// A text that is nested too deep, at a place in it.
pub(super) fn too_deep(offset: usize) -> Fault {
    let fault = Fault::new(format!("nested more than {DEEPEST} levels deep"));
    fault.help("a scenario needs far fewer levels").offset(offset)
}

/// A text without anything in it.
pub(super) fn empty() -> Fault {
    Fault::new("the file is empty")
        .help("begin with a copy of a file in scenarios/, such as quickstart.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let text = "ää\nxé!";
        assert_eq!(positions(text, &[0, 4, 5, 8]), [(1, 1), (1, 3), (2, 1), (2, 3)]);
        assert_eq!(positions(text, &[99]), [(2, 4)]);
    }
}
