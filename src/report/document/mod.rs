//! What a report says, before any format has written it.
//!
//! A subject of `report::subject` describes itself as a [`Document`]: a headline with the
//! verdict, facts, sections and test cases. Each format of `report::format` writes every
//! document. Neither knows the other: a subject says what there is, and where there is
//! room for it ([`Shown`]); a format decides how it looks.
//!
//! Every text in here is a [`Text`], which is plain but not escaped: each format escapes
//! what it gives a meaning to.

pub mod cell;
pub mod medium;
pub mod quantity;
pub mod suite;
pub mod table;
pub mod text;
pub mod tone;

use super::chart::Figure;
use medium::{Medium, Shown};
use suite::Case;
use table::Table;
use text::Text;
use tone::Tone;

/// Everything that a report says.
pub struct Document<'a> {
    /// Verdict and reasons.
    pub headline: Headline,
    /// What was measured, and how.
    pub details: Vec<Detail>,
    /// In the order in which they are told.
    pub sections: Vec<Section<'a>>,
    /// Test cases for CI servers.
    pub cases: Vec<Case>,
    /// How many seconds were judged, where that is one number.
    pub judged_seconds: Option<u32>,
    /// A command that goes on from here.
    pub next: Option<Text>,
    /// The folder with the files, where there are any.
    pub folder: Option<Text>,
    /// What the process ends with; `None` where nothing is judged.
    pub exit_code: Option<u8>,
}

/// What is read first.
#[derive(Debug, Clone)]
pub struct Headline {
    /// The verdict in small letters: `slo missed`.
    pub verdict: &'static str,
    /// What is to be thought of it.
    pub tone: Tone,
    /// The scenario's name.
    pub scenario: Text,
    /// Load, requests and the like, in a few words.
    pub extent: Vec<Text>,
    /// Which media have room for the extent.
    pub extent_shown: Shown,
    /// What is said, in a sentence.
    pub answer: Option<Text>,
    /// What to do about it, in a sentence.
    pub to_do: Option<Text>,
    /// Why; each in as many lines as it has.
    pub reasons: Vec<Vec<Text>>,
}

/// A name and what is known of it.
#[derive(Debug, Clone)]
pub struct Detail {
    /// In a word or two.
    pub name: Text,
    /// What is known.
    pub text: Text,
    /// Which media have room for it.
    pub shown: Shown,
}

impl Detail {
    /// A fact that is shown everywhere.
    pub fn new(name: impl Into<Text>, text: impl Into<Text>) -> Detail {
        Detail { name: name.into(), text: text.into(), shown: Shown::Everywhere }
    }

    /// The same, shown in some media.
    #[must_use]
    pub fn shown(self, shown: Shown) -> Detail {
        Detail { shown, ..self }
    }
}

/// Parts that belong together.
pub struct Section<'a> {
    /// What stands above it.
    pub title: &'static str,
    /// Which media show the title.
    pub titled: Shown,
    /// What is seen of it where it can be folded away, as in a comment; `None`: all.
    pub folded: Option<Text>,
    /// In their order, each with the media that have room for it.
    pub parts: Vec<(Block<'a>, Shown)>,
}

impl<'a> Section<'a> {
    /// A section without parts.
    pub fn new(title: &'static str) -> Section<'a> {
        Section { title, titled: Shown::Everywhere, folded: None, parts: Vec::new() }
    }

    /// The same without its title in a comment, as its parts speak for themselves.
    #[must_use]
    pub fn untitled_in_comments(self) -> Section<'a> {
        Section { titled: Shown::NotOn(Medium::Comment), ..self }
    }

