//! What there is to say of the target's gauges, whichever they are.

use crate::analysis::fullness::{Correlated, Filled};
use crate::analysis::gauges::{CostUnit, PerRequest, Seen, ValueUnit, unit_of};
use crate::record::gauge::{self, Gauge, Source};
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::quantity::Quantity;
use crate::report::figures;

/// Those that are in the record and in no report.
const UNTOLD: [Gauge; 6] = [
    gauge::CPU_SYSTEM,
    gauge::CPU_WAIT,
    gauge::THREADS,
    gauge::PROCESS_CHANGES,
    gauge::PROCESS_START,
    gauge::TOLD_RSS,
];
/// Those that are told where there is little room.
const FIRST: [Gauge; 10] = [
    gauge::CPU,
    gauge::RSS,
    gauge::EVENT_LOOP_DELAY,
    gauge::EVENT_LOOP_UTILISATION,
    gauge::DESCRIPTORS,
    gauge::POOL_IN_USE,
    gauge::POOL_WAITING,
    gauge::HEAP_USED,
    gauge::CPU_THROTTLED,
    gauge::POSTGRES_LOCK_WAITS,
];

/// Where a gauge is told: all of them on a page. That nothing was stopped and nobody waited is no
/// news elsewhere.
fn shown_where(gauge: &Gauge, highest: f64) -> Shown {
    let is_quiet = matches!(gauge.source, Source::Group | Source::Database) && highest <= 0.0;
    let is_first = FIRST.iter().any(|it| it.name == gauge.name) && !is_quiet;
    let is_told = is_first || gauge.source == Source::Watched || gauge.name == "gc_time";
    if is_told { Shown::Everywhere } else { Shown::Only(Medium::Page) }
}

/// How much of something there was over the judged seconds.
pub(in crate::report) struct Level {
    /// Of what.
    pub(in crate::report) name: String,
    /// On average.
    pub(in crate::report) mean: Quantity,
    /// In the highest second.
    pub(in crate::report) highest: Quantity,
    /// Where there is room for it.
    pub(in crate::report) shown: Shown,
}

/// The mean and the highest second of a gauge, if it was seen.
pub(in crate::report) fn level(seen: &Seen) -> Option<Level> {
    let Seen { gauge, values, series } = seen;
    let values = values.filter(|_| UNTOLD.iter().all(|it| it.name != gauge.name))?;
    let name = format!("{}{}", gauge.label, which(series.as_deref()));
    let of = quantity(unit_of(gauge));
    Some(Level {
        name,
        mean: of(values.mean),
        highest: of(values.max),
        shown: shown_where(gauge, values.max),
    })
}

/// Which of a second's values a series is of; the whole series is in `summary.json`.
fn which(series: Option<&str>) -> &'static str {
    match series {
        Some(series) if series.contains("_max") => " (max)",
        Some(series) if series.contains("p99") => " (p99)",
        Some(series) if series.contains("p90") => " (p90)",
        Some(_) | None => "",
    }
}

/// `31.0 µs GC time, 412 kB allocated`; `None` where nothing is counted.
pub(in crate::report) fn per_request(all: &[PerRequest]) -> Option<String> {
    let each = all.iter().map(|it| format!("{} {}", cost(it.unit, it.value), it.label));
    let each: Vec<String> = each.collect();
    (!each.is_empty()).then(|| each.join(", "))
}

/// How the value of a gauge is written.
pub(in crate::report) fn quantity(unit: ValueUnit) -> fn(f64) -> Quantity {
    match unit {
        ValueUnit::Milliseconds => Quantity::Millis,
        ValueUnit::Bytes => Quantity::Bytes,
        ValueUnit::BytesPerSecond => Quantity::ByteRate,
        ValueUnit::Share => Quantity::Share,
        ValueUnit::Cores => Quantity::Cores,
        ValueUnit::PerSecond => Quantity::Rate,
        ValueUnit::Number => Quantity::Number,
    }
}

