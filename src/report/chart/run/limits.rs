//! The response-time limits of the objectives: lines, with labels beside the frame.

use crate::analysis::assessment::Assessment;
use crate::report::chart::canvas::Lettering;
use crate::report::chart::palette::StrokeStyle;
use crate::report::chart::panel::{Frame, Panel};
use crate::report::figures;
use crate::units::order;

/// Room for `p99.9 500 ms` to the right of a frame.
pub(super) const LABELS: i32 = 100;
/// Between the middles of two labels.
const LABEL_GAP: i32 = 15;

/// A limit for all requests.
pub(super) struct Limit {
    /// Which share of the requests must be faster, in [0, 1].
    pub(super) share: f64,
    /// The limit in milliseconds.
    pub(super) millis: f64,
    label: String,
}

/// The limits that hold for all requests and can be drawn.
pub(super) fn of_all(assessment: &Assessment) -> Vec<Limit> {
    let limits = assessment.total.limits.iter();
    let drawable =
        limits.filter(|(share, millis)| share.is_finite() && millis.is_finite() && *millis > 0.0);
    let labelled = drawable.map(|&(share, millis)| {
        let label = format!("{} {}", figures::quantile(share), figures::short_millis(millis));
        Limit { share, millis, label }
    });
    labelled.collect()
}

/// Draws each limit from the pixel that `from` says to the right edge.
pub(super) fn draw(panel: &Panel, limits: &[Limit], from: impl Fn(&Limit) -> i32) {
    let Frame { right, top, bottom, .. } = panel.frame;
    let height = |limit: &Limit| panel.at(0.0, limit.millis).1;
    let mut ordered: Vec<&Limit> = limits.iter().collect();
    order::by_key(&mut ordered, |limit| height(limit));
    let lines: Vec<i32> = ordered.iter().map(|limit| height(limit)).collect();
    let lettering = Lettering::SMALL.inked(StrokeStyle::LIMIT);
    for ((label, line), limit) in spread(&lines, top, bottom).into_iter().zip(&lines).zip(ordered) {
        panel.canvas.line(vec![(from(limit), *line), (right, *line)], StrokeStyle::LIMIT, 1);
        panel.canvas.line(vec![(right, *line), (right + 9, label)], StrokeStyle::AXIS, 1);
        panel.canvas.text(&limit.label, (right + 12, label), lettering);
    }
}

/// Ascending heights, moved apart until their labels do not touch.
fn spread(wanted: &[i32], top: i32, bottom: i32) -> Vec<i32> {
    let mut placed: Vec<i32> = Vec::new();
    for &y in wanted {
        placed.push(placed.last().map_or(y, |last| y.max(last + LABEL_GAP)).max(top));
    }
    let mut floor = bottom;
    for y in placed.iter_mut().rev() {
        *y = (*y).min(floor);
        floor = *y - LABEL_GAP;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_move_apart_and_stay_in_the_frame() {
        assert_eq!(spread(&[100, 200], 50, 300), [100, 200]);
        assert_eq!(spread(&[100, 101, 103], 50, 300), [100, 115, 130]);
        assert_eq!(spread(&[290, 300], 50, 300), [285, 300]);
    }
}
