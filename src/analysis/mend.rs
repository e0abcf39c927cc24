//! What is to be mended first where a step does not work, in one plain sentence.
//!
//! A walk comes in, or one of its steps; a sentence goes out that says what happened, where, and
//! what to do. It quotes the target, so whoever prints it makes it plain.

use std::time::Duration;

use crate::analysis::worked::{NOT_EXTRACTED, excerpt, named};
use crate::record::exchange::{FailedExchange, Wire};
use crate::record::outcome::{Cause, Outcome};
use crate::record::redaction::is_secret;
use crate::record::walk::{Known, Walk, WalkedStep};
use crate::units::format_duration;

/// Letters of an answer in the sentence.
const EXCERPT: usize = 240;
/// What an alert of TLS begins with, as an exchange shows it.
const TLS: &str = "\\x15\\x03";
/// How request lines end.
const BY_HTTP1: &str = " HTTP/1.1";
const BY_HTTP2: &str = " HTTP/2";
/// How HTTP/2 begins: the length of a short frame.
const HTTP2: &str = "\\x00\\x00";

/// What to mend first; `None` where everything works.
pub fn first(walk: &Walk) -> Option<String> {
    let broken = walk.flows.iter().find_map(|flow| flow.broken());
    let Some(step) = broken else { return walk.died.as_ref().map(|exit| died(None, exit)) };
    if let Some(exit) = &walk.died {
        return Some(died(Some(step), exit));
    }
    Some(of_step(step, &walk.target))
}

fn died(step: Option<&WalkedStep>, exit: &str) -> String {
    let whom =
        step.map_or_else(String::new, |step| format!(" when {} asked it", named(&step.head)));
    let exit = excerpt(exit, EXCERPT);
    format!("the target ended{whom}: {exit}; mend what its last words say")
}

/// What to mend in a step that did not work.
fn of_step(step: &WalkedStep, target: &str) -> String {
    let name = named(&step.head);
    let Some(exchange) = &step.exchange else {
        return format!("{name} was not sent: the walk did not come so far");
    };
    if is_tls(exchange) {
        return format!(
            "{name} is plain HTTP, and {target} speaks TLS: let the \"url\" of \"target\" begin \
             with https://"
        );
    }
    match exchange.outcome {
        Outcome::ClientError => client_error(&name, step, exchange),
        Outcome::Rejected => format!(
            "{name} is refused with {}: the target limits the rate already for one request; lift \
             its limit for the test",
            status(exchange)
        ),
        Outcome::ServerError => format!(
            "{name} fails inside the target with {}{}; mend the target, or start what it needs, \
             such as its database",
            status(exchange),
            quoted(exchange)
        ),
        Outcome::CheckFailed => check_failed(&name, step, exchange),
        Outcome::Timeout => timeout(&name, step, exchange, target),
        Outcome::TransportError => transport(&name, exchange, target),
        Outcome::Unsent | Outcome::Ok => {
            let why = exchange.cause.map_or("for no known reason", Cause::name);
            format!("{name} was not sent: {why}")
        }
    }
}

fn client_error(name: &str, step: &WalkedStep, exchange: &FailedExchange) -> String {
    let status = status(exchange);
    let quoted = quoted(exchange);
    if let Some(empty) = step.unfilled.first() {
        return format!(
            "{name} is refused with {status}, as {{{{{empty}}}}} in it is empty: see what the step \
             before extracts as \"{empty}\"{quoted}"
        );
    }
    match exchange.status {
        Some(401 | 403) => match credentials(&exchange.request) {
            Some(field) => format!(
                "{name} is refused with {status}: the target does not accept the \"{field}\" that \
                 it sends; correct its value{quoted}"
            ),
            None => format!(
                "{name} is refused with {status}, and sends no credentials: add \"headers\": {{ \
                 \"authorization\": \"Bearer ${{TOKEN}}\" }} to the step, or what the target wants \
                 instead{quoted}"
            ),
        },
        Some(404) => format!(
            "the target knows no \"{}\" (404), which {name} asks for: correct the path in its \
             \"request\" or in \"url\" of \"target\"{quoted}",
            line(&exchange.request)
        ),
        Some(405) => format!(
            "{name} is refused with {status}: the target knows the path, but not with this method; \
             correct its \"request\"{quoted}"
        ),
        _ => format!(
            "{name} is refused with {status}: correct what it sends, or expect {status} in its \
             \"check\"{quoted}"
        ),
    }
}

