//! `loadgate plan` and `loadgate report --template`: what they print, write and refuse.

use std::fs;
use std::process::Output;

use serde_json::Value;

use super::support::{self, stderr, stdout};

const PEAK: [&str; 6] = ["--peak", "250/s", "--growth", "8%/month", "--today", "2026-03-01"];

/// A search, but for what it found.
const SEARCH: &str = r#"{
  "version": 1, "scenario": "orders", "started": "", "target": "", "objectives": [],
  "fingerprint": { "cpu": "", "cores": 2, "system": "", "loadgate": "", "receive_clock": "",
    "scenario_hash": "", "arrivals": "poisson", "seed": 1, "stages": [] },
  "asked": { "start": 1, "lowest": 1, "highest": 9, "highest_is_machines": false,
    "trial_arrivals": 1, "shortest_trial": 1, "longest_trial": 1, "lead": 1, "warmup": 1,
    "confirmation": 1, "within": 1, "restarts": false, "at_least": null, "tolerance": 0.1 },
  "baseline": null, "trials": [], "notes": [], "found": FOUND, "verdict": "found", "reasons": [],
  "moved": [], "end": "finished" }"#;

fn plan(capacity: &str, more: &[&str]) -> Output {
    let base: Vec<&str> = ["plan", "--capacity", capacity].into_iter().chain(PEAK).collect();
    support::run(&[&base, more].concat())
}

#[track_caller]
fn refused(arguments: &[&str], texts: &[&str]) {
    let output = support::run(arguments);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}{}", stdout(&output));
    for text in texts {
        assert!(said.contains(text), "{arguments:?} does not say {text:?}:\n{said}");
    }
}

#[test]
fn a_plan_is_printed_and_written_and_its_json_is_as_the_schema_says() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path().join("plans/q2");
    let shown = folder.to_str().expect("a plain path");
    let output = plan("400/s..430/s", &["--price", "0.12", "--currency", "EUR", "-o", shown]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}{}", stderr(&output));
    assert!(said.contains("between 2026-04-14 and 2026-05-13"), "{said}");
    assert!(said.lines().all(|line| line.contains(shown) || line.chars().count() <= 80), "{said}");
    for name in ["summary.md", "report.html", "junit.xml", "demand.svg", "plan.json"] {
        assert!(folder.join(name).is_file(), "{name}");
    }
    let text = fs::read_to_string(folder.join("plan.json")).expect("it was written");
    let json = plan("400/s..430/s", &["--price", "0.12", "--currency", "EUR", "--json"]);
    assert_eq!(stdout(&json), text);
    let schema = stdout(&support::run(&["schema", "plan"]));
    let path = support::root().join("schemas/plan.schema.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &schema).expect("the schema can be written");
    }
    let stored = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(stored, schema, "`loadgate schema plan` writes schemas/plan.schema.json");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    assert!(jsonschema::validator_for(&schema).expect("a schema").is_valid(&file), "{file:#}");
}

#[test]
fn the_exit_code_says_whether_there_is_headroom_today() {
    for (capacity, code, said) in [
        ("400/s..430/s", 0, "HEADROOM"),
        ("340/s..430/s", 5, "HEADROOM UNSURE"),
        ("300/s..320/s", 3, "NO HEADROOM"),
        ("400/s..", 0, "or later"),
    ] {
        let output = plan(capacity, &[]);
        let text = stdout(&output);
        assert_eq!(output.status.code(), Some(code), "{capacity}: {text}");
        assert!(text.contains(said) && text.contains(&format!("exit code  {code}")), "{text}");
    }
}

