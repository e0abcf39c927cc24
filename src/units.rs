//! Quantities as people write them: `250ms`, `200/s`, `99.9%`, `p95`, `1MB`.
//!
//! Text comes in, typed values go out, and `Display` gives back the text a
//! person would have written. Knows nothing of scenarios or reports.

pub mod growth;
pub mod load_size;
pub mod meant;
pub mod order;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A text that is not the quantity it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitError {
    /// What would have been accepted, with an example.
    pub expected: &'static str,
    /// What stood there.
    pub found: String,
    /// What to write instead, if that can be guessed.
    pub meant: Option<String>,
}

impl UnitError {
    /// What is wrong, without what to do.
    pub fn wrong(&self) -> String {
        format!("expected {}, found \"{}\"", self.expected, self.found)
    }
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.wrong())?;
        self.meant.as_ref().map_or(Ok(()), |meant| write!(f, "; {meant}"))
    }
}

impl std::error::Error for UnitError {}

fn unit_error(expected: &'static str, found: &str) -> UnitError {
    UnitError { expected, found: found.to_owned(), meant: None }
}

/// Splits `12.5ms` into its number and its unit; numbers are finite and not negative.
fn split_number(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    number.is_finite().then(|| (number, text[end..].trim()))
}

const DURATION: &str = "a length of time such as \"250ms\", \"1.5s\", \"2m\" or \"1h\"";
/// The longest length of time that is accepted: a year.
const MAX_SECONDS: f64 = 366.0 * 86_400.0;

/// Reads `250ms`, `30s`, `2m`, `1h30m`; a bare number is refused.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text.trim();
    let mut seconds = 0.0;
    if rest.is_empty() {
        return Err(no_duration(text));
    }
    while !rest.is_empty() {
        let (number, tail) = split_number(rest).ok_or_else(|| no_duration(text))?;
        let end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        let scale = match &tail[..end] {
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return Err(no_duration(text)),
        };
        seconds += number * scale;
        rest = tail[end..].trim_start();
    }
    if seconds > MAX_SECONDS {
        return Err(unit_error("a length of time of at most a year", text));
    }
    Ok(Duration::from_nanos((seconds * 1e9).round() as u64))
}

fn no_duration(text: &str) -> UnitError {
    UnitError { meant: meant::duration(text), ..unit_error(DURATION, text) }
}

/// Writes a length of time with the unit and the digits a person would use.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if duration.is_zero() {
        return "0s".to_owned();
    }
    if seconds < 0.001 {
        return format!("{}us", trim_zeros(seconds * 1e6, 1));
    }
    if seconds < 1.0 {
        return format!("{}ms", trim_zeros(seconds * 1e3, 2));
    }
    if seconds < 60.0 {
        return format!("{}s", trim_zeros(seconds, 2));
    }
    let whole = seconds.round() as u64;
    let parts = [(whole / 3600, "h"), (whole / 60 % 60, "m"), (whole % 60, "s")];
    parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect()
}

/// From here on a number is written with its power of ten: nobody counts so many digits.
const HUGE: f64 = 1e15;

/// A number with about three digits that matter, from a thousand on in whole ones: `12.5`, `1,240`,
/// `1.8e308`. What is less than one has at most so many decimals.
pub fn amount(value: f64, decimals: usize) -> String {
    match value.abs() {
        size if size >= HUGE => trim_zeros(value, 0),
        size if size >= 999.5 => {
            let sign = if value < 0.0 { "-" } else { "" };
            format!("{sign}{}", group_digits(&format!("{size:.0}")))
        }
        size if size >= 99.95 => trim_zeros(value, 0),
        size if size >= 9.995 => trim_zeros(value, 1),
        size if size >= 0.995 => trim_zeros(value, 2),
        _ => trim_zeros(value, decimals),
    }
}

