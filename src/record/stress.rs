//! What a stress test has measured: `stress.json`.
//!
//! Plain data: the plan, and for each repeat its phases and its seconds. What it means is for
//! `analysis::stress`. Each repeat is a run folder of its own besides.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::fingerprint::Fingerprint;
use crate::record::json_file::{self, JsonFile};
use crate::record::store::StoreError;
use crate::scenario::stress::StressObjective;

/// The version of `stress.json`.
pub const VERSION: u32 = 1;
/// The file.
pub const STRESS_FILE: &str = "stress.json";
/// What it is, and what is read of it.
const FILE: JsonFile =
    JsonFile { name: STRESS_FILE, what: "the record of a stress test", most_bytes: 32 << 20 };
/// No repeat has more seconds.
const MOST_SECONDS: u32 = 24 * 3_600;
/// No second has more requests.
const MOST_COUNT: u64 = 1 << 40;
/// No test has more repeats.
pub const MOST_REPEATS: u32 = 5;
/// Two rates, or two overloads, this near are the same.
pub const SAME: f64 = 1e-6;

/// `stress.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StressFile {
    /// [`VERSION`].
    pub version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// The target's address, without secrets.
    pub target: String,
    /// Whether each repeat had a target of its own, which loadgate started.
    pub starts_afresh: bool,
    /// Machine, tool and scenario.
    pub fingerprint: Fingerprint,
    /// What was asked for.
    pub plan: Plan,
    /// What is good enough.
    pub objectives: Vec<StressObjective>,
    /// Connections that were allowed: the target never sees more requests at once.
    pub connections: u32,
    /// In the order in which they were measured.
    pub repeats: Vec<Repeat>,
    /// How it ended; `None` while it is under way, or when it was killed.
    pub end: Option<StressEnd>,
}

/// What a stress test does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// How the overload comes.
    pub profile: Profile,
    /// Arrivals per second at the beginning.
    pub from: f64,
    /// By which share each step of the ramp is above the one before.
    pub growth: f64,
    /// Length of a step.
    pub step_seconds: u32,
    /// Length of the warm-up.
    pub warmup_seconds: u32,
    /// How long each overload lasts.
    pub hold_seconds: u32,
    /// Overloads, as multiples of the capacity or of the breaking rate.
    pub factors: Vec<f64>,
    /// No rate is above it.
    pub highest: f64,
    /// What the overloads are multiples of, if it was given.
    pub capacity: Option<f64>,
    /// For so long it is waited until the target is as before.
    pub recover_within_seconds: u32,
    /// How long all repeats together may take.
    pub within_seconds: u32,
    /// How many repeats were asked for.
    pub repeats: u32,
}

/// How the overload comes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Step by step, until the target breaks.
    Ramp,
    /// At once.
    Spike {
        /// As a multiple of the first rate.
        times: f64,
        /// Its length.
        seconds: u32,
    },
}

/// The target broken once.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Repeat {
    /// Its folder.
    pub folder: String,
    /// Ascending; which rate was wanted from which second on.
    pub phases: Vec<Phase>,
    /// Ascending; a second in which the generator stood still is not there.
    pub seconds: Vec<StressSecond>,
    /// Each step of which requests failed, in each phase; empty while it is under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepTally>,
    /// How it ended; `None` while it is under way, or when it was killed.
    pub end: Option<RepeatEnd>,
}

/// How the requests of a step fared that were due in a phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepTally {
    /// The place of the phase. Of the fall back its last seconds count, which show whether the
    /// target is as before.
    pub phase: u32,
    /// The flow of the step.
    pub flow: String,
    /// Its name.
    pub step: String,
    /// Answered as the scenario expects.
    pub ok: u64,
    /// Not so.
    pub failed: u64,
}

/// A stretch with one rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Phase {
    /// What it is for.
    pub kind: PhaseKind,
    /// Its first second.
    pub from: u32,
    /// Arrivals per second that were wanted.
    pub rate: f64,
}

/// What a phase is for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// Before anything is judged.
    WarmUp,
    /// A step of the ramp, or what comes before a spike.
    Ramp,
    /// At the rate at which the target seems to break: whether it does.
    Hold,
    /// Above it, by this factor.
    Overload(f64),
    /// A spike.
    Spike,
    /// Back at a rate that the target has served before.
    FallBack,
}

