//! Runs that end before their time, by a signal or by force: what was due and has no answer
//! yet must not vanish. A target that hangs is no pass, whoever loses patience with it; a
//! healthy one is no failure.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{self, eventually, loadgate};
use crate::truth_server::{Act, TruthServer, after, response};

/// Requests per second.
const RATE: usize = 60;
const OBJECTIVES: [&str; 7] = [
    "p95 < 400ms",
    "p95 < 400ms for 90% of 1s windows",
    "error_rate < 5%",
    "availability >= 95%",
    "timeout_rate < 5%",
    "server_error_rate < 5%",
    "unsent_rate < 5%",
];

/// Answers after 20 ms, from so long after its first request on not at all.
fn hanging(from: Duration) -> TruthServer {
    let first: Mutex<Option<Instant>> = Mutex::default();
    TruthServer::replying(move |_| {
        let begun = *first.lock().unwrap().get_or_insert_with(Instant::now);
        if begun.elapsed() > from {
            return vec![Act::Wait(Duration::from_secs(60))];
        }
        after(Duration::from_millis(20), response(200, "{}"))
    })
}

fn start(server: &TruthServer, method: &str) -> (TempDir, Child) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cut.json");
    let scenario = json!({
        "name": "cut",
        "target": { "url": server.url() },
        "flows": [{ "name": "f", "steps": [{ "name": "s", "request": format!("{method} /") }] }],
        "load": { "arrivals": "uniform", "stages": [
            { "for": "1s", "rate": format!("{RATE}/s"), "warmup": true },
            { "for": "60s", "rate": format!("{RATE}/s") }
        ] },
        "slo": { "all": OBJECTIVES },
    });
    fs::write(&file, scenario.to_string()).unwrap();
    let mut command = loadgate();
    command
        .arg("run")
        .arg("--no-walk")
        .arg(&file)
        .arg("-q")
        .arg("-o")
        .arg(folder.path().join("out"));
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    (folder, child)
}

/// Ends a run by a signal once the server has seen so many requests; returns what each
/// objective came to, and the report's exit code.
fn cut(server: &TruthServer, method: &str, seen: usize, signal: Signal) -> (Statuses, i32) {
    let (folder, mut child) = start(server, method);
    eventually("the load", || server.log().len() >= seen);
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
    support::wait(&mut child);
    let run = support::latest(&folder.path().join("out"), "cut");
    let again = folder.path().join("again");
    let mut report = loadgate();
    let output = report.arg("report").arg(&run).arg("-o").arg(&again).output().unwrap();
    let summary = support::summary(&again);
    let slos = summary["slos"].as_array().unwrap().iter();
    let of = |slo: &serde_json::Value, key: &str| slo[key].as_str().unwrap().to_owned();
    let statuses = slos.map(|slo| (of(slo, "text"), of(slo, "status"))).collect();
    (statuses, output.status.code().unwrap())
}

type Statuses = BTreeMap<String, String>;

/// The signals, with a method each; all at once, as it takes a while until a target hangs.
fn each(check: impl Fn(&str, Signal) + Sync) {
    let check = &check;
    thread::scope(|scope| {
        for (method, signal) in [
            ("GET", Signal::SIGKILL),
            ("POST", Signal::SIGKILL),
            ("GET", Signal::SIGINT),
            ("POST", Signal::SIGTERM),
        ] {
            scope.spawn(move || check(method, signal));
        }
    });
}

#[test]
fn a_target_that_hangs_does_not_pass_because_the_run_is_cut_short() {
    each(|method, signal| {
        let server = hanging(Duration::from_secs(3));
        let (statuses, code) = cut(&server, method, 6 * RATE, signal);
        // Where the generator was held up as well, a miss may be its own doing.
        assert!([3, 5, 6, 130, 143].contains(&code), "exit {code}: {signal} {method}");
        for objective in OBJECTIVES {
            let expected: &[&str] = match objective {
                // One stretch of hanging, however long, is one event, but fills many windows.
                "p95 < 400ms for 90% of 1s windows" | "p95 < 400ms" => {
                    &["missed", "inconclusive", "invalid"]
                }
                // Sent they were, or they wait for a connection.
                "unsent_rate < 5%" => &["met", "inconclusive", "invalid"],
                _ => &["inconclusive", "invalid"],
            };
            let found = statuses[objective].as_str();
            assert!(expected.contains(&found), "{signal} {method} {objective}: {found}");
        }
    });
}

#[test]
fn a_healthy_target_does_not_fail_because_the_run_is_cut_short() {
    each(|method, signal| {
        let server = hanging(Duration::from_secs(60));
        let (statuses, code) = cut(&server, method, 5 * RATE, signal);
        assert!([0, 5, 6, 130, 143].contains(&code), "{signal} {method}: {statuses:#?}");
        for (objective, status) in &statuses {
            // A generator that was held up on a busy machine does not make the target worse.
            assert_ne!(status, "missed", "{signal} {method} {objective}");
        }
    });
}
