//! Targets that speak HTTP/2: Node's, in the clear and by TLS, and servers of our own that break
//! every rule. Each request has one outcome, whatever they do.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use loadgate::record::outcome::{Cause, Outcome};
use loadgate::record::run::RunRecord;
use loadgate::record::store;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::frame_server::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, FrameServer, HEADERS, PING, PUSH_PROMISE,
    RST_STREAM, SETTINGS, STATUS_200, Script, WINDOW_UPDATE, Wire, field, frame,
};
use crate::node_server::NodeServer;
use crate::support::{self, finish, stderr, stdout};
use crate::tls::Certificates;
use crate::truth_server::{TruthServer, response};

/// The server of Node.
fn serve(folder: &Path, env: &[(&str, &str)]) -> NodeServer {
    NodeServer::start("http2-server.mjs", folder, env)
}

/// A run of a scenario.
struct Run {
    output: Output,
    folder: PathBuf,
    _home: TempDir,
}

impl Run {
    fn code(&self) -> i32 {
        self.output.status.code().unwrap()
    }

    fn said(&self) -> String {
        format!("{}{}", stdout(&self.output), stderr(&self.output))
    }

    fn record(&self) -> RunRecord {
        store::read(&self.folder).unwrap()
    }
}

/// `GET /` at 100/s for 2 s, of an address without TLS.
fn scenario(port: u16, more: &Value) -> Value {
    let mut all = json!({
        "name": "two",
        "target": { "url": format!("http://127.0.0.1:{port}"), "http2": "prior-knowledge" },
        "flows": [{ "name": "f", "steps": [{ "name": "one", "request": "GET /", "timeout": "1s" }] }],
        "load": { "stages": [{ "for": "2s", "rate": "50/s" }], "arrivals": "uniform" },
        "slo": { "all": ["p50 < 250ms"] },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        match (all.get_mut(key).and_then(Value::as_object_mut), value) {
            (Some(own), Value::Object(more)) => own.extend(more.clone()),
            _ => all[key] = value.clone(),
        }
    }
    all
}

fn run(scenario: &Value, arguments: &[&str]) -> Run {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("two.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let out = home.path().join("out");
    let mut command = support::loadgate();
    command.arg("run").arg(&file).arg("-q").arg("-o").arg(&out).args(arguments);
    let output = finish(&mut command);
    Run { output, folder: out.join("two").join("latest"), _home: home }
}

/// How many requests ended so.
fn outcomes(record: &RunRecord) -> Vec<(Outcome, u64)> {
    let sum =
        |outcome| record.seconds.iter().map(|second| second.counts()[0].outcome(outcome)).sum();
    let all = Outcome::ALL.into_iter().map(|outcome| (outcome, sum(outcome)));
    all.filter(|(_, count)| *count > 0).collect()
}

/// Requests of all steps that did not end well.
fn failed(record: &RunRecord) -> u64 {
    let bad = || Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::Ok);
    let steps = record.seconds.iter().flat_map(|second| second.counts());
    steps.map(|step| bad().map(|outcome| step.outcome(outcome)).sum::<u64>()).sum()
}

fn causes(record: &RunRecord) -> Vec<Cause> {
    let any =
        |cause: &Cause| record.seconds.iter().any(|second| second.counts()[0].cause(*cause) > 0);
    Cause::ALL.into_iter().filter(any).collect()
}

fn repeats(record: &RunRecord) -> u64 {
    record.seconds.iter().map(|second| second.counts()[0].repeats).sum()
}

/// Steps of everything that a request may be.
fn steps() -> Value {
    json!([{ "name": "f", "steps": [
        { "name": "item", "request": "GET /item", "extract": { "id": "$.id" } },
        { "name": "use", "request": "GET /items/{{id}}" },
        { "name": "echo", "request": "POST /echo", "json": { "id": "{{id}}", "big": "y".repeat(100_000) },
          "headers": { "x-own": "{{id}}", "cookie": "a=1; b=2" },
          "extract": { "size": "$.size", "agent": "$.headers[\"user-agent\"]" } },
        { "name": "large", "request": "GET /large" },
        { "name": "head", "request": "HEAD /item" },
        { "name": "slow", "request": "GET /slow/30" },
    ] }])
}

#[test]
fn every_kind_of_request_is_answered_on_streams_of_one_connection() {
    let home = tempfile::tempdir().unwrap();
    let server = serve(home.path(), &[]);
    let more = json!({
        "target": { "ready": { "path": "/ready" }, "metrics": "/metrics" },
        "flows": steps(),
        "load": { "stages": [{ "for": "3s", "rate": "20/s" }] },
                "limits": { "connections": 500 },
    });
    let ran = run(&scenario(server.port, &more), &[]);
    assert!([0, 5, 6].contains(&ran.code()), "{}", ran.said());
    let record = ran.record();
    let end = record.end.as_ref().unwrap();
    // One that is still on its way at the end of the schedule goes no further.
    assert!((55..=60).contains(&end.iterations_completed), "{end:?}");
    assert_eq!((end.iterations, failed(&record)), (60, 0));
    assert_eq!(record.head.limits.streams, Some(100));
    assert!(server.count("request 2.0 GET /slow") >= 55);
    assert_eq!(server.count("request 1"), 0);
    assert!(server.count("request 2.0 GET /metrics") > 0);
    assert!(server.count("request 2.0 GET /items/1") > 0, "what was extracted is sent on");
    // One of readiness, one of the walk, one of the load, and those of the metrics.
    let others = server.count("request 2.0 GET /metrics") + server.count("request 2.0 GET /ready");
    assert!(server.count("session") <= others + 3, "{} sessions", server.count("session"));
}

#[test]
fn a_server_that_allows_few_streams_gets_no_more_at_a_time() {
    let home = tempfile::tempdir().unwrap();
    let server = serve(home.path(), &[("STREAMS", "3")]);
    let more = json!({
        "flows": [{ "name": "f", "steps": [{ "name": "slow", "request": "GET /slow/100" }] }],
        "load": { "stages": [{ "for": "2s", "rate": "80/s" }] },
        "target": { "ready": { "path": "/" } },
    });
    let ran = run(&scenario(server.port, &more), &[]);
    let found = outcomes(&ran.record());
    assert!(matches!(found[..], [(Outcome::Ok, 150..190)]), "{found:?}");
    // With one connection the rest waits, and has its time limit; that is the target's doing.
    let more = json!({
        "flows": [{ "name": "f", "steps": [
            { "name": "slow", "request": "GET /slow/100", "timeout": "400ms" }
        ] }],
        "load": { "stages": [{ "for": "2s", "rate": "80/s" }] },
        "limits": { "connections": 1 },
    });
    let record = run(&scenario(server.port, &more), &["--no-walk"]).record();
    let found = outcomes(&record);
    assert!(
        found.iter().all(|(outcome, _)| [Outcome::Ok, Outcome::Timeout].contains(outcome)),
        "{found:?}"
    );
    assert!(found.len() == 2, "{found:?}");
}

fn ok(wire: &mut Wire, stream: u32) {
    wire.answer(stream);
}

/// Runs against a script; how the requests ended.
#[track_caller]
fn against(script: impl Script, more: &Value) -> (RunRecord, FrameServer) {
    let server = FrameServer::start(script);
    let ran = run(&scenario(server.port, more), &["--no-walk"]);
    let said = ran.said();
    assert!(!said.contains("panicked"), "{said}");
    assert!([0, 3, 4, 5, 6].contains(&ran.code()), "exit {}\n{said}", ran.code());
    (ran.record(), server)
}

/// One outcome and one cause for all requests.
#[track_caller]
fn all_end(name: &str, script: impl Script, outcome: Outcome, cause: Option<Cause>) {
    let (record, _) = against(script, &Value::Null);
    let found = (outcomes(&record), causes(&record));
    assert_eq!(found, (vec![(outcome, 100)], cause.into_iter().collect()), "{name}");
}

/// Connections that look whether the target is ready.
const READINESS: usize = 2;

const FAILED: Outcome = Outcome::TransportError;

#[test]
fn a_stream_that_is_reset_ends_alone_wherever_that_is() {
    all_end(
        "before the head",
        |wire: &mut Wire, id| wire.reset(id, 2),
        FAILED,
        Some(Cause::StreamReset),
    );
    let in_the_body = |wire: &mut Wire, id| {
        wire.frame(HEADERS, END_HEADERS, id, STATUS_200);
        wire.frame(DATA, 0, id, b"half");
        wire.reset(id, 8);
    };
    all_end("in the body", in_the_body, FAILED, Some(Cause::StreamReset));
    let after = |wire: &mut Wire, id| {
        wire.answer(id);
        wire.reset(id, 0);
    };
    all_end("after the end", after, Outcome::Ok, None);
    let at_once = |wire: &mut Wire, id: u32| {
        let parts = [
            frame(HEADERS, END_HEADERS | END_STREAM, id, STATUS_200),
            frame(RST_STREAM, 0, id, &[0; 4]),
        ];
        wire.raw(&parts.concat());
    };
    all_end("with the end", at_once, Outcome::Ok, None);
    // Every second one: its neighbours are answered.
    let every_second = |wire: &mut Wire, id| {
        if wire.requests.is_multiple_of(2) { wire.reset(id, 2) } else { wire.answer(id) }
    };
    let (record, server) = against(every_second, &Value::Null);
    let found = outcomes(&record);
    let [(Outcome::Ok, whole), (FAILED, reset)] = found[..] else { panic!("{found:?}") };
    assert!(whole + reset == 100 && (40..=60).contains(&reset), "{found:?}");
    assert!(server.connections() <= READINESS + 3, "{}", server.connections());
}

#[test]
fn what_is_refused_is_sent_once_more_and_no_third_time() {
    let refused = |wire: &mut Wire, id| wire.reset(id, 7);
    let (record, server) = against(refused, &Value::Null);
    assert_eq!(
        (outcomes(&record), causes(&record)),
        (vec![(FAILED, 100)], vec![Cause::StreamRefused])
    );
    assert_eq!((repeats(&record), server.seen(HEADERS)), (100, 200));
    let every_third = |wire: &mut Wire, id| {
        if wire.requests.is_multiple_of(3) { wire.reset(id, 7) } else { wire.answer(id) }
    };
    let (record, _) = against(every_third, &Value::Null);
    // One that is sent again may be a third one as well, where several are under way.
    let (found, sum) = (outcomes(&record), |outcome: Outcome| {
        outcomes(&record).iter().find(|(it, _)| *it == outcome).map_or(0, |(_, count)| *count)
    });
    assert!(sum(Outcome::Ok) >= 80 && sum(Outcome::Ok) + sum(FAILED) == 100, "{found:?}");
    assert!(repeats(&record) >= 45, "{}", repeats(&record));
}

#[test]
fn a_connection_that_goes_away_finishes_what_it_has_and_the_rest_goes_elsewhere() {
    // After each tenth request; what comes behind it is not begun.
    let graceful = |wire: &mut Wire, id: u32| {
        if wire.requests == 10 {
            wire.go_away(0x7fff_ffff);
            wire.go_away(id);
        }
        if wire.requests <= 10 {
            wire.answer(id);
        }
    };
    let (record, server) = against(graceful, &Value::Null);
    assert_eq!(outcomes(&record), [(Outcome::Ok, 100)]);
    let ended = 10..=13;
    assert!(ended.contains(&(server.connections() - READINESS)), "{}", server.connections());
    // Nothing was begun, ever.
    let never = |wire: &mut Wire, _: u32| wire.go_away(0);
    let (record, _) = against(never, &Value::Null);
    assert_eq!(
        (outcomes(&record), causes(&record)),
        (vec![(FAILED, 100)], vec![Cause::StreamRefused])
    );
    // One that was begun and is never answered has the end of its connection.
    let begun = |wire: &mut Wire, id: u32| {
        wire.go_away(id);
        wire.close();
    };
    let (record, _) = against(begun, &Value::Null);
    assert_eq!(outcomes(&record), [(FAILED, 100)]);
    let found = causes(&record);
    assert!(found.iter().any(|cause| [Cause::Closed, Cause::Reset].contains(cause)), "{found:?}");
    let ends = [Cause::Closed, Cause::Reset, Cause::StreamRefused];
    assert!(found.iter().all(|cause| ends.contains(cause)), "{found:?}");
}

#[test]
fn a_connection_that_ends_without_a_word_costs_what_was_under_way_on_it() {
    let every_tenth = |wire: &mut Wire, id| {
        if wire.requests == 10 { wire.close() } else { wire.answer(id) }
    };
    let (record, _) = against(every_tenth, &Value::Null);
    let found = outcomes(&record);
    assert_eq!(found.iter().map(|(_, count)| count).sum::<u64>(), 100, "{found:?}");
    let failed = found.iter().find(|(outcome, _)| *outcome == FAILED).unwrap().1;
    assert!((5..=20).contains(&failed), "{found:?}");
}

#[test]
fn bytes_that_are_no_answer_are_malformed_and_nothing_hangs() {
    let malformed = Some(Cause::Malformed);
    let huge_index =
        |wire: &mut Wire, id| wire.frame(HEADERS, END_HEADERS, id, &[0xff, 0xff, 0xff, 0x0f]);
    all_end("a bad index", huge_index, FAILED, malformed);
    let data_first = |wire: &mut Wire, id| wire.frame(DATA, END_STREAM, id, b"ok");
    all_end("data first", data_first, FAILED, malformed);
    let bad_padding = |wire: &mut Wire, id| wire.frame(HEADERS, END_HEADERS | 8, id, &[200, 0x88]);
    all_end("bad padding", bad_padding, FAILED, malformed);
    let pushed = |wire: &mut Wire, id| {
        wire.frame(PUSH_PROMISE, END_HEADERS, id, &[0, 0, 0, 2, 0x82, 0x84, 0x86]);
    };
    all_end("a push that was refused", pushed, FAILED, malformed);
    let too_large =
        |wire: &mut Wire, id: u32| wire.raw(&[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, id as u8]);
    all_end("a frame of 16 MB", too_large, FAILED, malformed);
    let interrupted = |wire: &mut Wire, id| {
        wire.frame(HEADERS, 0, id, STATUS_200);
        wire.frame(PING, 0, 0, &[0; 8]);
    };
    all_end("a head that is interrupted", interrupted, FAILED, malformed);
    let foreign = |wire: &mut Wire, _| wire.frame(DATA, END_STREAM, 4_001, b"ok");
    all_end("a stream that nobody opened", foreign, FAILED, malformed);
    let short = |wire: &mut Wire, id| {
        let head = [STATUS_200, &field("content-length", "10")].concat();
        wire.frame(HEADERS, END_HEADERS, id, &head);
        wire.frame(DATA, END_STREAM, id, b"short");
    };
    all_end("a body that is too short", short, FAILED, Some(Cause::BadLength));
    let bomb = |wire: &mut Wire, id| {
        // One field of 4 kB, a hundred times.
        let mut head = [STATUS_200, &[0x40][..], &field("x", &"y".repeat(3_900))[1..]].concat();
        head.extend([0xbe; 100]);
        wire.frame(HEADERS, END_HEADERS, id, &head);
    };
    all_end("a head that unfolds to 400 kB", bomb, FAILED, malformed);
}

/// The `h2` crate takes it for 200, and reads a status among trailers as nothing.
#[test]
fn an_answer_without_a_status_is_no_answer() {
    let without = |wire: &mut Wire, id| {
        wire.frame(HEADERS, END_HEADERS, id, &field("date", "today"));
        wire.frame(DATA, END_STREAM, id, b"ok");
    };
    all_end("no status", without, FAILED, Some(Cause::Malformed));
    let late = |wire: &mut Wire, id| {
        wire.frame(HEADERS, END_HEADERS, id, &[0x08, 3, b'1', b'0', b'3']);
        wire.frame(HEADERS, END_HEADERS | END_STREAM, id, &field("date", "today"));
    };
    all_end("none behind an interim one", late, FAILED, Some(Cause::Malformed));
}

/// The `h2` crate takes such an answer for one with 200.
#[test]
fn readiness_that_answers_without_a_status_is_none() {
    let server = FrameServer::start(|wire: &mut Wire, stream: u32| {
        wire.frame(HEADERS, END_HEADERS | END_STREAM, stream, &field("date", "b"));
    });
    let port = server.port;
    let ready = json!({ "target": { "url": format!("http://127.0.0.1:{port}"),
        "http2": "prior-knowledge", "ready": { "path": "/", "within": "1s" } } });
    let run = run(&scenario(port, &ready), &["--no-walk"]);
    assert_eq!(run.code(), 7, "{}", run.said());
    assert!(run.said().contains("no status"), "{}", run.said());
}

#[test]
fn odd_frames_that_mean_nothing_are_passed_over() {
    let odd = |wire: &mut Wire, id: u32| {
        let padded = [&[3][..], STATUS_200, &[0; 3]].concat();
        let parts = [
            frame(0x77, 0xff, id, b"unknown"),
            frame(HEADERS, END_HEADERS, id, &[0x08, 3, b'1', b'0', b'3']),
            frame(HEADERS, END_HEADERS | 8, id, &padded),
            frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
            frame(DATA, 8, id, &[2, b'o', 0, 0]),
            frame(DATA, 0, id, b""),
            frame(PING, 0, 0, &[1; 8]),
            frame(DATA, 0, id, b"k"),
            // Trailers.
            frame(HEADERS, END_HEADERS | END_STREAM, id, &field("x-sum", "1")),
        ];
        let bytes = parts.concat();
        let (first, rest) = bytes.split_at(wire.requests % bytes.len());
        wire.raw(first);
        std::thread::sleep(Duration::from_millis(1));
        wire.raw(rest);
    };
    let (record, server) = against(odd, &Value::Null);
    assert_eq!((outcomes(&record), causes(&record)), (vec![(Outcome::Ok, 100)], vec![]));
    assert_eq!(server.connections(), READINESS + 1);
    let in_pieces = |wire: &mut Wire, id| {
        wire.frame(HEADERS, 0, id, STATUS_200);
        wire.frame(CONTINUATION, END_HEADERS, id, &field("a", "b"));
        wire.frame(DATA, END_STREAM, id, b"ok");
    };
    all_end("a head in pieces", in_pieces, Outcome::Ok, None);
}

/// Sends a flood before each answer.
fn flooded(flood: &[u8]) -> impl Fn(&mut Wire, u32) + Send + Sync + 'static {
    let flood = flood.to_vec();
    move |wire, stream| {
        wire.raw(&flood);
        wire.answer(stream);
    }
}

