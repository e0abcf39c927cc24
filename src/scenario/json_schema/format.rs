//! The forms of texts that `format` names, and that are looked at.

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::civil::Date;
use url::Url;

/// A form of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `2026-01-31T12:00:00Z` (RFC 3339)
    DateTime,
    /// `2026-01-31`
    Date,
    /// `12:00:00Z`
    Time,
    /// `ann@example.test`
    Email,
    /// `60de5ec5-0001-4000-8000-00000000002a`
    Uuid,
    /// An address with a scheme.
    Uri,
    /// `127.0.0.1`
    Ipv4,
    /// `::1`
    Ipv6,
}

impl Format {
    /// All of them, as they are written.
    pub const ALL: [(&'static str, Format); 8] = [
        ("date-time", Format::DateTime),
        ("date", Format::Date),
        ("time", Format::Time),
        ("email", Format::Email),
        ("uuid", Format::Uuid),
        ("uri", Format::Uri),
        ("ipv4", Format::Ipv4),
        ("ipv6", Format::Ipv6),
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        Format::ALL.into_iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    /// Whether a text is of it.
    pub fn is_of(self, text: &str) -> bool {
        match self {
            Format::DateTime => text
                .split_once(['T', 't'])
                .is_some_and(|(date, time)| is_date(date) && is_time(time)),
            Format::Date => is_date(text),
            Format::Time => is_time(text),
            Format::Email => is_email(text),
            Format::Uuid => is_uuid(text),
            Format::Uri => text.is_ascii() && !text.contains(' ') && Url::parse(text).is_ok(),
            Format::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Format::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
        }
    }
}

/// Whether a text has digits where a form has `0`, and its other characters as they are.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, form)| if form == b'0' { u8::is_ascii_digit(&byte) } else { byte == form };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

fn is_date(text: &str) -> bool {
    has_form(text, "0000-00-00") && text.parse::<Date>().is_ok()
}

/// RFC 3339; a second may be a leap second where the day ends in UTC.
fn is_time(text: &str) -> bool {
    let Some((clock, rest)) =
        text.split_at_checked(8).filter(|(clock, _)| has_form(clock, "00:00:00"))
    else {
        return false;
    };
    let number = |from: usize| clock[from..from + 2].parse::<i32>().unwrap_or(99);
    let (hours, minutes, seconds) = (number(0), number(3), number(6));
    let digits = rest
        .strip_prefix('.')
        .map_or(0, |rest| 1 + rest.bytes().take_while(u8::is_ascii_digit).count());
    let Some(offset) = offset_minutes(&rest[digits..]).filter(|_| digits != 1) else {
        return false;
    };
    let is_leap = seconds == 60 && (hours * 60 + minutes - offset).rem_euclid(1_440) == 1_439;
    hours < 24 && minutes < 60 && (seconds < 60 || is_leap)
}

fn offset_minutes(text: &str) -> Option<i32> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let rest = text.strip_prefix(['+', '-']).filter(|rest| has_form(rest, "00:00"))?;
    let (hours, minutes) = (rest[..2].parse::<i32>().ok()?, rest[3..].parse::<i32>().ok()?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// A name, `@`, and labels of letters, digits and hyphens with dots between them.
fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.rsplit_once('@') else { return false };
    let is_letter = |c: char| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c);
    let is_name = |part: &str| !part.is_empty() && part.chars().all(is_letter);
    let is_label = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    name.split('.').all(is_name) && host.split('.').all(is_label)
}

fn is_uuid(text: &str) -> bool {
    let fits = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_of_their_forms() {
        for (format, right, wrong) in [
            (
                Format::DateTime,
                &[
                    "2026-02-28T23:59:59Z",
                    "2026-02-28t00:00:00.123456+02:00",
                    "1998-12-31T23:59:60Z",
                ][..],
                &[
                    "2026-02-30T00:00:00Z",
                    "2026-02-28 00:00:00Z",
                    "2026-02-28T24:00:00Z",
                    "2026-02-28T00:00:00",
                    "2026-02-28T00:00:00.Z",
                    "2026-02-28T22:59:60Z",
                    "é026-02-28T00:00:00Z",
                ][..],
            ),
            (Format::Date, &["2024-02-29"], &["2023-02-29", "2024-2-29", "20240229", ""]),
            (
                Format::Time,
                &["12:00:00Z", "23:59:59-07:30"],
                &["12:00Z", "12:00:61Z", "12:00:00+25:00", "12:00:00é"],
            ),
            (
                Format::Email,
                &["ann@example.test", "a.b+c@x-y.de"],
                &["ann", "@b", "a@", "a b@c", "a@-b", "a..b@c"],
            ),
            (
                Format::Uuid,
                &["60de5ec5-0001-4000-8000-00000000002A"],
                &["60de5ec5000140008000000000000002a", "60de5ec5-0001-4000-8000-00000000002g"],
            ),
            (Format::Uri, &["https://a.test/b?c", "urn:a:b"], &["/b", "a b:c", "https://é.test/"]),
            (Format::Ipv4, &["127.0.0.1"], &["127.0.0", "127.0.0.256", "01.2.3.4"]),
            (Format::Ipv6, &["::1", "fe80::1"], &["::g", "127.0.0.1"]),
        ] {
            for text in right {
                assert!(format.is_of(text), "{format:?} {text}");
            }
            for text in wrong {
                assert!(!format.is_of(text), "{format:?} {text}");
            }
        }
    }
}
