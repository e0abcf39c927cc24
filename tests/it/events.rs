//! Steps that await server-sent events: of Node's servers over HTTP/1.1, HTTP/2, TLS and a socket
//! file, and of one that writes what it likes. Each request has one outcome, whatever comes.

use std::fs;
use std::time::Duration;

use loadgate::record::phase::Phase;
use serde_json::{Value, json};

use crate::node_server::NodeServer;
use crate::streamed::{endings, of_node, record, scenario, times};
use crate::support::{self, finish, stderr, stdout};
use crate::tls::Certificates;
use crate::truth_server::{Act, Request, TruthServer};

const EVENTS: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";

/// A case: the path, what is awaited, what is written, how it ends.
struct Case {
    path: &'static str,
    step: Value,
    acts: Vec<Act>,
    ending: &'static str,
}

fn case(path: &'static str, events: &Value, acts: Vec<Act>, ending: &'static str) -> Case {
    Case { path, step: json!({ "events": events }), acts, ending }
}

fn write(text: &str) -> Act {
    Act::Write(text.as_bytes().to_vec())
}

/// A head and a body that is framed by chunks, and not ended.
fn chunked(body: &str) -> Act {
    write(&format!("{EVENTS}transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n", body.len()))
}

/// The same, and the body is ended.
fn ended(body: &str) -> Vec<Act> {
    vec![chunked(body), write("0\r\n\r\n")]
}

fn open(body: &str) -> Vec<Act> {
    vec![chunked(body), Act::Wait(Duration::from_secs(5))]
}

/// What is awaited comes.
fn right() -> Vec<Case> {
    let three = "data: 1\n\nevent: two\ndata: 2\n\ndata: [DONE]\n\n";
    let sized = format!("{EVENTS}content-length: {}\r\n\r\n{three}", three.len());
    let until_close = format!("{EVENTS}\r\n{three}");
    let drip = format!("{EVENTS}\r\n\u{feff}data: a\r\ndata: b\r\rdata: c\n\r\n");
    let quiet = Duration::from_secs(5);
    vec![
        case("/count", &json!({ "count": 3 }), open(three), "ok"),
        case("/name", &json!({ "until": "two" }), open(three), "ok"),
        case("/data", &json!({ "until": "[DONE]" }), open(three), "ok"),
        case("/sized", &json!({ "until": { "data": "[DONE]" } }), vec![write(&sized)], "ok"),
        case("/sized-end", &json!({}), vec![write(&sized)], "ok"),
        case("/close", &json!({ "count": 3 }), vec![write(&until_close), Act::Close], "ok"),
        case("/close-end", &json!({}), vec![write(&until_close), Act::Close], "ok"),
        case(
            "/split",
            &json!({ "until": { "data": "a\nb" } }),
            vec![Act::Drip(drip.into_bytes(), Duration::from_millis(1)), Act::Wait(quiet)],
            "ok",
        ),
        case("/end", &json!({}), ended(three), "ok"),
    ]
}

/// The stream ends before that.
fn short() -> Vec<Case> {
    let three = "data: 1\n\nevent: two\ndata: 2\n\ndata: [DONE]\n\n";
    let sized = format!("{EVENTS}content-length: {}\r\n\r\n{three}", three.len());
    vec![
        case("/empty", &json!({}), ended(": nothing\n\n"), "stream ended before what was awaited"),
        case(
            "/early",
            &json!({ "count": 4 }),
            ended(three),
            "stream ended before what was awaited",
        ),
        case(
            "/early-match",
            &json!({ "until": "never" }),
            ended(three),
            "stream ended before what was awaited",
        ),
        case(
            "/half",
            &json!({ "count": 2 }),
            ended("data: 1\n\ndata: 2\n"),
            "stream ended before what was awaited",
        ),
        case(
            "/cut",
            &json!({ "count": 4 }),
            vec![chunked(three), Act::Close],
            "closed before the end of the response",
        ),
        case(
            "/cut-sized",
            &json!({}),
            vec![write(&sized[..sized.len() - 3]), Act::Close],
            "closed before the end of the response",
        ),
        case(
            "/reset",
            &json!({ "count": 4 }),
            vec![chunked(three), Act::Wait(Duration::from_millis(20)), Act::Reset],
            "connection reset",
        ),
    ]
}

