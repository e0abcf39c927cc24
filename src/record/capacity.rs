//! What a search for capacity has measured and found: `capacity.json`.
//!
//! Plain data: `experiment::capacity` adds trials, `analysis::capacity` fills in what they mean,
//! `report::subject::capacity` shows it. A later search is compared with it, if it is of the same
//! machine, scenario and objectives; what is unlike is named.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::fingerprint::{Difference, Fingerprint};
use crate::record::gauge::{Kind, Unit};
use crate::record::json_file::{self, JsonFile};
use crate::record::load_unit::LoadUnit;
use crate::record::search_end::SearchEnd;
use crate::record::store::StoreError;

/// The version of `capacity.json`.
pub const VERSION: u32 = 1;
/// The file.
pub const CAPACITY_FILE: &str = "capacity.json";
/// What it is, and what is read of it.
const FILE: JsonFile =
    JsonFile { name: CAPACITY_FILE, what: "a search for capacity", most_bytes: 32 << 20 };

/// `capacity.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapacityFile {
    /// [`VERSION`].
    pub version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// What was loaded.
    pub target: String,
    /// What a rate has to keep to.
    pub objectives: Vec<String>,
    /// Machine, tool and scenario.
    pub fingerprint: Fingerprint,
    /// What was asked for.
    pub asked: Asked,
    /// What it is compared with.
    pub baseline: Option<Stored>,
    /// Everything that was measured, in order.
    pub trials: Vec<Trial>,
    /// What happened besides, one sentence each.
    pub notes: Vec<String>,
    /// What the trials have shown.
    pub found: FoundCapacity,
    /// The answer.
    pub verdict: Verdict,
    /// Why, most important first; one sentence each.
    pub reasons: Vec<String>,
    /// What of the target rose with the rate, what did so at the lowest rate first.
    pub moved: Vec<Rise>,
    /// How it ended; `None` while it is under way, or when it was killed.
    pub end: Option<SearchEnd>,
    /// How long it took by now, starts of the target and everything between two trials included;
    /// in seconds.
    #[serde(default)]
    pub took: f64,
}

/// What was asked for. Rates are arrivals per second, or users where `unit` says so; times are
/// seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// In what the load is counted.
    #[serde(default)]
    pub unit: LoadUnit,
    /// Where the search begins.
    pub start: f64,
    /// The lowest rate that is tried.
    pub lowest: f64,
    /// The highest rate that is tried.
    pub highest: f64,
    /// Whether the highest rate is what this machine can send at most, or as many users as the
    /// scenario's limits have room for, and nobody's wish.
    pub highest_is_machines: bool,
    /// Arrivals that a trial should have; its length follows from them.
    pub trial_arrivals: f64,
    /// A trial is no shorter.
    pub shortest_trial: f64,
    /// And no longer.
    pub longest_trial: f64,
    /// What comes before each of them at its rate and is not judged.
    pub lead: f64,
    /// What comes before the first one; 0 for nothing.
    pub warmup: f64,
    /// Length of the run that confirms what was found; 0 for none.
    pub confirmation: f64,
    /// All of it takes no longer.
    pub within: f64,
    /// Whether the target is started afresh for each trial.
    pub restarts: bool,
    /// The capacity that is wanted.
    pub at_least: Option<f64>,
    /// By how much less than the baseline's is accepted: 0.1 is 10 %.
    pub tolerance: f64,
}

/// An earlier search, as far as it is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stored {
    /// Its file or folder, as it was named.
    pub path: String,
    /// When it began.
    pub started: String,
    /// The highest rate that it found within the objectives.
    pub low: f64,
    /// The lowest rate that it found beyond them.
    pub high: Option<f64>,
}

/// What a measurement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The target is warmed up; nothing is judged.
    WarmUp,
    /// It classifies a load.
    Trial,
    /// It shows that the capacity holds for longer.
    Confirmation,
}

/// What became of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Within the objectives.
    Good,
    /// Beyond them.
    Bad,
    /// Too little evidence; of a confirmation only.
    Undecided,
    /// The generator was the limit.
    Void,
}

/// Why a search ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Both bounds are as close as asked, and confirmed if that was asked for.
    Found,
    /// The objectives are missed at the lowest rate already.
    BelowLowest,
    /// They hold at the highest rate.
    AboveHighest,
    /// No higher rate could be tried, as the generator was the limit.
    GeneratorLimit,
    /// The time is over; the bounds are as close as they came.
    OutOfTime,
    /// After too many overloads the target was not itself again; the bounds are as close as they
    /// came.
    NotItself,
    /// Longer runs at nine tenths of what trials call good keep missing the objectives.
    NotConfirmed,
}

