//! Makes hostile text plain: names, causes and last words come from files and targets.
//!
//! Any text comes in; one line goes out that cannot move a cursor, turn the writing
//! direction, hide letters or break a file format's character rules. Escaping what a
//! format gives a meaning to is that format's own business.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What stands for a text without anything to see.
const NOTHING: &str = "(empty)";

/// One line without control, formatting or undefined characters; never empty.
pub(crate) fn line(text: &str) -> String {
    let line = kept(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() { NOTHING.to_owned() } else { line }
}

/// One line without what [`line`] leaves out, with its blanks as they are.
pub(super) fn kept(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if joins(out.chars().next_back(), c, rest.peek().copied()) {
            out.push(c);
        } else {
            out.extend(visible(c));
        }
    }
    out
}

/// Whether it makes one picture of its neighbours, as in a family of four: a joiner between two
/// pictures, or a selector after one. Anywhere else they are as invisible as the rest.
fn joins(before: Option<char>, c: char, after: Option<char>) -> bool {
    let follows_picture = before.is_some_and(|it| is_picture(it) || it == SELECTOR);
    match c {
        JOINER => follows_picture && after.is_some_and(is_picture),
        SELECTOR => before.is_some_and(is_picture),
        _ => false,
    }
}

const JOINER: char = '\u{200d}';
const SELECTOR: char = '\u{fe0f}';

fn is_picture(c: char) -> bool {
    matches!(u32::from(c), 0x2190..=0x2BFF | 0x1F000..=0x1FAFF)
}

/// What is seen as one letter: a character with its marks, or pictures that are joined.
fn letters(text: &str) -> Vec<&str> {
    let mut starts = Vec::new();
    let mut before = None;
    for (position, c) in text.char_indices() {
        let is_tone = matches!(u32::from(c), 0x1F3FB..=0x1F3FF) && before.is_some_and(is_picture);
        let goes_on = before == Some(JOINER) || is_tone || c.width() == Some(0);
        if !goes_on || starts.is_empty() {
            starts.push(position);
        }
        before = Some(c);
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(&from, to)| &text[from..to]).collect()
}

/// As many letters as fit into so many columns.
fn taken<'a>(letters: impl Iterator<Item = &'a str>, columns: usize) -> Vec<&'a str> {
    let mut used = 0;
    let fits = |letter: &&str| {
        used += letter.width();
        used <= columns
    };
    letters.take_while(fits).collect()
}

/// The lines of a text, each made plain; those without anything to see are left out, but
/// there is always one.
pub(super) fn lines(text: &str) -> Vec<String> {
    let all = text.split('\n').map(line).filter(|line| line != NOTHING).collect::<Vec<_>>();
    if all.is_empty() { vec![NOTHING.to_owned()] } else { all }
}

/// The character if it can be seen; line breaks and tabs become blanks.
fn visible(c: char) -> Option<char> {
    if matches!(c, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}') {
        return Some(' ');
    }
    (!c.is_control() && !is_invisible(c)).then_some(c)
}

/// Soft hyphens, zero-width characters, direction marks and overrides, tags, and code
/// points that XML forbids or nobody has defined.
fn is_invisible(c: char) -> bool {
    matches!(u32::from(c),
        0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x180E | 0x200B..=0x200F | 0x202A..=0x202E
        | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB
        | 0xFDD0..=0xFDEF | 0xE000..=0xF8FF | 0xE0000..=0x10_FFFF)
        || u32::from(c) & 0xFFFE == 0xFFFE
}

/// The number of terminal columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text, shortened to so many columns with an ellipsis at its end.
pub(super) fn fitted(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let kept = taken(letters(text).into_iter(), columns.saturating_sub(1)).concat();
    format!("{}…", kept.trim_end())
}

/// Below so many columns the beginning says more than the two ends.
const TWO_ENDS: usize = 12;

/// A name, shortened to so many columns in its middle: names that begin alike mostly end in
/// what tells them apart.
pub(super) fn shortened(name: &str, columns: usize) -> String {
    if width(name) <= columns || columns < TWO_ENDS {
        return fitted(name, columns);
    }
    let all = letters(name);
    let end = (columns - 1) / 2;
    let start = taken(all.iter().copied(), columns - 1 - end).concat();
    let mut end = taken(all.iter().rev().copied(), end);
    end.reverse();
    format!("{}…{}", start.trim_end(), end.concat().trim_start())
}

/// The text in lines of at most so many columns; words longer than a line are cut.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(8);
    in_lines(words(text).iter().flat_map(|word| pieces(word, columns)), columns)
}

