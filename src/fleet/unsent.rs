//! What was due of a share and never begun: the arrivals of a generator that was lost.
//!
//! A generator tells each second what fell due in it. What its slots have after the last second that
//! it told whole, less what it told of later ones, was never begun, and is unsent. Users of a closed
//! load who are gone ask for nothing; nobody knows what they would have asked for.

use std::collections::BTreeMap;

use crate::engine::drawn;
use crate::engine::plan::Purpose;
use crate::record::interval::StepCounts;
use crate::record::outcome::{Cause, Outcome};
use crate::record::phase::Phase;
use crate::record::recorder::{Due, Missed, Part, Recorder};
use crate::record::run::Head;
use crate::record::series::{Layout, SeriesId, SeriesKey};
use crate::record::tick::{MOST_PARTS, Tick, Ticks};
use crate::scenario::data::Rows;
use crate::scenario::data::order::Taking;
use crate::scenario::model::{Scenario, StepId, TenantId};
use crate::scenario::slots::Slots;
use crate::schedule::several::Stream;
use crate::schedule::tenants::{Census, Member, Noise};
use crate::schedule::{Arrival, Choices};
use crate::units::Moment;

/// What fell due, by second and series.
pub type Planned = BTreeMap<(u32, SeriesId), u64>;

/// What is known of some requests that fell due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    planned: i64,
    sent: i64,
    ended: i64,
    unsent: i64,
}

impl Standing {
    /// Adds what was told.
    pub fn add(&mut self, counts: &StepCounts) {
        self.planned += counts.planned.cast_signed();
        self.sent += counts.sent.cast_signed();
        self.ended += counts.ended().cast_signed();
        self.unsent += counts.outcome(Outcome::Unsent).cast_signed();
    }

    /// Whether all of them have ended.
    pub fn is_over(&self) -> bool {
        self.planned == self.ended && self.in_flight() == 0
    }

    fn in_flight(&self) -> i64 {
        self.sent - (self.ended - self.unsent)
    }

    /// Those without an end, and how many of them were sent.
    fn open(&self) -> (u64, u64) {
        let open = (self.planned - self.ended).max(0);
        (open.cast_unsigned(), self.in_flight().clamp(0, open).cast_unsigned())
    }
}

/// What fell due and was begun, and nobody knows how it ended, by second and series.
pub type Begun = BTreeMap<(u32, SeriesId), Standing>;

/// The claim of ticks that nobody sent: no run goes on so often.
pub const NOBODY: u32 = u32::MAX;

/// Ticks of what was due of some slots from a second on, until a moment, and is not in `told`; and of
/// what was begun, and has no end: who sent that cannot tell any more, so it has none.
pub fn ticks(
    (scenario, head): (&Scenario, &Head),
    slots: Slots,
    span: (u32, Moment),
    (told, begun): (&Planned, &Begun),
) -> Vec<Tick> {
    let mut due: Vec<Due> = lacking((scenario, head), slots, span, told)
        .into_iter()
        .filter_map(|((second, series), count)| of((scenario, head), second, series, count))
        .collect();
    let open = begun.iter().filter_map(|((second, series), standing)| {
        let due = of((scenario, head), *second, *series, standing.open().0)?;
        Some(Due { planned: 0, ..due })
    });
    due.extend(open);
    let mut recorder = Recorder::of(head);
    let mut parts: Vec<Part> = recorder.fold(&mut [], &mut due, &mut []).collect();
    for part in &mut parts {
        blame_the_loss(part, begun);
    }
    let mut ticks = Ticks::of(slots, NOBODY);
    parts.chunks(MOST_PARTS).map(|parts| ticks.parts(parts.to_vec())).collect()
}

/// Nobody was late with them, and no punctual generator would have made them faster. What was sent
/// is not unsent: it has no answer.
fn blame_the_loss(part: &mut Part, begun: &Begun) {
    let standing = begun.get(&(part.second, part.series)).copied().unwrap_or_default();
    let (_, in_flight) = standing.open();
    part.counts.outcomes[Outcome::Unsent.index()] -= in_flight;
    part.counts.outcomes[Outcome::TransportError.index()] += in_flight;
    let owed = part.counts.cause(Cause::Late);
    part.counts.causes[Cause::Late.index()] -= owed;
    part.counts.add_causes(Cause::GeneratorLost, owed);
    part.times[Phase::Least] = part.times[Phase::Response].clone();
}

