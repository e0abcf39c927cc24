//! The process between loadgate and the target: nothing that the target starts
//! survives it, however loadgate ends.
//!
//! It is loadgate itself, started with a hidden subcommand. Standard input is the
//! leash: a line `stop <milliseconds>` or its end, which is what the death of
//! loadgate looks like, ends the target. Standard output carries [`Report`] lines.
//! Standard error is handed on to the target as both of its outputs.
//!
//! | state | event | then |
//! | --- | --- | --- |
//! | running | leash pulled or gone, SIGTERM | stopping, with the grace that was asked for |
//! | running | the command ends | reported; stopping, with a short grace for what it left behind |
//! | running, stopping, killing | no child is left | done |
//! | stopping | grace over | killing |
//! | killing | [`KILLING`] over | done; what cannot be killed stays |
//!
//! On Linux the supervisor is a child subreaper: daemons become its children, so
//! that "no child is left" means that nothing is left. Elsewhere it knows the
//! command and its process group only.
//!
//! With another word behind it the hidden subcommand is a [`super::janitor`].

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use super::janitor;

/// How long a target may take to end after SIGTERM when nobody said otherwise.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(5);
/// How long processes may take to end that the command left behind.
const LEFTOVER_GRACE: Duration = Duration::from_secs(1);
/// How long SIGKILL is repeated.
pub(crate) const KILLING: Duration = Duration::from_secs(5);
/// How often the tree is looked at for processes that came since.
const ROUND: Duration = Duration::from_millis(25);

/// How the target's command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself.
    Status(i32),
    /// By a signal.
    Signal(i32),
    /// By a real-time signal; which one is not known.
    RealTimeSignal,
    /// Nobody saw how, because the supervisor was killed.
    Unseen,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Status(code) => write!(f, "exit status {code}"),
            Ending::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "killed by signal {number}, {signal}"),
                Err(_) => write!(f, "killed by signal {number}"),
            },
            Ending::RealTimeSignal => f.write_str("killed by a real-time signal"),
            Ending::Unseen => f.write_str("lost sight of, because its supervisor was killed"),
        }
    }
}

/// What the supervisor tells loadgate, one line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// The command runs under this process id.
    Started(u32),
    /// It could not be started, for this system error.
    Refused(i32),
    /// The command ended.
    Ended(Ending),
    /// The supervisor is done.
    Done {
        /// Processes that did not heed SIGTERM.
        killed: u32,
    },
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::Started(pid) => write!(f, "started {pid}"),
            Report::Refused(errno) => write!(f, "refused {errno}"),
            Report::Ended(Ending::Status(code)) => write!(f, "status {code}"),
            Report::Ended(Ending::Signal(number)) => write!(f, "signal {number}"),
            Report::Ended(Ending::RealTimeSignal) => f.write_str("real-time 0"),
            Report::Ended(Ending::Unseen) => f.write_str("unseen 0"),
            Report::Done { killed } => write!(f, "done {killed}"),
        }
    }
}

impl FromStr for Report {
    type Err = ();

    fn from_str(line: &str) -> Result<Report, ()> {
        let (word, number) = line.trim().split_once(' ').ok_or(())?;
        let number: i32 = number.parse().map_err(drop)?;
        match word {
            "started" => Ok(Report::Started(number.unsigned_abs())),
            "refused" => Ok(Report::Refused(number)),
            "status" => Ok(Report::Ended(Ending::Status(number))),
            "signal" => Ok(Report::Ended(Ending::Signal(number))),
            "real-time" => Ok(Report::Ended(Ending::RealTimeSignal)),
            "unseen" => Ok(Report::Ended(Ending::Unseen)),
            "done" => Ok(Report::Done { killed: number.unsigned_abs() }),
            _ => Err(()),
        }
    }
}

/// What happens to the supervisor.
enum Event {
    Stop { grace: Duration },
    Ended(Ending),
    Childless,
}

/// The body of the hidden subcommand: `arguments` are those after its name, the
/// target's command perhaps behind a `--`. Returns the exit code.
pub fn supervise(arguments: impl Iterator<Item = OsString>) -> i32 {
    let mut arguments = arguments.peekable();
    if arguments.next_if(|word| word == janitor::WORD).is_some() {
        return janitor::keep(arguments);
    }
    // In use until the end of this process: that is, of everything it supervises.
    let _in_use = std::env::var_os(janitor::VARIABLE).and_then(|it| janitor::hold(it.as_ref()));
    become_reaper();
    let command = arguments.enumerate().filter(|(n, word)| *n > 0 || word != "--");
    match start(command.map(|(_, word)| word)) {
        Ok(root) => watch(root),
        Err(error) => {
            say(Report::Refused(error.raw_os_error().unwrap_or(Errno::EINVAL as i32)));
            1
        }
    }
}

/// Starts the command with a clean signal mask, whatever loadgate's own was.
fn start(mut command: impl Iterator<Item = OsString>) -> io::Result<Pid> {
    let program = command.next().ok_or(io::ErrorKind::InvalidInput)?;
    SigSet::all().thread_unblock()?;
    let output = io::stderr().as_fd().try_clone_to_owned()?;
    let child = Command::new(program)
        .args(command)
        .stdin(Stdio::null())
        .stdout(Stdio::from(output))
        .process_group(0)
        .spawn()?;
    Ok(Pid::from_raw(child.id().cast_signed()))
}

