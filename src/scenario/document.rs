//! A JSON text with the position of everything in it.
//!
//! Text comes in, a value and the place of every key and value go out, or the one
//! mistake that keeps the text from being JSON. Strict JSON only; the syntax tree is
//! used for positions and for mistakes that people make most (comments, trailing
//! commas), `serde_json` has the last word. Knows nothing of scenarios.

use std::collections::HashMap;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::errors::ParseErrorKind;
use jsonc_parser::{CollectOptions, ParseOptions};
use serde_json::Value;

use super::problems::Fault;

/// Deeper nesting is refused before anything recursive sees the text.
const DEEPEST: usize = 64;

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

/// Where a key and its value begin, in bytes.
#[derive(Debug, Clone, Copy)]
struct Spot {
    key: usize,
    value: usize,
}

/// A parsed text.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    text: &'t str,
    spots: HashMap<Pointer, Spot>,
    /// What JSON permits and yet is a mistake; offsets are places in the text.
    pub(crate) faults: Vec<Fault>,
    pub(crate) value: Value,
    /// Numbers with other digits than a value in memory would be written with: `10.00`, or
    /// more than 64 bits.
    pub(crate) numbers: HashMap<Pointer, String>,
}

impl<'t> Document<'t> {
    /// The fault's offset is the place in the text.
    pub(crate) fn parse(text: &'t str) -> Result<Document<'t>, Fault> {
        bound_depth(text)?;
        let tree = syntax_tree(text)?;
        let value = serde_json::from_str(text).map_err(|error| strict_fault(text, &error))?;
        let (spots, numbers) = (HashMap::new(), HashMap::new());
        let mut document = Document { text, spots, faults: Vec::new(), value, numbers };
        document.index(&tree, Pointer::default(), tree.start());
        Ok(document)
    }

    /// Where a place in the key of a value is, or the beginning of the key when escapes make
    /// the two differ; for what is not there, the nearest thing around it.
    pub(crate) fn key(&self, pointer: &Pointer, offset: usize) -> usize {
        let start = self.spot(pointer).key;
        let Some(source) = self.text.get(start + 1..) else { return start };
        exact(start, source, &pointer.name(), offset)
    }

    /// Where a place in the text of a string value is; the beginning of the value when
    /// escapes make the two differ.
    pub(crate) fn value(&self, pointer: &Pointer, offset: usize) -> usize {
        let start = self.spot(pointer).value;
        let (Some(source), Some(Value::String(text))) =
            (self.text.get(start + 1..), self.value.pointer(pointer.as_str()))
        else {
            return start;
        };
        exact(start, source, text, offset)
    }

    fn spot(&self, pointer: &Pointer) -> Spot {
        let mut at = pointer.clone();
        loop {
            if let Some(spot) = self.spots.get(&at) {
                return *spot;
            }
            match at.parent() {
                Some(parent) => at = parent,
                None => return Spot { key: 0, value: 0 },
            }
        }
    }

    fn index(&mut self, node: &ast::Value<'_>, at: Pointer, key: usize) {
        match node {
            ast::Value::Object(object) => self.index_members(object, &at),
            ast::Value::Array(array) => {
                for (index, element) in array.elements.iter().enumerate() {
                    self.index(element, at.item(index), element.start());
                }
            }
            ast::Value::NumberLit(number) => self.note_digits(number.value, &at),
            ast::Value::StringLit(_) | ast::Value::BooleanLit(_) | ast::Value::NullKeyword(_) => {}
        }
        self.spots.insert(at, Spot { key, value: node.start() });
    }

    fn note_digits(&mut self, text: &str, at: &Pointer) {
        let kept = serde_json::from_str::<Value>(text).map(|number| number.to_string());
        if kept.is_ok_and(|kept| kept != text) {
            self.numbers.insert(at.clone(), text.to_owned());
        }
    }

    fn index_members(&mut self, object: &ast::Object<'_>, at: &Pointer) {
        for member in &object.properties {
            let (name, start) = (member.name.as_str(), member.name.start());
            let pointer = at.key(name);
            if self.spots.contains_key(&pointer) {
                let fault = Fault::new(format!("the key \"{name}\" stands twice in this object"));
                self.faults.push(fault.help("keep one of them").offset(start));
            }
            self.index(&member.value, pointer, start);
        }
    }
}

/// The place in a text that begins behind the quote at `start`.
fn exact(start: usize, source: &str, text: &str, offset: usize) -> usize {
    let exact = text.get(..offset).is_some_and(|before| source.starts_with(before));
    if offset > 0 && exact { start + 1 + offset } else { start }
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

fn bound_depth(text: &str) -> Result<(), Fault> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (offset, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            let fault = Fault::new(format!("nested more than {DEEPEST} levels deep"));
            return Err(fault.help("a scenario needs far fewer levels").offset(offset));
        }
    }
    Ok(())
}

const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

