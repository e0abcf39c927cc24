//! How much load, as a rate or as a number of users: `400/s`, `40 users`.

use std::fmt;
use std::str::FromStr;

use super::{Rate, UnitError, split_number, trim_zeros, unit_error};

const EXPECTED: &str = "a rate such as \"200/s\", or a number of users such as \"40users\"";
/// As many as a scenario may have.
const MOST_USERS: f64 = 1_000_000.0;

/// A load of either kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LoadSize {
    /// Arrivals per second.
    Rate(Rate),
    /// Users who wait for answers.
    Users(u32),
    /// A bare number, of whatever the scenario has.
    Number(f64),
}

impl LoadSize {
    /// Arrivals per second, if it is no number of users.
    pub fn as_rate(self) -> Option<Rate> {
        match self {
            LoadSize::Rate(rate) => Some(rate),
            LoadSize::Number(number) => Some(Rate(number)),
            LoadSize::Users(_) => None,
        }
    }

    /// Users, if it is a whole number and no rate.
    pub fn as_users(self) -> Option<u32> {
        match self {
            LoadSize::Users(users) => Some(users),
            LoadSize::Number(number) if number.fract() == 0.0 && number <= MOST_USERS => {
                Some(number as u32)
            }
            LoadSize::Number(_) | LoadSize::Rate(_) => None,
        }
    }
}

impl FromStr for LoadSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let Some((number, unit)) = split_number(text) else {
            return Err(unit_error(EXPECTED, text));
        };
        match unit {
            "user" | "users" if number.fract() > 0.0 || number > MOST_USERS => {
                Err(unit_error("a whole number of users, at most 1000000", text))
            }
            "user" | "users" => Ok(LoadSize::Users(number as u32)),
            "" => Ok(LoadSize::Number(text.parse::<Rate>()?.0)),
            _ => text
                .parse()
                .map(LoadSize::Rate)
                .map_err(|error: UnitError| UnitError { expected: EXPECTED, ..error }),
        }
    }
}

impl fmt::Display for LoadSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadSize::Rate(rate) => rate.fmt(f),
            LoadSize::Users(users) => write!(f, "{users}users"),
            LoadSize::Number(number) => f.write_str(&trim_zeros(*number, 3)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_a_unit_users_are_whole_and_a_bare_number_is_either() {
        let read = |text: &str| text.parse::<LoadSize>().unwrap();
        assert_eq!(read("400/s"), LoadSize::Rate(Rate(400.0)));
        assert_eq!(read("90/min").as_rate(), Some(Rate(1.5)));
        assert_eq!((read("40 users"), read("1user")), (LoadSize::Users(40), LoadSize::Users(1)));
        let bare = read("40");
        assert_eq!((bare.as_rate(), bare.as_users()), (Some(Rate(40.0)), Some(40)));
        assert_eq!((read("40users").as_rate(), read("40/s").as_users()), (None, None));
        assert_eq!(read("0.5").as_users(), None);
        for text in ["400/s", "40users", "12.5"] {
            assert_eq!(read(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_neither_says_both() {
        for text in ["fast", "1.5users", "9999999users", "40 people", "", "-3"] {
            let told = text.parse::<LoadSize>().unwrap_err().to_string();
            assert!(told.contains("expected a "), "{told}");
        }
        let told = "100 rps".parse::<LoadSize>().unwrap_err().to_string();
        assert!(told.contains("40users") && told.contains("100/s"), "{told}");
    }
}