fn watch(root: Pid) -> i32 {
    // Blocked only now: the command would inherit the mask. Threads inherit it too.
    let _ = handled_signals().thread_block();
    say(Report::Started(root.as_raw().unsigned_abs()));
    let (sender, events) = channel();
    for listener in [listen_to_leash, listen_to_signals] {
        let sender = sender.clone();
        thread::spawn(move || listener(&sender));
    }
    thread::spawn(move || reap(root, &sender));
    let killed = match until_stop(&events) {
        Some(grace) => wind_down(root, grace, &events),
        None => 0,
    };
    say(Report::Done { killed });
    0
}

/// Waits while the target runs; gives the grace to stop with, nothing when all is over.
fn until_stop(events: &Receiver<Event>) -> Option<Duration> {
    match events.recv() {
        Ok(Event::Stop { grace }) => Some(grace),
        Ok(Event::Ended(ending)) => {
            say(Report::Ended(ending));
            Some(LEFTOVER_GRACE)
        }
        Ok(Event::Childless) | Err(_) => {
            say(Report::Ended(Ending::Unseen));
            None
        }
    }
}

/// Ends everything that is left, first politely; returns how many had to be killed.
fn wind_down(root: Pid, grace: Duration, events: &Receiver<Event>) -> u32 {
    if terminate(root, grace, events) {
        return 0;
    }
    let mut killed = HashSet::new();
    let deadline = Instant::now() + KILLING;
    while Instant::now() < deadline {
        signal_new(root, Signal::SIGKILL, &mut killed);
        if let Round::Childless = one_round(events) {
            break;
        }
    }
    u32::try_from(killed.len()).unwrap_or(u32::MAX)
}

/// SIGTERM, and time to heed it; tells whether everything has ended.
fn terminate(root: Pid, grace: Duration, events: &Receiver<Event>) -> bool {
    let mut asked = HashSet::new();
    let mut deadline = Instant::now() + grace;
    while Instant::now() < deadline {
        signal_new(root, Signal::SIGTERM, &mut asked);
        match one_round(events) {
            Round::Childless => return true,
            // Whoever pulls the leash again may be in more of a hurry.
            Round::Hurry(grace) => deadline = deadline.min(Instant::now() + grace),
            Round::Quiet => {}
        }
    }
    false
}

/// What came of waiting for a short time.
enum Round {
    Quiet,
    Hurry(Duration),
    Childless,
}

fn one_round(events: &Receiver<Event>) -> Round {
    match events.recv_timeout(ROUND) {
        Ok(Event::Ended(ending)) => {
            say(Report::Ended(ending));
            Round::Quiet
        }
        Ok(Event::Stop { grace }) => Round::Hurry(grace),
        Ok(Event::Childless) | Err(RecvTimeoutError::Disconnected) => Round::Childless,
        Err(RecvTimeoutError::Timeout) => Round::Quiet,
    }
}

/// Signals each process of the target that is not in `done` yet: a second SIGTERM
/// makes many servers drop their connections at once.
#[cfg(target_os = "linux")]
fn signal_new(_root: Pid, signal: Signal, done: &mut HashSet<i32>) {
    for pid in super::procfs::descendants(std::process::id().cast_signed()) {
        if done.insert(pid) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

/// Signals the target's process group, once.
#[cfg(not(target_os = "linux"))]
fn signal_new(root: Pid, signal: Signal, done: &mut HashSet<i32>) {
    if done.insert(root.as_raw()) {
        let _ = kill(Pid::from_raw(-root.as_raw()), signal);
    }
}

/// Without this right (a sandbox may deny it) daemons escape, and nothing else changes.
fn become_reaper() {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// Waits for children until there are none.
fn reap(root: Pid, events: &Sender<Event>) {
    loop {
        let ending = match waitpid(None, None) {
            Ok(WaitStatus::Exited(pid, code)) if pid == root => Ending::Status(code),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == root => {
                Ending::Signal(signal as i32)
            }
            // The child is gone, but nix knows no name for what killed it.
            Err(Errno::EINVAL) if kill(root, None) == Err(Errno::ESRCH) => Ending::RealTimeSignal,
            Err(Errno::ECHILD) => break,
            Ok(_) | Err(_) => continue,
        };
        let _ = events.send(Event::Ended(ending));
    }
    let _ = events.send(Event::Childless);
}

/// Reads standard input: a `stop` line or the end of it stops the target.
fn listen_to_leash(events: &Sender<Event>) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        if let Some(grace) = line.strip_prefix("stop ").and_then(|ms| ms.parse().ok()) {
            let _ = events.send(Event::Stop { grace: Duration::from_millis(grace) });
        }
    }
    let _ = events.send(Event::Stop { grace: DEFAULT_GRACE });
}

/// SIGTERM stops; the terminal's signals are loadgate's business.
fn listen_to_signals(events: &Sender<Event>) {
    while let Ok(signal) = handled_signals().wait() {
        if signal == Signal::SIGTERM {
            let _ = events.send(Event::Stop { grace: DEFAULT_GRACE });
        }
    }
}

/// Signals that do not end a process of loadgate that cleans up behind it.
pub(super) fn handled_signals() -> SigSet {
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT].into_iter().collect()
}

/// Tells loadgate, if it is still there.
fn say(report: Report) {
    let mut output = io::stdout().lock();
    let _ = writeln!(output, "{report}").and_then(|()| output.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_as_they_were_written() {
        let endings =
            [Ending::Status(-3), Ending::Signal(9), Ending::RealTimeSignal, Ending::Unseen];
        let reports = endings.map(Report::Ended).into_iter().chain([
            Report::Started(4_000_000),
            Report::Refused(2),
            Report::Done { killed: 7 },
        ]);
        for report in reports {
            assert_eq!(report.to_string().parse(), Ok(report));
        }
        for line in ["", "started", "started x", "begun 1", "done 99999999999"] {
            assert_eq!(line.parse::<Report>(), Err(()), "{line}");
        }
    }
}
