//! The command line as a person and a pipeline meet it: help, mistakes, exit codes, and
//! what each command prints.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::support::{self, stderr, stdout};

const COMMANDS: [&str; 16] = [
    "run",
    "capacity",
    "noise",
    "soak",
    "stress",
    "check",
    "report",
    "explain",
    "baseline",
    "compare",
    "history",
    "plan",
    "schema",
    "demo",
    "completions",
    "man",
];

/// Runs loadgate and expects this exit code, and these texts on standard error.
#[track_caller]
fn refused(arguments: &[&str], code: i32, texts: &[&str]) -> Output {
    let output = support::run(arguments);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    for text in texts {
        assert!(said.contains(text), "{arguments:?} does not say {text:?}:\n{said}");
    }
    assert_eq!(stdout(&output), "", "{arguments:?}: what went wrong is no result");
    output
}

/// Runs loadgate, which must succeed, and gives what it printed.
#[track_caller]
fn prints(arguments: &[&str]) -> String {
    let output = support::run(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

fn scenario(name: &str) -> String {
    format!("scenarios/{name}.json")
}

// ---- Help ---------------------------------------------------------------------------

#[test]
fn the_report_is_the_last_line_is_opened_and_is_put_on_the_page_of_a_job() {
    let place = tempfile::tempdir().unwrap();
    let (page, opened) = (place.path().join("page.md"), place.path().join("opened"));
    let program = place.path().join("xdg-open");
    fs::write(&program, "#!/bin/sh\necho \"$1\" > \"$OPENED\"\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&program, mode).unwrap();
    let out = place.path().join("out").display().to_string();
    let report = |flags: &[&str], page: &Path| {
        let mut command = support::loadgate();
        command.args(["report", "reports/example", "-o", &out]).args(flags);
        command.env("GITHUB_STEP_SUMMARY", page).env("OPENED", &opened);
        command.env("PATH", format!("{}:/usr/bin:/bin", place.path().display()));
        command.env("DISPLAY", ":0").env_remove("WAYLAND_DISPLAY");
        command
    };
    let output = support::finish(&mut report(&["--open"], &page));
    let code = output.status.code();
    let last = format!("report     {out}/report.html");
    assert_eq!(stdout(&output).lines().last(), Some(last.as_str()));
    let summary = fs::read_to_string(format!("{out}/summary.md")).unwrap();
    assert_eq!(fs::read_to_string(&page).unwrap(), summary);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while fs::read_to_string(&opened).unwrap_or_default() != format!("{out}/report.html\n") {
        assert!(std::time::Instant::now() < end, "nothing was opened");
        std::thread::yield_now();
    }
    support::finish(&mut report(&["--no-step-summary"], &page));
    assert_eq!(fs::read_to_string(&page).unwrap(), summary, "once only");
    let output = support::finish(&mut report(&[], place.path()));
    assert!(stderr(&output).contains("warning: GITHUB_STEP_SUMMARY cannot be written"));
    assert_eq!(output.status.code(), code, "it changes no exit code");
    let output = support::finish(report(&["--open"], &page).env_remove("DISPLAY"));
    assert!(stderr(&output).contains("no desktop is here"), "{}", stderr(&output));
}

#[test]
fn a_scenario_may_be_yaml() {
    let output = support::run(&["check", "scenarios/checkout.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    for text in ["checkout: valid", "create order", "POST /orders", "p95 < 200ms"] {
        assert!(said.contains(text), "{text} is not in:\n{said}");
    }
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("odd.yml");
    fs::write(&file, "target: { demo: true }\nlaod: { seed: 1_000 }\ntarget: {}\n").unwrap();
    let file = file.display().to_string();
    let known = "odd.yml:2:1: unknown key \"laod\"";
    let twice = "odd.yml:3:1: the key \"target\" stands twice in this object, first in line 1";
    refused(&["check", &file], 2, &[known, "did you mean \"load\"?", twice, "odd.yml:2:15: 1_000"]);
}

#[test]
fn every_help_has_an_example_and_fits_the_screen() {
    for command in COMMANDS {
        for flag in ["-h", "--help"] {
            let help = prints(&[command, flag]);
            let example = help.split("Examples:\n").nth(1).unwrap_or_default();
            let starts = format!("  loadgate {command}");
            assert!(example.starts_with(&starts), "{command} {flag} has no example:\n{help}");
            for line in help.lines() {
                assert!(line.chars().count() <= 100, "{command} {flag}: {line}");
            }
        }
    }
}

#[test]
fn the_help_lists_every_command_and_every_exit_code() {
    let help = prints(&["--help"]);
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "{command}:\n{help}");
    }
    for code in ["0", "1", "2", "3", "4", "5", "6", "7", "130"] {
        assert!(help.contains(&format!("\n  {code:<3}  ")), "{code}:\n{help}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
}

#[test]
fn without_arguments_it_shows_its_help() {
    refused(&[], 2, &["Usage: loadgate <COMMAND>", "Exit codes:"]);
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(prints(&["--version"]), format!("loadgate {}\n", env!("CARGO_PKG_VERSION")));
}

// ---- Mistakes -----------------------------------------------------------------------

#[test]
fn an_unknown_flag_or_command_is_a_usage_error() {
    refused(&["run", &scenario("quickstart"), "--frob"], 2, &["--frob", "Usage: loadgate run"]);
    refused(&["chekc", "x"], 2, &["chekc", "check"]);
}

#[test]
fn all_mistakes_of_a_scenario_are_told_with_their_place() {
    let file = "tests/fixtures/scenarios/many.json";
    for command in ["run", "check"] {
        let output =
            refused(&[command, file], 2, &["error: 13 mistakes\n", "did you mean \"weight\"?"]);
        let said = stderr(&output);
        let place = |line: &&str| {
            let rest = line.strip_prefix(&format!("{file}:"))?;
            let mut parts = rest.split(':');
            let numbers = [parts.next()?.parse::<u32>().ok()?, parts.next()?.parse().ok()?];
            parts.next().map(|_| numbers)
        };
        let places: Vec<[u32; 2]> = said.lines().filter_map(|line| place(&line)).collect();
        assert_eq!(places.len(), 13, "{said}");
        assert!(places.is_sorted(), "{said}");
    }
}

#[test]
fn a_scenario_that_is_not_there_is_a_usage_error() {
    for command in ["run", "check"] {
        refused(&[command, "nowhere.json"], 2, &["error: nowhere.json: does not exist"]);
        refused(&[command, "scenarios"], 2, &["is a folder"]);
    }
}

#[test]
fn flags_for_a_url_mean_nothing_beside_a_file() {
    let file = scenario("quickstart");
    for flags in [
        &["-R", "5"][..],
        &["-d", "5s"],
        &["--warmup", "1s"],
        &["-c", "5"],
        &["-m", "GET"],
        &["-H", "a: b"],
        &["-b", "x"],
        &["--slo", "p99 < 1s"],
        &["--timeout", "1s"],
        &["--seed", "1"],
    ] {
        let arguments = [&["run", &file][..], flags].concat();
        refused(&arguments, 2, &[flags[0], "with a URL only"]);
    }
}

#[test]
fn a_url_needs_a_rate_or_users() {
    refused(&["run", "http://127.0.0.1:9/"], 2, &["say how hard", "-R 100", "-c 64"]);
}

#[test]
fn a_url_without_its_beginning_is_told_what_is_missing() {
    refused(&["run", "localhost:3000/health", "-R", "5"], 2, &["begins with http://"]);
}

#[test]
fn what_is_not_http_is_refused() {
    let wanted = ["must start with http://, https:// or unix:, found ftp:"];
    refused(&["run", "ftp://127.0.0.1:9/", "-R", "5"], 2, &wanted);
}

#[test]
fn a_foreign_host_is_loaded_only_when_it_is_named() {
    let texts = &["example.com is not this machine", "--allow-host example.com"];
    refused(&["run", "http://example.com/", "-R", "5"], 2, texts);
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = place.path().join("foreign.json");
    let text = r#"{"target": {"url": "http://example.com"}, "flows": [{"name": "a", "steps":
        [{"request": "GET /"}]}], "load": {"stages": [{"for": "9s", "rate": "1/s"}]}}"#;
    fs::write(&file, text).expect("it can be written");
    let file = file.to_str().expect("a plain path");
    refused(&["check", file], 2, texts);
    prints(&["check", file, "--allow-host", "example.com"]);
}

#[test]
fn wrong_values_of_flags_say_what_is_right() {
    let url = "http://127.0.0.1:9/";
    refused(&["run", url, "-R", "fast"], 2, &["--rate", "200/s"]);
    refused(&["run", url, "-R", "5", "-d", "5"], 2, &["--duration", "1.5s"]);
    refused(&["run", url, "-R", "5", "-c", "0"], 2, &["--connections"]);
    refused(&["run", url, "-R", "5", "-H", "nothing"], 2, &["accept: application/json"]);
    refused(&["run", url, "-R", "5", "--slo", "p99 > 5ms"], 2, &["p99 < 5ms"]);
    refused(&["run", url, "-R", "5", "-b", "@nowhere"], 2, &["nowhere"]);
}

#[test]
fn a_folder_that_is_no_run_is_a_usage_error() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let path = place.path().to_str().expect("a plain path");
    refused(&["report", path], 2, &["run.json", "name the folder that loadgate wrote"]);
    refused(&["report", "nowhere"], 2, &["nowhere", "name the folder that loadgate wrote"]);
    fs::write(place.path().join("run.json"), "{}").expect("it can be written");
    refused(&["report", path], 2, &["not a run record"]);
}

