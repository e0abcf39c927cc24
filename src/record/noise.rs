//! What A/A duets have shown of a machine's noise: `noise.json`.
//!
//! Plain data: `analysis::noise` fills it in, `report::noise` shows it. A later duet takes
//! `σ_p` from it, if it is of the same machine, scenario and rate; what is unlike is named.

use std::fmt;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::duet::{Dropped, DuetEnd, GateMetric, GateSettings, Method};
use crate::record::fingerprint::{Difference, Fingerprint};
use crate::record::json_file::{self, JsonFile};
use crate::record::run::StageHead;
use crate::record::store::StoreError;
use crate::units::trim_zeros;

/// The version of `noise.json`.
pub const VERSION: u32 = 1;
/// The file.
pub const NOISE_FILE: &str = "noise.json";
/// `σ_p` is never taken to be less: so little cannot be told from none in a few segments,
/// and the gate must not rest on it.
pub const LEAST_START_NOISE: f64 = 0.005;
/// Fewer segments say nothing about starts: even of these the true `σ_p` may be 2.4 times
/// what they show.
pub const FEWEST_SEGMENTS: u32 = 4;
/// What it is, and what is read of it.
const FILE: JsonFile =
    JsonFile { name: NOISE_FILE, what: "a measurement of noise", most_bytes: 1 << 20 };
/// So much may two rates differ that went through a text, relative to the larger one.
const ROUNDING: f64 = 1e-9;

/// `noise.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoiseFile {
    /// [`VERSION`].
    pub version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// What both arms are.
    pub target: String,
    /// Whether each segment had processes of its own.
    pub starts_afresh: bool,
    /// Machine, tool, scenario and load of a segment.
    pub fingerprint: Fingerprint,
    /// How the arms were measured.
    pub method: Method,
    /// What the gates were given.
    pub settings: GateSettings,
    /// Metrics that rate and time cannot decide.
    pub dropped: Vec<Dropped>,
    /// Judged schedule seconds of a segment.
    pub segment_seconds: u32,
    /// Requests per second and arm, as measured.
    pub rate: f64,
    /// Duets that were asked for.
    pub planned: u32,
    /// Duets with at least one segment, in the order in which they were measured.
    pub duets: Vec<DuetHead>,
    /// How the gates of the duets that came to their end ruled.
    pub rulings: Rulings,
    /// One-sided 95 % bound of the share of such gates that call a target regressed
    /// against itself; `None` without a gate.
    pub alarms_at_most: Option<f64>,
    /// In the order of the settings.
    pub metrics: Vec<MetricNoise>,
    /// What a duet on this machine should assume; `None` when that cannot be told.
    pub start_noise: Option<StartNoise>,
    /// Why the figures are not the target's, one sentence each; empty when they are.
    pub invalid: Vec<String>,
    /// How it ended; `None` while it is under way, or when it was killed.
    pub end: Option<DuetEnd>,
}

/// One of the A/A duets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DuetHead {
    /// Its folder.
    pub folder: String,
    /// Segments that came to their end.
    pub segments: u32,
    /// Whether its gate came to its end.
    pub finished: bool,
}

/// How often the gate said what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Rulings {
    /// Not worse by more than the tolerance.
    pub pass: u32,
    /// Better by more than the tolerance.
    pub improved: u32,
    /// Neither, after the last look.
    pub inconclusive: u32,
    /// Worse by more than the tolerance: a false alarm.
    pub regressed: u32,
}

/// The noise of one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricNoise {
    /// Which.
    pub metric: GateMetric,
    /// What the gates said of it.
    pub rulings: Rulings,
    /// The smallest true change that a duet of the same rate and length calls regressed in
    /// 95 of 100 cases: 0.08 is +8 %, for the error rate so many more of all requests.
    pub visible: Option<f64>,
    /// For a quantile of the response time.
    pub times: Option<TimeNoise>,
    /// Why there is no `times` although it is one.
    pub note: Option<String>,
}

