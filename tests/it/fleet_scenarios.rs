//! Several generators carry out all that a scenario may say: setup and teardown once, rows of data
//! that are unique, users that are numbered, tenants, objectives at which a run ends.
#![cfg(all(target_os = "linux", feature = "fleet"))]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use loadgate::record::outcome::{Cause, Outcome};
use loadgate::record::run::{EndReason, RunRecord};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::fleet::{
    RATE, Truth, came, last_after, look, record, scenario, sum, truth, truth_of, write,
};
use crate::nats::Nats;
use crate::support::{self, ends_with, eventually, finish, stdout};
use crate::truth_server::response;

/// Two agents carry it out.
fn share(nats: &mut Nats, scenario: &Value, more: &[&str]) -> Output {
    for name in ["one", "two"] {
        nats.agent(name, &[], &[]);
    }
    let path = write(nats.folder.path(), scenario);
    finish(nats.run(&path, 2).args(more))
}

#[test]
fn two_who_call_at_the_same_time_get_agents_of_their_own() {
    let (server, mut nats) = (truth(), Nats::start());
    for name in ["eu-1", "eu-2", "eu-3", "eu-4"] {
        nats.agent(name, &[], &[]);
    }
    let path = write(nats.folder.path(), &scenario(&server, 2));
    let runs = ["first", "second"].map(|name| {
        let mut command = support::loadgate();
        command.args(["run", path.to_str().unwrap(), "--generators", "2", "--via", &nats.url()]);
        let out = nats.folder.path().join(name);
        let run = command.arg("-o").arg(out).stdout(Stdio::null()).stderr(Stdio::null());
        run.spawn().unwrap()
    });
    let ends = runs.map(|mut run| run.wait().unwrap().code());
    assert_eq!(ends, [Some(0), Some(0)]);
    let names = |name: &str| -> BTreeSet<String> {
        let folder = nats.folder.path().join(name).join("shared/latest");
        let head = loadgate::record::store::read(&folder).unwrap().head;
        head.generators.into_iter().map(|one| one.name).collect()
    };
    let (first, second) = (names("first"), names("second"));
    assert_eq!((first.len(), second.len()), (2, 2));
    assert!(first.is_disjoint(&second), "{first:?} {second:?}");
}

/// One machine carries it out, in a folder of its own.
fn alone(scenario: &Value, folder: &Path) -> (Output, RunRecord) {
    let path = write(folder, scenario);
    let out = folder.join("out").display().to_string();
    let output = support::run(&["run", path.to_str().unwrap(), "-o", &out]);
    (output, record(folder))
}

/// What requests of the load say in their paths behind a prefix.
fn said(server: &Truth, prefix: &str) -> Vec<String> {
    let log = server.log().into_iter();
    log.filter_map(|seen| Some(seen.request.path().strip_prefix(prefix)?.to_owned())).collect()
}

#[test]
fn setup_and_teardown_are_done_once_and_all_know_what_was_extracted() {
    const TOKEN: &str = "t0ken-of-the-setup-0123456789";
    let server = truth_of(|request| {
        let token = if request.path() == "/login" { TOKEN } else { "" };
        response(200, &json!({ "token": token }).to_string())
    });
    let mut asked = scenario(&server, 3);
    asked["setup"] = json!([{ "name": "login", "request": "POST /login",
                              "extract": { "token": "$.token" } }]);
    asked["teardown"] = json!([{ "name": "logout", "request": "DELETE /login?{{token}}" }]);
    asked["flows"][0]["steps"][0]["headers"] = json!({ "authorization": "Bearer {{token}}" });
    let mut nats = Nats::start();
    ends_with(&share(&mut nats, &asked, &[]), 0);
    let log = server.log();
    let place = |wanted: &str| -> Vec<usize> {
        let head = |at: &usize| log[*at].request.head.starts_with(wanted);
        (0..log.len()).filter(head).collect()
    };
    let (setup, load, teardown) = (place("POST /login"), place("GET /s/"), place("DELETE "));
    assert_eq!((setup.as_slice(), teardown.as_slice()), (&[0][..], &[log.len() - 1][..]));
    assert!(log[teardown[0]].request.path().ends_with(TOKEN));
    let bearer = format!("Bearer {TOKEN}");
    let knows = |at: &usize| log[*at].request.header("authorization") == Some(bearer.as_str());
    assert!(load.len() as u64 > 3 * RATE && load.iter().all(knows));
    let mut seen = Vec::new();
    for folder in [nats.store(), nats.folder.path().join("out")] {
        look(&folder, TOKEN.as_bytes(), &mut seen);
    }
    assert_eq!(seen, Vec::<std::path::PathBuf>::new(), "the token is in no file");
}

