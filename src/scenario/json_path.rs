//! Paths into JSON documents, and how much work one of them may be.
//!
//! Most paths look at each value of a document a few times at most. One with several `..` looks at a
//! value once for each chain of values above it, and a filter that looks through the whole document
//! does so for each value: a target that nests its answer makes that billions of looks, during which
//! a worker does nothing else. So for such paths the looks are counted before, from the shape of the
//! document alone, and beyond a ceiling nobody looks.

use std::fmt;

use serde_json::Value as Json;
use serde_json_path::{LocatedNodeList, NodeList, ParseError};

/// Values that are looked at for one path in one document, at most.
pub const MOST_LOOKS: u64 = 1_000_000;
/// So many times each value may be chosen without being counted.
const FEW: u64 = 16;
/// Levels of a document that is read, at most.
const LEVELS: u64 = 128;

/// A path to values of a JSON document.
#[derive(Debug, Clone)]
pub struct JsonPath {
    path: serde_json_path::JsonPath,
    /// Of a path that may look at a value many times.
    looks: Option<Looks>,
}

/// The path would have to look at more values than [`MOST_LOOKS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyLooks;

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

impl JsonPath {
    /// Reads a path.
    pub fn parse(text: &str) -> Result<JsonPath, ParseError> {
        let path = serde_json_path::JsonPath::parse(text)?;
        Ok(JsonPath { path, looks: Looks::of(text) })
    }

    /// All values that it finds.
    pub fn query<'v>(&self, document: &'v Json) -> Result<NodeList<'v>, TooManyLooks> {
        self.may_look(document)?;
        Ok(self.path.query(document))
    }

    /// All values that it finds, and where.
    pub fn query_located<'v>(
        &self,
        document: &'v Json,
    ) -> Result<LocatedNodeList<'v>, TooManyLooks> {
        self.may_look(document)?;
        Ok(self.path.query_located(document))
    }

    fn may_look(&self, document: &Json) -> Result<(), TooManyLooks> {
        let are_few = self.looks.as_ref().is_none_or(|looks| looks.are_few(document));
        if are_few { Ok(()) } else { Err(TooManyLooks) }
    }
}

/// How often a path looks at a value, at most.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Looks {
    /// At one so many levels below the root.
    by_level: Vec<u64>,
    /// Filters that look through the whole document, each for every look.
    whole: u32,
}

impl Looks {
    /// Those of a path, if they may be many.
    fn of(text: &str) -> Option<Looks> {
        let Parts { descents, whole, choices } = Parts::of(text);
        if descents < 2 && whole == 0 && choices <= FEW {
            return None;
        }
        // Between the root and a value stand `level` others. A path with n `..` comes to it once for
        // each choice of fewer than n of them.
        let chains = |level: u64| {
            let ways = (0..descents.max(1)).map(|chosen| binomial(level + 1, chosen));
            ways.fold(0, u64::saturating_add)
        };
        let by_level = (0..LEVELS).map(|level| chains(level).saturating_mul(choices)).collect();
        Some(Looks { by_level, whole })
    }

    fn are_few(&self, document: &Json) -> bool {
        let mut found = Found::default();
        if !self.add(document, 0, &mut found) {
            return false;
        }
        let times = found.values.saturating_pow(self.whole);
        found.looks.saturating_mul(times) <= MOST_LOOKS
    }

    /// Whether there are few so far.
    fn add(&self, value: &Json, level: usize, found: &mut Found) -> bool {
        let looks = self.by_level.get(level).copied().unwrap_or(u64::MAX);
        found.looks = found.looks.saturating_add(looks);
        found.values += 1;
        found.looks <= MOST_LOOKS
            && match value {
                Json::Array(all) => all.iter().all(|inner| self.add(inner, level + 1, found)),
                Json::Object(all) => all.values().all(|inner| self.add(inner, level + 1, found)),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => true,
            }
    }
}

/// What a document has.
#[derive(Debug, Default)]
struct Found {
    values: u64,
    looks: u64,
}

