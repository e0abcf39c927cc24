//! TLS of a target: whom to trust, who we are, how a session begins, and what it means when none
//! can be had.
//!
//! The settings of a scenario come in, as texts of files that have been read; a [`Client`] goes
//! out, with which the load's transport and the small requests for readiness and metrics begin
//! their sessions. Nothing here opens a socket.

pub mod expiry;
mod refusal;
mod verifier;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion, version};

pub use refusal::Refusal;
use verifier::{Trusted, Verifier};

/// How HTTP/2 is called in a handshake (ALPN).
const HTTP2: &[u8] = b"h2";
/// Sessions that a worker keeps for later connections, if it may.
const SESSIONS: usize = 256;

/// The oldest version of TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oldest {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// What a scenario says of TLS.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Certificates that are trusted instead of the system's, in PEM.
    pub ca: Option<Vec<u8>>,
    /// Our own certificate, with those that it is signed by, and its key, in PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// The name that the target's certificate must be for, if it is not its host.
    pub server_name: Option<String>,
    /// The oldest version that is spoken.
    pub oldest: Oldest,
    /// Whether the target's certificate is not looked at.
    pub insecure: bool,
    /// Whether later connections resume the session of an earlier one.
    pub resumption: bool,
    /// Whether HTTP/2 is offered (ALPN), and not HTTP/1.1.
    pub is_http2: bool,
    /// Where what is above was read, for those who show how to ask the same.
    pub files: Files,
}

/// Where certificates and a key were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Those that are trusted.
    pub ca: Option<PathBuf>,
    /// Our own.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            ca: None,
            identity: None,
            server_name: None,
            oldest: Oldest::Tls12,
            insecure: false,
            resumption: false,
            is_http2: false,
            files: Files::default(),
        }
    }
}

impl Settings {
    /// Whether nothing older than TLS 1.3 is spoken.
    pub fn is_new_only(&self) -> bool {
        self.oldest == Oldest::Tls13
    }
}

/// A key is nobody else's business.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("server_name", &self.server_name)
            .field("oldest", &self.oldest)
            .field("insecure", &self.insecure)
            .field("resumption", &self.resumption)
            .field("is_http2", &self.is_http2)
            .field("files", &self.files)
            .field("has_ca", &self.ca.is_some())
            .field("has_identity", &self.identity.is_some())
            .finish()
    }
}

/// Which setting is wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The certificates to trust.
    Ca(String),
    /// Those of this machine.
    System(String),
    /// Our own certificate.
    Certificate(String),
    /// Its key.
    Key(String),
    /// The name of the target.
    Name(String),
}

/// Begins sessions with one target.
#[derive(Debug, Clone)]
pub struct Client {
    settings: Arc<Settings>,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// Of the same settings for the same target.
impl PartialEq for Client {
    fn eq(&self, other: &Client) -> bool {
        self.settings == other.settings && self.name == other.name
    }
}

impl Eq for Client {}

impl Client {
    /// A client for a host.
    pub fn new(settings: Settings, host: &str) -> Result<Client, Fault> {
        let name = name(settings.server_name.as_deref().unwrap_or(host))?;
        let config = Arc::new(config(&settings)?);
        Ok(Client { settings: Arc::new(settings), config, name })
    }

    /// The same for another host, unless the settings name whom they expect.
    pub fn at(&self, host: &str) -> Result<Client, Fault> {
        let name = name(self.settings.server_name.as_deref().unwrap_or(host))?;
        Ok(Client { name, ..self.clone() })
    }

    /// The same with sessions of its own to resume, so that nothing is shared.
    #[must_use]
    pub fn apart(&self) -> Client {
        let mut config = (*self.config).clone();
        config.resumption = resumption(&self.settings);
        Client { config: Arc::new(config), ..self.clone() }
    }

    /// The same with HTTP/2 as what is offered.
    #[must_use]
    pub fn offering_http2(&self) -> Client {
        let settings = Settings { is_http2: true, ..(*self.settings).clone() };
        let mut config = (*self.config).clone();
        config.alpn_protocols = offered(&settings);
        Client { settings: Arc::new(settings), config: Arc::new(config), ..self.clone() }
    }

