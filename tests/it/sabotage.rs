//! The generator is held back while it measures: stopped, starved, left without
//! descriptors or local ports. What it then says must never be a wrong figure: the run is
//! invalid with the right cause where that decides, and keeps its verdict where it does not.
//!
//! The server runs in this process, which nobody holds back. `scripts/sabotage.sh` repeats
//! all of it, with neighbours that take the CPU away as well, which would disturb the
//! other tests.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(clippy::print_stderr, reason = "says why it tests nothing, and prints the tally")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use loadgate::record::outcome::{Cause, Outcome};
use loadgate::record::run::RunRecord;
use loadgate::record::store;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{self, eventually};
use crate::truth_server::{Behaviour, TruthServer, after, response};

/// Requests per second.
const RATE: usize = 200;
/// A limit that ordinary noise of a busy machine does not reach in one request of a hundred.
const TIGHT: &str = "p99 < 150ms";

/// How the generator is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Plainly,
    /// As the one that yields to everybody.
    Yielding,
}

/// A run under way.
pub(crate) struct Run {
    folder: TempDir,
    child: Child,
}

/// What came of it.
pub(crate) struct Outcomes {
    pub(crate) code: i32,
    pub(crate) summary: Value,
    record: RunRecord,
}

/// Answers after a while.
fn answering_after(millis: u64) -> TruthServer {
    let delay = Duration::from_millis(millis);
    TruthServer::start(Behaviour::replying(move |_| after(delay, response(200, "{}"))))
}

/// A second of warm-up and five that are judged.
fn scenario(url: &str, slo: &[&str]) -> Value {
    json!({
        "name": "sabotage",
        "target": { "url": url },
        "flows": [{ "name": "f", "steps": [
            { "name": "s", "request": "GET /", "timeout": "5s" }
        ] }],
        "load": { "arrivals": "uniform", "stages": [
            { "for": "1s", "rate": format!("{RATE}/s"), "warmup": true },
            { "for": "5s", "rate": format!("{RATE}/s") }
        ] },
        "slo": { "all": slo },
    })
}

impl Run {
    pub(crate) fn start(scenario: &Value, start: Start) -> Run {
        Run::start_in(scenario, start, &[])
    }

    fn start_in(scenario: &Value, start: Start, environment: &[(&str, &PathBuf)]) -> Run {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sabotage.json");
        fs::write(&file, scenario.to_string()).unwrap();
        let mut command = match start {
            Start::Plainly => Command::new(env!("CARGO_BIN_EXE_loadgate")),
            Start::Yielding => {
                let mut nice = Command::new("nice");
                nice.args(["-n", "19", env!("CARGO_BIN_EXE_loadgate")]);
                nice
            }
        };
        command
            .arg("run")
            .arg("--no-walk")
            .arg(&file)
            .arg("-q")
            .arg("-o")
            .arg(folder.path().join("out"));
        command.envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(folder.path().join("stderr")).unwrap());
        let child = command.spawn().unwrap();
        Run { folder, child }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Stops it for so long; returns for how long it really was.
    pub(crate) fn stop_for(&self, length: Duration) -> Duration {
        let begun = Instant::now();
        kill(self.pid(), Signal::SIGSTOP).unwrap();
        thread::sleep(length);
        let stopped = begun.elapsed();
        kill(self.pid(), Signal::SIGCONT).unwrap();
        stopped
    }

    /// Waits until the server has seen so many seconds of load.
    #[track_caller]
    pub(crate) fn wait_for_load(&mut self, server: &TruthServer, seconds: usize) {
        eventually("requests reach the server", || {
            let ended = self.child.try_wait().unwrap();
            assert_eq!(ended, None, "{}", self.said());
            server.log().len() > seconds * RATE
        });
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }

    #[track_caller]
    pub(crate) fn end(mut self) -> Outcomes {
        let code = support::wait(&mut self.child).code().unwrap();
        assert!([0, 3, 5, 6].contains(&code), "exit {code}: {}", self.said());
        let folder = support::latest(&self.folder.path().join("out"), "sabotage");
        let record = store::read(&folder).unwrap();
        Outcomes { code, summary: support::summary(&folder), record }
    }
}

