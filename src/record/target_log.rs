//! What the target's own log says of failing exchanges: a few lines of `target.log`.
//!
//! A line that names a kept exchange by its request id belongs to it; of several, one that
//! looks like an error. Where none does, one that looks like an error and was written while
//! the exchange was under way, if it says when. The first that look like errors are kept
//! besides. The log is the target's: lines are cut, bounded in number, and without what
//! looks like a secret.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::record::exchange::{FailedExchange, shorten};
use crate::record::redaction::masked;
use crate::units::order;

/// The target's own output, in the run folder.
pub const TARGET_LOG: &str = "target.log";
/// How much of it is read; it is written up to 10 MB.
const LOG_BYTES: u64 = 16 << 20;
/// How much of a line is looked at.
const LINE_BYTES: usize = 16 * 1024;
/// How much of a line is quoted.
const QUOTED_BYTES: usize = 700;
/// How many errors are quoted that belong to no exchange.
const OTHERS: usize = 3;
/// How many lines behind an error belong to it, such as where it was thrown.
const BEHIND: usize = 3;
/// How long after the end of an exchange a line may still be about it, in milliseconds.
const AFTER_MS: u64 = 1_000;
/// What an error says of itself, in lower case.
const WORDS: [&str; 9] = [
    "error",
    "exception",
    "fatal",
    "panic",
    "uncaught",
    "unhandled",
    "traceback",
    "segfault",
    "out of memory",
];

/// What is quoted of a target's log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LogExcerpt {
    /// Lines that look like errors.
    pub errors: u64,
    /// Some of them, and lines of kept exchanges, in the order of the log.
    pub quotes: Vec<Quote>,
}

/// A line of the log, and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quote {
    /// Its number, from 1.
    pub line: u64,
    /// The place of the exchange that it belongs to, in the order of the file.
    pub exchange: Option<usize>,
    /// The line, and lines that belong to it.
    pub text: Vec<String>,
}

/// Which exchanges a line may be about.
struct Subjects<'e> {
    by_id: HashMap<&'e [u8], usize>,
    /// What the ids of all requests of the run begin with.
    runs: Vec<&'e [u8]>,
    /// When each was under way, in milliseconds since 1970.
    times: Vec<RangeInclusive<u64>>,
}

impl<'e> Subjects<'e> {
    fn new(exchanges: &'e [FailedExchange], at: &dyn Fn(u64) -> u64) -> Subjects<'e> {
        let ids = exchanges.iter().enumerate().filter_map(|(index, exchange)| {
            exchange.request_id.as_deref().map(|id| (id.as_bytes(), index))
        });
        let times = exchanges.iter().map(|exchange| {
            let sent = exchange.sent_us.unwrap_or(exchange.due_us);
            at(sent)..=at(exchange.ended_us).saturating_add(AFTER_MS)
        });
        let by_id: HashMap<&[u8], usize> = ids.collect();
        let mut runs: Vec<&[u8]> = by_id.keys().filter_map(|id| run_of(id)).collect();
        runs.sort_unstable();
        runs.dedup();
        Subjects { by_id, runs, times: times.collect() }
    }

    /// The exchange whose id stands in a line.
    fn named(&self, line: &[u8]) -> Option<usize> {
        line.split(|byte| !is_of_id(*byte)).find_map(|word| self.by_id.get(word).copied())
    }

    /// Whether a line is about a request that was not kept.
    fn is_of_another(&self, line: &[u8]) -> bool {
        let mut words = line.split(|byte| !is_of_id(*byte));
        words.any(|word| run_of(word).is_some_and(|run| self.runs.contains(&run)))
    }

    /// The exchanges that were under way when a line was written.
    fn during(&self, unix_ms: u64) -> impl Iterator<Item = usize> {
        let is_in = move |(_, time): &(usize, &RangeInclusive<u64>)| time.contains(&unix_ms);
        self.times.iter().enumerate().filter(is_in).map(|(index, _)| index)
    }
}

fn is_of_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_".contains(&byte)
}

/// What an id that loadgate gave has in common with all others of its run.
fn run_of(id: &[u8]) -> Option<&[u8]> {
    (id.len() == 36 && id[8] == b'-').then(|| &id[..8])
}

/// How well a line fits an exchange; the best one is kept, of equals the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    AtTheTime,
    Named,
    NamedError,
}

