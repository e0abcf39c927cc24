//! Gauges: what is looked at of the target once a second.
//!
//! The head of a record has the table of its gauges; each second of the target has their values,
//! by their place in that table. A gauge that nobody judges by needs no more than an entry of
//! the target's own table; the names here are of those that the analysis or a report asks for.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}

/// Who tells the value of a gauge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The system, of the target's processes.
    Processes,
    /// The target's own metrics.
    Metrics,
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

/// What was looked at before the table was in the record, up to version 3.
pub const BEFORE_4: [Gauge; 8] =
    [CPU, CPU_SYSTEM, RSS, EVENT_LOOP_DELAY, DESCRIPTORS, THREADS, POOL_IN_USE, POOL_WAITING];

/// The place of a gauge in a table.
pub fn find(table: &[Gauge], gauge: &Gauge) -> Option<GaugeId> {
    let place = table.iter().position(|known| known.name == gauge.name)?;
    u16::try_from(place).ok().map(GaugeId)
}
