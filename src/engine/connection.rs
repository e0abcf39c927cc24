//! Keep-alive connections to the target, and the ceiling on them.
//!
//! A connection serves one request at a time and goes back to the worker's pool. When
//! all that are allowed are in use, requests wait in the order they came; that wait is
//! part of their response time, as the ceiling is the scenario's, not the generator's
//! lag. Opening one is timed.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::engine::stream::{StampedStream, Stamps};

/// The size of a response's head that is accepted.
const MAX_HEAD: usize = 256 * 1024;
/// A connection is not reused when the target may be about to close it.
const IDLE_MARGIN: Duration = Duration::from_secs(1);

/// One worker's connections.
#[derive(Debug)]
pub struct Pool {
    address: SocketAddr,
    permits: Semaphore,
    idle: RefCell<Vec<Connection>>,
    open: Rc<Cell<u64>>,
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    stamps: Rc<Stamps>,
    used: bool,
    idle_since: Instant,
    idle_limit: Option<Duration>,
}

/// The right to use one connection.
#[derive(Debug)]
pub struct Lease<'a> {
    pool: &'a Pool,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    /// A pool of at most so many connections.
    pub fn new(address: SocketAddr, most: usize) -> Pool {
        let permits = Semaphore::new(most.min(Semaphore::MAX_PERMITS));
        Pool { address, permits, idle: RefCell::default(), open: Rc::default() }
    }

    /// How many connections are open.
    pub fn open(&self) -> u64 {
        self.open.get()
    }

    /// Waits for the right to use a connection.
    pub async fn lease(&self) -> Lease<'_> {
        let permit = self.permits.acquire().await.expect("the semaphore is never closed");
        Lease { pool: self, _permit: permit }
    }

    /// The connection used last, as it is the least likely to have been closed.
    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        while let Some(connection) = idle.pop() {
            if connection.is_fresh() {
                return Some(connection);
            }
        }
        None
    }

    async fn connect(&self) -> io::Result<Connection> {
        let tcp = TcpStream::connect(self.address).await?;
        tcp.set_nodelay(true)?;
        let stamps = Rc::new(Stamps::default());
        let stream = TokioIo::new(StampedStream::new(tcp, stamps.clone()));
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .handshake(stream)
            .await
            .map_err(io::Error::other)?;
        let open = OpenGuard::new(&self.open);
        tokio::task::spawn_local(async move {
            // Its errors reach the request that suffers from them.
            let _ = driver.await;
            drop(open);
        });
        let idle_since = Instant::now();
        Ok(Connection { sender, stamps, used: false, idle_since, idle_limit: None })
    }
}

/// Counts a connection for as long as it is open.
struct OpenGuard(Rc<Cell<u64>>);

impl OpenGuard {
    fn new(open: &Rc<Cell<u64>>) -> OpenGuard {
        open.set(open.get() + 1);
        OpenGuard(open.clone())
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Connection {
    fn is_fresh(&self) -> bool {
        let in_time =
            self.idle_limit.is_none_or(|limit| self.idle_since.elapsed() + IDLE_MARGIN < limit);
        in_time && !self.sender.is_closed()
    }

    /// The stamps of the request under way.
    pub fn stamps(&self) -> &Rc<Stamps> {
        &self.stamps
    }

    /// Whether an earlier request was answered on it: it may have been closed since.
    pub fn was_used(&self) -> bool {
        self.used
    }

    /// Sends a request and waits for the head of its response.
    pub async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        // Returned to the pool, its task may not have seen the last response's end yet.
        self.sender.ready().await?;
        self.sender.send_request(request).await
    }

    /// What the target said about how long it keeps idle connections.
    pub fn keep_idle_for(&mut self, limit: Option<Duration>) {
        self.idle_limit = limit;
    }
}

impl Lease<'_> {
    /// An idle connection, if there is one.
    pub fn take_idle(&self) -> Option<Connection> {
        self.pool.take_idle()
    }

    /// A new connection.
    pub async fn connect(&self) -> io::Result<Connection> {
        self.pool.connect().await
    }

    /// Gives a connection back after a complete response.
    pub fn give_back(self, mut connection: Connection) {
        connection.used = true;
        connection.idle_since = Instant::now();
        self.pool.idle.borrow_mut().push(connection);
    }
}

/// Reads `Keep-Alive: timeout=5`.
pub fn keep_alive_limit(header: Option<&[u8]>) -> Option<Duration> {
    let text = std::str::from_utf8(header?).ok()?;
    let seconds = text.split(',').find_map(|part| part.trim().strip_prefix("timeout="))?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_alive_is_read_where_it_is_well_formed() {
        let limit = |text: &str| keep_alive_limit(Some(text.as_bytes())).map(|d| d.as_secs());
        assert_eq!(limit("timeout=5"), Some(5));
        assert_eq!(limit("max=100, timeout=72"), Some(72));
        assert_eq!(limit("timeout=never"), None);
        assert_eq!(limit("timeout=99999999999999999999999"), None);
        assert_eq!(keep_alive_limit(Some(b"\xff")), None);
        assert_eq!(keep_alive_limit(None), None);
    }
}
