//! A server that knows the truth about its own times, for `scripts/truth.py`.
//!
//! `truth-server BEHAVIOUR LOG` listens on a free port of loopback, prints the port, and
//! answers every GET with a small JSON body until its standard input ends. Then it writes
//! to LOG when it started, and one line per request: when it arrived (the kernel's receive
//! timestamp) and when its answer was about to be written, all in nanoseconds since 1970.
//!
//! | behaviour | what it does |
//! | --- | --- |
//! | `freeze` | answers nobody for 500 ms in every 5 s |
//! | `lognormal` | each request waits by itself: median 10 ms, sigma 0.6 |
//! | `quick` | each request waits by itself: evenly between 0.1 and 0.6 ms |
//!
//! `truth-server plan RATE SECONDS SEED` prints when the requests of such a run of loadgate
//! are due, in nanoseconds from its start.
//!
//! One blocking thread per connection, so that no request waits for another one. The delays
//! depend on the number of the request alone. Ends by itself after ten minutes.
#![allow(clippy::print_stdout, reason = "it is a program whose result is text")]

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use loadgate::scenario::load::{ArrivalProcess, Load, Stage};
use loadgate::schedule::{Arrivals, Choices};
use loadgate::units::Rate;

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

/// What all connections share.
struct Shared {
    behaviour: Behaviour,
    start: SystemTime,
    next: AtomicU64,
    /// When each request arrived and when its answer was about to be written.
    log: Mutex<Vec<(SystemTime, SystemTime)>>,
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["plan", rate, seconds, seed] => {
            plan(number(rate)?, number(seconds)?, number(seed)? as u64)
        }
        ["freeze", log] => serve(Behaviour::Freeze, log),
        ["lognormal", log] => serve(Behaviour::LogNormal, log),
        ["quick", log] => serve(Behaviour::Quick, log),
        _ => Err(io::Error::other("usage: truth-server freeze|lognormal|quick LOG")),
    }
}

fn number(text: &str) -> io::Result<f64> {
    text.parse().map_err(io::Error::other)
}

fn plan(rate: f64, seconds: f64, seed: u64) -> io::Result<()> {
    let length = Duration::from_secs_f64(seconds);
    let stage = Stage { length, from: Rate(rate), to: Rate(rate), users: None, warmup: false };
    let load = Load { arrivals: ArrivalProcess::Poisson, seed, stages: vec![stage] };
    let mut text = String::new();
    for arrival in Arrivals::new(&load) {
        writeln!(text, "{}", arrival.at.0).expect("a String takes everything");
    }
    io::stdout().write_all(text.as_bytes())
}

fn serve(behaviour: Behaviour, log: &str) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?.port());
    let shared = Arc::new(Shared {
        behaviour,
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
    for (arrived, replied) in shared.log.lock().expect("no thread panics with the log").iter() {
        writeln!(out, "{} {}", since_1970(*arrived), since_1970(*replied))?;
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
        let thread = thread::Builder::new().stack_size(128 * 1024);
        // A broken connection is its client's affair.
        let _ = thread.spawn(move || converse(tcp, &shared));
    }
}

/// Answers the requests of one connection, one after the other.
fn converse(mut tcp: TcpStream, shared: &Shared) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    ask_for_stamps(&tcp)?;
    let length = BODY.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{BODY}"
    );
    while let Some(arrived) = next_request(&mut tcp)? {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        thread::sleep(shared.delay(number, arrived));
        let replied = SystemTime::now();
        tcp.write_all(answer.as_bytes())?;
        shared.log.lock().expect("no thread panics with the log").push((arrived, replied));
    }
    Ok(())
}

/// Reads a request without a body; when its last bytes arrived, or `None` at the end.
fn next_request(tcp: &mut TcpStream) -> io::Result<Option<SystemTime>> {
    let mut head = Vec::new();
    let mut buffer = [0; 4_096];
    while head.len() < MAX_HEAD {
        let (bytes, arrived) = receive(tcp, &mut buffer)?;
        head.extend_from_slice(&buffer[..bytes]);
        if head.ends_with(b"\r\n\r\n") {
            return Ok(Some(arrived));
        }
        if bytes == 0 {
            return Ok(None);
        }
    }
    Err(io::Error::other("a request that does not end"))
}

/// Reads, and says when the kernel received what it read.
#[cfg(target_os = "linux")]
fn receive(tcp: &mut TcpStream, buffer: &mut [u8]) -> io::Result<(usize, SystemTime)> {
    use std::os::fd::AsRawFd;

    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

    let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
    let mut slices = [io::IoSliceMut::new(buffer)];
    let fd = tcp.as_raw_fd();
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
