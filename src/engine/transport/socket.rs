//! A socket of any transport: bytes out, bytes and their stamps in; never waits.

use std::io;

use crate::engine::transport::clock::ReceiveClock;
use crate::engine::transport::endpoint::Endpoint;
#[cfg(test)]
use crate::engine::transport::simulated;
use crate::engine::transport::tcp::{Control, Received, Tcp};

/// A connection's socket.
#[derive(Debug)]
pub enum Socket {
    /// TCP.
    Tcp(Tcp),
    /// One of a test's own world.
    #[cfg(test)]
    Simulated(simulated::Socket),
}

impl Socket {
    /// Begins to connect.
    pub fn connect(address: &Endpoint, clock: ReceiveClock) -> io::Result<Socket> {
        match address {
            Endpoint::Tcp(address) => Tcp::connect(*address, clock).map(Socket::Tcp),
            #[cfg(test)]
            Endpoint::Simulated(world) => Ok(Socket::Simulated(world.connect(clock))),
        }
    }

    /// Whether the attempt to connect has succeeded; an error if it failed.
    pub fn is_connected(&self) -> io::Result<bool> {
        match self {
            Socket::Tcp(tcp) => tcp.is_connected(),
            #[cfg(test)]
            Socket::Simulated(socket) => socket.is_connected(),
        }
    }

    /// Whether the connection has been given up after the other side's answer that there is
    /// nobody.
    pub fn is_given_up(&self) -> bool {
        match self {
            Socket::Tcp(tcp) => tcp.is_given_up(),
            #[cfg(test)]
            Socket::Simulated(socket) => socket.is_given_up(),
        }
    }

    /// Bytes written that the other side has not acknowledged, `None` where nobody says.
    pub fn unacknowledged(&self) -> Option<usize> {
        match self {
            Socket::Tcp(tcp) => tcp.unacknowledged(),
            #[cfg(test)]
            Socket::Simulated(socket) => Some(socket.unacknowledged()),
        }
    }

    /// Writes what is taken at once.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(tcp) => tcp.write(bytes),
            #[cfg(test)]
            Socket::Simulated(socket) => Ok(socket.write(bytes)),
        }
    }

    /// Reads what is there.
    pub fn read(&mut self, buffer: &mut [u8], control: &mut Control) -> io::Result<Received> {
        match self {
            Socket::Tcp(tcp) => tcp.read(buffer, control),
            #[cfg(test)]
            Socket::Simulated(socket) => socket.read(buffer),
        }
    }
}

/// Whether an error only says that there is nothing to do yet.
pub fn is_not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
