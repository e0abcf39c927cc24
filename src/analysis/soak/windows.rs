//! What each window of a soak says of each thing that is watched: one value, or none.
//!
//! Memory, descriptors and threads by their least value, below which they do not come back;
//! what goes up and down by itself by its median. A window of which too little was seen has no
//! value.

use crate::analysis::evidence::is_bad;
use crate::analysis::soak::found::Metric;
use crate::analysis::stats::median;
use crate::analysis::totals::drained;
use crate::record::gauge::{self, Gauge};
use crate::record::histogram::Live;
use crate::record::interval::StepCounts;
use crate::record::outcome::Outcome;
use crate::record::phase::Phase;
use crate::record::run::RunRecord;
use crate::scenario::slo::FailureShare;

/// A window needs a value in every tenth of its seconds at least.
const SEEN_SHARE: u32 = 10;
/// Fewer requests have no median to speak of, and no p99.
const FEWEST_FOR_P50: u64 = 20;
const FEWEST_FOR_P99: u64 = 100;
/// No event-loop delay is told from a shorter one, in milliseconds.
const LEAST_DELAY: f64 = 0.1;

/// Where the windows are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid<'a> {
    /// The first second of each.
    pub(super) starts: &'a [u32],
    /// Seconds of each.
    pub(super) width: u32,
}

/// What the windows say of the requests.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// The median response time in milliseconds.
    pub(super) p50: Vec<Option<f64>>,
    /// The 99th percentile.
    pub(super) p99: Vec<Option<f64>>,
    /// The share that failed.
    pub(super) errors: Vec<Option<f64>>,
}

impl Grid<'_> {
    /// One number for each window out of what was seen in its seconds, ascending.
    fn reduced(
        &self,
        seen: &[(u32, f64)],
        reduce: impl Fn(&[f64]) -> Option<f64>,
    ) -> Vec<Option<f64>> {
        let fewest = (self.width / SEEN_SHARE).max(1) as usize;
        let of_window = |start: &u32| {
            let from = seen.partition_point(|(second, _)| second < start);
            let to = seen.partition_point(|(second, _)| *second < start + self.width);
            let values: Vec<f64> = seen[from..to.max(from)].iter().map(|(_, it)| *it).collect();
            (values.len() >= fewest).then(|| reduce(&values)).flatten()
        };
        self.starts.iter().map(of_window).collect()
    }

    /// What the windows say of the requests; reads each second once.
    pub(super) fn requests(&self, record: &RunRecord) -> Requests {
        let (mut found, mut adder) = (Requests::default(), Live::default());
        for start in self.starts {
            let mut counts = StepCounts::default();
            for second in record.seconds.range(*start..start + self.width) {
                second.counts().iter().for_each(|step| counts.add(step));
                second.times().of(Phase::Response).for_each(|it| it.add_to(&mut adder));
            }
            let times = drained(&mut adder);
            let quantile = |share: f64, fewest| {
                let enough = times.count() >= fewest;
                enough.then(|| times.quantile(share)).flatten().map(|micros| micros / 1e3)
            };
            found.p50.push(quantile(0.5, FEWEST_FOR_P50));
            found.p99.push(quantile(0.99, FEWEST_FOR_P99));
            found.errors.push(error_share(&counts));
        }
        found
    }

    /// What the windows say of a thing that was looked at once a second.
    pub(super) fn sampled(&self, record: &RunRecord, metric: Metric) -> Vec<Option<f64>> {
        let together = record.together();
        match metric {
            Metric::Memory => self.minima(&memory(record)),
            Metric::Heap => self.minima(&of_gauge(record, &gauge::HEAP_USED)),
            Metric::Descriptors => self.minima(&of_gauge(record, &gauge::DESCRIPTORS)),
            Metric::Threads => self.minima(&of_gauge(record, &gauge::THREADS)),
            Metric::EventLoopDelay => self.medians(&delays(record)),
            Metric::GeneratorMemory => {
                let seen = together.iter().filter(|it| it.rss > 0);
                self.minima(&seen.map(|it| (it.second, it.rss as f64)).collect::<Vec<_>>())
            }
            Metric::GeneratorDescriptors => {
                let seen = together.iter();
                let seen = seen.filter_map(|it| Some((it.second, f64::from(it.descriptors?))));
                self.minima(&seen.collect::<Vec<_>>())
            }
            Metric::GeneratorCpu => {
                let seen = together.iter().map(|it| (it.second, it.cpu));
                self.medians(&seen.collect::<Vec<_>>())
            }
            Metric::P50 | Metric::P99 | Metric::ErrorRate => Vec::new(),
        }
    }

    /// The median of each window.
    pub(super) fn medians(&self, seen: &[(u32, f64)]) -> Vec<Option<f64>> {
        self.reduced(seen, median)
    }

    fn minima(&self, seen: &[(u32, f64)]) -> Vec<Option<f64>> {
        self.reduced(seen, |values| values.iter().copied().reduce(f64::min))
    }

    /// By how much memory goes up and down within a window.
    pub(super) fn memory_swing(&self, record: &RunRecord) -> Option<f64> {
        let seen = memory(record);
        let swing = |values: &[f64]| {
            let minima = values.iter().copied().reduce(f64::min)?;
            Some(values.iter().copied().reduce(f64::max)? - minima)
        };
        median(&self.reduced(&seen, swing).into_iter().flatten().collect::<Vec<_>>())
    }
}

