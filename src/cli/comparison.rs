//! `loadgate compare`, and the second half of `loadgate run --baseline` and of `loadgate
//! report`: a run judged by stored numbers.

use std::fmt::Write as _;
use std::path::Path;

use crate::analysis::accepted::accepted_run;
use crate::analysis::assess::assess;
use crate::analysis::assessment::Assessment;
use crate::analysis::comparison::{Comparison, MetricResult, Ruling};
use crate::analysis::stored::judge_stored;
use crate::analysis::stored_comparison;
use crate::cli::args::{Inconclusive, PrintArgs};
use crate::cli::args_baseline::CompareArgs;
use crate::cli::baseline::{Failure, read_baseline, read_run, unlike};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::record::baseline::Baseline;
use crate::record::duet::{GateMetric, GateSettings};
use crate::record::fingerprint::Fingerprint;
use crate::record::judged_by::JudgedBy;
use crate::record::run::{EndReason, RunRecord};
use crate::report::comparison::ComparisonReport;
use crate::report::plain;

/// Runs the command.
pub fn compare(args: &CompareArgs) -> Exit {
    match compared(args) {
        Ok(comparison) => {
            let exit = output::mapped(Exit::of(comparison.verdict), args.inconclusive);
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
    let is_whole = matches!(record.end.as_ref().map(|end| &end.reason), Some(EndReason::Finished));
    let Some(by) = by.filter(|_| is_whole) else { return alone() };
    match judge(&by.baseline, record, assess(record), &by.settings) {
        Ok(comparison) => {
            output::conclude_compared(record, &comparison, folder, print, inconclusive)
        }
        Err(failure) => {
            alone();
            failure.tell()
        }
    }
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

/// The metrics, and what the comparison cannot say.
pub fn table(comparison: &Comparison) -> String {
    let mut text = format!(
        "\n  {:<24}{:>12}{:>12}{:>10}  {:<20}{:<14}sees from\n",
        "against the baseline", "baseline", "candidate", "ratio", "between", "ruling"
    );
    for metric in &comparison.metrics {
        text.push_str(row(metric).trim_end());
        text.push('\n');
    }
    for limit in &comparison.limits_of_knowledge {
        let _ = writeln!(text, "  {}", plain::line(limit));
    }
    text
}

fn row(metric: &MetricResult) -> String {
    let value =
        |value: Option<f64>| value.map_or("–".to_owned(), |it| written(metric.metric, it));
    let (ratio, between) = match metric.estimate {
        Some(it) => (change(metric.metric, it.value), {
            let [low, high] = [it.low, it.high].map(|value| change(metric.metric, value));
            format!("{low} to {high}")
        }),
        None => ("–".to_owned(), "–".to_owned()),
    };
    let seen =
        metric.smallest_visible.map_or("–".to_owned(), |it| format!("+{:.1} %", it * 100.0));
    format!(
        "  {:<24}{:>12}{:>12}{ratio:>10}  {between:<20}{:<14}{seen}",
        metric.name,
        value(metric.baseline),
        value(metric.candidate),
        ruling(metric)
    )
}

fn written(metric: GateMetric, value: f64) -> String {
    match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => format!("{value:.2} ms"),
        GateMetric::ErrorRate | GateMetric::SlowRequests => format!("{:.3} %", value * 100.0),
    }
}

fn change(metric: GateMetric, value: f64) -> String {
    match metric {
        GateMetric::ResponseTime(_) | GateMetric::CpuPerRequest => format!("×{value:.2}"),
        GateMetric::ErrorRate | GateMetric::SlowRequests => format!("{:+.2} %", value * 100.0),
    }
}

fn ruling(metric: &MetricResult) -> &'static str {
    match metric.ruling {
        Ruling::Regressed => "regressed",
        Ruling::Improved => "improved",
        Ruling::Pass => "pass",
        Ruling::Inconclusive if metric.gates => "inconclusive",
        Ruling::Inconclusive => "advice",
    }
}
