//! What fell due of each generator's share, second by second, against what it has told of: nobody is
//! whole who leaves out a part, whatever the ticks that he says there are.
//!
//! Of an open load the schedule says it, to a request where a flow begins with one
//! ([`super::entrance`]); it is walked through once for all, a second after the other as they pass.
//! What was told as expected is forgotten, so memory is bounded by what differs. Users who wait for
//! answers owe nothing that could be counted; they are weighed by the iterations that they speak of.
//! Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::orders::Order;
use crate::fleet::due::{SECOND, Walk};
use crate::fleet::entrance::{Entrance, Entrances};
use crate::fleet::roster::Member;
use crate::fleet::wire::{Cause, Last};
use crate::record::run::Head;
use crate::record::tick::Tick;
use crate::scenario::model::Scenario;
use crate::scenario::slots::Slots;

/// What is found of a generator that has said its last word.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Weighed {
    /// It has told of all that fell due.
    Whole,
    /// Its share goes on.
    Early,
    /// What it told cannot be all, or cannot be.
    Wrong(String),
}

/// What all owe and have told.
#[derive(Debug)]
pub struct Reckoning {
    entrances: Entrances,
    /// Through the schedule; nothing of a closed load.
    walk: Option<Walk>,
    length: Duration,
    accounts: Vec<Account>,
}

/// One generator's.
#[derive(Debug, Default)]
struct Account {
    /// Requests told less those that fell due, by second and flow, where they differ.
    balance: BTreeMap<(u32, u16), i64>,
    /// The same of flows that think first, of the whole run.
    later: BTreeMap<u16, i64>,
    /// All requests that it told of.
    planned: u64,
    ended: u64,
    /// What it told of and nobody asked it for.
    excess: Option<String>,
    /// Users that it has, and how many of them from the beginning.
    users: (u64, u64),
}

impl Reckoning {
    /// Of generators with some slots, of a load before which there were so many iterations.
    pub fn of(scenario: &Scenario, slots: &[Slots], iterations: u64) -> Reckoning {
        let load = &scenario.load;
        let walk = (!load.is_closed()).then(|| Walk::of(scenario, slots, iterations));
        let first = load.stages.first().and_then(|stage| stage.users);
        // Of several loads each has users of its own, who may come later.
        let from_the_beginning = first.filter(|_| load.parts.is_empty()).map_or(0, |it| it.from);
        let share = |users: u32, slots: &Slots| -> u64 {
            let of = |thread| u64::from(users.saturating_sub(thread).div_ceil(slots.of.max(1)));
            (slots.first..slots.first + slots.count).map(of).sum()
        };
        let account = |slots| {
            let users = (share(load.most_users(), slots), share(from_the_beginning, slots));
            Account { users, ..Account::default() }
        };
        let accounts = slots.iter().map(account).collect();
        Reckoning { entrances: Entrances::of(scenario), walk, length: load.length(), accounts }
    }

    /// A generator has told something new.
    pub fn learn(&mut self, index: usize, tick: &Tick, head: &Head) {
        let Some(account) = self.accounts.get_mut(index) else { return };
        for part in &tick.parts {
            account.planned += part.counts.planned;
            account.ended += part.counts.ended();
            let step = head.step_of(part.series.index());
            let (Some(walk), Some(flow)) = (&self.walk, self.entrances.flow_of(step)) else {
                continue;
            };
            if part.counts.planned > 0 {
                let entrance = self.entrances.entrance(usize::from(flow));
                account.told((part.second, flow), part.counts.planned, (entrance, walk));
            }
        }
    }

    /// So much of the schedule has passed, with these orders.
    pub fn pass(&mut self, scenario: &Scenario, orders: &[Order], elapsed: Duration) {
        let Some(walk) = &mut self.walk else { return };
        walk.obey(orders);
        while walk.may_go_on(elapsed) {
            let second = walk.before;
            let due = walk.second(scenario, &self.entrances);
            let flows = self.entrances.flows().max(1);
            for (account, due) in self.accounts.iter_mut().zip(due.chunks(flows)) {
                account.owes(second, due, &self.entrances);
            }
        }
    }

    /// Nobody is whole who has told of more or less than fell due, which is known of one that was done
    /// before. Surely due was what lay before a moment at which somebody ended the load.
    pub fn look_at(&self, (index, member): (usize, &mut Member), was_done: bool, until: Duration) {
        if was_done || member.lost.is_some() {
            return;
        }
        let excess = self.accounts.get(index).and_then(|account| account.excess.clone());
        let weighed = match (excess, &member.last) {
            (Some(why), _) => Weighed::Wrong(why),
            (None, Some((last, _))) if member.is_whole => {
                self.weigh(index, last, member.told_before, until)
            }
            (None, _) => return,
        };
        member.is_whole = weighed == Weighed::Whole;
        if let Weighed::Wrong(why) = weighed {
            member.is_wrong(&why);
        }
    }

