//! Makes values of a second of what was read of the target, gauge by gauge.
//!
//! What the processes, their control group and the machine use, what the target's metrics say and
//! what its database tells come in, the values of a second go out. Of what is counted, the growth
//! per second since it was last read is a second's value.

use std::sync::Arc;
use std::time::Instant;

use super::buckets::Buckets;
use super::cgroup::GroupUsage;
use super::known::{KNOWN, Known, Read};
use super::postgres::DatabaseUsage;
use super::pressure::Pressure;
use super::procfs::TreeUsage;
use super::prometheus::{Metric, Metrics};
use super::watched::{self, Amount};
use crate::record::gauge::{BEYOND, Gauge, GaugeId, Kind, Source};
use crate::record::telemetry::TargetSecond;
use crate::scenario::model::Target;
use crate::scenario::watch::Watched;

/// What a record says of the gauges of any target.
pub fn table() -> Vec<Gauge> {
    KNOWN.iter().map(|known| known.gauge.clone()).collect()
}

/// The same, and of the metrics that a scenario names of this one.
pub fn table_of(target: &Target) -> Vec<Gauge> {
    with_watched(watched_of(target))
}

/// The metrics that a scenario names.
pub fn watched_of(target: &Target) -> &[Watched] {
    target.metrics.as_ref().map(|page| page.watch.as_slice()).unwrap_or_default()
}

fn with_watched(watch: &[Watched]) -> Vec<Gauge> {
    let watched = watch.iter().map(|watched| Gauge::watched(watched.named()));
    table().into_iter().chain(watched).collect()
}

/// What was read of one gauge.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    id: GaugeId,
    amount: Amount,
    /// The metric that it is of, where several tell it.
    metric: Option<&'static str>,
}

/// What a scrape said.
#[derive(Debug, Default)]
pub struct Scraped {
    /// Of each gauge that was found.
    pub found: Vec<Reading>,
    /// Why some of the metrics that the scenario names were not.
    pub watch_error: Option<String>,
}

