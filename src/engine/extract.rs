//! Keeps values of a JSON answer for later steps, as they stood in it.
//!
//! The body is decoded if it came compressed and read as JSON; the path finds the value. A
//! number is kept with the digits it had, alone and inside a list or an object: those are
//! taken from the text, as a JSON value in memory has 64 bits for each.
//!
//! What only the rest of the body has wrong is no reason to lose a value: a byte order mark,
//! a number beyond all floats, half of a surrogate pair, bytes that are not UTF-8. A value
//! that has such a mistake itself is told, not changed.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::engine::capture::captured;
use crate::engine::head_fields;
use crate::engine::json_text;
use crate::http1::coding::{Codings, Undecodable};
use crate::record::outcome::Cause;
use crate::scenario::data::mixing::mixed;
use crate::scenario::extraction::{Extraction, From};
use crate::scenario::ids::VariableId;
use crate::scenario::json_path::TooManyLooks;
use crate::scenario::template::Value;

/// Extracted values longer than this are not kept.
pub const MAX_VALUE: usize = 64 * 1024;

/// The body of an answer, as it came.
#[derive(Debug, Clone, Copy, Default)]
pub struct Body<'b> {
    /// Its bytes.
    pub bytes: &'b [u8],
    /// What must be undone to read it.
    pub codings: Codings,
    /// No more bytes than so many are decoded.
    pub limit: u64,
}

/// What was found in an answer, and which variables get it.
#[derive(Debug, Default)]
pub struct Extracted(pub Vec<(VariableId, Value)>);

/// What is looked at besides the body.
#[derive(Debug, Clone, Copy)]
pub struct Around<'h> {
    /// The head as it came, where an extraction reads it.
    pub head: &'h [u8],
    /// Decides where any of several values will do.
    pub bits: u64,
}

/// Finds every value, or says why one could not be; those before it are found.
pub fn extract(
    wanted: &[Extraction],
    content: &mut Content<'_>,
    around: Around<'_>,
    extracted: &mut Extracted,
) -> Result<(), Cause> {
    if wanted.iter().any(|one| matches!(one.from, From::Json(_))) {
        of_document(wanted, content, around.bits, extracted)?;
    }
    for one in wanted {
        let bits = choice(around.bits, one);
        let found = match &one.from {
            From::Json(_) => continue,
            From::Header(name) => {
                head_fields::take(head_fields::named(around.head, name), one.take, bits)
                    .map(Cow::into_owned)
            }
            From::Cookie(name) => {
                head_fields::take(head_fields::cookies(around.head, name), one.take, bits)
            }
            From::Pattern(pattern) => content
                .bytes()
                .map(|bytes| captured(bytes, pattern, one.take, bits).map(<[u8]>::to_vec))?,
        };
        let value = found.ok_or(Cause::ExtractionMissing).and_then(text);
        extracted.0.push((one.variable, or_default(value, one)?));
    }
    Ok(())
}

/// Those that stand in a JSON body.
fn of_document(
    wanted: &[Extraction],
    content: &mut Content<'_>,
    bits: u64,
    extracted: &mut Extracted,
) -> Result<(), Cause> {
    let read = content.read();
    for one in wanted {
        if !matches!(one.from, From::Json(_)) {
            continue;
        }
        let found = read.as_ref().map_err(|cause| *cause).and_then(|(document, text)| {
            let is_changed = matches!(text, Cow::Owned(_));
            document.find((text, is_changed), one, choice(bits, one))
        });
        extracted.0.push((one.variable, or_default(found, one)?));
    }
    Ok(())
}

/// Each extraction chooses for itself.
fn choice(bits: u64, one: &Extraction) -> u64 {
    mixed(bits ^ u64::from(one.variable.0))
}

/// A default stands in for what is not there, and not for what cannot be read.
fn or_default(found: Result<Value, Cause>, one: &Extraction) -> Result<Value, Cause> {
    match (found, &one.default) {
        (Err(Cause::ExtractionMissing | Cause::EmptyBody), Some(value)) => Ok(value.clone()),
        (found, _) => found,
    }
}

