//! Several loads at once, recordings and caps against a real server: what arrives there is what the
//! plan says, by however many workers, and a load that does not work is not green.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{self, ends_with, finish, stderr, stdout};
use crate::truth_server::{Act, TruthServer, after, response};

struct Ended {
    folder: TempDir,
    output: Output,
    summary: Value,
}

impl Ended {
    fn run_folder(&self) -> PathBuf {
        support::latest(&self.folder.path().join("out"), "loads")
    }

    fn said(&self) -> String {
        format!("{}{}", stdout(&self.output), stderr(&self.output))
    }
}

fn answer(status: u16) -> Vec<Act> {
    after(Duration::from_millis(1), response(status, "{}"))
}

/// A flow of two requests in one load and a flow of one in another.
fn scenario(url: &str) -> Value {
    json!({
        "name": "loads",
        "target": { "url": url },
        "flows": [
            { "name": "browse", "steps": [
                { "name": "list", "request": "GET /list/{{iteration}}/{{random 1..9999}}" },
                { "name": "show", "request": "GET /show/{{iteration}}" } ] },
            { "name": "import", "load": { "stages": [
                { "for": "1s", "pause": true }, { "for": "2s", "rate": "30/s" }] },
              "steps": [{ "name": "import", "request": "GET /import/{{iteration}}" }] }
        ],
        "load": { "seed": 5, "stages": [
            { "for": "1s", "rate": "40/s", "warmup": true },
            { "for": "2s", "rate": "20/s <-> 80/s every 1s" }] },
        "slo": { "all": ["error_rate < 20%"] }
    })
}

fn place(scenario: &Value, files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    fs::write(folder.path().join("loads.json"), scenario.to_string()).unwrap();
    folder
}

fn run(scenario: &Value, files: &[(&str, &str)]) -> Ended {
    let folder = place(scenario, files);
    let mut command = support::loadgate();
    command.arg("run").arg(folder.path().join("loads.json")).arg("--no-walk");
    command.arg("-o").arg(folder.path().join("out"));
    let output = finish(&mut command);
    let run = support::latest(&folder.path().join("out"), "loads");
    assert!(run.join("summary.json").exists(), "{}", stderr(&output));
    Ended { output, summary: support::summary(&run), folder }
}

/// How often each path arrived.
fn paths(server: &TruthServer) -> BTreeMap<String, u32> {
    let mut all = BTreeMap::new();
    for seen in server.log() {
        *all.entry(seen.request.path().to_owned()).or_default() += 1;
    }
    all
}

#[test]
fn any_number_of_workers_sends_the_same_requests_of_all_loads() {
    let mut found = Vec::new();
    for workers in 1..=4 {
        let server = TruthServer::replying(|_| answer(200));
        let mut wanted = scenario(&server.url());
        wanted["limits"] = json!({ "workers": workers });
        let ended = run(&wanted, &[]);
        ends_with(&ended.output, 0);
        let loads = &ended.summary["loads"];
        assert_eq!((&loads[0]["name"], &loads[1]["name"]), (&json!("browse"), &json!("import")));
        assert_eq!(loads[1]["planned_rate"], 30.0, "{loads}");
        assert!(loads.as_array().unwrap().iter().all(|it| it["error_rate"] == 0.0), "{loads}");
        assert!(stdout(&ended.output).contains("import"), "{}", ended.said());
        found.push(paths(&server));
    }
    let imports = found[0].keys().filter(|path| path.starts_with("/import")).count();
    assert!((30..=90).contains(&imports), "{imports}");
    assert!(found[0].values().all(|times| *times == 1), "{:?}", found[0]);
    assert!(found.iter().all(|other| *other == found[0]), "the same for 1 to 4 workers");
}

#[test]
fn a_load_whose_flow_never_works_makes_no_run() {
    let server = TruthServer::replying(|request| {
        answer(if request.path().starts_with("/import") { 404 } else { 200 })
    });
    let mut wanted = scenario(&server.url());
    wanted["slo"] = json!({ "all": ["error_rate < 90%"] });
    let ended = run(&wanted, &[]);
    ends_with(&ended.output, 6);
    let reasons = ended.summary["reasons"].to_string();
    assert!(reasons.contains("import"), "{reasons}");
}

