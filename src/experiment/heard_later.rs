//! Seconds that have passed under the load of several generators, until it is known of all of them
//! whether they stood still: that is heard a little later than what was counted.

use std::collections::{BTreeMap, VecDeque};

use crate::engine::collector::Progress;
use crate::record::interval::StepCounts;
use crate::record::recorder::Part;
use crate::record::tick::Tick;

/// So many seconds later it is known of all generators whether they stood still in a second.
const HEARD_LATER: usize = 4;

/// A second that has passed.
pub(super) struct Passed {
    pub(super) progress: Progress,
    /// What had been counted of each series until then.
    pub(super) series: Vec<StepCounts>,
    /// What was learnt in it, where that is asked for.
    pub(super) learnt: Vec<Part>,
}

/// Those that have not been looked at.
pub(super) struct HeardLater {
    waits: usize,
    /// Whether what was learnt is asked for.
    asks: bool,
    passed: VecDeque<Passed>,
    /// What was learnt since the last one.
    learnt: Vec<Part>,
    /// The longest that any generator stood still in a second.
    stood_still: BTreeMap<u32, u64>,
}

impl HeardLater {
    /// `asks`: what was learnt is looked at, and how the generators were meanwhile.
    pub(super) fn new(asks: bool) -> HeardLater {
        let (passed, learnt, stood_still) = (VecDeque::new(), Vec::new(), BTreeMap::new());
        HeardLater { waits: if asks { HEARD_LATER } else { 0 }, asks, passed, learnt, stood_still }
    }

    /// Something was learnt.
    pub(super) fn take(&mut self, tick: &Tick) {
        if self.asks {
            self.learnt.extend(tick.parts.iter().cloned());
        }
        for second in &tick.generator {
            let longest = self.stood_still.entry(second.second).or_default();
            *longest = (*longest).max(second.canary_late_max_ns);
        }
    }

    /// A second has passed; gives the one of which all is known by now.
    pub(super) fn pass(&mut self, progress: Progress, series: Vec<StepCounts>) -> Option<Passed> {
        let learnt = std::mem::take(&mut self.learnt);
        self.passed.push_back(Passed { progress, series, learnt });
        if self.passed.len() <= self.waits {
            return None;
        }
        let mut passed = self.passed.pop_front()?;
        self.stood_still = self.stood_still.split_off(&passed.progress.second);
        let longest = self.stood_still.values().copied().max();
        passed.progress.stood_still_ns = longest.unwrap_or_default();
        Some(passed)
    }
}
