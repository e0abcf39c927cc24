//! Which stretches of a soak have the same processes, and which of their seconds are judged.
//!
//! A restart resets what has leaked, and a fresh process warms up again. So values are compared
//! within a part only, and of each part the first quarter is left out, at least three windows
//! and, at the beginning, the declared warm-up.

use std::collections::BTreeMap;

use crate::analysis::soak::found::{Began, Stretch};
use crate::analysis::window::measured_seconds;
use crate::record::gauge::{self, Gauge};
use crate::record::run::RunRecord;

/// The share of a part that warms up.
const WARM_SHARE: f64 = 0.25;
/// And so many windows of it at least.
const WARM_WINDOWS: u32 = 3;
/// The least number of windows that tell.
pub(super) const WINDOWS_NEEDED: usize = 12;

/// The parts of a run, in their order.
pub(super) fn parts(record: &RunRecord, window: u32) -> Vec<Stretch> {
    let end = measured_seconds(record).floor() as u32;
    let mut begins = BTreeMap::from([(0, Began::Start)]);
    for (second, began) in changes(record).chain(resumes(record)) {
        begins.insert(second, began);
    }
    let ends: Vec<u32> = begins.keys().skip(1).copied().chain([end]).collect();
    let warmup = record.head.load.warmup_seconds().ceil() as u32;
    let parts = begins.into_iter().zip(ends).map(|((from, began), to)| {
        let to = to.min(end);
        let warm = warm_seconds(to.saturating_sub(from), window);
        let warm = if from == 0 { warm.max(warmup) } else { warm };
        Stretch { from, to, judged_from: from.saturating_add(warm).min(to), began }
    });
    parts.filter(|part| part.from < part.to).collect()
}

/// How much of a part warms up.
fn warm_seconds(length: u32, window: u32) -> u32 {
    let share = (f64::from(length) * WARM_SHARE).ceil() as u32;
    share.max(window.saturating_mul(WARM_WINDOWS))
}

/// The first seconds of the windows of a part; what is left over at its end is left out.
pub(super) fn windows(part: &Stretch, window: u32) -> impl Iterator<Item = u32> + use<> {
    let whole = (part.to - part.judged_from) / window;
    let from = part.judged_from;
    (0..whole).map(move |number| from + number * window)
}

/// How long a run of one part has to be for so many windows.
pub(super) fn seconds_for(windows: f64, window: u32) -> f64 {
    let judged = windows.ceil() * f64::from(window);
    (judged / (1.0 - WARM_SHARE)).max(judged + f64::from(window * WARM_WINDOWS))
}

fn resumes(record: &RunRecord) -> impl Iterator<Item = (u32, Began)> {
    record.head.resumed.iter().enumerate().map(|(index, resumed)| {
        let gap_seconds = record.head.gap_seconds(index);
        (resumed.from, Began::Resumed { gap_seconds, restarted: resumed.restarted })
    })
}

/// When processes came and went; where they cannot be seen, when the metrics say so.
fn changes(record: &RunRecord) -> impl Iterator<Item = (u32, Began)> {
    let sees_processes = record.gauge(&gauge::RSS).next().is_some();
    let (gauge, began) = if sees_processes {
        (&gauge::PROCESS_CHANGES, Began::ProcessesChanged)
    } else {
        (&gauge::PROCESS_START, Began::TargetRestarted)
    };
    steps(record, gauge).into_iter().map(move |second| (second, began))
}

/// The seconds in which a gauge has another value than before.
fn steps(record: &RunRecord, gauge: &Gauge) -> Vec<u32> {
    let mut seen = record.gauge(gauge).map(|(second, value)| (second.second, value));
    let Some((_, mut before)) = seen.next() else { return Vec::new() };
    let changed =
        seen.filter(|(_, value)| std::mem::replace(&mut before, *value).total_cmp(value).is_ne());
    changed.map(|(second, _)| second).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample_records::run;
    use crate::record::run::Resumed;
    use crate::record::telemetry::TargetSecond;

    fn with(record: &mut RunRecord, gauge: &Gauge, value: impl Fn(u32) -> f64) {
        record.head.gauges.push(gauge.clone());
        for second in &mut record.target {
            second.values.push(Some(value(second.second)));
        }
    }

    fn seen(seconds: u32) -> RunRecord {
        let mut record = run(seconds, 10.0);
        let table = record.head.gauges.clone();
        let second = |second| TargetSecond::of(second, &table, [(&gauge::RSS, 1e8)]);
        record.target = (0..seconds).map(second).collect();
        record
    }

    #[track_caller]
    fn check(record: &RunRecord, window: u32, expected: &[(u32, u32, u32)]) {
        let found: Vec<_> =
            parts(record, window).iter().map(|it| (it.from, it.judged_from, it.to)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_first_quarter_warms_up_and_three_windows_at_least() {
        check(&seen(7_200), 300, &[(0, 1_800, 7_200)]);
        check(&seen(1_200), 300, &[(0, 900, 1_200)]);
        check(&seen(600), 300, &[(0, 600, 600)]);
        let part = parts(&seen(7_200), 300)[0];
        assert_eq!(windows(&part, 300).count(), 18);
        assert_eq!(windows(&part, 2_000).collect::<Vec<_>>(), [1_800, 3_800]);
    }

    #[test]
    fn a_run_of_the_least_length_has_the_least_number_of_windows() {
        let least = seconds_for(WINDOWS_NEEDED as f64, 300);
        assert!((least - 4_800.0).abs() < 1e-9);
        let count = |seconds| {
            let part = parts(&seen(seconds), 300)[0];
            windows(&part, 300).count()
        };
        assert_eq!((count(4_800), count(4_799)), (WINDOWS_NEEDED, WINDOWS_NEEDED - 1));
    }

    #[test]
    fn changed_processes_begin_a_part_and_metrics_do_where_no_process_is_seen() {
        let mut record = seen(400);
        with(&mut record, &gauge::PROCESS_CHANGES, |second| f64::from(u8::from(second >= 100)));
        with(&mut record, &gauge::PROCESS_START, f64::from);
        check(&record, 10, &[(0, 30, 100), (100, 175, 400)]);
        let mut elsewhere = run(400, 10.0);
        let table = elsewhere.head.gauges.clone();
        elsewhere.target = (0..400).map(|it| TargetSecond::of(it, &table, [])).collect();
        with(&mut elsewhere, &gauge::PROCESS_START, |second| if second < 200 { 5.0 } else { 7.0 });
        check(&elsewhere, 10, &[(0, 50, 200), (200, 250, 400)]);
        assert_eq!(parts(&elsewhere, 10)[1].began, Began::TargetRestarted);
    }

    #[test]
    fn a_resumed_run_has_its_gap_between_two_parts() {
        let mut record = seen(400);
        let started_unix_ms = record.head.started_unix_ms + 160_000;
        let resumed = Resumed { from: 100, started_unix_ms, restarted: true, ..Resumed::default() };
        record.head.resumed = vec![resumed];
        check(&record, 10, &[(0, 30, 100), (100, 175, 400)]);
        let expected = Began::Resumed { gap_seconds: 60.0, restarted: true };
        assert_eq!(parts(&record, 10)[1].began, expected);
    }
}
