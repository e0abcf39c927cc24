//! `loadgate baseline`: accepts runs, shows what was accepted, takes it back.

use std::fs;
use std::path::{Path, PathBuf};

use crate::analysis::accepted::accepted_run;
use crate::analysis::assess::assess;
use crate::analysis::assessment::Verdict;
use crate::analysis::overview::{Overview, overview};
use crate::cli::args_baseline::{AcceptArgs, BaselineCommand, RemoveArgs};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::{folder, output};
use crate::experiment::head::folder_of;
use crate::record::baseline::{Baseline, Refused};
use crate::record::duet::GateSettings;
use crate::record::fingerprint::{Difference, Fingerprint};
use crate::record::judged_by::JudgedBy;
use crate::record::run::{EndReason, RunRecord};
use crate::record::{baseline_file, judged_by, store};
use crate::report::plain;
use crate::report::subject;

/// Where baselines are unless somebody says otherwise.
const FOLDER: &str = "baselines";
/// The most files of a folder that are listed.
const MOST_LISTED: usize = 1_000;

/// Runs the command.
pub fn baseline(command: &BaselineCommand) -> Exit {
    let done = match command {
        BaselineCommand::Accept(args) => accept(args),
        BaselineCommand::Show { file } => show(file),
        BaselineCommand::List { folder } => list(folder),
        BaselineCommand::Remove(args) => remove(args),
    };
    match done {
        Ok(text) => {
            output::result(&text);
            Exit::Pass
        }
        Err(failure) => failure.tell(),
    }
}

/// Reads a run that the user named.
pub fn read_run(path: &Path) -> Result<RunRecord, Failure> {
    Ok(store::read(path)?)
}

/// Reads a baseline that the user named.
pub fn read_baseline(path: &Path) -> Result<Baseline, Failure> {
    let advice = || vec!["`loadgate baseline accept RUN` writes a baseline".to_owned()];
    baseline_file::read(path).map_err(|error| Failure::usage(error.to_string(), advice()))
}

/// Reads what a run that the user named was judged by, if by more than itself.
pub fn read_judged_by(run: &Path) -> Result<Option<JudgedBy>, Failure> {
    let advice = || vec!["without that file the run is judged by itself".to_owned()];
    judged_by::read(run).map_err(|error| Failure::usage(error.to_string(), advice()))
}

/// Each difference, and what to do about them.
pub fn unlike(what: &str, differences: &[Difference]) -> Failure {
    let advice = "numbers of unlike runs cannot be compared: accept runs like this one into a \
                  file of their own (--file), or take out the old ones with `loadgate baseline \
                  remove`";
    let named = differences.iter().map(Difference::to_string);
    Failure::usage(what, named.chain([advice.to_owned()]).collect())
}

fn accept(args: &AcceptArgs) -> Result<String, Failure> {
    let record = read_run(&args.run)?;
    let doubts = doubts(&record);
    if !args.force && !doubts.is_empty() {
        let advice = "--force accepts it all the same".to_owned();
        let details = doubts.into_iter().chain([advice]).collect();
        return Err(Failure::usage("the run is not fit to be a baseline", details));
    }
    let default = || Path::new(FOLDER).join(format!("{}.json", folder_of(&record.head.scenario)));
    let file = args.file.clone().unwrap_or_else(default);
    let baseline = with_run(&file, &record, args.note.clone())?;
    write(&file, &baseline)?;
    let started = plain::line(&record.head.started);
    Ok(format!("accepted the run of {started} into {}\n{}\n", shown(&file), standing(&baseline)))
}

