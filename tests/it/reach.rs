//! How targets are reached: socket files and every way in which one lets nobody in, names with
//! several addresses, and addresses to come from.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket,
};
use serde_json::{Value, json};

use crate::support::{self, finish, stderr, stdout};

/// What a server has seen.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    heads: Mutex<Vec<String>>,
}

impl Seen {
    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// Answers requests on one connection, until its end.
fn answer(mut stream: impl Read + Write, seen: &Seen) {
    seen.connections.fetch_add(1, Ordering::SeqCst);
    let (mut text, mut room) = (String::new(), [0; 4_096]);
    while let Ok(length @ 1..) = stream.read(&mut room) {
        text.push_str(&String::from_utf8_lossy(&room[..length]));
        while let Some(end) = text.find("\r\n\r\n") {
            let head: String = text.drain(..end + 4).collect();
            let is_last = head.contains("connection: close");
            let mut heads = seen.heads.lock().unwrap();
            if heads.len() < 1_000 {
                heads.push(head);
            }
            drop(heads);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nup 1.0\n";
            if stream.write_all(answer).is_err() || is_last {
                return;
            }
        }
    }
}

fn serve(listener: UnixListener) -> Arc<Seen> {
    let seen = Arc::new(Seen::default());
    let all = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&all);
            thread::spawn(move || answer(stream, &seen));
        }
    });
    seen
}

fn scenario(target: &Value, more: &Value) -> Value {
    let mut all = json!({
        "name": "reached",
        "target": target,
        "flows": [{ "name": "f", "steps": [{ "name": "one", "request": "GET /items" }] }],
        "load": { "stages": [
            { "for": "1s", "rate": "100/s", "warmup": true }, { "for": "3s", "rate": "100/s" }
        ] },
        "slo": { "all": ["p50 < 5s"] },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        all[key] = value.clone();
    }
    all
}

/// Runs a command on a scenario in a folder.
fn play(folder: &Path, scenario: &Value, command: &str, flags: &[&str]) -> Output {
    let file = folder.join("reached.json");
    fs::write(&file, scenario.to_string()).unwrap();
    finish(support::loadgate().arg(command).arg(&file).args(flags))
}

fn run(folder: &Path, scenario: &Value) -> (Output, PathBuf) {
    let out = folder.join("out");
    let output = play(folder, scenario, "run", &["-q", "-o", out.to_str().unwrap()]);
    (output, out.join("reached").join("latest"))
}

#[track_caller]
fn says(output: &Output, code: i32, parts: &[&str]) {
    support::ends_with(output, code);
    let said = format!("{}\n{}", stdout(output), stderr(output));
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in parts {
        assert!(said.contains(part), "no \"{part}\" in {said}");
    }
}

#[test]
fn a_socket_file_is_loaded_and_the_report_says_whose_clock_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let seen = serve(UnixListener::bind(folder.path().join("app.sock")).unwrap());
    let target = json!({
        "url": "unix:app.sock:/api", "ready": { "path": "/health" }, "metrics": "/metrics"
    });
    let (output, latest) = run(folder.path(), &scenario(&target, &Value::Null));
    says(&output, 0, &["when the generator read the response"]);
    let heads = seen.heads();
    assert!(
        heads.iter().any(|head| head.starts_with("GET /api/items HTTP/1.1\r\nhost: localhost"))
    );
    for asked in ["GET /health ", "GET /metrics "] {
        assert!(heads.iter().any(|head| head.starts_with(asked)), "{asked}");
    }
    let record: Value =
        serde_json::from_str(&fs::read_to_string(latest.join("run.json")).unwrap()).unwrap();
    assert_eq!(record["generators"][0]["environment"]["receive_clock"], "generator");
    let shown = record["target"].as_str().unwrap();
    assert!(shown.starts_with("unix:/") && shown.ends_with("/app.sock:/api"), "{shown}");
    let page = fs::read_to_string(latest.join("report.html")).unwrap();
    assert!(page.contains("socket file goes nothing that the kernel stamps"));
    let once = play(folder.path(), &scenario(&target, &Value::Null), "check", &["--once"]);
    support::ends_with(&once, 0);
    let curl = play(folder.path(), &scenario(&target, &Value::Null), "check", &["--curl"]);
    says(&curl, 0, &["--unix-socket", "http://localhost/api/items"]);
    let url = format!("unix:{}:/items", folder.path().join("app.sock").display());
    let out = folder.path().join("adhoc");
    let flags = ["-R", "100", "-d", "3s", "-q", "--slo", "p50 < 5s", "-o", out.to_str().unwrap()];
    let adhoc = finish(support::loadgate().args(["run", &url]).args(flags));
    support::ends_with(&adhoc, 0);
}

