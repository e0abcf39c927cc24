//! Several generators stay for one load after the other: a search for capacity, a stress test.
#![cfg(all(target_os = "linux", feature = "fleet"))]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use loadgate::record::run::RunRecord;
use loadgate::record::store;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::fleet::{Truth, numbers, scenario, sum, truth, write};
use crate::nats::Nats;
use crate::support::{self, ends_with, eventually, finish, stderr, stdout};

const SEARCH: [&str; 12] = [
    "--from",
    "60/s",
    "--to",
    "80/s",
    "--trial",
    "3s",
    "--confirm",
    "0s",
    "--warmup",
    "0s",
    "--within",
    "90s",
];
const STRESS: [&str; 14] = [
    "--from",
    "60/s",
    "--max-rate",
    "120/s",
    "--growth",
    "100%",
    "--step",
    "4s",
    "--warmup",
    "2s",
    "--hold",
    "4s",
    "--repeats",
    "1",
];

fn shared(nats: &Nats, command: &str, path: &Path, more: &[&str]) -> Command {
    let mut asked = support::loadgate();
    asked.arg(command).arg(path).args(["--generators", "2", "--via", &nats.url(), "-o"]);
    asked.arg(nats.folder.path().join("out")).args(more);
    asked
}

fn two(more: &[&str]) -> (Truth, Nats, PathBuf) {
    let (server, mut nats) = (truth(), Nats::start());
    for name in ["one", "two"] {
        nats.agent(name, more, &[]);
    }
    let path = write(nats.folder.path(), &scenario(&server, 3));
    (server, nats, path)
}

fn found(nats: &Nats, latest: &str, file: &str) -> (PathBuf, Value) {
    let folder = nats.folder.path().join("out/shared").join(latest);
    let text = fs::read_to_string(folder.join(file)).unwrap();
    (folder, serde_json::from_str(&text).unwrap())
}

fn trials(folder: &Path) -> Vec<RunRecord> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(folder.join("trials")).unwrap().map(|it| it.unwrap().path()).collect();
    folders.sort();
    folders.iter().map(|folder| store::read(folder).unwrap()).collect()
}

/// The agents take part in a run, as they are free again.
#[track_caller]
fn are_free(nats: &Nats, path: &Path) {
    let mut slower: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    for stage in slower["load"]["stages"].as_array_mut().unwrap() {
        stage["rate"] = json!("60/s");
    }
    fs::write(path, slower.to_string()).unwrap();
    let again = finish(shared(nats, "run", path, &["--quiet"]).arg("--no-walk"));
    ends_with(&again, 0);
}

#[test]
fn a_search_for_capacity_is_shared_trial_by_trial_by_the_same_agents() {
    let (server, nats, path) = two(&["--max-rate", "40"]);
    let output = finish(&mut shared(&nats, "capacity", &path, &SEARCH));
    ends_with(&output, 0);
    let (folder, file) = found(&nats, "latest-capacity", "capacity.json");
    assert_eq!(file["end"], json!("finished"), "{file}");
    let trials = trials(&folder);
    assert!(trials.len() >= 2 && trials.len() == file["trials"].as_array().unwrap().len());
    let mut iterations = 0;
    for trial in &trials {
        assert_eq!(trial.head.generators.len(), 2);
        let names: Vec<&str> = trial.head.generators.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["one", "two"]);
        iterations += trial.end.as_ref().unwrap().iterations;
    }
    // Iterations have the numbers behind those of the trials before, as on one machine.
    let came: BTreeSet<u64> = numbers(&server);
    let least = *came.first().unwrap();
    assert!(came.len() as u64 >= iterations, "{} {iterations}", came.len());
    assert_eq!(came.last().unwrap() - least + 1, came.len() as u64, "no number is left out");
    are_free(&nats, &path);
}

/// The search ended by itself, names the trial and the agent, and passes for nothing.
#[track_caller]
fn is_void(output: &Output, words: &[&str]) {
    ends_with(output, 6);
    for word in words {
        assert!(stdout(output).contains(word), "{word}: {}", stdout(output));
    }
}

#[test]
fn a_generator_that_is_lost_ends_the_search_and_its_trial_bounds_nothing() {
    let (server, nats, path) = two(&[]);
    let mut search = shared(&nats, "capacity", &path, &SEARCH);
    let printed = nats.folder.path().join("printed");
    let file = || fs::File::options().append(true).create(true).open(&printed).unwrap();
    let mut search = search.stdout(file()).stderr(file()).spawn().unwrap();
    let folder = nats.folder.path().join("out/shared/latest-capacity");
    eventually("the second trial is under way", || {
        let seconds = fs::read_to_string(folder.join("trials/002/run.jsonl")).unwrap_or_default();
        folder.join("trials/002").is_dir() && (seconds.len() > 10 || server.asked() > 350)
    });
    std::thread::sleep(std::time::Duration::from_secs(2));
    nats.signal("two", Signal::SIGKILL);
    let status = support::wait(&mut search);
    let output = Output { status, stdout: fs::read(&printed).unwrap(), stderr: Vec::new() };
    is_void(&output, &["two", "lost"]);
    let (_, file) = found(&nats, "latest-capacity", "capacity.json");
    let detail = file["end"]["generator_lost"]["detail"].as_str().unwrap();
    assert!(detail.starts_with("trial ") && detail.contains("two"), "{detail}");
    assert_eq!(file["verdict"], json!("invalid"));
    let trials = file["trials"].as_array().unwrap();
    assert_eq!(trials.last().unwrap()["class"], json!("void"), "{file}");
    assert!(trials[..trials.len() - 1].iter().all(|trial| trial["class"] == json!("good")));
    assert_eq!(file["found"]["high"], Value::Null, "nothing is known to be too much");
}

