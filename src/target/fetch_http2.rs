//! One small GET by HTTP/2, on a connection that is there.
//!
//! The `h2` crate takes an answer without a status for one with 200. So what comes is looked at on
//! its way, and such an answer is none.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::{self, Connection, SendRequest};
use http::header::{CONTENT_ENCODING, USER_AGENT};
use http::{Request, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::pin;

use crate::http1::coding::Codings;
use crate::http2::blocks::Heads;
use crate::http2::frames::Frames;

/// The only stream.
const STREAM: u32 = 1;

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
    let heads = Arc::new(Mutex::new(Heads::default()));
    let stream = Watched { stream, frames: Frames::default(), heads: Arc::clone(&heads) };
    let handshake = builder.enable_push(false).handshake(stream);
    let (sender, connection) = handshake.await.map_err(|error| broken(&error))?;
    let request = Request::get(uri).header(USER_AGENT, "loadgate").body(());
    let request = request.map_err(|_| Unanswered::Broken("its address is none"))?;
    let answered = drive(connection, ask(sender, request, limit)).await?;
    let heads = *heads.lock().map_err(|_| Unanswered::Broken("it was not read to its end"))?;
    if heads.has_head && !heads.is_amiss {
        return Ok(answered);
    }
    Err(Unanswered::Broken("its answer has no status"))
}

/// A connection of which the heads are looked at as they come.
struct Watched<S> {
    stream: S,
    frames: Frames,
    heads: Arc<Mutex<Heads>>,
}

impl<S> Watched<S> {
    fn look(&mut self, mut bytes: &[u8]) {
        let Ok(mut heads) = self.heads.lock() else { return };
        let mut touched = Vec::new();
        while !bytes.is_empty() {
            // What cannot be read has no head either.
            let Ok(taken) = self.frames.look(bytes, |id| id == STREAM, &mut touched) else {
                heads.is_amiss = true;
                return;
            };
            bytes = &bytes[taken..];
            touched.clear();
            self.frames.ended.drain(..).for_each(|(_, block)| heads.hear(block));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = room.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, room))?;
        self.look(&room.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
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
