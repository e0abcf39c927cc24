//! What is good enough under overload: objectives that only a stress test measures.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One objective of a stress test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StressObjective {
    /// As it stood in the file, blanks normalised: `recovery < 30s`.
    pub text: String,
    /// What it limits.
    pub metric: StressMetric,
    /// The limit: seconds, a share in [0, 1], or arrivals per second.
    pub limit: f64,
    /// Whether the limit itself is still good enough.
    pub inclusive: bool,
}

/// What an objective of a stress test limits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StressMetric {
    /// Seconds from the end of the overload until the target is as before.
    Recovery,
    /// Goodput at so many times the breaking rate, as a share of the best goodput.
    GoodputAt {
        /// How many times.
        factor: f64,
    },
    /// The first rate at which the target does not keep up.
    BreakingRate,
}

impl StressMetric {
    /// Whether less is better.
    pub fn is_upper(self) -> bool {
        match self {
            StressMetric::Recovery => true,
            StressMetric::GoodputAt { .. } | StressMetric::BreakingRate => false,
        }
    }
}

impl StressObjective {
    /// Whether a value is good enough.
    pub fn holds(&self, value: f64) -> bool {
        if value.total_cmp(&self.limit).is_eq() {
            return self.inclusive;
        }
        (value < self.limit) == self.metric.is_upper()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_met_on_its_side_and_at_itself_only_where_that_is_said() {
        let of = |metric, inclusive| StressObjective {
            text: String::new(),
            metric,
            limit: 30.0,
            inclusive,
        };
        let below = of(StressMetric::Recovery, false);
        assert_eq!([29.0, 30.0, 31.0].map(|value| below.holds(value)), [true, false, false]);
        let above = of(StressMetric::BreakingRate, true);
        assert_eq!([29.0, 30.0, 31.0].map(|value| above.holds(value)), [false, true, true]);
    }
}
