//! `loadgate soak` with real processes and sockets, in windows of a second or two: what leaks is
//! found, what does not passes, and a soak that was killed goes on to the same verdict.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use super::support::{self, ends_with, eventually, finish, latest, loadgate, stderr, stdout, wait};

/// Takes all memory that it will need at once, and then keeps so many megabytes more of each
/// second, as the file `leak` says; opens a descriptor a second if there is a file `opens`.
const SERVER: &str = r#"
const fs = require("node:fs");
const leak = fs.existsSync("leak") ? Number(fs.readFileSync("leak", "utf8")) : 0;
const kept = [Buffer.alloc(60e6, 1)];
const opened = [];
setInterval(() => {
  if (leak > 0) kept.push(Buffer.alloc(leak * 1e5, 1));
}, 100);
setInterval(() => {
  if (fs.existsSync("opens")) opened.push(fs.openSync("server.js"));
}, 1000);
fs.appendFileSync("started", process.pid + "\n");
require("node:http").createServer((request, response) => response.end("{}"))
  .listen(Number(process.env.PORT), "127.0.0.1");
"#;

/// A folder with a server and its scenario.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { root: tempfile::tempdir().unwrap() };
        place.write("server.js", SERVER);
        place.scenario("50/s");
        place
    }

    fn scenario(&self, rate: &str) {
        let port = support::free_port();
        self.write(
            "scenario.json",
            &format!(
                r#"{{ "name": "place",
                    "target": {{ "url": "http://127.0.0.1:{port}", "command": ["node", "server.js"] }},
                    "flows": [{{ "name": "f", "steps": [{{ "request": "GET /" }}] }}],
                    "load": {{ "stages": [{{ "for": "5s", "rate": "{rate}" }}] }},
                    "slo": {{ "all": ["p50 < 2s"] }} }}"#
            ),
        );
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.root.path().join(name), text).unwrap();
    }

    fn soak(&self, more: &[&str]) -> Command {
        let mut command = loadgate();
        command.current_dir(self.path("")).args(["soak", "scenario.json", "-o", "out"]).args(more);
        command
    }

    fn resume(&self) -> Command {
        let mut command = loadgate();
        command.current_dir(self.path("")).args(["soak", "--resume", "out/place/latest-soak"]);
        command
    }

    fn folder(&self) -> PathBuf {
        latest(&self.path("out"), "place").canonicalize().unwrap()
    }

    fn summary(&self) -> Value {
        support::summary(&self.folder())
    }

    fn trend(&self, metric: &str) -> Value {
        let summary = self.summary();
        let trends = summary["soak"]["trends"].as_array().unwrap().clone();
        trends.into_iter().find(|trend| trend["metric"] == metric).unwrap()
    }

    /// No server is left.
    #[track_caller]
    fn is_clean(&self) {
        support::all_are_gone(&self.path(""));
    }
}

/// 16 windows of a second: the least that tells. What is allowed is far beyond what a server at
/// rest does, and far below what one does that leaks 20 MB a second.
const SHORT: [&str; 6] = ["-d", "17s", "--window", "1s", "--leak-limit", "18000MB/h"];
const LOOSE: [&str; 2] = ["--drift-limit", "100000%/h"];

fn short() -> Vec<&'static str> {
    SHORT.into_iter().chain(LOOSE).collect()
}