fn binomial(of: u64, chosen: u64) -> u64 {
    if chosen > of {
        return 0;
    }
    let step = |ways: u128, place: u64| {
        ways.saturating_mul(u128::from(of - place)) / u128::from(place + 1)
    };
    u64::try_from((0..chosen).fold(1, step)).unwrap_or(u64::MAX)
}

/// What makes a path look often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts {
    /// `..`, in filters too.
    descents: u64,
    /// Filters with a `$` that may find more than one value.
    whole: u32,
    /// How often it may choose the same value: `[*,*][0,0]` does four times.
    choices: u64,
}

/// A pair of brackets that is being read.
#[derive(Debug, Default)]
struct Brackets {
    /// Where each selector begins.
    selectors: Vec<usize>,
    /// Parentheses that are open in it.
    open: usize,
    /// Two selectors may choose the same value.
    is_wide: bool,
}

impl Parts {
    /// Those of a path that has been parsed without a mistake.
    fn of(text: &str) -> Parts {
        let mut parts = Parts { descents: 0, whole: 0, choices: 1 };
        let (bytes, mut around, mut at) = (text.as_bytes(), Vec::<Brackets>::new(), 0);
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'\'' | b'"' => at = end_of_text(bytes, at),
                b'.' if bytes.get(at + 1) == Some(&b'.') => {
                    parts.descents += 1;
                    at += 1;
                }
                b'$' if !around.is_empty() && !is_singular(&text[at + 1..]) => parts.whole += 1,
                b'[' => around.push(Brackets { selectors: vec![at + 1], ..Brackets::default() }),
                b']' => {
                    let closed = around.pop().unwrap_or_default();
                    parts.choices = parts.choices.saturating_mul(closed.choices(&text[..at]));
                }
                _ => {
                    if let Some(inner) = around.last_mut() {
                        inner.take(*byte, at);
                    }
                }
            }
            at += 1;
        }
        parts
    }
}

impl Brackets {
    fn take(&mut self, byte: u8, at: usize) {
        match byte {
            b'(' => self.open += 1,
            b')' => self.open = self.open.saturating_sub(1),
            b',' if self.open == 0 => self.selectors.push(at + 1),
            // A negative index may be the same as another one.
            b'*' | b':' | b'?' | b'-' => self.is_wide = true,
            _ => {}
        }
    }

    /// How often one value may be chosen by selectors that end with this text.
    fn choices(&self, text: &str) -> u64 {
        let ends = self.selectors.iter().skip(1).map(|begin| begin - 1).chain([text.len()]);
        let mut all: Vec<&str> =
            self.selectors.iter().zip(ends).map(|(begin, end)| text[*begin..end].trim()).collect();
        let number = all.len();
        all.sort_unstable();
        all.dedup();
        if self.is_wide || all.len() < number { number as u64 } else { 1 }
    }
}

/// Where a text in quotes that begins here ends.
fn end_of_text(bytes: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while let Some(byte) = bytes.get(at).filter(|byte| **byte != bytes[begin]) {
        at += if *byte == b'\\' { 2 } else { 1 };
    }
    at
}

