//! p95 and p99 of each step, or of each tenant, beside their limits: two lines for each, so that
//! nothing covers anything.

use super::Chart;
use crate::analysis::assessment::{Assessment, Summary, TenantSummary, Times};
use crate::record::phase::Phase;
use crate::report::chart::Width;
use crate::report::chart::axis::Axis;
use crate::report::chart::canvas::{Align, Canvas, Lettering, drawn};
use crate::report::chart::header::{Header, Key, Sign};
use crate::report::chart::palette::StrokeStyle;
use crate::report::chart::panel::{BELOW, EDGE, Frame, Panel, between, pixels};
use crate::report::plain;

/// Half of the distance between the two lines of a step.
const HALF: i32 = 6;

/// From so many rows on, the ticks stand at the top as well.
const TALL: usize = 12;

/// Where things are in a row.
struct Layout {
    /// The first pixel of the frame.
    left: i32,
    row: i32,
    /// From the top of a row to the middle of its lines.
    lines: i32,
    /// From the top of a row to the middle of its name.
    name: i32,
}

impl Layout {
    /// Beside each other where there is room, else the name above the lines.
    fn of(width: Width) -> Layout {
        match width {
            Width::Wide => Layout { left: 270, row: 34, lines: 17, name: 17 },
            Width::Narrow => Layout { left: EDGE, row: 48, lines: 33, name: 13 },
        }
    }

    fn name_width(&self, width: Width) -> i32 {
        match width {
            Width::Wide => self.left - 30,
            Width::Narrow => width.pixels() - 2 * EDGE,
        }
    }
}

/// What stands in a row.
struct Row<'a> {
    name: &'a str,
    times: Option<&'a Times>,
    limits: &'a [(f64, f64)],
}

pub(super) fn draw(assessment: &Assessment, width: Width) -> Option<String> {
    draw_rows(Chart::Steps.title(), &rows(assessment), width)
}

/// The same of tenants.
pub(super) fn draw_tenants(assessment: &Assessment, width: Width) -> Option<String> {
    let tenants = assessment.tenants.as_ref()?;
    let there = tenants.all.iter().filter(|tenant| tenant.requests > 0);
    let rows = there.map(|TenantSummary { name, times, .. }| Row {
        name,
        times: times.as_ref(),
        limits: &tenants.limits,
    });
    draw_rows(Chart::Tenants.title(), &rows.collect::<Vec<_>>(), width)
}

/// The same of a noisy tenant and the others.
pub(super) fn draw_neighbours(assessment: &Assessment, width: Width) -> Option<String> {
    let seen = assessment.neighbours.as_ref()?;
    let rows = seen.stretches.iter().enumerate().map(|(place, stretch)| Row {
        name: &stretch.name,
        times: stretch.times.as_ref(),
        // The limits are those of the others, while somebody is noisy.
        limits: if place == 1 { &seen.limits } else { &[] },
    });
    draw_rows(Chart::Neighbours.title(), &rows.collect::<Vec<_>>(), width)
}

fn draw_rows(title: &'static str, rows: &[Row], width: Width) -> Option<String> {
    if rows.is_empty() {
        return None;
    }
    let layout = Layout::of(width);
    let header = Header::new(title, keys(), width);
    let tall = rows.len() > TALL;
    let top = header.height() + if tall { 24 } else { 4 };
    let bottom = top + pixels(rows.len(), layout.row);
    let frame = Frame { left: layout.left, right: width.pixels() - EDGE - 6, top, bottom };
    let x = Axis::millis("response time", values(rows), width.ticks() - 1);
    let svg = drawn((width.pixels(), bottom + BELOW), |canvas| {
        header.draw(canvas);
        let panel = Panel { canvas, frame, x: &x, y: &x };
        panel.vertical_grid();
        for (position, row) in rows.iter().enumerate() {
            let at = top + pixels(position, layout.row);
            draw_name(canvas, row, at, (&layout, width));
            draw_row(&panel, row, at + layout.lines);
        }
        panel.bottom_axis();
        if tall {
            panel.top_axis();
        }
        panel.bottom_title();
    });
    Some(svg)
}

