//! What the charts of a comparison share: a sign for each ruling, estimates with their
//! intervals, and the band of accepted changes.

use std::fmt::Write as _;

use crate::analysis::comparison::{Comparison, Estimate, Ruling};
use crate::record::duet::{GateMetric, GateSettings};
use crate::report::chart::axis::Axis;
use crate::report::chart::canvas::{Canvas, Point};
use crate::report::chart::header::{Key, Sign};
use crate::report::chart::palette::StrokeStyle;
use crate::report::chart::panel::Panel;
use crate::report::figures;
use crate::report::phrases::comparison as phrases;

/// What every vertical axis of ratios measures.
pub(super) const RATIO: &str = "ratio: candidate ÷ baseline";
/// The same of the error rate.
pub(super) const DIFFERENCE: &str = "error rate: candidate − baseline (percentage points)";

/// The ink of a ruling; shapes differ too.
pub(super) fn stroke_style(ruling: Ruling) -> StrokeStyle {
    match ruling {
        Ruling::Regressed => StrokeStyle::REGRESSED,
        Ruling::Improved => StrokeStyle::IMPROVED,
        Ruling::Pass => StrokeStyle::PASSED,
        Ruling::Inconclusive => StrokeStyle::UNDECIDED,
    }
}

/// A dot for what passed, a diamond for what regressed, a square for what is open.
pub(super) fn mark(canvas: &Canvas, (x, y): Point, ruling: Ruling) {
    match ruling {
        Ruling::Regressed => canvas.diamond((x, y), 7, stroke_style(ruling)),
        Ruling::Improved | Ruling::Pass => canvas.dot((x, y), 5, stroke_style(ruling)),
        Ruling::Inconclusive => canvas.rect((x - 4, y - 4), (x + 4, y + 4), stroke_style(ruling)),
    }
}

/// The rulings that occur, as entries of the legend.
pub(super) fn keys(rulings: impl IntoIterator<Item = Ruling>) -> Vec<Key> {
    let found: Vec<Ruling> = rulings.into_iter().collect();
    let order = [Ruling::Regressed, Ruling::Improved, Ruling::Pass, Ruling::Inconclusive];
    let occurring = order.into_iter().filter(|ruling| found.contains(ruling));
    occurring
        .map(|ruling| Key { sign: sign(ruling), text: phrases::ruling(ruling).into() })
        .collect()
}

fn sign(ruling: Ruling) -> Sign {
    match ruling {
        Ruling::Regressed => Sign::Diamond(stroke_style(ruling)),
        Ruling::Improved | Ruling::Pass => Sign::Dot(stroke_style(ruling)),
        Ruling::Inconclusive => Sign::Square(stroke_style(ruling)),
    }
}

/// The legend's entry for the band.
pub(super) fn band_key(comparison: &Comparison, of: Band) -> Key {
    let settings = &comparison.settings;
    let tolerance = figures::percent(settings.tolerance);
    let has = |wanted| comparison.metrics.iter().any(|it| it.metric == wanted);
    let mut text = format!("accepted: {tolerance}");
    if matches!(of, Band::All) && has(GateMetric::CpuPerRequest) {
        let _ = write!(text, "; CPU {}", figures::percent(settings.cpu_tolerance));
    }
    if matches!(of, Band::All) && has(GateMetric::ErrorRate) {
        let _ = write!(text, "; error rate {} points", figures::points(settings.error_floor));
    }
    Key { sign: Sign::Area(StrokeStyle::SHADE), text: text.into() }
}

/// Whose accepted changes a chart shows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Band {
    /// Ratios and the error rate.
    All,
    /// Ratios only.
    Ratios,
}

/// Both ends of what is accepted.
pub(super) fn accepted(metric: GateMetric, settings: &GateSettings) -> (f64, f64) {
    match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => {
            let limit = 1.0 + settings.accepted(metric);
            (1.0 / limit, limit)
        }
        GateMetric::ErrorRate | GateMetric::SlowRequests => {
            (-settings.error_floor, settings.error_floor)
        }
    }
}

/// What no change is.
pub(super) fn unchanged(metric: GateMetric) -> f64 {
    match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => 1.0,
        GateMetric::ErrorRate | GateMetric::SlowRequests => 0.0,
    }
}

/// The axis on which a metric's estimates and what is accepted have room.
pub(super) fn axis(
    metric: GateMetric,
    settings: &GateSettings,
    estimates: &[Estimate],
    most: usize,
) -> Axis {
    let (low, high) = accepted(metric, settings);
    let ends = estimates.iter().flat_map(|found| [found.value, found.low, found.high]);
    let values = ends.chain([low, high]);
    match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => Axis::ratio(RATIO, values, most),
        GateMetric::ErrorRate | GateMetric::SlowRequests => Axis::points(DIFFERENCE, values, most),
    }
}

/// Whether it can be drawn; infinite ends can.
pub(super) fn is_drawable(found: &Estimate) -> bool {
    found.value.is_finite() && !found.low.is_nan() && !found.high.is_nan()
}

/// The band of accepted ratios and the line of no change, over a panel of ratios.
pub(super) fn band(panel: &Panel, comparison: &Comparison, metric: GateMetric) {
    let (low, high) = accepted(metric, &comparison.settings);
    let frame = panel.frame;
    let [low, high] = [low, high].map(|value| panel.at(0.0, value).1);
    panel.canvas.rect((frame.left, high), (frame.right, low), StrokeStyle::SHADE);
    for y in [low, high] {
        panel.canvas.line(vec![(frame.left, y), (frame.right, y)], StrokeStyle::ACCEPTED, 1);
    }
}

/// The line of no change, above the grid.
pub(super) fn unchanged_line(panel: &Panel, metric: GateMetric) {
    let y = panel.at(0.0, unchanged(metric)).1;
    panel.canvas.line(vec![(panel.frame.left, y), (panel.frame.right, y)], StrokeStyle::TEXT, 1);
}
