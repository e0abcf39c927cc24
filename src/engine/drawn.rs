//! What an arrival is drawn to do: which flow, what that begins with, and whether there is a row for it.

use crate::scenario::data::order::AtEnd;
use crate::scenario::data::{Rows, Taker};
use crate::scenario::model::{Action, Flow, Scenario, SourceId, StepId};
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
    scenario.flows[flow].actions.iter().find_map(Action::step)
}

/// The source of which no row is left for somebody who walks through a flow, and what comes then.
pub fn missing_row(rows: Rows<'_>, flow: &Flow, taker: Taker) -> Option<(SourceId, AtEnd)> {
    flow.sources.iter().find_map(|source| {
        let at_end = rows.data.sources[source.index()].at_end()?;
        rows.row(*source, taker).is_none().then_some((*source, at_end))
    })
}

/// Whether the load has ended, for lack of rows, before an iteration that nobody came to. Which
/// user would have had it is not known.
pub fn ends_before(rows: Rows<'_>, flow: &Flow, iteration: u64) -> bool {
    let missing = missing_row(rows, flow, Taker { user: 1, iteration });
    missing.is_some_and(|(_, at_end)| at_end == AtEnd::Stop)
}
