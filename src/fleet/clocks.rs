//! Our clock and the coordinator's, compared over the connection.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::fleet::clock::{Clock, Comparison, Exchange};
use crate::fleet::link::Link;
use crate::fleet::wire;

/// How long an answer may take.
const COMPARING: Duration = Duration::from_secs(1);

/// Whoever has answered nothing so often in a row is gone.
const GONE: u32 = 4;

/// Clocks as they are compared.
#[derive(Debug, Clone)]
pub struct Clocks {
    own: Clock,
    seen: Arc<Mutex<Comparison>>,
}

impl Clocks {
    /// None has been compared.
    pub fn new() -> Clocks {
        Clocks { own: Clock::start(), seen: Arc::default() }
    }

    /// Compares them so many times.
    pub fn compare(&self, link: &Link, run: &str, times: usize) {
        let mut silent = 0;
        for _ in 0..times {
            let asked = self.own.now();
            let Ok(said) = link.ask(wire::clock(run), Vec::new(), COMPARING) else {
                silent += 1;
                if silent == GONE {
                    return;
                }
                continue;
            };
            silent = 0;
            let heard = self.own.now();
            let stamp = |at: usize| {
                let bytes = said.get(at..at + 8)?.try_into().ok()?;
                Some(u64::from_le_bytes(bytes))
            };
            if let (Some(received), Some(answered)) = (stamp(0), stamp(8)) {
                let exchange = Exchange { asked, received, answered, heard };
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).see(exchange);
            }
        }
    }

    /// Ours.
    pub fn own(&self) -> Clock {
        self.own
    }

    /// By how much the coordinator's clock is ahead now, and the bound of that.
    pub fn offset(&self) -> Option<(i64, u64)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.offset(self.own.now()).map(|offset| (offset.nanos, offset.bound))
    }
}

impl Default for Clocks {
    fn default() -> Self {
        Clocks::new()
    }
}
