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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::telemetry::GeneratorSecond;
    use crate::scenario::slots::Slots;

    /// Each second has counted as many as have passed; one generator stood still in second 2, and
    /// that is heard three seconds later. What is looked at in each, and with which stall.
    fn looked_at(asks: bool) -> Vec<Option<(u32, u64, u64)>> {
        let mut heard = HeardLater::new(asks);
        let look = |second: u32| {
            for stood_still in [3 + u64::from(second == 5) * 697, 3] {
                heard.take(&Tick {
                    generator: vec![GeneratorSecond {
                        second: second.saturating_sub(3),
                        canary_late_max_ns: stood_still,
                        ..GeneratorSecond::default()
                    }],
                    slots: Slots::all(1),
                    claim: 0,
                    number: second,
                    parts: Vec::new(),
                });
            }
            let counted = StepCounts { planned: u64::from(second), ..StepCounts::default() };
            let progress = Progress { second, ..Progress::default() };
            let Passed { progress, series, .. } = heard.pass(progress, vec![counted])?;
            Some((progress.second, series[0].planned, progress.stood_still_ns))
        };
        (0..9).map(look).collect()
    }

    #[test]
    fn a_stall_that_is_heard_of_later_is_known_when_its_second_is_looked_at() {
        let looked_at = looked_at(true);
        assert_eq!(looked_at[..4], [None; 4]);
        let found: Vec<_> = looked_at[4..].iter().flatten().copied().collect();
        assert_eq!(found, [(0, 0, 3), (1, 1, 700), (2, 2, 700), (3, 3, 3), (4, 4, 3)]);
    }

    #[test]
    fn whoever_does_not_end_early_looks_at_once() {
        let seconds: Vec<u32> = looked_at(false).iter().flatten().map(|it| it.0).collect();
        assert_eq!(seconds, (0..9).collect::<Vec<_>>());
    }
}
