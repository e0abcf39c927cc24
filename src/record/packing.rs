//! Counts and histograms of one second as few bytes.
//!
//! Most numbers of a second are small and most buckets are neighbours, so each number is
//! written in groups of seven bits, and a bucket as its distance from the one before it with
//! a bit that says whether it holds more than one time. A bucket takes one byte mostly, a
//! histogram of 50 times about 30.
//!
//! Only what was packed here is unpacked here; the bytes never leave the process.

use crate::record::histogram::{Live, Sparse, bucket_of, bucket_start, bucket_top};
use crate::record::interval::{StepCounts, StepTimes};
use crate::record::outcome::Outcome;
use crate::record::phase::Phase;

/// What all series have of one second.
pub(super) trait Packed: Sized {
    /// Nothing, of so many series.
    fn nothing(series: usize) -> Self;
    /// Appends its bytes.
    fn pack(&self, out: &mut Vec<u8>);
    /// From bytes that [`Packed::pack`] made.
    fn unpack(bytes: &[u8]) -> Self;
}

impl Packed for Vec<StepCounts> {
    fn nothing(series: usize) -> Self {
        vec![StepCounts::default(); series]
    }

    fn pack(&self, out: &mut Vec<u8>) {
        put(out, self.len() as u64);
        for counts in self {
            put_counts(out, counts);
        }
    }

    fn unpack(mut bytes: &[u8]) -> Self {
        let series = take(&mut bytes);
        (0..series).map(|_| take_counts(&mut bytes)).collect()
    }
}

/// The packed histograms of one series.
#[derive(Debug, Clone, Default)]
pub(super) struct PackedStep {
    phases: [Vec<u8>; Phase::COUNT],
}

impl PackedStep {
    /// Packs them.
    pub(super) fn of(times: &StepTimes) -> PackedStep {
        PackedStep { phases: times.all().map(|sparse| pack_histogram(sparse.buckets())) }
    }

    /// All of them.
    pub(super) fn histograms(&self) -> [PackedHistogram<'_>; Phase::COUNT] {
        self.phases.each_ref().map(|bytes| PackedHistogram { bytes })
    }

    /// Adds a packed histogram.
    pub(super) fn add(&mut self, phase: Phase, more: Vec<u8>) {
        let index = &mut self.phases[phase.index()];
        if index.is_empty() {
            *index = more;
            return;
        }
        let both = [&*index, &more].map(|bytes| PackedHistogram { bytes }.to_sparse());
        *index = pack_histogram(Sparse::merged(&both).buckets());
    }

    /// Adds histograms of the same series.
    pub(super) fn add_all(&mut self, times: &StepTimes) {
        for (phase, sparse) in Phase::ALL.into_iter().zip(times.all()) {
            if !sparse.is_empty() {
                self.add(phase, pack_histogram(sparse.buckets()));
            }
        }
    }
}

impl Packed for Vec<PackedStep> {
    fn nothing(series: usize) -> Self {
        vec![PackedStep::default(); series]
    }

    fn pack(&self, out: &mut Vec<u8>) {
        for phase in Phase::ALL {
            let length = out.len();
            out.extend([0; LENGTH]);
            for step in self {
                let histogram = &step.phases[phase.index()];
                put(out, histogram.len() as u64);
                out.extend_from_slice(histogram);
            }
            let bytes = (out.len() - length - LENGTH) as u32;
            out[length..length + LENGTH].copy_from_slice(&bytes.to_le_bytes());
        }
    }

    fn unpack(bytes: &[u8]) -> Self {
        steps(bytes)
            .map(|step| PackedStep { phases: step.map(|histogram| histogram.bytes.to_vec()) })
            .collect()
    }
}

impl Packed for Vec<StepTimes> {
    fn nothing(series: usize) -> Self {
        vec![StepTimes::default(); series]
    }

    fn pack(&self, out: &mut Vec<u8>) {
        self.iter().map(PackedStep::of).collect::<Vec<_>>().pack(out);
    }

    fn unpack(bytes: &[u8]) -> Self {
        let unpacked = |step: [PackedHistogram<'_>; Phase::COUNT]| step.map(|it| it.to_sparse());
        steps(bytes).map(|step| StepTimes::from_all(unpacked(step))).collect()
    }
}

/// Bytes of the length of a phase's histograms.
const LENGTH: usize = 4;

/// The histograms of one phase, series by series, of packed [`StepTimes`].
pub(super) fn histograms(bytes: &[u8], phase: Phase) -> Histograms<'_> {
    let mut rest = bytes;
    for _ in 0..phase.index() {
        rest = split_section(rest).1;
    }
    Histograms { bytes: split_section(rest).0 }
}

