//! The demo's TLS: a test certificate for `localhost` and `127.0.0.1`, whose key everybody knows.
//!
//! It proves nothing, and is trusted by nobody but the demo's own scenarios.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// The certificate, in PEM.
pub const CERTIFICATE: &[u8] = include_bytes!("localhost.pem");
const KEY: &[u8] = include_bytes!("localhost.key");

/// Takes sessions; HTTP/2 is agreed upon where it is offered.
///
/// # Errors
///
/// The certificate or its key cannot be used, which does not happen.
pub fn acceptor() -> io::Result<TlsAcceptor> {
    let unusable = |error: &dyn std::error::Error| io::Error::other(error.to_string());
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).map_err(|it| unusable(&it))?;
    let key = PrivateKeyDer::from_pem_slice(KEY).map_err(|it| unusable(&it))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = builder
        .with_safe_default_protocol_versions()
        .and_then(|it| it.with_no_client_auth().with_single_cert(vec![certificate], key));
    let mut config = config.map_err(|it| unusable(&it))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
