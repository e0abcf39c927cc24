//! What must hold for an answer, as the scenario file has it.
//!
//! Part of [`super::raw`]: the form of the file and nothing else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::entries::Entries;

/// Which answers are right: all that stands here must hold.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the check")]
pub(crate) struct RawCheck {
    /// A status such as 200, a class such as "2xx", or a list of them; without it, every status
    /// below 400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "statuses")]
    #[schemars(example = 200)]
    pub(crate) status: Option<Value>,
    /// Header fields by their names: a value, or comparisons such as `{"contains": "json"}`.
    #[serde(default, skip_serializing_if = "Entries::is_empty")]
    #[schemars(example = json!({ "content-type": { "contains": "application/json" } }))]
    pub(crate) headers: Entries<Value>,
    /// The whole body: a text, or comparisons such as `{"contains": "welcome"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = json!({ "contains": "welcome" }))]
    pub(crate) body: Option<Value>,
    /// Values of a JSON body by their `JSONPath`: a value, or comparisons such as `{">=": 1}`.
    #[serde(default, skip_serializing_if = "Entries::is_empty")]
    #[schemars(example = json!({ "$.state": "open", "$.items": { "count": ">= 1" } }))]
    pub(crate) json: Entries<Value>,
    /// What the whole JSON body must be: a JSON Schema (draft 2020-12, and 07 as far as it is the
    /// same), or the path of a file with one, relative to this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "json_schema")]
    #[schemars(example = json!({ "type": "object", "required": ["id"] }))]
    pub(crate) schema: Option<Value>,
    /// The size of the body as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "<= 10kB")]
    pub(crate) size: Option<String>,
    /// The response time of this request: a slower one has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "< 500ms")]
    pub(crate) response_time: Option<String>,
}

impl RawCheck {
    /// The first key that is given besides the status.
    pub(crate) fn besides_status(&self) -> Option<&'static str> {
        let given = [
            ("headers", !self.headers.is_empty()),
            ("body", self.body.is_some()),
            ("json", !self.json.is_empty()),
            ("schema", self.schema.is_some()),
            ("size", self.size.is_some()),
            ("response_time", self.response_time.is_some()),
        ];
        given.into_iter().find_map(|(key, is_given)| is_given.then_some(key))
    }
}

/// A schema, or the path of a file.
fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let path = json!({ "type": "string", "examples": ["order.schema.json"] });
    schemars::json_schema!({ "anyOf": [path, { "type": "object" }] })
}

fn statuses(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let code = json!({ "type": "integer", "minimum": 100, "maximum": 599, "examples": [200] });
    let class = json!({ "type": "string", "examples": ["2xx"] });
    let one = json!({ "anyOf": [code, class] });
    schemars::json_schema!({
        "anyOf": [code, class, { "type": "array", "minItems": 1, "items": one }]
    })
}
