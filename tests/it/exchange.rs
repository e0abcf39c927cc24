//! Requests on the wire: every way in which a server can answer, fail or stall has the
//! right outcome, cause and time, and nothing that was due is lost.
//!
//! The real binary runs against the scripted server; what it recorded is compared with
//! what the server did. Times are compared with the server's own log, never with a clock
//! that a busy machine could hold up; where noise can only make a figure larger, the best
//! of three runs counts.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;
use std::thread;
use std::time::Duration;

use loadgate::record::histogram::Sparse;
use loadgate::record::interval::{StepCounts, StepTimes};
use loadgate::record::outcome::{Cause, Outcome};
use loadgate::record::phase::Phase;
use loadgate::record::run::{EndReason, RunRecord};
use loadgate::record::store;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support;
use crate::truth_server::{Act, Behaviour, TruthServer, after, log_normal, plain, raw, response};

/// One run of the binary and what it left behind.
struct Run {
    _folder: TempDir,
    record: RunRecord,
    summary: Value,
    code: i32,
    stdout: String,
}

impl Run {
    /// Runs a scenario to its end and checks what holds for every run.
    #[track_caller]
    fn of(scenario: &Value) -> Run {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("wire.json");
        std::fs::write(&file, scenario.to_string()).unwrap();
        let output = folder.path().join("out");
        let mut command = support::loadgate();
        command.arg("run").arg("--no-walk").arg(&file).arg("-o").arg(&output);
        let finished = support::finish(&mut command);
        let (stdout, stderr) = (support::stdout(&finished), support::stderr(&finished));
        assert!(!stderr.contains("panicked"), "{stderr}");
        let code = finished.status.code().unwrap();
        assert!([0, 3, 5, 6].contains(&code), "exit {code}\n{stdout}\n{stderr}");
        let folder_of_run = support::latest(&output, "wire");
        let record = store::read(&folder_of_run).unwrap();
        let summary = support::summary(&folder_of_run);
        let run = Run { _folder: folder, record, summary, code, stdout };
        run.check_laws(&folder_of_run);
        run
    }

    /// Every request that was due has one outcome, in the record and in the summary.
    #[track_caller]
    fn check_laws(&self, folder: &Path) {
        let end = self.record.end.as_ref().unwrap();
        assert_eq!((&end.reason, end.abandoned), (&EndReason::Finished, 0));
        assert_eq!(end.faults, Vec::<String>::new());
        assert!(!folder.join(store::JOURNAL_FILE).exists());
        for (number, step) in self.record.head.steps.iter().enumerate() {
            let counts = self.counts(number);
            assert_eq!(counts.planned, counts.ended(), "{}: planned and ended", step.name);
            assert!(counts.sent <= counts.planned, "{}: {counts:?}", step.name);
            let times = self.times(number);
            assert_eq!(times[Phase::Response].count(), counts.in_response_time(), "{}", step.name);
            assert_eq!(times[Phase::SendLag].count(), counts.planned, "{}", step.name);
        }
        assert_eq!(self.summary["exit_code"], self.code, "{}", self.stdout);
        assert_eq!(self.summary["whole_run"]["planned"], self.all().planned);
    }

    fn counts(&self, step: usize) -> StepCounts {
        let mut sum = StepCounts::default();
        self.record.seconds.iter().for_each(|second| sum.add(&second.counts()[step]));
        sum
    }

    fn times(&self, step: usize) -> StepTimes {
        let mut sum = StepTimes::default();
        self.record.seconds.iter().for_each(|second| sum.add(&second.unpack().times[step]));
        sum
    }

    fn all(&self) -> StepCounts {
        let mut sum = StepCounts::default();
        (0..self.record.head.steps.len()).for_each(|step| sum.add(&self.counts(step)));
        sum
    }

    /// Requests planned in each second of the schedule.
    fn planned(&self) -> Vec<u64> {
        let last = self.record.seconds.last().unwrap();
        let planned = |second| {
            let found = self.record.seconds.get(second);
            found.map_or(0, |second| second.counts().iter().map(|counts| counts.planned).sum())
        };
        (0..=last).map(planned).collect()
    }

    fn step(&self, name: &str) -> usize {
        self.record.head.steps.iter().position(|step| step.name == name).unwrap()
    }
}

/// In milliseconds.
#[track_caller]
fn quantile(times: &Sparse, share: f64) -> f64 {
    times.quantile(share).expect("there are samples") / 1e3
}

/// One request, again and again, evenly spaced.
fn scenario(server: &TruthServer, request: &str, rate: &str, seconds: u32) -> Value {
    json!({
        "name": "wire",
        "target": { "url": server.url() },
        "flows": [{ "name": "flow", "steps": [{ "name": "step", "request": request }] }],
        "load": { "arrivals": "uniform", "stages": [{ "for": format!("{seconds}s"), "rate": rate }] }
    })
}

/// One flow for each path, all equally likely.
fn one_flow_each(server: &TruthServer, requests: &[&str], rate: &str, seconds: u32) -> Value {
    let mut all = scenario(server, "GET /", rate, seconds);
    let flow = |request: &&str| json!({ "name": request, "steps": [{ "request": request }] });
    all["flows"] = requests.iter().map(flow).collect();
    all
}

/// What noise can only make worse is tried three times.
#[track_caller]
fn best_of_three(mut attempt: impl FnMut() -> Result<(), String>) {
    let mut failures = Vec::new();
    for _ in 0..3 {
        match attempt() {
            Ok(()) => return,
            Err(failure) => failures.push(failure),
        }
    }
    panic!("three times: {failures:#?}");
}

