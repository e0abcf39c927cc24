//! What every judgement about one run starts from: the judged seconds put together,
//! and the seconds that were not like the others.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::analysis::starvation::Starvation;
use crate::analysis::totals::{self, Totals};
use crate::analysis::window::Judged;
use crate::record::interval::StepCounts;
use crate::record::phase::Phase;
use crate::record::run::{RunRecord, Subset};
use crate::record::seconds::PackedTimes;
use crate::record::telemetry::GeneratorSecond;

/// A lag of one request that makes its second a late one, in nanoseconds.
const LATE_ONCE: u64 = 100_000_000;
/// A lag that makes a second a late one when a hundredth of its requests have it, in
/// microseconds.
const LATE_OFTEN: u64 = 10_000;
/// Share of CPU time that the hypervisor took away.
pub const MUCH_STEAL: f64 = 0.05;
/// Share of time in which some task waited for a CPU.
pub const MUCH_PRESSURE: f64 = 0.2;
/// Share of one core that a worker may use over [`BUSY_SPAN`] seconds.
pub const BUSY_WORKER: f64 = 0.8;
/// Seconds over which a worker's use is looked at.
pub const BUSY_SPAN: usize = 5;

/// A run as it is judged.
#[derive(Debug)]
pub struct RunData<'a> {
    /// The run.
    pub record: &'a RunRecord,
    /// Its judged seconds.
    pub judged: &'a Judged,
    /// What was seen of all generators together, in all seconds.
    pub together: Cow<'a, [GeneratorSecond]>,
    /// They put together, per step.
    pub steps: Vec<Totals>,
    /// They put together, all steps.
    pub total: Totals,
    /// The whole run's counts, warm-up included, per step.
    pub whole: Vec<StepCounts>,
    /// The longest send lag of each second of the run, in microseconds.
    pub lags: Vec<(u32, u64)>,
    /// Judged seconds in which the generator was late: one request by more than 100 ms,
    /// or 1 % of them by 10 ms or more.
    pub late: BTreeSet<u32>,
    /// Judged seconds in which something else took the machine away, or a worker was
    /// nearly full.
    pub disturbed: BTreeSet<u32>,
    /// Others who had the machine, if they can be why the target was slow.
    pub starvation: Option<Starvation>,
}

impl<'a> RunData<'a> {
    /// Collects them.
    pub fn of(record: &'a RunRecord, judged: &'a Judged) -> RunData<'a> {
        let steps = totals::by_step(record, &judged.seconds);
        let total = totals::total(&steps);
        let (lags, often) = lags(record);
        let late = late_seconds(record, judged, often);
        let whole = totals::whole(record);
        let disturbed = disturbed_seconds(record, judged);
        let together = record.together();
        let starvation = Starvation::of(record, judged);
        RunData { record, judged, together, steps, total, whole, lags, late, disturbed, starvation }
    }

    /// The pool of an objective's scope; `None` for a step that is not there.
    pub fn pool(&self, within: Subset<'_>) -> Option<Cow<'_, Totals>> {
        match within {
            Subset { step: None, tag: None, tenant: None, but: None } => {
                Some(Cow::Borrowed(&self.total))
            }
            Subset { step: Some(step), tag: None, tenant: None, but: None } => {
                self.steps.get(usize::from(step)).map(Cow::Borrowed)
            }
            within => {
                let found = totals::of_scope(self.record, &self.judged.seconds, within);
                Some(Cow::Owned(found))
            }
        }
    }

    /// The judged seconds of all generators together.
    pub fn generator(&self) -> impl Iterator<Item = &GeneratorSecond> {
        self.together.iter().filter(|second| self.judged.contains(second.second))
    }

    /// The judged seconds of each generator.
    pub fn of_each(&self) -> impl Iterator<Item = &'a GeneratorSecond> {
        let judged = self.judged;
        self.record.generator.iter().filter(move |second| judged.contains(second.second))
    }
}

/// The longest send lag of each second, and the seconds in which many were long.
fn lags(record: &RunRecord) -> (Vec<(u32, u64)>, Vec<u32>) {
    let (mut longest, mut often) = (Vec::with_capacity(record.seconds.len()), Vec::new());
    for found in record.seconds.iter() {
        let times = found.times();
        longest.push((found.second(), longest_lag(&times)));
        if is_often_late(&times) {
            often.push(found.second());
        }
    }
    (longest, often)
}

fn longest_lag(times: &PackedTimes<'_>) -> u64 {
    let longest = times.of(Phase::SendLag).filter_map(|lag| lag.max());
    longest.fold(0.0, f64::max) as u64
}

fn late_seconds(record: &RunRecord, judged: &Judged, often: Vec<u32>) -> BTreeSet<u32> {
    let once = record.generator.iter().filter(|second| second.send_lag_max_ns > LATE_ONCE);
    let all = once.map(|second| second.second).chain(often);
    all.filter(|second| judged.contains(*second)).collect()
}

fn is_often_late(times: &PackedTimes<'_>) -> bool {
    let late: u64 = times.of(Phase::SendLag).map(|lag| lag.count_from(LATE_OFTEN)).sum();
    late > 0 && late * 100 > times.of(Phase::SendLag).map(|lag| lag.count()).sum()
}

fn disturbed_seconds(record: &RunRecord, judged: &Judged) -> BTreeSet<u32> {
    let taken = record.generator.iter().filter(|second| {
        second.steal.unwrap_or(0.0) > MUCH_STEAL
            || second.cpu_pressure.unwrap_or(0.0) > MUCH_PRESSURE
    });
    let taken = taken.map(|second| second.second);
    let busy = busy_spans(record).flatten().map(|second| second.second);
    taken.chain(busy).filter(|second| judged.contains(*second)).collect()
}

/// Stretches of 5 s in which the busiest worker of a generator used more than 80 % of a core.
pub fn busy_spans(record: &RunRecord) -> impl Iterator<Item = Vec<&GeneratorSecond>> {
    by_generator(record).into_iter().flat_map(|seconds| {
        let spans = seconds.windows(BUSY_SPAN).filter(|span| mean_worker(span) > BUSY_WORKER);
        spans.map(<[_]>::to_vec).collect::<Vec<_>>()
    })
}

/// The seconds of each generator.
fn by_generator(record: &RunRecord) -> Vec<Vec<&GeneratorSecond>> {
    let mut all = vec![Vec::new(); record.head.generators.len()];
    for second in &record.generator {
        if let Some(of_one) = all.get_mut(second.generator.index()) {
            of_one.push(second);
        }
    }
    all
}

/// The mean use of the busiest worker.
pub fn mean_worker(span: &[&GeneratorSecond]) -> f64 {
    span.iter().map(|second| second.busiest_worker).sum::<f64>() / span.len().max(1) as f64
}
