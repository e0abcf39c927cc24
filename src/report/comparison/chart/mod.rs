//! Comparison in, charts as SVG out: ratios, both arms' curves and the looks.
//!
//! Each file draws one chart; `marks` has what several share. Canvas, axes, inks and
//! panels are those of the charts of one run.

mod describe;
mod forest;
mod looks;
mod marks;
mod percentile;
mod shift;
mod time;

pub use crate::report::chart::Theme;

use super::ComparisonReport;
use crate::report::chart::{Label, Width, finished};
use crate::report::plain;

/// The charts of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chart {
    /// Ratio with interval of each metric against 1 and the tolerance.
    Ratios,
    /// The ratio over time, with the borders of the segments.
    OverTime,
    /// Both arms' response time by percentile.
    ByPercentile,
    /// The ratio by quantile.
    Shift,
    /// What each metric said at each look.
    Looks,
}

impl Chart {
    /// All of them, in the order of the report.
    pub const ALL: [Chart; 5] =
        [Chart::Ratios, Chart::OverTime, Chart::ByPercentile, Chart::Shift, Chart::Looks];

    /// The file in the folder.
    pub fn file_name(self) -> &'static str {
        match self {
            Chart::Ratios => "comparison-ratios.svg",
            Chart::OverTime => "comparison-over-time.svg",
            Chart::ByPercentile => "comparison-by-percentile.svg",
            Chart::Shift => "comparison-shift.svg",
            Chart::Looks => "comparison-looks.svg",
        }
    }

    /// What stands above it.
    pub fn title(self) -> &'static str {
        match self {
            Chart::Ratios => "Candidate ÷ baseline",
            Chart::OverTime => "The ratio over time",
            Chart::ByPercentile => "Both arms by percentile",
            Chart::Shift => "The ratio by percentile",
            Chart::Looks => "The looks",
        }
    }

    /// What it shows, in one sentence.
    pub fn description(self) -> &'static str {
        match self {
            Chart::Ratios => {
                "The ratio of each metric with its interval, beside 1 and the changes that are \
                 accepted; the error rate as a difference."
            }
            Chart::OverTime => {
                "The ratio of the quantiles in each interval; vertical lines are new segments, \
                 with fresh processes."
            }
            Chart::ByPercentile => "Response time of baseline and candidate by percentile.",
            Chart::Shift => {
                "The ratio of the response times at each percentile, as far as both arms have \
                 enough requests beyond it."
            }
            Chart::Looks => {
                "Estimate and interval of each metric at each planned look, and what it said."
            }
        }
    }
}

/// The chart as an SVG file; `None` where there is nothing to draw.
pub fn render(report: &ComparisonReport, chart: Chart, theme: Theme) -> Option<String> {
    sized(report, chart, theme, Width::Wide)
}

/// The chart in a width, in light colours, for a page that brings the dark ones.
pub(super) fn inline(report: &ComparisonReport, chart: Chart, width: Width) -> Option<String> {
    sized(report, chart, Theme::Light, width)
}

/// What the chart shows in words and figures.
pub(super) fn alternative(report: &ComparisonReport, chart: Chart) -> String {
    plain::line(&describe::text(report.comparison, chart))
}

fn sized(report: &ComparisonReport, chart: Chart, theme: Theme, width: Width) -> Option<String> {
    let comparison = report.comparison;
    let drawn = match chart {
        Chart::Ratios => forest::draw(comparison, width),
        Chart::OverTime => time::draw(comparison, width),
        Chart::ByPercentile => percentile::draw(comparison, width),
        Chart::Shift => shift::draw(comparison, width),
        Chart::Looks => looks::draw(comparison, width),
    };
    let name = chart.file_name().trim_end_matches(".svg");
    let label = Label {
        id: format!("{name}-{}", width.name()),
        title: chart.title(),
        text: alternative(report, chart),
    };
    Some(finished(&drawn?, &label, theme))
}

#[cfg(test)]
mod tests;
