//! What loading a side came to: its record, and a target that is still up.

use crate::experiment::side::Side;
use crate::record::run::RunRecord;
use crate::target::process::ExitReport;

/// What became of a side that was loaded; its target is still up.
pub struct StillUp {
    pub(super) side: Side,
    pub(super) measured: Measured,
}

/// What became of a side.
pub(super) struct Measured {
    pub(super) record: RunRecord,
    /// How its target died under load, if it did.
    pub(super) died: Option<ExitReport>,
    /// Why it cannot work, if it cannot.
    pub(super) hopeless: Option<String>,
}

impl StillUp {
    /// Stops the target; the record of its load.
    pub fn record(self) -> RunRecord {
        self.stop().record
    }

    /// Stops the target, whose log may have said more until then.
    pub(super) fn stop(self) -> Measured {
        let StillUp { side, mut measured } = self;
        side.target.stop();
        let record = &mut measured.record;
        let head = &record.head;
        record.failures.read_log(&side.folder, &|at| head.unix_millis(at));
        measured
    }

    /// Leaves the target up, to be loaded again.
    pub(super) fn keep(self) -> (Side, Measured) {
        (self.side, self.measured)
    }
}
