//! The ratio of the response times by percentile: where in the distribution the
//! candidate is slower.

use super::Chart;
use super::marks;
use crate::analysis::comparison::Comparison;
use crate::record::duet::GateMetric;
use crate::report::chart::Width;
use crate::report::chart::axis::Axis;
use crate::report::chart::canvas::drawn;
use crate::report::chart::curves::{Curve, usable};
use crate::report::chart::header::{Header, Key, Sign};
use crate::report::chart::palette::StrokeStyle;
use crate::report::chart::panel::{ABOVE, BELOW, BESIDE, EDGE, Frame, Panel};

const HEIGHT: i32 = 220;
/// Any quantile: the band is the same for all.
const ANY: GateMetric = GateMetric::ResponseTime(0.5);

pub(super) fn draw(comparison: &Comparison, width: Width) -> Option<String> {
    let curve: Curve = usable(&comparison.curves.shift);
    let &(largest, _) = curve.last()?;
    let header = header(comparison, width);
    let top = header.height() + ABOVE;
    let frame = Frame { left: BESIDE, right: width.pixels() - EDGE, top, bottom: top + HEIGHT };
    let x = Axis::nines(largest);
    let (low, high) = marks::accepted(ANY, &comparison.settings);
    let y = Axis::ratio(marks::RATIO, curve.iter().map(|(_, r)| *r).chain([low, high]), 6);
    let points: Vec<(f64, Option<f64>)> = curve.iter().map(|(s, r)| (*s, Some(*r))).collect();
    let svg = drawn((width.pixels(), frame.bottom + BELOW), |canvas| {
        header.draw(canvas);
        let panel = Panel { canvas, frame, x: &x, y: &y };
        marks::band(&panel, comparison, ANY);
        panel.vertical_grid();
        panel.left_axis();
        marks::unchanged_line(&panel, ANY);
        panel.curve(&points, StrokeStyle::CANDIDATE, 2);
        panel.bottom_axis();
        panel.bottom_title();
    });
    Some(svg)
}

fn header(comparison: &Comparison, width: Width) -> Header {
    let keys = vec![
        Key { sign: Sign::Line(StrokeStyle::CANDIDATE, 2), text: "candidate ÷ baseline".into() },
        marks::band_key(comparison, marks::Band::Ratios),
    ];
    Header::new(Chart::Shift.title(), keys, width)
}
