//! Whether the machine's clocks run together.
//!
//! The kernel's stamps are times of the wall clock, everything else is of the monotonic
//! one. When somebody sets the wall clock, or the machine sleeps, what was measured in that
//! moment means nothing.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Readings that took longer than this were interrupted and say nothing.
const AT_ONCE: Duration = Duration::from_millis(1);
/// How often a reading is tried.
const TRIES: usize = 5;

/// Compares the clocks from one look to the next.
#[derive(Debug)]
pub struct Clocks {
    last: Option<ClockReading>,
}

/// All clocks at one moment.
#[derive(Debug, Clone, Copy)]
struct ClockReading {
    monotonic: Duration,
    /// Also moves when somebody sets it.
    wall: Duration,
    /// Also moves while the machine is suspended.
    since_boot: Duration,
}

impl Default for Clocks {
    fn default() -> Self {
        Clocks { last: ClockReading::take() }
    }
}

impl Clocks {
    /// How far the clocks moved against each other since the last look.
    pub fn jump(&mut self) -> Duration {
        let Some(now) = ClockReading::take() else { return Duration::ZERO };
        self.last.replace(now).map_or(Duration::ZERO, |then| now.jump_since(then))
    }
}

impl ClockReading {
    fn take() -> Option<ClockReading> {
        (0..TRIES).find_map(|_| {
            let monotonic = read(ClockId::CLOCK_MONOTONIC)?;
            let (wall, since_boot) = (read(ClockId::CLOCK_REALTIME)?, read(SINCE_BOOT)?);
            let took = read(ClockId::CLOCK_MONOTONIC)?.saturating_sub(monotonic);
            (took < AT_ONCE).then_some(ClockReading { monotonic, wall, since_boot })
        })
    }

    fn jump_since(self, then: ClockReading) -> Duration {
        let steady = self.monotonic.saturating_sub(then.monotonic);
        let set = self.wall.abs_diff(then.wall + steady);
        let slept = self.since_boot.abs_diff(then.since_boot + steady);
        set.max(slept)
    }
}

#[cfg(target_os = "linux")]
const SINCE_BOOT: ClockId = ClockId::CLOCK_BOOTTIME;
#[cfg(not(target_os = "linux"))]
const SINCE_BOOT: ClockId = ClockId::CLOCK_MONOTONIC;

fn read(clock: ClockId) -> Option<Duration> {
    clock_gettime(clock).ok().map(Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(monotonic: u64, wall: u64, since_boot: u64) -> ClockReading {
        let [monotonic, wall, since_boot] =
            [monotonic, wall, since_boot].map(Duration::from_millis);
        ClockReading { monotonic, wall, since_boot }
    }

    #[test]
    fn a_clock_that_is_set_and_a_machine_that_sleeps_are_seen() {
        let then = reading(1_000, 90_000, 5_000);
        for (now, jump) in [
            (reading(2_000, 91_000, 6_000), 0),
            (reading(2_000, 91_300, 6_000), 300),
            (reading(2_000, 80_000, 6_000), 11_000),
            (reading(2_000, 95_000, 10_000), 4_000),
        ] {
            assert_eq!(now.jump_since(then), Duration::from_millis(jump), "{now:?}");
        }
    }

    /// Nobody sets the clock of a machine that runs tests by a second.
    #[test]
    fn clocks_left_alone_run_together() {
        let mut clocks = Clocks::default();
        std::thread::sleep(Duration::from_millis(20));
        assert!(clocks.jump() < Duration::from_secs(1));
    }
}