fn text(bytes: Vec<u8>) -> Result<Value, Cause> {
    if bytes.len() > MAX_VALUE {
        return Err(Cause::ValueTooLong);
    }
    String::from_utf8(bytes).map(Value::Text).map_err(|_| Cause::NotUtf8)
}

/// What is in a body, decoded and read when it is first asked for, and once.
#[derive(Debug)]
pub struct Content<'b> {
    body: Body<'b>,
    bytes: Option<Result<Cow<'b, [u8]>, Cause>>,
    document: Option<Result<Document, Cause>>,
}

impl<'b> Content<'b> {
    /// That of a body.
    pub fn of(body: Body<'b>) -> Content<'b> {
        Content { body, bytes: None, document: None }
    }

    /// Its bytes, decoded.
    pub fn bytes(&mut self) -> Result<&[u8], Cause> {
        let Body { bytes, codings, limit } = self.body;
        let decoded = self.bytes.get_or_insert_with(|| {
            codings.decode(bytes, limit).map_err(|error| match error {
                Undecodable::Unknown | Undecodable::Broken => Cause::Compressed,
                Undecodable::TooLarge => Cause::TooLarge,
            })
        });
        decoded.as_deref().map_err(|cause| *cause)
    }

    /// The JSON document that it is.
    pub fn document(&mut self) -> Result<&Json, Cause> {
        self.read().map(|(document, _)| &document.value)
    }

    /// The document, and its text.
    fn read(&mut self) -> Result<(&Document, Cow<'_, str>), Cause> {
        if self.document.is_none() {
            self.document = Some(self.bytes().and_then(Document::read));
        }
        match (&self.document, &self.bytes) {
            (Some(Ok(document)), Some(Ok(bytes))) => {
                Ok((document, String::from_utf8_lossy(without_mark(bytes))))
            }
            (Some(Err(cause)), _) | (_, Some(Err(cause))) => Err(*cause),
            (None, _) | (_, None) => Err(Cause::EmptyBody),
        }
    }
}

/// What stands for bytes that are no text and for halves of surrogate pairs.
const REPLACEMENT: char = '\u{fffd}';

/// A JSON document.
#[derive(Debug)]
struct Document {
    value: Json,
    /// The value is not quite what the text says.
    is_mended: bool,
}

/// Without a byte order mark.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

impl Document {
    fn read(bytes: &[u8]) -> Result<Document, Cause> {
        let bytes = without_mark(bytes);
        if bytes.trim_ascii().is_empty() {
            return Err(Cause::EmptyBody);
        }
        // Some servers do not say it.
        if bytes.starts_with(b"\x1f\x8b") {
            return Err(Cause::Compressed);
        }
        if is_utf16(bytes) {
            return Err(Cause::NotUtf8);
        }
        let text = String::from_utf8_lossy(bytes);
        let cause = match serde_json::from_str(&text) {
            Ok(value) => return Ok(Document { value, is_mended: false }),
            Err(error) => cause(&error),
        };
        match json_text::mended(&text) {
            Some(mended) if cause == Cause::NotJson => {
                let value = serde_json::from_str(&mended).map_err(|error| self::cause(&error))?;
                Ok(Document { value, is_mended: true })
            }
            _ => Err(if matches!(text, Cow::Owned(_)) { Cause::NotUtf8 } else { cause }),
        }
    }

    fn find(
        &self,
        (text, is_changed): (&str, bool),
        wanted: &Extraction,
        bits: u64,
    ) -> Result<Value, Cause> {
        let From::Json(path) = &wanted.from else { return Err(Cause::ExtractionMissing) };
        let nodes = path.query(&self.value).map_err(|TooManyLooks| Cause::TooManyLooks)?;
        let place = wanted.take.of(nodes.len(), bits).ok_or(Cause::ExtractionMissing)?;
        let found = nodes.iter().nth(place).ok_or(Cause::ExtractionMissing)?;
        let value = match found {
            Json::String(text) => Value::Text(text.clone()),
            Json::Null | Json::Bool(_) => Value::Json(found.to_string()),
            Json::Number(number) if !number.is_f64() => Value::Json(found.to_string()),
            Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                let located = path.query_located(&self.value);
                let located = located.map_err(|TooManyLooks| Cause::TooManyLooks)?;
                let pointer =
                    located.iter().nth(place).map(|node| node.location().to_json_pointer());
                let found = pointer.and_then(|pointer| json_text::find(text, &pointer));
                Value::Json(json_text::compact(found.ok_or(Cause::ExtractionMissing)?))
            }
        };
        let (Value::Text(kept) | Value::Json(kept)) = &value;
        if kept.len() > MAX_VALUE {
            return Err(Cause::ValueTooLong);
        }
        let is_lossy = self.is_mended || is_changed;
        if is_lossy && kept.contains(REPLACEMENT) { Err(Cause::NotUtf8) } else { Ok(value) }
    }
}