#[test]
fn nothing_is_set_up_for_generators_that_are_unlike() {
    let server = truth();
    let mut asked = scenario(&server, 2);
    asked["setup"] = json!([{ "name": "login", "request": "POST /login" }]);
    asked["flows"][0]["steps"][0]["headers"] = json!({ "x-key": "${SCENARIO_KEY:-none-0123}" });
    let mut nats = Nats::start();
    nats.agent("zzz", &[], &[("SCENARIO_KEY", "another-0123")]);
    let path = write(nats.folder.path(), &asked);
    ends_with(&finish(&mut nats.run(&path, 1)), 2);
    assert_eq!(server.asked(), 0);
}

/// A scenario in which each iteration takes a row once.
fn with_rows(server: &Truth, (rows, at_end): (usize, &str), folder: &Path) -> Value {
    let rows: String = (0..rows).map(|row| format!("row{row}\n")).collect();
    fs::write(folder.join("rows.csv"), format!("name\n{rows}")).unwrap();
    let mut asked = scenario(server, 3);
    asked["data"] = json!({ "rows": { "file": "rows.csv", "order": "unique", "at_end": at_end } });
    asked["flows"][0]["steps"][0]["request"] = json!("GET /s/{{rows.name}}");
    asked
}

/// The rows that were sent, each once, and the records, by one machine and by two generators.
fn rows_sent(rows: usize, at_end: &str) -> [(BTreeSet<String>, RunRecord, Option<i32>); 2] {
    let sent = |server: &Truth| {
        let all = said(server, "/s/");
        let unique: BTreeSet<String> = all.iter().cloned().collect();
        assert_eq!(unique.len(), all.len(), "each once");
        unique
    };
    let (server, folder) = (truth(), tempfile::tempdir().unwrap());
    let asked = with_rows(&server, (rows, at_end), folder.path());
    let path = write(folder.path(), &asked);
    let out = folder.path().join("out").display().to_string();
    let output = support::run(&["run", path.to_str().unwrap(), "--no-walk", "-o", &out]);
    let one = (sent(&server), record(folder.path()), output.status.code());
    let (server, mut nats) = (truth(), Nats::start());
    let asked = with_rows(&server, (rows, at_end), nats.folder.path());
    let output = share(&mut nats, &asked, &["--no-walk"]);
    let two = (sent(&server), record(nats.folder.path()), output.status.code());
    [one, two]
}

#[test]
fn unique_rows_are_unique_over_all_generators() {
    let [one, two] = rows_sent(10_000, "fail");
    assert!(one.0.len() as u64 > 3 * RATE, "{}", one.0.len());
    assert_eq!((two.0, two.2), (one.0, Some(0)));
    assert_eq!(sum(&two.1), sum(&one.1));
}

#[test]
fn rows_that_are_used_up_end_the_load_of_all() {
    let [one, two] = rows_sent(200, "stop");
    assert_eq!((one.0.len(), &two.0, two.2), (200, &one.0, one.2));
    let end = |record: &RunRecord| record.end.clone().unwrap();
    let (one, two) = (end(&one.1), end(&two.1));
    assert_eq!(two.reason, EndReason::RowsUsed { data: "rows".to_owned() });
    assert_eq!(two.reason, one.reason);
    assert!((two.scheduled - one.scheduled).abs() < 0.5, "{} {}", two.scheduled, one.scheduled);
    assert!(two.scheduled < 4.0);
}

#[test]
fn users_who_wait_for_answers_are_numbered_over_all_generators() {
    let server = truth();
    let mut asked = scenario(&server, 3);
    asked["load"] = json!({ "seed": 11, "stages": [
        { "for": "1s", "users": 7, "warmup": true }, { "for": "3s", "users": 7 }] });
    asked["flows"][0]["steps"] = json!([
        { "name": "s", "request": "GET /u/{{user}}", "timeout": "2s" }, { "think": "100ms" }]);
    let mut nats = Nats::start();
    ends_with(&share(&mut nats, &asked, &["--no-walk"]), 0);
    let mut each: BTreeMap<String, u32> = BTreeMap::new();
    for user in said(&server, "/u/") {
        *each.entry(user).or_default() += 1;
    }
    let users: BTreeSet<u32> = each.keys().map(|user| user.parse().unwrap()).collect();
    assert_eq!(users, (1..=7).collect());
    assert!(each.values().all(|times| *times > 20), "{each:?}");
}

