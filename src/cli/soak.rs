//! `loadgate soak`: the scenario's load for hours, and whether anything leaks or drifts; and
//! how an interrupted or killed run goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::analysis::soak::seconds_needed;
use crate::cli::args_fleet::Asked;
use crate::cli::args_soak::SoakArgs;
use crate::cli::exit::Exit;
use crate::cli::folder::{self, Latest};
use crate::cli::open_only::needs_rate;
use crate::cli::progress::Display;
use crate::cli::run::{self, OneRun, in_ci, prepare_in, receive_clock};
use crate::cli::variables::with_variables;
use crate::cli::{fleet, output, resume};
use crate::experiment::control::Control;
use crate::experiment::head::folder_of;
use crate::experiment::resume::Earlier;
use crate::experiment::soak::lasting;
use crate::record::run::RunRecord;
use crate::record::soak::{
    self as soak_record, LimitSource, MemoryLimit, SoakFile, WINDOW_SECONDS,
};
use crate::scenario::ceiling;
use crate::scenario::model::Scenario;
use crate::scenario::read;
use crate::scenario::tenants::Tenants;
use crate::target::cgroup;
use crate::units::format_duration;

/// How long a soak lasts.
const DURATION: Duration = Duration::from_secs(8 * 3_600);

/// Runs the command.
pub fn soak(args: &SoakArgs) -> Exit {
    let nothing = PathBuf::new();
    let file = args.scenario.as_deref().unwrap_or(&nothing);
    if let Some(why) = fleet::objection(&shared_as(args, file), args.resume.is_some()) {
        return usage(why);
    }
    let done = match &args.resume {
        Some(folder) => resumed(args, &resume::folder_of(folder)),
        None => begun(args),
    };
    done.unwrap_or_else(|exit| exit)
}

/// What of it concerns several generators.
fn shared_as<'a>(args: &'a SoakArgs, file: &'a Path) -> Asked<'a> {
    let lasting = Some(args.duration.unwrap_or(DURATION));
    Asked { file, fleet: &args.fleet, loading: &args.loading, lasting }
}

/// A soak from its beginning.
fn begun(args: &SoakArgs) -> Result<Exit, Exit> {
    let file = args.scenario.clone().unwrap_or_default();
    let mut scenario = scenario(args, &file)?;
    if let Some(refusal) = scenario.tenants.as_ref().and_then(Tenants::noise_refusal) {
        return Err(usage(refusal));
    }
    let length = args.duration.unwrap_or(DURATION);
    scenario.load = lasting(&scenario.load, length).map_err(|why| usage(&why.to_string()))?;
    if let Some(refusal) = ceiling::length_refusal(scenario.load.length()) {
        return Err(usage(&refusal));
    }
    let asked = asked(args, &file, &scenario);
    say_what_it_takes(args, &asked, length);
    let (folder, control, program) = prepare_in(&args.loading.output, &folder_of(&scenario.name))
        .map_err(|why| {
        output::error(&why, &[]);
        Exit::Failed
    })?;
    let window = asked.window_seconds;
    let course = Course { args, folder: &folder, control, program, window };
    let mut unwritten = None;
    let record = course.play(Arc::new(scenario), None, &mut || {
        // Without the link everything else works.
        let _ = folder::point_latest(&folder, Latest::Soak);
        unwritten = asked.write(&folder).err();
    })?;
    let exit =
        output::conclude_soak(&record, &asked, &folder, (args.print, args.loading.inconclusive));
    let Some(error) = unwritten else { return Ok(exit) };
    output::error(&format!("{error}; a report of the folder will be that of a run"), &[]);
    // A pass that cannot be shown again is not what was asked for.
    Ok(if exit == Exit::Pass { Exit::Failed } else { exit })
}