    /// The same, folded away where that can be.
    #[must_use]
    pub fn folded(self, summary: impl Into<Text>) -> Section<'a> {
        Section { folded: Some(summary.into()), ..self }
    }

    /// With a part that is shown everywhere.
    #[must_use]
    pub fn with(self, block: Block<'a>) -> Section<'a> {
        self.with_shown(block, Shown::Everywhere)
    }

    /// With a part that is shown in some media.
    #[must_use]
    pub fn with_shown(mut self, block: Block<'a>, shown: Shown) -> Section<'a> {
        self.parts.push((block, shown));
        self
    }

    /// The parts that a medium shows.
    pub fn on(&self, medium: Medium) -> impl Iterator<Item = &Block<'a>> {
        let shown = self.parts.iter().filter(move |(_, shown)| shown.on(medium));
        shown.map(|(block, _)| block).filter(move |block| !block.is_empty(medium))
    }

    /// Whether a part satisfies something.
    pub fn has(&self, what: fn(&Block<'_>) -> bool) -> bool {
        self.parts.iter().any(|(block, _)| what(block))
    }
}

/// A part of a section.
pub enum Block<'a> {
    /// Rows and columns.
    Table(Table),
    /// Names and what is known of them.
    Details(Vec<Detail>),
    /// One item for each text.
    List(Vec<Text>),
    /// A sentence.
    Note(Text),
    /// A sentence about a file beside the report, by its name.
    FileNote(Text, &'static str),
    /// Doubts about what was measured, each with what to do.
    Findings(Vec<Finding>),
    /// Exchanges with the target, word by word.
    Transcripts(Vec<Transcript>),
    /// Lines that stand as they are.
    Quote(Vec<Text>),
    /// Charts.
    Figures(Vec<Figure<'a>>),
}

impl Block<'_> {
    /// Whether a medium would show nothing of it.
    fn is_empty(&self, medium: Medium) -> bool {
        match self {
            Block::Table(table) => table.rows_on(medium).next().is_none(),
            Block::Details(details) => !details.iter().any(|detail| detail.shown.on(medium)),
            Block::List(texts) | Block::Quote(texts) => texts.is_empty(),
            Block::Note(_) | Block::FileNote(..) => false,
            Block::Findings(findings) => findings.is_empty(),
            Block::Transcripts(transcripts) => transcripts.is_empty(),
            Block::Figures(figures) => figures.is_empty(),
        }
    }
}

/// A doubt, or something that was seen besides.
#[derive(Debug, Clone)]
pub struct Finding {
    /// How much it weighs, in words.
    pub weight: &'static str,
    /// The same, as a tone.
    pub tone: Tone,
    /// Its short name.
    pub kind: Text,
    /// What was seen.
    pub evidence: Text,
    /// What to do.
    pub advice: Text,
}

/// What several exchanges have in common, and what some looked like.
#[derive(Debug, Clone)]
pub struct Transcript {
    /// What they have in common.
    pub title: Text,
    /// The first of them.
    pub examples: Vec<Excerpt>,
}

/// One exchange.
#[derive(Debug, Clone)]
pub struct Excerpt {
    /// When it was and what finds it elsewhere.
    pub caption: Text,
    /// All that was kept of it.
    pub full: Vec<Text>,
    /// The lines that say most.
    pub short: Vec<Text>,
    /// What the target's log says of it.
    pub log: Vec<Text>,
}

impl Document<'_> {
    /// The charts, for files of their own.
    pub fn figures(&self) -> impl Iterator<Item = &Figure<'_>> {
        let blocks = self.sections.iter().flat_map(|section| &section.parts);
        blocks.flat_map(|(block, _)| match block {
            Block::Figures(figures) => figures.as_slice(),
            Block::Table(_)
            | Block::Details(_)
            | Block::List(_)
            | Block::Note(_)
            | Block::FileNote(..)
            | Block::Findings(_)
            | Block::Transcripts(_)
            | Block::Quote(_) => &[],
        })
    }

    /// The sections of which a medium shows something.
    pub fn sections_on(&self, medium: Medium) -> impl Iterator<Item = &Section<'_>> {
        self.sections.iter().filter(move |section| section.on(medium).next().is_some())
    }

    /// The facts that a medium shows.
    pub fn details_on(&self, medium: Medium) -> impl Iterator<Item = &Detail> {
        self.details.iter().filter(move |detail| detail.shown.on(medium))
    }
}
