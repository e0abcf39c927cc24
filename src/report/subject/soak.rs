//! A soak: what its run says, and before that what grew, by how much and beside which limit.

use crate::analysis::assessment::Verdict;
use crate::analysis::soak::found::{Began, Growth, Role, SoakAssessment, Trend};
use crate::analysis::soak::messages;
use crate::record::soak::LimitSource;
use crate::report::chart;
use crate::report::document::cell::{Cell, Status};
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::suite::{Case, CaseResult};
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::text::Text;
use crate::report::document::tone::Tone;
use crate::report::document::{Block, Detail, Document, Section};
use crate::report::figures;
use crate::report::subject::run::{self, RunReport};

/// Everything that a report of a soak is made of.
#[derive(Debug, Clone, Copy)]
pub struct SoakReport<'a> {
    /// What a report of its run is made of, with the verdict of both.
    pub run: RunReport<'a>,
    /// What analysis says about the hours.
    pub soak: &'a SoakAssessment,
}

const ON_PAGES: Shown = Shown::Only(Medium::Page);

/// The soak for every format.
pub fn describe<'a>(report: &SoakReport<'a>) -> Document<'a> {
    let soak = report.soak;
    let mut document = run::describe(&report.run);
    if let Some(grows) = soak.grows.filter(|_| soak.verdict == Verdict::SloMissed) {
        document.headline.verdict = grows.name();
    }
    let figure = Block::Figures(vec![chart::soak::figure(soak)]);
    document.sections.insert(0, growth(soak).with_shown(figure, ON_PAGES));
    document.cases.extend(cases(soak, &report.run.record.head.scenario));
    document
}

/// What grew, and when memory is used up.
fn growth(soak: &SoakAssessment) -> Section<'static> {
    let columns = vec![
        Column::new(Kind::Name, "growth"),
        Column::number("level").dropped(1),
        Column::number("per hour"),
        Column::number("99 % bounds").dropped(3),
        Column::number("limit").dropped(2),
        Column::number("windows").on_pages(),
        Column::new(Kind::Status, "result"),
    ];
    let seen = soak.trends.iter().filter(|trend| trend.growth != Growth::NotSeen);
    let table = Table { of: "growth", columns, rows: seen.map(row).collect() };
    let note = "Memory, descriptors and threads by the least value of each window; slopes by Theil \
                and Sen within parts of the same processes. It grows where the lower bound is above \
                the limit, and holds where the upper bound is below it.";
    Section::new("Growth")
        .with(Block::Table(table))
        .with(Block::Details(details(soak)))
        .with_shown(Block::Note(note.into()), ON_PAGES)
}

fn row(trend: &Trend) -> Row {
    let growth = |value: Option<f64>| value.map(|value| messages::growth(trend, value));
    let cell = |text: Option<String>| text.map_or(Cell::Nothing, Cell::text);
    let bounds = growth(trend.low).zip(growth(trend.high));
    let shown = if trend.role == Role::Generator { ON_PAGES } else { Shown::Everywhere };
    let cells = vec![
        // All but what is named as the generator's is the target's.
        Cell::name(trend.name.strip_prefix("target ").unwrap_or(trend.name)),
        cell(trend.level.map(|level| messages::level(trend, level))),
        cell(growth(trend.per_hour)),
        cell(bounds.map(|(low, high)| format!("{low} to {high}"))),
        cell(growth(trend.limit)),
        Cell::text(trend.windows.to_string()),
        Cell::Status(status(trend)),
    ];
    Row { shown, ..Row::new(cells) }
}

fn status(trend: &Trend) -> Status {
    let (mark, word, tone) = match trend.growth {
        Growth::Grows => ("✗", "grows", Tone::Bad),
        Growth::Holds => ("✓", "holds", Tone::Good),
        Growth::Undecided | Growth::Disturbed => ("?", "undecided", Tone::Doubt),
        Growth::TooFew => ("?", "too short", Tone::Doubt),
        Growth::NotSeen => ("–", "not seen", Tone::Muted),
    };
    Status { mark, word, tone }
}

fn details(soak: &SoakAssessment) -> Vec<Detail> {
    let limit = soak.memory_limit.map(|limit| {
        let of = match limit.source {
            LimitSource::Asked => "",
            LimitSource::Cgroup => ", of its control group",
        };
        format!("{}{of}", figures::bytes(limit.bytes as f64))
    });
    let reached = soak.to_limit.as_ref().and_then(messages::to_limit);
    let limit = limit.map(|limit| match reached {
        Some(reached) => format!("{limit}: {reached}"),
        None => limit,
    });
    let changed = soak.parts.iter().filter(|part| part.began != Began::Start);
    let changed = changed.map(|part| {
        let at = figures::seconds(f64::from(part.from));
        Detail::new("at ".to_owned() + &at, messages::began(part))
    });
    let width = figures::seconds(f64::from(soak.window_seconds));
    let windows = format!("{} of {width}, {} needed", soak.starts.len(), soak.windows_needed);
    let windows = Detail::new("windows", windows);
    let limit = limit.map(|limit| Detail::new("memory limit", limit));
    limit.into_iter().chain(changed.take(MOST_CHANGES)).chain([windows]).collect()
}

/// The most changes of processes that are listed.
const MOST_CHANGES: usize = 10;

/// One for each thing that was seen of the target.
fn cases(soak: &SoakAssessment, scenario: &str) -> Vec<Case> {
    let of_target = soak
        .trends
        .iter()
        .filter(|trend| trend.role != Role::Generator && trend.growth != Growth::NotSeen);
    let case = |trend: &Trend| Case {
        name: format!("{} holds", trend.name).into(),
        group: scenario.into(),
        seconds: None,
        result: result(trend),
        printed: Vec::new(),
    };
    of_target.map(case).collect()
}

fn result(trend: &Trend) -> CaseResult {
    let text = Text::from(messages::of(trend));
    match trend.growth {
        Growth::Holds => CaseResult::Passed,
        Growth::Grows => CaseResult::Failed("grows", text),
        Growth::Undecided | Growth::Disturbed | Growth::TooFew | Growth::NotSeen => {
            CaseResult::Undecided(text)
        }
    }
}
