//! JSON with comments and trailing commas (JSONC), as people write it.
//!
//! Text comes in, a document with the place of every key and value goes out, or the one
//! mistake that keeps the text from being JSON. The syntax tree is used for positions and
//! for the mistakes that people make most; `serde_json` has the last word on a copy without
//! the comments, in which everything stands where it stood.

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::errors::ParseErrorKind;
use jsonc_parser::{CollectOptions, ParseOptions};

use super::document::{DEEPEST, Document, Location, Pointer, empty, too_deep};
use super::problems::Fault;

/// The fault's offset is the place in the text.
pub(super) fn parse(text: &str) -> Result<Document<'_>, Fault> {
    let bare = without_comments(text);
    bound_depth(&bare)?;
    let tree = syntax_tree(text)?;
    let mut document = Document::of(text);
    document.value = serde_json::from_str(&bare).map_err(|error| strict_fault(&bare, &error))?;
    index(&mut document, &tree, Pointer::default(), Location::plain(tree.start()));
    Ok(document)
}

fn index(document: &mut Document<'_>, node: &ast::Value<'_>, at: Pointer, key: Location) {
    let mut location = Location::plain(node.start());
    match node {
        ast::Value::Object(object) => index_members(document, object, &at),
        ast::Value::Array(array) => {
            for (number, element) in array.elements.iter().enumerate() {
                index(document, element, at.item(number), Location::plain(element.start()));
            }
        }
        ast::Value::NumberLit(number) => document.note_digits(number.value, &at),
        ast::Value::StringLit(_) => location = Location::quoted(node.start()),
        ast::Value::BooleanLit(_) | ast::Value::NullKeyword(_) => {}
    }
    document.note(at, key, location);
}

fn index_members(document: &mut Document<'_>, object: &ast::Object<'_>, at: &Pointer) {
    for member in &object.properties {
        let key = Location::quoted(member.name.start());
        let pointer = at.key(member.name.as_str());
        document.note_if_repeated(&pointer, key);
        index(document, &member.value, pointer, key);
    }
}

/// The text with blanks for comments and trailing commas. What is no JSON otherwise stays
/// so.
fn without_comments(text: &str) -> String {
    let mut bare = text.as_bytes().to_vec();
    let mut at = 0;
    // The last byte that is neither blank nor comment, and its place.
    let mut last = (b'[', 0);
    while at < bare.len() {
        let end = match (bare[at], bare.get(at + 1)) {
            (b'"', _) => end_of_string(&bare, at),
            (b'/', Some(b'/')) => {
                let rest = bare[at..].iter().position(|byte| b"\r\n".contains(byte));
                blank(&mut bare, at, rest.map_or(text.len(), |length| at + length))
            }
            (b'/', Some(b'*')) => {
                let rest = text.get(at + 2..).and_then(|rest| rest.find("*/"));
                blank(&mut bare, at, rest.map_or(text.len(), |length| at + 2 + length + 2))
            }
            _ => at + 1,
        };
        let byte = bare[at];
        if b"]}".contains(&byte) && last.0 == b',' {
            bare[last.1] = b' ';
        }
        if !byte.is_ascii_whitespace() {
            let is_first = byte == b',' && b"[{,".contains(&last.0);
            last = (if is_first { b'[' } else { byte }, at);
        }
        at = end;
    }
    String::from_utf8(bare).expect("only whole comments were made blank")
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// Lines stay lines.
fn blank(bytes: &mut [u8], start: usize, end: usize) -> usize {
    bytes[start..end]
        .iter_mut()
        .filter(|byte| !b"\r\n".contains(byte))
        .for_each(|byte| *byte = b' ');
    end
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
            return Err(too_deep(offset));
        }
    }
    Ok(())
}

/// Comments and trailing commas, and nothing else that JSON has not.
const JSONC: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

