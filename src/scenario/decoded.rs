//! What a text says once its escapes are undone, and where in the text each part of that stands.
//!
//! Servers escape what they echo in more spellings than anybody can list: `'` alone is `&#39;`,
//! `&#x27;`, `&apos;`, `\u0027`, `\x27` and `%27`. Here each of three languages (URLs, backslashes as
//! in JSON, entities as in HTML) is undone as a whole, and what comes out once more, as JSON is
//! written inside JSON. The work is linear: so many passes over the text and no more.

use std::ops::Range;

use super::entities::named;

/// What was escaped thrice is found, what was escaped more often is not.
const DEEPEST: usize = 3;

/// A text without some of its escapes.
#[derive(Debug)]
pub(super) struct Decoded {
    /// What it says.
    pub(super) plain: String,
    /// Where each byte of that came from, and the end.
    at: Vec<usize>,
}

/// Undoes one escape at the beginning of a text: the character, and the bytes that it took.
type Escape = fn(&str) -> Option<(char, usize)>;

/// What begins an escape, and what undoes it.
const LANGUAGES: [(char, Escape); 3] = [('%', of_url), ('\\', of_json), ('&', of_html)];

impl Decoded {
    /// Shows every reading of a text that is not the text itself, one after the other.
    pub(super) fn each(text: &str, see: &mut impl FnMut(&Decoded)) {
        deeper(text, None, DEEPEST, see);
    }

    /// Where a part of what it says stands in the text.
    pub(super) fn place(&self, part: Range<usize>) -> Range<usize> {
        self.at[part.start]..self.at[part.end]
    }

    fn within(mut self, outer: Option<&Decoded>) -> Decoded {
        if let Some(outer) = outer {
            for place in &mut self.at {
                *place = outer.at[*place];
            }
        }
        self
    }
}

/// Of a text that another one may say. No more than a few readings are kept at a time.
fn deeper(text: &str, outer: Option<&Decoded>, levels: usize, see: &mut impl FnMut(&Decoded)) {
    if levels == 0 {
        return;
    }
    for (mark, escape) in LANGUAGES {
        if let Some(decoded) = undone(text, mark, escape) {
            let decoded = decoded.within(outer);
            see(&decoded);
            deeper(&decoded.plain, Some(&decoded), levels - 1, see);
        }
    }
}

fn undone(text: &str, mark: char, escape: Escape) -> Option<Decoded> {
    if !text.contains(mark) {
        return None;
    }
    let (mut plain, mut from, mut at) = (String::with_capacity(text.len()), Vec::new(), 0);
    while let Some(c) = text[at..].chars().next() {
        let found = if c == mark { escape(&text[at..]) } else { None };
        let (said, taken) = found.unwrap_or((c, c.len_utf8()));
        from.resize(from.len() + said.len_utf8(), at);
        plain.push(said);
        at += taken;
    }
    from.push(at);
    (plain.len() < text.len()).then_some(Decoded { plain, at: from })
}

/// How many bytes at the end of a text may be an escape that was cut.
pub(super) fn unfinished(text: &str) -> usize {
    const LONGEST: usize = 12;
    let is_mark = |c: char| LANGUAGES.iter().any(|(mark, _)| *mark == c);
    let mut tail = text.chars().rev().take(LONGEST);
    let Some(behind) = tail.by_ref().position(is_mark) else { return 0 };
    // Of a backslash that is escaped itself both.
    let before = text.chars().rev().skip(behind).take(LONGEST).take_while(|c| is_mark(*c)).count();
    let count = behind + before;
    text.chars().rev().take(count).map(char::len_utf8).sum()
}

/// `%2D`, and `%C3%B8` for one character of several bytes.
fn of_url(text: &str) -> Option<(char, usize)> {
    of_bytes(text, "%")
}

