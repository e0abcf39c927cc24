//! `intervals.hlog`: an HdrHistogram interval log (format 1.3) of microseconds, with one
//! tag per series and kind of time, such as `list-orders.response`.
//!
//! Lines add up: a second whose requests ended at different times has several lines
//! with the same start and tag. Reading is written for histograms that may be damaged
//! or hostile: every size is bounded, and a bad line is an error, never a panic.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2Serializer};

use crate::record::histogram::{MAX_MICROS, Sparse};
use crate::record::interval::StepTimes;
use crate::record::lines::LineReader;
use crate::record::packing::{self, PackedHistogram};
use crate::record::phase::Phase;

/// Cookies of the compressed and the plain V2 encoding, without the word-size nibble.
const COMPRESSED_COOKIE: u32 = 0x1C84_9304;
const PLAIN_COOKIE: u32 = 0x1C84_9303;
/// The nibble of a cookie that says how counts are written.
const WORD: u32 = 0x10;
/// Bytes before the deflated ones: the cookie and their number.
const HEAD: usize = 8;
/// Bytes of the plain encoding before the counts.
const PLAIN_HEAD: usize = 40;
/// The largest histogram that is inflated: more than 3 figures up to an hour can fill.
const MAX_INFLATED: usize = 1 << 20;
/// Most histograms of a second fit.
const FIRST_ROOM: usize = 16 << 10;
/// The largest count of one bucket: sums of many must not overflow.
const MAX_COUNT: i64 = 1 << 32;
/// Three significant figures: 2,048 values of one microsecond, then halves of that.
const SUB_BUCKETS: u64 = 2_048;

/// Writes the lines of the log. The packer is kept, as a new one for each histogram would
/// cost more than the packing.
pub struct LogEncoder {
    serializer: V2Serializer,
    deflate: Compress,
    scratch: Histogram<u64>,
    plain: Vec<u8>,
    packed: Vec<u8>,
}

impl std::fmt::Debug for LogEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogEncoder")
    }
}

impl Default for LogEncoder {
    fn default() -> Self {
        LogEncoder {
            serializer: V2Serializer::new(),
            deflate: Compress::new(Compression::fast(), true),
            scratch: Histogram::new_with_bounds(1, MAX_MICROS, 3).expect("bounds are valid"),
            plain: Vec::new(),
            packed: Vec::new(),
        }
    }
}

impl LogEncoder {
    /// The lines that precede all histograms.
    pub fn header(scenario: &str, started_unix_ms: u64) -> String {
        let name: String = scenario.chars().filter(|c| !c.is_control()).collect();
        let seconds = started_unix_ms as f64 / 1e3;
        format!(
            "#[Logged with loadgate {}: {name}, times in microseconds]\n\
             #[Histogram log format version 1.3]\n\
             #[StartTime: {seconds:.3} (seconds since epoch)]\n\
             \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
            env!("CARGO_PKG_VERSION"),
        )
    }

    /// Appends the lines of one series and second; kinds without times have none.
    pub fn append(&mut self, log: &mut String, tag: &str, second: u32, times: &StepTimes) {
        for (phase, sparse) in Phase::ALL.into_iter().zip(times.all()) {
            if !sparse.is_empty() {
                self.append_one(log, &format!("{tag}.{}", phase.name()), second, sparse);
            }
        }
    }

    fn append_one(&mut self, log: &mut String, tag: &str, second: u32, sparse: &Sparse) {
        let payload = self.encode(sparse);
        write_line(log, tag, second, (sparse, &payload));
    }

    /// One histogram, deflated and in base64.
    pub(super) fn encode(&mut self, sparse: &Sparse) -> String {
        self.scratch.reset();
        for &(value, count) in sparse.buckets() {
            self.scratch
                .record_n(value.clamp(1, MAX_MICROS), count)
                .expect("the value is in range");
        }
        self.plain.clear();
        self.serializer
            .serialize(&self.scratch, &mut self.plain)
            .expect("a histogram always fits into memory");
        self.pack();
        STANDARD.encode(&self.packed)
    }

    /// The compressed encoding: its cookie, the length of what follows, and the plain one
    /// deflated.
    fn pack(&mut self) {
        self.packed.clear();
        self.packed.extend([COMPRESSED_COOKIE | WORD, 0].map(u32::to_be_bytes).as_flattened());
        self.deflate.reset();
        loop {
            // More than most need; what cannot be packed needs more than it is long.
            self.packed.reserve(self.plain.len() + 64);
            let rest = &self.plain[self.deflate.total_in() as usize..];
            let status = self
                .deflate
                .compress_vec(rest, &mut self.packed, FlushCompress::Finish)
                .expect("packing only ever lacks room");
            if status == Status::StreamEnd {
                break;
            }
        }
        let length = (self.packed.len() - HEAD) as u32;
        self.packed[HEAD / 2..HEAD].copy_from_slice(&length.to_be_bytes());
    }
}

