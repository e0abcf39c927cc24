//! A baseline's file: committed to a repository and reviewed by people.
//!
//! One JSON file per scenario, pretty-printed, keys in one order: an accepted run adds one
//! block at the end and changes `updated`. A block has the figures that a person reads (p50,
//! p95, p99) and the histogram they come from, in the encoding of the interval log; figures
//! that their histogram does not bear out are refused, so none can be touched up by hand.
//!
//! Reading is written for a file that may be damaged or hostile: sizes are bounded, and
//! what is wrong is named with the file and the field.

use std::io::Read as _;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::baseline::{
    AcceptedRun, Baseline, Fault, Figures, MAX_RUNS, StepFigures, check_run,
};
use crate::record::fingerprint::Fingerprint;
use crate::record::histogram::Sparse;
use crate::record::interval_log::{LogDecoder, LogEncoder};
use crate::record::store::StoreError;
use crate::record::{regular_file, whole_file};

/// The version of the file. Grows when a reader of the old form would be wrong.
pub const VERSION: u32 = 1;
/// The largest file that is read: a run of ten steps takes about ten kilobytes.
pub const MAX_BYTES: u64 = 32 << 20;
/// So far may a figure be from its histogram: it is written with three decimals, and
/// whoever interpolates inside a bucket otherwise is off by less than 0.1 %.
const TOLERANCE: (f64, f64) = (0.002, 0.002);

/// The baseline as it is written.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Baseline")]
pub(super) struct BaselineFile {
    /// Version of this form: 1.
    version: u32,
    /// The scenario's name.
    scenario: String,
    /// When the first run was accepted, RFC 3339 in UTC.
    created: String,
    /// When the file was changed last, RFC 3339 in UTC.
    updated: String,
    /// What all runs have in common.
    fingerprint: Fingerprint,
    /// Accepted runs, the last one last.
    #[schemars(length(min = 1, max = 100))]
    runs: Vec<RunEntry>,
}

/// A run as it is written.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunEntry {
    /// When its schedule started, RFC 3339 in UTC.
    started: String,
    /// A word of whoever accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// Length of the judged window in seconds.
    seconds: f64,
    /// Requests that fell due and have an outcome.
    requests: u64,
    /// Those that ended otherwise than ok.
    errors: u64,
    /// Response time, all steps.
    response: Figures,
    /// Figures by step.
    steps: Vec<StepFigures>,
    /// The response times in microseconds: an HdrHistogram V2 histogram, deflated, in base64.
    histogram: String,
}

/// Enough to tell the version of a file of the future.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// The JSON Schema of a baseline.
pub fn schema() -> serde_json::Value {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/baseline.schema.json.deflate"));
    crate::scenario::schema::checked_in(packed, || schemars::schema_for!(BaselineFile).to_value())
}

/// The text of a baseline's file.
pub fn to_text(baseline: &Baseline) -> String {
    let file = BaselineFile::of(baseline);
    serde_json::to_string_pretty(&file).expect("all keys are texts") + "\n"
}

/// Writes a baseline whole.
pub fn write(path: &Path, baseline: &Baseline) -> Result<(), StoreError> {
    whole_file::write(path, &to_text(baseline))
        .map_err(|error| StoreError::Io(path.to_owned(), error))
}

/// Reads a baseline.
pub fn read(path: &Path) -> Result<Baseline, StoreError> {
    let io_at = |error| StoreError::Io(path.to_owned(), error);
    let mut bytes = Vec::new();
    let file = regular_file::open(path).map_err(io_at)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io_at)?;
    parse(&bytes).map_err(|what| StoreError::Malformed(path.to_owned(), what))
}

/// Reads the bytes of a baseline's file; what is wrong is named with its field.
pub fn parse(bytes: &[u8]) -> Result<Baseline, String> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("not a baseline: larger than {} MB", MAX_BYTES >> 20));
    }
    let not_one = |error: serde_json::Error| format!("not a baseline: {error}");
    let Versioned { version } = serde_json::from_slice(bytes).map_err(not_one)?;
    check_version(version)?;
    serde_json::from_slice::<BaselineFile>(bytes).map_err(not_one)?.baseline()
}

