//! One file or folder per format; each writes every [`Document`](super::document::Document).
//!
//! `json` is the exception: what other programs read has a form of its own for each
//! subject, which is versioned and has a schema.
//!
//! Everything in a document may come from a target: each format escapes all that it gives
//! a meaning to.

mod escaping;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod team_page;
pub mod terminal;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::cell::Cell;
    use crate::report::document::medium::Shown;
    use crate::report::document::suite::{Case, CaseResult};
    use crate::report::document::table::{Column, Kind, Row, Table};
    use crate::report::document::text::Text;
    use crate::report::document::tone::Tone;
    use crate::report::document::{Block, Detail, Document, Headline, Section};

    /// A document of a subject that no format has heard of.
    fn unheard_of(text: &str) -> Document<'static> {
        let columns = vec![Column::new(Kind::Name, "tank"), Column::number("level")];
        let row =
            Row::new(vec![Cell::name(text), Cell::Nothing]).remarked("tank", Some(text.into()));
        let table = Table { of: "tanks", columns, rows: vec![row] };
        let blocks = [
            Block::Table(table),
            Block::Details(vec![Detail::new("colour", text)]),
            Block::List(vec![text.into()]),
            Block::Note(text.into()),
            Block::Quote(vec![Text::kept(text)]),
        ];
        let section = blocks.into_iter().fold(Section::new("Tanks"), Section::with);
        let result = CaseResult::Failed("leaks", text.into());
        let name = Text::from("tank is full");
        let case = Case { name, group: text.into(), seconds: None, result, printed: Vec::new() };
        Document {
            headline: Headline {
                verdict: "leaks",
                tone: Tone::Bad,
                scenario: text.into(),
                extent: vec![text.into()],
                extent_shown: Shown::Everywhere,
                answer: Some(text.into()),
                to_do: None,
                reasons: vec![vec![text.into()]],
            },
            details: vec![Detail::new("where", text)],
            sections: vec![section],
            cases: vec![case],
            judged_seconds: None,
            next: None,
            folder: None,
            exit_code: Some(9),
        }
    }

    #[test]
    fn every_format_writes_every_document_and_escapes_all_of_it() {
        let document = unheard_of("a|b <b>\u{1b}[31m\u{202e}&");
        let written = [
            terminal::render(&document, terminal::screen::Style::default()),
            markdown::render(&document),
            html::render(&document),
            junit::render(&document),
        ];
        for text in &written {
            assert!(text.to_lowercase().contains("leaks") && text.contains("exit code"), "{text}");
            assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        }
        let [screen, comment, page, suite] = written;
        assert_eq!(screen.matches("a|b <b>[31m&").count(), 11, "{screen}");
        // Nothing in a fence is markup.
        let (fenced, bare) = (comment.matches(" <b>").count(), comment.matches("a|b").count());
        assert_eq!((fenced, bare), (1, 1), "{comment}");
        assert_eq!(comment.matches("a\\|b \\<b\\>").count(), 10, "{comment}");
        assert!(!page.contains("<b>") && !suite.contains("<b>"), "{page}{suite}");
    }
}