/// A server that accepts no more connections, with room for so many that wait.
fn hung(path: &Path, backlog: i32) -> UnixListener {
    let opened = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
    let opened = opened.unwrap();
    bind(opened.as_raw_fd(), &UnixAddr::new(path).unwrap()).unwrap();
    listen(&opened, Backlog::new(backlog).unwrap()).unwrap();
    UnixListener::from(opened)
}

#[test]
fn what_cannot_be_reached_says_why_and_ends_with_7() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "").unwrap();
    drop(UnixListener::bind(at("stale")).unwrap());
    let full = hung(&at("full"), 0);
    let _first = std::os::unix::net::UnixStream::connect(at("full")).unwrap();
    let _silent = hung(&at("silent"), 100);
    for (name, parts) in [
        ("none", &["nothing listens at unix:", "there is no such file"][..]),
        ("file", &["it is an ordinary file and no socket"]),
        (".", &["it is a folder and no socket"]),
        ("/dev/null", &["it is a device and no socket"]),
        ("stale", &["left over from a server that has ended"]),
        ("full", &["not ready within", "accepts no more connections"]),
        ("silent", &["not ready within", "GET unix:", "no answer within"]),
    ] {
        let ready = match name {
            "silent" => json!({ "path": "/", "within": "7s" }),
            "full" => json!({ "within": "2s" }),
            _ => Value::Null,
        };
        let mut target = json!({ "url": format!("unix:{name}") });
        if !ready.is_null() {
            target["ready"] = ready;
        }
        let (output, _) = run(folder.path(), &scenario(&target, &Value::Null));
        says(&output, 7, parts);
        assert!(!stderr(&output).contains("is it on another port"), "{}", stderr(&output));
    }
    drop(full);
    fs::set_permissions(at("stale"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(at("stale")).is_err_and(|error| error.raw_os_error() == Some(13)) {
        let target = json!({ "url": "unix:stale" });
        let (output, _) = run(folder.path(), &scenario(&target, &Value::Null));
        says(&output, 7, &["permission denied"]);
    }
}

#[test]
fn mistakes_in_the_url_of_a_socket_file_are_told_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let long = format!("/tmp/{}", "x".repeat(103));
    let target = |url: &str| json!({ "url": url });
    for (url, parts) in [
        (format!("unix:{long}"), &["at most 107 bytes", "has 108"][..]),
        ("unix:".to_owned(), &["names no socket file"]),
        ("unix:///run/app.sock".to_owned(), &["no // behind unix:", "unix:/run/app.sock"]),
        ("unix:@app".to_owned(), &["abstract"]),
        ("unix:/run/app.sock:api".to_owned(), &["must begin with /"]),
        ("unix:/run/app.sock:/api?x=1".to_owned(), &["no query"]),
        ("http+unix://%2Frun%2Fapp.sock".to_owned(), &["write \"unix:/run/app.sock\""]),
        ("http://unix:/run/app.sock:/api".to_owned(), &["write \"unix:/run/app.sock:/api\""]),
        ("/run/app.sock".to_owned(), &["write \"unix:/run/app.sock\""]),
    ] {
        let (output, _) = run(folder.path(), &scenario(&target(&url), &Value::Null));
        says(&output, 2, parts);
        says(&output, 2, &["reached.json:1:"]);
    }
    let (fits, _) =
        run(folder.path(), &scenario(&target(&format!("unix:{}", &long[..107])), &Value::Null));
    says(&fits, 7, &["there is no such file"]);
    let tls = json!({ "url": "unix:/run/app.sock", "tls": { "insecure": true } });
    let (output, _) = run(folder.path(), &scenario(&tls, &Value::Null));
    says(&output, 2, &["\"tls\" means nothing for a socket file"]);
}