/// The line of a histogram, which is packed already.
pub(super) fn write_line(
    log: &mut String,
    tag: &str,
    second: u32,
    (times, packed): (&Sparse, &str),
) {
    let max = times.max().unwrap_or(0.0);
    writeln!(log, "Tag={tag},{second}.000,1.000,{max:.3},{packed}")
        .expect("a String takes everything");
}

/// One histogram of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// The tag's first part: that of the series.
    pub tag: &'a str,
    /// The tag's second part: the kind of time.
    pub phase: Phase,
    /// The second it began.
    pub second: u32,
    /// The histogram.
    pub times: Sparse,
}

/// Why a line is not a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadLine(pub &'static str);

impl std::fmt::Display for BadLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadLine {}

impl LogLine<'_> {
    /// Adds its times to those of the step they belong to.
    pub fn add_to(self, times: &mut StepTimes) {
        add(times, self.phase, self.times);
    }
}

/// Adds a histogram to those of a series.
pub(super) fn add(times: &mut StepTimes, phase: Phase, more: Sparse) {
    let position = &mut times[phase];
    *position = if position.is_empty() { more } else { Sparse::merged([&*position, &more]) };
}

/// Reads lines; used for many, it allocates for what they hold only.
#[derive(Debug)]
pub struct LogDecoder {
    inflate: Decompress,
    packed: Vec<u8>,
    plain: Vec<u8>,
    buckets: Vec<(u64, u64)>,
}

impl Default for LogDecoder {
    fn default() -> Self {
        let (packed, plain, buckets) = (Vec::new(), Vec::new(), Vec::new());
        LogDecoder { inflate: Decompress::new(true), packed, plain, buckets }
    }
}

/// The fields of a line that is a histogram.
pub(super) struct Fields<'a> {
    pub(super) tag: &'a str,
    pub(super) phase: Phase,
    pub(super) second: u32,
    pub(super) payload: &'a str,
}

/// `None` for comments, the legend and empty lines.
pub(super) fn fields(line: &str) -> Result<Option<Fields<'_>>, BadLine> {
    let Some(rest) = line.trim_end().strip_prefix("Tag=") else {
        return Ok(None);
    };
    let mut fields = rest.splitn(5, ',');
    let mut field = || fields.next().ok_or(BadLine("a field is missing"));
    let (tag, start, _length, _max, payload) = (field()?, field()?, field()?, field()?, field()?);
    let (tag, kind) = tag.rsplit_once('.').ok_or(BadLine("a tag without a kind of time"))?;
    let phase = Phase::named(kind).ok_or(BadLine("a tag with an unknown kind of time"))?;
    let start: f64 = start.parse().map_err(|_| BadLine("a start that is not a number"))?;
    if !(0.0..=f64::from(u32::MAX)).contains(&start) {
        return Err(BadLine("a start beyond all reason"));
    }
    Ok(Some(Fields { tag, phase, second: start as u32, payload }))
}

impl LogDecoder {
    /// Reads one line; `None` for comments, the legend and empty lines.
    pub fn parse<'a>(&mut self, line: &'a str) -> Result<Option<LogLine<'a>>, BadLine> {
        let Some(Fields { tag, phase, second, payload }) = fields(line)? else { return Ok(None) };
        Ok(Some(LogLine { tag, phase, second, times: self.decode(payload)? }))
    }

    /// Reads one histogram, deflated and in base64. The buckets of foreign bytes may repeat.
    pub(super) fn decode(&mut self, payload: &str) -> Result<Sparse, BadLine> {
        self.unpack(payload)?;
        Ok(Sparse::from_buckets(self.buckets.clone()))
    }

    /// Whether what was read last is what is written here, from its head to its end.
    pub(super) fn is_ours(&self) -> bool {
        let ([packed, plain], total) = ([&self.packed, &self.plain], self.inflate.total_in());
        let (Some(deflated), Some(counts)) = (packed.get(HEAD..), plain.get(PLAIN_HEAD..)) else {
            return false;
        };
        let of =
            |cookie: u32, rest: &[u8]| [cookie | WORD, rest.len() as u32].map(u32::to_be_bytes);
        let bounds = [3, 1, MAX_MICROS, 1_f64.to_bits()].map(u64::to_be_bytes);
        total == deflated.len() as u64
            && packed[..HEAD] == *of(COMPRESSED_COOKIE, deflated).as_flattened()
            && plain[..HEAD] == *of(PLAIN_COOKIE, counts).as_flattened()
            && plain[HEAD..PLAIN_HEAD] == *bounds.as_flattened()
    }

    /// The same; its buckets are those of the decoder then.
    fn unpack(&mut self, payload: &str) -> Result<(), BadLine> {
        self.packed.clear();
        STANDARD.decode_vec(payload, &mut self.packed).map_err(|_| BadLine("not valid base64"))?;
        let (cookie, rest) = word(&self.packed)?;
        if cookie & !0xf0 != COMPRESSED_COOKIE & !0xf0 {
            return Err(BadLine("not a compressed V2 histogram"));
        }
        let (_, deflated) = word(rest)?;
        inflate(&mut self.inflate, deflated, &mut self.plain)?;
        decode_plain(&self.plain, &mut self.buckets)
    }
}

