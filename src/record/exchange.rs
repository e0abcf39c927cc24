//! Failing exchanges as they were on the wire: the first few of each kind.
//!
//! A kind is a step, an outcome, a cause, a status, and whether it was warm-up. The engine
//! writes them as they come, already without secrets and control characters; reports show
//! them. Counts are elsewhere: this is what one of the counted looked like. Numbers and
//! sizes are bounded by the constants here, in memory as in the file.

use std::io::{self, BufRead, BufReader, Read};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::outcome::{Cause, Outcome};

/// The version of its lines.
pub const VERSION: u32 = 1;
/// Bytes of a head that are kept.
pub const HEAD_BYTES: usize = 2 * 1024;
/// Bytes of a body that are kept.
pub const BODY_BYTES: usize = 1024;
/// How many of a kind are kept.
const OF_A_KIND: u8 = 3;
/// How many of a step are kept.
const OF_A_STEP: usize = 12;
/// How many are kept in all, besides the first of each step.
const IN_ALL: usize = 64;
/// How many are kept at the very most.
const AT_MOST: usize = 256;
/// How much of a file is read: more than those could take.
const FILE_BYTES: u64 = 8 << 20;

/// One failing exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedExchange {
    /// Version of this form: 1.
    pub version: u32,
    /// The index of its step.
    pub step: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, where the outcome alone does not say.
    #[serde(default)]
    pub cause: Option<Cause>,
    /// The check that did not hold, as the scenario has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// The status of the answer, if one came.
    #[serde(default)]
    pub status: Option<u16>,
    /// Whether it was due in a declared warm-up.
    #[serde(default)]
    pub warmup: bool,
    /// When it should have been sent, in microseconds since the start of the schedule.
    pub due_us: u64,
    /// When it was sent; null if it never had a connection.
    #[serde(default)]
    pub sent_us: Option<u64>,
    /// When it ended or was given up.
    pub ended_us: u64,
    /// What finds it in the target's own log.
    #[serde(default)]
    pub request_id: Option<String>,
    /// What was to be sent.
    pub request: Wire,
    /// What came of an answer; null if nothing was kept.
    #[serde(default)]
    pub response: Option<Wire>,
}

/// One direction of an exchange: the start of it, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Wire {
    /// The request line or the status line; of what is not HTTP, its first line.
    pub line: String,
    /// `name: value`.
    #[serde(default)]
    pub headers: Vec<String>,
    /// The start of the body. Bytes that are no text stand as `\xNN`.
    #[serde(default)]
    pub body: String,
    /// Why no body is shown: how it is encoded, or `binary`.
    #[serde(default)]
    pub hidden: Option<String>,
    /// Bytes of the whole body, as far as it was sent or received.
    #[serde(default)]
    pub body_bytes: u64,
    /// Whether more was there than is kept.
    #[serde(default)]
    pub is_cut: bool,
}

/// What makes two failures the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The index of the step.
    pub step: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Why.
    pub cause: Option<Cause>,
    /// The status of the answer.
    pub status: Option<u16>,
    /// Whether it was due in a declared warm-up.
    pub warmup: bool,
}

impl FailedExchange {
    /// What it has in common with others.
    pub fn kind(&self) -> Kind {
        let FailedExchange { step, outcome, cause, status, warmup, .. } = *self;
        Kind { step, outcome, cause, status, warmup }
    }

    /// The second in which it was due.
    pub fn second(&self) -> u32 {
        u32::try_from(self.due_us / 1_000_000).unwrap_or(u32::MAX)
    }

    /// Its line of the file.
    pub fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("plain data always serializes");
        line.push(b'\n');
        line
    }
}

/// Decides which failures are still wanted.
#[derive(Debug, Clone, Default)]
pub struct Admission {
    kinds: Vec<(Kind, u8)>,
    all: usize,
}

impl Admission {
    /// Whether one more of a kind is wanted. If so, it is counted.
    pub fn admit(&mut self, kind: Kind) -> bool {
        if !self.wants(kind) {
            return false;
        }
        match self.kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, number)) => *number += 1,
            None => self.kinds.push((kind, 1)),
        }
        self.all += 1;
        true
    }

    fn wants(&self, kind: Kind) -> bool {
        let known = self.kinds.iter().find(|(known, _)| *known == kind);
        if known.is_some_and(|(_, number)| *number >= OF_A_KIND) {
            return false;
        }
        let of_step = self.of_step(kind.step);
        let is_first = of_step == 0 && self.all < AT_MOST;
        is_first || (of_step < OF_A_STEP && self.all < IN_ALL)
    }

    /// Whether one of a step, of whatever kind, can still be wanted.
    pub fn is_open(&self, step: u16) -> bool {
        if self.all < IN_ALL {
            return self.all < OF_A_STEP || self.of_step(step) < OF_A_STEP;
        }
        self.all < AT_MOST && self.of_step(step) == 0
    }

    fn of_step(&self, step: u16) -> usize {
        let of_it = self.kinds.iter().filter(|(known, _)| known.step == step);
        of_it.map(|(_, number)| usize::from(*number)).sum()
    }
}

