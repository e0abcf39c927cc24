//! A candidate beside its baseline, in a duet or by stored numbers.

use crate::analysis::comparison::{Comparison, Look, StepChange};
use crate::record::duet::{DuetEnd, DuetFile};
use crate::report::chart;
use crate::report::document::cell::{Cell, Status};
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::quantity::Quantity;
use crate::report::document::suite::Case;
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::text::Text;
use crate::report::document::{Block, Detail, Document, Headline, Section};
use crate::report::phrases::comparison as phrases;
use crate::report::subject::{failures, judgement, metrics, objectives};

/// Everything that a report of a comparison is made of.
#[derive(Debug, Clone, Copy)]
pub struct ComparisonReport<'a> {
    /// What analysis says about it.
    pub comparison: &'a Comparison,
    /// How it was planned and measured; `None` for stored baselines.
    pub duet: Option<&'a DuetFile>,
    /// The scenario's name.
    pub scenario: &'a str,
    /// What the process ends with.
    pub exit_code: u8,
    /// The folder with the files, if there is one.
    pub folder: Option<&'a str>,
    /// What is compared with, as people call it.
    pub baseline_name: &'a str,
    /// What is judged, as people call it.
    pub candidate_name: &'a str,
}

/// A comment that nobody scrolls through has no more steps.
const MOST_STEPS: usize = 8;
const ON_PAGES: Shown = Shown::Only(Medium::Page);
const NOT_IN_COMMENTS: Shown = Shown::NotOn(Medium::Comment);

/// The comparison for every format.
pub fn describe<'a>(report: &ComparisonReport<'a>) -> Document<'a> {
    let comparison = report.comparison;
    let candidate = &comparison.candidate;
    let charts = Block::Figures(chart::comparison::figures(comparison));
    Document {
        headline: headline(report),
        details: details(report),
        sections: vec![
            metrics::section(comparison),
            dropped(comparison),
            Section::new("Charts").with_shown(charts, ON_PAGES),
            looks(comparison),
            steps(comparison),
            Section { titled: Shown::Everywhere, ..objectives::section(candidate) },
            failures::section(&candidate.failures, false),
            judgement::findings(&comparison.findings),
            judgement::unknowns(&comparison.limits_of_knowledge),
        ],
        cases: cases(report),
        judged_seconds: None,
        next: None,
        folder: report.folder.map(Text::from),
        exit_code: Some(report.exit_code),
    }
}

fn headline(report: &ComparisonReport) -> Headline {
    let comparison = report.comparison;
    let (candidate, baseline) = (report.candidate_name, report.baseline_name);
    let extent = phrases::extent(comparison);
    Headline {
        answer: Some(phrases::answer(comparison).into()),
        to_do: comparison.what_next.as_deref().map(Text::from),
        extent: vec![format!("{candidate} against {baseline}: {extent}").into()],
        extent_shown: ON_PAGES,
        ..judgement::headline(comparison.verdict, report.scenario, &comparison.reasons)
    }
}

/// Names and what they stand for: the arms, the method, how much was measured.
fn details(report: &ComparisonReport) -> Vec<Detail> {
    let comparison = report.comparison;
    let mut details = vec![
        Detail::new("baseline", report.baseline_name),
        Detail::new("candidate", report.candidate_name),
        Detail::new("method", phrases::method(comparison.method)),
    ];
    let reason = report.duet.map(|duet| &duet.method_reason).filter(|it| !it.is_empty());
    details.extend(reason.map(|reason| Detail::new("why so", reason).shown(NOT_IN_COMMENTS)));
    details.push(Detail::new("measured", phrases::extent(comparison)));
    let assurance = phrases::assurance(&comparison.settings);
    details.push(Detail::new("asked for", assurance).shown(NOT_IN_COMMENTS));
    details.extend(ending(report).map(|ending| Detail::new("ended", ending)));
    details.extend(report.duet.into_iter().flat_map(of_duet));
    details
}

fn of_duet(duet: &DuetFile) -> Vec<Detail> {
    let mut details = vec![Detail::new("started", &duet.started).shown(ON_PAGES)];
    if !duet.forecast.is_empty() {
        details.push(Detail::new("forecast", duet.forecast.join("; ")).shown(ON_PAGES));
    }
    details.push(Detail::new("scenario hash", &duet.scenario_hash).shown(ON_PAGES));
    details
}