#[test]
fn the_folder_of_a_search_is_a_capacity() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = place.path().join("capacity.json");
    let shown = place.path().to_str().expect("a plain path");
    let write = |found: &str| {
        fs::write(&file, SEARCH.replace("FOUND", found)).expect("it can be written");
    };
    write(r#"{"low": 400.0, "high": 430.0, "confirmed": 380.0}"#);
    let said = stdout(&plan(shown, &[]));
    assert!(said.starts_with("HEADROOM  orders") && said.contains("2026-04-14"), "{said}");
    assert_eq!(stdout(&plan(file.to_str().expect("a plain path"), &[])), said);
    let arguments: Vec<&str> = ["plan", "--capacity", shown].into_iter().chain(PEAK).collect();
    write(r#"{"low": null, "high": 3.0}"#);
    refused(&arguments, &["no rate was within the objectives", "search again"]);
    write(r#"{"low": 400.0, "high": 430.0}"#);
    refused(&arguments, &["no longer run has confirmed", "--capacity 400/s..430/s"]);
    fs::write(&file, "{}").expect("it can be written");
    refused(&arguments, &["not a search for capacity", "name the folder"]);
}

#[test]
fn what_is_no_regular_file_is_refused_and_not_waited_for() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let pipe = place.path().join("capacity.json");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let shown = place.path().to_str().expect("a plain path");
    let arguments: Vec<&str> = ["plan", "--capacity", shown].into_iter().chain(PEAK).collect();
    refused(&arguments, &["no regular file"]);
    refused(&["report", pipe.to_str().expect("a plain path")], &["no regular file"]);
}

#[test]
fn what_is_no_plan_is_a_usage_error() {
    let with = |more: &[&'static str]| -> Vec<&'static str> {
        let base = ["plan", "--capacity", "400/s..430/s", "--peak", "250/s"];
        [&base, more].concat()
    };
    refused(&with(&["--growth", "8%"]), &["--growth", "8%/month"]);
    refused(&with(&["--growth", "8%/month", "--ceiling", "170%"]), &["at most 100 %"]);
    refused(&with(&["--growth", "8%/month", "--today", "2026-02-30"]), &["such as 2026-03-01"]);
    refused(&with(&["--growth", "8%/month", "--spare", "1"]), &["--spare 1 of --instances 1"]);
    refused(&with(&["--growth", "8%/month", "--mean", "9/s"]), &["--price"]);
    refused(
        &["plan", "--capacity", "reports/nowhere", "--peak", "9/s", "--growth", "8%/month"],
        &["no such file or folder", "400/s..430/s"],
    );
    refused(
        &["plan", "--capacity", "430/s..400/s", "--peak", "9/s", "--growth", "8%/month"],
        &["lower bound comes first"],
    );
    refused(
        &["plan", "--capacity", "9/s", "--peak", "0/s", "--growth", "8%/month"],
        &["a rate above zero"],
    );
}

#[test]
fn growth_that_is_none_never_reaches_the_capacity() {
    for growth in ["0%/month", "-3%/year"] {
        let arguments =
            ["plan", "--capacity", "400/s..430/s", "--peak", "250/s", "--growth", growth];
        let output = support::run(&arguments);
        let said = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{said}{}", stderr(&output));
        assert!(said.contains("does not end: demand does not grow"), "{said}");
    }
}

// ---- A page that a team keeps ---------------------------------------------------------

#[test]
fn a_page_is_filled_from_a_run_and_nothing_is_written() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let example = support::root().join("reports/example");
    for name in ["run.json", "intervals.hlog"] {
        fs::copy(example.join(name), place.path().join(name)).expect("it can be copied");
    }
    let shown = place.path().to_str().expect("a plain path");
    let whole = support::run(&["report", shown, "-q", "-o", &format!("{shown}/again")]);
    fs::remove_dir_all(place.path().join("again")).expect("it was written");
    let output = support::run(&["report", shown, "--template", "docs"]);
    let page = stdout(&output);
    assert_eq!(output.status.code(), whole.status.code(), "{}", stderr(&output));
    assert!(page.starts_with("# Performance gate\n") && page.contains("| target |"), "{page}");
    assert!(page.contains("**fastest burn:**") && !page.contains("Not filled yet"), "{page}");
    assert_eq!(fs::read_dir(place.path()).expect("a folder").count(), 2);
    let own = place.path().join("page.md");
    fs::write(&own, "# Ours\n<!-- loadgate: Run -->\n<!-- /loadgate -->\n").expect("a page");
    let own = own.to_str().expect("a plain path");
    let page = stdout(&support::run(&["report", shown, "--template", own]));
    assert!(page.starts_with("# Ours\n") && page.contains("| target |"), "{page}");
}

#[test]
fn a_page_that_cannot_be_filled_is_a_usage_error() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let page = place.path().join("page.md");
    fs::write(&page, "# Ours\n").expect("a page");
    let page = page.to_str().expect("a plain path");
    refused(&["report", "reports/example", "--template", page], &["<!-- loadgate: Objectives -->"]);
    refused(&["report", "reports/example", "--template", "nowhere.md"], &["nowhere.md", "docs"]);
    refused(
        &["report", "nowhere", "--template", "docs"],
        &["nowhere", "name the folder that loadgate wrote"],
    );
    refused(&["report", "reports/example", "--template", "docs", "--json"], &["--json"]);
}
