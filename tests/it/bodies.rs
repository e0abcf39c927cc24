//! What is sent and looked at, end to end: parts of forms, files, GraphQL, values that are drawn and
//! schemas of answers.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use loadgate::record::outcome::Cause;
use loadgate::record::store;
use serde_json::{Value, json};

use crate::support;
use crate::truth_server::{Request, TruthServer, response};

fn server() -> TruthServer {
    TruthServer::replying(|request: &Request| match request.path() {
        "/order" => {
            response(200, r#"{"id": "a-17", "items": [{"price": 9.5}, {"price": "free"}]}"#)
        }
        "/graphql" => response(
            200,
            r#"{"data": null, "errors": [{"message": "no field \u001b[31m\nprise, key-0123456789"}]}"#,
        ),
        "/partial" => {
            response(200, r#"{"data": {"a": 1}, "errors": [{"message": "b is missing"}]}"#)
        }
        "/result" => response(200, r#"{"data": {"order": {"state": "open"}}}"#),
        "/echo" => response(200, &json!({ "was": "--loadgate-7d1f4c0e9a3b5826-0" }).to_string()),
        _ => response(200, "{}"),
    })
}

fn scenario(server: &TruthServer, steps: &Value) -> Value {
    json!({
        "name": "bodies",
        "target": { "url": server.url(), "request_id": "none" },
        "variables": { "title": "a \"b\" <c>" },
        "flows": [{ "name": "f", "steps": steps }],
        "load": { "arrivals": "uniform", "seed": 7, "stages": [{ "for": "2s", "rate": "40/s" }] },
        "slo": { "all": ["error_rate < 10%"] },
    })
}

/// Runs a scenario that has these files beside it.
fn play(scenario: &Value, files: &[(&str, &[u8])], words: &[&str]) -> (tempfile::TempDir, Output) {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let file = folder.path().join("bodies.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let mut all = support::loadgate();
    all.env("API_KEY", "key-0123456789").args(words).arg(&file);
    if words[0] == "run" {
        all.arg("-o").arg(folder.path().join("out"));
    }
    let output = support::finish(&mut all);
    (folder, output)
}

fn run(folder: &Path) -> loadgate::record::run::RunRecord {
    store::read(&support::latest(&folder.join("out"), "bodies")).unwrap()
}

fn refused(steps: &Value, files: &[(&str, &[u8])], told: &str) {
    let server = server();
    let (_folder, output) = play(&scenario(&server, steps), files, &["check"]);
    support::ends_with(&output, 2);
    let said = support::stderr(&output);
    assert!(said.contains(told), "{told}: {said}");
}

#[test]
fn files_and_parts_come_as_they_are() {
    let server = server();
    let picture = b"\x89PNG\r\n\x1a\n\0\xff\xfe\r\n\r\n--loadgate-7d1f4c0e9a3b5826-0--";
    let steps = json!([
        { "name": "whole", "request": "PUT /whole", "body_file": "a.png" },
        { "name": "filled", "request": "POST /filled",
          "body_file": { "file": "order.json", "placeholders": true } },
        { "name": "form", "request": "POST /form", "multipart": {
            "title": "{{title}} {{iteration}}",
            "meta": { "json": { "n": "{{iteration}}", "t": "{{title}}" } },
            "picture": [{ "file": "a.png" }, { "file": "a.png", "filename": "b \"c\".bin",
                                              "content_type": "application/x-c" }] } },
    ]);
    let order = br#"{"sku": "{{title}}", "n": {{iteration}}, "env": "${HOME}"}"#;
    let files: &[(&str, &[u8])] = &[("a.png", picture), ("order.json", order)];
    let (folder, output) = play(&scenario(&server, &steps), files, &["run", "--no-walk"]);
    support::ends_with(&output, 0);
    assert!(run(folder.path()).failures.exchanges.is_empty());
    let log = server.log();
    let of = |path: &str| log.iter().filter(|it| it.request.path() == path).collect::<Vec<_>>();
    assert_eq!((of("/whole").len(), of("/filled").len(), of("/form").len()), (80, 80, 80));
    for one in of("/whole") {
        assert_eq!(one.request.body, picture);
        assert_eq!(one.request.header("content-type"), Some("image/png"));
    }
    for one in of("/filled") {
        let body: Value = serde_json::from_slice(&one.request.body).unwrap();
        assert_eq!((&body["sku"], &body["env"]), (&json!("a \"b\" <c>"), &json!("${HOME}")));
        assert!(body["n"].is_u64());
    }
    for one in of("/form") {
        let kind = one.request.header("content-type").unwrap();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        assert_eq!(boundary, "loadgate-7d1f4c0e9a3b5826-1", "the other one is in the file");
        let parts = parts(&one.request.body, boundary);
        assert_eq!(parts.len(), 4);
        assert!(parts[0].1.starts_with(b"a \"b\" <c> "));
        let meta: Value = serde_json::from_slice(&parts[1].1).unwrap();
        assert_eq!(meta["t"], json!("a \"b\" <c>"));
        assert!(meta["n"].is_u64());
        assert_eq!((&parts[2].1[..], &parts[3].1[..]), (&picture[..], &picture[..]));
        assert!(
            parts[2].0.contains("filename=\"a.png\"\r\ncontent-type: image/png"),
            "{}",
            parts[2].0
        );
        assert!(parts[3].0.contains("filename=\"b %22c%22.bin\"\r\ncontent-type: application/x-c"));
    }
}

/// Heads and contents, by a reader of its own.
fn parts(body: &[u8], boundary: &str) -> Vec<(String, Vec<u8>)> {
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|it| it == what);
    let (open, next) = (format!("--{boundary}\r\n"), format!("\r\n--{boundary}"));
    let mut rest = body.strip_prefix(open.as_bytes()).unwrap();
    let mut all = Vec::new();
    loop {
        let end = find(rest, next.as_bytes()).unwrap();
        let head = find(rest, b"\r\n\r\n").unwrap();
        let text = String::from_utf8(rest[..head].to_vec()).unwrap();
        all.push((text, rest[head + 4..end].to_vec()));
        rest = &rest[end + next.len()..];
        if rest == b"--\r\n" {
            return all;
        }
        rest = rest.strip_prefix(b"\r\n").unwrap();
    }
}

#[test]
fn a_value_that_would_end_its_part_is_not_sent() {
    let server = server();
    let steps = json!([
        { "name": "ask", "request": "GET /echo", "extract": { "was": "$.was" } },
        { "name": "send", "request": "POST /form", "multipart": { "a": "{{was}}" } },
    ]);
    let (folder, output) = play(&scenario(&server, &steps), &[], &["run", "--no-walk"]);
    assert_ne!(output.status.code(), Some(0));
    let run = run(folder.path());
    let causes = run.failures.exchanges.iter().map(|one| one.cause).collect::<BTreeSet<_>>();
    assert_eq!(causes, BTreeSet::from([Some(Cause::BoundaryInside)]));
    assert!(server.log().iter().all(|one| one.request.path() == "/echo"));
}

#[test]
fn errors_of_graphql_are_failures_although_the_status_is_right() {
    for (path, said) in [
        ("/graphql", "no field \\x1b[31m prise, [redacted]"),
        ("/partial", "b is missing"),
        ("/other", "neither data nor errors"),
    ] {
        let server = server();
        let steps = json!([{ "name": "ask", "request": format!("POST {path}"),
            "headers": { "x-api-key": "${API_KEY}" },
            "graphql": { "query": "query Order($id: ID!) { order(id: $id) { state } }",
                         "variables": { "id": "{{iteration}}", "t": "{{title}}" }, "operation": "Order" } }]);
        let (folder, output) = play(&scenario(&server, &steps), &[], &["run", "--no-walk"]);
        assert_ne!(output.status.code(), Some(0), "{path}");
        let run = run(folder.path());
        let failure = &run.failures.exchanges[0];
        assert_eq!(failure.cause, Some(Cause::GraphqlErrors), "{path}");
        let told = failure.check.clone().unwrap();
        assert_eq!(told, format!("graphql has data and no errors: {said}"));
        let asked = &server.log()[0].request;
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        assert_eq!(
            (&body["operationName"], &body["variables"]["t"]),
            (&json!("Order"), &json!("a \"b\" <c>"))
        );
        assert!(asked.header("accept").unwrap().starts_with("application/graphql-response+json"));
    }
    let server = server();
    let steps = json!([{ "name": "ask", "request": "POST /result",
        "graphql": { "file": "order.graphql" }, "check": { "json": { "$.data.order.state": "open" } } }]);
    let files: &[(&str, &[u8])] = &[("order.graphql", b"{ order { state } }")];
    let (_folder, output) = play(&scenario(&server, &steps), files, &["run"]);
    support::ends_with(&output, 0);
}

#[test]
fn an_answer_that_is_not_as_its_schema_says_has_failed() {
    let server = server();
    let item = |price: &Value| {
        json!({ "type": "object", "required": ["id", "items"], "properties": {
        "id": { "type": "string" },
        "items": { "type": "array", "items": { "type": "object", "properties": { "price": price } } } } })
    };
    let steps = |schema: Value| json!([{ "name": "ask", "request": "GET /order", "check": { "schema": schema } }]);
    let right = item(&json!({ "type": ["number", "string"] }));
    let (_folder, output) = play(&scenario(&server, &steps(right)), &[], &["run", "--no-walk"]);
    support::ends_with(&output, 0);
    let text = item(&json!({ "type": "number" })).to_string();
    let files: &[(&str, &[u8])] = &[("order.schema.json", text.as_bytes())];
    let asked = scenario(&server, &steps(json!("order.schema.json")));
    let (folder, output) = play(&asked, files, &["run", "--no-walk"]);
    assert_ne!(output.status.code(), Some(0));
    let run = run(folder.path());
    assert_eq!(run.failures.exchanges[0].cause, Some(Cause::SchemaCheck));
    let told = run.failures.exchanges[0].check.as_deref();
    assert_eq!(told, Some("schema order.schema.json: /items/1/price must be number"));
}

#[test]
fn drawn_values_are_the_same_for_every_number_of_workers() {
    let sent = |workers: u32| {
        let server = server();
        let steps = json!([{ "name": "ask", "request": "POST /draw?q={{choose a*3 | 'b c' | d}}", "json": {
            "name": "{{random full_name}}", "text": "{{random text 5..9}}", "n": "{{counter 1000 by 5}}",
            "hash": "{{sha256 title + ':' + iteration}}", "day": "{{now +1d date}}" } }]);
        let mut scenario = scenario(&server, &steps);
        scenario["limits"] = json!({ "workers": workers });
        let (_folder, output) = play(&scenario, &[], &["run", "--no-walk"]);
        support::ends_with(&output, 0);
        let log = server.log();
        let mut all: Vec<String> = log
            .iter()
            .map(|it| {
                let mut body: Value = serde_json::from_slice(&it.request.body).unwrap();
                assert_eq!(body["day"].as_str().unwrap().len(), 10);
                body["day"] = json!(null);
                format!("{} {body}", it.request.head.lines().next().unwrap())
            })
            .collect();
        all.sort_unstable();
        all
    };
    let one = sent(1);
    assert_eq!(one.len(), 80);
    let numbers: BTreeSet<&str> = one
        .iter()
        .map(|it| it.split("\"n\":").nth(1).unwrap().split(',').next().unwrap())
        .collect();
    assert_eq!(numbers.len(), 80, "each iteration has its own number: {numbers:?}");
    assert_eq!(one, sent(2));
}

/// A step with more keys.
fn of(more: &Value) -> Value {
    let mut step = json!({ "name": "s", "request": "POST /s" });
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!([step])
}

#[test]
fn mistakes_in_files_and_parts_are_told_before_the_run() {
    let filled = json!({ "body_file": { "file": "a.txt", "placeholders": true } });
    let text: &[(&str, &[u8])] = &[("a.txt", b"a")];
    refused(&of(&json!({ "body_file": "no.txt" })), &[], "does not exist");
    refused(&of(&json!({ "body_file": "a.txt", "body": "b" })), text, "a request has one body");
    let told = "a.txt, line 2: unknown placeholder {{titel}}";
    refused(&of(&filled), &[("a.txt", b"one\n{{titel}}")], told);
    refused(&of(&filled), text, "has no placeholders");
    refused(&of(&filled), &[("a.txt", b"\xff{{title}}")], "UTF-8");
    let both = json!({ "multipart": { "a": { "file": "a.txt", "text": "b" } } });
    refused(&of(&both), text, "one of \"text\"");
    refused(&of(&json!({ "multipart": { "a": "{{nobody}}" } })), &[], "unknown placeholder");
    let typed = json!({ "multipart": { "a": "b" }, "headers": { "content-type": "a/b" } });
    refused(&of(&typed), &[], "remove the header");
}

#[test]
fn mistakes_in_graphql_schemas_and_values_are_told_before_the_run() {
    for (more, told) in [
        (json!({ "graphql": { "query": "{ a(id: \"{{title}}\") }" } }), "is not filled in here"),
        (
            json!({ "graphql": { "query": "query A { a }", "operation": "B" } }),
            "no operation \"B\"",
        ),
        (json!({ "graphql": {} }), "without a document"),
        (json!({ "graphql": { "query": "{ a }" }, "events": { "count": 1 } }), "passed over"),
        (json!({ "graphql": { "query": "{ a }" }, "request": "GET /a" }), "are sent by POST"),
        (
            json!({ "check": { "schema": { "type": "object", "requierd": ["id"] } } }),
            "\"required\"?",
        ),
        (json!({ "check": { "schema": {} } }), "accepts every document"),
        (json!({ "json": { "t": "{{now +1dd}}" } }), "no distance from now"),
        (json!({ "json": { "t": "{{shaa256 title}}" } }), "did you mean \"sha256\"?"),
    ] {
        refused(&of(&more), &[], told);
    }
    let elsewhere: &[(&str, &[u8])] = &[("s.json", br#"{"$ref": "https://a.test/s"}"#)];
    refused(&of(&json!({ "check": { "schema": "s.json" } })), elsewhere, "s.json#/$ref: ");
}

#[test]
fn a_walk_and_curl_show_what_is_sent() {
    let server = server();
    let steps = json!([{ "name": "form", "request": "POST /form", "multipart": {
        "title": "{{title}}", "file": { "file": "a.txt" } } }]);
    let files: &[(&str, &[u8])] = &[("a.txt", b"hello")];
    let (_folder, output) = play(&scenario(&server, &steps), files, &["check", "--once"]);
    support::ends_with(&output, 0);
    let said = support::stdout(&output);
    assert!(said.contains("content-disposition: form-data; name=\"title\""), "{said}");
    let (_folder, output) = play(&scenario(&server, &steps), files, &["check", "--curl"]);
    let said = support::stdout(&output);
    assert!(said.contains("-F 'title=\"a \\\"b\\\" <c>\"'"), "{said}");
    assert!(said.contains("a.txt\";type=text/plain; charset=utf-8;filename=\"a.txt\"'"), "{said}");
}
