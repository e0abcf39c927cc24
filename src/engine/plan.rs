//! What a worker needs to know before it starts.
//!
//! A schedule starts at a moment on the wall, which all generators and all workers have the same;
//! each turns it into one of the clock that never goes back, once.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::engine::lease::Lease;
use crate::engine::orders::Heard;
use crate::engine::transport::clock::ReceiveClock;
use crate::engine::transport::endpoint::Endpoint;
use crate::scenario::data::Rows;
use crate::scenario::data::order::Taking;
use crate::scenario::model::{Scenario, VariableId};
use crate::scenario::slots::Slots;
use crate::scenario::template::Value;
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
    /// Which part of the load it is; a worker for each slot.
    pub slots: Slots,
    /// HTTP/2, with so many streams at a time on a connection; `None` is HTTP/1.1.
    pub streams: Option<u32>,
    /// When this plan's arrivals come.
    pub timing: Timing,
    /// When the schedule starts; may lie ahead.
    pub start: Start,
    /// Nothing that is due before is sent: another run of the same schedule has done so.
    pub from: Moment,
    /// What stamps the arrival of bytes.
    pub receive_clock: ReceiveClock,
    /// What all of it is for.
    pub purpose: Purpose,
    /// What every user knows from the beginning.
    pub given: Given,
    /// Tells the workers to end early.
    pub stop: watch::Receiver<Stop>,
    /// Tells the workers of another rate.
    pub orders: Heard,
    /// Until when they may send.
    pub lease: Lease,
}

/// Values by their variables.
pub type Given = Arc<Vec<(VariableId, Value)>>;

/// When a schedule starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// By the clock on the wall.
    pub on_the_wall: SystemTime,
    /// By the clock that never goes back, on this machine.
    pub at: Instant,
    /// The process that says when: it tells runs apart that start in the same second.
    pub process: u32,
}

/// The two clocks cannot be read at once: of so many pairs of readings the closest one counts.
const READINGS: usize = 5;

impl Start {
    /// At a moment on the wall, which may lie ahead or behind.
    pub fn at(on_the_wall: SystemTime) -> Start {
        let readings = (0..READINGS).map(|_| {
            let (before, wall) = (Instant::now(), SystemTime::now());
            (before.elapsed(), before, wall)
        });
        let closest = readings.min_by_key(|(apart, ..)| *apart);
        let (_, now, wall) =
            closest.unwrap_or_else(|| (Duration::ZERO, Instant::now(), SystemTime::now()));
        let at = match on_the_wall.duration_since(wall) {
            Ok(ahead) => now + ahead,
            // The clock may go back no further than to the machine's own start.
            Err(passed) => now.checked_sub(passed.duration()).unwrap_or(now),
        };
        Start { on_the_wall, at, process: std::process::id() }
    }

    /// At once.
    pub fn now() -> Start {
        let (on_the_wall, at) = (SystemTime::now(), Instant::now());
        Start { on_the_wall, at, process: std::process::id() }
    }
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

    /// What rows of data are taken for.
    pub fn taking(self) -> Taking {
        match self {
            Purpose::Load | Purpose::Again { .. } => Taking::Load,
            Purpose::Walk { numbered_from: 0 } => Taking::Look,
            Purpose::Try { .. } | Purpose::Walk { .. } => Taking::Aside,
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

/// So many users of a closed load keep a worker as busy: each waits for the network, and most for
/// the target.
const USERS_PER_WORKER: f64 = 200.0;

/// How many workers a scenario's load needs on a machine: one for most, never more than half
/// of the cores, as the rest are the target's, and never more than may have a connection and
/// a virtual user each.
pub fn workers_for(scenario: &Scenario, cores: usize) -> usize {
    let limits = &scenario.limits;
    let load = &scenario.load;
    let busy = load.peak().0 / RATE_PER_WORKER + f64::from(load.most_users()) / USERS_PER_WORKER;
    let needed = busy.ceil() as usize;
    let wanted = limits.workers.map_or(needed.clamp(1, (cores / 2).max(1)), usize::from);
    wanted.min(limits.connections.min(limits.in_flight) as usize).max(1)
}

impl Plan {
    /// The end of the schedule.
    pub fn end(&self) -> Moment {
        Moment(self.timing.length(self.scenario.load.length()).as_nanos() as u64)
    }

    /// The rows of data that iterations and users have.
    pub fn rows(&self) -> Rows<'_> {
        let (data, seed) = (&*self.scenario.data, self.scenario.load.seed);
        Rows { data, seed, taking: self.purpose.taking() }
    }

    /// A number that tells this run's requests from those of others: the second in which it
    /// starts and the process that said so, so that all workers, both arms of a duet and all
    /// generators have the same.
    pub fn run(&self) -> u32 {
        let since = self.start.on_the_wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        (since.as_secs() as u32) ^ self.start.process.rotate_left(16)
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
    fn each_worker_may_have_a_connection() {
        let limits = r#"{"workers": 4, "connections": 1}"#;
        assert_eq!(workers_for(&scenario("1/s", limits), 8), 1);
    }

    #[test]
    fn a_moment_on_the_wall_is_one_of_the_clock_that_never_goes_back() {
        for seconds in [0, 3_600, 86_400] {
            let (before, wall) = (Instant::now(), SystemTime::now());
            let apart = Duration::from_secs(seconds);
            let [ahead, behind] = [wall + apart, wall - apart].map(Start::at);
            let took = before.elapsed();
            assert_eq!((ahead.on_the_wall, behind.on_the_wall), (wall + apart, wall - apart));
            // Were it read at once, it would be there exactly.
            assert!(ahead.at.duration_since(before + apart) <= took, "{seconds} s ahead");
            assert!(before + apart <= ahead.at + took, "{seconds} s ahead");
            assert!(behind.at + apart <= before + took, "{seconds} s behind");
        }
    }

    #[test]
    fn all_workers_of_a_run_and_both_arms_have_its_number() {
        let scenario = Arc::new(scenario("1/s", "{}"));
        let plan = |slots, start| Plan {
            scenario: Arc::clone(&scenario),
            address: Endpoint::Tcp(std::net::SocketAddr::from(([127, 0, 0, 1], 1)).into()),
            authority: String::new(),
            streams: None,
            slots,
            timing: Timing::Alone,
            start,
            from: Moment(0),
            receive_clock: ReceiveClock::Generator,
            purpose: Purpose::Load,
            given: Arc::default(),
            stop: watch::channel(Stop::Running).1,
            orders: Heard::nobody(),
            lease: Lease::endless(),
        };
        // Just before a second ends: however late its workers are asked.
        let wall = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_999_999_999);
        let [one, other] = [Start::at(wall), Start::at(wall)];
        let number = plan(Slots::all(1), one).run();
        assert_eq!(plan(Slots::all(4), other).run(), number);
        assert_ne!(plan(Slots::all(1), Start::at(wall + Duration::from_secs(1))).run(), number);
    }
}
