//! A real Fastify API under load: `scenarios/orders.json`, shortened, against
//! `examples/fastify-orders`, healthy and with each of its faults. The truth about a
//! freeze is taken from the API's own log.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    self, eventually, free_port, latest, loadgate, root, stderr, stdout, summary, wait,
};

/// Marks the environment of everything that a test has started.
const MARK: &str = "LOADGATE_TEST_RUN";

/// Starting the API takes a core for seconds. Whoever judges times has the machine alone, as
/// far as this module goes; the others share it.
static MACHINE: RwLock<()> = RwLock::new(());

fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

fn shared() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

fn example() -> PathBuf {
    let folder = root().join("examples/fastify-orders");
    assert!(
        folder.join("node_modules/fastify").is_dir(),
        "the reference API is not installed; run: npm ci --prefix examples/fastify-orders"
    );
    folder
}

/// A copy of a scenario in a folder of its own, and everything that runs because of it.
struct Trial {
    folder: TempDir,
    name: String,
    port: u16,
    faults: Vec<(&'static str, String)>,
}

impl Trial {
    /// A scenario of this project with other stages, on a free port.
    fn of(name: &str, stages: &Value, change: impl FnOnce(&mut Value)) -> Trial {
        let text = fs::read_to_string(root().join(format!("scenarios/{name}.json"))).unwrap();
        let mut scenario: Value = serde_json::from_str(&text).unwrap();
        let port = free_port();
        scenario.as_object_mut().unwrap().remove("$schema");
        scenario["target"]["url"] = json!(format!("http://127.0.0.1:{port}"));
        scenario["target"]["env"]["PORT"] = json!(port.to_string());
        scenario["target"]["cwd"] = json!(example());
        scenario["load"]["stages"] = stages.clone();
        change(&mut scenario);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("scenario.json"), scenario.to_string()).unwrap();
        Trial { folder, name: name.to_owned(), port, faults: Vec::new() }
    }

    fn with(mut self, fault: &'static str, value: impl Into<String>) -> Trial {
        self.faults.push((fault, value.into()));
        self
    }

    fn command(&self) -> Command {
        self.prepared(loadgate())
    }

    /// `loadgate run` of this scenario by another command than the binary itself.
    fn prepared(&self, mut command: Command) -> Command {
        command
            .arg("run")
            .arg(self.folder.path().join("scenario.json"))
            .arg("-o")
            .arg(self.folder.path())
            .env(MARK, self.port.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FAULT_")) {
            command.env_remove(name);
        }
        command.envs(self.faults.iter().map(|(name, value)| (*name, value.as_str())));
        command
    }

    #[track_caller]
    fn run(&self) -> Output {
        let output = self.command().output().unwrap();
        self.nothing_is_left();
        output
    }

    fn record(&self) -> PathBuf {
        latest(self.folder.path(), &self.name)
    }

    fn summary(&self) -> Value {
        summary(&self.record())
    }

    /// Whether that many seconds of load are on disk.
    fn loaded_for(&self, seconds: usize) -> bool {
        let log = fs::read_to_string(self.record().join("intervals.hlog")).unwrap_or_default();
        let intervals = log.lines().filter_map(|line| line.strip_prefix("Tag="));
        let starts: BTreeSet<_> = intervals.filter_map(|line| line.split(',').nth(1)).collect();
        starts.len() >= seconds
    }

    /// Everything that was started has ended, and nobody listens on the port.
    #[track_caller]
    fn nothing_is_left(&self) {
        assert_eq!(self.left(), Vec::<String>::new());
        assert!(std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err());
    }

    /// The living processes that have this trial's mark.
    fn left(&self) -> Vec<String> {
        let mark = format!("{MARK}={}", self.port);
        let folders = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        folders.filter_map(|process| marked(&process.path(), &mark)).collect()
    }
}

/// The command line of a process that has the mark in its environment.
fn marked(process: &Path, mark: &str) -> Option<String> {
    let environment = fs::read(process.join("environ")).ok()?;
    if !environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
        return None;
    }
    Some(String::from_utf8_lossy(&fs::read(process.join("cmdline")).ok()?).replace('\0', " "))
}

/// A short warm-up and a stage of so many seconds at a rate.
fn stages(seconds: u32, rate: u32) -> Value {
    let rate = format!("{rate}/s");
    json!([
        { "for": "2s", "rate": rate, "warmup": true },
        { "for": format!("{seconds}s"), "rate": rate },
    ])
}

/// Objectives that a few seconds can certify, and that hold on a busy machine.
fn easy(scenario: &mut Value) {
    scenario["slo"] = json!({ "all": ["p95 < 2s", "server_error_rate < 5%"] });
}

#[track_caller]
fn ended_with(code: i32, output: &Output) {
    let (out, err) = (stdout(output), stderr(output));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
}