#[test]
fn a_recording_arrives_as_it_was_and_a_cap_is_told() {
    let server = TruthServer::replying(|_| answer(200));
    let mut wanted = scenario(&server.url());
    wanted["load"] = json!({ "replay": { "file": "all.csv", "speed": 2 }, "max_duration": "2s" });
    wanted["flows"] = json!([{ "name": "browse", "steps": [
        { "name": "get", "request": "GET /{{iteration}}" }] }]);
    let times: Vec<String> = (0..60).map(|n| format!("{}.5", f64::from(n * n) / 600.0)).collect();
    let times: Vec<String> = times.iter().map(|it| it.trim_end_matches(".5").to_owned()).collect();
    let ended = run(&wanted, &[("all.csv", &format!("time\n{}\n", times.join("\n")))]);
    ends_with(&ended.output, 0);
    let mut log = server.log();
    log.sort_by_key(|seen| seen.arrived);
    // n² ÷ 1,200 s: 48 before the end of the second second.
    assert_eq!(log.len(), 49, "{:?}", paths(&server).keys());
    let begin = log[0].arrived;
    for (n, seen) in log.iter().enumerate() {
        let due = Duration::from_secs_f64((n * n) as f64 / 1_200.0);
        let late = (seen.arrived - begin) as f64 / 1e9 - due.as_secs_f64();
        assert!(late.abs() < 0.25, "{n}: {late} s");
    }
    let page = fs::read_to_string(ended.run_folder().join("summary.md")).unwrap();
    assert!(page.contains("as planned: max") && page.contains("of 3"), "{page}");
    let page = fs::read_to_string(ended.run_folder().join("report.html")).unwrap();
    assert!(page.contains("60 recorded moments") || page.contains("49 recorded moments"), "{page}");
}

#[test]
fn so_many_iterations_and_no_more() {
    let server = TruthServer::replying(|_| answer(200));
    let mut wanted = scenario(&server.url());
    wanted["load"]["max_iterations"] = json!(100);
    wanted["limits"] = json!({ "workers": 2 });
    let ended = run(&wanted, &[]);
    let begun = paths(&server).keys().filter(|path| !path.starts_with("/show")).count();
    assert!((80..=100).contains(&begun), "{begun}: {}", ended.said());
    assert!(ended.said().contains("a cap of 100 iterations"), "{}", ended.said());
}

#[test]
fn what_is_planned_is_drawn_and_what_cannot_be_shown_is_said() {
    let mut wanted = scenario("http://127.0.0.1:1");
    wanted["slo"] = json!({ "all": ["p99 < 1s"], "steps": { "import": ["p99 < 1s"] } });
    wanted["load"]["max_duration"] = json!("2s");
    let folder = place(&wanted, &[]);
    let checked = finish(support::loadgate().arg("check").arg(folder.path().join("loads.json")));
    ends_with(&checked, 0);
    let text = stdout(&checked);
    for said in [
        "ends early by \"max_duration\": its stages would last 3s",
        "browse: Poisson arrivals",
        "import: Poisson arrivals",
        "iterations, ",
        "inconclusive: 30 requests, at least 299 are needed for 1%; the load is capped",
        "░ warm-up",
    ] {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(said.trim_end()), "{said}: {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn commands_that_choose_the_rate_refuse_several_loads() {
    let folder = place(&scenario("http://127.0.0.1:1"), &[]);
    for command in ["capacity", "stress", "soak"] {
        let mut loadgate = support::loadgate();
        loadgate.arg(command).arg(folder.path().join("loads.json")).current_dir(folder.path());
        let refused = finish(&mut loadgate);
        ends_with(&refused, 2);
        assert!(stderr(&refused).contains("several loads at once"), "{}", stderr(&refused));
    }
}
