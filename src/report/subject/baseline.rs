//! Baselines: one in full, and many in a row each. Notes and names are from a file that may
//! be hostile.

use crate::analysis::overview::{Overview, RunFigures};
use crate::analysis::stored::RUNS_TO_DECIDE;
use crate::record::baseline::{AcceptedRun, Baseline};
use crate::record::duet::GateMetric;
use crate::report::document::cell::Cell;
use crate::report::document::medium::Shown;
use crate::report::document::quantity::Quantity;
use crate::report::document::table::{Column, Kind, Row, Table};
use crate::report::document::text::Text;
use crate::report::document::tone::Tone;
use crate::report::document::{Block, Detail, Document, Headline, Section};
use crate::report::subject::past_runs;
use crate::units::trim_zeros;

/// A baseline with its runs, what they have in common, and what it can see.
pub fn describe(baseline: &Baseline, overview: &Overview) -> Document<'static> {
    let seen = Block::List(seen(overview));
    let common = baseline.fingerprint.described().into_iter();
    let common = common.map(|(what, value)| Detail::new(what, value)).collect();
    Document {
        headline: headline(baseline, overview),
        details: Vec::new(),
        sections: vec![
            Section::new("Accepted runs").with(Block::Table(runs(baseline, overview))),
            Section::new("What it can see").with(seen),
            Section::new("All runs have in common").with(Block::Details(common)),
        ],
        cases: Vec::new(),
        judged_seconds: None,
        next: None,
        folder: None,
        exit_code: None,
    }
}

fn headline(baseline: &Baseline, overview: &Overview) -> Headline {
    Headline {
        verdict: "baseline",
        tone: Tone::Neutral,
        scenario: Text::from(&baseline.scenario),
        extent: vec![format!("updated {}", baseline.updated).into()],
        extent_shown: Shown::Everywhere,
        answer: Some(standing(overview).into()),
        to_do: None,
        reasons: Vec::new(),
    }
}

/// Baselines with the file that each is in.
pub fn list(baselines: &[(String, Baseline, Overview)]) -> Table {
    let columns = vec![
        Column::new(Kind::Words, "file"),
        Column::number("runs"),
        Column::number("rate").dropped(1),
        Column::number("decides"),
        Column::new(Kind::Words, "updated").dropped(2),
        Column::new(Kind::Name, "scenario"),
    ];
    let row = |(file, baseline, overview): &(String, Baseline, Overview)| {
        let decides = match overview.missing {
            0 => "yes".to_owned(),
            missing => format!("needs {missing} more"),
        };
        Row::new(vec![
            Cell::text(file),
            Cell::Quantity(Quantity::Count(baseline.runs.len() as u64)),
            Cell::Quantity(Quantity::Rate(overview.rate)),
            Cell::text(decides),
            Cell::text(&baseline.updated),
            Cell::name(&baseline.scenario),
        ])
    };
    Table { of: "baselines", columns, rows: baselines.iter().map(row).collect() }
}

/// What a baseline's rulings are worth.
pub fn standing(overview: &Overview) -> String {
    let runs = overview.runs.len();
    let accepted = if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") };
    match overview.missing {
        0 => format!("{accepted}: it decides"),
        missing => {
            format!("{accepted}: advice only; {missing} more and it decides ({RUNS_TO_DECIDE})")
        }
    }
}

fn runs(baseline: &Baseline, overview: &Overview) -> Table {
    let columns = past_runs::columns("note");
    let mut rows: Vec<Row> =
        baseline.runs.iter().zip(&overview.runs).map(|(run, figures)| row(run, figures)).collect();
    let millis = overview.median.map(|ms| Cell::Quantity(Quantity::Millis(ms)));
    rows.push(summary("median", millis));
    if overview.runs.len() > 1 {
        let spread = overview.spread.map(|share| Cell::text(format!("±{}", percent(share))));
        rows.push(summary("spread", spread));
    }
    Table { of: "runs", columns, rows }
}

fn row(run: &AcceptedRun, shown: &RunFigures) -> Row {
    let note = run.note.as_ref().map_or(Cell::Blank, Cell::text);
    past_runs::row(&run.started, shown.times, (run.requests, shown.error_rate), note)
}

fn summary(name: &'static str, values: [Cell; 3]) -> Row {
    let cells = std::iter::once(Cell::text(name)).chain(values);
    Row::new(cells.chain([Cell::Blank, Cell::Blank, Cell::Blank]).collect()).total()
}

fn seen(overview: &Overview) -> Vec<Text> {
    let one = |(metric, name, least): &(GateMetric, String, f64)| {
        let of = match metric {
            GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => "",
            GateMetric::ErrorRate | GateMetric::SlowRequests => " of the requests",
        };
        format!("{name}: sees changes from +{}{of} on", percent(*least)).into()
    };
    overview.visible.iter().map(one).collect()
}

/// A share with a digit that matters.
fn percent(share: f64) -> String {
    let digits = if share < 0.001 { 3 } else { 1 };
    format!("{} %", trim_zeros(share * 100.0, digits))
}
