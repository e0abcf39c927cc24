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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::origin::DataFiles;
    use crate::scenario::read::{Origin, parse};
    use crate::units::Moment;

    fn scenario(tenants: &str, flows: &str, stages: &str) -> Scenario {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}}, {tenants}
                "flows": [{flows}], "load": {{"seed": 5, "stages": [{stages}]}}}}"#
        );
        let folder = tempfile::tempdir().unwrap();
        let rows: String = (0..50).map(|row| format!("u{row},t{row}\n")).collect();
        std::fs::write(folder.path().join("users.csv"), format!("email,tenant\n{rows}")).unwrap();
        let origin =
            Origin { data: DataFiles::Here, folder: folder.path().to_owned(), ..Origin::default() };
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        parse(&text, &origin, &|_| None, &no_file).unwrap()
    }

    fn step(name: &str) -> String {
        format!(r#""steps": [{{"name": "{name}", "request": "GET /"}}]"#)
    }

    /// One that says whose it is.
    fn told(name: &str) -> String {
        step(name).replace("GET /", "GET /{{tenant}}")
    }

    fn arrival(index: u64, part: u16) -> Arrival {
        Arrival { index, at: Moment(index * 10_000_000), part }
    }

    /// How often each flow is drawn in 4,000 arrivals.
    fn drawn(scenario: &Scenario, of: impl Fn(u64) -> Arrival) -> Vec<u32> {
        let noise = Noise::of(scenario);
        let mut counts = vec![0; scenario.flows.len()];
        for index in 0..4_000 {
            let mut choices = Choices::new(5, index);
            counts[flow(scenario, noise.as_ref(), of(index), &mut choices)] += 1;
        }
        counts
    }

    #[test]
    fn arrivals_of_a_load_are_of_its_flows_by_their_weights() {
        let own = r#""load": {"stages": [{"for": "60s", "rate": "3/s"}]}"#;
        let flows = format!(
            r#"{{"name": "a", "weight": 3, {}}}, {{"name": "b", {own}, {}}}, {{"name": "c", {}}}"#,
            step("a1"),
            step("b1"),
            step("c1")
        );
        let scenario = scenario("", &flows, r#"{"for": "60s", "rate": "10/s"}"#);
        let found = drawn(&scenario, |index| arrival(index, 0));
        assert!((2_850..3_150).contains(&found[0]) && found[1] == 0, "{found:?}");
        assert_eq!(drawn(&scenario, |index| arrival(index, 1)), [0, 4_000, 0]);
    }

    #[test]
    fn what_a_noisy_one_does_more_is_done_in_flows_of_drawn_tenants() {
        let tenants =
            r#""tenants": {"names": ["loud", "quiet"]}, "slo": {"neighbours": ["p95 < 2x"]},"#;
        let flows = format!(
            r#"{{"name": "a", {}}}, {{"name": "b", "weight": 9, "tenant": "quiet", {}}}"#,
            told("a1"),
            told("b1")
        );
        let stages = r#"{"for": "20s", "rate": "100/s"},
            {"for": "20s", "rate": "100/s", "noisy": {"tenant": "loud", "times": 20}}"#;
        let scenario = scenario(tenants, &flows, stages);
        let (noise, mut census) = (Noise::of(&scenario).unwrap(), Census::of(&scenario).unwrap());
        let mut more = 0;
        for index in 0..4_000 {
            let next = arrival(index, 0);
            let mut choices = Choices::new(5, index);
            let flow = flow(&scenario, Some(&noise), next, &mut choices);
            if !noise.has(next) {
                continue;
            }
            more += 1;
            let who = (&mut census, Some(&noise));
            let found = member(&scenario, Purpose::Load, who, (flow, next));
            assert_eq!((flow, census.name()), (0, "loud"), "{found:?}");
        }
        assert!(more > 500, "{more}");
    }

    #[test]
    fn a_user_who_comes_again_is_the_same_tenants() {
        let flows = format!(r#"{{"name": "a", {}}}"#, told("a1"));
        let stages = r#"{"for": "60s", "users": 7}"#;
        let scenario = scenario(r#""tenants": {"count": 9},"#, &flows, stages);
        let mut census = Census::of(&scenario).unwrap();
        let mut of =
            |index| member(&scenario, Purpose::Load, (&mut census, None), (0, arrival(index, 0)));
        let first: Vec<Member> = (0..7).map(&mut of).collect();
        assert_eq!((70..77).map(&mut of).collect::<Vec<_>>(), first);
        assert!(first.iter().any(|it| *it != first[0]), "they are not all one's");
    }

    #[test]
    fn who_has_a_row_is_the_tenant_of_the_row_that_is_sent() {
        let flow = |per: &str| {
            let data = format!(r#""data": {{"users": {{"file": "users.csv", "per": "{per}"}}}},"#);
            let flow = r#"{"name": "a", "tenant": "{{users.tenant}}",
                "steps": [{"name": "a1", "request": "GET /{{users.email}}"}]}"#;
            let many = if per == "user" { r#""users": 6"# } else { r#""rate": "1/s""# };
            let limits = format!(r#"{data} "limits": {{"tenants": 50}},"#);
            scenario(&limits, flow, &format!(r#"{{"for": "60s", {many}}}"#))
        };
        let name = |scenario: &Scenario, purpose, index| {
            let mut census = Census::of(scenario).unwrap();
            let found = member(scenario, purpose, (&mut census, None), (0, arrival(index, 0)));
            (census.name().to_owned(), found.pool)
        };
        let again = Purpose::Again { iterations: 10 };
        let rows = flow("iteration");
        assert_eq!(name(&rows, Purpose::Load, 4).0, "t4");
        assert_eq!(name(&rows, again, 4).0, "t14", "rows behind those that were taken");
        let users = flow("user");
        assert_eq!(name(&users, again, 4), ("t4".to_owned(), 0));
        let walk = Purpose::Walk { numbered_from: 20 };
        assert_eq!(name(&users, walk, 3).0, "t26", "the 24th from the end");
    }

    #[test]
    fn a_row_may_be_missing_of_any_source_and_ends_the_load_where_it_says_so() {
        let of = |at_end: &str| {
            let data = format!(
                r#""data": {{"all": {{"file": "users.csv"}}, "once": {{"file": "users.csv",
                    "order": "unique", "at_end": "{at_end}"}}}},"#
            );
            let flow = r#"{"name": "a",
                "steps": [{"name": "a1", "request": "GET /{{all.email}}/{{once.email}}"}]}"#;
            scenario(&data, flow, r#"{"for": "40s", "rate": "1/s"}"#)
        };
        for (at_end, ends) in [("stop", true), ("fail", false)] {
            let scenario = of(at_end);
            let taking = Purpose::Load.taking();
            let rows = Rows { data: &scenario.data, seed: 5, taking };
            let missing = |iteration| {
                missing_row(rows, &scenario.flows[0], Taker { user: 1, iteration }).is_some()
            };
            assert_eq!((missing(50), missing(51)), (false, true), "{at_end}");
            assert!(!ends_before(rows, &scenario.flows[0], 50));
            assert_eq!(ends_before(rows, &scenario.flows[0], 51), ends, "{at_end}");
        }
    }
}
