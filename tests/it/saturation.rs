//! What is looked at of a target beside its answers: metrics that the scenario names, limits on
//! them, and the database behind it, against real servers and a real PostgreSQL.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use loadgate::record::gauge;
use loadgate::record::run::RunRecord;
use loadgate::record::store;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::postgres::Postgres;
use crate::support::{self, finish, free_port, stderr, stdout};
use crate::tls::Certificates;
use crate::truth_server::{Act, TruthServer, response};

/// A server that answers everything, and `/metrics` with a page of its own for each scrape.
fn target(page: impl Fn(u64) -> Vec<Act> + Send + Sync + 'static) -> TruthServer {
    let scrapes = AtomicU64::new(0);
    TruthServer::replying(move |request| match request.path() {
        "/metrics" => page(scrapes.fetch_add(1, Ordering::SeqCst)),
        _ => response(200, "{}"),
    })
}

fn scenario(url: &str, seconds: u32, metrics: &Value, slo: &[&str]) -> Value {
    json!({
        "name": "full",
        "target": { "url": url, "metrics": metrics },
        "flows": [{ "name": "f", "steps": [{ "name": "s", "request": "GET /s" }] }],
        "load": { "arrivals": "uniform", "stages": [
            { "for": "1s", "rate": "40/s", "warmup": true },
            { "for": format!("{seconds}s"), "rate": "40/s" },
        ] },
        "slo": { "all": slo },
    })
}

/// What became of one run.
struct Ended {
    folder: TempDir,
    output: Output,
}

impl Ended {
    fn code(&self) -> i32 {
        let shown = format!("{}\n{}", stdout(&self.output), stderr(&self.output));
        assert!(!shown.contains("panicked"), "{shown}");
        self.output.status.code().expect(&shown)
    }

    fn run(&self) -> PathBuf {
        support::latest(&self.folder.path().join("out"), "full")
    }

    fn record(&self) -> RunRecord {
        store::read(&self.run()).unwrap()
    }

    fn summary(&self) -> Value {
        support::summary(&self.run())
    }

    /// What seconds say of a metric that the scenario names.
    fn values(&self, name: &str) -> Vec<Option<f64>> {
        let record = self.record();
        let id = gauge::named(&record.head.gauges, &format!("metric_{name}")).unwrap();
        record.target.iter().map(|second| second.value(id)).collect()
    }

    /// Everything that was printed or written.
    fn everything(&self) -> String {
        let mut all = format!("{}{}", stdout(&self.output), stderr(&self.output));
        for entry in fs::read_dir(self.run()).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap_or_default();
            all.push_str(&String::from_utf8_lossy(&bytes));
        }
        all
    }
}

fn command(folder: &Path, scenario: &Value, flags: &[&str]) -> Command {
    let file = folder.join("full.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let mut command = support::loadgate();
    command.args(flags).arg(file).stdin(Stdio::null());
    command
}

fn run_with(scenario: &Value, env: &[(&str, &str)]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path(), scenario, &["run"]);
    command.arg("-o").arg(folder.path().join("out")).envs(env.iter().copied());
    let output = finish(&mut command);
    Ended { folder, output }
}

fn run(scenario: &Value) -> Ended {
    run_with(scenario, &[])
}

/// The n-th page: a queue of n, 30 jobs a second, and waiting of 10 to 20 ms.
fn page(number: u64) -> String {
    let n = number as f64;
    format!(
        "# TYPE my_queue_depth gauge\nmy_queue_depth{{q=\"a\"}} {number}\nmy_queue_depth{{q=\"b\"}} 100\n\
         # TYPE jobs_total counter\njobs_total {}\n# TYPE queue_wait_seconds histogram\n\
         queue_wait_seconds_bucket{{le=\"0.01\"}} 0\nqueue_wait_seconds_bucket{{le=\"0.02\"}} {c}\n\
         queue_wait_seconds_bucket{{le=\"+Inf\"}} {c}\nqueue_wait_seconds_sum 1\nqueue_wait_seconds_count {c}\n",
        n * 30.0,
        c = n * 10.0,
    )
}

