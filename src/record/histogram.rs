//! Histograms of times: 1 µs to an hour, three significant figures.
//!
//! [`Live`] is dense and cheap to record into; [`Sparse`] is what is kept of an
//! interval. Both count the buckets of an HdrHistogram, so histograms merge by adding,
//! nothing is lost on the way, and what is written is one.

/// The longest time that is told apart, in microseconds: one hour. Longer ones count there.
pub const MAX_MICROS: u64 = 3_600_000_000;

/// Buckets of one width. The first [`HALF`] × 2 are 1 µs wide, the next [`HALF`] 2 µs, and so
/// on: three significant figures everywhere.
const HALF: usize = 1 << 10;

/// A dense histogram for recording and merging, in microseconds. Of its 23,221 counts a few
/// hundred neighbours are mostly in use; the others are not looked at, so that emptying it
/// often costs little.
#[derive(Debug, Clone)]
pub struct Live {
    counts: Vec<u64>,
    /// All counts in front of it are zero.
    start: usize,
    /// All counts from it on are zero.
    end: usize,
}

impl Default for Live {
    fn default() -> Self {
        let counts = vec![0; bucket_of(MAX_MICROS) + 1];
        Live { start: counts.len(), counts, end: 0 }
    }
}

impl Live {
    /// Records one time given in nanoseconds, rounded to microseconds, at least 1.
    pub fn record_nanos(&mut self, nanos: u64) {
        self.record_many_nanos(nanos, 1);
    }

    /// The same, so many times.
    pub fn record_many_nanos(&mut self, nanos: u64, times: u64) {
        self.count(nanos.saturating_add(500) / 1_000, times);
    }

    fn count(&mut self, micros: u64, times: u64) {
        self.add_to_bucket(bucket_of(micros.clamp(1, MAX_MICROS)), times);
    }

    /// Adds to buckets by their places among all, which ascend.
    pub(super) fn add_ascending(&mut self, mut buckets: impl Iterator<Item = (usize, u64)>) {
        let Some((first, times)) = buckets.next() else { return };
        self.add_to_bucket(first, times);
        let mut last = first;
        for (bucket, times) in buckets {
            self.counts[bucket] = self.counts[bucket].saturating_add(times);
            last = bucket;
        }
        self.end = self.end.max(last + 1);
    }

    fn add_to_bucket(&mut self, bucket: usize, times: u64) {
        self.start = self.start.min(bucket);
        self.end = self.end.max(bucket + 1);
        self.counts[bucket] = self.counts[bucket].saturating_add(times);
    }

    /// Adds all counts of a sparse histogram.
    pub fn add_sparse(&mut self, other: &Sparse) {
        for &(value, count) in &other.buckets {
            self.count(value, count);
        }
    }

    /// Forgets everything recorded.
    pub fn clear(&mut self) {
        if !self.is_empty() {
            self.counts[self.start..self.end].fill(0);
            (self.start, self.end) = (self.counts.len(), 0);
        }
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// What was recorded, as buckets.
    pub fn to_sparse(&self) -> Sparse {
        let counts = self.counts.iter().enumerate().take(self.end).skip(self.start);
        let used = counts.filter(|(_, count)| **count > 0);
        Sparse { buckets: used.map(|(bucket, count)| (bucket_start(bucket), *count)).collect() }
    }
}

/// The place of a value in microseconds among all buckets.
pub(super) fn bucket_of(micros: u64) -> usize {
    let shift = width_bits(micros);
    shift as usize * HALF + (micros >> shift) as usize
}

/// The lowest value, in microseconds, of the bucket at a place.
pub(super) fn bucket_start(bucket: usize) -> u64 {
    let shift = (bucket / HALF).saturating_sub(1);
    ((bucket - shift * HALF) as u64) << shift
}

/// The width of the bucket of a value in microseconds is two to the power of it.
fn width_bits(micros: u64) -> u32 {
    (u64::BITS - micros.leading_zeros()).saturating_sub(11)
}

/// The non-empty buckets of a histogram: lowest value in microseconds and count, in
/// ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sparse {
    buckets: Vec<(u64, u64)>,
}

