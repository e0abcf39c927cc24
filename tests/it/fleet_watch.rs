//! `loadgate watch` sees the processes of a target where the coordinator does not.
#![cfg(all(target_os = "linux", feature = "fleet"))]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use loadgate::record::gauge;
use loadgate::record::run::RunRecord;
use loadgate::record::store;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::nats::Nats;
use crate::support::{self, ends_with, eventually, finish, free_port, stderr, stdout};

/// A server in Node that is started here, and not by loadgate.
struct Target {
    port: u16,
    child: Child,
}

impl Target {
    fn start() -> Target {
        let port = free_port();
        let script = "const held = Buffer.alloc(64 << 20, 1);\
                      require('http').createServer((_, out) => { let x = 0;\
                      for (let i = 0; i < 300000; i++) x += i;\
                      out.end(String(x + held[0])); }).listen(+process.env.PORT, '127.0.0.1')";
        let mut command = Command::new("node");
        command.args(["-e", script]).env("PORT", port.to_string()).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        let target = Target { port, child };
        eventually("the target listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        target
    }

    fn scenario(&self, objectives: &[&str]) -> Value {
        json!({
            "name": "shared",
            "target": { "url": format!("http://127.0.0.1:{}", self.port) },
            "flows": [{ "name": "f", "steps": [{ "name": "s", "request": "GET /" }] }],
            "load": { "stages": [
                { "for": "1s", "rate": "60/s", "warmup": true },
                { "for": "8s", "rate": "60/s" }] },
            "slo": { "all": objectives },
        })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn gathered(target: &Target, watch: &[&str], objectives: &[&str]) -> (Nats, PathBuf) {
    let mut nats = Nats::start();
    for name in ["one", "two"] {
        nats.agent(name, &[], &[]);
    }
    if !watch.is_empty() {
        nats.watcher("beside", watch);
    }
    let path = crate::fleet::write(nats.folder.path(), &target.scenario(objectives));
    (nats, path)
}

fn record(nats: &Nats) -> RunRecord {
    store::read(&support::latest(&nats.folder.path().join("out"), "shared")).unwrap()
}

fn values(record: &RunRecord, of: &gauge::Gauge) -> Vec<f64> {
    record.gauge(of).map(|(_, value)| value).collect()
}

#[test]
fn objectives_on_a_target_elsewhere_are_judged_by_what_its_watcher_sees() {
    let target = Target::start();
    let met = ["target.rss.max < 4GB", "target.cpu.mean < 800%"];
    let port = target.port.to_string();
    let (nats, path) = gathered(&target, &["--port", &port], &met);
    let output = finish(nats.run(&path, 2).arg("--watched"));
    ends_with(&output, 0);
    let record_met = record(&nats);
    let memory = values(&record_met, &gauge::RSS);
    assert!((8..=11).contains(&memory.len()), "{memory:?}");
    assert!(memory.iter().all(|bytes| *bytes > 64e6), "{memory:?}");
    let cpu: f64 = values(&record_met, &gauge::CPU).iter().sum();
    assert!(cpu > 0.05, "{cpu}");
    assert!(!values(&record_met, &gauge::DESCRIPTORS).is_empty());
    let watcher = record_met.end.as_ref().unwrap().watcher.clone().unwrap();
    assert_eq!((watcher.name.as_str(), watcher.lost), ("beside", None));
    // The same seconds decide against it, by process as by port.
    let pid = target.child.id().to_string();
    let missed = ["target.rss.max < 64MB"];
    let (nats, path) = gathered(&target, &["--pid", &pid], &missed);
    ends_with(&finish(nats.run(&path, 2).arg("--watched")), 3);
}

/// A run under way of which something becomes.
fn disturbed(what: impl FnOnce(&Nats, &mut Target, &Child)) -> (Nats, Output) {
    let mut target = Target::start();
    let port = target.port.to_string();
    let objectives = ["target.rss.max < 4GB"];
    let (nats, path) = gathered(&target, &["--port", &port], &objectives);
    let mut run = nats.run(&path, 2);
    let printed = std::fs::File::create(nats.folder.path().join("printed")).unwrap();
    run.arg("--watched").stdout(printed.try_clone().unwrap()).stderr(printed);
    let mut run = run.spawn().unwrap();
    let out = nats.folder.path().join("out");
    eventually("seconds of the target are in the record", || {
        let found = std::fs::read_dir(out.join("shared")).into_iter().flatten().flatten();
        found
            .map(|it| it.path())
            .any(|folder| store::read(&folder).is_ok_and(|record| record.target.len() > 2))
    });
    what(&nats, &mut target, &run);
    let status = support::wait(&mut run);
    let stdout = std::fs::read(nats.folder.path().join("printed")).unwrap();
    (nats, Output { status, stdout, stderr: Vec::new() })
}

#[test]
fn a_watcher_that_is_killed_is_told_and_what_it_saw_is_never_enough() {
    let (nats, output) = disturbed(|nats, _, _| nats.signal("beside", Signal::SIGKILL));
    ends_with(&output, 5);
    let said = stdout(&output);
    assert!(said.contains("beside was not heard of for 3 s"), "{said}");
    let record = record(&nats);
    let lost = record.end.as_ref().unwrap().watcher.clone().unwrap().lost.unwrap();
    assert!(lost.contains("beside"), "{lost}");
    assert!(values(&record, &gauge::RSS).len() >= 3);
}

#[test]
fn a_process_that_is_gone_is_told_as_well() {
    let (_, output) = disturbed(|_, target, _| {
        target.child.kill().unwrap();
        target.child.wait().unwrap();
    });
    assert_ne!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("is gone"), "{}", stdout(&output));
}

#[test]
fn what_a_watcher_told_stays_when_the_coordinator_is_killed_and_is_never_enough() {
    let (nats, output) = disturbed(|_, _, run| {
        kill(Pid::from_raw(run.id().cast_signed()), Signal::SIGKILL).unwrap();
    });
    assert_eq!(output.status.code(), None);
    let folder = std::fs::canonicalize(nats.folder.path().join("out/shared/latest")).unwrap();
    let before = store::read(&folder).unwrap();
    assert!(before.target.len() > 2);
    let mut command = support::loadgate();
    let output = finish(command.arg("report").arg(&folder).args(["--via", &nats.url()]));
    ends_with(&output, 137);
    let said = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("target.rss.max < 4GB"), "{said}");
    assert!(said.contains("what beside saw of the target's processes is not known"), "{said}");
    let after = store::read(&folder).unwrap();
    assert_eq!(after.target[..before.target.len()], before.target[..]);
    assert!(values(&after, &gauge::RSS).iter().all(|bytes| *bytes > 64e6));
    let watcher = after.end.as_ref().unwrap().watcher.clone().unwrap();
    assert!(watcher.name == "beside" && watcher.lost.unwrap().contains("is not known to the end"));
    // The same again, from the record alone; and it is free for the next one.
    ends_with(&support::run(&["report", folder.to_str().unwrap()]), 137);
    let log = nats.folder.path().join("beside.log");
    eventually("it is free", || std::fs::read_to_string(&log).unwrap().contains("done"));
}

#[test]
fn a_run_that_is_to_be_watched_does_not_begin_unwatched() {
    let target = Target::start();
    let port = target.port.to_string();
    let refused = |watchers: &[(&str, &str)], words: &[&str]| {
        let (mut nats, path) = gathered(&target, &[], &["p50 < 500ms"]);
        for (name, port) in watchers {
            nats.watcher(name, &["--port", port]);
        }
        let output = finish(nats.run(&path, 2).arg("--watched"));
        ends_with(&output, 1);
        for word in words {
            assert!(stderr(&output).contains(word), "{word}: {}", stderr(&output));
        }
    };
    refused(&[], &["nothing was sent", "nobody watches"]);
    refused(&[("here", &port), ("there", &port)], &["here", "there", "stop the others"]);
    let nobody = free_port().to_string();
    refused(&[("blind", &nobody)], &["blind", "nobody listens on port"]);
    // Who starts the target watches it.
    let (nats, path) = gathered(&target, &[], &["p50 < 500ms"]);
    let mut own = target.scenario(&["p50 < 500ms"]);
    own["target"]["command"] = json!(["node", "server.js"]);
    std::fs::write(&path, own.to_string()).unwrap();
    let output = finish(nats.run(&path, 2).arg("--watched"));
    ends_with(&output, 2);
    assert!(stderr(&output).contains("--watched"), "{}", stderr(&output));
}

#[test]
fn a_search_has_the_watcher_in_each_of_its_trials() {
    let target = Target::start();
    let port = target.port.to_string();
    let objectives = ["p50 < 900ms", "target.rss.max < 4GB"];
    let (nats, path) = gathered(&target, &["--port", &port], &objectives);
    let mut search = support::loadgate();
    search.arg("capacity").arg(&path).args(["--generators", "2", "--via", &nats.url()]);
    search.args(["--watched", "--from", "20/s", "--to", "30/s", "--trial", "3s", "--confirm"]);
    search.args(["0s", "--warmup", "0s", "--within", "90s", "-o"]);
    ends_with(&finish(search.arg(nats.folder.path().join("out"))), 0);
    let trials = nats.folder.path().join("out/shared/latest-capacity/trials");
    let folders: Vec<PathBuf> =
        std::fs::read_dir(trials).unwrap().map(|it| it.unwrap().path()).collect();
    assert!(folders.len() >= 2);
    for folder in folders {
        let record = store::read(&folder).unwrap();
        assert!(values(&record, &gauge::RSS).len() >= 3, "{}", folder.display());
    }
}
