//! `loadgate compare`, and the second half of `loadgate run --baseline` and of `loadgate
//! report`: a run judged by stored numbers.

use std::path::Path;

use crate::analysis::accepted::accepted_run;
use crate::analysis::assess::assess;
use crate::analysis::assessment::Assessment;
use crate::analysis::comparison::Comparison;
use crate::analysis::stored::judge_stored;
use crate::analysis::stored_comparison;
use crate::cli::args_baseline::CompareArgs;
use crate::cli::args_shared::{Inconclusive, PrintArgs};
use crate::cli::baseline::{read_baseline, read_run, unlike};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::record::baseline::Baseline;
use crate::record::duet::GateSettings;
use crate::record::fingerprint::Fingerprint;
use crate::record::judged_by::JudgedBy;
use crate::record::run::{EndReason, RunRecord};
use crate::report::subject::comparison::ComparisonReport;

/// Runs the command.
pub fn compare(args: &CompareArgs) -> Exit {
    match compared(args) {
        Ok(comparison) => {
            let exit = Exit::of(comparison.verdict, args.inconclusive);
            tell(args, &comparison, exit);
            exit
        }
        Err(failure) => failure.tell(),
    }
}

fn compared(args: &CompareArgs) -> Result<Comparison, Failure> {
    let baseline = baseline_or_run(&args.baseline)?;
    let record = read_run(&args.candidate)?;
    let settings = args.gate.stored().map_err(|why| Failure::usage(why, Vec::new()))?;
    judge(&baseline, &record, assess(&record), &settings)
}

/// A baseline's file; or a run, which is a baseline of one.
fn baseline_or_run(path: &Path) -> Result<Baseline, Failure> {
    let may_be_run = path.is_dir() || path.file_name().is_some_and(|name| name == "run.json");
    if !may_be_run {
        return read_baseline(path);
    }
    if let (false, Ok(baseline)) = (path.is_dir(), read_baseline(path)) {
        return Ok(baseline);
    }
    let record = read_run(path)?;
    let (fingerprint, run) = (Fingerprint::of(&record.head), accepted_run(&record, None));
    let started = record.head.started.clone();
    Baseline::new(&record.head.scenario, fingerprint, run, &started)
        .map_err(|why| Failure::usage(format!("{}: {why}", path.display()), Vec::new()))
}

/// Judges a run with its assessment by stored numbers.
pub fn judge(
    baseline: &Baseline,
    record: &RunRecord,
    assessment: Assessment,
    settings: &GateSettings,
) -> Result<Comparison, Failure> {
    let run = accepted_run(record, None);
    if baseline.runs.iter().any(|known| known.started == run.started) {
        let what = format!("the run of {} is one of the baseline's own", run.started);
        return Err(Failure::usage(what, vec!["judge another run by it".to_owned()]));
    }
    let judged = judge_stored(baseline, &Fingerprint::of(&record.head), &run, settings)
        .map_err(|differences| unlike("the run is unlike those of the baseline", &differences))?;
    Ok(stored_comparison::compare(judged, baseline, &run, assessment, settings))
}

/// Says before a run whether its numbers could be compared with a baseline's.
pub fn check_fits(baseline: &Baseline, planned: &Fingerprint) -> Result<(), Failure> {
    match baseline.fingerprint.differences(planned).as_slice() {
        [] => Ok(()),
        differences => Err(unlike("the run would be unlike those of the baseline", differences)),
    }
}

/// Ends a run, judged by itself or by a baseline as well. One that was cut short, or that
/// lost its target, is judged by itself.
pub fn conclude(
    by: Option<&JudgedBy>,
    record: &RunRecord,
    folder: &Path,
    print: PrintArgs,
    inconclusive: Option<Inconclusive>,
) -> Exit {
    let alone = || output::conclude(record, folder, print, inconclusive);
    match judged_by(by, record) {
        Ok(None) => alone(),
        Ok(Some(comparison)) => {
            output::conclude_compared(record, &comparison, folder, print, inconclusive)
        }
        Err(failure) => {
            alone();
            failure.tell()
        }
    }
}

/// A run beside its baseline; `None` for one that is judged by itself.
pub fn judged_by(by: Option<&JudgedBy>, record: &RunRecord) -> Result<Option<Comparison>, Failure> {
    let is_whole = matches!(
        record.end.as_ref().map(|end| &end.reason),
        Some(EndReason::Finished | EndReason::RowsUsed { .. })
    );
    let Some(by) = by.filter(|_| is_whole) else { return Ok(None) };
    judge(&by.baseline, record, assess(record), &by.settings).map(Some)
}

fn tell(args: &CompareArgs, comparison: &Comparison, exit: Exit) {
    let [baseline, candidate] =
        [&args.baseline, &args.candidate].map(|path| path.display().to_string());
    let report = ComparisonReport {
        comparison,
        duet: None,
        scenario: "stored runs",
        exit_code: exit.code(),
        folder: None,
        baseline_name: &baseline,
        candidate_name: &candidate,
    };
    output::tell_comparison(&report, args.print);
}
