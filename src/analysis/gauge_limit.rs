//! Judges a limit on a gauge of the target, by its values in the judged seconds.
//!
//! It is a statement about this run, which was seen second by second: the statistic is computed
//! and compared, without an interval. A gauge without values is never met, nor is one whose values
//! are missing in more than a few seconds: a target that does not answer when it is full would
//! pass.

use crate::analysis::assessment::SloStatus;
use crate::analysis::gauges::{self, GaugeValue};
use crate::analysis::number_format::{count, counted};
use crate::analysis::stats::{mean, median};
use crate::analysis::window::Judged;
use crate::record::gauge::{BEYOND, Gauge, GaugeId, Kind, Source};
use crate::record::run::{GaugeHead, RunRecord};
use crate::record::telemetry::TargetSecond;
use crate::scenario::gauge::Side;
use crate::scenario::slo::{Bound, Statistic};

/// The largest share of seconds without a value; one of them may always be.
const MOST_BLIND: f64 = 0.1;
/// Growth is told from this many values on.
const LEAST_FOR_GROWTH: usize = 20;
/// The share of the values at each end that growth is measured between.
const ENDS: usize = 10;

/// How a limit came out.
#[derive(Debug, Clone, PartialEq)]
pub struct GaugeJudged {
    /// Met, missed, or not known.
    pub status: SloStatus,
    /// The statistic.
    pub measured: Option<GaugeValue>,
    /// The limit in the same unit.
    pub limit: f64,
    /// Why it is not known.
    pub note: Option<String>,
}

/// Judges one limit over some seconds.
pub fn judge(record: &RunRecord, judged: &Judged, head: GaugeHead) -> GaugeJudged {
    let Some(gauge) = record.head.gauges.get(head.gauge.index()) else {
        return unknown(f64::NAN, "the record has no such gauge".to_owned());
    };
    let told = |value: f64| match head.statistic {
        Statistic::PerRequest => GaugeValue::per_request(gauge, value),
        Statistic::Mean
        | Statistic::Max
        | Statistic::Min
        | Statistic::Quantile(_)
        | Statistic::Growth => GaugeValue::of(gauge, value),
    };
    let limit = told(head.bound.limit).value;
    let seen = Seen::of(record, judged, head.gauge, gauge);
    if gauges::is_unsteady(seen.anew, seen.wanted) {
        return unknown(limit, seen.unsteady());
    }
    if seen.values.is_empty() {
        return unknown(limit, seen.nothing(gauge));
    }
    let value = match statistic(record, &seen, head.statistic) {
        Ok(value) => value,
        Err(note) => return unknown(limit, note),
    };
    let (status, note) = seen.status(value, head.statistic, head.bound);
    let (status, note) = match unwatched(record, gauge).filter(|_| status == SloStatus::Met) {
        Some(why) => (SloStatus::Inconclusive, Some(why.to_owned())),
        None => (status, note),
    };
    GaugeJudged { status, measured: Some(told(value)), limit, note }
}

/// Why what was seen of a gauge was not seen to the end, so that nothing holds for certain.
fn unwatched<'r>(record: &'r RunRecord, gauge: &Gauge) -> Option<&'r str> {
    let is_watchers = matches!(gauge.source, Source::Processes | Source::Group | Source::Machine);
    record.end.as_ref()?.lost_watcher().filter(|_| is_watchers)
}

fn unknown(limit: f64, note: String) -> GaugeJudged {
    GaugeJudged { status: SloStatus::Inconclusive, measured: None, limit, note: Some(note) }
}

/// What was seen of a gauge in the judged seconds.
struct Seen {
    /// Seconds with their values.
    values: Vec<(u32, f64)>,
    /// Seconds of which there should be a value.
    wanted: usize,
    /// How many of the values are only known to be no less.
    beyond: usize,
    /// In how many seconds the metric counted anew.
    anew: usize,
    /// Why there is none, of the first second without.
    why: Option<String>,
}

