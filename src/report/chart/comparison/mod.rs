//! Comparison in, charts out: ratios, both arms' curves and the looks.
//!
//! Each file draws one chart; `marks` has what several share, `describe` says in words
//! what they show.

mod describe;
mod forest;
mod looks;
mod marks;
mod percentile;
mod shift;
mod time;

use super::{Figure, Width};
use crate::analysis::comparison::Comparison;

/// The charts of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Chart {
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
    pub(in crate::report) const ALL: [Chart; 5] =
        [Chart::Ratios, Chart::OverTime, Chart::ByPercentile, Chart::Shift, Chart::Looks];

    /// What its file is called, without the ending.
    fn name(self) -> &'static str {
        match self {
            Chart::Ratios => "comparison-ratios",
            Chart::OverTime => "comparison-over-time",
            Chart::ByPercentile => "comparison-by-percentile",
            Chart::Shift => "comparison-shift",
            Chart::Looks => "comparison-looks",
        }
    }

    /// What stands above it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Chart::Ratios => "Candidate ÷ baseline",
            Chart::OverTime => "The ratio over time",
            Chart::ByPercentile => "Both arms by percentile",
            Chart::Shift => "The ratio by percentile",
            Chart::Looks => "The looks",
        }
    }

    /// What it shows, in one sentence.
    pub(super) fn description(self) -> &'static str {
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

/// All charts of a comparison, to be drawn when they are needed.
pub(in crate::report) fn figures(comparison: &Comparison) -> Vec<Figure<'_>> {
    Chart::ALL.into_iter().map(|chart| figure(comparison, chart)).collect()
}

fn figure(comparison: &Comparison, chart: Chart) -> Figure<'_> {
    let text = describe::text(comparison, chart);
    Figure::new((chart.name(), chart.title()), &text, move |width| draw(comparison, chart, width))
}

fn draw(comparison: &Comparison, chart: Chart, width: Width) -> Option<String> {
    match chart {
        Chart::Ratios => forest::draw(comparison, width),
        Chart::OverTime => time::draw(comparison, width),
        Chart::ByPercentile => percentile::draw(comparison, width),
        Chart::Shift => shift::draw(comparison, width),
        Chart::Looks => looks::draw(comparison, width),
    }
}

#[cfg(test)]
mod tests;
