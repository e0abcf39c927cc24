//! Reads service level objectives: `<metric> <op> <limit> [for 95% of 10s windows]`.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use super::super::check::Check;
use super::super::document::Pointer;
use super::super::gauge::Named;
use super::super::model::StepId;
use super::super::problems::{Fault, nearest};
use super::super::raw_slo::RawSlo;
use super::super::slo::{
    DEFAULT_BUDGET_HOURS, FailureShare, Metric, Neighbours, Scope, Slo, Threshold, Windows,
};
use super::super::stress::StressObjective;
use super::flows::Walks;
use super::lap_objectives;
use super::measures;
use super::named_steps::{tag_named, without_step};
use super::neighbours;
use super::objective_text::{Operator, Parts, normalised};
use super::other_objectives;
use super::stress_objectives;
use super::target_objectives::{self, CERTIFICATE_DAYS, Gauges};
use crate::units::{Quantile, Ratio, parse_duration};

const SHARES: [(&str, FailureShare); 8] = [
    ("error_rate", FailureShare::Errors),
    ("server_error_rate", FailureShare::ServerErrors),
    ("client_error_rate", FailureShare::ClientErrors),
    ("check_failure_rate", FailureShare::CheckFailures),
    ("timeout_rate", FailureShare::Timeouts),
    ("transport_error_rate", FailureShare::TransportErrors),
    ("rejected_rate", FailureShare::Rejections),
    ("unsent_rate", FailureShare::Unsent),
];
const AVAILABILITY: &str = "availability";

/// What objectives may speak of.
pub(crate) struct Subjects<'s> {
    /// What users do.
    pub(crate) walks: &'s Walks,
    /// What is looked at of the target.
    pub(crate) gauges: Gauges,
}

/// What is good enough.
#[derive(Debug, Default)]
pub(crate) struct Objectives {
    /// For a run and all that is made of runs.
    pub(crate) slos: Vec<Slo>,
    /// For a stress test alone.
    pub(crate) stress: Vec<StressObjective>,
    /// The file that they are from, if that is another one than the scenario's.
    pub(crate) file: Option<PathBuf>,
    /// For all tenants but a noisy one.
    pub(crate) neighbours: Neighbours,
}

/// The objectives for all steps together and for single ones.
pub(crate) fn objectives(
    raw: &RawSlo,
    subjects: &Subjects<'_>,
    at: &Pointer,
    check: &mut Check<'_>,
) -> Objectives {
    let Subjects { walks, gauges } = subjects;
    let steps = &walks.steps;
    let slowest = steps.iter().map(|step| step.timeout).max().unwrap_or(Duration::MAX);
    let about = |scope| About { scope, gauges };
    let at_of = |scope, timeout, at| GroupAt { about: about(scope), timeout, walks, at };
    let whole = at_of(Scope::All, slowest, at.key("all"));
    let mut found = group(&raw.all, &whole, check);
    let each = at_of(Scope::EachTenant, slowest, at.key("tenants"));
    if walks.tenants.is_some() {
        found.extend(group(&raw.tenants, &each, check));
    }
    for (name, texts) in &raw.steps.0 {
        let at = at.key("steps").key(name);
        if let Some(tag) = name.strip_prefix("tag:") {
            let scope = tag_named(tag.trim(), walks, &at, check);
            let group_at = scope.map(|it| at_of(it, slowest, at));
            found.extend(group_at.map(|at| group(texts, &at, check)).unwrap_or_default());
            continue;
        }
        match steps.iter().position(|step| step.name == *name) {
            Some(index) => {
                let scope = Scope::Step(StepId(u16::try_from(index).unwrap_or(u16::MAX)));
                let group_at = at_of(scope, steps[index].timeout, at);
                found.extend(group(texts, &group_at, check));
            }
            None => without_step(name, walks, &at, check),
        }
    }
    let (mut neighbours, rest) = neighbours::split(raw, walks, at, check);
    let group_at = at_of(Scope::EachTenant, slowest, at.key("neighbours"));
    let rest = rest.iter().map(|(index, text)| (*index, text));
    neighbours.slos = group_of(rest, &group_at, check);
    // What holds for each tenant may be asked of all of them but one together.
    neighbours.slos.iter_mut().for_each(|slo| slo.scope = Scope::All);
    let stress = stress_objectives::of_all(raw, at, check);
    Objectives { slos: found, stress, neighbours, file: None }
}