fn watch() -> Value {
    json!({ "watch": [
        { "name": "my_queue_depth", "labels": { "q": "a" } },
        "jobs_total",
        { "name": "queue_wait_seconds", "quantile": 0.5, "as": "queue_wait" },
    ] })
}

#[test]
fn metrics_that_the_scenario_names_are_told_and_limited() {
    let server = target(|number| response(200, &page(number)));
    let limits = [
        "error_rate < 5%",
        "target.metric.my_queue_depth.max < 100",
        "target.metric.queue_wait.max < 50ms",
        "target.metric.jobs_total.mean < 1000/s",
    ];
    let met = run(&scenario(&server.url(), 5, &watch(), &limits));
    assert_eq!(met.code(), 0, "{}", stdout(&met.output));
    let depths: Vec<f64> = met.values("my_queue_depth").into_iter().flatten().collect();
    assert!(depths.len() >= 4 && depths.windows(2).all(|pair| pair[0] < pair[1]), "{depths:?}");
    let waits: Vec<f64> = met.values("queue_wait").into_iter().flatten().collect();
    assert!(waits.iter().all(|wait| (wait - 0.015).abs() < 1e-9) && !waits.is_empty(), "{waits:?}");
    let jobs: Vec<f64> = met.values("jobs_total").into_iter().flatten().collect();
    assert!(jobs.iter().all(|rate| (10.0..90.0).contains(rate)) && !jobs.is_empty(), "{jobs:?}");
    let summary = met.summary();
    assert!(summary["saturation"]["metric_queue_wait"]["max"].as_f64().unwrap() > 14.0);
    let missed = ["error_rate < 5%", "target.metric.my_queue_depth.max < 1"];
    let missed = run(&scenario(&server.url(), 4, &watch(), &missed));
    assert_eq!(missed.code(), 3, "{}", stdout(&missed.output));
    let reason = missed.summary()["reasons"][0].as_str().unwrap().to_owned();
    assert!(reason.starts_with("target.metric.my_queue_depth.max < 1 missed: "), "{reason}");
}

/// None of these pages has a value that could meet a limit, and none holds the run up.
#[test]
fn a_page_that_says_nothing_meets_no_limit() {
    let pages = [
        ("404", response(404, "")),
        ("the page has no", response(200, "something_else 1\n")),
        ("cannot be read", response(200, "my_queue_depth{q=\"a\" 1\n")),
        ("more than 1 MB", response(200, &"x 1\n".repeat(300_000))),
        ("more series", response(200, &"x 1\n".repeat(20_500))),
        ("no answer within", vec![Act::Wait(Duration::from_secs(30))]),
        ("the page has no", response(200, "<!doctype html>\n<p>my_queue_depth 1</p>\n")),
        ("not a finite number", response(200, "my_queue_depth{q=\"a\"} -Inf\n")),
        ("the same labels", response(200, &"my_queue_depth{q=\"a\"} 1\n".repeat(2))),
        ("no series of", response(200, "my_queue_depth{q=\"a\\n\u{1b}[31m\"} 1\n")),
        ("in the middle of a line", until_closed("my_queue_depth{q=\"a\"} 1")),
    ];
    std::thread::scope(|scope| {
        for (why, page) in pages {
            scope.spawn(move || {
                let server = target(move |_| page.clone());
                let limits = ["error_rate < 5%", "target.metric.my_queue_depth.max < 100"];
                let ended = run(&scenario(&server.url(), 3, &watch(), &limits));
                assert_eq!(ended.code(), 5, "{why}: {}", stdout(&ended.output));
                let summary = ended.summary();
                assert_eq!(summary["slos"][1]["status"], "inconclusive", "{why}");
                let note = summary["slos"][1]["note"].as_str().unwrap();
                assert!(note.contains(why), "{why}: {note}");
                assert!(ended.values("my_queue_depth").iter().all(Option::is_none));
                assert!(!ended.everything().contains("\u{1b}[31m"), "{why}");
            });
        }
    });
}

/// An answer whose end is that of the connection.
fn until_closed(body: &str) -> Vec<Act> {
    let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}");
    vec![Act::Write(answer.into_bytes()), Act::Close]
}

