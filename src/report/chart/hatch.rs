//! Thin lines over an area, so that areas of like lightness are told apart without colours.
//!
//! Columns with their edges come in, lines go out to the canvas. Which thing has which hatch,
//! `palette` knows.

use super::canvas::{Canvas, Point};
use super::palette::{Hatch, StrokeStyle};

/// Between two lines, in pixels.
const GAP: i32 = 6;

/// A part of an area that is equally high everywhere: its corners at the top left and at the
/// bottom right.
pub(in crate::report) type Column = (Point, Point);

/// Draws the lines over columns that stand beside each other.
pub(in crate::report) fn draw(canvas: &Canvas, columns: &[Column], hatch: Hatch) {
    let line = |from, to| canvas.line(vec![from, to], StrokeStyle::BACKGROUND, 1);
    if matches!(hatch, Hatch::Upright | Hatch::Both) {
        for &((left, top), (right, bottom)) in columns.iter().filter(|it| it.0.1 < it.1.1) {
            for x in lines(left, right) {
                line((x, top), (x, bottom));
            }
        }
    }
    if matches!(hatch, Hatch::Level | Hatch::Both) {
        let top = columns.iter().map(|it| it.0.1).min().unwrap_or(0);
        let bottom = columns.iter().map(|it| it.1.1).max().unwrap_or(0);
        for y in lines(top, bottom) {
            for (from, to) in stretches(columns, y) {
                line((from, y), (to, y));
            }
        }
    }
}

/// The places of lines on a grid of the whole chart.
fn lines(from: i32, to: i32) -> impl Iterator<Item = i32> {
    (from..to).filter(|index| index % GAP == 0)
}

/// Where columns are at a height, from left to right; those that touch are one.
fn stretches(columns: &[Column], y: i32) -> Vec<(i32, i32)> {
    let mut found: Vec<(i32, i32)> = Vec::new();
    for &((left, top), (right, bottom)) in columns {
        if !(top..bottom).contains(&y) {
            continue;
        }
        match found.last_mut().filter(|last| last.1 >= left) {
            Some(last) => last.1 = right,
            None => found.push((left, right)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_touch_have_one_line() {
        let columns =
            [((0, 10), (5, 40)), ((5, 20), (9, 40)), ((9, 40), (12, 40)), ((12, 0), (20, 40))];
        assert_eq!(stretches(&columns, 30), [(0, 9), (12, 20)]);
        assert_eq!(stretches(&columns, 12), [(0, 5), (12, 20)]);
        assert_eq!(stretches(&columns, 40), []);
        assert_eq!(lines(5, 19).collect::<Vec<_>>(), [6, 12, 18]);
    }
}
