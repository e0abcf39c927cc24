//! What an iteration does besides one request after the other, end to end: how it goes on after
//! a failure, cookies. Against Node's servers, in HTTP/1.1, in HTTP/2 and by TLS.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::process::Output;

use loadgate::record::outcome::{Cause, Outcome};
use loadgate::record::run::RunRecord;
use loadgate::record::store;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::node_server::NodeServer;
use crate::support;
use crate::tls::Certificates;

/// A server in one of the ways in which it is spoken to.
pub(crate) struct Target {
    server: NodeServer,
    target: Value,
    _folder: TempDir,
    _certificates: Option<Certificates>,
}

/// The ways.
pub(crate) const WAYS: [&str; 4] = ["http", "h2c", "tls", "h2"];

impl Target {
    pub(crate) fn start(way: &str, more: &[(&str, &str)]) -> Target {
        let folder = tempfile::tempdir().unwrap();
        let certificates = matches!(way, "tls" | "h2").then(Certificates::server);
        let path = |name| certificates.as_ref().map(|all| all.path(name).display().to_string());
        let (cert, key) = (path("server.pem"), path("server.key"));
        let mut env = more.to_vec();
        if let (Some(cert), Some(key)) = (&cert, &key) {
            env.extend([("CERT", cert.as_str()), ("KEY", key.as_str())]);
        }
        if way == "h2c" {
            env.push(("H2C", "1"));
        }
        let server = NodeServer::start("flow-server.mjs", folder.path(), &env);
        let scheme = if cert.is_some() { "https" } else { "http" };
        let mut target = json!({ "url": format!("{scheme}://127.0.0.1:{}", server.port) });
        match way {
            "h2c" => target["http2"] = json!("prior-knowledge"),
            "h2" => target["http2"] = json!(true),
            _ => {}
        }
        if let Some(ca) = path("ca.pem") {
            target["tls"] = json!({ "ca": ca });
        }
        Target { server, target, _folder: folder, _certificates: certificates }
    }

    /// A scenario of one flow at 20/s for two seconds.
    pub(crate) fn scenario(&self, steps: &Value, more: &Value) -> Value {
        let mut all = json!({
            "name": "flow",
            "target": self.target,
            "flows": [{ "name": "f", "steps": steps }],
            "load": { "arrivals": "uniform", "stages": [{ "for": "2s", "rate": "20/s" }] },
            "slo": { "all": ["error_rate < 25%"] },
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            all[key] = value.clone();
        }
        all
    }
}

/// What a command came to.
pub(crate) struct Played {
    pub(crate) output: Output,
    pub(crate) folder: TempDir,
}

pub(crate) fn play(scenario: &Value, command: &str, more: &[&str]) -> Played {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flow.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let mut all = support::loadgate();
    all.env("SECRET_OF_TEST", "pass:w0rd").arg(command).arg(&file).args(more);
    if command == "run" {
        all.arg("-o").arg(folder.path().join("out"));
    }
    let output = support::finish(&mut all);
    Played { output, folder }
}

impl Played {
    pub(crate) fn said(&self) -> String {
        format!("{}{}", support::stdout(&self.output), support::stderr(&self.output))
    }

    pub(crate) fn record(&self) -> RunRecord {
        store::read(&support::latest(&self.folder.path().join("out"), "flow"))
            .unwrap_or_else(|error| panic!("{error}: {}", self.said()))
    }

    /// All that was written, and printed.
    pub(crate) fn everything(&self) -> String {
        let mut all = self.said();
        let mut folders = vec![self.folder.path().join("out")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.path() {
                    path if path.is_dir() => folders.push(path),
                    path => all.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap())),
                }
            }
        }
        all
    }
}

/// How often a step of this place ended so.
pub(crate) fn ended(record: &RunRecord, step: usize, outcome: Outcome) -> u64 {
    record.seconds.iter().map(|second| second.counts()[step].outcome(outcome)).sum()
}

/// How often for this reason.
pub(crate) fn because(record: &RunRecord, step: usize, cause: Cause) -> u64 {
    record.seconds.iter().map(|second| second.counts()[step].cause(cause)).sum()
}

/// Fails in every other iteration.
fn odd(name: &str) -> Value {
    json!({ "name": name, "request": "GET /{{iteration}}",
            "check": { "json": { "$.url": { "matches": "[13579]$" } } } })
}

#[test]
fn an_iteration_goes_on_after_a_failure_where_its_step_says_so_and_the_failure_counts() {
    let target = Target::start("http", &[]);
    for (on_failure, later) in [(None, 20), (Some("stop"), 20), (Some("continue"), 40)] {
        let mut failing = odd("b");
        if let Some(on_failure) = on_failure {
            failing["on_failure"] = json!(on_failure);
        }
        let steps = json!([
            { "name": "a", "request": "GET /" }, failing, { "name": "c", "request": "GET /c" },
        ]);
        let played = play(&target.scenario(&steps, &json!({})), "run", &["--no-walk"]);
        let record = played.record();
        assert_eq!(ended(&record, 0, Outcome::Ok), 40);
        assert_eq!(ended(&record, 1, Outcome::CheckFailed), 20, "{on_failure:?}");
        assert_eq!(ended(&record, 2, Outcome::Ok), later, "{on_failure:?}");
        let end = record.end.as_ref().unwrap();
        assert_eq!((end.iterations, end.iterations_completed), (40, 20), "{on_failure:?}");
        assert_ne!(played.output.status.code(), Some(0), "{}", played.said());
    }
}