#[test]
fn floods_are_answered_up_to_a_bound_and_cost_the_connection_beyond_it() {
    let floods = [
        ("settings", frame(SETTINGS, 0, 0, &[])),
        ("pings", frame(PING, 0, 0, &[7; 8])),
        ("windows", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("unknown frames", frame(0x99, 0, 0, b"x")),
    ];
    for (name, one) in floods {
        all_end(name, flooded(&one.repeat(100)), Outcome::Ok, None);
        all_end(name, flooded(&one.repeat(20_000)), FAILED, Some(Cause::Malformed));
    }
    let empty = |wire: &mut Wire, id| {
        wire.frame(HEADERS, END_HEADERS, id, STATUS_200);
        wire.raw(&frame(DATA, 0, id, b"").repeat(20_000));
    };
    all_end("empty data", empty, FAILED, Some(Cause::Malformed));
    let endless_head = |wire: &mut Wire, id| {
        wire.frame(HEADERS, 0, id, STATUS_200);
        wire.raw(&frame(CONTINUATION, 0, id, &field("a", "b")).repeat(20_000));
    };
    all_end("a head without an end", endless_head, FAILED, Some(Cause::Malformed));
}

/// Bytes that break the rules of the connection, beside each request.
#[test]
fn what_breaks_the_connection_costs_it_and_every_request_has_one_end() {
    let malformed = Some(Cause::Malformed);
    let resets = |wire: &mut Wire, id: u32| {
        wire.answer(id);
        wire.raw(&frame(RST_STREAM, 0, id, &[0, 0, 0, 8]).repeat(20_000));
    };
    let (record, _) = against(resets, &Value::Null);
    let all: u64 = outcomes(&record).iter().map(|(_, count)| count).sum();
    let fine = outcomes(&record).iter().find(|it| it.0 == Outcome::Ok).map_or(0, |it| it.1);
    // Who asks while the flood is on its way loses the connection with it.
    assert!(all == 100 && fine >= 20, "{:?}", outcomes(&record));
    assert!(causes(&record).iter().all(|it| *it == Cause::Malformed), "{:?}", causes(&record));
    for (name, bytes) in [
        ("a reset of a stream that nobody opened", frame(RST_STREAM, 0, 4_001, &[0; 4])),
        ("too large a first window", frame(SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0])),
        ("too small a largest frame", frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1])),
        ("settings of a stream", frame(SETTINGS, 0, 1, &[])),
        ("half a setting", frame(SETTINGS, 0, 0, &[0, 4, 0])),
        ("a window that opens by nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        (
            "a window beyond its bound",
            frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]).repeat(3),
        ),
        ("a short ping", frame(PING, 0, 0, &[0; 7])),
        ("data of no stream", frame(DATA, 0, 0, b"ok")),
    ] {
        let script = move |wire: &mut Wire, _: u32| wire.raw(&bytes);
        all_end(name, script, FAILED, malformed);
    }
    let table = |wire: &mut Wire, id: u32| {
        // A dynamic table of more than was allowed.
        let head = [&[0x3f, 0xe1, 0xff, 0x7f][..], STATUS_200].concat();
        wire.frame(HEADERS, END_HEADERS | END_STREAM, id, &head);
    };
    all_end("a table of headers that is too large", table, FAILED, malformed);
}