    /// Weighs what a generator has told, whose last word is there: the first second of which it may
    /// not have told, and how much was surely due until somebody ended the load.
    fn weigh(&self, index: usize, last: &Last, told: u32, until: Duration) -> Weighed {
        let Some(account) = self.accounts.get(index) else { return Weighed::Whole };
        let wrong = match last.cause {
            Cause::Ordered => account.lacking(surely_before(until)),
            Cause::Finished => match self.finished(index, last, told) {
                Ok(wrong) => wrong,
                Err(Early) => return Weighed::Early,
            },
            // Lost for that already.
            _ => None,
        };
        let ended = account.ended.saturating_sub(account.planned);
        let wrong = wrong.or_else(|| {
            (ended > 0).then(|| format!("told the end of {ended} requests that never fell due"))
        });
        wrong.map_or(Weighed::Whole, Weighed::Wrong)
    }

    fn finished(&self, index: usize, last: &Last, told: u32) -> Result<Option<String>, Early> {
        let account = &self.accounts[index];
        let is_used_up = last.used_up.is_some();
        if let Some(walk) = &self.walk {
            match is_used_up {
                true if walk.rows_of_users => return Ok(account.unended()),
                true if walk.has_ended_for(index) => {}
                _ if walk.is_over() => {}
                _ => return Err(Early),
            }
        }
        let end = self.walk.as_ref().map_or(self.length.as_nanos() as u64, |walk| walk.end.0);
        let silent = (u64::from(told) < end / SECOND && !is_used_up)
            .then(|| format!("told of {told} s of {} s, and that it had finished", end / SECOND));
        let wrong = silent.or_else(|| account.unended()).or_else(|| account.lacking(u32::MAX));
        Ok(wrong.or_else(|| self.untold(account, last)))
    }

    /// Of users who wait for answers it is known how many iterations they began, by their own word.
    fn untold(&self, account: &Account, last: &Last) -> Option<String> {
        if self.walk.is_some() || !self.entrances.all_ask() {
            return None;
        }
        let (users, first) = account.users;
        // Each may have been about to ask when the load ended.
        let least = last.iterations.saturating_sub(users);
        if account.planned == 0 && first > 0 && last.used_up.is_none() {
            return Some(format!("told of no request, having {first} users"));
        }
        (account.planned < least).then(|| {
            let planned = account.planned;
            format!("told of {planned} requests, and began {} iterations", last.iterations)
        })
    }
}

/// The share of a generator goes on.
struct Early;

/// The first second of which nobody knows whether all of it was due.
fn surely_before(until: Duration) -> u32 {
    until.as_secs().saturating_sub(1).min(u64::from(u32::MAX)) as u32
}

impl Account {
    fn told(&mut self, at: (u32, u16), count: u64, (entrance, walk): (Entrance, &Walk)) {
        let count = count.cast_signed();
        match entrance {
            Entrance::Unknown => {}
            Entrance::Later(_) => *self.later.entry(at.1).or_default() += count,
            Entrance::One | Entrance::Some => {
                let is_known = at.0 < walk.before || walk.is_behind(at.0);
                // What has passed and is not here was told as it was due.
                if is_known && entrance == Entrance::Some && !self.balance.contains_key(&at) {
                    return;
                }
                *self.balance.entry(at).or_default() += count;
                if is_known {
                    self.settle(at, entrance);
                }
            }
        }
    }

    /// A second has passed, of which so much was due of each flow.
    fn owes(&mut self, second: u32, due: &[u64], entrances: &Entrances) {
        for (flow, due) in (0..).zip(due) {
            let (at, entrance) = ((second, flow), entrances.entrance(usize::from(flow)));
            match entrance {
                Entrance::Unknown => {}
                Entrance::Later(_) => {
                    *self.later.entry(flow).or_default() -= due.cast_signed();
                }
                Entrance::One | Entrance::Some => {
                    *self.balance.entry(at).or_default() -= due.cast_signed();
                    self.settle(at, entrance);
                }
            }
        }
    }

