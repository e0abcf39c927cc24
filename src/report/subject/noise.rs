//! What this machine does to a target beside itself: what a duet here has to assume, and the
//! figures behind it.

use crate::record::duet::{DuetEnd, GateMetric, Method};
use crate::record::noise::{
    FEWEST_SEGMENTS, LEAST_START_NOISE, MetricNoise, Movement, NOISE_FILE, NoiseFile, Rulings,
    StartNoise,
};
use crate::report::document::cell::Cell;
use crate::report::document::medium::Shown;
use crate::report::document::quantity::Quantity;
use crate::report::document::suite::{Case, CaseResult};
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::text::Text;
use crate::report::document::tone::Tone;
use crate::report::document::{Block, Detail, Document, Headline, Section};
use crate::report::figures::{self, percent};
use crate::report::subject::judgement;

/// Everything that a report of noise is made of.
#[derive(Debug, Clone, Copy)]
pub struct NoiseReport<'a> {
    /// What was measured.
    pub noise: &'a NoiseFile,
    /// What the process ends with.
    pub exit_code: u8,
    /// The folder with the files.
    pub folder: Option<&'a str>,
}

/// Two-sided p below which a trend is spoken of.
const TREND: f64 = 0.01;

/// What the columns of [`spread`] mean.
const SPREAD_MEANS: &str = "Standard deviations from segment to segment. ratio sd is \
     within (few requests, noise that hangs together) and starts (what is left: luck of two \
     processes; at most: 95 %). own sd is what one arm alone would show.";
/// What the columns of [`movement`] mean.
const MOVEMENT_MEANS: &str = "gain is own sd ÷ ratio sd, what a duet buys. Drifts are \
     per minute, within segments; lag-1 is how much an interval has to do with the next.";

/// The measurement for every format.
pub fn describe<'a>(report: &NoiseReport<'a>) -> Document<'a> {
    let noise = report.noise;
    Document {
        headline: headline(noise),
        details: details(noise),
        sections: vec![
            spread(noise),
            movement(noise),
            gates(noise),
            judgement::unknowns(&unknowns()),
        ],
        cases: vec![validity(noise)],
        judged_seconds: None,
        next: next(report),
        folder: report.folder.map(Text::from),
        exit_code: Some(report.exit_code),
    }
}

fn headline(noise: &NoiseFile) -> Headline {
    let is_valid = noise.invalid.is_empty();
    Headline {
        verdict: if is_valid { "noise" } else { "invalid" },
        tone: if is_valid { Tone::Neutral } else { Tone::Invalid },
        scenario: Text::from(&noise.scenario),
        extent: Vec::new(),
        extent_shown: Shown::Everywhere,
        answer: Some(answer(noise).into()),
        to_do: None,
        reasons: noise.invalid.iter().map(|why| Text::lines(why)).collect(),
    }
}

/// How a duet takes what was found.
fn next(report: &NoiseReport) -> Option<Text> {
    let told = report.noise.start_noise.is_some() && report.noise.invalid.is_empty();
    let folder = Text::from(report.folder.filter(|_| told)?);
    Some(format!("loadgate duet … --start-noise {folder}/{NOISE_FILE}").into())
}

fn validity(noise: &NoiseFile) -> Case {
    let result = match (noise.invalid.as_slice(), ending(noise)) {
        ([], None) => CaseResult::Passed,
        ([], Some(end)) => CaseResult::Failed("cut short", end.into()),
        (why, _) => CaseResult::Failed("invalid", judgement::joined(why)),
    };
    Case {
        name: "measurement is whole and valid".into(),
        group: Text::from(&noise.scenario),
        seconds: None,
        result,
        printed: vec![answer(noise).into()],
    }
}

/// What a duet here has to assume, in a sentence.
fn answer(noise: &NoiseFile) -> String {
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
fn details(noise: &NoiseFile) -> Vec<Detail> {
    let print = &noise.fingerprint;
    let cores = if print.cores == 1 { "core" } else { "cores" };
    let machine = format!("{}, {} {cores}, {}", print.cpu, print.cores, print.system);
    let mut details = vec![
        Detail::new("both arms", &noise.target),
        Detail::new("machine", machine),
        Detail::new("method", method(noise.method)),
        Detail::new("measured", measured(noise)),
    ];
    details.extend(ending(noise).map(|text| Detail::new("ended", text)));
    details
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
        Some(DuetEnd::ArmLost { arm, detail }) => Some(format!("the {arm} was lost: {detail}")),
        Some(DuetEnd::Hopeless { detail, .. }) => {
            Some(format!("early, as the target cannot work: {detail}"))
        }
        None => Some("unknown: loadgate was stopped before it could say".to_owned()),
    }
}

/// How a quantile spreads from segment to segment.
fn spread(noise: &NoiseFile) -> Section<'static> {
    let titles = ["segments", "ratio sd", "within", "starts", "at most", "own sd"];
    let row = |found: &MetricNoise| {
        let times = found.times?;
        let segments = Quantity::Count(u64::from(times.segments));
        let spreads =
            [times.ratio_sd, times.within_sd, times.start_sd, times.start_sd_at_most, times.own_sd];
        let numbers = std::iter::once(segments).chain(spreads.map(Quantity::Spread));
        Some(row(found.metric, numbers.map(Cell::Quantity)))
    };
    let rows = noise.metrics.iter().filter_map(row).collect();
    section("From segment to segment, target ÷ itself", table(&titles, &[0], rows), SPREAD_MEANS)
}

