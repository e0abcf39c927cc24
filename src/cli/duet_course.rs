//! What `duet` and `noise` share: the scenario with one segment's load, what the gate is asked, and
//! the course that makes both arms ready and plays them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::analysis::controller::duet::segment_load::segment_load;
use crate::analysis::controller::duet::{Course as Time, Wish};
use crate::cli::args_duet::{CourseArgs, MethodArg, StartNoiseArg};
use crate::cli::args_gate::GateArgs;
use crate::cli::duet_progress::Telling;
use crate::cli::exit::Exit;
use crate::cli::folder::Latest;
use crate::cli::open_only::needs_rate;
use crate::cli::run::{self, SUPERVISE};
use crate::cli::variables::with_variables;
use crate::cli::{folder, output};
use crate::experiment::arm::{ArmError, ArmSource, Making, PreparedArm, Site};
use crate::experiment::control::Control;
use crate::experiment::duet::{Duet, DuetError, DuetEvent};
use crate::experiment::head::{fingerprint, folder_of};
use crate::experiment::trial_error::TrialError;
use crate::record::duet::{GateMetric, GateSettings};
use crate::record::noise as noise_record;
use crate::scenario::ceiling::{self, Ceiling};
use crate::scenario::model::{Arm, Scenario};
use crate::scenario::read;
use crate::scenario::routing::Caller;
use crate::scenario::tenants::Tenants;
use crate::target::process::Supervisor;

/// The scenario with the load of one segment.
pub(super) fn scenario(
    path: &Path,
    course: &CourseArgs,
    command: &str,
    is_quiet: bool,
) -> Result<Arc<Scenario>, Exit> {
    let loaded = with_variables(course.env_file.as_deref(), |variables| {
        read::load_for(path, &Caller { has_arms: true, ..course.way.caller() }, variables)
    });
    let (mut scenario, taken) = loaded.map_err(|problems| {
        output::problems(&problems);
        Exit::Usage
    })?;
    taken.tell(is_quiet);
    output::note_unjudged(&scenario);
    needs_rate(&scenario.load, command)?;
    if let Some(refusal) = scenario.tenants.as_ref().and_then(Tenants::noise_refusal) {
        output::error(refusal, &[]);
        return Err(Exit::Usage);
    }
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
    let rate = ceiling.refusal_of(load, &scenario.flows, &scenario.steps);
    rate.or_else(|| ceiling::length_refusal(load.length()))
}

/// What the gate is asked. Where loadgate starts both arms and nobody named metrics, CPU time
/// per request is one.
pub(super) fn settings(
    gate: &GateArgs,
    segments: u32,
    course: &CourseArgs,
    scenario: &Scenario,
    started: bool,
) -> Result<GateSettings, Exit> {
    let mut settings = GateSettings {
        looks: segments,
        start_noise: start_noise(course, scenario)?,
        seed: scenario.load.seed,
        ..gate.settings()
    };
    if gate.metrics.is_none() && started {
        settings.metrics.push(GateMetric::CpuPerRequest);
    }
    Ok(settings)
}

/// `σ_p` as given, or as a measurement on this machine has it.
fn start_noise(args: &CourseArgs, scenario: &Scenario) -> Result<f64, Exit> {
    let path = match &args.start_noise {
        StartNoiseArg::Share(share) => return Ok(share.0),
        StartNoiseArg::File(path) => path,
    };
    let usage = |message: String, details: &[String]| {
        output::plain_error(&message, details);
        Exit::Usage
    };
    let noise = noise_record::read(path).map_err(|error| usage(error.to_string(), &[]))?;
    let planned = fingerprint(scenario, run::receive_clock(args.receive_clock));
    noise
        .start_noise_for(&planned)
        .map_err(|why| usage(format!("{}: {why}", path.display()), &why.details()))
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
            run::prepare_in(&self.args.output, &folder_of(&self.scenario.name)).map_err(|why| {
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
