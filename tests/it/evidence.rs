//! What failing requests looked like: kept from the wire into every report, without secrets,
//! bounded, and found again in the target's own log.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use loadgate::record::exchange::FailedExchange;
use loadgate::record::outcome::{Cause, Outcome};
use loadgate::record::run::RunRecord;
use loadgate::record::store;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{self, eventually};
use crate::truth_server::{Act, Request, TruthServer, raw, response};

const SECRET: &str = "sup3rs3cr3t/val+ue";

/// Fails in every way that there is, by path.
fn failing() -> TruthServer {
    TruthServer::replying(|request: &Request| {
        let path = request.path().split('?').next().unwrap_or_default();
        let echo = request.header("authorization").unwrap_or_default().to_owned();
        match path {
            "/json" => response(404, &json!({ "error": "no order 7", "sent": echo }).to_string()),
            "/stack" => response(500, "TypeError: x is undefined\n    at show (orders.js:41:11)"),
            "/reset" => vec![Act::Reset],
            "/never" => vec![Act::Wait(Duration::from_secs(30))],
            "/begun" => vec![
                raw("HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\nbegun, "),
                Act::Wait(Duration::from_secs(30)),
            ],
            "/noise" => vec![raw(b"\x1b[31mSSH-2.0\xff\r\n<script>```\r\n"), Act::Close],
            "/large" => vec![raw(format!(
                "HTTP/1.1 503 No\r\nx-long: {}\r\nset-cookie: sid={echo}\r\ncontent-length: 90000\r\n\r\n{}",
                "h".repeat(3_000),
                "<b>`@x`</b>".repeat(9_000),
            ))],
            "/token" => response(200, r#"{"token":"of-this-user-only","id":"<i>7</i>"}"#),
            "/missing" => response(200, r#"{"token":"of-this-user-only"}"#),
            _ => response(200, "{}"),
        }
    })
}

fn step(name: &str, request: &str) -> Value {
    json!({ "name": name, "request": request, "timeout": "200ms",
            "headers": { "authorization": "Bearer ${SECRET_OF_TEST}" } })
}

fn scenario(server: &TruthServer) -> Value {
    let names = ["json", "stack", "reset", "never", "begun", "noise", "large"];
    let mut flows: Vec<Value> = names
        .iter()
        .map(|name| json!({ "name": name, "steps": [step(name, &format!("GET /{name}?token=${{SECRET_OF_TEST}}&page=2"))] }))
        .collect();
    flows.push(json!({ "name": "login", "steps": [
        { "name": "token", "request": "POST /token", "json": { "password": "${SECRET_OF_TEST}" },
          "extract": { "mine": "$.token" } },
        { "name": "missing", "request": "POST /missing", "headers": { "x-api-key": "{{mine}}" },
          "json": { "n": "{{iteration}}", "note": "key {{mine}}" }, "extract": { "order": "$.order" } },
    ] }));
    flows.push(json!({ "name": "fine", "weight": 8, "steps": [{ "name": "fine", "request": "GET /fine" }] }));
    json!({
        "name": "evidence",
        "target": { "url": server.url() },
        "flows": flows,
        "load": { "arrivals": "uniform", "seed": 5, "stages": [
            { "for": "1s", "rate": "60/s", "warmup": true }, { "for": "3s", "rate": "60/s" } ] },
        "slo": { "all": ["p50 < 10s"] },
    })
}

struct Run {
    folder: TempDir,
    output: PathBuf,
    record: RunRecord,
    stdout: String,
}

impl Run {
    fn of(scenario: &Value) -> Run {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("evidence.json");
        fs::write(&file, scenario.to_string()).unwrap();
        let mut command = support::loadgate();
        command.env("SECRET_OF_TEST", SECRET).arg("run").arg("--no-walk").arg(&file);
        let finished = support::finish(command.arg("-o").arg(folder.path().join("out")));
        let stdout = support::stdout(&finished);
        assert!(
            finished.status.code().is_some_and(|code| code != 1 && code != 2),
            "{}",
            support::stderr(&finished)
        );
        let output = support::latest(&folder.path().join("out"), "evidence");
        Run { record: store::read(&output).unwrap(), folder, output, stdout }
    }

    #[track_caller]
    fn first(&self, step: &str) -> &FailedExchange {
        let place = self.record.head.steps.iter().position(|head| head.name == step).unwrap();
        let mut all = self.record.failures.exchanges.iter();
        all.find(|exchange| usize::from(exchange.step) == place).unwrap()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.output.join(name)).unwrap()
    }
}

#[test]
fn each_kind_of_failure_has_examples_in_the_run_folder_and_in_every_report() {
    let server = failing();
    let run = Run::of(&scenario(&server));
    check_kept(&run);
    for name in ["report.html", "summary.md", "junit.xml", "summary.json", "exchanges.jsonl"] {
        let text = run.text(name);
        for part in [
            "no order 7",
            "orders.js:41:11",
            "/stack?token=[redacted]",
            "TypeError: x is undefined",
        ] {
            let escaped = part.replace('&', "&amp;");
            assert!(text.contains(part) || text.contains(&escaped), "{name} lacks {part}");
        }
        for secret in [SECRET, "sup3rs3cr3t", "s3cr3t%2Fval", "of-this-user-only"] {
            assert!(!text.contains(secret), "{name} has a secret");
        }
        assert!(!text.contains('\u{1b}') && !text.contains("\\u001b"), "{name}");
    }
    assert!(run.stdout.contains("Failed exchanges, the first of each kind"), "{}", run.stdout);
    assert!(!run.stdout.contains("s3cr3t") && !run.stdout.contains('\u{1b}'), "{}", run.stdout);
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 80 || line.contains('/')));
    let reasons = support::summary(&run.output)["reasons"][0].as_str().unwrap().to_owned();
    assert!(reasons.contains("; the first answer: HTTP/1.1 404"), "{reasons}");
    let page = run.text("report.html");
    assert!(!page.contains("<script") && !page.contains("<b>`"), "what the target says is text");
    let size = fs::metadata(run.output.join("exchanges.jsonl")).unwrap().len();
    assert!(size < 300_000, "{size} bytes");
    check_schema(&run);
    check_again(&run);
}

