//! Puts the seconds of a run together whose parts come one by one.
//!
//! Few are unpacked at a time, as parts of a second come near each other. One that comes later
//! is unpacked again, which costs time only.

use std::collections::BTreeMap;

use crate::record::blobs::Blobs;
use crate::record::interval::StepCounts;
use crate::record::packing::{Packed, PackedStep};
use crate::record::run::RunRecord;
use crate::record::seconds::Seconds;

/// Seconds of which more may be learnt.
pub(super) struct Gatherer {
    seconds: Seconds,
    counts: BTreeMap<u32, Vec<StepCounts>>,
    times: BTreeMap<u32, Vec<PackedStep>>,
    series: usize,
    packed: Vec<u8>,
}

/// Seconds that are unpacked at a time.
const MOST_OPEN: usize = 16;

impl Gatherer {
    /// Adds to the seconds of a record, which has none until they are finished.
    pub(super) fn of(record: &mut RunRecord) -> Gatherer {
        let (seconds, series) = (std::mem::take(&mut record.seconds), record.head.series.len());
        let (counts, times) = (BTreeMap::new(), BTreeMap::new());
        Gatherer { seconds, counts, times, series, packed: Vec::new() }
    }

    /// The counts of a second.
    pub(super) fn counts(&mut self, second: u32) -> &mut Vec<StepCounts> {
        open(&mut self.counts, &mut self.seconds.counts, second, self.series, &mut self.packed)
    }

    /// The histograms of a second, which has counts at least of nothing.
    pub(super) fn times(&mut self, second: u32) -> &mut Vec<PackedStep> {
        if !self.times.contains_key(&second) && self.seconds.counts.find(second).is_err() {
            self.counts(second);
        }
        open(&mut self.times, &mut self.seconds.times, second, self.series, &mut self.packed)
    }

    /// How many series a second has.
    pub(super) fn series(&self) -> usize {
        self.series
    }

    /// Whether something is known of a second.
    pub(super) fn has(&self, second: u32) -> bool {
        let is_open = self.times.contains_key(&second) || self.counts.contains_key(&second);
        is_open || self.seconds.counts.find(second).is_ok()
    }

    /// How many seconds there are.
    pub(super) fn len(&self) -> usize {
        let is_new = |second: &&u32| self.seconds.counts.find(**second).is_err();
        self.seconds.len() + self.counts.keys().filter(is_new).count()
    }

    /// All of them.
    pub(super) fn finish(mut self) -> Seconds {
        for (second, counts) in std::mem::take(&mut self.counts) {
            close(&counts, &mut self.seconds.counts, second, &mut self.packed);
        }
        for (second, times) in std::mem::take(&mut self.times) {
            close(&times, &mut self.seconds.times, second, &mut self.packed);
        }
        self.seconds
    }
}

fn open<'a, T: Packed>(
    open: &'a mut BTreeMap<u32, T>,
    blobs: &mut Blobs,
    second: u32,
    series: usize,
    packed: &mut Vec<u8>,
) -> &'a mut T {
    if !open.contains_key(&second)
        && open.len() >= MOST_OPEN
        && let Some((oldest, content)) = open.pop_first()
    {
        close(&content, blobs, oldest, packed);
    }
    open.entry(second).or_insert_with(|| {
        blobs.get(second).map_or_else(|| T::nothing(series), |it| T::unpack(&it))
    })
}

fn close(content: &impl Packed, blobs: &mut Blobs, second: u32, packed: &mut Vec<u8>) {
    packed.clear();
    content.pack(packed);
    blobs.put(second, packed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::failures::Failures;
    use crate::record::histogram::Sparse;
    use crate::record::interval::{Second, StepTimes};
    use crate::record::phase::Phase;
    use crate::record::sample_head;

    const SECONDS: u32 = 3_000;
    /// Of counts, and of histograms.
    const MOST: usize = 4_000;

    fn counts(second: u32, step: usize) -> StepCounts {
        StepCounts { planned: u64::from(second), sent: step as u64, ..StepCounts::default() }
    }

    fn times(second: u32, step: usize) -> StepTimes {
        let at = u64::from(second) + 1_000 * step as u64;
        let response = Sparse::from_counts((1..20).map(|index| (at + 7 * index, 1 + index % 3)));
        StepTimes::of([(Phase::Least, response.clone()), (Phase::Response, response)])
    }

    fn record(room: Seconds) -> RunRecord {
        let mut head = sample_head();
        head.series.push(head.series[0].clone());
        let (generator, target, failures) = (Vec::new(), Vec::new(), Failures::default());
        RunRecord { head, end: None, seconds: room, generator, target, failures }
    }

    /// Each second in two parts, the second one of some of them much later.
    fn gathered(room: Seconds, mut look: impl FnMut(&Gatherer)) -> Seconds {
        let mut gatherer = Gatherer::of(&mut record(room));
        let late = |second: &u32| second.is_multiple_of(97);
        let parts = (0..SECONDS).flat_map(|second| (0..2).map(move |step| (second, step)));
        let (later, soon): (Vec<_>, Vec<_>) = parts.partition(|(second, _)| late(second));
        for (second, step) in soon.into_iter().chain(later.clone()).chain(later) {
            gatherer.counts(second)[step].add(&counts(second, step));
            gatherer.times(second)[step].add_all(&times(second, step));
            look(&gatherer);
        }
        gatherer.finish()
    }

    #[test]
    fn however_long_a_run_is_few_of_its_seconds_are_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut most = 0;
        let seconds = gathered(Seconds::beyond(MOST, folder.path()), |gatherer| {
            let open = gatherer.counts.len().max(gatherer.times.len());
            assert!(open <= MOST_OPEN, "{open} seconds are unpacked");
            most = most.max(gatherer.seconds.buffered());
        });
        assert!((MOST..=2 * MOST).contains(&most), "{most} bytes");
        assert!(seconds.buffered() <= 2 * MOST);
        assert_eq!((seconds.len(), seconds.last()), (SECONDS as usize, Some(SECONDS - 1)));
        let mut passed = 0;
        for found in seconds.iter() {
            let second = found.second();
            let mut expected = Second::empty(2);
            for step in 0..2 {
                for _ in 0..if second.is_multiple_of(97) { 2 } else { 1 } {
                    expected.counts[step].add(&counts(second, step));
                    expected.times[step].add(&times(second, step));
                }
            }
            assert_eq!(found.unpack(), expected, "second {second}");
            for (step, expected) in expected.times.iter().enumerate() {
                assert_eq!(
                    found.times().of_series(Phase::Response, step),
                    expected[Phase::Response]
                );
            }
            passed += 1;
        }
        assert_eq!(passed, SECONDS);
    }

    #[test]
    fn what_is_on_the_disk_is_what_would_be_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let on_disk = gathered(Seconds::beyond(MOST, folder.path()), |_| {});
        let in_memory = gathered(Seconds::default(), |_| {});
        assert!(in_memory.buffered() > 20 * MOST, "{} bytes", in_memory.buffered());
        assert_eq!(on_disk, in_memory);
        let part = |seconds: &Seconds| -> Vec<u32> {
            seconds.range(17..29).map(|found| found.second()).collect()
        };
        assert_eq!(part(&on_disk), (17..29).collect::<Vec<_>>());
        assert_eq!(on_disk.range(SECONDS - 2..).count(), 2);
        assert_eq!(on_disk.range(..=3).count(), 4);
    }
}
