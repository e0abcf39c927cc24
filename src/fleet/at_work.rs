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

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    const S: u64 = 1_000_000_000;

    /// One whose schedule began so many seconds ago, at second 100 of the coordinator's clock.
    fn at_work(seconds: u64) -> AtWork {
        AtWork {
            load: thread::spawn(|| Err(String::new())),
            telling: thread::spawn(|| Ok(0)),
            lease: Lease::until(Moment(LEASE.as_nanos() as u64)),
            start: Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap(),
            go: Go { at: 100 * S, wall_ns: 0, given: Vec::new() },
            offset: 0,
            steering: Steering::of(None),
        }
    }

    /// Until which second it may send after a beat that was said at one of the coordinator's clock.
    fn renewed(seconds: u64, at: u64) -> u64 {
        let work = at_work(seconds);
        work.renew(&Beat { at: at * S, ..Beat::default() });
        (0..1_000).find(|second| work.lease.has_run_out(Moment(second * S))).unwrap()
    }

    #[test]
    fn a_beat_counts_from_when_it_was_said_and_not_from_when_it_was_heard() {
        assert_eq!(renewed(1, 101), 4);
        assert_eq!(renewed(2, 100), 3, "it has lain for two seconds");
        assert_eq!(renewed(2, 90), 3, "before the start, and long ago");
        assert_eq!(renewed(3, 103), 0, "too late: the lease is over, and stays so");
        assert_eq!(renewed(1, 104), 7, "clocks differ, or are compared badly");
        assert_eq!(renewed(1, 105), 0, "our clock has stood still for a lease");
    }
}
