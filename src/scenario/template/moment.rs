//! Times in texts: now, or so much earlier or later, in one of several forms. All of them in UTC.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::fmt::strtime::{self, BrokenDownTime};

/// The longest way from now: a century.
const FARTHEST: u64 = 100 * 366 * 86_400_000;

/// A time, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// From now, in milliseconds.
    pub offset: i64,
    /// In which form.
    pub form: Form,
}

/// How a time is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Milliseconds since 1970: `1767225600000`.
    Millis,
    /// Seconds since 1970: `1767225600`.
    Seconds,
    /// `2026-01-01T00:00:00.000Z` (RFC 3339).
    Rfc3339,
    /// `2026-01-01`.
    Date,
    /// As `strftime` writes it.
    Strftime(Box<str>),
}

impl Form {
    /// Those that have a name.
    pub const NAMED: [(&'static str, Form); 4] = [
        ("ms", Form::Millis),
        ("unix", Form::Seconds),
        ("rfc3339", Form::Rfc3339),
        ("date", Form::Date),
    ];

    /// Whether it is a number.
    pub fn is_number(&self) -> bool {
        match self {
            Form::Millis | Form::Seconds => true,
            Form::Rfc3339 | Form::Date | Form::Strftime(_) => false,
        }
    }
}

impl Moment {
    /// Adds it to a text, where it is so many milliseconds since 1970 now.
    pub(super) fn write(&self, now: u64, out: &mut String) {
        let millis = now.cast_signed().saturating_add(self.offset);
        let at = || Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
        let written = match &self.form {
            Form::Millis => write!(out, "{millis}"),
            Form::Seconds => write!(out, "{}", millis.div_euclid(1_000)),
            Form::Rfc3339 => write!(out, "{:.3}", at()),
            Form::Date => write!(out, "{}", at().strftime("%Y-%m-%d")),
            // What can be written of one time can be of every other.
            Form::Strftime(text) => {
                out.push_str(&in_words(text, at()).unwrap_or_default());
                Ok(())
            }
        };
        written.expect("writing to a string cannot fail");
    }
}

fn in_words(text: &str, at: Timestamp) -> Result<String, jiff::Error> {
    strtime::format(text, BrokenDownTime::from(at))
}

/// What is wrong with a text for `strftime`.
pub(super) fn strftime_fault(text: &str) -> Option<String> {
    match in_words(text, Timestamp::UNIX_EPOCH) {
        Ok(written) if written.is_empty() => Some("it writes nothing".to_owned()),
        // Without a directive the time would not be in it.
        Ok(written) if written == text => Some("it has no part of a time, such as %Y".to_owned()),
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    }
}

/// `+1d`, `-90m`: how far from now, in milliseconds.
pub(super) fn offset(text: &str) -> Option<i64> {
    const UNITS: [(&str, u64); 6] = [
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
        ("w", 604_800_000),
    ];
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == &rest[digits..])?;
    let way = rest[..digits].parse::<u64>().ok()?.checked_mul(*unit)?;
    (way <= FARTHEST).then(|| sign * way.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The 29th of February 2024, 12:34:56.789.
    const NOW: u64 = 1_709_210_096_789;

    #[track_caller]
    fn check(offset_text: &str, form: Form, expected: &str) {
        let mut out = String::new();
        Moment { offset: offset(offset_text).unwrap_or(0), form }.write(NOW, &mut out);
        assert_eq!(out, expected);
    }

    #[test]
    fn times_are_written_in_utc() {
        check("", Form::Millis, "1709210096789");
        check("+1s", Form::Seconds, "1709210097");
        check("", Form::Rfc3339, "2024-02-29T12:34:56.789Z");
        check("-789ms", Form::Rfc3339, "2024-02-29T12:34:56.000Z");
        check("+1d", Form::Date, "2024-03-01");
        check("-52w", Form::Date, "2023-03-02");
        check("+12h", Form::Strftime("%d.%m.%Y %H:%M".into()), "01.03.2024 00:34");
        check("-36600d", Form::Date, "1923-12-16");
    }

    #[test]
    fn an_offset_has_a_sign_a_number_and_a_unit() {
        assert_eq!(offset("+90m"), Some(5_400_000));
        for wrong in ["1d", "+1", "+d", "+1y", "++1d", "+1.5h", "+99999999w", "é1d", "+", ""] {
            assert_eq!(offset(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_strftime_cannot_write_is_told() {
        for right in ["%Y", "%FT%TZ", "%d %b", "%s"] {
            assert_eq!(strftime_fault(right), None, "{right}");
        }
        for wrong in ["", "%", "%!", "YYYY-MM-DD", "%Ñ"] {
            assert!(strftime_fault(wrong).is_some(), "{wrong}");
        }
    }
}
