//! `comparison.html`: one file that shows a comparison, without network and scripts.

use maud::{Markup, html};

use super::chart::{self, Chart};
use super::{ComparisonReport, metrics, words};
use crate::analysis::comparison::{Comparison, Look, StepChange};
use crate::report::html::{drawing, failed, page, sections};
use crate::report::plain;

/// The text of `comparison.html`.
pub fn render(report: &ComparisonReport) -> String {
    let comparison = report.comparison;
    let content = html! {
        (banner(report))
        main {
            (metrics::html::render(comparison))
            (dropped(comparison))
            (charts(report))
            (looks(comparison))
            (steps(comparison))
            (sections::objectives(&comparison.candidate))
            (failed::exchanges(&comparison.candidate.failures, false))
            (sections::findings(&comparison.findings))
            (sections::unknowns(&comparison.limits_of_knowledge))
            (details(report))
        }
    };
    page(&words::title(report), &content)
}

fn banner(report: &ComparisonReport) -> Markup {
    let comparison = report.comparison;
    let (class, symbol) = sections::sign(comparison.verdict);
    html! {
        header class={ "banner " (class) } {
            h1 {
                span.symbol aria-hidden="true" { (symbol) }
                (words::title(report))
            }
            p { strong { (words::answer(comparison)) } }
            p {
                (plain::line(report.candidate_name)) " against " (plain::line(report.baseline_name))
                ": " (words::extent(comparison)) ", exit code " (report.exit_code)
            }
            (sections::list(&comparison.reasons))
        }
    }
}

fn dropped(comparison: &Comparison) -> Markup {
    let dropped = words::dropped(comparison);
    html! {
        @if !dropped.is_empty() {
            section {
                h2 { "Only watches, as it could not have been decided" }
                dl { @for (name, reason) in &dropped { dt { (name) } dd { (reason) } } }
            }
        }
    }
}

fn charts(report: &ComparisonReport) -> Markup {
    html! {
        section {
            h2 { "Charts" }
            @for chart in Chart::ALL { (figure(report, chart)) }
        }
    }
}

fn figure(report: &ComparisonReport, chart: Chart) -> Markup {
    let drawn = |width| chart::inline(report, chart, width);
    drawing(chart.title(), drawn, &chart::alternative(report, chart))
}

fn looks(comparison: &Comparison) -> Markup {
    let heads = [
        ("look", true),
        ("judged per arm", true),
        ("requests, baseline / candidate", true),
        ("gate", false),
        ("metrics", false),
    ];
    let rows = html! { @for look in &comparison.looks { (look_row(look)) } };
    html! {
        @if !comparison.looks.is_empty() {
            section {
                h2 { "The looks" }
                (sections::table("looks", &heads, &rows))
            }
        }
    }
}

fn look_row(look: &Look) -> Markup {
    let [number, seconds, requests, gate, metrics] = words::look(look);
    html! {
        tr {
            td.number { (number) }
            td.number { (seconds) }
            td.number { (requests) }
            td class=(metrics::html::class(look.ruling)) { (gate) }
            td { (metrics) }
        }
    }
}

fn steps(comparison: &Comparison) -> Markup {
    let heads = [
        ("step", false),
        ("requests, baseline / candidate", true),
        ("p50", true),
        ("p95", true),
        ("p99", true),
        ("p95 ratio", true),
        ("sees from", true),
    ];
    let rows = html! { @for step in &comparison.steps { (step_row(step)) } };
    html! {
        @if !comparison.steps.is_empty() {
            section {
                h2 { "Steps by change" }
                (sections::table("steps", &heads, &rows))
                p.muted { "The worst change of p95 is first. Each step watches: one whose requests all took as much "
                    "longer as stands under \u{201c}sees from\u{201d} would have been called regressed." }
            }
        }
    }
}

fn step_row(step: &StepChange) -> Markup {
    html! {
        tr {
            th scope="row" { (plain::line(&step.name)) }
            @for cell in words::step(step) { td.number { (cell) } }
        }
    }
}

fn details(report: &ComparisonReport) -> Markup {
    let facts = words::facts(report).into_iter().map(|(name, text)| (name, Some(text)));
    let of_duet = report.duet.into_iter().flat_map(|duet| {
        let forecast = Some(duet.forecast.join("; ")).filter(|text| !text.is_empty());
        [
            ("started", Some(duet.started.clone())),
            ("forecast", forecast),
            ("scenario hash", Some(duet.scenario_hash.clone())),
        ]
    });
    html! {
        section {
            h2 { "Details" }
            (sections::facts_list(facts.chain(of_duet)))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::comparison::samples::{self, OwnedComparison};
    use crate::report::sample_runs;

    #[test]
    fn the_page_has_every_section_and_every_chart_twice() {
        let page = render(&samples::named("inconclusive").report());
        let headings = [
            "INCONCLUSIVE: orders",
            "Candidate ÷ baseline",
            "Only watches",
            "Charts",
            "The looks",
            "Steps by change",
            "Objectives",
            "Details",
        ];
        let mut at = page.find("<body>").unwrap();
        for heading in headings {
            at += page[at..].find(heading).unwrap_or_else(|| panic!("{heading} is not there"));
        }
        assert_eq!(page.matches("<svg").count(), 2 * Chart::ALL.len());
    }

    #[test]
    fn the_page_needs_no_network_and_no_script() {
        for (name, sample) in samples::all() {
            let page = render(&sample.report()).replace("http://www.w3.org/2000/svg", "");
            for forbidden in
                ["http:", "https:", "<script", " src=", " href=", "url(", "@import", "NaN"]
            {
                assert!(!page.contains(forbidden), "{name} has {forbidden}");
            }
        }
    }

    #[test]
    fn ids_are_unique() {
        let page = render(&samples::named("pass").report());
        let ids = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        let mut ids: Vec<&str> = ids.collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }

    fn tags(sample: &OwnedComparison) -> Vec<String> {
        let page = render(&sample.report());
        let tags = page.split('<').skip(1);
        tags.map(|tag| tag.split([' ', '>', '/']).next().unwrap_or_default().to_owned()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn hostile_names_add_no_element(name in sample_runs::hostile()) {
            let sample = samples::hostile(&format!("x{name}"));
            prop_assert!(tags(&sample) == tags(&samples::hostile("x")));
            let page = render(&sample.report());
            prop_assert!(!page.chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
