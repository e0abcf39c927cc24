//! Where the limit of an objective is.

use crate::record::run::{MetricHead, RunRecord, SloHead};
use crate::scenario::slo::{FailureShare, Threshold};

/// The limit in the unit of what is measured.
pub fn of(record: &RunRecord, slo: &SloHead) -> f64 {
    match (slo.windows, slo.metric) {
        (Some(windows), _) => windows.share,
        (None, MetricHead::ResponseTime { .. }) => {
            threshold(record, slo).map_or(f64::NAN, |limit| limit.limit as f64 / 1e6)
        }
        (
            None,
            MetricHead::Failures(FailureShare::Unavailable | FailureShare::ChecksNotHeld)
            | MetricHead::Apdex { .. },
        ) => good_share(slo.allowed),
        (None, MetricHead::Throughput(limit)) => limit.bound.limit,
        (None, MetricHead::Lap { limit, .. }) => limit.limit as f64 / 1e6,
        (None, MetricHead::Failures(_) | MetricHead::Gauge(_) | MetricHead::CertificateDays(_)) => {
            slo.allowed
        }
    }
}

/// `1 − share`, rounded to 12 digits, so that an objective reads as it was written.
fn good_share(share: f64) -> f64 {
    ((1.0 - share) * 1e12).round() / 1e12
}

/// The response time from which on requests are slow for it.
pub fn threshold(record: &RunRecord, slo: &SloHead) -> Option<Threshold> {
    match slo.metric {
        MetricHead::ResponseTime { threshold, .. } => {
            record.head.thresholds.get(usize::from(threshold)).copied()
        }
        MetricHead::Failures(_)
        | MetricHead::Apdex { .. }
        | MetricHead::Throughput(_)
        | MetricHead::Gauge(_)
        | MetricHead::CertificateDays(_)
        | MetricHead::Lap { .. } => None,
    }
}
