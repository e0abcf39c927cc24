//! `loadgate agent`, and `loadgate run --generators`.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::args_fleet::{
    AgentArgs, Asked, CompletingArgs, FleetArgs, Lost, WaitingArgs, WatchArgs,
};
use crate::cli::args_shared::Clock;
use crate::cli::exit::Exit;
use crate::cli::progress::Display;
use crate::cli::variables::with_variables;
use crate::cli::{interrupt, output};
use crate::engine::transport::clock::ReceiveClock;
use crate::experiment::control::Control;
use crate::experiment::crowd::Hosting;
use crate::experiment::event::Event;
use crate::experiment::others::Others;
use crate::experiment::trial_error::TrialError;
use crate::fleet::agent::{Agent, host_name};
use crate::fleet::company::{Company, Gathering};
use crate::fleet::coordinator::{Place, Shared, server_in};
use crate::fleet::fault::FleetFault;
use crate::fleet::files::Files;
use crate::fleet::gathering::{Told, Wanted};
use crate::fleet::link::Via;
use crate::fleet::manner::{OnLoss, Pace};
use crate::fleet::sealed::Values;
use crate::fleet::server::{Here, TOKEN, VIA};
use crate::fleet::sidecar::{Sidecar, Whom};
use crate::fleet::{takeover, wire};
use crate::record::run::RunRecord;
use crate::scenario::model::Scenario;
use crate::scenario::read;
use crate::target::process::Supervisor;

/// A run whose load several generators share; an exit where something else than a trial's own
/// troubles was told. `begun` is called once there is a record.
pub(super) fn drive(
    asked: &Asked<'_>,
    (scenario, run_folder): (&Arc<Scenario>, &Path),
    (control, supervisor): (&Control, &Supervisor),
    receive_clock: ReceiveClock,
    (display, begun): (&mut Display, &mut dyn FnMut()),
) -> Result<Result<RunRecord, TrialError>, Exit> {
    let Asked { fleet, loading, .. } = *asked;
    let told = told(asked, scenario)?;
    let scenario = Arc::clone(scenario);
    let shared = Shared {
        hosting: Hosting { scenario, folder: run_folder, supervisor, receive_clock, control },
        told,
        wanted: Wanted {
            generators: fleet.generators.unwrap_or(1),
            pool: fleet.pool.clone(),
            is_watched: fleet.watched,
        },
        place: place(fleet, supervisor.program.clone()),
        tries_out: !loading.no_walk,
        on_loss: match fleet.lost {
            Lost::Void => OnLoss::Void,
            Lost::Unsent => OnLoss::Unsent,
        },
    };
    let record = shared.run(&mut |event| {
        if matches!(event, Event::Loading(_)) {
            begun();
        }
        display.show(event);
    });
    display.stop();
    match record {
        Ok(record) => Ok(Ok(record)),
        Err(FleetFault::Trial(error)) => Ok(Err(error)),
        Err(fault) => Err(fail(&fault)),
    }
}

/// What is known of loads before there is one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Load {
    /// Each is as it was planned.
    Planned,
    /// It gets other rates while it goes on.
    Steered,
}

/// Generators who stay for one load after the other, the highest of which has so many arrivals per
/// second; none where none were asked for.
pub(super) fn gathered(
    asked: &Asked<'_>,
    (scenario, (highest, load)): (&Scenario, (f64, Load)),
    on: (&Control, &Supervisor),
    tell: &mut dyn FnMut(&str),
) -> Result<Option<Company>, Exit> {
    let Some(generators) = asked.fleet.generators else { return Ok(None) };
    if asked.fleet.lost == Lost::Unsent {
        output::error(
            "--lost unsent is for one load: what was found with a generator less is no answer to what \
             the target bears; leave it out",
            &[],
        );
        return Err(Exit::Usage);
    }
    let pace = match load {
        Load::Planned => Pace::Planned,
        Load::Steered => Pace::Steered,
    };
    let gathering = Gathering {
        scenario,
        told: told(asked, scenario)?,
        wanted: Wanted {
            generators,
            pool: asked.fleet.pool.clone(),
            is_watched: asked.fleet.watched,
        },
        place: place(asked.fleet, on.1.program.clone()),
        highest,
        pace,
    };
    let gathered = gathering.gather(on, &mut |event| {
        if let Event::Told(text) | Event::Warning(text) = event {
            tell(&text);
        }
    });
    gathered.map(Some).map_err(|fault| fail(&fault))
}

