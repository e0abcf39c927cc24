//! Whom the other side may be: whoever is signed for by somebody who is trusted, a certificate that
//! is trusted itself, or anybody, where the scenario wishes that.
//!
//! The second is what `openssl req -x509` makes: a certificate that has signed itself and says
//! that it may sign others. webpki takes no such certificate from a server (RFC 5280 has another
//! role for it); browsers, Go and OpenSSL do, where just this one was named. What is signed with a
//! certificate in the handshake is checked in every case.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// Asks who the other side is.
#[derive(Debug)]
pub(super) struct Verifier {
    /// How signatures are checked.
    pub(super) provider: Arc<CryptoProvider>,
    /// Who is trusted; anybody, if there is nothing.
    pub(super) trusted: Option<Trusted>,
}

/// Who is trusted.
#[derive(Debug)]
pub(super) struct Trusted {
    /// Those who sign.
    pub(super) signers: Arc<WebPkiServerVerifier>,
    /// Their certificates, which may be the other side's own.
    pub(super) named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        signed_by: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(Trusted { signers, named }) = &self.trusted else {
            return Ok(ServerCertVerified::assertion());
        };
        let found = signers.verify_server_cert(certificate, signed_by, name, ocsp, now);
        let Err(Error::InvalidCertificate(why)) = &found else { return found };
        // Whether it is of today has been looked at before both of these.
        let is_unsigned = matches!(why, CertificateError::UnknownIssuer) || signs_others(why);
        if !is_unsigned || !named.contains(certificate) {
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
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Whether a certificate was refused for being one that may sign others.
pub(super) fn signs_others(why: &CertificateError) -> bool {
    let CertificateError::Other(other) = why else { return false };
    matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}
