//! The system under test with real processes: whatever is started is seen, and
//! nothing of it is left.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use loadgate::record::gauge::{self, Gauge};
use loadgate::record::telemetry::TargetSecond;
use loadgate::scenario::model::{HttpAddress, Ready, Secrets, StartCommand};
use loadgate::target::gauges;
use loadgate::target::leash::Ending;
use loadgate::target::monitor::{Monitor, TargetEvent};
use loadgate::target::process::{ExitReport, RunningTarget, StopReport, Supervisor, Watch};
use loadgate::target::ready::{NotReady, port_is_taken, wait_until_ready};
use loadgate::target::scrape::Page;
use loadgate::target::start_error::StartError;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_loadgate");
const LONG: Duration = Duration::from_secs(30);

fn supervisor() -> Supervisor {
    Supervisor { program: BINARY.into(), argument: "__supervise" }
}

fn command(folder: &Path, words: &[&str]) -> StartCommand {
    let command = words.iter().map(|word| (*word).to_owned()).collect();
    StartCommand { command, folder: folder.to_owned(), env: Vec::new() }
}

fn start(folder: &Path, words: &[&str]) -> Result<RunningTarget, StartError> {
    RunningTarget::start(&command(folder, words), &supervisor(), None, &Secrets::default())
}

fn shell(folder: &TempDir, script: &str) -> RunningTarget {
    start(folder.path(), &["sh", "-c", script]).unwrap()
}

#[track_caller]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[track_caller]
fn exit_of(target: &RunningTarget) -> ExitReport {
    until("the exit", || target.exited())
}

/// Waits for a file with a process id in it.
#[track_caller]
fn pid_in(folder: &TempDir, name: &str) -> u32 {
    until(name, || {
        let text = fs::read_to_string(folder.path().join(name)).ok()?;
        text.strip_suffix('\n')?.parse().ok()
    })
}

fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

#[track_caller]
fn gone(pids: &[u32]) {
    until("all gone", || pids.iter().all(|pid| !lives(*pid)).then_some(()));
}

/// A child, a daemon that left group and session, and a daemon that heeds no SIGTERM.
/// Each of them is an orphan or becomes one.
const FAMILY: &str = r#"
    sleep 600 & echo $! > child
    (setsid sh -c 'echo $$ > daemon; exec sleep 600' &)
    (setsid sh -c 'trap "" TERM; echo $$ > stubborn; while :; do sleep 600; done' &)
    echo $$ > root
    wait
"#;

fn family_in(folder: &TempDir) -> [u32; 4] {
    ["root", "child", "daemon", "stubborn"].map(|name| pid_in(folder, name))
}

#[test]
fn a_target_starts_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let target = start(folder.path(), &["sleep", "600"]).unwrap();
    let pid = target.root_pid();
    assert!(lives(pid) && target.exited().is_none());
    let report = target.stop(LONG);
    assert_eq!(report, StopReport { ending: Some(Ending::Signal(15)), killed: 0 });
    assert!(!lives(pid), "stop returned before the target was gone");
}

#[test]
fn children_daemons_and_the_stubborn_are_gone_after_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let target = shell(&folder, FAMILY);
    let family = family_in(&folder);
    let report = target.stop(Duration::from_secs(1));
    // The stubborn one and perhaps its own child.
    assert!((1..=2).contains(&report.killed), "{report:?}");
    assert_eq!(family.map(lives), [false; 4]);
}

#[test]
fn dropping_a_target_stops_it() {
    let folder = tempfile::tempdir().unwrap();
    let target = start(folder.path(), &["sleep", "600"]).unwrap();
    let pid = target.root_pid();
    drop(target);
    assert!(!lives(pid));
}

#[test]
fn each_process_gets_one_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"n=0; trap 'n=$((n+1)); echo "$n" > "term$n"' TERM
        echo $$ > root; while :; do sleep 0.05; done"#;
    let target = shell(&folder, script);
    pid_in(&folder, "root");
    let report = target.stop(Duration::from_millis(1_500));
    assert_eq!(report.ending, Some(Ending::Signal(9)));
    assert!(folder.path().join("term1").exists() && !folder.path().join("term2").exists());
}

