//! `loadgate duet` with real repositories, processes and sockets: what regressed is called
//! regressed, what did not passes, and nothing is left behind, however it ends.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use super::support::{
    ends_with, eventually, finish, latest, loadgate, nice_values, stderr, stdout, wait,
};

/// Works for as many milliseconds as its folder's file `work` says, dies when there is a
/// file `die` and so many requests have come, answers 404 when there is a file `broken`, and
/// needs a module when there is a file `needs`.
const SERVER: &str = r#"
const fs = require("node:fs");
const work = Number(fs.readFileSync("work", "utf8"));
const most = fs.existsSync("die") ? Number(fs.readFileSync("die", "utf8")) : Infinity;
if (fs.existsSync("needs")) require(fs.readFileSync("needs", "utf8"));
const broken = fs.existsSync("broken");
let served = 0;
require("node:http").createServer((request, response) => {
  if (request.url === "/health") return response.end("ok");
  if (++served > most) process.exit(3);
  const end = performance.now() + work;
  while (performance.now() < end);
  if (broken) response.statusCode = 404;
  response.end("{}");
}).listen(Number(process.env.PORT), "127.0.0.1");
"#;

/// A repository whose branch `main` works 1 ms for each request.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { root: tempfile::tempdir().unwrap() };
        for folder in ["repo", "temporary", "out"] {
            fs::create_dir_all(place.path(folder)).unwrap();
        }
        place.write("repo/server.js", SERVER);
        place.write("repo/work", "1");
        git(&place.path("repo"), &["init", "--quiet", "--initial-branch=main"]);
        place.commit("The first version");
        place.write(
            "scenario.json",
            r#"{ "name": "place",
                "target": { "url": "http://127.0.0.1:9", "cwd": "repo",
                    "command": ["node", "server.js"], "ready": { "path": "/health" } },
                "flows": [{ "name": "f", "steps": [{ "request": "GET /" }] }],
                "load": { "stages": [{ "for": "5s", "rate": "60/s" }] },
                "slo": { "all": ["p50 < 2s"] } }"#,
        );
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn commit(&self, message: &str) {
        git(&self.path("repo"), &["add", "--all"]);
        git(&self.path("repo"), &["commit", "--quiet", "--message", message]);
    }

    /// A short duet, where `more` says nothing else.
    fn duet(&self, more: &[&str]) -> Command {
        let mut command = loadgate();
        let short =
            [["--metrics", "p50"], ["--segment", "10s"], ["--warmup", "1s"], ["--pilot", "0s"]];
        command
            .args(["duet", self.path("scenario.json").to_str().unwrap()])
            .args(short.iter().filter(|[flag, _]| !more.contains(flag)).flatten())
            .args(["--segments", "2", "-o", self.path("out").to_str().unwrap()])
            .args(more)
            .env("TMPDIR", self.path("temporary"));
        command
    }

    fn record(&self) -> Value {
        let folder = latest(&self.path("out"), "place");
        serde_json::from_str(&fs::read_to_string(folder.join("duet.json")).unwrap()).unwrap()
    }

    /// No worktree, no temporary folder, no server.
    #[track_caller]
    fn is_clean(&self) {
        let worktrees = git(&self.path("repo"), &["worktree", "list"]);
        assert_eq!(worktrees.lines().count(), 1, "{worktrees}");
        let left: Vec<_> = fs::read_dir(self.path("temporary")).unwrap().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
        eventually("all servers are gone", || servers(&self.path("")).is_empty());
    }
}

/// Processes whose folder lies in a place.
fn servers(place: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let folders = all.filter_map(|process| fs::read_link(process.path().join("cwd")).ok());
    folders.filter(|folder| folder.starts_with(place)).collect()
}

#[track_caller]
fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Nobody");
        command.env(format!("GIT_{who}_EMAIL"), "nobody@example.com");
    }
    let command = command.args(arguments).current_dir(folder).stdin(Stdio::null());
    let output = command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a duet ends with that the machine left alone: one that says that it cannot know, as it has
