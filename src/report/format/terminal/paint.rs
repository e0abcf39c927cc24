//! The few colours of the terminal report, as ANSI escapes.

use crate::report::document::tone::Tone;

/// What a text's colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    /// Nothing.
    None,
    /// As wanted.
    Good,
    /// Not as wanted.
    Bad,
    /// Not known for sure.
    Doubt,
    /// Less important.
    Dim,
    /// More important.
    Bold,
}

impl Paint {
    /// How a tone is shown.
    pub(super) fn of(tone: Tone) -> Paint {
        match tone {
            Tone::Good => Paint::Good,
            Tone::Bad => Paint::Bad,
            Tone::Doubt | Tone::Invalid => Paint::Doubt,
            Tone::Neutral => Paint::Bold,
            Tone::Muted => Paint::Dim,
        }
    }

    /// The text in this colour.
    pub(super) fn on(self, text: &str) -> String {
        let code = match self {
            Paint::None => return text.to_owned(),
            Paint::Good => "1;32",
            Paint::Bad => "1;31",
            Paint::Doubt => "1;33",
            Paint::Dim => "2",
            Paint::Bold => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}
