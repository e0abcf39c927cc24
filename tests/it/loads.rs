//! Several loads at once, recordings and caps against a real server: what arrives there is what the
//! plan says, by however many workers, and a load that does not work is not green.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
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
        let page = fs::read_to_string(ended.run_folder().join("report.html")).unwrap();
        let sine = "2 s in a sine of 50/s ± 30/s every 1 s, which begins at 20/s";
        assert!(page.contains(sine), "{page}");
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
        "stage 2 1s 20/s <-> 80/s every 1s: 50/s ± 30/s about 50 iterations, 100 requests",
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
    for command in ["capacity", "stress"] {
        let said = refused(&folder, &[command]);
        assert!(said.contains("several loads at once: a flow has a \"load\""), "{said}");
        assert!(said.contains("or use loadgate run"), "{said}");
    }
    let said = refused(&folder, &["duet", "--baseline", "http://127.0.0.1:2", "-R", "9/s"]);
    assert!(said.contains("-R is the rate of one load"), "{said}");
}

/// What is said where a command is refused.
#[track_caller]
fn refused(folder: &TempDir, command: &[&str]) -> String {
    let mut loadgate = support::loadgate();
    let (command, more) = command.split_first().unwrap();
    loadgate.arg(command).arg(folder.path().join("loads.json")).args(more);
    let refused = finish(loadgate.current_dir(folder.path()));
    ends_with(&refused, 2);
    stderr(&refused).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn commands_that_choose_the_length_refuse_what_has_one_of_its_own() {
    let mut wanted = scenario("http://127.0.0.1:1");
    wanted["load"]["max_iterations"] = json!(50);
    let capped = place(&wanted, &[]);
    wanted["load"] = json!({ "replay": { "file": "all.csv" } });
    let moments: Vec<String> = (0..40).map(|second| second.to_string()).collect();
    let recorded = place(&wanted, &[("all.csv", &format!("time\n{}\n", moments.join("\n")))]);
    for command in [&["soak"][..], &["duet", "--baseline", "http://127.0.0.1:2"]] {
        let said = refused(&capped, command);
        assert!(said.contains("a cap on iterations"), "{said}");
        let said = refused(&recorded, command);
        assert!(said.contains("has a \"replay\""), "{said}");
    }
}

fn record_of(run: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(run.join("run.json")).unwrap()).unwrap()
}

/// Each row is that of one iteration of either load, by the numbers in their paths.
#[track_caller]
fn each_number_once(server: &TruthServer) {
    let paths = paths(server);
    let mut numbers: Vec<u64> = paths
        .iter()
        .filter(|(path, _)| !path.starts_with("/show"))
        .map(|(path, times)| {
            assert_eq!(*times, 1, "{path}");
            path.split('/').nth(2).unwrap().parse().unwrap()
        })
        .collect();
    numbers.sort_unstable();
    assert!(numbers.windows(2).all(|two| two[0] < two[1]), "{numbers:?}");
}

