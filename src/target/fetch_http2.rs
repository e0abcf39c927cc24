//! One small GET by HTTP/2, on a connection that is there.

use std::io;

use bytes::Bytes;
use h2::client::{self, Connection, SendRequest};
use http::header::{CONTENT_ENCODING, USER_AGENT};
use http::{Request, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::pin;

use crate::http1::coding::Codings;

/// What was answered: the status, and a body as it came.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) codings: Codings,
    pub(super) body: Vec<u8>,
}

/// Why nothing was.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// The connection broke.
    Interrupted(io::Error),
    /// What came is no answer.
    Broken(&'static str),
    /// The body is larger than allowed.
    TooLarge,
}

/// Asks for an address, and reads the answer to its end.
pub(super) async fn get<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    uri: String,
    limit: usize,
) -> Result<Answered, Unanswered> {
    let mut builder = client::Builder::new();
    let handshake = builder.enable_push(false).handshake(stream);
    let (sender, connection) = handshake.await.map_err(|error| broken(&error))?;
    let request = Request::get(uri).header(USER_AGENT, "loadgate").body(());
    let request = request.map_err(|_| Unanswered::Broken("its address is none"))?;
    drive(connection, ask(sender, request, limit)).await
}

/// What is asked for goes on as the connection does.
async fn drive<S: AsyncRead + AsyncWrite + Unpin>(
    connection: Connection<S, Bytes>,
    asking: impl Future<Output = Result<Answered, Unanswered>>,
) -> Result<Answered, Unanswered> {
    pin!(connection);
    pin!(asking);
    tokio::select! {
        biased;
        answer = &mut asking => return answer,
        _ = &mut connection => {}
    }
    asking.await
}

async fn ask(
    sender: SendRequest<Bytes>,
    request: Request<()>,
    limit: usize,
) -> Result<Answered, Unanswered> {
    let mut sender = sender.ready().await.map_err(|error| broken(&error))?;
    let (response, _) = sender.send_request(request, true).map_err(|error| broken(&error))?;
    let (head, mut stream) = response.await.map_err(|error| broken(&error))?.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece.map_err(|error| broken(&error))?;
        if body.len() + piece.len() > limit {
            return Err(Unanswered::TooLarge);
        }
        body.extend_from_slice(&piece);
        // The window is only opened again.
        let _ = stream.flow_control().release_capacity(piece.len());
    }
    let mut codings = Codings::default();
    head.headers.get_all(CONTENT_ENCODING).iter().for_each(|value| codings.add(value.as_bytes()));
    Ok(Answered { status: head.status, codings, body })
}

fn broken(error: &h2::Error) -> Unanswered {
    match error.get_io() {
        Some(error) => Unanswered::Interrupted(io::Error::new(error.kind(), error.to_string())),
        None if error.is_go_away() => Unanswered::Broken("it is not HTTP/2, or was broken off"),
        None => Unanswered::Broken("its stream was reset"),
    }
}
