//! What a worker does of which the lease may run out: nothing, from then on.

use crate::engine::worker::Worker;

impl Worker {
    /// Whether the lease has run out, perhaps while the worker waited. Whoever has none without an
    /// end does not look at the clock for it.
    pub(super) fn is_out_of_lease(&mut self) -> bool {
        if !self.plan.lease.is_limited() {
            return false;
        }
        let now = self.look_at_clock();
        self.plan.lease.has_run_out(now)
    }
}