#[test]
fn a_leak_is_found_and_told_in_every_format() {
    let place = Place::new();
    place.write("leak", "20");
    let output = finish(&mut place.soak(&[short(), vec!["--memory-limit", "2GB"]].concat()));
    ends_with(&output, 3);
    let said = stdout(&output);
    for part in ["LEAK FOUND  place", "leak: target memory grows by ", "memory limit"] {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
    assert!(said.lines().all(|line| line.contains("out/place") || line.chars().count() <= 80));
    let memory = place.trend("memory");
    let per_hour = memory["per_hour"].as_f64().unwrap() / 3_600e6;
    assert!((12.0..30.0).contains(&per_hour), "{per_hour} MB/s");
    assert_eq!(memory["growth"], "grows");
    let summary = place.summary();
    assert_eq!((&summary["verdict"], &summary["exit_code"]), (&"slo_missed".into(), &3.into()));
    assert!(summary["soak"]["to_limit"]["hours"].as_f64().unwrap() > 0.0);

    let folder = place.folder();
    for file in ["growth.svg", "report.html", "junit.xml", "summary.md", "soak.json"] {
        assert!(folder.join(file).is_file(), "{file}");
    }
    let junit = fs::read_to_string(folder.join("junit.xml")).unwrap();
    assert!(junit.contains("target memory holds"), "{junit}");
    let again = support::run(&["report", folder.to_str().unwrap(), "--json"]);
    assert_eq!(again.status.code(), Some(3));
    assert_eq!(stdout(&again), fs::read_to_string(folder.join("summary.json")).unwrap());
    is_as_its_schema_says(&folder);
    place.is_clean();
}

#[track_caller]
fn is_as_its_schema_says(folder: &std::path::Path) {
    let printed = stdout(&support::run(&["schema", "soak"]));
    let path = support::root().join("schemas/soak.schema.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &printed).unwrap();
    }
    let stored = fs::read_to_string(path).unwrap();
    assert_eq!(stored, printed, "`loadgate schema soak` writes schemas/soak.schema.json");
    let validator = jsonschema::validator_for(&serde_json::from_str(&printed).unwrap()).unwrap();
    let text = fs::read_to_string(folder.join("soak.json")).unwrap();
    let mut file: Value = serde_json::from_str(&text).unwrap();
    assert!(validator.is_valid(&file));
    file["version"] = "one".into();
    assert!(!validator.is_valid(&file));
}

#[test]
fn what_does_not_leak_passes_and_descriptors_that_stay_open_do_not() {
    let place = Place::new();
    let output = finish(&mut place.soak(&short()));
    ends_with(&output, 0);
    assert!(stdout(&output).contains("no leak: target memory by "), "{}", stdout(&output));
    assert_ne!(place.trend("generator_memory")["growth"], "grows");
    place.write("opens", "");
    let strict: Vec<&str> = SHORT.into_iter().chain(["--drift-limit", "5000%/h"]).collect();
    let output = finish(&mut place.soak(&strict));
    ends_with(&output, 3);
    assert!(stdout(&output).contains("leak: target descriptors grows by "), "{}", stdout(&output));
    place.is_clean();
}

#[test]
fn too_short_a_soak_says_so_before_and_after() {
    let place = Place::new();
    let output = finish(&mut place.soak(&["-d", "5s"]));
    ends_with(&output, 5);
    assert!(stderr(&output).contains("too short for a verdict about leaks"), "{}", stderr(&output));
    assert!(stderr(&output).contains("1h20m"), "{}", stderr(&output));
    assert!(stdout(&output).contains("0 of 12 windows"), "{}", stdout(&output));
}

/// Begins a soak, and sends a signal once so many seconds are in its journal.
#[track_caller]
fn stopped_after(place: &Place, more: &[&str], seconds: usize, signal: Signal) -> Option<i32> {
    let mut command = place.soak(more);
    let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let journal = place.path("out/place/latest-soak/seconds.jsonl");
    eventually("some seconds have passed", || {
        let text = fs::read_to_string(&journal).unwrap_or_default();
        text.lines().filter(|line| line.contains("\"parts\":[")).count() >= seconds
    });
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
    let code = wait(&mut child).code();
    place.is_clean();
    code
}

/// Seconds of a record that are in it, each once.
fn seconds(place: &Place, list: &str) -> Vec<u64> {
    let text = fs::read_to_string(place.folder().join("run.json")).unwrap();
    let record: Value = serde_json::from_str(&text).unwrap();
    let all = record[list].as_array().unwrap().iter();
    all.map(|second| second["second"].as_u64().unwrap()).collect()
}

#[test]
fn a_killed_soak_goes_on_to_the_verdict_of_an_uninterrupted_one() {
    let place = Place::new();
    place.write("leak", "20");
    // Two parts of 17 windows each.
    let long: Vec<&str> = ["-d", "34s"].into_iter().chain(short().into_iter().skip(2)).collect();
    assert_eq!(stopped_after(&place, &long, 17, Signal::SIGKILL), None);
    let folder = place.folder();
    let killed = support::run(&["report", folder.to_str().unwrap()]);
    assert!(stdout(&killed).contains("the generator was killed"), "{}", stdout(&killed));

    let output = finish(&mut place.resume());
    ends_with(&output, 3);
    assert!(stderr(&output).contains("resumed at "), "{}", stderr(&output));
    let said = stdout(&output);
    for part in ["leak: target memory grows by ", "resumed after ", "target started again"] {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
    let due = seconds(&place, "seconds");
    assert_eq!(due, (0..34).collect::<Vec<u64>>(), "every second of the schedule is there, once");
    let started = fs::read_to_string(place.path("started")).unwrap();
    assert_eq!(started.lines().count(), 2);
    assert_eq!(place.folder(), folder, "the link leads where it led");
    let again = finish(&mut place.resume());
    ends_with(&again, 2);
    assert!(stderr(&again).contains("the run is finished"), "{}", stderr(&again));
    place.is_clean();
}

#[test]
fn right_after_a_kill_the_port_is_waited_for() {
    let place = Place::new();
    assert_eq!(stopped_after(&place, &short(), 12, Signal::SIGKILL), None);
    let text = fs::read_to_string(place.path("scenario.json")).unwrap();
    let port = text.split("127.0.0.1:").nth(1).unwrap().split('"').next().unwrap();
    // In place of a target that is still on its way down.
    let held = std::net::TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = place.resume();
    let mut child = command.stdout(Stdio::null()).stderr(log.reopen().unwrap()).spawn().unwrap();
    let told = || fs::read_to_string(log.path()).unwrap();
    eventually("it says that it waits", || told().contains("is still taken; waiting for it"));
    drop(held);
    let code = wait(&mut child).code();
    assert!(matches!(code, Some(0 | 5)), "{code:?}: {}", told());
    assert_eq!(seconds(&place, "seconds"), (0..17).collect::<Vec<u64>>());
    place.is_clean();
}

#[test]
fn a_soak_that_cannot_keep_what_it_was_asked_is_no_pass() {
    let place = Place::new();
    place.write(
        "server.js",
        r#"
const fs = require("node:fs");
const kept = [Buffer.alloc(60e6, 1)];
const wait = setInterval(() => {
  if (!fs.existsSync("go")) return;
  clearInterval(wait);
  require("node:http").createServer((request, response) => response.end("{}"))
    .listen(Number(process.env.PORT), "127.0.0.1");
}, 20);
"#,
    );
    let mut command = place.soak(&short());
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut child = command.stdout(Stdio::null()).stderr(log.reopen().unwrap()).spawn().unwrap();
    let folder = || fs::read_dir(place.path("out/place")).ok()?.find_map(Result::ok);
    eventually("there is a folder", || folder().is_some());
    // No file can take its place.
    fs::create_dir(folder().unwrap().path().join("soak.json")).unwrap();
    place.write("go", "");
    assert_eq!(wait(&mut child).code(), Some(1), "{}", fs::read_to_string(log.path()).unwrap());
    let told = fs::read_to_string(log.path()).unwrap();
    assert!(told.contains("soak.json") && told.contains("will be that of a run"), "{told}");
    place.is_clean();
}

#[test]
fn an_interrupted_soak_reports_and_goes_on() {
    let place = Place::new();
    let long: Vec<&str> = ["-d", "34s"].into_iter().chain(short().into_iter().skip(2)).collect();
    for (signal, seconds, code) in [(Signal::SIGINT, 8, 130), (Signal::SIGTERM, 3, 143)] {
        let found = if signal == Signal::SIGINT {
            stopped_after(&place, &long, seconds, signal)
        } else {
            resumed_and_stopped(&place, signal)
        };
        assert_eq!(found, Some(code));
        let summary = place.summary();
        assert_eq!(summary["exit_code"], code, "{}", summary["reasons"]);
        assert!(place.folder().join("report.html").is_file());
    }
    let output = finish(&mut place.resume());
    let text = fs::read_to_string(place.folder().join("run.json")).unwrap();
    let record: Value = serde_json::from_str(&text).unwrap();
    let resumed = record["resumed"].as_array().unwrap();
    assert_eq!(resumed.len(), 2);
    // Nothing need have been due yet in the second in which it was stopped.
    let cut: Vec<u64> = resumed.iter().map(|it| it["from"].as_u64().unwrap() - 1).collect();
    let due = seconds(&place, "seconds");
    let all = (0..34).filter(|second| due.contains(second) || !cut.contains(second));
    assert_eq!(due, all.collect::<Vec<u64>>(), "{cut:?} {}", stderr(&output));
    assert!(seconds(&place, "generator_seconds").is_sorted_by(|a, b| a < b));
    // Parts of 8 and 3 windows tell little, but nothing may be invented.
    assert_ne!(place.summary()["verdict"], "slo_missed", "{}", stdout(&output));
    place.is_clean();
}

/// Goes on, and stops again a second or two later.
#[track_caller]
fn resumed_and_stopped(place: &Place, signal: Signal) -> Option<i32> {
    let mut command = place.resume();
    let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let journal = place.path("out/place/latest-soak/seconds.jsonl");
    let lines = || fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
    eventually("it goes on", || lines() > 0);
    let before = lines();
    eventually("some seconds have passed", || lines() > before + 6);
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
    wait(&mut child).code()
}

#[test]
fn what_cannot_go_on_is_refused_with_a_sentence_and_stays_as_it_is() {
    let place = Place::new();
    assert_eq!(stopped_after(&place, &short(), 4, Signal::SIGINT), Some(130));
    let before = fs::read_to_string(place.folder().join("run.json")).unwrap();
    let scenario = fs::read_to_string(place.path("scenario.json")).unwrap();
    for (from, to, said) in [
        ("50/s", "60/s", "the run is of another scenario"),
        ("p50 < 2s", "p50 < 3s", "the scenario's objectives or limits are not those"),
    ] {
        place.write("scenario.json", &scenario.replacen(from, to, 1));
        let output = finish(&mut place.resume());
        ends_with(&output, 2);
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
    place.write("scenario.json", &scenario);
    let path = place.folder().join("run.json");
    let other = before.replacen(env!("CARGO_PKG_VERSION"), "0.0.1", 1);
    assert_ne!(other, before);
    fs::write(&path, other).unwrap();
    let output = finish(&mut place.resume());
    ends_with(&output, 2);
    assert!(stderr(&output).contains("was recorded by loadgate 0.0.1"), "{}", stderr(&output));
    fs::write(&path, &before).unwrap();
    // A target that does not start leaves the record alone.
    place.write("server.js", "process.exit(3)");
    ends_with(&finish(&mut place.resume()), 7);
    assert_eq!(fs::read_to_string(&path).unwrap(), before);

    fs::remove_file(place.folder().join("soak.json")).unwrap();
    let output = finish(&mut place.resume());
    ends_with(&output, 2);
    assert!(stderr(&output).contains("is no soak"), "{}", stderr(&output));
}

#[test]
fn a_run_goes_on_too() {
    let place = Place::new();
    let text = fs::read_to_string(place.path("scenario.json")).unwrap();
    place.write("scenario.json", &text.replacen("\"5s\"", "\"14s\"", 1));
    let mut command = loadgate();
    command.current_dir(place.path("")).args(["run", "scenario.json", "-o", "out"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let journal = place.path("out/place/latest/seconds.jsonl");
    eventually("some seconds have passed", || {
        fs::read_to_string(&journal).unwrap_or_default().lines().count() > 6
    });
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).unwrap();
    wait(&mut child);
    place.is_clean();
    let mut command = loadgate();
    command.current_dir(place.path("")).args(["run", "scenario.json", "--resume"]);
    let output = finish(command.arg("out/place/latest"));
    assert!(matches!(output.status.code(), Some(0 | 5)), "{}", stdout(&output));
    assert_eq!(seconds(&place, "seconds"), (0..14).collect::<Vec<u64>>());
    place.is_clean();
}

#[test]
fn mistakes_are_usage_errors() {
    let place = Place::new();
    for (more, part) in [
        (&["--window", "0s"][..], "at least 1s"),
        (&["--leak-limit", "20MB"], "expected a growth per hour"),
        (&["--drift-limit", "20MB/h"], "10%/h"),
        (&["--memory-limit", "0MB"], "more than nothing"),
        (&["--resume", "x", "-d", "1h"], "cannot be used with"),
        (&["--resume", "nowhere"], "is no soak"),
    ] {
        let output = finish(&mut place.soak(more));
        ends_with(&output, 2);
        assert!(stderr(&output).contains(part), "{more:?}: {}", stderr(&output));
    }
    let output = finish(loadgate().current_dir(place.path("")).arg("soak"));
    ends_with(&output, 2);
    assert!(!place.path("started").exists());
}
