//! Run folders: `DIR/<scenario>/<UTC time>/`, with `latest` beside them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

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

/// Points `latest` at a run folder. Only a link is ever replaced: a file or folder of that
/// name is somebody's own.
pub fn point_latest(folder: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else { return Ok(()) };
    let latest = parent.join("latest");
    match fs::symlink_metadata(&latest) {
        Ok(found) if !found.file_type().is_symlink() => return Ok(()),
        Ok(_) | Err(_) => {}
    }
    // Renaming a new link over the old one leaves no moment without `latest`.
    let new = parent.join(format!(".latest-{}", std::process::id()));
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
        point_latest(&first).unwrap();
        point_latest(&second).unwrap();
        let latest = fs::read_link(output.path().join("orders/latest")).unwrap();
        assert_eq!(latest.as_os_str(), second.file_name().unwrap());
    }

    #[test]
    fn somebodys_own_latest_is_left_alone() {
        let output = tempfile::tempdir().unwrap();
        let folder = create(output.path(), "orders").unwrap();
        fs::create_dir(output.path().join("orders/latest")).unwrap();
        point_latest(&folder).unwrap();
        assert!(output.path().join("orders/latest").is_dir());
    }
}
