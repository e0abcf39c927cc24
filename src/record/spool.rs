//! An append-only file that survives a full disk: what cannot be written now is kept in
//! memory, up to a bound, and tried again.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Bytes that wait for room on the disk before some are given up.
const MAX_PENDING: usize = 64 << 20;

/// A file that is only appended to.
#[derive(Debug)]
pub struct Spool {
    file: File,
    pending: Vec<u8>,
    fault: Option<String>,
    lost: bool,
}

impl Spool {
    /// Creates the file, or empties it.
    pub fn create(path: &Path) -> io::Result<Spool> {
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(path)?;
        Ok(Spool { file, pending: Vec::new(), fault: None, lost: false })
    }

    /// Opens a file that is there, to append to it.
    pub fn open(path: &Path) -> io::Result<Spool> {
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Spool { file, pending: Vec::new(), fault: None, lost: false })
    }

    /// Appends, now or later; all of it or, where too much waits already, nothing. Whether it
    /// did.
    pub fn append(&mut self, bytes: &[u8]) -> bool {
        if self.pending.len() + bytes.len() > MAX_PENDING {
            self.lost = true;
            return false;
        }
        self.pending.extend_from_slice(bytes);
        self.flush();
        true
    }

    /// Waits until everything is on the disk.
    pub fn sync(&self) -> io::Result<()> {
        if !self.pending.is_empty() {
            return Err(io::Error::other(self.fault().unwrap_or_default()));
        }
        self.file.sync_data()
    }

    /// Tries to write what is pending.
    pub fn flush(&mut self) {
        while !self.pending.is_empty() {
            match self.file.write(&self.pending) {
                Ok(0) => return,
                Ok(written) => drop(self.pending.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.fault = Some(error.to_string());
                    return;
                }
            }
        }
    }

    /// What is not on the disk.
    pub fn pending(&self) -> &[u8] {
        &self.pending
    }

    /// What went wrong, if something did, and whether it cost data.
    pub fn fault(&self) -> Option<String> {
        let fault = self.fault.as_ref()?;
        Some(match (self.lost, self.pending.is_empty()) {
            (true, _) => format!("{fault}; some seconds are lost"),
            (false, false) => format!("{fault}; the last seconds are in this report only"),
            (false, true) => format!("{fault}; written later, nothing is lost"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_costs_nothing_but_is_told() {
        let mut spool = Spool::create(Path::new("/dev/full")).unwrap();
        spool.append(b"one\n");
        spool.append(b"two\n");
        assert_eq!(spool.pending(), b"one\ntwo\n");
        assert!(spool.fault().unwrap().contains("in this report only"));
        assert!(spool.sync().is_err());
        assert!(!spool.append(&vec![0; MAX_PENDING]), "a record is in it whole or not at all");
        assert_eq!(spool.pending(), b"one\ntwo\n");
    }

    #[test]
    fn what_is_appended_is_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let mut spool = Spool::create(&path).unwrap();
        spool.append(b"one\n");
        spool.append(b"two\n");
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n");
        assert_eq!(spool.fault(), None);
    }
}
