//! `loadgate duet`: make both arms ready, measure them side by side, judge, report.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::analysis::compare::compare;
use crate::analysis::comparison::{Comparison, Ruling};
use crate::cli::args::{Inconclusive, PrintArgs, ReportArgs};
use crate::cli::args_duet::{CourseArgs, DuetArgs, MethodArg};
use crate::cli::args_gate::GateArgs;
use crate::cli::duet_progress::Telling;
use crate::cli::duet_time::{can_gate, is_started, time_of};
use crate::cli::exit::Exit;
use crate::cli::folder::Latest;
use crate::cli::run::{self, SUPERVISE};
use crate::cli::{folder, noise, output};
use crate::experiment::arm::{ArmError, ArmSource, Making, PreparedArm, Site};
use crate::experiment::control::Control;
use crate::experiment::duet::{Course as Time, Duet, DuetError, DuetEvent, Wish};
use crate::experiment::head::slug;
use crate::experiment::segment_load::{describe, segment_load};
use crate::experiment::trial::TrialError;
use crate::record::duet::{
    self as duet_record, DUET_FILE, DuetEnd, DuetRecord, GateMetric, GateSettings,
};
use crate::report::plain;
use crate::scenario::ceiling::{self, Ceiling};
use crate::scenario::model::{Arm, HttpAddress, Prepare, Scenario};
use crate::scenario::read;
use crate::target::process::Supervisor;

/// Segments of a duet whose lengths are given.
const SEGMENTS: u32 = 5;
/// How long a preparation may take that the command line names.
const PREPARE_WITHIN: std::time::Duration = std::time::Duration::from_secs(600);