    /// Forgets what was told as it was due.
    fn settle(&mut self, at: (u32, u16), entrance: Entrance) {
        let Some(rest) = self.balance.get(&at).copied().filter(|rest| *rest >= 0) else { return };
        self.balance.remove(&at);
        if rest > 0 && entrance == Entrance::One {
            self.excess.get_or_insert_with(|| {
                format!("told of {rest} requests more than fell due in second {}", at.0)
            });
        }
    }

    /// What it has not told of seconds before one.
    fn lacking(&self, before: u32) -> Option<String> {
        let known =
            self.balance.iter().filter(|((second, _), rest)| *second < before && **rest < 0);
        let (mut sum, mut first) = (0, None);
        for ((second, _), rest) in known {
            sum += rest.unsigned_abs();
            first.get_or_insert(*second);
        }
        if let Some(first) = first {
            return Some(format!(
                "told nothing of {sum} requests that fell due, the first of them in second {first}"
            ));
        }
        let later: i64 = self.later.values().map(|rest| (*rest).min(0)).sum();
        (before == u32::MAX && later < 0)
            .then(|| format!("told nothing of {} requests that fell due", later.unsigned_abs()))
    }

    fn unended(&self) -> Option<String> {
        let open = self.planned.saturating_sub(self.ended);
        (open > 0).then(|| {
            format!("told no end of {open} requests that fell due, and that it had finished")
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::engine::drawn;
    use crate::experiment::head::head;
    use crate::record::handshakes::Handshakes;
    use crate::record::interval::{StepCounts, StepTimes};
    use crate::record::outcome::Outcome;
    use crate::record::recorder::Part;
    use crate::record::series::SeriesId;
    use crate::record::tick::Ticks;
    use crate::scenario::data::Rows;
    use crate::scenario::data::order::Taking;
    use crate::scenario::flow::Action;
    use crate::scenario::read::{DataFiles, Origin, parse};
    use crate::schedule::Choices;
    use crate::schedule::arms::{Timed, Timing};
    use crate::units::{Moment, Rate};

    const STAGES: &str =
        r#""stages": [{"for": "3s", "rate": "40/s"}, {"for": "2500ms", "rate": "40/s -> 4/s"}]"#;
    const ONE: &str = r#"{"name": "a", "steps": [{"name": "a1", "request": "GET /"},
        {"name": "a2", "request": "GET /"}]}"#;
    const LOGIN: &str = r#"{"name": "b", "steps": [{"name": "b1", "request": "GET /", "once": true},
        {"name": "b2", "request": "GET /"}]}"#;
    const THINKS: &str = r#"{"name": "c", "steps": [{"think": "500ms..900ms"},
        {"name": "c1", "request": "GET /"}]}"#;

    fn scenario(flows: &str, load: &str, more: &str) -> Scenario {
        let text = format!(
            r#"{{"name": "one", "target": {{"url": "http://127.0.0.1:1"}}, {more}
                "flows": [{flows}], "load": {{"seed": 5, {load}}}}}"#
        );
        let folder = tempfile::tempdir().unwrap();
        let rows: String = (0..70).map(|row| format!("row{row}\n")).collect();
        std::fs::write(folder.path().join("rows.csv"), format!("name\n{rows}")).unwrap();
        let (data, folder) = (DataFiles::Here, folder.path().to_owned());
        let origin = Origin { folder, data, ..Origin::default() };
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        parse(&text, &origin, &|_| None, &no_file).unwrap()
    }

    const SLOTS: [Slots; 2] =
        [Slots { first: 0, count: 1, of: 3 }, Slots { first: 1, count: 2, of: 3 }];

    /// What slots have of a load as workers take it: second and step of each iteration's first request.
    fn taken(scenario: &Scenario, slots: Slots) -> Vec<(u32, usize)> {
        let (mut taken, end) = (Vec::new(), scenario.load.length().as_nanos() as u64);
        for slot in (0..slots.threads()).map(|thread| slots.slot(thread)) {
            let arrivals = Timed::new(&scenario.load, Timing::Alone).skip(slot.index as usize);
            for arrival in arrivals.step_by(slot.of as usize) {
                let mut choices = Choices::new(scenario.load.seed, arrival.index);
                let flow = drawn::flow(scenario, None, arrival, &mut choices);
                let rows = Rows { data: &scenario.data, seed: 5, taking: Taking::Load };
                if drawn::ends_before(rows, &scenario.flows[flow], arrival.index + 1) {
                    break;
                }
                let mut at = arrival.at;
                if let Action::Think(think) = scenario.flows[flow].actions[0] {
                    at = Moment(at.0 + choices.thinks_for(think));
                }
                let step = drawn::first_step(scenario, flow).unwrap();
                if at.0 < end {
                    taken.push((at.second(), step.index()));
                }
            }
        }
        taken
    }

    fn last(cause: Cause) -> Last {
        Last {
            epoch: String::new(),
            cause,
            ticks: 0,
            iterations: 0,
            completed: 0,
            handshakes: Handshakes::default(),
            failures: String::new(),
            used_up: None,
        }
    }

    const WHOLE: Duration = Duration::from_millis(5_500);

    /// A reckoning of two generators of whom the second has told of some requests, all of which have
    /// ended, in an order that nobody would expect.
    fn told(scenario: &Scenario, second: &[(u32, usize)]) -> Reckoning {
        let head = head(scenario, String::new(), 1, SystemTime::UNIX_EPOCH);
        let mut reckoning = Reckoning::of(scenario, &SLOTS, 0);
        let mut ticks = Ticks::of(SLOTS[1], 0);
        let part = |(second, step): &(u32, usize)| {
            let mut counts = StepCounts { planned: 1, ..StepCounts::default() };
            counts.outcomes[Outcome::Ok.index()] = 1;
            let times = StepTimes::default();
            Part { second: *second, series: SeriesId(*step as u16), counts, times }
        };
        for (index, at) in second.iter().enumerate() {
            if index % 7 == 3 {
                let elapsed = Duration::from_millis(index as u64 * 60);
                reckoning.pass(scenario, &[], elapsed);
            }
            reckoning.learn(1, &ticks.parts(vec![part(at)]), &head);
        }
        reckoning.pass(scenario, &[], WHOLE);
        reckoning
    }

    #[track_caller]
    fn wrong(reckoning: &Reckoning, words: &str) {
        let found = match &reckoning.accounts[1].excess {
            Some(why) => why.clone(),
            None => match reckoning.weigh(1, &last(Cause::Finished), 6, WHOLE) {
                Weighed::Wrong(why) => why,
                other => panic!("{other:?}"),
            },
        };
        assert!(found.contains(words), "{found}");
    }

    #[track_caller]
    fn whole(reckoning: &Reckoning) {
        assert_eq!(reckoning.accounts[1].excess, None);
        assert_eq!(reckoning.weigh(1, &last(Cause::Finished), 6, WHOLE), Weighed::Whole);
    }

    #[test]
    fn who_told_of_all_that_fell_due_is_whole_and_nothing_is_kept() {
        for flows in [ONE.to_owned(), format!("{ONE}, {LOGIN}, {THINKS}")] {
            let scenario = scenario(&flows, STAGES, "");
            let mut all = taken(&scenario, SLOTS[1]);
            assert!(all.len() > 60, "{}", all.len());
            // More requests of steps that are not always the first.
            all.extend(all.clone().iter().filter(|(_, step)| *step == 2).map(|at| (at.0, 3)));
            all.extend([(0, 1), (6, 1), (7, 1)]);
            let reckoning = told(&scenario, &all);
            whole(&reckoning);
            assert_eq!(reckoning.accounts[1].balance, BTreeMap::new());
        }
    }

    #[test]
    fn one_request_less_or_more_of_any_flow_is_found() {
        let scenario = scenario(&format!("{ONE}, {LOGIN}, {THINKS}"), STAGES, "");
        let all = taken(&scenario, SLOTS[1]);
        for step in [0, 2] {
            let place = all.iter().rposition(|(_, of)| *of == step).unwrap();
            let mut less = all.clone();
            let (second, _) = less.remove(place);
            let words = format!(
                "told nothing of 1 requests that fell due, the first of them in second {second}"
            );
            wrong(&told(&scenario, &less), &words);
        }
        // It is not known when they had thought for long enough, but that they had.
        let less: Vec<_> = all.iter().copied().filter(|(at, step)| *step != 4 || *at < 3).collect();
        wrong(&told(&scenario, &less), "told nothing of");
        for at in [(1, 0), (5, 0), (6, 0)] {
            for place in [0, all.len()] {
                let mut more = all.clone();
                more.insert(place, at);
                wrong(&told(&scenario, &more), "1 requests more than fell due in second");
            }
        }
    }

    #[test]
    fn who_says_that_he_has_finished_must_have() {
        let scenario = scenario(ONE, STAGES, "");
        let nothing = Reckoning::of(&scenario, &SLOTS, 0);
        let finished = last(Cause::Finished);
        assert_eq!(nothing.weigh(1, &finished, 0, WHOLE), Weighed::Early);
        let all = taken(&scenario, SLOTS[1]);
        let mut open = told(&scenario, &all);
        let silent = open.weigh(1, &finished, 4, WHOLE);
        assert_eq!(
            silent,
            Weighed::Wrong("told of 4 s of 5 s, and that it had finished".to_owned())
        );
        open.accounts[1].planned += 3;
        wrong(&open, "no end of 3 requests");
        open.accounts[1].ended += 5;
        wrong(&open, "the end of 2 requests that never fell due");
    }

    #[test]
    fn what_was_due_shortly_before_an_order_to_end_may_be_lacking() {
        let scenario = scenario(ONE, STAGES, "");
        let early: Vec<_> =
            taken(&scenario, SLOTS[1]).into_iter().filter(|(second, _)| *second < 2).collect();
        let reckoning = told(&scenario, &early);
        let of =
            |millis| reckoning.weigh(1, &last(Cause::Ordered), 3, Duration::from_millis(millis));
        assert_eq!([of(400), of(3_900)], [Weighed::Whole, Weighed::Whole]);
        let Weighed::Wrong(why) = of(4_100) else { panic!("second 2 had passed long ago") };
        assert!(why.contains("in second 2"), "{why}");
    }

    #[test]
    fn rows_that_end_the_load_end_what_is_owed() {
        let more =
            r#""data": {"rows": {"file": "rows.csv", "order": "unique", "at_end": "stop"}},"#;
        let flow = ONE.replace("GET /", "GET /{{rows.name}}");
        let scenario = scenario(&flow, STAGES, more);
        let all = taken(&scenario, SLOTS[1]);
        assert!(all.len() < 50, "70 rows are shared by three slots");
        let reckoning = told(&scenario, &all);
        whole(&reckoning);
        let used_up = Some(crate::fleet::wire::UsedUp { data: "rows".to_owned(), cut_ns: None });
        let used_up = Last { used_up, ..last(Cause::Finished) };
        assert_eq!(reckoning.weigh(1, &used_up, 2, WHOLE), Weighed::Whole);
        // Before anybody can have come to the end of them.
        let early = Reckoning::of(&scenario, &SLOTS, 0);
        assert_eq!(early.weigh(1, &used_up, 0, WHOLE), Weighed::Early);
        wrong(&told(&scenario, &all[..all.len() - 1]), "told nothing of 1 ");
    }

    #[test]
    fn other_rates_are_owed_from_their_moments_on() {
        let scenario = scenario(ONE, r#""stages": [{"for": "6s", "rate": "30/s"}]"#, "");
        let orders = [
            Order::Rate { from: Moment(2 * SECOND), rate: Rate(90.0) },
            Order::End { at: Moment(5 * SECOND) },
        ];
        let due = |orders: &[Order]| -> Vec<i64> {
            let mut reckoning = Reckoning::of(&scenario, &[Slots::all(1)], 0);
            reckoning.pass(&scenario, &[], Duration::from_secs(1));
            reckoning.pass(&scenario, &orders[..orders.len().min(1)], Duration::from_millis(1_900));
            reckoning.pass(&scenario, orders, Duration::from_secs(6));
            (0..6)
                .map(|at| reckoning.accounts[0].balance.get(&(at, 0)).map_or(0, |it| -it))
                .collect()
        };
        let (steady, other) = (due(&[]), due(&orders));
        assert_eq!((&other[..2], other[5]), (&steady[..2], 0));
        assert!(
            steady[5] > 10 && other[2..5].iter().all(|count| (60..130).contains(count)),
            "{other:?}"
        );
    }

    #[test]
    fn users_who_wait_are_weighed_by_the_iterations_that_they_began() {
        let scenario = scenario(ONE, r#""stages": [{"for": "5s", "users": 4}]"#, "");
        let said = |iterations| Last { iterations, ..last(Cause::Finished) };
        let mut reckoning = Reckoning::of(&scenario, &SLOTS, 0);
        let of = |reckoning: &Reckoning, said: &Last| reckoning.weigh(1, said, 6, WHOLE);
        assert!(
            matches!(of(&reckoning, &said(0)), Weighed::Wrong(why) if why.contains("having 2 users"))
        );
        (reckoning.accounts[1].planned, reckoning.accounts[1].ended) = (50, 50);
        assert_eq!(of(&reckoning, &said(52)), Weighed::Whole);
        assert!(
            matches!(of(&reckoning, &said(53)), Weighed::Wrong(why) if why.contains("53 iterations"))
        );
        assert!(matches!(reckoning.weigh(1, &said(50), 4, WHOLE), Weighed::Wrong(_)));
    }
}
