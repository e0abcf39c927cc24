//! `run.json`: written and read a few seconds at a time, however long the run was.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize, Serializer};

use crate::record::elements::{Elements, Long};
use crate::record::failures::Failures;
use crate::record::interval::StepCounts;
use crate::record::lines::{self, LineReader};
use crate::record::older;
use crate::record::run::{End, Head, RunRecord};
use crate::record::seconds::Seconds;
use crate::record::telemetry::{GeneratorSecond, TargetSecond};
use crate::record::validation::{check_counts, check_head, check_place, check_size};
use crate::record::whole_file::{self, Durable};

/// `run.json` as it is written.
#[derive(Debug, Serialize, JsonSchema)]
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

/// What stands in `run.json` behind the head. Both are read of the same text, one after the other:
/// together, by `flatten`, all of the head would be read into values first, by code of its own. The
/// elements of the long lists are elsewhere by then.
#[derive(Debug, Deserialize)]
struct Tail {
    end: Option<End>,
    seconds: [IgnoredAny; 0],
    generator_seconds: [IgnoredAny; 0],
    target_seconds: [IgnoredAny; 0],
}

/// One second of `run.json`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SecondFile {
    /// Seconds since the start of the schedule.
    pub second: u32,
    /// Counts by series, in the order of their table.
    #[serde(alias = "steps")]
    pub series: Vec<StepCounts>,
}

/// The JSON Schema of `run.json`.
pub fn schema() -> serde_json::Value {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/run.schema.json.deflate"));
    crate::scenario::schema::checked_in(packed, || schemars::schema_for!(RunFile).to_value())
}

/// [`RunFile`] of a record whose seconds are not all in memory.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    head: &'a Head,
    end: &'a Option<End>,
    seconds: OneByOne<'a>,
    generator_seconds: &'a [GeneratorSecond],
    target_seconds: &'a [TargetSecond],
}

/// Seconds of which one is in memory at a time.
struct OneByOne<'a>(&'a Seconds);

impl Serialize for OneByOne<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let all = self.0.iter();
        let second = all.map(|it| SecondFile { second: it.second(), series: it.counts() });
        serializer.collect_seq(second)
    }
}

/// Writes it whole.
pub(super) fn write(path: &Path, record: &RunRecord, durable: Durable) -> io::Result<()> {
    let file = Written {
        head: &record.head,
        end: &record.end,
        seconds: OneByOne(&record.seconds),
        generator_seconds: &record.generator,
        target_seconds: &record.target,
    };
    whole_file::write_with(path, durable, |out| {
        serde_json::to_writer(&mut *out, &file)?;
        out.write_all(b"\n")
    })
}

/// Why a file is not one that can be judged.
pub(super) enum Unfit {
    /// It is no record at all.
    Malformed(String),
    /// It says what cannot be.
    Damaged(String),
}

const SECONDS: u8 = b's';
const GENERATOR: u8 = b'g';
const TARGET: u8 = b't';
const LISTS: &[Long] = &[
    Long { key: "seconds", mark: SECONDS },
    Long { key: "generator_seconds", mark: GENERATOR },
    Long { key: "target_seconds", mark: TARGET },
];

/// Reads a record without its histograms; `room` is for its seconds.
pub(super) fn read(source: File, room: Seconds) -> Result<RunRecord, Unfit> {
    let mut found = Found { seconds: room, ..Found::default() };
    let mut elements = Elements::of(source, LISTS);
    let torn = lines::read(
        &mut elements,
        || ElementReader,
        |element| {
            found.add(element);
            Ok(())
        },
    );
    let not_a_record = |what| Unfit::Malformed(format!("not a run record: {what}"));
    if let Some(what) = torn.map_err(not_a_record)? {
        return Err(not_a_record(what));
    }
    let wrong = |error: serde_json::Error| not_a_record(error.to_string());
    let head: Head = older::read(&elements.rest).map_err(wrong)?;
    let Tail { end, seconds: [], generator_seconds: [], target_seconds: [] } =
        serde_json::from_slice(&elements.rest).map_err(wrong)?;
    check_head(&head).map_err(Unfit::Damaged)?;
    found.record(head, end).map_err(Unfit::Damaged)
}

/// An element of a long list.
enum Element {
    Second(SecondFile),
    Generator(GeneratorSecond),
    Target(TargetSecond),
}

struct ElementReader;

impl LineReader for ElementReader {
    type Found = Element;

    fn line(&mut self, line: &str) -> Option<Result<Element, String>> {
        let (mark, text) = line.split_at_checked(1)?;
        let element = match mark.as_bytes() {
            [SECONDS] => serde_json::from_str(text).map(Element::Second),
            [GENERATOR] => serde_json::from_str(text).map(Element::Generator),
            _ => serde_json::from_str(text).map(Element::Target),
        };
        Some(element.map_err(|error| error.to_string()))
    }
}

/// What the long lists held.
#[derive(Default)]
struct Found {
    seconds: Seconds,
    generator: Vec<GeneratorSecond>,
    target: Vec<TargetSecond>,
    /// The most and the fewest series of a second.
    series: Option<(usize, usize)>,
    /// The first thing that cannot be.
    fault: Option<String>,
}

impl Found {
    fn add(&mut self, element: Element) {
        match element {
            Element::Generator(second) => self.generator.push(second),
            Element::Target(second) => self.target.push(second),
            Element::Second(second) if self.fault.is_none() => {
                self.fault = self.add_second(second).err();
            }
            Element::Second(_) => {}
        }
    }

    fn add_second(&mut self, second: SecondFile) -> Result<(), String> {
        let SecondFile { second, series } = second;
        if self.seconds.last().is_some_and(|last| last >= second) {
            return Err("seconds out of order".to_owned());
        }
        check_size(self.seconds.len() + 1, series.len())?;
        check_place(second, 0, 1)?;
        series.iter().try_for_each(check_counts)?;
        let (most, fewest) = self.series.unwrap_or((series.len(), series.len()));
        self.series = Some((most.max(series.len()), fewest.min(series.len())));
        self.seconds.insert_counts(second, &series);
        Ok(())
    }

    fn record(mut self, head: Head, end: Option<End>) -> Result<RunRecord, String> {
        let series = head.series.len();
        check_size(self.seconds.len(), series)?;
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let (most, fewest) = self.series.unwrap_or((series, series));
        check_place(0, most.saturating_sub(1), series)?;
        if fewest < series {
            self.seconds.edit(.., |_, second| {
                second.counts.resize(series, StepCounts::default());
                second.times.resize_with(series, Default::default);
            });
        }
        Ok(RunRecord {
            head,
            end,
            seconds: self.seconds,
            generator: self.generator,
            target: self.target,
            failures: Failures::default(),
        })
    }
}
