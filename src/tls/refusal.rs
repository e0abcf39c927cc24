//! Why a session could not be had, in words that say what to do.

use std::error::Error;
use std::{fmt, io};

use super::verifier::signs_others;
use rustls::{AlertDescription, CertificateError, PeerIncompatible};

/// The target speaks another version of HTTP than the one that is offered.
const OTHER_VERSION: &str = "it does not take the version of HTTP that was offered (ALPN): HTTP/2 \
                             if \"http2\" of \"target\" is true, HTTP/1.1 if not";

/// A session was refused, by either side.
#[derive(Debug, Clone)]
pub struct Refusal(pub(super) rustls::Error);

impl Refusal {
    /// Of an error of rustls.
    pub fn of(error: rustls::Error) -> Refusal {
        Refusal(error)
    }

    /// The refusal in an error of a socket, in words, if it is one.
    pub fn in_error(error: &io::Error) -> Option<String> {
        Refusal::within(error).map(|refusal| refusal.to_string())
    }

    /// Whether an error of a socket is a word of the other side about TLS.
    pub fn is_alert(error: &io::Error) -> bool {
        matches!(Refusal::within(error), Some(Refusal(rustls::Error::AlertReceived(_))))
    }

    fn within(error: &io::Error) -> Option<Refusal> {
        let inner = error.get_ref()?;
        let own = inner.downcast_ref::<Refusal>().cloned();
        own.or_else(|| inner.downcast_ref::<rustls::Error>().cloned().map(Refusal))
    }
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, refusal)
    }
}

impl Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            rustls::Error::InvalidCertificate(why) => certificate(f, why),
            rustls::Error::AlertReceived(alert) => alerted(f, *alert),
            rustls::Error::InvalidMessage(_) => f.write_str(
                "what answers does not speak TLS; if it is a plain server, its url begins with \
                 http://",
            ),
            rustls::Error::PeerIncompatible(why) => incompatible(f, why),
            rustls::Error::NoApplicationProtocol => f.write_str(OTHER_VERSION),
            other => write!(f, "no TLS session: {other}"),
        }
    }
}

fn certificate(f: &mut fmt::Formatter<'_>, why: &CertificateError) -> fmt::Result {
    match why {
        _ if signs_others(why) => f.write_str(
            "its certificate is signed by itself and not trusted here; name it with \"ca\" of \"tls\"",
        ),
        CertificateError::UnknownIssuer => f.write_str(
            "its certificate is signed by nobody who is trusted here; name who signed it with \
             \"ca\" of \"tls\"",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            f.write_str("its certificate has expired; renew it")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            f.write_str("its certificate is not valid yet; look at the clocks of both machines")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            write!(
                f,
                "its certificate is for another name ({why}); write that name into \"url\", or \
                 into \"server_name\" of \"tls\""
            )
        }
        other => write!(f, "its certificate is not taken: {other}"),
    }
}

fn alerted(f: &mut fmt::Formatter<'_>, alert: AlertDescription) -> fmt::Result {
    match alert {
        AlertDescription::CertificateRequired => f.write_str(
            "it demands a certificate of ours; name one with \"cert\" and \"key\" of \"tls\"",
        ),
        AlertDescription::BadCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnsupportedCertificate => {
            write!(f, "it does not take our certificate (alert {alert:?})")
        }
        AlertDescription::ProtocolVersion => f.write_str(
            "it speaks another version of TLS than those from \"min_version\" of \"tls\" on; TLS \
             1.2 is the oldest that loadgate speaks",
        ),
        AlertDescription::NoApplicationProtocol => f.write_str(OTHER_VERSION),
        AlertDescription::UnrecognisedName => f.write_str(
            "it knows no host of this name; write another one into \"server_name\" of \"tls\"",
        ),
        AlertDescription::HandshakeFailure => f.write_str(
            "it refused the handshake: no common cipher, or it demands a certificate of ours \
             (\"cert\" and \"key\" of \"tls\")",
        ),
        other => write!(f, "it refused the session (alert {other:?})"),
    }
}

fn incompatible(f: &mut fmt::Formatter<'_>, why: &PeerIncompatible) -> fmt::Result {
    match why {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => f.write_str(
            "it speaks another version of TLS than those from \"min_version\" of \"tls\" on; TLS \
             1.2 is the oldest that loadgate speaks",
        ),
        other => write!(f, "it speaks TLS in a way that loadgate does not: {other:?}"),
    }
}