/// What a server allows may shrink while it is loaded.
#[test]
fn fewer_streams_and_other_settings_while_it_is_loaded_cost_nothing() {
    let shrinking = |wire: &mut Wire, id: u32| {
        if wire.requests == 5 {
            // Streams, the table of headers, the largest frame.
            let settings = [[0, 3, 0, 0, 0, 1], [0, 1, 0, 0, 0, 0], [0, 5, 0, 0, 0x80, 0]];
            wire.frame(SETTINGS, 0, 0, &settings.concat());
        }
        wire.answer(id);
    };
    let one = json!({ "limits": { "connections": 1, "streams": 20 } });
    let (record, server) = against(shrinking, &one);
    assert_eq!(outcomes(&record), [(Outcome::Ok, 100)]);
    assert_eq!(server.connections(), READINESS + 1);
}

#[test]
fn a_body_goes_out_as_the_windows_open_bit_by_bit() {
    struct Slow;
    impl Script for Slow {
        fn begins(&self, wire: &mut Wire) {
            wire.frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0x03, 0xe8]);
        }
        fn asked(&self, wire: &mut Wire, stream: u32) {
            let mut wire = wire.another();
            std::thread::spawn(move || {
                for _ in 0..20 {
                    let more = [0, 0, 0x03, 0xe8];
                    let both =
                        [frame(WINDOW_UPDATE, 0, stream, &more), frame(WINDOW_UPDATE, 0, 0, &more)];
                    wire.raw(&both.concat());
                    std::thread::sleep(Duration::from_millis(1));
                }
                wire.answer(stream);
            });
        }
    }
    let post = json!([{ "name": "f", "steps": [
        { "name": "one", "request": "POST /", "body": "y".repeat(20_000), "timeout": "5s" }
    ] }]);
    let (record, server) = against(Slow, &json!({ "flows": post }));
    assert_eq!(outcomes(&record), [(Outcome::Ok, 100)]);
    assert!(server.seen(DATA) >= 1_500, "in pieces: {}", server.seen(DATA));
}

