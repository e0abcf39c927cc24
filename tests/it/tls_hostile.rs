//! Targets whose TLS is odd, slow, broken or hostile. Each request has one outcome, whatever comes,
//! nothing hangs, and a connection that nothing is wrong with is kept.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use loadgate::record::outcome::Outcome;
use loadgate::record::run::RunRecord;
use rustls::crypto::ring;
use serde_json::{Value, json};

use crate::streamed::{endings, record, scenario};
use crate::support::{self, finish, stderr, stdout};
use crate::tls::Certificates;
use crate::tls_wire::{TlsServer, TlsWire, config, usual};

const CUT: &str = "closed before the end of the response";
const OPEN: &[u8] = b"HTTP/1.1 200 OK\r\n\r\nuntil the end";
const SIZED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789";

fn pause(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}

/// What the server does at each path.
fn script(wire: &mut TlsWire, path: &str) {
    match path {
        "/dripped" => {
            for byte in wire.records(SIZED) {
                wire.raw(&[byte]);
                thread::sleep(Duration::from_micros(300));
            }
        }
        "/a-record-for-each-byte" => {
            let records: Vec<u8> = SIZED.iter().flat_map(|byte| wire.records(&[*byte])).collect();
            for piece in records.chunks(37) {
                wire.raw(piece);
            }
        }
        "/large" => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n";
            wire.say(&[&head[..], &b"x".repeat(300_000)].concat());
        }
        "/new-key-within" => {
            let (first, key) = (wire.records(&SIZED[..20]), wire.new_key());
            let rest = wire.records(&SIZED[20..]);
            wire.raw(&[first, key, rest].concat());
        }
        "/new-keys-without-end" => {
            let keys: Vec<u8> = (0..5_000).flat_map(|_| wire.new_key()).collect();
            wire.raw(&keys);
            wire.answer();
        }
        "/ends-by-word" => {
            let bytes = [wire.records(OPEN), wire.goodbye()].concat();
            wire.raw(&bytes);
            wire.close();
        }
        "/bytes-behind-the-end" | "/bytes-behind-an-end-with-a-length" => {
            let plain = if path == "/bytes-behind-the-end" { OPEN } else { SIZED };
            let bytes =
                [wire.records(plain), wire.goodbye(), b"\x17\x03\x03\x00\x05abcde".to_vec()];
            wire.raw(&bytes.concat());
            pause(200);
        }
        "/half-closed" => {
            let bytes = [wire.records(SIZED), wire.goodbye()].concat();
            wire.raw(&bytes);
            wire.half_close();
        }
        _ => broken(wire, path),
    }
}

/// Those that end badly, and the upload.
fn broken(wire: &mut TlsWire, path: &str) {
    match path {
        "/ends-without-a-word" => {
            wire.say(OPEN);
            wire.close();
        }
        "/half-closed-at-once" => {
            let bytes = wire.goodbye();
            wire.raw(&bytes);
            wire.half_close();
        }
        "/cut-in-a-record" => {
            let bytes = wire.records(SIZED);
            wire.raw(&bytes[..bytes.len() - 3]);
            wire.close();
        }
        "/no-record" => {
            wire.say(&SIZED[..30]);
            wire.raw(b"HTTP/1.1 500 what is this doing here\r\n\r\n");
        }
        "/a-changed-bit" => {
            let mut bytes = wire.records(SIZED);
            *bytes.last_mut().unwrap() ^= 1;
            wire.raw(&bytes);
        }
        "/too-long-a-record" => wire.raw(&[0x17, 3, 3, 0xff, 0xff]),
        "/an-alert-in-the-clear" => wire.raw(&[21, 3, 3, 0, 2, 2, 40]),
        "/half-a-record" => {
            let bytes = wire.records(SIZED);
            wire.raw(&bytes[..9]);
        }
        "/upload" => {
            let is_whole = wire.body.len() == 300_000 && wire.body.iter().all(|byte| *byte == b'y');
            let status = if is_whole { "200 OK" } else { "400 Bad" };
            wire.say(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes());
        }
        _ => wire.answer(),
    }
}

const NO_SESSION: &str = "no TLS session";

/// How each path ends.
const ENDINGS: [(&str, &str); 18] = [
    ("/plain", "ok"),
    ("/dripped", "ok"),
    ("/a-record-for-each-byte", "ok"),
    ("/large", "ok"),
    ("/new-key-within", "ok"),
    ("/new-keys-without-end", NO_SESSION),
    ("/ends-by-word", "ok"),
    ("/bytes-behind-the-end", "ok"),
    ("/bytes-behind-an-end-with-a-length", "ok"),
    ("/half-closed", "ok"),
    ("/upload", "ok"),
    ("/ends-without-a-word", CUT),
    ("/half-closed-at-once", CUT),
    ("/cut-in-a-record", CUT),
    ("/no-record", NO_SESSION),
    ("/a-changed-bit", NO_SESSION),
    ("/too-long-a-record", NO_SESSION),
    ("/half-a-record", "timeout"),
];

