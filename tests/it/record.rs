//! The record of a run that was killed, cut, changed, or whose requests ended long after
//! they were due.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use loadgate::record::store;
use serde_json::{Value, json};

use super::support::{self, eventually, finish, latest, loadgate, stderr, stdout};

/// Answers all requests but one of ten, which it never answers. Ends with the test binary.
fn forgetful() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let asked = Arc::new(AtomicUsize::new(0));
        for stream in listener.incoming().map_while(Result::ok) {
            let asked = Arc::clone(&asked);
            thread::spawn(move || answer(stream, &asked));
        }
    });
    port
}

fn answer(mut stream: TcpStream, asked: &AtomicUsize) {
    let mut bytes = [0; 4_096];
    while stream.read(&mut bytes).is_ok_and(|read| read > 0) {
        let is_forgotten = asked.fetch_add(1, Ordering::Relaxed) % 10 == 3;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        if !is_forgotten && stream.write_all(answer).is_err() {
            return;
        }
    }
}

/// Every second has requests that end three seconds later.
fn scenario(place: &Path, seconds: u32) -> PathBuf {
    let scenario = json!({
        "name": "late",
        "target": { "url": format!("http://127.0.0.1:{}", forgetful()) },
        "flows": [{ "name": "f", "steps": [
            { "name": "get", "request": "GET /", "timeout": "3s" },
        ] }],
        "load": { "arrivals": "uniform",
                  "stages": [{ "for": format!("{seconds}s"), "rate": "50/s" }] },
        "slo": { "all": ["p50 < 1s"] },
    });
    let file = place.join("late.json");
    fs::write(&file, scenario.to_string()).unwrap();
    file
}

fn run(file: &Path) -> Command {
    let mut command = loadgate();
    command
        .arg("run")
        .arg("--no-walk")
        .arg(file)
        .arg("-q")
        .arg("-o")
        .arg(file.with_file_name("out"));
    command
}

fn folder_of(file: &Path) -> PathBuf {
    latest(&file.with_file_name("out"), "late")
}

/// The starts of an interval log in the order of the file.
fn starts(folder: &Path) -> Vec<f64> {
    let log = fs::read_to_string(folder.join("intervals.hlog")).unwrap();
    let lines = log.lines().filter_map(|line| line.strip_prefix("Tag="));
    lines.map(|line| line.split(',').nth(1).unwrap().parse().unwrap()).collect()
}

