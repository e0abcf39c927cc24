//! One second of counts and histograms.
//!
//! A second is that of the *intended* moment: the victims of a frozen target are
//! charged to the second in which they were due. Parts of a second that were written
//! at different times are added up.

use std::ops::{Index, IndexMut};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::histogram::Sparse;
use crate::record::outcome::{Cause, Outcome};
use crate::record::phase::Phase;

/// What was counted for one series in one second.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StepCounts {
    /// Requests due.
    pub planned: u64,
    /// Requests whose bytes went out.
    pub sent: u64,
    /// By [`Outcome`], in the order of [`Outcome::ALL`].
    pub outcomes: [u64; Outcome::COUNT],
    /// Requests counted in the response-time histogram that were too slow, by the run's
    /// thresholds.
    pub slower: Vec<u64>,
    /// Causes, in the order of [`Cause::ALL`]; empty when there were none.
    pub causes: Vec<u64>,
    /// Statuses and how often each came.
    pub statuses: Vec<(u16, u64)>,
    /// Bytes of bodies received.
    pub body_bytes: u64,
    /// Connections that requests of this step had to wait for.
    pub connects: u64,
    /// Requests that felt a millisecond or more of the generator's lag: the place of their
    /// outcome, the class of what they felt ([`felt_class`]), and how many there were.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub felt: Vec<(u8, u8, u64)>,
    /// Requests that were sent a second time, as the first had met a connection that the
    /// target had closed before.
    #[serde(skip_serializing_if = "is_zero")]
    pub repeats: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The class of a felt lag in nanoseconds: 0 below a millisecond, then four to each doubling.
pub fn felt_class(nanos: u64) -> u8 {
    let quarters = nanos / QUARTER_NANOS;
    let bits = u64::BITS - quarters.leading_zeros();
    let Some(shift) = bits.checked_sub(3) else { return 0 };
    (shift * 4 + ((quarters >> shift) & 3) as u32 + 1) as u8
}

/// The shortest lag of a class, in microseconds.
pub fn felt_least(class: u8) -> u64 {
    let Some(position) = class.checked_sub(1) else { return 0 };
    let quarters = (4 + u64::from(position % 4)).checked_shl(u32::from(position / 4));
    quarters.unwrap_or(u64::MAX).saturating_mul(QUARTER_NANOS / 1_000)
}

/// A quarter of a millisecond.
const QUARTER_NANOS: u64 = 250_000;

impl StepCounts {
    /// Requests that have ended.
    pub fn ended(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// Requests that have ended, without those that were never sent.
    pub fn tried(&self) -> u64 {
        self.ended() - self.outcome(Outcome::Unsent)
    }

    /// Requests with one outcome.
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome.index()]
    }

    /// How often one cause was seen.
    pub fn cause(&self, cause: Cause) -> u64 {
        self.causes.get(cause.index()).copied().unwrap_or(0)
    }

    /// Requests in the response-time histogram.
    pub fn in_response_time(&self) -> u64 {
        Outcome::ALL
            .into_iter()
            .filter(|outcome| outcome.counts_in_response_time())
            .fold(self.right_but_slow(), |sum, it| sum.saturating_add(self.outcome(it)))
    }

    /// Requests whose answers were right, and slower than a check allows. Their response times count.
    pub fn right_but_slow(&self) -> u64 {
        self.cause(Cause::ResponseTimeCheck).min(self.outcome(Outcome::CheckFailed))
    }

    /// Counts one request's cause.
    pub fn add_cause(&mut self, cause: Cause) {
        self.add_causes(cause, 1);
    }

    /// Counts one cause of so many requests.
    pub fn add_causes(&mut self, cause: Cause, times: u64) {
        self.causes.resize(Cause::COUNT, 0);
        self.causes[cause.index()] += times;
    }

    /// Counts one request's status.
    pub fn add_status(&mut self, status: u16, times: u64) {
        match self.statuses.iter_mut().find(|(known, _)| *known == status) {
            Some((_, count)) => *count = count.saturating_add(times),
            None => self.statuses.push((status, times)),
        }
    }

    /// Counts what one request felt of the generator's lag, in nanoseconds.
    pub fn add_felt(&mut self, outcome: Outcome, nanos: u64) {
        let class = felt_class(nanos);
        if class > 0 {
            self.add_felt_of(outcome.index() as u8, class, 1);
        }
    }

    fn add_felt_of(&mut self, outcome: u8, class: u8, times: u64) {
        match self.felt.iter_mut().find(|(o, c, _)| (*o, *c) == (outcome, class)) {
            Some((_, _, count)) => *count = count.saturating_add(times),
            None => self.felt.push((outcome, class, times)),
        }
    }

    /// Requests with one outcome that may have felt so much of the generator's lag, in
    /// microseconds, or more.
    pub fn felt_from(&self, outcome: Outcome, micros: u64) -> u64 {
        let outcome = outcome.index() as u8;
        let mine = self.felt.iter().filter(|(known, class, _)| {
            *known == outcome && felt_least(class.saturating_add(1)) > micros
        });
        mine.fold(0, |sum, (_, _, count)| sum.saturating_add(*count))
    }

    /// Adds another part of the same series. Counts from files may be anything: they saturate.
    pub fn add(&mut self, other: &StepCounts) {
        self.planned = self.planned.saturating_add(other.planned);
        self.sent = self.sent.saturating_add(other.sent);
        add_all(&mut self.outcomes, &other.outcomes);
        add_growing(&mut self.slower, &other.slower);
        add_growing(&mut self.causes, &other.causes);
        for &(status, times) in &other.statuses {
            self.add_status(status, times);
        }
        if !self.statuses.is_sorted() {
            self.statuses.sort_unstable();
        }
        self.body_bytes = self.body_bytes.saturating_add(other.body_bytes);
        self.connects = self.connects.saturating_add(other.connects);
        for &(outcome, class, times) in &other.felt {
            self.add_felt_of(outcome, class, times);
        }
        if !self.felt.is_sorted() {
            self.felt.sort_unstable();
        }
        self.repeats = self.repeats.saturating_add(other.repeats);
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.planned == 0 && self.sent == 0 && self.ended() == 0
    }
}