#[test]
fn a_body_beyond_its_ceiling_ends_its_exchange_alone() {
    let large = |wire: &mut Wire, id| {
        wire.frame(HEADERS, END_HEADERS, id, STATUS_200);
        if wire.requests.is_multiple_of(2) {
            wire.raw(&frame(DATA, 0, id, &[b'x'; 16_000]).repeat(4));
        } else {
            wire.frame(DATA, END_STREAM, id, b"ok");
        }
    };
    let (record, server) = against(large, &json!({ "limits": { "body": "20KB" } }));
    // About every second one; exactly, where one connection served all.
    let found = outcomes(&record);
    let [(Outcome::Ok, whole), (FAILED, too_large)] = found[..] else { panic!("{found:?}") };
    assert!(whole + too_large == 100 && (40..=60).contains(&too_large), "{found:?}");
    assert_eq!(causes(&record), [Cause::TooLarge]);
    assert!(server.connections() <= READINESS + 3, "{}", server.connections());
    assert_eq!(server.seen(RST_STREAM) as u64, too_large);
}

#[test]
fn a_time_out_resets_its_stream_and_leaves_its_neighbours_alone() {
    let every_fourth = |wire: &mut Wire, id| {
        if !wire.requests.is_multiple_of(4) {
            wire.answer(id);
        }
    };
    let short = json!([{ "name": "f", "steps": [
        { "name": "one", "request": "GET /", "timeout": "300ms" }
    ] }]);
    let (record, server) = against(
        every_fourth,
        &json!({ "flows": short, "limits": { "streams": 20, "connections": 1 } }),
    );
    assert_eq!(outcomes(&record), [(Outcome::Ok, 75), (Outcome::Timeout, 25)]);
    assert_eq!((server.connections(), server.seen(RST_STREAM)), (READINESS + 1, 25));
}

