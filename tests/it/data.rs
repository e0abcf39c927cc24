//! Rows of data, end to end: the same ones whatever the number of workers, each unique one once,
//! and what comes when there is none left.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use loadgate::record::outcome::{Cause, Outcome};
use loadgate::record::run::{EndReason, RunRecord};
use loadgate::record::store;
use serde_json::{Value, json};

use crate::support;
use crate::truth_server::{Request, TruthServer, after, raw, response};

fn server() -> TruthServer {
    TruthServer::replying(|_: &Request| response(200, "{}"))
}

/// 2 s of 100 requests each with one row of data.
fn scenario(server: &TruthServer, source: &Value, workers: u32) -> Value {
    json!({
        "name": "data",
        "target": { "url": server.url() },
        "data": { "rows": source },
        "flows": [{ "name": "f", "steps": [
            { "name": "get", "request": "GET /{{rows.id}}?name={{rows.full name}}" } ] }],
        "load": { "arrivals": "uniform", "stages": [{ "for": "2s", "rate": "100/s" }] },
        "limits": { "workers": workers },
        "slo": { "all": ["error_rate < 10%"] },
    })
}

/// A file with so many rows.
fn rows(folder: &Path, count: u32) {
    let mut text = String::from("\u{feff}id,full name\r\n");
    (0..count).for_each(|row| write!(text, "r{row},\"A \"\"{row}\"\", é\"\r\n").unwrap());
    fs::write(folder.join("rows.csv"), text).unwrap();
}

fn play(folder: &Path, scenario: &Value, more: &[&str]) -> Output {
    let file = folder.join("data.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let mut command = support::loadgate();
    command.arg("run").arg(&file).args(more).arg("-o").arg(folder.join("out"));
    support::finish(&mut command)
}

fn record(folder: &Path) -> RunRecord {
    store::read(&support::latest(&folder.join("out"), "data")).unwrap()
}

/// How many requests have a cause.
fn counts(record: &RunRecord, cause: Cause) -> u64 {
    let seconds = record.seconds.iter();
    seconds.flat_map(|second| second.counts()).map(|step| step.cause(cause)).sum()
}

/// The paths that were asked for, sorted.
fn asked(server: &TruthServer) -> Vec<String> {
    let all = server.log().into_iter();
    let mut paths: Vec<String> = all.map(|seen| seen.request.path().to_owned()).collect();
    paths.sort_unstable();
    paths
}

/// What was asked for with an order and so many workers.
fn requests(source: &Value, workers: u32) -> Vec<String> {
    let (folder, server) = (tempfile::tempdir().unwrap(), server());
    rows(folder.path(), 200);
    let output = play(folder.path(), &scenario(&server, source, workers), &["--no-walk"]);
    support::ends_with(&output, 0);
    asked(&server)
}

#[test]
fn each_unique_row_is_sent_once_whatever_the_number_of_workers() {
    let source = json!({ "file": "rows.csv", "order": "unique" });
    let mut each: Vec<String> =
        (0..200).map(|row| format!("/r{row}?name=A%20%22{row}%22%2C%20%C3%A9")).collect();
    each.sort_unstable();
    for workers in 1..=4 {
        assert_eq!(requests(&source, workers), each, "{workers} workers");
    }
}

#[test]
fn each_order_sends_the_same_requests_whatever_the_number_of_workers() {
    for order in ["shuffled", "random", "zipf"] {
        let source = json!({ "file": "rows.csv", "order": order });
        let alone = requests(&source, 1);
        assert_eq!(alone.len(), 200);
        for workers in 2..=4 {
            assert_eq!(requests(&source, workers), alone, "{order}, {workers} workers");
        }
    }
}

#[test]
fn unique_rows_that_are_used_up_never_end_green() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server());
    rows(folder.path(), 190);
    // 5 % are missing, and the objective would allow them; only one of the two flows needs rows, so
    // that nobody can know it before.
    let source = json!({ "file": "rows.csv", "order": "unique" });
    let mut scenario = scenario(&server, &source, 2);
    let other = json!({ "name": "other", "weight": 1, "steps": [{ "request": "GET /other" }] });
    scenario["flows"].as_array_mut().unwrap().push(other);
    scenario["flows"][0]["weight"] = json!(9);
    let output = play(folder.path(), &scenario, &["--no-walk", "--inconclusive", "pass"]);
    support::ends_with(&output, 6);
    let told = support::stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("as each row of the scenario's data had been used"), "{told}");
    let missing = counts(&record(folder.path()), Cause::NoRow);
    assert!((5..=10).contains(&missing), "{missing}");
}

