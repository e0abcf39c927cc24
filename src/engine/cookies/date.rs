//! The date of a cookie's `Expires`, as RFC 6265 (5.1.1) reads it: whatever order its parts have.

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A date in seconds since 1970; `None` for what is none.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let is_delimiter = |c: char| !(c.is_ascii_alphanumeric() || c == ':' || c > '\u{7f}');
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        if let Some(found) = clock(token).filter(|_| time.is_none()) {
            time = Some(found);
        } else if let Some(found) = number(token, 1..=2).filter(|_| day.is_none()) {
            day = Some(found);
        } else if let Some(found) = named(token).filter(|_| month.is_none()) {
            month = Some(found);
        } else if let Some(found) = number(token, 2..=4).filter(|_| year.is_none()) {
            year = Some(found);
        }
    }
    let year = match year? {
        short @ 70..=99 => short + 1_900,
        short @ 0..=69 => short + 2_000,
        whole => whole,
    };
    let (day, (hour, minute, second)) = (day?, time?);
    let is_one = (1..=31).contains(&day) && year >= 1_601;
    let is_time = hour <= 23 && minute <= 59 && second <= 59;
    (is_one && is_time)
        .then_some(days(year, month?, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// `08:49:37`
fn clock(token: &str) -> Option<(i64, i64, i64)> {
    let mut parts = token.split(':');
    let mut next = || number(parts.next()?, 1..=2);
    let found = (next()?, next()?, next()?);
    parts.next().is_none().then_some(found)
}

/// What begins with so many digits and no more.
fn number(token: &str, digits: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let end = token.find(|c: char| !c.is_ascii_digit()).unwrap_or(token.len());
    digits.contains(&end).then(|| token[..end].parse().ok())?
}

/// From 1.
fn named(token: &str) -> Option<i64> {
    let start = token.get(..3)?.to_ascii_lowercase();
    let place = MONTHS.iter().position(|month| *month == start)?;
    i64::try_from(place).ok().map(|place| place + 1)
}

/// Days since 1970 (Hinnant, "chrono-compatible low-level date algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn dates_are_read_in_every_form_that_servers_write() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "6 november 1994 8:49:37",
        ] {
            assert_eq!(seconds(text), Some(784_111_777), "{text}");
        }
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds("Tue, 29 Feb 2028 12:00:00 GMT"), Some(1_835_438_400));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "never",
            "06 Nov 1994",
            "32 Nov 1994 08:49:37",
            "6 Nov 1500 08:49:37",
            "6 Nov 1994 24:00:00",
            "é:é:é 6 Nov 1994",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