/// The noise of a quantile of the response time. Standard deviations (sd) are of ln(ratio)
/// or ln(time): 0.01 is 1 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimeNoise {
    /// Segments that it is from.
    pub segments: u32,
    /// Width of an interval in seconds.
    pub interval_seconds: u32,
    /// The mean ratio, which for a target against itself is 1.
    pub mean_ratio: f64,
    /// sd of the ratio from segment to segment, about 1.
    pub ratio_sd: f64,
    /// What of it is from within segments: few requests, and noise that hangs together.
    pub within_sd: f64,
    /// What of it is left, from one pair of starts to the next.
    pub start_sd: f64,
    /// One-sided 95 % bound of it.
    pub start_sd_at_most: f64,
    /// sd of an arm's own time from segment to segment, which a duet cancels.
    pub own_sd: f64,
    /// `own_sd` ÷ `ratio_sd`: what a duet buys; `None` without any spread.
    pub gain: Option<f64>,
    /// How the ratio moves within segments.
    pub ratio: Movement,
    /// How an arm's own time does.
    pub own: Movement,
}

/// How a series moves within segments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Movement {
    /// Drift per minute (Theil and Sen): 0.01 is +1 %.
    pub per_minute: f64,
    /// Two-sided p of "no trend", were intervals independent.
    pub trend_p: f64,
    /// Correlation of an interval with the next one.
    pub correlation: Option<f64>,
}

/// `σ_p` for the gate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StartNoise {
    /// `σ_p`: sd of ln(time) from one start of a process to the next; at least 0.005.
    pub value: f64,
    /// The same as measured.
    pub measured: f64,
    /// One-sided 95 % bound of it.
    pub at_most: f64,
    /// The metric that has the most.
    pub metric: GateMetric,
}

/// Why a duet cannot take `σ_p` from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It is of something else; each difference is named.
    Unlike(Vec<Difference>),
    /// It is of an invalid measurement; the first reason.
    Invalid(String),
    /// It has no `σ_p`.
    NotTold,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Unlike(_) => f.write_str("this noise is not that of the duet to come"),
            Refused::Invalid(why) => write!(f, "this noise is of an invalid measurement: {why}"),
            Refused::NotTold => write!(
                f,
                "this file does not tell how starts of a process differ: that takes at least \
                 {FEWEST_SEGMENTS} segments, each with processes that loadgate starts"
            ),
        }
    }
}

impl Refused {
    /// One line for each difference.
    pub fn details(&self) -> Vec<String> {
        let Refused::Unlike(differences) = self else { return Vec::new() };
        let line = |it: &Difference| {
            format!("{}: {} in the file, {} here", it.what, it.baseline, it.candidate)
        };
        differences.iter().map(line).collect()
    }
}

impl NoiseFile {
    /// `σ_p` for a duet that is yet to come.
    pub fn start_noise_for(&self, planned: &Fingerprint) -> Result<f64, Refused> {
        let differences = self.differences(planned);
        if !differences.is_empty() {
            return Err(Refused::Unlike(differences));
        }
        if let Some(why) = self.invalid.first() {
            return Err(Refused::Invalid(why.clone()));
        }
        let found = self.start_noise.ok_or(Refused::NotTold)?;
        Ok(found.value.max(LEAST_START_NOISE))
    }

    /// Everything counts but the seed and the lengths: noise is not of one sample of the
    /// arrivals, and `σ_p` is what is left when length has been accounted for.
    fn differences(&self, planned: &Fingerprint) -> Vec<Difference> {
        let kept = |it: &Fingerprint| Fingerprint { seed: 0, stages: Vec::new(), ..it.clone() };
        let mut found = kept(&self.fingerprint).differences(&kept(planned));
        let [own, other] = [&self.fingerprint, planned].map(|it| rates(&it.stages));
        let same = |(a, b): (&f64, &f64)| (a - b).abs() <= ROUNDING * a.abs().max(b.abs());
        if own.len() != other.len() || !own.iter().zip(&other).all(same) {
            let (baseline, candidate) = (written(&own), written(&other));
            found.push(Difference { what: "rate".to_owned(), baseline, candidate });
        }
        found
    }

