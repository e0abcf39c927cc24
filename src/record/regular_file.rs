//! Files that are read: regular ones only. A pipe or a device would be waited for without an end,
//! or give without one.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Opens a file to read it; what is there and is none is an error at once.
pub fn open(path: &Path) -> io::Result<File> {
    let found = fs::metadata(path)?;
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !found.is_file() {
        let what = "it is no regular file; write what it gives into one";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for (path, told) in [(pipe.as_path(), "no regular file"), (folder.path(), "directory")] {
            assert!(open(path).unwrap_err().to_string().contains(told), "{}", path.display());
        }
        assert_eq!(open(&folder.path().join("a")).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(folder.path().join("a"), "text").unwrap();
        open(&folder.path().join("a")).unwrap();
    }
}
