//! What is known of each agent of a run: that it lives, what it has told, and how it ended.
//!
//! | state | ends by | next |
//! | --- | --- | --- |
//! | at work | its last word | ended |
//! | at work | nothing heard of it for longer than its lease | lost |
//! | ended, for another reason than it should | – | lost |
//! | ended | all of its ticks are there | whole |
//! | ended | some are lacking for too long | lost |

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::fleet::foreign;
use crate::fleet::loads::Passed;
use crate::fleet::unsent::{Planned, Standing};
use crate::fleet::wire::{Alive, Last};
use crate::record::generator::{GeneratorHead, GeneratorId};
use crate::record::series::SeriesId;
use crate::record::tick::Tick;

/// For so long an agent sends without a beat, and so long it may be silent.
pub const LEASE: Duration = Duration::from_secs(3);
/// Whoever lives says so four times a second, and is heard of this much later than its lease allows:
/// when a link breaks for as long as a lease, the last word before that is a quarter of a second old.
const MARGIN: Duration = Duration::from_millis(300);
/// For so long nothing may be heard of somebody.
pub(super) const PATIENCE: Duration = LEASE.saturating_add(MARGIN);
/// How long ticks may be on their way when the last word is there.
const ON_THE_WAY: Duration = Duration::from_secs(5);
/// So many seconds that it told of at once are kept.
const MOST_PASSED: usize = 16;
/// So many seconds before its latest one a thread of a generator may still tell of what fell due.
const LATEST: u32 = 10;

/// When members are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Looked {
    /// Now.
    pub now: Instant,
    /// Everything that was said until then has been heard.
    pub heard: Instant,
    /// For how long the coordinator stood still just before, if that was longer than a lease.
    pub stood_still: Option<Duration>,
}

/// An agent that takes part in a run.
#[derive(Debug)]
pub struct Member {
    /// Unlike any other's.
    pub agent: String,
    /// What people call it.
    pub name: String,
    /// Its place in the record.
    pub id: GeneratorId,
    /// Its slots and its machine.
    pub head: GeneratorHead,
    /// What it said last of itself.
    pub alive: Option<Alive>,
    /// Why it does not count any more.
    pub lost: Option<String>,
    /// Whether it is lost in a way in which nobody knows what it has begun.
    pub is_uncertain: bool,
    /// Its last word, and when it came.
    pub last: Option<(Last, Instant)>,
    /// Whether all that it has told is there.
    pub is_whole: bool,
    /// The first second that it has not told whole.
    pub told_before: u32,
    /// What fell due in the seconds from there on, as far as it has told.
    pub told: Planned,
    /// What it began with and has not told the end of.
    pub open: BTreeMap<(u32, SeriesId), Standing>,
    /// What was sent of it, by second.
    pub sent: BTreeMap<u32, u64>,
    /// Requests in flight at the end of its latest second.
    pub in_flight: u64,
    /// The longest send lag of that, in nanoseconds.
    pub lag_ns: u64,
    /// What it said at once of its latest seconds.
    pub passed: BTreeMap<u32, Passed>,
    heard: Instant,
}

impl Member {
    /// One that was just heard.
    pub fn new(
        (agent, name): (String, String),
        id: GeneratorId,
        head: GeneratorHead,
        now: Instant,
    ) -> Member {
        Member {
            agent,
            name,
            id,
            head,
            alive: None,
            lost: None,
            is_uncertain: false,
            last: None,
            is_whole: false,
            told_before: 0,
            told: Planned::new(),
            open: BTreeMap::new(),
            sent: BTreeMap::new(),
            in_flight: 0,
            lag_ns: 0,
            passed: BTreeMap::new(),
            heard: now,
        }
    }