impl Sparse {
    /// From any list of values in microseconds and counts; values are put in the bucket
    /// that they belong to.
    pub fn from_counts(counts: impl IntoIterator<Item = (u64, u64)>) -> Sparse {
        let mut live = Live::default();
        for (value, count) in counts {
            live.count(value, count);
        }
        live.to_sparse()
    }

    /// From buckets that are known to be right: ascending, none empty.
    pub(crate) fn from_buckets(buckets: Vec<(u64, u64)>) -> Sparse {
        Sparse { buckets }
    }

    /// The sum of several histograms. Two are what a second mostly has, the requests that
    /// ended in it and those that ended later: they need no dense one in between.
    pub fn merged<'a>(parts: impl IntoIterator<Item = &'a Sparse>) -> Sparse {
        let mut parts = parts.into_iter().filter(|part| !part.is_empty());
        let (Some(first), second) = (parts.next(), parts.next()) else { return Sparse::default() };
        let Some(second) = second else { return first.clone() };
        let Some(third) = parts.next() else { return first.plus(second) };
        let mut live = Live::default();
        for part in [first, second, third].into_iter().chain(parts) {
            live.add_sparse(part);
        }
        live.to_sparse()
    }

    fn plus(&self, other: &Sparse) -> Sparse {
        // Two ascending runs: sorting is merging.
        let mut buckets = [self.buckets.as_slice(), &other.buckets].concat();
        buckets.sort_by_key(|(value, _)| *value);
        buckets.dedup_by(|later, first| {
            let is_same = later.0 == first.0;
            if is_same {
                first.1 = first.1.saturating_add(later.1);
            }
            is_same
        });
        Sparse { buckets }
    }

    /// Lowest value of each bucket in microseconds, and its count.
    pub fn buckets(&self) -> &[(u64, u64)] {
        &self.buckets
    }

    /// How many times were recorded.
    pub fn count(&self) -> u64 {
        total(&self.buckets)
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// How many of the recorded times lie in buckets at or above a value in microseconds.
    pub fn count_from(&self, micros: u64) -> u64 {
        let start = self.buckets.partition_point(|(value, _)| bucket_top(*value) < micros);
        total(&self.buckets[start..])
    }

    /// The quantile in microseconds, interpolated inside its bucket on a log scale.
    /// `None` when nothing was recorded.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let total = self.count();
        let rank = share.clamp(0.0, 1.0) * total as f64;
        let mut below = 0_u64;
        for &(low, count) in &self.buckets {
            let reached = below.saturating_add(count);
            if reached as f64 >= rank {
                let inside = ((rank - below as f64) / count as f64).clamp(0.0, 1.0);
                // Not beyond what the bucket holds, or a quantile would exceed the maximum.
                let high = bucket_top(low) as f64;
                return Some((low as f64 * (high / low as f64).powf(inside)).min(high));
            }
            below = reached;
        }
        self.max()
    }

    /// The largest value of the highest bucket, in microseconds.
    pub fn max(&self) -> Option<f64> {
        self.buckets.last().map(|(low, _)| bucket_top(*low) as f64)
    }

    /// The mean in microseconds, each bucket at its middle.
    pub fn mean(&self) -> Option<f64> {
        let sum: f64 = self
            .buckets
            .iter()
            .map(|&(low, count)| (low + bucket_top(low)) as f64 / 2.0 * count as f64)
            .sum();
        (!self.is_empty()).then(|| sum / self.count() as f64)
    }
}

