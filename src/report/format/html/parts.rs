//! What sections of the page are made of, one function for each kind of block.
//!
//! Texts go through maud's escaping; only charts, which escape themselves, are put in as
//! they are.

use maud::{Markup, PreEscaped, html};

use crate::report::chart::{Figure, Theme, Width};
use crate::report::document::cell::{Cell, Status};
use crate::report::document::medium::Medium;
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::text::Text;
use crate::report::document::tone::Tone;
use crate::report::document::{Block, Detail, Excerpt, Finding, Transcript};
use crate::report::figures::NOTHING;

const PAGE: Medium = Medium::Page;

pub(super) fn block(block: &Block) -> Markup {
    match block {
        Block::Table(shown) => table(shown),
        Block::Details(all) => details(all.iter().filter(|detail| detail.shown.on(PAGE))),
        Block::List(texts) => html! { ul { @for text in texts { li { (text) } } } },
        Block::Note(text) => html! { p.muted { (text) } },
        Block::FileNote(text, file) => html! { p { (text) ": " a href=(file) { (file) } } },
        Block::Findings(findings) => html! { @for it in findings { (finding(it)) } },
        Block::Transcripts(all) => html! {
            @for (index, one) in all.iter().enumerate() { (transcript(one, index == 0)) }
        },
        Block::Quote(lines) => quoted(lines),
        Block::Figures(figures) => html! { @for it in figures { (figure(it)) } },
    }
}

/// A text in as many lines as it has.
pub(super) fn joined(lines: &[Text]) -> String {
    lines.iter().map(Text::as_str).collect::<Vec<_>>().join("\n")
}

/// Names and what is known of them.
pub(super) fn details<'a>(details: impl Iterator<Item = &'a Detail>) -> Markup {
    html! { dl { @for detail in details { dt { (detail.name) } dd { (detail.text) } } } }
}

/// A table in a box of its own that scrolls where the page is narrow.
fn table(table: &Table) -> Markup {
    let columns: Vec<(usize, &Column)> = table.columns_on(PAGE).collect();
    html! {
        div.scroll role="region" aria-label=(table.of) tabindex="0" {
            table {
                thead { tr { @for (_, column) in &columns { (head(column)) } } }
                tbody { @for row in table.rows_on(PAGE) { (self::row(row, &columns)) } }
            }
        }
    }
}

fn head(column: &Column) -> Markup {
    let number = match column.kind {
        Kind::Number | Kind::Estimate(_) => Some("number"),
        Kind::Name | Kind::Words | Kind::LongWords | Kind::Status => None,
    };
    html! {
        th scope="col" class=[number] { (column.full_title) }
        @if let Kind::Estimate(interval) = column.kind {
            th scope="col" class=[number] { (interval) }
        }
    }
}

fn row(row: &Row, columns: &[(usize, &Column)]) -> Markup {
    html! {
        tr class=[row.is_total.then_some("total")] {
            @for (index, column) in columns { (cell(row, &row.cells[*index], column.kind)) }
        }
    }
}

fn cell(row: &Row, cell: &Cell, kind: Kind) -> Markup {
    match (kind, cell) {
        (Kind::Name, name) => html! {
            th scope="row" {
                (name.written())
                @if let Some(label) = &row.label { div.muted { (label) } }
                @if let Some((_, remark)) = &row.remark { div.muted { (remark) } }
            }
        },
        (Kind::Estimate(_), Cell::Estimate(found)) => html! {
            td.number { (found.value()) }
            td.number { (found.interval()) }
        },
        (Kind::Estimate(_), other) => html! {
            td.number { (other.written()) }
            td.number { (NOTHING) }
        },
        (_, Cell::Status(status)) => html! { td class=(class(*status)) { (status.written()) } },
        (Kind::Number, number) => html! { td.number { (number.written()) } },
        (Kind::Words | Kind::LongWords | Kind::Status, words) => html! { td { (words.written()) } },
    }
}

fn class(status: Status) -> &'static str {
    match status.tone {
        Tone::Good => "status good",
        Tone::Bad => "status bad",
        Tone::Doubt | Tone::Invalid => "status doubt",
        Tone::Neutral => "status",
        Tone::Muted => "muted",
    }
}

/// A doubt with what to do.
fn finding(finding: &Finding) -> Markup {
    html! {
        div.finding {
            strong { (finding.weight) }
            " (" (finding.kind) "): " (finding.evidence)
            p { "→ " (finding.advice) }
        }
    }
}

/// A kind of failure that can be folded out.
fn transcript(transcript: &Transcript, is_open: bool) -> Markup {
    html! {
        details open[is_open] {
            summary { (transcript.title) }
            @for example in &transcript.examples { (excerpt(example)) }
        }
    }
}

fn excerpt(excerpt: &Excerpt) -> Markup {
    html! {
        p.muted { (excerpt.caption) }
        (quoted(&excerpt.full))
        @if !excerpt.log.is_empty() { (quoted(&excerpt.log)) }
    }
}

fn quoted(lines: &[Text]) -> Markup {
    html! { pre { (joined(lines)) } }
}

/// A chart in two widths, of which the style shows one, and its figures in words.
fn figure(figure: &Figure) -> Markup {
    let drawn = [("wide", Width::Wide), ("narrow", Width::Narrow)]
        .map(|(class, width)| (class, figure.svg(width, Theme::Light)));
    html! {
        figure {
            @for (class, svg) in drawn {
                @if let Some(svg) = svg { div class=(class) { (PreEscaped(svg)) } }
                @else if class == "wide" { p { (figure.title) ": nothing to draw" } }
            }
            figcaption { (figure.text) }
        }
    }
}