/// `value` with at most `digits` decimals and no trailing zeros.
pub fn trim_zeros(value: f64, digits: usize) -> String {
    if value.is_finite() && value.abs() >= HUGE {
        let text = format!("{value:.2e}");
        let (number, power) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{power}", number.trim_end_matches('0').trim_end_matches('.'));
    }
    let text = format!("{value:.digits$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Puts a comma before every third digit from the right: `12,000`.
pub fn group_digits(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Nanoseconds since the start of the schedule, on the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// Nanoseconds from an earlier moment to this one; zero if it is not earlier.
    pub fn since(self, earlier: Moment) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The second that this moment falls in.
    pub fn second(self) -> u32 {
        u32::try_from(self.0 / 1_000_000_000).unwrap_or(u32::MAX)
    }
}

/// Events per second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

impl Rate {
    /// Nothing per second.
    pub const ZERO: Rate = Rate(0.0);
}

impl FromStr for Rate {
    type Err = UnitError;

    /// Reads `200/s`, `50/min` and, for the command line, a bare `200`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let expected = "a rate such as \"200/s\", \"90/min\" or \"1000/h\"";
        let wrong = || UnitError { meant: meant::rate(text), ..unit_error(expected, text) };
        let (number, unit) = split_number(text).ok_or_else(wrong)?;
        let scale = match unit.trim_start_matches('/').trim() {
            "" if unit.is_empty() => 1.0,
            "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        let rate = number / scale;
        if rate > 10_000_000.0 {
            return Err(unit_error("a rate of at most 10000000/s", text));
        }
        Ok(Rate(rate))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.0 < 10.0 { 2 } else { 1 };
        write!(f, "{}/s", trim_zeros(self.0, digits))
    }
}

/// A place in a distribution, in [0, 1]; printed `p99`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Quantile(f64);

impl Quantile {
    /// The median.
    pub const P50: Quantile = Quantile(0.5);
    /// 95 of 100 are at or below.
    pub const P95: Quantile = Quantile(0.95);
    /// 99 of 100 are at or below.
    pub const P99: Quantile = Quantile(0.99);

    /// `None` outside [0, 1].
    pub fn new(share: f64) -> Option<Quantile> {
        (0.0..=1.0).contains(&share).then_some(Quantile(share))
    }

    /// The share of the distribution at or below, in [0, 1].
    pub fn share(self) -> f64 {
        self.0
    }

    /// The share above, rounded to 12 digits, so that `p99` leaves exactly 0.01.
    pub fn beyond(self) -> f64 {
        ((1.0 - self.0) * 1e12).round() / 1e12
    }
}

impl FromStr for Quantile {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let expected = "a percentile such as \"p95\" or \"p99.9\"";
        text.trim()
            .strip_prefix('p')
            .and_then(|digits| digits.parse::<f64>().ok())
            .filter(|percent| *percent > 0.0 && *percent < 100.0)
            .map(|percent| Quantile((percent * 1e10).round() / 1e12))
            .ok_or_else(|| unit_error(expected, text))
    }
}

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", trim_zeros(self.0 * 100.0, 6))
    }
}

/// A share of something, in [0, 1]; printed as a percentage.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Ratio(pub f64);

impl FromStr for Ratio {
    type Err = UnitError;

    /// Reads `0.1%` and `0.001`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let expected = "a share such as \"0.1%\" or \"0.001\", at most 100%";
        let wrong = || UnitError { meant: meant::ratio(text), ..unit_error(expected, text) };
        let (number, unit) = split_number(text).ok_or_else(wrong)?;
        let share = match unit {
            "%" => (number * 1e10).round() / 1e12,
            "" => number,
            _ => return Err(wrong()),
        };
        if share > 1.0 {
            return Err(wrong());
        }
        Ok(Ratio(share))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.0 * 100.0;
        let digits = if percent == 0.0 || percent >= 1.0 { 2 } else { 4 };
        write!(f, "{}%", trim_zeros(percent, digits))
    }
}

