//! `loadgate run`: read the scenario, make the folder, run the trial, judge, report.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cli::args::RunArgs;
use crate::cli::args_fleet::Asked;
use crate::cli::args_shared::{Clock, LoadingArgs};
use crate::cli::baseline::{read_baseline, read_judged_by};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::folder::Latest;
use crate::cli::progress::Display;
use crate::cli::variables::with_variables;
use crate::cli::{comparison, fleet, folder, interrupt, output, resume};
use crate::engine::transport::clock::ReceiveClock;
use crate::engine::transport::tcp;
use crate::experiment::control::Control;
use crate::experiment::event::Event;
use crate::experiment::head::{self, folder_of};
use crate::experiment::resume::Earlier;
use crate::experiment::trial::Trial;
use crate::experiment::trial_error::TrialError;
use crate::record::judged_by::JudgedBy;
use crate::record::run::RunRecord;
use crate::record::soak::SOAK_FILE;
use crate::scenario::adhoc::{Adhoc, Drive, Files, adhoc};
use crate::scenario::http_address::is_url;
use crate::scenario::load::ArrivalProcess;
use crate::scenario::model::Scenario;
use crate::scenario::problems::Problems;
use crate::scenario::read;
use crate::target::process::Supervisor;
use crate::units::Rate;

/// The hidden command under which loadgate watches over a target that it started.
pub const SUPERVISE: &str = "__supervise";
/// How long a run without a scenario file lasts.
const DURATION: Duration = Duration::from_secs(30);

/// Runs the command.
pub fn run(args: &RunArgs) -> Exit {
    if let Some(why) = fleet::objection(&args.asked(), args.resume.is_some()) {
        output::error(why, &[]);
        return Exit::Usage;
    }
    let scenario = match scenario(args) {
        Ok(scenario) => Arc::new(scenario),
        Err(wrong) => {
            match wrong {
                Wrong::Arguments(what) => output::error(&what, &[]),
                Wrong::Scenario(problems) => output::problems(&problems),
            }
            return Exit::Usage;
        }
    };
    let judged_by = match judged_by(args, &scenario) {
        Ok(judged_by) => judged_by,
        Err(failure) => return failure.tell(),
    };
    if let Some(folder) = &args.resume {
        let folder = resume::folder_of(folder);
        return resumed(args, &scenario, &folder).unwrap_or_else(|exit| exit);
    }
    match prepare_in(&args.loading.output, &folder_of(&scenario.name)) {
        Ok((folder, control, program)) => {
            let control = control.failing_fast(args.fail_fast);
            match drive(args, &scenario, &folder, control, program) {
                Ok(record) => conclude(args, judged_by.as_ref(), &record, &folder),
                Err(exit) => exit,
            }
        }
        Err(why) => {
            output::error(&why, &[]);
            Exit::Failed
        }
    }
}

/// Carries out the rest of the run of a folder, judges, reports.
fn resumed(args: &RunArgs, scenario: &Scenario, folder: &Path) -> Result<Exit, Exit> {
    if folder.join(SOAK_FILE).exists() {
        let what = format!("{} is a soak; use loadgate soak --resume", folder.display());
        output::error(&what, &[]);
        return Err(Exit::Usage);
    }
    let clock = receive_clock(args.loading.receive_clock);
    let earlier = resume::earlier(folder, scenario, clock).map_err(|failure| failure.tell())?;
    let (control, program) = resume::signals()?;
    let control = control.failing_fast(args.fail_fast);
    let scenario = resume::going_on(&earlier, scenario, &control);
    let display = Display::new(&scenario.load, args.print.quiet, in_ci());
    let run = OneRun { scenario, folder, control, program, loading: &args.loading, display };
    let record = run.play(Some(earlier), &mut || {})?;
    let by = read_judged_by(folder).map_err(|failure| failure.tell())?;
    Ok(comparison::conclude(by.as_ref(), &record, folder, args.print, args.loading.inconclusive))
}

/// The baseline to judge by, if there is to be one. What does not fit is found before the
/// run takes its time.
fn judged_by(args: &RunArgs, scenario: &Scenario) -> Result<Option<JudgedBy>, Failure> {
    let Some(file) = &args.baseline else { return Ok(None) };
    let settings = args.gate.stored().map_err(|why| Failure::usage(why, Vec::new()))?;
    let baseline = read_baseline(file)?;
    let planned = head::fingerprint(scenario, receive_clock(args.loading.receive_clock));
    comparison::check_fits(&baseline, &planned)?;
    Ok(Some(JudgedBy { settings, baseline }))
}

