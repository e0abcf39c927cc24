//! Reads what an objective says about the target: `target.<gauge>.<statistic>`,
//! `target.<gauge>_growth`, `target.<gauge>_per_request`, `target.metric.<name>.<statistic>`, and
//! the limit in the unit of what is limited.

use super::super::gauge::{KNOWN, Kind, Named, Side, Unit, WATCHED};
use super::super::problems::{Fault, nearest};
use super::super::slo::{Bound, GaugeLimit, Statistic};
use super::super::watch::Watched;
use crate::units::{Bytes, Quantile, Ratio, parse_duration};

const TARGET: &str = "target.";
const METRIC: &str = "metric.";
/// What is no gauge, as it is read once.
pub(super) const CERTIFICATE_DAYS: &str = "target.certificate_days";
/// What the gauges of time in which something waited begin with.
const PRESSURE: &str = "pressure_";
const STATISTICS: [&str; 8] = ["mean", "max", "min", "p50", "p95", "p99", "growth", "per_request"];

/// The gauges that an objective can speak of.
pub(crate) struct Gauges {
    pub(crate) all: Vec<Named>,
    /// Whether it is known which metrics the scenario names.
    pub(crate) is_whole: bool,
    /// Whether the target speaks TLS, where that is known.
    pub(crate) is_secured: Option<bool>,
}

impl Gauges {
    /// Those that are always there, and those that a scenario names.
    pub(crate) fn with(watched: Option<&[Watched]>) -> Gauges {
        let named = watched.unwrap_or_default().iter().map(Watched::named);
        let all = KNOWN.into_iter().chain(named).collect();
        Gauges { all, is_whole: watched.is_some(), is_secured: None }
    }
}

/// Whether an objective is about the target.
pub(super) fn is_meant(metric: &str) -> bool {
    metric.trim_start().starts_with(TARGET)
}

