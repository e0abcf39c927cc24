//! Scenarios that never do what they say, and targets that never do what they should, by
//! the default objectives: none of them may end in a pass, and what cannot work ends early
//! and says what to mend. Each with GET and with POST, against a real server.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use loadgate::record::run::{EndReason, RunRecord};
use loadgate::record::store;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{self, finish, stderr, stdout};
use crate::truth_server::{Act, Request, TruthServer, after, response};

/// How long the runs are meant to be, in seconds: no run that cannot work takes so long.
const PLANNED: u32 = 40;

/// What became of one run.
struct Ended {
    _folder: TempDir,
    code: i32,
    summary: Value,
    record: RunRecord,
    report: String,
}

impl Ended {
    fn reason(&self, place: usize) -> &str {
        self.summary["reasons"][place].as_str().unwrap_or_default()
    }

    fn gave_up(&self) -> bool {
        matches!(self.record.end.as_ref().unwrap().reason, EndReason::Hopeless { .. })
    }
}

/// 40 s at 50/s through one flow of these steps; the first word of each request is its method
/// unless it is `METHOD`.
fn scenario(url: &str, method: &str, steps: &Value) -> Value {
    let steps: Value = serde_json::from_str(&steps.to_string().replace("METHOD", method)).unwrap();
    json!({
        "name": "never",
        "target": { "url": url },
        "flows": [{ "name": "f", "steps": steps }],
        "load": { "stages": [{ "for": format!("{PLANNED}s"), "rate": "50/s" }] },
    })
}