/// By its mark, or by the zeros that every JSON text has in it at its beginning.
fn is_utf16(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, ..] | [_, 0, ..])
}

fn cause(error: &serde_json::Error) -> Cause {
    let is_deep = error.to_string().starts_with("recursion limit exceeded");
    if is_deep { Cause::TooDeep } else { Cause::NotJson }
}

#[cfg(test)]
mod tests {
    use crate::scenario::json_path::JsonPath;
    use proptest::prelude::*;

    use super::*;
    use crate::scenario::extraction::Take;

    const LIMIT: u64 = 1_000_000;

    fn one(from: From, take: Take, default: Option<Value>) -> Extraction {
        Extraction { variable: VariableId(0), from, take, default }
    }

    const HEAD: &[u8] =
        b"HTTP/1.1 200 OK\r\nlocation: /a\r\nx: 1\r\nx: \xe9\r\nset-cookie: sid=c1\r\n\r\n";

    /// What is found of an answer with some head and body.
    fn taken(from: From, take: Take, body: &[u8], bits: u64) -> Result<Value, Cause> {
        let mut extracted = Extracted::default();
        let body = Body { bytes: body, codings: Codings::default(), limit: LIMIT };
        let around = Around { head: HEAD, bits };
        extract(&[one(from, take, None)], &mut Content::of(body), around, &mut extracted)?;
        Ok(extracted.0.remove(0).1)
    }

    #[test]
    fn values_of_heads_and_of_texts_are_found() {
        let header = |name: &str| From::Header(name.to_owned());
        let pattern = |text: &str| From::Pattern(regex::bytes::Regex::new(text).unwrap());
        let first = |from, body: &[u8]| taken(from, Take::Nth(0), body, 0);
        assert_eq!(first(header("location"), b""), text("/a"));
        assert_eq!(first(header("none"), b""), Err(Cause::ExtractionMissing));
        assert_eq!(taken(header("x"), Take::Last, b"", 0), Err(Cause::NotUtf8));
        assert_eq!(first(From::Cookie("sid".to_owned()), b""), text("c1"));
        let body = b"id=7 id=8 \xff id=9 id=";
        assert_eq!(first(pattern("id=([0-9])"), body), text("7"));
        assert_eq!(first(pattern("id=[0-9]"), body), text("id=7"));
        assert_eq!(first(pattern("id=x"), body), Err(Cause::ExtractionMissing));
        assert_eq!(first(pattern("id=([0-9])?$"), body), Err(Cause::ExtractionMissing));
        assert_eq!(first(pattern("(?-u)8 (.)"), body), Err(Cause::NotUtf8));
        assert_eq!(taken(pattern("id=([0-9])"), Take::Nth(2), body, 0), text("9"));
        assert_eq!(
            taken(pattern("id=([0-9])"), Take::Nth(3), body, 0),
            Err(Cause::ExtractionMissing)
        );
        assert_eq!(taken(pattern("id=([0-9])"), Take::Last, body, 0), text("9"));
    }

    #[test]
    fn any_of_several_is_decided_by_the_bits() {
        let json = |bits| {
            let path = From::Json(JsonPath::parse("$[*]").unwrap());
            taken(path, Take::Random, b"[1.0, 2.0, 3.0]", bits)
        };
        let found: std::collections::BTreeSet<String> =
            (0..100).map(|bits| format!("{:?}", json(bits))).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(json(5), json(5));
    }