/// Runs the command.
pub fn duet(args: &DuetArgs) -> Exit {
    let scenario = match scenario(&args.scenario, &args.course) {
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
    let (time, plan) = match time_of(args) {
        Ok(found) => found,
        Err(why) => return refused(&why, &[]),
    };
    let looks = args.segments.unwrap_or(SEGMENTS);
    let mut settings = match settings(&args.gate, looks, &args.course, &scenario) {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    settings.cpu_tolerance = args.cpu_tolerance.0;
    if args.gate.metrics.is_none() && started {
        settings.metrics.push(GateMetric::CpuPerRequest);
    }
    let course = Course {
        plan: plan.unwrap_or_else(|| describe(&scenario.load, &settings)),
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

/// The scenario with the load of one segment.
pub(super) fn scenario(path: &Path, course: &CourseArgs) -> Result<Arc<Scenario>, Exit> {
    let loaded = read::load_allowing(path, &course.allow_hosts, &run::environment);
    let mut scenario = loaded.map_err(|problems| {
        output::problems(&problems);
        Exit::Usage
    })?;
    scenario.load.seed = course.seed.unwrap_or(scenario.load.seed);
    let load = segment_load(&scenario.load, course.rate, course.warmup, course.segment);
    scenario.load = load.map_err(|error| {
        output::error(&error.to_string(), &[]);
        Exit::Usage
    })?;
    if let Some(refusal) = beyond_reach(&scenario) {
        output::error(&refusal, &[]);
        return Err(Exit::Usage);
    }
    Ok(Arc::new(scenario))
}

/// What is wrong with a segment that this machine cannot send, or with one without an end.
fn beyond_reach(scenario: &Scenario) -> Option<String> {
    let (load, ceiling) = (&scenario.load, Ceiling::of_duet(ceiling::cores()));
    let rate = ceiling.refusal(&load.stages, &scenario.flows, &scenario.steps);
    rate.or_else(|| ceiling::length_refusal(load.length()))
}

/// What the gate is asked.
pub(super) fn settings(
    gate: &GateArgs,
    segments: u32,
    course: &CourseArgs,
    scenario: &Scenario,
) -> Result<GateSettings, Exit> {
    Ok(GateSettings {
        looks: segments,
        start_noise: noise::start_noise(course, scenario)?,
        seed: scenario.load.seed,
        ..gate.settings()
    })
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
    if given.contains("://") {
        let address = HttpAddress::of_url(given, &scenario.allow)
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

/// Everything that measures both arms.
pub(super) struct Course<'a> {
    /// What is going to happen, in a line.
    pub(super) plan: String,
    pub(super) scenario: Arc<Scenario>,
    /// Baseline, candidate.
    pub(super) sources: [ArmSource; 2],
    pub(super) settings: GateSettings,
    pub(super) time: Time,
    pub(super) args: &'a CourseArgs,
    pub(super) quiet: bool,
    /// What points at its folder.
    pub(super) latest: Latest,
}

impl Course<'_> {
    /// Makes both arms ready and hands the duet to whoever plays it; what went wrong is
    /// printed.
    pub(super) fn play<T>(
        self,
        play: impl FnOnce(Duet<'_>) -> Result<T, DuetError>,
    ) -> Result<(T, PathBuf), Exit> {
        let (folder, control, program) =
            run::prepare_in(&self.args.output, &slug(&self.scenario.name)).map_err(|why| {
                output::error(&why, &[]);
                Exit::Failed
            })?;
        let supervisor = Supervisor { program, argument: SUPERVISE };
        let result = self.measure((&folder, &control, &supervisor), play);
        match result {
            Ok(record) => Ok((record, folder)),
            Err(exit) => {
                // An empty folder says nothing; what an arm printed does.
                let _ = fs::remove_dir(&folder);
                Err(exit)
            }
        }
    }

    fn measure<T>(
        self,
        (folder, control, supervisor): (&Path, &Control, &Supervisor),
        play: impl FnOnce(Duet<'_>) -> Result<T, DuetError>,
    ) -> Result<T, Exit> {
        let mut telling = Telling::new(self.quiet, run::in_ci());
        telling.say(&self.plan);
        let [baseline, candidate] = self.arms(folder, control, supervisor, &telling)?;
        let _ = folder::point_latest(folder, self.latest);
        let unprepared = self.unprepared();
        let duet = Duet {
            scenario: Arc::clone(&self.scenario),
            baseline: &baseline,
            candidate: &candidate,
            settings: self.settings,
            wish: wish(self.args.method),
            course: self.time,
            took: None,
            folder,
            supervisor: supervisor.clone(),
            receive_clock: run::receive_clock(self.args.receive_clock),
            control: control.clone(),
            watch: &mut |event: DuetEvent| telling.show(event),
        };
        let played = play(duet);
        telling.stop();
        for arm in [baseline, candidate] {
            if let Err(left) = arm.remove() {
                output::error(&left, &[]);
            }
        }
        played.map_err(|error| {
            let exit = fail(&error);
            match (&error, unprepared) {
                (
                    DuetError::Arm(Arm::Baseline, TrialError::NotReady(..) | TrialError::Start(_)),
                    Some(advice),
                ) => output::hint(&advice),
                (DuetError::Arm(..) | DuetError::Own(_), _) => {}
            }
            exit
        })
    }

    /// What to say when a checkout that nothing made ready does not start.
    fn unprepared(&self) -> Option<String> {
        let ArmSource::Ref { git_ref, prepare: None } = &self.sources[0] else { return None };
        Some(format!(
            "nothing prepared the checkout of {git_ref}, so what is not in git, such as \
             node_modules, is not there: add --prepare 'npm ci', or \"prepare\": {{ \"command\": \
             [\"npm\", \"ci\"] }} to the scenario's \"target\""
        ))
    }

    fn arms(
        &self,
        folder: &Path,
        control: &Control,
        supervisor: &Supervisor,
        telling: &Telling,
    ) -> Result<[PreparedArm; 2], Exit> {
        let temporary = std::env::temp_dir();
        let site = Site {
            supervisor,
            control,
            temporary: &temporary,
            folder,
            search_path: std::env::var("PATH").ok(),
            watch: &|making| match making {
                Making::CheckingOut(git_ref) => telling.say(&format!("checking out {git_ref}")),
                Making::Preparing(command) => telling.say(&format!("preparing: {command}")),
            },
        };
        let ready = |arm: Arm, source| {
            PreparedArm::new(&self.scenario, arm, source, &site).map_err(|error| arm_failed(&error))
        };
        let [baseline, candidate] = &self.sources;
        Ok([ready(Arm::Baseline, baseline)?, ready(Arm::Candidate, candidate)?])
    }
}

fn wish(method: MethodArg) -> Wish {
    match method {
        MethodArg::Auto => Wish::Auto,
        MethodArg::Interleaved => Wish::Interleaved,
        MethodArg::Alternating => Wish::Alternating,
    }
}

fn arm_failed(error: &ArmError) -> Exit {
    output::error(&error.to_string(), &[]);
    match error {
        ArmError::Interrupted(signal) => Exit::Interrupted(*signal),
        ArmError::NothingToStart(_)
        | ArmError::OtherPrefix { .. }
        | ArmError::FolderMissing(..)
        | ArmError::Checkout(..) => Exit::Usage,
        ArmError::Prepare(..) => Exit::TargetLost,
    }
}

fn fail(error: &DuetError) -> Exit {
    match error {
        DuetError::Arm(arm, error) => run::fail_as(&format!("the {arm}: "), error),
        DuetError::Own(error) => run::fail_as("", error),
    }
}

/// Whether a path is a duet's folder, or its file.
pub fn is_duet(path: &Path) -> bool {
    path.join(DUET_FILE).is_file() || path.file_name().is_some_and(|name| name == DUET_FILE)
}

/// Judges and renders a stored duet again.
pub fn report(args: &ReportArgs) -> Exit {
    let record = match duet_record::read(&args.run) {
        Ok(record) => record,
        Err(error) => {
            output::error(&plain::line(&error.to_string()), &[error.advice().to_owned()]);
            return Exit::Usage;
        }
    };
    let own = if args.run.is_dir() { Some(args.run.as_path()) } else { args.run.parent() };
    let folder = args.output.as_deref().or(own).unwrap_or(Path::new("."));
    if let Err(error) = fs::create_dir_all(folder) {
        output::error(&format!("{}: {error}", folder.display()), &[]);
        return Exit::Failed;
    }
    conclude(&record, folder, args.print, args.inconclusive)
}

/// Judges, writes the reports, prints the result.
fn conclude(
    record: &DuetRecord,
    folder: &Path,
    print: PrintArgs,
    inconclusive: Option<Inconclusive>,
) -> Exit {
    let interrupted = match record.file.end {
        Some(DuetEnd::Interrupted { signal }) => Some(Exit::Interrupted(signal)),
        Some(DuetEnd::Finished | DuetEnd::ArmLost { .. } | DuetEnd::Hopeless { .. }) | None => None,
    };
    let Some(comparison) = compare(record) else {
        return without_segment(record, interrupted);
    };
    let exit = interrupted.unwrap_or_else(|| exit_of(&comparison, inconclusive));
    output::conclude_duet(&comparison, record, folder, print, exit)
}

/// What there is to say when no segment came to its end.
fn without_segment(record: &DuetRecord, interrupted: Option<Exit>) -> Exit {
    match &record.file.end {
        Some(DuetEnd::ArmLost { arm, detail }) => {
            output::error(&format!("the {arm} was lost under load: {detail}"), &[]);
            Exit::TargetLost
        }
        Some(DuetEnd::Hopeless { arm, detail }) => {
            let advice =
                format!("its run folder has the first answers that failed; mend the {arm}");
            output::plain_error(&format!("the {arm} cannot work: {detail}"), &[advice]);
            Exit::Invalid
        }
        Some(DuetEnd::Interrupted { .. } | DuetEnd::Finished) | None => {
            let why = "interrupted before the first segment came to its end: nothing to judge";
            output::error(why, &[]);
            interrupted.unwrap_or(Exit::Inconclusive)
        }
    }
}

/// How to exit with a comparison.
pub(super) fn exit_of(comparison: &Comparison, inconclusive: Option<Inconclusive>) -> Exit {
    match (Exit::of(comparison.verdict), inconclusive) {
        (Exit::Inconclusive, Some(Inconclusive::Pass)) => Exit::Pass,
        (Exit::Inconclusive, Some(Inconclusive::Fail))
            if comparison.ruling == Ruling::Inconclusive =>
        {
            Exit::Regressed
        }
        (Exit::Inconclusive, Some(Inconclusive::Fail)) => Exit::SloMissed,
        (exit, _) => exit,
    }
}