    /// How many segments came to their end.
    pub fn segments(&self) -> u32 {
        self.duets.iter().map(|duet| duet.segments).sum()
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        json_file::text(self)
    }

    /// Writes the file into a folder; at no moment is there half of it.
    pub fn write(&self, folder: &Path) -> Result<(), StoreError> {
        FILE.write(folder, &self.text())
    }
}

/// The rates of the judged stages, begin and end.
fn rates(stages: &[StageHead]) -> Vec<f64> {
    let judged = stages.iter().filter(|stage| !stage.warmup);
    judged.flat_map(|stage| [stage.from, stage.to]).collect()
}

/// `100/s`, or `10/s to 90/s` where it changes.
fn written(rates: &[f64]) -> String {
    let mut texts: Vec<String> =
        rates.iter().map(|rate| format!("{}/s", trim_zeros(*rate, 3))).collect();
    texts.dedup();
    texts.join(" to ")
}

/// The JSON Schema of `noise.json`.
pub fn schema() -> serde_json::Value {
    let packed = include_bytes!(concat!(env!("OUT_DIR"), "/noise.schema.json.deflate"));
    crate::scenario::schema::checked_in(packed, || schemars::schema_for!(NoiseFile).to_value())
}

/// Reads `noise.json`, or that of a folder.
pub fn read(path: &Path) -> Result<NoiseFile, StoreError> {
    FILE.read(path, check)
}

fn check(file: &NoiseFile) -> Result<(), String> {
    json_file::check_version(file.version, VERSION)?;
    let is_sane = |found: StartNoise| found.value > 0.0 && found.value <= 1.0;
    match file.start_noise {
        Some(found) if !is_sane(found) => Err("a noise of starts beyond all reason".to_owned()),
        Some(_) | None => Ok(()),
    }
}

/// A measurement of noise for tests.
#[cfg(test)]
pub(crate) fn sample() -> NoiseFile {
    let duet = |number: u32| DuetHead {
        folder: format!("duet-{number}"),
        segments: if number <= 2 { 3 } else { 2 },
        finished: true,
    };
    NoiseFile {
        version: VERSION,
        scenario: "orders".to_owned(),
        started: "2026-01-01T00:00:00Z".to_owned(),
        target: "node server.js".to_owned(),
        starts_afresh: true,
        fingerprint: Fingerprint {
            cpu: "Z81".to_owned(),
            cores: 2,
            system: "Linux 6.1".to_owned(),
            ..Fingerprint::of(&crate::record::sample_head())
        },
        method: Method::Interleaved,
        settings: GateSettings::default(),
        dropped: vec![],
        segment_seconds: 60,
        rate: 200.0,
        planned: 6,
        duets: (1..=6).map(duet).collect(),
        rulings: Rulings { pass: 5, inconclusive: 1, ..Rulings::default() },
        alarms_at_most: Some(0.393),
        metrics: sample_metrics(),
        start_noise: Some(StartNoise {
            value: 0.008,
            measured: 0.008,
            at_most: 0.0141,
            metric: GateMetric::ResponseTime(0.95),
        }),
        invalid: vec![],
        end: Some(DuetEnd::Finished),
    }
}