fn add_all(sum: &mut [u64], other: &[u64]) {
    for (sum, value) in sum.iter_mut().zip(other) {
        *sum = sum.saturating_add(*value);
    }
}

fn add_growing(sum: &mut Vec<u64>, other: &[u64]) {
    if sum.len() < other.len() {
        sum.resize(other.len(), 0);
    }
    add_all(sum, other);
}

/// The histograms of one series in one second, by [`Phase`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepTimes([Sparse; Phase::COUNT]);

impl StepTimes {
    /// Those of some phases, and nothing of the others.
    pub fn of(known: impl IntoIterator<Item = (Phase, Sparse)>) -> StepTimes {
        let mut times = StepTimes::default();
        known.into_iter().for_each(|(phase, sparse)| times[phase] = sparse);
        times
    }

    /// Made of all, in the order of the phases.
    pub fn from_all(all: [Sparse; Phase::COUNT]) -> StepTimes {
        StepTimes(all)
    }

    /// All, in the order of the phases.
    pub fn all(&self) -> [&Sparse; Phase::COUNT] {
        self.0.each_ref()
    }

    /// The histogram of one phase, when the others are not needed any more.
    pub fn only(mut self, phase: Phase) -> Sparse {
        std::mem::take(&mut self[phase])
    }

    /// Adds another part of the same series. Counts from files may be anything: they saturate.
    pub fn add(&mut self, other: &StepTimes) {
        for (mine, other) in self.0.iter_mut().zip(&other.0) {
            *mine = Sparse::merged([&*mine, other]);
        }
    }
}

impl Index<Phase> for StepTimes {
    type Output = Sparse;

    fn index(&self, phase: Phase) -> &Sparse {
        &self.0[phase.index()]
    }
}

impl IndexMut<Phase> for StepTimes {
    fn index_mut(&mut self, phase: Phase) -> &mut Sparse {
        &mut self.0[phase.index()]
    }
}

/// One second of a run: per series, in the order of the record's table of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Second {
    /// Counts by series.
    pub counts: Vec<StepCounts>,
    /// Histograms by series.
    pub times: Vec<StepTimes>,
}

impl Second {
    /// An empty second of so many series.
    pub fn empty(series: usize) -> Second {
        Second {
            counts: vec![StepCounts::default(); series],
            times: vec![StepTimes::default(); series],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_felt_has_a_class_that_holds_it() {
        const MS: u64 = 1_000_000;
        for nanos in [0, 999_999, MS, 1_250_000, 7 * MS, 60 * MS, 123_456_789, 1 << 50, u64::MAX] {
            let class = felt_class(nanos);
            assert!(felt_least(class) <= nanos.div_ceil(1_000), "{nanos}");
            let next = felt_least(class.saturating_add(1));
            assert!(next > nanos / 1_000, "{nanos} {class} {next}");
            assert!(class == 0 || next == u64::MAX || next <= nanos / 1_000 * 5 / 4 + 1, "{nanos}");
        }
        assert_eq!((felt_class(999_999), felt_class(1_000_000)), (0, 1));
        assert!((1..200).all(|class| felt_least(class) <= felt_least(class + 1)));
    }

    #[test]
    fn what_was_felt_is_counted_by_outcome_from_a_length_on() {
        let mut counts = StepCounts::default();
        for millis in [0, 5, 60, 80] {
            counts.add_felt(Outcome::Timeout, millis * 1_000_000);
        }
        counts.add_felt(Outcome::Ok, 60_000_000);
        let mut twice = counts.clone();
        twice.add(&counts);
        for (micros, expected) in [(2_000, 3), (6_000, 2), (70_000, 1), (100_000, 0)] {
            assert_eq!(counts.felt_from(Outcome::Timeout, micros), expected, "{micros}");
            assert_eq!(twice.felt_from(Outcome::Timeout, micros), 2 * expected, "{micros}");
        }
    }
}
