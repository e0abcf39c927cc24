//! Rows of data, as the scenario file has them.
//!
//! Part of [`super::raw`]: the form of the file and nothing else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rows from a file: templates name their values `{{users.email}}`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a source of data")]
pub(crate) struct RawSource {
    /// The file, relative to this one: CSV (`.csv`, `.tsv`, `.txt`) with the names of its columns in
    /// the first line, a JSON list of objects (`.json`), or an object on each line (`.ndjson`,
    /// `.jsonl`). UTF-8, at most 1 GiB.
    #[schemars(example = "users.csv")]
    pub(crate) file: String,
    /// How the file is written, where the end of its name does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"csv")]
    pub(crate) format: Option<RawFormat>,
    /// What stands between the values of a CSV file; without it a comma, and a tab in `.tsv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = ";")]
    pub(crate) separator: Option<String>,
    /// The names of the columns of a CSV file whose first line is a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), example = ["email", "password"])]
    pub(crate) columns: Option<Vec<String>>,
    /// In which order rows are taken; without it, one after the other.
    #[serde(default)]
    #[schemars(example = &"shuffled")]
    pub(crate) order: RawOrder,
    /// How uneven `zipf` is; without it, 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.01, max = 10.0), example = 1.2)]
    pub(crate) exponent: Option<f64>,
    /// What comes when each row of `unique` was taken; without it, `fail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"stop")]
    pub(crate) at_end: Option<RawAtEnd>,
    /// Who takes a row: each iteration, or each virtual user once and for all; without it, each
    /// iteration.
    #[serde(default)]
    #[schemars(example = &"user")]
    pub(crate) per: RawPer,
}

/// How rows are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawFormat {
    /// Values between separators.
    Csv,
    /// A list of objects.
    Json,
    /// An object on each line.
    Ndjson,
}

/// In which order rows are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawOrder {
    /// One after the other, again from the first one behind the last.
    #[default]
    Sequential,
    /// Each once in an order that the seed decides, then each once in another.
    Shuffled,
    /// Each time any.
    Random,
    /// The first most often, the `k`-th as often as `1/k^exponent`.
    Zipf,
    /// Each once, one after the other; `at_end` says what comes then.
    Unique,
}

/// What comes when each unique row was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawAtEnd {
    /// The load ends, and the report says so.
    Stop,
    /// The first row again.
    Wrap,
    /// What is due is not sent, and the run is invalid.
    Fail,
}

/// Who takes a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RawPer {
    /// Each iteration.
    #[default]
    Iteration,
    /// Each virtual user, once and for all.
    User,
}
