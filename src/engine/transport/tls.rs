//! TLS on a TCP socket: plain bytes out and in, encrypted here.
//!
//! The session is sans-IO: it is fed with what the socket has and says what to write. A stamp of
//! plain bytes is that of the last encrypted bytes that were read for them. The handshake is part
//! of connecting.

use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, HandshakeKind};

use crate::engine::transport::clock::ReceiveClock;
use crate::engine::transport::tcp::{Control, Received, Tcp, is_not_yet};
use crate::tls::{Client, Refusal, agreed};

/// A session on a socket.
#[derive(Debug)]
pub struct Tls {
    tcp: Tcp,
    session: ClientConnection,
    /// Whether HTTP/2 is what was offered.
    is_http2: bool,
    /// When the socket was connected.
    since: Option<Instant>,
    /// The handshake, once it is over.
    handshake: Option<Handshake>,
    /// When the latest encrypted bytes arrived.
    arrived: Received,
    /// Plain bytes that lie in the session.
    unread: usize,
    /// Whether the socket may have more than was read.
    has_more: bool,
    /// Encrypted bytes of the exchange under way that the socket took.
    written: usize,
    /// How far the other side's stream is from its end.
    end: End,
}

/// The end of the other side's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It has not come.
    Open,
    /// The other side has said that nothing comes any more.
    Announced,
    /// It came without the word that it would.
    CutOff,
}

/// A handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshake {
    /// How long it took, from the connected socket on.
    pub took: Duration,
    /// Whether it went on with an earlier session.
    pub is_resumed: bool,
}

impl Tls {
    /// Begins to connect; does not wait.
    pub fn connect(
        ends: (SocketAddr, Option<IpAddr>),
        client: &Client,
        clock: ReceiveClock,
    ) -> io::Result<Tls> {
        let tcp = Tcp::connect(ends, clock)?;
        Ok(Tls {
            tcp,
            session: client.begin()?,
            is_http2: client.settings().is_http2,
            since: None,
            handshake: None,
            arrived: Received { bytes: 0, at: Instant::now(), lag: None },
            unread: 0,
            has_more: false,
            written: 0,
            end: End::Open,
        })
    }

    /// The socket itself.
    pub fn tcp(&mut self) -> &mut Tcp {
        &mut self.tcp
    }

    /// The same, to be asked.
    pub fn socket(&self) -> &Tcp {
        &self.tcp
    }

    /// Goes on with connecting and the handshake; whether both are over.
    pub fn is_connected(&mut self, control: &mut Control) -> io::Result<bool> {
        if self.since.is_none() {
            if !self.tcp.is_connected()? {
                return Ok(false);
            }
            self.since = Some(Instant::now());
        }
        self.flush()?;
        while self.session.is_handshaking() {
            match self.receive(control) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => self.flush()?,
                Err(error) if is_not_yet(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        agreed(self.is_http2, self.session.alpn_protocol())?;
        let took = self.since.map(|since| since.elapsed()).unwrap_or_default();
        let is_resumed = self.session.handshake_kind() == Some(HandshakeKind::Resumed);
        self.handshake.get_or_insert(Handshake { took, is_resumed });
        Ok(true)
    }

    /// The handshake, once it is over.
    pub fn handshake(&self) -> Option<Handshake> {
        self.handshake
    }

    /// An exchange begins: what is written from now on is its.
    pub fn begin(&mut self) {
        self.written = 0;
    }

    /// Encrypted bytes that the other side has not acknowledged, as far as it matters: whether it
    /// has acknowledged any of the exchange under way. `None` where the kernel does not say.
    pub fn unacknowledged(&self) -> Option<usize> {
        let open = self.tcp.unacknowledged()?;
        Some(if open >= self.written { usize::MAX } else { 0 })
    }

    /// Takes plain bytes, and writes what the kernel takes of them.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.session.writer().write(bytes)?;
        match self.flush() {
            Err(error) if self.written == 0 => Err(error),
            // Reading tells what became of it.
            _ if taken == 0 && !bytes.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(taken),
        }
    }

    /// Writes what the session has to say, as far as the kernel takes it.
    pub fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut Out(&mut self.tcp)) {
                Ok(written) => self.written += written,
                Err(error) if is_not_yet(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the session still has something to write.
    pub fn wants_write(&self) -> bool {
        self.session.wants_write()
    }

    /// Whether more may be there than was read: the end is something, too.
    pub fn has_more(&self) -> bool {
        self.has_more || self.unread > 0 || self.end == End::Announced
    }

    /// Whether the stream ended without the word that it would.
    pub fn is_cut_off(&self) -> bool {
        self.end == End::CutOff
    }

    /// Reads plain bytes that are there; does not wait.
    pub fn read(&mut self, buffer: &mut [u8], control: &mut Control) -> io::Result<Received> {
        loop {
            match self.session.reader().read(buffer) {
                Ok(bytes) => {
                    self.unread = self.unread.saturating_sub(bytes);
                    return Ok(Received { bytes, ..self.arrived });
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.end = End::CutOff;
                    return Ok(Received { bytes: 0, ..self.arrived });
                }
                Err(error) if is_not_yet(&error) => {}
                Err(error) => return Err(error),
            }
            self.receive(control)?;
            // What it has to say to that: that it takes a new key.
            self.flush()?;
        }
    }

    /// Looks at what came while nothing was asked for: tickets and new keys are taken. Whether it
    /// is anything else: bytes, the end, an error.
    pub fn is_disturbed(&mut self, control: &mut Control) -> bool {
        loop {
            if self.unread > 0 {
                return true;
            }
            match self.receive(control) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return !is_not_yet(&error),
            }
            if self.flush().is_err() {
                return true;
            }
        }
    }

    /// Feeds the session with what the socket has; how much, 0 at the end.
    fn receive(&mut self, control: &mut Control) -> io::Result<usize> {
        let mut source = In { tcp: &mut self.tcp, control, received: None, is_full: false };
        let read = self.session.read_tls(&mut source)?;
        let (received, is_full) = (source.received, source.is_full);
        self.arrived = received.unwrap_or(self.arrived);
        self.has_more = is_full;
        if read == 0 {
            return Ok(0);
        }
        match self.session.process_new_packets() {
            Ok(state) => {
                self.unread = state.plaintext_bytes_to_read();
                // The word that the stream ends: nothing comes behind it.
                if state.peer_has_closed() {
                    self.end = End::Announced;
                }
                Ok(if self.end == End::Announced && self.unread == 0 { 0 } else { read })
            }
            Err(error) => {
                // The other side is told why.
                let _ = self.flush();
                Err(Refusal::of(error).into())
            }
        }
    }
}

/// The socket as the session reads it.
struct In<'t> {
    tcp: &'t mut Tcp,
    control: &'t mut Control,
    received: Option<Received>,
    is_full: bool,
}

impl Read for In<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let received = self.tcp.read(buffer, self.control)?;
        self.received = Some(received);
        self.is_full = received.bytes == buffer.len();
        Ok(received.bytes)
    }
}

/// The socket as the session writes to it: all records of a flight at once.
struct Out<'t>(&'t mut Tcp);

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match pieces {
            // The usual case, for which the kernel has a shorter way.
            [piece] => self.0.write(piece),
            pieces => self.0.stream().write_vectored(pieces),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
