//! Values that must never be printed or stored, and how they are found in a text.
//!
//! What the environment and the command line brought comes in with its name; texts go
//! through [`Secrets::redact`] before anybody sees them. A value is looked for as it is
//! and as URLs, JSON, HTML and base64 write it, in the text and in what the text says once its
//! escapes are undone, and so are the parts of it that tell
//! somebody's identity, such as the password of a URL. What anybody would guess is no
//! secret, and what might be an ordinary word is hidden only where it stands alone:
//! hiding "test" in "latest" hides the target's last words and protects nothing.

use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::decoded::{Decoded, unfinished};
use super::guessable::{is_guessable, is_word, names_secret};
use super::spellings::{
    in_base64, in_hex, in_html, in_json, in_url, lower_escapes, without_controls,
};
use crate::units::order;

/// What stands for a hidden value.
const HIDDEN: &str = "[redacted]";
/// Shorter values are left alone; they would hide half of every report.
const SHORTEST: usize = 4;
/// A value of so many bytes is no word of any language.
const LONG: usize = 20;

/// Values that came from outside the scenario file. Never printed, never stored.
#[derive(Clone, Default)]
pub struct Secrets(Vec<Secret>);

#[derive(Clone)]
struct Secret {
    value: String,
    /// The variable or header that had it.
    name: Option<String>,
    patterns: Vec<Pattern>,
}

/// Part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// What may be shown.
    Text(String),
    /// A secret, by the name of its variable if that is known.
    Secret(Option<String>),
}

/// One way in which a secret is written.
#[derive(Clone, PartialEq, Eq)]
struct Pattern {
    text: String,
    found: Found,
}

/// Where a pattern counts as found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Wherever its letters stand.
    Anywhere,
    /// Only where neither a letter nor a digit goes on before or behind it.
    AsWord,
    /// Inside base64, all of which is hidden.
    InBase64,
}

impl Secrets {
    /// Remembers a value that is a secret whatever it looks like, if it has at least four
    /// characters.
    pub fn add(&mut self, value: &str) {
        self.remember(value, is_word(value), None);
    }

    /// Remembers the value of a variable or of a header, unless anybody could guess it and
    /// the name does not say that it is a secret.
    pub fn add_named(&mut self, name: &str, value: &str) {
        let is_named = names_secret(name);
        if is_named || !is_guessable(value) {
            let as_word = is_word(value) || (!is_named && value.len() < LONG);
            self.remember(value, as_word, Some(name));
        }
    }

    /// This value is no secret after all.
    pub(crate) fn forget(&mut self, value: &str) {
        self.0.retain(|known| known.value != value);
    }

    /// The text with every remembered value replaced by `[redacted]`.
    pub fn redact(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        let mut hidden = self.places(text);
        order::by_key(&mut hidden, |(range, _)| range.start);
        let mut shown = String::with_capacity(text.len());
        let mut done = 0;
        for (range, _) in hidden {
            if range.start > done || (range.start == 0 && done == 0) {
                shown.push_str(&text[done..range.start]);
                shown.push_str(HIDDEN);
            }
            done = done.max(range.end);
        }
        shown.push_str(&text[done..]);
        shown
    }

