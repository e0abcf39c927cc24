//! Takes secrets out of texts that are kept: what is known to be one, and what looks like
//! one by its name or its form.
//!
//! Known are values from the environment and what stood in fields such as `authorization`;
//! they are found as they are and as JSON, URLs and forms write them. By name: the value of
//! `password`, `token` and the like in JSON, forms, queries and objects as logs print them.
//! By form: what follows `Bearer`, JSON web tokens, and `user:password@` of addresses. Too
//! much is taken out rather than too little.

use std::ops::Range;

use crate::scenario::secrets::Secrets;

/// What stands for a secret.
pub const REDACTED: &str = "[redacted]";
/// Parts of names whose values are secrets, without dashes and underscores.
const PARTS: [&str; 15] = [
    "authorization",
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "cookie",
    "signature",
    "session",
    "csrf",
];
/// Whole names of the same sort.
const NAMES: [&str; 10] =
    ["auth", "pwd", "pass", "sid", "sig", "jwt", "otp", "pin", "xsrf", "xauth"];

/// The start of a secret that is worth hiding where the rest was cut off.
const LEAST: usize = 4;

/// Known secrets, in every form that they are found in.
#[derive(Debug, Clone, Default)]
pub struct Redaction {
    known: Secrets,
}

impl Redaction {
    /// What came from the environment is known.
    pub fn new(secrets: &Secrets) -> Redaction {
        Redaction { known: secrets.clone() }
    }

    /// One more is known.
    pub fn add(&mut self, secret: &str) {
        self.known.add(secret);
    }

    /// What stands in a field such as `authorization`: the whole, what follows its scheme,
    /// and each value of a cookie.
    pub fn add_field(&mut self, value: &str) {
        self.add(value);
        value.split([';', ' ', ',']).for_each(|part| {
            let part = part.trim();
            // A scheme such as `Bearer` and names of fields are no secrets.
            let is_value = part.len() >= 8 || part.chars().any(|c| c.is_ascii_digit());
            if let Some((_, value)) = part.split_once('=').filter(|(_, value)| value.len() > 1) {
                self.add(value);
            } else if is_value {
                self.add(part);
            }
        });
    }

    /// What a text says to be a secret by its name is known from now on.
    pub fn learn(&mut self, text: &str) {
        let mut found = Vec::new();
        by_name(text, &mut |value| found.push(value.to_owned()));
        for value in &found {
            self.add(value);
        }
    }

    /// A text without secrets.
    pub fn text(&self, text: &str) -> String {
        masked(&self.known.redact(text))
    }

    /// `name: value` of a field, without its value where that is a secret by its name.
    pub fn field(&self, name: &str, value: &str) -> String {
        if is_secret(name) {
            format!("{name}: {REDACTED}")
        } else {
            format!("{name}: {}", self.text(value))
        }
    }

    /// How much of a text that was cut may be looked at: without the part of a secret that
    /// stands at its end and so cannot be recognised.
    pub fn whole_part<'t>(&self, cut: &'t str) -> &'t str {
        &cut[..self.known.end_of_whole(cut, LEAST)]
    }
}

/// Whether the name of a field, key or parameter says that its value is a secret.
pub fn is_secret(name: &str) -> bool {
    let plain = |c: &char| c.is_ascii_alphanumeric();
    let name: String = name.chars().filter(plain).map(|c| c.to_ascii_lowercase()).collect();
    NAMES.contains(&name.as_str()) || PARTS.iter().any(|part| name.contains(part))
}

