//! `junit.xml`: the verdict for CI servers.
//!
//! One suite per document. What is undecided is a failure of its own type, as a CI server
//! that shows green must mean *pass*; only where the caller mapped it to exit code 0 it is
//! skipped.

use std::time::Duration;

use quick_junit::{
    NonSuccessKind, Property, Report as Suites, TestCase, TestCaseStatus, TestSuite,
};

use crate::report::document::Document;
use crate::report::document::suite::{Case, CaseResult};
use crate::report::document::text::Text;

/// The text of `junit.xml`.
pub fn render(document: &Document) -> String {
    let mut suite = TestSuite::new(document.headline.scenario.as_str());
    let mut suites = Suites::new("loadgate");
    if let Some(seconds) = document.judged_seconds {
        suite.set_time(duration(seconds));
        suites.set_time(duration(seconds));
    }
    suite.add_properties(properties(document));
    suite.add_test_cases(document.cases.iter().map(|it| case(it, document.exit_code)));
    suites.add_test_suite(suite);
    suites.to_string().expect("plain text is valid XML and memory can be written to")
}

fn duration(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}

/// The verdict, what the process ends with, and all that is known of the measurement.
fn properties(document: &Document) -> Vec<Property> {
    let verdict = Property::new("verdict", document.headline.verdict);
    let code = document.exit_code.map(|code| Property::new("exit code", code.to_string()));
    let details = document.details.iter();
    let details = details.map(|detail| Property::new(detail.name.as_str(), detail.text.as_str()));
    std::iter::once(verdict).chain(code).chain(details).collect()
}

fn case(case: &Case, exit_code: Option<u8>) -> TestCase {
    let printed = case.printed.iter().map(Text::as_str).collect::<Vec<_>>().join("\n");
    let mut status = status(&case.result, exit_code);
    // What most servers show of a failure is its text, not its attributes.
    if let CaseResult::Failed(_, why) | CaseResult::Error(_, why) | CaseResult::Undecided(why) =
        &case.result
    {
        status.set_description(format!("{}\n{printed}", why.as_str()).trim_end().to_owned());
    }
    let mut written = TestCase::new(case.name.as_str(), status);
    written.set_classname(case.group.as_str());
    if let Some(seconds) = case.seconds {
        written.set_time(duration(seconds));
    }
    if !case.printed.is_empty() {
        written.set_system_out(printed);
    }
    written
}

/// `exit_code` says whether the caller lets through what is undecided.
fn status(result: &CaseResult, exit_code: Option<u8>) -> TestCaseStatus {
    match result {
        CaseResult::Passed => TestCaseStatus::success(),
        CaseResult::Failed(kind, why) => not_passed(NonSuccessKind::Failure, kind, why),
        CaseResult::Error(kind, why) => not_passed(NonSuccessKind::Error, kind, why),
        CaseResult::Undecided(why) if exit_code == Some(0) => {
            let mut status = TestCaseStatus::skipped();
            status.set_type("inconclusive").set_message(why.as_str());
            status
        }
        CaseResult::Undecided(why) => not_passed(NonSuccessKind::Failure, "inconclusive", why),
    }
}

fn not_passed(kind: NonSuccessKind, name: &str, why: &Text) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(name).set_message(why.as_str());
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::assessment::{SloStatus, Verdict};
    use crate::report::samples::comparisons::{self, OwnedComparison};
    use crate::report::samples::golden;
    use crate::report::samples::runs::{self, OwnedReport};

    #[test]
    fn the_normal_run_reads_as_before() {
        golden::check("report-junit.xml", &render(&runs::normal().document()));
    }

    #[track_caller]
    fn check(run: &OwnedReport, case: &str, element: Option<(&str, &str)>) {
        let text = render(&run.document());
        let document = roxmltree::Document::parse(&text).unwrap();
        let case = document.descendants().find(|node| node.attribute("name") == Some(case));
        let children = case.unwrap().children().filter(roxmltree::Node::is_element);
        let found = children
            .map(|node| (node.tag_name().name(), node.attribute("type").unwrap_or_default()))
            .find(|(name, _)| *name != "system-out");
        assert_eq!(found, element, "{text}");
        for failure in document.descendants().filter(|node| node.has_tag_name("failure")) {
            let (message, text) = (failure.attribute("message"), failure.text());
            assert!(text.zip(message).is_some_and(|(text, message)| text.starts_with(message)));
        }
    }

    #[test]
    fn each_status_has_its_element() {
        let mut run = runs::normal();
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
        let mut run = runs::normal();
        run.assessment.verdict = Verdict::Invalid;
        check(&run, "run is valid", Some(("failure", "invalid")));
        run.assessment.verdict = Verdict::TargetLost;
        check(&run, "run is valid", Some(("failure", "target lost")));
        run.assessment.verdict = Verdict::SloMissed;
        check(&run, "run is valid", None);
        run.assessment.verdict = Verdict::Regressed;
        check(&run, "not slower than the baseline", Some(("failure", "regressed")));
    }

    /// Name of each case and the type of what is not success in it.
    fn cases(sample: &OwnedComparison) -> Vec<(String, Option<String>)> {
        let text = render(&sample.document());
        let document = roxmltree::Document::parse(&text).unwrap();
        let cases = document.descendants().filter(|node| node.has_tag_name("testcase"));
        let kind = |case: roxmltree::Node| {
            let found = case.children().find_map(|node| node.attribute("type").map(str::to_owned));
            (case.attribute("name").unwrap().to_owned(), found)
        };
        cases.map(kind).collect()
    }

    #[track_caller]
    fn check_metric(sample: &OwnedComparison, name: &str, expected: Option<&str>) {
        let cases = cases(sample);
        let found = cases.iter().find(|(case, _)| case.starts_with(name)).unwrap();
        assert_eq!(found.1.as_deref(), expected, "{cases:?}");
    }

    #[test]
    fn each_ruling_has_its_element() {
        check_metric(&comparisons::named("regressed"), "p95", Some("regressed"));
        check_metric(&comparisons::named("pass"), "p95", None);
        let mut sample = comparisons::named("inconclusive");
        check_metric(&sample, "p95", Some("inconclusive"));
        sample.comparison.verdict = Verdict::Invalid;
        check_metric(&sample, "p95", Some("invalid"));
        check_metric(&sample, "comparison is valid", Some("invalid"));
    }

    #[test]
    fn metrics_objectives_and_validity_are_cases() {
        let sample = comparisons::named("pass");
        let gated = sample.comparison.metrics.iter().filter(|metric| metric.gates).count();
        assert_eq!(cases(&sample).len(), 1 + gated + sample.comparison.candidate.slos.len());
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn hostile_names_stay_text(name in runs::hostile()) {
            let mut run = runs::named(&name);
            run.assessment.verdict = Verdict::Invalid;
            run.assessment.slos[0].status = SloStatus::Missed;
            let text = render(&run.document());
            let document = roxmltree::Document::parse(&text).expect("it is valid XML");
            let found = document.descendants().filter(|node| node.has_tag_name("testcase"));
            proptest::prop_assert_eq!(found.count(), 1 + run.assessment.slos.len());
            let expected = cases(&comparisons::hostile("x")).len();
            proptest::prop_assert_eq!(cases(&comparisons::hostile(&name)).len(), expected);
        }
    }
}