#[test]
fn a_request_that_lacks_a_value_is_never_sent_and_has_failed() {
    let target = Target::start("http", &[]);
    let mut first = odd("a");
    first["extract"] = json!({ "id": "$.id" });
    first["on_failure"] = json!("continue");
    let steps = json!([
        first,
        // The value of the iteration before would be there.
        { "name": "b", "request": "GET /items/{{id}}", "on_failure": "continue" },
        { "name": "c", "request": "GET /c" },
    ]);
    let played = play(&target.scenario(&steps, &json!({})), "run", &["--no-walk"]);
    let record = played.record();
    assert_eq!(ended(&record, 1, Outcome::Ok), 20, "{}", played.said());
    assert_eq!(because(&record, 1, Cause::ValueMissing), 20);
    assert_eq!(ended(&record, 1, Outcome::CheckFailed), 20);
    assert_eq!(ended(&record, 2, Outcome::Ok), 40);
    assert_eq!(target.server.count_of("/items"), 20);
    assert_ne!(played.output.status.code(), Some(0), "{}", played.said());
    assert!(played.said().contains("value for the request missing"), "{}", played.said());
}

#[test]
fn cookies_are_kept_within_an_iteration_and_by_the_users_of_a_closed_load() {
    let session = json!([
        { "name": "in", "request": "POST /session", "extract": { "known": "$.known" } },
        { "name": "me", "request": "GET /me?x=1" },
    ]);
    for way in WAYS {
        let target = Target::start(way, &[]);
        let with = json!({ "cookies": true });
        let played = play(&target.scenario(&session, &with), "run", &[]);
        support::ends_with(&played.output, 0);
        assert_eq!(ended(&played.record(), 1, Outcome::Ok), 40, "{way}: {}", played.said());
        assert!(!played.everything().contains("verysecret"), "{way}");

        let played = play(&target.scenario(&session, &json!({})), "run", &["--no-walk"]);
        assert!(ended(&played.record(), 1, Outcome::ClientError) > 0, "{way}: off by default");
    }
    let target = Target::start("http", &[]);
    let known = json!([
        { "name": "in", "request": "POST /session", "check": { "json": { "$.known": null } } },
    ]);
    let open = play(&target.scenario(&known, &json!({ "cookies": true })), "run", &[]);
    support::ends_with(&open.output, 0);
    let known = json!([
        { "name": "in", "request": "POST /session", "check": { "json": { "$.known": null } },
          "on_failure": "continue" },
        { "think": "100ms" },
    ]);
    let closed = json!({ "cookies": true, "load": { "stages": [{ "for": "2s", "users": 3 }] } });
    let closed = play(&target.scenario(&known, &closed), "run", &["--no-walk"]).record();
    assert_eq!(ended(&closed, 0, Outcome::Ok), 3, "each user's first");
    assert!(ended(&closed, 0, Outcome::CheckFailed) > 30);
}

#[test]
fn who_logs_in_once_keeps_the_cookies_of_that() {
    let target = Target::start("http", &[]);
    let steps = json!([
        { "name": "in", "request": "POST /session", "once": true },
        { "name": "me", "request": "GET /me" },
    ]);
    let played = play(&target.scenario(&steps, &json!({ "cookies": true })), "run", &[]);
    support::ends_with(&played.output, 0);
    assert!(ended(&played.record(), 0, Outcome::Ok) < 40);
    assert_eq!(ended(&played.record(), 1, Outcome::Ok), 40);
}

#[test]
fn a_cookie_never_reaches_a_report_whoever_repeats_it() {
    let target = Target::start("http", &[]);
    let steps = json!([
        { "name": "in", "request": "POST /session" },
        { "name": "broken", "request": "GET /broken" },
    ]);
    let scenario = target.scenario(&steps, &json!({ "cookies": true }));
    let played = play(&scenario, "run", &["--no-walk"]);
    let all = played.everything();
    assert!(all.contains("[redacted]") && !all.contains("verysecret"), "{}", played.said());
    let walked = play(&scenario, "check", &["--once"]).said();
    assert!(walked.contains("[redacted]") && !walked.contains("verysecret"), "{walked}");
}

#[test]
fn mistakes_of_flows_are_told() {
    let target = Target::start("http", &[]);
    let steps = json!([
        { "name": "a", "request": "GET /", "on_failure": "contine" },
        { "name": "b", "request": "GET /", "headers": { "Cookie": "a=1" } },
        { "think": "1s", "on_failure": "stop" },
    ]);
    let said = play(&target.scenario(&steps, &json!({ "cookies": true })), "check", &[]).said();
    for expected in [
        "did you mean \"continue\"?",
        "a \"cookie\" of its own beside those that the user keeps",
        "\"on_failure\" means nothing beside \"think\"",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