impl Outcomes {
    #[track_caller]
    fn check(&self, code: i32) {
        assert_eq!(
            self.code, code,
            "{:#}\n{:#}",
            self.summary["reasons"], self.summary["findings"]
        );
    }

    fn has_finding(&self, kind: &str) -> bool {
        let findings = self.summary["findings"].as_array().unwrap();
        findings.iter().any(|finding| finding["kind"] == kind)
    }

    /// The first reason names the generator.
    fn blames_generator(&self) -> bool {
        self.summary["reasons"][0].as_str().unwrap().contains("generator")
    }

    fn count(&self, outcome: Outcome) -> u64 {
        let counts = self.record.seconds.iter().flat_map(|second| second.counts());
        counts.map(|counts| counts.outcome(outcome)).sum()
    }

    fn cause(&self, cause: Cause) -> u64 {
        let counts = self.record.seconds.iter().flat_map(|second| second.counts());
        counts.map(|counts| counts.cause(cause)).sum()
    }
}

/// One run that is stopped for 500 ms in its judged part.
#[track_caller]
fn stopped(server: &TruthServer, slo: &[&str]) -> Outcomes {
    let mut run = Run::start(&scenario(&server.url(), slo), Start::Plainly);
    run.wait_for_load(server, 3);
    run.stop_for(Duration::from_millis(500));
    run.end()
}

#[test]
fn a_stop_that_decides_voids_the_run() {
    let outcomes = stopped(&answering_after(2), &[TIGHT]);
    outcomes.check(6);
    assert!(outcomes.blames_generator(), "{:#}", outcomes.summary["reasons"]);
    assert!(outcomes.has_finding("stall"), "{:#}", outcomes.summary["findings"]);
}

#[test]
fn a_stop_that_decides_nothing_is_a_warning() {
    let outcomes = stopped(&answering_after(2), &["p99 < 4s", "error_rate < 1%"]);
    outcomes.check(0);
    assert!(outcomes.has_finding("stall"), "{:#}", outcomes.summary["findings"]);
}

#[test]
fn a_slow_target_stays_slow_beside_a_stop() {
    let outcomes = stopped(&answering_after(300), &[TIGHT]);
    outcomes.check(3);
    assert!(outcomes.has_finding("stall"), "{:#}", outcomes.summary["findings"]);
}

/// At the stop 60 requests are in flight. They are answered during it, within their limit of
/// one second, though nobody looks before it is over.
#[test]
fn an_answer_that_came_in_time_is_no_timeout_however_late_it_is_read() {
    let server = answering_after(300);
    let mut scenario = scenario(&server.url(), &["availability >= 99.9%"]);
    scenario["flows"][0]["steps"][0]["timeout"] = json!("1s");
    let mut run = Run::start(&scenario, Start::Plainly);
    run.wait_for_load(&server, 3);
    let stopped = run.stop_for(Duration::from_millis(1_500));
    let outcomes = run.end();
    // Those that were due in the stop and left more than 700 ms late.
    let late = (stopped.as_secs_f64() - 0.7) * RATE as f64;
    let timeouts = outcomes.count(Outcome::Timeout) as f64;
    assert!(timeouts < late + 30.0, "{timeouts} timeouts, {late:.0} are the stop's");
    outcomes.check(6);
    assert!(outcomes.blames_generator(), "{:#}", outcomes.summary["reasons"]);
}

