//! What a worker needs to know before it starts.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::engine::orders::Heard;
use crate::engine::transport::clock::ReceiveClock;
use crate::engine::transport::endpoint::Endpoint;
use crate::scenario::model::Scenario;
use crate::schedule::arms::Timing;
use crate::units::Moment;

/// What the workers are to do; shared by all of them, read only.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// Where to connect.
    pub address: Endpoint,
    /// What the `Host` header says.
    pub authority: String,
    /// How many workers there are.
    pub workers: usize,
    /// When this plan's arrivals come.
    pub timing: Timing,
    /// When the schedule starts; may lie ahead.
    pub start: Instant,
    /// Nothing that is due before is sent: another run of the same schedule has done so.
    pub from: Moment,
    /// What stamps the arrival of bytes.
    pub receive_clock: ReceiveClock,
    /// What all of it is for.
    pub purpose: Purpose,
    /// Tells the workers to end early.
    pub stop: watch::Receiver<Stop>,
    /// Tells the workers of another rate.
    pub orders: Heard,
}

/// What is sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be measured, for as long as the schedule says.
    Load,
    /// The same after other loads of the same target: the users come again, iterations have the
    /// numbers behind this one, as if it were one long load.
    Again {
        /// How many iterations were before.
        iterations: u64,
    },
    /// To see whether it works at all, with users and iterations numbered behind this one.
    Try {
        /// More than any load has.
        numbered_from: u64,
    },
    /// To be looked at: every exchange is kept, and it is over with the last iteration. Users and
    /// iterations have the numbers behind this one.
    Walk {
        /// 0 for those that a load begins with.
        numbered_from: u64,
    },
}

impl Purpose {
    /// Whether every exchange is kept, and not only some that failed.
    pub fn is_walk(self) -> bool {
        matches!(self, Purpose::Walk { .. })
    }

    /// The number behind which those of iterations begin.
    pub fn iterations_from(self) -> u64 {
        match self {
            Purpose::Again { iterations } => iterations,
            Purpose::Load | Purpose::Try { .. } | Purpose::Walk { .. } => self.users_from(),
        }
    }

    /// The number behind which those of users begin.
    pub fn users_from(self) -> u64 {
        match self {
            Purpose::Load | Purpose::Again { .. } => 0,
            Purpose::Try { numbered_from } | Purpose::Walk { numbered_from } => numbered_from,
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

/// How many workers a scenario's load needs on a machine: one for most, never more than half
/// of the cores, as the rest are the target's, and never more than may have a connection and
/// a virtual user each.
pub fn workers_for(scenario: &Scenario, cores: usize) -> usize {
    let limits = &scenario.limits;
    let needed = (scenario.load.peak().0 / RATE_PER_WORKER).ceil() as usize;
    let wanted = limits.workers.map_or(needed.clamp(1, (cores / 2).max(1)), usize::from);
    wanted.min(limits.connections.min(limits.in_flight) as usize).max(1)
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

    /// One worker's part of a ceiling; the parts of all workers are the whole.
    pub fn share(&self, ceiling: u32, worker: usize) -> usize {
        let ceiling = ceiling as usize;
        ceiling / self.workers + usize::from(worker < ceiling % self.workers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::read::{Origin, parse};

    fn scenario(rate: &str, limits: &str) -> Scenario {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}}, "limits": {limits},
                "flows": [{{"name": "flow", "steps": [{{"name": "step", "request": "GET /"}}]}}],
                "load": {{"stages": [{{"for": "60s", "rate": "{rate}"}}]}}}}"#
        );
        let origin = Origin::default();
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        parse(&text, &origin, &|_| None, &no_file).unwrap()
    }

    #[test]
    fn workers_leave_the_target_its_cores() {
        for (rate, limits, cores, workers) in [
            ("100/s", "{}", 2, 1),
            ("50000/s", "{}", 2, 1),
            ("50000/s", "{}", 16, 5),
            ("1/s", "{}", 1, 1),
            ("1/s", r#"{"workers": 3}"#, 2, 3),
        ] {
            assert_eq!(workers_for(&scenario(rate, limits), cores), workers, "{rate} {limits}");
        }
    }

    #[test]
    fn each_worker_may_have_a_connection_and_the_parts_of_a_ceiling_are_the_whole() {
        let limits = r#"{"workers": 4, "connections": 1}"#;
        assert_eq!(workers_for(&scenario("1/s", limits), 8), 1);
        let scenario = Arc::new(scenario("1/s", "{}"));
        for (workers, ceiling) in [(1, 7), (3, 7), (4, 4), (4, 10)] {
            let plan = Plan {
                scenario: Arc::clone(&scenario),
                address: Endpoint::Tcp(([127, 0, 0, 1], 1).into()),
                authority: String::new(),
                workers,
                timing: Timing::Alone,
                start: Instant::now(),
                from: Moment(0),
                receive_clock: ReceiveClock::Generator,
                purpose: Purpose::Load,
                stop: watch::channel(Stop::Running).1,
                orders: Heard::nobody(),
            };
            let parts: Vec<usize> =
                (0..workers).map(|worker| plan.share(ceiling, worker)).collect();
            assert_eq!(parts.iter().sum::<usize>(), ceiling as usize, "{parts:?}");
            assert!(parts.iter().all(|part| *part > 0));
        }
    }
}