/// What each user asked for, in its order.
fn by_user(server: &Truth) -> BTreeMap<String, Vec<String>> {
    let mut each: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for asked in said(server, "/of/") {
        let (user, what) = asked.split_once('/').unwrap();
        each.entry(user.to_owned()).or_default().push(what.to_owned());
    }
    each
}

/// How far each comes is a matter of time, what it does until then is not.
#[test]
fn users_do_the_same_in_the_same_order_whoever_carries_them() {
    let (one, three) = (truth(), truth());
    let folder = tempfile::tempdir().unwrap();
    let asked = |server: &Truth, folder: &Path| {
        let rows: String = (0..50).map(|row| format!("row-{row}\n")).collect();
        fs::write(folder.join("rows.csv"), format!("name\n{rows}")).unwrap();
        let mut asked = scenario(server, 3);
        asked["data"] = json!({ "rows": { "file": "rows.csv", "order": "random" } });
        asked["load"] = json!({ "seed": 11, "stages": [{ "for": "4s", "users": 7 }] });
        let flow = |name: &str, weight: u32| {
            let request =
                format!("GET /of/{{{{user}}}}/{name}/{{{{iteration}}}}/{{{{rows.name}}}}");
            json!({ "name": name, "weight": weight, "steps": [
                { "name": name, "request": request, "timeout": "2s" }, { "think": "50ms" }] })
        };
        asked["flows"] = json!([flow("often", 3), flow("seldom", 1)]);
        asked["slo"] = json!({ "all": ["p50 < 500ms"] });
        asked
    };
    let alone = asked(&one, folder.path());
    let path = write(folder.path(), &alone);
    let out = folder.path().join("out").display().to_string();
    ends_with(&support::run(&["run", path.to_str().unwrap(), "--no-walk", "-o", &out]), 0);
    let mut nats = Nats::start();
    for name in ["one", "two", "three"] {
        nats.agent(name, &[], &[]);
    }
    let shared = asked(&three, nats.folder.path());
    let path = write(nats.folder.path(), &shared);
    ends_with(&finish(nats.run(&path, 3).arg("--no-walk")), 0);
    let (one, three) = (by_user(&one), by_user(&three));
    assert_eq!(one.keys().collect::<Vec<_>>(), three.keys().collect::<Vec<_>>());
    assert_eq!(one.len(), 7);
    for (user, alone) in &one {
        let shared = &three[user];
        let both = alone.len().min(shared.len());
        assert!(both > 20, "{user}: {} and {}", alone.len(), shared.len());
        assert_eq!(alone[..both], shared[..both], "user {user}");
    }
    assert!(one.values().flatten().any(|what| what.starts_with("seldom")));
}

#[test]
fn what_a_lost_generator_owed_is_counted_to_its_tenants() {
    let server = truth();
    let mut asked = scenario(&server, 30);
    asked["tenants"] = json!({ "count": 6, "sizes": "zipf(1)" });
    asked["limits"] = json!({ "tenants": 2 });
    asked["flows"][0]["steps"][0]["headers"] = json!({ "x-tenant": "{{tenant}}" });
    let mut nats = Nats::start();
    for name in ["one", "two"] {
        nats.agent(name, &[], &[]);
    }
    let path = write(nats.folder.path(), &asked);
    let printed = fs::File::create(nats.folder.path().join("printed")).unwrap();
    let also = printed.try_clone().unwrap();
    let mut run = nats.run(&path, 2).stdout(also).stderr(printed).spawn().unwrap();
    eventually("the load has begun", || came(&server).len() as u64 > 2 * RATE);
    nats.signal("two", Signal::SIGKILL);
    assert_eq!(support::wait(&mut run).code(), Some(6));
    let record = record(nats.folder.path());
    let mut owed = [0; 3];
    for second in record.seconds.range(..) {
        for (series, counts) in second.counts().iter().enumerate() {
            let tenant = record.head.tenant_of(series).unwrap();
            owed[usize::from(tenant)] += counts.outcome(Outcome::Unsent);
            assert_eq!(counts.cause(Cause::GeneratorLost), counts.outcome(Outcome::Unsent));
        }
    }
    // Three seconds and a half of half of 90 per second, by 1 : 1/2 : the rest.
    assert!(owed[0] > owed[1] && owed[1] > 10 && owed[2] > 20, "{owed:?}");
}

