//! The scenario file as it is written, before anything is checked.
//!
//! These types are the one source of truth for the form of the file: they
//! are what is read, and the JSON Schema is generated from them and their
//! documentation. Quantities are still texts here. No behaviour.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::entries::Entries;
use super::raw_body::{RawGraphql, body_file, parts};
use super::raw_check::RawCheck;
use super::raw_data::RawSource;
use super::raw_demo::RawDemo;
use super::raw_extract::extractions;
use super::raw_http2::RawHttp2;
use super::raw_limits::RawLimits;
use super::raw_load::{RawFlowLoad, RawLoad};
use super::raw_login::{RawAuth, RawRefresh};
use super::raw_metrics::{RawMetrics, RawPostgres};
use super::raw_slo::RawSlo;
use super::raw_streams::{RawAct, RawEvents};
use super::raw_tenants::RawTenants;

/// A loadgate scenario: what to send, how hard, and what is good enough. Texts may contain
/// `${VAR}` and `${VAR:-default}` from the environment.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the scenario")]
pub(crate) struct RawScenario {
    /// The JSON Schema of this file, for editors.
    #[serde(rename = "$schema")]
    #[expect(dead_code, reason = "a key that editors read and nobody else")]
    pub(crate) schema: Option<String>,
    /// Names the run and its folder; without it, the file's name.
    #[schemars(example = &"orders")]
    pub(crate) name: Option<String>,
    /// The system under test.
    pub(crate) target: RawTarget,
    /// Constants for `{{placeholders}}`.
    #[serde(default)]
    pub(crate) variables: Entries<String>,
    /// Rows from files by the names of their sources: `{{users.email}}` in a template is a value of
    /// the row that an iteration or a user has.
    #[serde(default)]
    #[schemars(example = json!({ "users": { "file": "users.csv", "order": "shuffled" } }))]
    pub(crate) data: Entries<RawSource>,
    /// What virtual users do. Each arrival picks a flow by weight.
    #[schemars(length(min = 1))]
    pub(crate) flows: Vec<RawFlow>,
    /// What is done once, before the load: steps that are in no figure. What they extract is known
    /// in all flows.
    #[serde(default)]
    pub(crate) setup: Vec<RawStep>,
    /// What is done once, after the load, also after one that was interrupted.
    #[serde(default)]
    pub(crate) teardown: Vec<RawStep>,
    /// How hard. It is that of all flows but those with a load of their own, which run at the same
    /// time; where each has its own it may be left out.
    pub(crate) load: Option<RawLoad>,
    /// What is good enough; without it, p95 < 200ms, p99 < 500ms, `error_rate` < 0.1%,
    /// `server_error_rate` < 0.1% and availability >= 99.9%.
    #[serde(default)]
    pub(crate) slo: RawSlo,
    /// Whom iterations are for: a tenant is drawn for each, and `{{tenant}}` is its name.
    pub(crate) tenants: Option<RawTenants>,
    /// Ceilings of the load generator.
    #[serde(default)]
    pub(crate) limits: RawLimits,
    /// Hosts other than this machine that may be loaded.
    #[serde(default)]
    #[schemars(example = ["staging.example.com"])]
    pub(crate) allow: Vec<String>,
    /// Let virtual users keep the target's cookies, in all flows that do not say otherwise.
    pub(crate) cookies: Option<bool>,
}