/// A number of bytes; printed with decimal units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let expected = "a size such as \"64kB\", \"10MB\" or \"16MiB\"";
        let (number, unit) = split_number(text).ok_or_else(|| unit_error(expected, text))?;
        let scale = match unit {
            "" | "B" => 1.0,
            "kB" | "KB" | "k" => 1e3,
            "MB" | "M" => 1e6,
            "GB" | "G" => 1e9,
            "KiB" => 1024.0,
            "MiB" => 1_048_576.0,
            "GiB" => 1_073_741_824.0,
            _ => return Err(unit_error(expected, text)),
        };
        let bytes = number * scale;
        if bytes > 1e15 {
            return Err(unit_error("a size of at most 1000000GB", text));
        }
        Ok(Bytes(bytes.round() as u64))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as f64;
        let (scale, unit) = match self.0 {
            0..1_000 => (1.0, "B"),
            1_000..1_000_000 => (1e3, "kB"),
            1_000_000..1_000_000_000 => (1e6, "MB"),
            _ => (1e9, "GB"),
        };
        write!(f, "{} {unit}", trim_zeros(bytes / scale, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (0.034, "0.03"),
            (2.504, "2.5"),
            (48.06, "48.1"),
            (612.3, "612"),
            (1_240.4, "1,240"),
            (-1_240.4, "-1,240"),
            (9.994e14, "999,400,000,000,000"),
            (1e15, "1e15"),
            (1e300, "1e300"),
            (f64::MIN, "-1.8e308"),
        ] {
            assert_eq!(amount(value, 2), text);
        }
        assert_eq!(amount(0.034, 4), "0.034");
        assert_eq!(trim_zeros(1e300, 2), "1e300");
    }

    #[test]
    fn above_a_minute_the_nearest_second_is_shown() {
        assert_eq!(format_duration(Duration::from_millis(64_960)), "1m5s");
        assert_eq!(format_duration(Duration::from_millis(3_599_600)), "1h");
    }

    #[track_caller]
    fn duration(text: &str, nanos: u64) {
        assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
    }

    #[test]
    fn lengths_of_time_are_read() {
        duration("250ms", 250_000_000);
        duration("1.5s", 1_500_000_000);
        duration("1h30m", 5_400_000_000_000);
        duration("20us", 20_000);
        duration("2 min", 120_000_000_000);
    }

    #[test]
    fn lengths_of_time_without_a_unit_or_beyond_reason_are_refused() {
        for text in ["", "10", "10x", "-1s", "s", "1e400s", "9999999h", "1s2"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for nanos in [20_000, 250_000_000, 1_500_000_000, 90_000_000_000, 5_400_000_000_000] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }

    #[test]
    fn rates_are_read_and_written() {
        assert_eq!("200/s".parse(), Ok(Rate(200.0)));
        assert_eq!("90/min".parse(), Ok(Rate(1.5)));
        assert_eq!("500".parse(), Ok(Rate(500.0)));
        assert_eq!(Rate(1.5).to_string(), "1.5/s");
        for text in ["fast", "1/x", "-1/s", "1e9", "99999999/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn quantiles_leave_an_exact_rest() {
        let p99: Quantile = "p99".parse().unwrap();
        assert_eq!(p99, Quantile::P99);
        assert_eq!(p99.beyond().to_bits(), 0.01_f64.to_bits());
        assert_eq!("p99.9".parse::<Quantile>().unwrap().to_string(), "p99.9");
        for text in ["p100", "p0", "99", "p", "p-1", "pNaN"] {
            assert!(text.parse::<Quantile>().is_err(), "{text}");
        }
    }

    #[test]
    fn shares_are_read_and_written() {
        assert_eq!("0.1%".parse(), Ok(Ratio(0.001)));
        assert_eq!("99.9%".parse(), Ok(Ratio(0.999)));
        assert_eq!(Ratio(0.999).to_string(), "99.9%");
        assert_eq!(Ratio(0.00001).to_string(), "0.001%");
        assert!("101%".parse::<Ratio>().is_err());
    }

    #[test]
    fn sizes_are_read_and_written() {
        assert_eq!("64kB".parse(), Ok(Bytes(64_000)));
        assert_eq!("16MiB".parse(), Ok(Bytes(16_777_216)));
        assert_eq!(Bytes(1_500_000).to_string(), "1.5 MB");
    }
}
