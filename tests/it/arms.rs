//! The arms of a duet with real repositories and processes: each source gives a target on
//! a port of its own, every mistake has its message, and nothing is left of any of it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use loadgate::experiment::arm::{ArmError, ArmSource, Making, PreparedArm, Site};
use loadgate::experiment::control::Control;
use loadgate::experiment::start::Started;
use loadgate::experiment::trial_error::TrialError;
use loadgate::scenario::model::{Arm, HttpAddress, Prepare, Scenario};
use loadgate::scenario::read;
use loadgate::target::port::free_port;
use loadgate::target::process::Supervisor;
use tempfile::TempDir;

use super::support::{eventually, wait};

const BINARY: &str = env!("CARGO_BIN_EXE_loadgate");
const LONG: Duration = Duration::from_secs(60);

/// Answers with its folder's `version`, and with what it was told by variables.
const SERVER: &str = r#"
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        told = [open("version").read().strip()]
        told += [os.environ.get(name, "-") for name in ("LOADGATE_ARM", "DATABASE", "GIT_DIR")]
        body = " ".join(told).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
class Server(http.server.HTTPServer):
    allow_reuse_address = True
Server(("127.0.0.1", int(os.environ.get("PORT", "0"))), Handler).serve_forever()
"#;

/// A repository with `api/` on `main`, where the candidate's work is not committed; what
/// temporary files and reports there are lies beside it.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { root: tempfile::tempdir().unwrap() };
        for folder in ["repo/api", "temporary", "run"] {
            fs::create_dir_all(place.path(folder)).unwrap();
        }
        place.write("repo/api/server.py", SERVER);
        place.write("repo/api/version", "one");
        git(&place.path("repo"), &["init", "--quiet", "--initial-branch=main"]);
        place.commit("Version one");
        place.write("repo/api/version", "candidate");
        place
    }

    /// Canonical, as loadgate names it.
    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn commit(&self, message: &str) {
        git(&self.path("repo"), &["add", "--all"]);
        git(&self.path("repo"), &["commit", "--quiet", "--message", message]);
    }

    /// The scenario, with more keys of its target.
    fn scenario(&self, more: &str) -> Arc<Scenario> {
        self.scenario_at(9, more)
    }

    fn scenario_at(&self, port: u16, more: &str) -> Arc<Scenario> {
        let text = format!(
            r#"{{ "target": {{ "url": "http://127.0.0.1:{port}", "cwd": "repo/api",
                "command": ["python3", "server.py"]{more} }},
                "flows": [{{ "name": "f", "steps": [{{ "request": "GET /" }}] }}],
                "load": {{ "stages": [{{ "for": "5s", "rate": "10/s" }}] }} }}"#
        );
        let file = self.path("scenario.json");
        fs::write(&file, text).unwrap();
        Arc::new(read::load(&file, &|_| None).unwrap())
    }

    /// Nothing of a worktree is left, neither here nor in git's eyes.
    #[track_caller]
    fn is_clean(&self) {
        let worktrees = git(&self.path("repo"), &["worktree", "list"]);
        assert_eq!(worktrees.lines().count(), 1, "{worktrees}");
        let entries = fs::read_dir(self.path("repo/.git/worktrees"));
        let entries = entries.map(|all| all.flatten().map(|entry| entry.file_name()).collect());
        assert_eq!(entries.ok(), None::<Vec<_>>);
        let left: Vec<_> = fs::read_dir(self.path("temporary")).unwrap().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Runs git as nobody in particular, with no settings but the repository's.
#[track_caller]
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = git_output(folder, arguments);
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn git_output(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("git");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Nobody");
        command.env(format!("GIT_{who}_EMAIL"), "nobody@example.com");
    }
    command
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn supervisor() -> Supervisor {
    Supervisor { program: BINARY.into(), argument: "__supervise" }
}

#[expect(clippy::unnecessary_wraps, reason = "it is what a source has")]
fn prepare(script: &str, within: Duration) -> Option<Prepare> {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    Some(Prepare { command, within })
}

fn of_ref(git_ref: &str, prepare: Option<Prepare>) -> ArmSource {
    ArmSource::Ref { git_ref: git_ref.to_owned(), prepare }
}

fn make(
    place: &Place,
    scenario: &Arc<Scenario>,
    arm: Arm,
    source: &ArmSource,
) -> Result<PreparedArm, ArmError> {
    make_watched(place, scenario, (arm, source), &Control::default(), &|_| {})
}

fn make_watched(
    place: &Place,
    scenario: &Arc<Scenario>,
    (arm, source): (Arm, &ArmSource),
    control: &Control,
    watch: &dyn Fn(Making),
) -> Result<PreparedArm, ArmError> {
    let site = Site {
        supervisor: &supervisor(),
        control,
        temporary: &place.path("temporary"),
        folder: &place.path("run"),
        search_path: None,
        watch,
    };
    PreparedArm::new(scenario, arm, source, &site)
}

fn start(place: &Place, arm: &PreparedArm, port: u16) -> Result<Started, TrialError> {
    let scenario = arm.scenario(port);
    let log = place.path("run").join(format!("{}.log", arm.arm()));
    let started = Started::start(&scenario, &supervisor(), &log, &mut |_| {})?;
    started.wait_until_ready(&scenario, &Control::default(), &mut |_| {})?;
    Ok(started)
}

/// What the target answers.
#[track_caller]
fn ask(target: &Started) -> String {
    use std::io::{Read, Write};
    let address = (target.address().host.as_str(), target.address().port);
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.rsplit_once("\r\n\r\n").unwrap().1.to_owned()
}

/// The processes that work in a folder or below it.
fn processes_in(folder: &Path) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let folders = processes.filter_map(|entry| fs::read_link(entry.path().join("cwd")).ok());
    folders.filter(|at| at.starts_with(folder)).collect()
}

