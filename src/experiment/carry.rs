//! Carries out a generator's share of a load. Its target is up, and somebody else's.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::engine::plan::Purpose;
use crate::engine::transport::clock::ReceiveClock;
use crate::experiment::control::Control;
use crate::experiment::event::Event;
use crate::experiment::others;
use crate::experiment::resources::{allow_connections, warnings};
use crate::experiment::session::Session;
use crate::experiment::share::Share;
use crate::experiment::trial_error::TrialError;
use crate::experiment::{address, head};
use crate::record::generator::GeneratorHead;
use crate::record::run::RunRecord;
use crate::scenario::model::{Address, HttpAddress, Scenario};
use crate::scenario::slots::Slots;
use crate::target::process::Supervisor;

/// A scenario as somebody carries it out who has only a share of its load: its target is up at an
/// address, and watched, set up and cleaned up after by others.
pub fn shared(scenario: Scenario, address: HttpAddress) -> Scenario {
    let mut scenario = scenario;
    let target = &mut scenario.target;
    target.address = Address::Http(address);
    (target.start, target.metrics, target.postgres) = (None, None, None);
    (scenario.setup, scenario.teardown) = (None, None);
    scenario
}

/// What there is to say of a generator with a share before it begins; its machine may lack what
/// the load needs.
pub fn head_of(
    scenario: &Scenario,
    slots: Slots,
    receive_clock: ReceiveClock,
) -> Result<GeneratorHead, TrialError> {
    allow_connections(scenario.limits.connections, false).map_err(TrialError::Resources)?;
    let workers = slots.threads();
    let whole = head::head(scenario, String::new(), workers, SystemTime::UNIX_EPOCH);
    let mut environment = whole.environment().clone();
    let clock = address::clock(scenario, receive_clock);
    clock.name().clone_into(&mut environment.receive_clock);
    environment.warnings = warnings(scenario, workers);
    Ok(GeneratorHead { name: String::new(), slots, environment })
}

/// Carries out a share, in a folder of its own.
pub fn carry_out(
    share: &Share,
    scenario: &Arc<Scenario>,
    folder: &Path,
    (control, receive_clock): (&Control, ReceiveClock),
    watch: &mut dyn FnMut(Event),
) -> Result<RunRecord, TrialError> {
    // There is nothing to start.
    let supervisor = Supervisor { program: PathBuf::new(), argument: "" };
    let session = Session {
        supervisor: &supervisor,
        receive_clock,
        control,
        workers: share.slots.threads(),
        share: Some(share),
    };
    let mut side = session.start(Arc::clone(scenario), folder, watch)?;
    (side.given, side.is_set_up) = (Arc::clone(&share.given), true);
    if share.iterations > 0 {
        side.purpose = Purpose::Again { iterations: share.iterations };
    }
    Ok(others::measure(session, None, side, watch)?.record())
}
