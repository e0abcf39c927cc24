//! Offered, sent and completed requests per second, and requests in flight.

use super::Chart;
use super::response::{draw_not_judged, not_judged_key, over_time, time_axis};
use crate::analysis::assessment::{Assessment, Timeline};
use crate::report::chart::Width;
use crate::report::chart::axis::Axis;
use crate::report::chart::canvas::drawn;
use crate::report::chart::header::{Header, Key, Sign};
use crate::report::chart::palette::StrokeStyle;
use crate::report::chart::panel::{ABOVE, BELOW, BESIDE, Frame, Panel};

const HEIGHT: i32 = 240;

pub(super) fn draw(assessment: &Assessment, width: Width) -> Option<String> {
    let timeline = &assessment.timeline;
    let x = time_axis(timeline, width)?;
    let header = header(assessment, width);
    let top = header.height() + ABOVE;
    let frame = Frame { left: BESIDE, right: width.pixels() - BESIDE, top, bottom: top + HEIGHT };
    let rates = SERIES.iter().flat_map(|(.., series)| series(timeline)).copied();
    let y = Axis::amount("requests per second", rates, 6);
    let in_flight = Axis::amount("in flight", timeline.in_flight.iter().flatten().copied(), 6);
    let svg = drawn((width.pixels(), frame.bottom + BELOW), |canvas| {
        header.draw(canvas);
        let panel = Panel { canvas, frame, x: &x, y: &y };
        draw_not_judged(&panel, assessment);
        panel.left_axis();
        let right = Panel { canvas, frame, x: &x, y: &in_flight };
        right.right_axis();
        right.curve(&over_time(timeline, &timeline.in_flight), StrokeStyle::IN_FLIGHT, 2);
        draw_rates(&panel, timeline);
        panel.bottom_axis();
        panel.bottom_title();
    });
    Some(svg)
}

type Series = (&'static str, StrokeStyle, u32, fn(&Timeline) -> &[f64]);

/// The three often lie upon each other, so each is thinner than the one below it and the
/// lowest is a pale band.
const SERIES: [Series; 3] = [
    ("offered", StrokeStyle::OFFERED, 8, |timeline| &timeline.offered),
    ("sent", StrokeStyle::SENT, 4, |timeline| &timeline.sent),
    ("completed", StrokeStyle::COMPLETED, 2, |timeline| &timeline.completed),
];

fn header(assessment: &Assessment, width: Width) -> Header {
    let rates = SERIES.iter().map(|(text, stroke_style, weight, _)| Key {
        sign: Sign::Line(*stroke_style, *weight),
        text: (*text).into(),
    });
    let mut keys: Vec<Key> = rates.collect();
    keys.push(Key {
        sign: Sign::Line(StrokeStyle::IN_FLIGHT, 2),
        text: "in flight (right axis)".into(),
    });
    keys.extend(not_judged_key(assessment));
    Header::new(Chart::Rate.title(), keys, width)
}

fn draw_rates(panel: &Panel, timeline: &Timeline) {
    for (_, stroke_style, weight, series) in SERIES {
        let values: Vec<Option<f64>> = series(timeline).iter().copied().map(Some).collect();
        panel.curve(&over_time(timeline, &values), stroke_style, weight);
    }
}
