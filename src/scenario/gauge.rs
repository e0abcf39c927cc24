//! What an objective has to know of the target's gauges: how each is called, what it counts in,
//! and what its values are.
//!
//! The names here are those that every scenario can limit; a scenario adds those of the metrics
//! that it names itself. Where the values come from is not known here.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The unit of a gauge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Time on a CPU, in seconds; per second they are cores.
    CpuSeconds,
    /// Seconds; per second they are a share of the time.
    Seconds,
    /// Bytes.
    Bytes,
    /// A share in [0, 1].
    Share,
    /// Cores of a CPU.
    Cores,
    /// Without unit.
    Number,
}

/// What the values of a gauge are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What was seen when it was looked at.
    Gauge,
    /// How much it grew per second since it was last looked at.
    Counter,
    /// A quantile of what was observed since it was last looked at; none where nothing was.
    Quantile,
}

/// Which side of a limit is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Values below it.
    Below,
    /// Values above it.
    Above,
}

/// A gauge as an objective names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name in the table of a record.
    pub name: Cow<'static, str>,
    /// What it counts in.
    pub unit: Unit,
    /// What its values are.
    pub kind: Kind,
}

/// What stands before the name of a metric that a scenario names itself.
pub const WATCHED: &str = "metric_";

const fn named(name: &'static str, unit: Unit, kind: Kind) -> Named {
    Named { name: Cow::Borrowed(name), unit, kind }
}

/// The gauges that every scenario can limit.
pub const KNOWN: [Named; 38] = [
    named("cpu", Unit::CpuSeconds, Kind::Counter),
    named("cpu_system", Unit::CpuSeconds, Kind::Counter),
    named("rss", Unit::Bytes, Kind::Gauge),
    named("event_loop_delay", Unit::Seconds, Kind::Gauge),
    named("descriptors", Unit::Number, Kind::Gauge),
    named("threads", Unit::Number, Kind::Gauge),
    named("pool_in_use", Unit::Number, Kind::Gauge),
    named("pool_waiting", Unit::Number, Kind::Gauge),
    named("gc_time", Unit::Seconds, Kind::Counter),
    named("allocated", Unit::Bytes, Kind::Counter),
    named("pool_size", Unit::Number, Kind::Gauge),
    named("event_loop_utilisation", Unit::Share, Kind::Gauge),
    named("heap_used", Unit::Bytes, Kind::Gauge),
    named("heap_limit", Unit::Bytes, Kind::Gauge),
    named("voluntary_switches", Unit::Number, Kind::Counter),
    named("involuntary_switches", Unit::Number, Kind::Counter),
    named("storage_read", Unit::Bytes, Kind::Counter),
    named("storage_written", Unit::Bytes, Kind::Counter),
    named("cpu_limit", Unit::Cores, Kind::Gauge),
    named("cpu_throttled", Unit::Seconds, Kind::Counter),
    named("memory_limit", Unit::Bytes, Kind::Gauge),
    named("group_memory", Unit::Bytes, Kind::Gauge),
    named("pressure_cpu", Unit::Seconds, Kind::Counter),
    named("pressure_io", Unit::Seconds, Kind::Counter),
    named("pressure_memory", Unit::Seconds, Kind::Counter),
    named("postgres_active", Unit::Number, Kind::Gauge),
    named("postgres_idle", Unit::Number, Kind::Gauge),
    named("postgres_idle_in_transaction", Unit::Number, Kind::Gauge),
    named("postgres_lock_waits", Unit::Number, Kind::Gauge),
    named("postgres_io_waits", Unit::Number, Kind::Gauge),
    named("postgres_connections", Unit::Number, Kind::Gauge),
    named("postgres_connection_limit", Unit::Number, Kind::Gauge),
    named("postgres_cache_hits", Unit::Share, Kind::Gauge),
    named("postgres_transactions", Unit::Number, Kind::Counter),
    named("process_changes", Unit::Number, Kind::Gauge),
    named("told_rss", Unit::Bytes, Kind::Gauge),
    named("process_start", Unit::Number, Kind::Gauge),
    named("cpu_wait", Unit::Seconds, Kind::Counter),
];

/// The unit that the name of a metric ends with, as Prometheus recommends it.
pub fn unit_of(metric: &str) -> Unit {
    let name = metric.strip_suffix("_total").unwrap_or(metric);
    let name = name.strip_suffix("_sum").unwrap_or(name);
    match name.rsplit('_').next() {
        Some("seconds") => Unit::Seconds,
        Some("bytes") => Unit::Bytes,
        Some("ratio") => Unit::Share,
        Some(_) | None => Unit::Number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_says_its_unit_by_its_name() {
        for (metric, unit) in [
            ("queue_wait_seconds", Unit::Seconds),
            ("busy_seconds_total", Unit::Seconds),
            ("heap_bytes", Unit::Bytes),
            ("cache_hit_ratio", Unit::Share),
            ("jobs_total", Unit::Number),
            ("seconds", Unit::Seconds),
            ("", Unit::Number),
        ] {
            assert_eq!(unit_of(metric), unit, "{metric}");
        }
    }
}