#[track_caller]
fn says(error: &ArmError, words: &[&str]) {
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "\"{message}\" without \"{word}\"");
    }
}

#[test]
fn a_ref_and_the_working_tree_run_beside_each_other_with_data_of_their_own() {
    let place = Place::new();
    let scenario = place.scenario(
        r#", "env": { "DATABASE": "shared.db" },
        "arms": { "baseline": { "env": { "DATABASE": "baseline.db" } } }"#,
    );
    let status = git(&place.path("repo"), &["status", "--porcelain"]);
    let source = of_ref("main", prepare("pwd > where; echo prepared", LONG));
    let baseline = make(&place, &scenario, Arm::Baseline, &source).unwrap();
    let candidate = make(&place, &scenario, Arm::Candidate, &ArmSource::Scenario).unwrap();
    assert!(baseline.needs_port() && candidate.needs_port());
    assert!(baseline.description().ends_with(", Version one)"), "{}", baseline.description());
    assert_eq!(baseline.commit().unwrap().len(), 40);
    // Fresh processes twice: one checkout serves all segments.
    for _ in 0..2 {
        let one = start(&place, &baseline, free_port().unwrap()).unwrap();
        let other = start(&place, &candidate, free_port().unwrap()).unwrap();
        assert_eq!(ask(&one), "one baseline baseline.db -");
        assert_eq!(ask(&other), "candidate candidate shared.db -");
        one.stop();
        other.stop();
    }
    let log = fs::read_to_string(place.path("run/baseline-prepare.log")).unwrap();
    assert_eq!(log, "prepared\n");
    assert!(!place.path("repo/api/where").exists(), "prepared in the user's own folder");
    baseline.remove().unwrap();
    place.is_clean();
    assert_eq!(git(&place.path("repo"), &["status", "--porcelain"]), status);
}

