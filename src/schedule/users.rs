//! When a virtual user of a closed load may begin an iteration; pure.
//!
//! Users are numbered from 0 over all slots. Of `n` users those below `n` are there, so who is
//! there depends on the profile and the moment alone, never on answers, workers or slots. In a
//! ramp from `a` to `b` user `u` comes (or goes) when the ramp passes `u + ½`. Where a stage
//! begins with more users than there were, they come one after another over its beginning:
//! nobody opens a thousand connections in the same instant.
//!
//! Of several loads at once each has users of its own, who are numbered behind those of the loads
//! before it.

use crate::scenario::load::{Crowd, Load, Stage, most_users};
use crate::units::Moment;

/// Over how much of a stage new users come at most, in nanoseconds, and as what part of it.
const COMING: u64 = 1_000_000_000;
const COMING_PART: u64 = 10;

/// When users are there.
#[derive(Debug, Clone)]
pub struct Presence {
    stages: Vec<Stretch>,
    most: u32,
}

/// A stage with its users.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: u64,
    end: u64,
    /// How many there were just before.
    before: u32,
    crowd: Crowd,
}

impl Presence {
    /// Of the users of some stages.
    pub fn new(written: &[Stage]) -> Presence {
        let (mut start, mut before, mut stages) = (0, 0, Vec::new());
        for stage in written {
            let end = start + stage.length.as_nanos() as u64;
            let crowd = stage.users.unwrap_or(Crowd { from: 0, to: 0 });
            stages.push(Stretch { start, end, before, crowd });
            (start, before) = (end, crowd.to);
        }
        Presence { stages, most: most_users(written) }
    }

    /// The most users at any time.
    pub fn most(&self) -> u32 {
        self.most
    }

    /// The first moment, at or after one, at which a user is there.
    pub fn from(&self, user: u32, at: Moment) -> Option<Moment> {
        let stages = self.stages.iter().skip_while(|stage| stage.end <= at.0);
        stages.filter_map(|stage| stage.presence(user)).find_map(|(comes, goes)| {
            let from = comes.max(at.0);
            (from < goes).then_some(Moment(from))
        })
    }
}

/// All users of a closed load: those of each of its parts.
#[derive(Debug, Clone)]
pub struct Crowds {
    parts: Vec<Presence>,
    most: u32,
}

impl Crowds {
    /// Of a closed load.
    pub fn new(load: &Load) -> Crowds {
        let parts = match load.parts.as_slice() {
            [] => vec![Presence::new(&load.stages)],
            parts => parts.iter().map(|part| Presence::new(&part.stages)).collect(),
        };
        Crowds { parts, most: load.most_users() }
    }

    /// The most users of all.
    pub fn most(&self) -> u32 {
        self.most
    }

    /// Of which part of the load a user is.
    pub fn part_of(&self, user: u32) -> u16 {
        self.place(user).0 as u16
    }

    /// The first moment, at or after one, at which a user is there.
    pub fn from(&self, user: u32, at: Moment) -> Option<Moment> {
        let (part, own) = self.place(user);
        self.parts.get(part)?.from(own, at)
    }

    /// Whose user it is, and which of these.
    fn place(&self, user: u32) -> (usize, u32) {
        let mut own = user;
        for (place, part) in self.parts.iter().enumerate() {
            if own < part.most() {
                return (place, own);
            }
            own -= part.most();
        }
        (self.parts.len(), own)
    }
}

impl Stretch {
    /// From when to when a user is there; both within the stage.
    fn presence(&self, user: u32) -> Option<(u64, u64)> {
        let Crowd { from, to } = self.crowd;
        if user >= from.max(to) {
            return None;
        }
        let comes = if user < from { self.joins(user) } else { self.passes(user) };
        let goes = if user < to { self.end } else { self.passes(user) };
        Some((comes, goes))
    }

    /// When one joins who is there from the stage's beginning on.
    fn joins(&self, user: u32) -> u64 {
        let Some(place) = user.checked_sub(self.before) else { return self.start };
        let coming = COMING.min((self.end - self.start) / COMING_PART);
        let new = u64::from(self.crowd.from - self.before);
        self.start + (u128::from(coming) * u128::from(place) / u128::from(new)) as u64
    }

