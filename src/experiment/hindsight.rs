//! What was counted in a second, looked at when it is known how the generators fared in it.
//!
//! What was counted while a generator stood still is no sign of a miss, and that it did is heard a little
//! later than what was counted. Where a run ends with the first objective that is missed for certain,
//! each second therefore waits until all generators have had the time to tell.

use std::collections::{BTreeMap, VecDeque};

use crate::engine::collector::Progress;
use crate::record::interval::StepCounts;

/// So many seconds later it is known of all generators whether they stood still in a second.
const HEARD_LATER: usize = 4;

/// Seconds that wait to be looked at.
#[derive(Debug)]
pub(super) struct Hindsight {
    later: usize,
    /// The longest that any generator stood still in a second, in nanoseconds.
    stood_still: BTreeMap<u32, u64>,
    /// Seconds that have passed, with what was counted until then.
    counted: VecDeque<(Progress, Vec<StepCounts>)>,
}

impl Hindsight {
    /// Of a run that ends with the first objective that is missed for certain, or does not.
    pub(super) fn of(fails_fast: bool) -> Hindsight {
        let later = if fails_fast { HEARD_LATER } else { 0 };
        Hindsight { later, stood_still: BTreeMap::new(), counted: VecDeque::new() }
    }

    /// A generator stood still for so long in a second.
    pub(super) fn stood_still(&mut self, second: u32, nanos: u64) {
        let longest = self.stood_still.entry(second).or_default();
        *longest = (*longest).max(nanos);
    }

    /// A second has passed. Which one can be looked at now, if there is one, with what was counted then
    /// and the longest that any generator stood still since.
    pub(super) fn pass(
        &mut self,
        progress: Progress,
        counted: Vec<StepCounts>,
    ) -> Option<(Progress, Vec<StepCounts>)> {
        self.counted.push_back((progress, counted));
        if self.counted.len() <= self.later {
            return None;
        }
        let (progress, counted) = self.counted.pop_front()?;
        self.stood_still = self.stood_still.split_off(&progress.second);
        let stood_still_ns = self.stood_still.values().copied().max().unwrap_or_default();
        Some((Progress { stood_still_ns, ..progress }, counted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each second has counted as many as have passed; one generator stood still in second 2, and
    /// that is heard three seconds later. What is looked at in each, and with which stall.
    fn looked_at(fails_fast: bool) -> Vec<Option<(u32, u64, u64)>> {
        let mut hindsight = Hindsight::of(fails_fast);
        let look = |second: u32| {
            hindsight.stood_still(second.saturating_sub(3), u64::from(second == 5) * 700);
            hindsight.stood_still(second.saturating_sub(3), 3);
            let counted = StepCounts { planned: u64::from(second), ..StepCounts::default() };
            let progress = Progress { second, ..Progress::default() };
            let (progress, counted) = hindsight.pass(progress, vec![counted])?;
            Some((progress.second, counted[0].planned, progress.stood_still_ns))
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
