//! A run on disk: `run.json`, `intervals.hlog` and, while it runs, `seconds.jsonl`.
//!
//! Histograms go to the interval log and counts to the journal as they come, so that
//! a kill costs at most the last second. At the end the journal becomes part of
//! `run.json`. [`read`] takes both: a finished run and one whose generator was killed.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::claims::{check_counts, check_head, check_length, check_place};
use crate::record::failures::{Failures, FailuresWriter};
use crate::record::interval::{Second, StepCounts, StepTimes};
use crate::record::interval_log::LogEncoder;
use crate::record::log_reader;
use crate::record::recorder::Part;
use crate::record::run::{End, Head, RunRecord};
use crate::record::spool::Spool;
use crate::record::telemetry::{GeneratorSecond, TargetSecond};

/// The record's main file.
pub const RUN_FILE: &str = "run.json";
/// The histograms.
pub const LOG_FILE: &str = "intervals.hlog";
/// Counts of a run that has not ended.
pub const JOURNAL_FILE: &str = "seconds.jsonl";

/// `run.json` as it is written.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunFile {
    /// What was known before the first request.
    #[serde(flatten)]
    pub head: Head,
    /// How it ended; null while it runs, or when the generator was killed.
    pub end: Option<End>,
    /// Counts by second of the intended moment.
    pub seconds: Vec<SecondFile>,
    /// The generator, second by second.
    pub generator_seconds: Vec<GeneratorSecond>,
    /// The target, second by second.
    pub target_seconds: Vec<TargetSecond>,
}

/// One second of `run.json`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SecondFile {
    /// Seconds since the start of the schedule.
    pub second: u32,
    /// Counts by step, in the order of the steps.
    pub steps: Vec<StepCounts>,
}

/// One line of the journal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Counts { second: u32, step: u16, counts: StepCounts },
    Generator(GeneratorSecond),
    Target(TargetSecond),
}

/// The JSON Schema of `run.json`.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(RunFile).to_value()
}

/// Why a run could not be read or written.
#[derive(Debug)]
pub enum StoreError {
    /// A file could not be read or written.
    Io(PathBuf, io::Error),
    /// A file is not what it should be.
    Malformed(PathBuf, String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Io(path, error) => write!(f, "{}: {error}", path.display()),
            StoreError::Malformed(path, what) => write!(f, "{}: {what}", path.display()),
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
    log: Spool,
    journal: Spool,
    /// What failing requests looked like.
    pub failures: FailuresWriter,
}

impl RunWriter {
    /// Begins a run in an existing folder.
    pub fn create(folder: &Path, head: Head) -> Result<RunWriter, StoreError> {
        let (log_path, journal_path) = (folder.join(LOG_FILE), folder.join(JOURNAL_FILE));
        let mut log = Spool::create(&log_path).map_err(io_at(&log_path))?;
        let journal = Spool::create(&journal_path).map_err(io_at(&journal_path))?;
        log.append(LogEncoder::header(&head.scenario, head.started_unix_ms).as_bytes());
        write_run(folder, &empty(&head, None), Durable::Eventually)?;
        let encoder = LogEncoder::default();
        let (folder, failures) = (folder.to_owned(), FailuresWriter::create(folder));
        Ok(RunWriter { folder, head, encoder, log, journal, failures })
    }

    /// Adds what was learnt since the last time.
    pub fn append(&mut self, parts: &[Part]) {
        let mut log = String::new();
        let mut journal = Vec::new();
        for part in parts {
            let tag = &self.head.steps[part.step.index()].tag;
            self.encoder.append(&mut log, tag, part.second, &part.times);
            let counts = part.counts.clone();
            let entry = Entry::Counts { second: part.second, step: part.step.0, counts };
            push_line(&mut journal, &entry);
        }
        self.log.append(log.as_bytes());
        self.journal.append(&journal);
    }

    /// Adds a second of the generator.
    pub fn append_generator(&mut self, second: GeneratorSecond) {
        self.append_entry(&Entry::Generator(second));
    }

    /// Adds a second of the target.
    pub fn append_target(&mut self, second: TargetSecond) {
        self.append_entry(&Entry::Target(second));
    }

    fn append_entry(&mut self, entry: &Entry) {
        let mut line = Vec::new();
        push_line(&mut line, entry);
        self.journal.append(&line);
    }

