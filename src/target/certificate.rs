//! How long the target's certificates are still valid.
//!
//! An address comes in; one handshake of its own tells. Nothing is asked for.

use std::time::Duration;

use super::fetch;
use crate::scenario::model::HttpAddress;
pub use crate::tls::expiry::Expiry;

/// How long the handshake may take; without an answer nothing is known.
const WITHIN: Duration = Duration::from_secs(2);

/// When the first of the certificates ends that a target shows, if it speaks TLS.
pub fn expiry(address: &HttpAddress) -> Option<Expiry> {
    address.tls.as_ref()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let found = runtime.block_on(fetch::expiry(address, WITHIN));
    runtime.shutdown_background();
    found
}
