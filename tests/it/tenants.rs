//! Tenants against a server of Node: one that suffers while all together do not, users who stay with
//! their tenant, the same requests whatever the number of workers, and names that are anything.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use loadgate::record::run::RunRecord;
use loadgate::record::store;
use serde_json::{Value, json};

use crate::node_server::NodeServer;
use crate::support;

fn server(folder: &Path, slow: &str) -> NodeServer {
    NodeServer::start("tenants-server.mjs", folder, &[("SLOW", slow)])
}

/// A login once per user, and a list that is asked for with what that gave.
fn scenario(port: u16, tenants: &Value) -> Value {
    let headers = json!({ "x-tenant": "{{tenant}}", "x-iteration": "{{iteration}}" });
    let with_token = json!({ "x-tenant": "{{tenant}}", "authorization": "{{token}}" });
    json!({
        "name": "tenants",
        "target": { "url": format!("http://127.0.0.1:{port}") },
        "tenants": tenants,
        "flows": [{ "name": "f", "steps": [
            { "name": "login", "request": "POST /login", "once": true, "headers": headers,
              "extract": { "token": "$.token" } },
            { "name": "list", "request": "GET /orders", "headers": with_token, "tags": ["read"] },
        ] }],
        "load": { "arrivals": "uniform", "stages": [{ "for": "12s", "rate": "300/s" }] },
        "slo": {
            "all": ["p90 < 100ms", "error_rate < 1%"],
            "steps": { "tag:read": ["p90 < 100ms"] },
            "tenants": ["p90 < 100ms"],
        },
        "limits": { "tenants": 8 },
    })
}

fn play(folder: &Path, scenario: &Value, command: &str) -> Output {
    let file = folder.join("tenants.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let mut all = support::loadgate();
    all.arg(command).arg(&file);
    if command == "run" {
        all.arg("-o").arg(folder.join("out"));
    }
    support::finish(&mut all)
}

fn latest(folder: &Path) -> std::path::PathBuf {
    support::latest(&folder.join("out"), "tenants")
}

#[test]
fn one_tenant_that_suffers_misses_its_objective_while_all_together_meet_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), "tenant-6");
    let scenario = scenario(server.port, &json!({ "count": 50, "sizes": "zipf(1.1)" }));
    let output = play(folder.path(), &scenario, "run");
    support::ends_with(&output, 3);
    let summary = support::summary(&latest(folder.path()));
    let statuses: Vec<&str> = summary["slos"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["met", "met", "missed", "met"], "{:#}", summary["slos"]);
    let each = &summary["slos"][2];
    assert!(
        each["note"].as_str().unwrap().starts_with("tenant-6; 1 of 9 tenants misses it"),
        "{each}"
    );
    let incident = summary["error_budget"]["incident"]["reason"].as_str().unwrap();
    assert!(incident.starts_with("each tenant: "), "all together met theirs: {incident}");
    let tenants = summary["tenants"]["all"].as_array().unwrap();
    assert_eq!(tenants.len(), 9, "eight and all others");
    assert_eq!(summary["tenants"]["worst"], 5);
    assert!(tenants[5]["times"]["p50"].as_f64().unwrap() >= 149.0, "{}", tenants[5]);
    assert!(tenants[8]["is_others"].as_bool().unwrap());
    let page = fs::read_to_string(latest(folder.path()).join("report.html")).unwrap();
    assert!(page.contains("Tenants, each by itself") && page.contains("tenant-6"));
    assert_eq!(server.count_of("another tenant"), 0);
}

#[test]
fn where_nobody_suffers_each_tenant_holds_and_nobody_uses_anothers_token() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), "");
    let scenario = scenario(server.port, &json!({ "count": 50, "sizes": "zipf(1.1)" }));
    support::ends_with(&play(folder.path(), &scenario, "run"), 0);
    let checked = support::stdout(&play(folder.path(), &scenario, "check"));
    assert!(checked.contains("8 told apart, all others together"), "{checked}");
    assert!(checked.contains("each tenant  p90 < 100ms"), "{checked}");
}

/// What each tenant of a record has of each step.
fn counts(record: &RunRecord) -> BTreeMap<(u16, Option<u16>), u64> {
    let mut sums = BTreeMap::new();
    for second in record.seconds.iter() {
        for (place, counts) in second.counts().iter().enumerate() {
            let series = &record.head.series[place];
            *sums.entry((series.step, series.tenant)).or_default() += counts.planned;
        }
    }
    sums
}

