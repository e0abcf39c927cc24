//! What a stress test does next, second by second: ramp up until the target breaks, hold, go
//! beyond, fall back, wait until it is as before.
//!
//! | phase | ends by | next |
//! | --- | --- | --- |
//! | warm-up | its length | the ramp's first step, or what comes before a spike |
//! | step of the ramp | failures, or growth by its end | hold at the same rate; at the first step: stop |
//! | | its length, and so much of it was seen that it can be judged | the next step; stop at the highest rate, or without time |
//! | | its length, the generator being late; twice its length, and it cannot be judged | stop |
//! | hold | its length, as with a step, and it still does not keep up | the first overload |
//! | | its length, and it does | the next step |
//! | overload, spike | its length | the next overload, or fall back |
//! | fall back | as before for five seconds, or its length | stop |
//!
//! A second of the load comes in once it is over, while the next one runs. What is decided then
//! holds from the second after that one on, so each phase is judged without its last second. Where
//! several generators have to hear of it, it holds later: [`AMONG_SEVERAL`].

pub mod breaking;
pub mod planning;
pub mod recovering;

use crate::analysis::controller::Next;
use crate::analysis::controller::stress::recovering::{Before, IN_A_ROW};
use crate::record::stress::{
    Phase, PhaseKind, Plan, Profile, Repeat, RepeatEnd, SAME, StressSecond,
};

/// To which share of the breaking rate the load falls back.
pub const FALL_BACK: f64 = 0.5;
/// A step or a hold that cannot be judged goes on, at most so many times its length.
const LONGER: u32 = 2;

/// What is decided after a second holds from so many seconds after it: one is lost to each phase.
const ALONE: u32 = 2;
/// The same where several generators hear of it, and are heard, over a network.
pub const AMONG_SEVERAL: u32 = 4;

/// Breaks a target once.
#[derive(Debug)]
pub struct Controller {
    plan: Plan,
    /// The ramp is over by this second.
    ramp_until: u32,
    repeat: Repeat,
    is_over: bool,
    /// How many seconds after one what is decided by it holds.
    reaction: u32,
}

impl Controller {
    /// A repeat that begins at a rate and whose ramp is over by a second.
    pub fn new(plan: Plan, folder: String, from: f64, ramp_until: u32) -> Controller {
        let first = Phase { kind: PhaseKind::WarmUp, from: 0, rate: from };
        let repeat = Repeat { folder, phases: vec![first], ..Repeat::default() };
        Controller { plan, ramp_until, repeat, is_over: false, reaction: ALONE }
    }

    /// The same where what is decided holds so many seconds after the second that decided it.
    #[must_use]
    pub fn reacting_after(self, reaction: u32) -> Controller {
        Controller { reaction, ..self }
    }

    /// What was measured so far.
    pub fn repeat(&self) -> &Repeat {
        &self.repeat
    }

    /// What was measured, with how it ended: by itself, unless something else ended it.
    pub fn into_repeat(mut self, end: Option<RepeatEnd>) -> Repeat {
        self.repeat.end = end.or(self.repeat.end);
        self.repeat
    }

    /// A second is over. What the load does from the second after the next on; `None`: it goes on.
    pub fn saw(&mut self, second: StressSecond) -> Option<Next<Phase, RepeatEnd>> {
        let is_known = self.repeat.seconds.last().is_some_and(|last| last.second >= second.second);
        if is_known || self.is_over {
            return None;
        }
        self.repeat.seconds.push(second);
        let next = self.decide(second.second)?;
        match &next {
            Next::Measure(phase) => self.repeat.phases.push(*phase),
            Next::Stop(why) => {
                self.repeat.end = Some(why.clone());
                self.is_over = true;
            }
        }
        Some(next)
    }

    /// The second at which what is decided after another one begins to hold.
    pub fn holds_from(&self, second: u32) -> u32 {
        second.saturating_add(self.reaction)
    }

    fn decide(&self, now: u32) -> Option<Next<Phase, RepeatEnd>> {
        let phase = *self.repeat.phases.last()?;
        if now < phase.from {
            return None;
        }
        let seconds = self.repeat.seconds_of(self.repeat.phases.len() - 1);
        // The phase goes on for one more second, whatever is decided.
        let has_lasted = |length: u32| lasted(phase, now) >= length;
        let go = |kind, rate| Some(Next::Measure(Phase { kind, from: self.holds_from(now), rate }));
        match phase.kind {
            PhaseKind::WarmUp if has_lasted(self.plan.warmup_seconds) => {
                go(PhaseKind::Ramp, phase.rate)
            }
            PhaseKind::Ramp => self.after_step(phase, seconds, now),
            PhaseKind::Hold => self.after_hold(phase, seconds, now),
            PhaseKind::Overload(factor) if has_lasted(self.plan.hold_seconds) => {
                let index = self.plan.factors.iter().position(|it| (it - factor).abs() < SAME);
                let next = index.map_or(usize::MAX, |index| index + 1);
                Some(self.beyond(next, self.broke_at(), now))
            }
            PhaseKind::Spike if has_lasted(self.spike().1) => {
                go(PhaseKind::FallBack, self.repeat.phases[0].rate)
            }
            PhaseKind::FallBack => self.recovery(phase, seconds, now).map(Next::Stop),
            PhaseKind::WarmUp | PhaseKind::Overload(_) | PhaseKind::Spike => None,
        }
    }

