//! Moments that virtual users wait for while they think.
//!
//! Thinking ends through the worker's pacer, like an arrival, not through the
//! runtime's timer: the next request is due to the microsecond.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tokio::sync::{Notify, oneshot};

use crate::record::sample::Moment;

/// The alarms of one worker.
#[derive(Debug, Default)]
pub struct Alarms {
    waiting: RefCell<BinaryHeap<Reverse<Alarm>>>,
    earlier: Notify,
}

#[derive(Debug)]
struct Alarm {
    at: Moment,
    wake: oneshot::Sender<()>,
}

impl PartialEq for Alarm {
    fn eq(&self, other: &Alarm) -> bool {
        self.at == other.at
    }
}

impl Eq for Alarm {}

impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Alarm) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Alarm {
    fn cmp(&self, other: &Alarm) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl Alarms {
    /// Waits until [`Alarms::ring`] is called with this moment or a later one.
    pub async fn wait(&self, at: Moment) {
        let (wake, woken) = oneshot::channel();
        let is_first = self.next().is_none_or(|next| at < next);
        self.waiting.borrow_mut().push(Reverse(Alarm { at, wake }));
        if is_first {
            self.earlier.notify_one();
        }
        // The sender lives in the heap until it rings; if the worker ends first, so does this.
        let _ = woken.await;
    }

    /// The next moment that somebody waits for.
    pub fn next(&self) -> Option<Moment> {
        self.waiting.borrow().peek().map(|alarm| alarm.0.at)
    }

    /// Wakes everybody who waits for this moment or an earlier one.
    pub fn ring(&self, now: Moment) {
        let mut waiting = self.waiting.borrow_mut();
        while waiting.peek().is_some_and(|alarm| alarm.0.at <= now) {
            if let Some(Reverse(alarm)) = waiting.pop() {
                // Nobody listens any more when the iteration was given up.
                let _ = alarm.wake.send(());
            }
        }
    }

    /// Returns when somebody began to wait for a moment before all others.
    pub async fn earlier(&self) {
        self.earlier.notified().await;
    }
}
