//! What analysis says of a stress test: how it broke, how it failed, whether it came back, and
//! what that means for the objectives. Rates are per second, times in seconds, shares in [0, 1].

use schemars::JsonSchema;
use serde::Serialize;

use crate::analysis::assessment::{SloStatus, Verdict};
use crate::analysis::stats::median;

/// Everything that a report says of a stress test.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StressResult {
    /// The answer; null where nothing was asked for and something was measured.
    pub verdict: Option<Verdict>,
    /// What was found, in a sentence.
    pub answer: String,
    /// Why, most important first; one sentence each.
    pub reasons: Vec<String>,
    /// The first rate at which the target did not keep up; null if none was found.
    pub breaking_rate: Option<Range>,
    /// It kept up with this rate, where it did not break.
    pub kept_up_to: Option<f64>,
    /// The most requests per second that ended as expected, of all steps.
    pub best_goodput: Option<Range>,
    /// Goodput in each overload.
    pub goodput: Vec<GoodputRange>,
    /// Seconds until the target was as before, of the repeats in which it was.
    pub recovery: Option<Range>,
    /// Repeats in which it was not within the time.
    pub metastable: u32,
    /// Repeats in which it died.
    pub died: u32,
    /// The objectives, in the order of the scenario.
    pub objectives: Vec<Judged>,
    /// The repeats.
    pub repeats: Vec<RepeatResult>,
    /// What it cannot say, one sentence each.
    pub limits_of_knowledge: Vec<String>,
}

/// What several repeats have shown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Range {
    /// The least.
    pub least: f64,
    /// The middle one.
    pub median: f64,
    /// The most.
    pub most: f64,
}

/// Goodput in one overload, as several repeats have shown it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct GoodputRange {
    /// The overload.
    pub factor: f64,
    /// As shares of the best goodput.
    pub share: Range,
    /// Requests per second that ended as expected.
    pub per_second: Range,
}

/// An objective and how it came out.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Judged {
    /// `recovery < 30s`.
    pub text: String,
    /// How it came out.
    pub status: SloStatus,
    /// What was measured, in words.
    pub measured: String,
    /// Why some of it was not, in a sentence that begins with "as".
    pub why: Option<String>,
}

/// What one repeat has shown.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RepeatResult {
    /// Its folder.
    pub folder: String,
    /// How far the ramp came.
    pub reach: Reach,
    /// How what failed did so, most frequent first.
    pub manners: Vec<MannerShare>,
    /// The most requests per second that ended as expected, of all steps.
    pub best_goodput: Option<f64>,
    /// Goodput in each overload.
    pub goodput: Vec<GoodputAt>,
    /// Whether the target came back.
    pub recovery: Recovery,
    /// The second of the schedule from which on it was as before.
    pub recovered_at: Option<u32>,
    /// What as before means: p99 of a second in milliseconds, and requests in flight.
    pub limits_before: Option<(f64, f64)>,
    /// Steps that fail while the target as a whole seems to work.
    pub failing_steps: Vec<FailingStep>,
    /// The share of failures until the break, where it is so large that spells of them came and
    /// went.
    pub spells: Option<f64>,
    /// The phases.
    pub phases: Vec<PhaseResult>,
}

/// A step that fails while the target as a whole seems to work.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FailingStep {
    /// Its flow.
    pub flow: String,
    /// Its name.
    pub step: String,
    /// From this rate on.
    pub rate: f64,
    /// Requests that failed.
    pub failed: u64,
    /// Of so many.
    pub tried: u64,
    /// Whether that was in what is taken for as before; else in what the ramp kept up with.
    pub is_after: bool,
}

/// How far a ramp came.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The target did not keep up.
    Broke {
        /// From this rate on.
        rate: f64,
        /// How that was seen.
        by: Sign,
    },
    /// It kept up, and there was no higher rate.
    NotUpTo {
        /// The last rate.
        rate: f64,
        /// Why there was no higher one.
        limit: Bound,
    },
    /// It did not keep up with the first rate.
    AtStart {
        /// That rate.
        rate: f64,
    },
    /// There was a spike in place of a ramp.
    Spike {
        /// Its rate.
        rate: f64,
    },
    /// It ended too early to say.
    Unknown,
}

/// By what a break was seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// Too large a share of the requests failed.
    Failures(f64),
    /// No request was answered as expected.
    NothingWorked,
    /// Requests in flight grew by so many a second.
    Growth(f64),
    /// The target died.
    Death,
}

/// Why a ramp went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The highest rate that was allowed.
    HighestRate,
    /// The time that was allowed.
    Time,
    /// The generator could not send more in time.
    Generator,
    /// It was interrupted.
    Interrupted,
}

/// How requests come to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    /// They wait, and are answered late or could not be sent any more.
    Queueing,
    /// They are refused with 429 or 503.
    Shedding,
    /// They get other answers than expected.
    Errors,
    /// They get no full answer in time.
    Timeouts,
    /// Their connections are refused or reset.
    Refused,
    /// The target is gone.
    Death,
}

