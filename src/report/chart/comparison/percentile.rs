//! Response time of both arms on an axis on which each step leaves ten times fewer
//! requests.

use super::Chart;
use crate::analysis::comparison::Comparison;
use crate::report::chart::Width;
use crate::report::chart::axis::Axis;
use crate::report::chart::canvas::drawn;
use crate::report::chart::curves::{Curve, draw_curves, usable};
use crate::report::chart::header::{Header, Key, Sign};
use crate::report::chart::palette::StrokeStyle;
use crate::report::chart::panel::{ABOVE, BELOW, BESIDE, EDGE, Frame, Panel};

const HEIGHT: i32 = 260;

pub(super) fn draw(comparison: &Comparison, width: Width) -> Option<String> {
    let curves: [(Curve, StrokeStyle, u32); 2] = [
        (usable(&comparison.curves.baseline), StrokeStyle::BASELINE, 2),
        (usable(&comparison.curves.candidate), StrokeStyle::CANDIDATE, 2),
    ];
    if curves.iter().all(|(curve, ..)| curve.is_empty()) {
        return None;
    }
    let keys = vec![
        Key { sign: Sign::Line(StrokeStyle::BASELINE, 2), text: "baseline".into() },
        Key { sign: Sign::Line(StrokeStyle::CANDIDATE, 2), text: "candidate".into() },
    ];
    let header = Header::new(Chart::ByPercentile.title(), keys, width);
    let top = header.height() + ABOVE;
    let frame = Frame { left: BESIDE, right: width.pixels() - EDGE, top, bottom: top + HEIGHT };
    let points = || curves.iter().flat_map(|(curve, ..)| curve);
    let x = Axis::nines(points().map(|(share, _)| *share).fold(0.0, f64::max));
    let y = Axis::millis("response time", points().map(|(_, ms)| *ms), 7);
    let svg = drawn((width.pixels(), frame.bottom + BELOW), |canvas| {
        header.draw(canvas);
        let panel = Panel { canvas, frame, x: &x, y: &y };
        panel.vertical_grid();
        panel.left_axis();
        draw_curves(&panel, &curves);
        panel.bottom_axis();
        panel.bottom_title();
    });
    Some(svg)
}
