//! One small GET on a connection of its own: for readiness and metrics, never for load.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper::rt::ReadBufCursor;
use hyper::{Request, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::scenario::model::HttpAddress;

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// Why there was no answer; shown after "the target" or beside a time limit.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    Connect(io::Error),
    Slow(Duration),
    Broken(String),
    TooLarge(usize),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAnswer::Connect(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                f.write_str("connection refused")
            }
            NoAnswer::Connect(error) => write!(f, "no connection: {error}"),
            NoAnswer::Slow(within) => {
                write!(f, "no answer within {}", crate::units::format_duration(*within))
            }
            NoAnswer::Broken(reason) => write!(f, "broken answer: {reason}"),
            NoAnswer::TooLarge(limit) => {
                write!(f, "an answer of more than {}", crate::units::Bytes(*limit as u64))
            }
        }
    }
}

/// Opens a connection.
pub(crate) async fn connect(
    address: &HttpAddress,
    within: Duration,
) -> Result<TcpStream, NoAnswer> {
    let connecting = TcpStream::connect((address.host.as_str(), address.port));
    let stream = timeout(within, connecting).await.map_err(|_| NoAnswer::Slow(within))?;
    stream.map_err(NoAnswer::Connect)
}

/// Asks for a path, as it is, and reads the answer to its end.
pub(crate) async fn get(
    address: &HttpAddress,
    path: &str,
    within: Duration,
    limit: usize,
) -> Result<Answer, NoAnswer> {
    let asking = async {
        let stream = connect(address, within).await?;
        let (mut sender, connection) =
            http1::handshake(Stream(stream)).await.map_err(|error| broken(&error))?;
        // Aborted when dropped, which is also when the time is over.
        let mut driver = tokio::task::JoinSet::new();
        driver.spawn(connection);
        let request = Request::get(path)
            .header("host", address.authority())
            .header("user-agent", "loadgate")
            .header("connection", "close")
            .body(Empty::<Bytes>::new())
            .map_err(|error| broken(&error))?;
        let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), limit).collect().await;
        let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => NoAnswer::TooLarge(limit),
            None => broken(error.as_ref()),
        })?;
        Ok(Answer { status, body: body.to_bytes() })
    };
    timeout(within, asking).await.map_err(|_| NoAnswer::Slow(within))?
}

fn broken(error: &(dyn std::error::Error + 'static)) -> NoAnswer {
    NoAnswer::Broken(error.to_string())
}

/// Lets hyper use a tokio stream, over a small buffer and so without unsafe code.
struct Stream(TcpStream);

impl hyper::rt::Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut target: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4096];
        let room = target.remaining().min(bytes.len());
        let mut buffer = ReadBuf::new(&mut bytes[..room]);
        ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer))?;
        target.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Stream {
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
