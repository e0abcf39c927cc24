//! GraphQL requests: a document, its variables and its operation, as the JSON of a POST.
//!
//! The document is looked at no further than what operations it has: what it asks for is the target's
//! to judge.

use serde_json::Value;

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::problems::Fault;
use super::super::raw_body::RawGraphql;
use super::super::template::parse::{Builder, Names, json_document};
use super::super::template::{Escape, Template};

/// The document, its variables and the operation, as JSON.
pub(super) fn of_graphql(
    raw: &RawGraphql,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Template> {
    let (query, place) = document(raw, names, at, check)?;
    if !query.contains('{') {
        let fault = Fault::new("this is no GraphQL document");
        check.value(&place, fault.help("write it like \"{ orders { id } }\""));
        return None;
    }
    let mut builder = Builder::new(Escape::Json, names);
    builder.raw("{\"query\":");
    builder.raw(&Value::String(query.clone()).to_string());
    if let Some(variables) = &raw.variables {
        builder.raw(",\"variables\":");
        json_document(variables, &at.key("variables"), &mut builder, check);
    }
    if let Some(operation) = &raw.operation {
        let operation = check.fill(operation);
        let of_name = operations(&query).into_iter().find(|it| it.name == Some(&*operation));
        let fault = match of_name {
            None => {
                let fault = Fault::new(format!("the document has no operation \"{operation}\""));
                Some(fault.help("name one of its queries and mutations"))
            }
            Some(operation) => operation.fault(),
        };
        if let Some(fault) = fault {
            check.value(&at.key("operation"), fault);
        }
        builder.raw(",\"operationName\":");
        builder.raw(&Value::String(operation).to_string());
    }
    if let ([only], None) = (&*operations(&query), &raw.operation) {
        if let Some(fault) = only.fault() {
            check.value(&place, fault);
        }
    }
    builder.raw("}");
    builder.finish().ok()
}

/// The text of the document, and where it stands.
fn document(
    raw: &RawGraphql,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<(String, Pointer)> {
    match (&raw.query, &raw.file) {
        (Some(query), None) => Some((check.fill(query), at.key("query"))),
        (None, Some(file)) => {
            let (file, place) = (check.fill(file), at.key("file"));
            let text = names.files.text(&file);
            let text = check.accept(&place, text)?;
            if text.contains("{{") {
                let fault = Fault::new(format!("the file {file} has {{{{, which is not filled in"));
                let help = "give the value in \"variables\", where it cannot change the document";
                check.value(&place, fault.help(help));
            }
            Some((text, place))
        }
        (Some(_), Some(_)) => {
            let fault = Fault::new("\"file\" beside \"query\"");
            check.key(&at.key("file"), fault.help("keep one of them"));
            None
        }
        (None, None) => {
            let fault = Fault::new("a GraphQL request without a document");
            let help = "add \"query\", or \"file\" with the path of one";
            check.lacks(at, &["query", "file"], fault.help(help));
            None
        }
    }
}

/// An operation of a document.
struct Operation<'q> {
    kind: &'q str,
    name: Option<&'q str>,
}

impl Operation<'_> {
    /// A subscription is answered by a stream of results, and a request is over with one.
    fn fault(&self) -> Option<Fault> {
        (self.kind == "subscription").then(|| {
            let fault = Fault::new("a subscription is not sent: its results are a stream");
            fault.help("speak to its WebSocket with \"websocket\", or ask a query")
        })
    }
}

/// Those that a document has a word for; one in braces alone is a query. What stands within brackets,
/// texts and comments is none.
fn operations(query: &str) -> Vec<Operation<'_>> {
    const KINDS: [&str; 3] = ["query", "mutation", "subscription"];
    let words = outermost_words(query);
    let before = |place: usize| place.checked_sub(1).map(|place| words[place]);
    // `fragment query on mutation`, and `query query`.
    let is_name = |place: usize| match before(place) {
        Some("fragment" | "on") => true,
        Some(kind) => {
            KINDS.contains(&kind) && !before(place - 1).is_some_and(|it| KINDS.contains(&it))
        }
        None => false,
    };
    let mut all = Vec::new();
    for (place, kind) in words.iter().enumerate() {
        if KINDS.contains(kind) && !is_name(place) {
            let name = words.get(place + 1).copied().filter(|word| *word != "{");
            all.push(Operation { kind, name });
        }
    }
    all
}

/// Words that stand in no brackets, texts and comments, and a brace where one opens.
fn outermost_words(query: &str) -> Vec<&str> {
    let (mut words, mut depth, mut rest) = (Vec::new(), 0_usize, query);
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '#' => rest.find(['\n', '\r']).unwrap_or(rest.len()),
            '"' => text_length(rest),
            c if is_of_word(c) => {
                let length = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
                if depth == 0 {
                    words.push(&rest[..length]);
                }
                length
            }
            c => {
                if c == '{' && depth == 0 {
                    words.push(&rest[..1]);
                }
                match c {
                    '{' | '(' | '[' => depth += 1,
                    '}' | ')' | ']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    words
}

/// The length of a text that begins here, with its quotes; all of it where it does not end.
fn text_length(text: &str) -> usize {
    if let Some(block) = text.strip_prefix("\"\"\"") {
        return block.find("\"\"\"").map_or(text.len(), |end| end + 6);
    }
    let mut is_escaped = false;
    let end = text[1..].find(|c| {
        let is_end = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, expected: &[(&str, Option<&str>)]) {
        let found: Vec<_> = operations(query).iter().map(|it| (it.kind, it.name)).collect();
        assert_eq!(found, expected, "{query}");
    }

    #[test]
    fn operations_are_what_stands_outside_of_brackets_texts_and_comments() {
        check("{ subscription { plan } }", &[]);
        check("query A { subscription { plan } }", &[("query", Some("A"))]);
        check("subscription { orders }", &[("subscription", None)]);
        check("query($of: subscription) { a }", &[("query", None)]);
        check(
            "# subscription S\nmutation M { a(text: \"} subscription \") }",
            &[("mutation", Some("M"))],
        );
        check(
            "query { a(text: \"\"\" \" } subscription\"\"\") } subscription S{b}",
            &[("query", None), ("subscription", Some("S"))],
        );
        check(
            "fragment query on mutation { a } query subscription { ...query }",
            &[("query", Some("subscription"))],
        );
        check("query \"", &[("query", None)]);
        check("query \"\\\"", &[("query", None)]);
        check("", &[]);
    }

    #[test]
    fn a_subscription_is_none_that_is_sent() {
        let faulty = |query: &str| operations(query).iter().filter_map(Operation::fault).count();
        assert_eq!((faulty("subscription { a }"), faulty("query { subscription }")), (1, 0));
    }
}
