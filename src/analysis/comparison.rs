//! What analysis says about a candidate beside its baseline: the verdict, its reasons, and
//! every number and series that a report shows. Times are in milliseconds, rates per
//! second, shares in [0, 1]; a ratio is candidate ÷ baseline.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::assessment::{Assessment, Finding, Summary, Verdict};
use crate::analysis::gauges::PerRequestChange;
use crate::record::duet::{Dropped, GateMetric, GateSettings, Method};
use crate::record::histogram::Sparse;

/// Two arms, measured side by side, cut into segments of fresh processes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Paired {
    /// In the order in which they were measured.
    pub segments: Vec<Vec<Pair>>,
    /// The same of each step, with its name; empty where nobody asks for steps.
    pub steps: Vec<(String, Paired)>,
}

/// One second of both arms that belongs together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pair {
    /// What is compared with.
    pub baseline: ArmSecond,
    /// What is judged.
    pub candidate: ArmSecond,
}

/// One judged second of one arm, all steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArmSecond {
    /// Response time as objectives read it, in microseconds.
    pub response: Sparse,
    /// Requests that fell due and have an outcome.
    pub requests: u64,
    /// Those that did not end as the scenario expects; a refusal that it does not expect is
    /// one of them.
    pub errors: u64,
    /// CPU time that the target used in it, without what it uses when idle, in nanoseconds;
    /// `None` where nobody knows, and of a step.
    pub cpu_ns: Option<u64>,
}

/// How one metric came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Worse by more than the tolerance.
    Regressed,
    /// Better by more than the tolerance.
    Improved,
    /// Not worse by more than the tolerance.
    Pass,
    /// The evidence carries none of these.
    Inconclusive,
}

/// Which of the statistics decided (METHODS.md, section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The trimmed mean of the intervals' log ratios.
    Trimmed,
    /// Paired t on blocks.
    Block,
    /// Signs of the intervals that are far off the median ratio.
    Sign,
    /// Pooled quantiles with a block jackknife.
    Pooled,
    /// Requests beyond the baseline's quantile: what watches.
    Beyond,
    /// Sign-flip test on error counts.
    SignFlip,
    /// Segments' ratios of the CPU time per request.
    Starts,
}

/// A ratio with the interval in which the gate believes it to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// Candidate ÷ baseline; for the error rate candidate − baseline.
    pub value: f64,
    /// Lower end, at the level on which *regressed* is decided.
    pub low: f64,
    /// Upper end, at the level on which *pass* is decided.
    pub high: f64,
}

/// One metric at one look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LookMetric {
    /// Which.
    pub metric: GateMetric,
    /// Of which step; `None` for all requests.
    pub step: Option<String>,
    /// Whether a pass needs it; if not, it only watches.
    pub gates: bool,
    /// Ratio (difference for the error rate); `None` without requests.
    pub estimate: Option<Estimate>,
    /// One-sided p of the sign test, or of the sign-flip test for the error rate.
    pub sign_p: Option<f64>,
    /// What it said so far.
    pub ruling: Ruling,
    /// What made it regressed.
    pub rule: Option<Rule>,
}

/// What was seen at one planned look, after a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Look {
    /// Segments so far.
    pub segments: u32,
    /// Judged seconds per arm so far.
    pub seconds: u32,
    /// Requests per arm so far: baseline, candidate.
    pub requests: (u64, u64),
    /// Those that gate in the order of the settings, then those that watch, and steps that are
    /// worse.
    pub metrics: Vec<LookMetric>,
    /// What the gate as a whole said: `Inconclusive` means one more segment.
    pub ruling: Ruling,
}

/// One metric over the whole comparison.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct MetricResult {
    /// Which.
    pub metric: GateMetric,
    /// Of which step; `None` for all requests.
    pub step: Option<String>,
    /// `p99 of response time`.
    pub name: String,
    /// Whether a pass needs it. In a duet what does not gate watches: it can call the
    /// candidate regressed.
    pub gates: bool,
    /// How it came out.
    pub ruling: Ruling,
    /// The baseline's value: ms of time or of CPU time, or a share.
    pub baseline: Option<f64>,
    /// The candidate's value, in the same unit.
    pub candidate: Option<f64>,
    /// Ratio (difference for the error rate) with its interval.
    pub estimate: Option<Estimate>,
    /// What decided.
    pub rule: Option<Rule>,
    /// The smallest true change that this comparison would have called regressed in 95 of
    /// 100 cases, as a share: 0.08 is +8 %. `None` where nothing could have been seen.
    pub smallest_visible: Option<f64>,
    /// More judged seconds that would probably decide it.
    pub seconds_needed: Option<f64>,
    /// One sentence, where the ruling needs one.
    pub note: Option<String>,
}

/// How one step changed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StepChange {
    /// The step.
    pub name: String,
    /// Requests per arm: baseline, candidate.
    pub requests: (u64, u64),
    /// p50 in ms: baseline, candidate.
    pub p50: Option<(f64, f64)>,
    /// p95 in ms: baseline, candidate.
    pub p95: Option<(f64, f64)>,
    /// p99 in ms: baseline, candidate.
    pub p99: Option<(f64, f64)>,
    /// Ratio of p95, by which steps are ranked.
    pub change: Option<f64>,
    /// How much longer all its requests would have had to take to be called regressed, as a
    /// share; `None` where it does not watch or nothing would have been seen.
    pub sees_from: Option<f64>,
}

/// The ratio over time, one point per interval; gaps between segments are missing points.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct RatioSeries {
    /// Width of an interval in seconds.
    pub width: u32,
    /// For each point: judged second (counted through all segments), segment.
    pub starts: Vec<(u32, u32)>,
    /// For each gated quantile: the quantile and the ratio in each interval.
    pub ratios: Vec<(f64, Vec<Option<f64>>)>,
}

/// Percentile curves of both arms: points (share in [0, 1), ms), as in `Curves`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct ArmCurves {
    /// The baseline's response time.
    pub baseline: Vec<(f64, f64)>,
    /// The candidate's response time.
    pub candidate: Vec<(f64, f64)>,
    /// Ratio by quantile, where both arms have at least 20 requests beyond it.
    pub shift: Vec<(f64, f64)>,
}

/// Everything that a report may say about a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Comparison {
    /// The answer.
    pub verdict: Verdict,
    /// What the gate alone says, without objectives and validity.
    pub ruling: Ruling,
    /// Why, most important first; one sentence each.
    pub reasons: Vec<String>,
    /// What to do about it, as a sentence; `None` after a pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what_next: Option<String>,
    /// What the comparison cannot say, one sentence each.
    pub limits_of_knowledge: Vec<String>,
    /// Doubts and warnings.
    pub findings: Vec<Finding>,
    /// How the arms were measured.
    pub method: Method,
    /// What the team accepts, and how sure the gate had to be.
    pub settings: GateSettings,
    /// Gated metrics first, then those that watch, then steps that are worse.
    pub metrics: Vec<MetricResult>,
    /// What a request cost of what both targets count: told, and never judged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub per_request: Vec<PerRequestChange>,
    /// Metrics that rate and time could not have decided.
    pub dropped: Vec<Dropped>,
    /// The planned looks, as far as they were taken.
    pub looks: Vec<Look>,
    /// Steps by change, worst first.
    pub steps: Vec<StepChange>,
    /// Ratios over time.
    pub over_time: RatioSeries,
    /// Both arms' curves.
    pub curves: ArmCurves,
    /// The baseline over all judged seconds.
    pub baseline: Summary,
    /// The candidate judged by its objectives, over all judged seconds.
    pub candidate: Assessment,
}
