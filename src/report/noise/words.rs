//! Phrases and rows about noise that both formats share.
//!
//! Texts that leave here are plain, but not yet escaped for any format.

use crate::record::duet::{DuetEnd, GateMetric, Method};
use crate::record::noise::{
    FEWEST_SEGMENTS, LEAST_START_NOISE, MetricNoise, Movement, NoiseFile, Rulings, StartNoise,
};
use crate::report::{figures, plain};

/// Two-sided p below which a trend is spoken of.
const TREND: f64 = 0.01;

/// Headings of [`spread_row`].
pub(super) const SPREAD: [&str; 7] =
    ["metric", "segments", "ratio sd", "within", "starts", "at most", "own sd"];
/// Headings of [`movement_row`].
pub(super) const MOVEMENT: [&str; 7] =
    ["metric", "interval", "gain", "ratio drift", "own drift", "ratio lag-1", "own lag-1"];
/// Headings of [`gate_row`].
pub(super) const GATES: [&str; 6] =
    ["metric", "pass", "improved", "inconclusive", "regressed", "sees from"];

/// What the columns of [`SPREAD`] mean.
pub(super) const SPREAD_MEANS: &str = "Standard deviations from segment to segment. ratio sd is \
     within (few requests, noise that hangs together) and starts (what is left: luck of two \
     processes; at most: 95 %). own sd is what one arm alone would show";
/// What the columns of [`MOVEMENT`] mean.
pub(super) const MOVEMENT_MEANS: &str = "gain is own sd ÷ ratio sd, what a duet buys. Drifts are \
     per minute, within segments; lag-1 is how much an interval has to do with the next";

/// `NOISE` or `INVALID`.
pub(super) fn title(noise: &NoiseFile) -> &'static str {
    if noise.invalid.is_empty() { "NOISE" } else { "INVALID" }
}

/// What a duet here has to assume, in a sentence.
pub(super) fn answer(noise: &NoiseFile) -> String {
    match &noise.start_noise {
        Some(found) => starts(found),
        None if !noise.starts_afresh => {
            "how starts differ (σ_p) cannot be told: loadgate does not start this target, both \
             arms are the same process"
                .to_owned()
        }
        None => format!(
            "how starts differ (σ_p) cannot be told: it takes {FEWEST_SEGMENTS} segments with \
             enough requests, and there are {}",
            noise.segments()
        ),
    }
}

fn starts(found: &StartNoise) -> String {
    let taken = if found.measured < LEAST_START_NOISE {
        format!("; a duet takes {}, the least it ever assumes", percent(found.value))
    } else {
        String::new()
    };
    format!(
        "starts of this target scatter by σ_p {} (sd, at {}; at most {} with 95 % \
         confidence){taken}",
        percent(found.measured),
        metric(found.metric),
        percent(found.at_most),
    )
}

/// Names and what they stand for.
pub(super) fn facts(noise: &NoiseFile) -> Vec<(&'static str, String)> {
    let print = &noise.fingerprint;
    let cores = if print.cores == 1 { "core" } else { "cores" };
    let machine = format!("{}, {} {cores}, {}", print.cpu, print.cores, print.system);
    let mut facts = vec![
        ("both arms", plain::line(&noise.target)),
        ("machine", plain::line(&machine)),
        ("method", method(noise.method)),
        ("measured", measured(noise)),
    ];
    facts.extend(ending(noise).map(|text| ("ended", text)));
    facts
}

fn method(method: Method) -> String {
    match method {
        Method::Interleaved | Method::Stored => "both at once, requests interleaved".to_owned(),
        Method::Alternating { block, .. } => format!("in turns of {block} s in the order ABBA"),
    }
}

/// `6 duets, 14 segments of 60 s, 200/s per arm`.
fn measured(noise: &NoiseFile) -> String {
    let finished = noise.duets.iter().filter(|duet| duet.finished).count();
    let of = if finished < noise.planned as usize {
        format!("{finished} of {} duets", noise.planned)
    } else {
        format!("{finished} duets")
    };
    let segments = noise.segments();
    let noun = if segments == 1 { "segment" } else { "segments" };
    format!(
        "{of}, {segments} {noun} of {}, {} per arm",
        figures::seconds(f64::from(noise.segment_seconds)),
        figures::rate(noise.rate),
    )
}

fn ending(noise: &NoiseFile) -> Option<String> {
    match &noise.end {
        Some(DuetEnd::Finished) => None,
        Some(DuetEnd::Interrupted { signal }) => Some(format!("interrupted by signal {signal}")),
        Some(DuetEnd::ArmLost { arm, detail }) => {
            Some(format!("the {arm} was lost: {}", plain::line(detail)))
        }
        Some(DuetEnd::Hopeless { detail, .. }) => {
            Some(format!("early, as the target cannot work: {}", plain::line(detail)))
        }
        None => Some("unknown: loadgate was stopped before it could say".to_owned()),
    }
}

