//! Reads the metrics that a scenario names from a page of metrics.
//!
//! What cannot be read beyond doubt is not read: a wrong number would be judged.

use std::collections::BTreeMap;

use super::buckets::Buckets;
use super::counted::Labels;
use super::prometheus::{Metrics, Series, Type};
use crate::record::gauge::TWICE;
use crate::scenario::watch::{Combine, HowRead, Watched};

/// What was read of a gauge.
#[derive(Debug, Clone, PartialEq)]
pub enum Amount {
    /// A number.
    Value(f64),
    /// What each series has counted, and what is made of their rates.
    Counts(BTreeMap<Labels, f64>, Combine),
    /// The buckets of each series of a histogram.
    Histograms(BTreeMap<Labels, Buckets>),
}

/// What a page says of a metric, or why it says nothing.
pub(super) fn read(watched: &Watched, page: &Metrics) -> Result<Amount, String> {
    let metric = &watched.metric;
    if page.unreadable.iter().any(|name| name.strip_suffix("_bucket").unwrap_or(name) == metric) {
        return Err(format!("a line of {metric} cannot be read"));
    }
    match watched.reading {
        HowRead::Gauge(combine) => {
            refuse(page, watched, &[Type::Counter, Type::Histogram])?;
            one(watched, page, combine)
        }
        HowRead::Counter(combine) => {
            refuse(page, watched, &[Type::Gauge])?;
            one(watched, page, combine)
        }
        HowRead::Quantile(_) => buckets(watched, page),
    }
}

/// The page may say that a metric is something else than the scenario does.
fn refuse(page: &Metrics, watched: &Watched, types: &[Type]) -> Result<(), String> {
    let metric = &watched.metric;
    match page.type_of(metric).filter(|found| types.contains(found)) {
        None => Ok(()),
        Some(Type::Histogram) => {
            Err(format!("{metric} is a histogram: watch it with \"quantile\""))
        }
        Some(Type::Gauge) => Err(format!("{metric} is a gauge: watch it with \"kind\": \"gauge\"")),
        Some(Type::Counter | Type::Summary) => {
            Err(format!("{metric} is a counter: watch it with \"kind\": \"counter\""))
        }
    }
}

fn one(watched: &Watched, page: &Metrics, combine: Combine) -> Result<Amount, String> {
    let metric = &watched.metric;
    let found: Vec<&Series> = of(page, metric, watched).collect();
    if found.is_empty() {
        return Err(missing(page, watched));
    }
    let names_one = |label: &str| watched.labels.iter().any(|(name, _)| name == label);
    for label in ["quantile", "le"] {
        let is_one_of_several = found.iter().any(|series| series.label(label).is_some());
        if is_one_of_several && !names_one(label) {
            return Err(format!(
                "{metric} has series that differ by \"{label}\": name one in \"labels\""
            ));
        }
    }
    let values = values(&found).map_err(|why| format!("{metric}: {why}"))?;
    if let HowRead::Counter(_) = watched.reading {
        let is_less = values.values().any(|value| *value < 0.0);
        let counts = (!is_less).then_some(Amount::Counts(values, combine));
        return counts.ok_or_else(|| format!("{metric} is negative, which no counter is"));
    }
    let values = values.into_values();
    let value = match combine {
        Combine::Sum => values.sum(),
        Combine::Max => values.fold(f64::MIN, f64::max),
    };
    // A sum may be too large.
    if value.is_finite() { Ok(Amount::Value(value)) } else { Err(format!("{metric}: {NO_NUMBER}")) }
}

/// Said of a metric that cannot be combined.
const NO_NUMBER: &str = "a series of it is not a finite number";

/// The value of each series. One that is no number says nothing of the others' sum or largest.
fn values(found: &[&Series]) -> Result<BTreeMap<Labels, f64>, &'static str> {
    let mut values = BTreeMap::new();
    for series in found {
        if !series.value.is_finite() {
            return Err(NO_NUMBER);
        }
        if values.insert(series.identity(), series.value).is_some() {
            return Err(TWICE);
        }
    }
    Ok(values)
}

fn buckets(watched: &Watched, page: &Metrics) -> Result<Amount, String> {
    let name = format!("{}_bucket", watched.metric);
    let mut counts: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    let mut found = of(page, &name, watched).peekable();
    if found.peek().is_none() {
        return Err(missing(page, watched));
    }
    let wrong = || format!("the buckets of {} do not add up", watched.metric);
    for series in found {
        let bound = series.label("le").and_then(|bound| bound.parse().ok()).ok_or_else(wrong)?;
        let mut labels = series.identity();
        labels.retain(|(name, _)| name != "le");
        counts.entry(labels).or_default().push((bound, series.value));
    }
    let each = counts.into_iter().map(|(labels, counts)| Some((labels, Buckets::of(counts)?)));
    let each: BTreeMap<Labels, Buckets> = each.collect::<Option<_>>().ok_or_else(wrong)?;
    let mut all = each.values();
    let first = all.next().ok_or_else(wrong)?;
    if all.any(|other| !first.has_bounds_of(other)) {
        return Err(format!("the series of {} have different buckets", watched.metric));
    }
    Ok(Amount::Histograms(each))
}

