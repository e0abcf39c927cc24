//! What a record knows of the users of a closed load.

use crate::record::run::LoadHead;
use crate::scenario::load::Crowd;

impl LoadHead {
    /// Whether users waited for answers before they went on: a slow target got less load.
    pub fn is_closed(&self) -> bool {
        self.stages.iter().any(|stage| stage.users.is_some())
    }

    /// The most users that a closed load has at any time; zero in an open one.
    pub fn most_users(&self) -> u32 {
        self.stages.iter().filter_map(|stage| stage.users).map(Crowd::most).max().unwrap_or(0)
    }
}
