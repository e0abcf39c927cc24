//! Lengths of time as scenarios have them.

use std::time::Duration;

use super::super::problems::Fault;
use crate::units::parse_duration;

/// The longest time to think and the longest time limit.
pub(super) const AN_HOUR: Duration = Duration::from_secs(3_600);

/// A length of time that is not zero.
pub(super) fn positive(text: &str) -> Result<Duration, Fault> {
    match parse_duration(text)? {
        Duration::ZERO => Err(Fault::new("a length of time must be more than zero")),
        length => Ok(length),
    }
}
