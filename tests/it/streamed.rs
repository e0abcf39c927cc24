//! Runs of scenarios whose steps are streams, and what was recorded of them.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;

use loadgate::record::outcome::{Cause, Outcome};
use loadgate::record::phase::Phase;
use loadgate::record::run::RunRecord;
use loadgate::record::store;
use serde_json::{Value, json};

use crate::node_server::NodeServer;
use crate::support::{self, finish, stderr, stdout};
use crate::tls::Certificates;

/// Runs a scenario; what it said and what was recorded.
pub(crate) fn record(scenario: &Value, arguments: &[&str]) -> (String, RunRecord) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("streams.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let out = home.path().join("out");
    let mut command = support::loadgate();
    command.args(["run", "--no-walk"]).arg(&file).arg("-o").arg(&out).args(arguments);
    let output = finish(&mut command);
    let said = format!("{}{}", stdout(&output), stderr(&output));
    assert!(!said.contains("panicked"), "{said}");
    let record =
        store::read(&out.join("streams").join("latest")).unwrap_or_else(|_| panic!("{said}"));
    (said, record)
}

/// How the requests of a step ended, and how many.
pub(crate) fn endings(record: &RunRecord, step: usize) -> Vec<(&'static str, u64)> {
    let sum = |count: &dyn Fn(&loadgate::record::interval::StepCounts) -> u64| {
        record.seconds.iter().map(|second| count(&second.counts()[step])).sum::<u64>()
    };
    let outcomes = Outcome::ALL.map(|it| (it.name(), sum(&|counts| counts.outcome(it))));
    let causes = Cause::ALL.map(|it| (it.name(), sum(&|counts| counts.cause(it))));
    let caused: u64 = causes.iter().map(|(_, number)| number).sum();
    let ok = outcomes.into_iter().filter(|(name, _)| caused == 0 || *name == "ok");
    ok.chain(causes).filter(|(_, number)| *number > 0).collect()
}

/// How many times of a kind a step has, and the longest in milliseconds.
pub(crate) fn times(record: &RunRecord, step: usize, phase: Phase) -> (u64, f64) {
    let mut all = (0, 0.0_f64);
    for second in record.seconds.iter() {
        let times = second.times();
        let Some(histogram) = times.of(phase).nth(step) else { continue };
        let longest = histogram.max().map_or(0.0, |micros| micros / 1e3);
        all = (all.0 + histogram.count(), all.1.max(longest));
    }
    all
}

/// A scenario that asks for each of them again and again, in a flow of its own.
pub(crate) fn scenario(url: &str, steps: &[(String, Value)], seconds: u32, rate: u32) -> Value {
    let flows: Vec<Value> = steps
        .iter()
        .map(|(path, step)| {
            let mut step = step.clone();
            step["name"] = json!(path);
            step["request"] = json!(format!("GET {path}"));
            json!({ "name": path, "steps": [step] })
        })
        .collect();
    json!({
        "name": "streams",
        "target": { "url": url },
        "flows": flows,
        "load": {
            "stages": [{ "for": format!("{seconds}s"), "rate": format!("{rate}/s") }],
            "arrivals": "uniform",
        },
        "slo": { "all": ["p50 < 2s"] },
    })
}

/// How Node's server is reached, and by which protocol.
pub(crate) fn of_node(
    certificates: &Certificates,
    folder: &Path,
    way: &str,
) -> (NodeServer, Value) {
    let (cert, key) = (certificates.path("server.pem"), certificates.path("server.key"));
    let [cert, key] = [cert, key].map(|path| path.to_string_lossy().into_owned());
    let socket = folder.join("app.sock").to_string_lossy().into_owned();
    let tls = [("CERT", cert.as_str()), ("KEY", key.as_str())];
    let env: Vec<(&str, &str)> = match way {
        "https" => tls.to_vec(),
        "h2" => [&tls[..], &[("HTTP2", "1")]].concat(),
        "h2c" => vec![("HTTP2", "1")],
        "unix" => vec![("SOCKET", socket.as_str())],
        _ => vec![],
    };
    let server = NodeServer::start("stream-server.mjs", folder, &env);
    let ca = certificates.path("ca.pem");
    let target = match way {
        "https" => {
            json!({ "url": format!("https://localhost:{}", server.port), "tls": { "ca": ca } })
        }
        "h2" => json!({
            "url": format!("https://localhost:{}", server.port), "tls": { "ca": ca }, "http2": true
        }),
        "h2c" => json!({
            "url": format!("http://127.0.0.1:{}", server.port), "http2": "prior-knowledge"
        }),
        "unix" => json!({ "url": format!("unix:{socket}") }),
        _ => json!({ "url": format!("http://127.0.0.1:{}", server.port) }),
    };
    (server, target)
}