/// A text of which nothing is known, without what looks like a secret.
pub fn masked(text: &str) -> String {
    by_form(&by_name(text, &mut |_| ()))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// Without the values of names that say so.
fn by_name(text: &str, see: &mut dyn FnMut(&str)) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let length = rest[start..].find(|c| !is_word(c)).unwrap_or(rest.len() - start);
        let (name, end) = (&rest[start..start + length], start + length);
        if let Some(value) = value_of(name, &rest[end..]) {
            see(&rest[end + value.start..end + value.end]);
            out.push_str(&rest[..end + value.start]);
            out.push_str(REDACTED);
            rest = &rest[end + value.end..];
        } else {
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    out + rest
}

/// Where the value of a name stands behind it: `=value`, `: "value"`, `": value`.
fn value_of(name: &str, behind: &str) -> Option<Range<usize>> {
    let is_query_key = behind.starts_with('=') && name.eq_ignore_ascii_case("key");
    if !is_secret(name) && !is_query_key {
        return None;
    }
    let closing = quote(behind);
    let after = behind[closing.len()..].trim_start();
    let at = behind.len() - after.len();
    let is_key = !closing.is_empty();
    if after.starts_with('=') && !is_key {
        let start = at + 1;
        let opening = quote(&behind[start..]);
        return stretch(behind, start, opening, &['&', ';', ',', '"', '\'', '<', '>', ')', '}']);
    }
    let value = after.strip_prefix(':')?.trim_start();
    let start = behind.len() - value.len();
    let opening = quote(value);
    // `Unexpected token: x` is an error and no token.
    if opening.is_empty() && !is_key {
        return None;
    }
    let is_plain = !value.starts_with(['{', '['])
        && !["null", "true", "false"].iter().any(|word| value.starts_with(word));
    if is_plain { stretch(behind, start, opening, &[',', '}', ']']) } else { None }
}

/// A quotation mark with the backslashes before it, as in JSON inside JSON.
fn quote(text: &str) -> &str {
    let marks = text.trim_start_matches('\\');
    let slashes = text.len() - marks.len();
    if marks.starts_with(['"', '\'', '`']) { &text[..=slashes] } else { "" }
}

/// From behind the opening quote to the closing one, or to a blank or one of `ends`.
fn stretch(text: &str, start: usize, opening: &str, ends: &[char]) -> Option<Range<usize>> {
    let start = start + opening.len();
    let value = &text[start..];
    let length = if opening.is_empty() {
        value.find(|c: char| c.is_whitespace() || ends.contains(&c))
    } else {
        closing(value, opening)
    };
    let end = start + length.unwrap_or(value.len());
    let is_there = start < end && &text[start..end] != REDACTED;
    is_there.then_some(start..end)
}

/// Where a quoted text ends; a mark with more backslashes before it belongs to the text.
fn closing(value: &str, mark: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = value[from..].find(mark).map(|at| from + at) {
        let slashes = value[..found].len() - value[..found].trim_end_matches('\\').len();
        if slashes.is_multiple_of(2) {
            return Some(found);
        }
        from = found + mark.len();
    }
    None
}

fn is_of_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+' | '/' | '=')
}

/// Without what follows `Bearer` and `Basic`, JSON web tokens, and passwords in addresses.
fn by_form(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_of_token) {
        let length = rest[start..].find(|c| !is_of_token(c)).unwrap_or(rest.len() - start);
        let token = &rest[start..start + length];
        let follows_scheme = out_of_scheme(&out, &rest[..start]);
        let is_web_token = token.contains("eyJ") && token.contains('.') && token.len() > 20;
        out.push_str(&rest[..start]);
        let is_secret = is_web_token || (follows_scheme && is_like_a_secret(token));
        out.push_str(if is_secret { REDACTED } else { token });
        rest = &rest[start + length..];
    }
    without_passwords(&(out + rest))
}

/// Whether what was written last is the name of a scheme and a blank.
fn out_of_scheme(out: &str, between: &str) -> bool {
    let tail: String = out.chars().rev().take_while(char::is_ascii_alphabetic).take(7).collect();
    matches!(between, " " | "%20" | "+")
        && ["reraeb", "cisab"].iter().any(|scheme| tail.eq_ignore_ascii_case(scheme))
}

/// `Basic authentication` is a word, `Basic dXNlcjpw` is not.
fn is_like_a_secret(token: &str) -> bool {
    token.len() >= 8 && token.chars().any(|c| !c.is_ascii_lowercase())
}