/// too little evidence (5) or was disturbed itself (6), is played again, three times in all.
fn undisturbed(mut played: impl FnMut() -> Output) -> Output {
    for _ in 0..2 {
        let output = played();
        if !matches!(output.status.code(), Some(5 | 6)) {
            return output;
        }
    }
    played()
}

#[test]
fn a_regression_that_is_committed_on_a_branch_ends_in_exit_code_4() {
    let place = Place::new();
    git(&place.path("repo"), &["switch", "--quiet", "--create", "slower"]);
    place.write("repo/work", "6");
    place.commit("Do it six times, to be sure");
    let output = undisturbed(|| finish(&mut place.duet(&["--baseline-ref", "main"])));
    ends_with(&output, 4);
    let record = place.record();
    assert!(record["baseline"]["source"].as_str().unwrap().contains("The first version"));
    assert_eq!(record["end"], "finished");
    place.is_clean();
}

#[test]
fn an_unchanged_candidate_passes() {
    let place = Place::new();
    let alike = ["--baseline-ref", "main", "--tolerance", "100%"];
    let output = undisturbed(|| finish(&mut place.duet(&alike)));
    ends_with(&output, 0);
    place.is_clean();
    is_refused_without_the_log_of_an_arm(&latest(&place.path("out"), "place"));
}

/// No verdict comes of a record that lacks something.
#[track_caller]
fn is_refused_without_the_log_of_an_arm(folder: &Path) {
    let log = folder.join("segment-2/candidate/intervals.hlog");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text.split_inclusive('\n').take(30).collect::<String>()).unwrap();
    let refused = finish(loadgate().arg("report").arg(folder));
    ends_with(&refused, 2);
    let told = stderr(&refused);
    assert!(told.contains("segment-2/candidate/intervals.hlog: second "), "{told}");
    assert!(told.contains("in the histogram"), "{told}");
}

#[test]
fn in_turns_each_arm_has_the_machine_for_itself() {
    let place = Place::new();
    place.write("repo/work", "6");
    let turns = ["--baseline", "node server.js", "--method", "alternating"];
    let output = finish(place.duet(&turns).env("UNUSED", ""));
    // Both work 6 ms: the same command in the same folder.
    assert_ne!(output.status.code(), Some(4), "{}", stdout(&output));
    let record = place.record();
    assert_eq!(record["method"]["alternating"]["block"], 5);
    let folder = latest(&place.path("out"), "place").join("segment-1");
    for (arm, beside) in [("baseline", "candidate"), ("candidate", "baseline")] {
        let seconds = |arm: &str| -> Vec<u64> {
            let text = fs::read_to_string(folder.join(arm).join("run.json")).unwrap();
            let run: Value = serde_json::from_str(&text).unwrap();
            let all = run["seconds"].as_array().unwrap().iter();
            all.map(|second| second["second"].as_u64().unwrap()).collect()
        };
        let (own, other) = (seconds(arm), seconds(beside));
        assert!(!own.is_empty() && own.iter().all(|second| !other.contains(second)), "{own:?}");
    }
    place.is_clean();
}

#[test]
fn a_ref_that_does_not_exist_is_named() {
    let place = Place::new();
    let output = finish(&mut place.duet(&["--baseline-ref", "mian"]));
    ends_with(&output, 2);
    assert!(stderr(&output).contains("mian") && stderr(&output).contains("main"));
    place.is_clean();
}

#[test]
fn a_preparation_that_fails_is_told_with_its_last_words() {
    let place = Place::new();
    let failing = ["--baseline-ref", "main", "--prepare", "echo no such package; exit 5"];
    let output = finish(&mut place.duet(&failing));
    ends_with(&output, 7);
    assert!(stderr(&output).contains("no such package"), "{}", stderr(&output));
    place.is_clean();
}

#[test]
fn an_arm_that_dies_under_load_ends_the_duet() {
    let place = Place::new();
    place.write("repo/die", "150");
    let output = finish(&mut place.duet(&["--baseline-ref", "main"]));
    ends_with(&output, 7);
    assert!(stderr(&output).contains("the candidate was lost under load"), "{}", stderr(&output));
    place.is_clean();
}

