//! Steps that open a WebSocket: to Node over HTTP/1.1, TLS and a socket file, to the server of
//! tungstenite, and to one that writes what it likes. Each has one outcome, whatever comes.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use loadgate::record::phase::Phase;
use serde_json::{Value, json};
use socket2::SockRef;

use crate::node_server::NodeServer;
use crate::streamed::{endings, of_node, record, scenario, times};
use crate::support::{self, finish, stderr, stdout};
use crate::tls::Certificates;

/// What a server does on a connection, once the WebSocket is open.
type Deed = Box<dyn Fn(&mut TcpStream) + Send + Sync>;

/// A case: the path, what is done, what the server does, how it ends.
struct Case {
    path: &'static str,
    step: Value,
    deed: Deed,
    ending: &'static str,
}

/// A server that opens every WebSocket and then does what is due at its path.
struct RawServer {
    port: u16,
    connections: Arc<AtomicUsize>,
}

/// It ends by itself.
const LIFETIME: Duration = Duration::from_secs(20);

impl RawServer {
    fn start(cases: Vec<Case>) -> RawServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cases, connections) = (Arc::new(cases), Arc::new(AtomicUsize::new(0)));
        let counted = connections.clone();
        thread::spawn(move || {
            for stream in listener.incoming().take(5_000) {
                counted.fetch_add(1, Ordering::SeqCst);
                let cases = cases.clone();
                thread::spawn(move || serve(stream.unwrap(), &cases));
            }
        });
        RawServer { port, connections }
    }
}

fn serve(mut stream: TcpStream, cases: &[Case]) {
    stream.set_read_timeout(Some(LIFETIME)).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let Some(case) = cases.iter().find(|case| case.path == path) else { return };
    if !path.starts_with("/no-") {
        let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
        let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-accept: {accept}\r\n\r\n"
        );
        let behind = if path == "/closed-before" { frame(0x88, &[0x03, 0xe8]) } else { vec![] };
        let _ = stream.write_all(&[answer.as_bytes(), &behind].concat());
    }
    (case.deed)(&mut stream);
}

/// A frame as a server writes it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, payload.len() as u8], payload].concat()
}

fn text(text: &str) -> Vec<u8> {
    frame(0x81, text.as_bytes())
}

/// Reads until the client has ended, some seconds at most.
fn until_end(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut buffer = [0; 4_096];
    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
}

fn case(path: &'static str, acts: &Value, bytes: Vec<u8>, ending: &'static str) -> Case {
    let deed = move |stream: &mut TcpStream| {
        let _ = stream.write_all(&bytes);
        until_end(stream);
    };
    let step = json!({ "websocket": acts, "timeout": "3s" });
    Case { path, step, deed: Box::new(deed), ending }
}

fn hello() -> Value {
    json!([{ "expect": "hello" }])
}

const CLOSED: &str = "WebSocket closed by the target before the last act";
const BAD: &str = "not a valid WebSocket frame";

fn cases() -> Vec<Case> {
    let fragments =
        [frame(0x01, b"he"), frame(0x89, b"ping"), frame(0x00, b"l"), frame(0x80, b"lo")].concat();
    let masked = [&[0x81, 0x85, 0, 0, 0, 0][..], b"hello"].concat();
    let huge = vec![0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0];
    let large = [&[0x82, 127][..], &(2_u64 << 20).to_be_bytes()].concat();
    let mut all = vec![
        case("/fragments", &hello(), fragments, "ok"),
        case("/others", &hello(), [text("a"), frame(0x82, &[1, 2]), text("hello")].concat(), "ok"),
        case(
            "/strict",
            &json!([{ "expect": "hello", "strict": true }]),
            [text("a"), text("hello")].concat(),
            "another message than the expected one",
        ),
        case("/strict-ok", &json!([{ "expect": "hello", "strict": true }]), text("hello"), "ok"),
        case("/rsv", &hello(), frame(0xc1, b"hello"), BAD),
        case("/masked", &hello(), masked, BAD),
        case("/reserved", &hello(), frame(0x83, b"hello"), BAD),
        case("/not-utf8", &hello(), frame(0x81, &[0xff]), BAD),
        case("/lost-end", &hello(), frame(0x80, b"hello"), BAD),
        case("/ping-in-pieces", &hello(), frame(0x09, b"x"), BAD),
        case("/close-1", &hello(), frame(0x88, b"x"), BAD),
        case("/huge", &hello(), huge, "response body larger than the ceiling"),
        case("/large", &hello(), large, "response body larger than the ceiling"),
        case("/ping-flood", &hello(), frame(0x89, b"").repeat(20_000), BAD),
        case("/close", &hello(), frame(0x88, &[0x03, 0xe8]), CLOSED),
        case("/close-4001", &hello(), frame(0x88, &[0x0f, 0xa1, b'x']), CLOSED),
        case("/close-999", &hello(), frame(0x88, &[0x03, 0xe7]), CLOSED),
        case("/close-empty", &hello(), frame(0x88, b""), CLOSED),
    ];
    all.extend(otherwise());
    all.extend(at_their_own_pace());
    all.extend(behind_the_last_message());
    all
}

