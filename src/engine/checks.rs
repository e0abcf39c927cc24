//! Whether an answer is as the checks of its step say. Pure: bytes and times in, the first check
//! that does not hold out.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::engine::extract::Content;
use crate::engine::graphql;
use crate::engine::head_fields::named;
use crate::engine::matching::{contains, is_same};
use crate::record::exchange::shorten;
use crate::record::outcome::Cause;
use crate::scenario::checks::{AnswerCheck, Subject, Test, Wanted};
use crate::scenario::data::Rows;
use crate::scenario::json_path::TooManyLooks;
use crate::scenario::template::{Value, Values};

/// Bytes of what is said of a check that does not hold; reports show fewer.
const MOST_SAID: usize = 4_096;

/// What a virtual user knows, and who it is.
#[derive(Debug, Clone, Copy)]
pub struct Known<'k> {
    /// The extracted variables.
    pub variables: &'k [Value],
    /// The number of the user, from 1.
    pub user: u64,
    /// The number of the iteration, from 1.
    pub iteration: u64,
    /// The rows that it has.
    pub rows: Rows<'k>,
}

impl Known<'_> {
    /// Nobody.
    pub const NOTHING: Known<'static> =
        Known { variables: &[], user: 0, iteration: 0, rows: Rows::NONE };
}

/// What is looked at besides the body.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'s> {
    /// The head as it came, where a check reads it.
    pub head: &'s [u8],
    /// Bytes of the body as it came.
    pub size: u64,
    /// From the moment at which the request was due to the answer's last byte, in nanoseconds.
    pub took: u64,
    /// The same without what was felt of the generator's own lateness: a check is about the target.
    pub least: u64,
}

/// A check that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// What kind of check.
    pub cause: Cause,
    /// Its place among those of the step.
    pub check: usize,
    /// What exactly is wrong, where the check alone does not say; the target's words, in part.
    pub said: Option<String>,
}

/// The first check that does not hold.
pub fn judge(
    checks: &[AnswerCheck],
    seen: Seen<'_>,
    content: &mut Content<'_>,
    known: Known<'_>,
) -> Result<(), Failed> {
    checks.iter().enumerate().try_for_each(|(index, check)| {
        let (holds, cause) = one(check, seen, content, known);
        let holds = holds.map_err(|cause| Failed { cause, check: index, said: None })?;
        if holds {
            return Ok(());
        }
        Err(Failed { cause, check: index, said: said(check, content) })
    })
}

/// What is wrong with an answer, in words.
fn said(check: &AnswerCheck, content: &mut Content<'_>) -> Option<String> {
    let document = content.document().ok()?;
    let mut said = match &check.subject {
        Subject::Schema(schema) => schema.judge(document).err()?.to_string(),
        Subject::Graphql => graphql::judge(document).err()?.to_string(),
        Subject::Header(_)
        | Subject::Body
        | Subject::Json(_)
        | Subject::Size
        | Subject::ResponseTime => return None,
    };
    shorten(&mut said, MOST_SAID);
    Some(said)
}

/// Whether a check holds, or why nobody can tell; and what it is if it does not.
fn one(
    check: &AnswerCheck,
    seen: Seen<'_>,
    content: &mut Content<'_>,
    known: Known<'_>,
) -> (Result<bool, Cause>, Cause) {
    let test = &check.test;
    match &check.subject {
        Subject::Header(name) => (Ok(header(name, seen.head, test, known)), Cause::HeaderCheck),
        Subject::Body => (content.bytes().map(|bytes| text(bytes, test, known)), Cause::BodyCheck),
        Subject::Json(path) => {
            let found = content.document().and_then(|document| {
                let found = path.query(document).map_err(|TooManyLooks| Cause::TooManyLooks)?;
                Ok(all(found.iter().copied(), test, |value| json(value, test, known)))
            });
            (found, Cause::JsonCheck)
        }
        Subject::Schema(schema) => {
            let fits = content.document().map(|document| schema.judge(document).is_ok());
            (fits, Cause::SchemaCheck)
        }
        Subject::Graphql => {
            let is_result = content.document().map(|document| graphql::judge(document).is_ok());
            (is_result, Cause::GraphqlErrors)
        }
        Subject::Size => (Ok(number(seen.size as f64, test)), Cause::SizeCheck),
        Subject::ResponseTime => (Ok(number(seen.least as f64, test)), Cause::ResponseTimeCheck),
    }
}

/// What is not there is as no test wants it but the one that asks for that.
fn all<T>(
    found: impl ExactSizeIterator<Item = T>,
    test: &Test,
    mut holds: impl FnMut(T) -> bool,
) -> bool {
    if let Test::Exists(exists) = test {
        return *exists == (found.len() > 0);
    }
    let mut found = found.peekable();
    found.peek().is_some() && found.all(&mut holds)
}

