//! What a plan needs of `capacity.json`: of which scenario, and between which rates the
//! capacity lies. The rest of the file is passed over.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::record::store::StoreError;

/// The file of a search for capacity.
pub const CAPACITY_FILE: &str = "capacity.json";
/// The version that is read.
const VERSION: u32 = 1;
/// The most of it that is read, in bytes.
const MOST_BYTES: u64 = 32 << 20;

/// `capacity.json`, as far as a plan is made of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct MeasuredCapacity {
    /// Version of the file's form.
    pub version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// When the search began, RFC 3339 in UTC.
    pub started: String,
    /// What it found.
    pub found: MeasuredBounds,
}

/// Between which rates a capacity lies, in arrivals per second.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct MeasuredBounds {
    /// The highest rate within the objectives; `None` where no rate was.
    pub low: Option<f64>,
    /// The lowest rate beyond them; `None` where none was found.
    pub high: Option<f64>,
}

/// Reads `capacity.json`, or that of a folder.
pub fn read(path: &Path) -> Result<MeasuredCapacity, StoreError> {
    let path = place(path);
    let mut text = String::new();
    fs::File::open(&path)
        .and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text))
        .map_err(|error| StoreError::Io(path.clone(), error))?;
    let malformed = |what: String| StoreError::Malformed(path.clone(), what);
    let file: MeasuredCapacity = serde_json::from_str(&text)
        .map_err(|error| malformed(format!("not a search for capacity: {error}")))?;
    check(&file).map_err(malformed)?;
    Ok(file)
}

/// A folder has it under its name.
fn place(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(CAPACITY_FILE) } else { path.to_owned() }
}

fn check(file: &MeasuredCapacity) -> Result<(), String> {
    if file.version != VERSION {
        let found = file.version;
        return Err(format!("version {found} is not {VERSION}, which is all that is read"));
    }
    let MeasuredBounds { low, high } = file.found;
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

    fn read_text(text: &str) -> Result<MeasuredCapacity, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(CAPACITY_FILE), text).unwrap();
        let of_file = read(&folder.path().join(CAPACITY_FILE)).map_err(|it| it.to_string());
        let of_folder = read(folder.path()).map_err(|it| it.to_string());
        assert_eq!(of_file, of_folder);
        of_folder
    }

    fn file(found: &str) -> String {
        format!(
            "{{\"version\": 1, \"scenario\": \"orders\", \"started\": \"2026-01-01T00:00:00Z\", \
             \"found\": {found}, \"trials\": [1, 2], \"more\": null}}"
        )
    }

    #[test]
    fn what_a_plan_needs_is_read_and_the_rest_passed_over() {
        let read = read_text(&file("{\"low\": 400.0, \"high\": 430.5, \"why\": \"found\"}"));
        let read = read.unwrap();
        assert_eq!((read.scenario.as_str(), read.found.low), ("orders", Some(400.0)));
        assert_eq!(read_text(&file("{\"low\": null, \"high\": null}")).unwrap().found.high, None);
    }

    #[test]
    fn what_no_search_writes_is_refused() {
        for (text, why) in [
            ("{}".to_owned(), "not a search for capacity"),
            (file("{\"low\": 500, \"high\": 430.5}"), "bounds"),
            (file("{\"low\": -1, \"high\": null}"), "bounds"),
            (file("{}").replace("\"version\": 1", "\"version\": 9"), "version 9"),
        ] {
            let error = read_text(&text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
