//! `intervals.hlog` in ascending order of its starts, as its readers need it: they stop at
//! the first start beyond the range that they were asked for.
//!
//! What ends late belongs to a second of long ago. So a second is held back until everything
//! that was due in it has ended, or has had its time; then it is appended, and never anything
//! before it. What comes after that, from a generator that was late itself, is left out until
//! the run's end, when the log is written anew from the journal. Memory is bounded by the
//! time limits of the steps, whatever the length of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::record::interval::StepCounts;
use crate::record::interval_log::LogEncoder;
use crate::record::journal::Entry;
use crate::record::run::Head;
use crate::record::spool::Spool;
use crate::record::whole_file::{self, Durable};
use crate::units::order;

/// Seconds behind the newest one in which other workers may still report something due.
const BEHIND: u32 = 2;
/// Seconds beyond the longest time limit after which a second waits no more.
const PATIENCE: u32 = 5;

/// The log of a run under way.
#[derive(Debug)]
pub(super) struct OrderedLog {
    path: PathBuf,
    spool: Spool,
    buffered: BTreeMap<u32, Buffered>,
    /// All seconds before it have been appended.
    next: u32,
    /// The newest second of which something is known.
    newest: u32,
    /// The longest time limit of a step, in seconds.
    limit: u32,
    /// Whether something came for a second that had been appended.
    has_left_out: bool,
}

/// A second that is not in the log yet.
#[derive(Debug, Default)]
struct Buffered {
    lines: String,
    /// Requests due less those that ended; a worker may tell of an end before another one
    /// tells what was due.
    open: i64,
}

impl OrderedLog {
    /// Begins the log.
    pub(super) fn create(path: PathBuf, head: &Head) -> io::Result<OrderedLog> {
        let mut spool = Spool::create(&path)?;
        spool.append(header(head).as_bytes());
        Ok(OrderedLog::of(path, spool, head))
    }

    /// Goes on with a log that is there, from a second on. One that lacks something of the seconds
    /// before is written anew at the end.
    pub(super) fn open(
        path: PathBuf,
        head: &Head,
        (from, lacks_some): (u32, bool),
    ) -> io::Result<OrderedLog> {
        let spool = Spool::open(&path)?;
        let log = OrderedLog::of(path, spool, head);
        Ok(OrderedLog { next: from, newest: from, has_left_out: lacks_some, ..log })
    }

    fn of(path: PathBuf, spool: Spool, head: &Head) -> OrderedLog {
        let limit = head.steps.iter().map(|step| step.timeout_ms).max().unwrap_or(0);
        let limit = u32::try_from(limit.div_ceil(1_000)).unwrap_or(u32::MAX);
        let (buffered, next, newest) = (BTreeMap::new(), 0, 0);
        OrderedLog { path, spool, buffered, next, newest, limit, has_left_out: false }
    }

    /// Takes lines of a second, and what was counted with them.
    pub(super) fn hold(&mut self, second: u32, lines: &str, counts: &StepCounts) {
        self.newest = self.newest.max(second);
        if second < self.next {
            self.has_left_out |= !lines.is_empty();
            return;
        }
        let buffered = self.buffered.entry(second).or_default();
        buffered.lines.push_str(lines);
        buffered.open += counts.planned.cast_signed() - counts.ended().cast_signed();
    }

    /// Appends the seconds that wait for nothing more. All seconds before the one returned
    /// are in the log now; `None` when that is nothing new.
    pub(super) fn append_complete(&mut self) -> Option<u32> {
        let before = self.next;
        while let Some(first) = self.buffered.first_entry() {
            let age = self.newest - first.key();
            let is_complete = age >= BEHIND && first.get().open <= 0;
            if !is_complete && age <= self.limit.saturating_add(PATIENCE) {
                break;
            }
            let (second, buffered) = first.remove_entry();
            self.append(second, &buffered);
        }
        let is_on_disk = self.spool.pending().is_empty();
        (self.next > before && is_on_disk && !self.has_left_out).then_some(self.next)
    }

    fn append(&mut self, second: u32, buffered: &Buffered) {
        self.next = second.saturating_add(1);
        self.has_left_out |= !self.spool.append(buffered.lines.as_bytes());
    }

    /// Appends what was held back, so that the log is complete and on the disk; is written
    /// anew from the journal if that is what it takes.
    pub(super) fn finish(mut self, journal: &Path, head: &Head) -> io::Result<()> {
        for (second, buffered) in std::mem::take(&mut self.buffered) {
            self.append(second, &buffered);
        }
        self.spool.flush();
        if self.has_left_out {
            return write_anew(&self.path, journal, head);
        }
        self.spool.sync()
    }
}

#[cfg(test)]
impl OrderedLog {
    /// Seconds that are held back.
    pub(super) fn buffered(&self) -> usize {
        self.buffered.len()
    }
}

fn header(head: &Head) -> String {
    LogEncoder::header(&head.scenario, head.started_unix_ms)
}

/// Writes the log whole from a journal. Of the journal no more than a place for each line
/// and second is kept in memory.
pub(super) fn write_anew(path: &Path, journal: &Path, head: &Head) -> io::Result<()> {
    let journal = File::open(journal)?;
    whole_file::write_with(path, Durable::AtOnce, |out| {
        out.write_all(header(head).as_bytes())?;
        let mut line = Vec::new();
        for extent in extents(&journal)? {
            line.resize(extent.length, 0);
            journal.read_exact_at(&mut line, extent.offset)?;
            if let Ok(entry) = serde_json::from_slice::<Entry<'_>>(&line) {
                let mine = entry.logs().filter(|(second, _)| *second == extent.second);
                mine.flat_map(|(_, log)| log).try_for_each(|line| writeln!(out, "{line}"))?;
            }
        }
        Ok(())
    })
}

/// A line of the journal that has histograms of a second.
struct Extent {
    second: u32,
    offset: u64,
    length: usize,
}

/// The lines with histograms in ascending order of their seconds, those of one second in the
/// order in which they were written.
fn extents(journal: &File) -> io::Result<Vec<Extent>> {
    let mut lines = BufReader::new(journal);
    let (mut extents, mut line, mut offset) = (Vec::new(), Vec::new(), 0);
    loop {
        line.clear();
        let length = lines.read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        if let Ok(entry) = serde_json::from_slice::<Entry<'_>>(&line) {
            let with_some = entry.logs().filter(|(_, log)| !log.is_empty());
            let seconds: BTreeSet<u32> = with_some.map(|(second, _)| second).collect();
            extents.extend(seconds.into_iter().map(|second| Extent { second, offset, length }));
        }
        offset += length as u64;
    }
    order::by_key(&mut extents, |extent| extent.second);
    Ok(extents)
}
