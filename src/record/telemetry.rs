//! What was seen, once a second, of the generator, the machine and the target.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The generator and its machine during one second of wall-clock time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct GeneratorSecond {
    /// Seconds since the start of the schedule.
    pub second: u32,
    /// CPU time of the whole generator process, in seconds per second.
    pub cpu: f64,
    /// CPU time of the busiest worker, in seconds per second.
    pub busiest_worker: f64,
    /// Resident memory in bytes.
    pub rss: u64,
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
    /// Times that the kernel took the CPU away from a worker.
    pub involuntary_switches: u64,
    /// Share of the machine's CPU time that was in use by anybody, in [0, 1].
    pub machine_busy: Option<f64>,
    /// Share of the machine's CPU time that the hypervisor took away, in [0, 1].
    pub steal: Option<f64>,
    /// Share of time in which some task waited for a CPU (PSI), in [0, 1].
    pub cpu_pressure: Option<f64>,
}

/// The target during one second of wall-clock time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TargetSecond {
    /// Seconds since the start of the schedule.
    pub second: u32,
    /// CPU time of the target and everything it started, in seconds per second.
    pub cpu: Option<f64>,
    /// The part of it that was spent in the kernel, in steps of a clock tick (10 ms mostly).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_system: Option<f64>,
    /// Resident memory in bytes.
    pub rss: Option<u64>,
    /// Open file descriptors.
    pub descriptors: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Event-loop delay in seconds: the largest that its metrics have, mostly the maximum since
    /// the last scrape.
    pub event_loop_delay: Option<f64>,
    /// The series that it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_loop_series: Option<String>,
    /// Connections of a pool in use, from its metrics.
    pub pool_in_use: Option<f64>,
    /// Tasks waiting for a connection of a pool, from its metrics.
    pub pool_waiting: Option<f64>,
    /// Why its metrics could not be read, if so.
    pub scrape_error: Option<String>,
}
