//! A duet's record as the gate and the reports want it: seconds of both arms that belong
//! together, and each arm's judged seconds as one run.

use crate::analysis::comparison::{ArmSecond, Pair, Paired};
use crate::analysis::plan::arrivals_in;
use crate::record::duet::{DuetFile, DuetRecord, Segment};
use crate::record::exchange::{Admission, FailedExchange};
use crate::record::failures::Failures;
use crate::record::gauge;
use crate::record::handshakes::Handshakes;
use crate::record::histogram::Sparse;
use crate::record::interval::StepCounts;
use crate::record::outcome::Outcome;
use crate::record::phase::Phase;
use crate::record::run::{End, EndReason, LoadHead, PartHead, RunRecord, StageHead};
use crate::record::seconds::{PackedSecond, Seconds};
use crate::record::step_head::StepHead;
use crate::scenario::model::Arm;

/// Which times are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairedTimes {
    /// Response time as objectives read it.
    Response,
    /// The same without what the generator's lag may have added.
    Least,
}

/// The judged seconds of all segments, side by side.
pub fn paired(duet: &DuetRecord, times: PairedTimes) -> Paired {
    let of = |step| {
        let segments =
            duet.segments.iter().map(move |segment| pairs_of(&duet.file, segment, times, step));
        segments.collect()
    };
    let heads = duet.segments.first().map_or(&[][..], |first| &first.baseline.head.steps);
    let step = |(index, head): (usize, &StepHead)| {
        (head.name.clone(), Paired { segments: of(Some(index)), steps: Vec::new() })
    };
    Paired { segments: of(None), steps: heads.iter().enumerate().map(step).collect() }
}

/// The judged seconds of one segment, side by side, with those of its steps.
pub fn of_segment(file: &DuetFile, segment: &Segment, times: PairedTimes) -> Paired {
    let of = |step| vec![pairs_of(file, segment, times, step)];
    let step = |(index, head): (usize, &StepHead)| {
        (head.name.clone(), Paired { segments: of(Some(index)), steps: Vec::new() })
    };
    let steps = segment.baseline.head.steps.iter().enumerate().map(step).collect();
    Paired { segments: of(None), steps }
}

/// Requests per judged second of one arm; `None` without a second.
pub fn rate(paired: &Paired, arm: Arm) -> Option<f64> {
    let seconds = paired.segments.iter().flatten();
    let of = |pair: &Pair| match arm {
        Arm::Baseline => pair.baseline.requests,
        Arm::Candidate => pair.candidate.requests,
    };
    let all: Vec<u64> = seconds.map(of).collect();
    (!all.is_empty()).then(|| all.iter().sum::<u64>() as f64 / all.len() as f64)
}

/// Of one step, or of all.
fn pairs_of(
    file: &DuetFile,
    segment: &Segment,
    times: PairedTimes,
    step: Option<usize>,
) -> Vec<Pair> {
    let idle = file.idle.map_or(0.0, |idle| idle.baseline);
    let of = |second, arm| {
        let played = file.played(second, arm, segment.first);
        let run = run_of(segment, arm);
        let found = run.seconds.get(played);
        let found = found.map_or_else(ArmSecond::default, |found| arm_second(&found, times, step));
        let cpu_ns = step.is_none().then(|| cpu(run, played, idle)).flatten();
        ArmSecond { cpu_ns, ..found }
    };
    let pair = |second| Pair {
        baseline: of(second, Arm::Baseline),
        candidate: of(second, Arm::Candidate),
    };
    file.judged().map(pair).collect()
}

/// CPU time of the target in a second, less what the *baseline* uses when idle: what a candidate
/// does more of its own accord is a cost of it too. At most half is taken off, as what is left of
/// a target that was not at rest yet would be a small difference of large numbers.
fn cpu(run: &RunRecord, played: u32, idle: f64) -> Option<u64> {
    let index = run.target.binary_search_by_key(&played, |known| known.second).ok()?;
    let used = run.target[index].value(run.head.gauge(&gauge::CPU)?)?;
    let cpu = used - idle.min(used / 2.0);
    cpu.is_finite().then_some((cpu * 1e9) as u64)
}

fn run_of(segment: &Segment, arm: Arm) -> &RunRecord {
    match arm {
        Arm::Baseline => &segment.baseline,
        Arm::Candidate => &segment.candidate,
    }
}

fn arm_second(second: &PackedSecond<'_>, times: PairedTimes, step: Option<usize>) -> ArmSecond {
    let is_meant = |index: usize| step.is_none_or(|step| step == index);
    let phase = match times {
        PairedTimes::Response => Phase::Response,
        PairedTimes::Least => Phase::Least,
    };
    let packed = second.times();
    let response = packed.of(phase).enumerate().filter(|(index, _)| is_meant(*index));
    let response: Vec<Sparse> = response.map(|(_, buckets)| buckets.to_sparse()).collect();
    let all = second.counts();
    let counts = || all.iter().enumerate().filter(|(index, _)| is_meant(*index));
    let sum = |count: fn(&StepCounts) -> u64| {
        counts().map(|(_, counts)| count(counts)).fold(0, u64::saturating_add)
    };
    let requests = sum(StepCounts::ended);
    let fine = sum(|counts| counts.outcome(Outcome::Ok));
    ArmSecond {
        response: Sparse::merged(&response),
        requests,
        errors: requests.saturating_sub(fine),
        cpu_ns: None,
    }
}