// ---- What commands print ------------------------------------------------------------

/// Compares with a golden file; `UPDATE_GOLDEN=1` rewrites it.
#[track_caller]
fn golden(name: &str, text: &str) {
    let path = support::root().join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).expect("golden files can be written");
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, stored, "{name}: run it again with UPDATE_GOLDEN=1");
}

#[test]
fn check_prints_the_plan() {
    golden("check-quickstart.txt", &prints(&["check", &scenario("quickstart")]));
    golden("check-ramp.txt", &prints(&["check", &scenario("ramp")]));
}

#[test]
fn check_counts_only_what_will_be_judged() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = place.path().join("plain.json");
    // No warm-up of its own, so a quarter of it is: 15 of 20 s at 100/s are judged.
    let text = r#"{"target": {"demo": true}, "flows": [{"name": "a", "steps":
        [{"request": "GET /products"}]}], "load": {"stages": [{"for": "20s", "rate": "100/s"}]}}"#;
    fs::write(&file, text).expect("it can be written");
    let plan = prints(&["check", file.to_str().expect("a plain path")]);
    assert!(plan.contains("judged 15s from second 5 on, about 1,500\n"), "{plan}");
    assert!(plan.contains("of 1,500\n"), "{plan}");
}

#[test]
fn every_schema_is_one() {
    for of in [
        "scenario",
        "slo",
        "run",
        "summary",
        "noise",
        "soak",
        "stress",
        "stress-summary",
        "capacity",
        "baseline",
    ] {
        let schema: Value = serde_json::from_str(&prints(&["schema", of])).expect("JSON");
        jsonschema::meta::validate(&schema).expect("a JSON Schema");
        assert!(schema["properties"].is_object(), "{of}");
    }
    assert_eq!(prints(&["schema"]), prints(&["schema", "scenario"]));
}

