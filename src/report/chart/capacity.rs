//! A search for capacity: response times over the rates that were tried, and below them what was
//! answered as expected, with the capacity between its bounds.
//!
//! A rate within the objectives is a dot, one beyond them a diamond, one whose trials disagree a
//! square.

use std::fmt::Write as _;

use super::axis::Axis;
use super::canvas::{Canvas, Point as Spot, drawn};
use super::header::{Header, Key, Sign};
use super::palette::StrokeStyle;
use super::panel::{ABOVE, BELOW, BESIDE, EDGE, Frame, Panel};
use super::{Figure, Width};
use crate::analysis::capacity::messages::load;
use crate::analysis::capacity::points::{Point, curve};
use crate::record::capacity::{CapacityFile, FoundCapacity};
use crate::record::load_unit::LoadUnit;
use crate::report::figures;

const TIMES: i32 = 240;
const GOODPUT: i32 = 150;
/// Rates that are beyond the capacity by more are left out: they would press the rest together.
const FAR: f64 = 2.2;
/// p50, p95, p99: ink and weight.
const SERIES: [(&str, StrokeStyle, u32); 3] =
    [("p50", StrokeStyle::P50, 2), ("p95", StrokeStyle::P95, 2), ("p99", StrokeStyle::P99, 4)];

/// What is drawn, and in what its loads are counted.
#[derive(Debug, Clone, Copy)]
struct Course<'a> {
    points: &'a [Point],
    found: &'a FoundCapacity,
    unit: LoadUnit,
}

/// How the trials of a rate came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Within,
    Beyond,
    Both,
}

/// The chart, to be drawn when it is needed.
pub(in crate::report) fn figure(file: &CapacityFile) -> Figure<'_> {
    let points = shown(file);
    let unit = file.asked.unit;
    let text = description(&Course { points: &points, found: &file.found, unit });
    Figure::new(("capacity", title(unit)), &text, move |width| {
        draw(&Course { points: &points, found: &file.found, unit }, width)
    })
}

fn title(unit: LoadUnit) -> &'static str {
    match unit {
        LoadUnit::Rate => "Response time and goodput by rate",
        LoadUnit::Users => "Response time and goodput by users",
    }
}

fn shown(file: &CapacityFile) -> Vec<Point> {
    let known = file.found.high.or(file.found.low);
    let far = known.map_or(f64::INFINITY, |rate| rate * FAR);
    curve(&file.trials).into_iter().filter(|point| point.rate <= far).collect()
}

fn draw(course: &Course<'_>, width: Width) -> Option<String> {
    let Course { points, found, unit } = *course;
    if points.is_empty() {
        return None;
    }
    let rates = points.iter().map(|point| point.rate).chain(found.high);
    let x = Axis::amount(axis_title(unit), rates, width.ticks());
    let times = points.iter().flat_map(|point| point.times).flatten();
    let time = Axis::millis("response time", times, 6);
    let offered = |point: &Point| (!unit.is_users()).then_some(point.rate);
    let served = points.iter().flat_map(|it| offered(it).into_iter().chain([it.goodput]));
    let goodput = Axis::amount("per second", served, 5);
    let header = Header::new(title(unit), keys(course), width);
    let (left, right) = (BESIDE, width.pixels() - EDGE);
    let top = header.height() + ABOVE;
    let upper = Frame { left, right, top, bottom: top + TIMES };
    let top = upper.bottom + 2 * ABOVE;
    let lower = Frame { left, right, top, bottom: top + GOODPUT };
    let svg = drawn((width.pixels(), lower.bottom + BELOW), |canvas| {
        header.draw(canvas);
        draw_times(&Panel { canvas, frame: upper, x: &x, y: &time }, points, found);
        draw_goodput(&Panel { canvas, frame: lower, x: &x, y: &goodput }, course);
    });
    Some(svg)
}

fn draw_times(panel: &Panel, points: &[Point], found: &FoundCapacity) {
    draw_bounds(panel, found);
    panel.left_axis();
    for (index, (_, stroke_style, weight)) in SERIES.into_iter().enumerate() {
        let line: Vec<(f64, Option<f64>)> =
            points.iter().map(|point| (point.rate, point.times[index])).collect();
        panel.curve(&line, stroke_style, weight);
    }
    if let Some((low, p99)) = knee(points, found) {
        panel.canvas.diamond(panel.at(low, p99), 7, StrokeStyle::LIMIT_TICK);
    }
    panel.bottom_axis();
}

fn draw_goodput(panel: &Panel, course: &Course<'_>) {
    let Course { points, found, unit } = *course;
    draw_bounds(panel, found);
    panel.left_axis();
    // What users ask for depends on the answers.
    if !unit.is_users() {
        let path = points.iter().map(|point| panel.at(point.rate, point.rate)).collect();
        panel.canvas.line(path, StrokeStyle::OFFERED, 2);
    }
    let path = points.iter().map(|point| panel.at(point.rate, point.goodput)).collect();
    panel.canvas.line(path, StrokeStyle::COMPLETED, 2);
    for point in points {
        mark(panel.canvas, panel.at(point.rate, point.goodput), Mark::of(point));
    }
    panel.bottom_axis();
    panel.bottom_title();
}

/// The capacity lies in the shade.
fn draw_bounds(panel: &Panel, found: &FoundCapacity) {
    if let (Some(low), Some(high)) = (found.low, found.high) {
        panel.shade(low, high);
    }
    let (top, bottom) = (panel.frame.top, panel.frame.bottom);
    for bound in [found.low, found.high].into_iter().flatten() {
        let (x, _) = panel.at(bound, 0.0);
        panel.canvas.line(vec![(x, top), (x, bottom)], StrokeStyle::LIMIT, 1);
    }
}

