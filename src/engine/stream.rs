//! A TCP stream that stamps its reads and writes.
//!
//! The end of a response is when its last bytes were read, not when the task that
//! waits for them came round.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// When the bytes of the current request and response passed.
#[derive(Debug, Default)]
pub struct Stamps {
    first_write: Cell<Option<Instant>>,
    first_read: Cell<Option<Instant>>,
    last_read: Cell<Option<Instant>>,
}

impl Stamps {
    /// Forgets the request before.
    pub fn begin(&self) {
        self.first_write.set(None);
        self.first_read.set(None);
        self.last_read.set(None);
    }

    /// When the request's first bytes were handed to the kernel.
    pub fn sent(&self) -> Option<Instant> {
        self.first_write.get()
    }

    /// When the response's first bytes were read.
    pub fn first_byte(&self) -> Option<Instant> {
        self.first_read.get()
    }

    /// When the response's latest bytes were read.
    pub fn last_byte(&self) -> Option<Instant> {
        self.last_read.get()
    }

    fn written(&self) {
        if self.first_write.get().is_none() {
            self.first_write.set(Some(Instant::now()));
        }
    }

    fn read(&self) {
        let now = Some(Instant::now());
        if self.first_read.get().is_none() {
            self.first_read.set(now);
        }
        self.last_read.set(now);
    }
}

/// A TCP stream with its stamps.
#[derive(Debug)]
pub struct StampedStream {
    tcp: TcpStream,
    stamps: Rc<Stamps>,
}

impl StampedStream {
    /// Stamps go to `stamps`, which the connection's owner reads.
    pub fn new(tcp: TcpStream, stamps: Rc<Stamps>) -> StampedStream {
        StampedStream { tcp, stamps }
    }
}

impl AsyncRead for StampedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.tcp).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.stamps.read();
        }
        result
    }
}

impl AsyncWrite for StampedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Before the call: the kernel may deliver, and the target answer, inside it.
        self.stamps.written();
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stamps.written();
        Pin::new(&mut self.tcp).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