/// Keeps what the run is judged by, so that it can be rendered again; judges, reports.
fn conclude(args: &RunArgs, by: Option<&JudgedBy>, record: &RunRecord, folder: &Path) -> Exit {
    let kept = by.map_or(Ok(()), |by| by.write(folder));
    let exit = comparison::conclude(by, record, folder, args.print, args.loading.inconclusive);
    match (kept, exit) {
        (Ok(()), exit) => exit,
        (Err(error), exit) => {
            output::error(&error.to_string(), &[]);
            // A pass that cannot be shown again is still not what was asked for.
            if exit == Exit::Pass { Exit::Failed } else { exit }
        }
    }
}

/// The folder, the signals, and the binary that supervises targets.
pub(super) fn prepare_in(output: &Path, name: &str) -> Result<(PathBuf, Control, PathBuf), String> {
    let program = std::env::current_exe()
        .map_err(|error| format!("loadgate cannot find its own binary: {error}"))?;
    let control = Control::default();
    interrupt::watch(&control).map_err(|error| format!("signals cannot be watched: {error}"))?;
    let folder = folder::create(output, name).map_err(|error| {
        let wanted = output.display();
        format!("no run folder can be made in {wanted}: {error}; name another one with -o")
    })?;
    Ok((folder, control, program))
}

fn drive(
    args: &RunArgs,
    scenario: &Arc<Scenario>,
    folder: &Path,
    control: Control,
    program: PathBuf,
) -> Result<RunRecord, Exit> {
    if args.fleet.generators.is_some() {
        let display = Display::new(&scenario.load, args.print.quiet, in_ci());
        let begun = &mut || drop(folder::point_latest(folder, Latest::Run));
        return shared(&args.asked(), scenario, folder, (&control, program), (display, begun));
    }
    let display = Display::new(&scenario.load, args.print.quiet, in_ci());
    let (scenario, loading) = (Arc::clone(scenario), &args.loading);
    let run = OneRun { scenario, folder, control, program, loading, display };
    // Without the link everything else still works.
    run.play(None, &mut || drop(folder::point_latest(folder, Latest::Run)))
}

/// A run, or a soak, whose load several generators share.
pub(super) fn shared(
    asked: &Asked<'_>,
    scenario: &Arc<Scenario>,
    folder: &Path,
    (control, program): (&Control, PathBuf),
    (display, begun): (Display, &mut dyn FnMut()),
) -> Result<RunRecord, Exit> {
    let supervisor = Supervisor { program, argument: SUPERVISE };
    let clock = receive_clock(asked.loading.receive_clock);
    let (on, shown) = ((control, &supervisor), (&mut { display }, begun));
    let record = fleet::drive(asked, (scenario, folder), on, clock, shown);
    let record = record.and_then(|record| record.map_err(|error| fail_as("", &error)));
    if record.is_err() {
        // An empty folder says nothing; the target's own output does.
        let _ = fs::remove_dir(folder);
    }
    record
}

/// A run, or a soak, that is about to be played.
pub(super) struct OneRun<'a> {
    pub(super) scenario: Arc<Scenario>,
    pub(super) folder: &'a Path,
    pub(super) control: Control,
    /// The binary that supervises targets.
    pub(super) program: PathBuf,
    pub(super) loading: &'a LoadingArgs,
    /// What is shown meanwhile.
    pub(super) display: Display,
}

impl OneRun<'_> {
    /// Plays it, or what is left of an earlier one. `begun` is called once there is a record.
    pub(super) fn play(
        self,
        earlier: Option<Earlier>,
        begun: &mut dyn FnMut(),
    ) -> Result<RunRecord, Exit> {
        let OneRun { scenario, folder, control, program, loading, mut display } = self;
        let goes_on = earlier.is_some();
        let trial = Trial {
            scenario,
            folder,
            supervisor: Supervisor { program, argument: SUPERVISE },
            receive_clock: receive_clock(loading.receive_clock),
            tries_out: !loading.no_walk,
            control,
            watch: &mut |event| {
                if matches!(event, Event::Loading(_)) {
                    begun();
                }
                display.show(event);
            },
        };
        let record = match earlier {
            Some(earlier) => trial.go_on(earlier),
            None => trial.run(),
        };
        display.stop();
        record.map_err(|error| {
            if !goes_on {
                // An empty folder says nothing; the target's own output does.
                let _ = fs::remove_dir(folder);
            }
            fail_as("", &error)
        })
    }
}

