//! One small GET on a connection of its own: for readiness and metrics, never for load.
//! What is an answer here is what is an answer to a step.

use std::fmt;
use std::io;
use std::time::Duration;

use hyper::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::fetch_http2::{self, Unanswered};
use super::socket_file::Shut;
use crate::http1::coding::{Codings, Undecodable};
use crate::http1::response::{Expected, Fed, MAX_HEAD, Response};
use crate::http1::unreadable::Unreadable;
use crate::scenario::model::{HttpAddress, Place};
use crate::tls::expiry::Expiry;
use crate::tls::{Client, Refusal, Settings};

/// How long it may take to find out whether a server speaks TLS.
pub(super) const PROBE: Duration = Duration::from_secs(1);

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
    /// Whether only the end of the connection says that it is whole.
    pub(crate) ended_by_close: bool,
}

/// Why there was no answer; shown after "the target" or beside a time limit.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    Connect(io::Error),
    /// A socket file lets nobody in.
    Shut(Shut),
    Slow(Duration),
    Broken(&'static str),
    Interrupted(io::Error),
    TooLarge(usize),
}

impl NoAnswer {
    /// Whether it is that no TLS session can be had: of certificates, versions and names.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            NoAnswer::Connect(error) | NoAnswer::Interrupted(error) => {
                Refusal::in_error(error).is_some()
            }
            NoAnswer::Shut(_) | NoAnswer::Slow(_) | NoAnswer::Broken(_) | NoAnswer::TooLarge(_) => {
                false
            }
        }
    }

    /// Whether nobody listens there, as far as is known.
    pub(crate) fn is_refused(&self) -> bool {
        match self {
            NoAnswer::Connect(error) => error.kind() == io::ErrorKind::ConnectionRefused,
            NoAnswer::Shut(shut) => *shut != Shut::Full,
            NoAnswer::Slow(_)
            | NoAnswer::Broken(_)
            | NoAnswer::Interrupted(_)
            | NoAnswer::TooLarge(_) => false,
        }
    }

    /// Whether one that speaks another protocol might have answered so.
    pub(crate) fn may_be_foreign(&self) -> bool {
        match self {
            NoAnswer::Interrupted(_) | NoAnswer::Broken(_) => true,
            NoAnswer::Connect(_)
            | NoAnswer::Shut(_)
            | NoAnswer::Slow(_)
            | NoAnswer::TooLarge(_) => false,
        }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAnswer::Shut(shut) => shut.fmt(f),
            NoAnswer::Connect(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                f.write_str("connection refused")
            }
            NoAnswer::Connect(error) => match Refusal::in_error(error) {
                Some(refusal) => f.write_str(&refusal),
                None => write!(f, "no connection: {error}"),
            },
            NoAnswer::Slow(within) => {
                write!(f, "no answer within {}", crate::units::format_duration(*within))
            }
            NoAnswer::Broken(reason) => write!(f, "broken answer: {reason}"),
            NoAnswer::Interrupted(error) => match Refusal::in_error(error) {
                Some(refusal) => f.write_str(&refusal),
                None => write!(f, "the connection broke: {error}"),
            },
            NoAnswer::TooLarge(limit) => {
                write!(f, "an answer of more than {}", crate::units::Bytes(*limit as u64))
            }
        }
    }
}

/// A connection, plain or by TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Opens a connection, with its TLS session if the address has one.
pub(crate) async fn connect(
    address: &HttpAddress,
    within: Duration,
) -> Result<Box<dyn Stream>, NoAnswer> {
    let connecting = async {
        if let Some(path) = address.socket() {
            let stream = UnixStream::connect(path).await?;
            return Ok(Box::new(stream) as Box<dyn Stream>);
        }
        let stream = connect_by_tcp(address).await?;
        let Some(client) = &address.tls else { return Ok(Box::new(stream) as Box<dyn Stream>) };
        let (config, name) = client.parts();
        let secured = TlsConnector::from(config).connect(name, stream).await;
        let mut secured = secured.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(error.kind(), "it closed the connection in the TLS handshake")
            }
            _ => error,
        })?;
        crate::tls::agreed(address.is_http2, secured.get_mut().1.alpn_protocol())?;
        Ok(Box::new(secured) as Box<dyn Stream>)
    };
    let connected: io::Result<Box<dyn Stream>> =
        timeout(within, connecting).await.map_err(|_| NoAnswer::Slow(within))?;
    connected.map_err(|error| match address.socket().and_then(|path| Shut::of(path, &error)) {
        Some(shut) => NoAnswer::Shut(shut),
        None => NoAnswer::Connect(error),
    })
}

/// When the first of the certificates ends that a server shows, if it shows some in time.
pub(crate) async fn expiry(address: &HttpAddress, within: Duration) -> Option<Expiry> {
    let (config, name) = address.tls.as_ref()?.parts();
    let shaking_hands = async {
        let stream = connect_by_tcp(address).await.ok()?;
        let secured = TlsConnector::from(config).connect(name, stream).await.ok()?;
        Expiry::of(secured.get_ref().1.peer_certificates()?)
    };
    timeout(within, shaking_hands).await.ok().flatten()
}

/// At the first of its addresses that accepts.
async fn connect_by_tcp(address: &HttpAddress) -> io::Result<TcpStream> {
    if !address.from.is_empty() {
        return connect_from(address).await;
    }
    match &address.place {
        Place::Pinned(_) => TcpStream::connect(address.addresses()?.as_slice()).await,
        Place::Named | Place::Socket(_) => {
            TcpStream::connect((address.host.as_str(), address.port)).await
        }
    }
}

