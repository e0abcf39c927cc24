//! Closed loads against real servers: users who wait for answers, what a slow or broken target
//! makes of them, and what the report says of it.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::HashMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{self, ends_with, finish, stderr, stdout};
use crate::truth_server::{Act, Behaviour, TruthServer, response};

/// What became of one run.
struct Ended {
    folder: TempDir,
    output: Output,
    summary: Value,
}

impl Ended {
    fn code(&self) -> i32 {
        self.output.status.code().unwrap()
    }

    fn count(&self, what: &str) -> u64 {
        self.summary["total"]["counts"][what].as_u64().unwrap()
    }

    fn finding(&self, kind: &str) -> Option<&Value> {
        self.summary["findings"].as_array().unwrap().iter().find(|it| it["kind"] == kind)
    }

    fn file(&self, name: &str) -> String {
        let run = support::latest(&self.folder.path().join("out"), "closed");
        fs::read_to_string(run.join(name)).unwrap()
    }
}

fn scenario(url: &str, steps: &Value, users: &Value, seconds: u32) -> Value {
    json!({
        "name": "closed",
        "target": { "url": url },
        "flows": [{ "name": "f", "steps": steps }],
        "load": { "stages": [
            { "for": "1s", "users": users, "warmup": true },
            { "for": format!("{seconds}s"), "users": users }
        ] },
    })
}

fn write(folder: &Path, scenario: &Value) -> std::path::PathBuf {
    let file = folder.join("closed.json");
    fs::write(&file, scenario.to_string()).unwrap();
    file
}

fn run(scenario: &Value) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), scenario);
    let mut command = support::loadgate();
    command.arg("run").arg(file).arg("-o").arg(folder.path().join("out"));
    let output = finish(&mut command);
    let run = support::latest(&folder.path().join("out"), "closed");
    assert!(run.join("summary.json").exists(), "{}", stderr(&output));
    Ended { output, summary: support::summary(&run), folder }
}

/// An answer after so many milliseconds.
fn after(millis: u64) -> Vec<Act> {
    crate::truth_server::after(Duration::from_millis(millis), response(200, "{}"))
}

fn get() -> Value {
    json!([{ "name": "get", "request": "GET /{{user}}" }])
}

#[test]
fn each_user_has_one_request_under_way_and_every_format_says_what_that_hides() {
    let server = TruthServer::replying(|_| after(20));
    let mut wanted = scenario(&server.url(), &get(), &json!(8), 3);
    wanted["slo"] = json!({ "all": ["p95 < 500ms", "error_rate < 5%"] });
    let ended = run(&wanted);
    ends_with(&ended.output, 0);
    // Eight users at 20 ms a round and a little more.
    let rate = ended.count("planned") as f64 / 3.0;
    assert!((200.0..=400.0).contains(&rate), "{rate}/s");
    let mut last: HashMap<String, u64> = HashMap::new();
    let mut log = server.log();
    log.sort_by_key(|seen| seen.arrived);
    for seen in log.iter().filter(|seen| seen.replied.is_some()) {
        let path = seen.request.path().to_owned();
        if let Some(replied) = last.insert(path.clone(), seen.replied.unwrap()) {
            assert!(seen.arrived >= replied, "{path}: two at once");
        }
    }
    let users: Vec<String> = (1..=8).map(|user| format!("/{user}")).collect();
    assert!(users.iter().all(|path| last.contains_key(path)), "{last:?}");
    let said = "8 users waited for each answer before asking again";
    assert!(stdout(&ended.output).contains(said), "{}", stdout(&ended.output));
    for file in ["summary.json", "summary.md", "report.html", "junit.xml"] {
        assert!(ended.file(file).contains(said), "{file} says nothing of it");
    }
}