#[test]
fn a_load_that_surely_needs_more_unique_rows_is_a_mistake() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server());
    rows(folder.path(), 50);
    let source = json!({ "file": "rows.csv", "order": "unique" });
    let output = play(folder.path(), &scenario(&server, &source, 1), &[]);
    support::ends_with(&output, 2);
    let told = support::stderr(&output);
    assert!(told.contains("50 unique rows for at least 116 iterations"), "{told}");
    assert_eq!(server.asked(), 0);
}

#[test]
fn a_load_that_stops_with_its_rows_says_so_and_is_judged_until_then() {
    for workers in [1, 3] {
        let (folder, server) = (tempfile::tempdir().unwrap(), server());
        rows(folder.path(), 120);
        let source = json!({ "file": "rows.csv", "order": "unique", "at_end": "stop" });
        let started = Instant::now();
        let scenario = scenario(&server, &source, workers);
        let output = play(folder.path(), &scenario, &["--no-walk"]);
        support::ends_with(&output, 0);
        let told = support::stdout(&output);
        assert!(told.contains("each row of \"rows\" was used after 1 of 2 s"), "{told}");
        assert_eq!(asked(&server).len(), 120, "{workers} workers");
        let end = record(folder.path()).end.unwrap();
        assert_eq!(end.reason, EndReason::RowsUsed { data: "rows".to_owned() });
        assert!((1.15..1.5).contains(&end.scheduled), "{}", end.scheduled);
        assert_eq!((end.iterations, end.iterations_completed), (120, 120));
        assert!(started.elapsed() < Duration::from_secs(60));
    }
}

/// Answers take so long that some are always on their way, and a flow beside needs no rows: the load is
/// over all the same, for all of it, and what is on its way is waited for.
#[test]
fn a_load_that_stops_with_its_rows_stops_for_flows_that_have_none() {
    for workers in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let server = TruthServer::replying(|_: &Request| {
            after(Duration::from_millis(500), response(200, "{}"))
        });
        rows(folder.path(), 60);
        let source = json!({ "file": "rows.csv", "order": "unique", "at_end": "stop" });
        let mut scenario = scenario(&server, &source, workers);
        let bare = json!({ "name": "g", "steps": [{ "name": "bare", "request": "GET /bare" }] });
        scenario["flows"].as_array_mut().unwrap().push(bare);
        scenario["load"]["stages"][0] = json!({ "for": "6s", "rate": "60/s" });
        let output = play(folder.path(), &scenario, &["--no-walk"]);
        let record = record(folder.path());
        let end = record.end.as_ref().unwrap();
        assert_eq!(end.reason, EndReason::RowsUsed { data: "rows".to_owned() });
        let paths = asked(&server);
        let bare = paths.iter().filter(|path| *path == "/bare").count();
        let said = support::stdout(&output);
        // Two hundred of it are planned.
        assert!(paths.len() - bare <= 60 && (20..110).contains(&bare), "{bare} bare: {said}");
        let counts = record.seconds.iter().flat_map(|second| second.counts());
        let unsent: u64 = counts.map(|step| step.outcome(Outcome::Unsent)).sum();
        assert_eq!((unsent, end.abandoned), (0, 0), "{said}");
        assert_eq!(end.iterations, end.iterations_completed);
    }
}

