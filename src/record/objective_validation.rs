//! Whether the objectives of a foreign record can be meant, and mean what their texts say.

use crate::record::gauge::Gauge;
use crate::record::run::{GaugeHead, Head, MetricHead, SloHead, ThroughputHead};
use crate::scenario::read::recorded_objective;
use crate::scenario::slo::{Bound, Metric, Statistic, Threshold};

/// The last second that a record may have: a year.
pub(super) const MAX_SECOND: u32 = 366 * 86_400;
/// So far may two numbers differ that went through a text.
const ROUNDING: f64 = 1e-9;

/// Whether there are some, each of which can be.
pub(super) fn check_objectives(head: &Head) -> Result<(), String> {
    if head.slos.is_empty() || head.slos.len() > usize::from(u16::MAX) {
        return Err("a run has between 1 and 65535 objectives".to_owned());
    }
    let of_neighbours = head.noisy.iter().flat_map(|noisy| &noisy.slos);
    head.slos.iter().chain(of_neighbours).try_for_each(|slo| {
        check_objective(slo, head).map_err(|what| format!("the objective \"{}\": {what}", slo.text))
    })?;
    head.noisy.as_ref().map_or(Ok(()), |noisy| noisy.check(head.tenants.as_ref()))
}

/// Whether an objective can be meant, and means what its text says.
fn check_objective(slo: &SloHead, head: &Head) -> Result<(), String> {
    if slo.each_tenant && head.tenants.is_none() {
        return Err("of tenants that are not there".to_owned());
    }
    if slo.step.is_some_and(|step| usize::from(step) >= head.steps.len()) {
        return Err("of a step that is not there".to_owned());
    }
    if !(0.0..1.0).contains(&slo.allowed) {
        return Err(format!("a share of {} is allowed", slo.allowed));
    }
    if let Some(windows) = &slo.windows
        && !(windows.share > 0.0
            && windows.share <= 1.0
            && (1..=MAX_SECOND).contains(&windows.seconds))
    {
        return Err(format!("windows of {} s, {} of them", windows.seconds, windows.share));
    }
    let threshold = match slo.metric {
        MetricHead::ResponseTime { quantile, threshold } => {
            check_quantile(quantile, slo)?;
            let known = head.thresholds.get(usize::from(threshold));
            Some(*known.ok_or_else(|| format!("threshold {threshold} is not there"))?)
        }
        MetricHead::Failures(_) => None,
        MetricHead::Apdex { satisfied, tolerable } => {
            check_apdex([satisfied, tolerable], head)?;
            None
        }
        MetricHead::Throughput(limit) => {
            check_throughput(limit, slo)?;
            None
        }
        MetricHead::CertificateDays(bound) => {
            check_certificate_limit(bound, slo)?;
            None
        }
        MetricHead::Gauge(limit) => {
            check_gauge_limit(limit, slo, head)?;
            None
        }
        MetricHead::Lap { quantile, limit, .. } => {
            check_quantile(quantile, slo)?;
            if limit.limit == 0 {
                return Err("a limit of no time".to_owned());
            }
            Some(limit)
        }
    };
    if says_the_same(slo, threshold, head) {
        return Ok(());
    }
    Err("is not what its numbers say".to_owned())
}

/// Whether a quantile is one, and leaves what is allowed.
fn check_quantile(quantile: f64, slo: &SloHead) -> Result<(), String> {
    if !(quantile > 0.0 && quantile <= 1.0) {
        return Err(format!("a quantile of {quantile}"));
    }
    if !is_same(quantile, 1.0 - slo.allowed) {
        return Err(format!("a quantile of {quantile}, but {} are allowed", slo.allowed));
    }
    Ok(())
}

/// Whether a gauge can be limited so.
fn check_gauge_limit(limit: GaugeHead, slo: &SloHead, head: &Head) -> Result<(), String> {
    if limit.gauge.index() >= head.gauges.len() {
        return Err(format!("gauge {} is not there", limit.gauge.0));
    }
    if slo.step.is_some() || slo.windows.is_some() {
        return Err("a gauge of one step, or in windows".to_owned());
    }
    let is_share = match limit.statistic {
        Statistic::Quantile(share) => (0.0..=1.0).contains(&share),
        Statistic::Mean
        | Statistic::Max
        | Statistic::Min
        | Statistic::Growth
        | Statistic::PerRequest => true,
    };
    if is_share && limit.bound.limit.is_finite() {
        return Ok(());
    }
    Err("a limit that is none".to_owned())
}

/// Whether both limits are there, the second one above the first.
fn check_apdex(limits: [u16; 2], head: &Head) -> Result<(), String> {
    let found = limits.map(|limit| head.thresholds.get(usize::from(limit)));
    match found {
        [Some(satisfied), Some(tolerable)] if satisfied <= tolerable => Ok(()),
        _ => Err(format!("thresholds {} and {} are not there", limits[0], limits[1])),
    }
}

/// Whether so much per second can be limited.
fn check_throughput(limit: ThroughputHead, slo: &SloHead) -> Result<(), String> {
    if slo.windows.is_some() {
        return Err("a throughput in windows".to_owned());
    }
    let is_limit = limit.bound.limit.is_finite() && limit.bound.limit > 0.0;
    if is_limit { Ok(()) } else { Err("a limit that is none".to_owned()) }
}

