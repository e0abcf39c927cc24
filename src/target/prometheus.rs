//! Reads Prometheus' text format.
//!
//! Bytes from the target come in and are not trusted: lines that are none are
//! skipped and named, the number of series is bounded. The values of a metric go out. Which
//! metrics are asked for is not known here.

use std::collections::BTreeMap;

use super::counted::Labels;
use crate::record::gauge::{NO_AMOUNT, TWICE, UNREADABLE};

/// No more series than this are kept.
const MAX_SERIES: usize = 20_000;
/// Nor more labels of one.
const MAX_LABELS: usize = 32;
/// Nor more names of lines that cannot be read.
const MAX_UNREADABLE: usize = 1_000;
/// Names that are longer are not kept whole.
const LONGEST_NAME: usize = 200;

/// The series of one scrape.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metrics {
    /// In the order of writing.
    pub series: Vec<Series>,
    /// What the page says that its metrics are.
    pub types: Vec<(String, Type)>,
    /// What lines begin with that cannot be read.
    pub unreadable: Vec<String>,
    /// Whether there was more than is kept.
    pub is_cut: bool,
}

/// What a page says that a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Goes up and down.
    Gauge,
    /// Only grows.
    Counter,
    /// Has buckets.
    Histogram,
    /// Has quantiles.
    Summary,
}

impl Metrics {
    /// What the page says that a metric is. In `OpenMetrics`, counters are named without
    /// `_total`.
    pub fn type_of(&self, metric: &str) -> Option<Type> {
        let of = |name: &str| self.types.iter().find(|(known, _)| known == name);
        let found = of(metric).or_else(|| of(metric.strip_suffix("_total")?));
        found.map(|(_, kind)| *kind)
    }
}

/// One line of a scrape.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// `nodejs_eventloop_lag_seconds`
    pub name: String,
    /// Names and values.
    pub labels: Vec<(String, String)>,
    /// May be NaN or infinite.
    pub value: f64,
}

impl Series {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Its name and labels, in whatever order they are written.
    pub fn identity(&self) -> Labels {
        let mut all = self.labels.clone();
        all.push(("__name__".to_owned(), self.name.clone()));
        all.sort_unstable();
        all
    }
}

/// A metric that is known by its name, with or without an application's prefix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// `nodejs_eventloop_lag_seconds`
    pub name: &'static str,
    /// A label that tells one of several quantities under one name.
    pub label: Option<(&'static str, &'static str)>,
    /// What its unit is multiplied by.
    pub scale: f64,
}

impl Metric {
    /// All series of that name.
    pub const fn named(name: &'static str) -> Metric {
        Metric { name, label: None, scale: 1.0 }
    }

    /// Those with a label.
    #[must_use]
    pub const fn with(self, name: &'static str, value: &'static str) -> Metric {
        Metric { label: Some((name, value)), ..self }
    }

    /// In another unit.
    #[must_use]
    pub const fn times(self, scale: f64) -> Metric {
        Metric { scale, ..self }
    }

    /// The values of its series, by name and labels; or why they are not to be believed. One that
    /// is no number might be the largest, and is a part of every sum.
    pub fn values(&self, page: &Metrics) -> Result<BTreeMap<Labels, f64>, &'static str> {
        if page.unreadable.iter().any(|name| self.is_called(name)) {
            return Err(UNREADABLE);
        }
        let mut values = BTreeMap::new();
        for series in page.series.iter().filter(|series| self.is(series)) {
            let value = series.value * self.scale;
            if !value.is_finite() || value < 0.0 {
                return Err(NO_AMOUNT);
            }
            if values.insert(series.identity(), value).is_some() {
                return Err(TWICE);
            }
        }
        Ok(values)
    }

    fn is(&self, series: &Series) -> bool {
        self.is_called(&series.name)
            && self.label.is_none_or(|(name, value)| {
                series.labels.iter().any(|(n, v)| n == name && v == value)
            })
    }

    fn is_called(&self, name: &str) -> bool {
        let prefix = name.strip_suffix(self.name);
        prefix.is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('_'))
    }
}