/// What comes is something else, or too much.
fn foreign() -> Vec<Case> {
    let long = format!("{EVENTS}\r\ndata: ");
    let quiet = Duration::from_secs(5);
    vec![
        case(
            "/json",
            &json!({ "count": 1 }),
            vec![write(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
            )],
            "response is not a text/event-stream",
        ),
        case(
            "/html-open",
            &json!({ "count": 1 }),
            vec![write("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<p>"), Act::Wait(quiet)],
            "response is not a text/event-stream",
        ),
        case(
            "/gzip",
            &json!({ "count": 1 }),
            vec![write(&format!("{EVENTS}content-encoding: gzip\r\n\r\n\u{1f}")), Act::Wait(quiet)],
            "compressed body that could not be decoded",
        ),
        case(
            "/503",
            &json!({ "count": 1 }),
            vec![write(
                "HTTP/1.1 503 No\r\ncontent-type: text/event-stream\r\ncontent-length: 9\r\n\r\ndata: 1\n\n",
            )],
            "server error",
        ),
        case(
            "/204",
            &json!({}),
            vec![write("HTTP/1.1 204 No\r\n\r\n")],
            "response is not a text/event-stream",
        ),
        case(
            "/long-line",
            &json!({ "count": 1 }),
            vec![write(&long), Act::Endless(vec![b'x'; 4_096], 2 << 20), Act::Wait(quiet)],
            "event larger than 1 MiB",
        ),
        case(
            "/comments",
            &json!({ "count": 1 }),
            vec![write(&format!("{EVENTS}\r\n")), Act::Endless(b": no\n".repeat(800), 12_000_000)],
            "response body larger than the ceiling",
        ),
    ]
}

/// It comes too late, or not at all.
fn late() -> Vec<Case> {
    let three = "data: 1\n\nevent: two\ndata: 2\n\ndata: [DONE]\n\n";
    let quiet = Duration::from_secs(5);
    vec![
        Case {
            path: "/silent",
            step: json!({ "timeout": "300ms", "events": { "count": 1 } }),
            acts: open(": nothing\n\n"),
            ending: "timeout",
        },
        case(
            "/first",
            &json!({ "count": 1, "first_within": "100ms" }),
            open(": nothing\n\n"),
            "first event later than first_within",
        ),
        case(
            "/no-head",
            &json!({ "count": 1, "first_within": "100ms" }),
            vec![Act::Wait(quiet)],
            "first event later than first_within",
        ),
        case(
            "/gap",
            &json!({ "count": 9, "first_within": "400ms", "gap_within": "100ms" }),
            open(three),
            "no event for longer than gap_within",
        ),
    ]
}

fn cases() -> Vec<Case> {
    [right(), short(), foreign(), late()].into_iter().flatten().collect()
}

#[test]
fn whatever_a_target_streams_each_request_has_one_outcome() {
    let server = TruthServer::replying(|request: &Request| {
        let path = request.path();
        let found = cases().into_iter().find(|case| case.path == path);
        found.map_or_else(Vec::new, |case| case.acts)
    });
    let cases = cases();
    let steps: Vec<(String, Value)> =
        cases.iter().map(|case| (case.path.to_owned(), case.step.clone())).collect();
    let (said, record) = record(&scenario(&server.url(), &steps, 4, 60), &[]);
    for (step, case) in cases.iter().enumerate() {
        let found = endings(&record, step);
        let kinds: Vec<&str> = found.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [case.ending], "{} {found:?}\n{said}", case.path);
    }
    // Of three events each has two gaps; those that came together have none between them.
    let asked = endings(&record, 0)[0].1;
    assert_eq!(times(&record, 0, Phase::FirstEvent).0, asked);
    assert_eq!(times(&record, 0, Phase::EventGap).0, 2 * asked);
    let silent = cases.iter().position(|case| case.path == "/silent").unwrap();
    assert_eq!(times(&record, silent, Phase::FirstEvent).0, 0);
    let heads = server.log();
    assert!(heads.iter().all(|seen| seen.request.header("accept") == Some("text/event-stream")));
}

#[test]
fn what_ends_a_stream_may_be_filled_in_and_what_it_says_goes_on_to_the_next_step() {
    let server = TruthServer::replying(|request: &Request| match request.path() {
        "/order" => vec![write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"id\": 42} ")],
        "/watch" => open(
            "data: {\"id\": 41, \"state\": \"sent\"}\n\ndata: {\"id\": 42, \"state\": \"open\"}\n\n\
             event: order\ndata: {\"id\": 42, \"state\": \"sent\",\ndata: \"by\": \"ship\"}\n\n",
        ),
        _ => vec![write("HTTP/1.1 204 No\r\n\r\n")],
    });
    let until = json!({ "json": { "$.id": "{{order}}", "$.state": "sent" } });
    let scenario = json!({
        "name": "streams",
        "target": { "url": server.url() },
        "flows": [{ "name": "f", "steps": [
            { "request": "GET /order", "extract": { "order": "$.id" } },
            { "request": "GET /watch", "events": { "until": until }, "extract": { "by": "$.by" } },
            { "request": "GET /then/{{by}}" },
        ] }],
        "load": { "stages": [{ "for": "1s", "rate": "10/s" }] },
        "slo": { "all": ["p50 < 9s"] },
    });
    let (said, record) = record(&scenario, &[]);
    for step in 0..3 {
        let found = endings(&record, step);
        assert!(matches!(found[..], [("ok", 1..)]), "{step} {found:?}\n{said}");
    }
    let last = server.log().into_iter().rev().find(|seen| seen.request.path().starts_with("/then"));
    assert_eq!(last.unwrap().request.path(), "/then/ship");
}

