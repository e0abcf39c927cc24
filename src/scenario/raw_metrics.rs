//! What is looked at of the target beside its processes, as the scenario file has it: its metrics
//! and the statistics of its database.
//!
//! Part of [`super::raw`]: the form of the file and nothing else.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::entries::Entries;

/// The target's metrics: a path, or an object.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawMetrics(pub(crate) RawPage);

/// Where the target's metrics are, and which of them are looked at besides those that loadgate
/// knows.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the metrics")]
pub(crate) struct RawPage {
    /// The path on the target; without it and without `url`, /metrics.
    #[schemars(example = "/metrics")]
    pub(crate) path: Option<String>,
    /// Where they are if not on the target itself, such as on a port of their own.
    #[schemars(example = "http://127.0.0.1:9464/metrics")]
    pub(crate) url: Option<String>,
    /// Metrics to look at besides those that loadgate knows: by name, or with more said of them.
    #[serde(default)]
    #[schemars(example = json!(["my_queue_depth", { "name": "queue_wait_seconds", "quantile": 0.95 }]))]
    pub(crate) watch: Vec<RawWatch>,
}

/// A metric to look at: its name, or an object.
#[derive(Debug, Clone)]
pub(crate) struct RawWatch(pub(crate) RawWatched);

/// A metric to look at.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a watched metric")]
pub(crate) struct RawWatched {
    /// Its name on the page; that of a histogram without `_bucket`.
    #[schemars(example = &"queue_wait_seconds")]
    pub(crate) name: String,
    /// What objectives and reports call it; without it, the name.
    #[serde(rename = "as")]
    #[schemars(example = &"queue_wait")]
    pub(crate) alias: Option<String>,
    /// Only series with these labels.
    #[serde(default)]
    #[schemars(example = json!({ "queue": "mail" }))]
    pub(crate) labels: Entries<String>,
    /// What it is; without it, a counter if the name ends with `_total`, `_sum` or `_count`, else a
    /// gauge.
    #[schemars(example = &"counter")]
    pub(crate) kind: Option<RawKind>,
    /// Of a histogram: which quantile of what was observed in each second.
    #[schemars(range(min = 0, max = 1), example = &0.95)]
    pub(crate) quantile: Option<f64>,
    /// What is made of several series; without it, their sum.
    #[schemars(example = &"max")]
    pub(crate) combine: Option<RawCombine>,
}

/// What a watched metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RawKind {
    /// Its value is looked at.
    Gauge,
    /// Its growth per second is.
    Counter,
}

/// What is made of several series of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RawCombine {
    /// Their sum.
    Sum,
    /// The highest.
    Max,
}

/// The statistics of a PostgreSQL.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "postgres")]
pub(crate) struct RawPostgres {
    /// How to connect: a url or `key=value` words; a password comes from a variable.
    #[schemars(example = "${PGSTAT_URL}")]
    pub(crate) connection: String,
}

impl<'de> Deserialize<'de> for RawMetrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(path) => {
                Ok(RawMetrics(RawPage { path: Some(path), ..RawPage::default() }))
            }
            object => from_object(object).map(RawMetrics),
        }
    }
}

impl<'de> Deserialize<'de> for RawWatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(name) => Ok(RawWatch(RawWatched { name, ..RawWatched::default() })),
            object => from_object(object).map(RawWatch),
        }
    }
}

fn from_object<T: DeserializeOwned, E: de::Error>(value: Value) -> Result<T, E> {
    serde_json::from_value(value).map_err(E::custom)
}

impl JsonSchema for RawMetrics {
    fn schema_name() -> Cow<'static, str> {
        "RawMetrics".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        text_or::<RawPage>("/metrics", generator)
    }
}

impl JsonSchema for RawWatch {
    fn schema_name() -> Cow<'static, str> {
        "RawWatch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        text_or::<RawWatched>("my_queue_depth", generator)
    }
}

/// A text such as the example, or an object.
fn text_or<T: JsonSchema>(example: &str, generator: &mut SchemaGenerator) -> Schema {
    let text = json!({ "type": "string", "examples": [example] });
    let object = generator.subschema_for::<T>();
    json_schema!({ "anyOf": [text, object] })
}
