//! What became of those who carried out the load of a target that is watched here.

use std::time::Duration;

use crate::record::generator::Lost;
use crate::record::handshakes::Handshakes;
use crate::record::run::{EndReason, Watcher};

/// What became of those who loaded.
#[derive(Debug, Default)]
pub struct Carried {
    /// Iterations that they have started.
    pub iterations: u64,
    /// Those of them whose last step ended well.
    pub completed: u64,
    /// TLS handshakes.
    pub handshakes: Handshakes,
    /// Who did not carry out a part, and why.
    pub lost: Vec<Lost>,
    /// Who watched the target's processes, if somebody did.
    pub watcher: Option<Watcher>,
    /// Each row of a source was used, if that ended it for anybody.
    pub used_up: Option<UsedUp>,
}

impl Carried {
    /// Why a load ended that nobody has ended.
    pub(super) fn reason(&self) -> EndReason {
        // Without one whose arrivals are judged as unsent the others have gone on.
        match (self.lost.iter().find(|lost| lost.unsent.is_none()), &self.used_up) {
            (Some(lost), _) => EndReason::GeneratorLost { detail: lost.detail.clone() },
            (None, Some(used)) => EndReason::RowsUsed { data: used.data.clone() },
            (None, None) => EndReason::Finished,
        }
    }
}

/// Each row of a source of data was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedUp {
    /// The source.
    pub data: String,
    /// When the last one met that, if all did.
    pub cut: Option<Duration>,
}
