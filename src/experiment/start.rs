//! A target of a scenario, up and ready: started here, embedded, or running already.
//!
//! A scenario comes in; a [`Started`] target on its address goes out, which stops when it
//! is dropped. A trial uses one, a duet two. Does not load it.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::demo::secured::CERTIFICATE;
use crate::demo::{Demo, Manner};
use crate::engine::plan::Stop;
use crate::experiment::address::shown;
use crate::experiment::control::Control;
use crate::experiment::event::Event;
use crate::experiment::trial_error::TrialError;
use crate::scenario::model::{
    Address, AssignedPort, DemoAddress, HttpAddress, Scenario, StartCommand,
};
use crate::schedule::arms::Timing;
use crate::target::monitor::Monitor;
use crate::target::port::{self, listening};
use crate::target::process::{ExitReport, RunningTarget, Supervisor};
use crate::target::ready::{NotReady, port_is_taken, wait_until_ready};
use crate::target::scrape::Page;
use crate::target::socket_file::remove_stale;

/// How long a target may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// How often it is looked whether it listens on a port that a variable names, and how often
/// it must be seen there.
const LOOK: Duration = Duration::from_millis(500);
const LOOKS: u32 = 3;

/// A target on its address. Dropping it stops what was started.
pub struct Started {
    running: Running,
    address: HttpAddress,
}

