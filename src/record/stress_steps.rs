//! The record of a repeat's run and its phases in, how each step fared in each phase out.
//!
//! A step that is rarely asked for can fail altogether and hardly be seen among all requests.
//! Steps of which no request failed are left out.

use std::ops::Range;

use crate::record::outcome::Outcome;
use crate::record::run::RunRecord;
use crate::record::step_head::StepHead;
use crate::record::stress::{PhaseKind, Repeat, StepTally};

/// How the steps fared; of the fall back so many seconds count, its last ones.
pub fn tallies(run: &RunRecord, repeat: &Repeat, last: u32) -> Vec<StepTally> {
    let indexes = 0..repeat.phases.len();
    let by_phase: Vec<Vec<(u64, u64)>> =
        indexes.map(|index| in_seconds(run, counting(repeat, index, last))).collect();
    let has_failed = |step: usize| by_phase.iter().any(|sums| sums[step].1 > 0);
    let heads: Vec<_> =
        run.head.steps.iter().enumerate().filter(|(step, _)| has_failed(*step)).collect();
    let of_phase = |(index, sums): (usize, &Vec<(u64, u64)>)| {
        let of = |(step, head): &(usize, &StepHead)| StepTally {
            phase: index as u32,
            flow: head.flow.clone(),
            step: head.name.clone(),
            ok: sums[*step].0,
            failed: sums[*step].1,
        };
        heads.iter().map(of).collect::<Vec<StepTally>>()
    };
    by_phase.iter().enumerate().flat_map(of_phase).collect()
}

/// The seconds of the phase at a place that count.
fn counting(repeat: &Repeat, index: usize, last: u32) -> Range<u32> {
    let phase = repeat.phases[index];
    let until = phase.from + repeat.length_of(index);
    match phase.kind {
        PhaseKind::FallBack => phase.from.max(until.saturating_sub(last))..until,
        PhaseKind::WarmUp
        | PhaseKind::Ramp
        | PhaseKind::Hold
        | PhaseKind::Overload(_)
        | PhaseKind::Spike => phase.from..until,
    }
}

/// Requests of each step that were due in some seconds: ended as expected,
/// and otherwise. What was never sent says nothing of a step.
fn in_seconds(run: &RunRecord, seconds: Range<u32>) -> Vec<(u64, u64)> {
    let mut sums = vec![(0, 0); run.head.steps.len()];
    for second in run.seconds.range(seconds) {
        for (index, counts) in second.counts().iter().enumerate() {
            let Some(sum) = sums.get_mut(run.head.step_of(index)) else { continue };
            let ok = counts.outcome(Outcome::Ok);
            sum.0 += ok;
            sum.1 += counts.tried() - ok;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::failures::Failures;
    use crate::record::interval::{Second, StepCounts};
    use crate::record::sample_head;
    use crate::record::seconds::Seconds;
    use crate::record::series;
    use crate::record::stress_sample::sample;

    #[test]
    fn steps_that_failed_are_counted_by_phase_and_the_fall_back_by_its_end() {
        let mut head = sample_head();
        let rare = StepHead { name: "rare".to_owned(), ..head.steps[0].clone() };
        head.steps.push(rare);
        head.series = series::table(["a", "rare"].map(str::to_owned));
        let counted = |ok, failed| {
            let mut counts = StepCounts::default();
            counts.outcomes[Outcome::Ok.index()] = ok;
            counts.outcomes[Outcome::ServerError.index()] = failed;
            counts
        };
        let second = |at: u32| {
            let counts = vec![counted(100, 0), counted(u64::from(at < 15), u64::from(at >= 15))];
            (at, Second { counts, ..Second::default() })
        };
        let run = RunRecord {
            head,
            end: None,
            seconds: (0..48).map(second).collect::<Seconds>(),
            generator: Vec::new(),
            target: Vec::new(),
            failures: Failures::default(),
        };
        let found = tallies(&run, &sample().repeats[0], 5);
        assert!(found.iter().all(|it| it.step == "rare"), "{found:?}");
        let counts: Vec<(u32, u64, u64)> =
            found.iter().map(|it| (it.phase, it.ok, it.failed)).collect();
        assert_eq!(counts[..4], [(0, 5, 0), (1, 5, 0), (2, 5, 0), (3, 0, 5)]);
        assert_eq!(counts[7], (7, 0, 5), "thirteen seconds, of which five count");
    }
}
