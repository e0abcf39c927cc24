//! What a comparison could have seen, and what it would take to see more.
//!
//! All variances shrink as 1/T: noise within a segment because there is more of it, luck
//! at the start of a process because more segments mean more starts.

use crate::analysis::gate::location::{Location, student_point};

/// How surely a change has to be called regressed to count as visible.
const POWER_MISSED: f64 = 0.05;
/// Beyond a week nobody waits, and the estimate is worth nothing.
const LONGEST_WAIT: f64 = 7.0 * 86_400.0;

/// How far above what is accepted the truth must lie to be called regressed in 95 of 100
/// cases: `(t(1 − level) + t(0.95)) · error`.
pub fn visible_beyond(found: Location, level: f64) -> f64 {
    let points = student_point(level, found.freedom) + student_point(POWER_MISSED, found.freedom);
    points * found.error
}

/// One-sided levels: of *regressed*, of *pass*.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// Of *regressed*.
    pub low: f64,
    /// Of *pass*.
    pub high: f64,
}

/// More seconds until a bound would clear the limit, should the estimate stay as it is.
/// `None` when it is too close to the limit, or when not the length is what is missing.
pub fn seconds_needed(found: Location, limit: f64, levels: Levels, seconds: f64) -> Option<f64> {
    let distance = limit - found.value;
    let level = if distance > 0.0 { levels.high } else { levels.low };
    let needed = distance.abs() / student_point(level, found.freedom);
    let more = seconds * ((found.error / needed).powi(2) - 1.0);
    (more > 0.0 && more <= LONGEST_WAIT).then_some(more)
}