/// The time that an error budget is for, in whole hours.
pub(crate) fn budget_hours(raw: &RawSlo, check: &mut Check<'_>) -> u32 {
    let Some(text) = &raw.budget_window else { return DEFAULT_BUDGET_HOURS };
    let at = Pointer::default().key("slo").key("budget_window");
    let hours = parse_duration(&check.fill(text)).map_err(Fault::from).and_then(|length| {
        match length.as_secs() / 3_600 {
            0 => Err(Fault::new("an error budget is for at least 1h").help("write \"30d\"")),
            hours => Ok(u32::try_from(hours).unwrap_or(u32::MAX)),
        }
    });
    check.accept(&at, hours).unwrap_or(DEFAULT_BUDGET_HOURS)
}

/// What an objective speaks of, and may speak of.
#[derive(Clone, Copy)]
struct About<'g> {
    scope: Scope,
    gauges: &'g Gauges,
}

/// Where a group of objectives stands and what it is about.
struct GroupAt<'g> {
    about: About<'g>,
    timeout: Duration,
    walks: &'g Walks,
    at: Pointer,
}

fn group(texts: &[String], group_at: &GroupAt<'_>, check: &mut Check<'_>) -> Vec<Slo> {
    let texts = texts.iter().enumerate().filter(|(_, text)| !stress_objectives::is_one(text));
    group_of(texts, group_at, check)
}

fn group_of<'t>(
    texts: impl Iterator<Item = (usize, &'t String)>,
    group_at: &GroupAt<'_>,
    check: &mut Check<'_>,
) -> Vec<Slo> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    for (index, text) in texts {
        let at = group_at.at.item(index);
        let slo = objective(&check.fill(text), text, group_at.about)
            .and_then(|slo| measures::reachable(slo, group_at.timeout))
            .and_then(|slo| lap_objectives::with_streams(slo, group_at.walks));
        let Some(slo) = check.accept(&at, slo) else { continue };
        if !seen.insert(subject(&slo)) {
            let fault = Fault::new(format!("\"{}\" is the second limit for the same", slo.text));
            check.value(&at, fault.help("keep the stricter of the two"));
        }
        found.push(slo);
    }
    found
}

/// What two objectives must not share.
fn subject(slo: &Slo) -> String {
    let windows = slo.windows.map(|windows| windows.length);
    match &slo.metric {
        Metric::ResponseTime { quantile, .. } => format!("{quantile} {windows:?}"),
        Metric::Failures(share) => format!("{share:?} {windows:?}"),
        Metric::Apdex { satisfied, .. } => format!("apdex {satisfied:?} {windows:?}"),
        Metric::Throughput { of, bound } => format!("{of:?} {:?}", bound.side),
        Metric::Gauge(it) => format!("{} {:?} {:?}", it.gauge, it.statistic, it.bound.side),
        Metric::CertificateDays(_) => CERTIFICATE_DAYS.to_owned(),
        Metric::Lap { of, quantile, .. } => format!("{of:?} {quantile} {windows:?}"),
    }
}

/// An objective as a record with these gauges keeps its text; `None` where that has a variable in
/// it.
pub(crate) fn recorded(text: &str, gauges: Vec<Named>) -> Option<Slo> {
    let gauges = Gauges { all: gauges, is_whole: true, is_secured: None };
    objective(text, text, About { scope: Scope::All, gauges: &gauges }).ok()
}

/// Reads one objective; `written` is the text with nothing filled in.
fn objective(text: &str, written: &str, about: About<'_>) -> Result<Slo, Fault> {
    own_objective(text, written, about).map_err(|fault| {
        if target_objectives::is_meant(text) {
            return fault;
        }
        // A word of ours, mistyped, is better advice than one that another tool may have meant.
        let is_near = |help: &String| {
            let ours = help.contains("_rate\"?") || help.contains("availability\"?");
            ours || help.contains("write \"max\"")
        };
        if fault.help.as_ref().is_some_and(is_near) {
            return fault;
        }
        let meant = other_objectives::meant(text);
        let meant = meant.filter(|meant| own_objective(meant, meant, about).is_ok());
        match meant {
            Some(meant) => fault.help(format!("write \"{meant}\"")),
            None => fault,
        }
    })
}

