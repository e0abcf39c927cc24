//! How many requests an iteration leads to, where a load is written in requests.

use super::super::ceiling::requests_of;
use super::super::model::{Action, Flow, Step};
use super::super::problems::Fault;

/// What the iterations of a load ask.
#[derive(Debug, Clone)]
pub(super) struct Asks {
    /// On average, over all of its flows; steps that are done once per user do not count.
    requests: f64,
    /// A flow in which a value decides, of which nobody knows how often.
    undecided: Option<String>,
}

impl Asks {
    pub(super) fn of(flows: &[&Flow], steps: &[Step]) -> Asks {
        let decides =
            |flow: &&&Flow| flow.actions.iter().any(|action| matches!(action, Action::Unless(..)));
        Asks {
            requests: requests_of(flows.iter().copied(), steps),
            undecided: flows.iter().find(decides).map(|flow| flow.name.clone()),
        }
    }

    /// Whatever values decide, at most so many.
    pub(super) fn at_most(&self) -> f64 {
        self.requests
    }

    /// How many there are in an iteration, or why nobody knows.
    pub(super) fn per_iteration(&self) -> Result<f64, Fault> {
        if let Some(flow) = &self.undecided {
            let fault = format!(
                "requests cannot be counted beforehand: in the flow \"{flow}\" an \"if\" decides \
                 which are sent"
            );
            return Err(Fault::new(fault).help("count iterations instead, such as \"100/s\""));
        }
        if self.requests > 0.0 {
            return Ok(self.requests);
        }
        // The flow has a mistake that is told at its place.
        Ok(1.0)
    }
}
