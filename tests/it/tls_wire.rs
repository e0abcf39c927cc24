//! A server of TLS that does what a test says, record by record: it makes sessions by the book,
//! reads requests of HTTP/1.1, and lets a script decide which encrypted bytes go out, and when.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::tls::Certificates;

/// So long a server waits for a client.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection, as a script sees it.
pub(crate) struct TlsWire {
    stream: TcpStream,
    session: ServerConnection,
    /// Requests on it so far, this one included.
    pub(crate) requests: usize,
    /// The body of the latest one.
    pub(crate) body: Vec<u8>,
}

impl TlsWire {
    /// The encrypted bytes of what the session has to say.
    fn pending(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.session.wants_write() {
            self.session.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    /// Plain bytes as records.
    pub(crate) fn records(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for piece in plain.chunks(16_000) {
            self.session.writer().write_all(piece).unwrap();
            bytes.extend(self.pending());
        }
        bytes
    }

    /// A demand for a new key, as a record, and our own new one.
    pub(crate) fn new_key(&mut self) -> Vec<u8> {
        self.session.refresh_traffic_keys().unwrap();
        self.pending()
    }

    /// The word that nothing comes any more, as a record.
    pub(crate) fn goodbye(&mut self) -> Vec<u8> {
        self.session.send_close_notify();
        self.pending()
    }

    /// Writes bytes as they are. A client that is gone wants nothing.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    pub(crate) fn say(&mut self, plain: &[u8]) {
        let bytes = self.records(plain);
        self.raw(&bytes);
    }

    /// A whole answer.
    pub(crate) fn answer(&mut self) {
        self.say(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    }

    pub(crate) fn half_close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    pub(crate) fn close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// The next plain bytes; nothing at the end.
    fn more(&mut self, into: &mut Vec<u8>) -> Option<()> {
        let mut piece = [0; 4_096];
        loop {
            match self.session.reader().read(&mut piece) {
                Ok(0) => return None,
                Ok(read) => {
                    into.extend(&piece[..read]);
                    return Some(());
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
            if self.session.read_tls(&mut self.stream).ok()? == 0 {
                return None;
            }
            self.session.process_new_packets().ok()?;
            let bytes = self.pending();
            self.raw(&bytes);
        }
    }

    /// The path of the next request, whose body is read as well.
    fn request(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more(&mut bytes)?;
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while bytes.len() < end + length {
            self.more(&mut bytes)?;
            // Slower than who sends, so that its buffers fill.
            if length > 0 {
                thread::sleep(Duration::from_micros(200));
            }
        }
        self.body = bytes.split_off(end);
        self.requests += 1;
        head.split(' ').nth(1).map(str::to_owned)
    }
}

/// What a server does with each request, by its path.
pub(crate) type Script = fn(&mut TlsWire, &str);

/// A server that runs until the test ends.
pub(crate) struct TlsServer {
    pub(crate) port: u16,
    connections: Arc<AtomicUsize>,
}

impl TlsServer {
    pub(crate) fn start(config: ServerConfig, script: Script) -> TlsServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (config, connections) = (Arc::new(config), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming().take(5_000).flatten() {
                counter.fetch_add(1, Ordering::SeqCst);
                let config = Arc::clone(&config);
                thread::spawn(move || serve(stream, config, script));
            }
        });
        TlsServer { port, connections }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, script: Script) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    stream.set_nodelay(true).ok()?;
    let session = ServerConnection::new(config).ok()?;
    let mut wire = TlsWire { stream, session, requests: 0, body: Vec::new() };
    loop {
        let path = wire.request()?;
        script(&mut wire, &path);
    }
}

/// A configuration with the certificate of the tests.
pub(crate) fn config(all: &Certificates, provider: rustls::crypto::CryptoProvider) -> ServerConfig {
    let chain = CertificateDer::pem_file_iter(all.path("server.pem")).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(all.path("server.key")).unwrap();
    ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap()
}

/// The same with what rustls does by itself.
pub(crate) fn usual(all: &Certificates) -> ServerConfig {
    config(all, ring::default_provider())
}
