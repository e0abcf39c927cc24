//! CPU time and context switches of the calling thread.

use std::time::Duration;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// CPU time of this thread, user and system.
pub fn thread_cpu() -> Duration {
    thread_usage().as_ref().map_or(Duration::ZERO, cpu_of)
}

/// What is known of this thread.
pub fn thread_usage() -> Option<Usage> {
    #[cfg(target_os = "linux")]
    let who = UsageWho::RUSAGE_THREAD;
    #[cfg(not(target_os = "linux"))]
    let who = UsageWho::RUSAGE_SELF;
    getrusage(who).ok()
}

/// The CPU time in it, user and system.
pub fn cpu_of(usage: &Usage) -> Duration {
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(micros.unsigned_abs())
}