fn command(folder: &Path, scenario: &Value, flags: &[&str]) -> Command {
    let file = folder.join("never.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let mut command = support::loadgate();
    command.arg("run").arg(file).arg("-o").arg(folder.join("out")).args(flags);
    command.stdin(Stdio::null());
    command
}

fn run(scenario: &Value) -> Ended {
    run_with(scenario, &[])
}

fn run_with(scenario: &Value, flags: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let output = finish(&mut command(folder.path(), scenario, flags));
    let run = support::latest(&folder.path().join("out"), "never");
    let record = store::read(&run).unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    Ended {
        code: output.status.code().unwrap(),
        summary: support::summary(&run),
        record,
        report: stdout(&output),
        _folder: folder,
    }
}

/// Runs the steps with both methods at the same time, with the walk before the load and without.
fn both(server: &TruthServer, steps: &Value) -> [Ended; 2] {
    std::thread::scope(|scope| {
        let runs = [("GET", &[][..]), ("POST", &["--no-walk"][..])].map(|(method, flags)| {
            let scenario = scenario(&server.url(), method, steps);
            scope.spawn(move || run_with(&scenario, flags))
        });
        runs.map(|run| run.join().unwrap())
    })
}

/// Whatever the method: invalid, early, and by this reason.
#[track_caller]
fn cannot_work(server: &TruthServer, steps: &Value, reason: &str) {
    for ended in both(server, steps) {
        assert_eq!(ended.code, 6, "{}", ended.report);
        assert!(ended.reason(0).contains(reason), "{}", ended.report);
        assert!(ended.gave_up(), "{:?}", ended.record.end);
        let end = ended.record.end.as_ref().unwrap();
        assert!(end.scheduled < f64::from(PLANNED) / 2.0, "{end:?}");
        let judged = ended.summary["total"]["counts"]["planned"].as_u64().unwrap();
        assert!(judged >= 5, "what was measured is reported: {judged}\n{}", ended.report);
        assert!(ended.report.contains("ended early, as it could not work"), "{}", ended.report);
    }
}

fn answers(status: u16, body: &'static str) -> TruthServer {
    TruthServer::replying(move |_| response(status, body))
}

fn one_step() -> Value {
    json!([{ "name": "s", "request": "METHOD /s" }])
}

#[test]
fn what_is_always_404_cannot_work() {
    let reason = "the step \"s\" (GET /s) never worked: 404 on all ";
    let server = answers(404, "{}");
    let ended = run(&scenario(&server.url(), "GET", &one_step()));
    assert!(ended.reason(0).starts_with(reason), "{}", ended.report);
    let rest = " tries, expected below 400; the first answer: HTTP/1.1 404 ";
    assert!(ended.reason(0).contains(rest), "{}", ended.report);
    cannot_work(&server, &one_step(), "never worked: 404 on all ");
}

#[test]
fn a_check_that_always_fails_cannot_work() {
    let checked = json!([{ "name": "s", "request": "METHOD /s", "check": { "status": 201 } }]);
    cannot_work(&answers(200, "{}"), &checked, "never worked: 200 on all ");
    let extracted =
        json!([{ "name": "s", "request": "METHOD /s", "extract": { "id": "$.items[0].id" } }]);
    let reason = "never worked: value to extract not in the response on all ";
    cannot_work(&answers(200, "{\"items\":[]}"), &extracted, reason);
}

#[test]
fn a_login_that_never_yields_its_token_is_named_before_what_needs_it() {
    let steps = json!([
        { "name": "log in", "once": true, "request": "METHOD /login", "extract": { "t": "$.token" } },
        { "name": "list", "request": "GET /orders", "headers": { "authorization": "{{t}}" } },
    ]);
    cannot_work(&answers(200, "{\"error\":\"no\"}"), &steps, "the step \"log in\" (");
}

#[test]
fn a_target_that_never_answers_well_cannot_work() {
    cannot_work(&answers(500, "{}"), &one_step(), "never worked: 500 on all ");
    cannot_work(&answers(429, "{}"), &one_step(), "never worked: 429 on all ");
}

#[test]
fn a_target_that_always_resets_or_hangs_cannot_work() {
    let resets = TruthServer::replying(|_| vec![Act::Reset]);
    cannot_work(&resets, &one_step(), "never worked: ");
    let hangs = TruthServer::replying(|_| vec![Act::Wait(Duration::from_secs(5)), Act::Close]);
    let impatient = json!([{ "name": "s", "request": "METHOD /s", "timeout": "600ms" }]);
    cannot_work(&hangs, &impatient, "never worked: no full answer within 600ms on all ");
}

#[test]
fn one_broken_step_of_two_is_enough() {
    let server = TruthServer::replying(|request: &Request| {
        let status = if request.path() == "/broken" { 400 } else { 200 };
        response(status, "{}")
    });
    let steps = json!([
        { "name": "fine", "request": "METHOD /fine" },
        { "name": "broken", "request": "METHOD /broken" },
    ]);
    cannot_work(&server, &steps, "the step \"broken\" (");
}

/// A second of warm-up and so many that are judged, by limits that hold on a busy machine.
fn short(mut scenario: Value, seconds: u32, rate: &str) -> Value {
    scenario["load"]["stages"] = json!([
        { "for": "1s", "rate": rate, "warmup": true },
        { "for": format!("{seconds}s"), "rate": rate },
    ]);
    scenario
}

fn a_fifth_refused() -> TruthServer {
    TruthServer::replying(|request: &Request| {
        let status = if request.number % 5 == 2 { 429 } else { 200 };
        response(status, "{}")
    })
}

#[test]
fn a_fifth_of_refusals_misses_the_default_objectives() {
    let server = a_fifth_refused();
    for method in ["GET", "POST"] {
        let ended = run(&short(scenario(&server.url(), method, &one_step()), 3, "100/s"));
        assert_eq!(ended.code, 3, "{}", ended.report);
        assert!(ended.reason(0).starts_with("error_rate < 0.1% missed: "), "{}", ended.report);
        assert!(!ended.gave_up());
    }
}

#[test]
fn a_refusal_that_the_scenario_expects_is_fine() {
    let server = a_fifth_refused();
    let steps = json!([
        { "name": "s", "request": "METHOD /s", "check": { "status": ["2xx", 429] } }
    ]);
    for method in ["GET", "POST"] {
        let mut scenario = short(scenario(&server.url(), method, &steps), 4, "250/s");
        scenario["slo"] = json!({ "all": ["p95 < 4s", "error_rate < 1%"] });
        let ended = run(&scenario);
        assert_eq!(ended.code, 0, "{}", ended.report);
    }
}

#[test]
fn a_step_that_is_never_reached_rules_out_a_pass() {
    let steps = json!([
        { "name": "first", "request": "METHOD /first" },
        { "think": "50s" },
        { "name": "last", "request": "METHOD /last" },
    ]);
    let server = answers(200, "{}");
    for method in ["GET", "POST"] {
        let mut scenario = short(scenario(&server.url(), method, &steps), 4, "250/s");
        scenario["slo"] = json!({ "all": ["p95 < 4s", "error_rate < 1%"] });
        let ended = run(&scenario);
        assert_eq!(ended.code, 5, "{}", ended.report);
        let reason = ended.reason(0);
        assert!(reason.starts_with("the step \"last\" (") && reason.contains("never tried"));
    }
}

/// Half a second of failures at the beginning, as of a target that warms up, is no reason to
/// give up: the run ends when it was meant to.
#[test]
fn a_target_that_warms_up_is_given_time() {
    let server = TruthServer::replying(|request: &Request| {
        let status = if request.number < 60 { 503 } else { 200 };
        response(status, "{}")
    });
    let mut scenario = short(scenario(&server.url(), "GET", &one_step()), 4, "100/s");
    scenario["slo"] = json!({ "all": ["p95 < 4s", "error_rate < 20%"] });
    let ended = run(&scenario);
    assert!(!ended.gave_up(), "{:?}", ended.record.end);
    assert_eq!(ended.code, 0, "{}", ended.report);
}

/// Answers that take longer than the patience of the watch, and come.
#[test]
fn a_slow_target_is_no_hopeless_one() {
    let server =
        TruthServer::replying(|_| after(Duration::from_millis(5_500), response(200, "{}")));
    let mut scenario = short(scenario(&server.url(), "GET", &one_step()), 2, "20/s");
    scenario["slo"] = json!({ "all": ["p95 < 9s"] });
    let ended = run(&scenario);
    assert!(!ended.gave_up(), "{:?}", ended.record.end);
    assert_ne!(ended.code, 6, "{}", ended.report);
}
