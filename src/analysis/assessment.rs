//! What analysis says about a run: the verdict, its reasons, and every number and
//! series that a report shows. Times are in milliseconds, rates per second, shares
//! in [0, 1].

use schemars::JsonSchema;
use serde::Serialize;

use crate::analysis::error_budget::ErrorBudget;
use crate::analysis::failures::FailuresSeen;
use crate::analysis::fullness::{Correlated, Filled};
use crate::analysis::gauges::{LinesJson, MeanMax, PerRequest, SeenJson, TargetLines, TargetSeen};
use crate::analysis::generator_seen::GeneratorSeen;
use crate::analysis::neighbours_seen::NeighboursSeen;
pub use crate::analysis::slo_result::{GeneratorError, Measured, SloResult, SloStatus};
pub use crate::analysis::times::Times;
use crate::record::outcome::Outcome;
use crate::record::phase::ByPhase;

/// Everything that a report may say about one run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Assessment {
    /// The answer.
    pub verdict: Verdict,
    /// Why, most important first; one sentence each.
    pub reasons: Vec<String>,
    /// What the run cannot say, one sentence each.
    pub limits_of_knowledge: Vec<String>,
    /// The part of the run that was judged.
    pub window: Window,
    /// The objectives, in the order of the scenario.
    pub slos: Vec<SloResult>,
    /// What the run's failures would cost in production; `None` where nothing can be said.
    pub error_budget: Option<ErrorBudget>,
    /// Doubts about the run's validity and other warnings.
    pub findings: Vec<Finding>,
    /// All requests of the window.
    pub total: Summary,
    /// The window, step by step, in the order of the record.
    pub steps: Vec<Summary>,
    /// The window, load by load, in the order of the record; empty where there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loads: Vec<LoadSummary>,
    /// The window, tenant by tenant; `None` where none are told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants: Option<TenantsSeen>,
    /// What the others noticed of a noisy tenant, where one was.
    pub neighbours: Option<NeighboursSeen>,
    /// The whole run, warm-up included.
    pub whole_run: Counts,
    /// What failing requests of the whole run looked like.
    pub failures: FailuresSeen,
    /// The generator and the target over the window.
    pub saturation: Saturation,
    /// Each generator, where several shared the load.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub generators: Vec<GeneratorSeen>,
    /// Series over time, for charts.
    pub timeline: Timeline,
    /// Percentile curves of the window, for charts.
    pub curves: Curves,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every objective is met.
    Pass,
    /// At least one objective is missed.
    SloMissed,
    /// Slower than the baseline.
    Regressed,
    /// Too little evidence.
    Inconclusive,
    /// It says nothing about the target: the generator was the limit, or the scenario does
    /// not work.
    Invalid,
    /// The target was not ready in time, or died.
    TargetLost,
}

impl Verdict {
    /// For people: `SLO missed`.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::SloMissed => "SLO missed",
            Verdict::Regressed => "regressed",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Invalid => "invalid",
            Verdict::TargetLost => "target lost",
        }
    }
}

/// The part of the run that was judged, in whole seconds of the schedule.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Window {
    /// First second.
    pub from: u32,
    /// One past the last second.
    pub to: u32,
    /// Seconds before it that were left out.
    pub warmup: Warmup,
    /// Whether what is judged holds still.
    pub steady: Steadiness,
}

impl Window {
    /// Its length in seconds.
    pub fn seconds(&self) -> u32 {
        self.to.saturating_sub(self.from)
    }
}

/// Where the judged window begins, and who decided it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Warmup {
    /// The scenario's warm-up stages.
    Declared,
    /// The default length, as the scenario declares none.
    Default,
    /// Longer than declared or default, as the series settled later.
    Detected,
    /// None: the run is too short for one.
    None,
}

/// Whether the judged window holds still.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Steadiness {
    /// No drift that the data would show.
    Steady,
    /// The response time drifts by this ratio from the window's start to its end.
    Drifting {
        /// End ÷ start.
        ratio: f64,
    },
    /// The load itself changes, or the window is too short, so it was not examined.
    NotExamined,
}

/// The tenants that are told apart, beside each other.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TenantsSeen {
    /// In the order of the record's table: the largest by plan first, all others together last.
    pub all: Vec<TenantSummary>,
    /// The place of the one whose p99 is the longest, of those with enough requests to tell.
    pub worst: Option<u16>,
    /// The middle one of the p99 of those, in milliseconds.
    pub median_p99: Option<f64>,
    /// The longest p99 ÷ the middle one.
    pub spread: Option<f64>,
    /// The response-time limits that each of them has: quantile and milliseconds, ascending.
    pub limits: Vec<(f64, f64)>,
}

/// One tenant, or all others together.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TenantSummary {
    /// Its name, which may be anything.
    pub name: String,
    /// Whether it is all others together.
    pub is_others: bool,
    /// Requests that were due in the window.
    pub requests: u64,
    /// Their share of all.
    pub share: f64,
    /// The share of them that did not end ok.
    pub error_rate: f64,
    /// Response times; `None` without any.
    pub times: Option<Times>,
    /// The gravest that became of the objectives of each tenant for it; `None` without any.
    pub status: Option<SloStatus>,
}