#[test]
fn all_end_at_the_first_objective_that_is_missed_for_certain() {
    let server =
        truth_of(|request| response(if request.number % 4 == 3 { 500 } else { 200 }, "{}"));
    let mut asked = scenario(&server, 40);
    asked["slo"] = json!({ "all": ["error_rate < 5%"] });
    let mut nats = Nats::start();
    for name in ["one", "two"] {
        nats.agent(name, &[], &[]);
    }
    let path = write(nats.folder.path(), &asked);
    let [printed, told] = ["printed", "told"].map(|name| nats.folder.path().join(name));
    let mut run = nats.run(&path, 2);
    run.arg("--fail-fast").stdout(fs::File::create(&printed).unwrap());
    let mut run = run.stderr(fs::File::create(&told).unwrap()).spawn().unwrap();
    eventually("it ends", || fs::read_to_string(&told).unwrap().contains("the run ends here"));
    let ended = Instant::now();
    assert_eq!(support::wait(&mut run).code(), Some(3));
    let after = last_after(&server, 2, ended);
    assert!(after.iter().all(|after| *after < Duration::from_secs(1)), "{after:?}");
    let end = record(nats.folder.path()).end.unwrap();
    assert!(matches!(end.reason, EndReason::FailedFast { .. }), "{:?}", end.reason);
    assert!(end.scheduled < 35.0 && end.lost.is_empty(), "{} {:?}", end.scheduled, end.lost);
    let said = fs::read_to_string(&printed).unwrap();
    assert!(said.contains("--fail-fast"), "{said}");
}

#[test]
fn shared_objectives_are_handed_over() {
    let server = truth();
    let mut asked = scenario(&server, 2);
    asked["slo"] = json!({ "file": "objectives.json" });
    let mut nats = Nats::start();
    fs::write(nats.folder.path().join("objectives.json"), r#"{"all": ["p50 < 500ms"]}"#).unwrap();
    ends_with(&share(&mut nats, &asked, &[]), 0);
    let (_, single) = alone(&asked_alone(&asked), tempfile::tempdir().unwrap().path());
    assert_eq!(record(nats.folder.path()).head.slos, single.head.slos);
}

/// What came of the load, in any order.
fn sorted(server: &Truth) -> Vec<String> {
    let mut all = said(server, "/s/");
    all.sort_unstable();
    all
}

#[test]
fn bodies_and_recordings_are_handed_over() {
    let server = truth();
    let mut asked = scenario(&server, 2);
    asked["load"] = json!({ "seed": 3, "replay": { "file": "moments.csv", "column": "time" } });
    asked["flows"][0]["steps"][0] = json!({ "name": "s", "request": "POST /s/{{iteration}}",
        "body_file": { "file": "body.txt", "placeholders": true } });
    asked["slo"] = json!({ "all": ["error_rate < 1%"] });
    let mut nats = Nats::start();
    let moments: String = (0..240).map(|at| format!("{:.3}\n", f64::from(at) * 0.0125)).collect();
    let folder = nats.folder.path().to_owned();
    fs::write(folder.join("moments.csv"), format!("time\n{moments}")).unwrap();
    fs::write(folder.join("body.txt"), "order {{iteration}} of a file").unwrap();
    ends_with(&share(&mut nats, &asked, &["--no-walk", "--inconclusive", "pass"]), 0);
    let log = server.log();
    assert_eq!(log.len(), 240);
    for seen in log {
        let number = seen.request.path().strip_prefix("/s/").unwrap();
        let body = String::from_utf8(seen.request.body.clone()).unwrap();
        assert_eq!(body, format!("order {number} of a file"));
    }
}

#[test]
fn a_noisy_tenant_is_as_noisy_and_nobody_else_is() {
    let [alone_server, shared_server] = [truth(), truth()];
    let asked = |server: &Truth| {
        let mut asked = scenario(server, 5);
        asked["tenants"] = json!({ "names": ["a", "b"], "sizes": "zipf(1)" });
        asked["load"] = json!({ "seed": 11, "stages": [{ "for": "5s", "rate": "40/s" },
            { "for": "5s", "rate": "40/s", "noisy": { "tenant": "b", "times": 4 } }] });
        asked["slo"] = json!({ "neighbours": ["p99 < 1s"] });
        let other = json!({ "name": "g", "tenant": "fixed", "steps": [
            { "name": "g", "request": "GET /s/{{iteration}}/{{tenant}}" }] });
        asked["flows"].as_array_mut().unwrap().push(other);
        asked["flows"][0]["steps"][0]["request"] = json!("GET /s/{{iteration}}/{{tenant}}");
        asked
    };
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &asked(&alone_server));
    let out = folder.path().join("out").display().to_string();
    support::run(&["run", path.to_str().unwrap(), "--no-walk", "-o", &out]);
    let mut nats = Nats::start();
    share(&mut nats, &asked(&shared_server), &["--no-walk"]);
    let single = sorted(&alone_server);
    assert!(single.iter().filter(|path| path.ends_with("/b")).count() > 100);
    assert_eq!(sorted(&shared_server), single);
    let [single, merged] = [record(folder.path()), record(nats.folder.path())];
    assert_eq!(sum(&merged), sum(&single));
}

