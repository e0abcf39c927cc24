//! Everything known about one duet: how it was planned, and both arms' runs, segment by
//! segment.
//!
//! On disk: `duet.json` and for each segment a folder with the run folders `baseline` and
//! `candidate` in it. Times are as in these; a *schedule second* is one of the load
//! profile, which in turns is played at different moments for the two arms.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::json_file::{self, JsonFile};
use crate::record::run::RunRecord;
use crate::record::store::{self, StoreError};
use crate::scenario::model::Arm;

/// The version of `duet.json`.
pub const VERSION: u32 = 1;
/// The file.
pub const DUET_FILE: &str = "duet.json";
/// What it is, and what is read of it.
const FILE: JsonFile = JsonFile { name: DUET_FILE, what: "a duet's record", most_bytes: 4 << 20 };
/// The most segments that are read.
const MOST_SEGMENTS: usize = 100;
/// More cores than any machine has.
const MOST_IDLE: f64 = 1e5;
/// The longest segment: a week.
const MOST_SECONDS: u64 = 7 * 86_400;

/// A duet.
#[derive(Debug, Clone, PartialEq)]
pub struct DuetRecord {
    /// What `duet.json` says.
    pub file: DuetFile,
    /// In the order in which they were measured; those that came to their end.
    pub segments: Vec<Segment>,
}

/// Both arms of one segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// The baseline's run.
    pub baseline: RunRecord,
    /// The candidate's run.
    pub candidate: RunRecord,
    /// Who was started first, and had the first block.
    pub first: Arm,
}

/// `duet.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DuetFile {
    /// [`VERSION`].
    pub version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// SHA-256 of what decides the requests.
    pub scenario_hash: String,
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// What is compared with.
    pub baseline: ArmHead,
    /// What is judged.
    pub candidate: ArmHead,
    /// How the arms are measured.
    pub method: Method,
    /// Why in that way, as a sentence.
    pub method_reason: String,
    /// CPU time that the arms used before anything was asked of them; `None` where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<Idle>,
    /// What the team accepts, and how sure the gate has to be.
    pub settings: GateSettings,
    /// Metrics of which was known before the first segment that they can only watch.
    pub dropped: Vec<Dropped>,
    /// What the gate would see, as sentences, from the pilot.
    pub forecast: Vec<String>,
    /// Schedule seconds of a segment's warm-up.
    pub warmup_seconds: u32,
    /// Judged schedule seconds of a segment.
    pub judged_seconds: u32,
    /// The segments that came to their end.
    pub segments: Vec<SegmentHead>,
    /// How it ended; `None` while it is under way, or when it was killed.
    pub end: Option<DuetEnd>,
}

/// An arm as the record knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ArmHead {
    /// Where it is from, as reports show it: `origin/main (1a2b3c4 Fix the cache)`.
    pub source: String,
    /// The commit, where it is from a git ref.
    #[serde(default)]
    pub commit: Option<String>,
}

/// CPU time of both arms without load, in seconds per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Idle {
    /// Of the baseline. So much is taken off both arms.
    pub baseline: f64,
    /// Of the candidate. What it does more counts as its cost.
    pub candidate: f64,
}

/// A segment as `duet.json` knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentHead {
    /// Its folder.
    pub folder: String,
    /// Who was started first, and had the first block.
    pub first: Arm,
}

/// How the arms were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Both at once, requests interleaved at random.
    Interleaved,
    /// In turns, in the order ABBA.
    Alternating {
        /// Length of a block in seconds.
        block: u32,
        /// Seconds at a block's beginning that are not judged.
        dropped: u32,
    },
    /// The baseline's numbers are from earlier runs.
    Stored,
}

/// How a duet ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DuetEnd {
    /// It was decided, or all planned segments were measured.
    Finished,
    /// A signal.
    Interrupted {
        /// Its number.
        signal: i32,
    },
    /// An arm could not be started or died.
    ArmLost {
        /// Which.
        arm: Arm,
        /// How, with its last words.
        detail: String,
    },
    /// A step of an arm never worked, so it ended early.
    Hopeless {
        /// Which.
        arm: Arm,
        /// Which step, and how its tries ended.
        detail: String,
    },
}

/// What may gate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateMetric {
    /// A quantile of the response time, in (0, 1).
    ResponseTime(f64),
    /// The share of requests that did not end as the scenario expects.
    ErrorRate,
    /// The target's CPU time per request, of all its processes; known where loadgate started
    /// it.
    CpuPerRequest,
    /// The share of requests that took many times the usual p99. It only ever watches.
    SlowRequests,
}

impl GateMetric {
    /// Whether it is a quantile of the response time.
    pub fn is_time(self) -> bool {
        matches!(self, GateMetric::ResponseTime(_))
    }
}

