//! What was seen, once a second, of the generator, the machine and the target.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::record::gauge::{self, BEFORE_4, Gauge, GaugeId};
use crate::record::generator::GeneratorId;

/// A generator and its machine during one second of wall-clock time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct GeneratorSecond {
    /// Seconds since the start of the schedule.
    pub second: u32,
    /// Which of the record's generators.
    #[serde(skip_serializing_if = "GeneratorId::is_first")]
    pub generator: GeneratorId,
    /// CPU time of the whole generator process, in seconds per second.
    pub cpu: f64,
    /// CPU time of the busiest worker, in seconds per second.
    pub busiest_worker: f64,
    /// Resident memory in bytes.
    pub rss: u64,
    /// Open descriptors, counted every few seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<u32>,
    /// Requests in flight at the end of the second.
    pub in_flight: u64,
    /// Most requests in flight during the second.
    pub in_flight_peak: u64,
    /// Open connections at the end of the second.
    pub connections: u64,
    /// The longest send lag of the second, in nanoseconds.
    pub send_lag_max_ns: u64,
    /// The longest that a worker stood still, in nanoseconds: how late a task that runs every
    /// 10 ms was.
    pub canary_late_max_ns: u64,
    /// How many of these ticks came more than 1, 10 and 100 ms late.
    pub late_ticks: [u64; 3],
    /// How far the wall clock moved against the monotonic clock, or how long the machine
    /// was suspended, in nanoseconds; whichever is more.
    pub clock_jump_ns: u64,
    /// How far the generator's schedule lay off that of the whole run, in nanoseconds, where
    /// several shared the load; positive if it was behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skew_ns: Option<i64>,
    /// By how much that may be wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skew_bound_ns: Option<u64>,
    /// Requests due in it that it has sent, where several shared the load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<u64>,
    /// Times that the kernel took the CPU away from a worker.
    pub involuntary_switches: u64,
    /// Share of the machine's CPU time that was in use by anybody, in [0, 1].
    pub machine_busy: Option<f64>,
    /// Share of the machine's CPU time that the hypervisor took away, in [0, 1].
    pub steal: Option<f64>,
    /// Share of time in which some task waited for a CPU (PSI), in [0, 1].
    pub cpu_pressure: Option<f64>,
}

impl GeneratorSecond {
    /// Adds the same second of another generator: what both used, and the worse of what befell
    /// them.
    pub fn add(&mut self, other: &GeneratorSecond) {
        let GeneratorSecond { descriptors, machine_busy, steal, cpu_pressure, .. } = self;
        *descriptors = sum(*descriptors, other.descriptors);
        *machine_busy = worse(*machine_busy, other.machine_busy);
        *steal = worse(*steal, other.steal);
        *cpu_pressure = worse(*cpu_pressure, other.cpu_pressure);
        self.cpu += other.cpu;
        self.sent = self.sent.map(|sent| sent + other.sent.unwrap_or(0)).or(other.sent);
        self.busiest_worker = self.busiest_worker.max(other.busiest_worker);
        self.rss = self.rss.saturating_add(other.rss);
        self.in_flight = self.in_flight.saturating_add(other.in_flight);
        self.in_flight_peak = self.in_flight_peak.saturating_add(other.in_flight_peak);
        self.connections = self.connections.saturating_add(other.connections);
        self.involuntary_switches =
            self.involuntary_switches.saturating_add(other.involuntary_switches);
        self.send_lag_max_ns = self.send_lag_max_ns.max(other.send_lag_max_ns);
        self.canary_late_max_ns = self.canary_late_max_ns.max(other.canary_late_max_ns);
        self.clock_jump_ns = self.clock_jump_ns.max(other.clock_jump_ns);
        if other.off_schedule_ns() > self.off_schedule_ns() {
            (self.skew_ns, self.skew_bound_ns) = (other.skew_ns, other.skew_bound_ns);
        }
        for (sum, more) in self.late_ticks.iter_mut().zip(other.late_ticks) {
            *sum = sum.saturating_add(more);
        }
    }
}

impl GeneratorSecond {
    /// How far its arrivals may have lain off those of the other generators, in nanoseconds.
    pub fn off_schedule_ns(&self) -> u64 {
        let skew = self.skew_ns.map_or(0, i64::unsigned_abs);
        skew.saturating_add(self.skew_bound_ns.unwrap_or(0))
    }
}

fn sum(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    one.map(|one| one.saturating_add(other.unwrap_or(0))).or(other)
}

fn worse(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.map(|one| one.max(other.unwrap_or(0.0))).or(other)
}