#[test]
fn streams_of_node_are_read_and_ended_over_every_way() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::server();
    for way in ["http", "https", "h2c", "h2", "unix"] {
        let (server, target) = of_node(&certificates, folder.path(), way);
        let count = json!({ "events": { "count": 3 } });
        let third = json!({ "events": { "until": "third" }, "extract": { "number": "$.number" } });
        let steps = [
            ("/events?wait=15".to_owned(), count),
            ("/events?wait=16".to_owned(), third),
            ("/plain".to_owned(), json!({})),
        ];
        let mut scenario = scenario("", &steps, 2, 60);
        scenario["target"] = target;
        let (said, record) = record(&scenario, &[]);
        for step in 0..3 {
            let found = endings(&record, step);
            assert!(matches!(found[..], [("ok", 10..)]), "{way} {step} {found:?}\n{said}");
        }
        let streams = endings(&record, 0)[0].1;
        assert_eq!(times(&record, 0, Phase::FirstEvent).0, streams, "{way}");
        assert_eq!(times(&record, 0, Phase::EventGap).0, 2 * streams, "{way}");
        let longest = times(&record, 0, Phase::EventGap).1;
        assert!(longest >= 13.0, "{way}: gaps of 15 ms, the longest of {longest} ms");
        let words: Vec<&str> = said.split_whitespace().collect();
        assert!(words.join(" ").contains("between events p50"), "{said}");
        support::eventually("all streams are closed", || {
            server.count("closed after") == server.count_of("/events")
        });
        assert!(server.count("closed after 3") > 0, "{way}");
        if way.starts_with("h2") {
            assert!(server.count("session") <= 4, "{way}: a reset stream leaves its connection");
        }
    }
}

#[test]
fn mistakes_of_a_step_with_events_are_named_all_at_once() {
    let steps = json!([
        { "request": "GET /a", "events": { "count": 1, "until": "x" } },
        { "request": "HEAD /b", "events": { "count": 1 } },
        { "request": "GET /c", "events": { "until": {} } },
        { "request": "GET /d", "timeout": "1s", "events": { "gap_within": "1s" } },
        { "request": "GET /e", "events": { "first": "1s" } },
        { "request": "GET /f", "events": { "until": { "json": { "$[": 1 } } } },
        { "request": "GET /g", "events": { "until": "{{nobody}}" } },
        { "request": "GET /h", "events": { "count": 0 } },
        { "think": "1s", "events": {} },
    ]);
    let scenario = json!({
        "name": "streams",
        "target": { "url": "http://127.0.0.1:9" },
        "flows": [{ "name": "f", "steps": steps }],
        "load": { "stages": [{ "for": "1s", "rate": "1/s" }] },
    });
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("streams.json");
    fs::write(&file, serde_json::to_string_pretty(&scenario).unwrap()).unwrap();
    let output = finish(support::loadgate().arg("check").arg(&file));
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in [
        "which of them ends the stream",
        "the answer to HEAD has no body",
        "nothing is said of the event",
        "1s is not shorter than the step's 1s",
        "unknown key \"first\" in events",
        "is not a JSONPath",
        "nobody",
        "count",
        "\"events\" means nothing beside \"think\"",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn a_walk_shows_the_stream_and_the_curl_command_does_not_wait_for_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let server = NodeServer::start("stream-server.mjs", folder.path(), &[]);
    let steps = [("/events?wait=5".to_owned(), json!({ "events": { "count": 2 } }))];
    let scenario = scenario(&format!("http://127.0.0.1:{}", server.port), &steps, 1, 1);
    let file = folder.path().join("streams.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let output = finish(support::loadgate().args(["check", "--once"]).arg(&file));
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}{}", stderr(&output));
    assert!(said.contains("text/event-stream") && said.contains("\"number\": 1"), "{said}");
    let output = finish(support::loadgate().args(["check", "--once", "--curl"]).arg(&file));
    let said = stdout(&output);
    assert!(said.contains("curl -i -g -N --max-time 10"), "{said}");
}