/// One of several loads at once.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LoadSummary {
    /// The flows whose load it is.
    pub name: String,
    /// Iterations per second that its stages or its recording have in the window; `None` where
    /// users wait for answers.
    pub planned_rate: Option<f64>,
    /// Its users at most, where they do.
    pub users: Option<u32>,
    /// Requests that were due in the window.
    pub requests: u64,
    /// The same per second.
    pub offered_rate: f64,
    /// The share of them that did not end ok.
    pub error_rate: f64,
    /// Response times; `None` without any.
    pub times: Option<Times>,
}

/// One doubt, with its evidence and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// Stable name: `unsent`, `send_lag`, `in_flight_limit` …
    pub kind: &'static str,
    /// What it does to the verdict.
    pub severity: Severity,
    /// What was seen, with figures.
    pub evidence: String,
    /// What to do about it.
    pub advice: String,
}

/// What a finding does to the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Cannot change the verdict, but should be mended.
    Warning,
    /// Rules out a pass: part of the scenario was not tested.
    Withholds,
    /// Voids the verdict.
    Invalidates,
}

/// What was counted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Counts {
    /// Requests due.
    pub planned: u64,
    /// Requests sent.
    pub sent: u64,
    /// Requests by outcome, without those that did not occur.
    pub outcomes: Vec<(Outcome, u64)>,
    /// Causes with their counts, most frequent first.
    pub causes: Vec<(&'static str, u64)>,
    /// Statuses with their counts, ascending.
    pub statuses: Vec<(u16, u64)>,
    /// Bytes of bodies received.
    pub body_bytes: u64,
    /// Connections that were opened for a request that waited.
    pub connects: u64,
    /// Requests that were sent once more, as the first had surely met a closed connection.
    pub repeats: u64,
}

impl Counts {
    /// Requests with one outcome.
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes.iter().find(|(known, _)| *known == outcome).map_or(0, |(_, count)| *count)
    }

    /// Requests that have ended.
    pub fn ended(&self) -> u64 {
        self.outcomes.iter().map(|(_, count)| count).sum()
    }
}

/// One step, or all, over the window.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Summary {
    /// The step's name; `all` for all of them.
    pub name: String,
    /// `GET /orders`; empty for all.
    pub label: String,
    /// What was counted.
    pub counts: Counts,
    /// Requests due per second.
    pub offered_rate: f64,
    /// Answered requests per second, whatever the answer.
    pub throughput: f64,
    /// Requests that ended ok per second.
    pub goodput: f64,
    /// Share of requests that ended otherwise than ok.
    pub error_rate: f64,
    /// Its times in figures, by phase.
    #[serde(flatten)]
    pub times: ByPhase<Option<Times>>,
    /// The tightest response-time limits that hold for it: (quantile, limit in ms).
    pub limits: Vec<(f64, f64)>,
}

/// How full the generator and the target were, over the window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Saturation {
    /// Each gauge of the target by its name: mean and highest second, times in milliseconds; and
    /// the series that the largest is of, where several tell it.
    #[serde(flatten)]
    #[schemars(with = "SeenJson")]
    pub target: TargetSeen,
    /// Generator CPU in cores.
    pub generator_cpu: Option<MeanMax>,
    /// Generator CPU per request, in microseconds.
    pub generator_micros_per_request: Option<f64>,
    /// Share of the whole machine that was busy.
    pub machine_busy: Option<MeanMax>,
    /// Requests in flight.
    pub in_flight: Option<MeanMax>,
    /// What a request cost of what the target counts; empty where it counts nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub per_request: Vec<PerRequest>,
    /// What of the target filled up, the first one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub filled: Vec<Filled>,
    /// Which gauges moved with the response time, the closest one first: a correlation, not a
    /// cause.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub moved: Vec<Correlated>,
}

/// Series over time, one point per bin. All vectors are as long as `starts`; `None` is a
/// gap. Long runs have wider bins (at most about 360 of them), in which counts were added
/// and histograms merged, never percentiles averaged.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Timeline {
    /// Width of a bin in seconds.
    pub bin_seconds: u32,
    /// First second of each bin.
    pub starts: Vec<u32>,
    /// Seconds that each bin really covers (the last may be shorter).
    pub covered: Vec<f64>,
    /// Response time in ms.
    pub p50: Vec<Option<f64>>,
    /// Response time in ms.
    pub p95: Vec<Option<f64>>,
    /// Response time in ms.
    pub p99: Vec<Option<f64>>,
    /// Response time in ms.
    pub max: Vec<Option<f64>>,
    /// Requests due per second.
    pub offered: Vec<f64>,
    /// Requests sent per second, by their intended second.
    pub sent: Vec<f64>,
    /// Requests answered per second, by their intended second.
    pub completed: Vec<f64>,
    /// Most requests in flight.
    pub in_flight: Vec<Option<f64>>,
    /// Requests per second by outcome, in the order of `Outcome::ALL`; outer index: outcome.
    pub outcomes: Vec<Vec<f64>>,
    /// Each gauge of the target by its name; bytes in MB, times in ms.
    #[serde(flatten)]
    #[schemars(with = "LinesJson")]
    pub target: TargetLines,
    /// Generator CPU in cores.
    pub generator_cpu: Vec<Option<f64>>,
}

/// Percentile curves of the window: points (share in [0, 1), ms), ascending, dense towards
/// 1, ending where the data ends (one request).
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Curves {
    /// Response time.
    pub response: Vec<(f64, f64)>,
    /// Service time.
    pub service: Vec<(f64, f64)>,
}
