//! Run folders: `DIR/<scenario>/<UTC time>/`, with links to the newest of each kind.
//!
//! `latest` is a run; where a scenario has never been run alone, it is its newest duet,
//! measurement of noise, soak, stress test or search for capacity. These have `latest-duet`,
//! `latest-noise`, `latest-soak`, `latest-stress` and `latest-capacity` to themselves.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::record::soak::SOAK_FILE;
use crate::record::store::RUN_FILE;

/// The link that everybody knows.
const LATEST: &str = "latest";

/// The time, RFC 3339 in UTC, to the second.
pub fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Makes the folder of a run that starts now.
pub fn create(output: &Path, scenario: &str) -> io::Result<PathBuf> {
    let parent = output.join(scenario);
    fs::create_dir_all(&parent)?;
    let time = Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    // Two runs may begin in the same second.
    for attempt in 1..1000 {
        let name = if attempt == 1 { time.clone() } else { format!("{time}-{attempt}") };
        let folder = parent.join(name);
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many runs began in this second"))
}

/// What a folder is the newest of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latest {
    /// Of the runs.
    Run,
    /// Of the duets.
    Duet,
    /// Of the measurements of noise.
    Noise,
    /// Of the soaks.
    Soak,
    /// Of the stress tests.
    Stress,
    /// Of the searches for capacity.
    Capacity,
}

/// Points the links of its kind at a new folder.
pub fn point_latest(folder: &Path, kind: Latest) -> io::Result<()> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else { return Ok(()) };
    let own = match kind {
        Latest::Run => return point(parent, LATEST, name),
        Latest::Duet => "latest-duet",
        Latest::Noise => "latest-noise",
        Latest::Soak => "latest-soak",
        Latest::Stress => "latest-stress",
        Latest::Capacity => "latest-capacity",
    };
    point(parent, own, name)?;
    let latest = parent.join(LATEST);
    // A soak has the record of a run.
    let is_of_a_run = latest.join(RUN_FILE).exists() && !latest.join(SOAK_FILE).exists();
    if is_of_a_run { Ok(()) } else { point(parent, LATEST, name) }
}

/// Only a link is ever replaced: a file or folder of that name is somebody's own.
fn point(parent: &Path, link: &str, name: &OsStr) -> io::Result<()> {
    let latest = parent.join(link);
    match fs::symlink_metadata(&latest) {
        Ok(found) if !found.file_type().is_symlink() => return Ok(()),
        Ok(_) | Err(_) => {}
    }
    // Renaming a new link over the old one leaves no moment without one.
    let new = parent.join(format!(".{link}-{}", std::process::id()));
    drop(fs::remove_file(&new));
    std::os::unix::fs::symlink(name, &new)?;
    fs::rename(&new, &latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_the_same_second_have_folders_of_their_own() {
        let output = tempfile::tempdir().unwrap();
        let first = create(output.path(), "orders").unwrap();
        let second = create(output.path(), "orders").unwrap();
        assert_ne!(first, second);
        point_latest(&first, Latest::Run).unwrap();
        point_latest(&second, Latest::Run).unwrap();
        let latest = fs::read_link(output.path().join("orders/latest")).unwrap();
        assert_eq!(latest.as_os_str(), second.file_name().unwrap());
    }

    #[test]
    fn somebodys_own_latest_is_left_alone() {
        let output = tempfile::tempdir().unwrap();
        let folder = create(output.path(), "orders").unwrap();
        fs::create_dir(output.path().join("orders/latest")).unwrap();
        point_latest(&folder, Latest::Run).unwrap();
        assert!(output.path().join("orders/latest").is_dir());
    }

    #[test]
    fn a_duet_takes_the_place_of_no_run() {
        let output = tempfile::tempdir().unwrap();
        let folders: Vec<PathBuf> =
            (0..5).map(|_| create(output.path(), "orders").unwrap()).collect();
        let links = || {
            ["latest", "latest-duet", "latest-noise"].map(|link| {
                let found = fs::read_link(output.path().join("orders").join(link)).ok()?;
                folders.iter().position(|folder| folder.file_name() == Some(found.as_os_str()))
            })
        };
        point_latest(&folders[0], Latest::Duet).unwrap();
        assert_eq!(links(), [Some(0), Some(0), None], "nothing else is there");
        point_latest(&folders[1], Latest::Noise).unwrap();
        assert_eq!(links(), [Some(1), Some(0), Some(1)]);
        fs::write(folders[2].join(RUN_FILE), "{}").unwrap();
        point_latest(&folders[2], Latest::Run).unwrap();
        point_latest(&folders[3], Latest::Duet).unwrap();
        point_latest(&folders[4], Latest::Noise).unwrap();
        assert_eq!(links(), [Some(2), Some(3), Some(4)]);
        fs::remove_dir_all(&folders[2]).unwrap();
        point_latest(&folders[4], Latest::Duet).unwrap();
        assert_eq!(links(), [Some(4), Some(4), Some(4)], "the run is gone");
    }
}