/// Memory of the target's processes; where they cannot be seen, what its metrics say of it.
fn memory(record: &RunRecord) -> Vec<(u32, f64)> {
    let own = of_gauge(record, &gauge::RSS);
    if own.is_empty() { of_gauge(record, &gauge::TOLD_RSS) } else { own }
}

fn of_gauge(record: &RunRecord, gauge: &Gauge) -> Vec<(u32, f64)> {
    let seen = record.gauge(gauge).filter(|(_, value)| value.is_finite());
    seen.map(|(second, value)| (second.second, value)).collect()
}

/// In milliseconds.
fn delays(record: &RunRecord) -> Vec<(u32, f64)> {
    let seen = of_gauge(record, &gauge::EVENT_LOOP_DELAY).into_iter();
    seen.map(|(second, delay)| (second, (delay * 1e3).max(LEAST_DELAY))).collect()
}

fn error_share(counts: &StepCounts) -> Option<f64> {
    let bad = Outcome::ALL.into_iter().filter(|it| is_bad(*it, FailureShare::Errors));
    let bad: u64 = bad.map(|outcome| counts.outcome(outcome)).sum();
    (counts.ended() > 0).then(|| bad as f64 / counts.ended() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample_records::{Requests as Made, add, run};

    const GRID: Grid<'static> = Grid { starts: &[10, 20, 30], width: 10 };

    #[test]
    fn a_window_has_its_least_value_or_its_median_if_enough_was_seen() {
        let seen: Vec<(u32, f64)> = (10..29).map(|it| (it, f64::from(it % 7))).collect();
        assert_eq!(GRID.minima(&seen), [Some(0.0), Some(0.0), None]);
        let swing: Vec<(u32, f64)> = (0..40).map(|it| (it, f64::from(it))).collect();
        assert_eq!(GRID.reduced(&swing, median), [Some(14.5), Some(24.5), Some(34.5)]);
        let rare = Grid { starts: &[0], width: 100 };
        let few: Vec<(u32, f64)> = (0..9).map(|it| (it * 10, 5.0)).collect();
        assert_eq!(rare.minima(&few), [None], "of 100 seconds 9 were seen");
    }

    #[test]
    fn windows_of_requests_have_quantiles_and_the_share_that_failed() {
        let mut record = run(40, 100.0);
        add(&mut record, 10..20, &[Made::ok(98, 20_000), Made::ok(2, 80_000)]);
        add(&mut record, 20..21, &[Made::ok(15, 20_000), Made::ended(5, Outcome::ServerError)]);
        let found = GRID.requests(&record);
        let near =
            |value: Option<f64>, expected: f64| (value.unwrap() / expected - 1.0).abs() < 0.02;
        assert!(near(found.p50[0], 20.0) && near(found.p99[0], 80.0), "{found:?}");
        assert_eq!((found.p50[1], found.p99[1]), (None, None), "15 answers");
        assert_eq!(found.errors, [Some(0.0), Some(0.25), None]);
    }
}