fn own_objective(text: &str, written: &str, about: About<'_>) -> Result<Slo, Fault> {
    let parts = Parts::split(text)?;
    let (limit, windows) = match parts.rest.split_once(" for ") {
        Some((limit, windows)) => (limit.trim(), Some(self::windows(windows)?)),
        None => (parts.rest, None),
    };
    let (metric, allowed) = if target_objectives::is_meant(parts.metric) {
        (of_target(&parts, limit, windows, about)?, 0.0)
    } else {
        measure(parts.metric, parts.operator, limit)?
    };
    if let (Metric::Throughput { .. }, Some(_)) = (&metric, windows) {
        let fault = Fault::new(format!("{} is not judged window by window", parts.metric));
        return Err(fault.help("leave out \"for …\": the whole judged time is what counts"));
    }
    if about.scope == Scope::EachTenant && (windows.is_some() || allowed <= 0.0) {
        let fault = Fault::new("an objective of each tenant is about a share of its requests");
        return Err(fault.help("write it like \"p99 < 800ms\" or \"error_rate < 1%\""));
    }
    let (scope, text) = (about.scope, normalised(written));
    Ok(Slo { scope, metric, allowed, windows, text, is_default: false })
}

/// A gauge belongs to the target as a whole and has one value a second.
fn of_target(
    parts: &Parts<'_>,
    limit: &str,
    windows: Option<Windows>,
    about: About<'_>,
) -> Result<Metric, Fault> {
    let metric = parts.metric;
    if windows.is_some() {
        let fault = Fault::new(format!("{metric} is not judged window by window"));
        return Err(fault.help("leave out \"for …\"; limit its p95 to allow some bad seconds"));
    }
    let part = match about.scope {
        Scope::All => None,
        Scope::Step(_) => Some("one step"),
        Scope::Tag(_) => Some("some steps"),
        Scope::EachTenant => Some("one tenant"),
    };
    if let Some(part) = part {
        let fault = Fault::new(format!("{metric} is of the target, not of {part}"));
        return Err(fault.help("move it to \"all\""));
    }
    let side = parts.operator.side();
    if target_objectives::is_of_certificates(metric) {
        let bound = target_objectives::certificate_limit(metric, side, limit, about.gauges);
        return bound.map(Metric::CertificateDays);
    }
    target_objectives::gauge_limit(metric, side, limit, about.gauges).map(Metric::Gauge)
}

fn measure(metric: &str, operator: Operator, limit: &str) -> Result<(Metric, f64), Fault> {
    if let Some((_, share)) = SHARES.iter().find(|(name, _)| *name == metric) {
        let allowed = failure_limit(metric, operator, limit)?;
        return Ok((Metric::Failures(*share), allowed));
    }
    if metric == AVAILABILITY {
        let allowed = unavailable(operator, limit)?;
        return Ok((Metric::Failures(FailureShare::Unavailable), allowed));
    }
    if let Some(found) = measures::measure(metric, operator.side(), limit) {
        return found;
    }
    if let Some(lap) = lap_objectives::parts(metric) {
        let (of, statistic) = lap?;
        let quantile = quantile(statistic)?;
        let limit = threshold(metric, operator, limit)?;
        return Ok((Metric::Lap { of, quantile, limit }, quantile.beyond()));
    }
    let quantile = quantile(metric)?;
    let threshold = threshold(metric, operator, limit)?;
    Ok((Metric::ResponseTime { quantile, threshold }, quantile.beyond()))
}

fn quantile(metric: &str) -> Result<Quantile, Fault> {
    if metric == "max" {
        return Ok(Quantile::new(1.0).expect("one is in [0, 1]"));
    }
    let numeric =
        metric.strip_prefix('p').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    match metric.parse::<Quantile>() {
        Ok(quantile) if quantile.beyond() > 0.0 => Ok(quantile),
        Ok(_) => Err(Fault::new(format!("\"{metric}\" has too many digits"))),
        Err(error) if numeric => {
            Err(Fault::from(error).help("for the slowest request write \"max\""))
        }
        Err(_) => Err(unknown_metric(metric)),
    }
}

