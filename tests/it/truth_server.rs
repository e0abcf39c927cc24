//! A scripted HTTP/1.1 server on loopback that knows the truth: what it did, and when.
//!
//! Plain blocking sockets and one thread per connection, so that it can misbehave byte by
//! byte. A reply is a list of [`Act`]s, made from the request by a closure. The whole
//! server can freeze for a stretch, or stop accepting. Each request is logged with its
//! arrival and its reply on the monotonic clock. Bounded in time, connections and bytes;
//! stops when dropped.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use socket2::SockRef;

/// A server that a test forgot ends by itself.
const LIFETIME: Duration = Duration::from_secs(120);
/// Connections that wait to be accepted.
const BACKLOG: i32 = 4_096;
/// The largest request that is read.
const MAX_REQUEST: usize = 256 * 1024;
/// Waits are cut into pieces, so that a stop does not wait for them.
const NAP: Duration = Duration::from_millis(50);

/// One thing done to answer a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Does nothing for a while.
    Wait(Duration),
    /// Writes bytes.
    Write(Vec<u8>),
    /// Writes bytes one by one, each after a while.
    Drip(Vec<u8>, Duration),
    /// Writes the same bytes again and again, so many in all.
    Endless(Vec<u8>, usize),
    /// Closes the connection in good order.
    Close,
    /// Writes bytes and ends the stream in one packet, and reads on.
    WriteAndEnd(Vec<u8>),
    /// Closes it by a reset.
    Reset,
    /// Keeps it, and closes it as soon as the next request has come.
    CloseOnReuse,
    /// Keeps it, and resets it as soon as the next request has come.
    ResetOnReuse,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// From 0, in the order of arrival.
    pub(crate) number: u64,
    /// Request line and headers.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// `GET`.
    pub(crate) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap()
    }

    /// Path and query.
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// A header's value, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            (found.to_ascii_lowercase() == name).then(|| value.trim())
        })
    }
}

/// What the log holds of a request.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The request.
    pub(crate) request: Request,
    /// Which connection it came on.
    pub(crate) connection: u64,
    /// When it had been read, in nanoseconds since the server's start.
    pub(crate) arrived: u64,
    /// Just before the last bytes of the reply were written; `None` without a reply.
    pub(crate) replied: Option<u64>,
}

type Reply = Box<dyn Fn(&Request) -> Vec<Act> + Send + Sync>;

/// What a server does.
pub(crate) struct Behaviour {
    /// What it answers.
    pub(crate) reply: Reply,
    /// When and how long it answers nobody, from its first request on.
    pub(crate) freeze: Option<(Duration, Duration)>,
    /// After so many connections further ones are refused.
    pub(crate) accept_at_most: Option<u64>,
}

impl Behaviour {
    /// Nothing but replies.
    pub(crate) fn replying(
        reply: impl Fn(&Request) -> Vec<Act> + Send + Sync + 'static,
    ) -> Behaviour {
        Behaviour { reply: Box::new(reply), freeze: None, accept_at_most: None }
    }
}

/// A running server.
pub(crate) struct TruthServer {
    address: SocketAddr,
    /// Gone when no more connections are accepted.
    listener: Weak<TcpListener>,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    behaviour: Behaviour,
    begun: Instant,
    first_request: OnceLock<Instant>,
    stopping: AtomicBool,
    requests: AtomicU64,
    log: Mutex<Vec<Seen>>,
    open: Mutex<HashMap<u64, Arc<TcpStream>>>,
}

impl TruthServer {
    /// Starts on a free port.
    pub(crate) fn start(behaviour: Behaviour) -> TruthServer {
        TruthServer::start_at(Ipv4Addr::LOCALHOST, behaviour)
    }

    /// The same at an address of this machine.
    pub(crate) fn start_at(address: Ipv4Addr, behaviour: Behaviour) -> TruthServer {
        let listener = TcpListener::bind((address, 0)).unwrap();
        // The standard library's 128 are too few for all that a stopped generator is late
        // with: the kernel would drop the rest, and try again after a second.
        SockRef::from(&listener).listen(BACKLOG).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            behaviour,
            begun: Instant::now(),
            first_request: OnceLock::new(),
            stopping: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            log: Mutex::default(),
            open: Mutex::default(),
        });
        let accepting = shared.clone();
        let listener = Arc::new(listener);
        let listening = Arc::downgrade(&listener);
        let acceptor = thread::spawn(move || accepting.accept(&listener));
        TruthServer { address, listener: listening, shared, acceptor: Some(acceptor) }
    }

    /// A server that only replies.
    pub(crate) fn replying(
        reply: impl Fn(&Request) -> Vec<Act> + Send + Sync + 'static,
    ) -> TruthServer {
        TruthServer::start(Behaviour::replying(reply))
    }

    /// `http://127.0.0.1:4711`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests have come so far, answered or not.
    pub(crate) fn asked(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// What has come so far.
    pub(crate) fn log(&self) -> Vec<Seen> {
        self.shared.log.lock().unwrap().clone()
    }
}

