//! What was seen of the target's gauges, for whoever shows it: over the judged seconds, over
//! time, and per request.
//!
//! In JSON a gauge's name is the key, `target_` before it where the generator has one of that
//! name as well. Times are in milliseconds.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::record::gauge::{self, ANEW, Gauge, GaugeId, Kind, Source, Unit};
use crate::record::interval::StepCounts;
use crate::record::run::RunRecord;
use crate::record::seconds::PackedSecond;
use crate::record::telemetry::TargetSecond;

/// The largest share of seconds in which something may count anew; one may always be.
const MOST_ANEW: f64 = 0.1;

/// Mean and maximum over the seconds of the window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct MeanMax {
    /// Mean.
    pub mean: f64,
    /// Highest second.
    pub max: f64,
}

/// What one gauge was over the judged seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Which.
    pub gauge: Gauge,
    /// Its values; times in milliseconds.
    pub values: Option<MeanMax>,
    /// The series that the largest is of, where several tell it.
    pub series: Option<String>,
}

/// What all gauges of a record were.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TargetSeen(pub Vec<Seen>);

/// The lines of all gauges of a record over time; bytes are in MB, times in milliseconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TargetLines(pub Vec<(Gauge, Vec<Option<f64>>)>);

/// What stands in JSON by a gauge's key.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum SeenEntry<'a> {
    /// Mean and highest second; null where nothing was seen.
    Values(Option<MeanMax>),
    /// The series that the highest is of.
    Series(&'a str),
}

/// How the gauges are written into JSON.
pub(super) type SeenJson = BTreeMap<String, SeenEntry<'static>>;
/// And their lines.
pub(super) type LinesJson = BTreeMap<String, Vec<Option<f64>>>;

/// What the value of a gauge is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueUnit {
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// A share in [0, 1].
    Share,
    /// Cores of a CPU.
    Cores,
    /// Per second.
    PerSecond,
    /// Without unit.
    Number,
}

/// A value of a gauge with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct GaugeValue {
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: ValueUnit,
}

impl GaugeValue {
    /// A value as the record has it.
    pub fn of(gauge: &Gauge, value: f64) -> GaugeValue {
        GaugeValue { value: told(gauge, value), unit: unit_of(gauge) }
    }

    /// What a request has of it, as the record counts.
    pub fn per_request(gauge: &Gauge, value: f64) -> GaugeValue {
        let cost = PerRequest::of(gauge, value);
        let unit = match cost.unit {
            CostUnit::Milliseconds => ValueUnit::Milliseconds,
            CostUnit::Bytes => ValueUnit::Bytes,
            CostUnit::Number => ValueUnit::Number,
        };
        GaugeValue { value: cost.value, unit }
    }
}

/// What the values of a gauge are in, as they are told.
pub fn unit_of(gauge: &Gauge) -> ValueUnit {
    match (gauge.kind, gauge.unit) {
        (Kind::Gauge | Kind::Quantile, Unit::CpuSeconds | Unit::Seconds) => ValueUnit::Milliseconds,
        (Kind::Gauge | Kind::Quantile, Unit::Bytes) => ValueUnit::Bytes,
        (Kind::Gauge | Kind::Quantile, Unit::Number) => ValueUnit::Number,
        (_, Unit::Share) | (Kind::Counter, Unit::Seconds) => ValueUnit::Share,
        (_, Unit::Cores) | (Kind::Counter, Unit::CpuSeconds) => ValueUnit::Cores,
        (Kind::Counter, Unit::Bytes) => ValueUnit::BytesPerSecond,
        (Kind::Counter, Unit::Number) => ValueUnit::PerSecond,
    }
}

/// What one request can have of something that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CostUnit {
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// Without unit.
    Number,
}

/// What a request cost of something that is counted.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PerRequest {
    /// The gauge's name.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// The unit of the value.
    pub unit: CostUnit,
    /// How much.
    pub value: f64,
}

