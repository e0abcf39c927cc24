//! (Run record, assessment) in, charts as SVG out.
//!
//! Every chart is legible without colour, in light and dark, and on its own: title,
//! units, legend and a description for those who cannot see it. Each file here draws
//! one chart; `axis` chooses ranges and ticks, `panel` and `header` place things,
//! `canvas` is all that knows plotters, `ink` all that knows colours.

pub(super) mod axis;
pub(super) mod canvas;
mod describe;
pub(super) mod header;
pub(super) mod ink;
mod limits;
mod outcomes;
pub(super) mod panel;
pub(super) mod percentile;
mod rate;
mod response;
mod saturation;
mod steps;
pub mod trend;

use std::fmt::Write as _;

pub use ink::Theme;

use super::Report;
use super::plain;

/// The charts of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chart {
    /// p50, p95, p99 and the longest response time over the run.
    ResponseOverTime,
    /// Response and service time by percentile.
    ByPercentile,
    /// Offered, sent and completed requests per second, and requests in flight.
    Rate,
    /// How requests ended, over the run.
    Outcomes,
    /// CPU, memory and event-loop delay over the run.
    Saturation,
    /// p95 and p99 of each step beside their limits.
    Steps,
}

impl Chart {
    /// All of them, in the order of the report.
    pub const ALL: [Chart; 6] = [
        Chart::ResponseOverTime,
        Chart::ByPercentile,
        Chart::Rate,
        Chart::Outcomes,
        Chart::Saturation,
        Chart::Steps,
    ];

    /// The file in the run folder.
    pub fn file_name(self) -> &'static str {
        match self {
            Chart::ResponseOverTime => "response-over-time.svg",
            Chart::ByPercentile => "response-by-percentile.svg",
            Chart::Rate => "rate.svg",
            Chart::Outcomes => "outcomes.svg",
            Chart::Saturation => "saturation.svg",
            Chart::Steps => "steps.svg",
        }
    }

    /// What stands above it.
    pub fn title(self) -> &'static str {
        match self {
            Chart::ResponseOverTime => "Response time over the run",
            Chart::ByPercentile => "Times by percentile",
            Chart::Rate => "Requests per second and in flight",
            Chart::Outcomes => "How requests ended",
            Chart::Saturation => "Saturation",
            Chart::Steps => "Steps against their limits",
        }
    }

    /// What it shows, in one sentence.
    pub fn description(self) -> &'static str {
        match self {
            Chart::ResponseOverTime => {
                "Median, p95, p99 and longest response time of each stretch of the run."
            }
            Chart::ByPercentile => {
                "Response time and service time by percentile; the distance between the two is \
                 time that requests waited before they were sent."
            }
            Chart::Rate => {
                "Requests offered, sent and completed per second, and requests in flight."
            }
            Chart::Outcomes => "Requests per second by outcome, stacked.",
            Chart::Saturation => "How full target and generator were.",
            Chart::Steps => "p95 and p99 of the response time of each step beside their limits.",
        }
    }
}

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

/// The chart as an SVG file; `None` where there is nothing to draw.
pub fn render(report: &Report, chart: Chart, theme: Theme) -> Option<String> {
    sized(report, chart, theme, Width::Wide)
}

/// The chart in a width, in light colours, for a page that brings [`dark_rules`].
pub(super) fn inline(report: &Report, chart: Chart, width: Width) -> Option<String> {
    sized(report, chart, Theme::Light, width)
}

/// Style rules that turn inline charts below a CSS selector dark.
pub(super) fn dark_rules(selector: &str) -> String {
    ink::dark_rules(selector)
}

/// What the chart shows in words and figures.
pub(super) fn alternative(report: &Report, chart: Chart) -> String {
    plain::line(&describe::text(report, chart))
}

fn sized(report: &Report, chart: Chart, theme: Theme, width: Width) -> Option<String> {
    let drawn = match chart {
        Chart::ResponseOverTime => response::draw(report, width),
        Chart::ByPercentile => percentile::draw(report, width),
        Chart::Rate => rate::draw(report, width),
        Chart::Outcomes => outcomes::draw(report, width),
        Chart::Saturation => saturation::draw(report, width),
        Chart::Steps => steps::draw(report, width),
    };
    Some(finished(&drawn?, &label(report, chart, width), theme))
}

fn label(report: &Report, chart: Chart, width: Width) -> Label {
    let name = chart.file_name().trim_end_matches(".svg");
    Label {
        id: format!("{name}-{}", width.name()),
        title: chart.title(),
        text: alternative(report, chart),
    }
}

/// What a chart is called, for those who cannot see it.
pub(super) struct Label {
    /// Unlike that of every other chart of a page.
    pub(super) id: String,
    pub(super) title: &'static str,
    /// A plain line, not yet escaped.
    pub(super) text: String,
}

/// A drawn chart in its colours and with its label.
pub(super) fn finished(drawn: &str, label: &Label, theme: Theme) -> String {
    with_head(&ink::themed(drawn, theme), &head(label, theme))
}

/// Attributes of the SVG element and what comes first in it.
fn head(label: &Label, theme: Theme) -> (String, String) {
    let Label { id, title, text } = label;
    let attributes =
        format!(" role=\"img\" aria-labelledby=\"{id}-title {id}-text\" stroke-linejoin=\"round\"");
    let mut elements = format!("<title id=\"{id}-title\">{title}</title>\n");
    let _ = writeln!(elements, "<desc id=\"{id}-text\">{}</desc>", escaped(text));
    if theme == Theme::System {
        let rules = ink::dark_rules("svg");
        let _ = writeln!(elements, "<style>@media (prefers-color-scheme:dark){{{rules}}}</style>");
    }
    (attributes, elements)
}

fn with_head(svg: &str, (attributes, elements): &(String, String)) -> String {
    let (open, rest) = svg.split_once('>').expect("an SVG begins with an element");
    format!("{open}{attributes}>\n{elements}{}", rest.trim_start())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
pub(super) mod tests;