/// What each of these pages says of one limit: the status, and what its note or figure has.
#[test]
fn a_page_that_would_be_believed_wrongly_meets_no_limit() {
    type Page = fn(u64) -> Vec<Act>;
    let watch = json!({ "watch": ["jobs_total",
        { "name": "w", "quantile": 0.5 }, { "name": "depth", "combine": "max" }] });
    let cases: [(&str, &str, Page); 7] = [
        // One pool of two tells no number: nobody knows how many wait.
        ("target.pool_waiting.max < 1", "negative or no finite number", |_| {
            response(200, "db_pool_waiting{p=\"a\"} NaN\ndb_pool_waiting{p=\"b\"} 0\n")
        }),
        ("target.pool_waiting.max < 1", "a line of it cannot be read", |_| {
            response(200, "db_pool_waiting{p=\"a} 57\ndb_pool_waiting{p=\"b\"} 0\n")
        }),
        ("target.metric.depth.max < 9", "not a finite number", |_| {
            response(200, "depth{q=\"a\"} -Inf\ndepth{q=\"b\"} 1\n")
        }),
        // Two processes take turns; the second one is far ahead.
        ("target.metric.jobs_total.min > 10", "it counted anew", |number| {
            response(200, &format!("jobs_total {}\n", number * 30 + number % 2 * 500_000))
        }),
        // Each read forgets what was observed before it, of which all took more than 1 s.
        ("target.metric.w.max < 1.5", "it counted anew", |number| {
            let (fast, all) = (4 + number % 2, 104 + number % 2);
            response(
                200,
                &format!(
                    "w_bucket{{le=\"1\"}} {fast}\nw_bucket{{le=\"2\"}} {all}\n\
                w_bucket{{le=\"+Inf\"}} {all}\n"
                ),
            )
        }),
        // It fills up, and then the page says no more.
        ("target.pool_waiting.max < 1", "404", |number| {
            if number < 4 { response(200, "pool_waiting 0\n") } else { response(404, "") }
        }),
        ("target.metric.depth.max < 9", "the page has no depth", |number| {
            response(200, if number < 4 { "depth 1\n" } else { "other 1\n" })
        }),
    ];
    std::thread::scope(|scope| {
        for (limit, why, page) in cases {
            let watch = &watch;
            scope.spawn(move || {
                let server = target(page);
                let ended = run(&scenario(&server.url(), 7, watch, &["error_rate < 5%", limit]));
                assert_eq!(ended.code(), 5, "{limit}: {}", stdout(&ended.output));
                let slo = &ended.summary()["slos"][1];
                assert_eq!(slo["status"], "inconclusive", "{limit}: {why}");
                assert!(slo["note"].as_str().unwrap().contains(why), "{why}: {slo}");
            });
        }
    });
}

/// Values of any size leave the tables as wide as a terminal.
#[test]
fn huge_values_are_told_in_a_few_letters() {
    let server = target(|_| response(200, "depth 1e300\nheld_bytes 1e300\nw_seconds 1e300\n"));
    let watch = json!({ "watch": ["depth", "held_bytes", "w_seconds"] });
    let limits = ["error_rate < 5%", "target.metric.depth.max < 100"];
    let ended = run(&scenario(&server.url(), 4, &watch, &limits));
    assert_eq!(ended.code(), 3, "{}", stdout(&ended.output));
    let said = stdout(&ended.output);
    assert!(said.contains("1e300") && said.contains("1e291 GB"), "{said}");
    let wide = said.lines().find(|line| line.chars().count() > 100);
    assert_eq!(wide, None);
    let chart = fs::read_to_string(ended.run().join("saturation.svg")).unwrap();
    assert!(!chart.contains(&"0".repeat(30)), "{chart}");
}

