//! What is known of a run's failures beyond their number: exchanges, and the target's log.
//!
//! `exchanges.jsonl` is begun with the first failure and appended to as the run goes, so a
//! kill costs at most the last line. `target.log` is the target's own, and read when it has
//! ended.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::record::exchange::{self, Admission, FailedExchange};
use crate::record::regular_file;
use crate::record::spool::Spool;
use crate::record::target_log::{self, LogExcerpt, TARGET_LOG};

/// The failing exchanges of a run, one JSON object a line.
pub const EXCHANGES_FILE: &str = "exchanges.jsonl";

/// What is known of a run's failures beyond their number.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Failures {
    /// The first failing exchanges of each kind, in the order of their ends.
    pub exchanges: Vec<FailedExchange>,
    /// What the target's own log says; `None` where loadgate did not start the target.
    pub log: Option<LogExcerpt>,
}

impl Failures {
    /// Reads what a run's folder has; runs before there were such files have nothing. `at` tells
    /// what a moment of the schedule, in microseconds, was in milliseconds since 1970.
    pub fn read(
        folder: &Path,
        steps: usize,
        at: &dyn Fn(u64) -> u64,
    ) -> Result<Failures, (PathBuf, io::Error)> {
        let path = folder.join(EXCHANGES_FILE);
        let read = |file| exchange::read(file, steps);
        let exchanges = match regular_file::open(&path).and_then(read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(|error| (path, error))?,
        };
        let mut failures = Failures { exchanges, log: None };
        failures.read_log(folder, at);
        Ok(failures)
    }

    /// Adds what the target's own log says. A log that cannot be read says nothing.
    pub fn read_log(&mut self, folder: &Path, at: &dyn Fn(u64) -> u64) {
        let Ok(file) = regular_file::open(&folder.join(TARGET_LOG)) else { return };
        self.log = target_log::read(file, &self.exchanges, at).ok();
    }
}

/// Writes failing exchanges as they come, as many as are wanted.
#[derive(Debug)]
pub struct FailuresWriter {
    path: PathBuf,
    spool: Option<Spool>,
    admission: Admission,
    kept: Vec<FailedExchange>,
}

impl FailuresWriter {
    /// Begins in a run's folder; what an earlier run left there is not this one's.
    pub(super) fn create(folder: &Path) -> FailuresWriter {
        let path = folder.join(EXCHANGES_FILE);
        drop(fs::remove_file(&path));
        FailuresWriter { path, spool: None, admission: Admission::default(), kept: Vec::new() }
    }

    /// Goes on in the folder of a run that has kept these.
    pub(super) fn open(folder: &Path, kept: &[FailedExchange]) -> FailuresWriter {
        let path = folder.join(EXCHANGES_FILE);
        let mut admission = Admission::default();
        let kept = kept.iter().filter(|exchange| admission.admit(exchange.kind())).cloned();
        let kept: Vec<FailedExchange> = kept.collect();
        // Written anew, without a line that a kill left torn.
        let mut spool = (!kept.is_empty()).then(|| Spool::create(&path).ok()).flatten();
        if let Some(spool) = &mut spool {
            for exchange in &kept {
                spool.append(&exchange.line());
            }
        }
        FailuresWriter { path, spool, admission, kept }
    }

    /// Adds an exchange, if one of its kind is still wanted.
    pub fn append(&mut self, exchange: FailedExchange) {
        if !self.admission.admit(exchange.kind()) {
            return;
        }
        if self.spool.is_none() {
            // A disk that takes nothing is told of by the other files; the record has it.
            self.spool = Spool::create(&self.path).ok();
        }
        if let Some(spool) = &mut self.spool {
            spool.append(&exchange.line());
        }
        self.kept.push(exchange);
    }

    /// What was kept; on disk as far as the disk took it.
    pub(super) fn finish(self) -> Failures {
        self.spool.into_iter().for_each(|mut spool| spool.flush());
        Failures { exchanges: self.kept, log: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::exchange::tests::exchange;

    #[test]
    fn what_is_appended_is_there_at_once_and_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(EXCHANGES_FILE), exchange(0, 503).line()).unwrap();
        let mut writer = FailuresWriter::create(folder.path());
        assert_eq!(Failures::read(folder.path(), 1, &|_| 0).unwrap(), Failures::default());
        for _ in 0..9 {
            writer.append(exchange(0, 500));
        }
        let killed = Failures::read(folder.path(), 1, &|_| 0).unwrap();
        assert_eq!(killed.exchanges, vec![exchange(0, 500); 3]);
        fs::write(folder.path().join(TARGET_LOG), "Error: x\n").unwrap();
        let read = Failures::read(folder.path(), 1, &|_| 0).unwrap();
        assert_eq!(read.exchanges, writer.finish().exchanges);
        assert_eq!(read.log.unwrap().errors, 1);
    }
}
