//! Checks of answers, end to end: what an answer says is looked at, and one that says something
//! else has failed, in the verdict, the reports and the walk; mistakes of their author are told.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::process::Output;
use std::time::Duration;

use loadgate::record::outcome::{Cause, Outcome};
use loadgate::record::store;
use serde_json::{Value, json};

use crate::support;
use crate::truth_server::{Act, Request, TruthServer, after, raw, response};

/// Every answer is a 200, and only some of them are right.
fn server() -> TruthServer {
    TruthServer::replying(|request: &Request| match request.path() {
        "/orders" => response(200, r#"{"id": "a-17", "total": 12}"#),
        "/orders/a-17" => {
            response(200, r#"{"id": "a-17", "state": "open", "items": [{"n": 1}, {"n": 2}]}"#)
        }
        "/wrong" => response(200, r#"{"error": "no database", "items": []}"#),
        "/slow" => after(Duration::from_millis(60), response(200, "{}")),
        "/typed" => vec![raw(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nX-Cache: MISS\r\n\
             content-length: 11\r\n\r\n<h1>Hi</h1>",
        )],
        _ => vec![Act::Close],
    })
}

fn scenario(server: &TruthServer, steps: &Value) -> Value {
    json!({
        "name": "checks",
        "target": { "url": server.url() },
        "flows": [{ "name": "f", "steps": steps }],
        "load": { "arrivals": "uniform", "stages": [{ "for": "2s", "rate": "40/s" }] },
        "slo": { "all": ["error_rate < 10%"] },
    })
}

fn play(scenario: &Value, command: &str, more: &[&str]) -> (tempfile::TempDir, Output) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("checks.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let mut all = support::loadgate();
    all.env("SECRET_OF_TEST", "sup3rs3cr3t").arg(command).arg(&file).args(more);
    if command == "run" {
        all.arg("-o").arg(folder.path().join("out"));
    }
    let output = support::finish(&mut all);
    (folder, output)
}

#[test]
fn answers_that_are_as_the_checks_say_are_ok_and_know_what_was_extracted() {
    let server = server();
    let steps = json!([
        { "name": "create", "request": "POST /orders", "extract": { "order": "$.id" },
          "check": { "status": 200, "json": { "$.total": { ">": 10, "<=": 12, "type": "integer" } } } },
        { "name": "show", "request": "GET /orders/{{order}}", "check": {
            "headers": { "content-length": { ">": 0 } }, "size": ">= 10B", "response_time": "< 5s",
            "body": { "contains": "\"state\"", "matches": "(?s)^\\{.*\\}$" },
            "json": { "$.id": "{{order}}", "$.state": { "in": ["open", "sent"] },
                      "$.items": { "count": 2 }, "$.items[*].n": { ">=": 1 },
                      "$.error": { "exists": false } } } },
    ]);
    let (folder, output) = play(&scenario(&server, &steps), "run", &[]);
    support::ends_with(&output, 0);
    let run = store::read(&support::latest(&folder.path().join("out"), "checks")).unwrap();
    assert_eq!(run.head.steps[1].checks.len(), 10, "{:?}", run.head.steps[1].checks);
}

/// What an answer of a path does not meet, and how that is told.
fn unmet() -> Vec<(&'static str, Value, Cause, &'static str)> {
    vec![
        (
            "/wrong",
            json!({ "json": { "$.error": { "exists": false } } }),
            Cause::JsonCheck,
            "json $.error exists false",
        ),
        (
            "/wrong",
            json!({ "json": { "$.items": { "count": ">= 1" } } }),
            Cause::JsonCheck,
            "json $.items count \">= 1\"",
        ),
        (
            "/wrong",
            json!({ "body": { "contains": "welcome" } }),
            Cause::BodyCheck,
            "body contains \"welcome\"",
        ),
        ("/wrong", json!({ "size": "< 10B" }), Cause::SizeCheck, "size < 10B"),
        (
            "/typed",
            json!({ "headers": { "content-type": { "contains": "json" } } }),
            Cause::HeaderCheck,
            "header content-type contains \"json\"",
        ),
        (
            "/typed",
            json!({ "headers": { "x-cache": "HIT" } }),
            Cause::HeaderCheck,
            "header x-cache is \"HIT\"",
        ),
        (
            "/typed",
            json!({ "json": { "$.error": { "exists": false } } }),
            Cause::NotJson,
            "json $.error exists false",
        ),
        (
            "/slow",
            json!({ "response_time": "< 50ms" }),
            Cause::ResponseTimeCheck,
            "response_time < 50ms",
        ),
    ]
}

#[test]
fn an_answer_that_says_something_else_has_failed_although_its_status_is_right() {
    for (path, check, cause, text) in unmet() {
        let server = server();
        let steps = json!([{ "name": "it", "request": format!("GET {path}"), "check": check }]);
        let (folder, output) = play(&scenario(&server, &steps), "run", &["--no-walk"]);
        assert_ne!(output.status.code(), Some(0), "{check}");
        let folder = support::latest(&folder.path().join("out"), "checks");
        let run = store::read(&folder).unwrap();
        let first = &run.failures.exchanges[0];
        assert_eq!((first.outcome, first.cause), (Outcome::CheckFailed, Some(cause)), "{check}");
        assert_eq!(first.check.as_deref(), Some(text));
        if cause == Cause::ResponseTimeCheck {
            let p50 = support::summary(&folder)["total"]["response"]["p50"].as_f64().unwrap();
            assert!(p50 >= 60.0, "what is slow stays in the percentiles: {p50}");
        }
        let html = fs::read_to_string(folder.join("report.html")).unwrap();
        let told = format!(
            "does not hold: {}",
            text.replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
        );
        assert!(html.contains(&told), "{told}");
    }
}

#[test]
fn a_check_is_held_over_the_answer_of_the_walk_and_secrets_stay_out_of_it() {
    let server = server();
    let steps = json!([
        { "name": "wrong", "request": "GET /wrong",
          "check": { "json": { "$.error": { "not": "no database" } }, "body": { "contains": "${SECRET_OF_TEST}" } } },
    ]);
    let (_folder, output) = play(&scenario(&server, &steps), "check", &["--once"]);
    let told = support::stdout(&output) + &support::stderr(&output);
    let mend = "but its check \"body contains \"${SECRET_OF_TEST}\"\" does not hold";
    assert!(told.split_whitespace().collect::<Vec<_>>().join(" ").contains(mend), "{told}");
    assert!(told.contains("does not hold: body contains \"${SECRET_OF_TEST}\""), "{told}");
    assert!(!told.contains("sup3rs3cr3t"), "{told}");
    assert_ne!(output.status.code(), Some(0));
    let steps = json!([{ "name": "right", "request": "GET /wrong", "check": { "json": { "$.items": { "count": 0 } } } }]);
    let (_folder, output) = play(&scenario(&server, &steps), "check", &["--once"]);
    let told = support::stdout(&output);
    assert!(told.contains("holds: json $.items count 0"), "{told}");
    support::ends_with(&output, 0);
}

#[test]
fn mistakes_in_checks_are_told_with_their_place_all_at_once() {
    let server = server();
    let steps = json!([{ "name": "it", "request": "GET /x", "check": {
        "headers": { "x y": "a", "x-list": { "count": 1 } },
        "body": { "containz": "a" },
        "json": { "$.a": { "matches": "(" }, "$.b": { "type": "text" }, "$.c": { "in": [] },
                  "$.d": {}, "$.e": { "f": 1 }, "$.g": "{{nope}}", "$.h": "{{uuid}}", "$[": 1,
                  "$.i": { "<": "ten" }, "$.l": { "contains": "" }, "$.m": { "matches": "" }, "$.j": { "count": -1 }, "$.k": { "exists": "no" } },
        "size": "10kB", "response_time": "< fast" } }]);
    let (_folder, output) = play(&scenario(&server, &steps), "check", &[]);
    support::ends_with(&output, 2);
    let told = support::stderr(&output);
    for part in [
        "\"x y\" is not the name of a header",
        "\"count\" is no comparison of header x-list",
        "did you mean \"contains\"?",
        "this is no regular expression: unclosed group",
        "\"text\" is no type of JSON values",
        "\"in\" is a list of values",
        "an object without a comparison checks nothing",
        "to compare with an object, write {\"is\": {…}}",
        "unknown placeholder {{nope}}",
        "{{uuid}} is new each time it is written",
        "is not a JSONPath",
        "\"<\" compares with a number",
        "-1 is no count",
        "it exists or does not",
        "\"10kB\" does not say how to compare",
        "\"fast\"",
        "this always holds",
    ] {
        assert!(told.contains(part), "{part} in:\n{told}");
    }
    let empty = json!([{ "name": "s", "request": "GET /x", "check": {} }]);
    let (_folder, output) = play(&scenario(&server, &empty), "check", &[]);
    support::ends_with(&output, 2);
    assert!(support::stderr(&output).contains("a check that checks nothing"));
    let streamed = json!([{ "name": "s", "request": "GET /x", "events": { "count": 1 },
                            "check": { "status": 200, "json": { "$.a": 1 } } }]);
    let (_folder, output) = play(&scenario(&server, &streamed), "check", &[]);
    support::ends_with(&output, 2);
    assert!(support::stderr(&output).contains("beside \"events\" only a status can be checked"));
}