/// The target during one second of wall-clock time.
#[derive(Debug, Clone, PartialEq, Default, JsonSchema)]
pub struct TargetSecond {
    /// Seconds since the start of the schedule.
    pub second: u32,
    /// The values of the record's gauges, in the order of their table; null where nothing was
    /// seen.
    pub values: Vec<Option<f64>>,
    /// The series that a value is of, by the gauge's place, where several series tell it; why there
    /// is no value, where the target told one that is not to be believed.
    #[schemars(default)]
    pub series: BTreeMap<GaugeId, String>,
    /// Why its metrics could not be read, if so.
    pub scrape_error: Option<String>,
    /// Why some of the metrics that the scenario names could not be.
    #[schemars(default)]
    pub watch_error: Option<String>,
    /// Why its database's statistics could not be read, or only in part.
    #[schemars(default)]
    pub database_error: Option<String>,
}

impl TargetSecond {
    /// A second of which these gauges of a table were seen.
    pub fn of<'g>(
        second: u32,
        table: &[Gauge],
        seen: impl IntoIterator<Item = (&'g Gauge, f64)>,
    ) -> TargetSecond {
        let mut values = vec![None; table.len()];
        for (gauge, value) in seen {
            if let Some(id) = gauge::find(table, gauge) {
                values[id.index()] = Some(value);
            }
        }
        TargetSecond { second, values, ..TargetSecond::default() }
    }

    /// What was seen of a gauge.
    pub fn value(&self, id: GaugeId) -> Option<f64> {
        self.values.get(id.index()).copied().flatten()
    }
}

/// As of version 4, and for whoever reads by name the gauges of version 3 in that form too: every
/// table begins with them.
impl Serialize for TargetSecond {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("second", &self.second)?;
        map.serialize_entry("values", &self.values)?;
        if !self.series.is_empty() {
            map.serialize_entry("series", &self.series)?;
        }
        map.serialize_entry("scrape_error", &self.scrape_error)?;
        for (name, error) in
            [("watch_error", &self.watch_error), ("database_error", &self.database_error)]
        {
            if error.is_some() {
                map.serialize_entry(name, error)?;
            }
        }
        for (gauge, value) in BEFORE_4.iter().zip(&self.values) {
            if let Some(value) = value {
                map.serialize_entry(&gauge.name, value)?;
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for TargetSecond {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ReadSecond::deserialize(deserializer).map(Into::into)
    }
}

/// A second of the target as it is read: with a field for each gauge up to version 3.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReadSecond {
    second: u32,
    values: Option<Vec<Option<f64>>>,
    series: BTreeMap<GaugeId, String>,
    scrape_error: Option<String>,
    watch_error: Option<String>,
    database_error: Option<String>,
    cpu: Option<f64>,
    cpu_system: Option<f64>,
    rss: Option<f64>,
    event_loop_delay: Option<f64>,
    descriptors: Option<f64>,
    threads: Option<f64>,
    pool_in_use: Option<f64>,
    pool_waiting: Option<f64>,
    event_loop_series: Option<String>,
}

impl From<ReadSecond> for TargetSecond {
    fn from(read: ReadSecond) -> Self {
        let ReadSecond { second, scrape_error, watch_error, database_error, .. } = read;
        if let Some(values) = read.values {
            let series = read.series;
            return TargetSecond {
                second,
                values,
                series,
                scrape_error,
                watch_error,
                database_error,
            };
        }
        // In the order of `BEFORE_4`.
        let values = vec![
            read.cpu,
            read.cpu_system,
            read.rss,
            read.event_loop_delay,
            read.descriptors,
            read.threads,
            read.pool_in_use,
            read.pool_waiting,
        ];
        let delay = gauge::find(&BEFORE_4, &gauge::EVENT_LOOP_DELAY);
        let series = delay.zip(read.event_loop_series).into_iter().collect();
        TargetSecond { second, values, series, scrape_error, watch_error, database_error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_version_3_has_its_values_by_gauge() {
        let text = r#"{"second":7,"cpu":0.5,"cpu_system":0.1,"rss":1000,"descriptors":20,"threads":3,
            "event_loop_delay":0.25,"event_loop_series":"lag","pool_in_use":4,"pool_waiting":1,
            "scrape_error":null}"#;
        let read: TargetSecond = serde_json::from_str(text).unwrap();
        let value = |of| read.value(gauge::find(&BEFORE_4, of).unwrap());
        let all = [
            (&gauge::CPU, 0.5),
            (&gauge::CPU_SYSTEM, 0.1),
            (&gauge::RSS, 1_000.0),
            (&gauge::EVENT_LOOP_DELAY, 0.25),
            (&gauge::DESCRIPTORS, 20.0),
            (&gauge::THREADS, 3.0),
            (&gauge::POOL_IN_USE, 4.0),
            (&gauge::POOL_WAITING, 1.0),
        ];
        for (of, expected) in all {
            assert_eq!(value(of), Some(expected), "{}", of.name);
        }
        let written = serde_json::to_value(&read).unwrap();
        let by_name = BEFORE_4.into_iter().map(|gauge| written[&*gauge.name].as_f64());
        assert!(by_name.eq(read.values.iter().copied()), "{written}");
        assert_eq!(read.series.get(&GaugeId(3)).map(String::as_str), Some("lag"));
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<TargetSecond>(&written).unwrap(), read);
    }
}