/// The system under test: `{"demo": true}` or a `url`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the target")]
#[schemars(extend("oneOf" = json!([{ "required": ["demo"] }, { "required": ["url"] }])))]
pub(crate) struct RawTarget {
    /// Use the demo API that is built in: `true`, or `"tls"` for one that is reached by `https://`
    /// and shows a test certificate. With `http2` it speaks HTTP/2.
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
    pub(crate) tls: Option<RawTls>,
    /// Speak HTTP/2: `true` where `url` begins with `https://`, `prior-knowledge` where it begins
    /// with `http://`. Without it, HTTP/1.1.
    pub(crate) http2: Option<RawHttp2>,
    /// How to start it: the program and its arguments. Without it, it must run already.
    #[schemars(example = ["node", "server.js"], length(min = 1))]
    pub(crate) command: Option<Vec<String>>,
    /// The folder to start it in, relative to this file; without it, this file's folder.
    pub(crate) cwd: Option<String>,
    /// Environment variables to start it with.
    #[serde(default)]
    pub(crate) env: Entries<String>,
    /// When it is ready; without it, when it accepts connections.
    pub(crate) ready: Option<RawReady>,
    /// Its Prometheus metrics: the path, or where they are and what is looked at.
    pub(crate) metrics: Option<RawMetrics>,
    /// The statistics of the PostgreSQL behind it, read once a second while it is loaded.
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
    pub(crate) prepare: Option<RawPrepare>,
    /// In a duet: what differs between the arms, such as the names of their databases.
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
    pub(crate) insecure: Option<bool>,
    /// Let later connections resume the session of an earlier one; without it, each makes a whole
    /// handshake, as new users do.
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
    pub(crate) baseline: Option<RawArm>,
    /// What is judged.
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

/// A sequence of steps that one virtual user walks through.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a flow")]
pub(crate) struct RawFlow {
    /// Names the flow; unique.
    #[schemars(example = &"browse")]
    pub(crate) name: String,
    /// Its share among all weights; without it, 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) weight: u32,
    /// The name of the tenant that an iteration is for, if that is not drawn from `tenants`; may
    /// contain placeholders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"org-{{random 1..500}}")]
    pub(crate) tenant: Option<String>,
    /// Tags of all of its steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["read"])]
    pub(crate) tags: Vec<String>,
    /// A load of its own, beside that of the other flows and at the same time; `weight` then means
    /// nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = json!({ "stages": [{ "for": "60s", "rate": "5/s" }] }))]
    pub(crate) load: Option<RawFlowLoad>,
    /// What is done, in order.
    #[schemars(length(min = 1))]
    pub(crate) steps: Vec<RawStep>,
    /// Let its virtual users keep the target's cookies; without it, as the scenario says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cookies: Option<bool>,
    /// The credentials of all its steps but those that are done `once`, as a login is, and those
    /// that have their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = json!({ "bearer": "{{token}}" }))]
    pub(crate) auth: Option<RawAuth>,
}

fn one() -> u32 {
    1
}

/// One request, a time to think, or several steps.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a step")]
#[schemars(extend("oneOf" = json!([
    { "required": ["request"] }, { "required": ["think"] },
    { "required": ["steps"] }, { "required": ["choose"] },
])))]
pub(crate) struct RawStep {
    /// Names the step in reports; unique in the file. Without it, the text of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "list orders")]
    pub(crate) name: Option<String>,
    /// Method and path. `{{placeholders}}`: variables, constants, `uuid`, `user`, `iteration`,
    /// `now`, `random 1..100`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "GET /orders?limit=20")]
    pub(crate) request: Option<String>,
    /// Header fields; values may contain placeholders.
    #[serde(default)]
    pub(crate) headers: Entries<String>,
    /// A JSON body; its texts may contain placeholders. A text that is nothing but one
    /// placeholder becomes the value itself, so that a number stays a number.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Value")]
    pub(crate) json: Option<Value>,
    /// A body as it is; may contain placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    /// The fields of a form; values may contain placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) form: Option<Entries<String>>,
    /// A body from a file: its path, relative to this file, or an object that says whether it is
    /// filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "body_file")]
    #[schemars(example = &"bodies/order.json")]
    pub(crate) body_file: Option<Value>,
    /// The fields of a form with files (`multipart/form-data`): each a text, a part, or several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "parts")]
    #[schemars(example = json!({ "title": "Report", "file": { "file": "bodies/report.pdf" } }))]
    pub(crate) multipart: Option<Entries<Value>>,
    /// A GraphQL request, whose answer must be JSON with `data` and without `errors`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = json!({ "query": "{ orders { id } }" }))]
    pub(crate) graphql: Option<RawGraphql>,
    /// Which answers are right; without it, those with a status below 400.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) check: Option<RawCheck>,
    /// From the intended moment to the end of the response; without it, 10s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "10s")]
    pub(crate) timeout: Option<String>,
    /// Variables to keep from the answer, each with its `JSONPath` in a JSON body, or an object that
    /// says where else: `{"header": "location"}`, `{"cookie": "sid"}` or `{"regex": "id=(\\d+)"}`.
    #[serde(default)]
    #[schemars(schema_with = "extractions")]
    #[schemars(example = json!({ "order": "$.items[0].id", "sid": { "cookie": "sid" } }))]
    pub(crate) extract: Entries<Value>,
    /// What objectives may name it by together with others: `"tag:read"` in `steps` of `slo`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["read"])]
    pub(crate) tags: Vec<String>,
    /// Do it only once per virtual user, such as a login.
    #[serde(default)]
    pub(crate) once: bool,
    /// Of a step that is done once: when it is done anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = json!({ "expires_in": "{{ttl}}" }))]
    pub(crate) refresh: Option<RawRefresh>,
    /// The credentials; without it, those of the flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = json!({ "bearer": "{{token}}" }))]
    pub(crate) auth: Option<RawAuth>,
    /// What the iteration does when the request has failed: `stop`, or `continue` with the next
    /// step; without it, stop. A failure is counted either way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"continue")]
    pub(crate) on_failure: Option<String>,
    /// Follow so many redirects, to the target itself only; without it, they are answers like
    /// others.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 50), example = 5)]
    pub(crate) redirects: Option<u16>,
    /// The answer is a stream of server-sent events, and what is awaited of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = json!({ "count": 10 }), example = json!({ "until": "done" }))]
    pub(crate) events: Option<RawEvents>,
    /// The request, a GET, opens a WebSocket, over which this is done, one after the other. It is
    /// closed at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    #[schemars(example = json!([{ "send": "ping" }, { "expect": "pong", "within": "1s" }]))]
    pub(crate) websocket: Option<Vec<RawAct>>,
    /// Do it only if all of these hold: values, each with what it is, or with comparisons.
    #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
    #[schemars(example = json!({ "{{state}}": "open", "{{count}}": { ">": 3 } }))]
    pub(crate) only_if: Option<Entries<Value>>,
    /// Steps that are done if those do not hold.
    #[serde(rename = "else", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(crate) otherwise: Option<Vec<RawStep>>,
    /// Do it so many times: `3`, or a number that is drawn for each iteration, `1..5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Value", example = 3, example = &"1..5")]
    pub(crate) repeat: Option<Value>,
    /// Several steps instead of a request, for `if` and `repeat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(crate) steps: Option<Vec<RawStep>>,
    /// Ways of which an iteration takes one, by their weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(crate) choose: Option<Vec<RawWay>>,
    /// A time to think instead of a request; nothing else may stand beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "1s..3s")]
    pub(crate) think: Option<String>,
}

/// One of several ways, of which an iteration takes one.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a way")]
pub(crate) struct RawWay {
    /// Its share among the weights of all ways; without it, 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) weight: u32,
    /// What is done, in order.
    #[schemars(length(min = 1))]
    pub(crate) steps: Vec<RawStep>,
}

/// Tells `"json": null`, a body, from no `json` at all.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}
