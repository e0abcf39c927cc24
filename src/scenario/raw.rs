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
use super::raw_extract::extractions;
use super::raw_limits::RawLimits;
use super::raw_load::{RawFlowLoad, RawLoad};
use super::raw_login::{RawAuth, RawRefresh};
use super::raw_slo::RawSlo;
use super::raw_streams::{RawAct, RawEvents};
use super::raw_target::RawTarget;
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
    #[schemars(example = &"scenario.schema.json")]
    pub(crate) schema: Option<String>,
    /// Names the run and its folder; without it, the file's name.
    #[schemars(example = &"orders")]
    pub(crate) name: Option<String>,
    /// The system under test.
    #[schemars(example = json!({ "url": "http://127.0.0.1:3000", "command": ["node", "server.js"] }))]
    pub(crate) target: RawTarget,
    /// Constants for `{{placeholders}}`.
    #[serde(default)]
    #[schemars(example = json!({ "tenant": "acme", "region": "${REGION:-eu}" }))]
    pub(crate) variables: Entries<String>,
    /// Rows from files by the names of their sources: `{{users.email}}` in a template is a value of
    /// the row that an iteration or a user has.
    #[serde(default)]
    #[schemars(example = json!({ "users": { "file": "users.csv", "order": "shuffled" } }))]
    pub(crate) data: Entries<RawSource>,
    /// What virtual users do. Each arrival picks a flow by weight.
    #[schemars(length(min = 1))]
    #[schemars(example = json!([{ "name": "browse", "steps": [{ "request": "GET /orders" }] }]))]
    pub(crate) flows: Vec<RawFlow>,
    /// What is done once, before the load: steps that are in no figure. What they extract is known
    /// in all flows.
    #[serde(default)]
    #[schemars(example = json!([{ "request": "POST /shops", "extract": { "shop": "$.id" } }]))]
    pub(crate) setup: Vec<RawStep>,
    /// What is done once, after the load, also after one that was interrupted.
    #[serde(default)]
    #[schemars(example = json!([{ "request": "DELETE /shops/{{shop}}" }]))]
    pub(crate) teardown: Vec<RawStep>,
    /// How hard. It is that of all flows but those with a load of their own, which run at the same
    /// time; where each has its own it may be left out.
    #[schemars(example = json!({ "stages": [{ "for": "60s", "rate": "100/s" }] }))]
    pub(crate) load: Option<RawLoad>,
    /// What is good enough; without it, p95 < 200ms, p99 < 500ms, `error_rate` < 0.1%,
    /// `server_error_rate` < 0.1% and availability >= 99.9%.
    #[serde(default)]
    #[schemars(example = json!({ "all": ["p99 < 500ms", "error_rate < 0.1%"] }))]
    pub(crate) slo: RawSlo,
    /// Whom iterations are for: a tenant is drawn for each, and `{{tenant}}` is its name.
    #[schemars(example = json!({ "count": 50, "sizes": "zipf(1.1)" }))]
    pub(crate) tenants: Option<RawTenants>,
    /// Ceilings of the load generator.
    #[serde(default)]
    #[schemars(example = json!({ "connections": 200, "workers": 1 }))]
    pub(crate) limits: RawLimits,
    /// Hosts other than this machine that may be loaded.
    #[serde(default)]
    #[schemars(example = ["staging.example.com"])]
    pub(crate) allow: Vec<String>,
    /// Let virtual users keep the target's cookies, in all flows that do not say otherwise.
    #[schemars(example = true)]
    pub(crate) cookies: Option<bool>,
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
    #[schemars(example = 8)]
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
    #[schemars(example = json!([{ "request": "GET /orders" }, { "think": "1s..3s" }]))]
    pub(crate) steps: Vec<RawStep>,
    /// Let its virtual users keep the target's cookies; without it, as the scenario says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = true)]
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
    #[schemars(example = json!({ "authorization": "Bearer {{token}}" }))]
    pub(crate) headers: Entries<String>,
    /// A JSON body; its texts may contain placeholders. A text that is nothing but one
    /// placeholder becomes the value itself, so that a number stays a number.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Value")]
    #[schemars(example = json!({ "sku": "{{uuid}}", "quantity": 1 }))]
    pub(crate) json: Option<Value>,
    /// A body as it is; may contain placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "<order id=\"{{uuid}}\"/>")]
    pub(crate) body: Option<String>,
    /// The fields of a form; values may contain placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = json!({ "user": "{{users.name}}", "password": "{{users.password}}" }))]
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
    #[schemars(example = json!({ "status": 200, "json": { "$.state": "open" } }))]
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
    #[schemars(example = true)]
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
    #[schemars(example = json!([{ "request": "POST /orders" }]))]
    pub(crate) otherwise: Option<Vec<RawStep>>,
    /// Do it so many times: `3`, or a number that is drawn for each iteration, `1..5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Value", example = 3, example = &"1..5")]
    pub(crate) repeat: Option<Value>,
    /// Several steps instead of a request, for `if` and `repeat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    #[schemars(example = json!([{ "request": "GET /orders/{{order}}" }, { "think": "1s" }]))]
    pub(crate) steps: Option<Vec<RawStep>>,
    /// Ways of which an iteration takes one, by their weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    #[schemars(example = json!([{ "weight": 3, "steps": [{ "request": "GET /a" }] }, { "steps": [{ "request": "GET /b" }] }]))]
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
    #[schemars(example = 3)]
    pub(crate) weight: u32,
    /// What is done, in order.
    #[schemars(length(min = 1))]
    #[schemars(example = json!([{ "request": "GET /orders" }]))]
    pub(crate) steps: Vec<RawStep>,
}

/// Tells `"json": null`, a body, from no `json` at all.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}