/// Says nothing until it is asked.
struct Unset;
impl Script for Unset {
    fn begins(&self, _: &mut Wire) {}
    fn asked(&self, wire: &mut Wire, stream: u32) {
        if wire.requests == 1 {
            wire.frame(SETTINGS, 0, 0, &[]);
        }
        ok(wire, stream);
    }
}

#[test]
fn silence_is_a_time_out_and_a_connection_that_says_nothing_is_not_used_again() {
    struct Silent;
    impl Script for Silent {
        fn begins(&self, _: &mut Wire) {}
        fn asked(&self, _: &mut Wire, _: u32) {}
    }
    let short = json!([{ "name": "f", "steps": [
        { "name": "one", "request": "GET /", "timeout": "300ms" }
    ] }]);
    let (record, server) = against(Silent, &json!({ "flows": short }));
    assert_eq!(outcomes(&record), [(Outcome::Timeout, 100)]);
    assert!(server.connections() > 3, "{}", server.connections());
    // No settings are no reason not to be answered.
    all_end("settings with the first answer", Unset, Outcome::Ok, None);
    let half = |wire: &mut Wire, id: u32| {
        let bytes = frame(HEADERS, END_HEADERS, id, STATUS_200);
        if wire.requests == 1 {
            wire.raw(&bytes[..5]);
        }
    };
    all_end("half a frame", half, Outcome::Timeout, None);
}

