//! What failing requests looked like, word by word: `>` marks what was sent, `<` what came
//! back.

use crate::analysis::failures::{Example, FailedKind, FailuresSeen};
use crate::record::exchange::{FailedExchange, Wire};
use crate::record::outcome::Outcome;
use crate::record::target_log::{Quote, TARGET_LOG};
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::text::Text;
use crate::report::document::{Block, Excerpt, Section, Transcript};
use crate::report::{figures, plain};

/// How much of an exchange is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// All that was kept.
    Full,
    /// Without the fields that say least, and the first lines of bodies.
    Short,
}

/// Lines of a body that are shown in short.
const SHORT_BODY: usize = 4;

/// Kinds of failures that are written out in a test case.
const KINDS: usize = 12;

/// A transcript for each kind of failure, and what the target's own log says. `has_log`:
/// whether that log lies beside the report.
pub(super) fn section(seen: &FailuresSeen, has_log: bool) -> Section<'static> {
    let section = Section::new("Failed exchanges, the first of each kind");
    if seen.kinds.is_empty() && !has_errors(seen) {
        return section;
    }
    let kinds = seen.kinds.iter().map(transcript).collect();
    let section = section.with(Block::Transcripts(kinds));
    let Some(errors) = log_errors(seen) else { return section };
    let note = Block::Note(errors.clone().into());
    let section = if has_log {
        let with_link = Block::FileNote(errors.into(), TARGET_LOG);
        section
            .with_shown(with_link, Shown::Only(Medium::Page))
            .with_shown(note, Shown::NotOn(Medium::Page))
    } else {
        section.with(note)
    };
    section.with(Block::Quote(kept(&other_log(seen))))
}

fn has_errors(seen: &FailuresSeen) -> bool {
    seen.log_errors.is_some_and(|errors| errors > 0)
}

fn transcript(kind: &FailedKind) -> Transcript {
    Transcript { title: title(kind).into(), examples: kind.examples.iter().map(excerpt).collect() }
}

fn excerpt(example: &Example) -> Excerpt {
    Excerpt {
        caption: moment(&example.exchange).into(),
        full: kept(&lines(&example.exchange, Detail::Full)),
        short: kept(&lines(&example.exchange, Detail::Short)),
        log: kept(&log(example)),
    }
}

fn kept(lines: &[String]) -> Vec<Text> {
    lines.iter().map(|line| Text::kept(line)).collect()
}

/// The same for what a test case prints.
pub(super) fn printed(seen: &FailuresSeen) -> Vec<Text> {
    let mut printed = Vec::new();
    for kind in seen.kinds.iter().take(KINDS) {
        let Some(example) = kind.examples.first() else { continue };
        printed.push(format!("failed: {}", title(kind)));
        printed.push(moment(&example.exchange));
        printed.extend(lines(&example.exchange, Detail::Short));
        printed.extend(log(example));
    }
    printed.extend(log_errors(seen).filter(|_| has_errors(seen)));
    printed.extend(other_log(seen));
    kept(&printed)
}

/// `show order: client error, status 404, 16 requests`.
fn title(kind: &FailedKind) -> String {
    let status = kind.status.map(|status| format!("status {status}"));
    let cause = kind.cause.map(ToOwned::to_owned);
    let number = figures::count(kind.requests);
    let requests = format!("{number} request{}", if kind.requests == 1 { "" } else { "s" });
    let details = [Some(kind.outcome.name().to_owned()), status, cause, Some(requests)];
    let details: Vec<String> = details.into_iter().flatten().collect();
    format!("{}: {}", plain::line(&kind.step), details.join(", "))
}

/// When it was, and what finds it elsewhere.
fn moment(exchange: &FailedExchange) -> String {
    let due = exchange.due_us as f64 / 1e6;
    let took = exchange.ended_us.saturating_sub(exchange.due_us) as f64 / 1e3;
    let warmup = if exchange.warmup { " (warm-up)" } else { "" };
    let end = match exchange.outcome {
        Outcome::Timeout => "given up",
        _ => "ended",
    };
    let sent = if exchange.sent_us.is_none() { ", never sent" } else { "" };
    let id = exchange.request_id.as_deref().map(|id| format!(", id {}", plain::line(id)));
    let took = figures::millis(took);
    format!("due at {due:.3} s{warmup}, {end} after {took}{sent}{}", id.unwrap_or_default())
}

/// What was sent and what came back.
pub(super) fn lines(exchange: &FailedExchange, detail: Detail) -> Vec<String> {
    let mut lines = wire("> ", &exchange.request, detail);
    match &exchange.response {
        Some(response) => lines.extend(wire("< ", response, detail)),
        None => lines.push("< (no answer was kept)".to_owned()),
    }
    if exchange.response.is_none() && exchange.status.is_none() {
        let _ = lines.pop();
        let why = exchange.cause.map_or("none in time", |cause| cause.name());
        lines.push(format!("< no answer: {why}"));
    }
    let check = exchange.check.as_deref();
    lines.extend(check.map(|check| format!("= does not hold: {}", plain::line(check))));
    lines
}

