//! `loadgate capacity` with real processes and sockets: what it finds, that it explains itself, and
//! that nothing is left behind, however it ends.
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

/// Two slots of 25 ms: 80 requests a second, however many come, by a clock that is never late.
const SERVER: &str = r#"
const time = 25, free = [0, 0];
require("node:http").createServer((request, response) => {
  if (request.url === "/health") return response.end("{}");
  if (request.url === "/die") process.exit(3);
  if (request.url === "/wrong") { response.statusCode = 404; return response.end(); }
  const slot = free[0] <= free[1] ? 0 : 1, now = performance.now();
  free[slot] = Math.max(now, free[slot]) + time;
  setTimeout(() => response.end("{}"), free[slot] - now);
}).listen(Number(process.env.PORT), "127.0.0.1");
"#;
const LIMIT: f64 = 80.0;
const SLO: &str = r#", "slo": { "all": ["p95 < 200ms", "error_rate < 1%"] }"#;

/// A folder with a server and its scenario.
struct Place {
    root: TempDir,
}

impl Place {
    fn new(path: &str, slo: &str) -> Place {
        let place = Place { root: tempfile::tempdir().unwrap() };
        place.write("server.js", SERVER);
        let port = support::free_port();
        place.write(
            "scenario.json",
            &format!(
                r#"{{ "name": "place",
                "target": {{ "url": "http://127.0.0.1:{port}", "command": ["node", "server.js"],
                    "ready": {{ "path": "/health" }} }},
                "flows": [{{ "name": "f", "steps": [
                    {{ "name": "get", "request": "GET {path}", "timeout": "2s" }}] }}],
                "load": {{ "stages": [{{ "for": "5s", "rate": "40/s" }}] }} {slo} }}"#
            ),
        );
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A short search, where `more` says nothing else.
    fn search(&self, more: &[&str]) -> Command {
        let mut command = loadgate();
        let short = [
            ["--within", "45s"],
            ["--trial", "1s"],
            ["--warmup", "1s"],
            ["--confirm", "4s"],
            ["--to", "400/s"],
        ];
        let out = self.text("out");
        command
            .args(["capacity", &self.text("scenario.json"), "-o", &out])
            .args(short.iter().filter(|[flag, _]| !more.contains(flag)).flatten())
            .args(more);
        command
    }

    fn folder(&self) -> PathBuf {
        latest(&self.path("out"), "place")
    }

    fn record(&self) -> Value {
        let text = fs::read_to_string(self.folder().join("capacity.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// No server is left.
    #[track_caller]
    fn is_clean(&self) {
        support::all_are_gone(&self.path(""));
    }
}

/// `n` users of two slots of 25 ms wait `n · 12.5` ms for each answer: 15 of them less than 200 ms.
#[test]
fn the_users_that_a_known_limit_serves_are_found_and_what_they_hide_is_told() {
    let place = Place::new("/", SLO);
    let text = fs::read_to_string(place.path("scenario.json")).unwrap();
    place.write("scenario.json", &text.replace(r#""rate": "40/s""#, r#""users": 6"#));
    let users = ["--to", "200users", "--at-least", "40users"];
    let output = finish(&mut place.search(&users));
    ends_with(&output, 3);
    let (said, told) = (stdout(&output), stderr(&output));
    for part in ["less than 40 users", "By users", "do not wait for each other"] {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
    assert!(told.contains("trial 2 at 6 users: good, p50 "), "{told}");
    let record = place.record();
    is_as_its_schema_says(&record);
    let bound = |name: &str| record["found"][name].as_f64().unwrap();
    // On a machine that is busy a slot takes longer than its 25 ms.
    assert!((11.0..=16.0).contains(&bound("low")), "{}", record["found"]);
    assert!((14.0..=18.0).contains(&bound("high")), "{}", record["found"]);
    let trials = record["trials"].as_array().unwrap();
    assert!(trials.iter().all(|it| it["rate"].as_f64().unwrap().fract() == 0.0), "{trials:#?}");
    let folder = place.folder().canonicalize().unwrap();
    let plan =
        ["plan", "--capacity", folder.to_str().unwrap(), "--peak", "9/s", "--growth", "1%/month"];
    let refused = support::run(&plan);
    ends_with(&refused, 2);
    assert!(stderr(&refused).contains("found a number of users"), "{}", stderr(&refused));
    place.is_clean();
}

#[test]
fn a_known_limit_is_found_told_and_compared() {
    let place = Place::new("/", SLO);
    let output = finish(&mut place.search(&["--at-least", "390/s"]));
    ends_with(&output, 3);
    let (said, told) = (stdout(&output), stderr(&output));
    for part in ["less than 390/s", "within p95 < 200ms, error_rate < 1%", "By rate", "beyond"] {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
    assert!(told.contains("trial 2 at 40/s: good, p50 "), "{told}");
    let record = place.record();
    is_as_its_schema_says(&record);
    let bound = |name: &str| record["found"][name].as_f64();
    // Trials of a second let pass what a queue can hold meanwhile.
    assert!(bound("low").unwrap() <= LIMIT * 1.3, "{}", record["found"]);
    assert!(bound("high").unwrap() >= LIMIT * 0.8, "{}", record["found"]);
    assert_eq!((&record["verdict"], &record["end"]), (&"missed".into(), &"finished".into()));
    let trials = record["trials"].as_array().unwrap();
    let explained = |trial: &Value| trial["class"] == "good" || trial["why"].is_string();
    assert!(trials.len() > 5 && trials.iter().all(explained), "{trials:#?}");
    for trial in trials {
        let folder = place.folder().join(trial["folder"].as_str().unwrap());
        assert!(folder.join("run.json").is_file(), "{}", folder.display());
    }
    // After an overload it is waited, and a server that only queues comes back.
    assert!(trials.iter().any(|it| it["cooled"].as_f64().unwrap() > 0.0), "{trials:#?}");
    assert_eq!(record["notes"], Value::Array(Vec::new()));
    is_rendered_again(&place);
    is_refused_elsewhere(&place);
    place.is_clean();
}

fn is_as_its_schema_says(record: &Value) {
    let printed = stdout(&support::run(&["schema", "capacity"]));
    let path = support::root().join("schemas/capacity.schema.json");
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(stored, printed, "`loadgate schema capacity` writes schemas/capacity.schema.json");
    let validator = jsonschema::validator_for(&serde_json::from_str(&printed).unwrap()).unwrap();
    let faults: Vec<String> = validator.iter_errors(record).map(|it| it.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

fn is_rendered_again(place: &Place) {
    let folder = place.folder().canonicalize().unwrap();
    let before = fs::read_to_string(folder.join("summary.md")).unwrap();
    for file in ["summary.md", "report.html", "junit.xml", "capacity.svg"] {
        fs::remove_file(folder.join(file)).unwrap();
    }
    let output = support::run(&["report", folder.to_str().unwrap()]);
    ends_with(&output, 3);
    assert_eq!(fs::read_to_string(folder.join("summary.md")).unwrap(), before);
    assert!(folder.join("capacity.svg").is_file() && folder.join("report.html").is_file());
    let links = ["latest", "latest-capacity"].map(|link| folder.parent().unwrap().join(link));
    assert!(links.iter().all(|link| link.canonicalize().unwrap() == folder), "{links:?}");
}

/// A search of another machine is nothing to compare with; neither is what is none.
fn is_refused_elsewhere(place: &Place) {
    let mut record = place.record();
    record["fingerprint"]["cpu"] = "Z80".into();
    place.write("other.json", &record.to_string());
    let other = place.text("other.json");
    let output = finish(&mut place.search(&["--baseline", &other]));
    ends_with(&output, 2);
    assert!(stderr(&output).contains("CPU model: Z80 (baseline)"), "{}", stderr(&output));
    let output = finish(&mut place.search(&["--baseline", "Cargo.toml"]));
    ends_with(&output, 2);
    assert!(stderr(&output).contains("not a search for capacity"), "{}", stderr(&output));
}

/// Interrupts as soon as a file of the search is there.
#[track_caller]
fn interrupted_when(place: &Place, file: &str, signal: Signal) -> (i32, String) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = place.search(&[]);
    let out = log.reopen().unwrap();
    let mut child: Child = command.stdout(out).stderr(Stdio::null()).spawn().unwrap();
    let file = place.path(&format!("out/place/latest/{file}"));
    eventually("the file is there", || file.exists());
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
    let code = wait(&mut child).code().unwrap();
    place.is_clean();
    (code, fs::read_to_string(log.path()).unwrap())
}

#[test]
fn interrupted_it_tells_the_interval_that_it_had() {
    let place = Place::new("/", SLO);
    let (code, said) = interrupted_when(&place, "trials/006/run.json", Signal::SIGINT);
    assert_eq!(code, 130, "{said}");
    assert!(said.contains("interrupted by signal 2"), "{said}");
    let record = place.record();
    is_as_its_schema_says(&record);
    assert_eq!(record["trials"].as_array().unwrap().len(), 5);
    assert!(record["found"]["low"].as_f64().is_some(), "two trials at 40/s are enough: {said}");
    let place = Place::new("/", SLO);
    let (code, said) = interrupted_when(&place, "trials/001/intervals.hlog", Signal::SIGTERM);
    assert_eq!(code, 143, "{said}");
    assert!(said.contains("interrupted by signal 15"), "{said}");
}

/// Loose enough that a run of some seconds is sure of it.
const LOOSE: &str = r#", "slo": { "all": ["p95 < 300ms", "error_rate < 10%"] }"#;

#[test]
fn what_was_confirmed_passes_and_is_a_baseline_that_a_slower_target_fails() {
    let place = Place::new("/", LOOSE);
    let usual = ["--trial", "2s", "--within", "50s", "--confirm", "5s"];
    let within = [&["--from", "20/s", "--to", "40/s"][..], &usual].concat();
    let output = finish(&mut place.search(&[&within[..], &["--at-least", "30/s"]].concat()));
    ends_with(&output, 0);
    let said = stdout(&output);
    for part in ["PASS  place", "at least 30/s: a longer run at 36/s", "--baseline"] {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
    let record = place.record();
    assert!(record["took"].as_f64() > record["trials"][0]["spent"].as_f64(), "{}", record["took"]);
    let baseline = place.text("baseline.json");
    fs::copy(place.folder().join("capacity.json"), &baseline).unwrap();
    // Both keep to their objectives at all that is tried.
    let again = [&within[..], &["--baseline", &baseline]].concat();
    let output = finish(&mut place.search(&again));
    ends_with(&output, 0);
    assert!(stderr(&output).contains("the baseline's capacity has no upper end"));

    let mut before = record;
    (before["found"]["low"], before["found"]["high"]) = (300.into(), 320.into());
    place.write("baseline.json", &before.to_string());
    let slower = ["--baseline", &baseline, "--from", "30/s"];
    let output = finish(&mut place.search(&slower));
    ends_with(&output, 4);
    assert_eq!(place.record()["verdict"], "regressed");
    before["found"]["confirmed"] = Value::Null;
    place.write("baseline.json", &before.to_string());
    let output = finish(&mut place.search(&slower));
    ends_with(&output, 2);
    assert!(stderr(&output).contains("was not confirmed"), "{}", stderr(&output));
    place.is_clean();
}

#[test]
fn objectives_that_the_lowest_rate_misses_are_missed() {
    let slo = r#", "slo": { "all": ["p95 < 5ms"] }"#;
    let place = Place::new("/", slo);
    let output = finish(&mut place.search(&["--from", "10/s"]));
    ends_with(&output, 3);
    assert!(stdout(&output).contains("missed at 10/s already"), "{}", stdout(&output));
    assert_eq!(place.record()["found"]["low"], Value::Null);
}

#[test]
fn a_target_that_dies_at_the_first_load_is_lost() {
    let place = Place::new("/die", SLO);
    for more in [&[][..], &["--no-walk"]] {
        let output = finish(&mut place.search(more));
        ends_with(&output, 7);
        assert!(stdout(&output).contains("the target was lost"), "{}", stdout(&output));
    }
    place.is_clean();
}

#[test]
fn what_never_works_says_nothing_of_the_target() {
    let place = Place::new("/wrong", SLO);
    for more in [&["--at-least", "10/s"][..], &["--no-walk", "--from", "40/s"]] {
        let output = finish(&mut place.search(more));
        ends_with(&output, 6);
    }
    place.is_clean();
}

#[test]
fn mistakes_are_told_at_once_and_nothing_is_started() {
    let upside_down = ["--from", "500/s", "--to", "100/s"];
    for (slo, more, parts) in [
        ("", &upside_down[..], &["2 mistakes", "has no objectives", "--from 500/s --to 100/s"][..]),
        (SLO, &["--within", "5s"], &["--within 5s: warm-up, a few trials"]),
        (SLO, &["--baseline", "nowhere"], &["nowhere"]),
        (SLO, &["--at-least", "fast"], &["--at-least"]),
        (SLO, &["--trial", "0s"], &["--trial 0s: in no time"]),
        (SLO, &["--baseline", "a", "--confirm", "0s"], &["2 mistakes", "--baseline with"]),
    ] {
        let place = Place::new("/", slo);
        let output = finish(&mut place.search(more));
        ends_with(&output, 2);
        let told = stderr(&output);
        assert!(parts.iter().all(|part| told.contains(part)), "{parts:?}: {told}");
        assert!(!place.path("out").exists());
    }
}