#[test]
fn an_arm_that_never_starts_is_told_apart() {
    let place = Place::new();
    let output = finish(&mut place.duet(&["--baseline", "echo out of order; exit 9"]));
    ends_with(&output, 7);
    let said = stderr(&output);
    assert!(said.contains("the baseline") && said.contains("out of order"), "{said}");
    place.is_clean();
}

#[test]
fn a_step_that_never_works_in_one_arm_ends_the_duet_in_its_pilot_by_name() {
    let place = Place::new();
    place.write("repo/broken", "");
    let long = ["--baseline-ref", "main", "--pilot", "60s", "--segment", "60s"];
    let output = finish(&mut place.duet(&long));
    ends_with(&output, 6);
    let said = stderr(&output);
    assert!(said.contains("the candidate cannot work") && said.contains("GET /"), "{said}");
    let record = place.record();
    assert_eq!(record["end"]["hopeless"]["arm"], "candidate", "{record}");
    assert_eq!(record["segments"].as_array().unwrap().len(), 0, "{record}");
    place.is_clean();
}

#[test]
fn a_few_requests_are_no_pass_and_that_is_said_before() {
    let place = Place::new();
    let few = ["--baseline-ref", "main", "--metrics", "p50,p95,errors", "--segment", "5s"];
    let output = finish(place.duet(&few).args(["-R", "18"]));
    ends_with(&output, 5);
    let (before, after) = (stderr(&output), stdout(&output));
    assert!(before.contains("this comparison cannot pass: without any error it takes"), "{before}");
    for part in ["INCONCLUSIVE", "report.html"] {
        assert!(after.contains(part), "{part}: {after}");
    }
    place.is_clean();
}

#[test]
fn errors_alone_gate_no_duet() {
    let place = Place::new();
    let output = finish(&mut place.duet(&["--baseline-ref", "main", "--metrics", "errors"]));
    ends_with(&output, 2);
    assert!(stderr(&output).contains("--metrics p50,errors"), "{}", stderr(&output));
}

#[test]
fn a_checkout_that_lacks_what_is_not_in_git_is_told_of_prepare() {
    let place = Place::new();
    place.write("repo/needs", "./generated.js");
    place.write("repo/.gitignore", "generated.js\n");
    place.write("repo/generated.js", "");
    place.commit("Needs what is not in git");
    let output = finish(&mut place.duet(&["--baseline-ref", "main"]));
    ends_with(&output, 7);
    let said = stderr(&output);
    assert!(said.contains("nothing prepared the checkout of main"), "{said}");
    assert!(said.contains("--prepare 'npm ci'"), "{said}");
    place.is_clean();
}

#[test]
fn a_duet_needs_a_baseline() {
    let place = Place::new();
    let output = finish(&mut place.duet(&[]));
    ends_with(&output, 2);
    assert!(stderr(&output).contains("--baseline"), "{}", stderr(&output));
}

/// Interrupts as soon as something is there.
#[track_caller]
fn interrupted_when(place: &Place, more: &[&str], what: &str, is_there: impl Fn() -> bool) {
    let mut command = place.duet(more);
    let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually(what, is_there);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(wait(&mut child).code(), Some(130), "{what}");
    place.is_clean();
}

#[test]
fn interrupted_in_the_preparation() {
    let place = Place::new();
    let busy = place.path("temporary/busy");
    let command = format!("touch {}; sleep 60", busy.display());
    let more = ["--baseline-ref", "main", "--prepare", command.as_str()];
    let is_there = || {
        let found = busy.exists();
        let _ = fs::remove_file(&busy);
        found
    };
    interrupted_when(&place, &more, "the preparation runs", is_there);
}

#[test]
fn interrupted_in_the_pilot() {
    let place = Place::new();
    let log = place.path("out/place/latest/pilot/candidate/run.json");
    let more = ["--baseline-ref", "main", "--pilot", "60s"];
    interrupted_when(&place, &more, "the pilot is loaded", || log.exists());
}

#[test]
fn interrupted_in_a_segment() {
    let place = Place::new();
    let log = place.path("out/place/latest/segment-1/candidate/run.json");
    let more = ["--baseline-ref", "main", "--segment", "60s"];
    interrupted_when(&place, &more, "the segment is loaded", || log.exists());
}