/// A soak of two loads that is killed and goes on.
#[test]
fn a_soak_plays_each_of_several_loads_for_hours_and_goes_on_with_them() {
    let server = TruthServer::replying(|_| answer(200));
    let mut wanted = scenario(&server.url());
    // One of three seconds that changes, the other of one rate.
    wanted["flows"][1]["load"] = json!({ "stages": [
        { "for": "1s", "rate": "30/s" }, { "for": "1s", "rate": "60/s" }] });
    // Each iteration has a row for itself, also those that a kill has left unwritten.
    wanted["data"] = json!({ "rows": { "file": "rows.csv", "order": "unique" } });
    wanted["flows"][0]["steps"] = json!([
        { "name": "list", "request": "GET /list/{{rows.id}}" },
        { "name": "show", "request": "GET /show/{{rows.id}}" } ]);
    wanted["flows"][1]["steps"] =
        json!([{ "name": "import", "request": "GET /import/{{rows.id}}" }]);
    let rows: String = (0..5_000).map(|row| format!("{row}\n")).collect();
    let folder = place(&wanted, &[("rows.csv", &format!("id\n{rows}"))]);
    let soak = |more: &[&str]| {
        let mut command = support::loadgate();
        command.arg("soak").args(more).current_dir(folder.path());
        command
    };
    let mut first = soak(&["loads.json", "-d", "13s", "--window", "1s", "--no-walk", "-o", "out"]);
    let quiet = std::process::Stdio::null;
    let mut child = first.stdout(quiet()).stderr(quiet()).spawn().unwrap();
    let journal = folder.path().join("out/loads/latest-soak/seconds.jsonl");
    support::eventually("some seconds have passed", || {
        let text = fs::read_to_string(&journal).unwrap_or_default();
        text.lines().filter(|line| line.contains("\"parts\":[")).count() >= 5
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let before = server.asked();
    let ended = finish(&mut soak(&["--resume", "out/loads/latest-soak"]));
    assert!(stderr(&ended).contains("of 13s"), "{}", stderr(&ended));
    assert!(server.asked() > before + 100, "{before}, {}", server.asked());
    each_number_once(&server);

    let run = support::latest(&folder.path().join("out"), "loads").canonicalize().unwrap();
    let record = record_of(&run);
    let load = &record["load"];
    let lengths = |stages: &Value| -> f64 {
        stages.as_array().unwrap().iter().map(|it| it["seconds"].as_f64().unwrap()).sum()
    };
    for stages in [&load["stages"], &load["parts"][0]["stages"], &load["parts"][1]["stages"]] {
        assert!((lengths(stages) - 13.0).abs() < 1e-9, "{stages}");
    }
    // The import's two seconds begin again with the others' three, behind a pause.
    let import = |from: f64, to: f64| {
        let seconds = record["seconds"].as_array().unwrap().iter();
        let own = seconds.filter(|it| (from..to).contains(&it["second"].as_f64().unwrap()));
        own.map(|it| it["series"].as_array().unwrap()[2]["planned"].as_f64().unwrap()).sum::<f64>()
    };
    let (begun, over) = (import(9.0, 10.0) + import(11.0, 12.0), import(10.0, 11.0));
    assert!(begun > 60.0 && over == 0.0, "{begun}, {over}");
}

#[test]
fn a_duet_plays_each_of_several_loads_in_both_arms() {
    let servers = [(); 2].map(|()| TruthServer::replying(|_| answer(200)));
    let mut wanted = scenario(&servers[1].url());
    wanted["load"] = json!({ "stages": [{ "for": "3s", "rate": "40/s" }] });
    wanted["flows"][1]["load"] = json!({ "stages": [{ "for": "3s", "rate": "10/s" }] });
    let folder = place(&wanted, &[]);
    let mut command = support::loadgate();
    command.current_dir(folder.path()).args(["duet", "loads.json", "-o", "out"]);
    command.args(["--baseline", &servers[0].url(), "--metrics", "p50", "--pilot", "0s"]);
    command.args(["--segments", "1", "--segment", "4s", "--warmup", "1s"]);
    let ended = finish(&mut command);
    assert!(matches!(ended.status.code(), Some(0 | 5 | 6)), "{}{}", stdout(&ended), stderr(&ended));
    let arms = servers.each_ref().map(paths);
    let imports = |paths: &BTreeMap<String, u32>| {
        paths.keys().filter(|path| path.starts_with("/import")).count()
    };
    assert_eq!(arms[0], arms[1], "both get the same");
    assert!((20..90).contains(&imports(&arms[0])), "{:?}", arms[0]);
    let run = support::latest(&folder.path().join("out"), "loads");
    let record = record_of(&run.join("segment-1/candidate"));
    assert_eq!(record["load"]["parts"][1]["stages"][1]["from"], 10.0, "{}", record["load"]);
    assert_eq!(record["load"]["parts"][1]["stages"][1]["seconds"], 4.0, "{}", record["load"]);
}