/// What the team accepts, and how sure the gate has to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateSettings {
    /// The largest accepted change, d: 0.05 is 5 %.
    pub tolerance: f64,
    /// The largest accepted change of the CPU time per request.
    #[serde(default = "cpu_tolerance")]
    pub cpu_tolerance: f64,
    /// Chance of calling an unchanged candidate regressed, over the whole gate.
    pub alpha: f64,
    /// Chance of passing a candidate that is worse by the tolerance, over the whole gate.
    pub beta: f64,
    /// Looks that were planned, at most; one after each segment.
    pub looks: u32,
    /// Standard deviation of ln(response time) from one process start to the next, `σ_p`.
    pub start_noise: f64,
    /// Error rates differ only if by more than this share of the requests.
    pub error_floor: f64,
    /// What gates, in the order of the reports.
    pub metrics: Vec<GateMetric>,
    /// What only watches: asked for, but not to be decided to the tolerance. It can call the
    /// candidate regressed; a pass does not need it.
    #[serde(default)]
    pub watches: Vec<GateMetric>,
    /// Seed of what the sign-flip test draws.
    pub seed: u64,
}

/// 4 %: what five to eight starts of a process show within three minutes; measured in
/// docs/measurements.md.
fn cpu_tolerance() -> f64 {
    0.04
}

impl Default for GateSettings {
    fn default() -> Self {
        GateSettings {
            tolerance: 0.05,
            cpu_tolerance: cpu_tolerance(),
            alpha: 0.01,
            beta: 0.05,
            looks: 5,
            start_noise: 0.01,
            error_floor: 0.001,
            metrics: vec![
                GateMetric::ResponseTime(0.5),
                GateMetric::ResponseTime(0.95),
                GateMetric::ResponseTime(0.99),
                GateMetric::ErrorRate,
            ],
            watches: Vec::new(),
            seed: 1,
        }
    }
}

impl GateSettings {
    /// The largest accepted change of a metric: as a ratio less 1, or of a share its difference.
    pub fn accepted(&self, metric: GateMetric) -> f64 {
        match metric {
            GateMetric::ResponseTime(_) => self.tolerance,
            GateMetric::CpuPerRequest => self.cpu_tolerance,
            GateMetric::ErrorRate | GateMetric::SlowRequests => self.error_floor,
        }
    }

    /// Whether a file can mean them.
    pub(super) fn check(&self) -> Result<(), String> {
        let is_share = |share: f64| share > 0.0 && share < 1.0;
        let is_size = |size: f64| size.is_finite() && size >= 0.0;
        let is_metric = |metric: &GateMetric| match metric {
            GateMetric::ResponseTime(share) => is_share(*share),
            GateMetric::ErrorRate | GateMetric::CpuPerRequest | GateMetric::SlowRequests => true,
        };
        let is_sane = [self.alpha, self.beta].into_iter().all(is_share)
            && [self.tolerance, self.cpu_tolerance, self.start_noise, self.error_floor]
                .into_iter()
                .all(is_size)
            && self.metrics.iter().chain(&self.watches).all(is_metric)
            && (1..=100).contains(&self.looks);
        if is_sane { Ok(()) } else { Err("settings of the gate beyond all reason".to_owned()) }
    }
}

/// A metric that only watches, as found before the comparison began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dropped {
    /// Which.
    pub metric: GateMetric,
    /// Why, with figures: what it would need.
    pub reason: String,
}

impl DuetFile {
    /// The second of an arm's run in which a schedule second is played.
    pub fn played(&self, second: u32, arm: Arm, first: Arm) -> u32 {
        let Method::Alternating { block, .. } = self.method else { return second };
        let turn = second / block.max(1);
        let is_first = turn.is_multiple_of(2) == (arm == first);
        second + (turn + u32::from(!is_first)) * block
    }

    /// The judged schedule seconds of a segment.
    pub fn judged(&self) -> impl Iterator<Item = u32> {
        let (block, dropped) = match self.method {
            Method::Alternating { block, dropped } => (block.max(1), dropped),
            Method::Interleaved | Method::Stored => (1, 0),
        };
        let from = self.warmup_seconds;
        let to = from.saturating_add(self.judged_seconds);
        (from..to).filter(move |second| second % block >= dropped)
    }

    /// Writes the file into a folder; at no moment is there half of it.
    pub fn write(&self, folder: &Path) -> Result<(), StoreError> {
        FILE.write(folder, &json_file::text(self))
    }
}

/// The JSON Schema of `duet.json`.
pub fn schema() -> serde_json::Value {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/duet.schema.json.deflate"));
    crate::scenario::schema::checked_in(packed, || schemars::schema_for!(DuetFile).to_value())
}

