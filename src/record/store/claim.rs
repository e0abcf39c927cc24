//! Who writes into a run folder: one loadgate at a time.
//!
//! The folder itself is locked, as its files are replaced by others. The system takes the lock
//! off when its holder ends, however it ends.

use std::fs::{File, TryLockError};
use std::path::Path;

/// The right to write into a folder, for as long as it is kept.
#[derive(Debug)]
pub struct Claim {
    /// `None` where the file system has no locks: nobody could be told.
    _folder: Option<File>,
}

impl Claim {
    /// Claims a folder; `None` if another one has.
    pub fn of(folder: &Path) -> Option<Claim> {
        let Ok(folder) = File::open(folder) else { return Some(Claim { _folder: None }) };
        match folder.try_lock() {
            Ok(()) => Some(Claim { _folder: Some(folder) }),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Error(_)) => Some(Claim { _folder: None }),
        }
    }
}
