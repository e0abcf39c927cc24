//! What failing requests looked like: raw on the worker's side, fit to be kept on the
//! collector's.
//!
//! A worker copies bytes of the few failures that are still wanted and does nothing for a
//! request that ends ok in one read. Of a walk it keeps every exchange, and what its user knows
//! afterwards. The [`Clerk`] turns them into a
//! [`FailedExchange`] on the collector's thread: without secrets, and without bytes that a
//! terminal would obey. Nothing raw is stored.

use std::mem;
use std::sync::Arc;

use crate::engine::checks::Known;
use crate::engine::parts::{Parts, RAW_BYTES, harmless, keep_start, readable};
use crate::engine::plan::Purpose;
use crate::record::exchange::{Admission, FailedExchange, Kind, VERSION};
use crate::record::outcome::Outcome;
use crate::record::redaction::{Redaction, is_secret};
use crate::record::sample::Sample;
use crate::record::walk;
use crate::scenario::data::Taker;
use crate::scenario::data::table::Cell;
use crate::scenario::ids::{CellId, SourceId};
use crate::scenario::model::{Scenario, Step, VariableId};
use crate::scenario::template::{Piece, Template, Value};
use crate::units::Moment;

/// Bytes of a value that are shown.
const VALUE_BYTES: usize = 200;

/// The failures of one worker.
#[derive(Debug)]
pub struct Witness {
    clerk: Arc<Clerk>,
    admission: Admission,
    purpose: Purpose,
    warmup: Moment,
    waiting: Vec<Testimony>,
}

/// A failure as a worker saw it.
#[derive(Debug)]
pub struct Testimony {
    clerk: Arc<Clerk>,
    kind: Kind,
    due: Moment,
    sent: Option<Moment>,
    ended: Moment,
    request: Vec<u8>,
    request_bytes: usize,
    heard: Vec<u8>,
    check: Option<usize>,
    said: Option<String>,
    body_bytes: u64,
    secrets: Vec<String>,
    /// What its user knows, by variable; of a walk only.
    known: Vec<Value>,
}

/// What an exchange was on the wire, and which check of its step did not hold.
#[derive(Debug)]
pub struct Wires<'w> {
    /// What went out.
    pub request: &'w [u8],
    /// How the answer began.
    pub heard: Vec<u8>,
    /// The check's place.
    pub check: Option<usize>,
    /// What exactly was wrong, where that check alone does not say.
    pub said: Option<String>,
    /// The cookies of who asked, which are secrets.
    pub cookies: Vec<String>,
}

/// Keeps the start of an answer that will not be whole and right after one read.
/// The status is that of an answer that is whole; what a step extracts may still be missing.
pub fn hear(heard: &mut Vec<u8>, bytes: &[u8], step: &Step, status: Option<u16>) {
    if !is_plain(step, status) {
        keep_start(heard, bytes);
    }
}

/// Whether an answer is plainly right, as its status tells if it is whole.
pub fn is_plain(step: &Step, status: Option<u16>) -> bool {
    let is_expected = status.is_some_and(|status| step.expect.accepts(status));
    let is_looked_at = !step.extract.is_empty()
        || !step.checks.is_empty()
        || step.kind.is_stream()
        || step.course.redirects > 0;
    is_expected && !is_looked_at
}

impl Witness {
    /// A worker's.
    pub fn new(scenario: &Scenario, purpose: Purpose) -> Witness {
        Witness {
            clerk: Arc::new(Clerk::new(scenario)),
            admission: Admission::default(),
            purpose,
            warmup: Moment(scenario.load.warmup().as_nanos() as u64),
            waiting: Vec::new(),
        }
    }

    /// Whether a request that ended so is to be kept.
    pub fn wants(&mut self, sample: &Sample) -> Option<Kind> {
        let is_walk = self.purpose.is_walk();
        // What was never sent was no exchange.
        if matches!(sample.outcome, Outcome::Ok | Outcome::Unsent) && !is_walk {
            return None;
        }
        let kind = Kind {
            step: sample.step.0,
            outcome: sample.outcome,
            cause: sample.cause,
            status: sample.status,
            warmup: sample.intended < self.warmup,
        };
        (is_walk || self.admission.admit(kind)).then_some(kind)
    }

    /// Keeps a failure: how the request went out, how its answer began, and what its user knows.
    pub fn keep(
        &mut self,
        kind: Kind,
        sample: &Sample,
        Wires { request, heard, check, said, cookies }: Wires<'_>,
        known: Known<'_>,
    ) {
        self.waiting.push(Testimony {
            kind,
            due: sample.intended,
            sent: sample.sent,
            ended: sample.ended,
            request: request[..request.len().min(RAW_BYTES)].to_vec(),
            request_bytes: request.len(),
            heard,
            check,
            said,
            body_bytes: sample.body_bytes,
            secrets: [self.clerk.values(known), cookies].concat(),
            known: if self.purpose.is_walk() { known.variables.to_vec() } else { Vec::new() },
            clerk: Arc::clone(&self.clerk),
        });
    }

    /// What has been kept since the last time.
    pub fn take(&mut self) -> Vec<Testimony> {
        mem::take(&mut self.waiting)
    }
}

/// Knows what must not be written down.
#[derive(Debug)]
pub struct Clerk {
    redaction: Redaction,
    /// Extracted values that are secrets, by their name or by where they are sent.
    variables: Vec<VariableId>,
    /// The same of values of rows.
    cells: Vec<CellId>,
    /// The field with the request's id.
    id_field: String,
    /// The checks of each step, as people read them.
    checks: Vec<Vec<String>>,
}

