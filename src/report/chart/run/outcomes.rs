//! How requests ended: all of them stacked, and below what did not end well on a scale
//! of its own, as one failure in a thousand is nothing to see beside the rest.

use super::Chart;
use super::response::{draw_not_judged, end, not_judged_key, time_axis};
use crate::analysis::assessment::{Assessment, Timeline};
use crate::record::outcome::Outcome;
use crate::report::chart::Width;
use crate::report::chart::axis::Axis;
use crate::report::chart::canvas::{Point, drawn};
use crate::report::chart::hatch::{self, Column};
use crate::report::chart::header::{Header, Key, Sign};
use crate::report::chart::palette::{Hatch, StrokeStyle};
use crate::report::chart::panel::{ABOVE, BELOW, BESIDE, EDGE, Frame, Panel, pixels};

const HEIGHT: i32 = 190;
const SMALL_HEIGHT: i32 = 130;
/// Up to so many bins a thin line parts the areas; more would hide narrow ones.
const PARTED_BINS: usize = 120;

/// The outcomes of one panel, from the bottom up, with its title and height.
struct Stack {
    title: &'static str,
    outcomes: Vec<Outcome>,
    height: i32,
}

pub(super) fn draw(assessment: &Assessment, width: Width) -> Option<String> {
    let timeline = &assessment.timeline;
    let x = time_axis(timeline, width)?;
    let occurred = occurred(timeline);
    let header = header(assessment, &occurred, width);
    let stacks = stacks(occurred);
    let taken: i32 = stacks.iter().map(|stack| ABOVE + stack.height).sum();
    let gaps = pixels(stacks.len() - 1, ABOVE);
    let svg = drawn((width.pixels(), header.height() + taken + gaps + BELOW), |canvas| {
        header.draw(canvas);
        let mut top = header.height() + ABOVE;
        for (index, stack) in stacks.iter().enumerate() {
            let right = width.pixels() - EDGE;
            let frame = Frame { left: BESIDE, right, top, bottom: top + stack.height };
            let y = Axis::amount(stack.title, sums(timeline, &stack.outcomes), 5);
            let panel = Panel { canvas, frame, x: &x, y: &y };
            draw_not_judged(&panel, assessment);
            panel.left_axis();
            draw_stack(&panel, timeline, &stack.outcomes);
            panel.bottom_axis();
            if index + 1 == stacks.len() {
                panel.bottom_title();
            }
            top = frame.bottom + 2 * ABOVE;
        }
    });
    Some(svg)
}

fn occurred(timeline: &Timeline) -> Vec<Outcome> {
    let seen = |outcome: &Outcome| rates(timeline, *outcome).iter().any(|rate| *rate > 0.0);
    Outcome::ALL.into_iter().filter(seen).collect()
}

fn rates(timeline: &Timeline, outcome: Outcome) -> &[f64] {
    timeline.outcomes.get(outcome.index()).map_or(&[], Vec::as_slice)
}

fn stacks(occurred: Vec<Outcome>) -> Vec<Stack> {
    let not_ok: Vec<Outcome> =
        occurred.iter().copied().filter(|outcome| *outcome != Outcome::Ok).collect();
    let magnified = !not_ok.is_empty() && not_ok.len() < occurred.len();
    let all = Stack { title: "requests per second, stacked", outcomes: occurred, height: HEIGHT };
    let rest = Stack {
        title: "the same without ok, on a scale of its own",
        outcomes: not_ok,
        height: SMALL_HEIGHT,
    };
    if magnified { vec![all, rest] } else { vec![all] }
}

fn header(assessment: &Assessment, occurred: &[Outcome], width: Width) -> Header {
    let areas = occurred.iter().map(|outcome| Key {
        sign: Sign::Hatched(StrokeStyle::outcome(*outcome), Hatch::of(*outcome)),
        text: outcome.name().into(),
    });
    let mut keys: Vec<Key> = areas.collect();
    keys.extend(not_judged_key(assessment));
    Header::new(Chart::Outcomes.title(), keys, width)
}

/// A rate that can be stacked.
fn rate(timeline: &Timeline, outcome: Outcome, bin: usize) -> f64 {
    let rate = rates(timeline, outcome).get(bin).copied().unwrap_or(0.0);
    if rate.is_finite() { rate.max(0.0) } else { 0.0 }
}

/// How high the stack is at each bin.
fn sums(timeline: &Timeline, outcomes: &[Outcome]) -> Vec<f64> {
    let sum = |bin| outcomes.iter().map(|outcome| rate(timeline, *outcome, bin)).sum();
    (0..timeline.starts.len()).map(sum).collect()
}

fn draw_stack(panel: &Panel, timeline: &Timeline, outcomes: &[Outcome]) {
    let mut below = vec![0.0; timeline.starts.len()];
    for outcome in outcomes {
        let bins = below.iter().enumerate();
        let above: Vec<f64> =
            bins.map(|(bin, below)| below + rate(timeline, *outcome, bin)).collect();
        let lower = edge(panel, timeline, &below);
        let upper = edge(panel, timeline, &above);
        let columns = columns(&upper, &lower);
        let outline = upper.into_iter().chain(lower.iter().rev().copied()).collect();
        panel.canvas.area(outline, StrokeStyle::outcome(*outcome), 1.0);
        hatch::draw(panel.canvas, &columns, Hatch::of(*outcome));
        if timeline.starts.len() <= PARTED_BINS {
            panel.canvas.line(lower, StrokeStyle::BACKGROUND, 1);
        }
        below = above;
    }
    if outcomes.is_empty() {
        panel.message("no requests");
    }
}

/// What lies between two edges, bin by bin.
fn columns(upper: &[Point], lower: &[Point]) -> Vec<Column> {
    let ends = upper.chunks_exact(2).zip(lower.chunks_exact(2));
    ends.map(|(upper, lower)| (upper[0], lower[1])).collect()
}

/// The upper edge of an area: a level stretch for each bin.
fn edge(panel: &Panel, timeline: &Timeline, heights: &[f64]) -> Vec<Point> {
    let stretch = |(bin, height): (usize, &f64)| {
        let start = f64::from(timeline.starts[bin]);
        [panel.at(start, *height), panel.at(end(timeline, bin), *height)]
    };
    heights.iter().enumerate().flat_map(stretch).collect()
}
