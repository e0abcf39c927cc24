//! What a run's head says of the target's certificates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The first end of the certificates that a target shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CertificateHead {
    /// When, in milliseconds since 1970.
    pub ends_unix_ms: u64,
    /// Whether it is the target's own, and not one that signs it.
    pub is_own: bool,
}