    #[test]
    fn a_default_stands_in_for_what_is_not_there_and_not_for_what_cannot_be_read() {
        let default = Some(Value::Json("7".to_owned()));
        let of = |body: &[u8]| {
            let mut extracted = Extracted::default();
            let body = Body { bytes: body, codings: Codings::default(), limit: LIMIT };
            let wanted =
                one(From::Json(JsonPath::parse("$.id").unwrap()), Take::Nth(0), default.clone());
            let around = Around { head: HEAD, bits: 0 };
            extract(&[wanted], &mut Content::of(body), around, &mut extracted)?;
            Ok(extracted.0.remove(0).1)
        };
        assert_eq!(of(b"{\"id\": 1}"), json("1"));
        assert_eq!(of(b"{}"), json("7"));
        assert_eq!(of(b""), json("7"));
        assert_eq!(of(b"<html>"), Err(Cause::NotJson));
    }

    #[test]
    fn nothing_stands_in_for_what_a_path_would_look_at_too_often() {
        let body = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(found("$..*..*..*..*..*", body.as_bytes()), Err(Cause::TooManyLooks));
        let default = Some(Value::Json("7".to_owned()));
        assert_eq!(
            or_default(
                Err(Cause::TooManyLooks),
                &one(From::Cookie(String::new()), Take::Last, default)
            ),
            Err(Cause::TooManyLooks)
        );
    }

