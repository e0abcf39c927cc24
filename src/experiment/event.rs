//! What happens while a target is started and loaded, for those who watch.

use std::time::Duration;

use crate::engine::collector::Progress;

/// What happens in a trial, for those who watch.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The target's command is being started.
    Starting(String),
    /// The target runs and is asked whether it is ready.
    Waiting(String),
    /// The target was ready after so long; the load begins.
    Loading(Duration),
    /// A first walk through a flow failed, which is tried again.
    Trying,
    /// A flow can never work, and there will be no load: what is to be mended first.
    CannotWork(String),
    /// A second of the load has passed.
    Progress(Progress),
    /// Something happened to the generators that share the load.
    Told(String),
    /// The machine may be too small for the plan.
    Warning(String),
    /// The load is over, the target is being stopped.
    Stopping,
}
