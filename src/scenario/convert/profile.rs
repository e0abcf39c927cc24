//! How a rate, or a number of users, goes through a stage: flat, as a ramp, as a staircase, or as a
//! sine.
//!
//! A sine is made of straight pieces, whose ends are on it; over whole periods they have its mean,
//! and nowhere are they further from it than 0.5 % of its height.

use std::time::Duration;

use super::super::problems::Fault;
use super::super::wave::PIECES;
use super::lengths::positive;

/// More steps than a stage can show.
const MOST_STEPS: u32 = 100;
/// More users than a machine has ports for, many times over.
const MOST_USERS: u32 = 1_000_000;
/// The most periods of a sine in a stage.
const MOST_PERIODS: u128 = 200;

/// From one value to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Profile<T> {
    /// At the stage's start.
    pub(super) from: T,
    /// At its end.
    pub(super) to: T,
    course: Course,
}

/// How it goes from one value to the other.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Course {
    /// Straight.
    Ramp,
    /// In so many steps, equally long.
    Steps(u32),
    /// There and back again in such a time.
    Sine(Duration),
}

impl<T: Copy> Profile<T> {
    /// The same all the time.
    pub(super) fn flat(value: T) -> Profile<T> {
        Profile { from: value, to: value, course: Course::Ramp }
    }

    /// The same with other values.
    pub(super) fn scaled(self, one: impl Fn(T) -> T) -> Profile<T> {
        Profile { from: one(self.from), to: one(self.to), course: self.course }
    }

    /// `A`, `A -> B`, `A -> B in N steps`, or `A <-> B every T`.
    pub(super) fn parse(
        text: &str,
        one: impl Fn(&str) -> Result<T, Fault>,
    ) -> Result<Profile<T>, Fault> {
        if let Some((from, rest)) = text.split_once("<->") {
            let (to, period) = rest.split_once(" every ").ok_or_else(no_period)?;
            let course = Course::Sine(positive(period.trim())?);
            return Ok(Profile { from: one(from)?, to: one(to)?, course });
        }
        let Some((from, rest)) = text.split_once("->") else {
            return one(text).map(Profile::flat);
        };
        let (to, course) = match rest.split_once(" in ") {
            Some((to, count)) => (to, Course::Steps(steps(count)?)),
            None => (rest, Course::Ramp),
        };
        Ok(Profile { from: one(from)?, to: one(to)?, course })
    }

    /// The stretches of a stage of some length, each with the values at its start and its end;
    /// `between` has the value at a share of the way.
    pub(super) fn pieces(
        self,
        length: Duration,
        between: impl Fn(T, T, f64) -> T,
    ) -> Vec<(Duration, T, T)> {
        match self.course {
            Course::Ramp => vec![(length, self.from, self.to)],
            Course::Steps(steps) => self.steps(length, steps, between),
            Course::Sine(period) => self.sine(length, period, between),
        }
    }

    fn steps(
        self,
        length: Duration,
        steps: u32,
        between: impl Fn(T, T, f64) -> T,
    ) -> Vec<(Duration, T, T)> {
        let until = |step: u32| part_of(length, step, steps);
        let piece = |step: u32| {
            let value = between(self.from, self.to, f64::from(step) / f64::from(steps - 1));
            (until(step + 1).saturating_sub(until(step)), value, value)
        };
        (0..steps).map(piece).collect()
    }

    fn sine(
        self,
        length: Duration,
        period: Duration,
        between: impl Fn(T, T, f64) -> T,
    ) -> Vec<(Duration, T, T)> {
        let value = |at: Duration| {
            // Not `f64::cos`, whose last bits are the platform's affair.
            let turned = libm::cos(std::f64::consts::TAU * at.as_secs_f64() / period.as_secs_f64());
            between(self.from, self.to, (1.0 - turned) / 2.0)
        };
        let mut pieces = Vec::new();
        let (mut at, mut piece) = (Duration::ZERO, 0);
        while at < length {
            piece += 1;
            let (whole, rest) = (piece / PIECES, piece % PIECES);
            let until = (period * whole + part_of(period, rest, PIECES)).min(length);
            // A period of a few nanoseconds has pieces of none.
            if until > at {
                pieces.push((until.saturating_sub(at), value(at), value(until)));
            }
            at = until;
        }
        pieces
    }

