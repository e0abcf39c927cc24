//! Starts the app once, on a free port, and asks it.
//!
//! How it is started comes in; an [`App`] that answers goes out, which stops when it is
//! dropped, or why there is none. With [`super::sources`] the only part that touches the
//! world. Does not know what the answers are for.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::port::Port;
use super::start::Start;
use crate::scenario::model::{HttpAddress, Secrets, StartCommand};
use crate::target::fetch;
use crate::target::port::{free_port, listening};
use crate::target::process::{RunningTarget, Supervisor};
use crate::target::ready::port_is_taken;

/// How long the app may take to listen.
const STARTING: Duration = Duration::from_secs(30);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(50);
/// How long it may listen elsewhere before it is believed that it will not use the port that
/// it was told.
const ELSEWHERE: Duration = Duration::from_secs(2);
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How long it may say that it is not ready yet.
const READY: Duration = Duration::from_secs(20);
/// How often it is asked meanwhile.
const AGAIN: Duration = Duration::from_millis(200);
/// The status of an app that listens and is not ready.
const NOT_READY: u16 = 503;
/// How long all answers together may take.
const ASKING: Duration = Duration::from_secs(60);
/// A larger answer is none.
const LARGEST: usize = 8 * 1024 * 1024;
/// How long it may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(3);

/// What it takes to start an app.
#[derive(Debug, Clone, Copy)]
pub struct Launch<'l> {
    /// The project's folder.
    pub folder: &'l Path,
    /// How it is started.
    pub start: &'l Start,
    /// Where it listens, as far as sources say.
    pub port: &'l Port,
    /// Who watches over it.
    pub supervisor: &'l Supervisor,
}

/// An app that listens.
pub struct App {
    running: RunningTarget,
    address: HttpAddress,
    follows: bool,
    runtime: tokio::runtime::Runtime,
    until: Instant,
}

/// What it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body, decoded.
    pub body: Vec<u8>,
}

impl App {
    /// Starts it and waits until it listens. An error says why it does not, with its last words.
    pub fn start(launch: &Launch<'_>) -> Result<App, (String, Vec<String>)> {
        let plain = |error: &dyn std::fmt::Display| (error.to_string(), Vec::new());
        let port = free_port().map_err(|error| plain(&error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| plain(&error))?;
        let variable = launch.port.variable.as_deref().unwrap_or("PORT");
        let mut env = launch.start.env.clone();
        env.push((variable.to_owned(), port.to_string()));
        let command = StartCommand {
            command: launch.start.command.clone(),
            folder: PathBuf::from(launch.folder),
            env,
        };
        let running = RunningTarget::start(&command, launch.supervisor, None, &Secrets::default())
            .map_err(|error| plain(&error))?;
        let found = wait(&running, port).map_err(|why| (why, running.last_words()))?;
        let address = address(found);
        let until = Instant::now() + ASKING;
        Ok(App { running, address, follows: found == port, runtime, until })
    }

    /// Whether it listens on the port that it was told.
    pub fn follows(&self) -> bool {
        self.follows
    }

    /// Where it listens.
    pub fn address(&self) -> &HttpAddress {
        &self.address
    }

    /// What it answers to a GET; `None` if nothing that can be used, or if its time is over.
    pub fn ask(&self, path: &str) -> Option<Reply> {
        let left = self.until.checked_duration_since(Instant::now())?;
        let within = left.min(ANSWER);
        let asking = fetch::get(&self.address, path, within, LARGEST);
        let answer = self.runtime.block_on(asking).ok()?;
        Some(Reply { status: answer.status.as_u16(), body: answer.body })
    }

    /// Waits for as long as one of these paths says that it is not ready yet.
    pub fn wait_until_ready(&mut self, paths: &[&str]) {
        let is_not_ready =
            |app: &App, path: &str| app.ask(path).is_some_and(|reply| reply.status == NOT_READY);
        let begin = Instant::now();
        if let Some(path) = paths.iter().find(|path| is_not_ready(self, path)) {
            while begin.elapsed() < READY && is_not_ready(self, path) {
                thread::sleep(AGAIN);
            }
        }
        self.until = Instant::now() + ASKING;
    }

    /// Stops it, with all that it started.
    pub fn stop(self) {
        self.running.stop(GRACE);
    }
}

/// The port on which it listens, in the end.
fn wait(running: &RunningTarget, port: u16) -> Result<u16, String> {
    let begin = Instant::now();
    let mut elsewhere = None;
    while begin.elapsed() < STARTING {
        if let Some(exit) = running.exited() {
            return Err(format!("it ended before it listened: {}", exit.description));
        }
        let ports = listening(running.watch().tree());
        // Where the system does not tell who listens, a connection does.
        if ports.contains(&port) || (ports.is_empty() && port_is_taken(&address(port))) {
            return Ok(port);
        }
        elsewhere = ports.first().map(|other| elsewhere.unwrap_or((*other, Instant::now())));
        if let Some((other, _)) = elsewhere.filter(|(_, since)| since.elapsed() > ELSEWHERE) {
            return Ok(other);
        }
        thread::sleep(LOOK);
    }
    Err(format!("it did not listen within {}", crate::units::format_duration(STARTING)))
}

/// Loopback by number, or by name where only the other family listens.
fn address(port: u16) -> HttpAddress {
    let at = |host: &str| HttpAddress::plain(host, port);
    let (number, name) = (at("127.0.0.1"), at("localhost"));
    if !port_is_taken(&number) && port_is_taken(&name) { name } else { number }
}
