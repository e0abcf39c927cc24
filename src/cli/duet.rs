//! `loadgate duet`: make both arms ready, measure them side by side, judge, report.

use std::path::{Path, PathBuf};

use crate::analysis::compare::compare;
use crate::analysis::controller::duet::segment_load::describe;
use crate::cli::args::ReportArgs;
use crate::cli::args_duet::DuetArgs;
use crate::cli::args_shared::{Inconclusive, PrintArgs};
use crate::cli::duet_course::{Course, scenario, settings};
use crate::cli::duet_time::{SEGMENTS, can_gate, is_started, time_of};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::folder::{self, Latest};
use crate::cli::{args_fleet, output};
use crate::experiment::arm::ArmSource;
use crate::experiment::duet::{Duet, DuetError};
use crate::record::duet::{self as duet_record, DUET_FILE, DuetEnd, DuetRecord};
use crate::scenario::http_address::is_url;
use crate::scenario::model::{HttpAddress, Prepare, Scenario};

/// How long a preparation may take that the command line names.
const PREPARE_WITHIN: std::time::Duration = std::time::Duration::from_secs(600);

/// Runs the command.
pub fn duet(args: &DuetArgs) -> Exit {
    if let Some(why) = args.alone.objection(args_fleet::DUET) {
        output::error(&why, &[]);
        return Exit::Usage;
    }
    let scenario = match scenario(&args.scenario, &args.course, "duet", args.print.quiet) {
        Ok(scenario) => scenario,
        Err(exit) => return exit,
    };
    let sources = sources(args, &scenario);
    let [baseline, candidate] = match sources {
        Ok(sources) => sources,
        Err(why) => return refused(&why, &[]),
    };
    let started = [&baseline, &candidate].into_iter().all(|arm| is_started(arm, &scenario));
    if let Err((why, help)) = can_gate(&args.gate, started) {
        return refused(why, &[help.to_owned()]);
    }
    let (time, plan) = match time_of(args.within, args.segments, &args.course) {
        Ok(found) => found,
        Err(why) => return refused(&why, &[]),
    };
    let looks = args.segments.unwrap_or(SEGMENTS);
    let mut settings = match settings(&args.gate, looks, &args.course, &scenario, started) {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    settings.cpu_tolerance = args.cpu_tolerance.0;
    let course = Course {
        plan: plan.unwrap_or_else(|| describe(&scenario.load, &settings, time.pilot())),
        scenario,
        sources: [baseline, candidate],
        settings,
        time,
        args: &args.course,
        quiet: args.print.quiet,
        latest: Latest::Duet,
    };
    match course.play(once) {
        Ok((record, folder)) => conclude(&record, &folder, args.print, args.inconclusive),
        Err(exit) => exit,
    }
}

fn refused(why: &str, help: &[String]) -> Exit {
    output::error(why, help);
    Exit::Usage
}

fn once(duet: Duet<'_>) -> Result<DuetRecord, DuetError> {
    duet.run()
}

fn sources(args: &DuetArgs, scenario: &Scenario) -> Result<[ArmSource; 2], String> {
    let baseline = match (&args.baseline_ref, &args.baseline) {
        (Some(git_ref), _) => {
            ArmSource::Ref { git_ref: git_ref.clone(), prepare: prepare(args, scenario) }
        }
        (None, Some(given)) => source(given, scenario)?,
        (None, None) => return Err("a duet needs a baseline".to_owned()),
    };
    let candidate = match &args.candidate {
        Some(given) => source(given, scenario)?,
        None => ArmSource::Scenario,
    };
    Ok([baseline, candidate])
}

fn prepare(args: &DuetArgs, scenario: &Scenario) -> Option<Prepare> {
    let given = args
        .prepare
        .as_ref()
        .map(|command| Prepare { command: shell(command), within: PREPARE_WITHIN });
    given.or_else(|| scenario.target.arms.prepare.clone())
}

/// A URL, a folder that exists, or else a command.
fn source(given: &str, scenario: &Scenario) -> Result<ArmSource, String> {
    if is_url(given) {
        let address = HttpAddress::of_url(given, &scenario.allow, Path::new(""))
            .map_err(|why| format!("\"{given}\": {why}"))?;
        return Ok(ArmSource::Running(address));
    }
    let folder = PathBuf::from(given);
    if folder.is_dir() {
        return Ok(ArmSource::Folder(folder));
    }
    let looks_like_path = given.starts_with(['/', '.']) && !given.contains(' ');
    if looks_like_path && !folder.exists() {
        return Err(format!("\"{given}\" is neither a folder nor a command that exists"));
    }
    Ok(ArmSource::Command(shell(given)))
}

fn shell(command: &str) -> Vec<String> {
    ["sh", "-c", command].map(str::to_owned).to_vec()
}

/// Whether a path is a duet's folder, or its file.
pub fn is_duet(path: &Path) -> bool {
    path.join(DUET_FILE).is_file() || path.file_name().is_some_and(|name| name == DUET_FILE)
}

/// Judges and renders a stored duet again.
pub fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    let record = duet_record::read(&args.run)?;
    let folder = folder::of_reports(args)?;
    Ok(conclude(&record, &folder, args.print, args.inconclusive))
}

/// Judges, writes the reports, prints the result.
fn conclude(
    record: &DuetRecord,
    folder: &Path,
    print: PrintArgs,
    inconclusive: Option<Inconclusive>,
) -> Exit {
    let Some(comparison) = compare(record) else {
        say_why_there_is_no_segment(record.file.end.as_ref());
        return Exit::of_duet(record.file.end.as_ref()).unwrap_or(Exit::Inconclusive);
    };
    // What was measured before an arm was lost, or proved hopeless, is judged as that.
    let exit = match Exit::of_duet(record.file.end.as_ref()) {
        Some(Exit::Interrupted(signal)) => Exit::Interrupted(signal),
        _ => Exit::of(comparison.verdict, inconclusive),
    };
    output::conclude_duet(&comparison, record, folder, print, exit)
}

/// What there is to say when no segment came to its end.
fn say_why_there_is_no_segment(end: Option<&DuetEnd>) {
    match end {
        Some(DuetEnd::ArmLost { arm, detail }) => {
            output::error(&format!("the {arm} was lost under load: {detail}"), &[]);
        }
        Some(DuetEnd::Hopeless { arm, detail }) => {
            let advice =
                format!("its run folder has the first answers that failed; mend the {arm}");
            output::plain_error(&format!("the {arm} cannot work: {detail}"), &[advice]);
        }
        Some(DuetEnd::Interrupted { .. } | DuetEnd::Finished) | None => {
            let why = "interrupted before the first segment came to its end: nothing to judge";
            output::error(why, &[]);
        }
    }
}