/// How a quantile moves within segments.
fn movement(noise: &NoiseFile) -> Section<'static> {
    let titles = ["interval", "gain", "ratio drift", "own drift", "ratio lag-1", "own lag-1"];
    let correlation = |of: Movement| of.correlation.map(Quantity::Correlation);
    let row = |found: &MetricNoise| {
        let times = found.times?;
        let numbers = [
            Some(Quantity::Seconds(f64::from(times.interval_seconds))),
            times.gain.map(Quantity::Times),
            Some(Quantity::SignedSpread(times.ratio.per_minute)),
            Some(Quantity::SignedSpread(times.own.per_minute)),
            correlation(times.ratio),
            correlation(times.own),
        ];
        Some(row(found.metric, numbers.into_iter().map(Cell::maybe)))
    };
    let rows = noise.metrics.iter().filter_map(row).collect();
    section("Within segments", table(&titles, &[0, 1], rows), MOVEMENT_MEANS)
}

/// How the gates ruled on each metric and as a whole, and what they see.
fn gates(noise: &NoiseFile) -> Section<'static> {
    let titles = ["pass", "improved", "inconclusive", "regressed", "sees from"];
    let row = |found: &MetricNoise| {
        row(found.metric, rulings(found.rulings).into_iter().chain([sees(found)]))
    };
    let name = std::iter::once(Cell::name("all"));
    let all = name.chain(rulings(noise.rulings)).chain([Cell::Blank]);
    let rows = noise.metrics.iter().map(row).chain([Row::new(all.collect()).total()]).collect();
    let alarms = alarms(noise);
    section("What the gate says, and can see here", table(&titles, &[1], rows), &alarms)
        .with(Block::List(Text::all(&remarks(noise))))
}

fn rulings(of: Rulings) -> [Cell; 4] {
    let counts = [of.pass, of.improved, of.inconclusive, of.regressed];
    counts.map(|number| Cell::Quantity(Quantity::Count(u64::from(number))))
}

fn sees(found: &MetricNoise) -> Cell {
    Cell::maybe(found.visible.map(|change| match found.metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => Quantity::Increase(change),
        GateMetric::ErrorRate | GateMetric::SlowRequests => Quantity::More(change),
    }))
}

fn row(of: GateMetric, numbers: impl Iterator<Item = Cell>) -> Row {
    Row::new(std::iter::once(Cell::name(metric(of))).chain(numbers).collect())
}

/// A name and then numbers, of which some may be left out where room is short, in this order.
fn table(titles: &[&'static str], dropped: &[usize], rows: Vec<Row>) -> Table {
    let number = |(index, title): (usize, &&'static str)| {
        let column = Column::number(title);
        let order = dropped.iter().position(|it| *it == index);
        order.map_or(column, |order| column.dropped(order as u8))
    };
    let name = Column::new(Kind::Name, "metric");
    let columns = std::iter::once(name).chain(titles.iter().enumerate().map(number)).collect();
    Table { of: "metrics", columns, rows }
}

/// A table and what it means; empty without rows.
fn section(title: &'static str, table: Table, means: &str) -> Section<'static> {
    if table.rows.is_empty() {
        return Section::new(title);
    }
    Section::new(title).with(Block::Table(table)).with(Block::Note(means.into()))
}

/// What the gates were asked, and how few of them there were.
fn alarms(noise: &NoiseFile) -> String {
    let of = noise.rulings;
    let gates = of.pass + of.improved + of.inconclusive + of.regressed;
    let tolerance = percent(noise.settings.tolerance);
    let Some(bound) = noise.alarms_at_most else {
        return format!("No gate came to its end. Tolerance {tolerance}.");
    };
    format!(
        "{} of {gates} gates called the target regressed against itself; with so few, false \
         alarms in up to {} of gates are not excluded. Tolerance {tolerance}; \"sees from\" is \
         the smallest change called in 95 of 100 duets of at most {} such segments.",
        of.regressed,
        percent(bound),
        noise.settings.looks,
    )
}

/// What belongs to single metrics: drifts that are believed, and what could not be told.
fn remarks(noise: &NoiseFile) -> Vec<String> {
    let drifting = |found: &MetricNoise| {
        let times = found.times.filter(|times| times.ratio.trend_p < TREND)?;
        Some(format!(
            "{}: the ratio drifts by {} a minute within segments; warm up for longer",
            metric(found.metric),
            Quantity::SignedSpread(times.ratio.per_minute),
        ))
    };
    let noted = |found: &MetricNoise| {
        let note = found.note.as_deref()?;
        Some(format!("{}: {}", metric(found.metric), note))
    };
    let of_metrics =
        noise.metrics.iter().flat_map(|found| drifting(found).into_iter().chain(noted(found)));
    let dropped = noise.dropped.iter();
    of_metrics.chain(dropped.map(|it| it.reason.clone())).collect()
}

/// What no measurement of noise can say.
fn unknowns() -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::noise;

    #[track_caller]
    fn check(noise: &NoiseFile, failed: Option<&str>) {
        let report = NoiseReport { noise, exit_code: 0, folder: None };
        let cases = describe(&report).cases;
        let found = match &cases[0].result {
            CaseResult::Failed(kind, _) | CaseResult::Error(kind, _) => Some(*kind),
            CaseResult::Passed | CaseResult::Undecided(_) => None,
        };
        assert_eq!(found, failed, "{cases:?}");
    }

    #[test]
    fn a_measurement_that_was_cut_short_or_is_invalid_is_no_success() {
        let mut noise = noise::sample();
        check(&noise, None);
        noise.end = Some(DuetEnd::Interrupted { signal: 15 });
        check(&noise, Some("cut short"));
        noise.end = None;
        check(&noise, Some("cut short"));
        noise.invalid = vec!["late".to_owned()];
        check(&noise, Some("invalid"));
    }
}
