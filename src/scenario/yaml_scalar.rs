//! What an unquoted word of YAML is.
//!
//! YAML 1.2 decides, but where readers of YAML 1.1 take for a number what is a text in YAML
//! 1.2, or the other way round, the word is unclear and the file has to say what is meant.

/// What a word without quotes is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plain {
    Null,
    Flag(bool),
    /// As JSON writes it.
    Number,
    Text,
    /// A number to some readers only, and what to write instead.
    Unclear(&'static str),
}

pub(super) fn plain(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "true" | "True" | "TRUE" => return Plain::Flag(true),
        "false" | "False" | "FALSE" => return Plain::Flag(false),
        _ => {}
    }
    let (sign, digits) = match text.as_bytes()[0] {
        b'-' => ("-", &text[1..]),
        b'+' => ("+", &text[1..]),
        _ => ("", text),
    };
    if sign != "+" && is_json_number(digits) {
        return Plain::Number;
    }
    if is_time(digits) {
        return Plain::Unclear("put it in quotes if it is a text, such as a time");
    }
    if is_infinite(digits) || has_base(digits) || is_odd_decimal(digits) {
        return Plain::Unclear("write it in plain digits, or in quotes if it is a text");
    }
    Plain::Text
}

/// A JSON number without its sign.
fn is_json_number(text: &str) -> bool {
    let has_leading_zero =
        text.len() > 1 && text.starts_with('0') && { text.as_bytes()[1].is_ascii_digit() };
    let (number, exponent) = split_exponent(text);
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    !has_leading_zero
        && is_digits(whole)
        && fraction.is_none_or(is_digits)
        && exponent.is_none_or(is_exponent)
}

fn split_exponent(text: &str) -> (&str, Option<&str>) {
    match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (text, None),
    }
}

fn is_exponent(text: &str) -> bool {
    is_digits(text.strip_prefix(['+', '-']).unwrap_or(text))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `1_000`, `007`, `+5`, `.5`, `5.`
fn is_odd_decimal(text: &str) -> bool {
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return false;
    }
    let text = text.replace('_', "");
    let (number, exponent) = split_exponent(&text);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let only_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    only_digits(whole)
        && only_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(is_exponent)
}

/// `0x1F`, `0o17`, `0b101`
fn has_base(text: &str) -> bool {
    let with = |prefix: &str, is_digit: fn(u8) -> bool| {
        text.strip_prefix(prefix).is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte == b'_' || is_digit(byte))
        })
    };
    with("0x", |byte| byte.is_ascii_hexdigit())
        || with("0o", |byte| (b'0'..=b'7').contains(&byte))
        || with("0b", |byte| byte == b'0' || byte == b'1')
}

fn is_infinite(text: &str) -> bool {
    [".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"].contains(&text)
}

/// `10:30`, which YAML 1.1 reads as 630.
fn is_time(text: &str) -> bool {
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default().replace('_', "");
    let is_sixtieth = |part: &str| {
        let part = part.split('.').next().unwrap_or_default();
        is_digits(part) && (part.len() == 1 || (part.len() == 2 && part.as_bytes()[0] < b'6'))
    };
    is_digits(&first) && text.contains(':') && parts.all(is_sixtieth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_has_is_what_it_is_in_json() {
        for text in ["0", "-0", "7", "-12", "1.5", "10.00", "1e3", "1E-3", "2.5e+10"] {
            assert_eq!(plain(text), Plain::Number, "{text}");
        }
        assert_eq!((plain("null"), plain("~"), plain("")), (Plain::Null, Plain::Null, Plain::Null));
        assert_eq!((plain("true"), plain("False")), (Plain::Flag(true), Plain::Flag(false)));
    }

    #[test]
    fn words_are_texts() {
        for text in [
            "yes",
            "no",
            "on",
            "off",
            "y",
            "N",
            "10s",
            "100/s",
            "p99 < 500ms",
            "1.2.3",
            "2026-01-31",
            "127.0.0.1:3000",
            "0.1%",
            "-",
            "+",
            ".",
            "..",
            "_1",
            "1-2",
            "e5",
            "0x",
            "0o8",
            "nan",
            "2xx",
            "1e",
            "10:75",
            "a:30",
            "12:3456",
            "${PORT}",
            "-x",
            "1s..3s",
            "TRUe",
        ] {
            assert_eq!(plain(text), Plain::Text, "{text}");
        }
    }

    #[test]
    fn what_readers_disagree_about_is_unclear() {
        for text in [
            "1_000", "007", "010", "0o17", "0x1F", "0b101", "+5", "+1e3", ".5", "-.5", "5.",
            ".inf", "-.Inf", ".nan", "10:30", "1:30:05", "-1:30", "10:30.5", "1_000.5", "09",
            "1_0:30",
        ] {
            assert!(matches!(plain(text), Plain::Unclear(_)), "{text}: {:?}", plain(text));
        }
    }
}
