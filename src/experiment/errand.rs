//! What is done once for a load: steps in front of it, and steps behind it. They are in no figure.
//!
//! What the steps in front extract is known to all users. A step that fails there ends the run
//! before its load; one that fails behind it is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::analysis::mend;
use crate::experiment::control::Control;
use crate::experiment::session::Session;
use crate::experiment::side::Side;
use crate::experiment::start::Started;
use crate::experiment::trial_error::TrialError;
use crate::experiment::walk::{Walker, given};
use crate::record::walk::{Walk, WalkedFlow};
use crate::scenario::course::OnFailure;
use crate::scenario::model::{Errand, Scenario};

/// How long all of it may take at most; each of its requests has a time limit of its own.
const LONGEST: Duration = Duration::from_secs(300);
/// The number behind which those of users and iterations begin: more than any run has.
const NUMBERS: u64 = 800_000_000;

impl Session<'_> {
    /// Does what is to be done before a load, unless that has been done for it.
    pub(super) fn set_up(&self, side: &mut Side) -> Result<(), TrialError> {
        let scenario = Arc::clone(&side.scenario);
        let Some(errand) = scenario.setup.as_deref().filter(|_| !side.is_set_up) else {
            return Ok(());
        };
        let walker = self.errand_walker(&scenario, self.control);
        let (walked, known) = walker.errand(&side.target, errand)?;
        if let Some(signal) = self.control.signal() {
            return Err(TrialError::Interrupted(signal));
        }
        let given = given(errand, &walked, &known);
        if let Some(why) = failure(&scenario, &side.target, errand, walked) {
            return Err(TrialError::SetUp(why));
        }
        side.given = Arc::new(given);
        side.is_set_up = true;
        Ok(())
    }

    /// Where there will be no load after all, what was done once before it is cleaned up after.
    pub(super) fn or_tear_down<T>(
        &self,
        side: &mut Side,
        done: Result<T, TrialError>,
    ) -> Result<T, TrialError> {
        if done.is_err() && side.is_set_up {
            let _ = self.tear_down(side);
        }
        done
    }

    /// Does what is to be done after a load, whatever ended that; why it failed, if it has.
    pub(super) fn tear_down(&self, side: &mut Side) -> Option<String> {
        side.is_set_up = false;
        let scenario = Arc::clone(&side.scenario);
        let errand = scenario.teardown.as_deref()?;
        // Who has ended the load wants it cleaned up after.
        let control = Control::default();
        let walker =
            Walker { given: Arc::clone(&side.given), ..self.errand_walker(&scenario, &control) };
        match walker.errand(&side.target, errand) {
            Ok((walked, _)) => failure(&scenario, &side.target, errand, walked),
            Err(error) => Some(error.to_string()),
        }
    }

    fn errand_walker<'w>(&self, scenario: &'w Arc<Scenario>, control: &'w Control) -> Walker<'w> {
        Walker {
            scenario,
            receive_clock: self.receive_clock,
            control,
            seed: scenario.load.seed,
            numbered_from: NUMBERS,
            until: Some(Instant::now() + LONGEST),
            given: Arc::default(),
        }
    }
}

/// Why a step failed or was not reached, unless its failure is nothing to stop for.
fn failure(
    scenario: &Scenario,
    target: &Started,
    errand: &Errand,
    walked: WalkedFlow,
) -> Option<String> {
    let broken = walked.steps.iter().find(|step| {
        let own = errand.steps.iter().find(|own| own.name == step.head.name);
        let goes_on = own.is_some_and(|own| own.course.on_failure == OnFailure::Continue);
        !(step.works() || goes_on && step.exchange.is_some())
    })?;
    let name = broken.head.name.clone();
    let walk = Walk {
        scenario: scenario.name.clone(),
        target: scenario.secrets.redact(&target.address().to_string()),
        flows: vec![walked],
        died: target.exited().map(|exit| exit.in_short()),
    };
    Some(mend::first(&walk).unwrap_or_else(|| format!("the step \"{name}\" was not reached")))
}
