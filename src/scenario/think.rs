//! How long a virtual user thinks: a time, or how such times are spread.
//!
//! Comes in as a text of the scenario, goes out as a checked value; the times themselves are drawn
//! by [`crate::schedule`].

use std::time::Duration;

use super::problems::Fault;
use crate::units::{format_duration, parse_duration};

/// How times to think are spread. None of them is longer than an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Think {
    /// Evenly between two, which may be the same.
    Even {
        /// At least.
        shortest: Duration,
        /// At most.
        longest: Duration,
    },
    /// Exponentially: without memory, mostly short, now and then long.
    Exponential {
        /// On average.
        mean: Duration,
    },
    /// By a bell curve, of which what lies below zero is zero.
    Normal {
        /// On average.
        mean: Duration,
        /// The standard deviation.
        deviation: Duration,
    },
    /// By a bell curve of the logarithm: never below zero, with a long tail.
    LogNormal {
        /// On average.
        mean: Duration,
        /// The standard deviation of the times themselves.
        deviation: Duration,
    },
}

/// The longest time to think.
pub const LONGEST: Duration = Duration::from_secs(3_600);

const FORMS: &str = "write \"1s\", \"1s..3s\", \"exponential 2s\", \"normal 2s ± 500ms\" or \
                     \"lognormal 2s ± 1s\"";

impl Think {
    /// `1s`, `1s..3s`, `exponential 2s`, `normal 2s ± 500ms`, `lognormal 2s ± 1s`; `+-` stands
    /// for `±`.
    pub(crate) fn parse(text: &str) -> Result<Think, Fault> {
        let text = text.trim();
        let letters = |c: char| c.is_ascii_alphabetic() || c == '-' || c == '_';
        let end = text.find(|c| !letters(c)).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        match word {
            "" | "-" => even(text),
            "uniform" | "between" => even(rest),
            "exponential" => {
                if let Some((_, _)) = around(rest) {
                    return Err(wrong("an exponential time has a mean and no deviation"));
                }
                Ok(Think::Exponential { mean: within(rest)? })
            }
            "normal" => two(rest).map(|(mean, deviation)| Think::Normal { mean, deviation }),
            "lognormal" | "log-normal" => {
                two(rest).map(|(mean, deviation)| Think::LogNormal { mean, deviation })
            }
            other => Err(wrong(&format!("\"{other}\" is no way to spread times to think"))),
        }
    }

    /// The shortest that it can be.
    pub fn shortest(self) -> Duration {
        match self {
            Think::Even { shortest, .. } => shortest,
            Think::Exponential { .. } | Think::Normal { .. } | Think::LogNormal { .. } => {
                Duration::ZERO
            }
        }
    }

    /// The average.
    pub fn mean(self) -> Duration {
        match self {
            Think::Even { shortest, longest } => (shortest + longest) / 2,
            Think::Exponential { mean }
            | Think::Normal { mean, .. }
            | Think::LogNormal { mean, .. } => mean,
        }
    }

    /// One that hardly any is longer than, at most one in a thousand.
    pub fn hardly_longer(self) -> Duration {
        let long = match self {
            Think::Even { longest, .. } => longest,
            Think::Exponential { mean } => mean * 7,
            Think::Normal { mean, deviation } => mean + deviation * 4,
            // Cantelli would say 32 deviations of any spread; the tail of this one ends earlier.
            Think::LogNormal { mean, deviation } => mean + deviation * 10,
        };
        long.min(LONGEST)
    }
}

impl std::fmt::Display for Think {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = |duration: &Duration| format_duration(*duration);
        match self {
            Think::Even { shortest, longest } if shortest == longest => f.write_str(&of(shortest)),
            Think::Even { shortest, longest } => write!(f, "{}..{}", of(shortest), of(longest)),
            Think::Exponential { mean } => write!(f, "exponential {}", of(mean)),
            Think::Normal { mean, deviation } => {
                write!(f, "normal {} ± {}", of(mean), of(deviation))
            }
            Think::LogNormal { mean, deviation } => {
                write!(f, "lognormal {} ± {}", of(mean), of(deviation))
            }
        }
    }
}

fn wrong(message: &str) -> Fault {
    Fault::new(message).help(FORMS)
}

fn even(text: &str) -> Result<Think, Fault> {
    let Some((shortest, longest)) = text.split_once("..") else {
        if around(text).is_some() {
            return Err(wrong("a time with a deviation says how it is spread"));
        }
        let time = within(text)?;
        return Ok(Think::Even { shortest: time, longest: time });
    };
    let (shortest, longest) = (length(shortest)?, within(longest)?);
    if shortest > longest {
        let fault = Fault::new("the longest time to think is shorter than the shortest");
        return Err(fault.help("the shorter comes first, as in \"1s..3s\""));
    }
    Ok(Think::Even { shortest, longest })
}

/// A mean and a deviation.
fn two(text: &str) -> Result<(Duration, Duration), Fault> {
    let (mean, deviation) =
        around(text).ok_or_else(|| wrong("a time to think without its deviation"))?;
    let (mean, deviation) = (within(mean)?, within(deviation)?);
    if deviation > mean * 10 {
        return Err(wrong("a deviation of more than ten times the mean"));
    }
    Ok((mean, deviation))
}

fn around(text: &str) -> Option<(&str, &str)> {
    text.split_once('±').or_else(|| text.split_once("+-")).or_else(|| text.split_once("+/-"))
}

fn length(text: &str) -> Result<Duration, Fault> {
    Ok(parse_duration(text.trim())?)
}

/// A length of time that one can think for.
fn within(text: &str) -> Result<Duration, Fault> {
    match length(text)? {
        Duration::ZERO => Err(Fault::new("a length of time must be more than zero")),
        long if long > LONGEST => Err(Fault::new("a time to think is at most 1h")),
        length => Ok(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(Think::parse(text).unwrap().to_string(), expected, "{text}");
    }

    #[test]
    fn each_way_to_spread_times_has_its_word() {
        check("1s", "1s");
        check("1s..3s", "1s..3s");
        check("0s..3s", "0s..3s");
        check("uniform 1s..3s", "1s..3s");
        check("exponential 2s", "exponential 2s");
        check("normal 2s ± 500ms", "normal 2s ± 500ms");
        check("normal 2s +- 500ms", "normal 2s ± 500ms");
        check("log-normal 2s±1s", "lognormal 2s ± 1s");
    }

    #[test]
    fn what_cannot_be_thought_says_what_to_write() {
        for (text, message) in [
            ("gaussian 2s", "\"gaussian\" is no way"),
            ("normal 2s", "without its deviation"),
            ("exponential 2s ± 1s", "no deviation"),
            ("2s ± 1s", "says how it is spread"),
            ("3s..1s", "shorter than the shortest"),
            ("exponential 2h", "at most 1h"),
            ("exponential 0s", "more than zero"),
            ("normal 1ms ± 1s", "ten times"),
            ("exponential", ""),
            ("exponential 5", ""),
        ] {
            let wrong = Think::parse(text).unwrap_err();
            assert!(wrong.message.contains(message), "{text}: {wrong:?}");
        }
    }
}
