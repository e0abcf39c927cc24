//! Steps that fail while the target as a whole seems to work; pure.
//!
//! A step with few of the requests can fail altogether and stay below the share of failures from
//! which on a target does not keep up. Its own tallies tell.

use std::collections::BTreeMap;

use crate::analysis::stress_result::FailingStep;
use crate::record::stress::{PhaseKind, Repeat};

/// Fewer failures of a step are bad luck.
pub const FEWEST: u64 = 5;
/// More than this share of its requests fail.
const SHARE: f64 = 0.5;

/// Requests that ended as expected, and others.
type Counts = (u64, u64);

/// Steps that fail in what the ramp kept up with, and in what is taken for as before, if it was.
pub fn failing(repeat: &Repeat, is_as_before: bool) -> Vec<FailingStep> {
    let mut steps: BTreeMap<(&str, &str), BTreeMap<usize, Counts>> = BTreeMap::new();
    for tally in &repeat.steps {
        let phases = steps.entry((&tally.flow, &tally.step)).or_default();
        phases.insert(tally.phase as usize, (tally.ok, tally.failed));
    }
    let kept: Vec<usize> = repeat.healthy().collect();
    let back = repeat.last_of(PhaseKind::FallBack).filter(|_| is_as_before);
    let one = |((flow, step), phases): (&(&str, &str), &BTreeMap<usize, Counts>)| {
        let of = |indexes: &[usize]| sum(phases, indexes);
        let begins = |from: &usize| fails(of(&kept[*from..=*from])) && is_many(of(&kept[*from..]));
        let before =
            (0..kept.len()).find(begins).map(|from| (kept[from], of(&kept[from..]), false));
        let after = back.map(|index| (index, of(&[index]), true));
        let after = after.filter(|(_, counts, _)| is_many(*counts));
        let found = before.into_iter().chain(after).map(|(index, (ok, failed), is_after)| {
            let (flow, step) = ((*flow).to_owned(), (*step).to_owned());
            let rate = repeat.phases[index].rate;
            FailingStep { flow, step, rate, failed, tried: ok.saturating_add(failed), is_after }
        });
        found.collect::<Vec<FailingStep>>()
    };
    steps.iter().flat_map(one).collect()
}

fn sum(phases: &BTreeMap<usize, Counts>, indexes: &[usize]) -> Counts {
    indexes.iter().filter_map(|index| phases.get(index)).fold((0, 0), |sum: Counts, counts| {
        (sum.0.saturating_add(counts.0), sum.1.saturating_add(counts.1))
    })
}

fn fails((ok, failed): Counts) -> bool {
    failed as f64 > SHARE * (ok as f64 + failed as f64)
}

fn is_many(counts: Counts) -> bool {
    counts.1 >= FEWEST && fails(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::stress::StepTally;
    use crate::record::stress_sample::sample;

    /// What is found of a step that fared so in the sample's phases: two steps of the ramp that it
    /// kept up with (1, 2), and the fall back (7).
    #[track_caller]
    fn check(counts: &[(u32, u64, u64)], expected: &[(f64, u64, u64, bool)]) {
        let mut repeat = sample().repeats[0].clone();
        let tally = |(phase, ok, failed): &(u32, u64, u64)| StepTally {
            phase: *phase,
            flow: "f".to_owned(),
            step: "s".to_owned(),
            ok: *ok,
            failed: *failed,
        };
        repeat.steps = counts.iter().map(tally).collect();
        assert!(failing(&repeat, false).iter().all(|it| !it.is_after), "none is as before");
        let found = failing(&repeat, true);
        let found: Vec<_> =
            found.iter().map(|it| (it.rate.round(), it.failed, it.tried, it.is_after)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_step_that_fails_altogether_is_found_where_it_begins() {
        check(&[(1, 9, 1), (2, 0, 8)], &[(110.0, 8, 8, false)]);
        check(&[(1, 0, 3), (2, 0, 3)], &[(100.0, 6, 6, false)]);
        check(&[(1, 4, 4), (2, 5, 4)], &[]);
        check(&[(1, 0, 4), (2, 9, 0)], &[]);
        check(&[(2, 0, 4)], &[]);
        check(&[(1, 9, 0), (2, 9, 0), (3, 0, 99), (5, 0, 99)], &[]);
    }

    #[test]
    fn a_step_that_still_fails_once_all_is_as_before_is_found() {
        check(&[(1, 9, 0), (2, 9, 0), (7, 1, 6)], &[(61.0, 6, 7, true)]);
        check(&[(2, 0, 9), (7, 0, 9)], &[(110.0, 9, 9, false), (61.0, 9, 9, true)]);
        check(&[(7, 0, 4)], &[]);
    }
}
