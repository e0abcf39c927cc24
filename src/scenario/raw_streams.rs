//! What is awaited of a stream, as the scenario file has it.
//!
//! Part of [`super::raw`]: the form of the file and nothing else.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Value, json};

use super::entries::Entries;

/// The answer is a stream of server-sent events. It is over after `count` events or with the one
/// that `until` describes, and loadgate ends it then; without either, the target ends it.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "events")]
pub(crate) struct RawEvents {
    /// So many events are awaited.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000), example = &10)]
    pub(crate) count: Option<u32>,
    /// The event that is awaited: its name or its data, or an object with more conditions, which
    /// all hold for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"done")]
    pub(crate) until: Option<RawUntil>,
    /// From the moment at which the request is due to the first event, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "500ms")]
    pub(crate) first_within: Option<String>,
    /// From one event to the next, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "2s")]
    pub(crate) gap_within: Option<String>,
}

/// An event that is awaited.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum RawUntil {
    /// By its name or its data.
    Short(String),
    /// By several conditions.
    Long(RawEvent),
}

/// What must hold for an event; placeholders are filled in when the request goes out.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "an event")]
pub(crate) struct RawEvent {
    /// Its name; an event that is sent without one has the name `message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"done")]
    pub(crate) event: Option<String>,
    /// Its data, all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "[DONE]")]
    pub(crate) data: Option<String>,
    /// A part of its data.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"shipped")]
    pub(crate) contains: Option<String>,
    /// Values of its data, which is JSON, each by its `JSONPath`.
    #[serde(default)]
    #[schemars(example = json!({ "$.status": "shipped" }))]
    pub(crate) json: Entries<Value>,
}

impl<'de> Deserialize<'de> for RawUntil {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(RawUntil::Short(text)),
            long => RawEvent::deserialize(long).map(RawUntil::Long).map_err(de::Error::custom),
        }
    }
}

impl JsonSchema for RawUntil {
    fn schema_name() -> Cow<'static, str> {
        "RawUntil".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{ "type": "string" }, generator.subschema_for::<RawEvent>()]
        })
    }
}

/// One thing done over a WebSocket: `send`, `send_json` or `send_binary`, `expect`, `think`, or, as
/// the last one, `close`.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "an act")]
pub(crate) struct RawAct {
    /// Sends a text; may contain placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"ping")]
    pub(crate) send: Option<String>,
    /// Sends a text that is JSON; its texts may contain placeholders, as those of a step's `json`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Value")]
    #[schemars(example = json!({ "type": "subscribe", "room": "{{room}}" }))]
    pub(crate) send_json: Option<Value>,
    /// Sends bytes, which are written in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"AAEC/w==")]
    pub(crate) send_binary: Option<String>,
    /// Waits for a message: its whole text, or an object with conditions, which all hold for it;
    /// without any, the next message.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"pong")]
    pub(crate) expect: Option<RawExpect>,
    /// Beside `expect`: from the act before it to the message, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "1s")]
    pub(crate) within: Option<String>,
    /// Beside `expect`: another message is a failed check, and not passed over.
    #[serde(default)]
    #[schemars(example = true)]
    pub(crate) strict: bool,
    /// Does nothing for a while; messages are passed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "1s..3s")]
    pub(crate) think: Option<String>,
    /// Closes the WebSocket with this code; without it, 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1000, max = 4999), example = &1000)]
    pub(crate) close: Option<u16>,
}

/// A message that is expected.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum RawExpect {
    /// By its whole text.
    Short(String),
    /// By several conditions.
    Long(RawMessage),
}

/// What must hold for a message; placeholders are filled in when the request goes out.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a message")]
pub(crate) struct RawMessage {
    /// Its text, all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"pong")]
    pub(crate) text: Option<String>,
    /// A part of its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"welcome")]
    pub(crate) contains: Option<String>,
    /// Values of its text, which is JSON, each by its `JSONPath`.
    #[serde(default)]
    #[schemars(example = json!({ "$.type": "subscribed" }))]
    pub(crate) json: Entries<Value>,
}

impl<'de> Deserialize<'de> for RawExpect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(RawExpect::Short(text)),
            long => RawMessage::deserialize(long).map(RawExpect::Long).map_err(de::Error::custom),
        }
    }
}

impl JsonSchema for RawExpect {
    fn schema_name() -> Cow<'static, str> {
        "RawExpect".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{ "type": "string" }, generator.subschema_for::<RawMessage>()]
        })
    }
}

/// Tells `"send_json": null` from no `send_json` at all.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}
