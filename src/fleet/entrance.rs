//! What each iteration of a flow surely begins with, whatever it meets; pure.
//!
//! Of a flow whose first action is a request there is exactly one for each iteration. Where steps are
//! done once, by conditions or by chance there is one of several at least; behind a time to think it
//! falls due later. Of a flow that may end without any request nothing is sure.

use std::collections::BTreeSet;

use crate::engine::drawn;
use crate::scenario::flow::{Action, Flow};
use crate::scenario::ids::StepId;
use crate::scenario::model::Scenario;
use crate::scenario::think::Think;

/// How many requests of its first steps an iteration has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// One, when the iteration is due.
    One,
    /// One or more; the first when the iteration is due.
    Some,
    /// One or more; the first so many nanoseconds later at most.
    Later(u64),
    /// Nobody knows.
    Unknown,
}

/// The entrances of a scenario's flows.
#[derive(Debug)]
pub struct Entrances {
    flows: Vec<Entrance>,
    /// Of which flow a step may be the first one.
    flow_of: Vec<Option<u16>>,
}

impl Entrances {
    /// Those of a scenario.
    pub fn of(scenario: &Scenario) -> Entrances {
        let found: Vec<_> = (0..scenario.flows.len()).map(|flow| found(scenario, flow)).collect();
        let mut flow_of = vec![None; scenario.steps.len()];
        let mut flows = vec![Entrance::Unknown; scenario.flows.len()];
        for (flow, (entrance, steps)) in found.into_iter().enumerate() {
            let is_own = |step: &StepId| {
                let others = scenario.flows.iter().enumerate().filter(|(other, _)| *other != flow);
                others.map(|(_, other)| times(other, *step)).sum::<usize>() == 0
            };
            if entrance == Entrance::Unknown || !steps.iter().all(is_own) {
                continue;
            }
            flows[flow] = entrance;
            for step in steps {
                if let Some(of) = flow_of.get_mut(step.index()) {
                    *of = Some(flow as u16);
                }
            }
        }
        Entrances { flows, flow_of }
    }

    /// That of a flow.
    pub fn entrance(&self, flow: usize) -> Entrance {
        self.flows.get(flow).copied().unwrap_or(Entrance::Unknown)
    }

    /// The flow of which a step may be the first one.
    pub fn flow_of(&self, step: usize) -> Option<u16> {
        self.flow_of.get(step).copied().flatten()
    }

    /// How many flows there are.
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    /// Whether each iteration has a request, of whatever flow it is.
    pub fn all_ask(&self) -> bool {
        !self.flows.contains(&Entrance::Unknown)
    }
}

fn times(flow: &Flow, step: StepId) -> usize {
    flow.actions.iter().filter(|action| action.asks(step)).count()
}

/// The entrance of a flow, and the steps that may be the first one.
fn found(scenario: &Scenario, flow: usize) -> (Entrance, BTreeSet<StepId>) {
    let unknown = || (Entrance::Unknown, BTreeSet::new());
    let Some(mut first) = drawn::first_step(scenario, flow).map(|step| BTreeSet::from([step]))
    else {
        return unknown();
    };
    let flow = &scenario.flows[flow];
    if let Some(Action::Request(step)) = flow.actions.first()
        && !scenario.step(*step).once
        && times(flow, *step) == 1
    {
        return (Entrance::One, first);
    }
    let Some(ways) = Ways::through(scenario, flow) else { return unknown() };
    first.extend(ways.steps);
    // What has to be done anew is done before whatever comes first.
    first.extend(flow.logins.iter().map(|login| login.step));
    match (ways.thinks, ways.comes_again) {
        (0, _) => (Entrance::Some, first),
        (thinks, false) => (Entrance::Later(thinks), first),
        (_, true) => unknown(),
    }
}

/// All ways through a flow up to the first request.
#[derive(Default)]
struct Ways {
    steps: BTreeSet<StepId>,
    /// For how long is thought before it at most, in nanoseconds.
    thinks: u64,
    comes_again: bool,
}

