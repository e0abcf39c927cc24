//! A text that is safe to show: it comes from a file or a target, and anybody may have
//! written it.

use crate::report::plain;

/// One line that can be seen as it is: without control, formatting or undefined characters.
/// Not escaped for any format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// A line with its blanks as they are.
    pub fn kept(text: &str) -> Text {
        Text(plain::kept(text))
    }

    /// The lines of a text; those without anything to see are left out, but there is
    /// always one.
    pub fn lines(text: &str) -> Vec<Text> {
        plain::lines(text).into_iter().map(Text).collect()
    }

    /// One text for each.
    pub fn all(texts: &[String]) -> Vec<Text> {
        texts.iter().map(Text::from).collect()
    }

    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(plain::line(text))
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Text {
        Text(plain::line(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(plain::line(&text))
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_in_lets_a_control_character_through() {
        let hostile = "a\u{1b}[31m\u{202e}\u{0}b";
        assert_eq!(Text::from(hostile).as_str(), "a[31mb");
        assert_eq!(Text::from(hostile.to_owned()).as_str(), "a[31mb");
        assert_eq!(Text::kept("  a\u{1b} ").as_str(), "  a ");
        assert_eq!(Text::lines("a\u{7}\n\nb"), [Text::from("a"), Text::from("b")]);
        assert_eq!(Text::all(&["\u{9b}c".to_owned()]), [Text::from("c")]);
    }
}