impl Seen {
    fn of(record: &RunRecord, judged: &Judged, id: GaugeId, gauge: &Gauge) -> Seen {
        let mut seen = Seen { values: Vec::new(), wanted: 0, beyond: 0, anew: 0, why: None };
        for second in &judged.seconds {
            let index = record.target.partition_point(|known| known.second < *second);
            let found = record.target.get(index).filter(|known| known.second == *second);
            let value = found.and_then(|found| found.value(id));
            let series = found.and_then(|found| found.series.get(&id)).map(String::as_str);
            match (value, found) {
                (Some(value), _) => {
                    seen.wanted += 1;
                    seen.values.push((*second, value));
                    seen.beyond += usize::from(series == Some(BEYOND));
                }
                // Nothing was observed in this second, so that there is no quantile of it.
                (None, Some(found))
                    if gauge.kind == Kind::Quantile && series.is_none() && is_read(found) => {}
                (None, found) => {
                    seen.wanted += 1;
                    seen.anew += usize::from(gauges::is_anew(gauge, series));
                    let why = series.or_else(|| error(found?, gauge.source));
                    seen.why = seen.why.or_else(|| why.map(str::to_owned));
                }
            }
        }
        seen
    }

    fn blind(&self) -> usize {
        self.wanted - self.values.len()
    }

    /// Why there is no value at all, and what to configure.
    fn nothing(&self, gauge: &Gauge) -> String {
        if let Some(why) = &self.why {
            return format!("no value in any judged second: {why}");
        }
        let advice = match gauge.source {
            Source::Processes | Source::Machine => {
                "let loadgate start the target (\"command\" of \"target\"), on Linux, or watch it where it \
                 is (loadgate watch)"
            }
            Source::Group => {
                "nothing limits the target, or loadgate does not start it (\"command\")"
            }
            Source::Metrics => {
                "the target's metrics have no such value, or \"metrics\" of \"target\" names no page"
            }
            Source::Watched => "no observation of it was on the target's page of metrics",
            Source::Database => {
                "name the database in \"postgres\" of \"target\"; a duet does not read it"
            }
        };
        format!("no value in any judged second: {advice}")
    }

    /// Whether the limit holds, as far as the values can tell.
    fn status(
        &self,
        value: f64,
        statistic: Statistic,
        bound: Bound,
    ) -> (SloStatus, Option<String>) {
        let holds = bound.holds(value);
        let allowed = (MOST_BLIND * self.wanted as f64).max(1.0);
        let is_sighted = self.blind() as f64 <= allowed;
        // One value beyond the limit is enough for these, whatever the others are.
        let is_certain = is_sighted || matches!(statistic, Statistic::Max | Statistic::Min);
        let is_least = self.beyond > 0 && (bound.side == Side::Below) == holds;
        match holds {
            _ if is_least => (SloStatus::Inconclusive, Some(self.least())),
            true if is_sighted => (SloStatus::Met, None),
            false if is_certain => (SloStatus::Missed, None),
            true | false => (SloStatus::Inconclusive, Some(self.missing())),
        }
    }

    /// What grows only between two resets, or in one of several processes, has no growth.
    fn unsteady(&self) -> String {
        format!(
            "in {} of {} judged seconds it counted anew: each read resets it, or several processes \
             answer for one page",
            count(self.anew as u64),
            count(self.wanted as u64)
        )
    }

    fn least(&self) -> String {
        format!(
            "in {} the quantile was beyond the histogram's last bucket, so that only its least is known",
            counted(self.beyond as u64, "second")
        )
    }

    fn missing(&self) -> String {
        let why = self.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        let wanted = count(self.wanted as u64);
        format!("{} of {wanted} judged seconds have no value{why}", count(self.blind() as u64))
    }
}

/// Whether the target's metrics were read in a second.
fn is_read(second: &TargetSecond) -> bool {
    second.scrape_error.is_none() && second.watch_error.is_none()
}

/// Why a second has no value of a source.
fn error(second: &TargetSecond, source: Source) -> Option<&str> {
    match source {
        Source::Metrics => second.scrape_error.as_deref(),
        Source::Watched => second.scrape_error.as_deref().or(second.watch_error.as_deref()),
        Source::Database => second.database_error.as_deref(),
        Source::Processes | Source::Group | Source::Machine => None,
    }
}

