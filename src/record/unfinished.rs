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
use crate::record::gatherer::Gatherer;
use crate::record::interval::StepTimes;
use crate::record::interval_log::{self, LogReader, Logged};
use crate::record::journal::{self, Found, Learnt};
use crate::record::lines;
use crate::record::merge::{self, Merge, check_room};
use crate::record::phase::Phase;
use crate::record::run::RunRecord;
use crate::record::telemetry::GeneratorSecond;
use crate::record::tick::Tick;
use crate::record::validation::check_counts;
use crate::units::order;

/// Times by kind, of a second and a series.
type TimesBySecond = BTreeMap<(u32, usize), [u64; Phase::COUNT]>;

/// What a journal says beside the record itself.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Whether the histograms are in it; up to version 2 they were not.
    has_times: bool,
    /// All seconds before it are in the interval log.
    logged: u32,
    /// What came for a second that was in the log already, and was left out of it.
    left_out: TimesBySecond,
}

/// Reads the journal into a record that has a head only.
pub(super) fn read_journal(source: impl Read, record: &mut RunRecord) -> Result<Journal, String> {
    let series = record.head.series.clone();
    let mut merge = Merge::of(&record.head);
    let (mut journal, mut gatherer) = (Journal::default(), Gatherer::of(record));
    let read = journal::read(source, &series, |found| {
        match found {
            Found::Tick(tick) => {
                record.generator.extend(journal.take(*tick, &mut merge, &mut gatherer)?);
            }
            Found::Part(part) => journal.add(*part, &mut gatherer)?,
            Found::Generator(second) => record.generator.push(second),
            Found::Target(second) => record.target.push(second),
            Found::Logged(before) => journal.logged = journal.logged.max(before),
        }
        Ok(())
    });
    record.seconds = gatherer.finish();
    order::by_key(&mut record.generator, |second| (second.second, second.generator));
    read.map(|()| journal)
}

impl Journal {
    /// Adds what is new of a tick.
    fn take(
        &mut self,
        tick: Tick,
        merge: &mut Merge,
        sum: &mut Gatherer,
    ) -> Result<Vec<GeneratorSecond>, String> {
        let Some(id) = merge.admit(&tick)? else { return Ok(Vec::new()) };
        for part in &tick.parts {
            merge::add(part, sum)?;
            self.note((part.second, part.series.index()), &part.times);
        }
        let seen = tick.generator.into_iter();
        Ok(seen.map(|second| GeneratorSecond { generator: id, ..second }).collect())
    }

    fn add(&mut self, part: Learnt, sum: &mut Gatherer) -> Result<(), String> {
        let Learnt { second, series, counts, times } = part;
        check_room(sum, second, series)?;
        check_counts(&counts)?;
        sum.counts(second)[series].add(&counts);
        let Some(times) = times else { return Ok(()) };
        self.note((second, series), &times);
        sum.times(second)[series].add_all(&times);
        Ok(())
    }

    /// Histograms of a second and a series are in the journal.
    fn note(&mut self, at: (u32, usize), times: &StepTimes) {
        self.has_times = true;
        if at.0 < self.logged {
            let left_out = self.left_out.entry(at).or_default();
            add_all(left_out, times.all().map(super::histogram::Sparse::count));
        }
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
        let mut logged = TimesBySecond::new();
        let tags = tags(record);
        each_line(source, &tags, |line| {
            let index = logged.entry((line.second, line.series)).or_default();
            let count = &mut index[line.phase.index()];
            *count = count.saturating_add(line.histogram().count());
            Ok(())
        })
        .map_err(Shortened::Log)?;
        check_journal(&logged, record).map_err(Shortened::Journal)?;
        self.check_log(&logged, record).map_err(Shortened::Log)
    }

