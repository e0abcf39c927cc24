//! Targets that speak TLS: a real Node server with certificates made for the test, and every way
//! in which no session can be had.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Output;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::node_server::NodeServer;
use crate::support::{self, finish, stderr, stdout};

/// Who signs, and what was signed.
pub(crate) struct Certificates {
    pub(crate) folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Certificates {
    fn new() -> Certificates {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = named("loadgate's tests");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Certificates { folder, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate for some names and its key, as `NAME.pem` and `NAME.key`.
    fn sign(&self, name: &str, hosts: &[&str], change: impl FnOnce(&mut CertificateParams)) {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name = named(name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    /// For localhost and 127.0.0.1.
    pub(crate) fn server() -> Certificates {
        let all = Certificates::new();
        all.sign("server", &["localhost", "127.0.0.1"], |_| {});
        all
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// The server of Node, with one of the certificates.
fn serve(certificates: &Certificates, which: &str, env: &[(&str, &str)]) -> NodeServer {
    let [cert, key] = ["pem", "key"].map(|kind| certificates.path(&format!("{which}.{kind}")));
    let both = [("CERT", cert.to_str().unwrap()), ("KEY", key.to_str().unwrap())];
    let env: Vec<(&str, &str)> = both.iter().chain(env).copied().collect();
    NodeServer::start("tls-server.mjs", certificates.folder.path(), &env)
}

/// A run of a scenario.
struct Run {
    output: Output,
    folder: PathBuf,
}

impl Run {
    fn code(&self) -> i32 {
        self.output.status.code().unwrap()
    }

    fn errors(&self) -> String {
        stderr(&self.output)
    }

    fn summary(&self) -> Value {
        support::summary(&self.folder)
    }

    fn record(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.folder.join("run.json")).unwrap()).unwrap()
    }
}

fn scenario(url: &str, tls: &Value, more: &Value) -> Value {
    let mut all = json!({
        "name": "secured",
        "target": { "url": url, "ready": { "path": "/", "within": "10s" } },
        "flows": [{ "name": "f", "steps": [{ "name": "one", "request": "GET /" }] }],
        "load": { "stages": [
            { "for": "1s", "rate": "100/s", "warmup": true }, { "for": "3s", "rate": "100/s" }
        ] },
        "slo": { "all": ["p50 < 5s"] },
    });
    if !tls.is_null() {
        all["target"]["tls"] = tls.clone();
    }
    for (key, value) in more.as_object().into_iter().flatten() {
        all[key] = value.clone();
    }
    all
}

fn run(folder: &Path, scenario: &Value) -> Run {
    run_with(folder, scenario, &[])
}

fn run_with(folder: &Path, scenario: &Value, arguments: &[&str]) -> Run {
    let file = folder.join("secured.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let out = folder.join("out");
    let mut run = support::loadgate();
    run.arg("run").arg(&file).args(arguments).arg("-q").arg("-o").arg(&out);
    let output = finish(&mut run);
    Run { output, folder: out.join("secured").join("latest") }
}

fn localhost(server: &NodeServer) -> String {
    format!("https://localhost:{}", server.port)
}

#[test]
fn requests_by_tls_are_answered_and_handshakes_are_counted() {
    let all = Certificates::server();
    let server = serve(&all, "server", &[]);
    let ran = run(
        all.folder.path(),
        &scenario(&localhost(&server), &json!({"ca": "ca.pem"}), &Value::Null),
    );
    assert_eq!(ran.code(), 0, "{}{}", ran.errors(), stdout(&ran.output));
    let (summary, record) = (ran.summary(), ran.record());
    assert_eq!(summary["verdict"], "pass");
    let sent = record["end"]["iterations"].as_u64().unwrap();
    // Readiness and the walk ask as well.
    let asked = server.count("request") as u64;
    assert!((sent..=sent + 5).contains(&asked), "{sent} sent, {asked} asked");
    let handshakes = &record["end"]["handshakes"];
    assert_eq!(handshakes["resumed"], 0, "each connection is a new user's");
    let (full, sessions) = (handshakes["full"].as_u64().unwrap(), server.count("session full"));
    assert!(full >= 1 && full <= sessions as u64, "{full} of {sessions}");
    assert_eq!(server.count("session resumed"), 0);
    assert!(server.count("session full TLSv1.3 localhost") > 0, "SNI");
    let target = record["target"].as_str().unwrap();
    assert!(target.starts_with("https://localhost:"), "{target}");
}

#[test]
fn large_bodies_closed_connections_and_older_versions_work() {
    let all = Certificates::server();
    let server = serve(&all, "server", &[("MAX_VERSION", "TLSv1.2")]);
    let body = "y".repeat(200_000);
    let steps = json!([{ "name": "f", "steps": [
        { "name": "large", "request": "GET /large" },
        { "name": "close", "request": "GET /close" },
        { "name": "echo", "request": "POST /echo", "body": body },
        { "name": "extract", "request": "GET /item", "extract": { "id": "$.id" } },
        { "name": "use", "request": "GET /items/{{id}}" },
    ] }]);
    let load = json!({ "stages": [{ "for": "3s", "rate": "20/s" }] });
    let more = json!({ "flows": steps, "load": load });
    let ran =
        run(all.folder.path(), &scenario(&localhost(&server), &json!({"ca": "ca.pem"}), &more));
    assert_eq!(ran.code(), 0, "{}{}", ran.errors(), stdout(&ran.output));
    // Steps that would have been due after the end are not begun, on a slow machine more of them.
    for step in ran.summary()["steps"].as_array().unwrap() {
        assert_eq!(step["error_rate"], 0.0, "{}", stdout(&ran.output));
        assert!(step["goodput"].as_f64().unwrap() > 0.0, "{}", stdout(&ran.output));
    }
    assert!(server.count("session full TLSv1.2") > 10, "a connection that was closed is made anew");
    assert!(server.count("request GET /items/1") > 0);
}

#[test]
fn sessions_are_resumed_where_that_is_wished() {
    let all = Certificates::server();
    let server = serve(&all, "server", &[]);
    let steps = json!([{ "name": "f", "steps": [{ "name": "close", "request": "GET /close" }] }]);
    let tls = json!({ "ca": "ca.pem", "resumption": true });
    let ran =
        run(all.folder.path(), &scenario(&localhost(&server), &tls, &json!({ "flows": steps })));
    assert_eq!(ran.code(), 0, "{}", ran.errors());
    let handshakes = &ran.record()["end"]["handshakes"];
    assert!(handshakes["resumed"].as_u64().unwrap() > 100, "{handshakes}");
    assert!(server.count("session resumed") > 100);
}

#[test]
fn a_target_that_demands_a_certificate_gets_ours() {
    let all = Certificates::server();
    all.sign("client", &["client"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let ca = all.path("ca.pem");
    let server = serve(&all, "server", &[("CLIENT_CA", ca.to_str().unwrap())]);
    let tls = json!({ "ca": "ca.pem", "cert": "client.pem", "key": "client.key" });
    let ran = run(all.folder.path(), &scenario(&localhost(&server), &tls, &Value::Null));
    assert_eq!(ran.code(), 0, "{}", ran.errors());
    let without = run(
        all.folder.path(),
        &scenario(&localhost(&server), &json!({"ca": "ca.pem"}), &Value::Null),
    );
    assert_eq!(without.code(), 7, "{}", without.errors());
    assert!(without.errors().contains("\"cert\" and \"key\" of \"tls\""), "{}", without.errors());
    // Nothing of the key is in what was written.
    let key = fs::read_to_string(all.path("client.key")).unwrap();
    let line = key.lines().nth(1).unwrap();
    for name in ["run.json", "summary.json", "report.html", "summary.md"] {
        assert!(!fs::read_to_string(ran.folder.join(name)).unwrap().contains(line), "{name}");
    }
}

#[test]
fn who_cannot_be_trusted_is_named_and_insecure_is_loud() {
    let all = Certificates::server();
    let server = serve(&all, "server", &[]);
    let unknown =
        run(all.folder.path(), &scenario(&localhost(&server), &Value::Null, &Value::Null));
    assert_eq!(unknown.code(), 7, "{}", unknown.errors());
    assert!(
        unknown.errors().contains("signed by nobody who is trusted here"),
        "{}",
        unknown.errors()
    );
    let insecure = run(
        all.folder.path(),
        &scenario(&localhost(&server), &json!({"insecure": true}), &Value::Null),
    );
    assert_eq!(insecure.code(), 0, "{}", insecure.errors());
    for name in ["summary.json", "summary.md", "report.html"] {
        let text = fs::read_to_string(insecure.folder.join(name)).unwrap();
        assert!(text.contains("certificate is not verified"), "{name}");
    }
    assert!(stdout(&insecure.output).replace("\n  ", " ").contains("certificate is not verified"));
}

#[test]
fn certificates_that_do_not_fit_say_so() {
    let all = Certificates::new();
    all.sign("other", &["other.example"], |_| {});
    all.sign("expired", &["localhost"], |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    for (which, env, tls, wanted) in [
        ("other", vec![], json!({}), "for another name"),
        ("expired", vec![], json!({}), "has expired"),
        (
            "other",
            vec![("MAX_VERSION", "TLSv1.2")],
            json!({"min_version": "1.3"}),
            "another version",
        ),
        (
            "other",
            vec![("MAX_VERSION", "TLSv1.1"), ("MIN_VERSION", "TLSv1")],
            json!({}),
            "another version",
        ),
    ] {
        let server = serve(&all, which, &env);
        let mut tls = tls;
        tls["ca"] = json!("ca.pem");
        let ran = run(all.folder.path(), &scenario(&localhost(&server), &tls, &Value::Null));
        assert_eq!(ran.code(), 7, "{which}: {}", ran.errors());
        assert!(ran.errors().contains(wanted), "{which}: {}", ran.errors());
    }
    let server = serve(&all, "other", &[]);
    let tls = json!({"ca": "ca.pem", "server_name": "other.example"});
    let named = run(all.folder.path(), &scenario(&localhost(&server), &tls, &Value::Null));
    assert_eq!(named.code(), 0, "{}", named.errors());
}

/// As `openssl req -x509` makes one: signed by itself, and it says that it may sign others.
fn by_itself(all: &Certificates, name: &str, change: impl FnOnce(&mut CertificateParams)) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.distinguished_name = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    fs::write(all.path(&format!("{name}.pem")), certificate.pem()).unwrap();
    fs::write(all.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
}

#[test]
fn a_certificate_that_has_signed_itself_is_trusted_where_it_is_named() {
    let all = Certificates::server();
    by_itself(&all, "own", |_| {});
    by_itself(&all, "twin", |params| params.distinguished_name = named("own"));
    by_itself(&all, "old", |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    for (which, ca, host, code, wanted) in [
        ("own", "own.pem", "localhost", 0, ""),
        // One that somebody has signed, named itself.
        ("server", "server.pem", "localhost", 0, ""),
        ("own", "own.pem", "127.0.0.1", 7, "for another name"),
        ("old", "old.pem", "localhost", 7, "has expired"),
        ("own", "twin.pem", "localhost", 7, "signed by itself and not trusted here"),
        ("own", "ca.pem", "localhost", 7, "signed by itself and not trusted here"),
        ("server", "own.pem", "localhost", 7, "signed by nobody who is trusted here"),
    ] {
        let server = serve(&all, which, &[]);
        let url = format!("https://{host}:{}", server.port);
        let ran = run(all.folder.path(), &scenario(&url, &json!({ "ca": ca }), &Value::Null));
        assert_eq!(ran.code(), code, "{which} {ca}: {}", ran.errors());
        assert!(ran.errors().contains(wanted), "{which} {ca}: {}", ran.errors());
    }
}

#[test]
fn a_plain_server_and_one_of_tls_are_told_apart() {
    let all = Certificates::server();
    let server = serve(&all, "server", &[]);
    let plain = format!("http://localhost:{}", server.port);
    let ran = run(all.folder.path(), &scenario(&plain, &Value::Null, &Value::Null));
    assert_eq!(ran.code(), 7, "{}", ran.errors());
    assert!(ran.errors().contains("begin with https://"), "{}", ran.errors());

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(200) {
            let Ok(mut stream) = stream else { return };
            let mut room = [0; 1_000];
            let _ = stream.read(&mut room);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
        }
    });
    let secured = format!("https://localhost:{port}");
    let ran = run(all.folder.path(), &scenario(&secured, &json!({"ca": "ca.pem"}), &Value::Null));
    assert_eq!(ran.code(), 7, "{}", ran.errors());
    assert!(ran.errors().contains("does not speak TLS"), "{}", ran.errors());
}

#[test]
fn mistakes_in_tls_have_a_line_and_say_what_to_write() {
    let all = Certificates::server();
    all.sign("client", &["client"], |_| {});
    fs::write(all.path("empty.pem"), "nothing").unwrap();
    for (url, tls, wanted) in [
        ("http://localhost:1", json!({"insecure": true}), "write https:// in \"url\""),
        ("https://localhost:1", json!({"ca": "none.pem"}), "none.pem cannot be read"),
        ("https://localhost:1", json!({"ca": "empty.pem"}), "no certificate in PEM"),
        ("https://localhost:1", json!({"cert": "client.pem"}), "needs its key"),
        ("https://localhost:1", json!({"key": "client.key"}), "\"key\" without \"cert\""),
        (
            "https://localhost:1",
            json!({"cert": "client.pem", "key": "server.key", "ca": "ca.pem"}),
            "does not belong to the certificate",
        ),
        (
            "https://localhost:1",
            json!({"cert": "client.pem", "key": "client.pem", "ca": "ca.pem"}),
            "no key in PEM",
        ),
        ("https://localhost:1", json!({"min_version": "1.1"}), "\"1.2\" or \"1.3\""),
        ("https://localhost:1", json!({"ca": "ca.pem", "insecure": true}), "remove one of the two"),
        ("https://localhost:1", json!({"certificate": "a"}), "\"cert\""),
    ] {
        let ran = run(all.folder.path(), &scenario(url, &tls, &Value::Null));
        assert_eq!(ran.code(), 2, "{tls}: {}", ran.errors());
        assert!(ran.errors().contains(wanted), "{tls}: {}", ran.errors());
        assert!(ran.errors().contains("secured.json:1:"), "{tls}: {}", ran.errors());
    }
}

#[test]
fn a_url_is_enough_with_flags() {
    let all = Certificates::server();
    let server = serve(&all, "server", &[]);
    let out = all.path("out");
    let url = format!("https://127.0.0.1:{}/items", server.port);
    let command = |flags: &[&str]| {
        finish(
            support::loadgate()
                .args(["run", &url, "-R", "50", "-d", "3s", "-q", "--slo", "p50 < 5s"])
                .arg("-o")
                .arg(&out)
                .args(flags),
        )
    };
    let ca = all.path("ca.pem");
    let trusted = command(&["--ca", ca.to_str().unwrap()]);
    assert_eq!(trusted.status.code(), Some(0), "{}", stderr(&trusted));
    let untrusted = command(&[]);
    assert_eq!(untrusted.status.code(), Some(7), "{}", stderr(&untrusted));
}

fn in_days(days: i64) -> jiff::civil::Date {
    let then = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    then.to_zoned(jiff::tz::TimeZone::UTC).date()
}

fn sign_until(all: &Certificates, name: &str, date: jiff::civil::Date) {
    all.sign(name, &["localhost"], |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        let (month, day) = (date.month().cast_unsigned(), date.day().cast_unsigned());
        params.not_after = date_time_ymd(i32::from(date.year()), month, day);
    });
}

#[test]
fn a_certificate_that_ends_soon_is_told_before_the_load_and_in_each_report() {
    let all = Certificates::new();
    let sign = |name: &str, date| sign_until(&all, name, date);
    sign("soon", in_days(10));
    sign("later", in_days(100));
    sign("over", jiff::civil::date(2020, 1, 1));
    let soon = format!("the target's certificate is valid until {}", in_days(10));
    for (which, tls, wanted) in [
        ("soon", json!({"ca": "ca.pem"}), Some(soon.as_str())),
        ("later", json!({"ca": "ca.pem"}), None),
        ("over", json!({"insecure": true}), Some("certificate was valid until 2020-01-01")),
    ] {
        let server = serve(&all, which, &[]);
        let ran = run(all.folder.path(), &scenario(&localhost(&server), &tls, &Value::Null));
        assert_eq!(ran.code(), 0, "{which}: {}", ran.errors());
        for name in ["summary.json", "summary.md", "report.html"] {
            let text = fs::read_to_string(ran.folder.join(name)).unwrap();
            match wanted {
                Some(wanted) => {
                    assert!(text.replace("&#39;", "'").contains(wanted), "{which}: {name}");
                }
                None => assert!(!text.contains("valid until"), "{which}: {name}"),
            }
        }
    }
    // As an objective it is judged.
    for (which, objective, code, wanted) in [
        ("soon", "target.certificate_days >= 14", 3, "\"value\": 9.0"),
        ("soon", "target.certificate_days >= 9", 0, "\"value\": 9.0"),
        ("later", "target.certificate_days >= 14", 0, "\"value\": 99.0"),
    ] {
        let server = serve(&all, which, &[]);
        let slo = json!({"slo": {"all": ["p50 < 5s", objective]}});
        let tls = json!({"ca": "ca.pem"});
        let ran = run(all.folder.path(), &scenario(&localhost(&server), &tls, &slo));
        assert_eq!(ran.code(), code, "{which}: {}", ran.errors());
        let text = fs::read_to_string(ran.folder.join("summary.json")).unwrap();
        assert!(text.contains(wanted), "{which}: {text}");
    }
    let slo = json!({"slo": {"all": ["target.certificate_days >= 14"]}});
    let ran = run(all.folder.path(), &scenario("http://127.0.0.1:1", &Value::Null, &slo));
    assert_eq!(ran.code(), 2, "{}", ran.errors());
    assert!(ran.errors().contains("shows no certificate"), "{}", ran.errors());
}

/// One of two may have been forgotten when the other got a new one.
#[test]
fn the_certificate_of_each_address_that_is_used_counts() {
    let all = Certificates::new();
    sign_until(&all, "soon", in_days(10));
    sign_until(&all, "later", in_days(100));
    let later = serve(&all, "later", &[]);
    let port = later.port.to_string();
    let _soon = serve(&all, "soon", &[("HOST", "127.0.0.2"), ("PORT", &port)]);
    for addresses in ["127.0.0.1,127.0.0.2", "127.0.0.2,127.0.0.1"] {
        let slo = json!({"slo": {"all": ["p50 < 5s", "target.certificate_days >= 14"]}});
        let mut scenario = scenario(&localhost(&later), &json!({"ca": "ca.pem"}), &slo);
        scenario["target"]["resolve"] = json!("all");
        let resolved = format!("localhost:{port}:{addresses}");
        let ran = run_with(all.folder.path(), &scenario, &["--resolve", &resolved]);
        assert_eq!(ran.code(), 3, "{addresses}: {}", ran.errors());
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_symlink() {
                vec![]
            } else if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn no_key_and_no_cookie_is_in_any_file() {
    let all = Certificates::server();
    all.sign("client", &["client"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let ca = all.path("ca.pem");
    let server = serve(&all, "server", &[("CLIENT_CA", ca.to_str().unwrap())]);
    let tls = json!({ "ca": "ca.pem", "cert": "client.pem", "key": "client.key" });
    // Every answer is one that is not expected, so that exchanges are kept.
    let steps = json!([{ "name": "f", "steps": [
        { "name": "one", "request": "GET /item", "check": { "status": 418 },
          "headers": { "cookie": "session=fortytwo-monkeys" } },
    ] }]);
    let scenario = scenario(&localhost(&server), &tls, &json!({ "flows": steps }));
    let file = all.path("secured.json");
    fs::write(&file, scenario.to_string()).unwrap();
    let out = all.path("out");
    let mut command = support::loadgate();
    command.arg("run").arg(&file).args(["-q", "--no-walk", "-o"]).arg(&out);
    let output = finish(&mut command);
    assert_ne!(output.status.code(), Some(0), "{}", stderr(&output));
    let pem = fs::read_to_string(all.path("client.key")).unwrap();
    let line = pem.lines().nth(1).unwrap();
    let der = rustls::pki_types::PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    // The number itself, whatever is around it.
    let secret = &der.secret_der()[36..68];
    let written = files(&out);
    assert!(written.len() > 5, "{written:?}");
    for path in written {
        let bytes = fs::read(&path).unwrap();
        for part in [line.as_bytes(), secret, b"fortytwo-monkeys"] {
            let is_in = bytes.windows(part.len()).any(|window| window == part);
            assert!(!is_in, "{}", path.display());
        }
    }
    for said in [stdout(&output), stderr(&output)] {
        assert!(!said.contains(line) && !said.contains("fortytwo-monkeys"), "{said}");
    }
}

#[test]
fn a_handshake_that_never_ends_is_no_hang() {
    let all = Certificates::server();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming().take(50) {
            kept.extend(stream);
        }
    });
    let mut scenario =
        scenario(&format!("https://localhost:{port}"), &json!({"ca": "ca.pem"}), &Value::Null);
    scenario["target"]["ready"] = json!({ "path": "/", "within": "6s" });
    let ran = run(all.folder.path(), &scenario);
    assert_eq!(ran.code(), 7, "{}", ran.errors());
    assert!(ran.errors().contains("no answer within 5s"), "{}", ran.errors());
}