/// The same of both arms of a duet.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PerRequestChange {
    /// The gauge's name.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// The unit of the values.
    pub unit: CostUnit,
    /// The baseline's.
    pub baseline: f64,
    /// The candidate's.
    pub candidate: f64,
    /// Candidate ÷ baseline; `None` where the baseline has none of it.
    pub ratio: Option<f64>,
}

impl TargetSeen {
    /// What a gauge was.
    pub fn of(&self, gauge: &Gauge) -> Option<MeanMax> {
        self.seen(gauge)?.values
    }

    /// The series that its largest value is of.
    pub fn series(&self, gauge: &Gauge) -> Option<&str> {
        self.seen(gauge)?.series.as_deref()
    }

    fn seen(&self, gauge: &Gauge) -> Option<&Seen> {
        self.0.iter().find(|seen| seen.gauge.name == gauge.name)
    }
}

impl TargetLines {
    /// One line for each gauge of a table, without a point.
    pub fn empty(table: &[Gauge]) -> TargetLines {
        TargetLines(table.iter().map(|gauge| (gauge.clone(), Vec::new())).collect())
    }

    /// The line of a gauge; empty where it was not looked at.
    pub fn of(&self, gauge: &Gauge) -> &[Option<f64>] {
        let found = self.0.iter().find(|(known, _)| known.name == gauge.name);
        found.map_or(&[], |(_, line)| line.as_slice())
    }

    /// Adds the point of some seconds: what is counted by its mean, what is looked at by its
    /// highest.
    pub fn push(&mut self, seconds: &[TargetSecond]) {
        for (id, (gauge, line)) in (0..).map(GaugeId).zip(&mut self.0) {
            let values = seconds.iter().filter_map(|second| second.value(id));
            let point = match gauge.kind {
                Kind::Counter => mean_max(values).map(|found| found.mean),
                Kind::Gauge | Kind::Quantile => values.reduce(f64::max),
            };
            line.push(point.map(|value| drawn(gauge, value)));
        }
    }
}

/// The gauges of a record over the seconds that are meant.
pub fn seen(record: &RunRecord, is_meant: impl Fn(u32) -> bool) -> TargetSeen {
    let seconds: Vec<&TargetSecond> =
        record.target.iter().filter(|second| is_meant(second.second)).collect();
    let of = |(id, gauge): (GaugeId, &Gauge)| {
        let is_steady = is_steady(&seconds, id, gauge);
        let value = |second: &TargetSecond| second.value(id).filter(|_| is_steady);
        let largest = |second: &&&TargetSecond| value(second).unwrap_or(0.0);
        let longest = seconds.iter().max_by(|a, b| largest(a).total_cmp(&largest(b)));
        Seen {
            gauge: gauge.clone(),
            values: mean_max(seconds.iter().filter_map(|it| value(it)).map(|it| told(gauge, it))),
            series: longest
                .filter(|it| value(it).is_some())
                .and_then(|second| second.series.get(&id).cloned()),
        }
    };
    TargetSeen((0..).map(GaugeId).zip(&record.head.gauges).map(of).collect())
}

/// Whether something that the target counts itself counted anew in a second, by what stands in the
/// place of its series.
pub(super) fn is_anew(gauge: &Gauge, series: Option<&str>) -> bool {
    matches!(gauge.source, Source::Metrics | Source::Watched) && series == Some(ANEW)
}

/// Whether something counted anew in too many seconds for its growth to mean anything in others.
pub(super) fn is_unsteady(anew: usize, seconds: usize) -> bool {
    anew as f64 > (MOST_ANEW * seconds as f64).max(1.0)
}