/// How the duet ended, where it did not simply come to its end.
fn ending(report: &ComparisonReport) -> Option<String> {
    match &report.duet?.end {
        Some(DuetEnd::Finished) => None,
        Some(DuetEnd::Interrupted { signal }) => Some(format!("interrupted by signal {signal}")),
        Some(DuetEnd::ArmLost { arm, detail }) => Some(format!("the {arm} was lost: {detail}")),
        Some(DuetEnd::Hopeless { arm, detail }) => {
            Some(format!("early, as the {arm} cannot work: {detail}"))
        }
        None => Some("unknown: the generator was stopped before it could say".to_owned()),
    }
}

/// Metrics that were left out, each with the reason.
fn dropped(comparison: &Comparison) -> Section<'static> {
    let dropped = comparison.dropped.iter();
    let details = dropped.map(|it| Detail::new(phrases::short(it.metric), &it.reason)).collect();
    Section::new("Only watches, as it could not have been decided").with(Block::Details(details))
}

fn looks(comparison: &Comparison) -> Section<'static> {
    let columns = vec![
        Column::number("look"),
        Column::number("per arm").in_full("judged per arm"),
        Column::number("requests").in_full("requests, baseline / candidate").dropped(1),
        Column::new(Kind::Words, "gate"),
        Column::new(Kind::LongWords, "metrics"),
    ];
    let rows = comparison.looks.iter().map(look).collect();
    let table = Table { of: "looks", columns, rows };
    Section::new("The looks").with_shown(Block::Table(table), NOT_IN_COMMENTS)
}

fn look(look: &Look) -> Row {
    let tone = phrases::tone(look.ruling);
    Row::new(vec![
        Cell::Quantity(Quantity::Count(u64::from(look.segments))),
        Cell::Quantity(Quantity::Seconds(f64::from(look.seconds))),
        sides(look.requests),
        Cell::Status(Status { mark: "", word: phrases::gate(look), tone }),
        Cell::Text(Text::kept(&phrases::marks(look))),
    ])
}

fn sides((baseline, candidate): (u64, u64)) -> Cell {
    Cell::Sides(Quantity::Count(baseline), Quantity::Count(candidate))
}

/// All steps; in a comment only those that changed by more than the tolerance.
fn steps(comparison: &Comparison) -> Section<'static> {
    let columns = vec![
        Column::new(Kind::Name, "step"),
        Column::number("requests").in_full("requests, baseline / candidate").dropped(1),
        Column::number("p50").dropped(2),
        Column::number("p95"),
        Column::number("p99").dropped(3),
        Column::number("p95 ratio"),
        Column::number("sees from").dropped(4),
    ];
    let mut changed = 0;
    let rows = comparison.steps.iter().map(|change| {
        let has_changed = phrases::has_changed(change, &comparison.settings);
        changed += usize::from(has_changed);
        let in_comments = has_changed && changed <= MOST_STEPS;
        Row { shown: if in_comments { Shown::Everywhere } else { NOT_IN_COMMENTS }, ..step(change) }
    });
    let table = Table { of: "steps", columns, rows: rows.collect() };
    if table.rows.is_empty() {
        return Section::new("");
    }
    let note = "The worst change of p95 is first. Each step watches: one whose requests all took \
                as much longer as stands under \u{201c}sees from\u{201d} would have been called \
                regressed.";
    let section = Section::new("Steps by change (they watch)")
        .with(Block::Table(table))
        .with_shown(Block::Note(note.into()), ON_PAGES);
    match changed.saturating_sub(MOST_STEPS) {
        0 => section,
        more => {
            let more = Block::Note(format!("and {more} more that changed").into());
            section.with_shown(more, Shown::Only(Medium::Comment))
        }
    }
}

fn step(step: &StepChange) -> Row {
    let change = |pair: Option<(f64, f64)>| {
        let both = |(from, to)| Cell::Change(Quantity::Millis(from), Quantity::Millis(to));
        pair.map_or(Cell::Nothing, both)
    };
    Row::new(vec![
        Cell::name(&step.name),
        sides(step.requests),
        change(step.p50),
        change(step.p95),
        change(step.p99),
        Cell::maybe(step.change.map(Quantity::Ratio)),
        Cell::maybe(step.sees_from.map(Quantity::Increase)),
    ])
}

/// Validity, each metric that gates, and each objective of the candidate.
fn cases(report: &ComparisonReport) -> Vec<Case> {
    let comparison = report.comparison;
    let candidate = &comparison.candidate;
    let name = "comparison is valid";
    let mut validity =
        judgement::validity(name, report.scenario, comparison.verdict, &comparison.reasons);
    validity.printed.push(judgement::joined(&comparison.reasons));
    validity.printed.extend(failures::printed(&candidate.failures));
    let mut cases = vec![validity];
    cases.extend(metrics::cases(comparison, report.scenario));
    cases.extend(objectives::cases(&candidate.slos, report.scenario));
    cases
}
