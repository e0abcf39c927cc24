//! What a generator has learnt at one time: the unit that a record is made of.
//!
//! A record is the sum of the ticks of all of its generators ([`merge`](super::merge)), whatever
//! the order in which they come. A tick says who sent it and which one it is, so one that comes
//! again is known. As a line of the journal it is whole or not there.

use crate::record::recorder::Part;
use crate::record::telemetry::GeneratorSecond;
use crate::scenario::slots::Slots;

/// No tick has more parts, so that a line of the journal has a bound.
pub const MOST_PARTS: usize = 64;

/// What a generator has learnt since the last time.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Those of the generator.
    pub slots: Slots,
    /// How often a run had gone on when the generator took them: its ticks are numbered anew
    /// each time.
    pub claim: u32,
    /// From 0, one after the other.
    pub number: u32,
    /// What was learnt of some series in some seconds; at most [`MOST_PARTS`].
    pub parts: Vec<Part>,
    /// What was seen of the generator itself.
    pub generator: Vec<GeneratorSecond>,
}

/// Numbers the ticks of one generator.
#[derive(Debug)]
pub struct Ticks {
    slots: Slots,
    claim: u32,
    next: u32,
}

impl Ticks {
    /// Of a generator that has taken its slots.
    pub fn of(slots: Slots, claim: u32) -> Ticks {
        Ticks { slots, claim, next: 0 }
    }

    /// The next one, of some parts.
    pub fn parts(&mut self, parts: Vec<Part>) -> Tick {
        self.tick(parts, Vec::new())
    }

    /// The next one, of what was seen of the generator.
    pub fn generator(&mut self, second: GeneratorSecond) -> Tick {
        self.tick(Vec::new(), vec![second])
    }

    fn tick(&mut self, parts: Vec<Part>, generator: Vec<GeneratorSecond>) -> Tick {
        let number = self.next;
        self.next += 1;
        Tick { slots: self.slots, claim: self.claim, number, parts, generator }
    }
}