/// What a request cost of everything that the target counts, over the seconds that are meant in
/// which it is known. CPU time is a metric of its own.
pub fn per_request(record: &RunRecord, is_meant: impl Fn(u32) -> bool) -> Vec<PerRequest> {
    let counters = record.head.gauges.iter();
    let is_its_own = |it: &&Gauge| matches!(it.source, Source::Metrics | Source::Watched);
    let counters = counters.filter(|it| it.kind == Kind::Counter).filter(is_its_own);
    let meant: Vec<&TargetSecond> =
        record.target.iter().filter(|second| is_meant(second.second)).collect();
    let known = |gauge: &Gauge| -> Vec<(u32, f64)> {
        let id = record.head.gauge(gauge).filter(|id| is_steady(&meant, *id, gauge));
        meant.iter().filter_map(|second| Some((second.second, second.value(id?)?))).collect()
    };
    let known: Vec<_> = counters.map(|gauge| (gauge, known(gauge))).collect();
    if known.iter().all(|(_, values)| values.is_empty()) {
        return Vec::new();
    }
    let requests = requests(record);
    let cost = |(gauge, values): (&Gauge, Vec<(u32, f64)>)| {
        let of = |second: &u32| requests.get(second).copied().unwrap_or(0);
        let requests: u64 = values.iter().map(|(second, _)| of(second)).sum();
        let sum: f64 = values.iter().map(|(_, value)| value).sum();
        (requests > 0).then(|| PerRequest::of(gauge, sum / requests as f64))
    };
    known.into_iter().filter_map(cost).collect()
}

fn is_steady(seconds: &[&TargetSecond], id: GaugeId, gauge: &Gauge) -> bool {
    let is_so = |second: &TargetSecond| is_anew(gauge, second.series.get(&id).map(String::as_str));
    let anew = seconds.iter().filter(|second| is_so(second)).count();
    !is_unsteady(anew, seconds.len())
}

/// Requests with an outcome, by the second in which they were due.
pub(super) fn requests(record: &RunRecord) -> BTreeMap<u32, u64> {
    let ended = |second: PackedSecond<'_>| {
        let counts = second.counts();
        (second.second(), counts.iter().map(StepCounts::ended).sum())
    };
    record.seconds.iter().map(ended).collect()
}

impl PerRequest {
    /// So much of a gauge, in its own unit.
    fn of(gauge: &Gauge, value: f64) -> PerRequest {
        let (unit, value) = match gauge.unit {
            Unit::CpuSeconds | Unit::Seconds => (CostUnit::Milliseconds, value * 1e3),
            Unit::Bytes => (CostUnit::Bytes, value),
            Unit::Number | Unit::Share | Unit::Cores => (CostUnit::Number, value),
        };
        PerRequest { name: gauge.name.to_string(), label: gauge.label.to_string(), unit, value }
    }
}

/// What both arms have of it.
pub fn changes(baseline: &[PerRequest], candidate: &[PerRequest]) -> Vec<PerRequestChange> {
    let change = |of: &PerRequest| {
        let other = candidate.iter().find(|it| it.name == of.name)?;
        let (baseline, candidate) = (of.value, other.value);
        let ratio = (baseline > 0.0).then(|| candidate / baseline);
        let PerRequest { name, label, unit, .. } = of.clone();
        Some(PerRequestChange { name, label, unit, baseline, candidate, ratio })
    };
    baseline.iter().filter_map(change).collect()
}

/// In milliseconds, if it is a time.
fn told(gauge: &Gauge, value: f64) -> f64 {
    match (gauge.kind, gauge.unit) {
        (Kind::Gauge | Kind::Quantile, Unit::CpuSeconds | Unit::Seconds) => value * 1e3,
        (Kind::Gauge | Kind::Quantile, Unit::Bytes | Unit::Share | Unit::Cores | Unit::Number)
        | (Kind::Counter, _) => value,
    }
}

/// The same, and bytes in MB.
fn drawn(gauge: &Gauge, value: f64) -> f64 {
    match gauge.unit {
        Unit::Bytes => value / 1e6,
        Unit::CpuSeconds | Unit::Seconds | Unit::Share | Unit::Cores | Unit::Number => {
            told(gauge, value)
        }
    }
}