fn statistic(record: &RunRecord, seen: &Seen, statistic: Statistic) -> Result<f64, String> {
    let mut values: Vec<f64> = seen.values.iter().map(|(_, value)| *value).collect();
    let none = || "no value".to_owned();
    match statistic {
        Statistic::Mean => mean(&values).ok_or_else(none),
        Statistic::Max => values.into_iter().reduce(f64::max).ok_or_else(none),
        Statistic::Min => values.into_iter().reduce(f64::min).ok_or_else(none),
        Statistic::Quantile(share) => {
            values.sort_by(f64::total_cmp);
            let rank = (share * values.len() as f64 - 1e-9).ceil().max(1.0) as usize;
            values.get(rank - 1).copied().ok_or_else(none)
        }
        Statistic::Growth => growth(&values),
        Statistic::PerRequest => per_request(record, &seen.values),
    }
}

/// The median of the last tenth less that of the first.
fn growth(values: &[f64]) -> Result<f64, String> {
    if values.len() < LEAST_FOR_GROWTH {
        return Err(format!("growth needs at least {LEAST_FOR_GROWTH} judged seconds; run longer"));
    }
    let end = (values.len() / ENDS).max(1);
    let ends = median(&values[values.len() - end..]).zip(median(&values[..end]));
    ends.map(|(last, first)| last - first).ok_or_else(|| "no value".to_owned())
}

