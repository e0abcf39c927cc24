//! The run's clock: the monotonic clock, counted from the start of the schedule.

use std::time::Instant;

use crate::engine::transport::endpoint::Endpoint;
use crate::units::Moment;

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

/// Counts from the start of the schedule.
#[derive(Debug, Clone)]
pub struct Clock {
    start: Instant,
    time: Time,
}

/// Who tells the time.
#[derive(Debug, Clone)]
enum Time {
    Machine,
    #[cfg(test)]
    Simulated(crate::engine::transport::simulated::World),
}

impl Clock {
    /// A clock for targets at an address that is zero at `start`, which may lie ahead.
    pub fn new(address: &Endpoint, start: Instant) -> Clock {
        let time = match address {
            Endpoint::Tcp(_) | Endpoint::Tls(..) | Endpoint::Unix(_) => Time::Machine,
            #[cfg(test)]
            Endpoint::Simulated(world) => Time::Simulated(world.clone()),
        };
        Clock { start, time }
    }

    /// Now; zero before the start.
    pub fn now(&self) -> Moment {
        match &self.time {
            Time::Machine => self.at(Instant::now()),
            #[cfg(test)]
            Time::Simulated(world) => world.now(),
        }
    }

    /// Any instant; zero before the start.
    pub fn at(&self, instant: Instant) -> Moment {
        Moment(instant.saturating_duration_since(self.start).as_nanos() as u64)
    }
}