/// Whether the days of a certificate can be limited so.
fn check_certificate_limit(bound: Bound, slo: &SloHead) -> Result<(), String> {
    if slo.step.is_some() || slo.windows.is_some() {
        return Err("a certificate of one step, or in windows".to_owned());
    }
    if bound.limit.is_finite() { Ok(()) } else { Err("a limit that is none".to_owned()) }
}

/// Whether two limits are the same.
fn is_same_bound(a: Bound, b: Bound) -> bool {
    a.side == b.side && a.inclusive == b.inclusive && is_same(a.limit, b.limit)
}

/// Whether the text of an objective and its numbers are the same. A text with a variable in
/// it tells nothing.
fn says_the_same(slo: &SloHead, threshold: Option<Threshold>, head: &Head) -> bool {
    let gauges = match slo.metric {
        MetricHead::Gauge(_) => head.gauges.iter().map(Gauge::named).collect(),
        MetricHead::ResponseTime { .. }
        | MetricHead::Failures(_)
        | MetricHead::Apdex { .. }
        | MetricHead::Throughput(_)
        | MetricHead::CertificateDays(_)
        | MetricHead::Lap { .. } => Vec::new(),
    };
    let Some(said) = recorded_objective(&slo.text, gauges) else { return true };
    let is_same_metric = match (said.metric, slo.metric) {
        (
            Metric::ResponseTime { quantile, threshold: said },
            MetricHead::ResponseTime { quantile: share, .. },
        ) => is_same(quantile.share(), share) && threshold == Some(said),
        (Metric::Failures(said), MetricHead::Failures(share)) => said == share,
        (
            Metric::Apdex { satisfied: said, tolerable: also },
            MetricHead::Apdex { satisfied, tolerable },
        ) => {
            let known = |place: u16| head.thresholds.get(usize::from(place)).copied();
            (known(satisfied), known(tolerable)) == (Some(said), Some(also))
        }
        (Metric::Throughput { of, bound }, MetricHead::Throughput(limit)) => {
            of == limit.of && is_same_bound(bound, limit.bound)
        }
        (Metric::Gauge(said), MetricHead::Gauge(limit)) => {
            head.gauges[limit.gauge.index()].name == said.gauge
                && said.statistic == limit.statistic
                && is_same_bound(said.bound, limit.bound)
        }
        (Metric::CertificateDays(said), MetricHead::CertificateDays(bound)) => {
            is_same_bound(said, bound)
        }
        (
            Metric::Lap { of: said, quantile, limit },
            MetricHead::Lap { of, quantile: share, .. },
        ) => said == of && is_same(quantile.share(), share) && threshold == Some(limit),
        (
            Metric::ResponseTime { .. }
            | Metric::Failures(_)
            | Metric::Apdex { .. }
            | Metric::Throughput { .. }
            | Metric::Gauge(_)
            | Metric::CertificateDays(_)
            | Metric::Lap { .. },
            _,
        ) => false,
    };
    let are_same_windows = match (said.windows, slo.windows) {
        (None, None) => true,
        (Some(said), Some(windows)) => {
            is_same(said.share.0, windows.share)
                && said.length.as_secs() == u64::from(windows.seconds)
        }
        (Some(_), None) | (None, Some(_)) => false,
    };
    is_same_metric && are_same_windows && is_same(said.allowed, slo.allowed)
}

fn is_same(a: f64, b: f64) -> bool {
    (a - b).abs() <= ROUNDING
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample_head;
    use crate::scenario::slo::LapKind;

    fn checked(text: &str, quantile: f64, millis: u64, allowed: f64) -> Result<(), String> {
        let mut head = sample_head();
        let limit = Threshold { limit: millis * 1_000_000, inclusive: false };
        let metric = MetricHead::Lap { of: LapKind::RoundTrip, quantile, limit };
        let slo = &mut head.slos[0];
        (slo.text, slo.metric, slo.allowed) = (text.to_owned(), metric, allowed);
        check_objectives(&head)
    }

    #[test]
    fn a_time_within_streams_means_what_its_text_says() {
        assert_eq!(checked("round_trip.p95 < 100ms", 0.95, 100, 0.05), Ok(()));
        for (text, quantile, millis, allowed) in [
            ("round_trip.p95 < 100ms", 0.95, 200, 0.05),
            ("round_trip.p95 < 100ms", 0.95, 0, 0.05),
            ("round_trip.p95 < 100ms", 0.5, 100, 0.5),
            ("round_trip.p95 < 100ms", 0.95, 100, 0.5),
            ("round_trip.p95 < 100ms", f64::NAN, 100, 0.05),
            ("round_trip.p95 <= 100ms", 0.95, 100, 0.05),
            ("first_event.p95 < 100ms", 0.95, 100, 0.05),
            ("p95 < 100ms", 0.95, 100, 0.05),
        ] {
            let found = checked(text, quantile, millis, allowed);
            assert!(found.is_err(), "{text} {quantile} {millis} {allowed}");
        }
    }
}
