//! How long the target's certificates are still valid.
//!
//! Addresses come in; one handshake with each tells. Nothing is asked for.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;

use super::fetch;
use crate::scenario::model::{HttpAddress, Place};
pub use crate::tls::expiry::Expiry;

/// How long the handshake may take; without an answer nothing is known.
const WITHIN: Duration = Duration::from_secs(2);

/// Addresses of which more are not asked.
const MOST: usize = 64;

/// When the first of the certificates ends that a target shows, if it speaks TLS: at each of the addresses
/// that are used, as one of several may have been forgotten when the others got new ones.
pub fn expiry(address: &HttpAddress, used: &[SocketAddr]) -> Option<Expiry> {
    address.tls.as_ref()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let found = runtime.block_on(first_to_end(each(address, used)));
    runtime.shutdown_background();
    found
}

/// The target at each of some addresses, or where its name leads.
fn each(address: &HttpAddress, used: &[SocketAddr]) -> Vec<HttpAddress> {
    if used.is_empty() {
        return vec![address.clone()];
    }
    let at = |to: &SocketAddr| HttpAddress {
        place: Place::Pinned(vec![to.ip()]),
        port: to.port(),
        ..address.clone()
    };
    used.iter().take(MOST).map(at).collect()
}

async fn first_to_end(places: Vec<HttpAddress>) -> Option<Expiry> {
    let mut asked = JoinSet::new();
    for place in places {
        asked.spawn(async move { fetch::expiry(&place, WITHIN).await });
    }
    let found = asked.join_all().await;
    found.into_iter().flatten().min_by_key(|expiry| expiry.at)
}