/// Mean and maximum of some values.
pub(super) fn mean_max(values: impl Iterator<Item = f64>) -> Option<MeanMax> {
    let values: Vec<f64> = values.collect();
    let max = values.iter().copied().reduce(f64::max)?;
    Some(MeanMax { mean: values.iter().sum::<f64>() / values.len() as f64, max })
}

fn key(gauge: &Gauge) -> String {
    let has_generator_too =
        [gauge::CPU, gauge::RSS].iter().any(|it| gauge.name.starts_with(&*it.name));
    format!("{}{}", if has_generator_too { "target_" } else { "" }, gauge.name)
}

impl Serialize for TargetSeen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for Seen { gauge, values, series } in &self.0 {
            map.serialize_entry(&key(gauge), &SeenEntry::Values(*values))?;
            if let Some(series) = series {
                // `event_loop_series`: of the gauge `event_loop_delay`.
                let of = gauge.name.trim_end_matches("_delay");
                map.serialize_entry(&format!("{of}_series"), &SeenEntry::Series(series))?;
            }
        }
        map.end()
    }
}

impl Serialize for TargetLines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(gauge, line)| (key(gauge), line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::sample_records::{Requests, add, run};
    use crate::record::gauge::of_metrics;

    const GC: Gauge = of_metrics("gc_time", "GC time", Unit::Seconds, Kind::Counter);

    /// A run in which collections took so much of each second.
    fn collecting(shares: &[Option<f64>]) -> RunRecord {
        let mut record = run(shares.len() as u32, 100.0);
        add(&mut record, 0..shares.len() as u32, &[Requests::ok(100, 20_000)]);
        record.head.gauges.push(GC);
        let table = record.head.gauges.clone();
        let second = |(second, share): (u32, &Option<f64>)| {
            let mut seen = TargetSecond::of(second, &table, []);
            *seen.values.last_mut().unwrap() = *share;
            seen
        };
        record.target = (0..).zip(shares).map(second).collect();
        record
    }

    #[test]
    fn a_cost_is_of_the_requests_of_the_seconds_in_which_it_is_known() {
        let record = collecting(&[Some(0.9), Some(0.01), None, Some(0.03)]);
        let found = per_request(&record, |second| second > 0);
        let [cost] = found.as_slice() else { panic!("{found:?}") };
        assert!((cost.value - 0.2).abs() < 1e-9, "40 ms of 200 requests: {cost:?}");
        assert_eq!(per_request(&record, |second| second == 2), []);
    }

    #[test]
    fn what_is_counted_is_seen_as_it_is_per_second() {
        let record = collecting(&[Some(0.01), Some(0.03)]);
        let seen = seen(&record, |_| true);
        assert_eq!(seen.of(&GC), Some(MeanMax { mean: 0.02, max: 0.03 }));
        assert_eq!(seen.of(&gauge::RSS), None);
    }

    #[test]
    fn a_change_needs_both_arms() {
        let cost = |value| vec![PerRequest::of(&GC, value)];
        let found = changes(&cost(0.2), &cost(0.3));
        assert!((found[0].ratio.unwrap() - 1.5).abs() < 1e-9);
        assert_eq!(changes(&cost(0.0), &cost(0.3))[0].ratio, None);
        assert_eq!(changes(&cost(0.2), &[]), []);
    }

    #[test]
    fn keys_tell_the_targets_from_the_generators() {
        let seen = TargetSeen(vec![
            Seen { gauge: gauge::CPU, values: None, series: None },
            Seen { gauge: gauge::EVENT_LOOP_DELAY, values: None, series: Some("lag".to_owned()) },
        ]);
        let text = serde_json::to_string(&seen).unwrap();
        let expected = r#"{"target_cpu":null,"event_loop_delay":null,"event_loop_series":"lag"}"#;
        assert_eq!(text, expected);
    }
}
