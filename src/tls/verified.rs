//! Takes what is signed by somebody who is trusted, and a certificate that is trusted itself.
//!
//! The second is what `openssl req -x509` makes: a certificate that has signed itself and says
//! that it may sign others. webpki takes no such certificate from a server (RFC 5280 has another
//! role for it); browsers, Go and OpenSSL do, where just this one was named.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// Asks whether somebody trusted answers for the other side.
#[derive(Debug)]
pub(super) struct Verified {
    /// By signatures.
    pub(super) signed: Arc<WebPkiServerVerifier>,
    /// The certificates that are trusted.
    pub(super) named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verified {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        signed_by: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = self.signed.verify_server_cert(certificate, signed_by, name, ocsp, now);
        let Err(Error::InvalidCertificate(why)) = &found else { return found };
        // Whether it is of today has been looked at before both of these.
        let is_unsigned = matches!(why, CertificateError::UnknownIssuer) || signs_others(why);
        if !is_unsigned || !self.named.contains(certificate) {
            return found;
        }
        verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}

/// Whether a certificate was refused for being one that may sign others.
pub(super) fn signs_others(why: &CertificateError) -> bool {
    let CertificateError::Other(other) = why else { return false };
    matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}
