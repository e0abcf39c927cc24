//! What is lost and goes on: a run that loses a generator and is judged all the same, and one whose
//! coordinator was killed.
#![cfg(all(target_os = "linux", feature = "fleet"))]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;

use loadgate::record::outcome::{Cause, Outcome};
use loadgate::record::run::{EndReason, RunRecord};
use loadgate::scenario::read::load;
use loadgate::schedule::Arrivals;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::fleet::{Truth, disturbed_with, numbers, record, scenario, sum, truth, write};
use crate::nats::Nats;
use crate::support::{ends_with, finish, stderr, stdout};

/// How many requests a scenario of one step begins.
fn due(nats: &Nats, scenario: &Value) -> u64 {
    let path = write(nats.folder.path(), scenario);
    Arrivals::new(&load(&path, &|_| None).unwrap().load).count() as u64
}

/// Of a record in which one of three was lost and the others went on: each request that was due is
/// there once, and those of the lost one that nobody has told of are unsent.
#[track_caller]
fn is_whole(record: &RunRecord, due: u64, came: &BTreeSet<u64>) {
    let end = record.end.clone().unwrap();
    let owed = end.lost[0].unsent.unwrap();
    let [planned, sent, unsent] = sum(record);
    assert_eq!((end.reason, end.lost.len(), planned), (EndReason::Finished, 1, due));
    assert_eq!((unsent, end.scheduled), (owed, record.head.load.seconds()));
    assert!(sent + unsent <= planned && sent <= came.len() as u64, "{sent} {unsent} {planned}");
    let others = (1..=due).filter(|number| (number - 1) % 3 != 1);
    let missing: Vec<u64> = others.filter(|number| !came.contains(number)).collect();
    assert_eq!(missing, Vec::<u64>::new(), "the others sent all of theirs");
    for second in record.seconds.range(..) {
        for counts in second.counts() {
            assert_eq!(counts.cause(Cause::GeneratorLost), counts.outcome(Outcome::Unsent));
        }
    }
}

/// What a run that loses one of three says and records, with objectives of ours.
fn without_one(objective: &str, signal: Signal) -> (Nats, Truth, std::process::Output) {
    let server = truth();
    let mut asked = scenario(&server, 11);
    asked["slo"] = json!({ "all": [objective] });
    let (nats, server, output) =
        disturbed_with((server, &asked), &["--lost", "unsent"], |nats, _, _| {
            nats.signal("eu-1", signal);
        });
    is_whole(&record(nats.folder.path()), due(&nats, &asked), &numbers(&server));
    (nats, server, output)
}

#[test]
fn what_a_lost_generator_owed_is_judged_as_unsent_and_misses_an_objective() {
    let (_nats, _, output) = without_one("error_rate < 5%", Signal::SIGKILL);
    ends_with(&output, 3);
    let said = stdout(&output);
    assert!(said.contains("eu-1 was not heard of") && said.contains("counted as unsent"), "{said}");
    assert!(said.contains("the run goes on, and counts as unsent what it owes"), "{said}");
}

#[test]
fn no_run_passes_that_lost_a_third_of_its_load_whatever_its_objectives_allow() {
    let (nats, server, output) = without_one("p25 < 500ms", Signal::SIGSTOP);
    ends_with(&output, 5);
    assert!(stdout(&output).contains("the target met the rest only"), "{}", stdout(&output));
    // When it goes on it has nothing to send any more.
    let before = numbers(&server);
    nats.signal("eu-1", Signal::SIGCONT);
    let log = nats.folder.path().join("eu-1.log");
    let ended = || std::fs::read_to_string(&log).unwrap().contains("given back");
    crate::support::eventually("it has noticed", ended);
    assert_eq!(numbers(&server), before);
}

#[test]
fn when_all_are_lost_nobody_goes_on() {
    let server = truth();
    let asked = scenario(&server, 30);
    let (nats, _, output) =
        disturbed_with((server, &asked), &["--lost", "unsent"], |nats, _, _| {
            for name in ["eu-0", "eu-1", "eu-2"] {
                nats.signal(name, Signal::SIGKILL);
            }
        });
    ends_with(&output, 6);
    let end = record(nats.folder.path()).end.unwrap();
    assert!(matches!(end.reason, EndReason::GeneratorLost { .. }), "{:?}", end.reason);
    assert!(end.scheduled < 12.0 && end.lost.iter().all(|lost| lost.unsent.is_none()));
}

#[test]
fn users_who_wait_for_answers_owe_nothing_that_could_be_counted() {
    let server = truth();
    let mut asked = scenario(&server, 3);
    asked["load"] = json!({ "stages": [{ "for": "3s", "users": 7 }] });
    let mut nats = Nats::start();
    nats.agent("one", &[], &[]);
    let path = write(nats.folder.path(), &asked);
    let output = finish(nats.run(&path, 1).args(["--lost", "unsent"]));
    ends_with(&output, 2);
    assert!(stderr(&output).contains("give the load a rate"), "{}", stderr(&output));
    assert_eq!(server.asked(), 0);
}