/// Reads what is readable.
pub fn parse(text: &[u8]) -> Metrics {
    let mut found = Metrics::default();
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        let read = std::str::from_utf8(line).ok().and_then(read_series);
        match (read, line.first()) {
            (Some(series), _) if found.series.len() < MAX_SERIES => found.series.push(series),
            (None, Some(b'#')) if found.types.len() < MAX_SERIES => {
                found.types.extend(std::str::from_utf8(line).ok().and_then(read_type));
            }
            (None, None | Some(b'#')) => {}
            (None, Some(_)) if found.unreadable.len() < MAX_UNREADABLE => {
                let name = line.iter().take(LONGEST_NAME).map(|byte| char::from(*byte));
                found.unreadable.push(name.take_while(|c| is_name(*c)).collect());
            }
            (Some(_), _) | (None, Some(_)) => found.is_cut = true,
        }
    }
    found
}

/// `# TYPE name counter`.
fn read_type(line: &str) -> Option<(String, Type)> {
    let mut words = line.strip_prefix('#')?.split_ascii_whitespace();
    let (Some("TYPE"), Some(name), Some(kind)) = (words.next(), words.next(), words.next()) else {
        return None;
    };
    let kind = match kind {
        "gauge" => Type::Gauge,
        "counter" => Type::Counter,
        "histogram" | "gaugehistogram" => Type::Histogram,
        "summary" => Type::Summary,
        _ => return None,
    };
    Some((name.to_owned(), kind))
}

/// `name{label="value",…} 1.5 1700000000000 # exemplar`; comments are no series.
fn read_series(line: &str) -> Option<Series> {
    let line = line.trim_start();
    let end = line.find(|c: char| !is_name(c)).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => read_labels(inside)?,
        None => (Vec::new(), rest),
    };
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Series { name: name.to_owned(), labels, value })
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Reads up to and with the closing brace; gives what follows it.
fn read_labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, quoted) = rest.split_once('=')?;
        let (value, after) = read_quoted(quoted.trim_start().strip_prefix('"')?)?;
        if labels.len() == MAX_LABELS {
            return None;
        }
        labels.push((name.trim().to_owned(), value));
        rest = after;
    }
}

/// Reads up to and with the closing quote; gives what follows it.
fn read_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            c => value.push(c),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What prom-client 15 answers on Node 22, shortened.
    pub(crate) const PROM_CLIENT: &str = r#"# HELP process_cpu_user_seconds_total Total user CPU time spent in seconds.
# TYPE process_cpu_user_seconds_total counter
process_cpu_user_seconds_total 0.158237

# HELP nodejs_eventloop_lag_seconds Lag of event loop in seconds.
# TYPE nodejs_eventloop_lag_seconds gauge
nodejs_eventloop_lag_seconds 0.00193275

# HELP nodejs_eventloop_lag_p99_seconds The 99th percentile of the recorded event loop delays.
# TYPE nodejs_eventloop_lag_p99_seconds gauge
nodejs_eventloop_lag_p99_seconds 0.012427263

# HELP nodejs_active_handles Number of active libuv handles grouped by handle type.
# TYPE nodejs_active_handles gauge
nodejs_active_handles{type="Socket"} 2
nodejs_active_handles{type="Server"} 1

# HELP nodejs_gc_duration_seconds Garbage collection duration by kind, one of major, minor.
# TYPE nodejs_gc_duration_seconds histogram
nodejs_gc_duration_seconds_bucket{le="0.001",kind="minor"} 3
nodejs_gc_duration_seconds_bucket{le="+Inf",kind="minor"} 4
nodejs_gc_duration_seconds_sum{kind="minor"} 0.0018570759999975563
nodejs_gc_duration_seconds_count{kind="minor"} 4
nodejs_gc_duration_seconds_sum{kind="major"} 0.5

# HELP nodejs_version_info Node.js version info.
# TYPE nodejs_version_info gauge
nodejs_version_info{version="v22.11.0",major="22",minor="11",patch="0"} 1

