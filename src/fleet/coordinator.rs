//! One load that several generators carry out: who they are, the target, the start, the record.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::engine::plan::Start;
use crate::experiment::crowd::{Hosted, Hosting, Tried};
use crate::experiment::event::Event;
use crate::experiment::measured::StillUp;
use crate::experiment::trial_error::TrialError;
use crate::fleet::course::Course;
use crate::fleet::fault::FleetFault;
use crate::fleet::gathering::{Desk, Told, Wanted};
use crate::fleet::kept::{KEPT_FILE, Kept};
use crate::fleet::leftovers;
use crate::fleet::link::{Link, Via};
use crate::fleet::manner::{Manner, OnLoss, Pace};
use crate::fleet::roster::Member;
use crate::fleet::server::{Here, Local};
use crate::fleet::wire::{Go, Known};
use crate::record::generator::GeneratorHead;
use crate::record::run::RunRecord;
use crate::scenario::model::{Address, Scenario};
use crate::target::process::Supervisor;

/// From the word to start to the start: so many beats say it, and threads come up.
const LEAD: Duration = Duration::from_millis(1_500);
/// What the steps before a load extract goes into one message.
const MOST_GIVEN: usize = 128 * 1024;

/// Where generators are.
#[derive(Debug, Clone)]
pub enum Place {
    /// On this machine, started for this run.
    Here(Here),
    /// Wherever they have connected to a server.
    Via(Via),
}

/// A load to be shared.
#[derive(Debug)]
pub struct Shared<'a> {
    /// The target.
    pub hosting: Hosting<'a>,
    /// The scenario's text.
    pub told: Told,
    /// How many, of which pool.
    pub wanted: Wanted,
    /// Where.
    pub place: Place,
    /// Whether each flow is walked through once before the load.
    pub tries_out: bool,
    /// What becomes of it when one is lost.
    pub on_loss: OnLoss,
}

impl Shared<'_> {
    /// Carries it out.
    pub fn run(self, watch: &mut dyn FnMut(Event)) -> Result<RunRecord, FleetFault> {
        check(&self.hosting.scenario, &self.wanted, self.on_loss)?;
        let (local, via) =
            reached(&self.place, (&self.hosting.scenario, &self.wanted), self.hosting.supervisor)?;
        watch(Event::Told(format!(
            "waiting for {} generators at {}",
            self.wanted.generators,
            via.shown()
        )));
        let link = Arc::new(Link::connect(&via, "loadgate coordinator", None)?);
        leftovers::remove(&link);
        let desk = Desk::open(link)?;
        let done = self.load(&desk, watch);
        desk.close();
        done.map_err(|fault| with_words(fault, local.as_ref()))
    }

    fn load(&self, desk: &Desk, watch: &mut dyn FnMut(Event)) -> Result<RunRecord, FleetFault> {
        let control = self.hosting.control;
        let interrupted = || control.signal().map(TrialError::Interrupted);
        let mut hellos = match desk.call(&self.wanted, || control.ended().is_some()) {
            Err(_) if interrupted().is_some() => return Err(interrupted().expect("it is").into()),
            hellos => hellos?,
        };
        desk.find_watcher(&self.wanted, || control.ended().is_some())?;
        let hosted = self.hosting.start(watch)?;
        let told = (self.hosting.scenario.as_ref(), &self.told);
        let members = desk.offer((&mut hellos, Some(&self.wanted)), told, hosted.address())?;
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        watch(Event::Told(format!("ready: {}", names.join(", "))));
        // Nothing is sent before all are ready, what is done once before the load neither.
        let mut hosted = hosted;
        hosted.set_up()?;
        let hosted = if self.tries_out {
            match hosted.try_out(watch)? {
                Tried::Fit(hosted) => *hosted,
                Tried::Unfit(record) => return Ok(*record),
            }
        } else {
            hosted
        };
        if let Some(error) = interrupted() {
            if let Some(why) = hosted.give_up() {
                watch(Event::Warning(format!("teardown failed: {why}")));
            }
            return Err(error.into());
        }
        if let Err(fault) = self.keep(desk, &members) {
            hosted.give_up();
            return Err(fault);
        }
        let manner = Manner { pace: Pace::Planned, on_loss: self.on_loss };
        let record = play(desk, (hosted, manner), members, watch)?.record();
        // There is nothing that somebody else might complete.
        let _ = fs::remove_file(self.hosting.folder.join(KEPT_FILE));
        Ok(record)
    }

    /// Leaves what it takes to complete the record, should we be killed.
    fn keep(&self, desk: &Desk, members: &[Member]) -> Result<(), FleetFault> {
        let scenario = &self.hosting.scenario;
        let longest = scenario.steps.iter().map(|step| step.timeout).max().unwrap_or_default();
        let kept = Kept {
            run: desk.run.clone(),
            epochs: vec![desk.epoch.clone()],
            agents: members.iter().map(|member| member.agent.clone()).collect(),
            spoilt: if is_ours(scenario) { longest.as_secs() as u32 + 2 } else { 0 },
            tears_down: scenario.teardown.is_some(),
            watcher: desk.watcher.get().map(|hello| hello.name.clone()),
            until: None,
        };
        kept.write(self.hosting.folder).map_err(|error| {
            FleetFault::Unshareable(format!("{KEPT_FILE} cannot be written: {error}"))
        })
    }
}