/// The rest of one.
fn resumed(args: &SoakArgs, folder: &Path) -> Result<Exit, Exit> {
    let asked = soak_record::read(folder).map_err(|error| usage(&error.to_string()))?;
    let Some(asked) = asked else {
        let why = format!("{} is no soak: soak.json is missing", folder.display());
        return Err(usage(&why));
    };
    let known = asked.scenario_file.as_deref().map(PathBuf::from);
    let file = args.scenario.clone().or(known).unwrap_or_default();
    let scenario = scenario(args, &file)?;
    let clock = receive_clock(args.loading.receive_clock);
    let earlier = resume::earlier(folder, &scenario, clock).map_err(|failure| failure.tell())?;
    let (control, program) = resume::signals()?;
    let window = asked.window_seconds;
    let scenario = resume::going_on(&earlier, &scenario, &control);
    let course = Course { args, folder, control, program, window };
    // A folder that goes on may have been named by the link itself, and has its file.
    let record = course.play(scenario, Some(earlier), &mut || {})?;
    Ok(output::conclude_soak(&record, &asked, folder, (args.print, args.loading.inconclusive)))
}

fn usage(why: &str) -> Exit {
    output::error(why, &[]);
    Exit::Usage
}

fn scenario(args: &SoakArgs, file: &Path) -> Result<Scenario, Exit> {
    let loaded = with_variables(args.loading.env_file.as_deref(), |variables| {
        read::load_for(file, &args.loading.way.caller(), variables)
    });
    let (scenario, taken) = loaded.map_err(|problems| {
        output::problems(&problems);
        Exit::Usage
    })?;
    taken.tell(args.print.quiet);
    needs_rate(&scenario.load, "soak")?;
    Ok(scenario)
}

/// What is asked of a soak, for its file.
fn asked(args: &SoakArgs, file: &Path, scenario: &Scenario) -> SoakFile {
    let wished = args.memory_limit.map(|limit| (limit.0, LimitSource::Asked));
    let own = || {
        scenario.target.start.as_ref()?;
        cgroup::own_memory_limit().map(|bytes| (bytes, LimitSource::Cgroup))
    };
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    SoakFile {
        leak_limit: args.leak_limit,
        drift_limit: args.drift_limit,
        memory_limit: wished.or_else(own).map(|(bytes, source)| MemoryLimit { bytes, source }),
        scenario_file: Some(file.display().to_string()),
        ..SoakFile::of_windows(args.window.unwrap_or(WINDOW_SECONDS))
    }
}

/// How long it takes and, if that is too short for a verdict, that it is.
fn say_what_it_takes(args: &SoakArgs, asked: &SoakFile, length: Duration) {
    let window = Duration::from_secs(u64::from(asked.window_seconds));
    let needed = Duration::from_secs_f64(seconds_needed(asked.window_seconds));
    let window = format_duration(window);
    if length < needed {
        output::note(&format!(
            "warning: {} is too short for a verdict about leaks: with windows of {window} it takes \
             {} (or --window)",
            format_duration(length),
            format_duration(needed)
        ));
    } else if !args.print.quiet {
        output::note(&format!("soak for {} in windows of {window}", format_duration(length)));
    }
}

/// A soak with everything to play it.
struct Course<'a> {
    args: &'a SoakArgs,
    folder: &'a Path,
    control: Control,
    program: PathBuf,
    /// Seconds of a window.
    window: u32,
}

impl Course<'_> {
    fn play(
        self,
        scenario: Arc<Scenario>,
        earlier: Option<Earlier>,
        begun: &mut dyn FnMut(),
    ) -> Result<RunRecord, Exit> {
        let Course { args, folder, control, program, window } = self;
        let display = Display::for_hours(&scenario.load, window, (args.print.quiet, in_ci()));
        let loading = &args.loading;
        if let Some(file) = args.scenario.as_deref().filter(|_| args.fleet.generators.is_some()) {
            let (asked, on) = (shared_as(args, file), (&control, program));
            return run::shared(&asked, &scenario, folder, on, (display, begun));
        }
        OneRun { scenario, folder, control, program, loading, display }.play(earlier, begun)
    }
}
