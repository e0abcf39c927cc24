//! The history of runs for people: a line per run, marked where a figure changed.

use std::fmt::Write as _;

use crate::analysis::history::{ChangePoint, FigureTrend, History, PastRun, StandsOut};
use crate::report::aligned::aligned;
use crate::report::figures;
use crate::report::plain;

/// The most runs left out that are named.
const MOST_NAMED: usize = 10;

/// The history as text.
pub fn render(history: &History) -> String {
    let scenario = plain::line(&history.scenario);
    [
        format!("History of {scenario}: {} runs, oldest first\n\n", history.runs.len()),
        runs(history),
        format!("\n{}", changes(history)),
        left_out(history),
    ]
    .concat()
}

fn runs(history: &History) -> String {
    let head = ["started", "p50", "p95", "p99", "requests", "errors", "changed"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (place, run) in history.runs.iter().enumerate() {
        rows.push(row(run, &changed_at(history, place)));
    }
    aligned(&rows)
}

fn row(run: &PastRun, changed: &str) -> Vec<String> {
    let mut row = vec![plain::line(&run.started)];
    row.extend(run.times.map(figures::millis));
    row.extend([figures::count(run.requests), figures::share(run.error_rate), changed.to_owned()]);
    row
}

/// `p50 ×1.21, p95 ×1.18`.
fn changed_at(history: &History, place: usize) -> String {
    let here = all_changes(history).filter(|(_, change)| change.index == place);
    let texts: Vec<String> =
        here.map(|(figure, change)| format!("{} ×{:.2}", figure.name, change.ratio)).collect();
    texts.join(", ")
}

fn all_changes(history: &History) -> impl Iterator<Item = (&FigureTrend, &ChangePoint)> {
    history.figures.iter().flat_map(|it| it.trend.changes.iter().map(move |change| (it, change)))
}

fn changes(history: &History) -> String {
    let mut text = String::new();
    for (figure, change) in all_changes(history) {
        let started = history.runs.get(change.index).map_or("", |run| run.started.as_str());
        let _ = writeln!(text, "{}", sentence(figure, change, &plain::line(started)));
    }
    for found in &history.stands_out {
        let started = history.runs.get(found.index).map_or("", |run| run.started.as_str());
        let _ = writeln!(text, "{}", standing_out(found, &plain::line(started)));
    }
    if !text.is_empty() {
        return text;
    }
    let fewest = history.fewest_runs;
    match history.runs.len() {
        runs if runs < fewest => format!(
            "no change point, and none could be told yet: it takes about {fewest} runs, half of them at \
             the new level; nothing stands out meanwhile\n"
        ),
        _ => "no change point\n".to_owned(),
    }
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

fn left_out(history: &History) -> String {
    let all = &history.left_out;
    if all.is_empty() {
        return String::new();
    }
    let runs = if all.len() == 1 { "1 run is" } else { &format!("{} runs are", all.len()) };
    let mut text = format!("\n{runs} left out:\n");
    for run in all.iter().take(MOST_NAMED) {
        let _ = writeln!(text, "  {}: {}", plain::line(&run.folder), plain::line(&run.reason));
    }
    if all.len() > MOST_NAMED {
        let _ = writeln!(text, "  and {} more", all.len() - MOST_NAMED);
    }
    text
}