/// The steps; all requests first where that is not the only step again.
fn rows(assessment: &Assessment) -> Vec<Row<'_>> {
    let total = (assessment.steps.len() > 1).then_some(&assessment.total);
    total.into_iter().chain(&assessment.steps).map(of_step).collect()
}

fn of_step(summary: &Summary) -> Row<'_> {
    let times = summary.times[Phase::Response].as_ref();
    Row { name: &summary.name, times, limits: &summary.limits }
}

fn keys() -> Vec<Key> {
    vec![
        Key { sign: Sign::Dot(StrokeStyle::P95), text: "p95".into() },
        Key { sign: Sign::Diamond(StrokeStyle::P99), text: "p99".into() },
        Key { sign: Sign::Tick(StrokeStyle::LIMIT_TICK), text: "its limit".into() },
    ]
}

/// A quantile with a line of its own.
struct Marked {
    share: f64,
    stroke_style: StrokeStyle,
    pick: fn(&Times) -> f64,
    shift: i32,
    draw: fn(&Canvas, (i32, i32), StrokeStyle),
}

const MARKED: [Marked; 2] = [
    Marked {
        share: 0.95,
        stroke_style: StrokeStyle::P95,
        pick: |times| times.p95,
        shift: -HALF,
        draw: |canvas, at, stroke_style| canvas.dot(at, 5, stroke_style),
    },
    Marked {
        share: 0.99,
        stroke_style: StrokeStyle::P99,
        pick: |times| times.p99,
        shift: HALF,
        draw: |canvas, at, stroke_style| canvas.diamond(at, 6, stroke_style),
    },
];

impl Marked {
    fn value(&self, row: &Row) -> Option<f64> {
        row.times.map(self.pick).filter(|value| value.is_finite())
    }

    fn limit(&self, row: &Row) -> Option<f64> {
        let same = |share: f64| (share - self.share).abs() < 1e-9;
        let found = row.limits.iter().find(|(share, limit)| same(*share) && limit.is_finite());
        found.map(|(_, limit)| *limit)
    }
}

fn values(rows: &[Row]) -> Vec<f64> {
    let of_row = |row: &Row| MARKED.map(|marked| [marked.value(row), marked.limit(row)]);
    rows.iter().flat_map(of_row).flatten().flatten().collect()
}

fn draw_name(canvas: &Canvas, row: &Row, top: i32, (layout, width): (&Layout, Width)) {
    let lettering = Lettering { size: 13, stroke_style: StrokeStyle::TEXT, ..Lettering::SMALL };
    let name = lettering.fitted(&plain::line(row.name), layout.name_width(width));
    let (x, align) = match width {
        Width::Wide => (layout.left - 14, Align::End),
        Width::Narrow => (layout.left, Align::Start),
    };
    canvas.text(&name, (x, top + layout.name), lettering.aligned(align));
}

fn draw_row(panel: &Panel, row: &Row, middle: i32) {
    let Frame { left, right, .. } = panel.frame;
    if row.times.is_none() {
        return panel.canvas.text("no response times", (left + 8, middle), Lettering::SMALL);
    }
    let position = |value| between(left, right, panel.x.position(value));
    for marked in MARKED {
        let y = middle + marked.shift;
        if let Some(limit) = marked.limit(row).map(position) {
            panel.canvas.line(
                vec![(limit, y - HALF), (limit, y + HALF)],
                StrokeStyle::LIMIT_TICK,
                3,
            );
        }
        if let Some(value) = marked.value(row).map(position) {
            panel.canvas.line(vec![(left, y), (value, y)], marked.stroke_style, 1);
            (marked.draw)(panel.canvas, (value, y), marked.stroke_style);
        }
    }
}
