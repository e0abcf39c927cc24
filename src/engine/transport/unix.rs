//! A socket file's connection: bytes out and in, on this machine.
//!
//! The kernel stamps nothing here, so bytes arrive when they are read. A server whose queue of
//! connections is full lets nobody in: a TCP client would not hear of that and wait, here the
//! kernel says so at once, and whoever wants in has to [`knock`](Unix::knock) again.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use mio::net::UnixStream;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockType, UnixAddr, connect, socket};

use crate::engine::transport::tcp::{CLOSED_IN_CHILDREN, Received};

/// A connection to a socket file.
#[derive(Debug)]
pub struct Unix {
    stream: UnixStream,
    path: Arc<Path>,
    is_connected: bool,
}

impl Unix {
    /// Begins to connect; does not wait.
    pub fn connect(path: &Arc<Path>) -> io::Result<Unix> {
        let opened = socket(AddressFamily::Unix, SockType::Stream, CLOSED_IN_CHILDREN, None)?;
        let stream = std::os::unix::net::UnixStream::from(opened);
        stream.set_nonblocking(true)?;
        let stream = UnixStream::from_std(stream);
        let mut unix = Unix { stream, path: Arc::clone(path), is_connected: false };
        unix.knock()?;
        Ok(unix)
    }

    /// Tries to get in, if it has not; whether it is.
    pub fn knock(&mut self) -> io::Result<bool> {
        if !self.is_connected {
            self.is_connected = match connect(self.stream.as_raw_fd(), &UnixAddr::new(&*self.path)?)
            {
                Ok(()) | Err(Errno::EISCONN) => true,
                Err(Errno::EAGAIN | Errno::EINTR) => false,
                Err(error) => return Err(error.into()),
            };
        }
        Ok(self.is_connected)
    }

    /// Whether it is connected.
    pub fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// For the poller, once it is connected.
    pub fn stream(&mut self) -> &mut UnixStream {
        &mut self.stream
    }

    /// Writes what the kernel takes; does not wait.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    /// Reads what is there; does not wait.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        let bytes = self.stream.read(buffer)?;
        Ok(Received { bytes, at: Instant::now(), lag: None })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use nix::sys::socket::{Backlog, SockFlag, bind, listen};

    use super::*;

    fn place(folder: &tempfile::TempDir) -> Arc<Path> {
        folder.path().join("s").into()
    }

    #[test]
    fn bytes_go_both_ways_without_stamps() {
        let folder = tempfile::tempdir().unwrap();
        let path = place(&folder);
        let listener = UnixListener::bind(&path).unwrap();
        let mut unix = Unix::connect(&path).unwrap();
        assert!(unix.is_connected());
        let (mut other, _) = listener.accept().unwrap();
        assert_eq!(unix.write(b"ask").unwrap(), 3);
        other.write_all(b"answer").unwrap();
        let received = unix.read(&mut [0; 10]).unwrap();
        assert_eq!((received.bytes, received.lag), (6, None));
        let empty = unix.read(&mut [0; 10]).map(|received| received.bytes);
        assert_eq!(empty.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn where_nobody_listens_it_is_an_error_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = place(&folder);
        assert_eq!(Unix::connect(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        drop(UnixListener::bind(&path).unwrap());
        let stale = Unix::connect(&path).unwrap_err();
        assert_eq!(stale.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_queue_lets_in_who_knocks_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = place(&folder);
        let opened =
            socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(opened.as_raw_fd(), &UnixAddr::new(&*path).unwrap()).unwrap();
        listen(&opened, Backlog::new(0).unwrap()).unwrap();
        let listener = UnixListener::from(opened);
        let first = Unix::connect(&path).unwrap();
        assert!(first.is_connected(), "the queue has room for one more than it says");
        let mut second = Unix::connect(&path).unwrap();
        assert!(!second.is_connected() && !second.knock().unwrap());
        let (_other, _) = listener.accept().unwrap();
        assert!(second.knock().unwrap() && second.is_connected());
    }
}
