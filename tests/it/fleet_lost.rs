//! What is lost and goes on: a run that loses a generator and is judged all the same, and one whose
//! coordinator was killed.
#![cfg(all(target_os = "linux", feature = "fleet"))]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use loadgate::record::outcome::{Cause, Outcome};
use loadgate::record::run::{EndReason, RunRecord};
use loadgate::scenario::read::load;
use loadgate::schedule::Arrivals;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::fleet::{
    RATE, Truth, came, disturbed_with, numbers, record, scenario, sum, truth, truth_of, write,
};
use crate::nats::Nats;
use crate::support::{self, ends_with, eventually, finish, stderr, stdout};
use crate::truth_server::{Act, response};

/// How many requests a scenario of one step begins.
fn due(nats: &Nats, scenario: &Value) -> u64 {
    let path = write(nats.folder.path(), scenario);
    Arrivals::new(&load(&path, &|_| None).unwrap().load).count() as u64
}

/// What was printed, whatever the width of a line.
fn in_one_line(output: &Output) -> String {
    stdout(output).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Of a record in which one of three was lost and the others went on: each request that was due is
/// there once, and those of the lost one that nobody has told of are unsent.
#[track_caller]
fn is_whole(record: &RunRecord, due: u64, came: &BTreeSet<u64>) {
    let end = record.end.clone().unwrap();
    let owed = end.lost[0].unsent.unwrap();
    let [planned, sent, unsent] = sum(record);
    assert_eq!((end.reason, end.lost.len(), planned), (EndReason::Finished, 1, due));
    assert_eq!((end.abandoned, end.scheduled), (0, record.head.load.seconds()));
    let mut lost = 0;
    assert!(sent + unsent <= planned && sent <= came.len() as u64, "{sent} {unsent} {planned}");
    let others = (1..=due).filter(|number| (number - 1) % 3 != 1);
    let missing: Vec<u64> = others.filter(|number| !came.contains(number)).collect();
    assert_eq!(missing, Vec::<u64>::new(), "the others sent all of theirs");
    for second in record.seconds.range(..) {
        for counts in second.counts() {
            let unanswered = counts.outcome(Outcome::TransportError);
            let unsent = counts.outcome(Outcome::Unsent);
            assert_eq!(counts.cause(Cause::GeneratorLost), unsent + unanswered);
            assert_eq!(counts.ended(), counts.planned, "each has an end");
            lost += unsent + unanswered;
        }
    }
    assert!(lost == owed && unsent > 100, "{lost} {owed} {unsent}");
}

/// What a run that loses one of three says and records, with objectives of ours.
fn without_one(objective: &str, signal: Signal) -> (Nats, Truth, std::process::Output) {
    // Some are always under way, of which nobody hears the end.
    let server = truth_of(|_| {
        let wait = Act::Wait(Duration::from_millis(150));
        [vec![wait], response(200, "{}")].concat()
    });
    let mut asked = scenario(&server, 11);
    asked["slo"] = json!({ "all": [objective] });
    let (nats, server, output) =
        disturbed_with((server, &asked), &["--lost", "unsent"], |nats, _, _| {
            nats.signal("eu-1", signal);
            if signal == Signal::SIGSTOP {
                // What it tells when it goes on is counted as unsent by then.
                std::thread::sleep(Duration::from_millis(4_500));
                nats.signal("eu-1", Signal::SIGCONT);
            }
        });
    is_whole(&record(nats.folder.path()), due(&nats, &asked), &numbers(&server));
    (nats, server, output)
}

#[test]
fn what_a_lost_generator_owed_is_judged_as_unsent_and_misses_an_objective() {
    let (_nats, _, output) = without_one("error_rate < 5%", Signal::SIGKILL);
    ends_with(&output, 3);
    let said = in_one_line(&output);
    assert!(said.contains("eu-1 was not heard of") && said.contains("counted as unsent"), "{said}");
    assert!(said.contains("the run goes on, and counts as unsent what it owes"), "{said}");
}

#[test]
fn no_run_passes_that_lost_a_third_of_its_load_whatever_its_objectives_allow() {
    let (nats, server, output) = without_one("p25 < 500ms", Signal::SIGSTOP);
    ends_with(&output, 5);
    let said = in_one_line(&output);
    assert!(said.contains("the target met the rest only"), "{said}");
    // When it goes on it has nothing to send any more.
    let before = numbers(&server);
    nats.signal("eu-1", Signal::SIGCONT);
    let log = nats.folder.path().join("eu-1.log");
    let ended = || {
        let said = fs::read_to_string(&log).unwrap();
        said.contains("given back") || said.contains("done")
    };
    eventually("it has noticed", ended);
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

/// A run of a minute whose coordinator is sent a signal when the load has begun.
fn without_coordinator(signal: Signal) -> (Nats, Truth, std::process::Child) {
    let (server, mut nats) = (truth(), Nats::start());
    for name in ["eu-0", "eu-1", "eu-2"] {
        nats.agent(name, &[], &[]);
    }
    let path = write(nats.folder.path(), &scenario(&server, 60));
    let printed = fs::File::create(nats.folder.path().join("printed")).unwrap();
    let also = printed.try_clone().unwrap();
    let run = nats.run(&path, 3).stdout(also).stderr(printed).spawn().unwrap();
    eventually("the load has begun", || came(&server).len() as u64 > 6 * RATE);
    kill(Pid::from_raw(run.id().cast_signed()), signal).unwrap();
    (nats, server, run)
}

/// The run folder itself.
fn folder_of(nats: &Nats) -> PathBuf {
    fs::canonicalize(nats.folder.path().join("out/shared/latest")).unwrap()
}

fn report(folder: &Path, nats: &Nats) -> Output {
    let mut command = support::loadgate();
    finish(command.arg("report").arg(folder).args(["--via", &nats.url()]))
}

/// The record has all that the target has seen, and each whole second of it all that was due.
#[track_caller]
fn is_complete(folder: &Path, nats: &Nats, server: &Truth) -> RunRecord {
    let record = loadgate::record::store::read(folder).unwrap();
    let end = record.end.clone().unwrap();
    assert_eq!((end.reason, &end.lost), (EndReason::Interrupted { signal: 9 }, &Vec::new()));
    assert!((3.0..30.0).contains(&end.scheduled), "{}", end.scheduled);
    assert_eq!(sum(&record)[1] as usize, numbers(server).len());
    let path = write(nats.folder.path(), &scenario(server, 60));
    let mut due = vec![0_u64; 61];
    for arrival in Arrivals::new(&load(&path, &|_| None).unwrap().load) {
        due[arrival.at.second() as usize] += 1;
    }
    for second in record.seconds.range(..end.scheduled as u32) {
        let counts = &second.counts()[0];
        let found = (counts.planned, counts.ended());
        let due = due[second.second() as usize];
        assert_eq!(found, (due, due), "second {}", second.second());
    }
    assert!(!folder.join("fleet.json").exists());
    record
}

#[test]
fn the_record_of_a_killed_coordinator_is_completed_from_what_its_agents_told() {
    let (nats, server, mut run) = without_coordinator(Signal::SIGKILL);
    support::wait(&mut run);
    let folder = folder_of(&nats);
    // Agents notice by themselves, and what they tell meanwhile nobody has heard.
    std::thread::sleep(Duration::from_secs(5));
    let before = loadgate::record::store::read(&folder).unwrap();
    let output = report(&folder, &nats);
    ends_with(&output, 137);
    let said = format!("{}{}", in_one_line(&output), stderr(&output));
    assert!(said.contains("3 of 3 generators had told all"), "{said}");
    assert!(said.contains("interrupted by signal 9"), "{said}");
    let record = is_complete(&folder, &nats, &server);
    assert!(sum(&before)[1] < sum(&record)[1], "there was something to be fetched");
    // Once is enough, and the agents wait for the next one.
    let again = report(&folder, &nats);
    ends_with(&again, 2);
    assert!(stderr(&again).contains("its record is complete"), "{}", stderr(&again));
    ends_with(&support::run(&["report", folder.to_str().unwrap()]), 137);
    let path = write(nats.folder.path(), &scenario(&server, 2));
    ends_with(&finish(&mut nats.run(&path, 3)), 0);
}

#[test]
fn whoever_was_killed_with_the_coordinator_is_named() {
    let (nats, _server, mut run) = without_coordinator(Signal::SIGKILL);
    nats.signal("eu-2", Signal::SIGKILL);
    support::wait(&mut run);
    let folder = folder_of(&nats);
    let output = report(&folder, &nats);
    ends_with(&output, 137);
    let said = in_one_line(&output);
    assert!(said.contains("eu-2 has not said that it told all"), "{said}");
    assert!(said.contains("INVALID") || said.contains("invalid"), "{said}");
}

#[test]
fn what_agents_learn_while_the_server_is_gone_is_told_when_it_is_back() {
    let (mut nats, server, mut run) = without_coordinator(Signal::SIGKILL);
    nats.kill_server();
    support::wait(&mut run);
    std::thread::sleep(Duration::from_secs(6));
    nats.start_again();
    let folder = folder_of(&nats);
    ends_with(&report(&folder, &nats), 137);
    is_complete(&folder, &nats, &server);
}

#[test]
fn agents_whose_server_is_gone_end_when_they_are_told_to() {
    let (mut nats, _server, mut run) = without_coordinator(Signal::SIGKILL);
    nats.kill_server();
    support::wait(&mut run);
    nats.signal("eu-0", Signal::SIGTERM);
    nats.signal("eu-1", Signal::SIGINT);
    // Whoever is told once holds what it has learnt for a while, and who is told twice ends.
    assert!(!nats.ends_within("eu-1", 1));
    nats.signal("eu-1", Signal::SIGINT);
    assert!(nats.ends_within("eu-1", 6), "{}", nats.log("eu-1"));
    assert!(nats.ends_within("eu-0", 12), "{}", nats.log("eu-0"));
    for name in ["eu-0", "eu-1"] {
        assert!(nats.log(name).contains("not told is lost"), "{}", nats.log(name));
    }
    assert!(!nats.ends_within("eu-2", 0), "nobody told it to end");
}

fn copy(folder: &Path, name: &str) -> PathBuf {
    let copy = folder.parent().unwrap().join(name);
    assert!(
        Command::new("cp").arg("-r").args([folder, copy.as_path()]).status().unwrap().success()
    );
    copy
}

#[test]
fn of_several_who_want_a_run_one_has_it_and_a_coordinator_that_thaws_has_it_no_more() {
    let (nats, server, mut run) = without_coordinator(Signal::SIGSTOP);
    nats.signal("eu-1", Signal::SIGSTOP);
    let folder = folder_of(&nats);
    let still = report(&folder, &nats);
    ends_with(&still, 2);
    assert!(stderr(&still).contains("still under way"), "{}", stderr(&still));
    // As on other machines, which do not know that the folder is claimed.
    let [first, second] = ["first", "second"].map(|name| copy(&folder, name));
    // With somebody who does not answer the first one waits for a while.
    let mut command = support::loadgate();
    command.arg("report").arg(&first).args(["--via", &nats.url()]);
    let mut taken = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let kept = || fs::read_to_string(first.join("fleet.json")).unwrap_or_default();
    let before = fs::read_to_string(folder.join("fleet.json")).unwrap();
    eventually("it has begun", || kept() != before);
    std::thread::sleep(Duration::from_millis(500));
    let late = report(&second, &nats);
    ends_with(&late, 2);
    assert!(stderr(&late).contains("another one has taken it over"), "{}", stderr(&late));
    assert_eq!(support::wait(&mut taken).code(), Some(137));
    nats.signal("eu-1", Signal::SIGCONT);
    // Ten seconds after it was frozen it goes on, while its agents work for somebody else.
    let path = write(nats.folder.path(), &scenario(&server, 6));
    let mut other = nats.run(&path, 2).stdout(std::process::Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(4));
    kill(Pid::from_raw(run.id().cast_signed()), Signal::SIGCONT).unwrap();
    assert_eq!(support::wait(&mut run).code(), Some(6));
    assert_eq!(support::wait(&mut other).code(), Some(0));
    let own = loadgate::record::store::read(&folder).unwrap().end.unwrap();
    assert!(matches!(own.reason, EndReason::GeneratorLost { .. }), "{:?}", own.reason);
}