/// One second as the generator saw it; requests count in the second in which they ended.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StressSecond {
    /// Seconds since the start of the schedule.
    pub second: u32,
    /// Requests due.
    pub offered: u64,
    /// Answered as the scenario expects: the goodput.
    pub ok: u64,
    /// Refused with 429 or 503.
    #[serde(skip_serializing_if = "is_zero")]
    pub shed: u64,
    /// Other answers that the scenario does not expect.
    #[serde(skip_serializing_if = "is_zero")]
    pub errors: u64,
    /// No full answer in time.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeouts: u64,
    /// Connections refused, reset, or ended before the answer.
    #[serde(skip_serializing_if = "is_zero")]
    pub broken: u64,
    /// Of these, refused ones.
    #[serde(skip_serializing_if = "is_zero")]
    pub refused: u64,
    /// Due and never sent.
    #[serde(skip_serializing_if = "is_zero")]
    pub unsent: u64,
    /// p99 of the response times, in milliseconds; what got no full answer counts at its limit.
    pub p99_ms: Option<f64>,
    /// Requests in flight at its end.
    pub in_flight: u64,
    /// Whether the generator was late in it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl StressSecond {
    /// Requests that did not end as the scenario expects.
    pub fn failed(&self) -> u64 {
        let answered = self.shed.saturating_add(self.errors);
        let others = self.timeouts.saturating_add(self.broken).saturating_add(self.unsent);
        answered.saturating_add(others)
    }
}

/// How a repeat ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RepeatEnd {
    /// The target was as before.
    Recovered,
    /// It was not within the time.
    NotRecovered,
    /// The highest rate that was allowed was reached, and it did not break.
    HighestRate,
    /// The time was over, and it did not break.
    NoTime,
    /// The generator was late, so higher rates would say nothing of the target.
    Generator,
    /// It did not keep up with the first rate.
    BrokenAtStart,
    /// The target died.
    Died {
        /// Its exit status and last words.
        detail: String,
    },
    /// A step never worked.
    Hopeless {
        /// Which step, and how its tries ended.
        detail: String,
    },
    /// A signal: 2 for an interrupt, 15 for a termination.
    Interrupted {
        /// Its number.
        signal: i32,
    },
}

/// How a stress test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StressEnd {
    /// All repeats were measured.
    Finished,
    /// There was no time for more repeats.
    NoTime,
    /// The target had not come back, and loadgate does not start it, so it was not broken again.
    NotBack,
    /// A signal: 2 for an interrupt, 15 for a termination.
    Interrupted {
        /// Its number.
        signal: i32,
    },
    /// A step never worked.
    Hopeless {
        /// Which step, and how its tries ended.
        detail: String,
    },
    /// The target could not be had for another repeat.
    TargetLost {
        /// Why.
        detail: String,
    },
    /// One of several generators was lost, and with it what its repeat would have shown.
    GeneratorLost {
        /// Which repeat, which generator, and what became of it.
        detail: String,
    },
}

impl StressEnd {
    /// The signal that it was interrupted by, if it was.
    pub fn signal(&self) -> Option<i32> {
        let StressEnd::Interrupted { signal } = self else { return None };
        Some(*signal)
    }
}

impl Repeat {
    /// The seconds of the phase at a place.
    pub fn seconds_of(&self, index: usize) -> &[StressSecond] {
        let begins = |from: u32| self.seconds.partition_point(|second| second.second < from);
        let Some(phase) = self.phases.get(index) else { return &[] };
        let end = self.phases.get(index + 1).map_or(self.seconds.len(), |next| begins(next.from));
        self.seconds.get(begins(phase.from)..end).unwrap_or_default()
    }

    /// The place of the last phase of a kind.
    pub fn last_of(&self, kind: PhaseKind) -> Option<usize> {
        self.phases.iter().rposition(|phase| phase.kind == kind)
    }

    /// How many seconds the phase at a place took, whether the generator saw them or not.
    pub fn length_of(&self, index: usize) -> u32 {
        let Some(phase) = self.phases.get(index) else { return 0 };
        let last = self.seconds.last().map_or(phase.from, |second| second.second + 1);
        let end = self.phases.get(index + 1).map_or(last, |next| next.from);
        end.saturating_sub(phase.from)
    }

    /// The rate that was wanted in a second.
    pub fn wanted(&self, second: u32) -> f64 {
        let begun = self.phases.iter().take_while(|phase| phase.from <= second);
        begun.last().map_or(0.0, |phase| phase.rate)
    }

