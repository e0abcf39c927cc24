//! `loadgate stress` with real processes and sockets: servers that break in known manners
//! (`scripts/breaking_server.js`), objectives that gate, and every end that leaves a record, a report
//! and no process.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{
    self, ends_with, eventually, finish, free_port, loadgate, stderr, stdout, wait,
};

/// A folder with a scenario of a server that breaks above 200 requests per second.
struct Place {
    root: TempDir,
    port: u16,
}

impl Place {
    fn new(mode: &str, objectives: &[&str]) -> Place {
        let place = Place { root: tempfile::tempdir().unwrap(), port: free_port() };
        let server = support::root().join("scripts/breaking_server.js");
        fs::copy(server, place.path("server.js")).unwrap();
        place.write(&place.scenario(mode, objectives));
        place
    }

    fn scenario(&self, mode: &str, objectives: &[&str]) -> Value {
        let all: Vec<&str> = ["p50 < 300ms"].iter().chain(objectives).copied().collect();
        json!({
            "name": "place",
            "target": {
                "url": format!("http://127.0.0.1:{}", self.port),
                "command": ["node", "server.js", mode],
                "env": { "PORT": self.port.to_string() },
                "ready": { "path": "/health" },
            },
            "flows": [{ "name": "f", "steps": [
                { "name": "get", "request": "GET /", "timeout": "400ms" }] }],
            "load": { "stages": [{ "for": "5s", "rate": "120/s" }] },
            "slo": { "all": all },
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, scenario: &Value) {
        fs::write(self.path("scenario.json"), scenario.to_string()).unwrap();
    }

    /// A short test: 120, 180 and 270 per second.
    fn stress(&self, more: &[&str]) -> Command {
        let mut command = loadgate();
        let short = [
            ["--growth", "50%"],
            ["--step", "4s"],
            ["--hold", "4s"],
            ["--warmup", "2s"],
            ["--recover-within", "12s"],
            ["--repeats", "1"],
        ];
        command
            .arg("stress")
            .arg(self.path("scenario.json"))
            .args(short.iter().filter(|[flag, _]| !more.contains(flag)).flatten())
            .arg("-o")
            .arg(self.path("out"))
            .args(more);
        command
    }

    fn folder(&self) -> PathBuf {
        self.path("out/place/latest-stress")
    }

    fn read(&self, file: &str) -> Value {
        let text = fs::read_to_string(self.folder().join(file)).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// No server is left.
    #[track_caller]
    fn is_clean(&self) {
        support::all_are_gone(&self.path(""));
    }
}

#[track_caller]
fn says(output: &Output, parts: &[&str]) {
    let said = format!("{}\n{}", stdout(output), stderr(output));
    for part in parts {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
}

/// The schema that is checked in, which must be what this build prints.
#[track_caller]
fn validates(of: &str, file: &Value) {
    let path = support::root().join(format!("schemas/{of}.schema.json"));
    let printed = stdout(&support::run(&["schema", of]));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &printed).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(stored, printed, "{}: run it again with UPDATE_GOLDEN=1", path.display());
    let validator = jsonschema::validator_for(&serde_json::from_str(&stored).unwrap()).unwrap();
    let faults: Vec<String> = validator.iter_errors(file).map(|it| it.to_string()).collect();
    assert_eq!(faults, Vec::<String>::new(), "{of}");
}

#[test]
fn a_server_that_sheds_load_passes_its_gate_and_can_be_told_again() {
    let objectives = ["breaking_rate >= 200/s", "goodput_at_1.5x >= 70%", "recovery < 10s"];
    let place = Place::new("shed", &objectives);
    let output = finish(&mut place.stress(&[]));
    ends_with(&output, 0);
    says(&output, &["PASS  place", "breaks at 270/s by shedding (429, 503)", "recovery < 10s"]);
    validates("stress", &place.read("stress.json"));
    validates("stress-summary", &place.read("summary.json"));
    let repeat = &place.read("summary.json")["stress"]["repeats"][0];
    assert_eq!(repeat["manners"][0]["manner"], "shedding", "{repeat:#}");
    for file in ["report.html", "summary.md", "junit.xml", "stress-1.svg", "repeat-1/run.json"] {
        assert!(place.folder().join(file).is_file(), "{file}");
    }
    place.is_clean();
    // The wanted rates are in the record of the run, which is one like any other.
    let stages = place.read("repeat-1/run.json")["load"]["stages"].clone();
    let rates: Vec<f64> =
        stages.as_array().unwrap().iter().filter_map(|stage| stage["from"].as_f64()).collect();
    assert!(rates.contains(&180.0) && rates.contains(&405.0), "{rates:?}");
    let folder = place.folder();
    let again = ["report", folder.to_str().unwrap()];
    ends_with(&support::run(&again), 0);
    let printed = |json| {
        let mut words = again.to_vec();
        words.extend(["-o", place.root.path().to_str().unwrap(), json]);
        support::run(&words).stdout
    };
    assert_eq!(printed("--json"), fs::read(folder.join("summary.json")).unwrap());
    let of_run = support::run(&["report", folder.join("repeat-1").to_str().unwrap()]);
    assert!(stdout(&of_run).contains("place"), "{}", stderr(&of_run));
}

#[test]
fn a_server_that_collapses_misses_its_objectives() {
    let objectives = ["goodput_at_1.5x >= 90%", "breaking_rate >= 500/s", "recovery < 90s"];
    let place = Place::new("collapse", &objectives);
    let output = finish(&mut place.stress(&["--recover-within", "30s"]));
    ends_with(&output, 3);
    says(&output, &["SLO MISSED  place", "by timeouts", "breaking_rate >= 500/s: 270/s"]);
    place.is_clean();
}

#[test]
fn a_death_is_a_finding_and_each_repeat_has_a_target_of_its_own() {
    let place = Place::new("die", &[]);
    let output = finish(&mut place.stress(&["--repeats", "2"]));
    ends_with(&output, 0);
    says(&output, &["by death", "the target died"]);
    let stress = &place.read("summary.json")["stress"];
    assert_eq!(
        (stress["died"].as_u64(), stress["repeats"][1]["recovery"].as_str()),
        (Some(2), Some("died")),
        "{stress:#}"
    );
    place.is_clean();
}

#[test]
fn one_that_does_not_break_is_told_with_the_rate_it_kept_up_with() {
    let place = Place::new("endless", &["breaking_rate >= 150/s"]);
    let output = finish(&mut place.stress(&["--max-rate", "200/s", "--spike", "1.5x"]));
    ends_with(&output, 2);
    says(&output, &["breaking_rate >= 150/s: a spike does not measure it"]);
    let output = finish(&mut place.stress(&["--max-rate", "200/s"]));
    ends_with(&output, 0);
    says(&output, &["did not break up to 200/s", "at least 200/s"]);
    place.is_clean();
}

/// Sends a signal once a phase has begun.
#[track_caller]
fn ended_in(place: &Place, kind: &str, signal: Signal) -> (ExitStatus, String) {
    let log = tempfile::NamedTempFile::new().unwrap();
    // The second step is too much, or the spike.
    let is_spike = kind == "spike";
    let more: &[&str] = if is_spike { &["--spike", "3x"] } else { &["--growth", "100%"] };
    let mut command = place.stress(more);
    let out = log.reopen().unwrap();
    let mut child: Child = command.stdout(out).stderr(Stdio::null()).spawn().unwrap();
    let file = place.folder().join("stress.json");
    let run = place.folder().join("repeat-1/seconds.jsonl");
    eventually("the phase", || {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let has_begun = kind == "warm_up" && fs::metadata(&run).is_ok_and(|it| it.len() > 0);
        has_begun
            || text.contains(&format!("\"kind\":\"{kind}\""))
            || text.contains(&format!("\"kind\":{{\"{kind}\""))
    });
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
    let status = wait(&mut child);
    place.is_clean();
    (status, fs::read_to_string(log.path()).unwrap())
}

#[track_caller]
fn interrupted_in(kind: &str, signal: Signal) {
    let place = Place::new("collapse", &[]);
    let (status, said) = ended_in(&place, kind, signal);
    let code = 128 + signal as u8;
    assert_eq!(status.code(), Some(i32::from(code)), "{kind}: {said}");
    assert!(said.contains(&format!("interrupted by signal {}", signal as i32)), "{kind}: {said}");
    let record = place.read("stress.json");
    assert!(!record["repeats"][0]["seconds"].as_array().unwrap().is_empty(), "{kind}");
    assert!(record["repeats"][0]["end"]["interrupted"]["signal"].is_number(), "{kind}");
    let folder = place.folder();
    for folder in [folder.clone(), folder.join("repeat-1")] {
        ends_with(&support::run(&["report", folder.to_str().unwrap()]), code.into());
    }
}

#[test]
fn interrupted_in_any_phase_it_leaves_a_record_a_report_and_no_process() {
    for (kind, signal) in [
        ("warm_up", Signal::SIGINT),
        ("ramp", Signal::SIGTERM),
        ("overload", Signal::SIGINT),
        ("spike", Signal::SIGTERM),
        ("fall_back", Signal::SIGINT),
    ] {
        interrupted_in(kind, signal);
    }
}

#[test]
fn killed_in_any_phase_it_leaves_a_record_that_does_not_pass() {
    for (kind, expected) in [("warm_up", 6), ("ramp", 6), ("hold", 5), ("overload", 5)] {
        let place = Place::new("collapse", &["breaking_rate >= 150/s"]);
        ended_in(&place, kind, Signal::SIGKILL);
        let output = support::run(&["report", place.folder().to_str().unwrap()]);
        ends_with(&output, expected);
        says(&output, &["loadgate was killed before the test was over"]);
    }
}

#[test]
fn what_cannot_work_and_what_is_not_there_are_told_apart() {
    let place = Place::new("shed", &[]);
    let mut scenario = place.scenario("shed", &[]);
    scenario["flows"][0]["steps"][0]["check"] = json!({ "status": 201 });
    place.write(&scenario);
    let output = finish(&mut place.stress(&[]));
    ends_with(&output, 6);
    scenario["target"]["command"] = json!(["node", "nowhere.js"]);
    place.write(&scenario);
    ends_with(&finish(&mut place.stress(&[])), 7);
    place.is_clean();
}

#[test]
fn objectives_of_a_stress_test_are_read_with_the_others_and_judged_nowhere_else() {
    let place = Place::new("endless", &["recovery < 30s"]);
    let mut run = loadgate();
    let output = finish(
        run.arg("run").arg(place.path("scenario.json")).arg("-o").arg(place.path("out")).arg("-q"),
    );
    says(&output, &["not judged here, only by `loadgate stress`: recovery < 30s"]);
    let output = support::run(&["check", place.path("scenario.json").to_str().unwrap()]);
    says(&output, &["recovery < 30s: judged by `loadgate stress` only"]);
    place.write(&place.scenario("endless", &["recovery > 30s", "goodput_at_9 >= 1%"]));
    let output = finish(&mut place.stress(&["--step", "1s"]));
    ends_with(&output, 2);
    says(&output, &["2 mistakes", "write \"recovery < 30s\"", "goodput_at_1.5x"]);
    place.is_clean();
}

#[test]
fn flags_that_do_not_fit_are_usage_errors_all_at_once() {
    let place = Place::new("endless", &[]);
    let output = finish(&mut place.stress(&["--step", "1s", "--max-rate", "10/s"]));
    ends_with(&output, 2);
    says(&output, &["2 mistakes", "--step 1s", "--max-rate 10/s is not above the first rate"]);
    assert!(!place.path("out").exists(), "nothing was made");
}
