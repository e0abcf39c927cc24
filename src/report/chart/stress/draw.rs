//! Three panels above each other: rates, requests in flight, p99.

use super::bins::{Bin, ENDINGS, bins};
use crate::analysis::stress_result::RepeatResult;
use crate::record::stress::{PhaseKind, Repeat};
use crate::report::chart::Width;
use crate::report::chart::axis::Axis;
use crate::report::chart::canvas::{Canvas, Point, drawn};
use crate::report::chart::hatch::{self, Column};
use crate::report::chart::header::{Header, Key, Sign};
use crate::report::chart::palette::{Hatch, StrokeStyle};
use crate::report::chart::panel::{ABOVE, BELOW, BESIDE, EDGE, Frame, Panel};

const HEIGHTS: [i32; 3] = [210, 100, 100];

/// What happened when.
struct Marks {
    /// The stretch of the overload, in seconds.
    overload: Option<(f64, f64)>,
    /// Moments, each with its ink and what it is.
    moments: Vec<(f64, StrokeStyle, &'static str)>,
}

/// The chart of a repeat; `None` if nothing was measured.
pub(super) fn draw(
    title: &'static str,
    (repeat, found): (&Repeat, &RepeatResult),
    width: Width,
) -> Option<String> {
    let bins = bins(repeat);
    let (first, last) = (bins.first()?, bins.last()?);
    let x = Axis::time(first.from, last.to, width.ticks());
    let marks = marks(repeat, found, last.to);
    let header = Header::new(title, keys(&bins, found, &marks), width);
    let height = header.height() + HEIGHTS.iter().map(|it| it + 2 * ABOVE).sum::<i32>() - ABOVE;
    let svg = drawn((width.pixels(), height + BELOW), |canvas| {
        header.draw(canvas);
        let [rates, in_flight, p99] = frames(header.height(), width);
        draw_rates((canvas, rates, &x), &bins, &marks);
        draw_in_flight((canvas, in_flight, &x), &bins, &marks);
        draw_p99((canvas, p99, &x), (&bins, found), &marks);
    });
    Some(svg)
}

fn frames(above: i32, width: Width) -> [Frame; 3] {
    let mut top = above + ABOVE;
    HEIGHTS.map(|height| {
        let frame = Frame { left: BESIDE, right: width.pixels() - EDGE, top, bottom: top + height };
        top = frame.bottom + 2 * ABOVE;
        frame
    })
}

/// The break, the fall back and the recovery.
fn marks(repeat: &Repeat, found: &RepeatResult, end: f64) -> Marks {
    let is_overload = |kind| match kind {
        PhaseKind::Hold | PhaseKind::Overload(_) | PhaseKind::Spike => true,
        PhaseKind::WarmUp | PhaseKind::Ramp | PhaseKind::FallBack => false,
    };
    let index = repeat.phases.iter().rposition(|phase| phase.kind == PhaseKind::FallBack);
    let fell_back = index.map(|index| f64::from(repeat.phases[index].from));
    let before = index.unwrap_or(repeat.phases.len());
    let overloads = repeat.phases[..before].iter().rev().take_while(|it| is_overload(it.kind));
    let broke = overloads.last().map(|phase| f64::from(phase.from)).filter(|from| *from < end);
    let recovered = found.recovered_at.map(f64::from);
    let moments = [
        (broke, StrokeStyle::REGRESSED, "overload begins"),
        (fell_back, StrokeStyle::ACCEPTED, "load falls back"),
        (recovered, StrokeStyle::IMPROVED, "as before again"),
    ];
    let known =
        moments.into_iter().filter_map(|(at, stroke_style, text)| Some((at?, stroke_style, text)));
    Marks {
        overload: broke.map(|from| (from, fell_back.unwrap_or(end).min(end))),
        moments: known.filter(|(at, ..)| *at <= end).collect(),
    }
}

fn keys(bins: &[Bin], found: &RepeatResult, marks: &Marks) -> Vec<Key> {
    let wanted = Key { sign: Sign::Line(StrokeStyle::TEXT, 2), text: "wanted".into() };
    let occurred = |index: usize| bins.iter().any(|bin| bin.ended[index] > 0.0);
    let ended = ENDINGS.iter().enumerate().filter(|(index, _)| occurred(*index));
    let ended = ended.map(|(_, (outcome, text, _))| Key {
        sign: Sign::Hatched(StrokeStyle::outcome(*outcome), Hatch::of(*outcome)),
        text: (*text).into(),
    });
    let moments = marks.moments.iter();
    let moments = moments.map(|(_, stroke_style, text)| Key {
        sign: Sign::Tick(*stroke_style),
        text: (*text).into(),
    });
    let limit =
        Key { sign: Sign::Line(StrokeStyle::LIMIT, 1), text: "p99 as before, at most".into() };
    let limit = found.limits_before.map(|_| limit);
    std::iter::once(wanted).chain(ended).chain(moments).chain(limit).collect()
}

/// Where a panel is: the canvas, its frame and the common axis.
type PanelArea<'a, 'c> = (&'a Canvas<'c>, Frame, &'a Axis);

fn draw_rates((canvas, frame, x): PanelArea<'_, '_>, bins: &[Bin], marks: &Marks) {
    let sums = bins.iter().map(|bin| bin.ended.iter().sum::<f64>());
    let y = Axis::amount("per second", sums.chain(bins.iter().map(|bin| bin.wanted)), 5);
    let panel = Panel { canvas, frame, x, y: &y };
    begin(&panel, marks);
    draw_stack(&panel, bins);
    let steps = bins.iter().flat_map(|bin| [(bin.from, bin.wanted), (bin.to, bin.wanted)]);
    canvas.line(steps.map(|(at, rate)| panel.at(at, rate)).collect(), StrokeStyle::TEXT, 2);
    draw_moments(&panel, marks);
    panel.bottom_axis();
}

fn draw_stack(panel: &Panel, bins: &[Bin]) {
    let mut below = vec![0.0; bins.len()];
    for (index, (outcome, ..)) in ENDINGS.iter().enumerate() {
        if bins.iter().all(|bin| bin.ended[index] <= 0.0) {
            continue;
        }
        let above: Vec<f64> =
            below.iter().zip(bins).map(|(below, bin)| below + bin.ended[index]).collect();
        let (upper, lower) = (edge(panel, bins, &above), edge(panel, bins, &below));
        let ends = upper.chunks_exact(2).zip(lower.chunks_exact(2));
        let columns: Vec<Column> = ends.map(|(upper, lower)| (upper[0], lower[1])).collect();
        let outline = upper.into_iter().chain(lower.into_iter().rev()).collect();
        panel.canvas.area(outline, StrokeStyle::outcome(*outcome), 1.0);
        hatch::draw(panel.canvas, &columns, Hatch::of(*outcome));
        below = above;
    }
}

/// The upper edge of an area: a level stretch for each bin.
fn edge(panel: &Panel, bins: &[Bin], heights: &[f64]) -> Vec<Point> {
    let stretch =
        |(bin, height): (&Bin, &f64)| [panel.at(bin.from, *height), panel.at(bin.to, *height)];
    bins.iter().zip(heights).flat_map(stretch).collect()
}

fn draw_in_flight((canvas, frame, x): PanelArea<'_, '_>, bins: &[Bin], marks: &Marks) {
    let y = Axis::amount("requests in flight", bins.iter().map(|bin| bin.in_flight), 4);
    let panel = Panel { canvas, frame, x, y: &y };
    begin(&panel, marks);
    panel.curve(&points(bins, |bin| Some(bin.in_flight)), StrokeStyle::P50, 2);
    draw_moments(&panel, marks);
    panel.bottom_axis();
}

fn draw_p99(
    (canvas, frame, x): PanelArea<'_, '_>,
    (bins, found): (&[Bin], &RepeatResult),
    marks: &Marks,
) {
    let limit = found.limits_before.map(|(p99, _)| p99);
    let times = bins.iter().filter_map(|bin| bin.p99).chain(limit);
    let y = Axis::millis("p99", times, 4);
    let panel = Panel { canvas, frame, x, y: &y };
    begin(&panel, marks);
    panel.curve(&points(bins, |bin| bin.p99), StrokeStyle::P50, 2);
    draw_moments(&panel, marks);
    if let Some(limit) = limit {
        let height = panel.at(0.0, limit).1;
        canvas.line(vec![(frame.left, height), (frame.right, height)], StrokeStyle::LIMIT, 1);
    }
    panel.bottom_axis();
    panel.bottom_title();
}

fn begin(panel: &Panel, marks: &Marks) {
    if let Some((from, to)) = marks.overload {
        panel.shade(from, to);
    }
    panel.left_axis();
}

fn draw_moments(panel: &Panel, marks: &Marks) {
    let Frame { top, bottom, .. } = panel.frame;
    for (at, stroke_style, _) in &marks.moments {
        let (x, _) = panel.at(*at, 0.0);
        panel.canvas.line(vec![(x, top), (x, bottom)], *stroke_style, 2);
    }
}

fn points(bins: &[Bin], of: impl Fn(&Bin) -> Option<f64>) -> Vec<(f64, Option<f64>)> {
    bins.iter().map(|bin| (f64::midpoint(bin.from, bin.to), of(bin))).collect()
}
