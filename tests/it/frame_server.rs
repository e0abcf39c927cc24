//! A server of HTTP/2 frames that does what a test says, however wrong: it reads the frames of
//! a client and tells a script of each request.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// `:status: 200` of the static table.
pub(crate) const STATUS_200: &[u8] = &[0x88];

/// One connection, as a script sees it.
pub(crate) struct Wire {
    stream: TcpStream,
    /// Requests on it so far, this one included.
    pub(crate) requests: usize,
    /// Frames of each kind that have come.
    pub(crate) frames: Vec<(u8, u32)>,
}

impl Wire {
    /// Writes bytes as they are; whether they went out.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        // A client that is gone wants nothing.
        let _ = self.stream.write_all(bytes);
    }

    pub(crate) fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.raw(&frame(kind, flags, stream, payload));
    }

    /// The same connection for another thread.
    pub(crate) fn another(&self) -> Wire {
        let stream = self.stream.try_clone().expect("a descriptor");
        Wire { stream, requests: self.requests, frames: Vec::new() }
    }

    /// A whole answer.
    pub(crate) fn answer(&mut self, stream: u32) {
        let head = frame(HEADERS, END_HEADERS, stream, STATUS_200);
        self.raw(&[head, frame(DATA, END_STREAM, stream, b"ok")].concat());
    }

    /// Takes no stream beyond one.
    pub(crate) fn go_away(&mut self, last: u32) {
        self.frame(GOAWAY, 0, 0, &[last.to_be_bytes(), [0; 4]].concat());
    }

    pub(crate) fn reset(&mut self, stream: u32, code: u32) {
        self.frame(RST_STREAM, 0, stream, &code.to_be_bytes());
    }

    /// Ends the connection both ways.
    pub(crate) fn close(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    fn read(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).ok().map(|()| bytes)
    }
}

/// The bytes of a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header field as it is, without an index.
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0x10];
    for text in [name, value] {
        // An integer with a prefix of seven bits.
        let mut rest = text.len();
        if rest < 127 {
            bytes.push(rest as u8);
        } else {
            bytes.push(127);
            rest -= 127;
            while rest >= 128 {
                bytes.push((rest % 128) as u8 | 128);
                rest /= 128;
            }
            bytes.push(rest as u8);
        }
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// What happens on a connection.
pub(crate) trait Script: Send + Sync + 'static {
    /// The client has connected and said its preface.
    fn begins(&self, wire: &mut Wire) {
        wire.frame(SETTINGS, 0, 0, &[]);
    }

    /// A request, with the number of its stream.
    fn asked(&self, wire: &mut Wire, stream: u32);
}

impl<F: Fn(&mut Wire, u32) + Send + Sync + 'static> Script for F {
    fn asked(&self, wire: &mut Wire, stream: u32) {
        self(wire, stream);
    }
}

/// A server that runs until the test ends.
pub(crate) struct FrameServer {
    pub(crate) port: u16,
    connections: Arc<AtomicUsize>,
    /// All frames of all connections that have ended or not.
    seen: Arc<Mutex<Vec<(u8, u32)>>>,
}

impl FrameServer {
    pub(crate) fn start(script: impl Script) -> FrameServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (counter, log) = (Arc::clone(&connections), Arc::clone(&seen));
        let script = Arc::new(script);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::SeqCst);
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                std::thread::spawn(move || serve(stream, &*script, &log));
            }
        });
        FrameServer { port, connections, seen }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Frames of a kind that clients have sent.
    pub(crate) fn seen(&self, kind: u8) -> usize {
        let seen = self.seen.lock().expect("nobody panics with it");
        seen.iter().filter(|(found, _)| *found == kind).count()
    }
}

fn serve(stream: TcpStream, script: &dyn Script, log: &Mutex<Vec<(u8, u32)>>) -> Option<()> {
    let timeout = Some(Duration::from_secs(60));
    stream.set_read_timeout(timeout).ok()?;
    stream.set_write_timeout(timeout).ok()?;
    stream.set_nodelay(true).ok()?;
    let mut wire = Wire { stream, requests: 0, frames: Vec::new() };
    let preface = wire.read(24)?;
    assert!(preface.starts_with(b"PRI * HTTP/2.0"), "no HTTP/2");
    script.begins(&mut wire);
    loop {
        let head = wire.read(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        wire.read(length)?;
        wire.frames.push((kind, stream));
        log.lock().expect("nobody panics with it").push((kind, stream));
        match kind {
            SETTINGS if flags & 1 == 0 => wire.frame(SETTINGS, 1, 0, &[]),
            HEADERS => {
                wire.requests += 1;
                script.asked(&mut wire, stream);
            }
            _ => {}
        }
    }
}