/// As whoever plays loads knows them.
pub(super) fn as_others(company: &Company) -> &dyn Others {
    company
}

/// The scenario's text as agents are told it.
fn told(asked: &Asked<'_>, scenario: &Scenario) -> Result<Told, Exit> {
    let usage = |why: &str| {
        output::error(why, &[]);
        Exit::Usage
    };
    if !wire::is_name(&asked.fleet.pool) {
        return Err(usage("--pool: letters, digits, - and _ only"));
    }
    let file = asked.file.to_owned();
    let text = std::fs::read_to_string(&file)
        .map_err(|error| usage(&format!("{}: {error}", file.display())))?;
    let files = Files::of(scenario).map_err(|fault| fail(&fault))?;
    let own_clock = asked.loading.receive_clock == Some(Clock::Generator);
    let values = asked.fleet.send_secrets.then(|| values(asked)).transpose()?;
    Ok(Told { file, text, lasting: asked.lasting, values, files, own_clock, stay: None })
}

/// All variables that the scenario asks for and that are set, as they are when it is read.
fn values(asked: &Asked<'_>) -> Result<Values, Exit> {
    let values = RefCell::new(Values::default());
    let loading = asked.loading;
    let read = with_variables(loading.env_file.as_deref(), |variables| {
        let noting = |name: &str| {
            let value = variables(name)?;
            values.borrow_mut().0.insert(name.to_owned(), value.clone());
            Some(value)
        };
        read::load_for(asked.file, &loading.way.caller(), &noting)
    });
    read.map_err(|problems| {
        output::problems(&problems);
        Exit::Usage
    })?;
    Ok(values.into_inner())
}

