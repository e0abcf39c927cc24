//! What `run` and `soak` share where they go on with a run: what is left of it, and the scenario
//! with its load.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cli::baseline::{Failure, read_run};
use crate::cli::exit::Exit;
use crate::cli::{interrupt, output};
use crate::engine::transport::clock::ReceiveClock;
use crate::experiment::control::Control;
use crate::experiment::resume::Earlier;
use crate::record::store::claim::Claim;
use crate::scenario::model::Scenario;
use crate::units::format_duration;

/// The folder itself, where a link such as `latest` was named: the link may soon lead elsewhere.
pub(super) fn folder_of(named: &Path) -> PathBuf {
    let parent = named.parent().unwrap_or(Path::new(""));
    fs::read_link(named).map_or_else(|_| named.to_owned(), |folder| parent.join(folder))
}

/// What is left of the run of a folder.
pub(super) fn earlier(
    folder: &Path,
    scenario: &Scenario,
    clock: ReceiveClock,
) -> Result<Earlier, Failure> {
    let why = |what: &str| Failure::usage(format!("{}: {what}", folder.display()), Vec::new());
    if !folder.is_dir() {
        return Err(why("not a run folder"));
    }
    let Some(claim) = Claim::of(folder) else {
        return Err(why("the run is still under way: another loadgate writes into this folder"));
    };
    let record = read_run(folder)?;
    let earlier = Earlier::of(record, scenario, clock).map_err(|unfit| why(&unfit.to_string()))?;
    Ok(earlier.claimed(claim))
}

/// The signals, and the binary that supervises targets.
pub(super) fn signals() -> Result<(Control, PathBuf), Exit> {
    let failed = |why: String| {
        output::error(&why, &[]);
        Exit::Failed
    };
    let program = std::env::current_exe()
        .map_err(|error| failed(format!("loadgate cannot find its own binary: {error}")))?;
    let control = Control::default();
    interrupt::watch(&control)
        .map_err(|error| failed(format!("signals cannot be watched: {error}")))?;
    Ok((control, program))
}

/// Says what goes on, with what that is not as before; the scenario with the run's own load.
pub(super) fn going_on(earlier: &Earlier, scenario: &Scenario) -> Arc<Scenario> {
    for warning in earlier.warnings() {
        output::note(&format!("warning: {warning}"));
    }
    let from = Duration::from_secs(u64::from(earlier.from()));
    let scenario = earlier.scenario(scenario);
    let whole = format_duration(scenario.load.length());
    output::note(&format!("resumed at {} of {whole}", format_duration(from)));
    Arc::new(scenario)
}