#[test]
fn a_healthy_api_passes_and_shows_its_inside() {
    let _machine = alone();
    let trial = Trial::of("orders", &stages(8, 60), easy);
    let output = trial.run();
    ended_with(0, &output);
    let summary = trial.summary();
    for what in ["target_cpu", "target_rss", "event_loop_delay", "pool_in_use", "generator_cpu"] {
        assert!(summary["saturation"][what]["mean"].is_number(), "{what}: {summary}");
    }
    assert!(summary["saturation"]["target_rss"]["mean"].as_f64().unwrap() > 50e6, "{summary}");
    assert!(summary["saturation"]["event_loop_delay"]["mean"].as_f64().unwrap() > 0.0, "{summary}");
    let steps = summary["steps"].as_array().unwrap();
    for name in ["list orders", "show order", "create order"] {
        let step = steps.iter().find(|step| step["name"] == name).unwrap();
        assert!(step["counts"]["planned"].as_u64().unwrap() > 20, "{name}: {step}");
        assert_eq!(step["error_rate"], 0.0, "{name}: {step}");
    }
    let log = fs::read_to_string(trial.record().join("target.log")).unwrap();
    assert!(log.contains("orders: ready on"), "{log}");
}

#[test]
fn slowness_is_a_missed_objective_and_nothing_else() {
    let _machine = shared();
    let slow = |scenario: &mut Value| {
        scenario["slo"] = json!({ "all": ["p50 < 600ms", "server_error_rate < 5%"] });
    };
    let trial = Trial::of("orders", &stages(5, 40), slow).with("FAULT_SLOW_MS", "700");
    let output = support::unless_starved(|| trial.run());
    ended_with(3, &output);
    let summary = trial.summary();
    assert_eq!(summary["slos"][0]["status"], "missed");
    assert_eq!(summary["slos"][1]["status"], "met");
    assert!(summary["total"]["response"]["p50"].as_f64().unwrap() >= 700.0);
}

#[test]
fn failing_requests_are_a_missed_objective_and_are_counted() {
    let _machine = shared();
    let trial = Trial::of("orders", &stages(5, 40), easy).with("FAULT_FAIL_SHARE", "0.3");
    let output = trial.run();
    ended_with(3, &output);
    let summary = trial.summary();
    assert_eq!(summary["slos"][1]["status"], "missed");
    let statuses = summary["total"]["counts"]["statuses"].as_array().unwrap();
    assert!(statuses.iter().any(|pair| pair[0] == 500), "{statuses:?}");
    assert!(stdout(&output).contains("server_error_rate < 5%"));
}

#[test]
fn a_target_that_dies_is_lost_and_its_last_words_are_told() {
    let _machine = shared();
    let trial = Trial::of("orders", &stages(30, 40), easy).with("FAULT_DIE_AFTER_S", "5");
    let output = trial.run();
    ended_with(7, &output);
    let text = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.starts_with("TARGET LOST"), "{text}");
    assert!(text.contains("| orders: dying after 5 s, as FAULT_DIE_AFTER_S says"), "{text}");
    assert_eq!(trial.summary()["verdict"], "target_lost");
    // What was measured before is there.
    assert!(trial.summary()["whole_run"]["planned"].as_u64().unwrap() > 50);
}

#[test]
fn an_occupied_port_is_not_loaded() {
    let trial = Trial::of("orders", &stages(5, 40), easy);
    let stranger = std::net::TcpListener::bind(("127.0.0.1", trial.port)).unwrap();
    let output = trial.command().output().unwrap();
    ended_with(7, &output);
    let address = format!("something answers at http://127.0.0.1:{} already", trial.port);
    assert!(stderr(&output).contains(&address), "{}", stderr(&output));
    assert_eq!(trial.left(), Vec::<String>::new());
    drop(stranger);
}

/// The port that the API wants is another one than the scenario's, so only the API sees it.
#[test]
fn a_target_that_cannot_listen_says_so_in_its_own_words() {
    let stranger = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let wanted = stranger.local_addr().unwrap().port().to_string();
    let trial = Trial::of("orders", &stages(5, 40), |scenario| {
        scenario["target"]["env"]["PORT"] = json!(wanted);
    });
    let output = trial.run();
    ended_with(7, &output);
    let words = format!("orders: cannot listen on 127.0.0.1:{wanted}: the port is already in use");
    assert!(stderr(&output).contains(&words), "{}", stderr(&output));
}

#[test]
fn a_command_that_does_not_exist_is_named() {
    let trial = Trial::of("orders", &stages(5, 40), |scenario| {
        scenario["target"]["command"] = json!(["no-such-program", "server.js"]);
    });
    let output = trial.run();
    ended_with(7, &output);
    assert!(stderr(&output).contains("no program \"no-such-program\""), "{}", stderr(&output));
}

