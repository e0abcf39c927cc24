//! Whether HTTP/2 is spoken, as it is written: `true`, `false` or `"prior-knowledge"`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

/// The one word that is neither `true` nor `false`.
pub(crate) const PRIOR_KNOWLEDGE: &str = "prior-knowledge";

/// Whether HTTP/2 is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RawHttp2 {
    /// HTTP/1.1 is.
    Off,
    /// As it is agreed upon in the TLS handshake.
    Agreed,
    /// From the first byte on, in the clear.
    PriorKnowledge,
}

impl<'de> Deserialize<'de> for RawHttp2 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(true) => Ok(RawHttp2::Agreed),
            Value::Bool(false) => Ok(RawHttp2::Off),
            Value::String(word) if word == PRIOR_KNOWLEDGE => Ok(RawHttp2::PriorKnowledge),
            other => {
                Err(D::Error::custom(format!("{other} is neither true nor {PRIOR_KNOWLEDGE}")))
            }
        }
    }
}

impl JsonSchema for RawHttp2 {
    fn schema_name() -> Cow<'static, str> {
        "RawHttp2".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "boolean" },
                { "type": "string", "enum": [PRIOR_KNOWLEDGE] },
            ]
        })
    }
}
