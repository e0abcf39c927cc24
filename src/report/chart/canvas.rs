//! Lines, areas and texts in pixels; the only file that draws with plotters.
//!
//! Shapes come in with an ink, an SVG with placeholder colours goes out. Text widths
//! are estimates, on the wide side, as the reader's font is not known.

use plotters::coord::Shift;
use plotters::prelude::{
    Circle, DrawingArea, IntoDrawingArea, PathElement, Polygon, Rectangle, SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontFamily, FontStyle, ShapeStyle, TextStyle};

use super::palette::StrokeStyle;
use crate::report::plain;

/// A place in pixels from the upper left corner.
pub(in crate::report) type Point = (i32, i32);

/// Writing to a text cannot fail, and nothing else can go wrong in the SVG backend.
const DRAWN: &str = "an SVG in memory can always be drawn";

/// What is drawn on.
pub(in crate::report) struct Canvas<'a> {
    root: DrawingArea<SVGBackend<'a>, Shift>,
}

/// Draws an SVG of the given size.
pub(in crate::report) fn drawn((width, height): Point, draw: impl FnOnce(&Canvas)) -> String {
    let mut svg = String::new();
    let size = (width.unsigned_abs(), height.unsigned_abs());
    let canvas = Canvas { root: SVGBackend::with_string(&mut svg, size).into_drawing_area() };
    canvas.rect((0, 0), (width, height), StrokeStyle::BACKGROUND);
    draw(&canvas);
    canvas.root.present().expect(DRAWN);
    drop(canvas);
    svg
}

/// How a text is written.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Lettering {
    pub(in crate::report) size: i32,
    pub(in crate::report) stroke_style: StrokeStyle,
    pub(in crate::report) align: Align,
    pub(in crate::report) bold: bool,
}

/// Which end of a text its place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Align {
    Start,
    Middle,
    End,
}

impl Lettering {
    /// Figures at an axis and the like.
    pub(in crate::report) const SMALL: Lettering =
        Lettering { size: 12, stroke_style: StrokeStyle::MUTED, align: Align::Start, bold: false };
    /// What is read first.
    pub(in crate::report) const TITLE: Lettering =
        Lettering { size: 16, stroke_style: StrokeStyle::TEXT, align: Align::Start, bold: true };

    pub(in crate::report) fn aligned(self, align: Align) -> Lettering {
        Lettering { align, ..self }
    }

    pub(in crate::report) fn inked(self, stroke_style: StrokeStyle) -> Lettering {
        Lettering { stroke_style, ..self }
    }

    /// The estimated width of a text, in pixels.
    pub(in crate::report) fn width(self, text: &str) -> i32 {
        let share = if self.bold { 0.66 } else { 0.6 };
        (plain::width(text) as f64 * f64::from(self.size) * share).ceil() as i32
    }

    /// The text, shortened to a width in pixels.
    pub(in crate::report) fn fitted(self, text: &str, width: i32) -> String {
        let letter = f64::from(self.width("x"));
        plain::shortened(text, (f64::from(width) / letter).floor().max(2.0) as usize)
    }
}

impl Canvas<'_> {
    pub(in crate::report) fn line(
        &self,
        points: Vec<Point>,
        stroke_style: StrokeStyle,
        width: u32,
    ) {
        let path = PathElement::new(points, stroke(stroke_style, width));
        self.root.draw(&path).expect(DRAWN);
    }

    /// A filled outline; `opacity` in [0, 1].
    pub(in crate::report) fn area(
        &self,
        outline: Vec<Point>,
        stroke_style: StrokeStyle,
        opacity: f64,
    ) {
        let area = Polygon::new(outline, stroke_style.placeholder().mix(opacity));
        self.root.draw(&area).expect(DRAWN);
    }

    pub(in crate::report) fn rect(&self, from: Point, to: Point, stroke_style: StrokeStyle) {
        let rect = Rectangle::new([from, to], stroke_style.placeholder().filled());
        self.root.draw(&rect).expect(DRAWN);
    }

    pub(in crate::report) fn dot(&self, at: Point, radius: i32, stroke_style: StrokeStyle) {
        let dot = Circle::new(at, radius, stroke_style.placeholder().filled());
        self.root.draw(&dot).expect(DRAWN);
    }

    /// A square on its corner, told from a dot without colour.
    pub(in crate::report) fn diamond(&self, (x, y): Point, radius: i32, stroke_style: StrokeStyle) {
        let outline = vec![(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)];
        self.area(outline, stroke_style, 1.0);
    }

    /// A text whose height is centred on its place.
    pub(in crate::report) fn text(&self, text: &str, at: Point, lettering: Lettering) {
        let align = match lettering.align {
            Align::Start => HPos::Left,
            Align::Middle => HPos::Center,
            Align::End => HPos::Right,
        };
        let weight = if lettering.bold { FontStyle::Bold } else { FontStyle::Normal };
        // The backend divides the size by 1.24.
        let size = f64::from(lettering.size) * 1.24;
        let font: TextStyle = (FontFamily::SansSerif, size, weight).into();
        let colour = lettering.stroke_style.placeholder();
        let style = font.color(&colour).pos(Pos::new(align, VPos::Center));
        self.root.draw(&Text::new(text.to_owned(), at, style)).expect(DRAWN);
    }
}

fn stroke(stroke_style: StrokeStyle, width: u32) -> ShapeStyle {
    stroke_style.placeholder().stroke_width(width)
}