fn check_version(version: u32) -> Result<(), String> {
    match version {
        0 => Err("version: there is no version 0".to_owned()),
        1..=VERSION => Ok(()),
        _ => Err(format!(
            "version {version} is newer than this loadgate understands ({VERSION}); update loadgate"
        )),
    }
}

impl BaselineFile {
    /// How a baseline is written.
    pub(super) fn of(baseline: &Baseline) -> BaselineFile {
        let mut encoder = LogEncoder::default();
        let entry = |run: &AcceptedRun| RunEntry {
            started: run.started.clone(),
            note: run.note.clone(),
            seconds: run.seconds,
            requests: run.requests,
            errors: run.errors,
            response: Figures::of(&run.response).expect("a run without times is not accepted"),
            steps: run.steps.clone(),
            histogram: encoder.encode(&run.response),
        };
        BaselineFile {
            version: VERSION,
            scenario: baseline.scenario.clone(),
            created: baseline.created.clone(),
            updated: baseline.updated.clone(),
            fingerprint: baseline.fingerprint.clone(),
            runs: baseline.runs.iter().map(entry).collect(),
        }
    }

    /// What is written, checked; what is wrong is named with its field.
    pub(super) fn baseline(self) -> Result<Baseline, String> {
        check_version(self.version)?;
        if self.runs.is_empty() || self.runs.len() > MAX_RUNS {
            return Err(format!("runs: {} of them; 1 to {MAX_RUNS} are allowed", self.runs.len()));
        }
        check_fingerprint(&self.fingerprint)?;
        let mut runs: Vec<AcceptedRun> = Vec::with_capacity(self.runs.len());
        for (index, entry) in self.runs.into_iter().enumerate() {
            let run = from_entry(entry)
                .map_err(|(field, what)| format!("runs[{index}].{field}: {what}"))?;
            if let Some(known) = runs.iter().position(|known| known.started == run.started) {
                return Err(format!("runs[{index}].started: the same as that of runs[{known}]"));
            }
            runs.push(run);
        }
        Ok(Baseline {
            scenario: self.scenario,
            created: self.created,
            updated: self.updated,
            fingerprint: self.fingerprint,
            runs,
        })
    }
}

fn check_fingerprint(fingerprint: &Fingerprint) -> Result<(), String> {
    let numbers = fingerprint.stages.iter().flat_map(|stage| [stage.seconds, stage.from, stage.to]);
    match numbers.into_iter().find(|number| *number < 0.0) {
        Some(number) => Err(format!("fingerprint.stages: {number} is negative")),
        None => Ok(()),
    }
}