    /// Ends the run: everything on disk, the journal folded into `run.json`. What the disk
    /// refused is in the returned record all the same, and told in its faults.
    pub fn finish(mut self, mut end: End) -> Result<RunRecord, StoreError> {
        self.log.flush();
        self.journal.flush();
        end.faults.extend([self.log.fault(), self.journal.fault()].into_iter().flatten());
        let mut record = self.read_back(end)?;
        record.failures = self.failures.finish();
        record.failures.read_log(&self.folder, &self.head);
        match write_run(&self.folder, &record, Durable::AtOnce) {
            Ok(()) => drop(fs::remove_file(self.folder.join(JOURNAL_FILE))),
            Err(error) => {
                let fault = format!("the record could not be completed: {error}");
                record.end.iter_mut().for_each(|end| end.faults.push(fault.clone()));
            }
        }
        Ok(record)
    }

    fn read_back(&self, end: End) -> Result<RunRecord, StoreError> {
        let mut record = empty(&self.head, Some(end));
        let chained = |name: &str, pending: &[u8]| -> Result<Box<dyn BufRead>, StoreError> {
            let path = self.folder.join(name);
            let file = File::open(&path).map_err(io_at(&path))?;
            Ok(Box::new(BufReader::new(file).chain(Cursor::new(pending.to_vec()))))
        };
        read_journal(chained(JOURNAL_FILE, self.journal.pending())?, &mut record)
            .map_err(|what| StoreError::Malformed(self.folder.join(JOURNAL_FILE), what))?;
        read_log(chained(LOG_FILE, self.log.pending())?, &mut record, Torn::Refused)
            .map_err(|what| StoreError::Malformed(self.folder.join(LOG_FILE), what))?;
        Ok(record)
    }
}

fn push_line(lines: &mut Vec<u8>, entry: &Entry) {
    serde_json::to_writer(&mut *lines, entry).expect("plain data always serializes");
    lines.push(b'\n');
}

/// Whether a file must be on the disk before anything else happens.
#[derive(Debug, Clone, Copy)]
enum Durable {
    AtOnce,
    /// For the moments before the first request, which must not wait for a disk.
    Eventually,
}

fn empty(head: &Head, end: Option<End>) -> RunRecord {
    let (generator, target) = (Vec::new(), Vec::new());
    let failures = Failures::default();
    RunRecord { head: head.clone(), end, seconds: BTreeMap::new(), generator, target, failures }
}

/// Whether a run with such a head could begin in an existing folder; leaves nothing there.
pub fn try_out(folder: &Path, head: &Head) -> Result<(), StoreError> {
    write_run(folder, &empty(head, None), Durable::AtOnce)?;
    let path = folder.join(RUN_FILE);
    fs::remove_file(&path).map_err(io_at(&path))
}

/// Writes `run.json` whole, through a neighbour, so that there is never half a file.
fn write_run(folder: &Path, record: &RunRecord, durable: Durable) -> Result<(), StoreError> {
    let path = folder.join(RUN_FILE);
    let temporary = folder.join(".run.json.part");
    let seconds = record
        .seconds
        .iter()
        .map(|(second, content)| SecondFile { second: *second, steps: content.counts.clone() });
    let file = RunFile {
        head: record.head.clone(),
        end: record.end.clone(),
        seconds: seconds.collect(),
        generator_seconds: record.generator.clone(),
        target_seconds: record.target.clone(),
    };
    let write = || -> io::Result<()> {
        let mut out = BufWriter::new(File::create(&temporary)?);
        serde_json::to_writer(&mut out, &file)?;
        out.write_all(b"\n")?;
        let out = out.into_inner()?;
        match durable {
            Durable::AtOnce => out.sync_data()?,
            Durable::Eventually => {}
        }
        fs::rename(&temporary, &path)
    };
    write().map_err(|error| {
        drop(fs::remove_file(&temporary));
        StoreError::Io(path.clone(), error)
    })
}

/// Reads a run from its folder or its `run.json`.
pub fn read(path: &Path) -> Result<RunRecord, StoreError> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
    let run_path = if path.is_dir() { folder.join(RUN_FILE) } else { path.to_owned() };
    // Whole: its parser is several times slower on a stream.
    let bytes = fs::read(&run_path).map_err(io_at(&run_path))?;
    let malformed = |what| StoreError::Malformed(run_path.clone(), what);
    let run: RunFile = serde_json::from_slice(&bytes)
        .map_err(|error| malformed(format!("not a run record: {error}")))?;
    check_head(&run.head).map_err(malformed)?;
    let mut record = from_file(run).map_err(malformed)?;
    if record.end.is_none() {
        read_optional(&folder.join(JOURNAL_FILE), |lines| read_journal(lines, &mut record))?;
    }
    let torn = if record.end.is_none() { Torn::Ignored } else { Torn::Refused };
    read_optional(&folder.join(LOG_FILE), |lines| read_log(lines, &mut record, torn))?;
    check_length(&record).map_err(malformed)?;
    record.failures = Failures::read(folder, &record.head)
        .map_err(|(path, error)| StoreError::Io(path, error))?;
    Ok(record)
}