/// Reads a log for what it says of exchanges.
pub fn read(
    log: impl Read,
    exchanges: &[FailedExchange],
    at: &dyn Fn(u64) -> u64,
) -> io::Result<LogExcerpt> {
    let subjects = Subjects::new(exchanges, at);
    let mut search = Search { best: vec![None; exchanges.len()], ..Search::default() };
    let mut lines = BufReader::new(log.take(LOG_BYTES)).split(b'\n');
    let mut number = 0;
    while let Some(line) = lines.next().transpose()? {
        number += 1;
        search.take(number, &line[..line.len().min(LINE_BYTES)], &subjects);
    }
    Ok(search.excerpt())
}

#[derive(Default)]
struct Search {
    errors: u64,
    best: Vec<Option<(Fit, Quote)>>,
    others: Vec<Quote>,
    /// The latest error: what it belongs to, and how many lines may still follow it.
    open: Option<(u64, usize)>,
}

impl Search {
    fn take(&mut self, number: u64, line: &[u8], subjects: &Subjects<'_>) {
        if let Some((error, left)) = self.open.take()
            && line.starts_with(b" ")
        {
            if left > 0 {
                self.extend(error, line);
            }
            self.open = Some((error, left.saturating_sub(1)));
            return;
        }
        let is_error = looks_like_an_error(line);
        if is_error {
            self.errors += 1;
            self.open = Some((number, BEHIND));
        }
        let quote = |exchange| Quote { line: number, exchange, text: told(line, is_error) };
        if let Some(index) = subjects.named(line) {
            let fit = if is_error { Fit::NamedError } else { Fit::Named };
            return self.offer(index, fit, quote(Some(index)));
        }
        if !is_error {
            return;
        }
        let at = written_at(line).filter(|_| !subjects.is_of_another(line));
        for index in at.into_iter().flat_map(|at| subjects.during(at)) {
            self.offer(index, Fit::AtTheTime, quote(Some(index)));
        }
        if self.others.len() < OTHERS {
            self.others.push(quote(None));
        }
    }

    fn offer(&mut self, index: usize, fit: Fit, quote: Quote) {
        let best = &mut self.best[index];
        if best.as_ref().is_none_or(|(known, _)| *known < fit) {
            *best = Some((fit, quote));
        }
    }

    fn extend(&mut self, error: u64, line: &[u8]) {
        let quotes = self.best.iter_mut().flatten().map(|(_, quote)| quote);
        for quote in quotes.chain(&mut self.others).filter(|quote| quote.line == error) {
            quote.text.push(quoted(line));
        }
    }

    fn excerpt(self) -> LogExcerpt {
        let mut quotes: Vec<Quote> =
            self.best.into_iter().flatten().map(|(_, quote)| quote).collect();
        for other in self.others {
            if quotes.iter().all(|quote| quote.line != other.line) {
                quotes.push(other);
            }
        }
        order::by_key(&mut quotes, |quote| (quote.line, quote.exchange));
        LogExcerpt { errors: self.errors, quotes }
    }
}

/// By its level, as pino and others write it in JSON; without one, by its words.
fn looks_like_an_error(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line).to_ascii_lowercase();
    if let Some(level) = level(&text) {
        return level;
    }
    WORDS.iter().any(|word| text.contains(word))
}

/// Whether the level in a JSON line is that of an error; `None` if it has none.
fn level(text: &str) -> Option<bool> {
    let value = field(text, "level")?;
    if let Some(number) = number(value) {
        return Some(number >= 50);
    }
    let word = value.strip_prefix('"')?;
    Some(["err", "fatal", "crit", "alert", "emerg", "panic"].iter().any(|w| word.starts_with(w)))
}

/// When a JSON line says that it was written, in milliseconds since 1970.
fn written_at(line: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(line);
    number(field(&text, "time").or_else(|| field(&text, "timestamp"))?)
}

/// What follows the first key of that name in a JSON line.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let text = text.trim_start().strip_prefix('{')?;
    let (_, behind) = text.split_once(&format!("\"{name}\""))?;
    Some(behind.trim_start().strip_prefix(':')?.trim_start())
}

fn number(value: &str) -> Option<u64> {
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    value[..digits].parse().ok()
}

/// An error that is JSON by its message and where it was thrown, all else as it stands.
fn told(line: &[u8], is_error: bool) -> Vec<String> {
    let json = is_error.then(|| serde_json::from_slice::<Value>(line).ok()).flatten();
    let Some(json) = json else { return vec![quoted(line)] };
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let error = ["err", "error", "exception"].iter().find_map(|key| json.get(key));
    let stack = error.and_then(|error| text(error, "stack")).or_else(|| text(&json, "stack"));
    let inner = error.and_then(|error| text(error, "message"));
    let message = text(&json, "msg").or_else(|| text(&json, "message"));
    let stack = stack.or(inner).unwrap_or_default();
    let message = message.filter(|message| !stack.contains(message.as_str()));
    let lines = message.iter().flat_map(|text| text.lines()).chain(stack.lines());
    let told: Vec<String> = lines.take(1 + BEHIND).map(|line| quoted(line.as_bytes())).collect();
    if told.is_empty() { vec![quoted(line)] } else { told }
}