fn bare_supervisor(folder: &TempDir) -> Child {
    Command::new(BINARY)
        .args(["__supervise", "--", "sh", "-c", FAMILY])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn when_loadgate_is_killed_everything_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut supervisor = bare_supervisor(&folder);
    let family = family_in(&folder);
    // This is what a killed loadgate looks like to its supervisor.
    drop(supervisor.stdin.take());
    gone(&family);
    assert!(until("the supervisor's end", || supervisor.try_wait().unwrap()).success());
}

#[test]
fn a_terminated_supervisor_ends_everything_and_the_terminals_signals_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut supervisor = bare_supervisor(&folder);
    let family = family_in(&folder);
    let pid = Pid::from_raw(supervisor.id().cast_signed());
    for signal in [Signal::SIGINT, Signal::SIGHUP] {
        kill(pid, signal).unwrap();
    }
    thread::sleep(Duration::from_millis(100));
    assert!(family.iter().all(|pid| lives(*pid)), "SIGINT or SIGHUP stopped it");
    kill(pid, Signal::SIGTERM).unwrap();
    gone(&family);
    assert!(until("the supervisor's end", || supervisor.try_wait().unwrap()).success());
}

#[test]
fn when_the_supervisor_is_killed_everything_still_ends() {
    let folder = tempfile::tempdir().unwrap();
    let target = shell(&folder, FAMILY);
    let family = family_in(&folder);
    let supervisor = target.watch().tree().supervisor.unwrap();
    kill(Pid::from_raw(supervisor.cast_signed()), Signal::SIGKILL).unwrap();
    assert!(exit_of(&target).description.contains("supervisor was killed"));
    let report = target.stop(Duration::from_secs(1));
    assert!(report.killed >= 4 && report.ending == Some(Ending::Unseen), "{report:?}");
    gone(&family);
}

#[test]
fn an_exit_is_reported_with_the_last_words() {
    #[track_caller]
    fn check(script: &str, description: &str, last_words: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let target = shell(&folder, script);
        let exit = exit_of(&target);
        assert_eq!(
            (exit.description.as_str(), &exit.last_words[..]),
            (
                description,
                &last_words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()[..]
            )
        );
    }
    check("echo out; echo err >&2; exit 3", "exit status 3", &["out", "err"]);
    check("exit 0", "exit status 0", &[]);
    check("printf 'no line end'; kill -9 $$", "killed by signal 9, SIGKILL", &["no line end"]);
    check("kill -40 $$", "killed by a real-time signal", &[]);
    check(
        "i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo $i; done | tail -1",
        "exit status 0",
        &["30"],
    );
}

#[test]
fn what_an_ended_command_leaves_behind_is_ended_too() {
    let folder = tempfile::tempdir().unwrap();
    let target = shell(&folder, "sleep 600 & echo $! > left; exit 4");
    let left = pid_in(&folder, "left");
    assert_eq!(exit_of(&target).description, "exit status 4");
    gone(&[left]);
    assert_eq!(target.stop(LONG).ending, Some(Ending::Status(4)));
}

#[test]
fn what_cannot_be_started_says_why() {
    #[track_caller]
    fn check(folder: &Path, program: &str, words: &[&str]) {
        let Err(error) = start(folder, &[program]) else { panic!("{program} was started") };
        let message = error.to_string();
        for word in words {
            assert!(message.contains(word), "\"{message}\" without \"{word}\"");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("plain"), "text").unwrap();
    check(here, "no-such-program-here", &["in any folder of PATH", "no-such-program-here"]);
    check(here, "./missing", &["./missing", here.to_str().unwrap(), "\"command\""]);
    check(here, "./plain", &["permission denied", "chmod +x"]);
    check(&here.join("nowhere"), "sh", &["nowhere does not exist", "\"cwd\""]);
}

#[test]
fn what_is_no_supervisor_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let start = |program: &str| {
        let supervisor = Supervisor { program: program.into(), argument: "__supervise" };
        let command = command(folder.path(), &["sleep", "600"]);
        match RunningTarget::start(&command, &supervisor, None, &Secrets::default()) {
            Err(StartError::Supervisor(reason)) => reason,
            _ => panic!("{program} was a supervisor"),
        }
    };
    assert!(start("/nonexistent/loadgate").contains("No such file"));
    assert!(start("/bin/true").contains("without a word"));
    assert!(start("/bin/ls").contains("__supervise"), "the words of ls are kept");
}