/// Whether what follows a `$` finds one value at most: names and numbers, one at a time.
fn is_singular(path: &str) -> bool {
    let mut rest = path.trim_start();
    loop {
        let inner = match rest.as_bytes() {
            [b'.', b'.' | b'*', ..] => return false,
            [b'.', ..] => {
                let is_name = |c: char| c.is_alphanumeric() || c == '_' || !c.is_ascii();
                rest = rest[1..].trim_start_matches(is_name).trim_start();
                continue;
            }
            [b'[', ..] => rest[1..].trim_start(),
            _ => return true,
        };
        let end = match inner.as_bytes() {
            [b'\'' | b'"', ..] => end_of_text(inner.as_bytes(), 0) + 1,
            _ => {
                inner.len()
                    - inner.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-').len()
            }
        };
        match inner.get(end..).map(str::trim_start).and_then(|rest| rest.strip_prefix(']')) {
            Some(behind) => rest = behind.trim_start(),
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    #[test]
    fn what_makes_a_path_look_often_is_seen() {
        for (text, descents, whole, choices) in [
            ("$", 0, 0, 1),
            ("$..id", 1, 0, 1),
            ("$..items..id", 2, 0, 1),
            ("$..[?@..id]", 2, 0, 1),
            ("$['..']['a,b', \"$..\\\"..\"]", 0, 0, 1),
            ("$['a','b'][0,1]", 0, 0, 1),
            ("$['a','a'][0,-1][*,*]", 0, 0, 8),
            ("$[?match(@.a, 'x,y')]", 0, 0, 1),
            ("$[?@.id == $.current]", 0, 0, 1),
            ("$[?@.id == $['current'] [0] && @.b]", 0, 0, 1),
            ("$[?$..a]", 1, 1, 1),
            ("$[?$.a[*]]", 0, 1, 1),
            ("$[?$.a [ *]]", 0, 1, 1),
            ("$[?count($.*) > 1, ?@.a]", 0, 1, 2),
        ] {
            let found = Parts::of(text);
            assert_eq!(found, Parts { descents, whole, choices }, "{text}");
            assert!(serde_json_path::JsonPath::parse(text).is_ok(), "{text}");
        }
    }

    /// A chain of objects with leaves at its end.
    fn nested(levels: usize, leaves: usize) -> Json {
        let leaf = || json!({ "id": 1 });
        let bottom = Json::Array((0..leaves).map(|_| leaf()).collect());
        (0..levels).fold(bottom, |inner, _| json!({ "items": inner }))
    }

    #[test]
    fn a_path_never_finds_more_than_was_counted() {
        let wide = json!([[[1, 2], [3]], { "items": [{ "id": 1, "items": { "id": [1, 2] } }] }]);
        for text in [
            "$..*..*",
            "$..items..id",
            "$..*..*..*",
            "$..[*,*]..[0,0,0]",
            "$[*,*][*,*][*,*][*,*][*,*]",
            "$..[?@..id]..*",
        ] {
            for document in [&wide, &nested(12, 3), &json!(1), &json!([])] {
                let looks = Looks::of(text).unwrap();
                let mut counted = Found::default();
                assert!(looks.add(document, 0, &mut counted));
                let found = serde_json_path::JsonPath::parse(text).unwrap().query(document).len();
                assert!(found as u64 <= counted.looks, "{text}: {found} of {counted:?}");
            }
        }
    }

    #[test]
    fn what_would_take_for_ever_is_not_begun() {
        let deep = nested(115, 20_000);
        let flat = Json::Array(vec![json!({ "id": 1 }); 50_000]);
        let began = Instant::now();
        for (text, document) in [
            ("$..items..id", &deep),
            ("$..[?@..id]", &deep),
            ("$..*..*..*..*..*..*", &deep),
            ("$[?$..id]", &flat),
            ("$[?count($[*]) > 1]", &flat),
            ("$[*,*][*,*][*,*][*,*][*,*][*,*][*,*][*,*][*,*][*,*][*,*]", &deep),
        ] {
            let path = JsonPath::parse(text).unwrap();
            assert_eq!(path.query(document).err(), Some(TooManyLooks), "{text}");
            assert_eq!(path.query_located(document).err(), Some(TooManyLooks), "{text}");
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[test]
    fn usual_paths_in_large_documents_are_followed() {
        let deep = nested(115, 20_000);
        let flat = nested(2, 100_000);
        for (text, document, number) in [
            ("$..id", &deep, 20_000),
            ("$..*", &flat, 200_002),
            ("$.items..id", &flat, 100_000),
            ("$.items.items[?@.id == 1].id", &flat, 100_000),
            ("$.items.items[?@.id != $.items.id]", &flat, 100_000),
            ("$..items..id", &nested(5, 10_000), 50_000),
        ] {
            let path = JsonPath::parse(text).unwrap();
            assert_eq!(path.query(document).map(|found| found.len()), Ok(number), "{text}");
        }
    }
}
