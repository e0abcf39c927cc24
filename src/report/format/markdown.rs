//! `summary.md`: a report for a CI job's summary page or a comment on a pull request.
//!
//! Short: what a comment has no room for is left out, the rest can be folded out. All texts
//! are escaped, so that no name becomes markup, a link or a mention.

use std::fmt::Write as _;

use super::escaping::escaped;
use crate::report::document::cell::Cell;
use crate::report::document::medium::Medium;
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::text::Text;
use crate::report::document::tone::Tone;
use crate::report::document::{
    Block, Detail, Document, Excerpt, Finding, Headline, Section, Transcript,
};

const COMMENT: Medium = Medium::Comment;

/// The text of `summary.md`.
pub fn render(document: &Document) -> String {
    let sections = document.sections_on(COMMENT).map(section);
    let all = std::iter::once(heading(&document.headline)).chain(sections);
    let written: Vec<String> = all.chain([footer(document)]).collect();
    written.join("\n")
}

/// The verdict with its reasons, below whatever title a page has for it.
pub(super) fn verdict(document: &Document) -> String {
    let heading = heading(&document.headline);
    let (title, rest) = heading.split_once('\n').unwrap_or((&heading, ""));
    format!("**{}**\n{rest}", title.trim_start_matches("## "))
}

/// What was measured and how, as a table.
pub(super) fn details_table(document: &Document) -> String {
    let details = document.details_on(COMMENT);
    let details: String =
        details.map(|detail| row([text(&detail.name), text(&detail.text)].into_iter())).collect();
    if details.is_empty() { details } else { format!("| what | value |\n|---|---|\n{details}") }
}

/// What stands under a title, unfolded; `None` without such a section.
pub(super) fn section_named(document: &Document, title: &str) -> Option<String> {
    let found = document.sections_on(COMMENT).find(|section| section.title == title)?;
    let blocks: Vec<String> = found.on(COMMENT).map(block).collect();
    Some(blocks.join("\n"))
}

/// What is seen of the verdict first.
fn symbol(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "✅ ",
        Tone::Bad => "❌ ",
        Tone::Doubt => "❔ ",
        Tone::Invalid => "⚠️ ",
        Tone::Neutral | Tone::Muted => "",
    }
}

fn heading(headline: &Headline) -> String {
    let symbol = symbol(headline.tone);
    let (verdict, scenario) = (headline.verdict.to_uppercase(), text(&headline.scenario));
    let mut out = format!("## {symbol}{verdict}: {scenario}\n");
    if let Some(answer) = &headline.answer {
        let _ = write!(out, "\n**{}**\n", text(answer));
    }
    if let Some(to_do) = &headline.to_do {
        let _ = write!(out, "\n→ {}\n", text(to_do));
    }
    if headline.extent_shown.on(COMMENT) && !headline.extent.is_empty() {
        let extent: Vec<String> = headline.extent.iter().map(text).collect();
        let _ = write!(out, "\n{}.\n", extent.join(", "));
    }
    if !headline.reasons.is_empty() {
        let reason = |lines: &Vec<Text>| lines.iter().map(text).collect::<Vec<_>>().join("<br>");
        let _ = write!(out, "\n{}", list(headline.reasons.iter().map(reason)));
    }
    out
}

fn text(text: &Text) -> String {
    escaped(text.as_str())
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.map(|item| format!("- {item}\n")).collect()
}

fn section(section: &Section) -> String {
    let blocks: Vec<String> = section.on(COMMENT).map(block).collect();
    let content = blocks.join("\n");
    if let Some(summary) = &section.folded {
        return format!("<details><summary>{}</summary>\n\n{content}\n</details>\n", text(summary));
    }
    if section.titled.on(COMMENT) && !section.title.is_empty() {
        return format!("### {}\n\n{content}", escaped(section.title));
    }
    content
}

fn block(block: &Block) -> String {
    match block {
        Block::Table(shown) => table(shown),
        Block::Details(details) => {
            lines(details.iter().filter(|it| it.shown.on(COMMENT)).map(detail))
        }
        Block::List(texts) => list(texts.iter().map(text)),
        Block::Note(note) | Block::FileNote(note, _) => format!("{}\n", text(note)),
        Block::Findings(findings) => list(findings.iter().map(finding)),
        Block::Transcripts(transcripts) => transcripts.iter().map(transcript).collect(),
        Block::Quote(lines) => fenced(lines),
        // A comment has no files beside it.
        Block::Figures(_) => String::new(),
    }
}

fn detail(detail: &Detail) -> String {
    format!("**{}:** {}", text(&detail.name), text(&detail.text))
}

/// One paragraph whose lines are broken where they are.
fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("  \n") + "\n"
}

fn finding(finding: &Finding) -> String {
    let [kind, evidence, advice] = [&finding.kind, &finding.evidence, &finding.advice].map(text);
    format!("**{}** ({kind}): {evidence} → {advice}", finding.weight)
}