/// A manner and how often it was.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct MannerShare {
    /// Which.
    pub manner: Manner,
    /// Of all requests that ended from the break on, until the target was as before.
    pub share: f64,
}

/// Goodput in an overload.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct GoodputAt {
    /// The overload.
    pub factor: f64,
    /// Requests per second that ended as expected; null if nobody knows.
    pub per_second: Option<f64>,
    /// The same as a share of the best goodput.
    pub share: Option<f64>,
    /// Why nobody knows.
    pub unknown: Option<Unmeasured>,
}

/// Whether a target came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// After so many seconds.
    After(u32),
    /// Not within so many.
    NotWithin(u32),
    /// It accepts no connections any more.
    Gone,
    /// It died.
    Died,
    /// Nobody knows.
    NotMeasured(Unmeasured),
}

/// Why nobody knows whether a target came back, or how much it did in an overload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unmeasured {
    /// It was never broken.
    NotBroken,
    /// It did not keep up with the first rate.
    AtStart,
    /// The generator was the limit before it broke.
    Generator,
    /// A step never worked.
    Hopeless,
    /// The test was interrupted, or killed.
    CutShort,
    /// The generator was late in the overload.
    LateOverload,
    /// Most of the overload was never sent.
    UnsentOverload,
    /// No step of the ramp tells what it was like before.
    NothingBefore,
    /// The generator was late while it waited for the target.
    Unwatched,
    /// A step still fails.
    FailingStep,
    /// The overload is above the highest rate.
    AboveHighest,
    /// A spike does not measure it.
    Spike,
}

/// What one phase has shown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct PhaseResult {
    /// Arrivals per second that were wanted.
    pub rate: f64,
    /// Its first second.
    pub from: u32,
    /// Its length in seconds.
    pub seconds: u32,
    /// Requests per second that ended as expected, in its second half.
    pub goodput: Option<f64>,
    /// The share of failures.
    pub failed: f64,
    /// The median p99 of a second, in milliseconds.
    pub p99_ms: Option<f64>,
    /// Requests in flight at its end.
    pub in_flight: u64,
}

impl Range {
    /// Of some values; `None` of none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Range> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        Some(Range { least, median: median(&values)?, most })
    }

    /// Whether all are the same.
    pub fn is_one(self) -> bool {
        (self.most - self.least).abs() < f64::EPSILON * self.most.abs().max(1.0)
    }
}

impl Judged {
    /// What was measured, and why some of it was not.
    pub fn in_full(&self) -> String {
        let why = self.why.iter().map(|why| format!(", {why}"));
        [self.measured.clone()].into_iter().chain(why).collect()
    }
}

impl RepeatResult {
    /// How most of what failed did so.
    pub fn manner(&self) -> Option<Manner> {
        self.manners.first().map(|it| it.manner)
    }

    /// The rate at which it broke.
    pub fn broke_at(&self) -> Option<f64> {
        match self.reach {
            Reach::Broke { rate, .. } => Some(rate),
            Reach::NotUpTo { .. }
            | Reach::AtStart { .. }
            | Reach::Spike { .. }
            | Reach::Unknown => None,
        }
    }

    /// Whether it left the target worse than it was.
    pub fn is_lasting(&self) -> bool {
        match self.recovery {
            Recovery::NotWithin(_) | Recovery::Gone | Recovery::Died => true,
            Recovery::After(_) | Recovery::NotMeasured(_) => false,
        }
    }

    /// Whether a step fails at a rate that the target as a whole kept up with.
    pub fn has_failing_step(&self) -> bool {
        self.failing_steps.iter().any(|step| !step.is_after)
    }
}

impl Unmeasured {
    /// As the end of a sentence that begins with what was not measured.
    pub fn words(self) -> &'static str {
        match self {
            Unmeasured::NotBroken => "the target never broke",
            Unmeasured::AtStart => "the target does not keep up with the first rate",
            Unmeasured::Generator => "the generator was the limit before the target broke",
            Unmeasured::Hopeless => "a step never worked",
            Unmeasured::CutShort => "the test was cut short",
            Unmeasured::LateOverload => "the generator was late in the overload",
            Unmeasured::UnsentOverload => {
                "most of the overload was never sent: too many requests waited for a connection"
            }
            Unmeasured::NothingBefore => "no step tells what the target was like before",
            Unmeasured::Unwatched => "the generator was late while it waited for the target",
            Unmeasured::FailingStep => "a step still fails",
            Unmeasured::AboveHighest => "it is above the highest rate (--max-rate)",
            Unmeasured::Spike => "a spike does not measure it",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_its_ends_and_its_middle() {
        let range = Range::of([3.0, 1.0, 2.0]).unwrap();
        assert_eq!((range.least, range.median, range.most, range.is_one()), (1.0, 2.0, 3.0, false));
        assert!(Range::of([4.0]).unwrap().is_one());
        assert_eq!(Range::of([]), None);
    }
}
