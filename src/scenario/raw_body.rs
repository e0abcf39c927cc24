//! Bodies of requests, as the scenario file has them.
//!
//! Part of [`super::raw`]: the form of the file and nothing else.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A file beside the scenario.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a file")]
pub(crate) struct RawBodyFile {
    /// Its path, relative to this file.
    #[schemars(example = "bodies/order.json")]
    pub(crate) file: String,
    /// Fill in its placeholders: it is a text then. In a file whose name ends with `.json` or
    /// `.xml`, values are escaped for that. Without it, it is sent as it is.
    #[serde(default)]
    #[schemars(example = true)]
    pub(crate) placeholders: bool,
}

/// One part of a form: one of `text`, `json` and `file`.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a part")]
pub(crate) struct RawPart {
    /// A text; may contain placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "Report {{iteration}}")]
    pub(crate) text: Option<String>,
    /// A JSON document; its texts may contain placeholders.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Value")]
    #[schemars(example = json!({ "title": "Report" }))]
    pub(crate) json: Option<Value>,
    /// The path of a file, relative to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "bodies/report.pdf")]
    pub(crate) file: Option<String>,
    /// Fill in the placeholders of the file, which is a text then.
    #[serde(default)]
    #[schemars(example = true)]
    pub(crate) placeholders: bool,
    /// The name of the file as the target is told it; without it, that of `file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "report.pdf")]
    pub(crate) filename: Option<String>,
    /// Its type; without it, what the file's name says, or `application/octet-stream`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "application/pdf")]
    pub(crate) content_type: Option<String>,
}

/// A GraphQL request: one of `query` and `file`.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "GraphQL")]
pub(crate) struct RawGraphql {
    /// The document; without placeholders, as values belong into `variables`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "query Order($id: ID!) { order(id: $id) { state } }")]
    pub(crate) query: Option<String>,
    /// The path of a file with the document, relative to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "bodies/order.graphql")]
    pub(crate) file: Option<String>,
    /// The values of its variables; texts may contain placeholders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "std::collections::BTreeMap<String, Value>")]
    #[schemars(example = json!({ "id": "{{order}}" }))]
    pub(crate) variables: Option<Value>,
    /// Which of several operations of the document is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"Order")]
    pub(crate) operation: Option<String>,
}

/// Tells `"json": null`, a part, from no `json` at all.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

/// The path of a file, or a file.
pub(crate) fn body_file(generator: &mut SchemaGenerator) -> Schema {
    let object = generator.subschema_for::<RawBodyFile>();
    let path = json!({ "type": "string", "examples": ["bodies/order.json"] });
    json_schema!({ "anyOf": [path, object] })
}

/// The names of fields, each with a text, a part, or several parts.
pub(crate) fn parts(generator: &mut SchemaGenerator) -> Schema {
    let object = generator.subschema_for::<RawPart>();
    let text = json!({ "type": "string", "examples": ["Report {{iteration}}"] });
    let one = json!({ "anyOf": [text, object] });
    let several = json!({ "type": "array", "minItems": 1, "items": one });
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "additionalProperties": { "anyOf": [text, object, several] }
    })
}
