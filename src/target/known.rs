//! The gauges that are known, in one table: how each is called and where its value is read.
//!
//! A new gauge needs an entry here, and its name in [`crate::scenario::gauge`], where objectives
//! look for it.

use super::cgroup::GroupUsage;
use super::postgres::DatabaseUsage;
use super::pressure::Pressure;
use super::procfs::TreeUsage;
use super::prometheus::Metric;
use crate::record::gauge::{self, Gauge, Kind, Source, Unit, of, of_metrics, of_processes};

/// A gauge and where its value is read.
#[derive(Debug)]
pub struct Known {
    /// What the record says of it.
    pub gauge: Gauge,
    /// Where its value is.
    pub(super) read: Read,
}

/// Where a value is read; what is counted, since the start of whatever counts.
#[derive(Debug)]
pub(super) enum Read {
    /// Of the target's processes.
    Processes(fn(&TreeUsage) -> Option<f64>),
    /// Of the control group that they are in.
    Group(fn(&GroupUsage) -> Option<f64>),
    /// Of the whole machine.
    Machine(fn(&Pressure) -> Option<f64>),
    /// Of the database's statistics.
    Database(fn(&DatabaseUsage) -> Option<f64>),
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

const fn processes(name: &'static str, label: &'static str, unit: Unit) -> Gauge {
    of_processes(name, label, unit, Kind::Counter)
}

const fn pressure(name: &'static str, label: &'static str) -> Gauge {
    of(Source::Machine, (name, label), Unit::Seconds, Kind::Counter)
}

const fn sessions(name: &'static str, label: &'static str) -> Gauge {
    of(Source::Database, (name, label), Unit::Number, Kind::Gauge)
}

const TRANSACTIONS: Gauge = of(
    Source::Database,
    ("postgres_transactions", "PostgreSQL transactions"),
    Unit::Number,
    Kind::Counter,
);

/// All gauges.
pub const KNOWN: &[Known] = &[
    known(gauge::CPU, Read::Processes(|usage| Some(usage.cpu.as_secs_f64()))),
    known(gauge::CPU_SYSTEM, Read::Processes(|usage| Some(usage.system.as_secs_f64()))),
    known(gauge::RSS, Read::Processes(|usage| Some(usage.rss as f64))),
    known(gauge::EVENT_LOOP_DELAY, Read::Longest(EVENT_LOOP_DELAY)),
    known(gauge::DESCRIPTORS, Read::Processes(|usage| usage.descriptors.map(|open| open as f64))),
    known(gauge::THREADS, Read::Processes(|usage| Some(usage.threads as f64))),
    known(gauge::POOL_IN_USE, Read::Sum(POOL_IN_USE)),
    known(gauge::POOL_WAITING, Read::Sum(POOL_WAITING)),
    known(of_metrics("gc_time", "GC time", Unit::Seconds, Kind::Counter), Read::Sum(GC_TIME)),
    known(of_metrics("allocated", "allocated", Unit::Bytes, Kind::Counter), Read::Sum(ALLOCATED)),
    known(gauge::POOL_SIZE, Read::Sum(POOL_SIZE)),
    known(gauge::EVENT_LOOP_UTILISATION, Read::Longest(EVENT_LOOP_UTILISATION)),
    known(gauge::HEAP_USED, Read::Sum(HEAP_USED)),
    known(gauge::HEAP_LIMIT, Read::Sum(HEAP_LIMIT)),
    known(
        processes("voluntary_switches", "voluntary switches", Unit::Number),
        Read::Processes(|usage| usage.switches.map(|(voluntary, _)| voluntary as f64)),
    ),
    known(
        processes("involuntary_switches", "involuntary switches", Unit::Number),
        Read::Processes(|usage| usage.switches.map(|(_, involuntary)| involuntary as f64)),
    ),
    known(
        processes("storage_read", "read from storage", Unit::Bytes),
        Read::Processes(|usage| usage.storage.map(|(read, _)| read as f64)),
    ),
    known(
        processes("storage_written", "written to storage", Unit::Bytes),
        Read::Processes(|usage| usage.storage.map(|(_, written)| written as f64)),
    ),
    known(gauge::CPU_LIMIT, Read::Group(|group| group.cpu_limit)),
    known(
        gauge::CPU_THROTTLED,
        Read::Group(|group| group.throttled.map(|throttled| throttled.as_secs_f64())),
    ),
    known(gauge::MEMORY_LIMIT, Read::Group(|group| group.memory_limit.map(|limit| limit as f64))),
    known(gauge::GROUP_MEMORY, Read::Group(|group| group.memory.map(|bytes| bytes as f64))),
    known(
        pressure("pressure_cpu", "waiting for CPU"),
        Read::Machine(|seen| seen.cpu.map(|waited| waited.as_secs_f64())),
    ),
    known(
        pressure("pressure_io", "waiting for I/O"),
        Read::Machine(|seen| seen.io.map(|waited| waited.as_secs_f64())),
    ),
    known(
        pressure("pressure_memory", "waiting for memory"),
        Read::Machine(|seen| seen.memory.map(|waited| waited.as_secs_f64())),
    ),
    known(
        sessions("postgres_active", "PostgreSQL active"),
        Read::Database(|seen| seen.sessions.map(|it| it.active)),
    ),
    known(
        sessions("postgres_idle", "PostgreSQL idle"),
        Read::Database(|seen| seen.sessions.map(|it| it.idle)),
    ),
    known(
        sessions("postgres_idle_in_transaction", "PostgreSQL idle in transaction"),
        Read::Database(|seen| seen.sessions.map(|it| it.idle_in_transaction)),
    ),
    known(gauge::POSTGRES_LOCK_WAITS, Read::Database(|seen| seen.sessions.map(|it| it.lock_waits))),
    known(gauge::POSTGRES_IO_WAITS, Read::Database(|seen| seen.sessions.map(|it| it.io_waits))),
    known(gauge::POSTGRES_CONNECTIONS, Read::Database(|seen| seen.sessions.map(|it| it.all))),
    known(gauge::POSTGRES_CONNECTION_LIMIT, Read::Database(|seen| seen.connection_limit)),
    known(gauge::POSTGRES_CACHE_HITS, Read::Database(|seen| seen.cache_hits)),
    known(TRANSACTIONS, Read::Database(|seen| seen.transactions)),
    known(gauge::PROCESS_CHANGES, Read::Processes(|usage| Some(usage.changes as f64))),
    known(gauge::TOLD_RSS, Read::Sum(TOLD_RSS)),
    known(gauge::PROCESS_START, Read::Longest(PROCESS_START)),
    known(
        gauge::CPU_WAIT,
        Read::Processes(|usage| usage.queued.map(|waited| waited.as_secs_f64())),
    ),
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

/// By hand, node-postgres, `HikariCP`, OpenTelemetry, Go.
const POOL_SIZE: &[Metric] = &[
    named("db_pool_size"),
    named("pg_pool_size"),
    named("pool_size"),
    named("hikaricp_connections_max"),
    named("db_client_connection_max"),
    named("db_client_connections_max"),
    named("go_sql_max_open_connections"),
];

/// OpenTelemetry, and what people write by hand with `performance.eventLoopUtilization()`.
const EVENT_LOOP_UTILISATION: &[Metric] = &[
    named("nodejs_eventloop_utilization"),
    named("nodejs_eventloop_utilization_ratio"),
    named("event_loop_utilization"),
    named("event_loop_utilization_ratio"),
];

/// prom-client's default metrics, OpenTelemetry for Node, Micrometer, the JVM client, Go.
const HEAP_USED: &[Metric] = &[
    named("nodejs_heap_size_used_bytes"),
    named("v8js_memory_heap_used_bytes"),
    named("jvm_memory_used_bytes").with("area", "heap"),
    named("jvm_memory_bytes_used").with("area", "heap"),
    named("go_memstats_heap_inuse_bytes"),
];

/// By hand after `v8.getHeapStatistics()`, the JVM client. Micrometer's are by pool, of which
/// some have none.
const HEAP_LIMIT: &[Metric] =
    &[named("nodejs_heap_size_limit_bytes"), named("jvm_memory_bytes_max").with("area", "heap")];

/// The Prometheus clients of all languages, OpenTelemetry.
const TOLD_RSS: &[Metric] =
    &[named("process_resident_memory_bytes"), named("process_memory_usage_bytes")];

/// The Prometheus clients of all languages.
const PROCESS_START: &[Metric] = &[named("process_start_time_seconds")];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::gauge as scenario;

    /// Records are read by these names.
    #[test]
    fn the_table_begins_with_what_records_had_before_it() {
        let first = KNOWN.iter().map(|known| &known.gauge).take(gauge::BEFORE_4.len());
        assert!(first.eq(&gauge::BEFORE_4));
    }

    #[test]
    fn names_are_unique_and_plain() {
        let mut names: Vec<_> = KNOWN.iter().map(|known| known.gauge.name.as_ref()).collect();
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        assert!(names.iter().all(|name| name.bytes().all(is_plain)));
        assert!(names.iter().all(|name| !name.starts_with(scenario::WATCHED)));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KNOWN.len());
    }

    /// What can be limited is what is looked at.
    #[test]
    fn objectives_know_every_gauge() {
        let gauges = KNOWN.iter().map(|known| known.gauge.named());
        assert!(gauges.eq(scenario::KNOWN));
    }
}