/// What is late, or opens nothing.
fn otherwise() -> Vec<Case> {
    vec![
        case(
            "/late",
            &json!([{ "expect": "hello", "within": "100ms" }]),
            text("never"),
            "expected message later than within",
        ),
        // Behind a message that nothing answers the close is what tells that it was taken.
        case("/never-closes", &json!([{ "send": "x" }]), vec![], "timeout"),
        case("/no-200", &hello(), b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec(), "unexpected status"),
        case("/no-404", &hello(), b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n".to_vec(), "client error"),
        case(
            "/no-key",
            &hello(),
            b"HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: bm8=\r\n\r\n".to_vec(),
            "answer that opens another WebSocket than was asked for",
        ),
        case("/no-http", &hello(), b"SSH-2.0-x\r\n\r\n".to_vec(), "not a valid HTTP response"),
    ]
}

/// Says something once the first bytes of what the client says have come.
fn having_heard(bytes: Vec<u8>) -> Deed {
    Box::new(move |stream| {
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        if stream.read(&mut [0; 4_096]).is_ok_and(|read| read > 0) {
            let _ = stream.write_all(&bytes);
            until_end(stream);
        }
    })
}

/// What the target says, or does not, behind the last message.
fn behind_the_last_message() -> Vec<Case> {
    let mut all = Vec::new();
    let acts = |path, acts: Value, deed: Deed, ending| Case {
        path,
        step: json!({ "websocket": acts, "timeout": "500ms" }),
        deed,
        ending,
    };
    let send = || json!([{ "send": "x" }]);
    let said = || json!([{ "send": "x" }, { "expect": "hello" }]);
    let (close, refusal) = (frame(0x88, &[0x03, 0xe8]), frame(0x88, &[0x03, 0xf0]));
    let (of_ours, broken) = (frame(0x88, &[0x0f, 0xa1]), frame(0x88, &[0x03, 0xf3]));
    all.push(acts(
        "/takes-nothing",
        send(),
        Box::new(|stream| {
            let _ = stream.shutdown(std::net::Shutdown::Write);
            until_end(stream);
        }),
        CLOSED,
    ));
    all.push(acts("/closes", send(), having_heard(close), "ok"));
    all.push(acts("/refuses", send(), having_heard(refusal), CLOSED));
    all.push(acts("/refuses-by-4001", send(), having_heard(of_ours), CLOSED));
    all.push(acts("/garbles", send(), having_heard(frame(0xc1, b"y")), BAD));
    all.push(acts("/answers", said(), having_heard(text("hello")), "ok"));
    let fails = [text("hello"), broken].concat();
    all.push(acts("/fails-behind-its-answer", said(), having_heard(fails), CLOSED));
    // It closes with its answer, before anything can have been heard.
    all.push(acts("/closed-before", send(), Box::new(until_end), CLOSED));
    all
}

/// Those that wait, or go, in the middle.
fn at_their_own_pace() -> Vec<Case> {
    let mut all = Vec::new();
    let acts = |path, acts: Value, deed: Deed, ending| Case {
        path,
        step: json!({ "websocket": acts, "timeout": "500ms" }),
        deed,
        ending,
    };
    all.push(acts("/silent", hello(), Box::new(until_end), "timeout"));
    all.push(acts("/no-answer", hello(), Box::new(until_end), "timeout"));
    all.push(acts("/cut", hello(), Box::new(|_| {}), "closed before the end of the response"));
    all.push(acts(
        "/reset",
        hello(),
        Box::new(|stream| {
            thread::sleep(Duration::from_millis(20));
            SockRef::from(&*stream).set_linger(Some(Duration::ZERO)).unwrap();
        }),
        "connection reset",
    ));
    all.push(acts(
        "/drip",
        hello(),
        Box::new(|stream| {
            for byte in text("hello") {
                let _ = stream.write_all(&[byte]);
                thread::sleep(Duration::from_millis(2));
            }
            until_end(stream);
        }),
        "ok",
    ));
    all
}

#[test]
fn whatever_a_target_says_each_websocket_has_one_outcome() {
    let server = RawServer::start(cases());
    let cases = cases();
    let steps: Vec<(String, Value)> =
        cases.iter().map(|case| (case.path.to_owned(), case.step.clone())).collect();
    let scenario = scenario(&format!("http://127.0.0.1:{}", server.port), &steps, 4, 60);
    let (said, record) = record(&scenario, &[]);
    for (step, case) in cases.iter().enumerate() {
        let found = endings(&record, step);
        let kinds: Vec<&str> = found.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [case.ending], "{} {found:?}\n{said}", case.path);
    }
    // No connection serves anybody else afterwards. Two more look whether it is there.
    let asked: u64 = (0..cases.len()).flat_map(|step| endings(&record, step)).map(|it| it.1).sum();
    assert!(server.connections.load(Ordering::SeqCst) as u64 >= asked);
}