#[test]
fn a_server_that_allows_no_stream_at_all_is_timed_out_upon() {
    struct NoStreams;
    impl Script for NoStreams {
        fn begins(&self, wire: &mut Wire) {
            wire.frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 0]);
        }
        fn asked(&self, wire: &mut Wire, stream: u32) {
            wire.reset(stream, 7);
        }
    }
    let short = json!([{ "name": "f", "steps": [
        { "name": "one", "request": "GET /", "timeout": "300ms" }
    ] }]);
    let (record, _) =
        against(NoStreams, &json!({ "flows": short, "limits": { "connections": 2 } }));
    let found = outcomes(&record);
    assert_eq!(found.iter().map(|(_, count)| count).sum::<u64>(), 100, "{found:?}");
    assert!(
        found.iter().all(|(outcome, _)| [FAILED, Outcome::Timeout].contains(outcome)),
        "{found:?}"
    );
}

#[test]
fn a_window_that_never_opens_is_a_time_out() {
    struct Shut;
    impl Script for Shut {
        fn begins(&self, wire: &mut Wire) {
            wire.frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
        }
        fn asked(&self, _: &mut Wire, _: u32) {}
    }
    let post = json!([{ "name": "f", "steps": [
        { "name": "one", "request": "POST /", "body": "y".repeat(100_000), "timeout": "300ms" }
    ] }]);
    let (record, _) = against(Shut, &json!({ "flows": post }));
    assert_eq!(outcomes(&record), [(Outcome::Timeout, 100)]);
}

