//! Commands whose answers a closed load would falsify refuse it before anything starts, and so do
//! those that choose the rate themselves, which several loads have not one of.

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
        return takes_one(load, command);
    }
    let why = WHY.iter().find(|(name, _)| *name == command).map_or("", |(_, why)| *why);
    let message = format!(
        "loadgate {command} needs stages with a \"rate\"; this scenario has \"users\": {why}. \
         Give its stages a rate, such as the one that a run with these users reaches"
    );
    output::error(&message, &[]);
    Err(Exit::Usage)
}

/// Refuses several loads at once, recorded ones, and those that end with so many iterations.
pub(super) fn takes_one(load: &Load, command: &str) -> Result<(), Exit> {
    if load.parts.is_empty() {
        return Ok(());
    }
    let what = if load.parts.len() > 1 {
        "several loads at once: a flow has a \"load\" of its own"
    } else if load.parts.iter().any(|part| part.recorded.is_some()) {
        "a \"replay\""
    } else {
        "a cap on iterations"
    };
    let message = format!(
        "loadgate {command} needs one load with stages, whose rate and length it chooses; this \
         scenario has {what}. Give it one \"load\" for all flows, with weights, or use loadgate run"
    );
    output::error(&message, &[]);
    Err(Exit::Usage)
}