/// One measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trial {
    /// From 1.
    pub number: u32,
    /// The folder of its run, beside this file.
    pub folder: String,
    /// What for.
    pub purpose: Purpose,
    /// Arrivals per second, or users.
    pub rate: f64,
    /// Judged seconds.
    pub seconds: f64,
    /// What became of it.
    pub class: Class,
    /// Why, in a sentence; `None` where it is good.
    pub why: Option<String>,
    /// Seconds since the search began, at its end.
    pub spent: f64,
    /// How long it was waited before it until the target was itself again, in seconds.
    pub cooled: f64,
    /// Whether no step failed every time.
    pub worked: bool,
    /// What was measured.
    pub seen: Seen,
    /// Kinds of the findings that its run has.
    pub findings: Vec<String>,
    /// What of the target filled up, the first one first.
    pub filled: Vec<String>,
}

/// The figures of a trial: rates per second, times in milliseconds, shares in [0, 1].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// Requests.
    pub requests: u64,
    /// Requests due per second.
    pub offered: f64,
    /// Requests that ended ok per second.
    pub goodput: f64,
    /// Share of requests that ended otherwise.
    pub error_rate: f64,
    /// Of the response time.
    pub mean: Option<f64>,
    /// Of the response time.
    pub p50: Option<f64>,
    /// Of the response time.
    pub p95: Option<f64>,
    /// Of the response time.
    pub p99: Option<f64>,
    /// Most requests in flight.
    pub in_flight: Option<f64>,
    /// What was seen of the target.
    pub gauges: Vec<GaugeSeen>,
}

/// One gauge of the target over a trial; times in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GaugeSeen {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// Of what it is.
    pub unit: Unit,
    /// What its values are.
    pub kind: Kind,
    /// Mean over the seconds.
    pub mean: f64,
    /// Highest second.
    pub max: f64,
}

/// What trials have shown.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct FoundCapacity {
    /// The highest rate within the objectives.
    pub low: Option<f64>,
    /// The lowest rate beyond them.
    pub high: Option<f64>,
    /// The lowest rate at which the generator was the limit.
    pub generator_limit: Option<f64>,
    /// The highest rate that a longer run confirmed.
    pub confirmed: Option<f64>,
    /// The lowest rate at which a longer run missed the objectives.
    pub not_confirmed: Option<f64>,
    /// Why it ended; `None` where it was ended.
    pub why: Option<Why>,
}

/// The answer.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing was asked of the capacity: it is told.
    Found,
    /// It is at least what was asked for, and not below the baseline's.
    Pass,
    /// Too little evidence.
    Inconclusive,
    /// It is below the baseline's.
    Regressed,
    /// It is below what was asked for, or below the lowest rate that was tried.
    Missed,
    /// Nothing is known of the target: no rate worked at all, or the generator was the limit.
    Invalid,
    /// The target was not ready in time, or died.
    TargetLost,
}

/// How something of the target rose with the rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rise {
    /// What people call it.
    pub label: String,
    /// Of what it is; times in milliseconds.
    pub unit: Unit,
    /// What its values are.
    pub kind: Kind,
    /// At the lowest rate that was tried.
    pub calm: f64,
    /// At its highest.
    pub full: f64,
    /// The rate from which on it was nearer to its highest than to what it was at first.
    pub from: f64,
    /// Rank correlation with p95 over the rates; `None` where that never changes.
    pub correlation: Option<f64>,
    /// Whether it stayed as it was while the rate rose further: nothing more was to be had.
    pub is_flat: bool,
}

impl Trial {
    /// Whether it is of this rate, which was given out once and never computed again.
    pub fn is_at(&self, rate: f64) -> bool {
        self.rate.total_cmp(&rate).is_eq()
    }
}

impl CapacityFile {
    /// Everything in which an earlier search is unlike one that is planned; rates, lengths and
    /// seed do not count, as both look for a rate.
    pub fn differences(
        &self,
        planned: &Fingerprint,
        objectives: &[String],
        unit: LoadUnit,
    ) -> Vec<Difference> {
        let kept = |it: &Fingerprint| Fingerprint { seed: 0, stages: Vec::new(), ..it.clone() };
        let mut found = kept(&self.fingerprint).differences(&kept(planned));
        if self.objectives != objectives {
            let [baseline, candidate] = [&self.objectives, objectives].map(|it| it.join(", "));
            found.push(Difference { what: "objectives".to_owned(), baseline, candidate });
        }
        if self.asked.unit != unit {
            let [baseline, candidate] = [self.asked.unit, unit].map(|it| it.name().to_owned());
            found.push(Difference { what: "load".to_owned(), baseline, candidate });
        }
        found
    }