#[test]
fn an_idle_connection_is_asked_and_stays() {
    /// Pings and sets while nothing is asked for.
    struct Talkative(Mutex<Option<Instant>>);
    impl Script for Talkative {
        fn asked(&self, wire: &mut Wire, stream: u32) {
            wire.answer(stream);
            std::thread::sleep(Duration::from_millis(50));
            wire.raw(&[frame(PING, 0, 0, &[1; 8]), frame(SETTINGS, 0, 0, &[])].concat());
            *self.0.lock().unwrap() = Some(Instant::now());
        }
    }
    let slow = json!({ "stages": [{ "for": "3s", "rate": "4/s" }] });
    let (record, server) = against(Talkative(Mutex::default()), &json!({ "load": slow }));
    assert_eq!(outcomes(&record), [(Outcome::Ok, 12)]);
    assert_eq!(repeats(&record), 0);
    assert_eq!(server.connections(), READINESS + 1);
    assert!(server.seen(PING) >= 11, "they are answered");
}

/// A scenario of a target that speaks TLS.
fn secured(port: u16, http2: &Value, all: &Certificates) -> Value {
    let url = format!("https://localhost:{port}");
    let ca = all.path("ca.pem");
    json!({ "target": { "url": url, "http2": http2, "tls": { "ca": ca }, "ready": { "path": "/" } } })
}

#[test]
fn it_is_agreed_upon_in_the_handshake() {
    let all = Certificates::server();
    let certificate = [all.path("server.pem"), all.path("server.key")];
    let [cert, key] = certificate.each_ref().map(|path| path.to_str().unwrap());
    let env = [("CERT", cert), ("KEY", key), ("ALLOW_HTTP1", "1")];
    let server = serve(all.folder.path(), &env);
    let mut more = secured(server.port, &json!(true), &all);
    more["flows"] = steps();
    let ran = run(&scenario(0, &more), &[]);
    assert!([0, 5, 6].contains(&ran.code()), "{}", ran.said());
    assert_eq!(failed(&ran.record()), 0);
    let end = ran.record().end.unwrap();
    assert!(end.iterations_completed > 0, "{end:?}");
    assert!(end.handshakes.full >= 1, "{:?}", end.handshakes);
    assert_eq!(server.count("request 1"), 0);
    // The same server, not asked for it.
    let before = server.count("request 2");
    let ran = run(&scenario(0, &secured(server.port, &json!(false), &all)), &[]);
    assert_eq!(failed(&ran.record()), 0, "{}", ran.said());
    assert_eq!(ran.record().head.limits.streams, None);
    assert_eq!((server.count("request 2"), server.count("request 1") > 100), (before, true));
}