fn lacking(
    (scenario, head): (&Scenario, &Head),
    slots: Slots,
    (from, until): (u32, Moment),
    told: &Planned,
) -> Planned {
    let mut lacking = Planned::new();
    if scenario.load.is_closed() {
        return lacking;
    }
    let (layout, noise) = (Layout::of(&head.series), Noise::of(scenario));
    let mut census = Census::of(scenario);
    let mine = slots.first..slots.first + slots.count;
    let is_mine = |index: u64| mine.contains(&((index % u64::from(slots.of)) as u32));
    for arrival in Stream::new(&scenario.load).take_while(|arrival| arrival.at < until) {
        if arrival.at.second() < from || !is_mine(arrival.index) {
            continue;
        }
        if let Some(key) = first_of(scenario, (census.as_mut(), noise.as_ref()), arrival) {
            *lacking.entry((arrival.at.second(), layout.series(key))).or_default() += 1;
        }
    }
    for (at, count) in &mut lacking {
        *count = count.saturating_sub(told.get(at).copied().unwrap_or(0));
    }
    lacking.retain(|_, count| *count > 0);
    lacking
}

/// What an arrival begins with, and whose it is; nothing where there is no row for it any more.
fn first_of(
    scenario: &Scenario,
    (census, noise): (Option<&mut Census>, Option<&Noise>),
    arrival: Arrival,
) -> Option<SeriesKey> {
    let seed = scenario.load.seed;
    let flow = drawn::flow(scenario, noise, arrival, &mut Choices::new(seed, arrival.index));
    let rows = Rows { data: &scenario.data, seed, taking: Taking::Load };
    if drawn::ends_before(rows, &scenario.flows[flow], arrival.index + 1) {
        return None;
    }
    let step = drawn::first_step(scenario, flow)?;
    let member = |census: &mut Census| {
        drawn::member(scenario, Purpose::Load, (census, noise), (flow, arrival))
    };
    let Member { tenant, .. } = census.map(member).unwrap_or_default();
    Some(SeriesKey { step, tenant })
}

