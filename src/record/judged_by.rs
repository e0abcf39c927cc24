//! What a run was judged by beside its own objectives: a baseline as it was then, and what
//! the team accepted.
//!
//! On disk `judged-by.json` in the run folder. The baseline is a copy: the file that was
//! named goes on, often with this very run in it, and rendering a run again must say what
//! the run said. As hostile as any other file.

use std::io::{self, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::record::baseline::Baseline;
use crate::record::baseline_file::{self, BaselineFile};
use crate::record::duet::GateSettings;
use crate::record::store::StoreError;
use crate::record::{regular_file, whole_file};

/// The file.
pub const JUDGED_BY_FILE: &str = "judged-by.json";
/// The version of the file. Grows when a reader of the old form would be wrong.
const VERSION: u32 = 1;
/// The most that is read: the baseline stands further to the right than in its own file.
const MAX_BYTES: u64 = 2 * baseline_file::MAX_BYTES;

/// A baseline, and what is accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedBy {
    /// Tolerance and metrics.
    pub settings: GateSettings,
    /// The accepted runs.
    pub baseline: Baseline,
}

/// `judged-by.json` as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JudgedByFile {
    version: u32,
    settings: GateSettings,
    baseline: BaselineFile,
}

/// Enough to tell the version of a file of the future.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl JudgedBy {
    /// Writes the file into a run folder; at no moment is there half of it.
    pub fn write(&self, folder: &Path) -> Result<(), StoreError> {
        let file = JudgedByFile {
            version: VERSION,
            settings: self.settings.clone(),
            baseline: BaselineFile::of(&self.baseline),
        };
        let text = serde_json::to_string_pretty(&file).expect("all keys are texts") + "\n";
        let path = folder.join(JUDGED_BY_FILE);
        whole_file::write(&path, &text).map_err(|error| StoreError::Io(path, error))
    }
}

/// What the run of a folder, or of a `run.json`, was judged by; `None` for one that was
/// judged by itself.
pub fn read(run: &Path) -> Result<Option<JudgedBy>, StoreError> {
    let folder = if run.is_dir() { run } else { run.parent().unwrap_or(Path::new(".")) };
    let path = folder.join(JUDGED_BY_FILE);
    let mut bytes = Vec::new();
    let found =
        regular_file::open(&path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes));
    match found {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::Io(path, error)),
    }
    parse(&bytes).map(Some).map_err(|what| StoreError::Malformed(path, what))
}

fn parse(bytes: &[u8]) -> Result<JudgedBy, String> {
    let not_one = |error: serde_json::Error| format!("not what a run was judged by: {error}");
    let Versioned { version } = serde_json::from_slice(bytes).map_err(not_one)?;
    if version != VERSION {
        return Err(format!("version {version} is not {VERSION}, which is all that is read"));
    }
    let file: JudgedByFile = serde_json::from_slice(bytes).map_err(not_one)?;
    file.settings.check()?;
    let baseline = file.baseline.baseline().map_err(|what| format!("baseline.{what}"))?;
    Ok(JudgedBy { settings: file.settings, baseline })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::record::baseline::AcceptedRun;
    use crate::record::duet::GateMetric;
    use crate::record::fingerprint::Fingerprint;
    use crate::record::histogram::Sparse;
    use crate::record::sample_head;

    fn judged_by() -> JudgedBy {
        let run = AcceptedRun {
            started: "2026-01-01T00:00:00Z".to_owned(),
            note: None,
            seconds: 10.0,
            requests: 100,
            errors: 1,
            response: Sparse::from_counts([(2_000, 90), (9_000, 10)]),
            steps: vec![],
        };
        let fingerprint = Fingerprint::of(&sample_head());
        let settings = GateSettings {
            tolerance: 0.2,
            metrics: vec![GateMetric::ResponseTime(0.95), GateMetric::ErrorRate],
            ..GateSettings::default()
        };
        JudgedBy { settings, baseline: Baseline::new("a", fingerprint, run, "now").unwrap() }
    }

    #[test]
    fn what_is_written_is_read_from_the_folder_and_from_beside_the_record() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), None);
        judged_by().write(folder.path()).unwrap();
        for index in [folder.path().to_owned(), folder.path().join("run.json")] {
            assert_eq!(read(&index).unwrap(), Some(judged_by()), "{}", index.display());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        judged_by().write(folder.path()).unwrap();
        let path = folder.path().join(JUDGED_BY_FILE);
        let good = fs::read_to_string(&path).unwrap();
        for (from, to, expected) in [
            ("{\n  \"version\": 1", "{\n  \"version\": 2", "version 2 is not 1"),
            ("    \"version\": 1", "    \"version\": 9", "baseline.version 9 is newer"),
            ("\"tolerance\": 0.2", "\"tolerance\": -0.2", "settings of the gate"),
            ("\"response_time\": 0.95", "\"response_time\": 7", "settings of the gate"),
            ("\"requests\": 100", "\"requests\": 1", "baseline.runs[0]."),
            ("\"settings\"", "\"setting\"", "unknown field `setting`"),
            ("\"tolerance\"", "", "not what a run was judged by"),
        ] {
            assert!(good.contains(from), "{from}: {good}");
            fs::write(&path, good.replacen(from, to, 1)).unwrap();
            let error = read(folder.path()).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(JUDGED_BY_FILE), "{error}");
        }
    }
}
