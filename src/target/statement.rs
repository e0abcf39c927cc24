//! A statement of SQL as it may be shown: without comments and without the values in it, on one
//! line, shortened.
//!
//! `pg_stat_statements` has put `$1` in the place of most values already; those of statements
//! such as `ALTER ROLE … PASSWORD '…'` stand in it as they were sent.

use std::iter::Peekable;
use std::str::Chars;

/// The most characters of a statement that are kept.
const LONGEST: usize = 200;
/// Stands in the place of a value.
const VALUE: char = '?';

/// The statement as it may be shown.
pub fn plain(text: &str) -> String {
    let mut chars = text.chars().peekable();
    let mut shown = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                end_of_literal(&mut chars, is_escaping(&shown));
                shown.push(VALUE);
            }
            '-' if chars.peek() == Some(&'-') => {
                chars.by_ref().find(|c| *c == '\n');
                space(&mut shown);
            }
            '/' if chars.peek() == Some(&'*') => {
                end_of_comment(&mut chars);
                space(&mut shown);
            }
            '$' if !chars.peek().is_some_and(char::is_ascii_digit) && !in_word(&shown) => {
                end_of_dollars(&mut chars);
                shown.push(VALUE);
            }
            '"' => {
                shown.push(c);
                for c in chars.by_ref() {
                    shown.push(if c.is_control() || c == '\'' { ' ' } else { c });
                    if c == '"' {
                        break;
                    }
                }
            }
            c if c.is_ascii_digit() && !in_word(&shown) => {
                while chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '.').is_some() {}
                shown.push(VALUE);
            }
            c if c.is_whitespace() || c.is_control() => space(&mut shown),
            c => shown.push(c),
        }
    }
    shortened(shown.trim())
}

/// Whether what follows belongs to a name or to a parameter such as `$1`.
fn in_word(shown: &str) -> bool {
    shown.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$')
}

/// Whether a literal that follows has escapes: `E'…'`.
fn is_escaping(shown: &str) -> bool {
    shown.ends_with(['e', 'E'])
}

fn space(shown: &mut String) {
    if !shown.is_empty() && !shown.ends_with(' ') {
        shown.push(' ');
    }
}

fn end_of_literal(chars: &mut Peekable<Chars<'_>>, escapes: bool) {
    while let Some(c) = chars.next() {
        match c {
            '\\' if escapes => drop(chars.next()),
            '\'' if chars.next_if_eq(&'\'').is_none() => return,
            _ => {}
        }
    }
}

/// Comments may stand one in the other.
fn end_of_comment(chars: &mut Peekable<Chars<'_>>) {
    let mut depth = 1;
    chars.next();
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.next_if_eq(&'*').is_some() => depth += 1,
            '*' if chars.next_if_eq(&'/').is_some() => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

/// `$tag$ … $tag$`.
fn end_of_dollars(chars: &mut Peekable<Chars<'_>>) {
    let tag: String = chars.by_ref().take_while(|c| *c != '$').collect();
    let end = format!("${tag}$");
    let mut seen = String::new();
    for c in chars.by_ref() {
        seen.push(c);
        if seen.ends_with(&end) {
            return;
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_and_comments_are_not_shown() {
        for (text, expected) in [
            (
                "SELECT * FROM orders\n  WHERE id = $1 LIMIT 20",
                "SELECT * FROM orders WHERE id = $1 LIMIT ?",
            ),
            ("ALTER ROLE a PASSWORD 's3c''ret'", "ALTER ROLE a PASSWORD ?"),
            ("SELECT E'a\\'s3cret' , t1.x2", "SELECT E? , t1.x2"),
            ("SELECT $a$s3cret$a$, $$s3cret$$ FROM x", "SELECT ?, ? FROM x"),
            ("SELECT 1 /* s3cret /* in */ s3cret */ -- s3cret\nFROM x", "SELECT ? FROM x"),
            ("INSERT INTO \"Odd 1\" VALUES (1.5e3, 0xff)", "INSERT INTO \"Odd 1\" VALUES (?, ?)"),
            ("SELECT 's3cret without an end", "SELECT ?"),
            ("SELECT \u{1b}[31m\u{7}x", "SELECT [? x"),
            ("", ""),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
        assert_eq!(plain(&"é".repeat(300)).chars().count(), LONGEST + 1);
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics(text in "[a'\"$/*\\\\\\-E1 \n\u{1b}é]{0,60}") {
            let shown = plain(&text);
            prop_assert!(!shown.contains(char::is_control) && !shown.contains('\''));
        }

        #[test]
        fn no_literal_is_shown(value in "[a-z0-9 ]{0,10}") {
            let shown = plain(&format!("SELECT 'zqj{value}', $t$zqj{value}$t$ /* zqj */"));
            prop_assert!(!shown.contains("zqj"), "{}", shown);
        }
    }
}