/// Whether an objective is about the target's certificates.
pub(super) fn is_of_certificates(metric: &str) -> bool {
    let rest = metric.trim().strip_prefix(CERTIFICATE_DAYS);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// For how many days more the target's certificates are to be valid.
pub(super) fn certificate_limit(
    metric: &str,
    (side, inclusive): (Side, bool),
    limit: &str,
    gauges: &Gauges,
) -> Result<Bound, Fault> {
    if metric.trim() != CERTIFICATE_DAYS {
        let fault = Fault::new(format!("\"{CERTIFICATE_DAYS}\" is read once, before the load"));
        return Err(fault.help(format!("write \"{CERTIFICATE_DAYS} >= 14\"")));
    }
    if gauges.is_secured == Some(false) {
        let fault = Fault::new("the target shows no certificate: its \"url\" is no https://");
        return Err(fault.help("remove this objective, or load the target by https://"));
    }
    if side == Side::Below {
        let fault = Fault::new(format!("{CERTIFICATE_DAYS} must be high, not low"));
        return Err(fault.help(format!("write \"{CERTIFICATE_DAYS} >= 14\"")));
    }
    let days = limit.trim().trim_end_matches("days").trim_end_matches('d').trim_end();
    let days = number(days)?;
    if days < 0.0 || (inclusive && days == 0.0) {
        return Err(always(CERTIFICATE_DAYS, "at least 0 while the target can be reached"));
    }
    Ok(Bound { limit: days, side, inclusive })
}

/// A limit on a gauge of the target.
pub(super) fn gauge_limit(
    metric: &str,
    (side, inclusive): (Side, bool),
    limit: &str,
    gauges: &Gauges,
) -> Result<GaugeLimit, Fault> {
    let (gauge, statistic) = parts(metric)?;
    let Some(named) = gauges.all.iter().find(|known| known.name == gauge) else {
        return match (gauges.is_whole, gauge.starts_with(WATCHED)) {
            (false, true) => Ok(stand_in(gauge)),
            (true | false, _) => Err(unknown(&gauge, gauges)),
        };
    };
    let statistic = statistic_of(named, statistic)?;
    let limit = limit_of(named, statistic, limit)?;
    let bound = Bound { limit, side, inclusive };
    possible(metric, named, statistic, bound)?;
    Ok(GaugeLimit { gauge, statistic, bound })
}

/// For a metric of a target that has mistakes of its own.
fn stand_in(gauge: String) -> GaugeLimit {
    let bound = Bound { limit: 0.0, side: Side::Below, inclusive: true };
    GaugeLimit { gauge, statistic: Statistic::Max, bound }
}

/// The gauge's name in a record, and what of it is limited.
fn parts(metric: &str) -> Result<(String, Option<&str>), Fault> {
    let name = metric.trim().strip_prefix(TARGET).unwrap_or_default();
    let (prefix, name) = match name.strip_prefix(METRIC) {
        Some(name) => (WATCHED, name),
        None => ("", name),
    };
    if name.is_empty() || name.contains(char::is_whitespace) {
        let fault = Fault::new(format!("\"{metric}\" names no gauge of the target"));
        return Err(fault.help("write it like \"target.rss.max < 500MB\""));
    }
    if let Some((name, statistic)) = name.split_once('.') {
        return Ok((format!("{prefix}{name}"), Some(statistic)));
    }
    for statistic in ["growth", "per_request"] {
        let base = name.strip_suffix(statistic).and_then(|base| base.strip_suffix('_'));
        if let Some(base) = base.filter(|_| prefix.is_empty()) {
            return Ok((base.to_owned(), Some(statistic)));
        }
    }
    Ok((format!("{prefix}{name}"), None))
}

/// As an objective names it.
fn written(gauge: &str) -> String {
    match gauge.strip_prefix(WATCHED) {
        Some(name) => format!("{TARGET}{METRIC}{name}"),
        None => format!("{TARGET}{gauge}"),
    }
}

fn unknown(gauge: &str, gauges: &Gauges) -> Fault {
    let fault = Fault::new(format!("the target has no gauge \"{}\"", written(gauge)));
    let names = gauges.all.iter().map(|known| written(&known.name));
    let names: Vec<String> = names.chain([CERTIFICATE_DAYS.to_owned()]).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let is_watched = gauge.starts_with(WATCHED);
    let as_metric = format!("{TARGET}{METRIC}{gauge}");
    let meant = names.iter().find(|name| **name == as_metric).copied();
    match meant.or_else(|| nearest(&written(gauge), &names)) {
        Some(name) => fault.help(format!("did you mean \"{name}\"?")),
        None if is_watched => fault.help(format!(
            "name the metric in the scenario: \"metrics\": {{\"watch\": [\"{}\"]}}",
            gauge.trim_start_matches(WATCHED)
        )),
        None => fault.help(format!("there are: {}", names.join(", "))),
    }
}

fn statistic_of(named: &Named, text: Option<&str>) -> Result<Statistic, Fault> {
    let name = written(&named.name);
    let Some(text) = text else {
        let fault = Fault::new(format!("\"{name}\" does not say which of its values"));
        return Err(fault.help(format!("write \"{name}.max\", \"{name}.mean\" or \"{name}.p99\"")));
    };
    let statistic = match text {
        "mean" => Statistic::Mean,
        "max" => Statistic::Max,
        "min" => Statistic::Min,
        "growth" => Statistic::Growth,
        "per_request" => Statistic::PerRequest,
        other => match other.parse::<Quantile>() {
            Ok(quantile) if quantile.share() < 1.0 => Statistic::Quantile(quantile.share()),
            Ok(_) | Err(_) => return Err(no_statistic(&name, other)),
        },
    };
    match (statistic, named.kind) {
        (Statistic::Growth, Kind::Counter | Kind::Quantile) => {
            let fault = Fault::new(format!("\"{name}\" is counted per second and does not grow"));
            Err(fault.help(format!("limit \"{name}.mean\" or \"{name}.max\"")))
        }
        (Statistic::PerRequest, Kind::Gauge | Kind::Quantile) => {
            let fault =
                Fault::new(format!("\"{name}\" is not counted, so no request has a part of it"));
            Err(fault.help(format!("limit \"{name}.mean\" or \"{name}.max\"")))
        }
        (statistic, _) => Ok(statistic),
    }
}

fn no_statistic(name: &str, text: &str) -> Fault {
    let fault = Fault::new(format!("\"{name}\" has no \"{text}\""));
    let ours = match text {
        "avg" | "average" => Some("mean"),
        "maximum" | "p100" => Some("max"),
        "median" => Some("p50"),
        other => nearest(other, &STATISTICS),
    };
    match ours {
        Some(ours) => fault.help(format!("did you mean \"{name}.{ours}\"?")),
        None => fault.help(format!("there are: {}", STATISTICS.join(", "))),
    }
}

/// A limit in the unit of what is limited.
fn limit_of(named: &Named, statistic: Statistic, text: &str) -> Result<f64, Fault> {
    let per_second = named.kind == Kind::Counter && statistic != Statistic::PerRequest;
    let (text, is_rate) = match text.strip_suffix("/s").map(str::trim) {
        Some(text) if per_second => (text, true),
        Some(_) | None => (text.trim(), false),
    };
    match (named.unit, per_second) {
        (Unit::CpuSeconds, true) | (Unit::Cores, _) => cores(text),
        (Unit::Seconds, true) | (Unit::Share, _) if !is_rate => {
            let Ratio(share) = text.parse()?;
            Ok(share)
        }
        (Unit::CpuSeconds | Unit::Seconds, false) => Ok(parse_duration(text)?.as_secs_f64()),
        (Unit::Bytes, _) => {
            let Bytes(bytes) = text.parse()?;
            Ok(bytes as f64)
        }
        (Unit::Number | Unit::Seconds | Unit::Share, _) => number(text),
    }
}

/// `0.8`, `0.8 cores`, or `80%` of one core.
fn cores(text: &str) -> Result<f64, Fault> {
    let (number, scale) = match text.strip_suffix('%') {
        Some(percent) => (percent, 0.01),
        None => (text.trim_end_matches("cores").trim_end_matches("core"), 1.0),
    };
    match number.trim().parse::<f64>() {
        Ok(cores) if cores.is_finite() && cores >= 0.0 => Ok(cores * scale),
        Ok(_) | Err(_) => {
            let fault = Fault::new(format!("\"{text}\" is no number of cores"));
            Err(fault.help("write \"0.8 cores\", or \"80%\" of one core"))
        }
    }
}

fn number(text: &str) -> Result<f64, Fault> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(_) | Err(_) => {
            Err(Fault::new(format!("\"{text}\" is not a number")).help("write \"100\""))
        }
    }
}

