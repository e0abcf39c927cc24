//! What an arrival is drawn to do: which flow, and what that begins with.

use crate::scenario::model::{Action, Scenario, StepId};
use crate::schedule::Choices;

/// The flow that an iteration walks through, by its weight.
pub fn flow(scenario: &Scenario, choices: &mut Choices) -> usize {
    let flows = &scenario.flows;
    let total: u64 = flows.iter().map(|flow| u64::from(flow.weight)).sum();
    let mut rest = (choices.unit() * total as f64) as u64;
    for (index, flow) in flows.iter().enumerate() {
        let weight = u64::from(flow.weight);
        if rest < weight {
            return index;
        }
        rest -= weight;
    }
    flows.len() - 1
}

/// The first request of a flow, if it has one.
pub fn first_step(scenario: &Scenario, flow: usize) -> Option<StepId> {
    scenario.flows[flow].actions.iter().find_map(|action| match action {
        Action::Request(step) => Some(*step),
        Action::Think(_) => None,
    })
}
