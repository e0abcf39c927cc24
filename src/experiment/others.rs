//! Who carries out the load of one side: the threads of this process, or others.
//!
//! Others are several generators, wherever they are, who stay for the loads of a search or of a
//! stress test. The target is started, awaited and watched here in either case.

use crate::experiment::crowd::Hosted;
use crate::experiment::event::Event;
use crate::experiment::measured::StillUp;
use crate::experiment::session::{Failure, Session};
use crate::experiment::side::Side;
use crate::experiment::trial_error::TrialError;
use crate::record::generator::Lost;
use crate::record::run::RunRecord;
use crate::schedule::arms::Timing;

/// Several generators who carry out one load after the other.
pub trait Others {
    /// Loads a target that is up, as its scenario says.
    fn load(&self, hosted: Hosted<'_>, watch: &mut dyn FnMut(Event))
    -> Result<StillUp, TrialError>;
}

/// Loads one side, whose target stays up.
pub(super) fn measure(
    session: Session<'_>,
    others: Option<&dyn Others>,
    side: Side,
    watch: &mut dyn FnMut(Event),
) -> Result<StillUp, TrialError> {
    if let Some(others) = others {
        return others.load(Hosted { session, side }, watch);
    }
    let measured = session.measure(vec![(side, Timing::Alone)], &mut |_, event| watch(event));
    let measured = measured.map_err(|failure| match failure {
        Failure::Side(_, error) | Failure::Own(error) => error,
    })?;
    Ok(measured.into_iter().next().expect("one side was measured"))
}

/// Which generator was lost, if one was: then nothing follows from the figures.
pub(super) fn lost(record: &RunRecord) -> Option<&Lost> {
    record.end.as_ref()?.lost.first()
}