fn header(name: &str, head: &[u8], test: &Test, known: Known<'_>) -> bool {
    let values: Vec<Cow<'_, [u8]>> = named(head, name).collect();
    all(values.iter(), test, |value| text(value, test, known))
}

/// Whether a test holds for a text.
pub fn holds_for_text(found: &[u8], test: &Test, known: Known<'_>) -> bool {
    text(found, test, known)
}

/// A text that is no JSON, as a header's value or a whole body.
fn text(found: &[u8], test: &Test, known: Known<'_>) -> bool {
    let is = |wanted: &Wanted| {
        wanted.filled(known).is_some_and(|wanted| plain(&wanted).as_bytes() == found)
    };
    match test {
        Test::Is(wanted) => is(wanted),
        Test::IsNot(wanted) => {
            wanted.filled(known).is_some_and(|wanted| plain(&wanted).as_bytes() != found)
        }
        Test::IsOneOf(all) => all.iter().any(is),
        Test::Contains(wanted) => {
            wanted.filled(known).is_some_and(|wanted| contains(found, plain(&wanted).as_bytes()))
        }
        Test::Matches(regex) => regex.is_match(found),
        Test::Number(order, limit) => {
            let number = std::str::from_utf8(found).ok().and_then(|text| text.trim().parse().ok());
            number.is_some_and(|number: f64| order.holds(number, *limit))
        }
        Test::Exists(exists) => *exists,
        Test::Type(_) | Test::Count(..) => false,
    }
}

fn json(found: &Json, test: &Test, known: Known<'_>) -> bool {
    let is = |wanted: &Wanted| wanted.filled(known).is_some_and(|wanted| is_same(found, &wanted));
    match test {
        Test::Is(wanted) => is(wanted),
        Test::IsNot(wanted) => wanted.filled(known).is_some_and(|wanted| !is_same(found, &wanted)),
        Test::IsOneOf(all) => all.iter().any(is),
        Test::Contains(wanted) => wanted.filled(known).is_some_and(|wanted| match found {
            Json::String(text) => contains(text.as_bytes(), plain(&wanted).as_bytes()),
            Json::Array(all) => all.iter().any(|one| is_same(one, &wanted)),
            Json::Object(members) => wanted.as_str().is_some_and(|name| members.contains_key(name)),
            Json::Null | Json::Bool(_) | Json::Number(_) => false,
        }),
        // Of a number or a truth its text is looked at, as extraction would keep it.
        Test::Matches(regex) => match found {
            Json::String(text) => regex.is_match(text.as_bytes()),
            other => regex.is_match(other.to_string().as_bytes()),
        },
        Test::Type(kind) => kind.is_of(found),
        Test::Number(order, limit) => {
            found.as_f64().is_some_and(|number| order.holds(number, *limit))
        }
        Test::Count(order, limit) => counted(found).is_some_and(|n| order.holds(n as f64, *limit)),
        Test::Exists(exists) => *exists,
    }
}

fn counted(value: &Json) -> Option<usize> {
    match value {
        Json::Array(all) => Some(all.len()),
        Json::Object(members) => Some(members.len()),
        Json::String(text) => Some(text.chars().count()),
        Json::Null | Json::Bool(_) | Json::Number(_) => None,
    }
}

fn number(found: f64, test: &Test) -> bool {
    match test {
        Test::Number(order, limit) => order.holds(found, *limit),
        Test::Count(..)
        | Test::Is(_)
        | Test::IsNot(_)
        | Test::IsOneOf(_)
        | Test::Contains(_)
        | Test::Matches(_)
        | Test::Type(_)
        | Test::Exists(_) => false,
    }
}

