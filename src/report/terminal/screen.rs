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
pub(in crate::report) struct Screen {
    pub(in crate::report) width: usize,
    pub(in crate::report) color: bool,
}

impl Screen {
    /// The style, brought into reason.
    pub(in crate::report) fn of(style: Style) -> Screen {
        Screen { width: style.width.clamp(60, 160), color: style.color }
    }

    pub(in crate::report) fn paint(self, text: &str, paint: Paint) -> String {
        if self.color { paint.on(text) } else { text.to_owned() }
    }

    pub(in crate::report) fn heading(self, text: &str) -> String {
        format!("{}\n", self.paint(text, Paint::Bold))
    }

    /// A paragraph that starts after `first` and goes on under its text.
    pub(in crate::report) fn paragraph(self, first: &str, text: &str) -> String {
        let indent = plain::width(first);
        let lines = plain::wrapped(&plain::line(text), self.width - indent);
        let mut out = String::new();
        for (place, line) in lines.iter().enumerate() {
            let lead = if place == 0 { first.to_owned() } else { " ".repeat(indent) };
            let _ = writeln!(out, "{}", format!("{lead}{line}").trim_end());
        }
        out
    }

    /// `  name        text`, the text wrapped beside its name.
    pub(in crate::report) fn entry(self, name: &str, text: &str) -> String {
        self.paragraph(&format!("  {name:<20}"), text)
    }
}
