//! How the connection to the database is encrypted.
//!
//! The text of a connection comes in, as libpq has it, and what `tokio-postgres` reads of it goes
//! out, with what begins its sessions. `sslmode` means what it means to `psql`: `prefer` (the
//! default) and `require` encrypt and look at no certificate, `verify-ca` and `verify-full` look at
//! it, and at the name too. Nothing here is told or logged: it may hold a password.

use std::fs;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as Session;

use crate::tls::{Client, Fault, Settings};

/// The connection's text without what is read here, and what begins its sessions.
pub(super) fn encryption(text: &str) -> Result<(String, Encryption), String> {
    let (rest, mode) = taken(text, "sslmode");
    let (rest, ca) = taken(&rest, "sslrootcert");
    let (rest, certificate) = taken(&rest, "sslcert");
    let (rest, key) = taken(&rest, "sslkey");
    let verifies = matches!(mode.as_deref(), Some("verify-ca" | "verify-full"));
    // libpq verifies as well where certificates to trust are named.
    let verifies = verifies || (mode.as_deref() == Some("require") && ca.is_some());
    let rest = match mode.as_deref() {
        None => rest,
        Some("allow") => given(&rest, "prefer"),
        Some("disable" | "prefer" | "require") => given(&rest, mode.as_deref().unwrap_or_default()),
        Some("verify-ca" | "verify-full") => given(&rest, "require"),
        Some(other) => {
            return Err(format!(
                "sslmode is disable, prefer, require, verify-ca or verify-full, not \"{other}\""
            ));
        }
    };
    let ca = ca.filter(|file| file != "system" && verifies);
    let ca = ca.map(|file| file_of("sslrootcert", &file)).transpose()?;
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => {
            Some((file_of("sslcert", &certificate)?, file_of("sslkey", &key)?))
        }
        (None, None) => None,
        _ => return Err("sslcert and sslkey belong together; one is missing".to_owned()),
    };
    let settings = Settings { ca, identity, insecure: !verifies, ..Settings::default() };
    Ok((rest, Encryption(settings)))
}

fn file_of(parameter: &str, file: &str) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("the file of {parameter} cannot be read: {error}"))
}

/// A text without a parameter, as a URL or a list of pairs has it, and that parameter's value.
fn taken(text: &str, name: &str) -> (String, Option<String>) {
    let starts = text.match_indices(name).filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        before.is_none_or(|c| matches!(c, '?' | '&') || c.is_whitespace())
    });
    let mut found = starts.filter(|(at, _)| text[at + name.len()..].starts_with('='));
    let Some((at, _)) = found.next() else { return (text.to_owned(), None) };
    let value = &text[at + name.len() + 1..];
    let length = value.find(|c: char| c == '&' || c.is_whitespace()).unwrap_or(value.len());
    let (value, after) = value.split_at(length);
    let is_url = is_url(text);
    let value = if is_url { percent_decoded(value) } else { value.trim_matches('\'').to_owned() };
    // Of a URL the separator behind it goes too, or the one before it.
    let rest = match after.strip_prefix('&') {
        Some(after) => text[..at].to_owned() + after,
        None => text[..at].trim_end_matches(['&', '?']).to_owned() + after,
    };
    (rest, Some(value))
}

fn is_url(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

fn percent_decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, after @ ..] = rest {
        let pair = after.get(..2).filter(|_| *first == b'%');
        let pair = pair.and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = byte.map_or(after, |_| &after[2..]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A text with an `sslmode`.
fn given(text: &str, mode: &str) -> String {
    let separator = match (is_url(text), text.contains('?')) {
        (true, true) => "&",
        (true, false) => "?",
        (false, _) => " ",
    };
    format!("{text}{separator}sslmode={mode}")
}

/// Begins the sessions of a connection.
#[derive(Debug, Clone)]
pub(super) struct Encryption(Settings);

impl<S> MakeTlsConnect<S> for Encryption
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type TlsConnect = Begin;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Begin> {
        // A server on a socket has no name; it is not encrypted, nor asked to be.
        let host = if host.is_empty() { "localhost" } else { host };
        Client::new(self.0.clone(), host).map(Begin).map_err(|fault| io::Error::other(said(fault)))
    }
}

fn said(fault: Fault) -> String {
    match fault {
        Fault::Ca(why) => format!("the file of sslrootcert: {why}"),
        Fault::Certificate(why) => format!("the file of sslcert: {why}"),
        Fault::Key(why) => format!("the file of sslkey: {why}"),
        Fault::System(why) | Fault::Name(why) => why,
    }
}

/// One session that is to begin.
pub(super) struct Begin(Client);

impl<S> TlsConnect<S> for Begin
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let (config, name) = self.0.parts();
        // PostgreSQL 17 ends a session that offers protocols of which it knows none.
        let mut config = (*config).clone();
        config.alpn_protocols.clear();
        let connector = TlsConnector::from(std::sync::Arc::new(config));
        Box::pin(async move { connector.connect(name, stream).await.map(Encrypted) })
    }
}

/// A session on the connection's socket.
pub(super) struct Encrypted<S>(Session<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sslmode_means_what_it_means_to_psql() {
        for (text, rest, insecure) in [
            ("postgres://a@h/b", "postgres://a@h/b", true),
            ("postgres://a@h/b?sslmode=require", "postgres://a@h/b?sslmode=require", true),
            ("postgres://a@h/b?sslmode=verify-full", "postgres://a@h/b?sslmode=require", false),
            (
                "postgres://a@h/b?sslmode=verify-ca&options=x",
                "postgres://a@h/b?options=x&sslmode=require",
                false,
            ),
            (
                "postgres://a@h/b?options=x&sslmode=disable",
                "postgres://a@h/b?options=x&sslmode=disable",
                true,
            ),
            ("host=h sslmode=allow user=a", "host=h  user=a sslmode=prefer", true),
            ("host=h password=sslmode=x", "host=h password=sslmode=x", true),
        ] {
            let (found, Encryption(settings)) = encryption(text).unwrap();
            assert_eq!((found.as_str(), settings.insecure), (rest, insecure), "{text}");
        }
        let wrong = encryption("postgres://a:s3cret@h/b?sslmode=yes").unwrap_err();
        assert!(wrong.contains("\"yes\"") && !wrong.contains("s3cret"), "{wrong}");
    }

    #[test]
    fn certificates_to_trust_are_read_and_make_require_verify() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a b.pem");
        fs::write(&file, "PEM").unwrap();
        let named = file.display().to_string().replace(' ', "%20");
        let text = format!("postgres://a@h/b?sslrootcert={named}&sslmode=require");
        let (rest, Encryption(settings)) = encryption(&text).unwrap();
        assert_eq!(rest, "postgres://a@h/b?sslmode=require");
        assert_eq!((settings.ca.as_deref(), settings.insecure), (Some(&b"PEM"[..]), false));
        let gone = encryption("host=h sslmode=verify-full sslrootcert='/nowhere'").unwrap_err();
        assert!(gone.contains("sslrootcert"), "{gone}");
        let system = encryption("host=h sslmode=verify-full sslrootcert=system").unwrap();
        assert!(!system.1.0.insecure && system.1.0.ca.is_none());
    }
}
