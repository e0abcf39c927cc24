//! Charts as an XML parser sees them, at every length of run.

use proptest::prelude::*;

use super::*;
use crate::report::sample_runs::{self, OwnedReport, golden};

const THEMES: [Theme; 3] = [Theme::Light, Theme::Dark, Theme::System];

/// Every chart of a run, in both widths.
fn charts(run: &OwnedReport) -> Vec<(Chart, String)> {
    let both = |chart| {
        [Width::Wide, Width::Narrow].into_iter().filter_map(move |width| {
            sized(&run.report(), chart, Theme::System, width).map(|svg| (chart, svg))
        })
    };
    Chart::ALL.into_iter().flat_map(both).collect()
}

#[test]
fn the_normal_run_looks_as_before() {
    let run = sample_runs::normal();
    let svg = render(&run.report(), Chart::ResponseOverTime, Theme::System).unwrap();
    golden::check("report-response-over-time.svg", &svg);
}

#[test]
fn every_chart_of_every_run_is_sound() {
    for (name, run) in sample_runs::all() {
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

#[track_caller]
pub(in crate::report) fn check_accessible(document: &roxmltree::Document) {
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    let labels = root.attribute("aria-labelledby").unwrap().split(' ');
    for id in labels {
        let named = root.children().find(|node| node.attribute("id") == Some(id)).unwrap();
        assert!(named.text().is_some_and(|text| text.len() > 5));
    }
    for text in document.descendants().filter(|node| node.has_tag_name("text")) {
        assert_eq!(text.attribute("font-family"), Some("sans-serif"));
    }
}

/// No text leaves the picture, and no two texts cover each other, as far as widths can
/// be estimated.
#[track_caller]
pub(in crate::report) fn check_inside(document: &roxmltree::Document, name: &str) {
    let root = document.root_element();
    let size = ["width", "height"].map(|side| root.attribute(side).unwrap().parse().unwrap());
    let texts: Vec<TextBox> = document
        .descendants()
        .filter(|node| node.tag_name().name() == "text")
        .map(|node| TextBox::of(&node))
        .collect();
    for (place, text) in texts.iter().enumerate() {
        assert!(text.is_inside(size), "{name}: {text:?} leaves {size:?}");
        for other in &texts[place + 1..] {
            assert!(!text.covers(other), "{name}: {text:?} covers {other:?}");
        }
    }
}

struct TextBox {
    text: String,
    left: f64,
    right: f64,
    middle: f64,
    size: f64,
}

impl std::fmt::Debug for TextBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\" at {:.0}–{:.0}, {:.0}", self.text, self.left, self.right, self.middle)
    }
}

impl TextBox {
    fn of(node: &roxmltree::Node) -> TextBox {
        let number = |name| node.attribute(name).unwrap().parse::<f64>().unwrap();
        let text = node.text().unwrap().trim().to_owned();
        let size = number("font-size");
        let width = plain::width(&text) as f64 * size * 0.55;
        let left = match node.attribute("text-anchor").unwrap() {
            "start" => number("x"),
            "middle" => number("x") - width / 2.0,
            _ => number("x") - width,
        };
        TextBox { left, right: left + width, middle: number("y"), size, text }
    }

    fn is_inside(&self, [width, height]: [f64; 2]) -> bool {
        let half = self.size / 2.0;
        self.left >= 0.0
            && self.right <= width
            && self.middle >= half
            && self.middle + half <= height
    }

    fn covers(&self, other: &TextBox) -> bool {
        let apart =
            (self.middle - other.middle).abs() >= f64::midpoint(self.size, other.size) - 2.0;
        !apart && self.left < other.right && other.left < self.right
    }
}

#[test]
fn themes_differ_in_colours_only() {
    let run = sample_runs::normal();
    let [light, dark, system] =
        THEMES.map(|theme| render(&run.report(), Chart::Rate, theme).unwrap());
    assert!(light.contains("#FFFFFF") && !dark.contains("#FFFFFF"));
    assert!(system.contains("prefers-color-scheme:dark") && !light.contains("<style"));
    assert_eq!(light.len(), dark.len());
}

#[test]
fn what_cannot_be_drawn_is_none_or_says_so() {
    let empty = sample_runs::empty();
    for chart in Chart::ALL {
        let svg = render(&empty.report(), chart, Theme::Light);
        assert_eq!(svg, None, "{chart:?}");
    }
    let errors = sample_runs::only_errors();
    for chart in [Chart::ResponseOverTime, Chart::ByPercentile, Chart::Steps] {
        let svg = render(&errors.report(), chart, Theme::Light).unwrap();
        assert!(svg.contains("no response times"), "{chart:?}");
    }
}

#[test]
fn saturation_falls_back_to_the_generator() {
    let bare = sample_runs::bare();
    let svg = render(&bare.report(), Chart::Saturation, Theme::Light).unwrap();
    assert!(svg.contains("CPU (cores)") && svg.contains("generator"));
    assert!(!svg.contains("\ntarget\n") && !svg.contains("resident memory"));
}

#[test]
fn only_outcomes_that_occurred_are_in_the_legend() {
    let svg = |run: OwnedReport| render(&run.report(), Chart::Outcomes, Theme::Light).unwrap();
    let normal = svg(sample_runs::normal());
    assert!(normal.contains("\nserver error\n") && !normal.contains("\ntimeout\n"));
    assert!(svg(sample_runs::failing()).contains("\ntimeout\n"));
}

/// `LOADGATE_PICTURES=folder cargo test --lib pictures -- --ignored` writes all charts
/// and pages there, to be looked at.
#[test]
#[ignore = "writes files for the eye"]
fn pictures() {
    let folder = std::path::PathBuf::from(std::env::var("LOADGATE_PICTURES").unwrap());
    for (name, run) in sample_runs::all() {
        let page = crate::report::html::render(&run.report());
        std::fs::write(folder.join(format!("{name}.html")), page).unwrap();
        for chart in Chart::ALL {
            let file = format!("{name}-{}", chart.file_name());
            if let Some(svg) = render(&run.report(), chart, Theme::System) {
                std::fs::write(folder.join(file), svg).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn hostile_names_stay_text(name in sample_runs::hostile()) {
        let run = sample_runs::named(&name);
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