/// The histograms of each series.
pub(super) fn steps(bytes: &[u8]) -> impl Iterator<Item = [PackedHistogram<'_>; Phase::COUNT]> {
    let mut phases = Phase::ALL.map(|phase| histograms(bytes, phase));
    std::iter::from_fn(move || {
        let mut step = [PackedHistogram::EMPTY; Phase::COUNT];
        for (index, phase) in step.iter_mut().zip(&mut phases) {
            *index = phase.next()?;
        }
        Some(step)
    })
}

fn split_section(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else { return (&[], &[]) };
    rest.split_at((u32::from_le_bytes(*length) as usize).min(rest.len()))
}

/// Packed histograms, one after the other.
pub(super) struct Histograms<'a> {
    bytes: &'a [u8],
}

impl<'a> Iterator for Histograms<'a> {
    type Item = PackedHistogram<'a>;

    fn next(&mut self) -> Option<PackedHistogram<'a>> {
        if self.bytes.is_empty() {
            return None;
        }
        let length = take(&mut self.bytes) as usize;
        let (bytes, rest) = self.bytes.split_at(length.min(self.bytes.len()));
        self.bytes = rest;
        Some(PackedHistogram { bytes })
    }
}

/// A packed histogram.
#[derive(Debug, Clone, Copy)]
pub struct PackedHistogram<'a> {
    bytes: &'a [u8],
}

/// Its buckets: the place of each among all buckets, and its count.
struct Buckets<'a> {
    bytes: &'a [u8],
    bucket: usize,
}

impl Iterator for Buckets<'_> {
    type Item = (usize, u64);

    fn next(&mut self) -> Option<(usize, u64)> {
        if self.bytes.is_empty() {
            return None;
        }
        let distance = take(&mut self.bytes);
        self.bucket += (distance >> 1) as usize;
        let count = if distance & 1 == 0 { 1 } else { take(&mut self.bytes) };
        Some((self.bucket, count))
    }
}

impl<'a> PackedHistogram<'a> {
    /// One that holds nothing.
    pub(super) const EMPTY: PackedHistogram<'static> = PackedHistogram { bytes: &[] };

    /// One of bytes that [`pack_histogram`] made.
    pub(super) fn of(bytes: &[u8]) -> PackedHistogram<'_> {
        PackedHistogram { bytes }
    }

    fn buckets(&self) -> Buckets<'a> {
        let mut bytes = self.bytes;
        take(&mut bytes);
        Buckets { bytes, bucket: 0 }
    }

    /// As a histogram of its own.
    pub fn to_sparse(&self) -> Sparse {
        Sparse::from_buckets(self.buckets().map(|(at, count)| (bucket_start(at), count)).collect())
    }

    /// Adds its counts.
    pub fn add_to(&self, live: &mut Live) {
        live.add_ascending(self.buckets());
    }

    /// How many times it holds.
    pub fn count(&self) -> u64 {
        let mut bytes = self.bytes;
        take(&mut bytes)
    }

    /// How many of them lie in buckets at or above a value in microseconds.
    pub fn count_from(&self, micros: u64) -> u64 {
        let first = bucket_of(micros);
        let above = self.buckets().filter(|(bucket, _)| *bucket >= first);
        above.fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    /// The largest value of the highest bucket, in microseconds.
    pub fn max(&self) -> Option<f64> {
        self.buckets().last().map(|(bucket, _)| bucket_top(bucket_start(bucket)) as f64)
    }
}

/// The number of times in front, then the buckets; nothing of an empty one.
pub(super) fn pack_histogram(buckets: &[(u64, u64)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(buckets.len() + buckets.len() / 4 + 2);
    if buckets.is_empty() {
        return out;
    }
    put(&mut out, buckets.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count)));
    let mut last = 0;
    for &(low, count) in buckets {
        let bucket = bucket_of(low);
        put(&mut out, (bucket.saturating_sub(last) as u64) << 1 | u64::from(count != 1));
        if count != 1 {
            put(&mut out, count);
        }
        last = bucket;
    }
    out
}

fn put_counts(out: &mut Vec<u8>, counts: &StepCounts) {
    let StepCounts { planned, sent, outcomes, slower, causes, statuses, felt, .. } = counts;
    put(out, *planned);
    put(out, *sent);
    put_all(out, outcomes);
    for list in [slower, causes] {
        put(out, list.len() as u64);
        put_all(out, list);
    }
    put(out, statuses.len() as u64);
    for (status, times) in statuses {
        put(out, u64::from(*status));
        put(out, *times);
    }
    put(out, felt.len() as u64);
    for (outcome, class, times) in felt {
        out.extend([*outcome, *class]);
        put(out, *times);
    }
    put_all(out, &[counts.body_bytes, counts.connects, counts.repeats]);
}

fn put_all(out: &mut Vec<u8>, counts: &[u64]) {
    for count in counts {
        put(out, *count);
    }
}

