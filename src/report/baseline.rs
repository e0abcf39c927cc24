//! Baselines for people: one in full, and many in a line each. Notes and names are from a
//! file that may be hostile.

use std::fmt::Write as _;

use crate::analysis::overview::{Overview, RunFigures};
use crate::analysis::stored::RUNS_TO_DECIDE;
use crate::record::baseline::{AcceptedRun, Baseline};
use crate::record::duet::GateMetric;
use crate::record::fingerprint::Fingerprint;
use crate::report::aligned::aligned;
use crate::report::figures;
use crate::report::plain;
use crate::units::trim_zeros;

/// The longest note that a table shows.
const NOTE_WIDTH: usize = 40;

/// A baseline with its runs, what they have in common, and what it can see.
pub fn show(baseline: &Baseline, overview: &Overview) -> String {
    [
        format!("Baseline of {}, updated {}\n\n", name(baseline), plain::line(&baseline.updated)),
        runs(baseline, overview),
        format!("\n{}\n", standing(overview)),
        seen(overview),
        "\nAll runs have in common\n".to_owned(),
        fingerprint(&baseline.fingerprint),
    ]
    .concat()
}

/// Baselines with the file that each is in.
pub fn list(baselines: &[(String, Baseline, Overview)]) -> String {
    let head = ["file", "runs", "rate", "decides", "updated", "scenario"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (file, baseline, overview) in baselines {
        let decides = match overview.missing {
            0 => "yes".to_owned(),
            missing => format!("needs {missing} more"),
        };
        rows.push(vec![
            plain::line(file),
            baseline.runs.len().to_string(),
            figures::rate(overview.rate),
            decides,
            plain::line(&baseline.updated),
            name(baseline),
        ]);
    }
    aligned(&rows)
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

fn name(baseline: &Baseline) -> String {
    plain::fitted(&plain::line(&baseline.scenario), NOTE_WIDTH)
}

fn runs(baseline: &Baseline, overview: &Overview) -> String {
    let head = ["started", "p50", "p95", "p99", "requests", "errors", "note"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(baseline.runs.iter().zip(&overview.runs).map(|(run, figures)| row(run, figures)));
    let summary = |name: &str, values: [String; 3]| {
        let mut row = vec![name.to_owned()];
        row.extend(values);
        row.extend([String::new(), String::new(), String::new()]);
        row
    };
    rows.push(summary("median", overview.median.map(figures::millis)));
    if overview.runs.len() > 1 {
        rows.push(summary("spread", overview.spread.map(|share| format!("±{}", percent(share)))));
    }
    aligned(&rows)
}

fn row(run: &AcceptedRun, shown: &RunFigures) -> Vec<String> {
    let mut row = vec![plain::fitted(&plain::line(&run.started), NOTE_WIDTH)];
    row.extend(shown.times.map(figures::millis));
    row.push(figures::count(run.requests));
    row.push(figures::share(shown.error_rate));
    let note = run.note.as_deref().map(plain::line).unwrap_or_default();
    row.push(plain::fitted(&note, NOTE_WIDTH));
    row
}

fn seen(overview: &Overview) -> String {
    let mut text = String::new();
    for (metric, name, least) in &overview.visible {
        let of = match metric {
            GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => "",
            GateMetric::ErrorRate | GateMetric::SlowRequests => " of the requests",
        };
        let _ = writeln!(text, "  {name}: sees changes from +{}{of} on", percent(*least));
    }
    text
}

/// A share with a digit that matters.
fn percent(share: f64) -> String {
    let digits = if share < 0.001 { 3 } else { 1 };
    format!("{} %", trim_zeros(share * 100.0, digits))
}

fn fingerprint(fingerprint: &Fingerprint) -> String {
    let mut text = String::new();
    for (what, value) in fingerprint.described() {
        let _ = writeln!(text, "  {what:<24}{}", plain::line(&value));
    }
    text
}