impl Drop for TruthServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the acceptor, and every thread that waits for bytes. Linux needs no local port
        // for it; elsewhere a listener cannot be shut down.
        let woken = self.listener.upgrade().is_none_or(|listener| {
            SockRef::from(&*listener).shutdown(Shutdown::Both).is_ok()
                || TcpStream::connect(self.address).is_ok()
        });
        for connection in self.shared.open.lock().unwrap().values() {
            drop(connection.shutdown(Shutdown::Both));
        }
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken) {
            drop(acceptor.join());
        }
    }
}

impl Shared {
    fn accept(self: Arc<Shared>, listener: &TcpListener) {
        let most = self.behaviour.accept_at_most.unwrap_or(u64::MAX);
        for (number, tcp) in (0..most).zip(listener.incoming()) {
            if self.is_over() {
                return;
            }
            let Ok(tcp) = tcp else {
                thread::sleep(Duration::from_millis(10));
                continue;
            };
            let tcp = Arc::new(tcp);
            self.open.lock().unwrap().insert(number, tcp.clone());
            let shared = self.clone();
            // A thread that cannot be had costs its connection, as in any server.
            let serving = thread::Builder::new().stack_size(256 * 1024).spawn(move || {
                let conversation = Conversation { shared: &shared, tcp: &tcp, number };
                drop(conversation.serve());
                shared.open.lock().unwrap().remove(&number);
            });
            drop(serving);
        }
        // The listener ends with this thread: from now on everybody is refused.
    }

    fn is_over(&self) -> bool {
        self.stopping.load(Ordering::SeqCst) || self.begun.elapsed() > LIFETIME
    }

    fn now(&self) -> u64 {
        self.begun.elapsed().as_nanos() as u64
    }

    fn wait_until(&self, moment: Instant) {
        while !self.is_over() {
            let left = moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(NAP));
        }
    }

    /// Returns at once, or when the freeze is over.
    fn thaw(&self) {
        let (Some((after, length)), Some(first)) =
            (self.behaviour.freeze, self.first_request.get())
        else {
            return;
        };
        let (from, to) = (*first + after, *first + after + length);
        if (from..to).contains(&Instant::now()) {
            self.wait_until(to);
        }
    }
}

/// One connection.
struct Conversation<'a> {
    shared: &'a Shared,
    tcp: &'a TcpStream,
    number: u64,
}

/// What follows a reply.
enum Next {
    Keep,
    EndOnReuse { reset: bool },
    End,
}

impl Conversation<'_> {
    fn serve(&self) -> io::Result<()> {
        self.tcp.set_nodelay(true)?;
        self.tcp.set_write_timeout(Some(LIFETIME))?;
        let mut unread = Vec::new();
        let mut next = Next::Keep;
        while let Some((request, place)) = self.receive(&mut unread)? {
            if let Next::EndOnReuse { reset } = next {
                return self.end(reset);
            }
            next = self.answer(&request, place)?;
            if let Next::End = next {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The next request and its place in the log; `None` when the peer has closed.
    fn receive(&self, unread: &mut Vec<u8>) -> io::Result<Option<(Request, usize)>> {
        let Some(head_end) = self.fill_until(unread, |bytes| {
            bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
        })?
        else {
            return Ok(None);
        };
        let head = String::from_utf8_lossy(&unread[..head_end]).into_owned();
        let mut request = Request { number: 0, head, body: Vec::new() };
        let length: usize =
            request.header("content-length").map_or(0, |length| length.parse().unwrap());
        let end = head_end + length;
        let enough = |bytes: &[u8]| (bytes.len() >= end).then_some(end);
        if self.fill_until(unread, enough)?.is_none() {
            return Ok(None);
        }
        let arrived = self.shared.now();
        self.shared.first_request.get_or_init(Instant::now);
        request.body = unread[head_end..end].to_vec();
        unread.drain(..end);
        request.number = self.shared.requests.fetch_add(1, Ordering::SeqCst);
        let mut log = self.shared.log.lock().unwrap();
        log.push(Seen {
            request: request.clone(),
            connection: self.number,
            arrived,
            replied: None,
        });
        Ok(Some((request, log.len() - 1)))
    }

    fn fill_until<T>(
        &self,
        unread: &mut Vec<u8>,
        enough: impl Fn(&[u8]) -> Option<T>,
    ) -> io::Result<Option<T>> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(found) = enough(unread) {
                return Ok(Some(found));
            }
            let read = (&mut &*self.tcp).read(&mut buffer)?;
            if read == 0 || self.shared.is_over() || unread.len() > MAX_REQUEST {
                return Ok(None);
            }
            unread.extend_from_slice(&buffer[..read]);
        }
    }

    fn answer(&self, request: &Request, place: usize) -> io::Result<Next> {
        for act in (self.shared.behaviour.reply)(request) {
            self.shared.thaw();
            match act {
                Act::Wait(time) => self.shared.wait_until(Instant::now() + time),
                Act::Write(bytes) => self.write(&bytes, place)?,
                Act::Drip(bytes, every) => {
                    for byte in bytes {
                        self.shared.wait_until(Instant::now() + every);
                        self.write(&[byte], place)?;
                    }
                }
                Act::Endless(bytes, most) => {
                    for _ in 0..most / bytes.len() {
                        self.write(&bytes, place)?;
                    }
                }
                Act::WriteAndEnd(bytes) => {
                    SockRef::from(self.tcp).send_with_flags(&bytes, nix::libc::MSG_MORE)?;
                    self.tcp.shutdown(Shutdown::Write)?;
                }
                Act::Close => return self.end(false).map(|()| Next::End),
                Act::Reset => return self.end(true).map(|()| Next::End),
                Act::CloseOnReuse => return Ok(Next::EndOnReuse { reset: false }),
                Act::ResetOnReuse => return Ok(Next::EndOnReuse { reset: true }),
            }
        }
        Ok(Next::Keep)
    }

    fn write(&self, bytes: &[u8], place: usize) -> io::Result<()> {
        self.shared.thaw();
        // Before the call: the peer may read, and stamp, inside it.
        self.shared.log.lock().unwrap()[place].replied = Some(self.shared.now());
        (&mut &*self.tcp).write_all(bytes)
    }

    /// Ends the connection, here and now: other owners of the socket do not keep it open.
    fn end(&self, reset: bool) -> io::Result<()> {
        if reset {
            SockRef::from(self.tcp).set_linger(Some(Duration::ZERO))?;
            // The last owner's close is what sends the reset.
            self.shared.open.lock().unwrap().remove(&self.number);
            return Ok(());
        }
        self.tcp.shutdown(Shutdown::Both)
    }
}