/// As under a quota of a tenth of a core: 20 ms of every 200.
fn starve(run: &Run, length: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < length {
        run.stop_for(Duration::from_millis(180));
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_quota_that_makes_it_late_voids_the_run() {
    let outcomes = starved();
    outcomes.check(6);
    assert!(outcomes.blames_generator(), "{:#}", outcomes.summary["reasons"]);
}

/// A real quota of the kernel's scheduler; its group is gone when dropped.
struct Quota {
    folder: PathBuf,
    /// What is written, and where, when there is no quota any more.
    lifted: (&'static str, &'static str),
}

impl Quota {
    /// So many milliseconds of each second; `None` where nobody may make such a group.
    fn of(millis: u32) -> Option<Quota> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("loadgate-test-{}-{number}", std::process::id());
        let micros = millis * 1_000;
        let both = ("/sys/fs/cgroup", vec![("cpu.max", format!("{micros} 1000000"))], "max");
        let period = ("cpu.cfs_period_us", "1000000".to_owned());
        let quota = ("cpu.cfs_quota_us", micros.to_string());
        let apart = ("/sys/fs/cgroup/cpu", vec![period, quota], "-1");
        [both, apart].into_iter().find_map(|(root, files, lifted)| {
            let folder = Path::new(root).join(&name);
            fs::create_dir(&folder).ok()?;
            let quota = Quota { folder, lifted: (files[files.len() - 1].0, lifted) };
            // In a group without these files there is no quota.
            let set = |(file, value): &(&str, String)| {
                let path = quota.folder.join(file);
                path.exists() && fs::write(path, value).is_ok()
            };
            files.iter().all(set).then_some(quota)
        })
    }

    /// Every thread of a process.
    fn take(&self, pid: Pid) {
        fs::write(self.folder.join("cgroup.procs"), pid.to_string()).unwrap();
    }

    fn lift(&self) {
        fs::write(self.folder.join(self.lifted.0), self.lifted.1).unwrap();
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // What is in it ends first.
        for _ in 0..100 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// For 3 s of its judged part it has so many milliseconds of each second only.
fn under_quota(millis: u32, slo: &[&str]) -> Option<Outcomes> {
    let quota = Quota::of(millis)?;
    let server = answering_after(2);
    let mut run = Run::start(&scenario(&server.url(), slo), Start::Plainly);
    run.wait_for_load(&server, 2);
    quota.take(run.pid());
    thread::sleep(Duration::from_secs(3));
    quota.lift();
    Some(run.end())
}

#[test]
fn a_quota_of_the_kernel_voids_the_run() {
    let Some(outcomes) = under_quota(5, &["p99 < 100ms"]) else {
        return support::skip("nobody may set a quota here; another test stops it instead");
    };
    outcomes.check(6);
    assert!(outcomes.blames_generator(), "{:#}", outcomes.summary["reasons"]);
    assert!(outcomes.has_finding("stall"), "{:#}", outcomes.summary["findings"]);
}

#[test]
fn a_quota_that_is_wide_enough_decides_nothing() {
    let Some(outcomes) = under_quota(500, &["p99 < 4s", "error_rate < 1%"]) else {
        return support::skip("nobody may set a quota here");
    };
    outcomes.check(0);
}

/// The wall clock goes 400 ms forward, for this process only, once a file is there. The
/// kernel's stamps stay where they are, so that every later answer seems to be that old.
const STEPPED_CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *at) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, at);
    const char *file = getenv("LOADGATE_TEST_STEP_WHEN");
    if (!failed && clock == CLOCK_REALTIME && file && access(file, F_OK) == 0) {
        at->tv_nsec += 400000000;
        at->tv_sec += at->tv_nsec / 1000000000;
        at->tv_nsec %= 1000000000;
    }
    return failed;
}
"#;

/// A library with that clock; `None` where no C is to be had.
fn stepped_clock(folder: &Path) -> Option<PathBuf> {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    fs::write(&source, STEPPED_CLOCK).unwrap();
    let mut compile = Command::new("cc");
    compile.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
    let compiled = compile.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    (compiled && cfg!(target_os = "linux")).then_some(library)
}

/// Setting the clock of the machine itself would disturb everybody on it.
#[test]
fn a_step_of_the_wall_clock_voids_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = stepped_clock(folder.path()) else {
        return support::skip("no library that changes the clock can be made here");
    };
    let step = folder.path().join("step");
    let server = answering_after(20);
    let environment = [("LD_PRELOAD", &library), ("LOADGATE_TEST_STEP_WHEN", &step)];
    let scenario = scenario(&server.url(), &["p99 < 4s"]);
    let mut run = Run::start_in(&scenario, Start::Plainly, &environment);
    run.wait_for_load(&server, 3);
    fs::write(&step, "").unwrap();
    let outcomes = run.end();
    outcomes.check(6);
    assert!(outcomes.has_finding("clock_jump"), "{:#}", outcomes.summary["findings"]);
    assert!(outcomes.summary["reasons"][0].as_str().unwrap().contains("clock"));
}