    fn found(path: &str, body: &[u8]) -> Result<Value, Cause> {
        let mut extracted = Extracted::default();
        let path = From::Json(JsonPath::parse(path).unwrap());
        let wanted = [one(path, Take::Nth(0), None)];
        let body = Body { bytes: body, codings: Codings::default(), limit: LIMIT };
        let around = Around { head: b"", bits: 0 };
        extract(&wanted, &mut Content::of(body), around, &mut extracted)?;
        Ok(extracted.0.remove(0).1)
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is compared with what may fail")]
    fn json(text: &str) -> Result<Value, Cause> {
        Ok(Value::Json(text.to_owned()))
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is compared with what may fail")]
    fn text(text: &str) -> Result<Value, Cause> {
        Ok(Value::Text(text.to_owned()))
    }

    #[test]
    fn a_number_keeps_the_digits_it_had() {
        for number in [
            "0",
            "-0",
            "7",
            "-12",
            "9007199254740993",
            "18446744073709551615",
            "18446744073709551616",
            "12345678901234567890123",
            "-9223372036854775809",
            "10.00",
            "0.1234567890123456789",
            "1e3",
            "1E+3",
            "-0.0",
            "1e400",
            "-1e-400",
            "1.50e2",
        ] {
            assert_eq!(found("$.id", format!("{{\"id\": {number}}}").as_bytes()), json(number));
            assert_eq!(found("$", number.as_bytes()), json(number));
            let list = format!("[{number},{{\"a\":{number}}}]");
            let spaced = format!("{{\"list\": [ {number},\n\t{{\"a\" : {number}}} ]}}");
            assert_eq!(found("$.list", spaced.as_bytes()), json(&list));
        }
    }

    #[test]
    fn a_value_is_found_wherever_it_stands() {
        let body = br#"{"a/b": {"~": [1.0, {"x y": 2.50, "\u00e9": 3.0}]}, "d": 1.0, "d": 2.0, "t": "a\n\"\u00e9", "n": null, "": {"": 4.0}}"#;
        assert_eq!(found("$['a/b']['~'][0]", body), json("1.0"));
        assert_eq!(found("$['a/b']['~'][-1]['x y']", body), json("2.50"));
        assert_eq!(found("$..['\u{e9}']", body), json("3.0"));
        assert_eq!(found("$['']['']", body), json("4.0"));
        assert_eq!(found("$.d", body), json("2.0"), "the last of two keys, as everywhere");
        assert_eq!(found("$.t", body), text("a\n\"\u{e9}"));
        assert_eq!(found("$.n", body), json("null"));
        assert_eq!(found("$.none", body), Err(Cause::ExtractionMissing));
        let text = r#"{"s": "[{\"", "list": ["a b", 1.0 ]}"#;
        assert_eq!(found("$.list", text.as_bytes()), json("[\"a b\",1.0]"));
    }

    #[test]
    fn what_is_wrong_elsewhere_loses_no_value() {
        for body in [
            &b"\xef\xbb\xbf{\"id\":\"a\"}"[..],
            b"{\"id\":\"a\",\"big\":1e400}",
            b"{\"big\":[-1e999,12e0],\"id\":\"a\"}",
            b"{\"half\":\"\\ud83d\",\"id\":\"a\"}",
            b"{\"half\":\"\\udc00\\ud800\\n\",\"id\":\"a\"}",
            b"{\"latin\":\"\xe9\",\"id\":\"a\"}",
            b"{\"\xe9\":0,\"id\":\"a\"}",
            b" \r\n{\"id\":\"a\"}\n",
            b"{\"id\":\"b\",\"id\":\"a\"}",
        ] {
            assert_eq!(found("$.id", body), text("a"), "{}", body.escape_ascii());
        }
        let whole = br#"{"pair":"\ud83d\ude00","half":"\ud83d"}"#;
        assert_eq!(found("$.pair", whole), text("\u{1f600}"));
        assert_eq!(found("$.id", br#"{"big":1e400,"id":2.50}"#), json("2.50"));
        assert_eq!(found("$.big", br#"{"big":-1e400}"#), json("-1e400"));
    }

    #[test]
    fn a_value_that_cannot_be_sent_on_is_told_with_its_cause() {
        let deep = format!("{{\"id\":1,\"deep\":{}{}}}", "[".repeat(500), "]".repeat(500));
        let long = format!("{{\"id\":\"{}\"}}", "a".repeat(MAX_VALUE + 1));
        let endless = "[".repeat(1_000_000);
        for (body, cause) in [
            (&b""[..], Cause::EmptyBody),
            (b"\xef\xbb\xbf", Cause::EmptyBody),
            (b" \n", Cause::EmptyBody),
            (b"<html>", Cause::NotJson),
            (b"{\"id\":1", Cause::NotJson),
            (b"{\"id\":1}{\"id\":2}", Cause::NotJson),
            (b"{\"id\":NaN}", Cause::NotJson),
            (b"{\"id\":+1e400}", Cause::NotJson),
            (b"{\"id\":01e400}", Cause::NotJson),
            (b"{\"id\":1.e400}", Cause::NotJson),
            (b"{\"id\":1,}", Cause::NotJson),
            (b"{\"id\":\"\0\"}", Cause::NotJson),
            (b"{\"id\":1}\0", Cause::NotJson),
            (b"{\"id\":\"\\ud83d\"}", Cause::NotUtf8),
            (b"{\"id\":\"\xe9\"}", Cause::NotUtf8),
            (b"{\"id\":[\"\xe9\"]}", Cause::NotUtf8),
            (b"\xff\xfe{\0\"\0", Cause::NotUtf8),
            (b"\xfe\xff\0{\0\"", Cause::NotUtf8),
            (b"{\0}\0", Cause::NotUtf8),
            (b"\x1f\x8b\x08\0\0", Cause::Compressed),
            (b"{}", Cause::ExtractionMissing),
            (deep.as_bytes(), Cause::TooDeep),
            (endless.as_bytes(), Cause::TooDeep),
            (long.as_bytes(), Cause::ValueTooLong),
        ] {
            assert_eq!(
                found("$.id", body),
                Err(cause),
                "{}",
                body[..body.len().min(40)].escape_ascii()
            );
        }
    }

    proptest! {
        #[test]
        fn whatever_is_kept_stood_in_the_answer(
            number in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
            before in "[ -~]{0,20}", depth in 0_usize..20,
        ) {
            let before = serde_json::to_string(&before).unwrap();
            let (open, close) = ("{\"a\": [".repeat(depth), "]}".repeat(depth));
            let body = format!("{{{before}: {before}, \"id\": {open}{number}{close}, \"b\": 1e999}}");
            let value = format!("{}{number}{close}", open.replace(' ', ""));
            if before != "\"id\"" {
                prop_assert_eq!(found("$.id", body.as_bytes()), json(&value));
            }
        }

        #[test]
        fn no_body_is_a_panic(body in prop::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\",:\\\\ud8e0-9.+-]{0,60}") {
            for path in ["$.id", "$", "$..*", "$[0]"] {
                let _ = found(path, &body);
                let _ = found(path, text.as_bytes());
            }
        }
    }
}
