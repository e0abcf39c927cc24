//! What charts show: series over time and percentile curves.
//!
//! Long runs have wider bins, in which counts are added and histograms merged;
//! percentiles are never averaged.

use crate::analysis::assessment::{Curves, Timeline};
use crate::analysis::gauges::TargetLines;
use crate::analysis::summary::answered;
use crate::analysis::totals::{Totals, drained};
use crate::record::histogram::{Live, Sparse};
use crate::record::interval::StepCounts;
use crate::record::outcome::Outcome;
use crate::record::phase::Phase;
use crate::record::run::RunRecord;
use crate::record::telemetry::{GeneratorSecond, TargetSecond};

/// The most bins that a chart gets.
const MOST_BINS: u32 = 360;
/// Widths that people read easily, in seconds.
const WIDTHS: [u32; 13] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600];
/// The shortest time that a rate is computed over, in seconds.
const SHORTEST_COVERED: f64 = 0.5;
/// The most points of a curve.
const MOST_POINTS: usize = 120;
/// Points until half of what remains to 1 is done.
const TICKS_PER_HALF: u32 = 5;

/// The whole run over time.
pub fn timeline(record: &RunRecord) -> Timeline {
    let seconds = last_second(record).map_or(0, |last| last.saturating_add(1));
    let width = bin_width(seconds);
    let mut line = Timeline {
        bin_seconds: width,
        outcomes: vec![Vec::new(); Outcome::COUNT],
        target: TargetLines::empty(&record.head.gauges),
        ..Timeline::default()
    };
    let (mut adder, together) = (Live::default(), record.together());
    for start in (0..seconds).step_by(width as usize) {
        let bin = Bin::of((record, &together), (start, start.saturating_add(width)), &mut adder);
        line.starts.push(start);
        line.covered.push(covered(record, start, width.min(seconds - start)));
        push_requests(&mut line, &bin);
        push_telemetry(&mut line, &bin);
    }
    line
}

fn last_second(record: &RunRecord) -> Option<u32> {
    let requests = record.seconds.last();
    let generator = record.generator.last().map(|second| second.second);
    requests.max(generator).max(record.target.last().map(|second| second.second))
}

fn bin_width(seconds: u32) -> u32 {
    let least = seconds.div_ceil(MOST_BINS).max(1);
    WIDTHS.into_iter().find(|width| *width >= least).unwrap_or(least)
}

/// How long a bin really lasted: a run may end within its last second.
fn covered(record: &RunRecord, start: u32, width: u32) -> f64 {
    let ended = record.end.as_ref().map_or(f64::MAX, |end| end.seconds);
    (ended - f64::from(start)).clamp(SHORTEST_COVERED, f64::from(width))
}

/// One bin's data.
struct Bin<'a> {
    counts: StepCounts,
    response: Sparse,
    generator: &'a [GeneratorSecond],
    target: &'a [TargetSecond],
}

impl<'a> Bin<'a> {
    fn of(
        (record, generator): (&'a RunRecord, &'a [GeneratorSecond]),
        (from, to): (u32, u32),
        adder: &mut Live,
    ) -> Bin<'a> {
        let mut counts = StepCounts::default();
        for second in record.seconds.range(from..to) {
            second.counts().iter().for_each(|step| counts.add(step));
            second.times().of(Phase::Response).for_each(|response| response.add_to(adder));
        }
        Bin {
            counts,
            response: drained(adder),
            generator: between(generator, from, to, |second| second.second),
            target: between(&record.target, from, to, |second| second.second),
        }
    }
}

fn between<T>(seconds: &[T], from: u32, to: u32, of: impl Fn(&T) -> u32) -> &[T] {
    let start = seconds.partition_point(|second| of(second) < from);
    let end = seconds.partition_point(|second| of(second) < to);
    &seconds[start..end.max(start)]
}

fn push_requests(line: &mut Timeline, bin: &Bin) {
    let seconds = line.covered.last().copied().unwrap_or(1.0);
    let rate = |count: u64| count as f64 / seconds;
    let millis = |micros: Option<f64>| micros.map(|micros| micros / 1e3);
    line.p50.push(millis(bin.response.quantile(0.5)));
    line.p95.push(millis(bin.response.quantile(0.95)));
    line.p99.push(millis(bin.response.quantile(0.99)));
    line.max.push(millis(bin.response.max()));
    line.offered.push(rate(bin.counts.planned));
    line.sent.push(rate(bin.counts.sent));
    line.completed.push(rate(answered(&bin.counts)));
    for (series, outcome) in line.outcomes.iter_mut().zip(Outcome::ALL) {
        series.push(rate(bin.counts.outcome(outcome)));
    }
}

fn push_telemetry(line: &mut Timeline, bin: &Bin) {
    let peaks = bin.generator.iter().map(|second| second.in_flight_peak as f64);
    line.in_flight.push(highest(peaks));
    line.generator_cpu.push(mean(bin.generator.iter().map(|second| second.cpu)));
    line.target.push(bin.target);
}

fn highest(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.reduce(f64::max)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    crate::analysis::stats::mean(&values)
}

/// The percentile curves of the judged window.
pub fn curves(total: &Totals) -> Curves {
    Curves {
        response: curve(&total.times[Phase::Response]),
        service: curve(&total.times[Phase::Service]),
    }
}

/// The percentile curve of times in microseconds.
pub fn curve(micros: &Sparse) -> Vec<(f64, f64)> {
    let point = |share: f64| micros.quantile(share).map(|micros| (share, micros / 1e3));
    ticks(micros.count()).into_iter().filter_map(point).collect()
}

/// Shares from 0 towards 1, five for each halving of what remains, up to `1 − 1/n`.
fn ticks(count: u64) -> Vec<f64> {
    let last = 1.0 - 1.0 / count.max(1) as f64;
    let mut ticks = Vec::new();
    for tick in 0_u32.. {
        let remains = 0.5_f64.powf(f64::from(tick / TICKS_PER_HALF));
        let inside = f64::from(tick % TICKS_PER_HALF) / f64::from(TICKS_PER_HALF);
        let share = 1.0 - remains * (1.0 - inside / 2.0);
        if share >= last || ticks.len() + 1 >= MOST_POINTS {
            break;
        }
        ticks.push(share);
    }
    ticks.push(last);
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_wide_enough_to_be_few() {
        for (seconds, width) in
            [(0, 1), (1, 1), (360, 1), (361, 2), (3_600, 10), (10_800, 30), (u32::MAX, 11_930_465)]
        {
            assert_eq!(bin_width(seconds), width, "{seconds}");
            assert!(seconds.div_ceil(width) <= MOST_BINS);
        }
    }

    #[test]
    fn curves_are_dense_towards_one_and_end_with_the_data() {
        for count in [1, 2, 100, 1_000_000, u64::MAX] {
            let ticks = ticks(count);
            assert!(ticks.len() <= MOST_POINTS && ticks.is_sorted(), "{count}");
            assert!(ticks.windows(2).all(|pair| pair[0] < pair[1]), "{count}: {ticks:?}");
        }
        let ticks = ticks(1_000);
        assert!((ticks[ticks.len() - 1] - 0.999).abs() < 1e-12 && ticks[0] == 0.0);
        assert!(ticks.iter().filter(|share| **share >= 0.9).count() > ticks.len() / 2);
    }
}