/// A text of several lines, each in lines of at most so many columns, indented as it begins
/// and a little more where it begins at the margin. Words longer than a line stay whole: they
/// may be paths.
pub(crate) fn in_columns(text: &str, columns: usize) -> String {
    let mut all = String::new();
    for line in text.lines() {
        let inside = line.trim_start_matches(' ');
        let margin = line.len() - inside.len();
        let hanging = if margin == 0 { 4 } else { margin };
        let room = columns.saturating_sub(hanging).max(8);
        for (index, part) in in_lines(words(inside).into_iter(), room).iter().enumerate() {
            let indent = if index == 0 { margin } else { hanging };
            all.push_str(&" ".repeat(indent));
            all.push_str(part);
            all.push('\n');
        }
    }
    all
}

fn in_lines(words: impl Iterator<Item = String>, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            *line = word;
        } else if width(line) + 1 + width(&word) <= columns {
            line.push(' ');
            line.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    lines
}

/// The words of a text; a number and its unit are one.
fn words(text: &str) -> Vec<String> {
    const UNITS: [&str; 8] = ["%", "µs", "ms", "s", "min", "kB", "MB", "GB"];
    let is_unit = |word: &str| UNITS.contains(&word.trim_end_matches([',', ';', ':', '.', ')']));
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let number = words.last_mut().filter(|last| last.ends_with(|c: char| c.is_ascii_digit()));
        match number.filter(|_| is_unit(word)) {
            Some(number) => *number = format!("{number} {word}"),
            None => words.push(word.to_owned()),
        }
    }
    words
}

/// A word in pieces of at most so many columns.
pub(super) fn pieces(word: &str, columns: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for letter in letters(word) {
        let piece = pieces.last_mut().expect("there is always a piece");
        if width(piece) + width(letter) > columns {
            pieces.push(letter.to_owned());
        } else {
            piece.push_str(letter);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(line(text), expected, "{text:?}");
    }

    #[test]
    fn messages_fit_the_terminal_and_paths_stay_whole() {
        let text = "error: one two three four\n  help in two parts\n/a/very/long/path:1:2: wrong\n";
        let expected = "error: one two\n    three four\n  help in two\n  parts\n\
                        /a/very/long/path:1:2:\n    wrong\n";
        assert_eq!(in_columns(text, 18), expected);
        assert_eq!(in_columns(text, 80), text);
    }

    #[test]
    fn what_cannot_be_seen_is_gone() {
        check("\u{1b}[31mred\u{7}", "[31mred");
        check("two\nlines\ttabbed", "two lines tabbed");
        check("user\u{202e}gpj.exe", "usergpj.exe");
        check("\u{0}\u{fffe}\u{9f}", "(empty)");
        check("  Bestellungen ä 注文  ", "Bestellungen ä 注文");
        check("a\u{200d}b\u{fe0f} \u{200d}👩 👩\u{200d} x", "ab 👩 👩 x");
    }

    #[test]
    fn a_family_stays_whole() {
        let family = "👩\u{200d}👩\u{200d}👧\u{200d}👦";
        check(family, family);
        check("❤\u{fe0f}\u{200d}🔥 👩🏽\u{200d}🚀", "❤\u{fe0f}\u{200d}🔥 👩🏽\u{200d}🚀");
        assert_eq!(width(family), 2);
        assert_eq!(fitted(&format!("{family} orders"), 4), format!("{family}…"));
        assert_eq!(
            wrapped(&format!("abcdefg{family}{family}"), 8),
            ["abcdefg".to_owned(), format!("{family}{family}")]
        );
    }

    #[test]
    fn names_are_shortened_in_their_middle() {
        assert_eq!(shortened("list the orders of a customer", 15), "list th…ustomer");
        assert_eq!(shortened("list orders", 20), "list orders");
        assert_eq!(shortened("list orders", 6), "list…");
        assert_eq!(width(&shortened("注文一覧を見る人の注文", 15)), 13);
    }

    #[test]
    fn wide_letters_take_two_columns() {
        assert_eq!(fitted("注文一覧を見る", 7), "注文一…");
        assert_eq!(fitted("orders", 6), "orders");
        assert_eq!(fitted("list orders", 6), "list…");
    }

    #[test]
    fn lines_are_filled_and_long_words_cut() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghijkl", 8), ["abcdefgh", "ijkl"]);
        assert_eq!(wrapped("", 8), [""]);
        assert_eq!(wrapped("at most 95 % of it", 10), ["at most", "95 % of it"]);
    }

    proptest! {
        #[test]
        fn any_text_fits(text in crate::report::samples::runs::hostile(), columns in 8_usize..60) {
            let text = line(&text);
            prop_assert!(width(&fitted(&text, columns)) <= columns);
            prop_assert!(width(&shortened(&text, columns)) <= columns);
            for part in wrapped(&text, columns) {
                prop_assert!(width(&part) <= columns, "{part:?}");
            }
        }
    }
}
