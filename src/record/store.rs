//! A run on disk: `run.json`, `intervals.hlog` and, while it runs, `seconds.jsonl`.
//!
//! What is learnt goes to the journal as it comes, counts and histograms together, so that a
//! kill costs at most the last second. Seconds that are complete go to the interval log, in
//! their order. At the end the log is completed and the counts become part of `run.json`.
//! [`read`] takes both: a finished run and one whose generator was killed. It takes nothing
//! that contradicts itself.

pub mod claim;
pub mod reopen;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

use crate::record::agreement;
use crate::record::failures::{Failures, FailuresWriter};
use crate::record::gatherer::Gatherer;
use crate::record::generator::GeneratorId;
use crate::record::interval_log::LogEncoder;
use crate::record::journal::{Entry, TickEntry};
use crate::record::merge::{self, Merge};
use crate::record::ordered_log::{self, OrderedLog};
use crate::record::recorder::Part;
use crate::record::regular_file;
use crate::record::run::{End, Head, LoadHead, Resumed, RunRecord};
use crate::record::run_file::{self, Unfit};
use crate::record::seconds::Seconds;
use crate::record::spool::Spool;
use crate::record::store::claim::Claim;
use crate::record::telemetry::TargetSecond;
use crate::record::tick::Tick;
use crate::record::told::Told;
use crate::record::unfinished::{self, Shortened};
use crate::record::validation::{check_end, check_length};
use crate::record::whole_file::Durable;

/// The record's main file.
pub const RUN_FILE: &str = "run.json";
/// The histograms.
pub const LOG_FILE: &str = "intervals.hlog";
/// Counts and histograms of a run that has not ended.
pub const JOURNAL_FILE: &str = "seconds.jsonl";

/// Why a run could not be read or written.
#[derive(Debug)]
pub enum StoreError {
    /// A file could not be read or written.
    Io(PathBuf, io::Error),
    /// A file is not what it should be.
    Malformed(PathBuf, String),
    /// A file of a record lacks something, or says what cannot be.
    Damaged(PathBuf, String),
}

impl StoreError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            StoreError::Io(..) | StoreError::Malformed(..) => {
                "name the folder that loadgate wrote, or the record in it"
            }
            StoreError::Damaged(..) => {
                "a file was shortened, changed or lost after the run, and no verdict can be \
                 trusted: take the whole folder from where it was written, or run the scenario \
                 again"
            }
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Io(path, error) => write!(f, "{}: {error}", path.display()),
            StoreError::Malformed(path, what) | StoreError::Damaged(path, what) => {
                write!(f, "{}: {what}", path.display())
            }
        }
    }
}

impl std::error::Error for StoreError {}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    |error| StoreError::Io(path.to_owned(), error)
}

/// Writes a run as it goes.
#[derive(Debug)]
pub struct RunWriter {
    folder: PathBuf,
    head: Head,
    encoder: LogEncoder,
    merge: Merge,
    /// Hears each line of a tick.
    told: Option<Sender<Vec<u8>>>,
    /// Why something was not taken, at first.
    refused: Option<String>,
    log: OrderedLog,
    journal: Spool,
    /// Nobody else writes into the folder meanwhile.
    _claim: Option<Claim>,
    /// What failing requests looked like.
    pub failures: FailuresWriter,
}

impl RunWriter {
    /// Begins a run in an existing folder.
    pub fn create(folder: &Path, head: Head) -> Result<RunWriter, StoreError> {
        let claim = Claim::of(folder);
        let (log_path, journal_path) = (folder.join(LOG_FILE), folder.join(JOURNAL_FILE));
        let journal = Spool::create(&journal_path).map_err(io_at(&journal_path))?;
        let log = OrderedLog::create(log_path.clone(), &head).map_err(io_at(&log_path))?;
        let failures = FailuresWriter::create(folder);
        RunWriter::begin(folder.to_owned(), head, (log, journal, failures), claim)
    }

    /// One whose files are there; from here on the run is one that has not ended.
    fn begin(
        folder: PathBuf,
        head: Head,
        (log, journal, failures): (OrderedLog, Spool, FailuresWriter),
        claim: Option<Claim>,
    ) -> Result<RunWriter, StoreError> {
        write_run(&folder, &empty(&head, None, Seconds::default()), Durable::Eventually)?;
        let (encoder, merge) = (LogEncoder::default(), Merge::of(&head));
        Ok(RunWriter {
            folder,
            head,
            encoder,
            merge,
            told: None,
            refused: None,
            log,
            journal,
            _claim: claim,
            failures,
        })
    }

    /// What was known of the run before its first request.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Since when it goes on, if it does.
    pub fn resumed(&self) -> Option<&Resumed> {
        self.head.resumed.last()
    }

