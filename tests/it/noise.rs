//! `loadgate noise` with real processes and sockets: what it says is all there, a later duet
//! takes it, and nothing is left behind, however it ends.
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

/// Works 1 ms for each request; writes a line for each start, and never gets ready once
/// there are as many as the file `starts` allows.
const SERVER: &str = r#"
const fs = require("node:fs");
fs.appendFileSync("started", process.pid + "\n");
const most = fs.existsSync("starts") ? Number(fs.readFileSync("starts", "utf8")) : Infinity;
if (fs.readFileSync("started", "utf8").trim().split("\n").length > most) {
  console.error("no more starts");
  process.exit(3);
}
require("node:http").createServer((request, response) => {
  const end = performance.now() + (request.url === "/health" ? 0 : 1);
  while (performance.now() < end);
  response.end("{}");
}).listen(Number(process.env.PORT), "127.0.0.1");
"#;

/// A folder with a server and its scenario.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { root: tempfile::tempdir().unwrap() };
        place.write("server.js", SERVER);
        place.write(
            "scenario.json",
            r#"{ "name": "place",
                "target": { "url": "http://127.0.0.1:9", "command": ["node", "server.js"],
                    "ready": { "path": "/health" } },
                "flows": [{ "name": "f", "steps": [{ "request": "GET /" }] }],
                "load": { "stages": [{ "for": "5s", "rate": "50/s" }] },
                "slo": { "all": ["p50 < 2s"] } }"#,
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

    /// A short command, where `more` says nothing else.
    fn command(&self, name: &str, segments: &str, more: &[&str]) -> Command {
        let mut command = loadgate();
        let short = [["--segment", "10s"], ["--warmup", "1s"], ["--pilot", "0s"]];
        let out = self.text("out");
        let all = ["--metrics", "p50,errors", "--segments", segments, "-o", &out];
        command
            .args([name, &self.text("scenario.json")])
            .args(short.iter().filter(|[flag, _]| !more.contains(flag)).flatten())
            .args(all)
            .args(more);
        command
    }

    fn noise(&self, more: &[&str]) -> Command {
        self.command("noise", "1", more)
    }

    fn record(&self, file: &str) -> Value {
        let path = latest(&self.path("out"), "place").join(file);
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// No server is left.
    #[track_caller]
    fn is_clean(&self) {
        support::all_are_gone(&self.path(""));
    }
}

/// One segment for each duet, so that their number does not hang on what a gate says; four
/// are enough to tell of starts.
#[test]
fn noise_is_measured_told_and_taken_by_a_duet() {
    let place = Place::new();
    let output = finish(&mut place.noise(&["--duets", "4"]));
    ends_with(&output, 0);
    let said = stdout(&output);
    for part in [
        "NOISE  place",
        "scatter by σ_p ",
        "4 duets, 4 segments of 10 s",
        "From segment to segment",
        "ratio drift",
        "own lag-1",
        "sees from",
        "of 4 gates called the target regressed against itself",
        "--start-noise ",
    ] {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
    assert!(said.lines().all(|line| line.contains("out/place") || line.chars().count() <= 80));
    assert!(stderr(&output).contains("\nduet 4 of 4\n"), "{}", stderr(&output));
    let started = fs::read_to_string(place.path("started")).unwrap();
    assert_eq!(started.lines().count(), 8, "fresh processes of both arms in each segment");

    let noise = place.record("noise.json");
    is_as_its_schema_says(&noise);
    assert_eq!(noise["metrics"][0]["times"]["segments"], 4);
    assert_eq!(noise["end"], "finished");
    let value = noise["start_noise"]["value"].as_f64().unwrap();
    assert!(value >= 0.005, "{value}");
    let seed =
        |number: u32| place.record(&format!("duet-{number}/duet.json"))["settings"]["seed"].clone();
    assert_ne!(seed(1), seed(2), "each duet has arrivals of its own");

    let folder = latest(&place.path("out"), "place").canonicalize().unwrap();
    let file = folder.join("noise.json");
    let again = support::run(&["report", folder.to_str().unwrap(), "--json"]);
    assert_eq!(stdout(&again), fs::read_to_string(&file).unwrap());
    let elsewhere = place.text("elsewhere");
    support::run(&["report", folder.to_str().unwrap(), "-o", &elsewhere]);
    assert!(
        place.path("elsewhere/noise.json").exists() && place.path("elsewhere/summary.md").exists()
    );
    is_taken(&place, &file, value);
    is_refused(&place, &file);
    place.is_clean();
}

/// Two flows, each with a load of its own: both arms of each duet play both.
#[test]
fn noise_plays_each_of_several_loads() {
    let place = Place::new();
    place.write(
        "scenario.json",
        r#"{ "name": "place",
            "target": { "url": "http://127.0.0.1:9", "command": ["node", "server.js"],
                "ready": { "path": "/health" } },
            "flows": [
                { "name": "browse", "steps": [{ "name": "list", "request": "GET /list" }] },
                { "name": "import", "load": { "stages": [{ "for": "5s", "rate": "12/s" }] },
                  "steps": [{ "name": "import", "request": "GET /import" }] }],
            "load": { "stages": [{ "for": "5s", "rate": "40/s" }] },
            "slo": { "all": ["p50 < 2s"] } }"#,
    );
    let output = finish(&mut place.noise(&["--duets", "2", "--segment", "4s"]));
    ends_with(&output, 0);
    assert!(stdout(&output).contains("2 duets, 2 segments of 4 s"), "{}", stdout(&output));
    assert_eq!(place.record("noise.json")["end"], "finished");
    for (duet, arm) in [(1, "baseline"), (1, "candidate"), (2, "baseline"), (2, "candidate")] {
        let record = place.record(&format!("duet-{duet}/segment-1/{arm}/run.json"));
        let parts = record["load"]["parts"].as_array().unwrap();
        let rates: Vec<f64> =
            parts.iter().map(|part| part["stages"][1]["from"].as_f64().unwrap()).collect();
        assert_eq!(rates, [40.0, 12.0], "{duet} {arm}: {}", record["load"]);
        let answered = |step: usize| -> u64 {
            let seconds = record["seconds"].as_array().unwrap();
            let of = |second: &Value| second["series"][step]["outcomes"][0].as_u64().unwrap_or(0);
            seconds.iter().map(of).sum()
        };
        // Five seconds of each, with the warm-up.
        assert!((130..280).contains(&answered(0)), "{duet} {arm}: {} lists", answered(0));
        assert!((30..100).contains(&answered(1)), "{duet} {arm}: {} imports", answered(1));
    }
    place.is_clean();
}