    /// A step of the ramp goes on, is over, or is one too many.
    fn after_step(
        &self,
        phase: Phase,
        seconds: &[StressSecond],
        now: u32,
    ) -> Option<Next<Phase, RepeatEnd>> {
        let from = self.holds_from(now);
        let seen = seen(phase, seconds, self.plan.step_seconds, now);
        if seen == Seen::TooLittle {
            return Some(Next::Stop(RepeatEnd::Generator));
        }
        let is_over = seen == Seen::Enough;
        let is_late = breaking::is_late(seconds, now + 1 - phase.from);
        let by_all = || {
            let usual = self.usual(phase.rate, seconds);
            let grows = breaking::growing(seconds, usual);
            grows.or_else(|| breaking::failed_step(seconds)).filter(|_| is_over)
        };
        let broken = breaking::failing(seconds).filter(|_| !is_late).or_else(by_all);
        if broken.is_some() {
            let is_first = self.repeat.healthy().next().is_none();
            let hold = Phase { kind: PhaseKind::Hold, from, ..phase };
            let stop = Next::Stop(RepeatEnd::BrokenAtStart);
            return Some(if is_first { stop } else { Next::Measure(hold) });
        }
        let offered: u64 = seconds.iter().map(|second| second.offered).sum();
        if offered < breaking::FEWEST_OFFERED {
            // Nobody knows whether it works; it goes on for as long as the ramp may.
            return (from >= self.ramp_until).then_some(Next::Stop(RepeatEnd::NoTime));
        }
        is_over.then(|| match self.plan.profile {
            Profile::Ramp => self.next_step(phase.rate, now),
            Profile::Spike { times, .. } => {
                Next::Measure(Phase { kind: PhaseKind::Spike, from, rate: phase.rate * times })
            }
        })
    }

    /// The target still does not keep up, or it does after all.
    fn after_hold(
        &self,
        phase: Phase,
        seconds: &[StressSecond],
        now: u32,
    ) -> Option<Next<Phase, RepeatEnd>> {
        match seen(phase, seconds, self.plan.hold_seconds, now) {
            Seen::NotYet => return None,
            Seen::TooLittle => return Some(Next::Stop(RepeatEnd::Generator)),
            Seen::Enough => {}
        }
        Some(match breaking::staying(seconds, self.usual(phase.rate, seconds)) {
            Some(_) => self.beyond(0, phase.rate, now),
            None => self.next_step(phase.rate, now),
        })
    }

    fn next_step(&self, rate: f64, now: u32) -> Next<Phase, RepeatEnd> {
        let from = self.holds_from(now);
        if rate >= self.plan.highest * (1.0 - SAME) {
            return Next::Stop(RepeatEnd::HighestRate);
        }
        if from.saturating_add(self.plan.step_seconds) > self.ramp_until {
            return Next::Stop(RepeatEnd::NoTime);
        }
        let rate = (rate * (1.0 + self.plan.growth)).min(self.plan.highest);
        Next::Measure(Phase { kind: PhaseKind::Ramp, from, rate })
    }

    /// The overload at a place, or the fall back behind the last one. Less than the rate that
    /// broke it is no overload, whatever capacity was given; and half of more than that may
    /// still be too much to come back at.
    fn beyond(&self, index: usize, broke_at: f64, now: u32) -> Next<Phase, RepeatEnd> {
        let whole = self.plan.capacity.unwrap_or(broke_at).max(broke_at);
        let is_allowed = |factor: &&f64| whole * **factor <= self.plan.highest * (1.0 + SAME);
        let next = self.plan.factors.iter().skip(index).find(is_allowed);
        let (kind, rate) = match next {
            Some(factor) => (PhaseKind::Overload(*factor), whole * factor),
            None => (PhaseKind::FallBack, broke_at * FALL_BACK),
        };
        Next::Measure(Phase { kind, from: self.holds_from(now), rate })
    }

    fn recovery(&self, phase: Phase, seconds: &[StressSecond], now: u32) -> Option<RepeatEnd> {
        let before = Before::of(&self.repeat, phase.rate);
        if before.is_some_and(|before| before.again(seconds, phase.from).is_some()) {
            return Some(RepeatEnd::Recovered);
        }
        let longest = self.plan.recover_within_seconds.saturating_add(IN_A_ROW as u32);
        (now + 1 - phase.from >= longest).then_some(RepeatEnd::NotRecovered)
    }

    /// Requests that are usually in flight at a rate.
    fn usual(&self, rate: f64, seconds: &[StressSecond]) -> f64 {
        Before::of(&self.repeat, rate).map_or(0.0, |before| before.usual(seconds))
    }

    /// The rate of the hold that confirmed the break.
    fn broke_at(&self) -> f64 {
        let hold = breaking::confirmed(&self.repeat);
        hold.map_or(self.plan.from, |hold| self.repeat.phases[hold].rate)
    }

    fn spike(&self) -> (f64, u32) {
        match self.plan.profile {
            Profile::Ramp => (1.0, 0),
            Profile::Spike { times, seconds } => (times, seconds),
        }
    }
}

/// How much was seen of a phase.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Seen {
    /// It goes on.
    NotYet,
    /// It can be judged.
    Enough,
    /// The generator was late for too much of it.
    TooLittle,
}

/// How long a phase lasts if it ends as soon as one generator can end it: judged is as much of it
/// however many there are.
fn lasted(phase: Phase, now: u32) -> u32 {
    now.saturating_add(ALONE) - phase.from
}

/// How much was seen of a phase of a length.
fn seen(phase: Phase, seconds: &[StressSecond], length: u32, now: u32) -> Seen {
    let lasted = lasted(phase, now);
    if lasted < length {
        return Seen::NotYet;
    }
    if breaking::is_late(seconds, now + 1 - phase.from) {
        return Seen::TooLittle;
    }
    if breaking::is_judged(seconds, length) {
        return Seen::Enough;
    }
    if lasted < length * LONGER { Seen::NotYet } else { Seen::TooLittle }
}

#[cfg(test)]
mod simulated;