/// What was looked at.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'s> {
    /// The target's processes.
    Processes(&'s TreeUsage),
    /// The control group that they are in.
    Group(&'s GroupUsage),
    /// The machine.
    Machine(&'s Pressure),
    /// The database's statistics.
    Database(&'s DatabaseUsage),
    /// The target's metrics.
    Metrics(&'s Metrics),
}

type Value = (f64, Option<&'static str>);

/// What it says of all gauges that are known.
pub fn read(seen: Seen<'_>) -> Vec<Reading> {
    let reading = |(id, known): (u16, &Known)| {
        let (value, metric) = value(&known.read, seen)?;
        Some(Reading { id: GaugeId(id), amount: Amount::Value(value), metric })
    };
    (0..).zip(KNOWN).filter_map(reading).collect()
}

fn value(read: &Read, seen: Seen<'_>) -> Option<Value> {
    match (read, seen) {
        (Read::Processes(of), Seen::Processes(usage)) => Some((of(usage)?, None)),
        (Read::Group(of), Seen::Group(usage)) => Some((of(usage)?, None)),
        (Read::Machine(of), Seen::Machine(pressure)) => Some((of(pressure)?, None)),
        (Read::Database(of), Seen::Database(usage)) => Some((of(usage)?, None)),
        (Read::Sum(of), Seen::Metrics(metrics)) => summed(of, metrics),
        (Read::Longest(of), Seen::Metrics(metrics)) => longest(of, metrics),
        (
            Read::Processes(_)
            | Read::Group(_)
            | Read::Machine(_)
            | Read::Database(_)
            | Read::Sum(_)
            | Read::Longest(_),
            _,
        ) => None,
    }
}

/// What a scrape says of all gauges of the metrics, and of those that a scenario names.
pub fn of_metrics_page(metrics: &Metrics, watch: &[Watched]) -> Scraped {
    let mut found = read(Seen::Metrics(metrics));
    let mut errors = Vec::new();
    for (place, watched) in (KNOWN.len()..).zip(watch) {
        match watched::read(watched, metrics) {
            Ok(amount) => found.push(Reading { id: GaugeId(place as u16), amount, metric: None }),
            Err(why) => errors.push(why),
        }
    }
    Scraped { found, watch_error: (!errors.is_empty()).then(|| errors.join("; ")) }
}

fn summed(of: &[Metric], metrics: &Metrics) -> Option<Value> {
    of.iter().find_map(|metric| {
        let values = metric.values(metrics);
        (!values.is_empty()).then(|| (values.iter().sum(), Some(metric.name)))
    })
}

fn longest(of: &[Metric], metrics: &Metrics) -> Option<Value> {
    let each = of.iter().filter_map(|metric| {
        let largest = metric.values(metrics).into_iter().reduce(f64::max)?;
        Some((largest, Some(metric.name)))
    });
    each.reduce(|best, next| if next.0 > best.0 { next } else { best })
}

/// Makes values of a second of what was read, one time after the other.
#[derive(Debug)]
pub struct Readings {
    table: Vec<Gauge>,
    /// The metrics that the scenario names.
    pub watch: Arc<[Watched]>,
    /// What was read of each counter the last time, and when that was.
    before: Vec<Option<(Reading, Instant)>>,
}

impl Readings {
    /// Before anything was read of a target of which these metrics are named.
    pub fn of(watch: &[Watched]) -> Readings {
        let table = with_watched(watch);
        Readings { before: vec![None; table.len()], watch: watch.into(), table }
    }

    /// A second before anything of it is read.
    pub fn second(&self, second: u32) -> TargetSecond {
        TargetSecond { second, values: vec![None; self.table.len()], ..TargetSecond::default() }
    }

    /// Adds to a second what was read at a moment.
    pub fn add(&mut self, found: Vec<Reading>, at: Instant, second: &mut TargetSecond) {
        for reading in found {
            let (id, metric) = (reading.id, reading.metric);
            let value = match self.table[id.index()].kind {
                Kind::Gauge => reading.amount.value(),
                Kind::Counter => self.growth(reading, at),
                Kind::Quantile => self.quantile(reading, at, second),
            };
            second.values[id.index()] = value.filter(|value| value.is_finite());
            let tells_several =
                KNOWN.get(id.index()).is_some_and(|it| matches!(it.read, Read::Longest(_)));
            if let Some(metric) = metric.filter(|_| tells_several) {
                second.series.insert(id, metric.to_owned());
            }
        }
    }

    /// Per second; `None` the first time, and where the target counts anew.
    fn growth(&mut self, reading: Reading, at: Instant) -> Option<f64> {
        let now = reading.amount.value()?;
        let metric = reading.metric;
        let (before, then) = self.before[reading.id.index()].replace((reading, at))?;
        let grown = now - before.amount.value()?;
        let is_same = before.metric == metric && grown >= 0.0;
        is_same.then(|| grown / at.duration_since(then).as_secs_f64())
    }

    /// Of what was observed since the last time.
    fn quantile(
        &mut self,
        reading: Reading,
        at: Instant,
        second: &mut TargetSecond,
    ) -> Option<f64> {
        let id = reading.id;
        let now = reading.amount.buckets().cloned()?;
        let (before, _) = self.before[id.index()].replace((reading, at))?;
        let share = self.watch.get(id.index().checked_sub(KNOWN.len())?)?.quantile()?;
        let added = Buckets::since(before.amount.buckets()?, &now)?;
        let found = added.quantile(share)?;
        if found.is_beyond {
            second.series.insert(id, BEYOND.to_owned());
        }
        Some(found.value)
    }

    /// Forgets what the processes had used, as they are gone.
    pub fn lost_processes(&mut self) {
        for (gauge, before) in self.table.iter().zip(&mut self.before) {
            if gauge.source == Source::Processes {
                *before = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::record::gauge;
    use crate::scenario::watch;
    use crate::target::prometheus::parse;
    use crate::target::prometheus::tests::PROM_CLIENT;

    fn id(gauge: &Gauge) -> GaugeId {
        gauge::find(&table(), gauge).unwrap()
    }

    fn picked(text: &str, gauge: &Gauge) -> Option<(f64, &'static str)> {
        let found = of_metrics_page(&parse(text.as_bytes()), &[]).found;
        let found = found.into_iter().find(|reading| reading.id == id(gauge))?;
        Some((found.amount.value().unwrap(), found.metric.unwrap()))
    }

    fn value(text: &str, gauge: &Gauge) -> Option<f64> {
        picked(text, gauge).map(|(value, _)| value)
    }

    #[test]
    fn a_real_scrape_has_its_gauges() {
        assert_eq!(value(PROM_CLIENT, &gauge::EVENT_LOOP_DELAY), Some(0.012_427_263));
        assert_eq!(value(PROM_CLIENT, &gauge::POOL_IN_USE), Some(9.0));
        assert_eq!(value(PROM_CLIENT, &gauge::POOL_WAITING), Some(3.0));
        let gc = &KNOWN.iter().find(|known| known.gauge.name == "gc_time").unwrap().gauge;
        let all_kinds = value(PROM_CLIENT, gc).unwrap();
        assert!((all_kinds - 0.501_857).abs() < 1e-6, "{all_kinds}");
    }

    /// What seconds say of a counter that was read so, a second apart.
    fn seconds(readings: &[(f64, Option<&'static str>)], gauge: &Gauge) -> Vec<Option<f64>> {
        let (mut made, start) = (Readings::of(&[]), Instant::now());
        let mut second = |(place, &(value, metric)): (u64, &Value)| {
            let mut second = made.second(0);
            let (at, amount) = (start + Duration::from_secs(place), Amount::Value(value));
            made.add(vec![Reading { id: id(gauge), amount, metric }], at, &mut second);
            second.value(id(gauge))
        };
        (0..).zip(readings).map(&mut second).collect()
    }

    #[test]
    fn what_is_counted_is_told_as_its_growth() {
        let of = |value| (value, Some("a"));
        let cpu = [(7.0, None), (7.5, None), (7.5, None)];
        assert_eq!(seconds(&cpu, &gauge::CPU), [None, Some(0.5), Some(0.0)]);
        let again = [of(7.0), of(1.0), of(1.25)];
        assert_eq!(seconds(&again, &gauge::CPU), [None, None, Some(0.25)], "the target restarted");
        let other = [of(7.0), (9.0, Some("b")), (9.5, Some("b"))];
        assert_eq!(seconds(&other, &gauge::CPU), [None, None, Some(0.5)], "another metric");
        assert_eq!(seconds(&[of(9.0), of(4.0)], &gauge::RSS), [Some(9.0), Some(4.0)]);
    }

    #[test]
    fn processes_that_are_gone_have_no_growth() {
        let (mut readings, start) = (Readings::of(&[]), Instant::now());
        let usage =
            |seconds| TreeUsage { cpu: Duration::from_secs(seconds), ..TreeUsage::default() };
        let mut second = readings.second(0);
        readings.add(read(Seen::Processes(&usage(5))), start, &mut second);
        readings.lost_processes();
        readings.add(read(Seen::Processes(&usage(6))), start + Duration::from_secs(1), &mut second);
        assert_eq!(second.value(id(&gauge::CPU)), None);
        readings.add(read(Seen::Processes(&usage(7))), start + Duration::from_secs(2), &mut second);
        assert_eq!(second.value(id(&gauge::CPU)), Some(1.0));
    }

    #[track_caller]
    fn delay(text: &str, expected: Option<f64>) {
        assert_eq!(value(text, &gauge::EVENT_LOOP_DELAY), expected, "{text}");
    }

    #[test]
    fn the_longest_delay_of_the_event_loop_is_picked_with_its_name() {
        for (text, expected, name) in [
            (
                "nodejs_eventloop_lag_seconds 0.001\nnodejs_eventloop_lag_max_seconds 0.41\n\
                 nodejs_eventloop_lag_p90_seconds 0.02\nnodejs_eventloop_lag_p99_seconds 0.03",
                0.41,
                "nodejs_eventloop_lag_max_seconds",
            ),
            (
                "nodejs_eventloop_lag_seconds 0.3\nnodejs_eventloop_lag_max_seconds 0.2",
                0.3,
                "nodejs_eventloop_lag_seconds",
            ),
            (
                "app_event_loop_delay_max_ms 50\nevent_loop_delay_p99_ms 50",
                0.05,
                "event_loop_delay_max_ms",
            ),
        ] {
            assert_eq!(picked(text, &gauge::EVENT_LOOP_DELAY), Some((expected, name)), "{text}");
        }
    }

    #[test]
    fn the_best_usable_metric_is_picked() {
        delay("nodejs_eventloop_lag_seconds 1\nnodejs_eventloop_lag_p99_seconds 2", Some(2.0));
        delay("nodejs_eventloop_lag_seconds 1\nnodejs_eventloop_lag_p99_seconds Nan", Some(1.0));
        delay("shop_nodejs_eventloop_lag_p99_seconds 2", Some(2.0));
        delay("notnodejs_eventloop_lag_p99_seconds 2", None);
        delay(
            "nodejs_eventloop_lag_p99_seconds{pid=\"1\"} 2\nnodejs_eventloop_lag_p99_seconds{pid=\"2\"} 3",
            Some(3.0),
        );
        delay("nodejs_eventloop_delay_seconds{quantile=\"0.5\"} 2", None);
        delay("nodejs_eventloop_delay_seconds{quantile=\"0.99\"} 4", Some(4.0));
        delay("nodejs_eventloop_delay_seconds{quantile=\"1\"} 5", Some(5.0));
        delay("event_loop_delay_ms 250", Some(0.25));
        delay("nodejs_eventloop_lag_seconds -1", None);
        delay("", None);
    }

    fn watched(metric: &str, reading: watch::Reading) -> Watched {
        let (name, metric) = (metric.to_owned(), metric.to_owned());
        Watched { name, metric, labels: Vec::new(), reading }
    }

    /// What seconds say of a metric that a scenario names, by the pages of these seconds.
    fn told(metric: &str, reading: watch::Reading, pages: &[&str]) -> Vec<Option<f64>> {
        let watch = [watched(metric, reading)];
        let (mut made, start) = (Readings::of(&watch), Instant::now());
        let mut second = |(place, page): (u64, &&str)| {
            let mut second = made.second(0);
            let scraped = of_metrics_page(&parse(page.as_bytes()), &watch);
            made.add(scraped.found, start + Duration::from_secs(place), &mut second);
            second.values.pop().unwrap()
        };
        (0..).zip(pages).map(&mut second).collect()
    }

    #[test]
    fn a_scenario_names_gauges_counters_and_histograms() {
        let sum = watch::Combine::Sum;
        let depth = ["depth{q=\"a\"} 3\ndepth{q=\"b\"} -1", "other 1", "depth NaN", "depth 4"];
        let expected = [Some(2.0), None, None, Some(4.0)];
        assert_eq!(told("depth", watch::Reading::Gauge(sum), &depth), expected);
        let jobs = ["jobs_total 10", "jobs_total 25", "jobs_total 3", "jobs_total 4"];
        let expected = [None, Some(15.0), None, Some(1.0)];
        assert_eq!(told("jobs_total", watch::Reading::Counter(sum), &jobs), expected);
        let page = |a: u32, b: u32, c: u32| {
            format!(
                "w_bucket{{le=\"1\"}} {a}\nw_bucket{{le=\"2\"}} {b}\nw_bucket{{le=\"+Inf\"}} {c}"
            )
        };
        let pages = [page(0, 10, 10), page(0, 20, 20), page(0, 20, 20), page(0, 20, 30)];
        let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
        let found = told("w", watch::Reading::Quantile(0.5), &pages);
        assert_eq!(found, [None, Some(1.5), None, Some(2.0)], "the last is beyond the last bucket");
    }

    #[test]
    fn a_value_beyond_the_last_bucket_is_marked() {
        let watch = [watched("w", watch::Reading::Quantile(0.5))];
        let mut made = Readings::of(&watch);
        let mut second = made.second(0);
        for count in [0, 10] {
            let page = format!("w_bucket{{le=\"1\"}} 0\nw_bucket{{le=\"+Inf\"}} {count}");
            let scraped = of_metrics_page(&parse(page.as_bytes()), &watch);
            made.add(scraped.found, Instant::now(), &mut second);
        }
        let id = GaugeId(KNOWN.len() as u16);
        assert_eq!((second.value(id), second.series[&id].as_str()), (Some(1.0), BEYOND));
    }
}