#[track_caller]
fn is_as_its_schema_says(noise: &Value) {
    let printed = stdout(&support::run(&["schema", "noise"]));
    let path = support::root().join("schemas/noise.schema.json");
    let stored = fs::read_to_string(path).unwrap();
    assert_eq!(stored, printed, "`loadgate schema noise` writes schemas/noise.schema.json");
    let validator = jsonschema::validator_for(&serde_json::from_str(&printed).unwrap()).unwrap();
    let faults: Vec<String> = validator.iter_errors(noise).map(|it| it.to_string()).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    let mut wrong = noise.clone();
    wrong["version"] = "one".into();
    assert!(!validator.is_valid(&wrong));
}

#[track_caller]
fn is_taken(place: &Place, file: &std::path::Path, value: f64) {
    let more = ["--baseline", "node server.js", "--start-noise", file.to_str().unwrap()];
    let output = finish(&mut place.command("duet", "1", &more));
    let known = place.record("duet.json")["settings"]["start_noise"].as_f64().unwrap();
    assert!((known - value).abs() < 1e-12, "{known}: {}", stderr(&output));
}

#[track_caller]
fn is_refused(place: &Place, file: &std::path::Path) {
    let text = fs::read_to_string(file).unwrap();
    let mut noise: Value = serde_json::from_str(&text).unwrap();
    noise["fingerprint"]["cpu"] = "Z80".into();
    place.write("other.json", &noise.to_string());
    let other = place.text("other.json");
    let more = ["--baseline", "node server.js", "--start-noise", other.as_str()];
    let output = finish(&mut place.command("duet", "1", &more));
    ends_with(&output, 2);
    assert!(stderr(&output).contains("CPU model: Z80 in the file, "), "{}", stderr(&output));
    let faster =
        ["--baseline", "node server.js", "-R", "90", "--start-noise", file.to_str().unwrap()];
    let output = finish(&mut place.command("duet", "1", &faster));
    ends_with(&output, 2);
    assert!(stderr(&output).contains("rate: 50/s in the file, 90/s here"), "{}", stderr(&output));
}

/// Interrupts as soon as a file of the run is there.
#[track_caller]
fn interrupted_when(place: &Place, more: &[&str], file: &str, signal: Signal) -> (i32, String) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = place.noise(more);
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
fn interrupted_in_the_second_duet_it_tells_of_the_first() {
    let place = Place::new();
    let more = ["--duets", "2"];
    let file = "duet-2/segment-1/candidate/run.json";
    let (code, said) = interrupted_when(&place, &more, file, Signal::SIGINT);
    assert_eq!(code, 130, "{said}");
    for part in
        ["1 of 2 duets, 1 segment of 10 s", "interrupted by signal 2", "it takes 4 segments"]
    {
        assert!(said.contains(part), "{part:?} is missing:\n{said}");
    }
    assert_eq!(place.record("noise.json")["start_noise"], Value::Null);
}

#[test]
fn interrupted_in_the_first_segment_it_says_that_there_is_nothing() {
    let place = Place::new();
    let file = "duet-1/segment-1/candidate/run.json";
    let (code, said) = interrupted_when(&place, &["--segment", "60s"], file, Signal::SIGTERM);
    assert_eq!((code, said.as_str()), (143, ""));
}

#[test]
fn a_target_that_is_not_ready_is_told_apart_and_keeps_what_was_measured() {
    let place = Place::new();
    place.write("starts", "0");
    let output = finish(&mut place.noise(&[]));
    ends_with(&output, 7);
    assert!(stderr(&output).contains("no more starts"), "{}", stderr(&output));
    fs::remove_file(place.path("started")).unwrap();
    place.write("starts", "2");
    let output = finish(&mut place.noise(&[]));
    ends_with(&output, 7);
    assert!(stdout(&output).contains("1 of 6 duets, 1 segment of 10 s"), "{}", stdout(&output));
    place.is_clean();
}

#[test]
fn mistakes_are_usage_errors() {
    let place = Place::new();
    for (more, part) in [
        (&["--duets", "1"][..], "--duets"),
        (&["--start-noise", "nowhere.json"], "neither a share such as 1% nor a file"),
        (&["--start-noise", "Cargo.toml"], "not a measurement of noise"),
    ] {
        let output = finish(&mut place.noise(more));
        ends_with(&output, 2);
        assert!(stderr(&output).contains(part), "{more:?}: {}", stderr(&output));
    }
    assert!(!place.path("started").exists());
}
