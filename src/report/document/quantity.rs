//! Numbers with what they are numbers of, so that each is written in one way.

use std::fmt;

use crate::report::figures::{self, NOTHING};

/// A number with its unit. What is not finite is written as a dash.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// `6,012`.
    Count(u64),
    /// Milliseconds with three significant figures: `1.25 ms`.
    Millis(f64),
    /// Milliseconds as they were asked for: `200 ms`.
    Limit(f64),
    /// A share in [0, 1]: `0.05 %`.
    Share(f64),
    /// Per second: `100/s`.
    Rate(f64),
    /// Seconds in whole units: `5 min`.
    Seconds(f64),
    /// Bytes: `1.5 MB`.
    Bytes(f64),
    /// Bytes per second: `1.5 MB/s`.
    ByteRate(f64),
    /// CPU cores: `0.62 cores`.
    Cores(f64),
    /// Without unit: `1.8`.
    Number(f64),
    /// A share of change that would have been seen: `+31 %`.
    Increase(f64),
    /// A share that would have been seen as a difference: `0.12 % more`.
    More(f64),
    /// A standard deviation as a share, for columns: `0.60 %`.
    Spread(f64),
    /// The same with its sign: `+0.04 %`.
    SignedSpread(f64),
    /// How many times: `6.8×`.
    Times(f64),
    /// The same with three significant figures: `0.42×`.
    Multiple(f64),
    /// A correlation: `0.06`.
    Correlation(f64),
    /// One arm ÷ the other, whose bounds may be infinite: `1.034`.
    Ratio(f64),
    /// A difference of shares, in percentage points without their unit: `+0.12`.
    Points(f64),
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match *self {
            Quantity::Count(number) => figures::count(number),
            Quantity::Millis(ms) => figures::millis(ms),
            Quantity::Limit(ms) => figures::short_millis(ms),
            Quantity::Share(share) => figures::share(share),
            Quantity::Rate(rate) => figures::rate(rate),
            Quantity::Seconds(seconds) => figures::seconds(seconds),
            Quantity::Bytes(bytes) => figures::bytes(bytes),
            Quantity::ByteRate(bytes) => format!("{}/s", figures::bytes(bytes)),
            Quantity::Cores(cores) => format!("{} cores", figures::number(cores)),
            Quantity::Number(number) => figures::number(number),
            Quantity::Increase(share) => format!("+{}", figures::percent(share)),
            Quantity::More(share) => format!("{} more", figures::percent(share)),
            Quantity::Spread(share) => spread(share),
            Quantity::SignedSpread(share) => signed_spread(share),
            Quantity::Times(times) => format!("{times:.1}×"),
            Quantity::Multiple(times) if !times.is_finite() => NOTHING.to_owned(),
            Quantity::Multiple(times) => format!("{}×", figures::number(times)),
            Quantity::Correlation(value) => correlation(value),
            Quantity::Ratio(ratio) => figures::ratio(ratio),
            Quantity::Points(share) => figures::signed(share, figures::points),
        };
        f.write_str(&text)
    }
}

/// `1.2 – 1.4 ms`: two of them with the unit once, if both have the same.
pub fn joined(low: Quantity, between: &str, high: Quantity) -> String {
    let (low, high) = (low.to_string(), high.to_string());
    let unit = |text: &str| text.rsplit_once(' ').map(|(_, unit)| unit.to_owned());
    match low.rsplit_once(' ') {
        Some((number, of_low)) if unit(&high).as_deref() == Some(of_low) => {
            format!("{number} {between} {high}")
        }
        _ => format!("{low} {between} {high}"),
    }
}

fn spread(share: f64) -> String {
    match share * 100.0 {
        percent if !percent.is_finite() => NOTHING.to_owned(),
        percent if percent < 9.995 => format!("{percent:.2} %"),
        percent => format!("{percent:.1} %"),
    }
}

fn signed_spread(share: f64) -> String {
    let size = spread(share.abs());
    match share {
        _ if size == "0.00 %" || size == NOTHING => size,
        share if share < 0.0 => format!("−{size}"),
        _ => format!("+{size}"),
    }
}

fn correlation(value: f64) -> String {
    let text = format!("{:.2}", value.abs());
    if value < 0.0 && text != "0.00" { format!("−{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_quantity_has_its_unit() {
        let cases = [
            (Quantity::Count(6_012), "6,012"),
            (Quantity::Limit(200.0), "200 ms"),
            (Quantity::Cores(0.62), "0.62 cores"),
            (Quantity::ByteRate(1.5e6), "1.5 MB/s"),
            (Quantity::Increase(0.31), "+31 %"),
            (Quantity::More(0.001_2), "0.12 % more"),
            (Quantity::Spread(0.102), "10.2 %"),
            (Quantity::SignedSpread(-0.000_4), "−0.04 %"),
            (Quantity::SignedSpread(-0.000_001), "0.00 %"),
            (Quantity::Times(6.84), "6.8×"),
            (Quantity::Multiple(0.042), "0.04×"),
            (Quantity::Multiple(f64::NAN), "–"),
            (Quantity::Correlation(-0.06), "−0.06"),
            (Quantity::Correlation(-0.001), "0.00"),
            (Quantity::Ratio(f64::INFINITY), "∞"),
            (Quantity::Points(0.000_1), "+0.01"),
            (Quantity::Millis(f64::NAN), "–"),
        ];
        for (quantity, text) in cases {
            assert_eq!(quantity.to_string(), text, "{quantity:?}");
        }
    }

    #[test]
    fn a_unit_that_both_have_stands_once() {
        let joined = |low, high| joined(Quantity::Millis(low), "–", Quantity::Millis(high));
        assert_eq!(joined(1.2, 1.4), "1.20 – 1.40 ms");
        assert_eq!(joined(0.9, 1.4), "900 µs – 1.40 ms");
    }
}
