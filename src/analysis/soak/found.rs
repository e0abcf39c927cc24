//! What analysis says about a soak: the verdict, and how fast each thing grows, between which
//! bounds, beside its limit.

use schemars::JsonSchema;
use serde::Serialize;

use crate::analysis::assessment::{Finding, Verdict};
use crate::record::soak::MemoryLimit;

/// Everything that a report may say about a soak beside what it says about its run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SoakAssessment {
    /// The answer: that of the run, its objectives and its growth together.
    pub verdict: Verdict,
    /// What grows, if that is the answer.
    pub grows: Option<Grows>,
    /// Why, most important first; one sentence each.
    pub reasons: Vec<String>,
    /// Doubts and warnings of the soak itself.
    pub findings: Vec<Finding>,
    /// Seconds of a window.
    pub window_seconds: u32,
    /// The least number of windows that tell.
    pub windows_needed: usize,
    /// Stretches within which values are compared with each other.
    pub parts: Vec<Stretch>,
    /// The first second of each judged window.
    pub starts: Vec<u32>,
    /// What was watched, in the order of the report.
    pub trends: Vec<Trend>,
    /// How much memory the target may have, where that is known.
    pub memory_limit: Option<MemoryLimit>,
    /// When it will be used up.
    pub to_limit: Option<ToLimit>,
}

/// What grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grows {
    /// Memory, descriptors or threads.
    Leak,
    /// Response times, the event-loop delay or the error rate.
    Drift,
}

impl Grows {
    /// For people: `leak found`.
    pub fn name(self) -> &'static str {
        match self {
            Grows::Leak => "leak found",
            Grows::Drift => "drift found",
        }
    }
}

/// A stretch of the schedule with the same processes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Stretch {
    /// The first second.
    pub from: u32,
    /// One past the last second.
    pub to: u32,
    /// The first second that is judged: what comes before warms up.
    pub judged_from: u32,
    /// Why it begins.
    pub began: Began,
}

/// Why a part begins.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Began {
    /// The run began.
    Start,
    /// The run was resumed.
    Resumed {
        /// How long nothing was loaded or watched, in seconds.
        gap_seconds: f64,
        /// Whether the target was started again.
        restarted: bool,
    },
    /// Processes of the target ended, or others began.
    ProcessesChanged,
    /// The target's metrics say that it began anew.
    TargetRestarted,
}

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Resident memory of the target's processes.
    Memory,
    /// The heap in use, as the target's metrics say.
    Heap,
    /// Open descriptors of the target.
    Descriptors,
    /// Threads of the target.
    Threads,
    /// Event-loop delay of the target.
    EventLoopDelay,
    /// The median response time.
    P50,
    /// The 99th percentile of the response time.
    P99,
    /// The share of requests that failed.
    ErrorRate,
    /// Resident memory of the generator.
    GeneratorMemory,
    /// Open descriptors of the generator.
    GeneratorDescriptors,
    /// CPU of the generator.
    GeneratorCpu,
}

/// What it is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrowthUnit {
    /// Bytes.
    Bytes,
    /// A number.
    Number,
    /// Milliseconds.
    Milliseconds,
    /// A share in [0, 1].
    Share,
    /// CPU cores.
    Cores,
}

/// What a growth of it means for the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It is a leak; a pass needs to know that there is none.
    Gates,
    /// It is a drift; that it cannot be told does not hold up a pass.
    Watches,
    /// It is the generator's own.
    Generator,
}

/// How the growth of one thing came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Growth {
    /// Surely faster than its limit.
    Grows,
    /// Surely slower than its limit, or not at all.
    Holds,
    /// The limit lies between the bounds.
    Undecided,
    /// Faster than its limit, but in the windows in which others used much of the machine only.
    Disturbed,
    /// Too few windows.
    TooFew,
    /// Nothing was seen of it.
    NotSeen,
}

/// How one thing grows.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Trend {
    /// Which.
    pub metric: Metric,
    /// For people: `target memory`.
    pub name: &'static str,
    /// What it is counted in.
    pub unit: GrowthUnit,
    /// What its growth means.
    pub role: Role,
    /// How it came out.
    pub growth: Growth,
    /// Whether growth is a share of the value itself (of its logarithm), and not in its unit.
    pub is_relative: bool,
    /// Windows with a value.
    pub windows: usize,
    /// The median of the windows.
    pub level: Option<f64>,
    /// Growth per hour.
    pub per_hour: Option<f64>,
    /// With 99 % confidence it grows by no less per hour.
    pub low: Option<f64>,
    /// With 99 % confidence it grows by no more per hour.
    pub high: Option<f64>,
    /// How much it may grow per hour.
    pub limit: Option<f64>,
    /// So long a run, in seconds, would probably decide.
    pub seconds_needed: Option<f64>,
    /// What others did meanwhile, where that may explain its growth.
    pub others: Option<Others>,
    /// One value for each window.
    pub values: Vec<Option<f64>>,
    /// The line with that growth, and those of its bounds: `(value, low, high)` for each window.
    pub fitted: Vec<Option<(f64, f64, f64)>>,
}

/// What neither the target nor the generator used of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Others {
    /// The most in a window, as a share of the machine's CPUs.
    pub most: f64,
    /// In so many windows they used much more than in the calmest quarter of them.
    pub windows: usize,
}

impl Trend {
    /// Whether it gates and was not seen in more than a quarter of the windows.
    pub fn is_half_seen(&self) -> bool {
        let seen = self.values.iter().flatten().count();
        self.role == Role::Gates && seen * 4 < self.values.len() * 3
    }
}

/// When memory reaches its limit if it goes on like this, in hours from the end of the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct ToLimit {
    /// Most likely; null: not at all.
    pub hours: Option<f64>,
    /// With 99 % confidence not before; null: not at all.
    pub earliest: Option<f64>,
    /// With 99 % confidence not later; null: perhaps not at all.
    pub latest: Option<f64>,
    /// Memory at the end, at the top of what it goes up and down by, in bytes.
    pub from: f64,
}