#[test]
fn a_target_that_stands_still_does_not_pass_because_nobody_came_meanwhile() {
    let freeze = Some((Duration::from_secs(4), Duration::from_secs(2)));
    let server = TruthServer::start(Behaviour { freeze, ..Behaviour::replying(|_| after(2)) });
    let mut wanted = scenario(&server.url(), &get(), &json!(4), 12);
    wanted["slo"] = json!({ "all": ["p99 < 400ms", "error_rate < 5%"] });
    let ended = run(&wanted);
    ends_with(&ended.output, 5);
    let fell = ended.finding("load_fell").unwrap_or_else(|| panic!("{}", stdout(&ended.output)));
    assert_eq!(fell["severity"], "withholds");
    assert!(
        ended.summary["slos"][0]["status"] == "met",
        "by what was sent: {}",
        ended.summary["slos"]
    );
    let reason = ended.summary["reasons"][0].as_str().unwrap();
    assert!(reason.contains("the load fell while users waited"), "{reason}");
    // The same requests judged again say the same.
    let run = support::latest(&ended.folder.path().join("out"), "closed");
    let again = support::run(&[
        "report",
        run.to_str().unwrap(),
        "-o",
        ended.folder.path().join("again").to_str().unwrap(),
    ]);
    ends_with(&again, 5);
}

#[test]
fn a_target_that_hangs_is_missed_with_a_request_of_each_user_in_a_time_limit() {
    let server = TruthServer::replying(|request| {
        if request.number < 3 {
            response(200, "{}")
        } else {
            vec![Act::Wait(Duration::from_secs(60))]
        }
    });
    let steps = json!([{ "name": "get", "request": "GET /", "timeout": "1s" }]);
    let mut wanted = scenario(&server.url(), &steps, &json!(16), 4);
    wanted["slo"] = json!({ "all": ["p50 < 200ms"] });
    let ended = run(&wanted);
    ends_with(&ended.output, 3);
    // Four rounds of a second, and perhaps one more.
    assert!((48..=80).contains(&ended.count("planned")), "{}", ended.summary["total"]["counts"]);
}

#[test]
fn who_hangs_until_after_the_end_is_waited_for_and_counts() {
    // Three are answered; of the others nothing is heard until long after the schedule's end.
    let server = TruthServer::replying(|request| {
        let wait = if request.number < 3 { 0 } else { 5_000 };
        after(wait)
    });
    let steps = json!([{ "name": "get", "request": "GET /{{user}}" }, { "think": "1m" }]);
    let mut wanted = scenario(&server.url(), &steps, &json!(8), 2);
    wanted["load"]["stages"] = json!([{ "for": "3s", "users": 8 }]);
    wanted["slo"] = json!({ "all": ["p50 < 200ms", "error_rate < 50%"] });
    let ended = run(&wanted);
    assert_ne!(ended.code(), 0, "{}", stdout(&ended.output));
    assert_eq!(ended.count("planned"), 8);
}

#[test]
fn nobody_listening_is_no_pass_and_ends_early() {
    let port = support::free_port();
    let mut wanted = scenario(&format!("http://127.0.0.1:{port}"), &get(), &json!(8), 20);
    wanted["target"]["ready"] = json!({ "within": "1s" });
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), &wanted);
    let mut command = support::loadgate();
    command.arg("run").arg(file).arg("-o").arg(folder.path().join("out"));
    ends_with(&finish(&mut command), 7);
}

#[test]
fn a_target_that_stops_listening_makes_failures_of_every_try() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // It is there until the run is ready, and then gone: each connection is refused.
    let server = thread::spawn(move || {
        let accepted = listener.accept();
        drop(listener);
        accepted.map(drop)
    });
    let mut wanted = scenario(
        &url,
        &json!([{ "name": "get", "request": "GET /" }, { "think": "20ms" }]),
        &json!(4),
        15,
    );
    wanted["slo"] = json!({ "all": ["error_rate < 1%"] });
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), &wanted);
    let mut command = support::loadgate();
    command.arg("run").arg(file).args(["--no-walk", "-o"]).arg(folder.path().join("out"));
    let output = finish(&mut command);
    ends_with(&output, 6);
    server.join().unwrap().unwrap();
    let summary = support::summary(&support::latest(&folder.path().join("out"), "closed"));
    let planned = summary["total"]["counts"]["planned"].as_u64().unwrap();
    assert!(planned > 100, "{}", summary["total"]["counts"]);
    assert!(planned < 10_000, "who fails thinks all the same: {}", summary["total"]["counts"]);
}

