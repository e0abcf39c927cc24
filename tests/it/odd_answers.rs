//! Answers that curl, Node's fetch or browsers take are answers, to a step and to readiness
//! and metrics alike; and what a step extracts is sent on as it stood in the answer.
//!
//! The real binary runs against the scripted server, whose log says what was sent.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;

use loadgate::record::gauge;
use loadgate::record::outcome::{Cause, Outcome};
use loadgate::record::run::RunRecord;
use loadgate::record::store;
use serde_json::{Value, json};

use crate::support;
use crate::truth_server::{Act, Seen, TruthServer, raw, response};

/// Runs a scenario to its end: what was recorded.
#[track_caller]
fn record(scenario: &Value) -> RunRecord {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("odd.json");
    std::fs::write(&file, scenario.to_string()).unwrap();
    let output = folder.path().join("out");
    let finished = support::finish(
        support::loadgate().arg("run").arg("--no-walk").arg(&file).arg("-o").arg(&output),
    );
    let stderr = support::stderr(&finished);
    assert!(!stderr.contains("panicked"), "{stderr}");
    let code = finished.status.code().unwrap();
    assert!([0, 3, 6].contains(&code), "exit {code}\n{}\n{stderr}", support::stdout(&finished));
    store::read(&support::latest(&output, "odd")).unwrap()
}

/// How the requests of each step ended: `ok`, or the name of the cause.
fn endings(record: &RunRecord) -> BTreeMap<String, Vec<&'static str>> {
    let of = |step: usize| {
        let counts = || record.seconds.iter().map(|second| second.counts()[step].clone());
        let outcomes = Outcome::ALL.into_iter().filter(move |outcome| {
            *outcome == Outcome::Ok && counts().any(|counts| counts.outcome(*outcome) > 0)
        });
        let causes =
            Cause::ALL.into_iter().filter(|cause| counts().any(|counts| counts.cause(*cause) > 0));
        outcomes.map(Outcome::name).chain(causes.map(Cause::name)).collect()
    };
    let steps = record.head.steps.iter().enumerate();
    steps.map(|(place, step)| (step.name.clone(), of(place))).collect()
}

const OK: &str = "HTTP/1.1 200 OK\r\n";
const SIZED: &str = "content-length: 2\r\n\r\nok";
const CHUNKS: &str = "2\r\nok\r\n0\r\n\r\n";

/// Names and answers; those that begin with `/close` end the connection.
fn odd_answers() -> Vec<(&'static str, String)> {
    let field = |field: &str| format!("{OK}{field}\r\n{SIZED}");
    let chunked = |rest: &str| format!("{OK}transfer-encoding: chunked\r\n\r\n{rest}");
    let fields = |count: usize| vec!["x: y"; count].join("\r\n");
    vec![
        ("/folded", field("x: one;\r\n two")),
        ("/folded-tab", field("x:\r\n\tone;\r\n\ttwo")),
        ("/folded-last", format!("{OK}content-length: 2\r\nx: one;\r\n two\r\n\r\nok")),
        ("/folded-length", format!("{OK}content-length:\r\n 2\r\n\r\nok")),
        ("/blank-before-colon", field("x : one")),
        ("/blank-in-name", field("x y: one")),
        ("/no-name", field(": one")),
        ("/odd-name", field("x(y): \u{e9}")),
        ("/control", field("x: a\u{1b}[2Jb")),
        ("/fields-101", field(&fields(100))),
        ("/fields-5000", field(&fields(5_000))),
        ("/long-field", field(&format!("x: {}", "y".repeat(200_000)))),
        ("/lf", format!("HTTP/1.1 200 OK\n{}", SIZED.replace('\r', ""))),
        ("/no-reason", format!("HTTP/1.1 200\r\n{SIZED}")),
        ("/two-blanks", format!("HTTP/1.1  200 OK\r\n{SIZED}")),
        ("/empty-lines", format!("\r\n\r\n{OK}{SIZED}")),
        ("/http2", format!("HTTP/2.0 200 OK\r\n{SIZED}")),
        ("/identity", format!("{OK}transfer-encoding: identity\r\n{SIZED}")),
        ("/chunks-by-lf", chunked("2\nok\n0\n\n")),
        ("/folded-trailer", chunked("2\r\nok\r\n0\r\nx : y\r\n z\r\n\r\n")),
        ("/103", format!("HTTP/1.1 103 Early\r\nlink : x\r\n\r\n{OK}{SIZED}")),
        ("/close-http10", format!("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{CHUNKS}")),
        (
            "/http10-kept",
            format!(
                "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n{CHUNKS}"
            ),
        ),
    ]
}