#[test]
fn a_target_that_is_never_ready_is_lost_with_its_last_words() {
    let _machine = shared();
    let trial = Trial::of("orders", &stages(5, 40), |scenario| {
        // Enough for the API to have said what it has to say, also on a busy machine.
        scenario["target"]["ready"]["within"] = json!("40s");
    });
    let trial = trial.with("FAULT_NEVER_READY", "1");
    let output = trial.run();
    ended_with(7, &output);
    let err = stderr(&output);
    for words in ["not ready within 40s", "503", "orders: listening, never ready on"] {
        assert!(err.contains(words), "{words}: {err}");
    }
}

/// Starts a run and waits until it has measured for some seconds.
#[track_caller]
fn under_load(trial: &Trial, mut command: Command) -> Child {
    let child = command.spawn().unwrap();
    eventually("three seconds of load", || trial.loaded_for(3));
    // loadgate, the target's supervisor, the target: what is looked for afterwards is found now.
    assert!(trial.left().len() >= 3, "{:?}", trial.left());
    child
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

/// An interrupted run ends in good order whoever passed the signal on.
#[track_caller]
fn interrupted(trial: &Trial, mut child: Child) {
    signal(&child, Signal::SIGINT);
    let status = wait(&mut child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(status.code(), Some(130), "{}", stderr(&output));
    trial.nothing_is_left();
    let measured = trial.summary()["whole_run"]["planned"].as_u64().unwrap();
    assert!(measured > 50, "{measured}");
    for file in ["run.json", "intervals.hlog", "report.html", "junit.xml", "summary.md"] {
        assert!(trial.record().join(file).metadata().unwrap().len() > 0, "{file}");
    }
    let again = loadgate().arg("report").arg(trial.record()).output().unwrap();
    assert!(stdout(&again).contains("orders"), "{}", stderr(&again));
}

#[test]
fn an_interrupt_saves_what_was_measured_and_stops_the_target() {
    let _machine = shared();
    let trial = Trial::of("orders", &stages(60, 40), easy);
    interrupted(&trial, under_load(&trial, trial.command()));
}

#[test]
fn an_interrupt_through_the_npm_package_does_the_same() {
    let _machine = shared();
    let trial = Trial::of("orders", &stages(60, 40), easy);
    let mut npm = Command::new("node");
    npm.arg(root().join("npm/bin/loadgate.js")).stdin(Stdio::null());
    npm.env("LOADGATE_BIN", env!("CARGO_BIN_EXE_loadgate")).env_remove("CI");
    interrupted(&trial, under_load(&trial, trial.prepared(npm)));
}

#[test]
fn a_killed_run_leaves_no_process_and_can_be_reported() {
    let _machine = shared();
    let trial = Trial::of("orders", &stages(60, 40), easy);
    let mut child = under_load(&trial, trial.command());
    signal(&child, Signal::SIGKILL);
    wait(&mut child);
    eventually("the target is gone", || trial.left().is_empty());
    trial.nothing_is_left();
    let output = loadgate().arg("report").arg(trial.record()).output().unwrap();
    assert!(stdout(&output).contains("list orders"), "{}{}", stdout(&output), stderr(&output));
    assert!(trial.summary()["whole_run"]["planned"].as_u64().unwrap() > 50);
    assert!(trial.record().join("report.html").exists());
}

mod freeze {
    //! The API's event loop stands still for half a second in every five. What percentiles
    //! that implies is known from the API's own logs and from the plan of the arrivals: at
    //! least what a request waited for the end of a freeze, and at most what it waited until
    //! the API had answered everything that had come meanwhile, in whatever order it did so.

    use super::*;

    const MARGIN: f64 = 0.05;
    /// Noise of the machine only ever adds time; a wrong measurement is wrong every time.
    const ATTEMPTS: usize = 3;
    /// A generator without optimisations takes long to read the answers after a freeze.
    const RATE: u32 = if cfg!(debug_assertions) { 200 } else { 500 };
    const JUDGED: u32 = 20;

    /// A freeze in seconds of the schedule.
    #[derive(Debug, Clone, Copy)]
    struct Freeze {
        from: f64,
        to: f64,
        /// When as many were answered since its start as had been due since then.
        caught_up: f64,
    }

    #[derive(Debug, Clone, Copy)]
    struct Seen {
        /// By the ends of the freezes.
        least: f64,
        /// By the ends of what they held up.
        most: f64,
        measured: f64,
        /// The generator's own part, as the report states it.
        error: f64,
    }

    impl Seen {
        fn hides_time(self) -> bool {
            self.measured < self.least * (1.0 - MARGIN)
        }

        fn adds_time(self) -> bool {
            self.measured > self.most * (1.0 + MARGIN + self.error)
        }
    }

    #[test]
    fn p95_and_p99_are_what_the_freezes_imply() {
        let _machine = alone();
        let mut all = Vec::new();
        for _ in 0..ATTEMPTS {
            let seen = attempt();
            assert!(!seen.iter().any(|seen| seen.hides_time()), "{seen:?}");
            all.push(seen);
            if !seen.iter().any(|seen| seen.adds_time()) {
                return;
            }
        }
        panic!("too slow each time: {all:?}");
    }

    fn attempt() -> [Seen; 2] {
        let trial = Trial::of("freeze", &freeze_stages(), |scenario| {
            scenario["slo"] = json!({ "all": ["p95 < 2s", "p99 < 2s"] });
        });
        let log = trial.folder.path().join("freezes.jsonl");
        let answers = trial.folder.path().join("answers.txt");
        let trial = trial.with("FAULT_FREEZE_LOG", log.to_str().unwrap());
        let trial = trial.with("FAULT_ANSWER_LOG", answers.to_str().unwrap());
        ended_with(0, &trial.run());
        let (summary, freezes) = (trial.summary(), freezes(&trial, &log, &answers));
        let (from, to) = (second(&summary, "from"), second(&summary, "to"));
        assert!(to - from >= 10.0, "too little was judged: {from} to {to}");
        let least = waits(&freezes, from, to, |freeze| freeze.to);
        let most = waits(&freezes, from, to, |freeze| freeze.caught_up);
        [(0, 0.95, "p95"), (1, 0.99, "p99")].map(|(slo, share, name)| Seen {
            least: quantile(&least, share),
            most: quantile(&most, share),
            measured: summary["total"]["response"][name].as_f64().unwrap() / 1e3,
            error: summary["slos"][slo]["generator_error"]["relative"].as_f64().unwrap(),
        })
    }

    fn freeze_stages() -> Value {
        let rate = format!("{RATE}/s");
        json!([
            { "for": "5s", "rate": rate, "warmup": true },
            { "for": format!("{JUDGED}s"), "rate": rate },
        ])
    }

    fn second(summary: &Value, edge: &str) -> f64 {
        summary["window"][edge].as_f64().unwrap()
    }

    /// The freezes of the API's log, in seconds since the schedule's start.
    fn freezes(trial: &Trial, log: &Path, answers: &Path) -> Vec<Freeze> {
        let text = fs::read_to_string(trial.record().join("run.json")).unwrap();
        let record: Value = serde_json::from_str(&text).unwrap();
        let start = record["started_unix_ms"].as_f64().unwrap() / 1e3;
        let moment = |text: &str| text.parse::<u128>().unwrap() as f64 / 1e9 - start;
        let answers = fs::read_to_string(answers).unwrap();
        let answers: Vec<f64> = answers.lines().map(moment).collect();
        let log = fs::read_to_string(log).unwrap();
        let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
        let freezes: Vec<_> = lines
            .map(|line: Value| {
                let of = |key: &str| moment(line[key].as_str().unwrap());
                let (from, to) = (of("start_unix_ns"), of("end_unix_ns"));
                Freeze { from, to, caught_up: caught_up(from, to, &answers) }
            })
            .collect();
        assert!(freezes.len() >= 3, "{log}");
        freezes
    }

    fn caught_up(from: f64, to: f64, answers: &[f64]) -> f64 {
        let since = answers.iter().filter(|at| **at > from);
        let mut counted = since.enumerate().map(|(before, at)| (before as f64 + 1.0, *at));
        let up =
            counted.find(|(answered, at)| *at >= to && *answered >= (at - from) * f64::from(RATE));
        up.map_or(to, |(_, at)| at)
    }

    /// How long the requests due in a window wait for what a freeze held up, ascending: the
    /// n-th is due at n / rate, and one due outside of it does not wait.
    fn waits(freezes: &[Freeze], from: f64, to: f64, until: impl Fn(&Freeze) -> f64) -> Vec<f64> {
        let due = (0..).map(|n| (f64::from(n) + 0.5) / f64::from(RATE));
        let judged = due.skip_while(|due| *due < from).take_while(|due| *due < to);
        let wait = |due: f64| {
            let freeze = freezes.iter().find(|freeze| (freeze.from..until(freeze)).contains(&due));
            freeze.map_or(0.0, |freeze| until(freeze) - due)
        };
        let mut waits: Vec<f64> = judged.map(wait).collect();
        waits.sort_by(f64::total_cmp);
        waits
    }

    fn quantile(sorted: &[f64], share: f64) -> f64 {
        sorted[((share * sorted.len() as f64).ceil() as usize).saturating_sub(1)]
    }
}