#[test]
fn a_stress_test_steers_several_generators_as_it_steers_one() {
    let (server, nats, path) = two(&[]);
    let output = finish(&mut shared(&nats, "stress", &path, &STRESS));
    ends_with(&output, 0);
    let (folder, file) = found(&nats, "latest-stress", "stress.json");
    let repeat = &file["repeats"][0];
    assert_eq!((&file["end"], &repeat["end"]), (&json!("finished"), &json!("highest_rate")));
    let rates: Vec<f64> = repeat["phases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["rate"].as_f64().unwrap())
        .collect();
    assert_eq!(rates, [60.0, 60.0, 120.0]);
    let from = repeat["phases"][2]["from"].as_u64().unwrap();
    let record = store::read(&folder.join("repeat-1")).unwrap();
    assert_eq!(record.head.generators.len(), 2);
    let due = |from: u64, until: u64| -> f64 {
        let seconds = record.seconds.range(from as u32..until as u32);
        let due: u64 = seconds.flat_map(|it| it.counts().into_iter().map(|it| it.planned)).sum();
        due as f64 / (until - from) as f64
    };
    let (before, after) = (due(2, from), due(from, from + 3));
    assert!((before - 60.0).abs() < 12.0, "{before}");
    assert!((after - 120.0).abs() < 24.0, "{after}");
    // No second was missed, so none is called late.
    let seconds = repeat["seconds"].as_array().unwrap();
    let late = seconds.iter().filter(|it| it["late"] == json!(true)).count();
    assert!(late <= 1, "{late} of {}", seconds.len());
    let (came, [planned, sent, unsent]) = (numbers(&server), sum(&record));
    // Numbers before the first one are those of the walk.
    let (first, last) = (*came.first().unwrap(), *came.last().unwrap());
    let lacking: Vec<u64> = (first..last).filter(|number| !came.contains(number)).collect();
    assert_eq!((last + 1 - first, came.len() as u64), (planned, sent), "{lacking:?}");
    assert!(planned == sent + unsent && unsent <= planned / 50, "{planned} {sent} {unsent}");
    are_free(&nats, &path);
}

#[test]
fn a_generator_that_is_lost_ends_a_stress_test_without_a_verdict() {
    let (server, nats, path) = two(&[]);
    let mut asked: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    asked["slo"] = json!({ "all": ["p50 < 500ms", "breaking_rate >= 70/s"] });
    fs::write(&path, asked.to_string()).unwrap();
    let mut stress = shared(&nats, "stress", &path, &STRESS);
    let printed = nats.folder.path().join("printed");
    let file = || fs::File::options().append(true).create(true).open(&printed).unwrap();
    let mut stress = stress.stdout(file()).stderr(file()).spawn().unwrap();
    eventually("the load is under way", || server.asked() > 200);
    nats.signal("two", Signal::SIGSTOP);
    let status = support::wait(&mut stress);
    nats.signal("two", Signal::SIGCONT);
    let output = Output { status, stdout: fs::read(&printed).unwrap(), stderr: Vec::new() };
    is_void(&output, &["repeat 1", "two"]);
    let (_, file) = found(&nats, "latest-stress", "stress.json");
    assert!(file["end"]["generator_lost"].is_object(), "{}", file["end"]);
    assert_eq!(file["repeats"], json!([]), "what it measured counts for nothing");
}

#[test]
fn nothing_is_sent_where_a_rate_is_beyond_what_an_agent_may_begin() {
    let (server, nats, path) = two(&["--max-rate", "59"]);
    let output = finish(&mut shared(&nats, "stress", &path, &STRESS));
    ends_with(&output, 1);
    let said = stderr(&output);
    assert!(
        said.contains("60/s") && said.contains("59/s") && said.contains("--max-rate"),
        "{said}"
    );
    assert_eq!(server.asked(), 0);
    let other = path.with_file_name("other.json");
    let text = fs::read_to_string(&path).unwrap().replace("GET /s/", "GET /s/${FLEET_UNSET}");
    fs::write(&other, text).unwrap();
    let mut search = shared(&nats, "capacity", &other, &SEARCH);
    let output = finish(search.env("FLEET_UNSET", "here"));
    ends_with(&output, 2);
    assert!(stderr(&output).contains("FLEET_UNSET"), "{}", stderr(&output));
    assert_eq!(server.asked(), 0);
}