fn within(what: &str, value: f64, low: f64, high: f64) -> Result<(), String> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(format!("{what}: {value} is not within {low} and {high}"))
}

/// A request, what the server does, and how each of these requests must end.
struct Case {
    request: &'static str,
    acts: Vec<Act>,
    outcome: Outcome,
    cause: Option<Cause>,
}

fn case(request: &'static str, outcome: Outcome, cause: Option<Cause>, acts: Vec<Act>) -> Case {
    Case { request, acts, outcome, cause }
}

/// All cases in one run, side by side, so that none may suffer from its neighbours.
#[track_caller]
fn check_all(cases: &[Case], limits: &Value) {
    let requests: Vec<&str> = cases.iter().map(|case| case.request).collect();
    let acts: Vec<(String, Vec<Act>)> = cases
        .iter()
        .map(|case| (case.request.split(' ').nth(1).unwrap().to_owned(), case.acts.clone()))
        .collect();
    let server = TruthServer::replying(move |request| {
        let found = acts.iter().find(|(path, _)| path == request.path());
        found.map_or_else(|| response(418, "no such case"), |(_, acts)| acts.clone())
    });
    let mut scenario = one_flow_each(&server, &requests, "100/s", 3);
    scenario["limits"] = limits.clone();
    for flow in scenario["flows"].as_array_mut().unwrap() {
        flow["steps"][0]["timeout"] = json!("1500ms");
    }
    let run = Run::of(&scenario);
    let mut wrong = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let counts = run.counts(number);
        assert!(counts.planned > 0, "{} was never due", case.request);
        let as_said = counts.outcome(case.outcome) == counts.planned
            && Cause::ALL.into_iter().all(|cause| {
                let expected = if case.cause == Some(cause) { counts.planned } else { 0 };
                counts.cause(cause) == expected
            });
        if !as_said {
            wrong.push(format!("{}: {}", case.request, describe(&counts)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn describe(counts: &StepCounts) -> String {
    let outcomes = Outcome::ALL.into_iter().filter(|outcome| counts.outcome(*outcome) > 0);
    let outcomes =
        outcomes.map(|outcome| format!("{} {}", counts.outcome(outcome), outcome.name()));
    let causes = Cause::ALL.into_iter().filter(|cause| counts.cause(*cause) > 0);
    let causes = causes.map(|cause| format!("{} {}", counts.cause(cause), cause.name()));
    outcomes.chain(causes).collect::<Vec<_>>().join(", ")
}

/// All of them ended one way, and there are as many as expected.
#[track_caller]
fn check_only(counts: &StepCounts, expected: u64, how: &str) {
    assert_eq!(describe(counts), how.replace('#', &counts.planned.to_string()));
    check_count(counts.planned, expected);
}

/// Evenly spaced arrivals; the one that is due on a border may fall on either side.
#[track_caller]
fn check_count(planned: u64, expected: u64) {
    assert!(planned.abs_diff(expected) <= 1, "{planned} instead of {expected}");
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

fn broken(request: &'static str, cause: Cause, acts: Vec<Act>) -> Case {
    case(request, Outcome::TransportError, Some(cause), acts)
}

fn broken_off() -> Vec<Case> {
    use Cause::{Closed, Reset};
    vec![
        broken("GET /close", Closed, vec![Act::Close]),
        broken("GET /reset", Reset, vec![Act::Reset]),
        broken("GET /close-in-head", Closed, vec![raw("HTTP/1.1 200 O"), Act::Close]),
        broken("GET /reset-in-head", Reset, vec![raw("HTTP/1.1 200 O"), Act::Reset]),
        broken("GET /too-long", Closed, vec![raw(HEAD), raw("short"), Act::Close]),
        broken("GET /reset-in-body", Reset, vec![raw(HEAD), raw("short"), Act::Reset]),
        broken("GET /no-last-chunk", Closed, vec![raw(CHUNKED), raw("1\r\na\r\n"), Act::Close]),
    ]
}

fn not_http() -> Vec<Case> {
    let malformed =
        |request, bytes: &[u8]| broken(request, Cause::Malformed, vec![raw(bytes), Act::Close]);
    let ok = "HTTP/1.1 200 OK\r\n";
    let bad = |request, cause, rest: &str| {
        broken(request, cause, vec![raw(format!("{ok}{rest}")), Act::Close])
    };
    vec![
        malformed("GET /not-http", b"SSH-2.0-OpenSSH_9.6\r\n"),
        malformed("GET /tls", b"\x15\x03\x01\x00\x02\x02\x46"),
        malformed("GET /zeros", &[0; 512]),
        bad("GET /no-colon", Cause::BadField, "no colon\r\ncontent-length: 0\r\n\r\n"),
        bad("GET /nul", Cause::BadField, "x: a\0b\r\ncontent-length: 0\r\n\r\n"),
        bad("GET /cr", Cause::BadField, "x: a\rb\r\ncontent-length: 0\r\n\r\n"),
        bad(
            "GET /two-lengths",
            Cause::BadLength,
            "content-length: 1\r\ncontent-length: 2\r\n\r\nab",
        ),
        bad("GET /no-length", Cause::BadLength, "content-length: ten\r\n\r\n"),
        bad("GET /plus-length", Cause::BadLength, "content-length: +2\r\n\r\nok"),
        bad("GET /hidden-length", Cause::BadLength, "x y: z\r\ncontent-length: 2\u{1}\r\n\r\nok"),
        bad("GET /bad-chunk", Cause::BadChunk, "transfer-encoding: chunked\r\n\r\nzz\r\na\r\n"),
    ]
}

fn without_end() -> Vec<Case> {
    const MOST: usize = 8 << 20;
    let too_large = |request, begin: &str, bytes| {
        broken(request, Cause::TooLarge, vec![raw(begin), Act::Endless(bytes, MOST), Act::Close])
    };
    let chunk = [b"4000\r\n".to_vec(), vec![b'a'; 16_384], b"\r\n".to_vec()].concat();
    let slow = |request, acts| case(request, Outcome::Timeout, None, acts);
    let (nothing, now_and_then) = (Act::Wait(Duration::from_secs(4)), Duration::from_millis(400));
    let long_head = |request, begin: &str, bytes| {
        let acts = vec![raw(begin), Act::Endless(bytes, MOST), Act::Close];
        broken(request, Cause::HeadTooLarge, acts)
    };
    vec![
        long_head("GET /headers", "HTTP/1.1 200 OK\r\n", b"x-more: and more\r\n".repeat(100)),
        long_head("GET /header", "HTTP/1.1 200 OK\r\nx-long: ", vec![b'a'; 16_384]),
        too_large("GET /chunks", CHUNKED, chunk),
        too_large("GET /until-close", "HTTP/1.1 200 OK\r\n\r\n", vec![b'a'; 16_384]),
        slow("GET /silent", vec![nothing.clone()]),
        slow("GET /stalled", vec![raw(HEAD), raw("short"), nothing]),
        slow("GET /drip", vec![raw(HEAD), Act::Drip(vec![b'a'; 10], now_and_then)]),
    ]
}

#[test]
fn every_broken_answer_has_its_outcome_and_cause() {
    let all: Vec<Case> = [broken_off(), not_http(), without_end()].into_iter().flatten().collect();
    check_all(&all, &json!({ "body": "100kB" }));
}

fn ok(request: &'static str, acts: Vec<Act>) -> Case {
    case(request, Outcome::Ok, None, acts)
}

fn odd_pieces() -> Vec<Case> {
    let pause = Act::Wait(Duration::from_millis(2));
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n";
    let pieces = [
        "HTTP/1.1 200 OK\r\ntransfer-encod",
        "ing: chunked\r\n\r",
        "\n1;odd=\"ext\"\r\na\r\n0000000",
        "2\r\nbc",
        "\r\n0\r\ntrailer: x\r\n\r\n",
    ];
    vec![
        ok("GET /drip", vec![Act::Drip(plain(200, "hello"), Duration::from_millis(2))]),
        ok("GET /pieces", pieces.iter().flat_map(|piece| [raw(piece), pause.clone()]).collect()),
        ok("GET /hints", vec![raw(hints), pause, raw(plain(200, "hello"))]),
    ]
}

fn odd_ends() -> Vec<Case> {
    let close = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nab";
    let none = "HTTP/1.1 304 Not Modified\r\ncontent-length: 500\r\n\r\n";
    vec![
        ok("GET /204", vec![raw("HTTP/1.1 204 No Content\r\n\r\n")]),
        ok("GET /304", vec![raw(none)]),
        ok("HEAD /head", vec![raw("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n")]),
        ok("GET /until-close", vec![raw("HTTP/1.1 200 OK\r\n\r\nhello"), Act::Close]),
        ok("GET /one-zero", vec![raw("HTTP/1.0 200 OK\r\n\r\nhello"), Act::Close]),
        ok("GET /close", vec![raw(close), Act::Close]),
        // Says that it closes and does not.
        ok("GET /close-lie", vec![raw(close)]),
    ]
}

fn plain_answers() -> Vec<Case> {
    let bytes = b"HTTP/1.1 200 OK\r\nx: \xff\xfe\r\ncontent-length: 2\r\n\r\nab";
    vec![
        ok("GET /plain", response(200, "hello")),
        ok("GET /empty", response(200, "")),
        ok("GET /bytes", vec![raw(bytes)]),
        case("GET /429", Outcome::Rejected, None, response(429, "slow down")),
        case("GET /404", Outcome::ClientError, None, response(404, "")),
        case("GET /500", Outcome::ServerError, None, response(500, "oh")),
        case("GET /503", Outcome::ServerError, None, response(503, "")),
    ]
}

#[test]
fn every_odd_but_valid_answer_is_taken_as_it_is_meant() {
    let all: Vec<Case> =
        [odd_pieces(), odd_ends(), plain_answers()].into_iter().flatten().collect();
    check_all(&all, &json!({}));
}

#[test]
fn bytes_after_a_response_are_never_another_requests_answer() {
    // Whoever takes them for an answer sees a status that the server never meant.
    let server = TruthServer::replying(|_| {
        let mut bytes = plain(200, "hello");
        bytes.extend(plain(500, "the next one's, as if"));
        vec![Act::Write(bytes)]
    });
    let run = Run::of(&scenario(&server, "GET /", "100/s", 2));
    check_only(&run.all(), 200, "# ok");
    // A body that is longer than it says: the same thing.
    let server = TruthServer::replying(|_| {
        vec![raw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabHTTP/1.1 500 No\r\n\r\n")]
    });
    let run = Run::of(&scenario(&server, "GET /", "100/s", 2));
    check_only(&run.all(), 200, "# ok");
}

#[test]
fn statuses_are_counted_as_the_server_sent_them() {
    let status =
        |number: u64| [200, 200, 200, 429, 404, 500, 503, 200, 200, 200][number as usize % 10];
    let server = TruthServer::replying(move |request| response(status(request.number), "hello"));
    let run = Run::of(&scenario(&server, "GET /", "200/s", 2));
    let counts = run.all();
    check_count(counts.planned, 400);
    for (seen, (status, share)) in
        counts.statuses.iter().zip([(200, 240), (404, 40), (429, 40), (500, 40), (503, 40)])
    {
        assert_eq!(seen.0, status);
        check_count(seen.1, share);
    }
    assert_eq!(counts.body_bytes, counts.planned * 5);
    assert_eq!(counts.statuses.iter().map(|(_, count)| count).sum::<u64>(), counts.planned);
    // 5xx far above 0.1 %.
    assert_eq!((run.code, &run.summary["verdict"]), (3, &json!("slo_missed")));
}

#[test]
fn what_times_out_counts_at_its_limit_and_misses_the_objective() {
    let server = TruthServer::replying(|request| {
        let slow = request.number % 10 == 0;
        after(Duration::from_millis(if slow { 3_000 } else { 0 }), response(200, "hello"))
    });
    let mut scenario = scenario(&server, "GET /", "100/s", 3);
    scenario["flows"][0]["steps"][0]["timeout"] = json!("700ms");
    // A limit below, by more than the generator's own lag: what timed out is slower than it.
    scenario["slo"] = json!({ "all": ["p95 < 600ms"] });
    let run = Run::of(&scenario);
    let (counts, times) = (run.all(), run.times(0));
    let timeouts = counts.outcome(Outcome::Timeout);
    assert!((25..=35).contains(&timeouts), "{}", describe(&counts));
    assert_eq!(counts.outcome(Outcome::Ok), counts.planned - timeouts);
    check_count(counts.planned, 300);
    assert!(quantile(&times[Phase::Response], 0.95) >= 699.0);
    assert!(counts.slower.iter().all(|slower| *slower >= timeouts), "{counts:?}");
    assert_eq!((run.code, &run.summary["verdict"]), (3, &json!("slo_missed")));
    let missed = run.summary["slos"].as_array().unwrap();
    assert!(missed.iter().all(|slo| slo["status"] == "missed"), "{missed:?}");
}

/// Time limits are looked at every 10 ms; an answer in between is late all the same.
#[test]
fn an_answer_just_behind_its_limit_is_a_timeout() {
    let server = TruthServer::replying(|_| after(Duration::from_millis(26), response(200, "x")));
    let mut scenario = scenario(&server, "GET /", "100/s", 2);
    scenario["flows"][0]["steps"][0]["timeout"] = json!("23ms");
    scenario["slo"] = json!({ "all": ["p95 < 22ms"] });
    let counts = Run::of(&scenario).all();
    check_count(counts.planned, 200);
    assert_eq!(counts.outcome(Outcome::Timeout), counts.planned, "{}", describe(&counts));
}

#[test]
fn what_was_never_sent_is_planned_and_slower_than_any_limit() {
    let server = TruthServer::replying(|_| after(Duration::from_millis(400), response(200, "x")));
    let mut scenario = scenario(&server, "GET /", "50/s", 3);
    scenario["limits"] = json!({ "in_flight": 1 });
    scenario["slo"] = json!({ "all": ["p95 < 1s"] });
    let run = Run::of(&scenario);
    let (counts, times) = (run.all(), run.times(0));
    let unsent = counts.outcome(Outcome::Unsent);
    check_count(counts.planned, 150);
    assert_eq!(counts.cause(Cause::InFlightLimit), unsent);
    assert_eq!(counts.sent, counts.planned - unsent);
    // One at a time, 400 ms each: at most eight of them in three seconds.
    assert!((141..150).contains(&unsent), "{}", describe(&counts));
    assert_eq!(server.log().len() as u64, counts.sent);
    // They count at the time limit of ten seconds.
    assert!(quantile(&times[Phase::Response], 0.5) >= 9_990.0);
    assert_eq!(counts.slower, [unsent]);
    assert_ne!(run.code, 0, "{}", run.stdout);
    let findings = run.summary["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["kind"] == "in_flight_limit"), "{findings:?}");
}

#[test]
fn waiting_for_a_connection_is_response_time_and_not_the_generators_lag() {
    let server = TruthServer::replying(|_| after(Duration::from_millis(50), response(200, "x")));
    // 20/s is what two connections can carry at 50 ms each with ease; 80/s is twice as much.
    let mut scenario = scenario(&server, "GET /", "80/s", 3);
    scenario["limits"] = json!({ "connections": 2 });
    let run = Run::of(&scenario);
    let (counts, times) = (run.all(), run.times(0));
    check_only(&counts, 240, "# ok");
    let connections: std::collections::BTreeSet<u64> =
        server.log().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections.len(), 2, "more connections than allowed");
    // 240 requests need six seconds; the last waits three, half of them 1.5 and more.
    assert!(quantile(&times[Phase::Response], 0.5) > 1_200.0);
    assert!(quantile(&times[Phase::Service], 0.5) < quantile(&times[Phase::Response], 0.5) / 4.0);
    assert!(quantile(&times[Phase::SendLag], 0.5) < quantile(&times[Phase::Response], 0.5) / 20.0);
    assert!(quantile(&times[Phase::SendLag], 0.9) < quantile(&times[Phase::Response], 0.9) / 10.0);
}

#[test]
fn no_free_connection_within_the_time_limit_is_unsent() {
    let server = TruthServer::replying(|request| {
        let slow = request.path() == "/slow";
        after(Duration::from_millis(if slow { 300 } else { 0 }), response(200, "x"))
    });
    let mut scenario = one_flow_each(&server, &["GET /slow", "GET /fast"], "40/s", 1);
    scenario["limits"] = json!({ "connections": 1 });
    scenario["flows"][0]["steps"][0]["timeout"] = json!("30s");
    scenario["flows"][1]["steps"][0]["timeout"] = json!("200ms");
    let run = Run::of(&scenario);
    let (slow, fast) = (run.counts(0), run.counts(1));
    check_only(&slow, slow.planned, "# ok");
    let unsent = fast.outcome(Outcome::Unsent);
    assert_eq!((fast.cause(Cause::ConnectionLimit), fast.sent), (unsent, fast.planned - unsent));
    // All but those that came before the first slow one, or had it nearly behind them.
    assert!(unsent > fast.planned / 2, "{}", describe(&fast));
    assert!(quantile(&run.times(1)[Phase::Response], 0.9) >= 199.0);
    assert_ne!(run.code, 0);
}

#[test]
fn an_endless_body_costs_no_memory() {
    let chunk = [b"4000\r\n".to_vec(), vec![b'a'; 16_384], b"\r\n".to_vec()].concat();
    let server = TruthServer::replying(move |_| {
        vec![
            raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
            Act::Endless(chunk.clone(), 64 << 20),
        ]
    });
    let mut scenario = scenario(&server, "GET /", "20/s", 3);
    scenario["limits"] = json!({ "body": "2MB" });
    // A step that keeps the body for its values is the worse case.
    scenario["flows"][0]["steps"][0]["extract"] = json!({ "value": "$.value" });
    let run = Run::of(&scenario);
    let counts = run.all();
    check_only(&counts, 60, "# transport error, # response body larger than the ceiling");
    assert!(counts.body_bytes >= counts.planned * 2_000_000, "{}", counts.body_bytes);
    let peak = run.record.generator.iter().map(|second| second.rss).max().unwrap();
    // 120 MB came in; a healthy run has about 20 MB in all.
    assert!(peak < 80_000_000, "{peak} bytes resident");
}

/// Whoever has read a request and gives no answer has failed it, whatever the method: each is
/// sent once, and every second one meets the end of its connection.
#[test]
fn what_a_server_has_read_and_not_answered_is_an_error_and_never_sent_again() {
    for (request, cause) in
        [("GET /", Cause::Closed), ("PUT /", Cause::Reset), ("POST /", Cause::Closed)]
    {
        let server = TruthServer::replying(move |_| {
            let end = if cause == Cause::Closed { Act::CloseOnReuse } else { Act::ResetOnReuse };
            vec![raw(plain(200, "hello")), end]
        });
        let mut scenario = scenario(&server, request, "100/s", 2);
        scenario["flows"][0]["steps"][0]["headers"] = json!({ "x-n": "{{iteration}}" });
        let run = Run::of(&scenario);
        let counts = run.all();
        assert!(counts.cause(cause) > 20, "{}", describe(&counts));
        assert_eq!(counts.cause(cause), counts.planned - counts.outcome(Outcome::Ok));
        assert_eq!((counts.repeats, counts.planned), (0, 200));
        let log = server.log();
        let mut numbers: Vec<_> = log.iter().map(|seen| seen.request.header("x-n")).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!((numbers.len(), log.len()), (200, 200), "{request}: each came once");
        assert_eq!(run.code, 3);
    }
}

/// A server that closes after each answer without saying so.
#[test]
fn a_connection_that_is_known_to_be_closed_is_not_used_again() {
    let with_it = vec![Act::WriteAndEnd(plain(200, "hello"))];
    let after_it = vec![raw(plain(200, "hello")), Act::Close];
    for acts in [with_it, after_it] {
        for request in ["GET /", "POST /"] {
            // The end may cross the next request where the server is held up in between.
            best_of_three(|| {
                let acts = acts.clone();
                let server = TruthServer::replying(move |_| acts.clone());
                let counts = Run::of(&scenario(&server, request, "50/s", 2)).all();
                within("answered", counts.outcome(Outcome::Ok) as f64, 100.0, 100.0)
            });
        }
    }
}

#[test]
fn a_body_that_ends_by_close_lasts_until_the_close() {
    let late = Duration::from_millis(200);
    let server = TruthServer::replying(move |_| {
        vec![raw("HTTP/1.1 200 OK\r\n\r\nhello"), Act::Wait(late), Act::Close]
    });
    let run = Run::of(&scenario(&server, "GET /", "50/s", 2));
    check_only(&run.all(), 100, "# ok");
    let least = run.times(0)[Phase::Response].quantile(0.0).unwrap() / 1e3;
    assert!(least >= 199.0, "{least} ms is before the close");
}

/// The time limit is looked at every 10 ms, and counts as it was written.
#[test]
fn a_timeout_counts_at_its_limit() {
    let server = TruthServer::replying(|request| {
        let slow = if request.number % 2 == 0 { 300 } else { 0 };
        after(Duration::from_millis(slow), response(200, "hello"))
    });
    let mut scenario = scenario(&server, "GET /", "100/s", 2);
    scenario["flows"][0]["steps"][0]["timeout"] = json!("123ms");
    scenario["slo"] = json!({ "all": ["p50 < 100ms"] });
    let run = Run::of(&scenario);
    assert!(run.all().outcome(Outcome::Timeout) >= 100, "{}", describe(&run.all()));
    let most = quantile(&run.times(0)[Phase::Response], 1.0);
    assert!(most < 123.0 * 1.001, "{most} ms is beyond the limit");
}

/// Requests 20 ms apart, to a server that says that it keeps connections for a second.
#[test]
fn a_keep_alive_of_a_second_is_used() {
    let head = "HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 0\r\n\r\n";
    let server = TruthServer::replying(move |_| vec![raw(head)]);
    let run = Run::of(&scenario(&server, "GET /", "50/s", 3));
    check_only(&run.all(), 150, "# ok");
    let log = server.log();
    let connections: std::collections::HashSet<u64> =
        log.iter().map(|seen| seen.connection).collect();
    assert!(connections.len() < 50, "{} connections for 150 requests", connections.len());
}

/// The server serves one connection at a time, and waits for a request on it: one that was
/// opened ahead of need would stop it.
#[test]
fn at_a_low_rate_and_in_a_pause_no_connection_waits_unused() {
    let server = TruthServer::replying(|_| vec![raw(CLOSING), Act::Close]);
    let mut scenario = scenario(&server, "GET /", "10/s", 1);
    scenario["load"]["stages"] = json!([
        { "for": "1s", "rate": "10/s" }, { "for": "1s", "rate": "300/s" },
        { "for": "2s", "pause": true }, { "for": "1s", "rate": "10/s" }
    ]);
    let run = Run::of(&scenario);
    check_only(&run.all(), 320, "# ok");
    let open: Vec<u64> = run.record.generator.iter().map(|second| second.connections).collect();
    // At the ends of seconds without much load; the one with much is number 1.
    assert_eq!((open[0], &open[2..4]), (0, &[0, 0][..]), "{open:?}");
}

const CLOSING: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

#[test]
fn one_connection_is_one_whatever_the_number_of_workers() {
    let server = TruthServer::replying(|_| response(200, "x"));
    let mut scenario = scenario(&server, "GET /", "40/s", 2);
    scenario["limits"] = json!({ "workers": 4, "connections": 1 });
    check_only(&Run::of(&scenario).all(), 80, "# ok");
    let log = server.log();
    let first = log[0].connection;
    assert!(log.iter().all(|seen| seen.connection == first), "a second connection was opened");
}

/// Far more than any machine does; the schedule ends when it ends.
#[test]
fn a_generator_that_is_too_late_ends_at_its_time_and_blames_itself() {
    let server = TruthServer::replying(|_| response(200, "x"));
    let begun = std::time::Instant::now();
    let run = Run::of(&scenario(&server, "GET /", "240000/s", 2));
    let took = begun.elapsed();
    let counts = run.all();
    // How much of it meets the ceiling on requests in flight before is the machine's affair.
    let unsent = counts.cause(Cause::Late) + counts.cause(Cause::InFlightLimit);
    assert!(unsent > 100_000, "{}", describe(&counts));
    check_count(counts.planned, 480_000);
    assert_eq!(run.code, 6, "{}", run.stdout);
    // 2 s, a second of grace, and the drain; all of them sent would have taken 20 s at least.
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_target_that_refuses_further_connections_is_told() {
    let behaviour = Behaviour {
        // The readiness check and ten requests.
        accept_at_most: Some(11),
        ..Behaviour::replying(|_| vec![raw(plain(200, "x")), Act::Close])
    };
    let server = TruthServer::start(behaviour);
    let run = Run::of(&scenario(&server, "GET /", "50/s", 2));
    let counts = run.all();
    let failed = counts.outcome(Outcome::TransportError);
    assert_eq!(counts.outcome(Outcome::Ok) + failed, counts.planned);
    check_count(counts.planned, 100);
    assert!(counts.outcome(Outcome::Ok) <= 10, "{}", describe(&counts));
    // One may have been in the backlog when the listener closed.
    assert!(counts.cause(Cause::Refused) >= 86, "{}", describe(&counts));
    assert_eq!(run.code, 3, "{}", run.stdout);
}

#[test]
fn the_victims_of_a_freeze_are_all_counted_in_the_second_in_which_they_were_due() {
    best_of_three(|| {
        // Frozen from 2.2 to 3.2 s: who is due between 2.2 and 2.7 waits for 0.5 s or longer.
        let behaviour = Behaviour {
            freeze: Some((Duration::from_millis(2_200), Duration::from_secs(1))),
            ..Behaviour::replying(|_| response(200, "hello"))
        };
        let server = TruthServer::start(behaviour);
        let mut scenario = scenario(&server, "GET /", "300/s", 6);
        scenario["slo"] = json!({ "all": ["p99 < 500ms"] });
        let run = Run::of(&scenario);
        let counts = run.all();
        check_only(&counts, 1_800, "# ok");
        within("slower than 500 ms", counts.slower[0] as f64, 135.0, 165.0)?;
        let in_second = run.record.seconds.get(2).unwrap().counts()[0].slower[0];
        within("charged to second 2", in_second as f64, 135.0, 165.0)?;
        // 8.3 % of the requests were slow. A tool that waits for answers sees a handful.
        let times = run.times(0);
        within("p95", quantile(&times[Phase::Response], 0.95), 640.0, 760.0)?;
        // One event in five seconds is no pass; whether it is a miss is for analysis.
        assert_ne!(run.code, 0, "{}", run.stdout);
        Ok(())
    });
}

#[test]
fn delays_come_back_as_the_server_had_them() {
    best_of_three(|| {
        let server = TruthServer::replying(|request| {
            after(log_normal(Duration::from_millis(20), 0.5, request.number), response(200, "x"))
        });
        let mut scenario = scenario(&server, "GET /", "200/s", 5);
        scenario["load"]["arrivals"] = json!("poisson");
        let run = Run::of(&scenario);
        let mut truth: Vec<f64> = server
            .log()
            .iter()
            .map(|seen| (seen.replied.unwrap() - seen.arrived) as f64 / 1e6)
            .collect();
        truth.sort_unstable_by(f64::total_cmp);
        assert_eq!(truth.len() as u64, run.all().planned);
        let times = run.times(0);
        let mut verdict = Ok(());
        for share in [0.5, 0.95, 0.99] {
            let rank = (share * truth.len() as f64).ceil() as usize - 1;
            let (low, measured) = (truth[rank], quantile(&times[Phase::Response], share));
            // Whatever the noise, it cannot be faster than the server. One rank and the
            // width of a bucket for the ends of the two definitions.
            assert!(measured >= truth[rank - 1] * 0.998, "p{share}: {measured} below {low}");
            let high = low + (low * 0.2).max(3.0);
            verdict = verdict.and(within(&format!("quantile {share}"), measured, 0.0, high));
        }
        verdict
    });
}

#[test]
fn who_thinks_goes_on_when_it_was_planned() {
    best_of_three(|| {
        let server = TruthServer::replying(|_| response(200, "x"));
        let mut scenario = scenario(&server, "GET /first?{{iteration}}", "40/s", 3);
        let second = json!({ "name": "second", "request": "GET /second?{{iteration}}" });
        let steps = scenario["flows"][0]["steps"].as_array_mut().unwrap();
        steps.extend([json!({ "think": "150ms" }), second]);
        let run = Run::of(&scenario);
        check_gaps(&server, Duration::from_millis(150));
        // The thinking is no response time, and its end is met as well as an arrival is: a
        // timer that rounds up to the next millisecond is late by one half, or more.
        let (first, second) = (run.times(0), run.times(1));
        within("response time", quantile(&second[Phase::Response], 0.5), 0.0, 75.0)?;
        let usual = quantile(&first[Phase::SendLag], 0.5);
        within("send lag after thinking", quantile(&second[Phase::SendLag], 0.5), 0.0, usual * 1.5)
    });
}

/// Nobody's second request comes earlier than the thinking allows.
#[track_caller]
fn check_gaps(server: &TruthServer, think: Duration) {
    let log = server.log();
    let mut pairs = 0;
    for first in log.iter().filter(|seen| seen.request.path().starts_with("/first")) {
        let wanted = first.request.path().replace("first", "second");
        let Some(second) = log.iter().find(|seen| seen.request.path() == wanted) else { continue };
        pairs += 1;
        let gap = Duration::from_nanos(second.arrived - first.replied.unwrap());
        assert!(gap >= think, "{gap:?}");
    }
    // Who would still think at the end of the schedule does not go on: 150 ms at 40/s.
    assert!((110..=116).contains(&pairs), "{pairs}");
}

#[test]
fn a_step_done_once_is_done_once_by_each_user() {
    let server = TruthServer::replying(|_| after(Duration::from_millis(100), response(200, "{}")));
    let mut scenario = scenario(&server, "GET /work?{{user}}", "30/s", 2);
    let login = json!({ "name": "log in", "once": true, "request": "GET /login?{{user}}" });
    scenario["flows"][0]["steps"].as_array_mut().unwrap().insert(0, login);
    let run = Run::of(&scenario);
    let of = |path: &str| -> Vec<String> {
        let log = server.log();
        let all = log.iter().filter_map(|seen| seen.request.path().strip_prefix(path));
        all.map(str::to_owned).collect()
    };
    let (mut logins, mut users) = (of("/login?"), of("/work?"));
    let count = logins.len();
    for list in [&mut logins, &mut users] {
        list.sort_unstable();
        list.dedup();
    }
    assert_eq!(logins.len(), count, "a user logged in twice");
    assert_eq!(logins, users, "a user worked without having logged in");
    assert!((4..30).contains(&count), "{count} users");
    assert_eq!(run.counts(run.step("log in")).planned, count as u64);
}

#[test]
fn values_feed_the_next_request_and_a_missing_one_ends_the_iteration() {
    let server = TruthServer::replying(|request| match request.path() {
        "/orders" if request.number % 4 == 3 => response(200, r#"{"items": []}"#),
        "/orders" => response(200, &format!(r#"{{"items": [{{"id": {}}}]}}"#, request.number)),
        _ => response(200, "{}"),
    });
    let mut scenario = scenario(&server, "GET /orders", "50/s", 2);
    scenario["flows"][0]["steps"] = json!([
        { "name": "list", "request": "GET /orders", "extract": { "order": "$.items[0].id" } },
        { "name": "show", "request": "GET /orders/{{order}}" },
        { "name": "pay", "request": "POST /pay", "json": { "order": "{{order}}" } }
    ]);
    let run = Run::of(&scenario);
    let (list, show, pay) = (run.counts(0), run.counts(1), run.counts(2));
    let missing = list.outcome(Outcome::CheckFailed);
    assert!(missing > 0, "{}", describe(&list));
    assert_eq!(list.cause(Cause::ExtractionMissing), missing);
    // Iterations that the end of the schedule cut off are not continued either.
    let went_on = list.outcome(Outcome::Ok);
    assert!(show.planned <= went_on && show.planned + 3 >= went_on);
    assert_eq!(show.outcome(Outcome::Ok), show.planned);
    let end = run.record.end.as_ref().unwrap();
    check_count(end.iterations, 100);
    assert_eq!(end.iterations_completed, pay.outcome(Outcome::Ok));
    let log = server.log();
    for seen in log.iter().filter(|seen| seen.request.path() == "/pay") {
        let body: Value = serde_json::from_slice(&seen.request.body).unwrap();
        let shown = format!("/orders/{}", body["order"].as_u64().expect("a number stays one"));
        assert!(log.iter().any(|seen| seen.request.path() == shown), "{shown}");
    }
}

#[test]
fn what_the_target_says_cannot_write_headers_or_requests_of_its_own() {
    let server = TruthServer::replying(|_| {
        let evil = json!({ "evil": "a\r\nx-evil: 1\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n" });
        response(200, &evil.to_string())
    });
    let mut scenario = scenario(&server, "GET /", "20/s", 1);
    scenario["flows"][0]["steps"] = json!([
        { "name": "get", "request": "GET /", "extract": { "evil": "$.evil" } },
        { "name": "use", "request": "POST /use/{{evil}}?q={{evil}}",
          "headers": { "x-value": "{{evil}}" }, "form": { "field": "{{evil}}" } }
    ]);
    let run = Run::of(&scenario);
    let uses = run.counts(1);
    assert!(uses.planned >= 18 && uses.outcome(Outcome::Ok) == uses.planned, "{}", describe(&uses));
    let log = server.log();
    assert_eq!(log.len() as u64, run.all().planned, "a request was smuggled");
    for seen in &log {
        assert!(seen.request.header("x-evil").is_none(), "{}", seen.request.head);
        assert!(["GET", "POST"].contains(&seen.request.method()), "{}", seen.request.head);
        // What is harmless of it arrives.
        let value = seen.request.header("x-value");
        let expected =
            (seen.request.method() == "POST").then_some("ax-evil: 1GET /smuggled HTTP/1.1");
        assert_eq!(value, expected);
    }
}

#[test]
fn redirects_are_not_followed() {
    let elsewhere = TruthServer::replying(|_| response(200, "elsewhere"));
    let location = elsewhere.url();
    let server = TruthServer::replying(move |request| {
        let status = [301, 302, 303, 307, 308][request.number as usize % 5];
        let head =
            format!("HTTP/1.1 {status} x\r\nlocation: {location}/\r\ncontent-length: 0\r\n\r\n");
        vec![raw(head)]
    });
    let run = Run::of(&scenario(&server, "GET /", "50/s", 2));
    check_only(&run.all(), 100, "# ok");
    assert_eq!(server.log().len() as u64, run.all().planned);
    assert!(elsewhere.log().is_empty(), "a redirect was followed");
    // And where a 200 is expected, one is not as expected.
    let mut strict = scenario(&server, "GET /", "19/s", 1);
    strict["flows"][0]["steps"][0]["check"] = json!({ "status": 200 });
    let counts = Run::of(&strict).all();
    assert_eq!(counts.outcome(Outcome::CheckFailed), counts.cause(Cause::UnexpectedStatus));
    check_count(counts.outcome(Outcome::CheckFailed), 19);
}

#[test]
fn the_same_seed_gives_the_same_arrivals_whatever_the_number_of_workers() {
    let server = TruthServer::replying(|_| response(200, "x"));
    let run = |arrivals: &str, seed: u64, workers: u16| {
        let mut scenario = one_flow_each(&server, &["GET /a", "GET /b"], "100/s", 2);
        scenario["flows"][0]["weight"] = json!(3);
        scenario["load"]["arrivals"] = json!(arrivals);
        scenario["load"]["seed"] = json!(seed);
        scenario["limits"] = json!({ "workers": workers });
        let run = Run::of(&scenario);
        assert_eq!(u64::from(run.record.head.environment().workers), u64::from(workers));
        let planned = run.record.seconds.iter().flat_map(|found| {
            let of = |(step, counts): (usize, &StepCounts)| (found.second(), step, counts.planned);
            found.counts().iter().enumerate().map(of).collect::<Vec<_>>()
        });
        (run.planned(), planned.collect::<Vec<_>>())
    };
    let plans = [
        ("poisson", 7, 1),
        ("poisson", 7, 2),
        ("poisson", 8, 1),
        ("uniform", 7, 1),
        ("uniform", 7, 3),
    ];
    let [poisson, shared, other, uniform, uniform_shared] = thread::scope(|scope| {
        let run = &run;
        plans
            .map(|(arrivals, seed, workers)| scope.spawn(move || run(arrivals, seed, workers)))
            .map(|running| running.join().unwrap())
    });
    assert_eq!(shared, poisson);
    assert_eq!(uniform_shared, uniform);
    assert_ne!(other, poisson);
    assert_ne!(uniform.0, poisson.0);
}

#[test]
fn the_last_arrivals_of_a_schedule_are_not_lost() {
    let server = TruthServer::replying(|_| response(200, "x"));
    let plans = [("100/s", 1, 100), ("30/s", 2, 60), ("1/s", 3, 3)];
    let planned = thread::scope(|scope| {
        let server = &server;
        let run = |rate, seconds| Run::of(&scenario(server, "GET /", rate, seconds)).all().planned;
        plans
            .map(|(rate, seconds, _)| scope.spawn(move || run(rate, seconds)))
            .map(|running| running.join().unwrap())
    });
    assert_eq!(planned, plans.map(|(_, _, arrivals)| arrivals));
}

#[test]
fn a_ramp_follows_its_area_and_a_pause_is_one() {
    let server = TruthServer::replying(|_| response(200, "x"));
    let mut scenario = scenario(&server, "GET /", "1/s", 1);
    scenario["load"]["stages"] = json!([
        { "for": "2s", "rate": "0/s -> 200/s" },
        { "for": "1s", "pause": true },
        { "for": "2s", "rate": "200/s -> 100/s" }
    ]);
    let run = Run::of(&scenario);
    let planned = run.planned();
    // Under the rate: 50, 150, nothing, 175, 125; what falls on a border belongs to one side.
    for (second, area) in [50, 150, 0, 175, 125].into_iter().enumerate() {
        assert!(planned[second].abs_diff(area) <= 1, "second {second}: {planned:?}");
    }
    check_count(planned.iter().sum(), 500);
    assert_eq!(planned[2], 0, "{planned:?}");
    // And they came when they were due, not all at once.
    let log = server.log();
    let start = log[0].arrived;
    let second_of = |arrived: u64| (arrived - start + 100_000_000) / 1_000_000_000;
    let late = log.iter().filter(|seen| second_of(seen.arrived) >= 3).count();
    assert!((280..=310).contains(&late), "{late} after the pause");
}