#[test]
fn urls_commands_and_folders_are_arms_too() {
    let place = Place::new();
    let scenario = place.scenario("");
    let check = |source: &ArmSource, answer: &str| {
        let arm = make(&place, &scenario, Arm::Baseline, source).unwrap();
        let target = start(&place, &arm, free_port().unwrap()).unwrap();
        assert_eq!(ask(&target), answer);
        (arm, target)
    };
    let words = ["sh", "-c", "DATABASE=mine exec python3 server.py"].map(str::to_owned).to_vec();
    let (_arm, target) = check(&ArmSource::Command(words), "candidate baseline mine -");
    let running = ArmSource::Running(target.address().clone());
    let (arm, elsewhere) = check(&running, "candidate baseline mine -");
    assert!(!arm.needs_port());
    assert_eq!(arm.description(), target.address().to_string());
    elsewhere.stop();
    assert_eq!(ask(&target), "candidate baseline mine -", "what ran already was stopped");
    // A folder that takes the place of the command's own.
    fs::create_dir(place.path("copy")).unwrap();
    place.write("copy/server.py", SERVER);
    place.write("copy/version", "copied");
    check(&ArmSource::Folder(place.path("copy")), "copied baseline - -");
    // The top of another checkout: the command runs in `api` of it.
    git(&place.path(""), &["clone", "--quiet", "repo", "clone"]);
    check(&ArmSource::Folder(place.path("clone")), "one baseline - -");
}

#[test]
fn what_cannot_be_an_arm_says_why() {
    let place = Place::new();
    git(&place.path("repo"), &["branch", "release/one"]);
    place.write("repo/api/version", "two");
    place.commit("Version two");
    git(&place.path("repo"), &["update-ref", "refs/remotes/origin/trunk", "HEAD"]);
    fs::create_dir_all(place.path("repo/new")).unwrap();
    let scenario = place.scenario("");
    let check = |scenario: &Arc<Scenario>, source: &ArmSource, words: &[&str]| {
        let error = make(&place, scenario, Arm::Baseline, source).unwrap_err();
        says(&error, words);
        place.is_clean();
    };
    let fetch = "git fetch origin mian:refs/remotes/origin/mian";
    let unknown = ["the baseline", "no git ref \"mian\"", "did you mean \"main\"?", fetch];
    check(&scenario, &of_ref("mian", None), &unknown);
    check(&scenario, &of_ref("trunk", None), &["did you mean \"origin/trunk\"?"]);
    check(&scenario, &of_ref("release/on", None), &["\"release/one\""]);
    check(&scenario, &of_ref("main:api", None), &["no git ref \"main:api\""]);
    check(&scenario, &of_ref("--help", None), &["\"--help\" is no git ref"]);
    check(&scenario, &of_ref("", None), &["\"\" is no git ref"]);
    check(&scenario, &ArmSource::Folder("/no/where".into()), &["/no/where does not exist"]);
    let address = HttpAddress { prefix: "/v2".to_owned(), ..HttpAddress::plain("127.0.0.1", 9) };
    check(&scenario, &ArmSource::Running(address), &["http://127.0.0.1:9/v2", "begin with \"\""]);

    let elsewhere = place.scenario(r#", "env": {}"#);
    let moved = |folder: &str| {
        let mut scenario = Scenario::clone(&elsewhere);
        scenario.target.start.as_mut().unwrap().folder = place.path(folder);
        Arc::new(scenario)
    };
    let missing = ["the folder new does not exist at \"main\"", "name a ref that has it"];
    check(&moved("repo/new"), &of_ref("main", None), &missing);
    check(&moved("temporary"), &of_ref("main", None), &["is not in a git repository"]);
    let mut bare = Scenario::clone(&scenario);
    bare.target.start = None;
    check(&Arc::new(bare), &of_ref("main", None), &["add \"command\" to \"target\""]);
}

#[test]
fn a_shallow_clone_is_told_from_a_misspelt_ref() {
    let place = Place::new();
    let url = format!("file://{}", place.path("repo").display());
    git(&place.path(""), &["clone", "--quiet", "--depth=1", &url, "clone"]);
    let mut scenario = Scenario::clone(&place.scenario(""));
    scenario.target.start.as_mut().unwrap().folder = place.path("clone/api");
    let source = of_ref("origin/release", None);
    let error = make(&place, &Arc::new(scenario), Arm::Baseline, &source).unwrap_err();
    says(&error, &["shallow clone", "fetch-depth: 0", "release:refs/remotes/origin/release"]);
}

#[test]
fn a_worktree_is_never_made_where_it_would_find_the_candidates_files() {
    let place = Place::new();
    let inside = place.path("repo/temporary");
    fs::create_dir(&inside).unwrap();
    fs::remove_dir(place.path("temporary")).unwrap();
    symlink(&inside, place.path("temporary")).unwrap();
    let scenario = place.scenario("");
    let error = make(&place, &scenario, Arm::Baseline, &of_ref("main", None)).unwrap_err();
    says(&error, &["no worktree can be made in", "candidate's files"]);
}

#[test]
fn a_preparation_that_fails_or_hangs_says_so_and_leaves_nothing() {
    let place = Place::new();
    let scenario = place.scenario("");
    let check = |prepare: Option<Prepare>, words: &[&str]| {
        let error = make(&place, &scenario, Arm::Baseline, &of_ref("main", prepare)).unwrap_err();
        says(&error, words);
        place.is_clean();
        let temporary = place.path("temporary");
        assert_eq!(processes_in(&temporary), Vec::<PathBuf>::new());
    };
    check(
        prepare("echo 'no package-lock.json'; exit 7", LONG),
        &["the baseline: the preparation \"sh -c", "exit status 7", "no package-lock.json"],
    );
    check(
        prepare("echo waiting; (setsid sleep 600 &); sleep 600", Duration::from_millis(700)),
        &["still running after 700ms", "waiting", "\"prepare\" of \"target\""],
    );
    let missing = Prepare { command: vec!["no-such-program".to_owned()], within: LONG };
    check(Some(missing), &["\"no-such-program\" cannot be started", "in any folder of PATH"]);
    // What it leaves running and what it makes unwritable is removed as well.
    check(
        prepare("(setsid sleep 600 &); mkdir -p a/b; touch a/b/c; chmod -R 500 a; exit 1", LONG),
        &["exit status 1"],
    );
}

#[test]
fn an_interrupt_ends_a_preparation() {
    let place = Place::new();
    let scenario = place.scenario("");
    let control = Control::default();
    let source = of_ref("main", prepare("touch ../../../../run/begun; sleep 600", LONG));
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            eventually("the preparation", || place.path("run/begun").exists());
            control.interrupt(2);
        });
        let wanted = (Arm::Baseline, &source);
        make_watched(&place, &scenario, wanted, &control, &|_| {}).unwrap_err()
    });
    assert!(matches!(error, ArmError::Interrupted(2)), "{error}");
    place.is_clean();
    assert_eq!(processes_in(&place.path("temporary")), Vec::<PathBuf>::new());
}

