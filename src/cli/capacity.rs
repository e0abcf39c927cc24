//! `loadgate capacity`: read the scenario, search, report; and how a stored search is rendered
//! again.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::analysis::capacity as meaning;
use crate::analysis::capacity::messages::load;
use crate::analysis::controller::capacity::planning::{self, Wish};
use crate::cli::args::ReportArgs;
use crate::cli::args_capacity::CapacityArgs;
use crate::cli::args_shared::{Inconclusive, PrintArgs};
use crate::cli::capacity_progress::Telling;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::folder::Latest;
use crate::cli::open_only::takes_one;
use crate::cli::run::{self, SUPERVISE};
use crate::cli::variables::with_variables;
use crate::cli::{fleet, folder, output};
use crate::experiment::head::{fingerprint, folder_of};
use crate::experiment::search::Search;
use crate::record::capacity::{
    self as capacity_record, Asked, CAPACITY_FILE, CapacityFile, Stored, Verdict,
};
use crate::record::load_unit::LoadUnit;
use crate::record::search_end::SearchEnd;
use crate::scenario::ceiling;
use crate::scenario::model::Scenario;
use crate::scenario::read;
use crate::target::process::Supervisor;

/// What a search is about, once everything that the user gave was found right.
struct Plan {
    scenario: Arc<Scenario>,
    asked: Asked,
    baseline: Option<Stored>,
}

/// Runs the command.
pub fn capacity(args: &CapacityArgs) -> Exit {
    if let Some(why) = fleet::objection(&args.asked(), false) {
        output::error(why, &[]);
        return Exit::Usage;
    }
    match plan(args).and_then(|plan| search(args, plan)) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn plan(args: &CapacityArgs) -> Result<Plan, Exit> {
    let loaded = with_variables(args.loading.env_file.as_deref(), |variables| {
        read::load_for(&args.scenario, &args.loading.way.caller(), variables)
    });
    let (mut scenario, taken) = loaded.map_err(|problems| {
        output::problems(&problems);
        Exit::Usage
    })?;
    taken.tell(args.print.quiet);
    output::note_unjudged(&scenario);
    takes_one(&scenario.load, "capacity")?;
    scenario.load.seed = args.seed.unwrap_or(scenario.load.seed);
    let asked = planning::asked(&wish(args), &scenario, cores(args));
    let baseline = args.baseline.as_deref().map(|path| baseline(args, path, &scenario));
    match (asked, baseline.transpose()) {
        (Ok(asked), Ok(baseline)) => Ok(Plan { scenario: Arc::new(scenario), asked, baseline }),
        (asked, baseline) => {
            let baseline = baseline.err().unwrap_or_default();
            told(&[asked.err().unwrap_or_default(), baseline].concat());
            Err(Exit::Usage)
        }
    }
}

/// One mistake in a line, several below each other.
fn told(wrong: &[String]) {
    match wrong {
        [one] => output::plain_error(one, &[]),
        many => output::plain_error(&format!("{} mistakes", many.len()), many),
    }
}

/// Machines like this one, which is all that is known of others before they are called.
fn cores(args: &CapacityArgs) -> usize {
    ceiling::cores() * args.fleet.machines()
}

fn wish(args: &CapacityArgs) -> Wish {
    Wish {
        from: args.from,
        to: args.to,
        within: args.within,
        trial: args.trial,
        confirmation: args.confirm,
        warmup: args.warmup,
        restarts: args.restart,
        at_least: args.at_least,
        compares: args.baseline.is_some(),
        tolerance: args.tolerance.0,
    }
}

/// The earlier search that this one is compared with; or all in which they are unlike.
fn baseline(args: &CapacityArgs, path: &Path, scenario: &Scenario) -> Result<Stored, Vec<String>> {
    let file = capacity_record::read(path).map_err(|error| vec![error.to_string()])?;
    let planned = fingerprint(scenario, run::receive_clock(args.loading.receive_clock));
    let objectives = scenario.objectives();
    let unit = if scenario.load.is_closed() { LoadUnit::Users } else { LoadUnit::Rate };
    let differences = file.differences(&planned, &objectives, unit);
    if !differences.is_empty() {
        let heading = format!("{}: unlike the search to come", path.display());
        let lines = differences.iter().map(ToString::to_string);
        return Err(std::iter::once(heading).chain(lines).collect());
    }
    let stored = file.stored(path);
    stored.map_err(|why| vec![format!("{}: no baseline: this search {why}", path.display())])
}

fn search(args: &CapacityArgs, plan: Plan) -> Result<Exit, Exit> {
    let (folder, control, program) =
        run::prepare_in(&args.loading.output, &folder_of(&plan.scenario.name)).map_err(|why| {
            output::error(&why, &[]);
            Exit::Failed
        })?;
    let mut telling = Telling::new(args.print.quiet, run::in_ci(), plan.asked.unit);
    telling.begin(&plan.asked);
    if let Some(stored) = plan.baseline.as_ref().filter(|it| it.high.is_none()) {
        warn_of_no_end(stored, plan.asked.unit);
    }
    let _ = folder::point_latest(&folder, Latest::Capacity);
    let supervisor = Supervisor { program, argument: SUPERVISE };
    let load = (plan.asked.highest, fleet::Load::Planned);
    let mut told = |text: &str| telling.say(text);
    let asked = args.asked();
    let others =
        fleet::gathered(&asked, (&plan.scenario, load), (&control, &supervisor), &mut told);
    let others = others.inspect_err(|_| {
        telling.stop();
        let _ = fs::remove_dir(&folder);
    })?;
    let search = Search {
        scenario: plan.scenario,
        asked: plan.asked,
        baseline: plan.baseline,
        tries_out: !args.loading.no_walk,
        folder: &folder,
        supervisor,
        receive_clock: run::receive_clock(args.loading.receive_clock),
        others: others.as_ref().map(fleet::as_others),
        control,
        watch: &mut |event| telling.show(event),
    };
    let found = search.run();
    telling.stop();
    let file = found.map_err(|error| {
        // An empty folder says nothing; what the target printed does.
        let _ = fs::remove_dir(&folder);
        run::fail_as("", &error)
    })?;
    Ok(conclude(&file, &folder, args.print, args.loading.inconclusive))
}

/// A baseline that cannot be met is known before the time is taken.
fn warn_of_no_end(stored: &Stored, unit: LoadUnit) {
    output::note(&format!(
        "warning: {}: the baseline's capacity has no upper end, so a pass needs that this search \
         too holds at the highest rate that it tries (--to {})",
        stored.path,
        load(stored.low, unit)
    ));
}

/// Whether a path is the folder of a search, or its file.
pub fn is_capacity(path: &Path) -> bool {
    path.join(CAPACITY_FILE).is_file() || path.file_name().is_some_and(|name| name == CAPACITY_FILE)
}

/// Judges and renders a stored search again.
pub fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    let mut file = capacity_record::read(&args.run)?;
    let found = file.found;
    meaning::fill(&mut file, found);
    let folder = folder::of_reports(args)?;
    // Somewhere else the report would name a file that is not there.
    if args.output.is_some() {
        file.write(&folder).map_err(|error| Failure::tool(error.to_string()))?;
    }
    Ok(conclude(&file, &folder, args.print, args.inconclusive))
}