fn unknown_metric(metric: &str) -> Fault {
    let shares = SHARES.iter().map(|(name, _)| *name);
    let names = shares.chain([AVAILABILITY, "p50", "p90", "p95", "p99", "p99.9", "max"]);
    let names = names.chain(measures::NAMES).chain(stress_objectives::NAMES);
    let names = names.chain(lap_objectives::NAMES);
    let names: Vec<&str> = names.collect();
    let other = [("avg", "p50"), ("mean", "p50"), ("median", "p50"), ("5xx", "server_error_rate")];
    let fault = Fault::new(format!("unknown metric \"{metric}\""));
    match other.iter().find(|(word, _)| *word == metric) {
        Some((_, ours)) => fault.help(format!("use \"{ours}\"")),
        None => match nearest(metric, &names) {
            Some(name) => fault.help(format!("did you mean \"{name}\"?")),
            None => fault.nearest("", names.into_iter()),
        },
    }
}

fn threshold(metric: &str, operator: Operator, limit: &str) -> Result<Threshold, Fault> {
    let inclusive = upper(metric, operator, limit)? == Operator::AtMost;
    let length = parse_duration(limit)?;
    if length.is_zero() {
        return Err(Fault::new("a response time cannot be zero").help("write \"p99 < 500ms\""));
    }
    let limit = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
    Ok(Threshold { limit, inclusive })
}

fn failure_limit(metric: &str, operator: Operator, limit: &str) -> Result<f64, Fault> {
    let operator = upper(metric, operator, limit)?;
    let Ratio(share) = limit.parse()?;
    if share <= 0.0 && operator == Operator::Less {
        let fault = Fault::new(format!("\"{metric} < {limit}\" can never hold"));
        return Err(fault.help(format!("write \"{metric} <= 0%\" to allow none at all")));
    }
    below_one(metric, share)
}

fn unavailable(operator: Operator, limit: &str) -> Result<f64, Fault> {
    let Ratio(share) = limit.parse()?;
    match operator {
        Operator::AtLeast => {}
        Operator::More if share < 1.0 => {}
        Operator::More => {
            let fault = Fault::new(format!("\"availability > {limit}\" can never hold"));
            return Err(fault.help("write \"availability >= 100%\""));
        }
        Operator::Less | Operator::AtMost => {
            let fault = Fault::new("availability must be high, not low");
            return Err(fault.help(format!("write \"availability >= {limit}\"")));
        }
    }
    below_one(AVAILABILITY, ((1.0 - share) * 1e12).round() / 1e12)
}

fn below_one(metric: &str, allowed: f64) -> Result<f64, Fault> {
    if allowed < 1.0 {
        return Ok(allowed);
    }
    let fault = Fault::new(format!("this limit on {metric} always holds"));
    Err(fault.help("write a limit that can be missed, or remove it"))
}

/// Everything but availability is better when it is smaller.
fn upper(metric: &str, operator: Operator, limit: &str) -> Result<Operator, Fault> {
    match operator {
        Operator::Less | Operator::AtMost => Ok(operator),
        Operator::More | Operator::AtLeast => {
            let fault = Fault::new(format!("{metric} must be low, not high"));
            Err(fault.help(format!("write \"{metric} < {limit}\"")))
        }
    }
}

