//! A run whose generator was killed, as its files are then.
//!
//! The journal is the record: whole lines, but for half a one at its end. The interval log
//! lags behind it by the seconds that are held back. What was killed at any moment has
//! written each line of the journal before the log's lines of it, and has only said that a
//! second is in the log when it is; so a journal without what the log has was shortened, and
//! so was a log without what the journal says is there. The last second is not insisted on.
//!
//! Up to version 2 a part's histograms were written to the log, at once, and then its counts
//! to the journal. There the last part may be in the log without its counts.

use std::collections::BTreeMap;
use std::io::Read;

use crate::record::agreement;
use crate::record::interval::{Second, StepTimes};
use crate::record::interval_log::{KINDS, LogDecoder, LogLine};
use crate::record::journal::{self, Found, Learnt};
use crate::record::lines;
use crate::record::run::RunRecord;
use crate::record::validation::{check_counts, check_place, check_size};

/// Times by kind, of a second and a step.
type Times = BTreeMap<(u32, usize), [u64; StepTimes::KINDS]>;

/// What a journal says beside the record itself.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Whether the histograms are in it; up to version 2 they were not.
    has_times: bool,
    /// All seconds before it are in the interval log.
    logged: u32,
    /// What came for a second that was in the log already, and was left out of it.
    left_out: Times,
}

/// Reads the journal into a record that has a head only.
pub(super) fn read_journal(source: impl Read, record: &mut RunRecord) -> Result<Journal, String> {
    let steps = record.head.steps.clone();
    let mut journal = Journal::default();
    journal::read(source, &steps, |found| {
        match found {
            Found::Part(part) => journal.add(*part, record)?,
            Found::Generator(second) => record.generator.push(second),
            Found::Target(second) => record.target.push(second),
            Found::Logged(before) => journal.logged = journal.logged.max(before),
        }
        Ok(())
    })?;
    Ok(journal)
}

impl Journal {
    fn add(&mut self, part: Learnt, record: &mut RunRecord) -> Result<(), String> {
        let Learnt { second, step, counts, times } = part;
        let place = place(record, second, step)?;
        check_counts(&counts)?;
        place.counts[step].add(&counts);
        let Some(times) = times else { return Ok(()) };
        self.has_times = true;
        if second < self.logged {
            let left_out = self.left_out.entry((second, step)).or_default();
            add_all(left_out, times.all().map(super::histogram::Sparse::count));
        }
        place.times[step].add(&times);
        Ok(())
    }

    /// Reads the interval log beside it; says which of the two was shortened.
    pub(super) fn read_log(
        &self,
        source: impl Read,
        record: &mut RunRecord,
    ) -> Result<(), Shortened> {
        if !self.has_times && record.head.version < 3 {
            return read_old(source, record).map_err(Shortened::Log);
        }
        let mut logged = Times::new();
        let tags = tags(record);
        each_line(source, &tags, |line, step| {
            let place = logged.entry((line.second, step)).or_default();
            let count = &mut place[line.kind_index()];
            *count = count.saturating_add(line.times.count());
            Ok(())
        })
        .map_err(Shortened::Log)?;
        check_journal(&logged, record).map_err(Shortened::Journal)?;
        self.check_log(&logged, record).map_err(Shortened::Log)
    }