/// `postgres://user:password@db` without what stands before the `@`.
fn without_passwords(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://").map(|at| at + 3) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let ends =
            |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>');
        let authority = &rest[..rest.find(ends).unwrap_or(rest.len())];
        if let Some(at) = authority.rfind('@') {
            out.push_str(REDACTED);
            rest = &rest[at..];
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(masked(text), expected);
    }

    #[test]
    fn values_are_known_by_their_names() {
        for (text, expected) in [
            (r#"{"password":"p\"w","name":"x"}"#, r#"{"password":"[redacted]","name":"x"}"#),
            (r#"{"access_token" : "abc", "n": 1}"#, r#"{"access_token" : "[redacted]", "n": 1}"#),
            (r#"{"pin":1234,"ok":true}"#, r#"{"pin":[redacted],"ok":true}"#),
            (r#"{"token":null,"secret":{"a":1}}"#, r#"{"token":null,"secret":{"a":1}}"#),
            (r#"{\"apiKey\":\"abc\",\"b\":1}"#, r#"{\"apiKey\":\"[redacted]\",\"b\":1}"#),
            ("user=a&password=b%20c&x=1", "user=a&password=[redacted]&x=1"),
            ("GET /a?key=abc&token=d HTTP/1.1", "GET /a?key=[redacted]&token=[redacted] HTTP/1.1"),
            ("{ password: 'hunter2', n: 1 }", "{ password: '[redacted]', n: 1 }"),
            (r#"{"key":"name"} Unexpected token: x"#, r#"{"key":"name"} Unexpected token: x"#),
            (r#"{"secret":"never ends"#, r#"{"secret":"[redacted]"#),
            ("password=", "password="),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn values_are_known_by_their_form() {
        for (text, expected) in [
            ("sent Bearer abc.DEF-1234 and", "sent Bearer [redacted] and"),
            ("basic dXNlcjpwdw==", "basic [redacted]"),
            ("Basic authentication, bearer of news", "Basic authentication, bearer of news"),
            ("is eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x_-y ok", "is [redacted] ok"),
            ("at postgres://u:p@w@db:1/a?b", "at postgres://[redacted]@db:1/a?b"),
            ("see http://host/a@b", "see http://host/a@b"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn known_secrets_are_found_however_they_are_written() {
        let mut redaction = Redaction::default();
        redaction.add("a\"b/c d");
        for text in ["a\"b/c d", "a\\\"b/c d", "a\\\"b\\/c d", "a%22b%2Fc%20d", "a%22b%2fc+d"] {
            assert_eq!(redaction.text(&format!("x {text} y")), "x [redacted] y");
        }
    }

    #[test]
    fn what_a_field_says_is_known_part_by_part() {
        let mut redaction = Redaction::default();
        redaction.add_field("Bearer s3cr3t-value");
        redaction.add_field("id=cookie-value; theme=dark");
        assert_eq!(redaction.text("no user s3cr3t-value"), "no user [redacted]");
        assert_eq!(redaction.text("a cookie-value"), "a [redacted]");
        assert_eq!(redaction.text("Bearer of news"), "Bearer of news");
        assert_eq!(redaction.field("Set-Cookie", "a=b"), "Set-Cookie: [redacted]");
        assert_eq!(redaction.field("x-Api_Key", "ab"), "x-Api_Key: [redacted]");
        assert_eq!(redaction.field("location", "/a?token=b"), "location: /a?token=[redacted]");
    }

    #[test]
    fn a_secret_that_was_cut_is_not_shown_in_part() {
        let mut redaction = Redaction::default();
        redaction.add("hunter22");
        assert_eq!(redaction.whole_part("my hunter2"), "my ");
        assert_eq!(redaction.whole_part("my hunt"), "my ");
        redaction.add("it's&pw1x");
        for cut in ["my it&#39;s&a", "my it\\u0027s&amp;p", "my it%27s%2", "my it&#39;s\\u00"] {
            assert_eq!(redaction.whole_part(cut), "my ", "{cut}");
        }
        assert_eq!(redaction.whole_part("my &#39;s and 50 %"), "my &#39;s and 50 %");
        assert_eq!(redaction.whole_part("eight"), "eight");
        assert_eq!(redaction.whole_part("my"), "my");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken(text in "\\PC*", mixed in "[a-z\"'\\\\:= {}&;/@.éy]{0,60}") {
            for text in [text, mixed.replace('y', "token"), mixed.replace("é", "://é")] {
                let _ = masked(&text);
            }
        }
    }
}