/// Lets in one at a time, each for one answer.
const SLOW: &str = r#"
const server = require("node:net").createServer((socket) => {
  socket.on("data", () => setTimeout(() => socket.end(
    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"), 1));
  socket.on("error", () => {});
});
server.listen({ path: process.env.SOCKET, backlog: 1 });
"#;

#[test]
fn a_full_backlog_is_waited_for_and_no_refusal() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("slow.cjs"), SLOW).unwrap();
    let target = json!({ "url": "unix:slow.sock", "command": ["node", "slow.cjs"] });
    let more = json!({
        "load": { "stages": [{ "for": "4s", "rate": "300/s" }] },
        "limits": { "connections": 200 },
        "slo": { "all": ["error_rate < 1%"] },
    });
    let (output, latest) = run(folder.path(), &scenario(&target, &more));
    support::ends_with(&output, 0);
    let summary = support::summary(&latest);
    assert!(!summary.to_string().contains("refused"), "{summary}");
}

/// Tells what it listens at, and leaves its socket file behind, as what dies by a signal does.
const LEAVING: &str = r#"
const http = require("node:http");
http.createServer((request, response) => response.end("ok")).listen(process.env.SOCKET);
process.on("SIGTERM", () => process.kill(process.pid, "SIGKILL"));
"#;

#[test]
fn a_target_is_started_at_its_socket_file_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("leaving.cjs"), LEAVING).unwrap();
    let socket = folder.path().join("leaving.sock");
    let target = json!({ "url": "unix:leaving.sock", "command": ["node", "leaving.cjs"] });
    for _ in 0..2 {
        // One that an earlier server has left.
        drop(UnixListener::bind(&socket).unwrap());
        let (output, _) = run(folder.path(), &scenario(&target, &Value::Null));
        support::ends_with(&output, 0);
        assert!(!socket.exists(), "what it left is removed");
    }
    // One that is served is a stranger's.
    let _seen = serve(UnixListener::bind(&socket).unwrap());
    let (output, _) = run(folder.path(), &scenario(&target, &Value::Null));
    says(&output, 7, &["something answers at unix:", "before the target was started"]);
    assert!(socket.exists());
}

#[test]
fn a_socket_file_that_vanishes_in_the_middle_is_refusals_and_no_pass() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let seen = Arc::new(Seen::default());
    let (all, vanishing) = (Arc::clone(&seen), path.clone());
    // Each connection has one answer, so that each request needs a new one.
    thread::spawn(move || {
        for stream in listener.incoming().flatten().take(250) {
            let mut stream = stream;
            let mut room = [0; 4_096];
            let _ = stream.read(&mut room);
            all.connections.fetch_add(1, Ordering::SeqCst);
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            let _ = stream.write_all(answer);
        }
        fs::remove_file(vanishing).unwrap();
    });
    let more = json!({ "slo": { "all": ["p50 < 5s", "error_rate < 1%"] } });
    let (output, latest) = run(folder.path(), &scenario(&json!({ "url": "unix:s" }), &more));
    assert_ne!(output.status.code(), Some(0), "{}", stdout(&output));
    assert!(support::summary(&latest).to_string().contains("refused"));
    assert!(seen.connections.load(Ordering::SeqCst) >= 250);
}

