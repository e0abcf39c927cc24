//! `junit.xml`: the verdict for CI servers.
//!
//! One suite per scenario. A test case says whether the run is valid at all, and each
//! objective is a test case: missed is a failure, invalid an error. Inconclusive is a
//! failure of its own type, as a CI server that shows green must mean *pass*; only
//! where the caller mapped it to exit code 0 it is skipped.

use std::time::Duration;

use quick_junit::{
    NonSuccessKind, Property, Report as Suites, TestCase, TestCaseStatus, TestSuite,
};

use super::comparison::metrics;
use super::failures::{self, Detail};
use super::junit_status::{inconclusive, not_passed};
use super::{Report, figures, plain, words};
use crate::analysis::assessment::{Assessment, SloResult, SloStatus, Verdict};
use crate::analysis::failures::FailuresSeen;

/// The text of `junit.xml`.
pub fn render(report: &Report) -> String {
    let mut suite = TestSuite::new(words::scenario(report));
    suite.set_time(judged(report.assessment));
    suite.add_properties(properties(report));
    suite.add_test_case(validity(report));
    let scenario = words::scenario(report);
    match report.comparison {
        Some(comparison) => {
            suite.add_test_cases(metrics::junit::cases(comparison, report.exit_code, &scenario));
        }
        None if report.assessment.verdict == Verdict::Regressed => {
            suite.add_test_case(regression(report));
        }
        None => {}
    }
    let slos = report.assessment.slos.iter();
    suite.add_test_cases(slos.map(|slo| objective(&scenario, report.exit_code, slo)));
    let mut suites = Suites::new("loadgate");
    suites.set_time(judged(report.assessment));
    suites.add_test_suite(suite);
    suites.to_string().expect("plain text is valid XML and memory can be written to")
}

fn judged(assessment: &Assessment) -> Duration {
    Duration::from_secs(u64::from(assessment.window.seconds()))
}

fn properties(report: &Report) -> Vec<Property> {
    let head = &report.record.head;
    let pairs = [
        ("verdict", report.assessment.verdict.name().to_owned()),
        ("exit code", report.exit_code.to_string()),
        ("target", plain::line(&head.target)),
        ("started", plain::line(&head.started)),
        ("scenario hash", plain::line(&head.scenario_hash)),
        ("seed", head.load.seed.to_string()),
        ("loadgate", plain::line(&head.environment.loadgate)),
    ];
    pairs.into_iter().map(|(name, value)| Property::new(name, value)).collect()
}

/// Whether the figures can be trusted at all.
fn validity(report: &Report) -> TestCase {
    let status = match report.assessment.verdict {
        Verdict::Pass | Verdict::SloMissed | Verdict::Regressed | Verdict::Inconclusive => {
            TestCaseStatus::success()
        }
        verdict @ (Verdict::Invalid | Verdict::TargetLost) => {
            not_passed(NonSuccessKind::Failure, verdict.name(), &reasons(report))
        }
    };
    let mut case = TestCase::new("run is valid", status);
    case.set_classname(words::scenario(report));
    case.set_time(judged(report.assessment));
    case.set_system_out(validity_text(report));
    case
}

fn validity_text(report: &Report) -> String {
    let mut lines = vec![
        format!("judged: {}", words::window(&report.assessment.window)),
        words::requests(report.assessment),
        format!("ended: {}", words::ending(report.record)),
    ];
    lines.extend(words::audit(report.assessment));
    lines.extend(report.assessment.findings.iter().map(|finding| {
        let evidence = plain::line(&finding.evidence);
        let advice = plain::line(&finding.advice);
        format!("{}: {evidence} → {advice}", words::severity(finding.severity))
    }));
    lines.extend(failed_exchanges(&report.assessment.failures));
    lines.join("\n")
}

/// Kinds of failures that are written out.
const KINDS: usize = 12;

/// What failing requests looked like.
pub(super) fn failed_exchanges(seen: &FailuresSeen) -> Vec<String> {
    let mut lines = Vec::new();
    for kind in seen.kinds.iter().take(KINDS) {
        let Some(example) = kind.examples.first() else { continue };
        lines.push(format!("failed: {}", failures::title(kind)));
        lines.push(failures::moment(&example.exchange));
        lines.extend(failures::lines(&example.exchange, Detail::Short));
        lines.extend(failures::log(example));
    }
    let has_errors = seen.log_errors.is_some_and(|errors| errors > 0);
    lines.extend(failures::log_errors(seen).filter(|_| has_errors));
    lines.extend(failures::other_log(seen));
    lines
}

