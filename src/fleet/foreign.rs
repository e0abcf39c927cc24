//! Text that others said, as it may stand on a screen: bounded, in one line, and without what moves a
//! cursor, turns the writing direction or hides letters.
//!
//! It is made so where it comes in, so that nobody who prints it has to think of it.

use serde::{Deserialize, Deserializer};

use crate::record::generator::Environment;

/// A cause, or what keeps somebody from something, is this long at most, in letters.
pub(super) const CAUSE: usize = 300;
/// Why somebody does not accept an offer: it may name several mistakes.
pub(super) const REFUSAL: usize = 2_000;
/// A name, a version, a model.
const NAME: usize = 120;
/// So many warnings of one machine.
const WARNINGS: usize = 20;

/// A text as it may be shown: lines are joined, and what is too long ends in an ellipsis.
pub(super) fn line(text: &str, most: usize) -> String {
    let seen = text.chars().filter_map(visible).skip_while(|c| *c == ' ');
    let mut shown: String = seen.take(most + 1).collect();
    if shown.chars().count() > most {
        shown.pop();
        shown.push('…');
    }
    shown.truncate(shown.trim_end().len());
    shown
}

/// The character if it can be seen; what breaks lines, or is not to be seen by a screen, is a blank.
fn visible(c: char) -> Option<char> {
    if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
        return Some(' ');
    }
    (!is_invisible(c)).then_some(c)
}

/// Letters of no width, and marks that turn what stands beside them.
fn is_invisible(c: char) -> bool {
    matches!(u32::from(c),
        0xAD | 0x61C | 0x180E | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0xFEFF
        | 0xFFF0..=0xFFFB | 0xE0000..=0x10_FFFF)
}

/// A cause, as it is read.
pub(super) fn cause<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(line(&String::deserialize(from)?, CAUSE))
}

/// The same where there may be none.
pub(super) fn cause_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(|text| line(&text, CAUSE)))
}

/// Why an offer is not accepted.
pub(super) fn refusal<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(line(&String::deserialize(from)?, REFUSAL))
}

/// A name or a version.
pub(super) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(line(&String::deserialize(from)?, NAME))
}

/// What a machine says of itself.
pub(super) fn environment(said: Environment) -> Environment {
    let name = |text: String| line(&text, NAME);
    let warnings = said.warnings.iter().take(WARNINGS).map(|warning| line(warning, CAUSE));
    Environment {
        warnings: warnings.collect(),
        loadgate: name(said.loadgate),
        system: name(said.system),
        cpu: name(said.cpu),
        pacer: name(said.pacer),
        receive_clock: name(said.receive_clock),
        ..said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::replies::Answer;
    use crate::fleet::wire::{self, Alive, Cause};

    /// It would clear a screen, begin a line of its own, and be shown from right to left.
    const HOSTILE: &str = "\u{1b}[2Jgone\r\n::error::all\u{202e}\u{9b}31m\u{7}";

    #[track_caller]
    fn is_tame(text: &str, most: usize) {
        assert!(!text.chars().any(|c| c.is_control() || is_invisible(c)), "{text:?}");
        assert!(text.chars().count() <= most, "{}", text.chars().count());
    }

    #[test]
    fn plain_text_stays_and_hostile_text_is_one_plain_line() {
        assert_eq!(line("the stream is full – 3 × „ä“", CAUSE), "the stream is full – 3 × „ä“");
        assert_eq!(line(HOSTILE, CAUSE), "[2Jgone  ::error::all 31m");
        assert_eq!((line("abc", 3), line("abcd", 3)), ("abc".to_owned(), "abc…".to_owned()));
        is_tame(&line(&HOSTILE.repeat(100_000), CAUSE), CAUSE + 1);
    }

    #[test]
    fn whatever_an_agent_says_of_causes_comes_in_plain_and_short() {
        let long = HOSTILE.repeat(10_000);
        let said = serde_json::json!({ "refused": { "detail": long, "is_unlike": false } });
        match wire::read(&wire::bytes(&said)) {
            Some(Answer::Refused { detail, .. }) => is_tame(&detail, REFUSAL + 1),
            other => panic!("{other:?}"),
        }
        let said = serde_json::json!({ "epoch": "", "is_running": true, "skew_ns": 0,
            "bound_ns": 0, "trouble": long, "over": { "failed": long }, "passed": [] });
        let alive: Alive = wire::read(&wire::bytes(&said)).unwrap();
        is_tame(&alive.trouble.unwrap(), CAUSE + 1);
        match alive.over {
            Some(Cause::Failed(why)) => is_tame(&why, CAUSE + 1),
            other => panic!("{other:?}"),
        }
        let warnings = vec![long; 1_000];
        let said = environment(Environment { warnings, ..Environment::default() });
        assert_eq!(said.warnings.len(), WARNINGS);
        said.warnings.iter().for_each(|warning| is_tame(warning, CAUSE + 1));
    }
}
