//! The page as a parser of its own sees it.

use proptest::prelude::*;

use super::*;
use crate::analysis::assessment::Saturation;
use crate::report::sample_runs::{self, OwnedReport};

/// The charts of a page.
fn svgs(page: &str) -> Vec<&str> {
    let starts = page.match_indices("<svg");
    starts
        .map(|(start, _)| {
            let end = page[start..].find("</svg>").unwrap();
            &page[start..start + end + "</svg>".len()]
        })
        .collect()
}

#[test]
fn the_page_has_every_section_and_every_chart_twice() {
    let page = render(&sample_runs::normal().report());
    let headings = [
        "PASS: orders",
        "Objectives",
        "Findings",
        "Charts",
        "Steps, by response time",
        "Outcomes",
        "Saturation and generator",
        "What this run cannot say",
        "Run details",
    ];
    let mut at = page.find("<body>").unwrap();
    for heading in headings {
        at += page[at..].find(heading).unwrap_or_else(|| panic!("{heading} is not in its place"));
    }
    assert_eq!(svgs(&page).len(), 2 * Chart::ALL.len());
}

#[test]
fn the_page_needs_no_network_and_no_script() {
    for (name, run) in sample_runs::all() {
        let page = render(&run.report());
        let page = page.replace("http://www.w3.org/2000/svg", "");
        let page = page.replace("http://127.0.0.1:3000", "");
        for forbidden in ["http:", "https:", "<script", " src=", " href=", "url(", "@import", "NaN"]
        {
            assert!(!page.contains(forbidden), "{name} has {forbidden}");
        }
        assert!(page.contains("default-src 'none'") || page.contains("default-src &#39;none"));
    }
}

#[test]
fn ids_are_unique() {
    let page = render(&sample_runs::normal().report());
    let mut ids: Vec<&str> =
        page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    assert!(all >= 2 * Chart::ALL.len());
}

#[test]
fn what_is_unknown_is_left_out() {
    let page = render(&sample_runs::bare().report());
    for absent in ["<h2>Objectives", "<h2>Findings", "target memory", "generator faults"] {
        assert!(!page.contains(absent), "{absent}");
    }
    assert!(page.contains("the generator was stopped before it could say"));
}

#[test]
fn last_words_keep_their_lines() {
    let mut run = sample_runs::normal();
    run.assessment.reasons = vec!["it last printed:\n  one\n\n  <two>".to_owned()];
    assert!(render(&run.report()).contains("<li>it last printed:\none\n&lt;two&gt;</li>"));
}

#[test]
fn charts_of_nothing_say_so() {
    let mut run = sample_runs::normal();
    run.assessment.total.counts.outcomes.clear();
    run.assessment.saturation = Saturation::default();
    let page = render(&run.report());
    assert!(page.contains("No request was judged.") && page.contains("No second was judged."));
}

fn tags(run: &OwnedReport) -> Vec<String> {
    let page = render(&run.report());
    let tags = page.split('<').skip(1);
    let names = tags.map(|tag| tag.split([' ', '>', '/']).next().unwrap_or_default().to_owned());
    names.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn hostile_names_add_no_element(name in sample_runs::hostile()) {
        // An empty label has no element of its own.
        let run = sample_runs::named(&format!("x{name}"));
        let page = render(&run.report());
        for svg in svgs(&page) {
            prop_assert!(roxmltree::Document::parse(svg).is_ok());
        }
        prop_assert!(tags(&run) == tags(&sample_runs::named("x")));
        prop_assert!(!page.chars().any(|c| c.is_control() && c != '\n'));
    }
}
