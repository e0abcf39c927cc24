//! The seconds of a run, packed, and beyond some megabytes on the disk.
//!
//! Whoever reads a run goes through its seconds one after the other and holds one of them at
//! a time: memory does not grow with the length of the run, but for some bytes of a place
//! each. [`Seconds::iter`] reads nothing of a second until it is asked for, counts and
//! histograms apart from each other.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::path::Path;

use crate::record::blobs::{Blobs, MOST_HELD};
use crate::record::histogram::Sparse;
use crate::record::interval::{Second, StepCounts, StepTimes};
use crate::record::packing::{self, Packed, PackedHistogram};
use crate::record::phase::Phase;

/// The seconds of a run in ascending order; missing ones had no requests.
#[derive(Clone, Default)]
pub struct Seconds {
    pub(super) counts: Blobs,
    pub(super) times: Blobs,
}

impl Seconds {
    /// Seconds that have room for what is too much for memory in a folder.
    pub(super) fn beside(folder: &Path) -> Seconds {
        Seconds::beyond(MOST_HELD, folder)
    }

    /// Seconds of which so many bytes are kept in memory and the others in a folder.
    pub fn beyond(most: usize, folder: &Path) -> Seconds {
        Seconds { counts: Blobs::beyond(most, folder), times: Blobs::beyond(most, folder) }
    }

    /// How many seconds there are.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last one.
    pub fn last(&self) -> Option<u32> {
        self.len().checked_sub(1).map(|at| self.counts.second(at))
    }

    /// One second.
    pub fn get(&self, second: u32) -> Option<PackedSecond<'_>> {
        self.counts.find(second).ok().map(|at| PackedSecond { seconds: self, at })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = PackedSecond<'_>> {
        (0..self.len()).map(|at| PackedSecond { seconds: self, at })
    }

    /// Those of a range.
    pub fn range(&self, range: impl RangeBounds<u32>) -> impl Iterator<Item = PackedSecond<'_>> {
        let at = |second: u32| self.counts.find(second).unwrap_or_else(|at| at);
        let from = match range.start_bound() {
            Bound::Included(first) => at(*first),
            Bound::Excluded(before) => before.checked_add(1).map_or(self.len(), at),
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(last) => last.checked_add(1).map_or(self.len(), at),
            Bound::Excluded(end) => at(*end),
            Bound::Unbounded => self.len(),
        };
        (from..to).map(|at| PackedSecond { seconds: self, at })
    }

    /// Puts a second in, in place of what was there.
    pub fn insert(&mut self, second: u32, content: &Second) {
        let mut bytes = Vec::new();
        content.counts.pack(&mut bytes);
        self.counts.put(second, &bytes);
        bytes.clear();
        content.times.pack(&mut bytes);
        self.times.put(second, &bytes);
    }

    /// Puts a second in that has counts only.
    pub(super) fn insert_counts(&mut self, second: u32, counts: &Vec<StepCounts>) {
        let mut bytes = Vec::new();
        counts.pack(&mut bytes);
        self.counts.put(second, &bytes);
    }

    /// Forgets the seconds that are not wanted.
    pub fn retain(&mut self, wanted: impl Fn(u32) -> bool) {
        self.counts.retain(&wanted);
        self.times.retain(wanted);
    }

    /// Forgets one second.
    pub fn remove(&mut self, second: u32) {
        self.retain(|other| other != second);
    }

    /// Changes the seconds of a range.
    pub fn edit(&mut self, range: impl RangeBounds<u32>, mut change: impl FnMut(u32, &mut Second)) {
        let seconds: Vec<u32> = self.range(range).map(|found| found.second()).collect();
        for second in seconds {
            if let Some(mut content) = self.get(second).map(|found| found.unpack()) {
                change(second, &mut content);
                self.insert(second, &content);
            }
        }
    }

    /// Bytes of seconds that are in memory.
    pub fn buffered(&self) -> usize {
        self.counts.buffered() + self.times.buffered()
    }
}

impl fmt::Debug for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|found| (found.second(), found.unpack()))).finish()
    }
}

impl PartialEq for Seconds {
    fn eq(&self, other: &Seconds) -> bool {
        let content = |found: PackedSecond<'_>| (found.second(), found.unpack());
        self.len() == other.len() && self.iter().map(content).eq(other.iter().map(content))
    }
}

impl FromIterator<(u32, Second)> for Seconds {
    fn from_iter<I: IntoIterator<Item = (u32, Second)>>(all: I) -> Seconds {
        let mut seconds = Seconds::default();
        all.into_iter().for_each(|(second, content)| seconds.insert(second, &content));
        seconds
    }
}

/// One second, of which nothing is read before it is asked for.
#[derive(Clone, Copy)]
pub struct PackedSecond<'a> {
    seconds: &'a Seconds,
    at: usize,
}

impl<'a> PackedSecond<'a> {
    /// Seconds since the start of the schedule.
    pub fn second(&self) -> u32 {
        self.seconds.counts.second(self.at)
    }

    /// Counts by series.
    pub fn counts(&self) -> Vec<StepCounts> {
        Packed::unpack(&self.seconds.counts.read(self.at))
    }

    /// Histograms by series.
    pub fn times(&self) -> PackedTimes<'a> {
        PackedTimes { bytes: self.seconds.times.get(self.second()).unwrap_or_default() }
    }

    /// All of it.
    pub fn unpack(&self) -> Second {
        let counts = self.counts();
        let mut times: Vec<StepTimes> = Packed::unpack(&self.times().bytes);
        if times.is_empty() {
            times = Packed::nothing(counts.len());
        }
        Second { counts, times }
    }
}

/// The histograms of one second.
pub struct PackedTimes<'a> {
    bytes: Cow<'a, [u8]>,
}

impl PackedTimes<'_> {
    /// Those of one phase, by series.
    pub fn of(&self, phase: Phase) -> impl Iterator<Item = PackedHistogram<'_>> {
        packing::histograms(&self.bytes, phase)
    }

    /// All of each series; where none were put in, they are empty.
    pub(super) fn series(&self) -> impl Iterator<Item = [PackedHistogram<'_>; Phase::COUNT]> {
        let nothing = [PackedHistogram::EMPTY; Phase::COUNT];
        packing::steps(&self.bytes).chain(std::iter::repeat(nothing))
    }

    /// The one of a phase and a series; empty for one that is not there.
    pub fn of_series(&self, phase: Phase, place: usize) -> Sparse {
        self.of(phase).nth(place).map(|buckets| buckets.to_sparse()).unwrap_or_default()
    }
}