    /// What a later search is compared with; or why there is nothing to compare with.
    pub fn stored(&self, path: &Path) -> Result<Stored, &'static str> {
        let low = self.found.low.ok_or("found no rate within the objectives")?;
        if self.end != Some(SearchEnd::Finished) {
            return Err("did not come to its end");
        }
        if self.found.confirmed.is_none() {
            return Err("was not confirmed by a longer run");
        }
        match self.verdict {
            Verdict::Found | Verdict::Pass => {}
            Verdict::Inconclusive => return Err("was inconclusive"),
            Verdict::Regressed => return Err("was itself worse than its baseline"),
            Verdict::Missed => return Err("found less than was asked for"),
            Verdict::Invalid | Verdict::TargetLost => return Err("says nothing of the target"),
        }
        let (path, started) = (path.display().to_string(), self.started.clone());
        Ok(Stored { path, started, low, high: self.found.high })
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        json_file::text(self)
    }

    /// Writes the file into a folder; at no moment is there half of it.
    pub fn write(&self, folder: &Path) -> Result<(), StoreError> {
        FILE.write(folder, &self.text())
    }
}

/// The JSON Schema of `capacity.json`.
pub fn schema() -> serde_json::Value {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/capacity.schema.json.deflate"));
    crate::scenario::schema::checked_in(packed, || schemars::schema_for!(CapacityFile).to_value())
}

/// Reads `capacity.json`, or that of a folder.
pub fn read(path: &Path) -> Result<CapacityFile, StoreError> {
    FILE.read(path, check)
}

fn check(file: &CapacityFile) -> Result<(), String> {
    json_file::check_version(file.version, VERSION)?;
    let FoundCapacity { low, high, .. } = file.found;
    let is_rate = |rate: Option<f64>| rate.is_none_or(|rate| rate.is_finite() && rate > 0.0);
    let is_upright = low.zip(high).is_none_or(|(low, high)| low <= high);
    if is_rate(low) && is_rate(high) && is_upright {
        return Ok(());
    }
    Err("bounds that no search has".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::json_file::tests::refuses;
    use crate::record::sample_capacity::sample;

    #[test]
    fn what_is_written_is_read_and_what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        sample().write(folder.path()).unwrap();
        assert_eq!(read(folder.path()).unwrap(), sample());
        assert_eq!(read(&folder.path().join(CAPACITY_FILE)).unwrap(), sample());
        let changes = [
            ("\"version\": 1", "\"version\": 9", "version 9"),
            ("\"low\": 396.0", "\"low\": 496.0", "bounds that no search has"),
            ("\"low\": 396.0", "\"low\": -1.0", "bounds that no search has"),
            ("\"asked\"", "\"ask\"", "not a search for capacity"),
        ];
        refuses(&sample().text(), &changes, read);
    }

    #[test]
    fn a_baseline_is_a_search_that_came_to_its_end_and_was_confirmed() {
        let of = |change: fn(&mut CapacityFile)| {
            let mut file = sample();
            change(&mut file);
            file.stored(Path::new("a")).map(|it| (it.low, it.high))
        };
        assert_eq!(of(|_| {}), Ok((396.0, Some(404.0))));
        assert_eq!(of(|it| it.verdict = Verdict::Pass), Ok((396.0, Some(404.0))));
        let changes: [fn(&mut CapacityFile); 8] = [
            |it| it.found.low = None,
            |it| it.found.confirmed = None,
            |it| it.end = None,
            |it| it.end = Some(SearchEnd::Interrupted { signal: 2 }),
            |it| it.verdict = Verdict::Inconclusive,
            |it| it.verdict = Verdict::Regressed,
            |it| it.verdict = Verdict::Missed,
            |it| it.verdict = Verdict::TargetLost,
        ];
        for change in changes {
            assert!(of(change).is_err());
        }
    }

    #[test]
    fn another_machine_or_other_objectives_are_unlike_and_another_rate_is_not() {
        let file = sample();
        let unlike = |change: fn(&mut Fingerprint), objectives: &[&str]| {
            let mut planned = file.fingerprint.clone();
            change(&mut planned);
            let objectives: Vec<String> = objectives.iter().map(|it| (*it).to_owned()).collect();
            let found = file.differences(&planned, &objectives, LoadUnit::Rate);
            found.into_iter().map(|it| it.what).collect::<Vec<_>>()
        };
        assert_eq!(unlike(|it| it.cpu = "Z80".into(), &["p95 < 80ms"]), ["CPU model"]);
        assert_eq!(unlike(|it| it.seed = 9, &["p95 < 80ms"]), Vec::<String>::new());
        assert_eq!(unlike(|it| it.stages.clear(), &["p95 < 90ms"]), ["objectives"]);
        let users = file.differences(&file.fingerprint, &file.objectives, LoadUnit::Users);
        assert_eq!(users[0].what, "load");
    }
}
