//! Whole runs against the embedded demo API: how they end, what they leave behind, what
//! they print, and what happens when something takes away the ground under them.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use loadgate::record::run::{EndReason, RunRecord};
use loadgate::record::store;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{self, eventually, finish, loadgate, stderr, stdout};

/// What every finished run leaves behind.
const FILES: [&str; 12] = [
    "intervals.hlog",
    "junit.xml",
    "outcomes.svg",
    "rate.svg",
    "report.html",
    "response-by-percentile.svg",
    "response-over-time.svg",
    "run.json",
    "saturation.svg",
    "steps.svg",
    "summary.json",
    "summary.md",
];

/// The quickstart scenario with other stages, and with limits on the response time that
/// hold on a machine that does ten things at once.
fn quickstart(folder: &Path, stages: &Value) -> PathBuf {
    let text = fs::read_to_string(support::root().join("scenarios/quickstart.json")).unwrap();
    let mut scenario: Value = serde_json::from_str(&text).unwrap();
    scenario["load"]["stages"] = stages.clone();
    scenario["slo"] = json!({ "all": [
        "p95 < 4s", "p99 < 5s", "server_error_rate < 0.1%", "availability >= 99.9%"
    ] });
    let path = folder.join("quickstart.json");
    fs::write(&path, scenario.to_string()).unwrap();
    path
}

fn steady(seconds: u32, rate: &str) -> Value {
    json!([{ "for": format!("{seconds}s"), "rate": rate }])
}

/// `loadgate run` of a file, with its output beside it.
fn run(file: &Path) -> Command {
    let mut command = loadgate();
    command.arg("run").arg(file).arg("-o").arg(output(file));
    command
}

fn output(file: &Path) -> PathBuf {
    file.parent().unwrap().join("out")
}

fn run_folder(file: &Path) -> PathBuf {
    support::latest(&output(file), "quickstart")
}

#[track_caller]
fn code(output: &Output) -> i32 {
    let shown = format!("{}\n{}", stdout(output), stderr(output));
    assert!(!shown.contains("panicked"), "{shown}");
    output.status.code().expect(&shown)
}

#[track_caller]
fn check_files(folder: &Path) {
    let mut found: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort_unstable();
    assert_eq!(found, FILES);
    assert!(FILES.iter().all(|name| folder.join(name).metadata().unwrap().len() > 0));
}

/// `run.json` is as its own schema says.
#[track_caller]
fn check_record(folder: &Path) -> RunRecord {
    let schema = support::run(&["schema", "run"]);
    let validator =
        jsonschema::validator_for(&serde_json::from_slice(&schema.stdout).unwrap()).unwrap();
    let text = fs::read(folder.join("run.json")).unwrap();
    let record: Value = serde_json::from_slice(&text).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&record).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    store::read(folder).unwrap()
}

fn planned(record: &RunRecord) -> u64 {
    record.seconds.iter().flat_map(|second| second.counts()).map(|counts| counts.planned).sum()
}

fn ended(record: &RunRecord) -> u64 {
    record.seconds.iter().flat_map(|second| second.counts()).map(|counts| counts.ended()).sum()
}

