//! Title and legend, above what is drawn, so that they never cover data.

use std::borrow::Cow;

use super::Width;
use super::canvas::{Align, Canvas, Lettering};
use super::hatch;
use super::palette::{Hatch, StrokeStyle};

/// What stands for a series in the legend.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) enum Sign {
    Line(StrokeStyle, u32),
    Area(StrokeStyle),
    Hatched(StrokeStyle, Hatch),
    Dot(StrokeStyle),
    Diamond(StrokeStyle),
    Square(StrokeStyle),
    Tick(StrokeStyle),
}

/// One entry of the legend.
pub(in crate::report) struct Key {
    pub(in crate::report) sign: Sign,
    pub(in crate::report) text: Cow<'static, str>,
}

/// Title and legend with every place worked out.
pub(in crate::report) struct Header {
    title: &'static str,
    keys: Vec<(Key, (i32, i32))>,
    height: i32,
}

const MARGIN: i32 = 14;
const TITLE_AT: i32 = 22;
const FIRST_ROW: i32 = 50;
const ROW: i32 = 20;
const SIGN: i32 = 26;
const GAP: i32 = 18;
const LETTERING: Lettering =
    Lettering { size: 13, stroke_style: StrokeStyle::TEXT, align: Align::Start, bold: false };

impl Header {
    /// Entries in rows that fit the width.
    pub(in crate::report) fn new(title: &'static str, keys: Vec<Key>, width: Width) -> Header {
        let (mut x, mut y) = (MARGIN, FIRST_ROW);
        let mut placed = Vec::new();
        for key in keys {
            let taken = SIGN + 6 + LETTERING.width(&key.text);
            if x > MARGIN && x + taken > width.pixels() - MARGIN {
                (x, y) = (MARGIN, y + ROW);
            }
            placed.push((key, (x, y)));
            x += taken + GAP;
        }
        let height = if placed.is_empty() { FIRST_ROW - ROW / 2 } else { y + ROW };
        Header { title, keys: placed, height }
    }

    /// The first pixel below.
    pub(in crate::report) fn height(&self) -> i32 {
        self.height
    }

    /// Draws title and legend.
    pub(in crate::report) fn draw(&self, canvas: &Canvas) {
        canvas.text(self.title, (MARGIN, TITLE_AT), Lettering::TITLE);
        for (key, (x, y)) in &self.keys {
            sign(canvas, key.sign, (*x, *y));
            canvas.text(&key.text, (x + SIGN + 6, *y), LETTERING);
        }
    }
}

fn sign(canvas: &Canvas, sign: Sign, (x, y): (i32, i32)) {
    let middle = (x + SIGN / 2, y);
    match sign {
        Sign::Line(stroke_style, width) => {
            canvas.line(vec![(x, y), (x + SIGN, y)], stroke_style, width);
        }
        Sign::Area(stroke_style) => canvas.rect((x + 6, y - 6), (x + SIGN, y + 6), stroke_style),
        Sign::Hatched(stroke_style, hatch) => {
            let corners = ((x + 6, y - 6), (x + SIGN, y + 6));
            canvas.rect(corners.0, corners.1, stroke_style);
            hatch::draw(canvas, &[corners], hatch);
        }
        Sign::Dot(stroke_style) => canvas.dot(middle, 5, stroke_style),
        Sign::Diamond(stroke_style) => canvas.diamond(middle, 6, stroke_style),
        Sign::Square(stroke_style) => {
            canvas.rect((middle.0 - 4, y - 4), (middle.0 + 4, y + 4), stroke_style);
        }
        Sign::Tick(stroke_style) => {
            canvas.line(vec![(middle.0, y - 7), (middle.0, y + 7)], stroke_style, 3);
        }
    }
}