#[test]
fn completions_are_scripts() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = prints(&["completions", shell]);
        assert!(script.contains("allow-host"), "{shell} knows the flags");
    }
    let script = prints(&["completions", "bash"]);
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().expect("bash");
    let mut input = bash.stdin.take().expect("a pipe");
    input.write_all(script.as_bytes()).expect("bash reads");
    drop(input);
    assert!(support::wait(&mut bash).success(), "bash cannot read the script");
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let page = prints(&["man"]);
    assert!(page.contains("\n.TH loadgate 1 "), "{page}");
    for command in COMMANDS {
        assert!(page.contains(&format!("loadgate\\-{command}(1)")), "{command}");
        let own = prints(&["man", command]);
        assert!(own.contains(&format!("\n.TH loadgate-{command} 1 ")), "{own}");
    }
    assert!(prints(&["man", "run"]).contains("allow\\-host"));
    refused(&["man", "nothing"], 2, &["no command nothing"]);
}

// ---- Runs ---------------------------------------------------------------------------

/// A short run of the demo, which passes, with more flags.
fn short_run(place: &Path, flags: &[&str]) -> Output {
    let file = place.join("short.json");
    let text = r#"{"name": "short", "target": {"demo": true}, "flows": [{"name": "a", "steps":
        [{"request": "GET /products"}]}], "slo": {"all": ["p90 < 9s", "error_rate < 10%"]},
        "load": {"stages": [{"for": "1s", "rate": "100/s", "warmup": true}, {"for": "3s", "rate": "100/s"}]}}"#;
    fs::write(&file, text).expect("it can be written");
    let output = place.join("out");
    support::loadgate()
        .arg("run")
        .arg(file)
        .arg("-o")
        .arg(output)
        .args(flags)
        .output()
        .expect("the binary starts")
}

/// Every file of a folder but the record itself, which is input.
fn reports(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())))
        .map(|(name, bytes)| (name, bytes.expect("a file")))
        .collect();
    files.sort();
    files
}

