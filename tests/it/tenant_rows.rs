//! Tenants that rows of data name, against a server of Node: each request is of the tenant of its row,
//! tokens stay with their tenants, and the largest of the rows are told apart.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Output;

use loadgate::record::store;
use serde_json::{Value, json};

use crate::node_server::NodeServer;
use crate::support;

/// Of 40 users, 20 are `a`'s, 10 `b`'s, 5 `<i>c</i>`'s, and one each of five others.
fn users() -> String {
    let tenant = |user: u32| match user {
        0..20 => "a".to_owned(),
        20..30 => "b".to_owned(),
        30..35 => "<i>c</i>".to_owned(),
        _ => format!("small-{user}"),
    };
    let mut text = "email,tenant,secret_token\n".to_owned();
    (0..40).for_each(|user| {
        writeln!(text, "u{user}@example.org,{},t0ken-{user}", tenant(user)).unwrap();
    });
    text
}

/// A login once per user, and a list that is asked for with what that gave.
fn scenario(port: u16, load: &Value, per: &str) -> Value {
    let who = |mut headers: Value| {
        headers["x-tenant"] = "{{tenant}}".into();
        headers["x-iteration"] = "{{users.email}}".into();
        headers
    };
    json!({
        "name": "rows",
        "target": { "url": format!("http://127.0.0.1:{port}") },
        "data": { "users": { "file": "users.csv", "order": "shuffled", "per": per } },
        "flows": [{ "name": "f", "tenant": "{{users.tenant}}", "steps": [
            { "name": "login", "request": "POST /login", "once": true, "headers": who(json!({})),
              "extract": { "token": "$.token" } },
            { "name": "list", "request": "GET /orders",
              "headers": who(json!({ "authorization": "{{token}}" })) },
        ] }],
        "load": { "stages": [load] },
        "slo": { "all": ["error_rate <= 0%"], "tenants": ["p50 < 500ms"] },
        "limits": { "tenants": 3 },
    })
}

