//! The page as a parser of its own sees it.

use proptest::prelude::*;

use super::*;
use crate::analysis::assessment::Saturation;
use crate::record::noise;
use crate::report::samples::comparisons;
use crate::report::samples::runs;
use crate::report::subject::noise::{NoiseReport, describe};

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
    let page = render(&runs::normal().document());
    check_order(
        &page,
        &[
            "PASS: orders",
            "Objectives",
            "Findings",
            "Charts",
            "Steps, by response time",
            "Outcomes",
            "Saturation",
            "Generator",
            "What this run cannot say",
            "Details",
        ],
    );
    assert_eq!(svgs(&page).len(), 2 * 6);
    assert!(!page.contains("nothing to draw"), "this run has no tenants");
}

#[track_caller]
fn check_order(page: &str, headings: &[&str]) {
    let mut at = page.find("<body>").unwrap();
    for heading in headings {
        at += page[at..].find(heading).unwrap_or_else(|| panic!("{heading} is not in its place"));
    }
}

#[test]
fn the_page_of_a_comparison_has_every_section_and_every_chart_twice() {
    let page = render(&comparisons::named("inconclusive").document());
    check_order(
        &page,
        &[
            "INCONCLUSIVE: orders",
            "Candidate ÷ baseline",
            "Only watches",
            "Charts",
            "The looks",
            "Steps by change",
            "Objectives",
            "Details",
        ],
    );
    assert_eq!(svgs(&page).len(), 2 * 5);
}

#[test]
fn noise_has_a_page() {
    let noise = noise::sample();
    let report = NoiseReport { noise: &noise, exit_code: 0, folder: None };
    let page = render(&describe(&report));
    check_order(&page, &["NOISE: orders", "σ_p 0.8 %", "Within segments", "Details"]);
}

#[test]
fn the_page_needs_no_network_and_no_script() {
    let pages = runs::all().into_iter().map(|(name, run)| (name, render(&run.document())));
    let comparisons = comparisons::all().into_iter();
    let comparisons = comparisons.map(|(name, sample)| (name, render(&sample.document())));
    for (name, page) in pages.chain(comparisons) {
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
    let page = render(&runs::normal().document()) + &render(&comparisons::named("pass").document());
    let mut ids: Vec<&str> =
        page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    assert!(all >= 2 * (6 + 5));
}

#[test]
fn what_is_unknown_is_left_out() {
    let page = render(&runs::bare().document());
    for absent in ["<h2>Objectives", "<h2>Findings", "target memory", "generator faults"] {
        assert!(!page.contains(absent), "{absent}");
    }
    assert!(page.contains("the generator was stopped before it could say"));
}

#[test]
fn last_words_keep_their_lines() {
    let mut run = runs::normal();
    run.assessment.reasons = vec!["it last printed:\n  one\n\n  <two>".to_owned()];
    assert!(render(&run.document()).contains("<li>it last printed:\none\n&lt;two&gt;</li>"));
}

#[test]
fn charts_of_nothing_say_so() {
    let mut run = runs::normal();
    run.assessment.total.counts.outcomes.clear();
    run.assessment.saturation = Saturation::default();
    let page = render(&run.document());
    assert!(page.contains("No request was judged.") && page.contains("No second was judged."));
}

fn tags(document: &Document) -> Vec<String> {
    let page = render(document);
    let tags = page.split('<').skip(1);
    let names = tags.map(|tag| tag.split([' ', '>', '/']).next().unwrap_or_default().to_owned());
    names.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn hostile_names_add_no_element(name in runs::hostile()) {
        // An empty label has no element of its own.
        let run = runs::named(&format!("x{name}"));
        let page = render(&run.document());
        for svg in svgs(&page) {
            prop_assert!(roxmltree::Document::parse(svg).is_ok());
        }
        prop_assert!(tags(&run.document()) == tags(&runs::named("x").document()));
        prop_assert!(!page.chars().any(|c| c.is_control() && c != '\n'));
    }

    #[test]
    fn hostile_names_of_a_comparison_add_no_element(name in runs::hostile()) {
        let sample = comparisons::hostile(&format!("x{name}"));
        let expected = tags(&comparisons::hostile("x").document());
        prop_assert!(tags(&sample.document()) == expected);
        let page = render(&sample.document());
        prop_assert!(!page.chars().any(|c| c.is_control() && c != '\n'));
    }
}