/// A limit that no run can meet, or none can miss, is a mistake.
fn possible(metric: &str, named: &Named, statistic: Statistic, bound: Bound) -> Result<(), Fault> {
    match (statistic, bound.side) {
        (Statistic::Max | Statistic::Growth, Side::Above) => {
            let fault = Fault::new(format!("{metric} must be low, not high"));
            return Err(fault.help("turn the sign, or limit \"min\" or \"mean\""));
        }
        (Statistic::Min, Side::Below) => {
            let fault = Fault::new(format!("{metric} must be high, not low"));
            return Err(fault.help("turn the sign, or limit \"max\" or \"mean\""));
        }
        _ => {}
    }
    let (least, most) = range(named, statistic);
    let (limit, inclusive) = (bound.limit, bound.inclusive);
    let is_under = |end: f64| limit < end || (limit <= end && inclusive);
    let is_over = |end: f64| limit > end || (limit >= end && inclusive);
    match bound.side {
        Side::Below if !is_over(least) => {
            let fault = Fault::new(format!("no value of {metric} is below this limit"));
            Err(fault.help(format!("write \"{metric} <= 0\" to allow none at all")))
        }
        Side::Above if !is_under(most) => {
            let fault = Fault::new(format!("no value of {metric} is above this limit"));
            Err(fault.help(format!("it is 100% at most; write \"{metric} >= 100%\" for all of it")))
        }
        Side::Above if is_under(least) => Err(always(metric, "never below zero")),
        Side::Below if is_over(most) => Err(always(metric, "never above 100%")),
        Side::Below | Side::Above => Ok(()),
    }
}

fn always(metric: &str, why: &str) -> Fault {
    let fault = Fault::new(format!("this limit on {metric} always holds: it is {why}"));
    fault.help("write a limit that can be missed, or remove it")
}