#[cfg(test)]
fn sample_metrics() -> Vec<MetricNoise> {
    let movement = |per_minute, trend_p, correlation| Movement {
        per_minute,
        trend_p,
        correlation: Some(correlation),
    };
    let times = |scale: f64| TimeNoise {
        segments: 14,
        interval_seconds: 2,
        mean_ratio: 1.0 + 0.001 * scale,
        ratio_sd: 0.006 * scale,
        within_sd: 0.004 * scale,
        start_sd: 0.0045 * scale,
        start_sd_at_most: 0.008 * scale,
        own_sd: 0.041 * scale,
        gain: Some(6.83),
        ratio: movement(0.0004 * scale, 0.31, 0.06),
        own: movement(0.012 * scale, 0.002, 0.58),
    };
    let rulings = |pass, inconclusive| Rulings { pass, inconclusive, ..Rulings::default() };
    let metric = |metric, pass, visible, times| MetricNoise {
        metric,
        rulings: rulings(pass, 6 - pass),
        visible,
        times,
        note: None,
    };
    vec![
        metric(GateMetric::ResponseTime(0.5), 6, Some(0.063), Some(times(1.0))),
        metric(GateMetric::ResponseTime(0.95), 5, Some(0.094), Some(times(2.5))),
        metric(GateMetric::ErrorRate, 6, Some(0.0012), None),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::json_file::tests::refuses;

    /// What a duet with a changed plan would be told.
    #[track_caller]
    fn refused(change: impl Fn(&mut Fingerprint)) -> Vec<String> {
        let file = sample();
        let mut planned = file.fingerprint.clone();
        change(&mut planned);
        file.start_noise_for(&planned).map_or_else(|why| why.details(), |_| Vec::new())
    }

    #[test]
    fn another_machine_scenario_or_rate_is_refused_by_name() {
        assert_eq!(refused(|it| it.cpu = "Z80".into()), ["CPU model: Z81 in the file, Z80 here"]);
        assert_eq!(
            refused(|it| it.scenario_hash = "1".into()),
            ["scenario hash: 0 in the file, 1 here"]
        );
        assert_eq!(
            refused(|it| (it.stages[0].from, it.stages[0].to) = (1.0, 90.0)),
            ["rate: 1/s in the file, 1/s to 90/s here"]
        );
    }

    #[test]
    fn another_seed_or_length_is_the_same_noise() {
        assert_eq!(refused(|it| it.seed = 9), Vec::<String>::new());
        assert_eq!(refused(|it| it.stages[0].seconds = 7.0), Vec::<String>::new());
        let warmup = StageHead { seconds: 1.0, from: 5.0, to: 5.0, users: None, warmup: true };
        assert_eq!(refused(|it| it.stages.insert(0, warmup)), Vec::<String>::new());
    }

    #[test]
    fn what_is_taken_is_never_below_the_floor_and_never_a_guess() {
        let planned = sample().fingerprint;
        let taken = |change: fn(&mut NoiseFile)| {
            let mut file = sample();
            change(&mut file);
            file.start_noise_for(&planned).map_err(|why| why.to_string())
        };
        assert_eq!(taken(|_| {}), Ok(0.008));
        let low = |file: &mut NoiseFile| {
            file.start_noise.iter_mut().for_each(|found| found.value = 1e-4);
        };
        assert_eq!(taken(low), Ok(LEAST_START_NOISE));
        let none = taken(|file| file.start_noise = None).unwrap_err();
        assert!(none.contains("at least 4 segments"), "{none}");
        let invalid = taken(|file| file.invalid.push("duet-2: late".to_owned())).unwrap_err();
        assert!(invalid.contains("duet-2: late"), "{invalid}");
    }

    #[test]
    fn what_is_written_is_read_and_what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        sample().write(folder.path()).unwrap();
        assert_eq!(read(folder.path()).unwrap(), sample());
        assert_eq!(read(&folder.path().join(NOISE_FILE)).unwrap(), sample());
        let changes = [
            ("\"version\": 1", "\"version\": 9", "version 9"),
            ("\"value\": 0.008", "\"value\": 8.0", "beyond all reason"),
            ("\"planned\"", "\"plan\"", "not a measurement of noise"),
        ];
        refuses(&sample().text(), &changes, read);
    }
}