#[test]
fn resets_are_failures_and_the_users_go_on() {
    let server =
        TruthServer::replying(
            |request| {
                if request.number % 10 == 9 { vec![Act::Reset] } else { after(5) }
            },
        );
    let mut wanted = scenario(&server.url(), &get(), &json!(4), 3);
    wanted["slo"] = json!({ "all": ["p95 < 500ms", "error_rate < 1%"] });
    let ended = run(&wanted);
    ends_with(&ended.output, 3);
    let outcomes = ended.summary["total"]["counts"]["outcomes"].as_array().unwrap();
    let broken = outcomes.iter().find(|it| it[0] == "transport_error").unwrap();
    let share = broken[1].as_f64().unwrap() / ended.count("planned") as f64;
    assert!((0.05..0.15).contains(&share), "{share}");
}

#[test]
fn an_interrupted_run_keeps_what_was_under_way() {
    let server = TruthServer::replying(|_| vec![Act::Wait(Duration::from_secs(60))]);
    let mut wanted = scenario(&server.url(), &get(), &json!(4), 30);
    wanted["slo"] = json!({ "all": ["p95 < 500ms", "error_rate < 1%"] });
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), &wanted);
    let mut command = support::loadgate();
    command.arg("run").arg(file).args(["--no-walk", "-o"]).arg(folder.path().join("out"));
    let mut child = command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    support::eventually("all users have asked", || server.asked() >= 4);
    thread::sleep(Duration::from_millis(1_200));
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.unwrap().success());
    assert_eq!(support::wait(&mut child).code(), Some(130));
    let summary = support::summary(&support::latest(&folder.path().join("out"), "closed"));
    assert_ne!(summary["verdict"], "pass");
}

#[test]
fn what_needs_a_rate_refuses_users() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), &scenario("http://127.0.0.1:1", &get(), &json!(4), 60));
    for command in ["stress", "soak", "duet", "noise"] {
        let mut asked = support::loadgate();
        asked.arg(command).arg(&file).arg("-o").arg(folder.path().join("out"));
        if command == "soak" {
            asked.args(["-d", "1h"]);
        }
        if command == "duet" {
            asked.args(["--baseline", "http://127.0.0.1:2"]);
        }
        let output = finish(&mut asked);
        ends_with(&output, 2);
        let said = format!("loadgate {command} needs stages with a \"rate\"");
        assert!(stderr(&output).contains(&said), "{command}: {}", stderr(&output));
    }
}

