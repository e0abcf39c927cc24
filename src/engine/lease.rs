//! Until when a generator may send that works for others: a lease, which they renew.
//!
//! A worker reads the deadline in its own turn, before it does anything: a generator that was
//! stopped for longer than its lease, and goes on, sends nothing late. What has run out stays so,
//! whoever renews it. A generator that works for nobody has a lease without end, which costs a
//! look at an `Option`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::units::Moment;

/// Until when may be sent; clones are the same lease.
#[derive(Debug, Clone, Default)]
pub struct Lease(Option<Arc<AtomicU64>>);

/// It has run out, and is not renewed any more.
const OVER: u64 = 0;

impl Lease {
    /// One without an end.
    pub fn endless() -> Lease {
        Lease(None)
    }

    /// One until a moment of the schedule.
    pub fn until(at: Moment) -> Lease {
        Lease(Some(Arc::new(AtomicU64::new(at.0))))
    }

    /// Whether it can run out.
    pub fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// Whether it has run out by now.
    pub fn has_run_out(&self, now: Moment) -> bool {
        self.0.as_ref().is_some_and(|until| until.load(Ordering::Relaxed) <= now.0)
    }

    /// Lets it end at a moment, if that is later than it would, and it has not run out by now.
    pub fn renew(&self, now: Moment, until: Moment) {
        let Some(own) = &self.0 else { return };
        let longer = |own: u64| match own {
            own if own <= now.0 => Some(OVER),
            own => Some(own.max(until.0)),
        };
        let _ = own.fetch_update(Ordering::Relaxed, Ordering::Relaxed, longer);
    }

    /// Ends it.
    pub fn end(&self) {
        if let Some(own) = &self.0 {
            own.store(OVER, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_renewed_until_it_has_run_out() {
        let lease = Lease::until(Moment(100));
        let same = lease.clone();
        assert!(!lease.has_run_out(Moment(99)) && lease.has_run_out(Moment(100)));
        lease.renew(Moment(50), Moment(200));
        lease.renew(Moment(60), Moment(150));
        assert!(!same.has_run_out(Moment(199)), "a renewal shortens nothing");
        lease.renew(Moment(200), Moment(900));
        assert!(same.has_run_out(Moment(201)) && same.has_run_out(Moment(1)), "it stays over");
        let ended = Lease::until(Moment(100));
        ended.end();
        ended.renew(Moment(1), Moment(100));
        assert!(ended.has_run_out(Moment(2)));
        let endless = Lease::endless();
        endless.renew(Moment(5), Moment(6));
        endless.end();
        assert!(!endless.has_run_out(Moment(u64::MAX)));
    }
}
