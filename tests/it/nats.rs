//! A real nats-server for the tests, on loopback, with agents that wait at it.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::support::{self, eventually, free_port};

/// The folder of the server's binary. One that is not there is a failure: it has to be had.
pub(crate) fn folder() -> PathBuf {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let tools = support::root().join("target/tools/bin");
    let mut folders = std::iter::once(tools).chain(std::env::split_paths(&paths));
    let found = folders.find(|folder| folder.join("nats-server").is_file());
    found.expect("nats-server is there: bash scripts/needs.sh installs it")
}

/// The PATH with the server's folder first.
pub(crate) fn path() -> std::ffi::OsString {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(folder()).chain(std::env::split_paths(&paths))).unwrap()
}

/// A server, agents, and a folder for all of it.
pub(crate) struct Nats {
    pub(crate) folder: TempDir,
    pub(crate) host: String,
    /// How it is spoken to.
    pub(crate) scheme: &'static str,
    port: u16,
    server: Child,
    agents: Vec<(String, Child)>,
}

impl Nats {
    pub(crate) fn start() -> Nats {
        Nats::start_with("127.0.0.1", "")
    }

    /// The same at another address, with more in its configuration.
    pub(crate) fn start_with(host: &str, more: &str) -> Nats {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let text = format!(
            "listen: \"{host}:{port}\"\njetstream {{ store_dir: \"{}\" }}\n{more}",
            folder.path().join("store").display()
        );
        fs::write(folder.path().join("server.conf"), text).unwrap();
        let server = serve(folder.path());
        let nats = Nats {
            folder,
            host: host.to_owned(),
            scheme: "nats",
            port,
            server,
            agents: Vec::new(),
        };
        nats.listens();
        nats
    }

    fn listens(&self) {
        eventually("the server listens", || {
            std::net::TcpStream::connect((self.host.as_str(), self.port)).is_ok()
        });
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.host, self.port)
    }

    /// Ends the server by force.
    pub(crate) fn kill_server(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }

    /// Starts it again, with what it had on its disk.
    pub(crate) fn start_again(&mut self) {
        self.server = serve(self.folder.path());
        self.listens();
    }

    /// What the server keeps.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Starts an agent.
    pub(crate) fn agent(&mut self, name: &str, more: &[&str], env: &[(&str, &str)]) {
        let mut command = support::loadgate();
        command.args(["agent", "--via", &self.url(), "--name", name]).args(more);
        command.envs(env.iter().copied());
        self.start_agent(name, &mut command);
    }

    /// Starts an agent that says who it is.
    pub(crate) fn agent_via(&mut self, via: &str, name: &str, more: &[&str]) {
        let mut command = support::loadgate();
        command.args(["agent", "--via", via, "--name", name]).args(more);
        self.start_agent(name, &mut command);
    }

    /// Starts one of several agents of a name.
    pub(crate) fn agent_called(&mut self, label: &str, name: &str) {
        let mut command = support::loadgate();
        command.args(["agent", "--via", &self.url(), "--name", name]);
        self.start_agent(label, &mut command);
    }

    /// Starts one who watches a target.
    pub(crate) fn watcher(&mut self, name: &str, more: &[&str]) {
        let mut command = support::loadgate();
        command.args(["watch", "--via", &self.url(), "--name", name]).args(more);
        self.start_agent(name, &mut command);
    }

    /// The same by a program that becomes it; returns its process.
    pub(crate) fn agent_in(&mut self, name: &str, program: &[&str], more: &[&str]) -> u32 {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg(support::loadgate().get_program());
        command.args(["agent", "--via", &self.url(), "--name", name]).args(more);
        self.start_agent(name, &mut command)
    }

    pub(crate) fn start_agent(&mut self, name: &str, command: &mut Command) -> u32 {
        let log = fs::File::create(self.folder.path().join(format!("{name}.log"))).unwrap();
        let child = command.stderr(log).stdout(Stdio::null()).spawn().unwrap();
        let process = child.id();
        self.agents.push((name.to_owned(), child));
        process
    }

    /// Sends an agent a signal.
    pub(crate) fn signal(&self, name: &str, signal: Signal) {
        let (_, agent) = self.agents.iter().find(|(other, _)| other == name).unwrap();
        kill(Pid::from_raw(agent.id().cast_signed()), signal).unwrap();
    }

    /// Whether an agent ends within so many seconds.
    pub(crate) fn ends_within(&mut self, name: &str, seconds: u64) -> bool {
        let (_, agent) = self.agents.iter_mut().find(|(other, _)| other == name).unwrap();
        let until = Instant::now() + Duration::from_secs(seconds);
        while agent.try_wait().unwrap().is_none() {
            if Instant::now() > until {
                return false;
            }
            thread::sleep(Duration::from_millis(20));
        }
        true
    }

    /// What an agent has said of itself.
    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(format!("{name}.log"))).unwrap()
    }

    /// A run of a scenario that so many agents share.
    pub(crate) fn run(&self, scenario: &Path, generators: u32) -> Command {
        let mut command = support::loadgate();
        command
            .args(["run", scenario.to_str().unwrap(), "--generators", &generators.to_string()])
            .args(["--via", &self.url(), "-o", self.folder.path().join("out").to_str().unwrap()]);
        command
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        for (_, agent) in &mut self.agents {
            let _ = agent.kill();
            let _ = agent.wait();
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn serve(folder: &Path) -> Child {
    Command::new(self::folder().join("nats-server"))
        .arg("-c")
        .arg(folder.join("server.conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
