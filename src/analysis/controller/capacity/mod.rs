//! The controller of a search for capacity: which rate is tried next, or that it is known. A rate
//! is one of arrivals, or a number of users: a search has the one or the other throughout.
//!
//! | phase | ends by | next |
//! | --- | --- | --- |
//! | warm-up | one trial that does not count | range |
//! | range | doubling (or halving) until one rate is within the objectives and one beyond | goals |
//! | goals | both bounds are as close as the goal asks, with trials as long as it asks | next goal, or confirmation |
//! | confirmation | one long run at 0.9 of the lower bound (or at the rate that is wanted, where that lies between), judged as any run is | stopped, or goals again below it |
//!
//! A trial in which the generator was the limit is repeated once; then no higher rate can be
//! tried, and the answer is *at least*. Everything ends within the time asked for, of which the
//! confirmation's is kept back.

pub mod asked;
pub mod class;
pub mod loads;
pub mod planning;
#[cfg(test)]
mod simulated;

use std::time::Duration;

use crate::analysis::controller::Next;
use crate::record::capacity::{Class, FoundCapacity, Purpose, Why};
use asked::{Asked, RECOVERY, SHORTEST_CONFIRMATION, Spec};
use loads::{Known, Loads};

/// A confirmation is played at this share of the lower bound.
pub const CONFIRMED_AT: f64 = 0.9;
/// Times that a search goes on below a confirmation that was missed.
const MOST_CONFIRMATIONS: u32 = 3;
/// Trials at one rate in which the generator may be the limit.
const MOST_VOID: u32 = 2;
/// How closely the capacity is to be known, and by how many trials at each bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// Trials after which a load is known.
    pub trials: u32,
    /// Upper bound ÷ lower bound − 1.
    pub width: f64,
}

/// The goals of a search, one after the other.
pub const GOALS: [Goal; 3] = [
    Goal { trials: 3, width: 0.08 },
    Goal { trials: 5, width: 0.04 },
    Goal { trials: 7, width: 0.02 },
];

/// Trials after which a rate of the range counts as beyond.
const BEYOND_IN_RANGE: u32 = 5;
/// A confirmation that was missed weighs as much as so many trials.
const CONFIRMATION: u32 = 7;

/// Decides what a search measures.
#[derive(Debug, Clone, PartialEq)]
pub struct Controller {
    asked: Asked,
    loads: Loads,
    phase: Phase,
    spent: Duration,
    /// The lowest rate at which the generator was the limit.
    ceiling: Option<f64>,
    void: (f64, u32),
    missed: u32,
    /// The highest rate that was confirmed, and the lowest that was not.
    confirmed: [Option<f64>; 2],
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    WarmUp,
    Range { rate: f64 },
    Goal { index: usize, rate: f64, step: f64 },
    Confirmation { rate: f64, then: Why },
    Stopped(Why),
}

impl Controller {
    /// A search that begins.
    pub fn new(asked: Asked) -> Controller {
        let start = asked.start.clamp(asked.lowest, asked.highest);
        let phase =
            if asked.warmup.is_zero() { Phase::Range { rate: start } } else { Phase::WarmUp };
        Controller {
            asked: Asked { start, ..asked },
            loads: Loads::default(),
            phase,
            spent: Duration::ZERO,
            ceiling: None,
            void: (0.0, 0),
            missed: 0,
            confirmed: [None; 2],
        }
    }

    /// What to do now.
    pub fn next(&self) -> Next<Spec, Why> {
        let Asked { start, trial, warmup, .. } = self.asked;
        let (purpose, rate, length) = match self.phase {
            Phase::Stopped(why) => return Next::Stop(why),
            Phase::WarmUp => (Purpose::WarmUp, start, warmup),
            Phase::Range { rate } | Phase::Goal { rate, .. } => {
                (Purpose::Trial, rate, trial.at(rate))
            }
            Phase::Confirmation { rate, .. } => (Purpose::Confirmation, rate, self.confirmation()),
        };
        Next::Measure(Spec { purpose, rate, length })
    }