#[test]
fn what_was_set_up_is_torn_down_where_there_will_be_no_load() {
    for generators in [None, Some("1")] {
        let mut nats = Nats::start();
        let out = nats.folder.path().join("out");
        let gone = out.clone();
        // Whoever has logged in finds no folder for the record any more.
        let server = truth_of(move |request| {
            if request.path() == "/login" {
                let _ = fs::remove_dir_all(&gone);
            }
            response(200, "{}")
        });
        let mut asked = scenario(&server, 2);
        asked["setup"] = json!([{ "name": "login", "request": "POST /login" }]);
        asked["teardown"] = json!([{ "name": "logout", "request": "DELETE /login" }]);
        let path = write(nats.folder.path(), &asked);
        nats.agent("one", &[], &[]);
        let mut run = support::loadgate();
        run.arg("run").arg(&path).args(["--no-walk", "-o"]).arg(&out);
        if let Some(number) = generators {
            run.args(["--generators", number, "--via", &nats.url()]);
        }
        let output = finish(&mut run);
        assert!(![0, 3, 5].contains(&output.status.code().unwrap()), "{}", stdout(&output));
        let log = server.log();
        let torn_down = log.iter().filter(|it| it.request.head.starts_with("DELETE /login"));
        assert_eq!(torn_down.count(), 1, "{generators:?}: {:?}", support::stderr(&output));
        assert_eq!(came(&server).len(), 0);
    }
}

/// The same with its objectives beside the rest.
fn asked_alone(asked: &Value) -> Value {
    let mut asked = asked.clone();
    asked["slo"] = json!({ "all": ["p50 < 500ms"] });
    asked
}

#[test]
fn a_soak_is_shared_for_as_long_as_it_is_asked_to_last() {
    let server = truth();
    let mut nats = Nats::start();
    for name in ["one", "two"] {
        nats.agent(name, &[], &[]);
    }
    let path = write(nats.folder.path(), &scenario(&server, 2));
    let mut command = support::loadgate();
    command.arg("soak").arg(&path).args(["-d", "6s", "--window", "1s", "--generators", "2"]);
    command.args(["--via", &nats.url(), "-o"]).arg(nats.folder.path().join("out"));
    // Too short for a verdict about leaks.
    ends_with(&finish(&mut command), 5);
    let folder = nats.folder.path().join("out/shared/latest-soak");
    let record = loadgate::record::store::read(&folder).unwrap();
    assert_eq!((record.head.load.seconds(), record.head.generators.len()), (6.0, 2));
    let [planned, sent, unsent] = sum(&record);
    assert_eq!((sent, unsent, came(&server).len() as u64), (planned, 0, planned));
}

#[test]
fn a_duet_cannot_be_shared_and_says_why() {
    let mut asked = support::loadgate();
    asked.args(["duet", "x.json", "--generators", "2", "--baseline", "http://127.0.0.1:1"]);
    let output = finish(&mut asked);
    ends_with(&output, 2);
    let said = support::stderr(&output);
    assert!(said.contains("one thread of one machine"), "{said}");
    assert!(said.contains("run, soak, capacity and stress take"), "{said}");
}