/// The series of exactly this name that have the labels.
fn of<'p>(
    page: &'p Metrics,
    name: &'p str,
    watched: &'p Watched,
) -> impl Iterator<Item = &'p Series> {
    let has = |series: &Series| {
        watched.labels.iter().all(|(name, value)| series.label(name) == Some(value.as_str()))
    };
    page.series.iter().filter(move |series| series.name == name && has(series))
}

fn missing(page: &Metrics, watched: &Watched) -> String {
    let metric = &watched.metric;
    let bucket = format!("{metric}_bucket");
    let is_there = |name: &str| page.series.iter().any(|series| series.name == name);
    match watched.reading {
        HowRead::Gauge(_) | HowRead::Counter(_) if is_there(metric) => {
            format!("no series of {metric} has these labels")
        }
        HowRead::Gauge(_) | HowRead::Counter(_) if is_there(&bucket) => {
            format!("{metric} is a histogram: watch it with \"quantile\"")
        }
        HowRead::Quantile(_) if is_there(metric) => format!("{metric} is no histogram"),
        HowRead::Gauge(_) | HowRead::Counter(_) | HowRead::Quantile(_) => {
            format!("the page has no {metric}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::prometheus::parse;
    use super::*;

    const PAGE: &str = "# TYPE depth gauge\ndepth{q=\"a\"} 3\ndepth{q=\"b\"} 4\n\
        # TYPE jobs_total counter\njobs_total 10\n# TYPE old counter\nold 5\n\
        # TYPE wait histogram\nwait_bucket{le=\"1\"} 2\nwait_bucket{le=\"+Inf\"} 3\nwait_sum 4\n\
        # TYPE took summary\ntook{quantile=\"0.5\"} 1\ntook{quantile=\"0.9\"} 2\n\
        broken{a=\"1\"} 1\nbroken{a=\"2\" 1\n\
        odd{a=\"1\"} NaN\nodd{a=\"2\"} 1\nleast{a=\"1\"} -Inf\nleast{a=\"2\"} 1\n\
        nothing -Inf\nmost 1e308\nmost{a=\"1\"} 1e308\ntwice{a=\"1\",b=\"2\"} 1\n\
        twice{b=\"2\",a=\"1\"} 2\nless_total -1\n\
        mixed_bucket{a=\"1\",le=\"1\"} 1\nmixed_bucket{a=\"1\",le=\"+Inf\"} 1\n\
        mixed_bucket{a=\"2\",le=\"2\"} 1\nmixed_bucket{a=\"2\",le=\"+Inf\"} 1\n";

    fn watched(metric: &str, labels: &[(&str, &str)], reading: HowRead) -> Watched {
        let labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Watched { name: metric.to_owned(), metric: metric.to_owned(), labels, reading }
    }

    #[track_caller]
    fn check(watched: &Watched, expected: Result<f64, &str>) {
        let found = read(watched, &parse(PAGE.as_bytes()));
        let found = found.map(|amount| match amount {
            Amount::Value(value) => value,
            Amount::Counts(counts, _) => counts.values().sum(),
            Amount::Histograms(_) => f64::NAN,
        });
        match (&found, expected) {
            (Ok(found), Ok(expected)) => assert!((found - expected).abs() < 1e-9, "{found}"),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            _ => panic!("{found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_metric_is_read_as_the_scenario_says() {
        let (sum, max) = (HowRead::Gauge(Combine::Sum), HowRead::Gauge(Combine::Max));
        check(&watched("depth", &[], sum), Ok(7.0));
        check(&watched("depth", &[], max), Ok(4.0));
        check(&watched("depth", &[("q", "a")], sum), Ok(3.0));
        check(&watched("jobs_total", &[], HowRead::Counter(Combine::Sum)), Ok(10.0));
        check(&watched("took", &[("quantile", "0.9")], sum), Ok(2.0));
        assert!(
            read(&watched("wait", &[], HowRead::Quantile(0.5)), &parse(PAGE.as_bytes())).is_ok()
        );
    }

    #[test]
    fn what_would_be_a_wrong_number_is_none() {
        let (sum, counter) = (HowRead::Gauge(Combine::Sum), HowRead::Counter(Combine::Sum));
        check(&watched("depth", &[("q", "c")], sum), Err("no series of depth has these labels"));
        check(&watched("dept", &[], sum), Err("the page has no dept"));
        check(&watched("old", &[], sum), Err("is a counter"));
        check(&watched("depth", &[], counter), Err("is a gauge"));
        check(&watched("wait", &[], sum), Err("is a histogram"));
        check(&watched("took", &[], sum), Err("differ by \"quantile\""));
        check(&watched("broken", &[], sum), Err("a line of broken cannot be read"));
        for combine in [Combine::Sum, Combine::Max] {
            for metric in ["odd", "least", "nothing"] {
                check(&watched(metric, &[], HowRead::Gauge(combine)), Err("not a finite number"));
            }
            check(&watched("twice", &[], HowRead::Gauge(combine)), Err("the same labels"));
        }
        check(&watched("most", &[], sum), Err("not a finite number"));
        check(&watched("less_total", &[], counter), Err("is negative"));
        check(&watched("mixed", &[], HowRead::Quantile(0.5)), Err("different buckets"));
        check(&watched("depth", &[], HowRead::Quantile(0.5)), Err("is no histogram"));
    }
}
