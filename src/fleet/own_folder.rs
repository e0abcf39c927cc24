//! The folder in which an agent has what it learns until that is told: nobody else can read it.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::fleet::fault::FleetFault;

/// Makes it; its name has a word that nobody else knows.
pub(super) fn make(folder: &Path) -> Result<(), String> {
    let made = DirBuilder::new().mode(0o700).create(folder);
    made.map_err(|error| format!("{}: {error}", folder.display()))
}

/// Whether there may be one among others: better told at once than to whoever wants a load.
pub(super) fn check(temporary: &Path, word: &str) -> Result<(), FleetFault> {
    let tried = temporary.join(format!("loadgate-{word}"));
    make(&tried).map_err(|why| {
        FleetFault::NoFolder(format!(
            "an agent needs a folder for what it learns, and {why}: mount one at {}, or name another one \
             by TMPDIR",
            temporary.display()
        ))
    })?;
    let _ = fs::remove_dir(&tried);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn nobody_else_reads_it_and_one_that_is_there_is_not_taken() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("one");
        make(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(make(&folder).is_err(), "it may be somebody else's");
    }

    #[test]
    fn a_place_that_is_not_there_is_told_with_what_to_do() {
        let place = tempfile::tempdir().unwrap();
        check(place.path(), "word").unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "nothing is left");
        let fault = check(&place.path().join("tmp"), "word").unwrap_err().to_string();
        assert!(fault.contains("TMPDIR") && fault.contains("No such file"), "{fault}");
    }
}