#[test]
fn the_target_has_its_folder_its_environment_and_no_input() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path(), &["sh", "-c", "cat; echo $COLOUR; pwd"]);
    command.env.push(("COLOUR".to_owned(), "green".to_owned()));
    let target = RunningTarget::start(&command, &supervisor(), None, &Secrets::default()).unwrap();
    let here = folder.path().canonicalize().unwrap();
    assert_eq!(exit_of(&target).last_words, ["green", here.to_str().unwrap()]);
}

#[test]
fn the_target_neither_blocks_nor_ignores_signals() {
    let folder = tempfile::tempdir().unwrap();
    let blocked: SigSet = [Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
    blocked.thread_block().unwrap();
    // Not by way of a shell: shells clear the mask.
    let target = start(folder.path(), &["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"]);
    blocked.thread_unblock().unwrap();
    let words = exit_of(&target.unwrap()).last_words;
    let mask = |word: &str| u64::from_str_radix(word.rsplit(' ').next().unwrap(), 16).unwrap();
    let [blocked, ignored] = &words[..] else { panic!("{words:?}") };
    assert_eq!(mask(blocked), 0, "{blocked}");
    // What whoever started the tests wanted to be ignored, as `nohup` does, stays so.
    let own = procfs::process::Process::myself().unwrap().status().unwrap().sigign;
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGPIPE] {
        let bit = 1 << (signal as u64 - 1);
        // Every Rust program ignores this one, and so do the tests.
        let inherited = if signal == Signal::SIGPIPE { 0 } else { own & bit };
        assert_eq!(mask(ignored) & bit, inherited, "{signal}: {ignored}");
    }
}

#[test]
fn secrets_are_in_neither_the_last_words_nor_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("target.log");
    let mut secrets = Secrets::default();
    secrets.add("hunter22");
    let words = ["sh", "-c", "echo login hunter22; printf '\\033[31mred\\033[0m\\n'; exit 1"];
    let target =
        RunningTarget::start(&command(folder.path(), &words), &supervisor(), Some(&log), &secrets)
            .unwrap();
    assert_eq!(exit_of(&target).last_words, ["login [redacted]", "red"]);
    target.stop(LONG);
    assert_eq!(fs::read_to_string(&log).unwrap(), "login [redacted]\nred\n");
}

#[test]
fn a_flood_of_output_neither_blocks_the_target_nor_fills_memory_or_disk() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("target.log");
    let flood = command(
        folder.path(),
        &["sh", "-c", "yes $(printf %0200d 7) | head -c 300000000; echo; echo end"],
    );
    let (_, before) = loadgate::target::machine::own_usage();
    let target =
        RunningTarget::start(&flood, &supervisor(), Some(&log), &Secrets::default()).unwrap();
    let exit = exit_of(&target);
    let (_, after) = loadgate::target::machine::own_usage();
    assert_eq!(exit.last_words.last().unwrap(), "end");
    assert!(after.saturating_sub(before) < 60_000_000, "{before} then {after}");
    assert!(fs::metadata(&log).unwrap().len() < 10_001_000);
}

/// Answers on a free port, one connection after the other: the n-th with `answer(n)`.
/// Ends with the test.
fn server(answer: impl Fn(usize) -> String + Send + 'static) -> HttpAddress {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for (n, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            serve(stream, &answer(n));
        }
    });
    HttpAddress { prefix: "/api".to_owned(), ..HttpAddress::plain("127.0.0.1", port) }
}

