//! Commands whose answers a closed load would falsify refuse it before anything starts.

use crate::cli::exit::Exit;
use crate::cli::output;
use crate::scenario::load::Load;

/// What a command would get wrong.
const WHY: [(&str, &str); 4] = [
    ("stress", "it overloads a target, and users who wait for answers cannot: they ask for less"),
    ("soak", "what leaks or drifts with the load would grow less as the target becomes slower"),
    ("duet", "the slower arm would get less load, and look better for it"),
    ("noise", "the slower arm would get less load, and look better for it"),
];

/// Refuses a closed load, for one of the commands above.
pub(super) fn needs_rate(load: &Load, command: &str) -> Result<(), Exit> {
    if !load.is_closed() {
        return Ok(());
    }
    let why = WHY.iter().find(|(name, _)| *name == command).map_or("", |(_, why)| *why);
    let message = format!(
        "loadgate {command} needs stages with a \"rate\"; this scenario has \"users\": {why}. \
         Give its stages a rate, such as the one that a run with these users reaches"
    );
    output::error(&message, &[]);
    Err(Exit::Usage)
}