#[test]
fn mistakes_in_limits_and_metrics_are_all_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = json!({ "path": "/metrics", "watch": ["my queue", "a", "a",
        { "name": "wait_bucket" }, { "name": "wait", "quantile": 2 }, { "name": "b", "kind": "sum" }] });
    let limits = [
        "target.event_loop_dely.p99 < 50ms",
        "target.metric.aa.max < 1",
        "target.rss < 1MB",
        "target.event_loop_utilisation.max <= 100%",
    ];
    let scenario = scenario("http://127.0.0.1:9", 3, &metrics, &limits);
    let output = finish(&mut command(folder.path(), &scenario, &["check"]));
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{told}");
    for part in [
        "target.event_loop_utilisation.max always holds",
        "\"my queue\" is not the name of a metric",
        "two watched metrics are called \"a\"",
        "\"wait_bucket\" is of a histogram",
        "\"quantile\" must be between 0 and 1",
        "\"kind\" has no choice",
        "did you mean \"target.event_loop_delay\"?",
        "the target has no gauge \"target.metric.aa\"",
        "does not say which of its values",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    assert!(told.lines().filter(|line| line.contains("full.json:1:")).count() >= 8, "{told}");
}

/// The reference API on a PostgreSQL whose queries take 40 ms: a connection of its pool serves not
/// quite 25 of them a second.
fn orders(postgres: &Postgres, pool: u32, slo: &[&str]) -> Value {
    let example = support::root().join("examples/fastify-orders");
    assert!(example.join("node_modules/pg").is_dir(), "npm ci --prefix examples/fastify-orders");
    let port = free_port();
    json!({
        "name": "full",
        "target": {
            "url": format!("http://127.0.0.1:{port}"),
            "command": ["node", "server.js"],
            "cwd": example,
            "env": {
                "DATABASE_URL": postgres.url(),
                "DB_POOL_MAX": pool.to_string(),
                "FAULT_QUERY_MS": "40",
            },
            "ready": { "path": "/health", "within": "60s" },
            "metrics": { "path": "/metrics", "watch": ["db_pool_waiting"] },
            "postgres": { "connection": "${PGSTAT_URL}" },
        },
        "flows": [{ "name": "browse", "steps": [
            {
                "name": "log in", "once": true, "request": "POST /login",
                "json": { "email": "user{{random 1..200}}@orders.test", "password": "demo" },
                "extract": { "token": "$.token" },
            },
            {
                "name": "list orders", "request": "GET /orders?limit=5",
                "headers": { "authorization": "Bearer {{token}}" },
            },
        ] }],
        "load": { "stages": [
            { "for": "3s", "rate": "40/s", "warmup": true },
            { "for": "12s", "rate": "100/s" },
        ] },
        "slo": { "all": slo },
    })
}

