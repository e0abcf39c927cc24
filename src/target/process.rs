//! Starts the target's command under a supervisor and stops it with everything it
//! started.
//!
//! A checked [`StartCommand`] comes in; a [`RunningTarget`] goes out, and from it a
//! [`Watch`] for others to see whether it lives. Does not know what the target is
//! for.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::git;
use super::last_words;
use super::leash::{DEFAULT_GRACE, Ending, KILLING, Report};
use super::output::Output;
use super::procfs::ProcessTree;
use super::start_error::{StartError, refusal, shown};
use crate::scenario::model::{Secrets, StartCommand};

/// How long a supervisor may take to start the command.
const START: Duration = Duration::from_secs(20);
/// How long the end of the output is waited for when the command has ended.
const LAST_OUTPUT: Duration = Duration::from_millis(60);
/// Carried in the environment by all that a target starts; its value is unlike any other's.
const MARK: &str = "LOADGATE_TARGET";

/// How loadgate starts itself as a supervisor.
#[derive(Debug, Clone)]
pub struct Supervisor {
    /// The binary of loadgate.
    pub program: PathBuf,
    /// The hidden subcommand, whose body is [`super::supervisor::supervise`].
    pub argument: &'static str,
}

/// The end of a target's command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitReport {
    /// `exit status 1` or `killed by signal 9, SIGKILL`.
    pub description: String,
    /// The last lines of its output, oldest first, without secrets.
    pub last_words: Vec<String>,
}

impl ExitReport {
    /// How it ended and what it said, on one line: `exit code 1: Error: no database`.
    pub fn in_short(&self) -> String {
        match last_words::telling(&self.last_words) {
            Some(line) => format!("{}: {line}", self.description),
            None => format!("{}; it printed nothing", self.description),
        }
    }
}

impl fmt::Display for ExitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)?;
        if self.last_words.is_empty() {
            return f.write_str("; it printed nothing");
        }
        f.write_str("; it last printed:")?;
        self.last_words.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// How a target was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopReport {
    /// How its command ended, if that was seen.
    pub ending: Option<Ending>,
    /// Processes that did not end within the grace and were killed.
    pub killed: u32,
}

/// A command that was started, until it is stopped. Dropping it stops it.
pub struct RunningTarget {
    watch: Watch,
    supervisor: Child,
    leash: Option<ChildStdin>,
    done: Receiver<u32>,
    mark: String,
    #[cfg(target_os = "linux")]
    birth: Option<u64>,
}

/// Sees whether a target lives and what it said; may be given to other threads.
#[derive(Clone)]
pub struct Watch {
    tree: ProcessTree,
    ending: Arc<OnceLock<Ending>>,
    output: Arc<Output>,
}

impl Watch {
    /// The target's processes.
    pub fn tree(&self) -> ProcessTree {
        self.tree
    }

    /// The end of the command, if it has ended; does not block.
    pub fn exited(&self) -> Option<ExitReport> {
        let description = self.ending.get()?.to_string();
        Some(ExitReport { description, last_words: self.last_words() })
    }

    /// The last lines of its output, oldest first, without secrets and control characters.
    pub fn last_words(&self) -> Vec<String> {
        self.output.last_words()
    }
}

impl RunningTarget {
    /// Starts the command; returns once it runs, which is not yet that it is ready. What
    /// it prints goes to `output_file`, up to 10 MB.
    pub fn start(
        command: &StartCommand,
        supervisor: &Supervisor,
        output_file: Option<&Path>,
        redact: &Secrets,
    ) -> Result<RunningTarget, StartError> {
        if !command.folder.is_dir() {
            return Err(StartError::FolderMissing(shown(&command.folder, redact)));
        }
        let log = output_file.map(create).transpose()?;
        let mark = mark();
        let mut child = spawn(command, supervisor, &mark)
            .map_err(|error| StartError::Supervisor(redact.redact(&error.to_string())))?;
        let errors = child.stderr.take().expect("standard error is piped");
        let output = Output::collect(errors, log, redact.clone());
        let listening = listen(&mut child, &output);
        let root = match listening.first.recv_timeout(START) {
            Ok(Ok(root)) => root,
            failed => {
                abandon(child);
                let error = failed.ok().and_then(Result::err);
                return Err(error.map_or_else(
                    || StartError::Supervisor(silence(&output)),
                    |errno| refusal(command, errno, redact),
                ));
            }
        };
        let tree = ProcessTree { root, supervisor: Some(child.id()) };
        Ok(RunningTarget {
            watch: Watch { tree, ending: listening.ending, output },
            leash: child.stdin.take(),
            supervisor: child,
            done: listening.done,
            mark,
            #[cfg(target_os = "linux")]
            birth: super::procfs::birth(root.cast_signed()),
        })
    }

    /// The process id of the started command.
    pub fn root_pid(&self) -> u32 {
        self.watch.tree.root
    }

    /// For whoever wants to see whether it lives.
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// The end of the command, if it has ended; does not block.
    pub fn exited(&self) -> Option<ExitReport> {
        self.watch.exited()
    }

    /// The last lines of its output.
    pub fn last_words(&self) -> Vec<String> {
        self.watch.last_words()
    }

    /// Ends everything that was started: SIGTERM, and SIGKILL after the grace.
    pub fn stop(mut self, grace: Duration) -> StopReport {
        self.end(grace)
    }

