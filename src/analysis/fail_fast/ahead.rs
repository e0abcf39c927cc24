//! What of a run has passed, what is evidence of it, and how much is still to come.
//!
//! Under a load that holds still, what was seen says what will be. Where the load changes, a bad
//! beginning may yet be few of many: there a share is missed only where what is bad so far is too much
//! for all requests of the whole run.

use std::collections::BTreeSet;

use crate::analysis::plan;
use crate::analysis::window::{self, Judged};
use crate::record::noisy::NoisyHead;
use crate::record::recorder::Part;
use crate::record::run::{Head, LoadHead, StageHead};

/// More requests than the plan says, by chance and by loops that nobody foresees.
const MORE_THAN_PLANNED: f64 = 1.2;

/// Of a run that is under way.
#[derive(Debug)]
pub struct Ahead {
    /// The seconds that the plan puts up for judgement.
    pub judged: Judged,
    load: LoadHead,
    /// Steps, each of which an iteration may have.
    steps: usize,
    /// Seconds in which the generator stood still.
    unsound: BTreeSet<u32>,
    /// The second that is not over yet.
    now: u32,
    /// What was due in judged seconds.
    due: u64,
}

impl Ahead {
    /// Of a run that begins.
    pub fn of(head: &Head) -> Ahead {
        let load = head.load.clone();
        let judged = window::of_load(&load, window::planned_seconds(&load));
        let steps = head.steps.len();
        Ahead { judged, load, steps, unsound: BTreeSet::new(), now: 0, due: 0 }
    }

    /// Counts what was due, and says whether it counts.
    pub fn learn(&mut self, part: &Part) -> bool {
        let is_judged = self.judged.contains(part.second);
        if is_judged {
            self.due = self.due.saturating_add(part.counts.planned);
        }
        is_judged
    }

    /// A second has passed, in which the generator stood still or did not.
    pub fn pass(&mut self, second: u32, is_sound: bool) {
        self.now = second;
        if !is_sound {
            self.unsound.insert(second);
        }
    }

    /// Whether all that was due in a second is known, and the generator was punctual then.
    pub fn is_evidence(&self, second: u32) -> bool {
        second < self.now && self.judged.contains(second) && !self.unsound.contains(&second)
    }

    /// Whether a stretch is over and the generator was punctual just before it, in it and behind it.
    pub fn is_calm(&self, from: u32, to: u32) -> bool {
        to < self.now && self.unsound.range(from.saturating_sub(1)..=to).next().is_none()
    }

    /// The most requests that the whole run will have; `None` where nobody knows.
    pub fn most_requests(&self) -> Option<f64> {
        if self.load.is_closed() {
            return None;
        }
        let passed = self.judged.seconds.partition_point(|second| *second < self.now);
        let arrivals = |seconds: &[u32]| plan::arrivals_in(&self.load.stages, seconds);
        let before = arrivals(&self.judged.seconds[..passed]);
        if before <= 0.0 {
            return None;
        }
        // Of several loads, those to come may have longer flows than those that were.
        let least = if self.load.parts.is_empty() { 0.0 } else { self.steps as f64 };
        let each = (self.due as f64 / before).max(least);
        let rest = arrivals(&self.judged.seconds[passed..]);
        Some(self.due as f64 + MORE_THAN_PLANNED * each * rest)
    }
}

/// Whether the load after the warm-up holds still to the end.
pub fn holds_still(head: &Head) -> bool {
    window::is_constant(&head.load)
}

/// Whether it holds still while somebody is noisy.
pub fn holds_still_while(head: &Head, noisy: &NoisyHead) -> bool {
    let parts = head.load.parts.iter().map(|part| part.stages.as_slice());
    std::iter::once(head.load.stages.as_slice())
        .chain(parts)
        .all(|stages| is_flat(stages, noisy.from, noisy.until))
}

fn is_flat(stages: &[StageHead], from: f64, to: f64) -> bool {
    let mut begins = 0.0;
    let mut inside = stages.iter().filter(|stage| {
        let (start, end) = (begins, begins + stage.seconds);
        begins = end;
        start < to - 1e-6 && end > from + 1e-6
    });
    let Some(first) = inside.next() else { return true };
    let same = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
    let users = |stage: &StageHead| stage.users.is_none_or(|users| users.from == users.to);
    let flat = |stage: &StageHead| same(stage.from, stage.to) && users(stage);
    flat(first) && inside.all(|it| flat(it) && same(it.from, first.from) && it.users == first.users)
}
