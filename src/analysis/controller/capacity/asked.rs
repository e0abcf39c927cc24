//! What a search is asked, and what it asks to be measured.

use std::time::Duration;

use crate::record::capacity::{self, Purpose};

/// What is in flight at the end of a load mostly ends within this.
pub const IN_FLIGHT: Duration = Duration::from_secs(1);
/// And it is given up after this, or later where an objective allows it more.
pub const GIVEN_UP: Duration = Duration::from_secs(5);
/// A load that was beyond takes so much more than others: what is in flight after it, and a look
/// at whether the target is itself again.
pub const RECOVERY: Duration = Duration::from_secs(5);
/// A confirmation is not shorter, unless that was asked for.
pub const SHORTEST_CONFIRMATION: Duration = Duration::from_secs(10);

/// What is known before anything runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// Whether a load is a whole number, as that of users is.
    pub is_whole: bool,
    /// Where the search begins, in arrivals per second, or users.
    pub start: f64,
    /// The lowest rate that is of interest.
    pub lowest: f64,
    /// The highest rate that is of interest.
    pub highest: f64,
    /// Lengths of trials.
    pub trial: TrialLength,
    /// Length of the warm-up; zero for none.
    pub warmup: Duration,
    /// Length of the confirmation; zero for none.
    pub confirmation: Duration,
    /// What any of them takes beside: what comes before it, and what is in flight after it.
    pub beside: Duration,
    /// What a target of its own takes for each of them, which is known once one was started.
    pub starting: Duration,
    /// A rate that is asked for.
    pub wanted: Option<f64>,
    /// All of it takes no longer.
    pub within: Duration,
}

impl Asked {
    /// As the record has it.
    pub fn of(asked: &capacity::Asked) -> Asked {
        let seconds = |seconds: f64| Duration::from_secs_f64(seconds.max(0.0));
        // How much users ask for is not known beforehand.
        let arrivals = if asked.unit.is_users() { f64::INFINITY } else { asked.trial_arrivals };
        Asked {
            is_whole: asked.unit.is_users(),
            start: asked.start,
            lowest: asked.lowest,
            highest: asked.highest,
            trial: TrialLength {
                arrivals,
                shortest: seconds(asked.shortest_trial),
                longest: seconds(asked.longest_trial),
            },
            warmup: seconds(asked.warmup),
            confirmation: seconds(asked.confirmation),
            beside: seconds(asked.lead) + IN_FLIGHT,
            starting: Duration::ZERO,
            wanted: asked.at_least,
            within: seconds(asked.within),
        }
    }
}

/// How long trials last: until they have as many requests as they need, within limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrialLength {
    /// Arrivals that a trial should have.
    pub arrivals: f64,
    /// However many come.
    pub shortest: Duration,
    /// However few come.
    pub longest: Duration,
}

impl TrialLength {
    /// At a rate, in whole seconds.
    pub fn at(&self, rate: f64) -> Duration {
        let wanted = (self.arrivals / rate).ceil().clamp(0.0, self.longest.as_secs_f64());
        Duration::from_secs_f64(wanted).max(self.shortest)
    }
}

/// A measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spec {
    /// What for.
    pub purpose: Purpose,
    /// Arrivals per second, or users.
    pub rate: f64,
    /// How long they last.
    pub length: Duration,
}
