//! `report.html`: one file that shows everything, without network and without scripts.
//!
//! The page orders sections and brings the style; `sections` writes them. The content
//! policy forbids everything but inline style, so that even a hole in the escaping
//! could load and run nothing.

pub(super) mod failed;
pub(super) mod sections;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::{self, Chart, Width};
use super::comparison::metrics;
use super::{Report, words};

const STYLE: &str = include_str!("style.css");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'";

/// The text of `report.html`.
pub fn render(report: &Report) -> String {
    let title =
        format!("{}: {}", words::verdict(report.assessment.verdict), words::scenario(report));
    let content = html! {
        (sections::banner(report))
        main {
            (sections::objectives(report.assessment))
            @if let Some(comparison) = report.comparison { (metrics::html::render(comparison)) }
            (sections::findings(&report.assessment.findings))
            (charts(report))
            (sections::steps(report))
            (sections::outcomes(report))
            (failed::exchanges(&report.assessment.failures, report.has_log))
            (sections::saturation(report))
            (sections::unknowns(&report.assessment.limits_of_knowledge))
            (sections::details(report))
        }
    };
    page(&title, &content)
}

/// A whole page around its content.
pub(super) fn page(title: &str, content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body { (content) }
        }
    };
    page.into_string()
}

fn head(title: &str) -> Markup {
    let dark = chart::dark_rules("figure");
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="content-security-policy" content=(POLICY);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            title { (title) }
            style {
                (PreEscaped(STYLE))
                "@media screen and (prefers-color-scheme: dark) {" (PreEscaped(dark)) "}"
            }
        }
    }
}

fn charts(report: &Report) -> Markup {
    html! {
        section {
            h2 { "Charts" }
            @for chart in Chart::ALL { (figure(report, chart)) }
        }
    }
}

fn figure(report: &Report, chart: Chart) -> Markup {
    let drawn = |width| chart::inline(report, chart, width);
    drawing(chart.title(), drawn, &chart::alternative(report, chart))
}

/// The chart in two widths, of which the style shows one, and its figures in words.
pub(super) fn drawing(
    title: &str,
    draw: impl Fn(Width) -> Option<String>,
    caption: &str,
) -> Markup {
    let drawn = [("wide", Width::Wide), ("narrow", Width::Narrow)]
        .map(|(class, width)| (class, draw(width)));
    html! {
        figure {
            @for (class, svg) in drawn {
                @if let Some(svg) = svg { div class=(class) { (PreEscaped(svg)) } }
                @else if class == "wide" { p { (title) ": nothing to draw" } }
            }
            figcaption { (caption) }
        }
    }
}

#[cfg(test)]
mod tests;
