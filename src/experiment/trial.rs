//! One trial: a target, freshly started or running already, under the scenario's load.
//!
//! Six steps: check the machine, start the target, wait until it is ready, try the scenario out,
//! load the target, stop it. What was measured is on disk and returned, however the trial ends.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::engine::plan::workers_for;
use crate::engine::transport::clock::ReceiveClock;
use crate::experiment::control::Control;
use crate::experiment::event::Event;
use crate::experiment::others;
use crate::experiment::resources::allow_connections;
use crate::experiment::resume::Earlier;
use crate::experiment::session::Session;
use crate::experiment::trial_error::TrialError;
use crate::experiment::tryout::TriedOut;
use crate::record::run::RunRecord;
use crate::scenario::model::Scenario;
use crate::target::process::Supervisor;

/// What a trial needs.
pub struct Trial<'a> {
    /// What to do.
    pub scenario: Arc<Scenario>,
    /// The run folder.
    pub folder: &'a Path,
    /// How targets are started.
    pub supervisor: Supervisor,
    /// What stamps the arrival of bytes.
    pub receive_clock: ReceiveClock,
    /// Whether each flow is walked through once before the load.
    pub tries_out: bool,
    /// Ends it early.
    pub control: Control,
    /// Hears what happens.
    pub watch: &'a mut dyn FnMut(Event),
}

impl fmt::Debug for Trial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Trial<'_> {
    /// Runs the trial.
    pub fn run(self) -> Result<RunRecord, TrialError> {
        self.run_after(None)
    }

    /// Carries out the rest of a run of the same scenario, in its folder. Its flows have worked
    /// before, and are not tried out again.
    pub fn go_on(self, earlier: Earlier) -> Result<RunRecord, TrialError> {
        self.run_after(Some(earlier))
    }

    fn run_after(self, earlier: Option<Earlier>) -> Result<RunRecord, TrialError> {
        let is_demo = self.scenario.target.address.is_demo();
        allow_connections(self.scenario.limits.connections, is_demo)
            .map_err(TrialError::Resources)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let session = Session {
            supervisor: &self.supervisor,
            receive_clock: self.receive_clock,
            control: &self.control,
            workers: workers_for(&self.scenario, cores),
            share: None,
        };
        let scenario = Arc::clone(&self.scenario);
        let mut side = match &earlier {
            Some(_) => session.start_in(scenario, self.folder, self.watch)?,
            None => session.start(scenario, self.folder, self.watch)?,
        };
        session.wait_until_ready(&mut side, self.watch)?;
        let watch = self.watch;
        let goes_on = earlier.is_some();
        earlier.map_or(Ok(()), |earlier| side.go_on(earlier))?;
        let tried = if self.tries_out && !goes_on {
            session.try_out(side, watch)?
        } else {
            TriedOut::Fit(Box::new(side))
        };
        let side = match tried {
            TriedOut::Fit(side) => side,
            TriedOut::Unfit(measured) => return Ok(measured.record),
        };
        Ok(others::measure(session, None, *side, watch)?.record())
    }
}
