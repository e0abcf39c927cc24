//! Response time over the run, with the limits of the objectives.

use super::Chart;
use super::limits::{self, Limit};
use crate::analysis::assessment::{Assessment, Timeline};
use crate::report::chart::Width;
use crate::report::chart::axis::Axis;
use crate::report::chart::canvas::drawn;
use crate::report::chart::header::{Header, Key, Sign};
use crate::report::chart::palette::StrokeStyle;
use crate::report::chart::panel::{ABOVE, BELOW, BESIDE, EDGE, Frame, Panel};

const HEIGHT: i32 = 260;

pub(super) fn draw(assessment: &Assessment, width: Width) -> Option<String> {
    let timeline = &assessment.timeline;
    let x = time_axis(timeline, width)?;
    let limits = limits::of_all(assessment);
    let header = header(assessment, &limits, width);
    let top = header.height() + ABOVE;
    let margin = if limits.is_empty() { EDGE } else { limits::LABELS };
    let frame = Frame { left: BESIDE, right: width.pixels() - margin, top, bottom: top + HEIGHT };
    let y = Axis::millis("response time", values(timeline, &limits), 7);
    let svg = drawn((width.pixels(), frame.bottom + BELOW), |canvas| {
        header.draw(canvas);
        let panel = Panel { canvas, frame, x: &x, y: &y };
        draw_not_judged(&panel, assessment);
        panel.left_axis();
        draw_times(&panel, timeline);
        limits::draw(&panel, &limits, |_| frame.left);
        panel.bottom_axis();
        panel.bottom_title();
    });
    Some(svg)
}

/// The time that the series cover; `None` of an empty series.
pub(super) fn time_axis(timeline: &Timeline, width: Width) -> Option<Axis> {
    let from = timeline.starts.first()?;
    let to = end(timeline, timeline.starts.len() - 1);
    Some(Axis::time(f64::from(*from), to, width.ticks()))
}

/// The end of a bin, in seconds.
pub(super) fn end(timeline: &Timeline, bin: usize) -> f64 {
    let covered = timeline.covered.get(bin).copied().filter(|covered| covered.is_finite());
    f64::from(timeline.starts[bin]) + covered.unwrap_or(f64::from(timeline.bin_seconds))
}

/// A series with the middle of each bin.
pub(super) fn over_time(timeline: &Timeline, values: &[Option<f64>]) -> Vec<(f64, Option<f64>)> {
    let middle = |bin: usize| f64::midpoint(f64::from(timeline.starts[bin]), end(timeline, bin));
    let bins = 0..timeline.starts.len();
    bins.map(|bin| (middle(bin), values.get(bin).copied().flatten())).collect()
}

/// Shades what stayed outside the verdict.
pub(super) fn draw_not_judged(panel: &Panel, assessment: &Assessment) {
    let window = &assessment.window;
    let timeline = &assessment.timeline;
    let (Some(first), Some(last)) = (timeline.starts.first(), timeline.starts.last()) else {
        return;
    };
    if window.from > *first {
        panel.shade(f64::from(*first), f64::from(window.from));
    }
    if window.to <= *last {
        panel.shade(f64::from(window.to), end(timeline, timeline.starts.len() - 1));
    }
}

/// The legend's entry for the shade, where there is one.
pub(super) fn not_judged_key(assessment: &Assessment) -> Option<Key> {
    let window = &assessment.window;
    let starts = &assessment.timeline.starts;
    let shaded = starts.first().is_some_and(|first| window.from > *first)
        || starts.last().is_some_and(|last| window.to <= *last);
    shaded.then_some(Key { sign: Sign::Area(StrokeStyle::SHADE), text: "not judged".into() })
}

fn header(assessment: &Assessment, limits: &[Limit], width: Width) -> Header {
    let mut keys: Vec<Key> = SERIES
        .iter()
        .map(|(text, stroke_style, weight, _)| Key {
            sign: Sign::Line(*stroke_style, *weight),
            text: (*text).into(),
        })
        .collect();
    if !limits.is_empty() {
        keys.push(Key { sign: Sign::Line(StrokeStyle::LIMIT, 1), text: "limit".into() });
    }
    keys.extend(not_judged_key(assessment));
    Header::new(Chart::ResponseOverTime.title(), keys, width)
}

type Series = (&'static str, StrokeStyle, u32, fn(&Timeline) -> &[Option<f64>]);

/// From the least to the most important, which is drawn last.
const SERIES: [Series; 4] = [
    ("max", StrokeStyle::MAX, 1, |timeline| &timeline.max),
    ("p99", StrokeStyle::P99, 3, |timeline| &timeline.p99),
    ("p95", StrokeStyle::P95, 2, |timeline| &timeline.p95),
    ("p50", StrokeStyle::P50, 2, |timeline| &timeline.p50),
];

fn values(timeline: &Timeline, limits: &[Limit]) -> Vec<f64> {
    let series = SERIES.iter().flat_map(|(.., series)| series(timeline)).flatten().copied();
    series.chain(limits.iter().map(|limit| limit.millis)).collect()
}

fn draw_times(panel: &Panel, timeline: &Timeline) {
    for (_, stroke_style, weight, series) in SERIES {
        panel.curve(&over_time(timeline, series(timeline)), stroke_style, weight);
    }
    if SERIES.iter().all(|(.., series)| series(timeline).iter().all(Option::is_none)) {
        panel.message("no response times: no request ended in a way that has one");
    }
}
