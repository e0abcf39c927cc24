//! Controllers: what to measure next, or that it is enough, by what was measured before.
//!
//! An experiment that measures more than once (a duet, a search for capacity, a stress test) has a
//! controller here and a thin runner in `experiment`. The runner asks [`Next`], measures what it is
//! told to, and tells the controller what came of it; it decides nothing. So every decision can be
//! tested with made-up measurements, and the same measurements always lead to the same decisions.
//!
//! A controller starts nothing, waits for nothing and reads no clock: how long something took
//! is told to it.

pub mod capacity;
pub mod duet;
pub mod stress;

/// What an experiment does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next<Spec, Why> {
    /// It measures this.
    Measure(Spec),
    /// It ends.
    Stop(Why),
}