    /// Begins a session.
    pub fn begin(&self) -> Result<ClientConnection, Refusal> {
        ClientConnection::new(Arc::clone(&self.config), self.name.clone()).map_err(Refusal)
    }

    /// For those who begin theirs by another crate.
    pub fn parts(&self) -> (Arc<ClientConfig>, ServerName<'static>) {
        (Arc::clone(&self.config), self.name.clone())
    }

    /// What the scenario says.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

fn name(text: &str) -> Result<ServerName<'static>, Fault> {
    ServerName::try_from(text.to_owned())
        .map_err(|_| Fault::Name(format!("\"{text}\" is no name that a certificate can be for")))
}

fn config(settings: &Settings) -> Result<ClientConfig, Fault> {
    let provider = Arc::new(ring::default_provider());
    let versions: &[&SupportedProtocolVersion] = match settings.oldest {
        Oldest::Tls12 => &[&version::TLS13, &version::TLS12],
        Oldest::Tls13 => &[&version::TLS13],
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .expect("the provider has suites for both versions");
    let trusted = if settings.insecure { None } else { Some(trusted(settings, &provider)?) };
    let verifier = Arc::new(Verifier { provider, trusted });
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some((certificates, key)) => {
            let (chain, key) = (chain(certificates)?, key_of(key)?);
            let unfit =
                |error| Fault::Key(format!("it does not belong to the certificate: {error}"));
            builder.with_client_auth_cert(chain, key).map_err(unfit)?
        }
    };
    config.resumption = resumption(settings);
    config.alpn_protocols = offered(settings);
    Ok(config)
}

/// Whether what was agreed upon is what was offered; a server that knows nothing of ALPN speaks
/// HTTP/1.1.
pub fn agreed(is_http2: bool, protocol: Option<&[u8]>) -> Result<(), Refusal> {
    if is_http2 && protocol != Some(HTTP2) {
        return Err(Refusal(rustls::Error::NoApplicationProtocol));
    }
    Ok(())
}

/// What is offered: one, so that the other side cannot choose.
fn offered(settings: &Settings) -> Vec<Vec<u8>> {
    vec![if settings.is_http2 { HTTP2.to_vec() } else { b"http/1.1".to_vec() }]
}

fn resumption(settings: &Settings) -> Resumption {
    if settings.resumption {
        Resumption::in_memory_sessions(SESSIONS)
    } else {
        Resumption::disabled()
    }
}

fn trusted(settings: &Settings, provider: &Arc<CryptoProvider>) -> Result<Trusted, Fault> {
    let (roots, named) = roots(settings)?;
    let (roots, provider) = (Arc::new(roots), Arc::clone(provider));
    let signers = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
    let signers = signers.expect("there is somebody to trust, and nothing else is asked for");
    Ok(Trusted { signers, named })
}

/// Whom to trust; at least one.
fn roots(settings: &Settings) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), Fault> {
    let mut store = RootCertStore::empty();
    let Some(text) = &settings.ca else {
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = store.add_parsable_certificates(found.certs.iter().cloned());
        if added == 0 {
            let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
            return Err(Fault::System(format!("this machine trusts no certificate{why}")));
        }
        return Ok((store, found.certs));
    };
    let named = certificates(text).map_err(Fault::Ca)?;
    for certificate in &named {
        let unfit = |error| Fault::Ca(format!("it has a certificate that cannot be read: {error}"));
        store.add(certificate.clone()).map_err(unfit)?;
    }
    Ok((store, named))
}

fn chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Fault> {
    certificates(text).map_err(Fault::Certificate)
}

fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let found = found.map_err(|error| format!("it is not PEM: {error}"))?;
    if found.is_empty() {
        return Err("it has no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned());
    }
    Ok(found)
}

fn key_of(text: &[u8]) -> Result<PrivateKeyDer<'static>, Fault> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| {
        let is_encrypted = text.windows(9).any(|part| part == b"ENCRYPTED");
        let why = if is_encrypted {
            "its key is encrypted; write it without a password, and guard the file".to_owned()
        } else {
            format!("it has no key in PEM (-----BEGIN PRIVATE KEY-----): {error}")
        };
        Fault::Key(why)
    })
}
