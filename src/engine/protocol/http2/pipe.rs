//! The two directions of a connection as the `h2` crate sees them: bytes that wait to be read,
//! and bytes that wait to be written. Neither end ever waits for a socket; nobody is woken, as
//! whoever fills a direction looks at the other end himself.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of both directions.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    /// What has come.
    input: Vec<u8>,
    /// How much of that has been read.
    read: usize,
    /// What is to be sent.
    pub(super) output: Vec<u8>,
}

impl Pipe {
    /// More has come.
    pub(super) fn fill(&mut self, bytes: &[u8]) {
        if self.read == self.input.len() {
            self.input.clear();
            self.read = 0;
        }
        self.input.extend_from_slice(bytes);
    }
}

/// The end that the crate holds.
#[derive(Debug)]
pub(super) struct End(pub(super) Rc<RefCell<Pipe>>);

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let pipe = &mut *self.0.borrow_mut();
        let waiting = &pipe.input[pipe.read..];
        if waiting.is_empty() {
            return Poll::Pending;
        }
        let taken = waiting.len().min(room.remaining());
        room.put_slice(&waiting[..taken]);
        pipe.read += taken;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().output.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let output = &mut self.0.borrow_mut().output;
        let before = output.len();
        for piece in pieces {
            output.extend_from_slice(piece);
        }
        Poll::Ready(Ok(output.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
