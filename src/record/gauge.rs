//! Gauges: what is looked at of the target once a second.
//!
//! The head of a record has the table of its gauges; each second of the target has their values,
//! by their place in that table. A gauge that nobody judges by needs no more than an entry of
//! the target's own table; the names here are of those that the analysis or a report asks for.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::scenario::gauge::{Kind, Unit};
use crate::scenario::gauge::{Named, WATCHED};

/// A gauge's place in the table of its record.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct GaugeId(pub u16);

impl GaugeId {
    /// As an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What one gauge is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gauge {
    /// Unique in its record: letters, digits and underscores.
    pub name: Cow<'static, str>,
    /// What people call it: `target memory`.
    pub label: Cow<'static, str>,
    /// Of what is looked at, or counted.
    pub unit: Unit,
    /// What its values are.
    pub kind: Kind,
    /// Who tells it.
    pub source: Source,
}

/// Who tells the value of a gauge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The system, of the target's processes.
    Processes,
    /// The target's own metrics.
    Metrics,
    /// The same, of a metric that the scenario names.
    Watched,
    /// The system, of the control group that the target is in.
    Group,
    /// The system, of the whole machine.
    Machine,
    /// The statistics of the target's database.
    Database,
}

impl Gauge {
    /// As an objective knows it.
    pub fn named(&self) -> Named {
        Named { name: self.name.clone(), unit: self.unit, kind: self.kind }
    }

    /// The gauge of a metric that a scenario names.
    pub fn watched(named: Named) -> Gauge {
        let Named { name, unit, kind } = named;
        let label = name.strip_prefix(WATCHED).unwrap_or(&name).to_owned();
        Gauge { name, label: label.into(), unit, kind, source: Source::Watched }
    }
}

/// A gauge of the target's processes.
pub const fn of_processes(
    name: &'static str,
    label: &'static str,
    unit: Unit,
    kind: Kind,
) -> Gauge {
    let (name, label) = (Cow::Borrowed(name), Cow::Borrowed(label));
    Gauge { name, label, unit, kind, source: Source::Processes }
}

/// A gauge of the target's metrics.
pub const fn of_metrics(name: &'static str, label: &'static str, unit: Unit, kind: Kind) -> Gauge {
    let (name, label) = (Cow::Borrowed(name), Cow::Borrowed(label));
    Gauge { name, label, unit, kind, source: Source::Metrics }
}

/// A gauge that somebody else tells.
pub const fn of(
    source: Source,
    (name, label): (&'static str, &'static str),
    unit: Unit,
    kind: Kind,
) -> Gauge {
    Gauge { name: Cow::Borrowed(name), label: Cow::Borrowed(label), unit, kind, source }
}

/// Stands for the series of a value of which only this is known: it is not less.
pub const BEYOND: &str = "beyond the last bucket";

/// Stands for the series of a value that there is not, as one of its series counted less than
/// before or was gone. Now and then that is a new start of the target.
pub const ANEW: &str = "it counted anew (less than before, or a series was gone)";
/// The same, as the answer was under way for so long that nobody can tell a rate.
pub const LATE: &str = "the answer took too long to tell a rate by";
/// The same, as the page has a line of it that cannot be read.
pub const UNREADABLE: &str = "a line of it cannot be read";
/// The same, as a series of it is no number that it can be.
pub const NO_AMOUNT: &str = "a series of it is negative or no finite number";
/// The same, as the page has a series of it twice.
pub const TWICE: &str = "two lines of it have the same labels";

/// How long its threads waited for a CPU while they could have run, all together.
pub const CPU_WAIT: Gauge =
    of_processes("cpu_wait", "target waiting for a CPU", Unit::Seconds, Kind::Counter);
/// CPU time of the target and everything it started.
pub const CPU: Gauge = of_processes("cpu", "target CPU", Unit::CpuSeconds, Kind::Counter);
/// The part of it that was spent in the kernel, in steps of a clock tick (10 ms mostly).
pub const CPU_SYSTEM: Gauge =
    of_processes("cpu_system", "target CPU in the kernel", Unit::CpuSeconds, Kind::Counter);
/// Resident memory.
pub const RSS: Gauge = of_processes("rss", "target memory", Unit::Bytes, Kind::Gauge);
/// Open file descriptors.
pub const DESCRIPTORS: Gauge =
    of_processes("descriptors", "target descriptors", Unit::Number, Kind::Gauge);
/// Threads.
pub const THREADS: Gauge = of_processes("threads", "target threads", Unit::Number, Kind::Gauge);
/// Event-loop delay: the largest that the metrics have, mostly the maximum since the last scrape.
pub const EVENT_LOOP_DELAY: Gauge =
    of_metrics("event_loop_delay", "event-loop delay", Unit::Seconds, Kind::Gauge);
