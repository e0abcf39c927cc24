//! The ratio in each interval, with a line where a segment with fresh processes begins.

use super::Chart;
use super::marks;
use crate::analysis::comparison::{Comparison, RatioSeries};
use crate::record::duet::GateMetric;
use crate::report::chart::Width;
use crate::report::chart::axis::Axis;
use crate::report::chart::canvas::drawn;
use crate::report::chart::header::{Header, Key, Sign};
use crate::report::chart::palette::StrokeStyle;
use crate::report::chart::panel::{ABOVE, BELOW, BESIDE, EDGE, Frame, Panel};
use crate::report::figures;

const HEIGHT: i32 = 240;
/// Any quantile: the band is the same for all.
const ANY: GateMetric = GateMetric::ResponseTime(0.5);

pub(super) fn draw(comparison: &Comparison, width: Width) -> Option<String> {
    let series = &comparison.over_time;
    let &(last, _) = series.starts.last()?;
    let header = header(comparison, width);
    let top = header.height() + ABOVE;
    let frame = Frame { left: BESIDE, right: width.pixels() - EDGE, top, bottom: top + HEIGHT };
    let to = f64::from(last.saturating_add(series.width));
    let x = Axis::lasting("judged time, all segments", (0.0, to), width.ticks());
    let (low, high) = marks::accepted(ANY, &comparison.settings);
    let values = series.ratios.iter().flat_map(|(_, ratios)| ratios.iter().flatten().copied());
    let y = Axis::ratio(marks::RATIO, values.chain([low, high]), 6);
    let svg = drawn((width.pixels(), frame.bottom + BELOW), |canvas| {
        header.draw(canvas);
        let panel = Panel { canvas, frame, x: &x, y: &y };
        marks::band(&panel, comparison, ANY);
        panel.left_axis();
        borders(&panel, series);
        marks::unchanged_line(&panel, ANY);
        curves(&panel, series);
        panel.bottom_axis();
        panel.bottom_title();
    });
    Some(svg)
}

fn header(comparison: &Comparison, width: Width) -> Header {
    let quantiles =
        comparison.over_time.ratios.iter().zip(StrokeStyle::QUANTILES.into_iter().cycle());
    let mut keys: Vec<Key> = quantiles
        .map(|((share, _), stroke_style)| Key {
            sign: Sign::Line(stroke_style, 2),
            text: figures::quantile(*share).into(),
        })
        .collect();
    keys.push(marks::band_key(comparison, marks::Band::Ratios));
    if first_of_segments(&comparison.over_time).next().is_some() {
        keys.push(Key { sign: Sign::Tick(StrokeStyle::LIMIT_TICK), text: "new segment".into() });
    }
    Header::new(Chart::OverTime.title(), keys, width)
}

/// Where each segment but the first begins.
fn first_of_segments(series: &RatioSeries) -> impl Iterator<Item = u32> {
    let pairs = series.starts.windows(2);
    pairs.filter(|pair| pair[0].1 != pair[1].1).map(|pair| pair[1].0)
}

fn borders(panel: &Panel, series: &RatioSeries) {
    for start in first_of_segments(series) {
        let x = panel.at(f64::from(start), 1.0).0;
        let line = vec![(x, panel.frame.top), (x, panel.frame.bottom)];
        panel.canvas.line(line, StrokeStyle::LIMIT_TICK, 1);
    }
}

fn curves(panel: &Panel, series: &RatioSeries) {
    for ((_, ratios), stroke_style) in
        series.ratios.iter().zip(StrokeStyle::QUANTILES.into_iter().cycle())
    {
        panel.curve(&points(series, ratios), stroke_style, 2);
    }
    let mut known = series.ratios.iter().flat_map(|(_, ratios)| ratios).flatten();
    if !known.any(|ratio| ratio.is_finite()) {
        panel.message("no ratios: no interval has enough requests in both arms");
    }
}

/// One point in the middle of each interval; the curve breaks where a segment begins.
fn points(series: &RatioSeries, ratios: &[Option<f64>]) -> Vec<(f64, Option<f64>)> {
    let middle = f64::from(series.width) / 2.0;
    let mut points: Vec<(f64, Option<f64>)> = Vec::new();
    let mut before = series.starts.first().map(|(_, segment)| *segment);
    for (&(start, segment), ratio) in series.starts.iter().zip(ratios) {
        if before != Some(segment) {
            points.push((f64::from(start), None));
        }
        points.push((f64::from(start) + middle, *ratio));
        before = Some(segment);
    }
    points
}