fn table(table: &Table) -> String {
    let columns: Vec<(usize, &Column)> = table.columns_on(COMMENT).collect();
    let titles = columns.iter().map(|(_, column)| title(column));
    let aligned = columns.iter().map(|(_, column)| alignment(column));
    let mut out = row(titles) + &format!("|{}|\n", aligned.collect::<Vec<_>>().join("|"));
    for one in table.rows_on(COMMENT) {
        out += &row(columns.iter().map(|(index, _)| cell(one, *index)));
    }
    let remarks = table.remarks_on(COMMENT).into_iter();
    let remarks = list(remarks.map(|(about, it)| format!("{}: {}", escaped(&about), text(it))));
    if remarks.is_empty() { out } else { format!("{out}\n{remarks}") }
}

fn row(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

fn title(column: &Column) -> String {
    match column.kind {
        Kind::Estimate(interval) => format!("{} ({interval})", column.title),
        Kind::Name | Kind::Words | Kind::LongWords | Kind::Number | Kind::Status => {
            column.title.to_owned()
        }
    }
}

fn alignment(column: &Column) -> &'static str {
    match column.kind {
        Kind::Name | Kind::Words | Kind::LongWords | Kind::Status => "---",
        Kind::Number | Kind::Estimate(_) => "---:",
    }
}

fn cell(row: &Row, index: usize) -> String {
    match &row.cells[index] {
        Cell::Text(it) | Cell::Name(_, it) => text(it),
        number_or_status @ (Cell::Blank
        | Cell::Nothing
        | Cell::Quantity(_)
        | Cell::Interval(..)
        | Cell::Change(..)
        | Cell::Sides(..)
        | Cell::Bad(..)
        | Cell::Status(_)
        | Cell::Estimate(_)) => number_or_status.written(),
    }
}

/// A kind of failure, folded in, with its first example.
fn transcript(transcript: &Transcript) -> String {
    let Some(Excerpt { caption, short, log, .. }) = transcript.examples.first() else {
        return String::new();
    };
    let lines: Vec<Text> = [caption].into_iter().chain(short).chain(log).cloned().collect();
    let title = text(&transcript.title);
    format!("<details><summary>{title}</summary>\n\n{}\n</details>\n", fenced(&lines))
}

/// Lines in a fence that none of them can close: nothing in it is markup.
fn fenced(lines: &[Text]) -> String {
    let lines: Vec<&str> = lines.iter().map(Text::as_str).collect();
    let ticks = |line: &&str| line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let longest = lines.iter().map(ticks).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", lines.join("\n"))
}

fn footer(document: &Document) -> String {
    let details = document.details_on(COMMENT);
    let details = details.map(|detail| format!("{}: {}", text(&detail.name), text(&detail.text)));
    let code = document.exit_code.map(|code| format!("exit code {code}"));
    let parts: Vec<String> = details.chain(code).collect();
    if parts.is_empty() { String::new() } else { format!("{}\n", parts.join(" · ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::noise;
    use crate::report::samples::{comparisons, golden, runs};
    use crate::report::subject::noise::{NoiseReport, describe};

    #[test]
    fn reports_read_as_before() {
        golden::check("report-summary.md", &render(&runs::normal().document()));
        for name in ["pass", "regressed", "inconclusive"] {
            let text = render(&comparisons::named(name).document());
            golden::check(&format!("comparison-{name}.md"), &text);
        }
        let noise = noise::sample();
        let report = NoiseReport { noise: &noise, exit_code: 0, folder: None };
        golden::check("noise.md", &render(&describe(&report)));
    }

    #[test]
    fn last_words_keep_their_lines() {
        let mut run = runs::normal();
        run.assessment.reasons = vec!["it last printed:\n  one\n\n  <two>".to_owned()];
        assert!(render(&run.document()).contains("- it last printed:<br>one<br>\\<two\\>\n"));
    }

    #[test]
    fn a_table_row_stays_one_row_of_as_many_cells() {
        let run = runs::named("a\n|b| `c` \u{1b}[0m</details>");
        let text = render(&run.document());
        let row = text.lines().find(|line| line.starts_with("| a")).unwrap();
        let bars = row.replace("\\|", "").matches('|').count();
        assert_eq!(bars, 9, "{row}");
    }

    #[test]
    fn a_comparison_is_short_enough_for_a_comment() {
        for (name, sample) in comparisons::all() {
            let text = render(&sample.document());
            assert!(text.lines().count() <= 60, "{name}: {text}");
        }
    }

    #[test]
    fn names_become_neither_markup_nor_cells() {
        let text = render(&comparisons::hostile("a\n|b| <img> @you").document());
        assert!(!text.contains("<img>") && !text.contains(" @you"), "{text}");
        let row = text.lines().find(|line| line.starts_with("| a")).unwrap();
        assert_eq!(row.replace("\\|", "").matches('|').count(), 8, "{row}");
        let mut noise = noise::sample();
        "a|b <img> @you".clone_into(&mut noise.scenario);
        "c|d <img> @you".clone_into(&mut noise.target);
        noise.invalid = vec!["<img> @you".to_owned()];
        let report = NoiseReport { noise: &noise, exit_code: 0, folder: None };
        let text = render(&describe(&report));
        assert!(!text.contains("<img>") && !text.contains(" @you"), "{text}");
    }

    #[test]
    fn steps_that_did_not_change_are_left_out() {
        let mut sample = comparisons::named("regressed");
        assert!(render(&sample.document()).contains("| step | requests"));
        for step in &mut sample.comparison.steps {
            step.change = Some(1.01);
        }
        assert!(!render(&sample.document()).contains("| step | requests"));
    }
}
