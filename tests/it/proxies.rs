//! The servers that stand before real APIs, nginx, `HAProxy` and Caddy, by TLS and HTTP/2: whatever they
//! end, refuse or reorder, each request is answered. Each where it is installed; by hand, on Debian:
//! `apt-get install nginx haproxy caddy`.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::env;
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use loadgate::demo::{Demo, Manner};
use loadgate::record::run::RunRecord;
use serde_json::{Value, json};

use crate::streamed::{endings, record};
use crate::support;
use crate::tls::Certificates;

/// A program of that name, also where only root looks for it.
fn installed(name: &str) -> Option<PathBuf> {
    let all = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&all).chain([PathBuf::from("/usr/sbin")]);
    places.map(|place| place.join(name)).find(|path| path.is_file())
}

/// A proxy before the demo; ends with the test.
struct Proxy {
    child: Child,
    tls: u16,
    clear: u16,
    folder: tempfile::TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a proxy is told: where it writes, its certificates, and the ports of TLS, of HTTP/2 in the
/// clear, and of the demo.
struct Ways<'w> {
    folder: &'w Path,
    all: &'w Certificates,
    tls: u16,
    clear: u16,
    app: u16,
}

/// nginx ends a connection after so many requests.
const REQUESTS: u32 = 50;

/// One process, so that nothing of it is left over when that is ended.
fn nginx(ways: &Ways<'_>) -> (String, Vec<String>) {
    let Ways { folder, all, tls, clear, app } = ways;
    let (folder, cert, key) = (folder.display(), all.path("server.pem"), all.path("server.key"));
    let text = format!(
        "master_process off; pid {folder}/pid; error_log {folder}/error.log; daemon off;
        events {{ worker_connections 512; }}
        http {{
          access_log off; keepalive_requests {REQUESTS}; client_body_temp_path {folder}/a;
          proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d;
          scgi_temp_path {folder}/e; ssl_certificate {cert}; ssl_certificate_key {key};
          server {{ listen 127.0.0.1:{tls} ssl http2; location / {{ proxy_pass http://127.0.0.1:{app}; }} }}
          server {{ listen 127.0.0.1:{clear} http2; location / {{ proxy_pass http://127.0.0.1:{app}; }} }}
        }}",
        cert = cert.display(),
        key = key.display(),
    );
    (text, ["-c", "FILE", "-p", "FOLDER", "-e", "FOLDER/error.log"].map(str::to_owned).into())
}

fn haproxy(ways: &Ways<'_>) -> (String, Vec<String>) {
    let Ways { folder, all, tls, clear, app } = ways;
    let both = folder.join("both.pem");
    let parts =
        ["server.pem", "server.key"].map(|name| fs::read_to_string(all.path(name)).unwrap());
    fs::write(&both, parts.concat()).unwrap();
    let text = format!(
        "defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend secured
  bind 127.0.0.1:{tls} ssl crt {both} alpn h2,http/1.1
  default_backend app
frontend clear
  bind 127.0.0.1:{clear} proto h2
  default_backend app
backend app
  server app 127.0.0.1:{app}
",
        both = both.display(),
    );
    (text, ["-db", "-f", "FILE"].map(str::to_owned).into())
}

fn caddy(ways: &Ways<'_>) -> (String, Vec<String>) {
    let Ways { all, tls, clear, app, .. } = ways;
    let (cert, key) = (all.path("server.pem"), all.path("server.key"));
    let text = format!(
        "{{
  admin off
  auto_https off
  servers {{
    protocols h1 h2 h2c
  }}
}}
https://localhost:{tls} {{
  bind 127.0.0.1
  tls {cert} {key}
  reverse_proxy 127.0.0.1:{app}
}}
http://localhost:{clear} {{
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:{app}
}}
",
        cert = cert.display(),
        key = key.display(),
    );
    let words = ["run", "--config", "FILE", "--adapter", "caddyfile"];
    (text, words.map(str::to_owned).into())
}

impl Proxy {
    /// Starts it, and waits until it listens.
    fn start(
        program: &Path,
        all: &Certificates,
        app: u16,
        told: fn(&Ways<'_>) -> (String, Vec<String>),
    ) -> Proxy {
        let folder = tempfile::tempdir().unwrap();
        let (tls, clear) = (support::free_port(), support::free_port());
        let (text, words) = told(&Ways { folder: folder.path(), all, tls, clear, app });
        let file = folder.path().join("config");
        fs::write(&file, text).unwrap();
        let place = folder.path().to_str().unwrap();
        let words = words
            .iter()
            .map(|word| word.replace("FILE", file.to_str().unwrap()).replace("FOLDER", place));
        let said = File::create(folder.path().join("said")).unwrap();
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
        // What it keeps for itself stays in its folder.
        command.env("HOME", place).env("XDG_DATA_HOME", place).env("XDG_CONFIG_HOME", place);
        let child = command.spawn().unwrap();
        let mut proxy = Proxy { child, tls, clear, folder };
        support::eventually("the proxy listens", || {
            let has_ended = proxy.child.try_wait().unwrap().is_some();
            let said = fs::read_to_string(proxy.folder.path().join("said")).unwrap_or_default();
            assert!(!has_ended, "{}: {said}", program.display());
            [tls, clear].into_iter().all(|port| TcpStream::connect(("127.0.0.1", port)).is_ok())
        });
        proxy
    }
}

fn scenario(target: &Value) -> Value {
    let flow = |step: Value| json!({ "name": step["name"], "steps": [step] });
    json!({
        "name": "streams",
        "target": target,
        "flows": [
            flow(json!({ "name": "list", "request": "GET /products?limit=100" })),
            flow(json!({ "name": "log in", "request": "POST /login", "json": {
                "user": "ann", "note": "x".repeat(30_000)
            } })),
            flow(json!({ "name": "nothing", "request": "GET /nowhere", "check": { "status": 404 } })),
            flow(json!({ "name": "head", "request": "HEAD /products", "check": { "status": 404 } })),
        ],
        "load": { "arrivals": "uniform", "stages": [{ "for": "3s", "rate": "150/s" }] },
        "limits": { "connections": 4 },
        "slo": { "all": ["error_rate < 1%"] },
    })
}

/// Everything is answered as it should be.
#[track_caller]
fn all_is_well(record: &RunRecord, said: &str) {
    let mut all = 0;
    for step in 0..4 {
        let found = endings(record, step);
        assert!(matches!(found[..], [("ok", _)]), "{step} {found:?}\n{said}");
        all += found[0].1;
    }
    assert_eq!(all, 450, "{said}");
}

fn stands_before(name: &str, told: fn(&Ways<'_>) -> (String, Vec<String>), ends: bool) {
    let Some(program) = installed(name) else {
        return support::skip(&format!("{name} is not installed"));
    };
    let all = Certificates::server();
    let demo = Demo::start(0, Manner::Plain).unwrap();
    let proxy = Proxy::start(&program, &all, demo.address().port(), told);
    let secured = format!("https://localhost:{}", proxy.tls);
    let tls = json!({ "ca": all.path("ca.pem") });
    let clear = format!("http://localhost:{}", proxy.clear);
    for target in [
        json!({ "url": secured, "tls": tls }),
        json!({ "url": secured, "tls": tls, "http2": true }),
        json!({ "url": clear, "http2": "prior-knowledge" }),
    ] {
        let (said, record) = record(&scenario(&target), &[]);
        all_is_well(&record, &format!("{name} {target}\n{said}"));
        let handshakes = record.end.as_ref().map_or(0, |end| end.handshakes.full);
        let least =
            if ends && target["tls"].is_object() { u64::from(450 / REQUESTS) - 1 } else { 0 };
        assert!(handshakes >= least, "it ends connections: {handshakes}\n{said}");
    }
}

#[test]
fn nginx_ends_connections_and_everything_is_answered() {
    stands_before("nginx", nginx, true);
}

#[test]
fn haproxy_is_understood() {
    stands_before("haproxy", haproxy, false);
}

#[test]
fn caddy_is_understood() {
    stands_before("caddy", caddy, false);
}
