//! What a loadgate says of several generators that was built without them.

use std::path::Path;
use std::sync::Arc;

use crate::cli::args_fleet::{AgentArgs, Asked, CompletingArgs, WatchArgs};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::progress::Display;
use crate::engine::transport::clock::ReceiveClock;
use crate::experiment::control::Control;
use crate::experiment::others::Others;
use crate::experiment::trial_error::TrialError;
use crate::record::run::RunRecord;
use crate::scenario::model::Scenario;
use crate::target::process::Supervisor;

const WITHOUT: &str =
    "this loadgate was built without several generators: build it with the feature \"fleet\"";

/// A run whose load several generators share.
pub(super) fn drive(
    _: &Asked<'_>,
    _: (&Arc<Scenario>, &Path),
    _: (&Control, &Supervisor),
    _: ReceiveClock,
    _: (&mut Display, &mut dyn FnMut()),
) -> Result<Result<RunRecord, TrialError>, Exit> {
    output::error(WITHOUT, &[]);
    Err(Exit::Usage)
}

/// What is known of loads before there is one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Load {
    /// Each is as it was planned.
    Planned,
    /// It gets other rates while it goes on.
    Steered,
}

/// Nobody.
#[derive(Debug)]
pub(super) enum Nobody {}

/// Generators who stay for one load after the other.
pub(super) fn gathered(
    asked: &Asked<'_>,
    _: (&Scenario, (f64, Load)),
    _: (&Control, &Supervisor),
    _: &mut dyn FnMut(&str),
) -> Result<Option<Nobody>, Exit> {
    if asked.fleet.generators.is_none() {
        return Ok(None);
    }
    output::error(WITHOUT, &[]);
    Err(Exit::Usage)
}

/// As whoever plays loads knows them.
pub(super) fn as_others(nobody: &Nobody) -> &dyn Others {
    match *nobody {}
}

/// Why a load cannot be shared.
pub(super) fn objection(asked: &Asked<'_>, _: bool) -> Option<&'static str> {
    asked.fleet.generators.map(|_| WITHOUT)
}

/// Completes the record of a run whose coordinator was killed.
pub(super) fn complete(_: &Path, args: &CompletingArgs) -> Result<(), Exit> {
    let Some(_) = &args.via else { return Ok(()) };
    output::error(WITHOUT, &[]);
    Err(Exit::Usage)
}

/// `loadgate agent`.
pub(super) fn agent(_: &AgentArgs) -> Exit {
    output::error(WITHOUT, &[]);
    Exit::Usage
}

/// `loadgate watch`.
pub(super) fn watch(_: &WatchArgs) -> Exit {
    output::error(WITHOUT, &[]);
    Exit::Usage
}
