//! What all findings are made with.

use crate::analysis::assessment::{Finding, Severity};
use crate::analysis::run_data::RunData;
use crate::record::generator::GeneratorId;
use crate::record::run::MetricHead;

/// A finding from its parts.
pub fn finding(kind: &'static str, severity: Severity, evidence: String, advice: &str) -> Finding {
    Finding { kind, severity, evidence, advice: advice.to_owned() }
}

/// Which generator something is said of, where there are several.
pub fn named(data: &RunData, generator: GeneratorId) -> String {
    if data.record.head.generators.len() <= 1 {
        return String::new();
    }
    let number = generator.index() + 1;
    match data.record.head.generators.get(generator.index()) {
        Some(head) if !head.name.is_empty() => format!(" (generator {number}, {})", head.name),
        Some(_) | None => format!(" (generator {number})"),
    }
}

/// The tightest response-time limit of all objectives, in milliseconds.
pub fn tightest_limit(data: &RunData) -> Option<f64> {
    let head = &data.record.head;
    let limits = head.slos.iter().filter_map(|slo| match slo.metric {
        MetricHead::ResponseTime { threshold: place, .. }
        | MetricHead::Apdex { satisfied: place, .. } => {
            head.thresholds.get(usize::from(place)).copied()
        }
        MetricHead::Lap { limit, .. } => Some(limit),
        MetricHead::Failures(_)
        | MetricHead::Throughput(_)
        | MetricHead::Gauge(_)
        | MetricHead::CertificateDays(_) => None,
    });
    limits.map(|limit| limit.limit as f64 / 1e6).reduce(f64::min)
}