#[test]
fn what_is_said_has_its_time_over_every_way() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::server();
    for way in ["http", "https", "unix"] {
        let (server, target) = of_node(&certificates, folder.path(), way);
        let acts = json!([
            { "expect": { "json": { "$.type": "welcome" } }, "within": "2s" },
            { "send": "later {{user}}" },
            { "expect": { "text": "later {{user}}" } },
            { "send_json": { "id": "{{iteration}}", "deep": [1, 2.50] } },
            { "expect": { "json": { "$.id": "{{iteration}}", "$.deep[1]": 2.5 } } },
            { "think": "10ms..20ms" },
            { "send_binary": "AAEC/w==" },
            { "expect": {} },
            { "send": "noise" },
            { "expect": { "contains": "quie" } },
            { "send": "x".repeat(300) },
            { "expect": { "contains": "xxx" } },
            { "close": 4000 },
        ]);
        let steps = [
            ("/live?room=1".to_owned(), json!({ "websocket": acts })),
            ("/plain".to_owned(), json!({})),
        ];
        let mut scenario = scenario("", &steps, 2, 30);
        scenario["target"] = target;
        let (said, record) = record(&scenario, &[]);
        for step in 0..2 {
            let found = endings(&record, step);
            assert!(matches!(found[..], [("ok", 10..)]), "{way} {step} {found:?}\n{said}");
        }
        let dialogues = endings(&record, 0)[0].1;
        assert_eq!(times(&record, 0, Phase::RoundTrip).0, 5 * dialogues, "{way}");
        let longest = times(&record, 0, Phase::RoundTrip).1;
        assert!((29.0..500.0).contains(&longest), "{way}: later is after 30 ms, {longest} ms");
        assert!(server.count("close 4000") as u64 >= dialogues, "{way}");
        assert_eq!(server.count("close"), server.count("close 4000"), "{way}");
        assert_eq!(server.count("upgrade"), server.count_of(" 24"), "keys have 24 digits");
        let words: Vec<&str> = said.split_whitespace().collect();
        assert!(words.join(" ").contains("message round trip p50"), "{said}");
    }
}

#[test]
fn the_server_of_tungstenite_understands_it_and_values_go_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().take(200) {
            thread::spawn(move || {
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(LIFETIME)).unwrap();
                let Ok(mut socket) = tungstenite::accept(stream) else { return };
                while let Ok(message) = socket.read() {
                    if message.is_text() {
                        let answer =
                            format!(r#"{{"heard": {message}, "number": 12345678901234567890}}"#);
                        let _ = socket.send(tungstenite::Message::text(answer));
                    }
                }
            });
        }
    });
    let scenario = json!({
        "name": "streams",
        "target": { "url": format!("http://127.0.0.1:{port}") },
        "flows": [{ "name": "f", "steps": [
            { "request": "GET /a", "name": "first", "extract": { "number": "$.number" }, "websocket": [
                { "send_json": { "a": 1 } }, { "expect": { "json": { "$.heard.a": 1 } } },
            ] },
            { "request": "GET /b/{{number}}", "name": "second", "websocket": [
                { "send_json": { "b": "{{number}}" } },
                { "expect": { "json": { "$.heard.b": "{{number}}" } }, "strict": true },
            ] },
        ] }],
        "load": { "stages": [{ "for": "1s", "rate": "10/s" }] },
        "slo": { "all": ["p50 < 9s"] },
    });
    let (said, record) = record(&scenario, &[]);
    for step in 0..2 {
        let found = endings(&record, step);
        assert!(matches!(found[..], [("ok", 1..)]), "{step} {found:?}\n{said}");
    }
}

