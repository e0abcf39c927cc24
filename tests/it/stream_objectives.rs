//! Objectives on times within streams: met where they hold, missed where they do not or where
//! streams break, and mistakes that name what to write.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};

use crate::node_server::NodeServer;
use crate::streamed::scenario;
use crate::support::{self, finish, stderr, stdout};
use crate::truth_server::{Act, Request, TruthServer, after, response};

const EVENTS: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

/// One step against a server, and its objectives.
struct Judged {
    _folder: tempfile::TempDir,
    output: Output,
    latest: PathBuf,
}

impl Judged {
    fn of(url: &str, step: &Value, objectives: &[&str], seconds: u32, rate: u32) -> Judged {
        let mut whole = scenario(url, &[("/stream".to_owned(), step.clone())], seconds, rate);
        whole["slo"] = json!({ "all": objectives });
        let folder = tempfile::tempdir().unwrap();
        let (file, out) = (folder.path().join("streams.json"), folder.path().join("out"));
        fs::write(&file, whole.to_string()).unwrap();
        let mut command = support::loadgate();
        command.args(["run", "--no-walk"]).arg(&file).arg("-o").arg(&out);
        let output = finish(&mut command);
        Judged { _folder: folder, output, latest: out.join("streams").join("latest") }
    }

    fn said(&self) -> String {
        format!("{}{}", stdout(&self.output), stderr(&self.output))
    }

    /// The status of each objective, with how many were bad and how many there were.
    fn found(&self) -> Vec<(String, u64, u64)> {
        let summary = support::summary(&self.latest);
        let of = |slo: &Value| {
            let status = slo["status"].as_str().unwrap().to_owned();
            (status, slo["bad"].as_u64().unwrap(), slo["requests"].as_u64().unwrap())
        };
        summary["slos"].as_array().unwrap().iter().map(of).collect()
    }

    #[track_caller]
    fn is(&self, code: i32, statuses: &[&str]) {
        let found = self.found();
        let kinds: Vec<&str> = found.iter().map(|it| it.0.as_str()).collect();
        assert_eq!(kinds, statuses, "{found:?} {}", self.said());
        support::ends_with(&self.output, code);
        // A stored run is judged as it was.
        let again = finish(support::loadgate().arg("report").arg(&self.latest));
        support::ends_with(&again, code);
    }
}

/// Three events after a while, or another answer to each so manieth request.
fn events(wait: Duration, broken: u64) -> TruthServer {
    TruthServer::replying(move |request: &Request| {
        if broken > 0 && request.number.is_multiple_of(broken) {
            return response(500, "no");
        }
        let event = |number: u32| Act::Write(format!("data: {number}\n\n").into_bytes());
        let mut acts = vec![Act::Write(EVENTS.as_bytes().to_vec()), Act::Wait(wait)];
        acts.extend([
            event(1),
            Act::Wait(Duration::from_millis(30)),
            event(2),
            event(3),
            Act::Close,
        ]);
        after(Duration::ZERO, acts)
    })
}

const FAST: Duration = Duration::from_millis(1);
const SLOW: Duration = Duration::from_millis(250);

#[test]
fn streams_of_events_are_judged_by_their_first_event_and_their_gaps() {
    let step = json!({ "events": { "count": 3 } });
    let objectives = ["first_event.p90 < 200ms", "event_gap.p90 < 500ms", "first_event.max < 5s"];
    let judged = Judged::of(&events(FAST, 0).url(), &step, &objectives, 3, 50);
    judged.is(0, &["met", "met", "met"]);
    assert_eq!(judged.found()[1].2, 300, "two gaps each");
    assert!(judged.said().contains("first_event.p90 < 200ms"), "{}", judged.said());
    let judged = Judged::of(&events(SLOW, 0).url(), &step, &objectives, 3, 50);
    judged.is(3, &["missed", "met", "met"]);
    assert!(judged.said().contains("slower than 200 ms"), "{}", judged.said());
    let gaps = ["event_gap.p90 < 10ms"];
    Judged::of(&events(FAST, 0).url(), &step, &gaps, 3, 50).is(3, &["missed"]);
}

#[test]
fn streams_that_break_meet_nothing_however_fast_the_others_are() {
    let step = json!({ "events": { "count": 3 } });
    let objectives = ["first_event.p90 < 200ms", "event_gap.p90 < 500ms", "first_event.max < 5s"];
    let judged = Judged::of(&events(FAST, 3).url(), &step, &objectives, 3, 50);
    judged.is(3, &["missed", "missed", "missed"]);
    let found = judged.found();
    assert!(found[0].1.abs_diff(50) <= 3 && found[0].2 == 150, "{found:?}");
    assert!(judged.said().contains("never came"), "{}", judged.said());
    // Nobody is there.
    let nobody = format!("http://127.0.0.1:{}", support::free_port());
    let judged = Judged::of(&nobody, &step, &objectives, 2, 50);
    assert_ne!(judged.output.status.code(), Some(0), "{}", judged.said());
}

