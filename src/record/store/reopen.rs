//! A run that goes on: the files of one that was interrupted or killed, opened to be appended to.
//!
//! Of a killed run there is the journal, of which half a line is taken off, and the interval
//! log, which is written anew from it at the end. Of an interrupted one the journal is made
//! again out of `run.json` and the interval log. Until [`Reopened::begin`] whatever is read of
//! the folder is what was read before.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{JOURNAL_FILE, LOG_FILE, RunWriter, StoreError, io_at};
use crate::record::failures::FailuresWriter;
use crate::record::interval::StepCounts;
use crate::record::journal::{self, Entry, Found};
use crate::record::ordered_log::OrderedLog;
use crate::record::run::{Head, RunRecord};
use crate::record::spool::Spool;
use crate::record::store::claim::Claim;
use crate::record::whole_file::{self, Durable};

/// Bytes that are looked at for the end of the last line at a time.
const BLOCK: u64 = 64 << 10;

/// The files of a run that is about to go on.
#[derive(Debug)]
pub struct Reopened {
    folder: PathBuf,
    log: OrderedLog,
    journal: Spool,
    failures: FailuresWriter,
    claim: Option<Claim>,
}

impl Reopened {
    /// Opens the files of a record, of which the seconds from `from` on are still to come.
    pub fn of(
        folder: &Path,
        record: &RunRecord,
        from: u32,
        claim: Option<Claim>,
    ) -> Result<Reopened, StoreError> {
        let (log_path, journal_path) = (folder.join(LOG_FILE), folder.join(JOURNAL_FILE));
        let was_killed = record.end.is_none();
        if was_killed {
            take_off_torn_line(&journal_path).map_err(io_at(&journal_path))?;
            take_off_torn_line(&log_path).map_err(io_at(&log_path))?;
        } else {
            write_journal(&journal_path, &log_path, record, from).map_err(io_at(&journal_path))?;
        }
        let journal = Spool::open(&journal_path).map_err(io_at(&journal_path))?;
        // A killed run's log lags behind its journal.
        let log = OrderedLog::open(log_path.clone(), &record.head, (from, was_killed))
            .map_err(io_at(&log_path))?;
        let failures = FailuresWriter::open(folder, &record.failures.exchanges);
        Ok(Reopened { folder: folder.to_owned(), log, journal, failures, claim })
    }

    /// From here on the run is one that has not ended.
    pub fn begin(self, head: Head) -> Result<RunWriter, StoreError> {
        let Reopened { folder, log, journal, failures, claim } = self;
        RunWriter::begin(folder, head, (log, journal, failures), claim)
    }

    /// The same of a killed run that is only to be completed: ticks that its journal has are known.
    pub fn complete(self, record: &RunRecord) -> Result<RunWriter, StoreError> {
        let path = self.folder.join(JOURNAL_FILE);
        let file = File::open(&path).map_err(io_at(&path))?;
        let mut writer = self.begin(record.head.clone())?;
        let merge = &mut writer.merge;
        let read = journal::read(file, &record.head.series, |found| match found {
            Found::Tick(tick) => merge.admit(&tick).map(drop),
            Found::Part(_) | Found::Generator(_) | Found::Target(_) | Found::Logged(_) => Ok(()),
        });
        read.map_err(|what| StoreError::Malformed(path, what))?;
        Ok(writer)
    }
}

/// Shortens a file to the end of its last whole line.
fn take_off_torn_line(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut end = file.metadata()?.len();
    let whole = loop {
        let from = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(from))?;
        let mut block = Vec::new();
        (&mut file).take(end - from).read_to_end(&mut block)?;
        if let Some(tag_and_second) = block.iter().rposition(|byte| *byte == b'\n') {
            break from + tag_and_second as u64 + 1;
        }
        if from == 0 {
            break 0;
        }
        end = from;
    };
    file.set_len(whole)
}

/// Writes the journal of a run that had ended: counts, then the lines of its interval log as they
/// are, then what was seen of generator and target.
fn write_journal(path: &Path, log: &Path, record: &RunRecord, from: u32) -> io::Result<()> {
    let log = BufReader::new(File::open(log)?);
    whole_file::write_with(path, Durable::AtOnce, |out| {
        for second in record.seconds.iter() {
            for (series, counts) in (0..).zip(second.counts()) {
                let (second, log) = (second.second(), Some(Vec::new()));
                write(out, &Entry::Counts { second, series, counts, log })?;
            }
        }
        for line in log.lines() {
            write_histogram(out, &line?, record)?;
        }
        for second in record.generator.iter().filter(|it| it.second < from) {
            write(out, &Entry::Generator(second.clone()))?;
        }
        for second in record.target.iter().filter(|it| it.second < from) {
            write(out, &Entry::Target(second.clone()))?;
        }
        write(out, &Entry::Logged { before: from })
    })
}

fn write_histogram(out: &mut BufWriter<File>, line: &str, record: &RunRecord) -> io::Result<()> {
    let Some((tag, second)) = tag_and_second(line) else { return Ok(()) };
    let Some(series) = record.head.series.iter().position(|series| series.tag == tag) else {
        return Ok(());
    };
    let (series, counts) = (series as u16, StepCounts::default());
    write(out, &Entry::Counts { second, series, counts, log: Some(vec![line]) })
}

/// The tag of the series and the second of a line of the interval log.
fn tag_and_second(line: &str) -> Option<(&str, u32)> {
    let (tag, rest) = line.strip_prefix("Tag=")?.split_once(',')?;
    let (series, _) = tag.rsplit_once('.')?;
    let start: f64 = rest.split(',').next()?.parse().ok()?;
    Some((series, start as u32))
}

fn write(out: &mut impl Write, entry: &Entry<'_>) -> io::Result<()> {
    out.write_all(&entry.line())
}