#[test]
fn many_idle_ones_are_kept_and_each_says_something_now_and_then() {
    let folder = tempfile::tempdir().unwrap();
    let server = NodeServer::start("stream-server.mjs", folder.path(), &[]);
    let acts = json!([
        { "send": "one" }, { "expect": "one" }, { "think": "1500ms" },
        { "send": "two" }, { "expect": "two" }, { "think": "1500ms" },
        { "send": "three" }, { "expect": "three", "within": "2s" },
    ]);
    let steps = [("/live".to_owned(), json!({ "websocket": acts }))];
    let scenario = scenario(&format!("http://127.0.0.1:{}", server.port), &steps, 2, 100);
    let (said, record) = record(&scenario, &[]);
    let found = endings(&record, 0);
    assert_eq!(found, [("ok", 200)], "{said}");
    assert_eq!(times(&record, 0, Phase::RoundTrip).0, 600);
}

#[test]
fn mistakes_of_a_websocket_step_are_named_all_at_once() {
    let steps = json!([
        { "request": "POST /a", "websocket": [{ "send": "x" }] },
        { "request": "GET /b", "websocket": [{ "close": 1000 }] },
        { "request": "GET /c", "websocket": [{ "send": "x", "expect": "y" }] },
        { "request": "GET /d", "websocket": [{ "send": "x", "within": "1s" }] },
        { "request": "GET /e", "websocket": [{ "close": 1000 }, { "send": "x" }] },
        { "request": "GET /f", "websocket": [{ "send": "x" }, { "close": 1005 }] },
        { "request": "GET /g", "websocket": [{ "send_binary": "no base64" }] },
        { "request": "GET /h", "websocket": [{}] },
        { "request": "GET /i", "json": {}, "websocket": [{ "send": "{{nobody}}" }] },
        { "request": "GET /j", "check": { "status": 200 }, "websocket": [{ "send": "x" }] },
        { "request": "GET /k", "events": {}, "websocket": [{ "send": "x" }] },
        { "request": "GET /l", "websocket": [{ "expects": "x" }] },
        { "request": "GET /m", "headers": { "sec-websocket-key": "x" }, "websocket": [{ "send": "x" }] },
    ]);
    let said = refused(&json!({ "url": "http://127.0.0.1:9" }), &steps);
    for part in [
        "a WebSocket is opened by GET",
        "nothing is said or heard",
        "\"expect\" beside \"send\"",
        "\"within\" means nothing beside \"send\"",
        "nothing can follow \"close\"",
        "1005 is no code to close with",
        "this is not base64",
        "nothing is done here",
        "its request has no body",
        "nobody",
        "is 101, and nothing else",
        "either awaits events or opens a WebSocket",
        "did you mean \"expect\"?",
        "the header \"sec-websocket-key\" is set by loadgate",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let http2 = json!({ "url": "http://127.0.0.1:9", "http2": "prior-knowledge" });
    let said = refused(&http2, &json!([{ "request": "GET /", "websocket": [{ "send": "x" }] }]));
    assert!(said.contains("a WebSocket over HTTP/2 (RFC 8441) is not supported"), "{said}");
}

/// What is said of a scenario with mistakes.
fn refused(target: &Value, steps: &Value) -> String {
    let scenario = json!({
        "name": "streams",
        "target": target,
        "flows": [{ "name": "f", "steps": steps }],
        "load": { "stages": [{ "for": "1s", "rate": "1/s" }] },
    });
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("streams.json");
    fs::write(&file, serde_json::to_string_pretty(&scenario).unwrap()).unwrap();
    let output = finish(support::loadgate().arg("check").arg(&file));
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    stderr(&output)
}

#[test]
fn a_walk_shows_what_opened_it_and_the_curl_commands_say_that_curl_does_not_speak_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = NodeServer::start("stream-server.mjs", folder.path(), &[]);
    let acts = json!([{ "send": "ping" }, { "expect": "ping" }]);
    let steps = [("/live".to_owned(), json!({ "websocket": acts }))];
    let scenario = scenario(&format!("http://127.0.0.1:{}", server.port), &steps, 1, 1);
    let file = folder.path().join("streams.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let output = finish(support::loadgate().args(["check", "--once"]).arg(&file));
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}{}", stderr(&output));
    assert!(said.contains("works, 101 after") && said.contains("\"type\":\"welcome\""), "{said}");
    let output = finish(support::loadgate().args(["check", "--once", "--curl"]).arg(&file));
    let said = stdout(&output);
    assert!(said.contains("websocat 'ws://127.0.0.1:"), "{said}");
}
