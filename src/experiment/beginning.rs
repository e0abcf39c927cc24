//! When a schedule begins.
//!
//! It is a moment on the wall, from which each generator has its own of the clock that never goes
//! back. That of a run which goes on began long ago: its zero lies as far back as its schedule has
//! come.

use std::time::{Duration, SystemTime};

use crate::engine::plan::Start;
use crate::experiment::resume::Ahead;

/// From the end of the preparations to the start of the schedule: time for the workers'
/// threads to come up.
const LEAD: Duration = Duration::from_millis(20);

/// When a schedule starts that is about to be carried out, or the rest of one.
pub(super) fn start(ahead: Option<&Ahead>) -> Start {
    let soon = SystemTime::now() + LEAD;
    let Some(ahead) = ahead else { return Start::at(soon) };
    let passed = Duration::from_secs(u64::from(ahead.resumed.from));
    Start::at(soon + ahead.lead() - passed)
}
