//! One trial: a target, freshly started or running already, under the scenario's load.
//!
//! Five steps: check the machine, start the target, wait until it is ready, load it, stop
//! it. What was measured is on disk and returned, however the trial ends.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use crate::engine::collector::{Collector, Heard, Message, Progress};
use crate::engine::ledger::Totals;
use crate::engine::plan::{Plan, ReceiveClock, workers_for};
use crate::engine::worker;
use crate::experiment::control::Control;
use crate::experiment::head::head;
use crate::experiment::hopeless::Hopes;
use crate::experiment::lookout::Lookout;
use crate::experiment::resources::{self, TooFewDescriptors, allow_connections};
use crate::experiment::start::Started;
use crate::record::recorder::Recorder;
use crate::record::run::{End, EndReason, Head, RunRecord};
use crate::record::store::{self, RunWriter, StoreError};
use crate::record::target_log::TARGET_LOG;
use crate::scenario::model::{Address, HttpAddress, Scenario};
use crate::schedule::arms::Timing;
use crate::target::process::{ExitReport, Supervisor};
use crate::target::ready::NotReady;
use crate::target::start_error::StartError;

/// From the end of the preparations to the start of the schedule: time for the workers'
/// threads to come up.
pub(super) const LEAD: Duration = Duration::from_millis(20);
/// How long requests in flight may take when the run cannot work.
const DRAIN_HOPELESS: Duration = Duration::from_secs(1);

/// What a trial needs.
pub struct Trial<'a> {
    /// What to do.
    pub scenario: Arc<Scenario>,
    /// The run folder; exists.
    pub folder: &'a Path,
    /// How targets are started.
    pub supervisor: Supervisor,
    /// What stamps the arrival of bytes.
    pub receive_clock: ReceiveClock,
    /// Ends it early.
    pub control: Control,
    /// Hears what happens.
    pub watch: &'a mut dyn FnMut(Event),
}

impl fmt::Debug for Trial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What happens in a trial, for those who watch.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The target's command is being started.
    Starting(String),
    /// The target runs and is asked whether it is ready.
    Waiting(String),
    /// The target was ready after so long; the load begins.
    Loading(Duration),
    /// A second of the load has passed.
    Progress(Progress),
    /// The machine may be too small for the plan.
    Warning(String),
    /// The load is over, the target is being stopped.
    Stopping,
}

/// Why there is no record.
#[derive(Debug)]
pub enum TrialError {
    /// The machine has too little of something.
    Resources(TooFewDescriptors),
    /// The target's name means nothing.
    Unresolved(String),
    /// The target could not be started.
    Start(StartError),
    /// The target was not ready in time, or ended; with its last words.
    NotReady(NotReady, Vec<String>),
    /// A signal came before the load began.
    Interrupted(i32),
    /// The run folder takes nothing.
    NoRoom(StoreError),
    /// The run could not be written.
    Store(StoreError),
    /// The generator itself failed.
    Engine(io::Error),
}

impl fmt::Display for TrialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrialError::Resources(error) => error.fmt(f),
            TrialError::Unresolved(why) => f.write_str(why),
            TrialError::Start(error) => error.fmt(f),
            TrialError::NotReady(error, _) => error.fmt(f),
            TrialError::Interrupted(_) => f.write_str("interrupted before the load began"),
            TrialError::NoRoom(error) => {
                write!(
                    f,
                    "nothing can be recorded: {error}; make room, or name another folder with -o"
                )
            }
            TrialError::Store(error) => error.fmt(f),
            TrialError::Engine(error) => write!(f, "the generator failed: {error}"),
        }
    }
}

impl std::error::Error for TrialError {}