/// `95% of 10s windows`.
fn windows(text: &str) -> Result<Windows, Fault> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [share, "of", length, "windows" | "window"] = words.as_slice() else {
        let fault = Fault::new(format!("cannot read the windows \"for {}\"", text.trim()));
        return Err(fault.help("write it like \"p95 < 200ms for 95% of 10s windows\""));
    };
    let share: Ratio = share.parse()?;
    if share.0 <= 0.0 {
        return Err(Fault::new("an objective that must hold in 0% of windows always holds"));
    }
    let length = parse_duration(length)?;
    if length.is_zero() || length.subsec_nanos() > 0 {
        let fault = Fault::new("windows last whole seconds");
        return Err(fault.help("write it like \"for 95% of 10s windows\""));
    }
    Ok(Windows { share, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Result<Slo, Fault> {
        let gauges = Gauges::with(Some(&[]));
        objective(text, text, About { scope: Scope::All, gauges: &gauges })
    }

    #[test]
    fn a_limit_on_the_target_is_an_objective_for_all_requests() {
        let slo = whole("target.rss.max<=500MB").unwrap();
        assert_eq!(slo.text, "target.rss.max <= 500MB");
        let Metric::Gauge(limit) = slo.metric else { panic!("{slo:?}") };
        assert!(limit.bound.inclusive && limit.bound.holds(5e8) && !limit.bound.holds(5e8 + 1.0));
        let fault = whole("target.rss.max < 500MB for 95% of 10s windows").unwrap_err();
        assert!(fault.message.contains("window by window"), "{fault:?}");
        let gauges = Gauges::with(Some(&[]));
        let about = About { scope: Scope::Step(StepId(0)), gauges: &gauges };
        let fault = objective("target.rss.max < 1MB", "", about).unwrap_err();
        assert!(fault.message.contains("not of one step"), "{fault:?}");
    }

    #[track_caller]
    fn reads(text: &str, metric: Metric, allowed: f64, normal: &str) {
        let slo = whole(text).unwrap_or_else(|fault| panic!("{fault:?}"));
        assert_eq!((slo.metric, slo.text.as_str()), (metric, normal));
        assert_eq!(slo.allowed.to_bits(), allowed.to_bits(), "{text}");
    }

    fn slower(quantile: f64, millis: u64, inclusive: bool) -> Metric {
        let quantile = Quantile::new(quantile).unwrap();
        let threshold = Threshold { limit: millis * 1_000_000, inclusive };
        Metric::ResponseTime { quantile, threshold }
    }

    #[test]
    fn objectives_become_shares_of_bad_requests() {
        reads("p99<500ms", slower(0.99, 500, false), 0.01, "p99 < 500ms");
        reads("  p99.99   <=  1s ", slower(0.9999, 1_000, true), 0.0001, "p99.99 <= 1s");
        reads("max < 2s", slower(1.0, 2_000, false), 0.0, "max < 2s");
        let share = Metric::Failures;
        reads("error_rate < 0.1%", share(FailureShare::Errors), 0.001, "error_rate < 0.1%");
        reads("unsent_rate <= 0", share(FailureShare::Unsent), 0.0, "unsent_rate <= 0");
        reads(
            "availability>=99.9%",
            share(FailureShare::Unavailable),
            0.001,
            "availability >= 99.9%",
        );
        reads(
            "availability >= 100%",
            share(FailureShare::Unavailable),
            0.0,
            "availability >= 100%",
        );
    }

    #[test]
    fn objectives_may_be_judged_window_by_window() {
        let text = "p95 < 200ms  for 95% of 10s windows";
        let slo = whole(text).unwrap();
        let windows = Windows { share: Ratio(0.95), length: Duration::from_secs(10) };
        assert_eq!(slo.windows, Some(windows));
        assert_eq!(slo.text, "p95 < 200ms for 95% of 10s windows");
    }

    #[track_caller]
    fn refused(text: &str, message: &str) {
        let fault = whole(text).expect_err(text);
        let whole = format!("{} {}", fault.message, fault.help.unwrap_or_default());
        assert!(whole.contains(message), "{text}: {whole}");
    }

    #[test]
    fn what_is_no_objective_is_refused_with_advice() {
        refused("p99", "write \"p99 < 500ms\"");
        refused("foo", "write it like");
        refused("p99 = 1s", "write \"p99 < 1s\"");
        refused("p99 < 500", "length of time");
        refused("p99 < 0s", "cannot be zero");
        refused("p100 < 1s", "write \"max\"");
        refused("p99.99999999999999 < 1s", "too many digits");
        refused("avg < 1s", "write \"p50 < 1s\"");
        refused("eror_rate < 1%", "did you mean \"error_rate\"?");
        refused("latency < 1s", "write \"p95 < 1s\"");
        refused("speed < 1s", "valid here");
        refused("error_rate > 1%", "error_rate < 1%");
        refused("error_rate < 100%", "always holds");
        refused("error_rate < 500ms", "a share");
        refused("availability < 99%", "must be high");
        refused("availability > 100%", "can never hold");
        refused("availability >= 0%", "always holds");
        refused("p99 < 1s for 95% of 1500ms windows", "whole seconds");
        refused("p99 < 1s for 0% of 10s windows", "always holds");
    }
}
