//! A noisy neighbour against a server of Node with one queue for all, and one in which each tenant has
//! his own: the one is caught, the other is not accused, and who is refused quickly is not served.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;
use std::process::Output;

use loadgate::record::store;
use serde_json::{Value, json};

use crate::node_server::NodeServer;
use crate::support;

fn scenario(port: u16) -> Value {
    json!({
        "name": "noisy",
        "target": { "url": format!("http://127.0.0.1:{port}") },
        "tenants": { "names": ["loud", "<b>quiet</b>", "small"], "sizes": "equal" },
        "flows": [{ "name": "f", "steps": [
            { "name": "list", "request": "GET /orders", "headers": { "x-tenant": "{{tenant}}" } },
        ] }],
        "load": { "stages": [
            { "for": "2s", "rate": "60/s", "warmup": true },
            { "for": "10s", "rate": "60/s" },
            { "for": "10s", "rate": "60/s", "noisy": { "tenant": "loud", "times": 9 } },
        ] },
        "slo": {
            "all": ["p50 < 5s"],
            "neighbours": ["p50 < 5s", "p50 < 3x", "error_rate < 5%"],
        },
    })
}

fn play(folder: &Path, scenario: &Value, command: &str) -> Output {
    let file = folder.join("noisy.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let mut all = support::loadgate();
    all.arg(command).arg(&file);
    if command == "run" {
        all.arg("-o").arg(folder.join("out"));
    }
    support::finish(&mut all)
}

fn statuses(run: &Path) -> Vec<String> {
    let summary = support::summary(run);
    let slos = summary["slos"].as_array().unwrap();
    slos.iter().map(|it| it["status"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn who_is_slow_because_of_a_noisy_neighbour_misses_what_he_may_notice() {
    let folder = tempfile::tempdir().unwrap();
    // 280 requests a second of 4 ms and what a timer takes more: the queue grows on any machine.
    let server = NodeServer::start("noisy-server.mjs", folder.path(), &[]);
    let mut scenario = scenario(server.port);
    scenario["load"]["stages"][2]["noisy"]["times"] = json!(12);
    let output = play(folder.path(), &scenario, "run");
    support::ends_with(&output, 3);
    let run = support::latest(&folder.path().join("out"), "noisy");
    assert_eq!(statuses(&run)[3], "missed", "{}", support::stdout(&output));
    assert!(
        support::stdout(&output).contains("neighbours: p50 < 3x"),
        "{}",
        support::stdout(&output)
    );
    let seen = &support::summary(&run)["noisy_neighbour"];
    assert!(seen["effects"][0]["low"].as_f64().unwrap() > 3.0, "{seen:#}");
    let requests = |place: usize| seen["stretches"][place]["requests"].as_u64().unwrap() as f64;
    assert!((requests(1) / requests(0) - 1.0).abs() < 0.2, "the others did as much: {seen:#}");
    assert!((9.0..16.0).contains(&(requests(3) / requests(2))), "{seen:#}");
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("Noisy neighbour") && page.contains("While loud did 12 times as much"));
    assert!(!page.contains("<b>quiet"));
    let again = support::finish(support::loadgate().arg("report").arg(&run));
    support::ends_with(&again, 3);
}

#[test]
fn check_says_who_is_noisy() {
    let folder = tempfile::tempdir().unwrap();
    let said = support::stdout(&play(folder.path(), &scenario(1), "check"));
    assert!(said.contains("noisy: loud does 9 times as much from 12 s to 22 s, 72.7 %"), "{said}");
    for command in ["soak", "noise"] {
        let refused = play(folder.path(), &scenario(1), command);
        support::ends_with(&refused, 2);
        assert!(support::stderr(&refused).contains("judged by \"run\" alone"), "{command}");
    }
}

#[test]
fn where_each_has_his_own_queue_nobody_is_accused() {
    let folder = tempfile::tempdir().unwrap();
    let server = NodeServer::start("noisy-server.mjs", folder.path(), &[("FAIR", "1")]);
    let mut scenario = scenario(server.port);
    scenario["slo"]["all"] = json!(["p50 < 10s"]);
    let output = play(folder.path(), &scenario, "run");
    let run = support::latest(&folder.path().join("out"), "noisy");
    assert_eq!(statuses(&run)[1..], ["met", "met", "met"], "{}", support::stdout(&output));
    support::ends_with(&output, 0);
}

#[test]
fn who_is_refused_at_once_is_not_served_fast() {
    let folder = tempfile::tempdir().unwrap();
    let env = [("REFUSE", "1"), ("WORK", "20")];
    let server = NodeServer::start("noisy-server.mjs", folder.path(), &env);
    let mut scenario = scenario(server.port);
    for stage in scenario["load"]["stages"].as_array_mut().unwrap() {
        stage["rate"] = "30/s".into();
    }
    scenario["slo"]["neighbours"] = json!(["p50 < 3x"]);
    support::ends_with(&play(folder.path(), &scenario, "run"), 3);
    let run = support::latest(&folder.path().join("out"), "noisy");
    assert_eq!(statuses(&run)[1], "missed");
}

#[test]
fn each_number_of_workers_has_the_same_noise() {
    let played = |workers: u32| {
        let folder = tempfile::tempdir().unwrap();
        let server = NodeServer::start("noisy-server.mjs", folder.path(), &[("FAIR", "1")]);
        let mut scenario = scenario(server.port);
        scenario["limits"] = json!({ "workers": workers });
        scenario["load"]["stages"] = json!([
            { "for": "5s", "rate": "60/s" },
            { "for": "5s", "rate": "60/s", "noisy": { "tenant": "loud", "times": 3 } },
        ]);
        play(folder.path(), &scenario, "run");
        let run = support::latest(&folder.path().join("out"), "noisy");
        let record = store::read(&run).unwrap();
        let of = |place: usize| -> Vec<u64> {
            record.seconds.iter().map(|second| second.counts()[place].planned).collect()
        };
        (of(0), of(1), of(2))
    };
    assert_eq!(played(1), played(2));
}

#[test]
fn mistakes_about_noise_are_told_before_the_run() {
    let noisy = |tenant: &str, times: f64| json!({ "tenant": tenant, "times": times });
    let stage = |rate: &str, noisy: Value| json!({ "for": "10s", "rate": rate, "noisy": noisy });
    let before = json!({ "for": "10s", "rate": "60/s" });
    let two = |noisy: Value| json!([before, stage("60/s", noisy)]);
    for (stages, neighbours, expected) in [
        (two(noisy("lod", 9.0)), json!(["p99 < 2x"]), "did you mean \"loud\""),
        (two(noisy("loud", 1.0)), json!(["p99 < 2x"]), "is no noise"),
        (two(noisy("loud", 9.0)), json!([]), "nothing says what the others may notice"),
        (two(noisy("loud", 9.0)), json!(["p99 > 2x"]), "upper limit"),
        (two(noisy("loud", 9.0)), json!(["max < 2x"]), "not compared"),
        (two(noisy("loud", 9.0)), json!(["error_rate < 2x"]), "not compared"),
        (two(noisy("loud", 9.0)), json!(["target.rss.max < 1GB"]), "not of one tenant"),
        (json!([before]), json!(["p99 < 2x"]), "nobody is noisy"),
        (json!([stage("60/s", noisy("loud", 9.0))]), json!(["p99 < 2x"]), "no stage before"),
        (
            json!([before, stage("50/s", noisy("loud", 9.0))]),
            json!(["p99 < 2x"]),
            "same constant rate",
        ),
        (
            json!([before, stage("60/s -> 70/s", noisy("loud", 9.0))]),
            json!(["p99 < 2x"]),
            "constant rate",
        ),
        (
            json!([before, stage("60/s", noisy("loud", 9.0)), stage("60/s", noisy("loud", 3.0))]),
            json!(["p99 < 2x"]),
            "a second stage",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut scenario = scenario(1);
        scenario["load"]["stages"] = stages.clone();
        scenario["slo"]["neighbours"] = neighbours;
        let output = play(folder.path(), &scenario, "check");
        let said = support::stderr(&output);
        assert!(said.contains(expected), "{stages}: {said}");
        support::ends_with(&output, 2);
    }
}