#[test]
fn too_few_descriptors_are_said_before_the_start() {
    let server = answering_after(2);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sabotage.json");
    fs::write(&file, scenario(&server.url(), &[TIGHT]).to_string()).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -n 256 && exec "$0" "$@""#, env!("CARGO_BIN_EXE_loadgate")]);
    command.arg("run").arg("--no-walk").arg(&file).arg("-o").arg(folder.path().join("out"));
    let finished = support::finish(&mut command);
    let said = support::stderr(&finished);
    assert_eq!(finished.status.code(), Some(1), "{said}");
    assert!(said.contains("raise the limit (ulimit -n 1100)"), "{said}");
    assert!(said.contains(r#"lower "connections" of "limits" to 156"#), "{said}");
    assert!(server.log().is_empty());
}

/// Somebody lowers the limit while it runs; the target answers slowly, so that more
/// connections are needed than are allowed.
fn without_descriptors() -> Option<Outcomes> {
    let server = answering_after(400);
    let mut run = Run::start(&scenario(&server.url(), &["p99 < 900ms"]), Start::Plainly);
    run.wait_for_load(&server, 1);
    let open = fs::read_dir(format!("/proc/{}/fd", run.pid())).ok()?.count();
    // All that are open would do for ever: some have to go.
    run.stop_for(Duration::from_millis(500));
    let mut limit = Command::new("prlimit");
    limit.arg(format!("--pid={}", run.pid())).arg(format!("--nofile={}", open / 2));
    let lowered = limit.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    run.stop_for(Duration::from_millis(500));
    let outcomes = run.end();
    lowered.then_some(outcomes)
}

#[test]
fn running_out_of_descriptors_voids_the_run() {
    let Some(outcomes) = without_descriptors() else {
        return support::skip("nobody may change the limits of a process here");
    };
    outcomes.check(6);
    assert!(outcomes.cause(Cause::Descriptors) > 0);
    assert!(outcomes.has_finding("unsent"), "{:#}", outcomes.summary["findings"]);
}

/// Set for the test that runs in a network of its own.
const SMALL_WORLD: &str = "LOADGATE_TEST_SMALL_WORLD";

/// Runs a test of this file in a network of its own with 30 local ports; `None` if this
/// machine lets nobody make one.
fn in_a_small_world(test: &str) -> Option<std::process::Output> {
    let made = "ip link set lo up && echo 40000 40029 > /proc/sys/net/ipv4/ip_local_port_range";
    let unshare = |kind: &str, what: &str| {
        let mut command = Command::new("unshare");
        command.args([kind, "--", "sh", "-c", what]).arg(std::env::current_exe().unwrap());
        command
    };
    let can = |kind: &&str| {
        let mut command = unshare(kind, made);
        command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    // Root makes a network of its own; others need to be root of something for that.
    ["-n", "-rn"].into_iter().find(can).map(|kind| {
        let mut command = unshare(kind, &format!(r#"{made} && exec "$0" "$@""#));
        command.args(["--exact", test, "--ignored", "--nocapture"]).env(SMALL_WORLD, "yes");
        support::finish(&mut command)
    })
}

#[test]
fn running_out_of_local_ports_voids_the_run() {
    let Some(inside) = in_a_small_world("sabotage::without_local_ports") else {
        return support::skip("this machine lets nobody make a network");
    };
    let said = format!("{}{}", support::stdout(&inside), support::stderr(&inside));
    assert!(inside.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "needs the network that another test makes for it"]
fn without_local_ports() {
    assert!(std::env::var_os(SMALL_WORLD).is_some(), "run by another test only");
    // 80 requests are in flight.
    let server = answering_after(400);
    let outcomes = Run::start(&scenario(&server.url(), &["p99 < 4s"]), Start::Plainly).end();
    // Ends without a local port of its own.
    drop(server);
    outcomes.check(6);
    assert!(outcomes.cause(Cause::Ports) > 0);
    for kind in ["unsent", "preparations"] {
        assert!(outcomes.has_finding(kind), "{:#}", outcomes.summary["findings"]);
    }
}

/// Programs that take every core; they end with this value, or by themselves.
struct Neighbours(Vec<Child>);

impl Neighbours {
    fn spinning(number: usize) -> Neighbours {
        let spin = || {
            let mut command = Command::new("timeout");
            command.args(["20", "sh", "-c", "while :; do :; done"]).spawn().unwrap()
        };
        Neighbours((0..number).map(|_| spin()).collect())
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // `timeout` passes it on to what it runs.
            let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
        }
        for child in &mut self.0 {
            drop(child.wait());
        }
    }
}

#[test]
fn the_worker_goes_ahead_as_the_record_says_and_not_if_the_user_chose() {
    for start in [Start::Plainly, Start::Yielding] {
        let server = answering_after(2);
        let mut run = Run::start(&scenario(&server.url(), &[TIGHT]), start);
        run.wait_for_load(&server, 1);
        let process = run.pid().as_raw().cast_unsigned();
        let [main, worker] = support::nice_values(process, "worker-0").unwrap();
        let said = run.end().record.head.environment().nice.map(i64::from);
        assert_eq!(said.unwrap_or(main), worker, "{start:?}");
        assert!(said.is_none() || start == Start::Plainly, "{said:?}");
    }
}

fn among_neighbours() -> Outcomes {
    let server = answering_after(2);
    let mut run = Run::start(&scenario(&server.url(), &["p99 < 100ms"]), Start::Yielding);
    run.wait_for_load(&server, 1);
    let neighbours = Neighbours::spinning(64);
    thread::sleep(Duration::from_secs(3));
    drop(neighbours);
    run.end()
}

fn starved() -> Outcomes {
    let server = answering_after(2);
    let mut run = Run::start(&scenario(&server.url(), &["p99 < 100ms"]), Start::Plainly);
    run.wait_for_load(&server, 1);
    starve(&run, Duration::from_secs(3));
    run.end()
}

fn undisturbed() -> Outcomes {
    let server = answering_after(2);
    Run::start(&scenario(&server.url(), &[TIGHT]), Start::Plainly).end()
}

/// One line of the tally, and whether it is as it should be.
fn tell(name: &str, outcomes: &Outcomes, is_right: bool) -> bool {
    let mark = if is_right { "ok   " } else { "WRONG" };
    eprintln!("{mark} {name}: exit {}: {}", outcomes.code, outcomes.summary["reasons"][0]);
    is_right
}

/// `scripts/sabotage.sh`: so many sabotaged runs, each invalid with the right cause, and as
/// many undisturbed ones, none of them invalid.
#[test]
#[ignore = "takes five minutes and the whole machine; scripts/sabotage.sh"]
fn tally() {
    const RUNS: usize = 20;
    let (mut caught, mut voided) = (0, 0);
    for round in 0..RUNS {
        let stopped = || ("stopped for 500 ms", stopped(&answering_after(2), &[TIGHT]), "stall");
        let (name, outcomes, cause) = match round % 5 {
            0 => stopped(),
            1 => ("a tenth of a core", starved(), "stall"),
            2 => ("64 neighbours", among_neighbours(), "stall"),
            3 => under_quota(5, &["p99 < 100ms"])
                .map_or_else(stopped, |outcomes| ("a quota of 5 ms per second", outcomes, "stall")),
            _ => without_descriptors()
                .map_or_else(stopped, |outcomes| ("no descriptors", outcomes, "unsent")),
        };
        let named = outcomes.blames_generator() || cause == "unsent";
        let is_right = outcomes.code == 6 && outcomes.has_finding(cause) && named;
        caught += usize::from(tell(name, &outcomes, is_right));
        let calm = undisturbed();
        voided += usize::from(!tell("undisturbed", &calm, calm.code != 6));
    }
    match in_a_small_world("sabotage::without_local_ports") {
        Some(inside) if inside.status.success() => eprintln!("ok    without local ports: invalid"),
        Some(inside) => panic!("without local ports: {}", support::stderr(&inside)),
        None => {
            eprintln!("not tried: without local ports; nobody may make a network here");
        }
    }
    eprintln!("sabotaged: {caught} of {RUNS} invalid with the right cause");
    eprintln!("undisturbed: {voided} of {RUNS} invalid");
    assert_eq!((caught, voided), (RUNS, 0));
}
