//! (Assessment) in, the charts of one run out.
//!
//! Each file draws one chart; `describe` says in words what it shows.

mod describe;
mod limits;
mod outcomes;
mod percentile;
mod rate;
mod response;
mod saturation;
mod steps;

use super::{Figure, Width};
use crate::analysis::assessment::Assessment;

/// The charts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Chart {
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
    /// The same of each tenant.
    Tenants,
    /// The same of a noisy tenant and the others, before and then.
    Neighbours,
}

impl Chart {
    /// All of them, in the order of the report.
    pub(in crate::report) const ALL: [Chart; 8] = [
        Chart::ResponseOverTime,
        Chart::ByPercentile,
        Chart::Rate,
        Chart::Outcomes,
        Chart::Saturation,
        Chart::Steps,
        Chart::Tenants,
        Chart::Neighbours,
    ];

    /// What its file is called, without the ending.
    fn name(self) -> &'static str {
        match self {
            Chart::ResponseOverTime => "response-over-time",
            Chart::ByPercentile => "response-by-percentile",
            Chart::Rate => "rate",
            Chart::Outcomes => "outcomes",
            Chart::Saturation => "saturation",
            Chart::Steps => "steps",
            Chart::Tenants => "tenants",
            Chart::Neighbours => "noisy-neighbour",
        }
    }

    /// What stands above it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Chart::ResponseOverTime => "Response time over the run",
            Chart::ByPercentile => "Times by percentile",
            Chart::Rate => "Requests per second and in flight",
            Chart::Outcomes => "How requests ended",
            Chart::Saturation => "Saturation",
            Chart::Steps => "Steps against their limits",
            Chart::Tenants => "Tenants, each by itself",
            Chart::Neighbours => "Noisy neighbour",
        }
    }

    /// What it shows, in one sentence.
    pub(super) fn description(self) -> &'static str {
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
            Chart::Tenants => {
                "p95 and p99 of the response time of each tenant beside the limits that each has."
            }
            Chart::Neighbours => {
                "p95 and p99 of the response time of a noisy tenant and of all others, before and \
                 while it is noisy."
            }
        }
    }
}

/// All charts of a run, to be drawn when they are needed: of tenants where there are some.
pub(in crate::report) fn figures(assessment: &Assessment) -> Vec<Figure<'_>> {
    let concerns = |chart: &Chart| match chart {
        Chart::Tenants => assessment.tenants.is_some(),
        Chart::Neighbours => assessment.neighbours.is_some(),
        _ => true,
    };
    Chart::ALL.into_iter().filter(concerns).map(|chart| figure(assessment, chart)).collect()
}

fn figure(assessment: &Assessment, chart: Chart) -> Figure<'_> {
    let text = describe::text(assessment, chart);
    Figure::new((chart.name(), chart.title()), &text, move |width| draw(assessment, chart, width))
}

fn draw(assessment: &Assessment, chart: Chart, width: Width) -> Option<String> {
    match chart {
        Chart::ResponseOverTime => response::draw(assessment, width),
        Chart::ByPercentile => percentile::draw(assessment, width),
        Chart::Rate => rate::draw(assessment, width),
        Chart::Outcomes => outcomes::draw(assessment, width),
        Chart::Saturation => saturation::draw(assessment, width),
        Chart::Steps => steps::draw(assessment, width),
        Chart::Tenants => steps::draw_tenants(assessment, width),
        Chart::Neighbours => steps::draw_neighbours(assessment, width),
    }
}

#[cfg(test)]
mod tests;