/// What the target's log says of an exchange.
fn log(example: &Example) -> Vec<String> {
    example.log.iter().flat_map(quote).collect()
}

/// What the target's log says besides.
fn other_log(seen: &FailuresSeen) -> Vec<String> {
    seen.log.iter().flat_map(quote).collect()
}

/// How many lines of the log look like errors, if there is a log.
fn log_errors(seen: &FailuresSeen) -> Option<String> {
    let errors = seen.log_errors?;
    Some(match errors {
        0 => format!("no line of {TARGET_LOG} looks like an error"),
        1 => format!("one line of {TARGET_LOG} looks like an error"),
        many => format!("{} lines of {TARGET_LOG} look like errors", figures::count(many)),
    })
}

fn quote(quote: &Quote) -> Vec<String> {
    let number = figures::count(quote.line);
    let leads = std::iter::once(format!("{TARGET_LOG} line {number}: "));
    let leads = leads.chain(std::iter::repeat("  ".to_owned()));
    leads.zip(&quote.text).map(|(lead, text)| lead + &plain::kept(text)).collect()
}

fn wire(mark: &str, wire: &Wire, detail: Detail) -> Vec<String> {
    let mut lines = vec![format!("{mark}{}", plain::kept(&wire.line))];
    let fields = wire.headers.iter().filter(|field| detail == Detail::Full || says_much(field));
    lines.extend(fields.map(|field| format!("{mark}{}", plain::kept(field))));
    let bytes = figures::bytes(wire.body_bytes as f64);
    if let Some(why) = &wire.hidden {
        lines.push(format!("{mark}({}, {bytes}, not shown)", plain::line(why)));
        return lines;
    }
    let body: Vec<&str> = wire.body.lines().collect();
    let shown = if detail == Detail::Full { body.len() } else { body.len().min(SHORT_BODY) };
    if shown > 0 {
        lines.push(mark.trim_end().to_owned());
    }
    lines.extend(body[..shown].iter().map(|line| format!("{mark}{}", plain::kept(line))));
    if shown < body.len() || wire.is_cut {
        lines.push(format!("{mark}… ({bytes} of body in all)"));
    }
    lines
}

/// Fields that every message has say nothing of a failure.
fn says_much(field: &str) -> bool {
    const EVERYWHERE: [&str; 9] = [
        "host",
        "user-agent",
        "x-request-id",
        "content-length",
        "date",
        "connection",
        "keep-alive",
        "transfer-encoding",
        "accept",
    ];
    let name = field.split(':').next().unwrap_or_default().trim();
    !EVERYWHERE.iter().any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::runs;

    #[test]
    fn an_exchange_reads_as_it_was_on_the_wire() {
        let run = runs::failing();
        let kind = &run.assessment.failures.kinds[0];
        assert_eq!(title(kind), "show order: server error, status 500, 700 requests");
        let example = &kind.examples[0];
        assert_eq!(
            moment(&example.exchange),
            "due at 12.345 s, ended after 9.20 ms, id 00c0ffee-0001-8000-8000-00000000002a"
        );
        assert_eq!(
            lines(&example.exchange, Detail::Short),
            [
                "> GET /orders/7 HTTP/1.1",
                "> authorization: [redacted]",
                "< HTTP/1.1 500 Internal Server Error",
                "< content-type: text/plain",
                "<",
                "< TypeError: Cannot read properties of undefined (reading 'id')",
                "<     at show (orders.js:41:11)",
            ]
        );
        assert!(lines(&example.exchange, Detail::Full).contains(&"> host: api:3000".to_owned()));
        assert_eq!(log(example).len(), 2);
        let errors = log_errors(&run.assessment.failures).unwrap();
        assert_eq!(errors, "703 lines of target.log look like errors");
    }

    #[test]
    fn what_did_not_come_or_cannot_be_shown_is_said() {
        let run = runs::failing();
        let mut exchange = run.assessment.failures.kinds[0].examples[0].exchange.clone();
        let response = exchange.response.as_mut().unwrap();
        response.hidden = Some("gzip".to_owned());
        response.body_bytes = 2_000;
        assert_eq!(lines(&exchange, Detail::Full).last().unwrap(), "< (gzip, 2 kB, not shown)");
        exchange.response = None;
        assert_eq!(lines(&exchange, Detail::Full).last().unwrap(), "< (no answer was kept)");
        exchange.status = None;
        assert_eq!(lines(&exchange, Detail::Full).last().unwrap(), "< no answer: none in time");
    }
}