/// A histogram of the log and where it belongs.
#[derive(Debug)]
pub(super) struct Logged {
    /// The second it began.
    pub(super) second: u32,
    /// The place of the series in the record.
    pub(super) series: usize,
    /// The kind of time.
    pub(super) phase: Phase,
    /// The histogram, packed.
    pub(super) times: Vec<u8>,
}

impl Logged {
    /// The histogram.
    pub(super) fn histogram(&self) -> PackedHistogram<'_> {
        PackedHistogram::of(&self.times)
    }
}

/// Reads the lines of a log whose series are known by their tags.
pub(super) struct LogReader<'s> {
    tags: &'s BTreeMap<String, usize>,
    decoder: LogDecoder,
}

impl LogReader<'_> {
    /// A reader for the series of these tags.
    pub(super) fn of(tags: &BTreeMap<String, usize>) -> LogReader<'_> {
        LogReader { tags, decoder: LogDecoder::default() }
    }
}

impl LineReader for LogReader<'_> {
    type Found = Logged;

    fn line(&mut self, line: &str) -> Option<Result<Logged, String>> {
        let fields = fields(line).map_err(|bad| bad.to_string()).transpose()?;
        Some(fields.and_then(|fields| {
            self.decoder.unpack(fields.payload).map_err(|bad| bad.to_string())?;
            let series = *self.tags.get(fields.tag).ok_or("a tag of no series")?;
            let times = packing::pack_histogram(&self.decoder.buckets);
            Ok(Logged { second: fields.second, series, phase: fields.phase, times })
        }))
    }
}

/// Reads one line.
pub fn parse_line(line: &str) -> Result<Option<LogLine<'_>>, BadLine> {
    LogDecoder::default().parse(line)
}

/// Unpacks all of it. What does not fit is begun again with more room, as the unpacker goes
/// through no buffer of its own if it may do everything at once.
fn inflate(state: &mut Decompress, deflated: &[u8], plain: &mut Vec<u8>) -> Result<(), BadLine> {
    const BAD: BadLine = BadLine("not valid deflate data");
    let mut room = FIRST_ROOM;
    while room <= MAX_INFLATED {
        state.reset(true);
        plain.clear();
        plain.reserve(room);
        match state.decompress_vec(deflated, plain, FlushDecompress::Finish).map_err(|_| BAD)? {
            Status::StreamEnd => return Ok(()),
            // Not for want of room: the data is cut short.
            Status::Ok | Status::BufError if plain.len() < plain.capacity() => return Err(BAD),
            Status::Ok | Status::BufError => room *= 2,
        }
    }
    Err(BAD)
}

fn word(bytes: &[u8]) -> Result<(u32, &[u8]), BadLine> {
    let (head, rest) = bytes.split_first_chunk::<4>().ok_or(BadLine("cut short"))?;
    Ok((u32::from_be_bytes(*head), rest))
}

/// The V2 encoding: a header of 40 bytes, then counts as ZigZag LEB128, in which a
/// negative number stands for so many empty buckets.
fn decode_plain(plain: &[u8], buckets: &mut Vec<(u64, u64)>) -> Result<(), BadLine> {
    let (cookie, rest) = word(plain)?;
    let (_, rest) = word(rest)?;
    let (_, rest) = word(rest)?;
    let (figures, rest) = word(rest)?;
    if cookie & !0xf0 != PLAIN_COOKIE & !0xf0 || figures != 3 {
        return Err(BadLine("not a V2 histogram of three figures"));
    }
    let mut counts = rest.get(PLAIN_HEAD - 16..).ok_or(BadLine("cut short"))?;
    let mut index = 0_u64;
    buckets.clear();
    while !counts.is_empty() {
        let number = zigzag(&mut counts)?;
        let step = if number < 0 { number.unsigned_abs() } else { 1 };
        if number > MAX_COUNT {
            return Err(BadLine("a count beyond all reason"));
        }
        if number > 0 {
            buckets.push((value_of(index)?, number.unsigned_abs()));
        }
        index = index.saturating_add(step);
    }
    Ok(())
}