# HELP db_pool_in_use Connections in use.
# TYPE db_pool_in_use gauge
db_pool_in_use{pool="orders"} 7
db_pool_in_use{pool="reports"} 2
# TYPE db_pool_waiting gauge
db_pool_waiting{pool="orders"} 3
db_pool_waiting{pool="reports"} 0
"#;

    #[test]
    fn a_real_scrape_is_read() {
        let metrics = parse(PROM_CLIENT.as_bytes());
        assert_eq!(metrics.series.len(), 15);
        let bucket = &metrics.series[6];
        assert_eq!(
            bucket.labels,
            [("le".to_owned(), "+Inf".to_owned()), ("kind".to_owned(), "minor".to_owned())]
        );
    }

    type Expected<'a> = (&'a str, &'a [(&'a str, &'a str)], f64);

    #[track_caller]
    fn line(line: &str, expected: Option<Expected<'_>>) {
        let expected = expected.map(|(name, labels, value)| Series {
            name: name.to_owned(),
            labels: labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            value,
        });
        assert_eq!(parse(line.as_bytes()).series.into_iter().next(), expected, "{line}");
    }

    #[test]
    fn lines_are_series_or_skipped() {
        line("a 1", Some(("a", &[], 1.0)));
        line("  a:b_c\t-1.5e3  1700000000000\r", Some(("a:b_c", &[], -1500.0)));
        line("a{} 1", Some(("a", &[], 1.0)));
        line(r#"a{b="c",} 1"#, Some(("a", &[("b", "c")], 1.0)));
        line(r#"a{ b = "c" , d="e" } +Inf"#, Some(("a", &[("b", "c"), ("d", "e")], f64::INFINITY)));
        line(r#"a{b="\"}\\\n,"}1"#, Some(("a", &[("b", "\"}\\\n,")], 1.0)));
        line(r#"a_bucket{le="1"} 8 # {trace="x"} 0.6"#, Some(("a_bucket", &[("le", "1")], 8.0)));
        for bad in ["", "#", "# HELP a b", "a", "a b", "1a 1", "{} 1", "a{b=c} 1", "a{b=\"c 1"] {
            line(bad, None);
        }
        for bad in ["a{b} 1", "a{b=\"c\"", "a{b=\"\\", "é 1", "a{", "a{,,,"] {
            line(bad, None);
        }
        assert_eq!(parse(b"a\xff 1\nb 2").series.len(), 1);
    }

    #[test]
    fn the_number_of_series_is_bounded() {
        let flood = "a 1\n".repeat(MAX_SERIES + 10);
        let found = parse(flood.as_bytes());
        assert!(found.series.len() == MAX_SERIES && found.is_cut);
        let flood = "a{ 1\n".repeat(MAX_UNREADABLE + 10);
        let found = parse(flood.as_bytes());
        assert!(found.unreadable.len() == MAX_UNREADABLE && found.is_cut);
        let labels = "b=\"c\",".repeat(MAX_LABELS + 1);
        assert_eq!(parse(format!("a{{{labels}}} 1").as_bytes()).series, []);
    }

    #[test]
    fn what_lines_are_is_known() {
        let metrics = parse(PROM_CLIENT.as_bytes());
        assert_eq!(metrics.type_of("db_pool_in_use"), Some(Type::Gauge));
        assert_eq!(metrics.type_of("process_cpu_user_seconds_total"), Some(Type::Counter));
        assert_eq!(metrics.type_of("nodejs_gc_duration_seconds"), Some(Type::Histogram));
        assert_eq!(parse(b"# TYPE a counter\na_total 1").type_of("a_total"), Some(Type::Counter));
        assert!(metrics.unreadable.is_empty() && !metrics.is_cut);
        assert_eq!(parse(b"a 1\nb{c 2\n\xff 3").unreadable, ["b", ""]);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn hostile_lines_never_panic(text in "[a{}\"=,\\\\ \n1#é+.eN_-]{0,120}") {
            let _ = parse(text.as_bytes());
        }

        #[test]
        fn what_is_written_is_read_back(
            label in any::<String>(),
            value in any::<f64>().prop_filter("a number", |value| !value.is_nan()),
        ) {
            let escaped = label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let metrics = parse(format!("m{{l=\"{escaped}\"}} {value}").as_bytes());
            let labels = vec![("l".to_owned(), label)];
            prop_assert_eq!(metrics.series, vec![Series { name: "m".to_owned(), labels, value }]);
        }
    }
}