fn from_entry(entry: RunEntry) -> Result<AcceptedRun, Fault> {
    let fault = |field: &str, what: String| (field.to_owned(), what);
    let decoded = LogDecoder::default()
        .decode(&entry.histogram)
        .map_err(|bad| fault("histogram", bad.to_string()))?;
    let run = AcceptedRun {
        started: entry.started,
        note: entry.note,
        seconds: entry.seconds,
        requests: entry.requests,
        errors: entry.errors,
        // Foreign bytes may hold a bucket twice.
        response: Sparse::merged([&decoded]),
        steps: entry.steps,
    };
    check_run(&run)?;
    let of_histogram =
        Figures::of(&run.response).ok_or_else(|| fault("histogram", "empty".into()))?;
    let pairs = entry.response.values().into_iter().zip(of_histogram.values());
    for ((field, written), (_, borne_out)) in pairs {
        let (relative, absolute) = TOLERANCE;
        if (written - borne_out).abs() > borne_out * relative + absolute {
            let what = format!("{written}, but the histogram says {borne_out}; edited by hand?");
            return Err(fault(&format!("response.{field}"), what));
        }
    }
    Ok(run)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::record::baseline::{MAX_STEPS, Refused};
    use crate::record::sample_head;

    const NOW: &str = "2026-02-01T00:00:00Z";

    fn run(started: &str, times: &[(u64, u64)]) -> AcceptedRun {
        let response = Sparse::from_counts(times.iter().copied());
        let requests = response.count() + 7;
        let step = StepFigures {
            name: "list <orders>".into(),
            requests,
            response: Figures::of(&response),
        };
        let none = StepFigures { name: "never".into(), requests: 0, response: None };
        AcceptedRun {
            started: started.to_owned(),
            note: None,
            seconds: 60.0,
            requests,
            errors: 5,
            response,
            steps: vec![step, none],
        }
    }

    fn sample() -> Baseline {
        let fingerprint = Fingerprint::of(&sample_head());
        let first = run("2026-01-01T00:00:00Z", &[(900, 4_000), (12_345, 300), (70_000, 20)]);
        let mut baseline = Baseline::new("orders", fingerprint.clone(), first, NOW).unwrap();
        let mut second = run("2026-01-02T00:00:00Z", &[(950, 4_000), (3_000_000, 90)]);
        second.note = Some("release 1.2".to_owned());
        baseline.accept(&fingerprint, second, NOW).unwrap();
        baseline
    }

    #[test]
    fn what_is_written_is_read_back_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.baseline.json");
        fs::write(&path, "an older one").unwrap();
        write(&path, &sample()).unwrap();
        assert_eq!(read(&path).unwrap(), sample());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let nowhere = folder.path().join("none/orders.baseline.json");
        assert!(write(&nowhere, &sample()).unwrap_err().to_string().contains("none/orders"));
    }

    /// What the fuzz driver starts from stays a valid file.
    #[test]
    fn the_kept_file_is_read() {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write("tests/corpus/baseline/two.json", to_text(&sample())).unwrap();
            return;
        }
        let kept = include_bytes!("../../tests/corpus/baseline/two.json");
        assert_eq!(parse(kept), Ok(sample()));
    }

    #[test]
    fn a_run_is_one_block_at_the_end() {
        let one = {
            let mut baseline = sample();
            baseline.remove("2026-01-02T00:00:00Z", NOW).unwrap();
            to_text(&baseline)
        };
        let two = to_text(&sample());
        let end = one.rfind("\n    }\n  ]").unwrap();
        assert_eq!(one[..end], two[..end], "the lines before the new block are as they were");
        assert!(two.ends_with("}\n") && !two.contains('\t'));
    }

    #[test]
    fn the_file_fits_its_schema() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let file = serde_json::from_str(&to_text(&sample())).unwrap();
        let errors: Vec<String> = validator.iter_errors(&file).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let file =
            serde_json::from_str(&to_text(&sample()).replace("\"errors\"", "\"failed\"")).unwrap();
        assert!(!validator.is_valid(&file), "the schema can refuse");
    }

    #[test]
    fn runs_that_do_not_belong_are_refused() {
        let mut baseline = sample();
        let alike = baseline.fingerprint.clone();
        let mut unlike = alike.clone();
        unlike.cores = 64;
        let next = || run("2026-01-03T00:00:00Z", &[(900, 10)]);
        let refused = baseline.accept(&unlike, next(), NOW).unwrap_err().to_string();
        assert!(refused.contains("cores: 0 (baseline), 64 (candidate)"), "{refused}");
        let known = run("2026-01-01T00:00:00Z", &[(900, 10)]);
        assert!(matches!(baseline.accept(&alike, known, NOW), Err(Refused::Twice(_))));
        let empty = run("2026-01-03T00:00:00Z", &[]);
        assert!(matches!(baseline.accept(&alike, empty, NOW), Err(Refused::Unusable(_))));
        for index in 0..MAX_RUNS - 2 {
            baseline.accept(&alike, run(&format!("{index}"), &[(900, 10)]), NOW).unwrap();
        }
        assert_eq!(baseline.accept(&alike, next(), NOW), Err(Refused::Full));
        assert_eq!(parse(to_text(&baseline).as_bytes()), Ok(baseline));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_field() {
        let text = to_text(&sample());
        let histogram = text.split("\"histogram\": \"").nth(2).unwrap().split('"').next().unwrap();
        for (from, to, expected) in [
            ("\"version\": 1", "\"version\": 2", "version 2 is newer than this loadgate"),
            ("\"version\": 1", "\"version\": 0", "there is no version 0"),
            ("\"version\": 1", "\"version\": \"1\"", "not a baseline: invalid type"),
            ("\"scenario\"", "\"scenery\"", "unknown field `scenery`"),
            ("\"from\": 1.0", "\"from\": -1.0", "fingerprint.stages: -1 is negative"),
            ("\"seconds\": 60.0", "\"seconds\": 0", "runs[0].seconds: 0 is not the length"),
            ("\"seconds\": 60.0", "\"seconds\": 1e999", "number out of range"),
            ("\"errors\": 5", "\"errors\": 5000", "runs[0].errors: 5000 of only 4327 requests"),
            (
                "\"requests\": 4327",
                "\"requests\": 2000000000000",
                "runs[0].requests: a count beyond",
            ),
            ("\"requests\": 4327", "\"requests\": 4000", "runs[0].histogram: 4320 times of 4000"),
            ("\"p95_ms\": 12.", "\"p95_ms\": 11.", "runs[0].response.p95_ms: 11."),
            ("\"requests\": 0", "\"requests\": -1", "invalid value: integer `-1`"),
            ("2026-01-02T", "2026-01-01T", "runs[1].started: the same as that of runs[0]"),
            (histogram, &histogram[..histogram.len() / 2], "runs[1].histogram: not valid"),
            (histogram, "", "runs[1].histogram: cut short"),
            (histogram, "!", "runs[1].histogram: not valid base64"),
        ] {
            assert!(text.contains(from), "{from}");
            let message = parse(text.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        let step = text.rfind("\"p99_ms\"").unwrap();
        let (before, after) = text.split_at(step);
        let message = parse((before.to_owned() + &after.replacen(": ", ": -", 1)).as_bytes());
        assert!(message.unwrap_err().contains("runs[1].steps[0].response.p99_ms: -"));
    }

    #[test]
    fn too_much_is_refused() {
        let mut many = sample();
        many.runs = (0..=MAX_RUNS).map(|at| run(&at.to_string(), &[(900, 10)])).collect();
        assert!(parse(to_text(&many).as_bytes()).unwrap_err().contains("runs: 101 of them"));
        many.runs.clear();
        assert!(parse(to_text(&many).as_bytes()).unwrap_err().contains("runs: 0 of them"));
        let mut long = sample();
        long.runs[1].steps = vec![long.runs[1].steps[1].clone(); MAX_STEPS + 1];
        assert!(parse(to_text(&long).as_bytes()).unwrap_err().contains("runs[1].steps: 1001"));
        let bytes = vec![b' '; MAX_BYTES as usize + 1];
        assert_eq!(parse(&bytes), Err("not a baseline: larger than 32 MB".to_owned()));
    }

    #[test]
    fn the_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        assert!(read(&path).unwrap_err().to_string().contains("a.json: No such file"));
        fs::write(&path, "[]").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("a.json: not a baseline"));
    }

    proptest! {
        #[test]
        fn any_run_comes_back(times in prop::collection::vec((1_u64..3_000_000_000, 1_u64..100_000), 1..80),
                              seconds in 1_u32..100_000, note in ".{0,20}") {
            let mut baseline = sample();
            let mut more = run("2026-01-03T00:00:00Z", &times);
            (more.seconds, more.note) = (f64::from(seconds) / 8.0, Some(note));
            baseline.accept(&baseline.fingerprint.clone(), more, NOW).unwrap();
            prop_assert_eq!(parse(to_text(&baseline).as_bytes()), Ok(baseline));
        }

        #[test]
        fn damaged_files_never_panic(at in 0_usize..6_000, bytes in prop::collection::vec(any::<u8>(), 0..8),
                                     cut in 0_usize..9) {
            let mut text = to_text(&sample()).into_bytes();
            let at = at % text.len();
            text.splice(at..(at + cut).min(text.len()), bytes);
            if let Ok(found) = parse(&text) {
                prop_assert_eq!(parse(to_text(&found).as_bytes()), Ok(found));
            }
        }
    }
}