    fn check_log(&self, logged: &TimesBySecond, record: &RunRecord) -> Result<(), String> {
        let insisted = record.seconds.range(..self.logged.saturating_sub(1));
        for found in insisted {
            let second = found.second();
            for (index, times) in found.unpack().times.iter().enumerate() {
                let at = (second, index);
                let mut there = logged.get(&at).copied().unwrap_or_default();
                add_all(&mut there, self.left_out.get(&at).copied().unwrap_or_default());
                let known = known(times);
                let lacking = there.iter().zip(known).position(|(there, known)| *there < known);
                if let Some(kind) = lacking {
                    let name = name_of(record, index);
                    return Err(format!(
                        "second {second} of step \"{name}\": {} of {} times of the kind \"{}\"",
                        there[kind],
                        known[kind],
                        Phase::ALL[kind].name()
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

fn known(times: &StepTimes) -> [u64; Phase::COUNT] {
    times.all().map(super::histogram::Sparse::count)
}

fn add_all(sum: &mut [u64; Phase::COUNT], other: [u64; Phase::COUNT]) {
    for (sum, other) in sum.iter_mut().zip(other) {
        *sum = sum.saturating_add(other);
    }
}

/// The name of the step that a series is of.
fn name_of(record: &RunRecord, index: usize) -> &str {
    record.head.steps.get(record.head.step_of(index)).map_or("", |step| &step.name)
}

/// The series of a record by their tags.
pub(super) fn tags(record: &RunRecord) -> BTreeMap<String, usize> {
    record.head.series.iter().enumerate().map(|(i, series)| (series.tag.clone(), i)).collect()
}

/// Calls `add` with each histogram of an interval log; a half-written last line is left out,
/// and `Some`.
pub(super) fn each_line(
    source: impl Read,
    tags: &BTreeMap<String, usize>,
    add: impl FnMut(Logged) -> Result<(), String>,
) -> Result<Option<String>, String> {
    lines::read(source, || LogReader::of(tags), add)
}

/// The last lines of a log that may be of one part: what a part is written of in one go.
struct LastPart {
    at: (u32, usize),
    phase: Phase,
    times: StepTimes,
}

impl Default for LastPart {
    fn default() -> Self {
        LastPart { at: (0, 0), phase: Phase::ALL[0], times: StepTimes::default() }
    }
}

/// Reads a log of version 2, in which the last part may lack its counts: then it is left out.
fn read_old(source: impl Read, record: &mut RunRecord) -> Result<(), String> {
    let tags = tags(record);
    let (mut last, mut gatherer) = (LastPart::default(), Gatherer::of(record));
    let read = each_line(source, &tags, |line| {
        let (at, phase) = ((line.second, line.series), line.phase);
        if at != last.at || phase <= last.phase {
            let next = LastPart { at, phase, times: StepTimes::default() };
            add_times(&mut gatherer, &std::mem::replace(&mut last, next))?;
        }
        last.phase = phase;
        interval_log::add(&mut last.times, phase, line.histogram().to_sparse());
        Ok(())
    });
    record.seconds = gatherer.finish();
    read?;
    let (second, index) = last.at;
    let has_counts = record.seconds.get(second).is_some_and(|found| {
        let mut content = found.unpack();
        content.times[index].add(&last.times);
        agreement::agrees(record, index, &content.counts[index], &content.times[index])
    });
    if !has_counts {
        return Ok(());
    }
    let mut gatherer = Gatherer::of(record);
    let added = add_times(&mut gatherer, &last);
    record.seconds = gatherer.finish();
    added
}

fn check_journal(logged: &TimesBySecond, record: &RunRecord) -> Result<(), String> {
    for ((second, index), counts) in logged {
        let known = record.seconds.get(*second).map(|it| known(&it.unpack().times[*index]));
        for (kind, (there, known)) in counts.iter().zip(known.unwrap_or_default()).enumerate() {
            if *there > known {
                let name = name_of(record, *index);
                return Err(format!(
                    "second {second} of step \"{name}\": {known} times of the kind \"{}\", \
                     {there} in intervals.hlog",
                    Phase::ALL[kind].name()
                ));
            }
        }
    }
    Ok(())
}

fn add_times(gatherer: &mut Gatherer, part: &LastPart) -> Result<(), String> {
    let (second, index) = part.at;
    if part.times == StepTimes::default() {
        return Ok(());
    }
    check_room(gatherer, second, index)?;
    gatherer.times(second)[index].add_all(&part.times);
    Ok(())
}
