//! How numbers stand in sentences: `12,000`, `1.8 %`, `612 ms`, `1.5 GB`.

use crate::units::{amount, group_digits, trim_zeros};

/// A count with separators: `12,000`.
pub fn count(value: u64) -> String {
    group_digits(&value.to_string())
}

/// A count with its noun: `1 second`, `12 seconds`.
pub fn counted(value: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(value), if value == 1 { "" } else { "s" })
}

/// A number with three digits that matter, from a thousand on in whole ones: `12.5`, `1,240`.
pub fn number(value: f64) -> String {
    amount(value, 4)
}

/// A share as a percentage with two digits that matter, also close to 100 %.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let distance = percent.min(100.0 - percent).abs();
    let digits = match distance {
        d if !(1e-9..10.0).contains(&d) => 0,
        d if d >= 1.0 => 1,
        d => (1.0 - d.log10().floor()).clamp(1.0, 6.0) as usize,
    };
    format!("{} %", trim_zeros(percent, digits))
}

/// A ratio as the change that it is: `+12.9 %`.
pub fn change(ratio: f64) -> String {
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

/// A time in milliseconds with three digits that matter. From a second on it is in seconds,
/// as in the tables that stand beside the sentence.
pub fn millis(value: f64) -> String {
    let digits = |v: f64| match v {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    match value {
        v if v >= 999.5 => {
            format!("{} s", amount(v / 1e3, 2))
        }
        v => format!("{} ms", trim_zeros(v, digits(v))),
    }
}

/// A number of seconds as a person would say it.
pub fn seconds(value: f64) -> String {
    match value {
        v if v >= 7_200.0 => format!("{} h", trim_zeros(v / 3_600.0, 1)),
        v if v >= 180.0 => format!("{} min", trim_zeros(v / 60.0, 0)),
        v if v >= 10.0 => format!("{} s", trim_zeros(v, 0)),
        v => format!("{} s", trim_zeros(v, 1)),
    }
}

/// A number with three digits that matter, rounded up: for advice such as "about 4,210
/// more requests".
pub fn about(value: f64) -> String {
    let scale = 10_f64.powf((value.max(1.0).log10().floor() - 2.0).max(0.0));
    count(((value / scale).ceil() * scale) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_like_prose() {
        for (text, expected) in [
            (count(0), "0"),
            (count(999), "999"),
            (count(12_000), "12,000"),
            (count(1_234_567), "1,234,567"),
            (counted(1, "second"), "1 second"),
            (counted(2_000, "request"), "2,000 requests"),
            (number(1_240.4), "1,240"),
            (number(612.3), "612"),
            (number(48.06), "48.1"),
            (number(2.504), "2.5"),
            (number(0.25), "0.25"),
            (percent(0.018), "1.8 %"),
            (percent(0.01), "1 %"),
            (percent(0.001), "0.1 %"),
            (percent(0.000_123), "0.012 %"),
            (percent(0.9995), "99.95 %"),
            (percent(0.5), "50 %"),
            (percent(0.0), "0 %"),
            (percent(1.0), "100 %"),
            (millis(612.3), "612 ms"),
            (millis(2_345.0), "2.35 s"),
            (millis(9_999.0), "10 s"),
            (millis(999.4), "999 ms"),
            (millis(1_234_567.0), "1,235 s"),
            (millis(12_345.0), "12.3 s"),
            (millis(0.126), "0.13 ms"),
            (millis(1e300), "1e297 s"),
            (number(1e300), "1e300"),
            (seconds(4.0), "4 s"),
            (seconds(400.0), "7 min"),
            (about(4_211.0), "4,220"),
            (about(7.2), "8"),
        ] {
            assert_eq!(text, expected);
        }
    }
}
