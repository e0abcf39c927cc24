//! How full target and generator were: CPU, memory, event-loop delay, who waits for a pool, and the
//! metrics that the scenario names, one above the other, as far as anything is known of them.

use super::Chart;
use super::response::{draw_not_judged, not_judged_key, over_time, time_axis};
use crate::analysis::assessment::{Assessment, Timeline};
use crate::analysis::gauges::{ValueUnit, unit_of};
use crate::record::gauge::{self, Gauge, Source};
use crate::report::chart::Width;
use crate::report::chart::axis::Axis;
use crate::report::chart::canvas::drawn;
use crate::report::chart::header::{Header, Key, Sign};
use crate::report::chart::palette::StrokeStyle;
use crate::report::chart::panel::{ABOVE, BELOW, BESIDE, EDGE, Frame, Panel, pixels};

const HEIGHT: i32 = 110;
/// Panels of metrics that the scenario names.
const MOST_WATCHED: usize = 4;
/// Characters of their names.
const LONGEST_TITLE: usize = 40;

type Values<'a> = &'a [Option<f64>];

/// What is drawn, in a sentence that begins with a blank: nothing that was not measured.
pub(super) fn caption(timeline: &Timeline) -> String {
    let known = |values: Values| values.iter().flatten().any(|value| value.is_finite());
    let drawn = [
        ("CPU of the target", known(timeline.target.of(&gauge::CPU))),
        ("CPU of the generator", known(&timeline.generator_cpu)),
        ("resident memory of the target", known(timeline.target.of(&gauge::RSS))),
        ("its event-loop delay", known(timeline.target.of(&gauge::EVENT_LOOP_DELAY))),
    ];
    let drawn = drawn.iter().filter(|(_, known)| *known).map(|(what, _)| (*what).to_owned());
    let waiting = known(timeline.target.of(&gauge::POOL_WAITING));
    let waiting = waiting.then(|| "who waits for a pool connection".to_owned());
    let watched = watched(timeline).map(|(gauge, _)| gauge.label.to_string());
    let drawn: Vec<String> = drawn.chain(waiting).chain(watched).collect();
    if drawn.is_empty() { String::new() } else { format!(" Drawn are: {}.", drawn.join(", ")) }
}

/// The metrics that the scenario names, as many as there is room for.
fn watched(timeline: &Timeline) -> impl Iterator<Item = (&Gauge, Values<'_>)> {
    let watched = timeline.target.0.iter().filter(|(gauge, line)| {
        gauge.source == Source::Watched && line.iter().flatten().any(|value| value.is_finite())
    });
    watched.take(MOST_WATCHED).map(|(gauge, line)| (gauge, line.as_slice()))
}

/// One panel: its axis and its lines.
struct Band<'a> {
    y: Axis,
    lines: Vec<(Values<'a>, StrokeStyle)>,
}

pub(super) fn draw(assessment: &Assessment, width: Width) -> Option<String> {
    let timeline = &assessment.timeline;
    let x = time_axis(timeline, width)?;
    let parts = parts(timeline);
    if parts.is_empty() {
        return None;
    }
    let header = header(assessment, width);
    let height = header.height() + pixels(parts.len(), HEIGHT + 2 * ABOVE) - ABOVE + BELOW;
    let svg = drawn((width.pixels(), height), |canvas| {
        header.draw(canvas);
        let mut top = header.height() + ABOVE;
        for (index, part) in parts.iter().enumerate() {
            let right = width.pixels() - EDGE;
            let frame = Frame { left: BESIDE, right, top, bottom: top + HEIGHT };
            let panel = Panel { canvas, frame, x: &x, y: &part.y };
            draw_part(&panel, part, assessment);
            if index + 1 == parts.len() {
                panel.bottom_title();
            }
            top = frame.bottom + 2 * ABOVE;
        }
    });
    Some(svg)
}

fn draw_part(panel: &Panel, part: &Band, assessment: &Assessment) {
    draw_not_judged(panel, assessment);
    panel.left_axis();
    for (values, stroke_style) in &part.lines {
        panel.curve(&over_time(&assessment.timeline, values), *stroke_style, 2);
    }
    panel.bottom_axis();
}

fn parts(timeline: &Timeline) -> Vec<Band<'_>> {
    let cpu = vec![
        (timeline.generator_cpu.as_slice(), StrokeStyle::GENERATOR),
        (timeline.target.of(&gauge::CPU), StrokeStyle::TARGET),
    ];
    let memory = vec![(timeline.target.of(&gauge::RSS), StrokeStyle::TARGET)];
    let delay = vec![(timeline.target.of(&gauge::EVENT_LOOP_DELAY), StrokeStyle::TARGET)];
    let waiting = vec![(timeline.target.of(&gauge::POOL_WAITING), StrokeStyle::TARGET)];
    let known = [
        part(cpu, |values| Axis::amount("CPU (cores)", values, 4)),
        part(memory, |values| Axis::amount("resident memory (MB)", values, 4)),
        part(delay, |values| Axis::millis("event-loop delay", values, 4)),
        part(waiting, |values| Axis::amount("waiting for a pool connection", values, 4)),
    ];
    let watched = watched(timeline)
        .map(|(gauge, line)| part(vec![(line, StrokeStyle::TARGET)], |values| axis(gauge, values)));
    known.into_iter().chain(watched).flatten().collect()
}

/// The axis of a metric that the scenario names.
fn axis(gauge: &Gauge, values: Vec<f64>) -> Axis {
    let name: String = gauge.label.chars().take(LONGEST_TITLE).collect();
    match unit_of(gauge) {
        ValueUnit::Milliseconds => Axis::millis(&name, values, 4),
        ValueUnit::Bytes => Axis::amount(&format!("{name} (MB)"), values, 4),
        ValueUnit::BytesPerSecond => Axis::amount(&format!("{name} (MB/s)"), values, 4),
        ValueUnit::PerSecond => Axis::amount(&format!("{name} (per second)"), values, 4),
        ValueUnit::Share | ValueUnit::Cores | ValueUnit::Number => Axis::amount(&name, values, 4),
    }
}

/// A panel of the lines that have a value; `None` if there is none.
fn part(
    lines: Vec<(Values<'_>, StrokeStyle)>,
    axis: impl Fn(Vec<f64>) -> Axis,
) -> Option<Band<'_>> {
    let known = |values: &Values| values.iter().flatten().any(|value| value.is_finite());
    let lines: Vec<_> = lines.into_iter().filter(|(values, _)| known(values)).collect();
    let values = lines.iter().flat_map(|(values, _)| values.iter().flatten().copied()).collect();
    (!lines.is_empty()).then(|| Band { y: axis(values), lines })
}

fn header(assessment: &Assessment, width: Width) -> Header {
    let timeline = &assessment.timeline;
    let of_target = [gauge::CPU, gauge::RSS, gauge::EVENT_LOOP_DELAY, gauge::POOL_WAITING];
    let known = |values: Values| values.iter().any(Option::is_some);
    let mut keys = Vec::new();
    let is_watched = watched(timeline).next().is_some();
    if is_watched || of_target.iter().any(|gauge| known(timeline.target.of(gauge))) {
        keys.push(Key { sign: Sign::Line(StrokeStyle::TARGET, 2), text: "target".into() });
    }
    if known(&timeline.generator_cpu) {
        keys.push(Key { sign: Sign::Line(StrokeStyle::GENERATOR, 2), text: "generator".into() });
    }
    keys.extend(not_judged_key(assessment));
    Header::new(Chart::Saturation.title(), keys, width)
}