#[test]
fn an_interrupt_before_the_checkout_makes_none() {
    let place = Place::new();
    let control = Control::default();
    control.interrupt(15);
    let wanted = (Arm::Baseline, &of_ref("main", None));
    let scenario = place.scenario("");
    let error = make_watched(&place, &scenario, wanted, &control, &|_| {}).unwrap_err();
    assert!(matches!(error, ArmError::Interrupted(15)), "{error}");
    place.is_clean();
}

#[test]
fn an_arm_that_dies_is_not_waited_for() {
    let place = Place::new();
    place.write("repo/api/server.py", "import sys; sys.exit('no database')");
    place.commit("Broken");
    place.write("repo/api/server.py", SERVER);
    let scenario = place.scenario("");
    let arm = make(&place, &scenario, Arm::Baseline, &of_ref("main", None)).unwrap();
    let error = start(&place, &arm, free_port().unwrap()).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("exit status 1") && message.contains("no database"), "{message}");
    drop(arm);
    place.is_clean();
}

#[test]
fn a_command_that_takes_its_port_from_elsewhere_is_told_what_to_do() {
    let place = Place::new();
    let own = free_port().unwrap();
    let scenario = place.scenario_at(
        own,
        &format!(
            r#", "env": {{ "PORT": "{own}" }}, "port_variable": "LISTEN",
            "ready": {{ "within": "2s" }}"#
        ),
    );
    let arm = make(&place, &scenario, Arm::Baseline, &ArmSource::Scenario).unwrap();
    let port = free_port().unwrap();
    let error = start(&place, &arm, port).unwrap_err().to_string();
    let told = format!("told to listen on port {port} by LISTEN={port}, but listens on port {own}");
    assert!(error.contains(&told) && error.contains("\"port_variable\""), "{error}");
    // The other arm has the port already, as it will be when both ignore the variable.
    let _other = std::net::TcpListener::bind(("127.0.0.1", own)).unwrap();
    let words = ["sh", "-c", &format!("echo 'EADDRINUSE: 127.0.0.1:{own}'; exit 1")];
    let source = ArmSource::Command(words.map(str::to_owned).to_vec());
    let arm = make(&place, &scenario, Arm::Baseline, &source).unwrap();
    let error = start(&place, &arm, free_port().unwrap()).unwrap_err().to_string();
    assert!(error.contains(&format!("wanted port {own}")), "{error}");
    assert!(error.contains("exit status 1"), "{error}");
}

