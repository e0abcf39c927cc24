//! Makes values of a second of what was read of the target, gauge by gauge.
//!
//! What the processes, their control group and the machine use, what the target's metrics say and
//! what its database tells come in, the values of a second go out. Of what is counted, the growth
//! per second since it was last read is a second's value.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::buckets::{Buckets, Estimate};
use super::cgroup::GroupUsage;
use super::counted::{Counted, Labels, When};
use super::known::{KNOWN, Known, Read};
use super::postgres::DatabaseUsage;
use super::pressure::Pressure;
use super::procfs::TreeUsage;
use super::prometheus::{Metric, Metrics};
use super::watched::{self, Amount};
use crate::record::gauge::{BEYOND, Gauge, GaugeId, Kind, Source};
use crate::record::telemetry::TargetSecond;
use crate::scenario::model::Target;
use crate::scenario::watch::{Combine, Watched};

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
pub struct GaugeReading {
    id: GaugeId,
    /// How much, or why that is not to be believed.
    amount: Result<Amount, &'static str>,
    /// The metric that it is of, where several tell it.
    metric: Option<&'static str>,
}

/// What a scrape said.
#[derive(Debug, Default)]
pub struct Scraped {
    /// Of each gauge that was found.
    pub found: Vec<GaugeReading>,
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

/// What was read of a gauge, of which metric; or why that is not to be believed.
type Amounts = Result<(Amount, Option<&'static str>), &'static str>;

/// What it says of all gauges that are known.
pub fn read(seen: Seen<'_>) -> Vec<GaugeReading> {
    let reading = |(id, known): (u16, &Known)| {
        let found = found(known, seen)?;
        let metric = found.as_ref().ok().and_then(|(_, metric)| *metric);
        Some(GaugeReading { id: GaugeId(id), amount: found.map(|(amount, _)| amount), metric })
    };
    (0..).zip(KNOWN).filter_map(reading).collect()
}

fn found(known: &Known, seen: Seen<'_>) -> Option<Amounts> {
    let value = match (&known.read, seen) {
        (Read::Processes(of), Seen::Processes(usage)) => of(usage),
        (Read::Group(of), Seen::Group(usage)) => of(usage),
        (Read::Machine(of), Seen::Machine(pressure)) => of(pressure),
        (Read::Database(of), Seen::Database(usage)) => of(usage),
        (Read::Sum(of), Seen::Metrics(metrics)) => return summed(of, known.gauge.kind, metrics),
        (Read::Longest(of), Seen::Metrics(metrics)) => return longest(of, metrics),
        (
            Read::Processes(_)
            | Read::Group(_)
            | Read::Machine(_)
            | Read::Database(_)
            | Read::Sum(_)
            | Read::Longest(_),
            _,
        ) => None,
    };
    value.map(|value| Ok((Amount::Value(value), None)))
}

/// What a scrape says of all gauges of the metrics, and of those that a scenario names.
pub fn of_metrics_page(metrics: &Metrics, watch: &[Watched]) -> Scraped {
    let mut found = read(Seen::Metrics(metrics));
    let mut errors = Vec::new();
    for (index, watched) in (KNOWN.len()..).zip(watch) {
        match watched::read(watched, metrics) {
            Ok(amount) => {
                found.push(GaugeReading {
                    id: GaugeId(index as u16),
                    amount: Ok(amount),
                    metric: None,
                });
            }
            Err(why) => errors.push(why),
        }
    }
    Scraped { found, watch_error: (!errors.is_empty()).then(|| errors.join("; ")) }
}

/// Of the first metric that the page has. What is counted stays apart by series.
fn summed(of: &[Metric], kind: Kind, metrics: &Metrics) -> Option<Amounts> {
    of.iter().find_map(|metric| match metric.values(metrics) {
        Err(why) => Some(Err(why)),
        Ok(values) if values.is_empty() => None,
        Ok(values) => {
            let amount = match kind {
                Kind::Counter => Amount::Counts(values, Combine::Sum),
                Kind::Gauge | Kind::Quantile => Amount::Value(values.into_values().sum()),
            };
            Some(Ok((amount, Some(metric.name))))
        }
    })
}

/// Of all metrics that the page has. Where one of them cannot be read it might be the largest.
fn longest(of: &[Metric], metrics: &Metrics) -> Option<Amounts> {
    let each = of.iter().filter_map(|metric| {
        let values = metric.values(metrics);
        let largest = values.map(|values| values.into_values().reduce(f64::max)).transpose()?;
        Some(largest.map(|largest| (largest, metric.name)))
    });
    let largest = each.reduce(|best, next| {
        let (best, next) = (best?, next?);
        Ok(if next.0 > best.0 { next } else { best })
    })?;
    Some(largest.map(|(value, name)| (Amount::Value(value), Some(name))))
}

/// Makes values of a second of what was read, one time after the other.
#[derive(Debug)]
pub struct Readings {
    table: Vec<Gauge>,
    /// The metrics that the scenario names.
    pub watch: Arc<[Watched]>,
    /// What each counter had counted when it was last read.
    counts: Vec<Counted<f64>>,
    /// And each histogram.
    histograms: Vec<Counted<Buckets>>,
}

impl Readings {
    /// Before anything was read of a target of which these metrics are named.
    pub fn of(watch: &[Watched]) -> Readings {
        let table = with_watched(watch);
        let counts = table.iter().map(|_| Counted::default()).collect();
        let histograms = table.iter().map(|_| Counted::default()).collect();
        Readings { counts, histograms, watch: watch.into(), table }
    }

    /// A second before anything of it is read.
    pub fn second(&self, second: u32) -> TargetSecond {
        TargetSecond { second, values: vec![None; self.table.len()], ..TargetSecond::default() }
    }

    /// Adds to a second what was read at some time. Where there is no value, why stands in the
    /// place of its series.
    pub fn add(&mut self, found: Vec<GaugeReading>, when: When, second: &mut TargetSecond) {
        for GaugeReading { id, amount, metric } in found {
            let value = amount.and_then(|amount| self.value(id, amount, when));
            let index = id.index();
            second.values[index] = None;
            match value {
                Ok(None) => {}
                Ok(Some(estimate)) => {
                    second.values[index] = Some(estimate.value).filter(|value| value.is_finite());
                    if let Some(series) = series(id, metric, estimate.is_beyond) {
                        second.series.insert(id, series.to_owned());
                    }
                }
                Err(why) => {
                    second.series.insert(id, why.to_owned());
                }
            }
        }
    }

    /// What a second has of a gauge; `Ok(None)` the first time that something counted is read, and
    /// where nothing was observed.
    fn value(
        &mut self,
        id: GaugeId,
        amount: Amount,
        when: When,
    ) -> Result<Option<Estimate>, &'static str> {
        let index = id.index();
        let value = match (self.table[index].kind, amount) {
            (Kind::Gauge, Amount::Value(value)) => Some(value),
            (Kind::Counter, Amount::Value(value)) => {
                let one = BTreeMap::from([(Labels::new(), value)]);
                self.counts[index].rates(one, when)?.map(|rates| rates.into_iter().sum())
            }
            (Kind::Counter, Amount::Counts(counts, combine)) => {
                let rates = self.counts[index].rates(counts, when)?;
                rates.and_then(|rates| combined(rates, combine))
            }
            (Kind::Quantile, Amount::Histograms(now)) => {
                let added = self.histograms[index].growth(now, when, Buckets::since)?;
                let Some(added) = added else { return Ok(None) };
                let share = self.quantile(id);
                return Ok(Buckets::sum(added)
                    .zip(share)
                    .and_then(|(it, share)| it.quantile(share)));
            }
            (Kind::Gauge | Kind::Counter | Kind::Quantile, _) => None,
        };
        Ok(value.map(|value| Estimate { value, is_beyond: false }))
    }

    /// Which quantile of a histogram the scenario asks for.
    fn quantile(&self, id: GaugeId) -> Option<f64> {
        self.watch.get(id.index().checked_sub(KNOWN.len())?)?.quantile()
    }

    /// Forgets what the processes had used, as they are gone.
    pub fn lost_processes(&mut self) {
        for (gauge, counts) in self.table.iter().zip(&mut self.counts) {
            if gauge.source == Source::Processes {
                *counts = Counted::default();
            }
        }
    }
}

/// What is said of the series of a value.
fn series(id: GaugeId, metric: Option<&'static str>, is_beyond: bool) -> Option<&'static str> {
    let known = KNOWN.get(id.index());
    let tells_several = known.is_some_and(|it| matches!(it.read, Read::Longest(_)));
    if is_beyond { Some(BEYOND) } else { metric.filter(|_| tells_several) }
}

fn combined(rates: Vec<f64>, combine: Combine) -> Option<f64> {
    match combine {
        Combine::Sum => Some(rates.into_iter().sum()),
        Combine::Max => rates.into_iter().reduce(f64::max),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::record::gauge::{self, ANEW, NO_AMOUNT, TWICE, UNREADABLE, Unit};
    use crate::scenario::watch;
    use crate::target::prometheus::parse;
    use crate::target::prometheus::tests::PROM_CLIENT;

    const GC_TIME: Gauge = gauge::of_metrics("gc_time", "GC time", Unit::Seconds, Kind::Counter);

    fn id(gauge: &Gauge) -> GaugeId {
        gauge::find(&table(), gauge).unwrap()
    }

    fn picked(text: &str, gauge: &Gauge) -> Option<(f64, &'static str)> {
        let found = of_metrics_page(&parse(text.as_bytes()), &[]).found;
        let found = found.into_iter().find(|reading| reading.id == id(gauge))?;
        let value = match found.amount.ok()? {
            Amount::Value(value) => value,
            Amount::Counts(counts, _) => counts.into_values().sum(),
            Amount::Histograms(_) => return None,
        };
        Some((value, found.metric.unwrap()))
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
    fn seconds(readings: &[f64], gauge: &Gauge) -> Vec<Option<f64>> {
        let (mut made, start) = (Readings::of(&[]), Instant::now());
        let mut second = |(index, value): (u64, &f64)| {
            let mut second = made.second(0);
            let amount = Ok(Amount::Value(*value));
            let found = vec![GaugeReading { id: id(gauge), amount, metric: None }];
            made.add(found, When::at(start + Duration::from_secs(index)), &mut second);
            second.value(id(gauge))
        };
        (0..).zip(readings).map(&mut second).collect()
    }

    #[test]
    fn what_is_counted_is_told_as_its_growth() {
        assert_eq!(seconds(&[7.0, 7.5, 7.5], &gauge::CPU), [None, Some(0.5), Some(0.0)]);
        assert_eq!(seconds(&[7.0, 1.0, 1.25], &gauge::CPU), [None, None, Some(0.25)], "a restart");
        assert_eq!(seconds(&[9.0, 4.0], &gauge::RSS), [Some(9.0), Some(4.0)]);
    }

    /// What seconds have of a gauge that is known, or why they have nothing.
    fn of_pages(gauge: &Gauge, pages: &[&str]) -> Vec<Result<Option<f64>, String>> {
        let (mut made, start) = (Readings::of(&[]), Instant::now());
        let mut second = |(index, page): (u64, &&str)| {
            let mut second = made.second(0);
            let scraped = of_metrics_page(&parse(page.as_bytes()), &[]);
            let when = When::at(start + Duration::from_secs(index));
            made.add(scraped.found, when, &mut second);
            match (second.value(id(gauge)), second.series.remove(&id(gauge))) {
                (None, Some(why)) => Err(why),
                (value, _) => Ok(value),
            }
        };
        (0..).zip(pages).map(&mut second).collect()
    }

    #[test]
    fn another_metric_of_the_same_gauge_counts_anew() {
        let pages = ["go_gc_duration_seconds_sum 7", "jvm_gc_pause_seconds_sum 9"];
        let gc = of_pages(&GC_TIME, &[pages[0], pages[1], "jvm_gc_pause_seconds_sum 9.5"]);
        assert_eq!(gc, [Ok(None), Err(ANEW.to_owned()), Ok(Some(0.5))]);
    }

    /// One of the pool's series is no number: nobody knows how many wait.
    #[test]
    fn a_known_gauge_of_which_a_series_cannot_be_read_is_not_seen() {
        for (bad, why) in [
            ("db_pool_waiting{p=\"a\"} NaN", NO_AMOUNT),
            ("db_pool_waiting{p=\"a\"} -1", NO_AMOUNT),
            ("db_pool_waiting{p=\"a\"} +Inf", NO_AMOUNT),
            ("db_pool_waiting{p=\"a} 57", UNREADABLE),
            ("db_pool_waiting{p=\"a\"} many", UNREADABLE),
            ("db_pool_waiting{p=\"b\"} 57", TWICE),
        ] {
            let page = format!("{bad}\ndb_pool_waiting{{p=\"b\"}} 0\n");
            assert_eq!(of_pages(&gauge::POOL_WAITING, &[&page]), [Err(why.to_owned())], "{bad}");
        }
        let delay = "nodejs_eventloop_lag_seconds 0.001\nnodejs_eventloop_lag_max_seconds NaN";
        let found = of_pages(&gauge::EVENT_LOOP_DELAY, &[delay]);
        assert_eq!(found, [Err(NO_AMOUNT.to_owned())], "the longest of them is not known");
    }

    #[test]
    fn processes_that_are_gone_have_no_growth() {
        let (mut readings, start) = (Readings::of(&[]), Instant::now());
        let usage =
            |seconds| TreeUsage { cpu: Duration::from_secs(seconds), ..TreeUsage::default() };
        let mut second = readings.second(0);
        let at = |seconds| When::at(start + Duration::from_secs(seconds));
        readings.add(read(Seen::Processes(&usage(5))), at(0), &mut second);
        readings.lost_processes();
        readings.add(read(Seen::Processes(&usage(6))), at(1), &mut second);
        assert_eq!(second.value(id(&gauge::CPU)), None);
        readings.add(read(Seen::Processes(&usage(7))), at(2), &mut second);
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
        delay("nodejs_eventloop_lag_seconds 1\nnodejs_eventloop_lag_p99_seconds Nan", None);
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

    fn watched(metric: &str, reading: watch::HowRead) -> Watched {
        let (name, metric) = (metric.to_owned(), metric.to_owned());
        Watched { name, metric, labels: Vec::new(), reading }
    }

    /// What seconds say of a metric that a scenario names, by the pages of these seconds.
    fn told(metric: &str, reading: watch::HowRead, pages: &[&str]) -> Vec<Option<f64>> {
        let watch = [watched(metric, reading)];
        let (mut made, start) = (Readings::of(&watch), Instant::now());
        let mut second = |(index, page): (u64, &&str)| {
            let mut second = made.second(0);
            let scraped = of_metrics_page(&parse(page.as_bytes()), &watch);
            let when = When::at(start + Duration::from_secs(index));
            made.add(scraped.found, when, &mut second);
            second.values.pop().unwrap()
        };
        (0..).zip(pages).map(&mut second).collect()
    }

    #[test]
    fn a_scenario_names_gauges_counters_and_histograms() {
        let sum = watch::Combine::Sum;
        let depth = ["depth{q=\"a\"} 3\ndepth{q=\"b\"} -1", "other 1", "depth NaN", "depth 4"];
        let expected = [Some(2.0), None, None, Some(4.0)];
        assert_eq!(told("depth", watch::HowRead::Gauge(sum), &depth), expected);
        let jobs = ["jobs_total 10", "jobs_total 25", "jobs_total 3", "jobs_total 4"];
        let expected = [None, Some(15.0), None, Some(1.0)];
        assert_eq!(told("jobs_total", watch::HowRead::Counter(sum), &jobs), expected);
        let page = |a: u32, b: u32, c: u32| {
            format!(
                "w_bucket{{le=\"1\"}} {a}\nw_bucket{{le=\"2\"}} {b}\nw_bucket{{le=\"+Inf\"}} {c}"
            )
        };
        let pages = [page(0, 10, 10), page(0, 20, 20), page(0, 20, 20), page(0, 20, 30)];
        let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
        let found = told("w", watch::HowRead::Quantile(0.5), &pages);
        assert_eq!(found, [None, Some(1.5), None, Some(2.0)], "the last is beyond the last bucket");
    }

    /// 40 observations or so in each second, of which the page forgets those that were read.
    #[test]
    fn a_histogram_that_each_read_resets_counts_anew() {
        let watch = [watched("w", watch::HowRead::Quantile(0.5))];
        let (mut made, start) = (Readings::of(&watch), Instant::now());
        let id = GaugeId(KNOWN.len() as u16);
        let anew = [40, 41, 39, 42, 38, 38].map(|count| {
            let mut second = made.second(0);
            let page = format!("w_bucket{{le=\"1\"}} {count}\nw_bucket{{le=\"+Inf\"}} {count}");
            let scraped = of_metrics_page(&parse(page.as_bytes()), &watch);
            made.add(scraped.found, When::at(start), &mut second);
            second.series.get(&id).is_some_and(|why| why == ANEW)
        });
        assert_eq!(anew, [false, false, true, false, true, false]);
    }

    #[test]
    fn a_value_beyond_the_last_bucket_is_marked() {
        let watch = [watched("w", watch::HowRead::Quantile(0.5))];
        let mut made = Readings::of(&watch);
        let mut second = made.second(0);
        for count in [0, 10] {
            let page = format!("w_bucket{{le=\"1\"}} 0\nw_bucket{{le=\"+Inf\"}} {count}");
            let scraped = of_metrics_page(&parse(page.as_bytes()), &watch);
            made.add(scraped.found, When::at(Instant::now()), &mut second);
        }
        let id = GaugeId(KNOWN.len() as u16);
        assert_eq!((second.value(id), second.series[&id].as_str()), (Some(1.0), BEYOND));
    }
}
