//! The gauges that are known, in one table: how each is called and where its value is read.
//!
//! What a process tree uses and what the target's metrics say come in, the values of a second
//! go out. Of what is counted, the growth per second since it was last read is a second's value.

use std::time::Instant;

use super::procfs::TreeUsage;
use super::prometheus::{Metric, Metrics};
use crate::record::gauge::{self, Gauge, GaugeId, Kind, Unit, of_metrics};
use crate::record::telemetry::TargetSecond;

/// A gauge and where its value is read.
#[derive(Debug)]
pub struct Known {
    /// What the record says of it.
    pub gauge: Gauge,
    read: Read,
}

/// Where a value is read.
#[derive(Debug)]
enum Read {
    /// Of the target's processes; what is counted, since their start.
    Processes(fn(&TreeUsage) -> f64),
    /// All series of the first of these metrics that is there, added up.
    Sum(&'static [Metric]),
    /// The largest of all series of all these metrics; of two that say the same, the first.
    Longest(&'static [Metric]),
}

const fn known(gauge: Gauge, read: Read) -> Known {
    Known { gauge, read }
}

const fn named(name: &'static str) -> Metric {
    Metric::named(name)
}

/// All gauges. A new one needs an entry here and nothing else.
pub const KNOWN: &[Known] = &[
    known(gauge::CPU, Read::Processes(|usage| usage.cpu.as_secs_f64())),
    known(gauge::CPU_SYSTEM, Read::Processes(|usage| usage.system.as_secs_f64())),
    known(gauge::RSS, Read::Processes(|usage| usage.rss as f64)),
    known(gauge::EVENT_LOOP_DELAY, Read::Longest(EVENT_LOOP_DELAY)),
    known(gauge::DESCRIPTORS, Read::Processes(|usage| usage.descriptors as f64)),
    known(gauge::THREADS, Read::Processes(|usage| usage.threads as f64)),
    known(gauge::POOL_IN_USE, Read::Sum(POOL_IN_USE)),
    known(gauge::POOL_WAITING, Read::Sum(POOL_WAITING)),
    known(of_metrics("gc_time", "GC time", Unit::Seconds, Kind::Counter), Read::Sum(GC_TIME)),
    known(of_metrics("allocated", "allocated", Unit::Bytes, Kind::Counter), Read::Sum(ALLOCATED)),
];

/// prom-client, OpenTelemetry, and what people write by hand after them. Histograms that are
/// reset at each scrape: a single stop in a second is in no percentile, but in the maximum.
const EVENT_LOOP_DELAY: &[Metric] = &[
    named("nodejs_eventloop_lag_max_seconds"),
    named("nodejs_eventloop_delay_max_seconds"),
    named("nodejs_eventloop_delay_seconds").with("quantile", "1"),
    named("event_loop_delay_max_seconds"),
    named("event_loop_delay_max_ms").times(1e-3),
    named("nodejs_eventloop_delay_p99_seconds"),
    named("nodejs_eventloop_lag_p99_seconds"),
    named("nodejs_eventloop_delay_seconds").with("quantile", "0.99"),
    named("event_loop_delay_seconds").with("quantile", "0.99"),
    named("event_loop_delay_p99_seconds"),
    named("event_loop_delay_p99_ms").times(1e-3),
    named("nodejs_eventloop_lag_p90_seconds"),
    named("nodejs_eventloop_delay_p90_seconds"),
    named("nodejs_eventloop_lag_seconds"),
    named("event_loop_delay_seconds"),
    named("event_loop_lag_seconds"),
    named("event_loop_delay_ms").times(1e-3),
    named("event_loop_lag_ms").times(1e-3),
];

/// By hand, node-postgres, `HikariCP`, Prisma, OpenTelemetry, Go, `PgBouncer`.
const POOL_IN_USE: &[Metric] = &[
    named("db_pool_in_use"),
    named("pg_pool_in_use"),
    named("pg_pool_active"),
    named("pool_in_use"),
    named("hikaricp_connections_active"),
    named("prisma_pool_connections_busy"),
    named("db_client_connection_count").with("db_client_connection_state", "used"),
    named("db_client_connection_count").with("state", "used"),
    named("db_client_connections_usage").with("state", "used"),
    named("go_sql_in_use_connections"),
    named("pgbouncer_pools_server_active_connections"),
];

/// The same.
const POOL_WAITING: &[Metric] = &[
    named("db_pool_waiting"),
    named("pg_pool_waiting"),
    named("pg_pool_waiting_count"),
    named("pool_waiting"),
    named("hikaricp_connections_pending"),
    named("prisma_client_queries_wait"),
    named("db_client_connection_pending_requests"),
    named("db_client_connections_pending_requests"),
    named("pgbouncer_pools_client_waiting_connections"),
];

/// prom-client's default metrics, OpenTelemetry for Node, Micrometer, the JVM client and
/// OpenTelemetry for Java, Go, .NET. A histogram's sum, by kind of collection.
const GC_TIME: &[Metric] = &[
    named("nodejs_gc_duration_seconds_sum"),
    named("v8js_gc_duration_seconds_sum"),
    named("jvm_gc_pause_seconds_sum"),
    named("jvm_gc_collection_seconds_sum"),
    named("jvm_gc_duration_seconds_sum"),
    named("go_gc_duration_seconds_sum"),
    named("dotnet_gc_pause_time_seconds_total"),
];

/// By hand, Go, Micrometer, the JVM client, .NET. prom-client has none of its own.
const ALLOCATED: &[Metric] = &[
    named("nodejs_allocated_bytes_total"),
    named("go_memstats_alloc_bytes_total"),
    named("jvm_gc_memory_allocated_bytes_total"),
    named("jvm_memory_pool_allocated_bytes_total"),
    named("dotnet_gc_heap_total_allocated_bytes_total"),
];

/// What the record says of them.
pub fn table() -> Vec<Gauge> {
    KNOWN.iter().map(|known| known.gauge.clone()).collect()
}

/// What was read of one gauge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    id: GaugeId,
    value: f64,
    /// The metric that it is of; none of what the processes use.
    metric: Option<&'static str>,
}

/// What a process tree says of all gauges of it.
pub fn of_processes(usage: &TreeUsage) -> Vec<Reading> {
    readings(|read| match read {
        Read::Processes(of) => Some((of(usage), None)),
        Read::Sum(_) | Read::Longest(_) => None,
    })
}

/// What a scrape says of all gauges of the metrics.
pub fn of_metrics_page(metrics: &Metrics) -> Vec<Reading> {
    readings(|read| match read {
        Read::Processes(_) => None,
        Read::Sum(of) => summed(of, metrics),
        Read::Longest(of) => longest(of, metrics),
    })
}

type Value = (f64, Option<&'static str>);

fn readings(value: impl Fn(&Read) -> Option<Value>) -> Vec<Reading> {
    let reading = |(id, known): (u16, &Known)| {
        let (value, metric) = value(&known.read)?;
        Some(Reading { id: GaugeId(id), value, metric })
    };
    (0..).zip(KNOWN).filter_map(reading).collect()
}

fn summed(of: &[Metric], metrics: &Metrics) -> Option<Value> {
    of.iter().find_map(|metric| {
        let values = metric.values(metrics);
        (!values.is_empty()).then(|| (values.iter().sum(), Some(metric.name)))
    })
}

fn longest(of: &[Metric], metrics: &Metrics) -> Option<Value> {
    let each = of.iter().filter_map(|metric| {
        let largest = metric.values(metrics).into_iter().reduce(f64::max)?;
        Some((largest, Some(metric.name)))
    });
    each.reduce(|best, next| if next.0 > best.0 { next } else { best })
}

/// Makes values of a second of what was read, one time after the other.
#[derive(Debug, Default)]
pub struct Readings {
    /// What was read of each counter the last time, and when that was.
    before: Vec<Option<(Reading, Instant)>>,
}

impl Readings {
    /// A second before anything of it is read.
    pub fn second(second: u32) -> TargetSecond {
        TargetSecond { second, values: vec![None; KNOWN.len()], ..TargetSecond::default() }
    }

    /// Adds to a second what was read at a moment.
    pub fn add(&mut self, found: Vec<Reading>, at: Instant, second: &mut TargetSecond) {
        for reading in found {
            let known = &KNOWN[reading.id.index()];
            let value = match known.gauge.kind {
                Kind::Gauge => Some(reading.value),
                Kind::Counter => self.growth(reading, at),
            };
            second.values[reading.id.index()] = value.filter(|value| value.is_finite());
            if let (Read::Longest(_), Some(metric)) = (&known.read, reading.metric) {
                second.series.insert(reading.id, metric.to_owned());
            }
        }
    }

    /// Per second; `None` the first time, and where the target counts anew.
    fn growth(&mut self, reading: Reading, at: Instant) -> Option<f64> {
        self.before.resize(KNOWN.len(), None);
        let (before, then) = self.before[reading.id.index()].replace((reading, at))?;
        let grown = reading.value - before.value;
        let is_same = before.metric == reading.metric && grown >= 0.0;
        is_same.then(|| grown / at.duration_since(then).as_secs_f64())
    }

    /// Forgets what the processes had used, as they are gone.
    pub fn lost_processes(&mut self) {
        let is_of_metrics = |it: &(Reading, Instant)| it.0.metric.is_some();
        self.before.iter_mut().for_each(|it| *it = it.filter(is_of_metrics));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::target::prometheus::parse;
    use crate::target::prometheus::tests::PROM_CLIENT;

    fn id(gauge: &Gauge) -> GaugeId {
        gauge::find(&table(), gauge).unwrap()
    }

    fn picked(text: &str, gauge: &Gauge) -> Option<(f64, &'static str)> {
        let found = of_metrics_page(&parse(text.as_bytes()));
        let found = found.into_iter().find(|reading| reading.id == id(gauge))?;
        Some((found.value, found.metric.unwrap()))
    }

    fn value(text: &str, gauge: &Gauge) -> Option<f64> {
        picked(text, gauge).map(|(value, _)| value)
    }

    #[test]
    fn a_real_scrape_has_its_gauges() {
        assert_eq!(value(PROM_CLIENT, &gauge::EVENT_LOOP_DELAY), Some(0.012_427_263));
        assert_eq!(value(PROM_CLIENT, &gauge::POOL_IN_USE), Some(9.0));
        assert_eq!(value(PROM_CLIENT, &gauge::POOL_WAITING), Some(3.0));
        let gc = &KNOWN.iter().find(|known| known.gauge.name == "gc_time").unwrap().gauge;
        let all_kinds = value(PROM_CLIENT, gc).unwrap();
        assert!((all_kinds - 0.501_857).abs() < 1e-6, "{all_kinds}");
    }

    /// Records are read by these names.
    #[test]
    fn the_table_begins_with_what_records_had_before_it() {
        assert_eq!(table()[..gauge::BEFORE_4.len()], gauge::BEFORE_4);
    }

    #[test]
    fn names_are_unique_and_plain() {
        let mut names: Vec<_> = KNOWN.iter().map(|known| known.gauge.name.as_ref()).collect();
        assert!(names.iter().all(|it| it.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KNOWN.len());
    }

    /// What seconds say of a counter that was read so, a second apart.
    fn seconds(readings: &[(f64, Option<&'static str>)], gauge: &Gauge) -> Vec<Option<f64>> {
        let (mut made, start) = (Readings::default(), Instant::now());
        let mut second = |(place, &(value, metric)): (u64, &Value)| {
            let mut second = Readings::second(0);
            let at = start + Duration::from_secs(place);
            made.add(vec![Reading { id: id(gauge), value, metric }], at, &mut second);
            second.value(id(gauge))
        };
        (0..).zip(readings).map(&mut second).collect()
    }

    #[test]
    fn what_is_counted_is_told_as_its_growth() {
        let of = |value| (value, Some("a"));
        let cpu = [(7.0, None), (7.5, None), (7.5, None)];
        assert_eq!(seconds(&cpu, &gauge::CPU), [None, Some(0.5), Some(0.0)]);
        let again = [of(7.0), of(1.0), of(1.25)];
        assert_eq!(seconds(&again, &gauge::CPU), [None, None, Some(0.25)], "the target restarted");
        let other = [of(7.0), (9.0, Some("b")), (9.5, Some("b"))];
        assert_eq!(seconds(&other, &gauge::CPU), [None, None, Some(0.5)], "another metric");
        assert_eq!(seconds(&[of(9.0), of(4.0)], &gauge::RSS), [Some(9.0), Some(4.0)]);
    }

    #[test]
    fn processes_that_are_gone_have_no_growth() {
        let (mut readings, start) = (Readings::default(), Instant::now());
        let usage =
            |seconds| TreeUsage { cpu: Duration::from_secs(seconds), ..TreeUsage::default() };
        let mut second = Readings::second(0);
        readings.add(of_processes(&usage(5)), start, &mut second);
        readings.lost_processes();
        readings.add(of_processes(&usage(6)), start + Duration::from_secs(1), &mut second);
        assert_eq!(second.value(id(&gauge::CPU)), None);
        readings.add(of_processes(&usage(7)), start + Duration::from_secs(2), &mut second);
        assert_eq!(second.value(id(&gauge::CPU)), Some(1.0));
    }

    #[track_caller]
    fn delay(text: &str, expected: Option<f64>) {
        assert_eq!(value(text, &gauge::EVENT_LOOP_DELAY), expected, "{text}");
    }

    #[test]
    fn the_longest_delay_of_the_event_loop_is_picked_with_its_name() {
        for (text, expected, name) in [
            (
                "nodejs_eventloop_lag_seconds 0.001\nnodejs_eventloop_lag_max_seconds 0.41\n\
                 nodejs_eventloop_lag_p90_seconds 0.02\nnodejs_eventloop_lag_p99_seconds 0.03",
                0.41,
                "nodejs_eventloop_lag_max_seconds",
            ),
            (
                "nodejs_eventloop_lag_seconds 0.3\nnodejs_eventloop_lag_max_seconds 0.2",
                0.3,
                "nodejs_eventloop_lag_seconds",
            ),
            (
                "app_event_loop_delay_max_ms 50\nevent_loop_delay_p99_ms 50",
                0.05,
                "event_loop_delay_max_ms",
            ),
        ] {
            assert_eq!(picked(text, &gauge::EVENT_LOOP_DELAY), Some((expected, name)), "{text}");
        }
    }

    #[test]
    fn the_best_usable_metric_is_picked() {
        delay("nodejs_eventloop_lag_seconds 1\nnodejs_eventloop_lag_p99_seconds 2", Some(2.0));
        delay("nodejs_eventloop_lag_seconds 1\nnodejs_eventloop_lag_p99_seconds Nan", Some(1.0));
        delay("shop_nodejs_eventloop_lag_p99_seconds 2", Some(2.0));
        delay("notnodejs_eventloop_lag_p99_seconds 2", None);
        delay(
            "nodejs_eventloop_lag_p99_seconds{pid=\"1\"} 2\nnodejs_eventloop_lag_p99_seconds{pid=\"2\"} 3",
            Some(3.0),
        );
        delay("nodejs_eventloop_delay_seconds{quantile=\"0.5\"} 2", None);
        delay("nodejs_eventloop_delay_seconds{quantile=\"0.99\"} 4", Some(4.0));
        delay("nodejs_eventloop_delay_seconds{quantile=\"1\"} 5", Some(5.0));
        delay("event_loop_delay_ms 250", Some(0.25));
        delay("nodejs_eventloop_lag_seconds -1", None);
        delay("", None);
    }
}
