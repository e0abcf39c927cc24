//! An agent's load under way, and how long it may go on.

use std::thread::JoinHandle;
use std::time::Instant;

use crate::engine::lease::Lease;
use crate::fleet::roster::LEASE;
use crate::fleet::steering::Steering;
use crate::fleet::wire::{Beat, Go};
use crate::record::run::RunRecord;
use crate::units::Moment;

/// A load under way.
pub(super) struct AtWork {
    pub(super) load: JoinHandle<Result<RunRecord, String>>,
    pub(super) telling: JoinHandle<Result<u32, String>>,
    pub(super) lease: Lease,
    pub(super) start: Instant,
    pub(super) go: Go,
    /// By how much the coordinator's clock was taken to be ahead.
    pub(super) offset: i64,
    /// Where the load gets other rates.
    pub(super) steering: Steering,
}

impl AtWork {
    /// How far the schedule is.
    pub(super) fn now(&self) -> Moment {
        Moment(self.start.elapsed().as_nanos() as u64)
    }

    /// A beat lengthens the lease from when it was said, not from when it was heard: one that has
    /// lain somewhere lengthens nothing. One that was said in the time to come means that our clock
    /// has stood still.
    pub(super) fn renew(&self, beat: &Beat) {
        let now = self.now();
        let until = (beat.at + LEASE.as_nanos() as u64).saturating_sub(self.go.at);
        let is_ahead = until > now.0 + 2 * LEASE.as_nanos() as u64 && Instant::now() > self.start;
        if is_ahead {
            self.lease.end();
        } else {
            self.lease.renew(now, Moment(until));
        }
    }
}
