//! One pair of axes with its grid, and what is drawn between them.

use super::axis::{Axis, Tick};
use super::canvas::{Align, Canvas, Lettering, Point};
use super::palette::StrokeStyle;

/// The pixels between the axes.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Frame {
    pub(in crate::report) left: i32,
    pub(in crate::report) right: i32,
    pub(in crate::report) top: i32,
    pub(in crate::report) bottom: i32,
}

/// Room above a frame for the titles of its vertical axes.
pub(in crate::report) const ABOVE: i32 = 30;
/// Room below a frame for ticks and title of its horizontal axis.
pub(in crate::report) const BELOW: i32 = 48;
/// Room beside a frame for the ticks of a vertical axis.
pub(in crate::report) const BESIDE: i32 = 58;
/// Room beside a frame without an axis there.
pub(in crate::report) const EDGE: i32 = 24;

/// With so few points each gets a dot.
const FEW_POINTS: usize = 12;

/// Two axes in a frame.
pub(in crate::report) struct Panel<'a, 'c> {
    pub(in crate::report) canvas: &'a Canvas<'c>,
    pub(in crate::report) frame: Frame,
    pub(in crate::report) x: &'a Axis,
    pub(in crate::report) y: &'a Axis,
}

impl Panel<'_, '_> {
    /// Where a pair of values is.
    pub(in crate::report) fn at(&self, x: f64, y: f64) -> Point {
        let Frame { left, right, top, bottom } = self.frame;
        (between(left, right, self.x.position(x)), between(bottom, top, self.y.position(y)))
    }

    /// Shades a stretch of the horizontal axis.
    pub(in crate::report) fn shade(&self, from: f64, to: f64) {
        let ((left, _), (right, _)) = (self.at(from, 0.0), self.at(to, 0.0));
        self.canvas.rect((left, self.frame.top), (right, self.frame.bottom), StrokeStyle::SHADE);
    }

    /// Grid, ticks and title of the vertical axis on the left.
    pub(in crate::report) fn left_axis(&self) {
        let Frame { left, right, top, .. } = self.frame;
        let lettering = Lettering::SMALL.aligned(Align::End);
        for (tick, y) in self.vertical_ticks() {
            self.canvas.line(vec![(left, y), (right, y)], StrokeStyle::GRID, 1);
            self.canvas.text(&tick.text, (left - 7, y), lettering);
        }
        self.canvas.text(&self.y.title, (14, top - 17), Lettering::SMALL);
    }

    /// Ticks and title of the vertical axis on the right.
    pub(in crate::report) fn right_axis(&self) {
        let Frame { right, top, .. } = self.frame;
        for (tick, y) in self.vertical_ticks() {
            self.canvas.line(vec![(right, y), (right + 4, y)], StrokeStyle::AXIS, 1);
            self.canvas.text(&tick.text, (right + 8, y), Lettering::SMALL);
        }
        let end = (right + BESIDE - 14, top - 17);
        self.canvas.text(&self.y.title, end, Lettering::SMALL.aligned(Align::End));
    }

    fn vertical_ticks(&self) -> impl Iterator<Item = (&Tick, i32)> {
        let position = |value| between(self.frame.bottom, self.frame.top, self.y.position(value));
        self.y.ticks.iter().map(move |tick| (tick, position(tick.value)))
    }

    /// The line at the bottom, with ticks; labels that would touch are left out.
    pub(in crate::report) fn bottom_axis(&self) {
        self.horizontal_axis(self.frame.bottom, 1);
    }

    /// The same at the top, for frames so high that the bottom is out of sight.
    pub(in crate::report) fn top_axis(&self) {
        self.horizontal_axis(self.frame.top, -1);
    }

    /// `outwards` is 1 for labels below the line and -1 for labels above it.
    fn horizontal_axis(&self, y: i32, outwards: i32) {
        let Frame { left, right, .. } = self.frame;
        self.canvas.line(vec![(left, y), (right, y)], StrokeStyle::AXIS, 1);
        let lettering = Lettering::SMALL.aligned(Align::Middle);
        let mut free_from = 0;
        for tick in &self.x.ticks {
            let x = between(left, right, self.x.position(tick.value));
            self.canvas.line(vec![(x, y), (x, y + 5 * outwards)], StrokeStyle::AXIS, 1);
            let half = lettering.width(&tick.text) / 2;
            if x - half >= free_from {
                self.canvas.text(&tick.text, (x, y + 15 * outwards), lettering);
                free_from = x + half + 8;
            }
        }
    }

    /// What the horizontal axis measures, in the middle below it.
    pub(in crate::report) fn bottom_title(&self) {
        let middle = i32::midpoint(self.frame.left, self.frame.right);
        let lettering = Lettering::SMALL.aligned(Align::Middle);
        self.canvas.text(&self.x.title, (middle, self.frame.bottom + 35), lettering);
    }

    /// Vertical grid lines at the ticks of the horizontal axis.
    pub(in crate::report) fn vertical_grid(&self) {
        let Frame { left, right, top, bottom } = self.frame;
        for tick in &self.x.ticks {
            let x = between(left, right, self.x.position(tick.value));
            self.canvas.line(vec![(x, top), (x, bottom)], StrokeStyle::GRID, 1);
        }
    }

    /// A line through the points; it breaks where there is no finite value.
    pub(in crate::report) fn curve(
        &self,
        points: &[(f64, Option<f64>)],
        stroke_style: StrokeStyle,
        width: u32,
    ) {
        let known = |y: &Option<f64>| y.filter(|y| y.is_finite());
        for run in points.split(|(_, y)| known(y).is_none()) {
            let path: Vec<Point> =
                run.iter().filter_map(|(x, y)| known(y).map(|y| self.at(*x, y))).collect();
            let dotted = path.len() == 1 || points.len() <= FEW_POINTS;
            for dot in path.iter().filter(|_| dotted) {
                self.canvas.dot(*dot, 2 + i32::from(width > 2), stroke_style);
            }
            if path.len() > 1 {
                self.canvas.line(path, stroke_style, width);
            }
        }
    }

    /// A text in place of what could not be drawn.
    pub(in crate::report) fn message(&self, text: &str) {
        let Frame { left, right, top, bottom } = self.frame;
        let lettering = Lettering { size: 14, align: Align::Middle, ..Lettering::SMALL };
        let middle = (i32::midpoint(left, right), i32::midpoint(top, bottom));
        self.canvas.text(&lettering.fitted(text, right - left), middle, lettering);
    }
}

/// What so many things of one size take.
pub(in crate::report) fn pixels(number: usize, each: i32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX).saturating_mul(each)
}

/// The pixel at a share of the way.
pub(in crate::report) fn between(from: i32, to: i32, share: f64) -> i32 {
    (f64::from(from) + f64::from(to - from) * share).round() as i32
}
