//! A report on the terminal: verdict first, files and exit code last.
//!
//! Lines fit the given width, and long sentences are wrapped under their beginning. Only
//! the folder may be longer, as a path must stay whole to be copied.

mod layout;
mod paint;
pub mod screen;
mod table;

use std::fmt::Write as _;

use paint::Paint;
use screen::{Screen, Style};

use crate::report::document::medium::Medium;
use crate::report::document::table::Table;
use crate::report::document::text::Text;
use crate::report::document::{
    Block, Detail, Document, Excerpt, Finding, Headline, Section, Transcript,
};
use crate::report::plain;

const SCREEN: Medium = Medium::Screen;

/// The whole report, with a line break at its end.
pub fn render(document: &Document, style: Style) -> String {
    let screen = Screen::of(style);
    let start =
        [headline(&document.headline, screen), details(document.details_on(SCREEN), screen)];
    let sections = document.sections_on(SCREEN).map(|it| section(it, screen));
    let all = start.into_iter().chain(sections).chain([end(document, screen)]);
    all.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

/// A table by itself.
pub fn render_table(shown: &Table, style: Style) -> String {
    table::render(shown, Screen::of(style))
}

/// A scenario's name is not shortened beyond this; the extent goes to the next line.
const LEAST_NAME: usize = 16;

/// `PASS  orders  60 s at 100/s  6,012 requests`, what is said, and why.
fn headline(headline: &Headline, screen: Screen) -> String {
    let verdict = headline.verdict.to_uppercase();
    let room = screen.width - plain::width(&verdict) - 2;
    let verdict = screen.paint(&verdict, Paint::of(headline.tone));
    let scenario = headline.scenario.as_str();
    let mut out = match extent(headline) {
        None => format!("{verdict}  {}\n", plain::fitted(scenario, room)),
        Some(extent) => {
            let beside = room.saturating_sub(plain::width(&extent) + 2);
            if beside >= plain::width(scenario).min(LEAST_NAME) {
                format!("{verdict}  {}  {extent}\n", plain::fitted(scenario, beside))
            } else {
                format!("{verdict}  {}\n  {extent}\n", plain::fitted(scenario, room))
            }
        }
    };
    out +=
        &headline.answer.iter().map(|it| screen.paragraph("  ", it.as_str())).collect::<String>();
    out +=
        &headline.to_do.iter().map(|it| screen.paragraph("  → ", it.as_str())).collect::<String>();
    out + &headline.reasons.iter().map(|it| reason(it, screen)).collect::<String>()
}

fn extent(headline: &Headline) -> Option<String> {
    let shown = headline.extent_shown.on(SCREEN) && !headline.extent.is_empty();
    let extent = headline.extent.iter().map(Text::as_str);
    shown.then(|| extent.collect::<Vec<_>>().join("  "))
}

/// A reason; what the target said keeps its lines.
fn reason(lines: &[Text], screen: Screen) -> String {
    let leads = std::iter::once("  - ").chain(std::iter::repeat("    | "));
    leads.zip(lines).map(|(lead, line)| screen.paragraph(lead, line.as_str())).collect()
}

/// The least width of the names of facts, with what is between.
const NAMES: usize = 20;

/// `  name        text`, the texts wrapped beside their names.
fn details<'a>(details: impl Iterator<Item = &'a Detail>, screen: Screen) -> String {
    let details: Vec<&Detail> = details.collect();
    let widths = details.iter().map(|detail| plain::width(detail.name.as_str()) + 2);
    let names = widths.chain([NAMES]).max().unwrap_or(NAMES).min(screen.width / 2);
    let one = |detail: &&Detail| {
        let name = plain::fitted(detail.name.as_str(), names - 2);
        let blank = " ".repeat(names - plain::width(&name));
        screen.paragraph(&format!("  {name}{blank}"), detail.text.as_str())
    };
    details.iter().map(one).collect()
}

fn section(section: &Section, screen: Screen) -> String {
    let content: String = section.on(SCREEN).map(|it| block(it, screen)).collect();
    if section.titled.on(SCREEN) && !section.title.is_empty() {
        return screen.heading(section.title) + &content;
    }
    content
}

fn block(block: &Block, screen: Screen) -> String {
    match block {
        Block::Table(shown) => table::render(shown, screen),
        Block::Details(all) => details(all.iter().filter(|detail| detail.shown.on(SCREEN)), screen),
        Block::List(texts) => {
            texts.iter().map(|text| screen.paragraph("  - ", text.as_str())).collect()
        }
        Block::Note(text) | Block::FileNote(text, _) => screen.paragraph("  ", text.as_str()),
        Block::Findings(findings) => findings.iter().map(|it| finding(it, screen)).collect(),
        Block::Transcripts(all) => transcripts(all, screen),
        Block::Quote(lines) => quoted(lines.iter(), screen),
        // A terminal cannot draw.
        Block::Figures(_) => String::new(),
    }
}

/// How heavy it is, what was seen, and what to do.
fn finding(finding: &Finding, screen: Screen) -> String {
    let mark = screen.paint(finding.weight, Paint::of(finding.tone));
    let evidence = screen.paragraph("    ", finding.evidence.as_str());
    let advice = screen.paragraph("    → ", finding.advice.as_str());
    format!("  {mark}: {}\n{evidence}{advice}", finding.kind)
}

/// Kinds of failures that the terminal shows; the files have the others.
const KINDS: usize = 4;

/// The first exchange of each kind.
fn transcripts(all: &[Transcript], screen: Screen) -> String {
    let shown: String = all.iter().take(KINDS).map(|it| transcript(it, screen)).collect();
    match all.len().saturating_sub(KINDS) {
        0 => shown,
        1 => shown + &screen.paragraph("  ", "1 more kind in report.html"),
        more => shown + &screen.paragraph("  ", &format!("{more} more kinds in report.html")),
    }
}

fn transcript(transcript: &Transcript, screen: Screen) -> String {
    let title = plain::fitted(transcript.title.as_str(), screen.width - 2);
    let title = format!("  {}\n", screen.paint(&title, Paint::Bad));
    let Some(Excerpt { caption, short, log, .. }) = transcript.examples.first() else {
        return title;
    };
    let caption = screen.paragraph("    ", caption.as_str());
    title + &caption + &quoted(short.iter().chain(log), screen)
}

/// Lines as they are, as far as there is room.
fn quoted<'a>(lines: impl Iterator<Item = &'a Text>, screen: Screen) -> String {
    lines.fold(String::new(), |mut out, line| {
        let line = plain::fitted(line.as_str(), screen.width - 4);
        let _ = writeln!(out, "{}", format!("    {line}").trim_end());
        out
    })
}

/// How to go on, what the process ends with and, as the last line, where the report is.
fn end(document: &Document, screen: Screen) -> String {
    let next = document.next.iter().map(|next| format!("next       {next}\n"));
    let folder = document.folder.iter().map(|folder| {
        let whole = folder.as_str().trim_end_matches('/');
        format!("files      {folder}\nreport     {whole}/report.html\n")
    });
    let code = document.exit_code.iter().map(|code| {
        let code = screen.paint(&code.to_string(), Paint::Bold);
        format!("exit code  {code}\n")
    });
    next.chain(code).chain(folder).collect()
}

#[cfg(test)]
mod tests;
