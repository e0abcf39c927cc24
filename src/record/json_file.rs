//! Files that are one JSON value, such as `noise.json` and `capacity.json`: found in a folder by
//! their name, read up to a size, checked, and written whole.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::record::store::StoreError;
use crate::record::{regular_file, whole_file};

/// What a file is and what is read of it.
#[derive(Debug, Clone, Copy)]
pub struct JsonFile {
    /// Its name in its folder.
    pub name: &'static str,
    /// What it is: `a search for capacity`.
    pub what: &'static str,
    /// Not more of it is read, in bytes.
    pub most_bytes: u64,
}

impl JsonFile {
    /// Where it is: a folder has it under its name.
    pub fn path_in(&self, path: &Path) -> PathBuf {
        if path.is_dir() { path.join(self.name) } else { path.to_owned() }
    }

    /// Reads it, or that of a folder. What `check` says of a value that cannot be is told with
    /// the path.
    pub fn read<T: DeserializeOwned>(
        &self,
        path: &Path,
        check: impl FnOnce(&T) -> Result<(), String>,
    ) -> Result<T, StoreError> {
        let path = self.path_in(path);
        let mut text = String::new();
        regular_file::open(&path)
            .and_then(|file| file.take(self.most_bytes).read_to_string(&mut text))
            .map_err(|error| StoreError::Io(path.clone(), error))?;
        let malformed = |what: String| StoreError::Malformed(path.clone(), what);
        let value = serde_json::from_str(&text)
            .map_err(|error| malformed(format!("not {}: {error}", self.what)))?;
        check(&value).map_err(malformed)?;
        Ok(value)
    }

    /// Writes its text into a folder; at no moment is there half of it.
    pub fn write(&self, folder: &Path, text: &str) -> Result<(), StoreError> {
        let path = folder.join(self.name);
        whole_file::write(&path, text).map_err(|error| StoreError::Io(path, error))
    }
}

/// The text of a file for people and programs.
pub fn text(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("numbers, texts and lists") + "\n"
}

/// Whether a file is of the version that is read.
pub fn check_version(found: u32, known: u32) -> Result<(), String> {
    if found == known {
        return Ok(());
    }
    Err(format!("version {found} is not {known}, which is all that is read"))
}

/// What the tests of these files share.
#[cfg(test)]
pub mod tests {
    use std::fmt::Debug;
    use std::fs;

    use super::*;

    /// Each change of a file's text, from, to, is refused, and what is said has the third.
    pub fn refuses<T: Debug>(
        text: &str,
        changes: &[(&str, &str, &str)],
        read: fn(&Path) -> Result<T, StoreError>,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.json");
        for (from, to, expected) in changes {
            assert!(text.contains(from), "{from}: {text}");
            fs::write(&path, text.replacen(from, to, 1)).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(read(&folder.path().join("nowhere.json")).is_err());
    }
}
