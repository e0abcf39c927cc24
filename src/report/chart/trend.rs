//! The history of runs: p50, p95 and p99 of each, the levels between change points, and
//! the change points.
//!
//! Told apart without colour by dash and weight, and by their names at the right end.

use std::fmt::Write as _;

use super::axis::Axis;
use super::canvas::{Canvas, Lettering, drawn};
use super::header::{Header, Key, Sign};
use super::palette::StrokeStyle;
use super::panel::{ABOVE, BELOW, BESIDE, Frame, Panel};
use super::{Figure, Width};
use crate::analysis::history::{FigureTrend, History};
use crate::report::figures;

const HEIGHT: i32 = 280;
const TITLE: &str = "Response time over past runs";
/// So far apart are the names at the right end.
const LINE: i32 = 16;
/// p50, p95, p99: ink and weight of the level.
const SERIES: [(StrokeStyle, u32); 3] =
    [(StrokeStyle::P50, 2), (StrokeStyle::P95, 2), (StrokeStyle::P99, 4)];

/// The chart, to be drawn when it is needed; nothing without runs.
pub(in crate::report) fn figure(history: &History) -> Figure<'_> {
    Figure::new(("history", TITLE), &description(history), move |width| draw(history, width))
}

fn draw(history: &History, width: Width) -> Option<String> {
    let runs = history.runs.len();
    if runs == 0 {
        return None;
    }
    let values = history.figures.iter().flat_map(|figure| figure.trend.values.iter().flatten());
    let x = Axis::amount("run, oldest first", [runs as f64], runs.min(width.ticks()));
    let y = Axis::millis("response time", values.copied(), 6);
    let header = Header::new(TITLE, keys(), width);
    let top = header.height() + ABOVE;
    let frame = Frame { left: BESIDE, right: width.pixels() - BESIDE, top, bottom: top + HEIGHT };
    let svg = drawn((width.pixels(), frame.bottom + BELOW), |canvas| {
        header.draw(canvas);
        let panel = Panel { canvas, frame, x: &x, y: &y };
        panel.left_axis();
        for (figure, (stroke_style, weight)) in history.figures.iter().zip(SERIES) {
            draw_figure(&panel, figure, stroke_style, weight);
        }
        panel.bottom_axis();
        panel.bottom_title();
        name_lines(&panel, &history.figures);
    });
    Some(svg)
}

fn keys() -> Vec<Key> {
    let names = ["p50", "p95", "p99"].into_iter().zip(SERIES);
    let lines = names.map(|(text, (stroke_style, weight))| Key {
        sign: Sign::Line(stroke_style, weight),
        text: text.into(),
    });
    let mut keys: Vec<Key> = lines.collect();
    keys.push(Key { sign: Sign::Dot(StrokeStyle::TEXT), text: "a run".into() });
    keys.push(Key {
        sign: Sign::Diamond(StrokeStyle::LIMIT_TICK),
        text: "from here on another level".into(),
    });
    keys
}

fn draw_figure(panel: &Panel, figure: &FigureTrend, stroke_style: StrokeStyle, weight: u32) {
    let trend = &figure.trend;
    panel.curve(&numbered(&trend.levels), stroke_style, weight);
    for (x, y) in numbered(&trend.values) {
        if let Some(y) = y {
            panel.canvas.dot(panel.at(x, y), 3, stroke_style);
        }
    }
    for change in &trend.changes {
        let at = panel.at((change.index + 1) as f64, change.after);
        panel.canvas.diamond(at, 6, StrokeStyle::LIMIT_TICK);
    }
}

/// Runs are counted from 1.
fn numbered(values: &[Option<f64>]) -> Vec<(f64, Option<f64>)> {
    values.iter().enumerate().map(|(index, value)| ((index + 1) as f64, *value)).collect()
}

/// The names of the figures beside their last values, pushed apart where they would touch.
fn name_lines(panel: &Panel, all: &[FigureTrend]) {
    let last = |figure: &FigureTrend| figure.trend.levels.iter().rev().flatten().next().copied();
    let mut lowest = i32::MAX;
    for (figure, level) in all.iter().filter_map(|figure| Some((figure, last(figure)?))) {
        let (_, y) = panel.at(0.0, level);
        let y = y.min(lowest.saturating_sub(LINE));
        lowest = y;
        write_name(panel.canvas, &figure.name, (panel.frame.right + 8, y));
    }
}

fn write_name(canvas: &Canvas, name: &str, at: (i32, i32)) {
    canvas.text(name, at, Lettering::SMALL.inked(StrokeStyle::TEXT));
}

fn description(history: &History) -> String {
    let mut text = format!(
        "p50, p95 and p99 of {}, oldest first.",
        figures::counted(history.runs.len(), "run")
    );
    for figure in &history.figures {
        if let Some(level) = figure.trend.levels.last().copied().flatten() {
            let _ = write!(text, " {} ends at {}.", figure.name, figures::millis(level));
        }
        for change in &figure.trend.changes {
            let (run, ratio) = (change.index + 1, change.ratio);
            let _ = write!(text, " {} changed by ×{ratio:.2} at run {run}.", figure.name);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::history::{History, PastRun};
    use crate::record::fingerprint::Fingerprint;
    use crate::record::sample_head;
    use crate::report::chart::Theme;

    fn history(values: &[f64]) -> History {
        let run = |(index, p50): (usize, &f64)| PastRun {
            folder: String::new(),
            started: format!("run {index}"),
            requests: 100,
            error_rate: 0.0,
            times: [*p50, p50 * 2.0, p50 * 4.0],
        };
        let runs = values.iter().enumerate().map(run).collect();
        History::of("a".into(), Fingerprint::of(&sample_head()), runs, Vec::new())
    }

    #[test]
    fn a_step_is_drawn_and_told() {
        let values: Vec<f64> =
            (0..24).map(|run| if run < 12 { 10.0 } else { 15.0 } + f64::from(run % 3)).collect();
        let svg = figure(&history(&values)).svg(Width::Wide, Theme::System).unwrap();
        assert!(svg.contains("p95 changed by ×1.45 at run 13."), "{svg}");
        let document = roxmltree::Document::parse(&svg).unwrap();
        let polygons = document.descendants().filter(|it| it.tag_name().name() == "polygon");
        assert_eq!(polygons.count(), 4, "three change points and the legend");
        let circles = document.descendants().filter(|it| it.tag_name().name() == "circle");
        assert_eq!(circles.count(), 3 * 24 + 1);
    }

    #[test]
    fn few_runs_and_none_are_no_trouble() {
        assert_eq!(figure(&history(&[])).svg(Width::Wide, Theme::Light), None);
        for values in [&[10.0][..], &[10.0, 11.0], &[f64::NAN, 3.0], &[0.01; 3]] {
            let svg = figure(&history(values)).svg(Width::Narrow, Theme::Dark).unwrap();
            assert!(roxmltree::Document::parse(&svg).is_ok() && !svg.contains("NaN"));
        }
    }
}
