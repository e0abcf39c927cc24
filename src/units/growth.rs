//! How fast something grows: `8%/month`, `2%/week`, `-3%/year`.

use std::fmt;
use std::str::FromStr;

use super::{UnitError, trim_zeros};

/// The most that is accepted in a period, as a share: ten times as much again.
const MOST: f64 = 10.0;
/// The most that may go in a period: nine tenths.
const LEAST: f64 = -0.9;

/// A share by which something grows in each period; negative where it shrinks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// 0.08 is 8 %.
    pub share: f64,
    /// In each of these.
    pub period: Period,
}

/// What growth is told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// 7 days.
    Week,
    /// A twelfth of a year.
    Month,
    /// A quarter of a year.
    Quarter,
    /// 365.25 days.
    Year,
}

impl Period {
    const ALL: [Period; 4] = [Period::Week, Period::Month, Period::Quarter, Period::Year];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Period::Week => "week",
            Period::Month => "month",
            Period::Quarter => "quarter",
            Period::Year => "year",
        }
    }

    /// Its length.
    pub fn days(self) -> f64 {
        match self {
            Period::Week => 7.0,
            Period::Month => 365.25 / 12.0,
            Period::Quarter => 365.25 / 4.0,
            Period::Year => 365.25,
        }
    }
}

impl Growth {
    /// By how many times it is more after so many days.
    pub fn factor_after(self, days: f64) -> f64 {
        (1.0 + self.share).powf(days / self.period.days())
    }

    /// After how many days it is so many times as much; `None` where it never is.
    pub fn days_until(self, factor: f64) -> Option<f64> {
        let days = factor.ln() / self.share.ln_1p() * self.period.days();
        (self.share > 0.0 && days.is_finite()).then_some(days.max(0.0))
    }
}

impl FromStr for Growth {
    type Err = UnitError;

    /// Reads `8%/month` and `-3%/year`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError {
            expected: "a growth such as \"8%/month\" or \"100%/year\"",
            found: text.to_owned(),
            meant: meant(text),
        };
        let (share, period) = text.split_once('/').ok_or_else(wrong)?;
        let percent = share.trim().strip_suffix('%').ok_or_else(wrong)?;
        let percent: f64 = percent.trim().parse().map_err(|_| wrong())?;
        let period = period.trim().trim_end_matches('s');
        let period = Period::ALL.into_iter().find(|it| it.name() == period).ok_or_else(wrong)?;
        let share = percent / 100.0;
        if (LEAST..=MOST).contains(&share) {
            return Ok(Growth { share, period });
        }
        let expected = "a growth between -90% and 1000% in each period";
        Err(UnitError { expected, found: text.to_owned(), meant: None })
    }
}

/// What was probably meant.
fn meant(text: &str) -> Option<String> {
    let (share, period) = text.split_once('/').unwrap_or((text, "month"));
    let percent: f64 = share.trim().trim_end_matches('%').trim().parse().ok()?;
    let period = match period.trim().chars().next()? {
        'w' => "week",
        'q' => "quarter",
        'y' | 'a' => "year",
        _ => "month",
    };
    Some(format!("write \"{}%/{period}\"", trim_zeros(percent, 4)))
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%/{}", trim_zeros(self.share * 100.0, 4), self.period.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_read_and_written() {
        for (text, share, period) in [
            ("8%/month", 0.08, Period::Month),
            ("2.5 %/week", 0.025, Period::Week),
            ("-3%/year", -0.03, Period::Year),
            ("0%/quarter", 0.0, Period::Quarter),
        ] {
            let growth: Growth = text.parse().unwrap();
            assert!((growth.share - share).abs() < 1e-12 && growth.period == period, "{text}");
            assert_eq!(growth.to_string(), text.replace(' ', ""));
        }
    }

    #[test]
    fn what_is_no_growth_is_refused_with_what_was_meant() {
        for (text, meant) in [
            ("8%", Some("write \"8%/month\"")),
            ("8/month", Some("write \"8%/month\"")),
            ("100%/yr", Some("write \"100%/year\"")),
            ("fast", None),
            ("%/month", None),
            ("NaN%/month", None),
            ("1001%/month", None),
            ("-95%/month", None),
        ] {
            let error = text.parse::<Growth>().unwrap_err();
            assert_eq!(error.meant.as_deref(), meant, "{text}");
        }
    }

    #[test]
    fn doubling_takes_as_long_as_it_should() {
        let yearly: Growth = "100%/year".parse().unwrap();
        assert!((yearly.days_until(2.0).unwrap() - 365.25).abs() < 1e-9);
        assert!((yearly.factor_after(2.0 * 365.25) - 4.0).abs() < 1e-9);
        assert_eq!(yearly.days_until(0.5), Some(0.0));
        for none in ["0%/month", "-5%/month"] {
            assert_eq!(none.parse::<Growth>().unwrap().days_until(2.0), None, "{none}");
        }
    }
}
