//! When a schedule begins, by the clock that never goes back and by the one on the wall.
//!
//! That of a run which goes on began long ago: its zero lies as far back as its schedule has come.

use std::time::{Duration, Instant, SystemTime};

use crate::experiment::resume::Ahead;

/// From the end of the preparations to the start of the schedule: time for the workers'
/// threads to come up.
const LEAD: Duration = Duration::from_millis(20);

/// When a schedule starts that is about to be carried out, or the rest of one.
pub(super) fn start(ahead: Option<&Ahead>) -> Instant {
    let Some(ahead) = ahead else { return Instant::now() + LEAD };
    let passed = Duration::from_secs(u64::from(ahead.resumed.from));
    let begins = Instant::now() + LEAD + ahead.lead();
    // The monotonic clock goes back behind the machine's own start.
    begins.checked_sub(passed).unwrap_or(begins)
}

/// A moment by the clock on the wall.
pub(super) fn on_the_wall(moment: Instant) -> SystemTime {
    let ahead = moment.saturating_duration_since(Instant::now());
    SystemTime::now() + ahead - moment.elapsed()
}