fn per_request(record: &RunRecord, values: &[(u32, f64)]) -> Result<f64, String> {
    let requests = gauges::requests(record);
    let ended: u64 = values.iter().filter_map(|(second, _)| requests.get(second)).sum();
    let sum: f64 = values.iter().map(|(_, value)| value).sum();
    if ended > 0 { Ok(sum / ended as f64) } else { Err("no request to judge".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assess::assess;
    use crate::analysis::assessment::Verdict;
    use crate::analysis::sample_records::{self, Requests, add, run};
    use crate::analysis::window;
    use crate::record::gauge::{self, ANEW, NO_AMOUNT};

    /// A minute of which the target's memory was so in each second, in MB; 50 s are judged.
    fn with_memory(of: impl Fn(u32) -> Option<f64>) -> RunRecord {
        with(&gauge::RSS, |second| of(second).map(|megabytes| megabytes * 1e6))
    }

    #[test]
    fn what_a_watcher_that_was_lost_has_seen_is_never_enough() {
        let status = |most: f64, lost: Option<&str>, seconds: u32| {
            let mut record = with_memory(|second| (second < seconds).then_some(100.0));
            let (name, lost) = ("beside".to_owned(), lost.map(str::to_owned));
            record.end.as_mut().unwrap().watcher = Some(crate::record::run::Watcher { name, lost });
            let head = self::limit(&record, &gauge::RSS, Statistic::Max, most);
            let judged = window::judged(&record);
            judge(&record, &judged, head).status
        };
        assert_eq!(status(200e6, None, 60), SloStatus::Met);
        // It may have been lost after the last second that is judged.
        assert_eq!(status(200e6, Some("lost"), 60), SloStatus::Inconclusive);
        assert_eq!(status(200e6, Some("lost"), 58), SloStatus::Inconclusive);
        assert_eq!(status(50e6, Some("lost"), 58), SloStatus::Missed);
    }

    fn with(gauge: &Gauge, of: impl Fn(u32) -> Option<f64>) -> RunRecord {
        let mut record = run(60, 100.0);
        add(&mut record, 0..60, &[Requests::ok(100, 20_000)]);
        if record.head.gauge(gauge).is_none() {
            record.head.gauges.push(gauge.clone());
        }
        let table = record.head.gauges.clone();
        let seen =
            |second| TargetSecond::of(second, &table, of(second).map(|value| (gauge, value)));
        record.target = (0..60).map(seen).collect();
        record
    }

    fn limit(record: &RunRecord, gauge: &Gauge, statistic: Statistic, limit: f64) -> GaugeHead {
        let bound = Bound { limit, side: Side::Below, inclusive: false };
        GaugeHead { gauge: record.head.gauge(gauge).unwrap(), statistic, bound }
    }

    #[track_caller]
    fn check(record: &RunRecord, head: GaugeHead, status: SloStatus, measured: Option<f64>) {
        let found = judge(record, &window::judged(record), head);
        assert_eq!(found.status, status, "{found:?}");
        match (found.measured, measured) {
            (Some(found), Some(expected)) => {
                assert!(
                    (found.value - expected).abs() < 1e-6 * expected.abs().max(1.0),
                    "{found:?}"
                );
            }
            (found, expected) => assert_eq!(found.map(|it| it.value), expected),
        }
        assert_eq!(found.note.is_some(), status == SloStatus::Inconclusive, "{found:?}");
    }

    #[test]
    fn statistics_are_those_of_the_judged_seconds() {
        let rising =
            with_memory(|second| Some(if second < 10 { 900.0 } else { f64::from(second) }));
        let of =
            |statistic, megabytes: f64| limit(&rising, &gauge::RSS, statistic, megabytes * 1e6);
        check(&rising, of(Statistic::Max, 60.0), SloStatus::Met, Some(59e6));
        check(&rising, of(Statistic::Max, 59.0), SloStatus::Missed, Some(59e6));
        check(&rising, of(Statistic::Mean, 34.6), SloStatus::Met, Some(34.5e6));
        check(&rising, of(Statistic::Quantile(0.5), 34.0), SloStatus::Missed, Some(34e6));
        check(&rising, of(Statistic::Quantile(0.99), 60.0), SloStatus::Met, Some(59e6));
        check(&rising, of(Statistic::Growth, 46.0), SloStatus::Met, Some(45e6));
        check(&rising, of(Statistic::Growth, 44.0), SloStatus::Missed, Some(45e6));
    }

    #[test]
    fn cpu_per_request_is_told_in_milliseconds() {
        let record = with(&gauge::CPU, |_| Some(0.25));
        let of = |seconds| limit(&record, &gauge::CPU, Statistic::PerRequest, seconds);
        check(&record, of(0.003), SloStatus::Met, Some(2.5));
        check(&record, of(0.002), SloStatus::Missed, Some(2.5));
    }

    #[test]
    fn a_gauge_without_values_is_never_met() {
        let nothing = with_memory(|_| None);
        let of = |statistic| limit(&nothing, &gauge::RSS, statistic, 1e12);
        for statistic in [Statistic::Max, Statistic::Mean, Statistic::Growth] {
            check(&nothing, of(statistic), SloStatus::Inconclusive, None);
        }
        let found = judge(&nothing, &window::judged(&nothing), of(Statistic::Max));
        assert!(found.note.unwrap().contains("\"command\""));
        let mut unread = with(&gauge::POOL_WAITING, |_| None);
        for second in &mut unread.target {
            second.scrape_error = Some("404 Not Found".to_owned());
        }
        let head = limit(&unread, &gauge::POOL_WAITING, Statistic::Max, 1.0);
        let found = judge(&unread, &window::judged(&unread), head);
        assert!(found.note.unwrap().contains("404 Not Found"));
    }

    #[test]
    fn a_target_that_does_not_answer_when_it_is_full_is_not_met() {
        let of = |blind: u32| with_memory(move |second| (second >= 10 + blind).then_some(10.0));
        let max = |record: &RunRecord, megabytes: f64| {
            limit(record, &gauge::RSS, Statistic::Max, megabytes * 1e6)
        };
        check(&of(5), max(&of(5), 20.0), SloStatus::Met, Some(10e6));
        check(&of(6), max(&of(6), 20.0), SloStatus::Inconclusive, Some(10e6));
        check(&of(40), max(&of(40), 5.0), SloStatus::Missed, Some(10e6));
        let mean = limit(&of(40), &gauge::RSS, Statistic::Mean, 5e6);
        check(&of(40), mean, SloStatus::Inconclusive, Some(10e6));
        check(
            &of(40),
            limit(&of(40), &gauge::RSS, Statistic::Growth, 1e9),
            SloStatus::Inconclusive,
            None,
        );
    }

    #[test]
    fn a_value_beyond_the_last_bucket_meets_nothing() {
        let wait =
            Gauge { kind: Kind::Quantile, source: Source::Watched, ..gauge::EVENT_LOOP_DELAY };
        let wait = Gauge { name: "metric_wait".into(), ..wait };
        let mut record = with(&wait, |second| (second % 2 == 0).then_some(5.0));
        let of = |record: &RunRecord, seconds| limit(record, &wait, Statistic::Max, seconds);
        check(&record, of(&record, 6.0), SloStatus::Met, Some(5_000.0));
        let id = record.head.gauge(&wait).unwrap();
        record.target[20].series.insert(id, BEYOND.to_owned());
        check(&record, of(&record, 6.0), SloStatus::Inconclusive, Some(5_000.0));
        check(&record, of(&record, 5.0), SloStatus::Missed, Some(5_000.0));
    }

    /// A histogram that each read resets, or a counter of one process after the other: what seems to
    /// have grown in between may be anything.
    #[test]
    fn what_counts_anew_again_and_again_neither_meets_nor_misses() {
        for kind in [Kind::Counter, Kind::Quantile] {
            let source = Source::Watched;
            let jobs = Gauge { kind, source, name: "metric_jobs".into(), ..gauge::POOL_WAITING };
            let of = |anew: u32| {
                let mut record =
                    with(&jobs, |second| (second % 2 == 1 || second >= 2 * anew).then_some(5.0));
                let id = record.head.gauge(&jobs).unwrap();
                for second in record.target.iter_mut().filter(|it| it.value(id).is_none()) {
                    second.series.insert(id, ANEW.to_owned());
                }
                record
            };
            let max = |record: &RunRecord, number| limit(record, &jobs, Statistic::Max, number);
            // Those of the warm-up do not count.
            let few = of(10);
            check(&few, max(&few, 6.0), SloStatus::Met, Some(5.0));
            check(&few, max(&few, 5.0), SloStatus::Missed, Some(5.0));
            let often = of(11);
            check(&often, max(&often, 6.0), SloStatus::Inconclusive, None);
            check(&often, max(&often, 5.0), SloStatus::Inconclusive, None);
            let note = judge(&often, &window::judged(&often), max(&often, 6.0)).note.unwrap();
            assert!(note.starts_with("in 6 of 50 judged seconds it counted anew"), "{note}");
            let seen = |record: &RunRecord| gauges::seen(record, |second| second >= 10).of(&jobs);
            assert!(seen(&few).is_some() && seen(&often).is_none(), "{kind:?}");
        }
    }

    /// It was on the page, and is no reason to look for mistakes in the scenario.
    #[test]
    fn a_value_that_is_not_to_be_believed_is_said() {
        let mut record = with(&gauge::POOL_WAITING, |_| None);
        let id = record.head.gauge(&gauge::POOL_WAITING).unwrap();
        for second in &mut record.target {
            second.series.insert(id, NO_AMOUNT.to_owned());
        }
        let head = limit(&record, &gauge::POOL_WAITING, Statistic::Max, 1.0);
        let found = judge(&record, &window::judged(&record), head);
        assert_eq!(found.status, SloStatus::Inconclusive);
        assert!(found.note.unwrap().ends_with(NO_AMOUNT));
        let findings = assess(&record).findings;
        let unread = findings.iter().find(|it| it.kind == "metrics_unread").unwrap();
        assert!(unread.evidence.ends_with(&format!("50 seconds: pool waiting: {NO_AMOUNT}")));
    }

    #[test]
    fn a_missed_limit_misses_the_run() {
        let verdict = |megabytes: f64| {
            let mut record = with_memory(|_| Some(100.0));
            let metric = limit(&record, &gauge::RSS, Statistic::Max, megabytes * 1e6);
            record.head.slos.push(crate::record::run::SloHead {
                text: format!("target.rss.max < {megabytes}MB"),
                metric: crate::record::run::MetricHead::Gauge(metric),
                allowed: 0.0,
                ..sample_records::p99()
            });
            let assessment = assess(&record);
            (assessment.verdict, assessment.reasons[0].clone())
        };
        assert_eq!(verdict(200.0).0, Verdict::Pass);
        let (missed, reason) = verdict(50.0);
        assert_eq!(missed, Verdict::SloMissed);
        assert_eq!(reason, "target.rss.max < 50MB missed: 100 MB");
    }
}