    /// What was to be measured came to its end; so much time is spent since the search began.
    pub fn measured(&mut self, class: Class, spent: Duration) {
        let Next::Measure(spec) = self.next() else { return };
        self.spent = spent;
        match spec.purpose {
            Purpose::WarmUp => self.phase = Phase::Range { rate: self.asked.start },
            Purpose::Confirmation => self.learn_from_confirmation(spec, class),
            Purpose::Trial => match class {
                Class::Good | Class::Bad => {
                    self.loads.add(spec.rate, 1, class == Class::Good);
                    self.advance();
                }
                Class::Void | Class::Undecided => self.learn_limit(spec.rate),
            },
        }
        self.keep_to_the_time();
    }

    /// A target took so long to start, where each measurement has one of its own.
    pub fn started(&mut self, took: Duration) {
        self.asked.starting = self.asked.starting.max(took);
    }

    /// What is kept back of the time for the confirmation, with what stands beside it. No more
    /// than what is left over is waited for the target.
    pub fn kept_back(&self) -> Duration {
        let Asked { confirmation, beside, starting, .. } = self.asked;
        if confirmation.is_zero() { Duration::ZERO } else { starting + confirmation + beside }
    }

    /// No more trials, for another reason than those that it finds itself: what is known is
    /// confirmed, and that is all.
    pub fn ends(&mut self, why: Why) {
        if let Phase::Range { .. } | Phase::Goal { .. } = self.phase {
            self.phase = self.end(why);
            self.keep_to_the_time();
        }
    }

    /// How long a confirmation lasts: shorter where something took the time that it should have.
    fn confirmation(&self) -> Duration {
        let Asked { confirmation, beside, within, .. } = self.asked;
        let left = within.saturating_sub(self.spent + beside);
        confirmation.min(Duration::from_secs(left.as_secs()))
    }

    /// So much time is spent since the search began, with nothing measured.
    pub fn passed(&mut self, spent: Duration) {
        self.spent = spent;
        self.keep_to_the_time();
    }

    /// The highest rate within the objectives and the lowest one beyond, by the strictest goal
    /// that was reached.
    pub fn bounds(&self) -> (Option<f64>, Option<f64>) {
        let of = |goal: &Goal| self.loads.bounds(goal.trials);
        let both = GOALS.iter().rev().map(of).find(|(low, high)| low.is_some() && high.is_some());
        both.unwrap_or_else(|| of(&GOALS[0]))
    }

    /// What is known by now.
    pub fn found(&self) -> FoundCapacity {
        let ((low, high), [confirmed, not_confirmed]) = (self.bounds(), self.confirmed);
        let why = match self.phase {
            Phase::Stopped(why) => Some(why),
            Phase::WarmUp
            | Phase::Range { .. }
            | Phase::Goal { .. }
            | Phase::Confirmation { .. } => None,
        };
        let generator_limit = self.ceiling;
        FoundCapacity { low, high, generator_limit, confirmed, not_confirmed, why }
    }

    /// Goes on until a rate is to be tried.
    fn advance(&mut self) {
        loop {
            let now = match self.phase {
                Phase::Range { rate } => self.after_range(rate),
                Phase::Goal { index, rate, step } => self.after_goal(index, rate, step),
                stays @ (Phase::WarmUp | Phase::Confirmation { .. } | Phase::Stopped(_)) => stays,
            };
            let goes_on = now != self.phase;
            self.phase = now;
            match self.phase {
                Phase::Range { rate } if self.known_in_range(rate) == Known::Open => return,
                Phase::Goal { index, rate, .. }
                    if self.loads.known(rate, GOALS[index].trials) == Known::Open =>
                {
                    return;
                }
                Phase::Range { .. } | Phase::Goal { .. } if goes_on => {}
                _ => return,
            }
        }
    }

