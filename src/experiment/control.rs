//! Ends a trial early, from another thread.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::engine::plan::Stop;

/// How long requests in flight may take when the run was interrupted.
const DRAIN: Duration = Duration::from_secs(2);

/// A handle to end a trial early; clones are the same handle.
#[derive(Debug, Clone)]
pub struct Control {
    stop: watch::Sender<Stop>,
    signal: Arc<AtomicI32>,
    ended: Arc<OnceLock<Instant>>,
}

impl Default for Control {
    fn default() -> Self {
        Control {
            stop: watch::Sender::new(Stop::Running),
            signal: Arc::default(),
            ended: Arc::default(),
        }
    }
}

impl Control {
    /// Somebody wants it to end: a signal of this number came.
    pub fn interrupt(&self, signal: i32) {
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
    }

    /// When it was ended early, if it was.
    pub fn ended(&self) -> Option<Instant> {
        self.ended.get().copied()
    }

    /// The signal that interrupted it, if one did.
    pub fn signal(&self) -> Option<i32> {
        Some(self.signal.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
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
