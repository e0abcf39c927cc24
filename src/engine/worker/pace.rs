//! How often a worker wakes.
//!
//! To go to sleep and wake again costs more than a request, above all on a virtual
//! machine. So when a worker has much to do it wakes at most every 250 µs and finds
//! several arrivals and responses at once. What that costs in punctuality, 125 µs on
//! average, is send lag like any other: measured, reported, and part of the audit.
//! Responses do not suffer, as the kernel stamps them.

use crate::engine::priority;
use crate::units::Moment;

/// From one turn to the next when there is much to do, in nanoseconds.
const QUANTUM: u64 = 250_000;
/// The stretch over which work is counted, in nanoseconds.
const STRETCH: u64 = 10_000_000;
/// Arrivals and responses in a stretch from which on there is much to do: several in
/// every quantum.
const CROWDED: usize = 150;

/// Counts what there is to do, and says how long to rest.
#[derive(Debug, Default)]
pub(super) struct Pace {
    done: usize,
    stretch: u64,
    is_crowded: bool,
}

impl Pace {
    /// A turn that began at `now` did so much.
    pub(super) fn did(&mut self, work: usize, now: Moment) {
        let stretch = now.0 / STRETCH;
        if stretch != self.stretch {
            self.is_crowded = self.done >= CROWDED && stretch == self.stretch + 1;
            (self.stretch, self.done) = (stretch, 0);
        }
        self.done += work;
    }

    /// Until when to rest before looking at the sockets, in a turn that began at `now`.
    pub(super) fn rest(&self, now: Moment) -> Option<Moment> {
        self.is_crowded.then(|| Moment(now.0 / QUANTUM * QUANTUM + QUANTUM))
    }
}

/// Makes this thread one that sends: it wakes when it wanted to, and goes ahead of others
/// where that is allowed.
pub(super) fn be_punctual() {
    allow_short_sleeps();
    priority::go_ahead();
}

/// Without it the kernel makes every sleep of this thread 50 µs longer.
fn allow_short_sleeps() {
    #[cfg(target_os = "linux")]
    // A longer sleep is measured like any other lateness.
    let _ = nix::sys::prctl::set_timerslack(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(work_per_stretch: usize) -> Pace {
        let mut pace = Pace::default();
        for stretch in 0..30 {
            pace.did(work_per_stretch, Moment(stretch * STRETCH));
        }
        pace
    }

    #[test]
    fn a_worker_with_little_to_do_never_rests() {
        assert_eq!(after(100).rest(Moment(30 * STRETCH)), None);
    }

    #[test]
    fn a_busy_one_rests_to_the_next_quantum() {
        let rest = after(200).rest(Moment(30 * STRETCH + 30_000));
        assert_eq!(rest, Some(Moment(30 * STRETCH + QUANTUM)));
    }

    #[test]
    fn after_a_pause_it_is_no_longer_busy() {
        let mut pace = after(200);
        pace.did(0, Moment(99 * STRETCH));
        assert_eq!(pace.rest(Moment(99 * STRETCH)), None);
    }
}
