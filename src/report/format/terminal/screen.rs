//! The terminal as a report sees it: how wide, and whether in colour.

use std::fmt::Write as _;

use super::paint::Paint;
use crate::report::plain;

/// How the terminal wants its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal; used between 60 and 160.
    pub width: usize,
    /// Whether to colour with ANSI escapes.
    pub color: bool,
}

impl Default for Style {
    fn default() -> Self {
        Style { width: 80, color: false }
    }
}

/// The width in use and whether to colour.
#[derive(Clone, Copy)]
pub(super) struct Screen {
    pub(super) width: usize,
    pub(super) color: bool,
}

impl Screen {
    /// The style, brought into reason.
    pub(super) fn of(style: Style) -> Screen {
        Screen { width: style.width.clamp(60, 160), color: style.color }
    }

    pub(super) fn paint(self, text: &str, paint: Paint) -> String {
        if self.color { paint.on(text) } else { text.to_owned() }
    }

    pub(super) fn heading(self, text: &str) -> String {
        format!("{}\n", self.paint(text, Paint::Bold))
    }

    /// A paragraph that starts after `first` and goes on under its text. The text is plain.
    pub(super) fn paragraph(self, first: &str, text: &str) -> String {
        let indent = plain::width(first);
        let lines = plain::wrapped(text, self.width - indent);
        let mut out = String::new();
        for (index, line) in lines.iter().enumerate() {
            let lead = if index == 0 { first.to_owned() } else { " ".repeat(indent) };
            let _ = writeln!(out, "{}", format!("{lead}{line}").trim_end());
        }
        out
    }
}