#[test]
fn the_demo_speaks_tls_and_http2_if_it_is_asked_to() {
    for (demo, http2, protocol, is_secured) in [
        (json!("tls"), Value::Null, None, true),
        (json!("tls"), json!(true), Some(100), true),
        (json!(true), json!("prior-knowledge"), Some(100), false),
    ] {
        let home = tempfile::tempdir().unwrap();
        let file = quickstart(home.path(), &steady(2, "50/s"));
        let mut scenario: Value =
            serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        scenario["target"] = json!({ "demo": demo });
        if !http2.is_null() {
            scenario["target"]["http2"] = http2.clone();
        }
        if is_secured {
            let all = scenario["slo"]["all"].as_array_mut().unwrap();
            all.push(json!("target.certificate_days >= 14"));
        }
        fs::write(&file, scenario.to_string()).unwrap();
        let ran = finish(run(&file).arg("-q"));
        assert!([0, 5, 6].contains(&ran.status.code().unwrap()), "{}", stderr(&ran));
        let record =
            store::read(&output(&file).join(scenario["name"].as_str().unwrap()).join("latest"));
        let record = record.unwrap();
        assert_eq!(record.head.limits.streams, protocol);
        let end = record.end.as_ref().unwrap();
        assert_eq!(end.handshakes.full > 0, is_secured, "{demo} {http2}");
        assert_eq!(record.head.certificate.is_some(), is_secured);
        assert!(end.iterations_completed > 0);
    }
    for (target, wanted) in [
        (json!({ "demo": true, "http2": true }), "\"demo\": \"tls\""),
        (json!({ "demo": "tls", "http2": "prior-knowledge" }), "write true"),
        (json!({ "demo": true, "tls": {} }), "\"demo\": \"tls\""),
        (json!({ "demo": "tsl" }), "tls"),
        (json!({ "demo": false }), "\"url\""),
        (json!({ "demo": "tls", "url": "http://127.0.0.1:1" }), "not both"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let file = quickstart(home.path(), &steady(2, "50/s"));
        let mut scenario: Value =
            serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        scenario["target"] = target.clone();
        fs::write(&file, scenario.to_string()).unwrap();
        let ran = finish(&mut run(&file));
        assert_eq!(ran.status.code(), Some(2), "{target}: {}", stderr(&ran));
        assert!(stderr(&ran).contains(wanted), "{target}: {}", stderr(&ran));
    }
}

#[test]
fn the_quickstart_passes_and_leaves_a_complete_folder() {
    let folder = tempfile::tempdir().unwrap();
    let stages = json!([
        { "for": "1s", "rate": "250/s", "warmup": true }, { "for": "8s", "rate": "250/s" }
    ]);
    let file = quickstart(folder.path(), &stages);
    let finished = finish(&mut run(&file));
    assert_eq!(code(&finished), 0, "{}", stdout(&finished));
    assert!(stdout(&finished).starts_with("PASS"), "{}", stdout(&finished));
    check_files(&run_folder(&file));
    let record = check_record(&run_folder(&file));
    assert_eq!(record.end.as_ref().unwrap().reason, EndReason::Finished);
    assert_eq!(planned(&record), ended(&record));
    let summary = support::summary(&run_folder(&file));
    assert_eq!((&summary["verdict"], &summary["exit_code"]), (&json!("pass"), &json!(0)));
}

/// Waits until so many seconds of a run are on disk.
#[track_caller]
fn wait_for_seconds(folder: &Path, seconds: usize) {
    eventually("seconds in the journal", || {
        let journal = fs::read_to_string(folder.join("seconds.jsonl")).unwrap_or_default();
        journal.lines().filter(|line| line.contains(r#""generator":["#)).count() >= seconds
    });
}

fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

#[track_caller]
fn check_interrupted(signal: Signal, exit: i32) {
    let folder = tempfile::tempdir().unwrap();
    let file = quickstart(folder.path(), &steady(60, "100/s"));
    let child = spawn(&mut run(&file));
    wait_for_seconds(&run_folder(&file), 2);
    send(&child, signal);
    let finished = child.wait_with_output().unwrap();
    assert_eq!(code(&finished), exit);
    check_files(&run_folder(&file));
    let record = check_record(&run_folder(&file));
    let end = record.end.as_ref().unwrap();
    assert_eq!(end.reason, EndReason::Interrupted { signal: signal as i32 });
    assert_eq!(planned(&record), ended(&record) + end.abandoned);
    assert!((3.0..50.0).contains(&end.seconds), "{}", end.seconds);
    let summary = support::summary(&run_folder(&file));
    assert_eq!(summary["exit_code"], exit);
    let said = format!("interrupted by signal {} after ", signal as i32);
    let markdown = fs::read_to_string(run_folder(&file).join("summary.md")).unwrap();
    let html = fs::read_to_string(run_folder(&file).join("report.html")).unwrap();
    let terminal = stdout(&finished).replace("\n    ", " ");
    for report in [&summary["reasons"].to_string(), &markdown, &html, &terminal] {
        assert!(report.contains(&said) && report.contains("of 60 s"), "{report}");
    }
}

#[test]
fn an_interrupted_or_terminated_run_is_saved_and_reported() {
    thread::scope(|scope| {
        scope.spawn(|| check_interrupted(Signal::SIGINT, 130));
        scope.spawn(|| check_interrupted(Signal::SIGTERM, 143));
    });
}

#[test]
fn a_killed_run_can_be_reported_but_for_its_last_second() {
    let folder = tempfile::tempdir().unwrap();
    let file = quickstart(folder.path(), &steady(60, "200/s"));
    let mut child = spawn(&mut run(&file));
    wait_for_seconds(&run_folder(&file), 2);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let reported = finish(loadgate().arg("report").arg(run_folder(&file)));
    assert!([0, 3, 5, 6].contains(&code(&reported)), "{}", stderr(&reported));
    let text = stdout(&reported).replace("\n    ", " ");
    assert!(text.contains("the generator was killed after") && text.contains("of 60 s"), "{text}");
    let record = store::read(&run_folder(&file)).unwrap();
    assert_eq!(record.end, None);
    let began = Duration::from_millis(record.head.started_unix_ms);
    let elapsed = now.checked_sub(began).unwrap().as_secs_f64();
    let covered = f64::from(record.seconds.last().unwrap() + 1);
    // The second under way, and one more for a collector that had to wait for its turn.
    assert!(covered >= elapsed - 2.0, "{covered} s on disk, {elapsed} s gone by");
    // What is there is whole: 200 iterations a second, each of more than one request.
    let first: Vec<u64> = (0..covered as u32 - 1)
        .map(|second| record.seconds.get(second).unwrap().counts())
        .map(|counts| counts.iter().map(|counts| counts.planned).sum())
        .collect();
    assert!(first.iter().all(|planned| (200..500).contains(planned)), "{first:?}");
    assert!(run_folder(&file).join("report.html").exists());
    check_torn(&run_folder(&file));
}

/// A kill in the middle of a write leaves half a line, which is forgiven.
#[track_caller]
fn check_torn(folder: &Path) {
    for name in ["seconds.jsonl", "intervals.hlog"] {
        let bytes = fs::read(folder.join(name)).unwrap();
        fs::write(folder.join(name), &bytes[..bytes.len() - 7]).unwrap();
    }
    let reported = finish(loadgate().arg("report").arg(folder));
    assert!([0, 3, 5, 6].contains(&code(&reported)), "{}", stderr(&reported));
}

/// A file system of 256 kB; gone when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new() -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(folder.path());
        let mounted = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        mounted.then_some(SmallDisk(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0.path()).status());
    }
}

#[test]
fn a_full_disk_costs_the_files_and_not_the_verdict() {
    let Some(disk) = SmallDisk::new() else {
        return support::skip("this machine lets nobody mount a small file system");
    };
    let folder = tempfile::tempdir().unwrap();
    let file = quickstart(folder.path(), &steady(4, "100/s"));
    let mut scenario: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    scenario["slo"] = json!({ "all": ["p95 < 4s"] });
    fs::write(&file, scenario.to_string()).unwrap();
    // 20 kB are left: some of the record fits, the rest does not.
    fs::write(disk.0.path().join("ballast"), vec![1; 236 * 1024]).unwrap();
    let finished = finish(loadgate().arg("run").arg(&file).arg("-o").arg(disk.0.path()));
    let text = stdout(&finished);
    assert!(text.starts_with("PASS"), "{text}");
    // A pass without its reports is not what was asked for, and what is printed is so.
    assert_eq!(code(&finished), 1);
    assert!(text.contains("\nexit code  1\n"), "{text}");
    let left = fs::read_dir(support::latest(disk.0.path(), "quickstart")).unwrap();
    let left = left.map(|entry| entry.unwrap()).filter(|entry| entry.file_name() != "run.json");
    let report = |name: &str| name.ends_with("svg") || name.ends_with("html");
    for file in left.filter(|file| report(&file.file_name().to_string_lossy())) {
        assert!(file.metadata().unwrap().len() > 0, "half a {:?}", file.file_name());
    }
    assert!(text.contains("Objectives") && text.contains("exit code"), "{text}");
    let told = format!("{text}{}", stderr(&finished));
    assert!(told.contains("No space left on device"), "{told}");
    // 4 s at 100 iterations, each of more than one request: all of them are in the verdict.
    let requests = text.lines().find(|line| line.trim_start().starts_with("ok  ")).unwrap();
    let requests: u64 = requests.replace(|c: char| !c.is_ascii_digit(), "").parse().unwrap();
    assert!((400..1_000).contains(&requests), "{text}");
}

/// A scenario whose target does nothing but make a file: the marker.
fn marking(folder: &Path) -> (PathBuf, PathBuf) {
    let (file, marker) = (folder.join("marker.json"), folder.join("started"));
    let scenario = json!({
        "target": {
            "url": format!("http://127.0.0.1:{}", support::free_port()),
            "command": ["touch", marker]
        },
        "flows": [{ "name": "flow", "steps": [{ "request": "GET /" }] }],
        "load": { "stages": [{ "for": "1s", "rate": "1/s" }] }
    });
    fs::write(&file, scenario.to_string()).unwrap();
    (file, marker)
}

#[test]
fn an_unwritable_folder_is_told_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let (file, marker) = marking(folder.path());
    // A file where the folder should be: not even root can write there.
    let finished = finish(loadgate().arg("run").arg(&file).arg("-o").arg(file.join("out")));
    assert_eq!(code(&finished), 1);
    let (out, err) = (stdout(&finished), stderr(&finished));
    assert!(out.is_empty() && err.contains("no run folder can be made in"), "{out}{err}");
    assert!(err.contains("-o"), "{err}");
    assert!(!marker.exists(), "the target was started for nothing");
}

