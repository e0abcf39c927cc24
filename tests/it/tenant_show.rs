//! The reference API as its customers use it: fifty tenants of a file, logins that expire after five
//! seconds, rows of CSV and NDJSON, steps that go on with what others gave, and checks. One tenant who
//! suffers is seen though all together do not; and so is one of whom the others suffer.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use crate::support;

fn example() -> PathBuf {
    let folder = support::root().join("examples/fastify-orders");
    assert!(
        folder.join("node_modules/fastify").is_dir(),
        "the reference API is not installed; run: npm ci --prefix examples/fastify-orders"
    );
    folder
}

/// The API with some faults, on a free port.
fn target(env: &Value) -> Value {
    let port = support::free_port().to_string();
    let mut env = env.clone();
    env["PORT"] = port.clone().into();
    json!({
        "url": format!("http://127.0.0.1:{port}"),
        "command": ["node", "server.js"],
        "cwd": example(),
        "env": env,
        "ready": { "path": "/health", "within": "60s" },
    })
}

/// Files of rows beside the scenario.
fn laid_out() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(example().join("users.csv"), folder.path().join("users.csv")).unwrap();
    let mut products = String::new();
    (1..=40).for_each(|number| {
        writeln!(products, r#"{{"sku": "SKU-{number:04}", "quantity": {}}}"#, 1 + number % 9)
            .unwrap();
    });
    fs::write(folder.path().join("products.ndjson"), products).unwrap();
    folder
}

fn run(folder: &Path, scenario: &Value) -> (Output, Value) {
    let file = folder.join("scenario.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let out = folder.join("out");
    let output = support::finish(support::loadgate().arg("run").arg(&file).arg("-o").arg(&out));
    let name = scenario["name"].as_str().unwrap();
    let summary = support::summary(&support::latest(&out, name));
    (output, summary)
}

fn statuses(summary: &Value) -> Vec<&str> {
    let slos = summary["slos"].as_array().unwrap();
    slos.iter().map(|it| it["status"].as_str().unwrap()).collect()
}

#[test]
fn one_of_fifty_customers_who_suffers_is_seen_though_the_average_is_well() {
    let folder = laid_out();
    let env = json!({ "TOKEN_SECONDS": "5", "FAULT_TENANT": "3", "FAULT_SLOW_MS": "400" });
    let login = json!({
        "name": "log in", "once": true, "request": "POST /login",
        "json": { "email": "{{users.email}}", "password": "demo" },
        "check": { "status": 200, "json": { "$.expiresIn": 5 } },
        "extract": { "token": "$.token", "seconds": "$.expiresIn" },
        "refresh": { "expires_in": "{{seconds}}", "before": "1s" },
    });
    let scenario = json!({
        "name": "customers",
        "target": target(&env),
        "data": {
            "users": { "file": "users.csv", "order": "shuffled" },
            "products": { "file": "products.ndjson", "order": "random" },
        },
        "flows": [{ "name": "work", "tenant": "{{users.tenant}}", "auth": { "bearer": "{{token}}" }, "steps": [
            login,
            { "name": "list", "request": "GET /orders?limit=5",
              "check": { "status": 200, "json": { "$.orders": { "type": "array" } } },
              "extract": { "order": "$.orders[0].id" } },
            { "name": "show", "request": "GET /orders/{{order}}",
              "check": { "status": 200, "json": { "$.id": "{{order}}" } } },
            { "name": "create", "request": "POST /orders",
              "json": { "sku": "{{products.sku}}", "quantity": "{{products.quantity}}" },
              "check": { "status": 201,
                         "json": { "$.quantity": "{{products.quantity}}", "$.sku": "{{products.sku}}" } },
              "extract": { "created": "$.id" } },
            { "name": "read back", "request": "GET /orders/{{created}}",
              "check": { "status": 200, "json": { "$.sku": "{{products.sku}}" } } },
        ] }],
        "load": { "stages": [{ "for": "2s", "rate": "15/s", "warmup": true }, { "for": "9s", "rate": "15/s" }] },
        "slo": { "all": ["p75 < 300ms", "error_rate < 1%"], "tenants": ["p75 < 300ms"] },
        "limits": { "tenants": 4 },
    });
    let mut summary = Value::Null;
    let output = support::unless_starved(|| {
        let output;
        (output, summary) = run(folder.path(), &scenario);
        output
    });
    let said = support::stdout(&output);
    support::ends_with(&output, 3);
    assert_eq!(statuses(&summary), ["met", "met", "missed"], "{said}");
    let note = summary["slos"][2]["note"].as_str().unwrap();
    assert!(note.starts_with("Tenant 3; 1 of 5 tenants misses it"), "{note}");
    let seen = summary["tenants"]["all"].as_array().unwrap();
    assert!(
        seen[0]["requests"].as_u64() > seen[2]["requests"].as_u64(),
        "the first is larger: {said}"
    );
    // Nobody's token was good for nine seconds.
    let steps = summary["steps"].as_array().unwrap();
    let logins = steps.iter().find(|step| step["name"] == "log in").unwrap();
    assert!(logins["counts"]["planned"].as_u64().unwrap() > 10, "{logins}");
}

#[test]
fn a_customer_of_whom_the_others_suffer_is_caught() {
    let folder = laid_out();
    let users = fs::read_to_string(example().join("users.csv")).unwrap();
    let one_of = |tenant: &str| {
        let line = users.lines().find(|line| line.ends_with(&format!(",{tenant}"))).unwrap();
        line.split(',').next().unwrap().to_owned()
    };
    let names = ["Tenant 1", "Tenant 2", "Tenant 3"].map(one_of);
    let stage = |length: &str| json!({ "for": length, "rate": "12/s" });
    let (mut warm, mut noisy) = (stage("2s"), stage("7s"));
    warm["warmup"] = true.into();
    noisy["noisy"] = json!({ "tenant": names[0], "times": 16 });
    let scenario = json!({
        "name": "neighbours",
        "target": target(&json!({ "FAULT_QUERY_MS": "16" })),
        "tenants": { "names": names },
        "flows": [{ "name": "read", "auth": { "bearer": "{{token}}" }, "steps": [
            { "name": "log in", "once": true, "request": "POST /login",
              "json": { "email": "{{tenant}}", "password": "demo" }, "extract": { "token": "$.token" } },
            { "name": "list", "request": "GET /orders?limit=5", "check": { "status": 200 } },
        ] }],
        "load": { "stages": [warm, stage("7s"), noisy] },
        "slo": { "all": ["p50 < 9s", "error_rate < 10%"], "neighbours": ["p50 < 3x"] },
    });
    let (output, summary) = run(folder.path(), &scenario);
    support::ends_with(&output, 3);
    assert_eq!(statuses(&summary)[2], "missed", "{}", support::stdout(&output));
    let low = summary["noisy_neighbour"]["effects"][0]["low"].as_f64().unwrap();
    assert!(low > 3.0, "{:#}", summary["noisy_neighbour"]);
}