/// Reads the lines of a file. What cannot be understood, or is of no step of the run, is
/// passed over: the figures do not depend on it, and a killed run's last line may be torn.
pub fn read(file: impl Read, steps: usize) -> io::Result<Vec<FailedExchange>> {
    let mut admission = Admission::default();
    let mut all = Vec::new();
    for line in BufReader::new(file.take(FILE_BYTES)).split(b'\n') {
        let Ok(exchange) = serde_json::from_slice::<FailedExchange>(&line?) else { continue };
        let is_known = exchange.version == VERSION && usize::from(exchange.step) < steps;
        if is_known && admission.admit(exchange.kind()) {
            all.push(bounded(exchange));
        }
    }
    Ok(all)
}

/// A file may say anything.
fn bounded(mut exchange: FailedExchange) -> FailedExchange {
    for wire in std::iter::once(&mut exchange.request).chain(&mut exchange.response) {
        // Escaped, a byte takes up to four letters.
        shorten(&mut wire.line, 4 * HEAD_BYTES);
        wire.headers.truncate(HEAD_BYTES / 2);
        wire.headers.iter_mut().for_each(|header| shorten(header, 4 * HEAD_BYTES));
        shorten(&mut wire.body, 4 * BODY_BYTES);
        wire.hidden.iter_mut().for_each(|why| shorten(why, 100));
    }
    exchange.check.iter_mut().for_each(|check| shorten(check, 4 * BODY_BYTES));
    exchange.request_id.iter_mut().for_each(|id| shorten(id, 200));
    exchange
}

/// Cuts a text to at most so many bytes, between two letters.
pub fn shorten(text: &mut String, most: usize) {
    if text.len() > most {
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
    }
}

/// The JSON Schema of a line.
pub fn schema() -> serde_json::Value {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/exchange.schema.json.deflate"));
    crate::scenario::schema::checked_in(packed, || schemars::schema_for!(FailedExchange).to_value())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn exchange(step: u16, status: u16) -> FailedExchange {
        FailedExchange {
            version: VERSION,
            step,
            outcome: Outcome::ServerError,
            cause: None,
            check: None,
            status: Some(status),
            warmup: false,
            due_us: 1_500_000,
            sent_us: Some(1_500_100),
            ended_us: 1_512_000,
            request_id: Some("00c0ffee-0000-8000-8000-000000000001".to_owned()),
            request: Wire { line: "GET /a HTTP/1.1".to_owned(), ..Wire::default() },
            response: Some(Wire {
                line: format!("HTTP/1.1 {status} No"),
                headers: vec!["content-type: application/json".to_owned()],
                body: r#"{"error":"no"}"#.to_owned(),
                body_bytes: 14,
                ..Wire::default()
            }),
        }
    }

    fn admitted(admission: &mut Admission, kinds: impl IntoIterator<Item = (u16, u16)>) -> usize {
        let admit = |(step, status)| admission.admit(exchange(step, status).kind());
        kinds.into_iter().map(admit).filter(|admitted| *admitted).count()
    }

    #[test]
    fn the_first_three_of_a_kind_are_kept_and_one_step_cannot_take_the_place_of_another() {
        let mut admission = Admission::default();
        assert_eq!(admitted(&mut admission, [(0, 500); 9]), 3);
        assert_eq!(admitted(&mut admission, [(0, 503); 9]), 3);
        assert!(admission.is_open(0));
        assert_eq!(admitted(&mut admission, (504..600).map(|status| (0, status))), 6);
        assert!(!admission.is_open(0) && admission.is_open(1));
        let many = (1..50).flat_map(|step| (500..520).map(move |status| (step, status)));
        assert_eq!(admitted(&mut admission, many), 52 + 44, "and the first of each step");
        assert!(!admission.is_open(3) && admission.is_open(999));
        assert_eq!(admitted(&mut admission, (1_000..2_000).map(|step| (step, 500))), 148);
        assert!(!admission.is_open(3_000));
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_what_is_torn_or_foreign_is_passed_over() {
        let mut lines = exchange(0, 500).line();
        lines.extend_from_slice(b"{\"version\":1}\nnonsense\n\xff\xfe\n");
        lines.extend(exchange(7, 500).line());
        lines.extend(FailedExchange { version: 2, ..exchange(0, 500) }.line());
        lines.extend(exchange(1, 404).line());
        let torn = exchange(1, 404).line();
        lines.extend_from_slice(&torn[..torn.len() / 2]);
        let read = read(lines.as_slice(), 2).unwrap();
        assert_eq!(read, [exchange(0, 500), exchange(1, 404)]);
    }

    #[test]
    fn a_file_of_any_size_gives_no_more_than_a_run_could_have_written() {
        let mut large = exchange(0, 500);
        large.request.line = "é".repeat(100_000);
        large.request.headers = vec!["a: b".to_owned(); 100_000];
        let lines: Vec<u8> = std::iter::repeat_with(|| large.line()).take(30).flatten().collect();
        let read = read(lines.as_slice(), 1).unwrap();
        assert_eq!(read.len(), 3);
        assert!(read[0].request.line.len() <= 4 * HEAD_BYTES);
        assert!(read[0].request.headers.len() <= HEAD_BYTES);
    }
}
