//! Response and service time by percentile, on an axis on which each step leaves ten
//! times fewer requests.

use super::axis::Axis;
use super::canvas::drawn;
use super::header::{Header, Key, Sign};
use super::ink::Ink;
use super::limits::{self, Limit};
use super::panel::{ABOVE, BELOW, BESIDE, EDGE, Frame, Panel};
use super::{Chart, Width};
use crate::report::Report;

const HEIGHT: i32 = 260;

pub(super) fn draw(report: &Report, width: Width) -> Option<String> {
    report.assessment.timeline.starts.first()?;
    let limits = limits::of_all(report);
    let header = header(!limits.is_empty(), width);
    let top = header.height() + ABOVE;
    let margin = if limits.is_empty() { EDGE } else { limits::LABELS };
    let frame = Frame { left: BESIDE, right: width.pixels() - margin, top, bottom: top + HEIGHT };
    let curves = [
        (usable(&report.assessment.curves.service), Ink::SERVICE, 2),
        (usable(&report.assessment.curves.response), Ink::RESPONSE, 2),
    ];
    let shares = curves.iter().flat_map(|(curve, ..)| curve).map(|(share, _)| *share);
    let x = Axis::nines(shares.fold(0.0, f64::max));
    let times = curves.iter().flat_map(|(curve, ..)| curve).map(|(_, ms)| *ms);
    let y = Axis::millis("time", times.chain(limits.iter().map(|limit| limit.millis)), 7);
    let svg = drawn((width.pixels(), frame.bottom + BELOW), |canvas| {
        header.draw(canvas);
        let panel = Panel { canvas, frame, x: &x, y: &y };
        panel.vertical_grid();
        panel.left_axis();
        draw_curves(&panel, &curves);
        draw_limits(&panel, &limits);
        panel.bottom_axis();
        panel.bottom_title();
    });
    Some(svg)
}

fn header(limits: bool, width: Width) -> Header {
    let mut keys = vec![
        Key { sign: Sign::Line(Ink::RESPONSE, 2), text: "response time (from intended)".into() },
        Key { sign: Sign::Line(Ink::SERVICE, 2), text: "service time (from sent)".into() },
    ];
    if limits {
        keys.push(Key { sign: Sign::Line(Ink::LIMIT_TICK, 3), text: "limit".into() });
    }
    Header::new(Chart::ByPercentile.title(), keys, width)
}

/// Points of share and milliseconds (or a ratio).
pub(in crate::report) type Curve = Vec<(f64, f64)>;

/// The points that can be drawn.
pub(in crate::report) fn usable(curve: &[(f64, f64)]) -> Curve {
    curve.iter().filter(|(share, ms)| share.is_finite() && ms.is_finite()).copied().collect()
}

/// The curves, or that there are none.
pub(in crate::report) fn draw_curves(panel: &Panel, curves: &[(Curve, Ink, u32)]) {
    for (curve, ink, weight) in curves {
        let points: Vec<(f64, Option<f64>)> =
            curve.iter().map(|(share, ms)| (*share, Some(*ms))).collect();
        panel.curve(&points, *ink, *weight);
    }
    if curves.iter().all(|(curve, ..)| curve.is_empty()) {
        panel.message("no response times: no request ended in a way that has one");
    }
}

/// A bar over the percentile that the curve should stay below, and a line to its label.
fn draw_limits(panel: &Panel, limits: &[Limit]) {
    for limit in limits {
        let (x, y) = panel.at(limit.share, limit.millis);
        let from = (x - 14).max(panel.frame.left);
        let to = (x + 14).min(panel.frame.right);
        panel.canvas.line(vec![(from, y), (to, y)], Ink::LIMIT_TICK, 3);
    }
    limits::draw(panel, limits, |limit| panel.at(limit.share, limit.millis).0);
}