    /// A rate that is called beyond by mistake keeps the search below it: that takes more trials.
    fn known_in_range(&self, rate: f64) -> Known {
        match self.loads.known(rate, GOALS[0].trials) {
            Known::Beyond => self.loads.known(rate, BEYOND_IN_RANGE),
            known @ (Known::Within | Known::Open) => known,
        }
    }

    fn after_range(&self, rate: f64) -> Phase {
        let goal = || self.goal(0, GOALS[0].width);
        match (self.known_in_range(rate), self.loads.bounds(GOALS[0].trials)) {
            (Known::Open, _) => Phase::Range { rate },
            (_, (Some(_), Some(_))) => goal(),
            (Known::Within, _) => match self.up(rate, 2.0) {
                Some(rate) => Phase::Range { rate },
                None => goal(),
            },
            (Known::Beyond, _) => match self.down(rate, 2.0) {
                Some(rate) => Phase::Range { rate },
                None => goal(),
            },
        }
    }

    fn after_goal(&self, index: usize, rate: f64, step: f64) -> Phase {
        if self.loads.known(rate, GOALS[index].trials) == Known::Open && rate > 0.0 {
            return Phase::Goal { index, rate, step };
        }
        self.goal(index, step)
    }

    /// The rate to try for a goal; the next goal where it is reached.
    fn goal(&self, index: usize, step: f64) -> Phase {
        let Some(Goal { trials, width }) = GOALS.get(index).copied() else {
            return self.end(Why::Found);
        };
        let next = || self.goal(index + 1, GOALS.get(index + 1).map_or(0.0, |goal| goal.width));
        let at = |rate| Phase::Goal { index, rate, step };
        let wider = |rate| Phase::Goal { index, rate, step: step * 2.0 };
        match self.loads.bounds(trials) {
            (Some(low), Some(high)) => match self.between(low, high, width) {
                Some(rate) => at(rate),
                None => next(),
            },
            (Some(low), None) => match self.up(low, 1.0 + step) {
                Some(rate) => wider(self.open_above(low, trials).unwrap_or(rate)),
                None if self.ceiling.is_some() => self.end(Why::GeneratorLimit),
                None => self.end(Why::AboveHighest),
            },
            (None, high) => {
                let open = self.open_below(high, trials);
                let lowest = self.loads.all().first().map_or(self.asked.start, |it| it.rate);
                match open.or_else(|| self.down(lowest, 1.0 + step)) {
                    Some(rate) => wider(rate),
                    None => Phase::Stopped(Why::BelowLowest),
                }
            }
        }
    }

    /// The lowest rate above one that was tried and is not known yet.
    fn open_above(&self, low: f64, trials: u32) -> Option<f64> {
        let above = |it: &&loads::Tried| it.rate > low && it.known(trials) == Known::Open;
        self.loads.all().iter().find(above).map(|it| it.rate)
    }

    /// The highest rate below one that was tried and is not known yet.
    fn open_below(&self, high: Option<f64>, trials: u32) -> Option<f64> {
        let below = |it: &&loads::Tried| {
            high.is_none_or(|high| it.rate < high) && it.known(trials) == Known::Open
        };
        self.loads.all().iter().rfind(below).map(|it| it.rate)
    }

    /// The middle between two bounds, as long as they are farther from each other than that; of
    /// users there may be none in between.
    fn between(&self, low: f64, high: f64, width: f64) -> Option<f64> {
        let middle = self.whole((low * high).sqrt(), f64::round);
        let middle = if middle <= low { self.whole(low + 1.0, f64::floor) } else { middle };
        (high / low - 1.0 > width && middle < high).then_some(middle)
    }

    /// A load, as a whole number where it is one of users.
    fn whole(&self, load: f64, rounded: fn(f64) -> f64) -> f64 {
        if self.asked.is_whole { rounded(load) } else { load }
    }

