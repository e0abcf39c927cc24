//! Which agent has which slots of a load.
//!
//! Each has as many as any other: a load that one machine would share among its workers is shared
//! among all workers of all machines in the same way.

use crate::engine::plan::workers_for;
use crate::scenario::model::Scenario;
use crate::scenario::slots::Slots;

/// The slots of so many agents, each of which has at least so many cores.
pub fn slots(scenario: &Scenario, agents: u32, cores: u32) -> Result<Vec<Slots>, String> {
    let limits = &scenario.limits;
    let most = limits.connections.min(limits.in_flight);
    if agents > most {
        return Err(format!(
            "{agents} generators share {} connections and {} iterations in flight, and each needs \
             one at least: raise \"limits\", or take fewer generators",
            limits.connections, limits.in_flight
        ));
    }
    let whole = workers_for(scenario, usize::MAX) as u32;
    let each = match limits.workers {
        Some(workers) => u32::from(workers),
        None => whole.div_ceil(agents).clamp(1, (cores / 2).max(1)),
    };
    let each = each.min(most / agents).max(1);
    let of = each * agents;
    Ok((0..agents).map(|agent| Slots { first: agent * each, count: each, of }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::read::{Origin, parse};

    fn scenario(rate: &str, limits: &str) -> Scenario {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}}, "limits": {limits},
                "flows": [{{"name": "flow", "steps": [{{"name": "step", "request": "GET /"}}]}}],
                "load": {{"stages": [{{"for": "60s", "rate": "{rate}"}}]}}}}"#
        );
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        parse(&text, &Origin::default(), &|_| None, &no_file).unwrap()
    }

    #[test]
    fn slots_are_apart_and_all_of_them_are_given() {
        for (rate, limits, agents, cores, each) in [
            ("100/s", "{}", 1, 2, 1),
            ("100/s", "{}", 4, 2, 1),
            ("200000/s", "{}", 4, 8, 4),
            ("200000/s", "{}", 4, 16, 5),
            ("100/s", r#"{"workers": 3}"#, 2, 1, 3),
            ("100/s", r#"{"workers": 3, "connections": 4}"#, 2, 1, 2),
        ] {
            let all = slots(&scenario(rate, limits), agents, cores).unwrap();
            assert_eq!(all.len(), agents as usize);
            let mut free = 0;
            for slots in &all {
                assert_eq!(
                    (slots.first, slots.count, slots.of),
                    (free, each, each * agents),
                    "{rate}"
                );
                free += each;
            }
        }
        let none = slots(&scenario("1/s", r#"{"connections": 2}"#), 3, 1);
        assert!(none.unwrap_err().contains("3 generators share 2 connections"));
    }
}