    /// The load begins: whoever was silent before has done nothing wrong.
    pub fn begin(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Whether it has said that it carries its share out, or has.
    pub fn has_started(&self) -> bool {
        self.last.is_some() || self.alive.as_ref().is_some_and(|alive| alive.is_running)
    }

    /// The first second of which it may not have told all.
    pub fn told_until(&self) -> u32 {
        self.told_before.saturating_sub(LATEST)
    }

    /// Whether it may tell this: it is about its own slots, and from its only begin.
    pub fn owns(&self, tick: &Tick) -> bool {
        tick.slots == self.head.slots && tick.claim == 0
    }

    /// It is lost, and what it has told cannot be counted on.
    pub fn is_wrong(&mut self, why: &str) {
        // It may have parts of what was said.
        let why = foreign::line(why, foreign::CAUSE);
        self.lost.get_or_insert_with(|| format!("{} {why}", self.name));
        self.is_uncertain = true;
    }

    /// The same of what it has told.
    pub fn told_wrongly(&mut self, why: &str) {
        self.is_wrong(&format!("told what cannot be: {why}"));
    }

    /// It lives: that came at this moment.
    pub fn hear(&mut self, alive: Alive, came: Instant) {
        self.heard = self.heard.max(came);
        self.passed.extend(alive.passed.iter().map(|passed| (passed.second, *passed)));
        while self.passed.len() > MOST_PASSED {
            self.passed.pop_first();
        }
        self.alive = Some(alive);
    }

    /// It has told something new.
    pub fn learn(&mut self, tick: &Tick) {
        for part in &tick.parts {
            *self.told.entry((part.second, part.series)).or_default() += part.counts.planned;
            *self.sent.entry(part.second).or_default() += part.counts.sent;
            self.open.entry((part.second, part.series)).or_default().add(&part.counts);
        }
        self.open.retain(|_, standing| !standing.is_over());
        for second in &tick.generator {
            self.told_before = self.told_before.max(second.second + 1);
            (self.in_flight, self.lag_ns) = (second.in_flight, second.send_lag_max_ns);
        }
        let from = self.told_before.saturating_sub(LATEST);
        self.told.retain(|(second, _), _| *second >= from);
        self.sent = self.sent.split_off(&from);
    }

    /// `eu-1 450/s, lag 0.3 ms, skew 0.02 ms`.
    fn describe(&self, second: u32) -> String {
        let millis = |ns: f64| ns / 1e6;
        let sent = self.sent.get(&second).copied().unwrap_or(0);
        let skew = self.alive.as_ref().map_or(0.0, |alive| millis(alive.skew_ns as f64));
        let lag = millis(self.lag_ns as f64);
        format!("{} {sent}/s, lag {lag:.1} ms, skew {skew:.2} ms", self.name)
    }

    /// Whether there is anything to wait for.
    pub fn is_done(&self) -> bool {
        self.lost.is_some() || self.is_whole
    }

    /// Looks at it: how many of its ticks are there, if none is lacking between them, and whether
    /// loads were ordered to end. Says why it is lost, once.
    pub fn look(
        &mut self,
        Looked { now, heard, stood_still }: Looked,
        ticks: Option<u32>,
        is_ordered: bool,
    ) -> Option<&str> {
        if self.is_done() {
            return None;
        }
        let over = self.alive.as_ref().and_then(|alive| alive.over.as_ref());
        let over = over.and_then(|cause| cause.fault(is_ordered));
        let why = match &self.last {
            None if over.is_some() => over,
            None if heard.saturating_duration_since(self.heard) > PATIENCE => {
                Some("was not heard of for 3 s: it was killed, frozen or cut off".to_owned())
            }
            Some((last, _)) if last.cause.fault(is_ordered).is_some() => {
                last.cause.fault(is_ordered)
            }
            Some((last, _)) if ticks == Some(last.ticks) => {
                self.is_whole = true;
                None
            }
            Some((last, since)) if now.saturating_duration_since(*since) > ON_THE_WAY => {
                self.is_uncertain = true;
                Some(format!("part of the {} ticks that it told is lacking", last.ticks))
            }
            None | Some(_) => None,
        };
        let still = stood_still.map_or_else(String::new, |still| {
            format!(" (the coordinator had stood still for {:.1} s)", still.as_secs_f64())
        });
        self.lost = why.map(|why| format!("{} {why}{still}", self.name));
        self.lost.as_deref()
    }
}

/// So many are told of at once.
const MOST_TOLD: usize = 3;

/// How those fare who are at work, the latest first.
pub fn described(members: &[Member], second: u32) -> String {
    let mut at_work: Vec<&Member> = members.iter().filter(|member| !member.is_done()).collect();
    at_work.sort_by_key(|member| std::cmp::Reverse(member.lag_ns));
    let more = at_work.len().saturating_sub(MOST_TOLD);
    let said = at_work.iter().take(MOST_TOLD).map(|member| member.describe(second));
    let said = said.collect::<Vec<_>>().join("; ");
    if more == 0 { said } else { format!("{said}; and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::wire::Cause;
    use crate::record::handshakes::Handshakes;
    use crate::record::interval::{StepCounts, StepTimes};
    use crate::record::recorder::Part;
    use crate::record::sample_head;
    use crate::record::telemetry::GeneratorSecond;
    use crate::record::tick::Ticks;

    fn member(now: Instant) -> Member {
        let head = sample_head().generators[0].clone();
        Member::new(("id".to_owned(), "eu-1".to_owned()), GeneratorId(0), head, now)
    }

    fn last(cause: Cause, ticks: u32) -> Last {
        Last {
            epoch: String::new(),
            cause,
            ticks,
            iterations: 0,
            completed: 0,
            handshakes: Handshakes::default(),
            failures: String::new(),
            used_up: None,
        }
    }

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// Everything was heard so far.
    fn at(now: Instant) -> Looked {
        Looked { now, heard: now, stood_still: None }
    }

    #[test]
    fn who_is_silent_for_longer_than_its_lease_is_lost_once() {
        let start = Instant::now();
        let mut member = member(start);
        assert_eq!(member.look(at(start + MS(3_300)), Some(0), false), None);
        let why = member.look(at(start + MS(3_301)), Some(0), false).unwrap().to_owned();
        assert!(why.starts_with("eu-1 was not heard of"), "{why}");
        assert_eq!(member.look(at(start + MS(9_500)), Some(0), false), None);
        assert!(member.is_done() && !member.is_whole);
    }

    #[test]
    fn nobody_is_missed_who_was_not_listened_to() {
        let start = Instant::now();
        let mut member = member(start);
        let behind = Looked { now: start + MS(9_000), heard: start + MS(3_300), stood_still: None };
        assert_eq!(member.look(behind, Some(0), false), None);
        // What it said came later than something that was heard before.
        member.begin(start + MS(4_000));
        member.hear(alive(None), start + MS(3_400));
        assert_eq!(member.look(at(start + MS(7_300)), Some(0), false), None);
        assert!(member.look(at(start + MS(7_301)), Some(0), false).is_some());
    }

    #[test]
    fn of_whoever_stopped_while_we_stood_still_that_is_said() {
        let start = Instant::now();
        let mut member = member(start);
        member.last = Some((last(Cause::LeaseOver, 0), start));
        let looked = Looked { stood_still: Some(MS(5_040)), ..at(start) };
        let why = member.look(looked, Some(0), false).unwrap();
        assert!(why.ends_with("and stopped (the coordinator had stood still for 5.0 s)"), "{why}");
    }

    fn alive(over: Option<Cause>) -> Alive {
        Alive {
            epoch: String::new(),
            is_running: true,
            skew_ns: 0,
            bound_ns: 0,
            trouble: None,
            over,
            passed: Vec::new(),
        }
    }

    #[test]
    fn who_cannot_say_its_last_word_is_lost_by_what_it_says_beside_it() {
        let start = Instant::now();
        let mut one = member(start);
        for over in [None, Some(Cause::Finished)] {
            one.hear(alive(over), start);
            assert_eq!(one.look(at(start), Some(3), false), None);
        }
        one.hear(alive(Some(Cause::Failed("the stream is full".to_owned()))), start);
        assert_eq!(one.look(at(start), Some(3), false), Some("eu-1 failed: the stream is full"));
    }

    #[test]
    fn whose_ticks_are_all_there_is_whole_and_whose_are_lacking_is_lost() {
        let start = Instant::now();
        let mut whole = member(start);
        whole.last = Some((last(Cause::Finished, 7), start));
        assert_eq!(whole.look(at(start), Some(6), false), None);
        assert!(!whole.is_done());
        assert_eq!(whole.look(at(start + MS(100)), Some(7), false), None);
        assert!(whole.is_whole);
        for there in [None, Some(6), Some(8)] {
            let mut lacking = member(start);
            lacking.last = Some((last(Cause::Finished, 7), start));
            assert_eq!(lacking.look(at(start + MS(4_900)), there, false), None);
            let why = lacking.look(at(start + MS(5_100)), there, false).unwrap();
            assert!(why.contains("7 ticks"), "{why}");
        }
    }

    #[test]
    fn what_a_thread_tells_late_is_known_for_ten_seconds() {
        let mut member = member(Instant::now());
        let part = |second: u32, planned: u64| Part {
            second,
            series: SeriesId(0),
            counts: StepCounts { planned, ..StepCounts::default() },
            times: StepTimes::default(),
        };
        let mut ticks = Ticks::of(member.head.slots, 0);
        let mut learn = |member: &mut Member, seen: u32, part: Part| {
            let second = GeneratorSecond { second: seen, ..GeneratorSecond::default() };
            let parts = ticks.parts(vec![part]);
            member.learn(&Tick { generator: vec![second], ..parts });
        };
        for second in 0..30 {
            learn(&mut member, second, part(second, 5));
        }
        // Another thread of it was late by eight seconds.
        learn(&mut member, 29, part(22, 4));
        assert_eq!((member.told_before, member.told_until()), (30, 20));
        let told = |second: u32| member.told.get(&(second, SeriesId(0))).copied();
        assert_eq!((told(19), told(20), told(22), told(29)), (None, Some(5), Some(9), Some(5)));
        assert!(member.told.len() == 10 && member.sent.len() == 10, "memory has a bound");
        // What has ended is not open any more, however late.
        assert_eq!(member.open.len(), 30);
        for second in 0..30 {
            let mut ended = part(second, 0);
            ended.counts.outcomes[0] = if second == 22 { 9 } else { 5 };
            ended.counts.sent = ended.counts.outcomes[0];
            learn(&mut member, 29, ended);
        }
        assert_eq!(member.open, BTreeMap::new());
    }

    #[test]
    fn the_latest_are_told_of() {
        let now = Instant::now();
        let mut members: Vec<Member> = (0..5).map(|_| member(now)).collect();
        for (index, member) in members.iter_mut().enumerate() {
            member.name = format!("eu-{index}");
            member.lag_ns = index as u64 * 1_000_000;
            member.sent.insert(7, 40 + index as u64);
        }
        members[4].lost = Some(String::new());
        let told = described(&members, 7);
        assert_eq!(
            told,
            "eu-3 43/s, lag 3.0 ms, skew 0.00 ms; eu-2 42/s, lag 2.0 ms, skew 0.00 ms; eu-1 41/s, \
             lag 1.0 ms, skew 0.00 ms; and 1 more"
        );
    }

    #[test]
    fn who_ended_otherwise_than_it_should_is_lost_at_once() {
        let start = Instant::now();
        for (cause, is_ordered, is_lost) in [
            (Cause::Ordered, true, false),
            (Cause::Ordered, false, true),
            (Cause::LeaseOver, true, true),
            (Cause::Late(80), false, true),
            (Cause::Stopped, false, true),
        ] {
            let mut member = member(start);
            member.last = Some((last(cause.clone(), 3), start));
            assert_eq!(member.look(at(start), Some(3), is_ordered).is_some(), is_lost, "{cause:?}");
            assert!(member.is_done());
        }
    }
}
