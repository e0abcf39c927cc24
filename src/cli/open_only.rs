//! Commands whose answers a closed load would falsify refuse it before anything starts. Those that
//! choose the rate refuse several loads at once, which have not one; those that choose the length
//! refuse what has a length of its own: recordings, and loads that end with so many iterations.

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
        return if command == "stress" {
            takes_one(load, command)
        } else {
            takes_any(load, command)
        };
    }
    let why = WHY.iter().find(|(name, _)| *name == command).map_or("", |(_, why)| *why);
    let message = format!(
        "loadgate {command} needs stages with a \"rate\"; this scenario has \"users\": {why}. \
         Give its stages a rate, such as the one that a run with these users reaches"
    );
    output::error(&message, &[]);
    Err(Exit::Usage)
}

/// Refuses several loads at once, recorded ones, and those that end with so many iterations: for
/// those that look for a rate.
pub(super) fn takes_one(load: &Load, command: &str) -> Result<(), Exit> {
    if load.parts.len() > 1 {
        output::error(
            &format!(
                "loadgate {command} looks for a rate, and this scenario has several loads at once: a \
                 flow has a \"load\" of its own. Which of them should grow, it cannot know. Give all \
                 flows one \"load\" and weights that share it as these do, or use loadgate run"
            ),
            &[],
        );
        return Err(Exit::Usage);
    }
    takes_any(load, command)
}

/// Refuses loads whose length is their own: for those that choose it.
fn takes_any(load: &Load, command: &str) -> Result<(), Exit> {
    let (what, how) = if load.parts.iter().any(|part| part.recorded.is_some()) {
        ("a \"replay\", which has no other moments than those that were recorded", "stages")
    } else if load.most_iterations().is_some() {
        ("a cap on iterations, which would end it before", "\"max_duration\", or no cap")
    } else {
        return Ok(());
    };
    let message = format!(
        "loadgate {command} chooses how long it loads the target, and this scenario has {what}. Give \
         it {how}, or use loadgate run"
    );
    output::error(&message, &[]);
    Err(Exit::Usage)
}
