//! `demo` as the file has it: `true`, or by TLS. It is read as any value, since what may be two
//! kinds of value cannot be told apart in a mistake otherwise; the schema says what may stand there.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

/// The one word that is neither `true` nor `false`.
const TLS: &str = "tls";

/// Whether the target is the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RawDemo {
    /// It is not.
    Off,
    /// It is, in the clear.
    Plain,
    /// It is, by TLS.
    Secured,
}

impl<'de> Deserialize<'de> for RawDemo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(true) => Ok(RawDemo::Plain),
            Value::Bool(false) => Ok(RawDemo::Off),
            Value::String(word) if word == TLS => Ok(RawDemo::Secured),
            other => Err(D::Error::custom(format!("{other} is neither true nor {TLS}"))),
        }
    }
}

impl JsonSchema for RawDemo {
    fn schema_name() -> Cow<'static, str> {
        "RawDemo".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "boolean" },
                { "type": "string", "enum": [TLS] },
            ]
        })
    }
}
