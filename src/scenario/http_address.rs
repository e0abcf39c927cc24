//! Where an HTTP server is: a host and a port, or a socket file, and what precedes every path.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};

use super::limits::Limits;
use crate::tls;

/// How the address of a socket file begins.
pub const UNIX: &str = "unix:";
/// What the `Host` header of requests to a socket file says.
const HOST_OF_SOCKETS: &str = "localhost";

/// Whether a text is meant to be an address, and no file or folder.
pub fn is_url(text: &str) -> bool {
    text.contains("://") || text.starts_with(UNIX)
}

/// Where an HTTP server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// By TCP, where the system says that its host is.
    Named,
    /// By TCP, at one of these addresses, whatever the system says of its host.
    Pinned(Vec<IpAddr>),
    /// At a socket file of this machine.
    Socket(PathBuf),
}

/// The parts of `http://host:port/prefix`, of `https://`, or of `unix:/socket:/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAddress {
    /// A name or an IP address, without brackets; that of a socket file is `localhost`.
    pub host: String,
    /// The TCP port; that of a socket file is the usual one.
    pub port: u16,
    /// What precedes every path: empty, or `/api` without a slash at the end.
    pub prefix: String,
    /// How its sessions begin, if it speaks TLS.
    pub tls: Option<tls::Client>,
    /// Whether it is spoken to by HTTP/2.
    pub is_http2: bool,
    /// Where it is reached.
    pub place: Place,
    /// Addresses of this machine that small requests come from: the first of the family.
    pub from: Vec<IpAddr>,
}

impl HttpAddress {
    /// A plain server on a port of a host.
    pub fn plain(host: &str, port: u16) -> HttpAddress {
        let (host, prefix) = (host.to_owned(), String::new());
        let (place, from) = (Place::Named, Vec::new());
        HttpAddress { host, port, prefix, tls: None, is_http2: false, place, from }
    }

    /// The same, spoken to by TLS; it shows a certificate of these, in PEM.
    pub fn trusting(self, certificates: &[u8]) -> Result<HttpAddress, tls::Fault> {
        let ca = Some(certificates.to_vec());
        let client =
            tls::Client::new(tls::Settings { ca, ..tls::Settings::default() }, &self.host)?;
        Ok(HttpAddress { tls: Some(client), ..self })
    }

    /// What is said of TLS, if it speaks that.
    pub fn tls_settings(&self) -> Option<&tls::Settings> {
        self.tls.as_ref().map(tls::Client::settings)
    }

    /// Whether only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        let is_here = address.is_ok_and(|address| address.to_canonical().is_loopback());
        self.socket().is_some() || self.host == "localhost" || is_here
    }

    /// The same, spoken to by HTTP/2.
    #[must_use]
    pub fn by_http2(self) -> HttpAddress {
        let tls = self.tls.map(|client| client.offering_http2());
        HttpAddress { tls, is_http2: true, ..self }
    }

    /// Requests under way on one connection to it, if it is spoken to by HTTP/2.
    pub fn streams(&self, limits: &Limits) -> Option<u32> {
        self.is_http2.then_some(limits.streams)
    }

    /// A plain server at a socket file.
    pub fn at_socket(path: PathBuf) -> HttpAddress {
        HttpAddress { place: Place::Socket(path), ..HttpAddress::plain(HOST_OF_SOCKETS, 80) }
    }

    /// Its socket file, if it is reached by one.
    pub fn socket(&self) -> Option<&Path> {
        match &self.place {
            Place::Named | Place::Pinned(_) => None,
            Place::Socket(path) => Some(path),
        }
    }

    /// The addresses at which it is reached by TCP, in the system's order; asks the system where
    /// nobody has said them.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        match &self.place {
            Place::Named => {
                let mut found = Vec::new();
                for address in (self.host.as_str(), self.port).to_socket_addrs()? {
                    if !found.contains(&address) {
                        found.push(address);
                    }
                }
                Ok(found)
            }
            Place::Pinned(addresses) => {
                Ok(addresses.iter().map(|address| (*address, self.port).into()).collect())
            }
            Place::Socket(_) => Ok(Vec::new()),
        }
    }

    /// What a server is told that is to listen there: the port, or the whole path.
    pub fn listens_at(&self) -> String {
        match &self.place {
            Place::Named | Place::Pinned(_) => self.port.to_string(),
            Place::Socket(path) => {
                std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string()
            }
        }
    }

    /// The same for one of several servers that run beside each other: on its own port, or at a
    /// socket file beside this one.
    #[must_use]
    pub fn beside(&self, port: u16, name: &str) -> HttpAddress {
        match &self.place {
            Place::Named | Place::Pinned(_) => HttpAddress { port, ..self.clone() },
            Place::Socket(path) => {
                let mut path = path.clone().into_os_string();
                path.push(".");
                path.push(name);
                HttpAddress { place: Place::Socket(path.into()), ..self.clone() }
            }
        }
    }

    /// The scheme of its url.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    fn usual_port(&self) -> u16 {
        if self.tls.is_some() { 443 } else { 80 }
    }

    /// `host:port` as the `Host` header has it; IPv6 addresses in brackets.
    pub fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.usual_port() { host } else { format!("{host}:{}", self.port) }
    }

    /// Where it listens: `127.0.0.1:80`, or `unix:/run/app.sock`.
    pub fn listener(&self) -> String {
        match &self.place {
            Place::Named | Place::Pinned(_) if self.host.contains(':') => {
                format!("[{}]:{}", self.host, self.port)
            }
            Place::Named | Place::Pinned(_) => format!("{}:{}", self.host, self.port),
            Place::Socket(path) => format!("{UNIX}{}", path.display()),
        }
    }

    /// The url of a path, as people write it.
    pub fn url(&self, path: &str) -> String {
        match &self.place {
            Place::Named | Place::Pinned(_) => {
                format!("{}://{}{path}", self.scheme(), self.authority())
            }
            Place::Socket(_) if path.is_empty() => self.listener(),
            Place::Socket(_) => format!("{}:{path}", self.listener()),
        }
    }
}

impl fmt::Display for HttpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url(&self.prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_file_is_written_with_what_precedes_every_path() {
        let plain = HttpAddress::at_socket("/run/app.sock".into());
        assert_eq!(plain.to_string(), "unix:/run/app.sock");
        assert_eq!(plain.authority(), "localhost");
        let prefixed = HttpAddress { prefix: "/api".to_owned(), ..plain.clone() };
        assert_eq!(prefixed.to_string(), "unix:/run/app.sock:/api");
        assert_eq!(prefixed.url("/health"), "unix:/run/app.sock:/health");
        let beside = plain.beside(4_000, "baseline");
        assert_eq!(beside.listens_at(), "/run/app.sock.baseline");
    }

    #[test]
    fn a_host_of_version_six_stands_in_brackets() {
        let address = HttpAddress::plain("::1", 3_000);
        assert_eq!(address.to_string(), "http://[::1]:3000");
        assert_eq!((address.authority(), address.listener()), {
            ("[::1]:3000".to_owned(), "[::1]:3000".to_owned())
        });
        assert_eq!(address.beside(4_000, "baseline").listens_at(), "4000");
    }
}