/// A scenario of all paths, by TLS.
fn of_paths(port: u16, all: &Certificates, paths: &[&str], seconds: u32) -> Value {
    let steps: Vec<(String, Value)> =
        paths.iter().map(|path| ((*path).to_owned(), json!({ "timeout": "2s" }))).collect();
    let mut whole = scenario(&format!("https://localhost:{port}"), &steps, seconds, 50);
    whole["target"]["tls"] = json!({ "ca": all.path("ca.pem") });
    for flow in whole["flows"].as_array_mut().unwrap() {
        if flow["name"] == "/upload" {
            flow["steps"][0]["request"] = json!("POST /upload");
            flow["steps"][0]["body"] = json!("y".repeat(300_000));
        }
    }
    whole
}

#[test]
fn whatever_records_come_each_request_has_one_outcome() {
    let all = Certificates::server();
    let server = TlsServer::start(usual(&all), script);
    let paths = ENDINGS.map(|(path, _)| path);
    let (said, record) = record(&of_paths(server.port, &all, &paths, 5), &[]);
    for (step, (path, ending)) in ENDINGS.into_iter().enumerate() {
        let found = endings(&record, step);
        let kinds: Vec<&str> = found.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [ending], "{path} {found:?}\n{said}");
    }
    assert_eq!(all_ended(&record), 250, "{said}");
}

fn all_ended(record: &RunRecord) -> u64 {
    let steps = 0..record.head.steps.len();
    steps.flat_map(|step| endings(record, step)).map(|(_, number)| number).sum()
}

/// A connection on which nothing is asked takes a new key, answers in its own, and serves on.
#[test]
fn a_new_key_on_an_idle_connection_is_taken_and_the_connection_stays() {
    static UPDATES: AtomicUsize = AtomicUsize::new(0);
    fn script(wire: &mut TlsWire, _: &str) {
        wire.answer();
        pause(20);
        let key = wire.new_key();
        wire.raw(&key);
        UPDATES.fetch_add(1, Ordering::SeqCst);
    }
    let all = Certificates::server();
    let server = TlsServer::start(usual(&all), script);
    let mut slow = of_paths(server.port, &all, &["/"], 3);
    slow["load"]["stages"][0]["rate"] = json!("8/s");
    let (said, record) = record(&slow, &[]);
    assert_eq!(endings(&record, 0), [("ok", 24)], "{said}");
    let asked: u64 = record.seconds.iter().map(|it| it.counts()[0].connects).sum();
    assert_eq!(asked, 1, "one connection served all\n{said}");
    assert!(UPDATES.load(Ordering::SeqCst) >= 24);
}