/// A server, and agents of our own where there are none.
pub(super) fn reached(
    place: &Place,
    (scenario, wanted): (&Scenario, &Wanted),
    supervisor: &Supervisor,
) -> Result<(Option<Local>, Via), FleetFault> {
    let here = match place {
        Place::Via(via) => return Ok((None, via.clone())),
        Place::Here(here) => here,
    };
    let mut server = Local::start(here, supervisor)?;
    let allow = whom(scenario);
    let agents = (wanted.generators, wanted.pool.as_str());
    server.start_agents(agents, (&here.program, allow.as_deref()), supervisor)?;
    let via = server.via.clone();
    Ok((Some(server), via))
}

/// Whom agents of our own may load, as we may: nobody learns what is secret by their arguments.
fn whom(scenario: &Scenario) -> Option<String> {
    let Address::Http(address) = &scenario.target.address else { return None };
    let whom = match address.socket() {
        Some(path) => format!("unix:{}", path.display()),
        None => address.host.clone(),
    };
    (scenario.secrets.redact(&whom) == whom).then_some(whom)
}

/// Agents of our own have something to say of why they are not there.
pub(super) fn with_words(fault: FleetFault, local: Option<&Local>) -> FleetFault {
    let ended = local.map(Local::ended).unwrap_or_default();
    match fault {
        FleetFault::TooFew { wanted, pool, found } if !ended.is_empty() => {
            let found: Vec<String> = found.into_iter().chain(ended).collect();
            FleetFault::TooFew { wanted, pool, found }
        }
        fault => fault,
    }
}

/// From the word to start to the record; the target stays up.
pub(super) fn play(
    desk: &Desk,
    (hosted, manner): (Hosted<'_>, Manner),
    members: Vec<Member>,
    watch: &mut dyn FnMut(Event),
) -> Result<StillUp, FleetFault> {
    let generators: Vec<GeneratorHead> = members.iter().map(|member| member.head.clone()).collect();
    let given = hosted.given().iter().map(Known::of).collect::<Vec<_>>();
    let size: usize = given.iter().map(|known| known.text.len()).sum();
    if size > MOST_GIVEN {
        hosted.give_up();
        return Err(FleetFault::Unshareable(format!(
            "\"setup\" extracts {size} bytes, and {MOST_GIVEN} at most can be handed to generators"
        )));
    }
    let (control, iterations) = (hosted.control(), hosted.iterations());
    let start = Start::at(SystemTime::now() + LEAD);
    let mut crowd = hosted.begin(start, generators, watch)?;
    if desk.watcher.get().is_some() {
        crowd.expect_watcher();
    }
    let since = start.on_the_wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let go = Go { at: desk.clock.at(start.at), wall_ns: since.as_nanos() as u64, given };
    desk.change(|beat| beat.go = Some(go));
    desk.beat_now();
    Ok(Course::new(desk, control, (crowd, manner, iterations), members).run(watch)?)
}

/// Whether several can carry a scenario out.
pub(super) fn check(
    scenario: &Scenario,
    wanted: &Wanted,
    on_loss: OnLoss,
) -> Result<(), FleetFault> {
    if wanted.is_watched && is_ours(scenario) {
        return Err(FleetFault::Unshareable(
            "loadgate starts this target and watches it itself: leave out --watched".to_owned(),
        ));
    }
    let why = match &scenario.target.address {
        _ if on_loss == OnLoss::Unsent && scenario.load.is_closed() => {
            "--lost unsent counts arrivals that a lost generator owes, and users who wait for answers \
             have none: leave it out, or give the load a rate"
        }
        Address::Demo(demo) if demo.is_secured => {
            "the demo API by TLS has a certificate that only its own process trusts; load it without \
             TLS"
        }
        Address::Demo(_) | Address::Http(_) => return Ok(()),
    };
    Err(FleetFault::Unshareable(why.to_owned()))
}

/// Whether the target is started here, and ends with us.
fn is_ours(scenario: &Scenario) -> bool {
    scenario.target.start.is_some() || scenario.target.address.is_demo()
}

/// The server's binary among some folders.
pub fn server_in(folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    folders.map(|folder| folder.join("nats-server")).find(|path| path.is_file())
}
