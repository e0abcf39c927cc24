//! The ratio of each metric with its interval, against 1 and the band of accepted
//! changes; the error rate, which is a difference, below on an axis of its own.

use super::Chart;
use super::marks;
use crate::analysis::comparison::{Comparison, Estimate, MetricResult};
use crate::record::duet::GateMetric;
use crate::report::chart::Width;
use crate::report::chart::axis::Axis;
use crate::report::chart::canvas::{Align, Canvas, Lettering, drawn};
use crate::report::chart::header::Header;
use crate::report::chart::palette::StrokeStyle;
use crate::report::chart::panel::{BELOW, EDGE, Frame, Panel, pixels};
use crate::report::phrases::comparison as phrases;

/// Between the axis of the ratios and the rows of differences.
const APART: i32 = 22;

/// Where things are in a row.
struct Layout {
    left: i32,
    right: i32,
    row: i32,
    /// From the top of a row to its interval.
    line: i32,
}

impl Layout {
    /// Beside each other where there is room, else the texts above the interval.
    fn of(width: Width) -> Layout {
        let pixels = width.pixels();
        match width {
            Width::Wide => Layout { left: 112, right: pixels - 310, row: 34, line: 17 },
            Width::Narrow => Layout { left: EDGE, right: pixels - EDGE, row: 66, line: 52 },
        }
    }
}

/// Metrics with the same unit, on one axis.
struct Group<'a> {
    rows: Vec<&'a MetricResult>,
    axis: Axis,
}

pub(super) fn draw(comparison: &Comparison, width: Width) -> Option<String> {
    let groups = groups(comparison, width);
    if groups.is_empty() {
        return None;
    }
    let layout = Layout::of(width);
    let header = header(comparison, width);
    let heights = groups.iter().map(|group| pixels(group.rows.len(), layout.row) + BELOW);
    let apart = pixels(groups.len() - 1, APART);
    let bottom = header.height() + heights.sum::<i32>() + apart;
    let svg = drawn((width.pixels(), bottom), |canvas| {
        header.draw(canvas);
        let mut top = header.height();
        for group in &groups {
            top = draw_group(canvas, comparison, (group, &layout, width), top) + APART;
        }
    });
    Some(svg)
}

fn header(comparison: &Comparison, width: Width) -> Header {
    let rulings = comparison.metrics.iter().filter(|m| m.estimate.is_some()).map(|m| m.ruling);
    let mut keys = marks::keys(rulings);
    keys.push(marks::band_key(comparison, marks::Band::All));
    Header::new(Chart::Ratios.title(), keys, width)
}

fn groups(comparison: &Comparison, width: Width) -> Vec<Group<'_>> {
    let is_time = |metric: &&MetricResult| matches!(metric.metric, GateMetric::ResponseTime(_));
    // What watches counts requests: it has no ratio to draw.
    let drawn = comparison.metrics.iter().filter(|it| it.gates || it.estimate.is_some());
    let (times, others): (Vec<_>, Vec<_>) = drawn.partition(is_time);
    let (cpu, shares) = others.into_iter().partition(|it| it.metric == GateMetric::CpuPerRequest);
    [times, cpu, shares].into_iter().filter_map(|rows| group(comparison, rows, width)).collect()
}

/// The rows with their axis; `None` without rows.
fn group<'a>(
    comparison: &Comparison,
    rows: Vec<&'a MetricResult>,
    width: Width,
) -> Option<Group<'a>> {
    let metric = rows.first()?.metric;
    let known = rows.iter().filter_map(|row| row.estimate.filter(marks::is_drawable));
    let known: Vec<Estimate> = known.collect();
    let axis = marks::axis(metric, &comparison.settings, &known, width.ticks() - 2);
    Some(Group { rows, axis })
}

/// Draws the rows and their axis, and says where they end.
fn draw_group(
    canvas: &Canvas,
    comparison: &Comparison,
    (group, layout, width): (&Group, &Layout, Width),
    top: i32,
) -> i32 {
    let bottom = top + pixels(group.rows.len(), layout.row);
    let frame = Frame { left: layout.left, right: layout.right, top, bottom };
    let panel = Panel { canvas, frame, x: &group.axis, y: &group.axis };
    let metric = group.rows[0].metric;
    let (low, high) = marks::accepted(metric, &comparison.settings);
    panel.shade(low, high);
    panel.vertical_grid();
    for end in [low, high] {
        let x = panel.at(end, 0.0).0;
        canvas.line(vec![(x, top), (x, bottom)], StrokeStyle::ACCEPTED, 1);
    }
    let x = panel.at(marks::unchanged(metric), 0.0).0;
    canvas.line(vec![(x, top), (x, bottom)], StrokeStyle::TEXT, 1);
    for (position, row) in group.rows.iter().enumerate() {
        let at = top + pixels(position, layout.row);
        draw_texts(canvas, row, (layout, width), at);
        draw_interval(&panel, row, at + layout.line);
    }
    panel.bottom_axis();
    panel.bottom_title();
    bottom + BELOW
}

fn draw_texts(canvas: &Canvas, row: &MetricResult, (layout, width): (&Layout, Width), top: i32) {
    let lettering = Lettering { size: 13, stroke_style: StrokeStyle::TEXT, ..Lettering::SMALL };
    let figures = phrases::estimate(row.metric, row.estimate).written();
    let ruling = phrases::outcome(row);
    match width {
        Width::Wide => {
            let name = lettering.fitted(&phrases::short_of(row), layout.left - 28);
            let end = (layout.left - 14, top + layout.line);
            canvas.text(&name, end, lettering.aligned(Align::End));
            let beside = layout.right + 14;
            canvas.text(ruling, (beside, top + layout.line), lettering);
            canvas.text(&figures, (beside + 100, top + layout.line), Lettering::SMALL);
        }
        Width::Narrow => {
            // Lines through the texts would make them hard to read.
            canvas.rect((layout.left, top), (layout.right, top + 40), StrokeStyle::BACKGROUND);
            let room = layout.right - layout.left - lettering.width(ruling) - 12;
            let name = lettering.fitted(&phrases::short_of(row), room);
            canvas.text(&name, (layout.left, top + 13), lettering);
            let end = (layout.right, top + 13);
            canvas.text(ruling, end, lettering.aligned(Align::End));
            canvas.text(&figures, (layout.left, top + 31), Lettering::SMALL);
        }
    }
}

fn draw_interval(panel: &Panel, row: &MetricResult, y: i32) {
    let Some(found) = row.estimate.filter(marks::is_drawable) else { return };
    let position = |value| panel.at(value, 0.0).0;
    let (low, high) = (position(found.low), position(found.high));
    let stroke_style = marks::stroke_style(row.ruling);
    panel.canvas.line(vec![(low, y), (high, y)], stroke_style, 2);
    for end in [low, high] {
        panel.canvas.line(vec![(end, y - 5), (end, y + 5)], stroke_style, 2);
    }
    marks::mark(panel.canvas, (position(found.value), y), row.ruling);
}