    /// From now on somebody else hears of all ticks, each as the journal has it.
    pub fn tell(&mut self, told: Sender<Vec<u8>>) {
        self.told = Some(told);
    }

    /// The load that was wanted, where it was not the planned one.
    pub fn wanted(&mut self, load: LoadHead) {
        self.head.load = load;
    }

    /// Adds what a generator has learnt, if it is new, and says whether it is. What cannot be is not
    /// taken, and is a fault of the run.
    pub fn take(&mut self, tick: &Tick) -> bool {
        let is_new = self.is_new(tick);
        if is_new {
            let logs: Vec<String> = tick.parts.iter().map(|part| self.log_of(part)).collect();
            self.append(tick, &logs);
        }
        is_new
    }

    /// The same of one whose histograms were packed by somebody else.
    pub fn take_told(&mut self, told: &Told) -> bool {
        let is_new = self.is_new(&told.tick);
        if is_new {
            self.append(&told.tick, told.logs());
        }
        is_new
    }

    fn is_new(&mut self, tick: &Tick) -> bool {
        let refused = |why| self.refused = self.refused.take().or(Some(why));
        self.merge.admit(tick).map_err(refused).is_ok_and(|id| id.is_some())
    }

    /// So many ticks of a generator are there, one after the other, and none behind them.
    pub fn whole(&self, generator: GeneratorId, claim: u32) -> Option<u32> {
        self.merge.whole(generator, claim)
    }

    /// Whether all that was taken is in the journal's file.
    pub fn is_settled(&self) -> bool {
        self.journal.pending().is_empty()
    }

    /// Why something was not taken, at first.
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    fn append(&mut self, tick: &Tick, logs: &[String]) {
        let line = Entry::Tick(TickEntry::of(tick, logs)).line();
        if let Some(told) = &self.told {
            // Whoever does not listen any more has its reasons.
            let _ = told.send(line.clone());
        }
        // What the journal could not take must not be in the log.
        if self.journal.append(&line) {
            for (part, log) in tick.parts.iter().zip(logs) {
                self.log.hold(part.second, log, &part.counts);
            }
        }
        // Nor must anything before it is in the journal.
        if self.journal.pending().is_empty()
            && let Some(before) = self.log.append_complete()
        {
            self.append_entry(&Entry::Logged { before });
        }
    }

    fn log_of(&mut self, part: &Part) -> String {
        let mut lines = String::new();
        let tag = &self.head.series[part.series.index()].tag;
        self.encoder.append(&mut lines, tag, part.second, &part.times);
        lines
    }

    /// Adds a second of the target.
    pub fn append_target(&mut self, second: TargetSecond) {
        self.append_entry(&Entry::Target(second));
    }

    fn append_entry(&mut self, entry: &Entry<'_>) {
        self.journal.append(&entry.line());
    }

    /// Ends the run: everything on disk, the journal folded into `run.json`. What the disk
    /// refused is in the returned record all the same, and told in its faults; the journal
    /// stays then.
    pub fn finish(mut self, mut end: End) -> Result<RunRecord, StoreError> {
        self.journal.flush();
        end.faults.extend(self.journal.fault());
        end.faults.extend(self.refused.take().map(|why| format!("the record refused {why}")));
        let mut record = self.read_back(end)?;
        let RunWriter { folder, head, log, journal, failures, .. } = self;
        record.failures = failures.finish();
        record.failures.read_log(&folder, &|micros| head.unix_millis(micros));
        let path = folder.join(JOURNAL_FILE);
        let completed = journal
            .sync()
            .and_then(|()| log.finish(&path, &head))
            .map_err(|error| StoreError::Io(folder.join(LOG_FILE), error))
            .and_then(|()| write_run(&folder, &record, Durable::AtOnce));
        match completed {
            Ok(()) => drop(fs::remove_file(path)),
            Err(error) => {
                let fault = format!("the record could not be completed: {error}");
                record.end.iter_mut().for_each(|end| end.faults.push(fault.clone()));
            }
        }
        Ok(record)
    }

    fn read_back(&self, end: End) -> Result<RunRecord, StoreError> {
        let mut record = empty(&self.head, Some(end), Seconds::beside(&self.folder));
        let path = self.folder.join(JOURNAL_FILE);
        let file = File::open(&path).map_err(io_at(&path))?;
        let whole = BufReader::new(file).chain(Cursor::new(self.journal.pending()));
        unfinished::read_journal(whole, &mut record)
            .map_err(|what| StoreError::Malformed(path, what))?;
        Ok(record)
    }
}

#[cfg(test)]
impl RunWriter {
    /// Seconds that are held back from the log.
    fn log_holds(&self) -> usize {
        self.log.buffered()
    }
}

fn empty(head: &Head, end: Option<End>, seconds: Seconds) -> RunRecord {
    let (generator, target) = (Vec::new(), Vec::new());
    let failures = Failures::default();
    RunRecord { head: head.clone(), end, seconds, generator, target, failures }
}