/// Files of no byte at all, as on a full disk: `ulimit -f 0`. The folder can be made.
#[test]
fn a_disk_that_is_full_from_the_start_is_told_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let (file, marker) = marking(folder.path());
    let mut command = Command::new("sh");
    // Without the signal that would end it at once, as it is with a full disk.
    let full = r#"trap "" XFSZ; ulimit -f 0 && exec "$0" "$@""#;
    command.args(["-c", full, env!("CARGO_BIN_EXE_loadgate"), "run"]).arg(&file);
    command.arg("-o").arg(folder.path().join("out")).stdin(Stdio::null());
    // What it says must not go into a file.
    let finished = command.output().unwrap();
    let (out, err) = (stdout(&finished), stderr(&finished));
    assert_eq!(code(&finished), 1, "{out}{err}");
    assert!(out.is_empty() && err.contains("nothing can be recorded: "), "{out}{err}");
    assert!(err.contains("run.json") && err.contains("-o"), "{err}");
    assert!(!marker.exists(), "the target was started for nothing");
    let left = fs::read_dir(folder.path().join("out/marker")).unwrap().count();
    assert_eq!(left, 0, "an empty folder is left");
}

#[test]
fn json_is_all_there_is_on_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let file = quickstart(folder.path(), &steady(2, "50/s"));
    let finished = finish(run(&file).args(["--json", "-q"]));
    let printed: Value = serde_json::from_slice(&finished.stdout).unwrap();
    assert_eq!(printed, support::summary(&run_folder(&file)));
    assert_eq!(printed["exit_code"], code(&finished));
    assert_eq!(stderr(&finished), "", "-q was given");
    let schema = support::run(&["schema", "summary"]);
    let schema = serde_json::from_slice(&schema.stdout).unwrap();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&printed));
}

