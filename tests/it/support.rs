//! What several tests need: the binary, bounded waits, free ports, temporary folders.
#![expect(unreachable_pub, reason = "it is for every module of this binary")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// The binary under test.
pub fn loadgate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgate"));
    // What the developer's shell or CI has set must not change what is tested.
    command
        .env_remove("CI")
        .env_remove("NO_COLOR")
        .env_remove("GITHUB_STEP_SUMMARY")
        .current_dir(root())
        .stdin(Stdio::null());
    command
}

/// Says that this machine cannot run a test, and why: a failure with `LOADGATE_TEST_ALL=1`, and
/// else a line in `target/skipped-tests`, which `scripts/test.sh` shows at its end.
#[track_caller]
pub fn skip(why: &str) {
    let wants_all = std::env::var_os("LOADGATE_TEST_ALL").is_some_and(|value| value == "1");
    assert!(!wants_all, "this machine cannot run it: {why}");
    let thread = std::thread::current();
    let line = format!("{}: {why}\n", thread.name().unwrap_or("a test"));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../skipped-tests");
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, line.as_bytes()));
    written.expect("the list of skipped tests can be written");
}

/// The project's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs to the end.
pub fn run(args: &[&str]) -> Output {
    loadgate().args(args).output().expect("the binary starts")
}

/// Waits until something is true, at most a minute.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until no process runs in a folder: all servers that were started there are gone.
#[track_caller]
pub fn all_are_gone(folder: &Path) {
    eventually("all servers are gone", || {
        let all = std::fs::read_dir("/proc").expect("there is /proc").flatten();
        let mut places = all.filter_map(|it| std::fs::read_link(it.path().join("cwd")).ok());
        !places.any(|place| place.starts_with(folder))
    });
}

/// Checks an exit code; what was said shows where it is another one.
#[track_caller]
pub fn ends_with(output: &Output, code: i32) {
    let said = format!("{}\n{}", stdout(output), stderr(output));
    assert_eq!(output.status.code(), Some(code), "{said}");
}

/// A run of a target that is slow by itself, repeated a few times while others leave it no CPU: of such a
/// run nobody can say whose fault it is.
pub fn unless_starved(mut run: impl FnMut() -> Output) -> Output {
    let mut output = run();
    for _ in 0..3 {
        if !stdout(&output).contains("target_starved") {
            break;
        }
        output = run();
    }
    output
}

/// Waits for a child's end, at most two minutes; it is killed then.
#[track_caller]
pub fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the child is ours") {
            return status;
        }
        if start.elapsed() > Duration::from_secs(120) {
            let _ = child.kill();
            panic!("the child did not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The nice values of a process's first thread and of its thread of that name, once there
/// is one.
#[cfg(target_os = "linux")]
pub fn nice_values(process: u32, thread: &str) -> Option<[i64; 2]> {
    let process = procfs::process::Process::new(process.cast_signed()).ok()?;
    let threads = process.tasks().ok()?.filter_map(|task| task.ok()?.stat().ok());
    let nice = threads.into_iter().find(|stat| stat.comm == thread)?.nice;
    Some([process.stat().ok()?.nice, nice])
}

/// A port of loopback that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback has ports");
    listener.local_addr().expect("it is bound").port()
}

/// Standard output as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The run folder that `latest` points at.
pub fn latest(output: &Path, scenario: &str) -> PathBuf {
    output.join(scenario).join("latest")
}

/// `summary.json` of a run folder.
#[track_caller]
pub fn summary(folder: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(folder.join("summary.json")).expect("a summary");
    serde_json::from_str(&text).expect("JSON")
}

/// Runs a command to its end, at most two minutes. What it prints goes through files, so
/// that a full pipe holds nothing up.
#[track_caller]
pub fn finish(command: &mut Command) -> Output {
    let mut files = [tempfile::tempfile(), tempfile::tempfile()].map(|file| file.expect("a file"));
    let [out, err] = &files;
    let mut child = command
        .stdout(out.try_clone().expect("a descriptor"))
        .stderr(err.try_clone().expect("a descriptor"))
        .spawn()
        .expect("the command starts");
    let status = wait(&mut child);
    let [stdout, stderr] = files.each_mut().map(|file| {
        use std::io::{Read, Seek};
        let mut bytes = Vec::new();
        file.rewind().expect("a file");
        file.read_to_end(&mut bytes).expect("it can be read");
        bytes
    });
    Output { status, stdout, stderr }
}