fn serve(mut stream: TcpStream, answer: &str) {
    let mut request = Vec::new();
    let mut bytes = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut bytes) {
            Ok(length @ 1..) => request.extend_from_slice(&bytes[..length]),
            Ok(_) | Err(_) => return,
        }
    }
    let path = String::from_utf8_lossy(&request).split(' ').nth(1).unwrap().to_owned();
    assert!(["/health", "/metrics"].contains(&path.as_str()), "asked for {path}");
    let _ = stream.write_all(answer.as_bytes());
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A port that nobody listens on and nobody else gets while the tests run.
fn closed_port() -> HttpAddress {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    std::mem::forget(socket);
    HttpAddress::plain("127.0.0.1", port)
}

fn wait(
    address: &HttpAddress,
    path: Option<&str>,
    within: Duration,
    exited: impl FnMut() -> Option<ExitReport>,
) -> Result<Duration, NotReady> {
    let ready = Ready { path: path.map(str::to_owned), within, refused_for: within };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(wait_until_ready(address, &ready, exited))
}

#[test]
fn a_target_is_ready_when_it_answers_well() {
    let address = server(|n| match n {
        0 => "nonsense\r\n\r\n".to_owned(),
        1 | 2 => answer("503 Service Unavailable", "starting"),
        _ => answer("204 No Content", ""),
    });
    assert!(wait(&address, Some("/health"), LONG, || None).unwrap() > Duration::ZERO);
}

#[test]
fn without_a_path_a_connection_will_do() {
    let address = server(|_| String::new());
    assert!(wait(&address, None, LONG, || None).is_ok());
}

