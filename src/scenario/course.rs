//! What an iteration makes of a step besides asking and judging: how it goes on, and what it must
//! know before.

use super::ids::VariableId;

/// What an iteration does when a request of a step has failed. That it has is counted either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// It ends.
    #[default]
    Stop,
    /// It goes on with the next step.
    Continue,
}

impl OnFailure {
    /// All of them, as they are written.
    pub const ALL: [(&'static str, OnFailure); 2] =
        [("stop", OnFailure::Stop), ("continue", OnFailure::Continue)];
}

/// What an iteration makes of a step.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// How it goes on after a failure.
    pub on_failure: OnFailure,
    /// Values that the request is filled in with and that may be missing, as a step before it may
    /// have failed or may have been left out.
    pub needs: Vec<VariableId>,
}