fn check_failed(name: &str, step: &WalkedStep, exchange: &FailedExchange) -> String {
    let (status, expects) = (status(exchange), &step.head.expects);
    if let (Some(check), Some(cause)) = (&exchange.check, exchange.cause) {
        let cause = cause.name();
        return format!(
            "{name} is answered with {status}, but its check \"{check}\" does not hold ({cause}): \
             correct the one or the other{}",
            quoted(exchange)
        );
    }
    match exchange.cause {
        Some(Cause::UnexpectedStatus) => match location(exchange) {
            Some(to) => format!(
                "{name} is sent on to {to} ({status}), and redirects are not followed: ask for \
                 that path, log in before, follow it by \"redirects\", or expect {status} in its \
                 \"check\""
            ),
            None => format!(
                "{name} is answered with {status}, and its \"check\" wants {expects}: correct the \
                 one or the other{}",
                quoted(exchange)
            ),
        },
        Some(Cause::Compressed) => format!(
            "{name} gets a compressed answer that cannot be read: ask for gzip, deflate, br or \
             zstd in its \"accept-encoding\", or for nothing"
        ),
        Some(cause) if NOT_EXTRACTED.contains(&cause) => {
            let missing = step.extracted.iter().find(|one| one.known == Known::Nothing);
            let missing = missing.or(step.extracted.last());
            let what = missing.map_or_else(
                || "what it extracts".to_owned(),
                |one| format!("{} for \"{}\"", one.path, one.name),
            );
            let why = if cause == Cause::ExtractionMissing {
                String::new()
            } else {
                format!(" ({})", cause.name())
            };
            format!(
                "{name} is answered with {status}, but {what} is not in the answer{why}: correct \
                 the path in its \"extract\"{}",
                quoted(exchange)
            )
        }
        Some(cause) => format!("{name} does not work: {}", cause.name()),
        None => format!("{name} is answered with {status}, and {expects} was expected"),
    }
}

fn timeout(name: &str, step: &WalkedStep, exchange: &FailedExchange, target: &str) -> String {
    let limit = format_duration(Duration::from_millis(step.head.timeout_ms));
    if exchange.cause == Some(Cause::Unreachable) {
        return format!(
            "{name} got no connection to {target} within {limit}: see whether the target runs there \
             and accepts connections"
        );
    }
    let came = match exchange.status {
        Some(status) => format!("the answer began ({status}) and did not end"),
        None => "no answer came".to_owned(),
    };
    format!(
        "{name} waited in vain: {came} within {limit}; see what the target waits for, or raise the \
         step's \"timeout\""
    )
}

fn transport(name: &str, exchange: &FailedExchange, target: &str) -> String {
    let nothing_came = exchange.response.is_none();
    match exchange.cause {
        Some(Cause::Refused) => format!(
            "{name} found nobody: nothing listens at {target} any more; see whether the target has \
             ended"
        ),
        Some(cause @ (Cause::Reset | Cause::Closed)) if nothing_came => {
            let perhaps = if target.starts_with("http://") {
                format!(
                    ", and whether the port of {target} speaks TLS: its \"url\" begins with \
                     https:// then"
                )
            } else {
                String::new()
            };
            let cause = cause.name();
            format!("{name} got no answer: {cause}; see the target's log for this request{perhaps}")
        }
        Some(Cause::Tls) => format!(
            "{name} got no TLS session with {target}; see the target's log, and what \"tls\" of \
             \"target\" says"
        ),
        Some(Cause::Malformed) if is_http2(exchange) => format!(
            "{name} is HTTP/1.1, and {target} speaks HTTP/2: write \"http2\": \"prior-knowledge\" in \
             \"target\""
        ),
        Some(Cause::Malformed) => format!(
            "what answers {name} at {target} does not speak {}{}: correct the port in \"url\" of \
             \"target\", or its \"http2\"",
            version(&exchange.request),
            quoted(exchange)
        ),
        Some(Cause::TooLarge) => {
            format!("{name} gets an answer larger than allowed: raise \"body\" of \"limits\"")
        }
        cause => {
            let why = cause.map_or("the connection broke", Cause::name);
            format!("{name} got no whole answer: {why}; see the target's log{}", quoted(exchange))
        }
    }
}