/// A text without its quotes, everything else as JSON.
fn plain(value: &Json) -> Cow<'_, str> {
    match value {
        Json::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

impl Wanted {
    /// With its values; what is no JSON once it is filled in is like nothing.
    fn filled(&self, known: Known<'_>) -> Option<Cow<'_, Json>> {
        let template = match self {
            Wanted::Fixed(value) => return Some(Cow::Borrowed(value)),
            Wanted::Filled(template) => template,
        };
        let mut text = String::new();
        let Known { variables, user, iteration, rows } = known;
        let mut values =
            Values { variables, user, iteration, unix_millis: 0, rows, random: &mut || 0 };
        template.render(&mut values, &mut text);
        serde_json::from_str(&text).ok().map(Cow::Owned)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::scenario::json_path::JsonPath;

    use super::*;
    use crate::engine::extract::Body;
    use crate::http1::coding::Codings;
    use crate::scenario::checks::{JsonType, Order};
    use crate::scenario::ids::VariableId;
    use crate::scenario::json_schema::{Node, Rule, Schema};
    use crate::scenario::template::{Escape, Piece, Template};
    use serde_json::json;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n\
        x-total:  42 \r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\nx-long: one\r\n  two\r\n\r\n";
    const BODY: &str = r#"{"state": "open", "total": 3, "price": 9.50, "items": [{"id": 1}, {"id": 2}],
        "none": null, "ok": true, "tags": ["a", "b"], "owner": {"name": "Ann"}, "text": "naïve"}"#;

    fn fixed(value: Json) -> Wanted {
        Wanted::Fixed(value)
    }

    fn judged(subject: Subject, test: Test, body: &str) -> Result<(), Failed> {
        let body = Body { bytes: body.as_bytes(), codings: Codings::default(), limit: 10_000 };
        let seen = Seen { head: HEAD, size: 100, took: 9_000_000, least: 5_000_000 };
        let variables = [Value::Json("3".to_owned()), Value::Text("open".to_owned())];
        let known = Known { variables: &variables, user: 7, iteration: 9, rows: Rows::NONE };
        let check = AnswerCheck { subject, test, text: String::new() };
        judge(&[check], seen, &mut Content::of(body), known)
    }

    #[track_caller]
    fn check(subject: &Subject, test: Test, holds: bool) {
        let told = format!("{subject:?} {test:?}");
        assert_eq!(judged(subject.clone(), test, BODY).is_ok(), holds, "{told}");
    }

    fn json_at(path: &str) -> Subject {
        Subject::Json(JsonPath::parse(path).unwrap())
    }

    fn regex(text: &str) -> Test {
        Test::Matches(regex::bytes::Regex::new(text).unwrap())
    }

    #[test]
    fn values_of_a_json_body_are_compared_by_their_worth_and_type() {
        for (path, test, holds) in [
            ("$.state", Test::Is(fixed(json!("open"))), true),
            ("$.state", Test::Is(fixed(json!("Open"))), false),
            ("$.total", Test::Is(fixed(json!(3))), true),
            ("$.total", Test::Is(fixed(json!(3.0))), true),
            ("$.total", Test::Is(fixed(json!("3"))), false),
            ("$.price", Test::Is(fixed(json!(9.5))), true),
            ("$.none", Test::Is(fixed(json!(null))), true),
            ("$.missing", Test::Is(fixed(json!(null))), false),
            ("$.owner", Test::Is(fixed(json!({ "name": "Ann" }))), true),
            ("$.state", Test::IsNot(fixed(json!("sent"))), true),
            ("$.state", Test::IsNot(fixed(json!("open"))), false),
            ("$.missing", Test::IsNot(fixed(json!("open"))), false),
            ("$.state", Test::IsOneOf(vec![fixed(json!("sent")), fixed(json!("open"))]), true),
            ("$.state", Test::IsOneOf(vec![fixed(json!("sent"))]), false),
            ("$.text", Test::Contains(fixed(json!("aïv"))), true),
            ("$.tags", Test::Contains(fixed(json!("b"))), true),
            ("$.tags", Test::Contains(fixed(json!("c"))), false),
            ("$.owner", Test::Contains(fixed(json!("name"))), true),
            ("$.total", Test::Contains(fixed(json!("3"))), false),
            ("$.state", regex("^o.en$"), true),
            ("$.state", regex("^pen$"), false),
            ("$.total", regex("^3$"), true),
            ("$.total", Test::Type(JsonType::Integer), true),
            ("$.price", Test::Type(JsonType::Integer), false),
            ("$.price", Test::Type(JsonType::Number), true),
            ("$.items", Test::Type(JsonType::Object), false),
            ("$.total", Test::Number(Order::AtLeast, 3.0), true),
            ("$.total", Test::Number(Order::Above, 3.0), false),
            ("$.state", Test::Number(Order::AtLeast, 0.0), false),
            ("$.items", Test::Count(Order::Equal, 2.0), true),
            ("$.items", Test::Count(Order::Below, 2.0), false),
            ("$.text", Test::Count(Order::Equal, 5.0), true),
            ("$.total", Test::Count(Order::AtLeast, 0.0), false),
            ("$.missing", Test::Exists(false), true),
            ("$.missing", Test::Exists(true), false),
            ("$.none", Test::Exists(true), true),
            ("$.none", Test::Exists(false), false),
        ] {
            check(&json_at(path), test, holds);
        }
    }

    #[test]
    fn where_a_path_looks_too_often_nothing_is_held_to_be_so_or_not_there() {
        let body = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        for test in [Test::Exists(false), Test::Exists(true), Test::IsNot(fixed(json!("x")))] {
            let failed = judged(json_at("$..*..*..*..*..*"), test, &body).unwrap_err();
            assert_eq!(failed.cause, Cause::TooManyLooks);
        }
        assert_eq!(judged(json_at("$..*"), Test::Exists(true), &body), Ok(()));
    }

    #[test]
    fn all_that_a_path_finds_must_be_so_and_something_must_be_found() {
        check(&json_at("$.items[*].id"), Test::Number(Order::AtLeast, 1.0), true);
        check(&json_at("$.items[*].id"), Test::Number(Order::AtLeast, 2.0), false);
        check(&json_at("$.items[?@.id > 5].id"), Test::Number(Order::AtLeast, 1.0), false);
    }

    #[test]
    fn headers_are_found_by_name_in_any_case_and_over_several_lines() {
        for (name, test, holds) in [
            ("content-type", Test::Contains(fixed(json!("application/json"))), true),
            ("content-type", Test::Is(fixed(json!("application/json"))), false),
            ("x-total", Test::Is(fixed(json!("42"))), true),
            ("x-total", Test::Is(fixed(json!(42))), true),
            ("x-total", Test::Number(Order::Below, 43.0), true),
            ("x-total", Test::Number(Order::Below, 42.0), false),
            ("content-type", Test::Number(Order::Below, 42.0), false),
            ("set-cookie", regex("^[ab]="), true),
            ("set-cookie", regex("^a="), false),
            ("x-long", Test::Is(fixed(json!("one two"))), true),
            ("x-missing", Test::Exists(false), true),
            ("x-missing", Test::IsNot(fixed(json!("a"))), false),
            ("x-total", Test::Exists(false), false),
        ] {
            check(&Subject::Header(name.to_owned()), test, holds);
        }
    }

    #[test]
    fn body_size_and_response_time() {
        check(&Subject::Body, Test::Contains(fixed(json!("\"state\""))), true);
        check(&Subject::Body, Test::Contains(fixed(json!("error"))), false);
        check(&Subject::Body, Test::Is(fixed(json!(BODY))), true);
        check(&Subject::Body, regex("(?i)\"STATE\""), true);
        check(&Subject::Size, Test::Number(Order::AtMost, 100.0), true);
        check(&Subject::Size, Test::Number(Order::AtMost, 99.0), false);
        check(&Subject::ResponseTime, Test::Number(Order::Below, 5_000_001.0), true);
        check(&Subject::ResponseTime, Test::Number(Order::Below, 5_000_000.0), false);
    }

    #[test]
    fn what_is_filled_in_is_what_the_user_knows() {
        let filled = |piece: Piece| {
            let pieces = vec![Piece::JsonValue(Box::new(piece))];
            Test::Is(Wanted::Filled(Template { pieces, escape: Escape::Json }))
        };
        check(&json_at("$.total"), filled(Piece::Variable(VariableId(0))), true);
        check(&json_at("$.state"), filled(Piece::Variable(VariableId(1))), true);
        check(&json_at("$.state"), filled(Piece::Variable(VariableId(0))), false);
        check(&json_at("$.total"), filled(Piece::User), false);
        check(&json_at("$.state"), filled(Piece::Variable(VariableId(9))), false);
    }

    #[test]
    fn a_body_that_cannot_be_read_meets_no_check_and_says_why() {
        for (body, cause) in
            [("", Cause::EmptyBody), ("<html>", Cause::NotJson), ("{}", Cause::JsonCheck)]
        {
            let test = Test::Is(fixed(json!("open")));
            let found = judged(json_at("$.state"), test, body);
            assert_eq!(found, Err(Failed { cause, check: 0, said: None }), "{body}");
        }
        let absent = judged(json_at("$.error"), Test::Exists(false), "<html>");
        assert_eq!(absent, Err(Failed { cause: Cause::NotJson, check: 0, said: None }));
    }

    #[test]
    fn a_schema_and_graphql_are_judged_and_what_is_wrong_is_told_in_part() {
        let rule = Rule::Required(vec!["total".to_owned(), "missing".to_owned()]);
        let schema = Arc::new(Schema { nodes: vec![Node::Rules(vec![rule])] });
        let subject = Subject::Schema(schema);
        let failed = judged(subject.clone(), Test::Exists(true), BODY).unwrap_err();
        assert_eq!(failed.cause, Cause::SchemaCheck);
        assert!(failed.said.unwrap().contains("must have the member \"missing\""));
        let right = r#"{"total": 1, "missing": 2}"#;
        assert!(judged(subject, Test::Exists(true), right).is_ok());
        let graphql = |body: &str| judged(Subject::Graphql, Test::Exists(true), body);
        assert!(graphql(r#"{"data": {"a": 1}}"#).is_ok());
        let long = "é".repeat(4_000);
        let body = format!(r#"{{"data": {{"a": 1}}, "errors": [{{"message": "{long}"}}]}}"#);
        let failed = graphql(&body).unwrap_err();
        assert_eq!(failed.cause, Cause::GraphqlErrors);
        let said = failed.said.unwrap();
        assert!(said.starts_with('é') && said.len() <= MOST_SAID + 4, "{}", said.len());
    }
}
