//! Lines of columns for a terminal of 80: what is too long goes on below.

use std::fmt::Write as _;

use crate::report::plain;

/// Of a terminal that nobody made wider.
const COLUMNS: usize = 80;
/// A last column narrower than this starts a line of its own.
const NARROW: usize = 34;
/// Where what goes on below begins.
const HANGING: usize = 4;

/// A line `  first  second  last`, each of the first in its width; the last goes on below, under
/// itself where there is room.
pub(super) fn row(first: &[(&str, usize)], last: &str) -> String {
    let mut line = String::from(" ");
    for (text, width) in first {
        let missing = width.saturating_sub(plain::width(text));
        write!(line, " {text}{} ", " ".repeat(missing)).expect("a String takes everything");
    }
    let start = plain::width(&line) + 1;
    let one = start + plain::width(last);
    if one <= COLUMNS {
        return format!("{line} {last}\n");
    }
    let room = COLUMNS.saturating_sub(start);
    let (mut text, indent) = if room >= NARROW {
        (line + " ", start)
    } else {
        (format!("{}\n{}", line.trim_end(), " ".repeat(HANGING)), HANGING)
    };
    text.push_str(&hung(last, indent));
    text
}

/// A text whose first line begins at a column where the cursor is already, and whose others
/// begin under it.
fn hung(text: &str, indent: usize) -> String {
    let lines = plain::wrapped(text, COLUMNS - indent);
    lines.join(&format!("\n{}", " ".repeat(indent))) + "\n"
}

/// The widest of some texts, but for those beyond a bound.
pub(super) fn widest<'a>(texts: impl Iterator<Item = &'a str>, most: usize) -> usize {
    texts.map(plain::width).filter(|width| *width <= most).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_one_line() {
        assert_eq!(row(&[("a", 3), ("b", 1)], "c"), "  a    b  c\n");
        let last = "x".repeat(COLUMNS - 7);
        assert_eq!(row(&[("a", 3)], &last), format!("  a    {last}\n"));
    }

    #[test]
    fn what_does_not_goes_on_under_itself() {
        let last = "word ".repeat(16);
        let text = row(&[("a", 3)], last.trim());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("  a    word word"), "{text}");
        assert!(lines[1].starts_with("       word"), "{text}");
        assert!(lines.iter().all(|line| line.len() <= COLUMNS), "{text}");
    }

    #[test]
    fn where_there_is_no_room_it_begins_below() {
        let long = "n".repeat(60);
        let last = "a sentence that says something";
        assert_eq!(row(&[(&long, 3)], last), format!("  {long}\n    {last}\n"));
        let wide = "👩‍👩‍👧‍👦".repeat(30);
        assert_eq!(row(&[(&wide, 3)], last), format!("  {wide}\n    {last}\n"));
    }

    #[test]
    fn a_column_has_a_bound() {
        assert_eq!(widest(["a", "bcd"].into_iter(), 9), 3);
        assert_eq!(widest(["a", "bcd"].into_iter(), 2), 1);
        assert_eq!(widest(std::iter::empty(), 2), 0);
    }
}