/// The sum of the counts. Those of a damaged file may be anything: it saturates.
fn total(buckets: &[(u64, u64)]) -> u64 {
    buckets.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

/// The highest value, in microseconds, of the bucket that starts at `low`.
pub fn bucket_top(low: u64) -> u64 {
    low | ((1 << width_bits(low)) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    impl Sparse {
        pub(in crate::record) fn from_histogram(theirs: &Histogram<u64>) -> Sparse {
            let counts = theirs.iter_recorded().map(|step| {
                (theirs.lowest_equivalent(step.value_iterated_to()), step.count_at_value())
            });
            Sparse::from_counts(counts)
        }
    }

    #[test]
    fn an_emptied_histogram_is_like_a_new_one() {
        let mut live = Live::default();
        for times in [&[5, 3_600_000][..], &[7], &[], &[MAX_MICROS, 1, 2_048]] {
            for micros in times {
                live.record_nanos(micros * 1_000);
            }
            assert_eq!(live.to_sparse().count(), times.len() as u64);
            assert_eq!(live.is_empty(), times.is_empty());
            live.clear();
            assert!(live.is_empty() && live.to_sparse().is_empty());
        }
    }

    #[test]
    fn nothing_recorded_has_no_quantile() {
        let sparse = Live::default().to_sparse();
        assert_eq!((sparse.quantile(0.5), sparse.max(), sparse.mean()), (None, None, None));
    }

    #[test]
    fn counts_of_damaged_files_do_not_overflow() {
        let sparse = Sparse::from_buckets(vec![(1, u64::MAX), (2, u64::MAX)]);
        assert_eq!((sparse.count(), sparse.count_from(1)), (u64::MAX, u64::MAX));
        assert!(sparse.quantile(1.0).is_some());
    }

    #[test]
    fn too_long_and_too_short_times_are_kept() {
        let mut live = Live::default();
        live.record_nanos(0);
        live.record_nanos(u64::MAX);
        assert_eq!(live.to_sparse().count(), 2);
    }

    fn like_ours() -> Histogram<u64> {
        Histogram::new_with_bounds(1, MAX_MICROS, 3).unwrap()
    }

    proptest! {
        #[test]
        fn buckets_are_those_of_hdrhistogram(bits in 0_u32..33, random in any::<u64>()) {
            let theirs = like_ours();
            let value = ((1 << bits) - 1 + random % (1 << bits)).clamp(1, MAX_MICROS);
            let low = theirs.lowest_equivalent(value);
            prop_assert_eq!(bucket_start(bucket_of(value)), low);
            prop_assert_eq!(bucket_top(low), theirs.highest_equivalent(value));
            prop_assert_eq!(bucket_of(value), bucket_of(bucket_top(low)));
        }

        #[test]
        fn recording_is_what_hdrhistogram_does(
            nanos in prop::collection::vec(0_u64..4_000_000_000_000, 0..50),
        ) {
            let (mut ours, mut theirs) = (Live::default(), like_ours());
            for nanos in nanos {
                ours.record_nanos(nanos);
                theirs.saturating_record(((nanos + 500) / 1_000).max(1));
            }
            prop_assert_eq!(ours.to_sparse(), Sparse::from_histogram(&theirs));
        }

        #[test]
        fn merging_is_adding(a in prop::collection::vec(1_u64..100_000_000, 0..50),
                             b in prop::collection::vec(1_u64..100_000_000, 0..50)) {
            let part = |values: &[u64]| Sparse::from_counts(values.iter().map(|v| (*v, 1)));
            let whole: Vec<u64> = a.iter().chain(&b).copied().collect();
            prop_assert_eq!(Sparse::merged([&part(&a), &part(&b)]), part(&whole));
            let (first, rest) = b.split_at(b.len() / 2);
            let three = [&part(&a), &part(first), &Sparse::default(), &part(rest)];
            prop_assert_eq!(Sparse::merged(three), part(&whole));
        }

        #[test]
        fn quantiles_are_within_three_figures(mut values in prop::collection::vec(1_u64..60_000_000, 1..200),
                                              share in 0.01_f64..1.0) {
            let sparse = Sparse::from_counts(values.iter().map(|v| (*v, 1)));
            values.sort_unstable();
            let rank = ((share * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let exact = values[rank - 1] as f64;
            let found = sparse.quantile(share).expect("not empty");
            prop_assert!((found - exact).abs() <= exact * 0.001 + 1.0, "{found} for {exact}");
            prop_assert!(found <= sparse.max().expect("not empty"));
        }
    }
}