    fn check_log(&self, logged: &Times, record: &RunRecord) -> Result<(), String> {
        let insisted = record.seconds.range(..self.logged.saturating_sub(1));
        for (second, content) in insisted {
            for (step, times) in content.times.iter().enumerate() {
                let at = (*second, step);
                let mut there = logged.get(&at).copied().unwrap_or_default();
                add_all(&mut there, self.left_out.get(&at).copied().unwrap_or_default());
                let known = known(times);
                let lacking = there.iter().zip(known).position(|(there, known)| *there < known);
                if let Some(kind) = lacking {
                    let name = &record.head.steps[step].name;
                    return Err(format!(
                        "second {second} of step \"{name}\": {} of {} times of the kind \"{}\"",
                        there[kind], known[kind], KINDS[kind]
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Which file lacks something that the other one has, and what.
#[derive(Debug)]
pub(super) enum Shortened {
    /// The interval log.
    Log(String),
    /// The journal.
    Journal(String),
}

fn known(times: &StepTimes) -> [u64; StepTimes::KINDS] {
    times.all().map(super::histogram::Sparse::count)
}

fn add_all(sum: &mut [u64; StepTimes::KINDS], other: [u64; StepTimes::KINDS]) {
    for (sum, other) in sum.iter_mut().zip(other) {
        *sum = sum.saturating_add(other);
    }
}

/// The place of a second in a record, made if it is not there and can be.
pub(super) fn place(
    record: &mut RunRecord,
    second: u32,
    step: usize,
) -> Result<&mut Second, String> {
    let steps = record.head.steps.len();
    check_place(second, step, steps)?;
    check_size(record.seconds.len() + 1, steps)?;
    Ok(record.seconds.entry(second).or_insert_with(|| Second::empty(steps)))
}

/// The steps of a record by their tags.
pub(super) fn tags(record: &RunRecord) -> BTreeMap<String, usize> {
    record.head.steps.iter().enumerate().map(|(i, step)| (step.tag.clone(), i)).collect()
}

/// Calls `add` with each line of an interval log and its step; a half-written last line is
/// left out, and `Some`.
pub(super) fn each_line(
    source: impl Read,
    tags: &BTreeMap<String, usize>,
    mut add: impl FnMut(LogLine<'_>, usize) -> Result<(), String>,
) -> Result<Option<String>, String> {
    lines::read(source, LogDecoder::default, |line| {
        let step = tags.get(line.tag).copied().ok_or("a tag of no step")?;
        add(line, step)
    })
}

/// The last lines of a log that may be of one part: what a part is written of in one go.
#[derive(Debug, Default)]
struct LastPart {
    at: (u32, usize),
    kind: usize,
    times: StepTimes,
}

/// Reads a log of version 2, in which the last part may lack its counts: then it is left out.
fn read_old(source: impl Read, record: &mut RunRecord) -> Result<(), String> {
    let tags = tags(record);
    let mut last = LastPart::default();
    each_line(source, &tags, |line, step| {
        let (at, kind) = ((line.second, step), line.kind_index());
        if at != last.at || kind <= last.kind {
            add_times(
                record,
                &std::mem::replace(&mut last, LastPart { at, ..LastPart::default() }),
            )?;
        }
        last.kind = kind;
        line.add_to(&mut last.times);
        Ok(())
    })?;
    let (second, step) = last.at;
    let has_counts = record.seconds.get(&second).is_some_and(|it| {
        let mut times = it.times[step].clone();
        times.add(&last.times);
        agreement::agrees(record, step, &it.counts[step], &times)
    });
    if has_counts { add_times(record, &last) } else { Ok(()) }
}

fn check_journal(logged: &Times, record: &RunRecord) -> Result<(), String> {
    for ((second, step), counts) in logged {
        let known = record.seconds.get(second).map(|it| known(&it.times[*step]));
        for (kind, (there, known)) in counts.iter().zip(known.unwrap_or_default()).enumerate() {
            if *there > known {
                let name = &record.head.steps[*step].name;
                return Err(format!(
                    "second {second} of step \"{name}\": {known} times of the kind \"{}\", \
                     {there} in intervals.hlog",
                    KINDS[kind]
                ));
            }
        }
    }
    Ok(())
}

fn add_times(record: &mut RunRecord, part: &LastPart) -> Result<(), String> {
    let (second, step) = part.at;
    if part.times == StepTimes::default() {
        return Ok(());
    }
    place(record, second, step)?.times[step].add(&part.times);
    Ok(())
}
