//! What the generator's machine must have before a run starts.

use std::fmt;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors beside the connections: files, pipes, timers, the runtimes.
const OVERHEAD: u64 = 100;

/// The machine allows too few open files for the allowed connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFewDescriptors {
    /// How many the plan may need.
    pub needed: u64,
    /// How many are allowed.
    pub allowed: u64,
}

impl fmt::Display for TooFewDescriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooFewDescriptors { needed, allowed } = self;
        write!(
            f,
            "the run may need {needed} open files and {allowed} are allowed; raise the limit \
             (ulimit -n {needed}) or lower \"connections\" of \"limits\" to {}",
            allowed.saturating_sub(OVERHEAD).max(1)
        )
    }
}

impl std::error::Error for TooFewDescriptors {}

/// Raises the soft limit on open files to what so many connections need.
pub fn allow_connections(
    connections: u32,
    in_process_server: bool,
) -> Result<(), TooFewDescriptors> {
    // Both ends of a connection to the demo API are in this process.
    let ends = if in_process_server { 2 } else { 1 };
    let needed = u64::from(connections) * ends + OVERHEAD;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return Ok(()) };
    if soft >= needed {
        return Ok(());
    }
    if hard < needed || setrlimit(Resource::RLIMIT_NOFILE, needed, hard).is_err() {
        return Err(TooFewDescriptors { needed, allowed: hard });
    }
    Ok(())
}
