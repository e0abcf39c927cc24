//! One request: method and path, headers, body, time limit, expected statuses.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::entries::Entries;
use super::super::model::{DEFAULT_TIMEOUT, Expectation, Request};
use super::super::problems::Fault;
use super::super::raw::RawStep;
use super::super::raw_check::RawCheck;
use super::super::template::parse::{Builder, Names};
use super::super::template::{Escape, Piece, Template};
use super::auth;
use super::body;
use super::lengths::{AN_HOUR, positive};
use super::opening;
use super::settle::settle;

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "QUERY"];

/// The text of a request as reports show it, blanks normalised.
pub(crate) fn step_text(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Everything that is sent.
pub(super) fn request(
    raw: &RawStep,
    prefix: &str,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Request> {
    let line = raw.request.as_deref().unwrap_or_default();
    let position = at.key("request");
    let method = method(line, &position, check);
    let path = path(line, prefix, names, &position, check);
    if raw.graphql.is_some() && method.as_deref().is_some_and(|method| method != "POST") {
        let fault = Fault::new("GraphQL requests with a body are sent by POST");
        check.value(&position, fault.help("write \"POST /graphql\""));
    }
    let mut headers = headers(&raw.headers, names, &at.key("headers"), check);
    credentials(raw, names, at, &mut headers, check);
    let (body, kind) = body::body(raw, names, at, check);
    if raw.events.is_some() && !headers.iter().any(|(name, _)| name == "accept") {
        headers.push(("accept".to_owned(), literal("text/event-stream", Escape::Header)));
    }
    if raw.graphql.is_some() && !headers.iter().any(|(name, _)| name == "accept") {
        headers.push(("accept".to_owned(), literal(body::GRAPHQL_ANSWERS, Escape::Header)));
    }
    if raw.websocket.is_some() {
        headers.extend(opening::fields());
    }
    let own_kind = headers.iter().any(|(name, _)| name == "content-type");
    if own_kind && raw.multipart.is_some() {
        let fault = Fault::new("the type of a form with parts names what stands between them");
        check.key(&at.key("headers"), fault.help("remove the header \"content-type\""));
    }
    if let Some(kind) = kind.filter(|_| !own_kind) {
        headers.push(("content-type".to_owned(), literal(&kind, Escape::Header)));
    }
    Some(Request { method: method?, path: path?, headers, body })
}

/// Adds the header with the credentials.
fn credentials(
    raw: &RawStep,
    names: &Names<'_>,
    at: &Pointer,
    headers: &mut Vec<(String, Template)>,
    check: &mut Check<'_>,
) {
    const NAME: &str = "authorization";
    let Some(own) = &raw.auth else { return };
    if headers.iter().any(|(name, _)| name == NAME) {
        let fault = Fault::new(format!("\"auth\" beside the header \"{NAME}\""));
        return check.key(&at.key("auth"), fault.help("keep one of them"));
    }
    let value = auth::authorization(own, names, &at.key("auth"), check);
    headers.extend(value.map(|value| (NAME.to_owned(), value)));
}

fn literal(text: &str, escape: Escape) -> Template {
    Template { pieces: vec![Piece::Literal(text.into())], escape }
}

fn method(line: &str, at: &Pointer, check: &mut Check<'_>) -> Option<String> {
    let word = check.fill(line.split_whitespace().next().unwrap_or_default());
    let known = METHODS.contains(&word.as_str());
    let fault = match word.as_str() {
        _ if known => return Some(word),
        word if word.starts_with('/') || word.is_empty() => {
            let path = line.trim();
            Fault::new("the method is missing").help(format!("write \"GET {path}\""))
        }
        word => Fault::new(format!("unknown method \"{word}\"")).nearest(word, METHODS.into_iter()),
    };
    check.value(at, fault);
    None
}

fn path(
    line: &str,
    prefix: &str,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Template> {
    let word = line.trim_start().find(char::is_whitespace).unwrap_or(line.trim_start().len());
    let path = line.trim_start()[word..].trim();
    if line.trim_start().starts_with('/') || line.trim_start().is_empty() {
        // It is the method that is missing.
        return None;
    }
    let offset = line.find(path).filter(|_| !path.is_empty()).unwrap_or_default();
    let mut builder = Builder::new(Escape::Url, names);
    builder.raw(prefix);
    builder.text(path);
    if !check.fill(path).starts_with('/') {
        check.value(at, path_start(&check.fill(path)).offset(offset));
        return None;
    }
    let shifted = |fault: Fault| {
        let offset = fault.offset + offset;
        fault.offset(offset)
    };
    settle(builder.finish().map_err(|all| all.into_iter().map(shifted).collect()), at, check)
}

fn path_start(path: &str) -> Fault {
    if path.is_empty() {
        return Fault::new("the path is missing").help("write \"GET /orders\"");
    }
    let fault = Fault::new(format!("the path \"{path}\" must start with /"));
    if path.contains("://") {
        return fault.help("write the path only; the host is the \"url\" of the target");
    }
    fault.help("write \"GET /orders\"")
}

fn headers(
    raw: &Entries<String>,
    names: &Names<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Vec<(String, Template)> {
    let (mut all, mut seen) = (Vec::new(), HashSet::new());
    for (name, value) in &raw.0 {
        let at = at.key(name);
        let lower = name.to_ascii_lowercase();
        if let Some(fault) = header_fault(&lower) {
            check.key(&at, fault);
        } else if !seen.insert(lower.clone()) {
            check.key(&at, Fault::new(format!("the header \"{lower}\" is given twice")));
        }
        let value = settle(Template::parse(value, Escape::Header, names), &at, check);
        all.extend(value.map(|value| (lower, value)));
    }
    all
}

/// What is wrong with a header's name, in lower case.
pub(super) fn header_fault(name: &str) -> Option<Fault> {
    const OURS: [&str; 9] = [
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "upgrade",
        "te",
        "trailer",
        "expect",
    ];
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        let fault = Fault::new(format!("\"{name}\" is not the name of a header"));
        if name.contains("{{") || name.contains("${") {
            let help = "only its value can have {{placeholders}} and ${VAR}";
            return Some(fault.help(help));
        }
        return Some(fault.help("letters, digits and - only, as in \"x-tenant\""));
    }
    OURS.contains(&name).then(|| {
        let fault = Fault::new(format!("the header \"{name}\" is set by loadgate"));
        fault.help("remove it; it belongs to the connection, not to the request")
    })
}

/// The time limit.
pub(super) fn timeout(raw: &RawStep, at: &Pointer, check: &mut Check<'_>) -> Option<Duration> {
    let Some(text) = &raw.timeout else { return Some(DEFAULT_TIMEOUT) };
    let limit = positive(&check.fill(text)).and_then(|limit| match limit {
        limit if limit > AN_HOUR => Err(Fault::new("a time limit is at most 1h")),
        limit => Ok(limit),
    });
    check.accept(&at.key("timeout"), limit)
}

/// Which statuses are right.
pub(super) fn expectation(
    raw: Option<&RawCheck>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Option<Expectation> {
    let Some(status) = raw.and_then(|raw| raw.status.as_ref()) else {
        return Some(Expectation::default());
    };
    let at = at.key("status");
    let Value::Array(items) = status else {
        let range = statuses(status, check);
        return Some(Expectation { statuses: vec![check.accept(&at, range)?] });
    };
    if items.is_empty() {
        check.value(&at, Fault::new("an empty list of statuses accepts nothing"));
        return None;
    }
    let mut ranges = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let range = statuses(item, check);
        ranges.extend(check.accept(&at.item(index), range));
    }
    Some(Expectation { statuses: ranges })
}

/// `200`, or `"2xx"`.
fn statuses(value: &Value, check: &Check<'_>) -> Result<(u16, u16), Fault> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => check.fill(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    };
    let class = text.strip_suffix("xx").and_then(|digit| digit.parse::<u16>().ok());
    let range = match class {
        Some(class) => {
            Some((class.saturating_mul(100), class.saturating_mul(100).saturating_add(99)))
        }
        None => text.parse().ok().map(|code| (code, code)),
    };
    range.filter(|(low, high)| *low >= 100 && *high <= 599).ok_or_else(|| {
        let fault = Fault::new(format!("\"{text}\" is not a status"));
        fault.help("write 200, \"2xx\" or a list such as [200, 404]")
    })
}