fn from_file(file: RunFile) -> Result<RunRecord, String> {
    let steps = file.head.steps.len();
    let mut seconds = BTreeMap::new();
    for second in file.seconds {
        check_place(second.second, second.steps.len().saturating_sub(1), steps)?;
        second.steps.iter().try_for_each(check_counts)?;
        let mut counts = second.steps;
        counts.resize(steps, StepCounts::default());
        let times = vec![StepTimes::default(); steps];
        seconds.insert(second.second, Second { counts, times });
    }
    Ok(RunRecord {
        head: file.head,
        end: file.end,
        seconds,
        generator: file.generator_seconds,
        target: file.target_seconds,
        failures: Failures::default(),
    })
}

fn read_optional(
    path: &Path,
    read: impl FnOnce(Box<dyn BufRead>) -> Result<(), String>,
) -> Result<(), StoreError> {
    match File::open(path) {
        Ok(file) => read(Box::new(BufReader::new(file)))
            .map_err(|what| StoreError::Malformed(path.to_owned(), what)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::Io(path.to_owned(), error)),
    }
}

fn read_journal(lines: impl BufRead, record: &mut RunRecord) -> Result<(), String> {
    let steps = record.head.steps.len();
    let mut torn = None;
    for (number, line) in lines.lines().enumerate() {
        if let Some(what) = torn {
            return Err(what);
        }
        let entry = line
            .map_err(|error| error.to_string())
            .and_then(|line| serde_json::from_str(&line).map_err(|error| error.to_string()));
        match entry {
            Ok(entry) => add_entry(entry, record, steps)?,
            // The last line may be half written.
            Err(error) => torn = Some(format!("line {}: {error}", number + 1)),
        }
    }
    Ok(())
}

fn add_entry(entry: Entry, record: &mut RunRecord, steps: usize) -> Result<(), String> {
    match entry {
        Entry::Counts { second, step, counts } => {
            check_place(second, usize::from(step), steps)?;
            check_counts(&counts)?;
            let place = record.seconds.entry(second).or_insert_with(|| Second::empty(steps));
            place.counts[usize::from(step)].add(&counts);
        }
        Entry::Generator(second) => record.generator.push(second),
        Entry::Target(second) => record.target.push(second),
    }
    Ok(())
}

/// What a half-written last line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Torn {
    /// The generator was killed while writing it.
    Ignored,
    /// The file is damaged.
    Refused,
}