/// Reads a duet's folder, or its `duet.json`.
pub fn read(path: &Path) -> Result<DuetRecord, StoreError> {
    let (folder, file) = indexes(path);
    let malformed = |what: String| StoreError::Malformed(file.clone(), what);
    let duet: DuetFile = FILE.read(&file, check)?;
    let segments = duet.segments.iter().map(|segment| {
        let index = folder.join(&segment.folder);
        let segment = Segment {
            baseline: store::read(&index.join("baseline"))?,
            candidate: store::read(&index.join("candidate"))?,
            first: segment.first,
        };
        check_segment(&duet, &segment).map_err(malformed)?;
        Ok(segment)
    });
    let segments = segments.collect::<Result<_, StoreError>>()?;
    Ok(DuetRecord { file: duet, segments })
}

fn indexes(path: &Path) -> (PathBuf, PathBuf) {
    if path.is_dir() {
        return (path.to_owned(), path.join(DUET_FILE));
    }
    (path.parent().unwrap_or(Path::new(".")).to_owned(), path.to_owned())
}

fn check(duet: &DuetFile) -> Result<(), String> {
    json_file::check_version(duet.version, VERSION)?;
    if duet.segments.len() > MOST_SEGMENTS {
        return Err(format!("more than {MOST_SEGMENTS} segments"));
    }
    let is_plain = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if let Some(odd) = duet.segments.iter().find(|segment| !is_plain(&segment.folder)) {
        return Err(format!("\"{}\" is not the name of a segment's folder", odd.folder));
    }
    let seconds = u64::from(duet.warmup_seconds) + u64::from(duet.judged_seconds);
    let (block, dropped) = match duet.method {
        Method::Alternating { block, dropped } => (block, dropped),
        Method::Interleaved | Method::Stored => (1, 0),
    };
    if seconds > MOST_SECONDS || u64::from(block) > MOST_SECONDS || dropped >= block {
        return Err("a length of its segments or blocks beyond all reason".to_owned());
    }
    let is_idle = |share: f64| share.is_finite() && (0.0..=MOST_IDLE).contains(&share);
    if duet.idle.is_some_and(|idle| !is_idle(idle.baseline) || !is_idle(idle.candidate)) {
        return Err("a CPU time without load beyond all reason".to_owned());
    }
    duet.settings.check()
}

/// Whether the arms of a segment were under the load that the duet was planned with.
fn check_segment(duet: &DuetFile, segment: &Segment) -> Result<(), String> {
    let planned = f64::from(duet.warmup_seconds) + f64::from(duet.judged_seconds);
    let heads = [&segment.baseline.head, &segment.candidate.head];
    match heads.into_iter().find(|head| head.load.seconds() + 1.0 < planned) {
        Some(head) => Err(format!(
            "segments of {planned} s, but one of an arm was planned for {} s",
            head.load.seconds()
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;
    use crate::record::json_file::tests::refuses;

    /// Without a segment, of 5 s of warm-up and 10 s that are judged.
    pub(crate) fn file(method: Method) -> DuetFile {
        DuetFile {
            idle: None,
            version: VERSION,
            scenario: "orders".to_owned(),
            scenario_hash: String::new(),
            started: String::new(),
            baseline: ArmHead::default(),
            candidate: ArmHead::default(),
            method,
            method_reason: String::new(),
            settings: GateSettings::default(),
            dropped: vec![],
            forecast: vec![],
            warmup_seconds: 5,
            judged_seconds: 10,
            segments: vec![],
            end: None,
        }
    }

    #[test]
    fn at_once_a_schedule_second_is_the_runs() {
        let duet = file(Method::Interleaved);
        assert_eq!(duet.played(7, Arm::Baseline, Arm::Candidate), 7);
        assert_eq!(duet.judged().collect::<Vec<_>>(), (5..15).collect::<Vec<_>>());
    }

    #[test]
    fn in_turns_it_is_played_once_for_each_arm_in_the_order_abba() {
        let duet = file(Method::Alternating { block: 5, dropped: 1 });
        let played = |second, arm| duet.played(second, arm, Arm::Candidate);
        for (second, candidate, baseline) in [(0, 0, 5), (4, 4, 9), (5, 15, 10), (12, 22, 27)] {
            assert_eq!(played(second, Arm::Candidate), candidate, "{second}");
            assert_eq!(played(second, Arm::Baseline), baseline, "{second}");
        }
        assert_eq!(duet.judged().collect::<Vec<_>>(), [6, 7, 8, 9, 11, 12, 13, 14]);
    }

    #[test]
    fn what_is_written_is_read_and_what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let duet = file(Method::Interleaved);
        duet.write(folder.path()).unwrap();
        assert_eq!(read(folder.path()).unwrap().file, duet);
        let changes = [
            ("\"version\": 1", "\"version\": 9", "version 9"),
            ("\"looks\": 5", "\"looks\": 5000", "beyond all reason"),
            (
                "\"segments\": []",
                "\"segments\": [{\"folder\": \"../x\", \"first\": \"baseline\"}]",
                "../x",
            ),
        ];
        refuses(&fs::read_to_string(folder.path().join(DUET_FILE)).unwrap(), &changes, read);
    }
}