#[test]
fn each_number_of_workers_sends_the_same_for_the_same_tenants() {
    let played = |workers: u32| {
        let folder = tempfile::tempdir().unwrap();
        let server = server(folder.path(), "");
        let mut scenario = scenario(server.port, &json!({ "count": 40, "sizes": "zipf(1)" }));
        scenario["limits"]["workers"] = workers.into();
        scenario["load"]["stages"] = json!([{ "for": "2s", "rate": "150/s" }]);
        let headers = &mut scenario["flows"][0]["steps"];
        *headers = json!([{ "name": "list", "request": "GET /orders", "tags": ["read"],
            "headers": { "x-tenant": "{{tenant}}", "x-iteration": "{{iteration}}" } }]);
        play(folder.path(), &scenario, "run");
        let record = store::read(&latest(folder.path())).unwrap();
        let log = fs::read_to_string(folder.path().join("server.log")).unwrap();
        let is_load = |line: &&str| line.rsplit(' ').next().unwrap().len() < 8;
        let mut lines: Vec<String> = log.lines().filter(is_load).map(str::to_owned).collect();
        lines.sort_unstable();
        (counts(&record), lines)
    };
    let alone = played(1);
    assert_eq!(alone.0.values().sum::<u64>(), 300);
    assert!(alone.0.len() == 9 && alone.1.len() >= 300, "{:?}", alone.0);
    assert_eq!(alone, played(2));
}

#[test]
fn names_may_be_anything_and_are_told_apart_by_what_a_flow_says() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), "");
    let hostile = "<script>alert(1)</script>";
    let mut scenario = scenario(server.port, &json!({ "weights": { hostile: 5, "b\u{7}ell": 1 } }));
    scenario["load"]["stages"] = json!([{ "for": "4s", "rate": "100/s" }]);
    scenario["flows"][0]["steps"] = json!([{ "name": "list", "request": "GET /orders?t={{tenant}}",
        "tags": ["read"] }]);
    let output = play(folder.path(), &scenario, "run");
    support::ends_with(&output, 0);
    assert!(!support::stdout(&output).contains('\u{7}'));
    let page = fs::read_to_string(latest(folder.path()).join("report.html")).unwrap();
    assert!(!page.contains("<script>alert") && page.contains("&lt;script&gt;alert"));
    assert!(server.count("/orders?t=%3Cscript%3E") > 200);
    let named = "org-{{random 1..3}}";
    scenario["tenants"] = Value::Null;
    scenario.as_object_mut().unwrap().remove("tenants");
    scenario["flows"][0]["tenant"] = named.into();
    support::ends_with(&play(folder.path(), &scenario, "run"), 0);
    let head = store::read(&latest(folder.path())).unwrap().head;
    let mut names = head.tenants.unwrap().names;
    names.sort_unstable();
    assert_eq!(names, ["org-1", "org-2", "org-3"]);
}

#[test]
fn mistakes_about_tenants_are_told_before_the_run() {
    for (change, expected) in [
        (json!({ "tenants": { "count": 0 } }), "between 1 and 100000"),
        (json!({ "tenants": { "count": 3, "sizes": "pareto" } }), "zipf(1.1)"),
        (json!({ "tenants": { "count": 3, "names": ["a"] } }), "one of the three"),
        (json!({ "tenants": { "names": ["a", "a"] } }), "stands here twice"),
        (json!({ "tenants": { "weights": { "a": 0 } } }), "never comes"),
        (json!({ "slo": { "tenants": ["p99 < 1s for 95% of 10s windows"] } }), "a share of its"),
        (json!({ "slo": { "tenants": ["target.rss.max < 1GB"] } }), "not of one tenant"),
        (json!({ "slo": { "steps": { "tag:raed": ["p99 < 1s"] } } }), "tag \"raed\""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut scenario = scenario(1, &json!({ "count": 3 }));
        for (key, value) in change.as_object().unwrap() {
            scenario[key] = value.clone();
        }
        let output = play(folder.path(), &scenario, "check");
        support::ends_with(&output, 2);
        let said = support::stderr(&output);
        assert!(said.contains(expected), "{change}: {said}");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut scenario = scenario(1, &json!({ "count": 3 }));
    scenario.as_object_mut().unwrap().remove("tenants");
    let said = support::stderr(&play(folder.path(), &scenario, "check"));
    assert!(said.contains("nobody is told apart") && said.contains("{{tenant}}"), "{said}");
    scenario["flows"][0]["tenant"] = "{{token}}".into();
    let said = support::stderr(&play(folder.path(), &scenario, "check"));
    assert!(said.contains("tenant"), "{said}");
}
