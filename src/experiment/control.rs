//! Ends a trial early, from another thread, and steers its load.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::engine::orders::Orders;
use crate::engine::plan::Stop;

/// How long requests in flight may take when the run was interrupted.
const DRAIN: Duration = Duration::from_secs(2);
/// A signal that comes twice within less was sent once, to a process and to its group.
const ANOTHER: Duration = Duration::from_millis(300);

/// A handle to end a trial early; clones are the same handle.
#[derive(Debug, Clone)]
pub struct Control {
    stop: watch::Sender<Stop>,
    signal: Arc<AtomicI32>,
    /// When the first signal came, and another one that was meant to be one.
    asked: Arc<OnceLock<Instant>>,
    insisted: Arc<AtomicBool>,
    ended: Arc<OnceLock<Instant>>,
    /// The part that is under way, if there is one.
    part: Arc<Mutex<Option<Control>>>,
    /// Other rates for the load under way.
    pub orders: Orders,
    /// Whether a run ends with the first objective that is missed for certain.
    pub fails_fast: bool,
}

impl Default for Control {
    fn default() -> Self {
        Control {
            stop: watch::Sender::new(Stop::Running),
            signal: Arc::default(),
            asked: Arc::default(),
            insisted: Arc::default(),
            ended: Arc::default(),
            part: Arc::default(),
            orders: Orders::default(),
            fails_fast: false,
        }
    }
}

impl Control {
    /// The same, by which a run ends with the first objective that is missed for certain, or not.
    #[must_use]
    pub fn failing_fast(self, fails_fast: bool) -> Control {
        Control { fails_fast, ..self }
    }

    /// Somebody wants it to end: a signal of this number came.
    pub fn interrupt(&self, signal: i32) {
        if self.asked.get_or_init(Instant::now).elapsed() >= ANOTHER {
            self.insisted.store(true, Ordering::SeqCst);
        }
        // The first signal counts; a second one must not extend the drain.
        if self.signal.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            self.drain(DRAIN);
        }
    }

    /// Nothing new is sent; what is in flight has so much time.
    pub fn drain(&self, within: Duration) {
        let now = Instant::now();
        self.ended.get_or_init(|| now);
        let until = now + within;
        self.stop.send_if_modified(|stop| match stop {
            Stop::Running => {
                *stop = Stop::Drain(until);
                true
            }
            Stop::Drain(_) => false,
        });
        if let Some(part) = &*self.part() {
            part.drain(within);
        }
    }

    /// The control of a measurement that is one of several: it ends when this one does, and this
    /// one goes on when it ends by itself. One part is under way at a time.
    #[must_use]
    pub fn next_part(&self) -> Control {
        let part = Control {
            signal: Arc::clone(&self.signal),
            asked: Arc::clone(&self.asked),
            insisted: Arc::clone(&self.insisted),
            ..Control::default()
        };
        *self.part() = Some(part.clone());
        if self.ended().is_some() {
            part.drain(DRAIN);
        }
        part
    }

    fn part(&self) -> MutexGuard<'_, Option<Control>> {
        // Nothing that holds it can fail half way.
        self.part.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When it was ended early, if it was.
    pub fn ended(&self) -> Option<Instant> {
        self.ended.get().copied()
    }

    /// How long after a moment nothing more was due, by whoever's order; `None` without one.
    pub fn over_after(&self, start: Instant) -> Option<Duration> {
        let ended = self.ended().map(|ended| ended.saturating_duration_since(start));
        let ordered = self.orders.end().map(|at| Duration::from_nanos(at.0));
        ended.into_iter().chain(ordered).min()
    }

    /// The signal that interrupted it, if one did.
    pub fn signal(&self) -> Option<i32> {
        Some(self.signal.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
    }

    /// Whether a signal came so long ago: whoever sent it waits no longer for what may never come.
    pub fn was_asked(&self, within: Duration) -> bool {
        self.asked.get().is_some_and(|asked| asked.elapsed() >= within)
    }

    /// Whether a signal came again: whoever sends it does not want to wait at all.
    pub fn is_insisted_on(&self) -> bool {
        self.insisted.load(Ordering::SeqCst)
    }

    /// Blocks until somebody wants it to end.
    pub fn wait(&self) {
        let mut stop = self.subscribe();
        let wait = async { stop.wait_for(|stop| *stop != Stop::Running).await.map(drop) };
        // The sender is `self`, so the only way to end is the value waited for.
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() {
            let _ = runtime.block_on(wait);
        }
    }

    /// For whoever must end with it.
    pub fn subscribe(&self) -> watch::Receiver<Stop> {
        self.stop.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_comes_again_insists_and_an_echo_of_it_does_not() {
        let whole = Control::default();
        let part = whole.next_part();
        assert!(!part.was_asked(Duration::ZERO));
        whole.interrupt(2);
        whole.interrupt(2);
        assert!(part.was_asked(Duration::ZERO) && !part.was_asked(DRAIN));
        assert!(!part.is_insisted_on());
        std::thread::sleep(ANOTHER);
        assert!(!part.is_insisted_on());
        whole.interrupt(15);
        assert!(part.is_insisted_on());
        assert_eq!(part.signal(), Some(2));
    }

    #[test]
    fn a_part_that_ends_leaves_the_whole_going_and_ends_with_it() {
        let whole = Control::default();
        let first = whole.next_part();
        first.drain(DRAIN);
        assert!(first.ended().is_some() && whole.ended().is_none());
        let second = whole.next_part();
        assert_eq!(second.ended(), None);
        whole.interrupt(15);
        assert!(second.ended().is_some());
        assert_eq!((second.signal(), whole.signal()), (Some(15), Some(15)));
        assert!(whole.next_part().ended().is_some(), "one that begins too late");
    }
}