fn of(
    (scenario, head): (&Scenario, &Head),
    second: u32,
    series: SeriesId,
    count: u64,
) -> Option<Due> {
    let series = head.series.get(series.index())?;
    let (step, tenant) = (StepId(series.step), TenantId(series.tenant.unwrap_or(0)));
    let limit = scenario.step(step).timeout.as_nanos() as u64;
    let count = count as u32;
    // They were not sent late: they were not sent.
    let missed = Missed { count, lag: 0, limit };
    Some(Due { second, step, tenant, planned: count, sent: 0, missed })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use proptest::prelude::*;

    use super::*;
    use crate::experiment::head::head;
    use crate::scenario::read::{DataFiles, Origin, parse};
    use crate::schedule::arms::{Timed, Timing};

    /// Of two flows and five tenants, of whom two are told apart.
    fn scenario(seed: u64, rate: f64) -> Scenario {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}},
                "tenants": {{"count": 5, "sizes": "zipf(1.1)"}}, "limits": {{"tenants": 2}},
                "flows": [
                    {{"name": "a", "weight": 3, "steps": [{{"name": "a1", "request": "GET /"}},
                        {{"name": "a2", "request": "GET /{{{{tenant}}}}"}}]}},
                    {{"name": "b", "steps": [{{"think": "1s"}},
                        {{"name": "b1", "request": "GET /{{{{tenant}}}}"}}]}}],
                "load": {{"seed": {seed}, "stages": [{{"for": "5s", "rate": "{rate}/s"}},
                    {{"for": "5s", "rate": "{rate}/s -> 1/s"}}]}}}}"#
        );
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        parse(&text, &Origin::default(), &|_| None, &no_file).unwrap()
    }

    fn head_of(scenario: &Scenario) -> Head {
        head(scenario, String::new(), 1, SystemTime::UNIX_EPOCH)
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
            let head = head_of(&scenario);
            let of_run = (&scenario, &head);
            let whole = Stream::new(&scenario.load).count() as u64;
            let of = threads.iter().sum();
            let (mut first, mut sum) = (0, Planned::new());
            for count in threads {
                let slots = Slots { first, count, of };
                for (at, count) in lacking(of_run, slots, (0, END), &Planned::new()) {
                    *sum.entry(at).or_default() += count;
                }
                first += count;
            }
            prop_assert_eq!(sum.values().sum::<u64>(), whole);
            prop_assert_eq!(sum, lacking(of_run, Slots::all(1), (0, END), &Planned::new()));
        }
    }

    /// What slots have of a load, second by second and step by step, as workers take it.
    fn taken(scenario: &Scenario, slots: Slots) -> Planned {
        let mut taken = Planned::new();
        for slot in (0..slots.threads()).map(|thread| slots.slot(thread)) {
            let arrivals = Timed::new(&scenario.load, Timing::Alone).skip(slot.index as usize);
            for arrival in arrivals.step_by(slot.of as usize) {
                let choices = &mut Choices::new(scenario.load.seed, arrival.index);
                let flow = drawn::flow(scenario, None, arrival, choices);
                let step = drawn::first_step(scenario, flow).unwrap();
                *taken.entry((arrival.at.second(), SeriesId(step.0))).or_default() += 1;
            }
        }
        taken
    }

    #[test]
    fn what_is_owed_of_several_loads_a_recording_and_a_cap_is_what_workers_would_have_taken() {
        let stages = r#""stages": [{"for": "10s", "rate": "60/s"}]"#;
        let own =
            r#""load": {"stages": [{"for": "3s", "pause": true}, {"for": "4s", "rate": "40/s"}]},"#;
        let replay = r#""replay": {"file": "all.csv"}"#;
        for (own, load) in [
            (own, stages.to_owned()),
            ("", replay.to_owned()),
            (own, replay.to_owned()),
            ("", format!(r#""max_iterations": 250, {stages}"#)),
            (own, format!(r#""max_requests": 300, {stages}"#)),
        ] {
            let text = format!(
                r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}}, "flows": [
                    {{"name": "a", "steps": [{{"name": "a", "request": "GET /a"}}]}},
                    {{"name": "b", {own} "steps": [{{"name": "b", "request": "GET /b"}}]}}],
                    "load": {{"seed": 5, {load}}}}}"#
            );
            let folder = tempfile::tempdir().unwrap();
            let moments: String =
                (0..500_u32).map(|at| format!("{:.3}\n", f64::from(at * at) / 25_000.0)).collect();
            std::fs::write(folder.path().join("all.csv"), format!("time\n{moments}")).unwrap();
            let (data, folder) = (DataFiles::Here, folder.path().to_owned());
            let origin = Origin { folder, data, ..Origin::default() };
            let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
            let scenario = parse(&text, &origin, &|_| None, &no_file).unwrap();
            let head = head_of(&scenario);
            let end = Moment(scenario.load.length().as_nanos() as u64);
            for slots in [Slots { first: 0, count: 1, of: 3 }, Slots { first: 1, count: 2, of: 3 }]
            {
                let owed = lacking((&scenario, &head), slots, (0, end), &Planned::new());
                assert!(!owed.is_empty());
                assert_eq!(owed, taken(&scenario, slots), "{text}");
            }
        }
    }

    /// A scenario whose files are in a folder.
    fn in_folder(text: &str, folder: &std::path::Path) -> Scenario {
        let (data, folder) = (DataFiles::Here, folder.to_owned());
        let origin = Origin { folder, data, ..Origin::default() };
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        parse(text, &origin, &|_| None, &no_file).unwrap()
    }

    #[test]
    fn what_was_begun_and_has_no_end_has_failed() {
        let scenario = scenario(7, 100.0);
        let head = head_of(&scenario);
        let slots = Slots { first: 1, count: 1, of: 2 };
        let span = (3, Moment(6_000_000_000));
        let all = lacking((&scenario, &head), slots, span, &Planned::new());
        // Of nine that fell due in the first second four were sent, of which one has ended.
        let standing = Standing { planned: 9, sent: 4, ended: 1, unsent: 0 };
        assert!(!standing.is_over());
        let begun: Begun = [((0, SeriesId(1)), standing)].into();
        let told = ticks((&scenario, &head), slots, span, (&all, &begun));
        let [tick] = &told[..] else { panic!("{told:?}") };
        let [part] = &tick.parts[..] else { panic!("{tick:?}") };
        let counts = &part.counts;
        let of = |outcome| counts.outcome(outcome);
        assert_eq!((part.second, part.series, counts.planned), (0, SeriesId(1), 0));
        assert_eq!((of(Outcome::Unsent), of(Outcome::TransportError)), (5, 3));
        assert_eq!((counts.ended(), counts.cause(Cause::GeneratorLost)), (8, 8));
        assert_eq!(part.times[Phase::Response].count(), 8);
        let mut ended = Standing::default();
        let mut counts = StepCounts { planned: 2, sent: 1, ..StepCounts::default() };
        (counts.outcomes[Outcome::Ok.index()], counts.outcomes[Outcome::Unsent.index()]) = (1, 1);
        ended.add(&counts);
        assert!(ended.is_over() && ended.open() == (0, 0));
    }

    #[test]
    fn nothing_is_owed_once_rows_have_ended_the_load() {
        let folder = tempfile::tempdir().unwrap();
        let rows: String = (0..30).map(|row| format!("row{row}\n")).collect();
        std::fs::write(folder.path().join("rows.csv"), format!("name\n{rows}")).unwrap();
        let text = r#"{"name": "one", "target": {"url": "http://127.0.0.1:1"},
            "data": {"rows": {"file": "rows.csv", "order": "unique", "at_end": "stop"}},
            "flows": [{"name": "a", "steps": [{"name": "a", "request": "GET /{{rows.name}}"}]}],
            "load": {"seed": 5, "stages": [{"for": "10s", "rate": "20/s"}]}}"#;
        let scenario = in_folder(text, folder.path());
        let head = head_of(&scenario);
        let nothing = (&Planned::new(), &Begun::new());
        let owed = ticks((&scenario, &head), Slots::all(1), (0, END), nothing);
        assert_eq!(planned(&owed), 30);
    }

    #[test]
    fn what_a_noisy_tenant_does_more_is_owed_to_him() {
        let text = r#"{"name": "one", "target": {"url": "http://127.0.0.1:1"},
            "tenants": {"names": ["a", "b"], "sizes": "zipf(1)"},
            "flows": [{"name": "flow", "steps": [{"name": "step", "request": "GET /{{tenant}}"}]}],
            "load": {"stages": [{"for": "5s", "rate": "100/s"},
                {"for": "5s", "rate": "100/s", "noisy": {"tenant": "b", "times": 5}}]},
            "slo": {"neighbours": ["p99 < 2x"]}}"#;
        let scenario = in_folder(text, std::path::Path::new("."));
        let head = head_of(&scenario);
        let owed = lacking((&scenario, &head), Slots::all(1), (0, END), &Planned::new());
        let of = |tenant: u16, is_noisy: bool| -> u64 {
            let is_it = |(second, series): &(u32, SeriesId)| {
                (*second >= 5) == is_noisy && head.tenant_of(series.index()) == Some(tenant)
            };
            owed.iter().filter(|(at, _)| is_it(at)).map(|(_, count)| count).sum()
        };
        let [calm, noisy] = [false, true].map(|is_noisy| of(1, is_noisy));
        assert!(calm > 120 && noisy > 4 * calm, "{calm} {noisy}");
        let [calm, noisy] = [false, true].map(|is_noisy| of(0, is_noisy) as f64);
        assert!((noisy / calm - 1.0).abs() < 0.2, "the others as much as before: {calm} {noisy}");
    }

    #[test]
    fn what_was_told_is_not_lacking_and_what_is_due_after_the_end_neither() {
        let scenario = scenario(7, 100.0);
        let head = head_of(&scenario);
        let of_run = (&scenario, &head);
        let slots = Slots { first: 1, count: 1, of: 2 };
        let span = (3, Moment(6_000_000_000));
        let all = lacking(of_run, slots, span, &Planned::new());
        assert!(all.keys().all(|(second, _)| (3..6).contains(second)));
        let steps: Vec<usize> =
            all.keys().map(|(_, series)| head.step_of(series.index())).collect();
        assert!(steps.iter().all(|step| [0, 2].contains(step)), "the first step of each flow");
        assert_eq!(ticks(of_run, slots, span, (&all, &Begun::new())), Vec::new());
        let (mut told, at) = (all.clone(), *all.keys().find(|(second, _)| *second == 4).unwrap());
        *told.get_mut(&at).unwrap() -= 2;
        told.insert((4, SeriesId(1)), 50);
        let rest = ticks(of_run, slots, span, (&told, &Begun::new()));
        let [tick] = &rest[..] else { panic!("{rest:?}") };
        let counts = &tick.parts[0].counts;
        assert_eq!((planned(&rest), counts.outcome(Outcome::Unsent), counts.sent), (2, 2, 0));
        assert_eq!((counts.cause(Cause::Late), counts.cause(Cause::GeneratorLost)), (0, 2));
        assert_eq!((tick.claim, tick.slots, tick.parts[0].second), (NOBODY, slots, 4));
    }

    #[test]
    fn what_a_lost_generator_owed_is_owed_to_whose_it_was() {
        let scenario = scenario(11, 150.0);
        let head = head_of(&scenario);
        let slots = Slots { first: 0, count: 1, of: 2 };
        let nothing = (&Planned::new(), &Begun::new());
        let parts: Vec<_> = ticks((&scenario, &head), slots, (0, END), nothing)
            .into_iter()
            .flat_map(|tick| tick.parts)
            .collect();
        let of_tenant = |tenant| -> u64 {
            let is_of = |series: SeriesId| head.tenant_of(series.index()) == tenant;
            parts.iter().filter(|part| is_of(part.series)).map(|it| it.counts.planned).sum()
        };
        let [first, second, others] = [Some(0), Some(1), Some(2)].map(of_tenant);
        assert!(first > second && second > 20 && others > 20, "{first} {second} {others}");
        assert_eq!(of_tenant(None), 0);
    }
}