#[test]
fn inconclusive_counts_as_the_flag_says() {
    #[track_caller]
    fn check(command: &mut Command, flag: &[&str], exit: i32) {
        let finished = finish(command.args(flag));
        assert_eq!(code(&finished), exit, "{flag:?}: {}", stdout(&finished));
        assert!(stdout(&finished).starts_with("INCONCLUSIVE"), "{}", stdout(&finished));
        assert!(stdout(&finished).contains(&format!("\nexit code  {exit}\n")));
    }
    let folder = tempfile::tempdir().unwrap();
    // A hundred requests say nothing about one in a thousand.
    let file = quickstart(folder.path(), &steady(1, "50/s"));
    check(&mut run(&file), &[], 5);
    check(&mut run(&file), &["--inconclusive", "pass"], 0);
    let report = || {
        let mut report = loadgate();
        report.arg("report").arg(run_folder(&file));
        report
    };
    check(&mut report(), &[], 5);
    check(&mut report(), &["--inconclusive", "pass"], 0);
    check(&mut report(), &["--inconclusive", "fail"], 3);
}

#[test]
fn a_target_that_is_not_there_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dead.json");
    let url = format!("http://127.0.0.1:{}", support::free_port());
    let scenario = json!({
        "target": { "url": url, "ready": { "within": "500ms" } },
        "flows": [{ "name": "flow", "steps": [{ "request": "GET /" }] }],
        "load": { "stages": [{ "for": "60s", "rate": "1/s" }] }
    });
    fs::write(&file, scenario.to_string()).unwrap();
    let finished = finish(&mut run(&file));
    assert_eq!(code(&finished), 7);
    assert!(stderr(&finished).contains("connection refused"), "{}", stderr(&finished));
    assert_eq!(stdout(&finished), "");
}