#[test]
fn objects_keep_their_types_and_users_keep_their_rows() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server());
    let text = "{\"id\": 10.00, \"tags\": [1, \"x\"], \"token\": \"s3cr3t-of-row-0\"}\n\
                {\"token\": \"s3cr3t-of-row-1\", \"tags\": [], \"id\": 123456789012345678901}\n";
    fs::write(folder.path().join("rows.ndjson"), text).unwrap();
    let source = json!({ "file": "rows.ndjson", "per": "user", "order": "unique" });
    let mut scenario = scenario(&server, &source, 1);
    scenario["load"] = json!({ "stages": [{ "for": "1s", "users": 2 }] });
    scenario["flows"][0]["steps"] = json!([
        { "name": "post", "request": "POST /{{user}}", "check": { "status": [200] },
          "headers": { "x-token": "{{rows.token}}" },
          "json": { "id": "{{rows.id}}", "tags": "{{rows.tags}}", "t": "<{{rows.tags}}>" } },
        { "think": "20ms" } ]);
    support::ends_with(&play(folder.path(), &scenario, &["--no-walk"]), 0);
    let bodies = [
        r#"{"id":10.00,"tags":[1, "x"],"t":"<[1, \"x\"]>"}"#,
        r#"{"id":123456789012345678901,"tags":[],"t":"<[]>"}"#,
    ];
    let all: Vec<Request> = server.log().into_iter().map(|seen| seen.request).collect();
    assert!(all.len() > 20, "{}", all.len());
    for request in all {
        let user: usize = request.path()[1..].parse().unwrap();
        assert_eq!(request.body, bodies[user - 1].as_bytes(), "user {user}");
    }
}

#[test]
fn secrets_of_rows_are_in_no_report() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        TruthServer::replying(|request: &Request| response(500, &format!("no {}", request.path())));
    fs::write(folder.path().join("rows.csv"), "id,full name,password\n1,x,hunter2hunter2\n")
        .unwrap();
    let mut scenario = scenario(&server, &json!({ "file": "rows.csv" }), 1);
    scenario["flows"][0]["steps"] = json!([{ "request": "GET /{{rows.password}}/{{rows.id}}" }]);
    support::ends_with(&play(folder.path(), &scenario, &["--no-walk"]), 6);
    let found = std::process::Command::new("grep")
        .args(["-rl", "hunter2"])
        .arg(folder.path().join("out"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

#[test]
fn what_a_template_names_and_a_file_lacks_has_a_place() {
    let folder = tempfile::tempdir().unwrap();
    rows(folder.path(), 3);
    fs::write(folder.path().join("bad.csv"), "a,b\n1,2\n3\n").unwrap();
    let text = r#"{ "target": { "demo": true },
  "data": { "rows": { "file": "rows.csv" }, "bad": { "file": "bad.csv" },
            "more": { "file": "none.json", "at_end": "stop" } },
  "flows": [{ "name": "f", "steps": [
    { "request": "GET /{{rows.ID}}/{{row.id}}/{{bad.c}}" } ] }],
  "load": { "stages": [{ "for": "1s", "rate": "1/s" }] } }"#;
    let file = folder.path().join("s.json");
    fs::write(&file, text).unwrap();
    let output = support::run(&["check", file.to_str().unwrap()]);
    support::ends_with(&output, 2);
    let told = support::stderr(&output);
    for part in [
        "s.json:2:62: the data file",
        "bad.csv has in row 2 (line 3): 1 value, and there are 2 columns",
        "none.json does not exist",
        "s.json:3:44: \"at_end\" means nothing without \"order\": \"unique\"",
        "s.json:5:24: the data \"rows\" has no column \"ID\"\n  did you mean \"id\"?",
        "s.json:5:36: unknown placeholder {{row.id}}\n  did you mean \"rows.id\"?",
    ] {
        assert!(told.contains(part), "{part} is missing in:\n{told}");
    }
    assert!(!told.contains("no column \"c\""), "{told}");
}

#[test]
fn a_million_rows_are_read_in_a_second_and_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::from("id,email,password,city\n");
    for row in 0..1_000_000_u32 {
        writeln!(text, "{row},user{row}@example.com,pw-{row:08x},city-{}", row % 1_000).unwrap();
    }
    fs::write(folder.path().join("rows.csv"), &text).unwrap();
    drop(text);
    let scenario = json!({
        "target": { "url": "http://127.0.0.1:1" }, "name": "million",
        "data": { "rows": { "file": "rows.csv", "order": "shuffled" } },
        "flows": [{ "name": "f", "steps": [{ "request": "GET /{{rows.email}}" }] }],
        "load": { "stages": [{ "for": "10s", "rate": "10/s" }] } });
    let file = folder.path().join("million.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let begun = Instant::now();
    // A debug build takes several times as long as the one that people use.
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -v 400000; exec \"$0\" check \"$1\""])
        .arg(env!("CARGO_BIN_EXE_loadgate"))
        .arg(&file)
        .output()
        .unwrap();
    support::ends_with(&output, 0);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn values_of_headers_cookies_and_texts_go_on_to_the_next_request() {
    let folder = tempfile::tempdir().unwrap();
    let server = TruthServer::replying(|request: &Request| match request.path() {
        "/login" => vec![raw("HTTP/1.1 201 Made\r\nLocation: /o/7\r\nSet-Cookie: a=1\r\n\
            Set-Cookie: sid=s%1; Path=/; HttpOnly\r\ncontent-length: 43\r\n\r\n\
            <i name=\"csrf\" value=\"t&1\"> id=1 id=2 id=3;")],
        _ => response(200, "{}"),
    });
    let scenario = json!({
        "name": "data",
        "target": { "url": server.url() },
        "flows": [{ "name": "f", "steps": [
            { "name": "login", "request": "POST /login", "extract": {
                "next": { "header": "Location" }, "sid": { "cookie": "sid" },
                "csrf": { "regex": "name=\"csrf\" value=\"([^\"]+)\"" },
                "second": { "regex": "id=(\\d)", "take": 2 },
                "any": { "regex": "id=(\\d)", "take": "random" },
                "none": { "header": "x-none", "default": "plain" } } },
            { "name": "go", "request": "GET /go?n={{next}}&c={{csrf}}&s={{second}}&d={{none}}&any={{any}}",
              "headers": { "cookie": "sid={{sid}}" } } ] }],
        "load": { "arrivals": "uniform", "stages": [{ "for": "2s", "rate": "20/s" }] },
        "slo": { "all": ["error_rate < 10%"] },
    });
    support::ends_with(&play(folder.path(), &scenario, &["--no-walk"]), 0);
    let all = server.log().into_iter().map(|seen| seen.request);
    let second: Vec<Request> = all.filter(|request| request.path() != "/login").collect();
    assert_eq!(second.len(), 40);
    for request in &second {
        let (path, any) = request.path().rsplit_once('=').unwrap();
        assert_eq!(path, "/go?n=%2Fo%2F7&c=t%261&s=2&d=plain&any");
        assert_eq!(request.header("cookie"), Some("sid=s%1"));
        assert!(["1", "2", "3"].contains(&any), "{any}");
    }
    for any in ["1", "2", "3"] {
        let is_it = |request: &&Request| request.path().ends_with(&format!("any={any}"));
        assert!(second.iter().filter(is_it).count() > 3, "{any} is never taken");
    }
}

