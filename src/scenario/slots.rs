//! Who carries out which part of a load.
//!
//! A load is shared by slots, each of which has every so-many-th arrival, and one thread that
//! carries it out. A generator has consecutive slots of all. What is shared does not depend on
//! where the slots are: one generator of four threads and four generators of one send the same.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The slots of one generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Slots {
    /// The first one, from 0.
    pub first: u32,
    /// How many there are.
    pub count: u32,
    /// How many all generators have together.
    pub of: u32,
}

/// One slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Its place among all, from 0.
    pub index: u32,
    /// How many there are.
    pub of: u32,
}

impl Slots {
    /// All of so many: those of a generator that has the load to itself.
    pub fn all(of: usize) -> Slots {
        let of = of as u32;
        Slots { first: 0, count: of, of }
    }

    /// The one of a generator's so-many-th thread.
    pub fn slot(self, thread: usize) -> Slot {
        Slot { index: self.first + thread as u32, of: self.of }
    }

    /// How many threads of the generator carry them out.
    pub fn threads(self) -> usize {
        self.count as usize
    }
}

impl Slot {
    /// Its part of a ceiling; the parts of all slots are the whole.
    pub fn share(self, ceiling: u32) -> usize {
        (ceiling / self.of + u32::from(self.index < ceiling % self.of)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_ceiling_are_the_whole_wherever_the_slots_are() {
        for (of, ceiling) in [(1, 7), (3, 7), (4, 4), (4, 10), (6, 4)] {
            for split in 1..=of {
                let generators = [
                    Slots { first: 0, count: split, of },
                    Slots { first: split, count: of - split, of },
                ];
                let parts: Vec<usize> = generators
                    .iter()
                    .flat_map(|slots| (0..slots.threads()).map(|thread| slots.slot(thread)))
                    .map(|slot| slot.share(ceiling))
                    .collect();
                assert_eq!(parts.iter().sum::<usize>(), ceiling as usize, "{parts:?}");
                assert_eq!(parts.iter().all(|part| *part > 0), ceiling >= of, "{parts:?}");
            }
        }
    }
}
