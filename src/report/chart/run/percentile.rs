//! Response and service time by percentile, on an axis on which each step leaves ten
//! times fewer requests.

use super::Chart;
use super::limits::{self, Limit};
use crate::analysis::assessment::Assessment;
use crate::report::chart::Width;
use crate::report::chart::axis::Axis;
use crate::report::chart::canvas::drawn;
use crate::report::chart::curves::{draw_curves, usable};
use crate::report::chart::header::{Header, Key, Sign};
use crate::report::chart::palette::StrokeStyle;
use crate::report::chart::panel::{ABOVE, BELOW, BESIDE, EDGE, Frame, Panel};

const HEIGHT: i32 = 260;

pub(super) fn draw(assessment: &Assessment, width: Width) -> Option<String> {
    assessment.timeline.starts.first()?;
    let limits = limits::of_all(assessment);
    let header = header(!limits.is_empty(), width);
    let top = header.height() + ABOVE;
    let margin = if limits.is_empty() { EDGE } else { limits::LABELS };
    let frame = Frame { left: BESIDE, right: width.pixels() - margin, top, bottom: top + HEIGHT };
    let curves = [
        (usable(&assessment.curves.service), StrokeStyle::SERVICE, 2),
        (usable(&assessment.curves.response), StrokeStyle::RESPONSE, 2),
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
        Key {
            sign: Sign::Line(StrokeStyle::RESPONSE, 2),
            text: "response time (from intended)".into(),
        },
        Key { sign: Sign::Line(StrokeStyle::SERVICE, 2), text: "service time (from sent)".into() },
    ];
    if limits {
        keys.push(Key { sign: Sign::Line(StrokeStyle::LIMIT_TICK, 3), text: "limit".into() });
    }
    Header::new(Chart::ByPercentile.title(), keys, width)
}

/// A bar over the percentile that the curve should stay below, and a line to its label.
fn draw_limits(panel: &Panel, limits: &[Limit]) {
    for limit in limits {
        let (x, y) = panel.at(limit.share, limit.millis);
        let from = (x - 14).max(panel.frame.left);
        let to = (x + 14).min(panel.frame.right);
        panel.canvas.line(vec![(from, y), (to, y)], StrokeStyle::LIMIT_TICK, 3);
    }
    limits::draw(panel, limits, |limit| panel.at(limit.share, limit.millis).0);
}