/// Why a load cannot be shared as it was asked for.
pub(super) fn objection(asked: &Asked<'_>, resumes: bool) -> Option<&'static str> {
    asked.fleet.generators?;
    let way = &asked.loading.way;
    if asked.file.to_str().is_some_and(crate::scenario::http_address::is_url) {
        return Some("--generators needs a scenario file: agents are told its text");
    }
    if resumes {
        return Some("a run that several generators shared cannot go on: run it again");
    }
    if !way.resolve.is_empty() || !way.local_addresses.is_empty() {
        return Some(
            "--resolve and --local-addr hold for this machine, and --generators have their own",
        );
    }
    if asked.loading.env_file.is_some() && !asked.fleet.send_secrets {
        return Some(
            "--env-file is not sent to generators, each of which has its own environment: add \
             --send-secrets, or leave it out",
        );
    }
    None
}

fn place(fleet: &FleetArgs, program: PathBuf) -> Place {
    if let Some(url) = &fleet.via {
        let (token, ca) = (std::env::var(TOKEN).ok(), fleet.via_ca.clone());
        let creds = fleet.via_creds.clone();
        return Place::Via(Via { url: url.clone(), token, ca, creds });
    }
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let server = server_in(std::env::split_paths(&paths));
    Place::Here(Here { program, server, temporary: std::env::temp_dir() })
}

fn fail(fault: &FleetFault) -> Exit {
    output::error(&fault.to_string(), &[]);
    match fault {
        FleetFault::Unlike(_) | FleetFault::Unshareable(_) | FleetFault::Incompletable(_) => {
            Exit::Usage
        }
        FleetFault::Trial(TrialError::Interrupted(signal)) => Exit::Interrupted(*signal),
        FleetFault::NoServer(_)
        | FleetFault::NoFolder(_)
        | FleetFault::Unreachable(_)
        | FleetFault::TooFew { .. }
        | FleetFault::Unwatched(_)
        | FleetFault::Unready(_)
        | FleetFault::Trial(_) => Exit::Failed,
    }
}

/// Completes the record of a run whose coordinator was killed, if that is asked for.
pub(super) fn complete(run: &Path, args: &CompletingArgs) -> Result<(), Exit> {
    let Some(url) = args.via.clone() else { return Ok(()) };
    let parent = run.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = if run.is_dir() { run } else { parent.unwrap_or(Path::new(".")) };
    let (token, ca) = (std::env::var(TOKEN).ok(), args.via_ca.clone());
    let via = Via { url, token, ca, creds: args.via_creds.clone() };
    let (whole, all) = takeover::complete(folder, &via).map_err(|fault| fail(&fault))?;
    output::note(&format!("completed: {whole} of {all} generators had told all"));
    Ok(())
}

/// `loadgate agent`.
pub(super) fn agent(args: &AgentArgs) -> Exit {
    let waiting = &args.waiting;
    let site = match site(waiting) {
        Ok(site) => site,
        Err(exit) => return exit,
    };
    let Site { via, name, control } = site;
    let agent = Agent {
        via,
        pool: waiting.pool.clone(),
        name,
        allow: args.allow_hosts.clone(),
        max_rate: args.max_rate,
        once: waiting.once,
        spool: usize::try_from(args.spool.0).unwrap_or(usize::MAX),
        temporary: std::env::temp_dir(),
    };
    let env = |name: &str| std::env::var(name).ok();
    ended(agent.work(&control, &env, &mut telling(waiting.quiet)), &control)
}

/// `loadgate watch`.
pub(super) fn watch(args: &WatchArgs) -> Exit {
    let waiting = &args.waiting;
    let site = match site(waiting) {
        Ok(site) => site,
        Err(exit) => return exit,
    };
    let whom = match (args.pid, args.port) {
        (Some(pid), _) => Whom::Process(pid),
        (None, Some(port)) => Whom::Port(port),
        (None, None) => return Exit::Usage,
    };
    let Site { via, name, control } = site;
    let sidecar = Sidecar { via, pool: waiting.pool.clone(), name, whom, once: waiting.once };
    ended(sidecar.work(&control, &mut telling(waiting.quiet)), &control)
}

/// What whoever waits at a server needs.
struct Site {
    via: Via,
    name: String,
    control: Control,
}

fn site(args: &WaitingArgs) -> Result<Site, Exit> {
    let Some(url) = args.via.clone().or_else(|| std::env::var(VIA).ok()) else {
        output::error("--via is missing: the server at which to wait for work", &[]);
        return Err(Exit::Usage);
    };
    let name = args.name.clone().unwrap_or_else(host_name);
    for (flag, value) in [("--pool", &args.pool), ("--name", &name)] {
        if !wire::is_name(value) {
            output::error(&format!("{flag} {value}: letters, digits, - and _ only"), &[]);
            return Err(Exit::Usage);
        }
    }
    let control = Control::default();
    interrupt::watch(&control).map_err(|error| {
        output::error(&format!("signals cannot be watched: {error}"), &[]);
        Exit::Failed
    })?;
    let (token, ca) = (std::env::var(TOKEN).ok(), args.via_ca.clone());
    let via = Via { url, token, ca, creds: args.via_creds.clone() };
    Ok(Site { via, name, control })
}

fn telling(is_quiet: bool) -> impl FnMut(&str) {
    move |what| {
        if !is_quiet {
            output::note(what);
        }
    }
}

fn ended(worked: Result<(), FleetFault>, control: &Control) -> Exit {
    match (worked, control.signal()) {
        (Err(fault), _) => fail(&fault),
        (Ok(()), Some(signal)) => Exit::Interrupted(signal),
        (Ok(()), None) => Exit::Pass,
    }
}
