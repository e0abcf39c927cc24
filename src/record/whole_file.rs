//! Files that are there whole or not at all: written into a neighbour, synced, renamed.
//!
//! Whoever reads the path finds what was there before or all of what is new, whenever the
//! writer is killed and however full the disk is. Nothing of a failed try is left.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Whether a file is on the disk when its writer returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durable {
    /// It is: a loss of power does not lose it.
    AtOnce,
    /// The kernel writes it in its own time; it is safe from the end of this process.
    Eventually,
}

/// Writes a text.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    write_with(path, Durable::AtOnce, |out| out.write_all(text.as_bytes()))
}

/// Writes what `fill` gives.
pub fn write_with(
    path: &Path,
    durable: Durable,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let write = || -> io::Result<()> {
        let mut out = BufWriter::new(File::create(&temporary)?);
        fill(&mut out)?;
        let file = out.into_inner()?;
        if durable == Durable::AtOnce {
            file.sync_data()?;
        }
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&temporary)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_failed_try_leaves_the_old_one_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        write(&path, "old").unwrap();
        write_with(&path, Durable::Eventually, |out| {
            out.write_all(b"half of it")?;
            out.flush()?;
            Err(io::ErrorKind::StorageFull.into())
        })
        .unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        write(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no neighbour is left");
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("missing/file"), "text").unwrap_err();
    }
}