/// A whole response with its length.
pub(crate) fn response(status: u16, body: &str) -> Vec<Act> {
    vec![Act::Write(plain(status, body))]
}

/// The bytes of a whole response with its length.
pub(crate) fn plain(status: u16, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Said So\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

/// Bytes as they are.
pub(crate) fn raw(bytes: impl AsRef<[u8]>) -> Act {
    Act::Write(bytes.as_ref().to_vec())
}

/// The same response, later.
pub(crate) fn after(delay: Duration, acts: Vec<Act>) -> Vec<Act> {
    std::iter::once(Act::Wait(delay)).chain(acts).collect()
}

/// Log-normal with this median and spread; the same number has always the same delay.
pub(crate) fn log_normal(median: Duration, sigma: f64, number: u64) -> Duration {
    let mut random = SplitMix64::seed_from_u64(number ^ 0x7275_7468);
    let mut unit = || ((random.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    let normal = (-2.0 * unit().ln()).sqrt() * (std::f64::consts::TAU * unit()).cos();
    median.mul_f64((sigma * normal).exp().min(50.0))
}

mod tests {
    use super::*;

    fn ask(server: &TruthServer, request: &str) -> (Vec<u8>, io::Result<usize>) {
        let mut tcp = TcpStream::connect(server.address).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        tcp.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let end = tcp.read_to_end(&mut answer);
        (answer, end)
    }

    const GET: &str = "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n";

    #[test]
    fn it_does_as_told_and_logs_it() {
        let server = TruthServer::replying(|_| {
            vec![raw("one"), Act::Drip(b"two".to_vec(), Duration::from_millis(1)), Act::Close]
        });
        let (answer, end) = ask(&server, GET);
        assert_eq!((answer.as_slice(), end.unwrap()), (&b"onetwo"[..], 6));
        let log = server.log();
        assert_eq!((log.len(), log[0].request.path()), (1, "/a?b"));
        assert_eq!(log[0].request.header("host"), Some("x"));
        assert!(log[0].replied.unwrap() - log[0].arrived >= 3_000_000);
    }

    #[test]
    fn a_reset_is_a_reset_and_a_body_is_read() {
        let server = TruthServer::replying(|_| vec![raw("x"), Act::Reset]);
        let post = "POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc";
        let (_, end) = ask(&server, post);
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(server.log()[0].request.body, b"abc");
    }

    #[test]
    fn a_kept_connection_ends_when_it_is_used_again() {
        let server = TruthServer::replying(|_| vec![raw("x"), Act::CloseOnReuse]);
        let (answer, end) = ask(&server, &GET.repeat(2));
        assert_eq!(end.unwrap(), 1);
        assert_eq!((answer.as_slice(), server.log().len()), (&b"x"[..], 2));
    }

    #[test]
    fn further_connections_are_refused() {
        let behaviour = Behaviour {
            accept_at_most: Some(1),
            ..Behaviour::replying(|_| vec![raw("x"), Act::Close])
        };
        let server = TruthServer::start(behaviour);
        assert_eq!(ask(&server, GET).0, b"x");
        crate::support::eventually("a refusal", || TcpStream::connect(server.address).is_err());
    }

    #[test]
    fn delays_are_log_normal() {
        let mut all: Vec<f64> = (0..10_000)
            .map(|number| log_normal(Duration::from_secs(1), 0.5, number).as_secs_f64())
            .collect();
        all.sort_unstable_by(f64::total_cmp);
        assert!((0.95..1.05).contains(&all[5_000]), "{}", all[5_000]);
        assert!((2.9..3.5).contains(&all[9_900]), "{}", all[9_900]);
    }
}