fn acts(path: &str, answers: &[(&'static str, String)]) -> Vec<Act> {
    let found = answers.iter().find(|(name, _)| *name == path);
    let Some((name, answer)) = found else { return response(418, "no such answer") };
    let end = name.starts_with("/close").then_some(Act::Close);
    std::iter::once(raw(answer)).chain(end).collect()
}

#[test]
fn answers_that_curl_and_fetch_take_are_taken() {
    let server = TruthServer::replying(|request| acts(request.path(), &odd_answers()));
    let flows: Vec<Value> = odd_answers()
        .iter()
        .map(|(path, _)| json!({ "name": path, "steps": [{ "request": format!("GET {path}"), "name": path, "timeout": "2s" }] }))
        .collect();
    let record = record(&json!({
        "name": "odd",
        "target": { "url": server.url(), "ready": { "path": "/folded", "within": "5s" } },
        "flows": flows,
        "load": { "arrivals": "uniform", "stages": [{ "for": "3s", "rate": "60/s" }] },
        "slo": { "all": ["error_rate <= 0%"] }
    }));
    let wrong: Vec<_> = endings(&record).into_iter().filter(|(_, how)| *how != ["ok"]).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Compressed and with a folded field.
fn metrics(path: &str) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all(b"# TYPE event_loop_lag_seconds gauge\nevent_loop_lag_seconds 0.25\n")
        .unwrap();
    let body = encoder.finish().unwrap();
    let head = match path {
        "/metrics-folded" => format!("{OK}x: one\r\n two\r\n"),
        _ => "HTTP/1.0 200 OK\r\n".to_owned(),
    };
    let length = body.len();
    [format!("{head}content-encoding: gzip\r\ncontent-length: {length}\r\n\r\n").as_bytes(), &body]
        .concat()
}

#[test]
fn odd_metrics_are_read() {
    for path in ["/metrics-folded", "/metrics-http10"] {
        let server = TruthServer::replying(|request| match request.path() {
            path if path.starts_with("/metrics") => vec![raw(metrics(path)), Act::Close],
            _ => response(200, "ok"),
        });
        let record = record(&json!({
            "name": "odd",
            "target": { "url": server.url(), "metrics": path, "ready": { "path": path } },
            "flows": [{ "name": "flow", "steps": [{ "request": "GET /" }] }],
            "load": { "arrivals": "uniform", "stages": [{ "for": "3s", "rate": "10/s" }] },
            "slo": { "all": ["error_rate <= 0%"] }
        }));
        let delays: Vec<f64> =
            record.gauge(&gauge::EVENT_LOOP_DELAY).map(|(_, delay)| delay).collect();
        assert!(delays.contains(&0.25), "{path}: {:?}", record.target);
    }
}

/// What was extracted as it comes back in the query, a header, and a JSON body: alone, in a
/// text, and beside a number of the scenario's own.
fn sent_on(seen: &Seen) -> [String; 4] {
    let path = seen.request.path();
    let body = String::from_utf8(seen.request.body.clone()).unwrap();
    let query = path.split("id=").nth(1).unwrap().to_owned();
    let header = seen.request.header("x-id").unwrap().to_owned();
    let rest = body.strip_prefix("{\"alone\":").unwrap();
    let (alone, rest) = rest.split_once(",\"within\":\"<").unwrap();
    [query, header, alone.to_owned(), rest.strip_suffix(">\"}").unwrap().to_owned()]
}

/// Runs `GET path` with `extract`, then a request with the value; how the first ended, and
/// what the second sent.
fn extracted(
    answers: &[(&'static str, Vec<Act>)],
) -> BTreeMap<String, (Vec<&'static str>, Option<[String; 4]>)> {
    let all = answers.to_vec();
    let server = TruthServer::replying(move |request| {
        let found = all.iter().find(|(path, _)| *path == request.path());
        found.map_or_else(|| response(200, "{}"), |(_, acts)| acts.clone())
    });
    let flow = |path: &str| {
        json!({ "name": path, "steps": [
            { "name": path, "request": format!("GET {path}"), "extract": { "id": "$.id" } },
            { "name": format!("use {path}"), "request": format!("POST /use{path}?id={{{{id}}}}"),
              "headers": { "x-id": "{{id}}" }, "json": { "alone": "{{id}}", "within": "<{{id}}>" } }
        ] })
    };
    let record = record(&json!({
        "name": "odd",
        "target": { "url": server.url() },
        "flows": answers.iter().map(|(path, _)| flow(path)).collect::<Vec<_>>(),
        "load": { "arrivals": "uniform", "stages": [{ "for": "3s", "rate": "40/s" }] },
        "limits": { "body": "1MB" },
        "slo": { "all": ["error_rate <= 0%"] }
    }));
    let log = server.log();
    let sent = |path: &str| {
        let used = format!("/use{path}?");
        log.iter().find(|seen| seen.request.path().starts_with(&used)).map(sent_on)
    };
    let endings = endings(&record);
    answers
        .iter()
        .map(|(path, _)| ((*path).to_owned(), (endings[*path].clone(), sent(path))))
        .collect()
}

#[test]
fn what_is_extracted_is_sent_on_as_it_stood() {
    let body = |body: &str| response(200, body);
    let of = |number: &str| body(&format!("{{\"list\": [1, 2.0], \"id\": {number} }}"));
    let answers = [
        ("/i64", of("9007199254740993")),
        ("/i23", of("12345678901234567890123")),
        ("/decimal", of("10.00")),
        ("/digits", of("0.1234567890123456789")),
        ("/exponent", of("1e3")),
        ("/beyond", of("1e400")),
        ("/list", of("[1.0,12345678901234567890123]")),
        ("/text", of("\"a\"")),
        ("/mark", body("\u{feff}{\"id\":\"a\"}")),
        ("/other-1e400", body("{\"id\":\"a\",\"big\":1e400}")),
    ];
    let found = extracted(&answers);
    for (path, value) in [
        ("/i64", "9007199254740993"),
        ("/i23", "12345678901234567890123"),
        ("/decimal", "10.00"),
        ("/digits", "0.1234567890123456789"),
        ("/exponent", "1e3"),
        ("/beyond", "1e400"),
    ] {
        let sent = [value; 4].map(str::to_owned);
        assert_eq!(found[path], (vec!["ok"], Some(sent)), "{path}");
    }
    let list = "[1.0,12345678901234567890123]";
    let quoted = "%5B1.0%2C12345678901234567890123%5D";
    let sent = [quoted, list, list, list].map(str::to_owned);
    assert_eq!(found["/list"], (vec!["ok"], Some(sent)));
    for path in ["/text", "/mark", "/other-1e400"] {
        let sent = ["a", "a", "\"a\"", "a"].map(str::to_owned);
        assert_eq!(found[path], (vec!["ok"], Some(sent)), "{path}");
    }
}

/// `{"id":"a"}`, made by Node's zlib and by the reference implementation of zstd.
const BROTLI: &[u8] = b"\x8b\x04\x80{\"id\":\"a\"}\x03";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x04\x58\x51\0\0{\"id\":\"a\"}\x72\x1c\xe9\x61";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_bodies_are_decoded_or_said_to_be_compressed() {
    let coded = |names: &str, body: &[u8]| {
        let head =
            format!("{OK}content-encoding: {names}\r\ncontent-length: {}\r\n\r\n", body.len());
        vec![raw([head.as_bytes(), body].concat())]
    };
    let text = br#"{"id":"a"}"#;
    let in_chunks = |body: &[u8]| {
        let head = format!("{OK}transfer-encoding: gzip, chunked\r\n\r\n");
        let pieces = body
            .chunks(7)
            .map(|piece| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
        vec![raw([head.into_bytes(), pieces.collect::<Vec<_>>().concat(), b"0\r\n\r\n".to_vec()]
            .concat())]
    };
    let zeros = vec![b' '; 2_000_000];
    let answers = [
        ("/gzip", coded("gzip", &gzip(text))),
        ("/twice", coded("GZIP, gzip", &gzip(&gzip(text)))),
        ("/br", coded("br", BROTLI)),
        ("/zstd", coded("zstd", ZSTD)),
        ("/chunks", in_chunks(&gzip(text))),
        ("/unknown", coded("compress", text)),
        ("/broken", coded("gzip", text)),
        ("/cut-off", coded("gzip", &gzip(text)[..20])),
        ("/bomb", coded("gzip", &gzip(&zeros))),
        (
            "/unsaid",
            vec![raw([
                format!("{OK}content-length: {}\r\n\r\n", gzip(text).len()).into_bytes(),
                gzip(text),
            ]
            .concat())],
        ),
        ("/empty", coded("gzip", b"")),
        ("/html", response(200, "<html>")),
        ("/missing", response(200, "{\"di\":1}")),
    ];
    let found = extracted(&answers);
    for path in ["/gzip", "/twice", "/br", "/zstd", "/chunks"] {
        let sent = ["a", "a", "\"a\"", "a"].map(str::to_owned);
        assert_eq!(found[path], (vec!["ok"], Some(sent)), "{path}");
    }
    for (path, cause) in [
        ("/unknown", Cause::Compressed),
        ("/broken", Cause::Compressed),
        ("/cut-off", Cause::Compressed),
        ("/bomb", Cause::TooLarge),
        ("/unsaid", Cause::Compressed),
        ("/empty", Cause::EmptyBody),
        ("/html", Cause::NotJson),
        ("/missing", Cause::ExtractionMissing),
    ] {
        assert_eq!(found[path], (vec![cause.name()], None), "{path}");
    }
}