/// Whether the other side has begun as HTTP/2 does, with SETTINGS.
fn is_http2(exchange: &FailedExchange) -> bool {
    let response = exchange.response.as_ref();
    response.is_some_and(|response| response.line.starts_with(HTTP2))
}

/// Whether the other side speaks TLS, or says that it should have been spoken.
fn is_tls(exchange: &FailedExchange) -> bool {
    let Some(response) = &exchange.response else { return false };
    let text = [response.line.as_str(), response.body.as_str()].concat().to_lowercase();
    response.line.starts_with(TLS)
        || ["plain http request was sent to https", "http request to an https server"]
            .iter()
            .any(|sign| text.contains(sign))
}

fn status(exchange: &FailedExchange) -> String {
    exchange.status.map_or_else(|| "no status".to_owned(), |status| status.to_string())
}

/// `GET /orders/7` of a request line.
fn line(request: &Wire) -> &str {
    let version = [BY_HTTP1, BY_HTTP2].into_iter().find(|by| request.line.ends_with(by));
    version.and_then(|by| request.line.strip_suffix(by)).unwrap_or(&request.line)
}

/// The version of HTTP of a request line.
fn version(request: &Wire) -> &'static str {
    if request.line.ends_with(BY_HTTP2) { "HTTP/2" } else { "HTTP/1.1" }
}

/// `; the answer: {"error":"no"}`.
fn quoted(exchange: &FailedExchange) -> String {
    let Some(response) = &exchange.response else { return String::new() };
    let text = if response.body.trim().is_empty() { &response.line } else { &response.body };
    let text = excerpt(text, EXCERPT);
    if text.is_empty() { text } else { format!("; the answer: {text}") }
}

/// The name of the field that says who asks.
fn credentials(request: &Wire) -> Option<&str> {
    let names = request.headers.iter().filter_map(|field| field.split_once(':'));
    names.map(|(name, _)| name).find(|name| is_secret(name))
}

