//! `loadgate stress`: breaks the target, several times, and says how it breaks and comes back.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::analysis::stress::assess;
use crate::analysis::stress_result::StressResult;
use crate::cli::args::ReportArgs;
use crate::cli::args_shared::{Inconclusive, PrintArgs};
use crate::cli::args_stress::StressArgs;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::folder::Latest;
use crate::cli::open_only::needs_rate;
use crate::cli::run::{self, SUPERVISE};
use crate::cli::stress_plan;
use crate::cli::stress_progress::Telling;
use crate::cli::variables::with_variables;
use crate::cli::{fleet, folder, output};
use crate::experiment::control::Control;
use crate::experiment::head::folder_of;
use crate::experiment::stress::{Stress, StressEvent};
use crate::record::stress::{self as stress_record, Plan, STRESS_FILE, StressEnd, StressFile};
use crate::scenario::model::Scenario;
use crate::scenario::read;
use crate::target::process::Supervisor;

/// Runs the command.
pub fn stress(args: &StressArgs) -> Exit {
    if let Some(why) = fleet::objection(&args.asked(), false) {
        output::error(why, &[]);
        return Exit::Usage;
    }
    match measured(args) {
        Ok((file, folder)) => conclude(&file, &folder, args.print, args.loading.inconclusive),
        Err(exit) => exit,
    }
}

fn measured(args: &StressArgs) -> Result<(StressFile, PathBuf), Exit> {
    let scenario = Arc::new(scenario(args)?);
    let plan = stress_plan::plan(args, &scenario).map_err(|wrong| {
        match wrong.as_slice() {
            [one] => output::error(one, &[]),
            all => output::error(&format!("{} mistakes", all.len()), all),
        }
        Exit::Usage
    })?;
    let prepared = run::prepare_in(&args.loading.output, &folder_of(&scenario.name));
    let (folder, control, program) = prepared.map_err(|why| {
        output::error(&why, &[]);
        Exit::Failed
    })?;
    let file = drive(args, (scenario, plan), &folder, control, program)?;
    Ok((file, folder))
}

fn scenario(args: &StressArgs) -> Result<Scenario, Exit> {
    let loaded = with_variables(args.loading.env_file.as_deref(), |variables| {
        read::load_for(&args.scenario, &args.loading.way.caller(), variables)
    });
    let (scenario, taken) = loaded.map_err(|problems| {
        output::problems(&problems);
        Exit::Usage
    })?;
    taken.tell(args.print.quiet);
    needs_rate(&scenario.load, "stress")?;
    Ok(scenario)
}

fn drive(
    args: &StressArgs,
    (scenario, plan): (Arc<Scenario>, Plan),
    folder: &Path,
    control: Control,
    program: PathBuf,
) -> Result<StressFile, Exit> {
    let mut telling = Telling::new(plan.repeats, args.print.quiet, run::in_ci());
    let _ = folder::point_latest(folder, Latest::Stress);
    let supervisor = Supervisor { program, argument: SUPERVISE };
    let load = (plan.highest, fleet::Load::Steered);
    let mut told = |text: &str| telling.say(text);
    let asked = args.asked();
    let others = fleet::gathered(&asked, (&scenario, load), (&control, &supervisor), &mut told);
    let others = others.inspect_err(|_| {
        telling.stop();
        let _ = fs::remove_dir(folder);
    })?;
    let stress = Stress {
        scenario,
        plan,
        folder,
        supervisor,
        receive_clock: run::receive_clock(args.loading.receive_clock),
        tries_out: !args.loading.no_walk,
        others: others.as_ref().map(fleet::as_others),
        control,
        watch: &mut |event: StressEvent<'_>| telling.show(event),
    };
    let measured = stress.run();
    telling.stop();
    measured.map_err(|error| {
        // Nothing was measured; what the target printed stays.
        let _ = fs::remove_file(folder.join(STRESS_FILE));
        let _ = fs::remove_dir(folder);
        run::fail_as("", &error)
    })
}

/// Whether a path is the folder of a stress test, or its file.
pub fn is_stress(path: &Path) -> bool {
    path.join(STRESS_FILE).is_file() || path.file_name().is_some_and(|name| name == STRESS_FILE)
}

/// Renders a stored stress test again.
pub fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    let file = stress_record::read(&args.run)?;
    let folder = folder::of_reports(args)?;
    Ok(conclude(&file, &folder, args.print, args.inconclusive))
}

/// Reads the record, writes the reports, prints the result.
fn conclude(
    file: &StressFile,
    folder: &Path,
    print: PrintArgs,
    inconclusive: Option<Inconclusive>,
) -> Exit {
    let result = assess(file);
    let exit = exit_of(file, &result, inconclusive);
    output::conclude_stress((file, &result), folder, print, exit)
}

/// Without objectives it tells, and that it learnt something is enough.
fn exit_of(file: &StressFile, result: &StressResult, inconclusive: Option<Inconclusive>) -> Exit {
    match file.end.as_ref().and_then(StressEnd::signal) {
        Some(signal) => Exit::Interrupted(signal),
        None => result.verdict.map_or(Exit::Pass, |verdict| Exit::of(verdict, inconclusive)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::stress_sample::sample;

    #[test]
    fn what_was_learnt_is_enough_and_a_signal_comes_before_all() {
        let mut file = sample();
        let code = |file: &StressFile| exit_of(file, &assess(file), None).code();
        assert_eq!(code(&file), 0);
        file.end = Some(StressEnd::Interrupted { signal: 2 });
        assert_eq!(code(&file), 130);
        file.end = Some(StressEnd::Finished);
        file.repeats.clear();
        assert_eq!(code(&file), 6);
    }
}
