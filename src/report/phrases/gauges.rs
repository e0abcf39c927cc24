//! What there is to say of the target's gauges, whichever they are.

use crate::analysis::gauges::{CostUnit, PerRequest, Seen};
use crate::record::gauge::{self, Gauge, Kind, Unit};
use crate::report::document::quantity::Quantity;

/// Those that are in the record and in no report.
const UNTOLD: [Gauge; 2] = [gauge::CPU_SYSTEM, gauge::THREADS];

/// The name, the mean and the highest second of a gauge, if it was seen.
pub(in crate::report) fn row(seen: &Seen) -> Option<(String, Quantity, Quantity)> {
    let Seen { gauge, values, series } = seen;
    let values = values.filter(|_| UNTOLD.iter().all(|it| it.name != gauge.name))?;
    let name = format!("{}{}", gauge.label, which(series.as_deref()));
    Some((name, quantity(gauge, values.mean), quantity(gauge, values.max)))
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

/// The value of a gauge, per second if it is counted.
fn quantity(gauge: &Gauge, value: f64) -> Quantity {
    match (gauge.kind, gauge.unit) {
        (Kind::Gauge, Unit::CpuSeconds | Unit::Seconds) => Quantity::Millis(value),
        (Kind::Gauge, Unit::Bytes) => Quantity::Bytes(value),
        (Kind::Gauge, Unit::Number) => Quantity::Number(value),
        (Kind::Counter, Unit::CpuSeconds) => Quantity::Cores(value),
        (Kind::Counter, Unit::Seconds) => Quantity::Share(value),
        (Kind::Counter, Unit::Bytes) => Quantity::ByteRate(value),
        (Kind::Counter, Unit::Number) => Quantity::Rate(value),
    }
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
    use crate::record::gauge::of_metrics;

    fn gc() -> Gauge {
        of_metrics("gc_time", "GC time", Unit::Seconds, Kind::Counter)
    }

    #[track_caller]
    fn check(gauge: Gauge, series: Option<&str>, expected: Option<[&str; 3]>) {
        let (values, series) = (Some(MeanMax { mean: 0.02, max: 2.5 }), series.map(str::to_owned));
        let found = row(&Seen { gauge, values, series });
        let found = found.map(|(name, mean, max)| [name, mean.to_string(), max.to_string()]);
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