#[test]
fn a_target_that_dies_under_load_is_lost_and_what_was_measured_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let port = support::free_port().to_string();
    let mut scenario: Value = serde_json::from_str(
        &fs::read_to_string(quickstart(folder.path(), &steady(60, "50/s"))).unwrap(),
    )
    .unwrap();
    scenario["target"] = json!({
        "url": format!("http://127.0.0.1:{port}"),
        "command": [env!("CARGO_BIN_EXE_loadgate"), "demo", "--port", port]
    });
    let file = folder.path().join("quickstart.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let child = spawn(&mut run(&file));
    wait_for_seconds(&run_folder(&file), 1);
    let target = target_of(&child);
    kill(target, Signal::SIGKILL).unwrap();
    let finished = child.wait_with_output().unwrap();
    assert_eq!(code(&finished), 7, "{}", stdout(&finished));
    assert!(stdout(&finished).contains("killed by signal 9"), "{}", stdout(&finished));
    let record = check_record(&run_folder(&file));
    let end = record.end.as_ref().unwrap();
    assert!(matches!(end.reason, EndReason::TargetDied { .. }), "{end:?}");
    assert_eq!(planned(&record), ended(&record) + end.abandoned);
    assert!(end.seconds < 50.0, "it went on for {} s", end.seconds);
}

/// loadgate's child supervises; the supervisor's child is the target.
#[track_caller]
fn target_of(child: &Child) -> Pid {
    let supervisor = only_child(child.id());
    Pid::from_raw(only_child(supervisor).cast_signed())
}

#[track_caller]
fn only_child(parent: u32) -> u32 {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).unwrap();
    let children = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")));
    let children: String = children.map(Result::unwrap_or_default).collect();
    children.split_whitespace().next().expect("a child").parse().unwrap()
}

/// Runs to the end; the highest resident memory that was seen, in kB.
fn peak_of(mut child: Child) -> (u64, Output) {
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    eventually("the end of the run", || {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        peak = kilobytes.unwrap_or(peak).max(peak);
        child.try_wait().unwrap().is_some()
    });
    (peak, child.wait_with_output().unwrap())
}

#[test]
fn a_long_run_needs_no_more_memory_than_a_short_one_and_speaks_every_ten_seconds() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let children = [5, 21].map(|seconds| {
        let folder = &folders[usize::from(seconds > 5)];
        spawn(&mut run(&quickstart(folder.path(), &steady(seconds, "250/s"))))
    });
    let [(short, _), (long, output)] =
        children.map(peak_of_thread).map(|thread| thread.join().unwrap());
    assert!(short > 5_000, "{short} kB cannot be right");
    assert!(long as f64 / (short as f64) < 1.3, "{short} kB for 5 s, {long} kB for 21 s");
    let said = stderr(&output);
    let plain = said.replace('\n', "").chars().all(|c| !c.is_control());
    assert!(
        plain && stdout(&output).replace('\n', "").chars().all(|c| !c.is_control()),
        "{said:?}"
    );
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("offered")).collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].starts_with("  10s of 21s") && lines[1].starts_with("  20s of 21s"), "{said}");
}