    /// A higher rate, as far as there is one.
    fn up(&self, rate: f64, factor: f64) -> Option<f64> {
        let wanted = (rate * factor).min(self.asked.highest);
        let wanted = match self.ceiling {
            // Between the two there may be room for a trial.
            Some(ceiling) if wanted >= ceiling => self.whole((rate * ceiling).sqrt(), f64::floor),
            _ => self.whole(wanted, f64::ceil).min(self.asked.highest),
        };
        let is_near = self.ceiling.is_some_and(|ceiling| ceiling / rate - 1.0 <= GOALS[0].width);
        (wanted > rate && !is_near).then_some(wanted)
    }

    /// A lower rate, as far as there is one.
    fn down(&self, rate: f64, factor: f64) -> Option<f64> {
        let wanted = self.whole(rate / factor, f64::floor).max(self.asked.lowest);
        (wanted < rate).then_some(wanted)
    }

    /// The search is over; what it found may still have to be confirmed.
    fn end(&self, why: Why) -> Phase {
        let (low, _) = self.bounds();
        match low {
            Some(low) if !self.asked.confirmation.is_zero() => {
                Phase::Confirmation { rate: self.confirmed_at(low), then: why }
            }
            _ => Phase::Stopped(why),
        }
    }

    /// Below the bound, as trials are short; what is wanted is not called reached without a run
    /// at that rate.
    fn confirmed_at(&self, low: f64) -> f64 {
        let usual = self.whole(low * CONFIRMED_AT, f64::floor).max(self.asked.lowest.min(low));
        self.asked.wanted.filter(|wanted| (usual..=low).contains(wanted)).unwrap_or(usual)
    }

    fn learn_from_confirmation(&mut self, spec: Spec, class: Class) {
        let Phase::Confirmation { then, .. } = self.phase else { return };
        match class {
            Class::Good => self.confirmed[0] = Some(spec.rate),
            Class::Undecided | Class::Void => {}
            Class::Bad => {
                self.confirmed[1] = Some(spec.rate);
                self.missed += 1;
                self.loads.add(spec.rate, CONFIRMATION, false);
            }
        }
        self.phase = match class {
            Class::Good | Class::Undecided | Class::Void => Phase::Stopped(then),
            Class::Bad if self.missed >= MOST_CONFIRMATIONS => Phase::Stopped(Why::NotConfirmed),
            Class::Bad => self.goal(0, GOALS[0].width),
        };
        self.advance();
    }

    /// The generator could not do it: once more, or no higher.
    fn learn_limit(&mut self, rate: f64) {
        let before = if self.void.0.total_cmp(&rate).is_eq() { self.void.1 } else { 0 };
        self.void = (rate, before + 1);
        if self.void.1 < MOST_VOID {
            return;
        }
        self.ceiling = Some(self.ceiling.map_or(rate, |ceiling| ceiling.min(rate)));
        self.phase = match self.loads.bounds(GOALS[0].trials).0.and_then(|low| self.up(low, 2.0)) {
            Some(rate) => Phase::Range { rate },
            None if self.bounds().0.is_some() => self.end(Why::GeneratorLimit),
            None => match self.down(rate, 2.0) {
                Some(rate) => Phase::Range { rate },
                None => Phase::Stopped(Why::GeneratorLimit),
            },
        };
        self.advance();
    }

    /// What does not fit any more is not begun; a confirmation is kept room for.
    fn keep_to_the_time(&mut self) {
        let Asked { within, beside, confirmation, .. } = self.asked;
        let left = within.saturating_sub(self.spent);
        self.phase = match self.phase {
            Phase::Range { rate } | Phase::Goal { rate, .. } => {
                let recovery = if confirmation.is_zero() { Duration::ZERO } else { RECOVERY };
                let own = self.asked.trial.at(rate) + beside + recovery;
                if left >= own + self.kept_back() {
                    return;
                }
                self.end(Why::OutOfTime)
            }
            stays @ (Phase::WarmUp | Phase::Confirmation { .. } | Phase::Stopped(_)) => stays,
        };
        let is_too_short = self.confirmation() < confirmation.min(SHORTEST_CONFIRMATION);
        if matches!(self.phase, Phase::Confirmation { .. }) && is_too_short {
            self.phase = Phase::Stopped(Why::OutOfTime);
        }
    }
}