/// Bytes that nobody asked for, or the word that it is over while the socket stays open: the next
/// request goes elsewhere, and takes nothing for its answer that is none.
#[test]
fn what_comes_unasked_on_an_idle_connection_ends_it() {
    fn answers_twice(wire: &mut TlsWire, _: &str) {
        wire.answer();
        pause(15);
        wire.say(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n");
    }
    fn ends_later(wire: &mut TlsWire, _: &str) {
        wire.answer();
        pause(15);
        let bytes = wire.goodbye();
        wire.raw(&bytes);
    }
    let all = Certificates::server();
    for script in [answers_twice, ends_later] {
        let server = TlsServer::start(usual(&all), script);
        let mut slow = of_paths(server.port, &all, &["/"], 3);
        slow["load"]["stages"][0]["rate"] = json!("8/s");
        let (said, record) = record(&slow, &[]);
        assert_eq!(endings(&record, 0), [("ok", 24)], "{said}");
        assert!(server.connections() >= 24, "{}\n{said}", server.connections());
    }
}

/// At this rate connections are opened before the first request is due: tickets come while nothing
/// has been asked on them.
#[test]
fn tickets_on_a_connection_that_was_opened_ahead_of_need_do_not_disturb_it() {
    let all = Certificates::server();
    let mut config = usual(&all);
    config.send_tls13_tickets = 8;
    let server = TlsServer::start(config, |wire, _| wire.answer());
    let mut whole = of_paths(server.port, &all, &["/"], 2);
    whole["load"]["stages"][0]["rate"] = json!("300/s");
    let (said, record) = record(&whole, &[]);
    assert_eq!(endings(&record, 0), [("ok", 600)], "{said}");
    let handshakes = record.end.as_ref().map_or(0, |end| end.handshakes.full);
    assert!((3..=10).contains(&handshakes), "{handshakes}\n{said}");
}

/// The answer and the word that it was the last one come together; the socket stays open.
#[test]
fn a_connection_whose_end_was_announced_is_not_asked_again() {
    fn script(wire: &mut TlsWire, _: &str) {
        let bytes = [wire.records(SIZED), wire.goodbye()].concat();
        wire.raw(&bytes);
    }
    let all = Certificates::server();
    let server = TlsServer::start(usual(&all), script);
    let (said, record) = record(&of_paths(server.port, &all, &["/"], 2), &[]);
    assert_eq!(endings(&record, 0), [("ok", 100)], "{said}");
    assert!(server.connections() >= 100, "{}", server.connections());
}

#[test]
fn a_server_that_wants_another_group_is_asked_again() {
    let all = Certificates::server();
    let mut provider = ring::default_provider();
    provider.kx_groups = vec![ring::kx_group::SECP384R1];
    let server = TlsServer::start(config(&all, provider), |wire, _| wire.answer());
    let (said, record) = record(&of_paths(server.port, &all, &["/"], 2), &[]);
    assert_eq!(endings(&record, 0), [("ok", 100)], "{said}");
}

/// Connections are made and their handshakes begin; then nothing more, under load.
#[test]
fn handshakes_that_stall_under_load_are_timeouts_and_every_request_has_one() {
    let all = Certificates::server();
    let server = TlsServer::start(usual(&all), |wire, _| {
        wire.say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
        wire.close();
    });
    let port = stalling(server.port, 6);
    let mut whole = of_paths(port, &all, &["/"], 3);
    whole["flows"][0]["steps"][0]["timeout"] = json!("400ms");
    whole["slo"] = json!({ "all": ["error_rate < 1%"] });
    let (said, record) = record(&whole, &[]);
    let found = endings(&record, 0);
    let number = |kind: &str| found.iter().find(|it| it.0 == kind).map_or(0, |it| it.1);
    assert_eq!(all_ended(&record), 150, "{found:?}\n{said}");
    assert!((1..=6).contains(&number("ok")), "{found:?}\n{said}");
    let timeouts: u64 =
        record.seconds.iter().map(|it| it.counts()[0].outcome(Outcome::Timeout)).sum();
    assert!(timeouts >= 140, "{found:?}\n{said}");
}

/// Stands before a server: lets so many connections through, and of the others half of the first
/// flight.
fn stalling(behind: u16, good: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut kept = Vec::new();
        for (index, client) in listener.incoming().take(1_000).flatten().enumerate() {
            let server = TcpStream::connect(("127.0.0.1", behind)).unwrap();
            client.set_nodelay(true).unwrap();
            let (up, down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || carry(up, server, usize::MAX));
            kept.extend([client.try_clone().unwrap(), down.try_clone().unwrap()]);
            let most = if index < good { usize::MAX } else { 100 };
            thread::spawn(move || carry(down, client, most));
        }
        thread::sleep(Duration::from_secs(10));
    });
    port
}

/// Carries bytes until one side ends; so many at most, and then holds the line.
fn carry(mut from: TcpStream, mut to: TcpStream, most: usize) {
    let (mut buffer, mut left) = ([0; 4_096], most);
    from.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 || to.write_all(&buffer[..read.min(left)]).is_err() {
            break;
        }
        left -= read.min(left);
    }
    if most == usize::MAX {
        let _ = to.shutdown(std::net::Shutdown::Write);
    }
}

/// Says these bytes to everybody who says anything.
fn parrot(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().take(200).flatten() {
            thread::spawn(move || {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let mut buffer = [0; 4_096];
                if stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(bytes);
                    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
                }
            });
        }
    });
    port
}

/// The first flight of a server that speaks TLS 1.1.
const TLS_1_1: &[u8] = b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02\
    0123456789abcdef0123456789abcdef\x00\xc0\x13\x00";

#[test]
fn what_makes_no_session_is_named_before_the_load_and_nothing_hangs() {
    let all = Certificates::server();
    let cases: [(&str, &'static [u8], &str); 6] = [
        ("TLS 1.1", TLS_1_1, "another version of TLS"),
        ("an alert of the version", &[21, 3, 1, 0, 2, 2, 70], "another version of TLS"),
        ("an alert of the handshake", &[21, 3, 3, 0, 2, 2, 40], "TLS"),
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS"),
        ("a greeting", b"220 mail.example.com ESMTP\r\n", "does not speak TLS"),
        ("a record of 64 kB", &[22, 3, 3, 0xff, 0xff, 2], "TLS"),
    ];
    for (name, bytes, wanted) in cases {
        let port = parrot(bytes);
        let mut whole = of_paths(port, &all, &["/"], 1);
        whole["target"]["ready"] = json!({ "path": "/", "within": "2s" });
        let file = all.path("odd.json");
        fs::write(&file, whole.to_string()).unwrap();
        let out = all.path("out");
        let output = finish(support::loadgate().args(["run", "-q"]).arg(&file).arg("-o").arg(&out));
        let said = format!("{}{}", stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(7), "{name}: {said}");
        assert!(said.contains(wanted) && !said.contains("panicked"), "{name}: {said}");
    }
}
