//! Ticks that come from elsewhere, as lines of a journal: read, checked, and passed on as they came.
//!
//! A histogram that was packed once is not packed again: to do that is what would cost most where a
//! record is made of what a thousand generators tell. What is passed on is written anew around
//! it, and is taken only if it is what is written here, byte by byte but for the counts.

use crate::record::interval::StepTimes;
use crate::record::interval_log::{self, Fields, LogDecoder};
use crate::record::journal::{Entry, PartEntry, TickEntry};
use crate::record::recorder::Part;
use crate::record::series::{SeriesHead, SeriesId};
use crate::record::tick::Tick;

/// A tick that was told.
#[derive(Debug)]
pub struct Told {
    /// What it says.
    pub tick: Tick,
    /// The lines of the interval log of each of its parts.
    logs: Vec<String>,
}

impl Told {
    /// The lines of the interval log of each of its parts.
    pub(super) fn logs(&self) -> &[String] {
        &self.logs
    }
}

/// Reads what is told; one reads many.
#[derive(Debug, Default)]
pub struct TickReader {
    decoder: LogDecoder,
}

impl TickReader {
    /// The tick of one line.
    pub fn read(&mut self, line: &[u8], series: &[SeriesHead]) -> Result<Told, String> {
        let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
        let entry = serde_json::from_str(text.trim_end()).map_err(|error| error.to_string())?;
        let Entry::Tick(TickEntry { slots, claim, number, parts, generator }) = entry else {
            return Err("a line that is no tick".to_owned());
        };
        let mut logs = Vec::with_capacity(parts.len());
        let parts = parts.into_iter().map(|part| {
            let mut log = String::with_capacity(part.log.iter().map(|line| line.len() + 16).sum());
            let part = self.part(part, series, &mut log)?;
            logs.push(log);
            Ok(part)
        });
        let parts = parts.collect::<Result<_, String>>()?;
        Ok(Told { tick: Tick { slots, claim, number, parts, generator }, logs })
    }

    fn part(
        &mut self,
        part: PartEntry<'_>,
        series: &[SeriesHead],
        log: &mut String,
    ) -> Result<Part, String> {
        let PartEntry { second, series: place, counts, log: lines } = part;
        let head = series.get(usize::from(place));
        let head = head.ok_or_else(|| format!("series {place} of only {}", series.len()))?;
        let mut times = StepTimes::default();
        for line in lines {
            let fields = interval_log::fields(line).map_err(|bad| bad.to_string())?;
            let Fields { tag, phase, second: at, payload } =
                fields.ok_or("a line that is no histogram")?;
            if (tag, at) != (head.tag.as_str(), second) {
                return Err("a histogram of another series or second".to_owned());
            }
            let found = self.decoder.decode(payload).map_err(|bad| bad.to_string())?;
            if found.is_empty() || !self.decoder.is_ours() {
                return Err("a histogram that is not written here".to_owned());
            }
            let tag = format!("{tag}.{}", phase.name());
            interval_log::write_line(log, &tag, second, (&found, payload));
            interval_log::add(&mut times, phase, found);
        }
        Ok(Part { second, series: SeriesId(place), counts, times })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::histogram::Sparse;
    use crate::record::interval::StepCounts;
    use crate::record::interval_log::LogEncoder;
    use crate::record::phase::Phase;
    use crate::record::sample_head;
    use crate::record::telemetry::GeneratorSecond;
    use crate::scenario::slots::Slots;

    fn tick(head: &[SeriesHead]) -> (Tick, Vec<String>) {
        let times = StepTimes::of([
            (Phase::Least, Sparse::from_counts([(70, 2), (90_000, 1)])),
            (Phase::Response, Sparse::from_counts([(71, 3), (2_050, 4), (95_000_000, 1)])),
        ]);
        let counts = StepCounts { planned: 9, sent: 8, ..StepCounts::default() };
        let part = Part { second: 7, series: SeriesId(0), counts, times };
        let mut log = String::new();
        LogEncoder::default().append(&mut log, &head[0].tag, 7, &part.times);
        let generator = vec![GeneratorSecond { second: 7, ..GeneratorSecond::default() }];
        let slots = Slots { first: 1, count: 1, of: 2 };
        (Tick { slots, claim: 0, number: 3, parts: vec![part], generator }, vec![log])
    }

    fn line(tick: &Tick, logs: &[String]) -> Vec<u8> {
        Entry::Tick(TickEntry::of(tick, logs)).line()
    }

    #[test]
    fn what_is_passed_on_is_what_would_be_written_anew() {
        let series = sample_head().series;
        let (tick, logs) = tick(&series);
        let mut reader = TickReader::default();
        for _ in 0..2 {
            let told = reader.read(&line(&tick, &logs), &series).unwrap();
            assert_eq!((&told.tick, told.logs()), (&tick, logs.as_slice()));
            assert_eq!(line(&told.tick, told.logs()), line(&tick, &logs));
        }
        // What nobody reads of a line is not passed on.
        let odd = vec![logs[0].replace(",1.000,", ",a lie,")];
        assert_eq!(reader.read(&line(&tick, &odd), &series).unwrap().logs(), logs.as_slice());
    }

    #[test]
    fn what_is_not_written_here_is_not_passed_on() {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let series = sample_head().series;
        let (tick, logs) = tick(&series);
        let refused = |change: &dyn Fn(&mut Vec<u8>)| {
            let first = logs[0].lines().next().unwrap();
            let (before, payload) = first.rsplit_once(',').unwrap();
            let mut bytes = STANDARD.decode(payload).unwrap();
            change(&mut bytes);
            let odd = format!("{before},{}\n", STANDARD.encode(bytes));
            TickReader::default().read(&line(&tick, &[odd]), &series).err()
        };
        assert_eq!(refused(&|_| ()), None);
        let ours = Some("a histogram that is not written here".to_owned());
        assert_eq!(refused(&|bytes| bytes.extend(b"something behind it")), ours);
        assert_eq!(refused(&|bytes| bytes[7] += 1), ours, "another length");
        assert_eq!(refused(&|bytes| bytes[3] += 0x10), ours, "another way to count");
        // Another unit inside: the plain bytes are packed again.
        let inside = |at: usize| {
            refused(&move |bytes| {
                use std::io::{Read as _, Write as _};
                let mut plain = Vec::new();
                flate2::read::ZlibDecoder::new(&bytes[8..]).read_to_end(&mut plain).unwrap();
                plain[at] ^= 0x10;
                let mut packed =
                    flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                packed.write_all(&plain).unwrap();
                let packed = packed.finish().unwrap();
                bytes.truncate(4);
                bytes.extend((packed.len() as u32).to_be_bytes());
                bytes.extend(packed);
            })
        };
        for at in [3, 7, 11, 20, 30, 33] {
            assert_eq!(inside(at), ours, "{at}");
        }
        let none = vec![logs[0].replace("Tag=", "#Tag=")];
        assert!(TickReader::default().read(&line(&tick, &none), &series).is_err());
        assert!(TickReader::default().read(b"{\"logged\":{\"before\":1}}", &series).is_err());
        assert!(TickReader::default().read(b"\xff", &series).is_err());
    }
}
