//! Charts as an XML parser sees them, at every length of run.

use proptest::prelude::*;

use super::*;
use crate::report::chart::Theme;
use crate::report::chart::checks::{check_accessible, check_inside};
use crate::report::samples::golden;
use crate::report::samples::runs::{self, OwnedReport};

const THEMES: [Theme; 3] = [Theme::Light, Theme::Dark, Theme::System];

fn wide(run: &OwnedReport, chart: Chart, theme: Theme) -> Option<String> {
    figure(&run.assessment, chart).svg(Width::Wide, theme)
}

/// Every chart of a run, in both widths.
fn charts(run: &OwnedReport) -> Vec<(Chart, String)> {
    let both = |chart| {
        [Width::Wide, Width::Narrow].into_iter().filter_map(move |width| {
            figure(&run.assessment, chart).svg(width, Theme::System).map(|svg| (chart, svg))
        })
    };
    Chart::ALL.into_iter().flat_map(both).collect()
}

#[test]
fn the_normal_run_looks_as_before() {
    let run = runs::normal();
    let svg = wide(&run, Chart::ResponseOverTime, Theme::System).unwrap();
    golden::check("report-response-over-time.svg", &svg);
}

#[test]
fn every_chart_of_every_run_is_sound() {
    for (name, run) in runs::all() {
        for (chart, svg) in charts(&run) {
            let document = roxmltree::Document::parse(&svg);
            let document = document.unwrap_or_else(|error| panic!("{name} {chart:?}: {error}"));
            for broken in ["NaN", "inf", "A0000", "2147483647"] {
                assert!(!svg.contains(broken), "{name} {chart:?} has {broken}");
            }
            check_accessible(&document);
            check_inside(&document, &format!("{name} {chart:?}"));
        }
    }
}

#[test]
fn themes_differ_in_colours_only() {
    let run = runs::normal();
    let [light, dark, system] = THEMES.map(|theme| wide(&run, Chart::Rate, theme).unwrap());
    assert!(light.contains("#FFFFFF") && !dark.contains("#FFFFFF"));
    assert!(system.contains("prefers-color-scheme:dark") && !light.contains("<style"));
    assert_eq!(light.len(), dark.len());
}

#[test]
fn what_cannot_be_drawn_is_none_or_says_so() {
    let empty = runs::empty();
    for chart in Chart::ALL {
        let svg = wide(&empty, chart, Theme::Light);
        assert_eq!(svg, None, "{chart:?}");
    }
    let errors = runs::only_errors();
    for chart in [Chart::ResponseOverTime, Chart::ByPercentile, Chart::Steps] {
        let svg = wide(&errors, chart, Theme::Light).unwrap();
        assert!(svg.contains("no response times"), "{chart:?}");
    }
}

#[test]
fn saturation_falls_back_to_the_generator() {
    let bare = runs::bare();
    let svg = wide(&bare, Chart::Saturation, Theme::Light).unwrap();
    assert!(svg.contains("CPU (cores)") && svg.contains("generator"));
    assert!(!svg.contains("\ntarget\n") && !svg.contains("resident memory"));
}

#[test]
fn only_outcomes_that_occurred_are_in_the_legend() {
    let svg = |run: OwnedReport| wide(&run, Chart::Outcomes, Theme::Light).unwrap();
    let normal = svg(runs::normal());
    assert!(normal.contains("\nserver error\n") && !normal.contains("\ntimeout\n"));
    assert!(svg(runs::failing()).contains("\ntimeout\n"));
}

/// `LOADGATE_PICTURES=folder cargo test --lib pictures -- --ignored` writes all charts
/// and pages there, to be looked at.
#[test]
#[ignore = "writes files for the eye"]
fn pictures() {
    let folder = std::path::PathBuf::from(std::env::var("LOADGATE_PICTURES").unwrap());
    for (name, run) in runs::all() {
        let page = crate::report::format::html::render(&run.document());
        std::fs::write(folder.join(format!("{name}.html")), page).unwrap();
        for chart in Chart::ALL {
            let file = format!("{name}-{}.svg", chart.name());
            if let Some(svg) = wide(&run, chart, Theme::System) {
                std::fs::write(folder.join(file), svg).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn hostile_names_stay_text(name in runs::hostile()) {
        let run = runs::named(&name);
        for (chart, svg) in charts(&run) {
            let document = roxmltree::Document::parse(&svg).map_err(|error| {
                TestCaseError::fail(format!("{chart:?}: {error}"))
            })?;
            let known = ["svg", "title", "desc", "style", "text", "rect", "line", "polyline",
                         "polygon", "circle"];
            for node in document.descendants().filter(roxmltree::Node::is_element) {
                prop_assert!(known.contains(&node.tag_name().name()), "{:?}", node.tag_name());
            }
        }
    }
}
