//! Curves over percentiles, which several charts draw.

use super::palette::StrokeStyle;
use super::panel::Panel;

/// Points of share and milliseconds (or a ratio).
pub(in crate::report) type Curve = Vec<(f64, f64)>;

/// The points that can be drawn.
pub(in crate::report) fn usable(curve: &[(f64, f64)]) -> Curve {
    curve.iter().filter(|(share, ms)| share.is_finite() && ms.is_finite()).copied().collect()
}

/// The curves, or that there are none.
pub(in crate::report) fn draw_curves(panel: &Panel, curves: &[(Curve, StrokeStyle, u32)]) {
    for (curve, stroke_style, weight) in curves {
        let points: Vec<(f64, Option<f64>)> =
            curve.iter().map(|(share, ms)| (*share, Some(*ms))).collect();
        panel.curve(&points, *stroke_style, *weight);
    }
    if curves.iter().all(|(curve, ..)| curve.is_empty()) {
        panel.message("no response times: no request ended in a way that has one");
    }
}
