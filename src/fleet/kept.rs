//! What a coordinator leaves in its run's folder while the run is under way: enough for somebody to
//! complete the record without it.

use std::io::{self, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::record::{regular_file, whole_file};

/// Not more of it is read, in bytes.
const MOST: u64 = 1 << 20;

/// What a coordinator leaves in its run's folder for whoever completes the record without it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Names the run.
    pub run: String,
    /// Of all coordinators that it has had.
    pub epochs: Vec<String>,
    /// The agents, in the order of the record's generators.
    pub agents: Vec<String>,
    /// Seconds of the load before the coordinator's end of which it may have been the reason that a
    /// request failed: its target ended with it.
    pub spoilt: u32,
    /// Whether something was to be done once after the load.
    pub tears_down: bool,
    /// What whoever watched the target's processes is called, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watcher: Option<String>,
    /// The second before which the first coordinator was surely there, once that was looked at.
    pub until: Option<u32>,
}

/// The file of [`Kept`].
pub const KEPT_FILE: &str = "fleet.json";

impl Kept {
    /// Writes it into a folder.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self).map_err(io::Error::other)?;
        whole_file::write(&folder.join(KEPT_FILE), &text)
    }

    /// Reads that of a folder.
    pub fn read(folder: &Path) -> io::Result<Kept> {
        let mut text = String::new();
        regular_file::open(&folder.join(KEPT_FILE))?.take(MOST).read_to_string(&mut text)?;
        serde_json::from_str(&text).map_err(io::Error::other)
    }
}