fn conclude(
    file: &CapacityFile,
    folder: &Path,
    print: PrintArgs,
    inconclusive: Option<Inconclusive>,
) -> Exit {
    output::conclude_capacity(file, folder, print, exit_of(file, inconclusive))
}

fn exit_of(file: &CapacityFile, inconclusive: Option<Inconclusive>) -> Exit {
    if let Some(SearchEnd::Interrupted { signal }) = file.end {
        return Exit::Interrupted(signal);
    }
    match (file.verdict, inconclusive) {
        (Verdict::Found | Verdict::Pass, _) | (Verdict::Inconclusive, Some(Inconclusive::Pass)) => {
            Exit::Pass
        }
        (Verdict::Missed, _) | (Verdict::Inconclusive, Some(Inconclusive::Fail)) => Exit::SloMissed,
        (Verdict::Inconclusive, None) => Exit::Inconclusive,
        (Verdict::Regressed, _) => Exit::Regressed,
        (Verdict::Invalid, _) => Exit::Invalid,
        (Verdict::TargetLost, _) => Exit::TargetLost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interruption_comes_before_the_verdict_and_only_what_is_undecided_can_be_wished() {
        let mut file = crate::record::sample_capacity::sample();
        for (verdict, wish, code) in [
            (Verdict::Found, None, 0),
            (Verdict::Pass, None, 0),
            (Verdict::Missed, Some(Inconclusive::Pass), 3),
            (Verdict::Regressed, Some(Inconclusive::Pass), 4),
            (Verdict::Inconclusive, None, 5),
            (Verdict::Inconclusive, Some(Inconclusive::Pass), 0),
            (Verdict::Inconclusive, Some(Inconclusive::Fail), 3),
            (Verdict::Invalid, Some(Inconclusive::Pass), 6),
            (Verdict::TargetLost, None, 7),
        ] {
            file.verdict = verdict;
            assert_eq!(exit_of(&file, wish).code(), code, "{verdict:?} {wish:?}");
        }
        file.end = Some(SearchEnd::Interrupted { signal: 2 });
        assert_eq!(exit_of(&file, None).code(), 130);
    }
}