    /// The steps of the ramp that came to their end and that the target kept up with, as the
    /// places of their phases: another step came after each, and something worked in it.
    pub fn healthy(&self) -> impl Iterator<Item = usize> {
        let kept_up = |kind| match kind {
            PhaseKind::Ramp | PhaseKind::Spike => true,
            PhaseKind::WarmUp | PhaseKind::Hold | PhaseKind::Overload(_) | PhaseKind::FallBack => {
                false
            }
        };
        let goes_on = matches!(self.end, Some(RepeatEnd::HighestRate | RepeatEnd::NoTime));
        (0..self.phases.len()).filter(move |index| {
            let next = self.phases.get(index + 1).map(|next| next.kind);
            self.phases[*index].kind == PhaseKind::Ramp
                && next.map_or(goes_on, kept_up)
                && self.seconds_of(*index).iter().any(|second| second.ok > 0)
        })
    }
}

impl StressFile {
    /// The text of the file.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("numbers, texts and lists") + "\n"
    }

    /// Writes the file into a folder; at no moment is there half of it.
    pub fn write(&self, folder: &Path) -> Result<(), StoreError> {
        FILE.write(folder, &self.text())
    }
}

/// The JSON Schema of `stress.json`.
pub fn schema() -> serde_json::Value {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/stress.schema.json.deflate"));
    crate::scenario::schema::checked_in(packed, || schemars::schema_for!(StressFile).to_value())
}

/// Reads `stress.json`, or that of a folder.
pub fn read(path: &Path) -> Result<StressFile, StoreError> {
    FILE.read(path, check)
}

fn check(file: &StressFile) -> Result<(), String> {
    json_file::check_version(file.version, VERSION)?;
    if file.repeats.len() > MOST_REPEATS as usize {
        return Err(format!("more than {MOST_REPEATS} repeats"));
    }
    if !is_rate(file.plan.from) {
        return Err("a rate beyond all reason".to_owned());
    }
    file.repeats.iter().try_for_each(check_repeat)
}

fn check_repeat(repeat: &Repeat) -> Result<(), String> {
    let Repeat { phases, seconds, steps, .. } = repeat;
    if phases.is_empty() {
        return Err("a repeat without phases".to_owned());
    }
    let in_order = phases.is_sorted_by(|a, b| a.from < b.from)
        && seconds.is_sorted_by(|a, b| a.second < b.second);
    if !in_order {
        return Err("seconds or phases out of order".to_owned());
    }
    let is_sane = |second: &StressSecond| {
        let counts = [second.offered, second.ok, second.failed(), second.in_flight];
        second.second <= MOST_SECONDS
            && counts.into_iter().all(|count| count <= MOST_COUNT)
            && second.p99_ms.is_none_or(is_rate)
    };
    let is_possible = |phase: &Phase| phase.from <= MOST_SECONDS && is_rate(phase.rate);
    let is_counted = |step: &StepTally| step.ok <= MOST_COUNT && step.failed <= MOST_COUNT;
    if seconds.iter().all(is_sane) && phases.iter().all(is_possible) && steps.iter().all(is_counted)
    {
        return Ok(());
    }
    Err("a number beyond all reason".to_owned())
}

fn is_rate(rate: f64) -> bool {
    (0.0..=1e8).contains(&rate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::json_file::tests::refuses;
    use crate::record::stress_sample::sample;

    #[test]
    fn what_is_written_is_read_and_what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        sample().write(folder.path()).unwrap();
        assert_eq!(read(folder.path()).unwrap(), sample());
        assert_eq!(read(&folder.path().join(STRESS_FILE)).unwrap(), sample());
        let changes = [
            ("\"version\":1", "\"version\":9", "version 9"),
            ("\"second\":11,", "\"second\":3,", "out of order"),
            ("\"rate\":60.5", "\"rate\":-1.0", "beyond all reason"),
            ("\"offered\":110,", "\"offered\":18446744073709551615,", "beyond all reason"),
            ("\"timeouts\":5,", "\"timeouts\":18446744073709551615,", "beyond all reason"),
            ("\"phases\"", "\"parts\"", "not the record of a stress test"),
        ];
        refuses(&sample().text(), &changes, read);
    }

    #[test]
    fn a_repeat_is_cut_into_its_phases() {
        let repeat = &sample().repeats[0];
        let seconds = |index: usize| {
            let seconds = repeat.seconds_of(index);
            (seconds.first().map(|it| it.second), seconds.last().map(|it| it.second))
        };
        assert_eq!(seconds(0), (Some(0), Some(4)));
        assert_eq!(seconds(7), (Some(35), Some(47)));
        assert_eq!(seconds(8), (None, None));
        assert_eq!(repeat.healthy().collect::<Vec<_>>(), [1, 2]);
        assert!((repeat.wanted(34) - 181.5).abs() < 1e-9);
        assert!((repeat.wanted(99) - 60.5).abs() < 1e-9);
    }
}