fn peak_of_thread(child: Child) -> thread::JoinHandle<(u64, Output)> {
    thread::spawn(move || peak_of(child))
}

/// What a command prints on a terminal; `None` where there is no `script`.
fn on_a_terminal(words: &str, variables: &[(&str, &str)]) -> Option<String> {
    let mut script = Command::new("script");
    script.args(["-qec", words, "/dev/null"]).stdin(Stdio::null()).env("TERM", "xterm-256color");
    script.env_remove("NO_COLOR").env_remove("CI").envs(variables.iter().copied());
    let output = script.stderr(Stdio::null()).output().ok()?;
    output.status.code().map(|_| stdout(&output))
}

#[test]
fn a_terminal_gets_colours_and_a_bar_unless_somebody_objects() {
    let folder = tempfile::tempdir().unwrap();
    let file = quickstart(folder.path(), &steady(2, "20/s"));
    let binary = env!("CARGO_BIN_EXE_loadgate");
    let words = format!("{binary} run {} -o {}", file.display(), output(&file).display());
    let Some(printed) = on_a_terminal(&words, &[]) else {
        return support::skip("there is no script(1) to make a terminal with");
    };
    assert!(printed.contains("INCONCLUSIVE") && printed.contains("\x1b["), "{printed}");
    assert!(printed.contains("stage 1 of 1"), "no bar: {printed}");
    let again = format!("{binary} report {}", run_folder(&file).display());
    let colours = |words: &str, variables: &[(&str, &str)]| {
        let printed = on_a_terminal(words, variables).unwrap();
        assert!(printed.contains("INCONCLUSIVE"), "{printed}");
        printed.contains("\x1b[")
    };
    assert!(colours(&again, &[]));
    assert!(!colours(&again, &[("NO_COLOR", "1")]));
    assert!(!colours(&again, &[("TERM", "dumb")]));
    assert!(!colours(&format!("{again} --no-color"), &[]));
    // In CI a terminal gets plain lines instead of a bar.
    let printed = on_a_terminal(&words, &[("CI", "true"), ("NO_COLOR", "1")]).unwrap();
    assert!(!printed.contains("\x1b["), "{printed:?}");
}

/// A generator that was held up at some time of a run of four seconds.
#[track_caller]
fn check_held_up(after_seconds: u64, held: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let file = quickstart(folder.path(), &steady(4, "100/s"));
    let mut scenario: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    scenario["load"]["arrivals"] = json!("uniform");
    scenario["flows"] = json!([{ "name": "f", "steps": [{ "request": "GET /products" }] }]);
    scenario["slo"] = json!({ "all": ["p95 < 200ms"] });
    fs::write(&file, scenario.to_string()).unwrap();
    let child = spawn(&mut run(&file));
    eventually("the start of the schedule", || run_folder(&file).join("run.json").exists());
    thread::sleep(Duration::from_secs(after_seconds));
    send(&child, Signal::SIGSTOP);
    thread::sleep(held);
    send(&child, Signal::SIGCONT);
    let finished = child.wait_with_output().unwrap();
    let shown = stdout(&finished);
    // What was due then is in the figures, and nobody calls it a pass.
    let planned = planned(&store::read(&run_folder(&file)).unwrap());
    assert!((399..=400).contains(&planned), "{planned} of 400 requests: {shown}");
    assert_eq!(code(&finished), 6, "{shown}");
}

#[test]
fn a_generator_that_was_held_up_in_the_middle_is_no_judge() {
    check_held_up(1, Duration::from_millis(1_500));
}

#[test]
fn a_generator_that_was_held_up_at_the_end_is_no_judge() {
    check_held_up(2, Duration::from_millis(2_500));
}
