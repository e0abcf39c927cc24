//! Analysis in, charts as SVG out.
//!
//! Every chart is legible without colour, in light and dark, and on its own: title,
//! units, legend and a description for those who cannot see it. A [`Figure`] is a chart
//! that is not drawn yet; `run`, `comparison`, `capacity`, `soak`, `stress`, `trend` and `demand`
//! have those of a subject each.
//! `axis` chooses ranges and ticks, `panel` and `header` place things, `canvas` is all
//! that knows plotters, `palette` all that knows colours.

mod axis;
mod canvas;
pub(super) mod capacity;
#[cfg(test)]
mod checks;
pub(super) mod comparison;
mod curves;
pub(super) mod demand;
pub(super) mod generators;
mod hatch;
mod header;
mod palette;
mod panel;
pub(super) mod run;
pub(super) mod soak;
pub(super) mod stress;
pub(super) mod trend;

use std::fmt::Write as _;

pub use palette::Theme;

use super::plain;

/// How wide a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// For files and desks.
    Wide,
    /// For phones.
    Narrow,
}

impl Width {
    pub(super) fn pixels(self) -> i32 {
        match self {
            Width::Wide => 860,
            Width::Narrow => 372,
        }
    }

    /// How many ticks a horizontal axis has room for.
    pub(super) fn ticks(self) -> usize {
        match self {
            Width::Wide => 10,
            Width::Narrow => 5,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Width::Wide => "wide",
            Width::Narrow => "narrow",
        }
    }
}

/// A chart that is drawn when a format needs it.
pub struct Figure<'a> {
    /// What its file is called, without the ending; unlike that of every other chart.
    name: &'static str,
    /// What stands above it.
    pub(super) title: &'static str,
    /// What it shows in words and figures; a plain line, not yet escaped.
    pub(super) text: String,
    draw: Box<dyn Fn(Width) -> Option<String> + 'a>,
}

impl<'a> Figure<'a> {
    /// A chart with its name and title, what it shows in words, and what draws it with
    /// placeholder colours.
    pub(super) fn new(
        (name, title): (&'static str, &'static str),
        text: &str,
        draw: impl Fn(Width) -> Option<String> + 'a,
    ) -> Figure<'a> {
        Figure { name, title, text: plain::line(text), draw: Box::new(draw) }
    }

    /// The file in the folder.
    pub fn file_name(&self) -> String {
        format!("{}.svg", self.name)
    }

    /// The chart as an SVG file; `None` where there is nothing to draw.
    pub fn file(&self) -> Option<String> {
        self.svg(Width::Wide, Theme::System)
    }

    /// The chart in a width and in colours; `None` where there is nothing to draw.
    pub(super) fn svg(&self, width: Width, theme: Theme) -> Option<String> {
        let drawn = (self.draw)(width)?;
        Some(with_head(&palette::themed(&drawn, theme), &self.head(width, theme)))
    }

    /// Attributes of the SVG element and what comes first in it.
    fn head(&self, width: Width, theme: Theme) -> (String, String) {
        let Figure { name, title, text, .. } = self;
        let id = format!("{name}-{}", width.name());
        let attributes = format!(
            " role=\"img\" aria-labelledby=\"{id}-title {id}-text\" stroke-linejoin=\"round\""
        );
        let mut elements = format!("<title id=\"{id}-title\">{title}</title>\n");
        let _ = writeln!(elements, "<desc id=\"{id}-text\">{}</desc>", escaped(text));
        if theme == Theme::System {
            let rules = palette::dark_rules("svg");
            let _ =
                writeln!(elements, "<style>@media (prefers-color-scheme:dark){{{rules}}}</style>");
        }
        (attributes, elements)
    }
}

/// Style rules that turn charts in light colours below a CSS selector dark.
pub(super) fn dark_rules(selector: &str) -> String {
    palette::dark_rules(selector)
}

fn with_head(svg: &str, (attributes, elements): &(String, String)) -> String {
    let (open, rest) = svg.split_once('>').expect("an SVG begins with an element");
    format!("{open}{attributes}>\n{elements}{}", rest.trim_start())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