/// `the connection pool, since second 3: full in 92 % of the seconds, up to 4 of 4 connections in
/// use, up to 23 waiting for one; then the event loop since second 9`.
pub(in crate::report) fn filled(all: &[Filled]) -> Option<String> {
    let first = all.first()?;
    let then: Vec<String> =
        all[1..].iter().map(|it| format!("{} {}", it.what, since(it.since))).collect();
    let then = if then.is_empty() { String::new() } else { format!("; then {}", then.join(", ")) };
    Some(format!(
        "{}, {}: full in {} of the seconds, {}{then}",
        first.what,
        since(first.since),
        figures::share(first.share),
        first.evidence
    ))
}

fn since(second: u32) -> String {
    if second == 0 { "from the start".to_owned() } else { format!("since second {second}") }
}

/// `pool waiting (0.93, 2 s before it), target CPU (0.71, in the same seconds)`.
pub(in crate::report) fn moved(all: &[Correlated]) -> Option<String> {
    let each: Vec<String> = all.iter().map(one_moved).collect();
    (!each.is_empty()).then(|| format!("{}; a correlation, not a cause", each.join(", ")))
}

fn one_moved(moved: &Correlated) -> String {
    let seconds = figures::seconds(moved.seconds_before.abs());
    let when = match moved.seconds_before {
        before if before > 0.0 => format!("{seconds} before it"),
        before if before < 0.0 => format!("{seconds} after it"),
        _ => "in the same seconds".to_owned(),
    };
    format!("{} ({}, {when})", moved.label, Quantity::Correlation(moved.correlation))
}

/// What one request has of something that is counted.
pub(in crate::report) fn cost(unit: CostUnit, value: f64) -> Quantity {
    match unit {
        CostUnit::Milliseconds => Quantity::Millis(value),
        CostUnit::Bytes => Quantity::Bytes(value),
        CostUnit::Number => Quantity::Number(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::gauges::MeanMax;
    use crate::record::gauge::{Kind, Unit, of_metrics};

    fn gc() -> Gauge {
        of_metrics("gc_time", "GC time", Unit::Seconds, Kind::Counter)
    }

    #[track_caller]
    fn check(gauge: Gauge, series: Option<&str>, expected: Option<[&str; 3]>) {
        let (values, series) = (Some(MeanMax { mean: 0.02, max: 2.5 }), series.map(str::to_owned));
        let found = level(&Seen { gauge, values, series });
        let found = found.map(|it| [it.name, it.mean.to_string(), it.highest.to_string()]);
        assert_eq!(found, expected.map(|texts| texts.map(str::to_owned)));
    }

    #[test]
    fn a_gauge_that_nobody_knows_is_told_by_its_unit() {
        check(gc(), None, Some(["GC time", "2 %", "250 %"]));
        check(gauge::CPU, None, Some(["target CPU", "0.02 cores", "2.5 cores"]));
        check(gauge::THREADS, None, None);
        let lag = Some("nodejs_eventloop_lag_max_seconds");
        let expected = ["event-loop delay (max)", "20.0 µs", "2.50 ms"];
        check(gauge::EVENT_LOOP_DELAY, lag, Some(expected));
        let opened = of_metrics("opened", "files opened", Unit::Number, Kind::Counter);
        check(opened, None, Some(["files opened", "0.02/s", "2.5/s"]));
    }

    #[test]
    fn costs_are_told_in_one_line() {
        let of = |label: &str, unit, value| PerRequest {
            name: String::new(),
            label: label.to_owned(),
            unit,
            value,
        };
        let gc = of("GC time", CostUnit::Milliseconds, 0.031);
        let said = per_request(&[gc, of("allocated", CostUnit::Bytes, 412_000.0)]);
        assert_eq!(said.as_deref(), Some("31.0 µs GC time, 412 kB allocated"));
        assert_eq!(per_request(&[]), None);
    }
}
