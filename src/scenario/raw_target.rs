//! The system under test, as the scenario file has it.
//!
//! Part of [`super::raw`]: the form of the file and nothing else.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::entries::Entries;
use super::raw_demo::RawDemo;
use super::raw_http2::RawHttp2;
use super::raw_metrics::{RawMetrics, RawPostgres};

/// The system under test: `{"demo": true}` or a `url`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the target")]
#[schemars(extend("oneOf" = json!([{ "required": ["demo"] }, { "required": ["url"] }])))]
pub(crate) struct RawTarget {
    /// Use the demo API that is built in: `true`, or `"tls"` for one that is reached by `https://`
    /// and shows a test certificate. With `http2` it speaks HTTP/2.
    #[schemars(example = true)]
    pub(crate) demo: Option<RawDemo>,
    /// Where it listens: `http://`, `https://`, or a socket file, `unix:app.sock`, relative to
    /// this file.
    #[schemars(example = "http://127.0.0.1:3000", example = "https://staging.example.com")]
    #[schemars(example = "unix:/run/app.sock")]
    pub(crate) url: Option<String>,
    /// Which addresses of its name are used: `once` (looked up once, the first that accepts),
    /// `all` (all of them in turn) or `each-connection` (looked up again while it runs); without
    /// it, once.
    #[schemars(example = &"all")]
    pub(crate) resolve: Option<String>,
    /// Addresses of this machine that connections come from, in turn; without it, the system's
    /// choice.
    #[serde(default)]
    #[schemars(example = ["10.0.0.5", "10.0.0.6"])]
    pub(crate) local_addresses: Vec<String>,
    /// How its TLS sessions begin, where `url` begins with `https://`.
    #[schemars(example = json!({ "ca": "certs/ca.pem" }))]
    pub(crate) tls: Option<RawTls>,
    /// Speak HTTP/2: `true` where `url` begins with `https://`, `prior-knowledge` where it begins
    /// with `http://`. Without it, HTTP/1.1.
    #[schemars(example = true)]
    pub(crate) http2: Option<RawHttp2>,
    /// How to start it: the program and its arguments. Without it, it must run already.
    #[schemars(example = ["node", "server.js"], length(min = 1))]
    pub(crate) command: Option<Vec<String>>,
    /// The folder to start it in, relative to this file; without it, this file's folder.
    #[schemars(example = "../api")]
    pub(crate) cwd: Option<String>,
    /// Environment variables to start it with.
    #[serde(default)]
    #[schemars(example = json!({ "DATABASE_URL": "${DATABASE_URL}" }))]
    pub(crate) env: Entries<String>,
    /// When it is ready; without it, when it accepts connections.
    #[schemars(example = json!({ "path": "/health", "within": "30s" }))]
    pub(crate) ready: Option<RawReady>,
    /// Its Prometheus metrics: the path, or where they are and what is looked at.
    #[schemars(example = "/metrics")]
    pub(crate) metrics: Option<RawMetrics>,
    /// The statistics of the PostgreSQL behind it, read once a second while it is loaded.
    #[schemars(example = json!({ "connection": "${PGSTAT_URL}" }))]
    pub(crate) postgres: Option<RawPostgres>,
    /// The header that carries an id of each request, to find it in the target's log; without
    /// it, x-request-id. `none` sends no id.
    #[schemars(example = &"x-correlation-id")]
    pub(crate) request_id: Option<String>,
    /// The environment variable that tells the command its port, without it PORT, or its socket
    /// file, without it SOCKET.
    #[schemars(example = &"PORT")]
    pub(crate) port_variable: Option<String>,
    /// In a duet: what makes a fresh checkout of a git ref ready to start.
    #[schemars(example = json!({ "command": ["npm", "ci"] }))]
    pub(crate) prepare: Option<RawPrepare>,
    /// In a duet: what differs between the arms, such as the names of their databases.
    #[schemars(example = json!({ "baseline": { "env": { "DATABASE_FILE": "/tmp/baseline.db" } } }))]
    pub(crate) arms: Option<RawArms>,
}

/// How TLS sessions with the target begin. Files are in PEM, relative to this file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TLS")]
pub(crate) struct RawTls {
    /// Certificates that are trusted instead of this machine's.
    #[schemars(example = "certs/ca.pem")]
    pub(crate) ca: Option<String>,
    /// Our own certificate, for a target that demands one (mTLS), followed by those that it is
    /// signed by; needs `key`.
    #[schemars(example = "certs/client.pem")]
    pub(crate) cert: Option<String>,
    /// The key of `cert`, without a password.
    #[schemars(example = "certs/client.key")]
    pub(crate) key: Option<String>,
    /// The name that the target's certificate must be for, and that it is asked for (SNI), if it
    /// is not the host of `url`.
    #[schemars(example = "api.internal")]
    pub(crate) server_name: Option<String>,
    /// The oldest version that is spoken: 1.2 or 1.3; without it, 1.2.
    #[schemars(example = "1.3")]
    pub(crate) min_version: Option<String>,
    /// Take every certificate, whoever signed it and whatever it is for. Every report says so.
    #[schemars(example = true)]
    pub(crate) insecure: Option<bool>,
    /// Let later connections resume the session of an earlier one; without it, each makes a whole
    /// handshake, as new users do.
    #[schemars(example = true)]
    pub(crate) resumption: Option<bool>,
}

/// What makes a fresh checkout of a git ref ready to start.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "prepare")]
pub(crate) struct RawPrepare {
    /// The program and its arguments; it runs where the target will.
    #[schemars(example = ["npm", "ci"], length(min = 1))]
    pub(crate) command: Vec<String>,
    /// How long it may take; without it, 10m.
    #[schemars(example = "10m")]
    pub(crate) within: Option<String>,
}

/// What differs between the arms of a duet.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the arms")]
pub(crate) struct RawArms {
    /// What is compared with.
    #[schemars(example = json!({ "env": { "DATABASE_FILE": "/tmp/baseline.db" } }))]
    pub(crate) baseline: Option<RawArm>,
    /// What is judged.
    #[schemars(example = json!({ "env": { "DATABASE_FILE": "/tmp/candidate.db" } }))]
    pub(crate) candidate: Option<RawArm>,
}

/// One arm of a duet.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "an arm")]
pub(crate) struct RawArm {
    /// Environment variables to start it with, besides the target's.
    #[serde(default)]
    #[schemars(example = json!({ "DATABASE_FILE": "/tmp/baseline.db" }))]
    pub(crate) env: Entries<String>,
}

/// When the target is ready.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "ready")]
pub(crate) struct RawReady {
    /// Answers with a status below 400 when it is.
    #[schemars(example = "/health")]
    pub(crate) path: Option<String>,
    /// How long it may take; without it, 30s for a target that is started, else 5s.
    #[schemars(example = "30s")]
    pub(crate) within: Option<String>,
}
