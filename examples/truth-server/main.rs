//! A server that knows the truth about its own times, for `scripts/truth.py`.
//!
//! `truth-server BEHAVIOUR LOG [PROTOCOL]` listens on a free port of loopback, prints the port,
//! and answers every GET with a small JSON body until its standard input ends. Then it writes
//! to LOG when it started, and one line per request: when it arrived (the kernel's receive
//! timestamp) and when its answer was about to be written, all in nanoseconds since 1970.
//!
//! | behaviour | what it does |
//! | --- | --- |
//! | `freeze` | answers nobody for 500 ms in every 5 s |
//! | `lognormal` | each request waits by itself: median 10 ms, sigma 0.6 |
//! | `quick` | each request waits by itself: evenly between 0.1 and 0.6 ms |
//!
//! The protocol is `plain`, `tls` (the demo's certificate) or `http2` (in TLS as well). Requests by
//! HTTP/2 come one behind the other on a connection, and the kernel gives what waits there the
//! timestamp of the last; their times and those of their answers are those of the packets ([wire]),
//! which only root may see.
//!
//! `truth-server plan RATE SECONDS SEED` prints when the requests of such a run of loadgate
//! are due, in nanoseconds from its start.
//!
//! One blocking thread per connection, or per request by HTTP/2, so that no request waits for
//! another one. The delays depend on the number of the request alone. Ends by itself after ten minutes.
#![allow(clippy::print_stdout, reason = "it is a program whose result is text")]

#[cfg(target_os = "linux")]
mod wire;

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::io::{self, BufWriter, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use loadgate::demo::secured;
use loadgate::scenario::load::{ArrivalProcess, Load, Stage};
use loadgate::schedule::{Arrivals, Choices};
use loadgate::units::Rate;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;
#[cfg(target_os = "linux")]
use wire::{Way, Wire};

const LIFETIME: Duration = Duration::from_secs(600);
const FREEZE: Duration = Duration::from_millis(500);
const FREEZE_EVERY: Duration = Duration::from_secs(5);
/// The largest request head that is read.
const MAX_HEAD: usize = 16 * 1024;
const SEED: u64 = 7;
const BODY: &str = r#"{"id":4711,"sku":"a-17","quantity":1,"state":"open"}"#;

#[derive(Debug, Clone, Copy)]
enum Behaviour {
    Freeze,
    LogNormal,
    Quick,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Plain,
    Tls,
    Http2,
}

/// Where on a connection a request or an answer ended, and when it was read or about to be written.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: SystemTime,
    client: u16,
    /// All that had come or gone there.
    bytes: u32,
}

/// A request and its answer.
struct Exchange {
    arrived: Mark,
    replied: Mark,
}

impl Exchange {
    /// When the request arrived and its answer went.
    fn times(&self, wire: Option<&Wire>) -> io::Result<(SystemTime, SystemTime)> {
        let Some(wire) = wire else { return Ok((self.arrived.at, self.replied.at)) };
        let passed = |mark: &Mark, way| {
            let unseen = || io::Error::other("an exchange of which no packet was seen");
            wire.passed(mark.client, way, mark.bytes).ok_or_else(unseen)
        };
        Ok((passed(&self.arrived, Way::FromClient)?, passed(&self.replied, Way::ToClient)?))
    }
}

/// What all connections share.
struct Shared {
    behaviour: Behaviour,
    protocol: Protocol,
    acceptor: TlsAcceptor,
    start: SystemTime,
    next: AtomicU64,
    /// When each request arrived and when its answer was about to be written.
    log: Mutex<Vec<Exchange>>,
    /// Every packet, of HTTP/2.
    wire: Option<Arc<Wire>>,
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["plan", rate, seconds, seed] => {
            plan(number(rate)?, number(seconds)?, number(seed)? as u64)
        }
        [behaviour, log] => serve(behaviour, log, "plain"),
        [behaviour, log, protocol] => serve(behaviour, log, protocol),
        _ => Err(io::Error::other("usage: truth-server BEHAVIOUR LOG [PROTOCOL]")),
    }
}

fn number(text: &str) -> io::Result<f64> {
    text.parse().map_err(io::Error::other)
}

fn plan(rate: f64, seconds: f64, seed: u64) -> io::Result<()> {
    let length = Duration::from_secs_f64(seconds);
    let stage = Stage { length, from: Rate(rate), to: Rate(rate), users: None, warmup: false };
    let load = Load::new(ArrivalProcess::Poisson, seed, vec![stage]);
    let mut text = String::new();
    for arrival in Arrivals::new(&load) {
        writeln!(text, "{}", arrival.at.0).expect("a String takes everything");
    }
    io::stdout().write_all(text.as_bytes())
}