/// What speaks against a run: that it was cut short, is invalid, or missed an objective.
fn doubts(record: &RunRecord) -> Vec<String> {
    let unfinished = match record.end.as_ref().map(|end| &end.reason) {
        None => Some("it is unfinished: the generator was killed".to_owned()),
        Some(EndReason::Interrupted { signal }) => {
            Some(format!("it is unfinished: interrupted by signal {signal}"))
        }
        Some(EndReason::FailedFast { detail }) => Some(format!("it is unfinished: {detail}")),
        // The verdict says so.
        Some(
            EndReason::Finished
            | EndReason::RowsUsed { .. }
            | EndReason::Hopeless { .. }
            | EndReason::GeneratorLost { .. }
            | EndReason::TargetDied { .. },
        ) => None,
    };
    let lost = record.end.iter().flat_map(|end| &end.lost);
    let lost = lost.map(|lost| format!("a part of its load was not sent: {}", lost.detail));
    let assessment = assess(record);
    let of_verdict = match assessment.verdict {
        Verdict::TargetLost | Verdict::Invalid | Verdict::SloMissed | Verdict::Regressed => {
            let name = assessment.verdict.name();
            assessment.reasons.iter().map(|reason| format!("{name}: {reason}")).collect()
        }
        Verdict::Pass | Verdict::Inconclusive => Vec::new(),
    };
    unfinished.into_iter().chain(lost).chain(of_verdict).collect()
}

/// The baseline of a file with one more run, or a new one.
fn with_run(file: &Path, record: &RunRecord, note: Option<String>) -> Result<Baseline, Failure> {
    let (fingerprint, run) = (Fingerprint::of(&record.head), accepted_run(record, note));
    let now = folder::now();
    if !file.exists() {
        return Baseline::new(&record.head.scenario, fingerprint, run, &now)
            .map_err(|why| refused(&why));
    }
    let mut baseline = read_baseline(file)?;
    baseline.accept(&fingerprint, run, &now).map_err(|why| refused(&why))?;
    Ok(baseline)
}

fn refused(why: &Refused) -> Failure {
    match why {
        Refused::Unlike(differences) => {
            unlike("the run is unlike those of the baseline", differences)
        }
        Refused::Twice(_) | Refused::Full | Refused::Unusable(_) => {
            Failure::usage(why.to_string(), Vec::new())
        }
    }
}

fn write(file: &Path, baseline: &Baseline) -> Result<(), Failure> {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        fs::create_dir_all(parent)
            .map_err(|error| Failure::tool(format!("{}: {error}", parent.display())))?;
    }
    baseline_file::write(file, baseline).map_err(|error| Failure::tool(error.to_string()))
}

fn show(file: &Path) -> Result<String, Failure> {
    let baseline = read_baseline(file)?;
    Ok(output::written(&subject::baseline::describe(&baseline, &overview_of(&baseline))))
}

fn list(folder: &Path) -> Result<String, Failure> {
    let unreadable = |error| Failure::usage(format!("{}: {error}", folder.display()), Vec::new());
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let is_json = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    let mut files: Vec<PathBuf> = paths.filter(is_json).take(MOST_LISTED).collect();
    files.sort();
    let mut found = Vec::new();
    for file in files {
        match baseline_file::read(&file) {
            Ok(baseline) => {
                let overview = overview_of(&baseline);
                found.push((shown(&file), baseline, overview));
            }
            Err(error) => output::error(&plain::line(&error.to_string()), &[]),
        }
    }
    if found.is_empty() {
        return Ok(format!("no baseline in {}\n", shown(folder)));
    }
    Ok(output::written_table(&subject::baseline::list(&found)))
}

fn remove(args: &RemoveArgs) -> Result<String, Failure> {
    let mut baseline = read_baseline(&args.file)?;
    let last = baseline.runs.last().map(|run| run.started.clone());
    let started = args.started.clone().or(last).unwrap_or_default();
    let Some(run) = baseline.remove(&started, &folder::now()) else {
        let known = baseline.runs.iter().map(|run| run.started.clone()).collect();
        return Err(Failure::usage(format!("there is no run of {started}; there are"), known));
    };
    let removed = format!("removed the run of {}", plain::line(&run.started));
    if baseline.runs.is_empty() {
        fs::remove_file(&args.file)
            .map_err(|error| Failure::tool(format!("{}: {error}", args.file.display())))?;
        return Ok(format!("{removed}, the last one: {} is deleted\n", shown(&args.file)));
    }
    write(&args.file, &baseline)?;
    Ok(format!("{removed}\n{}\n", standing(&baseline)))
}

fn overview_of(baseline: &Baseline) -> Overview {
    overview(baseline, &GateSettings::default())
}

fn standing(baseline: &Baseline) -> String {
    subject::baseline::standing(&overview_of(baseline))
}

fn shown(path: &Path) -> String {
    plain::line(&path.display().to_string())
}
