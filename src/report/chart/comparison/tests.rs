//! Charts of comparisons as an XML parser sees them.

use super::*;
use crate::report::chart::Theme;
use crate::report::chart::checks::{check_accessible, check_inside};
use crate::report::samples::comparisons::{self as samples, OwnedComparison};

fn wide(sample: &OwnedComparison, chart: Chart, theme: Theme) -> Option<String> {
    figure(&sample.comparison, chart).svg(Width::Wide, theme)
}

#[test]
fn every_chart_of_every_comparison_is_sound() {
    for (name, sample) in samples::all() {
        for chart in Chart::ALL {
            for width in [Width::Wide, Width::Narrow] {
                let Some(svg) = figure(&sample.comparison, chart).svg(width, Theme::System) else {
                    continue;
                };
                let name = format!("{name} {chart:?} {width:?}");
                let document = roxmltree::Document::parse(&svg);
                let document = document.unwrap_or_else(|error| panic!("{name}: {error}"));
                for broken in ["NaN", "inf\"", "A0000", "2147483647"] {
                    assert!(!svg.contains(broken), "{name} has {broken}");
                }
                check_accessible(&document);
                check_inside(&document, &name);
            }
        }
    }
}

#[test]
fn what_cannot_be_drawn_is_none() {
    let empty = samples::named("empty");
    for chart in Chart::ALL {
        assert_eq!(wide(&empty, chart, Theme::Light), None, "{chart:?}");
    }
}

#[test]
fn every_chart_of_a_full_comparison_is_drawn() {
    for chart in Chart::ALL {
        let svg = wide(&samples::named("regressed"), chart, Theme::Dark);
        assert!(svg.is_some_and(|svg| !svg.contains("#FFFFFF")), "{chart:?}");
    }
}

#[test]
fn differences_are_not_on_the_axis_of_ratios() {
    let mut sample = samples::named("pass");
    let svg = |sample: &OwnedComparison| wide(sample, Chart::Ratios, Theme::Light).unwrap();
    assert!(svg(&sample).contains("percentage points"));
    sample.comparison.metrics.retain(|metric| metric.name != "error rate");
    assert!(!svg(&sample).contains("percentage points"));
}

#[test]
fn each_new_segment_has_its_line() {
    let one_more = |segments: u32| {
        let mut sample = samples::named("pass");
        let starts = &mut sample.comparison.over_time.starts;
        for (_, segment) in starts.iter_mut() {
            *segment = (*segment).min(segments);
        }
        let svg = wide(&sample, Chart::OverTime, Theme::Light).unwrap();
        svg.matches("stroke=\"#A8417E\"").count()
    };
    assert_eq!(one_more(0), 0);
    // The legend has one as well.
    assert_eq!((one_more(1), one_more(2)), (2, 3));
}

/// `LOADGATE_PICTURES=folder cargo test --lib comparison_pictures -- --ignored` writes all
/// charts and pages there, to be looked at.
#[test]
#[ignore = "writes files for the eye"]
fn comparison_pictures() {
    let folder = std::path::PathBuf::from(std::env::var("LOADGATE_PICTURES").unwrap());
    for (name, sample) in samples::all() {
        let page = crate::report::format::html::render(&sample.document());
        std::fs::write(folder.join(format!("{name}.html")), page).unwrap();
        for chart in Chart::ALL {
            if let Some(svg) = wide(&sample, chart, Theme::Light) {
                std::fs::write(folder.join(format!("{name}-{}.svg", chart.name())), svg).unwrap();
            }
        }
    }
}