/// One arm's judged seconds of all segments as one run, with the first segment's warm-up
/// before them; `None` without a segment.
pub fn joined(duet: &DuetRecord, arm: Arm) -> Option<RunRecord> {
    let file = &duet.file;
    let mut joined = empty(run_of(duet.segments.first()?, arm));
    let (mut next, mut admission) = (0, Admission::default());
    for (number, segment) in duet.segments.iter().enumerate() {
        let warmup = if number == 0 { 0..file.warmup_seconds } else { 0..0 };
        for second in warmup.chain(file.judged()) {
            let played = file.played(second, arm, segment.first);
            copy(run_of(segment, arm), played, &mut joined, next);
            copy_failures(run_of(segment, arm), played, &mut joined, next, &mut admission);
            next += 1;
        }
    }
    let judged = f64::from(next - file.warmup_seconds);
    let seconds: Vec<u32> = file.judged().collect();
    joined.head.load = load(&joined.head.load, f64::from(file.warmup_seconds), (judged, &seconds));
    joined.end = Some(ended(duet, arm, f64::from(next)));
    Some(joined)
}

fn empty(first: &RunRecord) -> RunRecord {
    RunRecord {
        head: first.head.clone(),
        end: None,
        seconds: Seconds::default(),
        generator: Vec::new(),
        target: Vec::new(),
        failures: Failures::default(),
    }
}

fn copy(run: &RunRecord, played: u32, joined: &mut RunRecord, second: u32) {
    if let Some(found) = run.seconds.get(played) {
        joined.seconds.insert(second, &found.unpack());
    }
    if let Ok(index) = run.generator.binary_search_by_key(&played, |known| known.second) {
        let mut found = run.generator[index].clone();
        found.second = second;
        joined.generator.push(found);
    }
    if let Ok(index) = run.target.binary_search_by_key(&played, |known| known.second) {
        let mut found = run.target[index].clone();
        found.second = second;
        joined.target.push(found);
    }
}

/// What failed in a second, as far as it is still wanted of all segments together.
fn copy_failures(
    run: &RunRecord,
    played: u32,
    joined: &mut RunRecord,
    second: u32,
    admission: &mut Admission,
) {
    let moved = |micros: u64| {
        let of_second = |second: u32| u64::from(second) * 1_000_000;
        micros.saturating_sub(of_second(played)).saturating_add(of_second(second))
    };
    let failed = run.failures.exchanges.iter().filter(|exchange| exchange.second() == played);
    for exchange in failed.filter(|exchange| admission.admit(exchange.kind())) {
        joined.failures.exchanges.push(FailedExchange {
            due_us: moved(exchange.due_us),
            sent_us: exchange.sent_us.map(moved),
            ended_us: moved(exchange.ended_us),
            ..exchange.clone()
        });
    }
}

/// The load at which the judged seconds of each segment were played, as two stages; that of its
/// parts as their mean rates.
fn load(own: &LoadHead, warmup: f64, (judged, seconds): (f64, &[u32])) -> LoadHead {
    let judged_stages = || own.stages.iter().filter(|stage| !stage.warmup);
    let from = judged_stages().next().map_or(0.0, |first| first.from);
    let to = judged_stages().next_back().map_or(0.0, |last| last.to);
    let stages = |from: f64, to: f64| {
        let stage = |seconds, warmup| StageHead { seconds, from, to, users: None, warmup };
        vec![stage(warmup, true), stage(judged, false)]
    };
    let parts = own.parts.iter().map(|part| {
        let rate = arrivals_in(&part.stages, seconds) / (seconds.len() as f64).max(1.0);
        PartHead { stages: stages(rate, rate), ..part.clone() }
    });
    LoadHead { stages: stages(from, to), parts: parts.collect(), ..own.clone() }
}

fn ended(duet: &DuetRecord, arm: Arm, seconds: f64) -> End {
    let ends = || duet.segments.iter().filter_map(|segment| run_of(segment, arm).end.as_ref());
    End {
        reason: EndReason::Finished,
        scheduled: seconds,
        seconds,
        abandoned: ends().map(|end| end.abandoned).sum(),
        iterations: ends().map(|end| end.iterations).sum(),
        iterations_completed: ends().map(|end| end.iterations_completed).sum(),
        handshakes: Handshakes::default(),
        later_addresses: Vec::new(),
        teardown: None,
        faults: ends().flat_map(|end| end.faults.clone()).collect(),
        lost: Vec::new(),
        watcher: None,
        statements: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample_records;
    use crate::record::exchange::tests::exchange;
    use crate::record::telemetry::TargetSecond;

    #[test]
    fn idle_work_is_taken_off_but_never_more_than_half() {
        let mut run = sample_records::run(2, 1.0);
        run.target = [0.5, 0.1]
            .into_iter()
            .zip(0..)
            .map(|(cpu, second)| TargetSecond::of(second, &run.head.gauges, [(&gauge::CPU, cpu)]))
            .collect();
        let of = |second, idle| cpu(&run, second, idle);
        assert_eq!((of(0, 0.0), of(0, 0.1)), (Some(500_000_000), Some(400_000_000)));
        assert_eq!((of(1, 0.1), of(2, 0.1)), (Some(50_000_000), None));
    }

    #[test]
    fn what_failed_is_told_at_its_moment_of_the_joined_run() {
        let mut run = sample_records::run(10, 1.0);
        run.failures.exchanges = vec![exchange(0, 500); 5];
        let (mut joined, mut admission) = (empty(&run), Admission::default());
        copy_failures(&run, 2, &mut joined, 40, &mut admission);
        assert_eq!(joined.failures, Failures::default(), "nothing failed in that second");
        copy_failures(&run, 1, &mut joined, 41, &mut admission);
        let found: Vec<_> =
            joined.failures.exchanges.iter().map(|it| (it.due_us, it.ended_us)).collect();
        assert_eq!(found, [(41_500_000, 41_512_000); 3], "as many as are kept of one run");
    }
}