fn syntax_tree(text: &str) -> Result<ast::Value<'_>, Fault> {
    let parsed = jsonc_parser::parse_to_ast(text, &CollectOptions::default(), &STRICT);
    match parsed {
        Ok(result) => result.value.ok_or_else(|| {
            Fault::new("the file is empty")
                .help("begin with a copy of a file in scenarios/, such as quickstart.json")
        }),
        Err(error) => {
            let fault = Fault::new(syntax_message(error.kind())).offset(error.range().start);
            Err(Fault { help: syntax_help(error.kind()), ..fault })
        }
    }
}

fn syntax_message(kind: &ParseErrorKind) -> String {
    let text = kind.to_string();
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    let lower: String = first.into_iter().chain(chars).collect();
    format!("not valid JSON: {lower}")
}

fn syntax_help(kind: &ParseErrorKind) -> Option<String> {
    let help = match kind {
        ParseErrorKind::CommentsNotAllowed => "JSON has no comments; remove it",
        ParseErrorKind::TrailingCommasNotAllowed => "remove the comma after the last element",
        ParseErrorKind::ExpectedComma => "put a comma between the elements",
        ParseErrorKind::ExpectedStringObjectProperty | ParseErrorKind::UnexpectedWord => {
            "keys and texts stand in double quotes"
        }
        ParseErrorKind::SingleQuotedStringsNotAllowed => "use double quotes",
        ParseErrorKind::UnterminatedObject => "the closing } is missing",
        ParseErrorKind::UnterminatedArray => "the closing ] is missing",
        _ => return None,
    };
    Some(help.to_owned())
}

fn strict_fault(text: &str, error: &serde_json::Error) -> Fault {
    let line = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let start: usize = line.map(str::len).sum();
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    Fault::new(format!("not valid JSON: {message}"))
        .offset((start + error.column()).saturating_sub(1).min(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, offset: usize, message: &str) {
        let fault = Document::parse(text).unwrap_err();
        assert!(fault.message.contains(message), "{}", fault.message);
        assert_eq!(fault.offset, offset, "{text}");
    }

    #[test]
    fn only_strict_json_is_read() {
        refused("{\"a\": 1, // why\n}", 9, "comments");
        refused("{\"a\": [1,]}", 8, "trailing commas");
        refused("{\"a\": 1 \"b\": 2}", 7, "expected comma");
        refused("{a: 1}", 1, "string for object property");
        refused("{'a': 1}", 1, "single-quoted");
        refused("[1, 2", 0, "unterminated array");
        refused("", 0, "empty");
        refused("{\"a\": 1e999}", 10, "out of range");
        refused("[\"a\nb\"]", 3, "control character");
        refused("[01]", 2, "");
    }

    #[test]
    fn deep_nesting_is_refused_where_it_gets_too_deep() {
        refused(&"[".repeat(100_000), DEEPEST, "64 levels");
        refused(&"{\"a\":".repeat(100_000), 5 * DEEPEST, "64 levels");
        assert!(Document::parse(&format!("[\"{}\"]", "[".repeat(1_000))).is_ok());
    }

    #[test]
    fn keys_values_and_places_in_texts_are_found() {
        let text = "{\n \"a~/\": [1, \"xyz\", \"\\n${B}\"]}";
        let document = Document::parse(text).unwrap();
        let list = Pointer::default().key("a~/");
        assert_eq!(document.key(&list, 0), text.find("\"a").unwrap());
        assert_eq!(document.value(&list.item(0), 0), text.find('1').unwrap());
        assert_eq!(document.value(&list.item(1), 2), text.find('z').unwrap());
        assert_eq!(document.value(&list.item(2), 1), text.find("\"\\n").unwrap());
        assert_eq!(document.value(&list.item(9).key("q"), 0), text.find('[').unwrap());
    }

    #[test]
    fn columns_count_characters() {
        let text = "ää\nxé!";
        assert_eq!(positions(text, &[0, 4, 5, 8]), [(1, 1), (1, 3), (2, 1), (2, 3)]);
        assert_eq!(positions(text, &[99]), [(2, 4)]);
    }

    #[test]
    fn digits_that_a_value_in_memory_would_lose_are_noted() {
        let text = r#"{"a": [10.00, 10.5, 7, 1e3], "b": 12345678901234567890123, "c": -0}"#;
        let mut noted: Vec<String> = Document::parse(text).unwrap().numbers.into_values().collect();
        noted.sort();
        assert_eq!(noted, ["-0", "10.00", "12345678901234567890123", "1e3"]);
    }

    #[test]
    fn repeated_keys_are_noted_at_the_second() {
        let document = Document::parse("{\"a\": 1, \"a\": 2, \"b\": {\"a\": 3}}").unwrap();
        let offsets: Vec<usize> = document.faults.iter().map(|fault| fault.offset).collect();
        assert_eq!(offsets, [9]);
    }
}