#[test]
fn two_socket_files_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str| serve(UnixListener::bind(folder.path().join(name)).unwrap());
    let (one, other) = (of("one"), of("other"));
    let url = |name: &str| format!("unix:{}", folder.path().join(name).display());
    let (baseline, candidate) = (url("one"), url("other"));
    let out = folder.path().join("duet");
    let flags = [
        "--baseline",
        &baseline,
        "--candidate",
        &candidate,
        "-R",
        "100",
        "--segment",
        "2s",
        "--warmup",
        "1s",
        "--pilot",
        "0s",
        "--segments",
        "1",
        "-q",
        "-o",
        out.to_str().unwrap(),
    ];
    let scenario = scenario(&json!({ "url": "unix:one" }), &Value::Null);
    let output = play(folder.path(), &scenario, "duet", &flags);
    let code = output.status.code().unwrap();
    assert!([0, 1, 3, 5].contains(&code), "{code}: {}", stderr(&output));
    for seen in [one, other] {
        assert!(seen.heads().len() > 100);
    }
}

/// A server at an address of this machine that ends each connection with its answer, and whom it
/// has seen.
fn one_by_one(address: &str, port: u16) -> (SocketAddr, Arc<Mutex<Vec<IpAddr>>>) {
    let listener = TcpListener::bind((address, port)).unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&seen);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut room = [0; 4_096];
            let length = stream.read(&mut room).unwrap_or(0);
            if room[..length].starts_with(b"GET /items") {
                all.lock().unwrap().push(stream.peer_addr().unwrap().ip());
            }
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            let _ = stream.write_all(answer);
        }
    });
    (address, seen)
}

fn play_with(folder: &Path, target: &Value, flags: &[&str]) -> (Output, PathBuf) {
    let out = folder.join("out");
    let flags: Vec<&str> =
        flags.iter().copied().chain(["-q", "-o", out.to_str().unwrap()]).collect();
    let output = play(folder, &scenario(target, &Value::Null), "run", &flags);
    (output, out.join("reached").join("latest"))
}

fn record(latest: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(latest.join("run.json")).unwrap()).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn connections_come_from_the_addresses_that_are_named_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    let (server, seen) = one_by_one("127.0.0.1", 0);
    let target = json!({
        "url": format!("http://{server}"), "local_addresses": ["127.0.0.2"]
    });
    let (output, _) = play_with(folder.path(), &target, &["--local-addr", "127.0.0.3"]);
    support::ends_with(&output, 0);
    let seen = seen.lock().unwrap().clone();
    let from = |text: &str| {
        let address: IpAddr = text.parse().unwrap();
        seen.iter().filter(|it| **it == address).count()
    };
    let (two, three) = (from("127.0.0.2"), from("127.0.0.3"));
    assert_eq!(two + three, seen.len(), "{seen:?}");
    assert!(seen.len() > 100 && two.abs_diff(three) < 10, "{two} {three}");
}