fn take_counts(bytes: &mut &[u8]) -> StepCounts {
    let (planned, sent) = (take(bytes), take(bytes));
    let mut outcomes = [0; Outcome::COUNT];
    for count in &mut outcomes {
        *count = take(bytes);
    }
    let (slower, causes) = (take_list(bytes, take), take_list(bytes, take));
    let statuses = take_list(bytes, |bytes| (take(bytes) as u16, take(bytes)));
    let felt = take_list(bytes, |bytes| (take_byte(bytes), take_byte(bytes), take(bytes)));
    let (body_bytes, connects, repeats) = (take(bytes), take(bytes), take(bytes));
    StepCounts {
        planned,
        sent,
        outcomes,
        slower,
        causes,
        statuses,
        body_bytes,
        connects,
        felt,
        repeats,
    }
}

fn take_list<T>(bytes: &mut &[u8], one: impl Fn(&mut &[u8]) -> T) -> Vec<T> {
    let length = take(bytes);
    (0..length).map(|_| one(bytes)).collect()
}

/// Groups of seven bits, the lowest first; the highest bit says that more follow.
fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[inline]
fn take(bytes: &mut &[u8]) -> u64 {
    // Nearly every number is one byte.
    if let Some((byte, rest)) = bytes.split_first()
        && *byte < 0x80
    {
        *bytes = rest;
        return u64::from(*byte);
    }
    take_long(bytes)
}

fn take_long(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    while let Some((byte, rest)) = bytes.split_first() {
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

fn take_byte(bytes: &mut &[u8]) -> u8 {
    let Some((byte, rest)) = bytes.split_first() else { return 0 };
    *bytes = rest;
    *byte
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::histogram::MAX_MICROS;

    fn histogram() -> impl Strategy<Value = Sparse> {
        let count = prop_oneof![3 => Just(1_u64), 1 => any::<u64>()];
        prop::collection::vec((1..=MAX_MICROS, count), 0..20).prop_map(Sparse::from_counts)
    }

    fn counts() -> impl Strategy<Value = StepCounts> {
        let list = || prop::collection::vec(any::<u64>(), 0..4);
        let statuses = prop::collection::vec(any::<(u16, u64)>(), 0..4);
        let felt = prop::collection::vec(any::<(u8, u8, u64)>(), 0..4);
        let all =
            (any::<[u64; 5]>(), any::<[u64; Outcome::COUNT]>(), list(), list(), statuses, felt);
        all.prop_map(|(numbers, outcomes, slower, causes, statuses, felt)| {
            let [planned, sent, body_bytes, connects, repeats] = numbers;
            StepCounts {
                planned,
                sent,
                outcomes,
                slower,
                causes,
                statuses,
                body_bytes,
                connects,
                felt,
                repeats,
            }
        })
    }

    fn packed(of: &impl Packed) -> Vec<u8> {
        let mut bytes = Vec::new();
        of.pack(&mut bytes);
        bytes
    }

    fn times() -> impl Strategy<Value = StepTimes> {
        let all = prop::collection::vec(histogram(), Phase::COUNT);
        all.prop_map(|all| StepTimes::of(Phase::ALL.into_iter().zip(all)))
    }

    proptest! {
        #[test]
        fn counts_come_back_as_they_were(all in prop::collection::vec(counts(), 0..4)) {
            prop_assert_eq!(Vec::<StepCounts>::unpack(&packed(&all)), all);
        }

        #[test]
        fn histograms_come_back_as_they_were(
            all in prop::collection::vec(times(), 0..4),
            limit in 0..=2 * MAX_MICROS,
        ) {
            let bytes = packed(&all);
            prop_assert_eq!(&Vec::<StepTimes>::unpack(&bytes), &all);
            for phase in Phase::ALL {
                let mut live = Live::default();
                histograms(&bytes, phase).for_each(|buckets| buckets.add_to(&mut live));
                let added = Sparse::merged(all.iter().map(|times| &times[phase]));
                prop_assert_eq!(live.to_sparse(), added);
                for (buckets, times) in histograms(&bytes, phase).zip(&all) {
                    let sparse = &times[phase];
                    prop_assert_eq!(&buckets.to_sparse(), sparse);
                    prop_assert_eq!(buckets.count(), sparse.count());
                    prop_assert_eq!(buckets.count_from(limit), sparse.count_from(limit));
                    prop_assert_eq!(buckets.max(), sparse.max());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn packed_steps_add_up_as_others_do(
            mut one in times(),
            other in times(),
        ) {
            let mut sum = PackedStep::of(&one);
            sum.add_all(&other);
            one.add(&other);
            prop_assert_eq!(sum.histograms().map(|it| it.to_sparse()), one.all().map(Sparse::clone));
        }
    }

    #[test]
    fn fifty_times_of_a_second_take_about_a_byte_each() {
        let response = Sparse::from_counts((0..50).map(|index| (150 + 5 * index, 1)));
        let all = vec![StepTimes::of([(Phase::Response, response)])];
        let bytes = packed(&all).len();
        assert!(bytes <= Phase::COUNT * (LENGTH + 1) + 53, "{bytes}");
    }
}