/// The target as far as it is ours.
enum Running {
    Demo(#[expect(dead_code, reason = "it serves for as long as it is kept")] Demo),
    Process(RunningTarget),
    Elsewhere,
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Started {
    /// Starts the scenario's target, which is not yet that it is ready. What it prints goes
    /// to `log`.
    pub fn start(
        scenario: &Scenario,
        supervisor: &Supervisor,
        log: &Path,
        watch: &mut dyn FnMut(Event),
    ) -> Result<Started, TrialError> {
        let address = match &scenario.target.address {
            Address::Http(address) => address.clone(),
            Address::Demo(speaks) => return demo(*speaks),
        };
        let Some(command) = &scenario.target.start else {
            return Ok(Started { running: Running::Elsewhere, address });
        };
        if port_is_taken(&address) {
            let taken = NotReady::PortTaken { address: shown(scenario) };
            return Err(TrialError::NotReady(taken, Vec::new()));
        }
        if let Some(path) = address.socket() {
            remove_stale(path);
        }
        watch(Event::Starting(scenario.secrets.redact(&command.command.join(" "))));
        let command = told_where(scenario, command, &address);
        let process = RunningTarget::start(&command, supervisor, Some(log), &scenario.secrets)
            .map_err(TrialError::Start)?;
        Ok(Started { running: Running::Process(process), address })
    }

    /// Waits until it is ready, has ended, or has had its time, or until `control` ends it.
    pub fn wait_until_ready(
        &self,
        scenario: &Scenario,
        control: &Control,
        watch: &mut dyn FnMut(Event),
    ) -> Result<(), TrialError> {
        watch(Event::Waiting(scenario.secrets.redact(&self.address.to_string())));
        let ready = &scenario.target.ready;
        let mut stop = control.subscribe();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(TrialError::Engine)?;
        let waited = runtime.block_on(async {
            tokio::select! {
                waited = wait_until_ready(&self.address, ready, || self.exited()) => Some(waited),
                found = self.listens_elsewhere(scenario) => Some(Err(found)),
                _ = stop.wait_for(|stop| *stop != Stop::Running) => None,
            }
        });
        runtime.shutdown_background();
        match waited {
            Some(Ok(after)) => watch(Event::Loading(after)),
            Some(Err(why)) => {
                let why = self.on_another_port(scenario).unwrap_or_else(|| self.seen(why));
                return Err(TrialError::NotReady(
                    why.without(&scenario.secrets),
                    self.last_words(),
                ));
            }
            None => return Err(TrialError::Interrupted(control.signal().unwrap_or(2))),
        }
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> &HttpAddress {
        &self.address
    }

    /// Whether it was started here, so that its end can be seen.
    pub fn is_ours(&self) -> bool {
        matches!(self.running, Running::Process(_))
    }

    /// How it ended, if it was started here and has ended; does not block.
    pub fn exited(&self) -> Option<ExitReport> {
        match &self.running {
            Running::Process(process) => process.exited(),
            Running::Demo(_) | Running::Elsewhere => None,
        }
    }

    /// The last lines that it printed, if it was started here.
    pub fn last_words(&self) -> Vec<String> {
        match &self.running {
            Running::Process(process) => process.last_words(),
            Running::Demo(_) | Running::Elsewhere => Vec::new(),
        }
    }

    /// What there is to look at while it is loaded. What is not part of the target itself, such as
    /// its database, tells nothing about one of two targets side by side.
    pub fn monitor(&self, scenario: &Scenario, timing: Timing) -> Monitor {
        let watch = match &self.running {
            Running::Process(process) => Some(process.watch()),
            Running::Demo(_) | Running::Elsewhere => None,
        };
        let is_alone = matches!(timing, Timing::Alone);
        let page = scenario.target.metrics.clone();
        let page = page.filter(|page| is_alone || page.server.is_none());
        let metrics = page.map(|page| Page {
            server: page.server.unwrap_or_else(|| self.address.clone()),
            path: page.path,
            watch: page.watch,
        });
        let postgres = scenario.target.postgres.clone().filter(|_| is_alone);
        Monitor { watch, others: None, metrics, postgres, secrets: scenario.secrets.clone() }
    }

    /// Stops what was started, with everything that it started.
    pub fn stop(self) {
        if let Running::Process(process) = self.running {
            process.stop(GRACE);
            if let Some(path) = self.address.socket() {
                remove_stale(path);
            }
        }
    }

    /// Comes back once the target has listened for a while on the port that a variable of its
    /// environment names, and not on that of the scenario: it will not get ready.
    async fn listens_elsewhere(&self, scenario: &Scenario) -> NotReady {
        let mut seen = 0;
        loop {
            tokio::time::sleep(LOOK).await;
            let found = self.port_from_env(scenario);
            seen = if found.is_some() { seen + 1 } else { 0 };
            if let Some(found) = found.filter(|_| seen >= LOOKS) {
                return found;
            }
        }
    }

    fn port_from_env(&self, scenario: &Scenario) -> Option<NotReady> {
        let Running::Process(process) = &self.running else { return None };
        let variable = &scenario.target.arms.port_variable;
        if scenario.target.assigned.is_some() || self.address.socket().is_some() {
            return None;
        }
        let wanted = self.address.port;
        let tree = process.watch().tree();
        let listening = listening(tree);
        let named: u16 = port::variable(tree, variable)?.parse().ok()?;
        let elsewhere = listening.contains(&named) && !listening.contains(&wanted);
        let variable = variable.clone();
        elsewhere.then_some(NotReady::PortFromEnv { variable, found: named, wanted })
    }

    /// Adds the ports on which the target listens to what was seen last of it.
    fn seen(&self, why: NotReady) -> NotReady {
        let NotReady::TimedOut { asked, within, mut last_seen } = why else { return why };
        if let Running::Process(process) = &self.running {
            let ports = listening(process.watch().tree());
            if !ports.is_empty() && !ports.contains(&self.address.port) {
                let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
                last_seen = format!("{last_seen}; it listens on port {}", ports.join(", "));
            }
        }
        NotReady::TimedOut { asked, within, last_seen }
    }

    /// What to say of a target that was told its port by a variable and took another one:
    /// it listens elsewhere, or it ended because its own port was taken, by the other arm.
    fn on_another_port(&self, scenario: &Scenario) -> Option<NotReady> {
        let AssignedPort { variable, instead_of } = scenario.target.assigned.clone()?;
        let Running::Process(process) = &self.running else { return None };
        let (port, variable) = (self.address.port, variable);
        let exit = process.exited();
        let found = match &exit {
            None => {
                let listening = listening(process.watch().tree());
                let elsewhere = listening.first().copied();
                elsewhere.filter(|_| !listening.contains(&port))
            }
            Some(exit) => names_taken_port(exit, instead_of).then_some(instead_of),
        };
        found.map(|found| NotReady::OnAnotherPort { variable, port, found, exit })
    }
}

/// The command, with the port or the socket file of the scenario's address in the variable that
/// tells a target where to listen, unless the scenario says otherwise.
fn told_where(scenario: &Scenario, command: &StartCommand, address: &HttpAddress) -> StartCommand {
    let mut command = command.clone();
    let variable = &scenario.target.arms.port_variable;
    if !command.env.iter().any(|(name, _)| name == variable) {
        command.env.push((variable.clone(), address.listens_at()));
    }
    command
}

fn demo(speaks: DemoAddress) -> Result<Started, TrialError> {
    let manner = match (speaks.is_secured, speaks.is_http2) {
        (true, _) => Manner::Secured,
        (false, true) => Manner::PlainHttp2,
        (false, false) => Manner::Plain,
    };
    let demo = Demo::start(0, manner).map_err(TrialError::Engine)?;
    let plain = HttpAddress::plain(&demo.address().ip().to_string(), demo.address().port());
    let unusable = |fault| TrialError::Engine(io::Error::other(format!("{fault:?}")));
    let address =
        if speaks.is_secured { plain.trusting(CERTIFICATE).map_err(unusable)? } else { plain };
    let address = if speaks.is_http2 { address.by_http2() } else { address };
    Ok(Started { running: Running::Demo(demo), address })
}

/// Whether a target's last words say that it could not have this port.
fn names_taken_port(exit: &ExitReport, port: u16) -> bool {
    let words = exit.last_words.join("\n").to_lowercase();
    let is_taken = ["eaddrinuse", "address already in use", "port is already in use"];
    is_taken.iter().any(|sign| words.contains(sign)) && words.contains(&port.to_string())
}
