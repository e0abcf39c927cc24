//! `seconds.jsonl`: everything that a run under way has learnt, in the order in which it did.
//!
//! A line holds what was learnt at one time of one step in one second, its counts and its
//! histograms (as lines of `intervals.hlog`), or a second of the generator or of the target.
//! Counts and histograms of a line belong together, so wherever the file ends its lines are
//! a record. A kill leaves half a line at most. Up to version 2 the histograms were in
//! `intervals.hlog` only.

use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::record::interval::{StepCounts, StepTimes};
use crate::record::interval_log::LogDecoder;
use crate::record::lines::{self, LineReader};
use crate::record::run::StepHead;
use crate::record::telemetry::{GeneratorSecond, TargetSecond};

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry<'a> {
    /// What was learnt of one step in one second.
    Counts {
        /// The second of the intended moment.
        second: u32,
        /// The step's place in the record.
        step: u16,
        /// Counts.
        counts: StepCounts,
        /// The lines of the interval log; `None` up to version 2.
        #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
        log: Option<Vec<&'a str>>,
    },
    /// A second of the generator.
    Generator(GeneratorSecond),
    /// A second of the target.
    Target(TargetSecond),
    /// How far `intervals.hlog` has come.
    Logged {
        /// All seconds before it are there.
        before: u32,
    },
}

impl Entry<'_> {
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
    /// What was learnt of one step in one second.
    Part(Box<Learnt>),
    /// A second of the generator.
    Generator(GeneratorSecond),
    /// A second of the target.
    Target(TargetSecond),
    /// All seconds before it are in the interval log.
    Logged(u32),
}

/// What was learnt at one time of one step in one second.
#[derive(Debug)]
pub(super) struct Learnt {
    /// The second of the intended moment.
    pub(super) second: u32,
    /// The step's place in the record.
    pub(super) step: usize,
    /// Counts.
    pub(super) counts: StepCounts,
    /// Histograms; `None` up to version 2.
    pub(super) times: Option<StepTimes>,
}

/// Calls `add` with what each line holds. A half-written last line is left out.
pub(super) fn read(
    source: impl Read,
    steps: &[StepHead],
    add: impl FnMut(Found) -> Result<(), String>,
) -> Result<(), String> {
    let reader = || JournalReader { steps, decoder: LogDecoder::default() };
    lines::read(source, reader, add).map(drop)
}

struct JournalReader<'s> {
    steps: &'s [StepHead],
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
            Entry::Counts { second, step, counts, log } => {
                let step = usize::from(step);
                let times = log.map(|log| self.times(second, step, &log)).transpose()?;
                Found::Part(Box::new(Learnt { second, step, counts, times }))
            }
            Entry::Generator(second) => Found::Generator(second),
            Entry::Target(second) => Found::Target(second),
            Entry::Logged { before } => Found::Logged(before),
        })
    }

    fn times(&mut self, second: u32, step: usize, log: &[&str]) -> Result<StepTimes, String> {
        let known = self.steps.get(step);
        let head = known.ok_or_else(|| format!("step {step} of only {}", self.steps.len()))?;
        let mut times = StepTimes::default();
        for line in log {
            let found = self.decoder.parse(line).map_err(|bad| bad.to_string())?;
            let found = found.ok_or("a line that is no histogram")?;
            if (found.tag, found.second) != (head.tag.as_str(), second) {
                return Err("a histogram of another step or second".to_owned());
            }
            found.add_to(&mut times);
        }
        Ok(times)
    }
}
