//! A generator's share of a load of which others have the rest.

use std::sync::mpsc::Sender;

use crate::engine::lease::Lease;
use crate::engine::plan::{Given, Start};
use crate::scenario::slots::Slots;

/// Which part of a load a generator carries out, when, and who hears of it.
#[derive(Debug)]
pub struct Share {
    /// Its slots.
    pub slots: Slots,
    /// When the schedule of all begins.
    pub start: Start,
    /// How many iterations of loads before this one the target has had.
    pub iterations: u64,
    /// What every user knows from the beginning.
    pub given: Given,
    /// Until when it may send.
    pub lease: Lease,
    /// Hears each tick, as a line of the journal.
    pub tell: Sender<Vec<u8>>,
}