fn quoted(line: &[u8]) -> String {
    let mut text = masked(&String::from_utf8_lossy(line));
    let is_long = text.len() > QUOTED_BYTES;
    shorten(&mut text, QUOTED_BYTES);
    if is_long {
        text.push('…');
    }
    text.retain(|c| !c.is_control());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::exchange::tests::exchange;

    const STARTED: u64 = 1_767_225_600_000;

    fn excerpt(lines: &[&str]) -> LogExcerpt {
        let other = FailedExchange {
            request_id: Some("other-id".to_owned()),
            due_us: 9_000_000,
            sent_us: None,
            ended_us: 9_500_000,
            ..exchange(0, 404)
        };
        read(lines.join("\n").as_bytes(), &[exchange(0, 500), other], &|at| STARTED + at / 1_000)
            .unwrap()
    }

    #[track_caller]
    fn check(lines: &[&str], errors: u64, expected: &[(u64, Option<usize>)]) {
        let excerpt = excerpt(lines);
        let found: Vec<_> = excerpt.quotes.iter().map(|q| (q.line, q.exchange)).collect();
        assert_eq!((excerpt.errors, found.as_slice()), (errors, expected), "{lines:?}");
    }

    #[test]
    fn the_line_with_the_id_is_quoted_and_rather_one_that_is_an_error() {
        let id = exchange(0, 500).request_id.unwrap();
        let came = format!(r#"{{"level":30,"reqId":"{id}","msg":"incoming"}}"#);
        let failed = format!(r#"{{"level":50,"reqId":"{id}","err":{{"message":"x"}}}}"#);
        check(&["started", &came, &failed, &failed], 2, &[(3, Some(0))]);
        check(&[&came, "an error of nobody"], 1, &[(1, Some(0)), (2, None)]);
        check(&["GET /a 404 other-id"], 0, &[(1, Some(1))]);
        check(&["other-id-2 no-other-id"], 0, &[]);
    }

    #[test]
    fn without_an_id_the_time_tells() {
        let line = |ms: u64| format!(r#"{{"level":50,"time":{},"msg":"x"}}"#, STARTED + ms);
        check(&[&line(1_400), &line(1_600)], 2, &[(1, None), (2, Some(0))]);
        check(&[&line(9_200)], 1, &[(1, Some(1))]);
        let other = r#""id":"00c0ffee-0000-8000-8000-0000000000ff""#;
        let of_another = line(9_200).replace(r#""msg""#, &format!(r#"{other},"msg""#));
        check(&[&of_another], 1, &[(1, None)]);
    }

    #[test]
    fn errors_are_known_by_their_level_or_their_words_and_keep_where_they_were_thrown() {
        for (line, is_error) in [
            (r#"{"level":30,"msg":"error page sent"}"#, false),
            (r#"{"level":"error","msg":"x"}"#, true),
            (r#"{"level":"INFO","msg":"x"}"#, false),
            (r#"{"level":60}"#, true),
            ("TypeError: x is not a function", true),
            ("java.lang.RuntimeException", true),
            ("listening on 3000", false),
        ] {
            assert_eq!(looks_like_an_error(line.as_bytes()), is_error, "{line}");
        }
        let stack = r#"{"level":50,"err":{"message":"x","stack":"Error: x\n    at b"},"msg":"no"}"#;
        assert_eq!(excerpt(&[stack]).quotes[0].text, ["no", "Error: x", "    at b"]);
        let lines = ["TypeError: x", "    at error.js:1", "    at b", "    at c", "    at d", "ok"];
        let excerpt = excerpt(&lines);
        assert_eq!((excerpt.errors, excerpt.quotes.len()), (1, 1));
        assert_eq!(excerpt.quotes[0].text, lines[..4]);
    }

    #[test]
    fn a_flood_of_errors_is_counted_and_quoted_in_part_without_secrets() {
        let line = format!("Error: password='hunter22' \u{1b}[31m{}", "x".repeat(5_000));
        let excerpt = excerpt(&vec![line.as_str(); 1_000]);
        assert_eq!((excerpt.errors, excerpt.quotes.len()), (1_000, OTHERS));
        let text = &excerpt.quotes[0].text[0];
        assert!(text.starts_with("Error: password='[redacted]' [31mxx"), "{text}");
        assert!(text.len() < QUOTED_BYTES + 10);
    }
}