fn serve(behaviour: &str, log: &str, protocol: &str) -> io::Result<()> {
    let behaviour = match behaviour {
        "freeze" => Behaviour::Freeze,
        "lognormal" => Behaviour::LogNormal,
        "quick" => Behaviour::Quick,
        other => return Err(io::Error::other(format!("no behaviour: {other}"))),
    };
    let protocol = match protocol {
        "plain" => Protocol::Plain,
        "tls" => Protocol::Tls,
        "http2" => Protocol::Http2,
        other => return Err(io::Error::other(format!("no protocol: {other}"))),
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?.port());
    let wire = match protocol {
        Protocol::Http2 => Some(Wire::seen(listener.local_addr()?.port())?),
        Protocol::Plain | Protocol::Tls => None,
    };
    let shared = Arc::new(Shared {
        wire,
        behaviour,
        protocol,
        acceptor: secured::acceptor()?,
        start: SystemTime::now(),
        next: AtomicU64::new(0),
        log: Mutex::new(Vec::new()),
    });
    let connections = shared.clone();
    thread::spawn(move || accept(&listener, &connections));
    thread::spawn(|| {
        thread::sleep(LIFETIME);
        std::process::abort();
    });
    // Whoever started it closes its standard input to end it.
    io::copy(&mut io::stdin(), &mut io::sink())?;
    write_log(&shared, log)
}

fn write_log(shared: &Shared, path: &str) -> io::Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    let since_1970 = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    writeln!(out, "{}", since_1970(shared.start))?;
    for exchange in shared.log.lock().expect("no thread panics with the log").iter() {
        let (arrived, replied) = exchange.times(shared.wire.as_deref())?;
        writeln!(out, "{} {}", since_1970(arrived), since_1970(replied))?;
    }
    out.flush()
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for tcp in listener.incoming() {
        let Ok(tcp) = tcp else {
            // Out of descriptors: not again and again, all the time.
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let shared = shared.clone();
        let thread = thread::Builder::new().stack_size(2 * 1024 * 1024);
        // A broken connection is its client's affair.
        let _ = thread.spawn(move || converse(tcp, &shared));
    }
}

/// Answers the requests of one connection.
fn converse(tcp: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    ask_for_stamps(&tcp)?;
    let client = tcp.peer_addr()?.port();
    let arrived = Rc::new(Cell::new(Mark { at: SystemTime::now(), client, bytes: 0 }));
    let stamped = Stamped { tcp, arrived: arrived.clone() };
    match shared.protocol {
        Protocol::Plain => by_http1(stamped, &arrived, shared),
        Protocol::Tls => {
            let session = rustls::ServerConnection::new(shared.acceptor.config().clone());
            let session = session.map_err(io::Error::other)?;
            by_http1(rustls::StreamOwned::new(session, stamped), &arrived, shared)
        }
        Protocol::Http2 => {
            stamped.tcp.set_nonblocking(true)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
            tokio::task::LocalSet::new().block_on(&runtime, by_http2(stamped, arrived, shared))
        }
    }
}

/// A socket that tells when what was read last has arrived.
struct Stamped {
    tcp: TcpStream,
    arrived: Rc<Cell<Mark>>,
}

impl Read for Stamped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (bytes, at) = receive(&mut self.tcp, buffer)?;
        let before = self.arrived.get();
        self.arrived.set(Mark { at, bytes: before.bytes + bytes as u32, ..before });
        Ok(bytes)
    }
}

impl Write for Stamped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// One request after the other.
fn by_http1(
    mut stream: impl Read + Write,
    arrived: &Cell<Mark>,
    shared: &Shared,
) -> io::Result<()> {
    let length = BODY.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{BODY}"
    );
    while next_request(&mut stream)? {
        let arrived = arrived.get();
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        thread::sleep(shared.delay(number, arrived.at));
        let replied = Mark { at: SystemTime::now(), ..arrived };
        stream.write_all(answer.as_bytes())?;
        let exchange = Exchange { arrived, replied };
        shared.log.lock().expect("no thread panics with the log").push(exchange);
    }
    Ok(())
}

/// Reads a request without a body; whether there was one.
fn next_request(stream: &mut impl Read) -> io::Result<bool> {
    let mut head = Vec::new();
    let mut buffer = [0; 4_096];
    while head.len() < MAX_HEAD {
        let bytes = stream.read(&mut buffer)?;
        head.extend_from_slice(&buffer[..bytes]);
        if head.ends_with(b"\r\n\r\n") {
            return Ok(true);
        }
        if bytes == 0 {
            return Ok(false);
        }
    }
    Err(io::Error::other("a request that does not end"))
}

