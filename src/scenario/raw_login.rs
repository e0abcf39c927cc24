//! Who a virtual user is, as the file has it: credentials, and a login that is done anew.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Credentials: `{"bearer": "{{token}}"}` or `{"basic": {"user": "ann", "password": "${PASSWORD}"}}`.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the credentials")]
pub(crate) struct RawAuth {
    /// What follows `Bearer` in the header `authorization`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "{{token}}")]
    pub(crate) bearer: Option<String>,
    /// A name and a password (RFC 7617).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = json!({ "user": "ann", "password": "${PASSWORD}" }))]
    pub(crate) basic: Option<RawBasic>,
}

/// A name and a password; both may contain placeholders.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "basic")]
pub(crate) struct RawBasic {
    /// The name, without a colon.
    #[schemars(example = &"ann")]
    pub(crate) user: String,
    /// The password.
    #[schemars(example = "${PASSWORD}")]
    pub(crate) password: String,
}

/// When a login that is done once per virtual user is done anew.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the refresh")]
pub(crate) struct RawRefresh {
    /// How long it is valid: a time such as `5m`, or the seconds that the login itself extracts,
    /// `{{expires_in}}`. Without it, until the target answers 401.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "{{expires_in}}", example = "5m")]
    pub(crate) expires_in: Option<String>,
    /// How long before its end it is done anew; without it, a tenth of its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = "10s")]
    pub(crate) before: Option<String>,
    /// Whether 401 to a step behind it has it done anew, and the step asked once more; without
    /// it, true. The 401 is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = false)]
    pub(crate) on_401: Option<bool>,
}