fn play(folder: &Path, scenario: &Value, command: &str) -> Output {
    let file = folder.join("rows.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let mut all = support::loadgate();
    all.arg(command).arg(&file);
    if command == "run" {
        all.arg("-o").arg(folder.join("out"));
    }
    support::finish(&mut all)
}

/// Lines of the log whose tenant is not that of the row.
fn strays(folder: &Path) -> Vec<String> {
    let users = users();
    let log = fs::read_to_string(folder.join("server.log")).unwrap();
    let is_right = |line: &str| {
        let mut words = line.split(' ').skip(1);
        let (tenant, email) = (words.next().unwrap(), words.next().unwrap());
        users.contains(&format!("\n{email},{tenant},"))
    };
    assert!(log.lines().count() > 100);
    log.lines().filter(|line| !is_right(line)).map(str::to_owned).collect()
}

#[test]
fn each_request_is_of_the_tenant_of_its_row_and_no_token_is_used_for_another() {
    for (load, per) in [
        (json!({ "for": "8s", "rate": "200/s" }), "iteration"),
        (json!({ "for": "6s", "users": 40 }), "user"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = NodeServer::start("tenants-server.mjs", folder.path(), &[]);
        fs::write(folder.path().join("users.csv"), users()).unwrap();
        let scenario = scenario(server.port, &load, per);
        support::ends_with(&play(folder.path(), &scenario, "run"), 0);
        assert_eq!(strays(folder.path()), Vec::<String>::new(), "{per}");
        let run = support::latest(&folder.path().join("out"), "rows");
        let told = store::read(&run).unwrap().head.tenants.unwrap();
        assert_eq!(
            (told.names, told.has_others),
            (["a", "b", "<i>c</i>"].map(str::to_owned).to_vec(), true)
        );
        let summary = support::summary(&run);
        let shares: Vec<f64> = summary["tenants"]["all"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["share"].as_f64().unwrap())
            .collect();
        for (share, expected) in shares.iter().zip([0.5, 0.25, 0.125, 0.125]) {
            assert!((share - expected).abs() < 0.06, "{per}: {shares:?}");
        }
        let page = fs::read_to_string(run.join("report.html")).unwrap();
        assert!(page.contains("&lt;i&gt;c") && !page.contains("<i>c"));
    }
}

/// Users of two loads at once: which of them does an iteration does not follow from its number.
#[test]
fn users_of_several_loads_are_each_of_the_tenant_of_their_own_row() {
    let folder = tempfile::tempdir().unwrap();
    let server = NodeServer::start("tenants-server.mjs", folder.path(), &[]);
    fs::write(folder.path().join("users.csv"), users()).unwrap();
    let mut scenario = scenario(server.port, &json!({ "for": "4s", "users": 23 }), "user");
    let mut other = scenario["flows"][0].clone();
    other["name"] = "g".into();
    other["steps"][0]["name"] = "login of g".into();
    other["steps"][1]["name"] = "list of g".into();
    other["steps"].as_array_mut().unwrap().push(json!({ "think": "20ms" }));
    other["load"] = json!({ "stages": [{ "for": "4s", "users": 17 }] });
    scenario["flows"].as_array_mut().unwrap().push(other);
    support::ends_with(&play(folder.path(), &scenario, "run"), 0);
    assert_eq!(strays(folder.path()), Vec::<String>::new());
    let record = store::read(&support::latest(&folder.path().join("out"), "rows")).unwrap();
    let places = record.head.tenants.as_ref().unwrap().places();
    let of = |tenant: u16| -> u64 {
        let counts =
            record.seconds.iter().flat_map(|second| second.counts().into_iter().enumerate());
        let own = counts.filter(|(place, _)| record.head.series[*place].tenant == Some(tenant));
        own.map(|(_, counts)| counts.planned).sum()
    };
    let counted: Vec<u64> = (0..places).map(of).collect();
    let log = fs::read_to_string(folder.path().join("server.log")).unwrap();
    let name = |line: &str| line.split(' ').nth(1).unwrap().to_owned();
    for (place, wanted) in ["a", "b", "<i>c</i>"].iter().enumerate() {
        let sent = log.lines().filter(|line| name(line) == *wanted).count() as u64;
        assert!(counted[place].abs_diff(sent) <= 60, "{wanted}: {} and {sent}", counted[place]);
    }
}

#[test]
fn a_run_that_was_killed_goes_on_with_rows_that_nobody_has_taken() {
    let folder = tempfile::tempdir().unwrap();
    let server = NodeServer::start("tenants-server.mjs", folder.path(), &[]);
    let rows: String = (0..2_000).map(|row| format!("u{row},t{}\n", row % 7)).collect();
    fs::write(folder.path().join("users.csv"), format!("email,tenant\n{rows}")).unwrap();
    let mut scenario = scenario(server.port, &json!({ "for": "9s", "rate": "80/s" }), "iteration");
    scenario["data"]["users"]["order"] = "unique".into();
    scenario["flows"][0]["steps"].as_array_mut().unwrap().remove(0);
    scenario["flows"][0]["steps"][0]["headers"].as_object_mut().unwrap().remove("authorization");
    let file = folder.path().join("rows.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let out = folder.path().join("out");
    let mut command = support::loadgate();
    command.arg("run").arg(&file).arg("-o").arg(&out).arg("--no-walk");
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    support::eventually("some requests were sent", || server.count("/orders") > 320);
    child.kill().unwrap();
    child.wait().unwrap();
    let run = support::latest(&out, "rows");
    let again =
        support::finish(support::loadgate().arg("run").arg(&file).arg("--resume").arg(&run));
    support::ends_with(&again, 0);
    let log = fs::read_to_string(folder.path().join("server.log")).unwrap();
    let mut rows: Vec<&str> = log.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    let all = rows.len();
    rows.sort_unstable();
    rows.dedup();
    assert!(all > 650 && rows.len() == all, "{} of {all} rows are sent once", rows.len());
}

#[test]
fn check_says_how_much_of_the_load_is_whose() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("users.csv"), users()).unwrap();
    let scenario = scenario(1, &json!({ "for": "60s", "rate": "100/s" }), "iteration");
    let output = play(folder.path(), &scenario, "check");
    support::ends_with(&output, 0);
    let said = support::stdout(&output);
    assert!(said.contains("3 told apart, all others together"), "{said}");
    assert!(said.contains("50 %, about") && said.contains("12.5 %"), "{said}");
}

#[test]
fn mistakes_of_rows_that_name_tenants_are_told_before_the_run() {
    let rate = json!({ "for": "60s", "rate": "100/s" });
    let crowd = json!({ "for": "60s", "users": 4 });
    for (name, load, per, rows, expected) in [
        (
            "{{users.tenant}}",
            &rate,
            "iteration",
            "tenant\nx\n\"\"\n",
            "row 2 of \"users\" names a tenant without",
        ),
        ("{{users.tenant}}", &rate, "user", "tenant\nx\n", "\"per\": \"iteration\""),
        ("{{users.tenant}}", &crowd, "iteration", "tenant\nx\n", "\"per\": \"user\""),
        ("{{users.tennant}}", &rate, "iteration", "tenant\nx\n", "did you mean \"tenant\""),
        ("{{users.api_key}}", &rate, "iteration", "tenant,api_key\nx,y\n", "is a secret"),
        (
            "{{users.tenant}}{{random 1..2}}",
            &rate,
            "iteration",
            "tenant\nx\n",
            "rows of one source",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("users.csv"), rows).unwrap();
        let mut scenario = scenario(1, load, per);
        scenario["flows"][0]["tenant"] = name.into();
        scenario["flows"][0]["steps"] = json!([{ "name": "list", "request": "GET /?{{tenant}}" }]);
        let output = play(folder.path(), &scenario, "check");
        support::ends_with(&output, 2);
        let said = support::stderr(&output);
        assert!(said.contains(expected), "{name}, {per}: {said}");
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("users.csv"), format!("tenant\n{}\n", "x".repeat(300))).unwrap();
    let mut scenario = scenario(1, &rate, "iteration");
    scenario["flows"][0]["steps"] = json!([{ "name": "list", "request": "GET /?{{tenant}}" }]);
    let said = support::stderr(&play(folder.path(), &scenario, "check"));
    assert!(said.contains("of more than 200 letters"), "{said}");
}