/// The spread of a quantile from segment to segment.
pub(super) fn spread_row(found: &MetricNoise) -> Option<[String; 7]> {
    let times = found.times?;
    Some([
        metric(found.metric),
        times.segments.to_string(),
        spread(times.ratio_sd),
        spread(times.within_sd),
        spread(times.start_sd),
        spread(times.start_sd_at_most),
        spread(times.own_sd),
    ])
}

/// How a quantile moves within segments.
pub(super) fn movement_row(found: &MetricNoise) -> Option<[String; 7]> {
    let times = found.times?;
    let correlation = |of: Movement| of.correlation.map_or(figures::NOTHING.to_owned(), two);
    Some([
        metric(found.metric),
        figures::seconds(f64::from(times.interval_seconds)),
        times.gain.map_or(figures::NOTHING.to_owned(), |gain| format!("{gain:.1}×")),
        signed(times.ratio.per_minute),
        signed(times.own.per_minute),
        correlation(times.ratio),
        correlation(times.own),
    ])
}

/// How the gates ruled on a metric, and what they see.
pub(super) fn gate_row(found: &MetricNoise) -> [String; 6] {
    let seen = match (found.metric, found.visible) {
        (_, None) => figures::NOTHING.to_owned(),
        (GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest, Some(change)) => {
            format!("+{}", percent(change))
        }
        (GateMetric::ErrorRate | GateMetric::SlowRequests, Some(share)) => {
            format!("{} more", percent(share))
        }
    };
    rulings(metric(found.metric), found.rulings, seen)
}

/// How the gates ruled as a whole.
pub(super) fn overall_row(noise: &NoiseFile) -> [String; 6] {
    rulings("all".to_owned(), noise.rulings, String::new())
}

fn rulings(name: String, of: Rulings, seen: String) -> [String; 6] {
    let counts = [of.pass, of.improved, of.inconclusive, of.regressed].map(|it| it.to_string());
    let [pass, improved, inconclusive, regressed] = counts;
    [name, pass, improved, inconclusive, regressed, seen]
}

/// What the gates were asked, and how few of them there were.
pub(super) fn alarms(noise: &NoiseFile) -> String {
    let of = noise.rulings;
    let gates = of.pass + of.improved + of.inconclusive + of.regressed;
    let tolerance = percent(noise.settings.tolerance);
    let Some(bound) = noise.alarms_at_most else {
        return format!("No gate came to its end. Tolerance {tolerance}");
    };
    format!(
        "{} of {gates} gates called the target regressed against itself; with so few, false \
         alarms in up to {} of gates are not excluded. Tolerance {tolerance}; \"sees from\" is \
         the smallest change called in 95 of 100 duets of at most {} such segments",
        of.regressed,
        percent(bound),
        noise.settings.looks,
    )
}

/// What belongs to single metrics: drifts that are believed, and what could not be told.
pub(super) fn remarks(noise: &NoiseFile) -> Vec<String> {
    let drifting = |found: &MetricNoise| {
        let times = found.times.filter(|times| times.ratio.trend_p < TREND)?;
        Some(format!(
            "{}: the ratio drifts by {} a minute within segments; warm up for longer",
            metric(found.metric),
            signed(times.ratio.per_minute),
        ))
    };
    let noted = |found: &MetricNoise| {
        let note = found.note.as_deref()?;
        Some(format!("{}: {}", metric(found.metric), plain::line(note)))
    };
    let of_metrics =
        noise.metrics.iter().flat_map(|found| drifting(found).into_iter().chain(noted(found)));
    let dropped = noise.dropped.iter();
    of_metrics.chain(dropped.map(|it| plain::line(&it.reason))).collect()
}

/// What no measurement of noise can say.
pub(super) fn unknowns() -> Vec<String> {
    vec![
        "what this machine does at other hours; measure again when it has changed".to_owned(),
        "how starts differ at another rate, or of another scenario; `duet` refuses those"
            .to_owned(),
    ]
}

/// `p99`, `error rate`.
fn metric(metric: GateMetric) -> String {
    match metric {
        GateMetric::ResponseTime(share) => figures::quantile(share),
        GateMetric::ErrorRate => "error rate".to_owned(),
        GateMetric::CpuPerRequest => "CPU per request".to_owned(),
        GateMetric::SlowRequests => "slow requests".to_owned(),
    }
}

fn percent(share: f64) -> String {
    format!("{} %", figures::number(share * 100.0))
}

/// `0.60 %`, for columns.
fn spread(share: f64) -> String {
    match share * 100.0 {
        percent if !percent.is_finite() => figures::NOTHING.to_owned(),
        percent if percent < 9.995 => format!("{percent:.2} %"),
        percent => format!("{percent:.1} %"),
    }
}

/// `+0.04 %`.
fn signed(share: f64) -> String {
    let size = spread(share.abs());
    match share {
        _ if size == "0.00 %" || size == figures::NOTHING => size,
        share if share < 0.0 => format!("−{size}"),
        _ => format!("+{size}"),
    }
}

fn two(value: f64) -> String {
    let text = format!("{:.2}", value.abs());
    if value < 0.0 && text != "0.00" { format!("−{text}") } else { text }
}
