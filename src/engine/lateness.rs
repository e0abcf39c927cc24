//! How much of the generator's lateness is still felt.
//!
//! A request that left late arrives in the target together with those behind it. If the
//! target serves in order, nothing ends later than with a punctual generator by more than
//! the longest lag of those that stand before it in the queue. A target of which the load
//! takes nine tenths works off such a lag in ten times its length, so what is felt falls
//! by a tenth of the time that passes; with nothing in flight there is no queue, and it is zero.

use crate::units::Moment;

/// Time that works off a lag, by the lag's length.
const RECOVERY: u64 = 10;

/// The lag that is still felt.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lateness {
    lag: u64,
    at: Moment,
}

impl Lateness {
    /// Something was late by `lag` nanoseconds at a moment. Returns what is felt then.
    pub fn feel(&mut self, lag: u64, now: Moment) -> u64 {
        self.lag = lag.max(self.felt(now));
        self.at = now;
        self.lag
    }

    /// What is felt at a moment.
    pub fn felt(&self, now: Moment) -> u64 {
        self.lag.saturating_sub(now.since(self.at) / RECOVERY)
    }

    /// Nothing is felt any more.
    pub fn is_worked_off(&mut self) {
        self.lag = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_is_felt_by_those_behind_it_and_wears_off() {
        let mut lateness = Lateness::default();
        for (at, lag, felt) in [
            (0, 5, 5),
            (100, 300, 300),
            (100, 10, 300),
            (1_100, 10, 200),
            (2_100, 150, 150),
            (9_000, 7, 7),
        ] {
            assert_eq!(lateness.feel(lag, Moment(at)), felt, "at {at}");
        }
        lateness.is_worked_off();
        assert_eq!(lateness.feel(3, Moment(9_001)), 3);
    }
}
