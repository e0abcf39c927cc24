//! The coordinator with which an agent stays for several loads, as long as that one lives.
//!
//! | state | ends by | next |
//! | --- | --- | --- |
//! | kept | a beat that says that it is over, or none for a while | free |
//! | kept | an offer of the same coordinator | at work, then kept |
//! | kept | an offer of another one | refused |

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use crate::fleet::fault::FleetFault;
use crate::fleet::link::{Heard, Link};
use crate::fleet::loads::Stay;
use crate::fleet::wire::{self, Beat};
use crate::scenario::model::Scenario;

/// For so long it waits for a beat.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// A coordinator with which an agent stays.
#[derive(Debug)]
pub(super) struct Staying {
    run: String,
    epoch: String,
    beats: Receiver<Heard>,
    heard: Instant,
    /// What all loads are of.
    pub(super) scenario: Scenario,
}

impl Staying {
    /// Listens from now on.
    pub(super) fn by(link: &Link, stay: &Stay, scenario: Scenario) -> Result<Staying, FleetFault> {
        let beats = link.listen(&wire::beats(&stay.run))?;
        let (run, epoch) = (stay.run.clone(), stay.epoch.clone());
        Ok(Staying { run, epoch, beats, heard: Instant::now(), scenario })
    }

    /// Whether an offer is of whom it stays with.
    pub(super) fn is_by(&self, stay: Option<&Stay>) -> bool {
        stay.is_some_and(|stay| (&stay.run, &stay.epoch) == (&self.run, &self.epoch))
    }

    /// Of whom it is, where that is not whose offer it is.
    pub(super) fn instead_of(&self, stay: Option<&Stay>) -> Option<&str> {
        (!self.is_by(stay)).then_some(self.run.as_str())
    }

    /// Whether it is wanted still.
    pub(super) fn look(&mut self) -> bool {
        while let Ok(heard) = self.beats.try_recv() {
            let Some(beat) = wire::read::<Beat>(&heard.said) else { continue };
            if beat.epoch != self.epoch {
                continue;
            }
            self.heard = Instant::now();
            if beat.over {
                return false;
            }
        }
        self.heard.elapsed() < FORGOTTEN
    }

    /// A load is over, in which nobody has listened.
    pub(super) fn go_on(&mut self) {
        self.heard = Instant::now();
    }
}