/// Between what all values of a gauge are.
fn range(named: &Named, statistic: Statistic) -> (f64, f64) {
    let is_watched = named.name.starts_with(WATCHED);
    let is_share = named.unit == Unit::Share || named.name.starts_with(PRESSURE);
    let most = if is_share && !is_watched { 1.0 } else { f64::INFINITY };
    // A gauge that the scenario names may be negative.
    let is_free = is_watched && named.kind == Kind::Gauge;
    match statistic {
        Statistic::Growth => (-most, most),
        _ if is_free => (f64::NEG_INFINITY, most),
        _ => (0.0, most),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::watch::{Combine, HowRead};
    use super::*;

    fn watched() -> Gauges {
        let of = |name: &str, reading| Watched {
            name: name.to_owned(),
            metric: name.to_owned(),
            labels: Vec::new(),
            reading,
        };
        Gauges::with(Some(&[
            of("my_queue_depth", HowRead::Gauge(Combine::Sum)),
            of("jobs_total", HowRead::Counter(Combine::Sum)),
            of("queue_wait_seconds", HowRead::Quantile(0.95)),
        ]))
    }

    #[test]
    fn days_of_certificates_are_at_least_so_many_where_there_are_certificates() {
        let of = |metric: &str, side, limit: &str, is_secured| {
            let gauges = Gauges { is_secured, ..watched() };
            assert!(is_of_certificates(metric), "{metric}");
            certificate_limit(metric, side, limit, &gauges)
        };
        let name = CERTIFICATE_DAYS;
        for limit in ["14", "14d", "14 days"] {
            let bound = of(name, AT_LEAST, limit, Some(true)).unwrap();
            assert_eq!(bound, Bound { limit: 14.0, side: Side::Above, inclusive: true });
        }
        assert!(of(name, (Side::Above, false), "0", None).is_ok());
        for (metric, side, limit, is_secured, wanted) in [
            (name, AT_LEAST, "14", Some(false), "https://"),
            (name, BELOW, "14", Some(true), "high, not low"),
            (name, AT_LEAST, "0", Some(true), "always holds"),
            (name, (Side::Above, false), "-1", Some(true), "always holds"),
            (name, AT_LEAST, "two weeks", Some(true), "not a number"),
            ("target.certificate_days.min", AT_LEAST, "14", Some(true), "read once"),
        ] {
            let fault = of(metric, side, limit, is_secured).unwrap_err();
            assert!(fault.message.contains(wanted), "{}", fault.message);
        }
        assert!(!is_of_certificates("target.certificate_daysx"));
        let fault = gauge_limit("target.certificate_dys", AT_LEAST, "14", &watched()).unwrap_err();
        assert!(fault.help.unwrap().contains("target.certificate_days"));
    }

    const BELOW: (Side, bool) = (Side::Below, false);
    const AT_LEAST: (Side, bool) = (Side::Above, true);

    #[track_caller]
    fn reads(metric: &str, limit: &str, gauge: &str, statistic: Statistic, expected: f64) {
        let found =
            gauge_limit(metric, BELOW, limit, &watched()).unwrap_or_else(|it| panic!("{it:?}"));
        assert_eq!((found.gauge.as_str(), found.statistic), (gauge, statistic), "{metric}");
        assert!((found.bound.limit - expected).abs() < 1e-9, "{metric} < {limit}: {found:?}");
    }

    #[test]
    fn limits_are_read_in_the_unit_of_what_they_limit() {
        let p99 = Statistic::Quantile(0.99);
        reads("target.event_loop_delay.p99", "50ms", "event_loop_delay", p99, 0.05);
        reads(
            "target.event_loop_delay.p99.9",
            "1s",
            "event_loop_delay",
            Statistic::Quantile(0.999),
            1.0,
        );
        reads("target.rss_growth", "50MB", "rss", Statistic::Growth, 5e7);
        reads("target.rss.growth", "50MB", "rss", Statistic::Growth, 5e7);
        reads("target.cpu_per_request", "3ms", "cpu", Statistic::PerRequest, 0.003);
        reads("target.cpu.mean", "80%", "cpu", Statistic::Mean, 0.8);
        reads("target.cpu.mean", "150%", "cpu", Statistic::Mean, 1.5);
        reads("target.cpu.max", "1.5 cores", "cpu", Statistic::Max, 1.5);
        reads("target.gc_time.mean", "5%", "gc_time", Statistic::Mean, 0.05);
        reads("target.allocated.mean", "10MB/s", "allocated", Statistic::Mean, 1e7);
        reads("target.allocated_per_request", "20kB", "allocated", Statistic::PerRequest, 2e4);
        reads("target.pool_waiting.max", "1", "pool_waiting", Statistic::Max, 1.0);
        let depth = "metric_my_queue_depth";
        reads("target.metric.my_queue_depth.max", "100", depth, Statistic::Max, 100.0);
        reads("target.metric.my_queue_depth.growth", "-1", depth, Statistic::Growth, -1.0);
        reads(
            "target.metric.jobs_total.mean",
            "100/s",
            "metric_jobs_total",
            Statistic::Mean,
            100.0,
        );
        reads(
            "target.metric.queue_wait_seconds.max",
            "50ms",
            "metric_queue_wait_seconds",
            Statistic::Max,
            0.05,
        );
    }

    #[track_caller]
    fn refuses(metric: &str, (side, limit): ((Side, bool), &str), message: &str, help: &str) {
        let fault = gauge_limit(metric, side, limit, &watched()).expect_err(metric);
        assert!(fault.message.contains(message), "{fault:?}");
        assert!(fault.help.as_deref().unwrap_or_default().contains(help), "{fault:?}");
    }

    #[test]
    fn mistakes_name_what_there_is() {
        let low = |limit| (BELOW, limit);
        let none = "has no gauge";
        refuses("target.event_loop_dely.p99", low("50ms"), none, "\"target.event_loop_delay\"?");
        refuses(
            "target.metric.my_queue_dept.max",
            low("1"),
            none,
            "\"target.metric.my_queue_depth\"?",
        );
        // Without "metric." it is far from its name.
        let meant = "did you mean \"target.metric.jobs_total\"?";
        refuses("target.jobs_total.growth", low("1"), none, meant);
        refuses("target.metric.something.max", low("1"), none, "\"watch\": [\"something\"]");
        let far = "target.something_quite_different.max";
        refuses(far, low("1"), none, "there are: target.cpu, target.cpu_system");
        refuses("target.rss", low("1MB"), "which of its values", "\"target.rss.max\"");
        refuses("target.rss.avg", low("1MB"), "has no \"avg\"", "\"target.rss.mean\"?");
        refuses("target.rss.p9x", low("1MB"), "has no \"p9x\"", "p9");
        refuses("target.cpu_growth", low("1MB"), "does not grow", "target.cpu.mean");
        refuses("target.rss_per_request", low("1MB"), "not counted", "target.rss.mean");
        refuses("target.rss.max", (AT_LEAST, "1MB"), "must be low", "min");
        refuses("target.rss.min", low("1MB"), "must be high", "max");
        refuses("target.pool_waiting.max", low("0"), "no value of", "<= 0");
        refuses("target.rss.mean", (AT_LEAST, "0"), "always holds", "remove");
        refuses("target.cpu.mean", low("fast"), "no number of cores", "80%");
        refuses("target.rss.max", low("50ms"), "50ms", "");
        refuses("target.", low("1"), "names no gauge", "target.rss.max");
    }

    /// Every value of these is on one side.
    #[test]
    fn limits_that_nothing_can_meet_or_miss_are_mistakes() {
        const AT_MOST: (Side, bool) = (Side::Below, true);
        const ABOVE: (Side, bool) = (Side::Above, false);
        let (never_below, never_above) = ("is below this limit", "is above this limit");
        for (metric, limit, message) in [
            ("target.event_loop_utilisation.max", (AT_MOST, "100%"), "never above 100%"),
            ("target.event_loop_utilisation.max", (BELOW, "0%"), never_below),
            ("target.pressure_cpu.mean", (AT_MOST, "1"), "never above 100%"),
            ("target.pressure_cpu.mean", (BELOW, "5/s"), "never above 100%"),
            ("target.postgres_cache_hits.min", (ABOVE, "100%"), never_above),
            ("target.postgres_cache_hits.min", (AT_LEAST, "0%"), "never below zero"),
            ("target.event_loop_utilisation_growth", (AT_MOST, "100%"), "never above 100%"),
            ("target.pool_waiting.max", (AT_MOST, "-1"), never_below),
            ("target.pool_waiting.mean", (ABOVE, "-1"), "never below zero"),
            ("target.metric.jobs_total.mean", (BELOW, "0/s"), never_below),
            ("target.metric.jobs_total.min", (AT_LEAST, "0"), "never below zero"),
            ("target.metric.queue_wait_seconds.max", (BELOW, "0s"), never_below),
        ] {
            refuses(metric, limit, message, "write");
        }
        refuses("target.event_loop_utilisation.max", (BELOW, "150%"), "at most 100%", "");
        for (metric, (side, limit)) in [
            ("target.event_loop_utilisation.max", (BELOW, "100%")),
            ("target.postgres_cache_hits.min", (AT_LEAST, "100%")),
            ("target.postgres_cache_hits.min", (ABOVE, "0%")),
            ("target.pool_waiting.max", (AT_MOST, "0")),
            ("target.rss_growth", (BELOW, "0MB")),
            ("target.cpu.max", (AT_MOST, "150%")),
            ("target.metric.my_queue_depth.max", (BELOW, "-1")),
            ("target.metric.my_queue_depth.mean", (ABOVE, "-1")),
        ] {
            let found = gauge_limit(metric, side, limit, &watched());
            assert!(found.is_ok(), "{metric} {limit}: {found:?}");
        }
    }

    #[test]
    fn of_a_target_with_mistakes_no_metric_is_unknown() {
        let unknown = Gauges::with(None);
        assert!(gauge_limit("target.metric.anything.max", BELOW, "1", &unknown).is_ok());
        assert!(gauge_limit("target.anything.max", BELOW, "1", &unknown).is_err());
    }
}
