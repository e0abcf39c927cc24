//! What each metric said at each planned look: estimate and interval, one panel per
//! metric, with room for the looks that were not taken.

use super::Chart;
use super::marks;
use crate::analysis::comparison::{Comparison, Estimate, Look, LookMetric, Ruling};
use crate::record::duet::GateMetric;
use crate::report::chart::Width;
use crate::report::chart::axis::{Axis, Tick};
use crate::report::chart::canvas::{Canvas, Lettering, drawn};
use crate::report::chart::header::{Header, Key, Sign};
use crate::report::chart::palette::StrokeStyle;
use crate::report::chart::panel::{ABOVE, BELOW, BESIDE, EDGE, Frame, Panel, pixels};
use crate::report::figures;
use crate::report::phrases::comparison as phrases;

const HEIGHT: i32 = 110;
/// Below a panel that has others below it.
const TICKS: i32 = 28;
/// More than this many looks are not labelled one by one on a wide chart.
const MOST_LABELLED: usize = 5;

/// One metric at all looks.
struct Row<'a> {
    metric: GateMetric,
    /// Which look, and what was seen.
    seen: Vec<(usize, &'a LookMetric)>,
}

pub(super) fn draw(comparison: &Comparison, width: Width) -> Option<String> {
    let rows = rows(&comparison.looks);
    if rows.is_empty() {
        return None;
    }
    let header = header(comparison, width);
    let each = ABOVE + HEIGHT + TICKS;
    let bottom = header.height() + pixels(rows.len(), each) + BELOW - TICKS;
    let svg = drawn((width.pixels(), bottom), |canvas| {
        header.draw(canvas);
        for (index, row) in rows.iter().enumerate() {
            let top = header.height() + pixels(index, each) + ABOVE;
            let panel = PanelPlace { top, is_last: index + 1 == rows.len(), width };
            draw_row(canvas, comparison, row, &panel);
        }
    });
    Some(svg)
}

/// Every metric that gates at any look, in the order of the looks.
fn rows(looks: &[Look]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row> = Vec::new();
    for (index, look) in looks.iter().enumerate() {
        for seen in look.metrics.iter().filter(|seen| seen.gates) {
            match rows.iter_mut().find(|row| row.metric == seen.metric) {
                Some(row) => row.seen.push((index, seen)),
                None => rows.push(Row { metric: seen.metric, seen: vec![(index, seen)] }),
            }
        }
    }
    rows
}

fn header(comparison: &Comparison, width: Width) -> Header {
    let seen = comparison.looks.iter().flat_map(|look| &look.metrics);
    let mut keys = marks::keys(seen.map(|seen| seen.ruling));
    keys.push(marks::band_key(comparison, marks::Band::All));
    if decided(comparison).is_some() {
        keys.push(Key {
            sign: Sign::Tick(StrokeStyle::LIMIT_TICK),
            text: "the gate decided".into(),
        });
    }
    Header::new(Chart::Looks.title(), keys, width)
}

/// The look at which the gate as a whole decided.
fn decided(comparison: &Comparison) -> Option<usize> {
    comparison.looks.iter().position(|look| look.ruling != Ruling::Inconclusive)
}

/// Where a panel is.
struct PanelPlace {
    top: i32,
    is_last: bool,
    width: Width,
}

fn draw_row(canvas: &Canvas, comparison: &Comparison, row: &Row, at: &PanelPlace) {
    let right = at.width.pixels() - EDGE;
    let frame = Frame { left: BESIDE, right, top: at.top, bottom: at.top + HEIGHT };
    let x = looks_axis(comparison, row, at.width);
    let y = value_axis(comparison, row);
    let panel = Panel { canvas, frame, x: &x, y: &y };
    marks::band(&panel, comparison, row.metric);
    panel.left_axis();
    if row.seen.iter().any(|(_, seen)| seen.estimate.is_some_and(|e| marks::is_drawable(&e))) {
        marks::unchanged_line(&panel, row.metric);
    } else {
        canvas.text("no estimate", (frame.left + 150, frame.top + 30), Lettering::SMALL);
    }
    if let Some(look) = decided(comparison) {
        let at = panel.at(look as f64, 0.0).0;
        canvas.line(vec![(at, frame.top), (at, frame.bottom)], StrokeStyle::LIMIT_TICK, 1);
    }
    for (look, seen) in &row.seen {
        draw_look(&panel, *look as f64, seen);
    }
    panel.bottom_axis();
    if at.is_last {
        panel.bottom_title();
    }
}

fn value_axis(comparison: &Comparison, row: &Row) -> Axis {
    let estimates: Vec<Estimate> =
        row.seen.iter().filter_map(|(_, seen)| seen.estimate.filter(marks::is_drawable)).collect();
    let mut axis = marks::axis(row.metric, &comparison.settings, &estimates, 4);
    if let GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest = row.metric {
        axis.title = format!("{}: {}", phrases::short(row.metric), axis.title);
    }
    axis
}

/// One tick per planned look: how much was judged, and what the metric said.
fn looks_axis(comparison: &Comparison, row: &Row, width: Width) -> Axis {
    let taken = comparison.looks.len();
    let planned = taken.max(comparison.settings.looks.min(100) as usize);
    let ticks = (0..planned).map(|index| Tick {
        value: index as f64,
        text: match comparison.looks.get(index) {
            Some(look) => label(look, ruling_at(row, index), (planned, width)),
            None => "–".to_owned(),
        },
    });
    let title = match width {
        Width::Wide => "judged seconds per arm at each planned look, and what it said",
        Width::Narrow => "judged per arm at each planned look",
    };
    Axis::of_ticks(title, (-0.5, planned as f64 - 0.5), ticks.collect())
}

fn ruling_at(row: &Row, index: usize) -> Option<Ruling> {
    row.seen.iter().find(|(look, _)| *look == index).map(|(_, seen)| seen.ruling)
}

fn label(look: &Look, ruling: Option<Ruling>, (planned, width): (usize, Width)) -> String {
    let seconds = figures::seconds(f64::from(look.seconds));
    match (ruling, width) {
        (Some(ruling), Width::Wide) if planned <= MOST_LABELLED => {
            format!("{seconds}: {}", phrases::ruling(ruling))
        }
        _ => seconds,
    }
}

fn draw_look(panel: &Panel, look: f64, seen: &LookMetric) {
    let Some(found) = seen.estimate.filter(marks::is_drawable) else { return };
    let (low, high) = (panel.at(look, found.low), panel.at(look, found.high));
    let stroke_style = marks::stroke_style(seen.ruling);
    panel.canvas.line(vec![low, high], stroke_style, 2);
    for (x, y) in [low, high] {
        panel.canvas.line(vec![(x - 5, y), (x + 5, y)], stroke_style, 2);
    }
    marks::mark(panel.canvas, panel.at(look, found.value), seen.ruling);
}