#[test]
fn a_closed_run_is_no_baseline() {
    let server = TruthServer::replying(|_| after(5));
    let mut wanted = scenario(&server.url(), &get(), &json!(2), 2);
    wanted["slo"] = json!({ "all": ["p95 < 500ms"] });
    let ended = run(&wanted);
    ends_with(&ended.output, 0);
    let run = support::latest(&ended.folder.path().join("out"), "closed");
    let file = ended.folder.path().join("baseline.json");
    let output = support::run(&[
        "baseline",
        "accept",
        run.to_str().unwrap(),
        "--file",
        file.to_str().unwrap(),
    ]);
    ends_with(&output, 2);
    assert!(
        stderr(&output).contains("users who wait for answers cannot be compared"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn users_without_a_rate_are_what_c_means_with_a_url() {
    let server = TruthServer::replying(|_| after(10));
    let folder = tempfile::tempdir().unwrap();
    let mut command = support::loadgate();
    command.args(["run", &format!("{}/x", server.url()), "-c", "5", "-d", "4s", "--no-walk"]);
    command.args(["--slo", "p95 < 500ms", "-o"]).arg(folder.path());
    let output = finish(&mut command);
    ends_with(&output, 0);
    assert!(stdout(&output).contains("5 users waited for each answer"), "{}", stdout(&output));
    let connections: std::collections::HashSet<u64> =
        server.log().iter().map(|seen| seen.connection).collect();
    assert!(
        connections.len() <= 6,
        "one each, and one to see whether it is there: {connections:?}"
    );
    let neither = support::run(&["run", &server.url(), "-d", "4s"]);
    ends_with(&neither, 2);
    assert!(stderr(&neither).contains("-c 64 without -R"), "{}", stderr(&neither));
}

#[test]
fn mistakes_in_users_have_their_place_and_say_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    for (stages, said) in [
        (
            json!([{ "for": "1m", "users": 5, "rate": "1/s" }]),
            "a stage has a rate or users, not both",
        ),
        (
            json!([{ "for": "1m", "users": 5 }, { "for": "1m", "rate": "1/s" }]),
            "some stages have a rate and some have users",
        ),
        (json!([{ "for": "1m", "users": "many" }]), "\"many\" is no number of users"),
        (json!([{ "for": "1m", "users": 0 }]), "users"),
        (json!([{ "for": "1m", "users": 2.5 }]), "users"),
        (json!([{ "for": "1m", "users": "0 -> 0" }]), "no users at all"),
        (json!([{ "for": "1m", "users": 5, "pause": true }]), "a pause has no users"),
        (json!([{ "for": "1m", "users": 2000 }]), "2,000 users are more than \"connections\""),
        (json!([{ "for": "1m", "rate": "1/s -> 9/s in few steps" }]), "write \"in 4 steps\""),
    ] {
        let mut wanted = scenario("http://127.0.0.1:1", &get(), &json!(1), 5);
        wanted["load"]["stages"] = stages;
        let file = write(folder.path(), &wanted);
        let output = support::run(&["check", file.to_str().unwrap()]);
        ends_with(&output, 2);
        assert!(stderr(&output).contains(said), "{said}: {}", stderr(&output));
    }
}

#[test]
fn check_says_what_is_known_of_a_closed_load_and_what_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let steps = json!([{ "name": "get", "request": "GET /" }, { "think": "exponential 2s" }]);
    let mut wanted = scenario("http://127.0.0.1:1", &steps, &json!("10 -> 40 in 4 steps"), 60);
    wanted["load"]["stages"][0]["users"] = json!(10);
    let file = write(folder.path(), &wanted);
    let output = support::run(&["check", file.to_str().unwrap()]);
    ends_with(&output, 0);
    let said = stdout(&output);
    assert!(said.contains("10 users") && said.contains("40 users"), "{said}");
    assert!(said.contains("at most 20 iterations a second"), "40 users, 2 s each: {said}");
    assert!(said.contains("depends on how fast the target answers"), "{said}");
}

/// Users who think for exponential times, and three slots of 20 ms each. In a closed system that
/// is in balance, users = throughput · (response time + thinking): Little's law, whatever the
/// machine does to the times.
#[test]
fn users_throughput_and_times_agree_by_littles_law() {
    let slots = std::sync::Arc::new(std::sync::Mutex::new([std::time::Instant::now(); 3]));
    let server = TruthServer::replying(move |_| {
        let mut free = slots.lock().unwrap();
        let now = std::time::Instant::now();
        let slot = free.iter_mut().min().unwrap();
        *slot = (*slot).max(now) + Duration::from_millis(20);
        crate::truth_server::after(*slot - now, response(200, "{}"))
    });
    let steps = json!([{ "name": "get", "request": "GET /" }, { "think": "exponential 80ms" }]);
    for users in [4, 24] {
        let mut wanted = scenario(&server.url(), &steps, &json!(users), 6);
        wanted["slo"] = json!({ "all": ["p95 < 5s"] });
        let ended = run(&wanted);
        ends_with(&ended.output, 0);
        let rate = ended.summary["total"]["throughput"].as_f64().unwrap();
        let response = ended.summary["total"]["response"]["mean"].as_f64().unwrap() / 1e3;
        let found = rate * (response + 0.08);
        let ratio = found / f64::from(users);
        assert!((0.85..1.15).contains(&ratio), "{users} users: {rate}/s, {response} s, {ratio}");
        // Three slots do no more than 150 a second, and 24 users ask for more.
        assert!(rate < 155.0, "{rate}");
        assert!(users < 24 || response > 0.05, "they wait for a slot: {response} s");
    }
}
