//! Demand against capacity: the peak as it grows, what the instances may serve as a band from
//! the low end of their capacity to its high end, and the days on which the one meets the other.

use super::axis::{Axis, Tick};
use super::canvas::{Canvas, drawn};
use super::header::{Header, Key, Sign};
use super::palette::StrokeStyle;
use super::panel::{ABOVE, BELOW, BESIDE, EDGE, Frame, Panel};
use super::{Figure, Width};
use crate::analysis::capacity_plan::{Day, End, Plan};
use crate::report::figures;

const HEIGHT: i32 = 280;
const TITLE: &str = "Demand against capacity";
/// How much of what is behind the band can be seen.
const OPACITY: f64 = 0.35;

/// The chart, to be drawn when it is needed.
pub(in crate::report) fn figure(plan: &Plan) -> Figure<'_> {
    Figure::new(("demand", TITLE), &description(plan), move |width| draw(plan, width))
}

fn draw(plan: &Plan, width: Width) -> Option<String> {
    let course = &plan.course;
    if course.demand.is_empty() {
        return None;
    }
    let x = Axis::of_ticks("first of the month", (0.0, course.days), ticks(plan, width.ticks()));
    let rates = course.demand.iter().map(|(_, rate)| *rate);
    let rates = rates.chain([plan.usable.low]).chain(plan.usable.high);
    let y = Axis::amount("requests per second at the peak", rates, 6);
    let header = Header::new(TITLE, keys(plan), width);
    let top = header.height() + ABOVE;
    let frame = Frame { left: BESIDE, right: width.pixels() - EDGE, top, bottom: top + HEIGHT };
    let svg = drawn((width.pixels(), frame.bottom + BELOW), |canvas| {
        header.draw(canvas);
        let panel = Panel { canvas, frame, x: &x, y: &y };
        panel.left_axis();
        draw_usable(&panel, plan);
        let demand: Vec<_> = course.demand.iter().map(|(day, rate)| (*day, Some(*rate))).collect();
        panel.curve(&demand, StrokeStyle::DEMAND, 4);
        for (day, rate) in ends(plan) {
            mark(canvas, &panel, day.days, rate);
        }
        panel.bottom_axis();
        panel.bottom_title();
    });
    Some(svg)
}

/// As many months as there is room for.
fn ticks(plan: &Plan, most: usize) -> Vec<Tick> {
    let months = &plan.course.months;
    let every = months.len().div_ceil(most.max(1)).max(1);
    let shown = months.iter().step_by(every);
    shown.map(|(day, month)| Tick { value: *day, text: month.clone() }).collect()
}

/// A band, or a line where only its low end is known.
fn draw_usable(panel: &Panel, plan: &Plan) {
    let (from, to) = (0.0, plan.course.days);
    let low = plan.usable.low;
    if let Some(high) = plan.usable.high {
        let outline = [(from, low), (to, low), (to, high), (from, high)];
        let outline = outline.map(|(day, rate)| panel.at(day, rate)).to_vec();
        panel.canvas.area(outline, StrokeStyle::USABLE, OPACITY);
        panel.canvas.line(vec![panel.at(from, high), panel.at(to, high)], StrokeStyle::USABLE, 2);
    }
    panel.canvas.line(vec![panel.at(from, low), panel.at(to, low)], StrokeStyle::USABLE, 2);
}

/// The days on which demand meets what may be served, each with that rate.
fn ends(plan: &Plan) -> Vec<(&Day, f64)> {
    let End::Between { earliest, latest } = &plan.end else { return Vec::new() };
    let at_low = earliest.as_ref().map(|day| (day, plan.usable.low.max(plan.peak)));
    let at_high = latest.as_ref().zip(plan.usable.high);
    let shown = |(day, _): &(&Day, f64)| day.days <= plan.course.days;
    at_low.into_iter().chain(at_high).filter(shown).collect()
}

fn mark(canvas: &Canvas, panel: &Panel, day: f64, rate: f64) {
    let (x, y) = panel.at(day, rate);
    canvas.line(vec![(x, y), (x, panel.frame.bottom)], StrokeStyle::LIMIT, 1);
    canvas.diamond((x, y), 6, StrokeStyle::LIMIT_TICK);
}

fn keys(plan: &Plan) -> Vec<Key> {
    let mut keys = vec![
        Key { sign: Sign::Line(StrokeStyle::DEMAND, 4), text: "demand".into() },
        Key {
            sign: Sign::Area(StrokeStyle::USABLE),
            text: format!("what may be served (up to {})", figures::share(plan.ceiling)).into(),
        },
    ];
    if !ends(plan).is_empty() {
        keys.push(Key {
            sign: Sign::Diamond(StrokeStyle::LIMIT_TICK),
            text: "the headroom ends: earliest, latest".into(),
        });
    }
    keys
}

fn description(plan: &Plan) -> String {
    let usable = match plan.usable.high {
        Some(high) => format!("{} to {}", figures::number(plan.usable.low), figures::rate(high)),
        None => format!("at least {}", figures::rate(plan.usable.low)),
    };
    let ends = ends(plan);
    let days: Vec<&str> = ends.iter().map(|(day, _)| day.date.as_str()).collect();
    let meets = match days.as_slice() {
        [] => String::new(),
        [day] => format!(" They meet on {day} at the earliest."),
        [first, .., last] => format!(" They meet between {first} and {last}."),
    };
    format!(
        "A peak of {} on {} that grows by {}, against {usable} that may be served.{meets}",
        figures::rate(plan.peak),
        plan.today,
        plan.growth,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::Theme;
    use crate::report::samples::plans;

    #[test]
    fn demand_band_and_both_days_are_drawn_and_told() {
        let plan = plans::normal();
        let svg = figure(&plan).svg(Width::Wide, Theme::System).unwrap();
        assert!(svg.contains("They meet between 2026-04-14 and 2026-05-13."), "{svg}");
        let document = roxmltree::Document::parse(&svg).unwrap();
        let count = |name: &str| {
            document.descendants().filter(|node| node.tag_name().name() == name).count()
        };
        // A band, two days, and the legend's diamond.
        assert_eq!(count("polygon"), 4, "{svg}");
        let texts = document.descendants().filter_map(|node| node.text());
        assert!(texts.map(str::trim).any(|text| text == "2026-05"), "{svg}");
    }

    #[test]
    fn odd_plans_are_no_trouble() {
        for (name, plan) in plans::all() {
            for (width, theme) in [(Width::Wide, Theme::Light), (Width::Narrow, Theme::Dark)] {
                let svg = figure(&plan).svg(width, theme).unwrap();
                assert!(roxmltree::Document::parse(&svg).is_ok(), "{name}");
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
            }
        }
    }
}
