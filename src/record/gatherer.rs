//! Puts the seconds of a run together whose parts come one by one.
//!
//! Few are unpacked at a time, as parts of a second come near each other. One that comes later
//! is unpacked again, which costs time only.

use std::collections::BTreeMap;

use crate::record::blobs::Blobs;
use crate::record::interval::{StepCounts, StepTimes};
use crate::record::packing::Packed;
use crate::record::run::RunRecord;
use crate::record::seconds::Seconds;

/// Seconds of which more may be learnt.
pub(super) struct Gatherer {
    seconds: Seconds,
    counts: BTreeMap<u32, Vec<StepCounts>>,
    times: BTreeMap<u32, Vec<StepTimes>>,
    steps: usize,
    packed: Vec<u8>,
}

/// Seconds that are unpacked at a time.
const MOST_OPEN: usize = 16;

impl Gatherer {
    /// Adds to the seconds of a record, which has none until they are finished.
    pub(super) fn of(record: &mut RunRecord) -> Gatherer {
        let (seconds, steps) = (std::mem::take(&mut record.seconds), record.head.steps.len());
        let (counts, times) = (BTreeMap::new(), BTreeMap::new());
        Gatherer { seconds, counts, times, steps, packed: Vec::new() }
    }

    /// The counts of a second.
    pub(super) fn counts(&mut self, second: u32) -> &mut Vec<StepCounts> {
        open(&mut self.counts, &mut self.seconds.counts, second, self.steps, &mut self.packed)
    }

    /// The histograms of a second, which has counts at least of nothing.
    pub(super) fn times(&mut self, second: u32) -> &mut Vec<StepTimes> {
        if !self.times.contains_key(&second) && self.seconds.counts.find(second).is_err() {
            self.counts(second);
        }
        open(&mut self.times, &mut self.seconds.times, second, self.steps, &mut self.packed)
    }

    /// How many steps a second has.
    pub(super) fn steps(&self) -> usize {
        self.steps
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
    steps: usize,
    packed: &mut Vec<u8>,
) -> &'a mut T {
    if !open.contains_key(&second) && open.len() >= MOST_OPEN {
        if let Some((oldest, content)) = open.pop_first() {
            close(&content, blobs, oldest, packed);
        }
    }
    open.entry(second)
        .or_insert_with(|| blobs.get(second).map_or_else(|| T::nothing(steps), |it| T::unpack(&it)))
}

fn close(content: &impl Packed, blobs: &mut Blobs, second: u32, packed: &mut Vec<u8>) {
    packed.clear();
    content.pack(packed);
    blobs.put(second, packed);
}
