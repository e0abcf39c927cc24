//! Numbers as people read them: `6,012`, `850 µs`, `1.25 ms`, `0.05 %`, `100/s`.
//!
//! A number comes in, text goes out. What is not a finite number becomes a dash, so
//! that no report ever says `NaN`.

use crate::units::{Bytes, Quantile, amount, group_digits, trim_zeros};

/// From here on a number of bytes has separators: a thousand GB.
const MANY_BYTES: f64 = 1e12;

/// Stands for a number that there is not.
pub(super) const NOTHING: &str = "–";

/// `6,012`.
pub(super) fn count(number: u64) -> String {
    group_digits(&number.to_string())
}

/// `1 run`, `12 runs`.
pub(super) fn counted(number: usize, one: &str) -> String {
    format!("{} {one}{}", count(number as u64), if number == 1 { "" } else { "s" })
}

/// Decimals that leave three significant figures in front of a unit.
fn decimals(value: f64) -> usize {
    match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    }
}

/// A time with three significant figures: `850 µs`, `1.25 ms`, `312 ms`, `2.40 s`.
pub(super) fn millis(ms: f64) -> String {
    timed(ms, |value| {
        if value >= 9_999.5 { amount(value, 0) } else { format!("{value:.*}", decimals(value)) }
    })
}

/// The same without zeros at the end: `200 ms`, `1.5 s`.
pub(super) fn short_millis(ms: f64) -> String {
    timed(ms, |value| trim_zeros(value, decimals(value)))
}

fn timed(ms: f64, write: impl Fn(f64) -> String) -> String {
    if !ms.is_finite() {
        return NOTHING.to_owned();
    }
    if ms == 0.0 {
        return "0 ms".to_owned();
    }
    let (value, unit) = match ms {
        v if v < 0.9995 => (v * 1e3, "µs"),
        v if v < 999.5 => (v, "ms"),
        v => (v / 1e3, "s"),
    };
    format!("{} {unit}", write(value))
}

/// A share in [0, 1] as a percentage. Shows as many decimals as it takes to tell it
/// from 0 % and from 100 %, as `100 %` availability must mean that nothing failed.
pub(super) fn share(share: f64) -> String {
    if !share.is_finite() {
        return NOTHING.to_owned();
    }
    let nearest_end = share.min(1.0 - share).abs() * 100.0;
    let digits = match nearest_end {
        0.0 => 0,
        rest if rest >= 10.0 => 1,
        rest if rest >= 0.1 => 2,
        rest if rest >= 0.01 => 3,
        _ => 5,
    };
    format!("{} %", trim_zeros(share * 100.0, digits))
}

/// A number without unit and with about three significant figures.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return NOTHING.to_owned();
    }
    amount(value, 2)
}

/// `100/s`.
pub(super) fn rate(per_second: f64) -> String {
    format!("{}/s", number(per_second))
}

/// `1.5 MB`.
pub(super) fn bytes(bytes: f64) -> String {
    if !bytes.is_finite() {
        return NOTHING.to_owned();
    }
    if bytes >= MANY_BYTES {
        return format!("{} GB", amount(bytes / 1e9, 0));
    }
    Bytes(bytes.max(0.0).round() as u64).to_string()
}

/// A length of time in whole units: `60 s`, `5 min`, `1 h 30 min`.
pub(super) fn seconds(seconds: f64) -> String {
    if !seconds.is_finite() {
        return NOTHING.to_owned();
    }
    if seconds < 120.0 {
        return format!("{} s", trim_zeros(seconds, 1));
    }
    let whole = seconds.round() as u64;
    let parts = [(whole / 3600, "h"), (whole / 60 % 60, "min"), (whole % 60, "s")];
    let parts = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}"));
    parts.collect::<Vec<_>>().join(" ")
}

/// `p99`, and `max` for the quantile 1.
pub(super) fn quantile(share: f64) -> String {
    if share >= 1.0 {
        return "max".to_owned();
    }
    Quantile::new(share).map_or_else(|| NOTHING.to_owned(), |quantile| quantile.to_string())
}

/// `1.034`, `52.1`; bounds may be infinite.
pub(super) fn ratio(value: f64) -> String {
    match value {
        f64::INFINITY => "∞".to_owned(),
        v if v.is_nan() => NOTHING.to_owned(),
        v if v >= 9.995 => number(v),
        v if v >= 0.1 => format!("{v:.3}"),
        v => trim_zeros(v, 4),
    }
}

/// A number with its sign, whose size another function writes.
pub(super) fn signed(value: f64, write: fn(f64) -> String) -> String {
    let size = write(value.abs());
    match value {
        v if v.is_nan() || size == "0" => size,
        v if v < 0.0 => format!("−{size}"),
        _ => format!("+{size}"),
    }
}

/// A share as percentage points, without a unit.
pub(super) fn points(share: f64) -> String {
    let points = share * 100.0;
    match points {
        p if p.is_nan() => NOTHING.to_owned(),
        p if p.is_infinite() => "∞".to_owned(),
        p if p >= 10.0 => trim_zeros(p, 1),
        p if p >= 0.1 => trim_zeros(p, 2),
        p if p >= 0.01 => trim_zeros(p, 3),
        p => trim_zeros(p, 5),
    }
}

/// `5 %`: a change, which may be more than all.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_thousands_separators() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn times_have_three_figures_and_a_unit() {
        let cases = [
            (0.0, "0 ms"),
            (0.85, "850 µs"),
            (0.012_34, "12.3 µs"),
            (0.9996, "1.00 ms"),
            (1.25, "1.25 ms"),
            (9.996, "10.0 ms"),
            (312.4, "312 ms"),
            (999.7, "1.00 s"),
            (2_400.0, "2.40 s"),
            (75_000.0, "75.0 s"),
            (36e6, "36,000 s"),
            (1e300, "1e297 s"),
            (f64::NAN, "–"),
            (f64::INFINITY, "–"),
        ];
        for (ms, text) in cases {
            assert_eq!(millis(ms), text, "{ms}");
        }
        assert_eq!(short_millis(200.0), "200 ms");
        assert_eq!(short_millis(1_500.0), "1.5 s");
    }

    #[test]
    fn a_share_close_to_an_end_is_not_that_end() {
        let cases = [
            (0.0, "0 %"),
            (1.0, "100 %"),
            (0.999_96, "99.996 %"),
            (0.999_9, "99.99 %"),
            (0.000_5, "0.05 %"),
            (0.013, "1.3 %"),
            (0.5, "50 %"),
            (0.000_001_2, "0.00012 %"),
        ];
        for (value, text) in cases {
            assert_eq!(share(value), text, "{value}");
        }
    }

    #[test]
    fn lengths_and_rates_read_well() {
        assert_eq!(seconds(60.0), "60 s");
        assert_eq!(seconds(5_400.0), "1 h 30 min");
        assert_eq!(rate(100.04), "100/s");
        assert_eq!(rate(1.5), "1.5/s");
        assert_eq!(rate(12_345.0), "12,345/s");
        assert_eq!(bytes(1e300), "1e291 GB");
        assert_eq!(share(1e300), "1e302 %");
        assert_eq!(quantile(0.999), "p99.9");
        assert_eq!(quantile(1.0), "max");
    }
}
