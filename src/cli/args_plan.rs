//! What the user typed after `loadgate plan`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueHint};
use jiff::civil::Date;

use crate::analysis::capacity_plan::Bounds;
use crate::cli::args_shared::TextArgs;
use crate::units::growth::Growth;
use crate::units::{Rate, Ratio, UnitError};

/// Examples of `loadgate plan`.
pub const PLAN_EXAMPLES: &str = "\
Examples:
  loadgate plan --capacity reports/orders/latest-capacity --peak 250/s --growth 8%/month
  loadgate plan --capacity 400/s..430/s --peak 900/s --growth 100%/year --instances 4 --spare 1
  loadgate plan --capacity 400/s..430/s --peak 250/s --growth 2%/week --ceiling 60% \\
      --price 0.12 --currency EUR --mean 90/s -o reports/plan

The exit code is 0 while today's peak is below the ceiling, 3 when it is above, and 5 when the
capacity is not known well enough to tell.";

/// `loadgate plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// What one instance serves: the folder or the file of a search for capacity, or its bounds,
    /// such as 400/s..430/s; 400/s.. where only the lower one is known
    #[arg(long, value_name = "FOLDER|FILE|RATES", value_hint = ValueHint::AnyPath)]
    pub capacity: String,
    /// The highest rate of today, all instances together
    #[arg(long, value_name = "RATE", value_parser = above_zero)]
    pub peak: Rate,
    /// How it grows: 8%/month, 2%/week, 100%/year
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true, value_parser = Growth::from_str)]
    pub growth: Growth,
    /// The share of the capacity that may be used
    #[arg(long, value_name = "SHARE", default_value = "70%", value_parser = ceiling)]
    pub ceiling: Ratio,
    /// Instances that run today
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub instances: u32,
    /// How many of them may be missing
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub spare: u32,
    /// What an instance costs in an hour
    #[arg(long, value_name = "AMOUNT", value_parser = price)]
    pub price: Option<f64>,
    /// Of which currency [default: USD]
    #[arg(long, value_name = "CODE", requires = "price", value_parser = currency)]
    pub currency: Option<String>,
    /// The mean rate that costs are shared by [default: the peak]
    #[arg(long, value_name = "RATE", requires = "price", value_parser = above_zero)]
    pub mean: Option<Rate>,
    /// The day that counts as today, such as 2026-03-01 [default: today in UTC]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub today: Option<Date>,
    /// Where plan.json, report.html, summary.md, junit.xml and demand.svg go [default: nowhere]
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub output: Option<PathBuf>,
    /// How the result is printed.
    #[command(flatten)]
    pub print: TextArgs,
}

fn above_zero(text: &str) -> Result<Rate, String> {
    match text.parse::<Rate>().map_err(|error| error.to_string())? {
        Rate(rate) if rate > 0.0 => Ok(Rate(rate)),
        Rate(_) => Err("a plan needs a rate above zero".to_owned()),
    }
}

fn ceiling(text: &str) -> Result<Ratio, UnitError> {
    let expected = "a share above 0 % and at most 100 %, such as \"70%\"";
    let wrong = || UnitError { expected, found: text.to_owned(), meant: None };
    text.parse::<Ratio>().ok().filter(|share| share.0 > 0.0).ok_or_else(wrong)
}

fn price(text: &str) -> Result<f64, String> {
    let wrong = "expected an amount such as 0.12; --currency names its currency";
    let amount: f64 = text.trim().parse().map_err(|_| wrong.to_owned())?;
    if amount.is_finite() && (0.0..=1e9).contains(&amount) {
        Ok(amount)
    } else {
        Err(wrong.to_owned())
    }
}

fn currency(text: &str) -> Result<String, String> {
    let is_plain = (1..=8).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if is_plain { Ok(text.to_owned()) } else { Err("expected a code such as EUR".to_owned()) }
}

fn date(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| "expected a day such as 2026-03-01".to_owned())
}

/// Reads `400/s..430/s`, `400/s..` and `400/s`; `None` for what is written otherwise, such as a
/// path.
pub fn bounds(text: &str) -> Option<Result<Bounds, String>> {
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let low: Rate = low.parse().ok()?;
    let high = match high.trim() {
        "" => None,
        high => Some(high.parse::<Rate>().ok()?.0),
    };
    let is_upright = low.0 > 0.0 && high.is_none_or(|high| high >= low.0);
    Some(if is_upright {
        Ok(Bounds { low: low.0, high })
    } else {
        Err("a capacity is above zero, and its lower bound comes first: 400/s..430/s".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_and_paths_are_none() {
        for (text, low, high) in [
            ("400/s..430/s", 400.0, Some(430.0)),
            ("400..430", 400.0, Some(430.0)),
            ("400/s..", 400.0, None),
            ("400/s", 400.0, Some(400.0)),
        ] {
            assert_eq!(bounds(text), Some(Ok(Bounds { low, high })), "{text}");
        }
        for path in ["reports/orders/latest", "../capacity.json", ".", "", "400/s..fast"] {
            assert_eq!(bounds(path), None, "{path}");
        }
        for text in ["430/s..400/s", "0/s..1/s"] {
            assert!(bounds(text).unwrap().is_err(), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_an_example() {
        assert!(ceiling("101%").is_err() && ceiling("0%").is_err() && ceiling("70%").is_ok());
        assert!(price("-1").is_err() && price("NaN").is_err() && price("0.12").is_ok());
        assert!(date("2026-02-30").unwrap_err().contains("2026-03-01"));
        assert!(above_zero("0/s").is_err() && currency("EUROPEAN MONEY").is_err());
    }
}