#[test]
fn the_thread_of_both_arms_goes_ahead_as_the_record_says() {
    let place = Place::new();
    let mut command = place.duet(&["--baseline-ref", "main", "--segment", "60s"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let record = place.path("out/place/latest/segment-1/candidate/run.json");
    let said = || -> Option<Value> {
        let record = fs::read_to_string(&record).ok()?;
        Some(
            serde_json::from_str::<Value>(&record).ok()?["generators"][0]["environment"]["nice"]
                .clone(),
        )
    };
    let is_as_said = || {
        let values = said().zip(nice_values(child.id(), "worker-pair"));
        values.is_some_and(|(said, [main, pair])| pair == said.as_i64().unwrap_or(main))
    };
    eventually("the pair has the nice value of the record", is_as_said);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(wait(&mut child).code(), Some(130));
    place.is_clean();
}

#[test]
fn a_length_of_time_is_planned_from_the_first_start_and_cpu_time_gates() {
    let place = Place::new();
    place.write("repo/work", "3");
    let output = undisturbed(|| {
        let mut command = loadgate();
        command
            .args(["duet", place.path("scenario.json").to_str().unwrap(), "--baseline-ref", "main"])
            .args(["--within", "45s", "-o", place.path("out").to_str().unwrap()])
            .env("TMPDIR", place.path("temporary"));
        finish(&mut command)
    });
    ends_with(&output, 4);
    let said = stderr(&output);
    assert!(said.contains("within 45s, less if it is decided before"), "{said}");
    assert!(said.contains("of warm-up, as a start takes"), "{said}");
    assert!(said.contains("CPU per request of"), "{said}");
    let record = place.record();
    let settings = &record["settings"];
    // Two segments cannot decide it to 4 %, so it watches; with three minutes it gates.
    let known = ["metrics", "watches"].map(|of| settings[of].as_array().unwrap().clone());
    assert!(known.concat().contains(&"cpu_per_request".into()), "{record}");
    assert!(settings["looks"].as_u64().unwrap() >= 2, "{record}");
    assert!(record["idle"]["baseline"].as_f64().unwrap() < 0.5, "{record}");
    assert_eq!(record["warmup_seconds"], 5, "{record}");
    assert!(record["judged_seconds"].as_u64().unwrap() >= 10, "{record}");
    // Two milliseconds more of each request are two milliseconds more of CPU time.
    let folder = latest(&place.path("out"), "place");
    let found = fs::read_to_string(folder.join("comparison.json")).unwrap();
    let found: Value = serde_json::from_str(&found).unwrap();
    let metrics = found["comparison"]["metrics"].as_array().unwrap();
    let cpu = metrics.iter().find(|it| it["name"] == "CPU per request").unwrap();
    assert_eq!((&cpu["ruling"], &cpu["rule"]), (&"regressed".into(), &"starts".into()), "{cpu}");
    let [before, after] = ["baseline", "candidate"].map(|arm| cpu[arm].as_f64().unwrap());
    assert!((0.3..4.0).contains(&(after - before)), "{before} ms, {after} ms");
    place.is_clean();
}

#[test]
fn what_cannot_be_planned_is_refused() {
    let place = Place::new();
    for (more, expected) in [
        (["--within", "5s", "--metrics", "p50"].as_slice(), "take at least 30s"),
        (&["--within", "60s", "--segments", "2", "--segment", "9s"], "leave one out, or --within"),
        (&["--within", "60s", "--pilot", "9s"], "cannot be used with"),
        (&["--metrics", "cpu,errors"], "needs a quantile of the response time"),
        (
            &["--metrics", "p50,cpu", "--candidate", "http://127.0.0.1:9"],
            "cpu is known only of targets that loadgate starts",
        ),
    ] {
        let mut command = loadgate();
        let scenario = place.path("scenario.json");
        command.args(["duet", scenario.to_str().unwrap(), "--baseline-ref", "main"]).args(more);
        let output = finish(&mut command);
        ends_with(&output, 2);
        assert!(stderr(&output).contains(expected), "{more:?}: {}", stderr(&output));
    }
}