fn location(exchange: &FailedExchange) -> Option<&str> {
    let response =
        exchange.response.as_ref().filter(|_| matches!(exchange.status, Some(300..=399)))?;
    let fields = response.headers.iter().filter_map(|field| field.split_once(':'));
    let mut found = fields.filter(|(name, _)| name.eq_ignore_ascii_case("location"));
    found.next().map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::exchange::tests::exchange;
    use crate::record::sample_head;
    use crate::record::walk::{Extracted, WalkedFlow};

    fn step(outcome: Outcome, cause: Option<Cause>, status: Option<u16>, body: &str) -> WalkedStep {
        let mut exchange = exchange(0, 500);
        (exchange.outcome, exchange.cause, exchange.status) = (outcome, cause, status);
        exchange.request.headers.clear();
        exchange.request.line = "GET /a HTTP/1.1".to_owned();
        exchange.response = status.map(|status| Wire {
            line: format!("HTTP/1.1 {status} Oh"),
            body: body.to_owned(),
            ..Wire::default()
        });
        WalkedStep {
            head: sample_head().steps.remove(0),
            exchange: Some(exchange),
            unfilled: Vec::new(),
            extracted: Vec::new(),
            thinking: Duration::ZERO,
            is_left_out: false,
        }
    }

    fn walk(step: WalkedStep) -> Walk {
        let flows = vec![WalkedFlow { name: "f".to_owned(), steps: vec![step] }];
        let target = "http://127.0.0.1:3000".to_owned();
        Walk { scenario: "s".to_owned(), target, flows, died: None }
    }

    #[track_caller]
    fn says(step: WalkedStep, parts: &[&str]) {
        let said = first(&walk(step)).unwrap();
        for part in parts {
            assert!(said.contains(part), "{part:?} is not in {said:?}");
        }
        assert!(said.contains("the step \"a\" (GET /a)"), "{said}");
        assert!(!said.contains('\n') && !said.ends_with('.'), "{said}");
    }

    #[test]
    fn what_works_has_nothing_to_mend() {
        assert_eq!(first(&walk(step(Outcome::Ok, None, Some(200), ""))), None);
    }

    #[test]
    fn each_status_has_its_advice() {
        let client = |status| step(Outcome::ClientError, None, Some(status), "{\"no\":1}");
        says(client(404), &["knows no \"GET /a\" (404)", "\"request\"", "the answer: {\"no\":1}"]);
        says(client(401), &["401", "no credentials", "\"headers\""]);
        says(client(405), &["405", "method"]);
        says(client(422), &["422", "correct what it sends", "{\"no\":1}"]);
        let mut known = client(403);
        let request = &mut known.exchange.as_mut().unwrap().request;
        request.headers = vec!["host: x".to_owned(), "authorization: [redacted]".to_owned()];
        says(known, &["403", "does not accept the \"authorization\""]);
        let mut empty = client(401);
        empty.unfilled = vec!["token".to_owned()];
        says(empty, &["401, as {{token}} in it is empty", "extracts as \"token\""]);
        let failing = step(Outcome::ServerError, None, Some(500), "connect ECONNREFUSED :5432");
        says(failing, &["500; the answer: connect ECONNREFUSED :5432", "database"]);
        says(step(Outcome::Rejected, None, Some(429), ""), &["429", "limit"]);
    }

    #[test]
    fn a_check_that_never_holds_shows_what_came() {
        let unexpected = |status| {
            step(Outcome::CheckFailed, Some(Cause::UnexpectedStatus), Some(status), "hello")
        };
        says(unexpected(204), &["answered with 204", "wants 200", "hello"]);
        let mut moved = unexpected(302);
        let exchange = moved.exchange.as_mut().unwrap();
        exchange.response.as_mut().unwrap().headers = vec!["Location: /login".to_owned()];
        says(moved, &["sent on to /login (302)", "redirects are not followed"]);
        let mut missing =
            step(Outcome::CheckFailed, Some(Cause::ExtractionMissing), Some(200), "{\"t\":1}");
        let one = |name: &str, known| Extracted {
            name: name.to_owned(),
            path: format!("$.{name}"),
            known,
        };
        missing.extracted =
            vec![one("id", Known::Value("7".to_owned())), one("token", Known::Nothing)];
        says(missing, &["$.token for \"token\" is not in the answer", "{\"t\":1}"]);
    }

    #[test]
    fn what_does_not_answer_over_http_is_told_from_what_does_not_answer() {
        let broken = |cause, line: Option<&str>| {
            let mut step = step(Outcome::TransportError, Some(cause), None, "");
            step.exchange.as_mut().unwrap().response =
                line.map(|line| Wire { line: line.to_owned(), ..Wire::default() });
            step
        };
        says(broken(Cause::Malformed, Some("\\x15\\x03\\x01\\x00\\x02")), &["speaks TLS"]);
        says(broken(Cause::Malformed, Some("SSH-2.0-OpenSSH")), &["HTTP/1.1", "SSH-2.0"]);
        says(broken(Cause::Malformed, Some("\\x00\\x00\\x12\\x04")), &["prior-knowledge"]);
        says(broken(Cause::Reset, None), &["connection reset", "TLS", "log"]);
        says(broken(Cause::Refused, None), &["nothing listens at http://127.0.0.1:3000"]);
        says(step(Outcome::Timeout, None, None, ""), &["no answer came within 10s", "\"timeout\""]);
        let refused = step(
            Outcome::ClientError,
            None,
            Some(400),
            "The plain HTTP request was sent to HTTPS port",
        );
        says(refused, &["speaks TLS"]);
    }

    #[test]
    fn a_target_that_ended_is_named_first() {
        let mut walk = walk(step(Outcome::TransportError, Some(Cause::Reset), None, ""));
        walk.died = Some("exit code 1; it last printed:\n  boom".to_owned());
        let said = first(&walk).unwrap();
        assert!(said.starts_with("the target ended when the step \"a\""), "{said}");
        assert!(said.contains("boom"), "{said}");
    }
}