#[test]
fn websockets_are_judged_by_their_round_trips() {
    let folder = tempfile::tempdir().unwrap();
    let server = NodeServer::start("stream-server.mjs", folder.path(), &[]);
    let url = format!("http://127.0.0.1:{}", server.port);
    let acts = json!([
        { "send": "one" }, { "expect": "one" },
        { "send": "later 2" }, { "expect": "later 2" },
    ]);
    let step = json!({ "websocket": acts, "timeout": "3s" });
    let objectives = ["round_trip.p90 < 1s", "round_trip.p50 < 2s"];
    let judged = Judged::of(&url, &step, &objectives, 3, 50);
    judged.is(0, &["met", "met"]);
    assert_eq!(judged.found()[0].2, 300);
    // Every second one takes 30 ms.
    Judged::of(&url, &step, &["round_trip.p90 < 20ms"], 3, 50).is(3, &["missed"]);
    // The second answer never comes: a round trip of two is missing each time.
    let acts = json!([
        { "send": "one" }, { "expect": "one" },
        { "send": "two" }, { "expect": "another", "within": "100ms" },
    ]);
    let step = json!({ "websocket": acts, "timeout": "3s" });
    let judged = Judged::of(&url, &step, &["round_trip.p90 < 1s"], 3, 50);
    assert_ne!(judged.output.status.code(), Some(0), "{}", judged.said());
    let found = judged.found();
    let (status, bad, all) = &found[0];
    assert!(status == "missed" && *bad >= 50 && bad * 2 == *all, "{found:?} {}", judged.said());
}

#[test]
fn mistakes_in_them_say_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("streams.json");
    let events = json!({ "events": { "count": 3 } });
    let silent = json!({ "websocket": [{ "expect": "hello" }] });
    for (step, objective, wanted) in [
        (json!({}), "first_event.p95 < 1s", "there is none here"),
        (json!({}), "round_trip.p95 < 1s", "\"expect\" follows a \"send\""),
        (silent, "round_trip.p95 < 1s", "\"expect\" follows a \"send\""),
        (events.clone(), "round_trip.p95 < 1s", "\"websocket\""),
        (events.clone(), "first_event < 1s", "write \"first_event.p95\""),
        (events.clone(), "first_event.avg < 1s", "p50"),
        (events.clone(), "first_event.p95 > 1s", "must be low"),
        (events.clone(), "first_event.p95 < 1h", "no answer can take longer"),
        (events.clone(), "first_evnt.p95 < 1s", "did you mean \"first_event.p95\"?"),
        (events, "event_gap.p95 < 0s", "cannot be zero"),
    ] {
        let mut whole = scenario("http://127.0.0.1:9", &[("/stream".to_owned(), step)], 1, 1);
        whole["slo"] = json!({ "all": [objective] });
        fs::write(&file, whole.to_string()).unwrap();
        let output = finish(support::loadgate().arg("check").arg(&file));
        let said = format!("{}{}", stdout(&output), stderr(&output));
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(2), "{objective}: {said}");
        assert!(said.contains(wanted), "{objective}: {said}");
    }
}

/// The demo streams by every way that it speaks; its WebSocket by HTTP/1.1.
#[test]
fn the_demo_streams_as_its_page_says() {
    let events = json!({ "events": {} });
    let until = json!({ "events": { "until": { "event": "order", "json": { "$.id": 2 } } } });
    let live = json!({ "websocket": [
        { "expect": { "json": { "$.type": "welcome" } } },
        { "send_json": { "type": "ping" } }, { "expect": { "json": { "$.type": "pong" } } },
        { "send_json": { "type": "subscribe" } },
        { "expect": { "json": { "$.type": "order", "$.order.id": 3 } } },
    ] });
    for (target, has_live) in [
        (json!({ "demo": true }), true),
        (json!({ "demo": "tls" }), true),
        (json!({ "demo": "tls", "http2": true }), false),
    ] {
        let mut steps = vec![
            ("/orders/events?count=3".to_owned(), events.clone()),
            ("/orders/events".to_owned(), until.clone()),
        ];
        steps.extend(has_live.then(|| ("/orders/live".to_owned(), live.clone())));
        let mut whole = scenario("http://127.0.0.1:9", &steps, 2, 60);
        whole["target"] = target.clone();
        let (said, record) = crate::streamed::record(&whole, &[]);
        for step in 0..steps.len() {
            let found = crate::streamed::endings(&record, step);
            assert!(matches!(found[..], [("ok", _)]), "{target} {step} {found:?}\n{said}");
        }
    }
}
