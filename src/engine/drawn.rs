//! What an arrival is drawn to do: which flow, what that begins with, and whether there is a row for it.

use crate::engine::plan::Purpose;
use crate::scenario::data::order::AtEnd;
use crate::scenario::data::{Per, Rows, Taker};
use crate::scenario::model::{Action, Flow, Scenario, SourceId, StepId};
use crate::scenario::tenants::Tenancy;
use crate::schedule::tenants::{Census, Member, Noise};
use crate::schedule::{Arrival, Choices};

/// The flow that the iteration of an arrival walks through, by its weight: one of those of its load,
/// where there are several, and what a noisy tenant does more is done in flows of drawn tenants alone.
pub fn flow(
    scenario: &Scenario,
    noise: Option<&Noise>,
    arrival: Arrival,
    choices: &mut Choices,
) -> usize {
    let flows = &scenario.flows;
    if let Some(part) = scenario.load.parts.get(usize::from(arrival.part)) {
        return part.flows[chosen(part.flows.iter().map(|flow| flows[*flow].weight), choices)];
    }
    let is_noise = noise.is_some_and(|noise| noise.has(arrival));
    let is_one = |flow: &Flow| !is_noise || flow.tenancy == Tenancy::Drawn;
    chosen(flows.iter().map(|flow| if is_one(flow) { flow.weight } else { 0 }), choices)
}

/// The place of one of several, by their weights.
fn chosen(weights: impl Iterator<Item = u32> + Clone, choices: &mut Choices) -> usize {
    let total: u64 = weights.clone().map(u64::from).sum();
    let mut rest = (choices.unit() * total as f64) as u64;
    let mut last = 0;
    for (place, weight) in weights.map(u64::from).enumerate() {
        if rest < weight {
            return place;
        }
        (rest, last) = (rest - weight, place);
    }
    last
}

/// Whose the iteration of an arrival is, as far as that is known before somebody does it.
pub fn member(
    scenario: &Scenario,
    purpose: Purpose,
    (census, noise): (&mut Census, Option<&Noise>),
    (flow, arrival): (usize, Arrival),
) -> Member {
    if let Some(noise) = noise.filter(|noise| noise.has(arrival)) {
        return census.drawn(noise.rank);
    }
    let load = &scenario.load;
    // A user who comes again is the same tenant's.
    let who = if load.is_closed() {
        arrival.index % u64::from(load.most_users().max(1))
    } else {
        arrival.index
    };
    match &scenario.flows[flow].tenancy {
        Tenancy::OfRow(tenants) => {
            let user = purpose.users_from() + who + 1;
            let taker = Taker { user, iteration: purpose.iterations_from() + arrival.index + 1 };
            let rows = Rows { data: &scenario.data, seed: load.seed, taking: purpose.taking() };
            let member = census.of_row(flow, rows.row(tenants.source, taker));
            // Who has a row of his own is somebody's from the beginning.
            if is_of_users(scenario, tenants.source) {
                Member { pool: 0, ..member }
            } else {
                member
            }
        }
        tenancy @ (Tenancy::None | Tenancy::Drawn | Tenancy::Named(_)) => {
            census.member(tenancy, load.seed, who)
        }
    }
}

/// Whether each user has a row of a source for himself.
pub fn is_of_users(scenario: &Scenario, source: SourceId) -> bool {
    let source = scenario.data.sources.get(source.index());
    source.is_some_and(|source| source.per == Per::User)
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
