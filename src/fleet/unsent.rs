//! What was due of a share and never begun: the arrivals of a generator that was lost.
//!
//! A generator tells each second what fell due in it. What its slots have after the last second that
//! it told whole, less what it told of later ones, was never begun, and is unsent. Users of a closed
//! load who are gone ask for nothing; nobody knows what they would have asked for.

use std::collections::BTreeMap;

use crate::engine::drawn;
use crate::record::recorder::{Due, Missed, Recorder};
use crate::record::tick::{MOST_PARTS, Tick, Ticks};
use crate::scenario::model::Scenario;
use crate::scenario::slots::Slots;
use crate::schedule::{Arrivals, Choices};
use crate::units::Moment;

/// What fell due, by second and step.
pub type Planned = BTreeMap<(u32, u16), u64>;

/// The claim of ticks that nobody sent: no run goes on so often.
pub const NOBODY: u32 = u32::MAX;

/// Ticks of what was due of some slots from a second on, until a moment, and is not in `told`.
pub fn ticks(
    scenario: &Scenario,
    slots: Slots,
    (from, until): (u32, Moment),
    told: &Planned,
) -> Vec<Tick> {
    let mut due: Vec<Due> = lacking(scenario, slots, (from, until), told)
        .into_iter()
        .map(|((second, step), count)| of(scenario, second, step, count))
        .collect();
    let mut recorder = Recorder::new(scenario.thresholds());
    let parts: Vec<_> = recorder.fold(&mut [], &mut due, &mut []).collect();
    let mut ticks = Ticks::of(slots, NOBODY);
    parts.chunks(MOST_PARTS).map(|parts| ticks.parts(parts.to_vec())).collect()
}

fn lacking(
    scenario: &Scenario,
    slots: Slots,
    (from, until): (u32, Moment),
    told: &Planned,
) -> Planned {
    let mut lacking = Planned::new();
    if scenario.load.is_closed() {
        return lacking;
    }
    let mine = slots.first..slots.first + slots.count;
    let is_mine = |index: u64| mine.contains(&((index % u64::from(slots.of)) as u32));
    for arrival in Arrivals::new(&scenario.load).take_while(|arrival| arrival.at < until) {
        if arrival.at.second() < from || !is_mine(arrival.index) {
            continue;
        }
        let mut choices = Choices::new(scenario.load.seed, arrival.index);
        let flow = drawn::flow(scenario, &mut choices);
        if let Some(step) = drawn::first_step(scenario, flow) {
            *lacking.entry((arrival.at.second(), step.0)).or_default() += 1;
        }
    }
    for (at, count) in &mut lacking {
        *count = count.saturating_sub(told.get(at).copied().unwrap_or(0));
    }
    lacking.retain(|_, count| *count > 0);
    lacking
}

fn of(scenario: &Scenario, second: u32, step: u16, count: u64) -> Due {
    let step = crate::scenario::model::StepId(step);
    let limit = scenario.step(step).timeout.as_nanos() as u64;
    let count = count as u32;
    let missed = Missed { count, lag: limit, limit };
    Due { second, step, planned: count, sent: 0, missed }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::outcome::{Cause, Outcome};
    use crate::scenario::read::{Origin, parse};

    fn scenario(seed: u64, rate: f64) -> Scenario {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}},
                "flows": [
                    {{"name": "a", "weight": 3, "steps": [{{"name": "a1", "request": "GET /"}},
                        {{"name": "a2", "request": "GET /"}}]}},
                    {{"name": "b", "steps": [{{"think": "1s"}}, {{"name": "b1", "request": "GET /"}}]}}],
                "load": {{"seed": {seed}, "stages": [{{"for": "5s", "rate": "{rate}/s"}},
                    {{"for": "5s", "rate": "{rate}/s -> 1/s"}}]}}}}"#
        );
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        parse(&text, &Origin::default(), &|_| None, &no_file).unwrap()
    }

    const END: Moment = Moment(10_000_000_000);

    fn planned(ticks: &[Tick]) -> u64 {
        ticks.iter().flat_map(|tick| &tick.parts).map(|part| part.counts.planned).sum()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// Any number of generators, of slots of each: all that each lacks is all that is due.
        #[test]
        fn what_all_shares_lack_is_the_whole_schedule(
            threads in prop::collection::vec(1_u32..5, 1..6),
            seed in 0_u64..1_000_000,
            rate in 1_u32..200,
        ) {
            let scenario = scenario(seed, f64::from(rate));
            let whole = Arrivals::new(&scenario.load).count() as u64;
            let of = threads.iter().sum();
            let (mut first, mut sum) = (0, Planned::new());
            for count in threads {
                let slots = Slots { first, count, of };
                for (at, count) in lacking(&scenario, slots, (0, END), &Planned::new()) {
                    *sum.entry(at).or_default() += count;
                }
                first += count;
            }
            prop_assert_eq!(sum.values().sum::<u64>(), whole);
            prop_assert_eq!(sum, lacking(&scenario, Slots::all(1), (0, END), &Planned::new()));
        }
    }

    #[test]
    fn what_was_told_is_not_lacking_and_what_is_due_after_the_end_neither() {
        let scenario = scenario(7, 100.0);
        let slots = Slots { first: 1, count: 1, of: 2 };
        let all = lacking(&scenario, slots, (3, Moment(6_000_000_000)), &Planned::new());
        assert!(all.keys().all(|(second, _)| (3..6).contains(second)));
        assert!(all.keys().all(|(_, step)| [0, 2].contains(step)), "the first step of each flow");
        let mut told = all.clone();
        assert_eq!(ticks(&scenario, slots, (3, Moment(6_000_000_000)), &told), Vec::new());
        *told.get_mut(&(4, 0)).unwrap() -= 2;
        told.insert((4, 1), 50);
        let rest = ticks(&scenario, slots, (3, Moment(6_000_000_000)), &told);
        let [tick] = &rest[..] else { panic!("{rest:?}") };
        let counts = &tick.parts[0].counts;
        assert_eq!((planned(&rest), counts.outcome(Outcome::Unsent), counts.sent), (2, 2, 0));
        assert_eq!(counts.cause(Cause::Late), 2);
        assert_eq!((tick.claim, tick.slots, tick.parts[0].second), (NOBODY, slots, 4));
    }
}
