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
//! With another word behind it the hidden subcommand is a [`super::cleaner`].

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use super::cleaner;
use super::leash::{DEFAULT_GRACE, Ending, KILLING, Report, handled_signals};

/// How long processes may take to end that the command left behind.
const LEFTOVER_GRACE: Duration = Duration::from_secs(1);
/// How often the tree is looked at for processes that came since.
const ROUND: Duration = Duration::from_millis(25);

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
    if arguments.next_if(|word| word == cleaner::WORD).is_some() {
        return cleaner::keep(arguments);
    }
    // In use until the end of this process: that is, of everything it supervises.
    let _in_use = std::env::var_os(cleaner::VARIABLE).and_then(|it| cleaner::hold(it.as_ref()));
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
    for pid in super::descendants::descendants(std::process::id().cast_signed()) {
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

/// Tells loadgate, if it is still there.
fn say(report: Report) {
    let mut output = io::stdout().lock();
    let _ = writeln!(output, "{report}").and_then(|()| output.flush());
}
