//! `--fail-fast`: a run ends with the first objective that is missed for certain, says which, loses
//! nothing that was measured, and never passes so.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};

use loadgate::record::run::EndReason;
use loadgate::record::store;
use serde_json::json;

use crate::support;
use crate::truth_server::{Request, TruthServer, response};

/// Each so-many-th answer is a 500.
fn play(every: usize, slos: &[&str]) -> (tempfile::TempDir, PathBuf, Output) {
    let asked = AtomicUsize::new(0);
    let server = TruthServer::replying(move |_: &Request| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        response(if number % every == every - 1 { 500 } else { 200 }, "{}")
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fast.json");
    let scenario = json!({
        "name": "fast",
        "target": { "url": server.url() },
        "flows": [{ "name": "f", "steps": [{ "name": "get", "request": "GET /", "timeout": "2s" }] }],
        "load": { "arrivals": "uniform", "stages": [
            { "for": "1s", "rate": "80/s", "warmup": true }, { "for": "24s", "rate": "80/s" }] },
        "slo": { "all": slos },
    });
    fs::write(&file, scenario.to_string()).unwrap();
    let output = folder.path().join("out");
    let mut command = support::loadgate();
    command.arg("run").arg(&file).arg("--fail-fast").arg("-o").arg(&output);
    let ended = support::finish(&mut command);
    let run = support::latest(&output, "fast");
    (folder, run, ended)
}

#[test]
fn a_run_that_has_missed_an_objective_ends_and_says_why() {
    let (_folder, run, output) = play(4, &["error_rate < 5%"]);
    support::ends_with(&output, 3);
    let record = store::read(&run).unwrap();
    let end = record.end.unwrap();
    let EndReason::FailedFast { detail } = &end.reason else { panic!("{:?}", end.reason) };
    assert!(detail.contains("error_rate < 5% is missed for certain: 25"), "{detail}");
    assert!((17.0..23.0).contains(&end.scheduled), "{} s", end.scheduled);
    assert_eq!(end.abandoned, 0);
    let counts = record.seconds.iter().flat_map(|second| second.counts());
    let (planned, ended) = counts.fold((0, 0), |sum, it| (sum.0 + it.planned, sum.1 + it.ended()));
    assert_eq!(planned, ended, "nothing is lost");
    let said = format!("{}{}", support::stdout(&output), support::stderr(&output));
    assert!(said.contains("ended early by --fail-fast after"), "{said}");
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("as --fail-fast has it: error_rate"));
}

#[test]
fn a_window_too_many_ends_a_run_long_before_chance_is_ruled_out() {
    let (_folder, run, output) = play(4, &["error_rate < 5% for 90% of 4s windows"]);
    support::ends_with(&output, 3);
    let end = store::read(&run).unwrap().end.unwrap();
    let EndReason::FailedFast { detail } = &end.reason else { panic!("{:?}", end.reason) };
    assert!(detail.contains("1 window bad, of the 6 planned no more than 0 may be"), "{detail}");
    assert!((5.0..12.0).contains(&end.scheduled), "{} s", end.scheduled);
}

#[test]
fn one_that_holds_goes_on_to_its_end() {
    let (_folder, run, output) = play(
        100,
        &[
            "error_rate < 5%",
            "error_rate < 5% for 90% of 4s windows",
            "goodput >= 70/s",
            "p99 < 1s for 90% of 4s windows",
            "max < 1500ms",
        ],
    );
    support::ends_with(&output, 0);
    assert_eq!(store::read(&run).unwrap().end.unwrap().reason, EndReason::Finished);
}