/// The same from where the load comes from, as a target may let in nobody else.
async fn connect_from(address: &HttpAddress) -> io::Result<TcpStream> {
    let mut last = None;
    let found = match &address.place {
        Place::Pinned(_) => address.addresses()?,
        Place::Named | Place::Socket(_) => {
            lookup_host((address.host.as_str(), address.port)).await?.collect()
        }
    };
    for to in found {
        let from = address.from.iter().find(|from| from.is_ipv4() == to.is_ipv4());
        let Some(from) = from else { continue };
        let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind((*from, 0).into())?;
        match socket.connect(to).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    let none = || io::Error::other("no local address is of its family");
    Err(last.unwrap_or_else(none))
}

/// Whether what answers at a plain address speaks TLS.
pub(crate) async fn speaks_tls(address: &HttpAddress) -> bool {
    let settings = Settings { insecure: true, ..Settings::default() };
    let Ok(client) = Client::new(settings, &address.host) else { return false };
    (address.tls.is_none() && address.socket().is_none())
        && match connect(&HttpAddress { tls: Some(client), ..address.clone() }, PROBE).await {
            Ok(_) => true,
            // It has said why in the words of TLS.
            Err(NoAnswer::Connect(error)) => Refusal::is_alert(&error),
            Err(_) => false,
        }
}

/// Asks for a path, as it is, and reads the answer to its end. A compressed body is decoded,
/// though none was asked for.
pub(crate) async fn get(
    address: &HttpAddress,
    path: &str,
    within: Duration,
    limit: usize,
) -> Result<Answer, NoAnswer> {
    let asking = async {
        let mut stream = connect(address, within).await?;
        if address.is_http2 {
            let uri = format!("{}://{}{path}", address.scheme(), address.authority());
            return by_http2(fetch_http2::get(stream, uri, limit).await, limit);
        }
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nuser-agent: loadgate\r\nconnection: close\r\n\r\n",
            address.authority()
        );
        // Who answers without having read it all may close early: reading tells.
        let written = stream.write_all(request.as_bytes()).await;
        let answer = read(&mut *stream, limit).await;
        match (written, answer) {
            (Err(error), Err(_)) => Err(NoAnswer::Interrupted(error)),
            (_, answer) => answer,
        }
    };
    timeout(within, asking).await.map_err(|_| NoAnswer::Slow(within))?
}

fn by_http2(
    answer: Result<fetch_http2::Answered, Unanswered>,
    limit: usize,
) -> Result<Answer, NoAnswer> {
    let answer = answer.map_err(|why| match why {
        Unanswered::Interrupted(error) => NoAnswer::Interrupted(error),
        Unanswered::Broken(reason) => NoAnswer::Broken(reason),
        Unanswered::TooLarge => NoAnswer::TooLarge(limit),
    })?;
    let body = decoded(&answer.body, answer.codings, limit)?;
    Ok(Answer { status: answer.status, body, ended_by_close: false })
}

async fn read(stream: &mut dyn Stream, limit: usize) -> Result<Answer, NoAnswer> {
    let expected = Expected { is_head: false, body_limit: limit as u64 };
    let mut response = Response::new(expected);
    let (mut body, mut piece) = (Vec::new(), vec![0; 16 * 1024]);
    let ended_by_close = loop {
        let length = match stream.read(&mut piece).await {
            // Many servers end a TLS stream without a word, behind a whole answer.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            read => read.map_err(NoAnswer::Interrupted)?,
        };
        if length == 0 && !response.is_complete_at_end() {
            return Err(NoAnswer::Broken("it ended before its end"));
        }
        let fed = response.feed(&piece[..length], Some(&mut body));
        let fed = fed.map_err(|unreadable| broken(unreadable, limit))?;
        if length == 0 || matches!(fed, Fed::Done(_)) {
            break length == 0;
        }
    };
    let status = StatusCode::from_u16(response.status().unwrap_or_default());
    let status = status.map_err(|_| NoAnswer::Broken("it has no valid status"))?;
    let body = decoded(&body, response.codings(), limit)?;
    Ok(Answer { status, body, ended_by_close })
}

/// A body as it was meant.
fn decoded(body: &[u8], codings: Codings, limit: usize) -> Result<Vec<u8>, NoAnswer> {
    let decoded = codings.decode(body, limit as u64);
    Ok(decoded.map_err(|error| undecodable(error, limit))?.into_owned())
}

fn broken(unreadable: Unreadable, limit: usize) -> NoAnswer {
    NoAnswer::Broken(match unreadable {
        Unreadable::Malformed => "it is not HTTP/1.1",
        Unreadable::BadField => "a line of its head is no header field",
        Unreadable::BadLength => "it does not say clearly how long its body is",
        Unreadable::BadChunk => "a chunk of its body is broken",
        Unreadable::HeadTooLarge => return NoAnswer::TooLarge(MAX_HEAD),
        Unreadable::TooLarge => return NoAnswer::TooLarge(limit),
    })
}

fn undecodable(undecodable: Undecodable, limit: usize) -> NoAnswer {
    NoAnswer::Broken(match undecodable {
        Undecodable::Unknown => "its body is compressed in a way that loadgate does not know",
        Undecodable::Broken => "its compressed body is broken",
        Undecodable::TooLarge => return NoAnswer::TooLarge(limit),
    })
}
