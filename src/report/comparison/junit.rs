//! A comparison for CI servers: a test case says whether it is valid at all, and each
//! gated metric and each objective of the candidate is one.
//!
//! Regressed is a failure; inconclusive is one of its own type, unless the caller mapped
//! it to exit code 0. A metric of an invalid comparison is an error.

use quick_junit::{
    NonSuccessKind, Property, Report as Suites, TestCase, TestCaseStatus, TestSuite,
};

use super::{ComparisonReport, metrics, words};
use crate::analysis::assessment::Verdict;
use crate::report::junit_status::not_passed;
use crate::report::{junit, plain};

/// The text of `junit.xml`.
pub fn render(report: &ComparisonReport) -> String {
    let scenario = plain::line(report.scenario);
    let comparison = report.comparison;
    let mut suite = TestSuite::new(scenario.as_str());
    suite.add_properties(properties(report));
    suite.add_test_case(validity(report, &scenario));
    suite.add_test_cases(metrics::junit::cases(comparison, report.exit_code, &scenario));
    let slos = comparison.candidate.slos.iter();
    suite.add_test_cases(slos.map(|slo| junit::objective(&scenario, report.exit_code, slo)));
    let mut suites = Suites::new("loadgate");
    suites.add_test_suite(suite);
    suites.to_string().expect("plain text is valid XML and memory can be written to")
}

fn properties(report: &ComparisonReport) -> Vec<Property> {
    let own = [
        ("verdict", report.comparison.verdict.name().to_owned()),
        ("exit code", report.exit_code.to_string()),
    ];
    let all = own.into_iter().chain(words::facts(report));
    all.map(|(name, value)| Property::new(name, value)).collect()
}

fn validity(report: &ComparisonReport, scenario: &str) -> TestCase {
    let status = match report.comparison.verdict {
        Verdict::Pass | Verdict::SloMissed | Verdict::Regressed | Verdict::Inconclusive => {
            TestCaseStatus::success()
        }
        verdict @ (Verdict::Invalid | Verdict::TargetLost) => {
            not_passed(NonSuccessKind::Failure, verdict.name(), &reasons(report))
        }
    };
    let mut case = TestCase::new("comparison is valid", status);
    case.set_classname(scenario);
    let mut lines = vec![reasons(report)];
    lines.extend(junit::failed_exchanges(&report.comparison.candidate.failures));
    case.set_system_out(lines.join("\n"));
    case
}

fn reasons(report: &ComparisonReport) -> String {
    let reasons = report.comparison.reasons.iter();
    reasons.map(|reason| plain::line(reason)).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::comparison::samples::{self, OwnedComparison};
    use crate::report::sample_runs;

    /// Name of each case and the type of what is not success in it.
    fn cases(sample: &OwnedComparison) -> Vec<(String, Option<String>)> {
        let text = render(&sample.report());
        let document = roxmltree::Document::parse(&text).unwrap();
        let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
        let kind = |case: roxmltree::Node| {
            let found = case.children().find_map(|node| node.attribute("type").map(str::to_owned));
            (case.attribute("name").unwrap().to_owned(), found)
        };
        cases.map(kind).collect()
    }

    #[track_caller]
    fn check(sample: &OwnedComparison, name: &str, expected: Option<&str>) {
        let cases = cases(sample);
        let found = cases.iter().find(|(case, _)| case.starts_with(name)).unwrap();
        assert_eq!(found.1.as_deref(), expected, "{cases:?}");
    }

    #[test]
    fn each_ruling_has_its_element() {
        check(&samples::named("regressed"), "p95", Some("regressed"));
        check(&samples::named("pass"), "p95", None);
        let mut sample = samples::named("inconclusive");
        check(&sample, "p95", Some("inconclusive"));
        sample.comparison.verdict = Verdict::Invalid;
        check(&sample, "p95", Some("invalid"));
        check(&sample, "comparison is valid", Some("invalid"));
    }

    #[test]
    fn metrics_objectives_and_validity_are_cases() {
        let sample = samples::named("pass");
        let gated = sample.comparison.metrics.iter().filter(|metric| metric.gates).count();
        assert_eq!(cases(&sample).len(), 1 + gated + sample.comparison.candidate.slos.len());
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
        #[test]
        fn hostile_names_stay_text(name in sample_runs::hostile()) {
            let sample = samples::hostile(&name);
            let expected = cases(&samples::hostile("x")).len();
            proptest::prop_assert_eq!(cases(&sample).len(), expected);
        }
    }
}
