//! Objectives: what was asked for and how it came out.

use crate::analysis::assessment::{Assessment, Measured, SloResult, SloStatus};
use crate::analysis::gauges::{GaugeValue, ValueUnit};
use crate::report::document::cell::{Cell, Status};
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::quantity::Quantity;
use crate::report::document::suite::{Case, CaseResult};
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::text::Text;
use crate::report::document::tone::Tone;
use crate::report::document::{Block, Section};
use crate::report::figures;
use crate::report::phrases::gauges;
use crate::report::phrases::run as phrases;

/// A table, and what the generator may have added.
pub(super) fn section(assessment: &Assessment) -> Section<'static> {
    let slos = &assessment.slos;
    let columns = vec![
        Column::new(Kind::Status, "status").dropped(2),
        Column::new(Kind::Name, "objective"),
        Column::number("measured"),
        Column::number("95 % bounds").dropped(1),
        Column::number("limit"),
        Column::number("evidence").on_pages(),
    ];
    let table = Table { of: "objectives", columns, rows: slos.iter().map(row).collect() };
    let section = Section::new("Objectives").untitled_in_comments().with(Block::Table(table));
    match phrases::audit(assessment) {
        Some(audit) if !slos.is_empty() => {
            section.with_shown(Block::Note(audit.into()), Shown::Only(Medium::Page))
        }
        _ => section,
    }
}

fn row(slo: &SloResult) -> Row {
    let name = name(slo);
    let cells = vec![
        Cell::Status(status(slo.status)),
        Cell::name(name.clone()),
        measured(slo),
        interval(slo),
        limit(slo),
        evidence(slo),
    ];
    Row::new(cells).remarked(name, slo.note.clone())
}

/// A gauge is of no requests.
fn evidence(slo: &SloResult) -> Cell {
    match slo.measured {
        Some(Measured::Gauge(_) | Measured::Goodput(_) | Measured::BytesPerSecond(_)) => {
            Cell::Nothing
        }
        Some(
            Measured::Millis(_)
            | Measured::LapMillis(_)
            | Measured::BadShare(_)
            | Measured::GoodShare(_)
            | Measured::ChecksHeld(_)
            | Measured::Apdex(_)
            | Measured::GoodWindows(_),
        )
        | None => Cell::Bad(slo.bad, slo.requests),
        Some(Measured::Effect(_)) => Cell::Quantity(Quantity::Count(slo.requests)),
    }
}

pub(super) fn status(status: SloStatus) -> Status {
    let (mark, tone) = match status {
        SloStatus::Met => ("✓", Tone::Good),
        SloStatus::Missed => ("✗", Tone::Bad),
        SloStatus::Inconclusive => ("?", Tone::Doubt),
        SloStatus::Invalid => ("!", Tone::Doubt),
    };
    Status { mark, word: word(status), tone }
}

fn word(status: SloStatus) -> &'static str {
    match status {
        SloStatus::Met => "met",
        SloStatus::Missed => "missed",
        SloStatus::Inconclusive => "inconclusive",
        SloStatus::Invalid => "invalid",
    }
}

/// `p99 < 500ms`, or `create order: p99 < 800ms` for one step.
fn name(slo: &SloResult) -> Text {
    let text = Text::from(&slo.text);
    match &slo.step {
        Some(step) => format!("{}: {text}", Text::from(step)).into(),
        None => text,
    }
}

/// How numbers of what was measured are written.
fn quantity(measured: Measured) -> fn(f64) -> Quantity {
    match measured {
        Measured::Gauge(found) => gauges::quantity(found.unit),
        Measured::Millis(_) | Measured::LapMillis(_) => Quantity::Millis,
        Measured::Goodput(_) => Quantity::Rate,
        Measured::BytesPerSecond(_) => Quantity::ByteRate,
        Measured::Apdex(_) => Quantity::Number,
        Measured::Effect(_) => Quantity::Times,
        Measured::BadShare(_)
        | Measured::GoodShare(_)
        | Measured::ChecksHeld(_)
        | Measured::GoodWindows(_) => Quantity::Share,
    }
}

fn measured(slo: &SloResult) -> Cell {
    Cell::maybe(slo.measured.map(|measured| match measured {
        Measured::Gauge(found) => quantity(measured)(found.value),
        Measured::Millis(value)
        | Measured::LapMillis(value)
        | Measured::BadShare(value)
        | Measured::GoodShare(value)
        | Measured::ChecksHeld(value)
        | Measured::Apdex(value)
        | Measured::Goodput(value)
        | Measured::BytesPerSecond(value)
        | Measured::Effect(value)
        | Measured::GoodWindows(value) => quantity(measured)(value),
    }))
}

fn interval(slo: &SloResult) -> Cell {
    let (Some(measured), Some((low, high))) = (slo.measured, slo.interval) else {
        return Cell::Nothing;
    };
    let of = quantity(measured);
    Cell::Interval(of(low), of(high))
}

/// The limit in the unit of what was measured.
fn limit(slo: &SloResult) -> Cell {
    Cell::maybe(slo.measured.map(|measured| match measured {
        Measured::Gauge(GaugeValue { unit: ValueUnit::Milliseconds, .. })
        | Measured::Millis(_)
        | Measured::LapMillis(_) => Quantity::Limit(slo.limit),
        Measured::Gauge(_)
        | Measured::Goodput(_)
        | Measured::BytesPerSecond(_)
        | Measured::Apdex(_)
        | Measured::Effect(_)
        | Measured::BadShare(_)
        | Measured::GoodShare(_)
        | Measured::ChecksHeld(_)
        | Measured::GoodWindows(_) => quantity(measured)(slo.limit),
    }))
}

/// A case for each objective.
pub(super) fn cases<'a>(
    slos: &'a [SloResult],
    scenario: &'a str,
) -> impl Iterator<Item = Case> + 'a {
    slos.iter().map(move |slo| case(slo, scenario))
}

fn case(slo: &SloResult, scenario: &str) -> Case {
    let message = message(slo);
    let result = match slo.status {
        SloStatus::Met => CaseResult::Passed,
        SloStatus::Missed => CaseResult::Failed("missed", message.clone()),
        SloStatus::Invalid => CaseResult::Error("invalid", message.clone()),
        SloStatus::Inconclusive => CaseResult::Undecided(message.clone()),
    };
    let error = slo.generator_error.map(|error| {
        format!("generator-induced error ≤ {}", figures::share(error.relative)).into()
    });
    let mut printed = vec![
        message,
        evidence(slo).written().into(),
        format!("design effect {}", figures::number(slo.design_effect)).into(),
    ];
    printed.extend(error);
    let group = slo.step.as_deref().unwrap_or(scenario).into();
    Case { name: Text::from(&slo.text), group, seconds: Some(0), result, printed }
}

fn message(slo: &SloResult) -> Text {
    let (measured, bounds) = (measured(slo).written(), interval(slo).written());
    let measured = format!("{}: measured {measured}, 95 % bounds {bounds}", word(slo.status));
    match &slo.note {
        Some(note) => format!("{measured}; {note}").into(),
        None => measured.into(),
    }
}