    /// When the ramp passes a user.
    fn passes(&self, user: u32) -> u64 {
        let (from, to) = (f64::from(self.crowd.from), f64::from(self.crowd.to));
        let share = (f64::from(user) + 0.5 - from) / (to - from);
        self.start + (share * (self.end - self.start) as f64) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scenario::load::{ArrivalProcess, Part, Stage};
    use crate::units::Rate;

    const SECOND: u64 = 1_000_000_000;

    fn stage(seconds: u64, from: u32, to: u32) -> Stage {
        Stage {
            length: Duration::from_secs(seconds),
            from: Rate::ZERO,
            to: Rate::ZERO,
            users: (from + to > 0).then_some(Crowd { from, to }),
            warmup: false,
        }
    }

    fn presence(stages: &[(u64, u32, u32)]) -> Presence {
        let stages: Vec<Stage> =
            stages.iter().map(|&(seconds, from, to)| stage(seconds, from, to)).collect();
        Presence::new(&stages)
    }

    /// How many are there at a moment.
    fn count(presence: &Presence, seconds: f64) -> usize {
        let at = Moment((seconds * 1e9) as u64);
        (0..presence.most()).filter(|user| presence.from(*user, at) == Some(at)).count()
    }

    #[test]
    fn users_come_over_the_first_tenth_and_stay_to_the_end() {
        let ten = presence(&[(20, 10, 10)]);
        let comings = (0..10).map(|user| ten.from(user, Moment(0)).unwrap().0);
        assert_eq!(
            comings.collect::<Vec<_>>(),
            (0..10).map(|n| n * SECOND / 10).collect::<Vec<_>>()
        );
        assert_eq!(ten.from(9, Moment(20 * SECOND - 1)), Some(Moment(20 * SECOND - 1)));
        assert_eq!(ten.from(9, Moment(20 * SECOND)), None);
        assert_eq!(ten.from(10, Moment(0)), None);
        let short = presence(&[(1, 2, 2)]);
        assert_eq!(short.from(1, Moment(0)), Some(Moment(SECOND / 20)));
    }

    #[test]
    fn a_ramp_has_at_each_moment_as_many_users_as_it_says() {
        let ramp = presence(&[(10, 0, 100), (10, 100, 20)]);
        for (at, users) in [(1.0, 10), (5.0, 50), (9.99, 100), (15.0, 60), (19.99, 20)] {
            assert_eq!(count(&ramp, at), users, "{at}");
        }
    }

    #[test]
    fn who_is_there_already_does_not_come_again_and_a_pause_has_nobody() {
        let more = presence(&[(10, 10, 10), (10, 20, 20), (5, 0, 0), (10, 5, 5)]);
        assert_eq!(more.from(3, Moment(10 * SECOND)), Some(Moment(10 * SECOND)));
        assert_eq!(more.from(15, Moment(0)), Some(Moment(10 * SECOND + SECOND / 2)));
        assert_eq!(count(&more, 22.0), 0);
        assert_eq!(more.from(1, Moment(21 * SECOND)), Some(Moment(25 * SECOND + SECOND / 5)));
        assert_eq!(more.from(7, Moment(21 * SECOND)), None);
    }

    #[test]
    fn users_of_several_loads_are_numbered_one_behind_the_other() {
        let part = |users: u32, seconds| Part {
            flows: vec![0],
            arrivals: ArrivalProcess::Poisson,
            stages: vec![stage(seconds, users, users)],
            recorded: None,
        };
        let parts = vec![part(3, 10), part(2, 20)];
        let load = Load { parts, ..Load::new(ArrivalProcess::Poisson, 1, vec![stage(20, 5, 5)]) };
        let crowds = Crowds::new(&load);
        assert_eq!(crowds.most(), 5);
        let parts: Vec<u16> = (0..5).map(|user| crowds.part_of(user)).collect();
        assert_eq!(parts, [0, 0, 0, 1, 1]);
        let late = Moment(15 * SECOND);
        let there: Vec<u32> = (0..6).filter(|user| crowds.from(*user, late).is_some()).collect();
        assert_eq!(there, [3, 4]);
    }
}