/// Only there when the run is slower than its baseline.
fn regression(report: &Report) -> TestCase {
    let status = not_passed(NonSuccessKind::Failure, "regressed", &reasons(report));
    let mut case = TestCase::new("not slower than the baseline", status);
    case.set_classname(words::scenario(report));
    case
}

/// One objective; `exit_code` says whether the caller lets inconclusive through.
pub(super) fn objective(scenario: &str, exit_code: u8, slo: &SloResult) -> TestCase {
    let mut case = TestCase::new(plain::line(&slo.text), objective_status(exit_code, slo));
    let step = slo.step.as_deref().map(plain::line);
    case.set_classname(step.unwrap_or_else(|| scenario.to_owned()));
    case.set_time(Duration::ZERO);
    case.set_system_out(objective_text(slo));
    case
}

fn objective_status(exit_code: u8, slo: &SloResult) -> TestCaseStatus {
    let message = objective_message(slo);
    match slo.status {
        SloStatus::Met => TestCaseStatus::success(),
        SloStatus::Missed => not_passed(NonSuccessKind::Failure, "missed", &message),
        SloStatus::Invalid => not_passed(NonSuccessKind::Error, "invalid", &message),
        SloStatus::Inconclusive => inconclusive(exit_code, &message),
    }
}

fn reasons(report: &Report) -> String {
    let reasons: Vec<String> =
        report.assessment.reasons.iter().map(|reason| plain::line(reason)).collect();
    reasons.join("; ")
}

fn objective_message(slo: &SloResult) -> String {
    let measured = format!(
        "{}: measured {}, 95 % bounds {}",
        words::status(slo.status),
        words::measured(slo),
        words::interval(slo),
    );
    match &slo.note {
        Some(note) => format!("{measured}; {}", plain::line(note)),
        None => measured,
    }
}

fn objective_text(slo: &SloResult) -> String {
    let mut lines = vec![objective_message(slo), words::evidence(slo)];
    lines.push(format!("design effect {}", figures::number(slo.design_effect)));
    if let Some(error) = slo.generator_error {
        lines.push(format!("generator-induced error ≤ {}", figures::share(error.relative)));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample_runs::{self, OwnedReport, golden};

    #[test]
    fn the_normal_run_reads_as_before() {
        golden::check("report-junit.xml", &render(&sample_runs::normal().report()));
    }

    #[track_caller]
    fn check(run: &OwnedReport, case: &str, element: Option<(&str, &str)>) {
        let text = render(&run.report());
        let document = roxmltree::Document::parse(&text).unwrap();
        let case = document.descendants().find(|node| node.attribute("name") == Some(case));
        let children = case.unwrap().children().filter(roxmltree::Node::is_element);
        let found = children
            .map(|node| (node.tag_name().name(), node.attribute("type").unwrap_or_default()))
            .find(|(name, _)| *name != "system-out");
        assert_eq!(found, element, "{text}");
    }

    #[test]
    fn each_status_has_its_element() {
        let mut run = sample_runs::normal();
        let cases = [
            (SloStatus::Met, 0, None),
            (SloStatus::Missed, 3, Some(("failure", "missed"))),
            (SloStatus::Inconclusive, 5, Some(("failure", "inconclusive"))),
            (SloStatus::Inconclusive, 0, Some(("skipped", "inconclusive"))),
            (SloStatus::Invalid, 6, Some(("error", "invalid"))),
        ];
        for (status, exit_code, element) in cases {
            run.assessment.slos[0].status = status;
            run.exit_code = exit_code;
            check(&run, "p95 < 200ms", element);
        }
    }

    #[test]
    fn a_run_that_says_nothing_fails_even_if_all_objectives_are_met() {
        let mut run = sample_runs::normal();
        run.assessment.verdict = Verdict::Invalid;
        check(&run, "run is valid", Some(("failure", "invalid")));
        run.assessment.verdict = Verdict::TargetLost;
        check(&run, "run is valid", Some(("failure", "target lost")));
        run.assessment.verdict = Verdict::SloMissed;
        check(&run, "run is valid", None);
        run.assessment.verdict = Verdict::Regressed;
        check(&run, "not slower than the baseline", Some(("failure", "regressed")));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn hostile_names_stay_text(name in sample_runs::hostile()) {
            let mut run = sample_runs::named(&name);
            run.assessment.verdict = Verdict::Invalid;
            run.assessment.slos[0].status = SloStatus::Missed;
            let text = render(&run.report());
            let document = roxmltree::Document::parse(&text).expect("it is valid XML");
            let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
            proptest::prop_assert_eq!(cases.count(), 1 + run.assessment.slos.len());
        }
    }
}
