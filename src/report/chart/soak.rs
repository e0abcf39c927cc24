//! What grew over the hours of a soak: the windows of memory, response time and event-loop
//! delay, each with its slope and the bounds of that, one above the other.

use std::fmt::Write as _;

use super::axis::Axis;
use super::canvas::{Point, drawn};
use super::header::{Header, Key, Sign};
use super::palette::StrokeStyle;
use super::panel::{ABOVE, BELOW, BESIDE, EDGE, Frame, Panel, pixels};
use super::{Figure, Width};
use crate::analysis::soak::found::{Growth, Metric, SoakAssessment, Trend};
use crate::analysis::soak::messages;
use crate::report::figures;

const HEIGHT: i32 = 150;
const TITLE: &str = "Growth over the run";
/// How much of the bounds' area covers what is behind it.
const OPACITY: f64 = 0.22;
const MEGABYTE: f64 = 1e6;

/// The chart, to be drawn when it is needed; nothing without windows.
pub(in crate::report) fn figure(soak: &SoakAssessment) -> Figure<'_> {
    Figure::new(("growth", TITLE), &description(soak), move |width| draw(soak, width))
}

/// One pair of axes and what is in it.
struct Stretch<'a> {
    y: Axis,
    /// What its values are divided by.
    unit: f64,
    lines: Vec<(&'a Trend, StrokeStyle)>,
}

fn draw(soak: &SoakAssessment, width: Width) -> Option<String> {
    let end = soak.parts.last().map(|part| f64::from(part.to))?;
    let parts = parts(soak);
    if parts.is_empty() {
        return None;
    }
    let x = Axis::time(0.0, end, width.ticks());
    let header = Header::new(TITLE, keys(&parts), width);
    let height = header.height() + pixels(parts.len(), HEIGHT + 2 * ABOVE) - ABOVE + BELOW;
    let svg = drawn((width.pixels(), height), |canvas| {
        header.draw(canvas);
        let mut top = header.height() + ABOVE;
        for (index, part) in parts.iter().enumerate() {
            let right = width.pixels() - EDGE;
            let frame = Frame { left: BESIDE, right, top, bottom: top + HEIGHT };
            let panel = Panel { canvas, frame, x: &x, y: &part.y };
            draw_part(&panel, part, soak);
            if index + 1 == parts.len() {
                panel.bottom_title();
            }
            top = frame.bottom + 2 * ABOVE;
        }
    });
    Some(svg)
}

fn parts(soak: &SoakAssessment) -> Vec<Stretch<'_>> {
    let of = |metric: Metric| soak.trends.iter().find(|trend| trend.metric == metric);
    let lines = |wanted: &[(Metric, StrokeStyle)]| -> Vec<(&Trend, StrokeStyle)> {
        let known =
            wanted.iter().filter_map(|(metric, stroke_style)| Some((of(*metric)?, *stroke_style)));
        known.filter(|(trend, _)| trend.values.iter().any(Option::is_some)).collect()
    };
    let memory = lines(&[(Metric::Memory, StrokeStyle::TARGET)]);
    let times = lines(&[(Metric::P50, StrokeStyle::P50), (Metric::P99, StrokeStyle::P99)]);
    let delay = lines(&[(Metric::EventLoopDelay, StrokeStyle::TARGET)]);
    let memory_axis = |values| Axis::amount("least memory of a window (MB)", values, 4);
    let all = [
        part(memory, MEGABYTE, memory_axis),
        part(times, 1.0, |values| Axis::millis("response time", values, 4)),
        part(delay, 1.0, |values| Axis::millis("event-loop delay", values, 4)),
    ];
    all.into_iter().flatten().collect()
}

fn part(
    lines: Vec<(&Trend, StrokeStyle)>,
    unit: f64,
    axis: impl Fn(Vec<f64>) -> Axis,
) -> Option<Stretch<'_>> {
    let values = lines.iter().flat_map(|(trend, _)| trend.values.iter().flatten());
    let values: Vec<f64> = values.map(|value| value / unit).collect();
    (!values.is_empty()).then(|| Stretch { y: axis(values), unit, lines })
}

fn draw_part(panel: &Panel, part: &Stretch, soak: &SoakAssessment) {
    for stretch in &soak.parts {
        panel.shade(f64::from(stretch.from), f64::from(stretch.judged_from));
    }
    panel.left_axis();
    for (trend, stroke_style) in &part.lines {
        for stretch in &soak.parts {
            let windows = windows(soak, trend, (stretch.judged_from, stretch.to));
            draw_bounds(panel, &windows, part.unit, *stroke_style);
            draw_line(panel, &windows, part.unit, *stroke_style);
        }
    }
    panel.bottom_axis();
}

/// A window: its middle, its value, and the line with its bounds there.
struct Window {
    middle: f64,
    value: Option<f64>,
    fitted: Option<(f64, f64, f64)>,
}

/// Those of a stretch.
fn windows(soak: &SoakAssessment, trend: &Trend, (from, to): (u32, u32)) -> Vec<Window> {
    let half = f64::from(soak.window_seconds) / 2.0;
    let all = soak.starts.iter().zip(&trend.values).zip(&trend.fitted);
    let here = all.filter(|((start, _), _)| (from..to).contains(*start));
    let window = |((start, value), fitted): ((&u32, &Option<f64>), &Option<_>)| Window {
        middle: f64::from(*start) + half,
        value: *value,
        fitted: *fitted,
    };
    here.map(window).collect()
}

