//! What a step keeps of an answer, as the scenario file has it.
//!
//! Part of [`super::raw`]: the form of the file and nothing else.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};

/// Where a value stands in the answer: one of `json`, `header`, `cookie` and `regex`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "an extraction")]
pub(crate) struct RawExtraction {
    /// In a JSON body, at this `JSONPath`.
    #[schemars(example = "$.items[*].id")]
    pub(crate) json: Option<String>,
    /// In the header field of this name.
    #[schemars(example = &"location")]
    pub(crate) header: Option<String>,
    /// In the cookie of this name that the answer sets.
    #[schemars(example = &"sid")]
    pub(crate) cookie: Option<String>,
    /// In the body, where this regular expression matches: its first group, or all of the match.
    #[schemars(example = "name=\"csrf\" value=\"([^\"]+)\"")]
    pub(crate) regex: Option<String>,
    /// Which of several values: `first`, `last`, `random`, or a number from 1; without it, the
    /// first.
    #[serde(default)]
    #[schemars(schema_with = "take")]
    #[schemars(example = &"random")]
    pub(crate) take: Option<Value>,
    /// What is kept where there is no such value; without it, the request has failed.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Value")]
    #[schemars(example = "p-1")]
    pub(crate) default: Option<Value>,
}

/// Tells `"default": null` from no default at all.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

fn take(_: &mut SchemaGenerator) -> Schema {
    let number = json!({ "type": "integer", "minimum": 1, "maximum": 100, "examples": [2] });
    json_schema!({
        "anyOf": [{ "type": "string", "enum": ["first", "last", "random"] }, number]
    })
}

/// The names of variables, each with a `JSONPath` or an extraction.
pub(crate) fn extractions(generator: &mut SchemaGenerator) -> Schema {
    let object = generator.subschema_for::<RawExtraction>();
    let path = json!({ "type": "string", "examples": ["$.items[0].id"] });
    json_schema!({ "type": "object", "additionalProperties": { "anyOf": [path, object] } })
}
