//! The run's clock: the monotonic clock, counted from the start of the schedule.

use std::time::Instant;

use crate::units::Moment;

/// Counts from the start of the schedule.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that is zero at `start`, which may lie ahead.
    pub fn new(start: Instant) -> Clock {
        Clock { start }
    }

    /// Now; zero before the start.
    pub fn now(&self) -> Moment {
        self.at(Instant::now())
    }

    /// Any instant; zero before the start.
    pub fn at(&self, instant: Instant) -> Moment {
        Moment(instant.saturating_duration_since(self.start).as_nanos() as u64)
    }
}