/// The area between the lines of both bounds.
fn draw_bounds(panel: &Panel, windows: &[Window], unit: f64, stroke_style: StrokeStyle) {
    let known = || windows.iter().filter_map(|it| Some((it.middle, it.fitted?)));
    let at = |(middle, value): (f64, f64)| panel.at(middle, value / unit);
    let low = known().map(|(middle, (_, low, _))| at((middle, low)));
    let high = known().map(|(middle, (_, _, high))| at((middle, high)));
    let mut outline: Vec<Point> = low.collect();
    outline.extend(high.collect::<Vec<_>>().into_iter().rev());
    if outline.len() > 3 {
        panel.canvas.area(outline, stroke_style, OPACITY);
    }
}

/// The line, and a dot for each window.
fn draw_line(panel: &Panel, windows: &[Window], unit: f64, stroke_style: StrokeStyle) {
    let line = windows.iter().filter_map(|it| {
        let (value, ..) = it.fitted?;
        Some(panel.at(it.middle, value / unit))
    });
    let line: Vec<Point> = line.collect();
    if line.len() > 1 {
        panel.canvas.line(line, stroke_style, weight(stroke_style));
    }
    for window in windows {
        if let Some(value) = window.value {
            panel.canvas.dot(panel.at(window.middle, value / unit), 2, stroke_style);
        }
    }
}

/// Lines that share a panel differ by it.
fn weight(stroke_style: StrokeStyle) -> u32 {
    if stroke_style == StrokeStyle::P99 { 3 } else { 2 }
}

fn keys(parts: &[Stretch]) -> Vec<Key> {
    let lines = parts.iter().flat_map(|part| &part.lines);
    let lines = lines.filter(|(trend, _)| matches!(trend.metric, Metric::P50 | Metric::P99));
    let lines = lines.map(|(trend, stroke_style)| {
        let sign = Sign::Line(*stroke_style, weight(*stroke_style));
        Key { sign, text: trend.name.into() }
    });
    let others = [
        Key { sign: Sign::Dot(StrokeStyle::TEXT), text: "a window".into() },
        Key { sign: Sign::Area(StrokeStyle::SHADE), text: "warm-up, not judged".into() },
    ];
    lines.chain(others).collect()
}

fn description(soak: &SoakAssessment) -> String {
    let width = figures::seconds(f64::from(soak.window_seconds));
    let number = figures::counted(soak.starts.len(), "window");
    let mut text = format!("{number} of {width}, with the slope and its bounds of 99 %.");
    let told = [Metric::Memory, Metric::P50, Metric::P99, Metric::EventLoopDelay];
    let seen = soak.trends.iter().filter(|it| it.growth != Growth::NotSeen);
    for trend in seen.filter(|trend| told.contains(&trend.metric)) {
        let _ = write!(text, " {}.", messages::of(trend));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assessment::Verdict;
    use crate::analysis::soak::found::{Began, GrowthUnit, Role, Stretch};
    use crate::report::chart::Theme;
    use crate::report::chart::checks::{check_accessible, check_inside};

    fn trend(metric: Metric, name: &'static str, value: impl Fn(usize) -> Option<f64>) -> Trend {
        let values: Vec<Option<f64>> = (0..40).map(value).collect();
        let fitted = values.iter().map(|value| value.map(|it| (it, it * 0.9, it * 1.1)));
        Trend {
            metric,
            name,
            unit: GrowthUnit::Milliseconds,
            role: Role::Watches,
            growth: Growth::Holds,
            is_relative: true,
            windows: 40,
            level: Some(20.0),
            per_hour: Some(0.01),
            low: Some(-0.01),
            high: Some(0.02),
            limit: Some(0.1),
            seconds_needed: None,
            others: None,
            fitted: fitted.collect(),
            values,
        }
    }

    fn soak(trends: Vec<Trend>) -> SoakAssessment {
        let part =
            |from: u32, began| Stretch { from, to: from + 8_000, judged_from: from + 2_000, began };
        SoakAssessment {
            verdict: Verdict::Pass,
            grows: None,
            reasons: Vec::new(),
            findings: Vec::new(),
            window_seconds: 300,
            windows_needed: 12,
            parts: vec![part(0, Began::Start), part(8_000, Began::ProcessesChanged)],
            starts: [2_000, 10_000]
                .iter()
                .flat_map(|from| (0..20).map(move |it| from + it * 300))
                .collect(),
            trends,
            memory_limit: None,
            to_limit: None,
        }
    }

    #[test]
    fn what_is_known_is_drawn_and_can_be_read() {
        let memory = |it: usize| Some(200e6 + 1e6 * it as f64);
        let all = vec![
            trend(Metric::Memory, "target memory", memory),
            trend(Metric::P50, "p50", |it| (it != 7).then_some(20.0)),
            trend(Metric::P99, "p99", |_| Some(90.0)),
            trend(Metric::EventLoopDelay, "event-loop delay", |_| Some(12.0)),
        ];
        let soaks = [soak(all.clone()), soak(vec![all[1].clone()])];
        for (soak, width) in soaks.iter().flat_map(|it| [(it, Width::Wide), (it, Width::Narrow)]) {
            let svg = figure(soak).svg(width, Theme::System).unwrap();
            let document = roxmltree::Document::parse(&svg).unwrap();
            check_accessible(&document);
            check_inside(&document, width.name());
            assert!(svg.contains(">\np50\n"), "the legend names it");
            assert!(!svg.contains("NaN") && svg.contains("polygon"), "{svg}");
        }
        assert!(figure(&soaks[0]).text.contains("p99 grows by 1 %/h (−1 %/h to 2 %/h)"));
    }

    #[test]
    fn nothing_known_is_no_chart() {
        let unseen = trend(Metric::Memory, "target memory", |_| None);
        assert_eq!(figure(&soak(vec![unseen])).svg(Width::Wide, Theme::Light), None);
        let nothing = SoakAssessment { parts: Vec::new(), ..soak(Vec::new()) };
        assert_eq!(figure(&nothing).svg(Width::Wide, Theme::Light), None);
    }
}