/// Whether a run with such a head could begin in an existing folder; leaves nothing there.
pub fn try_out(folder: &Path, head: &Head) -> Result<(), StoreError> {
    write_run(folder, &empty(head, None, Seconds::default()), Durable::AtOnce)?;
    let path = folder.join(RUN_FILE);
    fs::remove_file(&path).map_err(io_at(&path))
}

fn write_run(folder: &Path, record: &RunRecord, durable: Durable) -> Result<(), StoreError> {
    let path = folder.join(RUN_FILE);
    run_file::write(&path, record, durable).map_err(io_at(&path))
}

/// Reads a run from its folder or its `run.json`.
pub fn read(path: &Path) -> Result<RunRecord, StoreError> {
    let folder = folder_of(path);
    let run_path = if path.is_dir() { folder.join(RUN_FILE) } else { path.to_owned() };
    let damaged = |what| StoreError::Damaged(run_path.clone(), what);
    let mut record = run_file::read(open_run(&run_path)?, Seconds::beside(folder)).map_err(
        |unfit| match unfit {
            Unfit::Malformed(what) => StoreError::Malformed(run_path.clone(), what),
            Unfit::Damaged(what) => damaged(what),
        },
    )?;
    if record.end.is_some() {
        read_log(folder, &mut record)?;
    } else if record.seconds.is_empty() {
        read_unfinished(folder, &mut record)?;
    } else {
        return Err(damaged("has seconds and no end".to_owned()));
    }
    check_end(&record).map_err(damaged)?;
    check_length(&record).map_err(damaged)?;
    agreement::check(&record).map_err(|disagreement| {
        let file = if disagreement.is_in_log { folder.join(LOG_FILE) } else { run_path.clone() };
        StoreError::Damaged(file, disagreement.to_string())
    })?;
    let at = |micros| record.head.unix_millis(micros);
    record.failures = Failures::read(folder, record.head.steps.len(), &at)
        .map_err(|(path, error)| StoreError::Io(path, error))?;
    Ok(record)
}

/// Completes the interval log of a run whose generator was killed.
pub fn complete_log(path: &Path, record: &RunRecord) -> Result<(), StoreError> {
    let folder = folder_of(path);
    if record.end.is_some() || record.head.version < 3 {
        return Ok(());
    }
    let log = folder.join(LOG_FILE);
    ordered_log::write_anew(&log, &folder.join(JOURNAL_FILE), &record.head).map_err(io_at(&log))
}

fn folder_of(path: &Path) -> &Path {
    if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) }
}

fn open_run(path: &Path) -> Result<File, StoreError> {
    regular_file::open(path).map_err(io_at(path))
}

/// A file of a record that has to be there.
fn open(path: &Path, holds: &str) -> Result<BufReader<File>, StoreError> {
    let damaged = |what| StoreError::Damaged(path.to_owned(), what);
    match regular_file::open(path) {
        Ok(file) => Ok(BufReader::new(file)),
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::IsADirectory) => {
            Err(damaged("not a file".to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(damaged(format!("missing; {holds} are in it")))
        }
        Err(error) => Err(StoreError::Io(path.to_owned(), error)),
    }
}

/// Reads the histograms of a run that has ended.
fn read_log(folder: &Path, record: &mut RunRecord) -> Result<(), StoreError> {
    let path = folder.join(LOG_FILE);
    let file = open(&path, "the times of all requests")?;
    let tags = unfinished::tags(record);
    let mut gatherer = Gatherer::of(record);
    let torn = unfinished::each_line(file, &tags, |line| {
        merge::check_room(&gatherer, line.second, line.series)?;
        gatherer.times(line.second)[line.series].add(line.phase, line.times);
        Ok(())
    });
    record.seconds = gatherer.finish();
    match torn {
        Ok(None) => Ok(()),
        Ok(Some(what)) | Err(what) => Err(StoreError::Damaged(path, what)),
    }
}

/// Reads what a killed generator left.
fn read_unfinished(folder: &Path, record: &mut RunRecord) -> Result<(), StoreError> {
    let [journal_path, log_path] = [JOURNAL_FILE, LOG_FILE].map(|name| folder.join(name));
    let file = open(&journal_path, "the counts of a run that has not ended")?;
    let damaged = |what| StoreError::Damaged(journal_path.clone(), what);
    let journal = unfinished::read_journal(file, record).map_err(damaged)?;
    let log = open(&log_path, "times of a run that has not ended")?;
    journal.read_log(log, record).map_err(|shortened| match shortened {
        Shortened::Journal(what) => StoreError::Damaged(journal_path.clone(), what),
        Shortened::Log(what) => StoreError::Damaged(log_path, what),
    })
}

#[cfg(test)]
mod tests;