fn zigzag(bytes: &mut &[u8]) -> Result<i64, BadLine> {
    let mut value = 0_u64;
    for position in 0..9 {
        let (byte, rest) = bytes.split_first().ok_or(BadLine("cut short"))?;
        *bytes = rest;
        // The ninth byte carries eight bits.
        let bits = if position == 8 { *byte } else { byte & 0x7f };
        value |= u64::from(bits) << (7 * position);
        if position == 8 || byte & 0x80 == 0 {
            break;
        }
    }
    Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

/// The lowest value of a bucket by its place in the array of counts.
fn value_of(index: u64) -> Result<u64, BadLine> {
    let half = SUB_BUCKETS / 2;
    let value = if index < SUB_BUCKETS {
        index.max(1)
    } else {
        let shift = index / half - 1;
        if shift > 40 {
            return Err(BadLine("a value beyond all reason"));
        }
        (index % half + half) << shift
    };
    Ok(value.min(MAX_MICROS))
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::Deserializer;
    use proptest::prelude::*;

    use super::*;

    fn line_of(counts: &[(u64, u64)]) -> (String, Sparse) {
        let response = Sparse::from_counts(counts.iter().copied());
        let times = StepTimes::of([(Phase::Response, response)]);
        let mut log = String::new();
        LogEncoder::default().append(&mut log, "list-orders", 12, &times);
        (log, times.only(Phase::Response))
    }

    #[test]
    fn comments_and_legend_are_no_histograms() {
        let header = LogEncoder::header("a\nb", 1_700_000_000_123);
        assert_eq!(header.lines().count(), 4);
        for line in header.lines() {
            assert_eq!(parse_line(line), Ok(None));
        }
    }

    #[test]
    fn damaged_lines_are_errors() {
        let (line, _) = line_of(&[(5, 1), (900_000, 3)]);
        for cut in 4..line.len() - 6 {
            let _ = parse_line(&line[..cut]).expect_err("cut short");
        }
        assert!(parse_line("Tag=x.response,0,1,1,!!!").is_err());
        assert!(parse_line("Tag=x.weather,0,1,1,AAAA").is_err());
        for start in ["-1.000", "NaN", "1e300"] {
            let moved = line.replace("12.000", start);
            assert_eq!(parse_line(&moved), Err(BadLine("a start beyond all reason")), "{start}");
        }
    }

    #[test]
    fn what_cannot_be_packed_is_read_back() {
        // The upper bits of a multiple of a large odd number are as good as random.
        let mixed = |value: u64| value.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let counts: Vec<(u64, u64)> = (1..20_000).map(|value| (value, 1 + mixed(value))).collect();
        let (line, sparse) = line_of(&counts);
        assert_eq!(parse_line(&line).expect("valid").expect("a histogram").times, sparse);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(counts in prop::collection::vec((1_u64..4_000_000_000, 1_u64..1_000_000), 1..60)) {
            let (line, sparse) = line_of(&counts);
            let read = parse_line(&line).expect("valid").expect("a histogram");
            prop_assert_eq!((read.tag, read.phase, read.second), ("list-orders", Phase::Response, 12));
            prop_assert_eq!(read.times, sparse);
        }

        #[test]
        fn the_reference_reader_sees_the_same(counts in prop::collection::vec((1_u64..3_000_000_000, 1_u64..1000), 1..60)) {
            let (line, sparse) = line_of(&counts);
            let payload = STANDARD.decode(line.trim_end().rsplit(',').next().expect("a payload")).expect("base64");
            let reference: hdrhistogram::Histogram<u64> =
                Deserializer::new().deserialize(&mut payload.as_slice()).expect("valid");
            prop_assert_eq!(Sparse::from_histogram(&reference), sparse);
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_plain(&bytes, &mut Vec::new());
            let mut framed = vec![0x1c, 0x84, 0x93, 0x13, 0, 0, 0, 0];
            framed.extend(&bytes);
            let _ = parse_line(&format!("Tag=x.response,0,1,1,{}", STANDARD.encode(framed)));
        }
    }
}