fn read_log(bytes: impl Read, record: &mut RunRecord, torn: Torn) -> Result<(), String> {
    let tags: BTreeMap<String, usize> =
        record.head.steps.iter().enumerate().map(|(i, step)| (step.tag.clone(), i)).collect();
    let steps = record.head.steps.len();
    let bad = log_reader::read(bytes, |times| {
        let step = tags.get(times.tag).copied().ok_or("a tag of no step")?;
        check_place(times.second, step, steps)?;
        let place = record.seconds.entry(times.second).or_insert_with(|| Second::empty(steps));
        times.add_to(&mut place.times[step]);
        Ok(())
    })?;
    match bad {
        Some(what) if torn == Torn::Refused => Err(what),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::histogram::Sparse;
    use crate::record::run::{EndReason, StepHead};
    use crate::record::sample_head;
    use crate::scenario::model::StepId;

    fn part(second: u32, step: u16, micros: u64) -> Part {
        let counts = StepCounts { planned: 1, sent: 1, slower: vec![1], ..StepCounts::default() };
        let response = Sparse::from_counts([(micros, 1)]);
        let times = StepTimes { response, ..StepTimes::default() };
        Part { second, step: StepId(step), counts, times }
    }

    fn end() -> End {
        End {
            reason: EndReason::Finished,
            scheduled: 2.0,
            seconds: 2.5,
            abandoned: 0,
            iterations: 3,
            iterations_completed: 3,
            faults: vec![],
        }
    }

    fn written(folder: &Path) -> RunWriter {
        let mut head = sample_head();
        head.steps.push(StepHead { name: "b".into(), tag: "b".into(), ..head.steps[0].clone() });
        let mut writer = RunWriter::create(folder, head).unwrap();
        writer.append(&[part(0, 0, 100), part(0, 1, 5_000)]);
        writer.append_generator(GeneratorSecond { second: 0, cpu: 0.25, ..Default::default() });
        writer.append_target(TargetSecond { second: 0, rss: Some(7), ..Default::default() });
        writer.append(&[part(0, 0, 2_000_000), part(1, 0, 100)]);
        writer
    }

    #[test]
    fn a_finished_run_is_read_as_it_was_returned() {
        let folder = tempfile::tempdir().unwrap();
        let record = written(folder.path()).finish(end()).unwrap();
        assert_eq!(record.seconds[&0].counts[0].planned, 2);
        assert_eq!(record.seconds[&0].times[0].response.count(), 2);
        assert_eq!(read(folder.path()).unwrap(), record);
        assert_eq!(read(&folder.path().join(RUN_FILE)).unwrap(), record);
        assert!(!folder.path().join(JOURNAL_FILE).exists());
    }

    #[test]
    fn a_killed_run_keeps_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let writer = written(folder.path());
        drop(writer);
        for name in [JOURNAL_FILE, LOG_FILE] {
            let path = folder.path().join(name);
            let mut bytes = fs::read(&path).unwrap();
            bytes.truncate(bytes.len() - 9);
            fs::write(&path, bytes).unwrap();
        }
        let record = read(folder.path()).unwrap();
        assert_eq!(record.end, None);
        assert_eq!(record.seconds[&0].counts[1].planned, 1);
        assert_eq!(record.generator.len(), 1);
        assert!(!record.seconds.contains_key(&1), "the torn line is left out");
    }

    #[test]
    fn damage_is_told_with_the_file_and_the_line() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path()).finish(end()).unwrap();
        let log = folder.path().join(LOG_FILE);
        let text = fs::read_to_string(&log).unwrap().replace("Tag=b.response,0", "Tag=b.weather,0");
        fs::write(&log, text).unwrap();
        let message = read(folder.path()).unwrap_err().to_string();
        assert!(
            message.contains("intervals.hlog: line 6: a tag with an unknown kind"),
            "{message}"
        );
    }

    #[test]
    fn what_is_tried_out_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        try_out(folder.path(), &sample_head()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let nowhere = folder.path().join("nowhere");
        assert!(try_out(&nowhere, &sample_head()).is_err());
    }

    /// What was planned for a year and interrupted at once is as long as it was.
    #[test]
    fn a_run_that_was_cut_short_claims_only_what_was_run() {
        let folder = tempfile::tempdir().unwrap();
        let mut head = sample_head();
        head.load.stages[0].seconds = 31_536_000.0;
        let mut end = end();
        end.reason = EndReason::Interrupted { signal: 2 };
        RunWriter::create(folder.path(), head).unwrap().finish(end).unwrap();
        assert!(read(folder.path()).is_ok());
    }

    #[test]
    fn foreign_records_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path()).finish(end()).unwrap();
        let path = folder.path().join(RUN_FILE);
        let text = fs::read_to_string(&path).unwrap();
        for (from, to, what) in [
            ("\"version\":2", "\"version\":99", "newer than this loadgate"),
            ("\"version\":2", "\"version\":1", "older loadgate"),
            ("\"second\":1,\"steps\"", "\"second\":4000000000,\"steps\"", "beyond all reason"),
            ("\"planned\":2", "\"planned\":18446744073709551615", "a count beyond all reason"),
            ("\"body_bytes\":0", "\"body_bytes\":9007199254740993", "a count beyond all reason"),
            ("{\"version\"", "[{\"version\"", "not a run record"),
            ("\"seconds\":10.0", "\"seconds\":-10.0", "a stage of less than no time"),
            ("\"seconds\":10.0", "\"seconds\":31536000", "a run of 31536000 s of which 4 s"),
            ("\"seconds\":10.0", "\"seconds\":1e300", "of which 4 s are recorded"),
            ("\"second\":1,\"steps\"", "\"second\":31536000,\"steps\"", "a run of 31536000 s"),
            ("[{\"second\":0,\"cpu\"", "[{\"second\":4000000000,\"cpu\"", "a run of 4000000000 s"),
        ] {
            assert!(text.contains(from), "{from} is not in {text}");
            fs::write(&path, text.replacen(from, to, 1)).unwrap();
            let message = read(folder.path()).unwrap_err().to_string();
            assert!(message.contains(what), "{message}");
        }
    }
}
