//! The metrics that gate, a test case each.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus};

use crate::analysis::assessment::Verdict;
use crate::analysis::comparison::{Comparison, MetricResult, Ruling};
use crate::report::comparison::{remarks, words};
use crate::report::junit_status::{inconclusive, not_passed};
use crate::report::plain;

/// The cases of a comparison; `exit_code` says whether the caller lets inconclusive through.
pub(in crate::report) fn cases(
    comparison: &Comparison,
    exit_code: u8,
    scenario: &str,
) -> Vec<TestCase> {
    let gated = comparison.metrics.iter().filter(|metric| metric.gates);
    let cases: Vec<TestCase> =
        gated.map(|metric| gate(comparison, exit_code, scenario, metric)).collect();
    if cases.is_empty() { vec![undecided(comparison, exit_code, scenario)] } else { cases }
}

/// Nothing gates, as of a baseline of few runs: who sees only these cases must not take that for
/// a pass.
fn undecided(comparison: &Comparison, exit_code: u8, scenario: &str) -> TestCase {
    let reasons = comparison.reasons.iter().map(|reason| plain::line(reason));
    let status = inconclusive(exit_code, &reasons.collect::<Vec<_>>().join("; "));
    let mut case = TestCase::new("against the baseline", status);
    case.set_classname(scenario);
    case
}

fn gate(comparison: &Comparison, exit_code: u8, scenario: &str, metric: &MetricResult) -> TestCase {
    let name = format!("{} against the baseline", plain::line(&metric.name));
    let mut case = TestCase::new(name, gate_status(comparison, exit_code, metric));
    case.set_classname(scenario);
    case.set_system_out(gate_text(metric));
    case
}

fn gate_status(comparison: &Comparison, exit_code: u8, metric: &MetricResult) -> TestCaseStatus {
    let text = gate_text(metric);
    match (comparison.verdict, metric.ruling) {
        (verdict @ (Verdict::Invalid | Verdict::TargetLost), _) => {
            not_passed(NonSuccessKind::Error, verdict.name(), &text)
        }
        (_, Ruling::Regressed) => not_passed(NonSuccessKind::Failure, "regressed", &text),
        (_, Ruling::Inconclusive) => inconclusive(exit_code, &text),
        (_, Ruling::Pass | Ruling::Improved) => TestCaseStatus::success(),
    }
}

fn gate_text(metric: &MetricResult) -> String {
    let found = format!(
        "{}: baseline {}, candidate {}, ratio {}",
        words::outcome(metric),
        words::value(metric.metric, metric.baseline),
        words::value(metric.metric, metric.candidate),
        words::ratio_with_interval(metric.metric, metric.estimate),
    );
    remarks::remarks(metric).map_or(found.clone(), |remarks| format!("{found}; {remarks}"))
}