/// `\n`, `\/`, `\u00e4`, `\ud83d\ude00`, `\u{e4}`, `\U000000e4`, `\xe4`, `\xc3\xa4`.
fn of_json(text: &str) -> Option<(char, usize)> {
    match text.as_bytes().get(1)? {
        b'n' => Some(('\n', 2)),
        b'r' => Some(('\r', 2)),
        b't' => Some(('\t', 2)),
        b'b' => Some(('\u{8}', 2)),
        b'f' => Some(('\u{c}', 2)),
        b'U' => Some((char::from_u32(hex(text, 2, 8)?)?, 10)),
        b'x' => of_bytes(text, "\\x").or_else(|| Some((char::from_u32(hex(text, 2, 2)?)?, 4))),
        b'u' => of_braces(text).or_else(|| of_utf16(text)),
        byte if byte.is_ascii_punctuation() => Some((char::from(*byte), 2)),
        _ => None,
    }
}

/// `&#39;`, `&#x27;`, `&apos;`.
fn of_html(text: &str) -> Option<(char, usize)> {
    const LONGEST: usize = 12;
    let end = text.bytes().take(LONGEST).position(|byte| byte == b';')?;
    let name = text.get(1..end)?;
    let Some(number) = name.strip_prefix('#') else { return Some((named(name)?, end + 1)) };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    Some((char::from_u32(code.ok()?)?, end + 1))
}

/// Bytes of UTF-8 in hexadecimal digits, each behind a mark, that are one character.
fn of_bytes(text: &str, mark: &str) -> Option<(char, usize)> {
    let step = mark.len() + 2;
    let mut bytes = [0; 4];
    for length in 1..=bytes.len() {
        let at = (length - 1) * step;
        if !text.get(at..)?.starts_with(mark) {
            return None;
        }
        bytes[length - 1] = u8::try_from(hex(text, at + mark.len(), 2)?).ok()?;
        if let Ok(said) = std::str::from_utf8(&bytes[..length]) {
            return Some((said.chars().next()?, length * step));
        }
    }
    None
}

fn of_braces(text: &str) -> Option<(char, usize)> {
    let digits = text.strip_prefix("\\u{")?;
    let length = digits.bytes().take(7).position(|byte| byte == b'}')?;
    Some((char::from_u32(hex(digits, 0, length)?)?, length + 4))
}

fn of_utf16(text: &str) -> Option<(char, usize)> {
    let first = hex(text, 2, 4)?;
    if let Some(said) = char::from_u32(first) {
        return Some((said, 6));
    }
    let is_pair = text.get(6..8) == Some("\\u");
    let units = [first, hex(text, 8, 4).filter(|_| is_pair)?].map(u16::try_from);
    let [Ok(high), Ok(low)] = units else { return None };
    let said = char::decode_utf16([high, low]).next()?.ok()?;
    Some((said, 12))
}

/// So many hexadecimal digits, of either case.
fn hex(text: &str, at: usize, length: usize) -> Option<u32> {
    let digits = text.get(at..at + length)?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(text: &str, expected: &str) {
        let mut found = Vec::new();
        Decoded::each(text, &mut |it| found.push((it.plain.clone(), it.place(0..it.plain.len()))));
        assert!(found.contains(&(expected.to_owned(), 0..text.len())), "{text}: {found:?}");
    }

    #[test]
    fn each_way_to_escape_is_undone() {
        for text in [
            "p%C3%B6%2fss",
            "p%c3%b6/ss",
            "p\\u00f6\\/ss",
            "p\\u00F6/ss",
            "p\\u{f6}/ss",
            "p\\U000000f6/ss",
            "p\\xf6/ss",
            "p\\xc3\\xb6/ss",
            "p&ouml;/ss",
            "p&#246;&sol;ss",
            "p&#xF6;&#x2f;ss",
            "p&#X00f6;/ss",
            "p\\\\u00f6\\\\\\/ss",
            "p&amp;#246;/ss",
            "p\\u0026ouml;/ss",
            "p%25C3%25B6/ss",
            "p\\\\\\\\u00f6/ss",
        ] {
            says(text, "pö/ss");
        }
        says("\\ud83d\\ude00!", "😀!");
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in [
            "",
            "100 %",
            "%zz",
            "%+1",
            "\\q\\u12\\ud83d",
            "\\u{}",
            "&nosuch; & &#; &#xd800;",
            "%ff",
        ] {
            Decoded::each(text, &mut |found| panic!("{text}: {found:?}"));
        }
    }
}