/// The same socket for those who do not wait, read record by record: the kernel stamps the last packet that
/// a read touches, and what a client sent earlier has arrived earlier.
struct Waiting {
    socket: tokio::net::TcpStream,
    stamped: Stamped,
    answers: Rc<Answers>,
    record: Record,
    pause: Rc<Pause>,
    /// All bytes that were written.
    written: u32,
}

/// Nothing is read between two records until the requests of the first one were accepted: all of them
/// before the next one's mark takes the place of theirs.
#[derive(Default)]
struct Pause {
    is_wanted: Cell<bool>,
    is_on: Cell<bool>,
}

impl Pause {
    fn begins(&self) {
        self.is_on.set(self.is_wanted.get());
    }

    /// The next request of a connection.
    async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        connection: &mut h2::server::Connection<S, Bytes>,
    ) -> Option<Result<h2::server::SendResponse<Bytes>, h2::Error>> {
        self.is_wanted.set(true);
        let asked = std::future::poll_fn(|context| {
            loop {
                match connection.poll_accept(context) {
                    Poll::Pending if self.is_on.replace(false) => {}
                    asked => return asked,
                }
            }
        });
        Some(asked.await?.map(|(_, respond)| respond))
    }
}

/// How far the TLS record is that is being read.
#[derive(Default)]
struct Record {
    header: [u8; RECORD_HEADER],
    /// Bytes of the header that were read.
    of_header: usize,
    /// Bytes that are still to come after it.
    left: usize,
}

/// A type, a version, and how long the rest is.
const RECORD_HEADER: usize = 5;

impl Record {
    /// How much may be read without touching the next record.
    fn room(&self) -> usize {
        if self.of_header < RECORD_HEADER { RECORD_HEADER - self.of_header } else { self.left }
    }

    fn has_read(&mut self, bytes: &[u8]) {
        if self.of_header < RECORD_HEADER {
            self.header[self.of_header..self.of_header + bytes.len()].copy_from_slice(bytes);
            self.of_header += bytes.len();
            self.left = usize::from(u16::from_be_bytes([self.header[3], self.header[4]]));
        } else {
            self.left -= bytes.len();
        }
    }

    fn is_whole(&self) -> bool {
        self.of_header == RECORD_HEADER && self.left == 0
    }
}

/// When the requests arrived whose answers are about to be written: the next write is theirs.
struct Answers {
    waiting: RefCell<Vec<Mark>>,
    shared: Arc<Shared>,
}

impl Answers {
    /// They went with the last of so many bytes that were written at a moment.
    fn are_written(&self, at: SystemTime, bytes: u32) {
        let mut log = self.shared.log.lock().expect("no thread panics with the log");
        log.extend(self.waiting.borrow_mut().drain(..).map(|arrived| {
            let replied = Mark { at, bytes, ..arrived };
            Exchange { arrived, replied }
        }));
    }
}

/// Requests on streams, each by itself.
async fn by_http2(
    stamped: Stamped,
    arrived: Rc<Cell<Mark>>,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let socket = tokio::net::TcpStream::from_std(stamped.tcp.try_clone()?)?;
    let answers = Answers { waiting: RefCell::default(), shared: shared.clone() };
    let answers = Rc::new(answers);
    let (record, pause) = (Record::default(), Rc::<Pause>::default());
    let waiting = Waiting {
        socket,
        stamped,
        answers: answers.clone(),
        record,
        pause: pause.clone(),
        written: 0,
    };
    let session = shared.acceptor.accept(waiting).await?;
    let mut connection = h2::server::handshake(session).await.map_err(io::Error::other)?;
    while let Some(asked) = pause.accept(&mut connection).await {
        let respond = asked.map_err(io::Error::other)?;
        let answering = answer(respond, arrived.get(), answers.clone());
        tokio::task::spawn_local(answering);
    }
    Ok(())
}

async fn answer(
    mut respond: h2::server::SendResponse<Bytes>,
    arrived: Mark,
    answers: Rc<Answers>,
) -> Option<()> {
    let number = answers.shared.next.fetch_add(1, Ordering::Relaxed);
    let delay = answers.shared.delay(number, arrived.at);
    // The runtime's own sleep wakes every millisecond only.
    tokio::task::spawn_blocking(move || thread::sleep(delay)).await.ok()?;
    let head = http::Response::builder().header("content-type", "application/json");
    let head = head.header("content-length", BODY.len()).body(()).ok()?;
    let mut body = respond.send_response(head, false).ok()?;
    body.send_data(Bytes::from_static(BODY.as_bytes()), true).ok()?;
    answers.waiting.borrow_mut().push(arrived);
    Some(())
}

