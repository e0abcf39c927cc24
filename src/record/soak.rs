//! What a soak was asked: `soak.json`, beside the record of its run.
//!
//! Plain data: the command line fills it in, `analysis::soak` judges by it, so that the
//! record can be judged again without either. As hostile as any other file.

use std::io;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::json_file::{self, JsonFile};
use crate::record::store::StoreError;

/// The version of `soak.json`.
pub const VERSION: u32 = 1;
/// The file.
pub const SOAK_FILE: &str = "soak.json";
/// The length of a window in seconds, unless another one is asked for.
pub const WINDOW_SECONDS: u32 = 300;
/// The longest window: a day.
const LONGEST_WINDOW: u32 = 86_400;
/// What it is, and what is read of it.
const FILE: JsonFile =
    JsonFile { name: SOAK_FILE, what: "what a soak was asked", most_bytes: 1 << 16 };

/// `soak.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SoakFile {
    /// [`VERSION`].
    pub version: u32,
    /// The length of a window in seconds; 300 unless asked for otherwise. All rules that count
    /// windows follow it.
    pub window_seconds: u32,
    /// How fast memory may grow; null: by the rule of the default.
    pub leak_limit: Option<GrowthLimit>,
    /// How fast everything else may grow, as a share of itself per hour; null: 10 % within 12
    /// windows.
    pub drift_limit: Option<f64>,
    /// How much memory the target may have, where that is known.
    pub memory_limit: Option<MemoryLimit>,
    /// The scenario's file, to go on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario_file: Option<String>,
}

/// How fast something may grow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrowthLimit {
    /// By so many bytes per hour.
    BytesPerHour(f64),
    /// By such a share of itself per hour: 0.1 is 10 %.
    SharePerHour(f64),
}

/// How much memory the target may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryLimit {
    /// In bytes.
    pub bytes: u64,
    /// Who says so.
    pub source: LimitSource,
}

/// Who says how much memory there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitSource {
    /// `--memory-limit`.
    Asked,
    /// The control group that the target runs in.
    Cgroup,
}

impl SoakFile {
    /// A soak by the default rules.
    pub fn of_windows(window_seconds: u32) -> SoakFile {
        SoakFile {
            version: VERSION,
            window_seconds,
            leak_limit: None,
            drift_limit: None,
            memory_limit: None,
            scenario_file: None,
        }
    }

    /// Writes the file into a folder; at no moment is there half of it.
    pub fn write(&self, folder: &Path) -> Result<(), StoreError> {
        FILE.write(folder, &json_file::text(self))
    }

    /// Whether a soak can have been asked this.
    fn check(&self) -> Result<(), String> {
        json_file::check_version(self.version, VERSION)?;
        if !(1..=LONGEST_WINDOW).contains(&self.window_seconds) {
            return Err(format!("windows of {} s", self.window_seconds));
        }
        let leak = self.leak_limit.map(|limit| match limit {
            GrowthLimit::BytesPerHour(limit) | GrowthLimit::SharePerHour(limit) => limit,
        });
        let is_limit = |limit: &f64| limit.is_finite() && *limit > 0.0;
        match [leak, self.drift_limit].into_iter().flatten().find(|limit| !is_limit(limit)) {
            Some(limit) => Err(format!("a limit of {limit}")),
            None => Ok(()),
        }
    }
}

/// The JSON Schema of `soak.json`.
pub fn schema() -> serde_json::Value {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/soak.schema.json.deflate"));
    crate::scenario::schema::checked_in(packed, || schemars::schema_for!(SoakFile).to_value())
}

/// What the run of a folder, or of a `run.json`, was asked as a soak; `None` for a run that is
/// none.
pub fn read(run: &Path) -> Result<Option<SoakFile>, StoreError> {
    match FILE.read(&file_of(run), SoakFile::check) {
        Ok(file) => Ok(Some(file)),
        Err(StoreError::Io(_, error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn file_of(run: &Path) -> PathBuf {
    let folder = if run.is_dir() { run } else { run.parent().unwrap_or(Path::new(".")) };
    folder.join(SOAK_FILE)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn asked() -> SoakFile {
        SoakFile {
            leak_limit: Some(GrowthLimit::BytesPerHour(30e6)),
            drift_limit: Some(0.2),
            memory_limit: Some(MemoryLimit { bytes: 512 << 20, source: LimitSource::Asked }),
            scenario_file: Some("scenario.json".to_owned()),
            ..SoakFile::of_windows(60)
        }
    }

    #[test]
    fn what_is_written_is_read_from_the_folder_and_from_beside_the_record() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), None);
        for file in [asked(), SoakFile::of_windows(300)] {
            file.write(folder.path()).unwrap();
            for file_of in [folder.path().to_owned(), folder.path().join("run.json")] {
                assert_eq!(read(&file_of).unwrap().as_ref(), Some(&file));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        asked().write(folder.path()).unwrap();
        let path = folder.path().join(SOAK_FILE);
        let good = fs::read_to_string(&path).unwrap();
        for (from, to, expected) in [
            ("\"version\": 1", "\"version\": 2", "version 2 is not 1"),
            ("\"window_seconds\": 60", "\"window_seconds\": 0", "windows of 0 s"),
            ("\"window_seconds\": 60", "\"window_seconds\": 99999999", "windows of 99999999 s"),
            ("30000000.0", "-1", "a limit of -1"),
            ("\"drift_limit\": 0.2", "\"drift_limit\": 0", "a limit of 0"),
            ("\"drift_limit\"", "\"drifts\"", "unknown field"),
        ] {
            assert!(good.contains(from), "{from}: {good}");
            fs::write(&path, good.replacen(from, to, 1)).unwrap();
            let error = read(folder.path()).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(SOAK_FILE), "{error}");
        }
    }
}