    /// Whether a sine goes up and down more often in a stage than anybody means.
    pub(super) fn fault(&self, length: Duration) -> Option<Fault> {
        let Course::Sine(period) = self.course else { return None };
        (length.as_nanos() / period.as_nanos().max(1) >= MOST_PERIODS).then(|| {
            let fault = Fault::new(format!("more than {MOST_PERIODS} periods in a stage"));
            fault.help("make the period longer, such as \"every 10m\", or the stage shorter")
        })
    }
}

/// So many parts of a length that is cut into some.
fn part_of(length: Duration, part: u32, of: u32) -> Duration {
    let nanos = length.as_nanos() * u128::from(part) / u128::from(of);
    Duration::from_nanos(nanos as u64)
}

fn no_period() -> Fault {
    let fault = Fault::new("a sine without a period");
    fault.help("write how long it takes to come back: \"50/s <-> 200/s every 2m\"")
}

/// `4 steps`.
fn steps(text: &str) -> Result<u32, Fault> {
    let number = text.trim().strip_suffix("steps").map(str::trim);
    let wrong = || {
        let fault = Fault::new(format!("\"in {}\" is no number of steps", text.trim()));
        fault.help(format!("write \"in 4 steps\": 2 to {MOST_STEPS} of them, equally long"))
    };
    let number: u32 = number.and_then(|number| number.parse().ok()).ok_or_else(wrong)?;
    if (2..=MOST_STEPS).contains(&number) { Ok(number) } else { Err(wrong()) }
}

/// A whole number of users.
pub(super) fn users(text: &str) -> Result<u32, Fault> {
    let text = text.trim();
    let help = "write \"users\": 50, or \"users\": \"10 -> 100\" for a ramp";
    let Ok(number) = text.parse::<u32>() else {
        return Err(Fault::new(format!("\"{text}\" is no number of users")).help(help));
    };
    if number > MOST_USERS {
        return Err(Fault::new(format!("{number} users; 1,000,000 are the most")));
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staircase_has_its_ends_and_lasts_as_long_as_its_stage() {
        let profile = Profile::parse("10 -> 40 in 4 steps", users).unwrap();
        let length = Duration::from_nanos(10_000_000_001);
        let pieces = profile
            .pieces(length, |from, to, share| from + (f64::from(to - from) * share).round() as u32);
        assert_eq!(pieces.iter().map(|piece| piece.1).collect::<Vec<_>>(), [10, 20, 30, 40]);
        assert!(pieces.iter().all(|piece| piece.1 == piece.2));
        assert_eq!(pieces.iter().map(|piece| piece.0).sum::<Duration>(), length);
    }

    #[test]
    fn a_sine_begins_with_its_first_value_and_comes_back_to_it() {
        let profile = Profile::parse("100 <-> 300 every 20s", users).unwrap();
        let between = |from: u32, to: u32, share: f64| {
            (f64::from(from) + f64::from(to - from) * share).round() as u32
        };
        let length = Duration::from_secs(50);
        let pieces = profile.pieces(length, between);
        assert_eq!(pieces.iter().map(|piece| piece.0).sum::<Duration>(), length);
        assert!(pieces.windows(2).all(|two| two[0].2 == two[1].1), "no jumps");
        let at = |seconds: usize| pieces[seconds * 32 / 20].1;
        assert_eq!([0, 5, 10, 15, 20].map(at), [100, 200, 300, 200, 100]);
        assert_eq!(pieces.last().unwrap().2, 300, "after two and a half periods");
        let area = |piece: &(Duration, u32, u32)| {
            piece.0.as_secs_f64() * f64::midpoint(piece.1.into(), piece.2.into())
        };
        let mean = pieces[..32].iter().map(area).sum::<f64>() / 20.0;
        assert!((mean - 200.0).abs() < 0.1, "{mean}");
        let many = Profile::parse("1 <-> 3 every 1s", users).unwrap();
        assert!(many.fault(Duration::from_secs(500)).is_some() && many.fault(length).is_none());
    }

    #[test]
    fn what_is_no_profile_says_what_to_write() {
        for (text, expected) in [
            ("10 -> 40 in four steps", "in 4 steps"),
            ("10 -> 40 in 1 steps", "2 to 100"),
            ("10 -> 40 in 9", "in 4 steps"),
            ("ten", "\"users\": 50"),
            ("-3", "\"users\": 50"),
            ("10 -> x", "\"users\": 50"),
            ("10 <-> 20", "every 2m"),
        ] {
            let fault = Profile::parse(text, users).unwrap_err();
            assert!(fault.help.as_deref().unwrap_or_default().contains(expected), "{fault:?}");
        }
    }
}