    fn end(&mut self, grace: Duration) -> StopReport {
        let leash = self.leash.take();
        if let Some(mut leash) = leash.as_ref() {
            let _ = writeln!(leash, "stop {}", grace.as_millis());
        }
        let waiting = grace + KILLING + Duration::from_secs(2);
        let killed = self.done.recv_timeout(waiting).unwrap_or_else(|_| self.kill_ourselves());
        drop(leash);
        reap(&mut self.supervisor);
        self.watch.output.wait_for_end(LAST_OUTPUT);
        StopReport { ending: self.watch.ending.get().copied(), killed }
    }

    /// The supervisor is gone or stuck: does its work from here, without its knowledge.
    fn kill_ourselves(&mut self) -> u32 {
        let _ = self.supervisor.kill();
        let deadline = Instant::now() + KILLING;
        let mut killed = std::collections::HashSet::new();
        loop {
            let left = self.remains();
            if left.is_empty() || Instant::now() > deadline {
                return u32::try_from(killed.len()).unwrap_or(u32::MAX);
            }
            for pid in left {
                let pid = nix::unistd::Pid::from_raw(pid);
                let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL);
                killed.insert(pid);
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What can still be found of the target: the command and what is below it, and all
    /// that carry its mark.
    #[cfg(target_os = "linux")]
    fn remains(&self) -> Vec<i32> {
        use super::descendants::descendants;
        use super::procfs::{birth, carriers};
        let root = self.root_pid().cast_signed();
        let supervisor = self.supervisor.id().cast_signed();
        let mut left = carriers(MARK, &self.mark);
        if self.birth.is_some() && birth(root) == self.birth {
            left.push(root);
            left.extend(descendants(root));
        }
        left.retain(|pid| *pid != supervisor);
        left
    }

    /// What can still be found of the target: its process group.
    #[cfg(not(target_os = "linux"))]
    fn remains(&self) -> Vec<i32> {
        let group = -self.root_pid().cast_signed();
        let alive = nix::sys::signal::kill(nix::unistd::Pid::from_raw(group), None).is_ok();
        alive.then_some(group).into_iter().collect()
    }
}

impl Drop for RunningTarget {
    fn drop(&mut self) {
        if self.leash.is_some() {
            self.end(DEFAULT_GRACE);
        }
    }
}

fn create(path: &Path) -> Result<File, StartError> {
    // A run that goes on has one already.
    let opened = File::options().create(true).append(true).open(path);
    opened.map_err(|error| StartError::OutputFile(path.to_owned(), error))
}

fn mark() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}", std::process::id(), now.as_nanos())
}

fn spawn(command: &StartCommand, supervisor: &Supervisor, mark: &str) -> io::Result<Child> {
    // The supervisor runs in the target's folder, so a relative path would not find it.
    let mut process = Command::new(std::path::absolute(&supervisor.program)?);
    for name in git::FOREIGN {
        process.env_remove(name);
    }
    process
        .arg(supervisor.argument)
        .arg("--")
        .args(&command.command)
        .current_dir(&command.folder)
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .env(MARK, mark)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// What is heard from a supervisor.
struct Listening {
    /// The command's process id, or the error of starting it.
    first: Receiver<Result<u32, i32>>,
    ending: Arc<OnceLock<Ending>>,
    /// How many had to be killed; closed when the supervisor is gone.
    done: Receiver<u32>,
}

fn listen(supervisor: &mut Child, output: &Arc<Output>) -> Listening {
    let reports = supervisor.stdout.take().expect("standard output is piped");
    let (say_first, first) = channel();
    let (say_done, done) = channel();
    let ending = Arc::new(OnceLock::new());
    let listener = Listener {
        first: say_first,
        ending: Arc::clone(&ending),
        done: say_done,
        output: Arc::clone(output),
    };
    thread::spawn(move || listener.hear(reports));
    Listening { first, ending, done }
}

/// The other end of [`Listening`].
struct Listener {
    first: Sender<Result<u32, i32>>,
    ending: Arc<OnceLock<Ending>>,
    done: Sender<u32>,
    output: Arc<Output>,
}

impl Listener {
    fn hear(self, reports: impl io::Read) {
        let lines = BufReader::new(reports).lines().map_while(Result::ok);
        for report in lines.filter_map(|line| line.parse().ok()) {
            match report {
                Report::Started(pid) => drop(self.first.send(Ok(pid))),
                Report::Refused(errno) => drop(self.first.send(Err(errno))),
                Report::Ended(ending) => {
                    // So that the last words are complete for whoever sees the end.
                    self.output.wait_for_end(LAST_OUTPUT);
                    let _ = self.ending.set(ending);
                }
                Report::Done { killed } => drop(self.done.send(killed)),
            }
        }
        // A supervisor that was killed can no longer say how the command ended.
        let _ = self.ending.set(Ending::Unseen);
    }
}

/// Ends a supervisor that did not start the command, or did so too late.
fn abandon(mut supervisor: Child) {
    if let Some(mut leash) = supervisor.stdin.take() {
        let _ = writeln!(leash, "stop 0");
    }
    reap(&mut supervisor);
}

/// What to say of a supervisor that said nothing.
fn silence(output: &Output) -> String {
    output.wait_for_end(LAST_OUTPUT);
    let words = output.last_words().join("; ");
    if words.is_empty() { "it ended without a word".to_owned() } else { words }
}

/// Waits for a supervisor that has said that it is done, and not for ever.
fn reap(supervisor: &mut Child) {
    let deadline = Instant::now() + Duration::from_secs(2);
    while Instant::now() < deadline {
        if !matches!(supervisor.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = supervisor.kill();
    let _ = supervisor.wait();
}