/// The highest rate within the objectives, and its p99.
fn knee(points: &[Point], found: &FoundCapacity) -> Option<(f64, f64)> {
    let low = found.low?;
    let point = points.iter().find(|point| point.rate.total_cmp(&low).is_eq())?;
    Some((low, point.times[2]?))
}

impl Mark {
    fn of(point: &Point) -> Mark {
        match point.good {
            0 => Mark::Beyond,
            good if good == point.trials => Mark::Within,
            _ => Mark::Both,
        }
    }

    fn sign(self) -> Sign {
        match self {
            Mark::Within => Sign::Dot(StrokeStyle::PASSED),
            Mark::Beyond => Sign::Diamond(StrokeStyle::REGRESSED),
            Mark::Both => Sign::Square(StrokeStyle::UNDECIDED),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Mark::Within => "within the objectives",
            Mark::Beyond => "beyond them",
            Mark::Both => "trials disagree",
        }
    }
}

fn mark(canvas: &Canvas, (x, y): Spot, mark: Mark) {
    match mark {
        Mark::Within => canvas.dot((x, y), 5, StrokeStyle::PASSED),
        Mark::Beyond => canvas.diamond((x, y), 7, StrokeStyle::REGRESSED),
        Mark::Both => canvas.rect((x - 4, y - 4), (x + 4, y + 4), StrokeStyle::UNDECIDED),
    }
}

fn keys(course: &Course<'_>) -> Vec<Key> {
    let Course { points, found, unit } = *course;
    let lines = SERIES.into_iter();
    let mut keys: Vec<Key> = lines
        .map(|(name, stroke_style, weight)| Key {
            sign: Sign::Line(stroke_style, weight),
            text: name.into(),
        })
        .collect();
    if knee(points, found).is_some() {
        let text = match unit {
            LoadUnit::Rate => "the knee: the highest rate within the objectives",
            LoadUnit::Users => "the most users within the objectives",
        };
        keys.push(Key { sign: Sign::Diamond(StrokeStyle::LIMIT_TICK), text: text.into() });
    }
    if found.low.is_some() && found.high.is_some() {
        keys.push(Key { sign: Sign::Area(StrokeStyle::SHADE), text: "capacity".into() });
    }
    if !unit.is_users() {
        keys.push(Key { sign: Sign::Line(StrokeStyle::OFFERED, 2), text: "offered".into() });
    }
    keys.push(Key {
        sign: Sign::Line(StrokeStyle::COMPLETED, 2),
        text: "answered as expected".into(),
    });
    let marks = [Mark::Within, Mark::Beyond, Mark::Both].into_iter();
    let occurring = marks.filter(|mark| points.iter().any(|point| Mark::of(point) == *mark));
    keys.extend(occurring.map(|mark| Key { sign: mark.sign(), text: mark.name().into() }));
    keys
}

fn axis_title(unit: LoadUnit) -> &'static str {
    match unit {
        LoadUnit::Rate => "arrivals per second",
        LoadUnit::Users => "users who wait for answers",
    }
}

fn description(course: &Course<'_>) -> String {
    let Course { points, found, unit } = *course;
    let rates = match unit {
        LoadUnit::Rate => figures::counted(points.len(), "rate"),
        LoadUnit::Users => format!("{} of users", figures::counted(points.len(), "number")),
    };
    let mut text = format!("p50, p95 and p99 and what was answered as expected at {rates}.");
    if let Some(low) = found.low {
        let _ = write!(text, " Within the objectives up to {}.", load(low, unit));
    }
    if let Some(high) = found.high {
        let _ = write!(text, " Beyond them from {} on.", load(high, unit));
    }
    if let Some((_, p99)) = knee(points, found) {
        let _ = write!(text, " p99 at the knee is {}.", figures::millis(p99));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample_capacity::sample;
    use crate::report::chart::Theme;

    #[test]
    fn bounds_and_knee_are_drawn_and_told() {
        let file = sample();
        let svg = figure(&file).svg(Width::Wide, Theme::System).unwrap();
        assert!(svg.contains("Within the objectives up to 396/s."), "{svg}");
        assert!(svg.contains("p99 at the knee is 84.0 ms."), "{svg}");
        assert!(roxmltree::Document::parse(&svg).is_ok());
        let without = CapacityFile { found: FoundCapacity::default(), ..file };
        let svg = figure(&without).svg(Width::Narrow, Theme::Dark).unwrap();
        assert!(!svg.contains("the knee") && !svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn of_users_nobody_knows_what_was_offered() {
        let mut file = sample();
        file.asked.unit = LoadUnit::Users;
        let svg = figure(&file).svg(Width::Wide, Theme::System).unwrap();
        assert!(svg.contains("users who wait for answers"), "{svg}");
        assert!(!svg.contains(">offered<") && !svg.contains("396/s"), "{svg}");
    }

    #[test]
    fn without_trials_nothing_is_drawn_and_gross_overload_is_left_out() {
        let file = CapacityFile { trials: Vec::new(), ..sample() };
        assert_eq!(figure(&file).svg(Width::Wide, Theme::Light), None);
        let mut far = sample();
        far.trials[3].rate = 8_000.0;
        assert!(shown(&far).iter().all(|point| point.rate < 1_000.0));
    }
}
