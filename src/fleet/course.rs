//! The course of a load that several carry out: from the word to start to the record.

use std::collections::HashMap;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use crate::engine::collector::Progress;
use crate::engine::plan::Stop;
use crate::experiment::control::Control;
use crate::experiment::crowd::Crowd;
use crate::experiment::event::Event;
use crate::experiment::measured::StillUp;
use crate::experiment::trial_error::TrialError;
use crate::fleet::gathering::Desk;
use crate::fleet::hearing::{Hearing, Lives};
use crate::fleet::loads::Ordered;
use crate::fleet::manner::{Manner, OnLoss, Pace};
use crate::fleet::reckoning::Reckoning;
use crate::fleet::roster::{self, Member};
use crate::fleet::settling::{Ended, settle};
use crate::fleet::stream::{self, Receipt, Said};
use crate::fleet::watching::{self, Watched, Watches, Watching};
use crate::fleet::wire::{self, Alive, Last};
use crate::record::told::TickReader;
use crate::scenario::slots::Slots;

/// How often everything is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long requests in flight may take when a generator is lost.
const DRAIN_LOST: Duration = Duration::from_secs(1);
/// Seconds between two words on how generators fare.
const TELL_EVERY: u32 = 10;
/// By then whoever has started has said so.
const STARTED: Duration = Duration::from_secs(2);
/// How long agents may take beyond the schedule and the longest time limit.
const PATIENCE: Duration = Duration::from_secs(15);

/// An agent that has not told of a second so long after it is not waited for.
const UNTOLD: Duration = Duration::from_millis(1_500);

/// A load under way.
pub struct Course<'c> {
    desk: &'c Desk,
    control: &'c Control,
    crowd: Crowd<'c>,
    members: Vec<Member>,
    /// What each owes and has told.
    reckoning: Reckoning,
    /// Seconds that were told.
    passed: u32,
    until: Duration,
    is_ordered: bool,
    /// Whether all have what they were given.
    is_given: bool,
    troubles: usize,
    manner: Manner,
    /// Who was lost was told of.
    losses: usize,
    /// How many other rates were passed on.
    orders: usize,
    /// Who watches the target's processes where they are.
    watching: Option<Watching>,
    /// Up to when all that was said has been heard.
    hearing: Hearing,
    /// The places of members, by what is unlike any other's.
    places: HashMap<String, usize>,
    reader: TickReader,
    /// What need not be kept any more is said to be so when there is nothing to hear.
    receipts: Vec<Receipt>,
}

impl<'c> Course<'c> {
    /// One that was told when to start.
    pub fn new(
        desk: &'c Desk,
        control: &'c Control,
        (crowd, manner, iterations): (Crowd<'c>, Manner, u64),
        members: Vec<Member>,
    ) -> Course<'c> {
        let scenario = crowd.scenario();
        let longest = scenario.steps.iter().map(|step| step.timeout).max().unwrap_or_default();
        let until = scenario.load.length() + longest + PATIENCE;
        let (passed, is_ordered, is_given, troubles, losses) = (0, false, false, 0, 0);
        let slots: Vec<Slots> = members.iter().map(|member| member.head.slots).collect();
        let reckoning = Reckoning::of(scenario, &slots, iterations);
        let (mut members, now) = (members, Instant::now());
        for member in &mut members {
            member.begin(now);
        }
        desk.hear_ourselves();
        let places = members.iter().map(|member| member.agent.clone()).zip(0..).collect();
        Course {
            desk,
            control,
            crowd,
            members,
            reckoning,
            passed,
            until,
            is_ordered,
            is_given,
            troubles,
            manner,
            losses,
            orders: 0,
            watching: desk.watcher.get().map(|hello| Watching::new(hello, now)),
            hearing: Hearing::from(now),
            places,
            reader: TickReader::default(),
            receipts: Vec::new(),
        }
    }

    /// Listens until there is nothing to wait for; closes the record.
    pub fn run(mut self, watch: &mut dyn FnMut(Event)) -> Result<StillUp, TrialError> {
        while !self.members.iter().all(Member::is_done) {
            self.hear();
            stream::confirm(&self.desk.link, &mut self.receipts);
            self.hear_who_lives();
            self.crowd.look();
            self.pass_on_stop();
            self.look_at_members(watch);
            match self.manner.pace {
                Pace::Planned => self.tell(watch),
                Pace::Steered => self.tell_at_once(watch),
            }
            self.pass_on_orders();
        }
        self.finish(watch)
    }