#[test]
fn what_is_not_there_has_failed_and_mistakes_have_a_place() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server());
    let mut scenario = scenario(&server, &json!({}), 1);
    scenario["data"] = json!({});
    scenario["flows"][0]["steps"] =
        json!([{ "request": "GET /", "extract": { "sid": { "cookie": "sid" } } }]);
    support::ends_with(&play(folder.path(), &scenario, &["--no-walk"]), 6);
    let missing = counts(&record(folder.path()), Cause::ExtractionMissing);
    assert!(missing > 3, "{missing}");
    scenario["flows"][0]["steps"] = json!([{ "request": "GET /", "extract": {
        "a": { "cookie": "s d" }, "b": { "regex": "(" }, "c": { "take": "frist", "header": "x" },
        "d": { "header": "x", "json": "$.x" }, "e": {}, "f": { "heder": "x" } } }]);
    let output = play(folder.path(), &scenario, &[]);
    support::ends_with(&output, 2);
    let told = support::stderr(&output);
    for part in [
        "\"s d\" is not the name of a cookie",
        "this is no regular expression",
        "did you mean \"first\"?",
        "either in \"json\" or in \"header\"",
        "does not say from where",
        "did you mean \"header\"?",
    ] {
        assert!(told.contains(part), "{part} is missing in:\n{told}");
    }
}