#[test]
fn the_users_hooks_do_not_run() {
    let place = Place::new();
    let hook = place.path("repo/.git/hooks/post-checkout");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\ntouch \"$PWD/hooked\"; exit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let scenario = place.scenario("");
    let source = of_ref("main", prepare("test ! -e ../hooked", LONG));
    let arm = make(&place, &scenario, Arm::Baseline, &source).unwrap();
    drop(arm);
    place.is_clean();
}

/// The library as loadgate uses it, in a process that can be killed: the test binary
/// itself, when it is told where.
const STAGE: &str = "LOADGATE_TEST_STAGE";

#[test]
fn stand_in_for_loadgate() {
    let Some(root) = std::env::var_os("LOADGATE_TEST_PLACE") else { return };
    let root = PathBuf::from(root);
    let file = root.join("scenario.json");
    let scenario = Arc::new(read::load(&file, &|_| None).unwrap());
    let is_preparing = std::env::var(STAGE).unwrap() == "preparing";
    let script = if is_preparing { "touch ../../../../run/begun; sleep 600" } else { "true" };
    let site = Site {
        supervisor: &supervisor(),
        control: &Control::default(),
        temporary: &root.join("temporary"),
        folder: &root.join("run"),
        search_path: None,
        watch: &|_| {},
    };
    let source = of_ref("main", prepare(script, LONG * 2));
    let arm = PreparedArm::new(&scenario, Arm::Baseline, &source, &site).unwrap();
    let own = arm.scenario(free_port().unwrap());
    let log = root.join("run/target.log");
    let target = Started::start(&own, &supervisor(), &log, &mut |_| {}).unwrap();
    target.wait_until_ready(&own, &Control::default(), &mut |_| {}).unwrap();
    File::create(root.join("run/begun")).unwrap();
    // Bounded, for when the test that kills this ends before it does.
    std::thread::sleep(LONG * 2);
}

/// A process that uses the library, in a hook of git by its environment.
fn stand_in(place: &Place, stage: &str) -> Child {
    place.scenario("");
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "arms::stand_in_for_loadgate"])
        .env("LOADGATE_TEST_PLACE", place.path(""))
        .env(STAGE, stage)
        .env("GIT_DIR", "/nonexistent")
        .env("GIT_INDEX_FILE", "/nonexistent")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Whether a process was started with a text among its variables.
fn is_in_an_environment(text: &str) -> bool {
    let here = std::process::id().to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let others = processes.filter(|process| process.file_name().to_string_lossy() != here);
    let environments = others.filter_map(|process| fs::read(process.path().join("environ")).ok());
    let has = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).contains(text);
    environments.into_iter().any(has)
}

/// Kills it, and sees that nothing is left.
#[track_caller]
fn kill(place: &Place, mut child: Child) {
    child.kill().unwrap();
    wait(&mut child);
    let temporary = place.path("temporary");
    eventually("no process", || processes_in(&temporary).is_empty());
    eventually("no folder", || fs::read_dir(&temporary).unwrap().count() == 0);
    // Its supervisor may still be making, and removing, what was under way.
    let root = place.path("");
    eventually("no supervisor", || !is_in_an_environment(root.to_str().unwrap()));
    place.is_clean();
}

#[track_caller]
fn check_killed(stage: &str) {
    let place = Place::new();
    let child = stand_in(&place, stage);
    eventually(stage, || place.path("run/begun").exists());
    assert!(!processes_in(&place.path("temporary")).is_empty());
    kill(&place, child);
}

#[test]
fn when_loadgate_is_killed_in_a_preparation_nothing_is_left() {
    check_killed("preparing");
}

#[test]
fn when_loadgate_is_killed_while_an_arm_runs_nothing_is_left() {
    check_killed("running");
}

