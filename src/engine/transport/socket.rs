//! A socket of any transport: bytes out, bytes and their stamps in; never waits.

use std::io;

use crate::engine::transport::clock::ReceiveClock;
use crate::engine::transport::endpoint::Endpoint;
#[cfg(test)]
use crate::engine::transport::simulated;
use crate::engine::transport::tcp::{Control, Received, Tcp};
use crate::engine::transport::tls::{Handshake, Tls};
use crate::engine::transport::unix::Unix;

/// A connection's socket.
#[derive(Debug)]
pub enum Socket {
    /// TCP.
    Tcp(Tcp),
    /// TLS on TCP.
    Tls(Box<Tls>),
    /// A socket file.
    Unix(Unix),
    /// One of a test's own world.
    #[cfg(test)]
    Simulated(simulated::Socket),
}

impl Socket {
    /// Begins to connect.
    pub fn connect(address: &mut Endpoint, clock: ReceiveClock) -> io::Result<Socket> {
        match address {
            Endpoint::Tcp(route) => Tcp::connect(route.take(), clock).map(Socket::Tcp),
            Endpoint::Tls(route, client) => {
                Tls::connect(route.take(), client, clock).map(Box::new).map(Socket::Tls)
            }
            Endpoint::Unix(path) => Unix::connect(path).map(Socket::Unix),
            #[cfg(test)]
            Endpoint::Simulated(world) => Ok(Socket::Simulated(world.connect(clock))),
        }
    }

    /// Whether it waits to be let in, and has to knock again; the poller hears nothing of it
    /// before.
    pub fn must_knock(&self) -> bool {
        match self {
            Socket::Tcp(_) | Socket::Tls(_) => false,
            Socket::Unix(unix) => !unix.is_connected(),
            #[cfg(test)]
            Socket::Simulated(_) => false,
        }
    }

    /// Knocks, if it must; whether it is let in.
    pub fn knock(&mut self) -> io::Result<bool> {
        match self {
            Socket::Tcp(_) | Socket::Tls(_) => Ok(true),
            Socket::Unix(unix) => unix.knock(),
            #[cfg(test)]
            Socket::Simulated(_) => Ok(true),
        }
    }

    /// Goes on with connecting, and with the handshake where there is one. Whether that has
    /// succeeded; an error if it failed.
    pub fn is_connected(&mut self, control: &mut Control) -> io::Result<bool> {
        match self {
            Socket::Tcp(tcp) => tcp.is_connected(),
            Socket::Tls(tls) => tls.is_connected(control),
            Socket::Unix(unix) => Ok(unix.is_connected()),
            #[cfg(test)]
            Socket::Simulated(socket) => socket.is_connected(),
        }
    }

    /// The handshake, where there was one and it is over.
    pub fn handshake(&self) -> Option<Handshake> {
        match self {
            Socket::Tcp(_) => None,
            Socket::Tls(tls) => tls.handshake(),
            Socket::Unix(_) => None,
            #[cfg(test)]
            Socket::Simulated(_) => None,
        }
    }

    /// Whether the connection has been given up after the other side's answer that there is
    /// nobody.
    pub fn is_given_up(&self) -> bool {
        match self {
            Socket::Tcp(tcp) => tcp.is_given_up(),
            Socket::Tls(tls) => tls.socket().is_given_up(),
            // Nobody says so here: who has closed is told at the next write.
            Socket::Unix(_) => false,
            #[cfg(test)]
            Socket::Simulated(socket) => socket.is_given_up(),
        }
    }

    /// Bytes written that the other side has not acknowledged, `None` where nobody says.
    pub fn unacknowledged(&self) -> Option<usize> {
        match self {
            Socket::Tcp(tcp) => tcp.unacknowledged(),
            Socket::Tls(tls) => tls.unacknowledged(),
            Socket::Unix(_) => None,
            #[cfg(test)]
            Socket::Simulated(socket) => Some(socket.unacknowledged()),
        }
    }

    /// An exchange begins.
    pub fn begin(&mut self) {
        match self {
            Socket::Tcp(_) | Socket::Unix(_) => {}
            Socket::Tls(tls) => tls.begin(),
            #[cfg(test)]
            Socket::Simulated(_) => {}
        }
    }

    /// Writes what it still holds of what it took.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Socket::Tcp(_) | Socket::Unix(_) => Ok(()),
            Socket::Tls(tls) => tls.flush(),
            #[cfg(test)]
            Socket::Simulated(_) => Ok(()),
        }
    }

    /// Whether it holds nothing of what it took.
    pub fn is_flushed(&self) -> bool {
        match self {
            Socket::Tcp(_) | Socket::Unix(_) => true,
            Socket::Tls(tls) => !tls.wants_write(),
            #[cfg(test)]
            Socket::Simulated(_) => true,
        }
    }

    /// Whether more may be there, after so many bytes were read where there was room for `room`.
    pub fn has_more(&self, bytes: usize, room: usize) -> bool {
        match self {
            Socket::Tcp(_) | Socket::Unix(_) => bytes == room,
            Socket::Tls(tls) => bytes == room || tls.has_more(),
            #[cfg(test)]
            Socket::Simulated(_) => bytes == room,
        }
    }

    /// Whether it ended without the word that it would, where there is one.
    pub fn is_cut_off(&self) -> bool {
        match self {
            Socket::Tcp(_) | Socket::Unix(_) => false,
            Socket::Tls(tls) => tls.is_cut_off(),
            #[cfg(test)]
            Socket::Simulated(_) => false,
        }
    }

    /// Something came while nothing was asked for: whether that is more than the transport's own
    /// affair.
    pub fn is_disturbed(&mut self, control: &mut Control) -> bool {
        match self {
            Socket::Tcp(_) | Socket::Unix(_) => true,
            Socket::Tls(tls) => tls.is_disturbed(control),
            #[cfg(test)]
            Socket::Simulated(_) => true,
        }
    }

    /// Writes what is taken at once.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(tcp) => tcp.write(bytes),
            Socket::Tls(tls) => tls.write(bytes),
            Socket::Unix(unix) => unix.write(bytes),
            #[cfg(test)]
            Socket::Simulated(socket) => Ok(socket.write(bytes)),
        }
    }

    /// Reads what is there.
    pub fn read(&mut self, buffer: &mut [u8], control: &mut Control) -> io::Result<Received> {
        match self {
            Socket::Tcp(tcp) => tcp.read(buffer, control),
            Socket::Tls(tls) => tls.read(buffer, control),
            Socket::Unix(unix) => unix.read(buffer),
            #[cfg(test)]
            Socket::Simulated(socket) => socket.read(buffer),
        }
    }
}