fn check_kept(run: &Run) {
    let with = |step, outcome, cause, status| {
        let found = run.first(step);
        assert_eq!((found.outcome, found.cause, found.status), (outcome, cause, status), "{step}");
        found.response.clone()
    };
    let json = with("json", Outcome::ClientError, None, Some(404)).unwrap();
    assert_eq!(json.body, r#"{"error":"no order 7","sent":"[redacted]"}"#);
    with("stack", Outcome::ServerError, None, Some(500));
    assert_eq!(with("reset", Outcome::TransportError, Some(Cause::Reset), None), None);
    assert_eq!(with("never", Outcome::Timeout, None, None), None);
    let begun = with("begun", Outcome::Timeout, None, Some(200)).unwrap();
    assert_eq!((begun.body.as_str(), begun.body_bytes), ("begun, ", 7));
    let noise = with("noise", Outcome::TransportError, Some(Cause::Malformed), None).unwrap();
    assert_eq!(noise.line, "\\x1b[31mSSH-2.0\\xff");
    let large = with("large", Outcome::ServerError, None, Some(503)).unwrap();
    assert!(large.is_cut && large.body.len() <= 1024 && large.headers.concat().len() <= 2048);
    let missing = run.first("missing");
    assert_eq!(missing.cause, Some(Cause::ExtractionMissing));
    assert!(missing.request.body.contains("key [redacted]"), "{:?}", missing.request);
    assert!(missing.request.headers.contains(&"x-api-key: [redacted]".to_owned()));
    assert_eq!(missing.response.as_ref().unwrap().body, r#"{"token":"[redacted]"}"#);
    let exchanges = &run.record.failures.exchanges;
    assert!(exchanges.iter().all(|exchange| exchange.outcome != Outcome::Ok));
    assert!(exchanges.iter().any(|exchange| exchange.warmup) && exchanges.len() <= 64);
}

fn check_schema(run: &Run) {
    let schema = support::run(&["schema", "exchange"]);
    let stored = fs::read(support::root().join("schemas/exchange.schema.json")).unwrap();
    assert_eq!(stored, schema.stdout, "`loadgate schema exchange` writes it");
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for line in run.text("exchanges.jsonl").lines() {
        assert!(validator.is_valid(&serde_json::from_str(line).unwrap()), "{line}");
    }
}

/// A run of before has no such file, and is judged as ever.
fn check_again(run: &Run) {
    let again = |name: &str| {
        let place = run.folder.path().join(name);
        let mut command = support::loadgate();
        let output = support::finish(command.arg("report").arg(&run.output).arg("-o").arg(&place));
        (output.status.code(), fs::read_to_string(place.join("summary.md")).unwrap())
    };
    let (code, with) = again("with");
    assert_eq!(with, run.text("summary.md"), "the same record gives the same report");
    fs::remove_file(run.output.join("exchanges.jsonl")).unwrap();
    let (old_code, without) = again("without");
    assert_eq!(old_code, code);
    assert!(!without.contains("Failed exchanges"));
}

#[test]
fn a_run_that_is_killed_keeps_its_examples() {
    let server = failing();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evidence.json");
    let mut scenario = scenario(&server);
    scenario["load"]["stages"][1]["for"] = json!("60s");
    fs::write(&file, scenario.to_string()).unwrap();
    let mut command = support::loadgate();
    command.env("SECRET_OF_TEST", SECRET).arg("run").arg("--no-walk").arg(&file).arg("-q");
    command.arg("-o").arg(folder.path().join("out")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let run = support::latest(&folder.path().join("out"), "evidence");
    let has_lines =
        || fs::read_to_string(run.join("exchanges.jsonl")).is_ok_and(|t| t.contains('\n'));
    eventually("an example on the disk", has_lines);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).unwrap();
    support::wait(&mut child);
    let record = store::read(&run).unwrap();
    assert!(record.end.is_none() && !record.failures.exchanges.is_empty());
    let again = folder.path().join("again");
    support::finish(support::loadgate().arg("report").arg(&run).arg("-o").arg(&again));
    let text = fs::read_to_string(again.join("summary.md")).unwrap();
    assert!(text.contains("Failed exchanges"), "{text}");
}

/// The ids of all requests to a path, by the name of their field.
fn ids(server: &TruthServer, path: &str, field: &str) -> Vec<Option<String>> {
    let log = server.log();
    let of_path = log.iter().filter(|seen| seen.request.path() == path);
    of_path.map(|seen| seen.request.header(field).map(str::to_owned)).collect()
}

fn asked(target: &Value, url: &str) -> Value {
    let mut target = target.clone();
    target["url"] = json!(url);
    json!({
        "name": "evidence", "target": target,
        "flows": [{ "name": "f", "steps": [
            { "name": "fixed", "request": "GET /fixed" },
            { "name": "filled", "request": "GET /filled", "headers": { "x-n": "{{iteration}}" } },
            { "name": "own", "request": "GET /own", "headers": { "X-Request-Id": "mine" } } ] }],
        "load": { "arrivals": "uniform", "stages": [{ "for": "1s", "rate": "20/s" }] },
        "limits": { "workers": 2 },
        "slo": { "all": ["p50 < 10s"] },
    })
}

#[test]
fn each_request_has_an_id_of_its_own_unless_the_scenario_says_otherwise() {
    for (target, field) in [
        (json!({}), Some("x-request-id")),
        (json!({ "request_id": "X-Correlation-ID" }), Some("x-correlation-id")),
        (json!({ "request_id": "none" }), None),
    ] {
        let server = failing();
        Run::of(&asked(&target, &server.url()));
        let Some(field) = field else {
            assert!(ids(&server, "/fixed", "x-request-id").iter().all(Option::is_none));
            continue;
        };
        let mut all: Vec<Option<String>> = ids(&server, "/fixed", field);
        all.extend(ids(&server, "/filled", field));
        let each: HashSet<_> = all.iter().flatten().collect();
        // The last arrivals may come too late for their second request.
        assert!(all.len() > 30 && each.len() == all.len(), "{all:?}");
        assert!(each.iter().all(|id| id.len() == 36));
        assert!(
            ids(&server, "/own", "x-request-id").iter().all(|id| id.as_deref() == Some("mine"))
        );
    }
}

#[test]
fn a_header_for_ids_that_cannot_be_one_is_a_mistake() {
    for (name, part) in [
        ("content-length", "set by loadgate"),
        ("a b", "not the name"),
        ("Host", "meaning of its own"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("evidence.json");
        let scenario = asked(&json!({ "request_id": name }), "http://127.0.0.1:1");
        fs::write(&file, scenario.to_string()).unwrap();
        let output = support::finish(support::loadgate().arg("check").arg(&file));
        let text = support::stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(part), "{text}");
    }
}

/// A target that logs as pino does, and as a stack trace does.
const LOGGING: &str = r#"
require("http").createServer((request, reply) => {
  if (request.url === "/health") return reply.end("ok");
  const id = request.headers["x-request-id"];
  const error = new TypeError("no order <7>");
  console.log(JSON.stringify({ level: 30, reqId: id, msg: "incoming" }));
  console.log(JSON.stringify({ level: 50, reqId: id, err: { message: error.message, stack: error.stack } }));
  reply.writeHead(500).end("internal");
}).listen(Number(process.env.PORT), "127.0.0.1");
console.error("Error: cannot reach the cache, password='hunter2222'\n    at connect (cache.js:1:1)");
"#;

#[test]
fn the_targets_own_log_is_quoted_by_the_id_and_linked() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("server.js"), LOGGING).unwrap();
    let port = support::free_port();
    let file = folder.path().join("evidence.json");
    let scenario = json!({
        "name": "evidence",
        "target": { "url": format!("http://127.0.0.1:{port}"), "command": ["node", "server.js"],
                    "env": { "PORT": port.to_string() }, "ready": { "path": "/health" } },
        "flows": [{ "name": "f", "steps": [{ "name": "order", "request": "GET /orders/7" }] }],
        "load": { "arrivals": "uniform", "stages": [{ "for": "2s", "rate": "5/s" }] },
        "slo": { "all": ["p50 < 10s"] },
    });
    fs::write(&file, scenario.to_string()).unwrap();
    let mut command = support::loadgate();
    let output = support::finish(
        command.arg("run").arg("--no-walk").arg(&file).arg("-o").arg(folder.path().join("out")),
    );
    let stdout = support::stdout(&output);
    check_log(&support::latest(&folder.path().join("out"), "evidence"), &stdout);
}

fn check_log(run: &Path, stdout: &str) {
    let record = store::read(run).unwrap();
    let log = record.failures.log.unwrap();
    let place = log.quotes.iter().find(|quote| quote.exchange == Some(0)).unwrap();
    assert!(place.text[0].contains("TypeError: no order <7>"), "{place:?}");
    let id = record.failures.exchanges[0].request_id.clone().unwrap();
    let lines = fs::read_to_string(run.join("target.log")).unwrap();
    let line = lines.lines().nth(place.line as usize - 1).unwrap();
    assert!(line.contains(&id) && line.contains("stack"), "{line}");
    let other = log.quotes.iter().find(|quote| quote.exchange.is_none()).unwrap();
    assert_eq!(other.text[0], "Error: cannot reach the cache, password='[redacted]'");
    for text in [stdout.to_owned(), fs::read_to_string(run.join("summary.md")).unwrap()] {
        assert!(
            text.contains("TypeError: no order <7>") && text.contains("cannot reach the cache"),
            "{text}"
        );
    }
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("href=\"target.log\"") && page.contains("no order &lt;7&gt;"));
}