impl AsyncRead for Waiting {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Waiting { socket, stamped, record, pause, .. } = self.get_mut();
        if record.is_whole() {
            *record = Record::default();
            pause.begins();
        }
        if pause.is_on.get() {
            return Poll::Pending;
        }
        loop {
            ready!(socket.poll_read_ready(context))?;
            let most = record.room().min(room.remaining());
            let read = socket.try_io(tokio::io::Interest::READABLE, || {
                stamped.read(room.initialize_unfilled_to(most))
            });
            match read {
                Ok(bytes) => {
                    record.has_read(&room.initialize_unfilled_to(most)[..bytes]);
                    room.advance(bytes);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Waiting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let at = SystemTime::now();
        let taken = ready!(Pin::new(&mut self.socket).poll_write(context, bytes))?;
        self.written += taken as u32;
        self.answers.are_written(at, self.written);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// Reads, and says when the kernel received what it read.
#[cfg(target_os = "linux")]
fn receive(tcp: &mut TcpStream, buffer: &mut [u8]) -> io::Result<(usize, SystemTime)> {
    receive_from(std::os::fd::AsRawFd::as_raw_fd(tcp), buffer)
}

#[cfg(target_os = "linux")]
fn receive_from(fd: std::os::fd::RawFd, buffer: &mut [u8]) -> io::Result<(usize, SystemTime)> {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

    let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
    let mut slices = [io::IoSliceMut::new(buffer)];
    let message = recvmsg::<()>(fd, &mut slices, Some(&mut control), MsgFlags::empty())?;
    let stamp = message.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(UNIX_EPOCH + Duration::from(stamp)),
        _ => None,
    });
    Ok((message.bytes, stamp.unwrap_or_else(SystemTime::now)))
}

#[cfg(target_os = "linux")]
fn ask_for_stamps(tcp: &TcpStream) -> io::Result<()> {
    use nix::sys::socket::{setsockopt, sockopt};

    Ok(setsockopt(tcp, sockopt::ReceiveTimestampns, &true)?)
}

/// Elsewhere the moment of reading is all there is.
#[cfg(not(target_os = "linux"))]
fn receive(tcp: &mut TcpStream, buffer: &mut [u8]) -> io::Result<(usize, SystemTime)> {
    Ok((io::Read::read(tcp, buffer)?, SystemTime::now()))
}

/// Elsewhere nobody sees packets.
#[cfg(not(target_os = "linux"))]
struct Wire;

#[cfg(not(target_os = "linux"))]
enum Way {
    FromClient,
    ToClient,
}

#[cfg(not(target_os = "linux"))]
impl Wire {
    fn seen(_port: u16) -> io::Result<Arc<Self>> {
        Err(io::Error::other("times by HTTP/2 are told on Linux only"))
    }

    fn passed(&self, _client: u16, _way: Way, _bytes: u32) -> Option<SystemTime> {
        None
    }
}

#[cfg(not(target_os = "linux"))]
fn ask_for_stamps(_tcp: &TcpStream) -> io::Result<()> {
    Ok(())
}

impl Shared {
    /// How long a request has to wait from now on.
    fn delay(&self, number: u64, arrived: SystemTime) -> Duration {
        let mut choices = Choices::new(SEED, number);
        match self.behaviour {
            Behaviour::Freeze => self.until_thawed(arrived),
            Behaviour::Quick => Duration::from_secs_f64(100e-6 + 500e-6 * choices.unit()),
            Behaviour::LogNormal => {
                let normal = (-2.0 * (1.0 - choices.unit()).ln()).sqrt()
                    * (std::f64::consts::TAU * choices.unit()).cos();
                Duration::from_secs_f64(10e-3 * (0.6 * normal).exp())
            }
        }
    }

    /// The freeze is the last part of each period.
    fn until_thawed(&self, arrived: SystemTime) -> Duration {
        let since_start =
            |at: SystemTime| at.duration_since(self.start).unwrap_or_default().as_nanos();
        let into = since_start(arrived) % FREEZE_EVERY.as_nanos();
        if into + FREEZE.as_nanos() < FREEZE_EVERY.as_nanos() {
            return Duration::ZERO;
        }
        let end = since_start(arrived) - into + FREEZE_EVERY.as_nanos();
        let left = end.saturating_sub(since_start(SystemTime::now()));
        Duration::from_nanos(left as u64)
    }
}
