//! What `run` and `soak` share where they go on with a run: what is left of it, and the scenario
//! with its load.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::baseline::read_run;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::{interrupt, output};
use crate::engine::transport::clock::ReceiveClock;
use crate::experiment::control::Control;
use crate::experiment::resume::Earlier;
use crate::record::store::claim::Claim;
use crate::scenario::model::{Address, Scenario};
use crate::target::ready::port_is_taken;
use crate::units::format_duration;

/// How long a target may take that is going down, and how often it is looked.
const PORT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(100);

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
pub(super) fn going_on(earlier: &Earlier, scenario: &Scenario, control: &Control) -> Arc<Scenario> {
    for warning in earlier.warnings() {
        output::note(&format!("warning: {warning}"));
    }
    let from = Duration::from_secs(u64::from(earlier.from()));
    let scenario = earlier.scenario(scenario);
    let whole = format_duration(scenario.load.length());
    output::note(&format!("resumed at {} of {whole}", format_duration(from)));
    wait_for_port(&scenario, control);
    Arc::new(scenario)
}

/// Right after a kill the target of before may still be on its way down. What answers for longer
/// is refused later on, as ever.
fn wait_for_port(scenario: &Scenario, control: &Control) {
    let (Address::Http(address), Some(_)) = (&scenario.target.address, &scenario.target.start)
    else {
        return;
    };
    let begun = Instant::now();
    let is_over = || begun.elapsed() >= PORT || control.ended().is_some();
    let mut is_told = false;
    while port_is_taken(address) && !is_over() {
        if !is_told {
            let within = format_duration(PORT);
            output::note(&format!("{address} is still taken; waiting for it, {within} at most"));
            is_told = true;
        }
        thread::sleep(LOOK);
    }
}