pub(super) fn receive_clock(wanted: Option<Clock>) -> ReceiveClock {
    match wanted {
        Some(Clock::Generator) => ReceiveClock::Generator,
        Some(Clock::Kernel) | None => tcp::best_clock(),
    }
}

pub(super) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false" && value != "0")
}

/// Why there is no result, with whose fault it is before it.
pub(super) fn fail_as(whose: &str, error: &TrialError) -> Exit {
    let words = match error {
        TrialError::NotReady(_, words) if !words.is_empty() => {
            let heading = "the last words of the target:".to_owned();
            std::iter::once(heading).chain(words.iter().map(|word| format!("| {word}"))).collect()
        }
        _ => Vec::new(),
    };
    output::error(&format!("{whose}{error}"), &words);
    match error {
        TrialError::NotReady(..)
        | TrialError::Start(_)
        | TrialError::Unresolved(_)
        | TrialError::SetUp(_) => Exit::TargetLost,
        TrialError::Interrupted(signal) => Exit::Interrupted(*signal),
        TrialError::Resources(_)
        | TrialError::NoRoom(_)
        | TrialError::Store(_)
        | TrialError::Engine(_)
        | TrialError::Generators(_) => Exit::Failed,
    }
}

/// Why there is no scenario.
enum Wrong {
    Arguments(String),
    Scenario(Problems),
}

/// The scenario of a file, or of a URL and flags.
fn scenario(args: &RunArgs) -> Result<Scenario, Wrong> {
    if is_url(&args.scenario) {
        return from_url(args);
    }
    let flags = args.flags_for_url();
    let path = Path::new(&args.scenario);
    if !flags.is_empty() {
        return Err(Wrong::Arguments(needs_url(&flags, &args.scenario, path.exists())));
    }
    let loaded = with_variables(args.loading.env_file.as_deref(), |variables| {
        read::load_for(path, &args.loading.way.caller(), variables)
    });
    let (scenario, taken) = loaded.map_err(Wrong::Scenario)?;
    taken.tell(args.print.quiet);
    output::note_unjudged(&scenario);
    Ok(scenario)
}

/// What to say of flags that a file makes senseless, or of a URL without its beginning.
fn needs_url(flags: &[&str], given: &str, is_file: bool) -> String {
    if !is_file {
        return format!(
            "\"{given}\" is neither a file nor a URL; a URL begins with http://, as in \
             http://127.0.0.1:3000/health, or with unix:, as in unix:/run/app.sock:/health"
        );
    }
    format!(
        "{} can be given with a URL only; a scenario file says it itself, under \"load\", \
         \"limits\", \"slo\" or in its steps",
        flags.join(", ")
    )
}

fn from_url(args: &RunArgs) -> Result<Scenario, Wrong> {
    if args.loading.env_file.is_some() {
        let why = "--env-file can be given with a scenario file only; with a URL the shell \
                   fills variables in";
        return Err(Wrong::Arguments(why.to_owned()));
    }
    let drive = drive_of(args.rate, args.connections).map_err(Wrong::Arguments)?;
    let body = args.body.as_deref().map(read_body).transpose().map_err(Wrong::Arguments)?;
    let method = args
        .method
        .clone()
        .unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
    let spec = Adhoc {
        url: args.scenario.clone(),
        drive,
        duration: args.duration.unwrap_or(DURATION),
        warmup: args.warmup,
        method,
        headers: args.headers.clone(),
        body,
        slos: args.slos.clone(),
        timeout: args.timeout,
        seed: args.seed,
        arrivals: ArrivalProcess::Poisson,
        caller: args.loading.way.caller(),
        tls: Files {
            ca: args.ca.clone(),
            cert: args.cert.clone(),
            key: args.key.clone(),
            insecure: args.insecure,
        },
    };
    let scenario = adhoc(spec).map_err(Wrong::Scenario)?;
    output::note_unjudged(&scenario);
    Ok(scenario)
}

/// A rate; or users, where only their number is given.
fn drive_of(rate: Option<Rate>, connections: Option<u32>) -> Result<Drive, String> {
    match (rate, connections) {
        (Some(rate), connections) => Ok(Drive::Rate(rate, connections)),
        (None, Some(users)) => Ok(Drive::Users(users)),
        (None, None) => Err("with a URL say how hard: -R 100 sends at a rate of its own, however \
                             slowly the target answers; -c 64 without -R has 64 users who wait \
                             for each answer, as wrk and autocannon do"
            .to_owned()),
    }
}

/// `@FILE` is the file's text.
fn read_body(body: &str) -> Result<String, String> {
    let Some(path) = body.strip_prefix('@') else { return Ok(body.to_owned()) };
    fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}
