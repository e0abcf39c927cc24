//! Loads and what trials at them have shown: whether one is below the capacity, above it, or
//! not yet known.
//!
//! The classification is that of `MLRsearch` (IETF draft-ietf-bmwg-mlrsearch): a load is known
//! once further trials, up to a number, could not change what more than half of them say. One
//! disturbed trial so never decides.

/// The share of bad trials up to which a load counts as good.
const EXCEED: f64 = 0.5;

/// What is known of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It is within the objectives: a lower bound of the capacity.
    Within,
    /// It is not: an upper bound.
    Beyond,
    /// More trials are needed.
    Open,
}

/// A load and its trials.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tried {
    /// Arrivals per second, or users.
    pub rate: f64,
    /// How many were within the objectives.
    pub good: u32,
    /// How many were not.
    pub bad: u32,
}

impl Tried {
    /// What is known once there may be so many trials of it.
    pub fn known(&self, trials: u32) -> Known {
        let whole = (self.good + self.bad).max(trials);
        let most_bad = f64::from(whole) * EXCEED;
        let at_best = f64::from(self.bad) <= most_bad;
        let at_worst = f64::from(whole - self.good) <= most_bad;
        match (at_best, at_worst) {
            (true, true) => Known::Within,
            (false, false) => Known::Beyond,
            (true, false) | (false, true) => Known::Open,
        }
    }
}

/// All loads that were tried, the lowest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loads(Vec<Tried>);

impl Loads {
    /// Adds what weighs as much as so many trials.
    pub fn add(&mut self, rate: f64, trials: u32, is_good: bool) {
        let index = self.0.partition_point(|tried| tried.rate < rate);
        if self.0.get(index).is_none_or(|tried| tried.rate > rate) {
            self.0.insert(index, Tried { rate, good: 0, bad: 0 });
        }
        let tried = &mut self.0[index];
        *(if is_good { &mut tried.good } else { &mut tried.bad }) += trials;
    }

    /// Every load, the lowest first.
    pub fn all(&self) -> &[Tried] {
        &self.0
    }

    /// What is known of a load.
    pub fn known(&self, rate: f64, trials: u32) -> Known {
        self.0
            .iter()
            .find(|it| it.rate.total_cmp(&rate).is_eq())
            .map_or(Known::Open, |tried| tried.known(trials))
    }

    /// The highest load within the objectives below the lowest one beyond them, and that one.
    pub fn bounds(&self, trials: u32) -> (Option<f64>, Option<f64>) {
        let beyond = self.0.iter().find(|it| it.known(trials) == Known::Beyond).map(|it| it.rate);
        let below = |it: &&Tried| beyond.is_none_or(|beyond| it.rate < beyond);
        let within = self.0.iter().filter(below).rfind(|it| it.known(trials) == Known::Within);
        (within.map(|it| it.rate), beyond)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(good: u32, bad: u32, trials: u32) -> Known {
        Tried { rate: 1.0, good, bad }.known(trials)
    }

    #[test]
    fn two_of_three_decide_and_one_alone_does_not() {
        for (good, bad, expected) in [
            (0, 0, Known::Open),
            (1, 0, Known::Open),
            (0, 1, Known::Open),
            (1, 1, Known::Open),
            (2, 0, Known::Within),
            (2, 1, Known::Within),
            (1, 2, Known::Beyond),
            (0, 2, Known::Beyond),
        ] {
            assert_eq!(known(good, bad, 3), expected, "{good} {bad}");
        }
        assert_eq!(known(2, 1, 7), Known::Open, "more trials may still change it");
    }

    #[test]
    fn a_good_load_above_a_bad_one_is_no_lower_bound() {
        let mut loads = Loads::default();
        for (rate, is_good) in [(100.0, true), (400.0, true), (200.0, false)] {
            loads.add(rate, 3, is_good);
        }
        assert_eq!(loads.bounds(3), (Some(100.0), Some(200.0)));
        assert_eq!(loads.all().iter().map(|it| it.rate).collect::<Vec<_>>(), [100.0, 200.0, 400.0]);
        assert_eq!(Loads::default().bounds(3), (None, None));
    }
}