impl Clerk {
    fn new(scenario: &Scenario) -> Clerk {
        let headers = scenario.steps.iter().flat_map(|step| &step.request.headers);
        let secret = || headers.clone().filter(|(name, _)| is_secret(name));
        let mut variables: Vec<VariableId> =
            secret().flat_map(|(_, template)| used(template)).collect();
        let named = scenario.variables.iter().enumerate().filter(|(_, name)| is_secret(name));
        variables.extend(named.map(|(index, _)| VariableId(index as u16)));
        let mut cells: Vec<CellId> =
            secret().flat_map(|(_, template)| used_cells(template)).collect();
        cells.extend(secret_columns(scenario));
        cells.sort_unstable();
        cells.dedup();
        Clerk {
            redaction: Redaction::new(&scenario.secrets),
            variables,
            cells,
            checks: scenario.steps.iter().map(texts).collect(),
            id_field: scenario.target.request_id.clone().unwrap_or_else(|| "x-request-id".into()),
        }
    }

    fn check(&self, step: u16, place: usize) -> Option<&str> {
        self.checks.get(usize::from(step))?.get(place).map(String::as_str)
    }

    fn values(&self, known: Known<'_>) -> Vec<String> {
        let values = self.variables.iter().filter_map(|id| known.variables.get(id.index()));
        let values = values.map(|(Value::Text(text) | Value::Json(text))| text.as_str());
        let taker = Taker { user: known.user, iteration: known.iteration };
        let cells = self.cells.iter().filter_map(|id| known.rows.cell(*id, taker));
        let cells = cells.map(|(Cell::Text(text) | Cell::Json(text))| text);
        values.chain(cells).map(str::to_owned).collect()
    }
}

/// The text of a check as it may be kept.
fn shown_check(text: &str, said: Option<&str>, redaction: &Redaction) -> String {
    let text = harmless(text, VALUE_BYTES);
    let Some(said) = said else { return text };
    // What the target says may be of several lines, and is told on one.
    let said = redaction.text(redaction.whole_part(said)).replace(['\n', '\r', '\t'], " ");
    format!("{text}: {}", harmless(&said, VALUE_BYTES))
}

/// The checks of a step.
fn texts(step: &Step) -> Vec<String> {
    step.checks.iter().map(|check| check.text.clone()).collect()
}

/// The extracted values that a text is filled in with.
pub fn used(template: &Template) -> impl Iterator<Item = VariableId> {
    template.all_pieces().filter_map(|piece| match piece {
        Piece::Variable(id) => Some(*id),
        _ => None,
    })
}

/// The values of rows that a text is filled in with.
fn used_cells(template: &Template) -> impl Iterator<Item = CellId> {
    template.all_pieces().filter_map(|piece| match piece {
        Piece::Cell(id) => Some(*id),
        _ => None,
    })
}

/// The columns whose names say that their values are secrets.
fn secret_columns(scenario: &Scenario) -> impl Iterator<Item = CellId> {
    scenario.data.sources.iter().enumerate().flat_map(|(source, found)| {
        let columns = found.table.columns().iter().enumerate();
        let secret = columns.filter(|(_, name)| is_secret(name));
        secret.map(move |(column, _)| CellId {
            source: SourceId(source as u8),
            column: column as u16,
        })
    })
}

impl Testimony {
    /// What its user knew afterwards, by variable; of a walk only. Some of it is secret.
    pub fn known(&self) -> &[Value] {
        &self.known
    }

    /// What may be kept of it, and what may be shown of the values that its user knows.
    pub fn shown(self) -> (FailedExchange, Vec<walk::Known>) {
        let redaction = self.redaction(&Parts::of(&self.request, false));
        let known = self.known.iter().enumerate().map(|(index, value)| {
            let (Value::Text(text) | Value::Json(text)) = value;
            if text.is_empty() || *value == Value::Json("null".to_owned()) {
                return walk::Known::Nothing;
            }
            if self.clerk.variables.contains(&VariableId(index as u16)) {
                return walk::Known::Secret(text.chars().count());
            }
            walk::Known::Value(harmless(&redaction.text(text), VALUE_BYTES))
        });
        let known = known.collect();
        (self.written(), known)
    }

    /// What must not be shown of it.
    fn redaction(&self, request: &Parts<'_>) -> Redaction {
        let mut redaction = self.clerk.redaction.clone();
        self.secrets.iter().for_each(|secret| redaction.add(secret));
        for (name, value) in request.fields() {
            if is_secret(name) {
                redaction.add_field(&value);
            }
        }
        redaction.learn(&readable(request.body));
        redaction
    }

    /// What may be kept of it.
    pub fn written(self) -> FailedExchange {
        let request = Parts::of(&self.request, false);
        let redaction = self.redaction(&request);
        let id = request.fields().find(|(name, _)| name.eq_ignore_ascii_case(&self.clerk.id_field));
        let head_bytes = self.request.len() - request.body.len();
        let body_bytes = (self.request_bytes - head_bytes) as u64;
        let response = Parts::of(&self.heard, true);
        let has_response = !self.heard.is_empty();
        let micros = |moment: Moment| moment.0 / 1_000;
        FailedExchange {
            version: VERSION,
            step: self.kind.step,
            outcome: self.kind.outcome,
            cause: self.kind.cause,
            check: self
                .check
                .and_then(|place| self.clerk.check(self.kind.step, place))
                .map(|check| shown_check(check, self.said.as_deref(), &redaction)),
            status: self.kind.status,
            warmup: self.kind.warmup,
            due_us: micros(self.due),
            sent_us: self.sent.map(micros),
            ended_us: micros(self.ended),
            request_id: id.map(|(_, value)| harmless(&redaction.text(&value), 200)),
            request: request.wire(&redaction, body_bytes),
            response: has_response.then(|| response.wire(&redaction, self.body_bytes)),
        }
    }
}