impl Trial<'_> {
    /// Runs the trial.
    pub fn run(mut self) -> Result<RunRecord, TrialError> {
        let is_demo = self.scenario.target.address == Address::Demo;
        allow_connections(self.scenario.limits.connections, is_demo)
            .map_err(TrialError::Resources)?;
        // A target must not be started, and loaded, for a run that nothing can be kept of.
        store::try_out(self.folder, &self.head()).map_err(TrialError::NoRoom)?;
        let log = self.folder.join(TARGET_LOG);
        let target = Started::start(&self.scenario, &self.supervisor, &log, self.watch)?;
        target.wait_until_ready(&self.scenario, &self.control, self.watch)?;
        let mut record = self.load(&target);
        (self.watch)(Event::Stopping);
        target.stop();
        if let Ok(record) = &mut record {
            // It may have said more until now.
            record.failures.read_log(self.folder, &record.head);
        }
        record
    }

    fn workers(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        workers_for(&self.scenario, cores)
    }

    /// What is known of a run that starts now.
    fn head(&self) -> Head {
        let (scenario, start) = (&self.scenario, SystemTime::now() + LEAD);
        let mut head = head(scenario, shown(scenario), self.workers(), start);
        self.receive_clock.name().clone_into(&mut head.environment.receive_clock);
        head
    }

    fn load(&mut self, target: &Started) -> Result<RunRecord, TrialError> {
        let address = target.address();
        let scenario = self.scenario.clone();
        let workers = self.workers();
        let (socket, lookup) = resolve(address)?;
        let mut head = self.head();
        head.lookup_ms = lookup.map(|lookup| lookup.as_secs_f64() * 1e3);
        head.environment.warnings = resources::warnings(&scenario, workers);
        for warning in &head.environment.warnings {
            (self.watch)(Event::Warning(warning.clone()));
        }
        let mut hopes = Hopes::of(&head.steps);
        let mut writer = RunWriter::create(self.folder, head).map_err(TrialError::Store)?;
        let plan = Plan {
            scenario,
            address: socket,
            authority: address.authority(),
            workers,
            receive_clock: self.receive_clock,
            timing: Timing::Alone,
            start: Instant::now() + LEAD,
            stop: self.control.subscribe(),
        };
        let (totals, died, ended) = self.drive(&plan, target, &mut writer, &mut hopes)?;
        let reason = match (died, self.control.signal(), hopes.lost()) {
            (Some(exit), ..) => EndReason::TargetDied { detail: exit.to_string() },
            (None, Some(signal), _) => EndReason::Interrupted { signal },
            (None, None, Some(why)) => EndReason::Hopeless { detail: why.to_owned() },
            (None, None, None) => EndReason::Finished,
        };
        let end = End {
            reason,
            scheduled: self.scheduled(plan.start).as_secs_f64(),
            seconds: ended.as_secs_f64(),
            abandoned: totals.abandoned,
            iterations: totals.iterations,
            iterations_completed: totals.completed,
            faults: Vec::new(),
        };
        writer.finish(end).map_err(TrialError::Store)
    }

    /// How much of the schedule was carried out.
    fn scheduled(&self, start: Instant) -> Duration {
        let whole = self.scenario.load.length();
        let cut = self.control.ended().map(|ended| ended.saturating_duration_since(start));
        cut.map_or(whole, |cut| cut.min(whole))
    }

    /// Lets the workers run, and everything that watches them.
    fn drive(
        &mut self,
        plan: &Plan,
        target: &Started,
        writer: &mut RunWriter,
        hopes: &mut Hopes,
    ) -> Result<(Totals, Option<ExitReport>, Duration), TrialError> {
        let (out, inbox) = mpsc::channel();
        let crew = Crew::start(plan, &out).map_err(TrialError::Engine)?;
        let mut lookout =
            Lookout::start(target.monitor(&self.scenario), plan.start, self.control.clone(), out)
                .map_err(TrialError::Engine)?;
        let recorder = Recorder::new(self.scenario.thresholds());
        let (watch, control) = (&mut *self.watch, &self.control);
        let mut progress = |heard: &Heard<'_>| {
            watch(Event::Progress(heard.progress));
            if let Some(why) = hopes.look(heard.progress.second, heard.steps) {
                watch(Event::Warning(format!("the run ends here: {why}")));
                control.drain(DRAIN_HOPELESS);
            }
        };
        let mut collector = Collector::new(writer, recorder, plan.workers, &mut progress);
        collector.run(&inbox, || {
            lookout.look();
            crew.is_at_work()
        });
        let ended = plan.start.elapsed();
        // It may have died on the very last request.
        let died = lookout.end().or_else(|| target.exited());
        let totals = collector.finish(&inbox);
        crew.join().map_err(TrialError::Engine)?;
        Ok((totals, died, ended))
    }
}

/// The target as reports show it: without what came from the environment.
pub(super) fn shown(scenario: &Scenario) -> String {
    match &scenario.target.address {
        Address::Demo => "the embedded demo API".to_owned(),
        Address::Http(address) => scenario.secrets.redact(&address.to_string()),
    }
}

/// The target's address, and how long the look-up of its name took, if it has one.
pub(super) fn resolve(address: &HttpAddress) -> Result<(SocketAddr, Option<Duration>), TrialError> {
    let name = (address.host.as_str(), address.port);
    let asked = Instant::now();
    let found = name.to_socket_addrs().map_err(|error| {
        TrialError::Unresolved(format!(
            "the target's host \"{}\" has no address: {error}",
            address.host
        ))
    })?;
    let is_number = address.host.parse::<IpAddr>().is_ok();
    let lookup = (!is_number).then(|| asked.elapsed());
    // The first that accepts: `localhost` may mean two addresses, of which one is served.
    let all: Vec<SocketAddr> = found.collect();
    let accepts = |socket: &&SocketAddr| {
        std::net::TcpStream::connect_timeout(socket, Duration::from_secs(1)).is_ok()
    };
    let first = all.first().copied();
    let chosen = if all.len() > 1 { all.iter().find(accepts).copied().or(first) } else { first };
    let socket = chosen.ok_or_else(|| {
        TrialError::Unresolved(format!("the target's host \"{}\" has no address", address.host))
    })?;
    Ok((socket, lookup))
}

/// The workers' threads.
struct Crew(Vec<JoinHandle<io::Result<()>>>);

impl Crew {
    fn start(plan: &Plan, out: &Sender<Message>) -> io::Result<Crew> {
        let workers =
            (0..plan.workers).map(|index| worker::spawn(plan.clone(), index, out.clone()));
        workers.collect::<io::Result<_>>().map(Crew)
    }

    fn is_at_work(&self) -> bool {
        !self.0.iter().all(JoinHandle::is_finished)
    }

    fn join(self) -> io::Result<()> {
        for worker in self.0 {
            worker.join().map_err(|_| io::Error::other("a worker panicked"))??;
        }
        Ok(())
    }
}