    fn hear(&mut self) {
        let until = Instant::now() + LOOK;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            match self.desk.inbox.recv_timeout(left) {
                Ok(said) => self.take(said),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// All of it, before anybody is missed.
    fn hear_who_lives(&mut self) {
        let desk = self.desk;
        for lives in desk.lives.try_iter() {
            match lives {
                Lives::Agent(heard, came) => {
                    let alive = wire::read::<Alive>(&heard.said);
                    let alive = alive.filter(|alive| alive.epoch == desk.epoch);
                    if let (Some(index), Some(alive)) = (self.member_of(&heard.subject), alive) {
                        self.members[index].hear(alive, came);
                    }
                }
                Lives::Watcher(heard, came) => {
                    let said = wire::read::<Watches>(&heard.said);
                    let said = said.filter(|said| said.epoch == desk.epoch);
                    if let (Some(watching), Some(said)) = (self.watcher(&heard.subject), said) {
                        watching.hear(&said, came);
                    }
                }
                Lives::Ourselves(said, came) => {
                    self.hearing.comes_back(desk.clock.instant(said), came);
                }
            }
        }
    }

    fn take(&mut self, said: Said) {
        match said {
            Said::Hello(_) => {}
            Said::Learnt { subject, said, receipt } if self.watcher(&subject).is_some() => {
                let watched = wire::read::<Watched>(&said);
                let watched = watched.filter(|it| it.epoch == self.desk.epoch);
                if let Some(watched) = watched {
                    self.crowd.take_watched(watched.second);
                }
                // Nobody who completes the record without us counts on it.
                self.receipts.push(receipt);
            }
            Said::Learnt { subject, said, receipt } => {
                // What is of nobody, or came before, is kept for nobody.
                let Some(index) = self.member_of(&subject) else {
                    return self.receipts.push(receipt);
                };
                if subject == wire::end(&self.desk.run, &self.members[index].agent) {
                    if !self.take_last(index, &said) {
                        self.receipts.push(receipt);
                    }
                    return;
                }
                self.take_tick(index, &said);
                // What is on no disk comes again.
                if self.crowd.record().is_settled() {
                    self.receipts.push(receipt);
                }
            }
        }
    }

    /// Whoever watches, if that is its subject.
    fn watcher(&mut self, subject: &str) -> Option<&mut Watching> {
        let run = &self.desk.run;
        self.watching.as_mut().filter(|it| {
            let own = [watching::seconds(run, &it.watcher), watching::alive(run, &it.watcher)];
            own.iter().any(|own| own == subject)
        })
    }

    /// Whose subject it is: its end names the agent.
    fn member_of(&self, subject: &str) -> Option<usize> {
        self.places.get(wire::whose(subject)?).copied()
    }

    /// Not what is of others' slots, nor what comes once others have gone on without it.
    fn take_tick(&mut self, index: usize, line: &[u8]) {
        let member = &mut self.members[index];
        if member.lost.is_some() && self.manner.on_loss == OnLoss::Unsent {
            return;
        }
        let mut told = match self.reader.read(line, &self.crowd.head().series) {
            Ok(told) if member.owns(&told.tick) => told,
            Ok(_) => return member.told_wrongly("a tick of slots that it does not have"),
            Err(why) => return member.told_wrongly(&why),
        };
        for second in &mut told.tick.generator {
            second.skew_ns = member.alive.as_ref().map(|alive| alive.skew_ns);
            second.skew_bound_ns = member.alive.as_ref().map(|alive| alive.bound_ns);
            second.sent = Some(member.sent.get(&second.second).copied().unwrap_or(0));
        }
        if self.crowd.take_told(&told) {
            self.members[index].learn(&told.tick);
            self.reckoning.learn(index, &told.tick, self.crowd.head());
        } else if let Some(why) = self.crowd.record().refused() {
            self.members[index].told_wrongly(why);
        }
    }

    /// Whether it was the last word, and the first one that was.
    fn take_last(&mut self, index: usize, said: &[u8]) -> bool {
        let last = wire::read::<Last>(said).filter(|last| last.epoch == self.desk.epoch);
        let Some(last) = last else { return false };
        let member = &mut self.members[index];
        let is_new = member.last.is_none();
        if is_new {
            self.crowd.keep_failures(last.failures.as_bytes());
            member.last = Some((last, Instant::now()));
        }
        is_new
    }

    /// Whoever ends this load ends it for all.
    fn pass_on_stop(&mut self) {
        if self.is_ordered {
            return;
        }
        if let Stop::Drain(until) = *self.control.subscribe().borrow() {
            let left = until.saturating_duration_since(Instant::now()).as_millis() as u64;
            self.desk.change(|beat| beat.stop = Some(left));
            self.desk.beat_now();
            self.is_ordered = true;
        }
    }

    /// Whoever gives the load another rate gives it to all, as all that holds is said again and again.
    fn pass_on_orders(&mut self) {
        let all = self.control.orders.all();
        if all.len() > self.orders {
            self.orders = all.len();
            self.desk.change(|beat| beat.orders = all.iter().map(Ordered::of).collect());
            self.desk.beat_now();
        }
    }

    fn look_at_members(&mut self, watch: &mut dyn FnMut(Event)) {
        let now = Instant::now();
        let looked = self.hearing.look(now);
        let elapsed = self.crowd.elapsed();
        let is_too_late = elapsed > self.until;
        let is_started = elapsed > STARTED + now.saturating_duration_since(looked.heard);
        self.reckoning.pass(self.crowd.scenario(), &self.control.orders.all(), elapsed);
        for index in 0..self.members.len() {
            let was_done = self.members[index].is_done();
            let member = &mut self.members[index];
            let ticks = self.crowd.record().whole(member.id, 0);
            member.look(looked, ticks, self.is_ordered);
            self.reckoning.look_at((index, member), was_done, self.crowd.until());
            if is_too_late && !member.is_done() {
                member.is_wrong("did not come to an end");
            }
            if is_started && !member.has_started() && !member.is_done() {
                member.lost = Some(format!("{} did not start", member.name));
            }
            if !was_done && member.is_done() {
                let agent = member.agent.clone();
                self.desk.change(|beat| beat.done.push(agent));
            }
        }
        if let Some(why) = self.watching.as_mut().and_then(|it| it.look(looked.heard)) {
            watch(Event::Warning(format!(
                "{why}; no objective on the target's processes is met without it"
            )));
        }
        self.forget_given();
        self.tell_troubles(watch);
        let lost: Vec<String> = self.members.iter().filter_map(|it| it.lost.clone()).collect();
        let is_new = lost.len() > std::mem::replace(&mut self.losses, lost.len());
        if self.is_ordered || lost.is_empty() {
            return;
        }
        let why = lost.join("; ");
        if !self.goes_on() {
            watch(Event::Warning(format!("the run ends here, without a verdict: {why}")));
            self.control.drain(DRAIN_LOST);
            self.pass_on_stop();
        } else if is_new {
            watch(Event::Warning(format!(
                "the run goes on, and counts as unsent what it owes: {why}"
            )));
        }
    }

    /// Whether whoever was lost is no reason to end: it is known what each owes, and not all are.
    fn goes_on(&self) -> bool {
        let is_certain = |member: &Member| {
            let is_whole = self.crowd.record().whole(member.id, 0).is_some();
            member.lost.is_none() || is_whole && !member.is_uncertain
        };
        self.manner.on_loss == OnLoss::Unsent
            && self.members.iter().all(is_certain)
            && self.members.iter().any(|member| member.lost.is_none())
    }

    /// What was given to all who began is said no longer than they need it.
    fn forget_given(&mut self) {
        let all_know = self.members.iter().all(|it| it.has_started() || it.is_done());
        if all_know && !self.is_given {
            self.is_given = true;
            self.desk.change(|beat| {
                if let Some(go) = &mut beat.go {
                    go.given.clear();
                }
            });
        }
    }

    fn tell_troubles(&mut self, watch: &mut dyn FnMut(Event)) {
        let troubled = self.members.iter().filter_map(|member| {
            let trouble = member.alive.as_ref()?.trouble.as_ref()?;
            Some(format!("{} cannot tell what it learns: {trouble}", member.name))
        });
        let troubled: Vec<String> = troubled.collect();
        if troubled.len() > self.troubles {
            watch(Event::Warning(troubled.join("; ")));
        }
        self.troubles = troubled.len();
    }

    fn tell(&mut self, watch: &mut dyn FnMut(Event)) {
        let elapsed = self.crowd.elapsed().as_secs() as u32;
        // What fell due in a second is told a little later.
        while self.passed + 2 <= elapsed {
            let in_flight = self.members.iter().map(|member| member.in_flight).sum();
            self.crowd.pass(self.passed, in_flight, watch);
            if (self.passed + 1).is_multiple_of(TELL_EVERY) {
                let second = self.passed.saturating_sub(1);
                watch(Event::Told(roster::described(&self.members, second)));
            }
            self.passed += 1;
        }
    }

    /// The next second, if all have told of it that are at work, or have had the time to. What is
    /// not known of a generator by then is as if it had stood still.
    fn tell_at_once(&mut self, watch: &mut dyn FnMut(Event)) {
        let second = self.passed;
        let end = Duration::from_secs(u64::from(second) + 1);
        let elapsed = self.crowd.elapsed();
        let is_silent = |it: &&Member| !it.is_done() && !it.passed.contains_key(&second);
        let is_lacking = self.members.iter().find(is_silent).is_some();
        if elapsed < end || (is_lacking && elapsed < end + UNTOLD) {
            return;
        }
        let mut sum = Progress { second, ..Progress::default() };
        for passed in self.members.iter().filter_map(|it| it.passed.get(&second)) {
            passed.add_to(&mut sum);
        }
        if is_lacking {
            sum.stood_still_ns = u64::MAX;
        }
        self.crowd.pass_as_told(sum, watch);
        self.passed += 1;
    }

    fn finish(mut self, watch: &mut dyn FnMut(Event)) -> Result<StillUp, TrialError> {
        let ended = Ended { is_early: self.control.ended().is_some(), went_on: self.goes_on() };
        let mut carried = settle(&mut self.crowd, &self.members, ended);
        carried.watcher = self.watching.take().map(Watching::into_record);
        self.crowd.finish(carried, watch)
    }
}
