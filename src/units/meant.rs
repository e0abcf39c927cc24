//! What was probably meant by a quantity that cannot be read: the units of other tools,
//! words written out, and numbers without any unit.
//!
//! A text comes in, the text that should stand there instead goes out. Only what can be
//! read is proposed.

use std::time::Duration;

use super::{Rate, Ratio, format_duration, parse_duration, trim_zeros};

/// A length of time, such as `30 sec`, `5 minutes` or a bare `5000`.
pub fn duration(text: &str) -> Option<String> {
    if let Some(number) = number(text) {
        return bare_duration(number);
    }
    let written: String = words(text)?
        .into_iter()
        .filter(|(_, word)| word != "and")
        .map(|(number, word)| Some(format!("{number}{}", time_unit(&word)?)))
        .collect::<Option<_>>()?;
    // Only what differs is tried, as what cannot be read comes here.
    (written != text && parse_duration(&written).is_ok()).then(|| format!("write \"{written}\""))
}

/// A number of seconds or of milliseconds: whoever writes 5000 hardly means 83 minutes.
pub fn bare_duration(number: f64) -> Option<String> {
    let seconds = trim_zeros(number, 6);
    let millis = Duration::try_from_secs_f64(number / 1e3).ok()?;
    parse_duration(&format!("{seconds}s")).ok()?;
    Some(if number >= 100.0 {
        let meant = format_duration(millis);
        format!("write \"{meant}\" if these are milliseconds, or \"{seconds}s\" for seconds")
    } else {
        format!("write \"{seconds}s\" for seconds, or \"{seconds}ms\" for milliseconds")
    })
}

/// A rate, such as `100 rps`, `200 req/s`, `1k/s` or `100 per second`.
pub fn rate(text: &str) -> Option<String> {
    let lower = text.trim().to_lowercase();
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')?;
    let (digits, unit) = lower.split_at(end);
    let (thousand, unit) = match unit.strip_prefix('k') {
        Some(rest) => (1e3, rest),
        None => (1.0, unit),
    };
    let number = number(digits)? * thousand;
    let unit = unit.replace("per", "/");
    let unit = unit.trim();
    let (of, time) = match unit.split_once('/') {
        Some((of, time)) => (of.trim(), time.trim()),
        None => match unit {
            "rps" | "qps" | "tps" | "hz" | "ops" => ("", "s"),
            "rpm" | "qpm" => ("", "min"),
            "rph" => ("", "h"),
            _ => return None,
        },
    };
    let known = ["", "r", "req", "reqs", "request", "requests", "iterations", "arrivals", "users"];
    let unit = match time.strip_prefix('1').unwrap_or(time).trim() {
        "s" | "sec" | "second" | "seconds" => "s",
        "m" | "min" | "minute" | "minutes" => "min",
        "h" | "hr" | "hour" | "hours" => "h",
        _ => return None,
    };
    let written = format!("{}/{unit}", trim_zeros(number, 6));
    let differs = written != text && known.contains(&of);
    (differs && written.parse::<Rate>().is_ok()).then(|| format!("write \"{written}\""))
}

/// A share, such as `1 percent` or `0,1%`.
pub fn ratio(text: &str) -> Option<String> {
    let lower = text.trim().to_lowercase().replace(',', ".");
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(end);
    let written = match unit.trim() {
        // A bare number is more than all of them: it was a percentage.
        "%" | "percent" | "pct" | "per cent" | "" => format!("{number}%"),
        _ => return None,
    };
    (written != text && written.parse::<Ratio>().is_ok()).then(|| format!("write \"{written}\""))
}

/// A number with or without commas between its thousands.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let grouped =
        text.split(',').skip(1).all(|group| group.split('.').next().is_some_and(|g| g.len() == 3));
    let plain = if grouped { text.replace(',', "") } else { text.replace(',', ".") };
    let is_plain = plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain.parse::<f64>().ok().filter(|number| is_plain && number.is_finite())
}

/// `1 min 30 sec` as its numbers, each with the word behind it.
fn words(text: &str) -> Option<Vec<(String, String)>> {
    let lower = text.trim().to_lowercase().replace(',', ".");
    let mut rest = lower.as_str();
    let mut all = Vec::new();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let tail = tail.trim_start();
        let end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        number.parse::<f64>().ok()?;
        all.push((number.to_owned(), tail[..end].to_owned()));
        rest = tail[end..].trim_start_matches([' ', ',', '.', ':']);
        rest = rest.strip_prefix("and ").unwrap_or(rest).trim_start();
    }
    Some(all)
}

fn time_unit(word: &str) -> Option<&'static str> {
    Some(match word {
        "us" | "µs" | "usec" | "microsecond" | "microseconds" => "us",
        "ms" | "msec" | "msecs" | "milli" | "millis" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(meant: Option<String>, expected: Option<&str>) {
        match (meant, expected) {
            (None, None) => {}
            (Some(help), Some(text)) => {
                assert!(help.starts_with(&format!("write \"{text}\"")), "{help} for {text}");
            }
            (found, expected) => panic!("{found:?} for {expected:?}"),
        }
    }

    #[test]
    fn lengths_of_time_in_other_words_are_understood() {
        for (text, meant) in [
            ("30", Some("30s")),
            ("5000", Some("5s")),
            ("1500", Some("1.5s")),
            ("250", Some("250ms")),
            ("0.5", Some("0.5s")),
            ("30 sec", Some("30s")),
            ("5 minutes", Some("5m")),
            ("1 min 30 sec", Some("1m30s")),
            ("1 hour and 5 min", Some("1h5m")),
            ("1,5s", Some("1.5s")),
            ("200 millis", Some("200ms")),
            ("soon", None),
            ("-5s", None),
            ("5 weeks", None),
            ("", None),
        ] {
            check(duration(text), meant);
        }
    }

    #[test]
    fn rates_in_other_words_are_understood() {
        for (text, meant) in [
            ("100 rps", Some("100/s")),
            ("100rps", Some("100/s")),
            ("200 req/s", Some("200/s")),
            ("200 requests per second", Some("200/s")),
            ("1k/s", Some("1000/s")),
            ("1,000/s", Some("1000/s")),
            ("6000 rpm", Some("6000/min")),
            ("100/1s", Some("100/s")),
            ("100 users/sec", Some("100/s")),
            ("100 users", None),
            ("fast", None),
            ("100/fortnight", None),
        ] {
            check(rate(text), meant);
        }
    }

    #[test]
    fn shares_in_other_words_are_understood() {
        for (text, meant) in [
            ("1 percent", Some("1%")),
            ("0,1%", Some("0.1%")),
            ("5", Some("5%")),
            ("500", None),
            ("few", None),
        ] {
            check(ratio(text), meant);
        }
    }
}