impl Ways {
    /// Nothing where one of them ends without a request.
    fn through(scenario: &Scenario, flow: &Flow) -> Option<Ways> {
        let (mut ways, mut open) = (Ways::default(), vec![0]);
        let mut seen = vec![false; flow.actions.len()];
        while let Some(place) = open.pop() {
            let action = flow.actions.get(place)?;
            if std::mem::replace(&mut seen[place], true) {
                continue;
            }
            match action {
                Action::Request(step) => {
                    ways.steps.insert(*step);
                    // Whoever has done it passes over it.
                    open.extend(scenario.step(*step).once.then_some(place + 1));
                }
                Action::Think(think) => {
                    ways.thinks = ways.thinks.saturating_add(longest(*think));
                    open.push(place + 1);
                }
                Action::Unless(_, to) => open.extend([place + 1, *to]),
                Action::Goto(to) | Action::Leave(to) => open.push(*to),
                Action::Repeat { least, end, .. } => {
                    open.push(place + 1);
                    open.extend((*least == 0).then_some(*end));
                }
                Action::Again { start, .. } => {
                    ways.comes_again = true;
                    open.extend([place + 1, *start]);
                }
                Action::Choose(of) => open.extend(of.iter().map(|(_, place)| *place)),
            }
        }
        Some(ways)
    }
}

fn longest(think: Think) -> u64 {
    match think {
        Think::Even { longest, .. } => longest.as_nanos() as u64,
        Think::Exponential { .. } | Think::Normal { .. } | Think::LogNormal { .. } => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::read::{Origin, parse};

    /// The entrance of a flow of some steps, and the names of those that may be the first.
    #[track_caller]
    fn check(steps: &str, entrance: Entrance, first: &[&str]) {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}},
                "flows": [{{"name": "flow", "steps": [{steps}]}},
                    {{"name": "other", "steps": [{{"name": "z", "request": "GET /"}}]}}],
                "load": {{"stages": [{{"for": "5s", "rate": "1/s"}}]}}}}"#
        );
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let scenario = parse(&text, &Origin::default(), &|_| None, &no_file).unwrap();
        let entrances = Entrances::of(&scenario);
        let is_first = |index: &usize| entrances.flow_of(*index) == Some(0);
        let names: Vec<&str> = (0..scenario.steps.len())
            .filter(is_first)
            .map(|index| scenario.steps[index].name.as_str())
            .collect();
        assert_eq!((entrances.entrance(0), &names[..]), (entrance, first), "{steps}");
        assert_eq!(entrances.entrance(1), Entrance::One);
        assert_eq!(entrances.all_ask(), entrance != Entrance::Unknown);
    }

    fn get(name: &str, more: &str) -> String {
        format!(r#"{{"name": "{name}", "request": "GET /"{more}}}"#)
    }

    #[test]
    fn a_flow_begins_with_what_surely_comes_first() {
        let [a, b] = ["a", "b"].map(|name| get(name, ""));
        let [login, also] = ["login", "also"].map(|name| get(name, r#", "once": true"#));
        check(&format!("{a}, {b}"), Entrance::One, &["a"]);
        check(&format!("{login}, {also}, {a}, {b}"), Entrance::Some, &["login", "also", "a"]);
        let think = r#"{"think": "1s..3s"}"#;
        check(&format!("{think}, {a}, {b}"), Entrance::Later(3_000_000_000), &["a"]);
        check(&format!(r#"{{"think": "exponential 1s"}}, {a}"#), Entrance::Later(u64::MAX), &["a"]);
        let when = r#""if": {"{{user}}": "7"}"#;
        check(&format!(r#"{{{when}, "steps": [{a}]}}, {b}"#), Entrance::Some, &["a", "b"]);
        check(&format!(r#"{{"repeat": 3, "steps": [{a}]}}, {b}"#), Entrance::Some, &["a"]);
        check(
            &format!(r#"{{"repeat": "0..2", "steps": [{a}]}}, {b}"#),
            Entrance::Some,
            &["a", "b"],
        );
    }
}