#[test]
fn when_loadgate_is_killed_at_any_moment_nothing_is_left() {
    for wait in [0, 10, 20, 30, 45, 60, 80, 100, 130, 170, 220] {
        let place = Place::new();
        let child = stand_in(&place, "running");
        std::thread::sleep(Duration::from_millis(wait));
        kill(&place, child);
    }
}

/// What a power cut leaves: a folder, a worktree in git's list, and no process.
fn abandoned(place: &Place, name: &str) -> PathBuf {
    let folder = place.path("temporary").join(name);
    fs::create_dir(&folder).unwrap();
    let tree = folder.join("checkout");
    let repo = place.path("repo");
    git(&repo, &["worktree", "add", "--quiet", "--detach", tree.to_str().unwrap(), "main"]);
    let text = format!("loadgate checkout 1\n{}", repo.display());
    fs::write(folder.join("made-by-loadgate"), text).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(3_600);
    File::open(folder.join("made-by-loadgate")).unwrap().set_modified(long_ago).unwrap();
    folder
}

#[test]
fn leftovers_of_a_crash_are_removed_by_the_next_and_nothing_else_is() {
    let place = Place::new();
    let stale = abandoned(&place, "loadgate-checkout-1-a");
    // One whose making was cut short: git keeps it locked.
    let locked = abandoned(&place, "loadgate-checkout-1-b");
    git(&place.path("repo"), &["worktree", "lock", locked.join("checkout").to_str().unwrap()]);
    let in_use = abandoned(&place, "loadgate-checkout-1-c");
    let lock = File::open(in_use.join("made-by-loadgate")).unwrap();
    lock.lock_shared().unwrap();
    let young = abandoned(&place, "loadgate-checkout-1-d");
    let marker = File::open(young.join("made-by-loadgate")).unwrap();
    marker.set_modified(SystemTime::now()).unwrap();
    let unmarked = abandoned(&place, "loadgate-checkout-1-e");
    fs::write(unmarked.join("made-by-loadgate"), "something else").unwrap();
    let others = abandoned(&place, "somebody-elses-1-f");
    // A link to a folder that is not ours to remove.
    let linked = place.path("linked");
    fs::rename(abandoned(&place, "loadgate-checkout-1-g"), &linked).unwrap();
    symlink(&linked, place.path("temporary/loadgate-checkout-1-g")).unwrap();
    // A worktree of the user's that is not there at the moment.
    let away = place.path("away");
    git(&place.path("repo"), &["worktree", "add", "--quiet", "--detach", away.to_str().unwrap()]);
    fs::rename(&away, place.path("unmounted")).unwrap();

    let scenario = place.scenario("");
    make(&place, &scenario, Arm::Baseline, &of_ref("main", None)).unwrap().remove().unwrap();
    assert!(!stale.exists() && !locked.exists());
    let kept = [in_use, young, unmarked, others, linked];
    assert!(kept.iter().all(|folder| folder.join("checkout").exists()), "{kept:?}");
    let known = git(&place.path("repo"), &["worktree", "list", "--porcelain"]);
    let knows = |path: &Path| known.contains(&format!("worktree {}\n", path.display()));
    assert!(!knows(&stale.join("checkout")) && !knows(&locked.join("checkout")), "{known}");
    assert!(knows(&away) && kept[..4].iter().all(|folder| knows(&folder.join("checkout"))));
}

#[test]
fn when_the_janitor_is_killed_its_work_is_done_all_the_same() {
    let place = Place::new();
    let scenario = place.scenario("");
    let arm = make(&place, &scenario, Arm::Baseline, &of_ref("main", None)).unwrap();
    let folder = fs::read_dir(place.path("temporary")).unwrap().next().unwrap().unwrap().path();
    let name = folder.to_str().unwrap().to_owned();
    let cleaner = fs::read_dir("/proc").unwrap().flatten().find(|entry| {
        let words = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        words.contains("--keep-checkout") && words.contains(&name)
    });
    let pid: i32 = cleaner.unwrap().file_name().to_str().unwrap().parse().unwrap();
    let pid = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL).unwrap();
    arm.remove().unwrap();
    place.is_clean();
}
