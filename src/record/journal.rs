//! `seconds.jsonl`: everything that a run under way has learnt, in the order in which it did.
//!
//! A line holds a tick of a generator: of some series and seconds counts and histograms (as lines
//! of `intervals.hlog`), or what was seen of the generator itself; or it holds a second of the
//! target. Counts and histograms of a line belong together, so wherever the file ends its lines
//! are a record. A kill leaves half a line at most.
//!
//! Up to version 4 a line was of one series and one second, as the lines still are that stand for
//! what a run had learnt before it went on. Up to version 2 the histograms were in
//! `intervals.hlog` only.

use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::record::interval::{StepCounts, StepTimes};
use crate::record::interval_log::LogDecoder;
use crate::record::lines::{self, LineReader};
use crate::record::recorder::Part;
use crate::record::series::{SeriesHead, SeriesId};
use crate::record::telemetry::{GeneratorSecond, TargetSecond};
use crate::record::tick::Tick;
use crate::scenario::slots::Slots;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry<'a> {
    /// What a generator has learnt at one time.
    #[serde(borrow)]
    Tick(TickEntry<'a>),
    /// What was learnt of one series in one second before the run went on.
    Counts {
        /// The second of the intended moment.
        second: u32,
        /// The place of the series in the record; up to version 4 that of the step.
        #[serde(alias = "step")]
        series: u16,
        /// Counts.
        counts: StepCounts,
        /// The lines of the interval log; `None` up to version 2.
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        log: Option<Vec<&'a str>>,
    },
    /// A second of the generator before the run went on.
    Generator(GeneratorSecond),
    /// A second of the target.
    Target(TargetSecond),
    /// How far `intervals.hlog` has come.
    Logged {
        /// All seconds before it are there.
        before: u32,
    },
}

/// A tick as it is written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TickEntry<'a> {
    pub(super) slots: Slots,
    pub(super) claim: u32,
    pub(super) number: u32,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<PartEntry<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) generator: Vec<GeneratorSecond>,
}

/// A part of a tick as it is written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PartEntry<'a> {
    /// The second of the intended moment.
    pub(super) second: u32,
    pub(super) series: u16,
    pub(super) counts: StepCounts,
    /// The lines of the interval log.
    #[serde(borrow)]
    pub(super) log: Vec<&'a str>,
}

impl<'a> TickEntry<'a> {
    /// Of a tick, the histograms of each part written as lines of the interval log.
    pub(super) fn of(tick: &Tick, logs: &'a [String]) -> TickEntry<'a> {
        let Tick { slots, claim, number, parts, generator } = tick;
        let parts = parts.iter().zip(logs).map(|(part, log)| PartEntry {
            second: part.second,
            series: part.series.0,
            counts: part.counts.clone(),
            log: log.lines().collect(),
        });
        TickEntry {
            slots: *slots,
            claim: *claim,
            number: *number,
            parts: parts.collect(),
            generator: generator.clone(),
        }
    }
}

impl Entry<'_> {
    /// The lines of the interval log that it has, by their seconds.
    pub(super) fn logs(&self) -> impl Iterator<Item = (u32, &[&str])> {
        let (parts, before) = match self {
            Entry::Tick(tick) => (tick.parts.as_slice(), None),
            Entry::Counts { second, log: Some(log), .. } => (&[][..], Some((*second, &log[..]))),
            Entry::Counts { log: None, .. }
            | Entry::Generator(_)
            | Entry::Target(_)
            | Entry::Logged { .. } => (&[][..], None),
        };
        parts.iter().map(|part| (part.second, &part.log[..])).chain(before)
    }

    /// As a line.
    pub(super) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("plain data always serializes");
        line.push(b'\n');
        line
    }
}

/// What a line holds, understood.
#[derive(Debug)]
pub(super) enum Found {
    /// What a generator has learnt at one time.
    Tick(Box<Tick>),
    /// What was learnt of one series in one second before the run went on.
    Part(Box<Learnt>),
    /// A second of the generator.
    Generator(GeneratorSecond),
    /// A second of the target.
    Target(TargetSecond),
    /// All seconds before it are in the interval log.
    Logged(u32),
}

/// What was learnt at one time of one series in one second.
#[derive(Debug)]
pub(super) struct Learnt {
    /// The second of the intended moment.
    pub(super) second: u32,
    /// The place of the series in the record.
    pub(super) series: usize,
    /// Counts.
    pub(super) counts: StepCounts,
    /// Histograms; `None` up to version 2.
    pub(super) times: Option<StepTimes>,
}

/// Calls `add` with what each line holds. A half-written last line is left out.
pub(super) fn read(
    source: impl Read,
    series: &[SeriesHead],
    add: impl FnMut(Found) -> Result<(), String>,
) -> Result<(), String> {
    let reader = || JournalReader { series, decoder: LogDecoder::default() };
    lines::read(source, reader, add).map(drop)
}

struct JournalReader<'s> {
    series: &'s [SeriesHead],
    decoder: LogDecoder,
}

impl LineReader for JournalReader<'_> {
    type Found = Found;

    fn line(&mut self, line: &str) -> Option<Result<Found, String>> {
        let entry = serde_json::from_str(line).map_err(|error| error.to_string());
        Some(entry.and_then(|entry| self.understand(entry)))
    }
}

impl JournalReader<'_> {
    fn understand(&mut self, entry: Entry<'_>) -> Result<Found, String> {
        Ok(match entry {
            Entry::Tick(tick) => Found::Tick(Box::new(self.tick(tick)?)),
            Entry::Counts { second, series, counts, log } => {
                let series = usize::from(series);
                let times = log.map(|log| self.times(second, series, &log)).transpose()?;
                Found::Part(Box::new(Learnt { second, series, counts, times }))
            }
            Entry::Generator(second) => Found::Generator(second),
            Entry::Target(second) => Found::Target(second),
            Entry::Logged { before } => Found::Logged(before),
        })
    }

    fn tick(&mut self, entry: TickEntry<'_>) -> Result<Tick, String> {
        let TickEntry { slots, claim, number, parts, generator } = entry;
        let parts = parts.into_iter().map(|PartEntry { second, series, counts, log }| {
            let times = self.times(second, usize::from(series), &log)?;
            Ok(Part { second, series: SeriesId(series), counts, times })
        });
        let parts = parts.collect::<Result<_, String>>()?;
        Ok(Tick { slots, claim, number, parts, generator })
    }

    fn times(&mut self, second: u32, place: usize, log: &[&str]) -> Result<StepTimes, String> {
        let known = self.series.get(place);
        let head = known.ok_or_else(|| format!("series {place} of only {}", self.series.len()))?;
        let mut times = StepTimes::default();
        for line in log {
            let found = self.decoder.parse(line).map_err(|bad| bad.to_string())?;
            let found = found.ok_or("a line that is no histogram")?;
            if (found.tag, found.second) != (head.tag.as_str(), second) {
                return Err("a histogram of another series or second".to_owned());
            }
            found.add_to(&mut times);
        }
        Ok(times)
    }
}
