//! Connections to a socket file whose server has no room for more of them yet.
//!
//! The kernel tells of no moment at which there is room again, so the first of those who wait
//! knocks from time to time, and the next ones only if it was let in. How long that takes is part
//! of connecting, and ends with the request's time limit as all waiting does.

use std::collections::VecDeque;

use crate::engine::connection::ConnectionKey;
use crate::units::Moment;

/// How long until one that was not let in knocks again, in nanoseconds: so much longer than for a
/// client that sleeps in `connect` it may take.
const AGAIN: u64 = 500_000;

/// Connections that wait to be let in, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Knocking {
    waiting: VecDeque<ConnectionKey>,
    next: Moment,
}

impl Knocking {
    /// One more, that has just knocked in vain.
    pub(super) fn push(&mut self, key: ConnectionKey, now: Moment) {
        if self.waiting.is_empty() {
            self.next = Moment(now.0 + AGAIN);
        }
        self.waiting.push_back(key);
    }

    /// When somebody knocks again.
    pub(super) fn next(&self) -> Option<Moment> {
        (!self.waiting.is_empty()).then_some(self.next)
    }

    /// Whether that is now; if so, the next time is a while later.
    pub(super) fn is_due(&mut self, now: Moment) -> bool {
        let is_due = self.next().is_some_and(|next| next <= now);
        if is_due {
            self.next = Moment(now.0 + AGAIN);
        }
        is_due
    }

    /// Who has waited longest.
    pub(super) fn first(&self) -> Option<ConnectionKey> {
        self.waiting.front().copied()
    }

    /// The first one waits no longer.
    pub(super) fn pop(&mut self) {
        self.waiting.pop_front();
    }
}
