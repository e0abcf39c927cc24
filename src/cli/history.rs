//! `loadgate history`: the trend of past runs, on the screen and as files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::analysis::accepted::accepted_run;
use crate::analysis::assess::assess;
use crate::analysis::assessment::Verdict;
use crate::analysis::history::{History, LeftOut, MOST_RUNS, PastRun};
use crate::cli::args_baseline::HistoryArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::record::fingerprint::{Difference, Fingerprint};
use crate::record::run::{EndReason, RunRecord};
use crate::record::store;
use crate::record::whole_file;
use crate::report::format::json;
use crate::report::subject;
use crate::units::order;

/// Runs the command.
pub fn history(args: &HistoryArgs) -> Exit {
    let done = read(&args.indexes).and_then(|history| {
        if let Some(folder) = &args.output {
            write(folder, &history)?;
        }
        Ok(history)
    });
    match done {
        Ok(history) => {
            output::result(&output::written(&subject::history::describe(&history)));
            Exit::Pass
        }
        Err(failure) => failure.tell(),
    }
}

/// A run that may take part, with what decides whether it does.
struct Candidate {
    started: u64,
    scenario: String,
    fingerprint: Fingerprint,
    run: PastRun,
}

fn read(indexes: &[PathBuf]) -> Result<History, Failure> {
    let mut folders = Vec::new();
    for index in indexes {
        folders.extend(runs_in(index)?);
    }
    let mut left_out = Vec::new();
    let mut candidates = Vec::new();
    for folder in folders {
        let shown = folder.display().to_string();
        match candidate(&folder, &shown) {
            Ok(candidate) => candidates.push(candidate),
            Err(reason) => left_out.push(LeftOut { folder: shown, reason }),
        }
    }
    order::by_key(&mut candidates, |candidate| candidate.started);
    candidates.dedup_by(|later, first| {
        later.run.started == first.run.started && later.fingerprint == first.fingerprint
    });
    let Some((scenario, fingerprint)) =
        candidates.last().map(|newest| (newest.scenario.clone(), newest.fingerprint.clone()))
    else {
        let reasons =
            left_out.into_iter().take(10).map(|it| format!("{}: {}", it.folder, it.reason));
        let named = reasons.chain(["name a scenario's folder, such as reports/orders".to_owned()]);
        return Err(Failure::usage("there is no run to look at", named.collect()));
    };
    let mut runs = Vec::new();
    for Candidate { fingerprint: other, run, .. } in candidates {
        match fingerprint.differences(&other).as_slice() {
            [] => runs.push(run),
            differences => {
                left_out.push(LeftOut { folder: run.folder, reason: unlike(differences) });
            }
        }
    }
    Ok(History::of(scenario, fingerprint, runs, left_out))
}

/// A run folder itself, or the run folders in it, at most the last ones by name, which is
/// their time.
fn runs_in(index: &Path) -> Result<Vec<PathBuf>, Failure> {
    let is_run = |path: &Path| path.join(store::RUN_FILE).is_file();
    if index.is_file() || is_run(index) {
        return Ok(vec![index.to_owned()]);
    }
    let unreadable = |error| Failure::usage(format!("{}: {error}", index.display()), Vec::new());
    let entries = fs::read_dir(index).map_err(unreadable)?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    // `latest` is a link to one of the others.
    let mut runs: Vec<PathBuf> = paths.filter(|path| !path.is_symlink() && is_run(path)).collect();
    runs.sort();
    Ok(runs.split_off(runs.len().saturating_sub(MOST_RUNS)))
}

/// Reads a run, or says why it takes no part.
fn candidate(folder: &Path, shown: &str) -> Result<Candidate, String> {
    let record = store::read(folder).map_err(|error| error.to_string())?;
    unfit(&record).map_or(Ok(()), Err)?;
    let run = accepted_run(&record, None);
    if run.response.is_empty() {
        return Err("it has no response times".to_owned());
    }
    Ok(Candidate {
        started: record.head.started_unix_ms,
        scenario: record.head.scenario.clone(),
        fingerprint: Fingerprint::of(&record.head),
        run: PastRun::of(shown.to_owned(), &run),
    })
}

fn unfit(record: &RunRecord) -> Option<String> {
    match record.end.as_ref().map(|end| &end.reason) {
        Some(EndReason::Finished | EndReason::RowsUsed { .. }) => {}
        Some(
            EndReason::Interrupted { .. }
            | EndReason::Hopeless { .. }
            | EndReason::FailedFast { .. }
            | EndReason::GeneratorLost { .. }
            | EndReason::TargetDied { .. },
        )
        | None => return Some("it was cut short".to_owned()),
    }
    if let Some(lost) = record.end.as_ref().and_then(|end| end.lost.first()) {
        return Some(format!("a part of its load was not sent: {}", lost.detail));
    }
    let assessment = assess(record);
    let first = || assessment.reasons.first().cloned().unwrap_or_default();
    (assessment.verdict == Verdict::Invalid).then(|| format!("it is invalid: {}", first()))
}

/// How an older run is unlike the newest one.
fn unlike(differences: &[Difference]) -> String {
    let named = |it: &Difference| format!("{} was {}, is {}", it.what, it.candidate, it.baseline);
    differences.iter().map(named).collect::<Vec<_>>().join("; ")
}

fn write(folder: &Path, history: &History) -> Result<(), Failure> {
    let failed = |path: &Path, error| Failure::tool(format!("{}: {error}", path.display()));
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let document = subject::history::describe(history);
    let charts =
        document.figures().map(|chart| (chart.file_name(), chart.file().unwrap_or_default()));
    let data = ("history.json".to_owned(), json::history(history));
    for (name, text) in charts.chain([data]) {
        let path = folder.join(name);
        whole_file::write(&path, &text).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}