#[test]
fn a_target_that_is_never_ready_says_what_was_seen_last() {
    #[track_caller]
    fn check(address: &HttpAddress, path: Option<&str>, seen: &str) {
        let within = Duration::from_secs(3);
        match wait(address, path, within, || None) {
            Err(not_ready @ NotReady::TimedOut { .. }) => {
                let message = not_ready.to_string();
                assert!(message.contains(seen) && message.contains("within 3s"), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
    // Accepts and says nothing: the backlog of a listener that nobody serves.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let cases: [(HttpAddress, Option<&str>, &str); 6] = [
        (server(|_| answer("503 Service Unavailable", "")), Some("/health"), "503 Service"),
        (server(|_| answer("404 Not Found", "")), Some("/health"), "/health: 404 Not Found"),
        (server(|_| String::new()), Some("/health"), "broken answer"),
        (closed_port(), Some("/health"), "connection refused"),
        (closed_port(), None, "connection refused"),
        (HttpAddress { port, ..closed_port() }, Some("/health"), "no answer"),
    ];
    thread::scope(|scope| {
        for (address, path, seen) in &cases {
            scope.spawn(move || check(address, *path, seen));
        }
    });
}

#[test]
fn a_target_that_dies_while_waited_for_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let target = shell(&folder, "echo 'Error: no database' >&2; sleep 0.2; exit 1");
    let watch = target.watch();
    let Err(not_ready) = wait(&closed_port(), Some("/health"), LONG, || watch.exited()) else {
        panic!("ready")
    };
    let message = not_ready.to_string();
    assert!(message.contains("exit status 1") && message.contains("no database"), "{message}");
}

#[test]
fn an_answer_of_somebody_else_is_not_the_targets() {
    let address = server(|_| answer("200 OK", ""));
    let exit = ExitReport { description: "EADDRINUSE".to_owned(), last_words: Vec::new() };
    // It lives when it is asked first, and has ended by the time of the answer.
    let mut asked = 0;
    let outcome = wait(&address, Some("/health"), LONG, || {
        asked += 1;
        (asked > 1).then(|| exit.clone())
    });
    assert!(matches!(outcome, Err(NotReady::Died(_))), "{outcome:?}");
}

#[test]
fn a_taken_port_is_seen() {
    assert!(port_is_taken(&server(|_| String::new())));
    assert!(!port_is_taken(&closed_port()));
}

const METRICS: &str = "nodejs_eventloop_lag_p99_seconds 0.25\ndb_pool_in_use 4\n";

fn monitor(watch: Option<Watch>, metrics: Option<HttpAddress>) -> Monitor {
    let page = |server| Page { server, path: "/metrics".to_owned(), watch: Vec::new() };
    let (metrics, secrets) = (metrics.map(page), Secrets::default());
    Monitor { watch, others: None, metrics, postgres: None, secrets }
}

fn value(second: &TargetSecond, of: &Gauge) -> Option<f64> {
    second.value(gauge::find(&gauges::table(), of)?)
}

#[track_caller]
fn seconds(events: &Receiver<TargetEvent>, count: usize) -> Vec<TargetSecond> {
    let second = |_| match events.recv_timeout(LONG).unwrap() {
        TargetEvent::Second(second) => second,
        TargetEvent::Died(exit) => panic!("died: {exit}"),
        TargetEvent::Statements(all) => panic!("{all:?}"),
    };
    (0..count).map(second).collect()
}

#[test]
fn seconds_tell_what_the_target_uses_and_says_and_when_it_dies() {
    let folder = tempfile::tempdir().unwrap();
    let target = shell(&folder, "sleep 600 & while :; do :; done");
    let (sender, events) = channel();
    let metrics = Some(server(|_| answer("200 OK", METRICS)));
    let begin = Instant::now() + Duration::from_millis(100);
    let running = monitor(Some(target.watch()), metrics).start(begin, sender).unwrap();
    let seen = seconds(&events, 3);
    assert!(begin.elapsed() >= Duration::from_secs(3));
    assert!(seen.windows(2).all(|pair| pair[0].second < pair[1].second), "{seen:?}");
    for second in &seen {
        let value = |gauge: &Gauge| value(second, gauge);
        assert!((0.02..1.3).contains(&value(&gauge::CPU).unwrap()), "{second:?}");
        assert!(value(&gauge::RSS).unwrap() > 1e5 && value(&gauge::DESCRIPTORS).unwrap() >= 6.0);
        assert_eq!((value(&gauge::THREADS), second.scrape_error.as_deref()), (Some(2.0), None));
        assert_eq!(value(&gauge::EVENT_LOOP_DELAY), Some(0.25));
        assert_eq!((value(&gauge::POOL_IN_USE), value(&gauge::POOL_WAITING)), (Some(4.0), None));
    }
    let killed = Instant::now();
    kill(Pid::from_raw(target.root_pid().cast_signed()), Signal::SIGKILL).unwrap();
    let exit = until("the death", || match events.recv_timeout(LONG).unwrap() {
        TargetEvent::Second(_) | TargetEvent::Statements(_) => None,
        TargetEvent::Died(exit) => Some(exit),
    });
    // About 100 ms on an idle machine; well before the next second in any case.
    assert!(killed.elapsed() < Duration::from_millis(900), "{:?}", killed.elapsed());
    assert_eq!(exit.description, "killed by signal 9, SIGKILL");
    assert!(events.recv_timeout(LONG).is_err(), "nothing follows a death");
    running.stop();
}

#[test]
fn scrapes_that_fail_say_why_and_hold_nothing_up() {
    #[track_caller]
    fn check(address: HttpAddress, reason: &str) {
        let (sender, events) = channel();
        let begin = Instant::now();
        let running = monitor(None, Some(address)).start(begin, sender).unwrap();
        for second in seconds(&events, 2) {
            assert!(second.values.iter().all(Option::is_none), "{second:?}");
            let error = second.scrape_error.unwrap_or_default();
            assert!(error.contains(reason), "\"{error}\" without \"{reason}\"");
        }
        assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
        let stopping = Instant::now();
        running.stop();
        assert!(stopping.elapsed() < Duration::from_secs(2));
    }
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let cases: [(HttpAddress, &str); 4] = [
        (HttpAddress { port, ..closed_port() }, "no answer within"),
        (server(|_| answer("404 Not Found", "")), "404 Not Found"),
        (server(|_| answer("200 OK", &"x 1\n".repeat(300_000))), "more than 1 MB"),
        (closed_port(), "connection refused"),
    ];
    thread::scope(|scope| {
        for (address, reason) in cases {
            scope.spawn(move || check(address, reason));
        }
    });
}