#[test]
fn a_stored_run_renders_again_byte_for_byte() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let ran = short_run(place.path(), &[]);
    assert_eq!(ran.status.code(), Some(0), "{}{}", stdout(&ran), stderr(&ran));
    let folder = fs::canonicalize(place.path().join("out/short/latest")).expect("a run");
    let before = reports(&folder);
    for name in ["summary.json", "summary.md", "report.html", "junit.xml"] {
        fs::remove_file(folder.join(name)).expect("it was there");
    }
    let path = folder.to_str().expect("a plain path");
    let again = support::run(&["report", path]);
    assert_eq!(again.status.code(), Some(0));
    assert_eq!(stdout(&again), stdout(&ran), "the same record is the same result");
    let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    let after = reports(&folder);
    assert_eq!(names(&before), names(&after));
    for ((name, old), (_, new)) in before.iter().zip(&after) {
        assert!(old == new, "{name} is another one");
    }

    // By its run.json, into another folder, as JSON: still the same summary.
    let elsewhere = place.path().join("elsewhere");
    let run_file = folder.join("run.json");
    let arguments = ["report", run_file.to_str().expect("a plain path"), "--json", "-o"];
    let printed = prints(&[&arguments[..], &[elsewhere.to_str().expect("a plain path")]].concat());
    let stored = fs::read_to_string(folder.join("summary.json")).expect("a summary");
    assert_eq!(printed, stored);
    assert_eq!(fs::read_to_string(elsewhere.join("summary.json")).expect("a summary"), stored);
}

/// Half a result with exit code 0 is taken for all of it.
#[test]
fn a_result_that_cannot_be_written_is_the_tools_failure_and_a_closed_pipe_is_none() {
    for arguments in [
        &["schema"][..],
        &["check", "scenarios/quickstart.json"],
        &["explain"],
        &["report", "reports/example", "--json", "-o"],
    ] {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("out").display().to_string();
        let is_report = arguments.last() == Some(&"-o");
        let run = |to: Stdio| {
            let mut command = support::loadgate();
            command.args(arguments).args(is_report.then_some(&out)).stdout(to);
            command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
        };
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = run(full.into());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("standard output could not be written: No space"), "{said}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = run(writer.into());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("standard output"), "{arguments:?}");
    }
}

#[test]
fn the_result_is_on_standard_output_and_progress_is_not() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let loud = short_run(place.path(), &[]);
    assert!(stdout(&loud).starts_with("PASS  short"), "{}", stdout(&loud));
    assert!(stderr(&loud).contains("ready after"), "{}", stderr(&loud));
    for output in [&loud.stdout, &loud.stderr] {
        assert!(!output.contains(&b'\x1b'), "no colours in a pipe");
    }
    let quiet = short_run(place.path(), &["-q", "--json"]);
    assert_eq!(stderr(&quiet), "");
    let summary: Value = serde_json::from_slice(&quiet.stdout).expect("nothing but JSON");
    assert_eq!(summary["verdict"], "pass");
    assert_eq!(summary["exit_code"], 0);
}

/// What a command prints on a terminal of its own.
fn on_a_terminal(command: &str, variables: &[(&str, &str)]) -> String {
    let binary = env!("CARGO_BIN_EXE_loadgate");
    let output = Command::new("script")
        .args(["-qec", &format!("{binary} {command}"), "/dev/null"])
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("script, of util-linux, is installed");
    stdout(&output)
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let place = tempfile::tempdir().expect("a temporary folder");
    short_run(place.path(), &["-q"]);
    let run = place.path().join("out/short/latest");
    let report = format!("report {}", run.display());
    assert!(on_a_terminal(&report, &[]).contains("\x1b["), "a terminal gets colours");
    let plain = [
        on_a_terminal(&report, &[("NO_COLOR", "1")]),
        on_a_terminal(&report, &[("TERM", "dumb")]),
        on_a_terminal(&format!("{report} --no-color"), &[]),
    ];
    for text in plain {
        assert!(text.contains("PASS  short") && !text.contains("\x1b["), "{text}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_the_tools_failure() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = place.path().join("file");
    fs::write(&file, "").expect("it can be written");
    let path = file.to_str().expect("a plain path");
    refused(&["run", &scenario("quickstart"), "-o", path], 1, &["no run folder", "with -o"]);
}

// ---- The demo -----------------------------------------------------------------------

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the demo listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn the_demo_serves_until_it_is_interrupted() {
    let mut child = support::loadgate()
        .args(["demo", "--port", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    out.read_line(&mut line).expect("it says where it listens");
    let address = line.trim().rsplit("http://").next().expect("an address").to_owned();
    assert!(get(&address, "/products?limit=1").starts_with("HTTP/1.1 200"), "{address}");
    let taken = address.rsplit(':').next().expect("a port");
    refused(&["demo", "--port", taken], 1, &[taken, "--port"]);
    let id = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    kill(id, Signal::SIGINT).expect("it runs");
    assert_eq!(support::wait(&mut child).code(), Some(0));
}
