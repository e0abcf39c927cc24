//! What each of several generators sent over the run, and how late it was with it.
//!
//! There may be a thousand, so all are drawn alike; only the one with the longest lag stands out.

use super::axis::Axis;
use super::canvas::drawn;
use super::header::{Header, Key, Sign};
use super::palette::StrokeStyle;
use super::panel::{ABOVE, BELOW, BESIDE, EDGE, Frame, Panel};
use super::{Figure, Width};
use crate::analysis::assessment::{Assessment, Timeline};
use crate::analysis::generator_seen::GeneratorSeen;
use crate::report::{figures, plain};

const HEIGHT: i32 = 150;
/// Letters of a generator's name that the legend has room for.
const NAME: usize = 20;
const TITLE: &str = "Sent and send lag by generator";

/// What is drawn of each generator, by bins of the timeline.
type Line = fn(&GeneratorSeen) -> &[Option<f64>];

/// The chart, to be drawn when it is needed.
pub(in crate::report) fn figure(assessment: &Assessment) -> Figure<'_> {
    let count = figures::counted(assessment.generators.len(), "generator");
    let text = format!("Requests that each of {count} sent per second, and its longest send lag.");
    Figure::new(("generators", TITLE), &text, move |width| draw(assessment, width))
}

/// The generator that was latest, by its place.
fn latest(generators: &[GeneratorSeen]) -> Option<usize> {
    let lag = |seen: &GeneratorSeen| seen.send_lag_max_ms.unwrap_or(0.0);
    let by_lag = |a: &usize, b: &usize| lag(&generators[*a]).total_cmp(&lag(&generators[*b]));
    (0..generators.len()).max_by(by_lag)
}

fn draw(assessment: &Assessment, width: Width) -> Option<String> {
    let (timeline, generators) = (&assessment.timeline, &assessment.generators);
    let last = *timeline.starts.last()?;
    let latest = latest(generators)?;
    let x = Axis::time(0.0, f64::from(last + timeline.bin_seconds), width.ticks());
    let header = Header::new(TITLE, keys(&generators[latest]), width);
    let values = |of: Line| generators.iter().flat_map(of).flatten().copied();
    let rates = Axis::amount("sent per second", values(|seen| &seen.sent), 4);
    let lags = Axis::millis("longest send lag", values(|seen| &seen.send_lag_ms), 4);
    let height = header.height() + 2 * (HEIGHT + ABOVE) + ABOVE + BELOW;
    let svg = drawn((width.pixels(), height), |canvas| {
        header.draw(canvas);
        let mut top = header.height() + ABOVE;
        let lines: [(&Axis, Line); 2] =
            [(&rates, |seen| &seen.sent), (&lags, |seen| &seen.send_lag_ms)];
        for (at, (y, of)) in lines.into_iter().enumerate() {
            let right = width.pixels() - EDGE;
            let frame = Frame { left: BESIDE, right, top, bottom: top + HEIGHT };
            let panel = Panel { canvas, frame, x: &x, y };
            panel.left_axis();
            for seen in generators {
                panel.curve(&over_time(timeline, of(seen)), StrokeStyle::SENT, 1);
            }
            panel.curve(&over_time(timeline, of(&generators[latest])), StrokeStyle::P99, 2);
            panel.bottom_axis();
            if at == 1 {
                panel.bottom_title();
            }
            top = frame.bottom + 2 * ABOVE;
        }
    });
    Some(svg)
}

fn keys(latest: &GeneratorSeen) -> Vec<Key> {
    let name = plain::shortened(&plain::line(&latest.name), NAME);
    vec![
        Key { sign: Sign::Line(StrokeStyle::SENT, 1), text: "each generator".into() },
        Key {
            sign: Sign::Line(StrokeStyle::P99, 2),
            text: format!("{name}: the longest lag").into(),
        },
    ]
}

/// The middle of each bin with its value.
fn over_time(timeline: &Timeline, values: &[Option<f64>]) -> Vec<(f64, Option<f64>)> {
    let half = f64::from(timeline.bin_seconds) / 2.0;
    let middle = |start: &u32| f64::from(*start) + half;
    timeline.starts.iter().map(middle).zip(values.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::Theme;
    use crate::report::chart::checks::check_inside;
    use crate::report::samples::runs;

    #[test]
    fn title_and_names_fit_the_narrow_picture() {
        let mut run = runs::normal();
        let bins = run.assessment.timeline.starts.len();
        run.assessment.generators = ["local-1", &"loadgate-agent-".repeat(9)]
            .map(|name| GeneratorSeen {
                name: name.to_owned(),
                slots: 1,
                seconds: 60,
                cpu: None,
                send_lag_max_ms: Some(name.len() as f64),
                stood_still_max_ms: None,
                off_schedule_max_ms: None,
                lost: None,
                sent: vec![Some(50.0); bins],
                send_lag_ms: vec![Some(2.0); bins],
            })
            .to_vec();
        for width in [Width::Wide, Width::Narrow] {
            let svg = figure(&run.assessment).svg(width, Theme::Light).unwrap();
            check_inside(&roxmltree::Document::parse(&svg).unwrap(), "generators");
        }
    }
}