/// What a reader that is not ours finds in some seconds: how many times, and the longest.
fn response(folder: &Path, from: u32, to: u32) -> (u64, u64) {
    let tools = support::root().join("tests/js");
    assert!(tools.join("node_modules").is_dir(), "run: npm ci --prefix tests/js");
    let mut tool = Command::new("node");
    tool.arg(tools.join("hlog.mjs")).arg(folder.join("intervals.hlog"));
    let output = tool.args([from.to_string(), to.to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let times = &found["get.response"];
    (times["count"].as_u64().unwrap_or(0), times["max"].as_u64().unwrap_or(0))
}

/// Readers of interval logs stop at the first start beyond the range they are asked for.
#[test]
fn a_range_of_seconds_has_the_requests_that_timed_out_long_after_it() {
    let place = tempfile::tempdir().unwrap();
    let file = scenario(place.path(), 7);
    let finished = finish(&mut run(&file));
    assert!(finished.status.code().is_some_and(|code| code != 2), "{}", stderr(&finished));
    let folder = folder_of(&file);
    assert!(starts(&folder).is_sorted(), "{:?}", starts(&folder));
    let record = store::read(&folder).unwrap();
    for (from, to) in [(0, 1), (0, 4), (2, 5), (0, 8)] {
        let seconds = record.seconds.range(from..to).map(|found| found.counts()[0].clone());
        let due: u64 = seconds.map(|counts| counts.planned).sum();
        let (count, longest) = response(&folder, from, to);
        assert_eq!(count, due, "seconds {from} to {to}");
        assert!(longest >= 3_000_000, "the timeouts of seconds {from} to {to}: {longest} us");
    }
}

#[test]
fn a_killed_run_has_its_log_in_order_and_the_report_completes_it() {
    let place = tempfile::tempdir().unwrap();
    let file = scenario(place.path(), 60);
    let mut child = run(&file).spawn().unwrap();
    let folder = folder_of(&file);
    eventually("seconds are complete", || {
        folder.join("intervals.hlog").exists() && starts(&folder).last() >= Some(&2.0)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let there = starts(&folder);
    assert!(there.is_sorted() && !there.is_empty(), "{there:?}");
    let killed = store::read(&folder).unwrap();
    for second in 0..2 {
        let counts = &killed.seconds.get(second).unwrap().counts()[0];
        assert_eq!(counts.ended(), counts.planned, "also those that timed out");
        assert_eq!(response(&folder, second, second + 1).0, counts.planned, "second {second}");
    }
    let reported = finish(loadgate().arg("report").arg(&folder));
    assert!(matches!(reported.status.code(), Some(0 | 3 | 5 | 6)), "{}", stderr(&reported));
    let after = starts(&folder);
    assert!(after.is_sorted() && after.last() > there.last(), "{after:?}");
    let record = store::read(&folder).unwrap();
    let ended = |second: u32| record.seconds.get(second).unwrap().counts()[0].ended();
    let last = record.seconds.last().unwrap();
    for second in [0, 1, last - 1, last] {
        assert_eq!(response(&folder, second, second + 1).0, ended(second), "second {second}");
    }
}

/// Killed at moments of all kinds: while it begins, in a second, at its edge.
#[test]
fn whenever_a_run_is_killed_at_most_its_last_second_is_lacking() {
    let place = tempfile::tempdir().unwrap();
    let file = scenario(place.path(), 60);
    for kill in 0..6_u64 {
        let mut child = run(&file).spawn().unwrap();
        let began = Instant::now();
        // Bounded, and of no regular length.
        let length = Duration::from_millis(150 + 731 * kill + 97 * (kill % 3));
        thread::sleep(length.saturating_sub(began.elapsed()));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let folder = folder_of(&file);
        if !folder.join("seconds.jsonl").exists() {
            continue;
        }
        let record = store::read(&folder).unwrap_or_else(|error| panic!("{length:?}: {error}"));
        assert_eq!(record.end, None);
        let elapsed = now.as_secs_f64() - record.head.started_unix_ms as f64 / 1e3;
        let covered = record.seconds.last().map_or(0.0, |last| f64::from(last + 1));
        // The second under way, and one more for a collector that had to wait for its turn.
        assert!(covered >= elapsed - 2.0, "{covered} s on disk, {elapsed} s gone by");
        for found in record.seconds.range(..covered as u32 - u32::from(covered > 0.0)) {
            let (second, planned) = (found.second(), found.counts()[0].planned);
            assert!((49..=50).contains(&planned), "{planned} in second {second}");
        }
        assert!(starts(&folder).is_sorted());
        // The next one is another run.
        fs::remove_dir_all(place.path().join("out")).unwrap();
    }
}

/// A run of the demo, once whole and once for each change.
#[test]
fn a_record_that_contradicts_itself_is_refused_by_every_command() {
    let place = tempfile::tempdir().unwrap();
    let demo = json!({
        "name": "late",
        "target": { "demo": true },
        "flows": [{ "name": "f", "steps": [{ "name": "list", "request": "GET /products" }] }],
        "load": { "stages": [{ "for": "3s", "rate": "200/s" }] },
        "slo": { "all": ["p50 < 5s", "error_rate < 50%"] },
    });
    let file = place.path().join("late.json");
    fs::write(&file, demo.to_string()).unwrap();
    finish(&mut run(&file));
    let whole = fs::canonicalize(folder_of(&file)).unwrap();
    let log = fs::read_to_string(whole.join("intervals.hlog")).unwrap();
    let run_json = fs::read_to_string(whole.join("run.json")).unwrap();
    let changed = place.path().join("changed");
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    let all_but = |at: usize| [&lines[..at], &lines[at + 1..]].concat().concat();
    let quarter: String = lines[..lines.len() / 4].concat();
    let records = [
        (Some(quarter), run_json.clone(), "in the histogram \"response\"; "),
        (Some(all_but(5)), run_json.clone(), "second 0 of step \"list\": "),
        (None, run_json.clone(), "intervals.hlog: missing"),
        (Some(log.clone()), run_json.replace("p50 < 5s", "p50 < 9s"), "is not what its numbers"),
        (Some(log.clone()), run_json.replacen("\"outcomes\":[", "\"outcomes\":[1", 1), "counted"),
    ];
    for (log, run, said) in records {
        let _ = fs::remove_dir_all(&changed);
        fs::create_dir(&changed).unwrap();
        fs::write(changed.join("run.json"), run).unwrap();
        if let Some(log) = log {
            fs::write(changed.join("intervals.hlog"), log).unwrap();
        }
        let [whole, changed] = [&whole, &changed].map(|path| path.to_str().unwrap());
        for arguments in [
            &["report", changed][..],
            &["compare", whole, changed],
            &["compare", changed, whole],
            &["baseline", "accept", changed, "--force"],
            &["history", changed],
        ] {
            let output: Output = loadgate().args(arguments).output().unwrap();
            let told = format!("{}{}", stdout(&output), stderr(&output));
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
            let flat = told.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(said), "{arguments:?} does not say {said:?}: {told}");
        }
    }
}
