//! A server that counts what it was asked for, for `scripts/rows.py`.
//!
//! `row-server` listens on a free port of loopback, prints the port, and answers every `GET
//! /ROW/ANYTHING` with a small JSON body until its standard input ends. Then it prints what came, as
//! one line of JSON:
//!
//! | key | what it is |
//! | --- | --- |
//! | `requests` | how many came |
//! | `rows` | how many different rows were named |
//! | `again` | how many requests named a row that had been named before |
//! | `strange` | how many had no row that can be counted |
//! | `digest` | the sum of a hash of each request's first line: the same for the same requests, in whatever order |
//! | `first_ns` | when the first one came, in nanoseconds since 1970 |
//!
//! It keeps one bit for each row and nothing of a request, so ten million cost no more than ten. One
//! blocking thread per connection. Ends by itself after an hour.
#![allow(clippy::print_stdout, reason = "it is a program whose result is text")]

use std::hash::{DefaultHasher, Hasher as _};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const LIFETIME: Duration = Duration::from_secs(3_600);
/// Rows have numbers below this.
const MOST_ROWS: usize = 1 << 26;
/// The largest request that is read.
const MAX_HEAD: usize = 16 * 1024;
/// So long a request that is under way may take when standard input has ended.
const LAST: Duration = Duration::from_millis(300);
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
    content-length: 26\r\n\r\n{\"id\":4711,\"state\":\"open\"}";

struct Counted {
    requests: AtomicU64,
    again: AtomicU64,
    strange: AtomicU64,
    digest: AtomicU64,
    first_ns: AtomicU64,
    /// A bit for each row.
    rows: Vec<AtomicU64>,
}

fn main() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?.port());
    let counted = Arc::new(Counted {
        requests: AtomicU64::new(0),
        again: AtomicU64::new(0),
        strange: AtomicU64::new(0),
        digest: AtomicU64::new(0),
        first_ns: AtomicU64::new(0),
        rows: (0..MOST_ROWS / 64).map(|_| AtomicU64::new(0)).collect(),
    });
    let connections = Arc::clone(&counted);
    thread::spawn(move || accept(&listener, &connections));
    thread::spawn(|| {
        thread::sleep(LIFETIME);
        std::process::abort();
    });
    // Whoever started it closes its standard input to end it.
    io::copy(&mut io::stdin(), &mut io::sink())?;
    thread::sleep(LAST);
    println!("{}", counted.told());
    Ok(())
}

fn accept(listener: &TcpListener, counted: &Arc<Counted>) {
    for tcp in listener.incoming() {
        let Ok(tcp) = tcp else {
            // Out of descriptors: not again and again, all the time.
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let counted = Arc::clone(counted);
        let thread = thread::Builder::new().stack_size(256 * 1024);
        // A broken connection is its client's affair.
        let _ = thread.spawn(move || converse(tcp, &counted));
    }
}

/// One request after the other.
fn converse(mut tcp: TcpStream, counted: &Counted) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let mut unread = Vec::with_capacity(MAX_HEAD);
    let mut buffer = [0; 4_096];
    loop {
        let bytes = tcp.read(&mut buffer)?;
        if bytes == 0 {
            return Ok(());
        }
        unread.extend_from_slice(&buffer[..bytes]);
        while let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
            let line = unread.split(|byte| *byte == b'\r').next().unwrap_or_default();
            counted.add(line);
            unread.drain(..end + 4);
            tcp.write_all(ANSWER)?;
        }
        if unread.len() > MAX_HEAD {
            return Err(io::Error::other("a request that does not end"));
        }
    }
}

impl Counted {
    /// `GET /4711/anything HTTP/1.1`
    fn add(&self, line: &[u8]) {
        if self.requests.fetch_add(1, Ordering::Relaxed) == 0 {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.first_ns.store(now.as_nanos() as u64, Ordering::Relaxed);
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(line);
        self.digest.fetch_add(hasher.finish(), Ordering::Relaxed);
        match row_of(line) {
            Some(row) if row < MOST_ROWS => {
                let bit = 1 << (row % 64);
                let before = self.rows[row / 64].fetch_or(bit, Ordering::Relaxed);
                self.again.fetch_add(u64::from(before & bit != 0), Ordering::Relaxed);
            }
            Some(_) | None => {
                self.strange.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn told(&self) -> String {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let rows: u64 = self.rows.iter().map(|word| u64::from(of(word).count_ones())).sum();
        let (requests, again, strange) = (of(&self.requests), of(&self.again), of(&self.strange));
        let (digest, first) = (of(&self.digest), of(&self.first_ns));
        format!(
            r#"{{"requests": {requests}, "rows": {rows}, "again": {again}, "strange": {strange}, "digest": "{digest:016x}", "first_ns": {first}}}"#
        )
    }
}

fn row_of(line: &[u8]) -> Option<usize> {
    let path = line.strip_prefix(b"GET /")?;
    let digits = path.split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
