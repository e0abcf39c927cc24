//! What a worker needs to know before it starts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::scenario::model::Scenario;
use crate::schedule::arms::Timing;
use crate::units::Moment;
use crate::units::Rate;

/// What the workers are to do; shared by all of them, read only.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// Where to connect.
    pub address: SocketAddr,
    /// What the `Host` header says.
    pub authority: String,
    /// How many workers there are.
    pub workers: usize,
    /// When this plan's arrivals come.
    pub timing: Timing,
    /// When the schedule starts; may lie ahead.
    pub start: Instant,
    /// What stamps the arrival of bytes.
    pub receive_clock: ReceiveClock,
    /// Tells the workers to end early.
    pub stop: watch::Receiver<Stop>,
}

/// What stamps the arrival of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiveClock {
    /// The kernel, when it receives a packet.
    Kernel,
    /// The generator, when it gets round to reading.
    Generator,
}

impl ReceiveClock {
    /// For the record.
    pub fn name(self) -> &'static str {
        match self {
            ReceiveClock::Kernel => "kernel",
            ReceiveClock::Generator => "generator",
        }
    }
}

/// Whether the run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It does.
    Running,
    /// No more arrivals; what is in flight may take until the instant.
    Drain(Instant),
}

/// A worker spends some 20 µs per request and shall not be busy for more than a fifth
/// of its time.
const RATE_PER_WORKER: f64 = 10_000.0;

/// How many workers a load needs on a machine: one for most, never more than half of the
/// cores, as the rest are the target's.
pub fn workers_for(peak: Rate, cores: usize, wanted: Option<u16>) -> usize {
    let needed = (peak.0 / RATE_PER_WORKER).ceil() as usize;
    wanted.map_or(needed.clamp(1, (cores / 2).max(1)), usize::from)
}

impl Plan {
    /// The end of the schedule.
    pub fn end(&self) -> Moment {
        Moment(self.timing.length(self.scenario.load.length()).as_nanos() as u64)
    }

    /// A number that tells this run's requests from those of others: the second in which it
    /// starts and the process, so that all workers and both arms of a duet have the same.
    pub fn run(&self) -> u32 {
        let ahead = self.start.saturating_duration_since(Instant::now());
        let start = SystemTime::now() + ahead - self.start.elapsed();
        let seconds = start.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        (seconds as u32) ^ std::process::id().rotate_left(16)
    }

    /// One worker's part of a ceiling, at least one.
    pub fn share(&self, ceiling: u32) -> usize {
        (ceiling as usize / self.workers).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_leave_the_target_its_cores() {
        assert_eq!(workers_for(Rate(100.0), 2, None), 1);
        assert_eq!(workers_for(Rate(50_000.0), 2, None), 1);
        assert_eq!(workers_for(Rate(50_000.0), 16, None), 5);
        assert_eq!(workers_for(Rate(0.0), 1, None), 1);
        assert_eq!(workers_for(Rate(1.0), 2, Some(3)), 3);
    }
}
