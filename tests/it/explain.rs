//! Every finding, outcome, verdict, metric and exit code has a text in `loadgate explain`:
//! they are read from the sources, so that a new one cannot be forgotten.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use loadgate::analysis::assessment::Verdict;
use loadgate::explain::{Group, entries, find};
use loadgate::record::outcome::Outcome;

use crate::support::{self, stderr, stdout};

fn names(group: Group) -> Vec<&'static str> {
    entries(group).iter().flat_map(|entry| entry.names).copied().collect()
}

/// The texts of all files of a folder, without their tests.
fn texts(folder: &Path, out: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts(&path, out);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            out.push_str(text.split("#[cfg(test)]\nmod").next().unwrap());
        }
    }
}

#[test]
fn every_finding_has_a_text() {
    let mut text = String::new();
    texts(&support::root().join("src/analysis"), &mut text);
    let made: BTreeSet<&str> = text
        .split("finding(")
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .collect();
    assert!(made.len() > 20, "{made:?}");
    let known = names(Group::Findings);
    for kind in &made {
        assert!(known.contains(kind), "{kind} has no text in src/explain/findings.rs");
    }
    for entry in entries(Group::Findings) {
        assert!(made.contains(entry.names[0]), "no finding is called {}", entry.names[0]);
    }
}

#[test]
fn every_result_has_a_text() {
    for outcome in Outcome::ALL {
        assert!(names(Group::Outcomes).contains(&outcome.name()), "{}", outcome.name());
    }
    let verdicts = [
        Verdict::Pass,
        Verdict::SloMissed,
        Verdict::Regressed,
        Verdict::Inconclusive,
        Verdict::Invalid,
        Verdict::TargetLost,
    ];
    for verdict in verdicts {
        assert!(names(Group::Verdicts).contains(&verdict.name()), "{}", verdict.name());
    }
    for line in loadgate::cli::exit::TABLE.lines().skip(1) {
        let code = line.split_whitespace().next().unwrap();
        assert!(names(Group::ExitCodes).contains(&code), "exit code {code}");
    }
    let objectives = support::root().join("src/scenario/convert/objectives.rs");
    let text = fs::read_to_string(objectives).unwrap();
    let rates = text.lines().filter_map(|line| line.trim().strip_prefix("(\"")?.split('"').next());
    let rates: Vec<&str> = rates.filter(|name| name.ends_with("_rate")).collect();
    assert_eq!(rates.len(), 8);
    for name in rates.into_iter().chain(["availability", "p50", "p95", "p99", "max"]) {
        assert!(names(Group::Metrics).contains(&name), "{name}");
    }
}

#[test]
fn the_vocabulary_has_the_words() {
    let page = fs::read_to_string(support::root().join("docs/vocabulary.md")).unwrap();
    let page = page.to_lowercase();
    for word in names(Group::Words) {
        assert!(page.contains(&word.to_lowercase()), "{word} is not in docs/vocabulary.md");
    }
}

#[test]
fn words_are_explained_listed_and_corrected() {
    let output = support::run(&["explain", "p95"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    for text in ["p95 (also: p50", "Why it matters: ", "What to do: "] {
        assert!(said.contains(text), "{said}");
    }
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    let output = support::run(&["explain", "send", "lag"]);
    assert!(stdout(&output).starts_with("send_lag"), "{}", stdout(&output));
    let all = stdout(&support::run(&["explain"]));
    let all = all.split_whitespace().collect::<Vec<_>>().join(" ");
    for group in Group::ALL {
        assert!(entries(group).iter().all(|entry| all.contains(entry.names[0])), "{all}");
    }
    let output = support::run(&["explain", "inconclusiv"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean \"inconclusive\"?"), "{}", stderr(&output));
    assert!(find("no such word").is_err());
}