    /// The text in parts, its secrets apart.
    pub fn told(&self, text: &str) -> Vec<Told> {
        let mut hidden = self.places(text);
        // Of several in one place the longest counts.
        order::by_key(&mut hidden, |(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let (mut parts, mut done) = (Vec::new(), 0);
        for (range, secret) in hidden {
            if range.end <= done {
                continue;
            }
            if range.start > done {
                parts.push(Told::Text(text[done..range.start].to_owned()));
            }
            if range.start >= done {
                parts.push(Told::Secret(secret.name.clone()));
            }
            done = range.end;
        }
        if done < text.len() {
            parts.push(Told::Text(text[done..].to_owned()));
        }
        parts
    }

    /// Where secrets stand in a text, as it is and as it reads once its escapes are undone.
    fn places(&self, text: &str) -> Vec<(Range<usize>, &Secret)> {
        let mut all = Vec::new();
        if self.0.is_empty() {
            return all;
        }
        self.indexes(text, |range, secret| all.push((range, secret)));
        Decoded::each(text, &mut |decoded| {
            self.indexes(&decoded.plain, |range, secret| all.push((decoded.place(range), secret)));
        });
        all
    }

    /// Where what is whole ends in a text that was cut: before a secret of which so many bytes, and
    /// not all, stand at its end, as they are or escaped, even where an escape was cut.
    pub(crate) fn end_of_whole(&self, cut: &str, least: usize) -> usize {
        let end = cut.len() - unfinished(cut);
        let mut whole = cut.len();
        for text in [cut, &cut[..end]] {
            let begun = self.begun(text, least);
            whole = whole.min(begun.unwrap_or(whole));
            Decoded::each(text, &mut |decoded| {
                let begun = self.begun(&decoded.plain, least);
                whole = whole.min(begun.map_or(whole, |start| decoded.place(start..start).start));
            });
        }
        whole
    }

    fn begun(&self, text: &str, least: usize) -> Option<usize> {
        let patterns = self.0.iter().flat_map(|secret| &secret.patterns);
        patterns.filter_map(|pattern| pattern.begun(text, least)).min()
    }

    fn indexes<'s>(&'s self, text: &str, mut found: impl FnMut(Range<usize>, &'s Secret)) {
        for secret in &self.0 {
            for pattern in &secret.patterns {
                for range in pattern.indexes(text) {
                    found(range, secret);
                }
            }
        }
    }

    fn remember(&mut self, value: &str, as_word: bool, name: Option<&str>) {
        self.insert(value, as_word, name);
        for part in parts(value) {
            let as_word = is_word(&part);
            self.insert(&part, as_word, None);
        }
    }

    fn insert(&mut self, value: &str, as_word: bool, name: Option<&str>) {
        if value.chars().count() < SHORTEST {
            return;
        }
        let found = if as_word { Found::AsWord } else { Found::Anywhere };
        let patterns = patterns(value, found);
        match self.0.iter_mut().find(|known| known.value == value) {
            // The stricter of two reasons to hide it counts.
            Some(known) if found == Found::Anywhere => known.patterns = patterns,
            Some(_) => {}
            None => {
                let name = name.map(str::to_owned);
                self.0.push(Secret { value: value.to_owned(), name, patterns });
            }
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl Pattern {
    /// Where it stands in a text; places may overlap.
    fn indexes(&self, text: &str) -> Vec<Range<usize>> {
        let mut all = Vec::new();
        let mut from = 0;
        while let Some(start) = text[from..].find(&self.text).map(|at| from + at) {
            let end = start + self.text.len();
            from = start + text[start..].chars().next().map_or(1, char::len_utf8);
            match self.found {
                Found::Anywhere => all.push(start..end),
                Found::AsWord if stands_alone(text, start, end) => all.push(start..end),
                Found::AsWord => {}
                Found::InBase64 => {
                    let around = base64_around(text, start, end);
                    // No letter is looked at twice, however often the pattern stands among them.
                    from = around.end;
                    all.push(around);
                }
            }
        }
        all
    }

    /// Where a part of it begins with which a text ends.
    fn begun(&self, text: &str, least: usize) -> Option<usize> {
        let mut ends = self.text.char_indices().map(|(at, _)| at).rev();
        let length = ends.find(|end| *end >= least && text.ends_with(&self.text[..*end]))?;
        let start = text.len() - length;
        Some(match self.found {
            Found::Anywhere | Found::AsWord => start,
            Found::InBase64 => base64_around(text, start, text.len()).start,
        })
    }
}

/// Whether no word goes on at either end. An escape such as `%20` or `\n` that ends in a
/// letter ends a word too.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let (before, inside, behind) = (&text[..start], &text[start..end], &text[end..]);
    let goes_on = |outer: Option<char>, inner: Option<char>| {
        outer.is_some_and(char::is_alphanumeric) && inner.is_some_and(char::is_alphanumeric)
    };
    let begins =
        !goes_on(before.chars().next_back(), inside.chars().next()) || ends_escaped(before);
    begins && !goes_on(inside.chars().next_back(), behind.chars().next())
}

/// Whether a text ends with `%20`, `\n` or `\u00e9`.
fn ends_escaped(text: &str) -> bool {
    let bytes = text.as_bytes();
    let tail = |mark: &[u8], digits: usize| {
        let Some(at) = bytes.len().checked_sub(mark.len() + digits) else { return false };
        bytes[at..].starts_with(mark) && bytes[at + mark.len()..].iter().all(u8::is_ascii_hexdigit)
    };
    let letter = matches!(bytes, [.., b'\\', b'b' | b'f' | b'n' | b'r' | b't']);
    letter || tail(b"%", 2) || tail(b"\\u", 4) || tail(b"\\x", 2)
}

/// All letters of base64 around a place.
fn base64_around(text: &str, start: usize, end: usize) -> Range<usize> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "+/-_=".contains(c);
    let before = text[..start].chars().rev().take_while(|c| is_letter(*c)).count();
    let behind = text[end..].chars().take_while(|c| is_letter(*c)).count();
    start - before..end + behind
}

/// All ways in which a value may be written.
fn patterns(value: &str, found: Found) -> Vec<Pattern> {
    let mut all = vec![Pattern { text: value.to_owned(), found }];
    let written = [
        in_url(value, ""),
        in_url(value, "!'()*"),
        in_url(value, ":/?#[]@!$&'()*+,;="),
        // What is left of it once characters of ASCII are decoded.
        in_url(value, " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
        in_url(value, "").replace("%20", "+"),
        in_json(value, false),
        in_json(value, true),
        in_json(value, false).replace('/', "\\/"),
        in_html(value),
        without_controls(value),
        value.replace(' ', "+"),
        in_hex(value),
        in_hex(value).to_ascii_uppercase(),
    ];
    for text in written {
        let lower_hex = lower_escapes(&text);
        for text in [text, lower_hex] {
            all.push(Pattern { text, found });
        }
    }
    for text in in_base64(value.as_bytes()) {
        let for_urls = text.replace('+', "-").replace('/', "_");
        for text in [text, for_urls] {
            all.push(Pattern { text, found: Found::InBase64 });
        }
    }
    let mut each: Vec<Pattern> = Vec::new();
    all.retain(|pattern| pattern.text.len() >= SHORTEST);
    for pattern in all {
        if !each.contains(&pattern) {
            each.push(pattern);
        }
    }
    each
}

/// What of a value is a secret by itself.
fn parts(value: &str) -> Vec<String> {
    let mut all = Vec::new();
    let token = after_scheme(value);
    all.extend(token.map(str::to_owned));
    all.extend(password_of_pair(token.unwrap_or(value)));
    all.extend(password_of_url(value));
    all.extend(named_fields(value));
    if value.contains(['\n', '\r']) {
        let lines = value.lines().map(str::trim).filter(|line| line.len() >= 8);
        all.extend(lines.filter(|line| !line.starts_with("-----")).map(str::to_owned));
    }
    all.retain(|part| part != value);
    all
}

/// `abc` of `Bearer abc`.
fn after_scheme(value: &str) -> Option<&str> {
    const SCHEMES: [&str; 6] = ["bearer", "basic", "token", "apikey", "digest", "negotiate"];
    let (scheme, rest) = value.trim().split_once(' ')?;
    SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()).then(|| rest.trim())
}

/// The password of `user:password` in base64.
fn password_of_pair(token: &str) -> Option<String> {
    let bytes = STANDARD.decode(token.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (_, password) = text.split_once(':')?;
    (!password.contains(char::is_control)).then(|| password.to_owned())
}

/// The password of `postgres://user:password@host/`, as written and as meant.
fn password_of_url(value: &str) -> Vec<String> {
    let Ok(url) = url::Url::parse(value) else { return Vec::new() };
    let Some(written) = url.password() else { return Vec::new() };
    let plain = percent_decoded(written);
    vec![written.to_owned(), plain]
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let byte = byte.filter(|_| *first == b'%');
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The values of `password=…` and of cookies.
fn named_fields(value: &str) -> Vec<String> {
    let fields = value.split([';', '&', '?', ' ', '\n']).filter_map(|field| field.split_once('='));
    let secret = fields.filter(|(name, text)| {
        names_secret(name) || (text.len() >= 16 && text.bytes().any(|byte| byte.is_ascii_digit()))
    });
    secret.map(|(_, text)| text.trim_matches(['"', '\'']).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, value: &str) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add_named(name, value);
        secrets
    }

    #[track_caller]
    fn hides(secrets: &Secrets, text: &str, expected: &str) {
        assert_eq!(secrets.redact(text), expected, "{text}");
    }

    #[test]
    fn a_secret_is_told_by_its_name() {
        let mut secrets = Secrets::default();
        secrets.add_named("API_TOKEN", "Bearer s3cr3t-value");
        secrets.add("unnamed-4711");
        let text = |text: &str| Told::Text(text.to_owned());
        let secret = |name: &str| Told::Secret(Some(name.to_owned()));
        assert_eq!(
            secrets.told("a Bearer s3cr3t-value b"),
            [text("a "), secret("API_TOKEN"), text(" b")]
        );
        assert_eq!(
            secrets.told("s3cr3t-valueunnamed-4711"),
            [Told::Secret(None), Told::Secret(None)]
        );
        assert_eq!(secrets.told("plain"), [text("plain")]);
        assert_eq!(secrets.told(""), []);
    }

    #[test]
    fn a_secret_is_hidden_however_it_is_written() {
        let secrets = named("TOKEN", "s3cr3t-/t\"ø&ken");
        for text in [
            "7333637233742d2f7422c3b8266b656e",
            "s3cr3t-/t\"ø&ken",
            "s3cr3t-%2Ft%22%C3%B8%26ken",
            "s3cr3t-%2ft%22%c3%b8%26ken",
            "s3cr3t-/t%22%C3%B8&ken",
            "%733cr3t%2D%2Ft%22%c3%b8%26ke%6e",
            "s3cr3t-/t\\\"ø&ken",
            "s3cr3t-/t\\\"\\u00f8&ken",
            "s3cr3t-\\/t\\\"ø&ken",
            "s3cr3t-/t&quot;ø&amp;ken",
            "s3cr3t-/t&#34;&oslash;&AMP;ken",
            "s3cr3t-&#x2F;t&#X22;&#xF8;&amp;ken",
            "s3cr3t-\\/t\\u0022\\u00F8\\u0026ken",
            "s3cr3t-/t\\\\\\\"\\\\u00f8&ken",
            "s3cr3t-/t\\\"\\xf8&ken",
            "7333637233742D2F7422C3B8266B656E",
        ] {
            hides(&secrets, &format!("x{text}y"), "x[redacted]y");
            hides(&secrets, &format!("?a=1&token={text}&b=2"), "?a=1&token=[redacted]&b=2");
        }
    }

    #[test]
    fn a_secret_inside_base64_hides_all_of_it() {
        for value in ["hunter22", "horse", "correct horse battery staple 7"] {
            let secrets = named("PASSWORD", value);
            for user in ["", "a", "al", "ali", "alice"] {
                let pair = STANDARD.encode(format!("{user}:{value}"));
                let longer = STANDARD.encode(format!("{user}{value}, and more"));
                hides(&secrets, &format!("Basic {pair}."), "Basic [redacted].");
                hides(&secrets, &format!("<{longer}>"), "<[redacted]>");
            }
        }
    }

    #[test]
    fn what_a_value_carries_is_a_secret_too() {
        let url = named("DATABASE_URL", "postgres://app:p%40ssw0rd@db.internal/orders");
        hides(&url, "p%40ssw0rd or p@ssw0rd", "[redacted] or [redacted]");
        let bearer = named("AUTHORIZATION", "Bearer abc.def.ghi1");
        hides(&bearer, "got abc.def.ghi1", "got [redacted]");
        let pair = named("BASIC", &format!("Basic {}", STANDARD.encode("alice:hunter22")));
        hides(&pair, "alice with hunter22", "alice with [redacted]");
        let cookies = named("COOKIES", "theme=dark; sid=0123456789abcdef; token=t0k3n");
        hides(&cookies, "0123456789abcdef t0k3n dark", "[redacted] [redacted] dark");
        let key =
            named("TLS_KEY", "-----BEGIN KEY-----\nMIIEpAIBAAKC\nAQEAxyz12345\n-----END KEY-----");
        hides(&key, "read AQEAxyz12345", "read [redacted]");
    }

    #[test]
    fn a_text_made_to_be_slow_takes_no_longer_than_its_length() {
        let secrets = named("PASSWORD", "aaaa&aaa7");
        let base64 = STANDARD.encode("aaaa&aaa7");
        let began = std::time::Instant::now();
        for piece in ["%25", "&amp;", "\\\\", "&#38;%5c", "\\u005c", "aaaa", "&#", "\\x", &base64] {
            let text = piece.repeat(200_000 / piece.len());
            assert_eq!(secrets.redact(&text).contains(HIDDEN), piece == base64, "{piece}");
        }
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    }

    #[test]
    fn what_anybody_would_guess_is_no_secret() {
        let text =
            "the latest test of contest-7 in test, true, 3000, v3000, 30s, http://127.0.0.1:3000";
        for (name, value) in [
            ("NODE_ENV", "test"),
            ("NODE_ENV", "Production"),
            ("UPSTREAM_PORT", "3000"),
            ("DEBUG", "true"),
            ("TIMEOUT", "30s"),
            ("BASE", "http://127.0.0.1:3000"),
            ("MONKEY", "latest"),
        ] {
            hides(&named(name, value), text, text);
        }
    }

    #[test]
    fn a_word_is_hidden_only_where_it_stands_alone() {
        let secrets = named("TENANT", "acme-1");
        hides(&secrets, "macme-1 acme-12 acme-1/x", "macme-1 acme-12 [redacted]/x");
        let password = named("DB_PASSWORD", "test");
        hides(
            &password,
            "the latest test: \"test\", contest-7, a=test&b, test_db, %20test%3A \\ntest",
            "the latest [redacted]: \"[redacted]\", contest-7, a=[redacted]&b, [redacted]_db, \
             %20[redacted]%3A \\n[redacted]",
        );
    }

    #[test]
    fn a_secret_by_its_name_is_hidden_inside_words_too() {
        let secrets = named("API_KEY", "k3y-42");
        hides(&secrets, "xk3y-42y", "x[redacted]y");
        let unnamed = named("THING", "0f8fad5b-d9cb-469f-a165");
        hides(&unnamed, "x0f8fad5b-d9cb-469f-a165y", "x[redacted]y");
    }

    #[test]
    fn overlapping_secrets_leave_nothing_between_them() {
        let mut secrets = named("A_TOKEN", "abcabc1");
        secrets.add_named("B_TOKEN", "bc1defg2");
        hides(&secrets, "abcabc1defg2!", "[redacted]!");
        hides(&named("TOKEN", "aba9aba"), "aba9aba9aba", "[redacted]");
        hides(
            &named("TOKEN", "redacted"),
            "redacted twice: redacted",
            "[redacted] twice: [redacted]",
        );
    }

    #[test]
    fn a_secret_with_escapes_of_its_own_is_found_as_it_is_and_escaped() {
        let secrets = named("TOKEN", "a%41&lt;\\u0041\\n<9");
        for text in [
            "a%41&lt;\\u0041\\n<9",
            "a%41&lt;\\\\u0041\\\\n\\u003c9",
            "a%41&amp;lt;\\u0041\\n&lt;9",
            "a%2541%26lt%3B%5Cu0041%5cn%3C9",
        ] {
            hides(&secrets, &format!("<{text}>"), "<[redacted]>");
        }
    }

    /// A character as one of the ways to escape writes it, if it does.
    fn escaped(c: char, way: usize, upper: bool) -> String {
        let mut units = [0; 2];
        let numbers: Vec<u32> = match way {
            0 | 1 => vec![u32::from(c)],
            2 => c.encode_utf16(&mut units).iter().map(|unit| u32::from(*unit)).collect(),
            _ => c.to_string().bytes().map(u32::from).collect(),
        };
        let write = |number: &u32| {
            let text = match way {
                0 => format!("&#x{number:x};"),
                1 => format!("&#{number};"),
                2 => format!("\\u{number:04x}"),
                3 => format!("%{number:02x}"),
                _ => format!("\\x{number:02x}"),
            };
            let (mark, digits) = text.split_at(if way == 3 { 1 } else { 2 });
            if upper { format!("{mark}{}", digits.to_uppercase()) } else { text }
        };
        match way {
            0..5 => numbers.iter().map(write).collect(),
            _ if c.is_ascii_punctuation() => format!("\\{c}"),
            _ => c.to_string(),
        }
    }

    proptest::proptest! {
        /// Escaped whole or in part, and that escaped once more.
        #[test]
        fn no_secret_survives_in_any_escape(
            value in "\\PC{4,12}", ways in (0_usize..6, 0_usize..7), upper: bool, each in 1_usize..4
        ) {
            let special = |c: char| !c.is_alphanumeric();
            let write = |text: &str, way: usize| {
                let mut out = String::new();
                for (place, c) in text.chars().enumerate() {
                    if special(c) || place % each == 0 {
                        out.push_str(&escaped(c, way, upper));
                    } else {
                        out.push(c);
                    }
                }
                out
            };
            let once = write(&value, ways.0);
            let twice = if ways.1 == 6 { once } else { write(&once, ways.1) };
            let mut secrets = Secrets::default();
            secrets.add(&value);
            let shown = secrets.redact(&format!("= {twice} ="));
            proptest::prop_assert_eq!(shown, "= [redacted] =", "{} as {}", value, twice);
        }

        #[test]
        fn any_text_with_any_secret_is_redacted_without_a_panic(
            value in "\\PC{4,12}", text in "\\PC{0,40}", before in "[ =\"]?"
        ) {
            let mut secrets = Secrets::default();
            secrets.add_named("TOKEN", &value);
            let shown = secrets.redact(&format!("{before}{value} {text}"));
            let leaked = shown.starts_with(&[before.as_str(), &value].concat());
            proptest::prop_assert!(!leaked || value.contains("[redacted]"), "{}", shown);
        }
    }
}