#[test]
fn a_target_that_speaks_another_version_is_told() {
    let all = Certificates::server();
    let certificate = [all.path("server.pem"), all.path("server.key")];
    let [cert, key] = certificate.each_ref().map(|path| path.to_str().unwrap());
    let only_http2 = serve(all.folder.path(), &[("CERT", cert), ("KEY", key)]);
    let plain = tempfile::tempdir().unwrap();
    let only_h2c = serve(plain.path(), &[]);
    let http1 = TruthServer::replying(|_| response(200, "ok"));
    let at = |url: String, http2: Value| json!({ "target": { "url": url, "http2": http2, "ready": { "path": "/" } } });
    let without_path = |mut more: Value| {
        more["target"].as_object_mut().unwrap().remove("ready");
        more
    };
    let h2c = format!("http://127.0.0.1:{}", only_h2c.port);
    let tls = at(format!("http://localhost:{}", only_http2.port), json!("prior-knowledge"));
    let cases = [
        (tls.clone(), "it speaks TLS"),
        (without_path(tls), "it speaks TLS"),
        (secured(only_http2.port, &json!(false), &all), "(ALPN)"),
        (at(http1.url(), json!("prior-knowledge")), "remove \"http2\""),
        (without_path(at(http1.url(), json!("prior-knowledge"))), "remove \"http2\""),
        (at(h2c, json!(false)), "write \"http2\": \"prior-knowledge\""),
    ];
    for (more, wanted) in cases {
        let mut scenario = scenario(0, &more);
        scenario["target"]["ready"]["within"] = json!("5s");
        let ran = run(&scenario, &[]);
        let said = ran.said().split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(ran.code(), 7, "{said}");
        let is_secured = said.contains("https://localhost");
        assert_eq!(said.contains("no TLS session with the target"), is_secured, "{said}");
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}

#[test]
fn what_is_asked_for_where_it_means_nothing_is_a_mistake() {
    let cases = [
        (json!({ "target": { "http2": true } }), "write \"prior-knowledge\""),
        (
            json!({ "target": { "url": "https://localhost", "http2": "prior-knowledge" } }),
            "write true",
        ),
        (json!({ "target": { "url": "unix:a.sock", "http2": true } }), "none on a socket file"),
        (json!({ "target": { "http2": "prior-knowlege" } }), "prior-knowledge"),
        (json!({ "limits": { "streams": 0 } }), "streams"),
    ];
    for (more, wanted) in cases {
        let ran = run(&scenario(1, &more), &[]);
        assert_eq!(ran.code(), 2, "{}", ran.said());
        assert!(ran.said().contains(wanted), "{}", ran.said());
    }
}

#[test]
fn a_failing_exchange_is_kept_without_its_secrets() {
    let home = tempfile::tempdir().unwrap();
    let server = serve(home.path(), &[]);
    let more = json!({ "flows": [{ "name": "f", "steps": [
        { "name": "one", "request": "GET /error", "headers": { "authorization": "Bearer abcdefghijk" } }
    ] }] });
    let ran = run(&scenario(server.port, &more), &["--no-walk"]);
    let record = ran.record();
    assert_eq!(outcomes(&record), [(Outcome::ServerError, 100)]);
    let kept = fs::read_to_string(ran.folder.join("exchanges.jsonl")).unwrap();
    assert!(
        kept.contains("HTTP/2 500")
            && kept.contains("GET /error HTTP/2")
            && kept.contains("it broke"),
        "{kept}"
    );
    assert!(!kept.contains("abcdefghijk") && !kept.contains("verysecretvalue"), "{kept}");
}

/// Streams of one connection, each answered after a time of its own, by one that knows how long
/// that really was.
#[test]
fn times_of_streams_that_overlap_are_those_of_the_server() {
    let truth = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&truth);
    let late = move |wire: &mut Wire, id: u32| {
        let asked = Instant::now();
        let (mut wire, log) = (wire.another(), Arc::clone(&log));
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(40 + 20 * u64::from(id % 7)));
            log.lock().unwrap().push(asked.elapsed().as_secs_f64() * 1e3);
            wire.answer(id);
        });
    };
    let load = json!({ "stages": [{ "for": "4s", "rate": "100/s" }] });
    let server = FrameServer::start(late);
    let more = json!({ "load": load, "limits": { "connections": 1 } });
    let ran = run(&scenario(server.port, &more), &["--no-walk"]);
    let record = ran.record();
    assert_eq!(outcomes(&record), [(Outcome::Ok, 400)]);
    let mut truth = truth.lock().unwrap().clone();
    truth.sort_by(f64::total_cmp);
    let times = &support::summary(&ran.folder)["total"]["response"];
    for (name, quantile) in [("p50", 0.5), ("p90", 0.9)] {
        let (found, is) = (times[name].as_f64().unwrap(), truth[(400.0 * quantile) as usize]);
        assert!(found > is * 0.95 && found < is * 1.3, "{name}: {found} ms of {is} ms");
    }
}
