//! How a rate, or a number of users, goes through a stage: flat, as a ramp, or as a staircase.

use std::time::Duration;

use super::super::problems::Fault;

/// More steps than a stage can show.
const MOST_STEPS: u32 = 100;
/// More users than a machine has ports for, many times over.
const MOST_USERS: u32 = 1_000_000;

/// From one value to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Profile<T> {
    /// At the stage's start.
    pub(super) from: T,
    /// At its end.
    pub(super) to: T,
    /// In so many steps, equally long; `None` is a ramp.
    steps: Option<u32>,
}

impl<T: Copy> Profile<T> {
    /// The same all the time.
    pub(super) fn flat(value: T) -> Profile<T> {
        Profile { from: value, to: value, steps: None }
    }

    /// `A`, `A -> B`, or `A -> B in N steps`.
    pub(super) fn parse(
        text: &str,
        one: impl Fn(&str) -> Result<T, Fault>,
    ) -> Result<Profile<T>, Fault> {
        let Some((from, rest)) = text.split_once("->") else {
            return one(text).map(Profile::flat);
        };
        let (to, steps) = match rest.split_once(" in ") {
            Some((to, count)) => (to, Some(steps(count)?)),
            None => (rest, None),
        };
        Ok(Profile { from: one(from)?, to: one(to)?, steps })
    }

    /// The stretches of a stage of some length, each with the values at its start and its end;
    /// `between` has the value at a share of the way.
    pub(super) fn pieces(
        self,
        length: Duration,
        between: impl Fn(T, T, f64) -> T,
    ) -> Vec<(Duration, T, T)> {
        let Some(steps) = self.steps else { return vec![(length, self.from, self.to)] };
        let nanos = length.as_nanos() as u64;
        let until = |step: u32| {
            Duration::from_nanos((u128::from(nanos) * u128::from(step) / u128::from(steps)) as u64)
        };
        let piece = |step: u32| {
            let value = between(self.from, self.to, f64::from(step) / f64::from(steps - 1));
            (until(step + 1).saturating_sub(until(step)), value, value)
        };
        (0..steps).map(piece).collect()
    }
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
    fn what_is_no_profile_says_what_to_write() {
        for (text, expected) in [
            ("10 -> 40 in four steps", "in 4 steps"),
            ("10 -> 40 in 1 steps", "2 to 100"),
            ("10 -> 40 in 9", "in 4 steps"),
            ("ten", "\"users\": 50"),
            ("-3", "\"users\": 50"),
            ("10 -> x", "\"users\": 50"),
        ] {
            let fault = Profile::parse(text, users).unwrap_err();
            assert!(fault.help.as_deref().unwrap_or_default().contains(expected), "{fault:?}");
        }
    }
}
