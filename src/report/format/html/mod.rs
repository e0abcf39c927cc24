//! `report.html`: one file that shows everything, without network and without scripts.
//!
//! The page orders sections and brings the style; `parts` writes what is in them. The
//! content policy forbids everything but inline style, so that even a hole in the escaping
//! could load and run nothing.

mod parts;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::chart;
use crate::report::document::medium::Medium;
use crate::report::document::text::Text;
use crate::report::document::tone::Tone;
use crate::report::document::{Block, Document, Headline, Section};

const STYLE: &str = include_str!("style.css");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'";
const PAGE: Medium = Medium::Page;

/// The text of `report.html`.
pub fn render(document: &Document) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&title(&document.headline)))
            body {
                (banner(document))
                main {
                    @for section in in_order(document) { (written(section)) }
                    (details(document))
                }
            }
        }
    };
    page.into_string()
}

/// `PASS: orders`.
fn title(headline: &Headline) -> String {
    format!("{}: {}", headline.verdict.to_uppercase(), headline.scenario)
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

/// Class of the style and symbol of a verdict.
fn sign(tone: Tone) -> (&'static str, Option<&'static str>) {
    match tone {
        Tone::Good => ("good", Some("✓")),
        Tone::Bad => ("bad", Some("✗")),
        Tone::Doubt => ("doubt", Some("?")),
        Tone::Invalid => ("doubt", Some("!")),
        Tone::Neutral | Tone::Muted => ("neutral", None),
    }
}

/// Verdict, what is said, how much was measured, and why.
fn banner(document: &Document) -> Markup {
    let headline = &document.headline;
    let (class, symbol) = sign(headline.tone);
    let extent = headline.extent.iter().map(Text::to_string);
    let extent = extent.filter(|_| headline.extent_shown.on(PAGE));
    let code = document.exit_code.map(|code| format!("exit code {code}"));
    let extent: Vec<String> = extent.chain(code).collect();
    // What even a comment has room for: what was measured, and when.
    let brief = document.details_on(Medium::Comment);
    let brief: Vec<String> = brief.map(|it| format!("{}: {}", it.name, it.text)).collect();
    html! {
        header class={ "banner " (class) } {
            h1 {
                @if let Some(symbol) = symbol { span.symbol aria-hidden="true" { (symbol) } }
                (title(headline))
            }
            @if let Some(answer) = &headline.answer { p { strong { (answer) } } }
            @if let Some(to_do) = &headline.to_do { p { "→ " (to_do) } }
            p { (extent.join(", ")) }
            @if !brief.is_empty() { p.brief { (brief.join(" · ")) } }
            @if !headline.reasons.is_empty() {
                ul { @for lines in &headline.reasons { li { (parts::joined(lines)) } } }
            }
        }
    }
}

/// The sections as a page is read, which is from its top: doubts come before the charts.
fn in_order<'a>(document: &'a Document<'_>) -> Vec<&'a Section<'a>> {
    let doubts = |section: &&Section| section.has(|it| matches!(it, Block::Findings(_)));
    let (doubts, mut others): (Vec<&Section>, Vec<&Section>) =
        document.sections_on(PAGE).partition(doubts);
    let charts = |section: &&Section| section.has(|it| matches!(it, Block::Figures(_)));
    let charts = others.iter().position(charts).unwrap_or(others.len());
    others.splice(charts..charts, doubts);
    others
}

/// What has no title here and can be folded away is.
fn written(section: &Section) -> Markup {
    let blocks = html! { @for block in section.on(PAGE) { (parts::block(block)) } };
    match &section.folded {
        Some(summary) if !section.titled.on(PAGE) => html! {
            details { summary { (summary) } (blocks) }
        },
        Some(_) | None => html! {
            section {
                @if section.titled.on(PAGE) { h2 { (section.title) } }
                (blocks)
            }
        },
    }
}

/// What was measured, where and how.
fn details(document: &Document) -> Markup {
    html! {
        @if document.details_on(PAGE).next().is_some() {
            section {
                h2 { "Details" }
                (parts::details(document.details_on(PAGE)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