#[test]
fn mistakes_in_the_way_to_the_target_are_told_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    for (url, flags, parts) in [
        ("http://127.0.0.1:1", ["--local-addr", "203.0.113.9"], "no address that this machine has"),
        ("http://127.0.0.1:1", ["--local-addr", "lo"], "\"lo\" is no address"),
        ("http://127.0.0.1:1", ["--local-addr", "0.0.0.0"], "none to come from"),
        ("http://127.0.0.1:1", ["--local-addr", "::1"], "no local address is one of IPv4"),
        ("unix:/run/a", ["--local-addr", "127.0.0.1"], "mean nothing for a socket file"),
        ("http://a.example:80", ["--resolve", "a.example:80"], "HOST:PORT:ADDRESS"),
        ("http://a.example:80", ["--resolve", "a.example:x:127.0.0.1"], "HOST:PORT:ADDRESS"),
        ("http://a.example:80", ["--resolve", "*:80:127.0.0.1"], "HOST:PORT:ADDRESS"),
        (
            "http://a.example:80",
            ["--resolve", "a.example:80:203.0.113.9"],
            "--allow-host 203.0.113.9",
        ),
        // The port is another one: the host itself would be loaded.
        (
            "http://a.example:81",
            ["--resolve", "a.example:80:127.0.0.1"],
            "a.example is not this machine",
        ),
        (
            "http://127.0.0.1:1",
            ["--resolve", "a.example:80:127.0.0.1"],
            "nobody is asked at a.example:80",
        ),
    ] {
        let (output, _) = play_with(folder.path(), &json!({ "url": url }), &flags);
        says(&output, 2, &[parts]);
    }
    let target = json!({ "url": "http://127.0.0.1:1", "resolve": "sometimes" });
    says(&play_with(folder.path(), &target, &[]).0, 2, &["\"each-connection\""]);
    let target = json!({ "url": "unix:/run/a", "resolve": "all" });
    says(&play_with(folder.path(), &target, &[]).0, 2, &["means nothing for a socket file"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_host_is_found_where_the_caller_says_and_all_its_addresses_are_used_if_wished() {
    let folder = tempfile::tempdir().unwrap();
    let (server, first) = one_by_one("127.0.0.2", 0);
    let port = server.port();
    let (_, second) = one_by_one("127.0.0.3", port);
    let url = format!("http://api.example:{port}");
    let count = |seen: &Arc<Mutex<Vec<IpAddr>>>| seen.lock().unwrap().len();

    let both = format!("api.example:{port}:127.0.0.2,127.0.0.3");
    let target = json!({ "url": url, "resolve": "all" });
    let (output, latest) = play_with(folder.path(), &target, &["--resolve", &both]);
    support::ends_with(&output, 0);
    let (one, other) = (count(&first), count(&second));
    assert!(one > 100 && one.abs_diff(other) < 20, "{one} {other}");
    let used = [format!("127.0.0.2:{port}"), format!("127.0.0.3:{port}")];
    assert_eq!(record(&latest)["addresses"], json!({ "used": used, "found": 2 }));
    assert_eq!(record(&latest)["target"], url);
    assert!(fs::read_to_string(latest.join("report.html")).unwrap().contains("in turn"));

    // Nobody listens at the first.
    let half = format!("api.example:{port}:127.0.0.9,127.0.0.3");
    let (output, latest) = play_with(folder.path(), &json!({ "url": url }), &["--resolve", &half]);
    support::ends_with(&output, 0);
    assert_eq!((count(&first), count(&second) > other + 100), (one, true));
    let page = fs::read_to_string(latest.join("report.html")).unwrap();
    assert!(page.contains("the first of 2 that accepted"));

    // By flags alone, and looked up again while it runs.
    let adhoc = folder.path().join("adhoc");
    let flags = ["-R", "50", "-d", "2s", "-q", "--slo", "p50 < 5s", "--resolve", &both, "-o"];
    let path = format!("{url}/items");
    let output = finish(support::loadgate().args(["run", &path]).args(flags).arg(&adhoc));
    support::ends_with(&output, 0);
    let (here, _) = one_by_one("127.0.0.1", 0);
    let target = json!({
        "url": format!("http://localhost:{}", here.port()), "resolve": "each-connection",
        "local_addresses": ["127.0.0.1"]
    });
    let (output, latest) = play_with(folder.path(), &target, &[]);
    support::ends_with(&output, 0);
    assert_eq!(record(&latest)["addresses"]["used"], json!([here.to_string()]));
}

/// loadgate with a table of names of its own in place of the machine's; `None` where nobody may
/// have one.
#[cfg(target_os = "linux")]
fn with_names(hosts: &Path) -> Option<Command> {
    let bind = format!("mount --bind '{}' /etc/hosts", hosts.display());
    let unshare = |kind: &str, what: &str| {
        let mut command = Command::new("unshare");
        command.args([kind, "--", "sh", "-c", what]);
        command
    };
    let can = |kind: &&str| {
        let mut command = unshare(kind, &bind);
        command.stderr(std::process::Stdio::null()).status().is_ok_and(|it| it.success())
    };
    // Root has mounts of its own; others need to be root of something for that.
    let kind = ["-m", "-rm"].into_iter().find(can)?;
    let mut command = unshare(kind, &format!(r#"{bind} && exec "$0" "$@""#));
    command.arg(support::loadgate().get_program());
    Some(command)
}

/// A table of names in which one name has these addresses.
#[cfg(target_os = "linux")]
fn names(file: &Path, addresses: &[&str]) {
    let lines: Vec<String> =
        addresses.iter().map(|address| format!("{address} moving.example\n")).collect();
    // In place: it is this file that lies over the machine's.
    fs::write(file, format!("127.0.0.1 localhost\n{}", lines.concat())).unwrap();
}

/// The name of a target moves to another address while it is loaded.
#[cfg(target_os = "linux")]
#[test]
fn a_name_that_moves_is_followed_where_that_is_wished_and_only_there() {
    for (resolve, moves) in [("each-connection", true), ("once", false), ("all", false)] {
        let folder = tempfile::tempdir().unwrap();
        let hosts = folder.path().join("hosts");
        names(&hosts, &["127.0.0.2"]);
        let Some(mut command) = with_names(&hosts) else {
            return support::skip("this machine lets nobody have mounts of their own");
        };
        let (server, first) = one_by_one("127.0.0.2", 0);
        let port = server.port();
        let (_, second) = one_by_one("127.0.0.3", port);
        let target = json!({ "url": format!("http://moving.example:{port}"), "resolve": resolve });
        let load = json!({ "load": {
            "arrivals": "uniform", "stages": [{ "for": "5s", "rate": "50/s" }]
        } });
        let file = folder.path().join("moving.json");
        fs::write(&file, scenario(&target, &load).to_string()).unwrap();
        let seen = Arc::clone(&first);
        let mover = thread::spawn(move || {
            support::eventually("it is loaded", || seen.lock().unwrap().len() >= 50);
            names(&hosts, &["127.0.0.3"]);
        });
        let out = folder.path().join("out");
        command.args(["run", "-q", "--no-walk", "--allow-host", "moving.example"]).arg(&file);
        let output = finish(command.arg("-o").arg(&out));
        mover.join().unwrap();
        support::ends_with(&output, 0);
        let (before, after) = (first.lock().unwrap().len(), second.lock().unwrap().len());
        assert_eq!(after > 50, moves, "{resolve}: {before} and {after}");
        assert_eq!(before + after, 250, "{resolve}: each once, nobody asked twice");
        let record = record(&out.join("reached").join("latest"));
        let later = record["end"]["later_addresses"].clone();
        let moved = json!([format!("127.0.0.3:{port}")]);
        assert_eq!(later == moved, moves, "{resolve}: {later}");
    }
}

#[test]
fn a_url_of_version_six_works_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return support::skip("it has no ::1");
    };
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Seen::default());
    let all = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&all);
            thread::spawn(move || answer(stream, &seen));
        }
    });
    let target = json!({
        "url": format!("http://[::1]:{port}"), "ready": { "path": "/health" },
        "metrics": { "url": format!("http://[::1]:{port}/metrics") }
    });
    let (output, _) = play_with(folder.path(), &target, &["--local-addr", "::1"]);
    support::ends_with(&output, 0);
    let heads = seen.heads();
    for asked in ["GET /items ", "GET /health ", "GET /metrics "] {
        let head = heads.iter().find(|head| head.starts_with(asked)).unwrap();
        assert!(head.contains(&format!("host: [::1]:{port}\r\n")), "{head}");
    }
}
