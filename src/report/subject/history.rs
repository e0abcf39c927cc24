//! The history of runs: a row per run, marked where a figure changed.

use crate::analysis::history::{ChangePoint, FigureTrend, History, PastRun, StandsOut};
use crate::report::chart::trend;
use crate::report::document::cell::Cell;
use crate::report::document::medium::{Medium, Shown};
use crate::report::document::table::{Row, Table};
use crate::report::document::text::Text;
use crate::report::document::tone::Tone;
use crate::report::document::{Block, Document, Headline, Section};
use crate::report::figures;
use crate::report::subject::past_runs;

/// The most runs left out that are named.
const MOST_NAMED: usize = 10;

/// The history for every format.
pub fn describe(history: &History) -> Document<'_> {
    let chart = Block::Figures(vec![trend::figure(history)]);
    Document {
        headline: headline(history),
        details: Vec::new(),
        sections: vec![
            runs(history),
            Section::new("Charts").with_shown(chart, Shown::Only(Medium::Page)),
            Section::new("Changes").with(Block::List(changes(history))),
            left_out(history),
        ],
        cases: Vec::new(),
        judged_seconds: None,
        next: None,
        folder: None,
        exit_code: None,
    }
}

fn headline(history: &History) -> Headline {
    Headline {
        verdict: "history",
        tone: Tone::Neutral,
        scenario: Text::from(&history.scenario),
        extent: vec![
            format!("{}, oldest first", figures::counted(history.runs.len(), "run")).into(),
        ],
        extent_shown: Shown::Everywhere,
        answer: None,
        to_do: None,
        reasons: Vec::new(),
    }
}

fn runs(history: &History) -> Section<'static> {
    let columns = past_runs::columns("changed");
    let row = |(position, run)| row(run, &changed_at(history, position));
    let rows = history.runs.iter().enumerate().map(row).collect();
    Section::new("Runs").with(Block::Table(Table { of: "runs", columns, rows }))
}

fn row(run: &PastRun, changed: &str) -> Row {
    let changed = if changed.is_empty() { Cell::Blank } else { Cell::text(changed) };
    past_runs::row(&run.started, run.times, (run.requests, run.error_rate), changed)
}

/// `p50 ×1.21, p95 ×1.18`.
fn changed_at(history: &History, position: usize) -> String {
    let here = all_changes(history).filter(|(_, change)| change.index == position);
    let texts: Vec<String> =
        here.map(|(figure, change)| format!("{} ×{:.2}", figure.name, change.ratio)).collect();
    texts.join(", ")
}

fn all_changes(history: &History) -> impl Iterator<Item = (&FigureTrend, &ChangePoint)> {
    history.figures.iter().flat_map(|it| it.trend.changes.iter().map(move |change| (it, change)))
}

fn changes(history: &History) -> Vec<Text> {
    let started = |index: usize| history.runs.get(index).map_or("", |run| run.started.as_str());
    let changes = all_changes(history);
    let changes = changes.map(|(figure, change)| sentence(figure, change, started(change.index)));
    let standing = history.stands_out.iter();
    let standing = standing.map(|found| standing_out(found, started(found.index)));
    let all: Vec<Text> = changes.chain(standing).map(Text::from).collect();
    if all.is_empty() { vec![none(history).into()] } else { all }
}

/// Why there is no change point.
fn none(history: &History) -> String {
    let fewest = history.fewest_runs;
    if history.runs.len() >= fewest {
        return "no change point".to_owned();
    }
    format!(
        "no change point, and none could be told yet: it takes about {fewest} runs, half of them \
         at the new level; nothing stands out meanwhile"
    )
}

fn standing_out(found: &StandsOut, started: &str) -> String {
    let how = if found.ratio > 1.0 { "slower" } else { "faster" };
    let runs = |number: usize| if number == 1 { "run" } else { "runs" };
    format!(
        "{} stands out: {how} in the last {} {}, from that of {started} on: {} to {}, ×{:.2}; about {} more \
         {} at this level would make it a change point",
        found.figure,
        found.runs,
        runs(found.runs),
        figures::millis(found.before),
        figures::millis(found.after),
        found.ratio,
        found.runs_needed,
        runs(found.runs_needed),
    )
}

fn sentence(figure: &FigureTrend, change: &ChangePoint, started: &str) -> String {
    let how = if change.ratio > 1.0 { "slower" } else { "faster" };
    format!(
        "{} is {how} from the run of {started} on: {} to {}, ×{:.2} (p = {:.3})",
        figure.name,
        figures::millis(change.before),
        figures::millis(change.after),
        change.ratio,
        change.p
    )
}

fn left_out(history: &History) -> Section<'static> {
    let all = &history.left_out;
    if all.is_empty() {
        return Section::new("");
    }
    let number = match all.len() {
        1 => "1 run is left out".to_owned(),
        many => format!("{many} runs are left out"),
    };
    let named = all.iter().take(MOST_NAMED);
    let mut texts: Vec<Text> =
        named.map(|run| format!("{}: {}", run.folder, run.reason).into()).collect();
    if all.len() > MOST_NAMED {
        texts.push(format!("and {} more", all.len() - MOST_NAMED).into());
    }
    Section::new("Left out").with(Block::Note(number.into())).with(Block::List(texts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::history::LeftOut;
    use crate::record::fingerprint::Fingerprint;
    use crate::record::sample_head;
    use crate::report::format::terminal::{self, screen::Style};

    #[test]
    fn long_sentences_are_wrapped_and_hostile_names_control_nothing() {
        let runs = (0..3).map(|position| PastRun {
            folder: String::new(),
            started: format!("2026-01-01T00:0{position}:00Z\u{1b}[2J"),
            requests: 100,
            error_rate: 0.0,
            times: [1.0, 2.0, 4.0],
        });
        let reason = "it was cut short\u{1b}[31m ".repeat(6);
        let left_out = vec![LeftOut { folder: "reports/x".to_owned(), reason }];
        let print = Fingerprint::of(&sample_head());
        let history = History::of("orders".to_owned(), print, runs.collect(), left_out);
        let text = terminal::render(&describe(&history), Style::default());
        assert!(text.starts_with("HISTORY  orders  3 runs, oldest first\n"), "{text}");
        assert!(text.contains("  - no change point, and none could be told yet"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    }
}