fn syntax_tree(text: &str) -> Result<ast::Value<'_>, Fault> {
    let parsed = jsonc_parser::parse_to_ast(text, &CollectOptions::default(), &JSONC);
    match parsed {
        Ok(result) => result.value.ok_or_else(empty),
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
        let fault = parse(text).unwrap_err();
        assert!(fault.message.contains(message), "{}", fault.message);
        assert_eq!(fault.offset, offset, "{text}");
    }

    #[test]
    fn nothing_looser_than_comments_and_trailing_commas_is_read() {
        refused("{\"a\": 1 \"b\": 2}", 7, "expected comma");
        refused("{\"a\": 1 /* \"b\": 2}", 8, "comment");
        refused("{a: 1}", 1, "string for object property");
        refused("{'a': 1}", 1, "single-quoted");
        refused("[1, 2", 0, "unterminated array");
        refused("", 0, "empty");
        refused("// nothing", 0, "empty");
        refused("{\"a\": 1e999}", 10, "out of range");
        refused("{/* ä */\"a\": 1e999}", 18, "out of range");
        refused("[\"a\nb\"]", 3, "control character");
        refused("[01]", 2, "");
        refused("[0x1]", 1, "");
        refused("[,]", 1, "");
        refused("[1,,]", 3, "");
        refused("{,}", 1, "");
        refused("[1] // more\n[2]", 12, "");
    }

    #[test]
    fn comments_and_trailing_commas_say_nothing() {
        let text = "// a\r\n{ /* \" [ */ \"a\": [1, 2,], // {\n \"//\": \"/* \\\" //\", /* , */ }/**/ // ä";
        let bare = r#"{"a": [1, 2], "//": "/* \" //"}"#.replace("\\\\", "\\");
        let document = parse(text).unwrap();
        assert_eq!(document.value, parse(&bare).unwrap().value);
        let slashes = Pointer::default().key("//");
        assert_eq!(document.key(&slashes, 0), text.find("\"//\"").unwrap());
        assert_eq!(without_comments(text).len(), text.len());
    }

    #[test]
    fn deep_nesting_is_refused_where_it_gets_too_deep() {
        refused(&"[".repeat(100_000), DEEPEST, "64 levels");
        refused(&"{\"a\":".repeat(100_000), 5 * DEEPEST, "64 levels");
        assert!(parse(&format!("[\"{}\"]", "[".repeat(1_000))).is_ok());
        assert!(parse(&format!("[] // {}", "[".repeat(1_000))).is_ok());
    }

    #[test]
    fn keys_values_and_places_in_texts_are_found() {
        let text = "{\n \"a~/\": [1, \"xyz\", \"\\n${B}\"]}";
        let document = parse(text).unwrap();
        let list = Pointer::default().key("a~/");
        assert_eq!(document.key(&list, 0), text.find("\"a").unwrap());
        assert_eq!(document.value(&list.item(0), 0), text.find('1').unwrap());
        assert_eq!(document.value(&list.item(1), 2), text.find('z').unwrap());
        assert_eq!(document.value(&list.item(2), 1), text.find("\"\\n").unwrap());
        assert_eq!(document.value(&list.item(9).key("q"), 0), text.find('[').unwrap());
    }

    #[test]
    fn digits_that_a_value_in_memory_would_lose_are_noted() {
        let text = r#"{"a": [10.00, 10.5, 7, 1e3], "b": 12345678901234567890123, "c": -0}"#;
        let mut noted: Vec<String> = parse(text).unwrap().numbers.into_values().collect();
        noted.sort();
        assert_eq!(noted, ["-0", "10.00", "12345678901234567890123", "1e3"]);
    }

    #[test]
    fn repeated_keys_are_noted_at_the_second() {
        let document = parse("{\"a\": 1, \"a\": 2, \"b\": {\"a\": 3}}").unwrap();
        let offsets: Vec<usize> = document.faults.iter().map(|fault| fault.offset).collect();
        assert_eq!(offsets, [9]);
    }
}
