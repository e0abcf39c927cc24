//! What an iteration does besides one request after the other, end to end: how it goes on after
//! a failure, cookies, redirects, logins, what is
//! done once. Against Node's servers, in HTTP/1.1, in HTTP/2 and by TLS.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::process::Output;
use std::time::Duration;

use loadgate::record::outcome::{Cause, Outcome};
use loadgate::record::run::RunRecord;
use loadgate::record::store;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::node_server::NodeServer;
use crate::support;
use crate::tls::Certificates;
use crate::truth_server::{TruthServer, after, raw};

/// A server in one of the ways in which it is spoken to.
pub(crate) struct Target {
    server: NodeServer,
    written: Value,
    folder: TempDir,
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
        Target { server, written: target, folder, _certificates: certificates }
    }

    /// A scenario of one flow at 20/s for two seconds.
    pub(crate) fn scenario(&self, steps: &Value, more: &Value) -> Value {
        let mut all = json!({
            "name": "flow",
            "target": self.written,
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
        { "name": "leak", "request": "GET /leak", "on_failure": "continue" },
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
fn redirects_are_followed_within_the_time_of_the_step_and_told() {
    let steps = json!([
        { "name": "hops", "request": "GET /hop?3", "redirects": 3,
          "check": { "json": { "$.done": true, "$.hop": "1" } } },
        { "name": "see other", "request": "POST /to?303,/echo%3Fa=b", "json": { "n": "{{iteration}}" },
          "redirects": 1, "check": { "json": { "$.method": "GET", "$.body": "", "$.type": null } } },
        { "name": "again", "request": "POST /to?307,HOST/echo", "json": { "n": "{{uuid}}" },
          "redirects": 1, "check": { "json": { "$.method": "POST", "$.type": "application/json",
                                               "$.body": { "matches": "n.*-.*-" } } } },
        { "name": "plain", "request": "GET /to?302,/echo", "check": { "status": 302 } },
    ]);
    for way in WAYS {
        let target = Target::start(way, &[]);
        let played = play(&target.scenario(&steps, &json!({ "cookies": true })), "run", &[]);
        support::ends_with(&played.output, 0);
        let record = played.record();
        for step in 0..4 {
            assert_eq!(ended(&record, step, Outcome::Ok), 40, "{way}, {step}: {}", played.said());
            let sent: u64 = record.seconds.iter().map(|it| it.counts()[step].sent).sum();
            assert_eq!(sent, 40, "{way}: one request, one outcome");
        }
        assert!(played.said().contains("redirects followed, each p50"), "{way}: {}", played.said());
    }
}

#[test]
fn redirects_that_lead_nowhere_are_failures_and_nobody_else_is_asked() {
    let elsewhere = Target::start("http", &[]);
    let target = Target::start("http", &[]);
    let other = elsewhere.server.port;
    for (path, cause, said) in [
        ("/to?302,/to%3F302,/".to_owned(), None, ""),
        ("/hop?4".to_owned(), Some(Cause::TooManyRedirects), "more redirects than are followed"),
        (
            format!("/to?302,http://127.0.0.1:{other}/"),
            Some(Cause::RedirectElsewhere),
            "redirect to another server",
        ),
        (
            format!("/to?307,http://localhost:{}/", target.server.port),
            Some(Cause::RedirectElsewhere),
            "redirect to another server",
        ),
        ("/nowhere".to_owned(), Some(Cause::BadRedirect), "redirect without a usable location"),
    ] {
        let steps = json!([{ "name": "a", "request": format!("GET {path}"), "redirects": 3 }]);
        let played = play(&target.scenario(&steps, &json!({})), "run", &["--no-walk"]);
        let record = played.record();
        if let Some(cause) = cause {
            assert!(because(&record, 0, cause) > 0, "{path}: {}", played.said());
            assert_eq!(ended(&record, 0, Outcome::Ok), 0, "{path}");
            assert_ne!(played.output.status.code(), Some(0), "{path}");
        } else {
            support::ends_with(&played.output, 0);
        }
        assert!(played.said().contains(said), "{path}: {}", played.said());
    }
    assert_eq!(elsewhere.server.count("request"), 0);
}

#[test]
fn a_chain_of_redirects_ends_at_the_time_limit_of_its_step() {
    let server = TruthServer::replying(|_| {
        let bytes = b"HTTP/1.1 302 Found\r\nlocation: /on\r\ncontent-length: 0\r\n\r\n";
        after(Duration::from_millis(60), vec![raw(bytes)])
    });
    let scenario = json!({
        "name": "flow", "target": { "url": server.url() },
        "flows": [{ "name": "f", "steps": [
            { "name": "a", "request": "GET /", "redirects": 50, "timeout": "200ms" }] }],
        "load": { "arrivals": "uniform", "stages": [{ "for": "2s", "rate": "5/s" }] },
        "slo": { "all": ["p50 < 100ms"] },
    });
    let played = play(&scenario, "run", &["--no-walk"]);
    let record = played.record();
    assert!(ended(&record, 0, Outcome::Timeout) > 0, "{}", played.said());
    let others = [Outcome::Ok, Outcome::CheckFailed, Outcome::TransportError];
    assert!(others.into_iter().all(|outcome| ended(&record, 0, outcome) == 0));
}

/// A login, and a step that needs it, of one user who asks every 50 ms.
fn behind_a_login(target: &Target, refresh: &Value, path: &str) -> Value {
    let mut login = json!({ "name": "login", "once": true, "request": "POST /login",
                            "extract": { "token": "$.token", "ttl": "$.ttl" } });
    if !refresh.is_null() {
        login["refresh"] = refresh.clone();
    }
    let steps = json!([login, { "name": "api", "request": path }, { "think": "50ms" }]);
    let mut all = target.scenario(
        &steps,
        &json!({
            "load": { "stages": [{ "for": "3s", "users": 2 }] },
        }),
    );
    all["flows"][0]["auth"] = json!({ "bearer": "{{token}}" });
    all
}

#[test]
fn a_login_is_done_anew_before_it_expires() {
    for way in ["http", "h2"] {
        let target = Target::start(way, &[("TTL", "600")]);
        let scenario = behind_a_login(
            &target,
            &json!({ "expires_in": "{{ttl}}", "before": "150ms" }),
            "GET /api",
        );
        let played = play(&scenario, "run", &[]);
        support::ends_with(&played.output, 0);
        let record = played.record();
        let logins = ended(&record, 0, Outcome::Ok);
        assert!((10..=14).contains(&logins), "{way}: two users, about every 450 ms: {logins}");
        assert_eq!(ended(&record, 1, Outcome::ClientError), 0, "{way}");
        assert!(ended(&record, 1, Outcome::Ok) > 80, "{way}: {}", played.said());
        assert!(!played.everything().contains("secrettoken"), "{way}");
    }
}

#[test]
fn on_401_a_login_is_done_anew_and_the_step_asked_once_more_and_the_401_is_told() {
    let target = Target::start("http", &[("TTL", "600")]);
    let played = play(&behind_a_login(&target, &json!({}), "GET /api"), "run", &[]);
    let record = played.record();
    let (logins, refused) =
        (ended(&record, 0, Outcome::Ok), because(&record, 1, Cause::TokenRefused));
    assert!((8..=10).contains(&logins), "{logins}");
    assert_eq!(refused, logins - 2, "each but a user's first follows a 401");
    assert_eq!(ended(&record, 1, Outcome::ClientError), refused, "{}", played.said());
    assert_eq!(target.server.count_of("GET /api") as u64, tried(&record, 1));
    assert!(played.said().contains("login no longer valid"), "{}", played.said());
    assert!(!played.everything().contains("secrettoken"));
    // Without a refresh the user never recovers, and a second 401 ends the iteration.
    let never = play(&behind_a_login(&target, &Value::Null, "GET /api"), "run", &["--no-walk"]);
    assert!(ended(&never.record(), 1, Outcome::ClientError) > 40, "{}", never.said());
    let twice =
        play(&behind_a_login(&target, &json!({}), "GET /never"), "run", &["--no-walk"]).record();
    let (all, first) =
        (ended(&twice, 1, Outcome::ClientError), because(&twice, 1, Cause::TokenRefused));
    assert!(first > 0 && (all == 2 * first || all + 2 >= 2 * first), "{all} of {first}");
    assert_eq!(ended(&twice, 0, Outcome::Ok), first + 2);
}

/// How often a step was asked, walks and all.
fn tried(record: &RunRecord, step: usize) -> u64 {
    // The walk before the load asked once.
    record.seconds.iter().map(|second| second.counts()[step].sent).sum::<u64>() + 1
}

#[test]
fn credentials_are_sent_and_shown_nowhere() {
    let target = Target::start("http", &[]);
    let basic = json!({ "basic": { "user": "ann", "password": "${SECRET_OF_TEST}" } });
    let filled = json!({ "basic": { "user": "{{name}}", "password": "${SECRET_OF_TEST}" } });
    let steps = json!([
        { "name": "a", "request": "GET /basic", "auth": basic },
        { "name": "b", "request": "GET /x", "extract": { "name": "$.id" } },
        { "name": "c", "request": "GET /basic", "auth": filled, "check": { "status": 401 } },
        { "name": "d", "request": "GET /basic", "auth": { "bearer": "${SECRET_OF_TEST}" }, "check": { "status": 401 } },
    ]);
    let scenario = target.scenario(&steps, &json!({}));
    let played = play(&scenario, "run", &[]);
    support::ends_with(&played.output, 0);
    let walked = play(&scenario, "check", &["--once"]).said();
    let curl = play(&scenario, "check", &["--once", "--curl"]).said();
    for secret in ["pass:w0rd", "YW5uOnBhc3M6dzByZA"] {
        for text in [&played.everything(), &walked, &curl] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}

#[test]
fn setup_and_teardown_are_done_once_and_are_in_no_figure() {
    for way in ["http", "h2"] {
        let target = Target::start(way, &[]);
        let steps = json!([{ "name": "a", "request": "GET /of/{{tenant}}" }]);
        let around = json!({
            "setup": [{ "name": "make", "request": "POST /session" },
                      { "name": "ask", "request": "GET /fresh", "extract": { "tenant": "$.id" } }],
            "teardown": [{ "name": "remove", "request": "DELETE /of/{{tenant}}" }],
        });
        let scenario = target.scenario(&steps, &around);
        let played = play(&scenario, "run", &[]);
        support::ends_with(&played.output, 0);
        let record = played.record();
        assert_eq!(record.head.steps.len(), 1, "{way}");
        assert_eq!(ended(&record, 0, Outcome::Ok), 40, "{way}");
        let once = |text: &str| target.server.count_of(text);
        assert_eq!(
            [once("POST /session"), once("GET /fresh"), once("DELETE /of/i1")],
            [1; 3],
            "{way}"
        );
        assert_eq!(once("GET /of/i1"), 41, "{way}: the walk before the load knows it too");
        let walked = play(&scenario, "check", &["--once"]);
        support::ends_with(&walked.output, 0);
        assert!(walked.said().contains("DELETE /of/i2"), "{way}: {}", walked.said());
    }
}

#[test]
fn a_setup_that_fails_ends_the_run_before_its_load_and_a_teardown_is_told() {
    let target = Target::start("http", &[]);
    let steps = json!([{ "name": "a", "request": "GET /loaded" }]);
    let failing = json!([{ "name": "make", "request": "POST /fail" }]);
    let setup = target.scenario(&steps, &json!({ "setup": failing }));
    let played = play(&setup, "run", &[]);
    support::ends_with(&played.output, 7);
    assert!(played.said().contains("\"setup\" failed"), "{}", played.said());
    assert_eq!(target.server.count_of("/loaded"), 0, "nothing was sent");
    let walked = play(&setup, "check", &["--once"]);
    assert_ne!(walked.output.status.code(), Some(0), "{}", walked.said());
    let teardown = target.scenario(&steps, &json!({ "teardown": failing }));
    let played = play(&teardown, "run", &[]);
    support::ends_with(&played.output, 0);
    assert!(played.said().contains("\"teardown\" failed"), "{}", played.said());
}

/// `DELETE /of/` of a tenant whose name is not known would be of all of them.
#[test]
fn what_a_setup_did_not_find_is_filled_in_nowhere() {
    let target = Target::start("http", &[]);
    let steps = json!([{ "name": "a", "request": "GET /of/{{tenant}}" }]);
    let teardown = json!([{ "name": "remove", "request": "DELETE /of/{{tenant}}" }]);
    let extract = json!({ "tenant": "$.id" });
    for (asked, condition) in [("POST /fail", None), ("GET /fresh", Some("never"))] {
        let mut ask = json!({ "name": "ask", "request": asked, "extract": extract });
        match condition {
            Some(never) => ask["if"] = json!({ "{{$uuid}}": never }),
            None => ask["on_failure"] = json!("continue"),
        }
        let setup = json!([ask, { "name": "other", "request": "GET /other" }]);
        let around = json!({ "setup": setup, "teardown": teardown });
        for arguments in [&[][..], &["--no-walk"][..]] {
            let played = play(&target.scenario(&steps, &around), "run", arguments);
            assert_ne!(played.output.status.code(), Some(0), "{asked}: {}", played.said());
        }
    }
    assert!(target.server.count_of("GET /other") > 0);
    assert_eq!([target.server.count_of("GET /of/"), target.server.count_of("DELETE /of/")], [0; 2]);
}

#[test]
fn a_load_that_is_interrupted_is_cleaned_up_after() {
    let target = Target::start("http", &[]);
    let steps = json!([{ "name": "a", "request": "GET /loaded" }]);
    let scenario = target.scenario(
        &steps,
        &json!({
            "teardown": [{ "name": "remove", "request": "DELETE /slow" },
                      { "name": "last", "request": "DELETE /all" }],
            "load": { "stages": [{ "for": "60s", "rate": "20/s" }] },
        }),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flow.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let mut child = support::loadgate()
        .arg("run")
        .arg(&file)
        .arg("-q")
        .arg("-o")
        .arg(folder.path().join("out"))
        .spawn()
        .unwrap();
    support::eventually("the load has begun", || target.server.count_of("/loaded") > 5);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(support::wait(&mut child).code(), Some(130));
    assert_eq!(target.server.count_of("DELETE /all"), 1);
}

/// A flow with everything that decides which step is next.
fn branching() -> Value {
    json!([
        { "choose": [
            { "weight": 3, "steps": [{ "name": "a", "request": "GET /a/{{random 1..9}}" }] },
            { "steps": [{ "name": "b", "request": "GET /b" }, { "think": "1ms..5ms" }] },
        ] },
        { "repeat": "1..3", "steps": [{ "name": "r", "request": "GET /r/{{random 1..9}}" }] },
        { "name": "even", "request": "GET /even", "if": { "{{iteration}}": { "matches": "[02468]$" } },
          "else": [{ "name": "odd", "request": "GET /odd" }] },
        { "name": "twice", "request": "GET /twice", "repeat": 2 },
    ])
}

/// What a server was asked, in no order.
fn asked(target: &Target) -> Vec<String> {
    let log = fs::read_to_string(target.folder.path().join("server.log")).unwrap();
    let mut lines: Vec<String> = log.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn steps_are_chosen_repeated_and_left_out_the_same_way_whatever_the_number_of_workers() {
    let mut first = None;
    for (way, workers) in [("http", 1), ("http", 2), ("http", 3), ("h2c", 1)] {
        let target = Target::start(way, &[]);
        let more = json!({ "limits": { "workers": workers } });
        let played = play(&target.scenario(&branching(), &more), "run", &["--no-walk"]);
        support::ends_with(&played.output, 0);
        let record = played.record();
        let counts: Vec<u64> = (0..6).map(|step| ended(&record, step, Outcome::Ok)).collect();
        let [a, b, r, even, odd, twice] = counts[..] else { panic!("{counts:?}") };
        assert_eq!([a + b, even, odd, twice], [40, 20, 20, 80], "{counts:?}");
        assert!((20..40).contains(&a) && (50..110).contains(&r), "{counts:?}");
        let asked =
            asked(&target).iter().map(|it| it.replace(" 2.0 ", " 1.1 ")).collect::<Vec<_>>();
        assert_eq!(asked.len() as u64, counts.iter().sum::<u64>());
        assert_eq!(first.get_or_insert_with(|| asked.clone()), &asked, "{way} {workers}");
    }
}

#[test]
fn a_walk_takes_every_way_and_says_what_was_left_out() {
    let target = Target::start("http", &[]);
    let scenario = target.scenario(&branching(), &json!({}));
    let walked = play(&scenario, "check", &["--once"]);
    support::ends_with(&walked.output, 0);
    let count = |text: &str| target.server.count_of(text);
    assert_eq!([count("/a/"), count("/b"), count("/r/"), count("/odd"), count("/twice")], [1; 5]);
    assert_eq!(count("/even"), 0);
    let said = walked.said();
    assert!(said.contains("even (GET /even): left out, as its condition did not hold"), "{said}");
    let plan = play(&scenario, "check", &[]).said();
    for expected in
        ["a                                       30", "twice                                   80"]
    {
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed(&plan).contains(&squeezed(expected)), "{expected}: {plan}");
    }
}

#[test]
fn conditions_look_at_what_was_extracted_in_this_iteration() {
    let target = Target::start("http", &[]);
    let mut first = odd("first");
    first["extract"] = json!({ "url": "$.url", "none": "$.nothing" });
    first["on_failure"] = json!("continue");
    first["check"]["json"]["$.nothing"] = json!({ "exists": false });
    first["extract"] = json!({ "url": "$.url" });
    let steps = json!([
        first,
        { "name": "there", "request": "GET /there", "if": { "{{url}}": { "exists": true } } },
        { "name": "gone", "request": "GET /gone", "if": { "{{url}}": { "exists": false } } },
        { "name": "is", "request": "GET /is", "if": { "{{url}}": "/{{iteration}}" } },
        { "name": "not", "request": "GET /not", "if": { "{{url}}": { "not": "/x" } } },
        { "name": "never", "request": "GET /never-{{url}}", "if": { "{{url}}": "/x" } },
        { "name": "always", "request": "GET /always" },
    ]);
    let played = play(&target.scenario(&steps, &json!({})), "run", &["--no-walk"]);
    let record = played.record();
    let ok = |step| ended(&record, step, Outcome::Ok);
    assert_eq!(
        [ok(1), ok(2), ok(3), ok(4), ok(5), ok(6)],
        [20, 20, 20, 20, 0, 40],
        "{}",
        played.said()
    );
    assert_ne!(played.output.status.code(), Some(0));
    let said = played.said();
    assert!(said.contains("\"never\" (GET /never-{{url}}) was never tried"), "{said}");
}

#[test]
fn mistakes_of_what_decides_about_steps_are_told() {
    let target = Target::start("http", &[]);
    let steps = json!([
        { "name": "a", "request": "GET /", "else": [{ "think": "1s" }] },
        { "name": "b", "request": "GET /", "repeat": "5..1" },
        { "steps": [{ "request": "GET /c" }], "headers": { "x": "y" } },
        { "name": "d", "request": "GET /", "if": { "{{unknown}}": 1 } },
        { "name": "e", "request": "GET /", "if": { "always": 1 } },
        { "repeat": 5000, "steps": [{ "repeat": 5000, "steps": [{ "name": "f", "request": "GET /f" }] }] },
        { "choose": [{ "steps": [{ "name": "g", "request": "GET /{{late}}" }] }] },
        { "name": "h", "request": "GET /h", "extract": { "late": "$.id" }, "if": { "{{user}}": { "like": 1 } } },
    ]);
    let said = play(&target.scenario(&steps, &json!({})), "check", &[]).said();
    for expected in [
        "\"else\" without \"if\"",
        "a repetition that never happens",
        "\"headers\" means nothing beside \"steps\"",
        "unknown placeholder {{unknown}}",
        "a condition on a text that is always the same",
        "more than 10,000 repetitions",
        "{{late}} is used before a step has extracted it",
        "\"like\"",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let unsure = json!([{ "name": "a", "request": "GET /", "if": { "{{user}}": 1 } }]);
    let said = play(&target.scenario(&unsure, &json!({})), "check", &[]).said();
    assert!(said.contains("a flow in which nothing is sent again and again"), "{said}");
}

#[test]
fn mistakes_of_flows_are_told() {
    let target = Target::start("http", &[]);
    let steps = json!([
        { "name": "a", "request": "GET /", "on_failure": "contine" },
        { "name": "b", "request": "GET /", "headers": { "Cookie": "a=1" } },
        { "think": "1s", "on_failure": "stop" },
        { "name": "c", "request": "GET /", "redirects": 2, "check": { "status": ["2xx", "3xx"] } },
        { "name": "d", "request": "GET /", "redirects": 2, "events": { "count": 1 } },
        { "name": "e", "request": "GET /", "refresh": { "expires_in": "{{ttl}}" }, "extract": { "tll": "$.ttl" } },
        { "name": "f", "request": "GET /", "auth": { "bearer": "x" }, "headers": { "Authorization": "y" } },
        { "name": "g", "request": "GET /", "auth": { "basic": { "user": "a:b", "password": "" } } },
    ]);
    let said = play(&target.scenario(&steps, &json!({ "cookies": true })), "check", &[]).said();
    for expected in [
        "did you mean \"continue\"?",
        "a \"cookie\" of its own beside those that the user keeps",
        "\"on_failure\" means nothing beside \"think\"",
        "301 is expected and followed at once",
        "\"refresh\" of a step that is done in each iteration",
        "did you mean \"tll\"?",
        "\"auth\" beside the header \"authorization\"",
        "a name with a colon, which would end it",
        "\"redirects\" means nothing beside \"events\"",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