/// A walk has one query: 100 a second are a little more than four connections can do, and far from
/// what twenty can.
#[test]
fn the_pool_that_filled_first_is_named() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let limits = ["error_rate < 50%", "target.pool_waiting.mean < 1", "target.rss.max < 2GB"];
    let run = |pool| run_with(&orders(&postgres, pool, &limits), &[("PGSTAT_URL", &url)]);
    let (small, large) = (run(4), run(20));
    let filled = |ended: &Ended| {
        let filled =
            ended.summary()["saturation"]["filled"].as_array().cloned().unwrap_or_default();
        let mut what = filled.iter().map(|it| it["what"].as_str().unwrap().to_owned());
        // Of the machine, all tests together have their part.
        what.find(|what| what != "the machine's CPUs").unwrap_or_default()
    };
    assert_eq!(filled(&small), "the connection pool", "{}", stdout(&small.output));
    assert_ne!(filled(&large), "the connection pool", "{}", stdout(&large.output));
    // Wherever the line is broken.
    let said = stdout(&small.output);
    let words: Vec<&str> = said.split_whitespace().collect();
    assert!(words.join(" ").contains("the connection pool"), "{said}");
    assert_eq!(small.code(), 3, "{}", stdout(&small.output));
    let statuses = |ended: &Ended| -> Vec<String> {
        let slos = ended.summary()["slos"].as_array().unwrap().clone();
        slos.iter().map(|slo| slo["status"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(statuses(&small)[1..], ["missed", "met"]);
    // A busy machine may keep some seconds from being read.
    let [_, waiting, memory] = &statuses(&large)[..] else { panic!("{:?}", statuses(&large)) };
    assert!(waiting != "missed" && memory == "met", "{waiting}, {memory}");
    let active = |ended: &Ended| {
        let active = &ended.summary()["saturation"]["postgres_active"]["max"];
        active.as_f64().unwrap_or_else(|| panic!("{}", ended.summary()["saturation"]))
    };
    assert!((1.0..=4.0).contains(&active(&small)), "{}", active(&small));
    let end = small.record().end.unwrap();
    let slowest =
        &end.statements.first().unwrap_or_else(|| panic!("{}", stdout(&small.output))).text;
    assert_eq!(slowest, "SELECT pg_sleep($1)");
    assert!(!small.everything().contains(&url), "the connection is shown");
}

#[test]
fn a_database_that_refuses_or_is_stuck_is_said_and_holds_nothing_up() {
    let server = target(|number| response(200, &page(number)));
    let postgres = Postgres::start();
    postgres.must("orders", "CREATE ROLE stranger LOGIN");
    let with = |seconds| {
        let limits = ["error_rate < 5%", "target.postgres_active.max < 50"];
        let mut scenario = scenario(&server.url(), seconds, &watch(), &limits);
        scenario["target"]["postgres"] = json!({ "connection": "${PGSTAT_URL}" });
        scenario
    };
    let finding = |ended: &Ended| {
        let findings = ended.summary()["findings"].as_array().unwrap().clone();
        let found = findings.iter().find(|it| it["kind"] == "database_unread").cloned();
        found.map(|found| found["evidence"].as_str().unwrap().to_owned())
    };
    let fine = run_with(&with(4), &[("PGSTAT_URL", &postgres.url())]);
    assert_eq!((fine.code(), finding(&fine)), (0, None), "{}", stdout(&fine.output));
    // Somebody else's sessions are hidden from whoever is not in pg_monitor.
    let mut other = postgres.session();
    let stranger = run_with(&with(4), &[("PGSTAT_URL", &postgres.url_of("stranger"))]);
    assert!(finding(&stranger).unwrap().contains("pg_monitor"), "{}", stdout(&stranger.output));
    assert_eq!(stranger.code(), 5, "hidden sessions are not none");
    let _ = other.kill();
    let _ = other.wait();
    let nobody = "postgres://someone:s3cretword@127.0.0.1:1/orders";
    let refused = run_with(&with(3), &[("PGSTAT_URL", nobody)]);
    assert_eq!(refused.code(), 5, "{}", stdout(&refused.output));
    assert!(finding(&refused).unwrap().contains("error connecting to server"));
    assert!(!refused.everything().contains("s3cretword"));
    postgres.freeze();
    let stuck = run_with(&with(3), &[("PGSTAT_URL", &postgres.url())]);
    assert_eq!(stuck.code(), 5, "{}", stdout(&stuck.output));
    assert!(finding(&stuck).unwrap().contains("no answer within"), "{:?}", finding(&stuck));
}

#[test]
fn a_database_is_watched_over_tls_and_its_certificate_is_looked_at_where_that_is_asked_for() {
    let server = target(|number| response(200, &page(number)));
    let certificates = Certificates::server();
    let text = |name: &str| fs::read_to_string(certificates.path(name)).unwrap();
    let port = support::free_port();
    let _postgres = Postgres::start_encrypted(port, &text("server.pem"), &text("server.key"));
    let limits = ["error_rate < 5%", "target.postgres_active.max < 50"];
    let mut scenario = scenario(&server.url(), 3, &watch(), &limits);
    scenario["target"]["postgres"] = json!({ "connection": "${PGSTAT_URL}" });
    let with = |parameters: &str| {
        let url = format!("postgres://orders@localhost:{port}/orders?{parameters}");
        let ended = run_with(&scenario, &[("PGSTAT_URL", &url)]);
        (ended.code(), stdout(&ended.output))
    };
    let ca = certificates.path("ca.pem").display().to_string();
    for parameters in ["sslmode=require", &format!("sslmode=verify-full&sslrootcert={ca}")] {
        let (code, told) = with(parameters);
        assert_eq!(code, 0, "{parameters}: {told}");
    }
    // The first is refused by the server, the second by us: this machine does not trust it.
    for (parameters, why) in
        [("sslmode=disable", "no encryption"), ("sslmode=verify-full", "UnknownIssuer")]
    {
        let (code, told) = with(parameters);
        assert_eq!(code, 5, "{parameters}: {told}");
        assert!(told.replace('\n', " ").contains(why), "{parameters}: {told}");
    }
}