/// Connections of a pool in use.
pub const POOL_IN_USE: Gauge = of_metrics("pool_in_use", "pool in use", Unit::Number, Kind::Gauge);
/// Tasks waiting for a connection of a pool.
pub const POOL_WAITING: Gauge =
    of_metrics("pool_waiting", "pool waiting", Unit::Number, Kind::Gauge);

/// Connections that a pool may have.
pub const POOL_SIZE: Gauge = of_metrics("pool_size", "pool size", Unit::Number, Kind::Gauge);
/// The share of time in which the event loop was at work.
pub const EVENT_LOOP_UTILISATION: Gauge =
    of_metrics("event_loop_utilisation", "event loop at work", Unit::Share, Kind::Gauge);
/// Memory of the heap that is in use.
pub const HEAP_USED: Gauge = of_metrics("heap_used", "heap in use", Unit::Bytes, Kind::Gauge);
/// The most that the heap may have.
pub const HEAP_LIMIT: Gauge = of_metrics("heap_limit", "heap limit", Unit::Bytes, Kind::Gauge);
/// The cores that the target's control group may use.
pub const CPU_LIMIT: Gauge =
    of(Source::Group, ("cpu_limit", "CPU limit"), Unit::Cores, Kind::Gauge);
/// Time in which the control group was stopped as it had used its share of CPU time.
pub const CPU_THROTTLED: Gauge =
    of(Source::Group, ("cpu_throttled", "CPU throttled"), Unit::Seconds, Kind::Counter);
/// The memory that the control group may use.
pub const MEMORY_LIMIT: Gauge =
    of(Source::Group, ("memory_limit", "memory limit"), Unit::Bytes, Kind::Gauge);
/// The memory that the control group uses, caches included.
pub const GROUP_MEMORY: Gauge =
    of(Source::Group, ("group_memory", "memory of the group"), Unit::Bytes, Kind::Gauge);
/// Sessions of the database that are open, of all databases of the server.
pub const POSTGRES_CONNECTIONS: Gauge = of(
    Source::Database,
    ("postgres_connections", "PostgreSQL connections"),
    Unit::Number,
    Kind::Gauge,
);
/// How many there may be.
pub const POSTGRES_CONNECTION_LIMIT: Gauge = of(
    Source::Database,
    ("postgres_connection_limit", "PostgreSQL connection limit"),
    Unit::Number,
    Kind::Gauge,
);
/// Sessions that wait for a lock.
pub const POSTGRES_LOCK_WAITS: Gauge = of(
    Source::Database,
    ("postgres_lock_waits", "PostgreSQL lock waits"),
    Unit::Number,
    Kind::Gauge,
);
/// Sessions that wait for reading or writing.
pub const POSTGRES_IO_WAITS: Gauge =
    of(Source::Database, ("postgres_io_waits", "PostgreSQL I/O waits"), Unit::Number, Kind::Gauge);
/// The share of blocks that were found in the server's own cache.
pub const POSTGRES_CACHE_HITS: Gauge = of(
    Source::Database,
    ("postgres_cache_hits", "PostgreSQL cache hits"),
    Unit::Share,
    Kind::Gauge,
);
/// How often a process of the target that had lived for a while ended, or one that lives for a
/// while began, since it was first looked at.
pub const PROCESS_CHANGES: Gauge =
    of_processes("process_changes", "changes of target processes", Unit::Number, Kind::Gauge);
/// Resident memory as the metrics tell it, for targets whose processes cannot be seen.
pub const TOLD_RSS: Gauge =
    of_metrics("told_rss", "target memory (told)", Unit::Bytes, Kind::Gauge);
/// When the target began, in seconds since 1970.
pub const PROCESS_START: Gauge =
    of_metrics("process_start", "target's start", Unit::Number, Kind::Gauge);

/// What was looked at before the table was in the record, up to version 3.
pub const BEFORE_4: [Gauge; 8] =
    [CPU, CPU_SYSTEM, RSS, EVENT_LOOP_DELAY, DESCRIPTORS, THREADS, POOL_IN_USE, POOL_WAITING];

/// The place of a gauge in a table.
pub fn find(table: &[Gauge], gauge: &Gauge) -> Option<GaugeId> {
    named(table, &gauge.name)
}

/// The place of the gauge with this name.
pub fn named(table: &[Gauge], name: &str) -> Option<GaugeId> {
    let position = table.iter().position(|known| known.name == name)?;
    u16::try_from(position).ok().map(GaugeId)
}
